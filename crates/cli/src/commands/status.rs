//! `hsmsim status`: the truth about the devices, and what each client believes.

use std::io::{Write, stdout};

use hsmsim_client::view::ClientView;
use hsmsim_cluster::{Cluster, DeviceTruth};
use hsmsim_sim_config::{Group, Member, RecoveryAttempts, Replication};
use serde::Serialize;

use crate::{
    context::{Context, is_initialised},
    failure::{Failure, Outcome},
    text::wrap,
};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Serialize)]
struct Status {
    topology: String,
    state: String,
    devices: Vec<DeviceTruth>,
    groups: Vec<GroupStatus>,
    clients: Vec<ClientView>,
    faults: Vec<FaultStatus>,
}

#[derive(Serialize)]
struct GroupStatus {
    label: String,
    initialized: bool,
    needs_sync: bool,
    owed: usize,
    conflicts: Vec<ConflictStatus>,
    members: Vec<MemberStatus>,
}

#[derive(Serialize)]
struct MemberStatus {
    device: String,
    partition: u8,
    role: String,
    status: &'static str,
    /// Of an asynchronous member: how far it is behind.
    #[serde(skip_serializing_if = "Option::is_none")]
    behind: Option<Behind>,
}

/// What the other devices have yet to tell an asynchronous member.
#[derive(Serialize)]
struct Behind {
    changes: u64,
    /// The age of the oldest, in drill milliseconds.
    oldest_ms: f64,
}

/// An object that was changed in two places.
#[derive(Serialize)]
struct ConflictStatus {
    object: String,
    group: String,
    stands: String,
    yields: String,
}

#[derive(Serialize)]
struct FaultStatus {
    id: u64,
    fault: String,
    ends_in_ms: Option<u64>,
}

fn collect(cluster: &Cluster) -> Result<Status, Failure> {
    let topology = cluster.topology();
    let devices = cluster.truth()?;
    let power = |id: &str| devices.iter().find(|device| device.id == id).map_or("", |d| d.power);
    let conflicts = cluster.ledger().conflicts()?;
    let mut groups = Vec::new();
    for group in &topology.groups {
        let mut members = Vec::with_capacity(group.members.len());
        for member in &group.members {
            members.push(MemberStatus {
                device: member.device.to_string(),
                partition: member.partition,
                role: member.role.to_string(),
                status: if power(member.device.as_str()) == "on" { "alive" } else { "down" },
                behind: behind(cluster, group, member)?,
            });
        }
        let of_group = conflicts.iter().filter(|conflict| conflict.group == group.label);
        let conflicts = of_group.map(|conflict| ConflictStatus {
            object: conflict.object.to_string(),
            group: conflict.group.clone(),
            stands: conflict.stands.clone(),
            yields: conflict.yields.clone(),
        });
        groups.push(GroupStatus {
            label: group.label.clone(),
            initialized: is_initialised(cluster, group)?,
            needs_sync: cluster.needs_sync(group)?,
            owed: cluster.ledger().owed_count(&group.label)?,
            conflicts: conflicts.collect(),
            members,
        });
    }
    let now_ns = cluster.clock().unix_now();
    let faults = cluster.active_faults().into_iter().map(|active| FaultStatus {
        id: active.id,
        fault: active.fault.to_string(),
        ends_in_ms: active.end_ns.map(|end| end.saturating_sub(now_ns) / 1_000_000),
    });
    let views = cluster.views()?;
    Ok(Status {
        topology: topology.name.clone(),
        state: cluster
            .path()
            .map_or_else(|| "memory".to_owned(), |path| path.display().to_string()),
        faults: faults.collect(),
        clients: views.iter().filter_map(|(_, view)| serde_json::from_str(view).ok()).collect(),
        devices,
        groups,
    })
}

fn behind(cluster: &Cluster, group: &Group, member: &Member) -> Result<Option<Behind>, Failure> {
    if member.replication == Replication::Sync {
        return Ok(None);
    }
    let (changes, oldest_ns) = cluster.backlog(group, member)?;
    let now_ns = cluster.clock().unix_now();
    let age_ns = oldest_ns.map_or(0, |oldest| now_ns.saturating_sub(oldest));
    let oldest_ms = age_ns as f64 * cluster.topology().time_scale / 1e6;
    Ok(Some(Behind { changes, oldest_ms }))
}

/// Partitions with tokens one by one, the others as a number.
fn partitions(device: &DeviceTruth) -> String {
    let (tokens, blank): (Vec<_>, Vec<_>) =
        device.partitions.iter().partition(|partition| partition.initialized);
    let mut words: Vec<String> = tokens
        .iter()
        .map(|token| {
            let state = if token.activated { "" } else { ", deactivated" };
            format!("{} {} ({}{state})", token.index, token.label, token.objects)
        })
        .collect();
    if !blank.is_empty() {
        words.push(format!("{} blank", blank.len()));
    }
    words.join(", ")
}

fn is_behind(member: &MemberStatus) -> bool {
    member.behind.as_ref().is_some_and(|behind| behind.changes > 0)
}

pub(crate) fn run(context: &Context, args: &Args) -> Outcome {
    let cluster = context.cluster()?;
    let status = collect(&cluster)?;
    let mut out = stdout().lock();
    if args.json {
        serde_json::to_writer_pretty(&mut out, &status)?;
        writeln!(out)?;
        return Ok(0);
    }
    writeln!(out, "topology {}, state {}\n", status.topology, status.state)?;
    let columns = |id: &str, region: &str, stamp: &str, power: &str| {
        format!("{id:<14} {region:<18} {stamp:<6} {power:<9} ")
    };
    let head = columns("device", "region", "stamp", "power");
    writeln!(out, "{head}partitions (token objects)")?;
    for device in &status.devices {
        let first = columns(&device.id, &device.region, &device.stamp.to_string(), device.power);
        writeln!(out, "{}", wrap(&first, &partitions(device)))?;
    }
    writeln!(out, "\ngroups")?;
    for group in status.groups.iter().filter(|group| group.initialized) {
        let members: Vec<String> = group
            .members
            .iter()
            .map(|member| {
                let behind = match &member.behind {
                    Some(Behind { changes, oldest_ms }) if *changes > 0 => {
                        format!(" ({changes} changes behind, {:.0} s)", oldest_ms / 1000.0)
                    }
                    _ => String::new(),
                };
                format!("{} {} {}{behind}", member.device, member.role, member.status)
            })
            .collect();
        let sync = match (group.needs_sync, group.owed) {
            (false, _) => "in sync".to_owned(),
            (true, 0) if group.members.iter().any(is_behind) => {
                "asynchronous members are behind".to_owned()
            }
            (true, 0) => "needs sync: hsmsim ha synchronize".to_owned(),
            (true, owed) => format!("needs sync: {owed} copies are owed, hsmsim ha recover"),
        };
        writeln!(out, "  {}: {sync}", group.label)?;
        writeln!(out, "{}", wrap("    ", &members.join(", ")))?;
        for conflict in &group.conflicts {
            let ConflictStatus { object, stands, yields, .. } = conflict;
            let line =
                format!("{object} was changed on {stands} and on {yields}; the former stands");
            writeln!(out, "{}", wrap("    ", &line))?;
        }
    }
    let blank = status.groups.iter().filter(|group| !group.initialized).count();
    if blank > 0 {
        writeln!(out, "  {blank} groups are blank")?;
    }
    let off = cluster.topology().ha.recovery_attempts == RecoveryAttempts::Off;
    for client in &status.clients {
        writeln!(out, "\nclient {}", client.pid)?;
        for group in &client.groups {
            for member in &group.members {
                let powered = status
                    .devices
                    .iter()
                    .any(|device| device.id == member.device && device.power == "on");
                let lost = !matches!(member.state.as_str(), "up" | "idle");
                let note = match (lost && powered, off) {
                    (true, true) => {
                        " (powered, not rejoined: auto recovery is off, hsmsim ha recover)"
                    }
                    (true, false) => " (powered, not rejoined yet)",
                    (false, _) => "",
                };
                let line = format!("{} {}: {}{note}", group.label, member.device, member.state);
                writeln!(out, "{}", wrap("  ", &line))?;
            }
        }
    }
    writeln!(out)?;
    if status.faults.is_empty() {
        writeln!(out, "no faults")?;
    }
    for fault in &status.faults {
        writeln!(out, "fault {}: {}", fault.id, fault.fault)?;
    }
    Ok(0)
}
