//! What can go wrong in a store file, and what the application is told of it.

use std::{io, path::Path};

use hsmsim_types::{Error, ck::*};
use rusqlite::ErrorCode;

/// A failure below a store's interface.
pub(crate) enum Failure {
    /// SQLite's answer.
    Sqlite(rusqlite::Error),
    /// The operating system's answer.
    Io(io::Error),
    /// The caller's own refusal, passed through.
    Refused(Error),
    /// The file has a later schema than this program knows.
    Newer(i64),
    /// This process inherited the store by a fork.
    Inherited,
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl Failure {
    /// Logs it with the file's name and gives what the application sees.
    pub(crate) fn report(self, file: &Path) -> Error {
        let file = file.display();
        let (rv, rule) = match self {
            Self::Refused(error) => return error,
            Self::Newer(version) => (
                CKR_DEVICE_ERROR,
                format!("{file} was written by a newer hsmsim (schema {version}); use that one"),
            ),
            Self::Inherited => (
                CKR_DEVICE_ERROR,
                format!("{file} was opened before a fork; the child must open it anew"),
            ),
            Self::Io(error) => {
                let full = matches!(
                    error.kind(),
                    io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
                );
                let rv = if full { CKR_DEVICE_MEMORY } else { CKR_DEVICE_ERROR };
                (rv, format!("{file}: {error}"))
            }
            Self::Sqlite(error) => match error.sqlite_error_code() {
                Some(ErrorCode::DiskFull) => {
                    (CKR_DEVICE_MEMORY, format!("{file} cannot grow: the disk is full"))
                }
                Some(ErrorCode::SystemIoFailure) if cannot_grow(&error) => {
                    (CKR_DEVICE_MEMORY, format!("{file} cannot grow: {error}"))
                }
                Some(ErrorCode::TooBig) => {
                    (CKR_DEVICE_MEMORY, format!("{file}: an object is too big"))
                }
                Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => (
                    CKR_DEVICE_ERROR,
                    format!(
                        "{file} is damaged ({error}); restore it from a copy, or reset the state"
                    ),
                ),
                _ => (CKR_DEVICE_ERROR, format!("{file}: {error}")),
            },
        };
        tracing::error!(rv = Error::new(rv, "").return_value().name(), "{rule}");
        Error::new(rv, rule)
    }
}

/// The write-ahead index is a mapped file of its own and reports a full disk by its own number.
fn cannot_grow(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|e| e.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE)
}
