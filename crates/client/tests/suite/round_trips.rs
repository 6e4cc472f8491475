//! What calls take, against what `hsmsim topology show` says that their links take.

use std::time::Duration;

use hsmsim_client::Room;
use hsmsim_partition::api::OperationKind;
use hsmsim_sim_config::Topology;
use hsmsim_types::{ObjectHandle, Role, SessionHandle, ck::*};

use crate::world::{USER_PIN, World};

/// A call with a session that has sessions on all members, and a private key.
type Call = fn(&World, SessionHandle, ObjectHandle);

fn sign_init(world: &World, session: SessionHandle, key: ObjectHandle) {
    world.init(session, OperationKind::Sign, CKM_ECDSA, key).unwrap();
}

/// By the names of the table.
const CALLS: [(&str, Call); 11] = [
    ("C_OpenSession", |world, _, _| {
        world.open();
    }),
    ("C_Login", |world, session, _| {
        world.login_as(session, Role::CryptoOfficer, USER_PIN).unwrap();
    }),
    ("C_FindObjectsInit … Final", |world, session, _| drop(world.find(session, "k"))),
    ("C_GetAttributeValue", |world, session, key| {
        world.client.run(world.client.attributes(session, key, vec![CKA_LABEL])).unwrap();
    }),
    ("C_SignInit, once per key", sign_init),
    ("C_SignInit, from then on", sign_init),
    ("C_Sign", |world, session, _| {
        let kind = OperationKind::Sign;
        let call = world.client.one_part(session, kind, &[7; 32], Room::Bytes(64));
        world.client.run(call).unwrap();
    }),
    ("C_SignUpdate, C_SignFinal", |world, session, _| {
        world
            .client
            .run(world.client.update(session, OperationKind::Sign, &[7; 32], Room::Bytes(0)))
            .unwrap();
    }),
    ("C_GenerateKeyPair, token", |world, session, _| {
        world.pair(session, "another");
    }),
    ("C_GenerateKeyPair, session", |world, session, _| {
        world.try_pair(session, "short-lived", false).unwrap();
    }),
    ("C_DestroyObject, token", |world, session, key| {
        world.client.run(world.client.destroy_object(session, key)).unwrap();
    }),
];

/// What is done before the call that is timed, so that nothing but this call is.
fn before(call: &str, world: &World, session: SessionHandle, key: ObjectHandle) {
    let client = &world.client;
    match call {
        "C_Login" => client.run(client.logout(session)).unwrap(),
        "C_SignInit, from then on" | "C_Sign" => {
            sign_init(world, session, key);
            if call == "C_SignInit, from then on" {
                client.run(client.operation_cancel(session, OperationKind::Sign)).unwrap();
            }
        }
        "C_SignUpdate, C_SignFinal" => {
            world.init(session, OperationKind::Sign, CKM_ECDSA_SHA256, key).unwrap();
        }
        _ => {}
    }
}

#[test]
fn a_call_takes_the_round_trips_that_topology_show_says() {
    for name in ["ha-pair", "ha-dr"] {
        let text = Topology::shipped_text(name).unwrap();
        for (call, work) in CALLS {
            let world = World::of_text(&format!("{text}\n[links]\njitter = \"none\"\n"));
            let topology = world.cluster.topology();
            let costs = topology.call_costs(&topology.groups[0], topology.client);
            let said = costs.iter().find(|cost| cost.function == call).unwrap();
            assert_eq!(costs.len(), CALLS.len(), "every line of the table is held against a call");
            let session = world.officer();
            let (_, key) = world.pair(session, "k");
            world.try_pair(session, "session", false).unwrap();
            before(call, &world, session, key);
            let ((), took) = world.timed(|world| work(world, session, key));
            assert!(
                took.abs_diff(said.expected) < Duration::from_micros(1),
                "{name}: {call} takes {took:?}, {said:?}"
            );
        }
    }
}
