//! How a command ends: its exit code, and the sentence for whoever asked.

use std::{fmt, io, process::ExitCode};

use hsmsim_cluster::ClusterError;
use hsmsim_sim_config::ConfigError;
use hsmsim_store::StateError;

/// The exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All is well.
    Well,
    /// Wrong use, or something that could not be done.
    Failed,
    /// A finding, or an expectation that was not met.
    Found,
    /// The drill proves nothing either way.
    Inconclusive,
}

impl Exit {
    /// The number.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Well => 0,
            Self::Failed => 1,
            Self::Found => 2,
            Self::Inconclusive => 3,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// Why a command ends early.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The reader of the output is gone; no failure at all to whoever closed it.
    ClosedPipe,
    /// What went wrong, and what to do next.
    Told {
        /// What went wrong, in a sentence.
        message: String,
        /// What to do next, unless the message says so.
        hint: Option<String>,
        /// The exit code.
        exit: Exit,
    },
}

impl Failure {
    /// A failure with exit code 1.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self::Told { message: message.into(), hint: None, exit: Exit::Failed }
    }

    /// Adds what to do next.
    pub(crate) fn hint(self, next: impl Into<String>) -> Self {
        match self {
            Self::Told { message, exit, .. } => {
                Self::Told { message, hint: Some(next.into()), exit }
            }
            closed => closed,
        }
    }

    /// Changes the exit code.
    pub(crate) fn exit(self, exit: Exit) -> Self {
        match self {
            Self::Told { message, hint, .. } => Self::Told { message, hint, exit },
            closed => closed,
        }
    }

    /// Puts what was being done in front.
    pub(crate) fn during(self, what: impl fmt::Display) -> Self {
        match self {
            Self::Told { message, hint, exit } => {
                Self::Told { message: format!("{what}: {message}"), hint, exit }
            }
            closed => closed,
        }
    }
}

impl From<ClusterError> for Failure {
    fn from(error: ClusterError) -> Self {
        Self::new(error.to_string())
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::new(error.to_string())
    }
}

impl From<StateError> for Failure {
    fn from(error: StateError) -> Self {
        Self::new(error.to_string())
    }
}

impl From<hsmsim_types::Error> for Failure {
    fn from(error: hsmsim_types::Error) -> Self {
        Self::new(error.to_string())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::ClosedPipe,
            _ => Self::new(format!("the output cannot be written: {error}")),
        }
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::new(format!("no JSON can be made of this: {error}"))
    }
}
