//! Ed25519 signatures (RFC 8032), over whole messages.

use std::fmt;

use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use zeroize::Zeroizing;

use crate::{Error, Result, random};

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
}
