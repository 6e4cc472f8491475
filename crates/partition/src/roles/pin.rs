//! From a PIN to a key, slowly once and quickly again.
//!
//! The members of a group have one salt, so that one derivation serves a login on all of them. The
//! last few results are kept for the whole process until a logout wipes them.

use std::sync::Arc;

use hsmsim_crypto::{
    constant_time_eq,
    digest::{HashAlg, Hasher},
    kdf::pbkdf2_hmac_sha256,
    seal::{KEY_LEN, SealingKey},
};
use hsmsim_types::{Pin, Result};
use parking_lot::Mutex;
use zeroize::Zeroizing;

use crate::failure::{During, during};

/// Enough for the SO and the user of a few groups.
const KEPT: usize = 8;

struct Derived {
    salt: [u8; 16],
    rounds: u32,
    /// Hash of salt and PIN: the PIN itself is not kept.
    print: Zeroizing<Vec<u8>>,
    key: Arc<SealingKey>,
}

// Only ever tried, never waited for: a child that was forked while another thread held it would
// otherwise wait for ever. Who does not get it derives the key once more.
static RECENT: Mutex<Vec<Derived>> = Mutex::new(Vec::new());

/// The key that a PIN stands for.
///
/// # Errors
/// CKR_FUNCTION_FAILED, never in practice.
pub(super) fn key(pin: &Pin, salt: &[u8; 16], rounds: u32) -> Result<Arc<SealingKey>> {
    let print = print(pin, salt);
    let is_same = |known: &Derived| {
        known.salt == *salt && known.rounds == rounds && constant_time_eq(&known.print, &print)
    };
    if let Some(recent) = RECENT.try_lock()
        && let Some(known) = recent.iter().find(|known| is_same(known))
    {
        return Ok(Arc::clone(&known.key));
    }

    let mut bytes = Zeroizing::new([0; KEY_LEN]);
    pbkdf2_hmac_sha256(pin.bytes(), salt, rounds, &mut *bytes).map_err(during(During::Stored))?;
    let key = Arc::new(SealingKey::from_bytes(&*bytes).map_err(during(During::Stored))?);
    if let Some(mut recent) = RECENT.try_lock()
        && !recent.iter().any(is_same)
    {
        if recent.len() == KEPT {
            recent.remove(0);
        }
        recent.push(Derived { salt: *salt, rounds, print, key: Arc::clone(&key) });
    }
    Ok(key)
}

/// Wipes what was derived with that salt.
pub(super) fn forget(salt: &[u8; 16]) {
    if let Some(mut recent) = RECENT.try_lock() {
        recent.retain(|known| known.salt != *salt);
    }
}

fn print(pin: &Pin, salt: &[u8; 16]) -> Zeroizing<Vec<u8>> {
    let mut hasher = Hasher::new(HashAlg::Sha256);
    hasher.update(salt);
    hasher.update(pin.bytes());
    Zeroizing::new(hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_pin_and_salt_give_the_same_key_and_nothing_else_does() {
        let of =
            |pin: &str, salt, rounds| *key(&Pin::new(pin), &[salt; 16], rounds).unwrap().bytes();
        let first = of("1234", 1, 10);
        assert_eq!(of("1234", 1, 10), first);
        assert_ne!(of("1235", 1, 10), first);
        assert_ne!(of("1234", 2, 10), first);
        assert_ne!(of("1234", 1, 11), first);
        forget(&[1; 16]);
        assert_eq!(of("1234", 1, 10), first);
    }
}
