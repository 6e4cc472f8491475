//! The calls that are timed. One case is one row of the table.
//!
//! A case prepares what it needs on a token (keys are token keys, as those of an HSM are) and
//! gives a [`Runner`]. Preparing makes the call once, so a module that lacks something, or answers
//! wrongly, is known before anything is timed. An operation is counted with its Init call.

#![forbid(unsafe_code)]

use std::{
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use cryptoki_sys::*;

use crate::{
    bare,
    budget::{Budget, Limit},
    contender::Token,
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
}

const fn case(
    name: &'static str,
    prepare: fn(&Token) -> Result<Runner>,
    bare: Option<fn(&Path) -> Runner>,
    budget: Budget,
) -> Case {
    Case { name, prepare, bare, budget }
}

/// All cases, in the order of the table. Those that fill a token come last.
pub const CASES: &[Case] = &[
    case("session info", session_info, None, Budget::call(1.0)),
    case("open and close session", open_close, None, Budget::call(1.0)),
    case("get attribute", get_attribute, None, Budget::call(1.0)),
    case("random 32 B", random, Some(bare::random), Budget::call(1.0)),
    case("SHA-256 32 B", sha256, Some(bare::sha256), Budget::call(1.0)),
    case("HMAC-SHA256 32 B", hmac, Some(bare::hmac), Budget::call(15.0)),
    case("AES-GCM 1 KiB", aes_gcm, Some(bare::aes_gcm), Budget::call(15.0)),
    case("AES-CBC 1 KiB", aes_cbc, Some(bare::aes_cbc), Budget::call(15.0)),
    case("ECDSA P-256 sign", p256, Some(bare::p256), Budget::call(3.0)),
    case("ECDSA P-384 sign", p384, Some(bare::p384), Budget::call(3.0)),
    case("RSA-2048 PKCS sign", rsa_pkcs, Some(bare::rsa_pkcs), Budget::call(1.5)),
    case("RSA-2048 PSS sign", rsa_pss, Some(bare::rsa_pss), Budget::call(1.5)),
    case("RSA-2048 PKCS verify", rsa_verify, Some(bare::rsa_verify), Budget::call(1.0)),
    case(
        "create token object",
        create,
        Some(bare::commit_twice),
        Budget { bare: Limit::Times(1.3), softhsm2: 5.0 },
    ),
    case("find 1 of 1,000 by label", find, None, Budget::call(1_000.0)),
];

const YES: &[u8] = &[CK_TRUE];
const NO: &[u8] = &[CK_FALSE];
const MESSAGE: [u8; 32] = [0x5a; 32];
const KIBIBYTE: [u8; 1024] = [0x5a; 1024];
/// Objects among which one is found.
const CROWD: usize = 1_000;
/// id-sha256 with its frame (RFC 8017, 9.2): what CKM_RSA_PKCS expects before the digest.
const SHA256_PREFIX: [u8; 19] = [
    0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05,
    0x00, 0x04, 0x20,
];
/// secp256r1 and secp384r1 (RFC 5480, 2.1.1.1), in DER.
const P256: &[u8] = &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const P384: &[u8] = &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22];

const fn is(kind: CK_ATTRIBUTE_TYPE, value: &[u8]) -> Attribute<'_> {
    Attribute { kind, value }
}

/// A runner of a call that is timed from first to last; calls it once before.
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

fn session_info(token: &Token) -> Result<Runner> {
    let session = token.open_session()?;
    assert_eq!(session.state()?, CKS_RW_USER_FUNCTIONS, "logged in");
    repeat(move || session.state().map(drop))
}

fn open_close(token: &Token) -> Result<Runner> {
    let opener = token.opener();
    repeat(move || opener.open_session()?.close())
}

fn get_attribute(token: &Token) -> Result<Runner> {
    let (session, object) = (token.open_session()?, create_data(token, b"one of its kind")?);
    let mut label = [0; 64];
    let len = session.attribute(object, CKA_LABEL, &mut label)?;
    assert_eq!(&label[..len], b"one of its kind");
    repeat(move || session.attribute(object, CKA_LABEL, &mut label).map(drop))
}

fn random(token: &Token) -> Result<Runner> {
    let session = token.open_session()?;
    repeat(move || session.random(&mut [0; 32]))
}

fn sha256(token: &Token) -> Result<Runner> {
    let session = token.open_session()?;
    repeat(move || {
        let len = session.digest(&Mechanism::Plain(CKM_SHA256), &MESSAGE, &mut [0; 32])?;
        assert_eq!(len, 32);
        Ok(())
    })
}

fn hmac(token: &Token) -> Result<Runner> {
    let key = secret_key(token, CKM_GENERIC_SECRET_KEY_GEN, &[CKA_SIGN, CKA_VERIFY])?;
    signing(token, Mechanism::Plain(CKM_SHA256_HMAC), key, MESSAGE.into(), 32)
}

fn aes_gcm(token: &Token) -> Result<Runner> {
    let key = secret_key(token, CKM_AES_KEY_GEN, &[CKA_ENCRYPT, CKA_DECRYPT])?;
    let session = token.open_session()?;
    // A module may refuse an IV it has seen with this key.
    let mut iv = [0; 12];
    let mut calls: u64 = 0;
    repeat(move || {
        calls += 1;
        iv[4..].copy_from_slice(&calls.to_be_bytes());
        let mut out = [0; KIBIBYTE.len() + 16];
        let len = session.encrypt(&Mechanism::Gcm(&iv), key, &KIBIBYTE, &mut out)?;
        assert_eq!(len, out.len());
        Ok(())
    })
}

fn aes_cbc(token: &Token) -> Result<Runner> {
    let key = secret_key(token, CKM_AES_KEY_GEN, &[CKA_ENCRYPT, CKA_DECRYPT])?;
    let session = token.open_session()?;
    let iv = [7; 16];
    repeat(move || {
        let mut out = [0; KIBIBYTE.len()];
        let len = session.encrypt(&Mechanism::Iv(CKM_AES_CBC, &iv), key, &KIBIBYTE, &mut out)?;
        assert_eq!(len, out.len());
        Ok(())
    })
}

fn p256(token: &Token) -> Result<Runner> {
    let (_, key) = ec_pair(token, P256)?;
    signing(token, Mechanism::Plain(CKM_ECDSA), key, MESSAGE.into(), 64)
}

fn p384(token: &Token) -> Result<Runner> {
    let (_, key) = ec_pair(token, P384)?;
    signing(token, Mechanism::Plain(CKM_ECDSA), key, vec![0x5a; 48], 96)
}

fn rsa_pkcs(token: &Token) -> Result<Runner> {
    let (_, key) = rsa_pair(token)?;
    signing(token, Mechanism::Plain(CKM_RSA_PKCS), key, digest_info(), 256)
}

fn rsa_pss(token: &Token) -> Result<Runner> {
    let (_, key) = rsa_pair(token)?;
    signing(token, Mechanism::PssSha256, key, MESSAGE.into(), 256)
}

fn rsa_verify(token: &Token) -> Result<Runner> {
    let (public, private) = rsa_pair(token)?;
    let session = token.open_session()?;
    let (mechanism, data) = (Mechanism::Plain(CKM_RSA_PKCS), digest_info());
    let mut signature = [0; 256];
    session.sign(&mechanism, private, &data, &mut signature)?;
    repeat(move || session.verify(&mechanism, public, &data, &signature))
}

/// Creates are timed, the destruction of what they made is not.
fn create(token: &Token) -> Result<Runner> {
    let session = token.open_session()?;
    let run = move |calls| {
        let mut made = Vec::new();
        let start = Instant::now();
        for _ in 0..calls {
            made.push(session.create(&data_object(b"made to be destroyed"))?);
        }
        let taken = start.elapsed();
        made.into_iter().try_for_each(|object| session.destroy(object))?;
        Ok(taken)
    };
    run(1)?;
    Ok(Box::new(run))
}

fn find(token: &Token) -> Result<Runner> {
    // Each thread has a crowd of its own.
    static CROWDS: AtomicUsize = AtomicUsize::new(0);
    let crowd = CROWDS.fetch_add(1, Ordering::Relaxed);
    let label = |number| format!("bench object {crowd}-{number}").into_bytes();
    for number in 0..CROWD {
        create_data(token, &label(number))?;
    }
    let session = token.open_session()?;
    let wanted = label(CROWD / 2);
    repeat(move || {
        let mut found = [0; 2];
        let count = session.find(&[is(CKA_LABEL, &wanted)], &mut found)?;
        assert_eq!(count, 1, "one object has this label");
        Ok(())
    })
}

fn signing(
    token: &Token,
    mechanism: Mechanism<'static>,
    key: CK_OBJECT_HANDLE,
    data: Vec<u8>,
    expected: usize,
) -> Result<Runner> {
    let session = token.open_session()?;
    repeat(move || {
        let mut signature = [0; 512];
        let len = session.sign(&mechanism, key, &data, &mut signature)?;
        assert_eq!(len, expected, "length of the signature");
        Ok(())
    })
}

/// What CKM_RSA_PKCS signs for a SHA-256 digest.
fn digest_info() -> Vec<u8> {
    [&SHA256_PREFIX[..], &MESSAGE].concat()
}

fn data_object(label: &[u8]) -> [Attribute<'_>; 6] {
    const DATA: [u8; size_of::<CK_ULONG>()] = CKO_DATA.to_ne_bytes();
    [
        is(CKA_CLASS, &DATA),
        is(CKA_TOKEN, YES),
        is(CKA_PRIVATE, NO),
        is(CKA_MODIFIABLE, YES),
        is(CKA_LABEL, label),
        is(CKA_VALUE, &MESSAGE),
    ]
}

fn create_data(token: &Token, label: &[u8]) -> Result<CK_OBJECT_HANDLE> {
    token.create(&data_object(label))
}

fn secret_key(
    token: &Token,
    mechanism: CK_MECHANISM_TYPE,
    usages: &[CK_ATTRIBUTE_TYPE],
) -> Result<CK_OBJECT_HANDLE> {
    const LEN: [u8; size_of::<CK_ULONG>()] = (32 as CK_ULONG).to_ne_bytes();
    let mut template = vec![
        is(CKA_TOKEN, YES),
        is(CKA_PRIVATE, YES),
        is(CKA_SENSITIVE, YES),
        is(CKA_VALUE_LEN, &LEN),
    ];
    template.extend(usages.iter().map(|&usage| is(usage, YES)));
    token.generate_key(&Mechanism::Plain(mechanism), &template)
}

const PRIVATE_KEY: [Attribute<'_>; 4] =
    [is(CKA_TOKEN, YES), is(CKA_PRIVATE, YES), is(CKA_SENSITIVE, YES), is(CKA_SIGN, YES)];

fn ec_pair(token: &Token, curve: &[u8]) -> Result<(CK_OBJECT_HANDLE, CK_OBJECT_HANDLE)> {
    let public = [is(CKA_TOKEN, YES), is(CKA_VERIFY, YES), is(CKA_EC_PARAMS, curve)];
    token.generate_key_pair(&Mechanism::Plain(CKM_EC_KEY_PAIR_GEN), &public, &PRIVATE_KEY)
}

fn rsa_pair(token: &Token) -> Result<(CK_OBJECT_HANDLE, CK_OBJECT_HANDLE)> {
    const BITS: [u8; size_of::<CK_ULONG>()] = (2048 as CK_ULONG).to_ne_bytes();
    let public = [
        is(CKA_TOKEN, YES),
        is(CKA_VERIFY, YES),
        is(CKA_MODULUS_BITS, &BITS),
        is(CKA_PUBLIC_EXPONENT, &[1, 0, 1]),
    ];
    token.generate_key_pair(&Mechanism::Plain(CKM_RSA_PKCS_KEY_PAIR_GEN), &public, &PRIVATE_KEY)
}
