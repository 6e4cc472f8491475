//! The picture of a topology.

use hsmsim_sim_config::{Topology, show};

use crate::{shipped, topology};

/// What `hsmsim topology show ha-dr` prints, so that a change of the picture is seen in review.
const HA_DR: &str = include_str!("show-ha-dr.txt");

#[test]
fn ha_dr_looks_as_it_did() {
    let picture = show(&shipped("ha-dr"));
    assert!(picture == HA_DR, "the picture has changed; it is now:\n{picture}");
}

fn assert_fits(topology: &Topology) {
    for line in show(topology).lines() {
        assert!(line.chars().count() <= 100, "{} columns: {line}", line.chars().count());
        assert_eq!(line.trim_end(), line, "blanks at the end");
    }
}

#[test]
fn every_picture_fits_a_hundred_columns() {
    for name in Topology::shipped_names() {
        assert_fits(&shipped(name));
    }
}

#[test]
fn a_large_and_odd_topology_fits_too() {
    let mut text = format!(
        "version = 1\nname = \"odd\"\ndescription = \"{}\"\nseed = 9223372036854775807\ntime_scale = 3\n",
        "long words and many of them ".repeat(20)
    );
    text += "[links]\ncross_region = { gateway_extra = \"2.25ms\" }\n";
    text += "[[link]]\nfrom = \"switzerlandnorth/stamp1\"\nto = \"switzerlandwest/stamp2\"\nboth_ways = false\nrtt = \"123.456ms\"\njitter = { dist = \"lognormal\", p99_over_p50 = 1.2345 }\n";
    let everywhere: Vec<String> =
        hsmsim_sim_config::RegionCode::all().map(|r| format!("\"{r}\"")).collect();
    for region in &everywhere {
        text += &format!("[[region]]\ncode = {region}\ndevices = 3\npartitions = 100\n");
    }
    text += &format!("[[device]]\nid = \"{}\"\nregion = \"eus\"\n", "d".repeat(64));
    text += &format!(
        "[[groups]]\nlabel = \"a-label-of-many-letters-{{n}}\"\nactive = [{}]\n",
        everywhere.join(", ")
    );
    let odd = topology(&text);
    assert_fits(&odd);
    let picture = show(&odd);
    assert!(picture.contains("switzerlandnorth/stamp1 → switzerlandwest/stamp2, 123.46 ms"));
    assert!(picture.contains(" +80 "), "partitions beyond twenty are counted");
}

#[test]
fn marks_tell_the_part_of_each_partition() {
    let picture = show(&topology(
        "version = 1\nname = \"x\"\n[[region]]\ncode = \"eus\"\ndevices = 3\n[[groups]]\ncount = 2\nactive = [\"eus/stamp1\"]\nstandby = [\"eus/stamp2\"]\nasync = [\"eus/stamp2\"]\n",
    ));
    assert!(picture.contains("hsm-eus-1             ●●········"), "{picture}");
    assert!(picture.contains("hsm-eus-2             ◌◌········"), "{picture}");
    assert_eq!(
        picture.matches("stamp1  hsm").count(),
        1,
        "a shared stamp is named once\n{picture}"
    );
}
