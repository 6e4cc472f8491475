//! The simulated wire of hsmsim: time, waiting, chance and links.
//!
//! Everything in the simulator that waits or draws a random number does it through this crate, so
//! that the same code runs in two ways:
//!
//! * **In real time** under an application's own threads. [`drive`](fn@drive) polls a call's future on the
//!   calling thread and waits, precisely, for what the future waits for.
//! * **In virtual time** in one thread under a [`VirtualExecutor`], where ten minutes pass in a
//!   second and the same seed gives the same run.
//!
//! Code in between sees a [`Clock`], [`Link`]s and [`SimRng`]s and cannot tell which it is.
//!
//! Deliberately absent: tokio's runtime and timers (they tick in whole milliseconds and a host's
//! thread is not ours to enter a runtime on), any global state, any knowledge of devices or
//! PKCS#11, and unsafe code.

#![forbid(unsafe_code)]

mod chance;
mod clock;
mod drive;
mod executor;
mod firewall;
mod impairment;
mod latency;
mod link;
mod passage;
mod task;
mod time;
mod timer_heap;
mod timers;
mod wait;

pub use chance::{SimRng, stream};
pub use clock::{Clock, Sleep, VIRTUAL_UNIX_EPOCH_NS};
pub use drive::{Aside, NoTick, TICK_INTERVAL, Tick, drive, overdue};
pub use executor::{DEFAULT_LIMITS, ExecutorError, Limits, VirtualExecutor};
pub use impairment::{
    CONNECT_RETRANSMISSION, Distribution, ExtraDelay, Impairment, Impairments, Loss,
    RETRANSMISSION_MAX, RETRANSMISSION_MIN, RETRANSMISSIONS, Toll,
};
pub use latency::{Jitter, LatencyModel};
pub use link::{Condition, Duplex, Flow, Link, LinkState};
pub use passage::{LinkRefused, Passage, Transit};
pub use task::{Aborted, JoinHandle, Spawner};
pub use time::Time;
pub use timers::Timers;
pub use wait::{Either, Elapsed, all, race, timeout};
