//! DER structures: what was written is read back, and damaged DER is refused without a panic.

use hsmsim_crypto::Error;
use hsmsim_crypto::asn1::{self, PrivateKey, PublicKey};
use hsmsim_crypto::ec::{Curve, EcPrivateKey};
use hsmsim_crypto::edwards::Ed25519PrivateKey;
use hsmsim_crypto::montgomery::X25519PrivateKey;
use hsmsim_crypto::rsa::RsaPrivateKey;

use crate::hex::hex;

/// One key of every kind.
fn private_keys() -> Vec<PrivateKey> {
    let mut keys: Vec<PrivateKey> =
        Curve::ALL.map(|curve| PrivateKey::Ec(EcPrivateKey::generate(curve).unwrap())).into();
    keys.push(PrivateKey::Rsa(RsaPrivateKey::generate(1024, &[1, 0, 1]).unwrap()));
    keys.push(PrivateKey::Ed25519(Ed25519PrivateKey::generate().unwrap()));
    keys.push(PrivateKey::X25519(X25519PrivateKey::generate().unwrap()));
    keys
}

fn public(key: &PrivateKey) -> PublicKey {
    match key {
        PrivateKey::Rsa(key) => PublicKey::Rsa(key.public().unwrap()),
        PrivateKey::Ec(key) => PublicKey::Ec(key.public()),
        PrivateKey::Ed25519(key) => PublicKey::Ed25519(key.public()),
        PrivateKey::X25519(key) => PublicKey::X25519(key.public()),
    }
}

#[test]
fn written_keys_are_read_back() {
    for key in private_keys() {
        let encoded = key.to_pkcs8().unwrap();
        let again = PrivateKey::from_pkcs8(&encoded).unwrap();
        assert_eq!(again.to_pkcs8().unwrap(), encoded);
        let spki = public(&key).to_spki();
        assert_eq!(public(&again).to_spki(), spki);
        assert_eq!(PublicKey::from_spki(&spki).unwrap().to_spki(), spki);
    }
}

#[test]
fn truncated_extended_or_damaged_keys_never_pass_as_others() {
    for key in private_keys() {
        let encoded = key.to_pkcs8().unwrap();
        for len in 0..encoded.len() {
            assert!(PrivateKey::from_pkcs8(&encoded[..len]).is_err(), "{key:?} cut to {len}");
        }
        let extended = [&encoded[..], &[0]].concat();
        assert_eq!(PrivateKey::from_pkcs8(&extended).map(|_| ()), Err(Error::DataInvalid));
        // A change that is accepted must be a change of the key (another seed, say), which is then
        // written as it was read; or of the version, as both versions mean the same here.
        for index in 0..encoded.len() {
            for flip in [0x01, 0x80] {
                let mut damaged = encoded.to_vec();
                damaged[index] ^= flip;
                if let Ok(other) = PrivateKey::from_pkcs8(&damaged) {
                    let again = other.to_pkcs8().unwrap();
                    let version_only = again == encoded && damaged[index - 2..=index] == [2, 1, 1];
                    assert!(*again == damaged || version_only, "{key:?}, byte {index}");
                }
            }
        }

        let spki = public(&key).to_spki();
        for len in 0..spki.len() {
            assert!(PublicKey::from_spki(&spki[..len]).is_err(), "{key:?} cut to {len}");
        }
        for index in 0..spki.len() {
            let mut damaged = spki.clone();
            damaged[index] ^= 0x01;
            if let Ok(other) = PublicKey::from_spki(&damaged) {
                assert_eq!(other.to_spki(), damaged, "{key:?}, byte {index}");
            }
        }
    }
}

#[test]
fn keys_of_the_examples_of_rfc_8410_are_read() {
    // Section 10.3, without and with attributes and public key.
    let plain = "302e020100300506032b657004220420d4ee72dbf913584ad5b6d8f1f769f8ad\
                 3afe7c28cbf1d4fbe097a88f44755842";
    let full = "3072020101300506032b657004220420d4ee72dbf913584ad5b6d8f1f769f8ad\
                3afe7c28cbf1d4fbe097a88f44755842a01f301d060a2a864886f70d01090914\
                310f0c0d437572646c6520436861697273812100\
                19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1";
    let expected = "19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1";
    for encoded in [plain, full] {
        let PrivateKey::Ed25519(key) = PrivateKey::from_pkcs8(&hex(encoded)).unwrap() else {
            panic!("not an Ed25519 key");
        };
        assert_eq!(key.public().as_bytes()[..], hex(expected));
        assert_eq!(*key.to_pkcs8(), hex(plain));
    }
    let mut foreign = hex(full);
    *foreign.last_mut().unwrap() ^= 1;
    assert_eq!(PrivateKey::from_pkcs8(&foreign).map(|_| ()), Err(Error::InvalidKey));
}

#[test]
fn foreign_kinds_of_keys_are_told_from_damaged_ones() {
    // An OID that nobody has (1.3.101.127), and GOST R 34.10-2001 (1.2.643.2.2.19).
    for foreign in ["300b300506032b657f03020000", "300e300806062a850302021303020000"] {
        let refused = PublicKey::from_spki(&hex(foreign)).map(|_| ());
        assert_eq!(refused, Err(Error::Unsupported), "{foreign}");
    }
    for damaged in ["", "30", "3080", "300000", "0500", "30818000"] {
        let refused = PublicKey::from_spki(&hex(damaged)).map(|_| ());
        assert_eq!(refused, Err(Error::DataInvalid), "{damaged}");
        let refused = PrivateKey::from_pkcs8(&hex(damaged)).map(|_| ());
        assert_eq!(refused, Err(Error::DataInvalid), "{damaged}");
    }
}

#[test]
fn octet_strings_are_wrapped_with_lengths_of_every_form() {
    for (len, header) in
        [(0, "0400"), (65, "0441"), (127, "047f"), (128, "048180"), (255, "0481ff")]
            .into_iter()
            .chain([(256, "04820100"), (70_000, "0483011170")])
    {
        let content = vec![0x77; len];
        let wrapped = asn1::wrap_octet_string(&content);
        assert_eq!(wrapped, [hex(header), content.clone()].concat());
        assert_eq!(asn1::unwrap_octet_string(&wrapped), Ok(content));
    }
    // Empty; another tag; too short; too long; a length not in its shortest form; indefinite.
    for bad in ["", "04", "0301ff", "0402ff", "0401ffff", "048101ff", "04820001ff", "0480ff0000"] {
        assert_eq!(asn1::unwrap_octet_string(&hex(bad)), Err(Error::DataInvalid), "{bad}");
    }
}

#[test]
fn names_of_the_edwards_and_montgomery_curves_are_known() {
    let printable = |name: &str| [&[0x13, name.len() as u8][..], name.as_bytes()].concat();
    for ed in [hex("06032b6570"), hex("06092b06010401da470f01"), printable("edwards25519")] {
        assert!(asn1::is_ed25519_params(&ed) && !asn1::is_x25519_params(&ed));
    }
    for x in [hex("06032b656e"), hex("060a2b060104019755010501"), printable("curve25519")] {
        assert!(asn1::is_x25519_params(&x) && !asn1::is_ed25519_params(&x));
    }
    assert_eq!(asn1::ed25519_params(), hex("06032b6570"));
    assert_eq!(asn1::x25519_params(), hex("06032b656e"));
    for other in [Curve::P256.params_der(), vec![], hex("06032b657000"), printable("edwards448")] {
        assert!(!asn1::is_ed25519_params(&other) && !asn1::is_x25519_params(&other));
    }
}

#[test]
fn zeros_behind_a_sequence_go_and_nothing_else() {
    for (encoded, expected) in [
        ("3003020105", "3003020105"),
        ("300302010500000000", "3003020105"),
        ("300302010500000001", "300302010500000001"),
        ("3003020100", "3003020100"),
        ("30030201", "30030201"),
        ("04010000", "04010000"),
        ("", ""),
    ] {
        assert_eq!(asn1::without_zeros_behind(&hex(encoded)), hex(expected), "{encoded}");
    }
}
