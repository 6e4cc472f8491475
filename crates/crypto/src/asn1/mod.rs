//! The few DER structures that PKCS#11 passes around: the `OCTET STRING` around an EC point,
//! `SubjectPublicKeyInfo` (`CKA_PUBLIC_KEY_INFO`), and `PrivateKeyInfo`, in which private keys are
//! wrapped.
//!
//! What is written here is byte for byte what OpenSSL writes. Reading is strict DER and refuses what
//! follows the structure.

mod curve448;
pub(crate) mod der;
mod finite_field;
mod pkcs8;
mod postquantum;
mod spki;

pub use self::pkcs8::PrivateKey;
pub use self::spki::PublicKey;
use crate::{Error, Result};

/// Content of `1.2.840.113549.1.1.1`, rsaEncryption (RFC 8017, appendix C).
const RSA_ENCRYPTION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
/// Content of `1.2.840.10045.2.1`, id-ecPublicKey (RFC 5480, 2.1.1).
const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
/// Content of `1.3.101.110`, id-X25519 (RFC 8410, 3).
const X25519: &[u8] = &[0x2b, 0x65, 0x6e];
/// Content of `1.3.101.111`, id-X448 (RFC 8410, 3).
const X448: &[u8] = &[0x2b, 0x65, 0x6f];
/// Content of `1.3.101.113`, id-Ed448 (RFC 8410, 3).
const ED448: &[u8] = &[0x2b, 0x65, 0x71];
/// Content of `1.3.101.112`, id-Ed25519 (RFC 8410, 3).
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];

/// DER of `CKA_EC_POINT`: an `OCTET STRING` around the point (PKCS#11 v3.1, 6.3.3).
pub fn wrap_octet_string(content: &[u8]) -> Vec<u8> {
    der::tlv(der::OCTET_STRING, content).to_vec()
}

/// A DER `SEQUENCE` without the zeros behind it; anything else as it is.
pub fn without_zeros_behind(encoded: &[u8]) -> &[u8] {
    let mut reader = der::Reader::new(encoded);
    match reader.expect(der::SEQUENCE) {
        Ok(_) if reader.rest().iter().all(|&byte| byte == 0) => {
            &encoded[..encoded.len() - reader.rest().len()]
        }
        _ => encoded,
    }
}

/// Takes the content out of a DER `OCTET STRING`.
///
/// # Errors
/// [`Error::DataInvalid`] for anything else, or when something follows.
pub fn unwrap_octet_string(encoded: &[u8]) -> Result<Vec<u8>> {
    let mut reader = der::Reader::new(encoded);
    let content = reader.expect(der::OCTET_STRING)?;
    reader.end()?;
    Ok(content.to_vec())
}

/// DER of `CKA_EC_PARAMS` of an Ed25519 key: the OID of RFC 8410.
pub fn ed25519_params() -> Vec<u8> {
    der::tlv(der::OBJECT_IDENTIFIER, ED25519).to_vec()
}

/// DER of `CKA_EC_PARAMS` of an X25519 key: the OID of RFC 8410.
pub fn x25519_params() -> Vec<u8> {
    der::tlv(der::OBJECT_IDENTIFIER, X25519).to_vec()
}

/// DER of `CKA_EC_PARAMS` of an Ed448 key: the OID of RFC 8410.
pub fn ed448_params() -> Vec<u8> {
    der::tlv(der::OBJECT_IDENTIFIER, ED448).to_vec()
}

/// DER of `CKA_EC_PARAMS` of an X448 key: the OID of RFC 8410.
pub fn x448_params() -> Vec<u8> {
    der::tlv(der::OBJECT_IDENTIFIER, X448).to_vec()
}

/// Whether `CKA_EC_PARAMS` names Ed448: by the OID of RFC 8410, or as `edwards448` (PKCS#11 v3.1,
/// 6.3.5).
pub fn is_ed448_params(params: &[u8]) -> bool {
    names_curve(params, &[ED448], b"edwards448")
}

/// Whether `CKA_EC_PARAMS` names X448: by the OID of RFC 8410, by the older
/// `1.3.6.1.4.1.3029.1.5.2`, or as `curve448` (PKCS#11 v3.1, 6.3.7).
pub fn is_x448_params(params: &[u8]) -> bool {
    const CRYPTLIB_OID: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0x97, 0x55, 0x01, 0x05, 0x02];
    names_curve(params, &[X448, CRYPTLIB_OID], b"curve448")
}

/// Whether `CKA_EC_PARAMS` names Ed25519: by the OID of RFC 8410, by the older
/// `1.3.6.1.4.1.11591.15.1`, or as `edwards25519` (PKCS#11 v3.1, 6.3.5).
pub fn is_ed25519_params(params: &[u8]) -> bool {
    const GNU_OID: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x0f, 0x01];
    names_curve(params, &[ED25519, GNU_OID], b"edwards25519")
}

/// Whether `CKA_EC_PARAMS` names X25519: by the OID of RFC 8410, by the older
/// `1.3.6.1.4.1.3029.1.5.1`, or as `curve25519` (PKCS#11 v3.1, 6.3.7).
pub fn is_x25519_params(params: &[u8]) -> bool {
    const CRYPTLIB_OID: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0x97, 0x55, 0x01, 0x05, 0x01];
    names_curve(params, &[X25519, CRYPTLIB_OID], b"curve25519")
}

fn names_curve(params: &[u8], oids: &[&[u8]], name: &[u8]) -> bool {
    let mut reader = der::Reader::new(params);
    let Ok((tag, content)) = reader.any() else {
        return false;
    };
    if reader.end().is_err() {
        return false;
    }
    match tag {
        der::OBJECT_IDENTIFIER => oids.contains(&content),
        der::PRINTABLE_STRING => content == name,
        _ => false,
    }
}

/// The kind of a key, for callers that must choose a type before they read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// Read by [`PrivateKey`] and [`PublicKey`].
    Rsa,
    /// Read by [`PrivateKey`] and [`PublicKey`].
    Ec(crate::ec::Curve),
    /// Read by [`PrivateKey`] and [`PublicKey`].
    Ed25519,
    /// Read by [`PrivateKey`] and [`PublicKey`].
    X25519,
    /// Read by [`Ed448PrivateKey`](crate::curve448::Ed448PrivateKey) and its public key.
    Ed448,
    /// Read by [`X448PrivateKey`](crate::curve448::X448PrivateKey) and its public key.
    X448,
    /// Read by [`MlKemPrivateKey`](crate::ml_kem::MlKemPrivateKey) and its public key.
    MlKem(crate::ml_kem::ParameterSet),
    /// Read by [`MlDsaPrivateKey`](crate::ml_dsa::MlDsaPrivateKey) and its public key.
    MlDsa(crate::ml_dsa::ParameterSet),
    /// Read by [`SlhDsaPrivateKey`](crate::slh_dsa::SlhDsaPrivateKey) and its public key.
    SlhDsa(crate::slh_dsa::ParameterSet),
    /// Read by [`DsaPrivateKey`](crate::dsa::DsaPrivateKey) and its public key.
    Dsa,
    /// Diffie-Hellman of PKCS#3, read by [`DhPrivateKey`](crate::dh::DhPrivateKey) and
    /// [`DhPublicKey`](crate::dh::DhPublicKey).
    Dh,
    /// Diffie-Hellman of X9.42, read by the same.
    X942Dh,
}

/// The kind of the key in a `PrivateKeyInfo`. The key itself is not looked at.
///
/// # Errors
/// [`Error::DataInvalid`] for bad DER, [`Error::Unsupported`] for another kind.
pub fn private_key_kind(encoded: &[u8]) -> Result<KeyKind> {
    pkcs8::read_outer(encoded).map(|outer| outer.algorithm.kind())
}

/// The kind of the key in a `SubjectPublicKeyInfo`. The key itself is not looked at.
///
/// # Errors
/// As [`private_key_kind`].
pub fn public_key_kind(encoded: &[u8]) -> Result<KeyKind> {
    spki::read_outer(encoded).map(|(algorithm, _)| algorithm.kind())
}

/// What an `AlgorithmIdentifier` says about a key.
enum KeyAlgorithm {
    Rsa,
    Ec(crate::ec::Curve),
    Ed25519,
    X25519,
    Ed448,
    X448,
    MlKem(crate::ml_kem::ParameterSet),
    MlDsa(crate::ml_dsa::ParameterSet),
    SlhDsa(crate::slh_dsa::ParameterSet),
    Dsa(crate::dsa::DsaParameters),
    Dh(crate::dh::DhParameters),
}

impl KeyAlgorithm {
    fn read(reader: &mut der::Reader<'_>) -> Result<Self> {
        let mut fields = der::Reader::new(reader.expect(der::SEQUENCE)?);
        let oid = fields.expect(der::OBJECT_IDENTIFIER)?;
        let algorithm = match oid {
            RSA_ENCRYPTION => {
                // RFC 8017 wants NULL; some writers leave it out.
                if !fields.is_empty() && !fields.expect(der::NULL)?.is_empty() {
                    return Err(Error::DataInvalid);
                }
                KeyAlgorithm::Rsa
            }
            EC_PUBLIC_KEY => {
                // An OID, or explicit parameters; a name is PKCS#11's alone.
                let (tag, curve) = fields.any()?;
                let known = (tag != der::PRINTABLE_STRING)
                    .then(|| crate::ec::Curve::from_element(tag, curve))
                    .flatten();
                KeyAlgorithm::Ec(known.ok_or(Error::Unsupported)?)
            }
            ED25519 => KeyAlgorithm::Ed25519,
            X25519 => KeyAlgorithm::X25519,
            ED448 => KeyAlgorithm::Ed448,
            X448 => KeyAlgorithm::X448,
            _ => match postquantum::algorithm_of(oid) {
                Some(algorithm) => algorithm,
                None => finite_field::read(oid, &mut fields)?.ok_or(Error::Unsupported)?,
            },
        };
        fields.end()?;
        Ok(algorithm)
    }

    fn kind(&self) -> KeyKind {
        match self {
            KeyAlgorithm::Rsa => KeyKind::Rsa,
            KeyAlgorithm::Ec(curve) => KeyKind::Ec(*curve),
            KeyAlgorithm::Ed25519 => KeyKind::Ed25519,
            KeyAlgorithm::X25519 => KeyKind::X25519,
            KeyAlgorithm::Ed448 => KeyKind::Ed448,
            KeyAlgorithm::X448 => KeyKind::X448,
            KeyAlgorithm::MlKem(set) => KeyKind::MlKem(*set),
            KeyAlgorithm::MlDsa(set) => KeyKind::MlDsa(*set),
            KeyAlgorithm::SlhDsa(set) => KeyKind::SlhDsa(*set),
            KeyAlgorithm::Dsa(_) => KeyKind::Dsa,
            KeyAlgorithm::Dh(parameters) if parameters.q.is_some() => KeyKind::X942Dh,
            KeyAlgorithm::Dh(_) => KeyKind::Dh,
        }
    }

    fn write(&self) -> der::Bytes {
        let oid = |content| der::tlv(der::OBJECT_IDENTIFIER, content);
        match self {
            KeyAlgorithm::Rsa => der::sequence(&[&oid(RSA_ENCRYPTION), &der::null()]),
            KeyAlgorithm::Ec(curve) => der::sequence(&[&oid(EC_PUBLIC_KEY), &oid(curve.oid())]),
            KeyAlgorithm::Ed25519 => der::sequence(&[&oid(ED25519)]),
            KeyAlgorithm::X25519 => der::sequence(&[&oid(X25519)]),
            KeyAlgorithm::Ed448 => der::sequence(&[&oid(ED448)]),
            KeyAlgorithm::X448 => der::sequence(&[&oid(X448)]),
            KeyAlgorithm::MlKem(set) => der::sequence(&[&postquantum::ml_kem_oid(*set)]),
            KeyAlgorithm::MlDsa(set) => der::sequence(&[&postquantum::ml_dsa_oid(*set)]),
            KeyAlgorithm::SlhDsa(set) => der::sequence(&[&postquantum::slh_dsa_oid(*set)]),
            KeyAlgorithm::Dsa(parameters) => finite_field::write_dsa(parameters),
            KeyAlgorithm::Dh(parameters) => finite_field::write_dh(parameters),
        }
    }
}
