//! The drill: a workload, faults on a schedule, and what the application may notice of them.
//!
//! All times of a drill are drill time: the runner divides them by `time_scale`, as it does HA
//! timers, and reports in drill time again. A drill names its topology; its targets are compared
//! with it by [`Drill::check`].

mod file;
mod shipped;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::error::ConfigError;
use crate::fault::Fault;
use crate::place::Place;
use crate::topology::Topology;

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
    /// The drill itself, from this many threads with a session each.
    Threads {
        /// Number of threads.
        threads: u32,
        /// Operations with their weights, in the order of the file; weights are above 0.
        mix: Vec<(Operation, u32)>,
        /// Calls a second over all threads, in real time; as fast as they can when absent.
        rate: Option<f64>,
    },
    /// A program that loads the module by itself; the command after `--` when this one is empty.
    External {
        /// Program and arguments.
        command: Vec<String>,
    },
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
    /// Who makes the calls.
    pub source: WorkloadSource,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Sets a fault.
    Fault(Fault),
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
    /// Nothing; keeps the workload running until then.
    Wait,
}

/// The words of `do` that are no faults.
pub(crate) const BUILT_IN_STEPS: [&str; 6] =
    ["heal", "heal_all", "mark", "ha.recover", "ha.synchronize", "wait"];

/// One step of the schedule.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Its name, for `heal` and the report; what it does when the file gives none.
    pub name: String,
    /// When, from the start of the workload, in drill time.
    pub at: Duration,
    /// What.
    pub action: Action,
}

/// A range of counts, both ends included: `"1..2"`, `"1.."`, `"2"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CountRange {
    /// The fewest.
    pub min: u64,
    /// The most; any number when absent.
    pub max: Option<u64>,
}

impl CountRange {
    /// Whether the count lies in the range.
    pub fn contains(&self, count: u64) -> bool {
        count >= self.min && self.max.is_none_or(|max| count <= max)
    }
}

impl fmt::Display for CountRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.max {
            Some(max) if max == self.min => write!(f, "{max}"),
            Some(max) => write!(f, "{}..{max}", self.min),
            None => write!(f, "{}..", self.min),
        }
    }
}

/// Events that a drill may ask to have happened at least once, with what they mean.
///
/// A drill whose fault never bit proves nothing; these say what has to be seen.
pub const SOMETIMES: [(&str, &str); 10] = [
    ("ha.failover", "a client went from one member to another"),
    ("ha.standby_served", "a standby member answered a call"),
    ("ha.member_recovered", "a lost member took part again"),
    ("ha.copy_owed", "a key could not be copied to a member that was away"),
    ("ha.copy_delivered", "an owed key reached the member it was owed to"),
    ("ha.multi_part_lost", "a multi-part operation ended with its member"),
    ("repl.applied", "a device told an asynchronous member of a change"),
    ("repl.behind", "an acknowledged key reached an asynchronous member more than a second later"),
    ("repl.dropped", "what a device told an asynchronous member was lost"),
    ("repl.conflict", "an object had been changed or destroyed in two places"),
];

/// What the application may notice. Durations in drill time; what is absent is not judged.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Expectations {
    /// The longest single call.
    pub stall_max: Option<Duration>,
    /// The longest run of failed calls that one thread sees.
    pub error_window_max: Option<Duration>,
    /// The time from a fault until the workload succeeds steadily again.
    pub rto_max: Option<Duration>,
    /// Keys that were acknowledged and are gone at the end; 0 unless the file says more.
    pub lost_keys_max: u64,
    /// Calls whose outcome stays unknown.
    pub unknown_max: Option<u64>,
    /// The only codes that failed calls may have; any when absent.
    pub codes_permitted: Option<Vec<String>>,
    /// How many failovers all clients see together.
    pub failovers: Option<CountRange>,
    /// Events of [`SOMETIMES`] that must have happened.
    pub sometimes: Vec<&'static str>,
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
    /// Name or path of the topology.
    pub topology: String,
    /// Divides drill time; the topology's own when the file gives none.
    pub time_scale: Option<f64>,
    /// How long the workload runs, in drill time.
    pub duration: Duration,
    /// How long the cluster has, after everything is healed, to become whole; in drill time.
    pub settle: Duration,
    /// The end of patience for the whole run, in drill time.
    pub deadline: Duration,
    /// Permits faults that destroy the last holder of a key.
    pub allow_data_loss: bool,
    /// Who works while the faults strike.
    pub workloads: Vec<Workload>,
    /// The schedule, ordered by time.
    pub steps: Vec<Step>,
    /// What may be noticed.
    pub expect: Expectations,
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
                Action::Heal { .. } | Action::HealAll | Action::Mark { .. } | Action::Wait => {
                    Ok(())
                }
            };
            checked.map_err(|e| match self.lines.get(&index) {
                Some((line, column)) => ConfigError::at(&self.origin, *line, *column, e.message()),
                None => e,
            })?;
        }
        Ok(())
    }

    fn in_file(&self, what: &str, error: &ConfigError) -> ConfigError {
        ConfigError::in_file(self.origin.clone(), format!("{what}: {}", error.message()))
    }
}

fn group_exists(topology: &Topology, label: Option<&str>) -> Result<(), ConfigError> {
    use crate::fault::{Pick, Selector};
    let group = label.map(str::to_owned);
    Selector { group, region: None, pick: Pick::All }.group_in(topology).map(|_| ())
}
