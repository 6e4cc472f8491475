//! DSA and Diffie-Hellman keys as `PrivateKeyInfo` and `SubjectPublicKeyInfo` (RFC 3279, PKCS#3, and
//! PKCS#11 v3.1, 6.7): parameters in the algorithm, the key a bare integer.
//!
//! The optional parts of Diffie-Hellman parameters (the private key's length, cofactor, validation)
//! are read and left out again when written, since a token does not store them.

use zeroize::Zeroizing;

use super::{KeyAlgorithm, der, pkcs8, spki};
use crate::dh::{DhParameters, DhPrivateKey, DhPublicKey};
use crate::dsa::{DsaParameters, DsaPrivateKey, DsaPublicKey};
use crate::{Error, Result};

/// Content of `1.2.840.10040.4.1`, id-dsa (RFC 3279, 2.3.2).
const DSA: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x38, 0x04, 0x01];
/// Content of `1.2.840.113549.1.3.1`, dhKeyAgreement (PKCS#3, 9).
const DH_KEY_AGREEMENT: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x03, 0x01];
/// Content of `1.2.840.10046.2.1`, dhpublicnumber (RFC 3279, 2.3.3).
const DH_PUBLIC_NUMBER: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3e, 0x02, 0x01];

/// The algorithm with this OID, its parameters read; `None` for an OID of another kind.
pub(super) fn read(oid: &[u8], fields: &mut der::Reader<'_>) -> Result<Option<KeyAlgorithm>> {
    if ![DSA, DH_KEY_AGREEMENT, DH_PUBLIC_NUMBER].contains(&oid) {
        return Ok(None);
    }
    let mut parameters = der::Reader::new(fields.expect(der::SEQUENCE)?);
    let mut number = || Ok::<_, Error>(parameters.unsigned()?.to_vec());
    let algorithm = match oid {
        DSA => {
            let (p, q, g) = (number()?, number()?, number()?);
            parameters.end()?;
            KeyAlgorithm::Dsa(DsaParameters { p, q, g })
        }
        DH_KEY_AGREEMENT => {
            let (p, g) = (number()?, number()?);
            parameters.optional(der::INTEGER)?;
            parameters.end()?;
            KeyAlgorithm::Dh(DhParameters { p, g, q: None })
        }
        _ => {
            let (p, g, q) = (number()?, number()?, number()?);
            parameters.optional(der::INTEGER)?;
            parameters.optional(der::SEQUENCE)?;
            parameters.end()?;
            KeyAlgorithm::Dh(DhParameters { p, g, q: Some(q) })
        }
    };
    Ok(Some(algorithm))
}

pub(super) fn write_dsa(parameters: &DsaParameters) -> der::Bytes {
    let DsaParameters { p, q, g } = parameters;
    algorithm(DSA, &[p, q, g])
}

pub(super) fn write_dh(parameters: &DhParameters) -> der::Bytes {
    match parameters {
        DhParameters { p, g, q: Some(q) } => algorithm(DH_PUBLIC_NUMBER, &[p, g, q]),
        DhParameters { p, g, q: None } => algorithm(DH_KEY_AGREEMENT, &[p, g]),
    }
}

fn algorithm(oid: &[u8], numbers: &[&Vec<u8>]) -> der::Bytes {
    let numbers: Vec<der::Bytes> = numbers.iter().map(|number| der::integer(number)).collect();
    let parameters = der::sequence(&numbers.iter().collect::<Vec<_>>());
    der::sequence(&[&der::tlv(der::OBJECT_IDENTIFIER, oid), &parameters])
}

/// The key itself.
fn read_integer(encoded: &[u8]) -> Result<&[u8]> {
    let mut reader = der::Reader::new(encoded);
    let number = reader.unsigned()?;
    reader.end()?;
    Ok(number)
}

impl DsaPrivateKey {
    /// Reads a `PrivateKeyInfo`.
    ///
    /// # Errors
    /// [`Error::DataInvalid`] for bad DER, [`Error::Unsupported`] for another kind of key; as
    /// [`from_components`](Self::from_components).
    pub fn from_pkcs8(encoded: &[u8]) -> Result<Self> {
        match pkcs8::read_outer(encoded)? {
            pkcs8::Outer { algorithm: KeyAlgorithm::Dsa(parameters), key, .. } => {
                Self::from_components(&parameters, read_integer(key)?)
            }
            _ => Err(Error::Unsupported),
        }
    }

    /// `PrivateKeyInfo` of this key.
    pub fn to_pkcs8(&self) -> Zeroizing<Vec<u8>> {
        let algorithm = KeyAlgorithm::Dsa(self.parameters());
        pkcs8::private_key_info(&algorithm, &der::integer(&self.x()))
    }
}

impl DsaPublicKey {
    /// Reads a `SubjectPublicKeyInfo`.
    ///
    /// # Errors
    /// As [`DsaPrivateKey::from_pkcs8`].
    pub fn from_spki(encoded: &[u8]) -> Result<Self> {
        match spki::read_outer(encoded)? {
            (KeyAlgorithm::Dsa(parameters), key) => {
                Self::from_components(&parameters, read_integer(key)?)
            }
            _ => Err(Error::Unsupported),
        }
    }

    /// `SubjectPublicKeyInfo` of this key.
    pub fn to_spki(&self) -> Vec<u8> {
        spki::public_key_info(&KeyAlgorithm::Dsa(self.parameters()), &der::integer(&self.y()))
    }
}

impl DhPrivateKey {
    /// Reads a `PrivateKeyInfo`, of PKCS#3 (without q) or X9.42 (with q).
    ///
    /// # Errors
    /// As [`DsaPrivateKey::from_pkcs8`].
    pub fn from_pkcs8(encoded: &[u8]) -> Result<Self> {
        match pkcs8::read_outer(encoded)? {
            pkcs8::Outer { algorithm: KeyAlgorithm::Dh(parameters), key, .. } => {
                Self::from_components(&parameters, read_integer(key)?)
            }
            _ => Err(Error::Unsupported),
        }
    }

    /// `PrivateKeyInfo` of this key: of X9.42 if there is a q, of PKCS#3 otherwise.
    pub fn to_pkcs8(&self) -> Zeroizing<Vec<u8>> {
        let algorithm = KeyAlgorithm::Dh(self.parameters());
        pkcs8::private_key_info(&algorithm, &der::integer(&self.x()))
    }
}

impl DhPublicKey {
    /// Reads a `SubjectPublicKeyInfo`, of PKCS#3 (without q) or X9.42 (with q).
    ///
    /// # Errors
    /// As [`DsaPrivateKey::from_pkcs8`].
    pub fn from_spki(encoded: &[u8]) -> Result<Self> {
        match spki::read_outer(encoded)? {
            (KeyAlgorithm::Dh(parameters), key) => {
                Self::from_components(&parameters, read_integer(key)?)
            }
            _ => Err(Error::Unsupported),
        }
    }

    /// `SubjectPublicKeyInfo` of this key: of X9.42 if there is a q, of PKCS#3 otherwise.
    pub fn to_spki(&self) -> Vec<u8> {
        spki::public_key_info(&KeyAlgorithm::Dh(self.parameters()), &der::integer(&self.y()))
    }
}
