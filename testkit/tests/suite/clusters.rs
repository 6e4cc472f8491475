//! Clusters come up as they were asked for, and leave nothing behind.

use std::fs;

use hsmsim_testkit::{Cluster, DEFAULT_TIME_SCALE, Power};

#[test]
fn a_shipped_topology_is_ready_at_once() {
    let cluster = Cluster::start("ha-pair").unwrap();
    assert_eq!(cluster.label(), "hsmsim-0");
    assert_eq!((cluster.user_pin(), cluster.so_pin()), ("12345678", "87654321"));
    assert_eq!(cluster.slots().len(), 10);
    assert_eq!(cluster.slots()[0].id, 1);
    assert!(cluster.slots()[0].provisioned && !cluster.slots()[1].provisioned);
    assert_eq!(cluster.time_scale(), DEFAULT_TIME_SCALE);
    let status = cluster.status().unwrap();
    assert_eq!(status.devices.len(), 2);
    assert!(status.devices.iter().all(|device| device.power == Power::On));
    assert_eq!(status.group("hsmsim-0").members, ["hsm-eus-1", "hsm-eus-2"]);
    assert!(!status.needs_sync() && status.faults.is_empty() && status.clients.is_empty());
}

#[test]
fn everything_is_gone_when_the_last_of_cluster_and_faults_is_dropped() {
    let cluster = Cluster::start("single").unwrap();
    let (state, folder) = (cluster.state_dir(), cluster.state_dir().join(".."));
    assert!(state.join("hsmsim.toml").exists());
    let dark = cluster.power_loss("hsm-eus-1").unwrap();
    drop(cluster);
    assert!(folder.exists());
    drop(dark);
    assert!(!folder.exists() && !state.exists());
}

#[test]
fn a_topology_may_be_a_text_or_a_file() {
    let text = "version = 1\nname = \"mine\"\ntime_scale = 50\n[[region]]\ncode = \"westus\"\n\
                devices = 1\n[[group]]\nlabel = \"signing\"\n\
                members = [{ device = \"hsm-wus-1\", partition = 3 }]\n";
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.toml");
    fs::write(&path, text).unwrap();
    for builder in [Cluster::builder_from_text(text), Cluster::builder(path.to_str().unwrap())] {
        let cluster = builder.start().unwrap();
        assert_eq!((cluster.label(), cluster.time_scale()), ("signing", 50.0));
        assert_eq!(cluster.status().unwrap().device("hsm-wus-1").region, "westus");
    }
}

#[test]
fn profile_and_time_scale_take_the_place_of_the_topology_s() {
    let cluster = Cluster::builder("ha-pair").profile("a790").time_scale(3.0).start().unwrap();
    // Slots of a Luna count from 0.
    assert_eq!((cluster.slots()[0].id, cluster.time_scale()), (0, 3.0));
    let variables = cluster.env();
    assert_eq!(variables["HSMSIM_TIME_SCALE"], "3");
    assert_eq!(variables["HSMSIM_STATE"], cluster.state_dir().as_os_str());
    assert_eq!(variables["HSMSIM_MODULE"], cluster.module_path().as_os_str());
    let topology = fs::read_to_string(&variables["HSMSIM_CONFIG"]).unwrap();
    assert!(topology.contains("profile = \"a790\""), "{topology}");
}

#[test]
fn what_is_misspelt_is_answered_with_what_was_meant() {
    let wrong = Cluster::start("ha-pear").unwrap_err().to_string();
    assert!(wrong.contains("ha-pair"), "{wrong}");
    let wrong = Cluster::builder("ha-pair").profile("a79O").start().unwrap_err().to_string();
    assert!(wrong.contains("a790"), "{wrong}");
    let wrong = Cluster::builder("single").time_scale(0.5).start().unwrap_err().to_string();
    assert!(wrong.contains("at least 1"), "{wrong}");
}
