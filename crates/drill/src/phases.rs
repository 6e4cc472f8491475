//! The calls of each workload before the first fault, from there to the end of the last, and after it:
//! how much was done, how fast, and what failed. A control run is cut at the same times.
//!
//! A run is cut in two ways. Here, for tables and comparisons, into three parts without gap or overlap:
//! every call is in one row, the rows add up to the run, and the same cuts can be laid over a run without
//! faults. In [`expected_phases`](crate::expected_phases), for expectations, by what a call can be blamed
//! for: `during` leaves out the time between two faults, `edge` and `always` overlap the others, and events
//! and operations count as well as calls. Both take the same first and last moment
//! ([`History::struck`]).

use std::collections::BTreeMap;

use hsmsim_client::record::CallRecord;
use serde::{Deserialize, Serialize};

use crate::{
    history::{History, workload},
    metrics::{Outcome, Stretch, end, outcome, percentile},
};

/// A part of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Before the first fault.
    Before,
    /// From the first fault to the end of the last, with the boot of devices that lost power.
    During,
    /// After it.
    After,
}

impl Phase {
    /// In the order of time.
    pub const ALL: [Self; 3] = [Self::Before, Self::During, Self::After];

    /// The word in `result.json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::During => "during",
            Self::After => "after",
        }
    }
}

/// What one workload saw in one phase.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PhaseStats {
    /// The workload.
    pub workload: String,
    /// The phase.
    pub phase: Phase,
    /// How long the phase was, in drill milliseconds.
    pub length_ms: f64,
    /// Calls that ended as the application wanted.
    pub ok: u64,
    /// Calls that failed.
    pub failed: u64,
    /// Calls of which nobody knows whether they took effect.
    pub unknown: u64,
    /// Calls that a device answered, in each second of the clock (not of drill time).
    pub answers_per_s: f64,
    /// Of the calls that a device answered half took no longer, in drill milliseconds; `None` if there
    /// were none.
    pub p50_ms: Option<f64>,
    /// 99 of 100 of them took no longer.
    pub p99_ms: Option<f64>,
    /// The longest of all calls; `None` if there were none.
    pub max_ms: Option<f64>,
}

/// The calls of a run with what is needed to cut them: a [`History`], or an earlier report.
#[derive(Clone, Copy, Debug)]
pub struct Cut<'a> {
    /// Every call.
    pub calls: &'a [CallRecord],
    /// Which process ran which workload.
    pub workloads: &'a BTreeMap<u32, String>,
    /// When the run began.
    pub begin_ns: u64,
    /// When the load ended.
    pub end_ns: u64,
    /// How many times faster than the clock drill time ran.
    pub time_scale: f64,
}

impl<'a> Cut<'a> {
    /// Of a run whose load was to last for `load_ns`.
    pub fn of(history: &'a History, load_ns: u64) -> Self {
        Self {
            calls: &history.calls,
            workloads: &history.workloads,
            begin_ns: history.begin_ns,
            end_ns: load_end(&history.calls, history.begin_ns, load_ns),
            time_scale: history.time_scale,
        }
    }

    /// The phases of each workload that called, `struck` being when faults struck, in nanoseconds of
    /// this run's clock; without faults all is before.
    pub fn phases(&self, struck: Option<Stretch>) -> Vec<PhaseStats> {
        let mut names: Vec<&str> = Vec::new();
        for call in self.calls {
            let name = workload(self.workloads, call.pid);
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names.sort_unstable();
        let phases = match struck {
            Some(_) => &Phase::ALL[..],
            None => &Phase::ALL[..1],
        };
        let rows = names.iter().flat_map(|name| phases.iter().map(move |phase| (*name, *phase)));
        rows.map(|(name, phase)| self.stats(name, phase, struck)).collect()
    }

    fn stats(&self, name: &str, phase: Phase, struck: Option<Stretch>) -> PhaseStats {
        let of_call = |call: &CallRecord| match struck {
            Some(struck) if end(call) > struck.from_ns && call.at_ns < struck.to_ns => {
                Phase::During
            }
            Some(struck) if end(call) > struck.from_ns => Phase::After,
            _ => Phase::Before,
        };
        let last = self.end_ns.max(self.begin_ns);
        let (from, to) = match (phase, struck) {
            (_, None) => (self.begin_ns, last),
            (Phase::Before, Some(struck)) => (self.begin_ns, struck.from_ns),
            (Phase::During, Some(struck)) => (struck.from_ns, struck.to_ns),
            (Phase::After, Some(struck)) => (struck.to_ns, last),
        };
        let length_ns = to.min(last).saturating_sub(from.min(last));
        let calls = self.calls.iter().filter(|call| workload(self.workloads, call.pid) == name);
        let (mut counts, mut longest) = ([0u64; 3], None);
        let mut times = Vec::new();
        // What a call fault did is not the cluster's doing.
        let calls = calls.filter(|call| call.call_fault.is_empty());
        for call in calls.filter(|call| of_call(call) == phase) {
            let index = match outcome(call) {
                Outcome::Ok => 0,
                Outcome::Fail => 1,
                Outcome::Unknown => 2,
            };
            counts[index] += 1;
            longest = longest.max(Some(call.took_ns));
            if !call.member.is_empty() {
                times.push(call.took_ns);
            }
        }
        times.sort_unstable();
        let ms = |ns: u64| ns as f64 * self.time_scale / 1e6;
        let part = |part: f64| (!times.is_empty()).then(|| ms(percentile(&times, part)));
        let per_s = |count: usize| {
            if length_ns == 0 { 0.0 } else { count as f64 * 1e9 / length_ns as f64 }
        };
        PhaseStats {
            workload: name.to_owned(),
            phase,
            length_ms: ms(length_ns),
            ok: counts[0],
            failed: counts[1],
            unknown: counts[2],
            answers_per_s: per_s(times.len()),
            p50_ms: part(0.5),
            p99_ms: part(0.99),
            max_ms: longest.map(ms),
        }
    }
}

/// When the load ended: as planned, or with the last call if the application had enough before.
pub(crate) fn load_end(calls: &[CallRecord], begin_ns: u64, load_ns: u64) -> u64 {
    calls.iter().map(end).max().unwrap_or(begin_ns).min(begin_ns + load_ns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::testing::history;

    const MS: u64 = 1_000_000;

    #[test]
    fn every_call_is_in_the_phase_that_it_was_touched_by() {
        let mut history = history(
            "ha-pair",
            "0 1 C_Sign CKR_OK hsm-eus-1
             9 21 C_Sign CKR_OK hsm-eus-2
             25 1 C_Sign CKR_DEVICE_ERROR
             31 9 C_Sign CKR_OK hsm-eus-1
             49 1 C_GenerateKey CKR_DEVICE_ERROR",
            "",
        );
        history.strike("device.hang hsm-eus-1", 10, 30);
        let phases = Cut::of(&history, 100 * MS).phases(history.struck());
        let told: Vec<_> = phases
            .iter()
            .map(|it| (it.phase.as_str(), it.length_ms, it.ok, it.failed, it.unknown))
            .collect();
        let wanted =
            [("before", 10.0, 1, 0, 0), ("during", 20.0, 1, 1, 0), ("after", 20.0, 1, 0, 1)];
        assert_eq!(told, wanted);
        assert_eq!((phases[1].p50_ms, phases[1].max_ms), (Some(21.0), Some(21.0)));
        assert_eq!((phases[0].answers_per_s, phases[2].answers_per_s), (100.0, 50.0));
        let total: u64 = phases.iter().map(|it| it.ok + it.failed + it.unknown).sum();
        assert_eq!(total, history.calls.len() as u64);
    }

    #[test]
    fn workloads_are_told_apart_by_their_processes() {
        let mut history = history("ha-pair", "0 1 C_Sign CKR_OK a\n1 1 C_Sign CKR_OK a", "");
        history.calls[1].pid = 2;
        // A process that the only workload has started is that workload's.
        assert_eq!(Cut::of(&history, 100 * MS).phases(None).len(), 1);
        history.workloads.insert(2, "batch".to_owned());
        let phases = Cut::of(&history, 100 * MS).phases(None);
        let names: Vec<_> = phases.iter().map(|it| (it.workload.as_str(), it.ok)).collect();
        assert_eq!(names, [("batch", 1), ("signer", 1)]);
        assert!(phases.iter().all(|it| it.phase == Phase::Before));
    }
}
