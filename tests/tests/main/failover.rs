//! What an application sees of lost members, through the C interface.

use std::time::{Duration, Instant};

use cryptoki::{
    context::Pkcs11,
    error::RvError,
    mechanism::Mechanism,
    session::{Session, SessionState, UserType},
};
use hsmsim_tests::{Sandbox, apart::apart, p11, sandbox::USER_PIN, test_name, verify::PublicKey};

use crate::{
    WORKER,
    faults::{heal_and_recover, strike},
};

/// HA timers run this many times as fast: the receive timeout is 0.2 s, a device boots in 0.6 s.
const SCALE: u32 = 100;
const RECEIVE_TIMEOUT: Duration = Duration::from_millis(200);
/// What a machine that does other things may add.
const SLACK: Duration = Duration::from_secs(5);

const TEXT: &[u8] = b"the words that are signed";

fn pair() -> Sandbox {
    Sandbox::scaled("ha-pair", SCALE)
}

/// Signs with both kinds of keys and verifies outside.
fn sign_and_verify(session: &Session, id: &str) -> cryptoki::error::Result<()> {
    let pair = p11::find_pair(session, id)?.expect("the key");
    let key = PublicKey::of(session, pair.public)?;
    let signature = session.sign(&Mechanism::EcdsaSha256, pair.private, TEXT)?;
    assert!(key.verifies(TEXT, &signature));
    Ok(())
}

fn timed<T>(call: impl FnOnce() -> T) -> (T, Duration) {
    let begin = Instant::now();
    let outcome = call();
    (outcome, begin.elapsed())
}

#[test]
fn a_one_part_call_on_a_silent_member_succeeds_late_and_the_next_at_once() {
    apart(test_name!(), pair, |sandbox| {
        let library = p11::library();
        let session = p11::session(&library);
        let keys = p11::make_ec(&session, "k").expect("a key");
        let public = PublicKey::of(&session, keys.public).expect("a key");
        let sign = || session.sign(&Mechanism::EcdsaSha256, keys.private, TEXT);
        sign().expect("C_Sign");
        strike(sandbox, "device.power_loss", "hsm-eus-1");
        let (late, stall) = timed(sign);
        assert!(public.verifies(TEXT, &late.expect("C_Sign")));
        assert!((RECEIVE_TIMEOUT..RECEIVE_TIMEOUT + SLACK).contains(&stall), "{stall:?}");
        let (next, time) = timed(sign);
        assert!(public.verifies(TEXT, &next.expect("C_Sign")));
        assert!(time < RECEIVE_TIMEOUT, "{time:?}");
        println!("stalled for {stall:?}, the next call took {time:?}");
        // The session is the same, and so is its login.
        let info = session.get_session_info().expect("C_GetSessionInfo");
        assert!(matches!(info.session_state(), SessionState::RwUser));
        sign_and_verify(&session, "k").expect("the same key, found anew");
    });
}

#[test]
fn a_one_part_call_on_a_member_that_refuses_succeeds_at_once() {
    apart(test_name!(), pair, |sandbox| {
        let library = p11::library();
        let session = p11::session(&library);
        p11::make_ec(&session, "k").expect("a key");
        strike(sandbox, "link.cut", "client:hsm-eus-1");
        let (signed, time) = timed(|| sign_and_verify(&session, "k"));
        signed.expect("C_Sign");
        assert!(time < RECEIVE_TIMEOUT, "{time:?}");
    });
}

/// A multi-part operation whose member is struck ends with CKR_DEVICE_ERROR, once, and can be begun
/// anew.
fn multi_part_is_lost(test: &str, fault: &str) {
    apart(test, pair, |sandbox| {
        let library = p11::library();
        let session = p11::session(&library);
        let keys = p11::make_rsa(&session, 2048, "k").expect("a key");
        let begin = || session.sign_init(&Mechanism::Sha256RsaPkcs, keys.private);
        begin().expect("C_SignInit");
        session.sign_update(TEXT).expect("C_SignUpdate");
        strike(sandbox, fault, "hsm-eus-1");
        assert_eq!(p11::code(session.sign_update(TEXT)), RvError::DeviceError);
        assert_eq!(p11::code(session.sign_update(TEXT)), RvError::OperationNotInitialized);
        assert_eq!(p11::code(session.sign_final()), RvError::OperationNotInitialized);

        begin().expect("C_SignInit on the member that is left");
        session.sign_update(TEXT).expect("C_SignUpdate");
        let signature = session.sign_final().expect("C_SignFinal");
        let public = PublicKey::of(&session, keys.public).expect("a key");
        assert!(public.verifies(TEXT, &signature));
    });
}

#[test]
fn a_multi_part_operation_is_lost_with_the_power_of_its_member() {
    multi_part_is_lost(test_name!(), "device.power_loss");
}

#[test]
fn a_multi_part_operation_is_lost_when_its_member_restarts() {
    multi_part_is_lost(test_name!(), "device.restart");
}

#[test]
fn a_multi_part_operation_is_lost_when_its_member_hangs() {
    multi_part_is_lost(test_name!(), "device.hang");
}

#[test]
fn a_multi_part_operation_is_lost_with_the_link_to_its_member() {
    multi_part_is_lost(test_name!(), "link.cut");
}

#[test]
fn a_device_that_lost_its_power_between_two_parts_has_lost_the_operation() {
    let topology = "version = 1\nname = \"fast\"\ntime_scale = 100\n\
                    [[region]]\ncode = \"eastus\"\ndevices = 2\n";
    apart(
        test_name!(),
        || Sandbox::with_topology(topology),
        |sandbox| {
            let library = p11::library();
            let session = p11::session(&library);
            let keys = p11::make_rsa(&session, 2048, "k").expect("a key");
            session.sign_init(&Mechanism::Sha256RsaPkcs, keys.private).expect("C_SignInit");
            session.sign_update(TEXT).expect("C_SignUpdate");
            // It is back before anybody has noticed.
            strike(sandbox, "device.power_loss", "hsm-eus-1");
            heal_and_recover(sandbox);
            assert_eq!(p11::code(session.sign_update(TEXT)), RvError::DeviceError);
            sign_and_verify_rsa(&session, keys);
        },
    );
}

fn sign_and_verify_rsa(session: &Session, keys: p11::Pair) {
    let signature = session.sign(&Mechanism::Sha256RsaPkcs, keys.private, TEXT).expect("C_Sign");
    let public = PublicKey::of(session, keys.public).expect("a key");
    assert!(public.verifies(TEXT, &signature));
}

/// The IDs of the slots.
fn slots(library: &Pkcs11) -> Vec<u64> {
    library.get_all_slots().expect("C_GetSlotList").iter().map(|slot| slot.id()).collect()
}

#[test]
fn when_every_member_is_gone_calls_say_so_and_slots_keep_their_numbers() {
    apart(test_name!(), pair, |sandbox| {
        let library = p11::library();
        let slot = p11::slot(&library);
        let session = p11::session(&library);
        p11::make_ec(&session, "k").expect("a key");
        let before = slots(&library);
        strike(sandbox, "region.loss", "eastus");

        let (outcome, time) = timed(|| sign_and_verify(&session, "k"));
        assert_eq!(p11::code(outcome), RvError::DeviceError);
        assert!(time < 2 * RECEIVE_TIMEOUT + SLACK, "{time:?}");
        assert_eq!(p11::code(session.generate_random_vec(8)), RvError::DeviceError);
        assert_eq!(p11::code(library.open_rw_session(slot)), RvError::TokenNotPresent);
        assert_eq!(p11::code(library.get_token_info(slot)), RvError::TokenNotPresent);
        assert_eq!(slots(&library), before);

        // activeBasic: the sessions of before are over, the library begins anew.
        heal_and_recover(sandbox);
        assert_eq!(p11::code(session.generate_random_vec(8)), RvError::SessionHandleInvalid);
        drop(session);
        library.finalize().expect("C_Finalize");
        let library = p11::library();
        sign_and_verify(&p11::session(&library), "k").expect("all is well again");
    });
}

#[test]
fn the_library_starts_while_every_member_is_gone() {
    apart(test_name!(), pair, |sandbox| {
        sandbox.hsmsim(&["dev"]);
        strike(sandbox, "region.loss", "eastus");
        let library = p11::library();
        assert_eq!(slots(&library), (1..=10).collect::<Vec<_>>());
        let slot = library.get_all_slots().expect("C_GetSlotList")[0];
        assert_eq!(p11::code(library.open_rw_session(slot)), RvError::TokenNotPresent);
    });
}

#[test]
fn the_far_pair_serves_when_the_home_pair_is_gone() {
    apart(
        test_name!(),
        || Sandbox::scaled("ha-dr", SCALE),
        |sandbox| {
            let library = p11::library();
            let session = p11::session(&library);
            p11::make_ec(&session, "old").expect("a key");
            strike(sandbox, "region.loss", "eastus");
            sign_and_verify(&session, "old").expect("the standby members have the key");
            p11::make_ec(&session, "new").expect("a key made in the far region");
            sign_and_verify(&session, "new").expect("and used there");
            assert!(sandbox.log().contains("member lost"));

            // The home pair gets what it has missed.
            heal_and_recover(sandbox);
            strike(sandbox, "region.loss", "eastus2");
            sign_and_verify(&session, "new").expect("the home members have the new key");
        },
    );
}

#[test]
fn a_key_made_while_a_member_was_down_is_there_when_it_has_recovered() {
    apart(test_name!(), pair, |sandbox| {
        let library = p11::library();
        let session = p11::session(&library);
        strike(sandbox, "device.power_loss", "hsm-eus-2");
        let (made, time) = timed(|| p11::make_ec(&session, "made-meanwhile"));
        made.expect("a key, late");
        assert!(time < RECEIVE_TIMEOUT + SLACK, "{time:?}");
        sandbox.write("made", "made-meanwhile");
        // Somebody else recovers; this process follows.
        heal_and_recover(sandbox);
        strike(sandbox, "device.power_loss", "hsm-eus-1");
        sign_and_verify(&session, "made-meanwhile").expect("the copy");
        sandbox.run(WORKER, &["check-keys", "made"]).succeeded();
    });
}

#[test]
fn a_debt_outlives_the_process_that_owes_it() {
    let sandbox = pair();
    strike(&sandbox, "link.cut", "client:hsm-eus-2");
    let mut maker = sandbox.worker(WORKER, &["make-keys", "owed", "ec"]);
    maker.line("made owed-4", 0, SLACK);
    maker.kill();
    sandbox.write("made", "owed-0\nowed-1\nowed-2\nowed-3\nowed-4");
    heal_and_recover(&sandbox);
    strike(&sandbox, "link.cut", "client:hsm-eus-1");
    sandbox.run(WORKER, &["check-keys", "made"]).succeeded();
}

#[test]
fn destroyed_key_never_returns() {
    apart(test_name!(), pair, |sandbox| {
        let library = p11::library();
        let session = p11::session(&library);
        let keys = p11::make_ec(&session, "destroyed").expect("a key");
        p11::make_ec(&session, "kept").expect("a key");
        strike(sandbox, "device.power_loss", "hsm-eus-2");
        session.destroy_object(keys.private).expect("C_DestroyObject");
        session.destroy_object(keys.public).expect("C_DestroyObject");
        heal_and_recover(sandbox);
        let gone = |session: &Session, when: &str| {
            let found = p11::find_pair(session, "destroyed").expect("a search");
            assert!(found.is_none(), "{when}");
            sign_and_verify(session, "kept").expect(when);
        };
        gone(&session, "after the member has returned");
        sandbox.hsmsim(&["ha", "synchronize"]);
        gone(&session, "after the group was synchronised");
        strike(sandbox, "device.power_loss", "hsm-eus-1");
        gone(&session, "on the member that was away");
        drop(session);
        library.finalize().expect("C_Finalize");
        gone(&p11::session(&p11::library()), "for a library that begins anew");
    });
}

#[test]
fn a_pin_changed_on_a_group_holds_on_every_member() {
    apart(test_name!(), pair, |sandbox| {
        let library = p11::library();
        let session = p11::session(&library);
        p11::make_ec(&session, "k").expect("a key");
        session.set_pin(&p11::pin(USER_PIN), &p11::pin("another-pin")).expect("C_SetPIN");
        drop(session);
        strike(sandbox, "link.cut", "client:hsm-eus-1");
        let session = library.open_rw_session(p11::slot(&library)).expect("C_OpenSession");
        let login = |pin| session.login(UserType::User, Some(&p11::pin(pin)));
        assert_eq!(p11::code(login(USER_PIN)), RvError::PinIncorrect);
        login("another-pin").expect("C_Login");
        sign_and_verify(&session, "k").expect("C_Sign");
    });
}
