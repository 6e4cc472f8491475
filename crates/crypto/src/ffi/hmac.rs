//! HMAC of AWS-LC, for the hash functions that ring's HMAC does not have.

use std::ptr::{self, NonNull};

use aws_lc_sys as sys;

use super::digest::Md;
use super::{allocated, infallible};
use crate::digest::HashAlg;

/// An HMAC in progress; before the first update, a prepared key.
pub(crate) struct HmacContext {
    context: NonNull<sys::HMAC_CTX>,
    output_len: usize,
}

// SAFETY: the context is a plain heap object without ties to a thread.
unsafe impl Send for HmacContext {}
// SAFETY: a shared reference only allows `clone`, which reads.
unsafe impl Sync for HmacContext {}

impl HmacContext {
    /// `None` for hash functions that the library's HMAC does not have.
    pub(crate) fn new(hash: HashAlg, key: &[u8]) -> Option<Self> {
        let md = match hash {
            HashAlg::Md5 | HashAlg::Ripemd160 => return None,
            _ => Md::of(hash)?,
        };
        // SAFETY: the new context is owned by `this` before it is initialised. The key pointer is
        // never null, which the C side would read as "keep the former key".
        unsafe {
            let this = HmacContext {
                context: allocated(sys::HMAC_CTX_new()),
                output_len: hash.output_len(),
            };
            infallible(sys::HMAC_Init_ex(
                this.context.as_ptr(),
                key.as_ptr().cast(),
                key.len(),
                md.as_ptr(),
                ptr::null_mut(),
            ));
            Some(this)
        }
    }

    pub(crate) fn update(&mut self, data: &[u8]) {
        // SAFETY: the context is initialised; pointer and length are of one slice.
        infallible(unsafe { sys::HMAC_Update(self.context.as_ptr(), data.as_ptr(), data.len()) });
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        let mut out = vec![0; self.output_len];
        // SAFETY: the context is initialised; `out` has the output length of its hash function.
        infallible(unsafe {
            sys::HMAC_Final(self.context.as_ptr(), out.as_mut_ptr(), ptr::null_mut())
        });
        out
    }
}

impl Clone for HmacContext {
    fn clone(&self) -> Self {
        // SAFETY: the copy is owned before it is filled; the source is initialised and only read.
        unsafe {
            let copy = HmacContext {
                context: allocated(sys::HMAC_CTX_new()),
                output_len: self.output_len,
            };
            infallible(sys::HMAC_CTX_copy_ex(copy.context.as_ptr(), self.context.as_ptr()));
            copy
        }
    }
}

impl Drop for HmacContext {
    fn drop(&mut self) {
        // SAFETY: owned, freed once; the C side wipes it.
        unsafe { sys::HMAC_CTX_free(self.context.as_ptr()) }
    }
}
