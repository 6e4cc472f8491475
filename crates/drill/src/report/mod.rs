//! The report: pure functions from a history to the files of a folder, and the summary on the
//! terminal. `docs/reports.md` says what each file holds.

mod files;
mod html;
mod junit;
mod replay;
mod terminal;

use std::{fs, io, path::Path};

use hsmsim_sim_config::Drill;
use serde::Serialize;

use crate::{
    history::History,
    keys,
    metrics::{Metrics, metrics},
    verdict::{Expectation, Findings, Verdict, judge},
};

pub use replay::command as replay_command;

/// Version of the form of `result.json`.
const SCHEMA: u32 = 2;

/// How a drill was run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// Processes that load the module, and the clock on the wall.
    Real,
    /// Cluster, clients and load in one thread of virtual time.
    Virtual,
}

impl Tier {
    /// The word for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Real => "real",
            Self::Virtual => "virtual",
        }
    }
}

/// What a report says beside what follows from the history.
#[derive(Clone, Debug)]
pub struct Facts {
    /// How the drill was run.
    pub tier: Tier,
    /// The seed.
    pub seed: u64,
    /// The command line that repeats the run: see [`replay_command`].
    pub replay: String,
    /// The hash of everything that happened, where a run of the same seed must give the same.
    pub trace_hash: Option<String>,
    /// Signatures verified outside the module; `None` if the application was not the drill's own.
    pub verified_signatures: Option<u64>,
    /// Signatures that did not verify there.
    pub invalid_signatures: u64,
    /// The timeline in words.
    pub timeline: Vec<Moment>,
}

/// A finished run. Times are in drill milliseconds.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Version of this form.
    pub schema: u32,
    /// Version of the program.
    pub version: &'static str,
    /// The verdict.
    pub verdict: Verdict,
    /// The drill's name.
    pub drill: String,
    /// The drill's headline.
    pub title: String,
    /// The sentence that the verdict answers.
    pub hypothesis: String,
    /// How it was run.
    pub tier: Tier,
    /// The topology's name.
    pub topology: String,
    /// The seed.
    pub seed: u64,
    /// The command line that repeats the run.
    pub replay: String,
    /// The hash of everything that happened, where a run of the same seed must give the same.
    pub trace_hash: Option<String>,
    /// How many times faster than the clock drill time ran.
    pub time_scale: f64,
    /// How long the run took, in drill milliseconds.
    pub duration_ms: f64,
    /// Calls, codes, stalls, failovers.
    #[serde(flatten)]
    pub metrics: Metrics,
    /// Signatures verified outside the module; `None` if the application was not the drill's own.
    pub verified_signatures: Option<u64>,
    /// Keys that were acknowledged and that no member holds.
    pub lost_keys: u64,
    /// Their identities.
    pub lost_key_ids: Vec<String>,
    /// Copies that members lack, at the end, of keys that another member of their group holds.
    pub missing_copies: u64,
    /// Keys that were destroyed and that a member holds.
    pub resurrected_keys: u64,
    /// Their identities.
    pub resurrected_key_ids: Vec<String>,
    /// Keys that a member holds and that nobody was told about: made twice, or by a call of unknown
    /// outcome.
    pub duplicate_keys: u64,
    /// Their identities.
    pub duplicate_key_ids: Vec<String>,
    /// Acknowledged keys that no survivor held when a fault struck; `None` if no fault left a group some
    /// members and not others.
    pub rpo_keys: Option<u64>,
    /// The age of the oldest of them when the fault struck, in drill milliseconds.
    pub rpo_age_ms: Option<f64>,
    /// From the last call or fault until all members held the same keys, in drill milliseconds; `None`
    /// if they never did.
    pub inventory_equal_ms: Option<f64>,
    /// What was wanted and what was measured.
    pub expectations: Vec<Expectation>,
    /// The timeline.
    pub timeline: Vec<Moment>,
}

/// A line of the timeline.
#[derive(Clone, Debug, Serialize)]
pub struct Moment {
    /// When, in drill milliseconds from the start.
    pub at_ms: f64,
    /// What.
    pub what: String,
}

impl Report {
    /// Judges a finished run.
    pub fn new(drill: &Drill, history: &History, facts: Facts) -> Self {
        let metrics =
            metrics(&history.calls, &history.events, &history.strike_times(), history.time_scale);
        let keys = keys::findings(history);
        let served = |event: &hsmsim_client::record::EventRecord| event.event == "standby_served";
        let findings = Findings {
            lost_keys: keys.lost.len() as u64,
            invalid_signatures: facts.invalid_signatures,
            faults: history.faults.len(),
            standby_served: history.events.iter().any(served),
            fell_behind: keys::fell_behind(history),
        };
        let (verdict, expectations) = judge(&drill.expect, &metrics, &history.events, &findings);
        let length_ms = |ns: u64| history.length_ms(ns);
        Self {
            schema: SCHEMA,
            version: env!("CARGO_PKG_VERSION"),
            verdict,
            drill: drill.name.clone(),
            title: drill.title.clone(),
            hypothesis: drill.hypothesis.clone(),
            tier: facts.tier,
            topology: history.topology.name.clone(),
            seed: facts.seed,
            replay: facts.replay,
            trace_hash: facts.trace_hash,
            time_scale: history.time_scale,
            duration_ms: length_ms(history.end_ns.saturating_sub(history.begin_ns)),
            metrics,
            verified_signatures: facts.verified_signatures,
            lost_keys: findings.lost_keys,
            lost_key_ids: keys.lost,
            missing_copies: keys.missing_copies,
            resurrected_keys: keys.resurrected.len() as u64,
            resurrected_key_ids: keys.resurrected,
            duplicate_keys: keys.duplicate.len() as u64,
            duplicate_key_ids: keys.duplicate,
            rpo_keys: keys.recovery_point.map(|point| point.keys),
            rpo_age_ms: keys.recovery_point.map(|point| length_ms(point.age_ns)),
            inventory_equal_ms: history.inventory_equal_after_ns().map(length_ms),
            expectations,
            timeline: facts.timeline,
        }
    }

    /// Writes the report into a folder, which is made if it is not there. `drill`: the drill file's
    /// text.
    ///
    /// # Errors
    /// A folder or file that cannot be written.
    pub fn write(&self, directory: &Path, drill: &str, history: &History) -> io::Result<()> {
        fs::create_dir_all(directory)?;
        let file = |name: &str| directory.join(name);
        fs::write(file("result.json"), serde_json::to_vec_pretty(self)?)?;
        fs::write(file("junit.xml"), junit::xml(self))?;
        fs::write(file("report.html"), html::page(self, history))?;
        fs::write(file("replay.txt"), format!("{}\n", self.replay))?;
        fs::write(file("drill.toml"), drill)?;
        files::write_events(&file("events.ndjson"), history)?;
        files::write_history(&file("history.ndjson"), history)
    }
}

#[cfg(test)]
mod tests {
    use super::html::testing::{report, run};

    #[test]
    fn the_folder_holds_the_whole_run_and_says_how_to_repeat_it() {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("made/by/the/report");
        let report = report("[expect]\nrto_max = \"1s\"");
        report.write(&directory, "version = 1\n", &run()).unwrap();
        let read = |name: &str| std::fs::read_to_string(directory.join(name)).unwrap();
        let result: serde_json::Value = serde_json::from_str(&read("result.json")).unwrap();
        assert_eq!((result["schema"].as_u64(), result["tier"].as_str()), (Some(2), Some("real")));
        assert_eq!(result["trace_hash"], "00ff");
        let margin = &result["expectations"][0]["margin"];
        assert_eq!((margin["limit"].as_f64(), margin["value"].as_f64()), (Some(1000.0), Some(3.0)));
        assert_eq!(margin["unit"], "ms");
        // One device hung and the other was left: the key made before was on both.
        assert_eq!((result["rpo_keys"].as_u64(), result["lost_keys"].as_u64()), (Some(0), Some(0)));
        assert_eq!(result["missing_copies"], 1);
        assert!(result["inventory_equal_ms"].is_null());
        assert_eq!(read("history.ndjson").lines().count(), run().calls.len());
        assert_eq!(read("events.ndjson").lines().count(), run().events.len());
        assert_eq!(read("replay.txt"), "hsmsim drill run by-hand --seed 7\n");
        assert_eq!(read("drill.toml"), "version = 1\n");
        assert!(read("junit.xml").starts_with("<?xml"));
        assert!(read("report.html").starts_with("<!DOCTYPE html>"));
    }
}
