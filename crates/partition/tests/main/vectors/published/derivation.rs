//! The functions of TLS, IKE and of Luna.

use hsmsim_types::{KdfParams, TlsRandom};

use super::{
    super::protocols::{PROTOCOLS, kdf, key_block},
    *,
};

fn random(case: &Case) -> TlsRandom {
    TlsRandom { client: case.get("client").to_vec(), server: case.get("server").to_vec() }
}

/// Every case of a file: master secrets, and the keys of a connection.
fn run_tls(text: &'static str) -> Vec<u64> {
    let (mut client, mut covered) = (officer(), Vec::new());
    for case in cases(text) {
        let (protocol, what) = case.name.split_once('.').unwrap();
        let &(_, hash, [rsa, dh, keys]) = PROTOCOLS.iter().find(|row| row.0 == protocol).unwrap();
        let (base, answer) = (case.get("secret"), case.get("answer"));
        let base = secret(&mut client, CKK_GENERIC_SECRET, base);
        let mut check = |kind, params| {
            let given = derived(&mut client, &kdf(kind, params), base, answer.len());
            assert_eq!(given, answer, "{}: {}", name(kind), case.origin);
            covered.push(kind);
        };
        match what {
            "master" => {
                for (kind, version) in [(rsa, true), (dh, false)] {
                    check(kind, KdfParams::TlsMaster { random: random(&case), hash, version });
                }
                // The same function of the same label, which is the caller's here.
                let (prf, label) = (hash.unwrap_or(CKM_TLS_PRF), b"master secret".to_vec());
                for kind in [CKM_TLS_KDF, CKM_TLS12_KDF] {
                    let (label, random) = (label.clone(), random(&case));
                    check(kind, KdfParams::TlsKdf { prf, label, random, context: None });
                }
            }
            "extended" => {
                for (kind, version) in [
                    (CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE, true),
                    (CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE_DH, false),
                ] {
                    let (hash, session_hash) = (hash.unwrap(), case.get("hash").to_vec());
                    check(kind, KdfParams::TlsExtendedMaster { hash, session_hash, version });
                }
            }
            "block" => {
                let block = key_block(&mut client, keys, hash, base, random(&case), true);
                assert_eq!(block, answer[..104], "{}", case.origin);
                covered.push(keys);
                if protocol == "tls12" {
                    // The same keys without the vectors.
                    let safe = CKM_TLS12_KEY_SAFE_DERIVE;
                    let block = key_block(&mut client, safe, hash, base, random(&case), false);
                    assert_eq!(block, answer[..72], "{}", case.origin);
                    covered.push(safe);
                }
            }
            _ => panic!("what is {}?", case.name),
        }
    }
    covered
}

pub(in super::super) fn tls() -> Vec<u64> {
    run_tls(include_str!("tls.txt"))
}

pub(in super::super) fn tls_extended() -> Vec<u64> {
    run_tls(include_str!("tls_extended.txt"))
}

/// The MAC in the client's message Finished.
pub(in super::super) fn tls_finished() -> Vec<u64> {
    let mut client = officer();
    const KINDS: [u64; 2] = [CKM_TLS_MAC, CKM_TLS12_MAC];
    for case in cases(include_str!("tls_finished.txt")) {
        let (message, answer) = (case.get("message"), case.get("answer"));
        let master = secret(&mut client, CKK_GENERIC_SECRET, case.get("secret"));
        for kind in KINDS {
            let params = Params::TlsMac { prf: CKM_SHA256, len: answer.len() as u64, side: 2 };
            signs(&mut client, &mechanism(kind, params), (master, master), message, answer);
        }
    }
    KINDS.to_vec()
}

pub(in super::super) fn ike() -> Vec<u64> {
    let mut client = officer();
    for case in cases(include_str!("ike.txt")) {
        let base = secret(&mut client, CKK_GENERIC_SECRET, case.get("secret"));
        let (extra, answer) = (case.get("extra").to_vec(), case.get("answer"));
        let params = KdfParams::Ike1Extended { prf: CKM_SHA256_HMAC, secret: None, extra };
        let extended = kdf(CKM_IKE1_EXTENDED_DERIVE, params);
        let given = derived(&mut client, &extended, base, answer.len());
        assert_eq!(given, answer, "{}", case.origin);
    }
    vec![CKM_IKE1_EXTENDED_DERIVE]
}

/// The same key of DES with odd parity, which NIST's keys here do not have and CKA_VALUE must have.
fn odd_parity(key: &[u8]) -> Vec<u8> {
    key.iter().map(|byte| byte & 0xfe | u8::from((byte >> 1).count_ones() % 2 == 0)).collect()
}

/// Luna's second and fourth layout put nothing but the counter before label and context, which together are NIST's fixed
/// input wherever it is cut.
pub(in super::super) fn luna() -> Vec<u64> {
    let mut client = officer();
    const KINDS: [u64; 2] = [CKM_NIST_PRF_KDF, CKM_PRF_KDF];
    for case in cases(include_str!("sp800_108.txt")) {
        let (key_type, prf) = match case.name {
            "des3_cmac" => (CKK_DES3, CK_NIST_PRF_KDF_DES3_CMAC),
            "aes_cmac" => (CKK_AES, CK_NIST_PRF_KDF_AES_CMAC),
            "sha1" => (CKK_GENERIC_SECRET, CK_NIST_PRF_KDF_HMAC_SHA1),
            "sha224" => (CKK_GENERIC_SECRET, CK_NIST_PRF_KDF_HMAC_SHA224),
            "sha256" => (CKK_GENERIC_SECRET, CK_NIST_PRF_KDF_HMAC_SHA256),
            "sha384" => (CKK_GENERIC_SECRET, CK_NIST_PRF_KDF_HMAC_SHA384),
            "sha512" => (CKK_GENERIC_SECRET, CK_NIST_PRF_KDF_HMAC_SHA512),
            name => panic!("what is {name}?"),
        };
        let key = case.get("key");
        let key = if key_type == CKK_DES3 { odd_parity(key) } else { key.to_vec() };
        let base = secret(&mut client, key_type, &key);
        let (first, last) = case.get("fixed").split_at(20);
        let answer = case.get("answer");
        for (encoding, label, context) in [
            (LUNA_PRF_KDF_ENCODING_SCHEME_2, last, first),
            (LUNA_PRF_KDF_ENCODING_SCHEME_4, first, last),
        ] {
            for kind in KINDS {
                let (label, context) = (label.to_vec(), context.to_vec());
                let params = KdfParams::LunaPrf { prf, label, context, counter: 1, encoding };
                let given = derived(&mut client, &kdf(kind, params), base, answer.len());
                assert_eq!(given, answer, "{}: {}", name(kind), case.origin);
            }
        }
    }
    KINDS.to_vec()
}
