//! What the module computes beside OpenSSL, in both directions: what either makes the
//! other reads, verifies, decrypts, unwraps, derives alike. One row of a table is a case.
//!
//! Digests, HMACs and ciphers are in the table of the conformance suite itself
//! (`groups/mechanisms/table.rs`), which compares each value with OpenSSL's; the rest is here, and
//! [`every_mechanism_of_the_token_has_a_row_or_a_reason`] knows both.
//!
//! OpenSSL 3.0, which Debian 12 has, knows no ML-KEM, ML-DSA, SLH-DSA, HSS and short BLAKE2b: these
//! files work with the packages of [`peers`], each test in a process of its own.

mod agreements;
mod blake2;
mod capsules;
mod derivations;
mod ecies;
mod encryption;
mod hss;
mod macs;
mod pairs;
mod peers;
mod post_quantum;
mod seeds;
mod signatures;
mod token;

use cryptoki_sys::*;
use hsmsim_conformance::groups;
use hsmsim_tests::{apart::apart, test_name};
use hsmsim_types::names;

use self::token::{module, numbers, sandbox};

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
                .chain(derivations::kinds())
                .chain(ecies::kinds())
                .chain(capsules::kinds())
                .chain(post_quantum::kinds())
                .chain(hss::kinds())
                .chain(blake2::kinds()),
        );
        let excused = numbers(CHANCE.iter().copied());
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
