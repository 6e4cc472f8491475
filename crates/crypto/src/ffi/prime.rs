//! Prime numbers of AWS-LC: found and tested.

use std::cmp::Ordering;
use std::ptr::{self, NonNull};

use aws_lc_sys as sys;

use super::bn::{Bn, Scratch};
use super::{allocated, check};
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

    /// Whether this, which was drawn at random, is a prime, with an error below 2^-80 for 512 bits and below
    /// 2^-112 from 852 bits on (Miller and Rabin with so many random bases, "enhanced": FIPS 186-5, B.3.2). For
    /// a number that somebody else has chosen see [`Bn::is_prime`].
    pub(crate) fn is_random_prime(&self) -> Result<bool> {
        let scratch = Scratch::new();
        let mut result = sys::bn_primality_result_t_bn_composite;
        // SAFETY: a valid number; the scratch space is owned; null asks for no progress calls.
        let status = unsafe {
            sys::BN_enhanced_miller_rabin_primality_test(
                &mut result,
                self.as_ptr(),
                sys::BN_prime_checks_for_generation,
                scratch.0.as_ptr(),
                ptr::null_mut(),
            )
        };
        check(status, Error::Internal)?;
        Ok(result == sys::bn_primality_result_t_bn_probably_prime)
    }

    /// The remainder of a division by a word, which must not be zero.
    pub(crate) fn modulo_word(&self, divisor: u64) -> u64 {
        assert_ne!(divisor, 0);
        // SAFETY: a valid number, only read; the divisor is not zero.
        unsafe { sys::BN_mod_word(self.as_ptr(), divisor) }
    }
}

/// Which of two odd numbers may be primes: whether `(n - 2)^((n - 1) / 2)` is 1 or -1 modulo `n`, as it is
/// for every prime above 2 and hardly any other number. Of two numbers of 1,024, 1,536 or 2,048 bits a
/// processor with AVX-512 IFMA takes both powers in the time of one.
pub(crate) fn seem_prime(numbers: [&Bn; 2]) -> Result<[bool; 2]> {
    let scratch = Scratch::new();
    let [one, other] = numbers.map(|number| Euler::new(number, &scratch));
    let (one, other) = (one?, other?);
    // SAFETY: the outputs are owned, the other numbers and contexts valid and of one modulus each; the base is
    // smaller than the modulus.
    let status = unsafe {
        sys::BN_mod_exp_mont_consttime_x2(
            one.power.0.as_ptr(),
            one.base.as_ptr(),
            one.exponent.as_ptr(),
            numbers[0].as_ptr(),
            one.montgomery.0.as_ptr(),
            other.power.0.as_ptr(),
            other.base.as_ptr(),
            other.exponent.as_ptr(),
            numbers[1].as_ptr(),
            other.montgomery.0.as_ptr(),
            scratch.0.as_ptr(),
        )
    };
    check(status, Error::Internal)?;
    Ok([one.passes(), other.passes()])
}

/// What a number's test needs.
struct Euler {
    minus_one: Bn,
    /// Minus two: of as many words as the modulus, which the power of two numbers at once asks for.
    base: Bn,
    exponent: Bn,
    montgomery: Montgomery,
    power: Bn,
}

impl Euler {
    /// For an odd number above 2.
    fn new(number: &Bn, scratch: &Scratch) -> Result<Self> {
        if !number.is_odd() || number.is_one() {
            return Err(Error::Internal);
        }
        let minus_one = number.minus_one();
        let (base, exponent) = (minus_one.minus_one(), minus_one.shifted_right(1));
        // SAFETY: an odd number above 1; the context is owned from here on.
        let montgomery = Montgomery(allocated(unsafe {
            sys::BN_MONT_CTX_new_for_modulus(number.as_ptr(), scratch.0.as_ptr())
        }));
        Ok(Self { minus_one, base, exponent, montgomery, power: Bn::zero() })
    }

    fn passes(&self) -> bool {
        self.power.is_one() || self.power.compare(&self.minus_one) == Ordering::Equal
    }
}

/// What makes multiplications by one modulus fast.
struct Montgomery(NonNull<sys::BN_MONT_CTX>);

impl Drop for Montgomery {
    fn drop(&mut self) {
        // SAFETY: owned, freed once.
        unsafe { sys::BN_MONT_CTX_free(self.0.as_ptr()) }
    }
}
