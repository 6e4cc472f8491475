//! DSA (FIPS 186-4): keys, signatures of given digests, domain parameters.

mod generate;
mod shawe_taylor;

use std::cmp::Ordering;
use std::fmt;

use zeroize::Zeroizing;

pub use self::generate::{GeneratorSeed, ProbablePrimes, generator, probable_primes};
pub use self::shawe_taylor::{ProvablePrimes, provable_primes};
use crate::ffi::bn::Bn;
use crate::ffi::dsa::Dsa;
use crate::{Error, Result};

/// Lengths of p and q in bits that FIPS 186-4, 4.2 allows.
pub const SIZES: [(u32, u32); 4] = [(1024, 160), (2048, 224), (2048, 256), (3072, 256)];

/// Domain parameters, each big endian: `CKA_PRIME`, `CKA_SUBPRIME`, `CKA_BASE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DsaParameters {
    /// The prime p.
    pub p: Vec<u8>,
    /// The prime q, a factor of p - 1.
    pub q: Vec<u8>,
    /// The generator g of the subgroup with q elements.
    pub g: Vec<u8>,
}

/// Domain parameters, checked.
#[derive(Clone)]
struct Domain {
    p: Bn,
    q: Bn,
    g: Bn,
}

impl Domain {
    /// Checks sizes, that q divides p - 1, and that g generates the subgroup. Whether p and q are
    /// prime is not tried again for every key: see [`DsaParameters::check_primes`].
    fn new(parameters: &DsaParameters) -> Result<Self> {
        let [p, q, g] = [&parameters.p, &parameters.q, &parameters.g].map(|n| Bn::from_bytes(n));
        let bits = (p.bits() as u32, q.bits() as u32);
        if !SIZES.contains(&bits) {
            return Err(Error::KeySize);
        }
        let in_range = g.compare(&p) == Ordering::Less && g.bits() > 1;
        let subgroup = p.is_odd()
            && q.is_odd()
            && in_range
            && p.minus_one().modulo(&q)?.is_zero()
            && g.power(&q, &p)?.is_one();
        if subgroup { Ok(Domain { p, q, g }) } else { Err(Error::InvalidKey) }
    }

    fn numbers(&self) -> [&Bn; 3] {
        [&self.p, &self.q, &self.g]
    }

    fn parameters(&self) -> DsaParameters {
        let [p, q, g] = self.numbers().map(|number| number.to_bytes().to_vec());
        DsaParameters { p, q, g }
    }
}

impl DsaParameters {
    /// Checks the sizes, the subgroup, and that p and q are prime.
    ///
    /// # Errors
    /// [`Error::KeySize`] for sizes that are not in [`SIZES`], [`Error::InvalidKey`].
    pub fn check_primes(&self) -> Result<()> {
        let domain = Domain::new(self)?;
        if domain.q.is_prime()? && domain.p.is_prime()? { Ok(()) } else { Err(Error::InvalidKey) }
    }
}

/// A private key, checked and ready for use. Share it in an `Arc`.
pub struct DsaPrivateKey {
    key: Dsa,
    domain: Domain,
    x: Bn,
    y: Bn,
}

impl DsaPrivateKey {
    /// Generates a key pair.
    ///
    /// # Errors
    /// [`Error::KeySize`] for sizes that are not in [`SIZES`], [`Error::InvalidKey`] for parameters
    /// without a subgroup of q elements, [`Error::Internal`].
    pub fn generate(parameters: &DsaParameters) -> Result<Self> {
        let domain = Domain::new(parameters)?;
        let x = Bn::random_from(1, &domain.q)?;
        Self::new(domain, x)
    }

    /// Imports a private key x (`CKA_VALUE`), big endian; computes the public key.
    ///
    /// # Errors
    /// As [`generate`](Self::generate), and [`Error::InvalidKey`] unless x is in `1..q`.
    pub fn from_components(parameters: &DsaParameters, x: &[u8]) -> Result<Self> {
        let domain = Domain::new(parameters)?;
        let x = Bn::from_bytes(x);
        if x.is_zero() || x.compare(&domain.q) != Ordering::Less {
            return Err(Error::InvalidKey);
        }
        Self::new(domain, x)
    }

    fn new(domain: Domain, x: Bn) -> Result<Self> {
        let y = domain.g.power(&x, &domain.p)?;
        let key = Dsa::new(domain.numbers(), &y, Some(&x));
        Ok(DsaPrivateKey { key, domain, x, y })
    }

    /// The domain parameters.
    pub fn parameters(&self) -> DsaParameters {
        self.domain.parameters()
    }

    /// The private key x, big endian without leading zeros.
    pub fn x(&self) -> Zeroizing<Vec<u8>> {
        self.x.to_bytes()
    }

    /// The public key of this private key.
    pub fn public(&self) -> DsaPublicKey {
        let (domain, y) = (self.domain.clone(), self.y.clone());
        DsaPublicKey { key: Dsa::new(domain.numbers(), &y, None), domain, y }
    }

    /// Length of a signature in bytes: twice that of q.
    pub fn signature_len(&self) -> usize {
        2 * self.domain.q.bits().div_ceil(8)
    }

    /// Signs a digest (`CKM_DSA`; FIPS 186-4, 4.6): `r || s`, each as long as q.
    ///
    /// A digest longer than q counts by its leftmost bits; a shorter one is taken whole.
    ///
    /// # Errors
    /// [`Error::InvalidLength`] for an empty digest.
    pub fn sign_digest(&self, digest: &[u8]) -> Result<Vec<u8>> {
        if digest.is_empty() {
            return Err(Error::InvalidLength);
        }
        self.key.sign(digest)
    }
}

impl fmt::Debug for DsaPrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DsaPrivateKey")
            .field("p_bits", &self.domain.p.bits())
            .field("q_bits", &self.domain.q.bits())
            .finish_non_exhaustive()
    }
}

/// A public key, checked and ready for use. Share it in an `Arc`.
pub struct DsaPublicKey {
    key: Dsa,
    domain: Domain,
    y: Bn,
}

impl DsaPublicKey {
    /// Imports a public key y (`CKA_VALUE`), big endian.
    ///
    /// # Errors
    /// As [`DsaPrivateKey::generate`], and [`Error::InvalidKey`] unless y is an element of the
    /// subgroup other than 1.
    pub fn from_components(parameters: &DsaParameters, y: &[u8]) -> Result<Self> {
        let domain = Domain::new(parameters)?;
        let y = Bn::from_bytes(y);
        let in_range = y.bits() > 1 && y.compare(&domain.p) == Ordering::Less;
        if !in_range || !y.power(&domain.q, &domain.p)?.is_one() {
            return Err(Error::InvalidKey);
        }
        Ok(DsaPublicKey { key: Dsa::new(domain.numbers(), &y, None), domain, y })
    }

    /// The domain parameters.
    pub fn parameters(&self) -> DsaParameters {
        self.domain.parameters()
    }

    /// The public key y, big endian without leading zeros.
    pub fn y(&self) -> Vec<u8> {
        self.y.to_bytes().to_vec()
    }

    /// Verifies a signature over a digest (FIPS 186-4, 4.7): `r || s`, of equal length.
    ///
    /// # Errors
    /// [`Error::InvalidLength`] for an empty digest, [`Error::SignatureLength`] for a signature that
    /// is not twice as long as q, [`Error::VerifyFailed`].
    pub fn verify_digest(&self, digest: &[u8], signature: &[u8]) -> Result<()> {
        if digest.is_empty() {
            return Err(Error::InvalidLength);
        }
        if signature.len() != 2 * self.domain.q.bits().div_ceil(8) {
            return Err(Error::SignatureLength);
        }
        let (r, s) = signature.split_at(signature.len() / 2);
        self.key.verify(digest, r, s)
    }
}

impl fmt::Debug for DsaPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DsaPublicKey")
            .field("p_bits", &self.domain.p.bits())
            .field("q_bits", &self.domain.q.bits())
            .finish_non_exhaustive()
    }
}
