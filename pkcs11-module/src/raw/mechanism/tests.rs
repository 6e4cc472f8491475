//! Good, truncated and wild mechanism parameters.

use std::{
    ffi::c_void,
    ptr::{null_mut, without_provenance_mut},
};

use super::*;

mod derivation;

fn read(kind: CK_MECHANISM_TYPE, parameter: *mut c_void, len: CK_ULONG) -> Result<Params> {
    let mut raw = CK_MECHANISM { mechanism: kind, pParameter: parameter, ulParameterLen: len };
    // SAFETY: the parameters of these tests are valid, or wild in ways that are refused unread.
    unsafe { MechanismIn::new(&raw mut raw) }.read().and_then(|mechanism| match mechanism.params {
        Params::Malformed(rule) => fail(CKR_MECHANISM_PARAM_INVALID, rule),
        params => Ok(params),
    })
}

fn read_struct<T>(kind: CK_MECHANISM_TYPE, mut params: T) -> Result<Params> {
    read(kind, (&raw mut params).cast(), size_of::<T>() as CK_ULONG)
}

fn gcm_params() -> CK_GCM_PARAMS {
    CK_GCM_PARAMS {
        pIv: null_mut(),
        ulIvLen: 0,
        ulIvBits: 0,
        pAAD: null_mut(),
        ulAADLen: 0,
        ulTagBits: 128,
    }
}

#[test]
fn null_is_no_mechanism_but_ends_an_operation() {
    // SAFETY: NULL.
    let null = unsafe { MechanismIn::new(null_mut()) };
    assert_eq!(null.read().map_err(|e| e.rv()), Err(CKR_ARGUMENTS_BAD));
    assert_eq!(null.read_optional(), Ok(None));
}

#[test]
fn each_structure_is_read_into_its_words() {
    let mut data = *b"0123456789abcdef";
    let at = data.as_mut_ptr();
    assert_eq!(read(CKM_RSA_PKCS, null_mut(), 0), Ok(Params::None));
    assert_eq!(read(CKM_AES_CBC, at.cast(), 16), Ok(Params::Bytes(data.to_vec())));
    assert_eq!(read_struct::<CK_ULONG>(CKM_SHA256_HMAC_GENERAL, 12), Ok(Params::Length(12)));
    assert_eq!(
        read_struct(
            CKM_RSA_PKCS_OAEP,
            CK_RSA_PKCS_OAEP_PARAMS {
                hashAlg: CKM_SHA256,
                mgf: CKG_MGF1_SHA256,
                source: CKZ_DATA_SPECIFIED,
                pSourceData: at.cast(),
                ulSourceDataLen: 3,
            }
        ),
        Ok(Params::Oaep {
            hash: CKM_SHA256,
            mgf: CKG_MGF1_SHA256,
            source: CKZ_DATA_SPECIFIED,
            label: b"012".to_vec()
        })
    );
    assert_eq!(
        read_struct(
            CKM_SHA384_RSA_PKCS_PSS,
            CK_RSA_PKCS_PSS_PARAMS { hashAlg: CKM_SHA384, mgf: CKG_MGF1_SHA384, sLen: 48 }
        ),
        Ok(Params::Pss { hash: CKM_SHA384, mgf: CKG_MGF1_SHA384, salt_len: 48 })
    );
    assert_eq!(
        read_struct(CKM_AES_CTR, CK_AES_CTR_PARAMS { ulCounterBits: 32, cb: data }),
        Ok(Params::Ctr { counter_bits: 32, block: data })
    );
    assert_eq!(
        read_struct(CKM_AES_GCM, CK_GCM_PARAMS { pIv: at, ulIvLen: 12, ..gcm_params() }),
        Ok(Params::Gcm { iv: data[..12].to_vec(), iv_bits: 0, aad: vec![], tag_bits: 128 })
    );
    assert_eq!(
        read_struct(
            CKM_ECDH1_DERIVE,
            CK_ECDH1_DERIVE_PARAMS {
                kdf: CKD_NULL,
                ulSharedDataLen: 0,
                pSharedData: null_mut(),
                ulPublicDataLen: 4,
                pPublicData: at,
            }
        ),
        Ok(Params::Ecdh1 { kdf: CKD_NULL, shared_data: vec![], public_data: b"0123".to_vec() })
    );
    assert_eq!(read(CKM_EDDSA, null_mut(), 0), Ok(Params::None));
    assert_eq!(
        read_struct(
            CKM_EDDSA,
            CK_EDDSA_PARAMS { phFlag: CK_TRUE, ulContextDataLen: 2, pContextData: at }
        ),
        Ok(Params::Eddsa { prehash: true, context: b"01".to_vec() })
    );
    assert_eq!(
        read_struct(
            CKM_AES_ECB_ENCRYPT_DATA,
            CK_KEY_DERIVATION_STRING_DATA { pData: at, ulLen: 16 }
        ),
        Ok(Params::DerivationData(data.to_vec()))
    );
    assert_eq!(
        read_struct(
            CKM_AES_CBC_ENCRYPT_DATA,
            CK_AES_CBC_ENCRYPT_DATA_PARAMS { iv: data, pData: at, length: 16 }
        ),
        Ok(Params::CbcEncryptData { iv: data.to_vec(), data: data.to_vec() })
    );
}

#[test]
fn the_structures_of_newer_mechanisms_are_read_into_their_words() {
    let mut data = *b"0123456789abcdef";
    let at = data.as_mut_ptr();
    for (given, expected) in [
        (
            read_struct(
                CKM_AES_CCM,
                CK_CCM_PARAMS {
                    ulDataLen: 20,
                    pNonce: at,
                    ulNonceLen: 7,
                    pAAD: null_mut(),
                    ulAADLen: 0,
                    ulMACLen: 8,
                },
            ),
            Params::Ccm { data_len: 20, nonce: b"0123456".to_vec(), aad: vec![], mac_len: 8 },
        ),
        (
            read_struct(
                CKM_CHACHA20,
                CK_CHACHA20_PARAMS {
                    pBlockCounter: at,
                    blockCounterBits: 32,
                    pNonce: at,
                    ulNonceBits: 96,
                },
            ),
            Params::ChaCha20 { counter: 0x3332_3130, nonce: b"0123456789ab".to_vec() },
        ),
        (
            read_struct(
                CKM_CHACHA20_POLY1305,
                CK_SALSA20_CHACHA20_POLY1305_PARAMS {
                    pNonce: at,
                    ulNonceLen: 12,
                    pAAD: at,
                    ulAADLen: 2,
                },
            ),
            Params::ChaCha20Poly1305 { nonce: b"0123456789ab".to_vec(), aad: b"01".to_vec() },
        ),
        (read(CKM_AES_GMAC, at.cast(), 12), Params::Bytes(b"0123456789ab".to_vec())),
        (
            read_struct(CKM_AES_GMAC, CK_GCM_PARAMS { pIv: at, ulIvLen: 12, ..gcm_params() }),
            Params::Gcm { iv: b"0123456789ab".to_vec(), iv_bits: 0, aad: vec![], tag_bits: 128 },
        ),
        (read(CKM_ML_DSA, null_mut(), 0), Params::None),
        (
            read_struct(
                CKM_SLH_DSA,
                CK_SIGN_ADDITIONAL_CONTEXT {
                    hedgeVariant: CKH_HEDGE_REQUIRED,
                    pContext: at,
                    ulContextLen: 3,
                },
            ),
            Params::SignContext { hedge: CKH_HEDGE_REQUIRED, context: b"012".to_vec(), hash: None },
        ),
        (
            read_struct(
                CKM_HASH_ML_DSA,
                CK_HASH_SIGN_ADDITIONAL_CONTEXT {
                    hedgeVariant: CKH_DETERMINISTIC_REQUIRED,
                    pContext: null_mut(),
                    ulContextLen: 0,
                    hash: CKM_SHA256,
                },
            ),
            Params::SignContext {
                hedge: CKH_DETERMINISTIC_REQUIRED,
                context: vec![],
                hash: Some(CKM_SHA256),
            },
        ),
        (
            read_struct(
                CKM_ECDH_X_AES_KEY_WRAP,
                CK_ECDH_AES_KEY_WRAP_PARAMS {
                    ulAESKeyBits: 128,
                    kdf: CKD_SHA256_KDF,
                    ulSharedDataLen: 1,
                    pSharedData: at,
                },
            ),
            Params::EcdhAesWrap { aes_bits: 128, kdf: CKD_SHA256_KDF, shared_data: b"0".to_vec() },
        ),
    ] {
        assert_eq!(given, Ok(expected));
    }
    let mut oaep = CK_RSA_PKCS_OAEP_PARAMS {
        hashAlg: CKM_SHA_1,
        mgf: CKG_MGF1_SHA1,
        source: CKZ_DATA_SPECIFIED,
        pSourceData: null_mut(),
        ulSourceDataLen: 0,
    };
    let wrap = |oaep| CK_RSA_AES_KEY_WRAP_PARAMS { ulAESKeyBits: 256, pOAEPParams: oaep };
    let inner = Params::Oaep {
        hash: CKM_SHA_1,
        mgf: CKG_MGF1_SHA1,
        source: CKZ_DATA_SPECIFIED,
        label: vec![],
    };
    assert_eq!(
        read_struct(CKM_RSA_AES_KEY_WRAP, wrap(&raw mut oaep)),
        Ok(Params::RsaAesWrap { aes_bits: 256, oaep: Box::new(inner) })
    );
    let missing = read_struct(CKM_RSA_AES_KEY_WRAP, wrap(null_mut()));
    assert_eq!(missing.map_err(|error| error.rv()), Err(CKR_MECHANISM_PARAM_INVALID));
    for (counter_bits, nonce_bits) in [(32, 64), (64, 96), (8, 96), (u64::MAX, 96)] {
        let params = CK_CHACHA20_PARAMS {
            pBlockCounter: at,
            blockCounterBits: counter_bits,
            pNonce: at,
            ulNonceBits: nonce_bits,
        };
        let error = read_struct(CKM_CHACHA20, params).expect_err("refused");
        assert_eq!(error.rv(), CKR_MECHANISM_PARAM_INVALID);
    }
}

#[test]
fn every_structure_refuses_null_and_every_wrong_length() {
    for (kind, len) in [
        (CKM_AES_CCM, size_of::<CK_CCM_PARAMS>()),
        (CKM_CHACHA20_POLY1305, size_of::<CK_SALSA20_CHACHA20_POLY1305_PARAMS>()),
        (CKM_ML_DSA, size_of::<CK_SIGN_ADDITIONAL_CONTEXT>()),
        (CKM_HASH_SLH_DSA, size_of::<CK_HASH_SIGN_ADDITIONAL_CONTEXT>()),
        (CKM_ECDH_AES_KEY_WRAP, size_of::<CK_ECDH_AES_KEY_WRAP_PARAMS>()),
        (CKM_DES3_CBC_ENCRYPT_DATA, size_of::<CK_DES_CBC_ENCRYPT_DATA_PARAMS>()),
        (CKM_RSA_PKCS_OAEP, size_of::<CK_RSA_PKCS_OAEP_PARAMS>()),
        (CKM_RSA_PKCS_PSS, size_of::<CK_RSA_PKCS_PSS_PARAMS>()),
        (CKM_SHA256_RSA_PKCS_PSS, size_of::<CK_RSA_PKCS_PSS_PARAMS>()),
        (CKM_AES_CTR, size_of::<CK_AES_CTR_PARAMS>()),
        (CKM_AES_GCM, size_of::<CK_GCM_PARAMS>()),
        (CKM_ECDH1_DERIVE, size_of::<CK_ECDH1_DERIVE_PARAMS>()),
        (CKM_EDDSA, size_of::<CK_EDDSA_PARAMS>()),
        (CKM_AES_CMAC_GENERAL, size_of::<CK_ULONG>()),
        (CKM_AES_ECB_ENCRYPT_DATA, size_of::<CK_KEY_DERIVATION_STRING_DATA>()),
        (CKM_AES_CBC_ENCRYPT_DATA, size_of::<CK_AES_CBC_ENCRYPT_DATA_PARAMS>()),
    ] {
        let mut room = [0_u8; 128];
        let at = room.as_mut_ptr().cast::<c_void>();
        let name = names::or_hex(names::mechanism, kind);
        let refused = |ptr, len| {
            let error = read(kind, ptr, len).expect_err(&name);
            assert_eq!(error.rv(), CKR_MECHANISM_PARAM_INVALID, "{name} with {len} bytes");
            assert!(error.rule().starts_with(&name), "{error}");
        };
        refused(null_mut(), len as u64);
        for wrong in (1..128).chain([u64::MAX, i64::MAX as u64, 1 << 40]) {
            if wrong != len as u64 {
                refused(at, wrong);
            }
        }
        if ![CKM_EDDSA, CKM_ML_DSA].contains(&kind) {
            refused(null_mut(), 0);
            refused(at, 0);
        }
        read(kind, at, len as u64).expect("zeros of the right length");
    }
}

#[test]
fn wild_pointers_within_structures_are_refused_unread() {
    let nowhere = without_provenance_mut::<u8>(8);
    for (ptr, len) in [(null_mut(), 1), (null_mut(), u64::MAX), (nowhere, 1 << 40)] {
        for refused in [
            read_struct(CKM_AES_GCM, CK_GCM_PARAMS { pIv: ptr, ulIvLen: len, ..gcm_params() }),
            read_struct(CKM_AES_GCM, CK_GCM_PARAMS { pAAD: ptr, ulAADLen: len, ..gcm_params() }),
            read_struct(
                CKM_RSA_PKCS_OAEP,
                CK_RSA_PKCS_OAEP_PARAMS {
                    hashAlg: CKM_SHA_1,
                    mgf: CKG_MGF1_SHA1,
                    source: CKZ_DATA_SPECIFIED,
                    pSourceData: ptr.cast(),
                    ulSourceDataLen: len,
                },
            ),
            read_struct(
                CKM_EDDSA,
                CK_EDDSA_PARAMS { phFlag: CK_FALSE, ulContextDataLen: len, pContextData: ptr },
            ),
            read_struct(
                CKM_XOR_BASE_AND_DATA,
                CK_KEY_DERIVATION_STRING_DATA { pData: ptr, ulLen: len },
            ),
        ] {
            assert_eq!(refused.map_err(|e| e.rv()), Err(CKR_MECHANISM_PARAM_INVALID));
        }
    }
}

#[test]
fn a_flag_that_is_neither_true_nor_false_is_refused() {
    let params = CK_EDDSA_PARAMS { phFlag: 2, ulContextDataLen: 0, pContextData: null_mut() };
    let refused = read_struct(CKM_EDDSA, params).map_err(|e| e.rv());
    assert_eq!(refused, Err(CKR_MECHANISM_PARAM_INVALID));
}

#[test]
fn parameters_without_a_structure_are_copied_within_bounds() {
    let mut iv = [7_u8; 5000];
    let at = iv.as_mut_ptr().cast::<c_void>();
    let refused = Err(CKR_MECHANISM_PARAM_INVALID);
    assert_eq!(read(CKM_AES_CBC, at, 3), Ok(Params::Bytes(vec![7; 3])));
    assert_eq!(read(CKM_AES_CBC, at, MAX_PLAIN + 1).map_err(|e| e.rv()), refused);
    assert_eq!(read(CKM_AES_CBC, null_mut(), 16).map_err(|e| e.rv()), refused);
    assert_eq!(read(CKM_AES_CBC, at, 0), Ok(Params::None));
}

#[test]
fn the_parameter_of_a_nameless_mechanism_is_not_touched() {
    let nowhere = without_provenance_mut::<c_void>(8);
    assert_eq!(read(0x7654_3210, nowhere, 16), Ok(Params::None));
    assert_eq!(read(CK_UNAVAILABLE_INFORMATION, nowhere, u64::MAX), Ok(Params::None));
}
