//! BLAKE2b with fewer than 64 bytes: what the token computes OpenSSL 3.5's digest gives.

use cryptoki_sys::*;
use hsmsim_conformance::{case::Mechanism, openssl};
use hsmsim_tests::{apart::apart, test_name};

use super::{
    peers::{bring_openssl, sandbox},
    token::{Token, each, module, pattern},
};

/// What becomes of the digest.
#[derive(Clone, Copy)]
enum Work {
    /// HMAC (RFC 2104).
    Hmac,
    /// So many bytes of it.
    HmacGeneral(usize),
    /// A key of that length out of a key's digest.
    Derive(usize),
}

use Work::*;

/// Mechanism, its name, bytes of the digest, work.
type Row = (CK_MECHANISM_TYPE, &'static str, usize, Work);

macro_rules! rows {
    ($($kind:ident $len:literal $work:expr;)*) => {
        &[$(($kind, stringify!($kind), $len, $work)),*]
    };
}

#[rustfmt::skip]
const ROWS: &[Row] = rows! {
    CKM_BLAKE2B_160_HMAC         20 Hmac;
    CKM_BLAKE2B_256_HMAC         32 Hmac;
    CKM_BLAKE2B_384_HMAC         48 Hmac;
    CKM_BLAKE2B_160_HMAC_GENERAL 20 HmacGeneral(10);
    CKM_BLAKE2B_256_HMAC_GENERAL 32 HmacGeneral(32);
    CKM_BLAKE2B_384_HMAC_GENERAL 48 HmacGeneral(7);
    CKM_BLAKE2B_160_KEY_DERIVE   20 Derive(20);
    CKM_BLAKE2B_256_KEY_DERIVE   32 Derive(24);
    CKM_BLAKE2B_384_KEY_DERIVE   48 Derive(48);
};

/// Every mechanism of this file.
pub(crate) fn kinds() -> impl Iterator<Item = CK_MECHANISM_TYPE> {
    ROWS.iter().map(|row| row.0)
}

/// Keys that are shorter than a block, as long, and longer.
const KEYS: [usize; 3] = [20, 128, 200];
const LENGTHS: [usize; 6] = [0, 1, 127, 128, 129, 300];

/// Bytes of a block.
const BLOCK: usize = 128;

fn digest(len: usize, data: &[u8]) -> Vec<u8> {
    let made = openssl::digest_with("BLAKE2B-512", &format!("size:{len}"), data);
    made.expect("a digest of OpenSSL's")
}

fn hmac(len: usize, key: &[u8], data: &[u8]) -> Vec<u8> {
    let mut key = if key.len() > BLOCK { digest(len, key) } else { key.to_vec() };
    key.resize(BLOCK, 0);
    let padded = |byte: u8| -> Vec<u8> { key.iter().map(|one| one ^ byte).collect() };
    let inner = digest(len, &[&padded(0x36)[..], data].concat());
    digest(len, &[padded(0x5c), inner].concat())
}

fn agrees(token: &Token<'_>, &(kind, _, len, work): &Row) {
    for key_len in KEYS {
        let value = pattern(key_len);
        let key = token.secret(CKK_GENERIC_SECRET, &value);
        let (m, taken) = match work {
            Derive(wanted) => {
                let derived = token.derived(&Mechanism::plain(kind), key, wanted);
                assert_eq!(derived, digest(len, &value)[..wanted], "a key of {key_len} bytes");
                continue;
            }
            Hmac => (Mechanism::plain(kind), len),
            HmacGeneral(taken) => {
                (Mechanism::bytes(kind, &(taken as CK_ULONG).to_ne_bytes()), taken)
            }
        };
        for data in LENGTHS.map(pattern) {
            let wanted = &hmac(len, &value, &data)[..taken];
            let title = format!("{} bytes with a key of {key_len}", data.len());
            assert_eq!(token.sign(&m, key, &data), wanted, "{title}");
            assert!(token.verifies(&m, key, &data, wanted), "{title}");
        }
    }
}

#[test]
fn both_compute_the_same_with_blake2b_of_any_length() {
    apart(test_name!(), sandbox, |_| {
        bring_openssl();
        let module = module();
        each(&module, ROWS, |row| row.1.to_owned(), agrees);
    });
}
