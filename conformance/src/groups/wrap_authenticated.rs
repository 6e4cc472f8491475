//! Wrapping with data that is authenticated besides (5.18.6 and 5.18.7 of 3.2).

use cryptoki_sys::*;

use super::{
    case,
    material::{no_openssl, secret},
};
use crate::{
    call,
    case::{Bench, Case, Mechanism, Session, Stop, Template, expect, hold, ok},
    openssl,
};

const IV: [u8; 12] = [4; 12];
const VALUE: [u8; 32] = [5; 32];

fn gcm() -> Mechanism {
    let iv = IV.to_vec();
    let parameters = CK_GCM_PARAMS {
        pIv: iv.as_ptr().cast_mut(),
        ulIvLen: 12,
        ulIvBits: 96,
        pAAD: std::ptr::null_mut(),
        ulAADLen: 0,
        ulTagBits: 128,
    };
    Mechanism::structure(CKM_AES_GCM, parameters, vec![iv])
}

fn wrap(
    s: &Session<'_>,
    by: CK_OBJECT_HANDLE,
    key: CK_OBJECT_HANDLE,
    associated: &[u8],
) -> (CK_RV, Vec<u8>) {
    let (at, size) = (associated.as_ptr().cast_mut(), associated.len() as CK_ULONG);
    let (mut out, mut len, kind) = (vec![0; 256], 256, gcm());
    let (to, mut raw) = (out.as_mut_ptr(), kind.raw());
    let rv = call!(
        s.module,
        C_WrapKeyAuthenticated(s.handle, &mut raw, by, key, at, size, to, &mut len)
    );
    out.truncate(if rv == CKR_OK { len as usize } else { 0 });
    (rv, out)
}

fn unwrap(
    s: &Session<'_>,
    by: CK_OBJECT_HANDLE,
    wrapped: &[u8],
    associated: &[u8],
) -> (CK_RV, CK_OBJECT_HANDLE) {
    let template = Template::new()
        .number(CKA_CLASS, CKO_SECRET_KEY)
        .number(CKA_KEY_TYPE, CKK_AES)
        .flag(CKA_SENSITIVE, false)
        .flag(CKA_EXTRACTABLE, true);
    let (mut rows, mut key, kind) = (template.raw(), 0, gcm());
    let (first, count, mut raw) = (rows.as_mut_ptr(), rows.len() as CK_ULONG, kind.raw());
    let (from, from_len) = (wrapped.as_ptr().cast_mut(), wrapped.len() as CK_ULONG);
    let (at, size) = (associated.as_ptr().cast_mut(), associated.len() as CK_ULONG);
    let rv = call!(
        s.module,
        C_UnwrapKeyAuthenticated(
            s.handle, &mut raw, by, from, from_len, first, count, at, size, &mut key
        )
    );
    (rv, key)
}

/// A session, the key that wraps, and a wrapping with "associated".
fn wrapped<'a>(b: &Bench<'a>) -> Result<(Session<'a>, CK_OBJECT_HANDLE, Vec<u8>), Stop> {
    if b.module.list.C_WrapKeyAuthenticated.is_none() {
        return Err(Stop::Unsupported("older than C_WrapKeyAuthenticated".into()));
    }
    let s = b.user()?;
    let by = s.object(&secret(CKK_AES, &[9; 32], &[CKA_WRAP, CKA_UNWRAP]))?;
    let key = s.object(&secret(CKK_AES, &VALUE, &[]))?;
    let (rv, bytes) = wrap(&s, by, key, b"associated");
    if rv == CKR_MECHANISM_INVALID {
        return Err(Stop::Unsupported("CKM_AES_GCM does not wrap here".into()));
    }
    ok(rv, "C_WrapKeyAuthenticated")?;
    Ok((s, by, bytes))
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        case(
            "key.wrap-authenticated",
            "5.18.6 of 3.2",
            "a wrapping with associated data is OpenSSL's ciphertext and tag, and unwraps",
            |b| {
                let (s, by, bytes) = wrapped(b)?;
                let cipher = openssl::Cipher {
                    name: "AES-256-GCM",
                    key: &[9; 32],
                    iv: &IV,
                    padded: false,
                    tag: Some((b"associated", 16)),
                };
                let wanted = openssl::encrypt(cipher, &VALUE).ok_or_else(no_openssl)?;
                hold(bytes == wanted, || "another wrapping than OpenSSL's".into())?;
                let (rv, key) = unwrap(&s, by, &bytes, b"associated");
                ok(rv, "C_UnwrapKeyAuthenticated")?;
                hold(s.value(key, CKA_VALUE)? == VALUE, || "another value".into())
            },
        ),
        case(
            "key.unwrap-authenticated.altered",
            "5.18.7 of 3.2",
            "other associated data or an altered wrapping is refused, and makes no key",
            |b| {
                let (s, by, bytes) = wrapped(b)?;
                let before = s.find(&Template::new())?.len();
                let mut altered = bytes.clone();
                altered[3] ^= 1;
                let codes =
                    &[CKR_WRAPPED_KEY_INVALID, CKR_AEAD_DECRYPT_FAILED, CKR_ENCRYPTED_DATA_INVALID];
                expect(unwrap(&s, by, &bytes, b"other").0, codes, "other associated data")?;
                expect(unwrap(&s, by, &altered, b"associated").0, codes, "an altered wrapping")?;
                let after = s.find(&Template::new())?.len();
                hold(after == before, || format!("{after} objects instead of {before}"))
            },
        ),
    ]
}
