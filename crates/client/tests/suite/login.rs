//! Logins, PINs and tokens on a group.

use std::time::Duration;

use futures_util::future::join;
use hsmsim_types::{Pin, Role, SlotId, ck::*, role::UserType};

use crate::world::{SO_PIN, USER_PIN, World, code};

const OFFICER: Role = Role::CryptoOfficer;

#[test]
fn a_wrong_pin_counts_on_every_member_that_can_be_reached() {
    let world = World::new("ha-dr");
    let session = world.open();
    for _ in 0..9 {
        assert_eq!(code(world.login_as(session, OFFICER, "00000000")), "CKR_PIN_INCORRECT");
    }
    world.login_as(session, OFFICER, "00000000").unwrap_err();
    // The far member was asked too, though it is standby.
    for device in ["hsm-eus-1", "hsm-eus-2"] {
        world.fault(&format!("link.cut client:{device}"));
    }
    let other = world.another();
    let session = other.open();
    assert_eq!(code(other.login_as(session, OFFICER, USER_PIN)), "CKR_PIN_LOCKED");
}

#[test]
fn the_so_unlocks_a_locked_officer_on_every_member() {
    let world = World::new("ha-dr");
    let session = world.open();
    for _ in 0..11 {
        world.login_as(session, OFFICER, "00000000").unwrap_err();
    }
    world.login_as(session, Role::SecurityOfficer, SO_PIN).unwrap();
    world.client.run(world.client.init_pin(session, Pin::new("new-pin"))).unwrap();
    world.client.run(world.client.logout(session)).unwrap();
    world.login_as(session, OFFICER, "new-pin").unwrap();
    world.fault("link.cut client:hsm-eus-1");
    let (_, key) = world.pair(session, "k");
    world.sign(session, key).unwrap();
}

#[test]
fn login_state_is_the_application_s_and_ends_with_its_last_session() {
    let world = World::new("ha-dr");
    let (one, two) = (world.open(), world.open());
    world.login_as(one, OFFICER, USER_PIN).unwrap();
    let state = |session| world.client.session_info(session).unwrap().state;
    assert_eq!(state(two), CKS_RW_USER_FUNCTIONS);
    assert_eq!(code(world.login_as(two, OFFICER, USER_PIN)), "CKR_USER_ALREADY_LOGGED_IN");
    let other = world.another();
    let stranger = other.open();
    let info = other.client.session_info(stranger).unwrap();
    assert_eq!(info.state, CKS_RW_PUBLIC_SESSION, "another application is not logged in");
    world.client.run(world.client.close_session(one)).unwrap();
    world.client.run(world.client.close_session(two)).unwrap();
    assert_eq!(state(world.open()), CKS_RW_PUBLIC_SESSION);
}

#[test]
fn a_login_holds_on_the_member_that_takes_over() {
    let world = World::new("ha-dr");
    let session = world.officer();
    let (_, key) = world.pair(session, "k");
    for device in ["hsm-eus-1", "hsm-eus-2", "hsm-eus2-1"] {
        world.fault(&format!("link.cut client:{device}"));
        world.sign(session, key).unwrap_or_else(|error| panic!("after {device}: {error}"));
    }
}

#[test]
fn a_blank_token_is_initialised_on_all_members_at_once() {
    let world = World::new("ha-dr");
    let slot = SlotId(world.slot.0 + 1);
    let init = world.client.init_token(slot, Pin::new("so-pin"), b"second".to_vec());
    world.client.run(init).unwrap();
    let group = &world.cluster.topology().groups[1];
    for member in &group.members {
        let info = world.cluster.partition_of(member).token_info().unwrap();
        assert_eq!(info.label, b"second");
    }
}

#[test]
fn a_token_is_not_initialised_on_some_of_its_members() {
    let world = World::new("ha-dr");
    let slot = SlotId(world.slot.0 + 1);
    world.fault("link.cut client:hsm-eus2-2");
    let init = world.client.init_token(slot, Pin::new("so-pin"), b"second".to_vec());
    assert_eq!(code(world.client.run(init)), "CKR_DEVICE_ERROR");
    let group = &world.cluster.topology().groups[1];
    for member in &group.members {
        let info = world.cluster.partition_of(member).token_info().unwrap();
        assert_eq!(info.flags & CKF_TOKEN_INITIALIZED, 0);
    }
}

#[test]
fn the_so_does_not_log_in_beside_a_read_only_session() {
    let world = World::new("ha-dr");
    let session = world.open();
    let read_only = world.client.open_session(world.slot, CKF_SERIAL_SESSION);
    let read_only = world.client.run(read_only).unwrap();
    let login = world.login_as(session, Role::SecurityOfficer, SO_PIN);
    assert_eq!(code(login), "CKR_SESSION_READ_ONLY_EXISTS");
    world.client.run(world.client.close_session(read_only)).unwrap();
    world.login_as(session, Role::SecurityOfficer, SO_PIN).unwrap();
    let read_only = world.client.open_session(world.slot, CKF_SERIAL_SESSION);
    assert_eq!(code(world.client.run(read_only)), "CKR_SESSION_READ_WRITE_SO_EXISTS");
}

#[test]
fn on_a_luna_partitions_are_initialised_at_their_devices_and_not_through_a_group() {
    let world = World::with_profile("ha-pair", "a790");
    let blank = world.client.slots(false)[1];
    let pin = || Pin::new("new-so-pin");
    let refused = world.client.init_token(blank, pin(), b"label".to_vec());
    assert_eq!(code(world.client.run(refused)), "CKR_FUNCTION_NOT_SUPPORTED");
    let session = world.open();
    world.login_as(session, Role::SecurityOfficer, SO_PIN).unwrap();
    let refused = world.client.init_pin(session, pin());
    assert_eq!(code(world.client.run(refused)), "CKR_FUNCTION_NOT_SUPPORTED");
}

#[test]
fn on_a_luna_one_looping_client_destroys_the_contents_of_every_member() {
    let world = World::with_profile("ha-dr", "a790");
    let session = world.officer();
    world.pair(session, "k");
    world.client.run(world.client.logout(session)).unwrap();
    for _ in 0..10 {
        world.login_as(session, OFFICER, "00000000").unwrap_err();
    }
    let refused = world.login_as(session, OFFICER, USER_PIN);
    assert_eq!(code(refused), "CKR_USER_LOCKED_OUT", "the right PIN comes too late");
    for member in 0..4 {
        assert!(world.holdings(member).is_empty(), "member {member}");
    }
}

#[test]
fn a_right_pin_sets_the_count_back_on_every_active_member() {
    let world = World::new("ha-pair");
    let session = world.open();
    for _ in 0..3 {
        for _ in 0..9 {
            world.login_as(session, OFFICER, "00000000").unwrap_err();
        }
        world.login_as(session, OFFICER, USER_PIN).unwrap();
        world.client.run(world.client.logout(session)).unwrap();
    }
    world.fault("link.cut client:hsm-eus-1");
    world.login_as(session, OFFICER, USER_PIN).unwrap();
}

#[test]
fn a_member_with_another_pin_is_given_up_and_asked_once() {
    let (world, events) = World::new("ha-pair").recorded();
    let group = &world.cluster.topology().groups[0];
    let partition = world.cluster.partition_of(&group.members[1]);
    let domain = hsmsim_cluster::new_domain().unwrap();
    partition.init_token(&Pin::new(SO_PIN), b"hsmsim-0", &domain, world.now()).unwrap();
    partition
        .init_crypto_officer(&Pin::new(SO_PIN), &Pin::new("another-pin"), world.now())
        .unwrap();
    let session = world.officer();
    let (_, key) = world.pair(session, "k");
    world.sign(session, key).unwrap();
    assert!(!world.usable(1));
    assert_eq!(events.count("member_lost", "hsm-eus-2"), 1);
    for _ in 0..20 {
        world.client.run(world.client.random(session, 8)).unwrap();
    }
    // Its officer is not locked: one wrong PIN of ten was counted there.
    let flags = partition.token_info().unwrap().flags;
    assert_eq!(flags & (CKF_USER_PIN_LOCKED | CKF_USER_PIN_FINAL_TRY), 0);
    assert_ne!(flags & CKF_USER_PIN_COUNT_LOW, 0);
}

#[test]
fn a_login_is_not_undone_by_a_logout_that_was_on_its_way_before_it() {
    let world = World::new("ha-pair");
    let client = &world.client;
    let (first, second) = (world.officer(), world.open());
    // Both have a session on each member by now.
    world.pair(first, "k");
    world.pair(second, "k");
    world.fault("device.stall hsm-eus-1 for=5s");
    let enter = async {
        // The logout is on its way to the stalled member by then.
        world.cluster.clock().sleep(Duration::from_secs(1)).await;
        client.login(second, UserType::Role(OFFICER), Pin::new(USER_PIN)).await
    };
    let both = async { Ok(join(enter, client.logout(first)).await) };
    let (entered, left) = client.run(both).unwrap();
    entered.unwrap();
    left.unwrap();
    assert!(world.usable(0), "the stall is shorter than the timeout");
    assert_eq!(world.find(second, "k").len(), 4, "private keys are seen");
}

#[test]
fn a_logout_ends_a_login_that_is_still_on_its_way_to_a_member() {
    let world = World::new("ha-dr");
    let client = &world.client;
    let (first, second) = (world.officer(), world.open());
    let (_, key) = world.pair(first, "k");
    for device in ["hsm-eus-1", "hsm-eus-2"] {
        world.fault(&format!("link.cut client:{device}"));
    }
    client.run(client.random(second, 8)).unwrap();
    world.sign(first, key).unwrap();
    client.run(client.logout(first)).unwrap();
    world.login_as(first, OFFICER, USER_PIN).unwrap();
    // The first one to need the far member logs in there.
    world.fault("link.cut client:hsm-eus2-1");
    world.fault("device.stall hsm-eus2-2 for=5s");
    let use_it = client.object_size(first, key);
    let leave = async {
        world.cluster.clock().sleep(Duration::from_secs(1)).await;
        client.logout(second).await
    };
    let (_, left) = client.run(async { Ok(join(use_it, leave).await) }).unwrap();
    left.unwrap();
    assert!(world.usable(3), "the stall is shorter than the timeout");
    assert_eq!(world.find(second, "k").len(), 1, "the public key alone is seen");
    world.login_as(second, Role::SecurityOfficer, SO_PIN).unwrap();
}
