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

    /// The user behind a CKU number and a name (C_LoginUser): a token's users are its roles, by the
    /// names and short names that Luna's tools use. No name is the number's own role.
    pub fn from_cku_and_name(user: CK_USER_TYPE, name: &str) -> Option<Self> {
        let named = match name.to_ascii_lowercase().as_str() {
            "" => return Self::from_cku(user),
            "so" | "po" | "partition so" => Role::SecurityOfficer,
            "co" | "crypto officer" => Role::CryptoOfficer,
            "cu" | "crypto user" | "limited crypto user" => Role::CryptoUser,
            _ => return None,
        };
        match (Self::from_cku(user)?, named) {
            (Self::ContextSpecific, _) => Some(Self::ContextSpecific),
            (Self::Role(role), named) if role == named => Some(Self::Role(role)),
            // The standard knows one kind of user beside the SO.
            (Self::Role(Role::CryptoOfficer), Role::CryptoUser) => {
                Some(Self::Role(Role::CryptoUser))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_s_name_is_that_of_a_role_of_its_type() {
        let (so, co, cu) = (Role::SecurityOfficer, Role::CryptoOfficer, Role::CryptoUser);
        for (user, name, expected) in [
            (CKU_SO, "", Some(UserType::Role(so))),
            (CKU_SO, "Partition SO", Some(UserType::Role(so))),
            (CKU_SO, "co", None),
            (CKU_USER, "", Some(UserType::Role(co))),
            (CKU_USER, "co", Some(UserType::Role(co))),
            (CKU_USER, "Crypto User", Some(UserType::Role(cu))),
            (CKU_USER, "so", None),
            (CKU_USER, "alice", None),
            (CKU_LIMITED_USER, "cu", Some(UserType::Role(cu))),
            (CKU_LIMITED_USER, "co", None),
            (CKU_CONTEXT_SPECIFIC, "co", Some(UserType::ContextSpecific)),
            (99, "", None),
        ] {
            assert_eq!(UserType::from_cku_and_name(user, name), expected, "{user:#x} {name}");
        }
    }
}
