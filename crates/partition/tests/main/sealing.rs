//! Keys wrapped with an AEAD: the parameters of C_WrapKey and C_WrapKeyAuthenticated (PKCS#11 3.2, 6.13.3, 6.13.5).

use hsmsim_partition::{
    Personality,
    api::{OperationKind::Encrypt, Reply, Request},
};
use hsmsim_sim_config::Profile;
use hsmsim_types::MessageParams;

use crate::support::*;

/// Wraps, and gives the nonce if the token tells one.
fn seal(
    client: &mut Client,
    mechanism: &Mechanism,
    (by, key): (ObjectId, ObjectId),
    associated: Option<&[u8]>,
) -> Result<(Vec<u8>, Vec<u8>)> {
    let (mechanism, associated) = (mechanism.clone(), associated.map(<[u8]>::to_vec));
    let reply = client.ask(Request::Wrap {
        mechanism: mechanism.into(),
        wrapping_key: by,
        key,
        associated,
        room: Some(usize::MAX),
    })?;
    Ok(match reply {
        Reply::Message(message) => (message.nonce, message.bytes),
        Reply::Bytes(bytes) => (Vec::new(), bytes),
        other => panic!("{other:?}"),
    })
}

fn open_sealed(
    client: &mut Client,
    mechanism: &Mechanism,
    by: ObjectId,
    wrapped: &[u8],
    (class, key_type): (u64, u64),
    associated: Option<&[u8]>,
) -> Result<ObjectId> {
    let template = vec![
        Attribute::ulong(CKA_CLASS, class),
        Attribute::ulong(CKA_KEY_TYPE, key_type),
        no(CKA_SENSITIVE),
        yes(CKA_EXTRACTABLE),
    ];
    let reply = client.ask(Request::Unwrap {
        mechanism: mechanism.clone().into(),
        unwrapping_key: by,
        wrapped: wrapped.to_vec(),
        template: Template(template),
        associated: associated.map(<[u8]>::to_vec),
    })?;
    match reply {
        Reply::Created(created) => Ok(created.objects[0].id),
        other => panic!("{other:?}"),
    }
}

fn message(kind: u64, params: MessageParams) -> Mechanism {
    mechanism(kind, Params::Message(Box::new(params)))
}

/// The parameters of a message with the caller's nonce.
fn given(kind: u64, nonce: &[u8]) -> Mechanism {
    let data_len = (kind == CKM_AES_CCM).then_some(0);
    message(
        kind,
        MessageParams {
            nonce: nonce.to_vec(),
            tag_bits: 128,
            data_len,
            ..MessageParams::default()
        },
    )
}

/// The ordinary parameters of the same.
fn ordinary(kind: u64, nonce: &[u8], aad: &[u8], data_len: u64) -> Mechanism {
    let (nonce, aad) = (nonce.to_vec(), aad.to_vec());
    let params = match kind {
        CKM_AES_CCM => Params::Ccm { data_len, nonce, aad, mac_len: 16 },
        CKM_CHACHA20_POLY1305 => Params::ChaCha20Poly1305 { nonce, aad },
        _ => Params::Gcm { iv: nonce, iv_bits: 0, aad, tag_bits: 128 },
    };
    mechanism(kind, params)
}

const AEADS: [(u64, u64); 4] = [
    (CKM_AES_GCM, CKK_AES),
    (CKM_LUNA_AES_GCM, CKK_AES),
    (CKM_AES_CCM, CKK_AES),
    (CKM_CHACHA20_POLY1305, CKK_CHACHA20),
];

#[test]
fn every_aead_wraps_with_associated_data_as_it_encrypts() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let secret = client.create(secret_key(CKK_AES, &[0x5A; 32])).unwrap();
    let what = (CKO_SECRET_KEY, CKK_AES);
    for (kind, key_type) in AEADS {
        let by = client.create(secret_key(key_type, &[7; 32])).unwrap();
        let (nonce, aad) = ([3; 12], b"context");
        // What encryption makes of the same bytes stands against published vectors elsewhere.
        let plain = ordinary(kind, &nonce, aad, 32);
        let wanted = client.one_part(Encrypt, &plain, Some(by), &[0x5A; 32]).unwrap();
        let bare = ordinary(kind, &nonce, b"", 32);
        for (mechanism, associated) in [
            (&given(kind, &nonce), Some(&aad[..])),
            (&bare, Some(&aad[..])),
            (&plain, None),
            (&plain, Some(&[][..])),
        ] {
            let (_, wrapped) = seal(&mut client, mechanism, (by, secret), associated).unwrap();
            assert_eq!(wrapped, wanted, "{mechanism:?}");
            let back = open_sealed(&mut client, mechanism, by, &wrapped, what, associated).unwrap();
            assert_eq!(client.bytes(back, CKA_VALUE), [0x5A; 32]);
        }
        let opened = |client: &mut Client, wrapped: &[u8], aad: &[u8]| {
            rv(open_sealed(client, &given(kind, &nonce), by, wrapped, what, Some(aad)))
        };
        assert_eq!(opened(&mut client, &wanted, b"other"), CKR_WRAPPED_KEY_INVALID);
        for at in [0, 32, wanted.len() - 1] {
            let mut altered = wanted.clone();
            altered[at] ^= 1;
            assert_eq!(opened(&mut client, &altered, aad), CKR_WRAPPED_KEY_INVALID, "byte {at}");
        }
        let twice = seal(&mut client, &plain, (by, secret), Some(b"more"));
        assert_eq!(rv(twice), CKR_MECHANISM_PARAM_INVALID);
    }
}

#[test]
fn the_token_makes_what_is_not_fixed_of_a_nonce_and_tells_it() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let by = client.create(secret_key(CKK_AES, &[7; 32])).unwrap();
    let secret = client.create(secret_key(CKK_AES, &[0x5A; 32])).unwrap();
    for (kind, data_len) in [(CKM_AES_GCM, None), (CKM_AES_CCM, Some(0)), (CKM_AES_CCM, Some(32))] {
        let with = |generator, fixed_bits, count| {
            let nonce = vec![0xEE; 12];
            let (aad, tag_follows) = (b"aad".to_vec(), true);
            let params =
                MessageParams { nonce, fixed_bits, generator, count, aad, ..Default::default() };
            message(kind, MessageParams { tag_bits: 96, data_len, tag_follows, ..params })
        };
        let mut nonces = Vec::new();
        for (generator, fixed_bits) in
            [(CKG_GENERATE, 0), (CKG_GENERATE, 32), (CKG_GENERATE_RANDOM, 32)]
        {
            let mechanism = with(generator, fixed_bits, 0);
            let (nonce, wrapped) = seal(&mut client, &mechanism, (by, secret), None).unwrap();
            assert_eq!((nonce.len(), wrapped.len()), (12, 32 + 12));
            let fixed = fixed_bits as usize / 8;
            assert_eq!(nonce[..fixed], vec![0xEE; fixed]);
            // The nonce is what opens it; the generator counts for nothing then.
            let params = MessageParams {
                nonce: nonce.clone(),
                generator: 99,
                fixed_bits: 999,
                aad: b"aad".to_vec(),
                tag_bits: 96,
                data_len,
                ..Default::default()
            };
            let what = (CKO_SECRET_KEY, CKK_AES);
            let mechanism = message(kind, params);
            let back = open_sealed(&mut client, &mechanism, by, &wrapped, what, None).unwrap();
            assert_eq!(client.bytes(back, CKA_VALUE), [0x5A; 32]);
            nonces.push(nonce);
        }
        nonces.sort();
        nonces.dedup();
        assert_eq!(nonces.len(), 3, "each nonce is another");
        let counted = |client: &mut Client, count| {
            seal(client, &with(CKG_GENERATE_COUNTER, 32, count), (by, secret), None).unwrap().0
        };
        assert_eq!(counted(&mut client, 1)[4..], [[0xEE; 7].as_slice(), &[0xEF]].concat());
        for (generator, fixed_bits) in [(99, 0), (CKG_GENERATE, 96), (CKG_GENERATE, 97)] {
            let refused = seal(&mut client, &with(generator, fixed_bits, 0), (by, secret), None);
            assert_eq!(rv(refused), CKR_MECHANISM_PARAM_INVALID, "{generator} {fixed_bits}");
        }
    }
    let promised = MessageParams {
        data_len: Some(31),
        nonce: vec![1; 12],
        tag_bits: 128,
        ..Default::default()
    };
    let refused = seal(&mut client, &message(CKM_AES_CCM, promised), (by, secret), None);
    assert_eq!(rv(refused), CKR_KEY_SIZE_RANGE, "CCM was promised another length");
}

#[test]
fn private_keys_are_sealed_without_knowing_how_long_they_are() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let readable = vec![no(CKA_SENSITIVE), yes(CKA_EXTRACTABLE)];
    let public = vec![Attribute::bytes(CKA_EC_PARAMS, P256)];
    let (_, private) = client.pair(CKM_EC_KEY_PAIR_GEN, public, readable).unwrap();
    for (kind, key_type) in AEADS {
        let by = client.create(secret_key(key_type, &[7; 32])).unwrap();
        let mechanism = given(kind, &[3; 12]);
        let (_, wrapped) = seal(&mut client, &mechanism, (by, private), Some(b"aad")).unwrap();
        let what = (CKO_PRIVATE_KEY, CKK_EC);
        let back = open_sealed(&mut client, &mechanism, by, &wrapped, what, Some(b"aad")).unwrap();
        assert_eq!(client.bytes(back, CKA_VALUE), client.bytes(private, CKA_VALUE));
    }
}

#[test]
fn what_is_no_aead_has_no_associated_data_whatever_its_parameter() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let by = client.create(secret_key(CKK_AES, &[7; 32])).unwrap();
    for kind in [CKM_AES_KEY_WRAP_KWP, CKM_AES_CBC_PAD, CKM_AES_ECB] {
        for params in [Params::None, Params::Bytes(vec![1; 16]), Params::Message(Box::default())] {
            let mechanism = mechanism(kind, params);
            let sealed = seal(&mut client, &mechanism, (by, by), Some(b"aad"));
            assert_eq!(rv(sealed), CKR_MECHANISM_INVALID, "{mechanism:?}");
            let what = (CKO_SECRET_KEY, CKK_AES);
            let opened = open_sealed(&mut client, &mechanism, by, &[1; 40], what, Some(b"aad"));
            assert_eq!(rv(opened), CKR_MECHANISM_INVALID, "{mechanism:?}");
        }
        let message = mechanism(kind, Params::Message(Box::default()));
        assert_eq!(rv(seal(&mut client, &message, (by, by), None)), CKR_MECHANISM_PARAM_INVALID);
    }
    let bare = Mechanism::plain(CKM_AES_GCM);
    assert_eq!(rv(seal(&mut client, &bare, (by, by), Some(b"a"))), CKR_MECHANISM_PARAM_INVALID);
}

#[test]
fn a_device_that_keeps_its_vector_behind_the_tag_has_no_place_for_another() {
    let text = Profile::shipped_text("a790").unwrap();
    let ours = text.replace("\nCKM_AES_GCM = {", "\nCKM_AES_GCM = { min = 16, max = 32 }\n# {");
    assert_ne!(ours, text);
    let profile = Profile::parse(&ours, "p.toml").unwrap();
    let personality = Personality { pin_rounds: 2, ..Personality::from(&profile) };
    let (_, partition) = provisioned(personality);
    let mut client = Client::logged_in(&partition, 1);
    let by = client.create(secret_key(CKK_AES, &[7; 32])).unwrap();
    let sealed = seal(&mut client, &given(CKM_AES_GCM, &[3; 12]), (by, by), Some(b"aad"));
    assert_eq!(rv(sealed), CKR_MECHANISM_PARAM_INVALID);
    let mechanism = ordinary(CKM_AES_GCM, &[], b"", 0);
    let (_, wrapped) = seal(&mut client, &mechanism, (by, by), Some(b"aad")).unwrap();
    assert_eq!(wrapped.len(), 32 + 16 + 16);
    let what = (CKO_SECRET_KEY, CKK_AES);
    let back = open_sealed(&mut client, &mechanism, by, &wrapped, what, Some(b"aad")).unwrap();
    assert_eq!(client.bytes(back, CKA_VALUE), [7; 32]);
}
