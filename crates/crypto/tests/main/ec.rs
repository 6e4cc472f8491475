//! Elliptic curve keys: parameters, import, signatures of digests of any length, agreement.

use hsmsim_crypto::Error;
use hsmsim_crypto::digest::{HashAlg, hash};
use hsmsim_crypto::ec::{Curve, EcPrivateKey, EcPublicKey};
use hsmsim_crypto::edwards::{Ed25519PrivateKey, Ed25519PublicKey};
use hsmsim_crypto::montgomery::X25519PrivateKey;

use crate::hex::hex;

/// Generators and orders of the curves (SEC 2): curve, order, x coordinate of the generator.
const GENERATORS: [(Curve, &str, &str); 4] = [
    (
        Curve::P256,
        "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
        "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296",
    ),
    (
        Curve::P384,
        "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf\
         581a0db248b0a77aecec196accc52973",
        "aa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a38\
         5502f25dbf55296c3a545e3872760ab7",
    ),
    (
        Curve::P521,
        "01ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff\
         fffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e9138\
         6409",
        "00c6858e06b70404e9cd9e3ecb662395b4429c648139053fb521f828af606b4d\
         3dbaa14b5e77efe75928fe1dc127a2ffa8de3348b3c1856a429bf97e7e31c2e5\
         bd66",
    ),
    (
        Curve::Secp256k1,
        "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141",
        "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
    ),
];

#[test]
fn curve_is_found_by_oid_and_by_name() {
    for (curve, oid, names) in [
        (Curve::P256, "06082a8648ce3d030107", &["secp256r1", "prime256v1", "P-256"][..]),
        (Curve::P384, "06052b81040022", &["secp384r1", "P-384"]),
        (Curve::P521, "06052b81040023", &["secp521r1", "P-521"]),
        (Curve::Secp256k1, "06052b8104000a", &["secp256k1"]),
    ] {
        assert_eq!(curve.params_der(), hex(oid));
        assert_eq!(Curve::from_params(&hex(oid)), Ok(curve));
        for name in names {
            let printable = [&[0x13, name.len() as u8][..], name.as_bytes()].concat();
            assert_eq!(Curve::from_params(&printable), Ok(curve), "{name}");
        }
    }
    // sect163k1; implicit parameters; explicit parameters of no curve here.
    for unsupported in ["06052b81040001", "0500", "3003020101"] {
        assert_eq!(Curve::from_params(&hex(unsupported)), Err(Error::Unsupported));
    }
    for bad in ["", "06", "06082a8648ce3d0301", "06082a8648ce3d03010700", "0401ff"] {
        assert_eq!(Curve::from_params(&hex(bad)), Err(Error::InvalidParameter), "{bad}");
    }
}

#[test]
fn scalar_one_is_the_generator_and_the_order_is_refused() {
    for (curve, order, x) in GENERATORS {
        let one = EcPrivateKey::from_scalar(curve, &[1]).unwrap();
        assert_eq!(one.public_point()[1..=curve.field_len()], hex(x), "{curve:?}");
        let mut scalar = hex(order);
        let import = |scalar: &[u8]| EcPrivateKey::from_scalar(curve, scalar).map(|_| ());
        assert_eq!(import(&scalar), Err(Error::InvalidKey), "{curve:?}");
        assert_eq!(import(&[]), Err(Error::InvalidKey), "{curve:?}");
        assert_eq!(import(&[0; 32]), Err(Error::InvalidKey), "{curve:?}");
        assert_eq!(import(&[0xff; 80]), Err(Error::InvalidKey), "{curve:?}");
        // Order minus one is the negative of the generator: same x.
        *scalar.last_mut().unwrap() -= 1;
        let last = EcPrivateKey::from_scalar(curve, &scalar).unwrap();
        assert_eq!(last.public_point()[1..=curve.field_len()], hex(x), "{curve:?}");
        assert_eq!(*last.scalar().unwrap(), scalar, "{curve:?}");
        assert_eq!(one.scalar().unwrap().len(), curve.order_len(), "{curve:?}");
    }
}

#[test]
fn signatures_of_digests_of_every_length_verify() {
    for curve in Curve::ALL {
        let private = EcPrivateKey::generate(curve).unwrap();
        let public = private.public();
        for len in [1, 19, 20, 28, 32, 48, 64, 66, 67, 200] {
            let digest = vec![0xa5; len];
            let signature = private.sign_digest(&digest).unwrap();
            assert_eq!(signature.len(), curve.signature_len());
            assert_eq!(public.verify_digest(&digest, &signature), Ok(()), "{curve:?}, {len}");
            let mut other = digest.clone();
            other[0] ^= 1;
            let refused = public.verify_digest(&other, &signature);
            assert_eq!(refused, Err(Error::VerifyFailed), "{curve:?}, {len}");
        }
        assert_eq!(private.sign_digest(&[]), Err(Error::InvalidLength));
    }
}

#[test]
fn long_digest_counts_by_its_leftmost_bits() {
    let private = EcPrivateKey::generate(Curve::P256).unwrap();
    let public = private.public();
    let long = [[1; 32], [2; 32]].concat();
    let signature = private.sign_digest(&long).unwrap();
    assert_eq!(public.verify_digest(&long[..32], &signature), Ok(()));
}

#[test]
fn signature_of_a_wrong_length_is_told_from_a_wrong_one() {
    for curve in Curve::ALL {
        let private = EcPrivateKey::generate(curve).unwrap();
        let public = private.public();
        let signature = private.sign_digest(&[1; 32]).unwrap();
        let verify = |signature: &[u8]| public.verify_digest(&[1; 32], signature);
        assert_eq!(verify(&[]), Err(Error::SignatureLength));
        assert_eq!(verify(&signature[1..]), Err(Error::SignatureLength));
        assert_eq!(verify(&[&signature[..], &[0, 0]].concat()), Err(Error::SignatureLength));
        assert_eq!(verify(&vec![0; signature.len()]), Err(Error::VerifyFailed));
        assert_eq!(verify(&signature[2..]), Err(Error::VerifyFailed));
        for index in 0..signature.len() {
            let mut changed = signature.clone();
            changed[index] ^= 1;
            assert_eq!(verify(&changed), Err(Error::VerifyFailed), "{curve:?}, byte {index}");
        }
    }
}

#[test]
fn signature_without_leading_zeros_verifies() {
    let private = EcPrivateKey::from_scalar(Curve::P521, &[7; 40]).unwrap();
    let public = private.public();
    // A half of 66 bytes has 521 bits, so its first byte is 0 or 1 with equal chance.
    let signature = (0..)
        .map(|_| private.sign_digest(&[9; 64]).unwrap())
        .find(|signature| signature[0] == 0 && signature[66] == 0)
        .unwrap();
    let short = [&signature[1..66], &signature[67..]].concat();
    assert_eq!(public.verify_digest(&[9; 64], &short), Ok(()));
}

#[test]
fn points_are_taken_compressed_and_not_but_only_on_the_curve() {
    for curve in Curve::ALL {
        let point = EcPrivateKey::generate(curve).unwrap().public_point().to_vec();
        let import =
            |bytes: &[u8]| EcPublicKey::from_point(curve, bytes).map(|key| key.point().to_vec());
        assert_eq!(import(&point), Ok(point.clone()));
        let (x, y) = point[1..].split_at(curve.field_len());
        let compressed = [&[2 + (y[y.len() - 1] & 1)][..], x].concat();
        assert_eq!(import(&compressed), Ok(point.clone()));

        let mut off_curve = point.clone();
        *off_curve.last_mut().unwrap() ^= 1;
        let hybrid = [&[6 + (y[y.len() - 1] & 1)][..], &point[1..]].concat();
        for bad in [&off_curve[..], &hybrid, &[], &[0], &point[1..], &point[..40]] {
            assert_eq!(import(bad), Err(Error::InvalidKey), "{curve:?}");
        }
    }
}

#[test]
fn both_sides_of_an_agreement_get_the_same_secret() {
    for curve in Curve::ALL {
        let (ours, theirs) =
            (EcPrivateKey::generate(curve).unwrap(), EcPrivateKey::generate(curve).unwrap());
        let secret = ours.ecdh(theirs.public_point()).unwrap();
        assert_eq!(secret.len(), curve.field_len());
        assert_eq!(secret, theirs.ecdh(ours.public_point()).unwrap());
        assert_eq!(ours.ecdh(&[4; 65]).map(|_| ()), Err(Error::InvalidParameter));
        assert_eq!(ours.ecdh(&[0]).map(|_| ()), Err(Error::InvalidParameter));
    }
    let (ours, theirs) =
        (X25519PrivateKey::generate().unwrap(), X25519PrivateKey::generate().unwrap());
    let secret = ours.agree(theirs.public().as_bytes()).unwrap();
    assert_eq!(secret, theirs.agree(ours.public().as_bytes()).unwrap());
    for bad in [&[0; 32][..], &[9; 31], &[9; 33], &[]] {
        assert_eq!(ours.agree(bad).map(|_| ()), Err(Error::InvalidParameter));
    }
}

#[test]
fn ed25519_gives_the_examples_of_rfc_8032() {
    for (seed, public, message, signature) in [
        (
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bac\
             c61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ),
        (
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e\
             458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ),
    ] {
        let key = Ed25519PrivateKey::from_seed(&hex(seed)).unwrap();
        assert_eq!(key.public().as_bytes()[..], hex(public));
        assert_eq!(key.sign(&hex(message)), hex(signature));
        assert_eq!(key.public().verify(&hex(message), &hex(signature)), Ok(()));
        let refused = key.public().verify(b"other", &hex(signature));
        assert_eq!(refused, Err(Error::VerifyFailed));
        assert_eq!(key.public().verify(b"", &[0; 63]), Err(Error::SignatureLength));
    }
    for len in [0, 31, 33, 64] {
        assert_eq!(Ed25519PrivateKey::from_seed(&vec![1; len]).map(|_| ()), Err(Error::InvalidKey));
        assert_eq!(Ed25519PublicKey::from_bytes(&vec![1; len]), Err(Error::InvalidKey));
        assert_eq!(
            X25519PrivateKey::from_private(&vec![1; len]).map(|_| ()),
            Err(Error::InvalidKey)
        );
    }
}

#[test]
fn private_keys_never_show_in_debug_output() {
    let ec = EcPrivateKey::generate(Curve::P256).unwrap();
    assert_eq!(format!("{ec:?}"), "EcPrivateKey { curve: P256, .. }");
    let ed = Ed25519PrivateKey::generate().unwrap();
    assert_eq!(format!("{ed:?}"), "Ed25519PrivateKey { .. }");
    let x = X25519PrivateKey::generate().unwrap();
    assert_eq!(format!("{x:?}"), "X25519PrivateKey { .. }");
}

/// RFC 8032, 7.2 and 7.3: seed, public key, message, context, signature.
const CONTEXT_VECTOR: [&str; 5] = [
    "0305334e381af78f141cb666f6199f57bc3495335a256a95bd2a55bf546663f6",
    "dfc9425e4f968f7f0c29f0259cf5f9aed6851c2bb4ad8bfb860cfee0ab248292",
    "f726936d19c800494e3fdaff20b276a8",
    "666f6f",
    "55a4cc2f70a54e04288c5f4cd1e45a7bb520b36292911876cada7323198dd87a\
     8b36950b95130022907a7fb7c4e9b2d5f6cca685a587b4b21f4b888e4e7edb0d",
];
const DIGEST_VECTOR: [&str; 5] = [
    "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
    "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
    "616263",
    "",
    "98a70222f0b8121aa9d30f813d683f809e462b469c7ff87639499bb94e6dae41\
     31f85042463c2a355a2003d062adf5aaa10b8c61e636062aaad11c2a26083406",
];

#[test]
fn ed25519_with_context_and_of_digests_is_as_in_rfc_8032() {
    let [seed, public, message, context, signature] = CONTEXT_VECTOR.map(hex);
    let key = Ed25519PrivateKey::from_seed(&seed).unwrap();
    assert_eq!(key.public().as_bytes()[..], public);
    assert_eq!(key.sign_context(&message, &context), Ok(signature.clone()));
    let verify = |context: &[u8]| key.public().verify_context(&message, context, &signature);
    assert_eq!(verify(&context), Ok(()));
    assert_eq!(verify(b"bar"), Err(Error::VerifyFailed));
    assert_eq!(verify(b""), Err(Error::InvalidParameter));
    assert_eq!(verify(&[1; 256]), Err(Error::InvalidParameter));
    assert_eq!(key.sign_context(&message, &[]), Err(Error::InvalidParameter));
    assert_eq!(key.public().verify(&message, &signature), Err(Error::VerifyFailed));

    let [seed, public, message, context, signature] = DIGEST_VECTOR.map(hex);
    let key = Ed25519PrivateKey::from_seed(&seed).unwrap();
    assert_eq!(key.public().as_bytes()[..], public);
    let digest = hash(HashAlg::Sha512, &message);
    assert_eq!(key.sign_digest(&digest, &context), Ok(signature.clone()));
    let verify = |digest: &[u8]| key.public().verify_digest(digest, &context, &signature);
    assert_eq!(verify(&digest), Ok(()));
    assert_eq!(verify(&[7; 64]), Err(Error::VerifyFailed));
    assert_eq!(verify(&digest[1..]), Err(Error::InvalidLength));
    let short = key.public().verify_digest(&digest, &context, &signature[1..]);
    assert_eq!(short, Err(Error::SignatureLength));
}
