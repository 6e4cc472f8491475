//! ChaCha20 as a stream and with Poly1305, in the three variants that PKCS#11 tells apart by the
//! length of the nonce (PKCS#11 v3.1, 6.63 and 6.67).
//!
//! | nonce | variant | counter |
//! |---|---|---|
//! | 8 bytes | the original | 64 bits |
//! | 12 bytes | RFC 8439 | 32 bits |
//! | 24 bytes | XChaCha20: the first 16 bytes and the key make another key | 64 bits |
//!
//! The authenticated form is in `aead.rs`. Poly1305 alone is [`crate::mac::MacAlg::Poly1305`].

mod aead;

use std::fmt;

use zeroize::Zeroizing;

use crate::ffi::chacha::chacha20;
use crate::state::{self, Reader};
use crate::{Error, Result};

pub use self::aead::{chacha20_poly1305_open, chacha20_poly1305_seal};

/// Bytes of a key.
pub const KEY_LEN: usize = 32;
/// Bytes of keystream for each count.
const BLOCK_LEN: usize = 64;
/// The first row of ChaCha20's state (RFC 8439, 2.3).
const CONSTANT: &[u8; 16] = b"expand 32-byte k";

/// A ChaCha20 key.
pub struct ChaCha20Key {
    bytes: Zeroizing<[u8; KEY_LEN]>,
    aead: aead::Prepared,
}

impl ChaCha20Key {
    /// Takes a key of 32 bytes.
    ///
    /// # Errors
    /// [`Error::KeySize`] for another length.
    pub fn new(key: &[u8]) -> Result<Self> {
        let bytes = Zeroizing::new(key.try_into().map_err(|_| Error::KeySize)?);
        Ok(ChaCha20Key { bytes, aead: aead::Prepared::default() })
    }

    /// The key.
    pub fn bytes(&self) -> &[u8] {
        &*self.bytes
    }
}

impl fmt::Debug for ChaCha20Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChaCha20Key").finish_non_exhaustive()
    }
}

/// A keystream in progress; both directions are the same. A clone goes on from the same state
/// independently. `CKM_CHACHA20`.
#[derive(Clone)]
pub struct ChaCha20 {
    /// Of XChaCha20, the key that was made.
    key: Zeroizing<[u8; KEY_LEN]>,
    /// What stands beside the counter: 12 bytes, or 8 where the counter has 64 bits.
    nonce: Nonce,
    /// Of the next block.
    count: u64,
    /// Blocks that may still be made.
    blocks_left: u128,
    keystream: Zeroizing<[u8; BLOCK_LEN]>,
    /// Bytes of `keystream` not yet used, at its end.
    unused: usize,
}

#[derive(Clone, Copy)]
enum Nonce {
    Narrow([u8; 12]),
    Wide([u8; 8]),
}

impl ChaCha20 {
    /// Starts a stream at a block of 64 bytes.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] for a nonce that has not 8, 12 or 24 bytes, or a count that does
    /// not fit 32 bits beside a nonce of 12 bytes.
    pub fn new(key: &ChaCha20Key, nonce: &[u8], count: u64) -> Result<Self> {
        let (key, nonce) = match (nonce.len(), nonce.split_first_chunk()) {
            (24, Some((head, tail))) => (hchacha20(&key.bytes, head), tail),
            _ => (key.bytes.clone(), nonce),
        };
        let (nonce, blocks) = if let Ok(wide) = nonce.try_into() {
            (Nonce::Wide(wide), 1 << 64)
        } else {
            let narrow = nonce.try_into().map_err(|_| Error::InvalidParameter)?;
            (Nonce::Narrow(narrow), 1 << 32)
        };
        let blocks_left = u128::checked_sub(blocks, u128::from(count));
        Ok(ChaCha20 {
            key,
            nonce,
            count,
            blocks_left: blocks_left.filter(|left| *left > 0).ok_or(Error::InvalidParameter)?,
            keystream: Zeroizing::new([0; BLOCK_LEN]),
            unused: 0,
        })
    }

    /// What [`resume`](Self::resume) goes on from: it may hold keystream.
    pub fn state(&self) -> state::State {
        let mut out = state::empty();
        out.extend_from_slice(&self.count.to_be_bytes());
        out.extend_from_slice(&self.blocks_left.to_be_bytes());
        out.extend_from_slice(&*self.keystream);
        // At most a block.
        out.push(self.unused as u8);
        out
    }

    /// Goes on, in a stream that was started with the same key and nonce and has taken nothing yet, from
    /// a state that another gave.
    ///
    /// # Errors
    /// [`Error::InvalidState`] for bytes that are no state of it.
    pub fn resume(mut self, state: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(state);
        self.count = u64::from_be_bytes(reader.array()?);
        self.blocks_left = u128::from_be_bytes(reader.array()?).min(self.blocks_left);
        *self.keystream = reader.array()?;
        self.unused = reader.up_to(BLOCK_LEN)?;
        reader.end()?;
        Ok(self)
    }

    /// Adds keystream to the next part of the message.
    ///
    /// # Errors
    /// [`Error::DataTooLarge`] when the counter would wrap; nothing is taken then.
    pub fn update(&mut self, data: &[u8]) -> Result<Vec<u8>> {
        let mut out = data.to_vec();
        self.apply(&mut out)?;
        Ok(out)
    }

    /// As [`update`](Self::update), in place.
    ///
    /// # Errors
    /// As [`update`](Self::update).
    pub fn apply(&mut self, data: &mut [u8]) -> Result<()> {
        let new_blocks = data.len().saturating_sub(self.unused).div_ceil(BLOCK_LEN) as u128;
        let left = self.blocks_left.checked_sub(new_blocks).ok_or(Error::DataTooLarge)?;
        self.blocks_left = left;

        let (head, rest) = data.split_at_mut(self.unused.min(data.len()));
        self.use_up(head);
        let (mut whole, tail) = rest.split_at_mut(rest.len() - rest.len() % BLOCK_LEN);
        while !whole.is_empty() {
            // The library counts 32 bits, so a run ends where they wrap.
            let until_wrap = (1 << 32) - (self.count & u64::from(u32::MAX));
            let blocks = until_wrap.min((whole.len() / BLOCK_LEN) as u64);
            // At most the number of blocks of a slice.
            let (run, following) = whole.split_at_mut(blocks as usize * BLOCK_LEN);
            self.run(run);
            self.count = self.count.wrapping_add(blocks);
            whole = following;
        }
        if !tail.is_empty() {
            let mut block = Zeroizing::new([0; BLOCK_LEN]);
            self.run(&mut *block);
            self.keystream = block;
            self.count = self.count.wrapping_add(1);
            self.unused = BLOCK_LEN;
            self.use_up(tail);
        }
        Ok(())
    }

    /// Uses up what is left of the keystream; `data` is not longer than that.
    fn use_up(&mut self, data: &mut [u8]) {
        crate::block::xor(data, &self.keystream[BLOCK_LEN - self.unused..]);
        self.unused -= data.len();
    }

    /// Adds keystream from the present count.
    fn run(&self, data: &mut [u8]) {
        let mut nonce = [0; 12];
        match &self.nonce {
            Nonce::Narrow(narrow) => nonce = *narrow,
            // The counter's upper half stands where the nonce of the narrow variant begins.
            Nonce::Wide(wide) => {
                nonce[..4].copy_from_slice(&((self.count >> 32) as u32).to_le_bytes());
                nonce[4..].copy_from_slice(wide);
            }
        }
        chacha20(data, &self.key, &nonce, self.count as u32);
    }
}

impl fmt::Debug for ChaCha20 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChaCha20").field("count", &self.count).finish_non_exhaustive()
    }
}

/// The key that XChaCha20 works with (draft-irtf-cfrg-xchacha, 2.2): the first and last row of the
/// state after the rounds. The library gives them only with the state before the rounds added, which
/// is known and taken off again.
fn hchacha20(key: &[u8; KEY_LEN], nonce: &[u8; 16]) -> Zeroizing<[u8; KEY_LEN]> {
    let mut block = Zeroizing::new([0; BLOCK_LEN]);
    // The state's last row is the counter and the nonce of RFC 8439; here all of it is nonce.
    let [a, b, c, d, rest @ ..] = nonce;
    chacha20(&mut *block, key, rest, u32::from_le_bytes([*a, *b, *c, *d]));
    let mut derived = Zeroizing::new([0; KEY_LEN]);
    let (first, last) = (&block[..16], &block[48..]);
    let sums = first.as_chunks().0.iter().chain(last.as_chunks().0);
    let added = CONSTANT.as_chunks().0.iter().chain(nonce.as_chunks().0);
    for (word, (sum, added)) in derived.as_chunks_mut().0.iter_mut().zip(sums.zip(added)) {
        *word = u32::from_le_bytes(*sum).wrapping_sub(u32::from_le_bytes(*added)).to_le_bytes();
    }
    derived
}
