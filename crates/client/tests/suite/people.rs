//! What takes a person to get over: locked PINs, partitions that are no longer activated, logins that are
//! gone, devices that are replaced. Each is seen to bite and to heal.

use std::time::Duration;

use hsmsim_sim_config::{Administration, DeviceId};
use hsmsim_types::{Role, ck::*};

use crate::world::{USER_PIN, World, code};

const OFFICER: Role = Role::CryptoOfficer;
const BOTH: [&str; 2] = ["hsm-eus-1", "hsm-eus-2"];

fn logout(world: &World, session: hsmsim_types::SessionHandle) {
    world.client.run(world.client.logout(session)).unwrap();
}

fn administer(world: &World, work: &Administration) {
    world.cluster.administer(work).unwrap();
}

fn activate(world: &World, device: &str) {
    administer(world, &Administration::Activate { device: DeviceId::new(device) });
}

#[test]
fn a_locked_officer_shows_at_the_next_login_and_the_so_unlocks_it() {
    let world = World::new("ha-pair");
    let session = world.officer();
    let (_, key) = world.pair(session, "k");
    for device in BOTH {
        world.fault(&format!("partition.pin_lock {device}"));
    }
    world.sign(session, key).unwrap();
    let other = world.another();
    assert_eq!(code(other.login_as(other.open(), OFFICER, USER_PIN)), "CKR_PIN_LOCKED");
    // A member that has to be logged in on anew is lost, and recovery alone does not help.
    world.fault("session.drop_all hsm-eus-1");
    world.sign(session, key).unwrap();
    world.recover();
    world.sign(session, key).unwrap();
    assert_eq!(world.client.serving(world.slot), ["hsm-eus-2"]);
    administer(&world, &Administration::InitOfficer { group: None });
    other.officer();
    world.recover();
    world.sign(session, key).unwrap();
    assert_eq!(world.client.serving(world.slot), BOTH);
}

#[test]
fn on_a_luna_a_locked_officer_has_lost_the_partition_s_contents() {
    let world = World::with_profile("ha-pair", "a790");
    let session = world.officer();
    world.pair(session, "k");
    world.fault("partition.pin_lock hsm-eus-2 partition=0");
    assert_eq!((world.holdings(0).len(), world.holdings(1).len()), (2, 0));
    let device = DeviceId::new("hsm-eus-2");
    administer(&world, &Administration::Replace { device });
    let label = world.cluster.topology().groups[0].label.clone();
    world.client.run(world.client.ha_synchronize(&label)).unwrap();
    assert_eq!(world.holdings(1), world.holdings(0));
}

#[test]
fn a_deactivated_partition_refuses_keys_and_logins_until_somebody_activates_it() {
    let world = World::new("ha-pair");
    let session = world.officer();
    let (_, key) = world.pair(session, "k");
    for device in BOTH {
        world.fault(&format!("partition.deactivate {device}"));
    }
    assert_eq!(code(world.sign(session, key)), "CKR_USER_NOT_LOGGED_IN");
    let random = world.client.run(world.client.random(session, 8));
    random.unwrap_or_else(|error| panic!("a public session serves: {error}"));
    let other = world.another();
    let refused = other.login_as(other.open(), OFFICER, USER_PIN);
    assert_eq!(code(refused), "CKR_USER_NOT_LOGGED_IN");
    BOTH.iter().for_each(|device| activate(&world, device));
    assert!(world.cluster.active_faults().is_empty());
    assert_eq!(code(world.sign(session, key)), "CKR_USER_NOT_LOGGED_IN", "the login ended");
    logout(&world, session);
    world.login_as(session, OFFICER, USER_PIN).unwrap();
    world.sign(session, key).unwrap();
}

#[test]
fn one_deactivated_partition_leaves_its_neighbours_alone() {
    let world = World::new("ha-pair");
    let session = world.officer();
    let (_, key) = world.pair(session, "k");
    for device in BOTH {
        world.fault(&format!("partition.deactivate {device} partition=1"));
    }
    world.sign(session, key).unwrap();
    world.another().officer();
}

#[test]
fn with_failover_on_deactivation_the_member_is_left_at_once_and_recovered_by_hand() {
    let world = World::with("ha-pair", "open", "failover_on_deactivation = true");
    let session = world.officer();
    let (_, key) = world.pair(session, "k");
    world.fault("partition.deactivate hsm-eus-1");
    let (_, took) = world.timed(|world| world.sign(session, key).unwrap());
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert_eq!(world.client.serving(world.slot), ["hsm-eus-2"]);
    world.recover();
    world.sign(session, key).unwrap();
    assert_eq!(world.client.serving(world.slot), ["hsm-eus-2"], "it takes no login yet");
    activate(&world, "hsm-eus-1");
    world.recover();
    world.sign(session, key).unwrap();
    assert_eq!(world.client.serving(world.slot), BOTH);
}

#[test]
fn activation_is_lost_after_two_hours_without_power_where_a_person_gives_it() {
    for (held, serves) in [("", true), ("activation_held=2h", false)] {
        let world = World::new("ha-pair");
        let session = world.officer();
        let (_, key) = world.pair(session, "k");
        world.fault(&format!("device.power_loss hsm-eus-1 for=3h {held}"));
        world.sign(session, key).unwrap();
        world.pass(Duration::from_secs(4 * 3600));
        world.recover();
        world.sign(session, key).unwrap();
        assert_eq!(world.usable(0), serves, "{held}: the login was taken or not");
        activate(&world, "hsm-eus-1");
        world.recover();
        world.sign(session, key).unwrap();
        assert!(world.usable(0), "{held}");
    }
}

#[test]
fn a_login_that_is_gone_stays_gone_until_the_application_logs_out_and_in() {
    for (profile, expected) in
        [("open", "CKR_USER_NOT_LOGGED_IN"), ("a790", "CKR_USER_NOT_AUTHORIZED")]
    {
        let world = World::with_profile("single", profile);
        let session = world.officer();
        let (_, key) = world.pair(session, "k");
        world.fault("login.lost hsm-eus-1");
        for _ in 0..3 {
            assert_eq!(code(world.sign(session, key)), expected);
        }
        // Nothing tells the application; only what the library believes does.
        let state = world.client.session_info(session).unwrap().state;
        assert_eq!(state, CKS_RW_USER_FUNCTIONS);
        let again = world.login_as(session, OFFICER, USER_PIN);
        assert_eq!(code(again), "CKR_USER_ALREADY_LOGGED_IN");
        logout(&world, session);
        world.login_as(session, OFFICER, USER_PIN).unwrap();
        world.sign(session, key).unwrap();
    }
}

#[test]
fn sessions_of_one_process_end_and_those_of_others_live_on() {
    let world = World::new("single");
    let session = world.officer();
    let (_, key) = world.pair(session, "k");
    // As a process of number 7.
    let (other, _) = world.recorded();
    let its = other.officer();
    world.fault("session.drop_all hsm-eus-1 pid=7");
    world.sign(session, key).unwrap();
    for _ in 0..3 {
        let random = other.client.run(other.client.random(its, 8));
        assert_eq!(code(random), "CKR_DEVICE_ERROR", "the handle is dead for good");
    }
    let fresh = other.open();
    let found = other.find(fresh, "k");
    assert_eq!(found.len(), 2, "a new session is logged in as the library remembers");
    world.fault("login.lost hsm-eus-1 pid=7");
    assert_eq!(code(other.sign(fresh, found[1])), "CKR_USER_NOT_LOGGED_IN");
    world.sign(session, key).unwrap();
}

#[test]
fn sessions_of_one_partition_end_and_its_neighbours_live_on() {
    let world = World::new("ha-pair");
    let session = world.officer();
    let (_, key) = world.pair(session, "k");
    world.fault("session.drop_all hsm-eus-1 partition=1");
    world.sign(session, key).unwrap();
    assert_eq!(world.client.serving(world.slot), BOTH);
    world.fault("session.drop_all hsm-eus-1 partition=0");
    world.sign(session, key).unwrap();
    assert_eq!(world.client.serving(world.slot), ["hsm-eus-2"]);
    world.recover();
    world.sign(session, key).unwrap();
    assert_eq!(world.client.serving(world.slot), BOTH);
}

#[test]
fn a_partition_that_was_erased_is_initialised_for_its_group_and_takes_its_keys_again() {
    let world = World::new("ha-pair");
    let session = world.officer();
    let (_, key) = world.pair(session, "k");
    // Blank, or in a cloning domain of its own: both ways it takes no copies of its group's keys.
    for fault in ["device.zeroize hsm-eus-1", "admin.domain_mismatch hsm-eus-1 partition=0"] {
        world.fault(fault);
        world.sign(session, key).unwrap();
        administer(&world, &Administration::InitPartitions { device: DeviceId::new("hsm-eus-1") });
        assert!(world.holdings(0).is_empty(), "{fault}: somebody has to bring the keys");
        let label = world.cluster.topology().groups[0].label.clone();
        let other = world.another();
        other.client.run(other.client.ha_synchronize(&label)).unwrap();
        world.recover();
        world.sign(session, key).unwrap();
        assert_eq!(world.client.serving(world.slot).len(), 2, "{fault}");
        assert_eq!(world.holdings(0), world.holdings(1), "{fault}");
    }
}

#[test]
fn a_dead_device_is_replaced_while_clients_run_and_the_new_one_has_every_key() {
    let world = World::new("ha-pair");
    let session = world.officer();
    let (_, old) = world.pair(session, "old");
    world.fault("device.power_loss hsm-eus-1");
    world.sign(session, old).unwrap();
    let (_, new) = world.pair(session, "made meanwhile");
    let serial = |world: &World| world.client.run(world.client.ha_state(world.slot)).unwrap();
    let before = serial(&world.another());
    administer(&world, &Administration::Replace { device: DeviceId::new("hsm-eus-1") });
    assert!(world.cluster.active_faults().is_empty(), "the old device's troubles went with it");
    assert!(world.holdings(0).is_empty());
    // Somebody else brings the keys; the running client then uses the device at its next call.
    let other = world.another();
    let label = other.cluster.topology().groups[0].label.clone();
    other.client.run(other.client.ha_synchronize(&label)).unwrap();
    assert_eq!(world.holdings(0), world.holdings(1));
    assert_eq!(world.holdings(0).len(), 4);
    for key in [old, new] {
        let (_, by) = world.served_by(|world| world.sign(session, key).unwrap());
        assert_eq!(by, [0], "the new device is the primary");
    }
    let after = serial(&other);
    assert_ne!(before.members[0].0, after.members[0].0, "another serial number");
    assert_eq!(before.members[1].0, after.members[1].0);
    assert_ne!(before.group_serial, after.group_serial, "it follows the first member");
}

/// A pair with a key on both, and then what somebody does to the primary.
fn after(fault: &str) -> (World, hsmsim_types::SessionHandle, hsmsim_types::ObjectHandle) {
    let world = World::new("ha-pair");
    let session = world.officer();
    let (_, key) = world.pair(session, "k");
    world.sign(session, key).unwrap();
    world.fault(fault);
    (world, session, key)
}

fn synchronize(world: &World) {
    let label = world.cluster.topology().groups[0].label.clone();
    world.client.run(world.client.ha_synchronize(&label)).unwrap();
}

#[test]
fn a_deleted_partition_is_a_lost_member_until_it_is_initialised_for_its_group() {
    let (world, session, key) = after("admin.delete_partition hsm-eus-1 partition=0");
    world.sign(session, key).unwrap();
    assert_eq!(world.client.serving(world.slot), ["hsm-eus-2"]);
    assert!(world.holdings(0).is_empty());
    world.recover();
    world.sign(session, key).unwrap();
    assert_eq!(world.client.serving(world.slot), ["hsm-eus-2"], "a blank partition has no officer");
    administer(&world, &Administration::Replace { device: DeviceId::new("hsm-eus-1") });
    synchronize(&world);
    world.sign(session, key).unwrap();
    assert_eq!((world.client.serving(world.slot).len(), world.holdings(0).len()), (2, 2));
}

#[test]
fn a_member_of_another_domain_refuses_copies_until_it_is_initialised_for_its_group() {
    let (world, session, _) = after("admin.domain_mismatch hsm-eus-2 partition=0");
    world.pair(session, "owed");
    let label = world.cluster.topology().groups[0].label.clone();
    let reports = world.client.run(world.client.ha_recover(&label)).unwrap();
    let problem = reports[1].problem.as_deref().unwrap_or_default();
    assert!(problem.contains("another cloning domain"), "{problem}");
    assert_eq!((world.holdings(0).len(), world.holdings(1).len()), (4, 0));
    assert_eq!(world.client.serving(world.slot), ["hsm-eus-1"]);
    administer(&world, &Administration::Replace { device: DeviceId::new("hsm-eus-2") });
    synchronize(&world);
    assert_eq!(world.holdings(1), world.holdings(0));
}

#[test]
fn a_destructive_policy_takes_the_objects_and_leaves_the_login() {
    let (world, session, key) = after("admin.policy_change hsm-eus-1 partition=0");
    assert!(world.holdings(0).is_empty());
    assert_eq!(code(world.sign(session, key)), "CKR_KEY_HANDLE_INVALID");
    world.another().officer();
    synchronize(&world);
    world.sign(session, key).unwrap();
}

#[test]
fn an_object_that_somebody_deletes_on_one_member_is_missing_there_alone() {
    let (world, session, _) = after("admin.delete_object hsm-eus-1 partition=0 objects=1");
    assert_eq!((world.holdings(0).len(), world.holdings(1).len()), (1, 2));
    assert_eq!(world.find(session, "k").len(), 1, "the primary is asked");
    synchronize(&world);
    assert_eq!(world.find(session, "k").len(), 2);
}

#[test]
fn a_reset_device_boots_and_a_decommissioned_one_never_serves_again() {
    for (fault, serves) in [("device.factory_reset", true), ("device.decommission", false)] {
        let (world, session, key) = after(&format!("{fault} hsm-eus-1"));
        world.sign(session, key).unwrap();
        assert!(world.holdings(0).is_empty(), "{fault}");
        let group = &world.cluster.topology().groups[0];
        assert!(world.cluster.serving_partition(&group.members[0]).is_err(), "{fault}");
        world.pass(Duration::from_secs(3600));
        let served = world.cluster.serving_partition(&group.members[0]).is_ok();
        assert_eq!(served, serves, "{fault}");
        administer(&world, &Administration::Replace { device: DeviceId::new("hsm-eus-1") });
        synchronize(&world);
        world.sign(session, key).unwrap();
        assert_eq!(world.client.serving(world.slot), BOTH, "{fault}");
    }
}

#[test]
fn a_reset_device_s_hsm_so_has_its_first_pin_again() {
    let world = World::new("ha-pair");
    let device = DeviceId::new("hsm-eus-1");
    let pin = |pin: &str| hsmsim_types::Pin::new(pin);
    let first = world.cluster.topology().provisioning.hsm_so_pin.reveal().to_owned();
    world.cluster.change_hsm_so_pin(&device, &pin(&first), &pin("another")).unwrap();
    world.cluster.hsm_so_login(&device, &pin(&first)).unwrap_err();
    world.fault("device.zeroize hsm-eus-1");
    world.cluster.hsm_so_login(&device, &pin("another")).unwrap();
    world.fault("device.factory_reset hsm-eus-1");
    world.cluster.hsm_so_login(&device, &pin(&first)).unwrap();
}

#[test]
fn a_partition_that_is_not_there_is_no_target() {
    let world = World::new("ha-pair");
    for (fault, why) in [
        ("admin.delete_partition hsm-eus-1 partition=10", "partitions 0 to 9"),
        ("session.drop_all hsm-eus-1 partition=10", "partitions 0 to 9"),
        ("admin.domain_mismatch hsm-eus-1 partition=3", "has no token"),
    ] {
        let fault = fault.parse().unwrap();
        let refused = world.cluster.add_fault(&fault, |_| 0, None).unwrap_err();
        assert!(refused.to_string().contains(why), "{refused}");
    }
    assert!(world.cluster.fault_history().is_empty());
}
