//! Digests and MACs that the conformance suite's own table has not: it compares all others with
//! OpenSSL's.

use cryptoki_sys::*;
use hsmsim_conformance::{
    case::Mechanism,
    openssl::{self, Cipher},
};
use hsmsim_tests::{apart::apart, test_name};
use hsmsim_types::ck::*;

use super::token::{Token, each, hex, module, pattern, sandbox};

/// What OpenSSL computes.
#[derive(Clone, Copy)]
enum Work {
    /// That many bytes of a digest without end.
    Xof(&'static str, usize),
    /// A digest; the token is told its length in bits.
    Sha512T(&'static str, CK_ULONG),
    /// HMAC with a SHA-512/t; the token is told t, or its bytes (6.23.5).
    Sha512THmac(&'static str, CK_ULONG, bool),
    /// With a vector of 12 bytes, or 96 bits in CK_GCM_PARAMS.
    Gmac(&'static str, bool),
    /// AES-XCBC-MAC (RFC 3566), so many bytes of it.
    Xcbc(usize),
    /// A "finished" of TLS: its digest in OpenSSL and its CKM number, the side.
    Finished(&'static str, CK_ULONG, CK_ULONG),
}

use Work::*;

/// Mechanism, its name, key type (0: none), key length, work.
type Row = (CK_MECHANISM_TYPE, &'static str, CK_ULONG, usize, Work);

macro_rules! rows {
    ($($kind:ident $type:tt $len:literal $work:expr;)*) => {
        &[$(($kind, stringify!($kind), $type, $len, $work)),*]
    };
}

const GENERIC: CK_ULONG = CKK_GENERIC_SECRET;

#[rustfmt::skip]
const ROWS: &[Row] = rows! {
    CKM_LUNA_SHAKE_128 0 0 Xof("SHAKE-128", 200);
    CKM_LUNA_SHAKE_256 0 0 Xof("SHAKE-256", 200);
    CKM_SHA512_T 0 0 Sha512T("SHA512-224", 224);
    CKM_SHA512_T 0 0 Sha512T("SHA512-256", 256);
    CKM_SHA512_T_HMAC GENERIC 40 Sha512THmac("SHA512-224", 224, false);
    CKM_SHA512_T_HMAC GENERIC 200 Sha512THmac("SHA512-256", 256, false);
    CKM_SHA512_T_HMAC_GENERAL GENERIC 40 Sha512THmac("SHA512-256", 256, true);
    CKM_AES_GMAC CKK_AES 16 Gmac("AES-128-GCM", false);
    CKM_AES_GMAC CKK_AES 24 Gmac("AES-192-GCM", true);
    CKM_AES_GMAC CKK_AES 32 Gmac("AES-256-GCM", false);
    CKM_LUNA_AES_GMAC CKK_AES 32 Gmac("AES-256-GCM", true);
    CKM_AES_XCBC_MAC CKK_AES 16 Xcbc(16);
    CKM_AES_XCBC_MAC_96 CKK_AES 16 Xcbc(12);
    CKM_TLS12_MAC GENERIC 48 Finished("SHA256", CKM_SHA256, 1);
    CKM_TLS12_MAC GENERIC 48 Finished("SHA384", CKM_SHA384, 2);
    CKM_TLS_MAC GENERIC 48 Finished("SHA256", CKM_SHA256, 2);
    CKM_TLS_MAC GENERIC 48 Finished("MD5-SHA1", CKM_TLS_PRF, 1);
};

/// Every mechanism of this file.
pub(crate) fn kinds() -> impl Iterator<Item = CK_MECHANISM_TYPE> {
    ROWS.iter().map(|row| row.0).chain([CKM_HOTP])
}

const LENGTHS: [usize; 7] = [0, 1, 16, 17, 31, 32, 200];

fn mechanism(kind: CK_MECHANISM_TYPE, work: Work) -> Mechanism {
    let number = |n: usize| Mechanism::bytes(kind, &(n as CK_ULONG).to_ne_bytes());
    match work {
        Xof(_, len) => number(len),
        Sha512T(_, bits) | Sha512THmac(_, bits, false) => number(bits as usize),
        Sha512THmac(_, bits, true) => number(bits as usize / 8),
        Gmac(_, false) => Mechanism::bytes(kind, &pattern(12)),
        Gmac(_, true) => {
            let iv = pattern(12);
            let params = CK_GCM_PARAMS {
                pIv: iv.as_ptr().cast_mut(),
                ulIvLen: 12,
                ulIvBits: 96,
                pAAD: std::ptr::null_mut(),
                ulAADLen: 0,
                ulTagBits: 128,
            };
            Mechanism::structure(kind, params, vec![iv])
        }
        Xcbc(_) => Mechanism::plain(kind),
        Finished(_, prf, side) => {
            let params = CK_TLS_MAC_PARAMS {
                prfHashMechanism: prf,
                ulMacLength: 12,
                ulServerOrClient: side,
            };
            Mechanism::structure(kind, params, Vec::new())
        }
    }
}

fn theirs(work: Work, key: &[u8], data: &[u8]) -> Vec<u8> {
    let out = match work {
        Xof(name, len) => openssl::expand(name, data, len),
        Sha512T(name, _) => openssl::digest(name, data),
        Sha512THmac(name, ..) => openssl::mac("HMAC", name, key, data),
        Gmac(cipher, _) => {
            let options = format!("cipher:{cipher} hexiv:{}", hex(&pattern(12)));
            openssl::keyed("GMAC", &options, key, data)
        }
        Xcbc(len) => Some(xcbc(key, data)[..len].to_vec()),
        Finished(digest, _, side) => {
            let label = if side == 1 { "server finished" } else { "client finished" };
            let options = format!(
                "digest:{digest} hexsecret:{} hexseed:{} hexseed:{}",
                hex(key),
                hex(label.as_bytes()),
                hex(data)
            );
            openssl::derive("TLS1-PRF", &options, 12)
        }
    };
    out.expect("what OpenSSL computes")
}

/// RFC 3566, by the cipher's blocks.
fn xcbc(key: &[u8], data: &[u8]) -> Vec<u8> {
    let block = |key: &[u8], data: &[u8]| {
        let cipher = Cipher { name: "AES-128-ECB", key, iv: &[], padded: false, tag: None };
        openssl::encrypt(cipher, data).expect("a block")
    };
    let xor = |one: &[u8], other: &[u8]| -> Vec<u8> {
        one.iter().zip(other).map(|(one, other)| one ^ other).collect()
    };
    let [k1, k2, k3] = [1, 2, 3].map(|byte| block(key, &[byte; 16]));
    let whole = !data.is_empty() && data.len().is_multiple_of(16);
    let mut filled = data.to_vec();
    if !whole {
        filled.push(0x80);
        filled.resize(filled.len().next_multiple_of(16), 0);
    }
    let last = filled.len() - 16;
    let tail = xor(&filled[last..], if whole { &k2 } else { &k3 });
    filled.splice(last.., tail);
    filled.chunks(16).fold(vec![0; 16], |state, part| block(&k1, &xor(&state, part)))
}

fn agrees(token: &Token<'_>, &(kind, _, key_type, key_len, work): &Row) {
    let m = mechanism(kind, work);
    let bytes = pattern(key_len);
    for len in LENGTHS {
        let data = pattern(len);
        let wanted = theirs(work, &bytes, &data);
        if key_len == 0 {
            assert_eq!(token.digest(&m, &data), wanted, "{len} bytes");
            continue;
        }
        let key = token.secret(key_type, &bytes);
        assert_eq!(token.sign(&m, key, &data), wanted, "{len} bytes");
        assert!(token.verifies(&m, key, &data, &wanted), "{len} bytes");
    }
}

#[test]
fn both_compute_the_same() {
    apart(test_name!(), sandbox, |_| {
        let module = module();
        each(&module, ROWS, |row| format!("{} {}", row.1, row.3), agrees);
    });
}

/// RFC 4226, by OpenSSL's HMAC.
#[test]
fn one_time_passwords_are_those_of_openssls_hmac() {
    apart(test_name!(), sandbox, |_| {
        let module = module();
        let token = Token::open(&module);
        let value = pattern(20);
        let key = token.hotp(&value);
        for count in 0_u64..5 {
            let tag = openssl::mac("HMAC", "SHA1", &value, &count.to_be_bytes()).expect("a MAC");
            let at = usize::from(tag[19] & 0xf);
            let number = u32::from_be_bytes([tag[at], tag[at + 1], tag[at + 2], tag[at + 3]]);
            let wanted = format!("{:06}", (number & 0x7fff_ffff) % 1_000_000);
            assert_eq!(token.one_time(key), wanted, "count {count}");
        }
    });
}
