//! Completing and checking an imported private key.
//!
//! PKCS#11 lets a caller import a private key by modulus and private exponent alone (v3.1, table
//! "RSA Private Key Object Attributes"). Without primes every operation would take four times as long
//! and without a public exponent nothing could be blinded or checked, so both are recovered here.

use std::cmp::Ordering;

use super::{EXPONENT_BITS_MAX, MODULUS_BITS_MAX, MODULUS_BITS_MIN, RsaComponents};
use crate::ffi::bn::Bn;
use crate::ffi::rsa::PrivateParts;
use crate::{Error, Result};

/// Public exponents that are tried for a key that comes without one: Fermat primes, then the small
/// odd numbers that old software used.
const CUSTOMARY_EXPONENTS: [u64; 7] = [65537, 3, 17, 257, 5, 7, 35];

/// Bases tried when factoring. Each fails with probability of at most one half on a genuine key.
const FACTORING_BASES: [u64; 64] = {
    let mut bases = [0; 64];
    let mut index = 0;
    while index < bases.len() {
        bases[index] = 2 + index as u64;
        index += 1;
    }
    bases
};

/// Refuses a modulus that is too short, too long or even.
pub(super) fn check_modulus(n: &Bn) -> Result<()> {
    if !(MODULUS_BITS_MIN as usize..=MODULUS_BITS_MAX as usize).contains(&n.bits()) {
        return Err(Error::KeySize);
    }
    if n.is_odd() { Ok(()) } else { Err(Error::InvalidKey) }
}

/// Computes what `given` leaves out. That the parts fit together is checked by the library when it
/// builds the key, except for what is checked here to keep the arithmetic bounded.
pub(super) fn complete(given: &RsaComponents) -> Result<PrivateParts> {
    let n = Bn::from_bytes(&given.n);
    check_modulus(&n)?;
    let d = Bn::from_bytes(&given.d);
    if d.is_zero() || d.compare(&n) != Ordering::Less {
        return Err(Error::InvalidKey);
    }
    let e = match number(&given.e) {
        Some(e) => e,
        None => find_exponent(&n, &d)?,
    };
    if !e.is_odd() || e.is_one() || e.bits() > EXPONENT_BITS_MAX {
        return Err(Error::InvalidKey);
    }

    let (p, q) = match (number(&given.p), number(&given.q)) {
        (Some(p), Some(q)) => (p, q),
        (None, None) => factor(&n, &e, &d)?,
        _ => return Err(Error::InvalidKey),
    };
    for prime in [&p, &q] {
        if !prime.is_odd() || prime.is_one() || prime.compare(&n) != Ordering::Less {
            return Err(Error::InvalidKey);
        }
    }

    let dp = or_compute(&given.dp, || d.modulo(&p.minus_one()))?;
    let dq = or_compute(&given.dq, || d.modulo(&q.minus_one()))?;
    let qi = or_compute(&given.qi, || q.inverse(&p))?;
    Ok(PrivateParts { n, e, d, p, q, dp, dq, qi })
}

/// A number, unless it is absent.
fn number(bytes: &[u8]) -> Option<Bn> {
    (!bytes.is_empty()).then(|| Bn::from_bytes(bytes))
}

fn or_compute(bytes: &[u8], compute: impl FnOnce() -> Result<Bn>) -> Result<Bn> {
    number(bytes).map_or_else(compute, Ok)
}

/// Finds the public exponent that undoes `d`: the one with `2^(d*e) = 2 (mod n)`.
fn find_exponent(n: &Bn, d: &Bn) -> Result<Bn> {
    let two = Bn::from_word(2);
    let power = two.power(d, n)?;
    for candidate in CUSTOMARY_EXPONENTS {
        let e = Bn::from_word(candidate);
        if power.power(&e, n)?.compare(&two) == Ordering::Equal {
            return Ok(e);
        }
    }
    Err(Error::InvalidKey)
}

/// Factors the modulus with the help of both exponents (NIST SP 800-56B, appendix C.1); the larger
/// prime comes first.
///
/// `d*e - 1` is a multiple of the group's exponent. Written as `2^s * t` with odd `t`, the sequence
/// `g^t, g^2t, g^4t, ...` ends in 1; if the last value before 1 is not -1 it is a non-trivial square
/// root of 1, which shares a factor with `n` once diminished by 1.
fn factor(n: &Bn, e: &Bn, d: &Bn) -> Result<(Bn, Bn)> {
    let multiple = d.times(e).minus_one();
    let s = multiple.trailing_zeros();
    if multiple.is_zero() || s == 0 {
        return Err(Error::InvalidKey);
    }
    let t = multiple.shifted_right(s);
    let two = Bn::from_word(2);
    let minus_one = n.minus_one();

    for base in FACTORING_BASES {
        let mut root = Bn::from_word(base).power(&t, n)?;
        for _ in 0..s {
            if root.is_one() || root.compare(&minus_one) == Ordering::Equal {
                break;
            }
            let square = root.power(&two, n)?;
            if square.is_one() {
                let p = root.minus_one().gcd(n);
                let q = root_partner(&root, n);
                return Ok(if p.compare(&q) == Ordering::Less { (q, p) } else { (p, q) });
            }
            root = square;
        }
    }
    Err(Error::InvalidKey)
}

/// The other factor: as `n` divides `(root - 1)(root + 1)`, it is the one of `root + 1`, that is of
/// `(n - root) - 1` up to sign.
fn root_partner(root: &Bn, n: &Bn) -> Bn {
    n.minus(root).minus_one().gcd(n)
}
