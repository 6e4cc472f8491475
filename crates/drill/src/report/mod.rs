//! The report: pure functions from a history to the files of a folder, and the summary on the
//! terminal. `docs/reports.md` says what each file holds.

mod files;
mod html;
mod junit;
mod replay;
mod terminal;

use std::{collections::BTreeMap, fs, io, path::Path};

use hsmsim_sim_config::{Abort, Drill, Expectations, Phase, REPORT_FORMATS};
use serde::Serialize;

use crate::{
    control::{Comparison, Control, Workload},
    expected_phases::{self, PhaseMetrics},
    history::{FaultSpan, History, Snapshot},
    keys,
    lag::{MemberLag, lags},
    log::LogLine,
    metrics::{Metrics, metrics},
    operations::LoadMetrics,
    phases::{Cut, PhaseStats},
    verdict::{Expectation, Findings, Verdict, judge},
};

pub use replay::command as replay_command;

/// Version of the form of `result.json`.
const SCHEMA: u32 = 3;

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
    /// The run that this one is compared with.
    pub control: Option<Control>,
    /// The module's log, if there is one.
    pub log: Option<Vec<LogLine>>,
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
    /// When the application was started, in nanoseconds since 1970: the clock of single calls.
    pub begin_ns: u64,
    /// How long the run took, in drill milliseconds.
    pub duration_ms: f64,
    /// Which process ran which workload.
    pub workloads: Vec<Workload>,
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
    /// Acknowledged keys that no survivor held when a fault struck or one of several ended; `None` if no
    /// fault left a group some members and not others.
    pub rpo_keys: Option<u64>,
    /// The age of the oldest of them at that moment, in drill milliseconds.
    pub rpo_age_ms: Option<f64>,
    /// From the last call or fault until all members held the same keys, in drill milliseconds; `None`
    /// if they never did.
    pub inventory_equal_ms: Option<f64>,
    /// Keys that differ in their version, and so in an attribute, between members that hold them.
    pub differing_keys: u64,
    /// Their identities.
    pub differing_key_ids: Vec<String>,
    /// Keys that were changed on two sides before either knew of the other's change.
    pub conflicts: u64,
    /// How far each member that held or was owed keys was behind.
    pub replication: Vec<Replication>,
    /// What struck.
    pub faults: Vec<Struck>,
    /// What each workload saw before, during and after the faults.
    pub phases: Vec<PhaseStats>,
    /// The same of the run that this one is compared with.
    pub control: Option<Comparison>,
    /// Operations of the drill's own applications; calls, if they were foreign.
    pub load: LoadMetrics,
    /// Each phase that the drill says something about.
    pub expected_phases: BTreeMap<&'static str, PhaseMetrics>,
    /// The condition that stopped the run early, and what was measured.
    pub aborted: Option<String>,
    /// Inventories that the drill asked for.
    pub snapshots: Vec<Snapshot>,
    /// The width of a column of the charts, in drill milliseconds, if the drill says.
    pub bucket_ms: Option<f64>,
    /// What was wanted and what was measured.
    pub expectations: Vec<Expectation>,
    /// The timeline.
    pub timeline: Vec<Moment>,
    /// How long the load was to last, in nanoseconds of the run's clock.
    #[serde(skip)]
    pub(crate) load_ns: u64,
    /// The run itself that this one is compared with.
    #[serde(skip)]
    pub(crate) control_run: Option<Control>,
    /// The module's log.
    #[serde(skip)]
    pub(crate) log: Option<Vec<LogLine>>,
}

/// How far a member was behind.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Replication {
    /// The group's label.
    pub group: String,
    /// The member's device.
    pub member: String,
    /// The most acknowledged keys that it lacked at one moment.
    pub missing_max: u64,
    /// The greatest age that one of them reached, in drill milliseconds.
    pub age_max_ms: f64,
    /// How many it lacked at the end.
    pub missing_at_end: u64,
}

/// A fault from its first moment to its last.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Struck {
    /// The drill's step.
    pub step: String,
    /// The fault as it is written, with its target resolved.
    pub fault: String,
    /// Devices struck.
    pub devices: Vec<String>,
    /// Links struck.
    pub links: Vec<String>,
    /// When it was set, in drill milliseconds.
    pub from_ms: f64,
    /// When it had ended, with the boot of devices that it took down.
    pub to_ms: f64,
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
        let notes = &history.notes;
        let recovery_point = keys.recovery_point;
        let recovery_point = recovery_point.map(|it| (it.keys, history.length_ms(it.age_ns)));
        let in_phase = |(phase, expect): (&Phase, &Expectations)| {
            (*phase, expect.clone(), expected_phases::within(history, *phase))
        };
        let conditions =
            |abort: &Abort| abort.when.iter().map(|condition| condition.text.clone()).collect();
        let findings = Findings {
            lost_keys: keys.lost.len() as u64,
            duplicate_keys: keys.duplicate.len() as u64,
            recovery_point,
            inventory_equal_ms: history.inventory_equal_after_ns().map(|ns| history.length_ms(ns)),
            invalid_signatures: facts.invalid_signatures,
            faults: history.faults.iter().filter(|span| !span.scripted).count(),
            call_faults: history.faults.iter().filter(|span| span.scripted).count(),
            fell_behind: keys::fell_behind(history),
            load: expected_phases::within(history, Phase::Always).load,
            phases: drill.phases.iter().map(in_phase).collect(),
            checks: notes.checks.clone(),
            never: drill.abort.as_ref().map(conditions).unwrap_or_default(),
            aborted: notes.aborted.clone(),
            inconclusive: notes.inconclusive.clone(),
            broken: notes.broken.clone(),
        };
        let (verdict, expectations) = judge(&drill.expect, &metrics, &history.events, &findings);
        let length_ms = |ns: u64| history.length_ms(ns);
        let load_ns = (drill.duration.as_nanos() as f64 / history.time_scale) as u64;
        let differing = keys::differing(history);
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
            begin_ns: history.begin_ns,
            workloads: workloads(history),
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
            differing_keys: differing.len() as u64,
            differing_key_ids: differing,
            conflicts: count(history, "replication_conflict"),
            replication: replication(history),
            faults: history.faults.iter().map(|span| Struck::of(span, history)).collect(),
            phases: Cut::of(history, load_ns).phases(history.struck()),
            control: facts.control.as_ref().map(|control| control.compared(history, load_ns)),
            load: findings.load,
            expected_phases: findings
                .phases
                .into_iter()
                .map(|(phase, _, measured)| (phase.as_str(), measured))
                .collect(),
            aborted: notes
                .aborted
                .as_ref()
                .map(|(condition, measured)| format!("{condition}: {measured}")),
            snapshots: notes.snapshots.clone(),
            bucket_ms: drill.report.bucket.map(|bucket| bucket.as_secs_f64() * 1e3),
            expectations,
            timeline: facts.timeline,
            load_ns,
            control_run: facts.control,
            log: facts.log,
        }
    }

    /// Writes the report into a folder, which is made if it is not there. `drill`: the drill file's
    /// text. `formats`: which of [`REPORT_FORMATS`]; all if absent.
    ///
    /// # Errors
    /// A folder or file that cannot be written.
    pub fn write(
        &self,
        directory: &Path,
        drill: &str,
        history: &History,
        formats: Option<&[&str]>,
    ) -> io::Result<()> {
        fs::create_dir_all(directory)?;
        for format in REPORT_FORMATS {
            if formats.is_some_and(|formats| !formats.contains(&format)) {
                continue;
            }
            let file = |name: &str| directory.join(name);
            match format {
                "json" => fs::write(file("result.json"), serde_json::to_vec_pretty(self)?)?,
                "junit" => fs::write(file("junit.xml"), junit::xml(self))?,
                "html" => fs::write(file("report.html"), html::page(self, history))?,
                "replay" => fs::write(file("replay.txt"), format!("{}\n", self.replay))?,
                "drill" => fs::write(file("drill.toml"), drill)?,
                "events" => files::write_events(&file("events.ndjson"), history)?,
                _ => {
                    files::write_history(&file("history.ndjson"), history)?;
                    files::write_operations(&file("operations.ndjson"), history)?;
                }
            }
        }
        Ok(())
    }
}

impl Struck {
    fn of(span: &FaultSpan, history: &History) -> Self {
        Self {
            step: span.step.clone(),
            fault: span.fault.clone(),
            devices: span.devices.clone(),
            links: span.links.clone(),
            from_ms: history.drill_ms(span.from_ns),
            to_ms: history.drill_ms(span.to_ns),
        }
    }
}

/// A number with its word: `1 call`, `2 calls`.
pub(crate) fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn count(history: &History, name: &str) -> u64 {
    history.events.iter().filter(|event| event.event == name).count() as u64
}

fn workloads(history: &History) -> Vec<Workload> {
    let workload = |(pid, name): (&u32, &String)| Workload { name: name.clone(), pid: *pid };
    history.workloads.iter().map(workload).collect()
}

/// The members of groups that hold keys, or were owed some.
fn replication(history: &History) -> Vec<Replication> {
    let in_use = |lag: &MemberLag| {
        let held = || history.inventory_after.iter().any(|member| member.group == lag.group);
        lag.most_keys() > 0 || held()
    };
    let row = |lag: MemberLag| Replication {
        missing_max: lag.most_keys(),
        age_max_ms: history.length_ms(lag.greatest_age_ns()),
        missing_at_end: lag.at(u64::MAX).keys,
        group: lag.group,
        member: lag.device,
    };
    lags(history).into_iter().filter(in_use).map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::html::testing::{report, run};

    #[test]
    fn the_folder_holds_the_whole_run_and_says_how_to_repeat_it() {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("made/by/the/report");
        let report = report("[expect]\nrto_max = \"1s\"");
        report.write(&directory, "version = 1\n", &run(), None).unwrap();
        let read = |name: &str| std::fs::read_to_string(directory.join(name)).unwrap();
        let result: serde_json::Value = serde_json::from_str(&read("result.json")).unwrap();
        assert_eq!((result["schema"].as_u64(), result["tier"].as_str()), (Some(3), Some("real")));
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
        let few = folder.path().join("few");
        report.write(&few, "", &run(), Some(&["json", "replay"])).unwrap();
        let mut names: Vec<_> =
            std::fs::read_dir(&few).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["replay.txt", "result.json"]);
    }
}
