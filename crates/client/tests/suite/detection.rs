//! When a member counts as lost (facts: Luna guide, "Failover", "Timeouts"). Silence and refusal in
//! the middle of use are tested in `failover.rs`; that computing does not count, in `call.rs`.

use std::time::Duration;

use futures_util::future::join;
use hsmsim_types::ck::*;

use crate::world::{World, code};

const SECOND: Duration = Duration::from_secs(1);
const RECEIVE_TIMEOUT: Duration = Duration::from_secs(20);

/// A session with a key, and a signature under the fault: how long it took, and whether the first
/// member was given up for it.
fn sign_under(world: &World, fault: &str) -> (Duration, bool) {
    let session = world.officer();
    let (_, key) = world.pair(session, "k");
    world.sign(session, key).unwrap();
    world.fault(fault);
    let (signature, time) = world.timed(|world| world.sign(session, key));
    signature.unwrap();
    (time, !world.usable(0))
}

#[test]
fn every_silent_fault_is_found_out_after_the_receive_timeout() {
    for fault in [
        "device.power_loss hsm-eus-1",
        "device.hang hsm-eus-1",
        "link.blackhole client:hsm-eus-1",
        "link.hold client:hsm-eus-1",
        "stamp.loss eastus/stamp1",
    ] {
        let (time, given_up) = sign_under(&World::new("ha-dr"), fault);
        assert!((RECEIVE_TIMEOUT..RECEIVE_TIMEOUT + SECOND).contains(&time), "{fault}: {time:?}");
        assert!(given_up, "{fault}");
    }
}

#[test]
fn every_refusal_is_found_out_at_once() {
    for fault in ["device.restart hsm-eus-1", "link.cut client:hsm-eus-1"] {
        let (time, given_up) = sign_under(&World::new("ha-dr"), fault);
        assert!(time < SECOND && given_up, "{fault}: {time:?}");
    }
}

#[test]
fn a_member_that_is_slow_but_within_the_timeout_is_kept() {
    let delay = "link.delay client:hsm-eus-1 extra=9s";
    let (time, given_up) = sign_under(&World::new("ha-dr"), delay);
    assert!((18 * SECOND..19 * SECOND).contains(&time), "{time:?}");
    assert!(!given_up);
}

#[test]
fn a_link_that_is_held_up_for_less_than_the_timeout_loses_nobody() {
    let world = World::new("ha-dr");
    let session = world.officer();
    world.client.run(world.client.random(session, 8)).unwrap();
    world.fault("link.hold client:hsm-eus-1 for=15s");
    let released = async {
        world.cluster.clock().sleep(15 * SECOND).await;
        world.cluster.refresh();
    };
    let call = world.client.random(session, 8);
    let (answer, time) =
        world.timed(|world| world.client.run(async { join(call, released).await.0 }));
    answer.unwrap();
    assert!((15 * SECOND..16 * SECOND).contains(&time), "{time:?}");
    assert!(world.usable(0));
}

#[test]
fn a_member_slower_than_the_timeout_is_given_up_though_it_lives() {
    let delay = "link.delay client:hsm-eus-1 extra=11s";
    let (time, given_up) = sign_under(&World::new("ha-dr"), delay);
    assert!((RECEIVE_TIMEOUT..RECEIVE_TIMEOUT + SECOND).contains(&time), "{time:?}");
    assert!(given_up);
}

#[test]
fn the_receive_timeout_is_a_setting() {
    let world = World::ha_dr_with("receive_timeout = \"3s\"");
    let (time, _) = sign_under(&world, "device.power_loss hsm-eus-1");
    assert!((3 * SECOND..4 * SECOND).contains(&time), "{time:?}");
}

#[test]
fn a_member_after_the_other_costs_a_timeout_of_its_own() {
    let world = World::new("ha-dr");
    let session = world.officer();
    let (_, key) = world.pair(session, "k");
    world.fault("device.power_loss hsm-eus-1");
    world.fault("device.power_loss hsm-eus-2");
    let (signature, time) = world.timed(|world| world.sign(session, key));
    signature.unwrap();
    assert!((2 * RECEIVE_TIMEOUT..2 * RECEIVE_TIMEOUT + SECOND).contains(&time), "{time:?}");
}

#[test]
fn a_member_that_nobody_asks_is_not_missed() {
    let world = World::new("ha-dr");
    let session = world.officer();
    let (_, key) = world.pair(session, "k");
    world.fault("link.cut client:hsm-eus-2");
    world.pass(600 * SECOND);
    world.sign(session, key).unwrap();
    assert!(world.usable(1), "the primary answered; the other was not asked");
    world.pair(session, "another");
    assert!(!world.usable(1), "a copy could not be brought to it");
}

#[test]
fn with_every_member_silent_at_the_start_a_session_is_refused_after_the_connect_timeouts() {
    let world = World::new("ha-dr");
    world.fault("region.loss eastus");
    world.fault("region.loss eastus2");
    let open = world.client.open_session(world.slot, CKF_SERIAL_SESSION);
    let (outcome, time) = world.timed(|world| world.client.run(open));
    assert_eq!(code(outcome), "CKR_TOKEN_NOT_PRESENT");
    assert!(time <= 4 * 10 * SECOND + SECOND, "{time:?}");
}
