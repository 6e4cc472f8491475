//! ML-DSA of AWS-LC over a message representative µ (FIPS 204, 6.2), which every form of ML-DSA comes
//! down to: whoever makes µ chooses between them. It signs hedged and not otherwise.

use std::ptr::{self, NonNull};

use aws_lc_sys as sys;
use zeroize::Zeroizing;

use super::{allocated, check};
use crate::ml_dsa::{MU_LEN, ParameterSet, SEED_LEN};
use crate::{Error, Result};

/// A private key with its public key, or a public key.
pub(crate) struct MlDsa {
    key: NonNull<sys::EVP_PKEY>,
    set: ParameterSet,
}

// SAFETY: the library allows any thread to use and free a key.
unsafe impl Send for MlDsa {}
// SAFETY: the key is never changed after construction; who else has it is counted atomically.
unsafe impl Sync for MlDsa {}

impl Drop for MlDsa {
    fn drop(&mut self) {
        // SAFETY: owned, freed once.
        unsafe { sys::EVP_PKEY_free(self.key.as_ptr()) }
    }
}

fn nid(set: ParameterSet) -> i32 {
    match set {
        ParameterSet::MlDsa44 => sys::NID_MLDSA44,
        ParameterSet::MlDsa65 => sys::NID_MLDSA65,
        ParameterSet::MlDsa87 => sys::NID_MLDSA87,
    }
}

/// A context for one operation, freed once.
struct Context(NonNull<sys::EVP_PKEY_CTX>);

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: owned, freed once.
        unsafe { sys::EVP_PKEY_CTX_free(self.0.as_ptr()) }
    }
}

impl MlDsa {
    /// Derives the key pair of a seed ξ (FIPS 204, algorithm 6).
    pub(crate) fn from_seed(set: ParameterSet, seed: &[u8; SEED_LEN]) -> Result<Self> {
        Self::private(set, seed)
    }

    /// Takes an expanded private key and computes its public key.
    pub(crate) fn from_expanded(set: ParameterSet, expanded: &[u8]) -> Result<Self> {
        if expanded.len() != set.private_key_len() {
            return Err(Error::InvalidKey);
        }
        Self::private(set, expanded)
    }

    /// The library tells a seed from an expanded key by its length.
    fn private(set: ParameterSet, bytes: &[u8]) -> Result<Self> {
        // SAFETY: the slice is given with its length and copied; the library writes a new key.
        let key = unsafe {
            sys::EVP_PKEY_pqdsa_new_raw_private_key(nid(set), bytes.as_ptr(), bytes.len())
        };
        Self::owned(set, key)
    }

    /// Takes a public key.
    pub(crate) fn from_public(set: ParameterSet, bytes: &[u8]) -> Result<Self> {
        // SAFETY: as in `private`.
        let key = unsafe {
            sys::EVP_PKEY_pqdsa_new_raw_public_key(nid(set), bytes.as_ptr(), bytes.len())
        };
        Self::owned(set, key)
    }

    fn owned(set: ParameterSet, key: *mut sys::EVP_PKEY) -> Result<Self> {
        check(i32::from(!key.is_null()), Error::InvalidKey)?;
        Ok(MlDsa { key: allocated(key), set })
    }

    /// The parameter set.
    pub(crate) fn parameter_set(&self) -> ParameterSet {
        self.set
    }

    /// The expanded private key.
    pub(crate) fn expanded(&self) -> Result<Zeroizing<Vec<u8>>> {
        let mut bytes = Zeroizing::new(vec![0; self.set.private_key_len()]);
        let mut len = bytes.len();
        // SAFETY: a valid key, and a buffer with its length.
        let status = unsafe {
            sys::EVP_PKEY_get_raw_private_key(self.key.as_ptr(), bytes.as_mut_ptr(), &mut len)
        };
        check(status, Error::Internal)?;
        Ok(bytes)
    }

    /// The public key.
    pub(crate) fn public(&self) -> Result<Vec<u8>> {
        let mut bytes = vec![0; self.set.public_key_len()];
        let mut len = bytes.len();
        // SAFETY: as in `expanded`.
        let status = unsafe {
            sys::EVP_PKEY_get_raw_public_key(self.key.as_ptr(), bytes.as_mut_ptr(), &mut len)
        };
        check(status, Error::Internal)?;
        Ok(bytes)
    }

    fn context(&self) -> Context {
        // SAFETY: the context takes a reference of its own to the valid key.
        Context(allocated(unsafe { sys::EVP_PKEY_CTX_new(self.key.as_ptr(), ptr::null_mut()) }))
    }

    /// Signs µ, hedged.
    pub(crate) fn sign(&self, mu: &[u8; MU_LEN]) -> Result<Vec<u8>> {
        let mut out = vec![0; self.set.signature_len()];
        let mut len = out.len();
        let context = self.context();
        let raw = context.0.as_ptr();
        // SAFETY: every slice is given with its length; the context is owned while it is used.
        unsafe {
            check(sys::EVP_PKEY_sign_init(raw), Error::Internal)?;
            let status = sys::EVP_PKEY_sign(raw, out.as_mut_ptr(), &mut len, mu.as_ptr(), mu.len());
            check(status, Error::Internal)?;
        }
        Ok(out)
    }

    /// Verifies a signature over µ.
    pub(crate) fn verify(&self, mu: &[u8; MU_LEN], signature: &[u8]) -> Result<()> {
        let context = self.context();
        let raw = context.0.as_ptr();
        // SAFETY: as in `sign`.
        unsafe {
            check(sys::EVP_PKEY_verify_init(raw), Error::Internal)?;
            let (sig, len) = (signature.as_ptr(), signature.len());
            let status = sys::EVP_PKEY_verify(raw, sig, len, mu.as_ptr(), mu.len());
            check(status, Error::VerifyFailed)
        }
    }
}
