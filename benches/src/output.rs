//! Files that results are written to.

#![forbid(unsafe_code)]

use std::{
    fs::{self, OpenOptions},
    path::{Path, PathBuf},
    str::FromStr,
};

/// A path as it was meant: `cargo bench` runs a program in its package's folder, and leaves in `PWD` where the
/// command was given.
pub fn as_given(path: &Path) -> PathBuf {
    std::env::var_os("PWD").map_or_else(|| path.to_owned(), |here| Path::new(&here).join(path))
}

/// A file for results. It is opened when it is named, so that nobody measures for minutes in vain.
#[derive(Clone, Debug)]
pub struct Output(PathBuf);

impl FromStr for Output {
    type Err = String;

    fn from_str(path: &str) -> Result<Self, String> {
        let path = as_given(Path::new(path));
        OpenOptions::new()
            .append(true)
            .create(true)
            .open(&path)
            .map_err(|error| error.to_string())?;
        Ok(Self(path))
    }
}

impl Output {
    /// Puts the text in the place of what was there.
    ///
    /// # Errors
    /// A sentence with the path.
    pub fn write(&self, text: String) -> Result<(), String> {
        fs::write(&self.0, text).map_err(|error| format!("{}: {error}", self.0.display()))
    }
}
