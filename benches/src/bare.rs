//! The same work without a module around it: what a call cannot be faster than.
//!
//! Each yardstick is the faster of ring and AWS-LC for its case, with the key parsed beforehand.

#![forbid(unsafe_code)]

use std::{hint::black_box, path::Path};

use aws_lc_rs::{
    cipher::{AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey},
    digest as aws_digest,
    iv::FixedLength,
    rand as aws_rand,
    rsa::KeySize,
    signature::{
        self, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
        EcdsaSigningAlgorithm, KeyPair, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
        RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaKeyPair,
    },
};
use ring::{
    aead, digest, hmac,
    rand::{SecureRandom, SystemRandom},
};

use crate::cases::{Runner, repeat};

const MESSAGE: [u8; 32] = [0x5a; 32];
const KEY: [u8; 32] = [0xa5; 32];

/// The work of a yardstick fails only if the machine is broken.
const SOUND: &str = "the primitive works";

fn runner(mut work: impl FnMut() + Send + 'static) -> Runner {
    repeat(move || {
        work();
        Ok(())
    })
    .expect("bare work is not refused")
}

/// 32 random bytes from the system (ring).
pub fn random(_: &Path) -> Runner {
    let random = SystemRandom::new();
    runner(move || {
        let mut out = [0; 32];
        random.fill(&mut out).expect(SOUND);
        black_box(out);
    })
}

/// SHA-256 of 32 bytes (ring).
pub fn sha256(_: &Path) -> Runner {
    runner(|| {
        black_box(digest::digest(&digest::SHA256, black_box(&MESSAGE)));
    })
}

/// HMAC-SHA256 of 32 bytes (ring).
pub fn hmac(_: &Path) -> Runner {
    let key = hmac::Key::new(hmac::HMAC_SHA256, &KEY);
    runner(move || {
        black_box(hmac::sign(&key, black_box(&MESSAGE)));
    })
}

/// AES-256-GCM of 1 KiB in place (ring).
pub fn aes_gcm(_: &Path) -> Runner {
    let key = aead::UnboundKey::new(&aead::AES_256_GCM, &KEY).map(aead::LessSafeKey::new);
    let key = key.expect(SOUND);
    let mut data = [0x5a; 1024];
    runner(move || {
        let nonce = aead::Nonce::assume_unique_for_key([7; 12]);
        let tag = key.seal_in_place_separate_tag(nonce, aead::Aad::empty(), &mut data);
        let _ = black_box(tag.expect(SOUND));
    })
}

/// AES-256-CBC of 1 KiB in place (AWS-LC).
pub fn aes_cbc(_: &Path) -> Runner {
    let key = UnboundCipherKey::new(&AES_256, &KEY).and_then(EncryptingKey::cbc).expect(SOUND);
    let mut data = [0x5a; 1024];
    runner(move || {
        let iv = EncryptionContext::Iv128(FixedLength::from([7; 16]));
        black_box(key.less_safe_encrypt(&mut data, iv).expect(SOUND));
    })
}

/// ECDSA over a given SHA-256 digest with P-256 (AWS-LC).
pub fn p256(_: &Path) -> Runner {
    ecdsa(&ECDSA_P256_SHA256_FIXED_SIGNING, &aws_digest::SHA256)
}

/// ECDSA over a given SHA-384 digest with P-384 (AWS-LC).
pub fn p384(_: &Path) -> Runner {
    ecdsa(&ECDSA_P384_SHA384_FIXED_SIGNING, &aws_digest::SHA384)
}

fn ecdsa(
    algorithm: &'static EcdsaSigningAlgorithm,
    hash: &'static aws_digest::Algorithm,
) -> Runner {
    let key = EcdsaKeyPair::generate(algorithm).expect(SOUND);
    let digest = aws_digest::digest(hash, &MESSAGE);
    runner(move || {
        black_box(key.sign_digest(black_box(&digest)).expect(SOUND));
    })
}

/// RSASSA-PKCS1-v1_5 with 2048 bits over a given SHA-256 digest (AWS-LC).
pub fn rsa_pkcs(_: &Path) -> Runner {
    rsa_sign(&RSA_PKCS1_SHA256)
}

/// RSASSA-PSS with 2048 bits over a given SHA-256 digest (AWS-LC).
pub fn rsa_pss(_: &Path) -> Runner {
    rsa_sign(&RSA_PSS_SHA256)
}

fn rsa_sign(padding: &'static dyn signature::RsaEncoding) -> Runner {
    let key = RsaKeyPair::generate(KeySize::Rsa2048).expect(SOUND);
    let digest = aws_digest::digest(&aws_digest::SHA256, &MESSAGE);
    runner(move || {
        let mut signature = [0; 256];
        key.sign_digest(padding, black_box(&digest), &mut signature).expect(SOUND);
        black_box(signature);
    })
}

/// Verification of RSASSA-PKCS1-v1_5 with 2048 bits over a given SHA-256 digest (AWS-LC).
pub fn rsa_verify(_: &Path) -> Runner {
    let key = RsaKeyPair::generate(KeySize::Rsa2048).expect(SOUND);
    let digest = aws_digest::digest(&aws_digest::SHA256, &MESSAGE);
    let mut signature = [0; 256];
    let random = aws_rand::SystemRandom::new();
    key.sign(&RSA_PKCS1_SHA256, &random, &MESSAGE, &mut signature).expect(SOUND);
    let public = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public_key()).expect(SOUND);
    runner(move || public.verify_digest_sig(black_box(&digest), &signature).expect(SOUND))
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
