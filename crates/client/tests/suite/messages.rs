//! The functions of PKCS#11 3.x on an HA group: messages, signatures that are known beforehand, recovery, two
//! operations on one part, encapsulation. What the standard says of them on one token holds on a group.

use hsmsim_client::{Message, Output, Room};
use hsmsim_partition::api::OperationKind::{self, *};
use hsmsim_types::{
    Attribute, Mechanism, MessageParams, ObjectHandle, Params, SessionHandle, Template, ck::*,
};

use crate::world::{World, code};

const CUT: &str = "device.power_loss hsm-eus-1";

fn aes(world: &World, session: SessionHandle) -> ObjectHandle {
    let template =
        [Attribute::bool(CKA_TOKEN, true), Attribute::ulong(CKA_VALUE_LEN, 32)].into_iter();
    let mechanism = Mechanism::plain(CKM_AES_KEY_GEN);
    world.client.run(world.client.generate_key(session, mechanism, template.collect())).unwrap()
}

fn init(
    world: &World,
    session: SessionHandle,
    kind: OperationKind,
    mechanism: u64,
    key: ObjectHandle,
) {
    let mechanism = Mechanism::plain(mechanism);
    world.client.run(world.client.operation_init(session, kind, mechanism, Some(key))).unwrap();
}

fn params(generator: u64, aad: &[u8]) -> MessageParams {
    MessageParams {
        nonce: b"fixed...ctr!".to_vec(),
        fixed_bits: 64,
        generator,
        aad: aad.to_vec(),
        tag_bits: 128,
        ..MessageParams::default()
    }
}

fn plain(message: Message) -> Vec<u8> {
    match message.output {
        Output::Bytes(bytes) => bytes,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_counter_goes_on_after_a_failover_and_every_message_opens() {
    let world = World::new("ha-pair");
    let (client, session) = (&world.client, world.officer());
    let key = aes(&world, session);
    init(&world, session, MessageEncrypt, CKM_AES_GCM, key);
    let mut sealed = Vec::new();
    for number in 0..6_u8 {
        if number == 3 {
            world.fault(CUT);
        }
        let params = params(CKG_GENERATE_COUNTER, &[number]);
        let data = vec![number; 20];
        let message = client.run(client.encrypt_message(session, params, &data, Room::Bytes(64)));
        sealed.push(message.unwrap());
    }
    client.run(client.messages_end(session, MessageEncrypt)).unwrap();
    let mut nonces: Vec<_> = sealed.iter().map(|message| message.nonce.clone()).collect();
    assert!(nonces.iter().all(|nonce| nonce.starts_with(b"fixed...")));
    assert_eq!(nonces[0], b"fixed...ctr!");
    nonces.dedup();
    assert_eq!(nonces.len(), 6, "no nonce comes twice");

    init(&world, session, MessageDecrypt, CKM_AES_GCM, key);
    for (number, message) in (0..).zip(sealed) {
        let (nonce, tag) = (message.nonce.clone(), message.tag.clone());
        let params = MessageParams { nonce, ..params(CKG_NO_GENERATE, &[number]) };
        let data = plain(message);
        let decrypt = |params, tag: &[u8]| {
            client.run(client.decrypt_message(session, params, &data, tag, Room::Bytes(64)))
        };
        let wrong = decrypt(MessageParams { aad: vec![99], ..params.clone() }, &tag);
        assert_eq!(code(wrong), "CKR_AEAD_DECRYPT_FAILED");
        assert_eq!(decrypt(params, &tag), Ok(Output::Bytes(vec![number; 20])), "the next opens");
    }
}

#[test]
fn a_message_in_parts_is_the_same_as_in_one() {
    let world = World::new("ha-pair");
    let (client, session) = (&world.client, world.officer());
    let key = aes(&world, session);
    let data: Vec<u8> = (0..100).collect();
    // Vectors of other lengths than twelve bytes have no counter that goes on by itself.
    for nonce in [&b"twelve bytes"[..], b"not twelve bytes"] {
        let params = || MessageParams { nonce: nonce.to_vec(), ..params(CKG_NO_GENERATE, b"a") };
        init(&world, session, MessageEncrypt, CKM_AES_GCM, key);
        let room = Room::Bytes(100);
        let whole = client.run(client.encrypt_message(session, params(), &data, room)).unwrap();
        let begun = client.run(client.message_begin(session, MessageEncrypt, params()));
        assert_eq!(begun, Ok(nonce.to_vec()));
        let (mut parts, mut tag) = (Vec::new(), Vec::new());
        for (at, part) in data.chunks(33).enumerate() {
            let last = (at == 3).then_some(&[][..]);
            let small = client.message_next(session, MessageEncrypt, part, last, Room::Bytes(0));
            let small = client.run(small).unwrap();
            assert_eq!(small.output, Output::TooSmall(part.len()), "nothing is lost");
            let next = client.message_next(session, MessageEncrypt, part, last, room);
            let message = client.run(next).unwrap();
            tag.clone_from(&message.tag);
            parts.extend(plain(message));
        }
        assert_eq!((&tag, &parts), (&whole.tag, &plain(whole.clone())));
        client.run(client.messages_end(session, MessageEncrypt)).unwrap();

        init(&world, session, MessageDecrypt, CKM_AES_GCM, key);
        for (tag, expected) in [(vec![0; 16], "CKR_AEAD_DECRYPT_FAILED"), (tag, "CKR_OK")] {
            client.run(client.message_begin(session, MessageDecrypt, params())).unwrap();
            let first = client.message_next(session, MessageDecrypt, &parts[..50], None, room);
            let mut opened = plain(client.run(first).unwrap());
            let last = client.message_next(session, MessageDecrypt, &parts[50..], Some(&tag), room);
            match client.run(last) {
                Ok(message) => {
                    opened.extend(plain(message));
                    assert_eq!((opened, expected), (data.clone(), "CKR_OK"));
                }
                error => assert_eq!(code(error), expected),
            }
        }
        client.run(client.messages_end(session, MessageDecrypt)).unwrap();
    }
}

#[test]
fn a_message_in_parts_ends_with_its_member_and_the_next_operation_works() {
    let world = World::new("ha-pair");
    let (client, session) = (&world.client, world.officer());
    let key = aes(&world, session);
    init(&world, session, MessageEncrypt, CKM_AES_GCM, key);
    let begin = || client.message_begin(session, MessageEncrypt, params(CKG_NO_GENERATE, b""));
    client.run(begin()).unwrap();
    world.fault(CUT);
    let next = || client.message_next(session, MessageEncrypt, b"part", None, Room::Bytes(9));
    assert_eq!(code(client.run(next())), "CKR_DEVICE_ERROR");
    assert_eq!(code(client.run(next())), "CKR_OPERATION_NOT_INITIALIZED");
    init(&world, session, MessageEncrypt, CKM_AES_GCM, key);
    client.run(begin()).unwrap();
    assert!(client.run(next()).is_ok());
    assert_eq!(
        code(client.run(client.messages_end(session, MessageEncrypt))),
        "CKR_OPERATION_ACTIVE"
    );
    assert_eq!(code(client.run(next())), "CKR_OPERATION_NOT_INITIALIZED");
}

#[test]
fn messages_are_signed_and_verified_in_any_number() {
    let world = World::new("ha-pair");
    let (client, session) = (&world.client, world.officer());
    let (public, private) = world.pair(session, "signer");
    init(&world, session, MessageSign, CKM_ECDSA_SHA256, private);
    init(&world, session, MessageVerify, CKM_ECDSA_SHA256, public);
    let room = Room::Bytes(64);
    for message in [&b"one"[..], b"two", b""] {
        let length = client.run(client.sign_message(session, message, Room::Query));
        assert_eq!(length, Ok(Output::Length(64)));
        let Output::Bytes(signature) =
            client.run(client.sign_message(session, message, room)).unwrap()
        else {
            panic!()
        };
        client.run(client.verify_message(session, message, &signature)).unwrap();
        let other = client.run(client.verify_message(session, b"other", &signature));
        assert_eq!(code(other), "CKR_SIGNATURE_INVALID");
        client.run(client.signed_message_begin(session, MessageVerify)).unwrap();
        client.run(client.verify_message_next(session, message, None)).unwrap();
        client.run(client.verify_message_next(session, b"", Some(&signature))).unwrap();
    }
    client.run(client.signed_message_begin(session, MessageSign)).unwrap();
    client.run(client.sign_message_next(session, b"in ", None)).unwrap();
    let small = client.run(client.sign_message_next(session, b"parts", Some(Room::Bytes(63))));
    assert_eq!(small, Ok(Output::TooSmall(64)));
    let last = client.run(client.sign_message_next(session, b"parts", Some(room)));
    let Ok(Output::Bytes(signature)) = last else { panic!("{last:?}") };
    client.run(client.verify_message(session, b"in parts", &signature)).unwrap();
    for kind in [MessageSign, MessageVerify] {
        client.run(client.messages_end(session, kind)).unwrap();
        let again = client.run(client.messages_end(session, kind));
        assert_eq!(code(again), "CKR_OPERATION_NOT_INITIALIZED");
    }
}

#[test]
fn a_signature_that_is_known_beforehand_is_verified_in_one_part_and_in_many() {
    let world = World::new("ha-pair");
    let (client, session) = (&world.client, world.officer());
    let (public, private) = world.pair(session, "signer");
    init(&world, session, Sign, CKM_ECDSA_SHA256, private);
    let Ok(Output::Bytes(signature)) =
        client.run(client.one_part(session, Sign, b"in parts", Room::Bytes(64)))
    else {
        panic!()
    };
    let init = || {
        let mechanism = Mechanism::plain(CKM_ECDSA_SHA256);
        client.run(client.verify_signature_init(session, mechanism, public, &signature)).unwrap();
    };
    init();
    client.run(client.verify(session, VerifySignature, b"in parts", None)).unwrap();
    init();
    let wrong = client.run(client.verify(session, VerifySignature, b"other", None));
    assert_eq!(code(wrong), "CKR_SIGNATURE_INVALID");
    for (last, expected) in [("parts", "CKR_OK"), ("bits", "CKR_SIGNATURE_INVALID")] {
        init();
        for part in ["in ", last] {
            let update = client.update(session, VerifySignature, part.as_bytes(), Room::Bytes(0));
            client.run(update).unwrap();
        }
        let verdict = client.run(client.verify_final(session, VerifySignature, None));
        assert_eq!(verdict.map_or_else(|e| code::<()>(Err(e)), |()| "CKR_OK"), expected);
    }
    let none = client.run(client.verify_final(session, VerifySignature, None));
    assert_eq!(code(none), "CKR_OPERATION_NOT_INITIALIZED");
}

#[test]
fn a_part_goes_through_two_operations_at_once() {
    let world = World::new("ha-pair");
    let (client, session) = (&world.client, world.officer());
    let key = aes(&world, session);
    let cbc = Mechanism { kind: CKM_AES_CBC_PAD, params: Params::Bytes(vec![7; 16]) };
    let begin = |kind, mechanism: &Mechanism, key| {
        client.run(client.operation_init(session, kind, mechanism.clone(), key)).unwrap();
    };
    let end = |kind| match client.run(client.finish(session, kind, Room::Bytes(64))) {
        Ok(Output::Bytes(bytes)) => bytes,
        other => panic!("{other:?}"),
    };
    let sha = Mechanism::plain(CKM_SHA256);
    let data: Vec<u8> = (0..50).collect();
    let mut digests = Vec::new();
    begin(Digest, &sha, None);
    begin(Encrypt, &cbc, Some(key));
    let small = client.run(client.update_and_encrypt(session, Digest, &data, Room::Bytes(47)));
    assert_eq!(small, Ok(Output::TooSmall(48)), "and neither has taken the part");
    let sealed = client.run(client.update_and_encrypt(session, Digest, &data, Room::Bytes(64)));
    let Ok(Output::Bytes(mut sealed)) = sealed else { panic!("{sealed:?}") };
    sealed.extend(end(Encrypt));
    digests.push(end(Digest));

    begin(Decrypt, &cbc, Some(key));
    begin(Digest, &sha, None);
    let opened = client.run(client.decrypt_and_update(session, Digest, &sealed, Room::Bytes(64)));
    let Ok(Output::Bytes(mut opened)) = opened else { panic!("{opened:?}") };
    let rest = end(Decrypt);
    client.run(client.update(session, Digest, &rest, Room::Bytes(0))).unwrap();
    digests.push(end(Digest));
    opened.extend(rest);
    assert_eq!(opened, data);

    begin(Digest, &sha, None);
    let whole = client.run(client.one_part(session, Digest, &data, Room::Bytes(32))).unwrap();
    assert!(digests.into_iter().all(|digest| whole == Output::Bytes(digest)));
    let alone = client.run(client.update_and_encrypt(session, Digest, &data, Room::Bytes(64)));
    assert_eq!(code(alone), "CKR_OPERATION_NOT_INITIALIZED");
}

#[test]
fn what_was_signed_comes_back_out_of_the_signature() {
    let world = World::new("ha-pair");
    let (client, session) = (&world.client, world.officer());
    let public: Template =
        [Attribute::ulong(CKA_MODULUS_BITS, 2048), Attribute::bool(CKA_TOKEN, true)]
            .into_iter()
            .collect();
    let private: Template = [Attribute::bool(CKA_TOKEN, true)].into_iter().collect();
    let mechanism = Mechanism::plain(CKM_RSA_PKCS_KEY_PAIR_GEN);
    let (public, private) =
        client.run(client.generate_key_pair(session, mechanism, public, private)).unwrap();
    for (mechanism, data) in [(CKM_RSA_PKCS, vec![9; 40]), (CKM_RSA_X_509, vec![1; 256])] {
        init(&world, session, SignRecover, mechanism, private);
        let room = Room::Bytes(256);
        let signed = client.run(client.one_part(session, SignRecover, &data, room));
        let Ok(Output::Bytes(signature)) = signed else { panic!("{signed:?}") };
        init(&world, session, VerifyRecover, mechanism, public);
        let recovered = client.run(client.one_part(session, VerifyRecover, &signature, room));
        assert_eq!(recovered, Ok(Output::Bytes(data)));
        init(&world, session, VerifyRecover, mechanism, public);
        let short = client.run(client.one_part(session, VerifyRecover, &signature[1..], room));
        assert_eq!(code(short), "CKR_SIGNATURE_LEN_RANGE");
    }
    init(&world, session, VerifyRecover, CKM_RSA_PKCS, public);
    let nonsense = client.run(client.one_part(session, VerifyRecover, &[1; 256], Room::Bytes(256)));
    assert_eq!(code(nonsense), "CKR_SIGNATURE_INVALID");
}

#[test]
fn an_encapsulated_key_is_on_every_member_and_its_twin_computes_the_same() {
    let world = World::new("ha-pair");
    let (client, session) = (&world.client, world.officer());
    let (public, private) = world.pair(session, "recipient");
    let template = || -> Template {
        [
            Attribute::bool(CKA_TOKEN, true),
            Attribute::ulong(CKA_KEY_TYPE, CKK_GENERIC_SECRET),
            Attribute::ulong(CKA_VALUE_LEN, 32),
            Attribute::bool(CKA_SIGN, true),
        ]
        .into_iter()
        .collect()
    };
    let mechanism = || Mechanism {
        kind: CKM_ECDH1_DERIVE,
        params: Params::Ecdh1 {
            kdf: CKD_SHA256_KDF,
            shared_data: b"info".to_vec(),
            public_data: Vec::new(),
        },
    };
    let encapsulate =
        |room| client.run(client.encapsulate_key(session, mechanism(), public, template(), room));
    let before = world.holdings(0).len();
    let nothing = ObjectHandle(CK_INVALID_HANDLE);
    assert_eq!(encapsulate(Room::Query), Ok((Output::Length(65), nothing)));
    assert_eq!(encapsulate(Room::Bytes(64)), Ok((Output::TooSmall(65), nothing)));
    assert_eq!(world.holdings(0).len(), before, "no room, no key");
    let Ok((Output::Bytes(ciphertext), ours)) = encapsulate(Room::Bytes(65)) else { panic!() };
    world.fault(CUT);
    let decapsulate = |ciphertext: &[u8]| {
        client.run(client.decapsulate_key(session, mechanism(), private, ciphertext, template()))
    };
    let theirs = decapsulate(&ciphertext).unwrap();
    let mac = |key| {
        init(&world, session, Sign, CKM_SHA256_HMAC, key);
        client.run(client.one_part(session, Sign, b"same", Room::Bytes(32))).unwrap()
    };
    assert_eq!(mac(ours), mac(theirs));
    assert_eq!(code(decapsulate(&ciphertext[1..])), "CKR_ENCRYPTED_DATA_LEN_RANGE");
}

#[test]
fn a_wrapping_with_associated_data_opens_with_the_same_data_only() {
    let world = World::new("ha-pair");
    let (client, session) = (&world.client, world.officer());
    let wrapping = aes(&world, session);
    let secret: Template =
        [Attribute::bool(CKA_EXTRACTABLE, true), Attribute::ulong(CKA_VALUE_LEN, 16)]
            .into_iter()
            .collect();
    let key = client
        .run(client.generate_key(session, Mechanism::plain(CKM_AES_KEY_GEN), secret))
        .unwrap();
    let gcm = |aad: &[u8]| Mechanism {
        kind: CKM_AES_GCM,
        params: Params::Gcm { iv: vec![3; 12], iv_bits: 96, aad: aad.to_vec(), tag_bits: 128 },
    };
    let room = Room::Bytes(64);
    let wrap = |mechanism, associated| {
        let wrap = client.wrap_key(session, mechanism, wrapping, key, associated, room);
        client.run(wrap).map(|message| message.output)
    };
    let Ok(Output::Bytes(wrapped)) = wrap(gcm(b""), Some(&b"context"[..])) else { panic!() };
    assert_eq!(wrap(gcm(b"context"), None), Ok(Output::Bytes(wrapped.clone())), "the same bytes");
    assert_eq!(code(wrap(gcm(b"twice"), Some(b"x"))), "CKR_MECHANISM_PARAM_INVALID");
    assert_eq!(
        code(wrap(Mechanism::plain(CKM_AES_KEY_WRAP_KWP), Some(b"x"))),
        "CKR_MECHANISM_INVALID"
    );
    let unwrap = |associated: &[u8]| {
        let template =
            [Attribute::ulong(CKA_CLASS, CKO_SECRET_KEY), Attribute::ulong(CKA_KEY_TYPE, CKK_AES)];
        let template = template.into_iter().collect();
        client.run(client.unwrap_key(
            session,
            gcm(b""),
            wrapping,
            &wrapped,
            template,
            Some(associated),
        ))
    };
    assert_eq!(code(unwrap(b"other")), "CKR_WRAPPED_KEY_INVALID");
    unwrap(b"context").unwrap();
}

#[test]
fn a_wrapping_counts_its_nonces_by_session_and_key_and_gives_the_tag_apart() {
    let world = World::new("ha-pair");
    let (client, session) = (&world.client, world.officer());
    let (wrapping, other) = (aes(&world, session), aes(&world, session));
    let secret: Template =
        [Attribute::bool(CKA_EXTRACTABLE, true), Attribute::ulong(CKA_VALUE_LEN, 16)]
            .into_iter()
            .collect();
    let key = client
        .run(client.generate_key(session, Mechanism::plain(CKM_AES_KEY_GEN), secret))
        .unwrap();
    let mechanism = |generator, nonce: &[u8], tag_follows| {
        let params = MessageParams {
            nonce: nonce.to_vec(),
            fixed_bits: 64,
            generator,
            tag_bits: 128,
            tag_follows,
            ..MessageParams::default()
        };
        Mechanism { kind: CKM_AES_GCM, params: Params::Message(Box::new(params)) }
    };
    let wrap = |session, by, room| {
        let mechanism = mechanism(CKG_GENERATE_COUNTER, &[0; 12], false);
        client.run(client.wrap_key(session, mechanism, by, key, Some(b"aad"), room)).unwrap()
    };
    let room = Room::Bytes(16);
    // A length that is asked for and a place that is too small count nothing.
    assert_eq!(wrap(session, wrapping, Room::Query).output, Output::Length(16));
    assert_eq!(wrap(session, wrapping, Room::Bytes(15)).output, Output::TooSmall(16));
    for count in 0..3 {
        let message = wrap(session, wrapping, room);
        assert_eq!(message.nonce, [[0; 11].as_slice(), &[count]].concat());
        let Output::Bytes(wrapped) = message.output else { panic!() };
        assert_eq!((wrapped.len(), message.tag.len()), (16, 16));
        let whole = [wrapped, message.tag].concat();
        let template =
            [Attribute::ulong(CKA_CLASS, CKO_SECRET_KEY), Attribute::ulong(CKA_KEY_TYPE, CKK_AES)];
        client
            .run(client.unwrap_key(
                session,
                // Generator and fixed bits count for nothing here.
                mechanism(99, &message.nonce, false),
                wrapping,
                &whole,
                template.into_iter().collect(),
                Some(b"aad"),
            ))
            .unwrap();
    }
    assert_eq!(wrap(session, other, room).nonce, [0; 12], "another key, another counter");
    // The structure for C_WrapKey leaves the tag behind the key.
    let mechanism = mechanism(CKG_GENERATE, &[7; 12], true);
    let wrapped = client.wrap_key(session, mechanism, wrapping, key, None, Room::Bytes(64));
    let message = client.run(wrapped).unwrap();
    let Output::Bytes(wrapped) = message.output else { panic!() };
    assert_eq!((wrapped.len(), message.tag.len(), &message.nonce[..8]), (32, 0, &[7; 8][..]));
}
