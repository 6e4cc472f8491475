//! CKA_START_DATE and CKA_END_DATE: for reference by the standard, a rule by a Luna's policy.

use std::time::Duration;

use hsmsim_partition::{
    Personality,
    api::{Checked, OperationKind, Reply, Request},
};

use crate::support::*;

/// 15 January 2027, 08:00 UTC; the day has 57,600 seconds left.
const TODAY: u64 = 1_800_000_000;
const NEXT_DAY: u64 = TODAY + 57_600;

fn dated(kind: u64, day: &str) -> Vec<Attribute> {
    with(secret_key(CKK_AES, &[7; 16]), vec![Attribute::bytes(kind, day)])
}

/// Every request that puts a key to work.
fn uses(key: ObjectId, other: ObjectId) -> Vec<Request> {
    let cmac = Mechanism::plain(CKM_AES_CMAC);
    let kw = Mechanism::plain(CKM_AES_KEY_WRAP);
    let sign = || operation(OperationKind::Sign, &cmac, Some(key));
    let data = Params::DerivationData(vec![3; 32]);
    vec![
        Request::Check { operation: sign() },
        Request::OnePart { operation: sign(), data: vec![1].into(), signature: vec![] },
        Request::Begin { operation: sign(), data: vec![1].into() },
        Request::Wrap {
            mechanism: kw.clone().into(),
            wrapping_key: key,
            key: other,
            associated: None,
            room: None,
        },
        Request::Unwrap {
            mechanism: kw.into(),
            unwrapping_key: key,
            // RFC 3394's length; what is in it does not matter here.
            wrapped: vec![0; 24],
            template: Template(secret_key(CKK_AES, &[])),
            associated: None,
        },
        Request::Derive {
            mechanism: mechanism(CKM_AES_ECB_ENCRYPT_DATA, data).into(),
            base_key: key,
            template: Template::default(),
        },
    ]
}

fn at(client: &mut Client, request: Request, seconds: u64) -> u64 {
    rv(client.session.handle(request, Duration::from_secs(seconds)))
}

#[test]
fn outside_its_days_a_key_does_nothing() {
    for (vendor_codes, expected) in
        [(false, CKR_KEY_FUNCTION_NOT_PERMITTED), (true, CKR_KEY_NOT_ACTIVE)]
    {
        let (_, partition) = provisioned(Personality { key_dates: true, vendor_codes, ..open() });
        let mut client = Client::logged_in(&partition, 1);
        let other = client.create(secret_key(CKK_AES, &[7; 16])).unwrap();
        let not_yet = client.create(dated(CKA_START_DATE, "20270116")).unwrap();
        let no_more = client.create(dated(CKA_END_DATE, "20270114")).unwrap();
        for key in [not_yet, no_more] {
            for request in uses(key, other) {
                let shown = format!("{request:?}");
                assert_eq!(at(&mut client, request, TODAY), expected, "{shown}");
            }
            // It is shown, changed, carried and destroyed as ever.
            assert_eq!(client.bytes(key, CKA_VALUE), [7; 16]);
            let kw = Mechanism::plain(CKM_AES_KEY_WRAP);
            assert!(client.wrap(&kw, other, key).is_ok());
            assert_eq!(client.set(key, Attribute::bytes(CKA_LABEL, "old")), CKR_OK);
        }
        let request = uses(not_yet, other).remove(1);
        assert_eq!(at(&mut client, request, NEXT_DAY), CKR_OK, "its first day");
        assert_eq!(client.set(no_more, Attribute::bytes(CKA_END_DATE, "20270115")), CKR_OK);
        let request = || uses(no_more, other).remove(1);
        assert_eq!(at(&mut client, request(), NEXT_DAY - 1), CKR_OK, "its last second");
        assert_eq!(at(&mut client, request(), NEXT_DAY), expected);
        assert_eq!(client.destroy(no_more), CKR_OK);
    }
}

#[test]
fn by_the_standard_dates_are_for_reference() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let key = client.create(dated(CKA_END_DATE, "20200101")).unwrap();
    assert!(client.sign(&Mechanism::plain(CKM_AES_CMAC), key, b"data").is_ok());
}

#[test]
fn what_is_true_of_a_key_with_a_last_day_is_not_to_be_remembered() {
    let (_, partition) = provisioned(Personality { key_dates: true, ..open() });
    let mut client = Client::logged_in(&partition, 1);
    let token = || vec![yes(CKA_TOKEN)];
    for (template, holds) in [
        (with(secret_key(CKK_AES, &[7; 16]), token()), true),
        (with(dated(CKA_START_DATE, "20200101"), token()), true),
        (with(dated(CKA_END_DATE, "20990101"), token()), false),
    ] {
        let key = client.create(template).unwrap();
        let cmac = Mechanism::plain(CKM_AES_CMAC);
        let operation = operation(OperationKind::Sign, &cmac, Some(key));
        match client.ask(Request::Check { operation }).unwrap() {
            Reply::Checked(checked) => assert_eq!(Checked::holds_on(&checked), holds),
            other => panic!("{other:?}"),
        }
    }
}
