//! NULL pointers, absurd lengths, handles that nobody gave out.

use std::ptr::{null_mut, null_mut as null, without_provenance_mut};

use cryptoki_sys::*;
use hsmsim_tests::{
    Sandbox,
    apart::apart,
    raw::{Raw, attribute, mechanism, mechanism_with},
    test_name,
};

use super::{YES, aes, rsa_pair, table, well};

const FLAGS: CK_FLAGS = CKF_SERIAL_SESSION | CKF_RW_SESSION;

fn instant() -> Sandbox {
    Sandbox::new("instant")
}

#[test]
fn null_pointers_are_refused() {
    apart(test_name!(), instant, |_| {
        let library = Raw::library();
        let slot = library.slot();
        let s = library.session();
        let mut count: CK_ULONG = 0;
        let mut object = 0;
        let mut pin = *b"12345678";
        table!(library;
            C_GetInfo(null()) => CKR_ARGUMENTS_BAD;
            C_GetSlotList(1, null(), null()) => CKR_ARGUMENTS_BAD;
            C_GetSlotInfo(slot, null()) => CKR_ARGUMENTS_BAD;
            C_GetTokenInfo(slot, null()) => CKR_ARGUMENTS_BAD;
            C_GetMechanismList(slot, null(), null()) => CKR_ARGUMENTS_BAD;
            C_GetMechanismInfo(slot, CKM_RSA_PKCS, null()) => CKR_ARGUMENTS_BAD;
            C_OpenSession(slot, FLAGS, null(), None, null()) => CKR_ARGUMENTS_BAD;
            C_GetSessionInfo(s, null()) => CKR_ARGUMENTS_BAD;
            C_GetFunctionList(null()) => CKR_ARGUMENTS_BAD;
            C_GetInterfaceList(null(), null()) => CKR_ARGUMENTS_BAD;
            C_GetInterface(null(), null(), null(), 0) => CKR_ARGUMENTS_BAD;
            C_InitToken(slot + 1, null(), 8, pin.as_mut_ptr()) => CKR_ARGUMENTS_BAD;
            C_InitToken(slot + 1, pin.as_mut_ptr(), 8, null()) => CKR_ARGUMENTS_BAD;
            C_Login(s, CKU_USER, null(), 8) => CKR_ARGUMENTS_BAD;
        );
        library.login(s);
        table!(library;
            C_SetPIN(s, null(), 8, pin.as_mut_ptr(), 8) => CKR_ARGUMENTS_BAD;
            C_SetPIN(s, pin.as_mut_ptr(), 8, null(), 8) => CKR_ARGUMENTS_BAD;
            C_CreateObject(s, null(), 1, &mut object) => CKR_ARGUMENTS_BAD;
            C_FindObjectsInit(s, null(), 1) => CKR_ARGUMENTS_BAD;
            C_FindObjectsInit(s, null(), 0) => CKR_OK;
            C_FindObjects(s, null(), 1, &mut count) => CKR_ARGUMENTS_BAD;
            C_FindObjects(s, &mut object, 1, null()) => CKR_ARGUMENTS_BAD;
            C_FindObjectsFinal(s) => CKR_OK;
            C_GenerateRandom(s, null(), 16) => CKR_ARGUMENTS_BAD;
            C_SeedRandom(s, null(), 16) => CKR_ARGUMENTS_BAD;
            C_GenerateKey(s, null(), null(), 0, &mut object) => CKR_ARGUMENTS_BAD;
            C_GenerateKeyPair(s, null(), null(), 0, null(), 0, &mut object, &mut object)
                => CKR_ARGUMENTS_BAD;
            C_DeriveKey(s, null(), 1, null(), 0, &mut object) => CKR_ARGUMENTS_BAD;
            C_WrapKey(s, null(), 1, 1, null(), &mut count) => CKR_ARGUMENTS_BAD;
            C_UnwrapKey(s, null(), 1, null(), 0, null(), 0, &mut object) => CKR_ARGUMENTS_BAD;
            // NULL for a mechanism cancels (PKCS#11 3.1, 5.1.5): there is nothing to cancel.
            C_DigestInit(s, null()) => CKR_OPERATION_NOT_INITIALIZED;
            C_Finalize(without_provenance_mut(1)) => CKR_ARGUMENTS_BAD;
        );
        let mut aes_gen = mechanism(CKM_AES_KEY_GEN);
        let mut sha = mechanism(CKM_SHA256);
        table!(library;
            C_GenerateKey(s, &mut aes_gen, null(), 1, &mut object) => CKR_ARGUMENTS_BAD;
            C_GenerateKey(s, &mut aes_gen, null(), 0, null()) => CKR_ARGUMENTS_BAD;
            C_DigestInit(s, &mut sha) => CKR_OK;
            C_Digest(s, null(), 5, null(), &mut count) => CKR_ARGUMENTS_BAD;
            C_DigestInit(s, &mut sha) => CKR_OK;
            C_Digest(s, pin.as_mut_ptr(), 8, null(), null()) => CKR_ARGUMENTS_BAD;
        );
        // A template whose attributes have no value but a length.
        let mut empty = [CK_ATTRIBUTE { type_: CKA_LABEL, pValue: null(), ulValueLen: 5 }];
        let key = aes(&library, s);
        table!(library;
            C_CreateObject(s, empty.as_mut_ptr(), 1, &mut object) => CKR_ATTRIBUTE_VALUE_INVALID;
            C_FindObjectsInit(s, empty.as_mut_ptr(), 1) => CKR_ATTRIBUTE_VALUE_INVALID;
            C_SetAttributeValue(s, key, empty.as_mut_ptr(), 1) => CKR_ATTRIBUTE_VALUE_INVALID;
            C_GetAttributeValue(s, key, null(), 1) => CKR_ARGUMENTS_BAD;
            C_GetAttributeValue(s, key, null(), 0) => CKR_OK;
            C_CopyObject(s, key, null(), 1, &mut object) => CKR_ARGUMENTS_BAD;
            C_CopyObject(s, key, null(), 0, null()) => CKR_ARGUMENTS_BAD;
            C_GetObjectSize(s, key, null()) => CKR_ARGUMENTS_BAD;
            C_Finalize(null()) => CKR_OK;
        );
    });
}

#[test]
fn absurd_counts_and_lengths_are_refused_unread() {
    apart(test_name!(), instant, |_| {
        let library = Raw::library();
        let s = library.session();
        library.login(s);
        let (public, private) = rsa_pair(&library, s);
        let key = aes(&library, s);
        let mut byte = [0_u8; 1];
        let mut byte = || byte.as_mut_ptr();
        let mut one = [attribute(CKA_TOKEN, &YES)];
        let mut huge = [CK_ATTRIBUTE { ulValueLen: CK_ULONG::MAX, ..attribute(CKA_LABEL, &YES) }];
        let (mut object, mut count) = (0, 0);
        for absurd in [CK_ULONG::MAX, CK_ULONG::MAX / 2, 1 << 40] {
            table!(library;
                C_CreateObject(s, one.as_mut_ptr(), absurd, &mut object) => CKR_ARGUMENTS_BAD;
                C_FindObjectsInit(s, one.as_mut_ptr(), absurd) => CKR_ARGUMENTS_BAD;
                C_GetAttributeValue(s, key, one.as_mut_ptr(), absurd) => CKR_ARGUMENTS_BAD;
                C_SeedRandom(s, byte(), absurd) => CKR_ARGUMENTS_BAD;
                C_GenerateRandom(s, byte(), absurd) => CKR_ARGUMENTS_BAD;
                C_Login(s, CKU_SO, byte(), absurd) => CKR_ARGUMENTS_BAD;
            );
            let mut sign = mechanism(CKM_SHA256_RSA_PKCS);
            well!(library; C_SignInit(s, &mut sign, private));
            table!(library;
                C_Sign(s, byte(), absurd, null_mut(), &mut count) => CKR_ARGUMENTS_BAD;
            );
            well!(library; C_VerifyInit(s, &mut sign, public));
            table!(library;
                C_Verify(s, byte(), 1, byte(), absurd) => CKR_ARGUMENTS_BAD;
            );
        }
        table!(library;
            C_CreateObject(s, huge.as_mut_ptr(), 1, &mut object) => CKR_ATTRIBUTE_VALUE_INVALID;
            C_FindObjectsInit(s, huge.as_mut_ptr(), 1) => CKR_ATTRIBUTE_VALUE_INVALID;
            C_GenerateRandom(s, byte(), 1) => CKR_OK;
        );
    });
}

#[test]
fn handles_that_nobody_gave_out_are_refused() {
    apart(test_name!(), instant, |_| {
        let library = Raw::library();
        let s = library.session();
        library.login(s);
        let key = aes(&library, s);
        let (mut buffer, mut count, mut object) = ([0; 512], 512, 0);
        let mut info = std::mem::MaybeUninit::<CK_SESSION_INFO>::uninit();
        let mut slot_info = std::mem::MaybeUninit::<CK_SLOT_INFO>::uninit();
        let mut ecb = mechanism(CKM_AES_ECB);
        let mut wrap = mechanism(CKM_AES_KEY_WRAP);
        let mut sign = mechanism(CKM_SHA256_RSA_PKCS);
        let data = CK_KEY_DERIVATION_STRING_DATA { pData: buffer.as_mut_ptr(), ulLen: 16 };
        let mut derive = mechanism_with(CKM_AES_ECB_ENCRYPT_DATA, &data);
        let mut one = [attribute(CKA_TOKEN, &YES)];
        for wrong in [0, 4711, CK_ULONG::MAX, CK_ULONG::MAX - 1] {
            table!(library;
                C_GetSlotInfo(wrong, slot_info.as_mut_ptr()) => CKR_SLOT_ID_INVALID;
                C_OpenSession(wrong, FLAGS, null_mut(), None, &mut object) => CKR_SLOT_ID_INVALID;
                C_CloseAllSessions(wrong) => CKR_SLOT_ID_INVALID;
                C_GetMechanismList(wrong, null_mut(), &mut count) => CKR_SLOT_ID_INVALID;
                C_CloseSession(wrong) => CKR_SESSION_HANDLE_INVALID;
                C_GetSessionInfo(wrong, info.as_mut_ptr()) => CKR_SESSION_HANDLE_INVALID;
                C_Logout(wrong) => CKR_SESSION_HANDLE_INVALID;
                C_GenerateRandom(wrong, buffer.as_mut_ptr(), 8) => CKR_SESSION_HANDLE_INVALID;
                C_Sign(wrong, buffer.as_mut_ptr(), 8, buffer.as_mut_ptr(), &mut count)
                    => CKR_SESSION_HANDLE_INVALID;
                C_DestroyObject(s, wrong) => CKR_OBJECT_HANDLE_INVALID;
                C_GetAttributeValue(s, wrong, one.as_mut_ptr(), 1) => CKR_OBJECT_HANDLE_INVALID;
                C_SetAttributeValue(s, wrong, one.as_mut_ptr(), 1) => CKR_OBJECT_HANDLE_INVALID;
                C_CopyObject(s, wrong, null_mut(), 0, &mut object) => CKR_OBJECT_HANDLE_INVALID;
                C_GetObjectSize(s, wrong, &mut count) => CKR_OBJECT_HANDLE_INVALID;
                C_EncryptInit(s, &mut ecb, wrong) => CKR_KEY_HANDLE_INVALID;
                C_DecryptInit(s, &mut ecb, wrong) => CKR_KEY_HANDLE_INVALID;
                C_SignInit(s, &mut sign, wrong) => CKR_KEY_HANDLE_INVALID;
                C_VerifyInit(s, &mut sign, wrong) => CKR_KEY_HANDLE_INVALID;
                C_DeriveKey(s, &mut derive, wrong, null_mut(), 0, &mut object)
                    => CKR_KEY_HANDLE_INVALID;
                C_WrapKey(s, &mut wrap, wrong, key, buffer.as_mut_ptr(), &mut count)
                    => CKR_WRAPPING_KEY_HANDLE_INVALID;
                C_WrapKey(s, &mut wrap, key, wrong, buffer.as_mut_ptr(), &mut count)
                    => CKR_KEY_HANDLE_INVALID;
                C_UnwrapKey(s, &mut wrap, wrong, buffer.as_mut_ptr(), 40, one.as_mut_ptr(), 1,
                    &mut object) => CKR_UNWRAPPING_KEY_HANDLE_INVALID;
            );
        }
        // Handles that were good once.
        table!(library;
            C_DestroyObject(s, key) => CKR_OK;
            C_DestroyObject(s, key) => CKR_OBJECT_HANDLE_INVALID;
            C_EncryptInit(s, &mut ecb, key) => CKR_KEY_HANDLE_INVALID;
            C_CloseSession(s) => CKR_OK;
            C_CloseSession(s) => CKR_SESSION_HANDLE_INVALID;
        );
    });
}

#[test]
fn short_buffers_get_the_length_they_lack() {
    apart(test_name!(), instant, |_| {
        let library = Raw::library();
        let s = library.session();
        library.login(s);
        let (public, private) = rsa_pair(&library, s);
        let (mut buffer, mut len) = ([0_u8; 512], 255);
        let mut text = *b"text";
        let mut sign = mechanism(CKM_SHA256_RSA_PKCS);
        table!(library;
            C_SignInit(s, &mut sign, private) => CKR_OK;
            C_Sign(s, text.as_mut_ptr(), 4, buffer.as_mut_ptr(), &mut len) => CKR_BUFFER_TOO_SMALL;
        );
        assert_eq!((len, buffer), (256, [0; 512]));
        table!(library;
            C_Sign(s, text.as_mut_ptr(), 4, null_mut(), &mut len) => CKR_OK;
            C_Sign(s, text.as_mut_ptr(), 4, buffer.as_mut_ptr(), &mut len) => CKR_OK;
            C_VerifyInit(s, &mut sign, public) => CKR_OK;
            C_Verify(s, text.as_mut_ptr(), 4, buffer.as_mut_ptr(), len) => CKR_OK;
        );
        // An attribute that does not fit, beside one that does (PKCS#11 3.1, 5.7.5).
        let (mut small, mut class): ([u8; 4], CK_ULONG) = ([0; 4], 0);
        let mut template = [
            CK_ATTRIBUTE { type_: CKA_MODULUS, pValue: small.as_mut_ptr().cast(), ulValueLen: 4 },
            CK_ATTRIBUTE {
                type_: CKA_CLASS,
                pValue: std::ptr::from_mut(&mut class).cast(),
                ulValueLen: 8,
            },
        ];
        table!(library;
            C_GetAttributeValue(s, public, template.as_mut_ptr(), 2) => CKR_BUFFER_TOO_SMALL;
        );
        assert_eq!({ template[0].ulValueLen }, CK_UNAVAILABLE_INFORMATION);
        assert_eq!((class, small), (CKO_PUBLIC_KEY, [0; 4]));
        let (mut slots, mut count) = ([0; 2], 2);
        table!(library;
            C_GetSlotList(0, slots.as_mut_ptr(), &mut count) => CKR_BUFFER_TOO_SMALL;
        );
        assert_eq!(count, 10);
    });
}
