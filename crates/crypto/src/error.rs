//! What can go wrong in a mechanism.
//!
//! An error carries no data: neither key nor message bytes can leak through it. Beside each variant
//! stand the PKCS#11 return codes a caller is expected to give, by operation where they differ.

use std::fmt;

/// Result of every fallible function of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a mechanism refused or failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Error {
    /// The key material is no key of its type: parts contradict each other, a point is not on its
    /// curve, a scalar is out of range. `CKR_ATTRIBUTE_VALUE_INVALID` on import,
    /// `CKR_WRAPPED_KEY_INVALID` on unwrap, `CKR_FUNCTION_FAILED` for a stored key.
    InvalidKey,
    /// The key is well formed but shorter or longer than the mechanism takes. `CKR_KEY_SIZE_RANGE`.
    KeySize,
    /// The input has a length the mechanism cannot take, such as a part of a block without padding.
    /// `CKR_DATA_LEN_RANGE`; when decrypting `CKR_ENCRYPTED_DATA_LEN_RANGE`; when unwrapping
    /// `CKR_WRAPPED_KEY_LEN_RANGE`.
    InvalidLength,
    /// A mechanism parameter (IV, tag length, salt length, counter width, peer point, exponent) is
    /// out of range. `CKR_MECHANISM_PARAM_INVALID`.
    InvalidParameter,
    /// Signature or MAC does not belong to this message. `CKR_SIGNATURE_INVALID`.
    VerifyFailed,
    /// The signature cannot be valid because of its length. `CKR_SIGNATURE_LEN_RANGE`.
    SignatureLength,
    /// Padding, tag or check value is wrong after decryption. `CKR_ENCRYPTED_DATA_INVALID`; when
    /// unwrapping `CKR_WRAPPED_KEY_INVALID`.
    DecryptFailed,
    /// More input than the key can take in one operation. `CKR_DATA_LEN_RANGE`; when wrapping
    /// `CKR_KEY_SIZE_RANGE`.
    DataTooLarge,
    /// Length is right, value is not, such as raw RSA input at or above the modulus.
    /// `CKR_DATA_INVALID`; when decrypting `CKR_ENCRYPTED_DATA_INVALID`.
    DataInvalid,
    /// A well-formed request for an algorithm, curve or combination that is not here.
    /// `CKR_MECHANISM_INVALID`, for curves `CKR_CURVE_NOT_SUPPORTED`.
    Unsupported,
    /// A saved state is none of this operation. `CKR_SAVED_STATE_INVALID`.
    InvalidState,
    /// A library failed for no reason in its input. `CKR_FUNCTION_FAILED`.
    Internal,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Error::InvalidKey => "key material is invalid",
            Error::KeySize => "key size is out of range",
            Error::InvalidLength => "input length is out of range",
            Error::InvalidParameter => "mechanism parameter is invalid",
            Error::VerifyFailed => "signature is invalid",
            Error::SignatureLength => "signature length is out of range",
            Error::DecryptFailed => "encrypted data is invalid",
            Error::DataTooLarge => "data is too large for the key",
            Error::DataInvalid => "data is invalid",
            Error::Unsupported => "algorithm is not supported",
            Error::InvalidState => "saved state is invalid",
            Error::Internal => "cryptographic library failed",
        })
    }
}

impl std::error::Error for Error {}
