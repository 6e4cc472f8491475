//! Types of LMS trees and LM-OTS signatures (RFC 8554; NIST SP 800-208; RFC 9858).

use crate::digest::{HashAlg, hash};
use crate::ffi::shake::{Shake, shake};

/// A hash function and how many bytes of its output count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Function {
    shake: bool,
    pub(super) len: usize,
}

impl Function {
    /// In the order of the type numbers.
    const ALL: [Function; 4] = [
        Function { shake: false, len: 32 },
        Function { shake: false, len: 24 },
        Function { shake: true, len: 32 },
        Function { shake: true, len: 24 },
    ];

    /// The hash of parts, one after the other.
    pub(super) fn hash(self, parts: &[&[u8]]) -> Vec<u8> {
        if self.shake {
            let mut out = vec![0; self.len];
            shake(Shake::Shake256, parts, &mut out);
            return out;
        }
        let mut out = hash(HashAlg::Sha256, &parts.concat());
        out.truncate(self.len);
        out
    }
}

/// A type of tree (`CKA_HSS_LMS_TYPE`): hash function and height.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TreeType {
    pub(super) number: u32,
    pub(super) function: Function,
    pub(super) height: u32,
}

impl TreeType {
    /// The type with this number: 5 to 24, five heights for each function.
    pub(super) fn new(number: u32) -> Option<Self> {
        let place = number.checked_sub(5)?;
        let function = *Function::ALL.get(place as usize / 5)?;
        Some(TreeType { number, function, height: 5 * (place % 5 + 1) })
    }
}

/// A type of one-time signature (`CKA_HSS_LMOTS_TYPE`): hash function and Winternitz parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OneTimeType {
    pub(super) number: u32,
    pub(super) function: Function,
    /// Bits of a digit.
    pub(super) w: u32,
}

impl OneTimeType {
    /// The type with this number: 1 to 16, four digits for each function.
    pub(super) fn new(number: u32) -> Option<Self> {
        let place = number.checked_sub(1)?;
        let function = *Function::ALL.get(place as usize / 4)?;
        Some(OneTimeType { number, function, w: 1 << (place % 4) })
    }

    /// Digits of the digest alone.
    fn digest_digits(self) -> usize {
        8 * self.function.len / self.w as usize
    }

    /// By how much the checksum is shifted, so that its digits stand at the left of 16 bits (RFC
    /// 8554, appendix B).
    fn checksum_shift(self) -> u32 {
        16 - self.checksum_digits() as u32 * self.w
    }

    fn checksum_digits(self) -> usize {
        let largest = self.digest_digits() as u32 * ((1 << self.w) - 1);
        (32 - largest.leading_zeros()).div_ceil(self.w) as usize
    }

    /// Number of digits `p`: of the digest and its checksum.
    pub(super) fn digits(self) -> usize {
        self.digest_digits() + self.checksum_digits()
    }

    /// The digits of a digest and its checksum.
    pub(super) fn digits_of(self, digest: &[u8]) -> Vec<u8> {
        let mask = ((1u32 << self.w) - 1) as u8;
        let split = |bytes: &[u8], count: usize| -> Vec<u8> {
            let per_byte = 8 / self.w as usize;
            let digit = |index: usize| {
                let shift = 8 - self.w as usize * (index % per_byte + 1);
                bytes[index / per_byte] >> shift & mask
            };
            (0..count).map(digit).collect()
        };
        let mut digits = split(digest, self.digest_digits());
        let sum: u16 = digits.iter().map(|digit| u16::from(mask - digit)).sum();
        let checksum = (sum << self.checksum_shift()).to_be_bytes();
        digits.extend(split(&checksum, self.checksum_digits()));
        digits
    }

    /// Length of a one-time signature in bytes.
    pub(super) fn signature_len(self) -> usize {
        4 + self.function.len * (1 + self.digits())
    }
}
