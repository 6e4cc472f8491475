//! When a thread begins its next operation: at once, after a pause, at a rate that it keeps by itself
//! (closed loop), or when the schedule of all threads says so (open loop).

use std::{
    sync::{
        OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use super::WorkloadArgs;

/// No wait is longer without a look whether the load has ended.
const LOOK: Duration = Duration::from_millis(100);

/// The pace of all threads together.
pub(super) struct Pace {
    begin: Instant,
    end: OnceLock<Instant>,
    kind: Kind,
    /// Operations of the schedule that threads have taken.
    taken: AtomicU64,
}

#[derive(Clone, Copy)]
enum Kind {
    /// So much after the last one has ended.
    Think(Duration),
    /// One in each interval of a thread.
    Closed(Duration),
    /// One in each interval of all threads.
    Open(Duration),
}

impl Pace {
    pub(super) fn of(args: &WorkloadArgs) -> Self {
        let kind = match args.rate {
            None => Kind::Think(Duration::from_micros(args.think_us.unwrap_or(0))),
            Some(rate) if args.open_loop => Kind::Open(Duration::from_secs_f64(1.0 / rate)),
            Some(rate) => Kind::Closed(Duration::from_secs_f64(f64::from(args.threads) / rate)),
        };
        Self { begin: Instant::now(), end: OnceLock::new(), kind, taken: AtomicU64::new(0) }
    }

    /// The load has ended.
    pub(super) fn end(&self) {
        self.end.get_or_init(Instant::now);
    }

    /// When the load ended, if by then an operation of an open loop was due.
    pub(super) fn missed(&self, due: Instant) -> Option<Instant> {
        let end = self.end.get().copied()?;
        (matches!(self.kind, Kind::Open(_)) && due < end).then_some(end)
    }

    pub(super) fn thread(&self) -> ThreadPace<'_> {
        ThreadPace { all: self, due: None }
    }
}

/// The pace of one thread.
pub(super) struct ThreadPace<'a> {
    all: &'a Pace,
    /// When the last operation was due.
    due: Option<Instant>,
}

impl ThreadPace<'_> {
    /// Waits until an operation is due, or the load has ended; gives when it was due.
    pub(super) fn next(&mut self, stop: &AtomicBool) -> Instant {
        let now = Instant::now();
        let due = match (self.all.kind, self.due) {
            (Kind::Open(interval), _) => {
                // Whichever thread is free takes what is due next.
                let number = self.all.taken.fetch_add(1, Ordering::Relaxed);
                self.all.begin + interval.mul_f64(number as f64)
            }
            (_, None) => now,
            (Kind::Think(pause), Some(_)) => now + pause,
            // After a stall the schedule goes on from now: what was missed is not made up for.
            (Kind::Closed(interval), Some(due)) => (due + interval).max(now),
        };
        self.due = Some(due);
        loop {
            let left = due.saturating_duration_since(Instant::now());
            if left.is_zero() || stop.load(Ordering::Acquire) {
                return due;
            }
            thread::sleep(left.min(LOOK));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(kind: Kind) -> Pace {
        Pace { begin: Instant::now(), end: OnceLock::new(), kind, taken: AtomicU64::new(0) }
    }

    #[test]
    fn in_an_open_loop_threads_take_what_is_due_next_however_late() {
        let stop = AtomicBool::new(true);
        let pace = pace(Kind::Open(Duration::from_secs(10)));
        let (mut one, mut other) = (pace.thread(), pace.thread());
        let due = [one.next(&stop), other.next(&stop), one.next(&stop)];
        let after = due.map(|due| (due - pace.begin).as_secs());
        assert_eq!(after, [0, 10, 20]);
        assert_eq!(pace.missed(due[0]), None, "the load has not ended");
        pace.end();
        assert!(pace.missed(due[0]).is_some() && pace.missed(due[1]).is_none());
    }

    #[test]
    fn a_closed_loop_goes_on_from_now() {
        let stop = AtomicBool::new(true);
        let pace = pace(Kind::Closed(Duration::from_secs(10)));
        let mut thread = pace.thread();
        let first = thread.next(&stop);
        assert_eq!((thread.next(&stop) - first).as_secs(), 10);
        thread.due = Some(first - Duration::from_secs(60));
        assert!(thread.next(&stop) >= first);
        pace.end();
        assert_eq!(pace.missed(first), None);
    }
}
