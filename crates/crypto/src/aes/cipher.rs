//! The plain modes of AES as streams: ECB, CBC without and with PKCS#7 padding, counter mode.
//!
//! A stream gives out whole blocks as soon as it has them, so that the length of every output can be
//! told before the data is taken ([`Cipher::update_output_len`]), as the length convention of PKCS#11
//! asks.

use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::{AesKey, BLOCK_LEN};
use crate::{Error, Result};

/// A mode of operation (NIST SP 800-38A).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CipherMode {
    /// Electronic codebook, without padding; takes no IV. `CKM_AES_ECB`.
    Ecb,
    /// Cipher block chaining, without padding; IV of 16 bytes. `CKM_AES_CBC`.
    Cbc,
    /// Cipher block chaining with PKCS#7 padding; IV of 16 bytes. `CKM_AES_CBC_PAD`.
    CbcPad,
    /// Counter mode; the IV is the first counter block, 16 bytes. `CKM_AES_CTR`.
    Ctr {
        /// How many of the block's lowest bits count, 1 to 128. They wrap without carrying into
        /// the rest; a message of more than 2^`counter_bits` blocks would repeat one and is refused.
        counter_bits: u32,
    },
}

/// Which way a stream goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Plaintext in, ciphertext out.
    Encrypt,
    /// Ciphertext in, plaintext out.
    Decrypt,
}

/// An encryption or decryption in progress. A clone goes on from the same state independently.
#[derive(Clone)]
pub struct Cipher {
    key: Arc<AesKey>,
    direction: Direction,
    mode: CipherMode,
    state: State,
}

#[derive(Clone)]
enum State {
    Blocks(Blocks),
    Counter(Counter),
}

impl Cipher {
    /// Starts a stream.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] for an IV of the wrong length or a counter width out of range.
    pub fn new(
        direction: Direction,
        mode: CipherMode,
        key: Arc<AesKey>,
        iv: &[u8],
    ) -> Result<Self> {
        let state = State::new(mode, iv)?;
        Ok(Cipher { key, direction, mode, state })
    }

    /// Which way this stream goes.
    pub fn direction(&self) -> Direction {
        self.direction
    }

    /// Takes the next part and returns what is ready, [`update_output_len`](Self::update_output_len)
    /// bytes.
    ///
    /// # Errors
    /// [`Error::InvalidLength`] when a counter would repeat; nothing is taken then.
    pub fn update(&mut self, data: &[u8]) -> Result<Vec<u8>> {
        let mut out = Vec::with_capacity(self.update_output_len(data.len()));
        self.update_into(data, &mut out)?;
        Ok(out)
    }

    /// As [`update`](Self::update), appending to `out`.
    ///
    /// # Errors
    /// As [`update`](Self::update).
    pub fn update_into(&mut self, data: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let held = self.holds_last_block();
        match &mut self.state {
            State::Blocks(blocks) => blocks.update(&self.key, self.direction, held, data, out),
            State::Counter(counter) => counter.update(&self.key, data, out),
        }
    }

    /// Ends the stream and returns the rest: empty except with padding.
    ///
    /// # Errors
    /// [`Error::InvalidLength`] when a part of a block is left that nothing pads, or when a padded
    /// ciphertext is empty; [`Error::DecryptFailed`] for bad padding.
    pub fn finish(self) -> Result<Vec<u8>> {
        let padded = self.mode == CipherMode::CbcPad;
        match self.state {
            State::Blocks(blocks) => match (padded, self.direction) {
                (false, _) => blocks.finish_unpadded(),
                (true, Direction::Encrypt) => blocks.finish_padded(&self.key),
                (true, Direction::Decrypt) => blocks.finish_unpadding(&self.key),
            },
            State::Counter(_) => Ok(Vec::new()),
        }
    }

    /// How many bytes [`update`](Self::update) would return for so much input.
    pub fn update_output_len(&self, input_len: usize) -> usize {
        match &self.state {
            State::Blocks(blocks) => blocks.ready_len(input_len, self.holds_last_block()),
            State::Counter(_) => input_len,
        }
    }

    /// How many bytes [`finish`](Self::finish) returns at most. Exact, except for a padded
    /// decryption, whose length only its padding tells.
    pub fn finish_output_len_max(&self) -> usize {
        if self.mode == CipherMode::CbcPad { BLOCK_LEN } else { 0 }
    }

    /// The last block of a padded ciphertext is padding until more follows.
    fn holds_last_block(&self) -> bool {
        self.mode == CipherMode::CbcPad && self.direction == Direction::Decrypt
    }
}

impl fmt::Debug for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cipher")
            .field("direction", &self.direction)
            .field("mode", &self.mode)
            .finish_non_exhaustive()
    }
}

/// Encrypts a whole message.
///
/// # Errors
/// [`Error::InvalidParameter`] for IV or counter width, [`Error::InvalidLength`] for a length the
/// mode cannot take.
pub fn encrypt(mode: CipherMode, key: &AesKey, iv: &[u8], data: &[u8]) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(data.len() + BLOCK_LEN);
    match State::new(mode, iv)? {
        State::Blocks(mut blocks) => {
            blocks.update(key, Direction::Encrypt, false, data, &mut out)?;
            let rest = match mode {
                CipherMode::CbcPad => blocks.finish_padded(key),
                _ => blocks.finish_unpadded(),
            };
            out.extend_from_slice(&rest?);
        }
        State::Counter(mut counter) => counter.update(key, data, &mut out)?,
    }
    Ok(out)
}

/// Decrypts a whole message.
///
/// # Errors
/// As [`encrypt`], and [`Error::DecryptFailed`] for bad padding.
pub fn decrypt(
    mode: CipherMode,
    key: &AesKey,
    iv: &[u8],
    data: &[u8],
) -> Result<Zeroizing<Vec<u8>>> {
    let mut out = Zeroizing::new(Vec::with_capacity(data.len()));
    match State::new(mode, iv)? {
        State::Blocks(mut blocks) => {
            let padded = mode == CipherMode::CbcPad;
            blocks.update(key, Direction::Decrypt, padded, data, &mut out)?;
            let rest = if padded { blocks.finish_unpadding(key) } else { blocks.finish_unpadded() };
            out.extend_from_slice(&Zeroizing::new(rest?));
        }
        State::Counter(mut counter) => counter.update(key, data, &mut out)?,
    }
    Ok(out)
}

impl State {
    fn new(mode: CipherMode, iv: &[u8]) -> Result<Self> {
        let block = || iv.try_into().map_err(|_| Error::InvalidParameter);
        Ok(match mode {
            CipherMode::Ecb if iv.is_empty() => State::Blocks(Blocks::new(None)),
            CipherMode::Ecb => return Err(Error::InvalidParameter),
            CipherMode::Cbc | CipherMode::CbcPad => State::Blocks(Blocks::new(Some(block()?))),
            CipherMode::Ctr { counter_bits } => {
                State::Counter(Counter::new(counter_bits, block()?)?)
            }
        })
    }
}

/// ECB and CBC: what is left of the last block, and what the next one is chained to.
#[derive(Clone)]
struct Blocks {
    chain: Option<[u8; BLOCK_LEN]>,
    /// The first `pending_len` bytes are less than a block, or a whole one that is held back.
    pending: Zeroizing<[u8; BLOCK_LEN]>,
    pending_len: usize,
}

impl Blocks {
    fn new(chain: Option<[u8; BLOCK_LEN]>) -> Self {
        Blocks { chain, pending: Zeroizing::new([0; BLOCK_LEN]), pending_len: 0 }
    }

    /// How much can be given out once `input_len` bytes more are there.
    fn ready_len(&self, input_len: usize, hold_last: bool) -> usize {
        let available = self.pending_len + input_len;
        let available = if hold_last { available.saturating_sub(1) } else { available };
        available - available % BLOCK_LEN
    }

    fn update(
        &mut self,
        key: &AesKey,
        direction: Direction,
        hold_last: bool,
        data: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let ready = self.ready_len(data.len(), hold_last);
        if ready == 0 {
            self.hold(data);
            return Ok(());
        }
        // What is ready begins with all that is pending, since that is at most a block.
        let (now, later) = data.split_at(ready - self.pending_len);
        let start = out.len();
        out.reserve(ready);
        out.extend_from_slice(&self.pending[..self.pending_len]);
        out.extend_from_slice(now);
        self.pending_len = 0;
        self.hold(later);
        self.crypt(key, direction, &mut out[start..])
    }

    /// Keeps data for later; together with what is pending it is at most a block.
    fn hold(&mut self, data: &[u8]) {
        let end = self.pending_len + data.len();
        self.pending[self.pending_len..end].copy_from_slice(data);
        self.pending_len = end;
    }

    /// Works on whole blocks, in place.
    fn crypt(&mut self, key: &AesKey, direction: Direction, data: &mut [u8]) -> Result<()> {
        match (direction, &mut self.chain) {
            (Direction::Encrypt, None) => key.encryption()?.ecb(data),
            (Direction::Encrypt, Some(chain)) => key.encryption()?.cbc(data, chain),
            (Direction::Decrypt, None) => key.decryption()?.ecb(data),
            (Direction::Decrypt, Some(chain)) => key.decryption()?.cbc(data, chain),
        }
        Ok(())
    }

    fn finish_unpadded(self) -> Result<Vec<u8>> {
        if self.pending_len == 0 { Ok(Vec::new()) } else { Err(Error::InvalidLength) }
    }

    fn finish_padded(mut self, key: &AesKey) -> Result<Vec<u8>> {
        let mut last = self.pending.to_vec();
        // 1 to 16, as a whole block is never pending when encrypting.
        let pad = BLOCK_LEN - self.pending_len;
        last[self.pending_len..].fill(pad as u8);
        self.crypt(key, Direction::Encrypt, &mut last)?;
        Ok(last)
    }

    fn finish_unpadding(mut self, key: &AesKey) -> Result<Vec<u8>> {
        if self.pending_len != BLOCK_LEN {
            return Err(Error::InvalidLength);
        }
        let mut last = self.pending.clone();
        self.crypt(key, Direction::Decrypt, &mut *last)?;
        let pad = usize::from(last[BLOCK_LEN - 1]);
        // Every byte is looked at whatever the others are, so that time tells nothing about which
        // one is wrong.
        let mut wrong = usize::from(pad == 0) | usize::from(pad > BLOCK_LEN);
        for (index, byte) in last.iter().enumerate() {
            let in_padding = usize::from(index + pad >= BLOCK_LEN);
            wrong |= in_padding & usize::from(usize::from(*byte) != pad);
        }
        if wrong != 0 {
            return Err(Error::DecryptFailed);
        }
        Ok(last[..BLOCK_LEN - pad].to_vec())
    }
}

/// Counter mode: the next counter block and what is left of the last one's keystream.
#[derive(Clone)]
struct Counter {
    next: u128,
    /// The bits that count.
    mask: u128,
    /// Blocks that may still be made; `None` when their number is beyond any message.
    blocks_left: Option<u128>,
    keystream: Zeroizing<[u8; BLOCK_LEN]>,
    /// Bytes of `keystream` not yet used, at its end.
    unused: usize,
}

impl Counter {
    fn new(counter_bits: u32, block: [u8; BLOCK_LEN]) -> Result<Self> {
        if !(1..=128).contains(&counter_bits) {
            return Err(Error::InvalidParameter);
        }
        Ok(Counter {
            next: u128::from_be_bytes(block),
            mask: u128::MAX >> (128 - counter_bits),
            blocks_left: 1_u128.checked_shl(counter_bits),
            keystream: Zeroizing::new([0; BLOCK_LEN]),
            unused: 0,
        })
    }

    fn update(&mut self, key: &AesKey, data: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let new_blocks = data.len().saturating_sub(self.unused).div_ceil(BLOCK_LEN) as u128;
        if let Some(left) = &mut self.blocks_left {
            *left = left.checked_sub(new_blocks).ok_or(Error::InvalidLength)?;
        }
        let schedule = key.encryption()?;
        let start = out.len();
        out.extend_from_slice(data);

        let rest = &mut out[start..];
        let (head, rest) = rest.split_at_mut(self.unused.min(rest.len()));
        self.apply_keystream(head);

        let (mut whole, tail) = rest.split_at_mut(rest.len() - rest.len() % BLOCK_LEN);
        while !whole.is_empty() {
            // The library counts through all 128 bits, so a run ends where the counter wraps.
            let until_wrap = (self.mask - (self.next & self.mask)).saturating_add(1);
            let blocks = until_wrap.min((whole.len() / BLOCK_LEN) as u128);
            // At most the number of blocks of a slice.
            let (run, following) = whole.split_at_mut(blocks as usize * BLOCK_LEN);
            schedule.ctr(run, self.next.to_be_bytes());
            self.advance(blocks);
            whole = following;
        }

        if !tail.is_empty() {
            *self.keystream = self.next.to_be_bytes();
            schedule.block(&mut self.keystream);
            self.advance(1);
            self.unused = BLOCK_LEN;
            self.apply_keystream(tail);
        }
        Ok(())
    }

    /// Uses up what is left of the keystream; `data` is not longer than that.
    fn apply_keystream(&mut self, data: &mut [u8]) {
        let from = BLOCK_LEN - self.unused;
        for (byte, key) in data.iter_mut().zip(&self.keystream[from..]) {
            *byte ^= key;
        }
        self.unused -= data.len();
    }

    /// Counts on within the bits that count.
    fn advance(&mut self, blocks: u128) {
        let counted = self.next.wrapping_add(blocks) & self.mask;
        self.next = (self.next & !self.mask) | counted;
    }
}
