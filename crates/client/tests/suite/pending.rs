//! Calls that are left pending: how they go on, what they survive and what ends them.

use std::{future::Future, sync::Arc, time::Duration};

use hsmsim_client::{
    Client, Output, Room,
    pending::{Begun, Finished, Terms},
    script::struck_by,
};
use hsmsim_network::VirtualExecutor;
use hsmsim_partition::api::OperationKind;
use hsmsim_types::{
    Attribute, Mechanism, ObjectHandle, Result, Role, SessionHandle, Template, ck::*,
};

use crate::world::{P256, USER_PIN, World, code};

const SECOND: Duration = Duration::from_secs(1);
const RECEIVE_TIMEOUT: Duration = Duration::from_secs(20);

/// An asynchronous session of the Crypto Officer.
fn officer(world: &World) -> SessionHandle {
    let session = officer_beside(world);
    world.login_as(session, Role::CryptoOfficer, USER_PIN).unwrap();
    session
}

/// Begins a call that has to be left pending.
fn begin<F>(
    world: &World,
    session: SessionHandle,
    function: &'static str,
    call: impl FnOnce(Arc<Client>) -> F,
) where
    F: Future<Output = Result<(Vec<u8>, Vec<ObjectHandle>)>> + Send + 'static,
{
    let call = call(Arc::clone(&world.client));
    let work = Box::pin(async move {
        match call.await {
            Ok((bytes, objects)) => {
                Finished { result: Ok(()), objects, answer: Some(Box::new(bytes)) }
            }
            Err(error) => Finished { result: Err(error), objects: Vec::new(), answer: None },
        }
    });
    let terms = Terms { outlives_session: true, room: None };
    match world.client.begin(session, function, terms, work).unwrap() {
        Begun::Pending => {}
        Begun::Finished(finished) => panic!("it is over: {:?}", finished.result),
    }
}

fn begin_sign(world: &World, session: SessionHandle) {
    begin(world, session, "C_Sign", async move |client: Arc<Client>| {
        let call = client.one_part(session, OperationKind::Sign, &[7; 32], Room::Bytes(64));
        match call.await? {
            Output::Bytes(bytes) => Ok((bytes, Vec::new())),
            other => panic!("{other:?}"),
        }
    });
}

fn complete(world: &World, session: SessionHandle, function: &str) -> Result<Option<Finished>> {
    let completed = world.client.complete(session, function, |_| Ok(()))?;
    Ok(completed.map(|completed| completed.finished))
}

/// Asks every `pause` until the call is over; gives how long that took.
fn asked(
    world: &World,
    session: SessionHandle,
    function: &str,
    pause: Duration,
) -> (Result<Vec<u8>>, Duration) {
    let begin = world.now();
    for _ in 0..10_000 {
        if let Some(finished) = complete(world, session, function).unwrap() {
            let bytes = finished.answer.map(|bytes| *bytes.downcast::<Vec<u8>>().unwrap());
            return (finished.result.map(|()| bytes.unwrap()), world.now() - begin);
        }
        world.pass(pause);
    }
    panic!("{function} does not end");
}

#[test]
fn a_pending_signature_survives_the_loss_of_its_member() {
    for (fault, at_least, at_most) in [
        ("device.power_loss hsm-eus-1", RECEIVE_TIMEOUT, RECEIVE_TIMEOUT + SECOND),
        ("link.cut client:hsm-eus-1", Duration::ZERO, SECOND),
    ] {
        for before in [true, false] {
            let world = World::new("ha-dr");
            let session = officer(&world);
            let (public, key) = world.pair(session, "k");
            world.init(session, OperationKind::Sign, CKM_ECDSA, key).unwrap();
            if before {
                world.fault(fault);
            }
            begin_sign(&world, session);
            if !before {
                world.fault(fault);
            }
            let (signature, time) = asked(&world, session, "C_Sign", Duration::from_millis(10));
            world.verify(session, public, &signature.unwrap()).unwrap();
            assert!(time >= at_least && time < at_most, "{fault}, {before}: {time:?}");
        }
    }
}

#[test]
fn a_pending_part_ends_with_its_member_and_has_to_be_begun_anew() {
    let world = World::new("ha-dr");
    let session = officer(&world);
    let (_, key) = world.pair(session, "k");
    let sign = OperationKind::Sign;
    world.init(session, sign, CKM_ECDSA_SHA256, key).unwrap();
    let update = |fault: Option<&str>| {
        begin(&world, session, "C_SignUpdate", async move |client: Arc<Client>| {
            client.update(session, sign, &[1; 100], Room::Bytes(0)).await?;
            Ok((Vec::new(), Vec::new()))
        });
        if let Some(fault) = fault {
            world.fault(fault);
        }
        asked(&world, session, "C_SignUpdate", Duration::from_millis(1)).0
    };
    update(None).unwrap();
    assert_eq!(code(update(Some("link.cut client:hsm-eus-1"))), "CKR_DEVICE_ERROR");
    world.init(session, sign, CKM_ECDSA_SHA256, key).unwrap();
    update(None).unwrap();
}

#[test]
fn a_call_that_is_looked_at_late_is_not_taken_for_a_silent_member() {
    let (world, events) = World::new("ha-dr").recorded();
    let session = officer(&world);
    let (_, key) = world.pair(session, "k");
    world.init(session, OperationKind::Sign, CKM_ECDSA, key).unwrap();
    begin_sign(&world, session);
    let (signature, time) = asked(&world, session, "C_Sign", 3600 * SECOND);
    signature.unwrap();
    assert!(time <= 4 * 3600 * SECOND, "each look brings it on: {time:?}");
    assert_eq!(events.count("member_lost", "hsm-eus-1"), 0);
}

#[test]
fn who_drives_what_is_pending_needs_nobody_to_ask() {
    let world = World::new("ha-pair");
    let session = officer(&world);
    let (_, key) = world.pair(session, "k");
    world.init(session, OperationKind::Sign, CKM_ECDSA, key).unwrap();
    let other = officer_beside(&world);
    let executor = VirtualExecutor::new(world.cluster.clock().clone());
    let driver = executor.spawn(Arc::clone(&world.client).drive_pending());
    let finished = executor.block_on(async {
        begin_sign(&world, session);
        begin(&world, other, "C_GenerateRandom", async move |client: Arc<Client>| {
            Ok((client.random(other, 32).await?, Vec::new()))
        });
        world.cluster.clock().sleep(SECOND).await;
        [(session, "C_Sign"), (other, "C_GenerateRandom")]
            .map(|(session, function)| complete(&world, session, function).unwrap().unwrap())
    });
    for finished in finished.unwrap() {
        finished.result.unwrap();
    }
    world.client.shut_down();
    drop(driver);
}

/// Another asynchronous session of who is logged in.
fn officer_beside(world: &World) -> SessionHandle {
    let flags = CKF_SERIAL_SESSION | CKF_RW_SESSION | CKF_ASYNC_SESSION;
    world.client.run(world.client.open_session(world.slot, flags)).unwrap()
}

fn begin_token_pair(world: &World, session: SessionHandle) {
    begin(world, session, "C_GenerateKeyPair", async move |client: Arc<Client>| {
        let token = || Attribute::bool(CKA_TOKEN, true);
        let public = [token(), Attribute::bytes(CKA_EC_PARAMS, P256)].into_iter().collect();
        let private: Template = [token(), Attribute::bool(CKA_SIGN, true)].into_iter().collect();
        let mechanism = Mechanism::plain(CKM_EC_KEY_PAIR_GEN);
        let (one, other) = client.generate_key_pair(session, mechanism, public, private).await?;
        Ok((Vec::new(), vec![one, other]))
    });
}

#[test]
fn a_cancelled_or_closed_generation_leaves_no_member_with_a_key() {
    for close in [false, true] {
        for step_ms in 0..4 {
            let world = World::new("ha-pair");
            let session = officer(&world);
            world.pair(session, "k");
            let before = [0, 1].map(|member| world.holdings(member));
            begin_token_pair(&world, session);
            for _ in 0..step_ms {
                world.pass(Duration::from_millis(1));
                complete(&world, session, "C_GenerateKeyPair").unwrap();
            }
            if close {
                world.client.run(world.client.close_session(session)).unwrap();
            } else {
                let flags = CKF_GENERATE_KEY_PAIR;
                assert!(!world.client.run(world.client.cancel_pending(session, flags)).unwrap());
                world.pair(session, "next");
            }
            let mut after = [0, 1].map(|member| world.holdings(member));
            for holdings in &mut after {
                let added = if close { 0 } else { 2 };
                assert_eq!(holdings.len(), before[0].len() + added, "{close} {step_ms}");
                holdings.retain(|id| before[0].contains(id));
            }
            assert_eq!(after, before);
        }
    }
}

#[test]
fn a_finished_generation_that_nobody_asks_for_is_undone_when_it_is_cancelled() {
    let world = World::new("instant");
    let session = officer(&world);
    let before = world.holdings(0);
    // The call fault has it wait although the links do not.
    let fault = "C_GenerateKeyPair delay=1s".parse().unwrap();
    world.cluster.add_call_fault(&fault, None, None).unwrap();
    begin_token_pair(&world, session);
    world.pass(2 * SECOND);
    let refused = world.client.complete(session, "C_GenerateKeyPair", |finished| {
        assert_eq!(finished.objects.len(), 2);
        hsmsim_types::error::fail(CKR_ARGUMENTS_BAD, "no place")
    });
    assert_eq!(code(refused.map(drop)), "CKR_ARGUMENTS_BAD");
    assert!(world.holdings(0).len() > before.len());
    let cancel = world.client.cancel_pending(session, CKF_GENERATE_KEY_PAIR);
    assert!(!world.client.run(cancel).unwrap());
    assert_eq!(world.holdings(0), before);
}

#[test]
fn a_call_fault_is_told_where_the_answer_is_asked_for() {
    let world = World::new("instant");
    let session = officer(&world);
    let (_, key) = world.pair(session, "k");
    world.init(session, OperationKind::Sign, CKM_ECDSA, key).unwrap();
    let fault = "C_Sign delay=5s code=CKR_DEVICE_ERROR".parse().unwrap();
    world.cluster.add_call_fault(&fault, None, None).unwrap();
    begin_sign(&world, session);
    assert_eq!(struck_by(), "");
    let (signature, time) = asked(&world, session, "C_Sign", SECOND);
    assert_eq!((code(signature), time), ("CKR_DEVICE_ERROR", 5 * SECOND));
    world.init(session, OperationKind::Sign, CKM_ECDSA, key).unwrap();
}

#[test]
fn a_session_that_a_call_fault_drops_under_a_pending_call_is_gone() {
    let world = World::new("ha-pair");
    let session = officer(&world);
    let (_, key) = world.pair(session, "k");
    world.init(session, OperationKind::Sign, CKM_ECDSA, key).unwrap();
    let fault = "C_Sign delay=1s drop=session".parse().unwrap();
    world.cluster.add_call_fault(&fault, None, None).unwrap();
    begin_sign(&world, session);
    let (signature, _) = asked(&world, session, "C_Sign", SECOND);
    assert_eq!(code(signature), "CKR_SESSION_HANDLE_INVALID");
    let again = complete(&world, session, "C_Sign").map(drop);
    assert_eq!(code(again), "CKR_SESSION_HANDLE_INVALID");
}

#[test]
fn a_client_that_is_shut_down_lets_go_of_what_is_pending() {
    let world = World::new("ha-pair");
    let session = officer(&world);
    let (_, key) = world.pair(session, "k");
    world.init(session, OperationKind::Sign, CKM_ECDSA, key).unwrap();
    begin_sign(&world, session);
    assert!(Arc::strong_count(&world.client) > 1);
    world.client.shut_down();
    assert_eq!(Arc::strong_count(&world.client), 1);
}
