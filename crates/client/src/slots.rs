//! Slots: which there are, and what they and their tokens say of themselves.
//!
//! With `ha_only` (the default) the application sees the groups alone, and their numbers never
//! change. Without it the members' own partitions come first and the groups follow them, and a
//! member that is not there when the library starts shifts the numbers of all behind it (Luna guide,
//! "Slot Numbering and Behavior").

use std::{sync::Arc, time::Duration};

use hsmsim_cluster::Cluster;
use hsmsim_device::Condition as DeviceCondition;
use hsmsim_network::{Condition as LinkCondition, Link};
use hsmsim_partition::{
    api::{Reply, Request},
    mechanisms,
};
use hsmsim_sim_config::{
    CryptokiVersion, Group as GroupSpec, Member as MemberSpec, Replication, Role,
};
use hsmsim_types::{Error, Result, SlotId, ck::*};

use crate::{
    Client,
    api::{HaState, LibraryInfo, MechanismInfo, SlotInfo, TokenInfo},
    group::Group,
    member::{Member, Status},
    operations::unexpected,
};

/// The slots of a topology, in the order of their numbers.
pub(crate) fn build(cluster: &Cluster) -> Vec<Arc<Group>> {
    cluster.refresh();
    let topology = cluster.topology();
    let base = u64::from(cluster.profile().slot_base);
    let lost = cluster.unconfigured();
    let mut groups = Vec::new();
    if !topology.ha.ha_only {
        let members = topology
            .groups
            .iter()
            .filter(|group| group.has_ha())
            .flat_map(|group| group.members.iter().map(move |member| (group, member)))
            .filter(|(_, member)| !lost.contains(&member.device));
        for (group, spec) in members.filter(|(_, spec)| is_there(cluster, spec)) {
            let slot = SlotId(base + groups.len() as u64);
            let single = MemberSpec { role: Role::Active, ..spec.clone() };
            let member = member(cluster, &single);
            let serial = member.serial.clone();
            let label = format!("{}@{}", group.label, spec.device);
            groups.push(Group::new(slot, groups.len(), label, false, serial, vec![member]));
        }
    }
    for spec in &topology.groups {
        let slot = SlotId(base + groups.len() as u64);
        let configured = spec.members.iter().filter(|spec| !lost.contains(&spec.device));
        let members: Vec<Member> = configured.map(|spec| member(cluster, spec)).collect();
        if members.is_empty() {
            continue;
        }
        let serial = serial(spec, &members);
        let label = spec.label.clone();
        groups.push(Group::new(slot, groups.len(), label, spec.has_ha(), serial, members));
    }
    groups.into_iter().map(Arc::new).collect()
}

/// Whether a member's appliance can be reached at this moment. One that cannot when the library
/// starts has no slot of its own until it starts anew, and all slots behind it have lower numbers.
fn is_there(cluster: &Cluster, spec: &MemberSpec) -> bool {
    let device = cluster.topology().device_index(&spec.device).unwrap_or_default();
    let links = cluster.wire(device).links;
    let open = |link: &Link| link.state().condition == LinkCondition::Open;
    let on = cluster.device(device).state().condition == DeviceCondition::On;
    on && open(&links.there) && open(&links.back)
}

fn member(cluster: &Cluster, spec: &MemberSpec) -> Member {
    let topology = cluster.topology();
    // The topology was checked: every member's device is in it.
    let device = topology.device_index(&spec.device).unwrap_or_default();
    let place = topology.devices[device].place;
    let round_trip = topology.round_trip(topology.client, place).rtt;
    Member::new(
        spec.device.to_string(),
        crate::transport::Address { device, partition: spec.partition },
        cluster.partition_serial(device, spec.partition).to_string(),
        spec.role == Role::Standby,
        spec.replication == Replication::Async,
        round_trip * 2 + Duration::from_millis(50),
    )
}

/// A group's serial number is its first member's with a digit 1 in front, as every published
/// listing shows, unless a client's configuration gives another.
fn serial(spec: &GroupSpec, members: &[Member]) -> String {
    if let Some(serial) = spec.serial {
        return serial.to_string();
    }
    let first = members.first().map_or_else(String::new, |member| member.serial.clone());
    if spec.has_ha() { format!("1{first}") } else { first }
}

fn pair(version: CryptokiVersion) -> (u8, u8) {
    (version.major, version.minor)
}

impl Client {
    /// CK_INFO.
    pub fn info(&self) -> LibraryInfo {
        let strings = &self.profile.strings;
        // CK_INFO speaks of the function list that C_GetFunctionList gives, which is the old one.
        let old = self.profile.cryptoki_versions.iter().filter(|version| version.major == 2).max();
        LibraryInfo {
            manufacturer: strings.manufacturer.clone(),
            description: strings.library_description.clone(),
            version: pair(strings.library_version),
            cryptoki: old.copied().map_or((2, 40), pair),
        }
    }

    /// The slots' numbers. Every slot has a token; a group whose members are all lost keeps its
    /// slot, and `token_present` leaves it out.
    pub fn slots(&self, token_present: bool) -> Vec<SlotId> {
        self.cluster.refresh();
        self.groups
            .iter()
            .filter(|group| !token_present || !group.all_lost())
            .map(|group| group.slot)
            .collect()
    }

    /// CK_SLOT_INFO.
    ///
    /// # Errors
    /// CKR_SLOT_ID_INVALID.
    pub fn slot_info(&self, slot: SlotId) -> Result<SlotInfo> {
        let group = self.group(slot)?;
        let strings = &self.profile.strings;
        let present = if group.all_lost() { 0 } else { CKF_TOKEN_PRESENT };
        let description =
            if group.ha { &strings.slot_description } else { &strings.member_slot_description };
        let removable = if group.ha { 0 } else { CKF_REMOVABLE_DEVICE };
        let flags = self.profile.flags.slot.unwrap_or(removable | CKF_HW_SLOT);
        Ok(SlotInfo {
            description: description.clone(),
            manufacturer: strings.slot_manufacturer.clone(),
            flags: present | flags,
            hardware: pair(strings.hardware_version),
            firmware: pair(strings.firmware_version),
        })
    }

    /// The mechanisms' numbers, in the order of the table.
    ///
    /// # Errors
    /// CKR_SLOT_ID_INVALID.
    pub fn mechanisms(&self, slot: SlotId) -> Result<Vec<u64>> {
        self.group(slot)?;
        Ok(mechanisms::mechanism_list(&self.personality))
    }

    /// CK_MECHANISM_INFO.
    ///
    /// # Errors
    /// CKR_SLOT_ID_INVALID, CKR_MECHANISM_INVALID.
    pub fn mechanism_info(&self, slot: SlotId, kind: u64) -> Result<MechanismInfo> {
        self.group(slot)?;
        let info = mechanisms::mechanism_info(&self.personality, kind)?;
        Ok(MechanismInfo { min: info.min, max: info.max, flags: info.flags })
    }

    /// CK_TOKEN_INFO, from the primary.
    ///
    /// # Errors
    /// CKR_SLOT_ID_INVALID, CKR_TOKEN_NOT_PRESENT if every member is lost.
    pub(crate) async fn token_info_work(&self, slot: SlotId) -> Result<TokenInfo> {
        let group = self.group(slot)?;
        let token = match self.ask_primary(group, false, Request::TokenInfo).await? {
            Reply::Token(token) => token,
            other => return Err(unexpected(&other)),
        };
        let strings = &self.profile.strings;
        // Not the members' doing: the library does it, with any of them.
        let asynchronous =
            if self.has_asynchronous_sessions() { CKF_ASYNC_SESSION_SUPPORTED } else { 0 };
        let model = if group.ha { &strings.model } else { &strings.member_model };
        Ok(TokenInfo {
            label: token.label,
            manufacturer: strings.token_manufacturer.clone(),
            model: model.clone(),
            serial: group.serial.clone(),
            flags: token.flags | asynchronous,
            max_sessions: self.profile.limits.sessions_max.unwrap_or(CK_EFFECTIVELY_INFINITE),
            sessions: group.sessions.all(),
            rw_sessions: group.sessions.read_write(),
            pin_max: token.pin_max,
            pin_min: token.pin_min,
            // Public and private objects share one storage.
            public_memory: token.storage.unzip(),
            private_memory: token.storage.unzip(),
            hardware: pair(strings.hardware_version),
            firmware: pair(strings.firmware_version),
            utc_time: token.utc_time,
        })
    }

    /// CA_GetHAState: what this client believes of a group's members.
    ///
    /// # Errors
    /// CKR_SLOT_ID_INVALID; CKR_FUNCTION_NOT_SUPPORTED on a slot that is no HA group.
    pub async fn ha_state(&self, slot: SlotId) -> Result<HaState> {
        let group = self.group(slot)?;
        if !group.ha {
            return Err(Error::new(CKR_FUNCTION_NOT_SUPPORTED, "the slot is no HA group"));
        }
        self.before_call(group).await;
        let members = group.members.iter().map(|member| {
            let rv = match member.status() {
                Status::Down(_) => CKR_DEVICE_ERROR,
                Status::Idle | Status::Up => CKR_OK,
            };
            (member.serial.clone(), hsmsim_types::ReturnValue(rv))
        });
        Ok(HaState { group_serial: group.serial.clone(), members: members.collect() })
    }
}
