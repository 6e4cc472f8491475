//! Signatures verified outside the module, with ring.

use cryptoki::{
    error::Error,
    object::{Attribute, AttributeType, ObjectHandle},
    session::Session,
};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};

/// A public key, taken out of the module.
#[derive(Clone, Debug)]
pub enum PublicKey {
    /// Modulus and exponent.
    Rsa {
        /// The modulus.
        n: Vec<u8>,
        /// The public exponent.
        e: Vec<u8>,
    },
    /// A point on P-256, uncompressed.
    P256(Vec<u8>),
}

impl PublicKey {
    /// Reads a public key from the module.
    ///
    /// # Errors
    /// What C_GetAttributeValue gives.
    ///
    /// # Panics
    /// If the object is no RSA key and no P-256 key.
    pub fn of(session: &Session, object: ObjectHandle) -> Result<Self, Error> {
        use AttributeType::{EcPoint, Modulus, PublicExponent};
        let values = session.get_attributes(object, &[Modulus, PublicExponent, EcPoint])?;
        let (mut n, mut e) = (None, None);
        for value in values {
            match value {
                Attribute::Modulus(value) => n = Some(value),
                Attribute::PublicExponent(value) => e = Some(value),
                // The point stands in an OCTET STRING (PKCS#11 3.1, 6.3.3).
                Attribute::EcPoint(value) => {
                    let point = value.strip_prefix(&[4, 65]).expect("a point of P-256 in DER");
                    return Ok(Self::P256(point.to_vec()));
                }
                _ => {}
            }
        }
        Ok(Self::Rsa { n: n.expect("a modulus"), e: e.expect("an exponent") })
    }

    /// Whether `signature` is one of CKM_SHA256_RSA_PKCS or CKM_ECDSA_SHA256 over `message`.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Rsa { n, e } => RsaPublicKeyComponents { n, e }
                .verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
                .is_ok(),
            Self::P256(point) => UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
                .verify(message, signature)
                .is_ok(),
        }
    }
}
