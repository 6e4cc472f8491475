//! The table itself: every fault there is, in one place.

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

/// An entry of the history that nobody sets as a fault: another appliance has taken the device's place.
pub const REPLACEMENT: FaultSpec = FaultSpec {
    id: "device.replaced",
    target: TargetKind::Device,
    params: &[],
    effect: "another appliance has taken the device's place",
    ends: "not at all",
    appearance: Appearance::Refused,
    permitted_codes: MEMBER_GONE,
    lasts: false,
    destroys_keys: true,
};

/// The row of the fault with this id.
pub fn fault_spec(id: &str) -> Option<&'static FaultSpec> {
    FAULTS.iter().find(|spec| spec.id == id)
}

const BOOT_TIME: ParamSpec = ParamSpec {
    name: "boot_time",
    kind: ParamKind::Duration,
    required: false,
    help: "time from power on until the device answers; the topology's boot_time",
};

const DIRECTION: ParamSpec = ParamSpec {
    name: "direction",
    kind: ParamKind::Direction,
    required: false,
    help: "both (default), there (from the first end to the second) or back",
};

const EXTRA: ParamSpec = ParamSpec {
    name: "extra",
    kind: ParamKind::Duration,
    required: true,
    help: "what each message takes longer, each way; link time, which time_scale leaves alone",
};

const SPREAD: ParamSpec = ParamSpec {
    name: "spread",
    kind: ParamKind::Duration,
    required: false,
    help: "the size of a random part that is added to `extra`; none",
};

const DISTRIBUTION: ParamSpec = ParamSpec {
    name: "distribution",
    kind: ParamKind::Word(&["uniform", "normal", "exponential", "pareto"]),
    required: false,
    help: "how the random part is spread: uniform (default), from 0 to `spread`; normal, with `spread` \
           as standard deviation; exponential or pareto (a long tail, shape 3), with `spread` as mean",
};

const CORRELATION: ParamSpec = ParamSpec {
    name: "correlation",
    kind: ParamKind::Probability,
    required: false,
    help: "how much the random part of a message resembles the one before, from 0 to 1; 0",
};

const LOST: ParamSpec = ParamSpec {
    name: "probability",
    kind: ParamKind::Probability,
    required: true,
    help: "the part of the segments that is lost, from 0 to 1",
};

const LOSS: ParamSpec = ParamSpec {
    name: "loss",
    kind: ParamKind::Probability,
    required: false,
    help: "the part of the segments that is lost and sent again, as with `link.loss`; none",
};

const BURST: ParamSpec = ParamSpec {
    name: "burst",
    kind: ParamKind::Duration,
    required: false,
    help: "how long a bad phase lasts on the average, in which all is lost, in link time; without it \
           each segment has its own luck",
};

const PER_MESSAGE: ParamSpec = ParamSpec {
    name: "probability",
    kind: ParamKind::Probability,
    required: true,
    help: "how likely it befalls a message, from 0 to 1",
};

const OVERTAKEN: ParamSpec = ParamSpec {
    name: "extra",
    kind: ParamKind::Duration,
    required: true,
    help: "how much later an overtaken message arrives; link time, which time_scale leaves alone",
};

const PER_SECOND: ParamSpec = ParamSpec {
    name: "per_second",
    kind: ParamKind::Count,
    required: true,
    help: "messages a second on each struck link, each way and of one process; clock time, which \
           time_scale leaves alone",
};

const IDLE: ParamSpec = ParamSpec {
    name: "idle",
    kind: ParamKind::Duration,
    required: true,
    help: "how long a connection may carry nothing; drill time, counted from when the fault is set",
};

const SIDE: ParamSpec = ParamSpec {
    name: "side",
    kind: ParamKind::Word(&["device", "client"]),
    required: false,
    help: "whose certificate it is: the device's (default), which clients refuse, or the clients', \
           which the device refuses one round trip later",
};

const CONNECTIONS: ParamSpec = ParamSpec {
    name: "connections",
    kind: ParamKind::Word(&["kept", "ended"]),
    required: false,
    help: "kept (default): those there are live on until they are made anew; ended: the device's NTLS \
           service was restarted, as its certificate's regeneration asks for",
};

const ANSWER: ParamSpec = ParamSpec {
    name: "answer",
    kind: ParamKind::Word(&["refused", "dropped"]),
    required: false,
    help: "refused (default): a connection attempt fails at once; dropped: it is met with silence",
};

const STAGGER: ParamSpec = ParamSpec {
    name: "stagger",
    kind: ParamKind::Duration,
    required: false,
    help: "time from one device's loss to the next's, in the topology's order; all at once",
};

const LINKS: ParamSpec = ParamSpec {
    name: "links",
    kind: ParamKind::Word(&["kept", "lost"]),
    required: false,
    help: "kept (default), or lost: what goes into and out of the region vanishes too, so that clients \
           there are alone",
};

const HOW_MANY: ParamSpec = ParamSpec {
    name: "count",
    kind: ParamKind::Count,
    required: true,
    help: "how many of the devices, drawn from the run's seed",
};

const INTERVAL: ParamSpec = ParamSpec {
    name: "interval",
    kind: ParamKind::Duration,
    required: true,
    help: "time from one loss to the next, then to the first return, and from one return to the next",
};

const LAG: ParamSpec =
    ParamSpec { name: "extra", kind: ParamKind::Duration, required: true, help: "how much later" };

const ROWS: ParamSpec = ParamSpec {
    name: "rows",
    kind: ParamKind::Count,
    required: true,
    help: "changes of objects a second, for each pair of devices",
};

const DROPPED: ParamSpec = ParamSpec {
    name: "probability",
    kind: ParamKind::Probability,
    required: true,
    help: "how likely a change is lost, from 0 to 1",
};

const SERVICE: ParamSpec = ParamSpec {
    name: "extra",
    kind: ParamKind::Duration,
    required: true,
    help: "what the device takes longer for each request; time_scale leaves it alone",
};

const PROBABILITY: ParamSpec = ParamSpec {
    name: "probability",
    kind: ParamKind::Probability,
    required: true,
    help: "how likely a request is answered so, from 0 to 1",
};

const CODE: ParamSpec = ParamSpec {
    name: "code",
    kind: ParamKind::Code,
    required: false,
    help: "the code it is answered with; CKR_DEVICE_ERROR",
};

const MAX: ParamSpec = ParamSpec {
    name: "max",
    kind: ParamKind::Count,
    required: true,
    help: "sessions that the device has open for one process at most",
};

const PID: ParamSpec = ParamSpec {
    name: "pid",
    kind: ParamKind::Count,
    required: false,
    help: "only those of this process, as in `hsmsim status`; in virtual time an application, from 1",
};

const PARTITION: ParamSpec = ParamSpec {
    name: "partition",
    kind: ParamKind::Count,
    required: false,
    help: "this partition of the device alone, counted from 0; all",
};

const ACTIVATION_HELD: ParamSpec = ParamSpec {
    name: "activation_held",
    kind: ParamKind::Duration,
    required: false,
    help: "how long activation outlives the power; the profile's activation_held",
};

const FREE_OBJECTS: ParamSpec = ParamSpec {
    name: "free_objects",
    kind: ParamKind::Count,
    required: false,
    help: "room for so many objects more than there are when it is set",
};

const OBJECTS_MAX: ParamSpec = ParamSpec {
    name: "objects_max",
    kind: ParamKind::Count,
    required: false,
    help: "room for so many objects in all; what `free_objects` comes to",
};

const REQUESTS_PER_SECOND: ParamSpec = ParamSpec {
    name: "per_second",
    kind: ParamKind::Count,
    required: true,
    help: "cryptographic requests a second, of all clients; time_scale leaves it alone",
};

const MECHANISMS: ParamSpec = ParamSpec {
    name: "mechanisms",
    kind: ParamKind::Mechanisms,
    required: true,
    help: "those that are missing, with commas between them: CKM_ECDSA,CKM_AES_GCM",
};

const AHEAD: ParamSpec = ParamSpec {
    name: "ahead",
    kind: ParamKind::Duration,
    required: false,
    help: "how far it is fast",
};

const BEHIND: ParamSpec = ParamSpec {
    name: "behind",
    kind: ParamKind::Duration,
    required: false,
    help: "how far it is slow",
};

const DRIFT: ParamSpec = ParamSpec {
    name: "drift_ppm",
    kind: ParamKind::Count,
    required: false,
    help: "how much faster it runs from then on, in millionths",
};

const MISSING: ParamSpec = ParamSpec {
    name: "missing",
    kind: ParamKind::Count,
    required: false,
    help: "objects that are gone",
};

const INVALID: ParamSpec = ParamSpec {
    name: "invalid",
    kind: ParamKind::Count,
    required: false,
    help: "objects that can no longer be read; 1 if `missing` is not given either",
};

const OBJECTS: ParamSpec =
    ParamSpec { name: "objects", kind: ParamKind::Count, required: false, help: "how many; 1" };

const THE_PARTITION: ParamSpec = ParamSpec {
    name: "partition",
    kind: ParamKind::Count,
    required: true,
    help: "the partition of the device, counted from 0",
};

const LINKS_MAX: ParamSpec = ParamSpec {
    name: "max",
    kind: ParamKind::Count,
    required: true,
    help: "connections that the device holds for one process at most",
};

const UP: ParamSpec = ParamSpec {
    name: "up",
    kind: ParamKind::Duration,
    required: true,
    help: "how long the link works each time",
};

const DOWN: ParamSpec = ParamSpec {
    name: "down",
    kind: ParamKind::Duration,
    required: true,
    help: "how long it is cut each time; the fault begins with this",
};

/// A member that is gone: what sessions on it, multi-part operations and, when it was the last one,
/// all calls answer.
const MEMBER_GONE: &[&str] =
    &["CKR_DEVICE_ERROR", "CKR_TOKEN_NOT_PRESENT", "CKR_SESSION_HANDLE_INVALID"];

/// A login that is gone or is not to be had, and nothing else.
const NO_LOGIN: &[&str] = &["CKR_USER_NOT_LOGGED_IN", "CKR_USER_NOT_AUTHORIZED"];

/// Objects that one member lacks or cannot read.
const DAMAGED: &[&str] =
    &["CKR_KEY_HANDLE_INVALID", "CKR_OBJECT_HANDLE_INVALID", "CKR_DEVICE_ERROR"];

/// A role that is locked: what a login answers, and what a member that refuses it comes to.
const LOCKED_OUT: &[&str] = &[
    "CKR_PIN_LOCKED",
    "CKR_USER_LOCKED_OUT",
    "CKR_DEVICE_ERROR",
    "CKR_TOKEN_NOT_PRESENT",
    "CKR_SESSION_HANDLE_INVALID",
];

/// Every fault, in the order of the reference page.
///
/// Survived while one member of a group is left and reachable: all of them. Not survived: keys whose
/// only holder is zeroized.
pub const FAULTS: &[FaultSpec] = &[
    FaultSpec {
        id: "device.power_loss",
        target: TargetKind::Device,
        params: &[BOOT_TIME, ACTIVATION_HELD],
        effect: "power is gone: sessions and session objects end, token objects stay",
        ends: "power on, then the boot time",
        appearance: Appearance::Silent,
        permitted_codes: MEMBER_GONE,
        lasts: true,
        destroys_keys: false,
    },
    FaultSpec {
        id: "device.restart",
        target: TargetKind::Device,
        params: &[BOOT_TIME],
        effect: "the device restarts: connections are refused until it has booted",
        ends: "by itself, after the boot time",
        appearance: Appearance::Refused,
        permitted_codes: MEMBER_GONE,
        lasts: false,
        destroys_keys: false,
    },
    FaultSpec {
        id: "device.hang",
        target: TargetKind::Device,
        params: &[],
        effect: "the device takes connections and requests, and never answers; no heartbeats",
        ends: "heal; what it had taken in it then answers, too late",
        appearance: Appearance::Silent,
        permitted_codes: MEMBER_GONE,
        lasts: true,
        destroys_keys: false,
    },
    FaultSpec {
        id: "device.stall",
        target: TargetKind::Device,
        params: &[],
        effect: "heartbeats and no answers, as with a full audit log: no client fails over",
        ends: "heal; it then answers",
        appearance: Appearance::Stalled,
        permitted_codes: &[],
        lasts: true,
        destroys_keys: false,
    },
    FaultSpec {
        id: "device.slow",
        target: TargetKind::Device,
        params: &[SERVICE],
        effect: "the device takes longer for each request",
        ends: "heal",
        appearance: Appearance::None,
        permitted_codes: &[],
        lasts: true,
        destroys_keys: false,
    },
    FaultSpec {
        id: "device.throttle",
        target: TargetKind::Device,
        params: &[REQUESTS_PER_SECOND],
        effect: "the device works on no more than so many requests a second; others queue",
        ends: "heal",
        appearance: Appearance::None,
        permitted_codes: &[],
        lasts: true,
        destroys_keys: false,
    },
    FaultSpec {
        id: "device.error_rate",
        target: TargetKind::Device,
        params: &[PROBABILITY, CODE],
        effect: "some cryptographic requests are answered with an error",
        ends: "heal",
        appearance: Appearance::None,
        permitted_codes: &[
            "CKR_DEVICE_ERROR",
            "CKR_DEVICE_MEMORY",
            "CKR_FUNCTION_FAILED",
            "CKR_GENERAL_ERROR",
            "CKR_HOST_MEMORY",
            "CKR_USER_NOT_LOGGED_IN",
        ],
        lasts: true,
        destroys_keys: false,
    },
    FaultSpec {
        id: "device.tamper",
        target: TargetKind::Device,
        params: &[BOOT_TIME],
        effect: "a tamper event: nothing on the device can be used, and nothing is lost",
        ends: "heal (somebody clears the event), then the boot time",
        appearance: Appearance::Refused,
        permitted_codes: MEMBER_GONE,
        lasts: true,
        destroys_keys: false,
    },
    FaultSpec {
        id: "device.memory_full",
        target: TargetKind::Device,
        params: &[FREE_OBJECTS, OBJECTS_MAX],
        effect: "there is no room for new objects; all else goes on",
        ends: "heal",
        appearance: Appearance::None,
        permitted_codes: &["CKR_DEVICE_MEMORY", "CKR_KEY_HANDLE_INVALID"],
        lasts: true,
        destroys_keys: false,
    },
    FaultSpec {
        id: "device.entropy_fail",
        target: TargetKind::Device,
        params: &[],
        effect: "the random number generator has failed its test: no keys, no random numbers",
        ends: "heal",
        appearance: Appearance::None,
        permitted_codes: &["CKR_RANDOM_NO_RNG", "CKR_FUNCTION_FAILED"],
        lasts: true,
        destroys_keys: false,
    },
    FaultSpec {
        id: "device.fips_error",
        target: TargetKind::Device,
        params: &[],
        effect: "a self-test has failed: all cryptography is refused, sessions live on",
        ends: "heal",
        appearance: Appearance::None,
        permitted_codes: &["CKR_DEVICE_ERROR"],
        lasts: true,
        destroys_keys: false,
    },
    FaultSpec {
        id: "device.firmware_skew",
        target: TargetKind::Device,
        params: &[MECHANISMS],
        effect: "the device's firmware lacks mechanisms that the other members have",
        ends: "heal (the firmware is updated)",
        appearance: Appearance::None,
        permitted_codes: &["CKR_MECHANISM_INVALID"],
        lasts: true,
        destroys_keys: false,
    },
    FaultSpec {
        id: "device.clock_skew",
        target: TargetKind::Device,
        params: &[AHEAD, BEHIND, DRIFT],
        effect: "the device's clock is wrong: timed locks of roles end early or late",
        ends: "heal",
        appearance: Appearance::None,
        permitted_codes: &[],
        lasts: true,
        destroys_keys: false,
    },
    FaultSpec {
        id: "device.disk_corrupt",
        target: TargetKind::Device,
        params: &[PARTITION, MISSING, INVALID],
        effect: "objects on the device are gone or can no longer be read; the seed says which",
        ends: "not at all: `hsmsim ha synchronize` copies them anew from other members",
        appearance: Appearance::None,
        permitted_codes: DAMAGED,
        lasts: false,
        destroys_keys: true,
    },
    FaultSpec {
        id: "audit.log_full",
        target: TargetKind::Device,
        params: &[],
        effect: "the audit log is full: cryptography gets heartbeats and no answer, all else goes on",
        ends: "heal (the log is fetched); it then answers",
        appearance: Appearance::Stalled,
        permitted_codes: &[],
        lasts: true,
        destroys_keys: false,
    },
    FaultSpec {
        id: "session.drop_all",
        target: TargetKind::Device,
        params: &[PID, PARTITION],
        effect: "every session and login on the device ends, or those of one process or partition",
        ends: "by itself, at once; members are then brought back by recovery",
        appearance: Appearance::Refused,
        permitted_codes: MEMBER_GONE,
        lasts: false,
        destroys_keys: false,
    },
    FaultSpec {
        id: "session.exhaust",
        target: TargetKind::Device,
        params: &[MAX],
        effect: "the device opens no more than so many sessions",
        ends: "heal",
        appearance: Appearance::None,
        permitted_codes: &["CKR_SESSION_COUNT"],
        lasts: true,
        destroys_keys: false,
    },
    FaultSpec {
        id: "login.lost",
        target: TargetKind::Device,
        params: &[PID, PARTITION],
        effect: "sessions live on and are logged out; the library does not log in again by itself",
        ends: "the application logs out and in again",
        appearance: Appearance::None,
        permitted_codes: NO_LOGIN,
        lasts: false,
        destroys_keys: false,
    },
    FaultSpec {
        id: "partition.full",
        target: TargetKind::Device,
        params: &[PARTITION, FREE_OBJECTS, OBJECTS_MAX],
        effect: "there is no room for new objects in each partition, or in one",
        ends: "heal",
        appearance: Appearance::None,
        permitted_codes: &[
            "CKR_DEVICE_MEMORY",
            "CKR_MAX_OBJECT_COUNT_EXCEEDED",
            "CKR_KEY_HANDLE_INVALID",
        ],
        lasts: true,
        destroys_keys: false,
    },
    FaultSpec {
        id: "partition.deactivate",
        target: TargetKind::Device,
        params: &[PARTITION],
        effect: "activation is gone: nobody is logged in, and no login is taken",
        ends: "heal, or `hsmsim device activate`; applications then log out and in again",
        appearance: Appearance::None,
        permitted_codes: NO_LOGIN,
        lasts: true,
        destroys_keys: false,
    },
    FaultSpec {
        id: "partition.pin_lock",
        target: TargetKind::Device,
        params: &[PARTITION],
        effect: "wrong PINs until the crypto officer is locked; an A790 loses the contents too",
        ends: "not at all: the SO sets the PIN anew (`hsmsim role init co`); on an A790 the \
               partition is initialised anew",
        appearance: Appearance::Refused,
        permitted_codes: LOCKED_OUT,
        lasts: false,
        destroys_keys: true,
    },
    FaultSpec {
        id: "trust.cert_expired",
        target: TargetKind::Device,
        params: &[],
        effect: "the trust link's certificate has expired: only new connections are refused",
        ends: "heal",
        appearance: Appearance::Refused,
        permitted_codes: MEMBER_GONE,
        lasts: true,
        destroys_keys: false,
    },
    FaultSpec {
        id: "trust.cert_revoked",
        target: TargetKind::Device,
        params: &[SIDE],
        effect: "a certificate of the trust link is revoked: only new connections are refused",
        ends: "heal",
        appearance: Appearance::Refused,
        permitted_codes: MEMBER_GONE,
        lasts: true,
        destroys_keys: false,
    },
    FaultSpec {
        id: "trust.cert_mismatch",
        target: TargetKind::Device,
        params: &[SIDE, CONNECTIONS],
        effect: "a certificate is not the one that was registered: new connections are refused",
        ends: "heal (the certificate is registered anew)",
        appearance: Appearance::Refused,
        permitted_codes: MEMBER_GONE,
        lasts: true,
        destroys_keys: false,
    },
    FaultSpec {
        id: "port.blocked",
        target: TargetKind::Device,
        params: &[ANSWER],
        effect: "nobody reaches the device's port any more; connections that there are live on",
        ends: "heal",
        appearance: Appearance::Refused,
        permitted_codes: MEMBER_GONE,
        lasts: true,
        destroys_keys: false,
    },
    FaultSpec {
        id: "dns.fail",
        target: TargetKind::Device,
        params: &[],
        effect: "the device's name cannot be resolved: new connections fail at once",
        ends: "heal",
        appearance: Appearance::Refused,
        permitted_codes: MEMBER_GONE,
        lasts: true,
        destroys_keys: false,
    },
    FaultSpec {
        id: "client.conn_limit",
        target: TargetKind::Device,
        params: &[LINKS_MAX],
        effect: "the device holds no more than so many connections; further ones are refused",
        ends: "heal",
        appearance: Appearance::Refused,
        permitted_codes: MEMBER_GONE,
        lasts: true,
        destroys_keys: false,
    },
    FaultSpec {
        id: "client.config_loss",
        target: TargetKind::Device,
        params: &[],
        effect: "clients that start meanwhile do not have the device in their groups, and no error",
        ends: "heal; clients have it again when they start anew",
        appearance: Appearance::None,
        permitted_codes: &[],
        lasts: true,
        destroys_keys: false,
    },
    FaultSpec {
        id: "device.zeroize",
        target: TargetKind::Device,
        params: &[],
        effect: "all partitions of the device are erased; the device stays on",
        ends: "not at all: initialise the partitions anew, then synchronise the group",
        appearance: Appearance::Refused,
        permitted_codes: MEMBER_GONE,
        lasts: false,
        destroys_keys: true,
    },
    FaultSpec {
        id: "device.factory_reset",
        target: TargetKind::Device,
        params: &[BOOT_TIME],
        effect: "as device.zeroize; the HSM SO's PIN is the first one again, and the device restarts",
        ends: "not at all: initialise the partitions anew, then synchronise the group",
        appearance: Appearance::Refused,
        permitted_codes: MEMBER_GONE,
        lasts: false,
        destroys_keys: true,
    },
    FaultSpec {
        id: "device.decommission",
        target: TargetKind::Device,
        params: &[],
        effect: "as device.factory_reset; the device refuses everybody from then on",
        ends: "not at all: `hsmsim device replace`",
        appearance: Appearance::Refused,
        permitted_codes: MEMBER_GONE,
        lasts: false,
        destroys_keys: true,
    },
    FaultSpec {
        id: "admin.delete_partition",
        target: TargetKind::Device,
        params: &[THE_PARTITION],
        effect: "somebody deletes a partition: it is blank, and its sessions end",
        ends: "not at all: initialise it anew, then synchronise the group",
        appearance: Appearance::Refused,
        permitted_codes: MEMBER_GONE,
        lasts: false,
        destroys_keys: true,
    },
    FaultSpec {
        id: "admin.delete_object",
        target: TargetKind::Device,
        params: &[PARTITION, OBJECTS],
        effect: "somebody deletes objects on this member alone; the seed says which",
        ends: "not at all: `hsmsim ha synchronize`",
        appearance: Appearance::None,
        permitted_codes: DAMAGED,
        lasts: false,
        destroys_keys: true,
    },
    FaultSpec {
        id: "admin.policy_change",
        target: TargetKind::Device,
        params: &[PARTITION],
        effect: "a destructive policy is changed: the objects are gone, roles and PINs stay",
        ends: "not at all: `hsmsim ha synchronize`",
        appearance: Appearance::None,
        permitted_codes: DAMAGED,
        lasts: false,
        destroys_keys: true,
    },
    FaultSpec {
        id: "admin.domain_mismatch",
        target: TargetKind::Device,
        params: &[THE_PARTITION],
        effect: "somebody initialises a member under another cloning domain: empty, refuses copies",
        ends: "not at all: initialise it for its group (`partition init`), then synchronise",
        appearance: Appearance::Refused,
        permitted_codes: MEMBER_GONE,
        lasts: false,
        destroys_keys: true,
    },
    FaultSpec {
        id: "link.cut",
        target: TargetKind::Link,
        params: &[DIRECTION],
        effect: "connections over the link end, and new ones are refused",
        ends: "heal",
        appearance: Appearance::Refused,
        permitted_codes: MEMBER_GONE,
        lasts: true,
        destroys_keys: false,
    },
    FaultSpec {
        id: "link.blackhole",
        target: TargetKind::Link,
        params: &[DIRECTION],
        effect: "messages on the link vanish, attempts to connect among them",
        ends: "heal; what was sent meanwhile is lost",
        appearance: Appearance::Silent,
        permitted_codes: MEMBER_GONE,
        lasts: true,
        destroys_keys: false,
    },
    FaultSpec {
        id: "link.hold",
        target: TargetKind::Link,
        params: &[DIRECTION],
        effect: "messages on the link wait",
        ends: "heal; they are then delivered, late and in order",
        appearance: Appearance::Silent,
        permitted_codes: MEMBER_GONE,
        lasts: true,
        destroys_keys: false,
    },
    FaultSpec {
        id: "link.delay",
        target: TargetKind::Link,
        params: &[EXTRA, SPREAD, DISTRIBUTION, CORRELATION, DIRECTION],
        effect: "messages on the link take longer",
        ends: "heal",
        appearance: Appearance::None,
        permitted_codes: &[],
        lasts: true,
        destroys_keys: false,
    },
    FaultSpec {
        id: "link.loss",
        target: TargetKind::Link,
        params: &[LOST, BURST, DIRECTION],
        effect: "segments are lost; TCP sends them again, later each time, and calls stall",
        ends: "heal",
        appearance: Appearance::None,
        permitted_codes: MEMBER_GONE,
        lasts: true,
        destroys_keys: false,
    },
    FaultSpec {
        id: "link.duplicate",
        target: TargetKind::Link,
        params: &[PER_MESSAGE, DIRECTION],
        effect: "packets arrive twice, which TCP hides; a place under `link.rate` is all it costs",
        ends: "heal",
        appearance: Appearance::None,
        permitted_codes: &[],
        lasts: true,
        destroys_keys: false,
    },
    FaultSpec {
        id: "link.reorder",
        target: TargetKind::Link,
        params: &[PER_MESSAGE, OVERTAKEN, DIRECTION],
        effect: "packets are overtaken; TCP waits for them, so that messages are late",
        ends: "heal",
        appearance: Appearance::None,
        permitted_codes: &[],
        lasts: true,
        destroys_keys: false,
    },
    FaultSpec {
        id: "link.rate",
        target: TargetKind::Link,
        params: &[PER_SECOND, DIRECTION],
        effect: "messages leave one after the other, at this rate",
        ends: "heal",
        appearance: Appearance::None,
        permitted_codes: &[],
        lasts: true,
        destroys_keys: false,
    },
    FaultSpec {
        id: "link.corrupt",
        target: TargetKind::Link,
        params: &[PER_MESSAGE, DIRECTION],
        effect: "a record is damaged past TCP's checksum: TLS refuses it and ends the connection",
        ends: "heal",
        appearance: Appearance::Refused,
        permitted_codes: MEMBER_GONE,
        lasts: true,
        destroys_keys: false,
    },
    FaultSpec {
        id: "link.reset",
        target: TargetKind::Link,
        params: &[PER_MESSAGE, DIRECTION],
        effect: "something on the way answers a message with a reset: the connection ends",
        ends: "heal",
        appearance: Appearance::Refused,
        permitted_codes: MEMBER_GONE,
        lasts: true,
        destroys_keys: false,
    },
    FaultSpec {
        id: "link.idle_drop",
        target: TargetKind::Link,
        params: &[IDLE],
        effect: "a firewall forgets idle connections: what is sent on one later vanishes",
        ends: "heal; what was forgotten stays so until a new connection is made",
        appearance: Appearance::Silent,
        permitted_codes: MEMBER_GONE,
        lasts: true,
        destroys_keys: false,
    },
    FaultSpec {
        id: "link.flap",
        target: TargetKind::Link,
        params: &[DOWN, UP, DIRECTION],
        effect: "the link is cut and works by turns",
        ends: "heal",
        appearance: Appearance::Refused,
        permitted_codes: MEMBER_GONE,
        lasts: true,
        destroys_keys: false,
    },
    FaultSpec {
        id: "device.swizzle",
        target: TargetKind::Device,
        params: &[HOW_MANY, INTERVAL, BOOT_TIME],
        effect: "some of the devices lose power one by one, and get it back in another order",
        ends: "power on after the last return, or heal, then the boot time",
        appearance: Appearance::Silent,
        permitted_codes: MEMBER_GONE,
        lasts: true,
        destroys_keys: false,
    },
    FaultSpec {
        id: "stamp.loss",
        target: TargetKind::Stamp,
        params: &[STAGGER, BOOT_TIME],
        effect: "every device of the stamp loses power",
        ends: "power on, then the boot time",
        appearance: Appearance::Silent,
        permitted_codes: MEMBER_GONE,
        lasts: true,
        destroys_keys: false,
    },
    FaultSpec {
        id: "region.loss",
        target: TargetKind::Region,
        params: &[STAGGER, LINKS, BOOT_TIME],
        effect: "every device of the region loses power; clients there live on",
        ends: "power on, then the boot time",
        appearance: Appearance::Silent,
        permitted_codes: MEMBER_GONE,
        lasts: true,
        destroys_keys: false,
    },
    FaultSpec {
        id: "region.isolate",
        target: TargetKind::Region,
        params: &[],
        effect: "messages into and out of the region vanish; inside, all goes on",
        ends: "heal",
        appearance: Appearance::Silent,
        permitted_codes: MEMBER_GONE,
        lasts: true,
        destroys_keys: false,
    },
    FaultSpec {
        id: "region.brownout",
        target: TargetKind::Region,
        params: &[EXTRA, SPREAD, DISTRIBUTION, CORRELATION, LOSS, BURST],
        effect: "every message into, out of or inside the region takes longer",
        ends: "heal",
        appearance: Appearance::None,
        permitted_codes: &[],
        lasts: true,
        destroys_keys: false,
    },
    FaultSpec {
        id: "repl.pause",
        target: TargetKind::Link,
        params: &[DIRECTION],
        effect: "the devices at its ends tell each other nothing new; clients notice nothing",
        ends: "heal; what waited is then delivered in order",
        appearance: Appearance::None,
        permitted_codes: &[],
        lasts: true,
        destroys_keys: false,
    },
    FaultSpec {
        id: "repl.lag",
        target: TargetKind::Link,
        params: &[LAG, DIRECTION],
        effect: "what the devices at its ends tell each other arrives later",
        ends: "heal",
        appearance: Appearance::None,
        permitted_codes: &[],
        lasts: true,
        destroys_keys: false,
    },
    FaultSpec {
        id: "repl.rate",
        target: TargetKind::Link,
        params: &[ROWS, DIRECTION],
        effect: "the devices at its ends tell each other no more than so much a second",
        ends: "heal; a backlog is then delivered at once",
        appearance: Appearance::None,
        permitted_codes: &[],
        lasts: true,
        destroys_keys: false,
    },
    FaultSpec {
        id: "repl.drop",
        target: TargetKind::Link,
        params: &[DROPPED, DIRECTION],
        effect: "some of what the devices at its ends tell each other is lost for good",
        ends: "heal; what was lost is found by comparing members, and brought by a synchronisation",
        appearance: Appearance::None,
        permitted_codes: &[],
        lasts: true,
        destroys_keys: false,
    },
];
