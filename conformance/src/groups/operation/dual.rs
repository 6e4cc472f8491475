//! Two operations on one part (5.17): both give what they give alone.

use cryptoki_sys::*;

use super::{
    super::{
        case,
        material::{no_openssl, secret},
    },
    INPUT, NOT,
    Operation::*,
    Work,
};
use crate::{
    call,
    case::{Case, Mechanism, Stop, expect, hold, ok},
    module::Module,
    openssl,
};

/// The digest of what a session has given so far.
fn end_digest(m: &Module, session: CK_SESSION_HANDLE) -> Result<[u8; 32], Stop> {
    let (mut hash, mut len) = ([0_u8; 32], 32);
    ok(call!(m, C_DigestFinal(session, hash.as_mut_ptr(), &mut len)), "C_DigestFinal")?;
    Ok(hash)
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        case(
            "operation.digest-encrypt",
            "5.17.1",
            "C_DigestEncryptUpdate gives what both operations give alone",
            |b| {
                let (digest, cipher) = (Work::new(b, Digest)?.whole()?, Work::new(b, Encrypt)?);
                let expected = cipher.whole()?;
                let (m, s) = (b.module, cipher.session.handle);
                let sha = Mechanism::plain(CKM_SHA256);
                ok(call!(m, C_DigestInit(s, &mut sha.raw())), "C_DigestInit")?;
                ok(cipher.init(), "C_EncryptInit")?;
                let (mut out, mut len) = ([0_u8; 64], 64);
                let at = INPUT.as_ptr().cast_mut();
                ok(
                    call!(m, C_DigestEncryptUpdate(s, at, 32, out.as_mut_ptr(), &mut len)),
                    "C_DigestEncryptUpdate",
                )?;
                hold(out[..len as usize] == expected, || "another ciphertext".into())?;
                let hash = end_digest(b.module, s)?;
                hold(hash[..] == digest, || "another digest".into())
            },
        ),
        case(
            "operation.decrypt-digest",
            "5.17.2",
            "C_DecryptDigestUpdate digests what it decrypts",
            |b| {
                let cipher = Work::new(b, Decrypt)?;
                let plain = cipher.whole()?;
                let (m, s) = (b.module, cipher.session.handle);
                let sha = Mechanism::plain(CKM_SHA256);
                ok(call!(m, C_DigestInit(s, &mut sha.raw())), "C_DigestInit")?;
                ok(cipher.init(), "C_DecryptInit")?;
                let (mut out, mut len) = ([0_u8; 64], 64);
                let at = INPUT.as_ptr().cast_mut();
                ok(
                    call!(m, C_DecryptDigestUpdate(s, at, 32, out.as_mut_ptr(), &mut len)),
                    "C_DecryptDigestUpdate",
                )?;
                let hash = end_digest(b.module, s)?;
                let wanted = openssl::digest("SHA256", &plain).ok_or_else(no_openssl)?;
                hold(hash[..] == wanted, || "another digest".into())
            },
        ),
        case(
            "operation.sign-encrypt",
            "5.17.3",
            "C_SignEncryptUpdate gives what both operations give alone",
            |b| {
                let (cipher, signer) =
                    (Work::new(b, Encrypt)?, secret(CKK_GENERIC_SECRET, &[7; 32], &[CKA_SIGN]));
                let expected = cipher.whole()?;
                let key = cipher.session.object(&signer)?;
                let (m, s) = (b.module, cipher.session.handle);
                let hmac = Mechanism::plain(CKM_SHA256_HMAC);
                ok(call!(m, C_SignInit(s, &mut hmac.raw(), key)), "C_SignInit")?;
                ok(cipher.init(), "C_EncryptInit")?;
                let (mut out, mut len) = ([0_u8; 64], 64);
                let at = INPUT.as_ptr().cast_mut();
                ok(
                    call!(m, C_SignEncryptUpdate(s, at, 32, out.as_mut_ptr(), &mut len)),
                    "C_SignEncryptUpdate",
                )?;
                hold(out[..len as usize] == expected, || "another ciphertext".into())?;
                let (mut mac, mut mac_len) = ([0_u8; 32], 32);
                ok(call!(m, C_SignFinal(s, mac.as_mut_ptr(), &mut mac_len)), "C_SignFinal")?;
                let wanted =
                    openssl::mac("HMAC", "SHA256", &[7; 32], &INPUT).ok_or_else(no_openssl)?;
                hold(mac[..] == wanted, || "another MAC".into())
            },
        ),
        case(
            "operation.decrypt-verify",
            "5.17.4",
            "C_DecryptVerifyUpdate gives the data, whose MAC then holds or does not",
            |b| {
                let cipher = Work::new(b, Decrypt)?;
                let plain = cipher.whole()?;
                let mac = secret(CKK_GENERIC_SECRET, &[7; 32], &[CKA_VERIFY]);
                let key = cipher.session.object(&mac)?;
                let right =
                    openssl::mac("HMAC", "SHA256", &[7; 32], &plain).ok_or_else(no_openssl)?;
                let (m, s) = (b.module, cipher.session.handle);
                let hmac = Mechanism::plain(CKM_SHA256_HMAC);
                for wrong in [0, 1] {
                    ok(cipher.init(), "C_DecryptInit")?;
                    ok(call!(m, C_VerifyInit(s, &mut hmac.raw(), key)), "C_VerifyInit")?;
                    let mut out = Vec::new();
                    for part in [&INPUT[..5], &INPUT[5..]] {
                        let (mut place, mut len) = ([0_u8; 64], 64);
                        let (at, size) = (part.as_ptr().cast_mut(), part.len() as CK_ULONG);
                        let to = place.as_mut_ptr();
                        let rv = call!(m, C_DecryptVerifyUpdate(s, at, size, to, &mut len));
                        ok(rv, "C_DecryptVerifyUpdate")?;
                        out.extend_from_slice(&place[..len as usize]);
                    }
                    let (mut place, mut len) = ([0_u8; 64], 64);
                    let rv = call!(m, C_DecryptFinal(s, place.as_mut_ptr(), &mut len));
                    ok(rv, "C_DecryptFinal")?;
                    out.extend_from_slice(&place[..len as usize]);
                    hold(out == plain, || "another text".into())?;
                    let mut mac = right.clone();
                    mac[0] ^= wrong;
                    let wanted = if wrong == 0 { CKR_OK } else { CKR_SIGNATURE_INVALID };
                    let rv = call!(m, C_VerifyFinal(s, mac.as_mut_ptr(), 32));
                    expect(rv, &[wanted], "C_VerifyFinal")?;
                }
                Ok(())
            },
        ),
        case("operation.dual.alone", "5.17", "a dual function needs both operations", |b| {
            let cipher = Work::new(b, Encrypt)?;
            ok(cipher.init(), "C_EncryptInit")?;
            let (mut out, mut len) = ([0_u8; 64], 64);
            let at = INPUT.as_ptr().cast_mut();
            let rv = call!(
                b.module,
                C_DigestEncryptUpdate(cipher.session.handle, at, 32, out.as_mut_ptr(), &mut len)
            );
            expect(rv, NOT, "C_DigestEncryptUpdate")
        }),
    ]
}
