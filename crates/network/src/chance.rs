//! Simulated chance: generators that are named, seeded and independent of each other.
//!
//! Each link, device and choice draws from a stream of its own, so that one more link, or a fault on
//! one of them, leaves every other draw of the run as it was. Streams are for the simulation only;
//! keys never come from here.
//!
//! A stream is ChaCha8 under the 32-byte key
//!
//! ```text
//! seed (8 bytes, little endian) | FNV-1a-128 of the name (16 bytes, little endian) | "hsmsim/1"
//! ```
//!
//! The key holds the seed itself and a hash of the name that does not collide by accident, and the
//! cipher does the mixing. The helpers of [`SimRng`] are written out here because the sampling
//! methods of `rand` may change their draws between versions, and old seeds must stay good.

use std::convert::Infallible;
use std::fmt;

use rand::{Rng, SeedableRng, TryRng};
use rand_chacha::ChaCha8Rng;

/// Last part of every stream's key; a new number here would give new streams for the same seeds.
const STREAM_TAG: [u8; 8] = *b"hsmsim/1";

/// The generator named `name` of the run with this `seed`.
pub fn stream(seed: u64, name: &str) -> SimRng {
    let mut key = [0u8; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..24].copy_from_slice(&fnv1a_128(name.as_bytes()).to_le_bytes());
    key[24..].copy_from_slice(&STREAM_TAG);
    SimRng { generator: ChaCha8Rng::from_seed(key) }
}

/// FNV-1a with 128 bits (RFC 9923).
fn fnv1a_128(bytes: &[u8]) -> u128 {
    const OFFSET_BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    bytes.iter().fold(OFFSET_BASIS, |hash, &byte| (hash ^ u128::from(byte)).wrapping_mul(PRIME))
}

/// One stream of simulated chance; made by [`stream`]. Also a `rand` generator, for draws whose
/// values need not stay the same in later versions.
#[derive(Clone)]
pub struct SimRng {
    generator: ChaCha8Rng,
}

impl SimRng {
    /// A uniform number in `0.0 .. 1.0`, in steps of 2⁻⁵³.
    pub fn unit(&mut self) -> f64 {
        (self.generator.next_u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// Sixteen bytes, which are two draws.
    pub fn bytes_16(&mut self) -> [u8; 16] {
        let (low, high) = (self.generator.next_u64(), self.generator.next_u64());
        (u128::from(high) << 64 | u128::from(low)).to_le_bytes()
    }

    /// `true` with probability `p`; always one draw, whatever `p` is.
    pub fn chance(&mut self, p: f64) -> bool {
        self.unit() < p
    }

    /// A uniform number in `0 .. bound`, and 0 if `bound` is 0. One draw; the bias is below
    /// bound · 2⁻⁶⁴.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.generator.next_u64()) * u128::from(bound)) >> 64) as u64
    }

    /// One of `items`, each as likely as the others; `None` if there are none.
    pub fn choose<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        let index = self.below(items.len() as u64);
        items.get(index as usize)
    }

    /// A number of the standard normal distribution (Box and Muller's method, the cosine half).
    /// Always two draws, so that a stream's position depends only on how often it was asked.
    pub fn normal(&mut self) -> f64 {
        // 1 - unit() is never 0, whose logarithm would be infinite.
        // Unlike the other functions, a square root has one right result, which every machine gives.
        let radius = (-2.0 * libm::log(1.0 - self.unit())).sqrt();
        radius * libm::cos(std::f64::consts::TAU * self.unit())
    }
}

impl TryRng for SimRng {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.generator.try_next_u32()
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.generator.try_next_u64()
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.generator.try_fill_bytes(bytes)
    }
}

impl fmt::Debug for SimRng {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimRng").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_hash_agrees_with_published_values() {
        assert_eq!(fnv1a_128(b""), 0x6c62272e07bb014262b821756295c58d);
        assert_eq!(fnv1a_128(b"a"), 0xd228cb696f1a8caf78912b704e4a8964);
        assert_eq!(fnv1a_128(b"foobar"), 0x343e1662793c64bf6f0d3597ba446f18);
    }

    #[test]
    fn normal_draws_have_mean_zero_and_deviation_one() {
        let mut rng = stream(3, "normal");
        let draws: Vec<f64> = (0..100_000).map(|_| rng.normal()).collect();
        let mean = draws.iter().sum::<f64>() / draws.len() as f64;
        let variance = draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / draws.len() as f64;
        assert!(mean.abs() < 0.01, "mean {mean}");
        assert!((variance - 1.0).abs() < 0.02, "variance {variance}");
    }

    #[test]
    fn below_covers_its_range_evenly() {
        let mut rng = stream(9, "below");
        let mut counts = [0u32; 5];
        for _ in 0..50_000 {
            counts[rng.below(5) as usize] += 1;
        }
        assert!(counts.iter().all(|count| (9_600..10_400).contains(count)), "{counts:?}");
        assert_eq!(rng.below(0), 0);
        assert_eq!(rng.choose::<u8>(&[]), None);
    }
}
