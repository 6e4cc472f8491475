//! Calls of who waits, which make no request where nothing holds them up: what comes of them is what comes of requests.

use std::time::Duration;

use hsmsim_client::{Output, Room};
use hsmsim_partition::api::OperationKind::{self, Decrypt, Digest, Encrypt, Sign, Verify};
use hsmsim_types::{
    Attribute, Mechanism, ObjectHandle, Params, Passed, Result, SessionHandle, Template, ck::*,
    lent::lend_with_room,
};

use crate::world::{World, code};

const SECOND: Duration = Duration::from_secs(1);
const RECEIVE_TIMEOUT: Duration = Duration::from_secs(20);

/// What a call gave, and what it left in the caller's room of 200 bytes.
fn collect(output: Result<Output>, room: &[u8; 200]) -> Result<Vec<u8>> {
    output.map(|output| match output {
        Output::Bytes(bytes) => bytes,
        Output::Written(len) => room[..len].to_vec(),
        other => panic!("{other:?}"),
    })
}

/// A world with a session and keys of the token.
struct Caller {
    world: World,
    session: SessionHandle,
    aes: ObjectHandle,
    mac: ObjectHandle,
}

impl Caller {
    const OPERATIONS: usize = 7;

    fn new(topology: &str) -> Self {
        let world = World::new(topology);
        let session = world.officer();
        let key = |key_type: u64, flags: [u64; 2]| {
            let mut template = Template(vec![
                Attribute::bool(CKA_TOKEN, true),
                Attribute::ulong(CKA_CLASS, CKO_SECRET_KEY),
                Attribute::ulong(CKA_KEY_TYPE, key_type),
                Attribute::bytes(CKA_VALUE, [7; 32]),
            ]);
            template.0.extend(flags.map(|flag| Attribute::bool(flag, true)));
            world.client.run(world.client.create_object(session, template)).unwrap()
        };
        let aes = key(CKK_AES, [CKA_ENCRYPT, CKA_DECRYPT]);
        let mac = key(CKK_GENERIC_SECRET, [CKA_SIGN, CKA_VERIFY]);
        Self { world, session, aes, mac }
    }

    /// Mechanism, kind and key of operations whose output is always the same.
    fn operations(&self) -> [(OperationKind, Mechanism, Option<ObjectHandle>); Self::OPERATIONS] {
        let plain = Mechanism::plain;
        let cbc = || Mechanism { kind: CKM_AES_CBC, params: Params::Bytes(vec![5; 16]) };
        let gcm = Params::Gcm { iv: vec![9; 12], iv_bits: 96, aad: vec![1], tag_bits: 128 };
        [
            (Digest, plain(CKM_SHA256), None),
            (Digest, plain(CKM_SHA3_384), None),
            (Sign, plain(CKM_SHA256_HMAC), Some(self.mac)),
            (Sign, plain(CKM_SHA3_256_HMAC), Some(self.mac)),
            (Encrypt, cbc(), Some(self.aes)),
            (Encrypt, Mechanism { kind: CKM_AES_GCM, params: gcm }, Some(self.aes)),
            (Decrypt, cbc(), Some(self.aes)),
        ]
    }

    /// In one part, for who waits; or with room for the output lent.
    fn one_part(
        &self,
        (kind, mechanism, key): &(OperationKind, Mechanism, Option<ObjectHandle>),
        data: &[u8],
        lends_room: bool,
    ) -> Result<Vec<u8>> {
        let client = &self.world.client;
        client.operation_init_now(self.session, *kind, &mut mechanism.clone(), *key)?;
        let mut room = [0; 200];
        let has = Room::Bytes(room.len());
        let output = if lends_room {
            lend_with_room(data, &mut room, |lent| {
                client.run(client.one_part(self.session, *kind, lent, has))
            })
        } else {
            let lend = || Ok(Passed::from(data));
            client.one_part_now(self.session, *kind, data, (has, None), lend)
        };
        collect(output, &room)
    }

    fn mac(&self, data: &[u8]) -> Vec<u8> {
        let operation = (Sign, Mechanism::plain(CKM_SHA256_HMAC), Some(self.mac));
        self.one_part(&operation, data, true).unwrap()
    }

    fn verify(&self, data: &[u8], mac: &[u8]) -> Result<()> {
        let client = &self.world.client;
        let mechanism = &mut Mechanism::plain(CKM_SHA256_HMAC);
        client.operation_init_now(self.session, Verify, mechanism, Some(self.mac))?;
        client.verify_now(self.session, Verify, data, Some(mac), || Ok(Passed::from(data)))
    }

    fn parts(&self, parts: &[&[u8]]) -> Result<Vec<u8>> {
        let client = &self.world.client;
        let mechanism = &mut Mechanism::plain(CKM_SHA256);
        client.operation_init_now(self.session, Digest, mechanism, None)?;
        for part in parts {
            let nowhere = (Room::Bytes(0), None);
            client.update_now(self.session, Digest, part, nowhere, || Ok(Passed::from(*part)))?;
        }
        let end = client.finish(self.session, Digest, Room::Bytes(32));
        collect(client.run(end), &[0; 200])
    }
}

/// Topologies in which nothing, and in which every message, is held up.
const WORLDS: [&str; 2] = ["instant", "ha-pair"];

#[test]
fn what_comes_at_once_is_what_comes_of_requests() {
    let [at_once, by_requests] = WORLDS.map(Caller::new);
    let data = [3; 128];
    for (one, other) in at_once.operations().iter().zip(&by_requests.operations()) {
        for lends_room in [false, true] {
            let expected = by_requests.one_part(other, &data, lends_room).unwrap();
            let (made, by) =
                at_once.world.served_by(|_| at_once.one_part(one, &data, lends_room).unwrap());
            assert_eq!(made, expected, "{:?}", one.1);
            assert_eq!(by.len(), 1, "{:?}", one.1);
        }
    }
    let mac = at_once.mac(&data);
    for caller in [&at_once, &by_requests] {
        caller.verify(&data, &mac).unwrap();
        assert_eq!(code(caller.verify(&data[1..], &mac)), "CKR_SIGNATURE_INVALID");
        assert_eq!(code(caller.verify(&data, &mac[1..])), "CKR_SIGNATURE_LEN_RANGE");
    }
    let digest = at_once.operations()[0].clone();
    let whole = at_once.one_part(&digest, &data, false).unwrap();
    for caller in [&at_once, &by_requests] {
        assert_eq!(caller.parts(&[&data[..50], &[], &data[50..]]).unwrap(), whole);
    }
}

#[test]
fn an_answer_that_is_held_on_its_way_back_is_waited_for_and_the_work_done_once() {
    let caller = Caller::new("instant");
    let data = [3; 128];
    let operations = caller.operations();
    let expected: Vec<_> =
        operations.iter().map(|one| caller.one_part(one, &data, false).unwrap()).collect();
    let (mac, digest) = (caller.mac(&data), caller.parts(&[&data]).unwrap());
    // Checked on the primary, which is not asked again.
    caller.verify(&data, &mac).unwrap();
    caller.world.fault("link.delay client:hsm-eus-1 extra=1s direction=back");
    let served = || caller.world.served().iter().sum::<u64>();
    for (one, expected) in operations.iter().zip(&expected) {
        for lends_room in [false, true] {
            let before = served();
            let (made, time) =
                caller.world.timed(|_| caller.one_part(one, &data, lends_room).unwrap());
            assert_eq!(made, *expected, "{:?}", one.1);
            assert_eq!((time, served() - before), (SECOND, 1), "{:?}", one.1);
        }
    }
    for (data, result) in [(&data[..], "CKR_OK"), (&data[1..], "CKR_SIGNATURE_INVALID")] {
        let before = served();
        let (verified, time) = caller.world.timed(|_| caller.verify(data, &mac));
        assert_eq!(verified.map_or_else(|error| code::<()>(Err(error)), |()| "CKR_OK"), result);
        assert_eq!((time, served() - before), (SECOND, 1));
    }
    let before = served();
    let (made, time) = caller.world.timed(|_| caller.parts(&[&data[..50], &data[50..]]).unwrap());
    assert_eq!((made, time, served() - before), (digest, 3 * SECOND, 3));
}

#[test]
fn an_operation_whose_answer_never_comes_is_done_on_the_next_member() {
    for lends_room in [false, true] {
        for index in 0..Caller::OPERATIONS {
            let caller = Caller::new("instant");
            let (data, one) = ([3; 128], caller.operations()[index].clone());
            let expected = caller.one_part(&one, &data, lends_room).unwrap();
            caller.world.fault("link.blackhole client:hsm-eus-1 direction=back");
            let (made, time) =
                caller.world.timed(|_| caller.one_part(&one, &data, lends_room).unwrap());
            assert_eq!(made, expected, "{:?}", one.1);
            assert!(time >= RECEIVE_TIMEOUT && time < RECEIVE_TIMEOUT + SECOND, "{time:?}");
            assert!(!caller.world.usable(0) && caller.world.usable(1));
        }
    }
    let caller = Caller::new("instant");
    let mac = caller.mac(&[3; 128]);
    caller.world.fault("link.blackhole client:hsm-eus-1 direction=back");
    caller.verify(&[3; 128], &mac).unwrap();
}

#[test]
fn an_operation_in_parts_is_lost_with_its_member() {
    let caller = Caller::new("instant");
    let client = &caller.world.client;
    let (session, part) = (caller.session, [3; 64]);
    let update = || {
        let nowhere = (Room::Bytes(0), None);
        client.update_now(session, Digest, &part, nowhere, || Ok(Passed::from(&part)))
    };
    client.operation_init_now(session, Digest, &mut Mechanism::plain(CKM_SHA256), None).unwrap();
    update().unwrap();
    update().unwrap();
    caller.world.fault("link.cut client:hsm-eus-1");
    assert_eq!(code(update()), "CKR_DEVICE_ERROR");
    assert_eq!(code(update()), "CKR_OPERATION_NOT_INITIALIZED");
}
