//! Rules about devices and where they stand: quotas, and what is not used.

use std::collections::{BTreeMap, BTreeSet};

use super::Findings;
use crate::region::RegionCode;
use crate::topology::{Topology, names};

/// Devices that a subscription gets without asking, and devices that a stamp has for customers.
const STAMP_QUOTA: usize = 2;
const REGION_QUOTA: usize = 4;
const STAMP_CAPACITY: usize = 12;

pub(super) fn review(topology: &Topology, findings: &mut Findings) {
    quotas(topology, findings);
    unused(topology, findings);
}

fn quotas(topology: &Topology, findings: &mut Findings) {
    let mut stamps: BTreeMap<(RegionCode, u8), usize> = BTreeMap::new();
    let mut regions: BTreeMap<RegionCode, usize> = BTreeMap::new();
    for device in &topology.devices {
        *stamps.entry((device.place.region, device.place.stamp)).or_default() += 1;
        *regions.entry(device.place.region).or_default() += 1;
    }
    for ((region, stamp), count) in stamps {
        if count > STAMP_CAPACITY {
            findings.error(
                "stamp-capacity",
                format!(
                    "{region}/stamp{stamp}: {count} devices; a stamp has {STAMP_CAPACITY} for customers"
                ),
            );
        } else if count > STAMP_QUOTA {
            findings.warning(
                "stamp-quota",
                format!(
                    "{region}/stamp{stamp}: {count} devices; the default quota is {STAMP_QUOTA} in a \
                     stamp"
                ),
            );
        }
    }
    for (region, count) in regions.into_iter().filter(|(_, count)| *count > REGION_QUOTA) {
        findings.warning(
            "region-quota",
            format!("{region}: {count} devices; the default quota is {REGION_QUOTA} in a region"),
        );
    }
}

fn unused(topology: &Topology, findings: &mut Findings) {
    let members = || topology.groups.iter().flat_map(|g| &g.members);
    let used: BTreeSet<&str> = members().map(|m| m.device.as_str()).collect();
    let idle: Vec<&str> =
        topology.devices.iter().map(|d| d.id.as_str()).filter(|id| !used.contains(id)).collect();
    if !idle.is_empty() {
        findings.warning("idle-device", format!("{}: in no group", names(&idle)));
    }
    let partitions: usize = topology
        .devices
        .iter()
        .filter(|d| used.contains(d.id.as_str()))
        .map(|d| usize::from(d.partitions))
        .sum();
    let free = partitions - members().count();
    if free > 0 {
        findings.info(
            "free-partitions",
            format!("{free} of {partitions} partitions of the devices in use are in no group"),
        );
    }
}
