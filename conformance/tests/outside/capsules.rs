//! ML-KEM: the secret that either side of token and OpenSSL 3.5 encapsulates the other takes out, with
//! keys that each of them made.

use cryptoki_sys::*;
use hsmsim_conformance::case::Mechanism;
use hsmsim_tests::{apart::apart, test_name};

use super::{
    pairs::{Kind, Pairs},
    peers::{bring_openssl, sandbox},
    token::{Token, each, module},
};

/// OpenSSL's names of the parameter sets.
const SETS: &[&str] = &["ML-KEM-512", "ML-KEM-768", "ML-KEM-1024"];

/// Every mechanism of this file.
pub(crate) fn kinds() -> impl Iterator<Item = CK_MECHANISM_TYPE> {
    [CKM_ML_KEM, CKM_ML_KEM_KEY_PAIR_GEN].into_iter()
}

fn encapsulates_both_ways(token: &Token<'_>, pairs: &Pairs<'_>, set: &'static str) {
    let m = Mechanism::plain(CKM_ML_KEM);
    for der in pairs.of(Kind::MlKem, set) {
        let pair = token.brought(Kind::MlKem, &der);
        let (ciphertext, secret) = token.encapsulated(&m, pair.public);
        assert_eq!(pair.theirs.decapsulate(&ciphertext), Some(secret), "OpenSSL of the token's");
        let (mut ciphertext, secret) = pair.theirs_public.encapsulate().expect("a capsule");
        assert_eq!(
            token.decapsulated(&m, pair.private, &ciphertext),
            secret,
            "the token of OpenSSL's"
        );
        // A changed one is not refused: both make the same other secret of it (FIPS 203, algorithm 18).
        ciphertext[100] ^= 1;
        let other = token.decapsulated(&m, pair.private, &ciphertext);
        assert_ne!(other, secret);
        assert_eq!(pair.theirs.decapsulate(&ciphertext), Some(other), "a changed ciphertext");
    }
}

#[test]
fn each_takes_out_the_secret_that_the_other_encapsulates() {
    apart(test_name!(), sandbox, |_| {
        bring_openssl();
        let module = module();
        let pairs = Pairs::new(&module);
        let title = |set: &&str| (*set).to_owned();
        each(&module, SETS, title, |token, set| encapsulates_both_ways(token, &pairs, set));
    });
}
