//! Why the testkit could not do what it was asked.

use std::fmt;

/// Why the testkit could not do what it was asked: a sentence, with what to do next where something
/// can be done. `Debug` shows the sentence too, because that is what `unwrap` prints.
#[derive(Clone, PartialEq, Eq)]
pub struct Error(String);

impl Error {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

macro_rules! from {
    ($($error:ty),* $(,)?) => {
        $(impl From<$error> for Error {
            fn from(error: $error) -> Self {
                Self(error.to_string())
            }
        })*
    };
}

from!(
    hsmsim_cluster::ClusterError,
    hsmsim_sim_config::ConfigError,
    std::io::Error,
    serde_json::Error,
);
