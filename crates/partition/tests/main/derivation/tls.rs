//! TLS up to 1.2: NIST's vector, the formulas of the RFCs, what keys inherit.

use hsmsim_crypto::{
    digest::HashAlg,
    kdf::{TlsPrf, TlsSide, tls_export, tls_prf, tls_verify_data},
};
use hsmsim_types::TlsRandom;

use super::*;

const SHA256: TlsPrf = TlsPrf::Tls12(HashAlg::Sha256);

fn random(client: &[u8], server: &[u8]) -> TlsRandom {
    TlsRandom { client: client.to_vec(), server: server.to_vec() }
}

fn master_of(kind: u64, random: TlsRandom, hash: Option<u64>, version: bool) -> Mechanism {
    kdf(kind, KdfParams::TlsMaster { random, hash, version })
}

/// A MAC key, a cipher key and a vector, in bits.
fn material(kind: u64, random: TlsRandom, hash: Option<u64>, bits: [u64; 3]) -> Mechanism {
    let [mac_bits, key_bits, iv_bits] = bits;
    let export = false;
    kdf(kind, KdfParams::TlsKeyMaterial { mac_bits, key_bits, iv_bits, export, random, hash })
}

#[test]
fn tls_1_2_gives_the_vector_of_nist() {
    // Component validation of SP 800-135, TLS 1.2 with SHA-256, the first case.
    let mut client = officer();
    let premaster = hex("f8938ecc9edebc5030c0c6a441e213cd24e6f770a50dda07876f8d55da062bca\
                         db386b411fd4fe4313a604fce6c17fbc");
    let hello = random(
        &hex("36c129d01a3200894b9179faac589d9835d58775f9b5ea3587cb8fd0364cae8c"),
        &hex("f6c9575ed7ddd73e1f7d16eca115415812a43c2b747daaaae043abfb50053fce"),
    );
    let master = hex("202c88c00f84a17a20027079604787461176455539e705be730890602c289a50\
                      01e34eeb3a043e5d52a65e66125188bf");
    let block = hex("d06139889fffac1e3a71865f504aa5d0d2a2e89506c6f2279b670c3e1b74f531\
                     016a2530c51a3a0f7e1d6590d0f0566b2f387f8d11fd4f731cdd572d2eae927f\
                     6f2f81410b25e6960be68985add6c38445ad9f8c64bf8068bf9a6679485d966f\
                     1ad6f68b43495b10a683755ea2b858d70ccac7ec8b053c6bd41ca299d4e51928");
    let base = generic(&mut client, &premaster);
    let mechanism = master_of(CKM_TLS12_MASTER_KEY_DERIVE, hello, Some(CKM_SHA256), true);
    let made = creation(&mut client, &mechanism, base, readable(48)).unwrap();
    let made_master = made.objects[0].id;
    assert_eq!(client.bytes(made_master, CKA_VALUE), master);
    assert_eq!(made.output, premaster[..2], "the version that the client offered");

    let connection = random(
        &hex("62e1fd91f23f558a605f28478c58cf72637b89784d959df7e946d3f07bd1b616"),
        &hex("ae6c806f8ad4d80784549dff28a4b58fd837681a51d928c3e30ee5ff14f39868"),
    );
    let mechanism =
        material(CKM_TLS12_KEY_AND_MAC_DERIVE, connection, Some(CKM_SHA256), [160, 256, 96]);
    let aes = vec![Attribute::ulong(CKA_KEY_TYPE, CKK_AES)];
    let made = creation(&mut client, &mechanism, made_master, aes).unwrap();
    let mut rest = &block[..];
    for (object, (key_type, len)) in made.objects.iter().zip([
        (CKK_GENERIC_SECRET, 20),
        (CKK_GENERIC_SECRET, 20),
        (CKK_AES, 32),
        (CKK_AES, 32),
    ]) {
        let (expected, following) = rest.split_at(len);
        assert_eq!(client.bytes(object.id, CKA_VALUE), expected);
        let found = client.find(vec![Attribute::ulong(CKA_KEY_TYPE, key_type)]);
        assert!(found.contains(&object.id));
        rest = following;
    }
    assert_eq!(made.output, rest, "both vectors");
    let [mac, _, cipher, _] = &made.objects[..] else { panic!("{made:?}") };
    assert!(client.flag(mac.id, CKA_SIGN) && !client.flag(mac.id, CKA_ENCRYPT));
    assert!(client.flag(cipher.id, CKA_ENCRYPT) && !client.flag(cipher.id, CKA_SIGN));
}

/// Every protocol: its mechanisms, the hash that its structures name, its function.
#[rustfmt::skip]
const PROTOCOLS: [([u64; 3], Option<u64>, TlsPrf); 3] = [
    ([CKM_TLS12_MASTER_KEY_DERIVE, CKM_TLS12_MASTER_KEY_DERIVE_DH, CKM_TLS12_KEY_AND_MAC_DERIVE],
        Some(CKM_SHA256), SHA256),
    ([CKM_TLS12_MASTER_KEY_DERIVE, CKM_TLS12_MASTER_KEY_DERIVE_DH, CKM_TLS12_KEY_AND_MAC_DERIVE],
        Some(CKM_SHA384), TlsPrf::Tls12(HashAlg::Sha384)),
    ([CKM_TLS_MASTER_KEY_DERIVE, CKM_TLS_MASTER_KEY_DERIVE_DH, CKM_TLS_KEY_AND_MAC_DERIVE],
        None, TlsPrf::Tls10),
];

#[test]
fn every_protocol_derives_by_its_own_function() {
    let mut client = officer();
    let of = [&[3, 1][..], &[7; 46]].concat();
    let premaster = generic(&mut client, &of);
    let agreed = generic(&mut client, b"agreed");
    for ([rsa, dh, keys], hash, prf) in PROTOCOLS {
        let expected = |secret: &[u8], label: &[u8], first: &[u8], second: &[u8], len| {
            tls_prf(prf, secret, label, &[first, second], len).unwrap().to_vec()
        };
        let hello = || random(b"client", b"server");
        let mechanism = master_of(rsa, hello(), hash, true);
        let made = creation(&mut client, &mechanism, premaster, readable(48)).unwrap();
        let master = client.bytes(made.objects[0].id, CKA_VALUE);
        assert_eq!(master, expected(&of, b"master secret", b"client", b"server", 48));
        assert_eq!(made.output, [3, 1]);
        let mechanism = master_of(dh, hello(), hash, false);
        let by_agreement = creation(&mut client, &mechanism, agreed, readable(48)).unwrap();
        let value = client.bytes(by_agreement.objects[0].id, CKA_VALUE);
        assert_eq!(value, expected(b"agreed", b"master secret", b"client", b"server", 48));
        assert_eq!(by_agreement.output, [0_u8; 0]);
        let asked = master_of(dh, hello(), hash, true);
        let refused = client.derive(&asked, agreed, readable(48));
        assert_eq!(rv(refused), CKR_MECHANISM_PARAM_INVALID);
        // Only what one side made has 48 bytes for certain.
        let refused = client.derive(&master_of(rsa, hello(), hash, true), agreed, readable(48));
        assert_eq!(rv(refused), CKR_KEY_SIZE_RANGE);

        let mechanism = material(keys, hello(), hash, [128, 128, 64]);
        let made_keys = creation(&mut client, &mechanism, made.objects[0].id, vec![]).unwrap();
        let block = expected(&master, b"key expansion", b"server", b"client", 80);
        let all: Vec<u8> = made_keys
            .objects
            .iter()
            .flat_map(|object| client.bytes(object.id, CKA_VALUE))
            .chain(made_keys.output)
            .collect();
        assert_eq!(all, block, "{prf:?}");
    }
}

#[test]
fn the_extended_master_secret_is_that_of_rfc_7627() {
    let mut client = officer();
    let of = [&[3, 3][..], &[7; 46]].concat();
    let (premaster, agreed) = (generic(&mut client, &of), generic(&mut client, b"agreed"));
    for (kind, base, value, version) in [
        (CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE, premaster, &of[..], true),
        (CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE_DH, agreed, b"agreed", false),
    ] {
        let session_hash = vec![5; 32];
        let params = |version| {
            let session_hash = session_hash.clone();
            kdf(kind, KdfParams::TlsExtendedMaster { hash: CKM_SHA256, session_hash, version })
        };
        let label = b"extended master secret";
        let expected = tls_prf(SHA256, value, label, &[&session_hash], 48).unwrap();
        let made = creation(&mut client, &params(version), base, readable(48)).unwrap();
        assert_eq!(client.bytes(made.objects[0].id, CKA_VALUE), *expected);
        assert_eq!(made.output, if version { &[3, 3][..] } else { &[] });
    }
}

#[test]
fn a_master_secret_has_48_bytes_and_serves_tls_alone() {
    let mut client = officer();
    let of = [&[3, 3][..], &[7; 46]].concat();
    let base = generic(&mut client, &of);
    let hello = random(b"client", b"server");
    let mechanism = master_of(CKM_TLS12_MASTER_KEY_DERIVE, hello.clone(), Some(CKM_SHA256), true);
    for template in [
        vec![Attribute::ulong(CKA_VALUE_LEN, 32)],
        vec![Attribute::ulong(CKA_KEY_TYPE, CKK_AES), Attribute::ulong(CKA_VALUE_LEN, 32)],
    ] {
        let refused = client.derive(&mechanism, base, template);
        assert_eq!(rv(refused), CKR_TEMPLATE_INCONSISTENT);
    }
    let master = client.derive(&mechanism, base, vec![]).unwrap();
    let hash = client.derive(&Mechanism::plain(CKM_SHA256_KEY_DERIVATION), master, vec![]);
    assert_eq!(rv(hash), CKR_MECHANISM_INVALID, "CKA_ALLOWED_MECHANISMS");
    for (kind, hash, expected) in [
        (CKM_TLS12_MASTER_KEY_DERIVE, None, CKR_MECHANISM_PARAM_INVALID),
        (CKM_TLS12_MASTER_KEY_DERIVE, Some(CKM_AES_CBC), CKR_MECHANISM_PARAM_INVALID),
        (CKM_TLS_MASTER_KEY_DERIVE, Some(CKM_SHA256), CKR_MECHANISM_PARAM_INVALID),
    ] {
        let mechanism = master_of(kind, hello.clone(), hash, true);
        assert_eq!(rv(client.derive(&mechanism, base, vec![])), expected);
    }
}

#[test]
fn keys_of_a_connection_are_protected_as_the_master_secret_is() {
    let mut client = officer();
    let hello = || random(b"client", b"server");
    let premaster = mechanism(CKM_TLS_PRE_MASTER_KEY_GEN, Params::Version(3, 3));
    let request = Request::GenerateKey { mechanism: premaster.into(), template: Template(vec![]) };
    let Reply::Created(made) = client.ask(request).unwrap() else { panic!() };
    let mechanism = master_of(CKM_TLS12_MASTER_KEY_DERIVE, hello(), Some(CKM_SHA256), true);
    let master = creation(&mut client, &mechanism, made.objects[0].id, vec![]).unwrap();
    assert_eq!(master.output, [3, 3]);
    let master = master.objects[0].id;
    assert_eq!(history(&mut client, master), (true, true));
    let keys = |bits| material(CKM_TLS12_KEY_AND_MAC_DERIVE, hello(), Some(CKM_SHA256), bits);
    let made = creation(&mut client, &keys([160, 128, 0]), master, vec![]).unwrap();
    assert_eq!((made.objects.len(), made.output.len()), (4, 0));
    for object in &made.objects {
        assert!(client.flag(object.id, CKA_SENSITIVE) && !client.flag(object.id, CKA_EXTRACTABLE));
        assert_eq!(history(&mut client, object.id), (true, true));
    }
    // Authenticated encryption has no MAC keys.
    let made = creation(&mut client, &keys([0, 128, 32]), master, vec![]).unwrap();
    assert_eq!((made.objects.len(), made.output.len()), (2, 8));
    let before = count(&mut client);
    for (mechanism, template, expected) in [
        (keys([160, 128, 0]), vec![yes(CKA_EXTRACTABLE)], CKR_TEMPLATE_INCONSISTENT),
        (keys([160, 128, 0]), vec![no(CKA_SENSITIVE)], CKR_TEMPLATE_INCONSISTENT),
        (keys([160, 128, 0]), vec![Attribute::ulong(CKA_VALUE_LEN, 32)], CKR_TEMPLATE_INCONSISTENT),
        (keys([0, 0, 128]), vec![], CKR_MECHANISM_PARAM_INVALID),
        (keys([160, 129, 0]), vec![], CKR_MECHANISM_PARAM_INVALID),
        (keys([u64::MAX, 128, 0]), vec![], CKR_MECHANISM_PARAM_INVALID),
    ] {
        assert_eq!(rv(creation(&mut client, &mechanism, master, template)), expected);
    }
    assert_eq!(count(&mut client), before);
    // The careful form gives no vectors.
    let safe = material(CKM_TLS12_KEY_SAFE_DERIVE, hello(), Some(CKM_SHA256), [160, 128, 96]);
    let made = creation(&mut client, &safe, master, vec![]).unwrap();
    assert_eq!((made.objects.len(), made.output.len()), (4, 0));
}

#[test]
fn keying_material_is_exported_as_in_rfc_5705() {
    let mut client = officer();
    let master = generic(&mut client, &[7; 48]);
    for (prf, of) in [(CKM_SHA256, SHA256), (CKM_TLS_PRF, TlsPrf::Tls10)] {
        for context in [None, Some(vec![]), Some(b"context".to_vec())] {
            for kind in [CKM_TLS_KDF, CKM_TLS12_KDF] {
                let params = KdfParams::TlsKdf {
                    prf,
                    label: b"EXPORTER-x".to_vec(),
                    random: random(b"client", b"server"),
                    context: context.clone(),
                };
                let label = b"EXPORTER-x";
                let (by, context) = ([7; 48], context.as_deref());
                let expected = tls_export(of, &by, label, b"client", b"server", context, 40);
                let given = value(&mut client, &kdf(kind, params), master, 40).unwrap();
                assert_eq!(given, *expected.unwrap());
            }
        }
    }
}

#[test]
fn macs_of_handshakes_are_made_and_verified() {
    let mut client = officer();
    let master = client.create(secret_key(CKK_GENERIC_SECRET, &[7; 48])).unwrap();
    for (prf, of, len) in
        [(CKM_SHA256, SHA256, 12), (CKM_SHA256, SHA256, 20), (CKM_TLS_PRF, TlsPrf::Tls10, 12)]
    {
        for (number, side) in [(1, TlsSide::Server), (2, TlsSide::Client)] {
            for kind in [CKM_TLS_MAC, CKM_TLS12_MAC] {
                let params = Params::TlsMac { prf, len, side: number };
                let mechanism = mechanism(kind, params);
                let expected = tls_verify_data(of, &[7; 48], side, b"hash", len as usize).unwrap();
                assert_eq!(client.sign(&mechanism, master, b"hash").unwrap(), expected);
                assert_eq!(client.verify(&mechanism, master, b"hash", &expected), CKR_OK);
                let kind = hsmsim_partition::api::OperationKind::Sign;
                let parts = client.in_parts(kind, &mechanism, Some(master), (b"hash", &[]), 3);
                assert_eq!(parts.unwrap(), expected);
                let wrong = client.verify(&mechanism, master, b"hush", &expected);
                assert_eq!(wrong, CKR_SIGNATURE_INVALID);
                let short = client.verify(&mechanism, master, b"hash", &expected[1..]);
                assert_eq!(short, CKR_SIGNATURE_LEN_RANGE);
            }
        }
    }
    for (prf, len, side) in [
        (CKM_SHA256, 11, 1),
        (CKM_SHA256, u64::MAX, 1),
        (CKM_TLS_PRF, 13, 1),
        (CKM_SHA256, 12, 0),
        (CKM_SHA256, 12, 3),
        (CKM_AES_CBC, 12, 1),
    ] {
        let mechanism = mechanism(CKM_TLS_MAC, Params::TlsMac { prf, len, side });
        let refused = client.sign(&mechanism, master, b"hash");
        assert_eq!(rv(refused), CKR_MECHANISM_PARAM_INVALID, "{prf:#x} {len} {side}");
    }
}

#[test]
fn premaster_secrets_begin_with_the_version() {
    let mut client = officer();
    let generate = |client: &mut Client, params, template| {
        let mechanism = mechanism(CKM_TLS_PRE_MASTER_KEY_GEN, params);
        client
            .ask(Request::GenerateKey { mechanism: mechanism.into(), template: Template(template) })
    };
    let Ok(Reply::Created(made)) = generate(&mut client, Params::Version(3, 2), readable(48))
    else {
        panic!()
    };
    let value = client.bytes(made.objects[0].id, CKA_VALUE);
    assert_eq!((value.len(), &value[..2]), (48, &[3, 2][..]));
    let refused = generate(&mut client, Params::None, readable(48));
    assert_eq!(rv(refused), CKR_MECHANISM_PARAM_INVALID);
    let refused = generate(&mut client, Params::Version(3, 2), readable(32));
    assert_eq!(rv(refused), CKR_TEMPLATE_INCONSISTENT);
    let aes = vec![Attribute::ulong(CKA_KEY_TYPE, CKK_AES)];
    let refused = generate(&mut client, Params::Version(3, 2), aes);
    assert_eq!(rv(refused), CKR_TEMPLATE_INCONSISTENT);
}
