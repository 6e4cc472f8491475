//! Prime numbers of AWS-LC: found and tested.

use std::ptr;

use aws_lc_sys as sys;

use super::bn::{Bn, Scratch};
use super::check;
use crate::{Error, Result};

impl Bn {
    /// A prime `p` of exactly `bits` bits for which `(p - 1) / 2` is prime too.
    pub(crate) fn random_safe_prime(bits: usize) -> Result<Bn> {
        let out = Self::zero();
        let bits = i32::try_from(bits).map_err(|_| Error::Internal)?;
        let none = ptr::null();
        // SAFETY: `out` is owned; null pointers ask for no condition and no progress calls.
        let status = unsafe {
            sys::BN_generate_prime_ex(out.0.as_ptr(), bits, 1, none, none, ptr::null_mut())
        };
        check(status, Error::Internal)?;
        Ok(out)
    }

    /// Whether this is a prime, with an error below 2^-128 (64 rounds of Miller and Rabin with
    /// random bases, after trial division).
    pub(crate) fn is_prime(&self) -> Result<bool> {
        let scratch = Scratch::new();
        let mut prime = 0;
        // SAFETY: a valid number; the scratch space is owned; null asks for no progress calls.
        let status = unsafe {
            sys::BN_primality_test(
                &mut prime,
                self.as_ptr(),
                sys::BN_prime_checks_for_validation,
                scratch.0.as_ptr(),
                1,
                ptr::null_mut(),
            )
        };
        check(status, Error::Internal)?;
        Ok(prime == 1)
    }
}
