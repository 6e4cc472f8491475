//! The verdict: each expectation wanted, measured, met or not. Pure.

use std::time::Duration;

use hsmsim_client::record::EventRecord;
use hsmsim_sim_config::{Compare, CountRange, Expectations, Phase};
use serde::Serialize;

use crate::{
    expected_phases::PhaseMetrics, history::Check, metrics::Metrics, operations::LoadMetrics,
    schedule::recorded_event,
};

/// What a drill ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Every expectation was met.
    Pass,
    /// One was not.
    Fail,
    /// The fault never bit, or nobody called: nothing was proved.
    Inconclusive,
    /// A rule was broken that holds whatever the drill expects.
    Broken,
}

impl Verdict {
    /// The exit code of the command: 0, 2, 3, 4.
    pub fn exit_code(self) -> i32 {
        match self {
            Self::Pass => 0,
            Self::Fail => 2,
            Self::Inconclusive => 3,
            Self::Broken => 4,
        }
    }

    /// The word for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Inconclusive => "inconclusive",
            Self::Broken => "broken",
        }
    }

    /// The worse of two, for a drill that runs with several seeds.
    pub fn worse(self, other: Self) -> Self {
        let rank = |verdict: Self| match verdict {
            Self::Pass => 0,
            Self::Inconclusive => 1,
            Self::Fail => 2,
            Self::Broken => 3,
        };
        if rank(other) > rank(self) { other } else { self }
    }
}

/// One expectation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Expectation {
    /// Its key in the drill file.
    pub name: String,
    /// What was wanted.
    pub wanted: String,
    /// What was measured.
    pub measured: String,
    /// How far the two are apart, where that is a number.
    pub margin: Option<Margin>,
    /// Whether it was met.
    pub met: bool,
}

/// A limit and what came near it or went beyond.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Margin {
    /// The limit.
    pub limit: f64,
    /// What was measured.
    pub value: f64,
    /// `ms` of drill time, `count`, `percent`, or `per second`.
    pub unit: &'static str,
    /// The same for people: `4.6 s to spare (92 %)`, `2 over`.
    pub text: String,
}

impl Margin {
    fn of_time(limit_ms: f64, value_ms: f64) -> Self {
        let left = limit_ms - value_ms;
        let percent = if limit_ms > 0.0 {
            format!(" ({:.0} %)", 100.0 * left.abs() / limit_ms)
        } else {
            String::new()
        };
        let word = if left >= 0.0 { "to spare" } else { "over" };
        let text = match left {
            0.0 => "exactly met".to_owned(),
            _ => format!("{} {word}{percent}", seconds(left.abs())),
        };
        Self { limit: limit_ms, value: value_ms, unit: "ms", text }
    }

    fn of_least_time(limit_ms: f64, value_ms: f64) -> Self {
        let word = if value_ms >= limit_ms { "longer than needed" } else { "too short" };
        let text = format!("{} {word}", seconds((value_ms - limit_ms).abs()));
        Self { limit: limit_ms, value: value_ms, unit: "ms", text }
    }

    fn of_percent(most: f64, value: f64) -> Self {
        let word = if value <= most { "to spare" } else { "over" };
        let text = format!("{:.2} points {word}", (most - value).abs());
        Self { limit: most, value, unit: "percent", text }
    }

    fn of_throughput(least: f64, value: f64) -> Self {
        let word = if value >= least { "more than needed" } else { "too few" };
        let text = format!("{:.1}/s {word}", (value - least).abs());
        Self { limit: least, value, unit: "per second", text }
    }

    fn of_count(most: u64, value: u64) -> Self {
        let text = match value.checked_sub(most) {
            None => format!("{} to spare", most - value),
            Some(0) => "exactly met".to_owned(),
            Some(over) => format!("{over} over"),
        };
        Self { limit: most as f64, value: value as f64, unit: "count", text }
    }

    fn of_range(range: CountRange, value: u64) -> Self {
        let most = range.max.unwrap_or(u64::MAX);
        if value > most {
            return Self::of_count(most, value);
        }
        let text = match value.checked_sub(range.min) {
            None => format!("{} too few", range.min - value),
            Some(0) => "exactly met".to_owned(),
            Some(more) => format!("{more} above the least"),
        };
        Self { limit: range.min as f64, value: value as f64, unit: "count", text }
    }
}

/// What is judged beside the records of calls.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// Keys that the application was told about and that no member of their group holds.
    pub lost_keys: u64,
    /// Keys that a member holds and that nobody was told about.
    pub duplicate_keys: u64,
    /// What a failover would have cost when a fault struck: keys, and drill milliseconds. `None` if no
    /// fault left a group some members and not others.
    pub recovery_point: Option<(u64, f64)>,
    /// From the last call or fault until all members held the same, in drill milliseconds.
    pub inventory_equal_ms: Option<f64>,
    /// Signatures that did not verify outside the module.
    pub invalid_signatures: u64,
    /// Faults that were set on the cluster.
    pub faults: usize,
    /// Call faults that were set.
    pub call_faults: usize,
    /// Whether an asynchronous member fell behind: an acknowledged key reached it late.
    pub fell_behind: bool,
    /// Operations of the whole run.
    pub load: LoadMetrics,
    /// Each phase that the drill says something about.
    pub phases: Vec<(Phase, Expectations, PhaseMetrics)>,
    /// What `assert` and `run` steps came to.
    pub checks: Vec<Check>,
    /// Conditions that were never to hold.
    pub never: Vec<String>,
    /// The one that stopped the run, with what was measured.
    pub aborted: Option<(String, String)>,
    /// Why the run proves nothing, beside what follows from its records.
    pub inconclusive: Vec<String>,
    /// Rules that were broken, whatever the drill expects.
    pub broken: Vec<String>,
}

/// Short times in milliseconds, since tenths of a second would hide them.
fn seconds(ms: f64) -> String {
    match ms {
        _ if ms > 0.0 && ms < 1.0 => format!("{ms:.2} ms"),
        _ if ms > 0.0 && ms < 100.0 => format!("{ms:.0} ms"),
        _ => format!("{:.1} s", ms / 1000.0),
    }
}

/// Compares what was measured with what was expected.
pub fn judge(
    expect: &Expectations,
    metrics: &Metrics,
    events: &[EventRecord],
    findings: &Findings,
) -> (Verdict, Vec<Expectation>) {
    let mut sheet = Sheet { fell_behind: findings.fell_behind, ..Sheet::default() };
    sheet.part(expect, metrics, &findings.load, events);
    // These two are judged whatever the file says.
    let whole = Expectations { lost_keys_max: expect.lost_keys_max.or(Some(0)), ..expect.clone() };
    sheet.run(&whole, metrics, findings);
    let invalid = findings.invalid_signatures;
    let margin = Some(Margin::of_count(0, invalid));
    sheet.add("invalid_signatures", "0", invalid.to_string(), invalid == 0, margin);
    for (phase, expect, measured) in &findings.phases {
        sheet.phase = Some(*phase);
        sheet.part(expect, &measured.calls, &measured.load, &measured.events);
        sheet.run(expect, metrics, findings);
    }
    sheet.phase = None;
    for check in &findings.checks {
        let name = format!("{} {}", check.kind, check.step);
        sheet.add(&name, check.wanted.clone(), check.measured.clone(), check.met, None);
    }
    if !findings.never.is_empty() {
        let stopped = &findings.aborted;
        let measured = match stopped {
            Some((condition, measured)) => format!("{condition} held: {measured}; stopped"),
            None => "never".to_owned(),
        };
        sheet.add(
            "abort",
            format!("never {}", findings.never.join(", ")),
            measured,
            stopped.is_none(),
            None,
        );
    }
    for reason in &findings.inconclusive {
        sheet.unproved("event", "to happen", reason.clone());
    }
    for rule in &findings.broken {
        sheet.add("invariant", "never broken", rule.clone(), false, None);
    }
    // A fault that nobody noticed proves nothing, however well all else looks.
    let noticed = metrics.members_lost > 0
        || metrics.failovers > 0
        || metrics.calls.failed > 0
        || metrics.rto_max_ms > 0.0
        || findings.fell_behind
        || events
            .iter()
            .any(|event| ["not_replicated", "replication_dropped"].contains(&event.event.as_str()));
    let unnoticed =
        (findings.faults > 0 && !noticed) || (findings.call_faults > 0 && metrics.scripted == 0);
    let proves_nothing = metrics.calls.ok == 0 || sheet.proves_nothing || unnoticed;
    let calls = metrics.calls;
    let nobody_called = calls.ok + calls.failed + calls.unknown + metrics.scripted == 0;
    let verdict = match (sheet.refuted, proves_nothing) {
        _ if !findings.broken.is_empty() => Verdict::Broken,
        _ if nobody_called => Verdict::Inconclusive,
        (true, _) => Verdict::Fail,
        (false, true) => Verdict::Inconclusive,
        (false, false) => Verdict::Pass,
    };
    (verdict, sheet.all)
}

/// Expectations as they are judged.
#[derive(Default)]
struct Sheet {
    phase: Option<Phase>,
    all: Vec<Expectation>,
    /// Whether an asynchronous member fell behind in the run.
    fell_behind: bool,
    /// One was not met.
    refuted: bool,
    /// One could not be judged, or something did not happen that had to.
    proves_nothing: bool,
}

impl Sheet {
    fn add(
        &mut self,
        name: &str,
        wanted: impl Into<String>,
        measured: impl Into<String>,
        met: bool,
        margin: Option<Margin>,
    ) {
        self.refuted |= !met;
        self.push(name, wanted.into(), measured.into(), met, margin);
    }

    /// What did not happen, or nobody could see: it refutes nothing and leaves all open.
    fn unproved(&mut self, name: &str, wanted: impl Into<String>, measured: impl Into<String>) {
        self.proves_nothing = true;
        self.push(name, wanted.into(), measured.into(), false, None);
    }

    fn push(
        &mut self,
        name: &str,
        wanted: String,
        measured: String,
        met: bool,
        margin: Option<Margin>,
    ) {
        let name = match self.phase {
            Some(phase) => format!("{}.{name}", phase.as_str()),
            None => name.to_owned(),
        };
        self.all.push(Expectation { name, wanted, measured, margin, met });
    }

    fn time(&mut self, name: &str, limit: Option<Duration>, measured_ms: f64) {
        if let Some(limit) = limit {
            let limit_ms = limit_ms(limit);
            let margin = Margin::of_time(limit_ms, measured_ms);
            let wanted = format!("≤ {}", seconds(limit_ms));
            self.add(name, wanted, seconds(measured_ms), measured_ms <= limit_ms, Some(margin));
        }
    }

    fn count(&mut self, name: &str, most: Option<u64>, measured: u64) {
        if let Some(most) = most {
            let margin = Margin::of_count(most, measured);
            let met = measured <= most;
            self.add(name, format!("≤ {most}"), measured.to_string(), met, Some(margin));
        }
    }

    fn range(&mut self, name: &str, range: Option<CountRange>, measured: u64) {
        if let Some(range) = range {
            let (met, margin) = (range.contains(measured), Margin::of_range(range, measured));
            self.add(name, range.to_string(), measured.to_string(), met, Some(margin));
        }
    }

    /// What calls, operations and events of a part of the run can tell.
    fn part(
        &mut self,
        expect: &Expectations,
        metrics: &Metrics,
        load: &LoadMetrics,
        events: &[EventRecord],
    ) {
        self.time("stall_max", expect.stall_max, metrics.stall_max_ms);
        self.time("error_window_max", expect.error_window_max, metrics.error_window_max_ms);
        self.count("unknown_max", expect.unknown_max, metrics.calls.unknown);
        self.load(expect, load);
        if let Some(permitted) = &expect.codes_permitted {
            let other: Vec<&str> = metrics
                .failed_codes
                .keys()
                .map(String::as_str)
                .filter(|code| !permitted.iter().any(|permitted| permitted == code))
                .collect();
            let wanted =
                if permitted.is_empty() { "none".to_owned() } else { permitted.join(", ") };
            let measured = if other.is_empty() { "no other".to_owned() } else { other.join(", ") };
            self.add("codes_permitted", wanted, measured, other.is_empty(), None);
        }
        for code in &expect.codes_seen {
            match metrics.failed_codes.get(code) {
                Some(times) => self.add("codes_seen", code, format!("{times} times"), true, None),
                None => self.unproved("codes_seen", code, "never seen"),
            }
        }
        self.range("failovers", expect.failovers, metrics.failovers);
        self.range("recovered_members", expect.recovered_members, metrics.members_recovered);
        for wanted in &expect.sometimes {
            match happened(wanted, events, metrics, self.fell_behind) {
                true => self.add("sometimes", *wanted, "seen", true, None),
                false => self.unproved("sometimes", *wanted, "never seen"),
            }
        }
    }

    /// What operations can tell; nothing if there were none.
    fn load(&mut self, expect: &Expectations, load: &LoadMetrics) {
        const NONE: &str = "nothing worked then";
        for bound in &expect.latency {
            let name = format!("latency {}", bound.text.split_whitespace().next().unwrap_or(""));
            let (limit, measured) = (limit_ms(bound.limit), load.percentile_ms(bound.part));
            let wanted = format!("{} {}", bound.compare, seconds(limit));
            if load.all() == 0 {
                self.unproved(&name, wanted, NONE);
                continue;
            }
            let met = bound.compare.holds(measured, limit);
            let margin = Some(match bound.compare {
                Compare::Less | Compare::AtMost => Margin::of_time(limit, measured),
                _ => Margin::of_least_time(limit, measured),
            });
            self.add(&name, wanted, seconds(measured), met, margin);
        }
        if let Some(most) = expect.error_rate_max {
            let (wanted, rate) = (format!("≤ {most} %"), load.error_rate());
            match load.all() {
                0 => self.unproved("error_rate_max", wanted, NONE),
                _ => {
                    let margin = Some(Margin::of_percent(most, rate));
                    let measured = format!("{rate:.2} %");
                    self.add("error_rate_max", wanted, measured, rate <= most, margin);
                }
            }
        }
        if let Some(least) = expect.throughput_min {
            let (wanted, rate) = (format!("≥ {least}/s"), load.per_second);
            match load.all() {
                0 => self.unproved("throughput_min", wanted, NONE),
                _ => {
                    let margin = Some(Margin::of_throughput(least, rate));
                    let measured = format!("{rate:.1}/s");
                    self.add("throughput_min", wanted, measured, rate >= least, margin);
                }
            }
        }
    }

    /// What only the end of the run can tell.
    fn run(&mut self, expect: &Expectations, metrics: &Metrics, findings: &Findings) {
        self.time("rto_max", expect.rto_max, metrics.rto_max_ms);
        self.count("lost_keys_max", expect.lost_keys_max, findings.lost_keys);
        let (keys, age_ms) = findings.recovery_point.unwrap_or_default();
        self.count("rpo_keys_max", expect.rpo_keys_max, keys);
        self.time("rpo_age_max", expect.rpo_age_max, age_ms);
        self.count("duplicate_keys_max", expect.duplicate_keys_max, findings.duplicate_keys);
        if expect.inventory_equal_within.is_some() {
            match findings.inventory_equal_ms {
                Some(ms) => self.time("inventory_equal_within", expect.inventory_equal_within, ms),
                None => {
                    let limit = limit_ms(expect.inventory_equal_within.unwrap_or_default());
                    let wanted = format!("≤ {}", seconds(limit));
                    self.add("inventory_equal_within", wanted, "never", false, None);
                }
            }
        }
    }
}

fn limit_ms(limit: Duration) -> f64 {
    limit.as_secs_f64() * 1000.0
}

/// Whether an event of the drill file's vocabulary has happened.
fn happened(name: &str, events: &[EventRecord], metrics: &Metrics, fell_behind: bool) -> bool {
    if name == "repl.behind" {
        return fell_behind;
    }
    match recorded_event(name) {
        Some(event) => events.iter().any(|record| record.event == event),
        None => metrics.calls.failed + metrics.calls.unknown > 0,
    }
}

#[cfg(test)]
mod tests {
    use hsmsim_sim_config::Drill;

    use super::*;
    use crate::metrics::Calls;

    fn good() -> Metrics {
        Metrics {
            calls: Calls { ok: 100, failed: 0, unknown: 0 },
            stall_max_ms: 20_500.0,
            failovers: 1,
            members_lost: 1,
            ..Metrics::default()
        }
    }

    fn findings() -> Findings {
        Findings { faults: 1, ..Findings::default() }
    }

    fn verdict(expect: &Expectations, metrics: &Metrics, findings: &Findings) -> Verdict {
        judge(expect, metrics, &[], findings).0
    }

    #[test]
    fn each_expectation_fails_when_it_is_not_met() {
        let none = Expectations::default();
        assert_eq!(verdict(&none, &good(), &findings()), Verdict::Pass);
        let stall = Expectations { stall_max: Some(Duration::from_secs(20)), ..none.clone() };
        assert_eq!(verdict(&stall, &good(), &findings()), Verdict::Fail);
        let seen = Expectations { codes_seen: vec!["CKR_DEVICE_ERROR".to_owned()], ..none.clone() };
        assert_eq!(verdict(&seen, &good(), &findings()), Verdict::Inconclusive);
        let window = Expectations { error_window_max: Some(Duration::ZERO), ..none.clone() };
        let errors = Metrics { error_window_max_ms: 1.0, ..good() };
        assert_eq!(verdict(&window, &errors, &findings()), Verdict::Fail);
        let codes = Expectations { codes_permitted: Some(Vec::new()), ..none.clone() };
        let mut failed = good();
        failed.failed_codes.insert("CKR_DEVICE_ERROR".to_owned(), 1);
        assert_eq!(verdict(&codes, &failed, &findings()), Verdict::Fail);
        assert_eq!(verdict(&seen, &failed, &findings()), Verdict::Pass);
        let unknown = Expectations { unknown_max: Some(0), ..none.clone() };
        let mut calls = good();
        calls.calls.unknown = 1;
        assert_eq!(verdict(&unknown, &calls, &findings()), Verdict::Fail);
        let lost = Findings { lost_keys: 1, ..findings() };
        assert_eq!(verdict(&none, &good(), &lost), Verdict::Fail);
        let invalid = Findings { invalid_signatures: 1, ..findings() };
        assert_eq!(verdict(&none, &good(), &invalid), Verdict::Fail);
    }

    #[test]
    fn operations_are_judged_by_rate_and_time() {
        let load = LoadMetrics {
            ok: 95,
            failed: 4,
            missed: 1,
            per_second: 9.5,
            p50_ms: 2.0,
            p99_ms: 20.0,
            max_ms: 90.0,
            ..LoadMetrics::default()
        };
        let found = Findings { load, ..findings() };
        let expect = |text: &str| {
            let head = "version = 1\nname = \"d\"\ntitle = \"T\"\nhypothesis = \"H\"\n\
                        duration = \"1s\"\n[[workload]]\nname = \"w\"\nmix = { find = 1 }\n";
            Drill::parse(&format!("{head}[expect]\n{text}"), "d").unwrap().expect
        };
        for (text, met) in [
            ("latency = [\"p50 < 3ms\", \"p99 <= 20ms\"]", Verdict::Pass),
            ("latency = [\"p99 < 20ms\"]", Verdict::Fail),
            ("latency = [\"max < 80ms\"]", Verdict::Fail),
            ("latency = [\"max > 80ms\", \"p99 >= 20ms\"]", Verdict::Pass),
            ("latency = [\"p50 > 2ms\"]", Verdict::Fail),
            ("error_rate_max = \"5 %\"", Verdict::Pass),
            ("error_rate_max = \"4.9 %\"", Verdict::Fail),
            ("throughput_min = \"9/s\"", Verdict::Pass),
            ("throughput_min = \"10/s\"", Verdict::Fail),
            ("recovered_members = \"1..\"", Verdict::Fail),
            ("duplicate_keys_max = 0", Verdict::Pass),
            ("inventory_equal_within = \"1s\"", Verdict::Fail),
        ] {
            assert_eq!(verdict(&expect(text), &good(), &found), met, "{text}");
        }
        let nobody = Findings { load: LoadMetrics::default(), ..found };
        let latency = expect("latency = [\"p50 < 3ms\"]");
        assert_eq!(verdict(&latency, &good(), &nobody), Verdict::Inconclusive);
    }

    #[test]
    fn what_stops_or_breaks_a_run_decides_it() {
        let none = Expectations::default();
        let conditions = vec!["error_rate > 50 %".to_owned()];
        let quiet = Findings { never: conditions.clone(), ..findings() };
        assert_eq!(verdict(&none, &good(), &quiet), Verdict::Pass);
        let aborted = Some(("error_rate > 50 %".to_owned(), "70.0 %".to_owned()));
        let stopped = Findings { never: conditions, aborted, ..findings() };
        assert_eq!(verdict(&none, &good(), &stopped), Verdict::Fail);
        let silent = Findings { inconclusive: vec!["nothing came".to_owned()], ..findings() };
        assert_eq!(verdict(&none, &good(), &silent), Verdict::Inconclusive);
        let broken = Findings { broken: vec!["a key is gone".to_owned()], ..findings() };
        assert_eq!(verdict(&none, &good(), &broken), Verdict::Broken);
        assert_eq!(Verdict::Inconclusive.worse(Verdict::Pass), Verdict::Inconclusive);
        assert_eq!(Verdict::Inconclusive.worse(Verdict::Fail), Verdict::Fail);
        let codes = [Verdict::Pass, Verdict::Fail, Verdict::Inconclusive, Verdict::Broken];
        assert_eq!(codes.map(Verdict::exit_code), [0, 2, 3, 4]);
    }

    #[test]
    fn a_phase_is_judged_by_what_happened_in_it() {
        let during = Expectations { stall_max: Some(Duration::from_secs(1)), ..Default::default() };
        let phase = |stall_max_ms| {
            let calls = Metrics { stall_max_ms, ..good() };
            let measured = PhaseMetrics { calls, ..PhaseMetrics::default() };
            Findings { phases: vec![(Phase::During, during.clone(), measured)], ..findings() }
        };
        let none = Expectations::default();
        assert_eq!(verdict(&none, &good(), &phase(900.0)), Verdict::Pass);
        assert_eq!(verdict(&none, &good(), &phase(1100.0)), Verdict::Fail);
        let (_, all) = judge(&none, &good(), &[], &phase(1100.0));
        assert!(all.iter().any(|e| e.name == "during.stall_max" && !e.met));
    }

    #[test]
    fn a_margin_says_how_near_it_was() {
        for (limit, value, text) in [
            (5000.0, 400.0, "4.6 s to spare (92 %)"),
            (5000.0, 6000.0, "1.0 s over (20 %)"),
            (0.0, 0.0, "exactly met"),
            (0.0, 2500.0, "2.5 s over"),
        ] {
            assert_eq!(Margin::of_time(limit, value).text, text);
        }
        assert_eq!(Margin::of_count(2, 0).text, "2 to spare");
        assert_eq!(Margin::of_count(0, 3).text, "3 over");
        let range = CountRange { min: 1, max: Some(2) };
        for (count, text) in
            [(0, "1 too few"), (1, "exactly met"), (2, "1 above the least"), (4, "2 over")]
        {
            assert_eq!(Margin::of_range(range, count).text, text);
        }
    }

    #[test]
    fn a_call_fault_that_struck_no_call_proves_nothing() {
        let none = Expectations::default();
        let scripted = Findings { faults: 0, call_faults: 1, ..findings() };
        assert_eq!(verdict(&none, &good(), &scripted), Verdict::Inconclusive);
        let struck = Metrics { scripted: 3, ..good() };
        assert_eq!(verdict(&none, &struck, &scripted), Verdict::Pass);
        // A member that nobody noticed the loss of is not made up for by a call fault.
        let quiet = Metrics { failovers: 0, members_lost: 0, ..struck };
        let both = Findings { faults: 1, ..scripted };
        assert_eq!(verdict(&none, &quiet, &both), Verdict::Inconclusive);
    }

    #[test]
    fn a_fault_that_nobody_noticed_proves_nothing() {
        let unnoticed = Metrics { failovers: 0, members_lost: 0, ..good() };
        let none = Expectations::default();
        assert_eq!(verdict(&none, &unnoticed, &findings()), Verdict::Inconclusive);
        assert_eq!(verdict(&none, &Metrics::default(), &findings()), Verdict::Inconclusive);
        let sometimes = Expectations { sometimes: vec!["ha.failover"], ..none };
        assert_eq!(verdict(&sometimes, &good(), &findings()), Verdict::Inconclusive);
    }
}
