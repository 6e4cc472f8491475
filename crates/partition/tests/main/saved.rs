//! C_GetOperationState and C_SetOperationState: what goes on where, and what is refused with which code.

use hsmsim_partition::api::{OperationKind, Reply, Request, Restored, SavedPart, SavedSet};

use crate::support::*;

fn set(kinds: &[OperationKind]) -> SavedSet {
    SavedSet { id: [7; 16], kinds: kinds.iter().fold(0, |bits, kind| bits | kind.bit()) }
}

fn begin(client: &mut Client, kind: OperationKind, mechanism: &Mechanism, key: Option<ObjectId>) {
    let operation = operation(kind, mechanism, key);
    client.ask(Request::Begin { operation, data: b"first ".to_vec().into() }).unwrap();
}

/// Saves an operation that took six bytes.
fn save(
    client: &mut Client,
    kind: OperationKind,
    mechanism: &Mechanism,
    key: Option<ObjectId>,
    set: SavedSet,
) -> Result<Vec<u8>> {
    let operation = operation(kind, mechanism, key);
    let part = SavedPart { operation, begun: true, before: 6, signature: Vec::new() };
    client.ask(Request::Save { part, set }).map(|reply| match reply {
        Reply::Bytes(bytes) => bytes,
        other => panic!("{other:?}"),
    })
}

fn restore(
    client: &mut Client,
    set: SavedSet,
    parts: &[(OperationKind, Vec<u8>)],
    cipher_key: Option<ObjectId>,
    authentication_key: Option<ObjectId>,
) -> Result<Vec<Restored>> {
    let parts = parts.to_vec();
    let request = Request::Restore { set, parts, cipher_key, authentication_key };
    client.ask(request).map(|reply| match reply {
        Reply::Restored(restored) => restored,
        other => panic!("{other:?}"),
    })
}

fn finish(client: &mut Client, kind: OperationKind) -> Vec<u8> {
    let mut out = bytes(client.ask(Request::Update { kind, data: b"second part".to_vec().into() }));
    out.extend(bytes(client.ask(Request::Final { kind, signature: Vec::new() })));
    out
}

fn bytes(reply: Result<Reply>) -> Vec<u8> {
    match reply.unwrap() {
        Reply::Bytes(bytes) => bytes,
        Reply::Done => Vec::new(),
        other => panic!("{other:?}"),
    }
}

fn secret(client: &mut Client, key_type: u64, value: &[u8]) -> ObjectId {
    client
        .create(vec![
            Attribute::ulong(CKA_CLASS, CKO_SECRET_KEY),
            Attribute::ulong(CKA_KEY_TYPE, key_type),
            Attribute::bytes(CKA_VALUE, value),
            Attribute::bool(CKA_SIGN, true),
            Attribute::bool(CKA_ENCRYPT, true),
            Attribute::bool(CKA_DECRYPT, true),
        ])
        .unwrap()
}

#[test]
fn a_state_goes_on_on_another_member_of_the_domain_with_an_equal_key() {
    let (_, here) = provisioned(open());
    let (_, there) = provisioned(open());
    let mut one = Client::logged_in(&here, 1);
    let mut other = Client::logged_in(&there, 2);
    let iv = || Params::Bytes(vec![3; 16]);
    let with = |kind, params| Mechanism { kind, params };
    let ctr = Params::Ctr { counter_bits: 32, block: [9; 16] };
    let chacha = Params::ChaCha20 { counter: 1, nonce: vec![5; 12] };
    use OperationKind::*;
    for (kind, mechanism, key_type) in [
        (Digest, Mechanism::plain(CKM_SHA256), None),
        (Digest, Mechanism::plain(CKM_SHA3_384), None),
        (Digest, Mechanism::plain(CKM_LUNA_SHAKE_128), None),
        (Digest, with(CKM_LUNA_SHAKE_256, Params::Length(300)), None),
        (Digest, with(CKM_SHA512_T, Params::Length(160)), None),
        (Digest, Mechanism::plain(CKM_BLAKE2B_256), None),
        (Sign, Mechanism::plain(CKM_SHA256_HMAC), Some(CKK_GENERIC_SECRET)),
        (Sign, Mechanism::plain(CKM_AES_CMAC), Some(CKK_AES)),
        (Sign, with(CKM_AES_MAC_GENERAL, Params::Length(5)), Some(CKK_AES)),
        (Encrypt, Mechanism::plain(CKM_AES_ECB), Some(CKK_AES)),
        (Encrypt, with(CKM_AES_CBC, iv()), Some(CKK_AES)),
        (Encrypt, with(CKM_AES_CBC_PAD, iv()), Some(CKK_AES)),
        (Encrypt, with(CKM_AES_CTR, ctr), Some(CKK_AES)),
        (Encrypt, with(CKM_AES_CTS, iv()), Some(CKK_AES)),
        (Decrypt, with(CKM_AES_OFB, iv()), Some(CKK_AES)),
        (Decrypt, with(CKM_AES_CFB8, iv()), Some(CKK_AES)),
        (Encrypt, with(CKM_AES_XTS, iv()), Some(CKK_AES_XTS)),
        (Encrypt, with(CKM_CHACHA20, chacha), Some(CKK_CHACHA20)),
    ] {
        let value: Vec<u8> = (0..32).collect();
        let make = |client: &mut Client| key_type.map(|kind| secret(client, kind, &value));
        let (mine, theirs) = (make(&mut one), make(&mut other));
        let set = set(&[kind]);
        begin(&mut one, kind, &mechanism, mine);
        let sealed = save(&mut one, kind, &mechanism, mine, set).unwrap();
        let keys = match kind {
            Encrypt | Decrypt => (theirs, None),
            _ => (None, theirs),
        };
        let restored = restore(&mut other, set, &[(kind, sealed)], keys.0, keys.1).unwrap();
        assert_eq!((restored[0].before, restored[0].begun), (6, true));
        assert_eq!(*restored[0].operation.mechanism, mechanism);
        // 17 bytes are no whole blocks: what nothing pads is refused by both.
        if matches!(mechanism.kind, CKM_AES_ECB | CKM_AES_CBC) {
            for client in [&mut one, &mut other] {
                client.ask(Request::Update { kind, data: vec![1; 10].into() }).unwrap();
            }
            let last = Request::Update { kind, data: vec![2; 16].into() };
            let (a, b) = (one.ask(last.clone()), other.ask(last));
            assert_eq!(bytes(a), bytes(b), "{mechanism:?}");
            continue;
        }
        assert_eq!(finish(&mut one, kind), finish(&mut other, kind), "{mechanism:?}");
    }
}

#[test]
fn a_signature_that_only_hashes_so_far_goes_on() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let (public, private) = rsa_pair(&mut client);
    let mechanism = Mechanism::plain(CKM_SHA256_RSA_PKCS);
    let set = set(&[OperationKind::Sign]);
    begin(&mut client, OperationKind::Sign, &mechanism, Some(private));
    let sealed = save(&mut client, OperationKind::Sign, &mechanism, Some(private), set).unwrap();
    let parts = [(OperationKind::Sign, sealed)];
    // The other half of the pair is another key.
    let other = restore(&mut client, set, &parts, None, Some(public));
    assert_eq!(other.unwrap_err().rv(), CKR_KEY_CHANGED);
    restore(&mut client, set, &parts, None, Some(private)).unwrap();
    let signature = finish(&mut client, OperationKind::Sign);
    let verified = client.verify(&mechanism, public, b"first second part", &signature);
    assert_eq!(verified, CKR_OK);
}

#[test]
fn each_refusal_has_its_code_and_leaves_what_is_active() {
    use OperationKind::*;
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let key = secret(&mut client, CKK_AES, &[1; 16]);
    let other = secret(&mut client, CKK_AES, &[2; 16]);
    let (mac, sha) = (Mechanism::plain(CKM_AES_CMAC), Mechanism::plain(CKM_SHA256));
    let both = set(&[Digest, Sign]);
    begin(&mut client, Sign, &mac, Some(key));
    begin(&mut client, Digest, &sha, None);
    let parts = [
        (Digest, save(&mut client, Digest, &sha, None, both).unwrap()),
        (Sign, save(&mut client, Sign, &mac, Some(key), both).unwrap()),
    ];
    let mut damaged = parts.clone();
    *damaged[1].1.last_mut().unwrap() ^= 1;
    let exchanged = [(Digest, parts[1].1.clone()), (Sign, parts[0].1.clone())];
    let alone = set(&[Digest]);
    let foreign = SavedSet { id: [8; 16], ..both };
    for (set, parts, cipher, authentication, expected) in [
        (both, &parts[..], None, None, CKR_KEY_NEEDED),
        (both, &parts[..], None, Some(other), CKR_KEY_CHANGED),
        (both, &parts[..], None, Some(ObjectId([0; 16])), CKR_KEY_CHANGED),
        (both, &parts[..], Some(key), Some(key), CKR_KEY_NOT_NEEDED),
        (both, &damaged[..], None, Some(key), CKR_SAVED_STATE_INVALID),
        (both, &exchanged[..], None, Some(key), CKR_SAVED_STATE_INVALID),
        (both, &parts[..1], None, None, CKR_SAVED_STATE_INVALID),
        (alone, &parts[..1], None, None, CKR_SAVED_STATE_INVALID),
        (foreign, &parts[..], None, Some(key), CKR_SAVED_STATE_INVALID),
    ] {
        let refused = restore(&mut client, set, parts, cipher, authentication);
        assert_eq!(refused.unwrap_err().rv(), expected);
    }
    // A session in another state: read-only, or without the login.
    let mut read_only = Client::with(&partition, 1, 2, false);
    let mut public = Client::new(&partition, 9, 9);
    for client in [&mut read_only, &mut public] {
        let refused = restore(client, both, &parts, None, None);
        assert_eq!(refused.unwrap_err().rv(), CKR_SAVED_STATE_INVALID);
    }
    let expected = client.sign(&mac, key, b"first second part");
    begin(&mut client, Sign, &mac, Some(key));
    assert_eq!(Ok(finish(&mut client, Sign)), expected);
    restore(&mut client, both, &parts, None, Some(key)).unwrap();
    assert_eq!(Ok(finish(&mut client, Sign)), expected);
}

#[test]
fn what_works_on_the_whole_message_cannot_be_saved() {
    use OperationKind::*;
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let key = secret(&mut client, CKK_AES, &[1; 16]);
    let poly = secret(&mut client, CKK_POLY1305, &[1; 32]);
    let gcm = Params::Gcm { iv: vec![1; 12], iv_bits: 96, aad: Vec::new(), tag_bits: 128 };
    for (kind, mechanism, key) in [
        (Encrypt, Mechanism { kind: CKM_AES_GCM, params: gcm }, key),
        (Sign, Mechanism { kind: CKM_AES_GMAC, params: Params::Bytes(vec![1; 12]) }, key),
        (Sign, Mechanism::plain(CKM_POLY1305), poly),
    ] {
        begin(&mut client, kind, &mechanism, Some(key));
        let refused = save(&mut client, kind, &mechanism, Some(key), set(&[kind]));
        assert_eq!(refused.unwrap_err().rv(), CKR_STATE_UNSAVEABLE, "{mechanism:?}");
    }
    let sha = Mechanism::plain(CKM_SHA256);
    let refused = save(&mut client, Digest, &sha, None, set(&[Digest]));
    assert_eq!(refused.unwrap_err().rv(), CKR_OPERATION_NOT_INITIALIZED);
}

#[test]
fn a_state_without_a_login_hides_what_it_holds_and_goes_on_on_another_member() {
    let (_, here) = provisioned(open());
    let (_, there) = provisioned(open());
    let stranger = view(&Default::default(), open());
    provision(&stranger, 2);
    let mut one = Client::new(&here, 1, 1);
    let mut other = Client::new(&there, 2, 2);
    let sha = Mechanism::plain(CKM_SHA256);
    let set = set(&[OperationKind::Digest]);
    begin(&mut one, OperationKind::Digest, &sha, None);
    let sealed = save(&mut one, OperationKind::Digest, &sha, None, set).unwrap();
    assert!(!sealed.windows(5).any(|window| window == b"first"));
    let parts = [(OperationKind::Digest, sealed)];
    let refused = restore(&mut Client::new(&stranger, 3, 3), set, &parts, None, None);
    assert_eq!(refused.unwrap_err().rv(), CKR_SAVED_STATE_INVALID);
    restore(&mut other, set, &parts, None, None).unwrap();
    assert_eq!(finish(&mut one, OperationKind::Digest), finish(&mut other, OperationKind::Digest));
}

#[test]
fn a_key_whose_every_use_needs_a_login_gives_no_state() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let public = vec![Attribute::ulong(CKA_MODULUS_BITS, 2048)];
    let private = vec![
        Attribute::bool(CKA_SIGN, true),
        Attribute::bool(CKA_PRIVATE, true),
        Attribute::bool(CKA_ALWAYS_AUTHENTICATE, true),
    ];
    let (_, key) = client.pair(CKM_RSA_PKCS_KEY_PAIR_GEN, public, private).unwrap();
    let mechanism = Mechanism::plain(CKM_SHA256_RSA_PKCS);
    let confirm = Request::Login { user: UserType::ContextSpecific, pin: Pin::new(USER_PIN) };
    client.ask(confirm).unwrap();
    begin(&mut client, OperationKind::Sign, &mechanism, Some(key));
    let set = set(&[OperationKind::Sign]);
    let refused = save(&mut client, OperationKind::Sign, &mechanism, Some(key), set);
    assert_eq!(refused.unwrap_err().rv(), CKR_STATE_UNSAVEABLE);
}
