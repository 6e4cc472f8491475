//! Operations with the public key: verification and encryption.

use super::{PKCS1_OVERHEAD, RsaPublicKey, checked_salt_len, digest_info, left_padded};
use crate::digest::HashAlg;
use crate::ffi::rsa::{Oaep, Padding};
use crate::{Error, Result, constant_time_eq};

impl RsaPublicKey {
    /// Verifies a PKCS#1 v1.5 signature of type 1 over given bytes (`CKM_RSA_PKCS`).
    ///
    /// # Errors
    /// [`Error::DataTooLarge`] for more than [`modulus_len`](Self::modulus_len) - 11 bytes,
    /// [`Error::SignatureLength`], [`Error::VerifyFailed`].
    pub fn verify_pkcs1(&self, data: &[u8], signature: &[u8]) -> Result<()> {
        if data.len() + PKCS1_OVERHEAD > self.modulus_len() {
            return Err(Error::DataTooLarge);
        }
        let recovered = self.recover_pkcs1(signature)?;
        if constant_time_eq(&recovered, data) { Ok(()) } else { Err(Error::VerifyFailed) }
    }

    /// Verifies RSASSA-PKCS1-v1_5 (RFC 8017, 8.2) over a digest.
    ///
    /// The encoded message is compared as a whole with the one that a signer would have made, so
    /// that no leniency in parsing can be exploited.
    ///
    /// # Errors
    /// [`Error::InvalidLength`] if the digest is not one of this function, [`Error::KeySize`] if the
    /// modulus is too short for it, [`Error::SignatureLength`], [`Error::VerifyFailed`].
    pub fn verify_pkcs1_hashed(
        &self,
        hash: HashAlg,
        digest: &[u8],
        signature: &[u8],
    ) -> Result<()> {
        let info = digest_info(hash, digest)?;
        self.verify_pkcs1(&info, signature).map_err(|error| match error {
            Error::DataTooLarge => Error::KeySize,
            other => other,
        })
    }

    /// Verifies RSASSA-PSS (RFC 8017, 8.1) over a digest, with a salt of exactly `salt_len` bytes.
    ///
    /// # Errors
    /// [`Error::InvalidLength`] if the digest is not one of this function,
    /// [`Error::InvalidParameter`] if such a salt does not fit, [`Error::KeySize`] if nothing would,
    /// [`Error::SignatureLength`], [`Error::VerifyFailed`].
    pub fn verify_pss(
        &self,
        hash: HashAlg,
        mgf_hash: HashAlg,
        salt_len: usize,
        digest: &[u8],
        signature: &[u8],
    ) -> Result<()> {
        if digest.len() != hash.output_len() {
            return Err(Error::InvalidLength);
        }
        let salt_len = checked_salt_len(self.modulus_bits(), hash, salt_len)?;
        self.check_signature(signature)?;
        self.key.verify_pss(hash, mgf_hash, salt_len, digest, signature)
    }

    /// The bare public operation (`CKM_RSA_X_509`); shorter input is padded with zeros on the left.
    ///
    /// # Errors
    /// [`Error::DataTooLarge`] for input longer than the modulus, [`Error::DataInvalid`] for a value
    /// not below it.
    pub fn raw_public(&self, data: &[u8]) -> Result<Vec<u8>> {
        let padded = left_padded(data, self.modulus_len())?;
        self.key.encrypt(Padding::None, &padded)
    }

    /// Takes the signed bytes out of a PKCS#1 v1.5 signature of type 1 (`C_VerifyRecover`).
    ///
    /// # Errors
    /// [`Error::SignatureLength`], [`Error::VerifyFailed`].
    pub fn recover_pkcs1(&self, signature: &[u8]) -> Result<Vec<u8>> {
        self.check_signature(signature)?;
        self.key.verify(Padding::Pkcs1, signature).map_err(|_| Error::VerifyFailed)
    }

    /// Encrypts as RSAES-PKCS1-v1_5 (RFC 8017, 7.2.1).
    ///
    /// # Errors
    /// [`Error::DataTooLarge`] for more than [`modulus_len`](Self::modulus_len) - 11 bytes.
    pub fn encrypt_pkcs1(&self, data: &[u8]) -> Result<Vec<u8>> {
        if data.len() + PKCS1_OVERHEAD > self.modulus_len() {
            return Err(Error::DataTooLarge);
        }
        self.key.encrypt(Padding::Pkcs1, data)
    }

    /// Encrypts as RSAES-OAEP (RFC 8017, 7.1.1).
    ///
    /// # Errors
    /// [`Error::DataTooLarge`] for more than [`oaep_capacity`](Self::oaep_capacity) bytes,
    /// [`Error::KeySize`] if there is no capacity at all.
    pub fn encrypt_oaep(
        &self,
        hash: HashAlg,
        mgf_hash: HashAlg,
        label: &[u8],
        data: &[u8],
    ) -> Result<Vec<u8>> {
        let capacity = self.oaep_capacity(hash).ok_or(Error::KeySize)?;
        if data.len() > capacity {
            return Err(Error::DataTooLarge);
        }
        self.key.encrypt_oaep(&Oaep { hash, mgf_hash, label }, data)
    }

    /// Bytes that OAEP with this hash function can carry under this key.
    pub fn oaep_capacity(&self, hash: HashAlg) -> Option<usize> {
        self.modulus_len().checked_sub(2 * hash.output_len() + 2)
    }

    fn check_signature(&self, signature: &[u8]) -> Result<()> {
        if signature.len() == self.modulus_len() { Ok(()) } else { Err(Error::SignatureLength) }
    }
}
