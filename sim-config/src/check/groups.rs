//! Rules about groups: what a group survives, what it mixes, and what it costs to use.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{Findings, milliseconds};
use crate::place::Place;
use crate::region::{Cloud, RegionCode};
use crate::topology::{Group, GroupSet, Member, Replication, Role, Topology};

/// Members that long tests were run with, and members that a group can have.
const MEMBERS_TESTED: usize = 16;
const MEMBERS_MAX: usize = 32;

pub(super) fn review(topology: &Topology, findings: &mut Findings) {
    for set in topology.group_sets() {
        let name = set.name();
        survival(topology, &set, &name, findings);
        clouds(topology, set.first(), &name, findings);
        distance(topology, set.first(), &name, findings);
        size(set.first(), &name, findings);
        latency(topology, set.first(), &name, findings);
    }
    labels(topology, findings);
}

/// Places of the members by region, in catalogue order.
fn by_region(topology: &Topology, group: &Group) -> BTreeMap<RegionCode, Vec<Place>> {
    let mut regions: BTreeMap<RegionCode, Vec<Place>> = BTreeMap::new();
    for place in group.members.iter().filter_map(|m| topology.place_of(m)) {
        regions.entry(place.region).or_default().push(place);
    }
    regions
}

fn survival(topology: &Topology, set: &GroupSet<'_>, name: &str, findings: &mut Findings) {
    let group = set.first();
    if !group.has_ha() {
        let device = &group.primary().device;
        return findings.warning(
            "single-device",
            format!(
                "{name}: a single device has no HA; while {device} is away so are the keys, and they \
                 are lost with it. Two devices in two stamps are the least"
            ),
        );
    }
    let regions = by_region(topology, group);
    for (region, places) in &regions {
        let stamps: BTreeSet<u8> = places.iter().map(|p| p.stamp).collect();
        if let (2.., Some(stamp), 1) = (places.len(), stamps.first(), stamps.len()) {
            findings.warning(
                "one-stamp",
                format!(
                    "{name}: all {} members in {region} stand in stamp{stamp} and share its power and \
                     network; put one of them into another stamp",
                    places.len()
                ),
            );
        }
    }
    let pairs = regions.values().filter(|places| places.len() >= 2).count();
    match (regions.len(), pairs) {
        (1, _) => findings.warning(
            "one-region",
            format!(
                "{name}: does not survive the loss of {}; HA and disaster recovery together take four \
                 devices, a pair in each of two regions",
                group_region(topology, group)
            ),
        ),
        (_, 0 | 1) => findings.warning(
            "thin-region",
            format!(
                "{name}: only {pairs} of its {} regions has two members, so after the loss of a region \
                 a single device may be left; HA and disaster recovery take a pair in each of two",
                regions.len()
            ),
        ),
        _ => {}
    }
    replication(topology, group, name, findings);
}

fn group_region(topology: &Topology, group: &Group) -> String {
    topology.place_of(group.primary()).map(|p| p.region.to_string()).unwrap_or_default()
}

fn replication(topology: &Topology, group: &Group, name: &str, findings: &mut Findings) {
    let fed: Vec<&Member> =
        group.members.iter().filter(|m| m.replication == Replication::Async).collect();
    if fed.is_empty() {
        return;
    }
    if let Some(member) = fed.iter().find(|m| m.role == Role::Active) {
        findings.warning(
            "async-active",
            format!(
                "{name}: {} is active and fed asynchronously, so calls sent to it may not find a key \
                 that was just made; make it standby or synchronous",
                member.device
            ),
        );
    }
    let home = topology.place_of(group.primary()).map(|p| p.region);
    let far_sync = group.members.iter().any(|m| {
        m.replication == Replication::Sync && topology.place_of(m).map(|p| p.region) != home
    });
    if !far_sync {
        findings.info(
            "newest-keys-at-home",
            format!(
                "{name}: every member outside {} is fed asynchronously; the newest keys are lost with \
                 that region",
                group_region(topology, group)
            ),
        );
    }
}

fn clouds(topology: &Topology, group: &Group, name: &str, findings: &mut Findings) {
    let cloud_of =
        |cloud: Cloud| by_region(topology, group).into_keys().find(|r| r.region().cloud == cloud);
    let client = topology.client.region;
    match (cloud_of(Cloud::Public), cloud_of(Cloud::UsGov)) {
        (Some(public), Some(gov)) => {
            let message = format!(
                "{name}: {public} and {gov} are in different clouds, which do not interconnect"
            );
            if topology.allow_mixed_clouds {
                findings.warning("mixed-clouds", message);
            } else {
                let switch = "; allow_mixed_clouds = true makes this a warning";
                findings.error("mixed-clouds", message + switch);
            }
        }
        (Some(only), None) | (None, Some(only)) if only.region().cloud != client.region().cloud => {
            findings.warning(
                "client-in-other-cloud",
                format!(
                    "{name}: the client in {client} ({}) has no way to {only} ({}) in reality",
                    client.region().cloud,
                    only.region().cloud
                ),
            );
        }
        _ => {}
    }
}

fn distance(topology: &Topology, group: &Group, name: &str, findings: &mut Findings) {
    let Some(home) = topology.place_of(group.primary()) else {
        return;
    };
    if home.region != topology.client.region {
        let rtt = topology.round_trip(topology.client, home).rtt;
        findings.info(
            "far-primary",
            format!(
                "{name}: the primary is in {}, {} from the client in {}; every call takes that",
                home.region,
                milliseconds(rtt),
                topology.client.region
            ),
        );
    }
    let far: Vec<&Member> = group
        .active()
        .filter(|m| topology.place_of(m).is_some_and(|p| p.region != home.region))
        .collect();
    if let [first, ..] = far.as_slice() {
        findings.warning(
            "far-active",
            format!(
                "{name}: {} is active in another region than the primary, so under load calls go \
                 there and back; make far members standby",
                first.device
            ),
        );
    }
}

fn size(group: &Group, name: &str, findings: &mut Findings) {
    match group.members.len() {
        n if n > MEMBERS_MAX => findings.error(
            "too-many-members",
            format!("{name}: {n} members; a group can have {MEMBERS_MAX}"),
        ),
        n if n > MEMBERS_TESTED => findings.warning(
            "untested-size",
            format!("{name}: {n} members; groups were tested for long with {MEMBERS_TESTED}"),
        ),
        _ => {}
    }
}

/// What a signature and a key pair cost from the client's place and from each region of the group.
fn latency(topology: &Topology, group: &Group, name: &str, findings: &mut Findings) {
    let mut places = vec![topology.client];
    for region in by_region(topology, group).into_keys() {
        if region != topology.client.region {
            places.push(Place::new(region, 1));
        }
    }
    for from in places {
        let costs = topology.call_costs(group, from);
        let cost = |function: &str| {
            costs.iter().find(|c| c.function == function).map_or(Duration::ZERO, |c| c.expected)
        };
        let standby = group
            .standby()
            .filter_map(|m| topology.place_of(m))
            .map(|place| topology.round_trip(from, place).rtt)
            .min()
            .map(|rtt| format!(" ({} once only standby is left)", milliseconds(rtt)))
            .unwrap_or_default();
        findings.info(
            "latency",
            format!(
                "{name}: from {from} a signature takes {}{standby}, a new key pair {}",
                milliseconds(cost("C_Sign")),
                milliseconds(cost("C_GenerateKeyPair, token")),
            ),
        );
    }
}

fn labels(topology: &Topology, findings: &mut Findings) {
    let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
    for group in &topology.groups {
        if let Some(other) = seen.insert(&group.token_label, &group.label) {
            findings.warning(
                "token-label-twice",
                format!(
                    "{other} and {}: both tokens are labelled \"{}\", and applications that look a \
                     token up by its label find the first",
                    group.label, group.token_label
                ),
            );
        }
    }
}
