//! X448 key agreement (RFC 7748, 5).

use std::fmt;
use std::mem::swap;

use zeroize::Zeroizing;

use super::{Element, from_little_endian};
use crate::{Error, Result, random};

/// Length of private key, public key and shared secret in bytes.
pub const X448_KEY_LEN: usize = 56;

/// A private key, ready for use. Share it in an `Arc`.
pub struct X448PrivateKey {
    bytes: Zeroizing<[u8; X448_KEY_LEN]>,
    public: X448PublicKey,
}

impl X448PrivateKey {
    /// Generates a key pair.
    ///
    /// # Errors
    /// [`Error::Internal`] without random numbers.
    pub fn generate() -> Result<Self> {
        let mut bytes = Zeroizing::new([0; X448_KEY_LEN]);
        random::fill(&mut *bytes)?;
        Self::from_private(&*bytes)
    }

    /// Imports a private key, little endian, clamped or not: clamping is part of every use.
    ///
    /// # Errors
    /// [`Error::InvalidKey`] unless it has [`X448_KEY_LEN`] bytes.
    pub fn from_private(bytes: &[u8]) -> Result<Self> {
        let bytes: [u8; X448_KEY_LEN] = bytes.try_into().map_err(|_| Error::InvalidKey)?;
        let bytes = Zeroizing::new(bytes);
        let mut base = [0; X448_KEY_LEN];
        base[0] = 5;
        let public = X448PublicKey { bytes: ladder(&bytes, &base)? };
        Ok(X448PrivateKey { bytes, public })
    }

    /// The private key as imported or generated.
    pub fn private(&self) -> &[u8] {
        &*self.bytes
    }

    /// The public key of this private key.
    pub fn public(&self) -> X448PublicKey {
        self.public
    }

    /// Agrees with a peer: the shared u coordinate, [`X448_KEY_LEN`] bytes.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] for a public key of another length, and for one of low order,
    /// with which the secret would be all zeros (RFC 7748, 6.2).
    pub fn agree(&self, peer: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        let peer = peer.try_into().map_err(|_| Error::InvalidParameter)?;
        let secret = Zeroizing::new(ladder(&self.bytes, peer)?);
        if secret.iter().all(|byte| *byte == 0) {
            return Err(Error::InvalidParameter);
        }
        Ok(Zeroizing::new(secret.to_vec()))
    }
}

impl fmt::Debug for X448PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("X448PrivateKey").finish_non_exhaustive()
    }
}

/// A public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct X448PublicKey {
    bytes: [u8; X448_KEY_LEN],
}

impl X448PublicKey {
    /// Imports a u coordinate, little endian.
    ///
    /// # Errors
    /// [`Error::InvalidKey`] unless it has [`X448_KEY_LEN`] bytes; every such string is a public key.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let bytes = bytes.try_into().map_err(|_| Error::InvalidKey)?;
        Ok(X448PublicKey { bytes })
    }

    /// The u coordinate, little endian.
    pub fn as_bytes(&self) -> &[u8; X448_KEY_LEN] {
        &self.bytes
    }
}

/// Multiplies a u coordinate by a scalar, which is clamped (RFC 7748, 5).
fn ladder(scalar: &[u8; X448_KEY_LEN], u: &[u8; X448_KEY_LEN]) -> Result<[u8; X448_KEY_LEN]> {
    let mut scalar = Zeroizing::new(*scalar);
    scalar[0] &= 0xfc;
    scalar[55] |= 0x80;
    let a24 = Element::small(39081);
    let x1 = Element::reduced(&from_little_endian(u))?;
    let (mut x2, mut z2) = (Element::small(1), Element::small(0));
    let (mut x3, mut z3) = (x1.clone(), Element::small(1));
    let mut swapped = false;
    for bit in (0..448).rev() {
        let set = scalar[bit / 8] >> (bit % 8) & 1 == 1;
        if set != swapped {
            swap(&mut x2, &mut x3);
            swap(&mut z2, &mut z3);
        }
        swapped = set;
        let (a, b) = (x2.plus(&z2), x2.minus(&z2));
        let (aa, bb) = (a.squared()?, b.squared()?);
        let e = aa.minus(&bb);
        let da = x3.minus(&z3).times(&a)?;
        let cb = x3.plus(&z3).times(&b)?;
        x3 = da.plus(&cb).squared()?;
        z3 = x1.times(&da.minus(&cb).squared()?)?;
        x2 = aa.times(&bb)?;
        z2 = e.times(&aa.plus(&a24.times(&e)?))?;
    }
    if swapped {
        swap(&mut x2, &mut x3);
        swap(&mut z2, &mut z3);
    }
    x2.times(&z2.inverse()?)?.to_bytes()
}
