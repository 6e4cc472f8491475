//! Luna's own derivation: each of its layouts, each of its functions.

use hsmsim_crypto::{
    digest::HashAlg,
    mac::{MacAlg, mac},
};

use super::*;

fn params(prf: u64, encoding: u64) -> KdfParams {
    let (label, context) = (b"label".to_vec(), b"context".to_vec());
    KdfParams::LunaPrf { prf, label, context, counter: 1, encoding }
}

#[test]
fn layouts_are_those_of_the_vendor_s_header() {
    let mut client = officer();
    let key = base(&mut client, CKK_AES, &[9; 32]);
    for (encoding, input) in [
        (LUNA_PRF_KDF_ENCODING_SCHEME_1, &b"\0\0\0\x01context\0label\0\0\0\x80"[..]),
        (LUNA_PRF_KDF_ENCODING_SCHEME_2, b"\0\0\0\x01contextlabel"),
        (LUNA_PRF_KDF_ENCODING_SCHEME_3, b"\0\0\0\x01label\0context\0\0\0\x80"),
        (LUNA_PRF_KDF_ENCODING_SCHEME_4, b"\0\0\0\x01labelcontext"),
        (LUNA_PRF_KDF_ENCODING_SCHEME_SCP03, b"label\0\0\x80\x01context"),
        (LUNA_PRF_KDF_ENCODING_SCHEME_HID_KD, b"\x01label\0context\0\x80"),
    ] {
        let expected = mac(MacAlg::AesCmac, &[9; 32], input).unwrap();
        for kind in [CKM_NIST_PRF_KDF, CKM_PRF_KDF] {
            let mechanism = kdf(kind, params(CK_NIST_PRF_KDF_AES_CMAC, encoding));
            assert_eq!(value(&mut client, &mechanism, key, 16).unwrap(), expected, "{encoding}");
        }
    }
    let mechanism = kdf(CKM_NIST_PRF_KDF, params(CK_NIST_PRF_KDF_AES_CMAC, 6));
    assert_eq!(rv(client.derive(&mechanism, key, readable(16))), CKR_MECHANISM_PARAM_INVALID);
}

#[test]
fn functions_take_the_keys_that_they_are_for() {
    let mut client = officer();
    let hmac = |hash| MacAlg::Hmac(hash);
    let des3 = hex("0123456789abcdeffedcba987654321089abcdef01234567");
    for (prf, key_type, value_of_key, alg) in [
        (CK_NIST_PRF_KDF_DES3_CMAC, CKK_DES3, des3, MacAlg::Des3Cmac),
        (CK_NIST_PRF_KDF_AES_CMAC, CKK_AES, vec![1; 16], MacAlg::AesCmac),
        (CK_PRF_KDF_ARIA_CMAC, CKK_ARIA, vec![1; 16], MacAlg::AriaCmac),
        (CK_NIST_PRF_KDF_HMAC_SHA1, CKK_GENERIC_SECRET, vec![1; 20], hmac(HashAlg::Sha1)),
        (CK_NIST_PRF_KDF_HMAC_SHA224, CKK_GENERIC_SECRET, vec![1; 20], hmac(HashAlg::Sha224)),
        (CK_NIST_PRF_KDF_HMAC_SHA256, CKK_GENERIC_SECRET, vec![1; 20], hmac(HashAlg::Sha256)),
        (CK_NIST_PRF_KDF_HMAC_SHA384, CKK_GENERIC_SECRET, vec![1; 20], hmac(HashAlg::Sha384)),
        (CK_NIST_PRF_KDF_HMAC_SHA512, CKK_GENERIC_SECRET, vec![1; 20], hmac(HashAlg::Sha512)),
        (CK_PRF_KDF_HMAC_RIPEMD160, CKK_GENERIC_SECRET, vec![1; 20], hmac(HashAlg::Ripemd160)),
    ] {
        let key = base(&mut client, key_type, &value_of_key);
        let mechanism = kdf(CKM_PRF_KDF, params(prf, LUNA_PRF_KDF_ENCODING_SCHEME_4));
        let expected = mac(alg, &value_of_key, b"\0\0\0\x01labelcontext").unwrap();
        let given = value(&mut client, &mechanism, key, expected.len());
        assert_eq!(given.unwrap(), expected, "{prf}");
    }
    let secret = generic(&mut client, &[1; 16]);
    for (prf, expected) in [
        (CK_NIST_PRF_KDF_AES_CMAC, CKR_KEY_TYPE_INCONSISTENT),
        (CK_PRF_KDF_SEED_CMAC, CKR_MECHANISM_PARAM_INVALID),
        (0, CKR_MECHANISM_PARAM_INVALID),
    ] {
        let mechanism = kdf(CKM_NIST_PRF_KDF, params(prf, 0));
        assert_eq!(rv(client.derive(&mechanism, secret, readable(16))), expected, "{prf}");
    }
}
