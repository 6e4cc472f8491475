//! Driving a future on the thread that called: how a synchronous PKCS#11 call runs asynchronous
//! code.
//!
//! Order of business: one poll with a waker that does nothing, which is all a call needs that waits
//! for nothing (no allocation, no lock, no look at the clock). Only if that is pending is a parker
//! made, for this call alone, and the future polled whenever it was woken, a deadline has come or the
//! [`Tick`] says that something changed. Waiting means sleeping in the operating system until shortly
//! before the deadline and spinning over the rest, because a bare sleep oversleeps by more than
//! the network's own delays are allowed to be off.
//!
//! Deadlines need no timer: a [`Sleep`](crate::Sleep) polled here leaves its deadline in a
//! thread-local cell, and the driver waits for the earliest. The cell has no destructor, so driving
//! still works in exit handlers that run after thread-locals are gone.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::hint;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use crate::clock::{Clock, VirtualTime};
use crate::time::Time;

/// The longest a waiting call goes without asking its [`Tick`].
pub const TICK_INTERVAL: Duration = Duration::from_millis(5);

/// How long before a deadline the driver leaves the operating system's sleep and spins. Covers the
/// kernel's timer slack and the usual time to get a core back.
///
/// Spinning does not yield. On two cores with two other busy processes a waiting thread that yields
/// ends 3.5 ms late in the median, since it gives away a whole time slice; one that does not, within a
/// microsecond. Among sixteen waiting threads without other load yielding gains 100 µs at the 99th
/// percentile, which is not worth that.
const SPIN_MARGIN: Duration = Duration::from_micros(150);

/// What a waiting call looks at every [`TICK_INTERVAL`].
pub trait Tick {
    /// Looks whether something outside the future's own wakers has changed (a fault set by another
    /// process, the library being finalised) and applies it. `true`: poll the future again.
    fn tick(&self) -> bool;
}

impl<F: Fn() -> bool> Tick for F {
    fn tick(&self) -> bool {
        self()
    }
}

/// Nothing to look at.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoTick;

impl Tick for NoTick {
    fn tick(&self) -> bool {
        false
    }
}

/// Value of [`DEADLINE`] on a thread that drives nothing.
const NOT_DRIVING: u64 = 0;

thread_local! {
    /// The earliest deadline that the poll now running has asked for.
    static DEADLINE: Cell<u64> = const { Cell::new(NOT_DRIVING) };
}

/// Leaves a deadline for the driver of this thread; `false` if there is none.
pub(crate) fn note_deadline(deadline: Time) -> bool {
    DEADLINE.with(|cell| {
        let earliest = cell.get();
        if earliest == NOT_DRIVING {
            return false;
        }
        cell.set(earliest.min(deadline.as_nanos()));
        true
    })
}

/// Whether the poll now running is one of a [`drive`] on this thread.
pub(crate) fn is_driving() -> bool {
    DEADLINE.with(Cell::get) != NOT_DRIVING
}

/// Keeps what an outer drive on this thread has noted while an inner one polls; gives it back even
/// if the poll panics.
struct OuterDeadline(u64);

impl OuterDeadline {
    fn set_aside() -> Self {
        OuterDeadline(DEADLINE.with(|cell| cell.replace(Time::MAX.as_nanos())))
    }
}

impl Drop for OuterDeadline {
    fn drop(&mut self) {
        DEADLINE.with(|cell| cell.set(self.0));
    }
}

thread_local! {
    /// How long the future now polled has been due and nobody has polled it.
    static OVERDUE: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// How long the future that is being polled on this thread was due before anybody polled it; nothing
/// under [`drive`], which is there in time. Whoever limits a wait adds it: while nobody looks, an answer
/// cannot come.
pub fn overdue() -> Duration {
    OVERDUE.get()
}

/// A future that is polled when somebody has the time: by a driver that has others too, or at the next
/// call of an application that may come much later.
///
/// Between two polls nothing of it happens. It knows what it waits for, so that at the next poll
/// [`overdue`] says how late that is.
pub struct Aside<F: ?Sized> {
    future: Pin<Box<F>>,
    due: Option<Time>,
}

impl<F: Future + ?Sized> Aside<F> {
    /// Of a future that has not been polled.
    pub fn new(future: Pin<Box<F>>) -> Self {
        Self { future, due: None }
    }

    /// Polls it to its end.
    pub async fn finish(&mut self, clock: &Clock) -> F::Output {
        poll_fn(|cx| self.poll(clock, cx)).await
    }

    /// Polls it once, wherever the caller is: no driver is needed around it. The driver around it, if
    /// there is one, learns what it waits for.
    pub fn poll(&mut self, clock: &Clock, cx: &mut Context<'_>) -> Poll<F::Output> {
        struct Restore(Duration);
        impl Drop for Restore {
            fn drop(&mut self) {
                OVERDUE.set(self.0);
            }
        }
        let late = self.due.map_or(Duration::ZERO, |due| {
            let now = clock.now();
            if now > due { now - due } else { Duration::ZERO }
        });
        let restore = Restore(OVERDUE.replace(late));
        let polled = poll_once(self.future.as_mut(), cx.waker());
        drop(restore);
        match polled {
            Ok(output) => Poll::Ready(output),
            Err(due) => {
                self.due = (due != Time::MAX).then_some(due);
                // Without a driver around it there is nobody to tell.
                note_deadline(due);
                Poll::Pending
            }
        }
    }
}

/// Polls once; returns the earliest deadline asked for if pending.
fn poll_once<F: Future + ?Sized>(future: Pin<&mut F>, waker: &Waker) -> Result<F::Output, Time> {
    let _outer = OuterDeadline::set_aside();
    match future.poll(&mut Context::from_waker(waker)) {
        Poll::Ready(output) => Ok(output),
        Poll::Pending => Err(Time::from_nanos(DEADLINE.with(Cell::get))),
    }
}

/// Runs `future` to its end on the calling thread. See the module for how it waits.
///
/// On a virtual clock it moves the clock to the next deadline whenever the future waits; that is
/// for tests with a single caller. Under a [`VirtualExecutor`](crate::VirtualExecutor) await the
/// future instead.
///
/// # Panics
/// On a virtual clock, if the future waits for something that no deadline and no tick can bring.
#[inline(always)] // Else the whole future is copied into the frame of this function.
pub fn drive<F: Future>(clock: &Clock, tick: &dyn Tick, future: F) -> F::Output {
    let mut future = pin!(future);
    match poll_once(future.as_mut(), Waker::noop()) {
        Ok(output) => output,
        Err(_) => drive_waiting(clock, tick, future),
    }
}

/// The part of [`drive`] after a first poll that was pending. It polls again at once, since the
/// first poll left no waker that works: what happened in between shows in that second poll.
#[cold]
fn drive_waiting<F: Future>(clock: &Clock, tick: &dyn Tick, mut future: Pin<&mut F>) -> F::Output {
    let parker = Arc::new(Parker::default());
    let waker = Waker::from(Arc::clone(&parker));
    let mut next_tick = clock.now() + TICK_INTERVAL;
    loop {
        parker.woken.store(false, Ordering::Release);
        let deadline = match poll_once(future.as_mut(), &waker) {
            Ok(output) => return output,
            Err(deadline) => deadline,
        };
        match clock.virtual_time() {
            None => parker.wait(clock, tick, deadline, &mut next_tick),
            Some(time) => parker.advance(time, tick),
        }
    }
}

/// Where one call waits. Not `thread::park`: its token belongs to the host's thread.
#[derive(Default)]
struct Parker {
    woken: AtomicBool,
    lock: Mutex<()>,
    wakeup: Condvar,
}

impl Wake for Parker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.woken.swap(true, Ordering::AcqRel) {
            // Passing through the lock, the sleeper has either not yet looked at `woken` or is
            // already waiting for the notification.
            drop(self.lock.lock());
            self.wakeup.notify_one();
        }
    }
}

impl Parker {
    /// Waits until woken, until `deadline`, or until the tick reports a change.
    fn wait(&self, clock: &Clock, tick: &dyn Tick, deadline: Time, next_tick: &mut Time) {
        while !self.woken.load(Ordering::Acquire) {
            let now = clock.now();
            if now >= deadline {
                return;
            }
            if now >= *next_tick {
                *next_tick = now + TICK_INTERVAL;
                if tick.tick() {
                    return;
                }
            }
            let park_until = (deadline - SPIN_MARGIN).min(*next_tick);
            if now < park_until {
                self.park(park_until - now);
            } else {
                hint::spin_loop();
            }
        }
    }

    fn park(&self, duration: Duration) {
        let mut guard = self.lock.lock();
        if !self.woken.load(Ordering::Acquire) {
            self.wakeup.wait_for(&mut guard, duration);
        }
    }

    /// The virtual counterpart of [`Parker::wait`]: time passes because nothing else can happen.
    fn advance(&self, time: &VirtualTime, tick: &dyn Tick) {
        if self.woken.load(Ordering::Acquire) || tick.tick() {
            return;
        }
        match time.next_deadline() {
            Some(deadline) => time.fire(deadline),
            None => panic!("a future driven in virtual time waits for something that never comes"),
        }
    }
}
