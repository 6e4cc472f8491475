//! The verdict: each expectation wanted, measured, met or not. Pure.

use std::time::Duration;

use hsmsim_client::record::EventRecord;
use hsmsim_sim_config::{CountRange, Expectations};
use serde::Serialize;

use crate::metrics::Metrics;

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
}

impl Verdict {
    /// The exit code of the command: 0, 2, 3.
    pub fn exit_code(self) -> i32 {
        match self {
            Self::Pass => 0,
            Self::Fail => 2,
            Self::Inconclusive => 3,
        }
    }

    /// The word for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Inconclusive => "inconclusive",
        }
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
    /// `ms` of drill time, or `count`.
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
#[derive(Clone, Copy, Debug, Default)]
pub struct Findings {
    /// Keys that the application was told about and that no member of their group holds.
    pub lost_keys: u64,
    /// Signatures that did not verify outside the module.
    pub invalid_signatures: u64,
    /// Faults that were set.
    pub faults: usize,
    /// Whether a standby member answered calls.
    pub standby_served: bool,
    /// Whether an asynchronous member fell behind: an acknowledged key reached it late.
    pub fell_behind: bool,
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
    let mut all = Vec::new();
    let mut add = |name: &str, wanted: String, measured: String, met: bool, margin| {
        all.push(Expectation { name: name.to_owned(), wanted, measured, margin, met });
    };
    let longest = [
        ("stall_max", expect.stall_max, metrics.stall_max_ms),
        ("error_window_max", expect.error_window_max, metrics.error_window_max_ms),
        ("rto_max", expect.rto_max, metrics.rto_max_ms),
    ];
    for (name, limit, measured_ms) in longest {
        if let Some(limit) = limit {
            let met = measured_ms <= limit_ms(limit);
            let margin = Margin::of_time(limit_ms(limit), measured_ms);
            let wanted = format!("≤ {}", seconds(limit_ms(limit)));
            add(name, wanted, seconds(measured_ms), met, Some(margin));
        }
    }
    let lost = findings.lost_keys;
    let most = expect.lost_keys_max;
    let margin = Margin::of_count(most, lost);
    add("lost_keys_max", format!("≤ {most}"), lost.to_string(), lost <= most, Some(margin));
    let invalid = findings.invalid_signatures;
    let margin = Margin::of_count(0, invalid);
    add("invalid_signatures", "0".to_owned(), invalid.to_string(), invalid == 0, Some(margin));
    if let Some(most) = expect.unknown_max {
        let unknown = metrics.calls.unknown;
        let (wanted, margin) = (format!("≤ {most}"), Margin::of_count(most, unknown));
        add("unknown_max", wanted, unknown.to_string(), unknown <= most, Some(margin));
    }
    if let Some(permitted) = &expect.codes_permitted {
        let other: Vec<&str> = metrics
            .failed_codes
            .keys()
            .map(String::as_str)
            .filter(|code| !permitted.iter().any(|permitted| permitted == code))
            .collect();
        let wanted = if permitted.is_empty() { "none".to_owned() } else { permitted.join(", ") };
        let measured = if other.is_empty() { "no other".to_owned() } else { other.join(", ") };
        add("codes_permitted", wanted, measured, other.is_empty(), None);
    }
    if let Some(range) = expect.failovers {
        let count = metrics.failovers;
        let (met, margin) = (range.contains(count), Margin::of_range(range, count));
        add("failovers", range.to_string(), count.to_string(), met, Some(margin));
    }
    let mut bitten = true;
    for wanted in &expect.sometimes {
        let seen = happened(wanted, events, findings);
        bitten &= seen;
        let measured = if seen { "seen" } else { "never seen" };
        add("sometimes", (*wanted).to_owned(), measured.to_owned(), seen, None);
    }
    // A fault that nobody noticed proves nothing, however well all else looks.
    let noticed = metrics.members_lost > 0
        || metrics.failovers > 0
        || metrics.calls.failed > 0
        || metrics.rto_max_ms > 0.0
        || findings.fell_behind;
    let proves_nothing = metrics.calls.ok == 0 || !bitten || (findings.faults > 0 && !noticed);
    let broken = all.iter().any(|expectation| !expectation.met && expectation.name != "sometimes");
    let calls = metrics.calls;
    let nobody_called = calls.ok + calls.failed + calls.unknown == 0;
    let verdict = match (broken, proves_nothing) {
        _ if nobody_called => Verdict::Inconclusive,
        (true, _) => Verdict::Fail,
        (false, true) => Verdict::Inconclusive,
        (false, false) => Verdict::Pass,
    };
    (verdict, all)
}

fn limit_ms(limit: Duration) -> f64 {
    limit.as_secs_f64() * 1000.0
}

/// Whether an event of the drill file's vocabulary has happened.
fn happened(name: &str, events: &[EventRecord], findings: &Findings) -> bool {
    let event = match name {
        "ha.standby_served" => return findings.standby_served,
        "repl.behind" => return findings.fell_behind,
        "ha.failover" => "failover",
        "ha.member_recovered" => "member_recovered",
        "ha.copy_owed" => "copy_owed",
        "ha.copy_delivered" => "copy_delivered",
        "ha.multi_part_lost" => "multi_part_lost",
        "repl.applied" => "replication_applied",
        "repl.dropped" => "replication_dropped",
        "repl.conflict" => "replication_conflict",
        _ => return false,
    };
    events.iter().any(|record| record.event == event)
}

#[cfg(test)]
mod tests {
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
        let window = Expectations { error_window_max: Some(Duration::ZERO), ..none.clone() };
        let errors = Metrics { error_window_max_ms: 1.0, ..good() };
        assert_eq!(verdict(&window, &errors, &findings()), Verdict::Fail);
        let codes = Expectations { codes_permitted: Some(Vec::new()), ..none.clone() };
        let mut failed = good();
        failed.failed_codes.insert("CKR_DEVICE_ERROR".to_owned(), 1);
        assert_eq!(verdict(&codes, &failed, &findings()), Verdict::Fail);
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
    fn a_fault_that_nobody_noticed_proves_nothing() {
        let unnoticed = Metrics { failovers: 0, members_lost: 0, ..good() };
        let none = Expectations::default();
        assert_eq!(verdict(&none, &unnoticed, &findings()), Verdict::Inconclusive);
        assert_eq!(verdict(&none, &Metrics::default(), &findings()), Verdict::Inconclusive);
        let sometimes = Expectations { sometimes: vec!["ha.failover"], ..none };
        assert_eq!(verdict(&sometimes, &good(), &findings()), Verdict::Inconclusive);
    }
}
