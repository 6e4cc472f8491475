//! What an application keeps and what it loses when a member fails (facts: Luna guide, "Failover",
//! "High Availability Implementations"; how public engines read the codes).

use std::time::Duration;

use futures_util::future::{join, join_all};
use hsmsim_client::{Output, Room};
use hsmsim_partition::api::OperationKind;
use hsmsim_types::{Attribute, Mechanism, Result, Role, SessionHandle, Template, ck::*};

use crate::world::{USER_PIN, World, code};

const SECOND: Duration = Duration::from_secs(1);
const RECEIVE_TIMEOUT: Duration = Duration::from_secs(20);
const CUT: &str = "link.cut client:hsm-eus-1";

#[test]
fn calls_under_way_on_a_dying_member_are_all_answered_by_the_others_after_one_timeout() {
    let world = World::new("ha-dr");
    let first = world.officer();
    let (_, key) = world.pair(first, "k");
    let sessions: Vec<SessionHandle> = (0..6).map(|_| world.open()).collect();
    for &session in &sessions {
        world.sign(session, key).unwrap();
        world.init(session, OperationKind::Sign, CKM_ECDSA, key).unwrap();
    }
    let client = &world.client;
    let room = Room::Bytes(64);
    let calls = sessions.iter().map(|&s| client.one_part(s, OperationKind::Sign, &[7; 32], room));
    let strike = async {
        world.cluster.clock().sleep(Duration::from_micros(10)).await;
        world.fault("device.power_loss hsm-eus-1");
    };
    let (all, time) =
        world.timed(|_| client.run(async { Ok(join(join_all(calls), strike).await.0) }).unwrap());
    assert!(all.into_iter().all(|answer| matches!(answer, Ok(Output::Bytes(_)))));
    assert!((RECEIVE_TIMEOUT..RECEIVE_TIMEOUT + SECOND).contains(&time), "{time:?}");
}

#[test]
fn key_management_restarts_by_itself() {
    let world = World::new("ha-dr");
    let session = world.officer();
    let (public, private) = world.pair(session, "k");
    let client = &world.client;
    let label = || Template(vec![Attribute::bytes(CKA_LABEL, *b"new")]);
    let change = || client.run(client.set_attributes(session, public, label()));
    let destroy = || client.run(client.destroy_object(session, private));
    let read = || client.run(client.attributes(session, public, vec![CKA_LABEL])).map(drop);
    let size = || client.run(client.object_size(session, public)).map(drop);
    let copy = || client.run(client.copy_object(session, public, label())).map(drop);
    let make = || world.try_pair(session, "another", true).map(drop);
    let calls: [(&str, &dyn Fn() -> Result<()>); 6] = [
        ("C_SetAttributeValue", &change),
        ("C_GetAttributeValue", &read),
        ("C_GetObjectSize", &size),
        ("C_CopyObject", &copy),
        ("C_GenerateKeyPair", &make),
        ("C_DestroyObject", &destroy),
    ];
    for (name, call) in calls {
        world.fault(CUT);
        call().unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(!world.usable(0), "{name} met the lost member");
        world.heal_all();
        world.recover();
    }
    assert_eq!(world.holdings(0), world.holdings(1));
}

#[test]
fn a_search_under_way_goes_on_with_the_handles_it_had() {
    let world = World::new("ha-dr");
    let session = world.officer();
    let mut expected: Vec<_> =
        (0..3).flat_map(|_| <[_; 2]>::from(world.pair(session, "k"))).collect();
    let template = Template(vec![Attribute::bytes(CKA_LABEL, *b"k")]);
    world.client.run(world.client.find_init(session, template)).unwrap();
    let mut found = world.client.find(session, 2).unwrap();
    world.fault(CUT);
    found.extend(world.client.find(session, 100).unwrap());
    world.client.find_final(session).unwrap();
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
}

/// Begins an operation, loses its member, and gives what Update or Final then answers, twice.
fn interrupted(world: &World, kind: OperationKind, last: bool) -> [&'static str; 2] {
    let session = world.open();
    let client = &world.client;
    let template = [Attribute::ulong(CKA_VALUE_LEN, 16)].into_iter().collect();
    let make = client.generate_key(session, Mechanism::plain(CKM_AES_KEY_GEN), template);
    let aes = client.run(make).unwrap();
    let (public, private) = world.try_pair(session, "k", false).unwrap();
    let ecb = Mechanism::plain(CKM_AES_ECB);
    let (mechanism, key) = match kind {
        OperationKind::Encrypt | OperationKind::Decrypt => (ecb, Some(aes)),
        OperationKind::Digest => (Mechanism::plain(CKM_SHA256), None),
        OperationKind::Sign => (Mechanism::plain(CKM_ECDSA_SHA256), Some(private)),
        _ => (Mechanism::plain(CKM_ECDSA_SHA256), Some(public)),
    };
    client.run(client.operation_init(session, kind, mechanism, key)).unwrap();
    let room = Room::Bytes(64);
    let update = || code(client.run(client.update(session, kind, &[7; 16], room)));
    client.run(client.update(session, kind, &[7; 16], room)).unwrap();
    world.fault(CUT);
    let finish = || match kind {
        OperationKind::Verify => {
            code(client.run(client.verify_final(session, kind, Some(&[7; 64]))))
        }
        _ => code(client.run(client.finish(session, kind, room))),
    };
    let codes = if last { [finish(), finish()] } else { [update(), update()] };
    world.heal_all();
    world.recover();
    codes
}

#[test]
fn operations_of_every_kind_end_with_their_member_whichever_call_finds_out() {
    let world = World::new("ha-dr");
    world.officer();
    for kind in [
        OperationKind::Encrypt,
        OperationKind::Decrypt,
        OperationKind::Digest,
        OperationKind::Sign,
        OperationKind::Verify,
    ] {
        for last in [false, true] {
            assert_eq!(
                interrupted(&world, kind, last),
                ["CKR_DEVICE_ERROR", "CKR_OPERATION_NOT_INITIALIZED"],
                "{kind:?} {last}"
            );
        }
    }
}

#[test]
fn an_operation_that_has_sent_nothing_yet_survives_its_member() {
    let world = World::new("ha-dr");
    let session = world.officer();
    let (_, key) = world.pair(session, "k");
    world.init(session, OperationKind::Sign, CKM_ECDSA_SHA256, key).unwrap();
    world.fault(CUT);
    let kind = OperationKind::Sign;
    world.client.run(world.client.update(session, kind, b"part", Room::Bytes(0))).unwrap();
    world.client.run(world.client.finish(session, kind, Room::Bytes(64))).unwrap();
}

#[test]
fn the_login_of_a_session_shows_as_before() {
    let world = World::new("ha-dr");
    let session = world.officer();
    let (_, key) = world.pair(session, "k");
    let before = world.client.session_info(session).unwrap();
    world.fault(CUT);
    world.sign(session, key).unwrap();
    assert_eq!(world.client.session_info(session).unwrap(), before);
}

/// C_GetSessionInfo while all members are gone, and after they were recovered.
fn session_info_around_a_total_loss(world: &World) -> (&'static str, Result<u64>) {
    let session = world.officer();
    let (_, key) = world.pair(session, "k");
    world.fault("region.loss eastus for=30s");
    world.fault("region.loss eastus2 for=30s");
    world.sign(session, key).unwrap_err();
    let meanwhile = code(world.client.session_info(session));
    world.pass(600 * SECOND);
    world.recover();
    (meanwhile, world.client.session_info(session).map(|info| info.state))
}

#[test]
fn dead_sessions_show_in_session_info_when_recovery_is_basic() {
    let (meanwhile, after) = session_info_around_a_total_loss(&World::new("ha-dr"));
    assert_eq!(meanwhile, "CKR_DEVICE_ERROR");
    assert_eq!(code(after), "CKR_SESSION_HANDLE_INVALID");
}

#[test]
fn sessions_are_alive_again_when_recovery_is_enhanced() {
    let world = World::ha_dr_with("recovery_attempts = -1\nrecovery_mode = \"activeEnhanced\"");
    let (meanwhile, after) = session_info_around_a_total_loss(&world);
    assert_eq!(meanwhile, "CKR_DEVICE_ERROR");
    assert_eq!(after.unwrap(), CKS_RW_USER_FUNCTIONS);
}

#[test]
fn after_a_total_loss_finalise_initialise_open_and_login_always_works() {
    let world = World::new("ha-dr");
    let session = world.officer();
    let (_, key) = world.pair(session, "k");
    world.fault("region.loss eastus for=30s");
    world.fault("region.loss eastus2 for=30s");
    world.sign(session, key).unwrap_err();
    world.pass(600 * SECOND);
    world.client.shut_down();
    let anew = world.another();
    let session = anew.officer();
    assert_eq!(anew.find(session, "k").len(), 2);
}

#[test]
fn a_lost_slot_says_device_error_to_sessions_and_token_not_present_to_beginners() {
    // The three codes that public engines for Luna are written against.
    let world = World::new("ha-dr");
    let session = world.officer();
    world.fault("region.loss eastus for=30s");
    world.fault("region.loss eastus2 for=30s");
    let random = || code(world.client.run(world.client.random(session, 8)));
    assert_eq!(random(), "CKR_DEVICE_ERROR");
    let open = world.client.open_session(world.slot, CKF_SERIAL_SESSION);
    assert_eq!(code(world.client.run(open)), "CKR_TOKEN_NOT_PRESENT");
    world.pass(600 * SECOND);
    world.recover();
    assert_eq!(random(), "CKR_SESSION_HANDLE_INVALID");
}

#[test]
fn after_a_basic_recovery_the_login_is_kept_and_logging_in_again_is_refused() {
    // Sessions are dead and the login is not: applications take the answer for a failure.
    let world = World::new("ha-dr");
    let session = world.officer();
    world.fault("region.loss eastus for=30s");
    world.fault("region.loss eastus2 for=30s");
    world.client.run(world.client.random(session, 8)).unwrap_err();
    world.pass(600 * SECOND);
    world.recover();
    let fresh = world.open();
    assert_eq!(world.client.session_info(fresh).unwrap().state, CKS_RW_USER_FUNCTIONS);
    let again = world.login_as(fresh, Role::CryptoOfficer, USER_PIN);
    assert_eq!(code(again), "CKR_USER_ALREADY_LOGGED_IN");
}
