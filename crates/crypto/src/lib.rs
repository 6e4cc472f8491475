//! The mechanisms of a PKCS#11 token as plain functions over key material.
//!
//! All cryptography of hsmsim stands behind this one door: no other crate names `ring` or AWS-LC.
//! What is here knows bytes, keys and parameters. It knows no PKCS#11 object, attribute, session or
//! return code, does no input or output, and asks for nothing but memory and the system's random
//! numbers. Which error becomes which `CKR_` code is written beside each variant of [`Error`]; the
//! translation itself belongs to the caller.
//!
//! | module | what for | library |
//! |---|---|---|
//! | [`random`] | system random numbers | ring |
//! | [`digest`] | SHA-1, SHA-2, SHA-3, SHAKE, BLAKE2b, MD5, RIPEMD-160 | ring for whole messages; AWS-LC; keccak for SHA-3 in parts |
//! | [`mac`] | HMAC, CMAC, CBC-MAC, XCBC-MAC, Poly1305 | ring for HMAC of whole messages; [`digest`], [`block`]; AWS-LC |
//! | [`state`] | states of unfinished operations as bytes | |
//! | [`rsa`] | key generation, PKCS#1 v1.5, PSS, OAEP, X9.31, raw | AWS-LC |
//! | [`ec`] | ECDSA over digests, ECDH on the prime curves of NIST, SEC 2, X9.62 and RFC 5639 | AWS-LC |
//! | [`edwards`], [`montgomery`] | Ed25519 (also ctx and ph), X25519 | ring; AWS-LC for static X25519 keys |
//! | [`block`] | the modes of block ciphers: ECB, CBC, CTR, OFB, CFB, CTS | own code where a cipher brings none |
//! | [`aes`] | AES in those modes, GCM, CCM, XTS, key wrap | ring for GCM of the usual shape, AWS-LC for the rest |
//! | [`des`] | DES and triple DES in those modes | AWS-LC |
//! | [`aria`], [`camellia`] | ARIA and Camellia in those modes | RustCrypto |
//! | [`dsa`], [`dh`] | DSA, Diffie-Hellman (PKCS#3, X9.42, MQV), their domain parameters | AWS-LC's DSA and numbers, own code |
//! | [`ml_kem`] | ML-KEM | AWS-LC |
//! | [`ml_dsa`], [`slh_dsa`] | ML-DSA, SLH-DSA and their pre-hashed forms | fips204, fips205; AWS-LC for an external µ |
//! | [`curve448`] | Ed448, X448 | AWS-LC's numbers, own code |
//! | [`hss`] | HSS/LMS | own code over [`digest`] |
//! | [`transport`], [`ecies`] | RSA-AES and ECDH-AES key wrap, ECIES | of this crate |
//! | [`chacha20`] | ChaCha20 as a stream and with Poly1305 | ring; AWS-LC where ring has none |
//! | [`kdf`] | PBKDF2, PKCS#12, X9.63, X9.42, SP 800-56C, HKDF, SP 800-108, TLS, IKE | ring, AWS-LC; [`digest`] and [`mac`] of this crate |
//! | [`otp`] | HOTP | [`mac`] of this crate |
//! | [`seal`] | sealing of objects at rest | ring |
//! | [`asn1`] | the few DER structures that PKCS#11 passes around | own code |
//!
//! Keys are parsed once into a value that is `Send` and `Sync`; callers keep it in an `Arc` and any
//! number of threads use it at once. Secret results come as `Zeroizing<Vec<u8>>`. `Debug` of a
//! private key shows its kind and size, never a value. Key bytes of this crate and all of AWS-LC's
//! are wiped when dropped; ring's prepared keys (HMAC, GCM, Ed25519, sealing) are not, ring has no
//! such thing.

#![deny(unsafe_code)]

pub mod aes;
pub mod aria;
pub mod asn1;
pub mod block;
pub mod camellia;
pub mod chacha20;
pub mod curve448;
pub mod des;
pub mod dh;
pub mod digest;
pub mod dsa;
pub mod ec;
pub mod ecies;
pub mod edwards;
mod error;
#[allow(unsafe_code)]
mod ffi;
mod hmac;
pub mod hss;
pub mod kdf;
pub mod mac;
pub mod ml_dsa;
pub mod ml_kem;
pub mod montgomery;
pub mod otp;
pub mod prehash;
pub mod random;
pub mod rsa;
pub mod seal;
pub mod slh_dsa;
pub mod state;
pub mod transport;

pub use error::{Error, Result};

/// Compares two byte strings in a time that depends on their lengths alone.
///
/// Strings of different length are unequal; the length itself is not hidden.
pub fn constant_time_eq(a: &[u8], b: &[u8]) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(a, b).is_ok()
}
