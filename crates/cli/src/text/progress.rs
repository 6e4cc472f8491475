//! A line on the terminal that says what is being waited for, and for how long already. Nothing is
//! written where nobody looks: not to a file, a pipe, or a log.

use std::{
    io::{self, IsTerminal, Write},
    sync::mpsc::{RecvTimeoutError, Sender, channel},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// Between two drawings; also the time below which nothing is drawn at all.
const TICK: Duration = Duration::from_millis(250);

/// The line, until dropped.
pub(crate) struct Progress {
    drawing: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Progress {
    /// Begins to show `what`, on a terminal.
    pub(crate) fn start(what: impl Into<String>) -> Self {
        if !io::stderr().is_terminal() {
            return Self { drawing: None };
        }
        let what = what.into();
        let (done, finished) = channel();
        let began = Instant::now();
        let draw = move || {
            let mut drawn = false;
            while let Err(RecvTimeoutError::Timeout) = finished.recv_timeout(TICK) {
                let seconds = began.elapsed().as_secs();
                let _ = write!(io::stderr().lock(), "\r\u{1b}[K{what} … {seconds} s");
                drawn = true;
            }
            if drawn {
                let _ = write!(io::stderr().lock(), "\r\u{1b}[K");
            }
        };
        let thread = thread::Builder::new().name("progress".to_owned()).spawn(draw);
        Self { drawing: thread.ok().map(|thread| (done, thread)) }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((done, thread)) = self.drawing.take() {
            drop(done);
            // A panic while drawing has nothing to say about the work.
            let _ = thread.join();
        }
    }
}
