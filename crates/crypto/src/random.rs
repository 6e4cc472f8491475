//! System random numbers, the only source keys and nonces come from.

use ring::rand::{SecureRandom, SystemRandom};

use crate::{Error, Result};

/// Fills `out` from the operating system's generator.
///
/// Nothing is buffered in the process, so that a forked child never repeats its parent's numbers.
///
/// # Errors
/// [`Error::Internal`] when the operating system gives none.
pub fn fill(out: &mut [u8]) -> Result<()> {
    SystemRandom::new().fill(out).map_err(|_| Error::Internal)
}
