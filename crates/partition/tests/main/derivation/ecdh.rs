//! ECDH with every function that makes a key of what was agreed.

use hsmsim_crypto::{
    digest::HashAlg::{self, *},
    kdf::{sp800_56c_one_step, x963_kdf},
};

use super::*;

#[test]
fn every_function_makes_a_key_of_the_shared_secret() {
    let mut client = officer();
    let derive = vec![yes(CKA_DERIVE)];
    let curve = vec![Attribute::bytes(CKA_EC_PARAMS, P256)];
    let (_, ours) = client.pair(CKM_EC_KEY_PAIR_GEN, curve.clone(), derive.clone()).unwrap();
    let (theirs, _) = client.pair(CKM_EC_KEY_PAIR_GEN, curve, derive).unwrap();
    let public_data = client.bytes(theirs, CKA_EC_POINT);
    let mut agree = |kdf, shared: &[u8], len| {
        let shared_data = shared.to_vec();
        let public_data = public_data.clone();
        let params = Params::Ecdh1 { kdf, shared_data, public_data };
        value(&mut client, &mechanism(CKM_ECDH1_DERIVE, params), ours, len)
    };
    // The shared secret itself, whose x-coordinate other tests compare with published vectors.
    let z = agree(CKD_NULL, b"", 32).unwrap();
    let x963: [(u64, HashAlg); 13] = [
        (CKD_SHA1_KDF, Sha1),
        (CKD_SHA224_KDF, Sha224),
        (CKD_SHA256_KDF, Sha256),
        (CKD_SHA384_KDF, Sha384),
        (CKD_SHA512_KDF, Sha512),
        (CKD_SHA3_224_KDF, Sha3_224),
        (CKD_SHA3_256_KDF, Sha3_256),
        (CKD_SHA3_384_KDF, Sha3_384),
        (CKD_SHA3_512_KDF, Sha3_512),
        (CKD_BLAKE2B_160_KDF, Blake2b160),
        (CKD_BLAKE2B_256_KDF, Blake2b256),
        (CKD_BLAKE2B_384_KDF, Blake2b384),
        (CKD_BLAKE2B_512_KDF, Blake2b512),
    ];
    for (kdf, hash) in x963 {
        let expected = x963_kdf(hash, &z, b"shared", 100).unwrap();
        assert_eq!(agree(kdf, b"shared", 100).unwrap(), *expected, "{hash:?}");
    }
    for (kdf, hash) in [
        (CKD_SHA1_KDF_SP800, Sha1),
        (CKD_SHA224_KDF_SP800, Sha224),
        (CKD_SHA256_KDF_SP800, Sha256),
        (CKD_SHA384_KDF_SP800, Sha384),
        (CKD_SHA512_KDF_SP800, Sha512),
        (CKD_SHA3_224_KDF_SP800, Sha3_224),
        (CKD_SHA3_256_KDF_SP800, Sha3_256),
        (CKD_SHA3_384_KDF_SP800, Sha3_384),
        (CKD_SHA3_512_KDF_SP800, Sha3_512),
    ] {
        let expected = sp800_56c_one_step(hash, &z, b"shared", 100).unwrap();
        assert_eq!(agree(kdf, b"shared", 100).unwrap(), *expected, "{hash:?}");
    }
    for kdf in [0, CKD_SHA1_KDF_ASN1, CKD_SHA1_KDF_CONCATENATE, CKD_CPDIVERSIFY_KDF, u64::MAX] {
        assert_eq!(rv(agree(kdf, b"", 16)), CKR_MECHANISM_PARAM_INVALID, "{kdf}");
    }
    assert_eq!(rv(agree(CKD_NULL, b"shared", 16)), CKR_MECHANISM_PARAM_INVALID);
}
