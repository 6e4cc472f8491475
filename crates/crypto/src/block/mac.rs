//! MACs that chain blocks: CBC-MAC, CMAC (NIST SP 800-38B), XCBC-MAC (RFC 3566).
//!
//! All three chain from a block of zeros and differ in what becomes of the last block.

use std::sync::Arc;

use zeroize::Zeroizing;

use super::{BLOCK_LEN_MAX, Block, BlockCipher, Direction, Pending, block_number, block_of, xor};
use crate::aes::AesKey;
use crate::state::{self, Reader};
use crate::{Error, Result};

/// A MAC in progress; before the first update, a prepared key.
#[derive(Clone)]
pub(crate) struct ChainMac {
    key: Arc<dyn BlockCipher>,
    ending: Ending,
    chain: Block,
    /// Once there was any data, at least a byte of it: the last block is known only at the end.
    pending: Pending<BLOCK_LEN_MAX>,
}

#[derive(Clone)]
enum Ending {
    /// The last block is padded with zeros.
    Zeros,
    /// A block is added to the last one: the first, or if it had to be padded with a one and zeros,
    /// the second.
    Subkeys(Arc<Zeroizing<[Block; 2]>>),
}

impl ChainMac {
    /// CBC-MAC with zeros for padding (ISO/IEC 9797-1, algorithm 1, padding 1), as the `_MAC`
    /// mechanisms of PKCS#11 do it.
    pub(crate) fn cbc_mac(key: Arc<dyn BlockCipher>) -> Result<Self> {
        Self::new(key, Ending::Zeros)
    }

    /// CMAC (SP 800-38B).
    pub(crate) fn cmac(key: Arc<dyn BlockCipher>) -> Result<Self> {
        let len = key.block_len();
        let mut zeros = Zeroizing::new([0; BLOCK_LEN_MAX]);
        key.ecb(Direction::Encrypt, &mut zeros[..len])?;
        let first = doubled(block_number(&zeros, len), len);
        let subkeys = [block_of(first, len), block_of(doubled(first, len), len)];
        Self::new(key, Ending::Subkeys(Arc::new(Zeroizing::new(subkeys))))
    }

    /// AES-XCBC-MAC (RFC 3566, 4), with an AES key of 16 bytes.
    pub(crate) fn xcbc(key: &[u8]) -> Result<Self> {
        if key.len() != 16 {
            return Err(Error::KeySize);
        }
        let key = AesKey::new(key)?;
        let derived = |number| {
            let mut block = Zeroizing::new([number; BLOCK_LEN_MAX]);
            key.ecb(Direction::Encrypt, &mut *block).map(|()| block)
        };
        let chained = Arc::new(AesKey::new(&*derived(1)?)?);
        let subkeys = [*derived(2)?, *derived(3)?];
        Self::new(chained, Ending::Subkeys(Arc::new(Zeroizing::new(subkeys))))
    }

    fn new(key: Arc<dyn BlockCipher>, ending: Ending) -> Result<Self> {
        // What the cipher prepares when first used is there from now on, and nothing can fail later.
        key.ecb(Direction::Encrypt, &mut [0; BLOCK_LEN_MAX])?;
        Ok(ChainMac { key, ending, chain: [0; BLOCK_LEN_MAX], pending: Pending::new() })
    }

    pub(crate) fn update(&mut self, data: &[u8]) {
        let len = self.key.block_len();
        let available = self.pending.len + data.len();
        // The last block stays here.
        let ready = available.saturating_sub(1) / len * len;
        if ready == 0 {
            self.pending.hold(data);
            return;
        }
        let mut blocks = Zeroizing::new(Vec::new());
        self.pending.release(ready, data, &mut blocks);
        self.chain(&mut blocks);
    }

    pub(crate) fn finish(mut self) -> Vec<u8> {
        let len = self.key.block_len();
        let held = self.pending.len;
        let mut last = Zeroizing::new([0; BLOCK_LEN_MAX]);
        last[..held].copy_from_slice(self.pending.as_slice());
        match &self.ending {
            // Nothing at all becomes a block of zeros.
            Ending::Zeros => {}
            Ending::Subkeys(subkeys) if held == len => xor(&mut *last, &subkeys[0]),
            Ending::Subkeys(subkeys) => {
                last[held] = 0x80;
                xor(&mut *last, &subkeys[1]);
            }
        }
        self.chain(&mut last[..len]);
        self.chain[..len].to_vec()
    }

    /// The chained block and what is held of the last one.
    pub(crate) fn state(&self) -> state::State {
        let mut out = state::empty();
        out.extend_from_slice(&self.chain);
        self.pending.write(&mut out);
        out
    }

    /// Goes on from a state with this key.
    pub(crate) fn resume(&self, state: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(state);
        let mut this = self.clone();
        this.chain = reader.array()?;
        this.pending = Pending::read(&mut reader, self.key.block_len())?;
        reader.end()?;
        Ok(this)
    }

    fn chain(&mut self, blocks: &mut [u8]) {
        let done = self.key.cbc(Direction::Encrypt, blocks, &mut self.chain);
        done.expect("a prepared key takes whole blocks");
    }
}

/// Multiplication by x in the field of as many elements as there are blocks (SP 800-38B, 6.1).
fn doubled(number: u128, block_len: usize) -> u128 {
    let reduction = if block_len == 8 { 0x1B } else { 0x87 };
    let top = (number >> (8 * block_len - 1)) & 1;
    (number << 1) ^ (top * reduction)
}
