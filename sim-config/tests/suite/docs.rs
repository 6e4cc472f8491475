//! The documentation's own examples.

use hsmsim_sim_config::{Topology, check};

#[test]
fn the_example_of_the_topology_page_is_a_topology() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/topology.md");
    let page = std::fs::read_to_string(path).unwrap();
    let example = page.split("```toml").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let topology = Topology::parse(example, "docs/topology.md").unwrap();
    assert_eq!((topology.devices.len(), topology.groups.len()), (3, 2));
    assert!(!check(&topology).is_empty());
}
