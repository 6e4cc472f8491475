//! What the standard's functions work on, by their names: which a call fault may name, and which C_SessionCancel
//! ends.

use hsmsim_partition::api::OperationKind;
use hsmsim_types::ck::*;

/// The functions of a kind of operation: init, in one part, update, final; of messages init, a whole
/// message, and the last.
pub(super) fn names(kind: OperationKind) -> [&'static str; 4] {
    match kind {
        OperationKind::VerifySignature => [
            "C_VerifySignatureInit",
            "C_VerifySignature",
            "C_VerifySignatureUpdate",
            "C_VerifySignatureFinal",
        ],
        OperationKind::SignRecover => ["C_SignRecoverInit", "C_SignRecover", "", ""],
        OperationKind::VerifyRecover => ["C_VerifyRecoverInit", "C_VerifyRecover", "", ""],
        OperationKind::MessageEncrypt => {
            ["C_MessageEncryptInit", "C_EncryptMessage", "", "C_MessageEncryptFinal"]
        }
        OperationKind::MessageDecrypt => {
            ["C_MessageDecryptInit", "C_DecryptMessage", "", "C_MessageDecryptFinal"]
        }
        OperationKind::MessageSign => {
            ["C_MessageSignInit", "C_SignMessage", "", "C_MessageSignFinal"]
        }
        OperationKind::MessageVerify => {
            ["C_MessageVerifyInit", "C_VerifyMessage", "", "C_MessageVerifyFinal"]
        }
        OperationKind::Encrypt => {
            ["C_EncryptInit", "C_Encrypt", "C_EncryptUpdate", "C_EncryptFinal"]
        }
        OperationKind::Decrypt => {
            ["C_DecryptInit", "C_Decrypt", "C_DecryptUpdate", "C_DecryptFinal"]
        }
        OperationKind::Digest => ["C_DigestInit", "C_Digest", "C_DigestUpdate", "C_DigestFinal"],
        OperationKind::Sign => ["C_SignInit", "C_Sign", "C_SignUpdate", "C_SignFinal"],
        OperationKind::Verify => ["C_VerifyInit", "C_Verify", "C_VerifyUpdate", "C_VerifyFinal"],
    }
}

/// The functions that begin a message and take a part of one.
pub(super) fn message_names(kind: OperationKind) -> [&'static str; 2] {
    match kind {
        OperationKind::MessageEncrypt => ["C_EncryptMessageBegin", "C_EncryptMessageNext"],
        OperationKind::MessageDecrypt => ["C_DecryptMessageBegin", "C_DecryptMessageNext"],
        OperationKind::MessageSign => ["C_SignMessageBegin", "C_SignMessageNext"],
        _ => ["C_VerifyMessageBegin", "C_VerifyMessageNext"],
    }
}

/// The functions of 5.13 that work on two operations; `beside` is not the cipher.
pub(super) fn dual_names(beside: OperationKind) -> [&'static str; 2] {
    match beside {
        OperationKind::Digest => ["C_DigestEncryptUpdate", "C_DecryptDigestUpdate"],
        OperationKind::Sign => ["C_SignEncryptUpdate", ""],
        _ => ["", "C_DecryptVerifyUpdate"],
    }
}

/// The flags of C_SessionCancel (those of CK_MECHANISM_INFO; PKCS#11 3.1, 5.6.6) and what they end.
pub const CANCEL_FLAGS: [(CK_FLAGS, OperationKind); 12] = [
    (CKF_ENCRYPT, OperationKind::Encrypt),
    (CKF_DECRYPT, OperationKind::Decrypt),
    (CKF_DIGEST, OperationKind::Digest),
    (CKF_SIGN, OperationKind::Sign),
    (CKF_VERIFY, OperationKind::Verify),
    (CKF_VERIFY, OperationKind::VerifySignature),
    (CKF_SIGN_RECOVER, OperationKind::SignRecover),
    (CKF_VERIFY_RECOVER, OperationKind::VerifyRecover),
    (CKF_MESSAGE_ENCRYPT, OperationKind::MessageEncrypt),
    (CKF_MESSAGE_DECRYPT, OperationKind::MessageDecrypt),
    (CKF_MESSAGE_SIGN, OperationKind::MessageSign),
    (CKF_MESSAGE_VERIFY, OperationKind::MessageVerify),
];

/// The operations that a function begins, goes on with or ends.
pub(crate) fn operations(function: &str) -> Vec<OperationKind> {
    use OperationKind::*;
    let messages = [MessageEncrypt, MessageDecrypt, MessageSign, MessageVerify];
    let works_on = |kind: &OperationKind| {
        let [encrypts, decrypts] = dual_names(*kind);
        names(*kind).contains(&function)
            || (messages.contains(kind) && message_names(*kind).contains(&function))
            || (*kind == Digest && function == "C_DigestKey")
            || ([Digest, Sign, Verify].contains(kind) && [encrypts, decrypts].contains(&function))
            || (*kind == Encrypt && function.ends_with("EncryptUpdate"))
            || (*kind == Decrypt
                && ["C_DecryptDigestUpdate", "C_DecryptVerifyUpdate"].contains(&function))
    };
    OperationKind::ALL.into_iter().filter(works_on).collect()
}

/// The flags by which C_SessionCancel means a function; 0: it cannot.
pub(crate) fn cancel_flags(function: &str) -> CK_FLAGS {
    match function {
        "C_FindObjectsInit" => CKF_FIND_OBJECTS,
        "C_GenerateKey" => CKF_GENERATE,
        "C_GenerateKeyPair" => CKF_GENERATE_KEY_PAIR,
        "C_WrapKey" | "C_WrapKeyAuthenticated" => CKF_WRAP,
        "C_UnwrapKey" | "C_UnwrapKeyAuthenticated" => CKF_UNWRAP,
        "C_DeriveKey" => CKF_DERIVE,
        "C_EncapsulateKey" => CKF_ENCAPSULATE,
        "C_DecapsulateKey" => CKF_DECAPSULATE,
        _ => {
            let kinds = operations(function);
            let meant = CANCEL_FLAGS.iter().filter(|(_, kind)| kinds.contains(kind));
            meant.fold(0, |flags, (flag, _)| flags | flag)
        }
    }
}

/// Whether a function changes anything but the operations of its session.
pub(crate) fn changes_something(function: &str) -> bool {
    let reads = ["C_FindObjectsInit", "C_WrapKey", "C_WrapKeyAuthenticated", "C_GenerateRandom"];
    let others = ["C_SeedRandom", "C_SetOperationState"];
    !reads.contains(&function) && !others.contains(&function) && operations(function).is_empty()
}

/// Whether a call leaves nothing behind in its session but what it made.
pub(crate) fn may_be_saved(function: &str) -> bool {
    use OperationKind::*;
    let one_part =
        [Encrypt, Decrypt, Digest, Sign, Verify, VerifySignature, SignRecover, VerifyRecover];
    let makes = CKF_GENERATE
        | CKF_GENERATE_KEY_PAIR
        | CKF_WRAP
        | CKF_UNWRAP
        | CKF_DERIVE
        | CKF_ENCAPSULATE
        | CKF_DECAPSULATE;
    one_part.iter().any(|kind| names(*kind)[1] == function)
        || cancel_flags(function) & makes != 0
        || function == "C_GenerateRandom"
}

#[cfg(test)]
mod tests {
    use OperationKind::*;

    use super::*;

    #[test]
    fn each_function_is_meant_by_its_own_flags() {
        for (function, kinds, flags) in [
            ("C_Sign", vec![Sign], CKF_SIGN),
            ("C_SignRecover", vec![SignRecover], CKF_SIGN_RECOVER),
            ("C_SignMessageNext", vec![MessageSign], CKF_MESSAGE_SIGN),
            ("C_EncryptUpdate", vec![Encrypt], CKF_ENCRYPT),
            ("C_DigestKey", vec![Digest], CKF_DIGEST),
            ("C_VerifySignatureFinal", vec![VerifySignature], CKF_VERIFY),
            ("C_SignEncryptUpdate", vec![Encrypt, Sign], CKF_SIGN | CKF_ENCRYPT),
            ("C_DigestEncryptUpdate", vec![Encrypt, Digest], CKF_DIGEST | CKF_ENCRYPT),
            ("C_DecryptVerifyUpdate", vec![Decrypt, Verify], CKF_VERIFY | CKF_DECRYPT),
            ("C_GenerateKey", vec![], CKF_GENERATE),
            ("C_Login", vec![], 0),
        ] {
            assert_eq!(operations(function), kinds, "{function}");
            assert_eq!(cancel_flags(function), flags, "{function}");
        }
    }

    #[test]
    fn what_changes_objects_or_logins_is_not_dropped_half_done() {
        for function in ["C_GenerateKey", "C_Login", "C_DestroyObject", "C_SetPIN", "C_UnwrapKey"] {
            assert!(changes_something(function), "{function}");
        }
        for function in ["C_Sign", "C_Digest", "C_GenerateKeyPair", "C_WrapKey", "C_GenerateRandom"]
        {
            assert!(may_be_saved(function), "{function}");
        }
        for function in
            ["C_SignInit", "C_SignFinal", "C_SignMessage", "C_Login", "C_FindObjectsInit"]
        {
            assert!(!may_be_saved(function), "{function}");
        }
        for function in ["C_Sign", "C_EncryptMessage", "C_DigestKey", "C_WrapKey", "C_SeedRandom"] {
            assert!(!changes_something(function), "{function}");
        }
    }
}
