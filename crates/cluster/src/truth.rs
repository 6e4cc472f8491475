//! The truth about devices and partitions, read beside the wire: what `hsmsim status` shows and
//! what checkers compare. No client sees it.

use std::{collections::BTreeMap, sync::Arc};

use hsmsim_device::Condition;
use hsmsim_partition::Partition;
use hsmsim_sim_config::{DeviceId, Endpoint, Group, Member};
use hsmsim_types::{ObjectId, Result};
use serde::Serialize;

use crate::{Cluster, ClusterError, effects::ActiveFault};

/// A device as it is.
#[derive(Clone, Debug, Serialize)]
pub struct DeviceTruth {
    /// Its name.
    pub id: String,
    /// Its region.
    pub region: String,
    /// Its stamp.
    pub stamp: u8,
    /// `on`, `off`, `hung` or `refusing`.
    pub power: &'static str,
    /// Counts losses of power.
    pub epoch: u64,
    /// Numbers of the faults that strike it, or the link between it and this machine.
    pub faults: Vec<u64>,
    /// Its partitions, in order.
    pub partitions: Vec<PartitionTruth>,
}

/// A partition as it is.
#[derive(Clone, Debug, Serialize)]
pub struct PartitionTruth {
    /// Its index on the device.
    pub index: usize,
    /// Its serial number.
    pub serial: String,
    /// Whether it has a token.
    pub initialized: bool,
    /// Whether it takes logins: a deactivated one waits for a person.
    pub activated: bool,
    /// The token's label; empty while the partition is blank.
    pub label: String,
    /// Token objects.
    pub objects: u64,
}

impl Cluster {
    /// Every device with its partitions.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn truth(&self) -> Result<Vec<DeviceTruth>> {
        self.refresh();
        self.deliver()?;
        let mut devices = Vec::with_capacity(self.devices().len());
        for (place, device) in self.devices().iter().enumerate() {
            let spec = &self.topology().devices[place];
            let state = device.state();
            let mut partitions = Vec::with_capacity(device.partitions().len());
            for (index, partition) in device.partitions().iter().enumerate() {
                let info = partition.token_info()?;
                partitions.push(PartitionTruth {
                    index,
                    serial: self.partition_serial(place, index as u8).to_string(),
                    initialized: info.flags & hsmsim_types::ck::CKF_TOKEN_INITIALIZED != 0,
                    activated: !device.is_deactivated(index),
                    label: String::from_utf8_lossy(&info.label).trim_end().to_owned(),
                    objects: info.objects,
                });
            }
            devices.push(DeviceTruth {
                id: spec.id.to_string(),
                region: spec.place.region.to_string(),
                stamp: spec.place.stamp,
                power: word(state.condition),
                epoch: state.epoch,
                faults: self.faults_on(place).iter().map(|fault| fault.id).collect(),
                partitions,
            });
        }
        Ok(devices)
    }

    /// The faults that strike a device now, or the link between it and this machine.
    ///
    /// # Panics
    /// If there is no device of that index.
    pub fn faults_on(&self, index: usize) -> Vec<ActiveFault> {
        let spec = &self.topology().devices[index];
        let client = Endpoint { device: None, place: self.topology().client };
        let end = Endpoint { device: Some(spec.id.clone()), place: spec.place };
        let mut faults = self.active_faults();
        faults.retain(|fault| {
            fault.strikes.devices.contains(&spec.id)
                || fault.strikes.covers_link(&client, &end)
                || fault.strikes.covers_link(&end, &client)
        });
        faults
    }

    /// Devices that clients which start now do not have in their configuration.
    pub fn unconfigured(&self) -> Vec<DeviceId> {
        let lost = self.active_faults().into_iter();
        lost.filter(|fault| fault.fault.spec.id == "client.config_loss")
            .flat_map(|fault| fault.strikes.devices)
            .collect()
    }

    /// A member's partition, for those who administer it at the device and not through a client.
    ///
    /// # Errors
    /// A device that does not serve; the message names its faults.
    pub fn serving_partition(
        &self,
        member: &Member,
    ) -> std::result::Result<&Arc<Partition>, ClusterError> {
        self.refresh();
        let index = self.topology().device_index(&member.device).unwrap_or_default();
        let condition = self.device(index).state().condition;
        let what = match condition {
            Condition::On => return Ok(self.partition_of(member)),
            Condition::Off => "has no power",
            Condition::Hung => "hangs",
            Condition::Refusing => "is starting up",
        };
        let mut words = vec![format!("{} {what}", member.device)];
        words.extend(self.causes(index));
        Err(ClusterError::State(words.join("; ")))
    }

    /// The faults on a device in words, each with what ends it.
    ///
    /// # Panics
    /// If there is no device of that index.
    pub fn causes(&self, index: usize) -> Vec<String> {
        let words = |fault: ActiveFault| {
            format!("fault {}: {}, hsmsim fault heal {0}", fault.id, fault.fault)
        };
        self.faults_on(index).into_iter().map(words).collect()
    }

    /// Token objects of a member, with their versions.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn inventory(&self, member: &Member) -> Result<BTreeMap<ObjectId, u64>> {
        self.deliver()?;
        Ok(self.partition_of(member).store().inventory()?.into_iter().collect())
    }

    /// Whether a member holds a token object.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn holds(&self, member: &Member, object: &ObjectId) -> Result<bool> {
        self.deliver()?;
        Ok(self.partition_of(member).store().load(object)?.is_some())
    }

    /// Whether the members of a group differ in what they hold.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn needs_sync(&self, group: &Group) -> Result<bool> {
        let mut members = group.members.iter();
        let Some(first) = members.next() else { return Ok(false) };
        let first = self.inventory(first)?;
        for member in members {
            if self.inventory(member)? != first {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn word(condition: Condition) -> &'static str {
    match condition {
        Condition::On => "on",
        Condition::Off => "off",
        Condition::Hung => "hung",
        Condition::Refusing => "refusing",
    }
}
