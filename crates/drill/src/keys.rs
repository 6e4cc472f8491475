//! What became of the keys: pure functions over a history.
//!
//! Identities only, never values. Known are the keys that the application was told about, those that
//! members were owed, and what members held before and after.

use std::collections::{BTreeMap, BTreeSet};

use hsmsim_client::record::EventRecord;
use hsmsim_sim_config::{Appearance, fault_spec};

use crate::{
    history::{FaultSpan, History},
    lag::Ledger,
    metrics::acknowledged,
};

/// What became of the keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyFindings {
    /// Acknowledged, not destroyed, and held by no member at the end.
    pub lost: Vec<String>,
    /// Copies that members lack of acknowledged keys that another member of their group holds.
    pub missing_copies: u64,
    /// Destroyed, and yet held by a member at the end.
    pub resurrected: Vec<String>,
    /// Held at the end, not held before the run, and told to nobody: what a call made that moved to
    /// another member and made its key there a second time, or that ended in an unknown state.
    pub duplicate: Vec<String>,
    /// What a failover would have cost; `None` if no fault left a group some members and not others.
    pub recovery_point: Option<RecoveryPoint>,
}

/// Acknowledged keys that every surviving member of their group was still owed when a fault struck, or
/// when one of several ended: then members survive that had not been there before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecoveryPoint {
    /// How many.
    pub keys: u64,
    /// The age of the oldest at that moment; 0 if there were none.
    pub age_ns: u64,
}

/// A group's label and a key's identity.
type Key = (String, String);

/// Computes what became of the keys.
pub fn findings(history: &History) -> KeyFindings {
    let mut findings =
        KeyFindings { recovery_point: recovery_point(history), ..KeyFindings::default() };
    let before: BTreeSet<&str> = history
        .inventory_before
        .iter()
        .flat_map(|member| &member.keys)
        .map(String::as_str)
        .collect();
    let mut holders: BTreeMap<&str, Vec<BTreeSet<&str>>> = BTreeMap::new();
    for member in &history.inventory_after {
        holders
            .entry(&member.group)
            .or_default()
            .push(member.keys.iter().map(String::as_str).collect());
    }
    let alive = acknowledged(&history.events);
    for (group, id) in &alive {
        let members = holders.get(group).map_or(&[][..], Vec::as_slice);
        let copies = members.iter().filter(|held| held.contains(id)).count();
        if copies == 0 {
            findings.lost.push((*id).to_owned());
        } else {
            findings.missing_copies += (members.len() - copies) as u64;
        }
    }
    let told = ids_of(&history.events, "object_created");
    let destroyed = ids_of(&history.events, "object_destroyed");
    let living: BTreeSet<&str> = alive.iter().map(|(_, id)| *id).collect();
    let held: BTreeSet<&str> = holders.into_values().flatten().flatten().collect();
    for id in held {
        if destroyed.contains(id) && !living.contains(id) {
            findings.resurrected.push(id.to_owned());
        } else if !told.contains(id) && !before.contains(id) {
            findings.duplicate.push(id.to_owned());
        }
    }
    findings
}

/// From this on, in drill time, an asynchronous member counts as behind.
const BEHIND_MS: f64 = 1_000.0;

/// Whether an acknowledged key reached an asynchronous member late.
pub fn fell_behind(history: &History) -> bool {
    let mut ledger = Ledger::of(&history.topology.groups);
    history.events.iter().for_each(|event| ledger.event(event));
    history.length_ms(ledger.latest_told_ns()) > BEHIND_MS
}

/// Keys whose versions differ between members of their group that hold them, at the end.
pub fn differing(history: &History) -> Vec<String> {
    let mut versions: BTreeMap<(&str, &str), BTreeSet<u64>> = BTreeMap::new();
    for member in &history.inventory_after {
        for (id, version) in member.keys.iter().zip(&member.versions) {
            versions.entry((&member.group, id)).or_default().insert(*version);
        }
    }
    let differ = versions.into_iter().filter(|(_, versions)| versions.len() > 1);
    differ.map(|((_, id), _)| id.to_owned()).collect()
}

fn ids_of<'a>(events: &'a [EventRecord], name: &str) -> BTreeSet<&'a str> {
    let named = events.iter().filter(|event| event.event == name);
    named.map(|event| event.detail.as_str()).collect()
}

/// The identities in the detail of `copy_owed`.
pub(crate) fn owed_ids(event: &EventRecord) -> impl Iterator<Item = &str> {
    ids(&event.detail)
}

/// The identities that an event's detail names: `2 objects: ID ID`, or a lone `ID`.
pub(crate) fn ids(detail: &str) -> impl Iterator<Item = &str> {
    let named = match detail.split_once(": ") {
        Some((_, ids)) => ids,
        None if detail.contains(' ') => "",
        None => detail,
    };
    named.split_whitespace()
}

/// Whether a fault takes something away, in contrast to one that only delays, or strikes no member.
fn takes_away(span: &FaultSpan) -> bool {
    let id = span.fault.split_whitespace().next().unwrap_or_default();
    !span.scripted && fault_spec(id).is_none_or(|spec| spec.appearance != Appearance::None)
}

fn recovery_point(history: &History) -> Option<RecoveryPoint> {
    let mut worst: Option<RecoveryPoint> = None;
    let mut exposed: BTreeSet<Key> = BTreeSet::new();
    let faults: Vec<&FaultSpan> = history.faults.iter().filter(|span| takes_away(span)).collect();
    // Who is left changes when a fault strikes, and when one of several ends.
    let strikes = faults.iter().map(|fault| (fault.from_ns, Some(&fault.step)));
    let ends = faults.iter().map(|fault| (fault.to_ns, None));
    let mut moments: Vec<(u64, Option<&String>)> = strikes.chain(ends).collect();
    moments.sort_by_key(|(at_ns, _)| *at_ns);
    // Told of events alone: it is about keys that were made in the run.
    let mut ledger = Ledger::of(&history.topology.groups);
    let mut events = history.events.iter().peekable();
    for (at_ns, step) in moments {
        while let Some(event) = events.next_if(|event| event.at_ns <= at_ns) {
            ledger.event(event);
        }
        let struck = |device: &str| {
            faults.iter().any(|other| {
                // The faults of one step count as struck at one moment, though they are set one by one.
                let now = other.from_ns <= at_ns && at_ns < other.to_ns;
                (now || Some(&other.step) == step) && other.concerns(device)
            })
        };
        for group in &history.topology.groups {
            let members = group.members.iter().map(|member| member.device.as_str());
            let (gone, left): (Vec<&str>, Vec<&str>) = members.partition(|&device| struck(device));
            if gone.is_empty() || left.is_empty() {
                continue;
            }
            let worst = worst.get_or_insert_default();
            for (made_at_ns, id) in ledger.missing_on_all(&group.label, &left) {
                worst.age_ns = worst.age_ns.max(at_ns.saturating_sub(made_at_ns));
                exposed.insert((group.label.clone(), id.to_owned()));
            }
        }
    }
    worst.map(|worst| RecoveryPoint { keys: exposed.len() as u64, ..worst })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::testing::{history, inventory};

    #[test]
    fn a_key_nobody_holds_is_lost_and_one_that_some_hold_lacks_copies() {
        let mut history = history("ha-pair", "", "1 object_created - a\n2 object_created - b");
        history.inventory_after = inventory(&[("hsm-eus-1", "b"), ("hsm-eus-2", "")]);
        let found = findings(&history);
        assert_eq!((found.lost, found.missing_copies), (vec!["a".to_owned()], 1));
    }

    #[test]
    fn a_destroyed_key_that_is_there_has_come_back() {
        let mut history = history("ha-pair", "", "1 object_created - a\n2 object_destroyed - a");
        history.inventory_after = inventory(&[("hsm-eus-1", ""), ("hsm-eus-2", "a")]);
        let found = findings(&history);
        assert_eq!(found.resurrected, ["a"]);
        assert!(found.lost.is_empty() && found.duplicate.is_empty());
    }

    #[test]
    fn a_new_key_that_nobody_was_told_about_is_a_duplicate() {
        let mut history = history("ha-pair", "", "1 object_created - told");
        history.inventory_before = inventory(&[("hsm-eus-1", "old"), ("hsm-eus-2", "old")]);
        history.inventory_after = inventory(&[("hsm-eus-1", "old told twice")]);
        assert_eq!(findings(&history).duplicate, ["twice"]);
    }

    #[test]
    fn the_recovery_point_counts_what_every_survivor_is_owed() {
        let events = "10 copy_owed hsm-eus-2 1_objects:_a
                      10 object_created - a
                      20 object_created - b
                      30 copy_owed hsm-eus-2 1_objects:_c
                      31 object_created - c";
        let mut history = history("ha-pair", "", events);
        assert_eq!(findings(&history).recovery_point, None);
        history.strike("device.hang hsm-eus-1", 40, 60);
        let expected = RecoveryPoint { keys: 2, age_ns: 30_000_000 };
        assert_eq!(findings(&history).recovery_point, Some(expected));
        // Nobody is left: nothing can be served, and what will be lost is not yet known.
        history.faults.clear();
        history.strike("region.loss eastus", 40, 60);
        assert_eq!(findings(&history).recovery_point, None);
        history.faults.clear();
        history.strike("device.hang hsm-eus-1", 40, 60);
        history.strike("device.hang hsm-eus-2", 41, 60);
        history.faults[1].step = history.faults[0].step.clone();
        assert_eq!(findings(&history).recovery_point, None);
    }

    #[test]
    fn an_asynchronous_member_lacks_what_no_device_has_told_it_yet() {
        let events = "10 replication_applied hsm-eus2-1 a_from_hsm-eus-1
                      11 object_created - a
                      20 object_created - b
                      45 replication_applied hsm-eus2-1 b_from_hsm-eus-1";
        let mut history = history("ha-dr-async", "", events);
        history.strike("region.loss eastus", 40, 60);
        let expected = RecoveryPoint { keys: 1, age_ns: 20_000_000 };
        assert_eq!(findings(&history).recovery_point, Some(expected));
    }

    #[test]
    fn a_key_that_arrives_after_more_than_a_second_shows_that_its_peer_was_behind() {
        let events = |late: u32| {
            format!(
                "1 object_created - a
                      {late} replication_applied hsm-eus2-1 a_from_hsm-eus-1"
            )
        };
        assert!(!fell_behind(&history("ha-dr-async", "", &events(900))));
        assert!(fell_behind(&history("ha-dr-async", "", &events(1_002))));
        // What is told again, or changed, is no key that arrives late.
        let again = "\n5000 replication_applied hsm-eus2-1 a_from_hsm-eus-1";
        assert!(!fell_behind(&history("ha-dr-async", "", &(events(900) + again))));
    }

    #[test]
    fn a_key_of_which_two_members_hold_two_versions_differs() {
        let mut history = history("ha-pair", "", "");
        history.inventory_after = inventory(&[("hsm-eus-1", "a b"), ("hsm-eus-2", "a b c")]);
        assert!(differing(&history).is_empty());
        history.inventory_after[1].versions[1] = 2;
        assert_eq!(differing(&history), ["b"]);
    }

    #[test]
    fn the_recovery_point_is_that_of_the_member_that_is_back_while_the_other_is_gone() {
        let events = "10 copy_owed hsm-eus-2 1_objects:_a\n10 object_created - a";
        let mut history = history("ha-pair", "", events);
        history.strike("link.cut client:hsm-eus-2", 5, 40);
        history.strike("device.hang hsm-eus-1", 20, 60);
        let expected = RecoveryPoint { keys: 1, age_ns: 30_000_000 };
        assert_eq!(findings(&history).recovery_point, Some(expected));
    }

    #[test]
    fn what_was_delivered_is_owed_no_more() {
        let events = "10 copy_owed hsm-eus-2 1_objects:_a
                      10 object_created - a
                      20 copy_delivered hsm-eus-2 1_objects";
        let mut history = history("ha-pair", "", events);
        history.strike("device.hang hsm-eus-1", 40, 60);
        assert_eq!(findings(&history).recovery_point, Some(RecoveryPoint::default()));
    }
}
