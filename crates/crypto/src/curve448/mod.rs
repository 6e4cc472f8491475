//! Curve448: Ed448 signatures (RFC 8032) and X448 agreement (RFC 7748).
//!
//! AWS-LC has neither, and the crates that have them are drafts of a version that brings some twenty
//! others. So the few formulas are here, over AWS-LC's numbers. Their time depends on the keys, which
//! a simulator can bear and a real token could not.

mod ed448;
mod x448;

use std::cmp::Ordering;
use std::sync::LazyLock;

pub use self::ed448::{ED448_KEY_LEN, ED448_SIGNATURE_LEN, Ed448PrivateKey, Ed448PublicKey};
pub use self::x448::{X448_KEY_LEN, X448PrivateKey, X448PublicKey};
use crate::Result;
use crate::ffi::bn::Bn;

/// The prime `2^448 - 2^224 - 1` of the field.
static PRIME: LazyLock<Bn> = LazyLock::new(|| {
    let one = Bn::from_word(1);
    one.shifted_left(448).minus(&one.shifted_left(224)).minus(&one)
});

/// An element of the field, below the prime.
#[derive(Clone)]
struct Element(Bn);

impl Element {
    fn small(value: u64) -> Self {
        Element(Bn::from_word(value))
    }

    /// Takes a number modulo the prime.
    fn reduced(number: &Bn) -> Result<Self> {
        Ok(Element(number.modulo(&PRIME)?))
    }

    fn plus(&self, other: &Self) -> Self {
        let sum = self.0.plus(&other.0);
        Element(if sum.compare(&PRIME) == Ordering::Less { sum } else { sum.minus(&PRIME) })
    }

    fn minus(&self, other: &Self) -> Self {
        Element(if self.0.compare(&other.0) == Ordering::Less {
            self.0.plus(&PRIME).minus(&other.0)
        } else {
            self.0.minus(&other.0)
        })
    }

    fn times(&self, other: &Self) -> Result<Self> {
        Ok(Element(self.0.times_modulo(&other.0, &PRIME)?))
    }

    fn squared(&self) -> Result<Self> {
        self.times(self)
    }

    fn power(&self, exponent: &Bn) -> Result<Self> {
        Ok(Element(self.0.power(exponent, &PRIME)?))
    }

    /// The inverse; zero stays zero.
    fn inverse(&self) -> Result<Self> {
        self.power(&PRIME.minus(&Bn::from_word(2)))
    }

    fn equals(&self, other: &Self) -> bool {
        self.0.compare(&other.0) == Ordering::Equal
    }

    /// Little endian, `N` bytes.
    fn to_bytes<const N: usize>(&self) -> Result<[u8; N]> {
        to_little_endian(&self.0)
    }
}

fn from_little_endian(bytes: &[u8]) -> Bn {
    let reversed: zeroize::Zeroizing<Vec<u8>> =
        bytes.iter().rev().copied().collect::<Vec<_>>().into();
    Bn::from_bytes(&reversed)
}

fn to_little_endian<const N: usize>(number: &Bn) -> Result<[u8; N]> {
    let mut out = [0; N];
    number.write_padded(&mut out)?;
    out.reverse();
    Ok(out)
}
