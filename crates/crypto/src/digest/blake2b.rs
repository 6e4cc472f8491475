//! BLAKE2b (RFC 7693) of RustCrypto, with the output lengths that PKCS#11 names.

use blake2::Blake2b as Fixed;
use blake2::digest::consts::{U20, U32, U48, U64};
use blake2::digest::{Digest, OutputSizeUser};

/// A digest in progress.
#[derive(Clone)]
pub(super) enum Blake2b {
    Bits160(Fixed<U20>),
    Bits256(Fixed<U32>),
    Bits384(Fixed<U48>),
    Bits512(Fixed<U64>),
}

impl Blake2b {
    pub(super) fn update(&mut self, data: &[u8]) {
        match self {
            Blake2b::Bits160(hasher) => hasher.update(data),
            Blake2b::Bits256(hasher) => hasher.update(data),
            Blake2b::Bits384(hasher) => hasher.update(data),
            Blake2b::Bits512(hasher) => hasher.update(data),
        }
    }

    pub(super) fn finish(self) -> Vec<u8> {
        match self {
            Blake2b::Bits160(hasher) => finished(hasher),
            Blake2b::Bits256(hasher) => finished(hasher),
            Blake2b::Bits384(hasher) => finished(hasher),
            Blake2b::Bits512(hasher) => finished(hasher),
        }
    }
}

fn finished<D: Digest + OutputSizeUser>(hasher: D) -> Vec<u8> {
    hasher.finalize().to_vec()
}
