//! The drills of single faults: for each kind one that shows what it does to an application while it
//! stands, and one that shows that nothing is left of it afterwards.
//!
//! Their names are `faults/KIND/bites` and `faults/KIND/heals`, their files
//! `sim-config/drills/faults/KIND.bites.toml` and `KIND.heals.toml`.

use std::fmt;

/// What a drill shows of a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Aspect {
    /// What an application sees of it: without the fault the drill does not pass.
    Bites,
    /// That all is well after it has ended: without its end the drill does not pass.
    Heals,
}

impl Aspect {
    /// Both.
    pub const ALL: [Aspect; 2] = [Aspect::Bites, Aspect::Heals];

    /// The word in names.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bites => "bites",
            Self::Heals => "heals",
        }
    }
}

impl fmt::Display for Aspect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Name and text of both drills of each kind.
macro_rules! drills {
    ($($kind:literal),* $(,)?) => {
        [$(
            [
                (
                    concat!("faults/", $kind, "/bites"),
                    include_str!(concat!("../../drills/faults/", $kind, ".bites.toml")),
                ),
                (
                    concat!("faults/", $kind, "/heals"),
                    include_str!(concat!("../../drills/faults/", $kind, ".heals.toml")),
                ),
            ],
        )*]
    };
}

/// In the order of the fault table.
const PAIRS: [[(&str, &str); 2]; 56] = drills![
    "device.power_loss",
    "device.restart",
    "device.hang",
    "device.stall",
    "device.slow",
    "device.throttle",
    "device.error_rate",
    "device.tamper",
    "device.memory_full",
    "device.entropy_fail",
    "device.fips_error",
    "device.firmware_skew",
    "device.clock_skew",
    "device.disk_corrupt",
    "audit.log_full",
    "session.drop_all",
    "session.exhaust",
    "login.lost",
    "partition.full",
    "partition.deactivate",
    "partition.pin_lock",
    "trust.cert_expired",
    "trust.cert_revoked",
    "trust.cert_mismatch",
    "port.blocked",
    "dns.fail",
    "client.conn_limit",
    "client.config_loss",
    "device.zeroize",
    "device.factory_reset",
    "device.decommission",
    "admin.delete_partition",
    "admin.delete_object",
    "admin.policy_change",
    "admin.domain_mismatch",
    "link.cut",
    "link.blackhole",
    "link.hold",
    "link.delay",
    "link.loss",
    "link.duplicate",
    "link.reorder",
    "link.rate",
    "link.corrupt",
    "link.reset",
    "link.idle_drop",
    "link.flap",
    "device.swizzle",
    "stamp.loss",
    "region.loss",
    "region.isolate",
    "region.brownout",
    "repl.pause",
    "repl.lag",
    "repl.rate",
    "repl.drop",
];

/// What the names of all of them begin with.
pub(super) const FOLDER: &str = "faults/";

/// Name and text of every one, bites before heals.
pub(super) fn all() -> impl Iterator<Item = (&'static str, &'static str)> + Clone {
    PAIRS.iter().flatten().copied()
}

/// The name of a fault's drill, whether or not there is one.
pub(super) fn name(kind: &str, aspect: Aspect) -> String {
    format!("{FOLDER}{kind}/{aspect}")
}
