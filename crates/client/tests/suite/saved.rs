//! Operations that survive the member they were on: saved, and taken up on the next one.

use hsmsim_client::{Output, Room};
use hsmsim_partition::api::OperationKind::{self, *};
use hsmsim_types::{Attribute, Mechanism, ObjectHandle, Params, Result, SessionHandle, ck::*};

use crate::world::{World, code};

const CUT: &str = "device.power_loss hsm-eus-1";
const ROOM: Room = Room::Bytes(1 << 16);

fn key(world: &World, session: SessionHandle) -> ObjectHandle {
    let template = [
        Attribute::bool(CKA_TOKEN, true),
        Attribute::bool(CKA_SIGN, true),
        Attribute::ulong(CKA_VALUE_LEN, 32),
    ];
    let mechanism = Mechanism::plain(CKM_AES_KEY_GEN);
    let template = template.into_iter().collect();
    world.client.run(world.client.generate_key(session, mechanism, template)).unwrap()
}

fn init(
    world: &World,
    session: SessionHandle,
    kind: OperationKind,
    mechanism: Mechanism,
    key: Option<ObjectHandle>,
) {
    world.client.run(world.client.operation_init(session, kind, mechanism, key)).unwrap();
}

fn cbc() -> Mechanism {
    Mechanism { kind: CKM_AES_CBC_PAD, params: Params::Bytes(vec![1; 16]) }
}

fn out(output: Result<Output>) -> Vec<u8> {
    match output.unwrap() {
        Output::Bytes(bytes) => bytes,
        other => panic!("{other:?}"),
    }
}

fn update(world: &World, session: SessionHandle, kind: OperationKind, data: &[u8]) -> Vec<u8> {
    out(world.client.run(world.client.update(session, kind, data, ROOM)))
}

fn finish(world: &World, session: SessionHandle, kind: OperationKind) -> Vec<u8> {
    out(world.client.run(world.client.finish(session, kind, ROOM)))
}

fn save(world: &World, session: SessionHandle) -> Vec<u8> {
    out(world.client.run(world.client.operation_state(session, ROOM)))
}

#[test]
fn what_was_saved_goes_on_on_the_next_member_after_the_first_is_lost() {
    let world = World::new("ha-pair");
    let (client, session) = (&world.client, world.officer());
    let key = key(&world, session);
    let data: Vec<u8> = (0..77).collect();
    // What each gives without a fault.
    let mut expected = Vec::new();
    for (kind, mechanism, key) in [
        (Digest, Mechanism::plain(CKM_SHA512), None),
        (Encrypt, cbc(), Some(key)),
        (Sign, Mechanism::plain(CKM_AES_CMAC), Some(key)),
    ] {
        init(&world, session, kind, mechanism, key);
        expected.push(out(client.run(client.one_part(session, kind, &data, ROOM))));
    }

    init(&world, session, Digest, Mechanism::plain(CKM_SHA512), None);
    init(&world, session, Encrypt, cbc(), Some(key));
    init(&world, session, Sign, Mechanism::plain(CKM_AES_CMAC), Some(key));
    update(&world, session, Digest, &data[..40]);
    let mut sealed = update(&world, session, Encrypt, &data[..40]);
    update(&world, session, Sign, &data[..40]);
    let state = save(&world, session);

    world.fault(CUT);
    let lost = client.run(client.update(session, Encrypt, &data[40..], ROOM));
    assert_eq!(code(lost), "CKR_DEVICE_ERROR", "the operation itself is lost");

    let set = client.set_operation_state(session, &state, Some(key), Some(key));
    client.run(set).unwrap();
    for kind in [Digest, Sign] {
        update(&world, session, kind, &data[40..]);
    }
    sealed.extend(update(&world, session, Encrypt, &data[40..]));
    sealed.extend(finish(&world, session, Encrypt));
    let signature = finish(&world, session, Sign);
    assert_eq!([finish(&world, session, Digest), sealed, signature].to_vec(), expected);
}

#[test]
fn an_init_alone_can_be_saved_and_still_works_in_one_part() {
    let world = World::new("ha-pair");
    let (client, session) = (&world.client, world.officer());
    let key = key(&world, session);
    init(&world, session, Encrypt, cbc(), Some(key));
    let state = save(&world, session);
    let expected = out(client.run(client.one_part(session, Encrypt, b"data", ROOM)));
    let flags = CKF_SERIAL_SESSION | CKF_RW_SESSION;
    let other = client.run(client.open_session(world.slot, flags)).unwrap();
    client.run(client.set_operation_state(other, &state, Some(key), None)).unwrap();
    assert_eq!(out(client.run(client.one_part(other, Encrypt, b"data", ROOM))), expected);
}

#[test]
fn the_length_is_told_first_and_asking_changes_nothing() {
    let world = World::new("ha-pair");
    let (client, session) = (&world.client, world.officer());
    let none = client.run(client.operation_state(session, Room::Query));
    assert_eq!(code(none), "CKR_OPERATION_NOT_INITIALIZED");
    init(&world, session, Digest, Mechanism::plain(CKM_SHA256), None);
    update(&world, session, Digest, b"a");
    let Ok(Output::Length(len)) = client.run(client.operation_state(session, Room::Query)) else {
        panic!("a length");
    };
    let small = client.run(client.operation_state(session, Room::Bytes(len - 1)));
    assert_eq!(small, Ok(Output::TooSmall(len)));
    assert_eq!(save(&world, session).len(), len);
    update(&world, session, Digest, b"bc");
    let sha = finish(&world, session, Digest);
    assert_eq!(sha[..4], [0xba, 0x78, 0x16, 0xbf]);
}

#[test]
fn what_cannot_be_saved_or_taken_up_says_why_and_stays_active() {
    let world = World::new("ha-pair");
    let (client, session) = (&world.client, world.officer());
    let key = key(&world, session);
    init(&world, session, Encrypt, cbc(), Some(key));
    init(&world, session, Decrypt, cbc(), Some(key));
    let two = client.run(client.operation_state(session, ROOM));
    assert_eq!(code(two), "CKR_STATE_UNSAVEABLE", "there is one place for a cipher's key");
    client.run(client.operation_cancel(session, Decrypt)).unwrap();
    update(&world, session, Encrypt, &[7; 20]);
    let state = save(&world, session);
    let mut damaged = state.clone();
    *damaged.last_mut().unwrap() ^= 1;
    for (state, cipher, authentication, expected) in [
        (&state[..], None, None, "CKR_KEY_NEEDED"),
        (&state[..], Some(key), Some(key), "CKR_KEY_NOT_NEEDED"),
        (&state[..], Some(ObjectHandle(1 << 40)), None, "CKR_KEY_CHANGED"),
        (&damaged[..], Some(key), None, "CKR_SAVED_STATE_INVALID"),
        (&state[..state.len() - 1], Some(key), None, "CKR_SAVED_STATE_INVALID"),
        (&[], Some(key), None, "CKR_SAVED_STATE_INVALID"),
        (&[1; 64], Some(key), None, "CKR_SAVED_STATE_INVALID"),
    ] {
        let set = client.set_operation_state(session, state, cipher, authentication);
        assert_eq!(code(client.run(set)), expected);
    }
    let rest = finish(&world, session, Encrypt);
    client.run(client.set_operation_state(session, &state, Some(key), None)).unwrap();
    assert_eq!(finish(&world, session, Encrypt), rest);
}

#[test]
fn a_signature_that_is_known_beforehand_is_saved_with_its_operation() {
    let world = World::new("ha-pair");
    let (client, session) = (&world.client, world.officer());
    let template = [
        Attribute::bool(CKA_TOKEN, true),
        Attribute::bool(CKA_SIGN, true),
        Attribute::bool(CKA_VERIFY, true),
        Attribute::ulong(CKA_VALUE_LEN, 32),
    ];
    let mechanism = || Mechanism::plain(CKM_AES_CMAC);
    let template = template.into_iter().collect();
    let made = client.generate_key(session, Mechanism::plain(CKM_AES_KEY_GEN), template);
    let key = client.run(made).unwrap();
    init(&world, session, Sign, mechanism(), Some(key));
    let signature = out(client.run(client.one_part(session, Sign, b"first second", ROOM)));
    for (second, expected) in [(&b"second"[..], "CKR_OK"), (b"third", "CKR_SIGNATURE_INVALID")] {
        let begun = client.verify_signature_init(session, mechanism(), key, &signature);
        client.run(begun).unwrap();
        update(&world, session, VerifySignature, b"first ");
        let state = save(&world, session);
        client.run(client.operation_cancel(session, VerifySignature)).unwrap();
        client.run(client.set_operation_state(session, &state, None, Some(key))).unwrap();
        update(&world, session, VerifySignature, second);
        let verified = client.run(client.verify_final(session, VerifySignature, None));
        assert_eq!(verified.map_or_else(|error| code::<()>(Err(error)), |()| "CKR_OK"), expected);
    }
}

#[test]
fn a_result_that_waits_for_its_buffer_cannot_be_saved_and_is_not_lost() {
    let world = World::new("ha-pair");
    let (client, session) = (&world.client, world.officer());
    init(&world, session, Digest, Mechanism::plain(CKM_SHA256), None);
    let small = client.run(client.one_part(session, Digest, b"abc", Room::Bytes(1)));
    assert_eq!(small, Ok(Output::TooSmall(32)));
    let refused = client.run(client.operation_state(session, ROOM));
    assert_eq!(code(refused), "CKR_STATE_UNSAVEABLE");
    assert_eq!(out(client.run(client.one_part(session, Digest, b"abc", ROOM))).len(), 32);
}
