//! ECB and CBC, without and with padding.

use std::mem::MaybeUninit;

use super::{BLOCK_LEN_MAX, Block, BlockCipher, Direction, Pending};
use crate::state::Reader;
use crate::{Error, Result};

/// What is left of the last block, and what the next one is chained to.
#[derive(Clone)]
pub(super) struct Blocks {
    block_len: usize,
    /// `None` for ECB.
    chain: Option<Block>,
    /// Less than a block, or a whole one that is held back.
    pending: Pending<BLOCK_LEN_MAX>,
}

impl Blocks {
    #[inline]
    pub(super) fn new(block_len: usize, chain: Option<Block>) -> Self {
        Blocks { block_len, chain, pending: Pending::new() }
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        self.chain.iter().for_each(|chain| out.extend_from_slice(chain));
        self.pending.write(out);
    }

    pub(super) fn read(&mut self, reader: &mut Reader<'_>) -> Result<()> {
        if let Some(chain) = &mut self.chain {
            *chain = reader.array()?;
        }
        self.pending = Pending::read(reader, self.block_len)?;
        Ok(())
    }

    /// How much can be given out once `input_len` bytes more are there.
    pub(super) fn ready_len(&self, input_len: usize, hold_last: bool) -> usize {
        let available = self.pending.len + input_len;
        let available = if hold_last { available.saturating_sub(1) } else { available };
        available - available % self.block_len
    }

    pub(super) fn update<C: BlockCipher + ?Sized>(
        &mut self,
        key: &C,
        direction: Direction,
        hold_last: bool,
        data: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let ready = self.ready_len(data.len(), hold_last);
        if ready == 0 {
            self.pending.hold(data);
            return Ok(());
        }
        let start = self.pending.release(ready, data, out);
        self.crypt(key, direction, &mut out[start..])
    }

    /// From one place to another, if it is whole blocks that nothing is left before. Whether it was.
    pub(super) fn update_to<C: BlockCipher + ?Sized>(
        &mut self,
        key: &C,
        direction: Direction,
        data: &[u8],
        out: &mut [MaybeUninit<u8>],
    ) -> Result<bool> {
        if self.pending.len > 0 || !data.len().is_multiple_of(self.block_len) {
            return Ok(false);
        }
        match &mut self.chain {
            None => key.ecb(direction, out.write_copy_of_slice(data))?,
            Some(chain) => key.cbc_into(direction, data, out, chain)?,
        }
        Ok(true)
    }

    /// Works on whole blocks, in place.
    fn crypt<C: BlockCipher + ?Sized>(
        &mut self,
        key: &C,
        direction: Direction,
        data: &mut [u8],
    ) -> Result<()> {
        match &mut self.chain {
            None => key.ecb(direction, data),
            Some(chain) => key.cbc(direction, data, chain),
        }
    }

    pub(super) fn finish_unpadded(&mut self) -> Result<Vec<u8>> {
        if self.pending.len == 0 { Ok(Vec::new()) } else { Err(Error::InvalidLength) }
    }

    pub(super) fn finish_padded<C: BlockCipher + ?Sized>(&mut self, key: &C) -> Result<Vec<u8>> {
        let pad = self.block_len - self.pending.len;
        let mut last = Vec::with_capacity(self.block_len);
        last.extend_from_slice(self.pending.as_slice());
        // At most a block, so that it fits a byte.
        last.resize(self.block_len, pad as u8);
        self.crypt(key, Direction::Encrypt, &mut last)?;
        Ok(last)
    }

    pub(super) fn finish_unpadding<C: BlockCipher + ?Sized>(&mut self, key: &C) -> Result<Vec<u8>> {
        let block_len = self.block_len;
        if self.pending.len != block_len {
            return Err(Error::InvalidLength);
        }
        let mut pending = self.pending.clone();
        let last = &mut pending.bytes[..block_len];
        self.crypt(key, Direction::Decrypt, last)?;
        Ok(last[..unpadded_len(last)?].to_vec())
    }
}

/// Length of what stands before the PKCS#7 padding of a last block.
///
/// Every byte is looked at whatever the others are, so that time tells nothing about which one is
/// wrong.
pub(crate) fn unpadded_len(last: &[u8]) -> Result<usize> {
    let block_len = last.len();
    let pad = usize::from(last[block_len - 1]);
    let mut wrong = usize::from(pad == 0) | usize::from(pad > block_len);
    for (index, byte) in last.iter().enumerate() {
        let in_padding = usize::from(index + pad >= block_len);
        wrong |= in_padding & usize::from(usize::from(*byte) != pad);
    }
    if wrong == 0 { Ok(block_len - pad) } else { Err(Error::DecryptFailed) }
}
