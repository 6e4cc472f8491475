//! Cryptographic operations (5.8 to 5.15): how they begin and end, whatever the mechanism. Each
//! statement is asked of every operation that gives something out, by one table of functions.

mod dual;

use std::ptr::null_mut;

use cryptoki_sys::*;

use super::{
    case,
    material::{RSA, secret},
};
use crate::{
    call,
    case::{Bench, Case, Check, Mechanism, Session, Stop, expect, hold, ok},
};

/// An operation that gives something out.
#[derive(Clone, Copy)]
enum Operation {
    Digest,
    Sign,
    Encrypt,
    Decrypt,
}
use Operation::*;

const ALL: [(Operation, &str, &str); 4] = [
    (Digest, "digest", "5.12"),
    (Sign, "sign", "5.13"),
    (Encrypt, "encrypt", "5.8"),
    (Decrypt, "decrypt", "5.10"),
];
const NOT: &[CK_RV] = &[CKR_OPERATION_NOT_INITIALIZED];
const INPUT: [u8; 32] = [0x31; 32];

/// An operation in a session, with its key.
struct Work<'a> {
    operation: Operation,
    session: Session<'a>,
    key: CK_OBJECT_HANDLE,
    mechanism: Mechanism,
}

impl<'a> Work<'a> {
    fn new(b: &Bench<'a>, operation: Operation) -> Result<Self, Stop> {
        let session = b.user()?;
        let (kind, key) = match operation {
            Digest => (Mechanism::plain(CKM_SHA256), 0),
            Sign => {
                let key = secret(CKK_GENERIC_SECRET, &[7; 32], &[CKA_SIGN, CKA_VERIFY]);
                (Mechanism::plain(CKM_SHA256_HMAC), session.object(&key)?)
            }
            Encrypt | Decrypt => {
                let key = secret(CKK_AES, &[7; 16], &[CKA_ENCRYPT, CKA_DECRYPT]);
                (Mechanism::bytes(CKM_AES_CBC, &[0; 16]), session.object(&key)?)
            }
        };
        Ok(Self { operation, session, key, mechanism: kind })
    }

    fn init(&self) -> CK_RV {
        let mut mechanism = self.mechanism.raw();
        self.init_with(&mut mechanism)
    }

    fn init_with(&self, mechanism: *mut CK_MECHANISM) -> CK_RV {
        let (m, s) = (self.session.module, self.session.handle);
        match self.operation {
            Digest => call!(m, C_DigestInit(s, mechanism)),
            Sign => call!(m, C_SignInit(s, mechanism, self.key)),
            Encrypt => call!(m, C_EncryptInit(s, mechanism, self.key)),
            Decrypt => call!(m, C_DecryptInit(s, mechanism, self.key)),
        }
    }

    fn once(&self, input: *const u8, input_len: usize, out: *mut u8, len: *mut CK_ULONG) -> CK_RV {
        let (m, s) = (self.session.module, self.session.handle);
        let (input, size) = (input.cast_mut(), input_len as CK_ULONG);
        match self.operation {
            Digest => call!(m, C_Digest(s, input, size, out, len)),
            Sign => call!(m, C_Sign(s, input, size, out, len)),
            Encrypt => call!(m, C_Encrypt(s, input, size, out, len)),
            Decrypt => call!(m, C_Decrypt(s, input, size, out, len)),
        }
    }

    fn update(&self, input: &[u8], out: &mut Vec<u8>) -> CK_RV {
        let (m, s) = (self.session.module, self.session.handle);
        let (at, size) = (input.as_ptr().cast_mut(), input.len() as CK_ULONG);
        let (mut place, mut len) = ([0_u8; 128], 128);
        let rv = match self.operation {
            Digest => return call!(m, C_DigestUpdate(s, at, size)),
            Sign => return call!(m, C_SignUpdate(s, at, size)),
            Encrypt => call!(m, C_EncryptUpdate(s, at, size, place.as_mut_ptr(), &mut len)),
            Decrypt => call!(m, C_DecryptUpdate(s, at, size, place.as_mut_ptr(), &mut len)),
        };
        if rv == CKR_OK {
            out.extend_from_slice(&place[..len as usize]);
        }
        rv
    }

    fn finish(&self, out: *mut u8, len: *mut CK_ULONG) -> CK_RV {
        let (m, s) = (self.session.module, self.session.handle);
        match self.operation {
            Digest => call!(m, C_DigestFinal(s, out, len)),
            Sign => call!(m, C_SignFinal(s, out, len)),
            Encrypt => call!(m, C_EncryptFinal(s, out, len)),
            Decrypt => call!(m, C_DecryptFinal(s, out, len)),
        }
    }

    fn whole(&self) -> Result<Vec<u8>, Stop> {
        ok(self.init(), "Init")?;
        let (mut out, mut len) = (vec![0; 128], 128);
        ok(self.once(INPUT.as_ptr(), INPUT.len(), out.as_mut_ptr(), &mut len), "one part")?;
        out.truncate(len as usize);
        Ok(out)
    }
}

type Body = fn(&Work<'_>) -> Check;

/// Statements about every operation.
const STATEMENTS: &[(&str, &str, Body)] = &[
    ("length", "NULL asks for the length and ends nothing", |w| {
        let expected = w.whole()?.len() as CK_ULONG;
        ok(w.init(), "Init")?;
        let mut len = 0;
        for _ in 0..2 {
            ok(w.once(INPUT.as_ptr(), INPUT.len(), null_mut(), &mut len), "the length")?;
            hold(len >= expected, || format!("{len} for {expected} bytes"))?;
        }
        let mut out = vec![0; len as usize];
        ok(w.once(INPUT.as_ptr(), INPUT.len(), out.as_mut_ptr(), &mut len), "the work")?;
        hold(len == expected, || format!("{len} bytes instead of {expected}"))
    }),
    (
        "too-small",
        "too small a place is CKR_BUFFER_TOO_SMALL, tells the length and ends nothing",
        |w| {
            let expected = w.whole()?;
            ok(w.init(), "Init")?;
            let mut out = vec![0; expected.len()];
            for less in [1, expected.len()] {
                let mut len = (expected.len() - less) as CK_ULONG;
                let rv = w.once(INPUT.as_ptr(), INPUT.len(), out.as_mut_ptr(), &mut len);
                expect(rv, &[CKR_BUFFER_TOO_SMALL], "too small a place")?;
                hold(len as usize >= expected.len(), || format!("{len} are said to be needed"))?;
            }
            let mut len = expected.len() as CK_ULONG;
            ok(w.once(INPUT.as_ptr(), INPUT.len(), out.as_mut_ptr(), &mut len), "an exact place")?;
            hold(out == expected, || "another result".into())
        },
    ),
    ("ended", "the one-part function ends the operation", |w| {
        w.whole()?;
        let mut len = 128;
        let rv = w.once(INPUT.as_ptr(), INPUT.len(), [0; 128].as_mut_ptr(), &mut len);
        expect(rv, NOT, "a second one-part call")?;
        expect(w.update(&INPUT, &mut Vec::new()), NOT, "Update")?;
        expect(w.finish([0; 128].as_mut_ptr(), &mut len), NOT, "Final")
    }),
    ("not-begun", "without Init everything is CKR_OPERATION_NOT_INITIALIZED", |w| {
        let mut len = 128;
        let rv = w.once(INPUT.as_ptr(), INPUT.len(), [0; 128].as_mut_ptr(), &mut len);
        expect(rv, NOT, "one part")?;
        expect(w.update(&INPUT, &mut Vec::new()), NOT, "Update")?;
        expect(w.finish([0; 128].as_mut_ptr(), &mut len), NOT, "Final")
    }),
    ("active", "a second Init is CKR_OPERATION_ACTIVE and leaves the first alone", |w| {
        let expected = w.whole()?;
        ok(w.init(), "Init")?;
        expect(w.init(), &[CKR_OPERATION_ACTIVE], "Init again")?;
        let (mut out, mut len) = (vec![0; 128], 128);
        ok(w.once(INPUT.as_ptr(), INPUT.len(), out.as_mut_ptr(), &mut len), "the first's work")?;
        hold(out[..len as usize] == expected, || "another result".into())
    }),
    ("parts", "many parts give what one part gives", |w| {
        let expected = w.whole()?;
        for cuts in [vec![16, 32], vec![1, 2, 17, 31, 32], vec![0, 32]] {
            ok(w.init(), "Init")?;
            let (mut out, mut from) = (Vec::new(), 0);
            for &cut in &cuts {
                ok(w.update(&INPUT[from..cut], &mut out), "Update")?;
                from = cut;
            }
            let (mut last, mut len) = (vec![0; 128], 128);
            ok(w.finish(last.as_mut_ptr(), &mut len), "Final")?;
            out.extend_from_slice(&last[..len as usize]);
            hold(out == expected, || format!("cut at {cuts:?}: another result"))?;
        }
        Ok(())
    }),
    ("final-length", "Final with NULL asks for the length and ends nothing", |w| {
        ok(w.init(), "Init")?;
        ok(w.update(&INPUT, &mut Vec::new()), "Update")?;
        let mut len = 0;
        ok(w.finish(null_mut(), &mut len), "the length")?;
        let mut out = vec![0; len as usize + 1];
        if len > 0 {
            let mut less = len - 1;
            let rv = w.finish(out.as_mut_ptr(), &mut less);
            if rv == CKR_OK {
                // The length may be a bound (5.2).
                return Ok(());
            }
            expect(rv, &[CKR_BUFFER_TOO_SMALL], "too small a place")?;
        }
        ok(w.finish(out.as_mut_ptr(), &mut len), "the work")?;
        expect(w.finish(out.as_mut_ptr(), &mut len), NOT, "Final again")
    }),
    ("once-after-update", "the one-part function after Update is refused", |w| {
        ok(w.init(), "Init")?;
        ok(w.update(&INPUT, &mut Vec::new()), "Update")?;
        let mut len = 128;
        let rv = w.once(INPUT.as_ptr(), INPUT.len(), [0; 128].as_mut_ptr(), &mut len);
        expect(
            rv,
            &[CKR_OPERATION_ACTIVE, CKR_OPERATION_NOT_INITIALIZED, CKR_FUNCTION_FAILED],
            "one part",
        )
    }),
    ("cancel-null", "Init with NULL for the mechanism cancels", |w| {
        ok(w.init(), "Init")?;
        let rv = w.init_with(null_mut());
        if rv == CKR_ARGUMENTS_BAD && w.session.module.list.version.major < 3 {
            return Err(Stop::Unsupported("cancelling came with 3.0".into()));
        }
        expect(rv, &[CKR_OK, CKR_OPERATION_CANCEL_FAILED], "Init(NULL)")?;
        if rv == CKR_OK {
            expect(w.update(&INPUT, &mut Vec::new()), NOT, "Update")?;
            ok(w.init(), "Init")?;
        }
        Ok(())
    }),
    ("no-length", "no place for the length is CKR_ARGUMENTS_BAD and ends the operation", |w| {
        ok(w.init(), "Init")?;
        let rv = w.once(INPUT.as_ptr(), INPUT.len(), [0; 128].as_mut_ptr(), null_mut());
        expect(rv, &[CKR_ARGUMENTS_BAD], "one part without a length")
    }),
    ("no-input", "NULL for data with a length is CKR_ARGUMENTS_BAD", |w| {
        ok(w.init(), "Init")?;
        let mut len = 128;
        let rv = w.once(std::ptr::null(), 32, [0; 128].as_mut_ptr(), &mut len);
        expect(rv, &[CKR_ARGUMENTS_BAD], "one part without data")
    }),
    ("unknown", "an unknown mechanism is CKR_MECHANISM_INVALID", |w| {
        let mut mechanism =
            CK_MECHANISM { mechanism: 0x8FFF_FFF1, pParameter: null_mut(), ulParameterLen: 0 };
        expect(w.init_with(&mut mechanism), &[CKR_MECHANISM_INVALID], "Init")
    }),
    ("sessions", "operations of two sessions do not mix", |w| {
        let expected = w.whole()?;
        let other = Bench { module: w.session.module }.session()?;
        ok(w.init(), "Init")?;
        ok(w.update(&INPUT[..16], &mut Vec::new()), "Update")?;
        let mut len = 128;
        let rv = match w.operation {
            Digest => call!(
                w.session.module,
                C_DigestFinal(other.handle, [0; 128].as_mut_ptr(), &mut len)
            ),
            Sign => {
                call!(w.session.module, C_SignFinal(other.handle, [0; 128].as_mut_ptr(), &mut len))
            }
            Encrypt => call!(
                w.session.module,
                C_EncryptFinal(other.handle, [0; 128].as_mut_ptr(), &mut len)
            ),
            Decrypt => call!(
                w.session.module,
                C_DecryptFinal(other.handle, [0; 128].as_mut_ptr(), &mut len)
            ),
        };
        expect(rv, NOT, "Final in the other session")?;
        ok(w.update(&INPUT[16..], &mut Vec::new()), "Update")?;
        ok(w.finish([0; 128].as_mut_ptr(), &mut len), "Final")?;
        hold(!expected.is_empty(), || "nothing".into())
    }),
    ("error-ends", "an error other than CKR_BUFFER_TOO_SMALL ends the operation", |w| {
        if !matches!(w.operation, Encrypt | Decrypt) {
            // Digests and MACs take any data; their ends are asked by `no-length`.
            ok(w.init(), "Init")?;
            let mut len = 128;
            let rv = w.once(std::ptr::null(), 32, [0; 128].as_mut_ptr(), &mut len);
            expect(rv, &[CKR_ARGUMENTS_BAD], "no data")?;
        } else {
            ok(w.init(), "Init")?;
            let mut len = 128;
            let rv = w.once(INPUT.as_ptr(), 15, [0; 128].as_mut_ptr(), &mut len);
            expect(rv, &[CKR_DATA_LEN_RANGE, CKR_ENCRYPTED_DATA_LEN_RANGE], "15 bytes")?;
        }
        let mut len = 128;
        let rv = w.once(INPUT.as_ptr(), INPUT.len(), [0; 128].as_mut_ptr(), &mut len);
        expect(rv, NOT, "one part after the error")
    }),
];

pub(super) fn cases() -> Vec<Case> {
    let mut all = Vec::new();
    for (operation, name, chapter) in ALL {
        for &(id, statement, body) in STATEMENTS {
            let chapter =
                if matches!(id, "length" | "too-small" | "final-length") { "5.2" } else { chapter };
            all.push(case(
                format!("operation.{name}.{id}"),
                chapter,
                format!("{name}: {statement}"),
                move |b| body(&Work::new(b, operation)?),
            ));
        }
    }
    all.extend(keyed());
    all.extend(verifying());
    all.extend(dual::cases());
    all.extend(recover());
    all.push(digest_key());
    all
}

/// Init with a key: its handle, its type, its use.
fn keyed() -> Vec<Case> {
    type Init = fn(&Session<'_>, *mut CK_MECHANISM, CK_OBJECT_HANDLE) -> CK_RV;
    let rows: [(&str, &str, CK_ATTRIBUTE_TYPE, Mechanism, CK_ULONG, Init); 4] = [
        (
            "encrypt",
            "5.8.1",
            CKA_ENCRYPT,
            Mechanism::bytes(CKM_AES_CBC, &[0; 16]),
            CKK_AES,
            |s, m, k| call!(s.module, C_EncryptInit(s.handle, m, k)),
        ),
        (
            "decrypt",
            "5.10.1",
            CKA_DECRYPT,
            Mechanism::bytes(CKM_AES_CBC, &[0; 16]),
            CKK_AES,
            |s, m, k| call!(s.module, C_DecryptInit(s.handle, m, k)),
        ),
        (
            "sign",
            "5.13.1",
            CKA_SIGN,
            Mechanism::plain(CKM_SHA256_HMAC),
            CKK_GENERIC_SECRET,
            |s, m, k| call!(s.module, C_SignInit(s.handle, m, k)),
        ),
        (
            "verify",
            "5.15.1",
            CKA_VERIFY,
            Mechanism::plain(CKM_SHA256_HMAC),
            CKK_GENERIC_SECRET,
            |s, m, k| call!(s.module, C_VerifyInit(s.handle, m, k)),
        ),
    ];
    let mut all = Vec::new();
    for (name, chapter, used, mechanism, key_type, init) in rows {
        let m = mechanism.clone();
        all.push(case(
            format!("operation.{name}.usage"),
            chapter,
            format!("{name}: a key without the attribute is CKR_KEY_FUNCTION_NOT_PERMITTED"),
            move |b| {
                let session = b.user()?;
                let key = session.object(&secret(key_type, &[7; 16], &[]).flag(used, false))?;
                expect(init(&session, &mut m.raw(), key), &[CKR_KEY_FUNCTION_NOT_PERMITTED], "Init")
            },
        ));
        let m = mechanism.clone();
        all.push(case(
            format!("operation.{name}.key-handle"),
            chapter,
            format!("{name}: no key is CKR_KEY_HANDLE_INVALID"),
            move |b| {
                let session = b.user()?;
                let invalid = &[CKR_KEY_HANDLE_INVALID, CKR_OBJECT_HANDLE_INVALID];
                expect(init(&session, &mut m.raw(), 0x7FFF_FFF5), invalid, "no such object")?;
                expect(init(&session, &mut m.raw(), 0), invalid, "handle 0")
            },
        ));
        let m = mechanism.clone();
        all.push(case(
            format!("operation.{name}.key-type"),
            chapter,
            format!("{name}: a key of another type is CKR_KEY_TYPE_INCONSISTENT"),
            move |b| {
                let session = b.user()?;
                // The two types that every token has.
                let other = if key_type == CKK_AES { CKK_GENERIC_SECRET } else { CKK_AES };
                let key = session.object(&secret(other, &[7; 32], &[used]))?;
                expect(init(&session, &mut m.raw(), key), &[CKR_KEY_TYPE_INCONSISTENT], "Init")
            },
        ));
        let m = mechanism.clone();
        all.push(case(
            format!("operation.{name}.allowed"),
            "4.7",
            format!("{name}: CKA_ALLOWED_MECHANISMS leaves others out"),
            move |b| {
                let session = b.user()?;
                let allowed = CKM_AES_ECB.to_ne_bytes();
                let key =
                    secret(key_type, &[7; 16], &[used]).bytes(CKA_ALLOWED_MECHANISMS, &allowed);
                let key = session.object(&key)?;
                expect(init(&session, &mut m.raw(), key), &[CKR_MECHANISM_INVALID], "Init")
            },
        ));
        let m = mechanism;
        all.push(case(
            format!("operation.{name}.data-object"),
            chapter,
            format!("{name}: an object that is no key is refused"),
            move |b| {
                let session = b.user()?;
                let object = session.object(&super::material::data("c", b"v"))?;
                let codes = &[
                    CKR_KEY_HANDLE_INVALID,
                    CKR_KEY_TYPE_INCONSISTENT,
                    CKR_OBJECT_HANDLE_INVALID,
                    CKR_KEY_FUNCTION_NOT_PERMITTED,
                ];
                expect(init(&session, &mut m.raw(), object), codes, "Init")
            },
        ));
    }
    all
}

fn verifying() -> Vec<Case> {
    fn begun<'a>(b: &Bench<'a>) -> Result<(Session<'a>, CK_OBJECT_HANDLE, Vec<u8>), Stop> {
        let work = Work::new(b, Sign)?;
        let mac = work.whole()?;
        let mut mechanism = work.mechanism.raw();
        let (m, s) = (b.module, work.session.handle);
        ok(call!(m, C_VerifyInit(s, &mut mechanism, work.key)), "C_VerifyInit")?;
        Ok((work.session, work.key, mac))
    }
    let verify = |s: &Session<'_>, mac: &[u8]| {
        let (at, len) = (mac.as_ptr().cast_mut(), mac.len() as CK_ULONG);
        call!(s.module, C_Verify(s.handle, INPUT.as_ptr().cast_mut(), 32, at, len))
    };
    vec![
        case(
            "operation.verify.right",
            "5.15.2",
            "verify: the right signature holds and ends the operation",
            move |b| {
                let (session, _, mac) = begun(b)?;
                ok(verify(&session, &mac), "C_Verify")?;
                expect(verify(&session, &mac), NOT, "C_Verify again")
            },
        ),
        case(
            "operation.verify.wrong",
            "5.15.2",
            "verify: a wrong one is CKR_SIGNATURE_INVALID and ends the operation",
            move |b| {
                let (session, _, mut mac) = begun(b)?;
                mac[0] ^= 1;
                expect(verify(&session, &mac), &[CKR_SIGNATURE_INVALID], "C_Verify")?;
                expect(verify(&session, &mac), NOT, "C_Verify again")
            },
        ),
        case(
            "operation.verify.length",
            "5.15.2",
            "verify: one of another length is CKR_SIGNATURE_LEN_RANGE",
            move |b| {
                let (session, _, mac) = begun(b)?;
                expect(verify(&session, &mac[1..]), &[CKR_SIGNATURE_LEN_RANGE], "C_Verify")
            },
        ),
        case(
            "operation.verify.parts",
            "5.15.3",
            "verify: many parts hold as one part does",
            move |b| {
                let (session, _, mut mac) = begun(b)?;
                let (m, s) = (b.module, session.handle);
                for cut in [1, 20, 11] {
                    ok(
                        call!(m, C_VerifyUpdate(s, INPUT.as_ptr().cast_mut(), cut)),
                        "C_VerifyUpdate",
                    )?;
                }
                ok(
                    call!(m, C_VerifyFinal(s, mac.as_mut_ptr(), mac.len() as CK_ULONG)),
                    "C_VerifyFinal",
                )
            },
        ),
    ]
}

fn recover() -> Vec<Case> {
    vec![case(
        "operation.recover",
        "5.13.6",
        "C_SignRecover and C_VerifyRecover bring the data back",
        |b| {
            let session = b.user()?;
            let private = session.object(&RSA.private_template(&[CKA_SIGN_RECOVER]))?;
            let public = session.object(&RSA.public_template(&[CKA_VERIFY_RECOVER]))?;
            let (m, s, mut data) = (b.module, session.handle, *b"recovered");
            let mut pkcs =
                CK_MECHANISM { mechanism: CKM_RSA_PKCS, pParameter: null_mut(), ulParameterLen: 0 };
            ok(call!(m, C_SignRecoverInit(s, &mut pkcs, private)), "C_SignRecoverInit")?;
            let (mut signature, mut len) = ([0_u8; 256], 0);
            ok(
                call!(m, C_SignRecover(s, data.as_mut_ptr(), 9, null_mut(), &mut len)),
                "the length",
            )?;
            hold(len == 256, || format!("length {len}"))?;
            ok(
                call!(m, C_SignRecover(s, data.as_mut_ptr(), 9, signature.as_mut_ptr(), &mut len)),
                "C_SignRecover",
            )?;
            ok(call!(m, C_VerifyRecoverInit(s, &mut pkcs, public)), "C_VerifyRecoverInit")?;
            let (mut back, mut back_len) = ([0_u8; 256], 4);
            let rv = call!(
                m,
                C_VerifyRecover(s, signature.as_mut_ptr(), len, back.as_mut_ptr(), &mut back_len)
            );
            expect(rv, &[CKR_BUFFER_TOO_SMALL], "too small a place")?;
            back_len = 256;
            ok(
                call!(
                    m,
                    C_VerifyRecover(
                        s,
                        signature.as_mut_ptr(),
                        len,
                        back.as_mut_ptr(),
                        &mut back_len
                    )
                ),
                "C_VerifyRecover",
            )?;
            hold(&back[..back_len as usize] == b"recovered", || "other data".into())
        },
    )]
}

fn digest_key() -> Case {
    case(
        "operation.digest.key",
        "5.12.4",
        "C_DigestKey digests a secret key's value among other data",
        |b| {
            let session = b.user()?;
            let key = session.object(&secret(CKK_GENERIC_SECRET, &[7; 32], &[]))?;
            let (m, s, sha) = (b.module, session.handle, Mechanism::plain(CKM_SHA256));
            ok(call!(m, C_DigestInit(s, &mut sha.raw())), "C_DigestInit")?;
            let at = INPUT.as_ptr().cast_mut();
            ok(call!(m, C_DigestUpdate(s, at, 32)), "C_DigestUpdate")?;
            let rv = call!(m, C_DigestKey(s, key));
            if rv == CKR_KEY_INDIGESTIBLE {
                return Err(Stop::Unsupported("C_DigestKey: CKR_KEY_INDIGESTIBLE".into()));
            }
            ok(rv, "C_DigestKey")?;
            let (mut hash, mut len) = ([0_u8; 32], 32);
            ok(call!(m, C_DigestFinal(s, hash.as_mut_ptr(), &mut len)), "C_DigestFinal")?;
            let wanted = crate::openssl::digest("SHA256", &[INPUT, [7; 32]].concat())
                .ok_or_else(super::material::no_openssl)?;
            hold(hash[..] == wanted, || "another digest".into())
        },
    )
}
