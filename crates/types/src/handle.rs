//! Handles and identities.

use std::{cmp::Ordering, fmt};

/// A slot's number as the application sees it (PKCS#11 3.1, chapter 3.2, CK_SLOT_ID).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SlotId(pub u64);

/// A session's number as the application sees it. Zero is never handed out (CK_INVALID_HANDLE).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionHandle(pub u64);

/// An object's number as the application sees it; virtual on an HA slot: it stays while members
/// come and go (Luna guide, "Object handles and labels"). Zero is never handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectHandle(pub u64);

/// An object's identity, the same on every member that holds it: Luna's OUID, and the value of
/// CKA_UNIQUE_ID (in hexadecimal).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ObjectId(pub [u8; 16]);

/// Byte by byte, as a store sorts them; compared as numbers, which is the same order and has no loop.
impl Ord for ObjectId {
    fn cmp(&self, other: &Self) -> Ordering {
        u128::from_be_bytes(self.0).cmp(&u128::from_be_bytes(other.0))
    }
}

impl PartialOrd for ObjectId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl ObjectId {
    /// The identity that a hexadecimal string of 32 digits names.
    pub fn from_hex(text: &str) -> Option<Self> {
        if text.len() != 32 || !text.is_ascii() {
            return None;
        }
        let mut id = [0; 16];
        for (byte, pair) in id.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(Self(id))
    }
}

const HEX: &[u8; 16] = b"0123456789abcdef";

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Identities are told in every record of a key: one text of all digits, not one of each byte.
        let mut text = [0; 32];
        for (digits, byte) in text.chunks_exact_mut(2).zip(self.0) {
            digits[0] = HEX[usize::from(byte >> 4)];
            digits[1] = HEX[usize::from(byte & 15)];
        }
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ObjectId({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn object_id_survives_its_own_spelling() {
        let id = ObjectId([7, 0xab, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 255]);
        assert_eq!(id.to_string(), "07ab000102030405060708090a0b0cff");
        assert_eq!(ObjectId::from_hex(&id.to_string()), Some(id));
        assert_eq!(ObjectId::from_hex("07"), None);
        assert_eq!(ObjectId::from_hex("zz".repeat(16).as_str()), None);
    }

    #[test]
    fn object_ids_are_in_the_order_of_their_bytes() {
        let numbers = [0, 1, 0x80, 0xff];
        let ids: Vec<ObjectId> = (0..256)
            .map(|n: usize| {
                let mut id = [0; 16];
                // The first, the last and two bytes between.
                for (place, digit) in [(0, n), (7, n / 4), (8, n / 16), (15, n / 64)] {
                    id[place] = numbers[digit % 4];
                }
                ObjectId(id)
            })
            .collect();
        for one in &ids {
            for other in &ids {
                assert_eq!(one.cmp(other), one.0.cmp(&other.0));
            }
        }
    }
}
