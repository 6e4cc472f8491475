//! DSA of AWS-LC: signing and verifying of given digests.

use std::ptr::{self, NonNull};

use aws_lc_sys as sys;

use super::bn::Bn;
use super::{allocated, check, infallible};
use crate::{Error, Result};

/// A key with its domain parameters, public or private.
pub(crate) struct Dsa {
    key: NonNull<sys::DSA>,
    q_len: usize,
}

// SAFETY: the library allows any thread to use and free a key.
unsafe impl Send for Dsa {}
// SAFETY: the key is never changed after construction; what the library caches inside has its lock.
unsafe impl Sync for Dsa {}

impl Dsa {
    /// Takes numbers that the caller has checked.
    pub(crate) fn new([p, q, g]: [&Bn; 3], y: &Bn, x: Option<&Bn>) -> Self {
        // SAFETY: the new key is owned by `this` before it is filled, takes over copies of the
        // numbers, and the calls fail only for null ones.
        unsafe {
            let q_len = q.bits().div_ceil(8);
            let this = Dsa { key: allocated(sys::DSA_new()), q_len };
            let key = this.key.as_ptr();
            let [p, q, g] = [p, q, g].map(|number| number.clone().into_raw());
            infallible(sys::DSA_set0_pqg(key, p, q, g));
            let x = x.map_or(ptr::null_mut(), |x| x.clone().into_raw());
            infallible(sys::DSA_set0_key(key, y.clone().into_raw(), x));
            this
        }
    }

    /// Signs a digest; `r || s`, each as long as q.
    pub(crate) fn sign(&self, digest: &[u8]) -> Result<Vec<u8>> {
        let mut out = vec![0; 2 * self.q_len];
        // SAFETY: a valid key, and pointer and length of one slice. The signature is owned from
        // there on, and `r` and `s` are read while it lives.
        unsafe {
            let raw = sys::DSA_do_sign(digest.as_ptr(), digest.len(), self.key.as_ptr());
            check(i32::from(!raw.is_null()), Error::InvalidKey)?;
            let signature = Signature(allocated(raw));
            let (mut r, mut s) = (ptr::null(), ptr::null());
            sys::DSA_SIG_get0(signature.0.as_ptr(), &mut r, &mut s);
            let (first, second) = out.split_at_mut(self.q_len);
            let len = self.q_len;
            check(sys::BN_bn2bin_padded(first.as_mut_ptr(), len, r), Error::Internal)?;
            check(sys::BN_bn2bin_padded(second.as_mut_ptr(), len, s), Error::Internal)?;
        }
        Ok(out)
    }

    pub(crate) fn verify(&self, digest: &[u8], r: &[u8], s: &[u8]) -> Result<()> {
        // SAFETY: the new signature takes over both numbers, and that fails only for null ones; key
        // and signature are valid; pointer and length are of one slice.
        let status = unsafe {
            let signature = Signature(allocated(sys::DSA_SIG_new()));
            let (r, s) = (Bn::from_bytes(r).into_raw(), Bn::from_bytes(s).into_raw());
            infallible(sys::DSA_SIG_set0(signature.0.as_ptr(), r, s));
            let (pointer, len) = (digest.as_ptr(), digest.len());
            sys::DSA_do_verify(pointer, len, signature.0.as_ptr(), self.key.as_ptr())
        };
        check(status, Error::VerifyFailed)
    }
}

impl Drop for Dsa {
    fn drop(&mut self) {
        // SAFETY: this reference to the counted key is owned and released once; the C side wipes.
        unsafe { sys::DSA_free(self.key.as_ptr()) }
    }
}

struct Signature(NonNull<sys::DSA_SIG>);

impl Drop for Signature {
    fn drop(&mut self) {
        // SAFETY: owned, freed once, with its numbers.
        unsafe { sys::DSA_SIG_free(self.0.as_ptr()) }
    }
}
