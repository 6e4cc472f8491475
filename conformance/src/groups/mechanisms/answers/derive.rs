//! Derivations.

use std::ptr::null_mut;

use cryptoki_sys::*;
use hsmsim_types::ck::{
    CK_KDF_PRF_PARAMS, CK_NIST_PRF_KDF_HMAC_SHA256, CKM_NIST_PRF_KDF, CKM_PRF_KDF,
    LUNA_PRF_KDF_ENCODING_SCHEME_1,
};

use super::*;

#[rustfmt::skip]
pub(super) const ROWS: &[&[Row]] = &[
    answers!("mechanism.derive", "6.43", CKF_DERIVE;
        CKM_CONCATENATE_BASE_AND_KEY concatenate, CKM_CONCATENATE_BASE_AND_DATA concatenate,
        CKM_CONCATENATE_DATA_AND_BASE concatenate, CKM_XOR_BASE_AND_DATA concatenate,
        CKM_EXTRACT_KEY_FROM_KEY extract),
    answers!("mechanism.derive", "6", CKF_DERIVE;
        CKM_SHAKE_128_KEY_DERIVATION by_digest, CKM_SHAKE_256_KEY_DERIVATION by_digest,
        CKM_BLAKE2B_160_KEY_DERIVE by_digest, CKM_BLAKE2B_256_KEY_DERIVE by_digest,
        CKM_BLAKE2B_384_KEY_DERIVE by_digest),
    answers!("mechanism.derive", "6.61", CKF_DERIVE; CKM_HKDF_DERIVE hkdf, CKM_HKDF_DATA hkdf),
    answers!("mechanism.derive", "6.42", CKF_DERIVE;
        CKM_SP800_108_COUNTER_KDF sp800_108, CKM_SP800_108_FEEDBACK_KDF sp800_108,
        CKM_SP800_108_DOUBLE_PIPELINE_KDF sp800_108),
    answers!("mechanism.derive", "vendor", CKF_DERIVE; CKM_NIST_PRF_KDF luna, CKM_PRF_KDF luna),
    answers!("mechanism.derive", "6.26", CKF_DERIVE;
        CKM_TLS12_MASTER_KEY_DERIVE master, CKM_TLS12_MASTER_KEY_DERIVE_DH master,
        CKM_TLS_MASTER_KEY_DERIVE master, CKM_TLS_MASTER_KEY_DERIVE_DH master,
        CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE master, CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE_DH master,
        CKM_TLS12_KDF tls_kdf, CKM_TLS_KDF tls_kdf),
    answers!("mechanism.derive", "6.26", CKF_DERIVE;
        CKM_TLS12_KEY_AND_MAC_DERIVE key_block, CKM_TLS12_KEY_SAFE_DERIVE key_block,
        CKM_TLS_KEY_AND_MAC_DERIVE key_block),
    answers!("mechanism.derive", "3.2, 6.43.8", CKF_DERIVE; CKM_PUB_KEY_FROM_PRIV_KEY public_half),
    answers!("mechanism.derive", "6.64", CKF_DERIVE;
        CKM_IKE1_PRF_DERIVE ike, CKM_IKE1_EXTENDED_DERIVE ike, CKM_IKE_PRF_DERIVE ike,
        CKM_IKE2_PRF_PLUS_DERIVE ike),
    answers!("mechanism.generate", "6", CKF_GENERATE; CKM_PKCS5_PBKD2 pbkdf2),
];

fn concatenate(b: &Bench, kind: CK_MECHANISM_TYPE) -> Check {
    let s = b.user()?;
    let (one, two) = ([0x01, 0x23, 0x45, 0x67], [0x89, 0xab, 0xcd, 0xef]);
    let base = secret_key(&s, CKK_GENERIC_SECRET, &one)?;
    let (mechanism, wanted) = if kind == CKM_CONCATENATE_BASE_AND_KEY {
        let second = secret_key(&s, CKK_GENERIC_SECRET, &two)?;
        (Mechanism::structure(kind, second, vec![]), [one, two].concat())
    } else {
        let bytes = two.to_vec();
        let (pData, ulLen) = raw(&bytes);
        let string = CK_KEY_DERIVATION_STRING_DATA { pData, ulLen };
        let wanted = match kind {
            CKM_CONCATENATE_BASE_AND_DATA => [one, two].concat(),
            CKM_CONCATENATE_DATA_AND_BASE => [two, one].concat(),
            _ => vec![0x88; 4],
        };
        (Mechanism::structure(kind, string, vec![bytes]), wanted)
    };
    derives(&s, &mechanism, base, &readable(0), &wanted)
}

fn extract(b: &Bench, kind: CK_MECHANISM_TYPE) -> Check {
    let s = b.user()?;
    let base = secret_key(&s, CKK_GENERIC_SECRET, &[0x32, 0x9f, 0x84, 0xa9])?;
    let mechanism = Mechanism::structure::<CK_ULONG>(kind, 21, vec![]);
    derives(&s, &mechanism, base, &readable(2), &[0x95, 0x26])
}

fn by_digest(b: &Bench, kind: CK_MECHANISM_TYPE) -> Check {
    let s = b.user()?;
    let base = secret_key(&s, CKK_GENERIC_SECRET, b"abc")?;
    let wanted = known(match kind {
        CKM_SHAKE_128_KEY_DERIVATION => "digest.shake128",
        CKM_SHAKE_256_KEY_DERIVATION => "digest.shake256",
        CKM_BLAKE2B_160_KEY_DERIVE => "digest.blake2b_160",
        CKM_BLAKE2B_256_KEY_DERIVE => "digest.blake2b_256",
        _ => "digest.blake2b_384",
    });
    derives(&s, &Mechanism::plain(kind), base, &readable(wanted.len()), &wanted)
}

fn hkdf(b: &Bench, kind: CK_MECHANISM_TYPE) -> Check {
    let s = b.user()?;
    let base = s.object(&secret(CKK_HKDF, &known("hkdf.key"), &[CKA_DERIVE]))?;
    let (salt, info) = (known("hkdf.salt"), known("hkdf.info"));
    let ((pSalt, ulSaltLen), (pInfo, ulInfoLen)) = (raw(&salt), raw(&info));
    let params = CK_HKDF_PARAMS {
        bExtract: CK_TRUE,
        bExpand: CK_TRUE,
        prfHashMechanism: CKM_SHA256,
        ulSaltType: CKF_HKDF_SALT_DATA,
        pSalt,
        ulSaltLen,
        hSaltKey: CK_INVALID_HANDLE,
        pInfo,
        ulInfoLen,
    };
    let mechanism = Mechanism::structure(kind, params, vec![salt, info]);
    let template = match kind {
        CKM_HKDF_DATA => {
            let data = Template::new().number(CKA_CLASS, CKO_DATA);
            data.number(CKA_VALUE_LEN, 42)
        }
        _ => readable(42),
    };
    derives(&s, &mechanism, base, &template, &known("hkdf.out"))
}

fn sp800_108(b: &Bench, kind: CK_MECHANISM_TYPE) -> Check {
    let s = b.user()?;
    let mode = match kind {
        CKM_SP800_108_COUNTER_KDF => "counter",
        CKM_SP800_108_FEEDBACK_KDF => "feedback",
        _ => "double_pipeline",
    };
    let base = secret_key(&s, CKK_GENERIC_SECRET, &known(&format!("sp800_108.{mode}.key")))?;
    let format = CK_SP800_108_COUNTER_FORMAT { bLittleEndian: CK_FALSE, ulWidthInBits: 32 };
    let (format, fixed) = (bytes_of(&[format]), known(&format!("sp800_108.{mode}.fixed")));
    let field = |type_, bytes: &[u8]| {
        let (at, ulValueLen) = raw(bytes);
        CK_PRF_DATA_PARAM { type_, pValue: at.cast(), ulValueLen }
    };
    let nothing = CK_PRF_DATA_PARAM {
        type_: CK_SP800_108_ITERATION_VARIABLE,
        pValue: null_mut(),
        ulValueLen: 0,
    };
    let fixed_field = field(CK_SP800_108_BYTE_ARRAY, &fixed);
    let fields = match mode {
        "counter" => vec![field(CK_SP800_108_ITERATION_VARIABLE, &format), fixed_field],
        _ => vec![nothing, field(CK_SP800_108_COUNTER, &format), fixed_field],
    };
    let (count, fields) = (fields.len() as CK_ULONG, bytes_of(&fields));
    let pDataParams = fields.as_ptr().cast_mut().cast();
    let mechanism = if mode == "feedback" {
        let iv = known("sp800_108.feedback.iv");
        let (pIV, ulIVLen) = raw(&iv);
        let params = CK_SP800_108_FEEDBACK_KDF_PARAMS {
            prfType: CKM_SHA256_HMAC,
            ulNumberOfDataParams: count,
            pDataParams,
            ulIVLen,
            pIV,
            ulAdditionalDerivedKeys: 0,
            pAdditionalDerivedKeys: null_mut(),
        };
        Mechanism::structure(kind, params, vec![format, fixed, fields, iv])
    } else {
        let params = CK_SP800_108_KDF_PARAMS {
            prfType: CKM_SHA256_HMAC,
            ulNumberOfDataParams: count,
            pDataParams,
            ulAdditionalDerivedKeys: 0,
            pAdditionalDerivedKeys: null_mut(),
        };
        Mechanism::structure(kind, params, vec![format, fixed, fields])
    };
    let wanted = known(&format!("sp800_108.{mode}.out"));
    derives(&s, &mechanism, base, &readable(wanted.len()), &wanted)
}

fn luna(b: &Bench, kind: CK_MECHANISM_TYPE) -> Check {
    let s = b.user()?;
    let base = secret_key(&s, CKK_GENERIC_SECRET, &counting(0, 32))?;
    let (label, context) = (b"label".to_vec(), b"context".to_vec());
    let ((pLabel, ulLabelLen), (pContext, ulContextLen)) = (raw(&label), raw(&context));
    let params = CK_KDF_PRF_PARAMS {
        prfType: CK_NIST_PRF_KDF_HMAC_SHA256,
        pLabel,
        ulLabelLen,
        pContext,
        ulContextLen,
        ulCounter: 1,
        ulEncodingScheme: LUNA_PRF_KDF_ENCODING_SCHEME_1,
    };
    let mechanism = Mechanism::structure(kind, params, vec![label, context]);
    derives(&s, &mechanism, base, &readable(32), &known("luna_prf.out"))
}

/// The random numbers of both sides, and the bytes behind them.
fn random() -> (CK_SSL3_RANDOM_DATA, Vec<Vec<u8>>) {
    let (client, server) = (counting(0x60, 32), counting(0x80, 32));
    let (pClientRandom, ulClientRandomLen) = raw(&client);
    let (pServerRandom, ulServerRandomLen) = raw(&server);
    let random =
        CK_SSL3_RANDOM_DATA { pClientRandom, ulClientRandomLen, pServerRandom, ulServerRandomLen };
    (random, vec![client, server])
}

fn master(b: &Bench, kind: CK_MECHANISM_TYPE) -> Check {
    let s = b.user()?;
    let premaster = [&[3, 3][..], &counting(0, 46)].concat();
    let base = secret_key(&s, CKK_GENERIC_SECRET, &premaster)?;
    let (RandomInfo, mut pointed) = random();
    // Only what one side made begins with a version.
    let version = vec![0; 2];
    let agreed = matches!(
        kind,
        CKM_TLS12_MASTER_KEY_DERIVE_DH
            | CKM_TLS_MASTER_KEY_DERIVE_DH
            | CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE_DH
    );
    let pVersion = if agreed { null_mut() } else { version.as_ptr().cast_mut().cast() };
    pointed.push(version);
    let prfHashMechanism = CKM_SHA256;
    let (mechanism, name) = match kind {
        CKM_TLS12_MASTER_KEY_DERIVE | CKM_TLS12_MASTER_KEY_DERIVE_DH => {
            let params =
                CK_TLS12_MASTER_KEY_DERIVE_PARAMS { RandomInfo, pVersion, prfHashMechanism };
            (Mechanism::structure(kind, params, pointed), "tls12.master")
        }
        CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE | CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE_DH => {
            let hash = counting(0, 32);
            let (pSessionHash, ulSessionHashLen) = raw(&hash);
            pointed.push(hash);
            let params = CK_TLS12_EXTENDED_MASTER_KEY_DERIVE_PARAMS {
                prfHashMechanism,
                pSessionHash,
                ulSessionHashLen,
                pVersion,
            };
            (Mechanism::structure(kind, params, pointed), "tls12.extended")
        }
        _ => {
            let params = CK_SSL3_MASTER_KEY_DERIVE_PARAMS { RandomInfo, pVersion };
            (Mechanism::structure(kind, params, pointed), "tls10.master")
        }
    };
    derives(&s, &mechanism, base, &readable(48), &known(name))
}

/// MAC keys of 20 bytes, keys of 16 and, where they are given, vectors of 16, in the order of the block.
fn key_block(b: &Bench, kind: CK_MECHANISM_TYPE) -> Check {
    let s = b.user()?;
    let base = secret_key(&s, CKK_GENERIC_SECRET, &counting(0, 48))?;
    let (RandomInfo, mut pointed) = random();
    let vectors = kind != CKM_TLS12_KEY_SAFE_DERIVE;
    let (mut client_iv, mut server_iv) = ([0_u8; 16], [0_u8; 16]);
    let mut made = CK_SSL3_KEY_MAT_OUT {
        hClientMacSecret: 0,
        hServerMacSecret: 0,
        hClientKey: 0,
        hServerKey: 0,
        pIVClient: client_iv.as_mut_ptr(),
        pIVServer: server_iv.as_mut_ptr(),
    };
    let (ulMacSizeInBits, ulKeySizeInBits, bIsExport) = (160, 128, CK_FALSE);
    let ulIVSizeInBits = if vectors { 128 } else { 0 };
    let pReturnedKeyMaterial = &raw mut made;
    let (mechanism, name) = match kind {
        CKM_TLS12_KEY_AND_MAC_DERIVE | CKM_TLS12_KEY_SAFE_DERIVE => {
            let params = CK_TLS12_KEY_MAT_PARAMS {
                ulMacSizeInBits,
                ulKeySizeInBits,
                ulIVSizeInBits,
                bIsExport,
                RandomInfo,
                pReturnedKeyMaterial,
                prfHashMechanism: CKM_SHA256,
            };
            (Mechanism::structure(kind, params, std::mem::take(&mut pointed)), "tls12.block")
        }
        _ => {
            let params = CK_SSL3_KEY_MAT_PARAMS {
                ulMacSizeInBits,
                ulKeySizeInBits,
                ulIVSizeInBits,
                bIsExport,
                RandomInfo,
                pReturnedKeyMaterial,
            };
            (Mechanism::structure(kind, params, std::mem::take(&mut pointed)), "tls10.block")
        }
    };
    let template = Template::new().flag(CKA_SENSITIVE, false).flag(CKA_EXTRACTABLE, true);
    let mut attributes = template.raw();
    let (at, count) = (attributes.as_mut_ptr(), attributes.len() as CK_ULONG);
    let rv =
        call!(s.module, C_DeriveKey(s.handle, &mut mechanism.raw(), base, at, count, null_mut()));
    ok(rv, "C_DeriveKey")?;
    // SAFETY: a place of this function that C_DeriveKey wrote into through the parameter.
    let made = unsafe { pReturnedKeyMaterial.read() };
    let keys = [made.hClientMacSecret, made.hServerMacSecret, made.hClientKey, made.hServerKey];
    let mut block = Vec::new();
    for key in keys {
        block.extend(s.value(key, CKA_VALUE)?);
    }
    if vectors {
        // SAFETY: as above; the vectors have their sixteen bytes.
        let (client, server) = unsafe {
            (made.pIVClient.cast::<[u8; 16]>().read(), made.pIVServer.cast::<[u8; 16]>().read())
        };
        block.extend([client, server].concat());
    }
    let wanted = known(name);
    hold(block == wanted[..block.len()] && block.len() >= 72, || "another block".into())
}

fn public_half(b: &Bench, kind: CK_MECHANISM_TYPE) -> Check {
    let s = b.user()?;
    let key = s.object(&super::agree::rsa_key(&[CKA_DERIVE]))?;
    let template = Template::new().flag(CKA_TOKEN, false);
    let (rv, public) = s.derive(&Mechanism::plain(kind), key, &template);
    ok(rv, "C_DeriveKey")?;
    hold(s.value(public, CKA_MODULUS)? == known("rsa.n"), || "another modulus".into())
}

fn tls_kdf(b: &Bench, kind: CK_MECHANISM_TYPE) -> Check {
    let s = b.user()?;
    let base = secret_key(&s, CKK_GENERIC_SECRET, &counting(0, 48))?;
    let (RandomInfo, mut pointed) = random();
    let label = b"label".to_vec();
    let (pLabel, ulLabelLength) = raw(&label);
    pointed.push(label);
    let params = CK_TLS_KDF_PARAMS {
        prfMechanism: CKM_SHA256,
        pLabel,
        ulLabelLength,
        RandomInfo,
        pContextData: null_mut(),
        ulContextDataLength: 0,
    };
    let mechanism = Mechanism::structure(kind, params, pointed);
    derives(&s, &mechanism, base, &readable(32), &known("tls12.kdf"))
}

fn ike(b: &Bench, kind: CK_MECHANISM_TYPE) -> Check {
    let s = b.user()?;
    let prfMechanism = CKM_SHA256_HMAC;
    let (base, mechanism, wanted) = match kind {
        CKM_IKE1_PRF_DERIVE => {
            let (i, r) = (known("ike1.ckyi"), known("ike1.ckyr"));
            let ((pCKYi, ulCKYiLen), (pCKYr, ulCKYrLen)) = (raw(&i), raw(&r));
            let params = CK_IKE1_PRF_DERIVE_PARAMS {
                prfMechanism,
                bHasPrevKey: CK_FALSE,
                hKeygxy: secret_key(&s, CKK_GENERIC_SECRET, &known("ike1.secret"))?,
                hPrevKey: CK_INVALID_HANDLE,
                pCKYi,
                ulCKYiLen,
                pCKYr,
                ulCKYrLen,
                keyNumber: 0,
            };
            let mechanism = Mechanism::structure(kind, params, vec![i, r]);
            (known("ike1.skeyid"), mechanism, known("ike1.out"))
        }
        CKM_IKE1_EXTENDED_DERIVE => {
            let params = CK_IKE1_EXTENDED_DERIVE_PARAMS {
                prfMechanism,
                bHasKeygxy: CK_FALSE,
                hKeygxy: CK_INVALID_HANDLE,
                pExtraData: null_mut(),
                ulExtraDataLen: 0,
            };
            let mechanism = Mechanism::structure(kind, params, vec![]);
            (counting(0, 32), mechanism, known("ike1_extended"))
        }
        CKM_IKE_PRF_DERIVE => {
            let (i, r) = (known("ike2.ni"), known("ike2.nr"));
            let ((pNi, ulNiLen), (pNr, ulNrLen)) = (raw(&i), raw(&r));
            let params = CK_IKE_PRF_DERIVE_PARAMS {
                prfMechanism,
                bDataAsKey: CK_TRUE,
                bRekey: CK_FALSE,
                pNi,
                ulNiLen,
                pNr,
                ulNrLen,
                hNewKey: CK_INVALID_HANDLE,
            };
            let mechanism = Mechanism::structure(kind, params, vec![i, r]);
            (known("ike2.secret"), mechanism, known("ike2.skeyseed"))
        }
        _ => {
            let seed = [known("ike2.ni"), known("ike2.nr"), known("ike2.spi")].concat();
            let (pSeedData, ulSeedDataLen) = raw(&seed);
            let params = CK_IKE2_PRF_PLUS_DERIVE_PARAMS {
                prfMechanism,
                bHasSeedKey: CK_FALSE,
                hSeedKey: CK_INVALID_HANDLE,
                pSeedData,
                ulSeedDataLen,
            };
            let mechanism = Mechanism::structure(kind, params, vec![seed]);
            (known("ike2.skeyseed"), mechanism, known("ike2.keys"))
        }
    };
    let base = secret_key(&s, CKK_GENERIC_SECRET, &base)?;
    derives(&s, &mechanism, base, &readable(wanted.len()), &wanted)
}

fn pbkdf2(b: &Bench, kind: CK_MECHANISM_TYPE) -> Check {
    let s = b.user()?;
    let (salt, password) = (b"salt".to_vec(), b"password".to_vec());
    let ((salt_at, ulSaltSourceDataLen), (pPassword, ulPasswordLen)) = (raw(&salt), raw(&password));
    let params = CK_PKCS5_PBKD2_PARAMS2 {
        saltSource: CKZ_SALT_SPECIFIED,
        pSaltSourceData: salt_at.cast(),
        ulSaltSourceDataLen,
        iterations: 2,
        prf: CKP_PKCS5_PBKD2_HMAC_SHA1,
        pPrfData: null_mut(),
        ulPrfDataLen: 0,
        pPassword,
        ulPasswordLen,
    };
    let mechanism = Mechanism::structure(kind, params, vec![salt, password]);
    let (rv, key) = s.generate(&mechanism, &readable(20));
    ok(rv, "C_GenerateKey")?;
    hold(s.value(key, CKA_VALUE)? == known("pbkdf2.out"), || "another value".into())
}
