//! Several views of one store, as several processes have them, and several threads on one view.

use std::{sync::Arc, thread};

use hsmsim_partition::api::Reply;
use hsmsim_partition::api::{Request, TokenInfo};

use crate::support::*;

fn token_key(value: u8) -> Vec<Attribute> {
    with(secret_key(CKK_GENERIC_SECRET, &[value; 16]), vec![yes(CKA_TOKEN)])
}

fn token(client: &mut Client) -> TokenInfo {
    match client.ask(Request::TokenInfo).unwrap() {
        Reply::Token(info) => *info,
        other => panic!("{other:?}"),
    }
}

#[test]
fn two_views_see_each_others_objects() {
    let (store, one) = provisioned(open());
    let two = view(&store, open());
    let (mut here, mut there) = (Client::logged_in(&one, 1), Client::logged_in(&two, 1));
    let key = here.create(token_key(1)).unwrap();
    let hmac = Mechanism::plain(CKM_SHA256_HMAC);
    assert_eq!(there.sign(&hmac, key, b"x").unwrap(), here.sign(&hmac, key, b"x").unwrap());
    assert_eq!(there.set(key, Attribute::bytes(CKA_LABEL, "changed there")), CKR_OK);
    assert_eq!(here.bytes(key, CKA_LABEL), b"changed there");
    assert_eq!(here.set(key, no(CKA_SIGN)), CKR_OK);
    assert_eq!(rv(there.sign(&hmac, key, b"x")), CKR_KEY_FUNCTION_NOT_PERMITTED);
    assert_eq!(there.destroy(key), CKR_OK);
    assert_eq!(here.code(Request::Size { object: key }), CKR_OBJECT_HANDLE_INVALID);
    assert_eq!(rv(here.sign(&hmac, key, b"x")), CKR_KEY_HANDLE_INVALID);
    assert!(here.find(vec![]).is_empty());
}

#[test]
fn two_views_count_wrong_pins_together() {
    let (store, one) = provisioned(open());
    let two = view(&store, open());
    let (mut here, mut there) = (Client::new(&one, 1, 1), Client::new(&two, 1, 1));
    for _ in 0..5 {
        assert_eq!(rv(here.login(Role::CryptoOfficer, "wrong")), CKR_PIN_INCORRECT);
        assert_eq!(rv(there.login(Role::CryptoOfficer, "wrong")), CKR_PIN_INCORRECT);
    }
    for client in [&mut here, &mut there] {
        assert_eq!(rv(client.login(Role::CryptoOfficer, USER_PIN)), CKR_PIN_LOCKED);
        assert_ne!(token(client).flags & CKF_USER_PIN_LOCKED, 0);
    }
}

#[test]
fn a_pin_changed_in_one_view_holds_in_the_other() {
    let (store, one) = provisioned(open());
    let two = view(&store, open());
    let (mut here, mut there) = (Client::new(&one, 1, 1), Client::new(&two, 1, 1));
    there.login(Role::CryptoOfficer, USER_PIN).unwrap();
    there.ask(Request::Logout).unwrap();
    let (old, new) = (Pin::new(USER_PIN), Pin::new("another"));
    here.ask(Request::SetPin { old, new }).unwrap();
    assert_eq!(rv(there.login(Role::CryptoOfficer, USER_PIN)), CKR_PIN_INCORRECT);
    there.login(Role::CryptoOfficer, "another").unwrap();
}

#[test]
fn initialising_in_one_view_ends_logins_in_the_other() {
    let (store, one) = provisioned(open());
    let two = view(&store, open());
    let mut there = Client::logged_in(&two, 1);
    let key = there.create(token_key(1)).unwrap();
    let session_key = there.create(secret_key(CKK_AES, &[7; 16])).unwrap();
    provision(&one, 2);
    let hmac = Mechanism::plain(CKM_SHA256_HMAC);
    assert_eq!(rv(there.sign(&hmac, key, b"x")), CKR_KEY_HANDLE_INVALID);
    assert_eq!(there.code(Request::Size { object: session_key }), CKR_OBJECT_HANDLE_INVALID);
    assert_eq!(rv(there.create(token_key(2))), CKR_USER_NOT_LOGGED_IN);
    there.login(Role::CryptoOfficer, USER_PIN).unwrap();
    assert!(there.create(token_key(2)).is_ok());
}

#[test]
fn other_changes_end_no_login() {
    let (store, one) = provisioned(open());
    let mut client = Client::logged_in(&one, 1);
    let key = client.create(token_key(1)).unwrap();
    store.bump();
    let hmac = Mechanism::plain(CKM_SHA256_HMAC);
    assert!(client.sign(&hmac, key, b"x").is_ok());
}

#[test]
fn destroyed_key_never_returns_by_a_change_that_came_later() {
    let (store, one) = provisioned(open());
    let two = view(&store, open());
    let mut here = Client::logged_in(&one, 1);
    let mut there = Client::logged_in(&two, 1);
    let key = here.create(token_key(1)).unwrap();
    store.before_next_change(move || assert_eq!(there.destroy(key), CKR_OK));
    let code = here.set(key, Attribute::bytes(CKA_LABEL, "late"));
    assert_eq!(code, CKR_OBJECT_HANDLE_INVALID);
    assert!(here.find(vec![]).is_empty());
}

#[test]
fn a_change_that_came_between_is_kept() {
    let (store, one) = provisioned(open());
    let two = view(&store, open());
    let mut here = Client::logged_in(&one, 1);
    let mut there = Client::logged_in(&two, 1);
    let key = here.create(token_key(1)).unwrap();
    store.before_next_change(move || {
        assert_eq!(there.set(key, Attribute::bytes(CKA_ID, "theirs")), CKR_OK);
    });
    assert_eq!(here.set(key, Attribute::bytes(CKA_LABEL, "ours")), CKR_OK);
    assert_eq!(here.bytes(key, CKA_ID), b"theirs");
    assert_eq!(here.bytes(key, CKA_LABEL), b"ours");
}

#[test]
fn of_two_that_initialise_a_blank_partition_one_wins() {
    let store = Arc::new(MemoryStore::default());
    let (one, two) = (view(&store, open()), view(&store, open()));
    store.before_next_change(move || {
        two.init_token(&Pin::new("theirs"), b"theirs", &domain(2), NOW).unwrap();
    });
    let late = one.init_token(&Pin::new("ours"), b"ours", &domain(1), NOW);
    assert_eq!(rv(late), CKR_PIN_INCORRECT);
    assert_eq!(one.token_info().unwrap().label, b"theirs");
}

#[test]
fn a_pin_that_was_changed_meanwhile_counts_no_failure_and_lets_nobody_in() {
    let (store, one) = provisioned(open());
    let two = view(&store, open());
    let mut here = Client::new(&one, 1, 1);
    store.before_next_change(move || {
        let (so, new) = (Pin::new(SO_PIN), Pin::new("the new one"));
        two.init_crypto_officer(&so, &new, NOW).unwrap();
    });
    // Wrong when it was given, right when it would have been counted.
    here.login(Role::CryptoOfficer, "the new one").unwrap();
    assert_eq!(token(&mut here).flags & CKF_USER_PIN_COUNT_LOW, 0);
}

#[test]
fn destroyed_key_never_returns_when_both_views_change_it_at_once() {
    let (store, one) = provisioned(open());
    let two = view(&store, open());
    let mut here = Client::logged_in(&one, 1);
    let mut there = Client::logged_in(&two, 1);
    for round in 0..200 {
        let key = here.create(token_key(1)).unwrap();
        // Both know the object before they begin.
        there.bytes(key, CKA_LABEL);
        thread::scope(|scope| {
            let changer = scope.spawn(|| {
                (0..5)
                    .map(|at| there.set(key, Attribute::bytes(CKA_LABEL, [at])))
                    .collect::<Vec<_>>()
            });
            assert_eq!(here.destroy(key), CKR_OK);
            for code in changer.join().unwrap() {
                assert!(matches!(code, CKR_OK | CKR_OBJECT_HANDLE_INVALID), "round {round}");
            }
        });
        assert_eq!(here.code(Request::Size { object: key }), CKR_OBJECT_HANDLE_INVALID);
        assert!(here.find(vec![]).is_empty());
    }
}

#[test]
fn concurrent_changes_of_different_attributes_are_all_kept() {
    let (store, one) = provisioned(open());
    let two = view(&store, open());
    let mut here = Client::logged_in(&one, 1);
    let mut there = Client::logged_in(&two, 1);
    let key = here.create(token_key(1)).unwrap();
    for round in 0..100_u8 {
        thread::scope(|scope| {
            let other = scope.spawn(|| there.set(key, Attribute::bytes(CKA_LABEL, [round])));
            assert_eq!(here.set(key, Attribute::bytes(CKA_ID, [round])), CKR_OK);
            assert_eq!(other.join().unwrap(), CKR_OK);
        });
        assert_eq!(here.bytes(key, CKA_LABEL), [round]);
        assert_eq!(there.bytes(key, CKA_ID), [round]);
    }
}

#[test]
fn sixteen_sessions_work_on_one_view_at_once() {
    let (_, partition) = provisioned(open());
    let mut owner = Client::logged_in(&partition, 1);
    let (public, private) = ec_pair(&mut owner, CKM_EC_KEY_PAIR_GEN, P256);
    let shared = owner.create(token_key(9)).unwrap();
    thread::scope(|scope| {
        for number in 0..16 {
            let partition = Arc::clone(&partition);
            scope.spawn(move || {
                let mut client = Client::new(&partition, 1, 1000 + number);
                let (ecdsa, hmac) =
                    (Mechanism::plain(CKM_ECDSA_SHA256), Mechanism::plain(CKM_SHA256_HMAC));
                for round in 0..20_u8 {
                    let data = [number as u8, round];
                    let signature = client.sign(&ecdsa, private, &data).unwrap();
                    assert_eq!(client.verify(&ecdsa, public, &data, &signature), CKR_OK);
                    let own = client.create(token_key(number as u8)).unwrap();
                    let mac = client.sign(&hmac, own, &data).unwrap();
                    assert_eq!(client.verify(&hmac, own, &data, &mac), CKR_OK);
                    client.sign(&hmac, shared, &data).unwrap();
                    assert_eq!(client.destroy(own), CKR_OK);
                }
            });
        }
    });
    assert_eq!(owner.find(vec![yes(CKA_TOKEN)]), [shared]);
}
