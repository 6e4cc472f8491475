//! Operations with the private key: signing and decryption.

use zeroize::Zeroizing;

use super::{PKCS1_OVERHEAD, RsaPrivateKey, checked_salt_len, digest_info, left_padded};
use crate::digest::HashAlg;
use crate::ffi::rsa::{Oaep, Padding};
use crate::{Error, Result};

impl RsaPrivateKey {
    /// Signs given bytes with PKCS#1 v1.5 padding of type 1 and nothing else (`CKM_RSA_PKCS`).
    ///
    /// # Errors
    /// [`Error::DataTooLarge`] for more than [`modulus_len`](Self::modulus_len) - 11 bytes.
    pub fn sign_pkcs1(&self, data: &[u8]) -> Result<Vec<u8>> {
        if data.len() + PKCS1_OVERHEAD > self.modulus_len() {
            return Err(Error::DataTooLarge);
        }
        self.key.sign(Padding::Pkcs1, data)
    }

    /// Signs a digest as RSASSA-PKCS1-v1_5 (RFC 8017, 8.2), `DigestInfo` included.
    ///
    /// # Errors
    /// [`Error::InvalidLength`] if the digest is not one of this function; [`Error::KeySize`] if the
    /// modulus is too short for it.
    pub fn sign_pkcs1_hashed(&self, hash: HashAlg, digest: &[u8]) -> Result<Vec<u8>> {
        let info = digest_info(hash, digest)?;
        self.sign_pkcs1(&info).map_err(|error| match error {
            Error::DataTooLarge => Error::KeySize,
            other => other,
        })
    }

    /// Signs a digest as RSASSA-PSS (RFC 8017, 8.1) with a random salt of `salt_len` bytes.
    ///
    /// # Errors
    /// [`Error::InvalidLength`] if the digest is not one of this function,
    /// [`Error::InvalidParameter`] if the salt does not fit, [`Error::KeySize`] if nothing would.
    pub fn sign_pss(
        &self,
        hash: HashAlg,
        mgf_hash: HashAlg,
        salt_len: usize,
        digest: &[u8],
    ) -> Result<Vec<u8>> {
        if digest.len() != hash.output_len() {
            return Err(Error::InvalidLength);
        }
        let salt_len = checked_salt_len(self.modulus_bits(), hash, salt_len)?;
        self.key.sign_pss(hash, mgf_hash, salt_len, digest)
    }

    /// The bare private operation (`CKM_RSA_X_509`); shorter input is padded with zeros on the left.
    ///
    /// # Errors
    /// [`Error::DataTooLarge`] for input longer than the modulus; [`Error::DataInvalid`] for a value
    /// not below it, and for 0, 1 and `n - 1`, which the library refuses as no honest message.
    pub fn raw_private(&self, data: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        let padded = left_padded(data, self.modulus_len())?;
        self.key.sign(Padding::None, &padded).map(Zeroizing::new)
    }

    /// Decrypts RSAES-PKCS1-v1_5 (RFC 8017, 7.2.2).
    ///
    /// # Errors
    /// [`Error::InvalidLength`] for input not as long as the modulus, [`Error::DecryptFailed`] for
    /// everything else, so that callers learn no more about a bad padding than that it is bad.
    pub fn decrypt_pkcs1(&self, data: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        self.check_ciphertext(data)?;
        self.key.decrypt(Padding::Pkcs1, data)
    }

    /// Decrypts RSAES-OAEP (RFC 8017, 7.1.2).
    ///
    /// # Errors
    /// As [`decrypt_pkcs1`](Self::decrypt_pkcs1), and [`Error::KeySize`] if the modulus is too short
    /// for the hash function.
    pub fn decrypt_oaep(
        &self,
        hash: HashAlg,
        mgf_hash: HashAlg,
        label: &[u8],
        data: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>> {
        if self.modulus_len() < 2 * hash.output_len() + 2 {
            return Err(Error::KeySize);
        }
        self.check_ciphertext(data)?;
        self.key.decrypt_oaep(&Oaep { hash, mgf_hash, label }, data)
    }

    fn check_ciphertext(&self, data: &[u8]) -> Result<()> {
        if data.len() == self.modulus_len() { Ok(()) } else { Err(Error::InvalidLength) }
    }
}
