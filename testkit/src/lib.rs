//! A simulated HSM cluster for an application's own integration tests.
//!
//! ```no_run
//! # fn main() -> Result<(), hsmsim_testkit::Error> {
//! use hsmsim_testkit::Cluster;
//!
//! let cluster = Cluster::start("ha-pair")?;
//! let mut app = cluster.command("./my-application").spawn().expect("the application");
//! let dark = cluster.power_loss("hsm-eus-1")?; // until it is dropped
//! // … what the application does meanwhile …
//! drop(dark);
//! cluster.recover()?; // waits until the device has booted
//! app.wait().expect("the application");
//! cluster.record()?.assert_no_errors();
//! # Ok(())
//! # }
//! ```
//!
//! - [`Cluster`]: a cluster on a temporary state directory, removed when it is dropped.
//! - [`Fault`]: a fault that strikes until it is dropped.
//! - [`Cluster::calls`]: what becomes of single calls, say of the third C_Sign, until it is dropped.
//! - [`Record`]: every call of every process that ran with [`Cluster::env`], and assertions on it.
//! - [`Status`]: what the devices are doing, and whether the members of a group are in step.
//! - [`in_own_process!`]: a test body that loads the module itself.
//!
//! # Where the application runs
//! Either the application is a program: start it with [`Cluster::command`]. Or the test loads the
//! module itself: then its body belongs into [`in_own_process!`], because the module reads its
//! environment and is initialised once a process, while a test program runs many tests.
//!
//! The process that holds the cluster must not load the module as well. Both bring a copy of SQLite,
//! and two copies in one process lose their locks on the same file to each other ("How To Corrupt An
//! SQLite Database File", 2.2.1). [`in_own_process!`] keeps them apart; elsewhere the testkit refuses
//! to touch the state and says so.
//!
//! # Time
//! A cluster runs HA timers, boot times and fault durations [`DEFAULT_TIME_SCALE`] times as fast as a
//! real one unless somebody says otherwise; links and computing keep their own speed. So a silent
//! device is given up after 1 s instead of 20 s. Times in a record are real time.

#![forbid(unsafe_code)]

mod builder;
mod call_fault;
mod cluster;
mod error;
mod fault;
mod module;
mod operator;
#[doc(hidden)]
pub mod own_process;
mod record;
mod status;

pub use builder::{Builder, DEFAULT_TIME_SCALE};
pub use call_fault::{CallFault, Calls};
pub use cluster::{Cluster, Slot};
pub use error::Error;
pub use fault::Fault;
pub use record::{Call, Event, Record};
pub use status::{DeviceStatus, GroupStatus, Power, Status};
