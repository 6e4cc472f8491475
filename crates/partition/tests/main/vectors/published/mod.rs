//! Vectors that others have published, out of files that name where each stands: symmetric ciphers, hashes, MACs
//! and what is derived with them.
//!
//! A mechanism is often a published function by another name: what `CKM_AES_CBC_ENCRYPT_DATA` derives is a ciphertext
//! of CBC, CBC-MAC is the last block of one, a digest of a key is that of a message. Then the vectors are those of the
//! function, and what is made of them is said where it is done.

pub(super) mod ciphers;
pub(super) mod derivation;
pub(super) mod hashes;

use super::{derivation::hex, *};

/// A vector: what is asked, where it stands, and its fields.
struct Case {
    name: &'static str,
    origin: &'static str,
    fields: Vec<(&'static str, Vec<u8>)>,
}

impl Case {
    fn get(&self, name: &str) -> &[u8] {
        let field = self.fields.iter().find(|field| field.0 == name);
        &field.unwrap_or_else(|| panic!("{} has no {name}", self.origin)).1
    }
}

/// The cases of a file: `[name] origin`, then lines `field = hexadecimal`.
fn cases(text: &'static str) -> Vec<Case> {
    let mut all: Vec<Case> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some((name, origin)) = line.strip_prefix('[').and_then(|rest| rest.split_once("] "))
        {
            all.push(Case { name, origin, fields: Vec::new() });
        } else {
            let (name, digits) = line.split_once(" =").expect("a field");
            let case = all.last_mut().expect("a case before its fields");
            case.fields.push((name, hex(digits)));
        }
    }
    assert!(!all.is_empty());
    all
}
