//! DES and triple DES: published vectors, parity and weak keys; the MACs that chain blocks.

use hsmsim_crypto::Error;
use hsmsim_crypto::aes::AesKey;
use hsmsim_crypto::block::{self, BlockAlg, CipherMode};
use hsmsim_crypto::des::{self, DesKey};
use hsmsim_crypto::mac::{self, Mac, MacAlg, MacKey};

use crate::hex::hex;

#[test]
fn blocks_are_enciphered_as_published() {
    for (key, plaintext, ciphertext) in [
        // FIPS 81, table B1.
        (
            "0123456789abcdef",
            &b"Now is the time for all "[..],
            "3fa40e8a984d48156a271787ab8883f9893d51ec4b563b53",
        ),
        // SP 800-67, appendix B.
        (
            "0123456789abcdef23456789abcdef01456789abcdef0123",
            b"The qufck brown fox jump",
            "a826fd8ce53b855fcce21c8112256fe668d5c05dd9b6b900",
        ),
    ] {
        let key = DesKey::new(&hex(key)).unwrap();
        let given = block::encrypt(CipherMode::Ecb, &key, &[], plaintext).unwrap();
        assert_eq!(given, hex(ciphertext));
        assert_eq!(*block::decrypt(CipherMode::Ecb, &key, &[], &given).unwrap(), plaintext);
    }
    // FIPS 81, table C1: CBC.
    let key = DesKey::new(&hex("0123456789abcdef")).unwrap();
    let (iv, plaintext) = (hex("1234567890abcdef"), b"Now is the time for all ");
    let given = block::encrypt(CipherMode::Cbc, &key, &iv, plaintext).unwrap();
    assert_eq!(given, hex("e5c7cdde872bf27c43e934008c389c0f683788499a7c05f6"));
}

#[test]
fn key_with_equal_parts_is_the_shorter_key() {
    let bytes: Vec<u8> = (10..34).collect();
    let encrypt = |key: &[u8]| {
        let key = DesKey::new(key).unwrap();
        block::encrypt(CipherMode::Cbc, &key, &[1; 8], &bytes).unwrap()
    };
    let two = &bytes[..16];
    assert_eq!(encrypt(two), encrypt(&[two, &bytes[..8]].concat()));
    assert_eq!(encrypt(&bytes[..8]), encrypt(&[&bytes[..8], &bytes[..8]].concat()));
    assert_ne!(encrypt(two), encrypt(&bytes));
    for len in [0, 7, 9, 15, 20, 32] {
        assert_eq!(DesKey::new(&vec![0; len]).map(|_| ()), Err(Error::KeySize), "{len} bytes");
    }
}

#[test]
fn parity_is_made_odd_without_touching_the_key() {
    let mut key: Vec<u8> = (0..=255).collect();
    des::set_odd_parity(&mut key);
    assert!(des::has_odd_parity(&key));
    for (before, after) in (0..=255_u8).zip(&key) {
        assert_eq!(before & 0xfe, after & 0xfe);
        assert_eq!(after.count_ones() % 2, 1);
    }
    for index in 0..256 {
        let mut broken = key.clone();
        broken[index] ^= 1;
        assert!(!des::has_odd_parity(&broken));
    }
}

#[test]
fn weak_and_semi_weak_keys_are_known() {
    // SP 800-67, 3.3.2.
    for weak in [
        "0101010101010101",
        "fefefefefefefefe",
        "e0e0e0e0f1f1f1f1",
        "1f1f1f1f0e0e0e0e",
        "011f011f010e010e",
        "1f011f010e010e01",
        "01e001e001f101f1",
        "e001e001f101f101",
        "01fe01fe01fe01fe",
        "fe01fe01fe01fe01",
        "1fe01fe00ef10ef1",
        "e01fe01ff10ef10e",
        "1ffe1ffe0efe0efe",
        "fe1ffe1ffe0efe0e",
        "e0fee0fef1fef1fe",
        "fee0fee0fef1fef1",
    ] {
        let mut weak = hex(weak);
        assert_eq!(des::is_weak(&weak), Ok(true));
        let good = hex("0123456789abcdef");
        assert_eq!(des::is_weak(&[&good[..], &weak].concat()), Ok(true));
        weak[0] ^= 1;
        assert_eq!(des::is_weak(&weak), Ok(true), "parity does not count");
        weak[0] ^= 2;
        assert_eq!(des::is_weak(&weak), Ok(false));
    }
    let (one, two) = (hex("0123456789abcdef"), hex("23456789abcdef01"));
    assert_eq!(des::is_weak(&one), Ok(false));
    assert_eq!(des::is_weak(&[&one[..], &two].concat()), Ok(false));
    assert_eq!(des::is_weak(&[&one[..], &one].concat()), Ok(true));
    assert_eq!(des::is_weak(&[&one[..], &two, &one].concat()), Ok(false));
    assert_eq!(des::is_weak(&[&one[..], &two, &two].concat()), Ok(true));
    for len in [0, 7, 20, 32] {
        assert_eq!(des::is_weak(&vec![0x5b; len]), Err(Error::KeySize), "{len} bytes");
    }
}

#[test]
fn cmac_gives_the_examples_of_sp_800_38b() {
    let three = "8aa83bf8cbda10620bc1bf19fbb6cd58bc313d4a371ca8b5";
    let two = "4cf15134a2850dd58a3d10ba80570d38";
    let message = hex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51");
    for (key, len, expected) in [
        (three, 0, "b7a688e122ffaf95"),
        (three, 8, "8e8f293136283797"),
        (three, 20, "743ddbe0ce2dc2ed"),
        (three, 32, "33e6b1092400eae5"),
        (two, 0, "bd2ebf9a3ba00361"),
        (two, 8, "4ff2ab813c53ce83"),
        (two, 20, "62dd1b471902bd4e"),
        (two, 32, "31b1e431dabc4eb8"),
    ] {
        let given = mac::mac(MacAlg::Des3Cmac, &hex(key), &message[..len]).unwrap();
        assert_eq!(given, hex(expected), "{len} bytes");
    }
    for len in [0, 8, 15, 32] {
        let refused = MacKey::new(MacAlg::Des3Cmac, &vec![1; len]).map(|_| ());
        assert_eq!(refused, Err(Error::KeySize), "{len} bytes");
    }
}

#[test]
fn xcbc_gives_the_vectors_of_rfc_3566() {
    let key = MacKey::new(MacAlg::AesXcbcMac, &(0..16).collect::<Vec<u8>>()).unwrap();
    for (len, expected) in [
        (0, "75f0251d528ac01c4573dfd584d79f29"),
        (3, "5b376580ae2f19afe7219ceef172756f"),
        (16, "d2a246fa349b68a79998a4394ff7a263"),
        (20, "47f51b4564966215b8985c63055ed308"),
        (32, "f54f0ec8d2b9f3d36807734bd5283fd4"),
        (34, "becbb3bccdb518a30677d5481fb6b4d8"),
    ] {
        assert_eq!(key.sign(&(0..len).collect::<Vec<u8>>()), hex(expected), "{len} bytes");
    }
    assert_eq!(key.sign(&[0; 1000]), hex("f0dafee895db30253761103b5d84528f"));
    for len in [0, 15, 24, 32] {
        let refused = MacKey::new(MacAlg::AesXcbcMac, &vec![0; len]).map(|_| ());
        assert_eq!(refused, Err(Error::KeySize), "{len} bytes");
    }
}

#[test]
fn cbc_mac_is_the_last_block_of_the_message_padded_with_zeros() {
    for alg in BlockAlg::ALL {
        let (key_bytes, len) = ([0x2a; 16], alg.block_len());
        let key = alg.key(&key_bytes).unwrap();
        for message_len in [0, 1, 7, 8, 9, 15, 16, 17, 40, 200] {
            let message: Vec<u8> = (0..message_len).collect();
            let mut padded = message.clone();
            padded.resize(message.len().next_multiple_of(len).max(len), 0);
            let chained = block::encrypt(CipherMode::Cbc, &*key, &vec![0; len], &padded).unwrap();
            let given = mac::mac(MacAlg::CbcMac(alg), &key_bytes, &message).unwrap();
            assert_eq!(given, chained[chained.len() - len..], "{alg:?}, {message_len} bytes");
        }
    }
}

#[test]
fn macs_of_blocks_in_parts_are_those_of_the_whole() {
    let message: Vec<u8> = (0..100).collect();
    let mut algs = vec![MacAlg::Des3Cmac, MacAlg::AesXcbcMac];
    algs.extend(BlockAlg::ALL.map(MacAlg::CbcMac));
    for alg in algs {
        let key = [0x2a; 16];
        let whole = mac::mac(alg, &key, &message).unwrap();
        assert_eq!(whole.len(), alg.output_len(), "{alg:?}");
        for part in [1, 7, 8, 9, 15, 16, 17, 33, 100] {
            let mut mac = Mac::new(alg, &key).unwrap();
            for chunk in message.chunks(part) {
                mac.update(chunk);
            }
            let half = whole.len() / 2;
            assert_eq!(mac.clone().verify_truncated(&whole[..half]), Ok(()), "{alg:?}");
            assert_eq!(mac.finish(), whole, "{alg:?} in parts of {part}");
        }
    }
}

#[test]
fn keys_never_show_in_debug_output() {
    assert_eq!(format!("{:?}", DesKey::new(&[0xab; 24]).unwrap()), "DesKey { bytes: 24, .. }");
    assert_eq!(format!("{:?}", AesKey::new(&[0xab; 24]).unwrap()), "AesKey { bits: 192, .. }");
}
