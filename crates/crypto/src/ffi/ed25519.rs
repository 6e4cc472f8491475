//! Ed25519ctx and Ed25519ph of AWS-LC.

use aws_lc_sys as sys;

use super::check;
use crate::{Error, Result};

/// Signs a message; the private key is the seed, then the public key.
pub(crate) fn sign_context(key: &[u8; 64], message: &[u8], context: &[u8]) -> Result<Vec<u8>> {
    let mut out = vec![0; 64];
    // SAFETY: key and output have the fixed lengths; the slices are given with theirs.
    let status = unsafe {
        sys::ED25519ctx_sign(
            out.as_mut_ptr(),
            message.as_ptr(),
            message.len(),
            key.as_ptr(),
            context.as_ptr(),
            context.len(),
        )
    };
    check(status, Error::Internal)?;
    Ok(out)
}

pub(crate) fn verify_context(
    key: &[u8; 32],
    message: &[u8],
    context: &[u8],
    signature: &[u8; 64],
) -> Result<()> {
    // SAFETY: key and signature have the fixed lengths; the slices are given with theirs.
    let status = unsafe {
        sys::ED25519ctx_verify(
            message.as_ptr(),
            message.len(),
            signature.as_ptr(),
            key.as_ptr(),
            context.as_ptr(),
            context.len(),
        )
    };
    check(status, Error::VerifyFailed)
}

/// Signs a SHA-512 digest.
pub(crate) fn sign_digest(key: &[u8; 64], digest: &[u8; 64], context: &[u8]) -> Result<Vec<u8>> {
    let mut out = vec![0; 64];
    // SAFETY: key, digest and output have the fixed lengths; the context is given with its own.
    let status = unsafe {
        sys::ED25519ph_sign_digest(
            out.as_mut_ptr(),
            digest.as_ptr(),
            key.as_ptr(),
            context.as_ptr(),
            context.len(),
        )
    };
    check(status, Error::Internal)?;
    Ok(out)
}

pub(crate) fn verify_digest(
    key: &[u8; 32],
    digest: &[u8; 64],
    context: &[u8],
    signature: &[u8; 64],
) -> Result<()> {
    // SAFETY: key, digest and signature have the fixed lengths; the context is given with its own.
    let status = unsafe {
        sys::ED25519ph_verify_digest(
            digest.as_ptr(),
            signature.as_ptr(),
            key.as_ptr(),
            context.as_ptr(),
            context.len(),
        )
    };
    check(status, Error::VerifyFailed)
}
