//! Mechanisms that the command-line tools lack, compared with another library.

use cryptoki::{
    error::RvError,
    mechanism::{
        Mechanism, MechanismType,
        aead::GcmParams,
        eddsa::{EddsaParams, EddsaSignatureScheme},
        elliptic_curve::{EcKdf, Ecdh1DeriveParams},
    },
    object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle},
    session::Session,
};
use hsmsim_tests::{Sandbox, apart::apart, p11, test_name};
use ring::{
    aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    hmac,
    signature::{ED25519, UnparsedPublicKey},
};

const TEXT: &[u8] = b"the words that are hidden and signed";

fn pair() -> Sandbox {
    Sandbox::new("ha-pair")
}

/// A token key with this value.
fn secret(session: &Session, kind: KeyType, value: &[u8]) -> ObjectHandle {
    let template = [
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::KeyType(kind),
        Attribute::Token(true),
        Attribute::Sensitive(true),
        Attribute::Value(value.to_vec()),
    ];
    session.create_object(&template).expect("C_CreateObject")
}

/// An attribute whose value is bytes.
fn value(session: &Session, object: ObjectHandle, kind: AttributeType) -> Vec<u8> {
    match session.get_attributes(object, &[kind]).expect("C_GetAttributeValue").remove(0) {
        Attribute::Value(value) | Attribute::EcPoint(value) => value,
        other => panic!("{other:?}"),
    }
}

#[test]
fn aes_gcm_agrees_with_another_library() {
    apart(test_name!(), pair, |_| {
        let library = p11::library();
        let session = p11::session(&library);
        let value = [7; 32];
        let key = secret(&session, KeyType::AES, &value);
        let (mut iv, aad) = (*b"twelve bytes", *b"in the clear");
        let params = GcmParams::new(&mut iv, &aad, 128.into()).expect("parameters");
        let gcm = Mechanism::AesGcm(params);
        let inside = session.encrypt(&gcm, key, TEXT).expect("C_Encrypt");

        let other = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &value).expect("a key"));
        let nonce = Nonce::assume_unique_for_key(*b"twelve bytes");
        let mut outside = TEXT.to_vec();
        other.seal_in_place_append_tag(nonce, Aad::from(aad), &mut outside).expect("a seal");
        assert_eq!(inside, outside);
        assert_eq!(session.decrypt(&gcm, key, &outside).expect("C_Decrypt"), TEXT);

        // In parts as at once.
        session.encrypt_init(&gcm, key).expect("C_EncryptInit");
        let mut parts = session.encrypt_update(&TEXT[..5]).expect("C_EncryptUpdate");
        parts.extend(session.encrypt_update(&TEXT[5..]).expect("C_EncryptUpdate"));
        parts.extend(session.encrypt_final().expect("C_EncryptFinal"));
        assert_eq!(parts, outside);

        // One wrong bit in the tag.
        *outside.last_mut().expect("a tag") ^= 1;
        let code = p11::code(session.decrypt(&gcm, key, &outside));
        assert_eq!(code, RvError::EncryptedDataInvalid);
    });
}

#[test]
fn hmac_agrees_with_another_library() {
    apart(test_name!(), pair, |_| {
        let library = p11::library();
        let session = p11::session(&library);
        let key = secret(&session, KeyType::GENERIC_SECRET, &[9; 32]);
        for (mechanism, other) in [
            (Mechanism::Sha256Hmac, hmac::HMAC_SHA256),
            (Mechanism::Sha384Hmac, hmac::HMAC_SHA384),
            (Mechanism::Sha512Hmac, hmac::HMAC_SHA512),
        ] {
            let inside = session.sign(&mechanism, key, TEXT).expect("C_Sign");
            let outside = hmac::sign(&hmac::Key::new(other, &[9; 32]), TEXT);
            assert_eq!(inside, outside.as_ref());
            session.verify(&mechanism, key, TEXT, &inside).expect("C_Verify");
        }
    });
}

#[test]
fn ed25519_signatures_verify_outside() {
    apart(test_name!(), pair, |_| {
        let library = p11::library();
        let session = p11::session(&library);
        // The curve by its name, a PrintableString (PKCS#11 3.1, 6.3.5).
        let public = [
            Attribute::Token(true),
            Attribute::EcParams(b"\x13\x0cedwards25519".to_vec()),
            Attribute::Verify(true),
        ];
        let private = [Attribute::Token(true), Attribute::Sign(true)];
        let (public, private) = session
            .generate_key_pair(&Mechanism::EccEdwardsKeyPairGen, &public, &private)
            .expect("C_GenerateKeyPair");
        let mechanism = Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Ed25519));
        let signature = session.sign(&mechanism, private, TEXT).expect("C_Sign");
        let point = value(&session, public, AttributeType::EcPoint);
        // With an OCTET STRING around it or without: the standard has said both.
        let point = &point[point.len() - 32..];
        UnparsedPublicKey::new(&ED25519, point).verify(TEXT, &signature).expect("a signature");
    });
}

#[test]
fn both_ends_of_an_agreement_derive_the_same_key() {
    apart(test_name!(), pair, |_| {
        let library = p11::library();
        let session = p11::session(&library);
        let make = || {
            let public = [Attribute::EcParams(p11::P256.to_vec())];
            let private = [Attribute::Derive(true)];
            let made = session.generate_key_pair(&Mechanism::EccKeyPairGen, &public, &private);
            made.expect("C_GenerateKeyPair")
        };
        let (ours, theirs) = (make(), make());
        let derive = |private, public| {
            let point = value(&session, public, AttributeType::EcPoint);
            let template = [
                Attribute::Class(ObjectClass::SECRET_KEY),
                Attribute::KeyType(KeyType::GENERIC_SECRET),
                Attribute::ValueLen(32.into()),
                Attribute::Sensitive(false),
                Attribute::Extractable(true),
            ];
            let mechanism = Mechanism::Ecdh1Derive(Ecdh1DeriveParams::new(EcKdf::null(), &point));
            let key = session.derive_key(&mechanism, private, &template).expect("C_DeriveKey");
            value(&session, key, AttributeType::Value)
        };
        let (one, other) = (derive(ours.1, theirs.0), derive(theirs.1, ours.0));
        assert_eq!(one.len(), 32);
        assert_eq!(one, other);
    });
}

#[test]
fn a_wrapped_key_comes_back_as_it_was() {
    apart(test_name!(), pair, |_| {
        let library = p11::library();
        let session = p11::session(&library);
        let wrapping = secret(&session, KeyType::AES, &[1; 32]);
        let template = [
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::KeyType(KeyType::AES),
            Attribute::Extractable(true),
            Attribute::Value(vec![2; 16]),
        ];
        let key = session.create_object(&template).expect("C_CreateObject");
        for mechanism in [Mechanism::AesKeyWrap, Mechanism::AesKeyWrapPad] {
            let wrapped = session.wrap_key(&mechanism, wrapping, key).expect("C_WrapKey");
            let template = [
                Attribute::Class(ObjectClass::SECRET_KEY),
                Attribute::KeyType(KeyType::AES),
                Attribute::Sensitive(false),
                Attribute::Extractable(true),
            ];
            let back = session.unwrap_key(&mechanism, wrapping, &wrapped, &template);
            let back = back.expect("C_UnwrapKey");
            assert_eq!(value(&session, back, AttributeType::Value), [2; 16]);
        }
        let code = p11::code(session.wrap_key(&Mechanism::AesKeyWrap, wrapping, wrapping));
        assert_eq!(code, RvError::KeyUnextractable);
    });
}

#[test]
fn every_mechanism_that_is_listed_has_its_information() {
    apart(test_name!(), pair, |_| {
        let library = p11::library();
        let slot = p11::slot(&library);
        let listed = library.get_mechanism_list(slot).expect("C_GetMechanismList");
        // Those that this client has a name for.
        assert!(listed.len() >= 40, "{}", listed.len());
        for mechanism in [MechanismType::AES_GCM, MechanismType::ECDSA_SHA256] {
            assert!(listed.contains(&mechanism), "{mechanism:?}");
        }
        for mechanism in listed {
            library.get_mechanism_info(slot, mechanism).expect("C_GetMechanismInfo");
        }
    });
}
