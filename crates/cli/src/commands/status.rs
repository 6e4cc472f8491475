//! `hsmsim status`: the truth about the devices, and what each client believes.

use std::io::{Write, stdout};

use hsmsim_client::view::ClientView;
use hsmsim_cluster::{Cluster, DeviceTruth};
use hsmsim_sim_config::RecoveryAttempts;
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
    members: Vec<MemberStatus>,
}

#[derive(Serialize)]
struct MemberStatus {
    device: String,
    partition: u8,
    role: String,
    status: &'static str,
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
    let mut groups = Vec::new();
    for group in &topology.groups {
        let members = group.members.iter().map(|member| MemberStatus {
            device: member.device.to_string(),
            partition: member.partition,
            role: member.role.to_string(),
            status: if power(member.device.as_str()) == "on" { "alive" } else { "down" },
        });
        groups.push(GroupStatus {
            label: group.label.clone(),
            initialized: is_initialised(cluster, group)?,
            needs_sync: cluster.needs_sync(group)?,
            owed: cluster.ledger().owed(&group.label)?.len(),
            members: members.collect(),
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

/// Partitions with tokens one by one, the others as a number.
fn partitions(device: &DeviceTruth) -> String {
    let (tokens, blank): (Vec<_>, Vec<_>) =
        device.partitions.iter().partition(|partition| partition.initialized);
    let mut words: Vec<String> = tokens
        .iter()
        .map(|token| format!("{} {} ({})", token.index, token.label, token.objects))
        .collect();
    if !blank.is_empty() {
        words.push(format!("{} blank", blank.len()));
    }
    words.join(", ")
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
            .map(|member| format!("{} {} {}", member.device, member.role, member.status))
            .collect();
        let sync = match (group.needs_sync, group.owed) {
            (false, _) => "in sync".to_owned(),
            (true, 0) => "needs sync: hsmsim ha synchronize".to_owned(),
            (true, owed) => format!("needs sync: {owed} copies are owed, hsmsim ha recover"),
        };
        writeln!(out, "  {}: {sync}", group.label)?;
        writeln!(out, "{}", wrap("    ", &members.join(", ")))?;
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
