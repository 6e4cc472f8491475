//! Objects that the token itself has.

use std::time::Duration;

use hsmsim_partition::{
    Personality,
    api::{AttributeResult, Reply, Request},
    mechanism_list,
};
use hsmsim_sim_config::Profile;

use crate::support::*;

const CLASSES: [u64; 4] = [CKO_HW_FEATURE, CKO_MECHANISM, CKO_PROFILE, CKO_VALIDATION];

fn class(class: u64) -> Vec<Attribute> {
    vec![Attribute::ulong(CKA_CLASS, class)]
}

fn number(client: &mut Client, object: ObjectId, kind: u64) -> u64 {
    match client.get(object, kind) {
        AttributeResult::Value(value) => value.as_ulong().unwrap(),
        other => panic!("{other:?}"),
    }
}

fn all(client: &mut Client) -> Vec<ObjectId> {
    CLASSES.iter().flat_map(|&number| client.find(class(number))).collect()
}

#[test]
fn they_are_found_by_their_class_alone() {
    let (_, partition) = provisioned(open());
    let mut client = Client::new(&partition, 1, 1);
    assert!(client.find(vec![]).is_empty());
    assert!(client.find(vec![yes(CKA_TOKEN)]).is_empty());
    assert!(client.find(vec![Attribute::ulong(CKA_MECHANISM_TYPE, CKM_AES_GCM)]).is_empty());
    assert_eq!(client.find(class(CKO_HW_FEATURE)).len(), 3);
    assert_eq!(client.find(class(CKO_MECHANISM)).len(), mechanism_list(&open()).len());
    assert!(client.find(class(CKO_VALIDATION)).is_empty(), "nothing to be said");
    let gcm = with(class(CKO_MECHANISM), vec![Attribute::ulong(CKA_MECHANISM_TYPE, CKM_AES_GCM)]);
    let found = client.find(gcm);
    assert_eq!(found.len(), 1);
    assert_eq!(number(&mut client, found[0], CKA_MECHANISM_TYPE), CKM_AES_GCM);
    assert!(client.find(with(class(CKO_MECHANISM), vec![no(CKA_TOKEN)])).is_empty());
}

#[test]
fn profiles_are_exactly_those_that_hold() {
    let (_, partition) = provisioned(open());
    let mut client = Client::new(&partition, 1, 1);
    let mut profiles: Vec<_> = client
        .find(class(CKO_PROFILE))
        .into_iter()
        .map(|profile| number(&mut client, profile, CKA_PROFILE_ID))
        .collect();
    profiles.retain(|&profile| profile != CKP_HKDF_TLS_TOKEN);
    let base = [CKP_BASELINE_PROVIDER, CKP_EXTENDED_PROVIDER, CKP_AUTHENTICATION_TOKEN];
    assert_eq!(profiles, base);
    // A client of PKCS#11 2.20 knows neither profiles nor validations.
    let a790 =
        Personality { pin_rounds: 2, ..Personality::from(&Profile::shipped("a790").unwrap()) };
    let (_, partition) = provisioned(a790);
    let mut client = Client::new(&partition, 1, 1);
    assert!(client.find(class(CKO_PROFILE)).is_empty());
    assert!(client.find(class(CKO_VALIDATION)).is_empty());
    assert_eq!(client.find(class(CKO_HW_FEATURE)).len(), 1);
}

#[test]
fn a_device_in_fips_mode_says_that_nobody_validated_it() {
    let (_, partition) = provisioned(Personality { fips: true, ..open() });
    let mut client = Client::new(&partition, 1, 1);
    let found = client.find(class(CKO_VALIDATION));
    assert_eq!(found.len(), 1);
    for (kind, unspecified) in [
        (CKA_VALIDATION_TYPE, CKV_TYPE_UNSPECIFIED),
        (CKA_VALIDATION_AUTHORITY_TYPE, CKV_AUTHORITY_TYPE_UNSPECIFIED),
        (CKA_VALIDATION_FLAG, 0),
    ] {
        assert_eq!(number(&mut client, found[0], kind), unspecified);
    }
    let empty = client.bytes(found[0], CKA_VALIDATION_CERTIFICATE_IDENTIFIER);
    assert!(empty.is_empty());
}

#[test]
fn they_are_the_same_on_every_member_and_outlive_a_loss_of_power() {
    let (_, one) = provisioned(open());
    let (_, other) = provisioned(open());
    let (mut client, mut elsewhere) = (Client::new(&one, 1, 1), Client::new(&other, 9, 9));
    let before = all(&mut client);
    assert_eq!(before, all(&mut elsewhere));
    one.power_lost();
    let mut client = Client::new(&one, 1, 2);
    assert_eq!(all(&mut client), before);
    for object in before {
        assert_eq!(client.bytes(object, CKA_UNIQUE_ID), object.to_string().as_bytes());
    }
}

#[test]
fn nobody_destroys_copies_renames_or_makes_them_and_no_store_holds_them() {
    let (_, partition) = provisioned(open());
    for (role, pin) in [(Role::CryptoOfficer, USER_PIN), (Role::SecurityOfficer, SO_PIN)] {
        let mut client = Client::new(&partition, 1, 1);
        client.login(role, pin).unwrap();
        for object in all(&mut client) {
            assert_eq!(client.destroy(object), CKR_ACTION_PROHIBITED);
            let copy = Request::Copy { object, template: Template::default() };
            assert_eq!(client.code(copy), CKR_ACTION_PROHIBITED);
            // The clock alone can be set, and has no label.
            let label = Attribute::bytes(CKA_LABEL, "mine");
            let refused = match client.flag(object, CKA_MODIFIABLE) {
                true => CKR_ATTRIBUTE_TYPE_INVALID,
                false => CKR_ACTION_PROHIBITED,
            };
            assert_eq!(client.set(object, label), refused);
            assert_eq!(client.code(Request::Size { object }), CKR_OK);
        }
        for number in CLASSES {
            assert_eq!(rv(client.create(class(number))), CKR_ATTRIBUTE_VALUE_INVALID);
        }
        client.ask(Request::Logout).unwrap();
    }
    assert_eq!(partition.token_info().unwrap().objects, 0);
}

#[test]
fn no_mechanism_takes_one_of_them_for_a_key() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let clock = client.find(class(CKO_HW_FEATURE))[0];
    let mac = Mechanism::plain(CKM_AES_CMAC);
    assert_eq!(rv(client.sign(&mac, clock, b"data")), CKR_KEY_HANDLE_INVALID);
    let key = client.create(secret_key(CKK_AES, &[7; 16])).unwrap();
    let kw = Mechanism::plain(CKM_AES_KEY_WRAP);
    assert_eq!(rv(client.wrap(&kw, key, clock)), CKR_KEY_HANDLE_INVALID);
    assert_eq!(rv(client.wrap(&kw, clock, key)), CKR_WRAPPING_KEY_HANDLE_INVALID);
}

#[test]
fn the_clock_shows_the_time_of_the_request() {
    let (_, partition) = provisioned(open());
    let mut client = Client::new(&partition, 1, 1);
    let clock = client.find(class(CKO_HW_FEATURE))[0];
    assert_eq!(number(&mut client, clock, CKA_HW_FEATURE_TYPE), CKH_CLOCK);
    for (seconds, text) in [(0, "1970010100000000"), (1_800_000_000, "2027011508000000")] {
        let request =
            Request::GetAttributes { object: clock, kinds: vec![CKA_VALUE], lengths: false };
        let reply = client.session.handle(request, Duration::from_secs(seconds)).unwrap();
        let Reply::Attributes(values) = reply else { panic!("{reply:?}") };
        let AttributeResult::Value(value) = &values[0] else { panic!("{values:?}") };
        assert_eq!(value.as_bytes(), Some(text.as_bytes()));
    }
}
