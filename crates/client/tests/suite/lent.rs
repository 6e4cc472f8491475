//! One-part calls on data that is lent: who reads it where, when members are lost and callers give up.

use std::{cell::Cell, pin::pin, task::Context, time::Duration};

use futures_util::future::join;
use hsmsim_client::{Output, Room};
use hsmsim_partition::api::OperationKind::{Digest, Encrypt, Sign, Verify};
use hsmsim_sim_config::CallFault;
use hsmsim_types::{
    Attribute, Lent, Mechanism, ObjectHandle, Params, Result, SessionHandle,
    ck::*,
    lent::{lend, lend_with_room},
};

use crate::world::World;

const SECOND: Duration = Duration::from_secs(1);
const RECEIVE_TIMEOUT: Duration = Duration::from_secs(20);
const LEN: usize = 64 << 10;

/// Where the bytes are read now.
fn place(lent: &Lent) -> Option<*const u8> {
    lent.read(<[u8]>::as_ptr)
}

fn given(output: Result<Output>) -> Vec<u8> {
    match output.unwrap() {
        Output::Bytes(bytes) => bytes,
        other => panic!("{other:?}"),
    }
}

fn digest_init(world: &World, session: SessionHandle) {
    let init = world.client.operation_init(session, Digest, Mechanism::plain(CKM_SHA256), None);
    world.client.run(init).unwrap();
}

/// A key on every member.
fn aes(world: &World, session: SessionHandle) -> ObjectHandle {
    let template = [
        Attribute::bool(CKA_TOKEN, true),
        Attribute::ulong(CKA_VALUE_LEN, 32),
        Attribute::bool(CKA_ENCRYPT, true),
    ];
    let mechanism = Mechanism::plain(CKM_AES_KEY_GEN);
    let template = template.into_iter().collect();
    world.client.run(world.client.generate_key(session, mechanism, template)).unwrap()
}

fn encrypt_init(world: &World, session: SessionHandle, key: ObjectHandle) {
    let mechanism = Mechanism { kind: CKM_AES_CBC, params: Params::Bytes(vec![5; 16]) };
    let init = world.client.operation_init(session, Encrypt, mechanism, Some(key));
    world.client.run(init).unwrap();
}

/// A digest whose data the call copies.
fn digest(world: &World, session: SessionHandle, data: &[u8]) -> Vec<u8> {
    digest_init(world, session);
    given(world.client.run(world.client.one_part(session, Digest, data, Room::Bytes(32))))
}

#[test]
fn a_call_that_moves_on_to_another_member_reads_the_same_memory_there() {
    for (fault, at_least, at_most) in [
        ("device.power_loss hsm-eus-1", RECEIVE_TIMEOUT, RECEIVE_TIMEOUT + SECOND),
        ("device.hang hsm-eus-1", RECEIVE_TIMEOUT, RECEIVE_TIMEOUT + SECOND),
        ("link.cut client:hsm-eus-1", Duration::ZERO, SECOND),
    ] {
        for during in [false, true] {
            let world = World::new("ha-dr");
            let session = world.officer();
            let (public, key) = world.pair(session, "k");
            world.init(session, Sign, CKM_ECDSA_SHA256, key).unwrap();
            if !during {
                world.fault(fault);
            }
            let data = vec![7; LEN];
            let client = &world.client;
            let (signature, time) = world.timed(|world| {
                lend(&data, |lent| {
                    let call = client.one_part(session, Sign, lent, Room::Bytes(64));
                    let strike = async {
                        world.cluster.clock().sleep(Duration::from_micros(10)).await;
                        if during {
                            world.fault(fault);
                        }
                    };
                    let (output, ()) = client.run(async { Ok(join(call, strike).await) }).unwrap();
                    assert_eq!(place(lent), Some(data.as_ptr()), "{fault}");
                    given(output)
                })
            });
            assert!(time >= at_least && time < at_most, "{fault}, {during}: {time:?}");
            world.init(session, Verify, CKM_ECDSA_SHA256, public).unwrap();
            let verify = client.verify(session, Verify, &data, Some(&signature));
            client.run(verify).unwrap();
            world.init(session, Verify, CKM_ECDSA_SHA256, public).unwrap();
            lend(&data, |lent| {
                client.run(client.verify(session, Verify, lent, Some(&signature))).unwrap();
            });
        }
    }
}

#[test]
fn what_a_lost_member_has_written_is_not_what_the_caller_gets() {
    let data = vec![7; LEN];
    let mut written_by = [0; 2];
    // While it is asked, and when it has computed: a millisecond there and back.
    for micros in [10, 100, 300, 450, 550, 700, 960] {
        let world = World::new("ha-dr");
        let session = world.officer();
        let key = aes(&world, session);
        // Both members of the pair are prepared.
        let [expected, again] = [(); 2].map(|()| {
            encrypt_init(&world, session, key);
            let call = world.client.one_part(session, Encrypt, &data, Room::Bytes(LEN));
            given(world.client.run(call))
        });
        assert!(expected == again);
        encrypt_init(&world, session, key);
        let mut room = vec![9; LEN];
        let client = &world.client;
        let output = lend_with_room(&data, &mut room, |lent| {
            let call = client.one_part(session, Encrypt, lent, Room::Bytes(LEN));
            let strike = async {
                world.cluster.clock().sleep(Duration::from_micros(micros)).await;
                world.fault("link.cut client:hsm-eus-1");
                world.fault("link.cut client:hsm-eus-2");
            };
            client.run(async { Ok(join(call, strike).await) }).unwrap().0.unwrap()
        });
        match output {
            Output::Written(len) => {
                written_by[1] += 1;
                assert!(len == LEN && room == expected, "{micros} µs");
            }
            output => {
                written_by[0] += 1;
                assert!(room == expected, "{micros} µs: the lost member had computed");
                assert!(given(Ok(output)) == expected, "{micros} µs");
            }
        }
    }
    assert!(written_by.iter().all(|&count| count > 1), "{written_by:?}");
}

#[test]
fn a_request_that_was_given_up_is_done_over_what_was_lent() {
    let world = World::new("ha-dr");
    let session = world.officer();
    let mut data = vec![7; LEN];
    let expected = digest(&world, session, &data);
    let before: u64 = world.served().iter().sum();
    digest_init(&world, session);
    let kept = Cell::new(None);
    lend(&data, |lent| {
        let mut call = pin!(world.client.one_part(session, Digest, lent, Room::Bytes(32)));
        let mut cx = Context::from_waker(std::task::Waker::noop());
        assert!(call.as_mut().poll(&mut cx).is_pending(), "it is on its way");
        kept.set(Some(lent.clone()));
    });
    data.fill(8);
    let kept = kept.take().unwrap();
    assert_ne!(place(&kept), Some(data.as_ptr()));
    assert_eq!(kept.read(|bytes| bytes == vec![7; LEN]), Some(true));
    // The session's next request comes after the one that was given up.
    assert_ne!(digest(&world, session, &data), expected);
    let after: u64 = world.served().iter().sum();
    assert_eq!(after - before, 2, "both digests");
}

#[test]
fn a_call_that_fails_on_every_member_leaves_the_memory_to_its_caller() {
    let world = World::new("ha-pair");
    let session = world.officer();
    digest(&world, session, &[1; 32]);
    digest_init(&world, session);
    for member in ["hsm-eus-1", "hsm-eus-2"] {
        world.fault(&format!("device.power_loss {member}"));
    }
    let mut data = vec![7; LEN];
    let kept = Cell::new(None);
    lend(&data, |lent| {
        let output =
            world.client.run(world.client.one_part(session, Digest, lent, Room::Bytes(32)));
        assert_eq!(output.unwrap_err().rv(), CKR_DEVICE_ERROR);
        kept.set(Some(lent.clone()));
    });
    data.fill(8);
    assert_ne!(place(&kept.take().unwrap()), Some(data.as_ptr()));
    world.heal_all();
    world.recover();
    let session = world.open();
    digest(&world, session, &data);
}

#[test]
fn a_call_that_a_call_fault_hangs_reads_the_memory_only_when_it_goes_on() {
    let world = World::new("instant");
    let session = world.officer();
    let mut data = vec![7; LEN];
    let expected = digest(&world, session, &data);
    digest_init(&world, session);
    let rule: CallFault = "C_Digest hang=forever".parse().unwrap();
    let hangs = world.cluster.add_call_fault(&rule, None, None).unwrap();
    let kept = Cell::new(None);
    lend(&data, |lent| {
        let mut call = pin!(world.client.one_part(session, Digest, lent, Room::Bytes(32)));
        let mut cx = Context::from_waker(std::task::Waker::noop());
        assert!(call.as_mut().poll(&mut cx).is_pending(), "it hangs");
        kept.set(Some(lent.clone()));
    });
    data.fill(8);
    assert_ne!(place(&kept.take().unwrap()), Some(data.as_ptr()));
    world.cluster.remove_call_fault(hangs).unwrap();
    // The operation that hung had not begun; the next does what it should.
    data.fill(7);
    let output = world.client.run(world.client.one_part(session, Digest, &data, Room::Bytes(32)));
    assert_eq!(given(output), expected);
}
