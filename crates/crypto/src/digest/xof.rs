//! SHAKE128 and SHAKE256 (FIPS 202), hash functions whose output is as long as is asked for.

use std::fmt;

use zeroize::Zeroizing;

use super::sponge::Sponge;
use crate::Result;
use crate::ffi::shake::{Shake, shake};
use crate::state::{self, Reader};

/// A hash function with output of any length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Xof {
    /// SHAKE128. `CKM_SHAKE_128`, `CKM_SHAKE_128_KEY_DERIVATION`.
    Shake128,
    /// SHAKE256. `CKM_SHAKE_256`, `CKM_SHAKE_256_KEY_DERIVATION`.
    Shake256,
}

impl Xof {
    /// Both of them.
    pub const ALL: [Xof; 2] = [Xof::Shake128, Xof::Shake256];

    /// The length at which a longer output adds no strength: 32 or 64 bytes. So long is a key that is
    /// derived without saying how long it shall be.
    pub const fn usual_output_len(self) -> usize {
        match self {
            Xof::Shake128 => 32,
            Xof::Shake256 => 64,
        }
    }

    /// Bytes of a block, the rate.
    pub(super) const fn block_len(self) -> usize {
        match self {
            Xof::Shake128 => 168,
            Xof::Shake256 => 136,
        }
    }
}

/// A message in progress. A clone goes on from the same state independently.
#[derive(Clone)]
pub struct XofHasher {
    xof: Xof,
    sponge: Sponge,
}

impl XofHasher {
    /// Starts a message.
    pub fn new(xof: Xof) -> Self {
        XofHasher { xof, sponge: Sponge::shake(xof) }
    }

    /// The hash function this message was started with.
    pub fn xof(&self) -> Xof {
        self.xof
    }

    /// Takes the next part of the message.
    pub fn update(&mut self, data: &[u8]) {
        self.sponge.update(data);
    }

    /// Ends the message and fills `out`.
    pub fn finish(self, out: &mut [u8]) {
        self.into_reader().read(out);
    }

    /// Ends the message, for output in parts. `C_DigestXofExtract`.
    pub fn into_reader(mut self) -> XofReader {
        self.sponge.pad();
        XofReader { xof: self.xof, sponge: self.sponge }
    }

    /// What [`resume`](Self::resume) goes on from: it may hold a part of the message.
    pub fn state(&self) -> state::State {
        let mut out = state::empty();
        self.sponge.write(&mut out);
        out
    }

    /// Goes on from a state that a message with this function gave.
    ///
    /// # Errors
    /// [`Error::InvalidState`](crate::Error::InvalidState) for bytes that are no state of it.
    pub fn resume(xof: Xof, state: &[u8]) -> Result<Self> {
        let mut this = XofHasher::new(xof);
        let mut reader = Reader::new(state);
        this.sponge.read(&mut reader)?;
        reader.end()?;
        Ok(this)
    }
}

/// The output of a message, as much as is asked for. A clone goes on from the same place.
#[derive(Clone)]
pub struct XofReader {
    xof: Xof,
    sponge: Sponge,
}

impl XofReader {
    /// Fills `out` with what comes next.
    pub fn read(&mut self, out: &mut [u8]) {
        self.sponge.squeeze(out);
    }
}

impl fmt::Debug for XofReader {
    /// Shows the function only: the output may be a key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("XofReader").field("xof", &self.xof).finish_non_exhaustive()
    }
}

impl fmt::Debug for XofHasher {
    /// Shows the function only: the message may be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("XofHasher").field("xof", &self.xof).finish_non_exhaustive()
    }
}

/// `len` bytes of output for a whole message.
pub fn expand(xof: Xof, data: &[u8], len: usize) -> Zeroizing<Vec<u8>> {
    let function = match xof {
        Xof::Shake128 => Shake::Shake128,
        Xof::Shake256 => Shake::Shake256,
    };
    let mut out = Zeroizing::new(vec![0; len]);
    shake(function, &[data], &mut out);
    out
}
