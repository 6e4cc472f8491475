//! NIST's Automated Cryptographic Validation Protocol, what is newer than the program before it: post-quantum
//! algorithms, and PSS with SHA-3. The cases are in `data/acvp.txt`.

use super::{
    cases::{Case, cases, key, public_half},
    signatures::{PRE_HASHES, deterministic},
    *,
};

const ACVP: &str = include_str!("data/acvp.txt");

/// The number of a parameter set by its name in ACVP.
fn set(case: &Case) -> Attribute {
    let number = match case.text("set") {
        "ML-KEM-512" => CKP_ML_KEM_512,
        "ML-KEM-768" => CKP_ML_KEM_768,
        "ML-KEM-1024" => CKP_ML_KEM_1024,
        "ML-DSA-44" => CKP_ML_DSA_44,
        "ML-DSA-65" => CKP_ML_DSA_65,
        "ML-DSA-87" => CKP_ML_DSA_87,
        "SLH-DSA-SHA2-128s" => CKP_SLH_DSA_SHA2_128S,
        "SLH-DSA-SHA2-128f" => CKP_SLH_DSA_SHA2_128F,
        "SLH-DSA-SHA2-192s" => CKP_SLH_DSA_SHA2_192S,
        "SLH-DSA-SHA2-192f" => CKP_SLH_DSA_SHA2_192F,
        "SLH-DSA-SHA2-256s" => CKP_SLH_DSA_SHA2_256S,
        "SLH-DSA-SHA2-256f" => CKP_SLH_DSA_SHA2_256F,
        "SLH-DSA-SHAKE-128s" => CKP_SLH_DSA_SHAKE_128S,
        "SLH-DSA-SHAKE-128f" => CKP_SLH_DSA_SHAKE_128F,
        "SLH-DSA-SHAKE-192s" => CKP_SLH_DSA_SHAKE_192S,
        "SLH-DSA-SHAKE-192f" => CKP_SLH_DSA_SHAKE_192F,
        "SLH-DSA-SHAKE-256s" => CKP_SLH_DSA_SHAKE_256S,
        "SLH-DSA-SHAKE-256f" => CKP_SLH_DSA_SHAKE_256F,
        other => panic!("{other}"),
    };
    Attribute::ulong(CKA_PARAMETER_SET, number)
}

/// The hash function of a case as `PRE_HASHES` names it.
fn hash_name(case: &Case) -> String {
    let name = case.text("hash").to_lowercase();
    match name.split_once('-').unwrap() {
        ("sha2", bits) => format!("sha{bits}"),
        ("shake", bits) => format!("shake{bits}"),
        (family, bits) => format!("{family}_{bits}"),
    }
}

/// What one signature algorithm has: its type, bare mechanism, the one that takes a digest, the column of
/// those that hash.
type Algorithm = (&'static str, u64, u64, u64, usize);

/// Signs each case of a folder, and gives the mechanisms that did.
fn signatures((folder, key_type, bare, of_digest, column): Algorithm) -> Vec<u64> {
    let (mut client, mut covered) = (officer(), BTreeSet::new());
    for case in cases(ACVP, folder) {
        let parts = vec![set(&case), case.part(CKA_VALUE, "secret"), yes(CKA_SIGN)];
        let private = client.create(key(CKO_PRIVATE_KEY, key_type, parts)).unwrap();
        let public = public_half(&mut client, private);
        let (message, context) = (case.bytes("message"), case.bytes("context"));
        let mut signs = |kind, hash, data: &[u8]| {
            let Params::SignContext { hedge, .. } = deterministic(None) else { panic!() };
            let context = context.clone();
            let with = mechanism(kind, Params::SignContext { hedge, context, hash });
            let signature = client.sign(&with, private, data).unwrap();
            case.is("signature", &signature);
            verifies(&mut client, &with, public, data, &signature);
            covered.insert(kind);
        };
        if !case.has("hash") {
            signs(bare, None, &message);
            continue;
        }
        let name = hash_name(&case);
        let row = PRE_HASHES.iter().find(|row| row.0 == name).unwrap();
        signs(row.2[column], None, &message);
        if row.1 != 0 {
            let digest = hsmsim_crypto::digest::hash(function(row.1), &message);
            signs(of_digest, Some(row.1), &digest);
        }
    }
    covered.into_iter().collect()
}

fn function(kind: u64) -> hsmsim_crypto::digest::HashAlg {
    use hsmsim_crypto::digest::HashAlg::*;
    match kind {
        CKM_SHA224 => Sha224,
        CKM_SHA256 => Sha256,
        CKM_SHA384 => Sha384,
        CKM_SHA512 => Sha512,
        CKM_SHA3_224 => Sha3_224,
        CKM_SHA3_256 => Sha3_256,
        CKM_SHA3_384 => Sha3_384,
        _ => Sha3_512,
    }
}

pub(super) fn ml_dsa() -> Vec<u64> {
    signatures(("ML-DSA-sigGen-FIPS204", CKK_ML_DSA, CKM_ML_DSA, CKM_HASH_ML_DSA, 0))
}

pub(super) fn slh_dsa() -> Vec<u64> {
    signatures(("SLH-DSA-sigGen-FIPS205", CKK_SLH_DSA, CKM_SLH_DSA, CKM_HASH_SLH_DSA, 1))
}

/// The keys that seeds lead to, seen by the public one.
pub(super) fn public_keys() -> Vec<u64> {
    let mut client = officer();
    for (folder, key_type, of) in [
        ("ML-KEM-keyGen-FIPS203", CKK_ML_KEM, (CKA_SEED, "seed")),
        ("ML-DSA-keyGen-FIPS204", CKK_ML_DSA, (CKA_SEED, "seed")),
        ("SLH-DSA-keyGen-FIPS205", CKK_SLH_DSA, (CKA_VALUE, "secret")),
    ] {
        for case in cases(ACVP, folder) {
            let parts = vec![set(&case), case.part(of.0, of.1)];
            let private = client.create(key(CKO_PRIVATE_KEY, key_type, parts)).unwrap();
            let public = public_half(&mut client, private);
            case.is("public", &client.bytes(public, CKA_VALUE));
        }
    }
    vec![CKM_PUB_KEY_FROM_PRIV_KEY]
}

/// PSS with SHA3-256, the only function of SHA-3 that NIST has it with.
pub(super) fn pss() -> Vec<u64> {
    let mut client = officer();
    for case in cases(ACVP, "RSA-SigVer-FIPS186-5") {
        let parts = vec![case.part(CKA_MODULUS, "n"), case.part(CKA_PUBLIC_EXPONENT, "e")];
        let public = client.create(key(CKO_PUBLIC_KEY, CKK_RSA, parts)).unwrap();
        let params = Params::Pss { hash: CKM_SHA3_256, mgf: CKG_MGF1_SHA3_256, salt_len: 32 };
        let pss = mechanism(CKM_SHA3_256_RSA_PKCS_PSS, params);
        let (message, signature) = (case.bytes("message"), case.bytes("signature"));
        verifies(&mut client, &pss, public, &message, &signature);
    }
    vec![CKM_SHA3_256_RSA_PKCS_PSS]
}
