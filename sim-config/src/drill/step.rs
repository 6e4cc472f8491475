//! Reads `[[step]]`: what is done, to what, and when.

use std::collections::BTreeMap;
use std::time::Duration;

use super::expect::BEHIND;
use super::keys::{Key, SELECTOR, START, WHEN, actions, names};
use super::{Action, Administration, BUILT_IN_STEPS, Condition, SOMETIMES, Start, Step, plan};
use crate::call_fault::CallFault;
use crate::error::{ConfigError, suggestion};
use crate::fault::{
    Direction, ERROR_CODES, Fault, FaultSpec, LinkEnd, ParamKind, ParamValue, Pick, Selector,
    Target, TargetKind, fault_spec,
};
use crate::source::{Table, Value};
use crate::topology::DeviceId;

/// How long a program of a `run` step may take if the file says nothing.
const RUN_TIMEOUT: Duration = Duration::from_secs(60);

pub(super) type Steps = (Vec<Step>, BTreeMap<usize, (usize, usize)>);

pub(super) fn steps(
    root: &Table<'_>,
    duration: Duration,
    allow_data_loss: bool,
) -> Result<Steps, ConfigError> {
    let reader = Reader { duration, allow_data_loss };
    let mut read: Vec<(Step, Table<'_>)> = Vec::new();
    for table in root.tables("step")? {
        if table.get("parallel").is_some() {
            read.extend(reader.group(&table)?);
        } else {
            let start = reader.start(&table)?;
            read.push((reader.step(&table, &names(&START), start, None)?, table));
        }
    }
    named_once(&mut read)?;
    plan::set_times(&mut read, duration)?;
    // Stable: steps of the same moment keep the order of the file.
    read.sort_by_key(|(step, _)| step.at);
    for (index, (step, table)) in read.iter().enumerate() {
        if let Action::Heal { step: healed } = &step.action {
            can_be_healed(healed, &read, index).map_err(|message| table.error(message))?;
        }
    }
    let lines = read.iter().enumerate().map(|(index, (_, table))| (index, table.position()));
    let lines = lines.collect();
    Ok((read.into_iter().map(|(step, _)| step).collect(), lines))
}

/// Steps without a name are told apart by their number in the order of time.
fn named_once(read: &mut [(Step, Table<'_>)]) -> Result<(), ConfigError> {
    let groups: Vec<String> = read.iter().filter_map(|(step, _)| step.group.clone()).collect();
    let mut order: Vec<usize> = (0..read.len()).collect();
    order.sort_by_key(|&index| read[index].0.at);
    let mut taken: Vec<String> = Vec::new();
    for (number, index) in order.into_iter().enumerate() {
        let (step, table) = &mut read[index];
        if taken.contains(&step.name) || groups.contains(&step.name) {
            if table.get("name").is_some() {
                return Err(table.error(format!("step \"{}\" is defined twice", step.name)));
            }
            step.name = format!("{} #{}", step.name, number + 1);
        }
        taken.push(step.name.clone());
    }
    Ok(())
}

/// Whether a step can end what it names: a lasting fault, or a group with one, which does not certainly
/// come later.
fn can_be_healed(name: &str, all: &[(Step, Table<'_>)], index: usize) -> Result<(), String> {
    let timed = |step: &Step| step.start == Start::At;
    let heal = &all[index].0;
    let comes_before = |at: usize, step: &Step| at < index || !timed(step) || !timed(heal);
    let lasting = |step: &Step| match &step.action {
        Action::Fault(fault) => fault.spec.lasts,
        Action::CallFault { .. } => true,
        _ => false,
    };
    let mut known: Vec<&str> = Vec::new();
    for (at, (step, _)) in all.iter().enumerate() {
        if lasting(step) && comes_before(at, step) {
            known.push(&step.name);
            known.extend(step.group.as_deref());
        }
    }
    if known.contains(&name) {
        return Ok(());
    }
    match known.is_empty() {
        true => Err(format!("no lasting fault comes before this step, so none is \"{name}\"")),
        false => Err(format!(
            "no lasting fault before this step is called \"{name}\"; {}",
            suggestion(name, known.iter().copied())
        )),
    }
}

/// What all steps of a file are read with.
struct Reader {
    duration: Duration,
    allow_data_loss: bool,
}

impl Reader {
    /// The steps of a parallel group, which start together.
    fn group<'a>(&self, table: &Table<'a>) -> Result<Vec<(Step, Table<'a>)>, ConfigError> {
        let mut known = names(&START);
        known.push("parallel");
        table.known(&known)?;
        let name = table.required("name", Value::string)?;
        let start = self.start(table)?;
        let mut steps = Vec::new();
        for member in table.tables("parallel")? {
            let step = self.step(&member, &["name"], start.clone(), Some(&name))?;
            steps.push((step, member));
        }
        match steps.is_empty() {
            true => Err(table.error(format!("the parallel group \"{name}\" has no step"))),
            false => Ok(steps),
        }
    }

    /// When a step begins; `at` is known at once, the rest when all steps are.
    fn start(&self, table: &Table<'_>) -> Result<(Start, Duration), ConfigError> {
        let said: Vec<&str> =
            ["at", "after", "when"].into_iter().filter(|key| table.get(key).is_some()).collect();
        let delay = table.optional("delay", Value::duration)?;
        match said[..] {
            ["at"] => {
                let late = |v: &Value<'_>| match v.duration()? {
                    at if at <= self.duration => Ok(at),
                    _ => Err(v.error("this step comes after the end of the drill (\"duration\")")),
                };
                if let Some(value) = table.get("delay") {
                    return Err(
                        value.error("\"delay\" goes with \"after\" or \"when\", not with \"at\"")
                    );
                }
                Ok((Start::At, table.required("at", late)?))
            }
            ["after"] => {
                let step = table.required("after", Value::string)?;
                Ok((Start::After { step, delay: delay.unwrap_or_default() }, Duration::ZERO))
            }
            ["when"] => {
                let start = table.required("when", |v| self.when(v, delay.unwrap_or_default()))?;
                Ok((start, Duration::ZERO))
            }
            [] => Err(table.error("a step needs the key \"at\", \"after\" or \"when\"")),
            _ => {
                let said = said.join("\" and \"");
                Err(table.error(format!("\"{said}\" both say when this step begins")))
            }
        }
    }

    fn when(&self, value: &Value<'_>, delay: Duration) -> Result<Start, ConfigError> {
        let words = SOMETIMES.map(|(word, _)| (word, word));
        let event = |v: &Value<'_>| match v.one_of(&words)? {
            BEHIND => Err(v.error(format!("only the end of a run tells of {BEHIND}"))),
            word => Ok(word),
        };
        if value.is_str() {
            let event = event(value)?;
            return Ok(Start::When { event, count: 1, within: self.duration, delay });
        }
        let table = value.table()?;
        table.known(&names(&WHEN))?;
        Ok(Start::When {
            event: table.required("event", event)?,
            count: table.optional("count", |v| v.integer(1..=1_000_000))?.unwrap_or(1),
            within: table
                .optional("within", |v| match v.duration()? {
                    within if within <= self.duration => Ok(within),
                    _ => Err(v.error("\"within\" is after the end of the drill (\"duration\")")),
                })?
                .unwrap_or(self.duration),
            delay,
        })
    }

    fn step(
        &self,
        table: &Table<'_>,
        common: &[&str],
        (start, at): (Start, Duration),
        group: Option<&str>,
    ) -> Result<Step, ConfigError> {
        let what = table.required("do", Value::str)?;
        let action = match fault_spec(what) {
            Some(spec) if spec.destroys_keys && !self.allow_data_loss => {
                return Err(table.error(format!(
                    "{what} destroys keys; a drill that means it says allow_data_loss = true"
                )));
            }
            Some(spec) => Action::Fault(fault(table, common, spec)?),
            None if ["device.replace", "partition.init"].contains(&what)
                && !self.allow_data_loss =>
            {
                return Err(table.error(format!(
                    "{what} takes away what the device holds; a drill that means it says \
                     allow_data_loss = true",
                )));
            }
            None => built_in(table, common, what)?,
        };
        let name = table.optional("name", Value::string)?.unwrap_or_else(|| what.to_owned());
        Ok(Step { name, group: group.map(str::to_owned), start, at, action })
    }
}

fn built_in(table: &Table<'_>, common: &[&str], what: &str) -> Result<Action, ConfigError> {
    let Some((_, keys, _)) = BUILT_IN_STEPS.iter().find(|(word, ..)| *word == what) else {
        let message =
            format!("there is no fault or step \"{what}\"; {}", suggestion(what, actions()));
        return Err(table.required("do", |v| Ok(v.error(message)))?);
    };
    let keys: &[Key] = keys;
    table.known(&[common, &["do"], &names(keys)].concat())?;
    let group = || table.optional("group", Value::string);
    let device = || table.required("device", |v| Ok(DeviceId::new(v.str()?)));
    Ok(match what {
        "call.fault" => Action::CallFault {
            fault: table.required("call", |v| CallFault::table(&v.table()?).map(Box::new))?,
            duration: table.optional("for", Value::duration)?,
        },
        "heal" => Action::Heal { step: table.required("step", Value::string)? },
        "heal_all" => Action::HealAll,
        "mark" => Action::Mark { text: table.required("text", Value::string)? },
        "ha.recover" => Action::Recover { group: group()? },
        "ha.synchronize" => Action::Synchronize { group: group()? },
        "device.replace" => Action::Administer(Administration::Replace { device: device()? }),
        "device.activate" => Action::Administer(Administration::Activate { device: device()? }),
        "partition.init" => {
            Action::Administer(Administration::InitPartitions { device: device()? })
        }
        "role.init" => Action::Administer(Administration::InitOfficer { group: group()? }),
        "snapshot" => Action::Snapshot,
        "assert" => Action::Assert { that: table.required("that", conditions)? },
        "run" => Action::Run {
            command: table.required("command", |v| match v.strings()? {
                words if words.is_empty() => Err(v.error("\"command\" names no program")),
                words => Ok(words),
            })?,
            timeout: table.optional("timeout", Value::duration)?.unwrap_or(RUN_TIMEOUT),
        },
        _ => Action::Wait { length: table.optional("for", Value::duration)? },
    })
}

/// Conditions as texts; a list of none would hold always.
pub(super) fn conditions(value: &Value<'_>) -> Result<Vec<Condition>, ConfigError> {
    let one = |v: &Value<'_>| v.place(Condition::parse(v.str()?));
    match value.array()?.iter().map(one).collect::<Result<Vec<_>, _>>()? {
        none if none.is_empty() => Err(value.error("there is no condition in this list")),
        conditions => Ok(conditions),
    }
}

fn fault(
    table: &Table<'_>,
    common: &[&str],
    spec: &'static FaultSpec,
) -> Result<Fault, ConfigError> {
    let mut known = [common, &["do", "target", "for"]].concat();
    known.extend(spec.params.iter().map(|p| p.name));
    table.known(&known)?;
    let target = table.required("target", |v| target(v, spec))?;
    let duration = table.optional("for", |v| match v.duration()? {
        _ if !spec.lasts => Err(v.error(format!("{} does not last: remove \"for\"", spec.id))),
        duration => Ok(duration),
    })?;
    let mut params = BTreeMap::new();
    for param in spec.params {
        let value = table.optional(param.name, |v| match param.kind {
            ParamKind::Duration => v.duration().map(ParamValue::Duration),
            ParamKind::Direction => v.one_of(&Direction::ALL).map(ParamValue::Direction),
            ParamKind::Probability => {
                let value = v.float()?;
                let value = crate::fault::parse::probability(param.name, Some(value))
                    .map_err(|e| v.error(e.message()));
                value.map(ParamValue::Probability)
            }
            ParamKind::Count => v.integer(0..=u64::MAX).map(ParamValue::Count),
            ParamKind::Code => v.one_of(&ERROR_CODES).map(ParamValue::Code),
            ParamKind::Mechanisms => {
                let names = crate::fault::parse::mechanisms(param.name, v.str()?)
                    .map_err(|e| v.error(e.message()));
                names.map(ParamValue::Mechanisms)
            }
            ParamKind::Word(words) => {
                v.one_of(&crate::fault::parse::pairs(words)).map(ParamValue::Word)
            }
        })?;
        if let Some(value) = value {
            params.insert(param.name, value);
        }
    }
    Fault::assemble(spec, target, duration, params).map_err(|e| table.error(e.message()))
}

/// A target as text, or as a table: `{ group, pick, region }`, and `{ from, to }` for links.
fn target(value: &Value<'_>, spec: &FaultSpec) -> Result<Target, ConfigError> {
    if value.is_str() {
        let target = value.place(Target::parse(spec.target, value.str()?))?;
        return value.place(target.fits(spec)).map(|()| target);
    }
    let table = value.table()?;
    if spec.target == TargetKind::Link && table.get("from").is_some() {
        table.known(&["from", "to"])?;
        let from = table.required("from", link_end)?;
        return Ok(Target::Link { from, to: table.optional("to", link_end)? });
    }
    let members = selector(&table)?;
    match spec.target {
        TargetKind::Link => Ok(Target::Link { from: LinkEnd::Members(members), to: None }),
        TargetKind::Device => Ok(Target::Members(members)),
        kind => Err(value.error(format!("{} strikes a {kind}: name it", spec.id))),
    }
}

fn link_end(value: &Value<'_>) -> Result<LinkEnd, ConfigError> {
    if value.is_str() {
        return value.place(LinkEnd::parse(value.str()?));
    }
    selector(&value.table()?).map(LinkEnd::Members)
}

fn selector(table: &Table<'_>) -> Result<Selector, ConfigError> {
    table.known(&names(&SELECTOR))?;
    Ok(Selector {
        group: table.optional("group", Value::string)?,
        region: table.optional("region", Value::region)?,
        pick: table.required("pick", pick)?,
    })
}

/// A word, a number of members, or a part of them.
fn pick(value: &Value<'_>) -> Result<Pick, ConfigError> {
    match value.is_str() {
        true => value.place(Pick::parse(value.str()?)),
        false => value.integer(1..=u16::MAX).map(Pick::Count),
    }
}
