//! The table of what can be said of a call fault: which calls it matches, which of them it strikes,
//! and what it does to them.

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CallKeyUse {
    /// Which calls are meant. All that is said must hold.
    Match,
    /// Which of the calls that match are struck; all of them if nothing is said.
    Choice,
    /// What is done to a call that is struck.
    Action,
}

/// What the value of a key looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CallKeyKind {
    /// A text.
    Text,
    /// A whole number from this one on.
    Number(u64),
    /// A count, or a range of counts: `3`, `3..5`, `3..`.
    Range,
    /// A number from 0 to 1.
    Probability,
    /// `250ms`.
    Duration,
    /// `250ms`, or `forever`.
    DurationOrForever,
    /// A code of a call that fails, by name or number.
    Code,
    /// One of these words.
    Word(&'static [&'static str]),
}

/// One key of a `[[call]]` section, and one `key=value` of the command line.
#[derive(Debug, PartialEq, Eq)]
pub struct CallKey {
    /// Its name.
    pub name: &'static str,
    /// What it is for.
    pub usage: CallKeyUse,
    /// What its value looks like.
    pub kind: CallKeyKind,
    /// A value as an example.
    pub example: &'static str,
    /// What it means.
    pub help: &'static str,
}

const fn key(
    name: &'static str,
    usage: CallKeyUse,
    kind: CallKeyKind,
    example: &'static str,
    help: &'static str,
) -> CallKey {
    CallKey { name, usage, kind, example, help }
}

use CallKeyKind::{Code, Duration, DurationOrForever, Number, Probability, Range, Text, Word};
use CallKeyUse::{Action, Choice, Match};

/// Every key beside `function`, in the order in which a call fault is written.
pub const CALL_KEYS: &[CallKey] = &[
    key("slot", Match, Number(0), "1", "the slot's number"),
    key("token", Match, Text, "hsmsim-0", "the token's label, or the group's"),
    key(
        "mechanism",
        Match,
        Text,
        "CKM_ECDSA",
        "the mechanism's name or number: the argument's, or the active operation's",
    ),
    key(
        "label",
        Match,
        Text,
        "web",
        "CKA_LABEL of the object or key of the call, or of the active operation's, or of the template",
    ),
    key("id", Match, Text, "01af", "CKA_ID in hexadecimal, in the same way"),
    key(
        "session",
        Match,
        Number(1),
        "1",
        "the session's handle; handles count from 1 in each process",
    ),
    key("process", Match, Text, "4711", "the process, by its number or the name of its program"),
    key(
        "nth",
        Choice,
        Range,
        "3",
        "of the calls that match, counted from 1 in each process: 3, 3..5, 3..",
    ),
    key("every", Choice, Number(1), "10", "of those, every tenth"),
    key("probability", Choice, Probability, "0.05", "of those, each with this probability"),
    key(
        "seed",
        Choice,
        Number(0),
        "7",
        "draws for `probability` from this seed instead of the topology's; the same seed strikes the \
         same calls",
    ),
    key("times", Choice, Number(1), "2", "no more than so many in each process"),
    key(
        "delay",
        Action,
        Duration,
        "250ms",
        "waits before the work is done; may stand beside the others",
    ),
    key(
        "delay_after",
        Action,
        Duration,
        "250ms",
        "waits after the work is done; may stand beside the others",
    ),
    key("code", Action, Code, "CKR_DEVICE_ERROR", "answers this code, and the work is not done"),
    key(
        "code_after",
        Action,
        Code,
        "CKR_DEVICE_ERROR",
        "does the work and answers this code all the same: the answer was lost",
    ),
    key(
        "hang",
        Action,
        DurationOrForever,
        "forever",
        "waits so long, or `forever`: until the call fault is removed; then does the work. C_Finalize \
         ends it, and it then answers CKR_CRYPTOKI_NOT_INITIALIZED",
    ),
    key(
        "drop",
        Action,
        Word(&["session", "login"]),
        "session",
        "`session`: the session is gone, on every member, and this call and later ones answer \
         CKR_SESSION_HANDLE_INVALID. `login`: the application is logged out of the token, on every \
         member, and this call and those that need a login answer CKR_USER_NOT_LOGGED_IN (with Luna's \
         codes, profile a790, CKR_USER_NOT_AUTHORIZED) until the next C_Login",
    ),
];
