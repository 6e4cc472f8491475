//! Digests of AWS-LC, and its descriptors of hash functions for the other primitives.

use std::ptr::{self, NonNull};

use aws_lc_sys as sys;

use super::{allocated, infallible};
use crate::digest::{HashAlg, Xof};
use crate::{Error, Result};

/// The library's static descriptor of a hash function.
#[derive(Clone, Copy)]
pub(crate) struct Md(*const sys::EVP_MD);

// SAFETY: points to a static table that never changes.
unsafe impl Send for Md {}
// SAFETY: as above.
unsafe impl Sync for Md {}

impl Md {
    /// `None` for functions that the library does not have.
    pub(crate) fn of(alg: HashAlg) -> Option<Self> {
        // SAFETY: these functions take nothing and return pointers to static tables.
        let descriptor = unsafe {
            match alg {
                HashAlg::Md5 => sys::EVP_md5(),
                HashAlg::Ripemd160 => sys::EVP_ripemd160(),
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
                HashAlg::Blake2b160
                | HashAlg::Blake2b256
                | HashAlg::Blake2b384
                | HashAlg::Blake2b512
                | HashAlg::Sha512T(_) => return None,
            }
        };
        Some(Md(descriptor))
    }

    /// The functions whose digests of whole messages are made here.
    pub(crate) fn sha3(alg: HashAlg) -> Option<Self> {
        match alg {
            HashAlg::Sha3_224 | HashAlg::Sha3_256 | HashAlg::Sha3_384 | HashAlg::Sha3_512 => {
                Self::of(alg)
            }
            _ => None,
        }
    }

    pub(crate) fn shake(xof: Xof) -> Self {
        // SAFETY: as above.
        unsafe {
            match xof {
                Xof::Shake128 => Md(sys::EVP_shake128()),
                Xof::Shake256 => Md(sys::EVP_shake256()),
            }
        }
    }

    pub(super) fn as_ptr(self) -> *const sys::EVP_MD {
        self.0
    }
}

/// The descriptor of a hash function for primitives that are the library's alone.
pub(super) fn evp_md(alg: HashAlg) -> Result<*const sys::EVP_MD> {
    Md::of(alg).map(Md::as_ptr).ok_or(Error::Unsupported)
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
    /// Starts a digest of the function's output length, or for one without, of none.
    pub(crate) fn new(md: Md, output_len: usize) -> Self {
        // SAFETY: the new context is owned by `this` before it is initialised; the descriptor is static.
        unsafe {
            let this = MdContext { context: allocated(sys::EVP_MD_CTX_new()), output_len };
            let context = this.context.as_ptr();
            infallible(sys::EVP_DigestInit_ex(context, md.as_ptr(), ptr::null_mut()));
            this
        }
    }

    pub(crate) fn update(&mut self, data: &[u8]) {
        // SAFETY: the context is initialised; pointer and length are of one slice.
        infallible(unsafe {
            sys::EVP_DigestUpdate(self.context.as_ptr(), data.as_ptr().cast(), data.len())
        });
    }

    /// Fills `out` from a function whose output has any length; may be called again for more, but
    /// after it no data is taken.
    pub(crate) fn squeeze(&mut self, out: &mut [u8]) {
        if out.is_empty() {
            return;
        }
        // SAFETY: the context is initialised; pointer and length are of one slice.
        infallible(unsafe {
            sys::EVP_DigestSqueeze(self.context.as_ptr(), out.as_mut_ptr(), out.len())
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
