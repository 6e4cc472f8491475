//! CMAC of AWS-LC, with AES and triple DES.

use std::ptr::{self, NonNull};

use aws_lc_sys as sys;

use super::{allocated, infallible};
use crate::{Error, Result};

/// A CMAC in progress; before the first update, a prepared key.
pub(crate) struct CmacContext {
    context: NonNull<sys::CMAC_CTX>,
    output_len: usize,
}

// SAFETY: the context is a plain heap object without ties to a thread.
unsafe impl Send for CmacContext {}
// SAFETY: a shared reference only allows `clone`, which reads.
unsafe impl Sync for CmacContext {}

impl CmacContext {
    /// Prepares an AES key of 16, 24 or 32 bytes.
    pub(crate) fn aes(key: &[u8]) -> Result<Self> {
        // SAFETY: the functions that choose the cipher return static tables, and its key length is
        // the slice's.
        unsafe {
            let cipher = match key.len() {
                16 => sys::EVP_aes_128_cbc(),
                24 => sys::EVP_aes_192_cbc(),
                32 => sys::EVP_aes_256_cbc(),
                _ => return Err(Error::KeySize),
            };
            Ok(Self::new(cipher, 16, key))
        }
    }

    /// Prepares a key of triple DES with two or three parts, 16 or 24 bytes.
    pub(crate) fn des3(key: &[u8]) -> Result<Self> {
        // SAFETY: as above.
        unsafe {
            let cipher = match key.len() {
                16 => sys::EVP_des_ede_cbc(),
                24 => sys::EVP_des_ede3_cbc(),
                _ => return Err(Error::KeySize),
            };
            Ok(Self::new(cipher, 8, key))
        }
    }

    /// # Safety
    /// A cipher of the library whose keys have the length of this one and whose blocks have
    /// `output_len` bytes.
    unsafe fn new(cipher: *const sys::EVP_CIPHER, output_len: usize, key: &[u8]) -> Self {
        // SAFETY: the new context is owned by `this` before it is initialised; the rest is this
        // function's contract.
        unsafe {
            let this = CmacContext { context: allocated(sys::CMAC_CTX_new()), output_len };
            infallible(sys::CMAC_Init(
                this.context.as_ptr(),
                key.as_ptr().cast(),
                key.len(),
                cipher,
                ptr::null_mut(),
            ));
            this
        }
    }

    pub(crate) fn update(&mut self, data: &[u8]) {
        // SAFETY: the context is initialised; pointer and length are of one slice.
        infallible(unsafe { sys::CMAC_Update(self.context.as_ptr(), data.as_ptr(), data.len()) });
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        let mut out = vec![0; self.output_len];
        let mut out_len = 0;
        // SAFETY: the context is initialised; a CMAC is one block, as `out` is.
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
            let context = allocated(sys::CMAC_CTX_new());
            let copy = CmacContext { context, output_len: self.output_len };
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
