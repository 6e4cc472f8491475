//! Encryption, decryption, digests, signatures and their verification.

use hsmsim_partition::api::OperationKind::{
    Decrypt, Digest, Encrypt, Sign, SignRecover, Verify, VerifyRecover, VerifySignature,
};
use hsmsim_types::{
    ObjectHandle, SessionHandle,
    ck::{CK_BYTE, CK_MECHANISM, CK_OBJECT_HANDLE, CK_SESSION_HANDLE, CK_ULONG},
};

use crate::fns::{digest, dual, operation, verify};

session_functions! {
    /// Begins to encrypt.
    fn C_EncryptInit(
        session: CK_SESSION_HANDLE,
        mechanism: *mut CK_MECHANISM,
        key: CK_OBJECT_HANDLE,
    );
    read mechanism = MechanismIn(mechanism).read_optional();
    now operation::init_now[Encrypt, SessionHandle(session), &mut mechanism, Some(ObjectHandle(key))];
    => operation::init[Encrypt, SessionHandle(session), &mechanism, Some(ObjectHandle(key))]

    /// Encrypts in one part.
    fn C_Encrypt(
        session: CK_SESSION_HANDLE,
        data: *mut CK_BYTE,
        data_len: CK_ULONG,
        encrypted: *mut CK_BYTE,
        encrypted_len: *mut CK_ULONG,
    );
    let data = Input(data, data_len);
    let encrypted = Buffer(encrypted, encrypted_len);
    now operation::one_part_now[Encrypt, SessionHandle(session), &data, &mut encrypted];
    => operation::one_part[Encrypt, SessionHandle(session), &data, &encrypted]

    /// Encrypts a part.
    fn C_EncryptUpdate(
        session: CK_SESSION_HANDLE,
        part: *mut CK_BYTE,
        part_len: CK_ULONG,
        encrypted: *mut CK_BYTE,
        encrypted_len: *mut CK_ULONG,
    );
    let part = Input(part, part_len);
    let encrypted = Buffer(encrypted, encrypted_len);
    now operation::update_now[Encrypt, SessionHandle(session), &part, &mut encrypted];
    => operation::update[Encrypt, SessionHandle(session), &part, &encrypted]

    /// Ends an encryption in parts.
    fn C_EncryptFinal(
        session: CK_SESSION_HANDLE,
        encrypted: *mut CK_BYTE,
        encrypted_len: *mut CK_ULONG,
    );
    let encrypted = Buffer(encrypted, encrypted_len);
    => operation::finish[Encrypt, SessionHandle(session), &encrypted]

    /// Begins to decrypt.
    fn C_DecryptInit(
        session: CK_SESSION_HANDLE,
        mechanism: *mut CK_MECHANISM,
        key: CK_OBJECT_HANDLE,
    );
    read mechanism = MechanismIn(mechanism).read_optional();
    now operation::init_now[Decrypt, SessionHandle(session), &mut mechanism, Some(ObjectHandle(key))];
    => operation::init[Decrypt, SessionHandle(session), &mechanism, Some(ObjectHandle(key))]

    /// Decrypts in one part.
    fn C_Decrypt(
        session: CK_SESSION_HANDLE,
        encrypted: *mut CK_BYTE,
        encrypted_len: CK_ULONG,
        data: *mut CK_BYTE,
        data_len: *mut CK_ULONG,
    );
    let encrypted = Input(encrypted, encrypted_len);
    let data = Buffer(data, data_len);
    now operation::one_part_now[Decrypt, SessionHandle(session), &encrypted, &mut data];
    => operation::one_part[Decrypt, SessionHandle(session), &encrypted, &data]

    /// Decrypts a part.
    fn C_DecryptUpdate(
        session: CK_SESSION_HANDLE,
        encrypted: *mut CK_BYTE,
        encrypted_len: CK_ULONG,
        part: *mut CK_BYTE,
        part_len: *mut CK_ULONG,
    );
    let encrypted = Input(encrypted, encrypted_len);
    let part = Buffer(part, part_len);
    now operation::update_now[Decrypt, SessionHandle(session), &encrypted, &mut part];
    => operation::update[Decrypt, SessionHandle(session), &encrypted, &part]

    /// Ends a decryption in parts.
    fn C_DecryptFinal(
        session: CK_SESSION_HANDLE,
        part: *mut CK_BYTE,
        part_len: *mut CK_ULONG,
    );
    let part = Buffer(part, part_len);
    => operation::finish[Decrypt, SessionHandle(session), &part]

    /// Begins to digest.
    fn C_DigestInit(
        session: CK_SESSION_HANDLE,
        mechanism: *mut CK_MECHANISM,
    );
    read mechanism = MechanismIn(mechanism).read_optional();
    now operation::init_now[Digest, SessionHandle(session), &mut mechanism, None];
    => operation::init[Digest, SessionHandle(session), &mechanism, None]

    /// Goes on with what was saved.
    fn C_SetOperationState(
        session: CK_SESSION_HANDLE,
        state: *mut CK_BYTE,
        state_len: CK_ULONG,
        cipher_key: CK_OBJECT_HANDLE,
        authentication_key: CK_OBJECT_HANDLE,
    );
    let state = Input(state, state_len);
    => operation::set_state[SessionHandle(session), &state, cipher_key, authentication_key]

    /// Digests in one part.
    fn C_Digest(
        session: CK_SESSION_HANDLE,
        data: *mut CK_BYTE,
        data_len: CK_ULONG,
        digest: *mut CK_BYTE,
        digest_len: *mut CK_ULONG,
    );
    let data = Input(data, data_len);
    let digest = Buffer(digest, digest_len);
    now operation::one_part_now[Digest, SessionHandle(session), &data, &mut digest];
    => operation::one_part[Digest, SessionHandle(session), &data, &digest]

    /// Digests a part.
    fn C_DigestUpdate(
        session: CK_SESSION_HANDLE,
        part: *mut CK_BYTE,
        part_len: CK_ULONG,
    );
    let part = Input(part, part_len);
    now operation::update_silent_now[Digest, SessionHandle(session), &part];
    => operation::update_silent[Digest, SessionHandle(session), &part]

    /// Digests the value of a secret key.
    fn C_DigestKey(session: CK_SESSION_HANDLE, key: CK_OBJECT_HANDLE);
    => digest::key[SessionHandle(session), ObjectHandle(key)]

    /// Ends a digest in parts.
    fn C_DigestFinal(
        session: CK_SESSION_HANDLE,
        digest: *mut CK_BYTE,
        digest_len: *mut CK_ULONG,
    );
    let digest = Buffer(digest, digest_len);
    => operation::finish[Digest, SessionHandle(session), &digest]

    /// Begins to sign.
    fn C_SignInit(
        session: CK_SESSION_HANDLE,
        mechanism: *mut CK_MECHANISM,
        key: CK_OBJECT_HANDLE,
    );
    read mechanism = MechanismIn(mechanism).read_optional();
    now operation::init_now[Sign, SessionHandle(session), &mut mechanism, Some(ObjectHandle(key))];
    => operation::init[Sign, SessionHandle(session), &mechanism, Some(ObjectHandle(key))]

    /// Signs in one part.
    fn C_Sign(
        session: CK_SESSION_HANDLE,
        data: *mut CK_BYTE,
        data_len: CK_ULONG,
        signature: *mut CK_BYTE,
        signature_len: *mut CK_ULONG,
    );
    let data = Input(data, data_len);
    let signature = Buffer(signature, signature_len);
    now operation::one_part_now[Sign, SessionHandle(session), &data, &mut signature];
    => operation::one_part[Sign, SessionHandle(session), &data, &signature]

    /// Signs a part.
    fn C_SignUpdate(
        session: CK_SESSION_HANDLE,
        part: *mut CK_BYTE,
        part_len: CK_ULONG,
    );
    let part = Input(part, part_len);
    now operation::update_silent_now[Sign, SessionHandle(session), &part];
    => operation::update_silent[Sign, SessionHandle(session), &part]

    /// Ends a signature in parts.
    fn C_SignFinal(
        session: CK_SESSION_HANDLE,
        signature: *mut CK_BYTE,
        signature_len: *mut CK_ULONG,
    );
    let signature = Buffer(signature, signature_len);
    => operation::finish[Sign, SessionHandle(session), &signature]

    /// Begins to verify.
    fn C_VerifyInit(
        session: CK_SESSION_HANDLE,
        mechanism: *mut CK_MECHANISM,
        key: CK_OBJECT_HANDLE,
    );
    read mechanism = MechanismIn(mechanism).read_optional();
    now operation::init_now[Verify, SessionHandle(session), &mut mechanism, Some(ObjectHandle(key))];
    => operation::init[Verify, SessionHandle(session), &mechanism, Some(ObjectHandle(key))]

    /// Verifies in one part.
    fn C_Verify(
        session: CK_SESSION_HANDLE,
        data: *mut CK_BYTE,
        data_len: CK_ULONG,
        signature: *mut CK_BYTE,
        signature_len: CK_ULONG,
    );
    let data = Input(data, data_len);
    let signature = SignatureIn(signature, signature_len);
    now verify::one_part_now[SessionHandle(session), &data, &signature];
    => verify::one_part[SessionHandle(session), &data, &signature]

    /// Verifies a part.
    fn C_VerifyUpdate(
        session: CK_SESSION_HANDLE,
        part: *mut CK_BYTE,
        part_len: CK_ULONG,
    );
    let part = Input(part, part_len);
    now operation::update_silent_now[Verify, SessionHandle(session), &part];
    => operation::update_silent[Verify, SessionHandle(session), &part]

    /// Ends a verification in parts.
    fn C_VerifyFinal(
        session: CK_SESSION_HANDLE,
        signature: *mut CK_BYTE,
        signature_len: CK_ULONG,
    );
    let signature = Input(signature, signature_len);
    => verify::finish[SessionHandle(session), &signature]

    /// Begins to verify a signature that is known from the start.
    fn C_VerifySignatureInit(
        session: CK_SESSION_HANDLE,
        mechanism: *mut CK_MECHANISM,
        key: CK_OBJECT_HANDLE,
        signature: *mut CK_BYTE,
        signature_len: CK_ULONG,
    );
    let signature = Input(signature, signature_len);
    read mechanism = MechanismIn(mechanism).read_optional();
    => verify::signature_init[
        SessionHandle(session),
        mechanism,
        ObjectHandle(key),
        &signature
    ]

    /// Verifies in one part.
    fn C_VerifySignature(
        session: CK_SESSION_HANDLE,
        data: *mut CK_BYTE,
        data_len: CK_ULONG,
    );
    let data = Input(data, data_len);
    now verify::signature_now[SessionHandle(session), &data];
    => verify::signature[SessionHandle(session), &data]

    /// Verifies a part.
    fn C_VerifySignatureUpdate(
        session: CK_SESSION_HANDLE,
        part: *mut CK_BYTE,
        part_len: CK_ULONG,
    );
    let part = Input(part, part_len);
    now operation::update_silent_now[VerifySignature, SessionHandle(session), &part];
    => operation::update_silent[VerifySignature, SessionHandle(session), &part]

    /// Ends a verification in parts.
    fn C_VerifySignatureFinal(session: CK_SESSION_HANDLE);
    => verify::signature_final[SessionHandle(session)]

    /// Begins to sign so that the data comes back out of the signature.
    fn C_SignRecoverInit(
        session: CK_SESSION_HANDLE,
        mechanism: *mut CK_MECHANISM,
        key: CK_OBJECT_HANDLE,
    );
    read mechanism = MechanismIn(mechanism).read_optional();
    now operation::init_now[SignRecover, SessionHandle(session), &mut mechanism, Some(ObjectHandle(key))];
    => operation::init[SignRecover, SessionHandle(session), &mechanism, Some(ObjectHandle(key))]

    /// Signs so that the data comes back out of the signature.
    fn C_SignRecover(
        session: CK_SESSION_HANDLE,
        data: *mut CK_BYTE,
        data_len: CK_ULONG,
        signature: *mut CK_BYTE,
        signature_len: *mut CK_ULONG,
    );
    let data = Input(data, data_len);
    let signature = Buffer(signature, signature_len);
    now operation::one_part_now[SignRecover, SessionHandle(session), &data, &mut signature];
    => operation::one_part[SignRecover, SessionHandle(session), &data, &signature]

    /// Begins to verify signatures that hold what was signed.
    fn C_VerifyRecoverInit(
        session: CK_SESSION_HANDLE,
        mechanism: *mut CK_MECHANISM,
        key: CK_OBJECT_HANDLE,
    );
    read mechanism = MechanismIn(mechanism).read_optional();
    now operation::init_now[VerifyRecover, SessionHandle(session), &mut mechanism, Some(ObjectHandle(key))];
    => operation::init[VerifyRecover, SessionHandle(session), &mechanism, Some(ObjectHandle(key))]

    /// Verifies a signature and gives what was signed.
    fn C_VerifyRecover(
        session: CK_SESSION_HANDLE,
        signature: *mut CK_BYTE,
        signature_len: CK_ULONG,
        data: *mut CK_BYTE,
        data_len: *mut CK_ULONG,
    );
    let signature = Input(signature, signature_len);
    let data = Buffer(data, data_len);
    now operation::one_part_now[VerifyRecover, SessionHandle(session), &signature, &mut data];
    => operation::one_part[VerifyRecover, SessionHandle(session), &signature, &data]

    /// Digests a part and encrypts it.
    fn C_DigestEncryptUpdate(
        session: CK_SESSION_HANDLE,
        part: *mut CK_BYTE,
        part_len: CK_ULONG,
        encrypted: *mut CK_BYTE,
        encrypted_len: *mut CK_ULONG,
    );
    let part = Input(part, part_len);
    let encrypted = Buffer(encrypted, encrypted_len);
    => dual::update_and_encrypt[Digest, SessionHandle(session), &part, &encrypted]

    /// Decrypts a part and digests what comes out.
    fn C_DecryptDigestUpdate(
        session: CK_SESSION_HANDLE,
        encrypted: *mut CK_BYTE,
        encrypted_len: CK_ULONG,
        part: *mut CK_BYTE,
        part_len: *mut CK_ULONG,
    );
    let encrypted = Input(encrypted, encrypted_len);
    let part = Buffer(part, part_len);
    => dual::decrypt_and_update[Digest, SessionHandle(session), &encrypted, &part]

    /// Signs a part and encrypts it.
    fn C_SignEncryptUpdate(
        session: CK_SESSION_HANDLE,
        part: *mut CK_BYTE,
        part_len: CK_ULONG,
        encrypted: *mut CK_BYTE,
        encrypted_len: *mut CK_ULONG,
    );
    let part = Input(part, part_len);
    let encrypted = Buffer(encrypted, encrypted_len);
    => dual::update_and_encrypt[Sign, SessionHandle(session), &part, &encrypted]

    /// Decrypts a part and verifies what comes out.
    fn C_DecryptVerifyUpdate(
        session: CK_SESSION_HANDLE,
        encrypted: *mut CK_BYTE,
        encrypted_len: CK_ULONG,
        part: *mut CK_BYTE,
        part_len: *mut CK_ULONG,
    );
    let encrypted = Input(encrypted, encrypted_len);
    let part = Buffer(part, part_len);
    => dual::decrypt_and_update[Verify, SessionHandle(session), &encrypted, &part]
}

c_functions! {
    /// Saves what is active.
    fn C_GetOperationState(
        session: CK_SESSION_HANDLE,
        state: *mut CK_BYTE,
        state_len: *mut CK_ULONG,
    ) on Session(session);
    let state = Buffer(state, state_len);
    => operation::state[SessionHandle(session), &state]
}
