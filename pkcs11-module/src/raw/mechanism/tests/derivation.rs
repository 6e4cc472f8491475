//! The structures of derivations, and the places in them.

use hsmsim_types::{
    Attribute, HkdfSalt, KdfParams, KeyRef, ObjectHandle, OtpParam, PrfField, PrfNumber,
    SecretBytes, Template, TlsRandom,
};

use super::super::{
    derivation::{MAX_ITEMS, MAX_PASSWORD, Shape, SignatureIn, shape},
    places::Places,
};
use super::*;

const REFUSED: CK_RV = CKR_MECHANISM_PARAM_INVALID;

fn key(handle: u64) -> KeyRef {
    KeyRef::Handle(ObjectHandle(handle))
}

fn code<T>(result: Result<T>) -> CK_RV {
    result.map_or_else(|error| error.rv(), |_| CKR_OK)
}

/// Every mechanism here with the length of its structure.
const ALL: [(CK_MECHANISM_TYPE, usize); 26] = [
    (CKM_CONCATENATE_BASE_AND_KEY, size_of::<CK_OBJECT_HANDLE>()),
    (CKM_EXTRACT_KEY_FROM_KEY, size_of::<CK_EXTRACT_PARAMS>()),
    (CKM_CONCATENATE_BASE_AND_DATA, size_of::<CK_KEY_DERIVATION_STRING_DATA>()),
    (CKM_CONCATENATE_DATA_AND_BASE, size_of::<CK_KEY_DERIVATION_STRING_DATA>()),
    (CKM_HKDF_DERIVE, size_of::<CK_HKDF_PARAMS>()),
    (CKM_HKDF_DATA, size_of::<CK_HKDF_PARAMS>()),
    (CKM_SP800_108_COUNTER_KDF, size_of::<CK_SP800_108_KDF_PARAMS>()),
    (CKM_SP800_108_DOUBLE_PIPELINE_KDF, size_of::<CK_SP800_108_KDF_PARAMS>()),
    (CKM_SP800_108_FEEDBACK_KDF, size_of::<CK_SP800_108_FEEDBACK_KDF_PARAMS>()),
    (CKM_NIST_PRF_KDF, size_of::<CK_KDF_PRF_PARAMS>()),
    (CKM_PRF_KDF, size_of::<CK_KDF_PRF_PARAMS>()),
    (CKM_PKCS5_PBKD2, size_of::<CK_PKCS5_PBKD2_PARAMS2>()),
    (CKM_TLS_PRE_MASTER_KEY_GEN, size_of::<CK_VERSION>()),
    (CKM_TLS_MASTER_KEY_DERIVE, size_of::<CK_SSL3_MASTER_KEY_DERIVE_PARAMS>()),
    (CKM_TLS_MASTER_KEY_DERIVE_DH, size_of::<CK_SSL3_MASTER_KEY_DERIVE_PARAMS>()),
    (CKM_TLS12_MASTER_KEY_DERIVE, size_of::<CK_TLS12_MASTER_KEY_DERIVE_PARAMS>()),
    (CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE, size_of::<CK_TLS12_EXTENDED_MASTER_KEY_DERIVE_PARAMS>()),
    (CKM_TLS_KEY_AND_MAC_DERIVE, size_of::<CK_SSL3_KEY_MAT_PARAMS>()),
    (CKM_TLS12_KEY_AND_MAC_DERIVE, size_of::<CK_TLS12_KEY_MAT_PARAMS>()),
    (CKM_TLS12_KEY_SAFE_DERIVE, size_of::<CK_TLS12_KEY_MAT_PARAMS>()),
    (CKM_TLS12_KDF, size_of::<CK_TLS_KDF_PARAMS>()),
    (CKM_TLS12_MAC, size_of::<CK_TLS_MAC_PARAMS>()),
    (CKM_IKE_PRF_DERIVE, size_of::<CK_IKE_PRF_DERIVE_PARAMS>()),
    (CKM_IKE1_PRF_DERIVE, size_of::<CK_IKE1_PRF_DERIVE_PARAMS>()),
    (CKM_IKE1_EXTENDED_DERIVE, size_of::<CK_IKE1_EXTENDED_DERIVE_PARAMS>()),
    (CKM_IKE2_PRF_PLUS_DERIVE, size_of::<CK_IKE2_PRF_PLUS_DERIVE_PARAMS>()),
];

#[test]
fn every_structure_of_a_derivation_refuses_null_and_every_wrong_length() {
    for (kind, len) in ALL {
        let mut room = [0_u8; 128];
        let at = room.as_mut_ptr().cast::<c_void>();
        let name = names::or_hex(names::mechanism, kind);
        assert_eq!(code(read(kind, null_mut(), len as u64)), REFUSED, "{name}");
        for wrong in (0..128).chain([u64::MAX, i64::MAX as u64, 1 << 40]) {
            if wrong != len as u64 {
                assert_eq!(code(read(kind, at, wrong)), REFUSED, "{name} with {wrong} bytes");
            }
        }
        let read = read(kind, at, len as u64);
        assert!(read.is_ok(), "{name}: zeros of the right length");
    }
}

#[test]
fn what_is_wild_in_a_structure_of_a_derivation_is_refused_unread() {
    let words = size_of::<CK_SP800_108_FEEDBACK_KDF_PARAMS>() / 8 + 8;
    for (kind, len) in ALL {
        // Pointers are in words, and so are lengths: a word that is a length beyond all reason must
        // never be believed, whatever pointer stands beside it.
        for word in 0..words.min(len / 8) {
            let mut room = vec![0_u64; words];
            room[word] = 1 << 40;
            let read = read(kind, room.as_mut_ptr().cast(), len as u64);
            let answer = code(read);
            assert!(matches!(answer, CKR_OK | REFUSED | CKR_ARGUMENTS_BAD), "{kind:#x}, {word}");
        }
    }
}

#[test]
fn hkdf_is_read_with_each_kind_of_salt() {
    let (mut salt, mut info) = (*b"salt", *b"info");
    let params = CK_HKDF_PARAMS {
        bExtract: CK_TRUE,
        bExpand: CK_FALSE,
        prfHashMechanism: CKM_SHA256,
        ulSaltType: CKF_HKDF_SALT_NULL,
        pSalt: salt.as_mut_ptr(),
        ulSaltLen: 4,
        hSaltKey: 77,
        pInfo: info.as_mut_ptr(),
        ulInfoLen: 4,
    };
    for (kind, expected) in [
        (CKF_HKDF_SALT_NULL, HkdfSalt::Null),
        (CKF_HKDF_SALT_DATA, HkdfSalt::Data(b"salt".to_vec())),
        (CKF_HKDF_SALT_KEY, HkdfSalt::Key(key(77))),
    ] {
        let given = read_struct(CKM_HKDF_DERIVE, CK_HKDF_PARAMS { ulSaltType: kind, ..params });
        let expected = KdfParams::Hkdf {
            extract: true,
            expand: false,
            hash: CKM_SHA256,
            salt: expected,
            info: b"info".to_vec(),
        };
        assert_eq!(given, Ok(Params::Kdf(Box::new(expected))));
    }
    let nowhere = without_provenance_mut(8);
    for wrong in [
        CK_HKDF_PARAMS { ulSaltType: 3, ..params },
        CK_HKDF_PARAMS { bExtract: 2, ..params },
        CK_HKDF_PARAMS { bExpand: 255, ..params },
        CK_HKDF_PARAMS { pInfo: null_mut(), ..params },
        CK_HKDF_PARAMS { pInfo: nowhere, ulInfoLen: u64::MAX, ..params },
        CK_HKDF_PARAMS { ulSaltType: CKF_HKDF_SALT_DATA, pSalt: null_mut(), ..params },
    ] {
        assert_eq!(code(read_struct(CKM_HKDF_DATA, wrong)), REFUSED);
    }
}

#[test]
fn sp800_108_is_read_with_its_fields_and_further_keys() {
    let mut counter = CK_SP800_108_COUNTER_FORMAT { bLittleEndian: CK_TRUE, ulWidthInBits: 16 };
    let mut length = CK_SP800_108_DKM_LENGTH_FORMAT {
        dkmLengthMethod: CK_SP800_108_DKM_LENGTH_SUM_OF_SEGMENTS,
        bLittleEndian: CK_FALSE,
        ulWidthInBits: 32,
    };
    let (mut bytes, mut handle, mut iv) = (*b"label", 42_u64, *b"iv");
    let field = |type_, value: *mut c_void, len: usize| CK_PRF_DATA_PARAM {
        type_,
        pValue: value,
        ulValueLen: len as u64,
    };
    let counter_len = size_of::<CK_SP800_108_COUNTER_FORMAT>();
    let length_len = size_of::<CK_SP800_108_DKM_LENGTH_FORMAT>();
    let counter = (&raw mut counter).cast();
    let length = (&raw mut length).cast();
    let mut fields = [
        field(CK_SP800_108_ITERATION_VARIABLE, null_mut(), 0),
        field(CK_SP800_108_ITERATION_VARIABLE, counter, counter_len),
        field(CK_SP800_108_COUNTER, counter, counter_len),
        field(CK_SP800_108_DKM_LENGTH, length, length_len),
        field(CK_SP800_108_BYTE_ARRAY, bytes.as_mut_ptr().cast(), 5),
        field(CK_SP800_108_KEY_HANDLE, (&raw mut handle).cast(), 8),
    ];
    let mut value_len = 24_u64;
    let mut template =
        CK_ATTRIBUTE { type_: CKA_VALUE_LEN, pValue: (&raw mut value_len).cast(), ulValueLen: 8 };
    let mut place = 0;
    let mut more = [
        CK_DERIVED_KEY { pTemplate: &raw mut template, ulAttributeCount: 1, phKey: &raw mut place },
        CK_DERIVED_KEY { pTemplate: null_mut(), ulAttributeCount: 0, phKey: &raw mut place },
    ];
    let params = CK_SP800_108_FEEDBACK_KDF_PARAMS {
        prfType: CKM_AES_CMAC,
        ulNumberOfDataParams: 6,
        pDataParams: fields.as_mut_ptr(),
        ulIVLen: 2,
        pIV: iv.as_mut_ptr(),
        ulAdditionalDerivedKeys: 2,
        pAdditionalDerivedKeys: more.as_mut_ptr(),
    };
    let number = |little_endian, width_bits| PrfNumber { little_endian, width_bits };
    let method = CK_SP800_108_DKM_LENGTH_SUM_OF_SEGMENTS;
    let expected = |iv: &[u8]| {
        Ok(Params::Kdf(Box::new(KdfParams::Sp800_108 {
            prf: CKM_AES_CMAC,
            fields: vec![
                PrfField::IterationVariable(None),
                PrfField::IterationVariable(Some(number(true, 16))),
                PrfField::Counter(number(true, 16)),
                PrfField::DkmLength(method, number(false, 32)),
                PrfField::Bytes(b"label".to_vec()),
                PrfField::Key(key(42)),
            ],
            iv: iv.to_vec(),
            additional: vec![Template(vec![Attribute::ulong(CKA_VALUE_LEN, 24)]), Template(vec![])],
        })))
    };
    assert_eq!(read_struct(CKM_SP800_108_FEEDBACK_KDF, params), expected(b"iv"));
    let without_iv = CK_SP800_108_KDF_PARAMS {
        prfType: params.prfType,
        ulNumberOfDataParams: params.ulNumberOfDataParams,
        pDataParams: params.pDataParams,
        ulAdditionalDerivedKeys: params.ulAdditionalDerivedKeys,
        pAdditionalDerivedKeys: params.pAdditionalDerivedKeys,
    };
    for kind in [CKM_SP800_108_COUNTER_KDF, CKM_SP800_108_DOUBLE_PIPELINE_KDF] {
        assert_eq!(read_struct(kind, without_iv), expected(b""));
    }

    let nowhere = without_provenance_mut(8);
    type Raw = CK_SP800_108_FEEDBACK_KDF_PARAMS;
    for wrong in [
        Raw { ulNumberOfDataParams: MAX_ITEMS + 1, pDataParams: nowhere, ..params },
        Raw { ulNumberOfDataParams: u64::MAX, pDataParams: nowhere, ..params },
        Raw { pDataParams: null_mut(), ..params },
        Raw { pIV: null_mut(), ..params },
        Raw {
            ulAdditionalDerivedKeys: MAX_ITEMS + 1,
            pAdditionalDerivedKeys: without_provenance_mut(8),
            ..params
        },
        Raw { pAdditionalDerivedKeys: null_mut(), ..params },
    ] {
        assert_eq!(code(read_struct(CKM_SP800_108_FEEDBACK_KDF, wrong)), REFUSED);
    }
    // SAFETY: the array that the structure points at.
    unsafe { (*params.pAdditionalDerivedKeys.add(1)).phKey = null_mut() };
    assert_eq!(code(read_struct(CKM_SP800_108_FEEDBACK_KDF, params)), REFUSED);
    for wrong in [
        field(CK_SP800_108_ITERATION_VARIABLE, counter, counter_len - 1),
        field(CK_SP800_108_COUNTER, null_mut(), counter_len),
        field(CK_SP800_108_DKM_LENGTH, length, length_len + 1),
        field(CK_SP800_108_BYTE_ARRAY, null_mut(), 5),
        field(CK_SP800_108_KEY_HANDLE, (&raw mut handle).cast(), 4),
        field(6, null_mut(), 0),
    ] {
        let mut fields = [wrong];
        let wrong = CK_SP800_108_KDF_PARAMS {
            ulNumberOfDataParams: 1,
            pDataParams: fields.as_mut_ptr(),
            ulAdditionalDerivedKeys: 0,
            ..without_iv
        };
        assert_eq!(code(read_struct(CKM_SP800_108_COUNTER_KDF, wrong)), REFUSED);
    }
}

#[test]
fn a_password_is_read_from_both_structures() {
    let (mut salt, mut password, mut len) = (*b"salt", *b"password", 8_u64);
    let params = CK_PKCS5_PBKD2_PARAMS2 {
        saltSource: CKZ_SALT_SPECIFIED,
        pSaltSourceData: salt.as_mut_ptr().cast(),
        ulSaltSourceDataLen: 4,
        iterations: 1000,
        prf: CKP_PKCS5_PBKD2_HMAC_SHA256,
        pPrfData: null_mut(),
        ulPrfDataLen: 0,
        pPassword: password.as_mut_ptr(),
        ulPasswordLen: 8,
    };
    let older = |len: *mut CK_ULONG| CK_PKCS5_PBKD2_PARAMS {
        saltSource: params.saltSource,
        pSaltSourceData: params.pSaltSourceData,
        ulSaltSourceDataLen: params.ulSaltSourceDataLen,
        iterations: params.iterations,
        prf: params.prf,
        pPrfData: params.pPrfData,
        ulPrfDataLen: params.ulPrfDataLen,
        pPassword: params.pPassword,
        ulPasswordLen: len,
    };
    let expected = Ok(Params::Kdf(Box::new(KdfParams::Pbkdf2 {
        salt_source: CKZ_SALT_SPECIFIED,
        salt: b"salt".to_vec(),
        iterations: 1000,
        prf: CKP_PKCS5_PBKD2_HMAC_SHA256,
        prf_data: vec![],
        password: SecretBytes::new(b"password".to_vec()),
    })));
    assert_eq!(read_struct(CKM_PKCS5_PBKD2, params), expected);
    assert_eq!(read_struct(CKM_PKCS5_PBKD2, older(&raw mut len)), expected);
    // Lengths that are none, and no addresses either.
    for len in [MAX_PASSWORD + 1, 1 << 40, u64::MAX, u64::MAX - 7, 1 << 63] {
        let wrong = CK_PKCS5_PBKD2_PARAMS2 { ulPasswordLen: len, ..params };
        assert_eq!(code(read_struct(CKM_PKCS5_PBKD2, wrong)), REFUSED, "{len:#x}");
    }
    len = MAX_PASSWORD + 1;
    assert_eq!(code(read_struct(CKM_PKCS5_PBKD2, older(&raw mut len))), REFUSED);
    let wrong = CK_PKCS5_PBKD2_PARAMS2 { pPassword: null_mut(), ..params };
    assert_eq!(code(read_struct(CKM_PKCS5_PBKD2, wrong)), REFUSED);
}

/// Bytes that outlive a test's structure.
struct Bytes([u8; 2], [u8; 3]);

impl Bytes {
    fn random(&mut self) -> CK_SSL3_RANDOM_DATA {
        CK_SSL3_RANDOM_DATA {
            pClientRandom: self.0.as_mut_ptr(),
            ulClientRandomLen: 2,
            pServerRandom: self.1.as_mut_ptr(),
            ulServerRandomLen: 3,
        }
    }

    fn words(&self) -> TlsRandom {
        TlsRandom { client: self.0.to_vec(), server: self.1.to_vec() }
    }
}

#[test]
fn structures_of_tls_are_read_into_their_words() {
    let mut bytes = Bytes(*b"cl", *b"srv");
    let (words, random) = (bytes.words(), bytes.random());
    let read_kdf = |result| match result {
        Ok(Params::Kdf(params)) => *params,
        other => panic!("{other:?}"),
    };
    let mut version = CK_VERSION { major: 0, minor: 0 };
    let params = CK_TLS12_MASTER_KEY_DERIVE_PARAMS {
        RandomInfo: random,
        pVersion: &raw mut version,
        prfHashMechanism: CKM_SHA384,
    };
    let given = read_kdf(read_struct(CKM_TLS12_MASTER_KEY_DERIVE, params));
    let random_words = || words.clone();
    let expected =
        KdfParams::TlsMaster { random: random_words(), hash: Some(CKM_SHA384), version: true };
    assert_eq!(given, expected);

    let params = CK_SSL3_MASTER_KEY_DERIVE_PARAMS { RandomInfo: random, pVersion: null_mut() };
    let given = read_kdf(read_struct(CKM_TLS_MASTER_KEY_DERIVE_DH, params));
    let expected = KdfParams::TlsMaster { random: random_words(), hash: None, version: false };
    assert_eq!(given, expected);

    let mut hash = *b"hash";
    let params = CK_TLS12_EXTENDED_MASTER_KEY_DERIVE_PARAMS {
        prfHashMechanism: CKM_SHA256,
        pSessionHash: hash.as_mut_ptr(),
        ulSessionHashLen: 4,
        pVersion: null_mut(),
    };
    let given = read_kdf(read_struct(CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE_DH, params));
    let session_hash = b"hash".to_vec();
    let expected = KdfParams::TlsExtendedMaster { hash: CKM_SHA256, session_hash, version: false };
    assert_eq!(given, expected);

    let params = CK_TLS12_KEY_MAT_PARAMS {
        ulMacSizeInBits: 160,
        ulKeySizeInBits: 128,
        ulIVSizeInBits: 96,
        bIsExport: CK_FALSE,
        RandomInfo: random,
        pReturnedKeyMaterial: null_mut(),
        prfHashMechanism: CKM_SHA256,
    };
    let given = read_kdf(read_struct(CKM_TLS12_KEY_SAFE_DERIVE, params));
    let material = |hash| KdfParams::TlsKeyMaterial {
        mac_bits: 160,
        key_bits: 128,
        iv_bits: 96,
        export: false,
        random: random_words(),
        hash,
    };
    assert_eq!(given, material(Some(CKM_SHA256)));
    let wrong = CK_TLS12_KEY_MAT_PARAMS { bIsExport: 2, ..params };
    assert_eq!(code(read_struct(CKM_TLS12_KEY_AND_MAC_DERIVE, wrong)), REFUSED);
    let params = CK_SSL3_KEY_MAT_PARAMS {
        ulMacSizeInBits: 160,
        ulKeySizeInBits: 128,
        ulIVSizeInBits: 96,
        bIsExport: CK_FALSE,
        RandomInfo: random,
        pReturnedKeyMaterial: null_mut(),
    };
    let given = read_kdf(read_struct(CKM_TLS_KEY_AND_MAC_DERIVE, params));
    assert_eq!(given, material(None));

    let mut label = *b"label";
    let params = CK_TLS_KDF_PARAMS {
        prfMechanism: CKM_TLS_PRF,
        pLabel: label.as_mut_ptr(),
        ulLabelLength: 5,
        RandomInfo: random,
        pContextData: null_mut(),
        ulContextDataLength: 0,
    };
    for (at, len, context) in [
        (null_mut(), 0, None),
        (hash.as_mut_ptr(), 0, Some(vec![])),
        (hash.as_mut_ptr(), 4, Some(b"hash".to_vec())),
    ] {
        let params = CK_TLS_KDF_PARAMS { pContextData: at, ulContextDataLength: len, ..params };
        let expected = KdfParams::TlsKdf {
            prf: CKM_TLS_PRF,
            label: b"label".to_vec(),
            random: random_words(),
            context,
        };
        assert_eq!(read_kdf(read_struct(CKM_TLS_KDF, params)), expected);
    }

    let params =
        CK_TLS_MAC_PARAMS { prfHashMechanism: CKM_SHA256, ulMacLength: 12, ulServerOrClient: 2 };
    let expected = Params::TlsMac { prf: CKM_SHA256, len: 12, side: 2 };
    assert_eq!(read_struct(CKM_TLS_MAC, params), Ok(expected));
    let version = CK_VERSION { major: 3, minor: 1 };
    assert_eq!(read_struct(CKM_TLS_PRE_MASTER_KEY_GEN, version), Ok(Params::Version(3, 1)));
}

#[test]
fn structures_of_ike_luna_and_keys_put_together_are_read_into_their_words() {
    let (mut first, mut second) = (*b"ab", *b"cde");
    let (at, then) = (first.as_mut_ptr(), second.as_mut_ptr());
    let (initiator, responder) = (b"ab".to_vec(), b"cde".to_vec());
    let read_kdf = |result| match result {
        Ok(Params::Kdf(params)) => *params,
        other => panic!("{other:?}"),
    };
    let prf = CKM_SHA256_HMAC;
    for (rekey, new_key) in [(CK_FALSE, None), (CK_TRUE, Some(key(9)))] {
        let params = CK_IKE_PRF_DERIVE_PARAMS {
            prfMechanism: prf,
            bDataAsKey: CK_FALSE,
            bRekey: rekey,
            pNi: at,
            ulNiLen: 2,
            pNr: then,
            ulNrLen: 3,
            hNewKey: 9,
        };
        let (initiator, responder) = (initiator.clone(), responder.clone());
        let expected = KdfParams::IkePrf { prf, data_as_key: false, new_key, initiator, responder };
        assert_eq!(read_kdf(read_struct(CKM_IKE_PRF_DERIVE, params)), expected);
        let wrong = CK_IKE_PRF_DERIVE_PARAMS { bDataAsKey: 3, ..params };
        assert_eq!(code(read_struct(CKM_IKE_PRF_DERIVE, wrong)), REFUSED);
    }
    for (has, previous) in [(CK_FALSE, None), (CK_TRUE, Some(key(8)))] {
        let params = CK_IKE1_PRF_DERIVE_PARAMS {
            prfMechanism: prf,
            bHasPrevKey: has,
            hKeygxy: 7,
            hPrevKey: 8,
            pCKYi: at,
            ulCKYiLen: 2,
            pCKYr: then,
            ulCKYrLen: 3,
            keyNumber: 2,
        };
        let expected = KdfParams::Ike1Prf {
            prf,
            secret: key(7),
            previous,
            initiator: initiator.clone(),
            responder: responder.clone(),
            number: 2,
        };
        assert_eq!(read_kdf(read_struct(CKM_IKE1_PRF_DERIVE, params)), expected);
    }
    for (has, other) in [(CK_FALSE, None), (CK_TRUE, Some(key(6)))] {
        let params = CK_IKE1_EXTENDED_DERIVE_PARAMS {
            prfMechanism: prf,
            bHasKeygxy: has,
            hKeygxy: 6,
            pExtraData: at,
            ulExtraDataLen: 2,
        };
        let expected = KdfParams::Ike1Extended { prf, secret: other, extra: initiator.clone() };
        assert_eq!(read_kdf(read_struct(CKM_IKE1_EXTENDED_DERIVE, params)), expected);
        let params = CK_IKE2_PRF_PLUS_DERIVE_PARAMS {
            prfMechanism: prf,
            bHasSeedKey: has,
            hSeedKey: 6,
            pSeedData: at,
            ulSeedDataLen: 2,
        };
        let expected = KdfParams::Ike2PrfPlus { prf, seed_key: other, seed: initiator.clone() };
        assert_eq!(read_kdf(read_struct(CKM_IKE2_PRF_PLUS_DERIVE, params)), expected);
    }
    let params = CK_KDF_PRF_PARAMS {
        prfType: CK_NIST_PRF_KDF_AES_CMAC,
        pLabel: at,
        ulLabelLen: 2,
        pContext: then,
        ulContextLen: 3,
        ulCounter: 1,
        ulEncodingScheme: LUNA_PRF_KDF_ENCODING_SCHEME_3,
    };
    let expected = KdfParams::LunaPrf {
        prf: CK_NIST_PRF_KDF_AES_CMAC,
        label: initiator,
        context: responder,
        counter: 1,
        encoding: LUNA_PRF_KDF_ENCODING_SCHEME_3,
    };
    for kind in [CKM_NIST_PRF_KDF, CKM_PRF_KDF] {
        assert_eq!(read_kdf(read_struct(kind, params)), expected);
    }
    let given = read_kdf(read_struct::<u64>(CKM_CONCATENATE_BASE_AND_KEY, 5));
    assert_eq!(given, KdfParams::Key(key(5)));
    assert_eq!(read_struct::<u64>(CKM_EXTRACT_KEY_FROM_KEY, 21), Ok(Params::Length(21)));
}

fn places_of<T>(kind: CK_MECHANISM_TYPE, params: &mut T) -> Result<Places> {
    let mut raw = CK_MECHANISM {
        mechanism: kind,
        pParameter: (&raw mut *params).cast(),
        ulParameterLen: size_of::<T>() as CK_ULONG,
    };
    // SAFETY: a structure that belongs to the mechanism.
    unsafe { MechanismIn::new(&raw mut raw) }.derived_places()
}

#[test]
fn keys_and_vectors_of_a_connection_go_to_their_places() {
    let mut bytes = Bytes(*b"cl", *b"srv");
    let (mut client_iv, mut server_iv) = ([0; 4], [0; 4]);
    let mut out = CK_SSL3_KEY_MAT_OUT {
        hClientMacSecret: 9,
        hServerMacSecret: 9,
        hClientKey: 9,
        hServerKey: 9,
        pIVClient: client_iv.as_mut_ptr(),
        pIVServer: server_iv.as_mut_ptr(),
    };
    let at = &raw mut out;
    let mut params = CK_TLS12_KEY_MAT_PARAMS {
        ulMacSizeInBits: 160,
        ulKeySizeInBits: 128,
        ulIVSizeInBits: 32,
        bIsExport: CK_FALSE,
        RandomInfo: bytes.random(),
        pReturnedKeyMaterial: at,
        prfHashMechanism: CKM_SHA256,
    };
    // SAFETY: the structure that was just written.
    let handles = || unsafe {
        let out = at.read();
        [out.hClientMacSecret, out.hServerMacSecret, out.hClientKey, out.hServerKey]
    };
    let places = places_of(CKM_TLS12_KEY_AND_MAC_DERIVE, &mut params).expect("places");
    assert!(places.all_in_structure());
    places.put([1, 2, 3, 4].into_iter(), b"abcdefgh");
    assert_eq!((handles(), &client_iv, &server_iv), ([1, 2, 3, 4], b"abcd", b"efgh"));
    places.put_none();
    assert_eq!(handles(), [CK_INVALID_HANDLE; 4]);
    // Vectors of another length than there is room for are not written.
    places.put([1, 2, 3, 4].into_iter(), b"0123456789");
    assert_eq!((&client_iv, &server_iv), (b"abcd", b"efgh"));

    params.ulMacSizeInBits = 0;
    let places = places_of(CKM_TLS12_KEY_AND_MAC_DERIVE, &mut params).expect("places");
    places.put([5, 6].into_iter(), b"");
    assert_eq!(handles(), [0, 0, 5, 6]);

    // SAFETY: the structure lives on.
    unsafe { (*at).pIVServer = null_mut() };
    assert_eq!(code(places_of(CKM_TLS12_KEY_AND_MAC_DERIVE, &mut params)), REFUSED);
    assert_eq!(code(places_of(CKM_TLS12_KEY_SAFE_DERIVE, &mut params)), CKR_OK);
    params.pReturnedKeyMaterial = null_mut();
    assert_eq!(code(places_of(CKM_TLS12_KEY_SAFE_DERIVE, &mut params)), REFUSED);
}

#[test]
fn a_version_goes_to_its_place_if_there_is_one() {
    let mut version = CK_VERSION { major: 9, minor: 9 };
    let mut bytes = Bytes(*b"cl", *b"srv");
    let mut params =
        CK_SSL3_MASTER_KEY_DERIVE_PARAMS { RandomInfo: bytes.random(), pVersion: &raw mut version };
    let places = places_of(CKM_TLS_MASTER_KEY_DERIVE, &mut params).expect("places");
    assert!(!places.all_in_structure());
    places.put_none();
    places.put([].into_iter(), &[3, 1]);
    assert_eq!((version.major, version.minor), (3, 1));
    params.pVersion = null_mut();
    let places = places_of(CKM_TLS_MASTER_KEY_DERIVE, &mut params).expect("places");
    places.put([].into_iter(), &[3, 1]);
}

#[test]
fn every_structure_of_a_derivation_has_its_mechanism() {
    for (kind, _) in ALL {
        let known = shape(kind).is_some()
            || matches!(
                kind,
                CKM_EXTRACT_KEY_FROM_KEY
                    | CKM_CONCATENATE_BASE_AND_DATA
                    | CKM_CONCATENATE_DATA_AND_BASE
            );
        assert!(known, "{kind:#x}");
    }
    assert_eq!(shape(CKM_AES_CBC), None);
    assert_eq!(shape(CKM_TLS12_MASTER_KEY_DERIVE_DH), Some(Shape::Tls12Master));
}

#[test]
fn elements_of_one_time_passwords_are_read_from_parameters_and_signatures() {
    let (mut counter, mut digits) = ([0, 0, 0, 0, 0, 0, 0, 7_u8], *b"755224");
    let element =
        |type_, value: *mut u8, len| CK_OTP_PARAM { type_, pValue: value.cast(), ulValueLen: len };
    let mut elements = [
        element(CK_OTP_VALUE, digits.as_mut_ptr(), 6),
        element(CK_OTP_COUNTER, counter.as_mut_ptr(), 8),
    ];
    let at = elements.as_mut_ptr();
    let expected = vec![
        OtpParam { kind: CK_OTP_VALUE, value: b"755224".to_vec() },
        OtpParam { kind: CK_OTP_COUNTER, value: counter.to_vec() },
    ];
    let params = CK_OTP_PARAMS { pParams: at, ulCount: 2 };
    assert_eq!(read_struct(CKM_HOTP, params), Ok(Params::Otp(expected.clone())));
    assert_eq!(read(CKM_HOTP, null_mut(), 0), Ok(Params::None));

    let mut info = CK_OTP_SIGNATURE_INFO { pParams: at, ulCount: 2 };
    let info_at = (&raw mut info).cast::<u8>();
    let signature = |len| {
        // SAFETY: a structure with its elements.
        unsafe { SignatureIn::new(info_at, len) }
    };
    assert!(signature(16).may_be_otp() && !signature(15).may_be_otp());
    assert_eq!(signature(16).otp_image(), Ok(OtpParam::image(&expected)));
    assert_eq!(code(signature(15).otp_image()), CKR_SIGNATURE_LEN_RANGE);

    let nowhere = without_provenance_mut(8);
    for wrong in [
        CK_OTP_PARAMS { pParams: null_mut(), ulCount: 1 },
        CK_OTP_PARAMS { pParams: nowhere, ulCount: MAX_ITEMS + 1 },
        CK_OTP_PARAMS { pParams: nowhere, ulCount: u64::MAX },
    ] {
        assert_eq!(code(read_struct(CKM_HOTP, wrong)), REFUSED);
        let mut info = CK_OTP_SIGNATURE_INFO { pParams: wrong.pParams, ulCount: wrong.ulCount };
        // SAFETY: what is wild is refused unread.
        let signature = unsafe { SignatureIn::new((&raw mut info).cast(), 16) };
        assert_eq!(code(signature.otp_image()), REFUSED);
    }
    let mut wild = [element(CK_OTP_VALUE, without_provenance_mut(8), u64::MAX)];
    let params = CK_OTP_PARAMS { pParams: wild.as_mut_ptr(), ulCount: 1 };
    assert_eq!(code(read_struct(CKM_HOTP, params)), REFUSED);
}
