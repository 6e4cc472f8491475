//! Digests against the examples of FIPS 180-4, FIPS 202 and the RFCs; MACs beyond what Wycheproof has.

use hsmsim_crypto::digest::{HashAlg, Hasher, TruncationBits, Xof, XofHasher, expand, hash};
use hsmsim_crypto::mac::{self, Mac, MacAlg, MacKey};
use hsmsim_crypto::{Error, constant_time_eq};

use crate::hex::hex;

/// Function, digest of the empty message, digest of "abc" (NIST's examples, RFC 1321, RFC 7693, the
/// home page of RIPEMD-160).
const DIGESTS: [(HashAlg, &str, &str); 17] = [
    (HashAlg::Md5, "d41d8cd98f00b204e9800998ecf8427e", "900150983cd24fb0d6963f7d28e17f72"),
    (
        HashAlg::Ripemd160,
        "9c1185a5c5e9fc54612808977ee8f548b2258d31",
        "8eb208f7e05d987a9b044a8e98c6b087f15a0bfc",
    ),
    (
        HashAlg::Sha1,
        "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "a9993e364706816aba3e25717850c26c9cd0d89d",
    ),
    (
        HashAlg::Sha224,
        "d14a028c2a3a2bc9476102bb288234c415a2b01f828ea62ac5b3e42f",
        "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7",
    ),
    (
        HashAlg::Sha256,
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    ),
    (
        HashAlg::Sha384,
        "38b060a751ac96384cd9327eb1b1e36a21fdb71114be07434c0cc7bf63f6e1da\
         274edebfe76f65fbd51ad2f14898b95b",
        "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed\
         8086072ba1e7cc2358baeca134c825a7",
    ),
    (
        HashAlg::Sha512,
        "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce\
         47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e",
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
         2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
    ),
    (
        HashAlg::Sha512_224,
        "6ed0dd02806fa89e25de060c19d3ac86cabb87d6a0ddd05c333b84f4",
        "4634270f707b6a54daae7530460842e20e37ed265ceee9a43e8924aa",
    ),
    (
        HashAlg::Sha512_256,
        "c672b8d1ef56ed28ab87c3622c5114069bdd3ad7b8f9737498d0c01ecef0967a",
        "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23",
    ),
    (
        HashAlg::Sha3_224,
        "6b4e03423667dbb73b6e15454f0eb1abd4597f9a1b078e3f5b5a6bc7",
        "e642824c3f8cf24ad09234ee7d3c766fc9a3a5168d0c94ad73b46fdf",
    ),
    (
        HashAlg::Sha3_256,
        "a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a",
        "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532",
    ),
    (
        HashAlg::Sha3_384,
        "0c63a75b845e4f7d01107d852e4c2485c51a50aaaa94fc61995e71bbee983a2a\
         c3713831264adb47fb6bd1e058d5f004",
        "ec01498288516fc926459f58e2c6ad8df9b473cb0fc08c2596da7cf0e49be4b2\
         98d88cea927ac7f539f1edf228376d25",
    ),
    (
        HashAlg::Sha3_512,
        "a69f73cca23a9ac5c8b567dc185a756e97c982164fe25859e0d1dcc1475c80a6\
         15b2123af1f5f94c11e3e9402c3ac558f500199d95b6d3e301758586281dcd26",
        "b751850b1a57168a5693cd924b6b096e08f621827444f70d884f5d0240d2712e\
         10e116e9192af3c91a7ec57647e3934057340b4cf408d5a56592f8274eec53f0",
    ),
    (
        HashAlg::Blake2b160,
        "3345524abf6bbe1809449224b5972c41790b6cf2",
        "384264f676f39536840523f284921cdc68b6846b",
    ),
    (
        HashAlg::Blake2b256,
        "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8",
        "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319",
    ),
    (
        HashAlg::Blake2b384,
        "b32811423377f52d7862286ee1a72ee540524380fda1724a6f25d7978c6fd324\
         4a6caf0498812673c5e05ef583825100",
        "6f56a82c8e7ef526dfe182eb5212f7db9df1317e57815dbda46083fc30f54ee6\
         c66ba83be64b302d7cba6ce15bb556f4",
    ),
    (
        HashAlg::Blake2b512,
        "786a02f742015903c6c6fd852552d272912f4740e15847618a86e217f71f5419\
         d25e1031afee585313896444934eb04b903a685b1448b755d56f701afe9be2ce",
        "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1\
         7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923",
    ),
];

#[test]
fn digests_are_those_of_the_standards() {
    for (alg, empty, abc) in DIGESTS {
        assert_eq!(hash(alg, b""), hex(empty), "{alg:?} of nothing");
        assert_eq!(hash(alg, b"abc"), hex(abc), "{alg:?} of abc");
        assert_eq!(hash(alg, b"abc").len(), alg.output_len(), "{alg:?}");
    }
    assert_eq!(DIGESTS.map(|(alg, _, _)| alg), HashAlg::ALL);
}

/// SHA-512/t with this t.
fn sha512_t(bits: u64) -> HashAlg {
    HashAlg::Sha512T(TruncationBits::new(bits).unwrap())
}

#[test]
fn sha512_t_is_the_named_functions_where_they_have_its_length() {
    for message in [&b""[..], b"abc", &[0x5a; 300]] {
        assert_eq!(hash(sha512_t(224), message), hash(HashAlg::Sha512_224, message));
        assert_eq!(hash(sha512_t(256), message), hash(HashAlg::Sha512_256, message));
    }
    // FIPS 180-4, 5.3.6.1: the initial value depends on t, and so does the whole digest.
    assert_ne!(hash(sha512_t(225), b"abc")[..28], hash(sha512_t(224), b"abc"));
}

#[test]
fn sha512_t_has_as_many_bits_as_asked_for() {
    for bits in (1..512).filter(|bits| *bits != 384) {
        let digest = hash(sha512_t(bits), b"abc");
        // At most 64 bytes.
        assert_eq!(digest.len(), bits.div_ceil(8) as usize);
        assert_eq!(digest.len(), sha512_t(bits).output_len());
        if bits % 8 != 0 {
            assert_eq!(digest.last().unwrap() << (bits % 8), 0, "{bits} bits");
        }
    }
    for bits in [0, 384, 512, 513, 65_536, u64::MAX] {
        assert_eq!(TruncationBits::new(bits), Err(Error::InvalidParameter), "{bits} bits");
    }
}

#[test]
fn shake_gives_the_examples_of_the_standard_at_any_length() {
    for (xof, empty, abc) in [
        (
            Xof::Shake128,
            "7f9c2ba4e88f827d616045507605853ed73b8093f6efbc88eb1a6eacfa66ef26",
            "5881092dd818bf5cf8a3ddb793fbcba74097d5c526a6d35f97b83351940f2cc8",
        ),
        (
            Xof::Shake256,
            "46b9dd2b0ba88d13233b3feb743eeb243fcd52ea62b81b82b50c27646ed5762f\
             d75dc4ddd8c0f200cb05019d67b592f6fc821c49479ab48640292eacb3b7c4be",
            "483366601360a8771c6863080cc4114d8db44530f8f1e1ee4f94ea37e78b5739\
             d5a15bef186a5386c75744c0527e1faa9f8726e462a12a4feb06bd8801e751e4",
        ),
    ] {
        assert_eq!(*expand(xof, b"", xof.usual_output_len()), hex(empty), "{xof:?}");
        assert_eq!(*expand(xof, b"abc", xof.usual_output_len()), hex(abc), "{xof:?}");
        let long = expand(xof, b"abc", 1000);
        for len in [0, 1, 31, 167, 168, 169, 999] {
            assert_eq!(*expand(xof, b"abc", len), long[..len], "{xof:?}, {len} bytes");
        }
        for part in [1, 7, 136, 168, 500] {
            let mut hasher = XofHasher::new(xof);
            hasher.update(b"abc");
            let mut reader = hasher.into_reader();
            let mut parts = vec![0; 1000];
            parts.chunks_mut(part).for_each(|out| {
                // A clone reads the same without taking it away.
                let mut copy = vec![0; out.len()];
                reader.clone().read(&mut copy);
                reader.read(out);
                reader.read(&mut []);
                assert_eq!(copy, out);
            });
            assert_eq!(parts, *long, "{xof:?} in parts of {part}");
        }
        let mut hasher = XofHasher::new(xof);
        hasher.update(b"a");
        let mut other = hasher.clone();
        hasher.update(b"bc");
        other.update(b"");
        let mut out = [0; 1000];
        hasher.finish(&mut out);
        assert_eq!(out, long[..], "{xof:?}");
        other.finish(&mut out[..64]);
        assert_eq!(out[..64], *expand(xof, b"a", 64), "{xof:?}");
    }
}

#[test]
fn hmac_gives_the_examples_of_rfc_2202_and_rfc_2286() {
    for (alg, key_len, expected) in [
        (HashAlg::Md5, 16, "9294727a3638bb1c13f48ef8158bfc9d"),
        (HashAlg::Ripemd160, 20, "24cb4bd67d20fc1a5d2ed7732dcc39377f0a5668"),
    ] {
        let given = mac::mac(MacAlg::Hmac(alg), &vec![0x0b; key_len], b"Hi There").unwrap();
        assert_eq!(given, hex(expected), "{alg:?}");
    }
}

#[test]
fn own_hmac_agrees_with_the_libraries() {
    // SHA-512/t goes through this crate's own HMAC, the named functions through a library's.
    for (own, named) in [(sha512_t(224), HashAlg::Sha512_224), (sha512_t(256), HashAlg::Sha512_256)]
    {
        for key_len in [0, 1, 127, 128, 129, 300] {
            let key = vec![0x3c; key_len];
            let given = mac::mac(MacAlg::Hmac(own), &key, b"message").unwrap();
            let expected = mac::mac(MacAlg::Hmac(named), &key, b"message").unwrap();
            assert_eq!(given, expected, "{named:?}, key of {key_len} bytes");
        }
    }
}

#[test]
fn digest_in_parts_is_the_digest_of_the_whole() {
    let message: Vec<u8> = (0..1000_u32).map(|index| (index * 7) as u8).collect();
    for alg in HashAlg::ALL {
        let whole = hash(alg, &message);
        for part in [1, 3, 63, 64, 65, 128, 144, 999] {
            let mut hasher = Hasher::new(alg);
            for chunk in message.chunks(part) {
                hasher.update(chunk);
            }
            assert_eq!(hasher.finish(), whole, "{alg:?} in parts of {part}");
        }
    }
}

#[test]
fn cloned_digest_goes_its_own_way() {
    for alg in HashAlg::ALL {
        let mut first = Hasher::new(alg);
        first.update(b"ab");
        let mut second = first.clone();
        first.update(b"c");
        second.update(b"d");
        assert_eq!(first.finish(), hash(alg, b"abc"), "{alg:?}");
        assert_eq!(second.finish(), hash(alg, b"abd"), "{alg:?}");
    }
}

#[test]
fn prepared_key_serves_many_messages_and_threads() {
    let algs = HashAlg::ALL.map(MacAlg::Hmac).into_iter().chain([MacAlg::AesCmac]);
    for alg in algs {
        let key = MacKey::new(alg, &[7; 32]).unwrap();
        let one = key.sign(b"one");
        assert_eq!(one.len(), alg.output_len());
        assert_ne!(one, key.sign(b"two"));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                let key = key.clone();
                let expected = &one;
                scope.spawn(move || {
                    for _ in 0..50 {
                        let mut mac = key.start();
                        mac.update(b"o");
                        mac.update(b"");
                        mac.update(b"ne");
                        assert_eq!(&mac.finish(), expected);
                    }
                });
            }
        });
    }
}

#[test]
fn cloned_mac_goes_its_own_way() {
    for alg in [MacAlg::Hmac(HashAlg::Sha256), MacAlg::Hmac(HashAlg::Sha3_256), MacAlg::AesCmac] {
        let mut first = Mac::new(alg, &[1; 16]).unwrap();
        first.update(b"ab");
        let second = first.clone();
        first.update(b"c");
        assert_eq!(first.finish(), mac::mac(alg, &[1; 16], b"abc").unwrap());
        assert_eq!(second.finish(), mac::mac(alg, &[1; 16], b"ab").unwrap());
    }
}

#[test]
fn truncated_mac_is_accepted_only_where_asked_for() {
    let key = MacKey::new(MacAlg::Hmac(HashAlg::Sha256), b"key").unwrap();
    let full = key.sign(b"data");
    let started = || {
        let mut mac = key.start();
        mac.update(b"data");
        mac
    };
    assert_eq!(key.verify(b"data", &full), Ok(()));
    assert_eq!(key.verify(b"data", &full[..16]), Err(Error::SignatureLength));
    assert_eq!(started().verify_truncated(&full[..16]), Ok(()));
    assert_eq!(started().verify_truncated(&full[1..17]), Err(Error::VerifyFailed));
    assert_eq!(started().verify_truncated(&[]), Err(Error::SignatureLength));
    assert_eq!(
        started().verify_truncated(&[&full[..], &[0]].concat()),
        Err(Error::SignatureLength)
    );
    assert_eq!(key.verify(b"date", &full), Err(Error::VerifyFailed));
}

#[test]
fn cmac_refuses_keys_that_are_not_aes_keys() {
    for len in [0, 15, 17, 31, 33, 64] {
        let refused = MacKey::new(MacAlg::AesCmac, &vec![0; len]).map(|_| ());
        assert_eq!(refused, Err(Error::KeySize), "{len} bytes");
    }
}

#[test]
fn hmac_takes_keys_of_every_length() {
    // A key longer than the block is replaced by its digest (RFC 2104, 2).
    for alg in HashAlg::ALL {
        let long = vec![3; alg.block_len() + 1];
        let with_long = mac::mac(MacAlg::Hmac(alg), &long, b"data").unwrap();
        let with_digest = mac::mac(MacAlg::Hmac(alg), &hash(alg, &long), b"data").unwrap();
        assert_eq!(with_long, with_digest, "{alg:?}");
        // An empty key is a block of zeros.
        let with_empty = mac::mac(MacAlg::Hmac(alg), &[], b"data").unwrap();
        let zeros = vec![0; alg.block_len()];
        assert_eq!(with_empty, mac::mac(MacAlg::Hmac(alg), &zeros, b"data").unwrap(), "{alg:?}");
    }
}

#[test]
fn keys_never_show_in_debug_output() {
    let shown = format!("{:?}", MacKey::new(MacAlg::AesCmac, &[0xab; 16]).unwrap());
    assert_eq!(shown, "MacKey { alg: AesCmac, .. }");
}

#[test]
fn comparison_sees_every_difference() {
    assert!(constant_time_eq(b"", b""));
    assert!(constant_time_eq(b"abc", b"abc"));
    assert!(!constant_time_eq(b"abc", b"abd"));
    assert!(!constant_time_eq(b"abc", b"ab"));
}
