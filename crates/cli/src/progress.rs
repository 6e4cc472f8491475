//! How far long work has come, on the standard error output.

use std::{
    io::{IsTerminal, Write, stderr},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use hsmsim_cluster::Progress;

/// What is done sooner than this needs no word.
const FIRST: Duration = Duration::from_millis(500);
/// Between two words on a terminal, where each takes the place of the one before.
const TERMINAL: Duration = Duration::from_millis(100);
/// Between two lines elsewhere.
const LOG: Duration = Duration::from_secs(2);

struct Shown {
    next: Instant,
    /// Whether a word stands on the terminal's line.
    standing: bool,
}

/// Says `what` with the number of steps done, once it has taken long enough for somebody to wonder.
pub(crate) fn progress(what: impl Into<String>) -> Progress {
    let what = what.into();
    let terminal = stderr().is_terminal();
    let shown = Mutex::new(Shown { next: Instant::now() + FIRST, standing: false });
    Arc::new(move |done, of| {
        let now = Instant::now();
        let mut shown = shown.lock().unwrap_or_else(PoisonError::into_inner);
        let mut err = stderr();
        // Nothing is lost with a word of progress that cannot be written.
        if done == of && shown.standing {
            shown.standing = false;
            let _ = write!(err, "\r\x1b[K");
        } else if done < of && now >= shown.next {
            shown.standing = terminal;
            shown.next = now + if terminal { TERMINAL } else { LOG };
            let _ = match terminal {
                true => write!(err, "\r{what}: {done} of {of}\x1b[K"),
                false => writeln!(err, "{what}: {done} of {of}"),
            };
        }
    })
}
