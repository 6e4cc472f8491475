//! ML-KEM, ML-DSA and SLH-DSA keys as `PrivateKeyInfo` and `SubjectPublicKeyInfo` (RFC 9935, 9881 and
//! 9909).
//!
//! A private key of ML-KEM or ML-DSA may come as its seed, as its expanded value or as both. It is
//! written as both if its seed is known and as its value otherwise: PKCS#11 leaves the choice to the
//! token (v3.2, "Wrapping/unwrapping private keys"), and both is what other tokens take most readily.

use zeroize::Zeroizing;

use super::{KeyAlgorithm, der, pkcs8, spki};
use crate::ml_dsa::{self, MlDsaPrivateKey, MlDsaPublicKey};
use crate::ml_kem::{self, MlKemPrivateKey, MlKemPublicKey};
use crate::slh_dsa::{self, SlhDsaPrivateKey, SlhDsaPublicKey};
use crate::{Error, Result, constant_time_eq};

/// `[0]`, primitive: a seed alone.
const SEED: u8 = 0x80;

/// What a private key of ML-KEM or ML-DSA carries.
struct Parts<'a> {
    seed: Option<&'a [u8]>,
    expanded: Option<&'a [u8]>,
}

impl<'a> Parts<'a> {
    fn read(key: &'a [u8]) -> Result<Self> {
        let mut reader = der::Reader::new(key);
        let (tag, content) = reader.any()?;
        reader.end()?;
        match tag {
            SEED => Ok(Parts { seed: Some(content), expanded: None }),
            der::OCTET_STRING => Ok(Parts { seed: None, expanded: Some(content) }),
            der::SEQUENCE => {
                let mut fields = der::Reader::new(content);
                let seed = fields.expect(der::OCTET_STRING)?;
                let expanded = fields.expect(der::OCTET_STRING)?;
                fields.end()?;
                Ok(Parts { seed: Some(seed), expanded: Some(expanded) })
            }
            _ => Err(Error::DataInvalid),
        }
    }

    fn write(seed: Option<&[u8]>, expanded: &[u8]) -> der::Bytes {
        let expanded = der::tlv(der::OCTET_STRING, expanded);
        match seed {
            Some(seed) => der::sequence(&[&der::tlv(der::OCTET_STRING, seed), &expanded]),
            None => expanded,
        }
    }
}

/// A seed and a value that come together must be of one key.
fn check_expanded(given: Option<&[u8]>, computed: &[u8]) -> Result<()> {
    match given {
        Some(given) if !constant_time_eq(given, computed) => Err(Error::InvalidKey),
        _ => Ok(()),
    }
}

impl MlKemPrivateKey {
    /// Reads a `PrivateKeyInfo`.
    ///
    /// # Errors
    /// [`Error::DataInvalid`] for bad DER, [`Error::Unsupported`] for another kind of key,
    /// [`Error::InvalidKey`] for a bad key, and for a seed and a value that are not of one key.
    pub fn from_pkcs8(encoded: &[u8]) -> Result<Self> {
        let pkcs8::Outer { algorithm, key, public } = pkcs8::read_outer(encoded)?;
        let KeyAlgorithm::MlKem(set) = algorithm else { return Err(Error::Unsupported) };
        let key = match Parts::read(key)? {
            Parts { seed: Some(seed), expanded } => {
                let key = Self::from_seed(set, seed)?;
                check_expanded(expanded, &key.decapsulation_key()?)?;
                key
            }
            Parts { expanded, .. } => {
                Self::from_decapsulation_key(set, expanded.unwrap_or_default())?
            }
        };
        pkcs8::check_public(public, key.public()?.as_bytes())?;
        Ok(key)
    }

    /// `PrivateKeyInfo` of this key, with the seed if it is known.
    ///
    /// # Errors
    /// [`Error::Internal`], never in practice.
    pub fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>> {
        let key = Parts::write(self.seed(), &self.decapsulation_key()?);
        Ok(pkcs8::private_key_info(&KeyAlgorithm::MlKem(self.parameter_set()), &key))
    }
}

impl MlKemPublicKey {
    /// Reads a `SubjectPublicKeyInfo`.
    ///
    /// # Errors
    /// As [`MlKemPrivateKey::from_pkcs8`].
    pub fn from_spki(encoded: &[u8]) -> Result<Self> {
        match spki::read_outer(encoded)? {
            (KeyAlgorithm::MlKem(set), key) => Self::from_bytes(set, key),
            _ => Err(Error::Unsupported),
        }
    }

    /// `SubjectPublicKeyInfo` of this key.
    pub fn to_spki(&self) -> Vec<u8> {
        spki::public_key_info(&KeyAlgorithm::MlKem(self.parameter_set()), self.as_bytes())
    }
}

impl MlDsaPrivateKey {
    /// Reads a `PrivateKeyInfo`.
    ///
    /// # Errors
    /// As [`MlKemPrivateKey::from_pkcs8`].
    pub fn from_pkcs8(encoded: &[u8]) -> Result<Self> {
        let pkcs8::Outer { algorithm, key, public } = pkcs8::read_outer(encoded)?;
        let KeyAlgorithm::MlDsa(set) = algorithm else { return Err(Error::Unsupported) };
        let key = match Parts::read(key)? {
            Parts { seed: Some(seed), expanded } => {
                let key = Self::from_seed(set, seed)?;
                check_expanded(expanded, key.expanded())?;
                key
            }
            Parts { expanded, .. } => Self::from_expanded(set, expanded.unwrap_or_default())?,
        };
        pkcs8::check_public(public, key.public()?.as_bytes())?;
        Ok(key)
    }

    /// `PrivateKeyInfo` of this key, with the seed if it is known.
    pub fn to_pkcs8(&self) -> Zeroizing<Vec<u8>> {
        let key = Parts::write(self.seed(), self.expanded());
        pkcs8::private_key_info(&KeyAlgorithm::MlDsa(self.parameter_set()), &key)
    }
}

impl MlDsaPublicKey {
    /// Reads a `SubjectPublicKeyInfo`.
    ///
    /// # Errors
    /// As [`MlKemPrivateKey::from_pkcs8`].
    pub fn from_spki(encoded: &[u8]) -> Result<Self> {
        match spki::read_outer(encoded)? {
            (KeyAlgorithm::MlDsa(set), key) => Self::from_bytes(set, key),
            _ => Err(Error::Unsupported),
        }
    }

    /// `SubjectPublicKeyInfo` of this key.
    pub fn to_spki(&self) -> Vec<u8> {
        spki::public_key_info(&KeyAlgorithm::MlDsa(self.parameter_set()), self.as_bytes())
    }
}

impl SlhDsaPrivateKey {
    /// Reads a `PrivateKeyInfo`.
    ///
    /// # Errors
    /// As [`MlKemPrivateKey::from_pkcs8`].
    pub fn from_pkcs8(encoded: &[u8]) -> Result<Self> {
        let pkcs8::Outer { algorithm, key, public } = pkcs8::read_outer(encoded)?;
        let KeyAlgorithm::SlhDsa(set) = algorithm else { return Err(Error::Unsupported) };
        let key = Self::from_bytes(set, key)?;
        pkcs8::check_public(public, key.public().as_bytes())?;
        Ok(key)
    }

    /// `PrivateKeyInfo` of this key.
    pub fn to_pkcs8(&self) -> Zeroizing<Vec<u8>> {
        let key = Zeroizing::new(self.as_bytes().to_vec());
        pkcs8::private_key_info(&KeyAlgorithm::SlhDsa(self.parameter_set()), &key)
    }
}

impl SlhDsaPublicKey {
    /// Reads a `SubjectPublicKeyInfo`.
    ///
    /// # Errors
    /// As [`MlKemPrivateKey::from_pkcs8`].
    pub fn from_spki(encoded: &[u8]) -> Result<Self> {
        match spki::read_outer(encoded)? {
            (KeyAlgorithm::SlhDsa(set), key) => Self::from_bytes(set, key),
            _ => Err(Error::Unsupported),
        }
    }

    /// `SubjectPublicKeyInfo` of this key.
    pub fn to_spki(&self) -> Vec<u8> {
        spki::public_key_info(&KeyAlgorithm::SlhDsa(self.parameter_set()), self.as_bytes())
    }
}

/// Content of `2.16.840.1.101.3.4`, NIST's algorithms.
const NIST_ALGORITHMS: [u8; 7] = [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04];
/// Last arc of the first parameter set: ML-KEM-512 below kems (4), ML-DSA-44 and SLH-DSA-SHA2-128s
/// below sigAlgs (3). The others follow in the order of `ALL`.
const FIRST_ML_KEM: u8 = 1;
const FIRST_ML_DSA: u8 = 17;
const FIRST_SLH_DSA: u8 = 20;

/// The algorithm of an OID's content.
pub(super) fn algorithm_of(oid: &[u8]) -> Option<KeyAlgorithm> {
    let [family, arc] = oid.strip_prefix(&NIST_ALGORITHMS)?.try_into().ok()?;
    let index = |first: u8| usize::from(arc).checked_sub(usize::from(first));
    match family {
        4 => ml_kem::ParameterSet::ALL.get(index(FIRST_ML_KEM)?).copied().map(KeyAlgorithm::MlKem),
        3 if arc < FIRST_SLH_DSA => {
            ml_dsa::ParameterSet::ALL.get(index(FIRST_ML_DSA)?).copied().map(KeyAlgorithm::MlDsa)
        }
        3 => {
            slh_dsa::ParameterSet::ALL.get(index(FIRST_SLH_DSA)?).copied().map(KeyAlgorithm::SlhDsa)
        }
        _ => None,
    }
}

/// Content of the OID of a parameter set: `family`, then the arc of the first set and the set's
/// place in `ALL`.
fn oid(family: u8, first: u8, place: u8) -> der::Bytes {
    let content = [&NIST_ALGORITHMS[..], &[family, first + place]].concat();
    der::tlv(der::OBJECT_IDENTIFIER, &content)
}

// The enumerations number their variants in the order of `ALL`.
pub(super) fn ml_kem_oid(set: ml_kem::ParameterSet) -> der::Bytes {
    oid(4, FIRST_ML_KEM, set as u8)
}

pub(super) fn ml_dsa_oid(set: ml_dsa::ParameterSet) -> der::Bytes {
    oid(3, FIRST_ML_DSA, set as u8)
}

pub(super) fn slh_dsa_oid(set: slh_dsa::ParameterSet) -> der::Bytes {
    oid(3, FIRST_SLH_DSA, set as u8)
}
