//! `SubjectPublicKeyInfo` (RFC 5280, 4.1.2.7), the content of `CKA_PUBLIC_KEY_INFO`.

use super::{KeyAlgorithm, der};
use crate::ec::EcPublicKey;
use crate::edwards::Ed25519PublicKey;
use crate::montgomery::X25519PublicKey;
use crate::rsa::RsaPublicKey;
use crate::{Error, Result};

/// A public key of a kind that has a `SubjectPublicKeyInfo`.
#[derive(Debug)]
pub enum PublicKey {
    /// RSA (RFC 8017, appendix A.1.1 inside).
    Rsa(RsaPublicKey),
    /// A key on a prime curve (RFC 5480).
    Ec(EcPublicKey),
    /// Ed25519 (RFC 8410).
    Ed25519(Ed25519PublicKey),
    /// X25519 (RFC 8410).
    X25519(X25519PublicKey),
}

impl PublicKey {
    /// Reads a `SubjectPublicKeyInfo` and checks the key in it.
    ///
    /// # Errors
    /// As [`PrivateKey::from_pkcs8`](super::PrivateKey::from_pkcs8).
    pub fn from_spki(encoded: &[u8]) -> Result<Self> {
        let (algorithm, key) = read_outer(encoded)?;
        match algorithm {
            KeyAlgorithm::Rsa => read_rsa(key).map(PublicKey::Rsa),
            KeyAlgorithm::Ec(curve) => EcPublicKey::from_point(curve, key).map(PublicKey::Ec),
            KeyAlgorithm::Ed25519 => Ed25519PublicKey::from_bytes(key).map(PublicKey::Ed25519),
            KeyAlgorithm::X25519 => X25519PublicKey::from_bytes(key).map(PublicKey::X25519),
            // These have types of their own; see `asn1::public_key_kind`.
            _ => Err(Error::Unsupported),
        }
    }

    /// Writes the key as `SubjectPublicKeyInfo`, as `openssl pkey -pubout` does.
    pub fn to_spki(&self) -> Vec<u8> {
        match self {
            PublicKey::Rsa(key) => key.to_spki(),
            PublicKey::Ec(key) => key.to_spki(),
            PublicKey::Ed25519(key) => key.to_spki(),
            PublicKey::X25519(key) => key.to_spki(),
        }
    }
}

impl RsaPublicKey {
    /// `SubjectPublicKeyInfo` of this key.
    pub fn to_spki(&self) -> Vec<u8> {
        let (n, e) = (der::integer(&self.modulus()), der::integer(&self.exponent()));
        public_key_info(&KeyAlgorithm::Rsa, &der::sequence(&[&n, &e]))
    }
}

impl EcPublicKey {
    /// `SubjectPublicKeyInfo` of this key, with the uncompressed point.
    pub fn to_spki(&self) -> Vec<u8> {
        public_key_info(&KeyAlgorithm::Ec(self.curve()), self.point())
    }
}

impl Ed25519PublicKey {
    /// `SubjectPublicKeyInfo` of this key.
    pub fn to_spki(&self) -> Vec<u8> {
        public_key_info(&KeyAlgorithm::Ed25519, self.as_bytes())
    }
}

impl X25519PublicKey {
    /// `SubjectPublicKeyInfo` of this key.
    pub fn to_spki(&self) -> Vec<u8> {
        public_key_info(&KeyAlgorithm::X25519, self.as_bytes())
    }
}

/// What a `SubjectPublicKeyInfo` says: the algorithm, and the key in its own encoding.
pub(super) fn read_outer(encoded: &[u8]) -> Result<(KeyAlgorithm, &[u8])> {
    let mut outer = der::Reader::new(encoded);
    let mut fields = der::Reader::new(outer.expect(der::SEQUENCE)?);
    outer.end()?;
    let algorithm = KeyAlgorithm::read(&mut fields)?;
    let key = fields.bit_string()?;
    fields.end()?;
    Ok((algorithm, key))
}

pub(super) fn public_key_info(algorithm: &KeyAlgorithm, key: &[u8]) -> Vec<u8> {
    der::sequence(&[&algorithm.write(), &der::bit_string(key)]).to_vec()
}

/// `RSAPublicKey`.
fn read_rsa(encoded: &[u8]) -> Result<RsaPublicKey> {
    let mut outer = der::Reader::new(encoded);
    let mut fields = der::Reader::new(outer.expect(der::SEQUENCE)?);
    outer.end()?;
    let (n, e) = (fields.unsigned()?, fields.unsigned()?);
    fields.end()?;
    RsaPublicKey::from_components(n, e)
}
