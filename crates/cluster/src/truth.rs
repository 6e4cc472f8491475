//! The truth about devices and partitions, read beside the wire: what `hsmsim status` shows and
//! what checkers compare. No client sees it.

use std::collections::BTreeMap;

use hsmsim_device::Condition;
use hsmsim_sim_config::{Group, Member};
use hsmsim_types::{ObjectId, Result};
use serde::Serialize;

use crate::Cluster;

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
    /// Its partitions that have a token.
    pub partitions: Vec<PartitionTruth>,
}

/// A partition as it is.
#[derive(Clone, Debug, Serialize)]
pub struct PartitionTruth {
    /// Its index on the device.
    pub index: usize,
    /// Its serial number.
    pub serial: String,
    /// The token's label; empty while the partition is blank.
    pub label: String,
    /// Token objects.
    pub objects: u64,
}

impl Cluster {
    /// Every device with its initialised partitions.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn truth(&self) -> Result<Vec<DeviceTruth>> {
        self.refresh();
        let mut devices = Vec::with_capacity(self.devices().len());
        for (spec, device) in self.topology().devices.iter().zip(self.devices()) {
            let state = device.state();
            let mut partitions = Vec::new();
            for (index, partition) in device.partitions().iter().enumerate() {
                let info = partition.token_info()?;
                if info.flags & hsmsim_types::ck::CKF_TOKEN_INITIALIZED != 0 {
                    partitions.push(PartitionTruth {
                        index,
                        serial: info.serial,
                        label: String::from_utf8_lossy(&info.label).trim_end().to_owned(),
                        objects: info.objects,
                    });
                }
            }
            devices.push(DeviceTruth {
                id: spec.id.to_string(),
                region: spec.place.region.to_string(),
                stamp: spec.place.stamp,
                power: word(state.condition),
                epoch: state.epoch,
                partitions,
            });
        }
        Ok(devices)
    }

    /// Token objects of a member, with their versions.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn inventory(&self, member: &Member) -> Result<BTreeMap<ObjectId, u64>> {
        Ok(self.partition_of(member).store().inventory()?.into_iter().collect())
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
