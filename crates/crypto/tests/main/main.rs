//! Tests of the crate through its public interface: published vectors, other programs, misuse.

mod asn1;
mod chacha20;
mod ciphers;
mod des;
mod ec;
mod hex;
mod kdf;
mod macs;
mod modes;
mod openssl;
mod openssl_symmetric;
mod postquantum;
mod protocols;
mod rsa;
mod seal;
mod sp800_108;
mod wycheproof;
