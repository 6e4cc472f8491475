//! SHAKE128 and SHAKE256 (FIPS 202), hash functions whose output is as long as is asked for.

use std::fmt;

use zeroize::Zeroizing;

use crate::ffi::digest::{Md, MdContext};

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
}

/// A message in progress. A clone goes on from the same state independently.
#[derive(Clone)]
pub struct XofHasher {
    xof: Xof,
    context: MdContext,
}

impl XofHasher {
    /// Starts a message.
    pub fn new(xof: Xof) -> Self {
        XofHasher { xof, context: MdContext::new(Md::shake(xof), 0) }
    }

    /// The hash function this message was started with.
    pub fn xof(&self) -> Xof {
        self.xof
    }

    /// Takes the next part of the message.
    pub fn update(&mut self, data: &[u8]) {
        self.context.update(data);
    }

    /// Ends the message and fills `out`.
    pub fn finish(self, out: &mut [u8]) {
        self.into_reader().read(out);
    }

    /// Ends the message, for output in parts. `C_DigestXofExtract`.
    pub fn into_reader(self) -> XofReader {
        XofReader { xof: self.xof, context: self.context }
    }
}

/// The output of a message, as much as is asked for. A clone goes on from the same place.
#[derive(Clone)]
pub struct XofReader {
    xof: Xof,
    context: MdContext,
}

impl XofReader {
    /// Fills `out` with what comes next.
    pub fn read(&mut self, out: &mut [u8]) {
        self.context.squeeze(out);
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
    let mut hasher = XofHasher::new(xof);
    hasher.update(data);
    let mut out = Zeroizing::new(vec![0; len]);
    hasher.finish(&mut out);
    out
}
