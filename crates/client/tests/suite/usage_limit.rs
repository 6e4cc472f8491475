//! The uses of a key with CKA_USAGE_LIMIT, which a group counts as one token does.

use std::time::Duration;

use futures_util::future::join;
use hsmsim_client::{Output, Room};
use hsmsim_partition::api::{AttributeResult, OperationKind};
use hsmsim_types::{
    Attribute, AttributeValue, Mechanism, ObjectHandle, Params, Result, SessionHandle, ck::*,
};

use crate::world::{World, code};

const SIGN: OperationKind = OperationKind::Sign;

fn key(world: &World, session: SessionHandle, more: Vec<Attribute>) -> ObjectHandle {
    let template = [
        Attribute::bool(CKA_TOKEN, true),
        Attribute::bool(CKA_EXTRACTABLE, true),
        Attribute::bool(CKA_SIGN, true),
        Attribute::bool(CKA_WRAP, true),
        Attribute::ulong(CKA_VALUE_LEN, 32),
    ];
    let template = template.into_iter().chain(more).collect();
    let mechanism = Mechanism::plain(CKM_AES_KEY_GEN);
    world.client.run(world.client.generate_key(session, mechanism, template)).unwrap()
}

fn sign(world: &World, session: SessionHandle, key: ObjectHandle) -> Result<Output> {
    world.init(session, SIGN, CKM_AES_CMAC, key)?;
    world.client.run(world.client.one_part(session, SIGN, b"data", Room::Bytes(16)))
}

fn count(world: &World, session: SessionHandle, key: ObjectHandle) -> u64 {
    let asked = world.client.attributes(session, key, vec![CKA_USAGE_COUNT]);
    match world.client.run(asked).unwrap().remove(0) {
        AttributeResult::Value(AttributeValue::Ulong(count)) => count,
        other => panic!("{other:?}"),
    }
}

/// Heals what there is, and brings lost members back.
fn settle(world: &World) {
    world.pass(Duration::from_secs(600));
    world.heal_all();
    world.recover();
    assert_eq!(world.holdings(0), world.holdings(1));
}

#[test]
fn a_group_counts_the_uses_of_a_key_as_one_token_does() {
    let world = World::with_profile("ha-pair", "a790");
    let session = world.officer();
    let limited = key(&world, session, vec![Attribute::ulong(CKA_USAGE_LIMIT, 7)]);
    assert_eq!(count(&world, session, limited), 0);
    sign(&world, session, limited).unwrap();
    assert_eq!(world.holdings(0), world.holdings(1));

    // The other member knows what was used, and tells it when the first returns.
    world.fault("link.cut client:hsm-eus-1 for=60s");
    sign(&world, session, limited).unwrap();
    assert_eq!(count(&world, session, limited), 2);
    settle(&world);
    assert_eq!(count(&world, session, limited), 2);

    // Several parts are one use, and so is a wrapping whose length was asked for before.
    world.init(session, SIGN, CKM_AES_CMAC, limited).unwrap();
    let update = world.client.update(session, SIGN, b"da", Room::Query);
    world.client.run(update).unwrap();
    world.client.run(world.client.finish(session, SIGN, Room::Bytes(16))).unwrap();
    assert_eq!(count(&world, session, limited), 3);
    let other = key(&world, session, vec![]);
    let padded = || Mechanism { kind: CKM_AES_CBC_PAD, params: Params::Bytes(vec![0; 16]) };
    for (room, uses) in [(Room::Query, 3), (Room::Bytes(1), 3), (Room::Bytes(64), 4)] {
        let wrap = world.client.wrap_key(session, padded(), limited, other, None, room);
        world.client.run(wrap).unwrap();
        assert_eq!(count(&world, session, limited), uses, "{room:?}");
    }

    // The primary is lost when it has counted and before it could tell: the use is made on the other.
    world.init(session, SIGN, CKM_AES_CMAC, limited).unwrap();
    let topology = world.cluster.topology();
    let near = topology.round_trip(topology.client, topology.devices[0].place).rtt;
    let call = world.client.one_part(session, SIGN, b"data", Room::Bytes(16));
    let strike = async {
        world.cluster.clock().sleep(near + near / 4).await;
        world.fault("device.power_loss hsm-eus-1 for=60s");
    };
    world.client.run(async { join(call, strike).await.0 }).unwrap();
    assert_eq!(count(&world, session, limited), 5);
    settle(&world);

    sign(&world, session, limited).unwrap();
    sign(&world, session, limited).unwrap();
    for cut in [None, Some("link.cut client:hsm-eus-1 for=60s")] {
        cut.map(|fault| world.fault(fault));
        assert_eq!(code(sign(&world, session, limited)), "CKR_KEY_NOT_ACTIVE", "{cut:?}");
        assert_eq!(count(&world, session, limited), 7);
    }
}

#[test]
fn the_uses_of_one_key_are_the_primary_s_and_those_of_others_are_shared() {
    let world = World::with_profile("ha-pair", "a790");
    let session = world.officer();
    let limited = key(&world, session, vec![Attribute::ulong(CKA_USAGE_LIMIT, 100)]);
    let free = key(&world, session, vec![]);
    let uses = |key| {
        let before = world.served();
        for _ in 0..10 {
            sign(&world, session, key).unwrap();
        }
        let after = world.served();
        after.iter().zip(before).map(|(after, before)| after - before).collect::<Vec<_>>()
    };
    let (of_limited, of_free) = (uses(limited), uses(free));
    // To the other member goes a copy after each use.
    assert_eq!(of_limited[1], 10, "{of_limited:?}");
    assert!(of_limited[0] >= 20, "{of_limited:?}: C_SignInit is asked each time");
    assert!(of_free.iter().sum::<u64>() <= 12, "{of_free:?}");
}
