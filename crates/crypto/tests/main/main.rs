//! Tests of the crate through its public interface: published vectors, other programs, misuse.

mod asn1;
mod ciphers;
mod ec;
mod hex;
mod kdf;
mod macs;
mod openssl;
mod rsa;
mod seal;
mod wycheproof;
