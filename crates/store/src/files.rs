//! Small files: written whole or not at all, and on disk when that returns.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io::{self, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use crate::state_error::StateError;

/// Replaces a file by a new one of these bytes, whatever the process's umask, durably.
pub(crate) fn write_whole(path: &Path, mode: u32, bytes: &[u8]) -> Result<(), StateError> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let (pid, count) = (std::process::id(), COUNT.fetch_add(1, Relaxed));
    let draft = path.with_extension(format!("{pid}-{count}.draft"));
    let write = || {
        let mut file = create(&draft, mode)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&draft, path)?;
        sync_directory_of(path)
    };
    write().map_err(|error: io::Error| {
        // What is left of the draft only takes room; the error that matters is the first.
        let _ = fs::remove_file(&draft);
        StateError::io("write", path)(error)
    })
}

/// Makes a file that is not there yet, of that mode whatever the process's umask.
pub(crate) fn create(path: &Path, mode: u32) -> io::Result<File> {
    let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.set_permissions(Permissions::from_mode(mode))?;
    Ok(file)
}

/// Makes a rename or removal of `path` survive a loss of power of the real machine.
pub(crate) fn sync_directory_of(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

/// The content, `None` if there is no such file.
pub(crate) fn read(path: &Path) -> Result<Option<Vec<u8>>, StateError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StateError::io("read", path)(error)),
    }
}

/// Removes a file if it is there.
pub(crate) fn remove(path: &Path) -> Result<(), StateError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(StateError::io("remove", path)(error))
        }
        _ => Ok(()),
    }
}
