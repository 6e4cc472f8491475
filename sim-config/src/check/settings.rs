//! Rules about HA timers, recovery, provisioning and the profile.

use std::time::Duration;

use super::{Findings, milliseconds};
use crate::duration::format_duration;
use crate::profile::Profile;
use crate::topology::{RecoveryAttempts, RecoveryMode, Topology};

/// What the vendor's tool accepts as a recovery interval.
const INTERVAL_MIN: Duration = Duration::from_secs(60);
const INTERVAL_MAX: Duration = Duration::from_secs(1200);

pub(super) fn review(topology: &Topology, findings: &mut Findings) {
    timers(topology, findings);
    recovery(topology, findings);
    profile(topology, findings);
    if topology.provisioning.groups.is_empty() {
        findings.info(
            "nothing-provisioned",
            "no group is set up on first use; every token starts blank".to_owned(),
        );
    }
    if topology.time_scale > 1.0 {
        findings.info(
            "time-scale",
            format!(
                "HA timers, boot times and faults run {} times as fast; links and devices do not",
                topology.time_scale
            ),
        );
    }
}

fn timers(topology: &Topology, findings: &mut Findings) {
    let ha = &topology.ha;
    if ha.heartbeat >= ha.receive_timeout {
        findings.error(
            "heartbeat",
            format!(
                "heartbeat {} is not shorter than receive_timeout {}: a member with a long command \
                 would be given up",
                format_duration(ha.heartbeat),
                format_duration(ha.receive_timeout)
            ),
        );
    }
    // Links are not scaled and timers are, so it is the scaled timeout that a link must fit in.
    let timeout = ha.receive_timeout.div_f64(topology.time_scale);
    let Some((slowest, device)) = topology
        .groups
        .iter()
        .flat_map(|g| &g.members)
        .filter_map(|m| Some((topology.round_trip(topology.client, topology.place_of(m)?).rtt, m)))
        .max_by_key(|(rtt, _)| *rtt)
    else {
        return;
    };
    if timeout < slowest * 4 {
        let message = format!(
            "receive_timeout is {} of real time, and the round trip to {} {}; jitter alone may cost \
             a member",
            milliseconds(timeout),
            device.device,
            milliseconds(slowest)
        );
        match timeout <= slowest {
            true => findings.error("receive-timeout", message),
            false => findings.warning("receive-timeout", message),
        }
    }
}

fn recovery(topology: &Topology, findings: &mut Findings) {
    let ha = &topology.ha;
    if !topology.groups.iter().any(|g| g.has_ha()) {
        return;
    }
    if ha.recovery_attempts == RecoveryAttempts::Off {
        findings.info(
            "auto-recovery-off",
            "a member that was lost stays out until `hsmsim ha recover`, as on Azure; \
             recovery_attempts = -1 lets clients bring it back"
                .to_owned(),
        );
    } else if ha.recovery_mode == RecoveryMode::Passive {
        findings.info(
            "passive-recovery",
            "recovery is tried inside calls only: an idle client never brings a member back"
                .to_owned(),
        );
    }
    if !(INTERVAL_MIN..=INTERVAL_MAX).contains(&ha.recovery_interval) {
        findings.warning(
            "recovery-interval",
            format!(
                "recovery_interval {} is outside the 60 s to 1200 s that a Luna client accepts",
                format_duration(ha.recovery_interval)
            ),
        );
    }
    if !ha.ha_only {
        findings.info(
            "member-slots",
            "with ha_only = false member slots come first, and slot numbers shift when a member is \
             away at the start"
                .to_owned(),
        );
    }
}

fn profile(topology: &Topology, findings: &mut Findings) {
    let profile = match Profile::resolve(&topology.profile) {
        Ok(profile) => profile,
        Err(e) => return findings.error("profile", e.to_string()),
    };
    let pins = &topology.provisioning;
    let given = [
        ("user_pin", Some(&pins.user_pin)),
        ("so_pin", Some(&pins.so_pin)),
        ("crypto_user_pin", pins.crypto_user_pin.as_ref()),
        ("hsm_so_pin", Some(&pins.hsm_so_pin)),
    ];
    for (name, pin) in given {
        let Some(pin) = pin else { continue };
        let fits =
            (profile.pin.min as usize..=profile.pin.max as usize).contains(&pin.reveal().len());
        if !fits {
            findings.error(
                "pin-length",
                format!(
                    "{name}: profile {} takes PINs of {} to {} bytes",
                    profile.name, profile.pin.min, profile.pin.max
                ),
            );
        }
    }
    let blank = topology.groups.iter().filter(|g| !topology.is_provisioned(g)).count();
    if !profile.init_token_on_group && blank > 0 {
        findings.info(
            "blank-groups",
            format!(
                "profile {} refuses C_InitToken on a group; set up the {blank} blank groups with \
                 `hsmsim partition init` and `hsmsim role init`",
                profile.name
            ),
        );
    }
}
