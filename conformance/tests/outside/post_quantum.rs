//! ML-DSA and SLH-DSA: what the token signs OpenSSL 3.5 verifies, and the reverse, with keys that each of
//! them made.

use std::time::Duration;

use cryptoki_sys::*;
use hsmsim_conformance::{case::Mechanism, openssl};
use hsmsim_tests::{apart::apart_within, test_name};
use hsmsim_types::ck::*;

use super::{
    pairs::{Kind, Pair, Pairs},
    peers::{bring_openssl, sandbox},
    token::{Token, each, hex, module, pattern, raw},
};

/// SLH-DSA hashes millions of times for one signature, and the module is built to be debugged.
const BOUND: Duration = Duration::from_secs(300);

/// What is signed.
#[derive(Clone, Copy)]
enum Form {
    /// The message.
    Pure,
    /// Its digest by the function of that name in OpenSSL, whose identifier ends with this arc.
    Hashed(&'static str, u8),
    /// The same, hashed by the caller, who names the CKM.
    Digest(&'static str, u8, CK_MECHANISM_TYPE),
    /// The message representative, computed by the caller.
    Representative,
}

use Form::*;

/// Mechanism, its name, key pair, OpenSSL's algorithm, form.
type Row = (CK_MECHANISM_TYPE, &'static str, Kind, &'static str, Form);

macro_rules! rows {
    ($($kind:ident $pair:ident $algorithm:literal $form:expr;)*) => {
        &[$(($kind, stringify!($kind), Kind::$pair, $algorithm, $form)),*]
    };
}

#[rustfmt::skip]
const ML_DSA: &[Row] = rows! {
    CKM_ML_DSA                MlDsa "ML-DSA-44" Pure;
    CKM_ML_DSA                MlDsa "ML-DSA-65" Pure;
    CKM_ML_DSA                MlDsa "ML-DSA-87" Pure;
    CKM_LUNA_EXTMU_ML_DSA     MlDsa "ML-DSA-44" Representative;
    CKM_LUNA_EXTMU_ML_DSA     MlDsa "ML-DSA-65" Representative;
    CKM_LUNA_EXTMU_ML_DSA     MlDsa "ML-DSA-87" Representative;
    CKM_HASH_ML_DSA           MlDsa "ML-DSA-44" Digest("SHA256", 1, CKM_SHA256);
    CKM_HASH_ML_DSA           MlDsa "ML-DSA-65" Digest("SHA3-512", 10, CKM_SHA3_512);
    CKM_HASH_ML_DSA           MlDsa "ML-DSA-87" Digest("SHA512", 3, CKM_SHA512);
    CKM_HASH_ML_DSA_SHA224    MlDsa "ML-DSA-44" Hashed("SHA224", 4);
    CKM_HASH_ML_DSA_SHA256    MlDsa "ML-DSA-44" Hashed("SHA256", 1);
    CKM_HASH_ML_DSA_SHA384    MlDsa "ML-DSA-65" Hashed("SHA384", 2);
    CKM_HASH_ML_DSA_SHA512    MlDsa "ML-DSA-87" Hashed("SHA512", 3);
    CKM_HASH_ML_DSA_SHA3_224  MlDsa "ML-DSA-44" Hashed("SHA3-224", 7);
    CKM_HASH_ML_DSA_SHA3_256  MlDsa "ML-DSA-44" Hashed("SHA3-256", 8);
    CKM_HASH_ML_DSA_SHA3_384  MlDsa "ML-DSA-65" Hashed("SHA3-384", 9);
    CKM_HASH_ML_DSA_SHA3_512  MlDsa "ML-DSA-87" Hashed("SHA3-512", 10);
    CKM_HASH_ML_DSA_SHAKE128  MlDsa "ML-DSA-44" Hashed("SHAKE-128", 11);
    CKM_HASH_ML_DSA_SHAKE256  MlDsa "ML-DSA-87" Hashed("SHAKE-256", 12);
};

/// With SHA-2.
#[rustfmt::skip]
const SLH_DSA_SHA2: &[Row] = rows! {
    CKM_SLH_DSA               SlhDsa "SLH-DSA-SHA2-128s" Pure;
    CKM_SLH_DSA               SlhDsa "SLH-DSA-SHA2-128f" Pure;
    CKM_SLH_DSA               SlhDsa "SLH-DSA-SHA2-192s" Pure;
    CKM_SLH_DSA               SlhDsa "SLH-DSA-SHA2-192f" Pure;
    CKM_SLH_DSA               SlhDsa "SLH-DSA-SHA2-256s" Pure;
    CKM_SLH_DSA               SlhDsa "SLH-DSA-SHA2-256f" Pure;
};

/// With SHAKE256.
#[rustfmt::skip]
const SLH_DSA_SHAKE: &[Row] = rows! {
    CKM_SLH_DSA               SlhDsa "SLH-DSA-SHAKE-128s" Pure;
    CKM_SLH_DSA               SlhDsa "SLH-DSA-SHAKE-128f" Pure;
    CKM_SLH_DSA               SlhDsa "SLH-DSA-SHAKE-192s" Pure;
    CKM_SLH_DSA               SlhDsa "SLH-DSA-SHAKE-192f" Pure;
    CKM_SLH_DSA               SlhDsa "SLH-DSA-SHAKE-256s" Pure;
    CKM_SLH_DSA               SlhDsa "SLH-DSA-SHAKE-256f" Pure;
};

#[rustfmt::skip]
const HASH_SLH_DSA: &[Row] = rows! {
    CKM_HASH_SLH_DSA          SlhDsa "SLH-DSA-SHA2-128f" Digest("SHA256", 1, CKM_SHA256);
    CKM_HASH_SLH_DSA          SlhDsa "SLH-DSA-SHAKE-256f" Digest("SHA3-512", 10, CKM_SHA3_512);
    CKM_HASH_SLH_DSA_SHA224   SlhDsa "SLH-DSA-SHA2-128f" Hashed("SHA224", 4);
    CKM_HASH_SLH_DSA_SHA256   SlhDsa "SLH-DSA-SHA2-128f" Hashed("SHA256", 1);
    CKM_HASH_SLH_DSA_SHA384   SlhDsa "SLH-DSA-SHA2-192f" Hashed("SHA384", 2);
    CKM_HASH_SLH_DSA_SHA512   SlhDsa "SLH-DSA-SHA2-256f" Hashed("SHA512", 3);
    CKM_HASH_SLH_DSA_SHA3_224 SlhDsa "SLH-DSA-SHAKE-128f" Hashed("SHA3-224", 7);
    CKM_HASH_SLH_DSA_SHA3_256 SlhDsa "SLH-DSA-SHAKE-128f" Hashed("SHA3-256", 8);
    CKM_HASH_SLH_DSA_SHA3_384 SlhDsa "SLH-DSA-SHAKE-192f" Hashed("SHA3-384", 9);
    CKM_HASH_SLH_DSA_SHA3_512 SlhDsa "SLH-DSA-SHAKE-256f" Hashed("SHA3-512", 10);
    CKM_HASH_SLH_DSA_SHAKE128 SlhDsa "SLH-DSA-SHAKE-128f" Hashed("SHAKE-128", 11);
    CKM_HASH_SLH_DSA_SHAKE256 SlhDsa "SLH-DSA-SHAKE-256f" Hashed("SHAKE-256", 12);
};

/// Every mechanism of this file.
pub(crate) fn kinds() -> impl Iterator<Item = CK_MECHANISM_TYPE> {
    let rows = [ML_DSA, SLH_DSA_SHA2, SLH_DSA_SHAKE, HASH_SLH_DSA].into_iter().flatten();
    rows.flat_map(|row| [row.0, row.2.generates()])
}

/// A digest by OpenSSL; of SHAKE twice as many bits as it is strong.
fn digest(name: &str, data: &[u8]) -> Vec<u8> {
    let made = match name {
        "SHAKE-128" => openssl::expand(name, data, 32),
        "SHAKE-256" => openssl::expand(name, data, 64),
        _ => openssl::digest(name, data),
    };
    made.expect("a digest of OpenSSL's")
}

/// The message that OpenSSL signs without anything before it (`message-encoding:0`): of HashML-DSA and
/// HashSLH-DSA it has no other form (FIPS 204, algorithm 4; FIPS 205, algorithm 23).
fn hashed(arc: u8, context: &[u8], digest: &[u8]) -> Vec<u8> {
    let identifier = [6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, arc];
    [&[1, context.len() as u8][..], context, &identifier, digest].concat()
}

/// FIPS 204, algorithm 7, by OpenSSL's SHAKE.
fn representative(public: &[u8], context: &[u8], message: &[u8]) -> Vec<u8> {
    let tr = digest("SHAKE-256", public);
    digest("SHAKE-256", &[&tr[..], &[0, context.len() as u8], context, message].concat())
}

fn mechanism(kind: CK_MECHANISM_TYPE, form: Form, hedge: CK_ULONG, context: &[u8]) -> Mechanism {
    let context = context.to_vec();
    let (at, len) = raw(&context);
    match form {
        // Without a parameter: no context.
        Representative => Mechanism::plain(kind),
        Digest(_, _, hash) => {
            let params = CK_HASH_SIGN_ADDITIONAL_CONTEXT {
                hedgeVariant: hedge,
                pContext: at,
                ulContextLen: len,
                hash,
            };
            Mechanism::structure(kind, params, vec![context])
        }
        Pure | Hashed(..) => {
            let params =
                CK_SIGN_ADDITIONAL_CONTEXT { hedgeVariant: hedge, pContext: at, ulContextLen: len };
            Mechanism::structure(kind, params, vec![context])
        }
    }
}

/// What the token is given, and what OpenSSL is, with its options.
fn both_sides(pair: &Pair, form: Form, context: &[u8]) -> (Vec<u8>, Vec<u8>, String) {
    let message = pattern(100);
    let pure = match context {
        [] => String::new(),
        _ => format!("hexcontext-string:{}", hex(context)),
    };
    match form {
        Pure => (message.clone(), message, pure),
        Representative => (representative(&pair.value, context, &message), message, pure),
        Hashed(name, arc) | Digest(name, arc, _) => {
            let digest = digest(name, &message);
            let theirs = hashed(arc, context, &digest);
            let given = if matches!(form, Hashed(..)) { message } else { digest };
            (given, theirs, "message-encoding:0".into())
        }
    }
}

fn signs_both_ways(token: &Token<'_>, pairs: &Pairs<'_>, contexts: &[&[u8]], row: &Row) {
    let &(kind, _, key, algorithm, form) = row;
    for der in pairs.of(key, algorithm) {
        let pair = token.brought(key, &der);
        for &context in contexts {
            let m = mechanism(kind, form, CKH_DETERMINISTIC_REQUIRED, context);
            let (given, theirs, options) = both_sides(&pair, form, context);
            let signature = token.sign(&m, pair.private, &given);
            let verified = |signature: &[u8]| {
                let holds = pair.theirs_public.verifies_message(&options, &theirs, signature);
                holds.expect("options that OpenSSL takes")
            };
            assert!(verified(&signature), "OpenSSL of the token's signature");
            let made = pair.theirs.sign_message(&format!("{options} deterministic:1"), &theirs);
            let made = made.expect("a signature of OpenSSL's");
            assert!(token.verifies(&m, pair.public, &given, &made), "the token of OpenSSL's");
            // The library behind this mechanism takes chance always.
            if !matches!(form, Representative) {
                assert_eq!(made, signature, "a signature that takes no chance");
                let m = mechanism(kind, form, CKH_HEDGE_PREFERRED, b"another context");
                assert!(!token.verifies(&m, pair.public, &given, &made), "of another context");
            }
            // The small ones of SLH-DSA take a second to sign.
            if !algorithm.ends_with('s') {
                let hedged = pair.theirs.sign_message(&options, &theirs).expect("a signature");
                assert!(token.verifies(&m, pair.public, &given, &hedged), "the token of OpenSSL's");
                let m = mechanism(kind, form, CKH_HEDGE_REQUIRED, context);
                let hedged = token.sign(&m, pair.private, &given);
                assert!(hedged != made && verified(&hedged), "OpenSSL of one that takes chance");
            }
            for at in [0, made.len() / 2, made.len() - 1] {
                let mut changed = made.clone();
                changed[at] ^= 4;
                assert!(!token.verifies(&m, pair.public, &given, &changed), "changed at {at}");
                assert!(!verified(&changed), "OpenSSL, changed at {at}");
            }
            let mut other = given.clone();
            other[7] ^= 1;
            assert!(!token.verifies(&m, pair.public, &other, &made), "a signature of another");
        }
    }
}

fn all_sign_both_ways(test: &str, rows: &[Row], contexts: &[&[u8]]) {
    apart_within(BOUND, test, sandbox, |_| {
        bring_openssl();
        let module = module();
        let pairs = Pairs::new(&module);
        let title = |row: &Row| format!("{} {}", row.1, row.3);
        each(&module, rows, title, |token, row| signs_both_ways(token, &pairs, contexts, row));
    });
}

#[test]
fn each_verifies_what_the_other_signs_with_ml_dsa() {
    all_sign_both_ways(test_name!(), ML_DSA, &[b"", b"context", &[7; 255]]);
}

#[test]
fn each_verifies_what_the_other_signs_with_slh_dsa_of_sha2() {
    all_sign_both_ways(test_name!(), SLH_DSA_SHA2, &[b"context"]);
}

#[test]
fn each_verifies_what_the_other_signs_with_slh_dsa_of_shake() {
    all_sign_both_ways(test_name!(), SLH_DSA_SHAKE, &[b"context"]);
}

#[test]
fn each_verifies_what_the_other_signs_with_slh_dsa_after_a_hash() {
    all_sign_both_ways(test_name!(), HASH_SLH_DSA, &[b"context"]);
}
