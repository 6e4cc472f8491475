//! HMAC (RFC 2104) over any digest of this crate: messages in parts, and whole ones whose digest
//! ring's HMAC does not have.

use zeroize::Zeroizing;

use crate::Result;
use crate::block::xor;
use crate::digest::{HashAlg, Hasher, hash};
use crate::state::State;

/// An HMAC in progress; before the first update, a prepared key.
#[derive(Clone)]
pub(crate) struct Hmac {
    inner: Hasher,
    outer: Hasher,
}

impl Hmac {
    pub(crate) fn new(alg: HashAlg, key: &[u8]) -> Self {
        let mut block = Zeroizing::new(vec![0; alg.block_len()]);
        if key.len() > block.len() {
            let digest = Zeroizing::new(hash(alg, key));
            block[..digest.len()].copy_from_slice(&digest);
        } else {
            block[..key.len()].copy_from_slice(key);
        }
        let started = |pad| {
            let mut padded = Zeroizing::new(vec![pad; block.len()]);
            xor(&mut padded, &block);
            let mut hasher = Hasher::new(alg);
            hasher.update(&padded);
            hasher
        };
        Hmac { inner: started(0x36), outer: started(0x5c) }
    }

    pub(crate) fn update(&mut self, data: &[u8]) {
        self.inner.update(data);
    }

    pub(crate) fn finish(mut self) -> Vec<u8> {
        let len = self.inner.alg().output_len();
        self.outer.update(&Zeroizing::new(self.inner.finish_array())[..len]);
        self.outer.finish()
    }

    /// The inner digest's; the outer one follows from the key.
    pub(crate) fn state(&self) -> State {
        self.inner.state()
    }

    /// Goes on from a state with this key.
    pub(crate) fn resume(&self, state: &[u8]) -> Result<Self> {
        let inner = Hasher::resume(self.inner.alg(), state)?;
        Ok(Hmac { inner, outer: self.outer.clone() })
    }
}
