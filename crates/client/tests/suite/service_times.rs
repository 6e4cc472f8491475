//! Service times: a device is a queue in front of its engines, and its throughput is what queueing theory
//! says.

use std::time::Duration;

use hsmsim_client::Room;
use hsmsim_network::{VirtualExecutor, all};
use hsmsim_partition::api::OperationKind;
use hsmsim_sim_config::Profile;
use hsmsim_types::{Mechanism, ObjectHandle, SessionHandle, ck::*};

use crate::world::World;

/// The profile's engines, and how long one is busy with an ECDSA signature on P-256.
fn of_a790() -> (f64, f64) {
    let times = Profile::shipped("a790").unwrap().service_times.unwrap();
    (f64::from(times.engines), times.time("sign_ecdsa_p256").unwrap().as_secs_f64())
}

/// Signatures one after the other in one session.
async fn sign(world: &World, session: SessionHandle, key: ObjectHandle, count: usize) {
    let client = &world.client;
    for _ in 0..count {
        let mechanism = Mechanism::plain(CKM_ECDSA);
        client.operation_init(session, OperationKind::Sign, mechanism, Some(key)).await.unwrap();
        let room = Room::Bytes(64);
        client.one_part(session, OperationKind::Sign, &[7; 32], room).await.unwrap();
    }
}

/// Signatures a second of so many sessions that work at the same time, in virtual time.
fn throughput(topology: &str, sessions: usize, each: usize) -> f64 {
    let world = World::with_profile(topology, "a790");
    let executor = VirtualExecutor::new(world.cluster.clock().clone());
    let first = world.officer();
    let (_, key) = world.pair(first, "key");
    let handles: Vec<SessionHandle> = (0..sessions).map(|_| world.open()).collect();
    let begin = world.now();
    let work = handles.into_iter().map(|session| sign(&world, session, key, each));
    executor.block_on(all(work)).unwrap();
    (sessions * each) as f64 / (world.now() - begin).as_secs_f64()
}

fn assert_near(measured: f64, expected: f64) {
    let ratio = measured / expected;
    assert!((0.97..=1.03).contains(&ratio), "{measured:.0} a second, not {expected:.0}");
}

#[test]
fn below_its_engines_a_device_serves_every_session_at_once() {
    let (_, time) = of_a790();
    for sessions in [1, 4, 8] {
        assert_near(throughput("instant", sessions, 200), sessions as f64 / time);
    }
}

#[test]
fn beyond_its_engines_throughput_is_engines_over_service_time() {
    let (engines, time) = of_a790();
    // Both members of the pair are active, and the load is spread over them.
    assert_near(throughput("instant", 160, 50), 2.0 * engines / time);
}

#[test]
fn the_round_trip_is_part_of_a_session_s_cycle() {
    let (engines, time) = of_a790();
    let topology = hsmsim_sim_config::Topology::shipped("single").unwrap();
    let round_trip = topology.round_trip(topology.client, topology.devices[0].place).rtt;
    let cycle = time + round_trip.as_secs_f64();
    let alone = throughput("single", 1, 1000);
    // The links' jitter makes it a little less.
    assert!((0.85..=1.01).contains(&(alone * cycle)), "{alone:.0} a second, cycle {cycle}");
    assert_near(throughput("single", 200, 50), engines / time);
}

#[test]
fn what_takes_longer_than_the_receive_time_out_loses_no_member() {
    let slow = "sign_ecdsa_p256 = 17_052";
    let text = Profile::shipped_text("a790").unwrap().replacen(slow, "sign_ecdsa_p256 = 0.2", 1);
    let file = tempfile::NamedTempFile::with_suffix(".toml").unwrap();
    std::fs::write(file.path(), text).unwrap();
    let world = World::with_profile("instant", file.path().to_str().unwrap());
    let session = world.officer();
    let (_, key) = world.pair(session, "key");
    let (signed, took) = world.timed(|world| world.sign(session, key));
    assert!(signed.is_ok());
    // Sixteen engines, and one signature in five seconds of them all.
    assert_eq!(took.as_secs(), 80);
    assert!(took > 2 * Duration::from_secs(20), "twice the receive time-out");
    assert!(world.usable(0) && world.usable(1));
}
