//! What the module computes beside the system's OpenSSL, in both directions: what either makes the
//! other reads, verifies, decrypts, unwraps, derives alike. One row of a table is a case.
//!
//! Digests, HMACs and ciphers are in the table of the conformance suite itself
//! (`groups/mechanisms/table.rs`), which compares each value with OpenSSL's; the rest is here, and
//! [`every_mechanism_of_the_token_has_a_row_or_a_reason`] knows both.
//!
//! OpenSSL 3.0, which Debian 12 has, knows no ML-KEM, ML-DSA, SLH-DSA and HSS: their vectors are in
//! `crates/crypto/tests`.

mod agreements;
mod derivations;
mod encryption;
mod macs;
mod pairs;
mod signatures;
mod token;

use cryptoki_sys::*;
use hsmsim_conformance::groups;
use hsmsim_tests::{apart::apart, test_name};
use hsmsim_types::{ck::*, names};

use self::token::{module, numbers, sandbox};

/// OpenSSL 3.0 has it not.
#[rustfmt::skip]
const NOT_IN_OPENSSL: &[CK_MECHANISM_TYPE] = &[
    CKM_ML_KEM_KEY_PAIR_GEN, CKM_ML_KEM,
    CKM_ML_DSA_KEY_PAIR_GEN, CKM_ML_DSA, CKM_LUNA_EXTMU_ML_DSA, CKM_HASH_ML_DSA,
    CKM_HASH_ML_DSA_SHA224, CKM_HASH_ML_DSA_SHA256, CKM_HASH_ML_DSA_SHA384, CKM_HASH_ML_DSA_SHA512,
    CKM_HASH_ML_DSA_SHA3_224, CKM_HASH_ML_DSA_SHA3_256, CKM_HASH_ML_DSA_SHA3_384, CKM_HASH_ML_DSA_SHA3_512,
    CKM_HASH_ML_DSA_SHAKE128, CKM_HASH_ML_DSA_SHAKE256,
    CKM_SLH_DSA_KEY_PAIR_GEN, CKM_SLH_DSA, CKM_HASH_SLH_DSA,
    CKM_HASH_SLH_DSA_SHA224, CKM_HASH_SLH_DSA_SHA256, CKM_HASH_SLH_DSA_SHA384, CKM_HASH_SLH_DSA_SHA512,
    CKM_HASH_SLH_DSA_SHA3_224, CKM_HASH_SLH_DSA_SHA3_256, CKM_HASH_SLH_DSA_SHA3_384, CKM_HASH_SLH_DSA_SHA3_512,
    CKM_HASH_SLH_DSA_SHAKE128, CKM_HASH_SLH_DSA_SHAKE256,
    CKM_HSS,
    // Each of its steps has a row of its own: ECDH, the derivation, the cipher, the MAC.
    CKM_ECIES,
    // BLAKE2b of any other length than 512 bits.
    CKM_BLAKE2B_160_HMAC, CKM_BLAKE2B_160_HMAC_GENERAL, CKM_BLAKE2B_160_KEY_DERIVE,
    CKM_BLAKE2B_256_HMAC, CKM_BLAKE2B_256_HMAC_GENERAL, CKM_BLAKE2B_256_KEY_DERIVE,
    CKM_BLAKE2B_384_HMAC, CKM_BLAKE2B_384_HMAC_GENERAL, CKM_BLAKE2B_384_KEY_DERIVE,
];

/// What it makes is chance; the rows use such keys, or OpenSSL's parameters.
#[rustfmt::skip]
const CHANCE: &[CK_MECHANISM_TYPE] = &[
    CKM_RSA_X9_31_KEY_PAIR_GEN, CKM_EC_KEY_PAIR_GEN_W_EXTRA_BITS, CKM_DSA_KEY_PAIR_GEN, CKM_DH_PKCS_KEY_PAIR_GEN,
    CKM_X9_42_DH_KEY_PAIR_GEN, CKM_DSA_PARAMETER_GEN, CKM_DSA_PROBABILISTIC_PARAMETER_GEN,
    CKM_DSA_SHAWE_TAYLOR_PARAMETER_GEN, CKM_DH_PKCS_PARAMETER_GEN, CKM_X9_42_DH_PARAMETER_GEN,
    CKM_SHA512_T_KEY_GEN, CKM_HKDF_KEY_GEN, CKM_HOTP_KEY_GEN, CKM_TLS_PRE_MASTER_KEY_GEN,
];

#[test]
fn every_mechanism_of_the_token_has_a_row_or_a_reason() {
    apart(test_name!(), sandbox, |_| {
        let module = module();
        let here = numbers(
            signatures::kinds()
                .chain(agreements::kinds())
                .chain(encryption::kinds())
                .chain(macs::kinds())
                .chain(derivations::kinds()),
        );
        let excused = numbers(NOT_IN_OPENSSL.iter().chain(CHANCE).copied());
        let listed = numbers(module.mechanisms());
        let title = |kind: &u64| names::or_hex(names::mechanism, *kind);
        let missing: Vec<_> = listed
            .iter()
            .filter(|kind| {
                !here.contains(kind) && !excused.contains(kind) && !groups::compares(**kind)
            })
            .map(title)
            .collect();
        assert!(missing.is_empty(), "neither row nor reason: {missing:#?}");
        let idle: Vec<_> =
            here.union(&excused).filter(|kind| !listed.contains(kind)).map(title).collect();
        assert!(idle.is_empty(), "the token does not list: {idle:#?}");
        let both: Vec<_> = here.intersection(&excused).map(title).collect();
        assert!(both.is_empty(), "rows and reasons: {both:#?}");
    });
}
