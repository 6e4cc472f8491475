//! Members that come back (facts: Luna guide, "Recovery").

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use hsmsim_types::ck::*;

use crate::world::{World, code};

fn state(world: &World, member: usize) -> CK_RV {
    world.client.run(world.client.ha_state(world.slot)).unwrap().members[member].1.0
}

#[test]
fn a_member_that_has_power_again_is_not_used_until_somebody_recovers_it() {
    let world = World::new("ha-dr");
    let session = world.officer();
    let (_, key) = world.pair(session, "k");
    world.fault("device.power_loss hsm-eus-1 for=30s");
    world.sign(session, key).unwrap();
    world.pass(Duration::from_secs(3600));
    world.sign(session, key).unwrap();
    assert_eq!(state(&world, 0), CKR_DEVICE_ERROR);
    world.recover();
    assert_eq!(state(&world, 0), CKR_OK);
    let before = world.cluster.served(0);
    world.sign(session, key).unwrap();
    assert!(world.cluster.served(0) > before, "it is the primary again");
}

#[test]
fn an_owed_copy_reaches_the_returning_member() {
    let world = World::new("ha-dr");
    let session = world.officer();
    world.fault("device.power_loss hsm-eus-2 for=60s");
    world.pair(session, "made meanwhile");
    assert!(world.holdings(1).is_empty());
    world.pass(Duration::from_secs(600));
    world.recover();
    assert_eq!(world.holdings(1), world.holdings(0));
    assert_eq!(world.holdings(1).len(), 2);
}

#[test]
fn members_that_were_away_together_get_what_both_are_owed() {
    let world = World::new("ha-dr");
    let session = world.officer();
    world.fault("region.loss eastus for=60s");
    world.pair(session, "made in the far region");
    world.pass(Duration::from_secs(600));
    // A client that has just started finds both in place and neither given up.
    world.another().recover();
    for member in [0, 1] {
        assert_eq!(world.holdings(member), world.holdings(2), "member {member}");
    }
}

#[test]
fn a_member_serves_only_when_those_that_returned_before_it_have_its_keys() {
    let (world, events) = World::new("ha-pair").recorded();
    let session = world.officer();
    let cut = world.fault("link.cut client:hsm-eus-2");
    world.pair(session, "made while the second was away");
    world.fault("link.cut client:hsm-eus-1");
    world.try_pair(session, "made by nobody", true).unwrap_err();
    assert!(world.cluster.heal_fault(cut[0]).unwrap());
    world.recover();
    assert_eq!(world.client.serving(world.slot), ["hsm-eus-2"]);
    assert!(world.holdings(1).is_empty(), "only the first could give it its copy");
    world.heal_all();
    world.recover();
    assert_eq!(world.holdings(1), world.holdings(0));
    let copied = events.times("copy_delivered", "hsm-eus-2");
    let returned = events.times("member_recovered", "hsm-eus-1");
    assert!(copied.last() <= returned.first(), "{copied:?} {returned:?}");
    assert_eq!(returned.len(), 1);
}

#[test]
fn a_member_that_takes_no_copies_does_not_serve() {
    let world = World::new("ha-pair");
    let session = world.officer();
    world.fault("link.cut client:hsm-eus-1");
    world.pair(session, "made while the first was away");
    world.fault("link.cut client:hsm-eus-2");
    world.try_pair(session, "made by nobody", true).unwrap_err();
    world.heal_all();
    // It answers, but no cryptography; and the member that has the copies is given up as well.
    let full = world.fault("audit.log_full hsm-eus-1");
    world.recover();
    assert_eq!(world.client.serving(world.slot), ["hsm-eus-2"]);
    assert!(world.cluster.heal_fault(full[0]).unwrap());
    world.recover();
    assert_eq!(world.client.serving(world.slot).len(), 2);
    assert_eq!(world.holdings(0), world.holdings(1));
}

#[test]
fn a_destroyed_key_never_returns() {
    let world = World::new("ha-dr");
    let session = world.officer();
    let (public, private) = world.pair(session, "doomed");
    world.fault("device.power_loss hsm-eus-2 for=60s");
    for key in [public, private] {
        world.client.run(world.client.destroy_object(session, key)).unwrap();
    }
    assert_eq!(world.holdings(1).len(), 2);
    world.pass(Duration::from_secs(600));
    world.recover();
    assert!(world.holdings(1).is_empty());
    let label = world.cluster.topology().groups[0].label.clone();
    world.client.run(world.client.ha_synchronize(&label)).unwrap();
    for member in 0..4 {
        assert!(world.holdings(member).is_empty(), "member {member}");
    }
}

#[test]
fn with_preset_luna_a_copy_owed_by_a_process_that_died_needs_a_synchronisation() {
    let world = World::ha_dr_with("preset = \"luna\"");
    let session = world.officer();
    world.fault("device.power_loss hsm-eus-2 for=60s");
    world.pair(session, "k");
    world.pass(Duration::from_secs(600));
    world.client.shut_down();
    let other = world.another();
    other.recover();
    assert!(other.holdings(1).is_empty(), "the debt died with its process");
    let label = other.cluster.topology().groups[0].label.clone();
    other.client.run(other.client.ha_synchronize(&label)).unwrap();
    assert_eq!(other.holdings(1), other.holdings(0));
}

#[test]
fn a_debt_is_paid_by_whichever_process_brings_the_member_back() {
    let world = World::new("ha-dr");
    let session = world.officer();
    world.fault("device.power_loss hsm-eus-2 for=60s");
    world.pair(session, "k");
    world.client.shut_down();
    world.pass(Duration::from_secs(600));
    let other = world.another();
    other.recover();
    assert_eq!(other.holdings(1), other.holdings(0));
}

#[test]
fn a_request_by_hand_is_followed_by_running_clients_at_their_next_call() {
    let world = World::new("ha-dr");
    let session = world.officer();
    let (_, key) = world.pair(session, "k");
    world.fault("link.cut client:hsm-eus-1");
    world.sign(session, key).unwrap();
    world.heal_all();
    world.another().recover();
    world.sign(session, key).unwrap();
    assert_eq!(state(&world, 0), CKR_OK);
}

#[test]
fn automatic_recovery_waits_its_interval() {
    let world = World::ha_dr_with("recovery_attempts = -1\nrecovery_mode = \"passive\"");
    let session = world.officer();
    let (_, key) = world.pair(session, "k");
    world.fault("link.cut client:hsm-eus-1 for=1s");
    world.sign(session, key).unwrap();
    world.pass(Duration::from_secs(30));
    world.sign(session, key).unwrap();
    assert_eq!(state(&world, 0), CKR_DEVICE_ERROR, "half an interval is not enough");
    world.pass(Duration::from_secs(31));
    world.sign(session, key).unwrap();
    assert_eq!(state(&world, 0), CKR_OK);
}

#[test]
fn after_the_loss_of_all_members_basic_recovery_leaves_old_sessions_dead() {
    let world = World::new("ha-dr");
    let session = world.officer();
    let (_, key) = world.pair(session, "k");
    let regions = ["region.loss eastus for=30s", "region.loss eastus2 for=30s"];
    for fault in regions {
        world.fault(fault);
    }
    assert_eq!(code(world.sign(session, key)), "CKR_DEVICE_ERROR");
    world.pass(Duration::from_secs(600));
    assert_eq!(code(world.sign(session, key)), "CKR_DEVICE_ERROR", "nobody recovered it");
    world.recover();
    assert_eq!(code(world.sign(session, key)), "CKR_SESSION_HANDLE_INVALID");
    let fresh = world.open();
    assert_eq!(world.find(fresh, "k").len(), 2, "the login holds, and the keys are all there");
}

#[test]
fn enhanced_recovery_restores_sessions_and_logins() {
    let world = World::ha_dr_with("recovery_attempts = -1\nrecovery_mode = \"activeEnhanced\"");
    let session = world.officer();
    let (_, key) = world.pair(session, "k");
    let regions = ["region.loss eastus for=30s", "region.loss eastus2 for=30s"];
    for fault in regions {
        world.fault(fault);
    }
    assert_eq!(code(world.sign(session, key)), "CKR_DEVICE_ERROR");
    world.pass(Duration::from_secs(600));
    world.sign(session, key).unwrap();
}

#[test]
fn an_owed_copy_comes_from_another_member_when_the_first_is_lost_by_asking_it() {
    let world = World::ha_dr_with("recovery_attempts = -1");
    let session = world.officer();
    world.fault("link.cut client:hsm-eus2-2 for=5s");
    world.pair(session, "k");
    world.pass(Duration::from_secs(61));
    // Nobody has noticed when the next call brings the other member back.
    world.fault("device.power_loss hsm-eus-1");
    world.find(session, "k");
    assert!(world.usable(3) && !world.usable(0));
    assert_eq!(world.holdings(3), world.holdings(1));
}

#[test]
fn whoever_waits_for_copies_is_told_how_many_have_arrived() {
    let world = World::new("ha-pair");
    let session = world.officer();
    world.fault("device.power_loss hsm-eus-2 for=60s");
    for _ in 0..200 {
        world.pair(session, "made meanwhile");
    }
    world.pass(Duration::from_secs(600));
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = Arc::clone(&told);
    world.client.watch_copying(Arc::new(move |done, of| tell.lock().unwrap().push((done, of))));
    world.recover();
    assert_eq!(*told.lock().unwrap(), [(256, 400), (400, 400)]);
}

#[test]
fn a_destroyed_key_comes_back_by_a_synchronisation_where_deletions_are_not_replayed() {
    let world = World::ha_dr_with("preset = \"luna\"");
    let session = world.officer();
    let (public, private) = world.pair(session, "doomed");
    world.fault("device.power_loss hsm-eus-2 for=60s");
    for key in [public, private] {
        world.client.run(world.client.destroy_object(session, key)).unwrap();
    }
    world.pass(Duration::from_secs(600));
    world.recover();
    assert_eq!(world.holdings(1).len(), 2, "the returning member still has it");
    assert!(world.holdings(0).is_empty());
    let label = world.cluster.topology().groups[0].label.clone();
    world.client.run(world.client.ha_synchronize(&label)).unwrap();
    assert_eq!(world.holdings(0), world.holdings(1));
    assert_eq!(world.find(session, "doomed").len(), 2);
}

#[test]
fn a_synchronisation_brings_every_key_to_every_member() {
    let world = World::ha_dr_with("preset = \"luna\"");
    let session = world.officer();
    world.fault("link.cut client:hsm-eus-2");
    world.pair(session, "one");
    let other = world.another();
    world.fault("link.cut client:hsm-eus-1");
    other.pair(other.officer(), "two");
    world.heal_all();
    for client in [&world, &other] {
        client.client.shut_down();
    }
    let third = world.another();
    let group = &third.cluster.topology().groups[0];
    assert!(third.cluster.needs_sync(group).unwrap());
    third.client.run(third.client.ha_synchronize(&group.label)).unwrap();
    assert!(!third.cluster.needs_sync(group).unwrap());
    assert_eq!(third.holdings(0).len(), 4);
}

#[test]
fn a_member_absent_at_the_start_is_recovered_like_any_other() {
    let world = World::new("ha-dr");
    world.fault("link.cut client:hsm-eus-1");
    let late = world.another();
    let session = late.officer();
    let (_, key) = late.pair(session, "k");
    assert!(!late.usable(0));
    late.heal_all();
    late.recover();
    assert!(late.usable(0));
    assert_eq!(late.served_by(|world| world.sign(session, key).unwrap()).1, [0]);
}

#[test]
fn a_zeroized_member_is_a_lost_member_and_keeps_its_serial_number() {
    let (world, events) = World::new("ha-pair").recorded();
    let session = world.officer();
    let (_, key) = world.pair(session, "k");
    let serial = world.client.run(world.client.ha_state(world.slot)).unwrap().members[1].0.clone();
    world.fault("device.zeroize hsm-eus-2");
    world.sign(session, key).unwrap();
    world.pair(session, "meanwhile");
    assert_eq!(events.count("member_lost", "hsm-eus-2"), 1);
    assert_eq!(events.count("copy_owed", "hsm-eus-2"), 1);
    world.pass(Duration::from_secs(600));
    world.recover();
    assert!(!world.usable(1), "a blank partition cannot take what it is owed");
    assert!(world.holdings(1).is_empty());
    // A Luna partition that is set up anew has another serial number; here it keeps its own.
    let state = world.client.run(world.client.ha_state(world.slot)).unwrap();
    assert_eq!(state.members[1].0, serial);
}

#[test]
fn several_calls_at_once_make_one_attempt() {
    let world = World::ha_dr_with("recovery_mode = \"passive\"\nrecovery_attempts = -1");
    let told = Arc::new(Mutex::new(0));
    let session = world.officer();
    let (_, key) = world.pair(session, "k");
    let others: Vec<_> = (0..4).map(|_| world.open()).collect();
    world.fault("device.power_loss hsm-eus-1 for=30s");
    world.sign(session, key).unwrap();
    for _ in 0..10 {
        world.pair(session, "made meanwhile");
    }
    world.pass(Duration::from_secs(600));
    let tell = Arc::clone(&told);
    world.client.watch_copying(Arc::new(move |_, of| *tell.lock().unwrap() += of));
    let calls = others.iter().map(|&session| world.client.random(session, 8));
    world.client.run(async { Ok(futures_util::future::join_all(calls).await) }).unwrap();
    assert_eq!(*told.lock().unwrap(), 20, "each object was copied once");
}
