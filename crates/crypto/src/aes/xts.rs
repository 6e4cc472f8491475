//! AES-XTS (IEEE 1619, NIST SP 800-38E): the cipher of storage sectors.
//!
//! A message is one data unit. Its blocks are enciphered between two additions of a tweak, which
//! is the data unit's enciphered number, doubled from block to block; the last part of a block is
//! stolen for as in CTS, so that the last block and what stands before it are worked on at the end.

use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::{AesKey, BLOCK_LEN, Direction};
use crate::block::{BlockCipher, Pending, xor};
use crate::state::{self, Reader};
use crate::{Error, Result};

/// Blocks that a data unit may have at most (SP 800-38E, 4).
const BLOCKS_MAX: u64 = 1 << 20;
/// Blocks worked on at a time, so that their tweaks need little room.
const RUN: usize = 64;

/// A key of AES-XTS: one AES key for the data, one for the tweak.
pub struct XtsKey {
    data: AesKey,
    tweak: AesKey,
}

impl XtsKey {
    /// Takes a key of 32 or 64 bytes, whose halves are two AES keys.
    ///
    /// # Errors
    /// [`Error::KeySize`] for another length, [`Error::InvalidKey`] for equal halves, which would
    /// void what XTS promises (FIPS 140 Implementation Guidance, A.9).
    pub fn new(key: &[u8]) -> Result<Self> {
        if !matches!(key.len(), 32 | 64) {
            return Err(Error::KeySize);
        }
        let (data, tweak) = key.split_at(key.len() / 2);
        if crate::constant_time_eq(data, tweak) {
            return Err(Error::InvalidKey);
        }
        Ok(XtsKey { data: AesKey::new(data)?, tweak: AesKey::new(tweak)? })
    }
}

impl fmt::Debug for XtsKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = 8 * 2 * self.data.bytes().len();
        f.debug_struct("XtsKey").field("bits", &bits).finish_non_exhaustive()
    }
}

/// A data unit in progress. A clone goes on from the same state independently.
#[derive(Clone)]
pub struct XtsCipher {
    key: Arc<XtsKey>,
    state: State,
}

impl XtsCipher {
    /// Starts a data unit with its number, 16 bytes, the least significant first.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] for another length.
    pub fn new(direction: Direction, key: Arc<XtsKey>, data_unit: &[u8]) -> Result<Self> {
        let state = State::new(direction, &key, data_unit)?;
        Ok(XtsCipher { key, state })
    }

    /// What [`resume`](Self::resume) goes on from: it may hold a part of the data.
    pub fn state(&self) -> state::State {
        let mut out = state::empty();
        out.extend_from_slice(&self.state.tweak.to_le_bytes());
        out.extend_from_slice(&self.state.blocks_left.to_be_bytes());
        self.state.pending.write(&mut out);
        out
    }

    /// Goes on, in a data unit that was started with the same key and number and has taken nothing yet,
    /// from a state that another gave.
    ///
    /// # Errors
    /// [`Error::InvalidState`] for bytes that are no state of it.
    pub fn resume(mut self, state: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(state);
        *self.state.tweak = u128::from_le_bytes(reader.array()?);
        self.state.blocks_left = u64::from_be_bytes(reader.array()?).min(BLOCKS_MAX);
        // Less than two blocks.
        self.state.pending = Pending::read(&mut reader, 2 * BLOCK_LEN - 1)?;
        reader.end()?;
        Ok(self)
    }

    /// Which way this stream goes.
    pub fn direction(&self) -> Direction {
        self.state.direction
    }

    /// Takes the next part and returns what is ready, [`update_output_len`](Self::update_output_len)
    /// bytes.
    ///
    /// # Errors
    /// [`Error::DataTooLarge`] above 2^20 blocks.
    pub fn update(&mut self, data: &[u8]) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        self.state.update(&self.key, data, &mut out)?;
        Ok(out)
    }

    /// Ends the data unit and returns the rest.
    ///
    /// # Errors
    /// [`Error::InvalidLength`] for a data unit of less than a block.
    pub fn finish(mut self) -> Result<Vec<u8>> {
        self.state.finish(&self.key)
    }

    /// How many bytes [`update`](Self::update) would return for so much input.
    pub fn update_output_len(&self, input_len: usize) -> usize {
        self.state.ready_len(input_len)
    }

    /// How many bytes [`finish`](Self::finish) returns.
    pub fn finish_output_len_max(&self) -> usize {
        self.state.pending.len
    }
}

impl fmt::Debug for XtsCipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("XtsCipher").field("direction", &self.direction()).finish_non_exhaustive()
    }
}

/// Encrypts a data unit of at least 16 bytes. `CKM_AES_XTS`.
///
/// # Errors
/// [`Error::InvalidParameter`] for a data unit number that has not 16 bytes,
/// [`Error::InvalidLength`], [`Error::DataTooLarge`].
pub fn xts_encrypt(key: &XtsKey, data_unit: &[u8], data: &[u8]) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(data.len());
    whole(Direction::Encrypt, key, data_unit, data, &mut out)?;
    Ok(out)
}

/// Decrypts a data unit.
///
/// # Errors
/// As [`xts_encrypt`].
pub fn xts_decrypt(key: &XtsKey, data_unit: &[u8], data: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
    let mut out = Zeroizing::new(Vec::with_capacity(data.len()));
    whole(Direction::Decrypt, key, data_unit, data, &mut out)?;
    Ok(out)
}

fn whole(
    direction: Direction,
    key: &XtsKey,
    data_unit: &[u8],
    data: &[u8],
    out: &mut Vec<u8>,
) -> Result<()> {
    let mut state = State::new(direction, key, data_unit)?;
    state.update(key, data, out)?;
    out.extend_from_slice(&Zeroizing::new(state.finish(key)?));
    Ok(())
}

#[derive(Clone)]
struct State {
    direction: Direction,
    /// The tweak of the next block, least significant byte first.
    tweak: Zeroizing<u128>,
    blocks_left: u64,
    /// Less than two blocks, and once there was a whole one, at least that.
    pending: Pending<{ 2 * BLOCK_LEN }>,
}

impl State {
    fn new(direction: Direction, key: &XtsKey, data_unit: &[u8]) -> Result<Self> {
        let mut tweak: [u8; BLOCK_LEN] =
            data_unit.try_into().map_err(|_| Error::InvalidParameter)?;
        key.tweak.ecb(Direction::Encrypt, &mut tweak)?;
        let tweak = Zeroizing::new(u128::from_le_bytes(tweak));
        Ok(State { direction, tweak, blocks_left: BLOCKS_MAX, pending: Pending::new() })
    }

    /// All but a last block and the part that may come after it.
    fn ready_len(&self, input_len: usize) -> usize {
        let available = self.pending.len + input_len;
        (available - available % BLOCK_LEN).saturating_sub(BLOCK_LEN)
    }

    fn update(&mut self, key: &XtsKey, data: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let ready = self.ready_len(data.len());
        let left = self.blocks_left.checked_sub((ready / BLOCK_LEN) as u64);
        self.blocks_left = left.ok_or(Error::DataTooLarge)?;
        let start = self.pending.release(ready, data, out);
        self.crypt(key, &mut out[start..])
    }

    fn finish(&mut self, key: &XtsKey) -> Result<Vec<u8>> {
        let mut data = self.pending.as_slice().to_vec();
        if data.len() < BLOCK_LEN {
            return Err(Error::InvalidLength);
        }
        if data.len() as u64 > self.blocks_left.saturating_mul(BLOCK_LEN as u64) {
            return Err(Error::DataTooLarge);
        }
        let part = data.len() - BLOCK_LEN;
        if part == 0 {
            self.crypt(key, &mut data)?;
            return Ok(data);
        }
        // Decrypting needs the tweaks of the last two blocks the other way round.
        let first = *self.tweak;
        if self.direction == Direction::Decrypt {
            *self.tweak = doubled(first);
        }
        self.crypt(key, &mut data[..BLOCK_LEN])?;
        // The part is filled up from the end of the whole block, and the two change places.
        let (whole, rest) = data.split_at_mut(BLOCK_LEN);
        whole[..part].swap_with_slice(rest);
        if self.direction == Direction::Decrypt {
            *self.tweak = first;
        }
        self.crypt(key, &mut data[..BLOCK_LEN])?;
        Ok(data)
    }

    /// Works on whole blocks, in place.
    fn crypt(&mut self, key: &XtsKey, data: &mut [u8]) -> Result<()> {
        let mut tweaks = Zeroizing::new([0; RUN * BLOCK_LEN]);
        for run in data.chunks_mut(tweaks.len()) {
            let tweaks = &mut tweaks[..run.len()];
            for tweak in tweaks.chunks_exact_mut(BLOCK_LEN) {
                tweak.copy_from_slice(&self.tweak.to_le_bytes());
                *self.tweak = doubled(*self.tweak);
            }
            xor(run, tweaks);
            key.data.ecb(self.direction, run)?;
            xor(run, tweaks);
        }
        Ok(())
    }
}

/// Multiplication by x in the field of 2^128 elements (IEEE 1619, 5.2).
fn doubled(tweak: u128) -> u128 {
    (tweak << 1) ^ ((tweak >> 127) * 0x87)
}
