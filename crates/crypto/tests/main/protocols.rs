//! What TLS, IKE and X9.42 derive, and one-time passwords: published vectors and the rules of the
//! standards.

use hsmsim_crypto::Error;
use hsmsim_crypto::digest::HashAlg;
use hsmsim_crypto::kdf::{
    TlsPrf, TlsSide, ike_prf, ike_prf_key, ike_prf_of_secret, ike1_extended, ike1_prf,
    ike2_prf_plus, tls_export, tls_extended_master_secret, tls_key_block, tls_master_secret,
    tls_prf, tls_verify_data, x942_kdf_asn1, x942_kdf_concatenate, x963_kdf,
};
use hsmsim_crypto::mac::{MacAlg, MacKey};
use hsmsim_crypto::otp::hotp;

use crate::hex::hex;

const SHA256: MacAlg = MacAlg::Hmac(HashAlg::Sha256);
const TLS12: TlsPrf = TlsPrf::Tls12(HashAlg::Sha256);

#[test]
fn prf_of_tls_1_2_gives_the_vector_of_its_working_group() {
    // "Test vectors for TLS1.2 PRF", ietf tls list, 2009.
    let expected = hex("e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a\
                        6b301791e90d35c9c9a46b4e14baf9af0fa022f7077def17abfd3797c0564bab\
                        4fbc91666e9def9b97fce34f796789baa48082d122ee42c5a72e5a5110fff701\
                        87347b66");
    let secret = hex("9bbe436ba940f017b17652849a71db35");
    let seed = hex("a0ba9f936cda311827a6f796ffd5198c");
    let given = tls_prf(TLS12, &secret, b"test label", &[&seed], 100).unwrap();
    assert_eq!(*given, expected);
    // A seed in parts is the seed.
    let given = tls_prf(TLS12, &secret, b"test label", &[&seed[..3], b"", &seed[3..]], 20).unwrap();
    assert_eq!(*given, expected[..20]);
}

#[test]
fn keys_of_a_connection_are_cut_from_the_key_block_in_the_order_of_the_standard() {
    for prf in [TlsPrf::Tls10, TLS12, TlsPrf::Tls12(HashAlg::Sha384)] {
        let master = tls_master_secret(prf, b"premaster", b"client", b"server").unwrap();
        let expected = tls_prf(prf, b"premaster", b"master secret", &[b"clientserver"], 48);
        assert_eq!(master, expected.unwrap());
        let block = tls_prf(prf, &master, b"key expansion", &[b"serverclient"], 104).unwrap();
        let keys = tls_key_block(prf, &master, b"client", b"server", (20, 16, 16)).unwrap();
        assert_eq!(*keys.client_mac, block[..20]);
        assert_eq!(*keys.server_mac, block[20..40]);
        assert_eq!(*keys.client_key, block[40..56]);
        assert_eq!(*keys.server_key, block[56..72]);
        assert_eq!(keys.client_iv, block[72..88]);
        assert_eq!(keys.server_iv, block[88..]);
    }
}

#[test]
fn extended_master_secret_depends_on_the_session_alone() {
    let given = tls_extended_master_secret(TLS12, b"premaster", b"session hash").unwrap();
    let label = b"extended master secret";
    let expected = tls_prf(TLS12, b"premaster", label, &[b"session hash"], 48).unwrap();
    assert_eq!(given, expected);
}

#[test]
fn finished_messages_of_both_sides_differ_and_have_at_least_twelve_bytes() {
    let verify = |prf, side, len| tls_verify_data(prf, b"master", side, b"hash", len);
    for (side, label) in
        [(TlsSide::Client, &b"client finished"[..]), (TlsSide::Server, b"server finished")]
    {
        for prf in [TlsPrf::Tls10, TLS12] {
            let expected = tls_prf(prf, b"master", label, &[b"hash"], 12).unwrap();
            assert_eq!(verify(prf, side, 12).unwrap(), *expected);
            assert_eq!(verify(prf, side, 11), Err(Error::InvalidParameter));
        }
        assert_eq!(verify(TLS12, side, 20).unwrap().len(), 20);
        assert_eq!(verify(TlsPrf::Tls10, side, 20), Err(Error::InvalidParameter));
    }
}

#[test]
fn exporter_tells_no_context_from_an_empty_one() {
    // RFC 5705, 4.
    let export = |context| {
        tls_export(TLS12, b"master", b"EXPORTER-x", b"client", b"server", context, 40)
            .map(|key| key.to_vec())
    };
    let expected =
        |seed: &[u8]| tls_prf(TLS12, b"master", b"EXPORTER-x", &[seed], 40).unwrap().to_vec();
    assert_eq!(export(None).unwrap(), expected(b"clientserver"));
    assert_eq!(export(Some(b"")).unwrap(), expected(b"clientserver\0\0"));
    assert_eq!(export(Some(b"abc")).unwrap(), expected(b"clientserver\0\x03abc"));
    assert_eq!(export(Some(&[0; 0x1_0000])), Err(Error::InvalidParameter));
}

#[test]
fn ike_version_1_gives_the_vectors_of_nist() {
    let skeyid = hex("750c5c94b9c2ec20b68033e024dadf0fa87e8b48c6561b21c72478451a06583d");
    let secret = hex("a1ff3dc6cf9b4c04709943cb4ca1f1789bcf360b03f1d027de3ae8ee039e9155");
    let (cky_i, cky_r) = (hex("6c6beb72631ddc3d"), hex("b84e24b22cffbd14"));
    let base = ike_prf_key(SHA256, &skeyid).unwrap();
    let mut previous = None;
    for (number, expected) in [
        (0, "a4f7ca7de913814813e3312099e7c943bd293483f387532330237f1b20957310"),
        (1, "1d4b705746c43b0a6fcbb8db33983c0f24ff6f8b6543e3779fed227c6067f004"),
        (2, "03e6f16cd9ce9f64b5cdc5b34cca7163483ba5389a30afebef3d14640b0a815e"),
    ] {
        let given = ike1_prf(&base, previous.as_deref(), &secret, &cky_i, &cky_r, number);
        assert_eq!(*given, hex(expected), "key {number}");
        previous = Some(given.to_vec());
    }
    // A pre-shared key.
    let base = ike_prf_key(SHA256, &[0xa0]).unwrap();
    let given = ike_prf(&base, None, &hex("ead9ced494868f41"), &hex("f1aff4f425a94f18"));
    let expected = hex("558a99b299773d267cf7c8ef073bf3b7af362c206c75a538403c5ef884d4cace");
    assert_eq!(*given, expected);
}

#[test]
fn ike_version_2_gives_the_vectors_of_nist() {
    let (ni, nr) = (hex("3f302be1abcb28e1"), hex("8c332ee006064c9b"));
    let secret = hex("0f4d257d7a58fc4545c7d7a88119eee5d5c9690c5b4c989171d3abbfd99d1d29");
    let seed = ike_prf_of_secret(SHA256, &ni, &nr, &secret).unwrap();
    let expected = hex("5f00d1bd2c58ec224b1e6b71fa0f19a1faa7a193952c444411b47c1a9d8ba6fe");
    assert_eq!(*seed, expected);

    let keys = hex("0b137d669b0947d7d026d593f0305ad401ff0c471357d695778a9c7f4b4869ec\
                    e98aca531188d16041b3bb936d2dbb3b4993a6e768a809160de45d0283f273a6\
                    cdf6854379e31be72b8d3d1fa990cf9c5b015ca9f918a7df6253c958114a09d4\
                    e1c19bdcd4db14b29d98db1a74ad405c588662c14a04d0d36aa4ab55e90f8986\
                    d12d4aad");
    let base = ike_prf_key(SHA256, &seed).unwrap();
    let spis = hex("40dac39e1e1a86408619a1cf9a6e4c07");
    for len in [132, 32, 15] {
        let given = ike2_prf_plus(&base, &[&ni, &nr, &spis], len).unwrap();
        assert_eq!(*given, keys[..len], "{len} bytes");
    }

    let new_secret = hex("25f3b12d6f282739256e39bf54eda53b60ffcf379bb7bcc90c27b4c4c578616c");
    let base = ike_prf_key(SHA256, &keys[..32]).unwrap();
    let rekeyed = ike_prf(&base, Some(&new_secret), &ni, &nr);
    let expected = hex("2d63f6debc92048b4fef3889c4c99ca67d6496e0fac14a2bca9a2d6566ff2398");
    assert_eq!(*rekeyed, expected);
}

#[test]
fn longer_keys_of_ike_version_1_are_chained_or_cut() {
    let value = [0x5a; 32];
    let base = ike_prf_key(SHA256, &value).unwrap();
    let extended = |secret, extra, len| ike1_extended(&base, &value, secret, extra, len);
    // RFC 2409, appendix B: no longer than the output, the key is the beginning of the base key.
    assert_eq!(*extended(None, b"extra", 15).unwrap(), value[..15]);
    assert_eq!(*extended(None, b"", 32).unwrap(), value);
    let (k1, seed) = (base.sign(&[0]), b"secretextra");
    let k2 = base.sign(&k1);
    assert_eq!(*extended(None, b"", 40).unwrap(), [&k1[..], &k2[..8]].concat());
    // 5.5: with a secret it is always derived.
    let k1 = base.sign(seed);
    let k2 = base.sign(&[&k1[..], seed].concat());
    let k3 = base.sign(&[&k2[..], seed].concat());
    let expected = [k1, k2, k3].concat();
    for len in [16, 32, 33, 90] {
        assert_eq!(*extended(Some(b"secret"), b"extra", len).unwrap(), expected[..len]);
    }
    assert_eq!(extended(Some(b""), b"", 255 * 32).unwrap().len(), 255 * 32);
    assert_eq!(extended(Some(b""), b"", 255 * 32 + 1), Err(Error::InvalidLength));
    assert_eq!(ike2_prf_plus(&base, &[], 255 * 32 + 1), Err(Error::InvalidLength));
    assert_eq!(ike1_extended(&base, &value[..8], None, b"", 9), Err(Error::InvalidLength));
}

#[test]
fn macs_of_aes_take_keys_of_any_length_in_ike() {
    let message: Vec<u8> = (0..20).collect();
    // RFC 4615, 4, and RFC 4434, 3: the same message under keys of 18, 16 and 10 bytes.
    for (alg, key, expected) in [
        (
            MacAlg::AesCmac,
            "000102030405060708090a0b0c0d0e0fedcb",
            "84a348a4a45d235babfffc0d2b4da09a",
        ),
        (MacAlg::AesCmac, "000102030405060708090a0b0c0d0e0f", "980ae87b5f4c9c5214f5b6a8455e4c2d"),
        (MacAlg::AesCmac, "00010203040506070809", "290d9e112edb09ee141fcf64c0b72f3d"),
        (
            MacAlg::AesXcbcMac,
            "000102030405060708090a0b0c0d0e0f",
            "47f51b4564966215b8985c63055ed308",
        ),
        (MacAlg::AesXcbcMac, "00010203040506070809", "0fa087af7d866e7653434e602fdde835"),
        (
            MacAlg::AesXcbcMac,
            "000102030405060708090a0b0c0d0e0fedcb",
            "8cd3c93ae598a9803006ffb67c40e9e4",
        ),
    ] {
        assert_eq!(ike_prf_key(alg, &hex(key)).unwrap().sign(&message), hex(expected), "{key}");
    }
    let refused = ike_prf_key(MacAlg::Des3Cmac, &[0; 16]).map(|_| ());
    assert_eq!(refused, Err(Error::Unsupported));
}

#[test]
fn x942_gives_the_examples_of_rfc_2631() {
    // 2.1.6: a key for three-key triple DES.
    let z: Vec<u8> = (0..20).collect();
    let other_info = |counter: &str| {
        let start = "301d 3013 060b 2a864886f70d0109100306 0404";
        hex(&format!("{start} {counter} a206 0404 000000c0"))
    };
    let expected = hex("a09661392376f7044d9052a397883246b67f5f1ef63eb5fb");
    for counter in ["00000001", "00000000", "12345678"] {
        let given = x942_kdf_asn1(HashAlg::Sha1, &z, &other_info(counter), 24).unwrap();
        assert_eq!(*given, expected, "the counter is the function's own");
    }
    // 2.1.7: a key for RC2 of 128 bits, with information of party A.
    let party_a = "0123456789abcdeffedcba9876543201".repeat(4);
    let info = format!(
        "3061 3013 060b 2a864886f70d0109100307 0404 00000001 a042 0440 {party_a} a206 0404 00000080"
    );
    let given = x942_kdf_asn1(HashAlg::Sha1, &z, &hex(&info), 16).unwrap();
    assert_eq!(*given, hex("48950c46e0530075403cce72889604e0"));

    for broken in ["", "3000", "300f 300d 060b 2a864886f70d0109100306", "301d 3013 060b"] {
        let refused = x942_kdf_asn1(HashAlg::Sha1, &z, &hex(broken), 24);
        assert_eq!(refused, Err(Error::InvalidParameter), "{broken}");
    }
    let long = [&other_info("00000001")[..], &[0]].concat();
    let refused = x942_kdf_asn1(HashAlg::Sha1, &z, &long, 24);
    assert_eq!(refused, Err(Error::InvalidParameter));
}

#[test]
fn x942_by_concatenation_is_the_function_of_x963() {
    let given = x942_kdf_concatenate(HashAlg::Sha1, b"z", b"info", 50).unwrap();
    assert_eq!(given, x963_kdf(HashAlg::Sha1, b"z", b"info", 50).unwrap());
}

#[test]
fn hotp_gives_the_values_of_rfc_4226() {
    // Appendix D.
    let values = [
        "755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871",
        "520489",
    ];
    for (count, expected) in (0..).zip(values) {
        assert_eq!(hotp(b"12345678901234567890", count, 6).unwrap(), expected, "{count}");
    }
    // 1284755224 is the first value uncut.
    assert_eq!(hotp(b"12345678901234567890", 0, 9).unwrap(), "284755224");
    assert_eq!(hotp(b"12345678901234567890", 0, 8).unwrap(), "84755224");
    for digits in [0, 5, 10] {
        assert_eq!(hotp(b"key", 0, digits), Err(Error::InvalidParameter), "{digits} digits");
    }
}

#[test]
fn prepared_keys_are_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<MacKey>();
    shared::<hsmsim_crypto::block::Cipher>();
    shared::<hsmsim_crypto::chacha20::ChaCha20Key>();
    shared::<hsmsim_crypto::des::DesKey>();
    shared::<hsmsim_crypto::aes::XtsKey>();
    shared::<hsmsim_crypto::digest::XofHasher>();
}
