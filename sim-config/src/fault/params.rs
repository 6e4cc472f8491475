//! The parameters that faults have, each under the name that the table uses.

use super::spec::{ParamKind, ParamSpec};

const fn needed(name: &'static str, kind: ParamKind, help: &'static str) -> ParamSpec {
    ParamSpec { name, kind, required: true, help }
}

const fn optional(name: &'static str, kind: ParamKind, help: &'static str) -> ParamSpec {
    ParamSpec { name, kind, required: false, help }
}

pub(super) const BOOT_TIME: ParamSpec = optional(
    "boot_time",
    ParamKind::Duration,
    "time from power on until the device answers; the topology's boot_time",
);

pub(super) const DIRECTION: ParamSpec = optional(
    "direction",
    ParamKind::Direction,
    "both (default), there (from the first end to the second) or back",
);

pub(super) const EXTRA: ParamSpec = needed(
    "extra",
    ParamKind::Duration,
    "what each message takes longer, each way; link time, which time_scale leaves alone",
);

pub(super) const SPREAD: ParamSpec = optional(
    "spread",
    ParamKind::Duration,
    "the size of a random part that is added to `extra`; none",
);

pub(super) const DISTRIBUTION: ParamSpec = optional(
    "distribution",
    ParamKind::Word(&["uniform", "normal", "exponential", "pareto"]),
    "how the random part is spread: uniform (default), from 0 to `spread`; normal, with `spread` \
           as standard deviation; exponential or pareto (a long tail, shape 3), with `spread` as mean",
);

pub(super) const CORRELATION: ParamSpec = optional(
    "correlation",
    ParamKind::Probability,
    "how much the random part of a message resembles the one before, from 0 to 1; 0",
);

pub(super) const LOST: ParamSpec = needed(
    "probability",
    ParamKind::Probability,
    "the part of the segments that is lost, from 0 to 1",
);

pub(super) const LOSS: ParamSpec = optional(
    "loss",
    ParamKind::Probability,
    "the part of the segments that is lost and sent again, as with `link.loss`; none",
);

pub(super) const BURST: ParamSpec = optional(
    "burst",
    ParamKind::Duration,
    "how long a bad phase lasts on the average, in which all is lost, in link time; without it \
           each segment has its own luck",
);

pub(super) const PER_MESSAGE: ParamSpec =
    needed("probability", ParamKind::Probability, "how likely it befalls a message, from 0 to 1");

pub(super) const OVERTAKEN: ParamSpec = needed(
    "extra",
    ParamKind::Duration,
    "how much later an overtaken message arrives; link time, which time_scale leaves alone",
);

pub(super) const PER_SECOND: ParamSpec = needed(
    "per_second",
    ParamKind::Count,
    "messages a second on each struck link, each way and of one process; clock time, which \
           time_scale leaves alone",
);

pub(super) const IDLE: ParamSpec = needed(
    "idle",
    ParamKind::Duration,
    "how long a connection may carry nothing; drill time, counted from when the fault is set",
);

pub(super) const SIDE: ParamSpec = optional(
    "side",
    ParamKind::Word(&["device", "client"]),
    "whose certificate it is: the device's (default), which clients refuse, or the clients', \
           which the device refuses one round trip later",
);

pub(super) const CONNECTIONS: ParamSpec = optional(
    "connections",
    ParamKind::Word(&["kept", "ended"]),
    "kept (default): those there are live on until they are made anew; ended: the device's NTLS \
           service was restarted, as its certificate's regeneration asks for",
);

pub(super) const ANSWER: ParamSpec = optional(
    "answer",
    ParamKind::Word(&["refused", "dropped"]),
    "refused (default): a connection attempt fails at once; dropped: it is met with silence",
);

pub(super) const STAGGER: ParamSpec = optional(
    "stagger",
    ParamKind::Duration,
    "time from one device's loss to the next's, in the topology's order; all at once",
);

pub(super) const LINKS: ParamSpec = optional(
    "links",
    ParamKind::Word(&["kept", "lost"]),
    "kept (default), or lost: what goes into and out of the region vanishes too, so that clients \
           there are alone",
);

pub(super) const HOW_MANY: ParamSpec =
    needed("count", ParamKind::Count, "how many of the devices, drawn from the run's seed");

pub(super) const INTERVAL: ParamSpec = needed(
    "interval",
    ParamKind::Duration,
    "time from one loss to the next, then to the first return, and from one return to the next",
);

pub(super) const LAG: ParamSpec = needed("extra", ParamKind::Duration, "how much later");

pub(super) const ROWS: ParamSpec =
    needed("rows", ParamKind::Count, "changes of objects a second, for each pair of devices");

pub(super) const DROPPED: ParamSpec =
    needed("probability", ParamKind::Probability, "how likely a change is lost, from 0 to 1");

pub(super) const SERVICE: ParamSpec = needed(
    "extra",
    ParamKind::Duration,
    "what the device takes longer for each request; time_scale leaves it alone",
);

pub(super) const PROBABILITY: ParamSpec = needed(
    "probability",
    ParamKind::Probability,
    "how likely a request is answered so, from 0 to 1",
);

pub(super) const CODE: ParamSpec =
    optional("code", ParamKind::Code, "the code it is answered with; CKR_DEVICE_ERROR");

pub(super) const MAX: ParamSpec =
    needed("max", ParamKind::Count, "sessions that the device has open for one process at most");

pub(super) const PID: ParamSpec = optional(
    "pid",
    ParamKind::Count,
    "only those of this process, as in `hsmsim status`; in virtual time an application, from 1",
);

pub(super) const PARTITION: ParamSpec = optional(
    "partition",
    ParamKind::Count,
    "this partition of the device alone, counted from 0; all",
);

pub(super) const ACTIVATION_HELD: ParamSpec = optional(
    "activation_held",
    ParamKind::Duration,
    "how long activation outlives the power; the profile's activation_held",
);

pub(super) const FREE_OBJECTS: ParamSpec = optional(
    "free_objects",
    ParamKind::Count,
    "room for so many objects more than there are when it is set",
);

pub(super) const OBJECTS_MAX: ParamSpec = optional(
    "objects_max",
    ParamKind::Count,
    "room for so many objects in all; what `free_objects` comes to",
);

pub(super) const REQUESTS_PER_SECOND: ParamSpec = needed(
    "per_second",
    ParamKind::Count,
    "cryptographic requests a second, of all clients; time_scale leaves it alone",
);

pub(super) const MECHANISMS: ParamSpec = needed(
    "mechanisms",
    ParamKind::Mechanisms,
    "those that are missing, with commas between them: CKM_ECDSA,CKM_AES_GCM",
);

pub(super) const AHEAD: ParamSpec = optional("ahead", ParamKind::Duration, "how far it is fast");

pub(super) const BEHIND: ParamSpec = optional("behind", ParamKind::Duration, "how far it is slow");

pub(super) const DRIFT: ParamSpec =
    optional("drift_ppm", ParamKind::Count, "how much faster it runs from then on, in millionths");

pub(super) const MISSING: ParamSpec =
    optional("missing", ParamKind::Count, "objects that are gone");

pub(super) const INVALID: ParamSpec = optional(
    "invalid",
    ParamKind::Count,
    "objects that can no longer be read; 1 if `missing` is not given either",
);

pub(super) const OBJECTS: ParamSpec = optional("objects", ParamKind::Count, "how many; 1");

pub(super) const THE_PARTITION: ParamSpec =
    needed("partition", ParamKind::Count, "the partition of the device, counted from 0");

pub(super) const LINKS_MAX: ParamSpec =
    needed("max", ParamKind::Count, "connections that the device holds for one process at most");

pub(super) const UP: ParamSpec =
    needed("up", ParamKind::Duration, "how long the link works each time");

pub(super) const DOWN: ParamSpec =
    needed("down", ParamKind::Duration, "how long it is cut each time; the fault begins with this");
