//! What a row of the fault table is made of.

use std::fmt;
use std::time::Duration;

use super::target::Direction;
use crate::duration::format_duration;

/// What kind of thing a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TargetKind {
    /// A device, by name, or members of a group by selector.
    Device,
    /// The links between two ends: `A:B`, or all links of one device or place.
    Link,
    /// A stamp: `eastus/stamp1`.
    Stamp,
    /// A region: `eastus`.
    Region,
}

impl fmt::Display for TargetKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            TargetKind::Device => "device",
            TargetKind::Link => "link",
            TargetKind::Stamp => "stamp",
            TargetKind::Region => "region",
        })
    }
}

/// How a struck member looks to a client that talks to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Appearance {
    /// Nothing comes back; the client waits for its receive timeout.
    Silent,
    /// The connection ends or is refused at once.
    Refused,
    /// Heartbeats come and answers do not: the client waits as long as it lasts.
    Stalled,
    /// The member stays usable, if slower, or answers some calls with an error.
    None,
}

impl fmt::Display for Appearance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Appearance::Silent => "silent",
            Appearance::Refused => "refused",
            Appearance::Stalled => "stalled",
            Appearance::None => "none",
        })
    }
}

/// The type of a fault's parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ParamKind {
    /// `20s`, `1.55ms`.
    Duration,
    /// `both`, `there` or `back`.
    Direction,
    /// From 0 to 1.
    Probability,
    /// A whole number.
    Count,
    /// One of the codes in [`ERROR_CODES`].
    Code,
    /// One of these words.
    Word(&'static [&'static str]),
    /// Names of mechanisms with commas between them: `CKM_ECDSA,CKM_AES_GCM`.
    Mechanisms,
}

/// Codes that a device can be made to answer with.
pub const ERROR_CODES: [(&str, &str); 6] = [
    ("CKR_DEVICE_ERROR", "CKR_DEVICE_ERROR"),
    ("CKR_DEVICE_MEMORY", "CKR_DEVICE_MEMORY"),
    ("CKR_FUNCTION_FAILED", "CKR_FUNCTION_FAILED"),
    ("CKR_GENERAL_ERROR", "CKR_GENERAL_ERROR"),
    ("CKR_HOST_MEMORY", "CKR_HOST_MEMORY"),
    ("CKR_USER_NOT_LOGGED_IN", "CKR_USER_NOT_LOGGED_IN"),
];

/// The value of a fault's parameter.
#[derive(Debug, Clone, PartialEq)]
pub enum ParamValue {
    /// A duration.
    Duration(Duration),
    /// A direction.
    Direction(Direction),
    /// A probability.
    Probability(f64),
    /// A number.
    Count(u64),
    /// The name of a code.
    Code(&'static str),
    /// A word.
    Word(&'static str),
    /// Names of mechanisms.
    Mechanisms(Vec<String>),
}

impl fmt::Display for ParamValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ParamValue::Duration(d) => f.write_str(&format_duration(*d)),
            ParamValue::Direction(d) => write!(f, "{d}"),
            ParamValue::Probability(p) => write!(f, "{p}"),
            ParamValue::Count(count) => write!(f, "{count}"),
            ParamValue::Code(word) | ParamValue::Word(word) => f.write_str(word),
            ParamValue::Mechanisms(names) => f.write_str(&names.join(",")),
        }
    }
}

/// One parameter of a fault.
#[derive(Debug, PartialEq, Eq)]
pub struct ParamSpec {
    /// Its key in a drill step and its name on the command line.
    pub name: &'static str,
    /// Its type.
    pub kind: ParamKind,
    /// Whether it must be given.
    pub required: bool,
    /// What it does, and what applies when it is absent.
    pub help: &'static str,
}

/// One row of the table.
#[derive(Debug, PartialEq, Eq)]
pub struct FaultSpec {
    /// Its name: `device.power_loss`.
    pub id: &'static str,
    /// What it strikes.
    pub target: TargetKind,
    /// Its parameters beside `for`, which all faults have that last.
    pub params: &'static [ParamSpec],
    /// What it does, in one line.
    pub effect: &'static str,
    /// How it ends.
    pub ends: &'static str,
    /// How a struck member looks.
    pub appearance: Appearance,
    /// Codes that an application may see through a group because of it. None of them appears for
    /// one-part calls as long as another member is left.
    pub permitted_codes: &'static [&'static str],
    /// Whether it lasts, so that `for` and `heal` have a meaning.
    pub lasts: bool,
    /// Whether it destroys keys, so that a drill must say `allow_data_loss`.
    pub destroys_keys: bool,
}

impl FaultSpec {
    /// Whether a member may serve without a key that the others hold because of it: calls with that key
    /// then fail when they land there.
    pub fn parts_members(&self) -> bool {
        self.permitted_codes.contains(&"CKR_KEY_HANDLE_INVALID")
    }

    /// The parameter of this name.
    pub fn param(&self, name: &str) -> Option<&'static ParamSpec> {
        self.params.iter().find(|p| p.name == name)
    }
}
