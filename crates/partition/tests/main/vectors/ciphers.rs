//! Symmetric ciphers, their MACs, key wrap.

use hsmsim_partition::api::OperationKind::{Decrypt, Encrypt};

use super::*;

fn iv(len: u8) -> Params {
    Params::Bytes(counting(0x10, len))
}

fn counter_block() -> [u8; 16] {
    counting(0x10, 16).try_into().unwrap()
}

fn ctr() -> Params {
    Params::Ctr { counter_bits: 128, block: counter_block() }
}

/// DES as its published examples have it; triple DES with three keys.
const DES: &[u8] = &[0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef];
const DES3: &[u8] = &[
    0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0x01,
    0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0x01, 0x23,
];

/// A block cipher: its name in the file, key type, key, length of its vector.
fn families() -> [(&'static str, u64, Vec<u8>, u8); 5] {
    let key = || counting(0, 16);
    [
        ("aes", CKK_AES, key(), 16),
        ("aria", CKK_ARIA, key(), 16),
        ("camellia", CKK_CAMELLIA, key(), 16),
        ("des", CKK_DES, DES.to_vec(), 8),
        ("des3", CKK_DES3, DES3.to_vec(), 8),
    ]
}

fn family(name: &str) -> (u64, Vec<u8>, u8) {
    let (_, key_type, key, iv_len) = families().into_iter().find(|row| row.0 == name).unwrap();
    (key_type, key, iv_len)
}

/// Encrypts to the answer, in one part and in many, and back.
fn passes(client: &mut Client, mechanism: &Mechanism, key: ObjectId, plain: &[u8], sealed: &[u8]) {
    let given = client.one_part(Encrypt, mechanism, Some(key), plain).unwrap();
    assert_eq!(given, sealed, "{mechanism:?}");
    let parts = client.in_parts(Encrypt, mechanism, Some(key), (plain, &[]), 7).unwrap();
    assert_eq!(parts, sealed, "{mechanism:?}");
    let back = client.one_part(Decrypt, mechanism, Some(key), sealed).unwrap();
    assert_eq!(back, plain, "{mechanism:?}");
}

#[rustfmt::skip]
const MODES: &[(&str, &str, u64)] = &[
    ("aes", "ecb", CKM_AES_ECB), ("aes", "cbc", CKM_AES_CBC), ("aes", "cbc_pad", CKM_AES_CBC_PAD),
    ("aes", "ctr", CKM_AES_CTR), ("aes", "cts", CKM_AES_CTS), ("aes", "ofb", CKM_AES_OFB),
    ("aes", "ofb", CKM_LUNA_AES_OFB), ("aes", "cfb", CKM_AES_CFB128), ("aes", "cfb", CKM_LUNA_AES_CFB128),
    ("aes", "cfb8", CKM_AES_CFB8), ("aes", "cfb8", CKM_LUNA_AES_CFB8), ("aes", "cfb1", CKM_AES_CFB1),
    ("aes", "cfb64", CKM_AES_CFB64),
    ("aria", "ecb", CKM_ARIA_ECB), ("aria", "cbc", CKM_ARIA_CBC), ("aria", "cbc_pad", CKM_ARIA_CBC_PAD),
    ("camellia", "ecb", CKM_CAMELLIA_ECB), ("camellia", "cbc", CKM_CAMELLIA_CBC),
    ("camellia", "cbc_pad", CKM_CAMELLIA_CBC_PAD), ("camellia", "ctr", CKM_CAMELLIA_CTR),
    ("des", "ecb", CKM_DES_ECB), ("des", "cbc", CKM_DES_CBC), ("des", "cbc_pad", CKM_DES_CBC_PAD),
    ("des3", "ecb", CKM_DES3_ECB), ("des3", "cbc", CKM_DES3_CBC), ("des3", "cbc_pad", CKM_DES3_CBC_PAD),
    ("des3", "ctr", CKM_LUNA_DES3_CTR), ("des3", "ofb", CKM_DES_OFB64), ("des3", "cfb", CKM_DES_CFB64),
    ("des3", "cfb8", CKM_DES_CFB8),
];

pub(super) fn modes() -> Vec<u64> {
    let (known, mut client) = (Known::read(), officer());
    for &(name, mode, kind) in MODES {
        let (key_type, value, iv_len) = family(name);
        let key = secret(&mut client, key_type, &value);
        let params = match (mode, name) {
            ("ecb", _) => Params::None,
            ("ctr", "des3") => iv(8),
            ("ctr", _) => ctr(),
            _ => iv(iv_len),
        };
        let plain = match mode {
            "cbc_pad" => &data()[..31],
            "cts" => &data()[..20],
            _ => &data()[..],
        };
        let sealed = known.get(&format!("{name}.{mode}"));
        passes(&mut client, &mechanism(kind, params), key, plain, &sealed);
    }
    MODES.iter().map(|row| row.2).collect()
}

#[rustfmt::skip]
const MACS: &[(&str, &str, [u64; 2])] = &[
    ("aes", "cbc_mac", [CKM_AES_MAC, CKM_AES_MAC_GENERAL]),
    ("aria", "cbc_mac", [CKM_ARIA_MAC, CKM_ARIA_MAC_GENERAL]),
    ("camellia", "cbc_mac", [CKM_CAMELLIA_MAC, CKM_CAMELLIA_MAC_GENERAL]),
    ("des", "cbc_mac", [CKM_DES_MAC, CKM_DES_MAC_GENERAL]),
    ("des3", "cbc_mac", [CKM_DES3_MAC, CKM_DES3_MAC_GENERAL]),
    ("aes", "cmac", [CKM_AES_CMAC, CKM_AES_CMAC_GENERAL]),
    ("des3", "cmac", [CKM_DES3_CMAC, CKM_DES3_CMAC_GENERAL]),
];

pub(super) fn macs() -> Vec<u64> {
    let (known, mut client, mut covered) = (Known::read(), officer(), Vec::new());
    for &(name, mac, [whole, general]) in MACS {
        let (key_type, value, block) = family(name);
        let key = secret(&mut client, key_type, &value);
        let expected = known.get(&format!("{name}.{mac}"));
        // Half a block without a length (6.13.12 and its kin); CMAC is whole.
        let usual = if mac == "cmac" { block } else { block / 2 };
        let plain = Mechanism::plain(whole);
        signs(&mut client, &plain, (key, key), &data(), &expected[..usual.into()]);
        let five = mechanism(general, Params::Length(5));
        signs(&mut client, &five, (key, key), &data(), &expected[..5]);
        covered.extend([whole, general]);
    }
    let key = secret(&mut client, CKK_AES, &counting(0, 16));
    for (kind, len) in [(CKM_AES_XCBC_MAC, 16), (CKM_AES_XCBC_MAC_96, 12)] {
        for message in [16, 20] {
            let expected = known.get(&format!("aes.xcbc.{message}"));
            let plain = Mechanism::plain(kind);
            signs(&mut client, &plain, (key, key), &counting(0, message), &expected[..len]);
        }
        covered.push(kind);
    }
    for kind in [CKM_AES_GMAC, CKM_LUNA_AES_GMAC] {
        let gmac = mechanism(kind, iv(12));
        signs(&mut client, &gmac, (key, key), &data(), &known.get("aes.gmac"));
        covered.push(kind);
    }
    let key = secret(&mut client, CKK_POLY1305, &counting(0, 32));
    let poly1305 = Mechanism::plain(CKM_POLY1305);
    signs(&mut client, &poly1305, (key, key), &data(), &known.get("poly1305"));
    covered.push(CKM_POLY1305);
    covered
}

pub(super) fn others() -> Vec<u64> {
    let (known, mut client) = (Known::read(), officer());
    let aes = secret(&mut client, CKK_AES, &counting(0, 16));
    let xts = secret(&mut client, CKK_AES_XTS, &counting(0, 32));
    let chacha = secret(&mut client, CKK_CHACHA20, &counting(0, 32));
    let (nonce, aad) = (|| counting(0x10, 12), || b"aad".to_vec());
    let gcm = || Params::Gcm { iv: nonce(), iv_bits: 96, aad: aad(), tag_bits: 128 };
    let ccm = Params::Ccm { data_len: 32, nonce: nonce(), aad: aad(), mac_len: 16 };
    let rows = [
        (CKM_AES_GCM, gcm(), aes, "aes.gcm"),
        (CKM_LUNA_AES_GCM, gcm(), aes, "aes.gcm"),
        (CKM_AES_XTS, iv(16), xts, "aes.xts"),
        (CKM_LUNA_AES_XTS, iv(16), xts, "aes.xts"),
        (CKM_CHACHA20, Params::ChaCha20 { counter: 1, nonce: nonce() }, chacha, "chacha20"),
        (
            CKM_CHACHA20_POLY1305,
            Params::ChaCha20Poly1305 { nonce: nonce(), aad: aad() },
            chacha,
            "chacha20_poly1305",
        ),
        (CKM_AES_CCM, ccm.clone(), aes, "aes.ccm"),
    ];
    let mut covered = Vec::new();
    for (kind, params, key, name) in rows {
        passes(&mut client, &mechanism(kind, params), key, &data(), &known.get(name));
        covered.push(kind);
    }
    covered
}

pub(super) fn wraps() -> Vec<u64> {
    let (known, mut client, mut covered) = (Known::read(), officer(), Vec::new());
    let with = secret(&mut client, CKK_AES, &counting(0, 16));
    for (kind, len, name) in [
        (CKM_AES_KEY_WRAP, 32, "aes.kw"),
        (CKM_LUNA_AES_KW, 32, "aes.kw"),
        (CKM_AES_KEY_WRAP_PAD, 20, "aes.kwp"),
        (CKM_AES_KEY_WRAP_KWP, 20, "aes.kwp"),
        (CKM_LUNA_AES_KWP, 20, "aes.kwp"),
        (CKM_AES_KEY_WRAP_PKCS7, 20, "aes.kw_pkcs7"),
    ] {
        let wrap = Mechanism::plain(kind);
        let target = secret(&mut client, CKK_GENERIC_SECRET, &data()[..len]);
        let wrapped = client.wrap(&wrap, with, target).unwrap();
        assert_eq!(wrapped, known.get(name), "{name}");
        assert_eq!(unwrapped(&mut client, &wrap, with, &wrapped), data()[..len]);
        let sealed = client.one_part(Encrypt, &wrap, Some(with), &data()[..len]).unwrap();
        assert_eq!(sealed, wrapped, "{name}: data is wrapped like a key");
        let opened = client.one_part(Decrypt, &wrap, Some(with), &sealed).unwrap();
        assert_eq!(opened, data()[..len]);
        covered.push(kind);
    }
    covered
}

/// The value of a generic secret that comes out.
pub(super) fn unwrapped(
    client: &mut Client,
    mechanism: &Mechanism,
    with: ObjectId,
    wrapped: &[u8],
) -> Vec<u8> {
    let template = vec![
        Attribute::ulong(CKA_CLASS, CKO_SECRET_KEY),
        Attribute::ulong(CKA_KEY_TYPE, CKK_GENERIC_SECRET),
        no(CKA_SENSITIVE),
        yes(CKA_EXTRACTABLE),
    ];
    let key = client.unwrap(mechanism, with, wrapped, template).unwrap();
    client.bytes(key, CKA_VALUE)
}

#[rustfmt::skip]
const BY_ENCRYPTION: &[(&str, [u64; 2])] = &[
    ("aes", [CKM_AES_ECB_ENCRYPT_DATA, CKM_AES_CBC_ENCRYPT_DATA]),
    ("aria", [CKM_ARIA_ECB_ENCRYPT_DATA, CKM_ARIA_CBC_ENCRYPT_DATA]),
    ("camellia", [CKM_CAMELLIA_ECB_ENCRYPT_DATA, CKM_CAMELLIA_CBC_ENCRYPT_DATA]),
    ("des", [CKM_DES_ECB_ENCRYPT_DATA, CKM_DES_CBC_ENCRYPT_DATA]),
    ("des3", [CKM_DES3_ECB_ENCRYPT_DATA, CKM_DES3_CBC_ENCRYPT_DATA]),
];

pub(super) fn keys_by_encryption() -> Vec<u64> {
    let (known, mut client, mut covered) = (Known::read(), officer(), Vec::new());
    for &(name, [ecb, cbc]) in BY_ENCRYPTION {
        let (key_type, value, iv_len) = family(name);
        let base = secret(&mut client, key_type, &value);
        let by_ecb = mechanism(ecb, Params::DerivationData(data()));
        assert_eq!(derived(&mut client, &by_ecb, base, 32), known.get(&format!("{name}.ecb")));
        let params = Params::CbcEncryptData { iv: counting(0x10, iv_len), data: data() };
        let by_cbc = mechanism(cbc, params);
        assert_eq!(derived(&mut client, &by_cbc, base, 32), known.get(&format!("{name}.cbc")));
        covered.extend([ecb, cbc]);
    }
    covered
}
