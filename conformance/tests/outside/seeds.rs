//! Private keys of ML-KEM and ML-DSA as their seed, as their expanded value and as both: OpenSSL 3.5 and
//! the token read each form, in PKCS#8 and in attributes, as the same key.

use cryptoki_sys::*;
use hsmsim_conformance::case::Mechanism;
use hsmsim_tests::{apart::apart, test_name};

use super::{
    pairs::{Der, Kind, Pair, Pairs, contents, elements},
    peers::{bring_openssl, sandbox},
    token::{Token, each, module, pattern, readable},
};

#[rustfmt::skip]
const SETS: &[(Kind, &str)] = &[
    (Kind::MlKem, "ML-KEM-512"), (Kind::MlKem, "ML-KEM-768"), (Kind::MlKem, "ML-KEM-1024"),
    (Kind::MlDsa, "ML-DSA-44"), (Kind::MlDsa, "ML-DSA-65"), (Kind::MlDsa, "ML-DSA-87"),
];

/// A DER element of that tag.
fn element(tag: u8, value: &[u8]) -> Vec<u8> {
    let len = value.len();
    let header = match len {
        0..0x80 => vec![tag, len as u8],
        0x80..0x100 => vec![tag, 0x81, len as u8],
        _ => vec![tag, 0x82, (len >> 8) as u8, len as u8],
    };
    [header, value.to_vec()].concat()
}

/// Seed and expanded value, out of a PKCS#8 that has both, and the same PKCS#8 with either alone (RFC
/// 9881, 6; RFC 9935, 6).
fn forms(pkcs8: &[u8]) -> ([Vec<u8>; 2], [Vec<u8>; 2]) {
    let parts = elements(contents(pkcs8));
    let both = elements(contents(contents(parts[2])));
    let (seed, value) = (contents(both[0]), contents(both[1]));
    let alone = |tag, form: &[u8]| {
        let key = element(4, &element(tag, form));
        element(0x30, &[parts[0], parts[1], &key].concat())
    };
    ([seed.to_vec(), value.to_vec()], [alone(0x80, seed), alone(4, value)])
}

/// The token's private key is that of OpenSSL.
fn does_the_same(token: &Token<'_>, kind: Kind, private: CK_OBJECT_HANDLE, pair: &Pair) {
    if kind == Kind::MlKem {
        let (ciphertext, secret) = pair.theirs_public.encapsulate().expect("a capsule");
        let m = Mechanism::plain(CKM_ML_KEM);
        assert_eq!(token.decapsulated(&m, private, &ciphertext), secret);
        assert_eq!(pair.theirs.decapsulate(&ciphertext), Some(secret));
        return;
    }
    let params = CK_SIGN_ADDITIONAL_CONTEXT {
        hedgeVariant: CKH_DETERMINISTIC_REQUIRED,
        pContext: std::ptr::null_mut(),
        ulContextLen: 0,
    };
    let m = Mechanism::structure(CKM_ML_DSA, params, Vec::new());
    let made = pair.theirs.sign_message("deterministic:1", &pattern(50));
    assert_eq!(Some(token.sign(&m, private, &pattern(50))), made);
}

#[test]
fn both_read_seed_and_expanded_value_as_the_same_private_key() {
    apart(test_name!(), sandbox, |_| {
        bring_openssl();
        let module = module();
        let pairs = Pairs::new(&module);
        each(
            &module,
            SETS,
            |set| set.1.to_owned(),
            |token, &(kind, set)| {
                for der in pairs.of(kind, set) {
                    let ([seed, value], alone) = forms(&der.private);
                    for private in alone {
                        let der = Der { private, public: der.public.clone() };
                        let pair = token.brought(kind, &der);
                        does_the_same(token, kind, pair.private, &pair);
                        // Out again as OpenSSL reads it.
                        let again = token.carried_out(der.public.clone(), pair.private);
                        let pair = token.brought(kind, &again);
                        does_the_same(token, kind, pair.private, &pair);
                    }
                    let pair = token.brought(kind, &der);
                    let parts = kind.parts(&der.public);
                    let template = readable(CKO_PRIVATE_KEY, kind.key_type())
                        .flag(CKA_TOKEN, false)
                        .bytes(CKA_PARAMETER_SET, &parts[0].1);
                    let template = kind.uses(template, false);
                    let (seeded, valued) = (
                        template.clone().bytes(CKA_SEED, &seed),
                        template.bytes(CKA_VALUE, &value),
                    );
                    for template in [&seeded, &valued, &valued.clone().bytes(CKA_SEED, &seed)] {
                        let private = token.object(template);
                        assert_eq!(token.value(private, CKA_VALUE), value);
                        does_the_same(token, kind, private, &pair);
                    }
                }
            },
        );
    });
}
