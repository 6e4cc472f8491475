//! ANSI X9.31 with RSA. What OpenSSL signs and verifies is in `openssl.rs`.

use hsmsim_crypto::Error;
use hsmsim_crypto::digest::{HashAlg, hash};
use hsmsim_crypto::rsa::RsaPrivateKey;

#[test]
fn x931_keys_have_the_size_asked_for_and_sign() {
    for (bits, e) in [(1024, &[3][..]), (2048, &[1, 0, 1]), (1280, &[0xff; 32])] {
        let key = RsaPrivateKey::generate_x931(bits, e).unwrap();
        assert_eq!(key.modulus_bits(), bits as usize);
        let public = key.public().unwrap();
        assert_eq!(public.exponent(), e);
        let digest = hash(HashAlg::Sha1, b"message");
        let signature = key.sign_x931_hashed(HashAlg::Sha1, &digest).unwrap();
        assert_eq!(public.verify_x931_hashed(HashAlg::Sha1, &digest, &signature), Ok(()));
    }
    for bits in [1152, 768, 2047] {
        let refused = RsaPrivateKey::generate_x931(bits, &[1, 0, 1]).map(|_| ());
        assert_eq!(refused, Err(Error::KeySize), "{bits}");
    }
    for e in [&[1][..], &[2, 0, 0], &[], &[0xff; 33]] {
        let refused = RsaPrivateKey::generate_x931(2048, e).map(|_| ());
        assert_eq!(refused, Err(Error::InvalidParameter));
    }
}

#[test]
fn x931_signs_a_digest_with_the_trailer_that_its_caller_adds() {
    let key = RsaPrivateKey::generate(1024, &[1, 0, 1]).unwrap();
    let public = key.public().unwrap();
    let digest = hash(HashAlg::Sha1, b"message");
    let with_trailer = [&digest[..], &[0x33, 0xcc]].concat();
    let signature = key.sign_x931(&with_trailer).unwrap();
    assert_eq!(signature, key.sign_x931_hashed(HashAlg::Sha1, &digest).unwrap());
    assert_eq!(public.verify_x931(&with_trailer, &signature), Ok(()));
    // What was signed, or its complement, has the header, padding and trailer of X9.31.
    let recovered = public.raw_public(&signature).unwrap();
    let block = if recovered.last().unwrap() & 0x0f == 0x0c {
        recovered
    } else {
        subtract(&public.modulus(), &recovered)
    };
    let expected = [&[0x6b][..], &[0xbb; 104], &[0xba], &with_trailer].concat();
    assert_eq!(block, expected);

    let mut changed = signature.clone();
    changed[127] ^= 1;
    assert_eq!(public.verify_x931(&with_trailer, &changed), Err(Error::VerifyFailed));
    assert_eq!(public.verify_x931(&with_trailer, &signature[1..]), Err(Error::SignatureLength));
    let complement = subtract(&public.modulus(), &signature);
    assert_eq!(public.verify_x931(&with_trailer, &complement), Err(Error::VerifyFailed));
    assert_eq!(key.sign_x931(&[0xcb; 20]), Err(Error::DataInvalid));
    assert_eq!(key.sign_x931(&[0xcc; 127]), Err(Error::DataTooLarge));
    assert!(key.sign_x931(&[0xcc; 126]).is_ok());
    let refused = key.sign_x931_hashed(HashAlg::Sha3_256, &[0; 32]);
    assert_eq!(refused, Err(Error::Unsupported));
    let refused = key.sign_x931_hashed(HashAlg::Sha1, &[0; 21]);
    assert_eq!(refused, Err(Error::InvalidLength));
}

/// `a - b` of big endian numbers of one length.
fn subtract(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut out = a.to_vec();
    let mut borrow = 0;
    for (digit, other) in out.iter_mut().zip(b).rev() {
        let difference = i16::from(*digit) - i16::from(*other) - borrow;
        borrow = i16::from(difference < 0);
        *digit = difference.rem_euclid(256) as u8;
    }
    out
}
