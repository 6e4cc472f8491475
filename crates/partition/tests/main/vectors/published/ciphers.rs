//! Block ciphers: their modes, CBC-MAC and CMAC, keys that are ciphertexts, key wrap.

use hsmsim_partition::api::OperationKind::{Decrypt, Encrypt};

use super::{super::ciphers::unwrapped, *};

/// How a mechanism is asked for the answer.
#[derive(Clone, Copy)]
enum How {
    /// Encryption, without a parameter.
    Ecb,
    /// Encryption with a vector.
    Iv,
    /// Encryption of a message without its padding.
    Padded,
    /// Encryption with a counter block of 16 bytes.
    Ctr,
    /// Encryption whose answer has the last two blocks the other way round (CBC-CS3 for CBC-CS1).
    Swapped,
    /// The MAC that is as long as the mechanism says: so many bytes.
    Mac(usize),
    /// The MAC that is as long as its parameter says.
    General,
    /// A key that is a ciphertext of ECB.
    EcbData,
    /// A key that is a ciphertext of CBC.
    CbcData,
}
use How::*;

/// A name in the files, the type of its key, and what it asks of which mechanism.
type Asked = (&'static str, u64, &'static [(How, u64)]);

#[rustfmt::skip]
const ASKED: &[Asked] = &[
    ("aes.ecb", CKK_AES, &[(Ecb, CKM_AES_ECB), (EcbData, CKM_AES_ECB_ENCRYPT_DATA)]),
    ("aes.cbc", CKK_AES, &[(Iv, CKM_AES_CBC), (CbcData, CKM_AES_CBC_ENCRYPT_DATA), (Mac(8), CKM_AES_MAC),
                           (General, CKM_AES_MAC_GENERAL)]),
    ("aes.cfb64", CKK_AES, &[(Iv, CKM_AES_CFB64)]),
    ("aes.cts", CKK_AES, &[(Swapped, CKM_AES_CTS)]),
    ("aria.ecb", CKK_ARIA, &[(Ecb, CKM_ARIA_ECB), (EcbData, CKM_ARIA_ECB_ENCRYPT_DATA)]),
    ("aria.cbc", CKK_ARIA, &[(Iv, CKM_ARIA_CBC), (CbcData, CKM_ARIA_CBC_ENCRYPT_DATA), (Mac(8), CKM_ARIA_MAC),
                             (General, CKM_ARIA_MAC_GENERAL)]),
    ("camellia.ecb", CKK_CAMELLIA, &[(Ecb, CKM_CAMELLIA_ECB), (EcbData, CKM_CAMELLIA_ECB_ENCRYPT_DATA)]),
    ("camellia.cbc", CKK_CAMELLIA, &[(Iv, CKM_CAMELLIA_CBC), (CbcData, CKM_CAMELLIA_CBC_ENCRYPT_DATA),
                                     (Mac(8), CKM_CAMELLIA_MAC), (General, CKM_CAMELLIA_MAC_GENERAL)]),
    ("camellia.ctr", CKK_CAMELLIA, &[(Ctr, CKM_CAMELLIA_CTR)]),
    ("des.ecb", CKK_DES, &[(Ecb, CKM_DES_ECB), (EcbData, CKM_DES_ECB_ENCRYPT_DATA)]),
    ("des.cbc", CKK_DES, &[(Iv, CKM_DES_CBC), (CbcData, CKM_DES_CBC_ENCRYPT_DATA), (Mac(4), CKM_DES_MAC),
                           (General, CKM_DES_MAC_GENERAL)]),
    ("des.cbc_pad", CKK_DES, &[(Padded, CKM_DES_CBC_PAD)]),
    ("des.ofb", CKK_DES, &[(Iv, CKM_DES_OFB64)]),
    ("des.cfb64", CKK_DES, &[(Iv, CKM_DES_CFB64)]),
    ("des.cfb8", CKK_DES, &[(Iv, CKM_DES_CFB8)]),
    ("des.mac", CKK_DES, &[(Mac(4), CKM_DES_MAC), (General, CKM_DES_MAC_GENERAL)]),
    ("des2.ecb", CKK_DES2, &[(Ecb, CKM_DES3_ECB), (EcbData, CKM_DES3_ECB_ENCRYPT_DATA)]),
    ("des2.cbc", CKK_DES2, &[(Iv, CKM_DES3_CBC), (CbcData, CKM_DES3_CBC_ENCRYPT_DATA), (Mac(4), CKM_DES3_MAC),
                             (General, CKM_DES3_MAC_GENERAL)]),
    ("des2.ofb", CKK_DES2, &[(Iv, CKM_DES_OFB64)]),
    ("des2.cfb64", CKK_DES2, &[(Iv, CKM_DES_CFB64)]),
    ("des2.cfb8", CKK_DES2, &[(Iv, CKM_DES_CFB8)]),
    ("des2.ctr", CKK_DES2, &[(Iv, CKM_LUNA_DES3_CTR)]),
    ("des2.cmac", CKK_DES2, &[(Mac(8), CKM_DES3_CMAC), (General, CKM_DES3_CMAC_GENERAL)]),
    ("des3.ecb", CKK_DES3, &[(Ecb, CKM_DES3_ECB), (EcbData, CKM_DES3_ECB_ENCRYPT_DATA)]),
    ("des3.cbc", CKK_DES3, &[(Iv, CKM_DES3_CBC), (CbcData, CKM_DES3_CBC_ENCRYPT_DATA), (Mac(4), CKM_DES3_MAC),
                             (General, CKM_DES3_MAC_GENERAL)]),
    ("des3.cbc_pad", CKK_DES3, &[(Padded, CKM_DES3_CBC_PAD)]),
    ("des3.ofb", CKK_DES3, &[(Iv, CKM_DES_OFB64)]),
    ("des3.cfb64", CKK_DES3, &[(Iv, CKM_DES_CFB64)]),
    ("des3.cfb8", CKK_DES3, &[(Iv, CKM_DES_CFB8)]),
    ("des3.ctr", CKK_DES3, &[(Iv, CKM_LUNA_DES3_CTR)]),
    ("des3.cmac", CKK_DES3, &[(Mac(8), CKM_DES3_CMAC), (General, CKM_DES3_CMAC_GENERAL)]),
];

/// A message without its padding (PKCS #7).
fn unpadded(message: &[u8]) -> &[u8] {
    let (&len, _) = message.split_last().expect("a message");
    let (data, padding) = message.split_at(message.len() - usize::from(len));
    assert!(len > 0 && padding.iter().all(|&byte| byte == len), "not padded");
    data
}

/// A ciphertext of CBC-CS3 as CBC-CS1 has it: it leaves the last two blocks as they are when both are whole,
/// and else has the part before the whole one.
fn unswapped(answer: &[u8]) -> Vec<u8> {
    let (rest, part) = answer.split_at((answer.len() - 1) / 16 * 16);
    let (before, whole) = rest.split_at(rest.len() - 16);
    [before, part, whole].concat()
}

/// A message and its MAC. CBC-MAC begins with zeros and ends with the last block of CBC, so that the first block of a
/// message in CBC has its vector added.
fn authenticated(case: &Case) -> (Vec<u8>, &[u8]) {
    let (mut message, answer) = (case.get("message").to_vec(), case.get("answer"));
    if !case.name.ends_with(".cbc") {
        return (message, answer);
    }
    let iv = case.get("iv");
    message.iter_mut().zip(iv).for_each(|(byte, iv)| *byte ^= iv);
    (message, &answer[answer.len() - iv.len()..])
}

fn ask(client: &mut Client, key: ObjectId, how: How, kind: u64, case: &Case) {
    let (message, answer) = (case.get("message"), case.get("answer"));
    let iv = || case.get("iv").to_vec();
    let (params, message, answer) = match how {
        Ecb => (Params::None, message, answer.to_vec()),
        Iv => (Params::Bytes(iv()), message, answer.to_vec()),
        Padded => (Params::Bytes(iv()), unpadded(message), answer.to_vec()),
        Swapped => (Params::Bytes(iv()), message, unswapped(answer)),
        Ctr => {
            let block = iv().try_into().expect("a block");
            (Params::Ctr { counter_bits: 128, block }, message, answer.to_vec())
        }
        Mac(len) => return authenticates(client, key, &Mechanism::plain(kind), len, case),
        General => {
            let block = authenticated(case).1.len();
            for len in [block / 2, block] {
                let general = mechanism(kind, Params::Length(len as u64));
                authenticates(client, key, &general, len, case);
            }
            return;
        }
        EcbData => {
            return derives(client, key, kind, Params::DerivationData(message.to_vec()), case);
        }
        CbcData => {
            let params = Params::CbcEncryptData { iv: iv(), data: message.to_vec() };
            return derives(client, key, kind, params, case);
        }
    };
    let mechanism = mechanism(kind, params);
    let given = client.one_part(Encrypt, &mechanism, Some(key), message).unwrap();
    assert_eq!(given, answer, "{}: {}", name(kind), case.origin);
    let parts = client.in_parts(Encrypt, &mechanism, Some(key), (message, &[]), 7).unwrap();
    assert_eq!(parts, answer, "{}: {}", name(kind), case.origin);
    let back = client.one_part(Decrypt, &mechanism, Some(key), &answer).unwrap();
    assert_eq!(back, message, "{}: {}", name(kind), case.origin);
}

/// A MAC of so many bytes.
fn authenticates(
    client: &mut Client,
    key: ObjectId,
    mechanism: &Mechanism,
    len: usize,
    case: &Case,
) {
    let (message, mac) = authenticated(case);
    signs(client, mechanism, (key, key), &message, &mac[..len]);
}

fn derives(client: &mut Client, key: ObjectId, kind: u64, params: Params, case: &Case) {
    let answer = case.get("answer");
    let given = derived(client, &mechanism(kind, params), key, answer.len());
    assert_eq!(given, answer, "{}: {}", name(kind), case.origin);
}

/// Every case of a file, by every mechanism that it is a vector of.
fn run(text: &'static str) -> Vec<u64> {
    let (mut client, mut covered) = (officer(), Vec::new());
    for case in cases(text) {
        let row = ASKED.iter().find(|row| row.0 == case.name);
        let &(_, key_type, asked) = row.unwrap_or_else(|| panic!("what is {}?", case.name));
        let key = secret(&mut client, key_type, case.get("key"));
        for &(how, kind) in asked {
            ask(&mut client, key, how, kind, &case);
            covered.push(kind);
        }
    }
    covered
}

pub(in super::super) fn triple_des() -> Vec<u64> {
    run(include_str!("triple_des.txt"))
}

pub(in super::super) fn des3_ctr() -> Vec<u64> {
    run(include_str!("des3_ctr.txt"))
}

pub(in super::super) fn des3_cmac() -> Vec<u64> {
    run(include_str!("des3_cmac.txt"))
}

pub(in super::super) fn fips_113() -> Vec<u64> {
    run(include_str!("fips_113.txt"))
}

pub(in super::super) fn aes() -> Vec<u64> {
    run(include_str!("aes.txt"))
}

pub(in super::super) fn rfc_3962() -> Vec<u64> {
    run(include_str!("rfc_3962.txt"))
}

pub(in super::super) fn camellia() -> Vec<u64> {
    run(include_str!("camellia.txt"))
}

pub(in super::super) fn aria() -> Vec<u64> {
    run(include_str!("aria.txt"))
}

/// Key wrap of messages that end as padded ones do, which is what CKM_AES_KEY_WRAP_PKCS7 makes of a shorter value;
/// without padding they are those of the other two.
pub(in super::super) fn key_wrap() -> Vec<u64> {
    let mut client = officer();
    const KINDS: [u64; 3] = [CKM_AES_KEY_WRAP, CKM_LUNA_AES_KW, CKM_AES_KEY_WRAP_PKCS7];
    for case in cases(include_str!("key_wrap.txt")) {
        let (message, answer) = (case.get("message"), case.get("answer"));
        let with = secret(&mut client, CKK_AES, case.get("key"));
        for kind in KINDS {
            let data = if kind == CKM_AES_KEY_WRAP_PKCS7 { unpadded(message) } else { message };
            let target = secret(&mut client, CKK_GENERIC_SECRET, data);
            let wrap = Mechanism::plain(kind);
            assert_eq!(client.wrap(&wrap, with, target).unwrap(), answer, "{}", case.origin);
            assert_eq!(unwrapped(&mut client, &wrap, with, answer), data, "{}", case.origin);
            let sealed = client.one_part(Encrypt, &wrap, Some(with), data).unwrap();
            assert_eq!(sealed, answer, "{}", case.origin);
        }
    }
    KINDS.to_vec()
}
