//! Digests, HMAC, and keys that are digests.

use hsmsim_partition::api::OperationKind::Digest;

use super::*;

/// A name in the file of known answers, and the mechanisms: digest, HMAC, HMAC of a length, derivation
/// (0 where there is none).
#[rustfmt::skip]
pub(super) const HASHES: [(&str, [u64; 4]); 17] = [
    ("md5", [CKM_MD5, CKM_MD5_HMAC, CKM_MD5_HMAC_GENERAL, CKM_MD5_KEY_DERIVATION]),
    ("ripemd160", [CKM_RIPEMD160, CKM_RIPEMD160_HMAC, CKM_RIPEMD160_HMAC_GENERAL, 0]),
    ("sha1", [CKM_SHA_1, CKM_SHA_1_HMAC, CKM_SHA_1_HMAC_GENERAL, CKM_SHA1_KEY_DERIVATION]),
    ("sha224", [CKM_SHA224, CKM_SHA224_HMAC, CKM_SHA224_HMAC_GENERAL, CKM_SHA224_KEY_DERIVATION]),
    ("sha256", [CKM_SHA256, CKM_SHA256_HMAC, CKM_SHA256_HMAC_GENERAL, CKM_SHA256_KEY_DERIVATION]),
    ("sha384", [CKM_SHA384, CKM_SHA384_HMAC, CKM_SHA384_HMAC_GENERAL, CKM_SHA384_KEY_DERIVATION]),
    ("sha512", [CKM_SHA512, CKM_SHA512_HMAC, CKM_SHA512_HMAC_GENERAL, CKM_SHA512_KEY_DERIVATION]),
    ("sha512_224", [CKM_SHA512_224, CKM_SHA512_224_HMAC, CKM_SHA512_224_HMAC_GENERAL, CKM_SHA512_224_KEY_DERIVATION]),
    ("sha512_256", [CKM_SHA512_256, CKM_SHA512_256_HMAC, CKM_SHA512_256_HMAC_GENERAL, CKM_SHA512_256_KEY_DERIVATION]),
    ("sha3_224", [CKM_SHA3_224, CKM_SHA3_224_HMAC, CKM_SHA3_224_HMAC_GENERAL, CKM_SHA3_224_KEY_DERIVATION]),
    ("sha3_256", [CKM_SHA3_256, CKM_SHA3_256_HMAC, CKM_SHA3_256_HMAC_GENERAL, CKM_SHA3_256_KEY_DERIVATION]),
    ("sha3_384", [CKM_SHA3_384, CKM_SHA3_384_HMAC, CKM_SHA3_384_HMAC_GENERAL, CKM_SHA3_384_KEY_DERIVATION]),
    ("sha3_512", [CKM_SHA3_512, CKM_SHA3_512_HMAC, CKM_SHA3_512_HMAC_GENERAL, CKM_SHA3_512_KEY_DERIVATION]),
    ("blake2b_160", [CKM_BLAKE2B_160, CKM_BLAKE2B_160_HMAC, CKM_BLAKE2B_160_HMAC_GENERAL, CKM_BLAKE2B_160_KEY_DERIVE]),
    ("blake2b_256", [CKM_BLAKE2B_256, CKM_BLAKE2B_256_HMAC, CKM_BLAKE2B_256_HMAC_GENERAL, CKM_BLAKE2B_256_KEY_DERIVE]),
    ("blake2b_384", [CKM_BLAKE2B_384, CKM_BLAKE2B_384_HMAC, CKM_BLAKE2B_384_HMAC_GENERAL, CKM_BLAKE2B_384_KEY_DERIVE]),
    ("blake2b_512", [CKM_BLAKE2B_512, CKM_BLAKE2B_512_HMAC, CKM_BLAKE2B_512_HMAC_GENERAL, CKM_BLAKE2B_512_KEY_DERIVE]),
];

/// Those whose answer stands in a standard: the digest of "abc", test case 1 of HMAC. BLAKE2b and MD5 have
/// other examples of HMAC than that.
#[rustfmt::skip]
pub(super) const PUBLISHED: &[u64] = &[
    CKM_MD5, CKM_RIPEMD160, CKM_SHA_1, CKM_SHA224, CKM_SHA256, CKM_SHA384, CKM_SHA512, CKM_SHA512_224, CKM_SHA512_256,
    CKM_SHA512_T, CKM_BLAKE2B_512,
    CKM_RIPEMD160_HMAC, CKM_RIPEMD160_HMAC_GENERAL, CKM_SHA_1_HMAC, CKM_SHA_1_HMAC_GENERAL, CKM_SHA224_HMAC,
    CKM_SHA224_HMAC_GENERAL, CKM_SHA256_HMAC, CKM_SHA256_HMAC_GENERAL, CKM_SHA384_HMAC, CKM_SHA384_HMAC_GENERAL,
    CKM_SHA512_HMAC, CKM_SHA512_HMAC_GENERAL,
    CKM_MD5_KEY_DERIVATION, CKM_SHA1_KEY_DERIVATION, CKM_SHA224_KEY_DERIVATION, CKM_SHA256_KEY_DERIVATION,
    CKM_SHA384_KEY_DERIVATION, CKM_SHA512_KEY_DERIVATION, CKM_SHA512_224_KEY_DERIVATION,
    CKM_SHA512_256_KEY_DERIVATION, CKM_BLAKE2B_512_KEY_DERIVE,
];

/// SHA-512/t with the two t that have a name: what its parameter says, and whose answer it has.
pub(super) const TRUNCATED: [(u64, &str); 2] = [(224, "sha512_224"), (256, "sha512_256")];

pub(super) const XOFS: [(&str, u64, u64); 2] = [
    ("shake128", CKM_LUNA_SHAKE_128, CKM_SHAKE_128_KEY_DERIVATION),
    ("shake256", CKM_LUNA_SHAKE_256, CKM_SHAKE_256_KEY_DERIVATION),
];

pub(super) fn digests() -> Vec<u64> {
    let (known, mut client, mut covered) = (Known::read(), officer(), Vec::new());
    let mut check = |kind, params, name: &str| {
        let mechanism = mechanism(kind, params);
        let expected = known.get(&format!("digest.{name}"));
        let whole = client.one_part(Digest, &mechanism, None, b"abc").unwrap();
        let parts = client.in_parts(Digest, &mechanism, None, (b"abc", &[]), 2).unwrap();
        assert_eq!((&whole, &parts), (&expected, &expected), "{name}");
        covered.push(kind);
    };
    for (name, [digest, ..]) in HASHES {
        check(digest, Params::None, name);
    }
    for (bits, name) in TRUNCATED {
        check(CKM_SHA512_T, Params::Length(bits), name);
    }
    for (name, digest, _) in XOFS {
        check(digest, Params::None, name);
    }
    covered
}

pub(super) fn hmacs() -> Vec<u64> {
    let (known, mut client, mut covered) = (Known::read(), officer(), Vec::new());
    let key = secret(&mut client, CKK_GENERIC_SECRET, &[0x0b; 20]);
    let mut check = |kind, params, expected: &[u8]| {
        let mechanism = mechanism(kind, params);
        signs(&mut client, &mechanism, (key, key), b"Hi There", expected);
        covered.push(kind);
    };
    for (name, [_, hmac, general, _]) in HASHES {
        let expected = known.get(&format!("hmac.{name}"));
        check(hmac, Params::None, &expected);
        check(general, Params::Length(10), &expected[..10]);
    }
    for (bits, name) in TRUNCATED {
        let expected = known.get(&format!("hmac.{name}"));
        check(CKM_SHA512_T_HMAC, Params::Length(bits), &expected);
        check(CKM_SHA512_T_HMAC_GENERAL, Params::Length(bits / 8), &expected);
    }
    covered
}

pub(super) fn keys_by_digest() -> Vec<u64> {
    let (known, mut client, mut covered) = (Known::read(), officer(), Vec::new());
    let base = secret(&mut client, CKK_GENERIC_SECRET, b"abc");
    let hashes = HASHES.map(|(name, [.., derive])| (name, derive));
    let xofs = XOFS.map(|(name, _, derive)| (name, derive));
    for (name, derive) in hashes.into_iter().chain(xofs).filter(|(_, derive)| *derive != 0) {
        let expected = known.get(&format!("digest.{name}"));
        let mechanism = Mechanism::plain(derive);
        assert_eq!(derived(&mut client, &mechanism, base, expected.len()), expected, "{name}");
        covered.push(derive);
    }
    for (bits, name) in TRUNCATED {
        let expected = known.get(&format!("digest.{name}"));
        let mechanism = mechanism(CKM_SHA512_T_KEY_DERIVATION, Params::Length(bits));
        assert_eq!(derived(&mut client, &mechanism, base, expected.len()), expected, "{name}");
        let longer = vec![Attribute::ulong(CKA_VALUE_LEN, expected.len() as u64 + 1)];
        let refused = client.derive(&mechanism, base, longer);
        assert_eq!(rv(refused), CKR_TEMPLATE_INCONSISTENT, "longer than the digest");
        covered.push(CKM_SHA512_T_KEY_DERIVATION);
    }
    for params in [Params::None, Params::Length(384), Params::Length(512)] {
        let mechanism = mechanism(CKM_SHA512_T_KEY_DERIVATION, params);
        let refused = client.derive(&mechanism, base, vec![]);
        assert_eq!(rv(refused), CKR_MECHANISM_PARAM_INVALID, "{mechanism:?}");
    }
    covered
}
