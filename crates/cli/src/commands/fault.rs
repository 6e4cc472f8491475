//! `hsmsim fault`: faults by hand, from the one table of faults.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    io::{Write, stdout},
    time::Duration,
};

use hsmsim_cluster::Cluster;
use hsmsim_sim_config::{Aspect, Choose, DeviceId, Drill, FAULTS, Fault, parse_duration};

use crate::{
    context::Context,
    failure::{Failure, Outcome},
    text::{counted, wrap},
};

/// How long requests are counted to find the busiest device.
const BUSY_WHILE: Duration = Duration::from_millis(200);

#[derive(clap::Subcommand)]
pub(crate) enum Args {
    /// Set a fault; `hsmsim fault kinds` lists them
    Add {
        /// Which fault, such as device.power_loss
        fault: String,
        /// What it strikes: a device, a region, eastus/stamp1, client:hsm-eus-1, /busiest, /one, /50%
        target: String,
        /// How long it lasts, in drill time; until it is healed if not given
        #[arg(long = "for", value_name = "DURATION")]
        duration: Option<String>,
        /// Parameters of the fault
        #[arg(value_name = "KEY=VALUE")]
        params: Vec<String>,
    },
    /// List the faults that strike now
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// End a fault, or all
    Heal {
        /// Its number
        #[arg(required_unless_present = "all")]
        id: Option<u64>,
        /// End every fault
        #[arg(long)]
        all: bool,
    },
    /// List the kinds of faults, their targets and parameters
    Kinds {
        /// As the page of the documentation
        #[arg(long)]
        markdown: bool,
    },
}

pub(crate) fn run(context: &Context, args: &Args) -> Outcome {
    match args {
        Args::Add { fault, target, duration, params } => {
            add(&*context.cluster()?, fault, target, duration.as_deref(), params)
        }
        Args::List { json } => list(&*context.cluster()?, *json),
        Args::Heal { all: true, .. } => {
            let healed = context.cluster()?.heal_all()?;
            writeln!(stdout(), "{} healed", counted(healed.len(), "fault", "faults"))?;
            Ok(0)
        }
        Args::Heal { id, .. } => {
            let id = id.unwrap_or_default();
            if context.cluster()?.heal_fault(id)? {
                writeln!(stdout(), "fault {id} healed")?;
                return Ok(0);
            }
            Err(Failure::new(format!("fault {id} does not strike; see hsmsim fault list")))
        }
        Args::Kinds { markdown: false } => kinds(),
        Args::Kinds { markdown: true } => page(),
    }
}

fn add(
    cluster: &Cluster,
    id: &str,
    target: &str,
    duration: Option<&str>,
    params: &[String],
) -> Outcome {
    let duration = duration.map(parse_duration).transpose().map_err(Failure::new)?;
    let mut pairs = Vec::with_capacity(params.len());
    for param in params {
        let pair = param.split_once('=');
        pairs.push(
            pair.ok_or_else(|| Failure::new(format!("{param} is not of the form key=value")))?,
        );
    }
    let fault = Fault::new(id, target, duration, &pairs)?;
    let mut ids = Vec::new();
    for fault in fault.resolved_by(cluster.topology(), &mut ByHand(cluster))? {
        ids.extend(cluster.add_fault(&fault, |_| 0, None)?);
    }
    let mut out = stdout().lock();
    for active in cluster.fault_history().iter().filter(|fault| ids.contains(&fault.id)) {
        writeln!(out, "fault {}: {}", active.id, active.fault)?;
    }
    Ok(0)
}

/// Decides what a selector leaves open: by the load of the moment, and by chance without a seed.
struct ByHand<'a>(&'a Cluster);

impl Choose for ByHand<'_> {
    fn busiest(&mut self, candidates: &[DeviceId]) -> usize {
        busiest(self.0, candidates)
    }

    fn draw(&mut self, of: usize) -> usize {
        // The standard library's own keys are as random as a person's choice needs.
        let drawn = RandomState::new().build_hasher().finish();
        (drawn % of.max(1) as u64) as usize
    }
}

/// The device that answers most requests now; if none does, the one that has answered most so far.
fn busiest(cluster: &Cluster, candidates: &[DeviceId]) -> usize {
    let served = || -> Vec<u64> {
        let index = |id: &DeviceId| cluster.topology().device_index(id);
        candidates.iter().map(|id| index(id).map_or(0, |index| cluster.served(index))).collect()
    };
    let before = served();
    // A rate needs a while. Nothing waits for this but the person who asks for the busiest.
    std::thread::sleep(BUSY_WHILE);
    let after = served();
    let load = |index: usize| (after[index] - before[index], after[index]);
    (0..candidates.len()).rev().max_by_key(|&index| load(index)).unwrap_or(0)
}

fn list(cluster: &Cluster, json: bool) -> Outcome {
    let faults = cluster.active_faults();
    let now_ns = cluster.clock().unix_now();
    let left = |end: Option<u64>| end.map(|end| end.saturating_sub(now_ns) / 1_000_000);
    let mut out = stdout().lock();
    if json {
        let rows: Vec<_> = faults
            .iter()
            .map(|fault| {
                serde_json::json!({
                    "id": fault.id,
                    "fault": fault.fault.to_string(),
                    "ends_in_ms": left(fault.end_ns),
                })
            })
            .collect();
        serde_json::to_writer_pretty(&mut out, &rows)?;
        writeln!(out)?;
        return Ok(0);
    }
    if faults.is_empty() {
        writeln!(out, "no faults")?;
    }
    for fault in &faults {
        let end = left(fault.end_ns).map_or_else(
            || "until healed".to_owned(),
            |left| format!("{:.1} s left", left as f64 / 1000.0),
        );
        writeln!(out, "{:>5}  {}  ({end})", fault.id, fault.fault)?;
    }
    Ok(0)
}

fn kinds() -> Outcome {
    let mut out = stdout().lock();
    for spec in FAULTS {
        writeln!(out, "{} {}", spec.id, spec.target.to_string().to_uppercase())?;
        writeln!(out, "    {} ({})", spec.effect, spec.appearance)?;
        writeln!(out, "{}", wrap("    ends: ", spec.ends))?;
        for param in spec.params {
            writeln!(out, "{}", wrap(&format!("    {}=…  ", param.name), param.help))?;
        }
    }
    Ok(0)
}

/// The reference page `docs/faults.md`, made from the table.
fn page() -> Outcome {
    let mut out = stdout().lock();
    writeln!(out, "# Faults\n")?;
    writeln!(
        out,
        "Made by `hsmsim fault kinds --markdown` from the table that also feeds the drill"
    )?;
    writeln!(out, "parser and `hsmsim fault add`.\n")?;
    writeln!(
        out,
        "*Looks* says what a client sees of a struck member: **silent** is nothing until the"
    )?;
    writeln!(
        out,
        "receive timeout, **refused** an error at once, **stalled** heartbeats without answers,"
    )?;
    writeln!(
        out,
        "**none** a member that stays usable. *Codes* are what an application may see through"
    )?;
    writeln!(
        out,
        "a group because of the fault. *Drills* are a file that does not pass unless the fault"
    )?;
    writeln!(
        out,
        "bites, and one that does not pass unless it heals; below the table stands what each of"
    )?;
    writeln!(out, "them shows. `hsmsim drill run faults/device.hang/bites --virtual` runs one.\n")?;
    writeln!(
        out,
        "| fault | strikes | what it does | looks | ends | parameters | codes | drills |"
    )?;
    writeln!(out, "|---|---|---|---|---|---|---|---|")?;
    for spec in FAULTS {
        let params: Vec<String> =
            spec.params.iter().map(|param| format!("`{}`: {}", param.name, param.help)).collect();
        writeln!(
            out,
            "| `{}` | {} | {} | {} | {} | {} | {} | {} |",
            spec.id,
            spec.target,
            spec.effect,
            spec.appearance,
            spec.ends,
            params.join("; "),
            spec.permitted_codes.join(", "),
            Aspect::ALL.map(|aspect| link(spec.id, aspect)).join(", ")
        )?;
    }
    writeln!(out, "\n## What an application sees\n")?;
    writeln!(out, "| fault | while it stands | when it is over |")?;
    writeln!(out, "|---|---|---|")?;
    for spec in FAULTS {
        let [bites, heals] = Aspect::ALL.map(|aspect| Drill::of_fault(spec.id, aspect));
        writeln!(out, "| `{}` | {} | {} |", spec.id, bites?.hypothesis, heals?.hypothesis)?;
    }
    Ok(0)
}

/// The file of a fault's drill, as the page names it.
fn link(kind: &str, aspect: Aspect) -> String {
    format!("[{aspect}](../sim-config/drills/faults/{kind}.{aspect}.toml)")
}
