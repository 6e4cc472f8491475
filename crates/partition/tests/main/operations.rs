//! Every mechanism, in one part and in many, with equal results.

use hsmsim_partition::api::{Checked, OperationKind, Reply, Request};
use hsmsim_partition::output::OutputLen;

use crate::support::*;

const STEPS: [usize; 4] = [1, 7, 16, 33];

fn message(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at * 7 + 3) as u8).collect()
}

fn pss(hash: u64, mgf: u64, salt_len: u64) -> Params {
    Params::Pss { hash, mgf, salt_len }
}

/// Signs and verifies in one part and in parts; a changed message or signature is refused.
fn check_signature(
    client: &mut Client,
    mechanism: &Mechanism,
    (private, public): (ObjectId, ObjectId),
    data: &[u8],
    multi_part: bool,
) {
    let name = format!("{mechanism:?}");
    let signature = client.sign(mechanism, private, data).expect(&name);
    assert_eq!(client.verify(mechanism, public, data, &signature), CKR_OK, "{name}");
    let mut wrong = data.to_vec();
    wrong[0] ^= 1;
    assert_eq!(
        client.verify(mechanism, public, &wrong, &signature),
        CKR_SIGNATURE_INVALID,
        "{name}"
    );
    let mut wrong = signature.clone();
    *wrong.last_mut().unwrap() ^= 1;
    assert_eq!(client.verify(mechanism, public, data, &wrong), CKR_SIGNATURE_INVALID, "{name}");
    let short = &signature[..signature.len() - 1];
    assert_eq!(client.verify(mechanism, public, data, short), CKR_SIGNATURE_LEN_RANGE, "{name}");

    let expected = Checked {
        output: OutputLen::Fixed(signature.len()),
        always_authenticate: false,
        changes_key: false,
        counts_key: false,
        session_key: true,
        ends_by_date: false,
    };
    let sign = operation(OperationKind::Sign, mechanism, Some(private));
    match client.ask(Request::Check { operation: sign }).unwrap() {
        Reply::Checked(checked) => assert_eq!(checked, expected, "{name}"),
        other => panic!("{other:?}"),
    }

    for step in STEPS {
        let parts =
            client.in_parts(OperationKind::Sign, mechanism, Some(private), (data, &[]), step);
        if !multi_part {
            assert_eq!(rv(parts), CKR_FUNCTION_NOT_SUPPORTED, "{name}");
            continue;
        }
        let parts = parts.expect(&name);
        for signature in [&parts, &signature] {
            let verified = client.in_parts(
                OperationKind::Verify,
                mechanism,
                Some(public),
                (data, signature),
                step,
            );
            assert_eq!(rv(verified), CKR_OK, "{name} in parts of {step}");
        }
        assert_eq!(client.verify(mechanism, public, data, &parts), CKR_OK, "{name}");
    }
}

#[test]
fn rsa_signatures() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let (public, private) = rsa_pair(&mut client);
    let keys = (private, public);
    let data = message(100);
    for kind in [
        CKM_SHA1_RSA_PKCS,
        CKM_SHA224_RSA_PKCS,
        CKM_SHA256_RSA_PKCS,
        CKM_SHA384_RSA_PKCS,
        CKM_SHA512_RSA_PKCS,
        CKM_SHA3_224_RSA_PKCS,
        CKM_SHA3_256_RSA_PKCS,
        CKM_SHA3_384_RSA_PKCS,
        CKM_SHA3_512_RSA_PKCS,
    ] {
        check_signature(&mut client, &Mechanism::plain(kind), keys, &data, true);
    }
    for (kind, hash, mgf) in [
        (CKM_SHA1_RSA_PKCS_PSS, CKM_SHA_1, CKG_MGF1_SHA1),
        (CKM_SHA224_RSA_PKCS_PSS, CKM_SHA224, CKG_MGF1_SHA224),
        (CKM_SHA256_RSA_PKCS_PSS, CKM_SHA256, CKG_MGF1_SHA256),
        (CKM_SHA384_RSA_PKCS_PSS, CKM_SHA384, CKG_MGF1_SHA384),
        (CKM_SHA512_RSA_PKCS_PSS, CKM_SHA512, CKG_MGF1_SHA512),
        (CKM_SHA3_224_RSA_PKCS_PSS, CKM_SHA3_224, CKG_MGF1_SHA3_224),
        (CKM_SHA3_256_RSA_PKCS_PSS, CKM_SHA3_256, CKG_MGF1_SHA3_256),
        (CKM_SHA3_384_RSA_PKCS_PSS, CKM_SHA3_384, CKG_MGF1_SHA3_384),
        (CKM_SHA3_512_RSA_PKCS_PSS, CKM_SHA3_512, CKG_MGF1_SHA3_512),
    ] {
        check_signature(&mut client, &mechanism(kind, pss(hash, mgf, 20)), keys, &data, true);
    }
    for single in [
        Mechanism::plain(CKM_RSA_PKCS),
        Mechanism::plain(CKM_RSA_X_509),
        mechanism(CKM_RSA_PKCS_PSS, pss(CKM_SHA256, CKG_MGF1_SHA256, 32)),
    ] {
        check_signature(&mut client, &single, keys, &message(32), false);
    }
}

#[test]
fn a_hashed_signature_is_the_signature_of_the_digest() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let (public, private) = rsa_pair(&mut client);
    let (ec_public, ec_private) = ec_pair(&mut client, CKM_EC_KEY_PAIR_GEN, P256);
    let data = message(77);
    let digest =
        client.one_part(OperationKind::Digest, &Mechanism::plain(CKM_SHA256), None, &data).unwrap();
    let params = pss(CKM_SHA256, CKG_MGF1_SHA256, 32);
    for (private, public, hashed, bare) in [
        (
            private,
            public,
            mechanism(CKM_SHA256_RSA_PKCS_PSS, params.clone()),
            mechanism(CKM_RSA_PKCS_PSS, params),
        ),
        (ec_private, ec_public, Mechanism::plain(CKM_ECDSA_SHA256), Mechanism::plain(CKM_ECDSA)),
    ] {
        let signature = client.sign(&hashed, private, &data).unwrap();
        assert_eq!(client.verify(&bare, public, &digest, &signature), CKR_OK);
        let signature = client.sign(&bare, private, &digest).unwrap();
        assert_eq!(client.verify(&hashed, public, &data, &signature), CKR_OK);
    }
    let mut info = vec![
        0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01,
        0x05, 0x00, 0x04, 0x20,
    ];
    info.extend(&digest);
    let signature = client.sign(&Mechanism::plain(CKM_RSA_PKCS), private, &info).unwrap();
    let hashed = client.sign(&Mechanism::plain(CKM_SHA256_RSA_PKCS), private, &data).unwrap();
    assert_eq!(signature, hashed);
}

#[test]
fn ecdsa_signatures_on_every_curve() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let data = message(100);
    for params in [P256, P384, P521, K256] {
        let (public, private) = ec_pair(&mut client, CKM_EC_KEY_PAIR_GEN, params);
        let keys = (private, public);
        for kind in [
            CKM_ECDSA_SHA1,
            CKM_ECDSA_SHA224,
            CKM_ECDSA_SHA256,
            CKM_ECDSA_SHA384,
            CKM_ECDSA_SHA512,
            CKM_ECDSA_SHA3_224,
            CKM_ECDSA_SHA3_256,
            CKM_ECDSA_SHA3_384,
            CKM_ECDSA_SHA3_512,
            CKM_LUNA_ECDSA_SHA224,
            CKM_LUNA_ECDSA_SHA256,
            CKM_LUNA_ECDSA_SHA384,
            CKM_LUNA_ECDSA_SHA512,
        ] {
            check_signature(&mut client, &Mechanism::plain(kind), keys, &data, true);
        }
        check_signature(&mut client, &Mechanism::plain(CKM_ECDSA), keys, &message(32), false);
    }
}

#[test]
fn eddsa_signatures() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    for params in [ED25519, b"\x13\x0cedwards25519"] {
        for generator in [CKM_EC_EDWARDS_KEY_PAIR_GEN, CKM_LUNA_EC_EDWARDS_KEY_PAIR_GEN] {
            let (public, private) = ec_pair(&mut client, generator, params);
            let own = Params::Eddsa { prehash: false, context: vec![] };
            for mechanism in [
                Mechanism::plain(CKM_EDDSA),
                Mechanism::plain(CKM_LUNA_EDDSA),
                mechanism(CKM_EDDSA, own),
            ] {
                let keys = (private, public);
                check_signature(&mut client, &mechanism, keys, &message(100), true);
            }
            let long = mechanism(CKM_EDDSA, Params::Eddsa { prehash: true, context: vec![0; 256] });
            assert_eq!(rv(client.sign(&long, private, b"x")), CKR_MECHANISM_PARAM_INVALID);
        }
    }
}

#[test]
fn macs() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let generic = client.create(secret_key(CKK_GENERIC_SECRET, &message(40))).unwrap();
    let aes = client.create(secret_key(CKK_AES, &message(16))).unwrap();
    for (kind, general, key_type, len) in [
        (CKM_SHA_1_HMAC, CKM_SHA_1_HMAC_GENERAL, Some(CKK_SHA_1_HMAC), 20),
        (CKM_SHA224_HMAC, CKM_SHA224_HMAC_GENERAL, Some(CKK_SHA224_HMAC), 28),
        (CKM_SHA256_HMAC, CKM_SHA256_HMAC_GENERAL, Some(CKK_SHA256_HMAC), 32),
        (CKM_SHA384_HMAC, CKM_SHA384_HMAC_GENERAL, Some(CKK_SHA384_HMAC), 48),
        (CKM_SHA512_HMAC, CKM_SHA512_HMAC_GENERAL, Some(CKK_SHA512_HMAC), 64),
        (CKM_SHA512_224_HMAC, CKM_SHA512_224_HMAC_GENERAL, None, 28),
        (CKM_SHA512_256_HMAC, CKM_SHA512_256_HMAC_GENERAL, None, 32),
        (CKM_SHA3_224_HMAC, CKM_SHA3_224_HMAC_GENERAL, Some(CKK_SHA3_224_HMAC), 28),
        (CKM_SHA3_256_HMAC, CKM_SHA3_256_HMAC_GENERAL, Some(CKK_SHA3_256_HMAC), 32),
        (CKM_SHA3_384_HMAC, CKM_SHA3_384_HMAC_GENERAL, Some(CKK_SHA3_384_HMAC), 48),
        (CKM_SHA3_512_HMAC, CKM_SHA3_512_HMAC_GENERAL, Some(CKK_SHA3_512_HMAC), 64),
        (CKM_AES_CMAC, CKM_AES_CMAC_GENERAL, None, 16),
    ] {
        let key = if kind == CKM_AES_CMAC { aes } else { generic };
        let whole = Mechanism::plain(kind);
        check_signature(&mut client, &whole, (key, key), &message(100), true);
        let mac = client.sign(&whole, key, &message(100)).unwrap();
        assert_eq!(mac.len(), len);
        let short = mechanism(general, Params::Length(10));
        check_signature(&mut client, &short, (key, key), &message(100), true);
        assert_eq!(client.sign(&short, key, &message(100)).unwrap(), mac[..10]);
        for wrong in [Params::Length(0), Params::Length(len as u64 + 1), Params::None] {
            let wrong = mechanism(general, wrong);
            assert_eq!(rv(client.sign(&wrong, key, b"x")), CKR_MECHANISM_PARAM_INVALID);
        }
        if let Some(key_type) = key_type {
            let own = client.create(secret_key(key_type, &message(40))).unwrap();
            assert_eq!(client.sign(&whole, own, &message(100)).unwrap(), mac);
            let other = if kind == CKM_SHA_1_HMAC { CKM_SHA256_HMAC } else { CKM_SHA_1_HMAC };
            assert_eq!(
                rv(client.sign(&Mechanism::plain(other), own, b"x")),
                CKR_KEY_TYPE_INCONSISTENT
            );
        }
    }
}

#[test]
fn digests() {
    let (_, partition) = provisioned(open());
    let mut client = Client::new(&partition, 1, 1);
    let data = message(300);
    for (kind, len) in [
        (CKM_SHA_1, 20),
        (CKM_SHA224, 28),
        (CKM_SHA256, 32),
        (CKM_SHA384, 48),
        (CKM_SHA512, 64),
        (CKM_SHA512_224, 28),
        (CKM_SHA512_256, 32),
        (CKM_SHA3_224, 28),
        (CKM_SHA3_256, 32),
        (CKM_SHA3_384, 48),
        (CKM_SHA3_512, 64),
    ] {
        let mechanism = Mechanism::plain(kind);
        let whole = client.one_part(OperationKind::Digest, &mechanism, None, &data).unwrap();
        assert_eq!(whole.len(), len);
        for step in STEPS {
            let parts =
                client.in_parts(OperationKind::Digest, &mechanism, None, (&data, &[]), step);
            assert_eq!(parts.unwrap(), whole);
        }
    }
    let known =
        client.one_part(OperationKind::Digest, &Mechanism::plain(CKM_SHA_1), None, b"abc").unwrap();
    assert_eq!(known[..4], [0xa9, 0x99, 0x3e, 0x36]);
}

#[test]
fn a_key_goes_into_a_digest_without_being_seen() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let key =
        client.create(with(secret_key(CKK_AES, &message(16)), vec![yes(CKA_SENSITIVE)])).unwrap();
    let (public, _) = ec_pair(&mut client, CKM_EC_KEY_PAIR_GEN, P256);
    let begin = |client: &mut Client| {
        let operation = operation(OperationKind::Digest, &Mechanism::plain(CKM_SHA256), None);
        client.ask(Request::Begin { operation, data: b"before".to_vec().into() }).unwrap();
    };
    begin(&mut client);
    client.ask(Request::DigestKey { key }).unwrap();
    let last = Request::Final { kind: OperationKind::Digest, signature: vec![] };
    let Reply::Bytes(digest) = client.ask(last.clone()).unwrap() else { panic!() };
    let all = [&b"before"[..], &message(16)].concat();
    let same =
        client.one_part(OperationKind::Digest, &Mechanism::plain(CKM_SHA256), None, &all).unwrap();
    assert_eq!(digest, same);

    begin(&mut client);
    assert_eq!(client.code(Request::DigestKey { key: public }), CKR_KEY_INDIGESTIBLE);
    assert_eq!(client.code(last), CKR_OPERATION_NOT_INITIALIZED, "the error ended the operation");
}

/// Encrypts and decrypts in one part and in parts.
fn check_cipher(
    client: &mut Client,
    mechanism: &Mechanism,
    (encrypting, decrypting): (ObjectId, ObjectId),
    data: &[u8],
    multi_part: bool,
) {
    let name = format!("{mechanism:?} of {} bytes", data.len());
    let (encrypt, decrypt) = (OperationKind::Encrypt, OperationKind::Decrypt);
    let sealed = client.one_part(encrypt, mechanism, Some(encrypting), data).expect(&name);
    assert_ne!(sealed, data);
    let opened = client.one_part(decrypt, mechanism, Some(decrypting), &sealed).expect(&name);
    assert_eq!(opened, data, "{name}");

    for (kind, key, input, output) in
        [(encrypt, encrypting, data, &sealed), (decrypt, decrypting, &sealed[..], &opened)]
    {
        let check = Request::Check { operation: operation(kind, mechanism, Some(key)) };
        let Reply::Checked(checked) = client.ask(check).unwrap() else { panic!() };
        assert!(checked.output.one_part(input.len()) >= output.len(), "{name}: {checked:?}");
        for step in STEPS {
            let parts = client.in_parts(kind, mechanism, Some(key), (input, &[]), step);
            if multi_part {
                assert_eq!(parts.expect(&name), *output, "{name} in parts of {step}");
            } else {
                assert_eq!(rv(parts), CKR_FUNCTION_NOT_SUPPORTED, "{name}");
            }
        }
    }
}

fn gcm(iv_len: usize, tag_bits: u64) -> Params {
    Params::Gcm { iv: message(iv_len), iv_bits: 0, aad: b"associated".to_vec(), tag_bits }
}

fn ctr(counter_bits: u64) -> Params {
    Params::Ctr { counter_bits, block: [9; 16] }
}

#[test]
fn aes_ciphers() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    for len in [16, 24, 32] {
        let key = client.create(secret_key(CKK_AES, &message(len))).unwrap();
        let keys = (key, key);
        let iv = Params::Bytes(message(16));
        for blocks in [Mechanism::plain(CKM_AES_ECB), mechanism(CKM_AES_CBC, iv.clone())] {
            check_cipher(&mut client, &blocks, keys, &message(96), true);
        }
        for any in [
            mechanism(CKM_AES_CBC_PAD, iv),
            mechanism(CKM_AES_CTR, ctr(128)),
            mechanism(CKM_AES_CTR, ctr(32)),
            mechanism(CKM_AES_GCM, gcm(12, 128)),
            mechanism(CKM_LUNA_AES_GCM, gcm(12, 128)),
            mechanism(CKM_AES_GCM, gcm(16, 96)),
        ] {
            for len in [1, 15, 16, 17, 96, 100] {
                check_cipher(&mut client, &any, keys, &message(len), true);
            }
        }
    }
}

#[test]
fn cipher_refusals_have_their_codes() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let key = client.create(secret_key(CKK_AES, &message(16))).unwrap();
    let iv = || Params::Bytes(message(16));
    let (encrypt, decrypt) = (OperationKind::Encrypt, OperationKind::Decrypt);
    for (kind, mechanism, data, expected) in [
        (encrypt, Mechanism::plain(CKM_AES_ECB), 17, CKR_DATA_LEN_RANGE),
        (decrypt, Mechanism::plain(CKM_AES_ECB), 17, CKR_ENCRYPTED_DATA_LEN_RANGE),
        (encrypt, mechanism(CKM_AES_CBC, iv()), 15, CKR_DATA_LEN_RANGE),
        (decrypt, mechanism(CKM_AES_CBC_PAD, iv()), 15, CKR_ENCRYPTED_DATA_LEN_RANGE),
        (decrypt, mechanism(CKM_AES_CBC_PAD, iv()), 16, CKR_ENCRYPTED_DATA_INVALID),
        (decrypt, mechanism(CKM_AES_GCM, gcm(12, 128)), 15, CKR_ENCRYPTED_DATA_LEN_RANGE),
        (decrypt, mechanism(CKM_AES_GCM, gcm(12, 128)), 40, CKR_ENCRYPTED_DATA_INVALID),
        (encrypt, mechanism(CKM_AES_GCM, gcm(0, 128)), 16, CKR_MECHANISM_PARAM_INVALID),
        (encrypt, mechanism(CKM_AES_GCM, gcm(12, 127)), 16, CKR_MECHANISM_PARAM_INVALID),
        (encrypt, Mechanism::plain(CKM_AES_GCM), 16, CKR_MECHANISM_PARAM_INVALID),
        (encrypt, Mechanism::plain(CKM_AES_CBC), 16, CKR_MECHANISM_PARAM_INVALID),
        (
            encrypt,
            mechanism(CKM_AES_CBC, Params::Bytes(vec![0; 8])),
            16,
            CKR_MECHANISM_PARAM_INVALID,
        ),
        (encrypt, mechanism(CKM_AES_ECB, iv()), 16, CKR_MECHANISM_PARAM_INVALID),
        (encrypt, mechanism(CKM_AES_CTR, ctr(0)), 16, CKR_MECHANISM_PARAM_INVALID),
        (encrypt, mechanism(CKM_AES_CTR, ctr(129)), 16, CKR_MECHANISM_PARAM_INVALID),
        (encrypt, Mechanism::plain(CKM_AES_CMAC), 16, CKR_MECHANISM_INVALID),
        (encrypt, Mechanism::plain(CKM_RC2_ECB), 16, CKR_MECHANISM_INVALID),
        (encrypt, Mechanism::plain(CKM_RSA_PKCS), 16, CKR_KEY_TYPE_INCONSISTENT),
    ] {
        let result = client.one_part(kind, &mechanism, Some(key), &message(data));
        assert_eq!(rv(result), expected, "{kind:?} {mechanism:?}");
        let check = Request::Check { operation: operation(kind, &mechanism, Some(key)) };
        let at_init = matches!(
            expected,
            CKR_MECHANISM_PARAM_INVALID | CKR_MECHANISM_INVALID | CKR_KEY_TYPE_INCONSISTENT
        );
        let checked = if at_init { expected } else { CKR_OK };
        assert_eq!(client.code(check), checked, "the check of {kind:?} {mechanism:?}");
    }
}

fn oaep(hash: u64, mgf: u64, label: &[u8]) -> Params {
    Params::Oaep { hash, mgf, source: CKZ_DATA_SPECIFIED, label: label.to_vec() }
}

#[test]
fn rsa_encryption() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let keys @ (public, private) = rsa_pair(&mut client);
    let raw = Mechanism::plain(CKM_RSA_X_509);
    for cipher in [
        Mechanism::plain(CKM_RSA_PKCS),
        mechanism(CKM_RSA_PKCS_OAEP, oaep(CKM_SHA_1, CKG_MGF1_SHA1, b"")),
        mechanism(CKM_RSA_PKCS_OAEP, oaep(CKM_SHA256, CKG_MGF1_SHA256, b"a label")),
        mechanism(CKM_RSA_PKCS_OAEP, oaep(CKM_SHA3_512, CKG_MGF1_SHA3_256, b"")),
    ] {
        for len in [1, 32, 126] {
            check_cipher(&mut client, &cipher, keys, &message(len), false);
        }
        let (encrypt, decrypt) = (OperationKind::Encrypt, OperationKind::Decrypt);
        let long = client.one_part(encrypt, &cipher, Some(public), &message(246));
        assert_eq!(rv(long), CKR_DATA_LEN_RANGE);
        let short = client.one_part(decrypt, &cipher, Some(private), &message(255));
        assert_eq!(rv(short), CKR_ENCRYPTED_DATA_LEN_RANGE);
        let wrong = client.one_part(decrypt, &cipher, Some(private), &message(256));
        assert_eq!(rv(wrong), CKR_ENCRYPTED_DATA_INVALID);
    }
    check_cipher(&mut client, &raw, keys, &message(256), false);
    let other = mechanism(CKM_RSA_PKCS_OAEP, oaep(CKM_SHA_1, CKG_MGF1_SHA1, b"other"));
    let label = mechanism(CKM_RSA_PKCS_OAEP, oaep(CKM_SHA_1, CKG_MGF1_SHA1, b"label"));
    let sealed = client.one_part(OperationKind::Encrypt, &label, Some(public), b"secret").unwrap();
    let opened = client.one_part(OperationKind::Decrypt, &other, Some(private), &sealed);
    assert_eq!(rv(opened), CKR_ENCRYPTED_DATA_INVALID);
}

#[test]
fn signature_refusals_have_their_codes() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let (public, private) = rsa_pair(&mut client);
    let (_, ec_private) = ec_pair(&mut client, CKM_EC_KEY_PAIR_GEN, P256);
    let data = client.create(vec![Attribute::ulong(CKA_CLASS, CKO_DATA), no(CKA_PRIVATE)]).unwrap();
    let gone = ObjectId([9; 16]);
    let pss_sha1 = || pss(CKM_SHA_1, CKG_MGF1_SHA1, 20);
    for (mechanism, key, len, expected) in [
        (Mechanism::plain(CKM_RSA_PKCS), private, 246, CKR_DATA_LEN_RANGE),
        (Mechanism::plain(CKM_RSA_X_509), private, 257, CKR_DATA_LEN_RANGE),
        (Mechanism::plain(CKM_ECDSA), ec_private, 0, CKR_DATA_LEN_RANGE),
        (mechanism(CKM_RSA_PKCS_PSS, pss_sha1()), private, 32, CKR_DATA_LEN_RANGE),
        (mechanism(CKM_SHA256_RSA_PKCS_PSS, pss_sha1()), private, 32, CKR_MECHANISM_PARAM_INVALID),
        (Mechanism::plain(CKM_SHA256_RSA_PKCS_PSS), private, 32, CKR_MECHANISM_PARAM_INVALID),
        (
            mechanism(CKM_RSA_PKCS_PSS, pss(CKM_SHA256, CKG_MGF1_SHA256, 500)),
            private,
            32,
            CKR_MECHANISM_PARAM_INVALID,
        ),
        (
            mechanism(CKM_RSA_PKCS_PSS, pss(CKM_RSA_PKCS, CKG_MGF1_SHA256, 32)),
            private,
            32,
            CKR_MECHANISM_PARAM_INVALID,
        ),
        (
            mechanism(CKM_RSA_PKCS_PSS, pss(CKM_SHA256, 77, 32)),
            private,
            32,
            CKR_MECHANISM_PARAM_INVALID,
        ),
        (Mechanism::plain(CKM_SHA256_RSA_PKCS), public, 32, CKR_KEY_FUNCTION_NOT_PERMITTED),
        (Mechanism::plain(CKM_SHA256_RSA_PKCS), ec_private, 32, CKR_KEY_TYPE_INCONSISTENT),
        (Mechanism::plain(CKM_SHA256_RSA_PKCS), data, 32, CKR_KEY_HANDLE_INVALID),
        (Mechanism::plain(CKM_SHA256_RSA_PKCS), gone, 32, CKR_KEY_HANDLE_INVALID),
        (Mechanism::plain(CKM_SHA256), private, 32, CKR_MECHANISM_INVALID),
        (Mechanism::plain(0x7777_7777), private, 32, CKR_MECHANISM_INVALID),
    ] {
        assert_eq!(rv(client.sign(&mechanism, key, &message(len))), expected, "{mechanism:?}");
    }
    let keyless =
        client.one_part(OperationKind::Sign, &Mechanism::plain(CKM_SHA256_RSA_PKCS), None, b"x");
    assert_eq!(rv(keyless), CKR_KEY_HANDLE_INVALID);
}

#[test]
fn usage_flags_and_allowed_mechanisms_are_obeyed() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let allowed = Attribute::mechanisms(CKA_ALLOWED_MECHANISMS, vec![CKM_SHA256_HMAC]);
    let empty = Attribute::mechanisms(CKA_ALLOWED_MECHANISMS, vec![]);
    let template = secret_key(CKK_GENERIC_SECRET, &message(32));
    let narrow = client.create(with(template.clone(), vec![allowed, no(CKA_VERIFY)])).unwrap();
    let sha256 = Mechanism::plain(CKM_SHA256_HMAC);
    let mac = client.sign(&sha256, narrow, b"x").unwrap();
    assert_eq!(client.verify(&sha256, narrow, b"x", &mac), CKR_KEY_FUNCTION_NOT_PERMITTED);
    assert_eq!(
        rv(client.sign(&Mechanism::plain(CKM_SHA_1_HMAC), narrow, b"x")),
        CKR_MECHANISM_INVALID
    );
    let wide = client.create(with(template, vec![empty])).unwrap();
    assert!(client.sign(&Mechanism::plain(CKM_SHA_1_HMAC), wide, b"x").is_ok());
    assert_eq!(
        client.get(wide, CKA_ALLOWED_MECHANISMS),
        hsmsim_partition::api::AttributeResult::Invalid
    );
}
