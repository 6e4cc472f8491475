//! Reads a drill file.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{
    Action, BUILT_IN_STEPS, CountRange, Drill, Expectations, Operation, SOMETIMES, Step, Workload,
    WorkloadSource,
};
use crate::error::{ConfigError, suggestion};
use crate::fault::{
    Direction, ERROR_CODES, FAULTS, Fault, FaultSpec, LinkEnd, ParamKind, ParamValue, Pick,
    Selector, Target, TargetKind, fault_spec,
};
use crate::source::{Source, Table, Value};
use crate::topology::{place, time_scale};

pub(super) fn parse(text: &str, origin: &str) -> Result<Drill, ConfigError> {
    Source::new(origin, text).read(|root| {
        root.known(&[
            "version",
            "name",
            "title",
            "description",
            "hypothesis",
            "tags",
            "seed",
            "topology",
            "time_scale",
            "duration",
            "settle",
            "deadline",
            "allow_data_loss",
            "workload",
            "step",
            "expect",
        ])?;
        let version = root.required("version", |v| v.integer(1..=1))?;
        let duration = root.required("duration", Value::duration)?;
        let settle = root.optional("settle", Value::duration)?.unwrap_or(Duration::from_secs(30));
        let deadline = root.optional("deadline", |v| deadline(v, duration + settle))?;
        let workloads = workloads(root)?;
        let allow_data_loss = root.optional("allow_data_loss", Value::boolean)?.unwrap_or(false);
        let (steps, lines) = steps(root, duration, allow_data_loss)?;
        Ok(Drill {
            version,
            name: root.required("name", Value::string)?,
            title: root.required("title", Value::string)?,
            description: root.optional("description", Value::string)?.unwrap_or_default(),
            hypothesis: root.required("hypothesis", Value::string)?,
            tags: root.optional("tags", Value::strings)?.unwrap_or_default(),
            seed: root.optional("seed", seed)?.flatten(),
            topology: root
                .optional("topology", Value::string)?
                .unwrap_or_else(|| "ha-dr".to_owned()),
            time_scale: root.optional("time_scale", time_scale)?,
            duration,
            settle,
            deadline: deadline.unwrap_or((duration + settle) * 2),
            allow_data_loss,
            workloads,
            steps,
            expect: root.optional("expect", expectations)?.unwrap_or_default(),
            lines,
            origin: origin.to_owned(),
        })
    })
}

/// A number, or `"random"`, which leaves the draw to the runner.
fn seed(value: &Value<'_>) -> Result<Option<u64>, ConfigError> {
    if value.is_str() {
        return value.one_of(&[("random", None)]);
    }
    value.integer(0..=i64::MAX as u64).map(Some)
}

fn deadline(value: &Value<'_>, least: Duration) -> Result<Duration, ConfigError> {
    match value.duration()? {
        deadline if deadline >= least => Ok(deadline),
        _ => Err(value.error("\"deadline\" is before the end of duration and settle")),
    }
}

fn workloads(root: &Table<'_>) -> Result<Vec<Workload>, ConfigError> {
    let mut workloads: Vec<Workload> = Vec::new();
    for table in root.tables("workload")? {
        let workload = workload(&table)?;
        if workloads.iter().any(|w| w.name == workload.name) {
            return Err(table.error(format!("workload \"{}\" is defined twice", workload.name)));
        }
        workloads.push(workload);
    }
    if workloads.is_empty() {
        return Err(root.error("a drill needs a [[workload]]: without calls nothing is seen"));
    }
    Ok(workloads)
}

fn workload(table: &Table<'_>) -> Result<Workload, ConfigError> {
    table.known(&["name", "group", "client", "external", "command", "threads", "mix", "rate"])?;
    let external = table.optional("external", Value::boolean)?.unwrap_or(false);
    let foreign: &[&str] = if external { &["threads", "mix", "rate"] } else { &["command"] };
    for key in foreign {
        if let Some(value) = table.get(key) {
            let kind = if external { "an external" } else { "the drill's own" };
            return Err(value.error(format!("\"{key}\" has no meaning for {kind} workload")));
        }
    }
    let source = if external {
        let command = table.optional("command", Value::strings)?.unwrap_or_default();
        WorkloadSource::External { command }
    } else {
        WorkloadSource::Threads {
            threads: table.optional("threads", |v| v.integer(1..=1024))?.unwrap_or(4),
            mix: table.required("mix", mix)?,
            rate: table.optional("rate", rate)?,
        }
    };
    Ok(Workload {
        name: table.required("name", Value::string)?,
        group: table.optional("group", Value::string)?,
        client: table.optional("client", |v| place(&v.table()?))?,
        source,
    })
}

fn mix(value: &Value<'_>) -> Result<Vec<(Operation, u32)>, ConfigError> {
    let weight = |(name, weight): &(&str, Value<'_>)| {
        let operation = Operation::ALL.iter().find(|(word, _)| word == name).ok_or_else(|| {
            let hint = suggestion(name, Operation::ALL.iter().map(|(word, _)| *word));
            weight.error(format!("there is no operation \"{name}\"; {hint}"))
        })?;
        Ok((operation.1, weight.integer(1..=1_000_000)?))
    };
    let mix: Vec<_> =
        value.table()?.entries().iter().map(weight).collect::<Result<_, ConfigError>>()?;
    if mix.is_empty() {
        return Err(value.error("\"mix\" names no operation"));
    }
    Ok(mix)
}

/// Calls a second, written `"400/s"`.
fn rate(value: &Value<'_>) -> Result<f64, ConfigError> {
    value
        .str()?
        .strip_suffix("/s")
        .and_then(|n| n.trim().parse::<f64>().ok())
        .filter(|n| *n > 0.0 && *n <= 1e6)
        .ok_or_else(|| value.error("\"rate\" is a number of calls a second: \"400/s\""))
}

type Steps = (Vec<Step>, BTreeMap<usize, (usize, usize)>);

fn steps(
    root: &Table<'_>,
    duration: Duration,
    allow_data_loss: bool,
) -> Result<Steps, ConfigError> {
    let mut read: Vec<(Step, Table<'_>)> = Vec::new();
    for table in root.tables("step")? {
        read.push((step(&table, duration, allow_data_loss)?, table));
    }
    // Stable: steps of the same moment keep the order of the file.
    read.sort_by_key(|(step, _)| step.at);
    let mut steps: Vec<Step> = Vec::new();
    let mut lines = BTreeMap::new();
    for (index, (mut step, table)) in read.into_iter().enumerate() {
        if steps.iter().any(|s| s.name == step.name) {
            if table.get("name").is_some() {
                return Err(table.error(format!("step \"{}\" is defined twice", step.name)));
            }
            step.name = format!("{} #{}", step.name, index + 1);
        }
        if let Action::Heal { step: healed } = &step.action {
            can_be_healed(healed, &steps).map_err(|message| table.error(message))?;
        }
        lines.insert(index, table.position());
        steps.push(step);
    }
    Ok((steps, lines))
}

fn can_be_healed(name: &str, before: &[Step]) -> Result<(), String> {
    let lasting = before.iter().filter(|s| match &s.action {
        Action::Fault(fault) => fault.spec.lasts,
        _ => false,
    });
    let names: Vec<&str> = lasting.map(|s| s.name.as_str()).collect();
    if names.contains(&name) {
        return Ok(());
    }
    match names.is_empty() {
        true => Err(format!("no lasting fault comes before this step, so none is \"{name}\"")),
        false => Err(format!(
            "no lasting fault before this step is called \"{name}\"; {}",
            suggestion(name, names.iter().copied())
        )),
    }
}

fn step(table: &Table<'_>, duration: Duration, allow_data_loss: bool) -> Result<Step, ConfigError> {
    let what = table.required("do", Value::str)?;
    let action = match fault_spec(what) {
        Some(spec) if spec.destroys_keys && !allow_data_loss => {
            return Err(table.error(format!(
                "{what} destroys keys; a drill that means it says allow_data_loss = true"
            )));
        }
        Some(spec) => Action::Fault(fault(table, spec)?),
        None => built_in(table, what)?,
    };
    let at = table.required("at", |v| match v.duration()? {
        at if at <= duration => Ok(at),
        _ => Err(v.error("this step comes after the end of the drill (\"duration\")")),
    })?;
    let name = table.optional("name", Value::string)?.unwrap_or_else(|| what.to_owned());
    Ok(Step { name, at, action })
}

fn built_in(table: &Table<'_>, what: &str) -> Result<Action, ConfigError> {
    const COMMON: [&str; 3] = ["name", "at", "do"];
    let known = |own: &[&str]| table.known(&[&COMMON, own].concat());
    let group = || table.optional("group", Value::string);
    match what {
        "heal" => {
            known(&["step"])?;
            Ok(Action::Heal { step: table.required("step", Value::string)? })
        }
        "heal_all" => known(&[]).map(|()| Action::HealAll),
        "wait" => known(&[]).map(|()| Action::Wait),
        "mark" => {
            known(&["text"])?;
            Ok(Action::Mark { text: table.required("text", Value::string)? })
        }
        "ha.recover" => {
            known(&["group"])?;
            Ok(Action::Recover { group: group()? })
        }
        "ha.synchronize" => {
            known(&["group"])?;
            Ok(Action::Synchronize { group: group()? })
        }
        _ => {
            let names = FAULTS.iter().map(|f| f.id).chain(BUILT_IN_STEPS);
            let message =
                format!("there is no fault or step \"{what}\"; {}", suggestion(what, names));
            Err(table.required("do", |v| Ok(v.error(message)))?)
        }
    }
}

fn fault(table: &Table<'_>, spec: &'static FaultSpec) -> Result<Fault, ConfigError> {
    let mut known = vec!["name", "at", "do", "target", "for"];
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
    table.known(&["group", "pick", "region"])?;
    Ok(Selector {
        group: table.optional("group", Value::string)?,
        region: table.optional("region", Value::region)?,
        pick: table.required("pick", |v| v.one_of(&Pick::ALL))?,
    })
}

fn expectations(value: &Value<'_>) -> Result<Expectations, ConfigError> {
    let table = value.table()?;
    table.known(&[
        "stall_max",
        "error_window_max",
        "rto_max",
        "lost_keys_max",
        "unknown_max",
        "codes_permitted",
        "failovers",
        "sometimes",
    ])?;
    let time = |key| table.optional(key, Value::duration);
    let count = |key| table.optional(key, |v| v.integer(0..=u64::MAX));
    Ok(Expectations {
        stall_max: time("stall_max")?,
        error_window_max: time("error_window_max")?,
        rto_max: time("rto_max")?,
        lost_keys_max: count("lost_keys_max")?.unwrap_or(0),
        unknown_max: count("unknown_max")?,
        codes_permitted: table.optional("codes_permitted", codes)?,
        failovers: table.optional("failovers", count_range)?,
        sometimes: table.optional("sometimes", sometimes)?.unwrap_or_default(),
    })
}

/// Return codes by name; vendor codes too, so only the prefix is checked.
fn codes(value: &Value<'_>) -> Result<Vec<String>, ConfigError> {
    let code = |v: &Value<'_>| match v.str()? {
        code if code.starts_with("CKR_") && code != "CKR_OK" => Ok(code.to_owned()),
        other => Err(v.error(format!("\"{other}\" is no code of a failed call (CKR_…)"))),
    };
    value.array()?.iter().map(code).collect()
}

fn count_range(value: &Value<'_>) -> Result<CountRange, ConfigError> {
    let text = value.str()?;
    let range = match text.split_once("..") {
        None => text.parse().ok().map(|n| CountRange { min: n, max: Some(n) }),
        Some((min, "")) => min.parse().ok().map(|min| CountRange { min, max: None }),
        Some((min, max)) => min
            .parse()
            .ok()
            .zip(max.parse().ok())
            .map(|(min, max)| CountRange { min, max: Some(max) }),
    };
    range.filter(|r| r.max.is_none_or(|max| r.min <= max)).ok_or_else(|| {
        value.error(format!("\"{text}\" is not a count or a range: \"2\", \"1..2\", \"1..\""))
    })
}

fn sometimes(value: &Value<'_>) -> Result<Vec<&'static str>, ConfigError> {
    let words = SOMETIMES.map(|(word, _)| (word, word));
    value.array()?.iter().map(|v| v.one_of(&words)).collect()
}
