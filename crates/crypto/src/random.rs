//! Random numbers, the only source keys and nonces come from.

use ring::rand::{SecureRandom, SystemRandom};

use crate::{Error, Result};

/// So much the operating system gives faster than a generator in the process; keys, nonces and identities
/// are shorter.
const SYSTEM_MAX: usize = 256;

/// Fills `out` from the operating system's generator, or with many bytes from AWS-LC's: one of each thread
/// (CTR-DRBG of NIST SP 800-90A), which the system seeds, and seeds anew now and then.
///
/// A forked child never repeats its parent's numbers. Of the system's nothing is kept in the process; and the
/// kernel wipes a page of AWS-LC's in a child (MADV_WIPEONFORK), by which its generators know that they have
/// to be seeded anew. Under a kernel that cannot do that they are for each call.
///
/// # Errors
/// [`Error::Internal`] when there are none.
pub fn fill(out: &mut [u8]) -> Result<()> {
    if out.len() > SYSTEM_MAX {
        return aws_lc_rs::rand::fill(out).map_err(|_| Error::Internal);
    }
    SystemRandom::new().fill(out).map_err(|_| Error::Internal)
}
