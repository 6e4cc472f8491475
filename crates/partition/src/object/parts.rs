//! The attributes that say what a key is, and the value of a secret one: for keys that are generated, unwrapped or
//! derived.

use hsmsim_types::{Attribute, ck::*};

use super::Attributes;

/// Class and type of a key.
pub(crate) fn kind(class: u64, key_type: u64) -> Attributes {
    Attributes::sorted(kind_of(class, key_type).into())
}

fn kind_of(class: u64, key_type: u64) -> [Attribute; 2] {
    [Attribute::ulong(CKA_CLASS, class), Attribute::ulong(CKA_KEY_TYPE, key_type)]
}

/// A secret key.
pub(crate) fn secret(key_type: u64, value: &[u8]) -> Attributes {
    let mut all: Attributes = kind_of(CKO_SECRET_KEY, key_type).into_iter().collect();
    all.set(Attribute::bytes(CKA_VALUE, value));
    all
}
