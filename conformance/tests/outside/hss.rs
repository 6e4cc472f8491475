//! HSS/LMS: the token verifies what pyhsslms signs. It does not sign itself, and OpenSSL would verify
//! only.

use cryptoki_sys::*;
use hsmsim_conformance::case::{Mechanism, Template};
use hsmsim_tests::{apart::apart, build, test_name};

use super::{
    peers::{python, sandbox},
    token::{Token, each, module},
};

/// Every mechanism of this file.
pub(crate) fn kinds() -> impl Iterator<Item = CK_MECHANISM_TYPE> {
    [CKM_HSS].into_iter()
}

/// Levels, LMS type, LM-OTS type (RFC 8554, SP 800-208), and which signature of the key.
type Row = (u32, u32, u32, u32);

#[rustfmt::skip]
const ROWS: &[Row] = &[
    // SHA-256 with 32 bytes, Winternitz parameters of 1, 2, 4 and 8.
    (1, 5, 1, 1), (1, 5, 2, 2), (1, 5, 3, 32), (1, 5, 4, 1),
    // SHA-256 with 24 bytes.
    (1, 10, 5, 1), (1, 10, 6, 3), (1, 10, 7, 4), (1, 10, 8, 1),
    // SHAKE256 with 32 and with 24 bytes.
    (1, 15, 9, 1), (1, 15, 10, 2), (1, 15, 11, 7), (1, 15, 12, 1),
    (1, 20, 13, 1), (1, 20, 14, 2), (1, 20, 15, 32), (1, 20, 16, 1),
    // Trees of ten levels.
    (1, 6, 2, 300), (1, 11, 7, 5), (1, 21, 14, 1),
    // Several trees; the last signature of the first lower one, and the first of the second.
    (2, 5, 3, 32), (2, 5, 3, 33), (2, 20, 15, 40), (3, 10, 7, 1), (3, 15, 10, 70), (8, 10, 6, 2),
];

fn hex(digits: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hexadecimal digits");
    (0..digits.len()).step_by(2).map(byte).collect()
}

fn verifies(token: &Token<'_>, row: &Row, [public, message, signature]: &[Vec<u8>; 3]) {
    let template = Template::new()
        .number(CKA_CLASS, CKO_PUBLIC_KEY)
        .number(CKA_KEY_TYPE, CKK_HSS)
        .flag(CKA_TOKEN, false)
        .flag(CKA_VERIFY, true)
        .bytes(CKA_VALUE, public);
    let key = token.object(&template);
    let told = [CKA_HSS_LEVELS, CKA_HSS_LMS_TYPE, CKA_HSS_LMOTS_TYPE];
    for (kind, wanted) in told.into_iter().zip([row.0, row.1, row.2]) {
        let wanted = CK_ULONG::from(wanted).to_ne_bytes();
        assert_eq!(token.value(key, kind), wanted, "attribute {kind:#x} of the key");
    }
    let holds = |data: &[u8], signature: &[u8]| {
        token.verifies(&Mechanism::plain(CKM_HSS), key, data, signature)
    };
    assert!(holds(message, signature), "a signature of pyhsslms");
    assert!(!holds(b"message", signature), "of another message");
    // Every part of it is looked at: types, leaves, one-time signatures, paths, the keys between.
    for at in (0..signature.len()).step_by(97).chain([3, 7, 11, signature.len() - 1]) {
        let mut changed = signature.clone();
        changed[at] ^= 1;
        assert!(!holds(message, &changed), "changed at {at}");
    }
    assert!(!holds(message, &signature[..signature.len() - 1]), "cut off");
}

#[test]
fn the_token_verifies_what_pyhsslms_signs() {
    apart(test_name!(), sandbox, |sandbox| {
        let script = build::root().join("conformance/tests/outside/hss.py").display().to_string();
        let keys = ROWS
            .iter()
            .map(|(levels, lms, lmots, count)| format!("{levels}:{lms}:{lmots}:{count}"));
        let arguments: Vec<_> = [script].into_iter().chain(keys).collect();
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        let signed = sandbox.run(python(), &arguments).succeeded().stdout;
        let signed = signed.lines().map(|line| -> [Vec<u8>; 3] {
            let parts: Vec<_> = line.split(' ').map(hex).collect();
            parts.try_into().expect("three parts")
        });
        let rows: Vec<_> = ROWS.iter().zip(signed).collect();
        assert_eq!(rows.len(), ROWS.len());
        let module = module();
        let title = |row: &(&Row, _)| format!("{:?}", row.0);
        each(&module, &rows, title, |token, (row, signed)| verifies(token, row, signed));
    });
}
