//! States of unfinished operations as bytes: what C_GetOperationState saves.
//!
//! A state is of one algorithm and, where there is a key, of one key; neither is in it. It may hold data
//! and what follows from a key, so that whoever keeps it seals it. Reading checks every number that is
//! an index or a length, so that no state, however it came about, can do more than compute nonsense.

use zeroize::Zeroizing;

use crate::{Error, Result};

/// The state of an operation, which wipes itself.
pub type State = Zeroizing<Vec<u8>>;

/// The longest state there is: a SHA-512 with its block.
pub(crate) const STATE_LEN_MAX: usize = 256;

/// A state to be written, with room for all of it: one that grew would leave copies behind.
pub(crate) fn empty() -> State {
    Zeroizing::new(Vec::with_capacity(STATE_LEN_MAX))
}

/// Reads a state.
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn new(state: &'a [u8]) -> Self {
        Reader(state)
    }

    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or(Error::InvalidState)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        self.take(N)?.try_into().map_err(|_| Error::InvalidState)
    }

    /// A byte that is a length or an index.
    pub(crate) fn up_to(&mut self, most: usize) -> Result<usize> {
        let [number] = self.array()?;
        let number = usize::from(number);
        if number <= most { Ok(number) } else { Err(Error::InvalidState) }
    }

    /// Nothing may be left.
    pub(crate) fn end(self) -> Result<()> {
        if self.0.is_empty() { Ok(()) } else { Err(Error::InvalidState) }
    }
}
