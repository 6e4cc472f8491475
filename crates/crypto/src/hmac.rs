//! HMAC (RFC 2104) over any digest of this crate, for those that neither ring nor AWS-LC takes.

use zeroize::Zeroizing;

use crate::block::xor;
use crate::digest::{HashAlg, Hasher, hash};

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
        self.outer.update(&Zeroizing::new(self.inner.finish()));
        self.outer.finish()
    }
}
