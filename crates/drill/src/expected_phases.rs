//! The parts of a run that expectations speak of, and what happened in each. Pure. Why they are others
//! than those of the tables stands in [`phases`](crate::phases).

use hsmsim_client::record::EventRecord;
use hsmsim_sim_config::Phase;
use serde::Serialize;

use crate::{
    history::History,
    metrics::{Metrics, Stretch, end, failed, metrics},
    operations::{LoadMetrics, Went},
};

/// What happened in a phase.
#[derive(Clone, Debug, Default, Serialize)]
pub struct PhaseMetrics {
    /// Calls, codes, stalls, failovers.
    #[serde(flatten)]
    pub calls: Metrics,
    /// Operations of the drill's own applications; calls, if they were foreign.
    pub load: LoadMetrics,
    /// Events in it.
    #[serde(skip)]
    pub events: Vec<EventRecord>,
}

/// When a phase is. Of a run without faults all but the whole and `before` are never.
pub fn windows(history: &History, phase: Phase) -> Vec<Stretch> {
    let whole = Stretch { from_ns: 0, to_ns: u64::MAX };
    let Some(struck) = history.struck() else {
        return match phase {
            Phase::Before | Phase::Always => vec![whole],
            _ => Vec::new(),
        };
    };
    match phase {
        Phase::Always => vec![whole],
        Phase::Before => vec![Stretch { to_ns: struck.from_ns, ..whole }],
        Phase::After => vec![Stretch { from_ns: struck.to_ns, ..whole }],
        Phase::During => joined(
            history.faults.iter().map(|span| Stretch { from_ns: span.from_ns, to_ns: span.to_ns }),
        ),
        Phase::Edge => {
            let timeout = history.topology.ha.receive_timeout.as_nanos() as f64;
            let reach = (timeout / history.time_scale) as u64;
            let around = |at: u64| Stretch {
                from_ns: at.saturating_sub(reach),
                to_ns: at.saturating_add(reach),
            };
            joined(
                history.faults.iter().flat_map(|span| [around(span.from_ns), around(span.to_ns)]),
            )
        }
    }
}

/// Stretches that touch made one, in the order of time.
fn joined(stretches: impl Iterator<Item = Stretch>) -> Vec<Stretch> {
    let mut all: Vec<Stretch> = stretches.collect();
    all.sort_by_key(|stretch| stretch.from_ns);
    let mut joined: Vec<Stretch> = Vec::new();
    for stretch in all {
        match joined.last_mut() {
            Some(last) if stretch.from_ns <= last.to_ns => {
                last.to_ns = last.to_ns.max(stretch.to_ns);
            }
            _ => joined.push(stretch),
        }
    }
    joined
}

/// Whether what lasted that long belongs to a phase. What the first fault struck is no longer before it;
/// what began before the last heal is not yet after it; all else belongs where it overlaps.
fn belongs(phase: Phase, windows: &[Stretch], from_ns: u64, to_ns: u64) -> bool {
    windows.iter().any(|window| match phase {
        Phase::Always => true,
        Phase::Before => to_ns <= window.to_ns,
        Phase::After => from_ns >= window.from_ns,
        Phase::During | Phase::Edge => from_ns <= window.to_ns && to_ns >= window.from_ns,
    })
}

/// What happened in a phase.
pub fn within(history: &History, phase: Phase) -> PhaseMetrics {
    let windows = windows(history, phase);
    let is_in = |from_ns, to_ns| belongs(phase, &windows, from_ns, to_ns);
    let calls: Vec<_> =
        history.calls.iter().filter(|call| is_in(call.at_ns, end(call))).cloned().collect();
    let events: Vec<EventRecord> =
        history.events.iter().filter(|event| is_in(event.at_ns, event.at_ns)).cloned().collect();
    let went: Vec<(u64, u64, Went)> =
        all_went(history).filter(|(from_ns, to_ns, _)| is_in(*from_ns, *to_ns)).collect();
    let seconds = length(&windows, &went);
    let went: Vec<Went> = went.into_iter().map(|(.., one)| one).collect();
    PhaseMetrics {
        calls: metrics(&calls, &events, &history.strike_times(), history.time_scale),
        load: LoadMetrics::of(&went, seconds, history.time_scale),
        events,
    }
}

/// Operations with their times; calls, if no application of the drill's own worked, but for those that a
/// call fault struck.
fn all_went(history: &History) -> Box<dyn Iterator<Item = (u64, u64, Went)> + '_> {
    if history.notes.operations.is_empty() {
        let own = history.calls.iter().filter(|call| call.call_fault.is_empty());
        return Box::new(own.map(|call| {
            let went = Went { took_ns: call.took_ns, ok: !failed(call), missed: false };
            (call.at_ns, end(call), went)
        }));
    }
    Box::new(history.notes.operations.iter().map(|operation| {
        let took_ns = operation.end_ns.saturating_sub(operation.due_ns);
        let went = Went { took_ns, ok: operation.is_ok(), missed: operation.is_missed() };
        (operation.due_ns, operation.end_ns, went)
    }))
}

/// How many real seconds of the windows the load was at work.
fn length(windows: &[Stretch], went: &[(u64, u64, Went)]) -> f64 {
    let begin = went.iter().map(|(from_ns, ..)| *from_ns).min().unwrap_or(0);
    let end = went.iter().map(|(_, to_ns, _)| *to_ns).max().unwrap_or(0);
    let worked = |window: &Stretch| {
        window.to_ns.min(end).saturating_sub(window.from_ns.max(begin)) as f64 / 1e9
    };
    windows.iter().map(worked).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::testing::history;

    const MS: u64 = 1_000_000;

    /// A fault from 20 to 40 ms: the call that it stalls, one at its end, one before and one after.
    fn run() -> History {
        let mut history = history(
            "ha-pair",
            "1 2 C_Sign CKR_OK
             19 10 C_Sign CKR_OK
             39 3 C_Sign CKR_DEVICE_ERROR
             50 1 C_Sign CKR_OK",
            "25 failover hsm-eus-1",
        );
        history.strike("device.hang hsm-eus-1", 20, 40);
        history
    }

    #[test]
    fn each_call_belongs_to_the_phase_whose_trouble_it_saw() {
        let history = run();
        let count = |phase| {
            let calls = within(&history, phase).calls;
            (calls.calls.ok, calls.calls.failed, calls.failovers)
        };
        assert_eq!(count(Phase::Before), (1, 0, 0));
        assert_eq!(count(Phase::During), (1, 1, 1));
        assert_eq!(count(Phase::After), (1, 0, 0));
        // The receive timeout is longer than the whole run.
        assert_eq!(count(Phase::Edge), (3, 1, 1));
        assert_eq!(count(Phase::Always), (3, 1, 1));
    }

    #[test]
    fn without_a_fault_all_is_before() {
        let mut history = run();
        history.faults.clear();
        assert_eq!(within(&history, Phase::Before).calls.calls.ok, 3);
        for phase in [Phase::During, Phase::After, Phase::Edge] {
            assert!(windows(&history, phase).is_empty());
            assert_eq!(within(&history, phase).load.all(), 0);
        }
    }

    #[test]
    fn faults_that_overlap_make_one_window() {
        let mut history = run();
        history.strike("device.hang hsm-eus-2", 30, 60);
        history.strike("device.hang hsm-eus-2", 80, 90);
        let during = windows(&history, Phase::During);
        assert_eq!(during.len(), 2);
        assert_eq!((during[0].from_ns, during[0].to_ns), (20 * MS, 60 * MS));
    }

    #[test]
    fn an_operation_is_timed_from_when_it_was_due() {
        let mut history = run();
        let operation = |due: u64, begin: u64, end: u64, code: &'static str| {
            crate::operations::OperationRecord {
                due_ns: due * MS,
                begin_ns: begin * MS,
                end_ns: end * MS,
                operation: "random".into(),
                code: code.into(),
                attempts: 1,
                workload: "w".into(),
                pid: 1,
            }
        };
        history.notes.operations = vec![
            operation(0, 0, 10, "CKR_OK"),
            operation(1, 10, 11, "CKR_OK"),
            operation(2, 12, 12, ""),
            operation(3, 12, 20, "CKR_DEVICE_ERROR"),
        ];
        let load = within(&history, Phase::Always).load;
        assert_eq!((load.ok, load.failed, load.missed), (2, 1, 1));
        assert_eq!((load.max_ms, load.p50_ms, load.error_rate()), (17.0, 10.0, 50.0));
        assert_eq!(load.per_second, 100.0);
    }
}
