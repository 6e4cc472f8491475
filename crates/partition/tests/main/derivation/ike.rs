//! IKE: NIST's vectors for both versions, with HMAC-SHA-256.

use super::*;

#[test]
pub(crate) fn keys_of_version_1_are_those_of_nist() {
    let mut client = officer();
    let skeyid = "750c5c94b9c2ec20b68033e024dadf0fa87e8b48c6561b21c72478451a06583d";
    let skeyid = generic(&mut client, &hex(skeyid));
    let secret = "a1ff3dc6cf9b4c04709943cb4ca1f1789bcf360b03f1d027de3ae8ee039e9155";
    let secret = generic(&mut client, &hex(secret));
    let mut previous = None;
    for (number, expected) in [
        (0, "a4f7ca7de913814813e3312099e7c943bd293483f387532330237f1b20957310"),
        (1, "1d4b705746c43b0a6fcbb8db33983c0f24ff6f8b6543e3779fed227c6067f004"),
        (2, "03e6f16cd9ce9f64b5cdc5b34cca7163483ba5389a30afebef3d14640b0a815e"),
    ] {
        let params = KdfParams::Ike1Prf {
            prf: CKM_SHA256_HMAC,
            secret: key(secret),
            previous,
            initiator: hex("6c6beb72631ddc3d"),
            responder: hex("b84e24b22cffbd14"),
            number,
        };
        let template = without(readable(1), CKA_VALUE_LEN);
        let made = client.derive(&kdf(CKM_IKE1_PRF_DERIVE, params), skeyid, template).unwrap();
        assert_eq!(client.bytes(made, CKA_VALUE), hex(expected), "key {number}");
        previous = Some(key(made));
    }
}

fn prf(data_as_key: bool, new_key: Option<KeyRef>, ni: &str, nr: &str) -> Mechanism {
    let (initiator, responder) = (hex(ni), hex(nr));
    let prf = CKM_SHA256_HMAC;
    kdf(CKM_IKE_PRF_DERIVE, KdfParams::IkePrf { prf, data_as_key, new_key, initiator, responder })
}

#[test]
pub(crate) fn keys_of_version_2_are_those_of_nist() {
    let mut client = officer();
    // A pre-shared key (version 1).
    let shared = generic(&mut client, &[0xa0]);
    let mechanism = prf(false, None, "ead9ced494868f41", "f1aff4f425a94f18");
    let expected = "558a99b299773d267cf7c8ef073bf3b7af362c206c75a538403c5ef884d4cace";
    assert_eq!(value(&mut client, &mechanism, shared, 32).unwrap(), hex(expected));

    let (ni, nr) = ("3f302be1abcb28e1", "8c332ee006064c9b");
    let secret = "0f4d257d7a58fc4545c7d7a88119eee5d5c9690c5b4c989171d3abbfd99d1d29";
    let secret = generic(&mut client, &hex(secret));
    let mechanism = prf(true, None, ni, nr);
    let skeyseed = client.derive(&mechanism, secret, readable(32)).unwrap();
    let expected = "5f00d1bd2c58ec224b1e6b71fa0f19a1faa7a193952c444411b47c1a9d8ba6fe";
    assert_eq!(client.bytes(skeyseed, CKA_VALUE), hex(expected));

    let keys = hex("0b137d669b0947d7d026d593f0305ad401ff0c471357d695778a9c7f4b4869ec\
                    e98aca531188d16041b3bb936d2dbb3b4993a6e768a809160de45d0283f273a6\
                    cdf6854379e31be72b8d3d1fa990cf9c5b015ca9f918a7df6253c958114a09d4\
                    e1c19bdcd4db14b29d98db1a74ad405c588662c14a04d0d36aa4ab55e90f8986\
                    d12d4aad");
    let seed = [hex(ni), hex(nr), hex("40dac39e1e1a86408619a1cf9a6e4c07")].concat();
    let plus = |seed_key, seed: &[u8]| {
        let (prf, seed) = (CKM_SHA256_HMAC, seed.to_vec());
        kdf(CKM_IKE2_PRF_PLUS_DERIVE, KdfParams::Ike2PrfPlus { prf, seed_key, seed })
    };
    assert_eq!(value(&mut client, &plus(None, &seed), skeyseed, 132).unwrap(), keys);
    let first = generic(&mut client, &seed[..8]);
    let by_key = plus(Some(key(first)), &seed[8..]);
    assert_eq!(value(&mut client, &by_key, skeyseed, 132).unwrap(), keys);
    let unsaid = without(readable(1), CKA_VALUE_LEN);
    assert_eq!(rv(client.derive(&by_key, skeyseed, unsaid)), CKR_TEMPLATE_INCOMPLETE);
    assert_eq!(rv(client.derive(&by_key, skeyseed, readable(8161))), CKR_KEY_SIZE_RANGE);

    // Rekeying: the first key of those is SK_d.
    let sk_d = generic(&mut client, &keys[..32]);
    let new = "25f3b12d6f282739256e39bf54eda53b60ffcf379bb7bcc90c27b4c4c578616c";
    let new = generic(&mut client, &hex(new));
    let mechanism = prf(false, Some(key(new)), ni, nr);
    let expected = "2d63f6debc92048b4fef3889c4c99ca67d6496e0fac14a2bca9a2d6566ff2398";
    assert_eq!(value(&mut client, &mechanism, sk_d, 32).unwrap(), hex(expected));
    assert_eq!(rv(client.derive(&mechanism, sk_d, readable(33))), CKR_TEMPLATE_INCONSISTENT);
    let both = prf(true, Some(key(new)), ni, nr);
    assert_eq!(rv(client.derive(&both, sk_d, readable(32))), CKR_MECHANISM_PARAM_INVALID);
}

#[test]
fn longer_keys_of_version_1_follow_rfc_2409() {
    let mut client = officer();
    let of = [0x5a; 32];
    let base = generic(&mut client, &of);
    let sign = |data: &[u8]| {
        let hmac = hsmsim_crypto::mac::MacAlg::Hmac(hsmsim_crypto::digest::HashAlg::Sha256);
        hsmsim_crypto::mac::mac(hmac, &of, data).unwrap()
    };
    let extended = |secret, extra: &[u8]| {
        let (prf, extra) = (CKM_SHA256_HMAC, extra.to_vec());
        kdf(CKM_IKE1_EXTENDED_DERIVE, KdfParams::Ike1Extended { prf, secret, extra })
    };
    // Appendix B.
    assert_eq!(value(&mut client, &extended(None, b""), base, 15).unwrap(), of[..15]);
    let (k1, expected) = (sign(&[0]), sign(&sign(&[0])));
    let expected = [&k1[..], &expected[..8]].concat();
    assert_eq!(value(&mut client, &extended(None, b""), base, 40).unwrap(), expected);
    // 5.5.
    let secret = generic(&mut client, b"secret");
    let k1 = sign(b"secretextra");
    let k2 = sign(&[&k1[..], b"secretextra"].concat());
    let mechanism = extended(Some(key(secret)), b"extra");
    assert_eq!(value(&mut client, &mechanism, base, 64).unwrap(), [k1, k2].concat());
}

#[test]
fn macs_of_aes_are_functions_of_ike_too() {
    // RFC 4615, 4, and RFC 4434, 3: the message is both nonces.
    let mut client = officer();
    let nonces: Vec<u8> = (0..20).collect();
    for (prf, of, expected) in [
        (CKM_AES_CMAC, "00010203040506070809", "290d9e112edb09ee141fcf64c0b72f3d"),
        (CKM_AES_XCBC_MAC, "00010203040506070809", "0fa087af7d866e7653434e602fdde835"),
    ] {
        let base = generic(&mut client, &hex(of));
        let params = KdfParams::IkePrf {
            prf,
            data_as_key: false,
            new_key: None,
            initiator: nonces[..8].to_vec(),
            responder: nonces[8..].to_vec(),
        };
        let mechanism = kdf(CKM_IKE_PRF_DERIVE, params);
        assert_eq!(value(&mut client, &mechanism, base, 16).unwrap(), hex(expected));
    }
}
