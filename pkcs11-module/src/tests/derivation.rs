//! Derivations that write into the caller's structures.

use std::ffi::c_void;

use super::*;

/// Attributes of a public session object, which needs no login.
struct TemplateOf(Vec<(CK_ATTRIBUTE_TYPE, Vec<u8>)>);

impl TemplateOf {
    fn new(more: &[(CK_ATTRIBUTE_TYPE, &[u8])]) -> Self {
        let all = [
            (CKA_PRIVATE, &[0][..]),
            (CKA_SENSITIVE, &[0]),
            (CKA_EXTRACTABLE, &[1]),
            (CKA_DERIVE, &[1]),
        ];
        let all = all.iter().chain(more);
        Self(all.map(|&(kind, value)| (kind, value.to_vec())).collect())
    }

    fn raw(&mut self) -> Vec<CK_ATTRIBUTE> {
        let raw = |(type_, value): &mut (CK_ATTRIBUTE_TYPE, Vec<u8>)| CK_ATTRIBUTE {
            type_: *type_,
            pValue: value.as_mut_ptr().cast(),
            ulValueLen: value.len() as CK_ULONG,
        };
        self.0.iter_mut().map(raw).collect()
    }
}

fn number(number: u64) -> [u8; 8] {
    number.to_ne_bytes()
}

fn secret(session: CK_SESSION_HANDLE, value: &[u8]) -> CK_OBJECT_HANDLE {
    let (class, kind) = (number(CKO_SECRET_KEY), number(CKK_GENERIC_SECRET));
    let mut template =
        TemplateOf::new(&[(CKA_CLASS, &class), (CKA_KEY_TYPE, &kind), (CKA_VALUE, value)]);
    let (mut raw, mut key) = (template.raw(), 0);
    let len = raw.len() as CK_ULONG;
    // SAFETY: valid pointers.
    assert_eq!(unsafe { C_CreateObject(session, raw.as_mut_ptr(), len, &mut key) }, CKR_OK);
    key
}

fn value(session: CK_SESSION_HANDLE, key: CK_OBJECT_HANDLE) -> Vec<u8> {
    let mut room = vec![0; 256];
    let mut attribute = CK_ATTRIBUTE {
        type_: CKA_VALUE,
        pValue: room.as_mut_ptr().cast(),
        ulValueLen: room.len() as CK_ULONG,
    };
    // SAFETY: valid pointers.
    assert_eq!(unsafe { C_GetAttributeValue(session, key, &mut attribute, 1) }, CKR_OK);
    room.truncate(attribute.ulValueLen as usize);
    room
}

fn mechanism<T>(mechanism: CK_MECHANISM_TYPE, params: &mut T) -> CK_MECHANISM {
    CK_MECHANISM {
        mechanism,
        pParameter: (&raw mut *params).cast::<c_void>(),
        ulParameterLen: size_of::<T>() as CK_ULONG,
    }
}

/// C_DeriveKey with a place for the key, or none.
fn derive<T>(
    session: CK_SESSION_HANDLE,
    kind: CK_MECHANISM_TYPE,
    params: &mut T,
    base: CK_OBJECT_HANDLE,
    template: &mut TemplateOf,
    place: bool,
) -> (CK_RV, CK_OBJECT_HANDLE) {
    let (mut mechanism, mut raw, mut key) = (mechanism(kind, params), template.raw(), 0);
    let key_at: *mut CK_OBJECT_HANDLE = if place { &raw mut key } else { null_mut() };
    let len = raw.len() as CK_ULONG;
    // SAFETY: valid pointers or NULL.
    let rv =
        unsafe { C_DeriveKey(session, &raw mut mechanism, base, raw.as_mut_ptr(), len, key_at) };
    (rv, key)
}

#[test]
fn further_keys_of_sp800_108_have_their_handles_written_back_or_none() {
    let library = Library::new();
    let session = library.session();
    let base = secret(session, b"base");
    let other = secret(session, b"other");
    let mut counter = CK_SP800_108_COUNTER_FORMAT { bLittleEndian: CK_FALSE, ulWidthInBits: 32 };
    let mut handle = other;
    let handle_at = &raw mut handle;
    let mut fields = [
        CK_PRF_DATA_PARAM {
            type_: CK_SP800_108_ITERATION_VARIABLE,
            pValue: (&raw mut counter).cast(),
            ulValueLen: size_of::<CK_SP800_108_COUNTER_FORMAT>() as CK_ULONG,
        },
        CK_PRF_DATA_PARAM {
            type_: CK_SP800_108_KEY_HANDLE,
            pValue: handle_at.cast(),
            ulValueLen: 8,
        },
    ];
    let mut templates = [16, 32].map(|len| TemplateOf::new(&[(CKA_VALUE_LEN, &number(len))]));
    let mut raw: Vec<_> = templates.iter_mut().map(TemplateOf::raw).collect();
    let mut places = [u64::MAX; 2];
    let at = places.as_mut_ptr();
    let mut more: Vec<_> = raw
        .iter_mut()
        .enumerate()
        .map(|(index, raw)| CK_DERIVED_KEY {
            pTemplate: raw.as_mut_ptr(),
            ulAttributeCount: raw.len() as CK_ULONG,
            phKey: at.wrapping_add(index),
        })
        .collect();
    let mut params = CK_SP800_108_KDF_PARAMS {
        prfType: CKM_SHA256_HMAC,
        ulNumberOfDataParams: 2,
        pDataParams: fields.as_mut_ptr(),
        ulAdditionalDerivedKeys: 2,
        pAdditionalDerivedKeys: more.as_mut_ptr(),
    };
    let kind = CKM_SP800_108_COUNTER_KDF;
    let mut template = TemplateOf::new(&[(CKA_VALUE_LEN, &number(32))]);
    let (rv, key) = derive(session, kind, &mut params, base, &mut template, true);
    assert_eq!(rv, CKR_OK);
    // SAFETY: the two places.
    let handles = || unsafe { [at.read(), at.add(1).read()] };
    let keys = [key, handles()[0], handles()[1]];
    assert!(keys.iter().all(|&key| key != CK_INVALID_HANDLE && key != u64::MAX), "{keys:?}");
    let lens = keys.map(|key| value(session, key).len());
    assert_eq!(lens, [32, 16, 32]);
    assert_ne!(value(session, keys[0])[..16], value(session, keys[1])[..]);

    // Without a place for the first there is none of them.
    let (rv, _) = derive(session, kind, &mut params, base, &mut template, false);
    assert_eq!(rv, CKR_ARGUMENTS_BAD);
    assert_eq!(handles(), [keys[1], keys[2]]);
    // A failure leaves no handle behind.
    // SAFETY: the handle that a field points at.
    unsafe { handle_at.write(4711) };
    let (rv, _) = derive(session, kind, &mut params, base, &mut template, true);
    assert_eq!((rv, handles()), (CKR_KEY_HANDLE_INVALID, [CK_INVALID_HANDLE; 2]));
}

#[test]
fn the_keys_and_vectors_of_a_tls_connection_are_written_back() {
    let library = Library::new();
    let session = library.session();
    let premaster = secret(session, &[&[3, 3][..], &[7; 46]].concat());
    let (mut client_random, mut server_random) = ([1_u8; 32], [2_u8; 32]);
    let random = CK_SSL3_RANDOM_DATA {
        pClientRandom: client_random.as_mut_ptr(),
        ulClientRandomLen: 32,
        pServerRandom: server_random.as_mut_ptr(),
        ulServerRandomLen: 32,
    };
    let mut version = CK_VERSION { major: 0, minor: 0 };
    let version_at = &raw mut version;
    let mut params = CK_TLS12_MASTER_KEY_DERIVE_PARAMS {
        RandomInfo: random,
        pVersion: version_at,
        prfHashMechanism: CKM_SHA256,
    };
    let mut template = TemplateOf::new(&[]);
    let kind = CKM_TLS12_MASTER_KEY_DERIVE;
    let (rv, master) = derive(session, kind, &mut params, premaster, &mut template, true);
    assert_eq!(rv, CKR_OK);
    // SAFETY: the version.
    let version = unsafe { version_at.read() };
    assert_eq!((version.major, version.minor), (3, 3));
    assert_eq!(value(session, master).len(), 48);

    let (mut client_iv, mut server_iv) = ([0_u8; 4], [0_u8; 4]);
    let (client_at, server_at) = (client_iv.as_mut_ptr(), server_iv.as_mut_ptr());
    let mut out = CK_SSL3_KEY_MAT_OUT {
        hClientMacSecret: 0,
        hServerMacSecret: 0,
        hClientKey: 0,
        hServerKey: 0,
        pIVClient: client_at,
        pIVServer: server_at,
    };
    let out_at = &raw mut out;
    let mut params = CK_TLS12_KEY_MAT_PARAMS {
        ulMacSizeInBits: 160,
        ulKeySizeInBits: 128,
        ulIVSizeInBits: 32,
        bIsExport: CK_FALSE,
        RandomInfo: random,
        pReturnedKeyMaterial: out_at,
        prfHashMechanism: CKM_SHA256,
    };
    let kind = CKM_TLS12_KEY_AND_MAC_DERIVE;
    let (rv, key) = derive(session, kind, &mut params, master, &mut template, false);
    assert_eq!((rv, key), (CKR_OK, 0), "the call's own place is not used");
    // SAFETY: the structure and its vectors.
    let (handles, ivs) = unsafe {
        let out = out_at.read();
        let ivs = (client_at.cast::<[u8; 4]>().read(), server_at.cast::<[u8; 4]>().read());
        ([out.hClientMacSecret, out.hServerMacSecret, out.hClientKey, out.hServerKey], ivs)
    };
    assert_eq!(handles.map(|key| value(session, key).len()), [20, 20, 16, 16]);
    assert!(ivs.0 != [0; 4] && ivs.0 != ivs.1);
    // Both sides' keys come from one block: what is cut otherwise begins alike.
    params.ulMacSizeInBits = 320;
    params.ulKeySizeInBits = 256;
    let (rv, _) = derive(session, kind, &mut params, master, &mut template, false);
    assert_eq!(rv, CKR_OK);
    // SAFETY: the structure.
    let wide = unsafe { out_at.read() };
    let expected = [value(session, handles[0]), value(session, handles[1])].concat();
    assert_eq!(value(session, wide.hClientMacSecret), expected);

    // What the structure has no place for is refused before any key is made.
    params.pReturnedKeyMaterial = null_mut();
    let (rv, _) = derive(session, kind, &mut params, master, &mut template, false);
    assert_eq!(rv, CKR_MECHANISM_PARAM_INVALID);
}

#[test]
fn other_keys_are_named_by_their_handles() {
    let library = Library::new();
    let session = library.session();
    let (base, other) = (secret(session, b"one"), secret(session, b"two"));
    let mut handle = other;
    let mut template = TemplateOf::new(&[]);
    let kind = CKM_CONCATENATE_BASE_AND_KEY;
    let (rv, key) = derive(session, kind, &mut handle, base, &mut template, true);
    assert_eq!(rv, CKR_OK);
    assert_eq!(value(session, key), b"onetwo");
    for nobody in [CK_INVALID_HANDLE, 4711, u64::MAX] {
        let mut handle = nobody;
        let (rv, _) = derive(session, kind, &mut handle, base, &mut template, true);
        assert_eq!(rv, CKR_KEY_HANDLE_INVALID);
    }
    let mut salt = *b"salt";
    let mut params = CK_HKDF_PARAMS {
        bExtract: CK_TRUE,
        bExpand: CK_TRUE,
        prfHashMechanism: CKM_SHA256,
        ulSaltType: CKF_HKDF_SALT_DATA,
        pSalt: salt.as_mut_ptr(),
        ulSaltLen: 4,
        hSaltKey: CK_INVALID_HANDLE,
        pInfo: null_mut(),
        ulInfoLen: 0,
    };
    let mut template = TemplateOf::new(&[(CKA_VALUE_LEN, &number(42))]);
    let kind = CKM_HKDF_DERIVE;
    let (rv, by_data) = derive(session, kind, &mut params, base, &mut template, true);
    assert_eq!(rv, CKR_OK);
    params.ulSaltType = CKF_HKDF_SALT_KEY;
    params.hSaltKey = secret(session, b"salt");
    let (rv, by_key) = derive(session, kind, &mut params, base, &mut template, true);
    assert_eq!(rv, CKR_OK);
    assert_eq!(value(session, by_data), value(session, by_key));
}
