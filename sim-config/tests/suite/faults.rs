//! The fault table, faults as text, and what they come to in a topology.

use std::collections::BTreeSet;
use std::time::Duration;

use hsmsim_sim_config::{
    Appearance, Direction, Endpoint, FAULTS, Fault, Place, Strikes, TargetKind, Topology,
    fault_spec,
};

use crate::shipped;

fn fault(text: &str) -> Fault {
    text.parse().unwrap_or_else(|e| panic!("{text}: {e}"))
}

fn refusal(text: &str) -> String {
    match text.parse::<Fault>() {
        Ok(fault) => panic!("accepted {fault}"),
        Err(e) => e.to_string(),
    }
}

fn strikes(text: &str, topology: &Topology) -> Strikes {
    fault(text).strikes(topology, |_| 1).unwrap_or_else(|e| panic!("{text}: {e}"))
}

fn device_ids(strikes: &Strikes) -> Vec<&str> {
    strikes.devices.iter().map(|d| d.as_str()).collect()
}

fn client(region: &str) -> Endpoint {
    let region = region.parse().unwrap_or_else(|e| panic!("{e}"));
    Endpoint { device: None, place: Place::new(region, 1) }
}

fn device(topology: &Topology, name: &str) -> Endpoint {
    let device = topology.devices.iter().find(|d| d.id.as_str() == name);
    let device = device.unwrap_or_else(|| panic!("{name}"));
    Endpoint { device: Some(device.id.clone()), place: device.place }
}

#[test]
fn the_table_is_consistent() {
    let ids: BTreeSet<&str> = FAULTS.iter().map(|f| f.id).collect();
    assert_eq!(ids.len(), FAULTS.len(), "ids are unique");
    for spec in FAULTS {
        let kind = spec.id.split('.').next();
        // What belongs to a device, or is done to one.
        let target = match kind {
            Some(
                "session" | "login" | "partition" | "trust" | "audit" | "client" | "admin" | "port"
                | "dns",
            ) => Some("device"),
            // What devices tell each other goes over links.
            Some("repl") => Some("link"),
            kind => kind,
        };
        assert_eq!(target, Some(spec.target.to_string().as_str()), "{}", spec.id);
        assert!(spec.permitted_codes.iter().all(|c| c.starts_with("CKR_")), "{}", spec.id);
        let gone = matches!(spec.appearance, Appearance::Silent | Appearance::Refused);
        // Loss may be so heavy that a client gives the member up.
        let gone = gone || spec.id == "link.loss";
        assert_eq!(gone, spec.permitted_codes.contains(&"CKR_TOKEN_NOT_PRESENT"), "{}", spec.id);
        assert!(!spec.effect.is_empty() && !spec.ends.is_empty());
        assert!(spec.effect.len() <= 90, "{}: one line", spec.id);
        assert!(spec.param("for").is_none() && spec.param("target").is_none());
    }
}

#[test]
fn silent_and_refused_are_as_the_vendor_documents() {
    let looks = |id: &str| fault_spec(id).map(|s| s.appearance);
    for id in ["device.power_loss", "device.hang", "link.blackhole", "link.hold", "region.loss"] {
        assert_eq!(looks(id), Some(Appearance::Silent), "{id}");
    }
    for id in ["device.restart", "link.cut"] {
        assert_eq!(looks(id), Some(Appearance::Refused), "{id}");
    }
    assert_eq!(looks("link.delay"), Some(Appearance::None));
    let destroys: Vec<&str> = FAULTS.iter().filter(|s| s.destroys_keys).map(|s| s.id).collect();
    let expected = [
        "device.disk_corrupt",
        "partition.pin_lock",
        "device.zeroize",
        "device.factory_reset",
        "device.decommission",
        "admin.delete_partition",
        "admin.delete_object",
        "admin.policy_change",
        "admin.domain_mismatch",
    ];
    assert_eq!(destroys, expected);
}

#[test]
fn every_fault_survives_being_written_and_read() {
    for text in [
        "device.power_loss hsm-eus-1",
        "device.power_loss hsm-eus-1 for=90s boot_time=30s",
        "device.restart hsmsim-0/primary boot_time=1m",
        "device.hang /busiest for=10s",
        "device.zeroize hsmsim-3/all@eastus2",
        "device.firmware_skew hsm-eus-1 mechanisms=CKM_ECDSA,CKM_AES_GCM",
        "session.drop_all hsm-eus-1 partition=2 pid=77",
        "partition.full hsm-eus-1 for=10s free_objects=5",
        "link.cut client:hsm-eus-1",
        "link.cut hsm-eus-2 direction=back",
        "link.blackhole eastus:eastus2 for=2m direction=there",
        "link.hold client:/primary",
        "link.delay eastus/stamp1:eastus2 extra=25ms spread=4ms",
        "link.delay client extra=5ms spread=4ms distribution=pareto correlation=0.25",
        "link.loss client:hsm-eus-1 probability=0.05 burst=300ms direction=there",
        "link.duplicate client probability=1",
        "link.reorder client probability=0.1 extra=30ms",
        "link.rate eastus:eastus2 per_second=100",
        "link.corrupt client:hsm-eus-1 probability=0.001",
        "link.reset client:hsm-eus-1 probability=0.001 direction=back",
        "link.idle_drop client:/all idle=4m",
        "trust.cert_revoked hsm-eus-1 side=client",
        "trust.cert_mismatch /primary connections=ended",
        "port.blocked hsm-eus-1 answer=dropped for=30s",
        "dns.fail /all",
        "device.swizzle /all count=3 interval=20s",
        "stamp.loss eastus/stamp1 stagger=2s",
        "region.loss eastus links=lost stagger=5s",
        "region.brownout eastus extra=1ms loss=0.02 burst=1s",
        "stamp.loss eastus/stamp2",
        "region.loss eastus for=1m",
        "region.isolate eastus2",
    ] {
        let fault = fault(text);
        assert_eq!(fault.to_string().parse::<Fault>().as_ref(), Ok(&fault), "{text}");
    }
    assert_eq!(fault("region.loss eus for=60s").to_string(), "region.loss eastus for=1m");
}

#[test]
fn what_is_no_fault_is_refused_with_the_nearest() {
    for (text, part) in [
        ("device.powerloss hsm-eus-1", "did you mean \"device.power_loss\"?"),
        ("device.power_loss", "not a fault and its target"),
        ("device.power_loss hsm-eus-1 90s", "name=value"),
        ("device.power_loss hsm-eus-1 for=90", "not a duration"),
        ("device.power_loss hsm-eus-1 boottime=9s", "did you mean \"boot_time\"?"),
        ("device.power_loss hsm-eus-1 boot_time=9s boot_time=8s", "given twice"),
        ("device.power_loss eastus", "strikes a device"),
        ("device.power_loss client", "end of a link"),
        ("device.power_loss hsmsim-0/busyest", "did you mean \"busiest\"?"),
        ("device.power_loss a:b", "not the name of a target"),
        ("device.restart hsm-eus-1 for=9s", "does not last"),
        ("link.delay hsm-eus-1", "needs \"extra\""),
        ("device.firmware_skew a mechanisms=ECDSA", "names of mechanisms"),
        ("admin.delete_partition a", "needs \"partition\""),
        ("link.cut a:b:c", "not the name of a target"),
        ("link.cut client:hsm-eus-1 direction=forth", "no direction \"forth\""),
        ("link.delay client extra=5ms distribution=normal", "says nothing without \"spread\""),
        ("link.delay client extra=5ms spread=1ms distribution=gauss", "no distribution \"gauss\""),
        ("link.loss client probability=1.5", "from 0 to 1"),
        ("region.brownout eastus extra=1ms burst=1s", "says nothing without \"loss\""),
        ("port.blocked hsm-eus-1 answer=droped", "did you mean \"dropped\"?"),
        ("stamp.loss eastus", "eastus/stamp1"),
        ("stamp.loss eastus/stamp3", "stamp1 to stamp2"),
        ("region.loss eastus/stamp1", "strikes a region"),
        ("region.loss estus", "did you mean \"eastus\"?"),
    ] {
        let message = refusal(text);
        assert!(message.contains(part), "{text}: {message}");
    }
}

#[test]
fn words_of_a_command_line_make_a_fault() {
    let ninety = Some(Duration::from_secs(90));
    let made = Fault::new("device.power_loss", "hsm-eus-1", ninety, &[("boot_time", "5s")]);
    assert_eq!(made, Ok(fault("device.power_loss hsm-eus-1 for=90s boot_time=5s")));
    let made = made.unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(made.duration_param("boot_time"), Some(Duration::from_secs(5)));
    assert_eq!(made.duration_param("extra"), None);
    assert_eq!(fault("link.cut client").direction(), Direction::Both);
}

#[test]
fn targets_are_compared_with_the_topology() {
    let t = shipped("ha-dr");
    for (text, part) in [
        ("device.hang hsm-eus-3", "did you mean \"hsm-eus-1\"?"),
        ("device.hang hsmsim-99/all", "no group \"hsmsim-99\""),
        ("device.hang hsmsim-0/all@westus", "picks no member"),
        ("device.hang hsmsim-0/active@eastus2", "picks no member"),
        ("region.loss westus", "no device in westus"),
        ("link.cut client:hsm-wus-1", "no device \"hsm-wus-1\""),
    ] {
        match fault(text).check(&t) {
            Ok(()) => panic!("{text} was accepted"),
            Err(e) => assert!(e.to_string().contains(part), "{text}: {e}"),
        }
    }
    let alone = shipped("single");
    assert!(fault("device.hang hsmsim-0/standby").check(&alone).is_err());
}

#[test]
fn selectors_pick_the_members_they_name() {
    let t = shipped("ha-dr");
    let ids = |text: &str| device_ids(&strikes(text, &t)).join(" ");
    assert_eq!(ids("device.power_loss hsm-eus2-1"), "hsm-eus2-1");
    assert_eq!(ids("device.power_loss /primary"), "hsm-eus-1");
    assert_eq!(ids("device.power_loss /active"), "hsm-eus-1 hsm-eus-2");
    assert_eq!(ids("device.power_loss hsmsim-4/standby"), "hsm-eus2-1 hsm-eus2-2");
    assert_eq!(ids("device.power_loss hsmsim-4/all@eastus2"), "hsm-eus2-1 hsm-eus2-2");
    assert_eq!(ids("stamp.loss eastus/stamp2"), "hsm-eus-2");
    assert_eq!(ids("region.loss eastus"), "hsm-eus-1 hsm-eus-2");
    // The closure above names the second of the active members.
    assert_eq!(ids("device.power_loss /busiest"), "hsm-eus-2");
}

#[test]
fn only_load_decides_who_is_busiest() {
    let t = shipped("ha-dr");
    let mut shown = Vec::new();
    let _ = fault("device.hang /busiest").strikes(&t, |candidates| {
        shown = candidates.iter().map(|d| d.to_string()).collect();
        usize::MAX
    });
    assert_eq!(shown, ["hsm-eus-1", "hsm-eus-2"], "active members in order");
    let asked = fault("device.hang /primary").strikes(&t, |_| panic!("asked without need"));
    assert!(asked.is_ok());
}

#[test]
fn a_link_fault_strikes_its_ends_and_its_direction_only() {
    let t = shipped("ha-dr");
    let (eus1, eus2, far) =
        (device(&t, "hsm-eus-1"), device(&t, "hsm-eus-2"), device(&t, "hsm-eus2-1"));
    let app = client("eastus");
    let cut = strikes("link.cut client:hsm-eus-1", &t);
    assert!(cut.covers_link(&app, &eus1) && cut.covers_link(&eus1, &app));
    assert!(cut.covers_link(&client("japaneast"), &eus1), "every client, wherever it stands");
    assert!(!cut.covers_link(&app, &eus2) && !cut.covers_link(&eus1, &far));
    let there = strikes("link.cut client:hsm-eus-1 direction=there", &t);
    assert!(there.covers_link(&app, &eus1) && !there.covers_link(&eus1, &app));
    let back = strikes("link.cut client:hsm-eus-1 direction=back", &t);
    assert!(!back.covers_link(&app, &eus1) && back.covers_link(&eus1, &app));
    let all_of_it = strikes("link.cut hsm-eus-1", &t);
    assert!(all_of_it.covers_link(&far, &eus1) && all_of_it.covers_link(&eus1, &app));
    assert!(!all_of_it.covers_link(&far, &eus2));
    let between = strikes("link.blackhole eastus:eastus2", &t);
    assert!(between.covers_link(&app, &far) && between.covers_link(&far, &eus1));
    assert!(!between.covers_link(&app, &eus1) && !between.covers_link(&client("eastus2"), &far));
}

#[test]
fn an_isolated_region_works_inside() {
    let t = shipped("ha-dr");
    let isolated = strikes("region.isolate eastus", &t);
    assert!(isolated.devices.is_empty());
    let (near, far) = (device(&t, "hsm-eus-1"), device(&t, "hsm-eus2-1"));
    let (inside, outside) = (client("eastus"), client("westeurope"));
    assert!(!isolated.covers_link(&inside, &near) && !isolated.covers_link(&near, &inside));
    assert!(isolated.covers_link(&inside, &far) && isolated.covers_link(&far, &inside));
    assert!(isolated.covers_link(&outside, &near) && isolated.covers_link(&near, &outside));
    assert!(!isolated.covers_link(&outside, &far));
}

#[test]
fn a_lost_region_takes_its_links_along_only_when_told_to() {
    let t = shipped("ha-dr");
    let (near, far) = (device(&t, "hsm-eus-1"), device(&t, "hsm-eus2-1"));
    let inside = client("eastus");
    assert!(strikes("region.loss eastus", &t).links.is_empty());
    let lost = strikes("region.loss eastus links=lost", &t);
    assert_eq!(device_ids(&lost), ["hsm-eus-1", "hsm-eus-2"]);
    assert!(lost.covers_link(&inside, &far) && lost.covers_link(&far, &inside));
    assert!(!lost.covers_link(&inside, &near) && !lost.covers_link(&client("westeurope"), &far));
}

#[test]
fn no_more_devices_can_be_drawn_than_are_struck() {
    let t = shipped("ha-dr");
    assert_eq!(device_ids(&strikes("device.swizzle /all count=4 interval=1s", &t)).len(), 4);
    let too_many = fault("device.swizzle /active count=3 interval=1s").check(&t);
    let message = too_many.map_or_else(|e| e.to_string(), |()| String::new());
    assert!(message.contains("more than the 2 devices"), "{message}");
}

#[test]
fn a_word_that_was_not_said_is_the_first_of_its_words() {
    assert_eq!(fault("port.blocked hsm-eus-1").word_param("answer"), Some("refused"));
    assert_eq!(
        fault("port.blocked hsm-eus-1 answer=dropped").word_param("answer"),
        Some("dropped")
    );
    assert_eq!(fault("link.cut client").word_param("answer"), None);
}

#[test]
fn target_kinds_are_all_in_use() {
    for kind in [TargetKind::Device, TargetKind::Link, TargetKind::Stamp, TargetKind::Region] {
        assert!(FAULTS.iter().any(|f| f.target == kind), "{kind}");
    }
}
