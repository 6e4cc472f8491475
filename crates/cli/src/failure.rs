//! How a command ends early.

use std::io;

/// Why a command ends early.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The reader of the output is gone; no failure to whoever closed it.
    ClosedPipe,
    /// What went wrong and what to do next.
    Told(String),
    /// Something failed that nobody asked for.
    Internal(String),
}

/// What a command gives: its exit code.
pub(crate) type Outcome = Result<u8, Failure>;

impl Failure {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self::Told(message.into())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::ClosedPipe,
            _ => Self::Told(error.to_string()),
        }
    }
}

macro_rules! told {
    ($($error:ty),* $(,)?) => {
        $(impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::Told(error.to_string())
            }
        })*
    };
}

told!(
    hsmsim_cluster::ClusterError,
    hsmsim_sim_config::ConfigError,
    hsmsim_store::StateError,
    hsmsim_types::Error,
    hsmsim_drill::probe::ProbeError,
    hsmsim_drill::workload::WorkloadError,
    serde_json::Error,
);

impl From<hsmsim_drill::DrillError> for Failure {
    fn from(error: hsmsim_drill::DrillError) -> Self {
        match error.is_usage() {
            true => Self::Told(error.to_string()),
            false => Self::Internal(error.to_string()),
        }
    }
}
