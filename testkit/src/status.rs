//! What the devices are doing, read beside the wire: no client sees it.

use std::fmt;

use hsmsim_client::view::ClientView;
use hsmsim_cluster::Cluster;
use serde::{Deserialize, Serialize};

use crate::Error;

/// Devices, groups, faults and clients, at one moment.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Status {
    /// The devices, in the topology's order.
    pub devices: Vec<DeviceStatus>,
    /// The groups, in slot order.
    pub groups: Vec<GroupStatus>,
    /// The faults that strike now: `device.power_loss hsm-eus-1`.
    pub faults: Vec<String>,
    /// What running applications believe of their members.
    pub clients: Vec<ClientView>,
}

/// What an appliance does with what arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Power {
    /// It serves.
    On,
    /// It has no power.
    Off,
    /// It takes requests and answers none.
    Hung,
    /// It boots and refuses connections.
    Refusing,
}

impl fmt::Display for Power {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Power::On => "on",
            Power::Off => "off",
            Power::Hung => "hung",
            Power::Refusing => "refusing",
        })
    }
}

impl From<hsmsim_device::Condition> for Power {
    fn from(condition: hsmsim_device::Condition) -> Self {
        use hsmsim_device::Condition;
        match condition {
            Condition::On => Power::On,
            Condition::Off => Power::Off,
            Condition::Hung => Power::Hung,
            Condition::Refusing => Power::Refusing,
        }
    }
}

/// A device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceStatus {
    /// Its name: `hsm-eus-1`.
    pub id: String,
    /// Its region: `eastus`.
    pub region: String,
    /// Its stamp.
    pub stamp: u8,
    /// What it does.
    pub power: Power,
    /// Token objects on all its partitions.
    pub objects: u64,
}

/// A group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupStatus {
    /// Its label.
    pub label: String,
    /// Whether it has a token.
    pub initialized: bool,
    /// Whether its members differ in what they hold.
    pub needs_sync: bool,
    /// Copies and deletions that lost members are owed.
    pub owed: usize,
    /// The devices of its members, the primary first.
    pub members: Vec<String>,
}

impl Status {
    pub(crate) fn of(cluster: &Cluster) -> Result<Self, Error> {
        let problem = |error: hsmsim_cluster::ClusterError| Error::from(error);
        let truth = cluster.truth().map_err(|error| problem(error.into()))?;
        let mut devices = Vec::with_capacity(truth.len());
        for (device, appliance) in truth.iter().zip(cluster.devices()) {
            devices.push(DeviceStatus {
                id: device.id.clone(),
                region: device.region.clone(),
                stamp: device.stamp,
                power: appliance.state().condition.into(),
                objects: device.partitions.iter().map(|partition| partition.objects).sum(),
            });
        }
        let topology = cluster.topology();
        let mut groups = Vec::with_capacity(topology.groups.len());
        for group in &topology.groups {
            let primary = group.primary();
            let partition = topology
                .device_index(&primary.device)
                .and_then(|index| truth[index].partitions.get(usize::from(primary.partition)));
            let owed = cluster.ledger().owed_count(&group.label);
            groups.push(GroupStatus {
                label: group.label.clone(),
                initialized: partition.is_some_and(|partition| partition.initialized),
                needs_sync: cluster.needs_sync(group).map_err(|error| problem(error.into()))?,
                owed: owed.map_err(|error| problem(error.into()))?,
                members: group.members.iter().map(|member| member.device.to_string()).collect(),
            });
        }
        let views = cluster.views().map_err(|error| problem(error.into()))?;
        Ok(Self {
            devices,
            groups,
            faults: cluster.active_faults().iter().map(|active| active.fault.to_string()).collect(),
            clients: views.iter().filter_map(|(_, view)| serde_json::from_str(view).ok()).collect(),
        })
    }

    /// The device of this name.
    ///
    /// # Panics
    /// If there is none.
    #[track_caller]
    pub fn device(&self, id: &str) -> &DeviceStatus {
        let ids = || self.devices.iter().map(|device| device.id.as_str()).collect::<Vec<_>>();
        let found = self.devices.iter().find(|device| device.id == id);
        found.unwrap_or_else(|| panic!("there is no device {id}; there are {:?}", ids()))
    }

    /// The group of this label.
    ///
    /// # Panics
    /// If there is none.
    #[track_caller]
    pub fn group(&self, label: &str) -> &GroupStatus {
        let labels = || self.groups.iter().map(|group| group.label.as_str()).collect::<Vec<_>>();
        let found = self.groups.iter().find(|group| group.label == label);
        found.unwrap_or_else(|| panic!("there is no group {label}; there are {:?}", labels()))
    }

    /// Whether the members of any group differ in what they hold.
    pub fn needs_sync(&self) -> bool {
        self.groups.iter().any(|group| group.needs_sync)
    }
}
