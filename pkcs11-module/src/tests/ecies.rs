//! Luna's ECIES through its C structure.

use super::*;

fn attribute(type_: u64, value: *mut u8, len: usize) -> CK_ATTRIBUTE {
    CK_ATTRIBUTE { type_, pValue: value.cast(), ulValueLen: len as CK_ULONG }
}

/// A pair on P-256 that encrypts and decrypts.
fn pair(session: CK_SESSION_HANDLE) -> (CK_OBJECT_HANDLE, CK_OBJECT_HANDLE) {
    let mut p256 = [0x06_u8, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
    let (mut yes, mut no) = (CK_TRUE, CK_FALSE);
    let mut public = [
        attribute(CKA_EC_PARAMS, p256.as_mut_ptr(), p256.len()),
        attribute(CKA_ENCRYPT, &raw mut yes, 1),
    ];
    let mut private =
        [attribute(CKA_DECRYPT, &raw mut yes, 1), attribute(CKA_PRIVATE, &raw mut no, 1)];
    let mut mechanism =
        CK_MECHANISM { mechanism: CKM_EC_KEY_PAIR_GEN, pParameter: null_mut(), ulParameterLen: 0 };
    let (mut first, mut second) = (0, 0);
    // SAFETY: valid pointers.
    let rv = unsafe {
        let (public, private) = (public.as_mut_ptr(), private.as_mut_ptr());
        C_GenerateKeyPair(session, &mut mechanism, public, 2, private, 2, &mut first, &mut second)
    };
    assert_eq!(rv, CKR_OK);
    (first, second)
}

#[test]
fn a_message_goes_through_the_vendors_structure_and_back() {
    let library = Library::new();
    let session = library.session();
    let (public, private) = pair(session);
    let mut shared = *b"shared";
    let mut params = CK_ECIES_PARAMS {
        dhPrimitive: CKDHP_STANDARD,
        kdf: CKD_SHA256_KDF,
        ulSharedDataLen1: 6,
        pSharedData1: shared.as_mut_ptr(),
        encScheme: CKES_AES_CBC_PAD,
        ulEncKeyLenInBits: 256,
        macScheme: CKMS_HMAC_SHA256,
        ulMacKeyLenInBits: 256,
        ulMacLenInBits: 256,
        ulSharedDataLen2: 0,
        pSharedData2: null_mut(),
    };
    let whole = size_of::<CK_ECIES_PARAMS>() as CK_ULONG;
    assert_eq!(whole, 88);
    let mut mechanism = CK_MECHANISM {
        mechanism: CKM_ECIES,
        pParameter: (&raw mut params).cast(),
        ulParameterLen: whole,
    };
    let (mut data, mut sealed, mut opened) = (*b"a message", [0_u8; 256], [0_u8; 256]);
    let (mut len, mut opened_len) = (0, 256);
    // SAFETY: valid pointers.
    unsafe {
        assert_eq!(C_EncryptInit(session, &mut mechanism, public), CKR_OK);
        let (data, data_len) = (data.as_mut_ptr(), data.len() as CK_ULONG);
        assert_eq!(C_Encrypt(session, data, data_len, null_mut(), &mut len), CKR_OK);
        assert_eq!(len, 65 + 16 + 32);
        assert_eq!(C_Encrypt(session, data, data_len, sealed.as_mut_ptr(), &mut len), CKR_OK);
        assert_eq!(len, 65 + 16 + 32);
        assert_eq!(C_DecryptInit(session, &mut mechanism, private), CKR_OK);
        let (sealed, out) = (sealed.as_mut_ptr(), opened.as_mut_ptr());
        assert_eq!(C_Decrypt(session, sealed, len, out, &mut opened_len), CKR_OK);

        mechanism.ulParameterLen = whole - 8;
        let refused = C_EncryptInit(session, &mut mechanism, public);
        assert_eq!(refused, CKR_MECHANISM_PARAM_INVALID);
        // CK_ECIES_PARAMS_EXT is longer, by a pointer and a length or more.
        let mut longer = [0_u8; 120];
        longer[..88].copy_from_slice(std::slice::from_raw_parts((&raw const params).cast(), 88));
        mechanism.pParameter = longer.as_mut_ptr().cast();
        for more in [16, 32] {
            mechanism.ulParameterLen = whole + more;
            let refused = C_EncryptInit(session, &mut mechanism, public);
            assert_eq!(refused, CKR_MECHANISM_PARAM_INVALID);
        }
        mechanism.ulParameterLen = whole;
        // CKD_HKDF_SHA256 of newer firmware.
        let mut hkdf = CK_ECIES_PARAMS { kdf: 0x8000_0020, ..params };
        mechanism.pParameter = (&raw mut hkdf).cast();
        let refused = C_EncryptInit(session, &mut mechanism, public);
        assert_eq!(refused, CKR_MECHANISM_PARAM_INVALID);
        let mut without = CK_ECIES_PARAMS { pSharedData1: null_mut(), ..params };
        mechanism.pParameter = (&raw mut without).cast();
        let refused = C_EncryptInit(session, &mut mechanism, public);
        assert_eq!(refused, CKR_MECHANISM_PARAM_INVALID);
    }
    assert_eq!(opened[..opened_len as usize], data);
}
