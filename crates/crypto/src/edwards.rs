//! Ed25519 signatures (RFC 8032): of whole messages, with a context (Ed25519ctx), and of digests
//! (Ed25519ph).

use std::fmt;

use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use zeroize::Zeroizing;

pub use crate::prehash::CONTEXT_LEN_MAX;
use crate::{Error, Result, ffi, random};

/// Length of seed and public key in bytes.
pub const KEY_LEN: usize = 32;
/// Length of a signature in bytes.
pub const SIGNATURE_LEN: usize = 64;

/// A private key, ready for use. Share it in an `Arc`.
pub struct Ed25519PrivateKey {
    pair: Ed25519KeyPair,
    seed: Zeroizing<Vec<u8>>,
}

impl Ed25519PrivateKey {
    /// Generates a key pair.
    ///
    /// # Errors
    /// [`Error::Internal`] without random numbers.
    pub fn generate() -> Result<Self> {
        let mut seed = Zeroizing::new([0; KEY_LEN]);
        random::fill(&mut *seed)?;
        Self::from_seed(&*seed)
    }

    /// Imports a private key, which RFC 8032 calls the seed.
    ///
    /// # Errors
    /// [`Error::InvalidKey`] unless it has [`KEY_LEN`] bytes.
    pub fn from_seed(seed: &[u8]) -> Result<Self> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| Error::InvalidKey)?;
        Ok(Ed25519PrivateKey { pair, seed: Zeroizing::new(seed.to_vec()) })
    }

    /// The private key as imported or generated.
    pub fn seed(&self) -> &[u8] {
        &self.seed
    }

    /// The public key of this private key.
    pub fn public(&self) -> Ed25519PublicKey {
        let mut bytes = [0; KEY_LEN];
        bytes.copy_from_slice(self.pair.public_key().as_ref());
        Ed25519PublicKey { bytes }
    }

    /// Signs a message (pure Ed25519, without context), [`SIGNATURE_LEN`] bytes.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.pair.sign(message).as_ref().to_vec()
    }

    /// Signs a message with a context (Ed25519ctx; `phFlag` false in `CK_EDDSA_PARAMS`).
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] for an empty context, which RFC 8032, 8.3 forbids, and one longer
    /// than [`CONTEXT_LEN_MAX`].
    pub fn sign_context(&self, message: &[u8], context: &[u8]) -> Result<Vec<u8>> {
        check_context(context)?;
        if context.is_empty() {
            return Err(Error::InvalidParameter);
        }
        ffi::ed25519::sign_context(&self.whole(), message, context)
    }

    /// Signs the SHA-512 digest of a message (Ed25519ph; `phFlag` true), with a context that may be
    /// empty.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] for a context longer than [`CONTEXT_LEN_MAX`],
    /// [`Error::InvalidLength`] unless the digest has 64 bytes.
    pub fn sign_digest(&self, digest: &[u8], context: &[u8]) -> Result<Vec<u8>> {
        check_context(context)?;
        let digest = digest.try_into().map_err(|_| Error::InvalidLength)?;
        ffi::ed25519::sign_digest(&self.whole(), digest, context)
    }

    /// Seed and public key, the library's form of a private key.
    fn whole(&self) -> Zeroizing<[u8; 64]> {
        let mut whole = Zeroizing::new([0; 64]);
        whole[..KEY_LEN].copy_from_slice(&self.seed);
        whole[KEY_LEN..].copy_from_slice(&self.public().bytes);
        whole
    }
}

impl fmt::Debug for Ed25519PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ed25519PrivateKey").finish_non_exhaustive()
    }
}

/// A public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ed25519PublicKey {
    bytes: [u8; KEY_LEN],
}

impl Ed25519PublicKey {
    /// Imports an encoded point. Whether it lies on the curve shows when it first verifies.
    ///
    /// # Errors
    /// [`Error::InvalidKey`] unless it has [`KEY_LEN`] bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let bytes = bytes.try_into().map_err(|_| Error::InvalidKey)?;
        Ok(Ed25519PublicKey { bytes })
    }

    /// The encoded point.
    pub fn as_bytes(&self) -> &[u8; KEY_LEN] {
        &self.bytes
    }

    /// Verifies a signature of a message.
    ///
    /// # Errors
    /// [`Error::SignatureLength`], [`Error::VerifyFailed`].
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<()> {
        if signature.len() != SIGNATURE_LEN {
            return Err(Error::SignatureLength);
        }
        UnparsedPublicKey::new(&ED25519, &self.bytes)
            .verify(message, signature)
            .map_err(|_| Error::VerifyFailed)
    }

    /// Verifies an Ed25519ctx signature.
    ///
    /// # Errors
    /// As [`verify`](Self::verify) and [`Ed25519PrivateKey::sign_context`].
    pub fn verify_context(&self, message: &[u8], context: &[u8], signature: &[u8]) -> Result<()> {
        check_context(context)?;
        if context.is_empty() {
            return Err(Error::InvalidParameter);
        }
        let signature = signature.try_into().map_err(|_| Error::SignatureLength)?;
        ffi::ed25519::verify_context(&self.bytes, message, context, signature)
    }

    /// Verifies an Ed25519ph signature.
    ///
    /// # Errors
    /// As [`verify`](Self::verify) and [`Ed25519PrivateKey::sign_digest`].
    pub fn verify_digest(&self, digest: &[u8], context: &[u8], signature: &[u8]) -> Result<()> {
        check_context(context)?;
        let digest = digest.try_into().map_err(|_| Error::InvalidLength)?;
        let signature = signature.try_into().map_err(|_| Error::SignatureLength)?;
        ffi::ed25519::verify_digest(&self.bytes, digest, context, signature)
    }
}

fn check_context(context: &[u8]) -> Result<()> {
    if context.len() <= CONTEXT_LEN_MAX { Ok(()) } else { Err(Error::InvalidParameter) }
}
