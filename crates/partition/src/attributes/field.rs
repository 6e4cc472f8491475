//! Keys of DSA and Diffie-Hellman and their domain parameters: numbers modulo a prime.
//!
//! What is checked is what costs nothing: that the numbers are there, lie below the prime, and that the
//! prime is odd. Whether it is one is the business of whoever made the domain.

use std::cmp::Ordering;

use hsmsim_types::{
    Attribute, Error, Result,
    ck::*,
    error::fail,
    names::{self, or_hex},
};

use super::{Shape, computed::agree};
use crate::object::Attributes;

/// Longest prime, in bits.
const PRIME_BITS_MAX: u64 = 16_384;

/// Puts the numbers in order, fills in their lengths, and refuses what cannot be.
///
/// # Errors
/// CKR_ATTRIBUTE_VALUE_INVALID, CKR_TEMPLATE_INCOMPLETE, CKR_TEMPLATE_INCONSISTENT.
pub(super) fn complete(shape: Shape, all: &mut Attributes) -> Result<()> {
    let prime = number(all, CKA_PRIME)?;
    let odd = prime.last().is_some_and(|last| last & 1 == 1);
    if !odd || bits(&prime) < 2 || bits(&prime) > PRIME_BITS_MAX {
        return invalid(CKA_PRIME);
    }
    check_below(all, CKA_BASE, &prime)?;
    let has_subprime = !matches!(shape, Shape::DhPublic | Shape::DhPrivate | Shape::DhParameters);
    let mut order = prime.clone();
    if has_subprime {
        order = check_below(all, CKA_SUBPRIME, &prime)?;
    }
    match shape {
        Shape::DsaPublic | Shape::DhPublic | Shape::X942Public => {
            check_below(all, CKA_VALUE, &prime)?;
        }
        Shape::DhPrivate => {
            let value = check_below(all, CKA_VALUE, &order)?;
            agree(all, Attribute::ulong(CKA_VALUE_BITS, bits(&value)))?;
        }
        Shape::DsaPrivate | Shape::X942Private => {
            check_below(all, CKA_VALUE, &order)?;
        }
        _ => {
            agree(all, Attribute::ulong(CKA_PRIME_BITS, bits(&prime)))?;
            if has_subprime {
                agree(all, Attribute::ulong(CKA_SUBPRIME_BITS, bits(&order)))?;
            }
        }
    }
    Ok(())
}

/// A number without leading zeros, as it then stands in the object.
fn number(all: &mut Attributes, kind: CK_ATTRIBUTE_TYPE) -> Result<Vec<u8>> {
    let given = all.bytes(kind).ok_or_else(|| {
        Error::new(
            CKR_TEMPLATE_INCOMPLETE,
            format!("{} is missing", or_hex(names::attribute, kind)),
        )
    })?;
    let zeros = given.iter().take_while(|&&byte| byte == 0).count();
    let number = given[zeros..].to_vec();
    all.set(Attribute::bytes(kind, &number[..]));
    Ok(number)
}

fn check_below(all: &mut Attributes, kind: CK_ATTRIBUTE_TYPE, limit: &[u8]) -> Result<Vec<u8>> {
    let number = number(all, kind)?;
    if number.is_empty() || compare(&number, limit) != Ordering::Less {
        return invalid(kind);
    }
    Ok(number)
}

/// Two numbers without leading zeros.
fn compare(one: &[u8], other: &[u8]) -> Ordering {
    one.len().cmp(&other.len()).then_with(|| one.cmp(other))
}

fn bits(number: &[u8]) -> u64 {
    let first = number.first().map_or(0, |first| u64::from(first.leading_zeros()));
    number.len() as u64 * 8 - first
}

fn invalid<T>(kind: CK_ATTRIBUTE_TYPE) -> Result<T> {
    let name = or_hex(names::attribute, kind);
    fail(CKR_ATTRIBUTE_VALUE_INVALID, format!("{name} is no number of such a domain"))
}
