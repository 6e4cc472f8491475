//! Random primes for RSA, both of a pair at once.
//!
//! Nearly all the time that a key pair takes goes into powers which show that a candidate is no prime.
//! So few candidates get that far: those that a prime below 2^16 divides are crossed out beforehand, in a
//! stretch of numbers from a random one on. And the powers are taken two at a time, one for each prime,
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

/// Two primes of exactly `bits` bits, each at least the square root of a half of 2^`bits`, so that their
/// product has twice the bits; `p - 1` of neither shares a factor with `e` (FIPS 186-5, A.1.3).
pub(super) fn pair(bits: usize, e: &Bn) -> Result<[Bn; 2]> {
    let small = SmallPrimes::new();
    let mut searches = [Search::new(bits, &small)?, Search::new(bits, &small)?];
    let mut found = [None, None];
    loop {
        // Once one is found both candidates are of the other search.
        let of = [usize::from(found[0].is_some()), usize::from(found[1].is_none())];
        let candidates = [searches[of[0]].next(&small)?, searches[of[1]].next(&small)?];
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

/// Odd numbers from a random one on that no small prime divides.
struct Search {
    bits: usize,
    start: Bn,
    /// Whether `start + 2 * i` is known to be no prime.
    composite: Vec<bool>,
    /// What was not given out yet.
    next: usize,
}

impl Search {
    fn new(bits: usize, small: &SmallPrimes) -> Result<Self> {
        let start = random_start(bits)?;
        // Eleven primes are expected among so many odd numbers: one stretch in a hundred thousand has none.
        let mut composite = vec![false; 4 * bits];
        for (product, primes) in small.products() {
            let remainder = start.modulo_word(product);
            for &prime in primes {
                // How far it is from the first number to the next odd multiple.
                let gap = (prime - remainder % prime) % prime;
                let first = if gap.is_multiple_of(2) { gap / 2 } else { (gap + prime) / 2 };
                let places = composite.iter_mut().skip(first as usize).step_by(prime as usize);
                places.for_each(|place| *place = true);
            }
        }
        Ok(Self { bits, start, composite, next: 0 })
    }

    /// The next candidate.
    fn next(&mut self, small: &SmallPrimes) -> Result<Bn> {
        loop {
            while let Some(&composite) = self.composite.get(self.next) {
                let candidate = (!composite).then(|| self.number(self.next));
                self.next += 1;
                if let Some(candidate) = candidate.filter(|number| number.bits() == self.bits) {
                    return Ok(candidate);
                }
            }
            *self = Self::new(self.bits, small)?;
        }
    }

    fn number(&self, place: usize) -> Bn {
        self.start.plus(&Bn::from_word(2 * place as u64))
    }
}

/// A random odd number of exactly `bits` bits, above 2^(`bits` - 1/2).
fn random_start(bits: usize) -> Result<Bn> {
    loop {
        let number = Bn::random(bits, TopBits::One)?;
        let mut bytes = number.to_bytes();
        let top = bytes.first_chunk().map_or(0, |top| u64::from_be_bytes(*top));
        if let Some(last) = bytes.last_mut().filter(|_| top >= SQRT_HALF) {
            *last |= 1;
            return Ok(Bn::from_bytes(&bytes));
        }
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

    fn products(&self) -> impl Iterator<Item = (u64, &[u64])> {
        let mut from = 0;
        self.groups.iter().map(move |&(product, end)| {
            let group = &self.primes[from..end];
            from = end;
            (product, group)
        })
    }
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

    #[test]
    fn crossed_out_is_what_a_small_prime_divides_and_nothing_else() {
        let small = SmallPrimes::new();
        for _ in 0..3 {
            let search = Search::new(512, &small).unwrap();
            assert!(search.start.is_odd());
            for place in (0..search.composite.len()).step_by(7) {
                let number = search.number(place);
                let divided = small.primes.iter().any(|&prime| number.modulo_word(prime) == 0);
                assert_eq!(search.composite[place], divided, "{place}");
            }
        }
    }

    #[test]
    fn candidates_are_ascending_odd_and_of_the_length_and_go_on_when_a_stretch_ends() {
        let small = SmallPrimes::new();
        let mut search = Search::new(512, &small).unwrap();
        let (start, mut last) = (search.start.clone(), Bn::from_word(1));
        let left = search.composite.iter().filter(|composite| !**composite).count();
        for _ in 0..left {
            let candidate = search.next(&small).unwrap();
            assert!(candidate.is_odd() && candidate.bits() == 512);
            assert_eq!(candidate.compare(&last), Ordering::Greater);
            last = candidate;
        }
        assert_eq!(search.start.compare(&start), Ordering::Equal);
        assert_eq!(search.next(&small).unwrap().bits(), 512);
        assert_ne!(search.start.compare(&start), Ordering::Equal);
        // All that is left of this stretch has a bit more.
        search.start = Bn::from_bytes(&[0xff; 64]);
        search.composite = vec![false, false];
        search.next = 1;
        assert_eq!(search.next(&small).unwrap().bits(), 512);
    }

    #[test]
    fn primes_of_a_pair_fit_the_length_and_the_exponent() {
        let root = Bn::from_bytes(&SQRT_HALF.to_be_bytes());
        for (bits, e) in [(512, 3), (576, 65537), (1024, 3 * 5 * 7 * 11 * 13), (1536, 65537)] {
            let e = Bn::from_word(e);
            for prime in pair(bits, &e).unwrap() {
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
        let [p, q] = pair(1024, &Bn::from_word(65537)).unwrap();
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
