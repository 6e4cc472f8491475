//! Reads a drill file.

use std::collections::BTreeMap;
use std::time::Duration;

use super::condition::percent;
use super::keys::{
    ABORT, DRILL, EXPECT, EXPECT_CALLS, EXPECT_END, Key, REPORT, REPORT_FORMATS, SETTLE, names,
};
use super::step::{conditions, steps};
use super::workload::{rate, workloads};
use super::{
    Abort, CountRange, Drill, Expectations, LatencyBound, Phase, ReportSettings, SOMETIMES,
};
use crate::error::ConfigError;
use crate::source::{Source, Value};
use crate::topology::time_scale;

/// How long a cluster has to become whole if the file says nothing.
const SETTLE_LENGTH: Duration = Duration::from_secs(30);

pub(super) fn parse(text: &str, origin: &str) -> Result<Drill, ConfigError> {
    Source::new(origin, text).read(|root| {
        root.known(&names(&DRILL))?;
        let version = root.required("version", |v| v.integer(1..=1))?;
        let duration = root.required("duration", Value::duration)?;
        let settle = root.optional("settle", settle)?.unwrap_or(SETTLE_LENGTH);
        let deadline = root.optional("deadline", |v| deadline(v, duration + settle))?;
        let workloads = workloads(root)?;
        let allow_data_loss = root.optional("allow_data_loss", Value::boolean)?.unwrap_or(false);
        let (steps, lines) = steps(root, duration, allow_data_loss)?;
        let expect = root.get("expect").map(|v| whole(&v)).transpose()?;
        let (expect, phases) = expect.unwrap_or_default();
        Ok(Drill {
            version,
            name: root.required("name", Value::string)?,
            title: root.required("title", Value::string)?,
            description: root.optional("description", Value::string)?.unwrap_or_default(),
            hypothesis: root.required("hypothesis", Value::string)?,
            tags: root.optional("tags", Value::strings)?.unwrap_or_default(),
            seed: root.optional("seed", seed)?.flatten(),
            repeat: root.optional("repeat", |v| v.integer(1..=10_000))?.unwrap_or(1),
            topology: root
                .optional("topology", Value::string)?
                .unwrap_or_else(|| "ha-dr".to_owned()),
            time_scale: root.optional("time_scale", time_scale)?,
            duration,
            settle,
            deadline,
            allow_data_loss,
            workloads,
            steps,
            expect,
            phases,
            abort: root.optional("abort", abort)?,
            report: root.optional("report", report)?.unwrap_or_default(),
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

/// A duration, or a table with a length.
fn settle(value: &Value<'_>) -> Result<Duration, ConfigError> {
    if value.is_str() {
        return value.duration();
    }
    let table = value.table()?;
    table.known(&names(&SETTLE))?;
    table.required("length", Value::duration)
}

fn abort(value: &Value<'_>) -> Result<Abort, ConfigError> {
    let table = value.table()?;
    table.known(&names(&ABORT))?;
    Ok(Abort {
        when: table.required("when", conditions)?,
        grace: table.optional("grace", Value::duration)?.unwrap_or_default(),
    })
}

fn report(value: &Value<'_>) -> Result<ReportSettings, ConfigError> {
    let table = value.table()?;
    table.known(&names(&REPORT))?;
    let words = REPORT_FORMATS.map(|word| (word, word));
    let formats = |v: &Value<'_>| v.array()?.iter().map(|v| v.one_of(&words)).collect();
    let path = |key| table.optional(key, |v| v.string().map(Into::into));
    Ok(ReportSettings {
        formats: table.optional("formats", formats)?,
        folder: path("folder")?,
        bucket: table.optional("bucket", |v| match v.duration()? {
            Duration::ZERO => Err(v.error("\"bucket\" is longer than nothing")),
            bucket => Ok(bucket),
        })?,
        baseline: path("baseline")?,
    })
}

/// `[expect]` with its phases.
fn whole(value: &Value<'_>) -> Result<(Expectations, BTreeMap<Phase, Expectations>), ConfigError> {
    let table = value.table()?;
    let expect = expectations(value, &EXPECT)?;
    let mut phases = BTreeMap::new();
    for (word, phase) in Phase::ALL {
        let keys: &[Key] = match phase {
            Phase::After | Phase::Always => &EXPECT_END,
            Phase::Before | Phase::During | Phase::Edge => &EXPECT_CALLS,
        };
        if let Some(value) = table.get(word) {
            phases.insert(phase, expectations(&value, keys)?);
        }
    }
    Ok((expect, phases))
}

fn expectations(value: &Value<'_>, keys: &[Key]) -> Result<Expectations, ConfigError> {
    let table = value.table()?;
    table.known(&names(keys))?;
    let time = |key| table.optional(key, Value::duration);
    let count = |key| table.optional(key, |v| v.integer(0..=u64::MAX));
    Ok(Expectations {
        stall_max: time("stall_max")?,
        error_window_max: time("error_window_max")?,
        rto_max: time("rto_max")?,
        lost_keys_max: count("lost_keys_max")?,
        rpo_keys_max: count("rpo_keys_max")?,
        rpo_age_max: time("rpo_age_max")?,
        duplicate_keys_max: count("duplicate_keys_max")?,
        unknown_max: count("unknown_max")?,
        error_rate_max: table.optional("error_rate_max", |v| v.place(percent(v.str()?)))?,
        latency: table.optional("latency", latency)?.unwrap_or_default(),
        throughput_min: table.optional("throughput_min", rate)?,
        codes_permitted: table.optional("codes_permitted", codes)?,
        codes_seen: table.optional("codes_seen", codes)?.unwrap_or_default(),
        failovers: table.optional("failovers", count_range)?,
        recovered_members: table.optional("recovered_members", count_range)?,
        inventory_equal_within: time("inventory_equal_within")?,
        sometimes: table.optional("sometimes", sometimes)?.unwrap_or_default(),
    })
}

fn latency(value: &Value<'_>) -> Result<Vec<LatencyBound>, ConfigError> {
    value.array()?.iter().map(|v| v.place(LatencyBound::parse(v.str()?))).collect()
}

/// Return codes by name; vendor codes too, so only the prefix is checked.
pub(super) fn codes(value: &Value<'_>) -> Result<Vec<String>, ConfigError> {
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
