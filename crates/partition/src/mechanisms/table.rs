//! The table: number, scheme, key sizes, flags.
//!
//! Sizes are what the primitives take; a profile narrows them. Luna's vendor numbers that mean a
//! mechanism of the standard stand beside it.

use hsmsim_crypto::digest::HashAlg::{self, *};
use hsmsim_types::ck::*;

use super::{
    Entry, MechanismInfo,
    Scheme::{self, *},
};

/// Whatever signs does so in messages too (5.14, 5.16).
const SIGN: CK_FLAGS =
    CKF_SIGN | CKF_VERIFY | CKF_MESSAGE_SIGN | CKF_MESSAGE_VERIFY | CKF_MULTI_MESSAGE;
const RECOVER: CK_FLAGS = CKF_SIGN_RECOVER | CKF_VERIFY_RECOVER;
const MESSAGES: CK_FLAGS = CKF_MESSAGE_ENCRYPT | CKF_MESSAGE_DECRYPT | CKF_MULTI_MESSAGE;
const CAPSULES: CK_FLAGS = CKF_ENCAPSULATE | CKF_DECAPSULATE;
const CRYPT: CK_FLAGS = CKF_ENCRYPT | CKF_DECRYPT;
const WRAP: CK_FLAGS = CKF_WRAP | CKF_UNWRAP;
const CURVES: CK_FLAGS = CKF_EC_F_P | CKF_EC_NAMEDCURVE | CKF_EC_UNCOMPRESS;

/// Bits of an RSA modulus.
const RSA: (u64, u64) = (1024, 8192);
/// Bits of a curve's field.
const EC: (u64, u64) = (256, 521);
const EC_255: (u64, u64) = (255, 255);
/// Bytes of an AES key.
const AES: (u64, u64) = (16, 32);
/// Bytes of a generic secret.
const SECRET: (u64, u64) = (1, 8192);
const NONE: (u64, u64) = (0, 0);

/// A hash and the numbers of what is made with it.
struct Hashed {
    hash: HashAlg,
    digest: u64,
    hmac: u64,
    hmac_general: u64,
    /// Key type and key generation for this HMAC, RSA PKCS#1, RSA-PSS, ECDSA: for the hashes that
    /// have them.
    full: Option<[u64; 5]>,
}

#[rustfmt::skip]
const HASHED: [Hashed; 11] = [
    Hashed { hash: Sha1, digest: CKM_SHA_1, hmac: CKM_SHA_1_HMAC, hmac_general: CKM_SHA_1_HMAC_GENERAL,
        full: Some([CKK_SHA_1_HMAC, CKM_SHA_1_KEY_GEN, CKM_SHA1_RSA_PKCS, CKM_SHA1_RSA_PKCS_PSS, CKM_ECDSA_SHA1]) },
    Hashed { hash: Sha224, digest: CKM_SHA224, hmac: CKM_SHA224_HMAC, hmac_general: CKM_SHA224_HMAC_GENERAL,
        full: Some([CKK_SHA224_HMAC, CKM_SHA224_KEY_GEN, CKM_SHA224_RSA_PKCS, CKM_SHA224_RSA_PKCS_PSS, CKM_ECDSA_SHA224]) },
    Hashed { hash: Sha256, digest: CKM_SHA256, hmac: CKM_SHA256_HMAC, hmac_general: CKM_SHA256_HMAC_GENERAL,
        full: Some([CKK_SHA256_HMAC, CKM_SHA256_KEY_GEN, CKM_SHA256_RSA_PKCS, CKM_SHA256_RSA_PKCS_PSS, CKM_ECDSA_SHA256]) },
    Hashed { hash: Sha384, digest: CKM_SHA384, hmac: CKM_SHA384_HMAC, hmac_general: CKM_SHA384_HMAC_GENERAL,
        full: Some([CKK_SHA384_HMAC, CKM_SHA384_KEY_GEN, CKM_SHA384_RSA_PKCS, CKM_SHA384_RSA_PKCS_PSS, CKM_ECDSA_SHA384]) },
    Hashed { hash: Sha512, digest: CKM_SHA512, hmac: CKM_SHA512_HMAC, hmac_general: CKM_SHA512_HMAC_GENERAL,
        full: Some([CKK_SHA512_HMAC, CKM_SHA512_KEY_GEN, CKM_SHA512_RSA_PKCS, CKM_SHA512_RSA_PKCS_PSS, CKM_ECDSA_SHA512]) },
    Hashed { hash: Sha512_224, digest: CKM_SHA512_224, hmac: CKM_SHA512_224_HMAC, hmac_general: CKM_SHA512_224_HMAC_GENERAL,
        full: None },
    Hashed { hash: Sha512_256, digest: CKM_SHA512_256, hmac: CKM_SHA512_256_HMAC, hmac_general: CKM_SHA512_256_HMAC_GENERAL,
        full: None },
    Hashed { hash: Sha3_224, digest: CKM_SHA3_224, hmac: CKM_SHA3_224_HMAC, hmac_general: CKM_SHA3_224_HMAC_GENERAL,
        full: Some([CKK_SHA3_224_HMAC, CKM_SHA3_224_KEY_GEN, CKM_SHA3_224_RSA_PKCS, CKM_SHA3_224_RSA_PKCS_PSS, CKM_ECDSA_SHA3_224]) },
    Hashed { hash: Sha3_256, digest: CKM_SHA3_256, hmac: CKM_SHA3_256_HMAC, hmac_general: CKM_SHA3_256_HMAC_GENERAL,
        full: Some([CKK_SHA3_256_HMAC, CKM_SHA3_256_KEY_GEN, CKM_SHA3_256_RSA_PKCS, CKM_SHA3_256_RSA_PKCS_PSS, CKM_ECDSA_SHA3_256]) },
    Hashed { hash: Sha3_384, digest: CKM_SHA3_384, hmac: CKM_SHA3_384_HMAC, hmac_general: CKM_SHA3_384_HMAC_GENERAL,
        full: Some([CKK_SHA3_384_HMAC, CKM_SHA3_384_KEY_GEN, CKM_SHA3_384_RSA_PKCS, CKM_SHA3_384_RSA_PKCS_PSS, CKM_ECDSA_SHA3_384]) },
    Hashed { hash: Sha3_512, digest: CKM_SHA3_512, hmac: CKM_SHA3_512_HMAC, hmac_general: CKM_SHA3_512_HMAC_GENERAL,
        full: Some([CKK_SHA3_512_HMAC, CKM_SHA3_512_KEY_GEN, CKM_SHA3_512_RSA_PKCS, CKM_SHA3_512_RSA_PKCS_PSS, CKM_ECDSA_SHA3_512]) },
];

type Row = (u64, Scheme, (u64, u64), CK_FLAGS);

#[rustfmt::skip]
const ROWS: &[Row] = &[
    (CKM_RSA_PKCS_KEY_PAIR_GEN, RsaKeyPairGen, RSA, CKF_GENERATE_KEY_PAIR),
    (CKM_RSA_FIPS_186_3_PRIME_KEY_PAIR_GEN, RsaKeyPairGen, RSA, CKF_GENERATE_KEY_PAIR),
    (CKM_RSA_FIPS_186_3_AUX_PRIME_KEY_PAIR_GEN, RsaKeyPairGen, RSA, CKF_GENERATE_KEY_PAIR),
    (CKM_RSA_PKCS, RsaPkcs(None), RSA, SIGN | RECOVER | CRYPT | WRAP | CAPSULES),
    (CKM_RSA_X_509, RsaRaw, RSA, SIGN | RECOVER | CRYPT | CAPSULES),
    (CKM_RSA_PKCS_OAEP, RsaOaep, RSA, CRYPT | WRAP | CAPSULES),
    (CKM_RSA_PKCS_PSS, RsaPss(None), RSA, SIGN),

    (CKM_EC_KEY_PAIR_GEN, EcKeyPairGen, EC, CKF_GENERATE_KEY_PAIR | CURVES),
    (CKM_ECDSA, Ecdsa(None), EC, SIGN | CURVES),
    (CKM_LUNA_ECDSA_SHA224, Ecdsa(Some(Sha224)), EC, SIGN | CURVES),
    (CKM_LUNA_ECDSA_SHA256, Ecdsa(Some(Sha256)), EC, SIGN | CURVES),
    (CKM_LUNA_ECDSA_SHA384, Ecdsa(Some(Sha384)), EC, SIGN | CURVES),
    (CKM_LUNA_ECDSA_SHA512, Ecdsa(Some(Sha512)), EC, SIGN | CURVES),
    (CKM_ECDH1_DERIVE, Ecdh, (255, 521), CKF_DERIVE | CAPSULES | CURVES),
    // Every curve here has cofactor 1 or, like X25519, takes care of it itself.
    (CKM_ECDH1_COFACTOR_DERIVE, Ecdh, (255, 521), CKF_DERIVE | CAPSULES | CURVES),
    (CKM_EC_EDWARDS_KEY_PAIR_GEN, EdwardsKeyPairGen, EC_255, CKF_GENERATE_KEY_PAIR | CURVES),
    (CKM_LUNA_EC_EDWARDS_KEY_PAIR_GEN, EdwardsKeyPairGen, EC_255, CKF_GENERATE_KEY_PAIR | CURVES),
    (CKM_EDDSA, Eddsa, EC_255, SIGN | CURVES),
    (CKM_LUNA_EDDSA, Eddsa, EC_255, SIGN | CURVES),
    (CKM_EC_MONTGOMERY_KEY_PAIR_GEN, MontgomeryKeyPairGen, EC_255, CKF_GENERATE_KEY_PAIR | CURVES),
    (CKM_LUNA_EC_MONTGOMERY_KEY_PAIR_GEN, MontgomeryKeyPairGen, EC_255, CKF_GENERATE_KEY_PAIR | CURVES),

    (CKM_AES_KEY_GEN, SecretKeyGen(CKK_AES), AES, CKF_GENERATE),
    (CKM_AES_ECB, AesEcb, AES, CRYPT | WRAP),
    (CKM_AES_CBC, AesCbc, AES, CRYPT | WRAP),
    (CKM_AES_CBC_PAD, AesCbcPad, AES, CRYPT | WRAP),
    (CKM_AES_CTR, AesCtr, AES, CRYPT),
    (CKM_AES_GCM, AesGcm, AES, CRYPT | WRAP | MESSAGES),
    (CKM_LUNA_AES_GCM, AesGcm, AES, CRYPT | WRAP | MESSAGES),
    (CKM_AES_CMAC, Cmac(false), AES, SIGN),
    (CKM_AES_CMAC_GENERAL, Cmac(true), AES, SIGN),
    (CKM_AES_KEY_WRAP, AesKw, AES, WRAP),
    (CKM_LUNA_AES_KW, AesKw, AES, WRAP),
    (CKM_AES_KEY_WRAP_PAD, AesKwp, AES, WRAP),
    (CKM_AES_KEY_WRAP_KWP, AesKwp, AES, WRAP),
    (CKM_LUNA_AES_KWP, AesKwp, AES, WRAP),
    (CKM_AES_ECB_ENCRYPT_DATA, EcbEncryptData, AES, CKF_DERIVE),
    (CKM_AES_CBC_ENCRYPT_DATA, CbcEncryptData, AES, CKF_DERIVE),

    (CKM_GENERIC_SECRET_KEY_GEN, SecretKeyGen(CKK_GENERIC_SECRET), SECRET, CKF_GENERATE),
];

/// All rows, not sorted.
pub(super) fn entries() -> Vec<Entry> {
    let mut rows = ROWS.to_vec();
    for hashed in &HASHED {
        let hash = hashed.hash;
        rows.push((hashed.digest, Digest(hash), NONE, CKF_DIGEST));
        rows.push((hashed.hmac, Hmac(hash, false), SECRET, SIGN));
        rows.push((hashed.hmac_general, Hmac(hash, true), SECRET, SIGN));
        if let Some([key_type, key_gen, pkcs, pss, ecdsa]) = hashed.full {
            rows.push((key_gen, SecretKeyGen(key_type), SECRET, CKF_GENERATE));
            rows.push((pkcs, RsaPkcs(Some(hash)), RSA, SIGN));
            rows.push((pss, RsaPss(Some(hash)), RSA, SIGN));
            rows.push((ecdsa, Ecdsa(Some(hash)), EC, SIGN | CURVES));
        }
    }
    rows.into_iter()
        .map(|(kind, scheme, (min, max), flags)| Entry {
            kind,
            scheme,
            info: MechanismInfo { min, max, flags },
        })
        .collect()
}
