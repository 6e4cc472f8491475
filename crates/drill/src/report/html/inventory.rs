//! Which member held which keys, before and after. Identities only.

use std::collections::BTreeSet;

use maud::{Markup, html};

use super::{
    axis::{duration, moment},
    tables::{cell, table},
};
use crate::{history::History, report::Report};

/// Keys that a table names.
const KEYS: usize = 50;

/// Counts for each member, then every key that something is wrong with.
pub(super) fn draw(report: &Report, history: &History) -> Markup {
    let mut groups: Vec<&str> = Vec::new();
    for member in history.inventory_before.iter().chain(&history.inventory_after) {
        if !groups.contains(&member.group.as_str()) {
            groups.push(&member.group);
        }
    }
    let equal = match report.inventory_equal_ms {
        Some(0.0) => "All members held the same keys at once after the last call.".to_owned(),
        Some(ms) => format!("All members held the same keys {} after the last call.", duration(ms)),
        None => "The members never came to hold the same keys.".to_owned(),
    };
    let point = match (report.rpo_keys, report.rpo_age_ms) {
        (Some(0), _) => "At each fault every key was on a member that was left.".to_owned(),
        (Some(keys), Some(age)) => format!(
            "When members were lost, {keys} acknowledged keys were on none that was left, the oldest \
             of them for {}.",
            duration(age)
        ),
        _ => "No fault left a group some of its members, so no recovery point was measured."
            .to_owned(),
    };
    html! {
        p { (equal) " " (point) }
        @if groups.is_empty() { p.none { "No group had keys." } }
        @for group in groups { (members(group, report, history)) }
        (problems(report, history))
        (conflicts(history))
    }
}

fn members(group: &str, report: &Report, history: &History) -> Markup {
    let after = || history.inventory_after.iter().filter(|member| member.group == group);
    let all: BTreeSet<&String> = after().flat_map(|member| &member.keys).collect();
    let before = |device: &str| {
        let same = |it: &&crate::MemberInventory| it.group == group && it.device == device;
        history.inventory_before.iter().find(same).map_or(0, |member| member.keys.len())
    };
    let part = |device: &str| {
        let members = history.topology.group(group).map(|group| group.members.as_slice());
        let member = members.unwrap_or_default().iter().find(|it| it.device.as_str() == device);
        member.map_or_else(String::new, |member| format!("{}, {}", member.role, member.replication))
    };
    let rows: Vec<_> = after()
        .map(|member| {
            let own: BTreeSet<&String> = member.keys.iter().collect();
            let lacks: Vec<&str> = all.difference(&own).map(|id| id.as_str()).collect();
            let elsewhere: BTreeSet<&String> = after()
                .filter(|other| other.device != member.device)
                .flat_map(|it| &it.keys)
                .collect();
            let alone = own.difference(&elsewhere).count();
            let differs = report.differing_key_ids.iter().filter(|id| own.contains(id)).count();
            vec![
                cell(&member.device),
                cell(part(&member.device)),
                cell(before(&member.device).to_string()),
                cell(member.keys.len().to_string()),
                html! {
                    @if lacks.is_empty() { "0" } @else {
                        details {
                            summary { (lacks.len()) }
                            @for id in lacks.iter().take(KEYS) { code.id { (id) } " " }
                            @if lacks.len() > KEYS { "and " (lacks.len() - KEYS) " more" }
                        }
                    }
                },
                cell(alone.to_string()),
                cell(differs.to_string()),
            ]
        })
        .collect();
    let caption = format!("Objects of group {group}: {} in all", all.len());
    let heads = ["Member", "Part", "Before", "After", "Lacks", "Only here", "Differs"];
    table(&caption, &heads, &rows)
}

/// Changes of one key on two sides, and which of them won.
fn conflicts(history: &History) -> Markup {
    let met: Vec<_> =
        history.events.iter().filter(|event| event.event == "replication_conflict").collect();
    if met.is_empty() {
        return html! {};
    }
    let row = |event: &&crate::EventRecord| {
        vec![
            cell(moment(history.drill_ms(event.at_ns))),
            cell(&event.group),
            cell(&event.member),
            cell(&event.detail),
        ]
    };
    let rows: Vec<_> = met.iter().take(KEYS).map(row).collect();
    html! {
        (table("Conflicting changes", &["When", "Group", "Member", "What"], &rows))
        @if met.len() > KEYS { p.none { "The first " (KEYS) " of " (met.len()) "." } }
    }
}

/// Keys that were lost, came back, are there twice, or differ.
fn problems(report: &Report, history: &History) -> Markup {
    let lists = [
        ("lost", "acknowledged, and held by nobody", &report.lost_key_ids),
        ("resurrected", "destroyed, and held again", &report.resurrected_key_ids),
        ("duplicate", "held, and told to nobody", &report.duplicate_key_ids),
        ("differing", "members hold different versions", &report.differing_key_ids),
    ];
    let total: usize = lists.iter().map(|(_, _, ids)| ids.len()).sum();
    if total == 0 {
        return html! { p { "No key was lost, came back after it was destroyed, is there twice, or differs between members." } };
    }
    let mut rows = Vec::new();
    for (what, meaning, ids) in lists {
        for id in ids {
            let events = || history.events.iter().filter(|event| event.detail == *id);
            let when = |name: &str| {
                let event = events().find(|event| event.event == name);
                event.map_or("–".to_owned(), |event| moment(history.drill_ms(event.at_ns)))
            };
            let holder = |member: &crate::MemberInventory| {
                let version = member.version(id)?;
                Some(match what {
                    "differing" => format!("{} (version {version})", member.device),
                    _ => member.device.clone(),
                })
            };
            let holders: Vec<String> = history.inventory_after.iter().filter_map(holder).collect();
            let holders = if holders.is_empty() { "nobody".to_owned() } else { holders.join(", ") };
            rows.push(vec![
                html! { code.id { (id) } },
                html! { span.missed { (what) } ": " (meaning) },
                cell(when("object_created")),
                cell(when("object_destroyed")),
                cell(holders),
            ]);
            if rows.len() == KEYS {
                break;
            }
        }
    }
    html! {
        (table("Keys that something is wrong with", &["Key", "What", "Made", "Destroyed", "Held by"], &rows))
        @if total > rows.len() { p.none { "The first " (rows.len()) " of " (total) "." } }
    }
}
