//! Finding, copying, changing, destroying; who lives how long.

use std::sync::atomic::Ordering::SeqCst;

use hsmsim_partition::api::{Reply, Request};

use crate::support::*;

fn data(label: &str, more: Vec<Attribute>) -> Vec<Attribute> {
    let own = vec![
        Attribute::ulong(CKA_CLASS, CKO_DATA),
        Attribute::bytes(CKA_LABEL, label),
        Attribute::bytes(CKA_VALUE, "value"),
        no(CKA_PRIVATE),
    ];
    with(own, more)
}

fn label(label: &str) -> Attribute {
    Attribute::bytes(CKA_LABEL, label)
}

#[test]
fn searches_find_what_matches_in_a_stable_order() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let token = client.create(data("one", vec![yes(CKA_TOKEN)])).unwrap();
    let private = client.create(data("one", vec![yes(CKA_TOKEN), yes(CKA_PRIVATE)])).unwrap();
    let session = client.create(data("one", vec![])).unwrap();
    let key = client
        .create(with(
            secret_key(CKK_AES, &[7; 16]),
            vec![yes(CKA_TOKEN), label("two"), Attribute::bytes(CKA_ID, [1, 2])],
        ))
        .unwrap();
    for (template, expected) in [
        (vec![], vec![token, private, key, session]),
        (vec![label("one")], vec![token, private, session]),
        (vec![label("on")], vec![]),
        (vec![label("")], vec![]),
        (vec![label("one"), yes(CKA_TOKEN)], vec![token, private]),
        (vec![label("one"), no(CKA_TOKEN)], vec![session]),
        (vec![label("one"), yes(CKA_PRIVATE)], vec![private]),
        (vec![label("one"), no(CKA_PRIVATE)], vec![token, session]),
        (vec![Attribute::ulong(CKA_CLASS, CKO_SECRET_KEY)], vec![key]),
        (vec![Attribute::bytes(CKA_ID, [1, 2])], vec![key]),
        (vec![Attribute::bytes(CKA_ID, [1, 2]), label("one")], vec![]),
        (vec![Attribute::ulong(CKA_KEY_TYPE, CKK_AES)], vec![key]),
        (vec![Attribute::ulong(CKA_VALUE_LEN, 16)], vec![key]),
        (vec![Attribute::bytes(CKA_VALUE, "value")], vec![token, private, session]),
        (vec![Attribute::bytes(CKA_VALUE, [7; 16])], vec![key]),
        (vec![Attribute::bytes(CKA_UNIQUE_ID, key.to_string())], vec![key]),
        (vec![Attribute::bytes(CKA_UNIQUE_ID, session.to_string())], vec![session]),
        (vec![Attribute::bytes(CKA_UNIQUE_ID, key.to_string()), label("one")], vec![]),
        (vec![Attribute::bytes(CKA_UNIQUE_ID, "?")], vec![]),
        (vec![Attribute::bytes(CKA_TOKEN, "x")], vec![]),
        (vec![Attribute::bool(CKA_CLASS, true)], vec![]),
        (vec![Attribute::ulong(0x7777, 1)], vec![]),
    ] {
        assert_eq!(client.find(template.clone()), expected, "{template:?}");
        assert_eq!(client.find(template), expected, "again");
    }
}

#[test]
fn a_search_by_label_opens_only_what_it_finds() {
    let (store, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    for number in 0..50 {
        client.create(data(&format!("object {number}"), vec![yes(CKA_TOKEN)])).unwrap();
    }
    let before = store.loads.load(SeqCst);
    assert_eq!(client.find(vec![label("object 7")]).len(), 1);
    assert_eq!(store.loads.load(SeqCst), before, "the store's own search was enough");
}

#[test]
fn a_damaged_object_hides_no_other_and_is_a_device_error_by_name() {
    let (store, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let mut make =
        |label| client.create(data(label, vec![yes(CKA_TOKEN), yes(CKA_PRIVATE)])).unwrap();
    let (one, two, good) = (make("one"), make("two"), make("good"));
    // Somebody with the disk in hand exchanges two objects.
    store.swap_bodies(one, two);
    let mut fresh = Client::logged_in(&view(&store, open()), 2);
    assert_eq!(fresh.find(vec![Attribute::bytes(CKA_VALUE, "value")]), [good]);
    for swapped in [one, two] {
        assert_eq!(fresh.code(Request::Size { object: swapped }), CKR_DEVICE_ERROR);
    }
}

#[test]
fn copies_are_objects_of_their_own() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let key = client
        .create(with(secret_key(CKK_AES, &[7; 16]), vec![label("first"), yes(CKA_TOKEN)]))
        .unwrap();
    let copy = |client: &mut Client, object, template| -> Result<ObjectId> {
        match client.ask(Request::Copy { object, template: Template(template) })? {
            Reply::Created(created) => Ok(created.objects[0].id),
            other => panic!("{other:?}"),
        }
    };
    let changes = vec![no(CKA_TOKEN), label("second"), yes(CKA_SENSITIVE), no(CKA_MODIFIABLE)];
    let second = copy(&mut client, key, changes).unwrap();
    assert_eq!(client.bytes(second, CKA_LABEL), b"second");
    assert_eq!(client.bytes(second, CKA_UNIQUE_ID), second.to_string().as_bytes());
    assert!(!client.flag(second, CKA_TOKEN));
    assert_eq!(client.bytes(key, CKA_LABEL), b"first");
    assert!(!client.flag(key, CKA_SENSITIVE));
    assert_eq!(client.set(second, label("third")), CKR_ACTION_PROHIBITED);

    assert_eq!(client.destroy(key), CKR_OK);
    let cmac = Mechanism::plain(CKM_AES_CMAC);
    assert!(client.sign(&cmac, second, b"x").is_ok(), "the copy lives");
    assert_eq!(rv(client.sign(&cmac, key, b"x")), CKR_KEY_HANDLE_INVALID);

    let fixed = client.create(data("x", vec![no(CKA_COPYABLE)])).unwrap();
    assert_eq!(rv(copy(&mut client, fixed, vec![])), CKR_ACTION_PROHIBITED);
    assert_eq!(rv(copy(&mut client, key, vec![])), CKR_OBJECT_HANDLE_INVALID);
    let refused = copy(&mut client, second, vec![Attribute::ulong(CKA_CLASS, CKO_DATA)]);
    assert_eq!(rv(refused), CKR_ATTRIBUTE_READ_ONLY);
}

#[test]
fn objects_that_must_stay_as_they_are_do() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let lasting = client.create(data("x", vec![no(CKA_DESTROYABLE)])).unwrap();
    assert_eq!(client.destroy(lasting), CKR_ACTION_PROHIBITED);
    let fixed = client.create(data("x", vec![no(CKA_MODIFIABLE)])).unwrap();
    assert_eq!(client.set(fixed, label("y")), CKR_ACTION_PROHIBITED);
}

#[test]
fn read_only_sessions_change_no_token_object() {
    let (_, partition) = provisioned(open());
    let mut writer = Client::logged_in(&partition, 1);
    let token = writer.create(data("x", vec![yes(CKA_TOKEN)])).unwrap();
    let mut reader = Client::with(&partition, 1, 2, false);
    let session = reader.create(data("y", vec![])).unwrap();
    assert_eq!(rv(reader.create(data("z", vec![yes(CKA_TOKEN)]))), CKR_SESSION_READ_ONLY);
    assert_eq!(reader.set(token, label("z")), CKR_SESSION_READ_ONLY);
    assert_eq!(reader.destroy(token), CKR_SESSION_READ_ONLY);
    let copy = Request::Copy { object: session, template: Template(vec![yes(CKA_TOKEN)]) };
    assert_eq!(reader.code(copy), CKR_SESSION_READ_ONLY);
    assert_eq!(reader.set(session, label("z")), CKR_OK);
    assert_eq!(reader.destroy(session), CKR_OK);
    assert_eq!(reader.destroy(session), CKR_OBJECT_HANDLE_INVALID);
}

#[test]
fn changed_labels_are_found_and_old_ones_are_not() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    for place in [yes(CKA_TOKEN), no(CKA_TOKEN)] {
        let object = client.create(data("old", vec![place])).unwrap();
        assert_eq!(client.set(object, label("new")), CKR_OK);
        assert!(client.find(vec![label("old")]).is_empty());
        assert_eq!(client.find(vec![label("new")]), [object]);
        client.destroy(object);
    }
}

#[test]
fn size_grows_with_the_object() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let size = |client: &mut Client, len| {
        let value = Attribute::bytes(CKA_VALUE, vec![1; len]);
        let object = client.create(data("x", vec![value])).unwrap();
        match client.ask(Request::Size { object }).unwrap() {
            Reply::Size(size) => size,
            other => panic!("{other:?}"),
        }
    };
    let (small, large) = (size(&mut client, 10), size(&mut client, 1010));
    assert!(large - small >= 1000 && small < 500, "{small} and {large}");
}

#[test]
fn session_objects_vanish_with_their_session() {
    let (_, partition) = provisioned(open());
    let mut first = Client::logged_in(&partition, 1);
    let mut second = Client::new(&partition, 1, 2);
    let mut stranger = Client::logged_in(&partition, 2);
    let key = first.create(secret_key(CKK_GENERIC_SECRET, &[7; 16])).unwrap();
    let token = first.create(data("x", vec![yes(CKA_TOKEN)])).unwrap();
    let hmac = Mechanism::plain(CKM_SHA256_HMAC);
    assert!(second.sign(&hmac, key, b"x").is_ok(), "all sessions of the application see it");
    assert_eq!(rv(stranger.sign(&hmac, key, b"x")), CKR_KEY_HANDLE_INVALID);
    assert_eq!(stranger.find(vec![]), [token]);
    drop(first);
    assert_eq!(rv(second.sign(&hmac, key, b"x")), CKR_KEY_HANDLE_INVALID);
    assert_eq!(second.find(vec![]), [token]);
}

#[test]
fn logout_takes_private_session_objects_and_leaves_public_ones() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let private = client.create(secret_key(CKK_AES, &[7; 16])).unwrap();
    let public = client.create(data("x", vec![])).unwrap();
    client.ask(Request::Logout).unwrap();
    client.login(Role::CryptoOfficer, USER_PIN).unwrap();
    assert_eq!(client.find(vec![]), [public]);
    assert_eq!(client.code(Request::Size { object: private }), CKR_OBJECT_HANDLE_INVALID);
}

#[test]
fn power_loss_keeps_token_objects_alone() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let token = client.create(with(secret_key(CKK_AES, &[7; 16]), vec![yes(CKA_TOKEN)])).unwrap();
    client.create(data("session", vec![])).unwrap();
    let cmac = Mechanism::plain(CKM_AES_CMAC);
    let mac = client.sign(&cmac, token, b"x").unwrap();
    partition.power_lost();
    assert_eq!(client.code(Request::TokenInfo), CKR_SESSION_HANDLE_INVALID);
    assert_eq!(rv(client.sign(&cmac, token, b"x")), CKR_SESSION_HANDLE_INVALID);

    // The old presence is still held; it has no login any more.
    let mut again = Client::new(&partition, 1, 2);
    assert!(again.find(vec![]).is_empty());
    assert_eq!(rv(again.sign(&cmac, token, b"x")), CKR_KEY_HANDLE_INVALID);
    again.login(Role::CryptoOfficer, USER_PIN).unwrap();
    assert_eq!(again.find(vec![]), [token]);
    assert_eq!(again.sign(&cmac, token, b"x").unwrap(), mac);
}

#[test]
fn zeroize_leaves_nothing() {
    let (store, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let key = client.create(with(secret_key(CKK_AES, &[7; 16]), vec![yes(CKA_TOKEN)])).unwrap();
    partition.zeroize().unwrap();
    assert!(store.dump().is_empty());
    let cmac = Mechanism::plain(CKM_AES_CMAC);
    assert_eq!(rv(client.sign(&cmac, key, b"x")), CKR_KEY_HANDLE_INVALID);
    assert_eq!(rv(client.login(Role::CryptoOfficer, USER_PIN)), CKR_USER_PIN_NOT_INITIALIZED);
}

#[test]
fn a_key_in_the_cache_costs_no_read_of_the_store() {
    let (store, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let template = with(secret_key(CKK_AES, &[7; 16]), vec![yes(CKA_TOKEN)]);
    let (key, other) = (client.create(template.clone()).unwrap(), client.create(template).unwrap());
    let cmac = Mechanism::plain(CKM_AES_CMAC);
    client.sign(&cmac, key, b"x").unwrap();
    let before = store.loads.load(SeqCst);
    for _ in 0..10 {
        client.sign(&cmac, key, b"x").unwrap();
    }
    assert_eq!(store.loads.load(SeqCst), before);
    // A change of another object costs one look, not a new key.
    client.set(other, label("x"));
    let before = store.loads.load(SeqCst);
    for _ in 0..10 {
        client.sign(&cmac, key, b"x").unwrap();
    }
    assert_eq!(store.loads.load(SeqCst), before + 1);
}
