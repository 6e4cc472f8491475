//! Agreement, encapsulation, wraps under what was agreed, ciphers that OpenSSL's functions here have not.

use std::ptr::null_mut;

use cryptoki_sys::*;
use hsmsim_types::ck::{
    CK_ECIES_PARAMS, CKDHP_STANDARD, CKES_AES_CTR, CKM_ECIES, CKM_LUNA_AES_GMAC, CKM_LUNA_AES_KW,
    CKM_LUNA_AES_KWP, CKM_LUNA_DES3_CTR, CKMS_HMAC_SHA256,
};

use super::*;

#[rustfmt::skip]
pub(super) const ROWS: &[&[Row]] = &[
    answers!("mechanism.derive", "6.4", CKF_DERIVE;
        CKM_DH_PKCS_DERIVE diffie_hellman, CKM_X9_42_DH_DERIVE diffie_hellman),
    answers!("mechanism.wrap", "6.3.20", CKF_UNWRAP;
        CKM_ECDH_AES_KEY_WRAP under_agreement, CKM_ECDH_COF_AES_KEY_WRAP under_agreement,
        CKM_ECDH_X_AES_KEY_WRAP under_agreement),
    answers!("mechanism.wrap", "6.1", CKF_UNWRAP; CKM_RSA_AES_KEY_WRAP under_rsa),
    answers!("mechanism.wrap", "6.13.16", CKF_UNWRAP;
        CKM_AES_KEY_WRAP_PAD key_wrap, CKM_AES_KEY_WRAP_PKCS7 key_wrap, CKM_LUNA_AES_KW key_wrap, CKM_LUNA_AES_KWP key_wrap),
    answers!("mechanism.cipher", "6.13", CKF_ENCRYPT | CKF_DECRYPT;
        CKM_AES_CTS cipher, CKM_AES_CFB64 cipher, CKM_LUNA_DES3_CTR cipher),
    answers!("mechanism.mac", "6.13", CKF_SIGN | CKF_VERIFY;
        CKM_AES_GMAC gmac, CKM_LUNA_AES_GMAC gmac, CKM_AES_XCBC_MAC xcbc, CKM_AES_XCBC_MAC_96 xcbc),
    answers!("mechanism.crypt", "vendor", CKF_DECRYPT; CKM_ECIES ecies),
    answers!("mechanism.encapsulate", "3.2", CKF_DECAPSULATE; CKM_ML_KEM ml_kem),
];

/// A private key of known value that may do everything.
fn private_key(key_type: CK_ULONG, uses: &[CK_ATTRIBUTE_TYPE]) -> Template {
    let template = Template::new()
        .number(CKA_CLASS, CKO_PRIVATE_KEY)
        .number(CKA_KEY_TYPE, key_type)
        .flag(CKA_TOKEN, false);
    uses.iter().fold(template, |template, &used| template.flag(used, true))
}

/// CKA_EC_PARAMS of P-256 and X25519.
const P256: &[u8] = &[0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
const X25519: &[u8] = &[0x06, 3, 0x2b, 0x65, 0x6e];

fn diffie_hellman(b: &Bench, kind: CK_MECHANISM_TYPE) -> Check {
    let s = b.user()?;
    let x942 = kind == CKM_X9_42_DH_DERIVE;
    let template = private_key(if x942 { CKK_X9_42_DH } else { CKK_DH }, &[CKA_DERIVE])
        .bytes(CKA_PRIME, &known("dh.p"))
        .bytes(CKA_BASE, &[2])
        .bytes(CKA_VALUE, &counting(0, 32));
    let peer = known("dh.peer");
    let (template, mechanism) = if x942 {
        let (pPublicData, ulPublicDataLen) = raw(&peer);
        let params = CK_X9_42_DH1_DERIVE_PARAMS {
            kdf: CKD_NULL,
            ulOtherInfoLen: 0,
            pOtherInfo: null_mut(),
            ulPublicDataLen,
            pPublicData,
        };
        let template = template.bytes(CKA_SUBPRIME, &known("dh.q"));
        (template, Mechanism::structure(kind, params, vec![peer]))
    } else {
        (template, Mechanism::bytes(kind, &peer))
    };
    let key = s.object(&template)?;
    derives(&s, &mechanism, key, &readable(256), &known("dh.secret"))
}

fn under_agreement(b: &Bench, kind: CK_MECHANISM_TYPE) -> Check {
    let s = b.user()?;
    let (key_type, curve, value, wrapped) = match kind {
        CKM_ECDH_X_AES_KEY_WRAP => {
            (CKK_EC_MONTGOMERY, X25519, counting(0, 32), known("ecdh_x_wrap.out"))
        }
        _ => (CKK_EC, P256, known("ec.value"), known("ecdh_wrap.bare")),
    };
    let template = private_key(key_type, &[CKA_UNWRAP, CKA_DERIVE]);
    let key = s.object(&template.bytes(CKA_EC_PARAMS, curve).bytes(CKA_VALUE, &value))?;
    let info = b"info".to_vec();
    let (pSharedData, ulSharedDataLen) = raw(&info);
    let params = CK_ECDH_AES_KEY_WRAP_PARAMS {
        ulAESKeyBits: 128,
        kdf: CKD_SHA256_KDF,
        ulSharedDataLen,
        pSharedData,
    };
    let mechanism = Mechanism::structure(kind, params, vec![info]);
    unwraps(&s, &mechanism, key, &wrapped, &data()[..20])
}

/// The RSA key of the answers.
pub(super) fn rsa_key(uses: &[CK_ATTRIBUTE_TYPE]) -> Template {
    let parts = [
        (CKA_MODULUS, "rsa.n"),
        (CKA_PRIVATE_EXPONENT, "rsa.d"),
        (CKA_PRIME_1, "rsa.p"),
        (CKA_PRIME_2, "rsa.q"),
        (CKA_EXPONENT_1, "rsa.dp"),
        (CKA_EXPONENT_2, "rsa.dq"),
        (CKA_COEFFICIENT, "rsa.qi"),
    ];
    let template = private_key(CKK_RSA, uses).bytes(CKA_PUBLIC_EXPONENT, &[1, 0, 1]);
    parts.iter().fold(template, |template, (kind, name)| template.bytes(*kind, &known(name)))
}

fn under_rsa(b: &Bench, kind: CK_MECHANISM_TYPE) -> Check {
    let s = b.user()?;
    let key = s.object(&rsa_key(&[CKA_UNWRAP]))?;
    let oaep = bytes_of(&[CK_RSA_PKCS_OAEP_PARAMS {
        hashAlg: CKM_SHA_1,
        mgf: CKG_MGF1_SHA1,
        source: CKZ_DATA_SPECIFIED,
        pSourceData: null_mut(),
        ulSourceDataLen: 0,
    }]);
    let pOAEPParams = oaep.as_ptr().cast_mut().cast();
    let params = CK_RSA_AES_KEY_WRAP_PARAMS { ulAESKeyBits: 128, pOAEPParams };
    let mechanism = Mechanism::structure(kind, params, vec![oaep]);
    unwraps(&s, &mechanism, key, &known("rsa_aes_wrap.out"), &data()[..20])
}

fn key_wrap(b: &Bench, kind: CK_MECHANISM_TYPE) -> Check {
    let s = b.user()?;
    let key = secret_key(&s, CKK_AES, &counting(0, 16))?;
    let (name, len) = match kind {
        CKM_LUNA_AES_KW => ("aes.kw", 32),
        CKM_LUNA_AES_KWP | CKM_AES_KEY_WRAP_PAD => ("aes.kwp", 20),
        _ => ("aes.kw_pkcs7", 20),
    };
    unwraps(&s, &Mechanism::plain(kind), key, &known(name), &data()[..len])
}

/// DES as the answers have it.
const DES3: &[u8] = &[
    0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0x01,
    0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0x01, 0x23,
];

fn cipher(b: &Bench, kind: CK_MECHANISM_TYPE) -> Check {
    let s = b.user()?;
    let (name, key_type, key, iv, len) = match kind {
        CKM_AES_CTS => ("aes.cts", CKK_AES, counting(0, 16), 16, 20),
        CKM_AES_CFB64 => ("aes.cfb64", CKK_AES, counting(0, 16), 16, 32),
        _ => ("des3.ctr", CKK_DES3, DES3.to_vec(), 8, 32),
    };
    let key = secret_key(&s, key_type, &key)?;
    let mechanism = Mechanism::bytes(kind, &counting(0x10, iv));
    let (plain, sealed) = (data()[..len].to_vec(), known(name));
    ok(call!(b.module, C_EncryptInit(s.handle, &mut mechanism.raw(), key)), "C_EncryptInit")?;
    let (at, size) = raw(&plain);
    let (rv, given) = super::super::taken(64, |out, room| {
        call!(b.module, C_Encrypt(s.handle, at, size, out, room))
    });
    ok(rv, "C_Encrypt")?;
    hold(given == sealed, || "another ciphertext".into())?;
    ok(call!(b.module, C_DecryptInit(s.handle, &mut mechanism.raw(), key)), "C_DecryptInit")?;
    let (at, size) = raw(&sealed);
    let (rv, back) = super::super::taken(64, |out, room| {
        call!(b.module, C_Decrypt(s.handle, at, size, out, room))
    });
    ok(rv, "C_Decrypt")?;
    hold(back == plain, || "another plaintext".into())
}

fn gmac(b: &Bench, kind: CK_MECHANISM_TYPE) -> Check {
    let s = b.user()?;
    let key = secret_key(&s, CKK_AES, &counting(0, 16))?;
    let mechanism = Mechanism::bytes(kind, &counting(0x10, 12));
    signs(&s, &mechanism, key, &data(), &known("aes.gmac"))
}

fn xcbc(b: &Bench, kind: CK_MECHANISM_TYPE) -> Check {
    let s = b.user()?;
    let key = secret_key(&s, CKK_AES, &counting(0, 16))?;
    let len = if kind == CKM_AES_XCBC_MAC { 16 } else { 12 };
    for message in [16, 20] {
        let wanted = known(&format!("aes.xcbc.{message}"));
        signs(&s, &Mechanism::plain(kind), key, &counting(0, message), &wanted[..len])?;
    }
    Ok(())
}

fn ecies(b: &Bench, kind: CK_MECHANISM_TYPE) -> Check {
    let s = b.user()?;
    let template = private_key(CKK_EC, &[CKA_DECRYPT])
        .bytes(CKA_EC_PARAMS, P256)
        .bytes(CKA_VALUE, &known("suci.private"));
    let key = s.object(&template)?;
    let temporary = known("suci.temporary");
    let sealed = [temporary.clone(), known("suci.sealed")].concat();
    let (pSharedData1, ulSharedDataLen1) = raw(&temporary);
    let params = CK_ECIES_PARAMS {
        dhPrimitive: CKDHP_STANDARD,
        kdf: CKD_SHA256_KDF,
        ulSharedDataLen1,
        pSharedData1,
        encScheme: CKES_AES_CTR,
        ulEncKeyLenInBits: 128,
        macScheme: CKMS_HMAC_SHA256,
        ulMacKeyLenInBits: 256,
        ulMacLenInBits: 64,
        ulSharedDataLen2: 0,
        pSharedData2: null_mut(),
    };
    let mechanism = Mechanism::structure(kind, params, vec![temporary]);
    ok(call!(b.module, C_DecryptInit(s.handle, &mut mechanism.raw(), key)), "C_DecryptInit")?;
    let (at, len) = raw(&sealed);
    let (rv, opened) = super::super::taken(64, |out, room| {
        call!(b.module, C_Decrypt(s.handle, at, len, out, room))
    });
    ok(rv, "C_Decrypt")?;
    hold(opened == known("suci.out"), || "another plaintext".into())
}

fn ml_kem(b: &Bench, kind: CK_MECHANISM_TYPE) -> Check {
    let s = b.user()?;
    let template = private_key(CKK_ML_KEM, &[CKA_DECAPSULATE])
        .number(CKA_PARAMETER_SET, CKP_ML_KEM_512)
        .bytes(CKA_SEED, &counting(0, 64));
    let key = s.object(&template)?;
    let ciphertext = known("ml_kem.ciphertext");
    let mechanism = Mechanism::plain(kind);
    let (rv, made) = s.decapsulate(&mechanism, key, &ciphertext, &readable(0));
    ok(rv, "C_DecapsulateKey")?;
    hold(s.value(made, CKA_VALUE)? == known("ml_kem.secret"), || "another secret".into())
}
