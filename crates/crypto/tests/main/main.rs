//! Tests of the crate through its public interface: published vectors, other programs, misuse.

mod asn1;
mod chacha20;
mod ciphers;
mod curve448;
mod des;
mod ec;
mod ecies;
mod finite_field;
mod hex;
mod hss;
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
mod states;
mod transport;
mod wycheproof;
mod x931;
