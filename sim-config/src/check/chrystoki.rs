//! Rules about a Luna client's configuration that a topology takes its groups from.

use super::Findings;
use crate::topology::Topology;

pub(super) fn review(topology: &Topology, findings: &mut Findings) {
    let Some(source) = &topology.chrystoki else { return };
    let file = source.path.display();
    findings.info(
        "chrystoki",
        format!("groups and HA settings come from {file}; devices and links are the topology's"),
    );
    if !source.unused.is_empty() {
        let keys = source.unused.join(", ");
        findings.info("chrystoki-unused", format!("keys of {file} that mean nothing here: {keys}"));
    }
    for label in &source.unsynchronized {
        findings.warning(
            "chrystoki-sync",
            format!(
                "{file} turns synchronisation of {label} off; here new keys are cloned all the same"
            ),
        );
    }
    for group in topology.groups.iter().filter(|group| !group.has_ha()) {
        findings.info(
            "chrystoki-one-member",
            format!("group {} of {file} has one member: here it is a slot without HA", group.label),
        );
    }
}
