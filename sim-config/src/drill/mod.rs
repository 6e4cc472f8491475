//! The drill: a workload, faults on a schedule, and what the application may notice of them.
//!
//! All times of a drill are drill time: the runner divides them by `time_scale`, as it does HA
//! timers, and reports in drill time again. A drill names its topology; its targets are compared
//! with it by [`Drill::check`].

mod condition;
mod expect;
mod fault_drills;
mod file;
mod keys;
mod plan;
mod schema;
mod shipped;
mod step;
mod workload;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::call_fault::CallFault;
use crate::error::ConfigError;
use crate::fault::Fault;
use crate::place::Place;
use crate::topology::{DeviceId, Topology};

pub use condition::{Claim, Compare, Condition, GAUGES, Gauge, LatencyBound, PERCENTILES, Unit};
pub use expect::{CountRange, Expectations, Phase, SOMETIMES};
pub use fault_drills::Aspect;
pub use keys::REPORT_FORMATS;
pub use schema::schema;

/// One kind of call that a workload makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operation {
    /// RSA-2048, PKCS#1 v1.5 over SHA-256.
    SignRsa2048,
    /// ECDSA over P-256.
    SignEcdsaP256,
    /// Verification of an ECDSA signature in the token.
    VerifyEcdsaP256,
    /// AES-256-GCM of 1 KiB.
    EncryptAesGcm,
    /// A token key pair, RSA-2048.
    GenerateRsa,
    /// A token key pair, P-256.
    GenerateEc,
    /// A search by label for a key the workload made.
    Find,
    /// 32 random bytes.
    Random,
    /// Open a session, log in, close it.
    Login,
}

impl Operation {
    /// Every operation under the word of the drill file.
    pub const ALL: [(&'static str, Operation); 9] = [
        ("sign_rsa_2048", Operation::SignRsa2048),
        ("sign_ecdsa_p256", Operation::SignEcdsaP256),
        ("verify_ecdsa_p256", Operation::VerifyEcdsaP256),
        ("encrypt_aes_gcm", Operation::EncryptAesGcm),
        ("generate_rsa", Operation::GenerateRsa),
        ("generate_ec", Operation::GenerateEc),
        ("find", Operation::Find),
        ("random", Operation::Random),
        ("login", Operation::Login),
    ];

    /// The word of the drill file.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(_, o)| *o == self).map_or("", |(word, _)| word)
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Who makes the calls.
#[derive(Debug, Clone, PartialEq)]
pub enum WorkloadSource {
    /// The drill itself.
    Threads(Load),
    /// A program that loads the module by itself; the command after `--` when this one is empty.
    External {
        /// Program and arguments.
        command: Vec<String>,
    },
}

/// What a process of the drill's own application does.
#[derive(Debug, Clone, PartialEq)]
pub struct Load {
    /// Number of threads, with a session each.
    pub threads: u32,
    /// Operations with their weights, in the order of the file; weights are above 0.
    pub mix: Vec<(Operation, u32)>,
    /// Operations a second over all threads, in real time; as fast as they can when absent.
    pub rate: Option<f64>,
    /// Operations are due at the times of a schedule, whether or not earlier ones have returned.
    pub open_loop: bool,
    /// The pause of a thread between two operations, in real time.
    pub think: Option<Duration>,
    /// Bytes that are signed, verified or encrypted; a few when absent.
    pub payload: Option<u32>,
    /// Label of the keys it makes; `{n}` counts them, `{workload}` and `{process}` name who made them.
    pub key_label: String,
    /// What it does about a failure.
    pub retry: Retry,
}

/// What an application does about a failure by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retry {
    /// A failed operation is repeated so many times.
    pub times: u32,
    /// Only after these codes; after any when empty.
    pub codes: Vec<String>,
    /// The pause after a failure, in real time.
    pub pause: Duration,
    /// How it gets back to work.
    pub recover: Recovery,
}

impl Default for Retry {
    fn default() -> Self {
        let pause = Duration::from_millis(20);
        Self { times: 0, codes: Vec::new(), pause, recover: Recovery::Session }
    }
}

/// How an application gets back to work after a failure: the `RecoveryLevel` of Luna's own OpenSSL
/// engine, and what helps against a lost login alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recovery {
    /// It goes on with the session that it has (level 0).
    None,
    /// It closes its session, opens another and logs in (level 1).
    Session,
    /// It calls C_Logout and C_Login in its session; if that fails, as [`Recovery::Session`].
    Login,
    /// As [`Recovery::Session`], and if that fails with CKR_DEVICE_ERROR, CKR_TOKEN_NOT_PRESENT or CKR_SESSION_HANDLE_INVALID it waits
    /// for its other threads and calls C_Finalize and C_Initialize (level 2).
    Finalize,
}

impl Recovery {
    /// Every way under the word of the drill file.
    pub const ALL: [(&'static str, Recovery); 4] = [
        ("none", Recovery::None),
        ("session", Recovery::Session),
        ("login", Recovery::Login),
        ("finalize", Recovery::Finalize),
    ];

    /// The word of the drill file.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(_, way)| *way == self).map_or("", |(word, _)| word)
    }
}

/// A load that runs for the whole drill.
#[derive(Debug, Clone, PartialEq)]
pub struct Workload {
    /// Its name in the report.
    pub name: String,
    /// The group it works on; the topology's first when absent.
    pub group: Option<String>,
    /// Where its client stands; the topology's client place when absent.
    pub client: Option<Place>,
    /// So many processes do the same.
    pub processes: u32,
    /// Who makes the calls.
    pub source: WorkloadSource,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Sets a fault.
    Fault(Fault),
    /// `call.fault`: sets a call fault, which strikes single calls of applications.
    CallFault {
        /// The call fault; it is larger than all else that a step can do.
        fault: Box<CallFault>,
        /// How long it stands; until it is healed when absent.
        duration: Option<Duration>,
    },
    /// Ends the fault of an earlier step, named by its step.
    Heal {
        /// Name of the step.
        step: String,
    },
    /// Ends every fault of the drill.
    HealAll,
    /// Writes a line into the timeline.
    Mark {
        /// The line.
        text: String,
    },
    /// Brings back members that are reachable again, as `hsmsim ha recover`.
    Recover {
        /// The group; every group when absent.
        group: Option<String>,
    },
    /// Compares members and copies what is missing, as `hsmsim ha synchronize`.
    Synchronize {
        /// The group; every group when absent.
        group: Option<String>,
    },
    /// Does at the devices what takes a person there.
    Administer(Administration),
    /// Nothing, for so long; keeps the workload running until then.
    Wait {
        /// How long; a moment when absent.
        length: Option<Duration>,
    },
    /// Keeps what every member holds at this moment for the report.
    Snapshot,
    /// Looks whether conditions hold at this moment; the drill fails if one does not.
    Assert {
        /// The conditions, all of which must hold.
        that: Vec<Condition>,
    },
    /// Runs a program; the drill fails if it does. On the real tier alone.
    Run {
        /// Program and arguments.
        command: Vec<String>,
        /// How long it may take, in real time.
        timeout: Duration,
    },
}

/// What people do at devices, beside faults and beside clients.
#[derive(Debug, Clone, PartialEq)]
pub enum Administration {
    /// `device.replace`: a new appliance takes the place of one, with new serial numbers; its partitions
    /// are initialised for their groups and get the keys that the other members hold.
    Replace {
        /// The device.
        device: DeviceId,
    },
    /// `device.activate`: the partitions of a device are activated again.
    Activate {
        /// The device.
        device: DeviceId,
    },
    /// `partition.init`: the partitions of a device are initialised anew for their groups, with the
    /// topology's PINs and in their groups' cloning domains; they hold nothing then.
    InitPartitions {
        /// The device.
        device: DeviceId,
    },
    /// `role.init`: the SO gives the crypto officer the topology's PIN on every member, which unlocks it.
    InitOfficer {
        /// The group; every group when absent.
        group: Option<String>,
    },
}

/// The words of `do` that are no faults, with their keys and what they do.
pub(crate) const BUILT_IN_STEPS: [(&str, &[keys::Key], &str); 14] = [
    (
        "call.fault",
        &keys::CALL_FAULT,
        "Scripts what becomes of single calls of applications; no device or link has a part in it.",
    ),
    ("heal", &keys::HEAL, "Ends the fault of an earlier step, or those of a parallel group."),
    ("heal_all", &[], "Ends every fault of the drill."),
    ("mark", &keys::MARK, "Writes a line into the timeline."),
    ("ha.recover", &keys::OF_GROUP, "Brings back members that are reachable again."),
    ("ha.synchronize", &keys::OF_GROUP, "Copies what members lack."),
    (
        "device.replace",
        &keys::OF_DEVICE,
        "Puts a new appliance in a device's place, and copies its keys.",
    ),
    ("device.activate", &keys::OF_DEVICE, "Activates a device's partitions again."),
    (
        "partition.init",
        &keys::OF_DEVICE,
        "Initialises a device's partitions anew for their groups; they are empty then.",
    ),
    (
        "role.init",
        &keys::OF_GROUP,
        "Has the SO set the crypto officer's PIN anew, which unlocks it.",
    ),
    ("wait", &keys::WAIT, "Does nothing; `after` a wait means when it is over."),
    ("snapshot", &[], "Keeps what every member holds at this moment for the report."),
    ("assert", &keys::ASSERT, "Fails the drill if a condition does not hold at this moment."),
    ("run", &keys::RUN, "Runs a program, on the real tier alone; the drill fails if it does."),
];

/// When a step begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// At its time.
    At,
    /// When a step, or every step of a parallel group, has ended: a fault with `for` when that is over, a
    /// `wait` likewise, a program when it ends, everything else once it is done.
    After {
        /// Name of the step or the group.
        step: String,
        /// So much later.
        delay: Duration,
    },
    /// When an event happens.
    When {
        /// One of [`SOMETIMES`].
        event: &'static str,
        /// It must have happened so many times since the drill began.
        count: u64,
        /// If it has not by then the drill is inconclusive.
        within: Duration,
        /// So much later.
        delay: Duration,
    },
}

/// One step of the schedule.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Its name, for `heal` and the report; what it does when the file gives none.
    pub name: String,
    /// The parallel group that it is part of.
    pub group: Option<String>,
    /// When it begins.
    pub start: Start,
    /// When that is, from the start of the workload, in drill time; the earliest time if an event decides.
    pub at: Duration,
    /// What.
    pub action: Action,
}

impl Step {
    /// A step at a time.
    pub fn at(name: impl Into<String>, at: Duration, action: Action) -> Self {
        Self { name: name.into(), group: None, start: Start::At, at, action }
    }

    /// How long it lasts, as far as that is known beforehand.
    pub fn length(&self) -> Duration {
        match &self.action {
            Action::Fault(fault) => fault.duration.unwrap_or_default(),
            Action::CallFault { duration: length, .. } | Action::Wait { length } => {
                length.unwrap_or_default()
            }
            _ => Duration::ZERO,
        }
    }
}

/// When a run is stopped early.
#[derive(Debug, Clone, PartialEq)]
pub struct Abort {
    /// Conditions, one of which is enough.
    pub when: Vec<Condition>,
    /// It must hold for so long, in drill time.
    pub grace: Duration,
}

/// The form of the report.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ReportSettings {
    /// Which of [`REPORT_FORMATS`] are written; all when absent.
    pub formats: Option<Vec<&'static str>>,
    /// Where the report goes if nobody says otherwise.
    pub folder: Option<PathBuf>,
    /// The width of a column of the charts, in drill time.
    pub bucket: Option<Duration>,
    /// The folder of a report to compare with.
    pub baseline: Option<PathBuf>,
}

/// A drill.
#[derive(Debug, Clone, PartialEq)]
pub struct Drill {
    /// Version of the file format; 1.
    pub version: u32,
    /// Short name: `device-loss`.
    pub name: String,
    /// A headline.
    pub title: String,
    /// What happens, for people.
    pub description: String,
    /// The sentence that the verdict answers.
    pub hypothesis: String,
    /// Words to list drills by.
    pub tags: Vec<String>,
    /// The seed; `None` (`"random"`) draws one, which the runner prints.
    pub seed: Option<u64>,
    /// Runs with so many seeds, all of which must pass.
    pub repeat: u32,
    /// Name or path of the topology.
    pub topology: String,
    /// Divides drill time; the topology's own when the file gives none.
    pub time_scale: Option<f64>,
    /// How long the workload runs, in drill time.
    pub duration: Duration,
    /// How long the cluster has, after everything is healed, to become whole; in drill time.
    pub settle: Duration,
    /// So long after the load has begun every application must have ended, in drill time; if the file does
    /// not say, the runner is patient.
    pub deadline: Option<Duration>,
    /// Permits faults that destroy the last holder of a key.
    pub allow_data_loss: bool,
    /// Who works while the faults strike.
    pub workloads: Vec<Workload>,
    /// The schedule, ordered by time.
    pub steps: Vec<Step>,
    /// What may be noticed in the whole run.
    pub expect: Expectations,
    /// What may be noticed in its phases.
    pub phases: BTreeMap<Phase, Expectations>,
    /// When the run is stopped early.
    pub abort: Option<Abort>,
    /// The form of the report.
    pub report: ReportSettings,
    /// Line of each step in the file, for errors that only a topology shows.
    pub(crate) lines: BTreeMap<usize, (usize, usize)>,
    pub(crate) origin: String,
}

impl Drill {
    /// The speed that applies: the drill's own, else the topology's.
    pub fn effective_time_scale(&self, topology: &Topology) -> f64 {
        self.time_scale.unwrap_or(topology.time_scale)
    }

    /// What workload and settling take at most in real time, the machine's own work not counted.
    pub fn real_duration(&self, topology: &Topology) -> Duration {
        (self.duration + self.settle).div_f64(self.effective_time_scale(topology))
    }

    /// Compares every target, group and client place with the topology.
    ///
    /// # Errors
    /// The first name that the topology does not have, with the line of its step.
    pub fn check(&self, topology: &Topology) -> Result<(), ConfigError> {
        for workload in &self.workloads {
            group_exists(topology, workload.group.as_deref())
                .map_err(|e| self.in_file(&format!("workload {}", workload.name), &e))?;
        }
        for (index, step) in self.steps.iter().enumerate() {
            let checked = match &step.action {
                Action::Fault(fault) => fault.check(topology),
                Action::Recover { group } | Action::Synchronize { group } => {
                    group_exists(topology, group.as_deref())
                }
                Action::Assert { that } => that.iter().try_for_each(|c| c.check(topology)),
                Action::Administer(work) => work.check(topology),
                _ => Ok(()),
            };
            checked.map_err(|e| match self.lines.get(&index) {
                Some((line, column)) => ConfigError::at(&self.origin, *line, *column, e.message()),
                None => e,
            })?;
        }
        let mut conditions = self.abort.iter().flat_map(|abort| &abort.when);
        conditions
            .try_for_each(|condition| condition.check(topology))
            .map_err(|e| self.in_file("abort", &e))
    }

    fn in_file(&self, what: &str, error: &ConfigError) -> ConfigError {
        ConfigError::in_file(self.origin.clone(), format!("{what}: {}", error.message()))
    }
}

impl Administration {
    fn check(&self, topology: &Topology) -> Result<(), ConfigError> {
        match self {
            Self::Replace { device }
            | Self::Activate { device }
            | Self::InitPartitions { device } => {
                crate::fault::known_device(topology, device).map(|_| ())
            }
            Self::InitOfficer { group } => group_exists(topology, group.as_deref()),
        }
    }
}

fn group_exists(topology: &Topology, label: Option<&str>) -> Result<(), ConfigError> {
    use crate::fault::{Pick, Selector};
    let group = label.map(str::to_owned);
    Selector { group, region: None, pick: Pick::All }.group_in(topology).map(|_| ())
}
