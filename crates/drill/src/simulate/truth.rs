//! What must hold at the end of every run, whatever faults there were.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

use hsmsim_cluster::Cluster;
use hsmsim_sim_config::{Action, DeletePolicy, Replication, Step};
use hsmsim_types::ObjectId;

use super::{Plan, app::Stage, keys::Pool, trace::Trace};
use crate::{metrics::acknowledged, run::DrillError};

/// A rule that every run must keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// A key that was acknowledged is held by a member as long as one that held it survives.
    NoKeyLost,
    /// A key that was destroyed never comes back.
    NoKeyReturns,
    /// A key that was acknowledged and not destroyed is found as long as a member that serves holds it.
    KeyFound,
    /// A signature verifies outside the library.
    SignatureValid,
    /// Every call ends.
    CallEnds,
    /// When everything is healed, every member gets every acknowledged key, as it was changed last.
    MembersEqual,
}

impl Rule {
    /// The rule in a sentence.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoKeyLost => "an acknowledged key is held by no member",
            Self::NoKeyReturns => "a destroyed key is held by a member",
            Self::KeyFound => "an acknowledged key was not found",
            Self::SignatureValid => "a signature does not verify",
            Self::CallEnds => "a call did not end",
            Self::MembersEqual => {
                "a member lacks an acknowledged key or change after everything was healed"
            }
        }
    }
}

/// A rule that was broken, and by what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The rule.
    pub rule: Rule,
    /// Key, member, code.
    pub what: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule.as_str(), self.what)
    }
}

/// What was found.
#[derive(Default)]
pub(crate) struct Found {
    pub(crate) lost: Vec<String>,
    pub(crate) resurrected: Vec<String>,
    pub(crate) missing: u64,
    pub(crate) broken: Vec<Broken>,
}

/// Compares what applications were told with what members hold.
pub(crate) fn look(
    plan: &Plan,
    cluster: &Arc<Cluster>,
    stage: &Stage,
    trace: &Trace,
) -> Result<Found, DrillError> {
    let mut found = Found::default();
    let mut broken: Vec<(Rule, String)> = stage.take_broken();
    for app in stage.apps().iter().filter(|app| app.hanging_calls() > 0) {
        broken.push((Rule::CallEnds, format!("{} calls hang", app.hanging_calls())));
    }
    let of_all = |ids: fn(&Pool) -> Vec<ObjectId>| -> BTreeSet<ObjectId> {
        stage.apps().iter().flat_map(|app| ids(&app.pool)).collect()
    };
    let (destroyed, doubtful) = (of_all(Pool::destroyed), of_all(Pool::doubtful));
    // A change that failed may have been made on one member, and nobody owes it to the others.
    let changing = of_all(Pool::changing);
    let acknowledged: Vec<(String, ObjectId)> = trace.events(|events| {
        let alive = acknowledged(events).into_iter();
        alive.filter_map(|(group, id)| Some((group.to_owned(), ObjectId::from_hex(id)?))).collect()
    });
    for group in &cluster.topology().groups {
        let mut holders = Vec::with_capacity(group.members.len());
        for member in &group.members {
            let held: BTreeMap<ObjectId, u64> = cluster.inventory(member)?.into_iter().collect();
            for id in destroyed.iter().filter(|id| held.contains_key(*id)) {
                let name = id.to_string();
                broken.push((Rule::NoKeyReturns, format!("{name} on {}", member.device)));
                if !found.resurrected.contains(&name) {
                    found.resurrected.push(name);
                }
            }
            holders.push((member.device.as_str(), held));
        }
        let own = acknowledged.iter().filter(|(label, _)| *label == group.label);
        for (_, id) in own.filter(|(_, id)| !destroyed.contains(id) && !doubtful.contains(id)) {
            let mut lacking: Vec<&str> = Vec::new();
            let (mut oldest, mut newest) = (u64::MAX, 0);
            for (device, held) in &holders {
                match held.get(id) {
                    Some(&version) => {
                        (oldest, newest) = (oldest.min(version), newest.max(version));
                    }
                    None => lacking.push(device),
                }
            }
            if lacking.len() == holders.len() {
                broken.push((Rule::NoKeyLost, id.to_string()));
                found.lost.push(id.to_string());
            } else if !lacking.is_empty() {
                found.missing += lacking.len() as u64;
                broken.push((Rule::MembersEqual, format!("{id} on {}", lacking.join(", "))));
            }
            if oldest < newest && !changing.contains(id) {
                let is_behind = |held: &BTreeMap<ObjectId, u64>| {
                    held.get(id).is_some_and(|&version| version < newest)
                };
                let behind: Vec<&str> = holders
                    .iter()
                    .filter(|(_, held)| is_behind(held))
                    .map(|(device, _)| *device)
                    .collect();
                let what = format!("{id}, in an older version on {}", behind.join(", "));
                broken.push((Rule::MembersEqual, what));
            }
        }
    }
    broken.retain(|(rule, _)| !permitted(plan, *rule));
    found.broken = broken.into_iter().map(|(rule, what)| Broken { rule, what }).collect();
    Ok(found)
}

/// What the settings allow by design: `deletes = ignore` lets what was destroyed while a member was
/// away come back with it, as a Luna client does; a peer that is fed asynchronously and has to serve
/// lacks the newest keys; and so does a member that a fault makes refuse or lose them.
pub(super) fn permitted(plan: &Plan, rule: Rule) -> bool {
    let topology = &plan.topology;
    match rule {
        Rule::NoKeyReturns => topology.ha.deletes == DeletePolicy::Ignore,
        Rule::KeyFound => {
            let parts = |step: &Step| match &step.action {
                Action::Fault(fault) => fault.spec.parts_members(),
                _ => false,
            };
            plan.steps.iter().any(parts)
                || topology.groups.iter().any(|group| {
                    group.members.iter().any(|member| member.replication == Replication::Async)
                })
        }
        _ => false,
    }
}
