//! ML-KEM, ML-DSA and SLH-DSA: pre-hashed forms, hedging, contexts, import and encodings.

use hsmsim_crypto::Error;
use hsmsim_crypto::asn1::{KeyKind, private_key_kind, public_key_kind};
use hsmsim_crypto::digest::{HashAlg, hash};
use hsmsim_crypto::ml_dsa::{Hedge, MlDsaPrivateKey, MlDsaPublicKey, PreHash};
use hsmsim_crypto::ml_kem::{MlKemPrivateKey, MlKemPublicKey};
use hsmsim_crypto::slh_dsa::{SlhDsaPrivateKey, SlhDsaPublicKey};
use hsmsim_crypto::{ml_dsa, ml_kem, slh_dsa};

use crate::hex::hex;

#[test]
fn encapsulated_secret_comes_out_and_a_changed_ciphertext_gives_another() {
    for set in ml_kem::ParameterSet::ALL {
        let key = MlKemPrivateKey::generate(set).unwrap();
        let (ciphertext, secret) = key.public().unwrap().encapsulate().unwrap();
        assert_eq!(ciphertext.len(), set.ciphertext_len());
        assert_eq!(secret.len(), ml_kem::SHARED_SECRET_LEN);
        assert_eq!(key.decapsulate(&ciphertext).unwrap(), secret);
        let again = key.public().unwrap().encapsulate().unwrap();
        assert_ne!((&again.0, &again.1), (&ciphertext, &secret), "{set:?}");
        let mut changed = ciphertext.clone();
        changed[0] ^= 1;
        assert_ne!(key.decapsulate(&changed).unwrap(), secret);
        assert_eq!(key.decapsulate(&ciphertext[1..]), Err(Error::InvalidLength));
    }
}

#[test]
fn seed_and_decapsulation_key_are_the_same_key_in_every_encoding() {
    for set in ml_kem::ParameterSet::ALL {
        let key = MlKemPrivateKey::generate(set).unwrap();
        let value = key.decapsulation_key().unwrap();
        let public = key.public().unwrap();
        let bare = MlKemPrivateKey::from_decapsulation_key(set, &value).unwrap();
        assert_eq!(bare.seed(), None);
        assert_eq!(bare.public().unwrap().as_bytes(), public.as_bytes());
        for from in [&key, &bare] {
            let encoded = from.to_pkcs8().unwrap();
            assert_eq!(private_key_kind(&encoded), Ok(KeyKind::MlKem(set)));
            let read = MlKemPrivateKey::from_pkcs8(&encoded).unwrap();
            assert_eq!(read.seed(), from.seed());
            assert_eq!(read.decapsulation_key().unwrap(), value);
            assert!(matches!(MlDsaPrivateKey::from_pkcs8(&encoded), Err(Error::Unsupported)));
            // The seed of another key beside this value.
            let mut mixed = encoded.to_vec();
            if let Some(seed) = from.seed() {
                let at = mixed.windows(seed.len()).position(|window| window == seed).unwrap();
                mixed[at] ^= 1;
                assert!(matches!(MlKemPrivateKey::from_pkcs8(&mixed), Err(Error::InvalidKey)));
            }
        }
        let spki = public.to_spki();
        assert_eq!(public_key_kind(&spki), Ok(KeyKind::MlKem(set)));
        assert_eq!(MlKemPublicKey::from_spki(&spki).unwrap().as_bytes(), public.as_bytes());
        assert!(MlKemPublicKey::from_bytes(set, &vec![0xff; set.encapsulation_key_len()]).is_err());
    }
}

#[test]
fn pre_hashed_ml_dsa_verifies_as_its_message_representative_says() {
    for set in ml_dsa::ParameterSet::ALL {
        let key = MlDsaPrivateKey::generate(set).unwrap();
        let public = key.public().unwrap();
        for (arc, function) in [4, 1, 2, 3, 7, 8, 9, 10, 11, 12].into_iter().zip(PreHash::ALL) {
            let digest = function.digest(b"message");
            let sign = |hedge| key.sign_digest(function, &digest, b"context", hedge).unwrap();
            let (hedged, fixed) = (sign(Hedge::Hedged), sign(Hedge::Deterministic));
            assert_ne!(hedged, fixed);
            assert_eq!(sign(Hedge::Deterministic), fixed);
            // µ by hand (FIPS 204, algorithm 4), verified by another library.
            let oid = [&hex("06096086480165030402")[..], &[arc]].concat();
            let parts = [&public.tr()[..], &[1, 7], b"context", &oid, &digest].concat();
            let mu = PreHash::Shake256.digest(&parts);
            for signature in [&hedged, &fixed] {
                assert_eq!(signature.len(), set.signature_len());
                assert_eq!(public.verify_mu(&mu, signature), Ok(()), "{function:?}");
                let verify = |context| public.verify_digest(function, &digest, context, signature);
                assert_eq!(verify(&b"context"[..]), Ok(()));
                assert_eq!(verify(b"other"), Err(Error::VerifyFailed));
                assert_eq!(public.verify(&digest, b"context", signature), Err(Error::VerifyFailed));
            }
            let mu_signed = key.sign_mu(&mu).unwrap();
            assert_eq!(public.verify_digest(function, &digest, b"context", &mu_signed), Ok(()));
        }
    }
}

#[test]
fn ml_dsa_refuses_long_contexts_weak_hashes_and_wrong_lengths() {
    let key = MlDsaPrivateKey::generate(ml_dsa::ParameterSet::MlDsa44).unwrap();
    let public = key.public().unwrap();
    let signature = key.sign(b"m", &[1; 255], Hedge::Hedged).unwrap();
    assert_eq!(public.verify(b"m", &[1; 255], &signature), Ok(()));
    let long = [1; 256];
    assert_eq!(key.sign(b"m", &long, Hedge::Hedged), Err(Error::InvalidParameter));
    assert_eq!(public.verify(b"m", &long, &signature), Err(Error::InvalidParameter));
    assert_eq!(public.verify(b"m", &[], &signature[1..]), Err(Error::SignatureLength));
    let sha1 = PreHash::Hash(HashAlg::Sha1);
    let refused = key.sign_digest(sha1, &[0; 20], &[], Hedge::Hedged);
    assert_eq!(refused, Err(Error::Unsupported));
    let refused = key.sign_digest(PreHash::Shake128, &[0; 31], &[], Hedge::Hedged);
    assert_eq!(refused, Err(Error::InvalidLength));
    assert_eq!(key.sign_mu(&[0; 63]), Err(Error::InvalidLength));
}

#[test]
fn ml_dsa_keys_survive_their_encodings() {
    for set in ml_dsa::ParameterSet::ALL {
        let key = MlDsaPrivateKey::generate(set).unwrap();
        let bare = MlDsaPrivateKey::from_expanded(set, key.expanded()).unwrap();
        assert_eq!(bare.seed(), None);
        for from in [&key, &bare] {
            let read = MlDsaPrivateKey::from_pkcs8(&from.to_pkcs8()).unwrap();
            assert_eq!((read.seed(), read.expanded()), (from.seed(), key.expanded()));
        }
        let public = key.public().unwrap();
        let read = MlDsaPublicKey::from_spki(&public.to_spki()).unwrap();
        assert_eq!(read.as_bytes(), public.as_bytes());
        // The digest of another public key inside.
        let mut mixed = key.expanded().to_vec();
        mixed[64] ^= 1;
        assert!(matches!(MlDsaPrivateKey::from_expanded(set, &mixed), Err(Error::InvalidKey)));
    }
}

/// NIST ACVP, SLH-DSA-keyGen-FIPS205, the first test of each group: seeds and public key.
const SLH_DSA_KEY_GEN: [(slh_dsa::ParameterSet, &str, &str); 4] = [
    (
        slh_dsa::ParameterSet::Sha2_128s,
        "2F896D61D9CD9038CA303394FADAA22A24AC5EC1D86A989CA2196C3C8632419C1A05A42FE300E87B\
         16AEE116CB2E2363",
        "1A05A42FE300E87B16AEE116CB2E236358E2C3E62632C9DE03D08A535A0EB7E7",
    ),
    (
        slh_dsa::ParameterSet::Sha2_192f,
        "8596C97C522D258038765AC80110A584A4E342D58149EBFC763CA88D40D68C201C76C2F8DF0908A3\
         9F27009B7D3B1E6CBD409651BF5E717D83096506B715C3543285AA83535F7743",
        "BD409651BF5E717D83096506B715C3543285AA83535F77433EA3D6D2E7EBF150C2F21DAD9FB71977\
         C83EC6D59C36E0D4",
    ),
    (
        slh_dsa::ParameterSet::Shake192s,
        "BC9543F91D3E83DF793ACC0BBCDF54810691C770F2DC5DAD3ACFA79732CDB71D4EF1E9B2ECA1A490\
         F977CB0CCE3AAAC5F6C64E2B662BE5DDB6F9C28CC62C20C7697EFEDAAB1C9028",
        "F6C64E2B662BE5DDB6F9C28CC62C20C7697EFEDAAB1C9028AC30C249F75B8B7F44730E5341698853\
         B3F48B5D150C802E",
    ),
    (
        slh_dsa::ParameterSet::Shake256f,
        "758161EAF6DB91C65F185B26FD490AFD808E987B339D2CBB5B3045BC2ED9A33D5A703A6A2A687A8A\
         E1883A9FC957C26E17F5569D5A28C144780DF013C9AA83240A0EE387983FC9FBE9D5B80A2787C39C\
         6FC1BE3364B9D1FD0C6DC4EDF70E28AA",
        "0A0EE387983FC9FBE9D5B80A2787C39C6FC1BE3364B9D1FD0C6DC4EDF70E28AA397DC9D892E41418\
         FCFF892135D8B33FBCFDF7FFB82B62C7CD2618E18648151C",
    ),
];

#[test]
fn slh_dsa_keys_of_nists_seeds_are_nists() {
    for (set, seeds, public) in SLH_DSA_KEY_GEN {
        let key = SlhDsaPrivateKey::from_seeds(set, &hex(seeds)).unwrap();
        assert_eq!(key.public().as_bytes(), hex(public), "{set:?}");
    }
}

/// Keys of the seeds 0, 1, 2, ..., and the SHA-256 of deterministic signatures of "message" with the
/// context "context", pure and pre-hashed with SHA3-512, as noble-post-quantum makes them.
const SLH_DSA_SIGNATURES: [(slh_dsa::ParameterSet, &str, &str, &str); 12] = [
    (
        slh_dsa::ParameterSet::Sha2_128s,
        "202122232425262728292a2b2c2d2e2f990ce6298792b128846a8e4a3a68954c",
        "7a761609d23a469cf8ce2d35acc603177b7f083b748493561fe57fd34bc2a6c7",
        "bb8fe3341519decae8cdffc902673fd16abcf69c30737a0bb632c793401a24d7",
    ),
    (
        slh_dsa::ParameterSet::Sha2_128f,
        "202122232425262728292a2b2c2d2e2f3b56e816847f000386aeec2e2bb9e1b5",
        "8cf6744657b5f19defae315b07dd467376357b6b67ea48d289139cc9a8a7ec2c",
        "03dba0228d04e0c03623842d1c5e3a298e0b012810ccd92b273143b191f9aa86",
    ),
    (
        slh_dsa::ParameterSet::Sha2_192s,
        "303132333435363738393a3b3c3d3e3f4041424344454647b6f282ce116ff59bce2d9fc4a67c6031\
         dabdce326c34f541",
        "593dad4fa2e51eab3539ac28db7ddde277bc8f3068eab3e63862bf417331a5aa",
        "0edb42631538c8cf3e5b8d41457408dddad2d685c0a3d14ecda1d31f5e913ee3",
    ),
    (
        slh_dsa::ParameterSet::Sha2_192f,
        "303132333435363738393a3b3c3d3e3f40414243444546479236ccebbb3a90ac2452dd89de49dab1\
         340ec02419a2870e",
        "33a43b99830ebb6b49df8896b25758dcf885d45ac5f3071cb6ea76edec62c72f",
        "35b29c2cb120c13d39727f831d13992fbda41d0847af7a8b212255b62531b405",
    ),
    (
        slh_dsa::ParameterSet::Sha2_256s,
        "404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5fda7163e601352515\
         bc0f06f9f4f44be71a5a65ee9dca5575cf4a7b6d4a87d6e2",
        "6d38fab0d2e1a4d3ad5ae2425c017562e0e00b80ee04e20ff1976fb38380e705",
        "b0bd17b7bf0013c6d50b8ef84a2d751d670a7531c2bc3ea5c01384fa3077b73f",
    ),
    (
        slh_dsa::ParameterSet::Sha2_256f,
        "404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f42cffe64ddbd6731\
         063752684df77c8b58c225dc6b491208916b654ea1393176",
        "886f2dbaf1290936da7524d97f0550c8d519b572de36df9b69edf15582fd7f01",
        "5a8e6f71f66d249336763af2d52e0c1b16b0485c4f1fcbb5ecb2dcccdc3bd85b",
    ),
    (
        slh_dsa::ParameterSet::Shake128s,
        "202122232425262728292a2b2c2d2e2f89fd81fdbb5b94129b14761bdc6bf682",
        "e24064f4afe2ee40557c33edc82b3e46d05e7ff5abb6da082c5c08a2a8f5d19f",
        "c38518fe6c0edd70cb9a7d6014099c60aa26909b1c9ab4e3cb977f3085cc9a8f",
    ),
    (
        slh_dsa::ParameterSet::Shake128f,
        "202122232425262728292a2b2c2d2e2fa90e4715b9a925c332801767fd786371",
        "8907c75a4dfdb1e57906686ed40a980886ee7893f75c1b82b598017aca3019e4",
        "ddc88cf4152d5cde62110c44e1b54019ed57ab04f8be4f43a018f9fd4f12750c",
    ),
    (
        slh_dsa::ParameterSet::Shake192s,
        "303132333435363738393a3b3c3d3e3f4041424344454647eb247f955d8eca24a5860536c56b2c4d\
         1e8d8e835eb27d2d",
        "5b4e4026c1c7079076edc002683fe9f3b8566ef8cddf9f2b446124db18026dac",
        "0b1245a1840491dd8afe79bb1d952b385907740bb2a820e8526092da04d40910",
    ),
    (
        slh_dsa::ParameterSet::Shake192f,
        "303132333435363738393a3b3c3d3e3f40414243444546473f01b06bebed020a459696868d115fe8\
         507ded8dc08e825d",
        "9abfcf564852cd3b9fe98f49e2248adbc6e7e125df85aa5a143d9c42918bc662",
        "2cf850aece2a115daa732990b07652691b6ee7c12d9fbea454989368a07cc3fc",
    ),
    (
        slh_dsa::ParameterSet::Shake256s,
        "404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f27ea444dbc8ca9c1\
         69fd484b9e977eb77a4f233550757e025cf180ede7e8839f",
        "1d8545337ddaf26b041b4bedb1e598c42ad97b7c30aabdef1a06f200ed5418af",
        "9074cd1dc58ef2d4c95c9a64e83caa030be211c56e68f789c38f9e429c8ca5b7",
    ),
    (
        slh_dsa::ParameterSet::Shake256f,
        "404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f818d7e76beef979b\
         5bbf9161fdefa21bd0fe0bfe19157a5711a8de8a8f6878e6",
        "86d0c942ea9b8cccecd5353f033ce609b88ec81c2f4ed79a1419514dc9c0629a",
        "c61386736fbe648dea1285e7d7ebdfb4dbbb66273ff744d4c07aa766dd3dc97a",
    ),
];

/// A test for each name of a family: those of small signatures take their time.
macro_rules! slh_dsa_signs {
    ($($name:ident $family:literal;)*) => {
        $(#[test]
        fn $name() {
            slh_dsa_signs_as_another_implementation_does($family);
        })*
    };
}

slh_dsa_signs! {
    slh_dsa_sha2_128s_signs_as_another_implementation_does "Sha2_128s";
    slh_dsa_sha2_192s_signs_as_another_implementation_does "Sha2_192s";
    slh_dsa_sha2_256s_signs_as_another_implementation_does "Sha2_256s";
    slh_dsa_shake_128s_signs_as_another_implementation_does "Shake128s";
    slh_dsa_shake_192s_signs_as_another_implementation_does "Shake192s";
    slh_dsa_shake_256s_signs_as_another_implementation_does "Shake256s";
    slh_dsa_of_fast_sets_signs_as_another_implementation_does "f";
}

fn slh_dsa_signs_as_another_implementation_does(ending: &str) {
    let sets = SLH_DSA_SIGNATURES.iter().filter(|row| format!("{:?}", row.0).ends_with(ending));
    let mut signed = 0;
    for &(set, public, pure, hashed) in sets {
        let seeds: Vec<u8> = (0..set.private_key_len() / 4 * 3).map(|byte| byte as u8).collect();
        let key = SlhDsaPrivateKey::from_seeds(set, &seeds).unwrap();
        let verifying = key.public();
        assert_eq!(verifying.as_bytes(), hex(public), "{set:?}");
        let signature = key.sign(b"message", b"context", Hedge::Deterministic).unwrap();
        assert_eq!(signature.len(), set.signature_len());
        assert_eq!(hash(HashAlg::Sha256, &signature), hex(pure), "{set:?}");
        assert_eq!(verifying.verify(b"message", b"context", &signature), Ok(()));
        let refused = verifying.verify(b"message", b"", &signature);
        assert_eq!(refused, Err(Error::VerifyFailed));

        let function = PreHash::Hash(HashAlg::Sha3_512);
        let digest = function.digest(b"message");
        let signature =
            key.sign_digest(function, &digest, b"context", Hedge::Deterministic).unwrap();
        assert_eq!(hash(HashAlg::Sha256, &signature), hex(hashed), "{set:?}");
        assert_eq!(verifying.verify_digest(function, &digest, b"context", &signature), Ok(()));
        let refused = verifying.verify(&digest, b"context", &signature);
        assert_eq!(refused, Err(Error::VerifyFailed));
        signed += 1;
    }
    assert_eq!(signed, if ending == "f" { 6 } else { 1 });
}

#[test]
fn slh_dsa_hedges_takes_every_hash_and_survives_its_encodings() {
    let set = slh_dsa::ParameterSet::Sha2_128f;
    let key = SlhDsaPrivateKey::generate(set).unwrap();
    let public = key.public();
    let first = key.sign(b"m", &[], Hedge::Hedged).unwrap();
    let second = key.sign(b"m", &[], Hedge::Hedged).unwrap();
    assert_ne!(first, second);
    assert_eq!(public.verify(b"m", &[], &first), Ok(()));
    assert_eq!(public.verify(b"m", &[], &first[1..]), Err(Error::SignatureLength));
    for function in PreHash::ALL {
        let digest = function.digest(b"message");
        let signature = key.sign_digest(function, &digest, &[], Hedge::Hedged).unwrap();
        assert_eq!(public.verify_digest(function, &digest, &[], &signature), Ok(()));
    }
    let sha1 = PreHash::Hash(HashAlg::Sha1);
    let refused = key.sign_digest(sha1, &[0; 20], &[], Hedge::Hedged);
    assert_eq!(refused, Err(Error::Unsupported));

    let encoded = key.to_pkcs8();
    assert_eq!(private_key_kind(&encoded), Ok(KeyKind::SlhDsa(set)));
    let read = SlhDsaPrivateKey::from_pkcs8(&encoded).unwrap();
    assert_eq!(read.as_bytes(), key.as_bytes());
    assert_eq!(SlhDsaPublicKey::from_spki(&public.to_spki()), Ok(public));
    let mut other_root = key.as_bytes().to_vec();
    *other_root.last_mut().unwrap() ^= 1;
    assert!(matches!(SlhDsaPrivateKey::from_bytes(set, &other_root), Err(Error::InvalidKey)));
}
