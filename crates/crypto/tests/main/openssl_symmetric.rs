//! Symmetric ciphers and MACs against the `openssl` command, in both directions.

use std::path::Path;

use hsmsim_crypto::Error;
use hsmsim_crypto::aes::{self, AesKey};
use hsmsim_crypto::block::{self, BlockAlg, CipherMode};
use hsmsim_crypto::chacha20::{ChaCha20, ChaCha20Key};
use hsmsim_crypto::digest::{HashAlg, Xof, expand, hash};
use hsmsim_crypto::kdf::{
    self, DkmLength, Field, Mode, NumberFormat, Pkcs12Purpose, TlsPrf, sp800_108,
};
use hsmsim_crypto::mac::{self, MacAlg, MacKey};

use crate::openssl::{openssl, read, workspace};

/// Name in OpenSSL, cipher, key length in bytes, mode.
const CIPHERS: &[(&str, BlockAlg, usize, CipherMode)] = &[
    ("aes-128-ofb", BlockAlg::Aes, 16, CipherMode::Ofb),
    ("aes-192-ofb", BlockAlg::Aes, 24, CipherMode::Ofb),
    ("aes-256-ofb", BlockAlg::Aes, 32, CipherMode::Ofb),
    ("aes-128-cfb1", BlockAlg::Aes, 16, CipherMode::Cfb { segment_bits: 1 }),
    ("aes-256-cfb1", BlockAlg::Aes, 32, CipherMode::Cfb { segment_bits: 1 }),
    ("aes-128-cfb8", BlockAlg::Aes, 16, CipherMode::Cfb { segment_bits: 8 }),
    ("aes-192-cfb8", BlockAlg::Aes, 24, CipherMode::Cfb { segment_bits: 8 }),
    ("aes-128-cfb", BlockAlg::Aes, 16, CipherMode::Cfb { segment_bits: 128 }),
    ("aes-256-cfb", BlockAlg::Aes, 32, CipherMode::Cfb { segment_bits: 128 }),
    ("aes-128-cbc-cts", BlockAlg::Aes, 16, CipherMode::Cts),
    ("aes-256-cbc-cts", BlockAlg::Aes, 32, CipherMode::Cts),
    ("aes-256-cbc", BlockAlg::Aes, 32, CipherMode::CbcPad),
    ("aes-256-ctr", BlockAlg::Aes, 32, CipherMode::Ctr { counter_bits: 128 }),
    ("des-ede3-cbc", BlockAlg::Des, 24, CipherMode::CbcPad),
    ("des-ede-cbc", BlockAlg::Des, 16, CipherMode::CbcPad),
    ("des-ede3-ofb", BlockAlg::Des, 24, CipherMode::Ofb),
    ("des-ede-ofb", BlockAlg::Des, 16, CipherMode::Ofb),
    ("des-ede3-cfb", BlockAlg::Des, 24, CipherMode::Cfb { segment_bits: 64 }),
    ("des-ede3-cfb8", BlockAlg::Des, 24, CipherMode::Cfb { segment_bits: 8 }),
    ("des-ede-cfb", BlockAlg::Des, 16, CipherMode::Cfb { segment_bits: 64 }),
    ("aria-128-cbc", BlockAlg::Aria, 16, CipherMode::CbcPad),
    ("aria-192-ctr", BlockAlg::Aria, 24, CipherMode::Ctr { counter_bits: 128 }),
    ("aria-256-ofb", BlockAlg::Aria, 32, CipherMode::Ofb),
    ("camellia-128-cbc", BlockAlg::Camellia, 16, CipherMode::CbcPad),
    ("camellia-192-ctr", BlockAlg::Camellia, 24, CipherMode::Ctr { counter_bits: 128 }),
    ("camellia-256-cfb", BlockAlg::Camellia, 32, CipherMode::Cfb { segment_bits: 128 }),
];

fn digits(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn key_bytes(len: usize) -> Vec<u8> {
    (0x21..).take(len).collect()
}

#[test]
fn ciphertexts_pass_between_openssl_and_here() {
    let Some(directory) = workspace("ciphertexts_pass_between_openssl_and_here") else { return };
    let directory = directory.path();
    for &(name, alg, key_len, mode) in CIPHERS {
        let (key_bytes, iv) = (key_bytes(key_len), vec![0xf1; alg.block_len()]);
        let key = alg.key(&key_bytes).unwrap();
        let options = format!("-K {} -iv {}", digits(&key_bytes), digits(&iv));
        // There is nothing to steal from below a block.
        for len in [1, 16, 61, 200].into_iter().filter(|len| mode != CipherMode::Cts || *len >= 16)
        {
            let text: Vec<u8> = (0..len).collect();
            std::fs::write(directory.join("text"), &text).unwrap();
            openssl(directory, &format!("enc -{name} -e {options} -in text -out c"));
            let ciphertext = read(directory, "c");
            let ours = block::encrypt(mode, &*key, &iv, &text).unwrap();
            assert_eq!(ours, ciphertext, "{name}, {len} bytes");
            let opened = block::decrypt(mode, &*key, &iv, &ciphertext).unwrap();
            assert_eq!(*opened, text, "{name}, {len} bytes");
            std::fs::write(directory.join("c"), &ours).unwrap();
            openssl(directory, &format!("enc -{name} -d {options} -in c -out text"));
            assert_eq!(read(directory, "text"), text, "{name}, {len} bytes");
        }
    }
}

#[test]
fn chacha20_passes_between_openssl_and_here() {
    let Some(directory) = workspace("chacha20_passes_between_openssl_and_here") else { return };
    let directory = directory.path();
    let (key_bytes, nonce) = (key_bytes(32), key_bytes(12));
    let key = ChaCha20Key::new(&key_bytes).unwrap();
    let text: Vec<u8> = (0..200).collect();
    std::fs::write(directory.join("text"), &text).unwrap();
    for count in [0_u32, 1, 0xffff_fff0] {
        // OpenSSL takes counter and nonce as one IV.
        let iv = digits(&[&count.to_le_bytes()[..], &nonce].concat());
        let options = format!("-K {} -iv {iv}", digits(&key_bytes));
        openssl(directory, &format!("enc -chacha20 -e {options} -in text -out c"));
        let mut stream = ChaCha20::new(&key, &nonce, count.into()).unwrap();
        assert_eq!(stream.update(&text).unwrap(), read(directory, "c"), "count {count}");
    }
    let options = format!("-macopt hexkey:{} POLY1305", digits(&key_bytes));
    for len in [0, 1, 15, 16, 17, 200] {
        let theirs = openssl_mac(directory, &options, &text[..len]);
        assert_eq!(mac::mac(MacAlg::Poly1305, &key_bytes, &text[..len]).unwrap(), theirs);
    }
}

/// Hash functions by their names in OpenSSL.
const HASHES: &[(&str, HashAlg)] = &[
    ("MD5", HashAlg::Md5),
    ("RIPEMD160", HashAlg::Ripemd160),
    ("SHA512-224", HashAlg::Sha512_224),
    ("SHA3-384", HashAlg::Sha3_384),
    ("BLAKE2B512", HashAlg::Blake2b512),
];

#[test]
fn digests_are_those_of_openssl() {
    let Some(directory) = workspace("digests_are_those_of_openssl") else { return };
    let directory = directory.path();
    for len in [0, 1, 64, 127, 128, 129, 1000] {
        let message: Vec<u8> = (0..=255).cycle().take(len).collect();
        std::fs::write(directory.join("message"), &message).unwrap();
        for &(name, alg) in HASHES {
            openssl(directory, &format!("dgst -{name} -binary -out digest message"));
            assert_eq!(hash(alg, &message), read(directory, "digest"), "{name}, {len} bytes");
            let options = format!("-digest {name} -macopt hexkey:0b0b0b0b HMAC");
            let theirs = openssl_mac(directory, &options, &message);
            let ours = mac::mac(MacAlg::Hmac(alg), &[0x0b; 4], &message).unwrap();
            assert_eq!(ours, theirs, "HMAC with {name}, {len} bytes");
        }
        for (name, xof) in [("shake128", Xof::Shake128), ("shake256", Xof::Shake256)] {
            let run = format!("dgst -{name} -xoflen 200 -binary -out digest message");
            openssl(directory, &run);
            assert_eq!(*expand(xof, &message, 200), read(directory, "digest"), "{name}");
        }
    }
}

/// What `openssl mac` says of a message, with these options before the MAC's name.
fn openssl_mac(directory: &Path, options: &str, message: &[u8]) -> Vec<u8> {
    std::fs::write(directory.join("message"), message).unwrap();
    openssl(directory, &format!("mac -in message -binary -out tag {options}"));
    read(directory, "tag")
}

#[test]
fn macs_are_those_of_openssl() {
    let Some(directory) = workspace("macs_are_those_of_openssl") else { return };
    let directory = directory.path();
    for len in [0, 1, 8, 15, 16, 17, 100] {
        let message: Vec<u8> = (0..len).collect();
        for (cipher, key_len, alg) in [
            ("AES-128-CBC", 16, MacAlg::AesCmac),
            ("AES-256-CBC", 32, MacAlg::AesCmac),
            ("DES-EDE3-CBC", 24, MacAlg::Des3Cmac),
        ] {
            let key = key_bytes(key_len);
            let options = format!("-cipher {cipher} -macopt hexkey:{} CMAC", digits(&key));
            let theirs = openssl_mac(directory, &options, &message);
            assert_eq!(mac::mac(alg, &key, &message).unwrap(), theirs, "{cipher}, {len} bytes");
        }
        for (cipher, key_len) in [("AES-128-GCM", 16), ("AES-192-GCM", 24), ("AES-256-GCM", 32)] {
            let (key, iv) = (key_bytes(key_len), key_bytes(12));
            let options = format!(
                "-cipher {cipher} -macopt hexkey:{} -macopt hexiv:{} GMAC",
                digits(&key),
                digits(&iv)
            );
            let theirs = openssl_mac(directory, &options, &message);
            let key = AesKey::new(&key).unwrap();
            assert_eq!(aes::gmac(&key, &iv, 128, &message).unwrap(), theirs, "{cipher}");
        }
    }
}

/// What `openssl kdf` derives.
fn openssl_kdf(directory: &Path, options: &str, len: usize) -> Vec<u8> {
    openssl(directory, &format!("kdf -binary -out key -keylen {len} {options}"));
    read(directory, "key")
}

#[test]
fn derived_keys_are_those_of_openssl() {
    let Some(directory) = workspace("derived_keys_are_those_of_openssl") else { return };
    let directory = directory.path();
    let (key, label, context) = (key_bytes(16), b"label", b"context");
    let options = format!(
        "-kdfopt hexkey:{} -kdfopt hexsalt:{} -kdfopt hexinfo:{}",
        digits(&key),
        digits(label),
        digits(context)
    );
    let big = NumberFormat::big_endian(32);
    for (prf, alg) in [
        ("mac:HMAC -kdfopt digest:SHA256", MacAlg::Hmac(HashAlg::Sha256)),
        ("mac:HMAC -kdfopt digest:SHA3-512", MacAlg::Hmac(HashAlg::Sha3_512)),
        ("mac:CMAC -kdfopt cipher:AES-128-CBC", MacAlg::AesCmac),
    ] {
        let prf_key = MacKey::new(alg, &key).unwrap();
        let iv = vec![0x1f; alg.output_len()];
        let seed = format!("-kdfopt hexseed:{}", digits(&iv));
        for len in [16, 40, 100] {
            for (name, mode, numbers) in [
                ("COUNTER", Mode::Counter, &[Field::IterationVariable(Some(big))][..]),
                (
                    "FEEDBACK",
                    Mode::Feedback(&[]),
                    &[Field::IterationVariable(None), Field::Counter(big)],
                ),
                (
                    &format!("FEEDBACK {seed}"),
                    Mode::Feedback(&iv),
                    &[Field::IterationVariable(None), Field::Counter(big)],
                ),
            ] {
                let mut fields = numbers.to_vec();
                fields.extend([Field::Bytes(label), Field::Bytes(&[0]), Field::Bytes(context)]);
                fields.push(Field::DkmLength(DkmLength::SumOfKeys, big));
                let ours = sp800_108(&prf_key, mode, &fields, &[len]).unwrap();
                let run = format!("-kdfopt mode:{name} -kdfopt {prf} {options} KBKDF");
                let theirs = openssl_kdf(directory, &run, len);
                assert_eq!(*ours[0], theirs, "{name}, {prf}, {len} bytes");
            }
        }
    }
}

#[test]
fn secrets_of_tls_and_passwords_give_the_keys_of_openssl() {
    let Some(directory) = workspace("secrets_of_tls_and_passwords_give_the_keys_of_openssl") else {
        return;
    };
    let directory = directory.path();
    let secret = key_bytes(47);
    let options = format!("-kdfopt hexsecret:{} -kdfopt seed:label", digits(&secret));
    for (name, prf) in [
        ("MD5-SHA1", TlsPrf::Tls10),
        ("SHA256", TlsPrf::Tls12(HashAlg::Sha256)),
        ("SHA384", TlsPrf::Tls12(HashAlg::Sha384)),
    ] {
        let run = format!("{options} -kdfopt hexseed:010203 -kdfopt digest:{name} TLS1-PRF");
        let ours = kdf::tls_prf(prf, &secret, b"label", &[&[1], &[2, 3]], 111).unwrap();
        assert_eq!(*ours, openssl_kdf(directory, &run, 111), "{name}");
    }
    for &(name, alg) in HASHES {
        let run = format!(
            "-kdfopt pass:password -kdfopt salt:saltsalt -kdfopt iter:1000 -kdfopt digest:{name} \
             -kdfopt pkcs5:1 PBKDF2"
        );
        let mut ours = [0; 150];
        kdf::pbkdf2_hmac(alg, b"password", b"saltsalt", 1000, &mut ours).unwrap();
        assert_eq!(ours.to_vec(), openssl_kdf(directory, &run, 150), "PBKDF2 with {name}");

        let run =
            format!("-kdfopt hexsecret:0102 -kdfopt hexinfo:03 -kdfopt digest:{name} X963KDF");
        let ours = kdf::x963_kdf(alg, &[1, 2], &[3], 150).unwrap();
        assert_eq!(*ours, openssl_kdf(directory, &run, 150), "X9.63 with {name}");

        let run = format!("-kdfopt hexkey:0102 -kdfopt hexinfo:03 -kdfopt digest:{name} SSKDF");
        let ours = kdf::sp800_56c_one_step(alg, &[1, 2], &[3], 150).unwrap();
        assert_eq!(*ours, openssl_kdf(directory, &run, 150), "SP 800-56C with {name}");

        let options = format!("-kdfopt hexkey:0102 -kdfopt digest:{name}");
        let extract = format!("{options} -kdfopt mode:EXTRACT_ONLY -kdfopt hexsalt:03 HKDF");
        let ours = kdf::hkdf_extract(alg, &[3], &[1, 2]).unwrap();
        assert_eq!(*ours, openssl_kdf(directory, &extract, alg.output_len()), "HKDF with {name}");
        let expand = format!("{options} -kdfopt mode:EXPAND_ONLY -kdfopt hexinfo:04 HKDF");
        let ours = kdf::hkdf_expand(alg, &[1, 2], &[4], 150).unwrap();
        assert_eq!(*ours, openssl_kdf(directory, &expand, 150), "HKDF with {name}");
    }
}

#[test]
fn passwords_of_pkcs12_give_the_keys_of_openssl() {
    let Some(directory) = workspace("passwords_of_pkcs12_give_the_keys_of_openssl") else { return };
    let directory = directory.path();
    for (password, encoded) in
        [("", "0000"), ("smeg", "0073006d006500670000"), ("grüße", "0067007200fc00df00650000")]
    {
        for &(name, alg) in HASHES {
            for (id, purpose) in
                [(1, Pkcs12Purpose::Encryption), (2, Pkcs12Purpose::Iv), (3, Pkcs12Purpose::Mac)]
            {
                let run = format!(
                    "-kdfopt digest:{name} -kdfopt hexpass:{encoded} -kdfopt hexsalt:0a58cf64530d \
                     -kdfopt iter:5 -kdfopt id:{id} PKCS12KDF"
                );
                let salt = [0x0a, 0x58, 0xcf, 0x64, 0x53, 0x0d];
                let ours = kdf::pkcs12_kdf(alg, purpose, password, &salt, 5, 150).unwrap();
                assert_eq!(*ours, openssl_kdf(directory, &run, 150), "{name}, {purpose:?}");
            }
        }
    }
    let none = kdf::pkcs12_kdf(HashAlg::Sha1, Pkcs12Purpose::Mac, "password", b"salt", 0, 20);
    assert_eq!(none, Err(Error::InvalidParameter));
}
