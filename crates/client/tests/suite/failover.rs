//! What an application sees when members are lost (facts: Luna guide, "Failover", "Standby
//! Members").

use std::time::Duration;

use hsmsim_client::Room;
use hsmsim_partition::api::OperationKind;
use hsmsim_types::{Attribute, ck::*};

use crate::world::{World, code};

const SECOND: Duration = Duration::from_secs(1);
const RECEIVE_TIMEOUT: Duration = Duration::from_secs(20);

#[test]
fn a_signature_costs_the_round_trip_of_the_topology() {
    let world = World::new("ha-pair");
    let session = world.officer();
    let (_, key) = world.pair(session, "k");
    world.sign(session, key).unwrap();
    let topology = world.cluster.topology();
    let expected = topology.round_trip(topology.client, topology.devices[0].place).rtt;
    let mut times: Vec<Duration> =
        (0..200).map(|_| world.timed(|world| world.sign(session, key).unwrap()).1).collect();
    times.sort();
    let median = times[100];
    assert!(median.abs_diff(expected) < Duration::from_micros(200), "{median:?} {expected:?}");
}

#[test]
fn a_silent_primary_delays_a_signature_by_the_receive_timeout_and_no_more() {
    let world = World::new("ha-dr");
    let session = world.officer();
    let (public, key) = world.pair(session, "k");
    world.sign(session, key).unwrap();
    world.fault("device.power_loss hsm-eus-1");
    let (signature, time) = world.timed(|world| world.sign(session, key).unwrap());
    assert!(time >= RECEIVE_TIMEOUT && time < RECEIVE_TIMEOUT + SECOND, "{time:?}");
    world.verify(session, public, &signature).unwrap();
    let (_, time) = world.timed(|world| world.sign(session, key).unwrap());
    assert!(time < SECOND, "the lost member is not asked again: {time:?}");
}

#[test]
fn when_one_call_has_found_a_member_gone_the_others_move_on_with_it() {
    let world = World::new("ha-dr");
    let (first, second) = (world.officer(), world.open());
    let (_, key) = world.pair(first, "k");
    for session in [first, second] {
        world.sign(session, key).unwrap();
    }
    world.fault("device.power_loss hsm-eus-1");
    let client = &world.client;
    let find = async |session, delay: Duration| {
        world.cluster.clock().sleep(delay).await;
        let template = [Attribute::bytes(CKA_LABEL, *b"k")].into_iter().collect();
        client.find_init(session, template).await
    };
    let (results, time) = world.timed(|world| {
        world.client.run(async {
            let both =
                futures_util::future::join(find(first, Duration::ZERO), find(second, 15 * SECOND));
            Ok(both.await)
        })
    });
    let (one, two) = results.unwrap();
    one.unwrap();
    two.unwrap();
    assert!(time < RECEIVE_TIMEOUT + SECOND, "the second call did not wait its own time: {time:?}");
}

#[test]
fn a_refused_link_fails_over_at_once() {
    let world = World::new("ha-dr");
    let session = world.officer();
    let (_, key) = world.pair(session, "k");
    world.fault("link.cut client:hsm-eus-1");
    let (signature, time) = world.timed(|world| world.sign(session, key));
    assert_eq!(signature.unwrap().len(), 64);
    assert!(time < SECOND, "{time:?}");
}

#[test]
fn a_loss_and_return_of_power_between_two_calls_still_ends_the_member_s_sessions() {
    let world = World::new("ha-dr");
    let session = world.officer();
    let (_, key) = world.pair(session, "k");
    world.sign(session, key).unwrap();
    world.fault("device.power_loss hsm-eus-1 for=5s");
    world.pass(200 * SECOND);
    let (signature, time) = world.timed(|world| world.sign(session, key));
    assert_eq!(signature.unwrap().len(), 64);
    assert!(time < SECOND, "the connection was reset, not silent: {time:?}");
    let state = world.client.run(world.client.ha_state(world.slot)).unwrap();
    assert_eq!(state.members[0].1.0, CKR_DEVICE_ERROR, "recovery is off");
}

#[test]
fn standby_serves_only_when_every_active_member_is_gone() {
    let world = World::new("ha-dr");
    let session = world.officer();
    let (_, key) = world.pair(session, "k");
    let served = |device: usize| world.cluster.served(device);
    let far = served(2) + served(3);
    for _ in 0..20 {
        world.sign(session, key).unwrap();
    }
    assert_eq!(served(2) + served(3), far, "no call went to a standby member");
    world.fault("link.cut client:hsm-eus-1");
    world.fault("link.cut client:hsm-eus-2");
    world.sign(session, key).unwrap();
    assert!(served(2) > 0);
}

#[test]
fn a_multi_part_operation_ends_with_its_member_and_must_be_begun_anew() {
    let world = World::new("ha-dr");
    let session = world.officer();
    let (_, key) = world.pair(session, "k");
    let kind = OperationKind::Sign;
    world.init(session, kind, CKM_ECDSA_SHA256, key).unwrap();
    let update = || world.client.run(world.client.update(session, kind, b"part", Room::Bytes(0)));
    update().unwrap();
    world.fault("link.cut client:hsm-eus-1");
    assert_eq!(code(update()), "CKR_DEVICE_ERROR");
    assert_eq!(code(update()), "CKR_OPERATION_NOT_INITIALIZED");
    world.init(session, kind, CKM_ECDSA_SHA256, key).unwrap();
    update().unwrap();
    world.client.run(world.client.finish(session, kind, Room::Bytes(64))).unwrap();
}

#[test]
fn with_all_members_lost_sessions_find_an_error_and_beginners_no_token() {
    let world = World::new("ha-dr");
    let session = world.officer();
    let (_, key) = world.pair(session, "k");
    world.fault("region.loss eastus");
    world.fault("region.loss eastus2");
    assert_eq!(code(world.sign(session, key)), "CKR_DEVICE_ERROR");
    let open = world.client.open_session(world.slot, CKF_SERIAL_SESSION);
    assert_eq!(code(world.client.run(open)), "CKR_TOKEN_NOT_PRESENT");
    let info = world.client.token_info(world.slot);
    assert_eq!(code(world.client.run(info)), "CKR_TOKEN_NOT_PRESENT");
    assert_eq!(world.client.slots(false).len(), 10, "slots keep their numbers");
    assert_eq!(world.client.slots(true).len(), 9);
}

#[test]
fn without_retry_the_application_repeats_calls_itself() {
    let world = World::ha_dr_with("preset = \"no-retry\"");
    let session = world.officer();
    let (_, key) = world.pair(session, "k");
    world.fault("link.cut client:hsm-eus-1");
    assert_eq!(code(world.sign(session, key)), "CKR_DEVICE_ERROR");
    world.sign(session, key).unwrap();
}

#[test]
fn a_session_object_is_usable_after_the_loss_of_its_member() {
    let world = World::new("ha-dr");
    let session = world.officer();
    let (public, key) = world.try_pair(session, "session key", false).unwrap();
    world.fault("link.cut client:hsm-eus-1");
    let signature = world.sign(session, key).unwrap();
    world.verify(session, public, &signature).unwrap();
}

#[test]
fn a_key_is_generated_though_the_primary_is_lost_meanwhile() {
    let world = World::new("ha-dr");
    let session = world.officer();
    world.fault("device.power_loss hsm-eus-1");
    let (made, time) = world.timed(|world| world.try_pair(session, "late", true));
    made.unwrap();
    assert!(time >= RECEIVE_TIMEOUT && time < RECEIVE_TIMEOUT + SECOND, "{time:?}");
    assert_eq!(world.find(session, "late").len(), 2);
}

#[test]
fn a_dead_member_does_not_delay_the_first_use_of_a_near_one() {
    let world = World::new("ha-dr");
    world.fault("device.power_loss hsm-eus-2");
    let (_, time) = world.timed(|world| world.officer());
    assert!(time < SECOND, "{time:?}");
}

#[test]
fn a_slot_without_ha_is_found_again_by_the_next_session() {
    let world = World::new("single");
    let session = world.officer();
    let (_, key) = world.pair(session, "k");
    world.fault("link.cut client:hsm-eus-1");
    assert_eq!(code(world.sign(session, key)), "CKR_DEVICE_ERROR");
    world.heal_all();
    assert_eq!(world.client.slots(true).len(), world.client.slots(false).len() - 1);
    let session = world.open();
    let public = Attribute::ulong(CKA_CLASS, CKO_PUBLIC_KEY);
    let find = world.client.find_init(session, [public].into_iter().collect());
    world.client.run(find).unwrap();
    assert_eq!(world.client.find(session, 9).unwrap().len(), 1);
}
