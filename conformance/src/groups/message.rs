//! Message-based operations (5.9, 5.11, 5.14, 5.16).

use std::ptr::null_mut;

use cryptoki_sys::*;

use super::{
    case,
    material::{no_openssl, secret},
    message_parts,
};
use crate::{
    call,
    case::{Bench, Case, Mechanism, Session, Stop, expect, hold, ok},
    openssl,
};

pub(super) const PLAIN: &[u8; 20] = b"twenty bytes of text";
pub(super) const NOT: &[CK_RV] = &[CKR_OPERATION_NOT_INITIALIZED];

/// A message's GCM parameters, with their memory.
pub(super) struct Gcm {
    pub(super) iv: [u8; 12],
    pub(super) tag: [u8; 16],
}

impl Gcm {
    pub(super) fn raw(&mut self) -> CK_GCM_MESSAGE_PARAMS {
        CK_GCM_MESSAGE_PARAMS {
            pIv: self.iv.as_mut_ptr(),
            ulIvLen: 12,
            ulIvFixedBits: 0,
            ivGenerator: CKG_NO_GENERATE,
            pTag: self.tag.as_mut_ptr(),
            ulTagBits: 128,
        }
    }
}

pub(super) fn begun<'a>(b: &Bench<'a>) -> Result<(Session<'a>, CK_OBJECT_HANDLE), Stop> {
    let session = b.user()?;
    let key = session.object(&secret(CKK_AES, &[7; 16], &[CKA_ENCRYPT, CKA_DECRYPT]))?;
    let mechanism = Mechanism::plain(CKM_AES_GCM);
    let rv = call!(b.module, C_MessageEncryptInit(session.handle, &mut mechanism.raw(), key));
    if rv == CKR_MECHANISM_INVALID || rv == CKR_MECHANISM_PARAM_INVALID {
        return Err(Stop::Unsupported("CKM_AES_GCM has no messages here".into()));
    }
    ok(rv, "C_MessageEncryptInit")?;
    Ok((session, key))
}

pub(super) fn encrypt(s: &Session<'_>, gcm: &mut Gcm) -> Result<Vec<u8>, Stop> {
    let (mut out, mut len) = (vec![0; 64], 64);
    let (mut raw, mut aad) = (gcm.raw(), *b"aad");
    let at = (&raw mut raw).cast();
    ok(
        call!(
            s.module,
            C_EncryptMessage(
                s.handle,
                at,
                size_of::<CK_GCM_MESSAGE_PARAMS>() as CK_ULONG,
                aad.as_mut_ptr(),
                3,
                PLAIN.as_ptr().cast_mut(),
                20,
                out.as_mut_ptr(),
                &mut len
            )
        ),
        "C_EncryptMessage",
    )?;
    out.truncate(len as usize);
    Ok(out)
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        case(
            "message.encrypt",
            "5.9.2",
            "messages under one Init have OpenSSL's ciphertexts and tags",
            |b| {
                let (s, _) = begun(b)?;
                for number in 1..4 {
                    let mut gcm = Gcm { iv: [number; 12], tag: [0; 16] };
                    let text = encrypt(&s, &mut gcm)?;
                    let wanted = message_parts::wanted(number)?;
                    hold([text, gcm.tag.to_vec()].concat() == wanted, || {
                        format!("message {number} differs")
                    })?;
                }
                ok(call!(b.module, C_MessageEncryptFinal(s.handle)), "C_MessageEncryptFinal")?;
                expect(
                    call!(b.module, C_MessageEncryptFinal(s.handle)),
                    NOT,
                    "C_MessageEncryptFinal again",
                )
            },
        ),
        case(
            "message.decrypt",
            "5.11.2",
            "a message comes back, and a wrong tag ends nothing",
            |b| {
                let (s, key) = begun(b)?;
                let mut gcm = Gcm { iv: [1; 12], tag: [0; 16] };
                let text = encrypt(&s, &mut gcm)?;
                ok(call!(b.module, C_MessageEncryptFinal(s.handle)), "C_MessageEncryptFinal")?;
                let mechanism = Mechanism::plain(CKM_AES_GCM);
                ok(
                    call!(b.module, C_MessageDecryptInit(s.handle, &mut mechanism.raw(), key)),
                    "C_MessageDecryptInit",
                )?;
                for wrong in [true, false] {
                    gcm.tag[0] ^= u8::from(wrong);
                    let (mut raw, mut aad, mut out, mut len) = (gcm.raw(), *b"aad", [0; 64], 64);
                    let rv = call!(
                        b.module,
                        C_DecryptMessage(
                            s.handle,
                            (&raw mut raw).cast(),
                            size_of_val(&raw) as CK_ULONG,
                            aad.as_mut_ptr(),
                            3,
                            text.as_ptr().cast_mut(),
                            text.len() as CK_ULONG,
                            out.as_mut_ptr(),
                            &mut len
                        )
                    );
                    gcm.tag[0] ^= u8::from(wrong);
                    if wrong {
                        expect(
                            rv,
                            &[CKR_AEAD_DECRYPT_FAILED, CKR_ENCRYPTED_DATA_INVALID],
                            "a wrong tag",
                        )?;
                    } else {
                        ok(rv, "C_DecryptMessage")?;
                        hold(out[..len as usize] == PLAIN[..], || "another text".into())?;
                    }
                }
                ok(call!(b.module, C_MessageDecryptFinal(s.handle)), "C_MessageDecryptFinal")
            },
        ),
        case(
            "message.not-begun",
            "5.9.2",
            "a message without Init is CKR_OPERATION_NOT_INITIALIZED",
            |b| {
                let s = b.user()?;
                let mut gcm = Gcm { iv: [1; 12], tag: [0; 16] };
                let (mut raw, mut out, mut len) = (gcm.raw(), [0; 64], 64);
                let rv = call!(
                    b.module,
                    C_EncryptMessage(
                        s.handle,
                        (&raw mut raw).cast(),
                        size_of_val(&raw) as CK_ULONG,
                        null_mut(),
                        0,
                        PLAIN.as_ptr().cast_mut(),
                        20,
                        out.as_mut_ptr(),
                        &mut len
                    )
                );
                expect(rv, NOT, "C_EncryptMessage")
            },
        ),
        case("message.active", "5.9.1", "a second Init is CKR_OPERATION_ACTIVE", |b| {
            let (s, key) = begun(b)?;
            let mechanism = Mechanism::plain(CKM_AES_GCM);
            let rv = call!(b.module, C_MessageEncryptInit(s.handle, &mut mechanism.raw(), key));
            expect(rv, &[CKR_OPERATION_ACTIVE], "C_MessageEncryptInit")
        }),
        case(
            "message.length",
            "5.9.2",
            "NULL asks for the length, too small a place is told",
            |b| {
                let (s, _) = begun(b)?;
                let mut gcm = Gcm { iv: [1; 12], tag: [0; 16] };
                let (mut raw, mut out, mut len) = (gcm.raw(), [0_u8; 64], 0);
                let size = size_of_val(&raw) as CK_ULONG;
                let input = PLAIN.as_ptr().cast_mut();
                let at = (&raw mut raw).cast();
                ok(
                    call!(
                        b.module,
                        C_EncryptMessage(
                            s.handle,
                            at,
                            size,
                            null_mut(),
                            0,
                            input,
                            20,
                            null_mut(),
                            &mut len
                        )
                    ),
                    "the length",
                )?;
                hold(len >= 20, || format!("length {len}"))?;
                len = 19;
                let rv = call!(
                    b.module,
                    C_EncryptMessage(
                        s.handle,
                        at,
                        size,
                        null_mut(),
                        0,
                        input,
                        20,
                        out.as_mut_ptr(),
                        &mut len
                    )
                );
                expect(rv, &[CKR_BUFFER_TOO_SMALL], "too small a place")?;
                len = 20;
                ok(
                    call!(
                        b.module,
                        C_EncryptMessage(
                            s.handle,
                            at,
                            size,
                            null_mut(),
                            0,
                            input,
                            20,
                            out.as_mut_ptr(),
                            &mut len
                        )
                    ),
                    "an exact place",
                )
            },
        ),
        case(
            "message.parameter",
            "5.9.2",
            "a parameter of another length is CKR_MECHANISM_PARAM_INVALID",
            |b| {
                let (s, _) = begun(b)?;
                let mut gcm = Gcm { iv: [1; 12], tag: [0; 16] };
                let (mut raw, mut out, mut len) = (gcm.raw(), [0_u8; 64], 64);
                let size = size_of_val(&raw) as CK_ULONG - 1;
                let rv = call!(
                    b.module,
                    C_EncryptMessage(
                        s.handle,
                        (&raw mut raw).cast(),
                        size,
                        null_mut(),
                        0,
                        PLAIN.as_ptr().cast_mut(),
                        20,
                        out.as_mut_ptr(),
                        &mut len
                    )
                );
                expect(rv, &[CKR_MECHANISM_PARAM_INVALID, CKR_ARGUMENTS_BAD], "C_EncryptMessage")
            },
        ),
        case("message.sign", "5.14.2", "signed messages verify, altered ones do not", |b| {
            let s = b.user()?;
            let key = s.object(&secret(CKK_GENERIC_SECRET, &[7; 32], &[CKA_SIGN, CKA_VERIFY]))?;
            let mechanism = Mechanism::plain(CKM_SHA256_HMAC);
            let (m, h) = (b.module, s.handle);
            let rv = call!(m, C_MessageSignInit(h, &mut mechanism.raw(), key));
            if rv == CKR_MECHANISM_INVALID {
                return Err(Stop::Unsupported("CKM_SHA256_HMAC has no messages here".into()));
            }
            ok(rv, "C_MessageSignInit")?;
            let (mut mac, mut len) = ([0_u8; 32], 32);
            let input = PLAIN.as_ptr().cast_mut();
            ok(
                call!(m, C_SignMessage(h, null_mut(), 0, input, 20, mac.as_mut_ptr(), &mut len)),
                "C_SignMessage",
            )?;
            ok(call!(m, C_MessageSignFinal(h)), "C_MessageSignFinal")?;
            let wanted = openssl::mac("HMAC", "SHA256", &[7; 32], PLAIN).ok_or_else(no_openssl)?;
            hold(mac[..] == wanted, || "another MAC than OpenSSL's".into())?;
            ok(call!(m, C_MessageVerifyInit(h, &mut mechanism.raw(), key)), "C_MessageVerifyInit")?;
            ok(
                call!(m, C_VerifyMessage(h, null_mut(), 0, input, 20, mac.as_mut_ptr(), len)),
                "C_VerifyMessage",
            )?;
            mac[0] ^= 1;
            let rv = call!(m, C_VerifyMessage(h, null_mut(), 0, input, 20, mac.as_mut_ptr(), len));
            expect(rv, &[CKR_SIGNATURE_INVALID], "an altered MAC")?;
            ok(call!(m, C_MessageVerifyFinal(h)), "C_MessageVerifyFinal")
        }),
    ]
}
