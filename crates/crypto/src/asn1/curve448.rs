//! Ed448 and X448 keys as `PrivateKeyInfo` and `SubjectPublicKeyInfo` (RFC 8410).

use zeroize::Zeroizing;

use super::{KeyAlgorithm, der, pkcs8, spki};
use crate::curve448::{Ed448PrivateKey, Ed448PublicKey, X448PrivateKey, X448PublicKey};
use crate::{Error, Result};

impl Ed448PrivateKey {
    /// Reads a `PrivateKeyInfo`.
    ///
    /// # Errors
    /// [`Error::DataInvalid`] for bad DER, [`Error::Unsupported`] for another kind of key,
    /// [`Error::InvalidKey`] for a bad key.
    pub fn from_pkcs8(encoded: &[u8]) -> Result<Self> {
        let pkcs8::Outer { algorithm, key, public } = pkcs8::read_outer(encoded)?;
        let KeyAlgorithm::Ed448 = algorithm else { return Err(Error::Unsupported) };
        let key = Self::from_seed(pkcs8::read_octets(key)?)?;
        pkcs8::check_public(public, key.public().as_bytes())?;
        Ok(key)
    }

    /// `PrivateKeyInfo` of this key.
    pub fn to_pkcs8(&self) -> Zeroizing<Vec<u8>> {
        let key = der::tlv(der::OCTET_STRING, self.seed());
        pkcs8::private_key_info(&KeyAlgorithm::Ed448, &key)
    }
}

impl Ed448PublicKey {
    /// Reads a `SubjectPublicKeyInfo`.
    ///
    /// # Errors
    /// As [`Ed448PrivateKey::from_pkcs8`].
    pub fn from_spki(encoded: &[u8]) -> Result<Self> {
        match spki::read_outer(encoded)? {
            (KeyAlgorithm::Ed448, key) => Self::from_bytes(key),
            _ => Err(Error::Unsupported),
        }
    }

    /// `SubjectPublicKeyInfo` of this key.
    pub fn to_spki(&self) -> Vec<u8> {
        spki::public_key_info(&KeyAlgorithm::Ed448, self.as_bytes())
    }
}

impl X448PrivateKey {
    /// Reads a `PrivateKeyInfo`.
    ///
    /// # Errors
    /// As [`Ed448PrivateKey::from_pkcs8`].
    pub fn from_pkcs8(encoded: &[u8]) -> Result<Self> {
        let pkcs8::Outer { algorithm, key, public } = pkcs8::read_outer(encoded)?;
        let KeyAlgorithm::X448 = algorithm else { return Err(Error::Unsupported) };
        let key = Self::from_private(pkcs8::read_octets(key)?)?;
        pkcs8::check_public(public, key.public().as_bytes())?;
        Ok(key)
    }

    /// `PrivateKeyInfo` of this key.
    pub fn to_pkcs8(&self) -> Zeroizing<Vec<u8>> {
        let key = der::tlv(der::OCTET_STRING, self.private());
        pkcs8::private_key_info(&KeyAlgorithm::X448, &key)
    }
}

impl X448PublicKey {
    /// Reads a `SubjectPublicKeyInfo`.
    ///
    /// # Errors
    /// As [`Ed448PrivateKey::from_pkcs8`].
    pub fn from_spki(encoded: &[u8]) -> Result<Self> {
        match spki::read_outer(encoded)? {
            (KeyAlgorithm::X448, key) => Self::from_bytes(key),
            _ => Err(Error::Unsupported),
        }
    }

    /// `SubjectPublicKeyInfo` of this key.
    pub fn to_spki(&self) -> Vec<u8> {
        spki::public_key_info(&KeyAlgorithm::X448, self.as_bytes())
    }
}
