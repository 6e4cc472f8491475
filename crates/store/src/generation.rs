//! Generation words: how one atomic load tells that something was changed, by whatever process.
//!
//! A word is even at rest. Whoever holds the write lock makes it odd before the commit and even
//! after it. So a reader who saw the same even value before and after reading has read what belongs
//! to that value, and one who sees an odd value knows that both states are possible. A writer that
//! was killed in between leaves the word odd; whoever next holds the lock makes it even, to a
//! value never seen before, whether or not the commit took place.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

/// Words that are odd until this is dropped. The write lock must be held throughout.
pub(crate) struct Bump<'a>(&'a [&'a AtomicU64]);

impl<'a> Bump<'a> {
    /// Makes the words odd; those that a killed process left so stay it.
    pub(crate) fn begin(words: &'a [&'a AtomicU64]) -> Self {
        for word in words {
            word.fetch_or(1, SeqCst);
        }
        Self(words)
    }
}

impl Drop for Bump<'_> {
    fn drop(&mut self) {
        repair(self.0);
    }
}

/// Makes odd words even. The write lock must be held.
pub(crate) fn repair(words: &[&AtomicU64]) {
    for word in words {
        if is_odd(word.load(SeqCst)) {
            word.fetch_add(1, SeqCst);
        }
    }
}

/// Whether a change is, or was left, under way.
pub(crate) fn is_odd(value: u64) -> bool {
    value & 1 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn word_is_odd_during_a_change_and_never_takes_an_old_value() {
        let word = AtomicU64::new(4);
        let words = [&word];
        let bump = Bump::begin(&words);
        assert_eq!(word.load(SeqCst), 5);
        drop(bump);
        assert_eq!(word.load(SeqCst), 6);
    }

    #[test]
    fn word_left_odd_is_taken_over_and_ends_even() {
        let word = AtomicU64::new(7);
        let words = [&word];
        drop(Bump::begin(&words));
        assert_eq!(word.load(SeqCst), 8);
        word.store(9, SeqCst);
        repair(&words);
        assert_eq!(word.load(SeqCst), 10);
        repair(&words);
        assert_eq!(word.load(SeqCst), 10);
    }
}
