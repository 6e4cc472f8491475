//! Against the `openssl` command: both sides read and write the same bytes, and verify each other's
//! signatures. Where there is no such command these tests say so and check nothing.

use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;

use hsmsim_crypto::asn1::{PrivateKey, PublicKey};
use hsmsim_crypto::curve448::{Ed448PrivateKey, X448PrivateKey, X448PublicKey};
use hsmsim_crypto::dh::{DhPrivateKey, DhPublicKey};
use hsmsim_crypto::digest::{HashAlg, hash};
use hsmsim_crypto::dsa::{DsaParameters, DsaPrivateKey, GeneratorSeed, generator, probable_primes};
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
            PrivateKey::Ec(key) => key.public().to_spki(),
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
    let mut keys: Vec<PrivateKey> = Curve::ALL
        .into_iter()
        .filter(|curve| openssl_curve(*curve).is_some())
        .map(|curve| PrivateKey::Ec(EcPrivateKey::generate(curve).unwrap()))
        .collect();
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

    // Any two hash functions go together.
    for (alg, name) in [
        (HashAlg::Sha1, "sha1"),
        (HashAlg::Sha512_256, "sha512-256"),
        (HashAlg::Sha3_224, "sha3-224"),
        (HashAlg::Sha3_512, "sha3-512"),
    ] {
        for (mgf_alg, mgf_name) in [
            (HashAlg::Sha224, "sha224"),
            (HashAlg::Sha512_224, "sha512-224"),
            (HashAlg::Sha3_256, "sha3-256"),
            (HashAlg::Sha3_384, "sha3-384"),
        ] {
            let options = format!(
                "-pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:{name} \
                 -pkeyopt rsa_mgf1_md:{mgf_name}"
            );
            openssl(directory, &format!("{encrypt} {options}"));
            let opened = key.decrypt_oaep(alg, mgf_alg, b"", &read(directory, "c"));
            assert_eq!(*opened.unwrap(), b"sixteen bytes ok", "{name}, {mgf_name}");
        }
    }
}

/// OpenSSL's name of a curve; `None` for one that it lacks.
fn openssl_curve(curve: Curve) -> Option<String> {
    Some(match curve {
        Curve::P192 => "prime192v1".into(),
        Curve::P224 => "secp224r1".into(),
        Curve::P256 => "prime256v1".into(),
        Curve::P384 => "secp384r1".into(),
        Curve::P521 => "secp521r1".into(),
        Curve::Frp256v1 => return None,
        other => {
            let name = format!("{other:?}");
            name[..1].to_lowercase() + &name[1..]
        }
    })
}

#[test]
fn curves_agree_with_openssl_in_keys_signatures_and_secrets() {
    let name = "curves_agree_with_openssl_in_keys_signatures_and_secrets";
    let Some(directory) = workspace(name) else { return };
    let directory = directory.path();
    std::fs::write(directory.join("digest"), [7; 32]).unwrap();
    for curve in Curve::ALL {
        let Some(name) = openssl_curve(curve) else { continue };
        let genpkey =
            format!("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:{name} -outform DER");
        openssl(directory, &format!("{genpkey} -out any.der"));
        openssl(directory, "pkcs8 -topk8 -nocrypt -inform DER -in any.der -outform DER -out k.der");
        openssl(directory, "pkey -inform DER -in k.der -pubout -outform DER -out p.der");
        let encoded = read(directory, "k.der");
        let PrivateKey::Ec(theirs) = PrivateKey::from_pkcs8(&encoded).unwrap() else {
            panic!("{name}: not an EC key");
        };
        assert_eq!((theirs.curve(), &*theirs.to_pkcs8().unwrap()), (curve, &encoded), "{name}");
        assert_eq!(theirs.public().to_spki(), read(directory, "p.der"), "{name}");

        // The same key with its curve spelt out, base point uncompressed and compressed.
        for form in ["uncompressed", "compressed"] {
            openssl(
                directory,
                &format!(
                    "ec -inform DER -in k.der -param_enc explicit -conv_form {form} -outform DER \
                     -out e.der"
                ),
            );
            let explicit = "pkcs8 -topk8 -nocrypt -inform DER -in e.der -outform DER -out x.der";
            openssl(directory, explicit);
            let PrivateKey::Ec(same) = PrivateKey::from_pkcs8(&read(directory, "x.der")).unwrap()
            else {
                panic!("{name}: not an EC key");
            };
            assert_eq!(same.public_point(), theirs.public_point(), "{name}");
        }

        let ours = EcPrivateKey::generate(curve).unwrap();
        std::fs::write(directory.join("o.der"), ours.to_pkcs8().unwrap()).unwrap();
        std::fs::write(directory.join("op.der"), ours.public().to_spki()).unwrap();
        let derive =
            "pkeyutl -derive -keyform DER -inkey k.der -peerform DER -peerkey op.der -out z";
        openssl(directory, derive);
        assert_eq!(*ours.ecdh(theirs.public_point()).unwrap(), read(directory, "z"), "{name}");

        openssl(directory, "pkeyutl -sign -keyform DER -inkey o.der -in digest -out s");
        let half = curve.order_len();
        let signature = signature_from_der(&read(directory, "s"), half);
        assert_eq!(ours.public().verify_digest(&[7; 32], &signature), Ok(()), "{name}");
        let signed = signature_to_der(&ours.sign_digest(&[7; 32]).unwrap());
        std::fs::write(directory.join("s"), signed).unwrap();
        openssl(directory, "pkeyutl -verify -keyform DER -inkey o.der -in digest -sigfile s");
    }
}

#[test]
fn curve448_agrees_with_openssl_in_keys_signatures_and_secrets() {
    let name = "curve448_agrees_with_openssl_in_keys_signatures_and_secrets";
    let Some(directory) = workspace(name) else { return };
    let directory = directory.path();
    for name in ["ED448", "X448"] {
        let options = format!("-algorithm {name} -outform DER");
        openssl(directory, &format!("genpkey {options} -out {name}.der"));
        let public = format!("-in {name}.der -inform DER -pubout -outform DER -out {name}p.der");
        openssl(directory, &format!("pkey {public}"));
    }
    let theirs = Ed448PrivateKey::from_pkcs8(&read(directory, "ED448.der")).unwrap();
    assert_eq!(*theirs.to_pkcs8(), read(directory, "ED448.der"));
    assert_eq!(theirs.public().to_spki(), read(directory, "ED448p.der"));
    std::fs::write(directory.join("text"), b"message").unwrap();
    let options = "-rawin -in text -keyform DER -inkey";
    openssl(directory, &format!("pkeyutl -sign {options} ED448.der -out s"));
    let signature = read(directory, "s");
    assert_eq!(theirs.sign(b"message", &[]), Ok(signature.clone()));
    assert_eq!(theirs.public().verify(b"message", &[], &signature), Ok(()));
    let ours = Ed448PrivateKey::generate().unwrap();
    std::fs::write(directory.join("op.der"), ours.public().to_spki()).unwrap();
    std::fs::write(directory.join("s"), ours.sign(b"message", &[]).unwrap()).unwrap();
    openssl(directory, &format!("pkeyutl -verify -pubin {options} op.der -sigfile s"));

    let theirs = X448PrivateKey::from_pkcs8(&read(directory, "X448.der")).unwrap();
    assert_eq!(*theirs.to_pkcs8(), read(directory, "X448.der"));
    assert_eq!(theirs.public().to_spki(), read(directory, "X448p.der"));
    let ours = X448PrivateKey::generate().unwrap();
    std::fs::write(directory.join("op.der"), ours.public().to_spki()).unwrap();
    let derive =
        "pkeyutl -derive -keyform DER -inkey X448.der -peerform DER -peerkey op.der -out z";
    openssl(directory, derive);
    let public = X448PublicKey::from_spki(&read(directory, "X448p.der")).unwrap();
    assert_eq!(*ours.agree(public.as_bytes()).unwrap(), read(directory, "z"));
}

#[test]
fn x931_signatures_agree_with_openssl() {
    let Some(directory) = workspace("x931_signatures_agree_with_openssl") else { return };
    let directory = directory.path();
    let key = RsaPrivateKey::generate_x931(2048, &[1, 0, 1]).unwrap();
    let public = key.public().unwrap();
    std::fs::write(directory.join("k.der"), key.to_pkcs8().unwrap()).unwrap();
    openssl(directory, "pkey -inform DER -in k.der -check -noout");
    let algorithms = [
        (HashAlg::Sha1, "sha1"),
        (HashAlg::Sha256, "sha256"),
        (HashAlg::Sha384, "sha384"),
        (HashAlg::Sha512, "sha512"),
    ];
    for (alg, name) in algorithms {
        let digest = hash(alg, b"message");
        std::fs::write(directory.join("digest"), &digest).unwrap();
        let options = format!(
            "-keyform DER -inkey k.der -in digest -pkeyopt digest:{name} \
             -pkeyopt rsa_padding_mode:x931"
        );
        openssl(directory, &format!("pkeyutl -sign {options} -out s"));
        let theirs = read(directory, "s");
        assert_eq!(key.sign_x931_hashed(alg, &digest).unwrap(), theirs, "{name}");
        assert_eq!(public.verify_x931_hashed(alg, &digest, &theirs), Ok(()), "{name}");
        openssl(directory, &format!("pkeyutl -verify {options} -sigfile s"));
    }
}

#[test]
fn dsa_parameters_and_signatures_agree_with_openssl() {
    let Some(directory) = workspace("dsa_parameters_and_signatures_agree_with_openssl") else {
        return;
    };
    let directory = directory.path();
    for (p_bits, q_bits, alg, name) in [
        (1024, 160, HashAlg::Sha1, "SHA1"),
        (2048, 224, HashAlg::Sha256, "SHA256"),
        (2048, 256, HashAlg::Sha256, "SHA256"),
    ] {
        // The generator with index 1 comes from the seed.
        openssl(
            directory,
            &format!(
                "genpkey -quiet -genparam -algorithm DSA -pkeyopt type:fips186_4 \
                 -pkeyopt pbits:{p_bits} \
                 -pkeyopt qbits:{q_bits} -pkeyopt digest:{name} -pkeyopt gindex:1 -text -out text"
            ),
        );
        let text = String::from_utf8(read(directory, "text")).unwrap();
        let seed = bytes_in_text(&text, "SEED:");
        let primes = probable_primes(p_bits, q_bits, alg, Some(&seed)).unwrap();
        assert_eq!(primes.p, number_in_text(&text, "P:"));
        assert_eq!(primes.q, number_in_text(&text, "Q:"));
        let index = Some(GeneratorSeed { function: alg, seed: &seed, index: 1 });
        let g = generator(&primes.p, &primes.q, index).unwrap();
        assert_eq!(g, number_in_text(&text, "G:"));

        let parameters = DsaParameters { p: primes.p, q: primes.q, g };
        let key = DsaPrivateKey::generate(&parameters).unwrap();
        std::fs::write(directory.join("k.der"), key.to_pkcs8()).unwrap();
        std::fs::write(directory.join("p.der"), key.public().to_spki()).unwrap();
        openssl(directory, "pkey -inform DER -in k.der -check -noout");
        openssl(directory, "pkey -inform DER -in k.der -pubout -outform DER -out o.der");
        assert_eq!(read(directory, "o.der"), key.public().to_spki());
        openssl(directory, "pkcs8 -topk8 -nocrypt -inform DER -in k.der -outform DER -out o.der");
        assert_eq!(read(directory, "o.der"), *key.to_pkcs8());

        let digest = hash(HashAlg::Sha512, b"message");
        std::fs::write(directory.join("digest"), &digest).unwrap();
        let options = "-in digest -pkeyopt digest:sha512";
        openssl(directory, &format!("pkeyutl -sign -keyform DER -inkey k.der {options} -out s"));
        let half = key.signature_len() / 2;
        let theirs = signature_from_der(&read(directory, "s"), half);
        assert_eq!(key.public().verify_digest(&digest, &theirs), Ok(()));
        let ours = signature_to_der(&key.sign_digest(&digest).unwrap());
        std::fs::write(directory.join("s"), ours).unwrap();
        let verify = "pkeyutl -verify -pubin -keyform DER -inkey p.der -sigfile s";
        openssl(directory, &format!("{verify} {options}"));
    }
}

#[test]
fn diffie_hellman_agrees_with_openssl() {
    let Some(directory) = workspace("diffie_hellman_agrees_with_openssl") else { return };
    let directory = directory.path();
    // A group of RFC 7919 in PKCS#3's form, and one with q in X9.42's.
    for (options, x942) in
        [("DH -pkeyopt group:ffdhe2048", false), ("DHX -pkeyopt dh_rfc5114:2", true)]
    {
        openssl(directory, &format!("genpkey -algorithm {options} -outform DER -out any.der"));
        openssl(directory, "pkcs8 -topk8 -nocrypt -inform DER -in any.der -outform DER -out k.der");
        openssl(directory, "pkey -inform DER -in k.der -pubout -outform DER -out p.der");
        let theirs = DhPrivateKey::from_pkcs8(&read(directory, "k.der")).unwrap();
        let public = DhPublicKey::from_spki(&read(directory, "p.der")).unwrap();
        assert_eq!(public.y(), theirs.y());
        let parameters = theirs.parameters();
        assert_eq!(parameters.q.is_some(), x942);
        assert_eq!(parameters.is_named_group(), !x942);

        let ours = DhPrivateKey::generate(&parameters, None).unwrap();
        let ours_public = DhPublicKey::from_components(&parameters, &ours.y()).unwrap();
        std::fs::write(directory.join("ok.der"), ours.to_pkcs8()).unwrap();
        std::fs::write(directory.join("op.der"), ours_public.to_spki()).unwrap();
        openssl(directory, "pkey -inform DER -in ok.der -check -noout");
        let derive =
            "pkeyutl -derive -keyform DER -inkey k.der -peerform DER -peerkey op.der -out z";
        openssl(directory, derive);
        let secret = read(directory, "z");
        let agreed = ours.derive(&theirs.y()).unwrap();
        // OpenSSL leaves leading zeros out by default.
        assert!(agreed.ends_with(&secret));
        assert!(agreed[..agreed.len() - secret.len()].iter().all(|byte| *byte == 0));
    }
}

/// The number that stands below this heading in the text of `openssl`, without leading zeros.
fn number_in_text(text: &str, heading: &str) -> Vec<u8> {
    let bytes = bytes_in_text(text, heading);
    let start = bytes.iter().position(|byte| *byte != 0).unwrap();
    bytes[start..].to_vec()
}

/// The bytes that stand below this heading.
fn bytes_in_text(text: &str, heading: &str) -> Vec<u8> {
    let lines = text.lines().skip_while(|line| line.trim() != heading).skip(1);
    let digits: String = lines.take_while(|line| line.starts_with("    ")).collect();
    crate::hex::hex(&digits.replace(':', ""))
}

/// `r || s` of OpenSSL's `SEQUENCE { r, s }`, whose lengths take one byte each but the outer.
fn signature_from_der(der: &[u8], half: usize) -> Vec<u8> {
    let mut rest = if der[1] < 0x80 { &der[2..] } else { &der[3..] };
    let mut out = Vec::new();
    while !rest.is_empty() {
        let (number, after) = rest[2..].split_at(usize::from(rest[1]));
        let digits = number.strip_prefix(&[0]).unwrap_or(number);
        out.resize(out.len() + half - digits.len(), 0);
        out.extend_from_slice(digits);
        rest = after;
    }
    out
}

fn signature_to_der(signature: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    for half in signature.chunks(signature.len() / 2) {
        let start = half.iter().position(|byte| *byte != 0).unwrap();
        let digits = &half[start..];
        let sign = usize::from(digits[0] >= 0x80);
        body.extend([2, (digits.len() + sign) as u8]);
        body.extend(&[0][..sign]);
        body.extend(digits);
    }
    let len = if body.len() < 0x80 { vec![] } else { vec![0x81] };
    [&[0x30], &len[..], &[body.len() as u8], &body].concat()
}

pub(crate) fn read(directory: &Path, name: &str) -> Vec<u8> {
    std::fs::read(directory.join(name)).unwrap()
}
