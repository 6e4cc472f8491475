//! Scripted call faults: "the third C_Sign with the key `web` answers CKR_DEVICE_ERROR".
//!
//! A call fault says which PKCS#11 calls of an application it matches, which of those it strikes, and
//! what it does to them. It is no fault of the cluster: no device, link or member has a part in it, and
//! no failover follows. Two tables make it up, [`CALL_FUNCTIONS`] and [`CALL_KEYS`]; they give the
//! parser of both forms, the help of `hsmsim call-fault` and the tables of `docs/call-faults.md`.
//!
//! - One line, [`std::fmt::Display`] and [`std::str::FromStr`]: `C_Sign label=web nth=3
//!   code=CKR_DEVICE_ERROR`. Words are quoted as a shell quotes them.
//! - A table with the same keys: a `[[call]]` section of a file ([`CallFault::file`]), or `call` of a
//!   drill's step.

mod file;
mod functions;
mod keys;
mod parse;

use std::fmt;
use std::time::Duration;

use crate::drill::CountRange;
use crate::duration::format_duration;

pub use functions::{CALL_FUNCTIONS, CallFunction, CalledOn};
pub use keys::{CALL_KEYS, CallKey, CallKeyKind, CallKeyUse};

/// A name of the standard with its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// How it was written: `CKR_DEVICE_ERROR`, or `0x30`.
    pub name: String,
    /// Its number.
    pub number: u64,
}

/// A process by number or by program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallProcess {
    /// Its number.
    Pid(u32),
    /// The file name of its program.
    Program(String),
}

/// What becomes of a call that is struck, beside its delays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallOutcome {
    /// What it would have been.
    Work,
    /// This code, and the work is not done.
    Code(Named),
    /// This code, and the work was done.
    CodeAfter(Named),
    /// The work, after so long; `None`: after the call fault is removed.
    Hang(Option<Duration>),
    /// CKR_SESSION_HANDLE_INVALID: the session is gone.
    DropSession,
    /// CKR_USER_NOT_LOGGED_IN: the login is gone.
    DropLogin,
}

/// A call fault. Made by its parsers, which check that its parts fit together.
#[derive(Debug, Clone, PartialEq)]
pub struct CallFault {
    /// The functions; none means any.
    pub functions: Vec<&'static CallFunction>,
    /// The slot's number.
    pub slot: Option<u64>,
    /// The token's label, or the group's.
    pub token: Option<String>,
    /// The mechanism.
    pub mechanism: Option<Named>,
    /// CKA_LABEL.
    pub label: Option<String>,
    /// CKA_ID.
    pub id: Option<Vec<u8>>,
    /// The session's handle.
    pub session: Option<u64>,
    /// The process.
    pub process: Option<CallProcess>,
    /// Which of the calls that match, counted from 1.
    pub nth: Option<CountRange>,
    /// Every so many of those.
    pub every: Option<u64>,
    /// The probability of each of those.
    pub probability: Option<f64>,
    /// The seed for that.
    pub seed: Option<u64>,
    /// The most that are struck.
    pub times: Option<u64>,
    /// A wait before the work.
    pub delay: Option<Duration>,
    /// A wait after the work.
    pub delay_after: Option<Duration>,
    /// What becomes of the call.
    pub outcome: CallOutcome,
}

impl CallFault {
    /// Whether a function of this name is among those it strikes.
    pub fn strikes(&self, function: &str) -> bool {
        self.functions.is_empty() || self.functions.iter().any(|known| known.name == function)
    }

    /// The functions as they are written: `C_Sign,C_Verify`, `any`.
    pub fn functions_text(&self) -> String {
        match self.functions.as_slice() {
            [] => functions::ANY.to_owned(),
            some => some.iter().map(|function| function.name).collect::<Vec<_>>().join(","),
        }
    }

    /// What was said for a key of the table, as it is written.
    fn value(&self, key: &str) -> Option<String> {
        let number = |number: Option<u64>| number.map(|number| number.to_string());
        let time = |time: Option<Duration>| time.map(format_duration);
        match (key, &self.outcome) {
            ("slot", _) => number(self.slot),
            ("token", _) => self.token.clone(),
            ("mechanism", _) => self.mechanism.as_ref().map(|mechanism| mechanism.name.clone()),
            ("label", _) => self.label.clone(),
            ("id", _) => self.id.as_ref().map(|id| parse::hex(id)),
            ("session", _) => number(self.session),
            ("process", _) => self.process.as_ref().map(|process| match process {
                CallProcess::Pid(pid) => pid.to_string(),
                CallProcess::Program(name) => name.clone(),
            }),
            ("nth", _) => self.nth.map(|range| range.to_string()),
            ("every", _) => number(self.every),
            ("probability", _) => self.probability.map(|probability| probability.to_string()),
            ("seed", _) => number(self.seed),
            ("times", _) => number(self.times),
            ("delay", _) => time(self.delay),
            ("delay_after", _) => time(self.delay_after),
            ("code", CallOutcome::Code(code)) => Some(code.name.clone()),
            ("code_after", CallOutcome::CodeAfter(code)) => Some(code.name.clone()),
            ("hang", CallOutcome::Hang(limit)) => {
                Some(limit.map_or_else(|| parse::FOREVER.to_owned(), format_duration))
            }
            ("drop", CallOutcome::DropSession) => Some(parse::SESSION.to_owned()),
            ("drop", CallOutcome::DropLogin) => Some(parse::LOGIN.to_owned()),
            _ => None,
        }
    }

    /// Every key of the table that was said, with what was said, in the table's order.
    pub fn pairs(&self) -> Vec<(&'static CallKey, String)> {
        CALL_KEYS.iter().filter_map(|key| Some((key, self.value(key.name)?))).collect()
    }

    /// All that follows the functions, as it is written: `label=web nth=3 code=CKR_DEVICE_ERROR`.
    pub fn rest_text(&self) -> String {
        let pairs = self.pairs().into_iter();
        let words = pairs.map(|(key, value)| format!("{}={}", key.name, parse::quoted(&value)));
        words.collect::<Vec<_>>().join(" ")
    }

    /// The same with this seed, if it draws and nobody has said from what.
    #[must_use]
    pub fn drawing_from(&self, seed: u64) -> Self {
        let draws = self.probability.map(|_| seed);
        Self { seed: self.seed.or(draws), ..self.clone() }
    }
}

impl fmt::Display for CallFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.functions_text(), self.rest_text())
    }
}
