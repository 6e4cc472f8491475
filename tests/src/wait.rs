//! Waiting for a condition, with a bound.

use std::{
    thread,
    time::{Duration, Instant},
};

/// Looks at `condition` until it gives something, for at most `bound`.
///
/// # Panics
/// If the bound is reached; the message says what was waited for.
pub fn until<T>(bound: Duration, what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(found) = condition() {
            return found;
        }
        assert!(begin.elapsed() < bound, "{what}: not within {bound:?}");
        thread::sleep(Duration::from_millis(1));
    }
}
