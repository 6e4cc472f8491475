//! Roles on a partition and the user types that log in to them.

use crate::ck::{
    CK_USER_TYPE, CKU_CONTEXT_SPECIFIC, CKU_LIMITED_USER, CKU_LIMITED_USER_OLD, CKU_SO, CKU_USER,
};

/// Who is logged in to a partition (Luna guide, "Logging In to the Application Partition").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Partition SO: CKU_SO.
    SecurityOfficer,
    /// Crypto Officer: CKU_USER.
    CryptoOfficer,
    /// Crypto User, read-only: CKU_LIMITED_USER.
    CryptoUser,
}

/// What `C_Login` was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserType {
    /// A role of the token.
    Role(Role),
    /// CKU_CONTEXT_SPECIFIC: confirms one operation with a CKA_ALWAYS_AUTHENTICATE key.
    ContextSpecific,
}

impl UserType {
    /// The user type behind a CKU number, `None` for a number that no partition knows.
    pub fn from_cku(user: CK_USER_TYPE) -> Option<Self> {
        Some(match user {
            CKU_SO => Self::Role(Role::SecurityOfficer),
            CKU_USER => Self::Role(Role::CryptoOfficer),
            CKU_LIMITED_USER | CKU_LIMITED_USER_OLD => Self::Role(Role::CryptoUser),
            CKU_CONTEXT_SPECIFIC => Self::ContextSpecific,
            _ => return None,
        })
    }
}
