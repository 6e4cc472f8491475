//! The functions that a call fault can strike: all that a token has a part in.
//!
//! What the library answers by itself, whatever becomes of the HSM, is not here: C_Initialize,
//! C_Finalize, the lists of functions, interfaces, slots and mechanisms, C_GetInfo,
//! C_GetMechanismInfo, C_SessionCancel. Nor is what answers CKR_FUNCTION_NOT_SUPPORTED anyway.

use crate::error::{ConfigError, suggestion};

/// What a function is called on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CalledOn {
    /// A slot.
    Slot,
    /// A session.
    Session,
}

/// One function.
#[derive(Debug, PartialEq, Eq)]
pub struct CallFunction {
    /// Its name.
    pub name: &'static str,
    /// What it is called on.
    pub on: CalledOn,
    /// Whether a mechanism belongs to the call: its own argument, or the active operation's.
    pub mechanism: bool,
    /// Whether an object belongs to the call, so that it has a label and an id: its own argument, the
    /// active operation's key, or what a template says.
    pub object: bool,
}

const fn row(name: &'static str, on: CalledOn, mechanism: bool, object: bool) -> CallFunction {
    CallFunction { name, on, mechanism, object }
}

const fn slot(name: &'static str) -> CallFunction {
    row(name, CalledOn::Slot, false, false)
}

const fn session(name: &'static str) -> CallFunction {
    row(name, CalledOn::Session, false, false)
}

const fn object(name: &'static str) -> CallFunction {
    row(name, CalledOn::Session, false, true)
}

const fn digest(name: &'static str) -> CallFunction {
    row(name, CalledOn::Session, true, false)
}

const fn key(name: &'static str) -> CallFunction {
    row(name, CalledOn::Session, true, true)
}

/// Every function that can be struck, in the order of the standard's chapters.
pub const CALL_FUNCTIONS: &[CallFunction] = &[
    slot("C_GetSlotInfo"),
    slot("C_GetTokenInfo"),
    slot("C_InitToken"),
    session("C_InitPIN"),
    session("C_SetPIN"),
    slot("C_OpenSession"),
    session("C_CloseSession"),
    slot("C_CloseAllSessions"),
    session("C_GetSessionInfo"),
    session("C_GetOperationState"),
    object("C_SetOperationState"),
    session("C_Login"),
    session("C_Logout"),
    object("C_CreateObject"),
    object("C_CopyObject"),
    object("C_DestroyObject"),
    object("C_GetObjectSize"),
    object("C_GetAttributeValue"),
    object("C_SetAttributeValue"),
    object("C_FindObjectsInit"),
    session("C_FindObjects"),
    session("C_FindObjectsFinal"),
    key("C_EncryptInit"),
    key("C_Encrypt"),
    key("C_EncryptUpdate"),
    key("C_EncryptFinal"),
    key("C_DecryptInit"),
    key("C_Decrypt"),
    key("C_DecryptUpdate"),
    key("C_DecryptFinal"),
    key("C_MessageEncryptInit"),
    key("C_EncryptMessage"),
    key("C_EncryptMessageBegin"),
    key("C_EncryptMessageNext"),
    key("C_MessageEncryptFinal"),
    key("C_MessageDecryptInit"),
    key("C_DecryptMessage"),
    key("C_DecryptMessageBegin"),
    key("C_DecryptMessageNext"),
    key("C_MessageDecryptFinal"),
    digest("C_DigestInit"),
    digest("C_Digest"),
    digest("C_DigestUpdate"),
    key("C_DigestKey"),
    digest("C_DigestFinal"),
    key("C_SignInit"),
    key("C_Sign"),
    key("C_SignUpdate"),
    key("C_SignFinal"),
    key("C_SignRecoverInit"),
    key("C_SignRecover"),
    key("C_MessageSignInit"),
    key("C_SignMessage"),
    key("C_SignMessageBegin"),
    key("C_SignMessageNext"),
    key("C_MessageSignFinal"),
    key("C_VerifyInit"),
    key("C_Verify"),
    key("C_VerifyUpdate"),
    key("C_VerifyFinal"),
    key("C_VerifySignatureInit"),
    key("C_VerifySignature"),
    key("C_VerifySignatureUpdate"),
    key("C_VerifySignatureFinal"),
    key("C_VerifyRecoverInit"),
    key("C_VerifyRecover"),
    key("C_MessageVerifyInit"),
    key("C_VerifyMessage"),
    key("C_VerifyMessageBegin"),
    key("C_VerifyMessageNext"),
    key("C_MessageVerifyFinal"),
    key("C_DigestEncryptUpdate"),
    key("C_DecryptDigestUpdate"),
    key("C_SignEncryptUpdate"),
    key("C_DecryptVerifyUpdate"),
    key("C_GenerateKey"),
    key("C_GenerateKeyPair"),
    key("C_WrapKey"),
    key("C_WrapKeyAuthenticated"),
    key("C_UnwrapKey"),
    key("C_UnwrapKeyAuthenticated"),
    key("C_DeriveKey"),
    key("C_EncapsulateKey"),
    key("C_DecapsulateKey"),
    session("C_SeedRandom"),
    session("C_GenerateRandom"),
];

/// The word for all functions at once.
pub(super) const ANY: &str = "any";

/// The functions that a list of names means: `C_Sign`, `C_Sign,C_Verify` or `any`, which gives none.
pub(super) fn functions(text: &str) -> Result<Vec<&'static CallFunction>, ConfigError> {
    if text == ANY {
        return Ok(Vec::new());
    }
    let mut functions: Vec<&CallFunction> = Vec::new();
    for name in text.split(',').map(str::trim) {
        let found = CALL_FUNCTIONS.iter().find(|function| function.name == name);
        let found = found.ok_or_else(|| {
            let names = CALL_FUNCTIONS.iter().map(|function| function.name).chain([ANY]);
            let hint = suggestion(name, names);
            ConfigError::new(format!("no call fault strikes a function \"{name}\"; {hint}"))
        })?;
        if !functions.contains(&found) {
            functions.push(found);
        }
    }
    Ok(functions)
}
