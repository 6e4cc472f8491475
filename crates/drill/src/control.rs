//! The run that a drill is compared with: the same load without the faults, or an earlier report.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use hsmsim_client::record::CallRecord;
use hsmsim_sim_config::Drill;
use serde::{Deserialize, Serialize};

use crate::{
    history::History,
    metrics::Stretch,
    phases::{Cut, PhaseStats, load_end},
    run::DrillError,
};

/// What a run is to be compared with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Compare {
    /// With nothing.
    #[default]
    Nothing,
    /// With the same seed and load without the drill's steps, which is run first.
    Control,
    /// With an earlier report, in this folder.
    Baseline(PathBuf),
}

/// The drill without its steps: nothing strikes, and nobody has to repair anything.
pub(crate) fn without_steps(drill: &Drill) -> Drill {
    let mut quiet = drill.clone();
    quiet.steps.clear();
    quiet.abort = None;
    quiet.report.folder = None;
    quiet
}

/// A finished run without its faults, or an earlier one.
#[derive(Clone, Debug)]
pub struct Control {
    /// What it is, for people.
    pub source: String,
    /// Its seed.
    pub seed: u64,
    /// The hash of its trace, if it has one.
    pub trace_hash: Option<String>,
    begin_ns: u64,
    time_scale: f64,
    calls: Vec<CallRecord>,
    workloads: BTreeMap<u32, String>,
}

/// The part of `result.json` that says what a run was compared with, and what that one saw.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// What it is, for people.
    pub source: String,
    /// Its seed.
    pub seed: u64,
    /// The hash of its trace, if it has one.
    pub trace_hash: Option<String>,
    /// The same workloads in the same parts of drill time.
    pub phases: Vec<PhaseStats>,
}

/// What is read of an earlier `result.json`.
#[derive(Deserialize)]
struct Earlier {
    seed: u64,
    trace_hash: Option<String>,
    begin_ns: u64,
    time_scale: f64,
    workloads: Vec<Workload>,
}

/// A process and what it ran: an entry of `workloads` in `result.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workload {
    /// The workload's name.
    pub name: String,
    /// The process.
    pub pid: u32,
}

/// What is read of a line of `history.ndjson`.
#[derive(Deserialize)]
struct Line {
    begin_ns: u64,
    end_ns: u64,
    code: String,
    function: String,
    member: Option<String>,
    session: u64,
    pid: u32,
    #[serde(default)]
    call_fault: String,
}

impl From<Line> for CallRecord {
    fn from(line: Line) -> Self {
        Self {
            at_ns: line.begin_ns,
            took_ns: line.end_ns.saturating_sub(line.begin_ns),
            function: line.function.into(),
            session: line.session,
            code: line.code.into(),
            pid: line.pid,
            member: line.member.unwrap_or_default().into(),
            call_fault: line.call_fault.into(),
        }
    }
}

impl Control {
    /// The same drill without its faults.
    pub fn without_faults(history: History, seed: u64, trace_hash: Option<String>) -> Self {
        Self {
            source: "the same run without faults".to_owned(),
            seed,
            trace_hash,
            begin_ns: history.begin_ns,
            time_scale: history.time_scale,
            calls: history.calls,
            workloads: history.workloads,
        }
    }

    /// An earlier report, from its folder.
    ///
    /// # Errors
    /// A folder that is not a report, or one of an older form, which does not say when it began.
    pub fn read(folder: &Path) -> Result<Self, DrillError> {
        if !folder.join("result.json").exists() {
            let folder = folder.display();
            return Err(DrillError::usage(format!(
                "there is no report to compare with in {folder}"
            )));
        }
        let refuse = |name: &str, error: &dyn std::fmt::Display| {
            DrillError::new(format!("{}: {error}", folder.join(name).display()))
        };
        let read = |name: &str| {
            fs::read_to_string(folder.join(name)).map_err(|error| refuse(name, &error))
        };
        let earlier: Earlier = serde_json::from_str(&read("result.json")?)
            .map_err(|error| refuse("result.json", &error))?;
        let mut calls = Vec::new();
        for line in read("history.ndjson")?.lines() {
            let line: Line =
                serde_json::from_str(line).map_err(|error| refuse("history.ndjson", &error))?;
            calls.push(line.into());
        }
        Ok(Self {
            source: format!("the report in {}", folder.display()),
            seed: earlier.seed,
            trace_hash: earlier.trace_hash,
            begin_ns: earlier.begin_ns,
            time_scale: earlier.time_scale,
            calls,
            workloads: earlier.workloads.into_iter().map(|it| (it.pid, it.name)).collect(),
        })
    }

    /// What it saw in the parts of drill time into which the faults of `history` cut that run, whose
    /// load was to last for `load_ns` of its own clock.
    pub fn compared(&self, history: &History, load_ns: u64) -> Comparison {
        let own =
            |at_ns: u64| self.begin_ns + (history.drill_ms(at_ns) * 1e6 / self.time_scale) as u64;
        let struck = history
            .struck()
            .map(|struck| Stretch { from_ns: own(struck.from_ns), to_ns: own(struck.to_ns) });
        let cut = Cut {
            calls: &self.calls,
            workloads: &self.workloads,
            begin_ns: self.begin_ns,
            end_ns: load_end(
                &self.calls,
                self.begin_ns,
                own(history.begin_ns + load_ns) - self.begin_ns,
            ),
            time_scale: self.time_scale,
        };
        Comparison {
            source: self.source.clone(),
            seed: self.seed,
            trace_hash: self.trace_hash.clone(),
            phases: cut.phases(struck),
        }
    }

    /// Its calls within the first `load_ns`, on the clock of `history`, so that both stand on one axis.
    pub(crate) fn calls_beside(&self, history: &History, load_ns: u64) -> Vec<CallRecord> {
        let factor = self.time_scale / history.time_scale;
        let moved = |ns: u64| (ns as f64 * factor) as u64;
        let call = |call: &CallRecord| CallRecord {
            at_ns: history.begin_ns + moved(call.at_ns.saturating_sub(self.begin_ns)),
            took_ns: moved(call.took_ns),
            ..call.clone()
        };
        let calls = self.calls.iter().map(call);
        calls.filter(|call| call.at_ns <= history.begin_ns + load_ns).collect()
    }
}
