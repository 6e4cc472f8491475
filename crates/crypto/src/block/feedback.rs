//! Output feedback and cipher feedback.
//!
//! Both turn the block cipher into a keystream of segments. OFB enciphers its own last keystream
//! block; CFB a shift register that the ciphertext moves through. A segment may be left unfinished
//! at the end of the message, and of a part of it.

use zeroize::Zeroizing;

use super::{BLOCK_LEN_MAX, Block, BlockCipher, Direction, xor};
use crate::state::Reader;
use crate::{Error, Result};

/// What the next segment of keystream is made from, and how much of the present one is used.
#[derive(Clone)]
pub(super) struct Feedback {
    block_len: usize,
    /// What is enciphered next: the IV, then what was fed back.
    register: Zeroizing<Block>,
    keystream: Zeroizing<Block>,
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    /// Of whole blocks.
    Output { used: usize },
    /// Of segments of whole bytes.
    Cipher { segment_len: usize, used: usize },
    /// Of single bits.
    CipherBits,
}

impl Feedback {
    pub(super) fn output(block_len: usize, iv: Block) -> Self {
        Self::new(block_len, iv, Kind::Output { used: block_len })
    }

    pub(super) fn cipher(block_len: usize, segment_bits: u32, iv: Block) -> Result<Self> {
        let segment_len = (segment_bits / 8) as usize;
        let kind = match segment_bits {
            1 => Kind::CipherBits,
            _ if segment_bits.is_multiple_of(8) && (1..=block_len).contains(&segment_len) => {
                Kind::Cipher { segment_len, used: segment_len }
            }
            _ => return Err(Error::InvalidParameter),
        };
        Ok(Self::new(block_len, iv, kind))
    }

    fn new(block_len: usize, iv: Block, kind: Kind) -> Self {
        let register = Zeroizing::new(iv);
        Feedback { block_len, register, keystream: Zeroizing::new([0; BLOCK_LEN_MAX]), kind }
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&*self.register);
        out.extend_from_slice(&*self.keystream);
        match self.kind {
            // At most a block.
            Kind::Output { used } | Kind::Cipher { used, .. } => out.push(used as u8),
            Kind::CipherBits => {}
        }
    }

    pub(super) fn read(&mut self, reader: &mut Reader<'_>) -> Result<()> {
        *self.register = reader.array()?;
        *self.keystream = reader.array()?;
        match &mut self.kind {
            Kind::Output { used } => *used = reader.up_to(self.block_len)?,
            Kind::Cipher { segment_len, used } => *used = reader.up_to(*segment_len)?,
            Kind::CipherBits => {}
        }
        Ok(())
    }

    pub(super) fn update<C: BlockCipher + ?Sized>(
        &mut self,
        key: &C,
        direction: Direction,
        data: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let start = out.len();
        out.extend_from_slice(data);
        self.update_in_place(key, direction, &mut out[start..])
    }

    pub(super) fn update_in_place<C: BlockCipher + ?Sized>(
        &mut self,
        key: &C,
        direction: Direction,
        data: &mut [u8],
    ) -> Result<()> {
        match self.kind {
            Kind::Output { used } => self.output_feedback(key, used, data),
            Kind::Cipher { segment_len, used } => {
                self.cipher_feedback(key, direction, segment_len, used, data)
            }
            Kind::CipherBits => self.bit_feedback(key, direction, data),
        }
    }

    fn output_feedback<C: BlockCipher + ?Sized>(
        &mut self,
        key: &C,
        mut used: usize,
        mut data: &mut [u8],
    ) -> Result<()> {
        let len = self.block_len;
        while !data.is_empty() {
            if used == len {
                key.ecb(Direction::Encrypt, &mut self.register[..len])?;
                used = 0;
            }
            let take = data.len().min(len - used);
            let (now, later) = data.split_at_mut(take);
            xor(now, &self.register[used..]);
            used += take;
            data = later;
        }
        self.kind = Kind::Output { used };
        Ok(())
    }

    fn cipher_feedback<C: BlockCipher + ?Sized>(
        &mut self,
        key: &C,
        direction: Direction,
        segment_len: usize,
        mut used: usize,
        mut data: &mut [u8],
    ) -> Result<()> {
        let len = self.block_len;
        while !data.is_empty() {
            if used == segment_len {
                *self.keystream = *self.register;
                key.ecb(Direction::Encrypt, &mut self.keystream[..len])?;
                // What is shifted out makes room for the ciphertext of this segment.
                self.register.copy_within(segment_len..len, 0);
                used = 0;
            }
            let take = data.len().min(segment_len - used);
            let (now, later) = data.split_at_mut(take);
            let at = len - segment_len + used;
            let fed_back = &mut self.register[at..at + take];
            match direction {
                Direction::Encrypt => {
                    xor(now, &self.keystream[used..]);
                    fed_back.copy_from_slice(now);
                }
                Direction::Decrypt => {
                    fed_back.copy_from_slice(now);
                    xor(now, &self.keystream[used..]);
                }
            }
            used += take;
            data = later;
        }
        self.kind = Kind::Cipher { segment_len, used };
        Ok(())
    }

    fn bit_feedback<C: BlockCipher + ?Sized>(
        &mut self,
        key: &C,
        direction: Direction,
        data: &mut [u8],
    ) -> Result<()> {
        let len = self.block_len;
        for byte in data {
            for position in (0..8).rev() {
                *self.keystream = *self.register;
                key.ecb(Direction::Encrypt, &mut self.keystream[..len])?;
                let input = (*byte >> position) & 1;
                let output = input ^ (self.keystream[0] >> 7);
                *byte = (*byte & !(1 << position)) | (output << position);
                let ciphertext = match direction {
                    Direction::Encrypt => output,
                    Direction::Decrypt => input,
                };
                for index in 0..len - 1 {
                    self.register[index] =
                        (self.register[index] << 1) | (self.register[index + 1] >> 7);
                }
                self.register[len - 1] = (self.register[len - 1] << 1) | ciphertext;
            }
        }
        Ok(())
    }
}
