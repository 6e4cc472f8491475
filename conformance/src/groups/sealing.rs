//! Keys wrapped with an AEAD (6.13.3 and 6.13.5 of 3.2): nonces that the token makes, and tags that have a
//! place of their own.

use std::ptr::null_mut;

use cryptoki_sys::*;

use super::{
    case,
    material::{no_openssl, secret},
};
use crate::{
    call,
    case::{Bench, Case, Check, Mechanism, Session, Stop, Template, expect, hold, ok},
    openssl,
};

const KEY: [u8; 32] = [9; 32];
const WRAPPED: [u8; 32] = [5; 32];

/// A nonce, associated data and a tag, at addresses that stay.
struct Memory {
    nonce: Box<[u8; 12]>,
    aad: Box<[u8; 3]>,
    tag: Box<[u8; 16]>,
}

impl Memory {
    fn new() -> Self {
        Self { nonce: Box::new([0xEE; 12]), aad: Box::new(*b"aad"), tag: Box::new([0; 16]) }
    }

    fn gcm_wrap(&mut self, generator: CK_ULONG, fixed_bits: CK_ULONG) -> Mechanism {
        let raw = CK_GCM_WRAP_PARAMS {
            pIv: self.nonce.as_mut_ptr(),
            ulIvLen: 12,
            ulIvFixedBits: fixed_bits,
            ivGenerator: generator,
            pAAD: self.aad.as_mut_ptr(),
            ulAADLen: 3,
            ulTagBits: 128,
        };
        Mechanism::structure(CKM_AES_GCM, raw, vec![])
    }

    fn ccm_wrap(&mut self, generator: CK_ULONG, fixed_bits: CK_ULONG) -> Mechanism {
        let raw = CK_CCM_WRAP_PARAMS {
            ulDataLen: 32,
            pNonce: self.nonce.as_mut_ptr(),
            ulNonceLen: 12,
            ulNonceFixedBits: fixed_bits,
            nonceGenerator: generator,
            pAAD: self.aad.as_mut_ptr(),
            ulAADLen: 3,
            ulMACLen: 16,
        };
        Mechanism::structure(CKM_AES_CCM, raw, vec![])
    }

    fn gcm_message(&mut self, generator: CK_ULONG, fixed_bits: CK_ULONG) -> Mechanism {
        let raw = CK_GCM_MESSAGE_PARAMS {
            pIv: self.nonce.as_mut_ptr(),
            ulIvLen: 12,
            ulIvFixedBits: fixed_bits,
            ivGenerator: generator,
            pTag: self.tag.as_mut_ptr(),
            ulTagBits: 128,
        };
        Mechanism::structure(CKM_AES_GCM, raw, vec![])
    }

    fn ccm_message(&mut self, generator: CK_ULONG, fixed_bits: CK_ULONG) -> Mechanism {
        let raw = CK_CCM_MESSAGE_PARAMS {
            ulDataLen: 32,
            pNonce: self.nonce.as_mut_ptr(),
            ulNonceLen: 12,
            ulNonceFixedBits: fixed_bits,
            nonceGenerator: generator,
            pMAC: self.tag.as_mut_ptr(),
            ulMACLen: 16,
        };
        Mechanism::structure(CKM_AES_CCM, raw, vec![])
    }

    fn chacha_message(&mut self) -> Mechanism {
        let raw = CK_SALSA20_CHACHA20_POLY1305_MSG_PARAMS {
            pNonce: self.nonce.as_mut_ptr(),
            ulNonceLen: 96,
            pTag: self.tag.as_mut_ptr(),
        };
        Mechanism::structure(CKM_CHACHA20_POLY1305, raw, vec![])
    }

    /// What OpenSSL makes of the wrapped key, tag last.
    fn wanted(&self, name: &str) -> Result<Vec<u8>, Stop> {
        let cipher = openssl::Cipher {
            name,
            key: &KEY,
            iv: self.nonce.as_slice(),
            padded: false,
            tag: Some((self.aad.as_slice(), 16)),
        };
        openssl::encrypt(cipher, &WRAPPED).ok_or_else(no_openssl)
    }
}

/// The wrapping key and the key to be wrapped.
fn keys(s: &Session<'_>, key_type: CK_KEY_TYPE) -> Result<[CK_OBJECT_HANDLE; 2], Stop> {
    Ok([
        s.object(&secret(key_type, &KEY, &[CKA_WRAP, CKA_UNWRAP]))?,
        s.object(&secret(CKK_AES, &WRAPPED, &[]))?,
    ])
}

fn needs(b: &Bench<'_>, kind: CK_MECHANISM_TYPE) -> Check {
    let flags = b.module.mechanism_info(kind).map_or(0, |info| info.flags);
    let version = b.module.list.version;
    if (version.major, version.minor) < (3, 2) {
        return Err(Stop::Unsupported("these wrappings came with 3.2".into()));
    }
    if flags & (CKF_WRAP | CKF_UNWRAP) != CKF_WRAP | CKF_UNWRAP {
        return Err(Stop::Unsupported("the mechanism is not listed for wrapping".into()));
    }
    Ok(())
}

fn wrap(
    s: &Session<'_>,
    mechanism: &Mechanism,
    [by, key]: [CK_OBJECT_HANDLE; 2],
    aad: Option<&[u8]>,
) -> (CK_RV, Vec<u8>) {
    let (mut out, mut len, mut raw) = (vec![0; 128], 128, mechanism.raw());
    let at = out.as_mut_ptr();
    let rv = match aad {
        None => call!(s.module, C_WrapKey(s.handle, &mut raw, by, key, at, &mut len)),
        Some(aad) => {
            let (data, data_len) = (aad.as_ptr().cast_mut(), aad.len() as CK_ULONG);
            call!(
                s.module,
                C_WrapKeyAuthenticated(s.handle, &mut raw, by, key, data, data_len, at, &mut len)
            )
        }
    };
    out.truncate(if rv == CKR_OK { len as usize } else { 0 });
    (rv, out)
}

fn unwrap(
    s: &Session<'_>,
    mechanism: &Mechanism,
    by: CK_OBJECT_HANDLE,
    wrapped: &[u8],
    aad: &[u8],
) -> (CK_RV, CK_OBJECT_HANDLE) {
    let template = template();
    let (mut rows, mut key, mut raw) = (template.raw(), 0, mechanism.raw());
    let rv = call!(
        s.module,
        C_UnwrapKeyAuthenticated(
            s.handle,
            &mut raw,
            by,
            wrapped.as_ptr().cast_mut(),
            wrapped.len() as CK_ULONG,
            rows.as_mut_ptr(),
            rows.len() as CK_ULONG,
            aad.as_ptr().cast_mut(),
            aad.len() as CK_ULONG,
            &mut key
        )
    );
    (rv, key)
}

fn template() -> Template {
    Template::new()
        .number(CKA_CLASS, CKO_SECRET_KEY)
        .number(CKA_KEY_TYPE, CKK_AES)
        .flag(CKA_SENSITIVE, false)
        .flag(CKA_EXTRACTABLE, true)
}

type Build = fn(&mut Memory, CK_ULONG, CK_ULONG) -> Mechanism;

/// C_WrapKey with a nonce that the token makes.
fn generated(b: &Bench<'_>, kind: CK_MECHANISM_TYPE, name: &str, build: Build) -> Check {
    needs(b, kind)?;
    let s = b.user()?;
    let keys = keys(&s, CKK_AES)?;
    let mut seen = Vec::new();
    for fixed_bits in [0, 32] {
        let mut memory = Memory::new();
        let mechanism = build(&mut memory, CKG_GENERATE, fixed_bits);
        let (rv, wrapped) = wrap(&s, &mechanism, keys, None);
        ok(rv, "C_WrapKey")?;
        hold(*memory.nonce != [0xEE; 12], || "the nonce was not given back".into())?;
        hold(fixed_bits == 0 || memory.nonce[..4] == [0xEE; 4], || "fixed bits changed".into())?;
        hold(wrapped == memory.wanted(name)?, || "OpenSSL makes something else".into())?;
        let (rv, back) = s.unwrap(&mechanism, keys[0], &wrapped, &template());
        ok(rv, "C_UnwrapKey")?;
        hold(s.value(back, CKA_VALUE)? == WRAPPED, || "another value".into())?;
        seen.push(*memory.nonce);
    }
    hold(seen[0] != seen[1], || "the same nonce twice".into())
}

/// C_WrapKeyAuthenticated with the parameters of a message.
fn authenticated(
    b: &Bench<'_>,
    kind: CK_MECHANISM_TYPE,
    key_type: CK_KEY_TYPE,
    name: &str,
    build: impl Fn(&mut Memory) -> Mechanism,
) -> Check {
    needs(b, kind)?;
    let s = b.user()?;
    let keys = keys(&s, key_type)?;
    let mut memory = Memory::new();
    let mechanism = build(&mut memory);
    let mut len = 0;
    let rv = call!(
        s.module,
        C_WrapKeyAuthenticated(
            s.handle,
            &mut mechanism.raw(),
            keys[0],
            keys[1],
            b"aad".as_ptr().cast_mut(),
            3,
            null_mut(),
            &mut len
        )
    );
    ok(rv, "C_WrapKeyAuthenticated for the length")?;
    hold(len >= 32, || format!("a length of {len}"))?;
    let (rv, wrapped) = wrap(&s, &mechanism, keys, Some(b"aad"));
    ok(rv, "C_WrapKeyAuthenticated")?;
    hold([&wrapped, memory.tag.as_slice()].concat() == memory.wanted(name)?, || {
        "OpenSSL makes something else".into()
    })?;
    let (rv, back) = unwrap(&s, &mechanism, keys[0], &wrapped, b"aad");
    ok(rv, "C_UnwrapKeyAuthenticated")?;
    hold(s.value(back, CKA_VALUE)? == WRAPPED, || "another value".into())?;
    let refusals = &[CKR_WRAPPED_KEY_INVALID, CKR_AEAD_DECRYPT_FAILED, CKR_ENCRYPTED_DATA_INVALID];
    expect(unwrap(&s, &mechanism, keys[0], &wrapped, b"aae").0, refusals, "other associated data")?;
    memory.tag[15] ^= 1;
    expect(unwrap(&s, &mechanism, keys[0], &wrapped, b"aad").0, refusals, "another tag")
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        case(
            "key.wrap.generated.gcm",
            "6.13.3 (3.2)",
            "CK_GCM_WRAP_PARAMS: the token makes the vector and gives it back",
            |b| generated(b, CKM_AES_GCM, "AES-256-GCM", Memory::gcm_wrap),
        ),
        case(
            "key.wrap.generated.ccm",
            "6.13.5 (3.2)",
            "CK_CCM_WRAP_PARAMS: the token makes the nonce and gives it back",
            |b| generated(b, CKM_AES_CCM, "AES-256-CCM", Memory::ccm_wrap),
        ),
        case(
            "key.wrap.authenticated.gcm",
            "5.18.6 (3.2)",
            "AES-GCM wraps with associated data, and gives vector and tag apart",
            |b| {
                authenticated(b, CKM_AES_GCM, CKK_AES, "AES-256-GCM", |memory| {
                    memory.gcm_message(CKG_GENERATE, 32)
                })
            },
        ),
        case(
            "key.wrap.authenticated.ccm",
            "5.18.6 (3.2)",
            "AES-CCM wraps with associated data, and gives nonce and tag apart",
            |b| {
                authenticated(b, CKM_AES_CCM, CKK_AES, "AES-256-CCM", |memory| {
                    memory.ccm_message(CKG_GENERATE, 32)
                })
            },
        ),
        case(
            "key.wrap.authenticated.chacha20",
            "5.18.6 (3.2)",
            "ChaCha20-Poly1305 wraps with associated data, and gives the tag apart",
            |b| {
                authenticated(
                    b,
                    CKM_CHACHA20_POLY1305,
                    CKK_CHACHA20,
                    "CHACHA20-POLY1305",
                    |memory| memory.chacha_message(),
                )
            },
        ),
        case(
            "key.wrap.authenticated.other",
            "5.18.6 (3.2)",
            "a mechanism without associated data is CKR_MECHANISM_INVALID",
            |b| {
                needs(b, CKM_AES_CBC_PAD)?;
                let s = b.user()?;
                let keys = keys(&s, CKK_AES)?;
                let mechanism = Mechanism::bytes(CKM_AES_CBC_PAD, &[3; 16]);
                let rv = wrap(&s, &mechanism, keys, Some(b"aad")).0;
                expect(rv, &[CKR_MECHANISM_INVALID], "C_WrapKeyAuthenticated")
            },
        ),
    ]
}
