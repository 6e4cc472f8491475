//! Faults are guards.

use std::time::Duration;

use hsmsim_testkit::{Cluster, Error, Fault, Power};

fn pair() -> Cluster {
    Cluster::builder("ha-pair").time_scale(50.0).start().unwrap()
}

fn power(cluster: &Cluster) -> Vec<Power> {
    cluster.status().unwrap().devices.iter().map(|device| device.power).collect()
}

#[test]
fn a_fault_strikes_until_it_is_dropped() {
    let cluster = pair();
    let dark = cluster.power_loss("hsm-eus-1").unwrap();
    let hung = cluster.hang("hsm-eus-2").unwrap();
    assert_eq!(power(&cluster), [Power::Off, Power::Hung]);
    assert_eq!(
        cluster.status().unwrap().faults,
        ["device.power_loss hsm-eus-1", "device.hang hsm-eus-2"]
    );
    drop(hung);
    assert_eq!(power(&cluster), [Power::Off, Power::On]);
    dark.heal().unwrap();
    assert_eq!(power(&cluster), [Power::Refusing, Power::On], "it boots");
    cluster.recover().unwrap();
    assert_eq!(power(&cluster), [Power::On, Power::On]);
    assert!(cluster.status().unwrap().faults.is_empty());
}

#[test]
fn a_fault_that_is_kept_strikes_until_all_are_healed() {
    let cluster = pair();
    cluster.hang("hsm-eus-1").unwrap().keep();
    assert_eq!(power(&cluster), [Power::Hung, Power::On]);
    cluster.heal_all().unwrap();
    assert_eq!(power(&cluster), [Power::On, Power::On]);
}

#[test]
fn recovering_a_member_that_is_struck_names_the_fault() {
    let cluster = pair();
    let _cut = cluster.cut_link("client:hsm-eus-2").unwrap();
    let why = cluster.recover().unwrap_err().to_string();
    assert!(
        why.contains("hsm-eus-2: it refuses the connection; link.cut client:hsm-eus-2"),
        "{why}"
    );
    assert!(!why.contains("hsm-eus-1"), "{why}");
}

#[test]
fn every_fault_of_the_table_can_be_set() {
    let cluster = Cluster::builder("ha-dr").time_scale(50.0).start().unwrap();
    let link = "client:hsm-eus-2";
    let faults: Vec<Fault> = vec![
        cluster.cut_link(link).unwrap(),
        cluster.blackhole(link).unwrap(),
        cluster.hold(link).unwrap(),
        cluster.delay(link, Duration::from_micros(1500)).unwrap(),
        cluster.stamp_loss("eastus/stamp1").unwrap(),
        cluster.region_loss("eastus2").unwrap(),
        cluster.isolate_region("eastus").unwrap(),
        cluster.fault("link.delay", "client:hsm-eus-1 extra=5ms direction=back for=1h").unwrap(),
    ];
    let texts: Vec<String> = faults.iter().map(ToString::to_string).collect();
    assert_eq!(texts[3], "link.delay client:hsm-eus-2 extra=1.5ms");
    assert_eq!(cluster.status().unwrap().faults.len(), faults.len());
    assert_eq!(power(&cluster), [Power::Off, Power::On, Power::Off, Power::Off]);
    drop(faults);
    cluster.recover().unwrap();
    cluster.restart("hsm-eus-1").unwrap();
    assert_eq!(power(&cluster)[0], Power::Refusing);
    cluster.recover().unwrap();
    cluster.zeroize("hsm-eus2-1").unwrap();
}

#[test]
fn what_is_misspelt_is_answered_with_what_was_meant() {
    let cluster = pair();
    let why = |fault: Result<Fault, Error>| fault.unwrap_err().to_string();
    let wrong = why(cluster.fault("device.powerloss", "hsm-eus-1"));
    assert!(wrong.contains("device.power_loss"), "{wrong}");
    let wrong = why(cluster.power_loss("hsm-eus-3"));
    assert!(wrong.contains("hsm-eus-1"), "{wrong}");
}
