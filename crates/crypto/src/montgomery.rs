//! X25519 key agreement (RFC 7748) with keys that stay.
//!
//! ring agrees with ephemeral keys only; a token's keys are static, so this is AWS-LC's.

use std::fmt;

use aws_lc_rs::agreement::{self, PrivateKey, UnparsedPublicKey, X25519};
use zeroize::Zeroizing;

use crate::{Error, Result, random};

/// Length of private key, public key and shared secret in bytes.
pub const KEY_LEN: usize = 32;

/// A private key, ready for use. Share it in an `Arc`.
pub struct X25519PrivateKey {
    key: PrivateKey,
    public: X25519PublicKey,
    bytes: Zeroizing<Vec<u8>>,
}

impl X25519PrivateKey {
    /// Generates a key pair.
    ///
    /// # Errors
    /// [`Error::Internal`] without random numbers.
    pub fn generate() -> Result<Self> {
        let mut bytes = Zeroizing::new([0; KEY_LEN]);
        random::fill(&mut *bytes)?;
        Self::from_private(&*bytes)
    }

    /// Imports a private key, little endian, clamped or not: clamping is part of every use.
    ///
    /// # Errors
    /// [`Error::InvalidKey`] unless it has [`KEY_LEN`] bytes.
    pub fn from_private(bytes: &[u8]) -> Result<Self> {
        let key = PrivateKey::from_private_key(&X25519, bytes).map_err(|_| Error::InvalidKey)?;
        let public = key.compute_public_key().map_err(|_| Error::Internal)?;
        let public = X25519PublicKey::from_bytes(public.as_ref()).map_err(|_| Error::Internal)?;
        Ok(X25519PrivateKey { key, public, bytes: Zeroizing::new(bytes.to_vec()) })
    }

    /// The private key as imported or generated.
    pub fn private(&self) -> &[u8] {
        &self.bytes
    }

    /// The public key of this private key.
    pub fn public(&self) -> X25519PublicKey {
        self.public
    }

    /// Agrees with a peer: the shared u coordinate, [`KEY_LEN`] bytes.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] for a public key of another length, and for one of low order,
    /// with which the secret would be all zeros (RFC 7748, 6.1).
    pub fn agree(&self, peer: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        // The library would also take longer encodings of a key; PKCS#11 has only this one.
        let peer = X25519PublicKey::from_bytes(peer).map_err(|_| Error::InvalidParameter)?;
        let peer = UnparsedPublicKey::new(&X25519, peer.bytes);
        agreement::agree(&self.key, peer, Error::InvalidParameter, |secret| {
            Ok(Zeroizing::new(secret.to_vec()))
        })
    }
}

impl fmt::Debug for X25519PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("X25519PrivateKey").finish_non_exhaustive()
    }
}

/// A public key: a u coordinate, little endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct X25519PublicKey {
    bytes: [u8; KEY_LEN],
}

impl X25519PublicKey {
    /// Imports a u coordinate. Every string of the right length is one.
    ///
    /// # Errors
    /// [`Error::InvalidKey`] unless it has [`KEY_LEN`] bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let bytes = bytes.try_into().map_err(|_| Error::InvalidKey)?;
        Ok(X25519PublicKey { bytes })
    }

    /// The u coordinate.
    pub fn as_bytes(&self) -> &[u8; KEY_LEN] {
        &self.bytes
    }
}
