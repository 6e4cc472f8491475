//! Verification of a signature that is there before the data (5.15 of 3.2).

use cryptoki_sys::*;

use super::{
    case,
    material::{P256, RSA, no_openssl, secret},
};
use crate::{
    call,
    case::{Bench, Case, Mechanism, Session, Stop, expect, hold, ok},
    openssl,
};

const DATA: &[u8; 32] = b"data that comes after the proof.";
const NOT: &[CK_RV] = &[CKR_OPERATION_NOT_INITIALIZED];
const CHAPTER: &str = "5.15 of 3.2";

fn init(s: &Session<'_>, kind: &Mechanism, key: CK_OBJECT_HANDLE, signature: &[u8]) -> CK_RV {
    let (at, len) = (signature.as_ptr().cast_mut(), signature.len() as CK_ULONG);
    call!(s.module, C_VerifySignatureInit(s.handle, &mut kind.raw(), key, at, len))
}

fn once(s: &Session<'_>) -> CK_RV {
    call!(s.module, C_VerifySignature(s.handle, DATA.as_ptr().cast_mut(), 32))
}

fn update(s: &Session<'_>, part: &[u8]) -> CK_RV {
    let (at, len) = (part.as_ptr().cast_mut(), part.len() as CK_ULONG);
    call!(s.module, C_VerifySignatureUpdate(s.handle, at, len))
}

fn finish(s: &Session<'_>) -> CK_RV {
    call!(s.module, C_VerifySignatureFinal(s.handle))
}

/// A signature by the module's own private key, as far as it has one, and what verifies it.
struct Signed<'a> {
    session: Session<'a>,
    kind: Mechanism,
    key: CK_OBJECT_HANDLE,
    signature: Vec<u8>,
}

impl<'a> Signed<'a> {
    /// A MAC by OpenSSL.
    fn mac(b: &Bench<'a>) -> Result<Self, Stop> {
        if b.module.list.C_VerifySignatureInit.is_none() {
            return Err(Stop::Unsupported("older than C_VerifySignatureInit".into()));
        }
        let session = b.user()?;
        let key = session.object(&secret(CKK_GENERIC_SECRET, &[7; 32], &[CKA_VERIFY]))?;
        let signature = openssl::mac("HMAC", "SHA256", &[7; 32], DATA).ok_or_else(no_openssl)?;
        Ok(Self { session, kind: Mechanism::plain(CKM_SHA256_HMAC), key, signature })
    }

    /// A signature by the private key of a pair.
    fn pair(b: &Bench<'a>, rsa: bool) -> Result<Self, Stop> {
        let (pair, kind) = if rsa {
            (RSA, Mechanism::plain(CKM_SHA256_RSA_PKCS))
        } else {
            (P256, Mechanism::plain(CKM_ECDSA_SHA256))
        };
        let session = b.user()?;
        let private = session.object(&pair.private_template(&[CKA_SIGN]))?;
        let key = session.object(&pair.public_template(&[CKA_VERIFY]))?;
        let (m, s) = (b.module, session.handle);
        ok(call!(m, C_SignInit(s, &mut kind.raw(), private)), "C_SignInit")?;
        let (mut out, mut len) = (vec![0; 256], 256);
        let data = DATA.as_ptr().cast_mut();
        ok(call!(m, C_Sign(s, data, 32, out.as_mut_ptr(), &mut len)), "C_Sign")?;
        out.truncate(len as usize);
        Ok(Self { session, kind, key, signature: out })
    }

    fn each(b: &Bench<'a>) -> Result<[Self; 3], Stop> {
        Ok([Self::mac(b)?, Self::pair(b, true)?, Self::pair(b, false)?])
    }

    fn begin(&self, signature: &[u8]) -> CK_RV {
        init(&self.session, &self.kind, self.key, signature)
    }

    fn altered(&self) -> Vec<u8> {
        let mut altered = self.signature.clone();
        if let Some(last) = altered.last_mut() {
            *last ^= 1;
        }
        altered
    }
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        case(
            "operation.verify-signature.right",
            CHAPTER,
            "verify-signature: the right one holds and ends the operation",
            |b| {
                for signed in Signed::each(b)? {
                    ok(signed.begin(&signed.signature), "C_VerifySignatureInit")?;
                    ok(once(&signed.session), "C_VerifySignature")?;
                    expect(once(&signed.session), NOT, "C_VerifySignature again")?;
                }
                Ok(())
            },
        ),
        case(
            "operation.verify-signature.wrong",
            CHAPTER,
            "verify-signature: a wrong one is CKR_SIGNATURE_INVALID and ends the operation",
            |b| {
                for signed in Signed::each(b)? {
                    ok(signed.begin(&signed.altered()), "C_VerifySignatureInit")?;
                    expect(once(&signed.session), &[CKR_SIGNATURE_INVALID], "C_VerifySignature")?;
                    expect(once(&signed.session), NOT, "C_VerifySignature again")?;
                }
                Ok(())
            },
        ),
        case(
            "operation.verify-signature.parts",
            CHAPTER,
            "verify-signature: many parts hold as one part does",
            |b| {
                for signed in Signed::each(b)? {
                    ok(signed.begin(&signed.signature), "C_VerifySignatureInit")?;
                    for part in [&DATA[..1], &DATA[1..21], &DATA[21..]] {
                        ok(update(&signed.session, part), "C_VerifySignatureUpdate")?;
                    }
                    ok(finish(&signed.session), "C_VerifySignatureFinal")?;
                    expect(finish(&signed.session), NOT, "C_VerifySignatureFinal again")?;
                }
                Ok(())
            },
        ),
        case(
            "operation.verify-signature.parts.wrong",
            CHAPTER,
            "verify-signature: a wrong one is found at the end, and so is other data",
            |b| {
                for signed in Signed::each(b)? {
                    ok(signed.begin(&signed.altered()), "C_VerifySignatureInit")?;
                    ok(update(&signed.session, DATA), "C_VerifySignatureUpdate")?;
                    expect(finish(&signed.session), &[CKR_SIGNATURE_INVALID], "a wrong one")?;
                    ok(signed.begin(&signed.signature), "C_VerifySignatureInit")?;
                    ok(update(&signed.session, &DATA[1..]), "C_VerifySignatureUpdate")?;
                    expect(finish(&signed.session), &[CKR_SIGNATURE_INVALID], "other data")?;
                }
                Ok(())
            },
        ),
        case(
            "operation.verify-signature.usage",
            CHAPTER,
            "verify-signature: a key without CKA_VERIFY is CKR_KEY_FUNCTION_NOT_PERMITTED",
            |b| {
                let signed = Signed::mac(b)?;
                let key = secret(CKK_GENERIC_SECRET, &[7; 32], &[]).flag(CKA_VERIFY, false);
                let key = signed.session.object(&key)?;
                let rv = init(&signed.session, &signed.kind, key, &signed.signature);
                expect(rv, &[CKR_KEY_FUNCTION_NOT_PERMITTED], "C_VerifySignatureInit")
            },
        ),
        case(
            "operation.verify-signature.not-begun",
            CHAPTER,
            "verify-signature: without Init everything is CKR_OPERATION_NOT_INITIALIZED",
            |b| {
                let session = b.user()?;
                expect(once(&session), NOT, "C_VerifySignature")?;
                expect(update(&session, DATA), NOT, "C_VerifySignatureUpdate")?;
                expect(finish(&session), NOT, "C_VerifySignatureFinal")
            },
        ),
        case(
            "operation.verify-signature.active",
            CHAPTER,
            "verify-signature: a second Init is CKR_OPERATION_ACTIVE and leaves the first alone",
            |b| {
                let signed = Signed::mac(b)?;
                ok(signed.begin(&signed.signature), "C_VerifySignatureInit")?;
                let again = signed.begin(&signed.altered());
                expect(again, &[CKR_OPERATION_ACTIVE], "C_VerifySignatureInit again")?;
                let verdict = once(&signed.session);
                hold(verdict == CKR_OK, || "the first signature does not hold any more".into())
            },
        ),
    ]
}
