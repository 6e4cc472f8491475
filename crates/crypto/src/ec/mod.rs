//! Elliptic curve keys over prime fields: ECDSA over given digests, and ECDH.

mod curve;
mod parameters;

use std::fmt;

use zeroize::Zeroizing;

pub use self::curve::Curve;
use crate::ffi::bn::Bn;
use crate::ffi::ec::EcKey;
use crate::{Error, Result};

/// A private key, checked and ready for use. Share it in an `Arc`.
pub struct EcPrivateKey {
    key: EcKey,
}

impl EcPrivateKey {
    /// Generates a key pair.
    ///
    /// # Errors
    /// [`Error::Internal`].
    pub fn generate(curve: Curve) -> Result<Self> {
        Ok(EcPrivateKey { key: EcKey::generate(curve)? })
    }

    /// Imports a private scalar, big endian, of any length; computes the public point.
    ///
    /// # Errors
    /// [`Error::InvalidKey`] for zero or a value not below the order.
    pub fn from_scalar(curve: Curve, scalar: &[u8]) -> Result<Self> {
        let scalar = Bn::from_bytes(scalar);
        if scalar.is_zero() {
            return Err(Error::InvalidKey);
        }
        Ok(EcPrivateKey { key: EcKey::from_scalar(curve, &scalar)? })
    }

    /// The curve.
    pub fn curve(&self) -> Curve {
        self.key.curve()
    }

    /// The private scalar, big endian, [`Curve::order_len`] bytes.
    ///
    /// # Errors
    /// [`Error::Internal`], never in practice.
    pub fn scalar(&self) -> Result<Zeroizing<Vec<u8>>> {
        self.key.scalar()
    }

    /// The public point, uncompressed: `04 || X || Y`.
    pub fn public_point(&self) -> &[u8] {
        self.key.point()
    }

    /// The public key of this private key.
    pub fn public(&self) -> EcPublicKey {
        EcPublicKey { key: self.key.public() }
    }

    /// Signs a digest (FIPS 186-5, 6.4): `r || s`, each [`Curve::order_len`] bytes.
    ///
    /// A digest longer than the order counts by its leftmost bits; a shorter one is taken whole.
    ///
    /// # Errors
    /// [`Error::InvalidLength`] for an empty digest.
    pub fn sign_digest(&self, digest: &[u8]) -> Result<Vec<u8>> {
        if digest.is_empty() {
            return Err(Error::InvalidLength);
        }
        self.key.sign(digest)
    }

    /// Agrees with a peer (SP 800-56A, 5.7.1.2): the x coordinate of the shared point,
    /// [`Curve::field_len`] bytes. The cofactor of every curve here is 1.
    ///
    /// The peer's point may be compressed or not.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] for a point that is not on this key's curve.
    pub fn ecdh(&self, peer_point: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        self.key.ecdh(peer_point)
    }
}

impl fmt::Debug for EcPrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EcPrivateKey").field("curve", &self.curve()).finish_non_exhaustive()
    }
}

/// A public key, checked and ready for use. Share it in an `Arc`.
pub struct EcPublicKey {
    key: EcKey,
}

impl EcPublicKey {
    /// Imports a point, uncompressed or compressed (SEC 1, 2.3.3), without the `OCTET STRING` that
    /// `CKA_EC_POINT` wraps around it.
    ///
    /// # Errors
    /// [`Error::InvalidKey`] for anything but a finite point of the curve.
    pub fn from_point(curve: Curve, point: &[u8]) -> Result<Self> {
        Ok(EcPublicKey { key: EcKey::from_point(curve, point)? })
    }

    /// The curve.
    pub fn curve(&self) -> Curve {
        self.key.curve()
    }

    /// The point, uncompressed: `04 || X || Y`.
    pub fn point(&self) -> &[u8] {
        self.key.point()
    }

    /// Verifies a signature over a digest (FIPS 186-5, 6.4): `r || s`, of equal length.
    ///
    /// Halves shorter than the order are taken as numbers without their leading zeros (PKCS#11
    /// v3.1, 6.3.1).
    ///
    /// # Errors
    /// [`Error::InvalidLength`] for an empty digest, [`Error::SignatureLength`] for an odd, empty or
    /// overlong signature, [`Error::VerifyFailed`].
    pub fn verify_digest(&self, digest: &[u8], signature: &[u8]) -> Result<()> {
        if digest.is_empty() {
            return Err(Error::InvalidLength);
        }
        let len = signature.len();
        if len == 0 || !len.is_multiple_of(2) || len > self.curve().signature_len() {
            return Err(Error::SignatureLength);
        }
        let (r, s) = signature.split_at(len / 2);
        self.key.verify(digest, r, s)
    }
}

impl fmt::Debug for EcPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EcPublicKey").field("curve", &self.curve()).finish_non_exhaustive()
    }
}
