//! Uses that the standard's tables give to mechanisms of wrapping and of encryption alike (6.1, 6.11, 6.16), and
//! what C_GetMechanismInfo says of uses.

use std::ptr::null_mut;

use cryptoki_sys::*;

use super::{
    case,
    material::{P256, RSA, no_openssl, secret},
};
use crate::{
    call,
    case::{Bench, Case, Check, Mechanism, Session, Stop, Template, expect, hold, ok},
    openssl::{self, Cipher},
};

const KEY: [u8; 32] = [9; 32];

fn listed(b: &Bench<'_>, kind: CK_MECHANISM_TYPE, flags: CK_FLAGS) -> Check {
    match b.module.mechanism_info(kind) {
        Some(info) if info.flags & flags == flags => Ok(()),
        _ => Err(Stop::Unsupported("the mechanism is not listed for this use".into())),
    }
}

/// A function in one part: the length first, then that room, to the byte.
fn one_part(
    call: impl Fn(*mut CK_BYTE, *mut CK_ULONG) -> CK_RV,
    what: &str,
) -> Result<Vec<u8>, Stop> {
    let mut len = 0;
    ok(call(null_mut(), &mut len), &format!("{what} for the length"))?;
    let mut out = vec![0; len as usize];
    ok(call(out.as_mut_ptr(), &mut len), what)?;
    out.truncate(len as usize);
    Ok(out)
}

fn encrypt(
    s: &Session<'_>,
    mechanism: &Mechanism,
    key: CK_OBJECT_HANDLE,
    data: &[u8],
) -> Result<Vec<u8>, Stop> {
    ok(call!(s.module, C_EncryptInit(s.handle, &mut mechanism.raw(), key)), "C_EncryptInit")?;
    let (at, size) = (data.as_ptr().cast_mut(), data.len() as CK_ULONG);
    one_part(|out, len| call!(s.module, C_Encrypt(s.handle, at, size, out, len)), "C_Encrypt")
}

fn decrypt(
    s: &Session<'_>,
    mechanism: &Mechanism,
    key: CK_OBJECT_HANDLE,
    data: &[u8],
) -> Result<Vec<u8>, Stop> {
    ok(call!(s.module, C_DecryptInit(s.handle, &mut mechanism.raw(), key)), "C_DecryptInit")?;
    let (at, size) = (data.as_ptr().cast_mut(), data.len() as CK_ULONG);
    one_part(|out, len| call!(s.module, C_Decrypt(s.handle, at, size, out, len)), "C_Decrypt")
}

fn wrapped(
    s: &Session<'_>,
    mechanism: &Mechanism,
    [by, key]: [CK_OBJECT_HANDLE; 2],
) -> Result<Vec<u8>, Stop> {
    one_part(
        |out, len| call!(s.module, C_WrapKey(s.handle, &mut mechanism.raw(), by, key, out, len)),
        "C_WrapKey",
    )
}

/// Data under a key wrap, beside OpenSSL's.
fn key_wrap(b: &Bench<'_>, kind: CK_MECHANISM_TYPE, name: &str, lengths: &[usize]) -> Check {
    listed(b, kind, CKF_ENCRYPT | CKF_DECRYPT)?;
    let s = b.user()?;
    let key = s.object(&secret(CKK_AES, &KEY, &[CKA_ENCRYPT, CKA_DECRYPT]))?;
    let mechanism = Mechanism::plain(kind);
    for &len in lengths {
        let data: Vec<u8> = (0..len as u8).collect();
        // With PKCS#7 the padding is the token's own work, before OpenSSL's wrap.
        let mut filled = data.clone();
        if kind == CKM_AES_KEY_WRAP_PKCS7 {
            let fill = 8 - len % 8;
            filled.resize(len + fill, fill as u8);
        }
        let cipher = Cipher { name, key: &KEY, iv: &[], padded: true, tag: None };
        let wanted = openssl::encrypt(cipher, &filled).ok_or_else(no_openssl)?;
        let sealed = encrypt(&s, &mechanism, key, &data)?;
        hold(sealed == wanted, || format!("{len} bytes: OpenSSL makes something else"))?;
        let opened = decrypt(&s, &mechanism, key, &sealed)?;
        hold(opened == data, || format!("{len} bytes: something else comes back"))?;
    }
    Ok(())
}

/// Keys that are no whole semiblocks: zeros are wrapped with them, and are no part of what comes back.
fn key_wrap_of_parts(b: &Bench<'_>) -> Check {
    listed(b, CKM_AES_KEY_WRAP, CKF_WRAP | CKF_UNWRAP)?;
    let s = b.user()?;
    let by = s.object(&secret(CKK_AES, &KEY, &[CKA_WRAP, CKA_UNWRAP]))?;
    let mechanism = Mechanism::plain(CKM_AES_KEY_WRAP);
    for len in [9, 15, 17, 21, 23] {
        let value = vec![5; len];
        let key = s.object(&secret(CKK_GENERIC_SECRET, &value, &[]))?;
        let bytes = wrapped(&s, &mechanism, [by, key])?;
        let mut filled = value.clone();
        filled.resize(len.next_multiple_of(8), 0);
        let cipher = Cipher { name: "AES-256-WRAP", key: &KEY, iv: &[], padded: true, tag: None };
        let wanted = openssl::encrypt(cipher, &filled).ok_or_else(no_openssl)?;
        hold(bytes == wanted, || format!("{len} bytes: OpenSSL makes something else"))?;
        let said = |len: usize| {
            readable().number(CKA_KEY_TYPE, CKK_GENERIC_SECRET).number(CKA_VALUE_LEN, len as u64)
        };
        let (rv, back) = s.unwrap(&mechanism, by, &bytes, &said(len));
        ok(rv, "C_UnwrapKey")?;
        hold(s.value(back, CKA_VALUE)? == value, || "another value".into())?;
        let (rv, _) = s.unwrap(&mechanism, by, &bytes, &said(filled.len() - 8));
        let codes = [CKR_TEMPLATE_INCONSISTENT, CKR_WRAPPED_KEY_LEN_RANGE, CKR_WRAPPED_KEY_INVALID];
        expect(rv, &codes, "C_UnwrapKey of a semiblock less")?;
    }
    let private = s.object(&P256.private_template(&[CKA_SIGN]).flag(CKA_EXTRACTABLE, true))?;
    let bytes = wrapped(&s, &mechanism, [by, private])?;
    let template = Template::new()
        .number(CKA_CLASS, CKO_PRIVATE_KEY)
        .number(CKA_KEY_TYPE, CKK_EC)
        .flag(CKA_TOKEN, false);
    ok(s.unwrap(&mechanism, by, &bytes, &template).0, "C_UnwrapKey of a private key")
}

fn counter_mode(b: &Bench<'_>) -> Check {
    listed(b, CKM_AES_CTR, CKF_WRAP | CKF_UNWRAP)?;
    let s = b.user()?;
    let by = s.object(&secret(CKK_AES, &KEY, &[CKA_WRAP, CKA_UNWRAP]))?;
    let counter = CK_AES_CTR_PARAMS { ulCounterBits: 128, cb: [3; 16] };
    let mechanism = Mechanism::structure(CKM_AES_CTR, counter, Vec::new());
    for len in [16, 24, 32] {
        let value = vec![5; len];
        let key = s.object(&secret(CKK_AES, &value, &[]))?;
        let bytes = wrapped(&s, &mechanism, [by, key])?;
        let cipher =
            Cipher { name: "AES-256-CTR", key: &KEY, iv: &[3; 16], padded: false, tag: None };
        let wanted = openssl::encrypt(cipher, &value).ok_or_else(no_openssl)?;
        hold(bytes == wanted, || format!("{len} bytes: OpenSSL makes something else"))?;
        let (rv, back) = s.unwrap(&mechanism, by, &bytes, &readable());
        ok(rv, "C_UnwrapKey")?;
        hold(s.value(back, CKA_VALUE)? == value, || "another value".into())?;
    }
    let fixed = s.object(&secret(CKK_AES, &KEY, &[]).flag(CKA_EXTRACTABLE, false))?;
    let mut len = 0;
    let rv =
        call!(s.module, C_WrapKey(s.handle, &mut mechanism.raw(), by, fixed, null_mut(), &mut len));
    expect(rv, &[CKR_KEY_UNEXTRACTABLE], "C_WrapKey of a key that is not extractable")
}

fn raw_rsa(b: &Bench<'_>) -> Check {
    listed(b, CKM_RSA_X_509, CKF_WRAP | CKF_UNWRAP)?;
    let s = b.user()?;
    let public = s.object(&RSA.public_template(&[CKA_WRAP]))?;
    let private = s.object(&RSA.private_template(&[CKA_UNWRAP]))?;
    let key = s.object(&secret(CKK_AES, &[5; 24], &[]))?;
    let raw = Mechanism::plain(CKM_RSA_X_509);
    let bytes = wrapped(&s, &raw, [public, key])?;
    let filled = [vec![0; 256 - 24], vec![5; 24]].concat();
    let options: openssl::Options<'_> = &[(c"rsa_padding_mode", c"none")];
    let wanted = RSA.public()?.encrypt(options, &filled).ok_or_else(no_openssl)?;
    hold(bytes == wanted, || "OpenSSL makes something else".into())?;
    let (rv, back) = s.unwrap(&raw, private, &bytes, &readable().number(CKA_VALUE_LEN, 24));
    ok(rv, "C_UnwrapKey")?;
    hold(s.value(back, CKA_VALUE)? == [5; 24], || "another value".into())
}

fn readable() -> Template {
    Template::new()
        .number(CKA_CLASS, CKO_SECRET_KEY)
        .number(CKA_KEY_TYPE, CKK_AES)
        .flag(CKA_SENSITIVE, false)
        .flag(CKA_EXTRACTABLE, true)
}

/// Every function that begins something, of every mechanism that is not listed for it, with and without
/// bytes behind the mechanism.
fn unlisted(b: &Bench<'_>) -> Check {
    let s = b.user()?;
    let aes = s.object(&secret(CKK_AES, &KEY, &[CKA_ENCRYPT, CKA_SIGN, CKA_WRAP, CKA_DERIVE]))?;
    let other = s.object(&secret(CKK_AES, &[5; 32], &[]))?;
    let (m, h) = (b.module, s.handle);
    for kind in m.mechanisms() {
        let flags = m.mechanism_info(kind).map_or(0, |info| info.flags);
        for mechanism in [Mechanism::plain(kind), Mechanism::bytes(kind, &[7; 5])] {
            let refused = |flag: CK_FLAGS, what: &str, ask: &dyn Fn(*mut CK_MECHANISM) -> CK_RV| {
                if flags & flag != 0 {
                    return Ok(());
                }
                let rv = ask(&mut mechanism.raw());
                let name = hsmsim_types::names::or_hex(hsmsim_types::names::mechanism, kind);
                expect(rv, &[CKR_MECHANISM_INVALID], &format!("{what} with {name}"))
            };
            refused(CKF_ENCRYPT, "C_EncryptInit", &|at| call!(m, C_EncryptInit(h, at, aes)))?;
            refused(CKF_DECRYPT, "C_DecryptInit", &|at| call!(m, C_DecryptInit(h, at, aes)))?;
            refused(CKF_DIGEST, "C_DigestInit", &|at| call!(m, C_DigestInit(h, at)))?;
            refused(CKF_SIGN, "C_SignInit", &|at| call!(m, C_SignInit(h, at, aes)))?;
            refused(CKF_VERIFY, "C_VerifyInit", &|at| call!(m, C_VerifyInit(h, at, aes)))?;
            refused(CKF_GENERATE, "C_GenerateKey", &|at| {
                call!(m, C_GenerateKey(h, at, null_mut(), 0, &mut 0))
            })?;
            refused(CKF_GENERATE_KEY_PAIR, "C_GenerateKeyPair", &|at| {
                let none = null_mut();
                call!(m, C_GenerateKeyPair(h, at, none, 0, none, 0, &mut 0, &mut 0))
            })?;
            refused(CKF_WRAP, "C_WrapKey", &|at| {
                call!(m, C_WrapKey(h, at, aes, other, null_mut(), &mut 0))
            })?;
            refused(CKF_UNWRAP, "C_UnwrapKey", &|at| {
                let mut data = [1; 40];
                let bytes = data.as_mut_ptr();
                call!(m, C_UnwrapKey(h, at, aes, bytes, 40, null_mut(), 0, &mut 0))
            })?;
            refused(CKF_DERIVE, "C_DeriveKey", &|at| {
                call!(m, C_DeriveKey(h, at, aes, null_mut(), 0, &mut 0))
            })?;
        }
    }
    Ok(())
}

/// C_GetMechanismInfo says which curves a mechanism takes: what is listed is taken.
fn curves(b: &Bench<'_>) -> Check {
    listed(b, CKM_EC_KEY_PAIR_GEN, CKF_GENERATE_KEY_PAIR)?;
    let flags = b.module.mechanism_info(CKM_EC_KEY_PAIR_GEN).map_or(0, |info| info.flags);
    hold(flags & (CKF_EC_F_P | CKF_EC_F_2M) != 0, || "no kind of field".into())?;
    hold(flags & (CKF_EC_COMPRESS | CKF_EC_UNCOMPRESS) != 0, || "no form of points".into())?;
    let s = b.user()?;
    let name = [&[0x13, 9][..], b"secp256r1"].concat();
    let pair = |params: &[u8]| {
        let public = P256.like().bytes(CKA_EC_PARAMS, params);
        s.generate_pair(&Mechanism::plain(CKM_EC_KEY_PAIR_GEN), &public, &Template::new()).0
    };
    if flags & CKF_EC_CURVENAME != 0 {
        ok(pair(&name), "a curve by its name")?;
    }
    if flags & CKF_EC_OID != 0 {
        ok(pair(&[6, 8, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 3, 1, 7]), "a curve by its OID")?;
    }
    Ok(())
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        case("use.encrypt.key-wrap", "6.16 (3.2)", "CKM_AES_KEY_WRAP encrypts data", |b| {
            key_wrap(b, CKM_AES_KEY_WRAP, "AES-256-WRAP", &[16, 24, 64])
        }),
        case("use.encrypt.kwp", "6.16 (3.2)", "CKM_AES_KEY_WRAP_KWP encrypts data", |b| {
            key_wrap(b, CKM_AES_KEY_WRAP_KWP, "AES-256-WRAP-PAD", &[1, 7, 8, 9, 20, 64])
        }),
        case("use.encrypt.pkcs7", "6.16 (3.2)", "CKM_AES_KEY_WRAP_PKCS7 encrypts data", |b| {
            key_wrap(b, CKM_AES_KEY_WRAP_PKCS7, "AES-256-WRAP", &[8, 9, 20, 64])
        }),
        case(
            "use.wrap.key-wrap",
            "6.16 (3.2)",
            "CKM_AES_KEY_WRAP fills keys up with zeros and leaves them out of what it unwraps",
            key_wrap_of_parts,
        ),
        case("use.wrap.ctr", "6.11", "CKM_AES_CTR wraps and unwraps secret keys", counter_mode),
        case("use.wrap.raw-rsa", "6.1.13", "CKM_RSA_X_509 wraps and unwraps secret keys", raw_rsa),
        case(
            "use.unlisted",
            "5.5.6",
            "a use that no flag lists is CKR_MECHANISM_INVALID, whatever the parameter",
            unlisted,
        ),
        case("use.curves", "6.3", "the flags for curves say what is taken", curves),
    ]
}
