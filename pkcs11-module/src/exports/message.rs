//! Message-based encryption, decryption, signatures and their verification (PKCS#11 3.1, 5.9, 5.12, 5.15, 5.17).

use std::ffi::c_void;

use hsmsim_partition::api::OperationKind::{
    MessageDecrypt, MessageEncrypt, MessageSign, MessageVerify,
};
use hsmsim_types::{
    ObjectHandle, SessionHandle,
    ck::{CK_BYTE, CK_FLAGS, CK_MECHANISM, CK_OBJECT_HANDLE, CK_SESSION_HANDLE, CK_ULONG},
};

use crate::fns::{message as messages, operation};

session_functions! {
    /// Begins to encrypt messages.
    fn C_MessageEncryptInit(
        session: CK_SESSION_HANDLE,
        mechanism: *mut CK_MECHANISM,
        key: CK_OBJECT_HANDLE,
    );
    read mechanism = MechanismIn(mechanism).read_kind();
    => operation::init[MessageEncrypt, SessionHandle(session), &mechanism, Some(ObjectHandle(key))]

    /// Encrypts a message.
    fn C_EncryptMessage(
        session: CK_SESSION_HANDLE,
        parameter: *mut c_void,
        parameter_len: CK_ULONG,
        associated: *mut CK_BYTE,
        associated_len: CK_ULONG,
        plaintext: *mut CK_BYTE,
        plaintext_len: CK_ULONG,
        ciphertext: *mut CK_BYTE,
        ciphertext_len: *mut CK_ULONG,
    );
    let parameter = MessageIn(parameter, parameter_len);
    let associated = Input(associated, associated_len);
    let plaintext = Input(plaintext, plaintext_len);
    let ciphertext = Buffer(ciphertext, ciphertext_len);
    => messages::encrypt[
        SessionHandle(session),
        &parameter,
        &associated,
        &plaintext,
        &ciphertext
    ]

    /// Begins a message.
    fn C_EncryptMessageBegin(
        session: CK_SESSION_HANDLE,
        parameter: *mut c_void,
        parameter_len: CK_ULONG,
        associated: *mut CK_BYTE,
        associated_len: CK_ULONG,
    );
    let parameter = MessageIn(parameter, parameter_len);
    let associated = Input(associated, associated_len);
    => messages::begin[MessageEncrypt, SessionHandle(session), &parameter, &associated]

    /// Encrypts a part of a message.
    fn C_EncryptMessageNext(
        session: CK_SESSION_HANDLE,
        parameter: *mut c_void,
        parameter_len: CK_ULONG,
        plaintext: *mut CK_BYTE,
        plaintext_len: CK_ULONG,
        ciphertext: *mut CK_BYTE,
        ciphertext_len: *mut CK_ULONG,
        flags: CK_FLAGS,
    );
    let parameter = MessageIn(parameter, parameter_len);
    let plaintext = Input(plaintext, plaintext_len);
    let ciphertext = Buffer(ciphertext, ciphertext_len);
    => messages::encrypt_next[
        SessionHandle(session),
        &parameter,
        &plaintext,
        &ciphertext,
        flags
    ]

    /// Ends the encryption of messages.
    fn C_MessageEncryptFinal(session: CK_SESSION_HANDLE);
    => messages::end[MessageEncrypt, SessionHandle(session)]

    /// Begins to decrypt messages.
    fn C_MessageDecryptInit(
        session: CK_SESSION_HANDLE,
        mechanism: *mut CK_MECHANISM,
        key: CK_OBJECT_HANDLE,
    );
    read mechanism = MechanismIn(mechanism).read_kind();
    => operation::init[MessageDecrypt, SessionHandle(session), &mechanism, Some(ObjectHandle(key))]

    /// Decrypts a message.
    fn C_DecryptMessage(
        session: CK_SESSION_HANDLE,
        parameter: *mut c_void,
        parameter_len: CK_ULONG,
        associated: *mut CK_BYTE,
        associated_len: CK_ULONG,
        ciphertext: *mut CK_BYTE,
        ciphertext_len: CK_ULONG,
        plaintext: *mut CK_BYTE,
        plaintext_len: *mut CK_ULONG,
    );
    let parameter = MessageIn(parameter, parameter_len);
    let associated = Input(associated, associated_len);
    let ciphertext = Input(ciphertext, ciphertext_len);
    let plaintext = Buffer(plaintext, plaintext_len);
    => messages::decrypt[
        SessionHandle(session),
        &parameter,
        &associated,
        &ciphertext,
        &plaintext
    ]

    /// Begins a message.
    fn C_DecryptMessageBegin(
        session: CK_SESSION_HANDLE,
        parameter: *mut c_void,
        parameter_len: CK_ULONG,
        associated: *mut CK_BYTE,
        associated_len: CK_ULONG,
    );
    let parameter = MessageIn(parameter, parameter_len);
    let associated = Input(associated, associated_len);
    => messages::begin[MessageDecrypt, SessionHandle(session), &parameter, &associated]

    /// Decrypts a part of a message.
    fn C_DecryptMessageNext(
        session: CK_SESSION_HANDLE,
        parameter: *mut c_void,
        parameter_len: CK_ULONG,
        ciphertext: *mut CK_BYTE,
        ciphertext_len: CK_ULONG,
        plaintext: *mut CK_BYTE,
        plaintext_len: *mut CK_ULONG,
        flags: CK_FLAGS,
    );
    let parameter = MessageIn(parameter, parameter_len);
    let ciphertext = Input(ciphertext, ciphertext_len);
    let plaintext = Buffer(plaintext, plaintext_len);
    => messages::decrypt_next[
        SessionHandle(session),
        &parameter,
        &ciphertext,
        &plaintext,
        flags
    ]

    /// Ends the decryption of messages.
    fn C_MessageDecryptFinal(session: CK_SESSION_HANDLE);
    => messages::end[MessageDecrypt, SessionHandle(session)]

    /// Begins to sign messages.
    fn C_MessageSignInit(
        session: CK_SESSION_HANDLE,
        mechanism: *mut CK_MECHANISM,
        key: CK_OBJECT_HANDLE,
    );
    read mechanism = MechanismIn(mechanism).read_optional();
    => operation::init[MessageSign, SessionHandle(session), &mechanism, Some(ObjectHandle(key))]

    /// Signs a message.
    fn C_SignMessage(
        session: CK_SESSION_HANDLE,
        parameter: *mut c_void,
        parameter_len: CK_ULONG,
        data: *mut CK_BYTE,
        data_len: CK_ULONG,
        signature: *mut CK_BYTE,
        signature_len: *mut CK_ULONG,
    );
    let parameter = MessageIn(parameter, parameter_len);
    let data = Input(data, data_len);
    let signature = Buffer(signature, signature_len);
    => messages::sign[SessionHandle(session), &parameter, &data, &signature]

    /// Begins a message.
    fn C_SignMessageBegin(
        session: CK_SESSION_HANDLE,
        parameter: *mut c_void,
        parameter_len: CK_ULONG,
    );
    let parameter = MessageIn(parameter, parameter_len);
    => messages::signed_begin[MessageSign, SessionHandle(session), &parameter]

    /// Signs a part of a message.
    fn C_SignMessageNext(
        session: CK_SESSION_HANDLE,
        parameter: *mut c_void,
        parameter_len: CK_ULONG,
        part: *mut CK_BYTE,
        part_len: CK_ULONG,
        signature: *mut CK_BYTE,
        signature_len: *mut CK_ULONG,
    );
    let parameter = MessageIn(parameter, parameter_len);
    let part = Input(part, part_len);
    let signature = Buffer(signature, signature_len);
    => messages::sign_next[SessionHandle(session), &parameter, &part, &signature]

    /// Ends the signing of messages.
    fn C_MessageSignFinal(session: CK_SESSION_HANDLE);
    => messages::end[MessageSign, SessionHandle(session)]

    /// Begins to verify messages.
    fn C_MessageVerifyInit(
        session: CK_SESSION_HANDLE,
        mechanism: *mut CK_MECHANISM,
        key: CK_OBJECT_HANDLE,
    );
    read mechanism = MechanismIn(mechanism).read_optional();
    => operation::init[MessageVerify, SessionHandle(session), &mechanism, Some(ObjectHandle(key))]

    /// Verifies a message.
    fn C_VerifyMessage(
        session: CK_SESSION_HANDLE,
        parameter: *mut c_void,
        parameter_len: CK_ULONG,
        data: *mut CK_BYTE,
        data_len: CK_ULONG,
        signature: *mut CK_BYTE,
        signature_len: CK_ULONG,
    );
    let parameter = MessageIn(parameter, parameter_len);
    let data = Input(data, data_len);
    let signature = Input(signature, signature_len);
    => messages::verify[SessionHandle(session), &parameter, &data, &signature]

    /// Begins a message.
    fn C_VerifyMessageBegin(
        session: CK_SESSION_HANDLE,
        parameter: *mut c_void,
        parameter_len: CK_ULONG,
    );
    let parameter = MessageIn(parameter, parameter_len);
    => messages::signed_begin[MessageVerify, SessionHandle(session), &parameter]

    /// Verifies a part of a message.
    fn C_VerifyMessageNext(
        session: CK_SESSION_HANDLE,
        parameter: *mut c_void,
        parameter_len: CK_ULONG,
        part: *mut CK_BYTE,
        part_len: CK_ULONG,
        signature: *mut CK_BYTE,
        signature_len: CK_ULONG,
    );
    let parameter = MessageIn(parameter, parameter_len);
    let part = Input(part, part_len);
    let signature = Input(signature, signature_len);
    => messages::verify_next[SessionHandle(session), &parameter, &part, &signature]

    /// Ends the verification of messages.
    fn C_MessageVerifyFinal(session: CK_SESSION_HANDLE);
    => messages::end[MessageVerify, SessionHandle(session)]
}
