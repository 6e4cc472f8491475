//! States of unfinished operations: whoever goes on from one, gets what the operation itself would have
//! got, wherever it was broken off.

use std::sync::Arc;

use hsmsim_crypto::Error;
use hsmsim_crypto::aes::{XtsCipher, XtsKey};
use hsmsim_crypto::block::{BlockAlg, Cipher, CipherMode, Direction};
use hsmsim_crypto::chacha20::{ChaCha20, ChaCha20Key};
use hsmsim_crypto::digest::{HashAlg, Hasher, TruncationBits, Xof, XofHasher, expand, hash};
use hsmsim_crypto::mac::{Mac, MacAlg, MacKey};

/// Bytes without a pattern that a block could hide.
fn message(len: usize) -> Vec<u8> {
    (0..len as u32).map(|index| (index.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

/// No state may be taken up that is shorter or longer than one is.
fn refuses_damage<T>(state: &[u8], resume: impl Fn(&[u8]) -> Result<T, Error>) {
    for len in 0..state.len() {
        assert_eq!(resume(&state[..len]).err(), Some(Error::InvalidState), "{len} bytes");
    }
    let longer = [state, &[0]].concat();
    assert_eq!(resume(&longer).err(), Some(Error::InvalidState));
}

fn hashes() -> Vec<HashAlg> {
    let truncated = [1, 160, 509].map(|bits| HashAlg::Sha512T(TruncationBits::new(bits).unwrap()));
    HashAlg::ALL.into_iter().chain(truncated).collect()
}

#[test]
fn a_digest_goes_on_from_every_byte_of_two_blocks() {
    for alg in hashes() {
        let data = message(2 * alg.block_len() + 1);
        let whole = hash(alg, &data);
        for split in 0..=data.len() {
            let (first, second) = data.split_at(split);
            let mut hasher = Hasher::new(alg);
            hasher.update(first);
            let mut resumed = Hasher::resume(alg, &hasher.state()).unwrap();
            resumed.update(second);
            assert_eq!(resumed.finish(), whole, "{alg:?} broken off at {split}");
        }
        let mut hasher = Hasher::new(alg);
        hasher.update(&data);
        refuses_damage(&hasher.state(), |state| Hasher::resume(alg, state));
    }
}

#[test]
fn shake_goes_on_from_every_byte_of_two_blocks_and_gives_what_the_library_gives() {
    for (xof, block) in [(Xof::Shake128, 168), (Xof::Shake256, 136)] {
        let data = message(2 * block + 1);
        // More than two blocks of output as well.
        let whole = expand(xof, &data, 2 * block + 9);
        for split in 0..=data.len() {
            let (first, second) = data.split_at(split);
            let mut hasher = XofHasher::new(xof);
            hasher.update(first);
            let mut resumed = XofHasher::resume(xof, &hasher.state()).unwrap();
            resumed.update(second);
            let (mut reader, mut out) = (resumed.into_reader(), vec![0; whole.len()]);
            let (head, tail) = out.split_at_mut(split.min(whole.len()));
            reader.read(head);
            reader.read(tail);
            assert_eq!(out, *whole, "{xof:?} broken off at {split}");
        }
        let mut hasher = XofHasher::new(xof);
        hasher.update(&data);
        refuses_damage(&hasher.state(), |state| XofHasher::resume(xof, state));
    }
}

#[test]
fn a_digest_of_more_than_32_bits_of_length_keeps_its_count() {
    // The count of bits passes 2^32 with 512 MiB: a state of the right form with such a count.
    let mut hasher = Hasher::new(HashAlg::Sha256);
    hasher.update(&[0; 64]);
    let mut state = hasher.state().to_vec();
    state[32..40].copy_from_slice(&(1_u64 << 33).to_be_bytes());
    let resumed = Hasher::resume(HashAlg::Sha256, &state).unwrap();
    assert_eq!(*resumed.state(), state);
}

/// Every MAC that gives its state, with a key for it and the length of what it chains.
fn macs() -> Vec<(MacAlg, usize, usize)> {
    let mut macs: Vec<_> = hashes()
        .into_iter()
        .flat_map(|alg| [(MacAlg::Hmac(alg), 20, alg.block_len()), (MacAlg::Hmac(alg), 200, 128)])
        .collect();
    for len in [16, 24, 32] {
        macs.extend(
            [MacAlg::AesCmac, MacAlg::AriaCmac, MacAlg::CamelliaCmac].map(|alg| (alg, len, 16)),
        );
    }
    macs.extend([
        (MacAlg::Des3Cmac, 16, 8),
        (MacAlg::Des3Cmac, 24, 8),
        (MacAlg::AesXcbcMac, 16, 16),
    ]);
    macs.extend(BlockAlg::ALL.map(|alg| (MacAlg::CbcMac(alg), 16, alg.block_len())));
    macs
}

#[test]
fn a_mac_goes_on_from_every_byte_of_two_blocks() {
    for (alg, key_len, block) in macs() {
        let key = MacKey::new(alg, &message(key_len)).unwrap();
        let data = message(2 * block + 1);
        let whole = key.sign(&data);
        for split in 0..=data.len() {
            let (first, second) = data.split_at(split);
            let mut mac = key.start();
            mac.update(first);
            let mut resumed = key.resume(&mac.state().unwrap()).unwrap();
            resumed.update(second);
            assert_eq!(resumed.finish(), whole, "{alg:?} broken off at {split}");
        }
        let mut mac = key.start();
        mac.update(&data);
        refuses_damage(&mac.state().unwrap(), |state| key.resume(state));
    }
}

#[test]
fn the_state_of_a_mac_gives_another_result_under_another_key() {
    for alg in [MacAlg::Hmac(HashAlg::Sha256), MacAlg::AesCmac] {
        let (one, other) =
            (MacKey::new(alg, &[1; 16]).unwrap(), MacKey::new(alg, &[2; 16]).unwrap());
        let mut mac = one.start();
        mac.update(b"data");
        let resumed = other.resume(&mac.state().unwrap()).unwrap();
        assert_ne!(resumed.finish(), one.sign(b"data"));
    }
}

#[test]
fn poly1305_keeps_its_state() {
    let mac = Mac::new(MacAlg::Poly1305, &[1; 32]).unwrap();
    assert_eq!(mac.state().err(), Some(Error::Unsupported));
}

/// Every mode of a cipher.
fn modes(block_len: usize) -> Vec<CipherMode> {
    let bits = 8 * block_len as u32;
    let mut modes = vec![
        CipherMode::Ecb,
        CipherMode::Cbc,
        CipherMode::CbcPad,
        CipherMode::Ofb,
        CipherMode::Cts,
    ];
    modes.extend([8, 32, bits].map(|counter_bits| CipherMode::Ctr { counter_bits }));
    modes.extend([1, 8, 64, bits].map(|segment_bits| CipherMode::Cfb { segment_bits }));
    modes
}

/// What a stream gives for the data, broken off at `split` and taken up by another.
fn broken_off(start: impl Fn() -> Cipher, data: &[u8], split: usize) -> Result<Vec<u8>, Error> {
    let (first, second) = data.split_at(split);
    let mut cipher = start();
    let mut out = cipher.update(first)?;
    let mut resumed = start().resume(&cipher.state())?;
    out.extend(resumed.update(second)?);
    out.extend(resumed.finish()?);
    Ok(out)
}

#[test]
fn a_cipher_goes_on_from_every_byte_of_two_blocks_in_every_mode_and_direction() {
    for alg in BlockAlg::ALL {
        let key = alg.key(&message(16)).unwrap();
        let len = alg.block_len();
        for mode in modes(len) {
            let iv = if mode == CipherMode::Ecb { Vec::new() } else { message(len) };
            let start = |direction| Cipher::new(direction, mode, Arc::clone(&key), &iv).unwrap();
            // Whole blocks where nothing pads, and where a part may follow also that.
            let parts = !matches!(mode, CipherMode::Ecb | CipherMode::Cbc);
            let lens = if parts { vec![2 * len, 2 * len + 3] } else { vec![2 * len] };
            for plain in lens.into_iter().map(message) {
                let sealed = broken_off(|| start(Direction::Encrypt), &plain, plain.len()).unwrap();
                let mut unbroken = start(Direction::Encrypt);
                let mut expected = unbroken.update(&plain).unwrap();
                expected.extend(unbroken.finish().unwrap());
                assert_eq!(sealed, expected);
                for split in 0..=plain.len() {
                    let out = broken_off(|| start(Direction::Encrypt), &plain, split);
                    assert_eq!(out.as_ref(), Ok(&sealed), "{alg:?} {mode:?} at {split}");
                }
                for split in 0..=sealed.len() {
                    let out = broken_off(|| start(Direction::Decrypt), &sealed, split);
                    assert_eq!(out.as_ref(), Ok(&plain), "{alg:?} {mode:?} back at {split}");
                }
            }
            let mut cipher = start(Direction::Encrypt);
            cipher.update(&message(len + 1)).unwrap();
            refuses_damage(&cipher.state(), |state| start(Direction::Encrypt).resume(state));
        }
    }
}

#[test]
fn a_counter_that_is_used_up_stays_so() {
    let key = BlockAlg::Aes.key(&[1; 16]).unwrap();
    let mode = CipherMode::Ctr { counter_bits: 1 };
    let start = || Cipher::new(Direction::Encrypt, mode, Arc::clone(&key), &[0; 16]).unwrap();
    let mut cipher = start();
    cipher.update(&[0; 32]).unwrap();
    let mut resumed = start().resume(&cipher.state()).unwrap();
    assert_eq!(resumed.update(&[0]), Err(Error::InvalidLength));
}

#[test]
fn xts_goes_on_from_every_byte_of_two_blocks() {
    for key_len in [32, 64] {
        let key = Arc::new(XtsKey::new(&message(key_len)).unwrap());
        for direction in [Direction::Encrypt, Direction::Decrypt] {
            let start = || XtsCipher::new(direction, Arc::clone(&key), &message(16)).unwrap();
            for data in [message(32), message(37)] {
                let mut unbroken = start();
                let mut expected = unbroken.update(&data).unwrap();
                expected.extend(unbroken.finish().unwrap());
                for split in 0..=data.len() {
                    let mut cipher = start();
                    let mut out = cipher.update(&data[..split]).unwrap();
                    let mut resumed = start().resume(&cipher.state()).unwrap();
                    out.extend(resumed.update(&data[split..]).unwrap());
                    out.extend(resumed.finish().unwrap());
                    assert_eq!(out, expected, "{direction:?} at {split}");
                }
            }
            let mut cipher = start();
            cipher.update(&message(20)).unwrap();
            refuses_damage(&cipher.state(), |state| start().resume(state));
        }
    }
}

#[test]
fn chacha20_goes_on_from_every_byte_of_two_blocks() {
    let key = ChaCha20Key::new(&message(32)).unwrap();
    for nonce_len in [8, 12, 24] {
        let start = || ChaCha20::new(&key, &message(nonce_len), 7).unwrap();
        let data = message(129);
        let expected = start().update(&data).unwrap();
        for split in 0..=data.len() {
            let mut stream = start();
            let mut out = stream.update(&data[..split]).unwrap();
            out.extend(start().resume(&stream.state()).unwrap().update(&data[split..]).unwrap());
            assert_eq!(out, expected, "nonce of {nonce_len} bytes, at {split}");
        }
        let mut stream = start();
        stream.update(&data).unwrap();
        refuses_damage(&stream.state(), |state| start().resume(state));
    }
}
