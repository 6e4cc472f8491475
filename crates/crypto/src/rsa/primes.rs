//! Random primes for RSA, both of a pair at once.
//!
//! Nearly all the time that a key pair takes goes into powers which show that a candidate is no prime.
//! So few candidates get that far: those that a prime below 2^16 divides are crossed out beforehand, in a
//! stretch of numbers from a random one on (all odd ones, or those that X9.31 wants). And the powers are taken two at a time, one for each prime,
//! which a processor with AVX-512 IFMA does in the time of one. What passes is given to the library's own
//! test with random bases, which has the last word.
//!
//! The library's own search draws each candidate anew and hides from other processes of the machine even
//! what it throws away, which takes five times as long for RSA-2048. Here the time and the places in
//! memory that are touched tell a little of the primes, as in OpenSSL: keys of a simulator guard nothing.

use crate::Result;
use crate::ffi::bn::{Bn, TopBits};
use crate::ffi::prime::seem_prime;

/// The primes below this cross out. Twice as many would spare a sixteenth of the powers.
const SMALL: u64 = 1 << 16;
/// The square root of a half, as a fraction of 2^64, rounded up.
const SQRT_HALF: u64 = 0xB504_F333_F9DE_6485;

/// Numbers among which a prime is looked for: `start`, `start + step` and so on. The first is odd, the step even
/// and no multiple of a small odd prime.
pub(super) struct Progression {
    pub(super) start: Bn,
    pub(super) step: Bn,
}

impl Progression {
    /// All odd numbers from a random one of exactly `bits` bits on that is above 2^(`bits` - 1/2): the product of
    /// two such numbers has twice the bits (FIPS 186-5, A.1.3).
    pub(super) fn odd(bits: usize) -> Result<Self> {
        loop {
            let mut bytes = Bn::random(bits, TopBits::One)?.to_bytes();
            let top = bytes.first_chunk().map_or(0, |top| u64::from_be_bytes(*top));
            if let Some(last) = bytes.last_mut().filter(|_| top >= SQRT_HALF) {
                *last |= 1;
                return Ok(Self { start: Bn::from_bytes(&bytes), step: Bn::from_word(2) });
            }
        }
    }
}

/// Two primes of exactly `bits` bits, each from the progressions that one of `draw` gives; `p - 1` of neither shares
/// a factor with `e`.
pub(super) fn pair<D>(bits: usize, e: &Bn, draw: [D; 2]) -> Result<[Bn; 2]>
where
    D: Fn() -> Result<Progression>,
{
    let small = SmallPrimes::new();
    let [one, other] = draw.map(|draw| Search::new(bits, draw, &small));
    let mut searches = [one?, other?];
    let mut found = [None, None];
    loop {
        // Once one is found both candidates are of the other search.
        let of = [usize::from(found[0].is_some()), usize::from(found[1].is_none())];
        let candidates = [searches[of[0]].next()?, searches[of[1]].next()?];
        let seems = seem_prime([&candidates[0], &candidates[1]])?;
        for ((candidate, seems), of) in candidates.into_iter().zip(seems).zip(of) {
            if seems
                && found[of].is_none()
                && candidate.minus_one().gcd(e).is_one()
                && candidate.is_random_prime()?
            {
                found[of] = Some(candidate);
            }
        }
        found = match found {
            [Some(p), Some(q)] => return Ok([p, q]),
            found => found,
        };
    }
}

/// Numbers of random progressions that no small prime divides.
struct Search<'a, D> {
    bits: usize,
    draw: D,
    small: &'a SmallPrimes,
    numbers: Progression,
    /// Whether the number at a place is known to be no prime.
    composite: Vec<bool>,
    /// What was not given out yet.
    next: usize,
}

impl<'a, D: Fn() -> Result<Progression>> Search<'a, D> {
    fn new(bits: usize, draw: D, small: &'a SmallPrimes) -> Result<Self> {
        let numbers = draw()?;
        let composite = small.cross_out(&numbers, 4 * bits);
        Ok(Self { bits, draw, small, numbers, composite, next: 0 })
    }

    /// The next candidate.
    fn next(&mut self) -> Result<Bn> {
        loop {
            while let Some(&composite) = self.composite.get(self.next) {
                let candidate = (!composite).then(|| self.number(self.next));
                self.next += 1;
                if let Some(candidate) = candidate.filter(|number| number.bits() == self.bits) {
                    return Ok(candidate);
                }
            }
            self.numbers = (self.draw)()?;
            self.composite = self.small.cross_out(&self.numbers, self.composite.len());
            self.next = 0;
        }
    }

    fn number(&self, place: usize) -> Bn {
        let Progression { start, step } = &self.numbers;
        start.plus(&step.times(&Bn::from_word(place as u64)))
    }
}

/// The odd primes below [`SMALL`], in groups whose product is less than 2^64: a long division by a product
/// takes as long as one by a prime.
struct SmallPrimes {
    primes: Vec<u64>,
    /// The product of a group, and where the group ends.
    groups: Vec<(u64, usize)>,
}

impl SmallPrimes {
    /// Found anew each time, in a hundredth of a key's time: what is kept for all threads would have to be
    /// kept whole across a fork.
    fn new() -> Self {
        let mut composite = vec![false; SMALL as usize];
        let mut primes = Vec::new();
        for number in (3..SMALL).step_by(2) {
            if !composite[number as usize] {
                primes.push(number);
                let multiples = composite.iter_mut().skip((number * number) as usize);
                multiples.step_by(2 * number as usize).for_each(|multiple| *multiple = true);
            }
        }
        let mut groups: Vec<(u64, usize)> = Vec::new();
        for (place, &prime) in primes.iter().enumerate() {
            match groups.last_mut() {
                Some((product, end)) if product.checked_mul(prime).is_some() => {
                    *product *= prime;
                    *end = place + 1;
                }
                _ => groups.push((prime, place + 1)),
            }
        }
        Self { primes, groups }
    }

    /// Which of so many numbers have a small prime as a divisor. Of `4 * n` odd numbers of `n` bits eleven are
    /// expected to be primes: one stretch in a hundred thousand has none.
    fn cross_out(&self, numbers: &Progression, count: usize) -> Vec<bool> {
        let mut composite = vec![false; count];
        for (product, primes) in self.products() {
            let (start, step) =
                (numbers.start.modulo_word(product), numbers.step.modulo_word(product));
            for &prime in primes {
                // start + place * step = 0
                let first = (prime - start % prime) * inverse(step % prime, prime) % prime;
                let places = composite.iter_mut().skip(first as usize).step_by(prime as usize);
                places.for_each(|place| *place = true);
            }
        }
        composite
    }

    fn products(&self) -> impl Iterator<Item = (u64, &[u64])> {
        let mut from = 0;
        self.groups.iter().map(move |&(product, end)| {
            let group = &self.primes[from..end];
            from = end;
            (product, group)
        })
    }
}

/// The inverse of a number modulo an odd prime below 2^32 that does not divide it.
fn inverse(number: u64, prime: u64) -> u64 {
    if number == 2 {
        return prime.div_ceil(2);
    }
    // Euclid's algorithm; the factors are kept modulo the prime.
    let (mut old, mut rest) = (prime, number);
    let (mut before, mut factor) = (0, 1);
    while rest > 1 {
        let quotient = old / rest;
        (old, rest) = (rest, old % rest);
        (before, factor) = (factor, (before + (prime - quotient % prime) * factor) % prime);
    }
    factor
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use super::*;

    #[test]
    fn small_primes_are_all_odd_ones_below_the_limit_and_groups_hold_each_once() {
        let small = SmallPrimes::new();
        assert_eq!(small.primes.len(), 6541);
        assert_eq!(small.primes[..5], [3, 5, 7, 11, 13]);
        assert_eq!(small.primes.last(), Some(&65521));
        let mut grouped = Vec::new();
        for (product, primes) in small.products() {
            assert_eq!(primes.iter().copied().map(u128::from).product::<u128>(), product.into());
            grouped.extend_from_slice(primes);
        }
        assert_eq!(grouped, small.primes);
    }

    /// Odd numbers, and every 2 * 65537 * 65539th of them.
    fn progressions(bits: usize) -> [Progression; 2] {
        let odd = Progression::odd(bits).unwrap();
        let step = Bn::from_word(2 * 65537 * 65539);
        [Progression { start: odd.start.clone(), step }, odd]
    }

    #[test]
    fn crossed_out_is_what_a_small_prime_divides_and_nothing_else() {
        let small = SmallPrimes::new();
        for numbers in progressions(512) {
            assert!(numbers.start.is_odd());
            let composite = small.cross_out(&numbers, 600);
            let search = Search {
                bits: 512,
                draw: || unreachable!(),
                small: &small,
                numbers,
                composite,
                next: 0,
            };
            for (place, composite) in search.composite.iter().enumerate() {
                let number = search.number(place);
                let divided = small.primes.iter().any(|&prime| number.modulo_word(prime) == 0);
                assert_eq!(*composite, divided, "{place}");
            }
        }
    }

    #[test]
    fn inverse_undoes_a_multiplication() {
        for prime in [3, 5, 7, 97, 65521] {
            for number in (1..prime).step_by(1 + prime as usize / 200) {
                assert_eq!(number * inverse(number, prime) % prime, 1, "{number} modulo {prime}");
            }
        }
    }

    #[test]
    fn candidates_are_ascending_odd_and_of_the_length_and_go_on_when_a_stretch_ends() {
        let small = SmallPrimes::new();
        let mut search = Search::new(512, || Progression::odd(512), &small).unwrap();
        let (start, mut last) = (search.numbers.start.clone(), Bn::from_word(1));
        let left = search.composite.iter().filter(|composite| !**composite).count();
        for _ in 0..left {
            let candidate = search.next().unwrap();
            assert!(candidate.is_odd() && candidate.bits() == 512);
            assert_eq!(candidate.compare(&last), Ordering::Greater);
            last = candidate;
        }
        assert_eq!(search.numbers.start.compare(&start), Ordering::Equal);
        assert_eq!(search.next().unwrap().bits(), 512);
        assert_ne!(search.numbers.start.compare(&start), Ordering::Equal);
        // All that is left of this stretch has a bit more.
        search.numbers.start = Bn::from_bytes(&[0xff; 64]);
        search.composite = vec![false, false];
        search.next = 1;
        assert_eq!(search.next().unwrap().bits(), 512);
    }

    #[test]
    fn primes_of_a_pair_fit_the_length_and_the_exponent() {
        let root = Bn::from_bytes(&SQRT_HALF.to_be_bytes());
        for (bits, e) in [(512, 3), (576, 65537), (1024, 3 * 5 * 7 * 11 * 13), (1536, 65537)] {
            let e = Bn::from_word(e);
            for prime in pair(bits, &e, [|| Progression::odd(bits); 2]).unwrap() {
                assert!(prime.is_prime().unwrap());
                assert_eq!(prime.bits(), bits);
                let top = prime.shifted_right(i32::try_from(bits - 64).unwrap());
                assert_ne!(top.compare(&root), Ordering::Less);
                assert!(prime.minus_one().gcd(&e).is_one());
            }
        }
    }

    #[test]
    fn every_prime_seems_to_be_one_beside_any_other_number() {
        let [p, q] = pair(1024, &Bn::from_word(65537), [|| Progression::odd(1024); 2]).unwrap();
        let square = p.times(&p);
        let composite = p.plus(&Bn::from_word(2)).times(&q);
        for prime in Bn::named_safe_primes().iter().chain([&p, &q, &Bn::from_word(3)]) {
            assert_eq!(seem_prime([prime, prime]), Ok([true, true]));
            assert_eq!(seem_prime([prime, &square]), Ok([true, false]));
            assert_eq!(seem_prime([&composite, prime]), Ok([false, true]));
        }
        seem_prime([&p, &Bn::from_word(8)]).unwrap_err();
        seem_prime([&Bn::from_word(1), &p]).unwrap_err();
    }

    #[test]
    fn what_only_seems_prime_is_not_taken() {
        // Carmichael's numbers: they pass whatever the base.
        let numbers = [561, 1729].map(Bn::from_word);
        assert_eq!(seem_prime([&numbers[0], &numbers[1]]), Ok([true, true]));
        assert!(numbers.iter().all(|number| !number.is_random_prime().unwrap()));
    }
}
