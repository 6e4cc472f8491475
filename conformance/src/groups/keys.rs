//! Key management (5.18 of 3.1): generation, wrapping, unwrapping, derivation, encapsulation.

use std::ptr::null_mut;

use cryptoki_sys::*;

use super::{
    case,
    material::{P256, RSA, secret, with_uses},
};
use crate::{
    call,
    case::{Bench, Case, Mechanism, Session, Stop, Template, expect, hold, ok},
};

fn wrap(
    s: &Session<'_>,
    m: &Mechanism,
    by: CK_OBJECT_HANDLE,
    key: CK_OBJECT_HANDLE,
) -> (CK_RV, Vec<u8>) {
    let (mut out, mut len) = (vec![0; 4096], 4096);
    let rv =
        call!(s.module, C_WrapKey(s.handle, &mut m.raw(), by, key, out.as_mut_ptr(), &mut len));
    out.truncate(if rv == CKR_OK { len as usize } else { 0 });
    (rv, out)
}

fn cbc_pad() -> Mechanism {
    Mechanism::bytes(CKM_AES_CBC_PAD, &[3; 16])
}

fn keys<'a>(
    b: &Bench<'a>,
    wrapped: Template,
    by: Template,
) -> Result<(Session<'a>, CK_OBJECT_HANDLE, CK_OBJECT_HANDLE), Stop> {
    let wraps = b.module.mechanism_info(CKM_AES_CBC_PAD).map_or(0, |info| info.flags);
    if wraps & (CKF_WRAP | CKF_UNWRAP) != CKF_WRAP | CKF_UNWRAP {
        return Err(Stop::Unsupported("CKM_AES_CBC_PAD is not listed for wrapping".into()));
    }
    let session = b.user()?;
    let (key, by) = (session.object(&wrapped)?, session.object(&by)?);
    Ok((session, key, by))
}

fn wrapper() -> Template {
    secret(CKK_AES, &[9; 32], &[CKA_WRAP, CKA_UNWRAP])
}

fn bare() -> Template {
    Template::new()
        .number(CKA_CLASS, CKO_SECRET_KEY)
        .number(CKA_KEY_TYPE, CKK_AES)
        .flag(CKA_SENSITIVE, false)
        .flag(CKA_EXTRACTABLE, true)
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        case("key.wrap", "5.18.3", "what is wrapped can be unwrapped", |b| {
            let (s, key, by) = keys(b, secret(CKK_AES, &[5; 32], &[]), wrapper())?;
            let (rv, bytes) = wrap(&s, &cbc_pad(), by, key);
            ok(rv, "C_WrapKey")?;
            let (rv, back) = s.unwrap(&cbc_pad(), by, &bytes, &bare());
            ok(rv, "C_UnwrapKey")?;
            hold(s.value(back, CKA_VALUE)? == [5; 32], || "another value".into())?;
            hold(s.value(back, CKA_LOCAL)? == [0], || "CKA_LOCAL is true".into())
        }),
        case(
            "key.wrap.private",
            "6.7",
            "a private key is wrapped as PKCS#8 that OpenSSL reads",
            |b| {
                let (s, key, by) = keys(
                    b,
                    RSA.private_template(&[CKA_SIGN]),
                    wrapper().without(CKA_VALUE).bytes(CKA_VALUE, &[9; 32]),
                )?;
                let (rv, bytes) = wrap(&s, &cbc_pad(), by, key);
                ok(rv, "C_WrapKey")?;
                let cipher = crate::openssl::Cipher {
                    name: "AES-256-CBC",
                    key: &[9; 32],
                    iv: &[3; 16],
                    padded: true,
                    tag: None,
                };
                let wanted = crate::openssl::encrypt(cipher, RSA.pkcs8())
                    .ok_or_else(super::material::no_openssl)?;
                hold(bytes == wanted, || {
                    format!(
                        "{} bytes, not those of OpenSSL's PKCS#8 ({})",
                        bytes.len(),
                        wanted.len()
                    )
                })
            },
        ),
        case(
            "key.wrap.length",
            "5.18.3",
            "C_WrapKey: the length, too small a place, an exact one",
            |b| {
                let (s, key, by) = keys(b, secret(CKK_AES, &[5; 32], &[]), wrapper())?;
                let (m, h, mut len) = (b.module, s.handle, 0);
                let mechanism = cbc_pad();
                ok(
                    call!(m, C_WrapKey(h, &mut mechanism.raw(), by, key, null_mut(), &mut len)),
                    "the length",
                )?;
                hold(len >= 48, || format!("length {len}"))?;
                let mut out = vec![0; len as usize];
                let mut less = 47;
                let rv = call!(
                    m,
                    C_WrapKey(h, &mut mechanism.raw(), by, key, out.as_mut_ptr(), &mut less)
                );
                expect(rv, &[CKR_BUFFER_TOO_SMALL], "too small a place")?;
                ok(
                    call!(
                        m,
                        C_WrapKey(h, &mut mechanism.raw(), by, key, out.as_mut_ptr(), &mut len)
                    ),
                    "the work",
                )
            },
        ),
        case(
            "key.wrap.unextractable",
            "5.18.3",
            "an unextractable key is CKR_KEY_UNEXTRACTABLE",
            |b| {
                let (s, key, by) = keys(
                    b,
                    secret(CKK_AES, &[5; 32], &[]).flag(CKA_EXTRACTABLE, false),
                    wrapper(),
                )?;
                expect(wrap(&s, &cbc_pad(), by, key).0, &[CKR_KEY_UNEXTRACTABLE], "C_WrapKey")
            },
        ),
        case("key.wrap.usage", "5.18.3", "a key without CKA_WRAP does not wrap", |b| {
            let (s, key, by) =
                keys(b, secret(CKK_AES, &[5; 32], &[]), wrapper().flag(CKA_WRAP, false))?;
            expect(wrap(&s, &cbc_pad(), by, key).0, &[CKR_KEY_FUNCTION_NOT_PERMITTED], "C_WrapKey")
        }),
        case(
            "key.wrap.trusted",
            "5.18.3",
            "CKA_WRAP_WITH_TRUSTED wants a trusted wrapping key",
            |b| {
                let (s, key, by) = keys(
                    b,
                    secret(CKK_AES, &[5; 32], &[]).flag(CKA_WRAP_WITH_TRUSTED, true),
                    wrapper(),
                )?;
                expect(wrap(&s, &cbc_pad(), by, key).0, &[CKR_KEY_NOT_WRAPPABLE], "C_WrapKey")
            },
        ),
        case("key.wrap.handles", "5.18.3", "wrong handles are told apart", |b| {
            let (s, key, by) = keys(b, secret(CKK_AES, &[5; 32], &[]), wrapper())?;
            expect(wrap(&s, &cbc_pad(), by, 0x7FFF_FFF5).0, &[CKR_KEY_HANDLE_INVALID], "no key")?;
            expect(
                wrap(&s, &cbc_pad(), 0x7FFF_FFF5, key).0,
                &[CKR_WRAPPING_KEY_HANDLE_INVALID, CKR_KEY_HANDLE_INVALID],
                "no wrapping key",
            )?;
            let (rv, _) = s.unwrap(&cbc_pad(), 0x7FFF_FFF5, &[0; 48], &bare());
            expect(
                rv,
                &[CKR_UNWRAPPING_KEY_HANDLE_INVALID, CKR_KEY_HANDLE_INVALID],
                "no unwrapping key",
            )
        }),
        case(
            "key.wrap.template",
            "4.10",
            "CKA_WRAP_TEMPLATE leaves out keys that do not match",
            |b| {
                let inner = Template::new().number(CKA_KEY_TYPE, CKK_DES3);
                let raw = inner.raw();
                // SAFETY: plain structures, read as bytes; `inner` lives until the call is over.
                let bytes = unsafe {
                    std::slice::from_raw_parts(raw.as_ptr().cast::<u8>(), size_of_val(&raw[..]))
                };
                let (s, key, by) = keys(
                    b,
                    secret(CKK_AES, &[5; 32], &[]),
                    wrapper().bytes(CKA_WRAP_TEMPLATE, bytes),
                )?;
                expect(wrap(&s, &cbc_pad(), by, key).0, &[CKR_KEY_HANDLE_INVALID], "C_WrapKey")
            },
        ),
        case(
            "key.unwrap.damaged",
            "5.18.4",
            "a damaged wrapping is refused, and makes no key",
            |b| {
                let (s, _, by) = keys(b, secret(CKK_AES, &[5; 32], &[]), wrapper())?;
                let codes = &[
                    CKR_WRAPPED_KEY_INVALID,
                    CKR_WRAPPED_KEY_LEN_RANGE,
                    CKR_ENCRYPTED_DATA_INVALID,
                    CKR_ENCRYPTED_DATA_LEN_RANGE,
                ];
                expect(
                    s.unwrap(&cbc_pad(), by, &[1; 48], &bare()).0,
                    codes,
                    "48 bytes of nothing",
                )?;
                expect(s.unwrap(&cbc_pad(), by, &[1; 47], &bare()).0, codes, "47 bytes")
            },
        ),
        case("key.unwrap.usage", "5.18.4", "a key without CKA_UNWRAP does not unwrap", |b| {
            let (s, key, by) =
                keys(b, secret(CKK_AES, &[5; 32], &[]), wrapper().flag(CKA_UNWRAP, false))?;
            let (rv, bytes) = wrap(&s, &cbc_pad(), by, key);
            ok(rv, "C_WrapKey")?;
            expect(
                s.unwrap(&cbc_pad(), by, &bytes, &bare()).0,
                &[CKR_KEY_FUNCTION_NOT_PERMITTED],
                "C_UnwrapKey",
            )
        }),
        case("key.unwrap.template", "5.18.4", "a template without a class is incomplete", |b| {
            let (s, key, by) = keys(b, secret(CKK_AES, &[5; 32], &[]), wrapper())?;
            let (rv, bytes) = wrap(&s, &cbc_pad(), by, key);
            ok(rv, "C_WrapKey")?;
            expect(
                s.unwrap(&cbc_pad(), by, &bytes, &Template::new()).0,
                &[CKR_TEMPLATE_INCOMPLETE],
                "C_UnwrapKey",
            )
        }),
        case("key.generate.length", "6.13.5", "an AES key needs a length, and one of three", |b| {
            let s = b.user()?;
            let generate =
                |template: Template| s.generate(&Mechanism::plain(CKM_AES_KEY_GEN), &template).0;
            expect(generate(Template::new()), &[CKR_TEMPLATE_INCOMPLETE], "no length")?;
            let wrong =
                &[CKR_KEY_SIZE_RANGE, CKR_ATTRIBUTE_VALUE_INVALID, CKR_TEMPLATE_INCONSISTENT];
            for len in [0, 15, 17, 33, 1 << 40] {
                expect(
                    generate(Template::new().number(CKA_VALUE_LEN, len)),
                    wrong,
                    &format!("{len} bytes"),
                )?;
            }
            [16, 24, 32].into_iter().try_for_each(|len| {
                ok(generate(Template::new().number(CKA_VALUE_LEN, len)), "C_GenerateKey")
            })
        }),
        case("key.generate.class", "5.18.1", "a template of another class is inconsistent", |b| {
            let s = b.user()?;
            let template =
                Template::new().number(CKA_VALUE_LEN, 16).number(CKA_CLASS, CKO_PRIVATE_KEY);
            expect(
                s.generate(&Mechanism::plain(CKM_AES_KEY_GEN), &template).0,
                &[CKR_TEMPLATE_INCONSISTENT],
                "C_GenerateKey",
            )
        }),
        case("key.generate.value", "5.18.1", "a value is not the caller's to give", |b| {
            let s = b.user()?;
            let template = Template::new().number(CKA_VALUE_LEN, 16).bytes(CKA_VALUE, &[1; 16]);
            let codes =
                &[CKR_TEMPLATE_INCONSISTENT, CKR_ATTRIBUTE_READ_ONLY, CKR_ATTRIBUTE_TYPE_INVALID];
            expect(
                s.generate(&Mechanism::plain(CKM_AES_KEY_GEN), &template).0,
                codes,
                "C_GenerateKey",
            )
        }),
        case(
            "key.generate.not-a-generator",
            "5.18.1",
            "a mechanism that makes no keys is CKR_MECHANISM_INVALID",
            |b| {
                let s = b.user()?;
                let template = Template::new().number(CKA_VALUE_LEN, 16);
                expect(
                    s.generate(&Mechanism::plain(CKM_SHA256), &template).0,
                    &[CKR_MECHANISM_INVALID],
                    "C_GenerateKey",
                )
            },
        ),
        case("key.pair.incomplete", "6.3.10", "an EC key pair needs a curve", |b| {
            let s = b.user()?;
            let (rv, _, _) = s.generate_pair(
                &Mechanism::plain(CKM_EC_KEY_PAIR_GEN),
                &Template::new(),
                &Template::new(),
            );
            expect(rv, &[CKR_TEMPLATE_INCOMPLETE], "C_GenerateKeyPair")
        }),
        case("key.pair.curve", "6.3.10", "an unknown curve is refused by its code", |b| {
            let s = b.user()?;
            let public = Template::new().bytes(CKA_EC_PARAMS, &[6, 5, 0x2B, 0x81, 4, 0, 0x7F]);
            let codes =
                &[CKR_CURVE_NOT_SUPPORTED, CKR_DOMAIN_PARAMS_INVALID, CKR_ATTRIBUTE_VALUE_INVALID];
            let (rv, _, _) =
                s.generate_pair(&Mechanism::plain(CKM_EC_KEY_PAIR_GEN), &public, &Template::new());
            expect(rv, codes, "C_GenerateKeyPair")
        }),
        case("key.pair.atomic", "5.18.2", "a pair is made whole or not at all", |b| {
            let s = b.user()?;
            let label = b"conformance-half";
            let public = P256.like().bytes(CKA_LABEL, label);
            let private = Template::new().bytes(CKA_LABEL, label).number(CKA_CLASS, CKO_DATA);
            let (rv, _, _) =
                s.generate_pair(&Mechanism::plain(CKM_EC_KEY_PAIR_GEN), &public, &private);
            expect(rv, &[CKR_TEMPLATE_INCONSISTENT], "C_GenerateKeyPair")?;
            let found = s.find(&Template::new().bytes(CKA_LABEL, label))?;
            hold(found.is_empty(), || "half of it is there".into())
        }),
        case("key.derive.usage", "5.18.5", "a key without CKA_DERIVE derives nothing", |b| {
            let s = b.user()?;
            let base = s.object(&P256.private_template(&[]).flag(CKA_DERIVE, false))?;
            expect(
                s.derive(&ecdh(), base, &bare().number(CKA_VALUE_LEN, 16)).0,
                &[CKR_KEY_FUNCTION_NOT_PERMITTED],
                "C_DeriveKey",
            )
        }),
        case("key.derive.point", "6.3.14", "a point that is not on the curve is refused", |b| {
            let s = b.user()?;
            let base = s.object(&P256.private_template(&[CKA_DERIVE]))?;
            let mut point = P256.point().to_vec();
            *point.last_mut().unwrap() ^= 1;
            let codes = &[CKR_MECHANISM_PARAM_INVALID, CKR_PUBLIC_KEY_INVALID, CKR_ARGUMENTS_BAD];
            expect(
                s.derive(&ecdh_with(point), base, &bare().number(CKA_VALUE_LEN, 16)).0,
                codes,
                "C_DeriveKey",
            )
        }),
        case(
            "key.derive.sensitive",
            "5.18.5",
            "the history of a derived key follows its base key",
            |b| {
                let s = b.user()?;
                let base = s.object(&P256.private_template(&[CKA_DERIVE]))?;
                let template = bare()
                    .number(CKA_VALUE_LEN, 16)
                    .flag(CKA_SENSITIVE, true)
                    .flag(CKA_EXTRACTABLE, false);
                let (rv, key) = s.derive(&ecdh(), base, &template);
                ok(rv, "C_DeriveKey")?;
                // The base key was given by the application.
                hold(s.value(key, CKA_ALWAYS_SENSITIVE)? == [0], || {
                    "CKA_ALWAYS_SENSITIVE is true".into()
                })?;
                hold(s.value(key, CKA_NEVER_EXTRACTABLE)? == [0], || {
                    "CKA_NEVER_EXTRACTABLE is true".into()
                })
            },
        ),
        case("key.encapsulate", "5.18.8 (3.2)", "what is encapsulated can be decapsulated", |b| {
            let s = b.user()?;
            let version = b.module.list.version;
            if (version.major, version.minor) < (3, 2) {
                return Err(Stop::Unsupported("encapsulation came with 3.2".into()));
            }
            let public = s.object(&RSA.public_template(&[CKA_ENCAPSULATE]))?;
            let private = s.object(&RSA.private_template(&[CKA_DECAPSULATE]))?;
            let template = with_uses(bare().number(CKA_VALUE_LEN, 32), &[]);
            let mechanism = Mechanism::plain(CKM_RSA_PKCS);
            let (rv, ciphertext, key) = s.encapsulate(&mechanism, public, &template);
            if rv == CKR_MECHANISM_INVALID {
                return Err(Stop::Unsupported("CKM_RSA_PKCS does not encapsulate here".into()));
            }
            ok(rv, "C_EncapsulateKey")?;
            let (rv, back) = s.decapsulate(&mechanism, private, &ciphertext, &template);
            ok(rv, "C_DecapsulateKey")?;
            hold(s.value(key, CKA_VALUE)? == s.value(back, CKA_VALUE)?, || "another value".into())
        }),
    ]
}

fn ecdh() -> Mechanism {
    ecdh_with(P256.point().to_vec())
}

/// CKM_ECDH1_DERIVE without a derivation function, with this point.
fn ecdh_with(point: Vec<u8>) -> Mechanism {
    let parameters = CK_ECDH1_DERIVE_PARAMS {
        kdf: CKD_NULL,
        ulSharedDataLen: 0,
        pSharedData: null_mut(),
        ulPublicDataLen: point.len() as CK_ULONG,
        pPublicData: point.as_ptr().cast_mut(),
    };
    Mechanism::structure(CKM_ECDH1_DERIVE, parameters, vec![point])
}
