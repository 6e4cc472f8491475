//! Against the `openssl` command: both sides read and write the same bytes, and verify each other's
//! signatures. Where there is no such command these tests say so and check nothing.

use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;

use hsmsim_crypto::asn1::{PrivateKey, PublicKey};
use hsmsim_crypto::digest::{HashAlg, hash};
use hsmsim_crypto::ec::{Curve, EcPrivateKey};
use hsmsim_crypto::edwards::Ed25519PrivateKey;
use hsmsim_crypto::montgomery::X25519PrivateKey;
use hsmsim_crypto::rsa::RsaPrivateKey;

/// A directory for files, if there is an `openssl` of version 3 to share it with.
pub(crate) fn workspace(test: &str) -> Option<tempfile::TempDir> {
    let found = match Command::new("openssl").arg("version").output() {
        Ok(output) => String::from_utf8_lossy(&output.stdout).starts_with("OpenSSL 3"),
        Err(error) if error.kind() == ErrorKind::NotFound => false,
        Err(error) => panic!("openssl: {error}"),
    };
    if !found {
        eprintln!("{test}: skipped, no OpenSSL 3 command");
        return None;
    }
    Some(tempfile::tempdir().unwrap())
}

/// Runs `openssl` with these arguments, separated by spaces, in the directory.
pub(crate) fn openssl(directory: &Path, arguments: &str) {
    let output =
        Command::new("openssl").args(arguments.split(' ')).current_dir(directory).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl {arguments}: {errors}");
}

#[test]
fn keys_of_openssl_are_read_and_written_byte_for_byte() {
    let Some(directory) = workspace("keys_of_openssl_are_read_and_written_byte_for_byte") else {
        return;
    };
    let directory = directory.path();
    for options in [
        "RSA -pkeyopt rsa_keygen_bits:2048",
        "RSA -pkeyopt rsa_keygen_bits:1536 -pkeyopt rsa_keygen_pubexp:3",
        // 2^64 + 13: more than the library takes by default.
        "RSA -pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_keygen_pubexp:18446744073709551629",
        "EC -pkeyopt ec_paramgen_curve:P-256",
        "EC -pkeyopt ec_paramgen_curve:P-384",
        "EC -pkeyopt ec_paramgen_curve:P-521",
        "EC -pkeyopt ec_paramgen_curve:secp256k1",
        "ED25519",
        "X25519",
    ] {
        openssl(directory, &format!("genpkey -algorithm {options} -outform DER -out any.der"));
        openssl(directory, "pkcs8 -topk8 -nocrypt -inform DER -in any.der -outform DER -out k.der");
        openssl(directory, "pkey -inform DER -in k.der -pubout -outform DER -out p.der");
        let (private, public) = (read(directory, "k.der"), read(directory, "p.der"));

        let key = PrivateKey::from_pkcs8(&private).unwrap();
        assert_eq!(*key.to_pkcs8().unwrap(), private, "{options}");
        let spki = match &key {
            PrivateKey::Rsa(key) => {
                let (public, signature) = (key.public().unwrap(), key.sign_pkcs1(b"x").unwrap());
                assert_eq!(public.verify_pkcs1(b"x", &signature), Ok(()), "{options}");
                public.to_spki()
            }
            PrivateKey::Ec(key) => key.public().unwrap().to_spki(),
            PrivateKey::Ed25519(key) => key.public().to_spki(),
            PrivateKey::X25519(key) => key.public().to_spki(),
        };
        assert_eq!(spki, public, "{options}");
        assert_eq!(PublicKey::from_spki(&public).unwrap().to_spki(), public, "{options}");
    }
}

#[test]
fn keys_made_here_pass_openssl_unchanged() {
    let Some(directory) = workspace("keys_made_here_pass_openssl_unchanged") else { return };
    let directory = directory.path();
    let mut keys: Vec<PrivateKey> =
        Curve::ALL.map(|curve| PrivateKey::Ec(EcPrivateKey::generate(curve).unwrap())).into();
    // A scalar with leading zeros keeps its full length.
    keys.push(PrivateKey::Ec(EcPrivateKey::from_scalar(Curve::P256, &[5]).unwrap()));
    keys.push(PrivateKey::Rsa(RsaPrivateKey::generate(2048, &[1, 0, 1]).unwrap()));
    keys.push(PrivateKey::Ed25519(Ed25519PrivateKey::generate().unwrap()));
    keys.push(PrivateKey::X25519(X25519PrivateKey::generate().unwrap()));
    for key in keys {
        let encoded = key.to_pkcs8().unwrap();
        std::fs::write(directory.join("k.der"), &*encoded).unwrap();
        openssl(directory, "pkey -inform DER -in k.der -check -noout");
        openssl(directory, "pkcs8 -topk8 -nocrypt -inform DER -in k.der -outform DER -out o.der");
        assert_eq!(read(directory, "o.der"), *encoded, "{key:?}");
    }
}

#[test]
fn signatures_made_here_verify_with_openssl() {
    let Some(directory) = workspace("signatures_made_here_verify_with_openssl") else { return };
    let directory = directory.path();
    let key = RsaPrivateKey::generate(2048, &[1, 0, 1]).unwrap();
    std::fs::write(directory.join("p.der"), key.public().unwrap().to_spki()).unwrap();
    for (alg, name) in [
        (HashAlg::Sha1, "sha1"),
        (HashAlg::Sha224, "sha224"),
        (HashAlg::Sha256, "sha256"),
        (HashAlg::Sha384, "sha384"),
        (HashAlg::Sha512, "sha512"),
        (HashAlg::Sha512_224, "sha512-224"),
        (HashAlg::Sha512_256, "sha512-256"),
        (HashAlg::Sha3_224, "sha3-224"),
        (HashAlg::Sha3_256, "sha3-256"),
        (HashAlg::Sha3_384, "sha3-384"),
        (HashAlg::Sha3_512, "sha3-512"),
    ] {
        let digest = hash(alg, b"message");
        std::fs::write(directory.join("digest"), &digest).unwrap();
        let verify = format!(
            "pkeyutl -verify -pubin -keyform DER -inkey p.der -in digest -sigfile s \
             -pkeyopt digest:{name}"
        );
        std::fs::write(directory.join("s"), key.sign_pkcs1_hashed(alg, &digest).unwrap()).unwrap();
        openssl(directory, &verify);
        let pss = key.sign_pss(alg, HashAlg::Sha256, 20, &digest).unwrap();
        std::fs::write(directory.join("s"), pss).unwrap();
        let options = "-pkeyopt rsa_padding_mode:pss -pkeyopt rsa_mgf1_md:sha256 \
                       -pkeyopt rsa_pss_saltlen:20";
        openssl(directory, &format!("{verify} {options}"));
    }
}

#[test]
fn data_encrypted_by_openssl_is_decrypted_here() {
    let Some(directory) = workspace("data_encrypted_by_openssl_is_decrypted_here") else { return };
    let directory = directory.path();
    let key = RsaPrivateKey::generate(2048, &[1, 0, 1]).unwrap();
    std::fs::write(directory.join("p.der"), key.public().unwrap().to_spki()).unwrap();
    std::fs::write(directory.join("text"), b"sixteen bytes ok").unwrap();
    let encrypt = "pkeyutl -encrypt -pubin -keyform DER -inkey p.der -in text -out c";
    openssl(directory, encrypt);
    assert_eq!(*key.decrypt_pkcs1(&read(directory, "c")).unwrap(), b"sixteen bytes ok");
    let options = "-pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha256 \
                   -pkeyopt rsa_mgf1_md:sha1 -pkeyopt rsa_oaep_label:6c6162656c";
    openssl(directory, &format!("{encrypt} {options}"));
    let opened = key.decrypt_oaep(HashAlg::Sha256, HashAlg::Sha1, b"label", &read(directory, "c"));
    assert_eq!(*opened.unwrap(), b"sixteen bytes ok");
}

pub(crate) fn read(directory: &Path, name: &str) -> Vec<u8> {
    std::fs::read(directory.join(name)).unwrap()
}
