//! The examples that stand in the standards themselves.

use hsmsim_partition::api::OperationKind::{Decrypt, Digest, Encrypt};

use super::{derivation::hex, *};

/// FIPS 202: NIST's examples of the empty message ("Msg0"), of SHAKE its first bytes.
const EMPTY: [(u64, &str); 6] = [
    (CKM_SHA3_224, "6b4e03423667dbb73b6e15454f0eb1abd4597f9a1b078e3f5b5a6bc7"),
    (CKM_SHA3_256, "a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a"),
    (
        CKM_SHA3_384,
        "0c63a75b845e4f7d01107d852e4c2485c51a50aaaa94fc61995e71bbee983a2a\
         c3713831264adb47fb6bd1e058d5f004",
    ),
    (
        CKM_SHA3_512,
        "a69f73cca23a9ac5c8b567dc185a756e97c982164fe25859e0d1dcc1475c80a6\
         15b2123af1f5f94c11e3e9402c3ac558f500199d95b6d3e301758586281dcd26",
    ),
    (CKM_LUNA_SHAKE_128, "7f9c2ba4e88f827d616045507605853ed73b8093f6efbc88eb1a6eacfa66ef26"),
    (CKM_LUNA_SHAKE_256, "46b9dd2b0ba88d13233b3feb743eeb243fcd52ea62b81b82b50c27646ed5762f"),
];

pub(super) fn fips_202() -> Vec<u64> {
    let mut client = officer();
    for (kind, digits) in EMPTY {
        let (given, expected) =
            (client.one_part(Digest, &Mechanism::plain(kind), None, &[]).unwrap(), hex(digits));
        assert!(given.starts_with(&expected), "{}", name(kind));
    }
    EMPTY.map(|row| row.0).to_vec()
}

/// SP 800-38A, F: the key of AES-128 and the four blocks.
const KEY: &str = "2b7e151628aed2a6abf7158809cf4f3c";
const BLOCKS: &str = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51\
                      30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710";

#[rustfmt::skip]
const MODES: [(&str, &[u64], &str); 7] = [
    ("ecb", &[CKM_AES_ECB],
     "3ad77bb40d7a3660a89ecaf32466ef97f5d3d58503b9699de785895a96fdbaaf\
      43b1cd7f598ece23881b00e3ed0306887b0c785e27e8ad3f8223207104725dd4"),
    ("iv", &[CKM_AES_CBC],
     "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2\
      73bed6b8e3c1743b7116e69e222295163ff1caa1681fac09120eca307586e1a7"),
    ("iv", &[CKM_AES_CFB128, CKM_LUNA_AES_CFB128],
     "3b3fd92eb72dad20333449f8e83cfb4ac8a64537a0b3a93fcde3cdad9f1ce58b\
      26751f67a3cbb140b1808cf187a4f4dfc04b05357c5d1c0eeac4c66f9ff7f2e6"),
    ("iv", &[CKM_AES_OFB, CKM_LUNA_AES_OFB],
     "3b3fd92eb72dad20333449f8e83cfb4a7789508d16918f03f53c52dac54ed825\
      9740051e9c5fecf64344f7a82260edcc304c6528f659c77866a510d9c1d6ae5e"),
    ("ctr", &[CKM_AES_CTR],
     "874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff\
      5ae4df3edbd5d35e5b4f09020db03eab1e031dda2fbe03d1792170a0f3009cee"),
    ("iv", &[CKM_AES_CFB8, CKM_LUNA_AES_CFB8], "3b79424c9c0dd436bace9e0ed4586a4f32b9"),
    ("iv", &[CKM_AES_CFB1], "68b3"),
];

fn passes(client: &mut Client, mechanism: &Mechanism, key: ObjectId, plain: &[u8], sealed: &[u8]) {
    let given = client.one_part(Encrypt, mechanism, Some(key), plain).unwrap();
    assert_eq!(given, sealed, "{mechanism:?}");
    let back = client.one_part(Decrypt, mechanism, Some(key), sealed).unwrap();
    assert_eq!(back, plain, "{mechanism:?}");
}

pub(super) fn sp800_38a() -> Vec<u64> {
    let (mut client, mut covered) = (officer(), Vec::new());
    let key = secret(&mut client, CKK_AES, &hex(KEY));
    let (plain, block) = (hex(BLOCKS), hex("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff").try_into().unwrap());
    for (mode, kinds, digits) in MODES {
        let sealed = hex(digits);
        for &kind in kinds {
            let params = match mode {
                "ecb" => Params::None,
                "ctr" => Params::Ctr { counter_bits: 128, block },
                _ => Params::Bytes(counting(0, 16)),
            };
            passes(&mut client, &mechanism(kind, params), key, &plain[..sealed.len()], &sealed);
        }
        covered.extend(kinds);
    }
    covered
}

/// A block of another cipher: RFC 3713, A; RFC 5794, A.1; FIPS 81, table B1.
pub(super) fn blocks() -> Vec<u64> {
    let mut client = officer();
    let rows = [
        (
            CKM_CAMELLIA_ECB,
            CKK_CAMELLIA,
            "0123456789abcdeffedcba9876543210",
            "0123456789abcdeffedcba9876543210",
            "67673138549669730857065648eabe43",
        ),
        (
            CKM_ARIA_ECB,
            CKK_ARIA,
            "000102030405060708090a0b0c0d0e0f",
            "00112233445566778899aabbccddeeff",
            "d718fbd6ab644c739da95f3be6451778",
        ),
        (CKM_DES_ECB, CKK_DES, "0123456789abcdef", "4e6f772069732074", "3fa40e8a984d4815"),
    ];
    for (kind, key_type, key, plain, sealed) in rows {
        let key = secret(&mut client, key_type, &hex(key));
        passes(&mut client, &Mechanism::plain(kind), key, &hex(plain), &hex(sealed));
    }
    // FIPS 81, table C1.
    let key = secret(&mut client, CKK_DES, &hex("0123456789abcdef"));
    let cbc = mechanism(CKM_DES_CBC, Params::Bytes(hex("1234567890abcdef")));
    let sealed = hex("e5c7cdde872bf27c43e934008c389c0f683788499a7c05f6");
    passes(&mut client, &cbc, key, b"Now is the time for all ", &sealed);
    rows.map(|row| row.0).into_iter().chain([CKM_DES_CBC]).collect()
}

/// RFC 8439, 2.4.2 and 2.5.2.
pub(super) fn rfc_8439() -> Vec<u64> {
    let mut client = officer();
    let key = secret(&mut client, CKK_CHACHA20, &counting(0, 32));
    let nonce = hex("000000000000004a00000000");
    let text = b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for \
                 the future, sunscreen would be it.";
    let sealed = hex("6e2e359a2568f98041ba0728dd0d6981e97e7aec1d4360c20a27afccfd9fae0b\
         f91b65c5524733ab8f593dabcd62b3571639d624e65152ab8f530c359f0861d8\
         07ca0dbf500d6a6156a38e088a22b65e52bc514d16ccf806818ce91ab7793736\
         5af90bbf74a35be6b40b8eedf2785e42874d");
    let chacha = mechanism(CKM_CHACHA20, Params::ChaCha20 { counter: 1, nonce });
    passes(&mut client, &chacha, key, text, &sealed);
    let value = hex("85d6be7857556d337f4452fe42d506a80103808afb0db2fd4abff6af4149f51b");
    let key = secret(&mut client, CKK_POLY1305, &value);
    let tag = hex("a8061dc1305136c6c22b8baf0c0127a9");
    let poly = Mechanism::plain(CKM_POLY1305);
    signs(&mut client, &poly, (key, key), b"Cryptographic Forum Research Group", &tag);
    vec![CKM_CHACHA20, CKM_POLY1305]
}

/// RFC 6979, A.2.5 and A.2.2: the public key on P-256, the signature of "sample" with SHA-1; those of DSA with all
/// hashes of the time, whose names in the file end so.
pub(super) fn rfc_6979() -> Vec<u64> {
    let mut client = officer();
    let point = hex("0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6\
         7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299");
    let signature = hex("61340c88c3aaebeb4f6d667f672ca9759a6ccaa9fa8811313039ee4a35471d32\
         6d7f147dac089441bb2e2fe8f7a3fa264b9c475098fdcf6e00d7c996e1b8b7eb");
    let template = vec![
        Attribute::ulong(CKA_CLASS, CKO_PUBLIC_KEY),
        Attribute::ulong(CKA_KEY_TYPE, CKK_EC),
        Attribute::bytes(CKA_EC_PARAMS, P256),
        Attribute::bytes(CKA_EC_POINT, [&[4, 65][..], &point].concat()),
    ];
    let key = client.create(template).unwrap();
    verifies(&mut client, &Mechanism::plain(CKM_ECDSA_SHA1), key, b"sample", &signature);
    // SHA-1 of "sample", which the caller hashes.
    let digest = client.one_part(Digest, &Mechanism::plain(CKM_SHA_1), None, b"sample").unwrap();
    verifies(&mut client, &Mechanism::plain(CKM_ECDSA), key, &digest, &signature);
    let mut covered = vec![CKM_ECDSA_SHA1, CKM_ECDSA];

    let known = Known::read();
    let of = |part: &str| known.get(&format!("rfc6979.dsa.{part}"));
    let template = vec![
        Attribute::ulong(CKA_CLASS, CKO_PUBLIC_KEY),
        Attribute::ulong(CKA_KEY_TYPE, CKK_DSA),
        Attribute::bytes(CKA_PRIME, of("p")),
        Attribute::bytes(CKA_SUBPRIME, of("q")),
        Attribute::bytes(CKA_BASE, of("g")),
        Attribute::bytes(CKA_VALUE, of("y")),
    ];
    let key = client.create(template).unwrap();
    for (hash, kinds) in [
        ("sha1", &[CKM_DSA_SHA1][..]),
        ("sha224", &[CKM_DSA_SHA224, CKM_LUNA_DSA_SHA224]),
        ("sha256", &[CKM_DSA_SHA256, CKM_LUNA_DSA_SHA256]),
        ("sha384", &[CKM_DSA_SHA384]),
        ("sha512", &[CKM_DSA_SHA512]),
    ] {
        for &kind in kinds {
            verifies(&mut client, &Mechanism::plain(kind), key, b"sample", &of(hash));
        }
        covered.extend(kinds);
    }
    // What the caller hashes is as long as the key's q at most.
    verifies(&mut client, &Mechanism::plain(CKM_DSA), key, &digest, &of("sha1"));
    covered.push(CKM_DSA);
    covered
}
