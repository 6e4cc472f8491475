//! The calls of an application that reach members: each with its name and with what a call fault may
//! ask about it, around the function that does the work.

use std::borrow::Borrow;

use hsmsim_partition::api::{AttributeResult, OperationKind};
use hsmsim_types::{
    Mechanism, MessageParams, ObjectHandle, Passed, Pin, Result, SessionHandle, SlotId, Template,
    role::UserType,
};

use super::{
    Call,
    CalledOn::{Session, Slot},
    Head,
    functions::{dual_names, message_names, names},
};
use crate::{Client, Derived, Message, Output, Room, TokenInfo};

/// Writes the calls: name and what it is made on (`is`), what else a rule may ask (`about`), when it
/// only asks for a length and is no call to a rule (`unless`), and the function that does the work
/// (`=>`), to which the arguments go.
macro_rules! calls {
    ($(
        $(#[$doc:meta])*
        fn $name:ident($($arg:ident: $type:ty),* $(,)?) -> $answer:ty;
        is $function:expr, $on:expr $(, $kind:expr)?;
        $(about $($about:ident($($value:expr),*)),+;)?
        $(unless $query:expr;)?
        => $work:ident
    )*) => {
        impl Client {$(
            $(#[$doc])*
            ///
            /// # Errors
            /// What the work gives, or what a call fault says.
            pub async fn $name(&self, $($arg: $type),*) -> Result<$answer> {
                let on = $on;
                if self.is_unscripted() $(|| $query)? {
                    let result = self.$work($($arg),*).await;
                    return result.map_err(|error| self.without_login(on, error));
                }
                let head = Head { function: $function, on, kind: None $(.or(Some($kind)))? };
                let call = Call::new(head)$($(.$about($($value),*))+)?;
                let struck = Box::pin(self.call_begins(call)).await?;
                let result = self.$work($($arg),*).await;
                let result = result.map_err(|error| self.without_login(on, error));
                match struck {
                    None => result,
                    Some(struck) => Box::pin(self.call_ends(struck, head, result)).await,
                }
            }
        )*}
    };
}

calls! {
    /// C_GetTokenInfo.
    fn token_info(slot: SlotId) -> TokenInfo;
    is "C_GetTokenInfo", Slot(slot);
    => token_info_work

    /// C_InitToken.
    fn init_token(slot: SlotId, pin: Pin, label: Vec<u8>) -> ();
    is "C_InitToken", Slot(slot);
    => init_token_work

    /// C_InitPIN.
    fn init_pin(session: SessionHandle, pin: Pin) -> ();
    is "C_InitPIN", Session(session);
    => init_pin_work

    /// C_SetPIN.
    fn set_pin(session: SessionHandle, old: Pin, new: Pin) -> ();
    is "C_SetPIN", Session(session);
    => set_pin_work

    /// C_OpenSession. `flags`: CKF_SERIAL_SESSION must be there, CKF_RW_SESSION may.
    fn open_session(slot: SlotId, flags: u64) -> SessionHandle;
    is "C_OpenSession", Slot(slot);
    => open_session_work

    /// C_CloseSession. A call under way on the session ends as it ends.
    fn close_session(session: SessionHandle) -> ();
    is "C_CloseSession", Session(session);
    => close_session_work

    /// C_CloseAllSessions.
    fn close_all_sessions(slot: SlotId) -> ();
    is "C_CloseAllSessions", Slot(slot);
    => close_all_sessions_work

    /// C_Login.
    fn login(session: SessionHandle, user: UserType, pin: Pin) -> ();
    is "C_Login", Session(session);
    => login_work

    /// C_Logout. Private session objects go with the login.
    fn logout(session: SessionHandle) -> ();
    is "C_Logout", Session(session);
    => logout_work

    /// C_CreateObject.
    fn create_object(session: SessionHandle, template: Template) -> ObjectHandle;
    is "C_CreateObject", Session(session);
    about templates(&template, None);
    => create_object_work

    /// C_CopyObject.
    fn copy_object(
        session: SessionHandle,
        object: ObjectHandle,
        template: Template,
    ) -> ObjectHandle;
    is "C_CopyObject", Session(session);
    about object(object), templates(&template, None);
    => copy_object_work

    /// C_DestroyObject.
    fn destroy_object(session: SessionHandle, object: ObjectHandle) -> ();
    is "C_DestroyObject", Session(session);
    about object(object);
    => destroy_object_work

    /// C_GetObjectSize.
    fn object_size(session: SessionHandle, object: ObjectHandle) -> u64;
    is "C_GetObjectSize", Session(session);
    about object(object);
    => object_size_work

    /// C_GetAttributeValue: one result for each attribute, in the caller's order.
    fn attributes(
        session: SessionHandle,
        object: ObjectHandle,
        kinds: Vec<u64>,
    ) -> Vec<AttributeResult>;
    is "C_GetAttributeValue", Session(session);
    about object(object);
    => attributes_work

    /// C_SetAttributeValue.
    fn set_attributes(session: SessionHandle, object: ObjectHandle, template: Template) -> ();
    is "C_SetAttributeValue", Session(session);
    about object(object);
    => set_attributes_work

    /// C_FindObjectsInit: one round trip brings all results.
    fn find_init(session: SessionHandle, template: Template) -> ();
    is "C_FindObjectsInit", Session(session);
    about templates(&template, None);
    => find_init_work

    /// C_SeedRandom: accepted; the members' generators seed themselves.
    fn seed_random(session: SessionHandle, seed: &[u8]) -> ();
    is "C_SeedRandom", Session(session);
    => seed_random_work

    /// C_GenerateRandom.
    fn random(session: SessionHandle, len: usize) -> Vec<u8>;
    is "C_GenerateRandom", Session(session);
    => random_work

    /// C_GenerateKey.
    fn generate_key(
        session: SessionHandle,
        mechanism: Mechanism,
        template: Template,
    ) -> ObjectHandle;
    is "C_GenerateKey", Session(session);
    about mechanism(mechanism.kind), templates(&template, None);
    => generate_key_work

    /// C_GenerateKeyPair. Gives the public key first.
    fn generate_key_pair(
        session: SessionHandle,
        mechanism: Mechanism,
        public: Template,
        private: Template,
    ) -> (ObjectHandle, ObjectHandle);
    is "C_GenerateKeyPair", Session(session);
    about mechanism(mechanism.kind), templates(&public, Some(&private));
    => generate_key_pair_work

    /// C_UnwrapKey; C_UnwrapKeyAuthenticated with associated data.
    fn unwrap_key(
        session: SessionHandle,
        mechanism: Mechanism,
        unwrapping_key: ObjectHandle,
        wrapped: &[u8],
        template: Template,
        associated: Option<&[u8]>,
    ) -> ObjectHandle;
    is if associated.is_some() { "C_UnwrapKeyAuthenticated" } else { "C_UnwrapKey" },
        Session(session);
    about mechanism(mechanism.kind), object(unwrapping_key), templates(&template, None);
    => unwrap_key_work

    /// C_DeriveKey: all objects that the mechanism makes, or none.
    fn derive_key(
        session: SessionHandle,
        mechanism: Mechanism,
        base_key: ObjectHandle,
        template: Template,
    ) -> Derived;
    is "C_DeriveKey", Session(session);
    about mechanism(mechanism.kind), object(base_key), templates(&template, None);
    => derive_key_work

    /// C_EncapsulateKey. Without room for the ciphertext there is no key.
    fn encapsulate_key(
        session: SessionHandle,
        mechanism: Mechanism,
        public_key: ObjectHandle,
        template: Template,
        room: Room,
    ) -> (Output, ObjectHandle);
    is "C_EncapsulateKey", Session(session);
    about mechanism(mechanism.kind), object(public_key), templates(&template, None);
    unless room == Room::Query;
    => encapsulate_key_work

    /// C_DecapsulateKey.
    fn decapsulate_key(
        session: SessionHandle,
        mechanism: Mechanism,
        private_key: ObjectHandle,
        ciphertext: &[u8],
        template: Template,
    ) -> ObjectHandle;
    is "C_DecapsulateKey", Session(session);
    about mechanism(mechanism.kind), object(private_key), templates(&template, None);
    => decapsulate_key_work

    /// C_WrapKey; C_WrapKeyAuthenticated with associated data.
    fn wrap_key(
        session: SessionHandle,
        mechanism: Mechanism,
        wrapping_key: ObjectHandle,
        key: ObjectHandle,
        associated: Option<&[u8]>,
        room: Room,
    ) -> Message;
    is if associated.is_some() { "C_WrapKeyAuthenticated" } else { "C_WrapKey" },
        Session(session);
    about mechanism(mechanism.kind), objects(Some(wrapping_key), Some(key));
    unless room == Room::Query;
    => wrap_key_work

    /// C_EncryptInit and its kin, C_MessageEncryptInit and its kin; `key` is `None` for digests.
    fn operation_init(
        session: SessionHandle,
        kind: OperationKind,
        mechanism: impl Borrow<Mechanism>,
        key: Option<ObjectHandle>,
    ) -> ();
    is names(kind)[0], Session(session), kind;
    about mechanism(mechanism.borrow().kind), objects(key, None);
    => operation_init_work

    /// C_Encrypt, C_Decrypt, C_Digest, C_Sign, C_SignRecover, C_VerifyRecover.
    fn one_part(
        session: SessionHandle,
        kind: OperationKind,
        data: impl Into<Passed<'_>>,
        room: Room,
    ) -> Output;
    is names(kind)[1], Session(session), kind;
    unless room == Room::Query;
    => one_part_work

    /// C_EncryptUpdate, C_DecryptUpdate, C_DigestUpdate, C_SignUpdate, C_VerifyUpdate (the last
    /// three give no bytes).
    fn update(
        session: SessionHandle,
        kind: OperationKind,
        data: impl Into<Passed<'_>>,
        room: Room,
    ) -> Output;
    is names(kind)[2], Session(session), kind;
    unless room == Room::Query;
    => update_work

    /// C_EncryptFinal, C_DecryptFinal, C_DigestFinal, C_SignFinal.
    fn finish(session: SessionHandle, kind: OperationKind, room: Room) -> Output;
    is names(kind)[3], Session(session), kind;
    unless room == Room::Query;
    => finish_work

    /// C_GetOperationState.
    fn operation_state(session: SessionHandle, room: Room) -> Output;
    is "C_GetOperationState", Session(session);
    unless room == Room::Query;
    => operation_state_work

    /// C_SetOperationState.
    fn set_operation_state(
        session: SessionHandle,
        state: &[u8],
        cipher_key: Option<ObjectHandle>,
        authentication_key: Option<ObjectHandle>,
    ) -> ();
    is "C_SetOperationState", Session(session);
    about objects(cipher_key, authentication_key);
    => set_operation_state_work

    /// C_DigestKey: the key's value goes into the digest.
    fn digest_key(session: SessionHandle, key: ObjectHandle) -> ();
    is "C_DigestKey", Session(session), OperationKind::Digest;
    about object(key);
    => digest_key_work

    /// C_Verify; C_VerifySignature without a signature, which its init was given.
    fn verify(
        session: SessionHandle,
        kind: OperationKind,
        data: impl Into<Passed<'_>>,
        signature: Option<&[u8]>,
    ) -> ();
    is names(kind)[1], Session(session), kind;
    => verify_work

    /// C_VerifyFinal; C_VerifySignatureFinal without a signature.
    fn verify_final(
        session: SessionHandle,
        kind: OperationKind,
        signature: Option<&[u8]>,
    ) -> ();
    is names(kind)[3], Session(session), kind;
    => verify_final_work

    /// C_VerifySignatureInit.
    fn verify_signature_init(
        session: SessionHandle,
        mechanism: Mechanism,
        key: ObjectHandle,
        signature: &[u8],
    ) -> ();
    is "C_VerifySignatureInit", Session(session), OperationKind::VerifySignature;
    about mechanism(mechanism.kind), object(key);
    => verify_signature_init_work

    /// C_EncryptMessage.
    fn encrypt_message(
        session: SessionHandle,
        params: MessageParams,
        data: impl Into<Passed<'_>>,
        room: Room,
    ) -> Message;
    is "C_EncryptMessage", Session(session), OperationKind::MessageEncrypt;
    unless room == Room::Query;
    => encrypt_message_work

    /// C_DecryptMessage.
    fn decrypt_message(
        session: SessionHandle,
        params: MessageParams,
        data: impl Into<Passed<'_>>,
        tag: &[u8],
        room: Room,
    ) -> Output;
    is "C_DecryptMessage", Session(session), OperationKind::MessageDecrypt;
    unless room == Room::Query;
    => decrypt_message_work

    /// C_EncryptMessageBegin, C_DecryptMessageBegin. Gives the nonce.
    fn message_begin(
        session: SessionHandle,
        kind: OperationKind,
        params: MessageParams,
    ) -> Vec<u8>;
    is message_names(kind)[0], Session(session), kind;
    => message_begin_work

    /// C_EncryptMessageNext, C_DecryptMessageNext; `last` ends the message, for a decryption with its tag.
    fn message_next(
        session: SessionHandle,
        kind: OperationKind,
        data: &[u8],
        last: Option<&[u8]>,
        room: Room,
    ) -> Message;
    is message_names(kind)[1], Session(session), kind;
    unless room == Room::Query;
    => message_next_work

    /// C_MessageEncryptFinal, C_MessageDecryptFinal, C_MessageSignFinal, C_MessageVerifyFinal.
    fn messages_end(session: SessionHandle, kind: OperationKind) -> ();
    is names(kind)[3], Session(session), kind;
    => messages_end_work

    /// C_SignMessage.
    fn sign_message(session: SessionHandle, data: impl Into<Passed<'_>>, room: Room) -> Output;
    is "C_SignMessage", Session(session), OperationKind::MessageSign;
    unless room == Room::Query;
    => sign_message_work

    /// C_VerifyMessage.
    fn verify_message(
        session: SessionHandle,
        data: impl Into<Passed<'_>>,
        signature: &[u8],
    ) -> ();
    is "C_VerifyMessage", Session(session), OperationKind::MessageVerify;
    => verify_message_work

    /// C_SignMessageBegin, C_VerifyMessageBegin.
    fn signed_message_begin(session: SessionHandle, kind: OperationKind) -> ();
    is message_names(kind)[0], Session(session), kind;
    => signed_message_begin_work

    /// C_SignMessageNext; `room` is `None` while parts follow.
    fn sign_message_next(session: SessionHandle, data: &[u8], room: Option<Room>) -> Output;
    is "C_SignMessageNext", Session(session), OperationKind::MessageSign;
    unless room == Some(Room::Query);
    => sign_message_next_work

    /// C_VerifyMessageNext; `signature` is `None` while parts follow.
    fn verify_message_next(session: SessionHandle, data: &[u8], signature: Option<&[u8]>) -> ();
    is "C_VerifyMessageNext", Session(session), OperationKind::MessageVerify;
    => verify_message_next_work

    /// C_DigestEncryptUpdate, C_SignEncryptUpdate.
    fn update_and_encrypt(
        session: SessionHandle,
        beside: OperationKind,
        part: &[u8],
        room: Room,
    ) -> Output;
    is dual_names(beside)[0], Session(session), OperationKind::Encrypt;
    unless room == Room::Query;
    => update_and_encrypt_work

    /// C_DecryptDigestUpdate, C_DecryptVerifyUpdate.
    fn decrypt_and_update(
        session: SessionHandle,
        beside: OperationKind,
        part: &[u8],
        room: Room,
    ) -> Output;
    is dual_names(beside)[1], Session(session), OperationKind::Decrypt;
    unless room == Room::Query;
    => decrypt_and_update_work
}

impl Client {
    /// C_GetAttributeValue where only lengths are asked for, which is no call to a call fault.
    ///
    /// # Errors
    /// CKR_OBJECT_HANDLE_INVALID.
    pub async fn attribute_lengths(
        &self,
        session: SessionHandle,
        object: ObjectHandle,
        kinds: Vec<u64>,
    ) -> Result<Vec<AttributeResult>> {
        self.read_attributes(session, object, kinds, true).await
    }
}
