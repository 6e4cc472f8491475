//! `PrivateKeyInfo` (PKCS#8, RFC 5208 and 5958), in which private keys are wrapped and unwrapped.

use zeroize::Zeroizing;

use super::{KeyAlgorithm, der};
use crate::ec::EcPrivateKey;
use crate::edwards::Ed25519PrivateKey;
use crate::montgomery::X25519PrivateKey;
use crate::rsa::{RsaComponents, RsaPrivateKey};
use crate::{Error, Result};

/// A private key of a kind that has a `PrivateKeyInfo`.
#[derive(Debug)]
pub enum PrivateKey {
    /// RSA (RFC 8017, appendix A.1.2 inside).
    Rsa(RsaPrivateKey),
    /// A key on a prime curve (RFC 5915 inside).
    Ec(EcPrivateKey),
    /// Ed25519 (RFC 8410 inside).
    Ed25519(Ed25519PrivateKey),
    /// X25519 (RFC 8410 inside).
    X25519(X25519PrivateKey),
}

impl PrivateKey {
    /// Reads a `PrivateKeyInfo` and checks the key in it. Attributes are skipped.
    ///
    /// # Errors
    /// [`Error::DataInvalid`] for bad DER, [`Error::Unsupported`] for another kind of key,
    /// [`Error::InvalidKey`] and [`Error::KeySize`] for a bad key.
    pub fn from_pkcs8(encoded: &[u8]) -> Result<Self> {
        let Outer { algorithm, key, public } = read_outer(encoded)?;
        match algorithm {
            KeyAlgorithm::Rsa => read_rsa(key).map(PrivateKey::Rsa),
            KeyAlgorithm::Ec(curve) => read_ec(curve, key).map(PrivateKey::Ec),
            KeyAlgorithm::Ed25519 => {
                let key = Ed25519PrivateKey::from_seed(read_octets(key)?)?;
                check_public(public, key.public().as_bytes())?;
                Ok(PrivateKey::Ed25519(key))
            }
            KeyAlgorithm::X25519 => {
                let key = X25519PrivateKey::from_private(read_octets(key)?)?;
                check_public(public, key.public().as_bytes())?;
                Ok(PrivateKey::X25519(key))
            }
            // These have types of their own; see `asn1::private_key_kind`.
            _ => Err(Error::Unsupported),
        }
    }

    /// Writes the key as `PrivateKeyInfo`, version 0, as `openssl pkcs8 -topk8 -nocrypt` does.
    ///
    /// # Errors
    /// [`Error::Internal`], never in practice.
    pub fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>> {
        match self {
            PrivateKey::Rsa(key) => key.to_pkcs8(),
            PrivateKey::Ec(key) => key.to_pkcs8(),
            PrivateKey::Ed25519(key) => Ok(key.to_pkcs8()),
            PrivateKey::X25519(key) => Ok(key.to_pkcs8()),
        }
    }
}

impl RsaPrivateKey {
    /// `PrivateKeyInfo` of this key; see [`PrivateKey::to_pkcs8`].
    ///
    /// # Errors
    /// [`Error::Internal`], never in practice.
    pub fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>> {
        let parts = self.components()?;
        let RsaComponents { n, e, d, p, q, dp, dq, qi } = &parts;
        let numbers: [&[u8]; 9] = [&[], n, e, d, p, q, dp, dq, qi];
        let numbers = numbers.map(der::integer);
        Ok(private_key_info(&KeyAlgorithm::Rsa, &der::sequence(&numbers.each_ref())))
    }
}

impl EcPrivateKey {
    /// `PrivateKeyInfo` of this key, public key included; see [`PrivateKey::to_pkcs8`].
    ///
    /// # Errors
    /// [`Error::Internal`], never in practice.
    pub fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>> {
        let version = der::integer(&[1]);
        let scalar = der::tlv(der::OCTET_STRING, &self.scalar()?);
        let public = der::tlv(der::CONTEXT_1, &der::bit_string(self.public_point()));
        let key = der::sequence(&[&version, &scalar, &public]);
        Ok(private_key_info(&KeyAlgorithm::Ec(self.curve()), &key))
    }
}

impl Ed25519PrivateKey {
    /// `PrivateKeyInfo` of this key; see [`PrivateKey::to_pkcs8`].
    pub fn to_pkcs8(&self) -> Zeroizing<Vec<u8>> {
        private_key_info(&KeyAlgorithm::Ed25519, &der::tlv(der::OCTET_STRING, self.seed()))
    }
}

impl X25519PrivateKey {
    /// `PrivateKeyInfo` of this key; see [`PrivateKey::to_pkcs8`].
    pub fn to_pkcs8(&self) -> Zeroizing<Vec<u8>> {
        private_key_info(&KeyAlgorithm::X25519, &der::tlv(der::OCTET_STRING, self.private()))
    }
}

/// What a `PrivateKeyInfo` says.
pub(super) struct Outer<'a> {
    pub(super) algorithm: KeyAlgorithm,
    /// The key in its own encoding.
    pub(super) key: &'a [u8],
    /// The public key, if it comes along.
    pub(super) public: Option<&'a [u8]>,
}

/// Reads a `PrivateKeyInfo` without looking at the key. Attributes are skipped.
pub(super) fn read_outer(encoded: &[u8]) -> Result<Outer<'_>> {
    let mut outer = der::Reader::new(encoded);
    let mut fields = der::Reader::new(outer.expect(der::SEQUENCE)?);
    outer.end()?;
    // Version 1 of RFC 5958 may carry the public key.
    let with_public_key = match fields.unsigned()? {
        [] => false,
        [1] => true,
        _ => return Err(Error::Unsupported),
    };
    let algorithm = KeyAlgorithm::read(&mut fields)?;
    let key = fields.expect(der::OCTET_STRING)?;
    fields.optional(der::CONTEXT_0)?;
    let public = if with_public_key {
        fields.optional(der::CONTEXT_1_PRIMITIVE)?.map(der::whole_bytes).transpose()?
    } else {
        None
    };
    fields.end()?;
    Ok(Outer { algorithm, key, public })
}

pub(super) fn private_key_info(algorithm: &KeyAlgorithm, key: &der::Bytes) -> der::Bytes {
    let key = der::tlv(der::OCTET_STRING, key);
    der::sequence(&[&der::integer(&[]), &algorithm.write(), &key])
}

/// `RSAPrivateKey` of two primes.
fn read_rsa(encoded: &[u8]) -> Result<RsaPrivateKey> {
    let mut outer = der::Reader::new(encoded);
    let mut fields = der::Reader::new(outer.expect(der::SEQUENCE)?);
    outer.end()?;
    if !fields.unsigned()?.is_empty() {
        return Err(Error::Unsupported);
    }
    let mut next = || {
        let number = fields.unsigned()?;
        if number.is_empty() { Err(Error::InvalidKey) } else { Ok(number.to_vec()) }
    };
    let components = RsaComponents {
        n: next()?,
        e: next()?,
        d: next()?.into(),
        p: next()?.into(),
        q: next()?.into(),
        dp: next()?.into(),
        dq: next()?.into(),
        qi: next()?.into(),
    };
    fields.end()?;
    RsaPrivateKey::from_components(&components)
}

/// `ECPrivateKey` (RFC 5915). Parameters and public key are optional, and checked when present.
fn read_ec(curve: crate::ec::Curve, encoded: &[u8]) -> Result<EcPrivateKey> {
    let mut outer = der::Reader::new(encoded);
    let mut fields = der::Reader::new(outer.expect(der::SEQUENCE)?);
    outer.end()?;
    if fields.unsigned()? != [1] {
        return Err(Error::Unsupported);
    }
    let scalar = fields.expect(der::OCTET_STRING)?;
    let parameters = fields.optional(der::CONTEXT_0)?;
    let public = fields.optional(der::CONTEXT_1)?;
    fields.end()?;

    if parameters.is_some_and(|given| crate::ec::Curve::from_params(given) != Ok(curve)) {
        return Err(Error::InvalidKey);
    }
    let key = EcPrivateKey::from_scalar(curve, scalar)?;
    if let Some(public) = public {
        let mut reader = der::Reader::new(public);
        let point = reader.bit_string()?;
        reader.end()?;
        // The point may be compressed, so it is compared as a key.
        let public = crate::ec::EcPublicKey::from_point(curve, point)?;
        check_public(Some(public.point()), key.public_point())?;
    }
    Ok(key)
}

/// `CurvePrivateKey` (RFC 8410, 7): an octet string inside the octet string.
pub(super) fn read_octets(encoded: &[u8]) -> Result<&[u8]> {
    let mut reader = der::Reader::new(encoded);
    let content = reader.expect(der::OCTET_STRING)?;
    reader.end()?;
    Ok(content)
}

/// A public key that comes along must be the private key's own.
pub(super) fn check_public(given: Option<&[u8]>, computed: &[u8]) -> Result<()> {
    if given.is_none_or(|given| given == computed) { Ok(()) } else { Err(Error::InvalidKey) }
}
