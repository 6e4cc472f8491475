//! The functions of TLS, IKE and of Luna.

use hsmsim_partition::api::{Reply, Request};
use hsmsim_types::{KdfParams, TlsRandom};

use super::*;

pub(super) fn kdf(kind: u64, params: KdfParams) -> Mechanism {
    mechanism(kind, Params::Kdf(Box::new(params)))
}

fn random() -> TlsRandom {
    TlsRandom { client: counting(0x60, 32), server: counting(0x80, 32) }
}

/// A protocol: its name in the file, the hash in its structures, master secrets (of one side's, agreed), keys
/// of a connection.
#[rustfmt::skip]
pub(super) const PROTOCOLS: [(&str, Option<u64>, [u64; 3]); 2] = [
    ("tls10", None, [CKM_TLS_MASTER_KEY_DERIVE, CKM_TLS_MASTER_KEY_DERIVE_DH, CKM_TLS_KEY_AND_MAC_DERIVE]),
    ("tls12", Some(CKM_SHA256), [CKM_TLS12_MASTER_KEY_DERIVE, CKM_TLS12_MASTER_KEY_DERIVE_DH, CKM_TLS12_KEY_AND_MAC_DERIVE]),
];

pub(super) fn tls() -> Vec<u64> {
    let (known, mut client, mut covered) = (Known::read(), officer(), Vec::new());
    let premaster = [&[3, 3][..], &counting(0, 46)].concat();
    let premaster = secret(&mut client, CKK_GENERIC_SECRET, &premaster);
    let master = secret(&mut client, CKK_GENERIC_SECRET, &counting(0, 48));
    for (name, hash, [rsa, dh, keys]) in PROTOCOLS {
        for (kind, version) in [(rsa, true), (dh, false)] {
            let of = kdf(kind, KdfParams::TlsMaster { random: random(), hash, version });
            let expected = known.get(&format!("{name}.master"));
            assert_eq!(derived(&mut client, &of, premaster, 48), expected, "{name}");
        }
        let block = known.get(&format!("{name}.block"));
        let given = key_block(&mut client, keys, hash, master, random(), true);
        assert_eq!(given, block, "{name}");
        covered.extend([rsa, dh, keys]);
    }
    // The same keys without the vectors.
    let given = key_block(
        &mut client,
        CKM_TLS12_KEY_SAFE_DERIVE,
        Some(CKM_SHA256),
        master,
        random(),
        false,
    );
    assert_eq!(given, known.get("tls12.block")[..72]);
    for kind in [CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE, CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE_DH] {
        let version = kind == CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE;
        let (hash, session_hash) = (CKM_SHA256, counting(0, 32));
        let of = kdf(kind, KdfParams::TlsExtendedMaster { hash, session_hash, version });
        assert_eq!(derived(&mut client, &of, premaster, 48), known.get("tls12.extended"));
        covered.push(kind);
    }
    for (prf, name) in [(CKM_TLS_PRF, "tls10"), (CKM_SHA256, "tls12")] {
        for kind in [CKM_TLS_KDF, CKM_TLS12_KDF] {
            let (label, context) = (b"label".to_vec(), None);
            let of = kdf(kind, KdfParams::TlsKdf { prf, label, random: random(), context });
            assert_eq!(derived(&mut client, &of, master, 32), known.get(&format!("{name}.kdf")));
        }
        for kind in [CKM_TLS_MAC, CKM_TLS12_MAC] {
            let mac = mechanism(kind, Params::TlsMac { prf, len: 12, side: 2 });
            let expected = known.get(&format!("{name}.mac"));
            signs(&mut client, &mac, (master, master), &data(), &expected);
        }
    }
    covered.extend([
        CKM_TLS12_KEY_SAFE_DERIVE,
        CKM_TLS_KDF,
        CKM_TLS12_KDF,
        CKM_TLS_MAC,
        CKM_TLS12_MAC,
    ]);
    covered
}

/// MAC keys of 20 bytes, keys of 16 and, where they are given, vectors of 16, in their order.
pub(super) fn key_block(
    client: &mut Client,
    kind: u64,
    hash: Option<u64>,
    base_key: ObjectId,
    random: TlsRandom,
    vectors: bool,
) -> Vec<u8> {
    let params = KdfParams::TlsKeyMaterial {
        mac_bits: 160,
        key_bits: 128,
        iv_bits: if vectors { 128 } else { 0 },
        export: false,
        random,
        hash,
    };
    let template = Template(vec![no(CKA_SENSITIVE), yes(CKA_EXTRACTABLE)]);
    let request = Request::Derive { mechanism: kdf(kind, params).into(), base_key, template };
    let Reply::Created(made) = client.ask(request).unwrap() else { panic!() };
    let keys = made.objects.iter().flat_map(|object| client.bytes(object.id, CKA_VALUE));
    keys.chain(made.output).collect()
}

pub(super) fn luna() -> Vec<u64> {
    let (known, mut client) = (Known::read(), officer());
    let base = secret(&mut client, CKK_GENERIC_SECRET, &counting(0, 32));
    for kind in [CKM_NIST_PRF_KDF, CKM_PRF_KDF] {
        let params = KdfParams::LunaPrf {
            prf: CK_NIST_PRF_KDF_HMAC_SHA256,
            label: b"label".to_vec(),
            context: b"context".to_vec(),
            counter: 1,
            encoding: LUNA_PRF_KDF_ENCODING_SCHEME_1,
        };
        assert_eq!(derived(&mut client, &kdf(kind, params), base, 32), known.get("luna_prf.out"));
    }
    vec![CKM_NIST_PRF_KDF, CKM_PRF_KDF]
}

pub(super) fn ike_extended() -> Vec<u64> {
    let (known, mut client) = (Known::read(), officer());
    let base = secret(&mut client, CKK_GENERIC_SECRET, &counting(0, 32));
    let params = KdfParams::Ike1Extended { prf: CKM_SHA256_HMAC, secret: None, extra: vec![] };
    let extended = kdf(CKM_IKE1_EXTENDED_DERIVE, params);
    assert_eq!(derived(&mut client, &extended, base, 40), known.get("ike1_extended"));
    vec![CKM_IKE1_EXTENDED_DERIVE]
}
