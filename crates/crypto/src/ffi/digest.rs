//! Digests of AWS-LC, and its descriptors of hash functions for the other primitives.

use std::ptr::{self, NonNull};

use aws_lc_sys as sys;

use super::{allocated, infallible};
use crate::digest::HashAlg;

/// The library's static descriptor of a hash function.
pub(super) fn evp_md(alg: HashAlg) -> *const sys::EVP_MD {
    // SAFETY: these functions take nothing and return pointers to static tables.
    unsafe {
        match alg {
            HashAlg::Sha1 => sys::EVP_sha1(),
            HashAlg::Sha224 => sys::EVP_sha224(),
            HashAlg::Sha256 => sys::EVP_sha256(),
            HashAlg::Sha384 => sys::EVP_sha384(),
            HashAlg::Sha512 => sys::EVP_sha512(),
            HashAlg::Sha512_224 => sys::EVP_sha512_224(),
            HashAlg::Sha512_256 => sys::EVP_sha512_256(),
            HashAlg::Sha3_224 => sys::EVP_sha3_224(),
            HashAlg::Sha3_256 => sys::EVP_sha3_256(),
            HashAlg::Sha3_384 => sys::EVP_sha3_384(),
            HashAlg::Sha3_512 => sys::EVP_sha3_512(),
        }
    }
}

/// A digest in progress.
pub(crate) struct MdContext {
    context: NonNull<sys::EVP_MD_CTX>,
    output_len: usize,
}

// SAFETY: the context is a plain heap object without ties to a thread.
unsafe impl Send for MdContext {}
// SAFETY: a shared reference only allows `clone`, which reads.
unsafe impl Sync for MdContext {}

impl MdContext {
    pub(crate) fn new(alg: HashAlg) -> Self {
        // SAFETY: the new context is owned by `this` before it is initialised; the descriptor is static.
        unsafe {
            let this = MdContext {
                context: allocated(sys::EVP_MD_CTX_new()),
                output_len: alg.output_len(),
            };
            infallible(sys::EVP_DigestInit_ex(this.context.as_ptr(), evp_md(alg), ptr::null_mut()));
            this
        }
    }

    pub(crate) fn update(&mut self, data: &[u8]) {
        // SAFETY: the context is initialised; pointer and length are of one slice.
        infallible(unsafe {
            sys::EVP_DigestUpdate(self.context.as_ptr(), data.as_ptr().cast(), data.len())
        });
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        let mut out = vec![0; self.output_len];
        // SAFETY: the context is initialised; `out` has the output length of its hash function.
        infallible(unsafe {
            sys::EVP_DigestFinal_ex(self.context.as_ptr(), out.as_mut_ptr(), ptr::null_mut())
        });
        out
    }
}

impl Clone for MdContext {
    fn clone(&self) -> Self {
        // SAFETY: the copy is owned before it is filled; the source is initialised and only read.
        unsafe {
            let copy = MdContext {
                context: allocated(sys::EVP_MD_CTX_new()),
                output_len: self.output_len,
            };
            infallible(sys::EVP_MD_CTX_copy_ex(copy.context.as_ptr(), self.context.as_ptr()));
            copy
        }
    }
}

impl Drop for MdContext {
    fn drop(&mut self) {
        // SAFETY: owned, freed once.
        unsafe { sys::EVP_MD_CTX_free(self.context.as_ptr()) }
    }
}
