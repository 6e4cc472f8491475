//! Promises of the simulated wire. Virtual time wherever time matters; the few tests in real time
//! assert only what a busy machine cannot break.

mod chance;
mod drive;
mod executor;
mod link;
mod link_faults;
mod wait;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use hsmsim_network::{Clock, Time, VirtualExecutor};

/// A virtual executor that starts at time zero.
fn virtual_executor() -> VirtualExecutor {
    VirtualExecutor::new(Clock::virtual_at(Time::ZERO))
}

/// The time `millis` milliseconds after the epoch.
fn at_ms(millis: u64) -> Time {
    Time::ZERO + ms(millis)
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A tick that ends a test which would otherwise hang, after about two seconds.
fn watchdog() -> impl Fn() -> bool {
    let ticks = Cell::new(0);
    move || {
        ticks.set(ticks.get() + 1);
        assert!(ticks.get() < 400, "the future was not woken");
        false
    }
}

/// What happened, in order; shared by the tasks of one test.
#[derive(Clone, Default)]
struct Trace(Rc<RefCell<Vec<String>>>);

impl Trace {
    fn note(&self, event: impl Into<String>) {
        self.0.borrow_mut().push(event.into());
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.borrow_mut())
    }
}
