//! Message digests: MD5, RIPEMD-160, SHA-1, the SHA-2 family with its truncated forms, SHA-3, BLAKE2b;
//! and SHAKE, in `xof.rs`.

mod sponge;
mod xof;

use std::mem::MaybeUninit;

use ring::digest as ring_digest;

use self::sponge::Sponge;
pub use self::xof::{Xof, XofHasher, XofReader, expand};
use crate::ffi::digest::{Md, MdContext};
use crate::ffi::hashing::{Blake2b, DIGEST_LEN_MAX, Md5, Ripemd160, Sha1, Sha256, Sha512};
use crate::state::{self, Reader};
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
enum State {
    Md5(Md5),
    Ripemd160(Ripemd160),
    Sha1(Sha1),
    Sha256(Sha256),
    Sha512(Sha512),
    Sponge(Sponge),
    Blake2b(Blake2b),
}

/// Does the same with whatever the state is.
macro_rules! each {
    ($state:expr, $inner:ident => $what:expr) => {
        match $state {
            State::Md5($inner) => $what,
            State::Ripemd160($inner) => $what,
            State::Sha1($inner) => $what,
            State::Sha256($inner) => $what,
            State::Sha512($inner) => $what,
            State::Sponge($inner) => $what,
            State::Blake2b($inner) => $what,
        }
    };
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
        each!(&mut self.state, inner => inner.update(data));
    }

    /// Ends the message and returns its digest, [`HashAlg::output_len`] bytes.
    pub fn finish(self) -> Vec<u8> {
        let len = self.alg.output_len();
        self.finish_array()[..len].to_vec()
    }

    /// As [`finish`](Self::finish), with bytes behind the digest that mean nothing.
    pub(crate) fn finish_array(self) -> [u8; DIGEST_LEN_MAX] {
        let mut digest = each!(self.state, inner => inner.finish());
        if let HashAlg::Sha512T(bits) = self.alg
            && let used @ 1.. = bits.0 % 8
        {
            // Filled up with zeros to whole bytes.
            digest[usize::from(bits.0 / 8)] &= 0xff << (8 - used);
        }
        digest
    }

    /// What [`resume`](Self::resume) goes on from: it may hold a part of the message.
    pub fn state(&self) -> state::State {
        let mut out = state::empty();
        each!(&self.state, inner => inner.write(&mut out));
        out
    }

    /// Goes on from a state that a digest with this function gave.
    ///
    /// # Errors
    /// [`Error::InvalidState`] for bytes that are no state of it.
    pub fn resume(alg: HashAlg, state: &[u8]) -> Result<Self> {
        let mut this = Hasher::new(alg);
        let mut reader = Reader::new(state);
        each!(&mut this.state, inner => inner.read(&mut reader))?;
        reader.end()?;
        Ok(this)
    }
}

impl State {
    fn new(alg: HashAlg) -> Self {
        match alg {
            HashAlg::Md5 => State::Md5(Md5::new()),
            HashAlg::Ripemd160 => State::Ripemd160(Ripemd160::new()),
            HashAlg::Sha1 => State::Sha1(Sha1::new()),
            HashAlg::Sha224 => State::Sha256(Sha256::sha224()),
            HashAlg::Sha256 => State::Sha256(Sha256::full()),
            HashAlg::Sha384 => State::Sha512(Sha512::sha384()),
            HashAlg::Sha512 => State::Sha512(Sha512::full()),
            HashAlg::Sha512_224 => State::Sha512(Sha512::sha512_224()),
            HashAlg::Sha512_256 => State::Sha512(Sha512::sha512_256()),
            HashAlg::Sha512T(bits) => State::Sha512(Sha512::truncated(bits.0)),
            HashAlg::Sha3_224 | HashAlg::Sha3_256 | HashAlg::Sha3_384 | HashAlg::Sha3_512 => {
                State::Sponge(Sponge::new(alg))
            }
            HashAlg::Blake2b160
            | HashAlg::Blake2b256
            | HashAlg::Blake2b384
            | HashAlg::Blake2b512 => State::Blake2b(Blake2b::new(alg.output_len())),
        }
    }
}

impl std::fmt::Debug for Hasher {
    /// Shows the function only: an unfinished digest may be of a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hasher").field("alg", &self.alg).finish_non_exhaustive()
    }
}

/// The digest of a whole message, written to the beginning of `room`; gives its length. `None`, and nothing is done, where
/// the digest does not come so, or the room is too little.
pub fn hash_into(alg: HashAlg, data: &[u8], room: &mut [MaybeUninit<u8>]) -> Option<usize> {
    let algorithm = alg.in_ring()?;
    let room = room.get_mut(..algorithm.output_len())?;
    Some(room.write_copy_of_slice(ring_digest::digest(algorithm, data).as_ref()).len())
}

/// The digest of a whole message.
pub fn hash(alg: HashAlg, data: &[u8]) -> Vec<u8> {
    if let Some(algorithm) = alg.in_ring() {
        return ring_digest::digest(algorithm, data).as_ref().to_vec();
    }
    if let Some(md) = Md::sha3(alg) {
        let mut context = MdContext::new(md, alg.output_len());
        context.update(data);
        return context.finish();
    }
    let mut hasher = Hasher::new(alg);
    hasher.update(data);
    hasher.finish()
}
