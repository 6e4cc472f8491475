//! Signatures and encryption with key pairs.

use std::ffi::CStr;

use cryptoki_sys::*;

use super::{
    super::material::{ED25519, P256, P384, P521, Pair, RSA, no_openssl, pattern},
    Asked, asked, raw,
    table::{Padding, What},
    taken,
};
use crate::{
    call,
    case::{Bench, Mechanism, Session, Stop, expect, hold, ok},
    openssl,
};

/// OpenSSL's digests by the suite's names, with CKM, CKG and length.
const HASHES: [(&str, &CStr, CK_ULONG, CK_ULONG, usize); 11] = [
    ("MD5", c"MD5", CKM_MD5, 0, 16),
    ("RIPEMD160", c"RIPEMD160", CKM_RIPEMD160, 0, 20),
    ("SHA1", c"SHA1", CKM_SHA_1, CKG_MGF1_SHA1, 20),
    ("SHA224", c"SHA224", CKM_SHA224, CKG_MGF1_SHA224, 28),
    ("SHA256", c"SHA256", CKM_SHA256, CKG_MGF1_SHA256, 32),
    ("SHA384", c"SHA384", CKM_SHA384, CKG_MGF1_SHA384, 48),
    ("SHA512", c"SHA512", CKM_SHA512, CKG_MGF1_SHA512, 64),
    ("SHA3-224", c"SHA3-224", CKM_SHA3_224, CKG_MGF1_SHA3_224, 28),
    ("SHA3-256", c"SHA3-256", CKM_SHA3_256, CKG_MGF1_SHA3_256, 32),
    ("SHA3-384", c"SHA3-384", CKM_SHA3_384, CKG_MGF1_SHA3_384, 48),
    ("SHA3-512", c"SHA3-512", CKM_SHA3_512, CKG_MGF1_SHA3_512, 64),
];

fn hash(name: &str) -> (&'static CStr, CK_ULONG, CK_ULONG, usize) {
    let name = if name.is_empty() { "SHA256" } else { name };
    let row = HASHES.iter().find(|row| row.0 == name).expect("a digest of the table");
    (row.1, row.2, row.3, row.4)
}

/// The key pairs a mechanism signs with.
fn pairs(what: What) -> &'static [&'static Pair] {
    match what {
        What::Ecdsa(_) => &[&P256, &P384, &P521],
        What::Eddsa => &[&ED25519],
        _ => &[&RSA],
    }
}

fn mechanism(kind: CK_MECHANISM_TYPE, what: What) -> Mechanism {
    match what {
        What::RsaSign(name, Padding::Pss) => {
            let (_, number, mgf, len) = hash(name);
            let pss = CK_RSA_PKCS_PSS_PARAMS { hashAlg: number, mgf, sLen: len as CK_ULONG };
            Mechanism::structure(kind, pss, Vec::new())
        }
        _ => Mechanism::plain(kind),
    }
}

/// What is given to the mechanism, and what OpenSSL is asked to verify.
fn inputs(what: What) -> Result<(Vec<u8>, Vec<u8>), Stop> {
    let message = pattern(100);
    let digest = |name: &str| openssl::digest(name, &message).ok_or_else(no_openssl);
    Ok(match what {
        What::RsaSign("", Padding::None) => {
            let mut number = pattern(256);
            number[0] = 0;
            (number.clone(), number)
        }
        What::RsaSign("", Padding::Pkcs1) => (pattern(40), pattern(40)),
        What::RsaSign("", _) | What::Ecdsa("") => (digest("SHA256")?, digest("SHA256")?),
        What::RsaSign(name, _) | What::Ecdsa(name) => (message.clone(), digest(name)?),
        _ => (message.clone(), message),
    })
}

fn openssl_says(what: What, pair: &Pair, data: &[u8], signature: &[u8]) -> Result<bool, Stop> {
    let key = pair.public()?;
    let mode = c"rsa_padding_mode";
    let answer = match what {
        What::Eddsa => key.verifies_message("", data, signature),
        What::Ecdsa(_) => key.verifies(&[], data, &openssl::signature_der(signature)),
        What::RsaSign("", Padding::Pkcs1) => key.verifies(&[(mode, c"pkcs1")], data, signature),
        What::RsaSign("", Padding::None) => key.verifies(&[(mode, c"none")], data, signature),
        What::RsaSign(name, Padding::Pss) => {
            let options =
                [(mode, c"pss"), (c"digest", hash(name).0), (c"rsa_pss_saltlen", c"digest")];
            key.verifies(&options, data, signature)
        }
        What::RsaSign(name, _) => {
            key.verifies(&[(mode, c"pkcs1"), (c"digest", hash(name).0)], data, signature)
        }
        _ => None,
    };
    answer.ok_or_else(no_openssl)
}

fn signed(
    s: &Session<'_>,
    m: &Mechanism,
    key: CK_OBJECT_HANDLE,
    data: &[u8],
) -> Result<Vec<u8>, Stop> {
    ok(call!(s.module, C_SignInit(s.handle, &mut m.raw(), key)), "C_SignInit")?;
    let (at, len) = raw(data);
    let (rv, signature) =
        taken(512, |out, room| call!(s.module, C_Sign(s.handle, at, len, out, room)));
    ok(rv, "C_Sign")?;
    Ok(signature)
}

/// What is given, as which data and signature, and the codes for it.
type Verification<'a> = (&'static str, &'a [u8], &'a [u8], &'a [CK_RV]);

pub(super) fn sign(kind: CK_MECHANISM_TYPE, what: What) -> Vec<Asked> {
    let m = mechanism(kind, what);
    let (m2, m3, m4) = (m.clone(), m.clone(), m.clone());
    let hashes = matches!(what, What::RsaSign(name, _) | What::Ecdsa(name) if !name.is_empty());
    let mut all = vec![
        asked("value", "5.13.2", "OpenSSL verifies its signatures", CKF_SIGN, move |b| {
            for pair in pairs(what) {
                let s = b.user()?;
                let key = s.object(&pair.private_template(&[CKA_SIGN]))?;
                let (given, verified) = inputs(what)?;
                let signature = signed(&s, &m, key, &given)?;
                hold(openssl_says(what, pair, &verified, &signature)?, || {
                    "OpenSSL does not".into()
                })?;
                ok(call!(b.module, C_Logout(s.handle)), "C_Logout")?;
            }
            Ok(())
        }),
        asked(
            "verify",
            "5.15.2",
            "its signatures verify; altered, shorter ones and other data do not",
            CKF_SIGN | CKF_VERIFY,
            move |b| {
                for pair in pairs(what) {
                    let s = b.user()?;
                    let key = s.object(&pair.private_template(&[CKA_SIGN]))?;
                    let public = s.object(&pair.public_template(&[CKA_VERIFY]))?;
                    let (given, _) = inputs(what)?;
                    let signature = signed(&s, &m2, key, &given)?;
                    let mut altered = signature.clone();
                    *altered.last_mut().unwrap() ^= 1;
                    let shorter = signature[1..].to_vec();
                    let mut other = given.clone();
                    other[10] ^= 1;
                    let rows: [Verification<'_>; 4] = [
                        ("the signature", &given, &signature, &[CKR_OK]),
                        ("an altered one", &given, &altered, &[CKR_SIGNATURE_INVALID]),
                        ("a shorter one", &given, &shorter, &[CKR_SIGNATURE_LEN_RANGE]),
                        ("other data", &other, &signature, &[CKR_SIGNATURE_INVALID]),
                    ];
                    for (name, data, signature, codes) in rows {
                        ok(
                            call!(b.module, C_VerifyInit(s.handle, &mut m2.raw(), public)),
                            "C_VerifyInit",
                        )?;
                        let ((at, len), (sig, sig_len)) = (raw(data), raw(signature));
                        expect(
                            call!(b.module, C_Verify(s.handle, at, len, sig, sig_len)),
                            codes,
                            name,
                        )?;
                    }
                    ok(call!(b.module, C_Logout(s.handle)), "C_Logout")?;
                }
                Ok(())
            },
        ),
        asked("length", "5.2", "the length of a signature is told", CKF_SIGN, move |b| {
            let s = b.user()?;
            let key = s.object(&pairs(what)[0].private_template(&[CKA_SIGN]))?;
            let (given, _) = inputs(what)?;
            let expected = signed(&s, &m3, key, &given)?.len() as CK_ULONG;
            ok(call!(b.module, C_SignInit(s.handle, &mut m3.raw(), key)), "C_SignInit")?;
            let ((at, size), mut len) = (raw(&given), 0);
            ok(
                call!(b.module, C_Sign(s.handle, at, size, std::ptr::null_mut(), &mut len)),
                "the length",
            )?;
            hold(len >= expected, || format!("{len} for {expected} bytes"))?;
            let (mut out, mut less) = (vec![0; 512], expected - 1);
            let rv = call!(b.module, C_Sign(s.handle, at, size, out.as_mut_ptr(), &mut less));
            expect(rv, &[CKR_BUFFER_TOO_SMALL], "too small a place")?;
            ok(call!(b.module, C_Sign(s.handle, at, size, out.as_mut_ptr(), &mut len)), "the work")
        }),
        asked(
            "key-type",
            "5.13.1",
            "a key of another type is CKR_KEY_TYPE_INCONSISTENT",
            CKF_SIGN,
            move |b| {
                let s = b.user()?;
                let other = if matches!(what, What::RsaSign(..)) { &P256 } else { &RSA };
                let key = s.object(&other.private_template(&[CKA_SIGN]))?;
                let rv = call!(b.module, C_SignInit(s.handle, &mut m4.raw(), key));
                expect(rv, &[CKR_KEY_TYPE_INCONSISTENT], "C_SignInit")
            },
        ),
    ];
    if hashes {
        let m = mechanism(kind, what);
        all.push(asked(
            "parts",
            "5.13.3",
            "OpenSSL verifies what was signed in parts",
            CKF_SIGN,
            move |b| {
                let s = b.user()?;
                let pair = pairs(what)[0];
                let key = s.object(&pair.private_template(&[CKA_SIGN]))?;
                let (given, verified) = inputs(what)?;
                ok(call!(b.module, C_SignInit(s.handle, &mut m.raw(), key)), "C_SignInit")?;
                for part in given.chunks(33) {
                    let (at, len) = raw(part);
                    ok(call!(b.module, C_SignUpdate(s.handle, at, len)), "C_SignUpdate")?;
                }
                let (rv, signature) =
                    taken(512, |out, room| call!(b.module, C_SignFinal(s.handle, out, room)));
                ok(rv, "C_SignFinal")?;
                hold(openssl_says(what, pair, &verified, &signature)?, || "OpenSSL does not".into())
            },
        ));
    } else if matches!(what, What::RsaSign("", _)) {
        let m = mechanism(kind, what);
        let too_long = if matches!(what, What::RsaSign(_, Padding::Pkcs1)) { 246 } else { 257 };
        all.push(asked(
            "limits",
            "6.1.6",
            "too much data is CKR_DATA_LEN_RANGE",
            CKF_SIGN,
            move |b| {
                let s = b.user()?;
                let key = s.object(&RSA.private_template(&[CKA_SIGN]))?;
                ok(call!(b.module, C_SignInit(s.handle, &mut m.raw(), key)), "C_SignInit")?;
                let data = pattern(too_long);
                let (at, len) = raw(&data);
                let (rv, _) =
                    taken(512, |out, room| call!(b.module, C_Sign(s.handle, at, len, out, room)));
                expect(rv, &[CKR_DATA_LEN_RANGE], "C_Sign")
            },
        ));
    }
    all
}

pub(super) fn crypt(kind: CK_MECHANISM_TYPE, padding: Padding) -> Vec<Asked> {
    let mode: (&CStr, &CStr) = (
        c"rsa_padding_mode",
        match padding {
            Padding::Oaep => c"oaep",
            Padding::None => c"none",
            _ => c"pkcs1",
        },
    );
    let m = if padding == Padding::Oaep {
        let oaep = CK_RSA_PKCS_OAEP_PARAMS {
            hashAlg: CKM_SHA_1,
            mgf: CKG_MGF1_SHA1,
            source: CKZ_DATA_SPECIFIED,
            pSourceData: std::ptr::null_mut(),
            ulSourceDataLen: 0,
        };
        Mechanism::structure(kind, oaep, Vec::new())
    } else {
        Mechanism::plain(kind)
    };
    let data = move || {
        if padding == Padding::None {
            let mut number = pattern(256);
            number[0] = 0;
            number
        } else {
            pattern(50)
        }
    };
    let run = |b: &Bench,
               decrypt: bool,
               m: &Mechanism,
               key: CK_OBJECT_HANDLE,
               s: &Session<'_>,
               data: &[u8]| {
        let (at, len) = raw(data);
        if decrypt {
            ok(call!(b.module, C_DecryptInit(s.handle, &mut m.raw(), key)), "C_DecryptInit")?;
            Ok::<_, Stop>(taken(512, |out, room| {
                call!(b.module, C_Decrypt(s.handle, at, len, out, room))
            }))
        } else {
            ok(call!(b.module, C_EncryptInit(s.handle, &mut m.raw(), key)), "C_EncryptInit")?;
            Ok(taken(512, |out, room| call!(b.module, C_Encrypt(s.handle, at, len, out, room))))
        }
    };
    let (m2, m3) = (m.clone(), m.clone());
    vec![
        asked("encrypt", "5.8.2", "OpenSSL decrypts what it encrypts", CKF_ENCRYPT, move |b| {
            let s = b.user()?;
            let key = s.object(&RSA.public_template(&[CKA_ENCRYPT]))?;
            let (rv, text) = run(b, false, &m, key, &s, &data())?;
            ok(rv, "C_Encrypt")?;
            let back = RSA.private()?.decrypt(&[mode], &text).ok_or_else(no_openssl)?;
            hold(back == data(), || "another plaintext".into())
        }),
        asked("decrypt", "5.10.2", "it decrypts what OpenSSL encrypts", CKF_DECRYPT, move |b| {
            let s = b.user()?;
            let key = s.object(&RSA.private_template(&[CKA_DECRYPT]))?;
            let text = RSA.public()?.encrypt(&[mode], &data()).ok_or_else(no_openssl)?;
            let (rv, back) = run(b, true, &m2, key, &s, &text)?;
            ok(rv, "C_Decrypt")?;
            hold(back == data(), || "another plaintext".into())
        }),
        asked(
            "limits",
            "6.1.6",
            "too much data is CKR_DATA_LEN_RANGE, a ciphertext of another length CKR_ENCRYPTED_DATA_LEN_RANGE",
            CKF_ENCRYPT | CKF_DECRYPT,
            move |b| {
                let s = b.user()?;
                let public = s.object(&RSA.public_template(&[CKA_ENCRYPT]))?;
                let private = s.object(&RSA.private_template(&[CKA_DECRYPT]))?;
                let (rv, _) = run(b, false, &m3, public, &s, &pattern(257))?;
                expect(rv, &[CKR_DATA_LEN_RANGE], "C_Encrypt")?;
                let (rv, _) = run(b, true, &m3, private, &s, &pattern(257))?;
                expect(rv, &[CKR_ENCRYPTED_DATA_LEN_RANGE], "C_Decrypt")
            },
        ),
    ]
}
