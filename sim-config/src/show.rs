//! A picture of a topology in text, at most 100 columns wide.

use std::fmt::Write as _;
use std::time::Duration;

use crate::check::milliseconds;
use crate::region::RegionCode;
use crate::topology::{
    Device, Group, GroupSet, Member, Replication, Role, RoundTripSource, Topology, names,
};

/// Columns of the picture.
const WIDTH: usize = 100;
/// Partitions drawn one by one; a device with more shows how many follow.
const PARTITIONS_DRAWN: u8 = 20;
/// Group sets that fit beside each other in the table of calls.
const SETS_ABREAST: usize = 4;

/// Draws a topology: places, devices and their partitions, groups, round trips, and what each
/// PKCS#11 call costs.
pub fn show(topology: &Topology) -> String {
    let mut out = String::new();
    let sets = topology.group_sets();
    head(topology, &mut out);
    places(topology, &mut out);
    groups(topology, &sets, &mut out);
    round_trips(topology, &sets, &mut out);
    calls(topology, &sets, &mut out);
    out
}

/// Writing into a string cannot fail; this keeps that fact in one place.
macro_rules! line {
    ($out:expr) => { $out.push('\n') };
    ($out:expr, $($arg:tt)*) => {{ let _ = writeln!($out, $($arg)*); }};
}

fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

fn head(topology: &Topology, out: &mut String) {
    let partitions: usize = topology.devices.iter().map(|d| usize::from(d.partitions)).sum();
    line!(out, "{}", topology.name);
    for text in wrap(&topology.description, WIDTH) {
        line!(out, "{text}");
    }
    let facts = format!(
        "{}, {}, {}; profile {}, seed {}; client in {}",
        count(topology.devices.len(), "device"),
        count(partitions, "partition"),
        count(topology.groups.len(), "group"),
        topology.profile,
        topology.seed,
        topology.client,
    );
    for text in wrap(&facts, WIDTH) {
        line!(out, "{text}");
    }
    if topology.time_scale > 1.0 {
        line!(out, "HA timers, boot times and faults run {} times as fast", topology.time_scale);
    }
}

fn places(topology: &Topology, out: &mut String) {
    line!(out, "\nPLACES{:>60}", "round trip");
    let mut regions: Vec<RegionCode> = Vec::new();
    for device in &topology.devices {
        if !regions.contains(&device.place.region) {
            regions.push(device.place.region);
        }
    }
    for region in regions {
        let entry = region.region();
        line!(out, "{region}  {}, {}", entry.name, entry.place);
        let mut devices: Vec<&Device> =
            topology.devices.iter().filter(|d| d.place.region == region).collect();
        devices.sort_by_key(|d| d.place.stamp);
        let mut stamp_before = 0;
        for (index, device) in devices.iter().enumerate() {
            let branch = if index + 1 == devices.len() { "└─" } else { "├─" };
            // The stamp is named once, so that devices which share it are seen to.
            let stamp = match device.place.stamp {
                stamp if stamp == stamp_before => String::new(),
                stamp => format!("stamp{stamp}"),
            };
            stamp_before = device.place.stamp;
            device_line(topology, device, &format!("{branch} {stamp:<8}"), out);
        }
    }
    line!(
        out,
        "\n● active  ○ standby  ◌ standby, fed asynchronously  · in no group; partitions 0, 1, 2, …"
    );
}

fn device_line(topology: &Topology, device: &Device, branch: &str, out: &mut String) {
    let trip = topology.round_trip(topology.client, device.place);
    let drawn = device.partitions.min(PARTITIONS_DRAWN);
    let mut marks: String = (0..drawn).map(|index| mark(topology, device, index)).collect();
    if device.partitions > drawn {
        let _ = write!(marks, " +{}", device.partitions - drawn);
    }
    let remark = match trip.source {
        _ if topology.client.same_stamp(&device.place) => "  ← client",
        RoundTripSource::Default | RoundTripSource::Table => "",
        RoundTripSource::StandIn => "  (a neighbour's figure)",
        RoundTripSource::File => "  (this file)",
        RoundTripSource::Estimate => "  (estimate)",
    };
    let id = clip(device.id.as_str(), 20);
    let rtt = milliseconds(trip.rtt);
    line!(out, "{branch}{id:<22}{marks:<24}{rtt:>9}{remark}");
}

fn mark(topology: &Topology, device: &Device, index: u8) -> char {
    let is_it = |m: &&Member| m.device == device.id && m.partition == index;
    match topology.groups.iter().flat_map(|g| &g.members).find(is_it) {
        None => '·',
        Some(m) if m.role == Role::Active => '●',
        Some(m) if m.replication == Replication::Async => '◌',
        Some(_) => '○',
    }
}

fn groups(topology: &Topology, sets: &[GroupSet<'_>], out: &mut String) {
    line!(out, "\nGROUPS");
    for set in sets {
        let group = set.first();
        let ha = if group.has_ha() { "" } else { "  (no HA)" };
        line!(out, "{}{ha}", set.name());
        let devices = |members: &mut dyn Iterator<Item = &Member>| {
            members.map(|m| m.device.to_string()).collect::<Vec<_>>().join(", ")
        };
        let actives = &mut group.active().skip(1);
        let standby = |r| group.standby().filter(move |m| m.replication == r);
        let rows = [
            ("primary", group.primary().device.to_string()),
            ("active", devices(actives)),
            ("standby", devices(&mut standby(Replication::Sync))),
            ("asynchronous", devices(&mut standby(Replication::Async))),
            ("provisioned", provisioned(topology, set)),
        ];
        for (title, text) in rows.iter().filter(|(_, text)| !text.is_empty()) {
            for (n, part) in wrap(text, WIDTH - 16).iter().enumerate() {
                line!(out, "  {:<14}{part}", if n == 0 { title } else { "" });
            }
        }
    }
}

fn provisioned(topology: &Topology, set: &GroupSet<'_>) -> String {
    let labels: Vec<&str> = set
        .groups
        .iter()
        .filter(|g| topology.is_provisioned(g))
        .map(|g| g.label.as_str())
        .collect();
    match labels.len() {
        0 => "none; blank until initialised".to_owned(),
        n if n == set.groups.len() => "all".to_owned(),
        _ => format!("{}; the others are blank until initialised", names(&labels)),
    }
}

fn round_trips(topology: &Topology, sets: &[GroupSet<'_>], out: &mut String) {
    let links = &topology.links;
    line!(out, "\nROUND TRIPS");
    line!(
        out,
        "  {:<14}{:>9}   jitter {}",
        "same stamp",
        milliseconds(links.same_stamp.rtt),
        links.same_stamp.jitter
    );
    line!(
        out,
        "  {:<14}{:>9}   jitter {}",
        "same region",
        milliseconds(links.same_region.rtt),
        links.same_region.jitter
    );
    let mut drawn: Vec<Vec<RegionCode>> = Vec::new();
    for set in sets {
        let regions = regions_of(topology, set.first());
        if regions.len() > 1 && !drawn.contains(&regions) {
            matrix(topology, &regions, out);
            drawn.push(regions);
        }
    }
    if !drawn.is_empty() {
        line!(out, "  between regions, in ms there and back; jitter {}", links.cross_region_jitter);
    }
    if !links.gateway_extra.is_zero() {
        line!(out, "  of which the gateways take {}", milliseconds(links.gateway_extra));
    }
    for rule in &links.overrides {
        let arrow = if rule.both_ways { "↔" } else { "→" };
        let rtt = rule.rtt.map(|rtt| format!(", {}", milliseconds(rtt))).unwrap_or_default();
        let jitter = rule.jitter.map(|j| format!(", jitter {j}")).unwrap_or_default();
        let text = format!("this file: {} {arrow} {}{rtt}{jitter}", rule.from, rule.to);
        for (n, part) in wrap(&text, WIDTH - 4).iter().enumerate() {
            line!(out, "  {}{part}", if n == 0 { "" } else { "  " });
        }
    }
}

fn regions_of(topology: &Topology, group: &Group) -> Vec<RegionCode> {
    let mut regions: Vec<RegionCode> = Vec::new();
    for place in group.members.iter().filter_map(|m| topology.place_of(m)) {
        if !regions.contains(&place.region) {
            regions.push(place.region);
        }
    }
    regions
}

/// Round trips between regions. Wide sets are cut into several tables of as many columns as fit.
fn matrix(topology: &Topology, regions: &[RegionCode], out: &mut String) {
    use crate::place::Place;
    for columns in regions.chunks((WIDTH - 20) / 7) {
        let heads: String = columns.iter().map(|r| format!("{:>7}", r.short())).collect();
        line!(out, "\n  {:<18}{heads}", "");
        for from in regions {
            let cells: String = columns
                .iter()
                .map(|to| match from == to {
                    true => format!("{:>7}", "·"),
                    false => {
                        let rtt = topology.round_trip(Place::new(*from, 1), Place::new(*to, 1)).rtt;
                        format!("{:>7}", milliseconds(rtt).trim_end_matches(" ms"))
                    }
                })
                .collect();
            line!(out, "  {from:<18}{cells}");
        }
    }
}

fn calls(topology: &Topology, sets: &[GroupSet<'_>], out: &mut String) {
    if sets.is_empty() {
        return;
    }
    line!(out, "\nCALLS  what the links cost a client in {}, in ms", topology.client);
    for abreast in sets.chunks(SETS_ABREAST) {
        let heads: String =
            abreast.iter().map(|s| format!("{:>11}", clip(&s.first().label, 10))).collect();
        line!(out, "  {:<27}{:<26}{heads}", "function", "round trips");
        let costs: Vec<_> =
            abreast.iter().map(|s| topology.call_costs(s.first(), topology.client)).collect();
        for (row, call) in costs[0].iter().enumerate() {
            let cells: String = costs.iter().map(|c| cell(c[row].expected)).collect();
            line!(out, "  {:<27}{:<26}{cells}", call.function, call.round_trips);
        }
    }
    line!(
        out,
        "  \"every\" is in parallel, and the slowest counts; asynchronous members are not waited for"
    );
}

fn cell(duration: Duration) -> String {
    format!("{:>11}", milliseconds(duration).trim_end_matches(" ms"))
}

/// The text, or as much of it as `columns` hold.
fn clip(text: &str, columns: usize) -> String {
    match text.chars().count() <= columns {
        true => text.to_owned(),
        false => text.chars().take(columns - 1).chain(['…']).collect(),
    }
}

/// Breaks a text between words. A word longer than a line keeps a line to itself, cut.
fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let word = clip(word, columns);
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= columns => {
                line.push(' ');
                line.push_str(&word);
            }
            _ => lines.push(word),
        }
    }
    lines
}
