//! ML-DSA of AWS-LC over a message representative µ that the caller computed (FIPS 204, 6.2). All
//! else of ML-DSA is another library's, which lacks this.

use std::ptr::{self, NonNull};

use aws_lc_sys as sys;

use super::{allocated, check};
use crate::ml_dsa::ParameterSet;
use crate::{Error, Result};

/// A key for one operation.
struct Key {
    key: NonNull<sys::EVP_PKEY>,
    context: NonNull<sys::EVP_PKEY_CTX>,
}

fn nid(set: ParameterSet) -> i32 {
    match set {
        ParameterSet::MlDsa44 => sys::NID_MLDSA44,
        ParameterSet::MlDsa65 => sys::NID_MLDSA65,
        ParameterSet::MlDsa87 => sys::NID_MLDSA87,
    }
}

impl Key {
    fn owned(key: *mut sys::EVP_PKEY) -> Result<Self> {
        check(i32::from(!key.is_null()), Error::InvalidKey)?;
        let key = allocated(key);
        // SAFETY: the context takes a reference of its own to the valid key.
        let context = unsafe { sys::EVP_PKEY_CTX_new(key.as_ptr(), ptr::null_mut()) };
        Ok(Key { key, context: allocated(context) })
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        // SAFETY: both are owned and freed once.
        unsafe {
            sys::EVP_PKEY_CTX_free(self.context.as_ptr());
            sys::EVP_PKEY_free(self.key.as_ptr());
        }
    }
}

/// Signs µ, hedged.
pub(crate) fn sign(set: ParameterSet, secret: &[u8], mu: &[u8; 64]) -> Result<Vec<u8>> {
    let mut out = vec![0; set.signature_len()];
    let mut len = out.len();
    // SAFETY: every slice is given with its length; the key is owned while it is used.
    unsafe {
        let raw = sys::EVP_PKEY_pqdsa_new_raw_private_key(nid(set), secret.as_ptr(), secret.len());
        let key = Key::owned(raw)?;
        let context = key.context.as_ptr();
        check(sys::EVP_PKEY_sign_init(context), Error::Internal)?;
        let status = sys::EVP_PKEY_sign(context, out.as_mut_ptr(), &mut len, mu.as_ptr(), mu.len());
        check(status, Error::Internal)?;
    }
    Ok(out)
}

/// Verifies a signature over µ.
pub(crate) fn verify(
    set: ParameterSet,
    public: &[u8],
    mu: &[u8; 64],
    signature: &[u8],
) -> Result<()> {
    // SAFETY: every slice is given with its length; the key is owned while it is used.
    unsafe {
        let raw = sys::EVP_PKEY_pqdsa_new_raw_public_key(nid(set), public.as_ptr(), public.len());
        let key = Key::owned(raw)?;
        let context = key.context.as_ptr();
        check(sys::EVP_PKEY_verify_init(context), Error::Internal)?;
        let (sig, len) = (signature.as_ptr(), signature.len());
        let status = sys::EVP_PKEY_verify(context, sig, len, mu.as_ptr(), mu.len());
        check(status, Error::VerifyFailed)
    }
}
