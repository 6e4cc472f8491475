//! Groups and members as commands name them.

use hsmsim_cluster::Cluster;
use hsmsim_sim_config::{Device, DeviceId, Group, Member, Replication, Role, Topology};
use hsmsim_types::ck::CKF_TOKEN_INITIALIZED;

use crate::{failure::Failure, text::words::suggestion};

/// The group of this label.
///
/// # Errors
/// There is none; says which was meant.
pub(crate) fn find<'t>(topology: &'t Topology, label: &str) -> Result<&'t Group, Failure> {
    topology.group(label).ok_or_else(|| {
        let labels: Vec<&str> = topology.groups.iter().map(|group| group.label.as_str()).collect();
        Failure::new(format!("there is no group \"{label}\"; {}", suggestion(label, &labels)))
    })
}

/// The device of this name.
///
/// # Errors
/// There is none; says which was meant.
pub(crate) fn device<'t>(topology: &'t Topology, name: &str) -> Result<&'t Device, Failure> {
    topology.device(&DeviceId::new(name)).ok_or_else(|| {
        let ids: Vec<&str> = topology.devices.iter().map(|device| device.id.as_str()).collect();
        Failure::new(format!("there is no device \"{name}\"; {}", suggestion(name, &ids)))
    })
}

/// The group that is named, or else every group that has a token.
///
/// # Errors
/// No group of that name, or no token anywhere.
pub(crate) fn chosen<'c>(
    cluster: &'c Cluster,
    label: Option<&str>,
) -> Result<Vec<&'c Group>, Failure> {
    if let Some(label) = label {
        return Ok(vec![find(cluster.topology(), label)?]);
    }
    let mut groups = Vec::new();
    for group in &cluster.topology().groups {
        if any_initialized(cluster, group)? {
            groups.push(group);
        }
    }
    if groups.is_empty() {
        return Err(Failure::new("no group has a token yet")
            .hint("initialise one: hsmsim partition init --group LABEL"));
    }
    Ok(groups)
}

/// The number of a group's slot: groups follow each other from the profile's first number, behind
/// the members' own slots where those are shown.
pub(crate) fn slot(cluster: &Cluster, group: &Group) -> u64 {
    let topology = cluster.topology();
    let own_slots = match topology.ha.ha_only {
        true => 0,
        false => topology.groups.iter().filter(|g| g.has_ha()).map(|g| g.members.len()).sum(),
    };
    let index = topology.groups.iter().position(|g| g.label == group.label).unwrap_or_default();
    u64::from(cluster.profile().slot_base) + (own_slots + index) as u64
}

/// Whether a member has a token.
///
/// # Errors
/// A store that cannot be read.
pub(crate) fn is_initialized(cluster: &Cluster, member: &Member) -> Result<bool, Failure> {
    let info = cluster.partition_of(member).token_info()?;
    Ok(info.flags & CKF_TOKEN_INITIALIZED != 0)
}

/// Whether any member of a group has a token.
///
/// # Errors
/// A store that cannot be read.
pub(crate) fn any_initialized(cluster: &Cluster, group: &Group) -> Result<bool, Failure> {
    for member in &group.members {
        if is_initialized(cluster, member)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The group that a partition belongs to, and the partition as its member.
pub(crate) fn of_partition<'t>(
    topology: &'t Topology,
    device: &DeviceId,
    partition: u8,
) -> Option<(&'t Group, &'t Member)> {
    let here = |member: &&Member| member.device == *device && member.partition == partition;
    topology.groups.iter().find_map(|group| Some((group, group.members.iter().find(here)?)))
}

/// A partition by device and index, member of a group or not.
///
/// # Errors
/// A device that does not exist, or that has no such partition.
pub(crate) fn partition(
    topology: &Topology,
    device_name: &str,
    index: u8,
) -> Result<Member, Failure> {
    let device = device(topology, device_name)?;
    if index >= device.partitions {
        let message = format!(
            "{} has partitions 0 to {}, not {index}",
            device.id,
            device.partitions.saturating_sub(1)
        );
        return Err(Failure::new(message));
    }
    let alone = || Member {
        device: device.id.clone(),
        partition: index,
        role: Role::Active,
        replication: Replication::Sync,
    };
    Ok(of_partition(topology, &device.id, index).map_or_else(alone, |(_, member)| member.clone()))
}

/// `hsm-eus-1 partition 0`.
pub(crate) fn member_name(member: &Member) -> String {
    format!("{} partition {}", member.device, member.partition)
}
