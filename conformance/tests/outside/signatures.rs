//! Signatures: what the token signs OpenSSL verifies, and the reverse, with keys that each of them made.

use std::ffi::CStr;

use cryptoki_sys::*;
use hsmsim_conformance::{case::Mechanism, openssl};
use hsmsim_tests::{apart::apart, test_name};
use hsmsim_types::ck::*;

use super::{
    pairs::{Kind, Pairs, from_der},
    token::{Token, each, module, pattern, sandbox},
};

/// What is signed, and how it is put before OpenSSL.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// PKCS#1, with the digest's identifier or, without a digest, what the caller gives.
    Pkcs1,
    Pss,
    X931,
    /// A number as long as the modulus.
    Plain,
    /// r and s: ECDSA and DSA.
    Halves,
    /// The message itself: EdDSA.
    Message,
}

/// Mechanism, its name, key pair, OpenSSL's options for the pair, digest (empty: the caller's own).
type Row = (CK_MECHANISM_TYPE, &'static str, Kind, &'static str, &'static CStr, Form);

macro_rules! rows {
    ($($kind:ident $pair:ident $options:literal $hash:literal $form:ident;)*) => {
        &[$(($kind, stringify!($kind), Kind::$pair, $options, $hash, Form::$form)),*]
    };
}

#[rustfmt::skip]
const ROWS: &[Row] = rows! {
    CKM_RSA_PKCS              Rsa "bits:2048" c"" Pkcs1;
    CKM_MD5_RSA_PKCS          Rsa "bits:2048" c"MD5" Pkcs1;
    CKM_RIPEMD160_RSA_PKCS    Rsa "bits:2048" c"RIPEMD160" Pkcs1;
    CKM_SHA1_RSA_PKCS         Rsa "bits:2048" c"SHA1" Pkcs1;
    CKM_SHA224_RSA_PKCS       Rsa "bits:2048" c"SHA224" Pkcs1;
    CKM_SHA256_RSA_PKCS       Rsa "bits:2048" c"SHA256" Pkcs1;
    CKM_SHA256_RSA_PKCS       Rsa "bits:3072" c"SHA256" Pkcs1;
    CKM_SHA256_RSA_PKCS       Rsa "bits:2048 e:3" c"SHA256" Pkcs1;
    CKM_SHA384_RSA_PKCS       Rsa "bits:2048" c"SHA384" Pkcs1;
    CKM_SHA512_RSA_PKCS       Rsa "bits:2048" c"SHA512" Pkcs1;
    CKM_SHA3_224_RSA_PKCS     Rsa "bits:2048" c"SHA3-224" Pkcs1;
    CKM_SHA3_256_RSA_PKCS     Rsa "bits:2048" c"SHA3-256" Pkcs1;
    CKM_SHA3_384_RSA_PKCS     Rsa "bits:2048" c"SHA3-384" Pkcs1;
    CKM_SHA3_512_RSA_PKCS     Rsa "bits:2048" c"SHA3-512" Pkcs1;
    CKM_RSA_X_509             Rsa "bits:2048" c"" Plain;
    CKM_RSA_PKCS_PSS          Rsa "bits:2048" c"SHA256" Pss;
    CKM_SHA1_RSA_PKCS_PSS     Rsa "bits:2048" c"SHA1" Pss;
    CKM_SHA224_RSA_PKCS_PSS   Rsa "bits:2048" c"SHA224" Pss;
    CKM_SHA256_RSA_PKCS_PSS   Rsa "bits:2048" c"SHA256" Pss;
    CKM_SHA384_RSA_PKCS_PSS   Rsa "bits:2048" c"SHA384" Pss;
    CKM_SHA512_RSA_PKCS_PSS   Rsa "bits:2048" c"SHA512" Pss;
    CKM_SHA3_224_RSA_PKCS_PSS Rsa "bits:2048" c"SHA3-224" Pss;
    CKM_SHA3_256_RSA_PKCS_PSS Rsa "bits:2048" c"SHA3-256" Pss;
    CKM_SHA3_384_RSA_PKCS_PSS Rsa "bits:2048" c"SHA3-384" Pss;
    CKM_SHA3_512_RSA_PKCS_PSS Rsa "bits:2048" c"SHA3-512" Pss;
    CKM_RSA_X9_31             RsaX931 "bits:2048" c"SHA256" X931;
    CKM_SHA1_RSA_X9_31        RsaX931 "bits:2048" c"SHA1" X931;

    CKM_DSA                   Dsa "pbits:1024 qbits:160|" c"SHA1" Halves;
    CKM_DSA                   Dsa "pbits:2048 qbits:256|" c"SHA256" Halves;
    CKM_DSA_SHA1              Dsa "pbits:1024 qbits:160|" c"SHA1" Halves;
    CKM_DSA_SHA224            Dsa "pbits:2048 qbits:256|" c"SHA224" Halves;
    CKM_DSA_SHA256            Dsa "pbits:2048 qbits:256|" c"SHA256" Halves;
    CKM_DSA_SHA384            Dsa "pbits:2048 qbits:256|" c"SHA384" Halves;
    CKM_DSA_SHA512            Dsa "pbits:2048 qbits:256|" c"SHA512" Halves;
    CKM_DSA_SHA3_224          Dsa "pbits:2048 qbits:256|" c"SHA3-224" Halves;
    CKM_DSA_SHA3_256          Dsa "pbits:2048 qbits:256|" c"SHA3-256" Halves;
    CKM_DSA_SHA3_384          Dsa "pbits:2048 qbits:256|" c"SHA3-384" Halves;
    CKM_DSA_SHA3_512          Dsa "pbits:2048 qbits:256|" c"SHA3-512" Halves;
    CKM_LUNA_DSA_SHA224       Dsa "pbits:2048 qbits:256|" c"SHA224" Halves;
    CKM_LUNA_DSA_SHA256       Dsa "pbits:2048 qbits:256|" c"SHA256" Halves;

    CKM_ECDSA_SHA1            Ec "group:prime256v1" c"SHA1" Halves;
    CKM_ECDSA_SHA224          Ec "group:prime256v1" c"SHA224" Halves;
    CKM_ECDSA_SHA384          Ec "group:prime256v1" c"SHA384" Halves;
    CKM_ECDSA_SHA512          Ec "group:prime256v1" c"SHA512" Halves;
    CKM_ECDSA_SHA3_224        Ec "group:secp521r1" c"SHA3-224" Halves;
    CKM_ECDSA_SHA3_256        Ec "group:secp521r1" c"SHA3-256" Halves;
    CKM_ECDSA_SHA3_384        Ec "group:secp521r1" c"SHA3-384" Halves;
    CKM_ECDSA_SHA3_512        Ec "group:secp521r1" c"SHA3-512" Halves;
    CKM_LUNA_ECDSA_SHA224     Ec "group:secp384r1" c"SHA224" Halves;
    CKM_LUNA_ECDSA_SHA256     Ec "group:secp384r1" c"SHA256" Halves;
    CKM_LUNA_ECDSA_SHA384     Ec "group:secp384r1" c"SHA384" Halves;
    CKM_LUNA_ECDSA_SHA512     Ec "group:secp384r1" c"SHA512" Halves;

    CKM_EDDSA                 Edwards "ED25519" c"" Message;
    CKM_EDDSA                 Edwards "ED448" c"" Message;
    CKM_LUNA_EDDSA            Edwards "ED25519" c"" Message;
};

/// The curves of OpenSSL that the token has, as options for a pair.
pub(crate) const CURVES: &[&str] = &[
    "group:secp160k1",
    "group:secp160r1",
    "group:secp160r2",
    "group:secp192k1",
    "group:secp224k1",
    "group:secp224r1",
    "group:secp256k1",
    "group:secp384r1",
    "group:secp521r1",
    "group:prime192v1",
    "group:prime192v2",
    "group:prime192v3",
    "group:prime239v1",
    "group:prime239v2",
    "group:prime239v3",
    "group:prime256v1",
    "group:brainpoolP160r1",
    "group:brainpoolP160t1",
    "group:brainpoolP192r1",
    "group:brainpoolP192t1",
    "group:brainpoolP224r1",
    "group:brainpoolP224t1",
    "group:brainpoolP256r1",
    "group:brainpoolP256t1",
    "group:brainpoolP320r1",
    "group:brainpoolP320t1",
    "group:brainpoolP384r1",
    "group:brainpoolP384t1",
    "group:brainpoolP512r1",
    "group:brainpoolP512t1",
];

/// Curves over prime fields that OpenSSL has and the token has not: below 160 bits, without a name of
/// SEC 2, X9.62 or RFC 5639, or of another signature.
const OTHER_CURVES: &[&str] = &[
    "secp112r1",
    "secp112r2",
    "secp128r1",
    "secp128r2",
    "wap-wsg-idm-ecid-wtls6",
    "wap-wsg-idm-ecid-wtls7",
    "wap-wsg-idm-ecid-wtls8",
    "wap-wsg-idm-ecid-wtls9",
    "wap-wsg-idm-ecid-wtls12",
    "SM2",
];

/// Every mechanism of this file.
pub(crate) fn kinds() -> impl Iterator<Item = CK_MECHANISM_TYPE> {
    ROWS.iter().map(|row| row.0).chain([CKM_ECDSA, CKM_ECDSA_SHA256])
}

/// OpenSSL's names of digests, with CKM, CKG and length.
#[rustfmt::skip]
const HASHES: &[(&CStr, CK_ULONG, CK_ULONG, CK_ULONG)] = &[
    (c"SHA1", CKM_SHA_1, CKG_MGF1_SHA1, 20),
    (c"SHA224", CKM_SHA224, CKG_MGF1_SHA224, 28),
    (c"SHA256", CKM_SHA256, CKG_MGF1_SHA256, 32),
    (c"SHA384", CKM_SHA384, CKG_MGF1_SHA384, 48),
    (c"SHA512", CKM_SHA512, CKG_MGF1_SHA512, 64),
    (c"SHA3-224", CKM_SHA3_224, CKG_MGF1_SHA3_224, 28),
    (c"SHA3-256", CKM_SHA3_256, CKG_MGF1_SHA3_256, 32),
    (c"SHA3-384", CKM_SHA3_384, CKG_MGF1_SHA3_384, 48),
    (c"SHA3-512", CKM_SHA3_512, CKG_MGF1_SHA3_512, 64),
];

/// CKM, CKG and length of a digest.
pub(crate) fn hash(name: &CStr) -> (CK_ULONG, CK_ULONG, CK_ULONG) {
    let row = HASHES.iter().find(|row| row.0 == name).expect("a digest of the table");
    (row.1, row.2, row.3)
}

/// Mechanisms that sign what the caller has hashed.
const HASHED_BEFORE: [CK_MECHANISM_TYPE; 3] = [CKM_RSA_PKCS_PSS, CKM_DSA, CKM_ECDSA];

fn signs_both_ways(
    token: &Token<'_>,
    pairs: &Pairs<'_>,
    &(kind, _, pair, options, digest, form): &Row,
) {
    let m = match form {
        Form::Pss => {
            let (number, mgf, len) = hash(digest);
            let pss = CK_RSA_PKCS_PSS_PARAMS { hashAlg: number, mgf, sLen: len };
            Mechanism::structure(kind, pss, Vec::new())
        }
        _ => Mechanism::plain(kind),
    };
    let digest_of = |data: &[u8]| {
        let name = digest.to_str().expect("a name");
        openssl::digest(name, data).expect("a digest of OpenSSL's")
    };
    // What the token is given, and what OpenSSL is.
    let message = pattern(100);
    let (given, theirs) = match form {
        Form::Message => (message.clone(), message),
        Form::Plain => {
            let mut number = pattern(256);
            number[0] = 0;
            (number.clone(), number)
        }
        Form::Pkcs1 if digest.is_empty() => (pattern(40), pattern(40)),
        // The caller brings the trailer too: SHA-256's number in X9.31, and cc.
        Form::X931 if kind == CKM_RSA_X9_31 => {
            ([&digest_of(&message)[..], &[0x34, 0xcc]].concat(), digest_of(&message))
        }
        _ if HASHED_BEFORE.contains(&kind) => (digest_of(&message), digest_of(&message)),
        _ => (message.clone(), digest_of(&message)),
    };
    let mode = c"rsa_padding_mode";
    let hashed = (c"digest", digest);
    let options_of_use: &[(&CStr, &CStr)] = match form {
        Form::Pkcs1 if digest.is_empty() => &[(mode, c"pkcs1")],
        Form::Pkcs1 => &[(mode, c"pkcs1"), hashed],
        Form::Pss => &[(mode, c"pss"), hashed, (c"rsa_pss_saltlen", c"digest")],
        // OpenSSL wants to know the digest first.
        Form::X931 => &[hashed, (mode, c"x931")],
        Form::Plain => &[(mode, c"none")],
        Form::Halves | Form::Message => &[],
    };
    for der in pairs.of(pair, options) {
        let pair = token.brought(pair, &der);
        let signature = token.sign(&m, pair.private, &given);
        let verified = match form {
            Form::Message => pair.theirs_public.verifies_message("", &theirs, &signature),
            Form::Halves => {
                pair.theirs_public.verifies(&[], &theirs, &openssl::signature_der(&signature))
            }
            _ => pair.theirs_public.verifies(options_of_use, &theirs, &signature),
        };
        assert_eq!(verified, Some(true), "OpenSSL of the token's signature");
        let made = match form {
            Form::Message => pair.theirs.sign_message("", &theirs),
            Form::Halves => {
                pair.theirs.sign(&[], &theirs).map(|der| from_der(&der, signature.len()))
            }
            _ => pair.theirs.sign(options_of_use, &theirs),
        };
        let made = made.expect("a signature of OpenSSL's");
        assert!(token.verifies(&m, pair.public, &given, &made), "the token of OpenSSL's signature");
        if !matches!(form, Form::Pss | Form::Halves) {
            assert_eq!(made, signature, "a signature that takes no chance");
        }
        let mut other = given.clone();
        other[7] ^= 1;
        assert!(!token.verifies(&m, pair.public, &other, &made), "a signature of something else");
    }
}

fn title(row: &Row) -> String {
    format!("{} {} {}", row.1, row.3, row.4.to_string_lossy())
}

#[test]
fn each_verifies_what_the_other_signs() {
    apart(test_name!(), sandbox, |_| {
        let module = module();
        let pairs = Pairs::new(&module);
        each(&module, ROWS, title, |token, row| signs_both_ways(token, &pairs, row));
    });
}

#[test]
fn each_verifies_what_the_other_signs_on_every_curve_of_openssl() {
    let mut known: Vec<_> = CURVES.iter().map(|curve| &curve["group:".len()..]).collect();
    known.extend(OTHER_CURVES);
    let theirs = openssl::prime_curves().expect("libcrypto");
    let unknown: Vec<_> = theirs.iter().filter(|name| !known.contains(&name.as_str())).collect();
    assert!(unknown.is_empty(), "OpenSSL has curves that stand in neither list: {unknown:?}");
    apart(test_name!(), sandbox, |_| {
        let module = module();
        let pairs = Pairs::new(&module);
        let rows: Vec<Row> = CURVES
            .iter()
            .flat_map(|curve| {
                [(CKM_ECDSA, "CKM_ECDSA"), (CKM_ECDSA_SHA256, "CKM_ECDSA_SHA256")]
                    .map(|(kind, name)| (kind, name, Kind::Ec, *curve, c"SHA256", Form::Halves))
            })
            .collect();
        each(&module, &rows, title, |token, row| signs_both_ways(token, &pairs, row));
    });
}
