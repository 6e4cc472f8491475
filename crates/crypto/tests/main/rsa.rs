//! RSA keys: generation, import of incomplete and of contradictory keys, every operation both ways.

use std::sync::{Arc, LazyLock};

use hsmsim_crypto::Error;
use hsmsim_crypto::digest::{HashAlg, hash};
use hsmsim_crypto::rsa::{RsaComponents, RsaPrivateKey, RsaPublicKey};

const F4: [u8; 3] = [1, 0, 1];

/// One key for all tests that do not care which.
static KEY: LazyLock<Arc<RsaPrivateKey>> =
    LazyLock::new(|| Arc::new(RsaPrivateKey::generate(2048, &F4).unwrap()));

fn public() -> RsaPublicKey {
    KEY.public().unwrap()
}

#[test]
fn generated_keys_have_the_size_and_exponent_asked_for() {
    let (of_33_bits, largest) = ([1, 0, 0, 0, 1], [0xff; 32]);
    for (bits, e) in [
        (1024, &[3][..]),
        (1024, &of_33_bits),
        (1152, &largest),
        (1536, &F4),
        (2048, &[0, 1, 0, 1]),
        (3072, &F4),
        (4096, &F4),
    ] {
        let key = RsaPrivateKey::generate(bits, e).unwrap();
        assert_eq!(key.modulus_bits(), bits as usize);
        assert_eq!(key.modulus_len(), bits as usize / 8);
        let parts = key.components().unwrap();
        assert_eq!(parts.n.len(), bits as usize / 8);
        assert_eq!(parts.p.len(), bits as usize / 16);
        assert_eq!(parts.q.len(), bits as usize / 16);
        let given = e.iter().copied().skip_while(|byte| *byte == 0).collect::<Vec<_>>();
        assert_eq!(key.public().unwrap().exponent(), given);
        let signature = key.sign_pkcs1(b"data").unwrap();
        assert_eq!(key.public().unwrap().verify_pkcs1(b"data", &signature), Ok(()));
    }
}

#[test]
fn impossible_sizes_and_exponents_are_refused() {
    let generate = |bits, e: &[u8]| RsaPrivateKey::generate(bits, e).map(|_| ()).unwrap_err();
    for bits in [0, 512, 1000, 1025, 2040, 8320, u32::MAX] {
        assert_eq!(generate(bits, &F4), Error::KeySize, "{bits} bits");
    }
    let mut of_257_bits = [0; 33];
    (of_257_bits[0], of_257_bits[32]) = (1, 1);
    for e in [&[][..], &[0], &[1], &[4], &[1, 0, 0], &of_257_bits] {
        assert_eq!(generate(2048, e), Error::InvalidParameter, "{e:?}");
    }
}

#[test]
fn key_is_the_same_after_export_and_import_of_whatever_is_enough() {
    let all = KEY.components().unwrap();
    let minimal = RsaComponents { n: all.n.clone(), d: all.d.clone(), ..Default::default() };
    let with_e = RsaComponents { e: all.e.clone(), ..minimal.clone() };
    let with_primes = RsaComponents { p: all.p.clone(), q: all.q.clone(), ..with_e.clone() };
    let with_crt = RsaComponents { qi: Default::default(), ..all.clone() };
    let swapped = RsaComponents {
        p: all.q.clone(),
        q: all.p.clone(),
        dp: all.dq.clone(),
        dq: all.dp.clone(),
        qi: Default::default(),
        ..all.clone()
    };
    for given in [&all, &minimal, &with_e, &with_primes, &with_crt, &swapped] {
        let key = RsaPrivateKey::from_components(given).unwrap();
        let parts = key.components().unwrap();
        assert_eq!((&parts.n, &parts.e, &parts.d), (&all.n, &all.e, &all.d));
        let mut primes = [parts.p.to_vec(), parts.q.to_vec()];
        primes.sort();
        let mut expected = [all.p.to_vec(), all.q.to_vec()];
        expected.sort();
        assert_eq!(primes, expected);
        assert!(!parts.dp.is_empty() && !parts.dq.is_empty() && !parts.qi.is_empty());
        let signature = key.sign_pkcs1(b"data").unwrap();
        assert_eq!(signature, KEY.sign_pkcs1(b"data").unwrap());
    }
}

#[test]
fn contradictory_or_incomplete_keys_are_refused() {
    let good = KEY.components().unwrap();
    let other = RsaPrivateKey::generate(2048, &F4).unwrap().components().unwrap();
    let import = |change: &dyn Fn(&mut RsaComponents)| {
        let mut parts = good.clone();
        change(&mut parts);
        RsaPrivateKey::from_components(&parts).map(|_| ()).unwrap_err()
    };
    let bare = |parts: &mut RsaComponents| {
        *parts = RsaComponents { n: parts.n.clone(), d: parts.d.clone(), ..Default::default() };
    };
    let changes: [&dyn Fn(&mut RsaComponents); 14] = [
        &|parts| parts.d.clear(),
        &|parts| parts.d = other.d.clone(),
        &|parts| parts.d = other.n.clone().into(),
        &|parts| parts.n = other.n.clone(),
        &|parts| *parts.n.last_mut().unwrap() &= 0xfe,
        &|parts| parts.e = vec![3],
        &|parts| parts.e = vec![1],
        &|parts| parts.e = vec![2],
        &|parts| parts.p = other.p.clone(),
        &|parts| parts.p.clear(),
        &|parts| parts.dp = other.dp.clone(),
        &|parts| parts.dq = other.dq.clone(),
        &|parts| parts.qi = other.qi.clone(),
        &|parts| {
            bare(parts);
            parts.d = other.d.clone();
        },
    ];
    for (index, change) in changes.iter().enumerate() {
        assert_eq!(import(change), Error::InvalidKey, "change {index}");
    }
    // A private exponent of another key with the right public exponent factors nothing.
    let foreign = |parts: &mut RsaComponents| {
        bare(parts);
        parts.e = F4.to_vec();
        parts.d = other.d.clone();
    };
    assert_eq!(import(&foreign), Error::InvalidKey);
    assert_eq!(import(&|parts| parts.n.clear()), Error::KeySize);
    assert_eq!(import(&|parts| parts.n = vec![0xff; 64]), Error::KeySize);
    assert_eq!(import(&|parts| parts.n = vec![0xff; 1025]), Error::KeySize);
}

#[test]
fn hostile_moduli_are_refused() {
    // A power of three, in which a base of the factoring has no inverse; all ones; and a number of
    // which nothing is known.
    let mut power_of_three = vec![0_u8; 140];
    power_of_three[139] = 1;
    for _ in 0..700 {
        let mut carry = 0;
        for byte in power_of_three.iter_mut().rev() {
            let product = u16::from(*byte) * 3 + carry;
            (*byte, carry) = (product as u8, product >> 8);
        }
        assert_eq!(carry, 0);
    }
    for n in [power_of_three, vec![0xff; 128], (1..=255).collect::<Vec<u8>>()] {
        for d in [vec![1], vec![3], vec![0x55; 100], n[..n.len() - 1].to_vec()] {
            for e in [vec![], vec![3], F4.to_vec(), vec![0xff; 32]] {
                for prime in [vec![], vec![1], vec![2], vec![3], n.clone(), vec![0xff; 64]] {
                    let parts = RsaComponents {
                        n: n.clone(),
                        e: e.clone(),
                        d: d.clone().into(),
                        p: prime.clone().into(),
                        q: prime.into(),
                        ..Default::default()
                    };
                    let refused = RsaPrivateKey::from_components(&parts).map(|_| ());
                    assert_eq!(refused, Err(Error::InvalidKey), "{parts:?}");
                }
            }
        }
    }
}

#[test]
fn public_keys_are_checked_on_import() {
    let n = public().modulus();
    let import = |n: &[u8], e: &[u8]| RsaPublicKey::from_components(n, e).map(|_| ());
    assert_eq!(import(&n, &F4), Ok(()));
    assert_eq!(import(&[&[0, 0][..], &n].concat(), &[0, 1, 0, 1]), Ok(()));
    // An exponent of 65 bits is unusual and legal.
    assert_eq!(import(&n, &[1, 0, 0, 0, 0, 0, 0, 0, 1]), Ok(()));
    assert_eq!(import(&n, &[0xff; 33]), Err(Error::InvalidKey));
    for e in [&[][..], &[0], &[1], &[2], &[1, 0, 0]] {
        assert_eq!(import(&n, e), Err(Error::InvalidKey), "{e:?}");
    }
    assert_eq!(import(&n[1..100], &F4), Err(Error::KeySize));
    assert_eq!(import(&vec![0xfe; 256], &F4), Err(Error::InvalidKey));
}

#[test]
fn pkcs1_signatures_verify_and_recover() {
    for len in [0, 1, 36, 245] {
        let data = vec![0x5a; len];
        let signature = KEY.sign_pkcs1(&data).unwrap();
        assert_eq!(signature.len(), 256);
        assert_eq!(public().verify_pkcs1(&data, &signature), Ok(()));
        assert_eq!(public().recover_pkcs1(&signature), Ok(data.clone()));
        let other = vec![0xa5; len.max(1)];
        assert_eq!(public().verify_pkcs1(&other, &signature), Err(Error::VerifyFailed));
    }
    assert_eq!(KEY.sign_pkcs1(&[0; 246]), Err(Error::DataTooLarge));
    assert_eq!(public().verify_pkcs1(&[0; 246], &[0; 256]), Err(Error::DataTooLarge));
    assert_eq!(public().verify_pkcs1(b"", &[0; 255]), Err(Error::SignatureLength));
    assert_eq!(public().verify_pkcs1(b"", &[0; 257]), Err(Error::SignatureLength));
    assert_eq!(public().verify_pkcs1(b"", &[0xff; 256]), Err(Error::VerifyFailed));
}

/// Whether RSA knows the hash function: for BLAKE2b there is neither an identifier that others would
/// look for nor a descriptor in the library.
fn rsa_has(alg: HashAlg) -> bool {
    use HashAlg::{Blake2b160, Blake2b256, Blake2b384, Blake2b512};
    !matches!(alg, Blake2b160 | Blake2b256 | Blake2b384 | Blake2b512)
}

#[test]
fn hash_functions_that_rsa_does_not_know_are_refused() {
    for alg in HashAlg::ALL.into_iter().filter(|&alg| !rsa_has(alg)) {
        let digest = hash(alg, b"message");
        assert_eq!(KEY.sign_pkcs1_hashed(alg, &digest), Err(Error::Unsupported));
        assert_eq!(KEY.sign_pss(alg, HashAlg::Sha256, 20, &digest), Err(Error::Unsupported));
        assert_eq!(KEY.sign_pss(HashAlg::Sha256, alg, 20, &[0; 32]), Err(Error::Unsupported));
        let refused = public().encrypt_oaep(HashAlg::Sha256, alg, b"", b"data");
        assert_eq!(refused, Err(Error::Unsupported));
    }
}

#[test]
fn hashed_signatures_verify_with_every_hash_function() {
    for alg in HashAlg::ALL.into_iter().filter(|&alg| rsa_has(alg)) {
        let digest = hash(alg, b"message");
        let signature = KEY.sign_pkcs1_hashed(alg, &digest).unwrap();
        assert_eq!(public().verify_pkcs1_hashed(alg, &digest, &signature), Ok(()), "{alg:?}");
        let other = hash(alg, b"other");
        let refused = public().verify_pkcs1_hashed(alg, &other, &signature);
        assert_eq!(refused, Err(Error::VerifyFailed), "{alg:?}");
        assert_eq!(KEY.sign_pkcs1_hashed(alg, &digest[1..]), Err(Error::InvalidLength));

        for mgf in [alg, HashAlg::Sha1, HashAlg::Sha3_512] {
            for salt_len in [0, alg.output_len(), 254 - alg.output_len()] {
                let case = format!("{alg:?}, MGF1 with {mgf:?}, salt of {salt_len}");
                let signature = KEY.sign_pss(alg, mgf, salt_len, &digest).unwrap();
                let verify = |salt_len, digest: &[u8]| {
                    public().verify_pss(alg, mgf, salt_len, digest, &signature)
                };
                assert_eq!(verify(salt_len, &digest), Ok(()), "{case}");
                assert_eq!(verify(salt_len, &other), Err(Error::VerifyFailed), "{case}");
                assert!(verify(salt_len ^ 1, &digest).is_err(), "{case}");
            }
            let too_long = 255 - alg.output_len();
            let refused = KEY.sign_pss(alg, mgf, too_long, &digest);
            assert_eq!(refused, Err(Error::InvalidParameter), "{alg:?}");
        }
    }
    assert_eq!(
        public().verify_pss(HashAlg::Sha256, HashAlg::Sha256, 32, &[0; 32], &[0; 200]),
        Err(Error::SignatureLength)
    );
}

#[test]
fn signature_of_one_hash_function_never_verifies_as_of_another() {
    // Same digest bytes, another DigestInfo.
    let signature = KEY.sign_pkcs1_hashed(HashAlg::Sha256, &[7; 32]).unwrap();
    let refused = public().verify_pkcs1_hashed(HashAlg::Sha3_256, &[7; 32], &signature);
    assert_eq!(refused, Err(Error::VerifyFailed));
}

#[test]
fn short_keys_say_that_they_are_too_short_for_long_digests() {
    let key = RsaPrivateKey::generate(1024, &F4).unwrap();
    // SHA-512 leaves 1024 bits no room for OAEP: 2 * 64 + 2 is more than 128.
    let public = key.public().unwrap();
    let sha512 = HashAlg::Sha512;
    assert_eq!(public.oaep_capacity(sha512), None);
    assert_eq!(public.encrypt_oaep(sha512, sha512, b"", b""), Err(Error::KeySize));
    assert_eq!(key.decrypt_oaep(sha512, sha512, b"", &[0; 128]), Err(Error::KeySize));
    // For PSS it leaves 62 bytes of salt, less than the customary 64.
    assert!(key.sign_pss(sha512, sha512, 62, &[0; 64]).is_ok());
    let refused = key.sign_pss(sha512, sha512, 64, &[0; 64]);
    assert_eq!(refused, Err(Error::InvalidParameter));
}

#[test]
fn raw_operations_undo_each_other_and_pad_on_the_left() {
    let private = KEY.raw_private(b"short").unwrap();
    let mut padded = vec![0; 256];
    padded[251..].copy_from_slice(b"short");
    assert_eq!(public().raw_public(&private).unwrap(), padded);
    assert_eq!(*KEY.raw_private(&padded).unwrap(), *private);
    let encrypted = public().raw_public(b"short").unwrap();
    assert_eq!(*KEY.raw_private(&encrypted).unwrap(), padded);

    assert_eq!(KEY.raw_private(&[0; 257]), Err(Error::DataTooLarge));
    assert_eq!(public().raw_public(&[0; 257]), Err(Error::DataTooLarge));
    for not_below in [public().modulus(), vec![0xff; 256]] {
        assert_eq!(KEY.raw_private(&not_below), Err(Error::DataInvalid));
        assert_eq!(public().raw_public(&not_below), Err(Error::DataInvalid));
    }
    assert_eq!(KEY.raw_private(&[]), Err(Error::DataInvalid));
    assert_eq!(KEY.raw_private(&[1]), Err(Error::DataInvalid));
}

#[test]
fn encrypted_data_comes_back_and_tampered_data_does_not() {
    for len in [0, 1, 100, 245] {
        let data = vec![0xc3; len];
        let sealed = public().encrypt_pkcs1(&data).unwrap();
        assert_eq!(*KEY.decrypt_pkcs1(&sealed).unwrap(), data);
    }
    assert_eq!(public().encrypt_pkcs1(&[0; 246]), Err(Error::DataTooLarge));
    assert_eq!(KEY.decrypt_pkcs1(&[1; 255]), Err(Error::InvalidLength));
    assert_eq!(KEY.decrypt_pkcs1(&[0xff; 256]), Err(Error::DecryptFailed));
    assert_eq!(KEY.decrypt_pkcs1(&[0x01; 256]), Err(Error::DecryptFailed));

    for alg in HashAlg::ALL.into_iter().filter(|&alg| rsa_has(alg)) {
        let capacity = 254 - 2 * alg.output_len();
        assert_eq!(public().oaep_capacity(alg), Some(capacity));
        for mgf in [alg, HashAlg::Sha1, HashAlg::Sha3_384] {
            for (label, len) in [(&b""[..], 0), (b"label", 16), (b"", capacity)] {
                let data = vec![0xc3; len];
                let sealed = public().encrypt_oaep(alg, mgf, label, &data).unwrap();
                let open = |label: &[u8]| KEY.decrypt_oaep(alg, mgf, label, &sealed);
                assert_eq!(*open(label).unwrap(), data, "{alg:?}, {mgf:?}");
                assert_eq!(open(b"other"), Err(Error::DecryptFailed), "{alg:?}, {mgf:?}");
            }
            let refused = public().encrypt_oaep(alg, mgf, b"", &vec![0; capacity + 1]);
            assert_eq!(refused, Err(Error::DataTooLarge), "{alg:?}");
        }
        let refused = KEY.decrypt_oaep(alg, alg, b"", &[2; 255]);
        assert_eq!(refused, Err(Error::InvalidLength), "{alg:?}");
    }
}

#[test]
fn one_key_signs_from_many_threads_at_once() {
    let public = public();
    std::thread::scope(|scope| {
        for thread in 0..8_u8 {
            let (key, public) = (Arc::clone(&KEY), &public);
            scope.spawn(move || {
                for round in 0..20_u8 {
                    let data = [thread, round];
                    let signature = key.sign_pkcs1(&data).unwrap();
                    assert_eq!(public.verify_pkcs1(&data, &signature), Ok(()));
                }
            });
        }
    });
}

#[test]
fn private_numbers_never_show_in_debug_output() {
    assert_eq!(format!("{:?}", *KEY), "RsaPrivateKey { modulus_bits: 2048, .. }");
    let parts = KEY.components().unwrap();
    assert_eq!(format!("{parts:?}"), "RsaComponents { modulus_len: 256, e_len: 3, .. }");
}
