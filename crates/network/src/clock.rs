//! The clock: the only place in the simulator where the time is asked, and the future that waits.
//!
//! A real clock reads `CLOCK_MONOTONIC`. A virtual clock stands still until a
//! [`VirtualExecutor`](crate::VirtualExecutor) finds nothing left to do and moves it to the next
//! deadline.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use rustix::time::{ClockId, clock_gettime};

use crate::drive::note_deadline;
use crate::time::{Time, nanos_of};
use crate::timer_heap::{TimerHeap, TimerKey};
use crate::timers::TimerQueue;

/// Wall time at [`Time::ZERO`] of every virtual clock: 2026-01-01T00:00:00Z in nanoseconds since
/// 1970. Fixed, so that dates in a virtual run depend on nothing outside it.
pub const VIRTUAL_UNIX_EPOCH_NS: u64 = 1_767_225_600_000_000_000;

/// A source of time and of waiting, real or virtual. Cheap to clone; clones are the same clock.
#[derive(Clone)]
pub struct Clock {
    source: Source,
}

#[derive(Clone)]
enum Source {
    Real,
    /// Real time, with a thread behind it for sleeps that nobody drives.
    RealWithTimers(Arc<TimerQueue>),
    Virtual(Arc<VirtualTime>),
}

impl Clock {
    /// The machine's monotonic clock. Its sleeps must be polled under [`drive`](fn@crate::drive); for
    /// tasks on another runtime take the clock of [`Timers`](crate::Timers).
    pub const fn real() -> Self {
        Clock { source: Source::Real }
    }

    /// A new virtual clock that stands at `start`.
    pub fn virtual_at(start: Time) -> Self {
        Clock { source: Source::Virtual(Arc::new(VirtualTime::new(start))) }
    }

    pub(crate) fn with_timers(queue: Arc<TimerQueue>) -> Self {
        Clock { source: Source::RealWithTimers(queue) }
    }

    /// The present time of this clock.
    pub fn now(&self) -> Time {
        match &self.source {
            Source::Real | Source::RealWithTimers(_) => monotonic(),
            Source::Virtual(time) => time.now(),
        }
    }

    /// Completes at `deadline`, or at the first poll if that has passed. Never early.
    pub fn sleep_until(&self, deadline: Time) -> Sleep {
        Sleep { clock: self.clone(), deadline, key: None }
    }

    /// Completes `duration` from now.
    pub fn sleep(&self, duration: Duration) -> Sleep {
        self.sleep_until(self.now() + duration)
    }

    /// Whether time is virtual.
    pub fn is_virtual(&self) -> bool {
        matches!(self.source, Source::Virtual(_))
    }

    /// Wall time in nanoseconds since 1970 (UTC), for what outlives the process or is shown to
    /// people. On a virtual clock [`VIRTUAL_UNIX_EPOCH_NS`] plus the virtual time. Real wall time can
    /// be set back by an administrator: use it for records, never for waiting.
    pub fn unix_now(&self) -> u64 {
        match &self.source {
            Source::Real | Source::RealWithTimers(_) => {
                SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, nanos_of)
            }
            Source::Virtual(time) => VIRTUAL_UNIX_EPOCH_NS.saturating_add(time.now().as_nanos()),
        }
    }

    /// Moves a virtual clock on to `time` and wakes every sleep due by then, each at its deadline
    /// and in the order of (deadline, registration). Time never goes back; a real clock is not
    /// moved. For tests of single futures: under an executor time moves by itself.
    pub fn advance_to(&self, time: Time) {
        if let Source::Virtual(virtual_time) = &self.source {
            while let Some(deadline) = virtual_time.next_deadline() {
                if deadline > time {
                    break;
                }
                virtual_time.fire(deadline);
            }
            virtual_time.fire(time);
        }
    }

    pub(crate) fn virtual_time(&self) -> Option<&Arc<VirtualTime>> {
        match &self.source {
            Source::Virtual(time) => Some(time),
            Source::Real | Source::RealWithTimers(_) => None,
        }
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Source::Real => f.write_str("Clock::real"),
            Source::RealWithTimers(_) => f.write_str("Clock::real (with timers)"),
            Source::Virtual(time) => write!(f, "Clock::virtual at {:?}", time.now()),
        }
    }
}

/// Nanoseconds of `CLOCK_MONOTONIC`: since boot on Linux, the same for all processes.
fn monotonic() -> Time {
    let reading = clock_gettime(ClockId::Monotonic);
    // Neither field of a monotonic reading is ever negative.
    Time::from_nanos(reading.tv_sec as u64 * 1_000_000_000 + reading.tv_nsec as u64)
}

/// State of a virtual clock. Shared between threads only because a `Clock` is; a virtual run has
/// one thread, so the lock is never contended. It is never held while a waker runs.
pub(crate) struct VirtualTime {
    now: AtomicU64,
    timers: Mutex<TimerHeap>,
}

impl VirtualTime {
    fn new(start: Time) -> Self {
        VirtualTime {
            now: AtomicU64::new(start.as_nanos()),
            timers: Mutex::new(TimerHeap::default()),
        }
    }

    pub(crate) fn now(&self) -> Time {
        Time::from_nanos(self.now.load(Ordering::Acquire))
    }

    pub(crate) fn next_deadline(&self) -> Option<Time> {
        self.timers.lock().next_deadline()
    }

    /// Moves the clock to `time` (never back) and wakes what is due there.
    pub(crate) fn fire(&self, time: Time) {
        self.now.fetch_max(time.as_nanos(), Ordering::AcqRel);
        loop {
            let due = self.timers.lock().pop_due(time);
            match due {
                Some(waker) => waker.wake(),
                None => break,
            }
        }
    }
}

/// Waits for a point of time; made by [`Clock::sleep_until`]. Dropping it takes back its timer.
#[must_use = "a Sleep waits only when it is awaited"]
#[derive(Debug)]
pub struct Sleep {
    clock: Clock,
    deadline: Time,
    key: Option<TimerKey>,
}

impl Sleep {
    /// When it completes.
    pub fn deadline(&self) -> Time {
        self.deadline
    }

    fn timers(&self) -> Option<&Mutex<TimerHeap>> {
        match &self.clock.source {
            Source::Real => None,
            Source::RealWithTimers(queue) => Some(queue.heap()),
            Source::Virtual(time) => Some(&time.timers),
        }
    }

    /// Puts the deadline into the heap, or renews the waker of the entry already there. Returns
    /// whether the entry is new.
    fn register(&mut self, waker: &Waker) -> bool {
        let Some(timers) = self.timers() else {
            return false;
        };
        let mut timers = timers.lock();
        if self.key.is_some_and(|key| timers.update(key, waker)) {
            return false;
        }
        let key = timers.insert(self.deadline, waker.clone());
        drop(timers);
        self.key = Some(key);
        true
    }
}

impl Future for Sleep {
    type Output = ();

    /// # Panics
    /// If a sleep of [`Clock::real`] is polled outside [`drive`](fn@crate::drive): nobody would ever
    /// wake it, and a silent hang is worse.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        if this.clock.now() >= this.deadline {
            return Poll::Ready(());
        }
        if this.deadline == Time::MAX {
            return Poll::Pending;
        }
        match &this.clock.source {
            Source::Real => assert!(
                note_deadline(this.deadline),
                "a sleep of the real clock was polled outside `drive`"
            ),
            Source::RealWithTimers(queue) => {
                if !note_deadline(this.deadline) {
                    let queue = Arc::clone(queue);
                    if this.register(cx.waker()) {
                        queue.earliest_may_have_changed(this.deadline);
                    }
                }
            }
            Source::Virtual(_) => {
                note_deadline(this.deadline);
                this.register(cx.waker());
            }
        }
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let (Some(key), Some(timers)) = (self.key, self.timers()) {
            // The waker is dropped after the lock: dropping it may run foreign code.
            let waker = timers.lock().remove(key);
            drop(waker);
        }
    }
}
