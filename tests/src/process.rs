//! Programs with a bound on their time.
//!
//! Output goes to files, not pipes: a program that says much then never waits for a reader, and what
//! it said is there to be shown also when it was killed.

use std::{
    fmt, fs,
    fs::File,
    io::{Seek as _, Write as _},
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use crate::wait;

/// How long a program may take that a test does not say more about.
pub const BOUND: Duration = Duration::from_secs(60);

/// A program that runs, killed when dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    title: String,
    stdout: PathBuf,
    stderr: PathBuf,
}

/// A program that has ended.
pub struct Ended {
    /// The command line, or what a test called it.
    pub title: String,
    /// How it ended.
    pub status: ExitStatus,
    /// What it wrote to stdout; bytes that are no UTF-8 are replaced.
    pub stdout: String,
    /// What it wrote to stderr.
    pub stderr: String,
}

impl Running {
    /// Starts a program; `stdout` and `stderr` are files that do not exist yet.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn start(
        mut command: Command,
        title: String,
        input: &[u8],
        stdout: PathBuf,
        stderr: PathBuf,
    ) -> Self {
        let mut stdin = tempfile::tempfile().expect("a temporary file");
        stdin.write_all(input).and_then(|()| stdin.rewind()).expect("a temporary file");
        let file = |path| File::create_new(path).expect("a file for output");
        command.stdin(stdin).stdout(file(&stdout)).stderr(file(&stderr));
        let child = command.spawn().unwrap_or_else(|error| panic!("{title}: {error}"));
        Self { child, title, stdout, stderr }
    }

    /// As [`Running::start`], with a pipe to its stdin.
    pub fn start_with_pipe(
        mut command: Command,
        title: String,
        stdout: PathBuf,
        stderr: PathBuf,
    ) -> Self {
        let file = |path| File::create_new(path).expect("a file for output");
        command.stdin(Stdio::piped()).stdout(file(&stdout)).stderr(file(&stderr));
        let child = command.spawn().unwrap_or_else(|error| panic!("{title}: {error}"));
        Self { child, title, stdout, stderr }
    }

    /// Its process ID.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has written to stdout up to now.
    pub fn stdout(&self) -> String {
        read(&self.stdout)
    }

    /// What it has written to stderr up to now.
    pub fn stderr(&self) -> String {
        read(&self.stderr)
    }

    /// Writes a line to its stdin.
    ///
    /// # Panics
    /// If it has no pipe or has closed it.
    pub fn say(&mut self, line: &str) {
        let stdin = self.child.stdin.as_mut().expect("a program with a pipe");
        writeln!(stdin, "{line}").unwrap_or_else(|error| panic!("{}: {error}", self.title));
    }

    /// Waits until stdout has a whole line that begins with `word`, and gives the rest of it. Of
    /// several the `nth`, from 0.
    ///
    /// # Panics
    /// If it does not come in time, or the program ends before.
    pub fn line(&mut self, word: &str, nth: usize, bound: Duration) -> String {
        let begin = Instant::now();
        wait::until(bound + Duration::from_secs(1), "a line of output", || {
            let ended = self.child.try_wait().expect("a child");
            let said = self.stdout();
            let mut lines = said.split_inclusive('\n').filter(|line| line.ends_with('\n'));
            let mut found = lines.by_ref().filter_map(|line| line.trim_end().strip_prefix(word));
            if let Some(rest) = found.nth(nth) {
                return Some(rest.trim().to_owned());
            }
            if ended.is_some() || begin.elapsed() > bound {
                panic!("no line \"{word}\" number {nth} within {bound:?}\n{}", self.so_far(ended));
            }
            None
        })
    }

    /// Sends SIGKILL and waits for the end.
    pub fn kill(mut self) -> Ended {
        // An error means that it has ended already.
        let _ = self.child.kill();
        self.end(BOUND)
    }

    /// Waits for the end; after `bound` the program is killed and the test fails.
    ///
    /// # Panics
    /// If it takes longer.
    pub fn end(mut self, bound: Duration) -> Ended {
        drop(self.child.stdin.take());
        let begin = Instant::now();
        let status = wait::until(bound + Duration::from_secs(1), &self.title.clone(), || {
            let status = self.child.try_wait().expect("a child");
            if status.is_none() && begin.elapsed() > bound {
                let _ = self.child.kill();
                let _ = self.child.wait();
                panic!("still running after {bound:?}, killed\n{}", self.so_far(None));
            }
            status
        });
        self.so_far(Some(status))
    }

    fn so_far(&self, status: Option<ExitStatus>) -> Ended {
        Ended {
            title: self.title.clone(),
            status: status.unwrap_or_default(),
            stdout: self.stdout(),
            stderr: self.stderr(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ended {
    /// The same, if it ended well.
    ///
    /// # Panics
    /// If it did not; the message has all it said.
    pub fn succeeded(self) -> Self {
        assert!(self.status.success(), "failed\n{self}");
        self
    }

    /// The same, if it ended with an error of its own.
    ///
    /// # Panics
    /// If it ended well or was killed.
    pub fn refused(self) -> Self {
        assert!(self.status.code().is_some_and(|code| code != 0), "not refused\n{self}");
        self
    }

    /// Both streams, for looking up a word.
    pub fn all(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }

    /// The same, if its output has all of these.
    ///
    /// # Panics
    /// If one is missing.
    pub fn says(self, words: &[&str]) -> Self {
        for word in words {
            assert!(self.all().contains(word), "\"{word}\" is missing\n{self}");
        }
        self
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "---- {} ({})", self.title, self.status)?;
        writeln!(f, "---- stdout\n{}", self.stdout)?;
        writeln!(f, "---- stderr\n{}", self.stderr)
    }
}

fn read(path: &PathBuf) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
}
