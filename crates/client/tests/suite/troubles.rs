//! Faults of devices that have power, and what an application sees of them through a group. Each is
//! seen to bite and to heal.

use std::time::Duration;

use hsmsim_types::ck::*;

use crate::world::{World, code};

/// Sets a fault on every device of the pair: no other member can hide it.
fn strike(world: &World, fault: &str, rest: &str) {
    for device in ["hsm-eus-1", "hsm-eus-2"] {
        world.fault(&format!("{fault} {device} {rest}"));
    }
}

#[test]
fn a_stalled_device_sends_heartbeats_and_no_client_fails_over() {
    let world = World::new("ha-pair");
    let session = world.officer();
    let (_, key) = world.pair(session, "k");
    world.fault("device.stall hsm-eus-1 for=300s");
    let (signature, took) = world.timed(|world| world.sign(session, key));
    signature.unwrap();
    assert!(took > Duration::from_secs(299), "{took:?}");
    let state = world.client.run(world.client.ha_state(world.slot)).unwrap();
    assert!(state.members.iter().all(|(_, rv)| rv.0 == CKR_OK), "nobody was given up");
}

#[test]
fn a_slow_device_takes_longer_until_it_is_healed() {
    let world = World::new("ha-pair");
    let session = world.officer();
    let (_, key) = world.pair(session, "k");
    let (_, before) = world.timed(|world| world.sign(session, key).unwrap());
    strike(&world, "device.slow", "extra=250ms");
    let (_, slow) = world.timed(|world| world.sign(session, key).unwrap());
    assert!(slow > before + Duration::from_millis(249), "{before:?} {slow:?}");
    world.heal_all();
    let (_, after) = world.timed(|world| world.sign(session, key).unwrap());
    assert!(after < Duration::from_millis(50), "{after:?}");
}

#[test]
fn an_error_rate_answers_with_its_code_and_nothing_is_given_up() {
    let world = World::new("ha-pair");
    let session = world.officer();
    let (_, key) = world.pair(session, "k");
    strike(&world, "device.error_rate", "probability=1 code=CKR_FUNCTION_FAILED");
    assert_eq!(code(world.sign(session, key)), "CKR_FUNCTION_FAILED");
    world.heal_all();
    world.sign(session, key).unwrap();
}

#[test]
fn a_tampered_device_loses_nothing_and_boots_when_the_event_is_cleared() {
    let world = World::new("ha-pair");
    let session = world.officer();
    let (_, key) = world.pair(session, "k");
    let held = world.holdings(0);
    world.fault("device.tamper hsm-eus-1");
    let (_, took) = world.timed(|world| world.sign(session, key).unwrap());
    assert!(took < Duration::from_secs(1), "it refuses at once: {took:?}");
    world.cluster.heal_all().unwrap();
    world.recover();
    assert!(!world.client.serving(world.slot).contains(&"hsm-eus-1".to_owned()), "it boots");
    world.pass(world.cluster.topology().ha.boot_time);
    world.recover();
    assert!(world.client.serving(world.slot).contains(&"hsm-eus-1".to_owned()));
    assert_eq!(world.holdings(0), held);
}

#[test]
fn a_full_device_makes_no_objects_and_signs() {
    let world = World::new("ha-pair");
    let session = world.officer();
    let (_, key) = world.pair(session, "k");
    strike(&world, "device.memory_full", "");
    assert_eq!(code(world.try_pair(session, "more", true)), "CKR_DEVICE_MEMORY");
    world.sign(session, key).unwrap();
    world.heal_all();
    world.pair(session, "more");
}

#[test]
fn without_entropy_there_are_no_keys_and_no_random_numbers() {
    let world = World::new("ha-pair");
    let session = world.officer();
    let (_, key) = world.pair(session, "k");
    strike(&world, "device.entropy_fail", "");
    assert_eq!(code(world.try_pair(session, "more", true)), "CKR_FUNCTION_FAILED");
    let random = world.client.run(world.client.random(session, 8));
    assert_eq!(code(random), "CKR_RANDOM_NO_RNG");
    world.sign(session, key).unwrap();
    world.heal_all();
    world.pair(session, "more");
}

#[test]
fn a_failed_self_test_refuses_all_cryptography_and_sessions_live_on() {
    let world = World::new("ha-pair");
    let session = world.officer();
    let (_, key) = world.pair(session, "k");
    strike(&world, "device.fips_error", "");
    assert_eq!(code(world.sign(session, key)), "CKR_DEVICE_ERROR");
    assert_eq!(world.find(session, "k").len(), 2, "objects are found");
    world.heal_all();
    world.sign(session, key).unwrap();
}

#[test]
fn dropped_sessions_are_a_member_lost_and_recovered() {
    let world = World::new("ha-pair");
    let session = world.officer();
    let (_, key) = world.pair(session, "k");
    world.fault("session.drop_all hsm-eus-1");
    let (_, took) = world.timed(|world| world.sign(session, key).unwrap());
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert_eq!(world.client.serving(world.slot), ["hsm-eus-2"]);
    world.recover();
    assert_eq!(world.client.serving(world.slot).len(), 2);
    world.sign(session, key).unwrap();
}

#[test]
fn a_session_ceiling_is_reached_and_raised() {
    let world = World::new("ha-pair");
    let session = world.officer();
    strike(&world, "session.exhaust", "max=1");
    let flags = CKF_SERIAL_SESSION | CKF_RW_SESSION;
    let more = || world.client.run(world.client.open_session(world.slot, flags));
    assert_eq!(code(more()), "CKR_SESSION_COUNT");
    world.pair(session, "k");
    world.heal_all();
    more().unwrap();
}

#[test]
fn an_expired_certificate_refuses_new_connections_and_leaves_old_ones_alone() {
    let world = World::new("ha-pair");
    let session = world.officer();
    let (_, key) = world.pair(session, "k");
    world.fault("trust.cert_expired hsm-eus-1");
    let before = world.cluster.served(0);
    world.sign(session, key).unwrap();
    assert!(world.cluster.served(0) > before, "what is connected lives on");
    let other = world.another();
    other.officer();
    assert_eq!(other.client.serving(other.slot), ["hsm-eus-2"]);
    world.heal_all();
    other.recover();
    assert_eq!(other.client.serving(other.slot).len(), 2);
}

#[test]
fn a_flapping_link_is_cut_and_works_by_turns() {
    let world = World::new("ha-pair");
    let session = world.officer();
    let (_, key) = world.pair(session, "k");
    world.fault("link.flap client:hsm-eus-1 down=5s up=10s for=60s");
    world.sign(session, key).unwrap();
    assert_eq!(world.client.serving(world.slot), ["hsm-eus-2"]);
    world.recover();
    assert_eq!(world.client.serving(world.slot), ["hsm-eus-2"], "it is down for five seconds");
    world.pass(Duration::from_secs(6));
    world.recover();
    assert_eq!(world.client.serving(world.slot).len(), 2, "it is up for ten");
    world.pass(Duration::from_secs(10));
    world.sign(session, key).unwrap();
    assert_eq!(world.client.serving(world.slot), ["hsm-eus-2"], "down again");
    world.pass(Duration::from_secs(60));
    world.recover();
    world.pass(Duration::from_secs(60));
    world.sign(session, key).unwrap();
    assert_eq!(world.client.serving(world.slot).len(), 2, "healed");
}

#[test]
fn a_region_in_a_brownout_answers_late() {
    let world = World::new("ha-pair");
    let session = world.officer();
    let (_, key) = world.pair(session, "k");
    world.fault("region.brownout eastus extra=40ms");
    let (_, took) = world.timed(|world| world.sign(session, key).unwrap());
    assert!(took > Duration::from_millis(79), "{took:?}");
    world.heal_all();
    let (_, took) = world.timed(|world| world.sign(session, key).unwrap());
    assert!(took < Duration::from_millis(20), "{took:?}");
}

#[test]
fn a_copy_that_a_full_member_refuses_is_owed_to_it() {
    let world = World::new("ha-pair");
    let session = world.officer();
    world.fault("device.memory_full hsm-eus-2");
    world.pair(session, "k");
    assert_eq!((world.holdings(0).len(), world.holdings(1).len()), (2, 0));
    world.heal_all();
    world.recover();
    assert_eq!(world.holdings(1), world.holdings(0));
}
