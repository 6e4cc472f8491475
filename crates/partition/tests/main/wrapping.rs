//! Wrapping, unwrapping, deriving.

use hsmsim_partition::api::{AttributeResult, OperationKind::Encrypt};

use crate::support::*;

fn value(len: usize) -> Vec<u8> {
    (1..=len as u8).collect()
}

fn new_key(class: u64, key_type: u64) -> Vec<Attribute> {
    vec![
        Attribute::ulong(CKA_CLASS, class),
        Attribute::ulong(CKA_KEY_TYPE, key_type),
        no(CKA_SENSITIVE),
        yes(CKA_EXTRACTABLE),
    ]
}

fn cbc(kind: u64) -> Mechanism {
    mechanism(kind, Params::Bytes(vec![3; 16]))
}

fn gcm() -> Mechanism {
    let params = Params::Gcm { iv: vec![5; 12], iv_bits: 96, aad: vec![], tag_bits: 128 };
    mechanism(CKM_AES_GCM, params)
}

fn oaep() -> Mechanism {
    let params = Params::Oaep {
        hash: CKM_SHA256,
        mgf: CKG_MGF1_SHA256,
        source: CKZ_DATA_SPECIFIED,
        label: vec![],
    };
    mechanism(CKM_RSA_PKCS_OAEP, params)
}

#[test]
fn secret_keys_go_out_and_come_back() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let aes = client.create(secret_key(CKK_AES, &value(32))).unwrap();
    let (public, private) = rsa_pair(&mut client);
    for (mechanism, out, back) in [
        (Mechanism::plain(CKM_AES_KEY_WRAP), aes, aes),
        (Mechanism::plain(CKM_LUNA_AES_KW), aes, aes),
        (Mechanism::plain(CKM_AES_KEY_WRAP_PAD), aes, aes),
        (Mechanism::plain(CKM_AES_KEY_WRAP_KWP), aes, aes),
        (Mechanism::plain(CKM_LUNA_AES_KWP), aes, aes),
        (Mechanism::plain(CKM_AES_ECB), aes, aes),
        (cbc(CKM_AES_CBC), aes, aes),
        (cbc(CKM_AES_CBC_PAD), aes, aes),
        (gcm(), aes, aes),
        (Mechanism::plain(CKM_RSA_PKCS), public, private),
        (oaep(), public, private),
    ] {
        for len in [16, 32] {
            let key = client.create(secret_key(CKK_AES, &value(len))).unwrap();
            let wrapped = client.wrap(&mechanism, out, key).unwrap();
            let template = new_key(CKO_SECRET_KEY, CKK_AES);
            let again = client.unwrap(&mechanism, back, &wrapped, template).unwrap();
            assert_eq!(client.bytes(again, CKA_VALUE), value(len), "{mechanism:?}");
            for flag in [CKA_LOCAL, CKA_ALWAYS_SENSITIVE, CKA_NEVER_EXTRACTABLE] {
                assert!(!client.flag(again, flag));
            }
        }
    }
}

#[test]
fn keys_of_odd_lengths_need_a_mechanism_that_pads() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let aes = client.create(secret_key(CKK_AES, &value(16))).unwrap();
    let key = client.create(secret_key(CKK_GENERIC_SECRET, &value(21))).unwrap();
    for mechanism in [Mechanism::plain(CKM_AES_KEY_WRAP_KWP), cbc(CKM_AES_CBC_PAD), gcm()] {
        let wrapped = client.wrap(&mechanism, aes, key).unwrap();
        let template = new_key(CKO_SECRET_KEY, CKK_GENERIC_SECRET);
        let again = client.unwrap(&mechanism, aes, &wrapped, template).unwrap();
        assert_eq!(client.bytes(again, CKA_VALUE), value(21));
    }
    // Key wrap takes whole semiblocks. CBC and the standard's mechanism of it fill up with zeros; the length says
    // how many bytes are the key.
    let luna = Mechanism::plain(CKM_LUNA_AES_KW);
    assert_eq!(rv(client.wrap(&luna, aes, key)), CKR_KEY_SIZE_RANGE);
    let kw = Mechanism::plain(CKM_AES_KEY_WRAP);
    let new = |len| {
        let len = vec![Attribute::ulong(CKA_VALUE_LEN, len)];
        with(new_key(CKO_SECRET_KEY, CKK_GENERIC_SECRET), len)
    };
    for mechanism in [&cbc(CKM_AES_CBC), &kw] {
        let wrapped = client.wrap(mechanism, aes, key).unwrap();
        assert_eq!(wrapped.len(), 32);
        let again = client.unwrap(mechanism, aes, &wrapped, new(21)).unwrap();
        assert_eq!(client.bytes(again, CKA_VALUE), value(21));
    }
    // 6.16.3 of 3.2: the zeros of one semiblock, and no more.
    let wrapped = client.wrap(&kw, aes, key).unwrap();
    let filled = [value(21), vec![0; 3]].concat();
    let whole = client.create(secret_key(CKK_GENERIC_SECRET, &filled)).unwrap();
    assert_eq!(client.wrap(&luna, aes, whole).unwrap(), wrapped);
    for (len, expected) in [(17, CKR_OK), (24, CKR_OK), (16, CKR_TEMPLATE_INCONSISTENT)] {
        assert_eq!(rv(client.unwrap(&kw, aes, &wrapped, new(len))), expected, "{len}");
    }
    assert_eq!(rv(client.unwrap(&kw, aes, &wrapped, new(25))), CKR_WRAPPED_KEY_LEN_RANGE);
    assert_eq!(rv(client.unwrap(&luna, aes, &wrapped, new(21))), CKR_TEMPLATE_INCONSISTENT);
    // Key wrap itself needs two semiblocks.
    let short = client.create(secret_key(CKK_GENERIC_SECRET, &value(7))).unwrap();
    assert_eq!(rv(client.wrap(&kw, aes, short)), CKR_KEY_SIZE_RANGE);
}

#[test]
fn private_keys_of_every_kind_go_out_and_come_back() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let aes = client.create(secret_key(CKK_AES, &value(32))).unwrap();
    let readable = || vec![no(CKA_SENSITIVE), yes(CKA_EXTRACTABLE)];
    let bits = vec![Attribute::ulong(CKA_MODULUS_BITS, 2048)];
    let params = |params: &[u8]| vec![Attribute::bytes(CKA_EC_PARAMS, params)];
    for (generator, template, key_type, secret) in [
        (CKM_RSA_PKCS_KEY_PAIR_GEN, bits, CKK_RSA, CKA_PRIME_2),
        (CKM_EC_KEY_PAIR_GEN, params(P521), CKK_EC, CKA_VALUE),
        (CKM_EC_EDWARDS_KEY_PAIR_GEN, params(ED25519), CKK_EC_EDWARDS, CKA_VALUE),
        (CKM_EC_MONTGOMERY_KEY_PAIR_GEN, params(X25519), CKK_EC_MONTGOMERY, CKA_VALUE),
    ] {
        let (_, private) = client.pair(generator, template, readable()).unwrap();
        for mechanism in [
            Mechanism::plain(CKM_AES_KEY_WRAP),
            Mechanism::plain(CKM_AES_KEY_WRAP_KWP),
            cbc(CKM_AES_CBC_PAD),
            gcm(),
        ] {
            let wrapped = client.wrap(&mechanism, aes, private).unwrap();
            let template = new_key(CKO_PRIVATE_KEY, key_type);
            let again = client.unwrap(&mechanism, aes, &wrapped, template.clone()).unwrap();
            for kind in [secret, CKA_PUBLIC_KEY_INFO] {
                let (old, new) = (client.bytes(private, kind), client.bytes(again, kind));
                assert_eq!(old, new, "{mechanism:?}");
            }
            let other = if key_type == CKK_RSA { CKK_EC } else { CKK_RSA };
            let wrong = with(template, vec![Attribute::ulong(CKA_KEY_TYPE, other)]);
            assert_eq!(
                rv(client.unwrap(&mechanism, aes, &wrapped, wrong)),
                CKR_TEMPLATE_INCONSISTENT
            );
        }
        assert_eq!(rv(client.wrap(&cbc(CKM_AES_CBC), aes, private)), CKR_KEY_NOT_WRAPPABLE);
    }
}

#[test]
fn what_protects_a_key_from_wrapping_does() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let kw = Mechanism::plain(CKM_AES_KEY_WRAP);
    let wrapping = client.create(secret_key(CKK_AES, &value(16))).unwrap();
    let no_wrap = client.create(with(secret_key(CKK_AES, &value(16)), vec![no(CKA_WRAP)])).unwrap();
    let generic = client.create(secret_key(CKK_GENERIC_SECRET, &value(16))).unwrap();
    let key = client.create(secret_key(CKK_AES, &value(16))).unwrap();
    let inside =
        client.create(with(secret_key(CKK_AES, &value(16)), vec![no(CKA_EXTRACTABLE)])).unwrap();
    let trusting = client
        .create(with(secret_key(CKK_AES, &value(16)), vec![yes(CKA_WRAP_WITH_TRUSTED)]))
        .unwrap();
    let picky = client
        .create(with(
            secret_key(CKK_AES, &value(16)),
            vec![Attribute::template(CKA_WRAP_TEMPLATE, vec![no(CKA_ENCRYPT)])],
        ))
        .unwrap();
    let (public, private) = rsa_pair(&mut client);
    let gone = ObjectId([1; 16]);
    for (mechanism, with, key, expected) in [
        (&kw, wrapping, key, CKR_OK),
        (&kw, wrapping, inside, CKR_KEY_UNEXTRACTABLE),
        (&kw, wrapping, private, CKR_KEY_UNEXTRACTABLE),
        (&kw, wrapping, trusting, CKR_KEY_NOT_WRAPPABLE),
        (&kw, picky, key, CKR_KEY_HANDLE_INVALID),
        (&kw, wrapping, public, CKR_KEY_HANDLE_INVALID),
        (&kw, wrapping, gone, CKR_KEY_HANDLE_INVALID),
        (&kw, gone, key, CKR_WRAPPING_KEY_HANDLE_INVALID),
        (&kw, generic, key, CKR_WRAPPING_KEY_TYPE_INCONSISTENT),
        (&kw, no_wrap, key, CKR_KEY_FUNCTION_NOT_PERMITTED),
        (&Mechanism::plain(CKM_AES_CMAC), wrapping, key, CKR_MECHANISM_INVALID),
        (&Mechanism::plain(CKM_AES_CBC_PAD), wrapping, key, CKR_MECHANISM_PARAM_INVALID),
        (&Mechanism::plain(CKM_SHA256_RSA_PKCS), public, key, CKR_MECHANISM_INVALID),
    ] {
        assert_eq!(rv(client.wrap(mechanism, with, key)), expected, "{mechanism:?}");
    }
    let long = client.create(secret_key(CKK_GENERIC_SECRET, &[7; 250])).unwrap();
    let pkcs = Mechanism::plain(CKM_RSA_PKCS);
    assert_eq!(rv(client.wrap(&pkcs, public, long)), CKR_KEY_SIZE_RANGE);
    assert_eq!(rv(client.wrap(&oaep(), public, long)), CKR_KEY_SIZE_RANGE);
    let (_, readable) = client
        .pair(
            CKM_EC_KEY_PAIR_GEN,
            vec![Attribute::bytes(CKA_EC_PARAMS, P256)],
            vec![yes(CKA_EXTRACTABLE)],
        )
        .unwrap();
    assert_eq!(rv(client.wrap(&pkcs, public, readable)), CKR_KEY_NOT_WRAPPABLE);
}

#[test]
fn unwrapping_refusals_have_their_codes() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let kw = Mechanism::plain(CKM_AES_KEY_WRAP);
    let aes = client.create(secret_key(CKK_AES, &value(16))).unwrap();
    let generic = client.create(secret_key(CKK_GENERIC_SECRET, &value(16))).unwrap();
    let no_unwrap =
        client.create(with(secret_key(CKK_AES, &value(16)), vec![no(CKA_UNWRAP)])).unwrap();
    let (_, private) = rsa_pair(&mut client);
    let wrapped = client.wrap(&kw, aes, aes).unwrap();
    let of_20 = {
        let key = client.create(secret_key(CKK_GENERIC_SECRET, &value(24 + 8))).unwrap();
        let kwp = Mechanism::plain(CKM_AES_KEY_WRAP_KWP);
        let odd = client.create(secret_key(CKK_GENERIC_SECRET, &value(20))).unwrap();
        client.wrap(&kw, aes, key).unwrap();
        (kwp.clone(), client.wrap(&kwp, aes, odd).unwrap())
    };
    let mut damaged = wrapped.clone();
    damaged[3] ^= 1;
    let aes_key = || new_key(CKO_SECRET_KEY, CKK_AES);
    let gone = ObjectId([1; 16]);
    for (mechanism, with_key, bytes, template, expected) in [
        (&kw, aes, &wrapped[..], aes_key(), CKR_OK),
        (&kw, aes, &damaged, aes_key(), CKR_WRAPPED_KEY_INVALID),
        (&kw, aes, &wrapped[..20], aes_key(), CKR_WRAPPED_KEY_LEN_RANGE),
        (&of_20.0, aes, &of_20.1, aes_key(), CKR_WRAPPED_KEY_LEN_RANGE),
        (&kw, aes, &wrapped, new_key(CKO_PRIVATE_KEY, CKK_RSA), CKR_WRAPPED_KEY_INVALID),
        (&kw, aes, &wrapped, new_key(CKO_PUBLIC_KEY, CKK_RSA), CKR_TEMPLATE_INCONSISTENT),
        (&kw, aes, &wrapped, without(aes_key(), CKA_CLASS), CKR_TEMPLATE_INCOMPLETE),
        (&kw, aes, &wrapped, without(aes_key(), CKA_KEY_TYPE), CKR_TEMPLATE_INCOMPLETE),
        (
            &kw,
            aes,
            &wrapped,
            with(aes_key(), vec![Attribute::bytes(CKA_VALUE, value(16))]),
            CKR_TEMPLATE_INCONSISTENT,
        ),
        (&kw, gone, &wrapped, aes_key(), CKR_UNWRAPPING_KEY_HANDLE_INVALID),
        (&kw, generic, &wrapped, aes_key(), CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT),
        (&kw, no_unwrap, &wrapped, aes_key(), CKR_KEY_FUNCTION_NOT_PERMITTED),
        (&Mechanism::plain(CKM_RSA_PKCS), private, &[9; 255], aes_key(), CKR_WRAPPED_KEY_LEN_RANGE),
        (&oaep(), private, &[9; 256], aes_key(), CKR_WRAPPED_KEY_INVALID),
    ] {
        let result = client.unwrap(mechanism, with_key, bytes, template);
        assert_eq!(rv(result), expected, "{mechanism:?}, {} bytes", bytes.len());
    }
}

#[test]
fn an_unwrap_template_binds_the_new_key() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let imposed =
        Attribute::template(CKA_UNWRAP_TEMPLATE, vec![yes(CKA_SENSITIVE), no(CKA_EXTRACTABLE)]);
    let kw = Mechanism::plain(CKM_AES_KEY_WRAP);
    let key = client.create(with(secret_key(CKK_AES, &value(16)), vec![imposed])).unwrap();
    let wrapped = client.wrap(&kw, key, key).unwrap();
    assert_eq!(
        rv(client.unwrap(&kw, key, &wrapped, new_key(CKO_SECRET_KEY, CKK_AES))),
        CKR_TEMPLATE_INCONSISTENT
    );
    let modest =
        vec![Attribute::ulong(CKA_CLASS, CKO_SECRET_KEY), Attribute::ulong(CKA_KEY_TYPE, CKK_AES)];
    let again = client.unwrap(&kw, key, &wrapped, modest).unwrap();
    assert_eq!(client.get(again, CKA_VALUE), AttributeResult::Sensitive);
}

fn ecdh(kdf: u64, shared_data: &[u8], public_data: Vec<u8>) -> Mechanism {
    let shared_data = shared_data.to_vec();
    mechanism(CKM_ECDH1_DERIVE, Params::Ecdh1 { kdf, shared_data, public_data })
}

fn derived(key_type: u64, len: Option<u64>) -> Vec<Attribute> {
    let mut template = new_key(CKO_SECRET_KEY, key_type);
    template.extend(len.map(|len| Attribute::ulong(CKA_VALUE_LEN, len)));
    template
}

#[test]
fn both_sides_of_ecdh_derive_the_same_key() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    for (generator, params, len) in [
        (CKM_EC_KEY_PAIR_GEN, P256, 32),
        (CKM_EC_KEY_PAIR_GEN, P384, 48),
        (CKM_EC_KEY_PAIR_GEN, P521, 66),
        (CKM_EC_KEY_PAIR_GEN, K256, 32),
        (CKM_EC_MONTGOMERY_KEY_PAIR_GEN, X25519, 32),
        (CKM_LUNA_EC_MONTGOMERY_KEY_PAIR_GEN, b"\x13\x0acurve25519", 32),
    ] {
        let (public_a, private_a) = ec_pair(&mut client, generator, params);
        let (public_b, private_b) = ec_pair(&mut client, generator, params);
        let (point_a, point_b) =
            (client.bytes(public_a, CKA_EC_POINT), client.bytes(public_b, CKA_EC_POINT));
        let header = if point_b[1] == 0x81 { 3 } else { 2 };
        for (kdf, shared) in [
            (CKD_NULL, &b""[..]),
            (CKD_SHA1_KDF, b""),
            (CKD_SHA224_KDF, b"info"),
            (CKD_SHA256_KDF, b"info"),
            (CKD_SHA384_KDF, b"info"),
            (CKD_SHA512_KDF, b"info"),
        ] {
            for wanted in [None, Some(16), Some(20)] {
                let template = || derived(CKK_GENERIC_SECRET, wanted);
                let a = client
                    .derive(&ecdh(kdf, shared, point_b.clone()), private_a, template())
                    .unwrap();
                let b = client
                    .derive(&ecdh(kdf, shared, point_a.clone()), private_b, template())
                    .unwrap();
                let raw = client
                    .derive(&ecdh(kdf, shared, point_b[header..].to_vec()), private_a, template())
                    .unwrap();
                let secret = client.bytes(a, CKA_VALUE);
                assert_eq!(secret, client.bytes(b, CKA_VALUE));
                assert_eq!(secret, client.bytes(raw, CKA_VALUE), "a bare point");
                match (kdf, wanted) {
                    (_, Some(wanted)) => assert_eq!(secret.len() as u64, wanted),
                    (CKD_NULL, None) => assert_eq!(secret.len(), len),
                    _ => {}
                }
            }
        }
        let whole = client
            .derive(
                &ecdh(CKD_NULL, b"", point_b.clone()),
                private_a,
                derived(CKK_GENERIC_SECRET, None),
            )
            .unwrap();
        let tail = client
            .derive(&ecdh(CKD_NULL, b"", point_b.clone()), private_a, derived(CKK_AES, Some(16)))
            .unwrap();
        let whole = client.bytes(whole, CKA_VALUE);
        assert_eq!(client.bytes(tail, CKA_VALUE), whole[len - 16..], "leading bytes go");
    }
}

#[test]
fn derivation_refusals_have_their_codes() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let (public, private) = ec_pair(&mut client, CKM_EC_KEY_PAIR_GEN, P256);
    let (other, _) = ec_pair(&mut client, CKM_EC_KEY_PAIR_GEN, P384);
    let aes = client.create(secret_key(CKK_AES, &value(16))).unwrap();
    let (point, foreign) = (client.bytes(public, CKA_EC_POINT), client.bytes(other, CKA_EC_POINT));
    let good = || ecdh(CKD_NULL, b"", point.clone());
    let generic = |len| derived(CKK_GENERIC_SECRET, len);
    let ecb = |len| mechanism(CKM_AES_ECB_ENCRYPT_DATA, Params::DerivationData(value(len)));
    let gone = ObjectId([1; 16]);
    for (mechanism, key, template, expected) in [
        (good(), private, generic(None), CKR_OK),
        (good(), private, vec![], CKR_OK),
        (ecdh(CKD_NULL, b"", foreign), private, generic(None), CKR_MECHANISM_PARAM_INVALID),
        (ecdh(CKD_NULL, b"", vec![]), private, generic(None), CKR_MECHANISM_PARAM_INVALID),
        (ecdh(CKD_NULL, b"no", point.clone()), private, generic(None), CKR_MECHANISM_PARAM_INVALID),
        (ecdh(99, b"", point.clone()), private, generic(None), CKR_MECHANISM_PARAM_INVALID),
        (Mechanism::plain(CKM_ECDH1_DERIVE), private, generic(None), CKR_MECHANISM_PARAM_INVALID),
        (good(), private, generic(Some(33)), CKR_TEMPLATE_INCONSISTENT),
        (good(), private, derived(CKK_AES, Some(17)), CKR_ATTRIBUTE_VALUE_INVALID),
        (good(), private, new_key(CKO_PRIVATE_KEY, CKK_EC), CKR_TEMPLATE_INCONSISTENT),
        (good(), public, generic(None), CKR_KEY_FUNCTION_NOT_PERMITTED),
        (good(), aes, generic(None), CKR_KEY_TYPE_INCONSISTENT),
        (good(), gone, generic(None), CKR_KEY_HANDLE_INVALID),
        (ecb(17), aes, generic(None), CKR_MECHANISM_PARAM_INVALID),
        (ecb(0), aes, generic(None), CKR_MECHANISM_PARAM_INVALID),
        (ecb(32), aes, generic(Some(33)), CKR_TEMPLATE_INCONSISTENT),
        (ecb(48), aes, derived(CKK_AES, None), CKR_TEMPLATE_INCOMPLETE),
        (Mechanism::plain(CKM_AES_ECB), aes, generic(None), CKR_MECHANISM_INVALID),
    ] {
        assert_eq!(rv(client.derive(&mechanism, key, template)), expected, "{mechanism:?}");
    }
}

#[test]
fn encryption_derives_what_encryption_gives() {
    use hsmsim_partition::api::OperationKind::Encrypt;
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let base = client.create(secret_key(CKK_AES, &value(16))).unwrap();
    let data = value(48);
    for (derivation, cipher) in [
        (
            mechanism(CKM_AES_ECB_ENCRYPT_DATA, Params::DerivationData(data.clone())),
            Mechanism::plain(CKM_AES_ECB),
        ),
        (
            mechanism(
                CKM_AES_CBC_ENCRYPT_DATA,
                Params::CbcEncryptData { iv: vec![3; 16], data: data.clone() },
            ),
            cbc(CKM_AES_CBC),
        ),
    ] {
        let bytes = client.one_part(Encrypt, &cipher, Some(base), &data).unwrap();
        let whole = client.derive(&derivation, base, derived(CKK_GENERIC_SECRET, None)).unwrap();
        assert_eq!(client.bytes(whole, CKA_VALUE), bytes);
        let key = client.derive(&derivation, base, derived(CKK_AES, Some(32))).unwrap();
        assert_eq!(client.bytes(key, CKA_VALUE), bytes[..32]);
    }
}

#[test]
fn a_derived_key_inherits_its_history_and_what_the_base_prescribes() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let data = || mechanism(CKM_AES_ECB_ENCRYPT_DATA, Params::DerivationData(value(16)));
    let inside =
        client.generate(CKM_AES_KEY_GEN, vec![Attribute::ulong(CKA_VALUE_LEN, 16)]).unwrap();
    let cautious = client.derive(&data(), inside, vec![]).unwrap();
    assert!(client.flag(cautious, CKA_ALWAYS_SENSITIVE));
    assert!(client.flag(cautious, CKA_NEVER_EXTRACTABLE));
    assert!(!client.flag(cautious, CKA_LOCAL));
    let imported =
        client.create(with(secret_key(CKK_AES, &value(16)), vec![yes(CKA_SENSITIVE)])).unwrap();
    let child = client.derive(&data(), imported, vec![]).unwrap();
    assert!(client.flag(child, CKA_SENSITIVE));
    assert!(!client.flag(child, CKA_ALWAYS_SENSITIVE));

    let prescribing = client
        .create(with(
            secret_key(CKK_AES, &value(16)),
            vec![Attribute::template(CKA_DERIVE_TEMPLATE, vec![no(CKA_EXTRACTABLE)])],
        ))
        .unwrap();
    let wish = vec![yes(CKA_EXTRACTABLE)];
    assert_eq!(rv(client.derive(&data(), prescribing, wish)), CKR_TEMPLATE_INCONSISTENT);
    let child = client.derive(&data(), prescribing, vec![]).unwrap();
    assert!(!client.flag(child, CKA_EXTRACTABLE));
}

/// Ciphers of the standard's tables that wrap (3.2, 6.10 to 6.15), with the keys and lengths that they take.
fn streams() -> Vec<(Mechanism, u64, usize)> {
    let ctr = Params::Ctr { counter_bits: 32, block: [9; 16] };
    let mut all = vec![(mechanism(CKM_AES_CTR, ctr), CKK_AES, 1)];
    for kind in [
        CKM_AES_OFB,
        CKM_LUNA_AES_OFB,
        CKM_AES_CFB1,
        CKM_AES_CFB8,
        CKM_LUNA_AES_CFB8,
        CKM_AES_CFB64,
        CKM_AES_CFB128,
        CKM_LUNA_AES_CFB128,
    ] {
        all.push((cbc(kind), CKK_AES, 1));
    }
    all.push((cbc(CKM_AES_CTS), CKK_AES, 16));
    all.push((cbc(CKM_AES_XTS), CKK_AES_XTS, 16));
    all.push((cbc(CKM_LUNA_AES_XTS), CKK_AES_XTS, 16));
    all
}

#[test]
fn what_encrypts_any_length_wraps_secret_keys_as_it_encrypts_their_values() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let public = vec![Attribute::bytes(CKA_EC_PARAMS, P256)];
    let readable = vec![no(CKA_SENSITIVE), yes(CKA_EXTRACTABLE)];
    let (_, private) = client.pair(CKM_EC_KEY_PAIR_GEN, public, readable).unwrap();
    for (mechanism, key_type, least) in streams() {
        let by = client.create(secret_key(key_type, &value(32))).unwrap();
        for len in [1, 15, 16, 21, 32] {
            let key = client.create(secret_key(CKK_GENERIC_SECRET, &value(len))).unwrap();
            if len < least {
                assert_eq!(rv(client.wrap(&mechanism, by, key)), CKR_KEY_SIZE_RANGE);
                continue;
            }
            // What encryption gives stands against published vectors elsewhere.
            let wanted = client.one_part(Encrypt, &mechanism, Some(by), &value(len)).unwrap();
            assert_eq!(client.wrap(&mechanism, by, key).unwrap(), wanted, "{mechanism:?}");
            let template = new_key(CKO_SECRET_KEY, CKK_GENERIC_SECRET);
            let again = client.unwrap(&mechanism, by, &wanted, template).unwrap();
            assert_eq!(client.bytes(again, CKA_VALUE), value(len), "{mechanism:?}");
        }
        assert_eq!(rv(client.wrap(&mechanism, by, private)), CKR_KEY_NOT_WRAPPABLE);
        let template = new_key(CKO_PRIVATE_KEY, CKK_EC);
        let refused = client.unwrap(&mechanism, by, &[1; 138], template);
        assert_eq!(rv(refused), CKR_TEMPLATE_INCONSISTENT, "{mechanism:?}");
    }
}

#[test]
fn raw_rsa_wraps_a_value_and_unwraps_the_end_of_what_it_finds() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let (public, private) = rsa_pair(&mut client);
    let raw = Mechanism::plain(CKM_RSA_X_509);
    for (key_type, len) in [(CKK_AES, 32), (CKK_GENERIC_SECRET, 21), (CKK_DES3, 24)] {
        let bytes: Vec<u8> = (0..len).map(|at| [0x01, 0x02, 0x04, 0x07][at % 4]).collect();
        let key = client.create(secret_key(key_type, &bytes)).unwrap();
        let wrapped = client.wrap(&raw, public, key).unwrap();
        assert_eq!(wrapped, client.one_part(Encrypt, &raw, Some(public), &bytes).unwrap());
        let mut template = new_key(CKO_SECRET_KEY, key_type);
        // The template says how long the key is, unless its type does (6.1.13 of 3.2).
        if key_type != CKK_DES3 {
            if key_type == CKK_GENERIC_SECRET {
                let refused = client.unwrap(&raw, private, &wrapped, template.clone());
                assert_eq!(rv(refused), CKR_TEMPLATE_INCOMPLETE);
            }
            template.push(Attribute::ulong(CKA_VALUE_LEN, len as u64));
        }
        let again = client.unwrap(&raw, private, &wrapped, template).unwrap();
        assert_eq!(client.bytes(again, CKA_VALUE), bytes);
    }
    let too_long = with(
        new_key(CKO_SECRET_KEY, CKK_GENERIC_SECRET),
        vec![Attribute::ulong(CKA_VALUE_LEN, 257)],
    );
    let one = client.one_part(Encrypt, &raw, Some(public), &[2, 3]).unwrap();
    assert_eq!(rv(client.unwrap(&raw, private, &one, too_long)), CKR_WRAPPED_KEY_LEN_RANGE);
    let long = client.create(secret_key(CKK_GENERIC_SECRET, &[0xFF; 256])).unwrap();
    assert_eq!(rv(client.wrap(&raw, public, long)), CKR_KEY_SIZE_RANGE, "not below the modulus");
    let readable = vec![no(CKA_SENSITIVE), yes(CKA_EXTRACTABLE)];
    let curve = vec![Attribute::bytes(CKA_EC_PARAMS, P256)];
    let (_, other) = client.pair(CKM_EC_KEY_PAIR_GEN, curve, readable).unwrap();
    assert_eq!(rv(client.wrap(&raw, public, other)), CKR_KEY_NOT_WRAPPABLE);
}
