//! Making of key pairs, as FIPS 186-5, A.1.1 and A.1.3 want them.

use std::cmp::Ordering;

use super::{
    EXPONENT_BITS_MAX, MODULUS_BITS_MAX, MODULUS_BITS_MIN, RsaComponents, RsaPrivateKey,
    primes::{self, Progression},
};
use crate::ffi::bn::Bn;
use crate::{Error, Result};

/// Multiple of which a modulus must have bits.
const MODULUS_BITS_STEP: u32 = 128;

impl RsaPrivateKey {
    /// Generates a key pair with a modulus of exactly `bits` bits and the public exponent `e`
    /// (big endian, odd, above 1, at most [`EXPONENT_BITS_MAX`]; FIPS 186-5 wants it above 2^16).
    ///
    /// # Errors
    /// [`Error::KeySize`] unless `bits` is a multiple of 128 from [`MODULUS_BITS_MIN`] to
    /// [`MODULUS_BITS_MAX`]; [`Error::InvalidParameter`] for the exponent.
    pub fn generate(bits: u32, e: &[u8]) -> Result<Self> {
        Self::generate_among(bits, MODULUS_BITS_STEP, e, |half| {
            Ok([move || Progression::odd(half); 2])
        })
    }

    /// The same for a modulus whose bits are a multiple of `step`, with primes of half the length among the numbers
    /// that `draws` leads to.
    ///
    /// # Errors
    /// [`Error::KeySize`], [`Error::InvalidParameter`].
    pub(super) fn generate_among<D: Fn() -> Result<Progression>>(
        bits: u32,
        step: u32,
        e: &[u8],
        draws: impl Fn(usize) -> Result<[D; 2]>,
    ) -> Result<Self> {
        let taken = (MODULUS_BITS_MIN..=MODULUS_BITS_MAX).contains(&bits);
        if !taken || !bits.is_multiple_of(step) {
            return Err(Error::KeySize);
        }
        let e = Bn::from_bytes(e);
        if !e.is_odd() || e.is_one() || e.bits() > EXPONENT_BITS_MAX {
            return Err(Error::InvalidParameter);
        }
        let half = bits as usize / 2;
        loop {
            let [p, q] = primes::pair(half, &e, draws(half)?)?;
            if let Some(key) = Self::of_primes(p, q, &e)? {
                return Ok(key);
            }
        }
    }

    /// The key of two primes of the same length; `None` if they lie so close together, or make the
    /// private exponent so short, that the key could be found from the public one (FIPS 186-5, A.1.1).
    fn of_primes(p: Bn, q: Bn, e: &Bn) -> Result<Option<Self>> {
        let half = p.bits();
        let (p, q) = if p.compare(&q) == Ordering::Less { (q, p) } else { (p, q) };
        let smallest_distance = Bn::from_word(1).shifted_left(half - 100);
        if p.minus(&q).compare(&smallest_distance) != Ordering::Greater {
            return Ok(None);
        }
        let d = private_exponent(e, &p.minus_one(), &q.minus_one())?;
        if d.bits() <= half {
            return Ok(None);
        }
        let key = Self::from_components(&RsaComponents {
            n: p.times(&q).to_bytes().to_vec(),
            e: e.to_bytes().to_vec(),
            d: d.to_bytes(),
            p: p.to_bytes(),
            q: q.to_bytes(),
            ..RsaComponents::default()
        })?;
        Ok(Some(key))
    }
}

/// The inverse of `e` modulo the least common multiple of `p - 1` and `q - 1`. As that is even and
/// the library inverts modulo odd numbers, it is `(1 + m * (-m^-1 mod e)) / e`.
fn private_exponent(e: &Bn, p_minus_one: &Bn, q_minus_one: &Bn) -> Result<Bn> {
    let gcd = p_minus_one.gcd(q_minus_one);
    let multiple = p_minus_one.times(q_minus_one).divided_by(&gcd)?;
    let inverse = multiple.modulo(e)?.inverse(e)?;
    multiple.times(&e.minus(&inverse)).plus(&Bn::from_word(1)).divided_by(e)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn primes_that_lie_close_together_make_no_key() {
        let e = Bn::from_word(65537);
        let [p, far] = primes::pair(512, &e, [|| Progression::odd(512); 2]).unwrap();
        let mut near = p.plus(&Bn::from_word(2));
        while !near.is_prime().unwrap() {
            near = near.plus(&Bn::from_word(2));
        }
        assert!(RsaPrivateKey::of_primes(p.clone(), near.clone(), &e).unwrap().is_none());
        assert!(RsaPrivateKey::of_primes(near, p.clone(), &e).unwrap().is_none());
        let key = RsaPrivateKey::of_primes(p.clone(), far.clone(), &e).unwrap().unwrap();
        let parts = key.components().unwrap();
        assert_eq!(Bn::from_bytes(&parts.n).compare(&p.times(&far)), Ordering::Equal);
        assert!(parts.p[..] > parts.q[..]);
    }
}
