//! Reads `[[workload]]`.

use super::file::codes;
use super::keys::{RETRY, WORKLOAD, names};
use super::{Load, Operation, Recovery, Retry, Workload, WorkloadSource};
use crate::error::{ConfigError, suggestion};
use crate::source::{Table, Value};
use crate::topology::place;

/// Label of the keys that an application makes if the file says nothing.
const KEY_LABEL: &str = "drill";

/// Keys that only the drill's own application knows.
const OWN: [&str; 8] = ["threads", "mix", "rate", "loop", "think", "payload", "key_label", "retry"];

pub(super) fn workloads(root: &Table<'_>) -> Result<Vec<Workload>, ConfigError> {
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
    table.known(&names(&WORKLOAD))?;
    let external = table.optional("external", Value::boolean)?.unwrap_or(false);
    let foreign: &[&str] = if external { &OWN } else { &["command"] };
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
        WorkloadSource::Threads(load(table)?)
    };
    Ok(Workload {
        name: table.required("name", Value::string)?,
        group: table.optional("group", Value::string)?,
        client: table.optional("client", |v| place(&v.table()?))?,
        processes: table.optional("processes", |v| v.integer(1..=64))?.unwrap_or(1),
        source,
    })
}

fn load(table: &Table<'_>) -> Result<Load, ConfigError> {
    let rate = table.optional("rate", rate)?;
    let open_loop = table
        .optional("loop", |v| {
            let open = v.one_of(&[("closed", false), ("open", true)])?;
            match open && rate.is_none() {
                true => {
                    Err(v
                        .error("an open loop needs a \"rate\": it is what the schedule is made of"))
                }
                false => Ok(open),
            }
        })?
        .unwrap_or(false);
    let think = table.optional("think", |v| match rate {
        Some(_) => Err(v.error("\"think\" and \"rate\" both say when the next operation begins")),
        None => v.duration(),
    })?;
    Ok(Load {
        threads: table.optional("threads", |v| v.integer(1..=1024))?.unwrap_or(4),
        mix: table.required("mix", mix)?,
        rate,
        open_loop,
        think,
        payload: table.optional("payload", |v| v.integer(1..=65_536))?,
        key_label: table
            .optional("key_label", Value::string)?
            .unwrap_or_else(|| KEY_LABEL.to_owned()),
        retry: table.optional("retry", retry)?.unwrap_or_default(),
    })
}

fn retry(value: &Value<'_>) -> Result<Retry, ConfigError> {
    let table = value.table()?;
    table.known(&names(&RETRY))?;
    let usual = Retry::default();
    Ok(Retry {
        times: table.optional("times", |v| v.integer(0..=1000))?.unwrap_or(usual.times),
        codes: table.optional("codes", codes)?.unwrap_or_default(),
        pause: table.optional("pause", Value::duration)?.unwrap_or(usual.pause),
        recover: table.optional("recover", |v| v.one_of(&Recovery::ALL))?.unwrap_or(usual.recover),
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
pub(super) fn rate(value: &Value<'_>) -> Result<f64, ConfigError> {
    value
        .str()?
        .strip_suffix("/s")
        .and_then(|n| n.trim().parse::<f64>().ok())
        .filter(|n| *n > 0.0 && *n <= 1e6)
        .ok_or_else(|| value.error("a rate is a number a second: \"400/s\""))
}
