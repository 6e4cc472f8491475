//! Calls in the wrong order, or by those who may not make them.

use std::ptr::null_mut;

use cryptoki_sys::*;
use hsmsim_tests::{
    Sandbox,
    apart::apart,
    raw::{Raw, attribute, mechanism},
    test_name,
};

use super::{NO, YES, aes, rsa_pair, table};

const SERIAL: CK_FLAGS = CKF_SERIAL_SESSION;

fn instant() -> Sandbox {
    Sandbox::new("instant")
}

#[test]
fn nothing_works_before_c_initialize_and_after_c_finalize() {
    apart(test_name!(), instant, |_| {
        let library = Raw::load();
        let mut count = 0;
        table!(library;
            C_GetSlotList(1, null_mut(), &mut count) => CKR_CRYPTOKI_NOT_INITIALIZED;
            C_Finalize(null_mut()) => CKR_CRYPTOKI_NOT_INITIALIZED;
            C_Initialize(null_mut()) => CKR_OK;
            C_Initialize(null_mut()) => CKR_CRYPTOKI_ALREADY_INITIALIZED;
            C_GetSlotList(1, null_mut(), &mut count) => CKR_OK;
            C_Finalize(null_mut()) => CKR_OK;
            C_GetSlotList(1, null_mut(), &mut count) => CKR_CRYPTOKI_NOT_INITIALIZED;
            C_Finalize(null_mut()) => CKR_CRYPTOKI_NOT_INITIALIZED;
        );
    });
}

#[test]
fn operations_begin_before_they_go_on_and_end_once() {
    apart(test_name!(), instant, |_| {
        let library = Raw::library();
        let s = library.session();
        library.login(s);
        let (public, private) = rsa_pair(&library, s);
        let key = aes(&library, s);
        let (mut out, mut len) = ([0_u8; 512], 512);
        let mut text = *b"sixteen bytes ab";
        let mut text = || text.as_mut_ptr();
        let mut sign = mechanism(CKM_SHA256_RSA_PKCS);
        let mut sha = mechanism(CKM_SHA256);
        let mut ecb = mechanism(CKM_AES_ECB);
        let (mut object, mut found) = (0, 0);
        table!(library;
            C_Sign(s, text(), 16, out.as_mut_ptr(), &mut len) => CKR_OPERATION_NOT_INITIALIZED;
            C_SignUpdate(s, text(), 16) => CKR_OPERATION_NOT_INITIALIZED;
            C_SignFinal(s, out.as_mut_ptr(), &mut len) => CKR_OPERATION_NOT_INITIALIZED;
            C_Verify(s, text(), 16, text(), 16) => CKR_OPERATION_NOT_INITIALIZED;
            C_VerifyFinal(s, text(), 16) => CKR_OPERATION_NOT_INITIALIZED;
            C_Digest(s, text(), 16, out.as_mut_ptr(), &mut len) => CKR_OPERATION_NOT_INITIALIZED;
            C_DigestFinal(s, out.as_mut_ptr(), &mut len) => CKR_OPERATION_NOT_INITIALIZED;
            C_Encrypt(s, text(), 16, out.as_mut_ptr(), &mut len) => CKR_OPERATION_NOT_INITIALIZED;
            C_DecryptUpdate(s, text(), 16, out.as_mut_ptr(), &mut len)
                => CKR_OPERATION_NOT_INITIALIZED;
            C_FindObjects(s, &mut object, 1, &mut found) => CKR_OPERATION_NOT_INITIALIZED;
            C_FindObjectsFinal(s) => CKR_OPERATION_NOT_INITIALIZED;

            // Begun twice: the first one goes on.
            C_SignInit(s, &mut sign, private) => CKR_OK;
            C_SignInit(s, &mut sign, private) => CKR_OPERATION_ACTIVE;
            C_Sign(s, text(), 16, out.as_mut_ptr(), &mut len) => CKR_OK;
            C_Sign(s, text(), 16, out.as_mut_ptr(), &mut len) => CKR_OPERATION_NOT_INITIALIZED;
            C_FindObjectsInit(s, null_mut(), 0) => CKR_OK;
            C_FindObjectsInit(s, null_mut(), 0) => CKR_OPERATION_ACTIVE;
            C_FindObjectsFinal(s) => CKR_OK;

            // One part after a part: refused, and the operation is over.
            C_SignInit(s, &mut sign, private) => CKR_OK;
            C_SignUpdate(s, text(), 16) => CKR_OK;
            C_Sign(s, text(), 16, out.as_mut_ptr(), &mut len) => CKR_OPERATION_ACTIVE;
            C_SignUpdate(s, text(), 16) => CKR_OPERATION_NOT_INITIALIZED;

            // An error ends the operation, too long a text among them.
            C_EncryptInit(s, &mut ecb, key) => CKR_OK;
            C_Encrypt(s, text(), 15, out.as_mut_ptr(), &mut len) => CKR_DATA_LEN_RANGE;
            C_Encrypt(s, text(), 16, out.as_mut_ptr(), &mut len) => CKR_OPERATION_NOT_INITIALIZED;
            C_VerifyInit(s, &mut sign, public) => CKR_OK;
            C_Verify(s, text(), 16, text(), 16) => CKR_SIGNATURE_LEN_RANGE;
            C_Verify(s, text(), 16, text(), 16) => CKR_OPERATION_NOT_INITIALIZED;

            // Operations of different kinds do not disturb each other.
            C_DigestInit(s, &mut sha) => CKR_OK;
            C_SignInit(s, &mut sign, private) => CKR_OK;
            C_DigestUpdate(s, text(), 16) => CKR_OK;
            C_SignUpdate(s, text(), 16) => CKR_OK;
        );
        len = 512;
        table!(library;
            C_DigestFinal(s, out.as_mut_ptr(), &mut len) => CKR_OK;
        );
        len = 512;
        table!(library;
            C_SignFinal(s, out.as_mut_ptr(), &mut len) => CKR_OK;
            C_SignFinal(s, out.as_mut_ptr(), &mut len) => CKR_OPERATION_NOT_INITIALIZED;
        );
    });
}

#[test]
fn a_result_that_did_not_fit_is_no_multi_part_operation() {
    apart(test_name!(), instant, |_| {
        let library = Raw::library();
        let s = library.session();
        library.login(s);
        let (_, private) = rsa_pair(&library, s);
        let (mut out, mut short, mut len) = ([0_u8; 512], 10, 512);
        let mut sign = mechanism(CKM_SHA256_RSA_PKCS);
        let mut text = *b"text";
        table!(library;
            C_SignInit(s, &mut sign, private) => CKR_OK;
            C_Sign(s, text.as_mut_ptr(), 4, out.as_mut_ptr(), &mut short) => CKR_BUFFER_TOO_SMALL;
            C_SignFinal(s, out.as_mut_ptr(), &mut len) => CKR_OPERATION_NOT_INITIALIZED;
            // That error has ended the operation.
            C_SignInit(s, &mut sign, private) => CKR_OK;
        );
    });
}

#[test]
fn roles_and_sessions_allow_what_they_allow() {
    apart(test_name!(), instant, |_| {
        let library = Raw::library();
        let slot = library.slot();
        let s = library.session();
        let mut user = *b"12345678";
        let mut so = *b"87654321";
        let mut wrong = *b"wrong pin";
        let class = CKO_DATA;
        let (user, so) = (user.as_mut_ptr(), so.as_mut_ptr());
        let private = [
            attribute(CKA_CLASS, &class),
            attribute(CKA_TOKEN, &YES),
            attribute(CKA_PRIVATE, &YES),
        ];
        let public =
            [attribute(CKA_CLASS, &class), attribute(CKA_TOKEN, &YES), attribute(CKA_PRIVATE, &NO)];
        let (private, public) = (private.as_ptr().cast_mut(), public.as_ptr().cast_mut());
        let (mut read_only, mut object, mut other) = (0, 0, 0);
        table!(library;
            C_OpenSession(slot, CKF_RW_SESSION, null_mut(), None, &mut object)
                => CKR_SESSION_PARALLEL_NOT_SUPPORTED;
            C_OpenSession(slot, SERIAL, null_mut(), None, &mut read_only) => CKR_OK;
            C_Logout(s) => CKR_USER_NOT_LOGGED_IN;
            C_Login(s, CKU_USER, wrong.as_mut_ptr(), 9) => CKR_PIN_INCORRECT;
            C_Login(s, 17, user, 8) => CKR_USER_TYPE_INVALID;
            C_Login(s, CKU_CONTEXT_SPECIFIC, user, 8) => CKR_OPERATION_NOT_INITIALIZED;
            C_Login(s, CKU_SO, so, 8) => CKR_SESSION_READ_ONLY_EXISTS;
            C_InitToken(slot, so, 8, [b' '; 32].as_mut_ptr()) => CKR_SESSION_EXISTS;
            C_CreateObject(s, private, 3, &mut object) => CKR_USER_NOT_LOGGED_IN;
            C_CreateObject(read_only, public, 3, &mut object) => CKR_SESSION_READ_ONLY;

            C_Login(s, CKU_USER, user, 8) => CKR_OK;
            C_Login(read_only, CKU_USER, user, 8) => CKR_USER_ALREADY_LOGGED_IN;
            C_Login(s, CKU_SO, so, 8) => CKR_USER_ANOTHER_ALREADY_LOGGED_IN;
            C_InitPIN(s, user, 8) => CKR_USER_NOT_LOGGED_IN;
            C_CreateObject(s, private, 3, &mut object) => CKR_OK;
            C_DestroyObject(read_only, object) => CKR_SESSION_READ_ONLY;
            C_SetPIN(read_only, user, 8, user, 8) => CKR_SESSION_READ_ONLY;
            C_SetPIN(s, wrong.as_mut_ptr(), 9, user, 8) => CKR_PIN_INCORRECT;
            C_SetPIN(s, user, 8, user, 3) => CKR_PIN_LEN_RANGE;

            // What was private is out of reach after the logout.
            C_Logout(s) => CKR_OK;
            C_DestroyObject(s, object) => CKR_OBJECT_HANDLE_INVALID;
            C_CloseSession(read_only) => CKR_OK;
            C_Login(s, CKU_SO, so, 8) => CKR_OK;
            C_OpenSession(slot, SERIAL, null_mut(), None, &mut other)
                => CKR_SESSION_READ_WRITE_SO_EXISTS;
            C_CreateObject(s, private, 3, &mut object) => CKR_USER_NOT_LOGGED_IN;
            C_InitPIN(s, user, 3) => CKR_PIN_LEN_RANGE;
            C_InitPIN(s, user, 8) => CKR_OK;
        );
    });
}

#[test]
fn what_belongs_to_an_older_age_says_so() {
    apart(test_name!(), instant, |_| {
        let library = Raw::library();
        let s = library.session();
        let mut slot = 0;
        table!(library;
            C_GetFunctionStatus(s) => CKR_FUNCTION_NOT_PARALLEL;
            C_CancelFunction(s) => CKR_FUNCTION_NOT_PARALLEL;
            C_WaitForSlotEvent(CKF_DONT_BLOCK, &mut slot, null_mut()) => CKR_NO_EVENT;
        );
    });
}
