//! Whether exit handlers are running.
//!
//! `exit` destroys the thread-locals of the thread that calls it, then runs the exit handlers on
//! that same thread; OpenSSL's engine calls C_Finalize from one. Code that needs a thread-local
//! with a destructor would panic there. So each call leaves a sentinel of that kind behind, and
//! C_Finalize asks whether it still lives.

struct Sentinel;

/// Only there so that the thread-local has a destructor to run.
impl Drop for Sentinel {
    fn drop(&mut self) {}
}

thread_local! {
    static SENTINEL: Sentinel = const { Sentinel };
}

/// Whether the thread-locals of this thread are gone. The first call on a thread registers the
/// sentinel, so each exported function has to pass here.
pub(crate) fn thread_locals_are_gone() -> bool {
    SENTINEL.try_with(|_| ()).is_err()
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, sync::mpsc, thread};

    use super::*;

    struct AsksWhenDropped(Cell<Option<mpsc::Sender<bool>>>);

    impl Drop for AsksWhenDropped {
        fn drop(&mut self) {
            if let Some(answer) = self.0.take() {
                answer.send(thread_locals_are_gone()).expect("the test waits");
            }
        }
    }

    thread_local! {
        static ASKS: AsksWhenDropped = const { AsksWhenDropped(Cell::new(None)) };
    }

    #[test]
    fn the_sentinel_lives_as_long_as_the_thread_and_no_longer() {
        let (sender, answer) = mpsc::channel();
        thread::spawn(move || {
            // Destructors run in reverse order of first use: the asking one comes after the
            // sentinel's.
            ASKS.with(|asks| asks.0.set(Some(sender)));
            assert!(!thread_locals_are_gone());
        })
        .join()
        .expect("the thread ends");
        assert_eq!(answer.recv(), Ok(true));
    }
}
