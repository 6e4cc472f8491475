//! Cipher block chaining with ciphertext stealing, CBC-CS1 of the addendum to NIST SP 800-38A.
//!
//! The ciphertext is as long as the plaintext: the last but one block lends its end to the last one,
//! which is a part. Both are known only at the end, so that one or two blocks are held back.

use zeroize::Zeroizing;

use super::{BLOCK_LEN_MAX, Block, BlockCipher, Direction, Pending, xor};
use crate::state::Reader;
use crate::{Error, Result};

#[derive(Clone)]
pub(super) struct Stealing {
    block_len: usize,
    chain: Block,
    /// Once there was more than two blocks, always more than one.
    pending: Pending<{ 2 * BLOCK_LEN_MAX }>,
}

impl Stealing {
    #[inline]
    pub(super) fn new(block_len: usize, chain: Block) -> Self {
        Stealing { block_len, chain, pending: Pending::new() }
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.chain);
        self.pending.write(out);
    }

    pub(super) fn read(&mut self, reader: &mut Reader<'_>) -> Result<()> {
        self.chain = reader.array()?;
        self.pending = Pending::read(reader, 2 * self.block_len)?;
        Ok(())
    }

    /// How much can be given out once `input_len` bytes more are there.
    pub(super) fn ready_len(&self, input_len: usize) -> usize {
        let (available, len) = (self.pending.len + input_len, self.block_len);
        if available <= 2 * len { 0 } else { (available - len - 1) / len * len }
    }

    /// How much is held back until the end.
    pub(super) fn held_len(&self) -> usize {
        self.pending.len
    }

    pub(super) fn update<C: BlockCipher + ?Sized>(
        &mut self,
        key: &C,
        direction: Direction,
        data: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let ready = self.ready_len(data.len());
        let start = self.pending.release(ready, data, out);
        key.cbc(direction, &mut out[start..], &mut self.chain)
    }

    pub(super) fn finish<C: BlockCipher + ?Sized>(
        &mut self,
        key: &C,
        direction: Direction,
    ) -> Result<Vec<u8>> {
        let len = self.block_len;
        let (held, whole) = (self.pending.len, self.pending.len.is_multiple_of(len));
        if held < len {
            return Err(Error::InvalidLength);
        }
        let mut data = self.pending.as_slice().to_vec();
        if whole {
            key.cbc(direction, &mut data, &mut self.chain)?;
            return Ok(data);
        }
        // More than one block and less than two.
        let part = held - len;
        match direction {
            Direction::Encrypt => {
                data.resize(2 * len, 0);
                key.cbc(direction, &mut data, &mut self.chain)?;
                // The last but one block is cut, its end can be found by deciphering the last one.
                data.drain(part..len);
            }
            Direction::Decrypt => {
                let (stolen_from, last) = data.split_at(part);
                let mut last = Zeroizing::new(last.to_vec());
                key.ecb(direction, &mut last)?;
                // What was deciphered is the cut block xor the padded plaintext: its end is the
                // missing end of the cut block, as the plaintext was padded with zeros.
                let mut first = [stolen_from, &last[part..]].concat();
                xor(&mut last[..part], stolen_from);
                key.cbc(direction, &mut first, &mut self.chain)?;
                first.extend_from_slice(&last[..part]);
                data = first;
            }
        }
        Ok(data)
    }
}
