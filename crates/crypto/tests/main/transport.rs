//! Key wrapping by temporary keys.

use hsmsim_crypto::Error;
use hsmsim_crypto::aes::{AesKey, kwp_wrap};
use hsmsim_crypto::asn1::unwrap_octet_string;
use hsmsim_crypto::curve448::X448PrivateKey;
use hsmsim_crypto::digest::HashAlg;
use hsmsim_crypto::ec::{Curve, EcPrivateKey};
use hsmsim_crypto::kdf::x963_kdf;
use hsmsim_crypto::montgomery::X25519PrivateKey;
use hsmsim_crypto::rsa::RsaPrivateKey;
use hsmsim_crypto::transport::{
    Agreement, Oaep, ecdh_aes_unwrap, ecdh_aes_wrap, rsa_aes_unwrap, rsa_aes_wrap, x448_aes_unwrap,
    x448_aes_wrap, x25519_aes_unwrap, x25519_aes_wrap,
};

const OAEP: Oaep<'_> = Oaep { hash: HashAlg::Sha256, mgf_hash: HashAlg::Sha1, label: b"label" };

#[test]
fn rsa_wrapping_is_oaep_then_kwp() {
    let key = RsaPrivateKey::generate(2048, &[1, 0, 1]).unwrap();
    let public = key.public().unwrap();
    let target = vec![7; 1219];
    for bits in [128, 192, 256] {
        let wrapped = rsa_aes_wrap(&public, bits, OAEP, &target).unwrap();
        assert_eq!(*rsa_aes_unwrap(&key, bits, OAEP, &wrapped).unwrap(), target);
        // Taken apart by hand.
        let temporary =
            key.decrypt_oaep(HashAlg::Sha256, HashAlg::Sha1, b"label", &wrapped[..256]).unwrap();
        assert_eq!(temporary.len(), bits as usize / 8);
        let expected = kwp_wrap(&AesKey::new(&temporary).unwrap(), None, &target).unwrap();
        assert_eq!(wrapped[256..], expected);

        let other = if bits == 128 { 256 } else { 128 };
        let unwrap = |bits, wrapped: &[u8]| rsa_aes_unwrap(&key, bits, OAEP, wrapped);
        assert_eq!(unwrap(other, &wrapped), Err(Error::DecryptFailed));
        for index in [0, 255, 256, wrapped.len() - 1] {
            let mut changed = wrapped.clone();
            changed[index] ^= 1;
            assert_eq!(unwrap(bits, &changed), Err(Error::DecryptFailed));
        }
        assert_eq!(unwrap(bits, &wrapped[..255]), Err(Error::InvalidLength));
        assert_eq!(unwrap(100, &wrapped), Err(Error::InvalidParameter));
    }
}

#[test]
fn ecdh_wrapping_is_a_point_then_kwp_on_every_curve() {
    let agreement = Agreement { aes_bits: 256, kdf: Some(HashAlg::Sha384), shared_data: b"shared" };
    let target = b"a key to carry";
    for curve in Curve::ALL {
        let key = EcPrivateKey::generate(curve).unwrap();
        let wrapped = ecdh_aes_wrap(&key.public(), agreement, target).unwrap();
        assert_eq!(*ecdh_aes_unwrap(&key, agreement, &wrapped).unwrap(), target, "{curve:?}");
        // Taken apart by hand: KWP makes 24 bytes of 14.
        let (encoded, rest) = wrapped.split_at(wrapped.len() - 24);
        let point = unwrap_octet_string(encoded).unwrap();
        let secret = key.ecdh(&point).unwrap();
        let aes = x963_kdf(HashAlg::Sha384, &secret, b"shared", 32).unwrap();
        assert_eq!(kwp_wrap(&AesKey::new(&aes).unwrap(), None, target).unwrap(), rest);
        // The bare point serves as well.
        let bare = [&point[..], rest].concat();
        assert_eq!(*ecdh_aes_unwrap(&key, agreement, &bare).unwrap(), target, "{curve:?}");

        let other = Agreement { shared_data: b"other", ..agreement };
        assert_eq!(ecdh_aes_unwrap(&key, other, &wrapped), Err(Error::DecryptFailed));
        let mut changed = wrapped.clone();
        *changed.last_mut().unwrap() ^= 1;
        assert_eq!(ecdh_aes_unwrap(&key, agreement, &changed), Err(Error::DecryptFailed));
        let refused = ecdh_aes_unwrap(&key, agreement, &wrapped[..20]);
        assert_eq!(refused, Err(Error::InvalidLength));
    }
}

#[test]
fn without_a_derivation_the_first_bytes_of_the_secret_are_the_key() {
    let agreement = Agreement { aes_bits: 128, kdf: None, shared_data: &[] };
    let key = EcPrivateKey::generate(Curve::P384).unwrap();
    let public = key.public();
    let wrapped = ecdh_aes_wrap(&public, agreement, b"target").unwrap();
    let (encoded, rest) = wrapped.split_at(wrapped.len() - 16);
    let secret = key.ecdh(&unwrap_octet_string(encoded).unwrap()).unwrap();
    let aes = AesKey::new(&secret[..16]).unwrap();
    assert_eq!(kwp_wrap(&aes, None, b"target").unwrap(), rest);
    assert_eq!(*ecdh_aes_unwrap(&key, agreement, &wrapped).unwrap(), b"target");

    let with_data = Agreement { shared_data: b"x", ..agreement };
    assert_eq!(ecdh_aes_wrap(&public, with_data, b"t"), Err(Error::InvalidParameter));
    let small = EcPrivateKey::generate(Curve::P192).unwrap().public();
    let long = Agreement { aes_bits: 256, ..agreement };
    assert_eq!(ecdh_aes_wrap(&small, long, b"t"), Err(Error::KeySize));
}

#[test]
fn wrapping_on_curve448_carries_the_public_key_as_it_is() {
    let agreement = Agreement { aes_bits: 256, kdf: Some(HashAlg::Sha512), shared_data: b"x" };
    let key = X448PrivateKey::generate().unwrap();
    let wrapped = x448_aes_wrap(&key.public(), agreement, &[3; 48]).unwrap();
    let (public, rest) = wrapped.split_at(56);
    let secret = key.agree(public).unwrap();
    let aes = x963_kdf(HashAlg::Sha512, &secret, b"x", 32).unwrap();
    assert_eq!(kwp_wrap(&AesKey::new(&aes).unwrap(), None, &[3; 48]).unwrap(), rest);
    assert_eq!(*x448_aes_unwrap(&key, agreement, &wrapped).unwrap(), [3; 48]);
    let low_order = [&[0; 56][..], rest].concat();
    assert_eq!(x448_aes_unwrap(&key, agreement, &low_order), Err(Error::DecryptFailed));
    assert_eq!(x448_aes_unwrap(&key, agreement, public), Err(Error::InvalidLength));
}

#[test]
fn wrapping_on_curve25519_carries_the_public_key_as_it_is() {
    let agreement = Agreement { aes_bits: 192, kdf: Some(HashAlg::Sha256), shared_data: &[] };
    let key = X25519PrivateKey::generate().unwrap();
    let wrapped = x25519_aes_wrap(&key.public(), agreement, &[3; 48]).unwrap();
    assert_eq!(wrapped.len(), 32 + 56);
    assert_eq!(*x25519_aes_unwrap(&key, agreement, &wrapped).unwrap(), [3; 48]);
    let low_order = [&[0; 32][..], &wrapped[32..]].concat();
    assert_eq!(x25519_aes_unwrap(&key, agreement, &low_order), Err(Error::DecryptFailed));
}
