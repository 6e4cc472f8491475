//! The same work without a module around it: what a call cannot be faster than.
//!
//! Each yardstick is the faster of ring and AWS-LC for its case, with the key parsed beforehand.

#![forbid(unsafe_code)]

use std::{hint::black_box, num::NonZeroU32, path::Path};

use aws_lc_rs::{
    aead as aws_aead, agreement,
    cipher::{AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey},
    digest as aws_digest,
    error::Unspecified,
    iv::FixedLength,
    kem, pbkdf2, rand as aws_rand,
    rsa::{
        KeySize, Pkcs1PrivateDecryptingKey, Pkcs1PublicEncryptingKey, PrivateDecryptingKey,
        PublicEncryptingKey,
    },
    signature::{
        self, ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED,
        ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
        EcdsaVerificationAlgorithm, KeyPair, ML_DSA_65, ML_DSA_65_SIGNING, ParsedPublicKey,
        PqdsaKeyPair, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaKeyPair,
    },
};
use ring::{
    aead, digest, hmac,
    rand::{SecureRandom, SystemRandom},
    signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey},
};

use crate::cases::{Runner, repeat};

const MESSAGE: [u8; 32] = [0x5a; 32];
const KEY: [u8; 32] = [0xa5; 32];
/// Rounds of profile `open`.
const PBKDF2_ROUNDS: NonZeroU32 = NonZeroU32::new(4_000).unwrap();

/// The work of a yardstick fails only if the machine is broken.
const SOUND: &str = "the primitive works";

fn runner(mut work: impl FnMut() + Send + 'static) -> Runner {
    repeat(move || {
        work();
        Ok(())
    })
    .expect("bare work is not refused")
}

/// PBKDF2-HMAC-SHA256 of a PIN, as often as hsmsim does it for a login (AWS-LC).
pub fn pbkdf2(_: &Path) -> Runner {
    runner(|| {
        let mut out = [0; 32];
        let algorithm = pbkdf2::PBKDF2_HMAC_SHA256;
        pbkdf2::derive(algorithm, PBKDF2_ROUNDS, &[7; 16], black_box(b"12345678"), &mut out);
        black_box(out);
    })
}

/// Random bytes from the system (ring).
pub fn random<const LEN: usize>(_: &Path) -> Runner {
    let random = SystemRandom::new();
    runner(move || {
        let mut out = [0; LEN];
        random.fill(&mut out).expect(SOUND);
        black_box(out);
    })
}

/// SHA-256 (ring).
pub fn sha256<const LEN: usize>(_: &Path) -> Runner {
    let data = vec![0x5a; LEN];
    runner(move || {
        black_box(digest::digest(&digest::SHA256, black_box(&data)));
    })
}

/// HMAC-SHA256 (ring).
pub fn hmac<const LEN: usize>(_: &Path) -> Runner {
    let key = hmac::Key::new(hmac::HMAC_SHA256, &KEY);
    let data = vec![0x5a; LEN];
    runner(move || {
        black_box(hmac::sign(&key, black_box(&data)));
    })
}

/// AES-256-GCM in place: ring, which is the faster one for short data, AWS-LC for long data.
pub fn aes_gcm<const LEN: usize>(_: &Path) -> Runner {
    if LEN >= 4096 {
        return aes_gcm_long::<LEN>();
    }
    let key = aead::UnboundKey::new(&aead::AES_256_GCM, &KEY).map(aead::LessSafeKey::new);
    let key = key.expect(SOUND);
    let mut data = vec![0x5a; LEN];
    runner(move || {
        let nonce = aead::Nonce::assume_unique_for_key([7; 12]);
        let tag = key.seal_in_place_separate_tag(nonce, aead::Aad::empty(), &mut data);
        let _ = black_box(tag.expect(SOUND));
    })
}

fn aes_gcm_long<const LEN: usize>() -> Runner {
    let key = aws_aead::UnboundKey::new(&aws_aead::AES_256_GCM, &KEY);
    let key = key.map(aws_aead::LessSafeKey::new).expect(SOUND);
    let mut data = vec![0x5a; LEN];
    runner(move || {
        let nonce = aws_aead::Nonce::assume_unique_for_key([7; 12]);
        let tag = key.seal_in_place_separate_tag(nonce, aws_aead::Aad::empty(), &mut data);
        let _ = black_box(tag.expect(SOUND));
    })
}

/// AES-256-CBC in place (AWS-LC).
pub fn aes_cbc<const LEN: usize>(_: &Path) -> Runner {
    aes::<LEN>(EncryptingKey::cbc)
}

/// AES-256-CTR, encryption in place (AWS-LC).
pub fn aes_ctr<const LEN: usize>(_: &Path) -> Runner {
    aes::<LEN>(EncryptingKey::ctr)
}

fn aes<const LEN: usize>(
    mode: impl FnOnce(UnboundCipherKey) -> Result<EncryptingKey, Unspecified>,
) -> Runner {
    let key = UnboundCipherKey::new(&AES_256, &KEY).and_then(mode).expect(SOUND);
    let mut data = vec![0x5a; LEN];
    runner(move || {
        let iv = EncryptionContext::Iv128(FixedLength::from([7; 16]));
        black_box(key.less_safe_encrypt(&mut data, iv).expect(SOUND));
    })
}

/// ECDSA over a given SHA-256 digest with P-256 (AWS-LC).
pub fn p256_sign(_: &Path) -> Runner {
    ecdsa_sign(&ECDSA_P256_SHA256_FIXED_SIGNING, &aws_digest::SHA256)
}

/// Its verification.
pub fn p256_verify(_: &Path) -> Runner {
    let (signing, verifying) = (&ECDSA_P256_SHA256_FIXED_SIGNING, &ECDSA_P256_SHA256_FIXED);
    ecdsa_verify(signing, verifying, &aws_digest::SHA256)
}

/// ECDSA over a given SHA-384 digest with P-384 (AWS-LC).
pub fn p384_sign(_: &Path) -> Runner {
    ecdsa_sign(&ECDSA_P384_SHA384_FIXED_SIGNING, &aws_digest::SHA384)
}

/// Its verification.
pub fn p384_verify(_: &Path) -> Runner {
    let (signing, verifying) = (&ECDSA_P384_SHA384_FIXED_SIGNING, &ECDSA_P384_SHA384_FIXED);
    ecdsa_verify(signing, verifying, &aws_digest::SHA384)
}

fn ecdsa_sign(
    algorithm: &'static EcdsaSigningAlgorithm,
    hash: &'static aws_digest::Algorithm,
) -> Runner {
    let key = EcdsaKeyPair::generate(algorithm).expect(SOUND);
    let digest = aws_digest::digest(hash, &MESSAGE);
    runner(move || {
        black_box(key.sign_digest(black_box(&digest)).expect(SOUND));
    })
}

fn ecdsa_verify(
    signing: &'static EcdsaSigningAlgorithm,
    verifying: &'static EcdsaVerificationAlgorithm,
    hash: &'static aws_digest::Algorithm,
) -> Runner {
    let key = EcdsaKeyPair::generate(signing).expect(SOUND);
    let digest = aws_digest::digest(hash, &MESSAGE);
    let signature = key.sign_digest(&digest).expect(SOUND);
    let public = ParsedPublicKey::new(verifying, key.public_key()).expect(SOUND);
    runner(move || {
        public.verify_digest_sig(black_box(&digest), signature.as_ref()).expect(SOUND);
    })
}

/// Ed25519 of a short message (ring).
pub fn ed25519_sign(_: &Path) -> Runner {
    let key = ed25519_key();
    runner(move || {
        black_box(key.sign(black_box(&MESSAGE)));
    })
}

/// Its verification.
pub fn ed25519_verify(_: &Path) -> Runner {
    let key = ed25519_key();
    let signature = key.sign(&MESSAGE);
    let public = UnparsedPublicKey::new(&ED25519, key.public_key().as_ref().to_vec());
    runner(move || public.verify(black_box(&MESSAGE), signature.as_ref()).expect(SOUND))
}

fn ed25519_key() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&KEY).expect(SOUND)
}

/// ECDH with P-256 (AWS-LC).
pub fn ecdh(_: &Path) -> Runner {
    let new = || agreement::PrivateKey::generate(&agreement::ECDH_P256).expect(SOUND);
    let (own, other) = (new(), new().compute_public_key().expect(SOUND));
    let other = agreement::UnparsedPublicKey::new(&agreement::ECDH_P256, other.as_ref().to_vec());
    runner(move || {
        let secret = agreement::agree(&own, &other, SOUND, |secret| {
            <[u8; 32]>::try_from(secret).map_err(|_| SOUND)
        });
        black_box(secret.expect(SOUND));
    })
}

/// RSASSA-PKCS1-v1_5 over a given SHA-256 digest (AWS-LC).
pub fn rsa_pkcs<const BITS: usize>(_: &Path) -> Runner {
    rsa_sign::<BITS>(&RSA_PKCS1_SHA256)
}

/// RSASSA-PSS over a given SHA-256 digest (AWS-LC).
pub fn rsa_pss<const BITS: usize>(_: &Path) -> Runner {
    rsa_sign::<BITS>(&RSA_PSS_SHA256)
}

fn rsa_sign<const BITS: usize>(padding: &'static dyn signature::RsaEncoding) -> Runner {
    let key = RsaKeyPair::generate(key_size::<BITS>()).expect(SOUND);
    let digest = aws_digest::digest(&aws_digest::SHA256, &MESSAGE);
    let mut signature = vec![0; BITS / 8];
    runner(move || {
        key.sign_digest(padding, black_box(&digest), &mut signature).expect(SOUND);
        black_box(&signature);
    })
}

/// Verification of RSASSA-PKCS1-v1_5 over a given SHA-256 digest (AWS-LC).
pub fn rsa_verify<const BITS: usize>(_: &Path) -> Runner {
    let key = RsaKeyPair::generate(key_size::<BITS>()).expect(SOUND);
    let digest = aws_digest::digest(&aws_digest::SHA256, &MESSAGE);
    let mut signature = vec![0; BITS / 8];
    let random = aws_rand::SystemRandom::new();
    key.sign(&RSA_PKCS1_SHA256, &random, &MESSAGE, &mut signature).expect(SOUND);
    let public = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public_key()).expect(SOUND);
    runner(move || public.verify_digest_sig(black_box(&digest), &signature).expect(SOUND))
}

/// Decryption of RSAES-PKCS1-v1_5 (AWS-LC).
pub fn rsa_decrypt<const BITS: usize>(_: &Path) -> Runner {
    let key = PrivateDecryptingKey::generate(key_size::<BITS>()).expect(SOUND);
    let public: PublicEncryptingKey = key.public_key();
    let mut sealed = vec![0; BITS / 8];
    let public = Pkcs1PublicEncryptingKey::new(public).expect(SOUND);
    public.encrypt(&MESSAGE, &mut sealed).expect(SOUND);
    let key = Pkcs1PrivateDecryptingKey::new(key).expect(SOUND);
    let mut opened = vec![0; BITS / 8];
    runner(move || {
        black_box(key.decrypt(black_box(&sealed), &mut opened).expect(SOUND));
    })
}

fn key_size<const BITS: usize>() -> KeySize {
    if BITS == 4096 { KeySize::Rsa4096 } else { KeySize::Rsa2048 }
}

/// A new RSA key of 2048 bits (AWS-LC).
pub fn rsa_make(_: &Path) -> Runner {
    runner(|| {
        black_box(RsaKeyPair::generate(KeySize::Rsa2048).expect(SOUND));
    })
}

/// A new key on P-256 (AWS-LC).
pub fn p256_make(_: &Path) -> Runner {
    runner(|| {
        black_box(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect(SOUND));
    })
}

/// ML-DSA-65 of a short message (AWS-LC).
pub fn ml_dsa_sign(_: &Path) -> Runner {
    let key = PqdsaKeyPair::generate(&ML_DSA_65_SIGNING).expect(SOUND);
    let mut signature = vec![0; ML_DSA_65_SIGNING.signature_len()];
    runner(move || {
        black_box(key.sign(black_box(&MESSAGE), &mut signature).expect(SOUND));
    })
}

/// Its verification.
pub fn ml_dsa_verify(_: &Path) -> Runner {
    let key = PqdsaKeyPair::generate(&ML_DSA_65_SIGNING).expect(SOUND);
    let mut signature = vec![0; ML_DSA_65_SIGNING.signature_len()];
    key.sign(&MESSAGE, &mut signature).expect(SOUND);
    let public = ParsedPublicKey::new(&ML_DSA_65, key.public_key().as_ref()).expect(SOUND);
    runner(move || public.verify_sig(black_box(&MESSAGE), &signature).expect(SOUND))
}

/// Encapsulation with ML-KEM-768 (AWS-LC).
pub fn encapsulate(_: &Path) -> Runner {
    let key = kem::DecapsulationKey::generate(&kem::ML_KEM_768).expect(SOUND);
    let public = key.encapsulation_key().expect(SOUND);
    runner(move || {
        black_box(public.encapsulate().expect(SOUND));
    })
}

/// Decapsulation with ML-KEM-768 (AWS-LC).
pub fn decapsulate(_: &Path) -> Runner {
    let key = kem::DecapsulationKey::generate(&kem::ML_KEM_768).expect(SOUND);
    let (ciphertext, _) = key.encapsulation_key().and_then(|key| key.encapsulate()).expect(SOUND);
    let ciphertext = ciphertext.as_ref().to_vec();
    runner(move || {
        black_box(key.decapsulate(black_box(&ciphertext[..]).into()).expect(SOUND));
    })
}

/// Two synced commits of one row, one in each of two SQLite files in WAL mode: what writing an
/// object down on two devices costs at least.
pub fn commit_twice(directory: &Path) -> Runner {
    let directory = tempfile::tempdir_in(directory).expect("a directory");
    let stores = ["1.db", "2.db"].map(|name| {
        let store = rusqlite::Connection::open(directory.path().join(name)).expect(SOUND);
        store.pragma_update(None, "journal_mode", "WAL").expect(SOUND);
        store.pragma_update(None, "synchronous", "FULL").expect(SOUND);
        store.execute("CREATE TABLE object (id INTEGER PRIMARY KEY, value BLOB)", ()).expect(SOUND);
        store
    });
    let value = [0x5a; 256];
    runner(move || {
        // The directory lives as long as the work.
        let _ = &directory;
        for store in &stores {
            let mut insert =
                store.prepare_cached("INSERT INTO object (value) VALUES (?1)").expect(SOUND);
            insert.execute((&value[..],)).expect(SOUND);
        }
    })
}
