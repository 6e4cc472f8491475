//! ECIES: what the token encrypts for a key OpenSSL opens, and the reverse, step by step as SEC 1, 5.1 has
//! it: agreement, X9.63's derivation, cipher, HMAC.

use cryptoki_sys::*;
use hsmsim_conformance::{
    case::Mechanism,
    openssl::{self, Cipher, Generated, Key},
};
use hsmsim_tests::{apart::apart, test_name};
use hsmsim_types::ck::*;

use super::{
    pairs::{Kind, Pair, Pairs},
    token::{Token, each, hex, module, pattern, raw, sandbox},
};

/// How the message is encrypted.
#[derive(Clone, Copy)]
struct Scheme {
    /// CKES number.
    number: CK_ULONG,
    /// OpenSSL's cipher; none is XOR with a key as long as the message.
    cipher: Option<&'static str>,
    /// Bytes of the key, and of the first counter block that is derived behind it.
    lens: (usize, usize),
    /// Whether the last block is filled, and with what vector where none is derived.
    padded: bool,
    iv: &'static [u8],
}

const XOR: Scheme = Scheme { number: CKES_XOR, cipher: None, lens: (0, 0), padded: false, iv: &[] };
const CTR: Scheme = Scheme {
    number: CKES_AES_CTR,
    cipher: Some("AES-128-CTR"),
    lens: (16, 16),
    padded: false,
    iv: &[],
};
const CBC: Scheme = Scheme {
    number: CKES_AES_CBC,
    cipher: Some("AES-192-CBC"),
    lens: (24, 0),
    padded: false,
    iv: &[0; 16],
};
const CBC_PAD: Scheme = Scheme {
    number: CKES_AES_CBC_PAD,
    cipher: Some("AES-256-CBC"),
    lens: (32, 0),
    padded: true,
    iv: &[0; 16],
};
const DES3: Scheme = Scheme {
    number: CKES_DES3_CBC,
    cipher: Some("DES-EDE3-CBC"),
    lens: (24, 0),
    padded: false,
    iv: &[0; 8],
};
const DES3_PAD: Scheme = Scheme { number: CKES_DES3_CBC_PAD, padded: true, ..DES3 };

/// Key pair, OpenSSL's options for it, hash of the derivation and of HMAC, bytes of HMAC, scheme.
type Row = (Kind, &'static str, Hash, Hash, usize, Scheme);

/// OpenSSL's name, CKD and CKMS number.
type Hash = (&'static str, CK_ULONG, CK_ULONG);

const SHA1: Hash = ("SHA1", CKD_SHA1_KDF, CKMS_HMAC_SHA1);
const SHA224: Hash = ("SHA224", CKD_SHA224_KDF, CKMS_HMAC_SHA224);
const SHA256: Hash = ("SHA256", CKD_SHA256_KDF, CKMS_HMAC_SHA256);
const SHA384: Hash = ("SHA384", CKD_SHA384_KDF, CKMS_HMAC_SHA384);
const SHA512: Hash = ("SHA512", CKD_SHA512_KDF, CKMS_HMAC_SHA512);

#[rustfmt::skip]
const ROWS: &[Row] = &[
    (Kind::Ec, "group:prime256v1", SHA256, SHA256, 32, XOR),
    (Kind::Ec, "group:prime256v1", SHA1, SHA1, 20, CBC_PAD),
    // Profiles A and B of 5G but for the shared data (TS 33.501, C.3.4).
    (Kind::Montgomery, "X25519", SHA256, SHA256, 8, CTR),
    (Kind::Ec, "group:prime256v1", SHA256, SHA256, 8, CTR),
    (Kind::Ec, "group:secp224r1", SHA224, SHA224, 28, DES3_PAD),
    (Kind::Ec, "group:secp384r1", SHA384, SHA384, 24, CBC),
    (Kind::Ec, "group:secp521r1", SHA512, SHA512, 64, DES3),
    (Kind::Ec, "group:brainpoolP320r1", SHA512, SHA224, 28, CTR),
    (Kind::Montgomery, "X448", SHA512, SHA512, 64, CBC_PAD),
];

/// Every mechanism of this file.
pub(crate) fn kinds() -> impl Iterator<Item = CK_MECHANISM_TYPE> {
    [CKM_ECIES].into_iter()
}

const SHARED_1: &[u8] = b"of the derivation";
const SHARED_2: &[u8] = b"of the MAC";
const MAC_KEY: usize = 32;

fn mechanism(&(.., kdf, mac, mac_len, scheme): &Row) -> Mechanism {
    let shared = [SHARED_1.to_vec(), SHARED_2.to_vec()];
    let params = CK_ECIES_PARAMS {
        dhPrimitive: CKDHP_STANDARD,
        kdf: kdf.1,
        ulSharedDataLen1: SHARED_1.len() as CK_ULONG,
        pSharedData1: raw(&shared[0]).0,
        encScheme: scheme.number,
        ulEncKeyLenInBits: 8 * scheme.lens.0 as CK_ULONG,
        macScheme: mac.2,
        ulMacKeyLenInBits: 8 * MAC_KEY as CK_ULONG,
        ulMacLenInBits: 8 * mac_len as CK_ULONG,
        ulSharedDataLen2: SHARED_2.len() as CK_ULONG,
        pSharedData2: raw(&shared[1]).0,
    };
    Mechanism::structure(CKM_ECIES, params, shared.into())
}

/// The same on OpenSSL's side, with the secret that both have agreed on.
struct Theirs {
    scheme: Scheme,
    mac: &'static str,
    mac_len: usize,
    keys: Vec<u8>,
}

impl Theirs {
    fn new(&(.., kdf, mac, mac_len, scheme): &Row, secret: &[u8], message_len: usize) -> Self {
        let key_len = if scheme.cipher.is_none() { message_len } else { scheme.lens.0 };
        let scheme = Scheme { lens: (key_len, scheme.lens.1), ..scheme };
        let options =
            format!("digest:{} hexsecret:{} hexinfo:{}", kdf.0, hex(secret), hex(SHARED_1));
        let keys = openssl::derive("X963KDF", &options, key_len + scheme.lens.1 + MAC_KEY);
        Self { scheme, mac: mac.0, mac_len, keys: keys.expect("keys") }
    }

    fn crypt(&self, work: fn(Cipher<'_>, &[u8]) -> Option<Vec<u8>>, data: &[u8]) -> Vec<u8> {
        let (key, rest) = self.keys.split_at(self.scheme.lens.0);
        let Some(name) = self.scheme.cipher else {
            return data.iter().zip(key).map(|(byte, other)| byte ^ other).collect();
        };
        let iv = if self.scheme.lens.1 == 0 { self.scheme.iv } else { &rest[..self.scheme.lens.1] };
        let cipher = Cipher { name, key, iv, padded: self.scheme.padded, tag: None };
        work(cipher, data).expect("a cipher of OpenSSL's")
    }

    fn mac(&self, encrypted: &[u8]) -> Vec<u8> {
        let key = &self.keys[self.keys.len() - MAC_KEY..];
        let tag = openssl::mac("HMAC", self.mac, key, &[encrypted, SHARED_2].concat());
        tag.expect("a MAC")[..self.mac_len].to_vec()
    }
}

/// A temporary key's SubjectPublicKeyInfo out of another's and its value, the end of it.
fn temporary(spki: &[u8], value: &[u8]) -> Key {
    let spki = [&spki[..spki.len() - value.len()], value].concat();
    Key::public(&spki).expect("a temporary key that OpenSSL reads")
}

fn opens_both_ways(token: &Token<'_>, pair: &Pair, row: &Row) {
    let &(kind, options, .., mac_len, scheme) = row;
    let m = mechanism(row);
    let whole = matches!(scheme.number, CKES_AES_CBC | CKES_DES3_CBC);
    for len in if whole { [16, 48] } else { [1, 77] } {
        let message = pattern(len);
        let ours = token.encrypt(&m, pair.public, &message);
        let (value, sealed) = ours.split_at(pair.value.len());
        let secret = pair.theirs.agree(&temporary(&pair.spki, value)).expect("a secret");
        let (encrypted, mac) = sealed.split_at(sealed.len() - mac_len);
        let theirs = Theirs::new(row, &secret, len);
        assert_eq!(theirs.mac(encrypted), mac, "the MAC of {len} bytes");
        assert_eq!(theirs.crypt(openssl::decrypt, encrypted), message, "OpenSSL of {len} bytes");

        let (algorithm, rest) =
            (kind.openssl(options), if kind == Kind::Ec { options } else { "" });
        let own = Generated::new(algorithm, "", rest).expect("a temporary pair");
        let own_private = Key::private(&own.private).expect("PKCS#8");
        let secret = own_private.agree(&pair.theirs_public).expect("a secret");
        let theirs = Theirs::new(row, &secret, len);
        let encrypted = theirs.crypt(openssl::encrypt, &message);
        let mac = theirs.mac(&encrypted);
        let sealed = [kind.public_value(&own.public), encrypted, mac].concat();
        assert_eq!(token.decrypt(&m, pair.private, &sealed), message, "the token of {len} bytes");
    }
}

#[test]
fn each_opens_what_the_other_seals_with_ecies() {
    apart(test_name!(), sandbox, |_| {
        let module = module();
        let pairs = Pairs::new(&module);
        let title = |row: &Row| format!("{} {} {:?}", row.1, row.2.0, row.5.cipher);
        each(&module, ROWS, title, |token, row| {
            for der in pairs.of(row.0, row.1) {
                opens_both_ways(token, &token.brought(row.0, &der), row);
            }
        });
    });
}
