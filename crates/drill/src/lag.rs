//! Replication lag: for each member, at each moment, how many keys its group has acknowledged and it
//! does not hold, and since when the oldest of them has been missing. The recovery point, and whether an
//! asynchronous member fell behind (`keys`), come from the same ledger.
//!
//! A [`Ledger`] is told of single facts (acknowledged, destroyed, lacking, held), so it does not
//! matter who replicates: a client that owes copies, or devices among themselves. [`Ledger::event`]
//! is the one place that knows the events' names.

use std::collections::{BTreeMap, BTreeSet};

use hsmsim_client::record::EventRecord;
use hsmsim_sim_config::{Group, Replication, fault_spec};

use crate::{history::History, keys::ids};

/// What a member lacked from one moment on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lag {
    /// From when on.
    pub at_ns: u64,
    /// Keys that the group has acknowledged and the member does not hold.
    pub keys: u64,
    /// When the oldest of them was acknowledged; `None` if there are none.
    pub oldest_ns: Option<u64>,
}

impl Lag {
    /// The age of the oldest missing key at a moment; 0 if none is missing.
    pub fn age_ns(&self, at_ns: u64) -> u64 {
        self.oldest_ns.map_or(0, |oldest| at_ns.saturating_sub(oldest))
    }
}

/// One member's lag over a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberLag {
    /// The group's label.
    pub group: String,
    /// The member's device.
    pub device: String,
    /// Each change, in the order of time; before the first nothing is missing.
    pub changes: Vec<Lag>,
    /// When the run ended.
    pub end_ns: u64,
}

impl MemberLag {
    /// What held at a moment.
    pub fn at(&self, at_ns: u64) -> Lag {
        let index = self.changes.partition_point(|lag| lag.at_ns <= at_ns);
        let before = index.checked_sub(1).and_then(|index| self.changes.get(index)).copied();
        before.unwrap_or(Lag { at_ns: 0, keys: 0, oldest_ns: None })
    }

    /// The most keys that were missing at one moment.
    pub fn most_keys(&self) -> u64 {
        self.changes.iter().map(|lag| lag.keys).max().unwrap_or(0)
    }

    /// The greatest age that a missing key reached.
    pub fn greatest_age_ns(&self) -> u64 {
        // An age grows until the next change.
        let until = self.changes.iter().skip(1).map(|lag| lag.at_ns).chain([self.end_ns]);
        self.changes.iter().zip(until).map(|(lag, until)| lag.age_ns(until)).max().unwrap_or(0)
    }
}

/// What is known of one member.
#[derive(Clone, Debug, Default)]
struct Member {
    /// Whether devices bring it what is new, later: then it lacks every key that it was not told of.
    asynchronous: bool,
    /// What it was told of before the group had acknowledged it.
    told: BTreeSet<String>,
    /// Missing, but not acknowledged yet: nobody relies on it so far.
    unacknowledged: BTreeSet<String>,
    /// Missing and acknowledged, the oldest first.
    missing: BTreeSet<(u64, String)>,
    changes: Vec<Lag>,
}

/// Keeps book on who lacks what.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    /// When each key was acknowledged, by group and identity.
    acknowledged: BTreeMap<(String, String), u64>,
    /// By group and device.
    members: BTreeMap<(String, String), Member>,
    /// The greatest age at which a device told an asynchronous member of a key that it lacked.
    latest_told_ns: u64,
}

impl Ledger {
    /// A ledger of the members of these groups; none lacks anything.
    pub fn of(groups: &[Group]) -> Self {
        let mut members = BTreeMap::new();
        for group in groups {
            for member in &group.members {
                let asynchronous = member.replication == Replication::Async;
                let place = (group.label.clone(), member.device.to_string());
                members.insert(place, Member { asynchronous, ..Member::default() });
            }
        }
        Self { acknowledged: BTreeMap::new(), members, latest_told_ns: 0 }
    }

    /// The group has told an application that it has the key.
    pub fn acknowledged(&mut self, at_ns: u64, group: &str, id: &str) {
        self.acknowledged.insert((group.to_owned(), id.to_owned()), at_ns);
        for member in self.members_of(group) {
            let untold = !member.told.remove(id) && member.asynchronous;
            if member.unacknowledged.remove(id) || untold {
                member.missing.insert((at_ns, id.to_owned()));
                member.changed(at_ns);
            }
        }
    }

    /// The key is no more: nobody lacks it.
    pub fn destroyed(&mut self, at_ns: u64, group: &str, id: &str) {
        let made = self.acknowledged.remove(&(group.to_owned(), id.to_owned()));
        for member in self.members_of(group) {
            member.forget(at_ns, id, made);
        }
    }

    /// The member does not hold the key.
    pub fn lacks(&mut self, at_ns: u64, group: &str, device: &str, id: &str) {
        let made = self.acknowledged.get(&(group.to_owned(), id.to_owned())).copied();
        let Some(member) = self.member(group, device) else { return };
        match made {
            Some(made) => {
                member.missing.insert((made, id.to_owned()));
                member.changed(at_ns);
            }
            None => {
                member.unacknowledged.insert(id.to_owned());
            }
        }
    }

    /// The member has lost all it held.
    pub fn lacks_all(&mut self, at_ns: u64, group: &str, device: &str) {
        let ids = self.acknowledged.keys().filter(|(label, _)| label == group);
        for id in ids.map(|(_, id)| id.clone()).collect::<Vec<_>>() {
            self.lacks(at_ns, group, device, &id);
        }
    }

    /// The member holds the key.
    pub fn holds(&mut self, at_ns: u64, group: &str, device: &str, id: &str) {
        let made = self.acknowledged.get(&(group.to_owned(), id.to_owned())).copied();
        if let Some(member) = self.member(group, device) {
            member.forget(at_ns, id, made);
            if made.is_none() && member.asynchronous {
                member.told.insert(id.to_owned());
            }
        }
    }

    /// The member holds all that its group has.
    pub fn holds_all(&mut self, at_ns: u64, group: &str, device: &str) {
        if let Some(member) = self.member(group, device) {
            member.unacknowledged.clear();
            member.missing.clear();
            member.changed(at_ns);
        }
    }

    /// What an event of the record says about copies; events of other things say nothing.
    pub fn event(&mut self, event: &EventRecord) {
        let EventRecord { at_ns, group, member, detail, .. } = event;
        let named: Vec<&str> = ids(detail).collect();
        match event.event.as_str() {
            // The member that made it has it, also one that is fed later.
            "object_created" => {
                self.holds(*at_ns, group, member, detail);
                self.acknowledged(*at_ns, group, detail);
            }
            "object_destroyed" => self.destroyed(*at_ns, group, detail),
            "copy_owed" => {
                named.into_iter().for_each(|id| self.lacks(*at_ns, group, member, id));
            }
            // Without names it was all that was owed.
            "copy_delivered" if named.is_empty() => self.holds_all(*at_ns, group, member),
            "copy_delivered" => {
                named.into_iter().for_each(|id| self.holds(*at_ns, group, member, id));
            }
            // `ID from DEVICE`. What was dropped is lacking already, or is no more.
            "replication_applied" => {
                let id = detail.split_whitespace().next().unwrap_or_default();
                if let Some(made) = self.missing_since(group, member, id) {
                    self.latest_told_ns = self.latest_told_ns.max(at_ns.saturating_sub(made));
                }
                self.holds(*at_ns, group, member, id);
            }
            _ => {}
        }
    }

    /// The series, by group and device.
    pub fn finish(self, end_ns: u64) -> Vec<MemberLag> {
        let series = |((group, device), member): ((String, String), Member)| MemberLag {
            group,
            device,
            changes: member.changes,
            end_ns,
        };
        self.members.into_iter().map(series).collect()
    }

    /// The keys that each of these members of a group lacks, with the times at which they were
    /// acknowledged, the oldest first.
    pub fn missing_on_all(&self, group: &str, devices: &[&str]) -> Vec<(u64, &str)> {
        let missing = |device: &str| {
            let member = self.members.get(&(group.to_owned(), device.to_owned()));
            member.map(|member| &member.missing)
        };
        let Some((first, others)) = devices.split_first() else { return Vec::new() };
        let others: Vec<_> = others.iter().map(|device| missing(device)).collect();
        let on_all =
            |key: &&(u64, String)| others.iter().all(|it| it.is_some_and(|it| it.contains(key)));
        let keys = missing(first).into_iter().flatten().filter(on_all);
        keys.map(|(made, id)| (*made, id.as_str())).collect()
    }

    /// The greatest age at which a device told an asynchronous member of a key that it lacked.
    pub fn latest_told_ns(&self) -> u64 {
        self.latest_told_ns
    }

    /// When a key was acknowledged that a member lacks.
    fn missing_since(&self, group: &str, device: &str, id: &str) -> Option<u64> {
        let made = *self.acknowledged.get(&(group.to_owned(), id.to_owned()))?;
        let member = self.members.get(&(group.to_owned(), device.to_owned()))?;
        member.missing.contains(&(made, id.to_owned())).then_some(made)
    }

    fn member(&mut self, group: &str, device: &str) -> Option<&mut Member> {
        self.members.get_mut(&(group.to_owned(), device.to_owned()))
    }

    fn members_of<'a>(&'a mut self, group: &'a str) -> impl Iterator<Item = &'a mut Member> {
        self.members.iter_mut().filter(move |((label, _), _)| label == group).map(|(_, it)| it)
    }
}

impl Member {
    fn forget(&mut self, at_ns: u64, id: &str, made: Option<u64>) {
        self.unacknowledged.remove(id);
        if made.is_some_and(|made| self.missing.remove(&(made, id.to_owned()))) {
            self.changed(at_ns);
        }
    }

    /// Writes down what is missing now.
    fn changed(&mut self, at_ns: u64) {
        let oldest_ns = self.missing.first().map(|(made, _)| *made);
        let lag = Lag { at_ns, keys: self.missing.len() as u64, oldest_ns };
        match self.changes.last_mut() {
            Some(last) if last.at_ns == at_ns => *last = lag,
            Some(last) if (last.keys, last.oldest_ns) == (lag.keys, oldest_ns) => {}
            None if lag.keys == 0 => {}
            _ => self.changes.push(lag),
        }
    }
}

/// The lag of every member of a run, in the topology's order.
pub fn lags(history: &History) -> Vec<MemberLag> {
    let topology = &history.topology;
    let members: Vec<(String, String)> = topology
        .groups
        .iter()
        .flat_map(|group| {
            group.members.iter().map(|it| (group.label.clone(), it.device.to_string()))
        })
        .collect();
    let mut ledger = Ledger::of(&topology.groups);
    for member in &history.inventory_before {
        for id in &member.keys {
            ledger.acknowledged(history.begin_ns, &member.group, id);
        }
    }
    for member in &history.inventory_before {
        for id in &member.keys {
            ledger.holds(history.begin_ns, &member.group, &member.device, id);
        }
    }
    // A device that is wiped has lost all it held, between two events.
    let destroys = |fault: &str| {
        let id = fault.split_whitespace().next().unwrap_or_default();
        id.starts_with("device.") && fault_spec(id).is_some_and(|spec| spec.destroys_keys)
    };
    let mut losses = history.faults.iter().filter(|span| destroys(&span.fault)).peekable();
    let mut lose = |ledger: &mut Ledger, until_ns: u64| {
        while let Some(span) = losses.next_if(|span| span.from_ns <= until_ns) {
            for (group, device) in members.iter().filter(|(_, it)| span.devices.contains(it)) {
                ledger.lacks_all(span.from_ns, group, device);
            }
        }
    };
    for event in &history.events {
        lose(&mut ledger, event.at_ns);
        ledger.event(event);
    }
    lose(&mut ledger, u64::MAX);
    let mut series = ledger.finish(history.end_ns);
    let place = |it: &MemberLag| {
        members.iter().position(|(group, device)| (group, device) == (&it.group, &it.device))
    };
    series.sort_by_key(place);
    series
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::testing::{history, inventory};

    const MS: u64 = 1_000_000;

    fn of(device: &str, history: &History) -> MemberLag {
        lags(history).into_iter().find(|it| it.device == device).unwrap()
    }

    #[test]
    fn a_key_is_missing_from_the_moment_somebody_relies_on_it() {
        let history = history(
            "ha-pair",
            "",
            "10 copy_owed hsm-eus-2 1_objects:_a
             12 object_created - a
             20 copy_owed hsm-eus-2 1_objects:_b
             21 object_created - b
             50 copy_delivered hsm-eus-2 2_objects",
        );
        let lag = of("hsm-eus-2", &history);
        let told: Vec<_> = lag.changes.iter().map(|it| (it.at_ns / MS, it.keys)).collect();
        assert_eq!(told, [(12, 1), (21, 2), (50, 0)]);
        assert_eq!(lag.at(11 * MS).keys, 0);
        assert_eq!(lag.at(30 * MS).age_ns(30 * MS), 18 * MS);
        assert_eq!((lag.most_keys(), lag.greatest_age_ns()), (2, 38 * MS));
        assert!(of("hsm-eus-1", &history).changes.is_empty());
    }

    #[test]
    fn an_asynchronous_member_lacks_a_key_until_a_device_has_told_it() {
        let mut history = history(
            "ha-dr-async",
            "",
            "10 object_created - a
             20 replication_applied hsm-eus2-1 a_from_hsm-eus-1
             29 replication_applied hsm-eus2-1 b_from_hsm-eus-1
             30 object_created - b
             40 object_created - c
             45 replication_dropped hsm-eus2-1 c_from_hsm-eus-1:_stale
             50 object_destroyed - c",
        );
        history.inventory_before =
            inventory(&[("hsm-eus-1", "old"), ("hsm-eus-2", "old"), ("hsm-eus2-1", "old")]);
        let lag = of("hsm-eus2-1", &history);
        let told: Vec<_> = lag.changes.iter().map(|it| (it.at_ns / MS, it.keys)).collect();
        assert_eq!(told, [(0, 0), (10, 1), (20, 0), (40, 1), (50, 0)]);
        assert!(of("hsm-eus-1", &history).changes.is_empty());
        // It holds nothing of what was there before, and is told of nothing.
        assert_eq!(of("hsm-eus2-2", &history).at(35 * MS).keys, 3);
    }

    #[test]
    fn an_asynchronous_member_does_not_lack_what_it_has_made() {
        let events =
            "10 object_created hsm-eus2-1 a\n30 replication_applied hsm-eus2-2 a_from_hsm-eus2-1";
        let history = history("ha-dr-async", "", events);
        assert!(of("hsm-eus2-1", &history).changes.is_empty());
        assert_eq!(of("hsm-eus2-2", &history).greatest_age_ns(), 20 * MS);
    }

    #[test]
    fn a_zeroized_member_lacks_what_it_held_until_it_is_given_back() {
        let mut history = history(
            "ha-pair",
            "",
            "10 object_created - made\n70 copy_delivered hsm-eus-1 2_objects",
        );
        history.inventory_before = inventory(&[("hsm-eus-1", "old"), ("hsm-eus-2", "old")]);
        history.strike("device.zeroize hsm-eus-1", 40, 40);
        let lag = of("hsm-eus-1", &history);
        let told: Vec<_> = lag.changes.iter().map(|it| (it.at_ns / MS, it.keys)).collect();
        assert_eq!(told, [(40, 2), (70, 0)]);
        // What was there at the begin counts from the begin.
        assert_eq!(lag.greatest_age_ns(), 70 * MS);
    }
}
