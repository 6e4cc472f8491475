//! Ed448 and X448: contexts, digests, and what is refused.

use hsmsim_crypto::Error;
use hsmsim_crypto::asn1::{self, KeyKind, private_key_kind, public_key_kind};
use hsmsim_crypto::curve448::{Ed448PrivateKey, X448PrivateKey, X448PublicKey};
use hsmsim_crypto::ml_dsa::PreHash;

use crate::hex::hex;

/// RFC 8032, 7.4 (Ed448, "1 octet (with context)"): seed, public key, message, context, signature.
const CONTEXT_VECTOR: [&str; 5] = [
    "c4eab05d357007c632f3dbb48489924d552b08fe0c353a0d4a1f00acda2c463a\
     fbea67c5e8d2877c5e3bc397a659949ef8021e954e0a12274e",
    "43ba28f430cdff456ae531545f7ecd0ac834a55d9358c0372bfa0c6c6798c086\
     6aea01eb00742802b8438ea4cb82169c235160627b4c3a9480",
    "03",
    "666f6f",
    "d4f8f6131770dd46f40867d6fd5d5055de43541f8c5e35abbcd001b32a89f7d2\
     151f7647f11d8ca2ae279fb842d607217fce6e042f6815ea000c85741de5c8da\
     1144a6a1aba7f96de42505d7a7298524fda538fccbbb754f578c1cad10d54d0d\
     5428407e85dcbc98a49155c13764e66c3c00",
];

/// RFC 8032, 7.5 (Ed448ph): the same, without context and with "foo".
const DIGEST_KEY: [&str; 3] = [
    "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42\
     ef7822e0d5104127dc05d6dbefde69e3ab2cec7c867c6e2c49",
    "259b71c19f83ef77a7abd26524cbdb3161b590a48f7d17de3ee0ba9c52beb743\
     c09428a131d6b1b57303d90d8132c276d5ed3d5d01c0f53880",
    "616263",
];
const DIGEST_VECTORS: [[&str; 2]; 2] = [
    [
        "",
        "822f6901f7480f3d5f562c592994d9693602875614483256505600bbc281ae38\
         1f54d6bce2ea911574932f52a4e6cadd78769375ec3ffd1b801a0d9b3f4030cd\
         433964b6457ea39476511214f97469b57dd32dbc560a9a94d00bff07620464a3\
         ad203df7dc7ce360c3cd3696d9d9fab90f00",
    ],
    [
        "666f6f",
        "c32299d46ec8ff02b54540982814dce9a05812f81962b649d528095916a2aa48\
         1065b1580423ef927ecf0af5888f90da0f6a9a85ad5dc3f280d91224ba9911a3\
         653d00e484e2ce232521481c8658df304bb7745a73514cdb9bf3e15784ab7128\
         4f8d0704a608c54a6b62d97beb511d132100",
    ],
];

#[test]
fn ed448_with_context_and_of_digests_is_as_in_rfc_8032() {
    let [seed, public, message, context, signature] = CONTEXT_VECTOR.map(hex);
    let key = Ed448PrivateKey::from_seed(&seed).unwrap();
    assert_eq!(key.public().as_bytes()[..], public);
    assert_eq!(key.sign(&message, &context), Ok(signature.clone()));
    let verify = |context: &[u8]| key.public().verify(&message, context, &signature);
    assert_eq!(verify(&context), Ok(()));
    assert_eq!(verify(b""), Err(Error::VerifyFailed));
    assert_eq!(verify(&[1; 256]), Err(Error::InvalidParameter));
    assert_eq!(key.sign(&message, &[1; 256]), Err(Error::InvalidParameter));
    let short = key.public().verify(&message, &context, &signature[1..]);
    assert_eq!(short, Err(Error::SignatureLength));

    let [seed, public, message] = DIGEST_KEY.map(hex);
    let key = Ed448PrivateKey::from_seed(&seed).unwrap();
    assert_eq!(key.public().as_bytes()[..], public);
    let digest = PreHash::Shake256.digest(&message);
    for [context, signature] in DIGEST_VECTORS.map(|vector| vector.map(hex)) {
        assert_eq!(key.sign_digest(&digest, &context), Ok(signature.clone()));
        let verify = |digest: &[u8]| key.public().verify_digest(digest, &context, &signature);
        assert_eq!(verify(&digest), Ok(()));
        assert_eq!(verify(&[7; 64]), Err(Error::VerifyFailed));
        assert_eq!(verify(&digest[1..]), Err(Error::InvalidLength));
        let pure = key.public().verify(&digest, &context, &signature);
        assert_eq!(pure, Err(Error::VerifyFailed));
    }
}

#[test]
fn x448_iterates_as_in_rfc_7748() {
    // RFC 7748, 5.2: once, with the base point as scalar and as coordinate.
    let mut base = [0; 56];
    base[0] = 5;
    let key = X448PrivateKey::from_private(&base).unwrap();
    let expected = hex("3f482c8a9f19b01e6c46ee9711d9dc14fd4bf67af30765c2ae2b846a4d23a8cd\
         0db897086239492caf350b51f833868b9bc2b3bca9cf4113");
    assert_eq!(*key.agree(&base).unwrap(), expected);
    assert_eq!(key.public().as_bytes()[..], expected);
}

#[test]
fn x448_refuses_low_order_and_wrong_lengths() {
    let key = X448PrivateKey::generate().unwrap();
    let mut one = [0; 56];
    one[0] = 1;
    for bad in [&[0; 56][..], &one, &[9; 55], &[9; 57]] {
        assert_eq!(key.agree(bad), Err(Error::InvalidParameter));
    }
    assert_eq!(X448PublicKey::from_bytes(&[9; 32]), Err(Error::InvalidKey));
    assert!(matches!(Ed448PrivateKey::from_seed(&[1; 56]), Err(Error::InvalidKey)));
}

#[test]
fn names_and_kinds_of_the_448_curves_are_known() {
    let printable = |name: &str| [&[0x13, name.len() as u8][..], name.as_bytes()].concat();
    for ed in [hex("06032b6571"), printable("edwards448"), asn1::ed448_params()] {
        assert!(asn1::is_ed448_params(&ed) && !asn1::is_x448_params(&ed));
    }
    for x in [hex("06032b656f"), printable("curve448"), asn1::x448_params()] {
        assert!(asn1::is_x448_params(&x) && !asn1::is_ed448_params(&x));
    }
    let (ed, x) = (Ed448PrivateKey::generate().unwrap(), X448PrivateKey::generate().unwrap());
    assert_eq!(private_key_kind(&ed.to_pkcs8()), Ok(KeyKind::Ed448));
    assert_eq!(private_key_kind(&x.to_pkcs8()), Ok(KeyKind::X448));
    assert_eq!(public_key_kind(&ed.public().to_spki()), Ok(KeyKind::Ed448));
    assert_eq!(public_key_kind(&x.public().to_spki()), Ok(KeyKind::X448));
    assert!(matches!(X448PrivateKey::from_pkcs8(&ed.to_pkcs8()), Err(Error::Unsupported)));
}
