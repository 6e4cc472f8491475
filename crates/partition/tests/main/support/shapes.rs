//! A template for each shape of object that the token keeps (`Shape` in the table of attributes).

use std::{collections::BTreeMap, sync::LazyLock};

use hsmsim_crypto::{
    digest::HashAlg,
    dsa::{generator, probable_primes},
    hss::{HssPrivateKey, Level},
};

use super::*;

/// A pair of keys, and what makes and describes it.
pub(crate) struct PairShape {
    /// Names of the public and of the private half.
    pub(crate) names: (&'static str, &'static str),
    /// CKK number.
    pub(crate) key_type: u64,
    /// What generates it.
    pub(crate) key_gen: u64,
    /// What the public template of the generation needs.
    pub(crate) needs: fn() -> Vec<Attribute>,
    /// What C_CreateObject needs for the public half.
    public: &'static [u64],
    /// What it needs for the private half.
    private: &'static [u64],
}

fn rsa() -> Vec<Attribute> {
    vec![Attribute::ulong(CKA_MODULUS_BITS, 1024)]
}

fn curve() -> Vec<Attribute> {
    vec![Attribute::bytes(CKA_EC_PARAMS, P256)]
}

fn edwards() -> Vec<Attribute> {
    vec![Attribute::bytes(CKA_EC_PARAMS, ED25519)]
}

fn montgomery() -> Vec<Attribute> {
    vec![Attribute::bytes(CKA_EC_PARAMS, X25519)]
}

fn set(number: u64) -> Vec<Attribute> {
    vec![Attribute::ulong(CKA_PARAMETER_SET, number)]
}

fn dh() -> Vec<Attribute> {
    vec![Attribute::bytes(CKA_PRIME, small_group().p), Attribute::bytes(CKA_BASE, [2])]
}

/// Parameters of DSA, made once: that takes long.
pub(crate) fn dsa_parameters() -> Vec<Attribute> {
    static MADE: LazyLock<[Vec<u8>; 3]> = LazyLock::new(|| {
        let primes = probable_primes(1024, 160, HashAlg::Sha256, None).unwrap();
        let g = generator(&primes.p, &primes.q, None).unwrap();
        [primes.p, primes.q, g]
    });
    let [p, q, g] = &*MADE;
    vec![
        Attribute::bytes(CKA_PRIME, &p[..]),
        Attribute::bytes(CKA_SUBPRIME, &q[..]),
        Attribute::bytes(CKA_BASE, &g[..]),
    ]
}

const ON_A_CURVE: (&[u64], &[u64]) = (&[CKA_EC_PARAMS, CKA_EC_POINT], &[CKA_EC_PARAMS, CKA_VALUE]);
const OF_A_FIELD: &[u64] = &[CKA_PRIME, CKA_SUBPRIME, CKA_BASE, CKA_VALUE];
const OF_DH: &[u64] = &[CKA_PRIME, CKA_BASE, CKA_VALUE];
const OF_A_SET: &[u64] = &[CKA_PARAMETER_SET, CKA_VALUE];
const SEEDED: &[u64] = &[CKA_PARAMETER_SET, CKA_SEED, CKA_VALUE];
const RSA_PRIVATE: &[u64] = &[
    CKA_MODULUS,
    CKA_PUBLIC_EXPONENT,
    CKA_PRIVATE_EXPONENT,
    CKA_PRIME_1,
    CKA_PRIME_2,
    CKA_EXPONENT_1,
    CKA_EXPONENT_2,
    CKA_COEFFICIENT,
];

/// Every kind of key pair. HSS has no private keys here.
#[rustfmt::skip]
pub(crate) static PAIRS: &[PairShape] = &[
    pair(("RSA public", "RSA private"), CKK_RSA, CKM_RSA_PKCS_KEY_PAIR_GEN, rsa,
        (&[CKA_MODULUS, CKA_PUBLIC_EXPONENT], RSA_PRIVATE)),
    pair(("EC public", "EC private"), CKK_EC, CKM_EC_KEY_PAIR_GEN, curve, ON_A_CURVE),
    pair(("Edwards public", "Edwards private"), CKK_EC_EDWARDS, CKM_EC_EDWARDS_KEY_PAIR_GEN, edwards,
        ON_A_CURVE),
    pair(("Montgomery public", "Montgomery private"), CKK_EC_MONTGOMERY,
        CKM_EC_MONTGOMERY_KEY_PAIR_GEN, montgomery, ON_A_CURVE),
    pair(("DSA public", "DSA private"), CKK_DSA, CKM_DSA_KEY_PAIR_GEN, dsa_parameters,
        (OF_A_FIELD, OF_A_FIELD)),
    pair(("DH public", "DH private"), CKK_DH, CKM_DH_PKCS_KEY_PAIR_GEN, dh, (OF_DH, OF_DH)),
    pair(("X9.42 public", "X9.42 private"), CKK_X9_42_DH, CKM_X9_42_DH_KEY_PAIR_GEN, dsa_parameters,
        (OF_A_FIELD, OF_A_FIELD)),
    pair(("ML-KEM public", "ML-KEM private"), CKK_ML_KEM, CKM_ML_KEM_KEY_PAIR_GEN,
        || set(CKP_ML_KEM_512), (OF_A_SET, SEEDED)),
    pair(("ML-DSA public", "ML-DSA private"), CKK_ML_DSA, CKM_ML_DSA_KEY_PAIR_GEN,
        || set(CKP_ML_DSA_44), (OF_A_SET, SEEDED)),
    pair(("SLH-DSA public", "SLH-DSA private"), CKK_SLH_DSA, CKM_SLH_DSA_KEY_PAIR_GEN,
        || set(CKP_SLH_DSA_SHA2_128F), (OF_A_SET, OF_A_SET)),
];

const fn pair(
    names: (&'static str, &'static str),
    key_type: u64,
    key_gen: u64,
    needs: fn() -> Vec<Attribute>,
    (public, private): (&'static [u64], &'static [u64]),
) -> PairShape {
    PairShape { names, key_type, key_gen, needs, public, private }
}

impl PairShape {
    /// The pair of which a shape is one half, and whether it is the private one.
    pub(crate) fn of(shape: &str) -> Option<(&'static Self, bool)> {
        PAIRS.iter().find_map(|pair| match pair.names {
            (public, _) if public == shape => Some((pair, false)),
            (_, private) if private == shape => Some((pair, true)),
            _ => None,
        })
    }
}

/// Class and kind of an object.
pub(crate) fn class(class: u64, kind: u64, value: u64) -> Vec<Attribute> {
    vec![Attribute::ulong(CKA_CLASS, class), Attribute::ulong(kind, value)]
}

/// A template that makes such an object with C_CreateObject.
pub(crate) fn template(shape: &str) -> Vec<Attribute> {
    static MADE: LazyLock<BTreeMap<&'static str, Vec<Attribute>>> = LazyLock::new(pairs);
    let bytes = |kind, value: &[u8]| Attribute::bytes(kind, value);
    let certificate = |kind| class(CKO_CERTIFICATE, CKA_CERTIFICATE_TYPE, kind);
    let domain = |kind| class(CKO_DOMAIN_PARAMETERS, CKA_KEY_TYPE, kind);
    match shape {
        "data" => vec![Attribute::ulong(CKA_CLASS, CKO_DATA)],
        "certificate" => {
            let parts = [bytes(CKA_SUBJECT, b"subject"), bytes(CKA_VALUE, b"certificate")];
            [certificate(CKC_X_509), parts.to_vec()].concat()
        }
        "attribute certificate" => {
            let parts = [bytes(CKA_OWNER, b"owner"), bytes(CKA_VALUE, b"certificate")];
            [certificate(CKC_X_509_ATTR_CERT), parts.to_vec()].concat()
        }
        "WTLS certificate" => {
            let parts = [bytes(CKA_SUBJECT, b"subject"), bytes(CKA_VALUE, b"certificate")];
            [certificate(CKC_WTLS), parts.to_vec()].concat()
        }
        "trust" => vec![
            Attribute::ulong(CKA_CLASS, CKO_TRUST),
            bytes(CKA_ISSUER, b"issuer"),
            bytes(CKA_SERIAL_NUMBER, b"1"),
            bytes(CKA_HASH_OF_CERTIFICATE, &[5; 32]),
            Attribute::ulong(CKA_NAME_HASH_ALGORITHM, CKM_SHA256),
        ],
        "DSA parameters" => [domain(CKK_DSA), dsa_parameters()].concat(),
        "DH parameters" => [domain(CKK_DH), dh()].concat(),
        "X9.42 parameters" => [domain(CKK_X9_42_DH), dsa_parameters()].concat(),
        "secret" => secret_key(CKK_AES, &[7; 16]),
        "OTP" => with(secret_key(CKK_HOTP, &[7; 20]), class(CKO_OTP_KEY, CKA_KEY_TYPE, CKK_HOTP)),
        pair => MADE.get(pair).unwrap_or_else(|| panic!("no shape {pair}")).clone(),
    }
}

/// The halves of one pair of each kind, read out of the token that made it, and a public key of HSS.
fn pairs() -> BTreeMap<&'static str, Vec<Attribute>> {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    // LMS_SHA256_M32_H5, LMOTS_SHA256_N32_W8 (RFC 8554, 3.3 and 4.1).
    let hss = HssPrivateKey::generate(&[Level { lms_type: 5, lmots_type: 4 }]).unwrap();
    let value = Attribute::bytes(CKA_VALUE, hss.public().to_bytes());
    let hss = [class(CKO_PUBLIC_KEY, CKA_KEY_TYPE, CKK_HSS), vec![value]].concat();
    let mut made = BTreeMap::from([("HSS public", hss)]);
    for pair in PAIRS {
        let readable = vec![no(CKA_SENSITIVE), yes(CKA_EXTRACTABLE)];
        let (public, private) = client.pair(pair.key_gen, (pair.needs)(), readable).unwrap();
        let mut half = |class_of, object, kinds: &[u64]| {
            let mut template = class(class_of, CKA_KEY_TYPE, pair.key_type);
            for &kind in kinds {
                match client.get(object, kind) {
                    AttributeResult::Value(value) => template.push(Attribute { kind, value }),
                    other => panic!("{kind:#x} of {:?}: {other:?}", pair.names),
                }
            }
            template
        };
        made.insert(pair.names.0, half(CKO_PUBLIC_KEY, public, pair.public));
        made.insert(pair.names.1, half(CKO_PRIVATE_KEY, private, pair.private));
    }
    made
}
