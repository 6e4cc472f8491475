//! Signatures, and RSA encryption.

use hsmsim_crypto::digest::{HashAlg, hash};
use hsmsim_partition::api::OperationKind::Decrypt;

use super::*;

/// A hash that signatures take: its name, CKM and CKG number, PKCS#1, PSS, ECDSA, DSA (0: none).
#[rustfmt::skip]
const HASHES: [(&str, u64, u64, [u64; 4]); 11] = [
    ("md5", CKM_MD5, 0, [CKM_MD5_RSA_PKCS, 0, 0, 0]),
    ("ripemd160", CKM_RIPEMD160, 0, [CKM_RIPEMD160_RSA_PKCS, 0, 0, 0]),
    ("sha1", CKM_SHA_1, CKG_MGF1_SHA1, [CKM_SHA1_RSA_PKCS, CKM_SHA1_RSA_PKCS_PSS, CKM_ECDSA_SHA1, CKM_DSA_SHA1]),
    ("sha224", CKM_SHA224, CKG_MGF1_SHA224, [CKM_SHA224_RSA_PKCS, CKM_SHA224_RSA_PKCS_PSS, CKM_ECDSA_SHA224, CKM_DSA_SHA224]),
    ("sha256", CKM_SHA256, CKG_MGF1_SHA256, [CKM_SHA256_RSA_PKCS, CKM_SHA256_RSA_PKCS_PSS, CKM_ECDSA_SHA256, CKM_DSA_SHA256]),
    ("sha384", CKM_SHA384, CKG_MGF1_SHA384, [CKM_SHA384_RSA_PKCS, CKM_SHA384_RSA_PKCS_PSS, CKM_ECDSA_SHA384, CKM_DSA_SHA384]),
    ("sha512", CKM_SHA512, CKG_MGF1_SHA512, [CKM_SHA512_RSA_PKCS, CKM_SHA512_RSA_PKCS_PSS, CKM_ECDSA_SHA512, CKM_DSA_SHA512]),
    ("sha3_224", CKM_SHA3_224, CKG_MGF1_SHA3_224, [CKM_SHA3_224_RSA_PKCS, CKM_SHA3_224_RSA_PKCS_PSS, CKM_ECDSA_SHA3_224, CKM_DSA_SHA3_224]),
    ("sha3_256", CKM_SHA3_256, CKG_MGF1_SHA3_256, [CKM_SHA3_256_RSA_PKCS, CKM_SHA3_256_RSA_PKCS_PSS, CKM_ECDSA_SHA3_256, CKM_DSA_SHA3_256]),
    ("sha3_384", CKM_SHA3_384, CKG_MGF1_SHA3_384, [CKM_SHA3_384_RSA_PKCS, CKM_SHA3_384_RSA_PKCS_PSS, CKM_ECDSA_SHA3_384, CKM_DSA_SHA3_384]),
    ("sha3_512", CKM_SHA3_512, CKG_MGF1_SHA3_512, [CKM_SHA3_512_RSA_PKCS, CKM_SHA3_512_RSA_PKCS_PSS, CKM_ECDSA_SHA3_512, CKM_DSA_SHA3_512]),
];

/// The vendor's numbers for the same.
const ALSO: [(u64, u64); 6] = [
    (CKM_ECDSA_SHA224, CKM_LUNA_ECDSA_SHA224),
    (CKM_ECDSA_SHA256, CKM_LUNA_ECDSA_SHA256),
    (CKM_ECDSA_SHA384, CKM_LUNA_ECDSA_SHA384),
    (CKM_ECDSA_SHA512, CKM_LUNA_ECDSA_SHA512),
    (CKM_DSA_SHA224, CKM_LUNA_DSA_SHA224),
    (CKM_DSA_SHA256, CKM_LUNA_DSA_SHA256),
];

fn public(key_type: u64) -> Vec<Attribute> {
    let class = Attribute::ulong(CKA_CLASS, CKO_PUBLIC_KEY);
    vec![class, Attribute::ulong(CKA_KEY_TYPE, key_type)]
}

fn private(key_type: u64) -> Vec<Attribute> {
    let class = Attribute::ulong(CKA_CLASS, CKO_PRIVATE_KEY);
    vec![class, Attribute::ulong(CKA_KEY_TYPE, key_type)]
}

/// The RSA key of the file, public half first.
pub(super) fn rsa_key(known: &Known, client: &mut Client) -> (ObjectId, ObjectId) {
    let part = |kind, name: &str| Attribute::bytes(kind, known.get(&format!("rsa.{name}")));
    let both = [part(CKA_MODULUS, "n"), Attribute::bytes(CKA_PUBLIC_EXPONENT, [1, 0, 1])];
    let secret = [
        part(CKA_PRIVATE_EXPONENT, "d"),
        part(CKA_PRIME_1, "p"),
        part(CKA_PRIME_2, "q"),
        part(CKA_EXPONENT_1, "dp"),
        part(CKA_EXPONENT_2, "dq"),
        part(CKA_COEFFICIENT, "qi"),
    ];
    let uses = [CKA_SIGN, CKA_DECRYPT, CKA_UNWRAP, CKA_DERIVE].map(yes);
    let public = [public(CKK_RSA), both.to_vec()].concat();
    let private = [private(CKK_RSA), both.to_vec(), secret.to_vec(), uses.to_vec()].concat();
    (client.create(public).unwrap(), client.create(private).unwrap())
}

pub(super) fn rsa() -> Vec<u64> {
    let (known, mut client, mut covered) = (Known::read(), officer(), Vec::new());
    let pair = rsa_key(&known, &mut client);
    for (name, hash, mgf, [pkcs, pss, ..]) in HASHES {
        let expected = known.get(&format!("rsa_pkcs.{name}"));
        signs(&mut client, &Mechanism::plain(pkcs), pair, b"abc", &expected);
        covered.push(pkcs);
        if pss != 0 {
            let digest = known.get(&format!("digest.{name}"));
            let params = Params::Pss { hash, mgf, salt_len: digest.len() as u64 };
            let signature = known.get(&format!("rsa_pss.{name}"));
            verifies(&mut client, &mechanism(pss, params.clone()), pair.0, b"abc", &signature);
            let given = mechanism(CKM_RSA_PKCS_PSS, params);
            verifies(&mut client, &given, pair.0, &digest, &signature);
            covered.extend([pss, CKM_RSA_PKCS_PSS]);
        }
    }
    let sha1 = known.get("digest.sha1");
    let bare = Mechanism::plain(CKM_RSA_PKCS);
    signs(&mut client, &bare, pair, &sha1, &known.get("rsa_pkcs_bare.out"));
    let raw = Mechanism::plain(CKM_RSA_X_509);
    signs(&mut client, &raw, pair, &known.get("rsa_raw.in"), &known.get("rsa_raw.out"));
    let x931 = known.get("rsa_x931.sha1");
    signs(&mut client, &Mechanism::plain(CKM_SHA1_RSA_X9_31), pair, b"abc", &x931);
    let with_trailer = [&sha1[..], &[0x33, 0xcc]].concat();
    let given = Mechanism::plain(CKM_RSA_X9_31);
    assert_eq!(client.sign(&given, pair.1, &with_trailer).unwrap(), x931);

    let (hash, mgf) = (CKM_SHA256, CKG_MGF1_SHA1);
    let oaep = Params::Oaep { hash, mgf, source: CKZ_DATA_SPECIFIED, label: vec![] };
    for (mechanism, name) in [
        (Mechanism::plain(CKM_RSA_PKCS), "rsa_pkcs.encrypted"),
        (mechanism(CKM_RSA_PKCS_OAEP, oaep), "rsa_oaep.encrypted"),
    ] {
        let opened = client.one_part(Decrypt, &mechanism, Some(pair.1), &known.get(name));
        assert_eq!(opened.unwrap(), b"a message", "{name}");
    }
    let others =
        [CKM_RSA_PKCS, CKM_RSA_X_509, CKM_RSA_X9_31, CKM_SHA1_RSA_X9_31, CKM_RSA_PKCS_OAEP];
    covered.extend(others);
    covered
}

pub(super) fn elliptic_and_finite() -> Vec<u64> {
    let (known, mut client, mut covered) = (Known::read(), officer(), Vec::new());
    let ec = [
        public(CKK_EC),
        vec![
            Attribute::bytes(CKA_EC_PARAMS, P256),
            Attribute::bytes(CKA_EC_POINT, [&[4, 65][..], &known.get("ec.point")].concat()),
        ],
    ];
    let dsa = [
        public(CKK_DSA),
        vec![
            Attribute::bytes(CKA_PRIME, known.get("dsa.p")),
            Attribute::bytes(CKA_SUBPRIME, known.get("dsa.q")),
            Attribute::bytes(CKA_BASE, known.get("dsa.g")),
            Attribute::bytes(CKA_VALUE, known.get("dsa.y")),
        ],
    ];
    let (ec, dsa) = (client.create(ec.concat()).unwrap(), client.create(dsa.concat()).unwrap());
    for (name, _, _, [.., of_ec, of_dsa]) in HASHES.into_iter().filter(|row| row.3[2] != 0) {
        let digest = known.get(&format!("digest.{name}"));
        for (hashes, bare, key, scheme) in
            [(of_ec, CKM_ECDSA, ec, "ecdsa"), (of_dsa, CKM_DSA, dsa, "dsa")]
        {
            let signature = known.get(&format!("{scheme}.{name}"));
            let vendors = ALSO.iter().filter(|row| row.0 == hashes).map(|row| row.1);
            for kind in vendors.chain([hashes]) {
                verifies(&mut client, &Mechanism::plain(kind), key, b"abc", &signature);
                covered.push(kind);
            }
            let code = client.verify(&Mechanism::plain(bare), key, &digest, &signature);
            assert_eq!(code, CKR_OK, "{scheme}, {name}");
            covered.push(bare);
        }
    }
    covered
}

/// RFC 8032, 7.1, TEST 2: private key, public key, signature of 72.
const ED25519_2: [&str; 3] = [
    "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
    "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
     085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
];

pub(super) fn edwards() -> Vec<u64> {
    let mut client = officer();
    let [value, point, signature] = ED25519_2.map(derivation::hex);
    let curve = || Attribute::bytes(CKA_EC_PARAMS, ED25519);
    let point = Attribute::bytes(CKA_EC_POINT, [&[4, 32][..], &point].concat());
    let pair = (
        client.create([public(CKK_EC_EDWARDS), vec![curve(), point]].concat()).unwrap(),
        client
            .create(
                [private(CKK_EC_EDWARDS), vec![curve(), Attribute::bytes(CKA_VALUE, value)]]
                    .concat(),
            )
            .unwrap(),
    );
    for kind in [CKM_EDDSA, CKM_LUNA_EDDSA] {
        signs(&mut client, &Mechanism::plain(kind), pair, &[0x72], &signature);
    }
    vec![CKM_EDDSA, CKM_LUNA_EDDSA]
}

/// The hashes of pre-hashed signatures: name, CKM number of the hash, HashML-DSA, HashSLH-DSA.
#[rustfmt::skip]
pub(super) const PRE_HASHES: [(&str, u64, [u64; 2]); 10] = [
    ("sha224", CKM_SHA224, [CKM_HASH_ML_DSA_SHA224, CKM_HASH_SLH_DSA_SHA224]),
    ("sha256", CKM_SHA256, [CKM_HASH_ML_DSA_SHA256, CKM_HASH_SLH_DSA_SHA256]),
    ("sha384", CKM_SHA384, [CKM_HASH_ML_DSA_SHA384, CKM_HASH_SLH_DSA_SHA384]),
    ("sha512", CKM_SHA512, [CKM_HASH_ML_DSA_SHA512, CKM_HASH_SLH_DSA_SHA512]),
    ("sha3_224", CKM_SHA3_224, [CKM_HASH_ML_DSA_SHA3_224, CKM_HASH_SLH_DSA_SHA3_224]),
    ("sha3_256", CKM_SHA3_256, [CKM_HASH_ML_DSA_SHA3_256, CKM_HASH_SLH_DSA_SHA3_256]),
    ("sha3_384", CKM_SHA3_384, [CKM_HASH_ML_DSA_SHA3_384, CKM_HASH_SLH_DSA_SHA3_384]),
    ("sha3_512", CKM_SHA3_512, [CKM_HASH_ML_DSA_SHA3_512, CKM_HASH_SLH_DSA_SHA3_512]),
    ("shake128", 0, [CKM_HASH_ML_DSA_SHAKE128, CKM_HASH_SLH_DSA_SHAKE128]),
    ("shake256", 0, [CKM_HASH_ML_DSA_SHAKE256, CKM_HASH_SLH_DSA_SHAKE256]),
];

pub(super) fn deterministic(hash: Option<u64>) -> Params {
    Params::SignContext { hedge: CKH_DETERMINISTIC_REQUIRED, context: vec![], hash }
}

/// A signature whose SHA-256 is known, and which verifies.
fn signs_to_hash(
    client: &mut Client,
    mechanism: &Mechanism,
    (public, private): (ObjectId, ObjectId),
    data: &[u8],
    expected: &[u8],
) {
    let signature = client.sign(mechanism, private, data).unwrap();
    assert_eq!(hash(HashAlg::Sha256, &signature), expected, "{mechanism:?}");
    verifies(client, mechanism, public, data, &signature);
}

pub(super) fn ml_dsa() -> Vec<u64> {
    let (known, mut client) = (Known::read(), officer());
    let set = || Attribute::ulong(CKA_PARAMETER_SET, CKP_ML_DSA_44);
    let value = Attribute::bytes(CKA_VALUE, known.get("ml_dsa.public"));
    let seed = Attribute::bytes(CKA_SEED, counting(0, 32));
    let pair = (
        client.create([public(CKK_ML_DSA), vec![set(), value]].concat()).unwrap(),
        client.create([private(CKK_ML_DSA), vec![set(), seed]].concat()).unwrap(),
    );
    let pure = mechanism(CKM_ML_DSA, deterministic(None));
    signs_to_hash(&mut client, &pure, pair, b"abc", &known.get("ml_dsa.pure"));
    // The vendor's mechanism takes random numbers: what it signs is what the other verifies.
    let external = Mechanism::plain(CKM_LUNA_EXTMU_ML_DSA);
    let signature = client.sign(&pure, pair.1, b"abc").unwrap();
    verifies(&mut client, &external, pair.0, &known.get("ml_dsa.mu"), &signature);
    let signature = client.sign(&external, pair.1, &known.get("ml_dsa.mu")).unwrap();
    verifies(&mut client, &pure, pair.0, b"abc", &signature);

    let mut covered = vec![CKM_ML_DSA, CKM_LUNA_EXTMU_ML_DSA];
    for (name, kind, [hashes, _]) in PRE_HASHES {
        let expected = known.get(&format!("ml_dsa.{name}"));
        let hashed = mechanism(hashes, deterministic(None));
        signs_to_hash(&mut client, &hashed, pair, b"abc", &expected);
        covered.push(hashes);
        if kind != 0 {
            let given = mechanism(CKM_HASH_ML_DSA, deterministic(Some(kind)));
            let digest = known.get(&format!("digest.{name}"));
            signs_to_hash(&mut client, &given, pair, &digest, &expected);
            covered.push(CKM_HASH_ML_DSA);
        }
    }
    covered
}

pub(super) fn slh_dsa() -> Vec<u64> {
    let (known, mut client) = (Known::read(), officer());
    let set = || Attribute::ulong(CKA_PARAMETER_SET, CKP_SLH_DSA_SHA2_128F);
    let value = |name| Attribute::bytes(CKA_VALUE, known.get(name));
    let pair = (
        client
            .create([public(CKK_SLH_DSA), vec![set(), value("slh_dsa.public")]].concat())
            .unwrap(),
        client
            .create([private(CKK_SLH_DSA), vec![set(), value("slh_dsa.secret")]].concat())
            .unwrap(),
    );
    let pure = mechanism(CKM_SLH_DSA, deterministic(None));
    signs_to_hash(&mut client, &pure, pair, b"abc", &known.get("slh_dsa.pure"));
    let given = mechanism(CKM_HASH_SLH_DSA, deterministic(Some(CKM_SHA256)));
    let digest = known.get("digest.sha256");
    signs_to_hash(&mut client, &given, pair, &digest, &known.get("slh_dsa.sha256"));
    let mut covered = vec![CKM_SLH_DSA, CKM_HASH_SLH_DSA];
    for (name, _, [_, hashes]) in PRE_HASHES {
        let hashed = mechanism(hashes, deterministic(None));
        signs_to_hash(&mut client, &hashed, pair, b"abc", &known.get(&format!("slh_dsa.{name}")));
        covered.push(hashes);
    }
    covered
}

pub(super) fn hss() -> Vec<u64> {
    let mut client = officer();
    let text = include_str!("../../../../crypto/tests/main/hss.txt");
    let blocks: Vec<_> =
        text.split("\n[").skip(1).filter(|block| block.starts_with("RFC")).collect();
    assert_eq!(blocks.len(), 2);
    for block in blocks {
        let field = |name: &str| {
            let found = block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(" = "));
            derivation::hex(found.unwrap())
        };
        let value = Attribute::bytes(CKA_VALUE, field("public"));
        let key = client.create([public(CKK_HSS), vec![value]].concat()).unwrap();
        let hss = Mechanism::plain(CKM_HSS);
        verifies(&mut client, &hss, key, &field("message"), &field("signature"));
    }
    vec![CKM_HSS]
}
