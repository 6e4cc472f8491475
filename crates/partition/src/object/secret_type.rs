//! The types of secret keys that are kept: how long their values are, what they can do, what their check value
//! is of. One row a type; whatever asks about a secret key's type asks here.

use hsmsim_crypto::{block::BlockAlg, des};
use hsmsim_types::{
    Result,
    ck::*,
    error::fail,
    names::{key_type as name, or_hex},
};

/// How long a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lengths {
    /// Anything but nothing.
    Any,
    /// One of these; CKA_VALUE_LEN chooses. A single one needs no choice.
    OneOf(&'static [usize]),
    /// Anything, and this where nobody says (the type of an HMAC key says the length of its digest:
    /// PKCS#11 3.1, 6.20.4 and its kin).
    Usually(usize),
}

/// What a check value is of (PKCS#11 3.1, 4.10.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CheckValue {
    /// A block of zeros, encrypted.
    Cipher(BlockAlg),
    /// The value, hashed with SHA-1.
    Hash,
}

/// One type.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SecretType {
    /// CKK number.
    pub(crate) key_type: u64,
    /// How long its values are.
    pub(crate) lengths: Lengths,
    /// What its check value is of.
    pub(crate) check_value: CheckValue,
    /// The usages that a key has if nobody says.
    usages: &'static [CK_ATTRIBUTE_TYPE],
}

const CIPHER: &[CK_ATTRIBUTE_TYPE] =
    &[CKA_ENCRYPT, CKA_DECRYPT, CKA_SIGN, CKA_VERIFY, CKA_WRAP, CKA_UNWRAP, CKA_DERIVE];
const STREAM: &[CK_ATTRIBUTE_TYPE] = &[CKA_ENCRYPT, CKA_DECRYPT, CKA_WRAP, CKA_UNWRAP];
const SECRET: &[CK_ATTRIBUTE_TYPE] = &[CKA_SIGN, CKA_VERIFY, CKA_DERIVE];
const MAC: &[CK_ATTRIBUTE_TYPE] = &[CKA_SIGN, CKA_VERIFY];

const fn block(key_type: u64, alg: BlockAlg, lengths: &'static [usize]) -> SecretType {
    let lengths = Lengths::OneOf(lengths);
    SecretType { key_type, lengths, check_value: CheckValue::Cipher(alg), usages: CIPHER }
}

const fn other(
    key_type: u64,
    lengths: Lengths,
    usages: &'static [CK_ATTRIBUTE_TYPE],
) -> SecretType {
    SecretType { key_type, lengths, check_value: CheckValue::Hash, usages }
}

const fn hmac(key_type: u64, digest: usize) -> SecretType {
    other(key_type, Lengths::Usually(digest), MAC)
}

/// Bytes of the keys of AES and its kin.
const BLOCK_16: &[usize] = &[16, 24, 32];

static TYPES: &[SecretType] = &[
    other(CKK_GENERIC_SECRET, Lengths::Any, SECRET),
    block(CKK_AES, BlockAlg::Aes, BLOCK_16),
    other(CKK_AES_XTS, Lengths::OneOf(&[32, 64]), STREAM),
    block(CKK_DES, BlockAlg::Des, &[8]),
    block(CKK_DES2, BlockAlg::Des, &[16]),
    block(CKK_DES3, BlockAlg::Des, &[24]),
    block(CKK_ARIA, BlockAlg::Aria, BLOCK_16),
    block(CKK_CAMELLIA, BlockAlg::Camellia, BLOCK_16),
    other(CKK_CHACHA20, Lengths::OneOf(&[32]), STREAM),
    other(CKK_POLY1305, Lengths::OneOf(&[32]), MAC),
    other(CKK_HOTP, Lengths::Usually(20), MAC),
    other(CKK_HKDF, Lengths::Usually(32), &[CKA_DERIVE]),
    hmac(CKK_MD5_HMAC, 16),
    hmac(CKK_RIPEMD160_HMAC, 20),
    hmac(CKK_SHA_1_HMAC, 20),
    hmac(CKK_SHA224_HMAC, 28),
    hmac(CKK_SHA256_HMAC, 32),
    hmac(CKK_SHA384_HMAC, 48),
    hmac(CKK_SHA512_HMAC, 64),
    hmac(CKK_SHA512_224_HMAC, 28),
    hmac(CKK_SHA512_256_HMAC, 32),
    hmac(CKK_SHA512_T_HMAC, 64),
    hmac(CKK_SHA3_224_HMAC, 28),
    hmac(CKK_SHA3_256_HMAC, 32),
    hmac(CKK_SHA3_384_HMAC, 48),
    hmac(CKK_SHA3_512_HMAC, 64),
    hmac(CKK_BLAKE2B_160_HMAC, 20),
    hmac(CKK_BLAKE2B_256_HMAC, 32),
    hmac(CKK_BLAKE2B_384_HMAC, 48),
    hmac(CKK_BLAKE2B_512_HMAC, 64),
];

impl SecretType {
    /// The row of a CKK number, `None` for what is no secret key here.
    pub(crate) fn of(key_type: u64) -> Option<&'static Self> {
        TYPES.iter().find(|row| row.key_type == key_type)
    }

    /// Whether keys of this type can be used so.
    pub(crate) fn is_capable(&self, usage: CK_ATTRIBUTE_TYPE) -> bool {
        self.usages.contains(&usage)
    }

    /// Whether it is DES in one of its forms, whose keys have parity bits.
    pub(crate) fn is_des(&self) -> bool {
        self.check_value == CheckValue::Cipher(BlockAlg::Des)
    }

    /// Whether a value can have this length.
    pub(crate) fn takes(&self, len: usize) -> bool {
        match self.lengths {
            Lengths::Any | Lengths::Usually(_) => len > 0,
            Lengths::OneOf(lengths) => lengths.contains(&len),
        }
    }

    /// The length of a value of which nobody says how long it is.
    pub(crate) fn usual_len(&self) -> Option<usize> {
        match self.lengths {
            Lengths::Usually(len) => Some(len),
            Lengths::OneOf(&[len]) => Some(len),
            _ => None,
        }
    }

    /// Whether a key has CKA_VALUE_LEN, and whoever makes one has to say it: keys of DES have none
    /// (6.21, 6.23).
    pub(crate) fn has_value_len(&self) -> bool {
        !self.is_des()
    }

    /// Whether a value that somebody brings is a key of this type.
    ///
    /// # Errors
    /// CKR_ATTRIBUTE_VALUE_INVALID.
    pub(crate) fn check(&self, value: &[u8]) -> Result<()> {
        if !self.takes(value.len()) {
            return fail(
                CKR_ATTRIBUTE_VALUE_INVALID,
                format!("CKA_VALUE of {} bytes is no {}", value.len(), or_hex(name, self.key_type)),
            );
        }
        if self.is_des() && !des::has_odd_parity(value) {
            return fail(CKR_ATTRIBUTE_VALUE_INVALID, "the bytes of a DES key have odd parity");
        }
        Ok(())
    }

    /// Makes random or derived bytes a key of this type: the parity bits of DES follow from the rest.
    pub(crate) fn settle(&self, value: &mut [u8]) {
        if self.is_des() {
            des::set_odd_parity(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_stands_once_and_takes_its_usual_length() {
        for (at, row) in TYPES.iter().enumerate() {
            assert!(TYPES[at + 1..].iter().all(|other| other.key_type != row.key_type));
            assert!(name(row.key_type).is_some(), "{:#x}", row.key_type);
            assert!(row.usual_len().is_none_or(|len| row.takes(len)));
            assert!(!row.takes(0));
        }
    }

    #[test]
    fn des_keys_have_odd_parity() {
        let des = SecretType::of(CKK_DES).unwrap();
        let mut value = [0x0E, 0, 2, 4, 6, 8, 10, 12];
        assert_eq!(des.check(&value).unwrap_err().rv(), CKR_ATTRIBUTE_VALUE_INVALID);
        des.settle(&mut value);
        assert!(des.check(&value).is_ok());
        assert!(des.check(&value[..7]).is_err());
    }
}
