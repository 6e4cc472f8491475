//! Digests of AWS-LC, and its descriptors of hash functions for the other primitives.

use std::ptr::{self, NonNull};

use aws_lc_sys as sys;

use super::{allocated, infallible};
use crate::digest::HashAlg;
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

    pub(super) fn as_ptr(self) -> *const sys::EVP_MD {
        self.0
    }
}

/// The descriptor of a hash function for primitives that are the library's alone.
pub(super) fn evp_md(alg: HashAlg) -> Result<*const sys::EVP_MD> {
    Md::of(alg).map(Md::as_ptr).ok_or(Error::Unsupported)
}

/// A digest of a whole message, in progress.
pub(crate) struct MdContext {
    context: NonNull<sys::EVP_MD_CTX>,
    output_len: usize,
}

impl MdContext {
    /// Starts a digest of the function's output length.
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

    pub(crate) fn finish(self) -> Vec<u8> {
        let mut out = vec![0; self.output_len];
        // SAFETY: the context is initialised; `out` has the output length of its hash function.
        infallible(unsafe {
            sys::EVP_DigestFinal_ex(self.context.as_ptr(), out.as_mut_ptr(), ptr::null_mut())
        });
        out
    }
}

impl Drop for MdContext {
    fn drop(&mut self) {
        // SAFETY: owned, freed once.
        unsafe { sys::EVP_MD_CTX_free(self.context.as_ptr()) }
    }
}
