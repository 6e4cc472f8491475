//! Why a cluster cannot be opened or changed.

use std::fmt;

use hsmsim_sim_config::ConfigError;
use hsmsim_store::StateError;

/// Why a cluster cannot be opened or changed; says what to do next where something can be done.
#[derive(Debug)]
pub enum ClusterError {
    /// The topology, a profile or a fault is not valid.
    Config(ConfigError),
    /// The state directory cannot be used.
    Store(StateError),
    /// The state cannot be found, or does not fit.
    State(String),
    /// A device's store refused.
    Device(hsmsim_types::Error),
}

impl ClusterError {
    /// Whether the fault lies with the devices' data and not with what was asked: an application
    /// then gets CKR_DEVICE_ERROR instead of CKR_GENERAL_ERROR.
    pub fn is_device_error(&self) -> bool {
        matches!(self, Self::Device(_))
    }
}

impl fmt::Display for ClusterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => error.fmt(f),
            Self::Store(error) => error.fmt(f),
            Self::State(message) => f.write_str(message),
            Self::Device(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ClusterError {}

impl From<ConfigError> for ClusterError {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

impl From<StateError> for ClusterError {
    fn from(error: StateError) -> Self {
        Self::Store(error)
    }
}

impl From<hsmsim_types::Error> for ClusterError {
    fn from(error: hsmsim_types::Error) -> Self {
        Self::Device(error)
    }
}
