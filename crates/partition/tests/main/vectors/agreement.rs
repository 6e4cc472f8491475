//! Agreement, encapsulation, and wraps under what was agreed.

use hsmsim_partition::api::{Reply, Request};

use super::{ciphers::unwrapped, signatures::rsa_key, *};

fn private_key(key_type: u64, parts: Vec<Attribute>) -> Vec<Attribute> {
    let mut template = vec![
        Attribute::ulong(CKA_CLASS, CKO_PRIVATE_KEY),
        Attribute::ulong(CKA_KEY_TYPE, key_type),
    ];
    template.extend(parts);
    template
}

pub(super) fn ml_kem() -> Vec<u64> {
    let (known, mut client) = (Known::read(), officer());
    let parts = vec![
        Attribute::ulong(CKA_PARAMETER_SET, CKP_ML_KEM_512),
        Attribute::bytes(CKA_SEED, counting(0, 64)),
    ];
    let private_key = client.create(private_key(CKK_ML_KEM, parts)).unwrap();
    let request = Request::Decapsulate {
        mechanism: Mechanism::plain(CKM_ML_KEM).into(),
        private_key,
        ciphertext: known.get("ml_kem.ciphertext"),
        template: Template(vec![
            Attribute::ulong(CKA_KEY_TYPE, CKK_GENERIC_SECRET),
            no(CKA_SENSITIVE),
            yes(CKA_EXTRACTABLE),
        ]),
    };
    let Reply::Created(made) = client.ask(request).unwrap() else { panic!() };
    assert_eq!(client.bytes(made.objects[0].id, CKA_VALUE), known.get("ml_kem.secret"));
    vec![CKM_ML_KEM]
}

pub(super) fn ecdh() -> Vec<u64> {
    let (known, mut client, mut covered) = (Known::read(), officer(), Vec::new());
    let uses = || [yes(CKA_DERIVE), yes(CKA_UNWRAP)];
    let on = |key_type, curve: &[u8], value: Vec<u8>| {
        let parts = [Attribute::bytes(CKA_EC_PARAMS, curve), Attribute::bytes(CKA_VALUE, value)];
        private_key(key_type, [parts, uses()].concat())
    };
    let key = client.create(on(CKK_EC, P256, known.get("ec.value"))).unwrap();
    let x = client.create(on(CKK_EC_MONTGOMERY, X25519, counting(0, 32))).unwrap();
    for kind in [CKM_ECDH1_DERIVE, CKM_ECDH1_COFACTOR_DERIVE] {
        for (kdf, info, expected) in
            [(CKD_NULL, &b""[..], "ecdh.secret"), (CKD_SHA256_KDF, b"info", "ecdh.key")]
        {
            let (shared_data, public_data) = (info.to_vec(), known.get("ecdh.peer"));
            let agree = mechanism(kind, Params::Ecdh1 { kdf, shared_data, public_data });
            assert_eq!(derived(&mut client, &agree, key, 32), known.get(expected));
        }
        covered.push(kind);
    }
    let (kdf, shared_data) = (CKD_SHA256_KDF, b"info".to_vec());
    let params = Params::EcdhAesWrap { aes_bits: 128, kdf, shared_data };
    let oaep = Params::Oaep {
        hash: CKM_SHA_1,
        mgf: CKG_MGF1_SHA1,
        source: CKZ_DATA_SPECIFIED,
        label: vec![],
    };
    let of_rsa = Params::RsaAesWrap { aes_bits: 128, oaep: Box::new(oaep) };
    let (_, rsa) = rsa_key(&known, &mut client);
    for (kind, params, key, name) in [
        (CKM_ECDH_AES_KEY_WRAP, params.clone(), key, "ecdh_wrap.bare"),
        (CKM_ECDH_COF_AES_KEY_WRAP, params.clone(), key, "ecdh_wrap.bare"),
        (CKM_ECDH_X_AES_KEY_WRAP, params, x, "ecdh_x_wrap.out"),
        (CKM_RSA_AES_KEY_WRAP, of_rsa, rsa, "rsa_aes_wrap.out"),
    ] {
        let wrap = mechanism(kind, params);
        assert_eq!(unwrapped(&mut client, &wrap, key, &known.get(name)), data()[..20], "{name}");
        covered.push(kind);
    }
    covered
}

pub(super) fn diffie_hellman() -> Vec<u64> {
    let (known, mut client) = (Known::read(), officer());
    let parts = |with_q: bool| {
        let mut parts = vec![
            Attribute::bytes(CKA_PRIME, known.get("dh.p")),
            Attribute::bytes(CKA_BASE, [2]),
            Attribute::bytes(CKA_VALUE, counting(0, 32)),
            yes(CKA_DERIVE),
        ];
        parts.extend(with_q.then(|| Attribute::bytes(CKA_SUBPRIME, known.get("dh.q"))));
        parts
    };
    let pkcs = client.create(private_key(CKK_DH, parts(false))).unwrap();
    let x942 = client.create(private_key(CKK_X9_42_DH, parts(true))).unwrap();
    let peer = known.get("dh.peer");
    let by_pkcs = mechanism(CKM_DH_PKCS_DERIVE, Params::Bytes(peer.clone()));
    let params = Params::X942 { kdf: CKD_NULL, other_info: vec![], public_data: peer };
    let by_x942 = mechanism(CKM_X9_42_DH_DERIVE, params);
    for (agree, key) in [(by_pkcs, pkcs), (by_x942, x942)] {
        assert_eq!(derived(&mut client, &agree, key, 256), known.get("dh.secret"), "{agree:?}");
    }
    vec![CKM_DH_PKCS_DERIVE, CKM_X9_42_DH_DERIVE]
}

pub(super) fn public_of_private() -> Vec<u64> {
    let (known, mut client) = (Known::read(), officer());
    let (_, rsa) = rsa_key(&known, &mut client);
    let parts = vec![
        Attribute::bytes(CKA_EC_PARAMS, P256),
        Attribute::bytes(CKA_VALUE, known.get("ec.value")),
        yes(CKA_DERIVE),
    ];
    let ec = client.create(private_key(CKK_EC, parts)).unwrap();
    let mechanism = Mechanism::plain(CKM_PUB_KEY_FROM_PRIV_KEY);
    let public = client.derive(&mechanism, rsa, vec![]).unwrap();
    assert_eq!(client.bytes(public, CKA_MODULUS), known.get("rsa.n"));
    let public = client.derive(&mechanism, ec, vec![]).unwrap();
    let point = [&[4, 65][..], &known.get("ec.point")].concat();
    assert_eq!(client.bytes(public, CKA_EC_POINT), point);
    vec![CKM_PUB_KEY_FROM_PRIV_KEY]
}
