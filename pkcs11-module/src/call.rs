//! What every exported function has around it.
//!
//! In: the client, or CKR_CRYPTOKI_NOT_INITIALIZED. Out: one return value, one line in the log, one
//! entry for the recorder. A panic ends here, as CKR_GENERAL_ERROR: it must not reach C, nor the
//! host's stderr.

use std::{
    fmt,
    panic::{self, AssertUnwindSafe},
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use hsmsim_client::Client;
use hsmsim_types::{
    Error, Result, ReturnValue, SessionHandle,
    ck::{
        CK_RV, CKR_ARGUMENTS_BAD, CKR_ATTRIBUTE_VALUE_INVALID, CKR_BUFFER_TOO_SMALL,
        CKR_CRYPTOKI_NOT_INITIALIZED, CKR_DEVICE_ERROR, CKR_DEVICE_MEMORY, CKR_DEVICE_REMOVED,
        CKR_FUNCTION_FAILED, CKR_GENERAL_ERROR, CKR_HOST_MEMORY, CKR_MECHANISM_PARAM_INVALID,
        CKR_OK, CKR_PENDING, CKR_SESSION_CLOSED, CKR_SESSION_HANDLE_INVALID, CKR_TOKEN_NOT_PRESENT,
    },
};

use crate::{
    exit,
    fns::asynchronous,
    instance::{self, Entered},
    log, record,
};

/// What a call is about, for the log and the recorder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// The library.
    Library,
    /// A slot.
    Slot(u64),
    /// A session.
    Session(u64),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Library => Ok(()),
            Self::Slot(slot) => write!(f, "(slot {slot})"),
            Self::Session(session) => write!(f, "(session {session})"),
        }
    }
}

/// A call that needs the client.
pub(crate) fn inside(
    function: &'static str,
    subject: Subject,
    body: impl FnOnce(&Entered) -> Result<()>,
) -> CK_RV {
    // Asked here although only C_Finalize needs the answer: see `exit`.
    let _ = exit::thread_locals_are_gone();
    let Some(entered) = instance::enter() else {
        tracing::debug!(target: log::CALLS, "{function}{subject}: CKR_CRYPTOKI_NOT_INITIALIZED");
        return CKR_CRYPTOKI_NOT_INITIALIZED;
    };
    let client = entered.client();
    let started = (record::times_calls(client) || log::times_calls()).then(Instant::now);
    let outcome = guarded(function, subject, || {
        if let Subject::Session(session) = subject {
            client.may_begin(SessionHandle(session), function)?;
        }
        body(&entered).map_err(|error| session_first(client, subject, error))
    });
    let rv = conclude(function, subject, started, outcome);
    // A call that is pending is recorded when it is over, under its own name.
    if rv != CKR_PENDING && function != asynchronous::COMPLETE {
        record::call(client, function, subject, rv, started);
    }
    rv
}

/// A call that works without the client: C_Initialize, C_GetFunctionList and their kin.
pub(crate) fn outside(function: &'static str, body: impl FnOnce() -> Result<()>) -> CK_RV {
    let _ = exit::thread_locals_are_gone();
    // Timed always: C_Initialize starts the log itself, and none of these calls is frequent.
    let started = Some(Instant::now());
    let outcome = guarded(function, Subject::Library, body);
    conclude(function, Subject::Library, started, outcome)
}

/// A bad session goes before a bad argument (PKCS#11 3.1, 5.1.7), but arguments are read before the
/// client sees the session.
fn session_first(client: &Client, subject: Subject, error: Error) -> Error {
    let of_an_argument =
        [CKR_ARGUMENTS_BAD, CKR_ATTRIBUTE_VALUE_INVALID, CKR_MECHANISM_PARAM_INVALID];
    match subject {
        Subject::Session(session) if of_an_argument.contains(&error.rv()) => client
            .session_info(SessionHandle(session))
            .err()
            .filter(|e| matches!(e.rv(), CKR_SESSION_HANDLE_INVALID | CKR_SESSION_CLOSED))
            .unwrap_or(error),
        _ => error,
    }
}

/// Runs `body` and turns a panic into CKR_GENERAL_ERROR.
fn guarded(
    function: &'static str,
    subject: Subject,
    body: impl FnOnce() -> Result<()>,
) -> Result<()> {
    let _context = log::Context::enter(function, subject);
    // What `body` may leave half done lives in the client, whose locks and tasks see to themselves.
    panic::catch_unwind(AssertUnwindSafe(body))
        .unwrap_or_else(|_| Err(Error::new(CKR_GENERAL_ERROR, "a panic, see the line before")))
}

/// The return value, and the line in the log.
fn conclude(
    function: &'static str,
    subject: Subject,
    started: Option<Instant>,
    outcome: Result<()>,
) -> CK_RV {
    let after = After(started.map(|started| started.elapsed()));
    let Err(error) = outcome else {
        tracing::debug!(target: log::CALLS, "{function}{subject}: CKR_OK{after}");
        return CKR_OK;
    };
    let (rv, rule) = (error.return_value(), error.rule());
    match error.rv() {
        CKR_BUFFER_TOO_SMALL | CKR_PENDING => {
            tracing::debug!(target: log::CALLS, "{function}{subject}: {rv}{after}: {rule}");
        }
        CKR_GENERAL_ERROR
        | CKR_FUNCTION_FAILED
        | CKR_HOST_MEMORY
        | CKR_DEVICE_ERROR
        | CKR_DEVICE_MEMORY
        | CKR_DEVICE_REMOVED
        | CKR_TOKEN_NOT_PRESENT => {
            tracing::warn!(target: log::CALLS, "{function}{subject}: {rv}{after}: {rule}");
        }
        _ => tracing::info!(target: log::CALLS, "{function}{subject}: {rv}{after}: {rule}"),
    }
    let ReturnValue(rv) = rv;
    rv
}

/// " after 12.3µs", or nothing where no time was taken.
struct After(Option<Duration>);

impl fmt::Display for After {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |duration| write!(f, " after {duration:?}"))
    }
}

/// Sends panics to the log instead of the host's stderr. The hook is this library's own: a shared
/// object carries its own copy of Rust's runtime, the host's is another.
pub(crate) fn keep_panics_off_stderr() {
    static DONE: AtomicBool = AtomicBool::new(false);
    if DONE.swap(true, Ordering::AcqRel) {
        return;
    }
    let previous = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        let message = panic.payload_as_str().unwrap_or("no message");
        let place = panic.location().map_or_else(String::new, ToString::to_string);
        tracing::error!(target: log::CALLS, "panic at {place}: {message}");
        // In unit tests the runtime is shared with the test harness, whose panics are its own
        // affair.
        if cfg!(test) && log::Context::current().is_none() {
            previous(panic);
        }
    }));
}
