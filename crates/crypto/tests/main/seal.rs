//! Sealing at rest: what is opened is what was sealed, and nothing else opens.

use hsmsim_crypto::seal::{self, SealingKey};
use hsmsim_crypto::{Error, random};

#[test]
fn opened_blob_is_what_was_sealed() {
    let key = SealingKey::generate().unwrap();
    for len in [0, 1, 16, 1000] {
        let text = vec![0x42; len];
        let blob = key.seal(b"object 1", &text).unwrap();
        assert_eq!(blob.len(), len + seal::OVERHEAD);
        assert_eq!(*key.open(b"object 1", &blob).unwrap(), text);
        // The same key from its bytes opens it too.
        let again = SealingKey::from_bytes(key.bytes()).unwrap();
        assert_eq!(*again.open(b"object 1", &blob).unwrap(), text);
    }
}

#[test]
fn changed_blob_other_context_or_other_key_never_opens() {
    let key = SealingKey::generate().unwrap();
    let blob = key.seal(b"aad", b"secret").unwrap();
    let refused = |key: &SealingKey, aad: &[u8], blob: &[u8]| {
        assert_eq!(key.open(aad, blob), Err(Error::DecryptFailed));
    };
    for index in 0..blob.len() {
        let mut changed = blob.clone();
        changed[index] ^= 0x80;
        refused(&key, b"aad", &changed);
    }
    for len in 0..blob.len() {
        refused(&key, b"aad", &blob[..len]);
    }
    refused(&key, b"other", &blob);
    refused(&SealingKey::generate().unwrap(), b"aad", &blob);
    refused(&key.derive(b"subkey").unwrap(), b"aad", &blob);
}

#[test]
fn sealing_twice_never_gives_the_same_blob() {
    let key = SealingKey::generate().unwrap();
    assert_ne!(key.seal(b"", b"x").unwrap(), key.seal(b"", b"x").unwrap());
}

#[test]
fn tags_depend_on_key_label_and_data_alone() {
    let key = SealingKey::from_bytes(&[1; 32]).unwrap();
    let same = SealingKey::from_bytes(&[1; 32]).unwrap();
    let other = SealingKey::from_bytes(&[2; 32]).unwrap();
    assert_eq!(key.tag(b"label", b"data"), same.tag(b"label", b"data"));
    assert_ne!(key.tag(b"label", b"data"), other.tag(b"label", b"data"));
    assert_ne!(key.tag(b"label", b"data"), key.tag(b"label", b"date"));
    // The border between label and data counts.
    assert_ne!(key.tag(b"label", b"data"), key.tag(b"labeld", b"ata"));
}

#[test]
fn subkeys_are_reproducible_and_apart() {
    let key = SealingKey::from_bytes(&[1; 32]).unwrap();
    let derive = |label: &[u8]| *key.derive(label).unwrap().bytes();
    assert_eq!(derive(b"a"), derive(b"a"));
    assert_ne!(derive(b"a"), derive(b"b"));
    assert_ne!(derive(b"a"), *key.bytes());
}

#[test]
fn keys_of_a_wrong_length_are_refused() {
    for len in [0, 16, 31, 33] {
        assert_eq!(SealingKey::from_bytes(&vec![0; len]).map(|_| ()), Err(Error::InvalidKey));
    }
}

#[test]
fn sealing_key_never_shows_in_debug_output() {
    let key = SealingKey::from_bytes(&[0xab; 32]).unwrap();
    assert_eq!(format!("{key:?}"), "SealingKey { .. }");
}

#[test]
fn random_bytes_fill_the_whole_buffer() {
    // A byte that stays zero after eight fillings would take a chance of 2^-64 each.
    for len in [1, 64, 256, 257, 1024, 100_000] {
        let mut seen = vec![0_u8; len];
        for _ in 0..8 {
            let mut bytes = vec![0; len];
            random::fill(&mut bytes).unwrap();
            seen.iter_mut().zip(bytes).for_each(|(seen, byte)| *seen |= byte);
        }
        assert!(seen.iter().all(|byte| *byte != 0), "{len} bytes");
    }
    random::fill(&mut []).unwrap();
}
