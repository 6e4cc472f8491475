//! Devices, and the groups that a client makes of their partitions.

use std::borrow::Borrow;
use std::fmt;

use crate::place::Place;
use crate::stable_hash::StableHash;

/// Application partitions that a device is delivered with.
pub const PARTITIONS_PER_DEVICE: u8 = 10;

/// The name of a device, `hsm-eus-1`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeviceId(String);

impl DeviceId {
    /// A name as it stands. Whether such a device exists is the topology's to say.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl Borrow<str> for DeviceId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for DeviceId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// One appliance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Its name; also the name of its store in the state directory.
    pub id: DeviceId,
    /// Where it stands.
    pub place: Place,
    /// Number of application partitions; 10 unless more licences were bought.
    pub partitions: u8,
    /// Serial number of the appliance, nine digits unless the file gives another.
    pub serial: u64,
    /// Serial numbers of its first partitions, where the file gives them.
    pub partition_serials: Vec<u64>,
}

impl Device {
    /// The serial number of a partition (`index` from 0): the one that the file gives, else the
    /// appliance's number and three digits, twelve in all, which is what applications that look a slot
    /// up by serial number expect.
    pub fn partition_serial(&self, index: u8) -> u64 {
        let given = self.partition_serials.get(usize::from(index)).copied();
        given.unwrap_or(self.serial * 1000 + u64::from(index) + 1)
    }

    /// The same for the appliance that stands in the device's place after so many replacements.
    pub fn partition_serial_after(&self, replacements: u64, index: u8) -> u64 {
        if replacements == 0 {
            return self.partition_serial(index);
        }
        let appliance = StableHash::new().text("replaced").number(self.serial).number(replacements);
        nine_digits(appliance.finish()) * 1000 + u64::from(index) + 1
    }

    /// The partition that has this serial number.
    pub fn partition_of_serial(&self, serial: u64) -> Option<u8> {
        (0..self.partitions).find(|&index| self.partition_serial(index) == serial)
    }

    /// The serial number a device gets when the file gives none. It depends on seed and name only,
    /// so that adding a device renumbers no other.
    pub(crate) fn derived_serial(seed: u64, id: &DeviceId) -> u64 {
        nine_digits(StableHash::new().text("serial").number(seed).text(id.as_str()).finish())
    }
}

/// A number of nine digits, as appliances have.
fn nine_digits(hash: u64) -> u64 {
    100_000_000 + hash % 900_000_000
}

/// What a member does for its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Takes calls.
    Active,
    /// Holds every key, and takes calls only when no active member is left.
    Standby,
}

impl Role {
    /// The word of the topology file.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Active => "active",
            Role::Standby => "standby",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How new keys reach a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Replication {
    /// The client clones the key before the call returns, as Luna does.
    Sync,
    /// The devices pass it on by themselves, some time after the call returned.
    Async,
}

impl Replication {
    /// The word of the topology file.
    pub fn as_str(self) -> &'static str {
        match self {
            Replication::Sync => "sync",
            Replication::Async => "async",
        }
    }
}

impl fmt::Display for Replication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A partition as a member of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The device.
    pub device: DeviceId,
    /// The partition's index on it, from 0.
    pub partition: u8,
    /// Active or standby.
    pub role: Role,
    /// How keys reach it.
    pub replication: Replication,
}

/// A set of partitions that an application sees as one slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its name on the command line and in reports.
    pub label: String,
    /// The label that its token gets when it is provisioned; the same unless the file says another.
    pub token_label: String,
    /// The group's serial number, where a client's configuration gives it; else it is made of the
    /// first member's.
    pub serial: Option<u64>,
    /// The cloning domain of its partitions. Keys are cloned within a domain only.
    pub domain: String,
    /// Its members, at least one; the first is the primary, active and synchronous.
    pub members: Vec<Member>,
}

impl Group {
    /// Whether the slot survives the loss of a device: more than one member.
    pub fn has_ha(&self) -> bool {
        self.members.len() > 1
    }

    /// The first member, where key management and multi-part operations run.
    pub fn primary(&self) -> &Member {
        &self.members[0]
    }

    /// The members that take calls, in order.
    pub fn active(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(|m| m.role == Role::Active)
    }

    /// The members that wait for the last active one to fail, in order.
    pub fn standby(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(|m| m.role == Role::Standby)
    }

    /// The member that is a partition of this device, if there is one.
    pub fn member_on(&self, device: &DeviceId) -> Option<&Member> {
        self.members.iter().find(|m| m.device == *device)
    }
}
