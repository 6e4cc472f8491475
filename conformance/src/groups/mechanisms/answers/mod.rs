//! Mechanisms that are asked for one known answer each: those whose parameters have a structure of their
//! own, and those that OpenSSL's functions here do not compute. Where an answer comes from stands in
//! `data/known_answers.txt`.

#![allow(non_snake_case, reason = "fields of PKCS#11's structures keep their spelling")]

mod agree;
mod derive;
mod make;
mod sign;

use cryptoki_sys::*;

use super::raw;
use crate::{
    call,
    case::{Bench, Check, Mechanism, Session, Stop, Template, fail, hold, ok},
    groups::material::secret,
};

/// What asks for the answer of a mechanism of that number.
type Ask = fn(&Bench, CK_MECHANISM_TYPE) -> Check;

/// A mechanism: number, name, group, chapter, the uses that it must be listed for, what asks.
pub(super) type Row = (CK_MECHANISM_TYPE, &'static str, &'static str, &'static str, CK_FLAGS, Ask);

/// Rows of one group, chapter and use.
macro_rules! answers {
    ($group:literal, $chapter:literal, $flags:expr; $($kind:ident $ask:expr),* $(,)?) => {
        &[$(($kind, stringify!($kind), $group, $chapter, $flags, $ask)),*]
    };
}
use answers;

/// All rows.
pub(super) fn rows() -> impl Iterator<Item = &'static Row> {
    [derive::ROWS, sign::ROWS, agree::ROWS, make::ROWS].into_iter().flatten().copied().flatten()
}

/// A known answer by its name.
fn known(name: &str) -> Vec<u8> {
    let lines = include_str!("../../../../data/known_answers.txt").lines();
    let digits = lines
        .filter_map(|line| line.split_once(" = "))
        .find(|(known, _)| *known == name)
        .map_or_else(|| panic!("{name} is not in known_answers.txt"), |(_, digits)| digits);
    let digit = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).expect("hexadecimal");
    (0..digits.len()).step_by(2).map(digit).collect()
}

/// `len` bytes that count from `first`.
fn counting(first: u8, len: u8) -> Vec<u8> {
    (first..first + len).collect()
}

/// The data of most answers: 40 41 ... 5f.
fn data() -> Vec<u8> {
    counting(0x40, 32)
}

/// The bytes of structures that a parameter points to.
fn bytes_of<T: Copy>(values: &[T]) -> Vec<u8> {
    let mut out = vec![0; size_of_val(values)];
    // SAFETY: as many bytes as both have; padding is copied as it is, never read here.
    unsafe {
        std::ptr::copy_nonoverlapping(values.as_ptr().cast::<u8>(), out.as_mut_ptr(), out.len());
    }
    out
}

/// A secret key of known value that may do everything.
fn secret_key(s: &Session<'_>, key_type: CK_ULONG, value: &[u8]) -> Result<CK_OBJECT_HANDLE, Stop> {
    const CIPHER: &[CK_ATTRIBUTE_TYPE] =
        &[CKA_ENCRYPT, CKA_DECRYPT, CKA_WRAP, CKA_UNWRAP, CKA_SIGN, CKA_VERIFY, CKA_DERIVE];
    s.object(&secret(key_type, value, CIPHER))
}

/// A secret that comes out and can be read.
fn readable(len: usize) -> Template {
    let template = Template::new()
        .number(CKA_CLASS, CKO_SECRET_KEY)
        .number(CKA_KEY_TYPE, CKK_GENERIC_SECRET)
        .flag(CKA_SENSITIVE, false)
        .flag(CKA_EXTRACTABLE, true);
    if len == 0 { template } else { template.number(CKA_VALUE_LEN, len as CK_ULONG) }
}

/// The value of what is derived is the answer.
fn derives(
    s: &Session<'_>,
    mechanism: &Mechanism,
    base: CK_OBJECT_HANDLE,
    template: &Template,
    wanted: &[u8],
) -> Check {
    let (rv, key) = s.derive(mechanism, base, template);
    ok(rv, "C_DeriveKey")?;
    hold(s.value(key, CKA_VALUE)? == wanted, || "another value".into())
}

/// The value of what is unwrapped is the answer.
fn unwraps(
    s: &Session<'_>,
    mechanism: &Mechanism,
    with: CK_OBJECT_HANDLE,
    wrapped: &[u8],
    wanted: &[u8],
) -> Check {
    let (rv, key) = s.unwrap(mechanism, with, wrapped, &readable(0));
    ok(rv, "C_UnwrapKey")?;
    hold(s.value(key, CKA_VALUE)? == wanted, || "another value".into())
}

/// A signature of somebody else verifies, and one of other data does not.
fn verifies(
    s: &Session<'_>,
    mechanism: &Mechanism,
    key: CK_OBJECT_HANDLE,
    data: &[u8],
    signature: &[u8],
) -> Check {
    let mut other = data.to_vec();
    // Of a digest longer than its order DSA takes the first bits.
    *other.first_mut().unwrap_or(&mut 0) ^= 1;
    for (data, wanted) in [(data, CKR_OK), (&other[..], CKR_SIGNATURE_INVALID)] {
        ok(call!(s.module, C_VerifyInit(s.handle, &mut mechanism.raw(), key)), "C_VerifyInit")?;
        let ((at, len), (sig, sig_len)) = (raw(data), raw(signature));
        let rv = call!(s.module, C_Verify(s.handle, at, len, sig, sig_len));
        crate::case::expect(rv, &[wanted], "C_Verify")?;
    }
    Ok(())
}

/// The signature of the data.
fn signature(
    s: &Session<'_>,
    mechanism: &Mechanism,
    key: CK_OBJECT_HANDLE,
    data: &[u8],
) -> Result<Vec<u8>, Stop> {
    ok(call!(s.module, C_SignInit(s.handle, &mut mechanism.raw(), key)), "C_SignInit")?;
    let (at, len) = raw(data);
    let (rv, made) =
        super::taken(1 << 16, |out, room| call!(s.module, C_Sign(s.handle, at, len, out, room)));
    ok(rv, "C_Sign")?;
    Ok(made)
}

/// The signature is the answer, and verifies.
fn signs(
    s: &Session<'_>,
    mechanism: &Mechanism,
    key: CK_OBJECT_HANDLE,
    data: &[u8],
    wanted: &[u8],
) -> Check {
    if signature(s, mechanism, key, data)? != wanted {
        return fail("another signature");
    }
    verifies(s, mechanism, key, data, wanted)
}
