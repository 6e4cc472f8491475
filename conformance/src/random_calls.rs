//! Calls decoded from bytes, for fuzzing the C interface: [`play`] turns any bytes into a sequence of
//! calls on a module and says which rule was broken.
//!
//! What a caller must not do is not done: every pointer is NULL or leads to readable memory that has
//! as many bytes as the length beside it says, unless that length is beyond all reason (2^40, or all
//! ones). What a careless caller does is done: NULL, empty, wrong handles and types, truncated and
//! oversized parameters, functions out of order, sessions that interleave.

mod arena;
mod decode;
mod player;

pub use player::{Played, play};

use crate::module::Module;

/// Plays `count` calls, in sequences of random bytes from a seed; `before` is given the bytes of each
/// sequence before it is played, so that a crash can be repeated.
///
/// # Errors
/// The first rule that was broken, with the number of its sequence.
pub fn play_seeded(
    module: &mut Module,
    seed: u64,
    count: u64,
    mut before: impl FnMut(&[u8]),
) -> Result<u64, String> {
    use rand::{Rng as _, SeedableRng as _};
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
    let (mut played, mut sequence) = (0, 0_u64);
    while played < count {
        let mut bytes = vec![0; 2048];
        random.fill_bytes(&mut bytes);
        before(&bytes);
        let Played { calls, broken } = play(module, &bytes)?;
        if let Some(rule) = broken {
            return Err(format!("seed {seed}, sequence {sequence}: {rule}"));
        }
        played += calls;
        sequence += 1;
    }
    Ok(played)
}
