//! The log: off unless `HSMSIM_LOG` is set.
//!
//! `HSMSIM_LOG` is a filter like `info` or `hsmsim_client=debug,info`; `HSMSIM_LOG_FILE` is a path
//! or `stderr`. Without a file the log goes to `hsmsim.log` in the state directory, and to stderr
//! if that cannot be written. Each line names the process, the call and its session or slot.
//!
//! The subscriber is our own, because the library lives where the usual ones do not: it has no
//! thread-local with a destructor (exit handlers log too), no lock that a forked child could
//! inherit locked, and writes each line with one system call to a file opened for appending, so
//! that several processes share it. Spans cost nothing and are not shown; the call stands in each
//! line instead.

use std::{
    cell::Cell,
    env, fmt,
    fmt::Write as _,
    fs::{DirBuilder, File, OpenOptions},
    io::{self, Write as _},
    os::{fd::AsFd, unix::fs::DirBuilderExt},
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    level_filters::LevelFilter,
    span,
    subscriber::Interest,
};
use tracing_subscriber::{
    filter::Targets,
    fmt::{
        format::Writer,
        time::{FormatTime, SystemTime},
    },
};

use crate::call::Subject;

/// The target of the lines that say how a call ended.
pub(crate) const CALLS: &str = "hsmsim_pkcs11::call";

/// Whether the time of calls is taken for the log.
pub(crate) fn times_calls() -> bool {
    tracing::enabled!(target: CALLS, Level::DEBUG)
}

/// The call that this thread is in, for as long as this value lives. Panics and events of the
/// crates below are logged with it.
pub(crate) struct Context(Option<(&'static str, Subject)>);

thread_local! {
    // No destructor: exit handlers use it.
    static CONTEXT: Cell<Option<(&'static str, Subject)>> = const { Cell::new(None) };
}

impl Context {
    /// Enters a call.
    pub(crate) fn enter(function: &'static str, subject: Subject) -> Self {
        Self(CONTEXT.replace(Some((function, subject))))
    }

    /// The innermost call that this thread is in.
    pub(crate) fn current() -> Option<(&'static str, Subject)> {
        CONTEXT.get()
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        CONTEXT.set(self.0);
    }
}

/// Starts the log if the environment asks for one; only the first call in a process does anything.
pub(crate) fn start() {
    static STARTED: AtomicBool = AtomicBool::new(false);
    // No `Once`: a child forked in the middle of it would wait for ever.
    if STARTED.swap(true, Ordering::AcqRel) {
        return;
    }
    let Some(filter) = env::var("HSMSIM_LOG").ok().filter(|filter| !filter.trim().is_empty())
    else {
        return;
    };
    let (filter, wrong_filter) = match filter.parse::<Targets>() {
        Ok(filter) => (filter, None),
        Err(error) => (Targets::new().with_default(LevelFilter::INFO), Some(error)),
    };
    let named = env::var_os("HSMSIM_LOG_FILE").filter(|name| !name.is_empty());
    let (sink, wrong_file) = Sink::open(named.map(PathBuf::from), state_directory());
    // An error means that there is a subscriber already: in tests, where the harness may have one.
    let _ = tracing::subscriber::set_global_default(Log { filter, sink });
    if let Some(error) = wrong_filter {
        tracing::warn!("HSMSIM_LOG is not understood, logging at info: {error}");
    }
    if let Some((path, error)) = wrong_file {
        tracing::warn!("{} cannot be written, logging to stderr: {error}", path.display());
    }
}

/// Where the state is, as the client finds it without a configuration file; `None` if it is kept in
/// memory.
fn state_directory() -> Option<PathBuf> {
    let var = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    var("HSMSIM_STATE")
        .or_else(|| Some(var("XDG_STATE_HOME")?.join("hsmsim")))
        .or_else(|| Some(var("HOME")?.join(".local/state/hsmsim")))
        .filter(|state| state.as_os_str() != "memory")
}

/// Where lines go: a file, or a duplicate of the descriptor of stderr. Not the standard library's
/// stderr, which has a lock.
struct Sink(Option<File>);

impl Sink {
    /// The named file, else the one in the state directory, else stderr; and what went wrong.
    fn open(
        named: Option<PathBuf>,
        state: Option<PathBuf>,
    ) -> (Self, Option<(PathBuf, io::Error)>) {
        let path = match (named, state) {
            (Some(named), _) if named.as_os_str() == "stderr" => return (Self::stderr(), None),
            (Some(named), _) => named,
            (None, Some(state)) => state.join("hsmsim.log"),
            (None, None) => return (Self::stderr(), None),
        };
        match append_to(&path) {
            Ok(file) => (Self(Some(file)), None),
            Err(error) => (Self::stderr(), Some((path, error))),
        }
    }

    /// Nowhere, if the process has no stderr.
    fn stderr() -> Self {
        Self(io::stderr().as_fd().try_clone_to_owned().ok().map(File::from))
    }

    /// Writes one line. There is nobody to tell if that fails.
    fn write(&self, line: &str) {
        if let Some(mut file) = self.0.as_ref() {
            let _ = file.write_all(line.as_bytes());
        }
    }
}

fn append_to(path: &Path) -> io::Result<File> {
    if let Some(directory) = path.parent() {
        // As private as the state directory, which it usually is.
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    }
    OpenOptions::new().create(true).append(true).open(path)
}

struct Log {
    filter: Targets,
    sink: Sink,
}

impl Log {
    fn line(event: &Event<'_>) -> Result<String, fmt::Error> {
        let mut line = String::with_capacity(160);
        SystemTime.format_time(&mut Writer::new(&mut line))?;
        write!(line, " {:>5} {} ", event.metadata().level(), std::process::id())?;
        // The line that ends a call says itself which.
        if event.metadata().target() != CALLS {
            if let Some((function, subject)) = Context::current() {
                write!(line, "{function}{subject} ")?;
            }
            write!(line, "{}: ", event.metadata().target())?;
        }
        let mut fields = Fields { line: &mut line, first: true };
        event.record(&mut fields);
        line.push('\n');
        Ok(line)
    }
}

impl Subscriber for Log {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if !metadata.is_span() && self.enabled(metadata) {
            Interest::always()
        } else {
            Interest::never()
        }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.filter.would_enable(metadata.target(), metadata.level())
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        let default = self.filter.default_level().unwrap_or(LevelFilter::OFF);
        Some(self.filter.iter().map(|(_, level)| level).fold(default, std::cmp::max))
    }

    fn event(&self, event: &Event<'_>) {
        if let Ok(line) = Self::line(event) {
            self.sink.write(&line);
        }
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// Writes the fields of an event: the message as it is, the others as `name=value`. Line breaks
/// would let a name of a file or a label forge lines.
struct Fields<'a> {
    line: &'a mut String,
    first: bool,
}

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if !std::mem::replace(&mut self.first, false) {
            self.line.push(' ');
        }
        let start = self.line.len();
        let _ = match field.name() {
            "message" => write!(self.line, "{value:?}"),
            name => write!(self.line, "{name}={value:?}"),
        };
        if self.line[start..].contains(['\n', '\r']) {
            let tail = self.line.split_off(start);
            self.line.push_str(&tail.replace('\n', "\\n").replace('\r', "\\r"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log_to(path: &Path, filter: &str) -> Log {
        let (sink, error) = Sink::open(Some(path.to_owned()), None);
        assert!(error.is_none());
        Log { filter: filter.parse().expect("a filter"), sink }
    }

    #[test]
    fn lines_name_the_call_and_stay_lines() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("made/on/demand.log");
        tracing::subscriber::with_default(log_to(&path, "hsmsim=debug,warn"), || {
            let _context = Context::enter("C_Sign", Subject::Session(7));
            tracing::debug!(target: "hsmsim_client", member = 2, "failover\nforged line");
            tracing::info!(target: "other", "left out");
            tracing::warn!(target: CALLS, "C_Sign(session 7): CKR_DEVICE_ERROR");
        });
        let text = std::fs::read_to_string(&path).expect("the log");
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 2, "{text}");
        let pid = std::process::id();
        let expected = format!(
            " DEBUG {pid} C_Sign(session 7) hsmsim_client: failover\\nforged line member=2"
        );
        assert!(lines[0].ends_with(&expected), "{text}");
        assert!(lines[1].ends_with(&format!("  WARN {pid} C_Sign(session 7): CKR_DEVICE_ERROR")));
    }

    #[test]
    fn a_file_that_cannot_be_written_is_named() {
        let (_, error) = Sink::open(Some("/dev/null/no.log".into()), None);
        assert_eq!(error.expect("an error").0, Path::new("/dev/null/no.log"));
    }

    #[test]
    fn contexts_nest() {
        let _outer = Context::enter("C_Finalize", Subject::Library);
        drop(Context::enter("C_Sign", Subject::Session(1)));
        assert_eq!(Context::current(), Some(("C_Finalize", Subject::Library)));
    }
}
