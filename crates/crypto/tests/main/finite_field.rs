//! DSA and Diffie-Hellman: domain parameters, keys, agreement, encodings.

use std::sync::LazyLock;

use hsmsim_crypto::Error;
use hsmsim_crypto::asn1::{KeyKind, private_key_kind, public_key_kind};
use hsmsim_crypto::dh::{DhParameters, DhPrivateKey, DhPublicKey};
use hsmsim_crypto::digest::{HashAlg, hash};
use hsmsim_crypto::dsa::{
    DsaParameters, DsaPrivateKey, DsaPublicKey, GeneratorSeed, SIZES, generator, probable_primes,
    provable_primes,
};

use crate::hex::hex;

/// Parameters of 1024 and 160 bits, made once.
static PARAMETERS: LazyLock<DsaParameters> = LazyLock::new(|| {
    let primes = probable_primes(1024, 160, HashAlg::Sha1, None).unwrap();
    let g = generator(&primes.p, &primes.q, None).unwrap();
    DsaParameters { p: primes.p, q: primes.q, g }
});

#[test]
fn probable_primes_of_1024_bits_are_prime_and_come_from_their_seed_again() {
    probable_primes_come_again(1024, 160, HashAlg::Sha1);
}

// Larger ones are compared with those of OpenSSL and GnuTLS.
#[test]
fn probable_primes_of_2048_bits_are_prime_and_come_from_their_seed_again() {
    probable_primes_come_again(2048, 224, HashAlg::Sha512);
}

#[test]
fn provable_primes_of_1024_bits_are_prime_and_come_from_their_seed_again() {
    provable_primes_come_again(1024, 160, HashAlg::Sha1);
}

#[test]
fn provable_primes_of_2048_bits_are_prime_and_come_from_their_seed_again() {
    provable_primes_come_again(2048, 224, HashAlg::Sha512);
}

fn probable_primes_come_again(p_bits: u32, q_bits: u32, function: HashAlg) {
    assert!(SIZES.contains(&(p_bits, q_bits)));
    let found = probable_primes(p_bits, q_bits, function, None).unwrap();
    let again = probable_primes(p_bits, q_bits, function, Some(&found.seed)).unwrap();
    assert_eq!(again, found);
    let index = |index| GeneratorSeed { function, seed: &found.seed, index };
    let g = generator(&found.p, &found.q, Some(index(1))).unwrap();
    assert_eq!(generator(&found.p, &found.q, Some(index(1))).unwrap(), g);
    assert_ne!(generator(&found.p, &found.q, Some(index(2))).unwrap(), g);
    let parameters = DsaParameters { p: found.p, q: found.q, g };
    assert_eq!(parameters.check_primes(), Ok(()));
}

fn provable_primes_come_again(p_bits: u32, q_bits: u32, function: HashAlg) {
    assert!(SIZES.contains(&(p_bits, q_bits)));
    let built = provable_primes(p_bits, q_bits, function, None).unwrap();
    let again = provable_primes(p_bits, q_bits, function, Some(&built.first_seed)).unwrap();
    assert_eq!(again, built);
    let g = generator(&built.p, &built.q, None).unwrap();
    assert_eq!(DsaParameters { p: built.p, q: built.q, g }.check_primes(), Ok(()));
}

/// Primes that GnuTLS 3 built with SHA-384 (`certtool --generate-privkey --key-type=dsa --provable`):
/// first seed, q and p.
const GNUTLS_PRIMES: (&str, &str, &str) = (
    "1dea7b2cb0998339a23a8e9fbaf5bef807157567df2ad3deb328f327d44f248b33c93eb699c39ef2\
     b3347e0eee219f43a68ddbb09cf95f26f48be54394a03e32fe",
    "9707f88d3d607337c7a70e9641ee35177979ff0af8d070c67443dc2bf30c3525",
    "98d036f2d7dbce46b1739e2c35ad3149f11362aa92a22ebbc2f8ea77d762dcdfe0ae134e68fc4086\
     d3605e2565c4759158c3e6f85291a7f94ff96b465c35047f81fad984b566631f7b073fe27fe3f3ac\
     0c778e5843fbfa3e74e081388bd5a70ca793a71925d352f6100c8bf149e1383fe43ab404472aa463\
     2e767d59f90b44153273635d18538cc8fe81aed8bc3ad7bf0b9c09660beecb9c2baca7c2024622f3\
     018442d76e0e07ba41423666e1b14400e142bab46e35e55fffee2ca9b6f40e81943796466e8a773d\
     d3fbc16113c6cf0627cd0f23c6b035a3216209e996bd73bc92755ec9ead079b719a745876ed7d52a\
     49b17562a9c67e93243481bf3cab0d33",
);

#[test]
fn provable_primes_of_a_seed_are_those_of_gnutls() {
    let (seed, q, p) = GNUTLS_PRIMES;
    let built = provable_primes(2048, 256, HashAlg::Sha384, Some(&hex(seed))).unwrap();
    assert_eq!(built.q, hex(q));
    assert_eq!(built.p, hex(p));
}

#[test]
fn seeds_that_are_too_short_or_lead_nowhere_are_refused() {
    let refused = Err(Error::InvalidParameter);
    assert_eq!(probable_primes(2048, 256, HashAlg::Sha256, Some(&[1; 31])), refused);
    assert_eq!(probable_primes(2048, 256, HashAlg::Sha224, None), refused);
    assert_eq!(probable_primes(256, 256, HashAlg::Sha256, None), refused);
    assert_eq!(probable_primes(2047, 256, HashAlg::Sha256, None), refused);
    // One seed in about a hundred makes a prime q; these two do not.
    assert_eq!(probable_primes(1024, 160, HashAlg::Sha1, Some(&[1; 20])), refused);
    let refused = Err(Error::InvalidParameter);
    assert_eq!(provable_primes(2048, 256, HashAlg::Sha256, Some(&[1; 32])), refused);
    let DsaParameters { p, .. } = &*PARAMETERS;
    assert_eq!(generator(p, &[7; 20], None), Err(Error::InvalidParameter));
}

#[test]
fn dsa_signs_digests_of_every_length() {
    let key = DsaPrivateKey::generate(&PARAMETERS).unwrap();
    let public = key.public();
    for len in [1, 19, 20, 21, 28, 32, 64] {
        let digest = vec![0x5a; len];
        let signature = key.sign_digest(&digest).unwrap();
        assert_eq!(signature.len(), key.signature_len());
        assert_eq!(public.verify_digest(&digest, &signature), Ok(()));
        let mut other = digest.clone();
        other[0] ^= 1;
        assert_eq!(public.verify_digest(&other, &signature), Err(Error::VerifyFailed));
        for index in [0, 19, 20, 39] {
            let mut changed = signature.clone();
            changed[index] ^= 1;
            assert_eq!(public.verify_digest(&digest, &changed), Err(Error::VerifyFailed));
        }
        let refused = public.verify_digest(&digest, &signature[1..]);
        assert_eq!(refused, Err(Error::SignatureLength));
        assert_eq!(public.verify_digest(&digest, &[0; 40]), Err(Error::VerifyFailed));
    }
    // Only the leftmost 160 bits count.
    let long = [[1; 20], [2; 20]].concat();
    let signature = key.sign_digest(&long).unwrap();
    assert_eq!(public.verify_digest(&long[..20], &signature), Ok(()));
    assert_eq!(key.sign_digest(&[]), Err(Error::InvalidLength));
}

#[test]
fn dsa_keys_survive_their_encodings_and_bad_ones_are_refused() {
    let key = DsaPrivateKey::generate(&PARAMETERS).unwrap();
    let encoded = key.to_pkcs8();
    assert_eq!(private_key_kind(&encoded), Ok(KeyKind::Dsa));
    let read = DsaPrivateKey::from_pkcs8(&encoded).unwrap();
    assert_eq!((read.x(), read.parameters()), (key.x(), PARAMETERS.clone()));
    let spki = key.public().to_spki();
    assert_eq!(public_key_kind(&spki), Ok(KeyKind::Dsa));
    assert_eq!(DsaPublicKey::from_spki(&spki).unwrap().y(), key.public().y());

    let DsaParameters { p, q, g } = PARAMETERS.clone();
    let import = |parameters: DsaParameters, x: &[u8]| {
        DsaPrivateKey::from_components(&parameters, x).map(|_| ())
    };
    assert_eq!(import(PARAMETERS.clone(), &[]), Err(Error::InvalidKey));
    assert_eq!(import(PARAMETERS.clone(), &q), Err(Error::InvalidKey));
    let other = DsaParameters { g: vec![2], ..PARAMETERS.clone() };
    assert_eq!(import(other, &[5]), Err(Error::InvalidKey));
    let other = DsaParameters { g: vec![1], ..PARAMETERS.clone() };
    assert_eq!(import(other, &[5]), Err(Error::InvalidKey));
    let small = DsaParameters { p: p[..64].to_vec(), q: q.clone(), g: g.clone() };
    assert_eq!(import(small, &[5]), Err(Error::KeySize));
    for y in [&[][..], &[1], &[2], &p] {
        let refused = DsaPublicKey::from_components(&PARAMETERS, y).map(|_| ());
        assert_eq!(refused, Err(Error::InvalidKey));
    }
}

#[test]
fn both_sides_derive_the_same_by_plain_hybrid_and_mqv_agreement() {
    let parameters = DhParameters::generate_x942(1024, 160).unwrap();
    let [a, b, a_ephemeral, b_ephemeral] =
        std::array::from_fn(|_| DhPrivateKey::generate(&parameters, None).unwrap());
    let plain = a.derive(&b.y()).unwrap();
    assert_eq!(plain.len(), 128);
    assert_eq!(b.derive(&a.y()).unwrap(), plain);
    let hybrid = a.derive_hybrid(&a_ephemeral, &b.y(), &b_ephemeral.y()).unwrap();
    assert_eq!(b.derive_hybrid(&b_ephemeral, &a.y(), &a_ephemeral.y()).unwrap(), hybrid);
    assert_eq!(hybrid[128..], plain[..]);
    assert_eq!(hybrid[..128], a_ephemeral.derive(&b_ephemeral.y()).unwrap()[..]);
    let mqv = a.derive_mqv(&a_ephemeral, &b.y(), &b_ephemeral.y()).unwrap();
    assert_eq!(b.derive_mqv(&b_ephemeral, &a.y(), &a_ephemeral.y()).unwrap(), mqv);
    assert_ne!(b.derive_mqv(&b_ephemeral, &b.y(), &a_ephemeral.y()).unwrap(), mqv);

    let p = &parameters.p;
    let mut minus_one = p.clone();
    *minus_one.last_mut().unwrap() -= 1;
    // Two is not in the subgroup, but for one chance in 2^863.
    for bad in [&[][..], &[1], &[2], &minus_one, p] {
        assert_eq!(a.derive(bad), Err(Error::InvalidParameter));
    }
}

#[test]
fn dh_keys_have_the_length_asked_for_and_survive_their_encodings() {
    let x942 = DhParameters::generate_x942(1024, 160).unwrap();
    let pkcs3 = DhParameters { q: None, ..x942.clone() };
    for (parameters, kind) in [(&x942, KeyKind::X942Dh), (&pkcs3, KeyKind::Dh)] {
        let key = DhPrivateKey::generate(parameters, Some(128)).unwrap();
        assert_eq!(key.x_bits(), 128);
        let encoded = key.to_pkcs8();
        assert_eq!(private_key_kind(&encoded), Ok(kind));
        let read = DhPrivateKey::from_pkcs8(&encoded).unwrap();
        assert_eq!((read.x(), read.y(), &read.parameters()), (key.x(), key.y(), parameters));
        let public = DhPublicKey::from_components(parameters, &key.y()).unwrap();
        let spki = public.to_spki();
        assert_eq!(public_key_kind(&spki), Ok(kind));
        assert_eq!(DhPublicKey::from_spki(&spki).unwrap().y(), key.y());
        for bits in [0, 2000] {
            let refused = DhPrivateKey::generate(parameters, Some(bits)).map(|_| ());
            assert_eq!(refused, Err(Error::InvalidParameter));
        }
        let refused = DhPrivateKey::from_components(parameters, &parameters.p).map(|_| ());
        assert_eq!(refused, Err(Error::InvalidKey));
    }
    let safe = DhParameters::generate(512).unwrap();
    assert_eq!((safe.p.len(), &safe.g, &safe.q), (64, &vec![2], &None));
    assert!(!safe.is_named_group());
    assert_eq!(DhParameters::generate(511), Err(Error::KeySize));
}

/// RFC 3526, 2: the prime of group 5.
const MODP_1536: &str = "\
    ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74\
    020bbea63b139b22514a08798e3404ddef9519b3cd3a431b302b0a6df25f1437\
    4fe1356d6d51c245e485b576625e7ec6f44c42e9a637ed6b0bff5cb6f406b7ed\
    ee386bfb5a899fa5ae9f24117c4b1fe649286651ece45b3dc2007cb8a163bf05\
    98da48361c55d39a69163fa8fd24cf5f83655d23dca3ad961c62f356208552bb\
    9ed529077096966d670c354e4abc9804f1746c08ca237327ffffffffffffffff";

#[test]
fn groups_of_the_rfcs_are_known_by_prime_and_base() {
    let group = DhParameters { p: hex(MODP_1536), g: vec![2], q: None };
    assert!(group.is_named_group());
    assert!(!DhParameters { g: vec![5], ..group }.is_named_group());
}

/// NIST ACVP-Server, FFC component tests, "mqv2 sha2-512": p, q, g, both static and both ephemeral
/// private keys, and the SHA-512 of the agreed secret.
const MQV: [&str; 8] = [
    "c120aad237fd11e9fe2101ab117731c7425f3de17f686155d922e106fa4c901666da20e0af31f3c5\
     f331d241dca19ffb4d8a2a5131b3b8e141f73bf4c16d0ea6f43d8ad6dc41f5c2163a1d582a16f38c\
     47f8133bb43ebabe3758f196a9b01134c172c72794604d2806c73b10ca35ef1808017c471bc2533c\
     78a6b75dd5cb3d3e01eacd6c9f5f0f425788c63114ae2e2a5032a54cc06219b39465a48922b38dac\
     28137868cb2748985c449dc96da187cd92460703f6289805f5a0c0a29c64bc7122a889ae3d74117d\
     e4666a1ed6d6c850cfa741731f8aa82f4bbc790f71d36ff06f7b5a461f18180fb58af99881477ece\
     d508647330a7da773abaeb1e0c662743",
    "faae1d73793ada3b72fac4a0d11579e9945e1f26b9074a9f4a30c491",
    "88abc4824517f4dfe111c60dbb77a7fce7844954e45bda8725c5c032c27c0faec4be2a42cab6f2d4\
     8462950423550759d7cd1142d64903d0010809159b9cd701259f90185dce83788f13b3d3685a42c2\
     4a48e416833c1c92e4ceb2bd37db75d1c3c89b751b97cf8a64218819c9c4ee2c3a087507d9ab2f0d\
     0e41a636ab0feabd80c76ec559ec12d33f87b7bd180129bbb065a43506f765f8cc6fefa948b7f3b9\
     359f9c96301b5f619f7e8ae48849d935a9b7be1abe3d2911d00f893f7d99ddf11e2d99aa6bd59b8a\
     ce5f518a4d1e02e44df979ebe467852e2fe7ce1cad5ab499f53c7424f371cfebfca4b6ba5084e863\
     06fdbcae4941b6bfaf2140d17908e96a",
    "030a001735dfd21690f3b4e6152d511471a590949c492bfafef58ac7",
    "c73f44bbf9d46362827cc3251fa199e8e3417b42bdc0c7677539246a",
    "2c02d3f62ef4a0cd7cc247d936d51772d739b96aacedcdcac537597f",
    "b74dd76ebc0f7af22ff0bdf5f909e7677d4b792769d201edefe76d7f",
    "5a9a66750072ccde8c7101d307adb4c12ca442d9dae2ca183d15fb4e7b8047d41f162b964791f597\
     0863239e7458329ee2593af29a84d5f7c51b3b4b16d658b2",
];

#[test]
fn mqv_agrees_as_nists_parties_do() {
    let [p, q, g, a, b, a_ephemeral, b_ephemeral, expected] = MQV.map(hex);
    let parameters = DhParameters { p, g, q: Some(q) };
    let [a, b, a_ephemeral, b_ephemeral] = [a, b, a_ephemeral, b_ephemeral]
        .map(|x| DhPrivateKey::from_components(&parameters, &x).unwrap());
    let secret = a.derive_mqv(&a_ephemeral, &b.y(), &b_ephemeral.y()).unwrap();
    assert_eq!(hash(HashAlg::Sha512, &secret), expected);
    let secret = b.derive_mqv(&b_ephemeral, &a.y(), &a_ephemeral.y()).unwrap();
    assert_eq!(hash(HashAlg::Sha512, &secret), expected);
}
