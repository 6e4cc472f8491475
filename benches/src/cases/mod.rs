//! The calls that are timed. One case is one row of the table.
//!
//! A case prepares what it needs on a token (keys are token keys, as those of an HSM are) and
//! gives a [`Runner`]. Preparing makes the call once, so a module that lacks something, or answers
//! wrongly, is known before anything is timed. An operation is counted with its Init call. What a
//! timed call made is destroyed when the clock has stopped.
//!
//! | module | calls |
//! |---|---|
//! | [`session`] | sessions, random bytes |
//! | [`symmetric`] | digests, MACs and ciphers |
//! | [`asymmetric`] | RSA and elliptic curves |
//! | [`post_quantum`] | ML-DSA and ML-KEM |
//! | [`generation`] | keys made by the token |
//! | [`objects`] | objects created, copied, destroyed, read |
//! | [`crowd`] | objects found among many |
//! | [`start`] | processes that begin: C_Initialize, C_Login |

#![forbid(unsafe_code)]

pub mod asymmetric;
pub mod crowd;
pub mod generation;
pub mod objects;
pub mod post_quantum;
pub mod session;
pub mod start;
pub mod symmetric;

use std::{
    path::Path,
    time::{Duration, Instant},
};

use cryptoki_sys::*;

use crate::{
    bare,
    budget::{Budget, Limit},
    contender::Token,
    raw::Session,
    words::{Attribute, Mechanism, Result},
};

/// Makes as many calls as it is told to and says how long they took.
pub type Runner = Box<dyn FnMut(u64) -> Result<Duration> + Send>;

/// One row of the table.
#[derive(Clone, Copy)]
pub struct Case {
    /// What is called.
    pub name: &'static str,
    /// Prepares the case on a token; once for each thread.
    pub prepare: fn(&Token) -> Result<Runner>,
    /// Prepares the same work without a module, where there is such a thing; files go into the
    /// directory.
    pub bare: Option<fn(&Path) -> Runner>,
    /// What it may cost hsmsim.
    pub budget: Budget,
    /// Token objects that there are at least while it runs.
    pub crowd: usize,
}

const fn case(
    name: &'static str,
    prepare: fn(&Token) -> Result<Runner>,
    bare: Option<fn(&Path) -> Runner>,
    budget: Budget,
) -> Case {
    Case { name, prepare, bare, budget, crowd: 0 }
}

impl Case {
    const fn among(mut self, objects: usize) -> Self {
        self.crowd = objects;
        self
    }
}

/// A call on 64 KiB or more: the primitive's time is the measure.
const LARGE: Budget = Budget { bare: Some(Limit::Times(1.3)), ..Budget::call(1.0) };
/// Without an aim of its own.
const ANY: Budget = Budget::free();

/// All cases, in the order of the table. The crowds grow from one to the next.
#[rustfmt::skip]
pub const CASES: &[Case] = &[
    case("C_Initialize, 0 objects", start::initialize, None, ANY.within_us(50_000.0)),
    case("start to first find, 0 objects", start::first_find, None, ANY),
    case("login and logout", start::login, Some(bare::pbkdf2), ANY),

    case("session info", session::info, None, Budget::call(1.0)),
    case("open and close session", session::open_close, None, Budget::call(1.0)),
    case("random 32 B", session::random::<32>, Some(bare::random::<32>), Budget::call(1.0)),
    case("random 1 KiB", session::random::<1024>, Some(bare::random::<1024>), Budget::call(1.0)),

    case("SHA-256 16 B", symmetric::sha256::<16>, Some(bare::sha256::<16>), Budget::call(1.0)),
    case("SHA-256 32 B", symmetric::sha256::<32>, Some(bare::sha256::<32>), Budget::call(1.0)),
    case("SHA-256 1 KiB", symmetric::sha256::<KIB>, Some(bare::sha256::<KIB>), Budget::call(1.0)),
    case("SHA-256 64 KiB", symmetric::sha256::<KIB64>, Some(bare::sha256::<KIB64>), LARGE),
    case("SHA-256 1 MiB", symmetric::sha256::<MIB>, Some(bare::sha256::<MIB>), LARGE),
    case("HMAC-SHA256 16 B", symmetric::hmac::<16>, Some(bare::hmac::<16>), Budget::call(15.0)),
    case("HMAC-SHA256 32 B", symmetric::hmac::<32>, Some(bare::hmac::<32>), Budget::call(15.0).within_us(2.0)),
    case("HMAC-SHA256 1 KiB", symmetric::hmac::<KIB>, Some(bare::hmac::<KIB>), Budget::call(1.0)),
    case("HMAC-SHA256 64 KiB", symmetric::hmac::<KIB64>, Some(bare::hmac::<KIB64>), LARGE),
    case("HMAC-SHA256 1 MiB", symmetric::hmac::<MIB>, Some(bare::hmac::<MIB>), LARGE),
    case("AES-GCM 16 B", symmetric::aes_gcm::<16>, Some(bare::aes_gcm::<16>), Budget::call(15.0)),
    case("AES-GCM 1 KiB", symmetric::aes_gcm::<KIB>, Some(bare::aes_gcm::<KIB>), Budget::call(15.0).within_us(2.0)),
    case("AES-GCM 64 KiB", symmetric::aes_gcm::<KIB64>, Some(bare::aes_gcm::<KIB64>), LARGE),
    case("AES-GCM 1 MiB", symmetric::aes_gcm::<MIB>, Some(bare::aes_gcm::<MIB>), LARGE),
    case("AES-CBC 16 B", symmetric::aes_cbc::<16>, Some(bare::aes_cbc::<16>), Budget::call(15.0)),
    case("AES-CBC 1 KiB", symmetric::aes_cbc::<KIB>, Some(bare::aes_cbc::<KIB>), Budget::call(15.0)),
    case("AES-CBC 64 KiB", symmetric::aes_cbc::<KIB64>, Some(bare::aes_cbc::<KIB64>), LARGE),
    case("AES-CBC 1 MiB", symmetric::aes_cbc::<MIB>, Some(bare::aes_cbc::<MIB>), LARGE),
    case("SHA-256, part of 1 KiB", symmetric::sha256_part::<KIB>, Some(bare::sha256::<KIB>), Budget::call(1.0)),
    case("SHA-256, part of 64 KiB", symmetric::sha256_part::<KIB64>, Some(bare::sha256::<KIB64>), LARGE),
    case("AES-CBC, part of 64 KiB", symmetric::aes_cbc_part::<KIB64>, Some(bare::aes_cbc::<KIB64>), LARGE),
    case("AES-CTR, part of 64 KiB", symmetric::aes_ctr_part::<KIB64>, Some(bare::aes_ctr::<KIB64>), LARGE),

    case("ECDSA P-256 sign", asymmetric::p256_sign, Some(bare::p256_sign), Budget::call(3.0).scaling()),
    case("ECDSA P-256 verify", asymmetric::p256_verify, Some(bare::p256_verify), Budget::call(1.0)),
    case("ECDSA P-384 sign", asymmetric::p384_sign, Some(bare::p384_sign), Budget::call(3.0).scaling()),
    case("ECDSA P-384 verify", asymmetric::p384_verify, Some(bare::p384_verify), Budget::call(1.0)),
    case("Ed25519 sign", asymmetric::ed25519_sign, Some(bare::ed25519_sign), Budget::call(1.0)),
    case("Ed25519 verify", asymmetric::ed25519_verify, Some(bare::ed25519_verify), Budget::call(1.0)),
    case("ECDH P-256 derive", asymmetric::ecdh, Some(bare::ecdh), ANY),
    case("RSA-2048 PKCS sign", asymmetric::rsa_pkcs::<2048>, Some(bare::rsa_pkcs::<2048>), Budget::call(1.5).scaling()),
    case("RSA-2048 PSS sign", asymmetric::rsa_pss::<2048>, Some(bare::rsa_pss::<2048>), Budget::call(1.5).scaling()),
    case("RSA-2048 PKCS verify", asymmetric::rsa_verify::<2048>, Some(bare::rsa_verify::<2048>), Budget::call(1.0)),
    case("RSA-2048 PKCS decrypt", asymmetric::rsa_decrypt::<2048>, Some(bare::rsa_decrypt::<2048>), Budget::call(1.0)),
    case("RSA-4096 PKCS sign", asymmetric::rsa_pkcs::<4096>, Some(bare::rsa_pkcs::<4096>), Budget::call(1.0).scaling()),
    case("RSA-4096 PSS sign", asymmetric::rsa_pss::<4096>, Some(bare::rsa_pss::<4096>), Budget::call(1.0).scaling()),
    case("RSA-4096 PKCS verify", asymmetric::rsa_verify::<4096>, Some(bare::rsa_verify::<4096>), Budget::call(1.0)),
    case("RSA-4096 PKCS decrypt", asymmetric::rsa_decrypt::<4096>, Some(bare::rsa_decrypt::<4096>), Budget::call(1.0)),

    case("ML-DSA-65 sign", post_quantum::ml_dsa_sign, Some(bare::ml_dsa_sign), ANY),
    case("ML-DSA-65 verify", post_quantum::ml_dsa_verify, Some(bare::ml_dsa_verify), ANY),
    case("ML-KEM-768 encapsulate", post_quantum::encapsulate, Some(bare::encapsulate), ANY),
    case("ML-KEM-768 decapsulate", post_quantum::decapsulate, Some(bare::decapsulate), ANY),

    case("make AES-256, session", generation::aes::<false>, Some(bare::random::<32>), ANY),
    case("make AES-256, token", generation::aes::<true>, Some(bare::commit_twice), ANY),
    case("make P-256, session", generation::p256::<false>, Some(bare::p256_make), ANY),
    case("make P-256, token", generation::p256::<true>, None, ANY),
    case("make Ed25519, session", generation::ed25519, None, ANY),
    case("make RSA-2048, session", generation::rsa::<false>, Some(bare::rsa_make), ANY),
    case("make RSA-2048, token", generation::rsa::<true>, Some(bare::rsa_make), ANY),
    case("make ML-DSA-65, session", generation::ml_dsa, None, ANY),
    case("make ML-KEM-768, session", generation::ml_kem, None, ANY),

    case("get attribute", objects::attribute, None, Budget::call(1.0)),
    case("create session object", objects::create::<false>, None, ANY),
    case("create token object", objects::create::<true>, Some(bare::commit_twice), Budget::commits()),
    case("copy to session object", objects::copy::<false>, None, ANY),
    case("copy to token object", objects::copy::<true>, Some(bare::commit_twice), ANY),
    case("destroy session object", objects::destroy::<false>, None, ANY),
    case("destroy token object", objects::destroy::<true>, Some(bare::commit_twice), ANY),

    case("find by label, 100 objects", crowd::by_label::<100>, None, ANY).among(100),
    case("find by id, 100 objects", crowd::by_id::<100>, None, ANY).among(100),
    case("find by label, 1,000 objects", crowd::by_label::<1_000>, None, Budget::finding(1_000.0)).among(1_000),
    case("find by id, 1,000 objects", crowd::by_id::<1_000>, None, Budget::finding(1.0)).among(1_000),
    case("find by label, 10,000 objects", crowd::by_label::<10_000>, None, Budget::finding(1.0)).among(10_000),
    case("find by id, 10,000 objects", crowd::by_id::<10_000>, None, Budget::finding(1.0)).among(10_000),
    case("C_Initialize, 10,000 objects", start::initialize, None, ANY.within_us(50_000.0)).among(10_000),
    case("start to first find, 10,000 objects", start::first_find, None, ANY).among(10_000),
    case("find by label, 1,000,000 objects", crowd::by_label::<MILLION>, None, Budget::finding(1.0)).among(MILLION),
    case("find by id, 1,000,000 objects", crowd::by_id::<MILLION>, None, Budget::finding(1.0)).among(MILLION),
    case("C_Initialize, 1,000,000 objects", start::initialize, None, ANY.within_us(50_000.0)).among(MILLION),
    case("start to first find, 1,000,000 objects", start::first_find, None, ANY).among(MILLION),
];

/// The crowd that is asked for by a switch of its own.
pub const MILLION: usize = 1_000_000;

const KIB: usize = 1024;
const KIB64: usize = 64 * 1024;
const MIB: usize = 1024 * 1024;

pub(crate) const YES: &[u8] = &[CK_TRUE];
pub(crate) const NO: &[u8] = &[CK_FALSE];
/// A digest, or a message as long as one.
const MESSAGE: [u8; 32] = [0x5a; 32];
/// secp256r1 and secp384r1 (RFC 5480, 2.1.1.1) and Ed25519 (RFC 8410, 3), in DER.
pub(crate) const P256: &[u8] = &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const P384: &[u8] = &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22];
const ED25519: &[u8] = &[0x06, 0x03, 0x2b, 0x65, 0x70];

pub(crate) const fn is(kind: CK_ATTRIBUTE_TYPE, value: &[u8]) -> Attribute<'_> {
    Attribute { kind, value }
}

const fn yes_or_no(value: bool) -> &'static [u8] {
    if value { YES } else { NO }
}

/// A number as an attribute holds it.
pub(crate) const fn number(value: CK_ULONG) -> [u8; size_of::<CK_ULONG>()] {
    value.to_ne_bytes()
}

/// A runner of a call that is timed from first to last; calls it once before.
///
/// # Errors
/// What the call answers.
pub fn repeat(mut call: impl FnMut() -> Result<()> + Send + 'static) -> Result<Runner> {
    call()?;
    Ok(Box::new(move |calls| {
        let start = Instant::now();
        for _ in 0..calls {
            call()?;
        }
        Ok(start.elapsed())
    }))
}

/// A runner of a call that makes objects; they are destroyed when the clock has stopped.
fn make<const N: usize>(
    session: Session,
    mut call: impl FnMut(&Session) -> Result<[CK_OBJECT_HANDLE; N]> + Send + 'static,
) -> Result<Runner> {
    let mut run = move |calls| {
        let mut made = Vec::new();
        let start = Instant::now();
        for _ in 0..calls {
            made.push(call(&session)?);
        }
        let taken = start.elapsed();
        made.as_flattened().iter().try_for_each(|&object| session.destroy(object))?;
        Ok(taken)
    };
    run(1)?;
    Ok(Box::new(run))
}

/// A runner of a signature that has to be so long.
fn signing(
    token: &Token,
    mechanism: Mechanism<'static>,
    key: CK_OBJECT_HANDLE,
    data: Vec<u8>,
    expected: usize,
) -> Result<Runner> {
    let session = token.open_session()?;
    let mut signature = vec![0; expected];
    repeat(move || {
        let len = session.sign(&mechanism, key, &data, &mut signature)?;
        assert_eq!(len, expected, "length of the signature");
        Ok(())
    })
}

/// A runner of the verification of what the pair's private key signed.
fn verifying(
    token: &Token,
    mechanism: Mechanism<'static>,
    (public, private): (CK_OBJECT_HANDLE, CK_OBJECT_HANDLE),
    data: Vec<u8>,
) -> Result<Runner> {
    let session = token.open_session()?;
    let mut signature = vec![0; 4096];
    let len = session.sign(&mechanism, private, &data, &mut signature)?;
    signature.truncate(len);
    repeat(move || session.verify(&mechanism, public, &data, &signature))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_cases_have_one_name_and_crowds_only_grow() {
        let mut names: Vec<_> = CASES.iter().map(|case| case.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), CASES.len());
        assert!(CASES.is_sorted_by_key(|case| case.crowd));
    }
}
