//! What people do at devices beside faults: activate, unlock, and put a new appliance in the place of a
//! dead one.

use std::{sync::atomic::Ordering, time::Duration};

use hsmsim_partition::api::DomainSeed;
use hsmsim_sim_config::{Administration, DeviceId, Fault, Group, Member, Target};
use hsmsim_types::Pin;

use crate::{Cluster, ClusterError};

impl Cluster {
    /// Does it, and says in a sentence for each device or member what was done. A new appliance has no
    /// keys yet: `ha synchronize` on [`Cluster::groups_on`] brings them.
    ///
    /// # Errors
    /// A device that does not serve; a store that cannot be written.
    pub fn administer(&self, work: &Administration) -> Result<Vec<String>, ClusterError> {
        match work {
            Administration::Replace { device } => self.replace(device),
            Administration::Activate { device } => self.activate(device),
            Administration::InitPartitions { device } => self.init_partitions(device),
            Administration::InitOfficer { group } => self.init_officers(group.as_deref()),
        }
    }

    /// The groups with tokens that have a member on the device.
    pub fn groups_on(&self, device: &DeviceId) -> Vec<Group> {
        let topology = self.topology();
        let on =
            |group: &&Group| topology.is_provisioned(group) && group.member_on(device).is_some();
        topology.groups.iter().filter(on).cloned().collect()
    }

    /// A new appliance: other serial numbers, none of the old one's faults, nothing of what it held, the
    /// topology's PINs, and partitions in the cloning domains of their groups.
    fn replace(&self, device: &DeviceId) -> Result<Vec<String>, ClusterError> {
        let Some(index) = self.topology().device_index(device) else { return Ok(Vec::new()) };
        for fault in self.active_faults() {
            if fault.fault.target == Target::Device(device.clone()) {
                self.heal_fault(fault.id)?;
            }
        }
        // Asked before the old device is out: who is alone in its group takes its domain along.
        let seats = self.seats(device)?;
        self.forget_hsm_so(device)?;
        self.erase(index)?;
        self.write_down(&Fault::replacement(device.clone()), None)?;
        self.replaced(index).fetch_add(1, Ordering::AcqRel);
        let mut lines = Vec::new();
        for (group, member, domain) in seats {
            self.provision_member(&group, &member, &domain)?;
            let serial = self.partition_serial(index, member.partition);
            lines.push(format!("{device} is a new device; {} has serial {serial}", group.label));
        }
        self.refresh();
        Ok(lines)
    }

    /// What a device's partitions are members of, each with the cloning domain that it is to be in.
    fn seats(&self, device: &DeviceId) -> Result<Vec<(Group, Member, DomainSeed)>, ClusterError> {
        let now = Duration::from_nanos(self.clock().unix_now());
        let so = Pin::new(self.topology().provisioning.so_pin.reveal());
        let mut seats = Vec::new();
        for group in self.groups_on(device) {
            let own: Vec<_> =
                group.members.iter().filter(|member| member.device == *device).cloned().collect();
            let domain = self.joined_domain(&group, &own, &so, now)?;
            seats.extend(own.into_iter().map(|member| (group.clone(), member, domain.clone())));
        }
        Ok(seats)
    }

    /// As `hsmsim partition init`, for every group that has a member on the device.
    fn init_partitions(&self, device: &DeviceId) -> Result<Vec<String>, ClusterError> {
        let mut lines = Vec::new();
        for (group, member, domain) in self.seats(device)? {
            self.serving_partition(&member)?.zeroize()?;
            self.provision_member(&group, &member, &domain)?;
            lines.push(format!("{device} is initialised for {}", group.label));
        }
        Ok(lines)
    }

    fn activate(&self, device: &DeviceId) -> Result<Vec<String>, ClusterError> {
        let Some(index) = self.topology().device_index(device) else { return Ok(Vec::new()) };
        for fault in self.active_faults() {
            let here = fault.strikes.devices.contains(device);
            if here && fault.fault.spec.id == "partition.deactivate" {
                self.heal_fault(fault.id)?;
            }
        }
        let partitions = 0..self.device(index).partitions().len();
        if partitions.clone().any(|partition| self.device(index).is_deactivated(partition)) {
            // What a long loss of power took is back from the end of a deactivation on: this is one.
            let over = Some(Duration::ZERO);
            let over = Fault::new("partition.deactivate", device.as_str(), over, &[])?;
            self.write_down(&over, None)?;
            self.refresh();
        }
        Ok(vec![format!("{device} is activated")])
    }

    fn init_officers(&self, label: Option<&str>) -> Result<Vec<String>, ClusterError> {
        let topology = self.topology();
        let pins = &topology.provisioning;
        let (so, officer) = (Pin::new(pins.so_pin.reveal()), Pin::new(pins.user_pin.reveal()));
        let now = Duration::from_nanos(self.clock().unix_now());
        let wanted = |group: &&Group| {
            topology.is_provisioned(group) && label.is_none_or(|label| group.label == label)
        };
        let mut lines = Vec::new();
        for group in topology.groups.iter().filter(wanted) {
            for member in &group.members {
                self.serving_partition(member)?.init_crypto_officer(&so, &officer, now)?;
            }
            lines.push(format!("the SO of {} has set the crypto officer's PIN", group.label));
        }
        Ok(lines)
    }
}
