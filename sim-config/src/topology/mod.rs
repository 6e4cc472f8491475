//! The topology: which devices stand where, how they are grouped, and what timing applies.

mod device;
mod expand;
mod file;
mod ha;
mod links;
mod provisioning;
mod sets;
mod shipped;

use std::fmt;

use crate::chrystoki::ChrystokiSource;
use crate::duration::format_duration;
use crate::place::Place;
use crate::stable_hash::StableHash;

pub(crate) use file::{place, time_scale};
pub(crate) use sets::{GroupSet, names};

pub use device::{Device, DeviceId, Group, Member, PARTITIONS_PER_DEVICE, Replication, Role};
pub use ha::{
    ConnectBy, DeletePolicy, HaPreset, HaSettings, OwedCopies, RecoveryAttempts, RecoveryMode,
};
pub use links::{
    Jitter, LinkOverride, LinkTiming, Links, PlacePattern, RoundTrip, RoundTripSource,
};
pub use provisioning::{Pin, Provisioning, StateSettings};

/// A whole cluster, fully written out and checked for contradictions.
///
/// Every name a topology mentions exists in it: a group's members name devices of `devices`, their
/// partition indexes are below the device's `partitions`, no partition is used twice. What remains
/// is judgement (a group in one stamp, a far primary), and that is [`check`](fn@crate::check)'s.
#[derive(Debug, Clone, PartialEq)]
pub struct Topology {
    /// Short name, shown in `status` and reports.
    pub name: String,
    /// Version of the file format; 1.
    pub version: u32,
    /// One sentence for people.
    pub description: String,
    /// Name of a shipped profile, or a path to one.
    pub profile: String,
    /// The seed that every generator of simulated chance, and every serial number, derives from.
    pub seed: u64,
    /// Divides HA timers, boot times, fault durations and drill steps; never link or service times.
    /// At least 1.
    pub time_scale: f64,
    /// Where the applications run that load the module.
    pub client: Place,
    /// The devices, in the order of the file.
    pub devices: Vec<Device>,
    /// The HA groups, in slot order. A group of one member is a plain slot without HA.
    pub groups: Vec<Group>,
    /// Timers and habits of the HA client.
    pub ha: HaSettings,
    /// Round trips and their jitter.
    pub links: Links,
    /// What is set up when the state directory is first used.
    pub provisioning: Provisioning,
    /// Where the state is kept, when the file says so.
    pub state: StateSettings,
    /// The Luna client's configuration that groups and HA settings come from, if the file names one.
    pub chrystoki: Option<ChrystokiSource>,
    /// Permits groups over public and US Gov regions, which the clouds do not connect.
    pub allow_mixed_clouds: bool,
}

impl Topology {
    /// The device of this name.
    pub fn device(&self, id: &DeviceId) -> Option<&Device> {
        self.devices.iter().find(|d| d.id == *id)
    }

    /// The position of the device of this name in [`Topology::devices`].
    pub fn device_index(&self, id: &DeviceId) -> Option<usize> {
        self.devices.iter().position(|d| d.id == *id)
    }

    /// The group of this label.
    pub fn group(&self, label: &str) -> Option<&Group> {
        self.groups.iter().find(|g| g.label == label)
    }

    /// Whether the group of this label is set up on first use.
    pub fn is_provisioned(&self, group: &Group) -> bool {
        self.provisioning.groups.contains(&group.label)
    }

    /// The place that a member's device stands in.
    pub fn place_of(&self, member: &Member) -> Option<Place> {
        self.device(&member.device).map(|d| d.place)
    }

    /// A value that stays the same as long as the set of devices does: names, places, partition
    /// counts and serial numbers, in any order. Groups, timers, links and the profile do not count,
    /// so a state directory accepts changed times and refuses another set of devices.
    pub fn fingerprint_devices(&self) -> u64 {
        let mut devices: Vec<&Device> = self.devices.iter().collect();
        devices.sort_by(|a, b| a.id.cmp(&b.id));
        let hash = StableHash::new().text("devices 1").number(devices.len() as u64);
        devices
            .into_iter()
            .fold(hash, |hash, d| {
                let hash = hash
                    .text(d.id.as_str())
                    .text(d.place.region.as_str())
                    .number(u64::from(d.place.stamp))
                    .number(u64::from(d.partitions))
                    .number(d.serial);
                match d.partition_serials.as_slice() {
                    [] => hash,
                    given => given.iter().fold(hash.text("serials"), |h, serial| h.number(*serial)),
                }
            })
            .finish()
    }
}

impl fmt::Display for Topology {
    /// One line: name, counts, seed and, where it compresses time, by how much.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (devices, groups) = (self.devices.len(), self.groups.len());
        let plural = |n: usize| if n == 1 { "" } else { "s" };
        write!(
            f,
            "{}: {devices} device{}, {groups} group{}, seed {}",
            self.name,
            plural(devices),
            plural(groups),
            self.seed
        )?;
        if self.time_scale > 1.0 {
            write!(f, ", drill time runs {} times as fast", self.time_scale)?;
        }
        write!(f, ", receive timeout {}", format_duration(self.ha.receive_timeout))
    }
}
