//! Generation, wrapping, derivation.

use std::ptr::null_mut;

use cryptoki_sys::*;

use super::{
    super::material::{P256, key_bytes, no_openssl, pattern, secret},
    Asked, asked, named, raw,
    table::What,
    taken,
};
use crate::{
    call,
    case::{Mechanism, Session, Template, expect, hold, ok},
    openssl::{self, Cipher, Key},
};

pub(super) fn generate(kind: CK_MECHANISM_TYPE, what: What) -> Vec<Asked> {
    match what {
        What::Generate(key_type, len, told) => vec![asked(
            "value",
            "5.18.1",
            "its keys have their type and length, and differ",
            CKF_GENERATE,
            move |b| {
                let s = b.user()?;
                let template =
                    Template::new().flag(CKA_SENSITIVE, false).flag(CKA_EXTRACTABLE, true);
                let template =
                    if told { template.number(CKA_VALUE_LEN, len as CK_ULONG) } else { template };
                let mut values = Vec::new();
                for _ in 0..2 {
                    let (rv, key) = s.generate(&Mechanism::plain(kind), &template);
                    ok(rv, "C_GenerateKey")?;
                    hold(s.value(key, CKA_KEY_TYPE)? == key_type.to_ne_bytes(), || {
                        "another key type".into()
                    })?;
                    values.push(s.value(key, CKA_VALUE)?);
                }
                hold(values[0].len() == len, || format!("{} bytes", values[0].len()))?;
                hold(values[0] != values[1], || "twice the same key".into())
            },
        )],
        What::Pair(pair) => vec![
            asked(
                "value",
                "5.18.2",
                "its pairs belong together: OpenSSL reads the public key, and what the private key does fits it",
                CKF_GENERATE_KEY_PAIR,
                move |b| {
                    let s = b.user()?;
                    let (rv, public, private) =
                        s.generate_pair(&Mechanism::plain(kind), &pair().like(), &Template::new());
                    ok(rv, "C_GenerateKeyPair")?;
                    let (one, other) =
                        (s.value(public, CKA_KEY_TYPE)?, s.value(private, CKA_KEY_TYPE)?);
                    hold(one == other, || "two key types".into())?;
                    let shared = if pair().is_rsa() { CKA_MODULUS } else { CKA_EC_PARAMS };
                    hold(s.value(public, shared)? == s.value(private, shared)?, || {
                        "two different halves".into()
                    })?;
                    let local = [s.value(public, CKA_LOCAL)?, s.value(private, CKA_LOCAL)?];
                    hold(local == [vec![1], vec![1]], || "CKA_LOCAL is false".into())?;
                    if pair().is_rsa() {
                        let modulus = s.value(public, CKA_MODULUS)?;
                        hold(modulus.len() == 256 && modulus[0] & 0x80 != 0, || {
                            format!("{} bytes of modulus", modulus.len())
                        })?;
                        return hold(s.value(public, CKA_PUBLIC_EXPONENT)? == [1, 0, 1], || {
                            "another exponent".into()
                        });
                    }
                    // The key of the suite with this point in its place.
                    let point = s.value(public, CKA_EC_POINT)?;
                    let bare = pair().point().len();
                    hold(point.len() >= bare, || format!("{} bytes of point", point.len()))?;
                    let mut spki = pair().spki().to_vec();
                    let at = spki.len() - bare;
                    spki[at..].copy_from_slice(&point[point.len() - bare..]);
                    hold(Key::public(&spki).is_some(), || "OpenSSL does not read the point".into())
                },
            ),
            asked(
                "sensitive",
                "4.9",
                "private keys are private, and not sensitive unless asked for or by default",
                CKF_GENERATE_KEY_PAIR,
                move |b| {
                    let s = b.user()?;
                    let wanted =
                        Template::new().flag(CKA_SENSITIVE, true).flag(CKA_EXTRACTABLE, false);
                    let (rv, public, private) =
                        s.generate_pair(&Mechanism::plain(kind), &pair().like(), &wanted);
                    ok(rv, "C_GenerateKeyPair")?;
                    let rows = [
                        (private, CKA_PRIVATE, 1),
                        (private, CKA_ALWAYS_SENSITIVE, 1),
                        (private, CKA_NEVER_EXTRACTABLE, 1),
                        (public, CKA_PRIVATE, 0),
                    ];
                    for (object, kind, value) in rows {
                        // Whether a public key is private is the token's choice.
                        let seen = s.value(object, kind)?;
                        hold(seen == [value] || (object == public && seen.len() == 1), || {
                            format!("{kind:#x} is {seen:?}")
                        })?;
                    }
                    let secret = if pair().is_rsa() { CKA_PRIVATE_EXPONENT } else { CKA_VALUE };
                    expect(
                        s.get(private, secret).0,
                        &[CKR_ATTRIBUTE_SENSITIVE],
                        "C_GetAttributeValue",
                    )
                },
            ),
            asked(
                "limits",
                "5.18.2",
                "sizes outside of the mechanism's information are refused",
                CKF_GENERATE_KEY_PAIR,
                move |b| {
                    if !pair().is_rsa() {
                        return Ok(());
                    }
                    let s = b.user()?;
                    let info = b
                        .module
                        .mechanism_info(kind)
                        .map_or((0, 0), |info| (info.ulMinKeySize, info.ulMaxKeySize));
                    for bits in [0, 8, info.0.saturating_sub(8), info.1 + 8] {
                        let public = pair().like().number(CKA_MODULUS_BITS, bits);
                        let (rv, _, _) =
                            s.generate_pair(&Mechanism::plain(kind), &public, &Template::new());
                        expect(
                            rv,
                            &[CKR_KEY_SIZE_RANGE, CKR_ATTRIBUTE_VALUE_INVALID],
                            &format!("{bits} bits"),
                        )?;
                    }
                    Ok(())
                },
            ),
        ],
        _ => Vec::new(),
    }
}

pub(super) fn wrap(
    kind: CK_MECHANISM_TYPE,
    lens: &'static [usize],
    cipher: &'static str,
) -> Vec<Asked> {
    vec![asked(
        "value",
        "6.13.16",
        "its wrappings are OpenSSL's, unwrap, and are refused when altered",
        CKF_WRAP | CKF_UNWRAP,
        move |b| {
            for &len in lens {
                let s = b.user()?;
                let by = key_bytes(CKK_AES, len);
                let wrapper = s.object(&secret(CKK_AES, &by, &[CKA_WRAP, CKA_UNWRAP]))?;
                let key = s.object(&secret(CKK_AES, &pattern(32), &[]))?;
                let m = Mechanism::plain(kind);
                let (rv, mut bytes) = taken(512, |out, room| {
                    call!(b.module, C_WrapKey(s.handle, &mut m.raw(), wrapper, key, out, room))
                });
                ok(rv, "C_WrapKey")?;
                let name = named(cipher, len);
                let wanted = openssl::encrypt(
                    Cipher { name: &name, key: &by, iv: &[], padded: true, tag: None },
                    &pattern(32),
                )
                .ok_or_else(no_openssl)?;
                hold(bytes == wanted, || format!("key of {len}: another wrapping"))?;
                let template = Template::new()
                    .number(CKA_CLASS, CKO_SECRET_KEY)
                    .number(CKA_KEY_TYPE, CKK_AES)
                    .flag(CKA_SENSITIVE, false)
                    .flag(CKA_EXTRACTABLE, true);
                let unwrap = |bytes: &[u8]| s.unwrap(&m, wrapper, bytes, &template);
                let (rv, back) = unwrap(&bytes);
                ok(rv, "C_UnwrapKey")?;
                hold(s.value(back, CKA_VALUE)? == pattern(32), || "another value".into())?;
                bytes[5] ^= 1;
                expect(unwrap(&bytes).0, &[CKR_WRAPPED_KEY_INVALID], "an altered wrapping")?;
                ok(call!(b.module, C_Logout(s.handle)), "C_Logout")?;
            }
            Ok(())
        },
    )]
}

fn derived(
    s: &Session<'_>,
    m: &Mechanism,
    base: CK_OBJECT_HANDLE,
    len: usize,
) -> (CK_RV, CK_OBJECT_HANDLE) {
    let template = Template::new()
        .number(CKA_CLASS, CKO_SECRET_KEY)
        .number(CKA_KEY_TYPE, CKK_GENERIC_SECRET)
        .number(CKA_VALUE_LEN, len as CK_ULONG)
        .flag(CKA_SENSITIVE, false)
        .flag(CKA_EXTRACTABLE, true);
    s.derive(m, base, &template)
}

pub(super) fn derive(kind: CK_MECHANISM_TYPE, what: What) -> Vec<Asked> {
    vec![asked("value", "5.18.5", "its keys are what OpenSSL computes", CKF_DERIVE, move |b| {
        let s = b.user()?;
        let base_template =
            |key_type, len| secret(key_type, &key_bytes(key_type, len), &[CKA_DERIVE]);
        let (base, m, wanted) = match what {
            What::Encrypts(key_type, len, name) => {
                let (data, block) =
                    (pattern(32), if matches!(key_type, CKK_DES | CKK_DES3) { 8 } else { 16 });
                let chained = name.ends_with("CBC");
                let iv = pattern(block);
                let (at, size) = raw(&data);
                let m = if !chained {
                    let string = CK_KEY_DERIVATION_STRING_DATA { pData: at, ulLen: size };
                    Mechanism::structure(kind, string, vec![data.clone()])
                } else if block == 16 {
                    let mut vector = [0; 16];
                    vector.copy_from_slice(&iv);
                    let params =
                        CK_AES_CBC_ENCRYPT_DATA_PARAMS { iv: vector, pData: at, length: size };
                    Mechanism::structure(kind, params, vec![])
                } else {
                    let mut vector = [0; 8];
                    vector.copy_from_slice(&iv);
                    let params =
                        CK_DES_CBC_ENCRYPT_DATA_PARAMS { iv: vector, pData: at, length: size };
                    Mechanism::structure(kind, params, vec![])
                };
                let key = key_bytes(key_type, len);
                let iv = if chained { iv } else { Vec::new() };
                let cipher = Cipher { name, key: &key, iv: &iv, padded: false, tag: None };
                let wanted = openssl::encrypt(cipher, &data).ok_or_else(no_openssl)?;
                let base = s.object(&base_template(key_type, len))?;
                // The mechanism points into `data`, which must outlive the call.
                let (rv, key) = derived(&s, &m, base, wanted.len());
                ok(rv, "C_DeriveKey")?;
                return hold(s.value(key, CKA_VALUE)? == wanted, || "another value".into());
            }
            What::Hashes(name) => {
                let base = s.object(&base_template(CKK_GENERIC_SECRET, 40))?;
                let wanted = openssl::digest(name, &key_bytes(CKK_GENERIC_SECRET, 40))
                    .ok_or_else(no_openssl)?;
                let m = match kind {
                    // Its parameter says how many bits of the digest there are (6.27).
                    CKM_SHA512_T_KEY_DERIVATION => {
                        Mechanism::bytes(kind, &(8 * wanted.len() as CK_ULONG).to_ne_bytes())
                    }
                    _ => Mechanism::plain(kind),
                };
                (base, m, wanted)
            }
            _ => {
                let base = s.object(&P256.private_template(&[CKA_DERIVE]))?;
                let point = P256.point().to_vec();
                let (at, size) = raw(&point);
                let params = CK_ECDH1_DERIVE_PARAMS {
                    kdf: CKD_NULL,
                    ulSharedDataLen: 0,
                    pSharedData: null_mut(),
                    ulPublicDataLen: size,
                    pPublicData: at,
                };
                let wanted = P256.private()?.agree(&P256.public()?).ok_or_else(no_openssl)?;
                (base, Mechanism::structure(kind, params, vec![point]), wanted)
            }
        };
        let (rv, key) = derived(&s, &m, base, wanted.len());
        ok(rv, "C_DeriveKey")?;
        hold(s.value(key, CKA_VALUE)? == wanted, || "another value".into())?;
        let (rv, _) = derived(&s, &m, base, wanted.len() + 1);
        expect(
            rv,
            &[CKR_KEY_SIZE_RANGE, CKR_TEMPLATE_INCONSISTENT, CKR_ATTRIBUTE_VALUE_INVALID],
            "one byte more than there is",
        )
    })]
}
