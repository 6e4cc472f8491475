//! CKM_ECIES: encryption for a public key on a curve.

use hsmsim_partition::api::OperationKind::{Decrypt, Encrypt};
use hsmsim_types::mechanism::EciesParams;

use crate::support::*;

/// The parameters of TS 33.501, C.3.4.
fn of_5g(shared_data_1: &[u8]) -> EciesParams {
    EciesParams {
        primitive: CKDHP_STANDARD,
        kdf: CKD_SHA256_KDF,
        shared_data_1: shared_data_1.to_vec(),
        encryption: CKES_AES_CTR,
        key_bits: 128,
        mac: CKMS_HMAC_SHA256,
        mac_key_bits: 256,
        mac_bits: 64,
        shared_data_2: vec![],
    }
}

fn ecies(params: EciesParams) -> Mechanism {
    mechanism(CKM_ECIES, Params::Ecies(Box::new(params)))
}

fn decrypting_key(client: &mut Client, key_type: u64, curve: &[u8], value: &[u8]) -> ObjectId {
    client
        .create(vec![
            Attribute::ulong(CKA_CLASS, CKO_PRIVATE_KEY),
            Attribute::ulong(CKA_KEY_TYPE, key_type),
            Attribute::bytes(CKA_EC_PARAMS, curve),
            Attribute::bytes(CKA_VALUE, value),
            yes(CKA_DECRYPT),
        ])
        .unwrap()
}

/// Public key first.
fn pair(client: &mut Client, key_gen: u64, curve: &[u8]) -> (ObjectId, ObjectId) {
    let public = vec![Attribute::bytes(CKA_EC_PARAMS, curve), yes(CKA_ENCRYPT)];
    client.pair(key_gen, public, vec![yes(CKA_DECRYPT)]).unwrap()
}

fn hex(digits: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
    (0..digits.len()).step_by(2).map(digit).collect()
}

/// 3GPP TS 33.501, C.4.3.1 (profile A) and C.4.4.1 (profile B), which the Luna guide names as what
/// its firmware is to be verified with.
#[test]
pub(crate) fn the_published_messages_of_5g_are_opened() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    for (key_type, curve, private, temporary, sealed) in [
        (
            CKK_EC_MONTGOMERY,
            X25519,
            "c53c22208b61860b06c62e5406a7b330c2b577aa5558981510d128247d38bd1d",
            "b2e92f836055a255837debf850b528997ce0201cb82adfe4be1f587d07d8457d",
            "cb02352410cddd9e730ef3fa87",
        ),
        (
            CKK_EC,
            P256,
            "f1ab1074477ebcc7f554ea1c5fc368b1616730155e0041ac447d6301975fecda",
            "039aab8376597021e855679a9778ea0b67396e68c66df32c0f41e9acca2da9b9d1",
            "46a33fc2716ac7dae96aa30a4d",
        ),
    ] {
        let key = decrypting_key(&mut client, key_type, curve, &hex(private));
        let message = hex(&[temporary, sealed].concat());
        let mechanism = ecies(of_5g(&hex(temporary)));
        let msin = client.one_part(Decrypt, &mechanism, Some(key), &message).unwrap();
        assert_eq!(msin, hex("00012080f6"));
        for at in [message.len() - 1, message.len() - 9] {
            let mut changed = message.clone();
            changed[at] ^= 1;
            let refused = client.one_part(Decrypt, &mechanism, Some(key), &changed);
            assert_eq!(rv(refused), CKR_ENCRYPTED_DATA_INVALID);
        }
        let short = client.one_part(Decrypt, &mechanism, Some(key), &message[..20]);
        assert_eq!(rv(short), CKR_ENCRYPTED_DATA_LEN_RANGE);
    }
}

#[test]
fn every_scheme_comes_back_on_every_kind_of_curve() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let keys = [
        pair(&mut client, CKM_EC_KEY_PAIR_GEN, P256),
        pair(&mut client, CKM_EC_KEY_PAIR_GEN, P521),
        pair(&mut client, CKM_EC_MONTGOMERY_KEY_PAIR_GEN, X25519),
    ];
    let data = [7; 32];
    for (encryption, key_bits, added) in [
        (CKES_XOR, 0, 0),
        (CKES_AES_CBC, 256, 0),
        (CKES_AES_CBC_PAD, 192, 16),
        (CKES_DES3_CBC, 192, 0),
        (CKES_DES3_CBC_PAD, 128, 8),
        (CKES_AES_CTR, 256, 0),
    ] {
        for (mac, mac_bits) in
            [(CKMS_HMAC_SHA1, 160), (CKMS_HMAC_SHA512, 512), (CKMS_HMAC_RIPEMD160, 80)]
        {
            let params = EciesParams {
                encryption,
                key_bits,
                mac,
                mac_bits,
                primitive: CKDHP_ECDH1,
                shared_data_2: b"second".to_vec(),
                ..of_5g(b"first")
            };
            for ((public, private), point) in keys.into_iter().zip([65, 133, 32]) {
                let mechanism = ecies(params.clone());
                let sealed = client.one_part(Encrypt, &mechanism, Some(public), &data).unwrap();
                assert_eq!(sealed.len(), point + data.len() + added + mac_bits as usize / 8);
                let opened = client.one_part(Decrypt, &mechanism, Some(private), &sealed).unwrap();
                assert_eq!(opened, data);
                let other = EciesParams { shared_data_2: vec![], ..params.clone() };
                let refused = client.one_part(Decrypt, &ecies(other), Some(private), &sealed);
                assert_eq!(rv(refused), CKR_ENCRYPTED_DATA_INVALID);
            }
        }
    }
    let blocks = EciesParams { encryption: CKES_AES_CBC, ..of_5g(b"") };
    let refused = client.one_part(Encrypt, &ecies(blocks), Some(keys[0].0), &[7; 31]);
    assert_eq!(rv(refused), CKR_DATA_LEN_RANGE);
}

#[test]
fn bad_parameters_and_unfit_keys_have_their_codes() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let (public, private) = pair(&mut client, CKM_EC_KEY_PAIR_GEN, P256);
    let good = || of_5g(b"");
    let bad = [
        EciesParams { primitive: 0, ..good() },
        EciesParams { primitive: CKDHP_MODIFIED, ..good() },
        EciesParams { kdf: CKD_NULL, ..good() },
        EciesParams { kdf: CKD_SHA256_KDF_SP800, ..good() },
        EciesParams { kdf: 0x999, ..good() },
        EciesParams { encryption: 0, ..good() },
        EciesParams { encryption: CKES_XOR, ..good() },
        EciesParams { encryption: CKES_AES_GCM, ..good() },
        EciesParams { encryption: CKES_AES_KWP, ..good() },
        EciesParams { encryption: CKES_DES3_CBC, key_bits: 256, ..good() },
        EciesParams { key_bits: 0, ..good() },
        EciesParams { key_bits: 129, ..good() },
        EciesParams { mac: 0, ..good() },
        EciesParams { mac: CKMS_SHA256, ..good() },
        EciesParams { mac_key_bits: 72, ..good() },
        EciesParams { mac_key_bits: 81, ..good() },
        EciesParams { mac_key_bits: u64::MAX, ..good() },
        EciesParams { mac_bits: 0, ..good() },
        EciesParams { mac_bits: 56, ..good() },
        EciesParams { mac_bits: 65, ..good() },
        EciesParams { mac_bits: 264, ..good() },
    ];
    for params in bad {
        let refused = client.one_part(Encrypt, &ecies(params.clone()), Some(public), b"data");
        assert_eq!(rv(refused), CKR_MECHANISM_PARAM_INVALID, "{params:?}");
        let refused = client.one_part(Decrypt, &ecies(params.clone()), Some(private), &[4; 99]);
        assert_eq!(rv(refused), CKR_MECHANISM_PARAM_INVALID, "{params:?}");
    }
    let none = client.one_part(Encrypt, &Mechanism::plain(CKM_ECIES), Some(public), b"data");
    assert_eq!(rv(none), CKR_MECHANISM_PARAM_INVALID);

    let (rsa, _) = rsa_pair(&mut client);
    let refused = client.one_part(Encrypt, &ecies(good()), Some(rsa), b"data");
    assert_eq!(rv(refused), CKR_KEY_TYPE_INCONSISTENT);
    // What an application does not ask for, a key on a curve may not: the mechanism is the vendor's.
    let (plain, _) = ec_pair(&mut client, CKM_EC_KEY_PAIR_GEN, P256);
    let refused = client.one_part(Encrypt, &ecies(good()), Some(plain), b"data");
    assert_eq!(rv(refused), CKR_KEY_FUNCTION_NOT_PERMITTED);
    // Single-part only, as the vendor says.
    let refused = client.in_parts(Encrypt, &ecies(good()), Some(public), (b"some data", b""), 4);
    assert_eq!(rv(refused), CKR_FUNCTION_NOT_SUPPORTED);
}
