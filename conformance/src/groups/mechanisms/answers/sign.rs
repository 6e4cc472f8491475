//! Signatures, MACs of protocols, digests with a parameter.

use std::ptr::null_mut;

use cryptoki_sys::*;
use hsmsim_types::ck::{
    CKM_LUNA_DSA_SHA224, CKM_LUNA_DSA_SHA256, CKM_LUNA_EXTMU_ML_DSA, CKM_LUNA_SHAKE_128,
    CKM_LUNA_SHAKE_256,
};

use super::{agree::rsa_key, *};
use crate::{groups::material::no_openssl, openssl};

#[rustfmt::skip]
pub(super) const ROWS: &[&[Row]] = &[
    answers!("mechanism.digest", "vendor", CKF_DIGEST; CKM_LUNA_SHAKE_128 digest, CKM_LUNA_SHAKE_256 digest),
    answers!("mechanism.digest", "6", CKF_DIGEST; CKM_SHA512_T digest),
    answers!("mechanism.mac", "6", CKF_SIGN | CKF_VERIFY; CKM_SHA512_T_HMAC hmac, CKM_SHA512_T_HMAC_GENERAL hmac),
    answers!("mechanism.mac", "6", CKF_SIGN | CKF_VERIFY;
        CKM_BLAKE2B_160_HMAC hmac, CKM_BLAKE2B_256_HMAC hmac, CKM_BLAKE2B_384_HMAC hmac,
        CKM_BLAKE2B_160_HMAC_GENERAL hmac, CKM_BLAKE2B_256_HMAC_GENERAL hmac, CKM_BLAKE2B_384_HMAC_GENERAL hmac),
    answers!("mechanism.mac", "6.26", CKF_SIGN | CKF_VERIFY;
        CKM_TLS12_MAC tls_mac, CKM_TLS_MAC tls_mac),
    answers!("mechanism.sign", "6.45", CKF_SIGN; CKM_HOTP hotp),
    answers!("mechanism.sign", "6.1", CKF_SIGN; CKM_RSA_X9_31 x931, CKM_SHA1_RSA_X9_31 x931),
    answers!("mechanism.sign", "6.2", CKF_VERIFY;
        CKM_DSA dsa, CKM_DSA_SHA1 dsa, CKM_DSA_SHA224 dsa, CKM_DSA_SHA256 dsa, CKM_DSA_SHA384 dsa, CKM_DSA_SHA512 dsa,
        CKM_DSA_SHA3_224 dsa, CKM_DSA_SHA3_256 dsa, CKM_DSA_SHA3_384 dsa, CKM_DSA_SHA3_512 dsa,
        CKM_LUNA_DSA_SHA224 dsa, CKM_LUNA_DSA_SHA256 dsa),
    answers!("mechanism.sign", "3.2, 6.67", CKF_SIGN | CKF_VERIFY;
        CKM_ML_DSA post_quantum, CKM_HASH_ML_DSA post_quantum, CKM_HASH_ML_DSA_SHA224 post_quantum,
        CKM_HASH_ML_DSA_SHA256 post_quantum, CKM_HASH_ML_DSA_SHA384 post_quantum, CKM_HASH_ML_DSA_SHA512 post_quantum,
        CKM_HASH_ML_DSA_SHA3_224 post_quantum, CKM_HASH_ML_DSA_SHA3_256 post_quantum,
        CKM_HASH_ML_DSA_SHA3_384 post_quantum, CKM_HASH_ML_DSA_SHA3_512 post_quantum,
        CKM_HASH_ML_DSA_SHAKE128 post_quantum, CKM_HASH_ML_DSA_SHAKE256 post_quantum,
        CKM_LUNA_EXTMU_ML_DSA representative,
        CKM_SLH_DSA post_quantum, CKM_HASH_SLH_DSA post_quantum, CKM_HASH_SLH_DSA_SHA224 post_quantum,
        CKM_HASH_SLH_DSA_SHA256 post_quantum, CKM_HASH_SLH_DSA_SHA384 post_quantum, CKM_HASH_SLH_DSA_SHA512 post_quantum,
        CKM_HASH_SLH_DSA_SHA3_224 post_quantum, CKM_HASH_SLH_DSA_SHA3_256 post_quantum,
        CKM_HASH_SLH_DSA_SHA3_384 post_quantum, CKM_HASH_SLH_DSA_SHA3_512 post_quantum,
        CKM_HASH_SLH_DSA_SHAKE128 post_quantum, CKM_HASH_SLH_DSA_SHAKE256 post_quantum),
    answers!("mechanism.sign", "6.65", CKF_VERIFY; CKM_HSS hss),
];

fn digest(b: &Bench, kind: CK_MECHANISM_TYPE) -> Check {
    let s = b.session()?;
    let (mechanism, name) = match kind {
        CKM_SHA512_T => (Mechanism::structure::<CK_ULONG>(kind, 256, vec![]), "digest.sha512_256"),
        CKM_LUNA_SHAKE_128 => (Mechanism::plain(kind), "digest.shake128"),
        _ => (Mechanism::plain(kind), "digest.shake256"),
    };
    ok(call!(b.module, C_DigestInit(s.handle, &mut mechanism.raw())), "C_DigestInit")?;
    let (at, len) = raw(b"abc");
    let (rv, given) = super::super::taken(64, |out, room| {
        call!(b.module, C_Digest(s.handle, at, len, out, room))
    });
    ok(rv, "C_Digest")?;
    hold(given == known(name), || "another digest".into())
}

fn hmac(b: &Bench, kind: CK_MECHANISM_TYPE) -> Check {
    let s = b.user()?;
    let key = secret_key(&s, CKK_GENERIC_SECRET, &[0x0b; 20])?;
    let number = |value| Mechanism::structure::<CK_ULONG>(kind, value, vec![]);
    let (mechanism, name, len) = match kind {
        CKM_SHA512_T_HMAC => (number(256), "sha512_256", 32),
        CKM_SHA512_T_HMAC_GENERAL => (number(32), "sha512_256", 32),
        CKM_BLAKE2B_160_HMAC => (Mechanism::plain(kind), "blake2b_160", 20),
        CKM_BLAKE2B_256_HMAC => (Mechanism::plain(kind), "blake2b_256", 32),
        CKM_BLAKE2B_384_HMAC => (Mechanism::plain(kind), "blake2b_384", 48),
        CKM_BLAKE2B_160_HMAC_GENERAL => (number(10), "blake2b_160", 10),
        CKM_BLAKE2B_256_HMAC_GENERAL => (number(10), "blake2b_256", 10),
        _ => (number(10), "blake2b_384", 10),
    };
    signs(&s, &mechanism, key, b"Hi There", &known(&format!("hmac.{name}"))[..len])
}

fn tls_mac(b: &Bench, kind: CK_MECHANISM_TYPE) -> Check {
    let s = b.user()?;
    let key = secret_key(&s, CKK_GENERIC_SECRET, &counting(0, 48))?;
    let params =
        CK_TLS_MAC_PARAMS { prfHashMechanism: CKM_SHA256, ulMacLength: 12, ulServerOrClient: 2 };
    signs(&s, &Mechanism::structure(kind, params, vec![]), key, &data(), &known("tls12.mac"))
}

/// RFC 4226, appendix D: the first two passwords, each given once.
fn hotp(b: &Bench, kind: CK_MECHANISM_TYPE) -> Check {
    let s = b.user()?;
    let template = Template::new()
        .number(CKA_CLASS, CKO_OTP_KEY)
        .number(CKA_KEY_TYPE, CKK_HOTP)
        .flag(CKA_TOKEN, false)
        .bytes(CKA_VALUE, b"12345678901234567890");
    let key = s.object(&template)?;
    for wanted in [b"755224", b"287082"] {
        let made = signature(&s, &Mechanism::plain(kind), key, b"")?;
        hold(made.len() >= size_of::<CK_OTP_SIGNATURE_INFO>(), || format!("{} bytes", made.len()))?;
        // The structure leads into the place it was written to, which has moved since: the value is the
        // only text of digits there.
        let found = made.windows(6).any(|window| window == wanted);
        hold(found, || "another password".into())?;
    }
    Ok(())
}

fn x931(b: &Bench, kind: CK_MECHANISM_TYPE) -> Check {
    let s = b.user()?;
    let key = s.object(&rsa_key(&[CKA_SIGN]))?;
    let given = match kind {
        CKM_SHA1_RSA_X9_31 => b"abc".to_vec(),
        _ => [&known("digest.sha1")[..], &[0x33, 0xcc]].concat(),
    };
    let made = signature(&s, &Mechanism::plain(kind), key, &given)?;
    hold(made == known("rsa_x931.sha1"), || "another signature".into())
}

fn dsa(b: &Bench, kind: CK_MECHANISM_TYPE) -> Check {
    let s = b.user()?;
    let template = Template::new()
        .number(CKA_CLASS, CKO_PUBLIC_KEY)
        .number(CKA_KEY_TYPE, CKK_DSA)
        .flag(CKA_TOKEN, false)
        .flag(CKA_VERIFY, true)
        .bytes(CKA_PRIME, &known("dsa.p"))
        .bytes(CKA_SUBPRIME, &known("dsa.q"))
        .bytes(CKA_BASE, &known("dsa.g"))
        .bytes(CKA_VALUE, &known("dsa.y"));
    let key = s.object(&template)?;
    let name = match kind {
        CKM_DSA | CKM_DSA_SHA256 | CKM_LUNA_DSA_SHA256 => "sha256",
        CKM_DSA_SHA1 => "sha1",
        CKM_DSA_SHA224 | CKM_LUNA_DSA_SHA224 => "sha224",
        CKM_DSA_SHA384 => "sha384",
        CKM_DSA_SHA512 => "sha512",
        CKM_DSA_SHA3_224 => "sha3_224",
        CKM_DSA_SHA3_256 => "sha3_256",
        CKM_DSA_SHA3_384 => "sha3_384",
        _ => "sha3_512",
    };
    let given = if kind == CKM_DSA { known("digest.sha256") } else { b"abc".to_vec() };
    let mechanism = Mechanism::plain(kind);
    verifies(&s, &mechanism, key, &given, &known(&format!("dsa.{name}")))
}

/// A deterministic signature has a known digest. Which hash comes before it: the mechanism's name says.
fn post_quantum(b: &Bench, kind: CK_MECHANISM_TYPE) -> Check {
    let s = b.user()?;
    let name = hsmsim_types::names::mechanism(kind).unwrap_or_default();
    let scheme = if name.contains("SLH") { "slh_dsa" } else { "ml_dsa" };
    let last = name.rsplit("_DSA").next().unwrap_or_default().trim_start_matches('_');
    let given_digest = matches!(kind, CKM_HASH_ML_DSA | CKM_HASH_SLH_DSA);
    let hash = match last {
        "" if given_digest => "sha256".to_owned(),
        "" => "pure".to_owned(),
        hash => hash.to_lowercase(),
    };
    let (public, private) = keys(&s, scheme)?;
    let (hedgeVariant, pContext, ulContextLen) = (CKH_DETERMINISTIC_REQUIRED, null_mut(), 0);
    let (mechanism, data) = if given_digest {
        let hash = CKM_SHA256;
        let params = CK_HASH_SIGN_ADDITIONAL_CONTEXT { hedgeVariant, pContext, ulContextLen, hash };
        (Mechanism::structure(kind, params, vec![]), known("digest.sha256"))
    } else {
        let params = CK_SIGN_ADDITIONAL_CONTEXT { hedgeVariant, pContext, ulContextLen };
        (Mechanism::structure(kind, params, vec![]), b"abc".to_vec())
    };
    let made = signature(&s, &mechanism, private, &data)?;
    let digest = openssl::digest("SHA256", &made).ok_or_else(no_openssl)?;
    hold(digest == known(&format!("{scheme}.{hash}")), || "another signature".into())?;
    verifies(&s, &mechanism, public, &data, &made)
}

/// The pair of the answers, public half first.
fn keys(s: &Session<'_>, scheme: &str) -> Result<(CK_OBJECT_HANDLE, CK_OBJECT_HANDLE), Stop> {
    let (key_type, set) = match scheme {
        "ml_dsa" => (CKK_ML_DSA, CKP_ML_DSA_44),
        _ => (CKK_SLH_DSA, CKP_SLH_DSA_SHA2_128F),
    };
    let half = |class, used| {
        Template::new()
            .number(CKA_CLASS, class)
            .number(CKA_KEY_TYPE, key_type)
            .number(CKA_PARAMETER_SET, set)
            .flag(CKA_TOKEN, false)
            .flag(used, true)
    };
    let public =
        half(CKO_PUBLIC_KEY, CKA_VERIFY).bytes(CKA_VALUE, &known(&format!("{scheme}.public")));
    let private = half(CKO_PRIVATE_KEY, CKA_SIGN);
    let private = match scheme {
        "ml_dsa" => private.bytes(CKA_SEED, &counting(0, 32)),
        _ => private.bytes(CKA_VALUE, &known("slh_dsa.secret")),
    };
    Ok((s.object(&public)?, s.object(&private)?))
}

fn representative(b: &Bench, kind: CK_MECHANISM_TYPE) -> Check {
    let s = b.user()?;
    let (public, private) = keys(&s, "ml_dsa")?;
    let (external, pure) = (Mechanism::plain(kind), Mechanism::plain(CKM_ML_DSA));
    let made = signature(&s, &external, private, &known("ml_dsa.mu"))?;
    verifies(&s, &pure, public, b"abc", &made)
}

fn hss(b: &Bench, kind: CK_MECHANISM_TYPE) -> Check {
    let s = b.user()?;
    let template = Template::new()
        .number(CKA_CLASS, CKO_PUBLIC_KEY)
        .number(CKA_KEY_TYPE, CKK_HSS)
        .flag(CKA_TOKEN, false)
        .flag(CKA_VERIFY, true)
        .bytes(CKA_VALUE, &known("hss.public"));
    let key = s.object(&template)?;
    verifies(&s, &Mechanism::plain(kind), key, &known("hss.message"), &known("hss.signature"))
}
