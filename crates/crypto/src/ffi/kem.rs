//! ML-KEM of AWS-LC, behind its generic key interface.

use std::ptr::{self, NonNull};

use aws_lc_sys as sys;
use zeroize::Zeroizing;

use super::{allocated, check};
use crate::ml_kem::{ParameterSet, SHARED_SECRET_LEN};
use crate::{Error, Result};

/// A key pair, or the public half of one.
pub(crate) struct Kem {
    key: NonNull<sys::EVP_PKEY>,
    set: ParameterSet,
}

// SAFETY: the library allows any thread to use and free a key.
unsafe impl Send for Kem {}
// SAFETY: the key is never changed after construction.
unsafe impl Sync for Kem {}

fn nid(set: ParameterSet) -> i32 {
    match set {
        ParameterSet::MlKem512 => sys::NID_MLKEM512,
        ParameterSet::MlKem768 => sys::NID_MLKEM768,
        ParameterSet::MlKem1024 => sys::NID_MLKEM1024,
    }
}

/// A context of the generic interface, freed once.
struct Context(NonNull<sys::EVP_PKEY_CTX>);

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: owned, freed once.
        unsafe { sys::EVP_PKEY_CTX_free(self.0.as_ptr()) }
    }
}

impl Kem {
    /// Derives the key pair of a seed `d || z` (FIPS 203, algorithm 16).
    pub(crate) fn from_seed(set: ParameterSet, seed: &[u8; 64]) -> Result<Self> {
        // SAFETY: the context is owned; the seed is given with its length; the library writes a new
        // key, which is owned from there on.
        unsafe {
            let context = sys::EVP_PKEY_CTX_new_id(sys::EVP_PKEY_KEM, ptr::null_mut());
            let context = Context(allocated(context));
            let raw = context.0.as_ptr();
            check(sys::EVP_PKEY_CTX_kem_set_params(raw, nid(set)), Error::Internal)?;
            check(sys::EVP_PKEY_keygen_init(raw), Error::Internal)?;
            let (mut key, mut seed_len) = (ptr::null_mut(), seed.len());
            let status =
                sys::EVP_PKEY_keygen_deterministic(raw, &mut key, seed.as_ptr(), &mut seed_len);
            check(status, Error::Internal)?;
            Ok(Kem { key: allocated(key), set })
        }
    }

    /// Takes both halves of a key pair and lets the library try whether they belong together.
    pub(crate) fn from_pair(set: ParameterSet, public: &[u8], secret: &[u8]) -> Result<Self> {
        // SAFETY: both slices are given with their lengths and copied.
        let key = unsafe {
            sys::EVP_PKEY_kem_new_raw_key(
                nid(set),
                public.as_ptr(),
                public.len(),
                secret.as_ptr(),
                secret.len(),
            )
        };
        let this = Self::owned(set, key)?;
        // SAFETY: a valid key, only read.
        check(unsafe { sys::EVP_PKEY_kem_check_key(this.key.as_ptr()) }, Error::InvalidKey)?;
        Ok(this)
    }

    /// Takes an encapsulation key.
    pub(crate) fn from_public(set: ParameterSet, public: &[u8]) -> Result<Self> {
        // SAFETY: the slice is given with its length and copied.
        let key = unsafe {
            sys::EVP_PKEY_kem_new_raw_public_key(nid(set), public.as_ptr(), public.len())
        };
        Self::owned(set, key)
    }

    fn owned(set: ParameterSet, key: *mut sys::EVP_PKEY) -> Result<Self> {
        check(i32::from(!key.is_null()), Error::InvalidKey)?;
        Ok(Kem { key: allocated(key), set })
    }

    pub(crate) fn set(&self) -> ParameterSet {
        self.set
    }

    /// The encapsulation key.
    pub(crate) fn public(&self) -> Result<Vec<u8>> {
        let mut out = vec![0; self.set.encapsulation_key_len()];
        let mut len = out.len();
        // SAFETY: a valid key; the buffer is given with its length.
        let status = unsafe {
            sys::EVP_PKEY_get_raw_public_key(self.key.as_ptr(), out.as_mut_ptr(), &mut len)
        };
        check(status, Error::Internal)?;
        Ok(out)
    }

    /// The decapsulation key.
    pub(crate) fn secret(&self) -> Result<Zeroizing<Vec<u8>>> {
        let mut out = Zeroizing::new(vec![0; self.set.decapsulation_key_len()]);
        let mut len = out.len();
        // SAFETY: a valid key; the buffer is given with its length.
        let status = unsafe {
            sys::EVP_PKEY_get_raw_private_key(self.key.as_ptr(), out.as_mut_ptr(), &mut len)
        };
        check(status, Error::Internal)?;
        Ok(out)
    }

    fn context(&self) -> Context {
        // SAFETY: the context takes a reference of its own to the valid key.
        let context = unsafe { sys::EVP_PKEY_CTX_new(self.key.as_ptr(), ptr::null_mut()) };
        Context(allocated(context))
    }

    /// Ciphertext and shared secret; without `m` from the library's random numbers.
    pub(crate) fn encapsulate(
        &self,
        m: Option<&[u8; 32]>,
    ) -> Result<(Vec<u8>, Zeroizing<Vec<u8>>)> {
        let context = self.context();
        let mut ciphertext = vec![0; self.set.ciphertext_len()];
        let mut secret = Zeroizing::new(vec![0; SHARED_SECRET_LEN]);
        let (mut ciphertext_len, mut secret_len) = (ciphertext.len(), secret.len());
        // SAFETY: the context is owned and has a key; every buffer is given with its length.
        let status = unsafe {
            match m {
                None => sys::EVP_PKEY_encapsulate(
                    context.0.as_ptr(),
                    ciphertext.as_mut_ptr(),
                    &mut ciphertext_len,
                    secret.as_mut_ptr(),
                    &mut secret_len,
                ),
                Some(m) => {
                    let mut m_len = m.len();
                    sys::EVP_PKEY_encapsulate_deterministic(
                        context.0.as_ptr(),
                        ciphertext.as_mut_ptr(),
                        &mut ciphertext_len,
                        secret.as_mut_ptr(),
                        &mut secret_len,
                        m.as_ptr(),
                        &mut m_len,
                    )
                }
            }
        };
        check(status, Error::InvalidKey)?;
        Ok((ciphertext, secret))
    }

    /// The shared secret of a ciphertext of the right length.
    pub(crate) fn decapsulate(&self, ciphertext: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        let context = self.context();
        let mut secret = Zeroizing::new(vec![0; SHARED_SECRET_LEN]);
        let mut secret_len = secret.len();
        // SAFETY: the context is owned and has a key; both buffers are given with their lengths.
        let status = unsafe {
            sys::EVP_PKEY_decapsulate(
                context.0.as_ptr(),
                secret.as_mut_ptr(),
                &mut secret_len,
                ciphertext.as_ptr(),
                ciphertext.len(),
            )
        };
        check(status, Error::DecryptFailed)?;
        Ok(secret)
    }
}

impl Drop for Kem {
    fn drop(&mut self) {
        // SAFETY: this reference to the counted key is owned and released once; the C side wipes.
        unsafe { sys::EVP_PKEY_free(self.key.as_ptr()) }
    }
}
