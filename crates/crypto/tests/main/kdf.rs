//! Key derivation: vectors of RFC 7914 (PBKDF2) and of NIST's component validation (X9.63), limits.

use hsmsim_crypto::Error;
use hsmsim_crypto::digest::{HashAlg, hash};
use hsmsim_crypto::kdf;
use hsmsim_crypto::mac::{self, MacAlg};

use crate::hex::hex;

#[test]
fn pbkdf2_gives_the_examples_of_rfc_7914() {
    for (password, salt, rounds, expected) in [
        (
            "passwd",
            "salt",
            1,
            "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc\
             49ca9cccf179b645991664b39d77ef317c71b845b1e30bd509112041d3a19783",
        ),
        (
            "Password",
            "NaCl",
            80_000,
            "4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56\
             a1d425a1225833549adb841b51c9b3176a272bdebba1d078478f62b397f33c8d",
        ),
    ] {
        let mut out = [0; 64];
        kdf::pbkdf2_hmac_sha256(password.as_bytes(), salt.as_bytes(), rounds, &mut out).unwrap();
        assert_eq!(out.to_vec(), hex(expected), "{password}");
    }
}

#[test]
fn pbkdf2_without_rounds_is_refused() {
    for alg in HashAlg::ALL {
        let none = kdf::pbkdf2_hmac(alg, b"p", b"s", 0, &mut [0; 8]);
        assert_eq!(none, Err(Error::InvalidParameter), "{alg:?}");
    }
}

#[test]
fn pbkdf2_of_one_round_and_one_block_is_an_hmac() {
    for alg in HashAlg::ALL {
        let mut out = vec![0; alg.output_len()];
        kdf::pbkdf2_hmac(alg, b"password", b"salt", 1, &mut out).unwrap();
        let block = mac::mac(MacAlg::Hmac(alg), b"password", b"salt\x00\x00\x00\x01");
        assert_eq!(out, block.unwrap(), "{alg:?}");
    }
}

#[test]
fn x963_gives_the_vectors_of_nist() {
    for (z, shared_info, expected) in [
        (
            "96c05619d56c328ab95fe84b18264b08725b85e33fd34f08",
            "",
            "443024c3dae66b95e6f5670601558f71",
        ),
        (
            "22518b10e70f2a3f243810ae3254139efbee04aa57c7af7d",
            "75eef81aa3041e33b80971203d2c0c52",
            "c498af77161cc59f2962b9a713e2b215152d139766ce34a776df11866a69bf2e\
             52a13d9c7c6fc878c50c5ea0bc7b00e0da2447cfd874f6cf92f30d0097111485\
             500c90c3af8b487872d04685d14c8d1dc8d7fa08beb0ce0ababc11f0bd496269\
             142d43525a78e5bc79a17f59676a5706dc54d54d4d1f0bd7e386128ec26afc21",
        ),
    ] {
        let expected = hex(expected);
        let given = kdf::x963_kdf(HashAlg::Sha256, &hex(z), &hex(shared_info), expected.len());
        assert_eq!(*given.unwrap(), expected);
    }
}

#[test]
fn x963_counts_from_one_and_cuts_the_last_digest() {
    for alg in HashAlg::ALL {
        let second = hash(alg, &[&b"z"[..], &[0, 0, 0, 2], b"info"].concat());
        let given = kdf::x963_kdf(alg, b"z", b"info", alg.output_len() + 5).unwrap();
        assert_eq!(given[alg.output_len()..], second[..5], "{alg:?}");
        assert!(kdf::x963_kdf(alg, b"z", b"info", 0).unwrap().is_empty());
    }
}

#[test]
fn hkdf_gives_at_most_255_digests() {
    for alg in HashAlg::ALL {
        let most = 255 * alg.output_len();
        assert_eq!(kdf::hkdf(alg, b"salt", b"ikm", b"info", most).unwrap().len(), most);
        let refused = kdf::hkdf(alg, b"salt", b"ikm", b"info", most + 1);
        assert_eq!(refused, Err(Error::InvalidLength), "{alg:?}");
    }
}
