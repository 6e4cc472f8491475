//! What the drill's own applications did, operation by operation, and numbers about it.
//!
//! An operation is what an application wants: a signature, a key. It makes one call or several, and
//! several times if it is repeated after a failure. It is timed from the moment at which it was *due*:
//! in a closed loop that is when it began; in an open loop the schedule says so, and an operation that
//! had to wait because all threads were stuck counts its wait. Timing from the begin instead would
//! leave out just those that a stall held up ("coordinated omission"), and one call of 20 s among a
//! thousand fast ones would look like one slow call, where it was 20 s in which nobody was served.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::metrics::percentile;

/// One operation of an application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationRecord {
    /// When it was due.
    pub due_ns: u64,
    /// When it began; when the load ended, if it never did.
    pub begin_ns: u64,
    /// When it had ended.
    pub end_ns: u64,
    /// Its word in the drill file.
    pub operation: Cow<'static, str>,
    /// `CKR_OK`, or the code of the last attempt; empty if it never began.
    pub code: Cow<'static, str>,
    /// How often it was attempted.
    pub attempts: u32,
    /// Name of the workload.
    pub workload: Cow<'static, str>,
    /// The process.
    pub pid: u32,
}

impl OperationRecord {
    /// Whether it did what the application wanted.
    pub fn is_ok(&self) -> bool {
        self.code == "CKR_OK"
    }

    /// Whether the load ended before it began.
    pub fn is_missed(&self) -> bool {
        self.code.is_empty()
    }
}

/// Numbers about operations; about calls, if the application was a foreign one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct LoadMetrics {
    /// Those that succeeded.
    pub ok: u64,
    /// Those that failed, after every attempt.
    pub failed: u64,
    /// Those that were due and never began.
    pub missed: u64,
    /// Succeeded in a second of real time.
    pub per_second: f64,
    /// Half took no longer, in drill milliseconds.
    pub p50_ms: f64,
    /// 90 of 100 took no longer.
    pub p90_ms: f64,
    /// 99 of 100 took no longer.
    pub p99_ms: f64,
    /// 999 of 1000 took no longer.
    pub p999_ms: f64,
    /// None took longer.
    pub max_ms: f64,
}

/// How one of them went.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Went {
    pub(crate) took_ns: u64,
    pub(crate) ok: bool,
    pub(crate) missed: bool,
}

impl LoadMetrics {
    /// Of those that a load made within so many real seconds.
    pub(crate) fn of(all: &[Went], seconds: f64, time_scale: f64) -> Self {
        let mut times: Vec<u64> = all.iter().map(|one| one.took_ns).collect();
        times.sort_unstable();
        let at = |part| percentile(&times, part) as f64 * time_scale / 1e6;
        let count = |which: fn(&&Went) -> bool| all.iter().filter(which).count() as u64;
        let ok = count(|one| one.ok);
        Self {
            ok,
            failed: count(|one| !one.ok && !one.missed),
            missed: count(|one| one.missed),
            per_second: if seconds > 0.0 { ok as f64 / seconds } else { 0.0 },
            p50_ms: at(0.5),
            p90_ms: at(0.9),
            p99_ms: at(0.99),
            p999_ms: at(0.999),
            max_ms: at(1.0),
        }
    }

    /// How many there were.
    pub fn all(&self) -> u64 {
        self.ok + self.failed + self.missed
    }

    /// The part that did not succeed, in percent; 0 of none.
    pub fn error_rate(&self) -> f64 {
        100.0 * (self.failed + self.missed) as f64 / self.all().max(1) as f64
    }

    /// The time that this part of all did not exceed, in drill milliseconds. `part`: one of
    /// [`PERCENTILES`](hsmsim_sim_config::drill::PERCENTILES).
    pub fn percentile_ms(&self, part: f64) -> f64 {
        match part {
            _ if part >= 1.0 => self.max_ms,
            _ if part >= 0.999 => self.p999_ms,
            _ if part >= 0.99 => self.p99_ms,
            _ if part >= 0.9 => self.p90_ms,
            _ => self.p50_ms,
        }
    }
}
