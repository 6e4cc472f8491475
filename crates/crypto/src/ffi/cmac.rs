//! AES-CMAC of AWS-LC.

use std::ptr::{self, NonNull};

use aws_lc_sys as sys;

use super::{allocated, infallible};
use crate::{Error, Result};

/// A CMAC in progress; before the first update, a prepared key.
pub(crate) struct CmacContext {
    context: NonNull<sys::CMAC_CTX>,
}

// SAFETY: the context is a plain heap object without ties to a thread.
unsafe impl Send for CmacContext {}
// SAFETY: a shared reference only allows `clone`, which reads.
unsafe impl Sync for CmacContext {}

impl CmacContext {
    /// Prepares an AES key of 16, 24 or 32 bytes.
    pub(crate) fn new(key: &[u8]) -> Result<Self> {
        // SAFETY: the functions that choose the cipher return static tables, and its key length is
        // the slice's. The new context is owned by `this` before it is initialised.
        unsafe {
            let cipher = match key.len() {
                16 => sys::EVP_aes_128_cbc(),
                24 => sys::EVP_aes_192_cbc(),
                32 => sys::EVP_aes_256_cbc(),
                _ => return Err(Error::KeySize),
            };
            let this = CmacContext { context: allocated(sys::CMAC_CTX_new()) };
            infallible(sys::CMAC_Init(
                this.context.as_ptr(),
                key.as_ptr().cast(),
                key.len(),
                cipher,
                ptr::null_mut(),
            ));
            Ok(this)
        }
    }

    pub(crate) fn update(&mut self, data: &[u8]) {
        // SAFETY: the context is initialised; pointer and length are of one slice.
        infallible(unsafe { sys::CMAC_Update(self.context.as_ptr(), data.as_ptr(), data.len()) });
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        let mut out = vec![0; 16];
        let mut out_len = 0;
        // SAFETY: the context is initialised; an AES-CMAC is one block, as `out` is.
        infallible(unsafe {
            sys::CMAC_Final(self.context.as_ptr(), out.as_mut_ptr(), &mut out_len)
        });
        out
    }
}

impl Clone for CmacContext {
    fn clone(&self) -> Self {
        // SAFETY: the copy is owned before it is filled; the source is initialised and only read.
        unsafe {
            let copy = CmacContext { context: allocated(sys::CMAC_CTX_new()) };
            infallible(sys::CMAC_CTX_copy(copy.context.as_ptr(), self.context.as_ptr()));
            copy
        }
    }
}

impl Drop for CmacContext {
    fn drop(&mut self) {
        // SAFETY: owned, freed once; the C side wipes it.
        unsafe { sys::CMAC_CTX_free(self.context.as_ptr()) }
    }
}
