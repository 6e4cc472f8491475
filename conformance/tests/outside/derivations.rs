//! Derivations: the token's keys are those that OpenSSL derives. What OpenSSL 3.0 has no function for is
//! put together here from its MACs and digests, by the document that each row names.

use cryptoki_sys::*;
use hsmsim_conformance::{
    case::{Mechanism, Template},
    openssl,
};
use hsmsim_tests::{apart::apart, test_name};
use hsmsim_types::ck::*;

use super::{
    pairs::{Kind, Pairs},
    token::{Token, each, hex, module, pattern, raw, readable, sandbox},
};

/// What the keys of a row come from.
struct Base {
    key_type: CK_ULONG,
    value: Vec<u8>,
}

/// Mechanism and name; the base key; the parameters; what has to come out.
type Row = (
    CK_MECHANISM_TYPE,
    &'static str,
    fn() -> Base,
    fn(&Token<'_>, CK_MECHANISM_TYPE) -> Mechanism,
    fn(&[u8]) -> Vec<u8>,
);

macro_rules! rows {
    ($($kind:ident $base:expr, $mechanism:expr, $wanted:expr;)*) => {
        &[$(($kind, stringify!($kind), || $base, $mechanism, $wanted)),*]
    };
}

fn generic(len: usize) -> Base {
    Base { key_type: CKK_GENERIC_SECRET, value: pattern(len) }
}

fn of(key_type: CK_ULONG, len: usize) -> Base {
    Base { key_type, value: pattern(len) }
}

/// A premaster secret that one side has made.
fn premaster() -> Base {
    let mut value = pattern(48);
    value[..2].copy_from_slice(&[3, 3]);
    Base { key_type: CKK_GENERIC_SECRET, value }
}

const SALT: &[u8] = b"salt and more of it";
const INFO: &[u8] = b"info";
const LABEL: &[u8] = b"label";
const CONTEXT: &[u8] = b"context";
const CLIENT: [u8; 32] = [0xc1; 32];
const SERVER: [u8; 32] = [0x5e; 32];

#[rustfmt::skip]
const ROWS: &[Row] = rows! {
    CKM_HKDF_DERIVE generic(32), |_, kind| hkdf(kind, true, true, CKM_SHA256, SALT, INFO),
        |key| kdf("HKDF", &format!("mode:EXTRACT_AND_EXPAND digest:SHA256 hexkey:{} hexsalt:{} hexinfo:{}", hex(key), hex(SALT), hex(INFO)), 77);
    CKM_HKDF_DERIVE generic(20), |_, kind| hkdf(kind, true, true, CKM_SHA_1, SALT, INFO),
        |key| kdf("HKDF", &format!("mode:EXTRACT_AND_EXPAND digest:SHA1 hexkey:{} hexsalt:{} hexinfo:{}", hex(key), hex(SALT), hex(INFO)), 77);
    CKM_HKDF_DERIVE generic(32), |_, kind| hkdf(kind, true, false, CKM_SHA512, SALT, &[]),
        |key| kdf("HKDF", &format!("mode:EXTRACT_ONLY digest:SHA512 hexkey:{} hexsalt:{}", hex(key), hex(SALT)), 64);
    CKM_HKDF_DERIVE of(CKK_HKDF, 48), |_, kind| hkdf(kind, false, true, CKM_SHA384, &[], INFO),
        |key| kdf("HKDF", &format!("mode:EXPAND_ONLY digest:SHA384 hexkey:{} hexinfo:{}", hex(key), hex(INFO)), 200);
    CKM_HKDF_DERIVE generic(32), |_, kind| hkdf(kind, true, true, CKM_SHA3_256, SALT, INFO),
        |key| kdf("HKDF", &format!("mode:EXTRACT_AND_EXPAND digest:SHA3-256 hexkey:{} hexsalt:{} hexinfo:{}", hex(key), hex(SALT), hex(INFO)), 77);

    CKM_SHA512_T_KEY_DERIVATION generic(40), |_, kind| Mechanism::bytes(kind, &224_u64.to_ne_bytes()),
        |key| openssl::digest("SHA512-224", key).expect("a digest");
    CKM_SHA512_T_KEY_DERIVATION generic(200), |_, kind| Mechanism::bytes(kind, &256_u64.to_ne_bytes()),
        |key| openssl::digest("SHA512-256", key).expect("a digest");

    CKM_SP800_108_COUNTER_KDF generic(32), |_, kind| sp800_108(kind, CKM_SHA256_HMAC, &[]),
        |key| kdf("KBKDF", &format!("mode:COUNTER mac:HMAC digest:SHA256 {}", labelled(key)), 77);
    CKM_SP800_108_COUNTER_KDF of(CKK_AES, 16), |_, kind| sp800_108(kind, CKM_AES_CMAC, &[]),
        |key| kdf("KBKDF", &format!("mode:COUNTER mac:CMAC cipher:AES-128-CBC {}", labelled(key)), 77);
    CKM_SP800_108_COUNTER_KDF of(CKK_AES, 32), |_, kind| sp800_108(kind, CKM_AES_CMAC, &[]),
        |key| kdf("KBKDF", &format!("mode:COUNTER mac:CMAC cipher:AES-256-CBC {}", labelled(key)), 16);
    CKM_SP800_108_COUNTER_KDF generic(32), |_, kind| sp800_108(kind, CKM_SHA3_512_HMAC, &[]),
        |key| kdf("KBKDF", &format!("mode:COUNTER mac:HMAC digest:SHA3-512 {}", labelled(key)), 100);
    CKM_SP800_108_FEEDBACK_KDF generic(32), |_, kind| sp800_108(kind, CKM_SHA256_HMAC, &[]),
        |key| kdf("KBKDF", &format!("mode:FEEDBACK mac:HMAC digest:SHA256 {}", labelled(key)), 77);
    CKM_SP800_108_FEEDBACK_KDF generic(32), |_, kind| sp800_108(kind, CKM_SHA384_HMAC, &[7; 48]),
        |key| kdf("KBKDF", &format!("mode:FEEDBACK mac:HMAC digest:SHA384 hexseed:{} {}", hex(&[7; 48]), labelled(key)), 77);
    CKM_SP800_108_FEEDBACK_KDF of(CKK_AES, 16), |_, kind| sp800_108(kind, CKM_AES_CMAC, &[7; 16]),
        |key| kdf("KBKDF", &format!("mode:FEEDBACK mac:CMAC cipher:AES-128-CBC hexseed:{} {}", hex(&[7; 16]), labelled(key)), 40);
    // SP 800-108, 5.3; OpenSSL has no such mode.
    CKM_SP800_108_DOUBLE_PIPELINE_KDF generic(32), |_, kind| sp800_108(kind, CKM_SHA256_HMAC, &[]),
        |key| double_pipeline("SHA256", key, 77);

    CKM_NIST_PRF_KDF generic(32), |_, kind| luna(kind, CK_NIST_PRF_KDF_HMAC_SHA256),
        |key| kdf("KBKDF", &format!("mode:COUNTER mac:HMAC digest:SHA256 {}", labelled(key)), 64);
    CKM_NIST_PRF_KDF of(CKK_AES, 32), |_, kind| luna(kind, CK_NIST_PRF_KDF_AES_CMAC),
        |key| kdf("KBKDF", &format!("mode:COUNTER mac:CMAC cipher:AES-256-CBC {}", labelled(key)), 48);
    CKM_PRF_KDF generic(32), |_, kind| luna(kind, CK_NIST_PRF_KDF_HMAC_SHA512),
        |key| kdf("KBKDF", &format!("mode:COUNTER mac:HMAC digest:SHA512 {}", labelled(key)), 64);
    CKM_PRF_KDF of(CKK_ARIA, 16), |_, kind| luna(kind, CK_PRF_KDF_ARIA_CMAC),
        |key| kdf("KBKDF", &format!("mode:COUNTER mac:CMAC cipher:ARIA-128-CBC {}", labelled(key)), 48);

    CKM_TLS12_MASTER_KEY_DERIVE premaster(), |_, kind| tls12_master(kind, CKM_SHA256, true),
        |key| prf("SHA256", key, &[b"master secret", &CLIENT, &SERVER], 48);
    CKM_TLS12_MASTER_KEY_DERIVE premaster(), |_, kind| tls12_master(kind, CKM_SHA384, true),
        |key| prf("SHA384", key, &[b"master secret", &CLIENT, &SERVER], 48);
    CKM_TLS12_MASTER_KEY_DERIVE_DH generic(66), |_, kind| tls12_master(kind, CKM_SHA256, false),
        |key| prf("SHA256", key, &[b"master secret", &CLIENT, &SERVER], 48);
    CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE premaster(), |_, kind| extended_master(kind, true),
        |key| prf("SHA256", key, &[b"extended master secret", &[9; 32]], 48);
    CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE_DH generic(32), |_, kind| extended_master(kind, false),
        |key| prf("SHA256", key, &[b"extended master secret", &[9; 32]], 48);
    CKM_TLS_MASTER_KEY_DERIVE premaster(), |_, kind| old_master(kind, true),
        |key| prf("MD5-SHA1", key, &[b"master secret", &CLIENT, &SERVER], 48);
    CKM_TLS_MASTER_KEY_DERIVE_DH generic(128), |_, kind| old_master(kind, false),
        |key| prf("MD5-SHA1", key, &[b"master secret", &CLIENT, &SERVER], 48);
    CKM_TLS12_KDF generic(48), |_, kind| tls_kdf(kind, CKM_SHA256),
        |key| prf("SHA256", key, &[LABEL, &CLIENT, &SERVER, &[0, 7], CONTEXT], 77);
    CKM_TLS_KDF generic(48), |_, kind| tls_kdf(kind, CKM_TLS_PRF),
        |key| prf("MD5-SHA1", key, &[LABEL, &CLIENT, &SERVER, &[0, 7], CONTEXT], 77);

    // RFC 2409, 5 and its appendix B; RFC 7296, 2.13 and 2.14.
    CKM_IKE_PRF_DERIVE generic(32), |_, kind| ike_prf(kind, CKM_SHA256_HMAC, true),
        |key| hmac("SHA256", &[CLIENT, SERVER].concat(), key);
    CKM_IKE_PRF_DERIVE generic(32), |_, kind| ike_prf(kind, CKM_SHA_1_HMAC, false),
        |key| hmac("SHA1", key, &[CLIENT, SERVER].concat());
    CKM_IKE1_PRF_DERIVE generic(32), |token, kind| ike1_prf(token, kind, 1),
        |key| hmac("SHA256", key, &[&[4; 24][..], &[5; 40], &CLIENT[..8], &SERVER[..8], &[1]].concat());
    CKM_IKE1_EXTENDED_DERIVE generic(32), |_, kind| ike1_extended(kind), ike1_longer;
    CKM_IKE2_PRF_PLUS_DERIVE generic(32), |_, kind| ike2(kind), |key| prf_plus("SHA256", key, SALT, 100);

    CKM_SHAKE_128_KEY_DERIVATION generic(40), |_, kind| Mechanism::plain(kind),
        |key| openssl::expand("SHAKE-128", key, 77).expect("an XOF");
    CKM_SHAKE_256_KEY_DERIVATION generic(40), |_, kind| Mechanism::plain(kind),
        |key| openssl::expand("SHAKE-256", key, 77).expect("an XOF");

    CKM_CONCATENATE_BASE_AND_KEY generic(16), |token, kind| {
            let other = token.secret(CKK_GENERIC_SECRET, &[4; 9]);
            Mechanism::bytes(kind, &other.to_ne_bytes())
        }, |key| [key, &[4; 9]].concat();
    CKM_CONCATENATE_BASE_AND_DATA generic(16), |_, kind| string(kind), |key| [key, SALT].concat();
    CKM_CONCATENATE_DATA_AND_BASE generic(16), |_, kind| string(kind), |key| [SALT, key].concat();
    CKM_XOR_BASE_AND_DATA generic(16), |_, kind| string(kind),
        |key| key.iter().zip(SALT).map(|(one, other)| one ^ other).collect();
    CKM_EXTRACT_KEY_FROM_KEY generic(16), |_, kind| Mechanism::bytes(kind, &24_u64.to_ne_bytes()),
        |key| key[3..8].to_vec();
};

/// Every mechanism of this file.
pub(crate) fn kinds() -> impl Iterator<Item = CK_MECHANISM_TYPE> {
    let material = MATERIAL.iter().map(|row| row.0);
    ROWS.iter().map(|row| row.0).chain(material).chain([
        CKM_HKDF_DATA,
        CKM_PKCS5_PBKD2,
        CKM_PUB_KEY_FROM_PRIV_KEY,
    ])
}

fn kdf(name: &str, options: &str, len: usize) -> Vec<u8> {
    openssl::derive(name, options, len).unwrap_or_else(|| panic!("{name} {options}"))
}

fn prf(digest: &str, secret: &[u8], seed: &[&[u8]], len: usize) -> Vec<u8> {
    let (secret, seed) = (hex(secret), hex(&seed.concat()));
    kdf("TLS1-PRF", &format!("digest:{digest} hexsecret:{secret} hexseed:{seed}"), len)
}

fn hmac(digest: &str, key: &[u8], data: &[u8]) -> Vec<u8> {
    openssl::mac("HMAC", digest, key, data).expect("a MAC")
}

/// Options of KBKDF.
fn labelled(key: &[u8]) -> String {
    format!("hexkey:{} hexsalt:{} hexinfo:{}", hex(key), hex(LABEL), hex(CONTEXT))
}

fn double_pipeline(digest: &str, key: &[u8], len: usize) -> Vec<u8> {
    let fixed = [LABEL, &[0], CONTEXT, &(8 * len as u32).to_be_bytes()].concat();
    let (mut a, mut out) = (fixed.clone(), Vec::new());
    for count in 1_u32.. {
        a = hmac(digest, key, &a);
        out.extend(hmac(digest, key, &[&a, &count.to_be_bytes()[..], &fixed].concat()));
        if out.len() >= len {
            break;
        }
    }
    out.truncate(len);
    out
}

fn ike1_longer(key: &[u8]) -> Vec<u8> {
    let mut block = hmac("SHA256", key, &[0]);
    let mut out = block.clone();
    while out.len() < 100 {
        block = hmac("SHA256", key, &block);
        out.extend(&block);
    }
    out.truncate(100);
    out
}

fn prf_plus(digest: &str, key: &[u8], seed: &[u8], len: usize) -> Vec<u8> {
    let (mut block, mut out) = (Vec::new(), Vec::new());
    for count in 1_u8.. {
        block = hmac(digest, key, &[&block, seed, &[count]].concat());
        out.extend(&block);
        if out.len() >= len {
            break;
        }
    }
    out.truncate(len);
    out
}

fn hkdf(
    kind: CK_MECHANISM_TYPE,
    extract: bool,
    expand: bool,
    hash: CK_ULONG,
    salt: &[u8],
    info: &[u8],
) -> Mechanism {
    let (salt, info) = (salt.to_vec(), info.to_vec());
    let ((salt_at, salt_len), (info_at, info_len)) = (raw(&salt), raw(&info));
    let params = CK_HKDF_PARAMS {
        bExtract: extract.into(),
        bExpand: expand.into(),
        prfHashMechanism: hash,
        ulSaltType: if salt.is_empty() { CKF_HKDF_SALT_NULL } else { CKF_HKDF_SALT_DATA },
        pSalt: salt_at,
        ulSaltLen: salt_len,
        hSaltKey: 0,
        pInfo: info_at,
        ulInfoLen: info_len,
    };
    Mechanism::structure(kind, params, vec![salt, info])
}

/// The bytes of a structure, to be pointed to.
fn bytes_of<T: Copy>(value: &T) -> Vec<u8> {
    let mut bytes = vec![0; size_of::<T>()];
    // SAFETY: as many bytes as both have; padding is copied as it is, never read here.
    unsafe {
        std::ptr::copy_nonoverlapping((&raw const *value).cast(), bytes.as_mut_ptr(), bytes.len());
    }
    bytes
}

/// Counter, label, zero, context and length, as OpenSSL puts them.
fn sp800_108(kind: CK_MECHANISM_TYPE, prf: CK_ULONG, iv: &[u8]) -> Mechanism {
    let number = bytes_of(&CK_SP800_108_COUNTER_FORMAT { bLittleEndian: 0, ulWidthInBits: 32 });
    let length = bytes_of(&CK_SP800_108_DKM_LENGTH_FORMAT {
        dkmLengthMethod: CK_SP800_108_DKM_LENGTH_SUM_OF_KEYS,
        bLittleEndian: 0,
        ulWidthInBits: 32,
    });
    let (label, zero, context) = (LABEL.to_vec(), vec![0], CONTEXT.to_vec());
    let mut fields: Vec<u8> = Vec::new();
    let mut count = 0;
    let mut field = |kind: CK_ULONG, value: Option<&Vec<u8>>| {
        let (at, len) = value.map_or((std::ptr::null_mut(), 0), |value| raw(value));
        let param = CK_PRF_DATA_PARAM { type_: kind, pValue: at.cast(), ulValueLen: len };
        fields.extend(bytes_of(&param));
        count += 1;
    };
    if kind == CKM_SP800_108_COUNTER_KDF {
        field(CK_SP800_108_ITERATION_VARIABLE, Some(&number));
    } else {
        field(CK_SP800_108_ITERATION_VARIABLE, None);
        field(CK_SP800_108_COUNTER, Some(&number));
    }
    for part in [&label, &zero, &context] {
        field(CK_SP800_108_BYTE_ARRAY, Some(part));
    }
    field(CK_SP800_108_DKM_LENGTH, Some(&length));
    let iv = iv.to_vec();
    let at = fields.as_ptr().cast_mut().cast();
    let (iv_at, iv_len) = raw(&iv);
    if kind == CKM_SP800_108_FEEDBACK_KDF {
        let params = CK_SP800_108_FEEDBACK_KDF_PARAMS {
            prfType: prf,
            ulNumberOfDataParams: count,
            pDataParams: at,
            ulIVLen: iv_len,
            pIV: iv_at,
            ulAdditionalDerivedKeys: 0,
            pAdditionalDerivedKeys: std::ptr::null_mut(),
        };
        let pointed = vec![number, length, label, zero, context, fields, iv];
        return Mechanism::structure(kind, params, pointed);
    }
    let params = CK_SP800_108_KDF_PARAMS {
        prfType: prf,
        ulNumberOfDataParams: count,
        pDataParams: at,
        ulAdditionalDerivedKeys: 0,
        pAdditionalDerivedKeys: std::ptr::null_mut(),
    };
    Mechanism::structure(kind, params, vec![number, length, label, zero, context, fields])
}

/// The layout that is OpenSSL's.
fn luna(kind: CK_MECHANISM_TYPE, prf: CK_ULONG) -> Mechanism {
    let (label, context) = (LABEL.to_vec(), CONTEXT.to_vec());
    let params = CK_KDF_PRF_PARAMS {
        prfType: prf,
        pLabel: raw(&label).0,
        ulLabelLen: label.len() as CK_ULONG,
        pContext: raw(&context).0,
        ulContextLen: context.len() as CK_ULONG,
        ulCounter: 1,
        ulEncodingScheme: LUNA_PRF_KDF_ENCODING_SCHEME_3,
    };
    Mechanism::structure(kind, params, vec![label, context])
}

/// Both random numbers, and what they point to.
fn random() -> (CK_SSL3_RANDOM_DATA, [Vec<u8>; 2]) {
    let both = [CLIENT.to_vec(), SERVER.to_vec()];
    let random = CK_SSL3_RANDOM_DATA {
        pClientRandom: raw(&both[0]).0,
        ulClientRandomLen: 32,
        pServerRandom: raw(&both[1]).0,
        ulServerRandomLen: 32,
    };
    (random, both)
}

/// A place for the version, where the secret has one.
fn version(asked: bool) -> (*mut CK_VERSION, Vec<u8>) {
    let place = vec![0; 2];
    (if asked { place.as_ptr().cast_mut().cast() } else { std::ptr::null_mut() }, place)
}

fn tls12_master(kind: CK_MECHANISM_TYPE, hash: CK_ULONG, versioned: bool) -> Mechanism {
    let ((random, [client, server]), (at, place)) = (random(), version(versioned));
    let params = CK_TLS12_MASTER_KEY_DERIVE_PARAMS {
        RandomInfo: random,
        pVersion: at,
        prfHashMechanism: hash,
    };
    Mechanism::structure(kind, params, vec![client, server, place])
}

fn old_master(kind: CK_MECHANISM_TYPE, versioned: bool) -> Mechanism {
    let ((random, [client, server]), (at, place)) = (random(), version(versioned));
    let params = CK_SSL3_MASTER_KEY_DERIVE_PARAMS { RandomInfo: random, pVersion: at };
    Mechanism::structure(kind, params, vec![client, server, place])
}

fn extended_master(kind: CK_MECHANISM_TYPE, versioned: bool) -> Mechanism {
    let (session_hash, (at, place)) = (vec![9; 32], version(versioned));
    let params = CK_TLS12_EXTENDED_MASTER_KEY_DERIVE_PARAMS {
        prfHashMechanism: CKM_SHA256,
        pSessionHash: raw(&session_hash).0,
        ulSessionHashLen: 32,
        pVersion: at,
    };
    Mechanism::structure(kind, params, vec![session_hash, place])
}

fn tls_kdf(kind: CK_MECHANISM_TYPE, prf: CK_ULONG) -> Mechanism {
    let ((random, [client, server]), label, context) = (random(), LABEL.to_vec(), CONTEXT.to_vec());
    let params = CK_TLS_KDF_PARAMS {
        prfMechanism: prf,
        pLabel: raw(&label).0,
        ulLabelLength: label.len() as CK_ULONG,
        RandomInfo: random,
        pContextData: raw(&context).0,
        ulContextDataLength: context.len() as CK_ULONG,
    };
    Mechanism::structure(kind, params, vec![client, server, label, context])
}

fn ike_prf(kind: CK_MECHANISM_TYPE, prf: CK_ULONG, data_as_key: bool) -> Mechanism {
    let (one, other) = (CLIENT.to_vec(), SERVER.to_vec());
    let params = CK_IKE_PRF_DERIVE_PARAMS {
        prfMechanism: prf,
        bDataAsKey: data_as_key.into(),
        bRekey: 0,
        pNi: raw(&one).0,
        ulNiLen: 32,
        pNr: raw(&other).0,
        ulNrLen: 32,
        hNewKey: 0,
    };
    Mechanism::structure(kind, params, vec![one, other])
}

fn ike1_prf(token: &Token<'_>, kind: CK_MECHANISM_TYPE, number: u8) -> Mechanism {
    let (one, other) = (CLIENT[..8].to_vec(), SERVER[..8].to_vec());
    let params = CK_IKE1_PRF_DERIVE_PARAMS {
        prfMechanism: CKM_SHA256_HMAC,
        bHasPrevKey: 1,
        hKeygxy: token.secret(CKK_GENERIC_SECRET, &[5; 40]),
        hPrevKey: token.secret(CKK_GENERIC_SECRET, &[4; 24]),
        pCKYi: raw(&one).0,
        ulCKYiLen: 8,
        pCKYr: raw(&other).0,
        ulCKYrLen: 8,
        keyNumber: number,
    };
    Mechanism::structure(kind, params, vec![one, other])
}

fn ike1_extended(kind: CK_MECHANISM_TYPE) -> Mechanism {
    let params = CK_IKE1_EXTENDED_DERIVE_PARAMS {
        prfMechanism: CKM_SHA256_HMAC,
        bHasKeygxy: 0,
        hKeygxy: 0,
        pExtraData: std::ptr::null_mut(),
        ulExtraDataLen: 0,
    };
    Mechanism::structure(kind, params, Vec::new())
}

fn ike2(kind: CK_MECHANISM_TYPE) -> Mechanism {
    let seed = SALT.to_vec();
    let params = CK_IKE2_PRF_PLUS_DERIVE_PARAMS {
        prfMechanism: CKM_SHA256_HMAC,
        bHasSeedKey: 0,
        hSeedKey: 0,
        pSeedData: raw(&seed).0,
        ulSeedDataLen: seed.len() as CK_ULONG,
    };
    Mechanism::structure(kind, params, vec![seed])
}

fn string(kind: CK_MECHANISM_TYPE) -> Mechanism {
    let data = SALT.to_vec();
    let (at, len) = raw(&data);
    let params = CK_KEY_DERIVATION_STRING_DATA { pData: at, ulLen: len };
    Mechanism::structure(kind, params, vec![data])
}

#[test]
fn both_derive_the_same_keys() {
    apart(test_name!(), sandbox, |_| {
        let module = module();
        let title = |row: &Row| format!("{} of {} bytes", row.1, (row.2)().value.len());
        each(&module, ROWS, title, |token, (kind, _, base, mechanism, wanted)| {
            let base = base();
            let wanted = wanted(&base.value);
            let key = token.secret(base.key_type, &base.value);
            assert_eq!(token.derived(&mechanism(token, *kind), key, wanted.len()), wanted);
        });
    });
}

/// Mechanism, its name, hash in its parameters (0: none), and OpenSSL's key block of a length.
type Material = (CK_MECHANISM_TYPE, &'static str, CK_ULONG, fn(&[u8], usize) -> Vec<u8>);

#[rustfmt::skip]
const MATERIAL: &[Material] = &[
    (CKM_TLS12_KEY_AND_MAC_DERIVE, "CKM_TLS12_KEY_AND_MAC_DERIVE", CKM_SHA256,
        |key, len| prf("SHA256", key, &[b"key expansion", &SERVER, &CLIENT], len)),
    (CKM_TLS12_KEY_SAFE_DERIVE, "CKM_TLS12_KEY_SAFE_DERIVE", CKM_SHA384,
        |key, len| prf("SHA384", key, &[b"key expansion", &SERVER, &CLIENT], len)),
    (CKM_TLS_KEY_AND_MAC_DERIVE, "CKM_TLS_KEY_AND_MAC_DERIVE", 0,
        |key, len| prf("MD5-SHA1", key, &[b"key expansion", &SERVER, &CLIENT], len)),
];

/// MAC keys of 20 bytes, cipher keys of 16, vectors of 16 where there are any.
#[test]
fn both_cut_the_same_keys_out_of_a_master_secret() {
    apart(test_name!(), sandbox, |_| {
        let module = module();
        each(
            &module,
            MATERIAL,
            |row| row.1.to_owned(),
            |token, &(kind, _, hash, block)| {
                let master = pattern(48);
                let base = token.secret(CKK_GENERIC_SECRET, &master);
                let (mut client_iv, mut server_iv) = ([0; 16], [0; 16]);
                let ivs = kind != CKM_TLS12_KEY_SAFE_DERIVE;
                let mut out = CK_SSL3_KEY_MAT_OUT {
                    hClientMacSecret: 0,
                    hServerMacSecret: 0,
                    hClientKey: 0,
                    hServerKey: 0,
                    pIVClient: client_iv.as_mut_ptr(),
                    pIVServer: server_iv.as_mut_ptr(),
                };
                let (random, pointed) = random();
                let m = if hash == 0 {
                    let params = CK_SSL3_KEY_MAT_PARAMS {
                        ulMacSizeInBits: 160,
                        ulKeySizeInBits: 128,
                        ulIVSizeInBits: 128,
                        bIsExport: 0,
                        RandomInfo: random,
                        pReturnedKeyMaterial: &mut out,
                    };
                    Mechanism::structure(kind, params, pointed.into())
                } else {
                    let params = CK_TLS12_KEY_MAT_PARAMS {
                        ulMacSizeInBits: 160,
                        ulKeySizeInBits: 128,
                        ulIVSizeInBits: if ivs { 128 } else { 0 },
                        bIsExport: 0,
                        RandomInfo: random,
                        pReturnedKeyMaterial: &mut out,
                        prfHashMechanism: hash,
                    };
                    Mechanism::structure(kind, params, pointed.into())
                };
                token.derive_without_a_key(&m, base, &readable(CKO_SECRET_KEY, CKK_AES));
                let keys =
                    [out.hClientMacSecret, out.hServerMacSecret, out.hClientKey, out.hServerKey];
                let mut ours = keys.map(|key| token.value(key, CKA_VALUE)).concat();
                if ivs {
                    ours.extend([client_iv, server_iv].concat());
                }
                assert_eq!(ours, block(&master, ours.len()));
                assert_eq!(ours.len(), if ivs { 104 } else { 72 });
            },
        );
    });
}

#[test]
fn both_derive_the_same_data() {
    apart(test_name!(), sandbox, |_| {
        let module = module();
        let token = Token::open(&module);
        let base = token.secret(CKK_GENERIC_SECRET, &pattern(32));
        let m = hkdf(CKM_HKDF_DATA, true, true, CKM_SHA256, SALT, INFO);
        let template = Template::new()
            .number(CKA_CLASS, CKO_DATA)
            .flag(CKA_TOKEN, false)
            .number(CKA_VALUE_LEN, 77);
        let data = token.derive(&m, base, &template);
        let options = format!(
            "mode:EXTRACT_AND_EXPAND digest:SHA256 hexkey:{} hexsalt:{} hexinfo:{}",
            hex(&pattern(32)),
            hex(SALT),
            hex(INFO)
        );
        assert_eq!(token.value(data, CKA_VALUE), kdf("HKDF", &options, 77));
    });
}

#[test]
fn the_public_key_of_a_private_one_is_the_one_that_openssl_has() {
    apart(test_name!(), sandbox, |_| {
        let module = module();
        let pairs = Pairs::new(&module);
        let rows = [
            (Kind::Rsa, "bits:2048"),
            (Kind::Ec, "group:secp384r1"),
            (Kind::Ec, "group:brainpoolP256r1"),
            (Kind::Edwards, "ED25519"),
            (Kind::Edwards, "ED448"),
            (Kind::Montgomery, "X25519"),
            (Kind::Montgomery, "X448"),
        ];
        each(
            &module,
            &rows,
            |row| format!("{row:?}"),
            |token, &(kind, options)| {
                for der in pairs.of(kind, options) {
                    let pair = token.brought(kind, &der);
                    let m = Mechanism::plain(CKM_PUB_KEY_FROM_PRIV_KEY);
                    let template = Template::new().flag(CKA_TOKEN, false);
                    let public = token.derive(&m, pair.private, &template);
                    assert_eq!(token.value(public, CKA_PUBLIC_KEY_INFO), der.public);
                }
            },
        );
    });
}

/// Pseudorandom function of PBKDF2, and its digest in OpenSSL.
#[rustfmt::skip]
const PASSWORDS: &[(CK_ULONG, &str)] = &[
    (CKP_PKCS5_PBKD2_HMAC_SHA1, "SHA1"),
    (CKP_PKCS5_PBKD2_HMAC_SHA224, "SHA224"),
    (CKP_PKCS5_PBKD2_HMAC_SHA256, "SHA256"),
    (CKP_PKCS5_PBKD2_HMAC_SHA384, "SHA384"),
    (CKP_PKCS5_PBKD2_HMAC_SHA512, "SHA512"),
    (CKP_PKCS5_PBKD2_HMAC_SHA512_224, "SHA512-224"),
    (CKP_PKCS5_PBKD2_HMAC_SHA512_256, "SHA512-256"),
];

#[test]
fn both_make_the_same_key_of_a_password() {
    apart(test_name!(), sandbox, |_| {
        let module = module();
        each(
            &module,
            PASSWORDS,
            |row| row.1.to_owned(),
            |token, &(prf, digest)| {
                let (salt, password) = (SALT.to_vec(), b"password".to_vec());
                let params = CK_PKCS5_PBKD2_PARAMS2 {
                    saltSource: CKZ_SALT_SPECIFIED,
                    pSaltSourceData: raw(&salt).0.cast(),
                    ulSaltSourceDataLen: salt.len() as CK_ULONG,
                    iterations: 1000,
                    prf,
                    pPrfData: std::ptr::null_mut(),
                    ulPrfDataLen: 0,
                    pPassword: raw(&password).0,
                    ulPasswordLen: password.len() as CK_ULONG,
                };
                let m = Mechanism::structure(CKM_PKCS5_PBKD2, params, vec![salt, password]);
                let options =
                    format!("pass:password hexsalt:{} iter:1000 digest:{digest}", hex(SALT));
                assert_eq!(token.generated(&m, 77), kdf("PBKDF2", &options, 77));
            },
        );
    });
}
