//! Encryption and wrapping: what the token closes OpenSSL opens, and the reverse.

use std::ffi::{CStr, CString};

use cryptoki_sys::*;
use hsmsim_conformance::{
    case::Mechanism,
    openssl::{self, Cipher},
};
use hsmsim_tests::{apart::apart, test_name};
use hsmsim_types::ck::*;

use super::{
    pairs::{Kind, Pair, Pairs},
    signatures::hash,
    token::{Token, each, hex, module, pattern, raw, readable, sandbox},
};

/// What OpenSSL does with a key of the token's and data of a length that fits.
#[derive(Clone, Copy)]
enum Way {
    /// Cipher by its name, with a vector of that many bytes; whether the last block is filled.
    Cipher(&'static str, usize, bool),
    /// CFB with segments of that many bytes, by the cipher's ECB.
    Feedback(&'static str, usize),
    /// The vector is the first counter block, by the cipher's ECB.
    CounterBlock(&'static str),
}

use Way::*;

/// Mechanism, its name, key type, key length, way, lengths of data.
type CipherRow = (CK_MECHANISM_TYPE, &'static str, CK_ULONG, usize, Way, &'static [usize]);

const ANY: &[usize] = &[1, 15, 16, 17, 200];
const BLOCK_OR_MORE: &[usize] = &[16, 17, 31, 32, 33, 200];
const WHOLE_8: &[usize] = &[8, 16, 200];
const WHOLE_16: &[usize] = &[16, 32, 208];

macro_rules! rows {
    ($($kind:ident $type:ident $len:literal $way:expr, $lens:expr;)*) => {
        &[$(($kind, stringify!($kind), $type, $len, $way, $lens)),*]
    };
}

/// What the conformance suite's own table has not: it compares every other cipher with OpenSSL's.
#[rustfmt::skip]
const CIPHERS: &[CipherRow] = rows! {
    CKM_AES_CTS CKK_AES 16 Cipher("AES-128-CBC-CTS", 16, false), BLOCK_OR_MORE;
    CKM_AES_CTS CKK_AES 24 Cipher("AES-192-CBC-CTS", 16, false), BLOCK_OR_MORE;
    CKM_AES_CTS CKK_AES 32 Cipher("AES-256-CBC-CTS", 16, false), BLOCK_OR_MORE;
    CKM_AES_CFB64 CKK_AES 16 Feedback("AES-128-ECB", 8), ANY;
    CKM_AES_CFB64 CKK_AES 32 Feedback("AES-256-ECB", 8), ANY;
    CKM_AES_CFB8 CKK_AES 32 Feedback("AES-256-ECB", 1), ANY;
    CKM_LUNA_DES3_CTR CKK_DES3 24 CounterBlock("DES-EDE3-ECB"), ANY;
    CKM_DES3_CBC CKK_DES2 16 Cipher("DES-EDE-CBC", 8, false), WHOLE_8;
    CKM_DES3_CBC_PAD CKK_DES2 16 Cipher("DES-EDE-CBC", 8, true), ANY;
    CKM_DES3_ECB CKK_DES2 16 Cipher("DES-EDE-ECB", 0, false), WHOLE_8;
    CKM_DES_OFB64 CKK_DES3 24 Cipher("DES-EDE3-OFB", 8, false), ANY;
    CKM_DES_OFB64 CKK_DES2 16 Cipher("DES-EDE-OFB", 8, false), ANY;
    CKM_DES_CFB64 CKK_DES3 24 Cipher("DES-EDE3-CFB", 8, false), ANY;
    CKM_DES_CFB8 CKK_DES3 24 Cipher("DES-EDE3-CFB8", 8, false), ANY;
    CKM_AES_XTS CKK_AES_XTS 32 Cipher("AES-128-XTS", 16, false), BLOCK_OR_MORE;
    CKM_ARIA_CBC CKK_ARIA 24 Cipher("ARIA-192-CBC", 16, false), WHOLE_16;
    CKM_CAMELLIA_CBC CKK_CAMELLIA 24 Cipher("CAMELLIA-192-CBC", 16, false), WHOLE_16;
};

/// A key of that length; of DES with odd parity, and no two parts alike.
fn key_bytes(key_type: CK_ULONG, len: usize) -> Vec<u8> {
    let mut bytes = pattern(len);
    if matches!(key_type, CKK_DES | CKK_DES2 | CKK_DES3) {
        for byte in &mut bytes {
            *byte = *byte & 0xFE | u8::from((*byte & 0xFE).count_ones() % 2 == 0);
        }
    }
    bytes
}

/// One block, or several, by themselves.
fn block(name: &str, key: &[u8], data: &[u8]) -> Vec<u8> {
    let cipher = Cipher { name, key, iv: &[], padded: false, tag: None };
    openssl::encrypt(cipher, data).expect("a block cipher of OpenSSL's")
}

/// CFB out of a block cipher (SP 800-38A, 6.3).
fn feedback(
    name: &str,
    key: &[u8],
    iv: &[u8],
    segment: usize,
    data: &[u8],
    closes: bool,
) -> Vec<u8> {
    let (mut input, mut out) = (iv.to_vec(), Vec::new());
    for part in data.chunks(segment) {
        let stream = block(name, key, &input);
        let other: Vec<u8> = part.iter().zip(stream).map(|(one, other)| one ^ other).collect();
        input.extend(if closes { &other } else { part });
        input.drain(..input.len() - iv.len());
        out.extend(other);
    }
    out
}

/// CTR out of a block cipher: the whole block counts (SP 800-38A, 6.5).
fn counter(name: &str, key: &[u8], iv: &[u8], data: &[u8]) -> Vec<u8> {
    let mut input = iv.to_vec();
    let mut out = Vec::new();
    for part in data.chunks(iv.len()) {
        let stream = block(name, key, &input);
        out.extend(part.iter().zip(stream).map(|(one, other)| one ^ other));
        for byte in input.iter_mut().rev() {
            *byte = byte.wrapping_add(1);
            if *byte != 0 {
                break;
            }
        }
    }
    out
}

#[test]
fn each_decrypts_what_the_other_encrypts() {
    apart(test_name!(), sandbox, |_| {
        let module = module();
        let title = |row: &CipherRow| format!("{} with {} bytes", row.1, row.3);
        each(&module, CIPHERS, title, |token, &(kind, _, key_type, key_len, way, lens)| {
            let bytes = key_bytes(key_type, key_len);
            let key = token.secret(key_type, &bytes);
            // A counter that is about to overflow.
            let iv = match way {
                Cipher(_, len, _) => pattern(len),
                Feedback(..) => pattern(16),
                CounterBlock(_) => vec![0xff; 8],
            };
            let m =
                if iv.is_empty() { Mechanism::plain(kind) } else { Mechanism::bytes(kind, &iv) };
            for &len in lens {
                let data = pattern(len);
                let ours = token.encrypt(&m, key, &data);
                let (closed, opened) = match way {
                    Cipher(name, _, padded) => {
                        let cipher = Cipher { name, key: &bytes, iv: &iv, padded, tag: None };
                        let closed = openssl::encrypt(cipher, &data).expect("a ciphertext");
                        (closed, openssl::decrypt(cipher, &ours).expect("a plaintext"))
                    }
                    Feedback(name, segment) => {
                        let cfb = |data: &[u8], closes| {
                            feedback(name, &bytes, &iv, segment, data, closes)
                        };
                        (cfb(&data, true), cfb(&ours, false))
                    }
                    CounterBlock(name) => {
                        (counter(name, &bytes, &iv, &data), counter(name, &bytes, &iv, &ours))
                    }
                };
                assert_eq!(opened, data, "{len} bytes that the token encrypted");
                assert_eq!(token.decrypt(&m, key, &closed), data, "{len} bytes of OpenSSL's");
            }
        });
    });
}

/// Hash, hash of the mask, label of OAEP; none is PKCS#1 1.5, an empty hash the bare number.
type Padding = Option<(&'static CStr, &'static CStr, &'static str)>;

#[rustfmt::skip]
const RSA: &[(CK_MECHANISM_TYPE, &str, Padding)] = &[
    (CKM_RSA_PKCS, "CKM_RSA_PKCS", None),
    (CKM_RSA_X_509, "CKM_RSA_X_509", Some((c"", c"", ""))),
    (CKM_RSA_PKCS_OAEP, "CKM_RSA_PKCS_OAEP", Some((c"SHA1", c"SHA1", ""))),
    (CKM_RSA_PKCS_OAEP, "CKM_RSA_PKCS_OAEP", Some((c"SHA224", c"SHA224", "label"))),
    (CKM_RSA_PKCS_OAEP, "CKM_RSA_PKCS_OAEP", Some((c"SHA256", c"SHA256", ""))),
    (CKM_RSA_PKCS_OAEP, "CKM_RSA_PKCS_OAEP", Some((c"SHA256", c"SHA1", "label"))),
    (CKM_RSA_PKCS_OAEP, "CKM_RSA_PKCS_OAEP", Some((c"SHA384", c"SHA384", ""))),
    (CKM_RSA_PKCS_OAEP, "CKM_RSA_PKCS_OAEP", Some((c"SHA512", c"SHA512", "label"))),
    (CKM_RSA_PKCS_OAEP, "CKM_RSA_PKCS_OAEP", Some((c"SHA3-224", c"SHA3-224", ""))),
    (CKM_RSA_PKCS_OAEP, "CKM_RSA_PKCS_OAEP", Some((c"SHA3-256", c"SHA3-512", "label"))),
    (CKM_RSA_PKCS_OAEP, "CKM_RSA_PKCS_OAEP", Some((c"SHA3-384", c"SHA3-256", ""))),
];

fn oaep(hash_name: &CStr, mgf: &CStr, label: &[u8]) -> CK_RSA_PKCS_OAEP_PARAMS {
    CK_RSA_PKCS_OAEP_PARAMS {
        hashAlg: hash(hash_name).0,
        mgf: hash(mgf).1,
        source: CKZ_DATA_SPECIFIED,
        pSourceData: raw(label).0.cast(),
        ulSourceDataLen: label.len() as CK_ULONG,
    }
}

#[test]
fn each_decrypts_what_the_other_encrypts_with_rsa() {
    apart(test_name!(), sandbox, |_| {
        let module = module();
        let pairs = Pairs::new(&module);
        let title = |row: &(_, &str, Padding)| format!("{} {:?}", row.1, row.2);
        each(&module, RSA, title, |token, &(kind, _, padding)| {
            let mode = c"rsa_padding_mode";
            let mut data = pattern(40);
            let (m, options): (_, Vec<(&CStr, CString)>) = match padding {
                None => (Mechanism::plain(kind), vec![(mode, c"pkcs1".into())]),
                Some((name, ..)) if name.is_empty() => {
                    data = pattern(256);
                    data[0] = 0;
                    (Mechanism::plain(kind), vec![(mode, c"none".into())])
                }
                Some((name, mgf, label)) => {
                    let text = label.as_bytes().to_vec();
                    let mut options = vec![
                        (mode, c"oaep".into()),
                        (c"rsa_oaep_md", name.into()),
                        (c"rsa_mgf1_md", mgf.into()),
                    ];
                    if !label.is_empty() {
                        let label = CString::new(hex(label.as_bytes())).expect("a text");
                        options.push((c"rsa_oaep_label", label));
                    }
                    (Mechanism::structure(kind, oaep(name, mgf, &text), vec![text]), options)
                }
            };
            let options: Vec<(&CStr, &CStr)> =
                options.iter().map(|(name, value)| (*name, value.as_c_str())).collect();
            for der in pairs.of(Kind::Rsa, "bits:2048") {
                let pair = token.brought(Kind::Rsa, &der);
                let ours = token.encrypt(&m, pair.public, &data);
                assert_eq!(pair.theirs.decrypt(&options, &ours).expect("a plaintext"), data);
                let theirs = pair.theirs_public.encrypt(&options, &data).expect("a ciphertext");
                assert_eq!(token.decrypt(&m, pair.private, &theirs), data);
            }
        });
    });
}

/// How a key is wrapped, as OpenSSL would do it.
#[derive(Clone, Copy)]
enum Wrap {
    /// Cipher, vector, whether the last block is filled, length of the tag.
    By(&'static str, usize, bool, usize),
    /// KW over PKCS#7.
    Pkcs7,
    /// An AES key under OAEP, then KWP under that key (6.1.15).
    RsaAes,
    /// An AES key agreed on with a pair of the moment, then KWP (6.3.20).
    EcdhAes(Kind, &'static str),
    /// A key under PKCS#1 1.5.
    Rsa,
}

#[rustfmt::skip]
const WRAPS: &[(CK_MECHANISM_TYPE, &str, Wrap)] = &[
    (CKM_AES_KEY_WRAP, "CKM_AES_KEY_WRAP", Wrap::By("AES-256-WRAP", 0, true, 0)),
    (CKM_AES_KEY_WRAP_PAD, "CKM_AES_KEY_WRAP_PAD", Wrap::By("AES-256-WRAP-PAD", 0, true, 0)),
    (CKM_AES_KEY_WRAP_KWP, "CKM_AES_KEY_WRAP_KWP", Wrap::By("AES-256-WRAP-PAD", 0, true, 0)),
    (CKM_LUNA_AES_KW, "CKM_LUNA_AES_KW", Wrap::By("AES-256-WRAP", 0, true, 0)),
    (CKM_LUNA_AES_KWP, "CKM_LUNA_AES_KWP", Wrap::By("AES-256-WRAP-PAD", 0, true, 0)),
    (CKM_AES_KEY_WRAP_PKCS7, "CKM_AES_KEY_WRAP_PKCS7", Wrap::Pkcs7),
    (CKM_AES_ECB, "CKM_AES_ECB", Wrap::By("AES-256-ECB", 0, false, 0)),
    (CKM_AES_CBC, "CKM_AES_CBC", Wrap::By("AES-256-CBC", 16, false, 0)),
    (CKM_AES_CBC_PAD, "CKM_AES_CBC_PAD", Wrap::By("AES-256-CBC", 16, true, 0)),
    (CKM_AES_OFB, "CKM_AES_OFB", Wrap::By("AES-256-OFB", 16, false, 0)),
    (CKM_AES_CFB1, "CKM_AES_CFB1", Wrap::By("AES-256-CFB1", 16, false, 0)),
    (CKM_AES_CFB8, "CKM_AES_CFB8", Wrap::By("AES-256-CFB8", 16, false, 0)),
    (CKM_AES_CFB128, "CKM_AES_CFB128", Wrap::By("AES-256-CFB", 16, false, 0)),
    (CKM_AES_GCM, "CKM_AES_GCM", Wrap::By("AES-256-GCM", 12, false, 16)),
    (CKM_AES_CCM, "CKM_AES_CCM", Wrap::By("AES-256-CCM", 12, false, 16)),
    (CKM_CHACHA20_POLY1305, "CKM_CHACHA20_POLY1305", Wrap::By("CHACHA20-POLY1305", 12, false, 16)),
    (CKM_DES3_CBC_PAD, "CKM_DES3_CBC_PAD", Wrap::By("DES-EDE3-CBC", 8, true, 0)),
    (CKM_ARIA_CBC_PAD, "CKM_ARIA_CBC_PAD", Wrap::By("ARIA-256-CBC", 16, true, 0)),
    (CKM_CAMELLIA_CBC_PAD, "CKM_CAMELLIA_CBC_PAD", Wrap::By("CAMELLIA-256-CBC", 16, true, 0)),
    (CKM_RSA_PKCS, "CKM_RSA_PKCS", Wrap::Rsa),
    (CKM_RSA_AES_KEY_WRAP, "CKM_RSA_AES_KEY_WRAP", Wrap::RsaAes),
    (CKM_ECDH_AES_KEY_WRAP, "CKM_ECDH_AES_KEY_WRAP", Wrap::EcdhAes(Kind::Ec, "group:prime256v1")),
    (CKM_ECDH_COF_AES_KEY_WRAP, "CKM_ECDH_COF_AES_KEY_WRAP", Wrap::EcdhAes(Kind::Ec, "group:secp384r1")),
    (CKM_ECDH_X_AES_KEY_WRAP, "CKM_ECDH_X_AES_KEY_WRAP", Wrap::EcdhAes(Kind::Montgomery, "X25519")),
];

/// Every mechanism of this file.
pub(crate) fn kinds() -> impl Iterator<Item = CK_MECHANISM_TYPE> {
    let ciphers = CIPHERS.iter().map(|row| row.0);
    ciphers.chain(RSA.iter().map(|row| row.0)).chain(WRAPS.iter().map(|row| row.0))
}

/// KWP under an AES key.
fn kwp(key: &[u8]) -> Cipher<'_> {
    let name = if key.len() == 16 { "AES-128-WRAP-PAD" } else { "AES-256-WRAP-PAD" };
    Cipher { name, key, iv: &[], padded: true, tag: None }
}

const AAD: &[u8] = b"in the clear";

/// The mechanism, the token's keys that wrap and unwrap, and OpenSSL's two ways.
type Both = (
    Mechanism,
    [CK_OBJECT_HANDLE; 2],
    Box<dyn Fn(&[u8]) -> Vec<u8>>,
    Box<dyn Fn(&[u8]) -> Vec<u8>>,
);

fn secret_wrap(token: &Token<'_>, kind: u64, way: Wrap) -> Both {
    let Wrap::By(name, iv_len, padded, tag_len) = way else {
        let bytes = pattern(32);
        let key = token.secret(CKK_AES, &bytes);
        let (close, open) = (bytes.clone(), bytes);
        fn by(key: &[u8]) -> Cipher<'_> {
            Cipher { name: "AES-256-WRAP", key, iv: &[], padded: true, tag: None }
        }
        return (
            Mechanism::plain(kind),
            [key, key],
            Box::new(move |data| {
                let fill = 8 - data.len() % 8;
                let filled = [data, &vec![fill as u8; fill]].concat();
                openssl::encrypt(by(&close), &filled).expect("a wrapping")
            }),
            Box::new(move |data| {
                let mut filled = openssl::decrypt(by(&open), data).expect("what was wrapped");
                let fill = usize::from(*filled.last().expect("a byte"));
                assert!(filled.ends_with(&vec![fill as u8; fill]));
                filled.truncate(filled.len() - fill);
                filled
            }),
        );
    };
    let key_type = match name {
        "DES-EDE3-CBC" => CKK_DES3,
        "ARIA-256-CBC" => CKK_ARIA,
        "CAMELLIA-256-CBC" => CKK_CAMELLIA,
        "CHACHA20-POLY1305" => CKK_CHACHA20,
        _ => CKK_AES,
    };
    let bytes = key_bytes(key_type, if key_type == CKK_DES3 { 24 } else { 32 });
    let key = token.secret(key_type, &bytes);
    let iv = pattern(iv_len);
    let m = aead(kind, &iv).unwrap_or_else(|| {
        if iv.is_empty() { Mechanism::plain(kind) } else { Mechanism::bytes(kind, &iv) }
    });
    let (close, open) = ((bytes.clone(), iv.clone()), (bytes, iv));
    let tag = (tag_len > 0).then_some((AAD, tag_len));
    (
        m,
        [key, key],
        Box::new(move |data| {
            let cipher = Cipher { name, key: &close.0, iv: &close.1, padded, tag };
            openssl::encrypt(cipher, data).expect("a wrapping")
        }),
        Box::new(move |data| {
            let cipher = Cipher { name, key: &open.0, iv: &open.1, padded, tag };
            openssl::decrypt(cipher, data).expect("what was wrapped")
        }),
    )
}

/// The parameters of an AEAD, with associated data and, for CCM, a key of 32 bytes to wrap.
fn aead(kind: CK_MECHANISM_TYPE, iv: &[u8]) -> Option<Mechanism> {
    let (iv, aad) = (iv.to_vec(), AAD.to_vec());
    let ((at, len), (aad_at, aad_len)) = (raw(&iv), raw(&aad));
    Some(match kind {
        CKM_AES_GCM => {
            let params = CK_GCM_PARAMS {
                pIv: at,
                ulIvLen: len,
                ulIvBits: 8 * len,
                pAAD: aad_at,
                ulAADLen: aad_len,
                ulTagBits: 128,
            };
            Mechanism::structure(kind, params, vec![iv, aad])
        }
        CKM_AES_CCM => {
            let params = CK_CCM_PARAMS {
                ulDataLen: 32,
                pNonce: at,
                ulNonceLen: len,
                pAAD: aad_at,
                ulAADLen: aad_len,
                ulMACLen: 16,
            };
            Mechanism::structure(kind, params, vec![iv, aad])
        }
        CKM_CHACHA20_POLY1305 => {
            let params = CK_SALSA20_CHACHA20_POLY1305_PARAMS {
                pNonce: at,
                ulNonceLen: len,
                pAAD: aad_at,
                ulAADLen: aad_len,
            };
            Mechanism::structure(kind, params, vec![iv, aad])
        }
        _ => return None,
    })
}

fn pair_wrap(kind: CK_MECHANISM_TYPE, way: Wrap, pair: Pair, pairs: &Pairs<'_>) -> Both {
    let keys = [pair.public, pair.private];
    let plain: openssl::Options<'static> = &[(c"rsa_padding_mode", c"pkcs1")];
    let padded: openssl::Options<'static> =
        &[(c"rsa_padding_mode", c"oaep"), (c"rsa_oaep_md", c"SHA256"), (c"rsa_mgf1_md", c"SHA256")];
    match way {
        Wrap::RsaAes => {
            let inner = oaep(c"SHA256", c"SHA256", &[]);
            // SAFETY: plain numbers and NULL pointers, copied as bytes behind the structure.
            let bytes = unsafe {
                std::slice::from_raw_parts((&raw const inner).cast::<u8>(), size_of_val(&inner))
            }
            .to_vec();
            let params = CK_RSA_AES_KEY_WRAP_PARAMS {
                ulAESKeyBits: 256,
                pOAEPParams: bytes.as_ptr().cast_mut().cast(),
            };
            let m = Mechanism::structure(kind, params, vec![bytes]);
            let (public, private) = (pair.theirs_public, pair.theirs);
            let close = move |data: &[u8]| {
                let between = pattern(32);
                let first = public.encrypt(padded, &between).expect("OAEP");
                let second = openssl::encrypt(kwp(&between), data).expect("KWP");
                [first, second].concat()
            };
            let open = move |data: &[u8]| {
                let between = private.decrypt(padded, &data[..256]).expect("OAEP");
                openssl::decrypt(kwp(&between), &data[256..]).expect("KWP")
            };
            (m, keys, Box::new(close), Box::new(open))
        }
        Wrap::EcdhAes(of, options) => {
            let shared = b"shared".to_vec();
            let params = CK_ECDH_AES_KEY_WRAP_PARAMS {
                ulAESKeyBits: 256,
                kdf: CKD_SHA256_KDF,
                ulSharedDataLen: shared.len() as CK_ULONG,
                pSharedData: raw(&shared).0,
            };
            let m = Mechanism::structure(kind, params, vec![shared]);
            let between = |secret: &[u8]| {
                let options = format!("digest:SHA256 hexsecret:{} info:shared", hex(secret));
                openssl::derive("X963KDF", &options, 32).expect("a key")
            };
            // Stands in for a pair of the moment.
            let [_, other] = pairs.of(of, options);
            let point = of.public_value(&other.public);
            let (public, private, len) = (pair.theirs_public, pair.theirs, pair.value.len());
            let close = move |data: &[u8]| {
                let key = between(&other.private().agree(&public).expect("a secret"));
                let second = openssl::encrypt(kwp(&key), data).expect("KWP");
                [&point[..], &second].concat()
            };
            let spki = pair.spki;
            let open = move |data: &[u8]| {
                // The same key information, with the point of the moment in the place of the pair's; of
                // a curve in Weierstrass form it comes as CKA_EC_POINT has it.
                let (first, second) = data.split_at(data.len() - 40);
                let point = &first[first.len() - len..];
                let spki = [&spki[..spki.len() - len], point].concat();
                let peer = openssl::Key::public(&spki).expect("the point of the moment");
                let key = between(&private.agree(&peer).expect("a secret"));
                openssl::decrypt(kwp(&key), second).expect("KWP")
            };
            (m, keys, Box::new(close), Box::new(open))
        }
        _ => (
            Mechanism::plain(kind),
            keys,
            Box::new(move |data| pair.theirs_public.encrypt(plain, data).expect("a wrapping")),
            Box::new(move |data| pair.theirs.decrypt(plain, data).expect("what was wrapped")),
        ),
    }
}

#[test]
fn each_unwraps_what_the_other_wraps() {
    apart(test_name!(), sandbox, |_| {
        let module = module();
        let pairs = Pairs::new(&module);
        let title = |row: &(_, &str, Wrap)| row.1.to_owned();
        each(&module, WRAPS, title, |token, &(kind, _, way)| {
            let pair_of = match way {
                Wrap::By(..) | Wrap::Pkcs7 => None,
                Wrap::Rsa | Wrap::RsaAes => Some((Kind::Rsa, "bits:2048")),
                Wrap::EcdhAes(of, options) => Some((of, options)),
            };
            let ways = match pair_of {
                None => vec![secret_wrap(token, kind, way)],
                Some((of, options)) => pairs
                    .of(of, options)
                    .map(|der| pair_wrap(kind, way, token.brought(of, &der), &pairs))
                    .into(),
            };
            for (m, [by, from], close, open) in ways {
                let value = pattern(32);
                let key = token.secret(CKK_AES, &value);
                assert_eq!(open(&token.wrap(&m, by, key)), value, "what the token wrapped");
                let template = readable(CKO_SECRET_KEY, CKK_AES).flag(CKA_TOKEN, false);
                // What has no padding does not tell its length.
                let back = token.unwrap(&m, from, &close(&value), &template);
                assert_eq!(token.value(back, CKA_VALUE), value, "what OpenSSL wrapped");
            }
        });
    });
}
