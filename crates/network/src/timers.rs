//! A timer thread, for real-time sleeps that no caller drives.
//!
//! Foreground calls wait on their own thread under [`drive`](fn@crate::drive) and need nothing from
//! here. Background work (recovery probes, asynchronous replication) lives on a runtime whose threads
//! know nothing of our deadlines; this one thread wakes it. It is started only where background
//! threads are allowed, and its precision is that of the operating system, not of `drive`.

use std::io;
use std::sync::Arc;
use std::thread;

use parking_lot::{Condvar, Mutex};

use crate::clock::Clock;
use crate::time::Time;
use crate::timer_heap::TimerHeap;

/// What the timer thread and the sleeps share. The heap's lock is never held while a waker runs;
/// `control` is taken first where both are.
pub(crate) struct TimerQueue {
    heap: Mutex<TimerHeap>,
    control: Mutex<Control>,
    changed: Condvar,
}

struct Control {
    /// Until when the thread means to sleep; an earlier deadline must wake it.
    sleeping_until: Time,
    stopped: bool,
}

impl TimerQueue {
    pub(crate) fn heap(&self) -> &Mutex<TimerHeap> {
        &self.heap
    }

    /// Wakes the thread if it would sleep past `deadline`.
    pub(crate) fn earliest_may_have_changed(&self, deadline: Time) {
        let mut control = self.control.lock();
        if deadline < control.sleeping_until {
            control.sleeping_until = deadline;
            self.changed.notify_one();
        }
    }

    fn run(&self) {
        let clock = Clock::real();
        loop {
            let now = clock.now();
            loop {
                let due = self.heap.lock().pop_due(now);
                match due {
                    Some(waker) => waker.wake(),
                    None => break,
                }
            }
            let mut control = self.control.lock();
            if control.stopped {
                return;
            }
            // Read under `control`: a sleep that registers after this finds `sleeping_until` set
            // and wakes the thread; one that registered before is seen here.
            let next = self.heap.lock().next_deadline().unwrap_or(Time::MAX);
            control.sleeping_until = next;
            if next == Time::MAX {
                self.changed.wait(&mut control);
            } else {
                self.changed.wait_for(&mut control, next - clock.now());
            }
        }
    }
}

/// A running timer thread. Dropping it ends the thread; sleeps still waiting on it then never
/// complete, so end the runtime that polls them first.
pub struct Timers {
    queue: Arc<TimerQueue>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Timers {
    /// Starts the thread.
    ///
    /// # Errors
    /// What the operating system says if it gives no thread.
    pub fn start() -> io::Result<Self> {
        let queue = Arc::new(TimerQueue {
            heap: Mutex::new(TimerHeap::default()),
            control: Mutex::new(Control { sleeping_until: Time::MAX, stopped: false }),
            changed: Condvar::new(),
        });
        let thread = thread::Builder::new().name("hsmsim-timers".to_owned()).spawn({
            let queue = Arc::clone(&queue);
            move || queue.run()
        })?;
        Ok(Timers { queue, thread: Some(thread) })
    }

    /// A real clock whose sleeps may be polled by any runtime. Under [`drive`](fn@crate::drive) they
    /// are as precise as those of [`Clock::real`] and leave the thread alone.
    pub fn clock(&self) -> Clock {
        Clock::with_timers(Arc::clone(&self.queue))
    }
}

impl Drop for Timers {
    fn drop(&mut self) {
        {
            let mut control = self.queue.control.lock();
            control.stopped = true;
            self.queue.changed.notify_one();
        }
        if let Some(thread) = self.thread.take() {
            // A waker that panicked has already been reported by the panic hook.
            let _ = thread.join();
        }
    }
}
