//! A cluster on a temporary state directory.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fmt,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use hsmsim_client::record::RECORD_VARIABLE;
use hsmsim_cluster::{CONFIG_VARIABLE, STATE_VARIABLE, TIME_SCALE_VARIABLE};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use crate::{
    Builder, Error, Record, Status,
    module::MODULE_VARIABLE,
    operator::{Answer, Operator, Request},
};

/// The topology's file in a cluster's folder, where it has one of its own.
pub(crate) const TOPOLOGY: &str = "topology.toml";

/// A slot that applications see.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// Its number.
    pub id: u64,
    /// The token's label; empty if the slot was blank at the start.
    pub label: String,
    /// Whether it has a token and PINs from the start.
    pub provisioned: bool,
}

/// What is known of a cluster and does not change.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Facts {
    pub(crate) folder: PathBuf,
    pub(crate) module: PathBuf,
    /// A shipped name or a path.
    pub(crate) config: String,
    pub(crate) time_scale: f64,
    pub(crate) slots: Vec<Slot>,
    /// The first provisioned token's.
    pub(crate) label: String,
    pub(crate) user_pin: String,
    pub(crate) so_pin: String,
}

impl Facts {
    pub(crate) fn state(&self) -> PathBuf {
        self.folder.join("state")
    }

    pub(crate) fn record(&self) -> PathBuf {
        self.folder.join("record")
    }
}

/// A cluster on a temporary state directory, for one test. Clones share it; when the last of them and
/// the last of its faults are dropped, everything is removed.
#[derive(Clone)]
pub struct Cluster {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    facts: Facts,
    operator: Operator,
    /// `None` where it belongs to another process.
    _folder: Option<TempDir>,
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Facts { config, folder, .. } = self.facts();
        f.debug_struct("Cluster").field("config", config).field("folder", folder).finish()
    }
}

impl Cluster {
    /// Starts a cluster with a topology by its shipped name (`single`, `ha-pair`, `ha-dr`,
    /// `ha-dr-async`, `global`, `instant`) or the path of its file.
    ///
    /// # Errors
    /// As [`Builder::start`].
    pub fn start(topology: &str) -> Result<Self, Error> {
        Self::builder(topology).start()
    }

    /// A cluster that wants more saying. The topology is a shipped name or a path.
    pub fn builder(topology: &str) -> Builder {
        Builder::named(topology)
    }

    /// A cluster whose topology is this text, as in a topology file.
    pub fn builder_from_text(topology: &str) -> Builder {
        Builder::text(topology)
    }

    pub(crate) fn new(facts: Facts, operator: Operator, folder: Option<TempDir>) -> Self {
        Self { inner: Arc::new(Inner { facts, operator, _folder: folder }) }
    }

    pub(crate) fn facts(&self) -> &Facts {
        &self.inner.facts
    }

    pub(crate) fn operator(&self) -> &Operator {
        &self.inner.operator
    }

    pub(crate) fn ask(&self, request: &Request) -> Result<Answer, Error> {
        self.inner.operator.ask(request)
    }

    /// The state directory.
    pub fn state_dir(&self) -> PathBuf {
        self.facts().state()
    }

    /// The module to load.
    pub fn module_path(&self) -> &Path {
        &self.facts().module
    }

    /// How many times as fast as the clock HA timers run.
    pub fn time_scale(&self) -> f64 {
        self.facts().time_scale
    }

    /// The variables that make a process use this cluster and write down its calls:
    /// `HSMSIM_STATE`, `HSMSIM_CONFIG`, `HSMSIM_TIME_SCALE`, `HSMSIM_RECORD`, and `HSMSIM_MODULE` for
    /// applications that take the module's path from there.
    pub fn env(&self) -> BTreeMap<&'static str, OsString> {
        let facts = self.facts();
        [
            (STATE_VARIABLE, facts.state().into_os_string()),
            (CONFIG_VARIABLE, facts.config.clone().into()),
            (TIME_SCALE_VARIABLE, facts.time_scale.to_string().into()),
            (RECORD_VARIABLE, facts.record().into_os_string()),
            (MODULE_VARIABLE, facts.module.clone().into_os_string()),
        ]
        .into()
    }

    /// A command with [`Cluster::env`] set.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.envs(self.env());
        command
    }

    /// The slots of the groups, in order. The first is provisioned unless the topology says otherwise;
    /// the others are blank, for C_InitToken.
    pub fn slots(&self) -> &[Slot] {
        &self.facts().slots
    }

    /// The label of the first provisioned token: `hsmsim-0`. Empty if there is none.
    pub fn label(&self) -> &str {
        &self.facts().label
    }

    /// PIN of the crypto officer (CKU_USER) of provisioned tokens.
    pub fn user_pin(&self) -> &str {
        &self.facts().user_pin
    }

    /// PIN of the security officer (CKU_SO) of provisioned tokens.
    pub fn so_pin(&self) -> &str {
        &self.facts().so_pin
    }

    /// Ends every fault, whoever holds it. Call faults stay: [`Cluster::clear_call_faults`].
    ///
    /// # Errors
    /// A state that cannot be written.
    pub fn heal_all(&self) -> Result<(), Error> {
        self.ask(&Request::HealAll)?.done()
    }

    /// Brings lost members back, as `hsmsim ha recover`: waits until devices that boot are up, gives
    /// them what they missed, and has running applications use them again at their next call.
    ///
    /// # Errors
    /// Members that stay away, by name, with the fault that keeps them. The others are back.
    pub fn recover(&self) -> Result<(), Error> {
        self.ask(&Request::Recover)?.done()
    }

    /// Gives every member every key that any member holds, as `hsmsim ha synchronize`.
    ///
    /// # Errors
    /// As [`Cluster::recover`].
    pub fn synchronize(&self) -> Result<(), Error> {
        self.ask(&Request::Synchronize)?.done()
    }

    /// What devices, groups and clients are like now.
    ///
    /// # Errors
    /// A state that cannot be read.
    pub fn status(&self) -> Result<Status, Error> {
        self.ask(&Request::Status)?.status()
    }

    /// What the processes that ran with [`Cluster::env`] have called so far.
    ///
    /// # Errors
    /// A record that cannot be read.
    pub fn record(&self) -> Result<Record, Error> {
        Record::read(&self.facts().record())
    }
}
