//! The standard streams. A reader that has gone away is an error value here and never a panic.

use std::io::{self, Write};

use serde::Serialize;

use crate::failure::Failure;

/// Writes text to standard output, with a line end if it has none.
///
/// # Errors
/// [`Failure::ClosedPipe`] if nobody reads it any more.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    if !text.ends_with('\n') {
        out.write_all(b"\n")?;
    }
    Ok(out.flush()?)
}

/// Writes a value to standard output as JSON.
///
/// # Errors
/// As [`print`].
pub(crate) fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    print(&serde_json::to_string_pretty(value)?)
}

/// Writes a line to standard error; if that cannot be done there is nobody to tell.
pub(crate) fn tell(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}
