//! Message digests: SHA-1, the SHA-2 family with its truncated forms, SHA-3.

use ring::digest as ring_digest;

use crate::ffi::digest::MdContext;

/// A hash function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HashAlg {
    /// SHA-1 (FIPS 180-4).
    Sha1,
    /// SHA-224 (FIPS 180-4).
    Sha224,
    /// SHA-256 (FIPS 180-4).
    Sha256,
    /// SHA-384 (FIPS 180-4).
    Sha384,
    /// SHA-512 (FIPS 180-4).
    Sha512,
    /// SHA-512/224 (FIPS 180-4, 5.3.6.1).
    Sha512_224,
    /// SHA-512/256 (FIPS 180-4, 5.3.6.2).
    Sha512_256,
    /// SHA3-224 (FIPS 202).
    Sha3_224,
    /// SHA3-256 (FIPS 202).
    Sha3_256,
    /// SHA3-384 (FIPS 202).
    Sha3_384,
    /// SHA3-512 (FIPS 202).
    Sha3_512,
}

impl HashAlg {
    /// Every hash function of this crate.
    pub const ALL: [HashAlg; 11] = [
        HashAlg::Sha1,
        HashAlg::Sha224,
        HashAlg::Sha256,
        HashAlg::Sha384,
        HashAlg::Sha512,
        HashAlg::Sha512_224,
        HashAlg::Sha512_256,
        HashAlg::Sha3_224,
        HashAlg::Sha3_256,
        HashAlg::Sha3_384,
        HashAlg::Sha3_512,
    ];

    /// Length of the digest in bytes.
    pub const fn output_len(self) -> usize {
        match self {
            HashAlg::Sha1 => 20,
            HashAlg::Sha224 | HashAlg::Sha512_224 | HashAlg::Sha3_224 => 28,
            HashAlg::Sha256 | HashAlg::Sha512_256 | HashAlg::Sha3_256 => 32,
            HashAlg::Sha384 | HashAlg::Sha3_384 => 48,
            HashAlg::Sha512 | HashAlg::Sha3_512 => 64,
        }
    }

    /// Length of the compression function's block in bytes (for SHA-3 the rate), as HMAC uses it.
    pub const fn block_len(self) -> usize {
        match self {
            HashAlg::Sha1 | HashAlg::Sha224 | HashAlg::Sha256 => 64,
            HashAlg::Sha384 | HashAlg::Sha512 | HashAlg::Sha512_224 | HashAlg::Sha512_256 => 128,
            HashAlg::Sha3_224 => 144,
            HashAlg::Sha3_256 => 136,
            HashAlg::Sha3_384 => 104,
            HashAlg::Sha3_512 => 72,
        }
    }

    /// ring's name for it, where ring has it.
    fn in_ring(self) -> Option<&'static ring_digest::Algorithm> {
        match self {
            HashAlg::Sha1 => Some(&ring_digest::SHA1_FOR_LEGACY_USE_ONLY),
            HashAlg::Sha256 => Some(&ring_digest::SHA256),
            HashAlg::Sha384 => Some(&ring_digest::SHA384),
            HashAlg::Sha512 => Some(&ring_digest::SHA512),
            HashAlg::Sha512_256 => Some(&ring_digest::SHA512_256),
            _ => None,
        }
    }
}

/// A digest in progress. A clone goes on from the same state independently.
#[derive(Clone)]
pub struct Hasher {
    alg: HashAlg,
    state: State,
}

#[derive(Clone)]
#[expect(clippy::large_enum_variant, reason = "a box would cost every digest an allocation")]
enum State {
    Ring(ring_digest::Context),
    AwsLc(MdContext),
}

impl Hasher {
    /// Starts a digest.
    pub fn new(alg: HashAlg) -> Self {
        let state = match alg.in_ring() {
            Some(algorithm) => State::Ring(ring_digest::Context::new(algorithm)),
            None => State::AwsLc(MdContext::new(alg)),
        };
        Hasher { alg, state }
    }

    /// The hash function this digest was started with.
    pub fn alg(&self) -> HashAlg {
        self.alg
    }

    /// Takes the next part of the message.
    pub fn update(&mut self, data: &[u8]) {
        match &mut self.state {
            State::Ring(context) => context.update(data),
            State::AwsLc(context) => context.update(data),
        }
    }

    /// Ends the message and returns its digest, [`HashAlg::output_len`] bytes.
    pub fn finish(self) -> Vec<u8> {
        match self.state {
            State::Ring(context) => context.finish().as_ref().to_vec(),
            State::AwsLc(context) => context.finish(),
        }
    }
}

impl std::fmt::Debug for Hasher {
    /// Shows the function only: an unfinished digest may be of a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hasher").field("alg", &self.alg).finish_non_exhaustive()
    }
}

/// The digest of a whole message.
pub fn hash(alg: HashAlg, data: &[u8]) -> Vec<u8> {
    match alg.in_ring() {
        Some(algorithm) => ring_digest::digest(algorithm, data).as_ref().to_vec(),
        None => {
            let mut hasher = Hasher::new(alg);
            hasher.update(data);
            hasher.finish()
        }
    }
}
