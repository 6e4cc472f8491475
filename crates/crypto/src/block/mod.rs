//! Block ciphers behind one interface, and the modes of operation that serve all of them.
//!
//! A cipher implements [`BlockCipher`]; everything here works over it, whether its block has 16 bytes
//! or 8. The streams are in `stream.rs`, what they are made of in `blocks.rs` (ECB, CBC),
//! `counter.rs` (CTR), `feedback.rs` (OFB, CFB) and `stealing.rs` (CTS); the MACs that chain blocks
//! are in `mac.rs` and come out through [`crate::mac`].

mod blocks;
mod counter;
mod feedback;
pub(crate) mod mac;
pub(crate) mod rustcrypto;
mod stealing;
mod stream;

use std::fmt;
use std::mem::MaybeUninit;
use std::sync::Arc;

use zeroize::{Zeroize, Zeroizing};

pub(crate) use self::blocks::unpadded_len;
pub(crate) use self::rustcrypto::block_cipher_of_three_key_lengths;
pub use self::stream::{Cipher, decrypt, encrypt, encrypt_owned};
use crate::aes::AesKey;
use crate::aria::AriaKey;
use crate::camellia::CamelliaKey;
use crate::des::DesKey;
use crate::state::Reader;
use crate::{Error, Result};

/// Bytes of the largest block there is.
pub const BLOCK_LEN_MAX: usize = 16;

/// A block, or as many of the first bytes as the cipher's block has.
pub type Block = [u8; BLOCK_LEN_MAX];

/// Which way a cipher goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Plaintext in, ciphertext out.
    Encrypt,
    /// Ciphertext in, plaintext out.
    Decrypt,
}

/// A mode of operation (NIST SP 800-38A and its addendum). An IV has one block, 16 bytes or 8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CipherMode {
    /// Electronic codebook, without padding; takes no IV. `CKM_AES_ECB`, `CKM_DES3_ECB` and so on.
    Ecb,
    /// Cipher block chaining, without padding. `CKM_AES_CBC`.
    Cbc,
    /// Cipher block chaining with PKCS#7 padding. `CKM_AES_CBC_PAD`.
    CbcPad,
    /// Counter mode; the IV is the first counter block. `CKM_AES_CTR`, Luna's `CKM_DES3_CTR`.
    Ctr {
        /// How many of the block's lowest bits count, 1 to all. They wrap without carrying into
        /// the rest; a message of more than 2^`counter_bits` blocks would repeat one and is refused.
        counter_bits: u32,
    },
    /// Output feedback of whole blocks. `CKM_AES_OFB`, `CKM_DES_OFB64`.
    Ofb,
    /// Cipher feedback. `CKM_AES_CFB1`, `_CFB8`, `_CFB64`, `_CFB128`, `CKM_DES_CFB8`, `_CFB64`.
    Cfb {
        /// Bits that are fed back at a time: 1, or a multiple of 8 up to the block.
        segment_bits: u32,
    },
    /// Cipher block chaining with ciphertext stealing, the last two blocks in their usual order
    /// (CBC-CS1); takes data of a block or more. `CKM_AES_CTS`.
    Cts,
}

impl CipherMode {
    /// Whether it works on one whole block after the other, all of them in place.
    fn is_of_blocks(self) -> bool {
        matches!(self, Self::Ecb | Self::Cbc | Self::CbcPad)
    }
}

/// A key of a block cipher, with everything prepared that the modes need.
///
/// Buffers of data are whole blocks and, but for [`cbc_apart`](Self::cbc_apart), are worked on in place. A key
/// is shared by any number of streams and threads.
pub trait BlockCipher: fmt::Debug + Send + Sync {
    /// Bytes of a block: 8 or 16.
    fn block_len(&self) -> usize;

    /// Works on each block by itself.
    ///
    /// # Errors
    /// [`Error::Internal`], never in practice; so with the other functions here.
    fn ecb(&self, direction: Direction, data: &mut [u8]) -> Result<()>;

    /// Chains blocks; `chain` is the IV, and is left as the IV of what follows.
    ///
    /// # Errors
    /// As [`ecb`](Self::ecb).
    fn cbc(&self, direction: Direction, data: &mut [u8], chain: &mut Block) -> Result<()> {
        let len = self.block_len();
        for block in data.chunks_exact_mut(len) {
            match direction {
                Direction::Encrypt => {
                    xor(block, &chain[..len]);
                    self.ecb(direction, block)?;
                    chain[..len].copy_from_slice(block);
                }
                Direction::Decrypt => {
                    let mut next = [0; BLOCK_LEN_MAX];
                    next[..len].copy_from_slice(block);
                    self.ecb(direction, block)?;
                    xor(block, &chain[..len]);
                    *chain = next;
                }
            }
        }
        Ok(())
    }

    /// Chains whole blocks from one place to the end of another.
    ///
    /// # Errors
    /// As [`ecb`](Self::ecb).
    fn cbc_apart(
        &self,
        direction: Direction,
        data: &[u8],
        out: &mut Vec<u8>,
        chain: &mut Block,
    ) -> Result<()> {
        let start = out.len();
        out.extend_from_slice(data);
        self.cbc(direction, &mut out[start..], chain)
    }

    /// As [`cbc`](Self::cbc), from one place to another of the same length.
    ///
    /// # Errors
    /// As [`ecb`](Self::ecb).
    fn cbc_into(
        &self,
        direction: Direction,
        data: &[u8],
        out: &mut [MaybeUninit<u8>],
        chain: &mut Block,
    ) -> Result<()> {
        self.cbc(direction, out.write_copy_of_slice(data), chain)
    }

    /// As [`ctr`](Self::ctr), from one place to another of the same length.
    ///
    /// # Errors
    /// As [`ecb`](Self::ecb).
    fn ctr_into(&self, data: &[u8], out: &mut [MaybeUninit<u8>], counter: Block) -> Result<()> {
        self.ctr(out.write_copy_of_slice(data), counter)
    }

    /// Adds the keystream of consecutive counter blocks. The counter counts through the whole
    /// block: the caller ends a run before a narrower one wraps.
    ///
    /// # Errors
    /// As [`ecb`](Self::ecb).
    fn ctr(&self, data: &mut [u8], counter: Block) -> Result<()> {
        let len = self.block_len();
        let mut next = block_number(&counter, len);
        let mut keystream = Zeroizing::new(vec![0; data.len()]);
        for block in keystream.chunks_exact_mut(len) {
            block.copy_from_slice(&block_of(next, len)[..len]);
            next = next.wrapping_add(1);
        }
        self.ecb(Direction::Encrypt, &mut keystream)?;
        xor(data, &keystream);
        Ok(())
    }
}

/// The block ciphers of this crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BlockAlg {
    /// AES (FIPS 197): 16, 24 or 32 bytes.
    Aes,
    /// DES and its double and triple forms (FIPS 46-3, SP 800-67): 8, 16 or 24 bytes.
    Des,
    /// ARIA (RFC 5794): 16, 24 or 32 bytes.
    Aria,
    /// Camellia (RFC 3713): 16, 24 or 32 bytes.
    Camellia,
}

impl BlockAlg {
    /// Every block cipher of this crate.
    pub const ALL: [BlockAlg; 4] =
        [BlockAlg::Aes, BlockAlg::Des, BlockAlg::Aria, BlockAlg::Camellia];

    /// Bytes of a block.
    pub const fn block_len(self) -> usize {
        match self {
            BlockAlg::Aes | BlockAlg::Aria | BlockAlg::Camellia => 16,
            BlockAlg::Des => 8,
        }
    }

    /// Prepares a key.
    ///
    /// # Errors
    /// [`Error::KeySize`].
    pub fn key(self, key: &[u8]) -> Result<Arc<dyn BlockCipher>> {
        Ok(match self {
            BlockAlg::Aes => Arc::new(AesKey::new(key)?),
            BlockAlg::Des => Arc::new(DesKey::new(key)?),
            BlockAlg::Aria => Arc::new(AriaKey::new(key)?),
            BlockAlg::Camellia => Arc::new(CamelliaKey::new(key)?),
        })
    }
}

/// An IV of one block.
pub(crate) fn iv_block(iv: &[u8], block_len: usize) -> Result<Block> {
    if iv.len() != block_len {
        return Err(Error::InvalidParameter);
    }
    let mut block = [0; BLOCK_LEN_MAX];
    block[..block_len].copy_from_slice(iv);
    Ok(block)
}

/// The number that a block of this length is, most significant byte first.
fn block_number(block: &Block, block_len: usize) -> u128 {
    u128::from_be_bytes(*block) >> (8 * (BLOCK_LEN_MAX - block_len))
}

/// The block of this length that a number is; bits above the block are lost.
fn block_of(number: u128, block_len: usize) -> Block {
    (number << (8 * (BLOCK_LEN_MAX - block_len))).to_be_bytes()
}

/// Adds `other` to as many bytes of `data`.
pub(crate) fn xor(data: &mut [u8], other: &[u8]) {
    for (byte, other) in data.iter_mut().zip(other) {
        *byte ^= other;
    }
}

/// A small buffer that holds data until there is enough of it, and wipes itself.
#[derive(Clone)]
pub(crate) struct Pending<const N: usize> {
    bytes: [u8; N],
    pub(crate) len: usize,
}

impl<const N: usize> Pending<N> {
    pub(crate) fn new() -> Self {
        Pending { bytes: [0; N], len: 0 }
    }

    /// Its part of a state: how much it holds, and that.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        // At most two blocks.
        out.push(self.len as u8);
        out.extend_from_slice(self.as_slice());
    }

    /// Reads what `write` wrote, `most` bytes at most.
    pub(crate) fn read(reader: &mut Reader<'_>, most: usize) -> Result<Self> {
        let mut this = Self::new();
        let len = reader.up_to(most.min(N))?;
        this.hold(reader.take(len)?);
        Ok(this)
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// Keeps data; together with what is here it fits the buffer.
    pub(crate) fn hold(&mut self, data: &[u8]) {
        let end = self.len + data.len();
        self.bytes[self.len..end].copy_from_slice(data);
        self.len = end;
    }

    /// Moves the first `ready` bytes of what is here and of `data` to `out`, and keeps the rest,
    /// which fits the buffer. Returns where in `out` they start.
    pub(crate) fn release(&mut self, ready: usize, data: &[u8], out: &mut Vec<u8>) -> usize {
        let start = out.len();
        out.reserve(ready);
        let held = self.len.min(ready);
        out.extend_from_slice(&self.bytes[..held]);
        self.bytes.copy_within(held..self.len, 0);
        self.len -= held;
        let (now, later) = data.split_at(ready - held);
        out.extend_from_slice(now);
        self.hold(later);
        start
    }
}

impl<const N: usize> Drop for Pending<N> {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}
