//! Domain parameters of provable primes (FIPS 186-4, A.1.2.1 and C.6).

use super::generate::check_sizes;
use crate::digest::{HashAlg, hash};
use crate::ffi::bn::Bn;
use crate::{Error, Result, random};

/// Primes that are built with a proof, and what shows how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvablePrimes {
    /// The prime p, big endian.
    pub p: Vec<u8>,
    /// The prime q, big endian.
    pub q: Vec<u8>,
    /// The seed that everything comes from.
    pub first_seed: Vec<u8>,
    /// The seed after p was found.
    pub p_seed: Vec<u8>,
    /// The seed after q was found.
    pub q_seed: Vec<u8>,
    /// How many candidates for p were tried.
    pub p_counter: u32,
    /// How many candidates for q were tried.
    pub q_counter: u32,
}

/// Generates p of `p_bits` and q of `q_bits` bits (`CKM_DSA_SHAWE_TAYLOR_PARAMETER_GEN`). Without a
/// seed one as long as q is drawn, and another one whenever it leads to no primes.
///
/// # Errors
/// As [`probable_primes`](super::probable_primes).
pub fn provable_primes(
    p_bits: u32,
    q_bits: u32,
    function: HashAlg,
    first_seed: Option<&[u8]>,
) -> Result<ProvablePrimes> {
    let (p_bits, q_bits) = (p_bits as usize, q_bits as usize);
    check_sizes(p_bits, q_bits)?;
    let q_len = q_bits / 8;
    if function.output_len() < q_len {
        return Err(Error::InvalidParameter);
    }
    if let Some(seed) = first_seed {
        // A seed below 2^(N-1) would not be random enough (A.1.2.1.1).
        if Bn::from_bytes(seed).bits() < q_bits {
            return Err(Error::InvalidParameter);
        }
        return primes_of_seed(p_bits, q_bits, function, seed)?.ok_or(Error::InvalidParameter);
    }
    loop {
        let mut seed = vec![0; q_len];
        random::fill(&mut seed)?;
        seed[0] |= 0x80;
        if let Some(found) = primes_of_seed(p_bits, q_bits, function, &seed)? {
            return Ok(found);
        }
    }
}

/// A.1.2.1.2 for one seed; `None` if it leads to no primes.
fn primes_of_seed(
    p_bits: usize,
    q_bits: usize,
    function: HashAlg,
    first_seed: &[u8],
) -> Result<Option<ProvablePrimes>> {
    let mut stream = Stream { function, seed: first_seed.to_vec() };
    let Some((q, q_counter)) = provable_prime(q_bits, &mut stream)? else { return Ok(None) };
    let q_seed = stream.seed.clone();
    let Some((p0, mut counter)) = provable_prime(p_bits.div_ceil(2) + 1, &mut stream)? else {
        return Ok(None);
    };

    let one = Bn::from_word(1);
    let factor = q.times(&p0).shifted_left(1);
    let old_counter = counter;
    let top = one.shifted_left(p_bits - 1);
    let mut t = ceiling(&stream.number(p_bits)?.modulo(&top)?.plus(&top), &factor)?;
    loop {
        // p = 2 t q p0 + 1, back to the first one when it grows too long.
        let mut p = t.times(&factor).plus(&one);
        if p.bits() > p_bits {
            t = ceiling(&top, &factor)?;
            p = t.times(&factor).plus(&one);
        }
        counter += 1;
        let a = witness(stream.number(p_bits)?, &p)?;
        // z = a^(2tq) mod p; p is prime if z - 1 shares no factor with p and z^p0 = 1 (Pocklington).
        let z = a.power(&t.times(&q).shifted_left(1), &p)?;
        if is_proof(&z, &p0, &p)? {
            return Ok(Some(ProvablePrimes {
                p: p.to_bytes().to_vec(),
                q: q.to_bytes().to_vec(),
                first_seed: first_seed.to_vec(),
                p_seed: stream.seed,
                q_seed,
                p_counter: counter,
                q_counter,
            }));
        }
        if counter as usize >= 4 * p_bits + old_counter as usize {
            return Ok(None);
        }
        t = t.plus(&one);
    }
}

/// The seed, which counts on with every block that is drawn from it.
struct Stream {
    function: HashAlg,
    seed: Vec<u8>,
}

impl Stream {
    /// The hash of the seed, which then counts on by one, modulo 2 to its length.
    fn block(&mut self) -> Vec<u8> {
        let block = hash(self.function, &self.seed);
        for byte in self.seed.iter_mut().rev() {
            let (next, carry) = byte.overflowing_add(1);
            *byte = next;
            if !carry {
                break;
            }
        }
        block
    }

    /// As many blocks as `bits` bits need, the first one lowest.
    fn number(&mut self, bits: usize) -> Result<Bn> {
        let out_bits = 8 * self.function.output_len();
        let blocks = bits.div_ceil(out_bits);
        let mut sum = Bn::from_word(0);
        for block in 0..blocks {
            sum = sum.plus(&Bn::from_bytes(&self.block()).shifted_left(block * out_bits));
        }
        Ok(sum)
    }
}

/// `ceil(number / divisor)`.
fn ceiling(number: &Bn, divisor: &Bn) -> Result<Bn> {
    number.plus(&divisor.minus_one()).divided_by(divisor)
}

/// `2 + (number mod (c - 3))`.
fn witness(number: Bn, c: &Bn) -> Result<Bn> {
    Ok(number.modulo(&c.minus(&Bn::from_word(3)))?.plus(&Bn::from_word(2)))
}

fn is_proof(z: &Bn, factor: &Bn, candidate: &Bn) -> Result<bool> {
    Ok(!z.is_zero()
        && !z.is_one()
        && z.minus_one().gcd(candidate).is_one()
        && z.power(factor, candidate)?.is_one())
}

/// A prime of `bits` bits and how many candidates there were (C.6); `None` after too many.
fn provable_prime(bits: usize, stream: &mut Stream) -> Result<Option<(Bn, u32)>> {
    if bits < 33 {
        return Ok(small_prime(bits, stream));
    }
    let Some((c0, mut counter)) = provable_prime(bits.div_ceil(2) + 1, stream)? else {
        return Ok(None);
    };
    let old_counter = counter;
    let one = Bn::from_word(1);
    let double = c0.shifted_left(1);
    let top = one.shifted_left(bits - 1);
    let mut t = ceiling(&stream.number(bits)?.modulo(&top)?.plus(&top), &double)?;
    loop {
        let mut c = t.times(&double).plus(&one);
        if c.bits() > bits {
            t = ceiling(&top, &double)?;
            c = t.times(&double).plus(&one);
        }
        counter += 1;
        let a = witness(stream.number(bits)?, &c)?;
        let z = a.power(&t.shifted_left(1), &c)?;
        if is_proof(&z, &c0, &c)? {
            return Ok(Some((c, counter)));
        }
        if counter as usize >= 4 * bits + old_counter as usize {
            return Ok(None);
        }
        t = t.plus(&one);
    }
}

/// A prime below 2^32, proven by trial division (C.6, steps 3 to 13).
fn small_prime(bits: usize, stream: &mut Stream) -> Option<(Bn, u32)> {
    for counter in 1..=4 * bits {
        let (first, second) = (stream.block(), stream.block());
        // The lowest bits of both blocks, combined: at most 32.
        let low = |block: &[u8]| {
            let tail = &block[block.len() - 4..];
            tail.iter().fold(0u64, |number, byte| number << 8 | u64::from(*byte))
        };
        let top = 1u64 << (bits - 1);
        let candidate = (top + (low(&first) ^ low(&second)) % top) | 1;
        let is_prime = (3u64..).step_by(2).take_while(|d| d * d <= candidate);
        if is_prime.into_iter().all(|divisor| !candidate.is_multiple_of(divisor)) {
            return Some((Bn::from_word(candidate), counter as u32));
        }
    }
    None
}
