//! Faults of the network, and what an application sees of them above TCP and TLS. Each is seen to bite
//! and to heal.

use std::time::Duration;

use futures_util::future::join;
use hsmsim_types::{Result, SessionHandle, ck::*};

use crate::world::{World, code};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const RECEIVE_TIMEOUT: Duration = Duration::from_secs(20);

/// A pair of members, and a session on it with a key.
fn pair_with(lines: &str) -> (World, SessionHandle, impl Fn(&World) -> Duration + use<>) {
    let world = World::with("ha-pair", "open", lines);
    let session = world.officer();
    let (_, key) = world.pair(session, "k");
    let sign = move |world: &World| {
        let (signature, took) = world.timed(|world| world.sign(session, key));
        signature.unwrap();
        took
    };
    sign(&world);
    (world, session, sign)
}

fn pair() -> (World, SessionHandle, impl Fn(&World) -> Duration + use<>) {
    pair_with("")
}

/// Times of a number of signatures, sorted.
fn times(world: &World, sign: &impl Fn(&World) -> Duration, count: usize) -> Vec<Duration> {
    let mut times: Vec<_> = (0..count).map(|_| sign(world)).collect();
    times.sort_unstable();
    times
}

fn serving(world: &World) -> Vec<String> {
    world.client.serving(world.slot)
}

fn open(world: &World) -> Result<SessionHandle> {
    world.client.run(world.client.open_session(world.slot, CKF_SERIAL_SESSION))
}

#[test]
fn lost_segments_stall_some_calls_and_fail_none() {
    let (world, _, sign) = pair();
    world.fault("link.loss client probability=0.1");
    let lossy = times(&world, &sign, 200);
    let stalled = lossy.iter().filter(|took| **took >= Duration::from_millis(200)).count();
    // Two messages a signature.
    assert!((20..60).contains(&stalled), "{stalled} of 200");
    assert!(lossy[100] < Duration::from_millis(20), "most are spared: {:?}", lossy[100]);
    assert_eq!(serving(&world).len(), 2);
    world.heal_all();
    assert!(times(&world, &sign, 200)[199] < Duration::from_millis(20));
}

#[test]
fn the_same_loss_in_bursts_strikes_fewer_calls_of_one_caller() {
    let stalled = |burst: &str| {
        let (world, _, sign) = pair();
        world.fault(&format!("link.loss client probability=0.1 {burst}"));
        let times = times(&world, &sign, 1_000);
        times.iter().filter(|took| **took >= Duration::from_millis(200)).count()
    };
    // Who waits for a retransmission sends nothing else into the bad phase.
    let (single, bursts) = (stalled(""), stalled("burst=20ms"));
    assert!(bursts > 0 && bursts * 4 < single, "{single} each by itself, {bursts} in bursts");
}

#[test]
fn a_link_that_loses_everything_is_a_silent_member() {
    let (world, _, sign) = pair();
    world.fault("link.loss client:hsm-eus-1 probability=1");
    let took = sign(&world);
    assert!((RECEIVE_TIMEOUT..RECEIVE_TIMEOUT + SECOND).contains(&took), "{took:?}");
    assert_eq!(serving(&world), ["hsm-eus-2"]);
    world.heal_all();
    world.recover();
    assert_eq!(serving(&world).len(), 2);
    assert!(sign(&world) < SECOND);
}

#[test]
fn duplicates_are_not_seen_and_overtaken_messages_are_late() {
    let (world, _, sign) = pair();
    let before = times(&world, &sign, 50);
    world.fault("link.duplicate client probability=1");
    assert!(times(&world, &sign, 50)[25] < 2 * before[25]);
    world.fault("link.reorder client probability=1 extra=30ms");
    assert!(sign(&world) >= Duration::from_millis(60));
    world.heal_all();
    assert!(sign(&world) < Duration::from_millis(20));
}

#[test]
fn a_limited_rate_lets_messages_wait_for_their_turn() {
    let (world, _, sign) = pair();
    world.fault("link.rate client per_second=10");
    assert!(times(&world, &sign, 20)[0] >= Duration::from_millis(200), "a turn there and one back");
    world.fault("link.duplicate client probability=1");
    assert!(sign(&world) >= Duration::from_millis(400), "a duplicate takes a turn too");
    world.heal_all();
    assert!(sign(&world) < Duration::from_millis(20));
}

#[test]
fn a_heavy_tailed_delay_spares_most_calls_and_hits_some() {
    let (world, _, sign) = pair();
    world.fault("link.delay client extra=1ms spread=20ms distribution=pareto");
    let slow = times(&world, &sign, 1_000);
    assert!(slow[500] < Duration::from_millis(60), "{:?}", slow[500]);
    assert!(slow[995] > Duration::from_millis(150), "{:?}", slow[995]);
    world.heal_all();
    assert!(times(&world, &sign, 100)[99] < Duration::from_millis(20));
}

#[test]
fn a_brown_out_with_loss_delays_all_and_stalls_some() {
    let (world, _, sign) = pair();
    world.fault("region.brownout eastus extra=40ms loss=0.1");
    let slow = times(&world, &sign, 200);
    assert!(slow[0] > Duration::from_millis(79), "{:?}", slow[0]);
    assert!(slow[199] > Duration::from_millis(300), "{:?}", slow[199]);
    world.heal_all();
    assert!(sign(&world) < Duration::from_millis(20));
}

#[test]
fn a_damaged_or_reset_message_costs_the_connection_and_no_call() {
    for fault in ["link.corrupt", "link.reset"] {
        for direction in ["there", "back"] {
            let (world, _, sign) = pair();
            world.fault(&format!("{fault} client:hsm-eus-1 probability=1 direction={direction}"));
            assert!(sign(&world) < SECOND, "{fault}: found out at once");
            assert_eq!(serving(&world), ["hsm-eus-2"], "{fault}");
            world.heal_all();
            world.recover();
            assert_eq!(serving(&world).len(), 2);
            assert!(sign(&world) < SECOND);
        }
    }
}

#[test]
fn a_key_whose_answer_was_damaged_is_made_anew_elsewhere() {
    let (world, session, _) = pair();
    world.fault("link.corrupt client:hsm-eus-1 probability=1 direction=back");
    let (_, key) = world.pair(session, "anew");
    world.sign(session, key).unwrap();
    assert_eq!(serving(&world), ["hsm-eus-2"]);
    assert_eq!(world.find(session, "anew").len(), 2, "the application knows of one pair");
    assert_eq!(world.holdings(0).len(), 4, "a damaged answer is a request that was done");
}

#[test]
fn a_connection_that_was_idle_too_long_swallows_the_next_call() {
    let (world, _, sign) = pair_with("keep_alive = \"off\"");
    world.fault("link.idle_drop client:hsm-eus-1 idle=4m");
    for _ in 0..3 {
        world.pass(3 * MINUTE);
        assert!(sign(&world) < SECOND, "used often enough");
    }
    world.pass(5 * MINUTE);
    let took = sign(&world);
    assert!((RECEIVE_TIMEOUT..RECEIVE_TIMEOUT + SECOND).contains(&took), "{took:?}");
    assert_eq!(serving(&world), ["hsm-eus-2"]);
    // The fault is still there: a new connection is all it takes.
    world.recover();
    assert_eq!(serving(&world).len(), 2);
    assert!(sign(&world) < SECOND);
    world.heal_all();
    world.pass(60 * MINUTE);
    assert!(sign(&world) < SECOND, "nobody minds any more");
}

#[test]
fn after_idling_behind_a_firewall_a_session_opens_only_after_the_timeouts() {
    let (world, _, _) = pair_with("keep_alive = \"off\"");
    world.fault("link.idle_drop client idle=4m");
    world.pass(10 * MINUTE);
    let (outcome, took) = world.timed(open);
    assert_eq!(code(outcome), "CKR_TOKEN_NOT_PRESENT");
    assert!(took >= RECEIVE_TIMEOUT && took < 2 * RECEIVE_TIMEOUT + SECOND, "{took:?}");
    world.recover();
    open(&world).unwrap();
}

#[test]
fn what_a_firewall_has_forgotten_stays_forgotten_when_it_is_healed() {
    let (world, _, sign) = pair_with("keep_alive = \"off\"");
    world.fault("link.idle_drop client:hsm-eus-1 idle=4m for=10m");
    world.pass(10 * MINUTE);
    world.pass(10 * MINUTE);
    assert!(sign(&world) >= RECEIVE_TIMEOUT);
    assert_eq!(serving(&world), ["hsm-eus-2"]);
}

#[test]
fn keep_alive_keeps_a_connection_in_the_firewall_s_memory() {
    let (world, _, sign) = pair_with("keep_alive = \"2m\"");
    world.fault("link.idle_drop client idle=4m");
    world.pass(600 * MINUTE);
    assert!(sign(&world) < SECOND);
    assert_eq!(serving(&world).len(), 2);
}

#[test]
fn keep_alive_that_is_longer_than_the_firewall_s_memory_turns_silence_into_an_error() {
    // The two hours of Linux are longer than any firewall's minutes: nothing is gained before that.
    let (world, _, sign) = pair();
    world.fault("link.idle_drop client:hsm-eus-1 idle=4m");
    world.pass(60 * MINUTE);
    assert!(sign(&world) >= RECEIVE_TIMEOUT, "no probe yet");

    let (world, _, _) = pair();
    world.fault("link.idle_drop client idle=4m");
    world.pass(180 * MINUTE);
    let (info, took) = world.timed(|world| world.client.run(world.client.token_info(world.slot)));
    assert_eq!(code(info), "CKR_TOKEN_NOT_PRESENT");
    assert!(took < SECOND, "the probes have found out: {took:?}");
}

#[test]
fn a_bad_certificate_refuses_new_connections_and_leaves_old_ones_alone() {
    for fault in ["trust.cert_revoked", "trust.cert_mismatch"] {
        for side in ["device", "client"] {
            let (world, _, sign) = pair();
            world.fault(&format!("{fault} hsm-eus-1 side={side}"));
            let before = world.cluster.served(0);
            assert!(sign(&world) < SECOND);
            assert!(world.cluster.served(0) > before, "{fault}: what is connected lives on");
            let other = world.another();
            other.officer();
            assert_eq!(serving(&other), ["hsm-eus-2"], "{fault} {side}");
            world.heal_all();
            other.recover();
            assert_eq!(serving(&other).len(), 2);
        }
    }
}

#[test]
fn a_device_refuses_a_client_s_certificate_one_round_trip_later_than_a_client_the_device_s() {
    let took = |side: &str| {
        let delay = "link.delay client extra=1s";
        let world = World::with("single", "open", "");
        world.fault(delay);
        world.fault(&format!("trust.cert_revoked hsm-eus-1 side={side}"));
        let (outcome, took) = world.timed(open);
        assert_eq!(code(outcome), "CKR_TOKEN_NOT_PRESENT");
        took.as_secs()
    };
    // TCP and TLS take a round trip each; the device's alert comes a third one later.
    assert_eq!((took("device"), took("client")), (4, 6));
}

#[test]
fn two_callers_wait_for_each_other_s_turn_under_a_limited_rate() {
    let world = World::new("single");
    let (first, second) = (world.open(), world.open());
    for session in [first, second] {
        world.client.run(world.client.random(session, 8)).unwrap();
    }
    world.fault("link.rate client per_second=10 direction=there");
    let calls = async { join(world.client.random(first, 8), world.client.random(second, 8)).await };
    let ((one, other), took) =
        world.timed(|world| world.client.run(async { Ok(calls.await) }).unwrap());
    one.and(other).unwrap();
    assert!(took >= Duration::from_millis(200) && took < Duration::from_millis(300), "{took:?}");
}

#[test]
fn a_certificate_made_anew_ends_the_connections_that_there_are() {
    let (world, _, sign) = pair();
    world.fault("trust.cert_mismatch hsm-eus-1 connections=ended");
    assert!(sign(&world) < SECOND);
    assert_eq!(serving(&world), ["hsm-eus-2"]);
    world.recover();
    assert_eq!(serving(&world), ["hsm-eus-2"], "the client knows another certificate");
    world.heal_all();
    world.recover();
    assert_eq!(serving(&world).len(), 2);
}

/// How long a new client takes for its first session while the only device there is cannot be connected,
/// and whether it got one.
fn first_session(fault: &str, lines: &str) -> (Duration, bool) {
    let world = World::with("single", "open", lines);
    let session = world.officer();
    world.fault(fault);
    world.client.run(world.client.random(session, 8)).unwrap();
    let other = world.another();
    let (outcome, took) = other.timed(open);
    world.heal_all();
    other.another().officer();
    (took, outcome.is_ok())
}

#[test]
fn a_blocked_port_refuses_at_once_or_says_nothing() {
    let (took, connected) = first_session("port.blocked hsm-eus-1", "");
    assert!(!connected && took < SECOND, "{took:?}");
    let (took, connected) = first_session("port.blocked hsm-eus-1 answer=dropped", "");
    assert!(!connected && took >= 10 * SECOND && took < 11 * SECOND, "{took:?}");
}

#[test]
fn a_connection_attempt_survives_a_short_block_by_a_packet_sent_again() {
    let world = World::new("single");
    world.fault("port.blocked hsm-eus-1 answer=dropped for=2s");
    let healed = async {
        world.cluster.clock().sleep(2 * SECOND).await;
        world.cluster.refresh();
    };
    let call = world.client.open_session(world.slot, CKF_SERIAL_SESSION);
    let (outcome, took) =
        world.timed(|world| world.client.run(async { join(call, healed).await.0 }));
    outcome.unwrap();
    // Sent again after one second and after two more.
    assert!((3 * SECOND..4 * SECOND).contains(&took), "{took:?}");
}

#[test]
fn a_name_that_cannot_be_resolved_stops_those_who_need_it() {
    let (took, connected) = first_session("dns.fail hsm-eus-1", "");
    assert!(!connected && took == Duration::ZERO, "{took:?}");
    let (_, connected) = first_session("dns.fail hsm-eus-1", "connect_by = \"address\"");
    assert!(connected, "addresses need no name service");
}

#[test]
fn members_stopped_one_by_one_and_back_in_another_order_cost_no_call() {
    let (world, _, sign) = pair_with("recovery_attempts = -1\nboot_time = \"10s\"");
    world.fault("device.swizzle /all count=1 interval=30s");
    let mut stalled = 0;
    for _ in 0..30 {
        stalled += usize::from(sign(&world) >= RECEIVE_TIMEOUT);
        world.pass(10 * SECOND);
    }
    assert!(stalled <= 1, "{stalled}");
    assert!(world.cluster.active_faults().is_empty(), "it ends by itself");
    world.recover();
    assert_eq!(serving(&world).len(), 2);
    let epochs = world.cluster.devices().iter().map(|device| device.state().epoch).sum::<u64>();
    assert_eq!(epochs, 1, "one of the two lost its power");
}

#[test]
fn a_region_lost_with_its_links_leaves_clients_inside_alone() {
    let outcome = |fault: &str| {
        let world = World::new("ha-dr");
        let session = world.officer();
        let (_, key) = world.pair(session, "k");
        world.fault(fault);
        let outcome = world.sign(session, key);
        world.heal_all();
        world.recover();
        assert_eq!(serving(&world).len(), 4);
        outcome
    };
    outcome("region.loss eastus for=5m").unwrap();
    assert_eq!(code(outcome("region.loss eastus links=lost for=5m")), "CKR_DEVICE_ERROR");
}
