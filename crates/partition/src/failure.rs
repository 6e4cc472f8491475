//! What a primitive's refusal means to a caller of PKCS#11: the same cause has another return value
//! when signing than when unwrapping.

use hsmsim_crypto::Error as Cause;
use hsmsim_types::{Error, ck::*};

/// During what a primitive refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum During {
    /// Signing.
    Sign,
    /// Verification.
    Verify,
    /// Encryption.
    Encrypt,
    /// Decryption.
    Decrypt,
    /// Wrapping.
    Wrap,
    /// Unwrapping.
    Unwrap,
    /// Deriving.
    Derive,
    /// Making a key.
    Generate,
    /// Taking over a key that a caller gives.
    Import,
    /// Using a key that was taken over earlier.
    Stored,
}

/// The error that a caller gets. The cause carries no data, so neither does this.
pub(crate) fn because(during: During, cause: Cause) -> Error {
    let rv = match (cause, during) {
        (Cause::InvalidKey, During::Import) => CKR_ATTRIBUTE_VALUE_INVALID,
        (Cause::InvalidKey, During::Unwrap) => CKR_WRAPPED_KEY_INVALID,
        (Cause::InvalidKey, _) => CKR_FUNCTION_FAILED,
        (Cause::KeySize, During::Import) => CKR_ATTRIBUTE_VALUE_INVALID,
        (Cause::KeySize, _) => CKR_KEY_SIZE_RANGE,
        (Cause::InvalidLength, During::Decrypt) => CKR_ENCRYPTED_DATA_LEN_RANGE,
        (Cause::InvalidLength, During::Unwrap) => CKR_WRAPPED_KEY_LEN_RANGE,
        (Cause::InvalidLength, During::Wrap) => CKR_KEY_SIZE_RANGE,
        (Cause::InvalidLength, During::Import) => CKR_ATTRIBUTE_VALUE_INVALID,
        (Cause::InvalidLength, _) => CKR_DATA_LEN_RANGE,
        (Cause::InvalidParameter, During::Import | During::Generate) => CKR_ATTRIBUTE_VALUE_INVALID,
        (Cause::InvalidParameter, _) => CKR_MECHANISM_PARAM_INVALID,
        (Cause::VerifyFailed, _) => CKR_SIGNATURE_INVALID,
        (Cause::SignatureLength, _) => CKR_SIGNATURE_LEN_RANGE,
        (Cause::DecryptFailed, During::Unwrap) => CKR_WRAPPED_KEY_INVALID,
        (Cause::DecryptFailed, During::Stored) => CKR_DEVICE_ERROR,
        (Cause::DecryptFailed, _) => CKR_ENCRYPTED_DATA_INVALID,
        (Cause::DataTooLarge, During::Wrap) => CKR_KEY_SIZE_RANGE,
        (Cause::DataTooLarge, During::Decrypt) => CKR_ENCRYPTED_DATA_LEN_RANGE,
        (Cause::DataTooLarge, During::Unwrap) => CKR_WRAPPED_KEY_LEN_RANGE,
        (Cause::DataTooLarge, _) => CKR_DATA_LEN_RANGE,
        (Cause::DataInvalid, During::Decrypt) => CKR_ENCRYPTED_DATA_INVALID,
        (Cause::DataInvalid, During::Unwrap) => CKR_WRAPPED_KEY_INVALID,
        (Cause::DataInvalid, During::Verify) => CKR_SIGNATURE_INVALID,
        (Cause::DataInvalid, _) => CKR_DATA_INVALID,
        (Cause::Unsupported, During::Import | During::Generate) => CKR_CURVE_NOT_SUPPORTED,
        (Cause::Unsupported, _) => CKR_MECHANISM_INVALID,
        (Cause::InvalidState, _) => CKR_SAVED_STATE_INVALID,
        (Cause::Internal, _) => CKR_FUNCTION_FAILED,
    };
    Error::new(rv, cause.to_string())
}

/// Shorthand for `map_err`.
pub(crate) fn during(during: During) -> impl Fn(Cause) -> Error {
    move |cause| because(during, cause)
}
