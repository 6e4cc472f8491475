//! Big numbers of AWS-LC: for keys that are completed, checked or made here, and for finite fields.

use std::cmp::Ordering;
use std::ptr::{self, NonNull};

use aws_lc_sys as sys;
use zeroize::Zeroizing;

use super::{allocated, check, infallible};
use crate::{Error, Result};

/// A non-negative number, wiped when dropped.
pub(crate) struct Bn(pub(super) NonNull<sys::BIGNUM>);

// SAFETY: a number is a plain heap object without ties to a thread.
unsafe impl Send for Bn {}
// SAFETY: a shared reference only reads.
unsafe impl Sync for Bn {}

/// Scratch space that the library wants for its longer operations.
pub(super) struct Scratch(pub(super) NonNull<sys::BN_CTX>);

impl Scratch {
    pub(super) fn new() -> Self {
        // SAFETY: a constructor without arguments.
        Scratch(allocated(unsafe { sys::BN_CTX_new() }))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // SAFETY: owned, freed once.
        unsafe { sys::BN_CTX_free(self.0.as_ptr()) }
    }
}

impl Bn {
    pub(super) fn zero() -> Self {
        // SAFETY: a constructor without arguments.
        Bn(allocated(unsafe { sys::BN_new() }))
    }

    pub(crate) fn from_bytes(big_endian: &[u8]) -> Self {
        // SAFETY: pointer and length are of one slice; null asks for a new number.
        Bn(allocated(unsafe {
            sys::BN_bin2bn(big_endian.as_ptr(), big_endian.len(), ptr::null_mut())
        }))
    }

    pub(crate) fn from_word(value: u64) -> Self {
        Self::from_bytes(&value.to_be_bytes())
    }

    /// Copies a number that another object owns; `None` for null.
    ///
    /// # Safety
    /// `number` is null or valid for the time of the call.
    pub(super) unsafe fn copy_of(number: *const sys::BIGNUM) -> Option<Self> {
        if number.is_null() {
            return None;
        }
        // SAFETY: not null, and valid by this function's contract.
        Some(Bn(allocated(unsafe { sys::BN_dup(number) })))
    }

    pub(super) fn as_ptr(&self) -> *const sys::BIGNUM {
        self.0.as_ptr()
    }

    /// Gives the number to a C object that will free it.
    pub(super) fn into_raw(self) -> *mut sys::BIGNUM {
        let raw = self.0.as_ptr();
        std::mem::forget(self);
        raw
    }

    pub(crate) fn bits(&self) -> usize {
        // SAFETY: a valid number, only read.
        (unsafe { sys::BN_num_bits(self.as_ptr()) }) as usize
    }

    /// Big endian without leading zeros; zero is the empty string.
    pub(crate) fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut out = Zeroizing::new(vec![0; self.bits().div_ceil(8)]);
        self.write_padded(&mut out).expect("the buffer has the number's own length");
        out
    }

    /// Writes big endian with leading zeros, filling `out`.
    pub(crate) fn write_padded(&self, out: &mut [u8]) -> Result<()> {
        // SAFETY: a valid number; pointer and length are of one slice.
        let status = unsafe { sys::BN_bn2bin_padded(out.as_mut_ptr(), out.len(), self.as_ptr()) };
        check(status, Error::InvalidLength)
    }

    pub(crate) fn is_odd(&self) -> bool {
        // SAFETY: a valid number, only read.
        (unsafe { sys::BN_is_odd(self.as_ptr()) }) == 1
    }

    pub(crate) fn is_one(&self) -> bool {
        // SAFETY: a valid number, only read.
        (unsafe { sys::BN_is_one(self.as_ptr()) }) == 1
    }

    pub(crate) fn is_zero(&self) -> bool {
        // SAFETY: a valid number, only read.
        (unsafe { sys::BN_is_zero(self.as_ptr()) }) == 1
    }

    pub(crate) fn compare(&self, other: &Bn) -> Ordering {
        // SAFETY: two valid numbers, only read.
        (unsafe { sys::BN_cmp(self.as_ptr(), other.as_ptr()) }).cmp(&0)
    }

    /// How many of the lowest bits are zero.
    pub(crate) fn trailing_zeros(&self) -> i32 {
        // SAFETY: a valid number, only read.
        unsafe { sys::BN_count_low_zero_bits(self.as_ptr()) }
    }

    /// `self - 1`; `self` must not be zero.
    pub(crate) fn minus_one(&self) -> Bn {
        debug_assert!(!self.is_zero());
        let out = Self::zero();
        // SAFETY: `out` is owned and takes a copy of a valid number, then is changed in place.
        unsafe {
            allocated(sys::BN_copy(out.0.as_ptr(), self.as_ptr()));
            infallible(sys::BN_sub_word(out.0.as_ptr(), 1));
        }
        out
    }

    /// `self - other`; `other` must not be larger.
    pub(crate) fn minus(&self, other: &Bn) -> Bn {
        debug_assert!(self.compare(other) != Ordering::Less);
        let out = Self::zero();
        // SAFETY: `out` is owned, the other numbers valid.
        infallible(unsafe { sys::BN_sub(out.0.as_ptr(), self.as_ptr(), other.as_ptr()) });
        out
    }

    pub(crate) fn shifted_right(&self, bits: i32) -> Bn {
        let out = Self::zero();
        // SAFETY: `out` is owned, the other number valid.
        infallible(unsafe { sys::BN_rshift(out.0.as_ptr(), self.as_ptr(), bits) });
        out
    }

    pub(crate) fn times(&self, other: &Bn) -> Bn {
        let (out, scratch) = (Self::zero(), Scratch::new());
        // SAFETY: `out` and the scratch space are owned, the other numbers valid.
        infallible(unsafe {
            sys::BN_mul(out.0.as_ptr(), self.as_ptr(), other.as_ptr(), scratch.0.as_ptr())
        });
        out
    }

    /// `self mod modulus`; the modulus must not be zero.
    pub(crate) fn modulo(&self, modulus: &Bn) -> Result<Bn> {
        let (out, scratch) = (Self::zero(), Scratch::new());
        // SAFETY: `out` and the scratch space are owned, the other numbers valid.
        let status = unsafe {
            sys::BN_nnmod(out.0.as_ptr(), self.as_ptr(), modulus.as_ptr(), scratch.0.as_ptr())
        };
        check(status, Error::InvalidKey)?;
        Ok(out)
    }

    /// `self^exponent mod modulus` in a time that does not depend on the exponent's value, for an
    /// odd modulus above `self`.
    pub(crate) fn power(&self, exponent: &Bn, modulus: &Bn) -> Result<Bn> {
        let (out, scratch) = (Self::zero(), Scratch::new());
        // SAFETY: `out` and the scratch space are owned, the other numbers valid; a null Montgomery
        // context asks the library to make its own.
        let status = unsafe {
            sys::BN_mod_exp_mont_consttime(
                out.0.as_ptr(),
                self.as_ptr(),
                exponent.as_ptr(),
                modulus.as_ptr(),
                scratch.0.as_ptr(),
                ptr::null(),
            )
        };
        check(status, Error::InvalidKey)?;
        Ok(out)
    }

    /// The inverse modulo `modulus`, if there is one.
    pub(crate) fn inverse(&self, modulus: &Bn) -> Result<Bn> {
        let (out, scratch) = (Self::zero(), Scratch::new());
        // SAFETY: `out` and the scratch space are owned, the other numbers valid.
        let result = unsafe {
            sys::BN_mod_inverse(out.0.as_ptr(), self.as_ptr(), modulus.as_ptr(), scratch.0.as_ptr())
        };
        check(i32::from(!result.is_null()), Error::InvalidKey)?;
        Ok(out)
    }

    pub(crate) fn gcd(&self, other: &Bn) -> Bn {
        let (out, scratch) = (Self::zero(), Scratch::new());
        // SAFETY: `out` and the scratch space are owned, the other numbers valid.
        infallible(unsafe {
            sys::BN_gcd(out.0.as_ptr(), self.as_ptr(), other.as_ptr(), scratch.0.as_ptr())
        });
        out
    }
}

impl Bn {
    /// A random number of exactly `bits` bits; `top` says which of the highest bits are set.
    pub(crate) fn random(bits: usize, top: TopBits) -> Result<Bn> {
        let out = Self::zero();
        let bits = i32::try_from(bits).map_err(|_| Error::Internal)?;
        let top = match top {
            TopBits::One => sys::BN_RAND_TOP_ONE,
            TopBits::Two => sys::BN_RAND_TOP_TWO,
        };
        // SAFETY: `out` is owned.
        let status = unsafe { sys::BN_rand(out.0.as_ptr(), bits, top, sys::BN_RAND_BOTTOM_ANY) };
        check(status, Error::Internal)?;
        Ok(out)
    }

    /// A random number from `min` to below `bound`.
    pub(crate) fn random_from(min: u64, bound: &Bn) -> Result<Bn> {
        let out = Self::zero();
        // SAFETY: `out` is owned, the bound valid.
        let status = unsafe { sys::BN_rand_range_ex(out.0.as_ptr(), min, bound.as_ptr()) };
        check(status, Error::Internal)?;
        Ok(out)
    }

    pub(crate) fn plus(&self, other: &Bn) -> Bn {
        let out = Self::zero();
        // SAFETY: `out` is owned, the other numbers valid.
        infallible(unsafe { sys::BN_add(out.0.as_ptr(), self.as_ptr(), other.as_ptr()) });
        out
    }

    pub(crate) fn shifted_left(&self, bits: usize) -> Bn {
        let out = Self::zero();
        let bits = i32::try_from(bits).expect("no number here has 2^31 bits");
        // SAFETY: `out` is owned, the other number valid.
        infallible(unsafe { sys::BN_lshift(out.0.as_ptr(), self.as_ptr(), bits) });
        out
    }

    /// `self / divisor`, rounded down; the divisor must not be zero.
    pub(crate) fn divided_by(&self, divisor: &Bn) -> Result<Bn> {
        let (out, scratch) = (Self::zero(), Scratch::new());
        // SAFETY: `out` and the scratch space are owned, the other numbers valid; null asks for no
        // remainder.
        let status = unsafe {
            let none = ptr::null_mut();
            let (number, divisor) = (self.as_ptr(), divisor.as_ptr());
            sys::BN_div(out.0.as_ptr(), none, number, divisor, scratch.0.as_ptr())
        };
        check(status, Error::Internal)?;
        Ok(out)
    }

    /// `self * other mod modulus`; the modulus must not be zero.
    pub(crate) fn times_modulo(&self, other: &Bn, modulus: &Bn) -> Result<Bn> {
        self.times(other).modulo(modulus)
    }
}

impl Bn {
    /// The primes of RFC 3526 and, of 2048 and 4096 bits, of RFC 7919. All are safe.
    pub(crate) fn named_safe_primes() -> Vec<Bn> {
        let rfc3526 = [
            sys::BN_get_rfc3526_prime_1536 as unsafe extern "C" fn(_) -> _,
            sys::BN_get_rfc3526_prime_2048,
            sys::BN_get_rfc3526_prime_3072,
            sys::BN_get_rfc3526_prime_4096,
            sys::BN_get_rfc3526_prime_6144,
            sys::BN_get_rfc3526_prime_8192,
        ];
        // SAFETY: null asks for a new number, which is owned from there on.
        let rfc3526 = rfc3526.map(|get| Bn(allocated(unsafe { get(ptr::null_mut()) })));
        let rfc7919 = [sys::DH_get_rfc7919_2048, sys::DH_get_rfc7919_4096].map(|get| {
            // SAFETY: the parameters are owned until their prime is copied.
            unsafe {
                let parameters = allocated(get()).as_ptr();
                let prime = allocated(sys::BN_dup(sys::DH_get0_p(parameters)));
                sys::DH_free(parameters);
                Bn(prime)
            }
        });
        rfc3526.into_iter().chain(rfc7919).collect()
    }
}

/// Which of the highest bits of a random number are set.
#[derive(Clone, Copy)]
pub(crate) enum TopBits {
    /// The highest.
    One,
    /// The two highest: the product of two such numbers has twice the bits.
    Two,
}

impl Clone for Bn {
    fn clone(&self) -> Self {
        // SAFETY: a valid number, only read.
        Bn(allocated(unsafe { sys::BN_dup(self.as_ptr()) }))
    }
}

impl Drop for Bn {
    fn drop(&mut self) {
        // SAFETY: owned, freed once.
        unsafe { sys::BN_clear_free(self.0.as_ptr()) }
    }
}
