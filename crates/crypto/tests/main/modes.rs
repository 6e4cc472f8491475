//! The rarer modes: OFB and CFB (NIST SP 800-38A), CTS, XTS, CCM, GMAC, key wrap over padding.

use std::{mem::MaybeUninit, sync::Arc};

use hsmsim_crypto::Error;
use hsmsim_crypto::aes::{self, AesKey, CipherMode, XtsCipher, XtsKey};
use hsmsim_crypto::block::{self, BlockAlg, BlockCipher, Cipher, Direction};

use crate::hex::hex;

const KEY_128: &str = "2b7e151628aed2a6abf7158809cf4f3c";
const KEY_256: &str = "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4";
const IV: &str = "000102030405060708090a0b0c0d0e0f";
const PLAINTEXT: &str = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51\
                         30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710";

/// SP 800-38A, appendices F.3 and F.4: mode, key, ciphertext of the plaintext's beginning.
const SP800_38A: [(CipherMode, &str, &str); 6] = [
    (CipherMode::Cfb { segment_bits: 1 }, KEY_128, "68b3"),
    (CipherMode::Cfb { segment_bits: 8 }, KEY_128, "3b79424c9c0dd436bace9e0ed4586a4f32b9"),
    (
        CipherMode::Cfb { segment_bits: 128 },
        KEY_128,
        "3b3fd92eb72dad20333449f8e83cfb4ac8a64537a0b3a93fcde3cdad9f1ce58b\
         26751f67a3cbb140b1808cf187a4f4dfc04b05357c5d1c0eeac4c66f9ff7f2e6",
    ),
    (
        CipherMode::Cfb { segment_bits: 128 },
        KEY_256,
        "dc7e84bfda79164b7ecd8486985d386039ffed143b28b1c832113c6331e5407b\
         df10132415e54b92a13ed0a8267ae2f975a385741ab9cef82031623d55b1e471",
    ),
    (
        CipherMode::Ofb,
        KEY_128,
        "3b3fd92eb72dad20333449f8e83cfb4a7789508d16918f03f53c52dac54ed825\
         9740051e9c5fecf64344f7a82260edcc304c6528f659c77866a510d9c1d6ae5e",
    ),
    (
        CipherMode::Ofb,
        KEY_256,
        "dc7e84bfda79164b7ecd8486985d38604febdc6740d20b3ac88f6ad82a4fb08d\
         71ab47a086e86eedf39d1c5bba97c4080126141d67f37be8538f5a8be740e484",
    ),
];

/// Every mode that a cipher of this block length has, and whether it takes whole blocks only.
fn modes(block_len: usize) -> Vec<(CipherMode, bool)> {
    let mut modes = vec![
        (CipherMode::Ecb, true),
        (CipherMode::Cbc, true),
        (CipherMode::CbcPad, false),
        (CipherMode::Ofb, false),
        (CipherMode::Cts, false),
    ];
    // A block has at most 128 bits.
    let bits = 8 * block_len as u32;
    modes.extend([12, bits].map(|counter_bits| (CipherMode::Ctr { counter_bits }, false)));
    modes
        .extend([1, 8, 24, 64, bits].map(|segment_bits| (CipherMode::Cfb { segment_bits }, false)));
    modes
}

fn iv(mode: CipherMode, block_len: usize) -> Vec<u8> {
    if mode == CipherMode::Ecb { vec![] } else { (0xe0..0xe0 + block_len as u8).collect() }
}

#[test]
fn feedback_modes_give_the_ciphertexts_of_the_standard() {
    for (mode, key, ciphertext) in SP800_38A {
        let (key, ciphertext) = (AesKey::new(&hex(key)).unwrap(), hex(ciphertext));
        let plaintext = &hex(PLAINTEXT)[..ciphertext.len()];
        assert_eq!(aes::encrypt(mode, &key, &hex(IV), plaintext).unwrap(), ciphertext, "{mode:?}");
        let decrypted = aes::decrypt(mode, &key, &hex(IV), &ciphertext).unwrap();
        assert_eq!(*decrypted, plaintext, "{mode:?}");
    }
}

#[test]
fn stealing_gives_the_vectors_of_rfc_3962_in_the_order_of_cs1() {
    // RFC 3962, appendix B, gives the last two blocks in the other order.
    let key = AesKey::new(b"chicken teriyaki").unwrap();
    let plaintext = b"I would like the General Gau's Chicken, please, and wonton soup.";
    for (len, ciphertext) in [
        (17, "97c6353568f2bf8cb4d8a580362da7ff7f"),
        (31, "97687268d6ecccc0c07b25e25ecfe5fc00783e0efdb2c1d445d4c8eff7ed22"),
        (32, "97687268d6ecccc0c07b25e25ecfe58439312523a78662d5be7fcbcc98ebf5a8"),
        (
            47,
            "97687268d6ecccc0c07b25e25ecfe58439312523a78662d5be7fcbcc98ebf5\
             b3fffd940c16a18c1b5549d2f838029e",
        ),
    ] {
        let given = aes::encrypt(CipherMode::Cts, &key, &[0; 16], &plaintext[..len]).unwrap();
        assert_eq!(given, hex(ciphertext), "{len} bytes");
        let back = aes::decrypt(CipherMode::Cts, &key, &[0; 16], &given).unwrap();
        assert_eq!(*back, plaintext[..len], "{len} bytes");
    }
    for len in [0, 1, 15] {
        let short = aes::encrypt(CipherMode::Cts, &key, &[0; 16], &vec![0; len]);
        assert_eq!(short, Err(Error::InvalidLength));
        let short = aes::decrypt(CipherMode::Cts, &key, &[0; 16], &vec![0; len]);
        assert_eq!(short, Err(Error::InvalidLength));
    }
}

#[test]
fn every_cipher_streams_in_every_mode_as_foretold() {
    let message: Vec<u8> = (0..=255).cycle().take(300).collect();
    for alg in BlockAlg::ALL {
        let key = alg.key(&message[..if alg == BlockAlg::Des { 24 } else { 16 }]).unwrap();
        for (mode, whole_blocks_only) in modes(alg.block_len()) {
            for len in [0, 1, 7, 8, 9, 15, 16, 17, 24, 25, 32, 33, 47, 48, 49, 160, 300] {
                let part_of_block = len % alg.block_len() != 0;
                let too_short = mode == CipherMode::Cts && len < alg.block_len();
                if too_short || whole_blocks_only && part_of_block {
                    continue;
                }
                check_stream(
                    &key,
                    mode,
                    &message[..len],
                    &format!("{alg:?} {mode:?}, {len} bytes"),
                );
            }
        }
    }
}

fn check_stream(key: &Arc<dyn BlockCipher>, mode: CipherMode, plaintext: &[u8], case: &str) {
    let iv = iv(mode, key.block_len());
    let ciphertext = block::encrypt(mode, &**key, &iv, plaintext).unwrap();
    assert_eq!(*block::decrypt(mode, &**key, &iv, &ciphertext).unwrap(), plaintext, "{case}");
    if mode != CipherMode::CbcPad {
        assert_eq!(ciphertext.len(), plaintext.len(), "{case}");
    }
    for part in [1, 5, 8, 13, 16, 17, 31, 32, 33, 64, 299] {
        for (direction, input, expected) in [
            (Direction::Encrypt, plaintext, &ciphertext[..]),
            (Direction::Decrypt, &ciphertext[..], plaintext),
        ] {
            let mut cipher = Cipher::new(direction, mode, key.clone(), &iv).unwrap();
            let mut output = Vec::new();
            for chunk in input.chunks(part) {
                let foretold = cipher.update_output_len(chunk.len());
                let given = cipher.update(chunk).unwrap();
                assert_eq!(given.len(), foretold, "{case} in parts of {part}, {direction:?}");
                output.extend(given);
            }
            let at_most = cipher.finish_output_len_max();
            let rest = cipher.finish().unwrap();
            assert!(rest.len() <= at_most, "{case} in parts of {part}, {direction:?}");
            output.extend(rest);
            assert_eq!(output, expected, "{case} in parts of {part}, {direction:?}");
            let cipher = Cipher::new(direction, mode, key.clone(), &iv).unwrap();
            check_rooms(cipher, part, input, expected, case);
        }
    }
}

/// Whatever is written to a place of the caller's (which the tests of partitions read), the stream goes on as if it
/// had been given out.
fn check_rooms(mut cipher: Cipher, part: usize, input: &[u8], expected: &[u8], case: &str) {
    let mut at = 0;
    for (index, chunk) in input.chunks(part).enumerate() {
        let foretold = cipher.update_output_len(chunk.len());
        let none = cipher.update_to(chunk, &mut vec![MaybeUninit::uninit(); chunk.len() - 1]);
        assert_eq!(none, Ok(None), "{case} in parts of {part}: too little room");
        let mut room = vec![MaybeUninit::uninit(); chunk.len() + 3];
        let written =
            if index % 2 == 0 { cipher.update_to(chunk, &mut room).unwrap() } else { None };
        match written {
            Some(written) => assert_eq!((written, chunk.len()), (foretold, foretold), "{case}"),
            None => {
                let given = cipher.update(chunk).unwrap();
                assert_eq!(given, expected[at..at + foretold], "{case} in parts of {part}");
            }
        }
        at += foretold;
    }
    assert_eq!(cipher.finish().unwrap(), expected[at..], "{case} in parts of {part}");
}

#[test]
fn segments_and_ivs_out_of_range_are_refused() {
    for alg in BlockAlg::ALL {
        let key = alg.key(&[5; 16]).unwrap();
        let len = alg.block_len();
        let refused = |mode, iv: &[u8]| block::encrypt(mode, &*key, iv, &[0; 16]).unwrap_err();
        // A block has at most 128 bits.
        for segment_bits in [0, 2, 7, 9, 8 * len as u32 + 8, u32::MAX] {
            let mode = CipherMode::Cfb { segment_bits };
            assert_eq!(
                refused(mode, &vec![0; len]),
                Error::InvalidParameter,
                "{segment_bits} bits"
            );
        }
        let too_wide = CipherMode::Ctr { counter_bits: 8 * len as u32 + 1 };
        assert_eq!(refused(too_wide, &vec![0; len]), Error::InvalidParameter);
        for (mode, _) in modes(len).into_iter().filter(|(mode, _)| *mode != CipherMode::Ecb) {
            for iv_len in [0, len - 1, len + 1] {
                assert_eq!(refused(mode, &vec![0; iv_len]), Error::InvalidParameter, "{mode:?}");
            }
        }
    }
}

#[test]
fn xts_gives_the_vectors_of_ieee_1619() {
    // Annex B, vectors 2 and 15.
    for (key, data_unit, plaintext, ciphertext) in [
        (
            "1111111111111111111111111111111122222222222222222222222222222222",
            "33333333330000000000000000000000",
            "4444444444444444444444444444444444444444444444444444444444444444",
            "c454185e6a16936e39334038acef838bfb186fff7480adc4289382ecd6d394f0",
        ),
        (
            "fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0bfbebdbcbbbab9b8b7b6b5b4b3b2b1b0",
            "9a785634120000000000000000000000",
            "000102030405060708090a0b0c0d0e0f10",
            "6c1625db4671522d3d7599601de7ca09ed",
        ),
    ] {
        let (key, data_unit) = (XtsKey::new(&hex(key)).unwrap(), hex(data_unit));
        let given = aes::xts_encrypt(&key, &data_unit, &hex(plaintext)).unwrap();
        assert_eq!(given, hex(ciphertext));
        assert_eq!(*aes::xts_decrypt(&key, &data_unit, &given).unwrap(), hex(plaintext));
    }
}

#[test]
fn xts_streams_as_foretold_and_refuses_what_is_no_data_unit() {
    let bytes: Vec<u8> = (0..=255).cycle().take(1200).collect();
    for key_len in [32, 64] {
        let key = Arc::new(XtsKey::new(&bytes[..key_len]).unwrap());
        let data_unit = [7; 16];
        for len in [16, 17, 31, 32, 33, 47, 48, 49, 1039, 1200] {
            let plaintext = &bytes[..len];
            let ciphertext = aes::xts_encrypt(&key, &data_unit, plaintext).unwrap();
            assert_eq!(*aes::xts_decrypt(&key, &data_unit, &ciphertext).unwrap(), plaintext);
            for part in [1, 15, 16, 17, 31, 32, 100, 1200] {
                for (direction, input, expected) in [
                    (Direction::Encrypt, plaintext, &ciphertext[..]),
                    (Direction::Decrypt, &ciphertext[..], plaintext),
                ] {
                    let mut stream = XtsCipher::new(direction, key.clone(), &data_unit).unwrap();
                    let mut output = Vec::new();
                    for chunk in input.chunks(part) {
                        let foretold = stream.update_output_len(chunk.len());
                        let given = stream.update(chunk).unwrap();
                        assert_eq!(given.len(), foretold, "{len} bytes in parts of {part}");
                        output.extend(given);
                    }
                    assert_eq!(output.len() + stream.finish_output_len_max(), len);
                    output.extend(stream.finish().unwrap());
                    assert_eq!(output, expected, "{len} bytes in parts of {part}, {direction:?}");
                }
            }
        }
        for len in [0, 1, 15] {
            let refused = aes::xts_encrypt(&key, &data_unit, &bytes[..len]);
            assert_eq!(refused, Err(Error::InvalidLength));
        }
        let refused = aes::xts_encrypt(&key, &[0; 8], &bytes);
        assert_eq!(refused, Err(Error::InvalidParameter));
    }
    for len in [0, 16, 31, 33, 48, 65] {
        assert_eq!(XtsKey::new(&bytes[..len]).map(|_| ()), Err(Error::KeySize), "{len} bytes");
    }
    assert_eq!(XtsKey::new(&[3; 32]).map(|_| ()), Err(Error::InvalidKey));
}

#[test]
fn ccm_gives_the_examples_of_sp_800_38c() {
    let key = AesKey::new(&hex("404142434445464748494a4b4c4d4e4f")).unwrap();
    for (nonce, aad, plaintext, tag_len, sealed) in [
        ("10111213141516", "0001020304050607", "20212223", 4, "7162015b4dac255d"),
        (
            "1011121314151617",
            "000102030405060708090a0b0c0d0e0f",
            "202122232425262728292a2b2c2d2e2f",
            6,
            "d2a1f0e051ea5f62081a7792073d593d1fc64fbfaccd",
        ),
    ] {
        let (nonce, aad, sealed) = (hex(nonce), hex(aad), hex(sealed));
        let given = aes::ccm_encrypt(&key, &nonce, &aad, tag_len, &hex(plaintext)).unwrap();
        assert_eq!(given, sealed);
        let opened = aes::ccm_decrypt(&key, &nonce, &aad, tag_len, &sealed).unwrap();
        assert_eq!(*opened, hex(plaintext));
        for index in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[index] ^= 1;
            let refused = aes::ccm_decrypt(&key, &nonce, &aad, tag_len, &changed);
            assert_eq!(refused, Err(Error::DecryptFailed));
        }
    }
}

#[test]
fn ccm_takes_every_nonce_and_tag_length_of_the_standard_and_no_other() {
    let key = AesKey::new(&[6; 24]).unwrap();
    for nonce_len in 7..=13 {
        for tag_len in [4, 6, 8, 10, 12, 14, 16] {
            for text in [&b""[..], b"text"] {
                let nonce = vec![1; nonce_len];
                let sealed = aes::ccm_encrypt(&key, &nonce, b"", tag_len, text).unwrap();
                assert_eq!(sealed.len(), text.len() + tag_len);
                assert_eq!(*aes::ccm_decrypt(&key, &nonce, b"", tag_len, &sealed).unwrap(), text);
                let refused = aes::ccm_decrypt(&key, &nonce, b"aad", tag_len, &sealed);
                assert_eq!(refused, Err(Error::DecryptFailed));
            }
        }
    }
    for (nonce_len, tag_len) in [(6, 16), (14, 16), (0, 16), (12, 0), (12, 2), (12, 5), (12, 18)] {
        let refused = aes::ccm_encrypt(&key, &vec![0; nonce_len], b"", tag_len, b"x");
        assert_eq!(refused, Err(Error::InvalidParameter), "{nonce_len}, {tag_len}");
        let refused = aes::ccm_decrypt(&key, &vec![0; nonce_len], b"", tag_len, &[0; 40]);
        assert_eq!(refused, Err(Error::InvalidParameter), "{nonce_len}, {tag_len}");
    }
    assert_eq!(aes::ccm_decrypt(&key, &[0; 12], b"", 8, &[0; 7]), Err(Error::InvalidLength));
    // A nonce of 13 bytes leaves two for the length of the message.
    assert!(aes::ccm_encrypt(&key, &[0; 13], b"", 16, &vec![0; 0xffff]).is_ok());
    let refused = aes::ccm_encrypt(&key, &[0; 13], b"", 16, &vec![0; 0x1_0000]);
    assert_eq!(refused, Err(Error::DataTooLarge));
}

#[test]
fn gmac_is_told_from_any_other() {
    let key = AesKey::new(&[6; 32]).unwrap();
    for (iv_len, tag_bits) in [(12, 128), (12, 96), (8, 128), (16, 32)] {
        let iv = vec![3; iv_len];
        let tag = aes::gmac(&key, &iv, tag_bits, b"message").unwrap();
        let verify = |data: &[u8], tag: &[u8]| aes::gmac_verify(&key, &iv, tag_bits, data, tag);
        assert_eq!(verify(b"message", &tag), Ok(()));
        assert_eq!(verify(b"massage", &tag), Err(Error::VerifyFailed));
        assert_eq!(verify(b"message", &tag[1..]), Err(Error::SignatureLength));
        assert_eq!(verify(b"message", &[&tag[..], &[0]].concat()), Err(Error::SignatureLength));
    }
    assert_eq!(aes::gmac(&key, &[0; 12], 127, b""), Err(Error::InvalidParameter));
}

#[test]
fn key_wrap_over_padding_is_key_wrap_of_the_padded_key() {
    let kek = AesKey::new(&hex(KEY_256)).unwrap();
    for len in 8..=41_usize {
        let message: Vec<u8> = (1..=len as u8).collect();
        let pad = 8 - len % 8;
        let padded = [&message[..], &vec![pad as u8; pad]].concat();
        for iv in [None, Some(&[7; 8][..])] {
            let wrapped = aes::kw_pkcs7_wrap(&kek, iv, &message).unwrap();
            assert_eq!(wrapped, aes::kw_wrap(&kek, iv, &padded).unwrap(), "{len} bytes");
            assert!(wrapped.len() > message.len());
            assert_eq!(*aes::kw_pkcs7_unwrap(&kek, iv, &wrapped).unwrap(), message);
            let refused = aes::kw_pkcs7_unwrap(&kek, Some(&[8; 8]), &wrapped);
            assert_eq!(refused, Err(Error::DecryptFailed));
        }
    }
    for last in [0, 9, 0xff] {
        let wrapped = aes::kw_wrap(&kek, None, &[&[1; 15][..], &[last]].concat()).unwrap();
        assert_eq!(aes::kw_pkcs7_unwrap(&kek, None, &wrapped), Err(Error::DecryptFailed));
    }
    assert_eq!(aes::kw_pkcs7_wrap(&kek, None, &[0; 7]), Err(Error::InvalidLength));
    assert_eq!(aes::kw_pkcs7_wrap(&kek, Some(&[0; 4]), &[0; 8]), Err(Error::InvalidParameter));
}
