//! The modes as streams.
//!
//! A stream gives out whatever it can as soon as it has it, so that the length of every output can be
//! told before the data is taken ([`Cipher::update_output_len`]), as the length convention of PKCS#11
//! asks.

use std::fmt;
use std::mem::MaybeUninit;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::blocks::{Blocks, unpadded_len};
use super::counter::Counter;
use super::feedback::Feedback;
use super::stealing::Stealing;
use super::{BLOCK_LEN_MAX, BlockCipher, CipherMode, Direction, iv_block};
use crate::state::{self, Reader};
use crate::{Error, Result};

/// An encryption or decryption in progress. A clone goes on from the same state independently.
#[derive(Clone)]
pub struct Cipher {
    key: Arc<dyn BlockCipher>,
    direction: Direction,
    mode: CipherMode,
    state: State,
}

#[derive(Clone)]
enum State {
    Blocks(Blocks),
    Counter(Counter),
    Feedback(Feedback),
    Stealing(Stealing),
}

impl Cipher {
    /// Starts a stream.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] for an IV of the wrong length or a counter width out of range.
    pub fn new(
        direction: Direction,
        mode: CipherMode,
        key: Arc<dyn BlockCipher>,
        iv: &[u8],
    ) -> Result<Self> {
        let state = State::new(mode, key.block_len(), iv)?;
        Ok(Cipher { key, direction, mode, state })
    }

    /// What [`resume`](Self::resume) goes on from: it may hold a part of the data.
    pub fn state(&self) -> state::State {
        let mut out = state::empty();
        match &self.state {
            State::Blocks(blocks) => blocks.write(&mut out),
            State::Counter(counter) => counter.write(&mut out),
            State::Feedback(feedback) => feedback.write(&mut out),
            State::Stealing(stealing) => stealing.write(&mut out),
        }
        out
    }

    /// Goes on, in a stream that was started with the same key, mode and IV and has taken nothing yet,
    /// from a state that another gave.
    ///
    /// # Errors
    /// [`Error::InvalidState`] for bytes that are no state of it.
    pub fn resume(mut self, state: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(state);
        match &mut self.state {
            State::Blocks(blocks) => blocks.read(&mut reader)?,
            State::Counter(counter) => counter.read(&mut reader)?,
            State::Feedback(feedback) => feedback.read(&mut reader)?,
            State::Stealing(stealing) => stealing.read(&mut reader)?,
        }
        reader.end()?;
        Ok(self)
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
        self.state.update(&*self.key, self.direction, held, data, out)
    }

    /// As [`update`](Self::update), to the beginning of `out`; gives how many bytes were written. `None`, and nothing is
    /// taken, where something is held back before or of the part, or there is too little room.
    ///
    /// # Errors
    /// As [`update`](Self::update).
    pub fn update_to(&mut self, data: &[u8], out: &mut [MaybeUninit<u8>]) -> Result<Option<usize>> {
        let (key, direction, holds_last) = (&*self.key, self.direction, self.holds_last_block());
        let Some(out) = out.get_mut(..data.len()) else { return Ok(None) };
        let is_written = match &mut self.state {
            State::Blocks(blocks) if !holds_last => blocks.update_to(key, direction, data, out)?,
            State::Counter(counter) => counter.update_to(key, data, out).map(|()| true)?,
            State::Feedback(feedback) => {
                let data = out.write_copy_of_slice(data);
                feedback.update_in_place(key, direction, data).map(|()| true)?
            }
            State::Blocks(_) | State::Stealing(_) => false,
        };
        Ok(is_written.then_some(data.len()))
    }

    /// Ends the stream and returns the rest: empty except with padding or stealing.
    ///
    /// # Errors
    /// [`Error::InvalidLength`] when a part of a block is left that nothing pads, when a padded
    /// ciphertext is empty, or when there is too little to steal from; [`Error::DecryptFailed`] for
    /// bad padding.
    pub fn finish(mut self) -> Result<Vec<u8>> {
        let padded = self.mode == CipherMode::CbcPad;
        self.state.finish(&*self.key, self.direction, padded)
    }

    /// How many bytes [`update`](Self::update) would return for so much input.
    pub fn update_output_len(&self, input_len: usize) -> usize {
        match &self.state {
            State::Blocks(blocks) => blocks.ready_len(input_len, self.holds_last_block()),
            State::Stealing(stealing) => stealing.ready_len(input_len),
            State::Counter(_) | State::Feedback(_) => input_len,
        }
    }

    /// How many bytes [`finish`](Self::finish) returns at most. Exact, except for a padded
    /// decryption, whose length only its padding tells.
    pub fn finish_output_len_max(&self) -> usize {
        match &self.state {
            State::Stealing(stealing) => stealing.held_len(),
            _ if self.mode == CipherMode::CbcPad => self.key.block_len(),
            _ => 0,
        }
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
pub fn encrypt<C: BlockCipher + ?Sized>(
    mode: CipherMode,
    key: &C,
    iv: &[u8],
    data: &[u8],
) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(data.len() + BLOCK_LEN_MAX);
    whole(Direction::Encrypt, mode, key, iv, data, &mut out)?;
    Ok(out)
}

/// As [`encrypt`], in the message's own place where the mode can do that.
///
/// # Errors
/// As [`encrypt`].
pub fn encrypt_owned<C: BlockCipher + ?Sized>(
    mode: CipherMode,
    key: &C,
    iv: &[u8],
    mut data: Vec<u8>,
) -> Result<Vec<u8>> {
    if !mode.is_of_blocks() {
        return encrypt(mode, key, iv, &data);
    }
    whole_blocks(Direction::Encrypt, mode, key, iv, &mut data)?;
    Ok(data)
}

/// Decrypts a whole message.
///
/// # Errors
/// As [`encrypt`], and [`Error::DecryptFailed`] for bad padding.
pub fn decrypt<C: BlockCipher + ?Sized>(
    mode: CipherMode,
    key: &C,
    iv: &[u8],
    data: &[u8],
) -> Result<Zeroizing<Vec<u8>>> {
    let mut out = Zeroizing::new(Vec::with_capacity(data.len()));
    whole(Direction::Decrypt, mode, key, iv, data, &mut out)?;
    Ok(out)
}

fn whole<C: BlockCipher + ?Sized>(
    direction: Direction,
    mode: CipherMode,
    key: &C,
    iv: &[u8],
    data: &[u8],
    out: &mut Vec<u8>,
) -> Result<()> {
    if mode.is_of_blocks() {
        return whole_blocks_apart(direction, mode, key, iv, data, out);
    }
    let mut state = State::new(mode, key.block_len(), iv)?;
    state.update(key, direction, false, data, out)?;
    let rest = state.finish(key, direction, false)?;
    if !rest.is_empty() {
        out.extend_from_slice(&Zeroizing::new(rest));
    }
    Ok(())
}

/// ECB and CBC in place, without a stream's state: short messages are much of what a token does.
fn whole_blocks<C: BlockCipher + ?Sized>(
    direction: Direction,
    mode: CipherMode,
    key: &C,
    iv: &[u8],
    out: &mut Vec<u8>,
) -> Result<()> {
    let len = key.block_len();
    let mut chain = match mode {
        CipherMode::Ecb if !iv.is_empty() => return Err(Error::InvalidParameter),
        CipherMode::Ecb => None,
        _ => Some(iv_block(iv, len)?),
    };
    let part = out.len() % len;
    match (mode, direction) {
        // At most a block, so that it fits a byte.
        (CipherMode::CbcPad, Direction::Encrypt) => {
            out.resize(out.len() - part + len, (len - part) as u8);
        }
        (CipherMode::CbcPad, Direction::Decrypt) if out.is_empty() => {
            return Err(Error::InvalidLength);
        }
        _ if part != 0 => return Err(Error::InvalidLength),
        _ => {}
    }
    match &mut chain {
        None => key.ecb(direction, out)?,
        Some(chain) => key.cbc(direction, out, chain)?,
    }
    if mode == CipherMode::CbcPad && direction == Direction::Decrypt {
        unpad(out, len)?;
    }
    Ok(())
}

/// Takes the padding off what was decrypted, a block or more.
fn unpad(out: &mut Vec<u8>, block_len: usize) -> Result<()> {
    let before = out.len() - block_len;
    let kept = unpadded_len(&out[before..])?;
    out.truncate(before + kept);
    Ok(())
}

/// As [`whole_blocks`], from `data` to `out`, which is empty; CBC without a copy on the way.
fn whole_blocks_apart<C: BlockCipher + ?Sized>(
    direction: Direction,
    mode: CipherMode,
    key: &C,
    iv: &[u8],
    data: &[u8],
    out: &mut Vec<u8>,
) -> Result<()> {
    let len = key.block_len();
    let (whole, part) = data.split_at(data.len() - data.len() % len);
    let pads = (mode, direction) == (CipherMode::CbcPad, Direction::Encrypt);
    if mode == CipherMode::Ecb || data.is_empty() || !(pads || part.is_empty()) {
        out.extend_from_slice(data);
        return whole_blocks(direction, mode, key, iv, out);
    }
    let mut chain = iv_block(iv, len)?;
    key.cbc_apart(direction, whole, out, &mut chain)?;
    if pads {
        out.extend_from_slice(part);
        // At most a block, so that it fits a byte.
        out.resize(whole.len() + len, (len - part.len()) as u8);
        key.cbc(direction, &mut out[whole.len()..], &mut chain)?;
    } else if mode == CipherMode::CbcPad {
        unpad(out, len)?;
    }
    Ok(())
}

impl State {
    #[inline(always)]
    fn new(mode: CipherMode, block_len: usize, iv: &[u8]) -> Result<Self> {
        let block = || iv_block(iv, block_len);
        Ok(match mode {
            CipherMode::Ecb if iv.is_empty() => State::Blocks(Blocks::new(block_len, None)),
            CipherMode::Ecb => return Err(Error::InvalidParameter),
            CipherMode::Cbc | CipherMode::CbcPad => {
                State::Blocks(Blocks::new(block_len, Some(block()?)))
            }
            CipherMode::Ctr { counter_bits } => {
                State::Counter(Counter::new(block_len, counter_bits, block()?)?)
            }
            CipherMode::Ofb => State::Feedback(Feedback::output(block_len, block()?)),
            CipherMode::Cfb { segment_bits } => {
                State::Feedback(Feedback::cipher(block_len, segment_bits, block()?)?)
            }
            CipherMode::Cts => State::Stealing(Stealing::new(block_len, block()?)),
        })
    }

    fn update<C: BlockCipher + ?Sized>(
        &mut self,
        key: &C,
        direction: Direction,
        hold_last: bool,
        data: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<()> {
        match self {
            State::Blocks(blocks) => blocks.update(key, direction, hold_last, data, out),
            State::Counter(counter) => counter.update(key, data, out),
            State::Feedback(feedback) => feedback.update(key, direction, data, out),
            State::Stealing(stealing) => stealing.update(key, direction, data, out),
        }
    }

    fn finish<C: BlockCipher + ?Sized>(
        &mut self,
        key: &C,
        direction: Direction,
        padded: bool,
    ) -> Result<Vec<u8>> {
        match self {
            State::Blocks(blocks) => match (padded, direction) {
                (false, _) => blocks.finish_unpadded(),
                (true, Direction::Encrypt) => blocks.finish_padded(key),
                (true, Direction::Decrypt) => blocks.finish_unpadding(key),
            },
            State::Stealing(stealing) => stealing.finish(key, direction),
            State::Counter(_) | State::Feedback(_) => Ok(Vec::new()),
        }
    }
}
