//! What an application saw, in numbers: pure functions over its records.
//!
//! Times are drill time: real time multiplied by `time_scale`.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use hsmsim_client::record::{CallRecord, EventRecord};
use serde::Serialize;

/// Calls by outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Calls {
    /// Ended as the application wanted.
    pub ok: u64,
    /// Ended with an error.
    pub failed: u64,
    /// May or may not have taken effect.
    pub unknown: u64,
}

/// What a run came to.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Metrics {
    /// Calls by outcome.
    pub calls: Calls,
    /// Calls that a call fault struck. The cluster has no part in what they saw, so they count nowhere
    /// else.
    pub scripted: u64,
    /// How often each code was returned.
    pub codes: BTreeMap<String, u64>,
    /// How often each code failed a call.
    pub failed_codes: BTreeMap<String, u64>,
    /// The longest call, in drill milliseconds.
    pub stall_max_ms: f64,
    /// The longest time from a failed call to the next that succeeded, of one session, in drill
    /// milliseconds. A failure that is never followed by a success counts until the last call.
    pub error_window_max_ms: f64,
    /// The longest time from a fault to the end of the last call that it failed or stalled, in drill
    /// milliseconds; 0 if it disturbed none.
    pub rto_max_ms: f64,
    /// Calls that moved to another member.
    pub failovers: u64,
    /// Members given up.
    pub members_lost: u64,
    /// Members that took part again.
    pub members_recovered: u64,
    /// Half of all calls took no longer, in drill milliseconds.
    pub p50_ms: f64,
    /// 99 of 100 calls took no longer, in drill milliseconds.
    pub p99_ms: f64,
}

/// Codes that are answers, not failures: the two-call convention, and a login that another thread of
/// the application has done already. The function counts if it is named.
const ANSWERS: [(&str, Option<&str>); 3] = [
    ("CKR_OK", None),
    ("CKR_BUFFER_TOO_SMALL", None),
    ("CKR_USER_ALREADY_LOGGED_IN", Some("C_Login")),
];

/// Codes after which nobody knows whether a call that makes or destroys something took effect.
const UNKNOWN: [&str; 2] = ["CKR_DEVICE_ERROR", "CKR_FUNCTION_FAILED"];

/// Functions that leave something behind.
const LASTING: [&str; 7] = [
    "C_GenerateKey",
    "C_GenerateKeyPair",
    "C_CreateObject",
    "C_CopyObject",
    "C_DestroyObject",
    "C_UnwrapKey",
    "C_DeriveKey",
];

/// No call that is shorter counts as stalled by a fault, in real nanoseconds.
const STALL_NS: u64 = 100_000_000;

/// Nor one that is not this many times longer than the longest before the first fault.
const STALL_FACTOR: u64 = 3;

/// Whether the call failed from the application's point of view.
pub fn failed(call: &CallRecord) -> bool {
    !ANSWERS.iter().any(|(code, function)| {
        call.code == *code && function.is_none_or(|function| call.function == function)
    })
}

/// Whether the call failed, and no call fault was what failed it.
pub(crate) fn failed_by_cluster(call: &CallRecord) -> bool {
    failed(call) && call.call_fault.is_empty()
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// As the application wanted.
    Ok,
    /// With an error.
    Fail,
    /// With an error that leaves open whether it took effect.
    Unknown,
}

impl Outcome {
    /// The word in `history.ndjson`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Fail => "fail",
            Self::Unknown => "unknown",
        }
    }
}

/// How a call ended, from the application's point of view.
pub fn outcome(call: &CallRecord) -> Outcome {
    if !failed(call) {
        Outcome::Ok
    } else if UNKNOWN.contains(&&*call.code) && LASTING.contains(&&*call.function) {
        Outcome::Unknown
    } else {
        Outcome::Fail
    }
}

/// A stretch of time, in nanoseconds of the run's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// Its begin.
    pub from_ns: u64,
    /// Its end.
    pub to_ns: u64,
}

impl Stretch {
    /// How long it is.
    pub fn length_ns(self) -> u64 {
        self.to_ns.saturating_sub(self.from_ns)
    }
}

/// The longer of two, the first if they are equal.
fn longer(a: Option<Stretch>, b: Option<Stretch>) -> Option<Stretch> {
    match (a, b) {
        (Some(a), Some(b)) => Some(if b.length_ns() > a.length_ns() { b } else { a }),
        (a, b) => a.or(b),
    }
}

/// Computes the metrics. Calls need no order. `faults_at_ns`: when faults were set, in nanoseconds since 1970.
pub fn metrics(
    calls: &[CallRecord],
    events: &[EventRecord],
    faults_at_ns: &[u64],
    time_scale: f64,
) -> Metrics {
    let ms = |ns: u64| ns as f64 * time_scale / 1e6;
    let mut metrics = Metrics::default();
    let all = calls.len();
    let calls = unscripted(calls);
    let calls = &*calls;
    metrics.scripted = (all - calls.len()) as u64;
    for call in calls {
        count(&mut metrics.codes, &call.code);
        let outcome = outcome(call);
        match outcome {
            Outcome::Ok => metrics.calls.ok += 1,
            Outcome::Fail => metrics.calls.failed += 1,
            Outcome::Unknown => metrics.calls.unknown += 1,
        }
        if outcome != Outcome::Ok {
            count(&mut metrics.failed_codes, &call.code);
        }
    }
    let mut times: Vec<u64> = calls.iter().map(|call| call.took_ns).collect();
    times.sort_unstable();
    metrics.p50_ms = ms(percentile(&times, 0.5));
    metrics.p99_ms = ms(percentile(&times, 0.99));
    metrics.stall_max_ms = ms(times.last().copied().unwrap_or(0));
    let length_ms = |stretch: Option<Stretch>| stretch.map_or(0.0, |it| ms(it.length_ns()));
    metrics.error_window_max_ms = length_ms(error_window(calls));
    metrics.rto_max_ms = length_ms(recovery(calls, faults_at_ns));
    let count = |name: &str| events.iter().filter(|event| event.event == name).count() as u64;
    metrics.failovers = count("failover");
    metrics.members_lost = count("member_lost");
    metrics.members_recovered = count("member_recovered");
    metrics
}

/// The calls that no call fault struck: only they tell of the cluster.
pub(crate) fn unscripted(calls: &[CallRecord]) -> Cow<'_, [CallRecord]> {
    match calls.iter().all(|call| call.call_fault.is_empty()) {
        true => Cow::Borrowed(calls),
        false => calls.iter().filter(|call| call.call_fault.is_empty()).cloned().collect(),
    }
}

/// Without a new string for a code that is known already.
fn count(counts: &mut BTreeMap<String, u64>, code: &str) {
    match counts.get_mut(code) {
        Some(count) => *count += 1,
        None => {
            counts.insert(code.to_owned(), 1);
        }
    }
}

/// When a call ended.
pub(crate) fn end(call: &CallRecord) -> u64 {
    call.at_ns + call.took_ns
}

/// The value that this part of all does not exceed; 0 of none. `sorted`: ascending.
pub(crate) fn percentile(sorted: &[u64], part: f64) -> u64 {
    let index = ((sorted.len() as f64 * part) as usize).min(sorted.len().saturating_sub(1));
    sorted.get(index).copied().unwrap_or(0)
}

/// The longest error window: of one session, from a failed call to the end of the next that
/// succeeded, or to the last call if none did. `None` if no call failed.
pub fn error_window(calls: &[CallRecord]) -> Option<Stretch> {
    let mut sessions: BTreeMap<(u32, u64), Vec<&CallRecord>> = BTreeMap::new();
    for call in calls {
        sessions.entry((call.pid, call.session)).or_default().push(call);
    }
    let mut longest = None;
    for calls in sessions.values_mut() {
        calls.sort_by_key(|call| call.at_ns);
        let mut since = None;
        for call in calls {
            if failed(call) {
                since.get_or_insert(call.at_ns);
            }
            if let Some(from_ns) = since {
                longest = longer(longest, Some(Stretch { from_ns, to_ns: end(call) }));
                if !failed(call) {
                    since = None;
                }
            }
        }
    }
    longest
}

/// The longest recovery: from a fault to the end of the last call that it failed or stalled. `None` if
/// no fault disturbed a call.
pub fn recovery(calls: &[CallRecord], faults_at_ns: &[u64]) -> Option<Stretch> {
    let first = faults_at_ns.iter().copied().min()?;
    let before = calls.iter().filter(|call| end(call) <= first).map(|call| call.took_ns).max();
    let stalled = before.map_or(STALL_NS, |longest| (longest * STALL_FACTOR).max(STALL_NS));
    let of_one = |&fault: &u64| recovery_from(calls, fault, faults_at_ns, stalled);
    faults_at_ns.iter().map(of_one).fold(None, longer)
}

/// Of one fault: the calls that were under way or began before the next fault.
fn recovery_from(
    calls: &[CallRecord],
    fault: u64,
    faults: &[u64],
    stalled: u64,
) -> Option<Stretch> {
    let next = faults.iter().copied().filter(|&other| other > fault).min().unwrap_or(u64::MAX);
    calls
        .iter()
        .filter(|call| end(call) > fault && call.at_ns < next)
        .filter(|call| failed(call) || call.took_ns > stalled)
        .map(end)
        .max()
        .map(|to_ns| Stretch { from_ns: fault, to_ns })
}

/// Token objects that the application was told about and did not destroy, each with its group.
pub fn acknowledged(events: &[EventRecord]) -> BTreeSet<(&str, &str)> {
    let mut objects = BTreeSet::new();
    for event in events {
        let object = (event.group.as_str(), event.detail.as_str());
        match event.event.as_str() {
            "object_created" => {
                objects.insert(object);
            }
            "object_destroyed" => {
                objects.remove(&object);
            }
            _ => {}
        }
    }
    objects
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    /// A history in lines of `begin took function code`, times in milliseconds.
    fn history(text: &str) -> Vec<CallRecord> {
        let word = |words: &[&str], index: usize| words[index].to_owned();
        text.lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>())
            .filter(|words| words.len() == 4)
            .map(|words| CallRecord {
                at_ns: words[0].parse::<u64>().unwrap() * MS,
                took_ns: words[1].parse::<u64>().unwrap() * MS,
                function: word(&words, 2).into(),
                session: 1,
                code: word(&words, 3).into(),
                pid: 1,
                member: String::new().into(),
                call_fault: "".into(),
            })
            .collect()
    }

    #[test]
    fn what_a_call_fault_did_is_not_the_cluster_s_doing() {
        let mut calls =
            history("0 1 C_Sign CKR_OK\n1 9000 C_Sign CKR_DEVICE_ERROR\n9001 1 C_Sign CKR_OK");
        assert_eq!(metrics(&calls, &[], &[0], 1.0).calls.failed, 1);
        calls[1].call_fault = "3".into();
        let metrics = metrics(&calls, &[], &[0], 1.0);
        assert_eq!((metrics.scripted, metrics.calls.ok, metrics.calls.failed), (1, 2, 0));
        assert_eq!(
            (metrics.stall_max_ms, metrics.error_window_max_ms, metrics.rto_max_ms),
            (1.0, 0.0, 0.0)
        );
        assert!(metrics.failed_codes.is_empty());
    }

    #[test]
    fn a_stall_is_the_longest_call_in_drill_time() {
        let calls = history("0 1 C_Sign CKR_OK\n1 2000 C_Sign CKR_OK");
        assert_eq!(metrics(&calls, &[], &[], 10.0).stall_max_ms, 20_000.0);
    }

    #[test]
    fn an_error_window_lasts_from_the_first_failure_to_the_end_of_the_next_success() {
        let calls = history(
            "0 1 C_Sign CKR_OK
             10 1 C_Sign CKR_DEVICE_ERROR
             20 1 C_Sign CKR_DEVICE_ERROR
             30 5 C_Sign CKR_OK
             90 1 C_Sign CKR_OK",
        );
        let metrics = metrics(&calls, &[], &[], 1.0);
        assert_eq!(metrics.error_window_max_ms, 25.0);
        assert_eq!(metrics.calls, Calls { ok: 3, failed: 2, unknown: 0 });
    }

    #[test]
    fn an_error_that_nothing_follows_still_has_its_window() {
        let calls = history("10 4 C_Sign CKR_DEVICE_ERROR");
        assert_eq!(metrics(&calls, &[], &[], 1.0).error_window_max_ms, 4.0);
    }

    #[test]
    fn the_recovery_time_runs_from_the_fault_to_the_end_of_what_it_disturbed() {
        let calls = history(
            "90 1 C_Sign CKR_OK
             99 500 C_Sign CKR_OK
             700 1 C_Sign CKR_OK",
        );
        assert_eq!(metrics(&calls, &[], &[100 * MS], 1.0).rto_max_ms, 499.0);
        assert_eq!(metrics(&calls, &[], &[650 * MS], 1.0).rto_max_ms, 0.0);
    }

    #[test]
    fn a_key_generation_that_a_device_error_ended_is_unknown() {
        let calls = history("0 1 C_GenerateKeyPair CKR_DEVICE_ERROR\n1 1 C_Sign CKR_DEVICE_ERROR");
        let calls = metrics(&calls, &[], &[], 1.0).calls;
        assert_eq!(calls, Calls { ok: 0, failed: 1, unknown: 1 });
    }

    #[test]
    fn asking_for_a_length_is_no_failure() {
        let calls =
            history("0 1 C_Sign CKR_BUFFER_TOO_SMALL\n1 1 C_Login CKR_USER_ALREADY_LOGGED_IN");
        assert_eq!(metrics(&calls, &[], &[], 1.0).calls.failed, 0);
    }

    #[test]
    fn a_long_key_generation_is_not_taken_for_a_stall() {
        let calls = history(
            "0 200 C_GenerateKeyPair CKR_OK
             400 1 C_Sign CKR_OK
             900 300 C_GenerateKeyPair CKR_OK",
        );
        assert_eq!(metrics(&calls, &[], &[350 * MS], 1.0).rto_max_ms, 0.0);
    }

    #[test]
    fn what_was_destroyed_cannot_be_lost() {
        let event = |event: &str, id: &str| EventRecord {
            at_ns: 0,
            event: event.to_owned(),
            group: "g".to_owned(),
            member: String::new(),
            detail: id.to_owned(),
            pid: 1,
        };
        let events = [
            event("object_created", "a"),
            event("object_created", "b"),
            event("object_destroyed", "a"),
        ];
        let left: Vec<_> = acknowledged(&events).into_iter().collect();
        assert_eq!(left, [("g", "b")]);
    }
}
