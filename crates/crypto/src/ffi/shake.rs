//! SHAKE of AWS-LC: output of any length.

use std::ptr;

use aws_lc_sys as sys;

use super::{allocated, infallible};

/// The two functions of FIPS 202, 6.2.
#[derive(Clone, Copy)]
pub(crate) enum Shake {
    Shake128,
    Shake256,
}

/// Fills `out` from a message given in parts.
pub(crate) fn shake(function: Shake, parts: &[&[u8]], out: &mut [u8]) {
    // SAFETY: the context is owned here and freed once; the descriptors are static; every pointer is
    // given with its slice's length.
    unsafe {
        let md = match function {
            Shake::Shake128 => sys::EVP_shake128(),
            Shake::Shake256 => sys::EVP_shake256(),
        };
        let context = allocated(sys::EVP_MD_CTX_new()).as_ptr();
        infallible(sys::EVP_DigestInit_ex(context, md, ptr::null_mut()));
        for part in parts {
            infallible(sys::EVP_DigestUpdate(context, part.as_ptr().cast(), part.len()));
        }
        infallible(sys::EVP_DigestFinalXOF(context, out.as_mut_ptr(), out.len()));
        sys::EVP_MD_CTX_free(context);
    }
}
