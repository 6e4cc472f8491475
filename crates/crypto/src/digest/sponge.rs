//! SHA-3 and SHAKE in parts (FIPS 202): the sponge over Keccak's permutation. AWS-LC's, which serves
//! whole messages, does not give its state away.

use zeroize::Zeroize;

use super::{HashAlg, Xof};
use crate::ffi::hashing::DIGEST_LEN_MAX;
use crate::state::Reader;
use crate::{Error, Result};

const LANE: usize = 8;

#[derive(Clone)]
pub(super) struct Sponge {
    lanes: [u64; 25],
    /// Bytes of the block that are taken in, or given out; less than the rate.
    at: usize,
    /// Bytes of a block.
    rate: usize,
    /// The bits that tell SHA-3 from SHAKE, and the first of the padding (FIPS 202, 6 and B.2).
    suffix: u8,
}

impl Sponge {
    pub(super) fn new(alg: HashAlg) -> Self {
        Sponge { lanes: [0; 25], at: 0, rate: alg.block_len(), suffix: 0x06 }
    }

    pub(super) fn shake(xof: Xof) -> Self {
        Sponge { lanes: [0; 25], at: 0, rate: xof.block_len(), suffix: 0x1f }
    }

    pub(super) fn update(&mut self, mut data: &[u8]) {
        while !data.is_empty() {
            if self.at.is_multiple_of(LANE) && data.len() >= LANE {
                let whole = data.len().min(self.rate - self.at) / LANE * LANE;
                let (now, later) = data.split_at(whole);
                let lanes = &mut self.lanes[self.at / LANE..];
                for (lane, bytes) in lanes.iter_mut().zip(now.as_chunks().0) {
                    *lane ^= u64::from_le_bytes(*bytes);
                }
                self.take(whole);
                data = later;
            } else {
                self.add(self.at, data[0]);
                self.take(1);
                data = &data[1..];
            }
        }
    }

    /// So many bytes are in; a full block is worked on.
    fn take(&mut self, len: usize) {
        self.at += len;
        if self.at == self.rate {
            keccak::f1600(&mut self.lanes);
            self.at = 0;
        }
    }

    fn add(&mut self, at: usize, byte: u8) {
        self.lanes[at / LANE] ^= u64::from(byte) << (8 * (at % LANE));
    }

    /// Ends the message: from here on the sponge gives out.
    pub(super) fn pad(&mut self) {
        self.add(self.at, self.suffix);
        self.add(self.rate - 1, 0x80);
        keccak::f1600(&mut self.lanes);
        self.at = 0;
    }

    /// Fills `out` with what comes next, after [`pad`](Self::pad).
    pub(super) fn squeeze(&mut self, out: &mut [u8]) {
        for byte in out {
            if self.at == self.rate {
                keccak::f1600(&mut self.lanes);
                self.at = 0;
            }
            *byte = self.lanes[self.at / LANE].to_le_bytes()[self.at % LANE];
            self.at += 1;
        }
    }

    pub(super) fn finish(mut self) -> [u8; DIGEST_LEN_MAX] {
        self.pad();
        let mut digest = [0; DIGEST_LEN_MAX];
        for (bytes, lane) in digest.as_chunks_mut().0.iter_mut().zip(self.lanes) {
            *bytes = lane.to_le_bytes();
        }
        digest
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        self.lanes.iter().for_each(|lane| out.extend_from_slice(&lane.to_le_bytes()));
        // Less than 168.
        out.push(self.at as u8);
    }

    pub(super) fn read(&mut self, reader: &mut Reader<'_>) -> Result<()> {
        for lane in &mut self.lanes {
            *lane = u64::from_le_bytes(reader.array()?);
        }
        self.at = reader.up_to(self.rate)?;
        if self.at == self.rate { Err(Error::InvalidState) } else { Ok(()) }
    }
}

impl Drop for Sponge {
    fn drop(&mut self) {
        self.lanes.zeroize();
    }
}
