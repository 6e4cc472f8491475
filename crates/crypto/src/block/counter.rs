//! Counter mode.

use std::mem::MaybeUninit;

use zeroize::Zeroizing;

use super::{BLOCK_LEN_MAX, Block, BlockCipher, Direction, block_number, block_of, xor};
use crate::state::Reader;
use crate::{Error, Result};

/// The next counter block and what is left of the last one's keystream.
#[derive(Clone)]
pub(super) struct Counter {
    block_len: usize,
    next: u128,
    /// The bits that count.
    mask: u128,
    /// Blocks that may still be made; `None` when their number is beyond any message.
    blocks_left: Option<u128>,
    keystream: Zeroizing<Block>,
    /// Bytes of `keystream` not yet used, at its end.
    unused: usize,
}

impl Counter {
    #[inline]
    pub(super) fn new(block_len: usize, counter_bits: u32, block: Block) -> Result<Self> {
        // A block has at most 128 bits.
        if !(1..=8 * block_len as u32).contains(&counter_bits) {
            return Err(Error::InvalidParameter);
        }
        Ok(Counter {
            block_len,
            next: block_number(&block, block_len),
            mask: u128::MAX >> (128 - counter_bits),
            blocks_left: 1_u128.checked_shl(counter_bits),
            keystream: Zeroizing::new([0; BLOCK_LEN_MAX]),
            unused: 0,
        })
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.next.to_be_bytes());
        // Where it is absent it stays so.
        out.extend_from_slice(&self.blocks_left.unwrap_or_default().to_be_bytes());
        out.extend_from_slice(&*self.keystream);
        // At most a block.
        out.push(self.unused as u8);
    }

    pub(super) fn read(&mut self, reader: &mut Reader<'_>) -> Result<()> {
        self.next = u128::from_be_bytes(reader.array()?);
        let left = u128::from_be_bytes(reader.array()?);
        self.blocks_left = self.blocks_left.map(|whole| whole.min(left));
        *self.keystream = reader.array()?;
        self.unused = reader.up_to(self.block_len)?;
        Ok(())
    }

    pub(super) fn update<C: BlockCipher + ?Sized>(
        &mut self,
        key: &C,
        data: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let start = out.len();
        out.extend_from_slice(data);
        let done = self.update_in_place(key, &mut out[start..]);
        if done.is_err() {
            out.truncate(start);
        }
        done
    }

    /// From one place to another.
    pub(super) fn update_to<C: BlockCipher + ?Sized>(
        &mut self,
        key: &C,
        data: &[u8],
        out: &mut [MaybeUninit<u8>],
    ) -> Result<()> {
        let blocks = (data.len() / self.block_len) as u128;
        let is_one_run = self.unused == 0
            && data.len().is_multiple_of(self.block_len)
            && blocks <= self.mask - (self.next & self.mask);
        if !is_one_run {
            return self.update_in_place(key, out.write_copy_of_slice(data));
        }
        self.take(blocks)?;
        key.ctr_into(data, out, block_of(self.next, self.block_len))?;
        self.advance(blocks);
        Ok(())
    }

    /// Counts blocks among those that may still be made.
    fn take(&mut self, blocks: u128) -> Result<()> {
        if let Some(left) = &mut self.blocks_left {
            *left = left.checked_sub(blocks).ok_or(Error::InvalidLength)?;
        }
        Ok(())
    }

    fn update_in_place<C: BlockCipher + ?Sized>(&mut self, key: &C, data: &mut [u8]) -> Result<()> {
        let len = self.block_len;
        let new_blocks = data.len().saturating_sub(self.unused).div_ceil(len) as u128;
        self.take(new_blocks)?;
        let (head, rest) = data.split_at_mut(self.unused.min(data.len()));
        self.apply_keystream(head);

        let (mut whole, tail) = rest.split_at_mut(rest.len() - rest.len() % len);
        while !whole.is_empty() {
            // The cipher counts through the whole block, so a run ends where the counter wraps.
            let until_wrap = (self.mask - (self.next & self.mask)).saturating_add(1);
            let blocks = until_wrap.min((whole.len() / len) as u128);
            // At most the number of blocks of a slice.
            let (run, following) = whole.split_at_mut(blocks as usize * len);
            key.ctr(run, block_of(self.next, len))?;
            self.advance(blocks);
            whole = following;
        }

        if !tail.is_empty() {
            *self.keystream = block_of(self.next, len);
            key.ecb(Direction::Encrypt, &mut self.keystream[..len])?;
            self.advance(1);
            self.unused = len;
            self.apply_keystream(tail);
        }
        Ok(())
    }

    /// Uses up what is left of the keystream; `data` is not longer than that.
    fn apply_keystream(&mut self, data: &mut [u8]) {
        xor(data, &self.keystream[self.block_len - self.unused..]);
        self.unused -= data.len();
    }

    /// Counts on within the bits that count.
    fn advance(&mut self, blocks: u128) {
        let counted = self.next.wrapping_add(blocks) & self.mask;
        self.next = (self.next & !self.mask) | counted;
    }
}
