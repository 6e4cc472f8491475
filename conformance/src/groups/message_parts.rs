//! Messages in parts (5.9.3, 5.11.3, 5.14.3, 5.16.3): a Begin, any number of Next, the last of which says
//! so, and then the next message under the same Init.

use std::ptr::{null, null_mut};

use cryptoki_sys::*;

use super::{
    case,
    material::{no_openssl, secret},
    message::{Gcm, NOT, PLAIN, begun, encrypt},
};
use crate::{
    call,
    case::{Bench, Case, Check, Mechanism, Session, Stop, expect, hold, ok},
    openssl,
};

/// Where the parts end.
const CUTS: [&[usize]; 3] = [&[20], &[7, 20], &[1, 16, 17, 20]];

const SIZE: CK_ULONG = size_of::<CK_GCM_MESSAGE_PARAMS>() as CK_ULONG;

type Next = fn(&Session<'_>, &mut Gcm, &[u8], CK_FLAGS, &mut Vec<u8>) -> CK_RV;

fn encrypt_begin(s: &Session<'_>, gcm: &mut Gcm) -> CK_RV {
    let (mut raw, mut aad) = (gcm.raw(), *b"aad");
    let at = (&raw mut raw).cast();
    call!(s.module, C_EncryptMessageBegin(s.handle, at, SIZE, aad.as_mut_ptr(), 3))
}

fn decrypt_begin(s: &Session<'_>, gcm: &mut Gcm) -> CK_RV {
    let (mut raw, mut aad) = (gcm.raw(), *b"aad");
    let at = (&raw mut raw).cast();
    call!(s.module, C_DecryptMessageBegin(s.handle, at, SIZE, aad.as_mut_ptr(), 3))
}

/// The function that gives the next part of a message to one of the two that take it.
macro_rules! next {
    ($name:ident, $function:ident) => {
        fn $name(
            s: &Session<'_>,
            gcm: &mut Gcm,
            part: &[u8],
            flags: CK_FLAGS,
            out: &mut Vec<u8>,
        ) -> CK_RV {
            let (mut raw, mut place, mut len) = (gcm.raw(), [0_u8; 64], 64);
            let (at, input) = ((&raw mut raw).cast(), part.as_ptr().cast_mut());
            let (size, to) = (part.len() as CK_ULONG, place.as_mut_ptr());
            let rv =
                call!(s.module, $function(s.handle, at, SIZE, input, size, to, &mut len, flags));
            out.extend_from_slice(&place[..if rv == CKR_OK { len as usize } else { 0 }]);
            rv
        }
    };
}
next!(encrypt_next, C_EncryptMessageNext);
next!(decrypt_next, C_DecryptMessageNext);

/// All parts; gives the last one's code.
fn parts(
    s: &Session<'_>,
    next: Next,
    gcm: &mut Gcm,
    text: &[u8],
    cuts: &[usize],
) -> Result<(CK_RV, Vec<u8>), Stop> {
    let (mut out, mut from, mut rv) = (Vec::new(), 0, CKR_OK);
    for (at, &cut) in cuts.iter().enumerate() {
        ok(rv, "a part that is not the last")?;
        let flags = if at + 1 == cuts.len() { CKF_END_OF_MESSAGE } else { 0 };
        rv = next(s, gcm, &text[from..cut], flags, &mut out);
        from = cut;
    }
    Ok((rv, out))
}

/// OpenSSL's ciphertext and tag of the message with this number.
pub(super) fn wanted(number: u8) -> Result<Vec<u8>, Stop> {
    let cipher = openssl::Cipher {
        name: "AES-128-GCM",
        key: &[7; 16],
        iv: &[number; 12],
        padded: false,
        tag: Some((b"aad", 16)),
    };
    openssl::encrypt(cipher, PLAIN).ok_or_else(no_openssl)
}

/// A session in which messages are decrypted, and the first message's parameters and ciphertext.
fn decrypting<'a>(b: &Bench<'a>) -> Result<(Session<'a>, Gcm, Vec<u8>), Stop> {
    let (s, key) = begun(b)?;
    let mut gcm = Gcm { iv: [1; 12], tag: [0; 16] };
    let text = encrypt(&s, &mut gcm)?;
    ok(call!(b.module, C_MessageEncryptFinal(s.handle)), "C_MessageEncryptFinal")?;
    let mechanism = Mechanism::plain(CKM_AES_GCM);
    let rv = call!(b.module, C_MessageDecryptInit(s.handle, &mut mechanism.raw(), key));
    ok(rv, "C_MessageDecryptInit")?;
    Ok((s, gcm, text))
}

fn sign_begun<'a>(b: &Bench<'a>, verify: bool) -> Result<Session<'a>, Stop> {
    let s = b.user()?;
    let key = s.object(&secret(CKK_GENERIC_SECRET, &[7; 32], &[CKA_SIGN, CKA_VERIFY]))?;
    let mechanism = Mechanism::plain(CKM_SHA256_HMAC);
    let rv = if verify {
        call!(b.module, C_MessageVerifyInit(s.handle, &mut mechanism.raw(), key))
    } else {
        call!(b.module, C_MessageSignInit(s.handle, &mut mechanism.raw(), key))
    };
    if rv == CKR_MECHANISM_INVALID {
        return Err(Stop::Unsupported("CKM_SHA256_HMAC has no messages here".into()));
    }
    ok(rv, "Init")?;
    Ok(s)
}

fn mac() -> Result<Vec<u8>, Stop> {
    openssl::mac("HMAC", "SHA256", &[7; 32], PLAIN).ok_or_else(no_openssl)
}

fn sign_next(s: &Session<'_>, part: &[u8], out: *mut u8, len: *mut CK_ULONG) -> CK_RV {
    let (at, size) = (part.as_ptr().cast_mut(), part.len() as CK_ULONG);
    call!(s.module, C_SignMessageNext(s.handle, null_mut(), 0, at, size, out, len))
}

fn verify_next(s: &Session<'_>, part: &[u8], mac: &[u8]) -> CK_RV {
    let (at, size) = (part.as_ptr().cast_mut(), part.len() as CK_ULONG);
    // Without a signature more parts follow.
    let signature = if mac.is_empty() { null() } else { mac.as_ptr() }.cast_mut();
    let len = mac.len() as CK_ULONG;
    call!(s.module, C_VerifyMessageNext(s.handle, null_mut(), 0, at, size, signature, len))
}

fn verify_parts(s: &Session<'_>, mac: &[u8]) -> Result<CK_RV, Stop> {
    let begin = call!(s.module, C_VerifyMessageBegin(s.handle, null_mut(), 0));
    ok(begin, "C_VerifyMessageBegin")?;
    for part in [&PLAIN[..1], &PLAIN[1..17]] {
        ok(verify_next(s, part, &[]), "C_VerifyMessageNext")?;
    }
    Ok(verify_next(s, &PLAIN[17..], mac))
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        case(
            "message.parts.encrypt",
            "5.9.4",
            "messages in parts have OpenSSL's ciphertexts and tags",
            |b| {
                let (s, _) = begun(b)?;
                for (number, cuts) in (1..).zip(CUTS) {
                    let mut gcm = Gcm { iv: [number; 12], tag: [0; 16] };
                    ok(encrypt_begin(&s, &mut gcm), "C_EncryptMessageBegin")?;
                    let (rv, text) = parts(&s, encrypt_next, &mut gcm, PLAIN, cuts)?;
                    ok(rv, "C_EncryptMessageNext")?;
                    hold([text, gcm.tag.to_vec()].concat() == wanted(number)?, || {
                        format!("cut at {cuts:?}: another ciphertext or tag")
                    })?;
                }
                // The last part ended its message, so one in one part may follow.
                let mut gcm = Gcm { iv: [9; 12], tag: [0; 16] };
                let text = encrypt(&s, &mut gcm)?;
                hold([text, gcm.tag.to_vec()].concat() == wanted(9)?, || "one part differs".into())
            },
        ),
        case("message.parts.decrypt", "5.11.4", "a message comes back in parts", |b| {
            let (s, mut gcm, text) = decrypting(b)?;
            for cuts in CUTS {
                ok(decrypt_begin(&s, &mut gcm), "C_DecryptMessageBegin")?;
                let (rv, plain) = parts(&s, decrypt_next, &mut gcm, &text, cuts)?;
                ok(rv, "C_DecryptMessageNext")?;
                hold(plain == PLAIN, || format!("cut at {cuts:?}: another text"))?;
            }
            ok(call!(b.module, C_MessageDecryptFinal(s.handle)), "C_MessageDecryptFinal")
        }),
        case(
            "message.parts.decrypt.altered",
            "5.11.4",
            "a wrong tag is found at the last part, and the next message is none the worse",
            |b| {
                let (s, mut gcm, text) = decrypting(b)?;
                for wrong in [true, false] {
                    ok(decrypt_begin(&s, &mut gcm), "C_DecryptMessageBegin")?;
                    gcm.tag[0] ^= u8::from(wrong);
                    let (rv, plain) = parts(&s, decrypt_next, &mut gcm, &text, CUTS[1])?;
                    gcm.tag[0] ^= u8::from(wrong);
                    if wrong {
                        let codes = &[CKR_AEAD_DECRYPT_FAILED, CKR_ENCRYPTED_DATA_INVALID];
                        expect(rv, codes, "a wrong tag")?;
                    } else {
                        ok(rv, "C_DecryptMessageNext")?;
                        hold(plain == PLAIN, || "another text".into())?;
                    }
                }
                Ok(())
            },
        ),
        case(
            "message.parts.not-begun",
            "5.9.4",
            "a part without Begin is CKR_OPERATION_NOT_INITIALIZED",
            |b| {
                let (s, _) = begun(b)?;
                let mut gcm = Gcm { iv: [1; 12], tag: [0; 16] };
                let rv = encrypt_next(&s, &mut gcm, PLAIN, CKF_END_OF_MESSAGE, &mut Vec::new());
                expect(rv, NOT, "C_EncryptMessageNext")
            },
        ),
        case("message.parts.sign", "5.14.4", "a message in parts has OpenSSL's MAC", |b| {
            let s = sign_begun(b, false)?;
            for _ in 0..2 {
                let rv = call!(b.module, C_SignMessageBegin(s.handle, null_mut(), 0));
                ok(rv, "C_SignMessageBegin")?;
                for part in [&PLAIN[..1], &PLAIN[1..17]] {
                    let rv = sign_next(&s, part, null_mut(), null_mut());
                    ok(rv, "C_SignMessageNext of a part that is not the last")?;
                }
                let (mut out, mut len) = ([0_u8; 32], 32);
                let rv = sign_next(&s, &PLAIN[17..], out.as_mut_ptr(), &mut len);
                ok(rv, "C_SignMessageNext")?;
                hold(out[..len as usize] == mac()?, || "another MAC than OpenSSL's".into())?;
            }
            ok(call!(b.module, C_MessageSignFinal(s.handle)), "C_MessageSignFinal")
        }),
        case("message.parts.verify", "5.16.4", "a message in parts holds", |b| {
            let s = sign_begun(b, true)?;
            for _ in 0..2 {
                ok(verify_parts(&s, &mac()?)?, "C_VerifyMessageNext")?;
            }
            ok(call!(b.module, C_MessageVerifyFinal(s.handle)), "C_MessageVerifyFinal")
        }),
        case(
            "message.parts.verify.wrong",
            "5.16.4",
            "a wrong MAC is CKR_SIGNATURE_INVALID, and the next message is none the worse",
            |b| -> Check {
                let (s, right) = (sign_begun(b, true)?, mac()?);
                let mut wrong = right.clone();
                wrong[31] ^= 1;
                expect(verify_parts(&s, &wrong)?, &[CKR_SIGNATURE_INVALID], "a wrong MAC")?;
                ok(verify_parts(&s, &right)?, "C_VerifyMessageNext")
            },
        ),
    ]
}
