//! Scripted call faults: each action bites and ends, and what they leave behind on a group.

use std::{
    collections::BTreeSet,
    pin::{Pin, pin},
    sync::{Arc, Mutex, mpsc},
    task::{Context, Poll, Waker},
    thread,
    time::Duration,
};

use hsmsim_client::{
    Client, Output, Room,
    record::EventRecord,
    script::{CalledOn, struck_by},
};
use hsmsim_cluster::{Cluster, OpenOptions};
use hsmsim_partition::api::OperationKind;
use hsmsim_sim_config::{CALL_FUNCTIONS, CallFault};
use hsmsim_types::{
    Attribute, Mechanism, ObjectHandle, Result, Role, SessionHandle, Template, ck::*,
    role::UserType,
};

use crate::world::{USER_PIN, World, code};

fn set(cluster: &Cluster, text: &str) -> u64 {
    let fault: CallFault = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
    cluster.add_call_fault(&fault, None, None).unwrap()
}

/// The codes of some signatures, one after the other.
fn signatures(world: &World, session: SessionHandle, key: ObjectHandle, count: usize) -> String {
    let sign = |_| world.sign(session, key).map_or_else(|error| code::<()>(Err(error)), |_| "ok");
    (0..count).map(sign).collect::<Vec<_>>().join(" ")
}

#[test]
fn the_third_signature_with_a_key_fails_and_no_device_has_a_part_in_it() {
    let (world, events) = World::new("ha-pair").recorded();
    let session = world.officer();
    let (_, web) = world.pair(session, "web");
    let (_, other) = world.pair(session, "other");
    set(&world.cluster, "C_Sign label=web nth=3 code=CKR_DEVICE_ERROR");
    assert_eq!(signatures(&world, session, other, 4), "ok ok ok ok");
    assert_eq!(signatures(&world, session, web, 2), "ok ok");
    world.init(session, OperationKind::Sign, CKM_ECDSA, web).unwrap();
    let (failed, served_by) = world.served_by(|world| {
        let call = world.client.one_part(session, OperationKind::Sign, &[7; 32], Room::Bytes(64));
        code(world.client.run(call))
    });
    assert_eq!((failed, &served_by[..]), ("CKR_DEVICE_ERROR", &[][..]));
    assert_eq!(struck_by(), "1");
    assert_eq!(signatures(&world, session, web, 3), "ok ok ok", "the operation was ended");
    assert_eq!(struck_by(), "");
    assert_eq!(events.count("call_fault", ""), 1);
    for event in ["failover", "member_lost"] {
        assert_eq!(events.count(event, "hsm-eus-1") + events.count(event, "hsm-eus-2"), 0);
    }
}

#[test]
fn a_call_fault_bites_until_it_is_removed() {
    let world = World::new("ha-pair");
    let session = world.officer();
    let (_, key) = world.pair(session, "k");
    let id = set(&world.cluster, "C_Sign code=CKR_FUNCTION_FAILED");
    let other = set(&world.cluster, "C_Verify code=CKR_FUNCTION_FAILED");
    assert_eq!(signatures(&world, session, key, 2), "CKR_FUNCTION_FAILED CKR_FUNCTION_FAILED");
    assert!(world.cluster.remove_call_fault(id).unwrap());
    assert!(!world.cluster.remove_call_fault(id).unwrap());
    assert_eq!(signatures(&world, session, key, 2), "ok ok");
    assert_eq!(world.cluster.clear_call_faults().unwrap(), [other]);
    assert!(world.cluster.has_no_call_faults());
}

#[test]
fn faults_of_the_cluster_and_call_faults_are_healed_apart() {
    let world = World::new("ha-pair");
    let id = set(&world.cluster, "C_Sign code=CKR_FUNCTION_FAILED");
    let fault = world.fault("device.hang hsm-eus-2")[0];
    assert!(!world.cluster.remove_call_fault(fault).unwrap());
    assert_eq!(world.cluster.heal_all().unwrap(), [fault]);
    assert_eq!(world.cluster.call_faults()[0].id, id);
}

#[test]
fn every_part_of_a_call_can_be_asked_for() {
    let world = World::new("ha-pair");
    let first = world.officer();
    let session = world.open();
    let id = Attribute::bytes(CKA_ID, [1, 0xAF]);
    let (public, key) = world.pair(session, "web");
    let set_id = Template(vec![id]);
    world.client.run(world.client.set_attributes(session, key, set_id)).unwrap();
    let struck = |condition: &str| {
        let rule = set(&world.cluster, &format!("C_Sign {condition} code=CKR_DEVICE_ERROR"));
        let answer = signatures(&world, session, key, 1);
        world.cluster.remove_call_fault(rule).unwrap();
        answer != "ok"
    };
    for (right, wrong) in [
        ("slot=1", "slot=2"),
        ("token=hsmsim-0", "token=hsmsim-1"),
        ("mechanism=CKM_ECDSA", "mechanism=CKM_ECDSA_SHA256"),
        ("label=web", "label=wed"),
        ("id=01af", "id=01"),
        (&*format!("session={}", session.0), &*format!("session={}", first.0)),
        (&*format!("process={}", std::process::id()), "process=1"),
    ] {
        assert!(struck(right), "{right}");
        assert!(!struck(wrong), "{wrong}");
    }
    // The key as an argument, and a template.
    set(&world.cluster, "any label=web code=CKR_FUNCTION_REJECTED");
    let init = world.init(session, OperationKind::Verify, CKM_ECDSA, public);
    assert_eq!(code(init), "CKR_FUNCTION_REJECTED");
    assert_eq!(code(world.try_pair(session, "web", true)), "CKR_FUNCTION_REJECTED");
    world.try_pair(session, "wed", true).unwrap();
    let size = world.client.object_size(session, key);
    assert_eq!(code(world.client.run(size)), "CKR_FUNCTION_REJECTED");
}

#[test]
fn an_answer_that_is_lost_leaves_the_work_done() {
    let world = World::new("ha-pair");
    let session = world.officer();
    set(&world.cluster, "C_GenerateKeyPair label=web times=1 code_after=CKR_DEVICE_ERROR");
    assert_eq!(code(world.try_pair(session, "web", true)), "CKR_DEVICE_ERROR");
    assert_eq!(struck_by(), "1");
    assert_eq!(world.find(session, "web").len(), 2, "it is there all the same");
    assert_eq!(world.holdings(0), world.holdings(1));
    // Of an init nothing is left that would stand in the way of the next.
    let (_, key) = world.pair(session, "k");
    set(&world.cluster, "C_SignInit times=1 code_after=CKR_DEVICE_ERROR");
    set(&world.cluster, "C_FindObjectsInit times=1 code_after=CKR_DEVICE_ERROR");
    assert_eq!(signatures(&world, session, key, 2), "CKR_DEVICE_ERROR ok");
    let find = world.client.find_init(session, Template::default());
    assert_eq!(code(world.client.run(find)), "CKR_DEVICE_ERROR");
    assert_eq!(world.find(session, "k").len(), 2);
}

#[test]
fn a_delay_comes_before_or_after_the_work_and_joins_any_outcome() {
    let world = World::new("ha-pair");
    let session = world.officer();
    let (_, key) = world.pair(session, "k");
    let sign = |world: &World| signatures(world, session, key, 1);
    let (_, plain) = world.timed(sign);
    for (rule, answer) in [
        ("delay=2s", "ok"),
        ("delay_after=2s", "ok"),
        ("delay=1s delay_after=1s", "ok"),
        ("hang=2s", "ok"),
        ("delay=1s hang=1s", "ok"),
        ("delay=2s code=CKR_DEVICE_ERROR", "CKR_DEVICE_ERROR"),
        ("delay_after=2s code_after=CKR_DEVICE_ERROR", "CKR_DEVICE_ERROR"),
    ] {
        let id = set(&world.cluster, &format!("C_Sign {rule}"));
        let (given, took) = world.timed(sign);
        world.cluster.remove_call_fault(id).unwrap();
        assert_eq!(given, answer, "{rule}");
        let least = Duration::from_secs(2);
        assert!(took >= least && took < least + 2 * plain, "{rule}: {took:?}, else {plain:?}");
    }
    assert_eq!(sign(&world), "ok");
}

/// Polls a call once.
fn poll<T>(call: &mut Pin<&mut impl Future<Output = Result<T>>>) -> Poll<Result<T>> {
    call.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn the_work_waits_for_a_delay_before_it_and_not_for_one_after() {
    let world = World::new("instant");
    let session = world.officer();
    for (rule, done) in [("delay=1s", false), ("delay_after=1s", true)] {
        let id = set(&world.cluster, &format!("C_GenerateRandom {rule}"));
        let before = world.served();
        let mut call = pin!(world.client.random(session, 8));
        assert!(poll(&mut call).is_pending());
        assert_eq!(before != world.served(), done, "{rule}");
        world.pass(Duration::from_secs(1));
        assert!(matches!(poll(&mut call), Poll::Ready(Ok(_))), "{rule}");
        assert_ne!(before, world.served());
        world.cluster.remove_call_fault(id).unwrap();
    }
}

#[test]
fn asking_for_a_length_is_no_call() {
    let world = World::new("ha-pair");
    let session = world.officer();
    let (_, key) = world.pair(session, "k");
    set(&world.cluster, "C_Sign nth=2 code=CKR_DEVICE_ERROR");
    let two_calls = || {
        world.init(session, OperationKind::Sign, CKM_ECDSA, key).unwrap();
        let sign = |room| world.client.one_part(session, OperationKind::Sign, &[7; 32], room);
        assert_eq!(world.client.run(sign(Room::Query)), Ok(Output::Length(64)));
        world.client.run(sign(Room::Bytes(64)))
    };
    two_calls().unwrap();
    assert_eq!(code(two_calls()), "CKR_DEVICE_ERROR");
    set(&world.cluster, "C_GetAttributeValue code=CKR_DEVICE_ERROR");
    let lengths = world.client.attribute_lengths(session, key, vec![CKA_LABEL]);
    world.client.run(lengths).unwrap();
}

#[test]
fn every_process_counts_by_itself() {
    let world = World::new("ha-pair");
    let other = world.another();
    set(&world.cluster, "C_GenerateRandom nth=2 code=CKR_DEVICE_ERROR");
    let random = |world: &World, session| world.client.run(world.client.random(session, 8));
    let (mine, theirs) = (world.officer(), other.officer());
    random(&world, mine).unwrap();
    random(&other, theirs).unwrap();
    assert_eq!(code(random(&world, mine)), "CKR_DEVICE_ERROR");
    assert_eq!(code(random(&other, theirs)), "CKR_DEVICE_ERROR");
    random(&world, mine).unwrap();
}

#[test]
fn the_same_seed_strikes_the_same_calls_in_any_run() {
    let run = |seed: u64| {
        let world = World::new("ha-pair");
        let session = world.officer();
        let rule = format!("C_GenerateRandom probability=0.3 seed={seed} code=CKR_DEVICE_ERROR");
        set(&world.cluster, &rule);
        let random = |_| world.client.run(world.client.random(session, 8)).is_err();
        (0..50).map(random).collect::<Vec<bool>>()
    };
    let struck = run(7).iter().filter(|struck| **struck).count();
    assert!((5..30).contains(&struck), "{struck}");
    assert_eq!(run(7), run(7));
    assert_ne!(run(7), run(8));
}

#[test]
fn a_dropped_session_is_gone_on_every_member_and_the_others_live() {
    let world = World::new("ha-pair");
    let (one, two) = (world.officer(), world.open());
    let (_, key) = world.pair(one, "k");
    world.sign(two, key).unwrap();
    set(&world.cluster, &format!("C_Sign session={} drop=session", one.0));
    world.init(one, OperationKind::Sign, CKM_ECDSA, key).unwrap();
    let sign = world.client.one_part(one, OperationKind::Sign, &[7; 32], Room::Bytes(64));
    assert_eq!(code(world.client.run(sign)), "CKR_SESSION_HANDLE_INVALID");
    world.cluster.clear_call_faults().unwrap();
    assert_eq!(code(world.sign(one, key)), "CKR_SESSION_HANDLE_INVALID", "from then on");
    assert_eq!(code(world.client.session_info(one)), "CKR_SESSION_HANDLE_INVALID");
    let close = world.client.close_session(one);
    assert_eq!(code(world.client.run(close)), "CKR_SESSION_HANDLE_INVALID");
    // The login is the application's and stays, on each member.
    world.sign(two, key).unwrap();
    world.fault("link.cut client:hsm-eus-1");
    world.sign(two, key).unwrap();
    let three = world.open();
    world.sign(three, key).unwrap();
}

#[test]
fn the_last_session_that_is_dropped_takes_the_login_with_it() {
    let world = World::new("ha-pair");
    let session = world.officer();
    set(&world.cluster, "C_GenerateRandom drop=session");
    let random = world.client.random(session, 8);
    assert_eq!(code(world.client.run(random)), "CKR_SESSION_HANDLE_INVALID");
    let info = world.client.session_info(world.open()).unwrap();
    assert_eq!(info.state, CKS_RW_PUBLIC_SESSION);
}

#[test]
fn a_dropped_login_is_gone_on_every_member_until_the_next_login() {
    for (profile, answer) in
        [("open", "CKR_USER_NOT_LOGGED_IN"), ("a790", "CKR_USER_NOT_AUTHORIZED")]
    {
        let world = World::with_profile("ha-pair", profile);
        let (session, second) = (world.officer(), world.open());
        let other = world.another();
        let theirs = other.officer();
        let (public, key) = world.pair(session, "k");
        set(&world.cluster, "C_Sign nth=2 drop=login");
        let signature = world.sign(session, key).unwrap();
        assert_eq!(code(world.sign(session, key)), answer, "{profile}");
        // From then on, on this session and every other, whichever member is asked.
        for cut in [None, Some("link.cut client:hsm-eus-1")] {
            cut.map(|fault| world.fault(fault));
            assert_eq!(code(world.sign(session, key)), answer, "{profile} {cut:?}");
            assert_eq!(code(world.sign(second, key)), answer, "{profile} {cut:?}");
            assert_eq!(code(world.try_pair(session, "new", true)), answer, "{profile} {cut:?}");
            // What needs no login goes on.
            world.verify(session, public, &signature).unwrap();
            world.client.run(world.client.random(session, 8)).unwrap();
        }
        let state = world.client.session_info(second).unwrap().state;
        assert_eq!(state, CKS_RW_PUBLIC_SESSION);
        let state = other.client.session_info(theirs).unwrap().state;
        assert_eq!(state, CKS_RW_USER_FUNCTIONS, "another application keeps its own login");
        world.login_as(session, Role::CryptoOfficer, USER_PIN).unwrap();
        assert_eq!(signatures(&world, second, key, 3), "ok ok ok", "{profile}");
    }
}

#[test]
fn a_hang_ends_when_it_is_removed_and_the_work_is_then_done() {
    let world = World::new("instant");
    let session = world.officer();
    for rule in ["hang=forever", "hang=30h"] {
        let id = set(&world.cluster, &format!("C_GenerateRandom {rule}"));
        let before = world.served();
        let mut call = pin!(world.client.random(session, 8));
        assert!(poll(&mut call).is_pending());
        world.pass(Duration::from_secs(24 * 3600));
        assert!(poll(&mut call).is_pending(), "{rule}");
        assert_eq!(before, world.served(), "{rule}");
        world.cluster.remove_call_fault(id).unwrap();
        assert!(matches!(poll(&mut call), Poll::Ready(Ok(_))), "{rule}");
        assert_eq!(struck_by(), id.to_string());
    }
}

#[test]
fn a_hang_ends_with_c_finalize() {
    // On the real clock: the thread that calls waits while this one finalises.
    let cluster = Cluster::open(OpenOptions {
        state: Some("memory".to_owned()),
        topology: Some("instant".to_owned()),
        ..OpenOptions::default()
    });
    let cluster = cluster.unwrap();
    let (tell, told) = mpsc::channel();
    let tell = Mutex::new(tell);
    let sink = Box::new(move |event: EventRecord| tell.lock().unwrap().send(event.event).unwrap());
    let client = Client::simulated(Arc::clone(&cluster), 7, sink, None);
    let flags = CKF_SERIAL_SESSION | CKF_RW_SESSION;
    let session = client.run(client.open_session(client.slots(true)[0], flags)).unwrap();
    let id = set(&cluster, "C_GenerateRandom hang=forever");
    let outcome = thread::scope(|scope| {
        let call = scope.spawn(|| (client.run(client.random(session, 8)), struck_by()));
        assert_eq!(told.recv().unwrap(), "call_fault");
        client.shut_down();
        call.join().unwrap()
    });
    assert_eq!(code(outcome.0), "CKR_CRYPTOKI_NOT_INITIALIZED");
    assert_eq!(outcome.1, id.to_string(), "the record says so");
}

#[test]
fn every_function_of_the_table_can_be_struck() {
    use OperationKind::*;
    let cluster = World::new("ha-pair").cluster;
    let struck = Arc::new(Mutex::new(BTreeSet::new()));
    let sink = {
        let struck = Arc::clone(&struck);
        Box::new(move |event: EventRecord| {
            if event.event == "call_fault" {
                let function = event.detail.split(": ").nth(1).unwrap().to_owned();
                struck.lock().unwrap().insert(function);
            }
        })
    };
    let client = Client::simulated(Arc::clone(&cluster), 7, sink, None);
    let slot = client.slots(true)[0];
    let flags = CKF_SERIAL_SESSION | CKF_RW_SESSION;
    let s = client.run(client.open_session(slot, flags)).unwrap();
    set(&cluster, "any process=7 code=CKR_FUNCTION_REJECTED");
    // Whatever the arguments are: no work is done.
    let (object, room) = (ObjectHandle(1), Room::Bytes(64));
    let (m, t) = (|| Mechanism::plain(CKM_ECDSA), Template::default);
    let p = hsmsim_types::MessageParams::default;
    let pin = || hsmsim_types::Pin::new(USER_PIN);
    macro_rules! struck {
        ($($call:expr),* $(,)?) => {{
            $(assert_eq!(code(client.run($call)), "CKR_FUNCTION_REJECTED", stringify!($call));)*
        }};
    }
    struck!(
        client.token_info(slot),
        client.init_token(slot, pin(), Vec::new()),
        client.open_session(slot, flags),
        client.close_all_sessions(slot),
        client.init_pin(s, pin()),
        client.set_pin(s, pin(), pin()),
        client.close_session(s),
        client.login(s, UserType::Role(Role::CryptoOfficer), pin()),
        client.logout(s),
        client.create_object(s, t()),
        client.copy_object(s, object, t()),
        client.destroy_object(s, object),
        client.object_size(s, object),
        client.attributes(s, object, Vec::new()),
        client.set_attributes(s, object, t()),
        client.find_init(s, t()),
        client.seed_random(s, &[]),
        client.random(s, 1),
        client.generate_key(s, m(), t()),
        client.generate_key_pair(s, m(), t(), t()),
        client.wrap_key(s, m(), object, object, None, room),
        client.wrap_key(s, m(), object, object, Some(&[]), room),
        client.unwrap_key(s, m(), object, &[], t(), None),
        client.unwrap_key(s, m(), object, &[], t(), Some(&[])),
        client.encapsulate_key(s, m(), object, t(), room),
        client.decapsulate_key(s, m(), object, &[], t()),
        client.derive_key(s, m(), object, t()),
        client.digest_key(s, object),
        client.operation_state(s, room),
        client.set_operation_state(s, &[], Some(object), None),
        client.verify_signature_init(s, m(), object, &[]),
        client.encrypt_message(s, p(), &[], room),
        client.decrypt_message(s, p(), &[], &[], room),
        client.sign_message(s, &[], room),
        client.sign_message_next(s, &[], None),
        client.verify_message(s, &[], &[]),
        client.verify_message_next(s, &[], None),
        client.update_and_encrypt(s, Digest, &[], room),
        client.update_and_encrypt(s, Sign, &[], room),
        client.decrypt_and_update(s, Digest, &[], room),
        client.decrypt_and_update(s, Verify, &[], room),
    );
    for kind in OperationKind::ALL {
        struck!(client.operation_init(s, kind, m(), Some(object)));
        match kind {
            Encrypt | Decrypt | Digest | Sign => struck!(
                client.one_part(s, kind, &[0; 0], room),
                client.update(s, kind, &[], room),
                client.finish(s, kind, room),
            ),
            Verify | VerifySignature => struck!(
                client.verify(s, kind, &[0; 0], None),
                client.update(s, kind, &[], room),
                client.verify_final(s, kind, None),
            ),
            SignRecover | VerifyRecover => struck!(client.one_part(s, kind, &[0; 0], room)),
            MessageEncrypt | MessageDecrypt => struck!(
                client.message_begin(s, kind, p()),
                client.message_next(s, kind, &[], None, room),
                client.messages_end(s, kind),
            ),
            MessageSign | MessageVerify => {
                struck!(client.signed_message_begin(s, kind), client.messages_end(s, kind));
            }
        }
    }
    // These the library answers by itself; the C boundary puts the call faults around them.
    for function in ["C_GetSessionInfo", "C_FindObjects", "C_FindObjectsFinal"] {
        struck!(client.with_call_faults(function, CalledOn::Session(s), || Ok(())));
    }
    struck!(client.with_call_faults("C_GetSlotInfo", CalledOn::Slot(slot), || Ok(())));
    let table: BTreeSet<_> = CALL_FUNCTIONS.iter().map(|row| row.name.to_owned()).collect();
    assert_eq!(*struck.lock().unwrap(), table);
}
