//! Secrets in a capsule: ML-KEM, from OpenSSL 3.5.

use std::ptr::{null, null_mut};

use super::{Key, functions};

/// Room for the ciphertext and the secret of any parameter set (FIPS 203, table 3).
const CIPHERTEXT_MAX: usize = 1568;
const SECRET_MAX: usize = 64;

impl Key {
    /// A ciphertext for this public key, and the secret in it.
    pub fn encapsulate(&self) -> Option<(Vec<u8>, Vec<u8>)> {
        let f = functions()?;
        let (mut ciphertext, mut len) = (vec![0; CIPHERTEXT_MAX], CIPHERTEXT_MAX);
        let (mut secret, mut size) = (vec![0; SECRET_MAX], SECRET_MAX);
        // SAFETY: a context of this key, freed before the end; lengths are those of the buffers.
        let good = unsafe {
            let c = (f.EVP_PKEY_CTX_new)(self.0, null_mut());
            let (at, to) = (ciphertext.as_mut_ptr(), secret.as_mut_ptr());
            let good = (f.EVP_PKEY_encapsulate_init)(c, null()) == 1
                && (f.EVP_PKEY_encapsulate)(c, at, &mut len, to, &mut size) == 1;
            (f.EVP_PKEY_CTX_free)(c);
            good
        };
        ciphertext.truncate(len);
        secret.truncate(size);
        good.then_some((ciphertext, secret))
    }

    /// The secret in a ciphertext for this private key.
    pub fn decapsulate(&self, ciphertext: &[u8]) -> Option<Vec<u8>> {
        let f = functions()?;
        let (mut secret, mut size) = (vec![0; SECRET_MAX], SECRET_MAX);
        // SAFETY: as above.
        let good = unsafe {
            let c = (f.EVP_PKEY_CTX_new)(self.0, null_mut());
            let (to, at) = (secret.as_mut_ptr(), ciphertext.as_ptr());
            let good = (f.EVP_PKEY_decapsulate_init)(c, null()) == 1
                && (f.EVP_PKEY_decapsulate)(c, to, &mut size, at, ciphertext.len()) == 1;
            (f.EVP_PKEY_CTX_free)(c);
            good
        };
        secret.truncate(size);
        good.then_some(secret)
    }
}
