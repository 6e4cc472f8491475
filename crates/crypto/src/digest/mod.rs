//! Message digests: MD5, RIPEMD-160, SHA-1, the SHA-2 family with its truncated forms, SHA-3, BLAKE2b;
//! and SHAKE, in `xof.rs`.

mod blake2b;
mod xof;

use blake2::digest::Digest;
use ring::digest as ring_digest;

use self::blake2b::Blake2b;
pub use self::xof::{Xof, XofHasher, XofReader, expand};
use crate::ffi::digest::{Md, MdContext};
use crate::ffi::sha512t::Sha512TContext;
use crate::{Error, Result};

/// A hash function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HashAlg {
    /// MD5 (RFC 1321), broken; for what is old.
    Md5,
    /// RIPEMD-160 (ISO/IEC 10118-3).
    Ripemd160,
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
    /// BLAKE2b with 160 bits of output (RFC 7693), without a key.
    Blake2b160,
    /// BLAKE2b with 256 bits of output.
    Blake2b256,
    /// BLAKE2b with 384 bits of output.
    Blake2b384,
    /// BLAKE2b with 512 bits of output.
    Blake2b512,
    /// SHA-512/t with any t (FIPS 180-4, 5.3.6). `CKM_SHA512_T`.
    Sha512T(TruncationBits),
}

/// Bits of a SHA-512 with its own initial value and its digest truncated: the t of SHA-512/t.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TruncationBits(u16);

impl TruncationBits {
    /// # Errors
    /// [`Error::InvalidParameter`] for 0, 384 (which is SHA-384's, with an initial value of its own)
    /// and from 512 on.
    pub fn new(bits: u64) -> Result<Self> {
        match u16::try_from(bits) {
            Ok(bits @ (1..=383 | 385..=511)) => Ok(TruncationBits(bits)),
            _ => Err(Error::InvalidParameter),
        }
    }

    /// How many bits the digest has. It is written in whole bytes, the last one filled up with zeros.
    pub const fn bits(self) -> u16 {
        self.0
    }
}

impl HashAlg {
    /// Every hash function of this crate but those of [`HashAlg::Sha512T`].
    pub const ALL: [HashAlg; 17] = [
        HashAlg::Md5,
        HashAlg::Ripemd160,
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
        HashAlg::Blake2b160,
        HashAlg::Blake2b256,
        HashAlg::Blake2b384,
        HashAlg::Blake2b512,
    ];

    /// Length of the digest in bytes.
    pub const fn output_len(self) -> usize {
        match self {
            HashAlg::Md5 => 16,
            HashAlg::Sha1 | HashAlg::Ripemd160 | HashAlg::Blake2b160 => 20,
            HashAlg::Sha224 | HashAlg::Sha512_224 | HashAlg::Sha3_224 => 28,
            HashAlg::Sha256 | HashAlg::Sha512_256 | HashAlg::Sha3_256 | HashAlg::Blake2b256 => 32,
            HashAlg::Sha384 | HashAlg::Sha3_384 | HashAlg::Blake2b384 => 48,
            HashAlg::Sha512 | HashAlg::Sha3_512 | HashAlg::Blake2b512 => 64,
            HashAlg::Sha512T(bits) => (bits.0 as usize).div_ceil(8),
        }
    }

    /// Length of the compression function's block in bytes (for SHA-3 the rate), as HMAC uses it.
    pub const fn block_len(self) -> usize {
        match self {
            HashAlg::Md5
            | HashAlg::Ripemd160
            | HashAlg::Sha1
            | HashAlg::Sha224
            | HashAlg::Sha256 => 64,
            HashAlg::Sha384
            | HashAlg::Sha512
            | HashAlg::Sha512_224
            | HashAlg::Sha512_256
            | HashAlg::Blake2b160
            | HashAlg::Blake2b256
            | HashAlg::Blake2b384
            | HashAlg::Blake2b512
            | HashAlg::Sha512T(_) => 128,
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
    // The rare ones are boxed, so that the others need no more room.
    Sha512T(Box<Sha512TContext>),
    Blake2b(Box<Blake2b>),
}

impl Hasher {
    /// Starts a digest.
    pub fn new(alg: HashAlg) -> Self {
        Hasher { alg, state: State::new(alg) }
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
            State::Sha512T(context) => context.update(data),
            State::Blake2b(hasher) => hasher.update(data),
        }
    }

    /// Ends the message and returns its digest, [`HashAlg::output_len`] bytes.
    pub fn finish(self) -> Vec<u8> {
        match self.state {
            State::Ring(context) => context.finish().as_ref().to_vec(),
            State::AwsLc(context) => context.finish(),
            State::Sha512T(context) => context.finish(),
            State::Blake2b(hasher) => hasher.finish(),
        }
    }
}

impl State {
    fn new(alg: HashAlg) -> Self {
        if let Some(algorithm) = alg.in_ring() {
            return State::Ring(ring_digest::Context::new(algorithm));
        }
        if let Some(md) = Md::of(alg) {
            return State::AwsLc(MdContext::new(md, alg.output_len()));
        }
        State::Blake2b(Box::new(match alg {
            HashAlg::Sha512T(bits) => return State::Sha512T(Box::new(Sha512TContext::new(bits.0))),
            HashAlg::Blake2b160 => Blake2b::Bits160(Digest::new()),
            HashAlg::Blake2b256 => Blake2b::Bits256(Digest::new()),
            HashAlg::Blake2b384 => Blake2b::Bits384(Digest::new()),
            _ => Blake2b::Bits512(Digest::new()),
        }))
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
