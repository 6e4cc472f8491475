//! Which member serves a call (facts: Luna guide, "Standby Members", "Performance"). The rule by
//! itself is tested in `choose.rs`; here is what an application can see of it.

use futures_util::future::{join, join_all};
use hsmsim_client::Room;
use hsmsim_partition::api::OperationKind;
use hsmsim_types::{ObjectHandle, SessionHandle, ck::*};

use crate::world::World;

const SIGN: OperationKind = OperationKind::Sign;

/// One signature with each of these sessions, all at the same time.
fn sign_at_once(world: &World, sessions: &[SessionHandle], key: ObjectHandle) {
    for &session in sessions {
        world.init(session, SIGN, CKM_ECDSA, key).unwrap();
    }
    let client = &world.client;
    let calls =
        sessions.iter().map(|&session| client.one_part(session, SIGN, &[7; 32], Room::Bytes(64)));
    let all = client.run(async { Ok(join_all(calls).await) }).unwrap();
    all.into_iter().for_each(|outcome| drop(outcome.unwrap()));
}

/// Sessions that have signed once on each active member, and a key.
fn warm(world: &World, count: usize) -> (Vec<SessionHandle>, ObjectHandle) {
    let first = world.officer();
    let (_, key) = world.pair(first, "k");
    let sessions: Vec<_> = std::iter::once(first).chain((1..count).map(|_| world.open())).collect();
    for _ in 0..3 {
        sign_at_once(world, &sessions, key);
    }
    (sessions, key)
}

#[test]
fn one_call_at_a_time_runs_on_the_primary_alone() {
    let world = World::new("ha-dr");
    let (sessions, key) = warm(&world, 2);
    for session in [sessions[0], sessions[1], sessions[0]] {
        let ((), devices) = world.served_by(|world| sign_at_once(world, &[session], key));
        assert_eq!(devices, [0]);
    }
}

#[test]
fn a_second_call_goes_to_the_next_member_while_the_first_is_busy() {
    let world = World::new("ha-dr");
    let (sessions, key) = warm(&world, 2);
    let before = world.served();
    sign_at_once(&world, &sessions, key);
    let grew: Vec<u64> =
        world.served().iter().zip(&before).map(|(after, before)| after - before).collect();
    assert_eq!(grew, [1, 1, 0, 0], "one each, and the standby members none");
}

#[test]
fn many_calls_spread_over_the_active_members_evenly() {
    let world = World::new("ha-dr");
    let (sessions, key) = warm(&world, 8);
    let before = world.served();
    sign_at_once(&world, &sessions, key);
    let grew: Vec<u64> =
        world.served().iter().zip(&before).map(|(after, before)| after - before).collect();
    assert_eq!(grew, [4, 4, 0, 0]);
}

#[test]
fn random_numbers_are_balanced_as_signatures_are() {
    let world = World::new("ha-dr");
    let (one, two) = (world.officer(), world.open());
    let client = &world.client;
    let both =
        || client.run(async { Ok(join(client.random(one, 8), client.random(two, 8)).await) });
    let (_, devices) = world.served_by(|_| both().unwrap());
    assert_eq!(devices, [0, 1]);
}

#[test]
fn multi_part_operations_stay_on_the_primary_however_busy_it_is() {
    let world = World::new("ha-dr");
    let (sessions, key) = warm(&world, 4);
    for &session in &sessions {
        world.init(session, SIGN, CKM_ECDSA_SHA256, key).unwrap();
    }
    let client = &world.client;
    let ((), devices) = world.served_by(|_| {
        for _ in 0..3 {
            let parts = sessions
                .iter()
                .map(|&session| client.update(session, SIGN, b"part", Room::Bytes(0)));
            let all = client.run(async { Ok(join_all(parts).await) }).unwrap();
            all.into_iter().for_each(|outcome| drop(outcome.unwrap()));
        }
        let ends = sessions.iter().map(|&session| client.finish(session, SIGN, Room::Bytes(64)));
        let all = client.run(async { Ok(join_all(ends).await) }).unwrap();
        all.into_iter().for_each(|outcome| drop(outcome.unwrap()));
    });
    assert_eq!(devices, [0]);
}

#[test]
fn searches_and_attributes_are_the_primary_s_however_busy_it_is() {
    let world = World::new("ha-dr");
    let (sessions, key) = warm(&world, 4);
    let client = &world.client;
    let ((), devices) = world.served_by(|_| {
        let reads =
            sessions.iter().map(|&session| client.attributes(session, key, vec![CKA_LABEL]));
        let all = client.run(async { Ok(join_all(reads).await) }).unwrap();
        all.into_iter().for_each(|outcome| drop(outcome.unwrap()));
    });
    assert_eq!(devices, [0]);
}

#[test]
fn the_next_member_is_primary_when_the_first_is_lost_and_the_first_again_when_it_is_back() {
    let world = World::new("ha-dr");
    let (sessions, key) = warm(&world, 1);
    let sign = |world: &World| sign_at_once(world, &sessions, key);
    world.fault("link.cut client:hsm-eus-1");
    sign(&world);
    assert_eq!(world.served_by(sign).1, [1]);
    assert_eq!(world.served_by(|world| world.find(sessions[0], "k")).1, [1], "key management too");
    world.heal_all();
    world.recover();
    assert_eq!(world.served_by(sign).1, [0]);
}

#[test]
fn a_standby_member_steps_back_when_an_active_one_returns() {
    let world = World::new("ha-dr");
    let (sessions, key) = warm(&world, 2);
    let sign = |world: &World| sign_at_once(world, &sessions, key);
    for device in ["hsm-eus-1", "hsm-eus-2"] {
        world.fault(&format!("link.cut client:{device}"));
    }
    sign(&world);
    assert_eq!(world.served_by(sign).1, [2, 3], "the standby members share the load between them");
    world.heal_all();
    world.recover();
    assert_eq!(world.served_by(sign).1, [0, 1]);
}

#[test]
fn one_active_member_that_is_left_serves_alone_and_no_standby_helps() {
    let world = World::new("ha-dr");
    let (sessions, key) = warm(&world, 8);
    world.fault("link.cut client:hsm-eus-1");
    let sign = |world: &World| sign_at_once(world, &sessions, key);
    sign(&world);
    assert_eq!(world.served_by(sign).1, [1]);
}
