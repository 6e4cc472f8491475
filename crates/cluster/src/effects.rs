//! What the fault table does to devices and links at a given time: a pure function of its rows.
//!
//! Rows are a durable, timestamped history. A row strikes from the time it was set until it was
//! healed or its duration is over, whichever comes first. Of several faults on one device the one
//! that takes away most counts; on a link they add up. The power epoch of a device is the number
//! of losses of power in its history, so every process computes the same one.

use std::time::Duration;

use hsmsim_device::{
    Condition as DeviceCondition, ConnectFault, Ended, Room, Scope, Skew, State as DeviceState,
    Trouble,
};
use hsmsim_network::{Condition as LinkCondition, LinkState};
use hsmsim_sim_config::{Device, Endpoint, Fault, REPLACEMENT, Strikes, Topology};
use hsmsim_types::{
    ck::CKR_DEVICE_ERROR,
    names::{mechanism_number, return_value_number},
};

use crate::{
    impairments::impairments,
    spells::{Spell, spell_of},
};

/// A row of the fault table, read.
#[derive(Clone, Debug)]
pub struct ActiveFault {
    /// Its number.
    pub id: u64,
    /// What it is.
    pub fault: Fault,
    /// What it comes to in this topology.
    pub strikes: Strikes,
    /// When it was set, in nanoseconds since 1970.
    pub set_at_ns: u64,
    /// When it ended or will end; `None`: when somebody heals it.
    pub end_ns: Option<u64>,
}

/// What devices and links are to do from now on, and until when that holds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Effects {
    /// For each device of the topology.
    pub(crate) devices: Vec<DeviceState>,
    /// For each device, what is wrong with it.
    pub(crate) troubles: Vec<Trouble>,
    /// For each device, what has ended on it so far beside losses of power.
    pub(crate) endings: Vec<Vec<Ended>>,
    /// For each device, from the client to it and back.
    pub(crate) links: Vec<LinkEffect>,
    /// The next time at which something changes by itself.
    pub(crate) next_change_ns: Option<u64>,
}

/// The faults of the links to a device and back.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LinkEffect {
    /// Requests.
    pub(crate) there: LinkState,
    /// Replies.
    pub(crate) back: LinkState,
    /// Since when it is so; 0 if nothing ever happened. What was under way then is concerned,
    /// however late somebody looks.
    pub(crate) since_ns: u64,
}

/// How a fault strikes a device.
enum Strike {
    /// Power is gone; then the device boots.
    Power,
    /// It boots at once.
    Restart,
    /// It takes what arrives and answers nothing.
    Hang,
    /// Nothing on it can be used until somebody clears the event; then it boots.
    Tamper,
    /// Nothing on it can be used until another device takes its place.
    Decommission,
    /// Its sessions end. If it was to be erased, that was done when the fault was set.
    EndSessions,
}

fn strike(fault: &Fault) -> Option<Strike> {
    Some(match fault.spec.id {
        "device.power_loss" | "device.swizzle" | "stamp.loss" | "region.loss" => Strike::Power,
        "device.restart" | "device.factory_reset" => Strike::Restart,
        "device.hang" | "device.stall" => Strike::Hang,
        "device.tamper" => Strike::Tamper,
        "device.decommission" => Strike::Decommission,
        "device.zeroize" | "device.replaced" => Strike::EndSessions,
        "trust.cert_mismatch" if fault.word_param("connections") == Some("ended") => {
            Strike::EndSessions
        }
        _ => return None,
    })
}

/// The sessions and logins that a fault ends without a new power epoch.
fn ended(fault: &Fault) -> Option<Ended> {
    Some(match fault.spec.id {
        "session.drop_all" | "admin.delete_partition" | "admin.domain_mismatch" => {
            Ended::Sessions(scope(fault))
        }
        "login.lost" | "partition.deactivate" => Ended::Logins(scope(fault)),
        _ => return None,
    })
}

/// Whether sessions end on what a fault strikes, from the moment it is in the history.
pub(crate) fn ends_sessions(fault: &Fault) -> bool {
    strike(fault).is_some_and(|strike| !matches!(strike, Strike::Hang))
        || matches!(ended(fault), Some(Ended::Sessions(_)))
}

/// Whom a fault concerns, by its parameters.
fn scope(fault: &Fault) -> Scope {
    Scope {
        process: fault.count_param("pid").and_then(|pid| u32::try_from(pid).ok()),
        partition: fault.count_param("partition").and_then(|index| usize::try_from(index).ok()),
    }
}

/// Computes the effects of a history at `now_ns`.
pub(crate) fn effects(history: &History<'_>, now_ns: u64) -> Effects {
    let topology = history.topology;
    let mut next = Next { now_ns, at: None };
    let client = Endpoint { device: None, place: topology.client };
    let mut devices = Vec::with_capacity(topology.devices.len());
    let mut troubles = Vec::with_capacity(topology.devices.len());
    let mut links = Vec::with_capacity(topology.devices.len());
    let mut endings = Vec::with_capacity(topology.devices.len());
    for device in &topology.devices {
        let (state, trouble) = history.device(device, &mut next);
        let end = Endpoint { device: Some(device.id.clone()), place: device.place };
        let (there, since_there) = history.link(&client, &end, &mut next);
        let (back, since_back) = history.link(&end, &client, &mut next);
        endings.push(history.endings(device, now_ns));
        devices.push(state);
        troubles.push(trouble);
        links.push(LinkEffect { there, back, since_ns: since_there.max(since_back) });
    }
    Effects { devices, troubles, endings, links, next_change_ns: next.at }
}

/// The fault table as a history, to be asked about one device or one way of a link at a time.
pub(crate) struct History<'a> {
    pub(crate) topology: &'a Topology,
    pub(crate) faults: &'a [ActiveFault],
    /// How long activation outlives a loss of power; `None`: it does not end with it.
    pub(crate) activation_held: Option<Duration>,
    /// Divides a duration of drill time by the time scale.
    pub(crate) scaled: &'a dyn Fn(Duration) -> Duration,
}

impl History<'_> {
    /// What had been set by then.
    fn past(&self, now_ns: u64) -> impl Iterator<Item = &ActiveFault> {
        self.faults.iter().filter(move |fault| fault.set_at_ns <= now_ns)
    }

    /// What a device is doing, and what is wrong with it.
    pub(crate) fn device(&self, device: &Device, next: &mut Next) -> (DeviceState, Trouble) {
        let mut state = DeviceState { condition: DeviceCondition::On, epoch: 0 };
        let mut trouble = Trouble::default();
        let own = self.struck(device, next);
        let replaced = own.iter().filter(|(fault, _)| fault.fault.spec.id == REPLACEMENT.id);
        let replaced = replaced.map(|(fault, _)| fault.set_at_ns).max();
        for &(fault, spell) in &own {
            if let Some(kind) = strike(&fault.fault) {
                let boot = fault.fault.duration_param("boot_time");
                let boot = boot.unwrap_or(self.topology.ha.boot_time);
                // A new appliance does not boot after what befell the old one.
                let over =
                    if fault.fault.spec.lasts { spell.end_ns } else { Some(fault.set_at_ns) };
                let over = over.is_some_and(|over| Some(over) <= replaced);
                let boot_ns = if over { 0 } else { nanos((self.scaled)(boot)) };
                let kind = match kind {
                    Strike::Decommission if over => Strike::EndSessions,
                    kind => kind,
                };
                strike_device(&mut state, &kind, spell, boot_ns, next);
            }
            if self.took_activation(device, (fault, spell), next) {
                trouble.deactivated.push(Scope::default());
            }
            if fault.fault.spec.lasts && next.is_before(spell.end_ns) {
                add_trouble(&mut trouble, fault);
            }
        }
        (state, trouble)
    }

    /// What had befallen a device by then.
    fn past_of(&self, device: &Device, now_ns: u64) -> impl Iterator<Item = &ActiveFault> {
        self.past(now_ns).filter(move |fault| fault.strikes.devices.contains(&device.id))
    }

    /// What has struck a device so far, each with its begin and end there.
    fn struck(&self, device: &Device, next: &mut Next) -> Vec<(&ActiveFault, Spell)> {
        let mut struck = Vec::new();
        for fault in self.past(next.now_ns) {
            let spell = spell_of(fault, &device.id, self.topology.seed, self.scaled);
            if let Some(spell) = spell.filter(|spell| !next.is_before(Some(spell.begin_ns))) {
                struck.push((fault, spell));
            }
        }
        struck
    }

    /// What has ended on a device so far beside losses of power, oldest first.
    pub(crate) fn endings(&self, device: &Device, now_ns: u64) -> Vec<Ended> {
        self.past_of(device, now_ns).filter_map(|fault| ended(&fault.fault)).collect()
    }

    /// Whether a loss of power lasted longer than activation outlives one (Luna guide, "Activation"),
    /// and nobody has activated the device since: whoever does that ends a deactivation.
    fn took_activation(
        &self,
        device: &Device,
        (loss, spell): (&ActiveFault, Spell),
        next: &mut Next,
    ) -> bool {
        if !matches!(strike(&loss.fault), Some(Strike::Power)) {
            return false;
        }
        let held = loss.fault.duration_param("activation_held").or(self.activation_held);
        let Some(held) = held else { return false };
        let lost_at = spell.begin_ns.saturating_add(nanos((self.scaled)(held)));
        if spell.end_ns.is_some_and(|end| end <= lost_at) || next.is_before(Some(lost_at)) {
            return false;
        }
        let now_ns = next.now_ns;
        let activates = |fault: &ActiveFault| match fault.fault.spec.id {
            "partition.deactivate" => {
                let whole = scope(&fault.fault).partition.is_none();
                whole && fault.end_ns.is_some_and(|end| end > lost_at && end <= now_ns)
            }
            // A new appliance has been activated by whoever set it up.
            id => id == REPLACEMENT.id && fault.set_at_ns > lost_at,
        };
        !self.past_of(device, now_ns).any(activates)
    }

    /// What happens to messages from one end to the other, and since when it is so; 0 if nothing
    /// ever happened.
    pub(crate) fn link(&self, from: &Endpoint, to: &Endpoint, next: &mut Next) -> (LinkState, u64) {
        let (mut state, mut since_ns) = (LinkState::HEALTHY, 0);
        for fault in self.past(next.now_ns).filter(|fault| fault.strikes.covers_link(from, to)) {
            if next.is_before(fault.end_ns) {
                let (struck, since) = link_state(fault, self.scaled, next);
                since_ns = since_ns.max(since);
                state = state.and(struck);
            } else {
                since_ns = since_ns.max(fault.end_ns.unwrap_or_default());
            }
        }
        (state, since_ns)
    }
}

/// Collects the earliest time after now that was asked about.
pub(crate) struct Next {
    pub(crate) now_ns: u64,
    pub(crate) at: Option<u64>,
}

impl Next {
    /// Whether it is not yet `time`; `None` never comes.
    pub(crate) fn is_before(&mut self, time: Option<u64>) -> bool {
        match time {
            None => true,
            Some(time) if time > self.now_ns => {
                self.at = Some(self.at.map_or(time, |at| at.min(time)));
                true
            }
            Some(_) => false,
        }
    }
}

fn strike_device(
    state: &mut DeviceState,
    kind: &Strike,
    spell: Spell,
    boot_ns: u64,
    next: &mut Next,
) {
    let booted = |end: u64| Some(end.saturating_add(boot_ns));
    let condition = match kind {
        Strike::Power => {
            state.epoch += 1;
            if next.is_before(spell.end_ns) {
                DeviceCondition::Off
            } else if spell.end_ns.is_some_and(|end| next.is_before(booted(end))) {
                DeviceCondition::Refusing
            } else {
                DeviceCondition::On
            }
        }
        Strike::Restart => {
            state.epoch += 1;
            if next.is_before(booted(spell.begin_ns)) {
                DeviceCondition::Refusing
            } else {
                DeviceCondition::On
            }
        }
        Strike::Hang if next.is_before(spell.end_ns) => DeviceCondition::Hung,
        Strike::Hang => DeviceCondition::On,
        Strike::Tamper => {
            state.epoch += 1;
            let cleared = !next.is_before(spell.end_ns);
            let booted = spell.end_ns.is_some_and(|end| !next.is_before(booted(end)));
            if cleared && booted { DeviceCondition::On } else { DeviceCondition::Refusing }
        }
        Strike::Decommission => {
            state.epoch += 1;
            DeviceCondition::Refusing
        }
        Strike::EndSessions => {
            state.epoch += 1;
            DeviceCondition::On
        }
    };
    if severity(condition) > severity(state.condition) {
        state.condition = condition;
    }
}

/// How much a condition takes away.
fn severity(condition: DeviceCondition) -> u8 {
    match condition {
        DeviceCondition::On => 0,
        DeviceCondition::Hung => 1,
        DeviceCondition::Refusing => 2,
        DeviceCondition::Off => 3,
    }
}

/// Adds what a lasting fault does to a device that has power.
fn add_trouble(trouble: &mut Trouble, active: &ActiveFault) {
    let fault = &active.fault;
    let count = |name| fault.count_param(name).unwrap_or_default();
    match fault.spec.id {
        "device.stall" => trouble.heartbeats = true,
        "device.slow" => trouble.extra_service += fault.duration_param("extra").unwrap_or_default(),
        "device.error_rate" => {
            let code = fault.code_param("code").and_then(return_value_number);
            let probability = fault.probability_param("probability").unwrap_or_default();
            trouble.errors = Some((probability, code.unwrap_or(CKR_DEVICE_ERROR)));
        }
        "device.memory_full" => match fault.count_param("objects_max") {
            Some(max) => trouble.rooms.push(Room::Device(max)),
            None => trouble.memory_full = true,
        },
        "partition.full" => {
            trouble.rooms.push(Room::Partitions(scope(fault), count("objects_max")));
        }
        "device.throttle" => trouble.per_second = least(trouble.per_second, count("per_second")),
        "device.firmware_skew" => {
            let names = fault.mechanisms_param("mechanisms").iter();
            trouble.missing.extend(names.filter_map(|name| mechanism_number(name)));
        }
        "device.clock_skew" => {
            let ns = |name| nanos(fault.duration_param(name).unwrap_or_default()).cast_signed();
            trouble.clock = Skew {
                ahead_ns: ns("ahead").saturating_sub(ns("behind")),
                drift_ppm: count("drift_ppm"),
                since_ns: active.set_at_ns,
            };
        }
        "audit.log_full" => (trouble.audit_full, trouble.heartbeats) = (true, true),
        "client.conn_limit" => trouble.links_max = least(trouble.links_max, count("max")),
        "device.entropy_fail" => trouble.entropy_fail = true,
        "device.fips_error" => trouble.self_test_failed = true,
        "session.exhaust" => trouble.sessions_max = least(trouble.sessions_max, count("max")),
        "trust.cert_expired" | "trust.cert_revoked" | "trust.cert_mismatch" => {
            trouble.refuse_connections(match fault.word_param("side") {
                Some("client") => ConnectFault::ClientCertificate,
                _ => ConnectFault::DeviceCertificate,
            });
        }
        "port.blocked" => trouble.refuse_connections(match fault.word_param("answer") {
            Some("dropped") => ConnectFault::PortDropped,
            _ => ConnectFault::PortRefused,
        }),
        "dns.fail" => trouble.refuse_connections(ConnectFault::NameUnknown),
        "partition.deactivate" => trouble.deactivated.push(scope(fault)),
        _ => {}
    }
}

/// Of two limits the lower one.
fn least(one: Option<u64>, other: u64) -> Option<u64> {
    Some(one.unwrap_or(other).min(other))
}

/// What a fault does to a link now, and since when.
fn link_state(
    active: &ActiveFault,
    scaled: &dyn Fn(Duration) -> Duration,
    next: &mut Next,
) -> (LinkState, u64) {
    let fault = &active.fault;
    let state = match fault.spec.id {
        "link.flap" => {
            let turn = |name| nanos(scaled(fault.duration_param(name).unwrap_or_default())).max(1);
            let (down, up) = (turn("down"), turn("up"));
            let begin =
                active.set_at_ns + (next.now_ns - active.set_at_ns) / (down + up) * (down + up);
            if next.is_before(Some(begin + down)) {
                return (LinkState::in_condition(LinkCondition::Cut), begin);
            }
            next.is_before(Some(begin + down + up));
            return (LinkState::HEALTHY, begin + down);
        }
        "link.cut" => LinkState::in_condition(LinkCondition::Cut),
        "link.blackhole" | "region.isolate" | "region.loss" => {
            LinkState::in_condition(LinkCondition::Blackhole)
        }
        "link.hold" => LinkState::in_condition(LinkCondition::Held),
        "link.idle_drop" => {
            LinkState { idle_limit: fault.duration_param("idle").map(scaled), ..LinkState::HEALTHY }
        }
        _ => LinkState { impairments: impairments(fault), ..LinkState::HEALTHY },
    };
    (state, active.set_at_ns)
}

pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn fault(text: &str, set_at: u64, end: Option<u64>) -> ActiveFault {
        let topology = Topology::shipped("ha-dr").unwrap();
        let fault: Fault = text.parse().unwrap();
        let strikes = fault.strikes(&topology, |_| 0).unwrap();
        let second = |at: u64| at * SECOND;
        ActiveFault { id: 1, fault, strikes, set_at_ns: second(set_at), end_ns: end.map(second) }
    }

    fn at(now: u64, faults: &[ActiveFault]) -> Effects {
        let topology = Topology::shipped("ha-dr").unwrap();
        let history = History {
            topology: &topology,
            faults,
            activation_held: None,
            scaled: &|duration| duration,
        };
        effects(&history, now * SECOND)
    }

    /// Conditions of all four devices in one word: `-` on, `o` off, `h` hung, `r` refusing.
    fn conditions(effects: &Effects) -> String {
        effects
            .devices
            .iter()
            .map(|state| match state.condition {
                DeviceCondition::On => '-',
                DeviceCondition::Off => 'o',
                DeviceCondition::Hung => 'h',
                DeviceCondition::Refusing => 'r',
            })
            .collect()
    }

    #[test]
    fn power_is_lost_then_the_device_boots_then_it_serves_in_a_new_epoch() {
        let faults = [fault("device.power_loss hsm-eus-1 boot_time=30s", 100, Some(200))];
        for (now, expected, next) in [
            (99, "----", None),
            (100, "o---", Some(200)),
            (199, "o---", Some(200)),
            (200, "r---", Some(230)),
            (230, "----", None),
        ] {
            let effects = at(now, &faults);
            assert_eq!(conditions(&effects), expected, "at {now}");
            assert_eq!(effects.next_change_ns, next.map(|at: u64| at * SECOND), "at {now}");
            assert_eq!(effects.devices[0].epoch, u64::from(now >= 100), "at {now}");
        }
    }

    #[test]
    fn a_fault_without_end_lasts() {
        let faults = [fault("device.hang hsm-eus-2", 0, None)];
        assert_eq!(conditions(&at(1_000_000, &faults)), "-h--");
        assert_eq!(at(5, &faults).next_change_ns, None);
    }

    #[test]
    fn a_region_loses_all_its_devices_and_no_other() {
        assert_eq!(conditions(&at(1, &[fault("region.loss eastus", 0, None)])), "oo--");
    }

    #[test]
    fn the_worse_of_two_faults_counts() {
        let faults =
            [fault("device.hang hsm-eus-1", 0, None), fault("device.restart hsm-eus-1", 0, None)];
        assert_eq!(conditions(&at(1, &faults)), "r---");
    }

    #[test]
    fn a_link_fault_leaves_the_device_alone() {
        let effects = at(1, &[fault("link.cut client:hsm-eus-1", 0, None)]);
        assert_eq!(conditions(&effects), "----");
        assert_eq!(effects.links[0].there.condition, LinkCondition::Cut);
        assert_eq!(effects.links[0].back.condition, LinkCondition::Cut);
        assert_eq!(effects.links[1], healthy_since(0));
    }

    #[test]
    fn activation_outlives_a_short_loss_of_power_and_after_a_long_one_somebody_renews_it() {
        let deactivated = |now: u64, faults: &[ActiveFault]| {
            let effects = at(now, faults);
            (!effects.troubles[0].deactivated.is_empty(), effects.next_change_ns)
        };
        let short = fault("device.power_loss hsm-eus-1 activation_held=100s", 0, Some(99));
        assert!(!deactivated(500, &[short]).0);
        let long = fault("device.power_loss hsm-eus-1 activation_held=100s", 0, Some(200));
        assert_eq!(deactivated(99, std::slice::from_ref(&long)), (false, Some(100 * SECOND)));
        assert!(deactivated(500, std::slice::from_ref(&long)).0, "long after power is back");
        let renewed = fault("partition.deactivate hsm-eus-1", 300, Some(300));
        assert!(!deactivated(500, &[long, renewed]).0);
    }

    #[test]
    fn what_ends_sessions_of_some_leaves_the_power_epoch_alone() {
        let drop = fault("session.drop_all hsm-eus-1 pid=7 partition=2", 1, None);
        let effects = at(2, &[drop]);
        assert_eq!(effects.devices[0].epoch, 0);
        let scope = Scope { process: Some(7), partition: Some(2) };
        assert_eq!(effects.endings[0], [Ended::Sessions(scope)]);
        assert!(effects.endings[1].is_empty());
    }

    #[test]
    fn a_healed_link_is_healthy() {
        let effects = at(9, &[fault("link.blackhole client:hsm-eus-1", 0, Some(9))]);
        assert_eq!(effects.links[0], healthy_since(9));
    }

    fn healthy_since(seconds: u64) -> LinkEffect {
        let since_ns = seconds * SECOND;
        LinkEffect { there: LinkState::HEALTHY, back: LinkState::HEALTHY, since_ns }
    }

    #[test]
    fn a_staggered_loss_takes_one_device_after_the_other() {
        let faults = [fault("region.loss eastus stagger=20s boot_time=30s", 100, Some(200))];
        for (now, expected, next) in
            [(100, "o---", 120), (119, "o---", 120), (120, "oo--", 200), (200, "rr--", 230)]
        {
            let effects = at(now, &faults);
            assert_eq!(conditions(&effects), expected, "at {now}");
            assert_eq!(effects.next_change_ns, Some(next * SECOND), "at {now}");
        }
    }

    #[test]
    fn a_region_lost_with_its_links_is_out_of_reach_for_clients_inside() {
        // The client stands in eastus.
        let effects = at(1, &[fault("region.loss eastus links=lost", 0, None)]);
        assert_eq!(conditions(&effects), "oo--");
        let conditions: Vec<_> = effects.links.iter().map(|link| link.there.condition).collect();
        let (open, lost) = (LinkCondition::Open, LinkCondition::Blackhole);
        assert_eq!(conditions, [open, open, lost, lost]);
    }

    #[test]
    fn a_mismatch_ends_connections_only_if_the_service_was_restarted() {
        let epoch = |text| at(1, &[fault(text, 0, None)]).devices[0].epoch;
        assert_eq!(epoch("trust.cert_mismatch hsm-eus-1"), 0);
        assert_eq!(epoch("trust.cert_mismatch hsm-eus-1 connections=ended"), 1);
    }

    #[test]
    fn of_two_reasons_why_nobody_can_connect_the_first_met_counts() {
        let faults =
            [fault("trust.cert_expired hsm-eus-1", 0, None), fault("dns.fail hsm-eus-1", 0, None)];
        let met = |faults: &[ActiveFault]| at(1, faults).troubles[0].connecting;
        assert_eq!(met(&faults[..1]), Some(ConnectFault::DeviceCertificate));
        assert_eq!(met(&faults), Some(ConnectFault::NameUnknown));
    }
}
