//! Asking before something is lost, with the word that Luna's own tools ask for.

use std::io::{self, Write};

use crate::failure::Failure;

const WORD: &str = "proceed";

/// Asks for the word `proceed` on standard input, unless `yes` was said already.
///
/// # Errors
/// Anything but the word; then nothing must be done.
pub(crate) fn confirm(consequence: &str, yes: bool) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    {
        let mut err = io::stderr().lock();
        // Without a terminal the answer may still come: from a pipe, as Luna's scripts do it.
        let _ = write!(err, "{consequence}\nType \"{WORD}\" to go on: ");
        let _ = err.flush();
    }
    let mut answer = String::new();
    let read = io::stdin().read_line(&mut answer);
    if read.is_ok() && answer.trim().eq_ignore_ascii_case(WORD) {
        return Ok(());
    }
    if !answer.ends_with('\n') {
        let _ = writeln!(io::stderr().lock());
    }
    Err(Failure::new("nothing was changed").hint(format!("answer \"{WORD}\", or add --yes")))
}
