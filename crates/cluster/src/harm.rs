//! What a fault does to the contents of devices, once, when it is set.

use std::{sync::Arc, time::Duration};

use hsmsim_network::{SimRng, stream};
use hsmsim_partition::{
    Partition,
    port::{Body, Change},
};
use hsmsim_sim_config::{DeviceId, Fault, Group, Member, ParamValue};
use hsmsim_types::{ObjectId, Role, names::mechanism_number};

use crate::{Cluster, ClusterError, new_domain};

/// The version of an object that can no longer be read: any copy is newer.
const UNREADABLE: u64 = 0;

impl Cluster {
    /// The fault with what depends on the moment filled in: room for so many objects more is room for so
    /// many in all.
    ///
    /// # Errors
    /// A mechanism that does not exist; a partition that the device does not have.
    pub(crate) fn counted(&self, mut fault: Fault) -> Result<Fault, ClusterError> {
        for name in fault.mechanisms_param("mechanisms") {
            if mechanism_number(name).is_none() {
                return Err(ClusterError::State(format!("there is no mechanism {name}")));
            }
        }
        if fault.count_param("partition").is_some() {
            self.on_partitions(&fault, |_, _| Ok(()))?;
        }
        if fault.spec.id == "admin.domain_mismatch" {
            self.on_partitions(&fault, |seat, _| self.member_at(&seat).map(drop))?;
        }
        if let Some(free) = fault.count_param("free_objects") {
            let mut held = Vec::new();
            self.on_partitions(&fault, |seat, _| {
                held.push(seat.partition.store().count()?);
                Ok(())
            })?;
            // A device's room is that of all its partitions; each partition has room of its own.
            let held: u64 = match fault.spec.id {
                "device.memory_full" => held.iter().sum(),
                _ => held.into_iter().max().unwrap_or_default(),
            };
            fault.params.remove("free_objects");
            fault.params.insert("objects_max", ParamValue::Count(held + free));
        }
        Ok(fault)
    }

    /// Does it; most faults do nothing of the kind.
    pub(crate) fn harm(&self, fault: &Fault) -> Result<(), ClusterError> {
        // Each fault draws for itself, and the same in a run of the same seed.
        let drawn = format!("{} {} {}", fault.spec.id, fault.target, self.fault_history().len());
        let mut chance = stream(self.topology().seed, &drawn);
        let count = |name, absent| fault.count_param(name).unwrap_or(absent);
        match fault.spec.id {
            "device.zeroize" => self.on_devices(fault, |_, index| self.erase(index)),
            "device.factory_reset" | "device.decommission" => {
                self.on_devices(fault, |id, index| {
                    self.erase(index)?;
                    self.forget_hsm_so(id)
                })
            }
            "device.disk_corrupt" => {
                let missing = count("missing", 0);
                let invalid = count("invalid", u64::from(missing == 0));
                self.lose_objects(fault, missing, invalid, &mut chance)
            }
            "admin.delete_object" => self.lose_objects(fault, count("objects", 1), 0, &mut chance),
            "admin.delete_partition" => {
                self.on_partitions(fault, |seat, _| Ok(seat.partition.zeroize()?))
            }
            "admin.policy_change" => {
                self.on_partitions(fault, |seat, _| Ok(seat.partition.erase_objects()?))
            }
            "admin.domain_mismatch" => self.on_partitions(fault, |seat, _| self.estrange(&seat)),
            "partition.pin_lock" => self.on_partitions(fault, |seat, now| {
                seat.partition.lock_out(Role::CryptoOfficer, now)?;
                Ok(())
            }),
            _ => Ok(()),
        }
    }

    /// Every partition of a device is blank.
    pub(crate) fn erase(&self, index: usize) -> Result<(), ClusterError> {
        // What had arrived elsewhere by now has; the rest is lost with the device.
        self.deliver()?;
        Ok(self.device(index).store().zeroize()?)
    }

    /// A member initialised by somebody who does not know its group's cloning domain.
    fn estrange(&self, seat: &Seat<'_>) -> Result<(), ClusterError> {
        let (group, member) = self.member_at(seat)?;
        seat.partition.zeroize()?;
        self.provision_member(group, member, &new_domain()?)
    }

    /// What a partition is a member of.
    ///
    /// # Errors
    /// It has no token.
    fn member_at(&self, seat: &Seat<'_>) -> Result<(&Group, &Member), ClusterError> {
        let topology = self.topology();
        let is_member =
            |member: &&Member| member.device == *seat.device && member.partition == seat.number;
        for group in topology.groups.iter().filter(|group| topology.is_provisioned(group)) {
            if let Some(member) = group.members.iter().find(is_member) {
                return Ok((group, member));
            }
        }
        let message = format!("partition {} of {} has no token", seat.number, seat.device);
        Err(ClusterError::State(message))
    }

    /// Objects that are gone, and objects that can no longer be read.
    fn lose_objects(
        &self,
        fault: &Fault,
        missing: u64,
        invalid: u64,
        chance: &mut SimRng,
    ) -> Result<(), ClusterError> {
        let mut all: Vec<(DeviceId, u8, ObjectId)> = Vec::new();
        self.on_partitions(fault, |seat, _| {
            let names = seat.partition.store().inventory()?.into_iter();
            all.extend(names.map(|(id, _)| (seat.device.clone(), seat.number, id)));
            Ok(())
        })?;
        for lost in 0..missing + invalid {
            if all.is_empty() {
                return Ok(());
            }
            let (device, number, id) = all.swap_remove(chance.below(all.len() as u64) as usize);
            let Some(index) = self.topology().device_index(&device) else { continue };
            let store = self.device(index).partitions()[usize::from(number)].store();
            let mut changes = vec![Change::Remove(id)];
            let damaged = store.load(&id)?.filter(|_| lost >= missing);
            changes.extend(damaged.map(|mut object| {
                let mut body = object.body.to_vec();
                body.iter_mut().take(1).for_each(|byte| *byte ^= 1);
                object.body = Body::new(body);
                object.version = UNREADABLE;
                Change::Put(object)
            }));
            self.device(index).store().lose(number.into(), &changes)?;
        }
        Ok(())
    }

    fn on_devices(
        &self,
        fault: &Fault,
        mut act: impl FnMut(&DeviceId, usize) -> Result<(), ClusterError>,
    ) -> Result<(), ClusterError> {
        for id in fault.strikes(self.topology(), |_| 0)?.devices {
            if let Some(index) = self.topology().device_index(&id) {
                act(&id, index)?;
            }
        }
        Ok(())
    }

    /// On the partition that the fault names, or on all of the device.
    fn on_partitions(
        &self,
        fault: &Fault,
        mut act: impl FnMut(Seat<'_>, Duration) -> Result<(), ClusterError>,
    ) -> Result<(), ClusterError> {
        let now = Duration::from_nanos(self.clock().unix_now());
        let named = fault.count_param("partition");
        self.on_devices(fault, |device, index| {
            let partitions = self.device(index).partitions();
            if named.is_some_and(|named| named >= partitions.len() as u64) {
                let last = partitions.len() - 1;
                let message = format!("{device} has partitions 0 to {last}");
                return Err(ClusterError::State(message));
            }
            for (number, partition) in (0_u8..).zip(partitions) {
                if named.is_none_or(|named| named == u64::from(number)) {
                    act(Seat { device, number, partition }, now)?;
                }
            }
            Ok(())
        })
    }
}

/// A partition and where it is.
struct Seat<'a> {
    device: &'a DeviceId,
    number: u8,
    partition: &'a Arc<Partition>,
}
