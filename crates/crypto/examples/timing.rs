//! Times the primitives whose cost the budgets of the project are set against.
//!
//! `cargo run --release -p hsmsim-crypto --example timing` prints the median over batches, in
//! microseconds a call, on one thread, and the ratio that two threads reach.

use std::hint::black_box;
use std::time::{Duration, Instant};

use hsmsim_crypto::aes::{self, AesKey, CipherMode};
use hsmsim_crypto::digest::{HashAlg, hash};
use hsmsim_crypto::ec::{Curve, EcPrivateKey};
use hsmsim_crypto::edwards::Ed25519PrivateKey;
use hsmsim_crypto::mac::{MacAlg, MacKey};
use hsmsim_crypto::rsa::RsaPrivateKey;
use hsmsim_crypto::seal::SealingKey;
use hsmsim_crypto::{Result, kdf, random};

fn main() -> Result<()> {
    let digest = [0x5a; 32];
    let kilobyte = vec![0x5a; 1024];

    for bits in [2048, 3072, 4096] {
        let key = RsaPrivateKey::generate(bits, &[1, 0, 1])?;
        time(&format!("RSA-{bits} sign"), &|| key.sign_pkcs1_hashed(HashAlg::Sha256, &digest));
        let (public, signature) = (key.public()?, key.sign_pkcs1(&digest)?);
        time(&format!("RSA-{bits} verify"), &|| public.verify_pkcs1(&digest, &signature));
    }
    for curve in Curve::ALL {
        let key = EcPrivateKey::generate(curve)?;
        time(&format!("{curve:?} sign"), &|| key.sign_digest(&digest));
        let (public, signature) = (key.public(), key.sign_digest(&digest)?);
        time(&format!("{curve:?} verify"), &|| public.verify_digest(&digest, &signature));
    }
    let key = Ed25519PrivateKey::generate()?;
    time("Ed25519 sign 32 B", &|| key.sign(&digest));

    for alg in [HashAlg::Sha256, HashAlg::Sha3_256] {
        time(&format!("{alg:?} 32 B"), &|| hash(alg, &digest));
        let key = MacKey::new(MacAlg::Hmac(alg), &digest)?;
        time(&format!("HMAC-{alg:?} 32 B"), &|| key.sign(&digest));
    }
    let key = AesKey::new(&digest)?;
    time("AES-256-GCM 1 KiB", &|| aes::gcm_encrypt(&key, &[1; 12], b"", 128, &kilobyte));
    time("AES-256-GCM 1 KiB, IV 16 B", &|| aes::gcm_encrypt(&key, &[1; 16], b"", 128, &kilobyte));
    time("AES-256-CBC 1 KiB", &|| aes::encrypt(CipherMode::Cbc, &key, &[1; 16], &kilobyte));
    time("AES-256-CMAC 32 B", &|| aes::cmac(&key, &digest));
    let key = SealingKey::generate()?;
    time("seal 1 KiB", &|| key.seal(b"aad", &kilobyte));
    time("lookup tag", &|| key.tag(b"label", &digest));
    time("random 32 B", &|| random::fill(&mut [0; 32]));
    time("random 1 KiB", &|| random::fill(&mut [0; 1024]));
    time("PBKDF2 10,000 rounds", &|| {
        kdf::pbkdf2_hmac_sha256(b"12345678", &digest, 10_000, &mut [0; 32])
    });
    Ok(())
}

/// Prints what one call costs on one thread, and how much more two threads do than one.
fn time<T>(name: &str, operation: &(dyn Fn() -> T + Sync)) {
    let one = call_micros(operation);
    let two = std::thread::scope(|scope| {
        let threads = [(); 2].map(|()| scope.spawn(|| call_micros(operation)));
        threads.map(|thread| thread.join().expect("a timing thread panicked"))
    });
    let ratio = one / two[0] + one / two[1];
    println!("{name:28} {one:10.2} µs   two threads {ratio:4.2}x");
}

/// Median over batches of the time of one call, in microseconds.
fn call_micros<T>(operation: &(dyn Fn() -> T + Sync)) -> f64 {
    let mut calls = 1_u32;
    while batch(operation, calls) < Duration::from_millis(5) {
        calls *= 2;
    }
    let mut times: Vec<f64> =
        (0..31).map(|_| batch(operation, calls).as_secs_f64() * 1e6 / f64::from(calls)).collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn batch<T>(operation: &(dyn Fn() -> T + Sync), calls: u32) -> Duration {
    let start = Instant::now();
    for _ in 0..calls {
        black_box(operation());
    }
    start.elapsed()
}
