//! The documentation's own examples.

use hsmsim_sim_config::{Profile, Topology, check, profile_key_table};

#[test]
fn the_example_of_the_topology_page_is_a_topology() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/topology.md");
    let page = std::fs::read_to_string(path).unwrap();
    let example = page.split("```toml").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let topology = Topology::parse(example, "docs/topology.md").unwrap();
    assert_eq!((topology.devices.len(), topology.groups.len()), (3, 2));
    assert!(!check(&topology).is_empty());
}

#[test]
fn the_page_of_profiles_has_the_table_of_keys_and_examples_that_are_read() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/profiles.md");
    let page = std::fs::read_to_string(path).unwrap();
    assert!(page.contains(&profile_key_table()), "put in what `hsmsim profile keys` prints");
    for name in Profile::shipped_names() {
        assert!(page.contains(&format!("`{name}`")), "{name}");
    }
    let rates = page.split("```text").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let listed: Vec<&str> = rates.split_whitespace().collect();
    let known: Vec<&str> = hsmsim_sim_config::ServiceTimes::operations().collect();
    assert_eq!(listed, known);
}
