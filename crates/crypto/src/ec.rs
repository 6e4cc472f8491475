//! Elliptic curve keys over prime fields: ECDSA over given digests, and ECDH.

use std::fmt;

use zeroize::Zeroizing;

use crate::asn1::der;
use crate::ffi::bn::Bn;
use crate::ffi::ec::EcKey;
use crate::{Error, Result};

/// A named curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Curve {
    /// NIST P-256, secp256r1, prime256v1.
    P256,
    /// NIST P-384, secp384r1.
    P384,
    /// NIST P-521, secp521r1.
    P521,
    /// secp256k1 (SEC 2).
    Secp256k1,
}

impl Curve {
    /// Every curve of this module.
    pub const ALL: [Curve; 4] = [Curve::P256, Curve::P384, Curve::P521, Curve::Secp256k1];

    /// Reads `CKA_EC_PARAMS`: the DER of the curve's OID, or of its name as a `PrintableString`
    /// (PKCS#11 v3.1, 6.3.3).
    ///
    /// # Errors
    /// [`Error::Unsupported`] for another curve, or for explicit or implicit parameters;
    /// [`Error::InvalidParameter`] if it is neither.
    pub fn from_params(params: &[u8]) -> Result<Self> {
        let mut reader = der::Reader::new(params);
        let (tag, content) = reader.any().map_err(|_| Error::InvalidParameter)?;
        reader.end().map_err(|_| Error::InvalidParameter)?;
        let found = match tag {
            der::OBJECT_IDENTIFIER => Self::from_oid(content),
            der::PRINTABLE_STRING => Self::ALL
                .into_iter()
                .find(|curve| curve.names().iter().any(|name| name.as_bytes() == content)),
            der::SEQUENCE | der::NULL => None,
            _ => return Err(Error::InvalidParameter),
        };
        found.ok_or(Error::Unsupported)
    }

    /// The curve of an OID, given as the content of its DER.
    pub(crate) fn from_oid(oid: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|curve| curve.oid() == oid)
    }

    /// `CKA_EC_PARAMS` of this curve: the DER of its OID.
    pub fn params_der(self) -> Vec<u8> {
        der::tlv(der::OBJECT_IDENTIFIER, self.oid()).to_vec()
    }

    /// Content of the OID's DER.
    pub(crate) fn oid(self) -> &'static [u8] {
        match self {
            Curve::P256 => &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07],
            Curve::P384 => &[0x2b, 0x81, 0x04, 0x00, 0x22],
            Curve::P521 => &[0x2b, 0x81, 0x04, 0x00, 0x23],
            Curve::Secp256k1 => &[0x2b, 0x81, 0x04, 0x00, 0x0a],
        }
    }

    /// Names under which the curve is known.
    fn names(self) -> &'static [&'static str] {
        match self {
            Curve::P256 => &["secp256r1", "prime256v1", "P-256"],
            Curve::P384 => &["secp384r1", "P-384"],
            Curve::P521 => &["secp521r1", "P-521"],
            Curve::Secp256k1 => &["secp256k1"],
        }
    }

    /// Size of the field in bits, as in `ulMinKeySize` of `CK_MECHANISM_INFO`.
    pub const fn field_bits(self) -> u32 {
        match self {
            Curve::P256 | Curve::Secp256k1 => 256,
            Curve::P384 => 384,
            Curve::P521 => 521,
        }
    }

    /// Length of a coordinate in bytes.
    pub const fn field_len(self) -> usize {
        self.field_bits().div_ceil(8) as usize
    }

    /// Length of a scalar in bytes: of the private key, and of each half of a signature. On these
    /// four curves it is the length of a coordinate.
    pub const fn order_len(self) -> usize {
        self.field_len()
    }

    /// Length of a signature in bytes.
    pub const fn signature_len(self) -> usize {
        2 * self.order_len()
    }
}

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
    pub fn public_point(&self) -> Vec<u8> {
        self.key.point()
    }

    /// The public key of this private key.
    ///
    /// # Errors
    /// [`Error::Internal`], never in practice.
    pub fn public(&self) -> Result<EcPublicKey> {
        EcPublicKey::from_point(self.curve(), &self.public_point()).map_err(|_| Error::Internal)
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
    pub fn point(&self) -> Vec<u8> {
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
