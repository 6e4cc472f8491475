//! What a command works on: the cluster that options and environment name.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    sync::Arc,
};

use hsmsim_client::Client;
use hsmsim_cluster::{CONFIG_VARIABLE, Cluster, OpenOptions, STATE_TOPOLOGY, STATE_VARIABLE};
use hsmsim_sim_config::Topology;

use crate::{args::Global, failure::Failure, text::progress::Progress};

/// Where a system-wide topology is, and the one that applies when nothing is said.
const SYSTEM_TOPOLOGY: &str = "/etc/hsmsim/hsmsim.toml";
const DEFAULT_TOPOLOGY: &str = "ha-dr";

/// What a command works on.
pub(crate) struct Context {
    pub(crate) global: Global,
}

impl Context {
    /// Opens the cluster; makes and provisions its state on first use.
    ///
    /// # Errors
    /// A topology or state directory that cannot be used.
    pub(crate) fn open(&self) -> Result<Arc<Cluster>, Failure> {
        let _shown = Progress::start("opening the state");
        let options = OpenOptions {
            state: self.global.state.clone(),
            topology: self.global.topology.clone(),
            ..OpenOptions::default()
        };
        Ok(Cluster::open(options)?)
    }

    /// The topology that [`Context::open`] would use, without making a state directory: looking at
    /// a picture changes nothing.
    ///
    /// # Errors
    /// A topology that is not valid.
    pub(crate) fn topology(&self) -> Result<Topology, Failure> {
        if let Some(name) = &self.global.topology {
            return Ok(Topology::resolve(name)?);
        }
        if let Some(name) = variable(CONFIG_VARIABLE) {
            return Ok(Topology::resolve(&name.to_string_lossy())?);
        }
        let system = Path::new(SYSTEM_TOPOLOGY);
        let system = if system.exists() { Some(Topology::load(system)?) } else { None };
        let said = self.global.state.as_ref().map(PathBuf::from);
        let state = said
            .or_else(|| variable(STATE_VARIABLE).map(PathBuf::from))
            .or_else(|| system.as_ref()?.state.directory.clone())
            .or_else(default_state);
        match state.map(|state| state.join(STATE_TOPOLOGY)).filter(|own| own.exists()) {
            Some(own) => Ok(Topology::load(own)?),
            None => match system {
                Some(system) => Ok(system),
                None => Ok(Topology::shipped(DEFAULT_TOPOLOGY)?),
            },
        }
    }
}

/// A client of the cluster, for what only a client can do.
///
/// # Errors
/// What the client library gives.
pub(crate) fn client(cluster: &Arc<Cluster>) -> Result<Arc<Client>, Failure> {
    Ok(Client::over(Arc::clone(cluster))?)
}

/// The state directory of whoever says nothing.
pub(crate) fn default_state() -> Option<PathBuf> {
    let base = variable("XDG_STATE_HOME")
        .map(PathBuf::from)
        .or_else(|| variable("HOME").map(|home| PathBuf::from(home).join(".local/state")));
    base.map(|base| base.join("hsmsim"))
}

/// An environment variable, if it says anything.
pub(crate) fn variable(name: &str) -> Option<OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
}

/// The cluster's state as people name it: a path, or `memory`.
pub(crate) fn state_name(cluster: &Cluster) -> String {
    match cluster.path() {
        // What is printed here is pasted into shells that stand elsewhere.
        Some(path) => std::path::absolute(path).unwrap_or_else(|_| path.into()).display().to_string(),
        None => "memory".to_owned(),
    }
}
