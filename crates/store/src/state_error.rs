//! Why a state directory cannot be used, and what to do about it. The data is left as it was.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use hsmsim_types::{Error, ck::*};

/// A state directory that cannot be used. `Display` says why and what to do next.
#[derive(Debug)]
#[non_exhaustive]
pub enum StateError {
    /// What the state was asked to hold makes no sense.
    Spec(String),
    /// The operating system refused.
    Io {
        /// What was being done: "open", "write" and so on.
        doing: &'static str,
        /// With which file or directory.
        path: PathBuf,
        /// Its answer.
        source: io::Error,
    },
    /// The state belongs to another set of devices.
    OtherDevices {
        /// The state directory.
        path: PathBuf,
        /// Devices of the state that the topology lacks.
        missing: Vec<String>,
        /// Devices of the topology that the state lacks.
        extra: Vec<String>,
    },
    /// The devices have the same names but something else about them differs.
    OtherShape {
        /// The state directory.
        path: PathBuf,
        /// What the state has.
        found: String,
        /// What the topology has.
        wanted: String,
    },
    /// Written by a later version of hsmsim.
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u64,
        /// The latest version that this program knows.
        known: u64,
    },
    /// A file does not hold what it should.
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The system's random numbers or fork handlers are not to be had.
    System(String),
}

impl StateError {
    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { doing, path: path.into(), source }
    }
}

const ELSEWHERE: &str = "choose another directory with HSMSIM_STATE";

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spec(why) => write!(f, "{why}; correct the topology"),
            Self::Io { doing, path, source } => {
                write!(f, "cannot {doing} {}: {source}; ", path.display())?;
                match source.kind() {
                    io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                        write!(f, "make it writable for this user, or {ELSEWHERE}")
                    }
                    io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                        write!(f, "make room on the disk, or {ELSEWHERE}")
                    }
                    _ => write!(f, "put it right, or {ELSEWHERE}"),
                }
            }
            Self::OtherDevices { path, missing, extra } => {
                write!(f, "the state in {} belongs to another set of devices", path.display())?;
                if !missing.is_empty() {
                    write!(f, ", it has also {}", missing.join(", "))?;
                }
                if !extra.is_empty() {
                    write!(f, ", it has no {}", extra.join(", "))?;
                }
                write!(f, "; use the topology it was made from, or {ELSEWHERE}")
            }
            Self::OtherShape { path, found, wanted } => write!(
                f,
                "the state in {} was made for {found}, the topology has {wanted}; use the topology \
                 it was made from, or {ELSEWHERE}",
                path.display()
            ),
            Self::Newer { path, found, known } => write!(
                f,
                "{} was written by a newer hsmsim (version {found} of the format, this one knows \
                 {known}); use that hsmsim, or {ELSEWHERE}",
                path.display()
            ),
            Self::Damaged { path, why } => write!(
                f,
                "{} is damaged: {why}; restore the directory from a copy, or {ELSEWHERE}",
                path.display()
            ),
            Self::System(why) => write!(f, "{why}; see whether the system is out of memory"),
        }
    }
}

impl std::error::Error for StateError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}

impl From<StateError> for Error {
    /// CKR_DEVICE_MEMORY for a full disk, CKR_DEVICE_ERROR for damage, else CKR_GENERAL_ERROR.
    fn from(error: StateError) -> Self {
        let rv = match &error {
            StateError::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                CKR_DEVICE_MEMORY
            }
            StateError::Damaged { .. } => CKR_DEVICE_ERROR,
            _ => CKR_GENERAL_ERROR,
        };
        Self::new(rv, error.to_string())
    }
}
