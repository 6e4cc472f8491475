//! AES modes: NIST SP 800-38A and RFC 5649 vectors, streams against whole messages, misuse.

use std::{mem::MaybeUninit, sync::Arc};

use hsmsim_crypto::Error;
use hsmsim_crypto::aes::{self, AesKey, Cipher, CipherMode, Direction};

use crate::hex::hex;

const KEY_128: &str = "2b7e151628aed2a6abf7158809cf4f3c";
const KEY_192: &str = "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b";
const KEY_256: &str = "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4";
const IV: &str = "000102030405060708090a0b0c0d0e0f";
const COUNTER: &str = "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff";
const PLAINTEXT: &str = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51\
                         30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710";
const CTR: CipherMode = CipherMode::Ctr { counter_bits: 128 };

/// SP 800-38A, appendix F: mode, key, IV, ciphertext of `PLAINTEXT`.
const SP800_38A: [(CipherMode, &str, &str, &str); 9] = [
    (
        CipherMode::Ecb,
        KEY_128,
        "",
        "3ad77bb40d7a3660a89ecaf32466ef97f5d3d58503b9699de785895a96fdbaaf\
         43b1cd7f598ece23881b00e3ed0306887b0c785e27e8ad3f8223207104725dd4",
    ),
    (
        CipherMode::Ecb,
        KEY_192,
        "",
        "bd334f1d6e45f25ff712a214571fa5cc974104846d0ad3ad7734ecb3ecee4eef\
         ef7afd2270e2e60adce0ba2face6444e9a4b41ba738d6c72fb16691603c18e0e",
    ),
    (
        CipherMode::Ecb,
        KEY_256,
        "",
        "f3eed1bdb5d2a03c064b5a7e3db181f8591ccb10d410ed26dc5ba74a31362870\
         b6ed21b99ca6f4f9f153e7b1beafed1d23304b7a39f9f3ff067d8d8f9e24ecc7",
    ),
    (
        CipherMode::Cbc,
        KEY_128,
        IV,
        "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2\
         73bed6b8e3c1743b7116e69e222295163ff1caa1681fac09120eca307586e1a7",
    ),
    (
        CipherMode::Cbc,
        KEY_192,
        IV,
        "4f021db243bc633d7178183a9fa071e8b4d9ada9ad7dedf4e5e738763f69145a\
         571b242012fb7ae07fa9baac3df102e008b0e27988598881d920a9e64f5615cd",
    ),
    (
        CipherMode::Cbc,
        KEY_256,
        IV,
        "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d\
         39f23369a9d9bacfa530e26304231461b2eb05e2c39be9fcda6c19078c6a9d1b",
    ),
    (
        CTR,
        KEY_128,
        COUNTER,
        "874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff\
         5ae4df3edbd5d35e5b4f09020db03eab1e031dda2fbe03d1792170a0f3009cee",
    ),
    (
        CTR,
        KEY_192,
        COUNTER,
        "1abc932417521ca24f2b0459fe7e6e0b090339ec0aa6faefd5ccc2c6f4ce8e94\
         1e36b26bd1ebc670d1bd1d665620abf74f78a7f6d29809585a97daec58c6b050",
    ),
    (
        CTR,
        KEY_256,
        COUNTER,
        "601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c5\
         2b0930daa23de94ce87017ba2d84988ddfc9c58db67aada613c2dd08457941a6",
    ),
];

fn key(digits: &str) -> Arc<AesKey> {
    Arc::new(AesKey::new(&hex(digits)).unwrap())
}

#[test]
fn modes_give_the_ciphertexts_of_the_standard() {
    for (mode, key_digits, iv, ciphertext) in SP800_38A {
        let (key, iv) = (key(key_digits), hex(iv));
        let (plaintext, ciphertext) = (hex(PLAINTEXT), hex(ciphertext));
        assert_eq!(aes::encrypt(mode, &key, &iv, &plaintext).unwrap(), ciphertext, "{mode:?}");
        assert_eq!(*aes::decrypt(mode, &key, &iv, &ciphertext).unwrap(), plaintext, "{mode:?}");
    }
}

#[test]
fn stream_gives_what_the_whole_message_gives_and_as_much_as_it_foretold() {
    let key = key(KEY_256);
    let message: Vec<u8> = (0..=255).cycle().take(16 * 21).collect();
    for mode in [CipherMode::Ecb, CipherMode::Cbc, CipherMode::CbcPad, CTR] {
        let iv = if mode == CipherMode::Ecb { Vec::new() } else { hex(COUNTER) };
        let whole_blocks_only = matches!(mode, CipherMode::Ecb | CipherMode::Cbc);
        for len in [0, 16, 32, 48, 336, 1, 15, 17, 31, 33, 200] {
            if whole_blocks_only && len % 16 != 0 {
                continue;
            }
            let plaintext = &message[..len];
            let ciphertext = aes::encrypt(mode, &key, &iv, plaintext).unwrap();
            for part in [1, 5, 15, 16, 17, 32, 100, 400] {
                let case = format!("{mode:?}, {len} bytes in parts of {part}");
                for (direction, input, expected) in [
                    (Direction::Encrypt, plaintext, &ciphertext[..]),
                    (Direction::Decrypt, &ciphertext[..], plaintext),
                ] {
                    let mut cipher = Cipher::new(direction, mode, key.clone(), &iv).unwrap();
                    let mut output = Vec::new();
                    for chunk in input.chunks(part) {
                        let foretold = cipher.update_output_len(chunk.len());
                        let given = cipher.update(chunk).unwrap();
                        assert_eq!(given.len(), foretold, "{case}, {direction:?}");
                        output.extend(given);
                    }
                    let at_most = cipher.finish_output_len_max();
                    let rest = cipher.finish().unwrap();
                    assert!(rest.len() <= at_most, "{case}, {direction:?}");
                    output.extend(rest);
                    assert_eq!(output, expected, "{case}, {direction:?}");
                }
            }
        }
    }
}

#[test]
fn cloned_stream_goes_its_own_way() {
    for mode in [CipherMode::Cbc, CTR] {
        let mut first = Cipher::new(Direction::Encrypt, mode, key(KEY_128), &hex(COUNTER)).unwrap();
        let mut head = first.update(&[1; 20]).unwrap();
        let mut second = first.clone();
        let mut other = head.clone();
        head.extend(first.update(&[2; 12]).unwrap());
        other.extend(second.update(&[3; 12]).unwrap());
        let expect = |tail: u8| {
            let message = [&[1; 20][..], &[tail; 12]].concat();
            aes::encrypt(mode, &key(KEY_128), &hex(COUNTER), &message).unwrap()
        };
        assert_eq!(head, expect(2), "{mode:?}");
        assert_eq!(other, expect(3), "{mode:?}");
    }
}

#[test]
fn part_of_a_block_without_padding_is_refused_at_the_end() {
    for mode in [CipherMode::Ecb, CipherMode::Cbc] {
        let iv = if mode == CipherMode::Ecb { vec![] } else { vec![0; 16] };
        for direction in [Direction::Encrypt, Direction::Decrypt] {
            let mut cipher = Cipher::new(direction, mode, key(KEY_128), &iv).unwrap();
            assert_eq!(cipher.update(&[0; 17]).unwrap().len(), 16);
            assert_eq!(cipher.finish(), Err(Error::InvalidLength));
        }
        let refused = aes::encrypt(mode, &key(KEY_128), &iv, &[0; 15]);
        assert_eq!(refused, Err(Error::InvalidLength));
    }
}

#[test]
fn padded_ciphertext_of_a_wrong_length_is_told_from_wrong_padding() {
    let (key, iv) = (key(KEY_128), [0; 16]);
    for len in [0, 1, 15, 17, 31] {
        let refused = aes::decrypt(CipherMode::CbcPad, &key, &iv, &vec![0; len]);
        assert_eq!(refused, Err(Error::InvalidLength), "{len} bytes");
    }
    // What ends in 0, in more than a block, or in unequal bytes is no padding.
    for last in [[0; 16], [17; 16], [16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 1, 2, 3]] {
        let ciphertext = aes::encrypt(CipherMode::Cbc, &key, &iv, &last).unwrap();
        let refused = aes::decrypt(CipherMode::CbcPad, &key, &iv, &ciphertext);
        assert_eq!(refused, Err(Error::DecryptFailed), "{last:?}");
    }
}

#[test]
fn narrow_counter_wraps_within_its_bits() {
    let key = key(KEY_128);
    // With 8 counting bits the block after ..ff is ..00, its upper 120 bits unchanged.
    let start = hex("000102030405060708090a0b0c0d0efe");
    let keystream = aes::encrypt(CipherMode::Ctr { counter_bits: 8 }, &key, &start, &[0; 64]);
    let mut expected = Vec::new();
    for low in [0xfe, 0xff, 0x00, 0x01] {
        let mut block = start.clone();
        block[15] = low;
        expected.extend(aes::encrypt(CipherMode::Ecb, &key, &[], &block).unwrap());
    }
    assert_eq!(keystream.unwrap(), expected);
}

#[test]
fn full_counter_wraps_to_zero() {
    let key = key(KEY_256);
    let keystream = aes::encrypt(CTR, &key, &[0xff; 16], &[0; 32]).unwrap();
    let blocks = [[0xff; 16], [0; 16]].concat();
    assert_eq!(keystream, aes::encrypt(CipherMode::Ecb, &key, &[], &blocks).unwrap());
}

#[test]
fn counter_that_would_repeat_is_refused() {
    let mode = |counter_bits| CipherMode::Ctr { counter_bits };
    for (bits, limit) in [(1, 32), (2, 64), (4, 256), (8, 4096)] {
        let (key, iv) = (key(KEY_128), [0x5a; 16]);
        assert!(aes::encrypt(mode(bits), &key, &iv, &vec![0; limit]).is_ok(), "{bits} bits");
        let refused = aes::encrypt(mode(bits), &key, &iv, &vec![0; limit + 1]);
        assert_eq!(refused, Err(Error::InvalidLength), "{bits} bits");

        // The same in parts, where the last block may be filled up but not followed.
        let mut cipher = Cipher::new(Direction::Encrypt, mode(bits), key, &iv).unwrap();
        cipher.update(&vec![0; limit - 3]).unwrap();
        assert_eq!(cipher.update(&[0; 4]), Err(Error::InvalidLength), "{bits} bits");
        assert_eq!(cipher.update(&[0; 3]).unwrap().len(), 3, "{bits} bits");
        assert_eq!(cipher.update(&[0; 1]), Err(Error::InvalidLength), "{bits} bits");
    }
}

#[test]
fn wrong_parameters_are_refused_before_any_data() {
    let start = |mode, iv: &[u8]| {
        Cipher::new(Direction::Encrypt, mode, key(KEY_128), iv).map(|_| ()).unwrap_err()
    };
    assert_eq!(start(CipherMode::Ecb, &[0; 16]), Error::InvalidParameter);
    for iv_len in [0, 12, 15, 17] {
        for mode in [CipherMode::Cbc, CipherMode::CbcPad, CTR] {
            assert_eq!(start(mode, &vec![0; iv_len]), Error::InvalidParameter, "{mode:?}");
        }
    }
    for counter_bits in [0, 129, u32::MAX] {
        assert_eq!(start(CipherMode::Ctr { counter_bits }, &[0; 16]), Error::InvalidParameter);
    }
    for len in [0, 8, 15, 20, 33] {
        assert_eq!(AesKey::new(&vec![0; len]).map(|_| ()), Err(Error::KeySize));
    }
}

#[test]
fn gcm_takes_every_iv_and_every_tag_length_of_the_standard() {
    for key_digits in [KEY_128, KEY_192, KEY_256] {
        let key = key(key_digits);
        for iv_len in [1, 8, 11, 12, 13, 16, 60, 300] {
            let iv = vec![9; iv_len];
            let full = aes::gcm_encrypt(&key, &iv, b"aad", 128, b"plaintext").unwrap();
            for tag_bits in [32, 64, 96, 104, 112, 120, 128] {
                let case = format!("IV of {iv_len} bytes, tag of {tag_bits} bits");
                let sealed = aes::gcm_encrypt(&key, &iv, b"aad", tag_bits, b"plaintext").unwrap();
                assert_eq!(sealed, full[..9 + tag_bits as usize / 8], "{case}");
                let open = |aad: &[u8], blob: &[u8]| {
                    aes::gcm_decrypt(&key, &iv, aad, tag_bits, blob).map(|text| text.to_vec())
                };
                assert_eq!(open(b"aad", &sealed).unwrap(), b"plaintext", "{case}");
                assert_eq!(open(b"bad", &sealed), Err(Error::DecryptFailed), "{case}");
                for index in 0..sealed.len() {
                    let mut changed = sealed.clone();
                    changed[index] ^= 1;
                    assert_eq!(open(b"aad", &changed), Err(Error::DecryptFailed), "{case}");
                }
                let short = &sealed[..tag_bits as usize / 8 - 1];
                assert_eq!(open(b"aad", short), Err(Error::InvalidLength), "{case}");
            }
        }
        for tag_bits in [0, 1, 24, 40, 97, 129, 136] {
            let refused = aes::gcm_encrypt(&key, &[0; 12], b"", tag_bits, b"");
            assert_eq!(refused, Err(Error::InvalidParameter), "tag of {tag_bits} bits");
        }
        assert_eq!(aes::gcm_encrypt(&key, b"", b"", 128, b""), Err(Error::InvalidParameter));
    }
}

/// How many bytes are written to so much room; which, the tests of partitions see.
fn written(
    room: usize,
    encrypt: impl FnOnce(&mut [MaybeUninit<u8>]) -> Result<Option<usize>, Error>,
) -> Option<usize> {
    encrypt(&mut vec![MaybeUninit::uninit(); room]).unwrap()
}

#[test]
fn gcm_gives_the_same_from_one_place_to_another_and_in_place() {
    for key_digits in [KEY_128, KEY_192, KEY_256] {
        let key = key(key_digits);
        for len in [0, 15, 4095, 4096, 4097, 65_536 + 3] {
            let text: Vec<u8> = (0..len).map(|at| (at * 7 + 3) as u8).collect();
            for (iv, tag_bits) in [(&[9; 12][..], 128), (&[9; 12], 96), (&[9; 16], 128)] {
                let case = format!("{key:?}, {len} bytes, {iv:?}, tag of {tag_bits} bits");
                let sealed = aes::gcm_encrypt(&key, iv, b"aad", tag_bits, &text).unwrap();
                let in_place =
                    aes::gcm_encrypt_owned(&key, iv, b"aad", tag_bits, text.clone()).unwrap();
                assert!(sealed == in_place, "{case}");
                for room in [sealed.len() - 1, sealed.len(), sealed.len() + 9] {
                    let into = |room: &mut [MaybeUninit<u8>]| {
                        aes::gcm_encrypt_into(&key, iv, b"aad", tag_bits, &text, room)
                    };
                    let usual = len >= 4096 && iv.len() == 12 && tag_bits == 128;
                    let expected = (usual && room >= sealed.len()).then_some(sealed.len());
                    assert_eq!(written(room, into), expected, "{case}, {room}");
                }
                let open = |aad: &[u8], blob: &[u8]| {
                    aes::gcm_decrypt(&key, iv, aad, tag_bits, blob).map(|text| text.to_vec())
                };
                assert!(open(b"aad", &sealed).unwrap() == text, "{case}");
                assert_eq!(open(b"bad", &sealed), Err(Error::DecryptFailed), "{case}");
                for index in [0, sealed.len() / 2, sealed.len() - 1] {
                    let mut changed = sealed.clone();
                    changed[index] ^= 1;
                    assert_eq!(open(b"aad", &changed), Err(Error::DecryptFailed), "{case}");
                }
            }
        }
    }
}

#[test]
fn cbc_gives_the_same_from_one_place_to_another_and_in_place() {
    for key_digits in [KEY_128, KEY_192, KEY_256] {
        let key = key(key_digits);
        for len in [0, 1, 15, 16, 17, 4096, 65_536 + 3] {
            let text: Vec<u8> = (0..len).map(|at| (at * 7 + 3) as u8).collect();
            for mode in [CipherMode::Cbc, CipherMode::CbcPad, CipherMode::Ecb] {
                let case = format!("{key:?}, {len} bytes, {mode:?}");
                let iv = if mode == CipherMode::Ecb { &[][..] } else { &[9; 16] };
                let sealed = aes::encrypt(mode, &key, iv, &text);
                let in_place = hsmsim_crypto::block::encrypt_owned(mode, &*key, iv, text.clone());
                assert!(sealed == in_place, "{case}");
                for room in [len - len.min(1), len, len + 9] {
                    let into = |room: &mut [MaybeUninit<u8>]| {
                        aes::cbc_encrypt_into(&key, &[9; 16], &text, room)
                    };
                    let fits = len > 0 && len % 16 == 0 && room >= len;
                    assert_eq!(written(room, into), fits.then_some(len), "{case}, {room}");
                }
                match sealed {
                    Ok(sealed) => {
                        assert!(*aes::decrypt(mode, &key, iv, &sealed).unwrap() == text, "{case}");
                    }
                    Err(error) => {
                        assert_eq!(error, Error::InvalidLength, "{case}");
                        assert!(mode != CipherMode::CbcPad && len % 16 != 0, "{case}");
                    }
                }
            }
        }
    }
}

#[test]
fn gcm_of_empty_text_is_its_tag() {
    // Test case 1 of the GCM submission: zero key, zero IV.
    let key = AesKey::new(&[0; 16]).unwrap();
    let tag = hex("58e2fccefa7e3061367f1d57a4e7455a");
    assert_eq!(aes::gcm_encrypt(&key, &[0; 12], b"", 128, b"").unwrap(), tag);
    assert!(aes::gcm_decrypt(&key, &[0; 12], b"", 128, &tag).unwrap().is_empty());
    let short = aes::gcm_encrypt(&key, &[0; 12], b"", 96, b"").unwrap();
    assert_eq!(short, tag[..12]);
    assert!(aes::gcm_decrypt(&key, &[0; 12], b"", 96, &short).unwrap().is_empty());
}

#[test]
fn padded_key_wrap_gives_the_examples_of_rfc_5649() {
    let kek = key("5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8");
    for (message, wrapped) in [
        (
            "c37b7e6492584340bed12207808941155068f738",
            "138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a",
        ),
        ("466f7250617369", "afbeb0f07dfbf5419200f2ccb50bb24f"),
    ] {
        assert_eq!(aes::kwp_wrap(&kek, None, &hex(message)).unwrap(), hex(wrapped));
        assert_eq!(*aes::kwp_unwrap(&kek, None, &hex(wrapped)).unwrap(), hex(message));
    }
}

#[test]
fn key_wrap_honours_the_callers_iv() {
    let kek = key(KEY_256);
    for len in 1..=41_usize {
        let message: Vec<u8> = (1..=len as u8).collect();
        for iv in [None, Some([0xa6, 0x59, 0x59, 0xa6]), Some([1, 2, 3, 4])] {
            let iv = iv.as_ref().map(|iv| &iv[..]);
            let wrapped = aes::kwp_wrap(&kek, iv, &message).unwrap();
            assert_eq!(wrapped.len(), len.next_multiple_of(8) + 8);
            assert_eq!(*aes::kwp_unwrap(&kek, iv, &wrapped).unwrap(), message);
            let refused = aes::kwp_unwrap(&kek, Some(&[4, 3, 2, 1]), &wrapped);
            assert_eq!(refused, Err(Error::DecryptFailed), "{len} bytes");
        }
        if len >= 16 && len % 8 == 0 {
            for iv in [None, Some(&[7; 8][..])] {
                let wrapped = aes::kw_wrap(&kek, iv, &message).unwrap();
                assert_eq!(*aes::kw_unwrap(&kek, iv, &wrapped).unwrap(), message);
                let refused = aes::kw_unwrap(&kek, Some(&[8; 8]), &wrapped);
                assert_eq!(refused, Err(Error::DecryptFailed));
            }
        } else {
            assert_eq!(aes::kw_wrap(&kek, None, &message), Err(Error::InvalidLength));
        }
    }
    assert_eq!(aes::kw_wrap(&kek, Some(&[0; 7]), &[0; 16]), Err(Error::InvalidParameter));
    assert_eq!(aes::kwp_wrap(&kek, Some(&[0; 8]), &[0; 16]), Err(Error::InvalidParameter));
    assert_eq!(aes::kwp_wrap(&kek, None, b""), Err(Error::InvalidLength));
    for len in [0, 8, 15, 20] {
        let wrapped = vec![0; len];
        assert_eq!(aes::kwp_unwrap(&kek, None, &wrapped), Err(Error::InvalidLength));
        assert_eq!(aes::kw_unwrap(&kek, None, &wrapped), Err(Error::InvalidLength));
    }
}

#[test]
fn cached_key_serves_all_modes_from_many_threads() {
    let key = key(KEY_128);
    let mac = aes::cmac(&key, b"data").unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for (mode, key_digits, iv, ciphertext) in SP800_38A {
                    if key_digits == KEY_128 {
                        let given = aes::encrypt(mode, &key, &hex(iv), &hex(PLAINTEXT));
                        assert_eq!(given.unwrap(), hex(ciphertext));
                    }
                }
                assert_eq!(aes::cmac(&key, b"data").unwrap(), mac);
                let sealed = aes::gcm_encrypt(&key, &[0; 12], b"", 128, b"x").unwrap();
                assert_eq!(*aes::gcm_decrypt(&key, &[0; 12], b"", 128, &sealed).unwrap(), b"x");
            });
        }
    });
    assert_eq!(format!("{key:?}"), "AesKey { bits: 128, .. }");
}
