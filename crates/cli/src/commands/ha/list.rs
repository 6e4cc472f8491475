//! `hsmsim ha list`: groups and members in the layout of LunaCM's `hagroup listgroups` (Luna guide,
//! "Replacing an HA Group Member"), for eyes and scripts that know it.

use std::io::{Write, stdout};

use hsmsim_client::{Client, GroupListing, MemberListing};
use hsmsim_sim_config::{HaSettings, RecoveryAttempts, format_duration};

use crate::{
    context::{Context, group, labels},
    failure::Outcome,
    text::wrap,
};

/// Stands for slot and label of a member that is down.
const DASHES: &str = "------";

pub(crate) fn run(context: &Context, named: Option<&str>) -> Outcome {
    let client = context.client()?;
    let topology = client.cluster().topology();
    let mut out = stdout().lock();
    write!(out, "{}", header(&topology.ha))?;
    for label in labels(client.cluster(), named)? {
        let spec = group(topology, &label)?;
        // A slot of one partition is a group nowhere but in the topology.
        if spec.has_ha() {
            let needs_sync = client.cluster().needs_sync(spec)?;
            write!(out, "\n{}", listing(&client, &label, needs_sync)?)?;
        }
    }
    Ok(0)
}

/// A line of the blocks above the table: the names end in one column.
fn line(name: &str, value: &str) -> String {
    wrap(&format!("{name:>28}:  "), value) + "\n"
}

/// What holds for all groups of this client.
fn header(ha: &HaSettings) -> String {
    let enabled = |on: bool| if on { "enabled" } else { "disabled" };
    let retries = match ha.recovery_attempts {
        RecoveryAttempts::Off => "0".to_owned(),
        RecoveryAttempts::AtMost(most) => most.to_string(),
        RecoveryAttempts::Unlimited => "infinite".to_owned(),
    };
    let interval = match ha.recovery_interval.subsec_nanos() {
        0 => format!("{} seconds", ha.recovery_interval.as_secs()),
        _ => format_duration(ha.recovery_interval),
    };
    let recovers = ha.recovery_attempts != RecoveryAttempts::Off;
    [
        line("HA auto recovery", enabled(recovers)),
        line("HA recovery mode", &ha.recovery_mode.to_string()),
        line("Maximum auto recovery retry", &retries),
        line("Auto recovery poll interval", &interval),
        line("HA logging", enabled(ha.log.is_some())),
        line("Only Show HA Slots", if ha.ha_only { "yes" } else { "no" }),
    ]
    .concat()
}

fn listing(client: &Client, label: &str, needs_sync: bool) -> hsmsim_types::Result<String> {
    let listing = client.run(client.list_group(label))?;
    Ok(block(&listing, needs_sync) + "\n" + &table(&listing.members))
}

fn block(group: &GroupListing, needs_sync: bool) -> String {
    let serials = |of: &dyn Fn(&&MemberListing) -> bool| {
        let serials: Vec<&str> =
            group.members.iter().filter(of).map(|member| member.serial.as_str()).collect();
        if serials.is_empty() { "<none>".to_owned() } else { serials.join(", ") }
    };
    [
        line("HA Group Label", &group.label),
        line("HA Group Number", &group.serial),
        line("HA Group Slot ID", &group.slot.0.to_string()),
        line("Synchronization", "enabled"),
        line("Group Members", &serials(&|_| true)),
        line("Needs sync", if needs_sync { "yes" } else { "no" }),
        line("Standby Members", &serials(&|member| member.standby)),
    ]
    .concat()
}

fn table(members: &[MemberListing]) -> String {
    let row = |slot: &str, serial: &str, label: &str, status: &str| {
        format!("{slot:>6}  {serial:>16}  {label:>32}  {status}\n")
    };
    let mut table = row("Slot #", "Member S/N", "Member Label", "Status");
    table += &row("======", "==========", "============", "======");
    for member in members {
        let slot = member.slot.map_or_else(|| "hidden".to_owned(), |slot| slot.0.to_string());
        table += &match &member.label {
            Some(label) => row(&slot, &member.serial, label, "alive"),
            None => row(DASHES, &member.serial, DASHES, "down"),
        };
    }
    table
}
