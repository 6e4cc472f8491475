//! What a run reads beside the records: inventories and the fault table.

use hsmsim_cluster::{Cluster, ClusterError};
use hsmsim_sim_config::Condition;

use crate::{
    history::{Check, FaultSpan, MemberInventory},
    tally::Tally,
};

/// What every member of every group holds now. Groups of which no member holds anything are left out.
///
/// # Errors
/// A store that cannot be read.
pub(crate) fn inventory(cluster: &Cluster) -> Result<Vec<MemberInventory>, ClusterError> {
    let mut all = Vec::new();
    for group in &cluster.topology().groups {
        let mut members = Vec::with_capacity(group.members.len());
        for member in &group.members {
            // Sorted, as the map is.
            let (keys, versions) =
                cluster.inventory(member)?.into_iter().map(|(id, it)| (id.to_string(), it)).unzip();
            let (group, device) = (group.label.clone(), member.device.to_string());
            members.push(MemberInventory { group, device, keys, versions });
        }
        if cluster.topology().is_provisioned(group) || members.iter().any(|m| !m.keys.is_empty()) {
            all.append(&mut members);
        }
    }
    Ok(all)
}

/// The faults that a run has set, from the fault table. `set`: name of the step, number of the row.
pub(crate) fn fault_spans(cluster: &Cluster, set: &[(String, u64)]) -> Vec<FaultSpan> {
    cluster.refresh();
    let topology = cluster.topology();
    let mut spans = Vec::new();
    for row in cluster.fault_history().iter() {
        for (step, _) in set.iter().filter(|(_, id)| *id == row.id) {
            spans.push(FaultSpan::new(
                step,
                &row.fault,
                &row.strikes,
                topology,
                row.set_at_ns,
                row.end_ns,
                topology.time_scale,
            ));
        }
    }
    for row in cluster.call_fault_history().iter() {
        let steps = set.iter().filter(|(_, id)| *id == row.id);
        spans.extend(steps.map(|(step, _)| FaultSpan::of_calls(step, row)));
    }
    spans.sort_by_key(|span| span.from_ns);
    spans
}

/// What an `assert` step comes to.
///
/// # Errors
/// A store that cannot be read.
pub(crate) fn assert(
    step: &str,
    condition: &Condition,
    tally: &Tally,
    cluster: &Cluster,
) -> Result<Check, ClusterError> {
    let (met, measured) = tally.look(condition, cluster)?;
    let (step, wanted) = (step.to_owned(), condition.text.clone());
    Ok(Check { kind: "assert".to_owned(), step, wanted, measured, met })
}

/// An inventory in words: how many objects each member holds.
pub(crate) fn held(members: &[MemberInventory]) -> String {
    let of_one = |member: &MemberInventory| format!("{} {}", member.device, member.keys.len());
    members.iter().map(of_one).collect::<Vec<_>>().join(", ")
}
