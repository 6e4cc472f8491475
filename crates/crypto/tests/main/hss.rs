//! HSS/LMS: the signatures of RFC 8554 and of another implementation, and the state of a key.

use hsmsim_crypto::Error;
use hsmsim_crypto::hss::{HssPrivateKey, HssPublicKey, Level};

use crate::hex::hex;

/// Public key, message and signature under each name of the file.
fn vectors() -> Vec<(&'static str, [Vec<u8>; 3])> {
    let blocks = include_str!("hss.txt").split("\n[").skip(1);
    blocks
        .map(|block| {
            let (name, fields) = block.split_once("]\n").unwrap();
            let field = |key: &str| {
                let prefix = format!("{key} = ");
                hex(fields.lines().find_map(|line| line.strip_prefix(&prefix)).unwrap())
            };
            (name, ["public", "message", "signature"].map(field))
        })
        .collect()
}

#[test]
fn published_signatures_verify_and_no_changed_one_does() {
    let vectors = vectors();
    assert_eq!(vectors.len(), 6);
    for (name, [public, message, signature]) in vectors {
        let key = HssPublicKey::from_bytes(&public).unwrap();
        assert_eq!(key.to_bytes(), public, "{name}");
        assert_eq!(key.verify(&message, &signature), Ok(()), "{name}");
        assert_eq!(key.verify(b"other", &signature), Err(Error::VerifyFailed), "{name}");
        for index in (0..signature.len()).step_by(31) {
            let mut changed = signature.clone();
            changed[index] ^= 1;
            assert!(key.verify(&message, &changed).is_err(), "{name}, byte {index}");
        }
        let shorter = &signature[..signature.len() - 1];
        assert_eq!(key.verify(&message, shorter), Err(Error::SignatureLength), "{name}");
        let longer = [&signature[..], &[0]].concat();
        assert_eq!(key.verify(&message, &longer), Err(Error::SignatureLength), "{name}");
        assert_eq!(key.verify(&message, &[]), Err(Error::SignatureLength), "{name}");
    }
}

#[test]
fn bad_public_keys_are_refused() {
    let (_, [good, ..]) = vectors().swap_remove(0);
    let changed = |at: usize, value: u8| {
        let mut bytes = good.clone();
        bytes[at] = value;
        bytes
    };
    // No level; nine; unknown types; a tree and a signature of different functions.
    for bad in [changed(3, 0), changed(3, 9), changed(7, 4), changed(11, 0), changed(11, 9)] {
        assert_eq!(HssPublicKey::from_bytes(&bad), Err(Error::InvalidKey));
    }
    assert_eq!(HssPublicKey::from_bytes(&good[1..]), Err(Error::InvalidKey));
    assert_eq!(HssPublicKey::from_bytes(&[&good[..], &[0]].concat()), Err(Error::InvalidKey));
}

#[test]
fn keys_of_every_type_sign() {
    // Height 5 of each function with each Winternitz parameter.
    for function in 0..4 {
        for winternitz in 0..4 {
            let (lms_type, lmots_type) = (5 + 5 * function, 1 + 4 * function + winternitz);
            let mut key = HssPrivateKey::generate(&[Level { lms_type, lmots_type }]).unwrap();
            assert_eq!(key.public().top_level(), key.levels()[0]);
            let signature = key.sign(b"message").unwrap();
            assert_eq!(key.public().verify(b"message", &signature), Ok(()));
            assert_eq!(key.public().verify(b"massage", &signature), Err(Error::VerifyFailed));
        }
    }
}

#[test]
fn two_levels_sign_each_leaf_once_across_trees_and_restarts_until_none_is_left() {
    let level = Level { lms_type: 10, lmots_type: 7 };
    let mut key = HssPrivateKey::generate(&[level, level]).unwrap();
    let public = key.public();
    assert_eq!((key.remaining(), public.levels()), (1024, 2));
    let mut leaves = Vec::new();
    let first = key.sign(b"message").unwrap();
    // Length of a signature of the upper tree, then of the lower public key.
    let lower_at = 4 + (8 + 4 + 24 * (1 + 51) + 5 * 24) + (8 + 16 + 24);
    for count in 1..1024u64 {
        // Every hundred signatures from what was stored.
        if count % 100 == 0 {
            key = HssPrivateKey::from_state(&key.state()).unwrap();
        }
        assert_eq!(key.remaining(), 1024 - count);
        let signature = key.sign(b"message").unwrap();
        assert_eq!(signature.len(), first.len());
        if count % 50 == 0 || count == 32 {
            assert_eq!(public.verify(b"message", &signature), Ok(()), "{count}");
        }
        leaves.push([&signature[4..8], &signature[lower_at..lower_at + 4]].concat());
    }
    leaves.sort();
    leaves.dedup();
    assert_eq!(leaves.len(), 1023);
    assert_eq!(key.remaining(), 0);
    assert_eq!(key.sign(b"message"), Err(Error::KeySize));
    let read = HssPrivateKey::from_state(&key.state()).unwrap();
    assert_eq!((read.remaining(), read.public()), (0, public));
    assert!(HssPrivateKey::from_state(&key.state()[1..]).is_err());
}

#[test]
fn levels_that_cannot_be_generated_are_refused() {
    let level = |lms_type, lmots_type| Level { lms_type, lmots_type };
    for levels in [
        &[][..],
        &[level(5, 8)],
        &[level(4, 4)],
        &[level(8, 4)],
        &[level(5, 4), level(10, 8)],
        &[level(5, 4); 9],
    ] {
        let refused = HssPrivateKey::generate(levels).map(|_| ());
        assert_eq!(refused, Err(Error::InvalidParameter), "{levels:?}");
    }
}
