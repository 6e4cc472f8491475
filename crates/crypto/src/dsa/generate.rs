//! Domain parameters of probable primes, and generators (FIPS 186-4, A.1.1.2 and A.2).

use crate::digest::{HashAlg, hash};
use crate::ffi::bn::Bn;
use crate::{Error, Result, random};

/// Primes that were found by trial, with what proves that they were not chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbablePrimes {
    /// The prime p, big endian.
    pub p: Vec<u8>,
    /// The prime q, big endian.
    pub q: Vec<u8>,
    /// `domain_parameter_seed`.
    pub seed: Vec<u8>,
    /// How many candidates for p were tried before.
    pub counter: u32,
}

/// Generates p of `p_bits` and q of `q_bits` bits (`CKM_DSA_PROBABLISTIC_PARAMETER_GEN`; FIPS 186-4,
/// A.1.1.2). The hash function must have at least as many bits as q. Without a seed one as long as q
/// is drawn, and another one whenever it leads to no primes.
///
/// The sizes are the caller's affair: DSA takes those of [`SIZES`](super::SIZES), X9.42 others too.
///
/// # Errors
/// [`Error::InvalidParameter`] for a hash function or a seed that is too short, sizes that are no
/// multiple of eight bits or a q that leaves p no room, and for a given seed that leads to no primes.
pub fn probable_primes(
    p_bits: u32,
    q_bits: u32,
    function: HashAlg,
    seed: Option<&[u8]>,
) -> Result<ProbablePrimes> {
    let (p_bits, q_bits) = (p_bits as usize, q_bits as usize);
    check_sizes(p_bits, q_bits)?;
    let q_len = q_bits / 8;
    if function.output_len() < q_len {
        return Err(Error::InvalidParameter);
    }
    if let Some(seed) = seed {
        if seed.len() < q_len {
            return Err(Error::InvalidParameter);
        }
        return primes_of_seed(p_bits, q_bits, function, seed)?.ok_or(Error::InvalidParameter);
    }
    loop {
        let mut seed = vec![0; q_len];
        random::fill(&mut seed)?;
        if let Some(found) = primes_of_seed(p_bits, q_bits, function, &seed)? {
            return Ok(found);
        }
    }
}

/// Bounds the work: q of 160 to 512 bits and p of 512 to 8192, in whole bytes.
pub(super) fn check_sizes(p_bits: usize, q_bits: usize) -> Result<()> {
    let whole = p_bits.is_multiple_of(8) && q_bits.is_multiple_of(8);
    let taken = (160..=512).contains(&q_bits) && (512..=8192).contains(&p_bits);
    if whole && taken && q_bits < p_bits { Ok(()) } else { Err(Error::InvalidParameter) }
}

/// Steps 6 to 12 for one seed; `None` if it leads to no primes.
fn primes_of_seed(
    p_bits: usize,
    q_bits: usize,
    function: HashAlg,
    seed: &[u8],
) -> Result<Option<ProbablePrimes>> {
    let one = Bn::from_word(1);
    // U = hash mod 2^(N-1); q = 2^(N-1) + U + 1 - (U mod 2).
    let top = one.shifted_left(q_bits - 1);
    let u = Bn::from_bytes(&hash(function, seed)).modulo(&top)?;
    let q = top.plus(&u);
    let q = if q.is_odd() { q } else { q.plus(&one) };
    if !q.is_prime()? {
        return Ok(None);
    }

    let out_bits = 8 * function.output_len();
    let blocks = p_bits.div_ceil(out_bits);
    let top = one.shifted_left(p_bits - 1);
    let double_q = q.shifted_left(1);
    let seed_bound = one.shifted_left(8 * seed.len());
    let mut position = Bn::from_bytes(seed).plus(&one);
    for counter in 0..4 * p_bits {
        let mut w = Bn::from_word(0);
        for block in 0..blocks {
            // The seed's number counts on, modulo 2 to its length.
            let mut bytes = vec![0; seed.len()];
            position.modulo(&seed_bound)?.write_padded(&mut bytes)?;
            let value = Bn::from_bytes(&hash(function, &bytes));
            w = w.plus(&value.shifted_left(block * out_bits));
            position = position.plus(&one);
        }
        let x = w.modulo(&top)?.plus(&top);
        let p = x.minus(&x.modulo(&double_q)?).plus(&one);
        if p.bits() == p_bits && p.is_prime()? {
            return Ok(Some(ProbablePrimes {
                p: p.to_bytes().to_vec(),
                q: q.to_bytes().to_vec(),
                seed: seed.to_vec(),
                counter: counter as u32,
            }));
        }
    }
    Ok(None)
}

/// What a generator is computed from (FIPS 186-4, A.2.3).
#[derive(Clone, Copy, Debug)]
pub struct GeneratorSeed<'a> {
    /// The hash function.
    pub function: HashAlg,
    /// `domain_parameter_seed`; for provable primes `firstseed || pseed || qseed`.
    pub seed: &'a [u8],
    /// Tells generators of the same primes apart.
    pub index: u8,
}

/// A generator of the subgroup with q elements (`CKM_DSA_FIPS_G_GEN`): computed from a seed, or
/// without one the first that is found (FIPS 186-4, A.2.1).
///
/// # Errors
/// [`Error::InvalidParameter`] unless q divides p - 1, and for a seed that leads to no generator.
pub fn generator(p: &[u8], q: &[u8], seed: Option<GeneratorSeed<'_>>) -> Result<Vec<u8>> {
    let (p, q) = (Bn::from_bytes(p), Bn::from_bytes(q));
    if !p.is_odd() || q.bits() < 2 || !p.minus_one().modulo(&q)?.is_zero() {
        return Err(Error::InvalidParameter);
    }
    let cofactor = p.minus_one().divided_by(&q)?;
    for count in 1..=u16::MAX {
        let base = match seed {
            Some(GeneratorSeed { function, seed, index }) => {
                let message = [seed, b"ggen", &[index], &count.to_be_bytes()].concat();
                Bn::from_bytes(&hash(function, &message)).modulo(&p)?
            }
            None => Bn::from_word(u64::from(count) + 1),
        };
        let g = base.power(&cofactor, &p)?;
        if g.bits() > 1 {
            return Ok(g.to_bytes().to_vec());
        }
    }
    Err(Error::InvalidParameter)
}
