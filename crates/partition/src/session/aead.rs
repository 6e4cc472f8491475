//! A key as the message of an AEAD (PKCS#11 3.2, 6.13.3 and 6.13.5).
//!
//! C_WrapKey takes the parameter of C_Encrypt or one with a nonce that the token makes
//! (CK_GCM_WRAP_PARAMS); C_WrapKeyAuthenticated takes that of C_EncryptMessage, with the associated data
//! as an argument of its own. Both become the mechanism's ordinary parameter here.

use hsmsim_types::{Params, Result, ck::*, error::fail};

use crate::{
    mechanisms::Scheme,
    operation::{Act, message},
};

/// Whether a mechanism has associated data at all, where the function brings some.
///
/// # Errors
/// CKR_MECHANISM_INVALID.
pub(super) fn check(scheme: Scheme, associated: bool) -> Result<()> {
    if associated && !is_aead(scheme) {
        return fail(CKR_MECHANISM_INVALID, "only an AEAD wraps with associated data");
    }
    Ok(())
}

fn is_aead(scheme: Scheme) -> bool {
    matches!(
        scheme,
        Scheme::AesGcm | Scheme::AesGcmOwnIv | Scheme::AesCcm | Scheme::ChaCha20Poly1305
    )
}

/// What is known of a wrapping besides its parameter.
pub(super) struct Sealing {
    /// Whether it wraps or unwraps.
    pub(super) act: Act,
    /// The associated data of C_WrapKeyAuthenticated and C_UnwrapKeyAuthenticated.
    pub(super) associated: Option<Vec<u8>>,
    /// How long the key is; when it is unwrapped, with the tag.
    pub(super) data_len: usize,
}

impl Sealing {
    /// The parameter of the mechanism's ordinary operation, and the nonce that goes back to the caller.
    ///
    /// # Errors
    /// CKR_MECHANISM_PARAM_INVALID.
    pub(super) fn params(
        self,
        scheme: Scheme,
        given: &Params,
    ) -> Result<(Params, Option<Vec<u8>>)> {
        let mut given = given.clone();
        if let Params::Message(message) = &mut given
            && message.data_len == Some(0)
        {
            // No key is empty, and who wraps a private key cannot know how long its structure is.
            let tag = if self.act == Act::Decrypt { message.tag_bits / 8 } else { 0 };
            message.data_len = Some((self.data_len as u64).saturating_sub(tag));
        }
        if let Some(associated) = self.associated {
            let place = match &mut given {
                Params::Message(message) => &mut message.aad,
                Params::Gcm { aad, .. }
                | Params::Ccm { aad, .. }
                | Params::ChaCha20Poly1305 { aad, .. } => aad,
                _ => return fail(CKR_MECHANISM_PARAM_INVALID, "an AEAD has parameters"),
            };
            if !place.is_empty() && !associated.is_empty() {
                return fail(CKR_MECHANISM_PARAM_INVALID, "the associated data is given twice");
            }
            if place.is_empty() {
                *place = associated;
            }
        }
        match &given {
            Params::Message(_) if scheme == Scheme::AesGcmOwnIv => {
                fail(CKR_MECHANISM_PARAM_INVALID, "the device keeps its vector behind the tag")
            }
            Params::Message(_) if is_aead(scheme) => {
                let (params, nonce) = message::params(scheme, self.act, &given)?;
                Ok((params, Some(nonce)))
            }
            Params::Message(_) => {
                fail(CKR_MECHANISM_PARAM_INVALID, "the mechanism has no nonce of a message")
            }
            _ => Ok((given, None)),
        }
    }
}
