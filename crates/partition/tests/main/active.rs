//! What is active in a session: beside each other, until an error, a logout, a missing PIN.

use hsmsim_partition::api::{OperationKind, Reply, Request};

use crate::support::*;

fn message(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at * 7 + 3) as u8).collect()
}

#[test]
fn operations_of_different_kinds_run_beside_each_other() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let key = client.create(secret_key(CKK_AES, &message(16))).unwrap();
    let begin = |kind, mechanism: &Mechanism, key| Request::Begin {
        operation: operation(kind, mechanism, key),
        data: message(20).into(),
    };
    let cmac = Mechanism::plain(CKM_AES_CMAC);
    let cbc = mechanism(CKM_AES_CBC_PAD, Params::Bytes(message(16)));
    let sha = Mechanism::plain(CKM_SHA256);
    client.ask(begin(OperationKind::Sign, &cmac, Some(key))).unwrap();
    client.ask(begin(OperationKind::Encrypt, &cbc, Some(key))).unwrap();
    client.ask(begin(OperationKind::Digest, &sha, None)).unwrap();
    client.ask(Request::Cancel { kind: OperationKind::Digest }).unwrap();
    let last = |kind| Request::Final { kind, signature: vec![] };
    let Reply::Bytes(mac) = client.ask(last(OperationKind::Sign)).unwrap() else { panic!() };
    assert_eq!(mac, client.sign(&cmac, key, &message(20)).unwrap());
    let Reply::Bytes(rest) = client.ask(last(OperationKind::Encrypt)).unwrap() else { panic!() };
    assert_eq!(rest.len(), 16);
    for kind in OperationKind::ALL {
        assert_eq!(client.code(last(kind)), CKR_OPERATION_NOT_INITIALIZED);
        let update = Request::Update { kind, data: vec![1].into() };
        assert_eq!(client.code(update), CKR_OPERATION_NOT_INITIALIZED);
    }
    assert_eq!(client.code(Request::DigestKey { key }), CKR_OPERATION_NOT_INITIALIZED);
}

#[test]
fn an_error_ends_the_operation() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let key = client.create(secret_key(CKK_AES, &message(16))).unwrap();
    let kind = OperationKind::Encrypt;
    let ecb = operation(kind, &Mechanism::plain(CKM_AES_ECB), Some(key));
    client.ask(Request::Begin { operation: ecb, data: message(17).into() }).unwrap();
    let last = Request::Final { kind, signature: vec![] };
    assert_eq!(client.code(last.clone()), CKR_DATA_LEN_RANGE);
    assert_eq!(client.code(last), CKR_OPERATION_NOT_INITIALIZED);
}

#[test]
fn logout_takes_the_key_away_from_a_running_operation() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let template = with(secret_key(CKK_GENERIC_SECRET, &message(16)), vec![yes(CKA_TOKEN)]);
    let key = client.create(template).unwrap();
    let kind = OperationKind::Sign;
    let hmac = operation(kind, &Mechanism::plain(CKM_SHA256_HMAC), Some(key));
    client.ask(Request::Begin { operation: hmac, data: message(17).into() }).unwrap();
    client.ask(Request::Logout).unwrap();
    let update = Request::Update { kind, data: message(3).into() };
    assert_eq!(client.code(update.clone()), CKR_USER_NOT_LOGGED_IN);
    assert_eq!(client.code(update), CKR_OPERATION_NOT_INITIALIZED);
}

#[test]
fn always_authenticate_wants_a_pin_for_each_operation() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let (_, private) = client
        .pair(
            CKM_EC_KEY_PAIR_GEN,
            vec![Attribute::bytes(CKA_EC_PARAMS, P256)],
            vec![yes(CKA_ALWAYS_AUTHENTICATE)],
        )
        .unwrap();
    let mechanism = Mechanism::plain(CKM_ECDSA_SHA256);
    let check =
        Request::Check { operation: operation(OperationKind::Sign, &mechanism, Some(private)) };
    let Reply::Checked(checked) = client.ask(check).unwrap() else { panic!() };
    assert!(checked.always_authenticate);
    let confirm =
        |pin: &str| Request::Login { user: UserType::ContextSpecific, pin: Pin::new(pin) };
    assert_eq!(rv(client.sign(&mechanism, private, b"x")), CKR_USER_NOT_LOGGED_IN);
    assert_eq!(client.code(confirm("wrong")), CKR_PIN_INCORRECT);
    assert_eq!(rv(client.sign(&mechanism, private, b"x")), CKR_USER_NOT_LOGGED_IN);
    assert_eq!(client.code(confirm(USER_PIN)), CKR_OK);
    assert!(client.sign(&mechanism, private, b"x").is_ok());
    assert_eq!(rv(client.sign(&mechanism, private, b"x")), CKR_USER_NOT_LOGGED_IN, "once");

    assert_eq!(client.code(confirm(USER_PIN)), CKR_OK);
    let parts = |client: &mut Client| {
        rv(client.in_parts(OperationKind::Sign, &mechanism, Some(private), (b"abc", &[]), 1))
    };
    assert_eq!(parts(&mut client), CKR_OK);
    assert_eq!(parts(&mut client), CKR_USER_NOT_LOGGED_IN);
    client.ask(Request::Logout).unwrap();
    assert_eq!(client.code(confirm(USER_PIN)), CKR_USER_NOT_LOGGED_IN);
}

#[test]
fn random_bytes_come_in_the_length_asked_for() {
    let (_, partition) = provisioned(open());
    let mut client = Client::new(&partition, 1, 1);
    let Reply::Bytes(one) = client.ask(Request::Random { len: 33 }).unwrap() else { panic!() };
    let Reply::Bytes(two) = client.ask(Request::Random { len: 33 }).unwrap() else { panic!() };
    assert_eq!(one.len(), 33);
    assert_ne!(one, two);
    assert_eq!(client.code(Request::Random { len: usize::MAX }), CKR_ARGUMENTS_BAD);
    assert_eq!(client.code(Request::SeedRandom), CKR_OK);
}
