//! Diffie-Hellman over prime fields: PKCS#3, and ANSI X9.42 with its hybrid form and MQV.

use std::cmp::Ordering;
use std::fmt;

use zeroize::Zeroizing;

use crate::digest::HashAlg;
use crate::dsa;
use crate::ffi::bn::{Bn, TopBits};
use crate::{Error, Result};

/// The smallest prime that is taken, in bits.
pub const PRIME_BITS_MIN: u32 = 512;
/// The largest prime that is taken, in bits.
pub const PRIME_BITS_MAX: u32 = 8192;

/// Domain parameters, each big endian: `CKA_PRIME`, `CKA_BASE`, and for X9.42 `CKA_SUBPRIME`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DhParameters {
    /// The prime p.
    pub p: Vec<u8>,
    /// The base g.
    pub g: Vec<u8>,
    /// The order q of g's subgroup; PKCS#3 does not have it.
    pub q: Option<Vec<u8>>,
}

impl DhParameters {
    /// Generates a prime of `bits` bits for PKCS#3, safe (`(p - 1) / 2` is prime) with the base 2
    /// (`CKM_DH_PKCS_PARAMETER_GEN`). From 2048 bits on that takes seconds to minutes.
    ///
    /// As 2 may generate the whole group or the subgroup of half its size, the base says nothing
    /// about q, and none is given.
    ///
    /// # Errors
    /// [`Error::KeySize`] outside [`PRIME_BITS_MIN`] and [`PRIME_BITS_MAX`].
    pub fn generate(bits: u32) -> Result<Self> {
        if !(PRIME_BITS_MIN..=PRIME_BITS_MAX).contains(&bits) {
            return Err(Error::KeySize);
        }
        let p = Bn::random_safe_prime(bits as usize)?;
        Ok(DhParameters { p: p.to_bytes().to_vec(), g: vec![2], q: None })
    }

    /// Generates p, q and g for X9.42 (`CKM_X9_42_DH_PARAMETER_GEN`), as FIPS 186-4, A.1.1.2 and
    /// A.2.1 do, with the shortest hash function of SHA-2 that q allows.
    ///
    /// # Errors
    /// [`Error::KeySize`] for a q of less than 160 or more than 512 bits, a p outside the limits, and
    /// for sizes that are not whole bytes.
    pub fn generate_x942(p_bits: u32, q_bits: u32) -> Result<Self> {
        if !(PRIME_BITS_MIN..=PRIME_BITS_MAX).contains(&p_bits) {
            return Err(Error::KeySize);
        }
        let function = match q_bits {
            ..=160 => HashAlg::Sha1,
            161..=224 => HashAlg::Sha224,
            225..=256 => HashAlg::Sha256,
            257..=384 => HashAlg::Sha384,
            _ => HashAlg::Sha512,
        };
        let key_size =
            |error| if error == Error::InvalidParameter { Error::KeySize } else { error };
        let primes = dsa::probable_primes(p_bits, q_bits, function, None).map_err(key_size)?;
        let g = dsa::generator(&primes.p, &primes.q, None)?;
        Ok(DhParameters { p: primes.p, g, q: Some(primes.q) })
    }

    /// Whether p and g are those of a group of RFC 3526 or RFC 7919, whose p is a safe prime with
    /// the base 2.
    pub fn is_named_group(&self) -> bool {
        let (p, g) = (Bn::from_bytes(&self.p), Bn::from_bytes(&self.g));
        g.compare(&Bn::from_word(2)) == Ordering::Equal
            && Bn::named_safe_primes().iter().any(|named| named.compare(&p) == Ordering::Equal)
    }
}

/// Domain parameters, checked.
#[derive(Clone)]
struct Domain {
    p: Bn,
    g: Bn,
    q: Option<Bn>,
}

impl Domain {
    fn new(parameters: &DhParameters) -> Result<Self> {
        let (p, g) = (Bn::from_bytes(&parameters.p), Bn::from_bytes(&parameters.g));
        let q = parameters.q.as_deref().map(Bn::from_bytes);
        if !(PRIME_BITS_MIN as usize..=PRIME_BITS_MAX as usize).contains(&p.bits()) {
            return Err(Error::KeySize);
        }
        // The primality of p is the caller's affair, as for every token: it costs too much for every
        // key. That p is odd keeps the arithmetic right.
        let in_range = g.bits() > 1 && g.compare(&p.minus_one()) == Ordering::Less;
        if !p.is_odd() || !in_range {
            return Err(Error::InvalidKey);
        }
        if let Some(q) = &q
            && (q.bits() < 2 || q.compare(&p) != Ordering::Less || !g.power(q, &p)?.is_one())
        {
            return Err(Error::InvalidKey);
        }
        Ok(Domain { p, g, q })
    }

    fn parameters(&self) -> DhParameters {
        let bytes = |number: &Bn| number.to_bytes().to_vec();
        let Domain { p, g, q } = self;
        DhParameters { p: bytes(p), g: bytes(g), q: q.as_ref().map(bytes) }
    }

    /// A peer's public key: from 2 to p - 2, and in the subgroup if q is known (SP 800-56A, 5.6.2.3).
    fn public(&self, y: &[u8]) -> Result<Bn> {
        let y = Bn::from_bytes(y);
        let in_range = y.bits() > 1 && y.compare(&self.p.minus_one()) == Ordering::Less;
        if !in_range {
            return Err(Error::InvalidParameter);
        }
        match &self.q {
            Some(q) if !y.power(q, &self.p)?.is_one() => Err(Error::InvalidParameter),
            _ => Ok(y),
        }
    }
}

/// A private key, checked and ready for use. Share it in an `Arc`.
pub struct DhPrivateKey {
    domain: Domain,
    x: Bn,
    y: Bn,
}

impl DhPrivateKey {
    /// Generates a key pair. With `bits` (`CKA_VALUE_BITS`) the private key has exactly as many;
    /// otherwise it is below q, or below (p - 1) / 2 where there is no q.
    ///
    /// # Errors
    /// [`Error::KeySize`] for a prime outside the limits, [`Error::InvalidKey`] for parameters that
    /// are none, [`Error::InvalidParameter`] for `bits` that are 0 or leave no room below p or q.
    pub fn generate(parameters: &DhParameters, bits: Option<u32>) -> Result<Self> {
        let domain = Domain::new(parameters)?;
        let order = domain.q.clone().unwrap_or_else(|| domain.p.shifted_right(1));
        let x = match bits {
            Some(bits) => {
                let bits = bits as usize;
                if bits == 0 || bits >= order.bits() {
                    return Err(Error::InvalidParameter);
                }
                Bn::random(bits, TopBits::One)?
            }
            None => Bn::random_from(1, &order)?,
        };
        Self::new(domain, x)
    }

    /// Imports a private key x (`CKA_VALUE`), big endian; computes the public key.
    ///
    /// # Errors
    /// As [`generate`](Self::generate), and [`Error::InvalidKey`] unless x is in `1..p - 1`, or
    /// `1..q` where there is a q.
    pub fn from_components(parameters: &DhParameters, x: &[u8]) -> Result<Self> {
        let domain = Domain::new(parameters)?;
        let x = Bn::from_bytes(x);
        let bound = domain.q.clone().unwrap_or_else(|| domain.p.minus_one());
        if x.is_zero() || x.compare(&bound) != Ordering::Less {
            return Err(Error::InvalidKey);
        }
        Self::new(domain, x)
    }

    fn new(domain: Domain, x: Bn) -> Result<Self> {
        let y = domain.g.power(&x, &domain.p)?;
        Ok(DhPrivateKey { domain, x, y })
    }

    /// The domain parameters.
    pub fn parameters(&self) -> DhParameters {
        self.domain.parameters()
    }

    /// The private key x, big endian without leading zeros.
    pub fn x(&self) -> Zeroizing<Vec<u8>> {
        self.x.to_bytes()
    }

    /// Length of the private key in bits (`CKA_VALUE_BITS`).
    pub fn x_bits(&self) -> usize {
        self.x.bits()
    }

    /// The public key y, big endian without leading zeros.
    pub fn y(&self) -> Vec<u8> {
        self.y.to_bytes().to_vec()
    }

    /// Agrees with a peer (`CKM_DH_PKCS_DERIVE`, `CKM_X9_42_DH_DERIVE` before its key derivation):
    /// as many bytes as p.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] for a public key that is out of range or not in the subgroup.
    pub fn derive(&self, peer: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        let peer = self.domain.public(peer)?;
        self.shared(&peer.power(&self.x, &self.domain.p)?)
    }

    /// Agrees with a peer by two key pairs on each side (`CKM_X9_42_DH_HYBRID_DERIVE`; dhHybrid1 of
    /// SP 800-56A, 6.1.1.1): the secret of the ephemeral keys, then that of the static ones, both as
    /// long as p. `self` is the static key.
    ///
    /// # Errors
    /// As [`derive`](Self::derive).
    pub fn derive_hybrid(
        &self,
        ephemeral: &DhPrivateKey,
        peer: &[u8],
        peer_ephemeral: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>> {
        let (first, second) = (ephemeral.derive(peer_ephemeral)?, self.derive(peer)?);
        Ok(Zeroizing::new([&first[..], &second].concat()))
    }

    /// Agrees with a peer by MQV (`CKM_X9_42_MQV_DERIVE`; MQV2 of SP 800-56A, 5.7.2.1): as many bytes
    /// as p. `self` is the static key; both keys must have the same q.
    ///
    /// # Errors
    /// [`Error::InvalidKey`] without q or for different domain parameters,
    /// [`Error::InvalidParameter`] for public keys as in [`derive`](Self::derive) and for a secret
    /// of 1.
    pub fn derive_mqv(
        &self,
        ephemeral: &DhPrivateKey,
        peer: &[u8],
        peer_ephemeral: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>> {
        let (p, q) = (&self.domain.p, self.domain.q.as_ref().ok_or(Error::InvalidKey)?);
        if self.parameters() != ephemeral.parameters() {
            return Err(Error::InvalidKey);
        }
        let (peer, peer_ephemeral) =
            (self.domain.public(peer)?, self.domain.public(peer_ephemeral)?);
        // Half of q's bits of an ephemeral public key, and one above.
        let top = Bn::from_word(1).shifted_left(q.bits().div_ceil(2));
        let half = |y: &Bn| Ok::<_, Error>(y.modulo(&top)?.plus(&top));
        let implicit =
            half(&ephemeral.y)?.times_modulo(&self.x, q)?.plus(&ephemeral.x).modulo(q)?;
        let combined = peer.power(&half(&peer_ephemeral)?, p)?.times_modulo(&peer_ephemeral, p)?;
        self.shared(&combined.power(&implicit, p)?)
    }

    fn shared(&self, z: &Bn) -> Result<Zeroizing<Vec<u8>>> {
        if z.bits() < 2 {
            return Err(Error::InvalidParameter);
        }
        let mut out = Zeroizing::new(vec![0; self.domain.p.bits().div_ceil(8)]);
        z.write_padded(&mut out)?;
        Ok(out)
    }
}

impl fmt::Debug for DhPrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DhPrivateKey")
            .field("p_bits", &self.domain.p.bits())
            .finish_non_exhaustive()
    }
}

/// A public key, checked.
pub struct DhPublicKey {
    domain: Domain,
    y: Bn,
}

impl DhPublicKey {
    /// Imports a public key y (`CKA_VALUE`), big endian.
    ///
    /// # Errors
    /// As [`DhPrivateKey::generate`], and [`Error::InvalidKey`] unless y is in `2..p - 1`, and in the
    /// subgroup if q is known.
    pub fn from_components(parameters: &DhParameters, y: &[u8]) -> Result<Self> {
        let domain = Domain::new(parameters)?;
        let y = domain.public(y).map_err(|_| Error::InvalidKey)?;
        Ok(DhPublicKey { domain, y })
    }

    /// The domain parameters.
    pub fn parameters(&self) -> DhParameters {
        self.domain.parameters()
    }

    /// The public key y, big endian without leading zeros.
    pub fn y(&self) -> Vec<u8> {
        self.y.to_bytes().to_vec()
    }
}

impl fmt::Debug for DhPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DhPublicKey").field("p_bits", &self.domain.p.bits()).finish_non_exhaustive()
    }
}
