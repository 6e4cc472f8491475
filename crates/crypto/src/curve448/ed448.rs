//! Ed448 signatures (RFC 8032, 5.2).

use std::cmp::Ordering;
use std::fmt;
use std::sync::LazyLock;

use zeroize::Zeroizing;

use super::{Element, PRIME, from_little_endian, to_little_endian};
use crate::ffi::bn::Bn;
use crate::ffi::shake::{Shake, shake};
use crate::prehash::CONTEXT_LEN_MAX;
use crate::{Error, Result, random};

/// Length of seed and public key in bytes.
pub const ED448_KEY_LEN: usize = 57;
/// Length of a signature in bytes.
pub const ED448_SIGNATURE_LEN: usize = 114;
/// Length of the digest that Ed448ph signs: 64 bytes of SHAKE256.
const DIGEST_LEN: usize = 64;

/// The base point's coordinates and its order (RFC 8032, 5.2), big endian.
const BASE_X: &str = "4f1970c66bed0ded221d15a622bf36da9e146570470f1767ea6de324a3d3a464\
     12ae1af72ab66511433b80e18b00938e2626a82bc70cc05e";
const BASE_Y: &str = "693f46716eb6bc248876203756c9c7624bea73736ca3984087789c1e05a0c2d7\
     3ad3ff1ce67c39c4fdbd132c4ed7c8ad9808795bf230fa14";
const ORDER: &str = "3fffffffffffffffffffffffffffffffffffffffffffffffffffffff7cca23e9\
     c44edb49aed63690216cc2728dc58f552378c292ab5844f3";

static BASE: LazyLock<Point> = LazyLock::new(|| Point {
    x: Element(from_hex(BASE_X)),
    y: Element(from_hex(BASE_Y)),
    z: Element::small(1),
});
static GROUP_ORDER: LazyLock<Bn> = LazyLock::new(|| from_hex(ORDER));

fn from_hex(digits: &str) -> Bn {
    let digit = |byte: u8| char::from(byte).to_digit(16).unwrap_or_default() as u8;
    let pairs = digits.as_bytes().chunks_exact(2);
    Bn::from_bytes(&pairs.map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect::<Vec<_>>())
}

/// A point in projective coordinates.
#[derive(Clone)]
struct Point {
    x: Element,
    y: Element,
    z: Element,
}

impl Point {
    fn neutral() -> Self {
        Point { x: Element::small(0), y: Element::small(1), z: Element::small(1) }
    }

    fn plus(&self, other: &Point) -> Result<Self> {
        let a = self.z.times(&other.z)?;
        let b = a.squared()?;
        let c = self.x.times(&other.x)?;
        let d = self.y.times(&other.y)?;
        // The curve's d is -39081, so that E of the standard is the negative of this one.
        let e = Element::small(39081).times(&c)?.times(&d)?;
        let (f, g) = (b.plus(&e), b.minus(&e));
        let h = self.x.plus(&self.y).times(&other.x.plus(&other.y))?;
        Ok(Point {
            x: a.times(&f)?.times(&h.minus(&c).minus(&d))?,
            y: a.times(&g)?.times(&d.minus(&c))?,
            z: f.times(&g)?,
        })
    }

    fn doubled(&self) -> Result<Self> {
        let b = self.x.plus(&self.y).squared()?;
        let (c, d, h) = (self.x.squared()?, self.y.squared()?, self.z.squared()?);
        let e = c.plus(&d);
        let j = e.minus(&h).minus(&h);
        Ok(Point { x: b.minus(&e).times(&j)?, y: e.times(&c.minus(&d))?, z: e.times(&j)? })
    }

    fn negated(&self) -> Self {
        let Point { x, y, z } = self.clone();
        Point { x: Element::small(0).minus(&x), y, z }
    }

    /// Multiplies by a little-endian scalar.
    fn times(&self, scalar: &[u8]) -> Result<Self> {
        let mut product = Point::neutral();
        for byte in scalar.iter().rev() {
            for bit in (0..8).rev() {
                product = product.doubled()?;
                if byte >> bit & 1 == 1 {
                    product = product.plus(self)?;
                }
            }
        }
        Ok(product)
    }

    fn encode(&self) -> Result<[u8; ED448_KEY_LEN]> {
        let inverse = self.z.inverse()?;
        let (x, y) = (self.x.times(&inverse)?, self.y.times(&inverse)?);
        let mut out: [u8; ED448_KEY_LEN] = y.to_bytes()?;
        out[ED448_KEY_LEN - 1] |= u8::from(x.0.is_odd()) << 7;
        Ok(out)
    }

    /// Decodes a point; `None` if it is not on the curve or not encoded in the one right way.
    fn decode(bytes: &[u8; ED448_KEY_LEN]) -> Result<Option<Self>> {
        let mut bytes = *bytes;
        let odd = bytes[ED448_KEY_LEN - 1] & 0x80 != 0;
        bytes[ED448_KEY_LEN - 1] &= 0x7f;
        let y = from_little_endian(&bytes);
        if y.compare(&PRIME) != Ordering::Less {
            return Ok(None);
        }
        let (y, one) = (Element(y), Element::small(1));
        // x^2 = (y^2 - 1) / (d y^2 - 1), with the square root of RFC 8032, 5.2.3.
        let yy = y.squared()?;
        let u = yy.minus(&one);
        let v = Element::small(0).minus(&Element::small(39081).times(&yy)?).minus(&one);
        let uuv = u.squared()?.times(&u)?.times(&v)?;
        let exponent = PRIME.minus(&Bn::from_word(3)).shifted_right(2);
        let inner = uuv.times(&u.squared()?)?.times(&v.squared()?)?;
        let x = uuv.times(&inner.power(&exponent)?)?;
        if !v.times(&x.squared()?)?.equals(&u) || (x.0.is_zero() && odd) {
            return Ok(None);
        }
        let x = if x.0.is_odd() == odd { x } else { Element::small(0).minus(&x) };
        Ok(Some(Point { x, y, z: one }))
    }
}

/// A private key, ready for use. Share it in an `Arc`.
pub struct Ed448PrivateKey {
    seed: Zeroizing<[u8; ED448_KEY_LEN]>,
    scalar: Zeroizing<[u8; ED448_KEY_LEN]>,
    prefix: Zeroizing<[u8; ED448_KEY_LEN]>,
    public: Ed448PublicKey,
}

impl Ed448PrivateKey {
    /// Generates a key pair.
    ///
    /// # Errors
    /// [`Error::Internal`] without random numbers.
    pub fn generate() -> Result<Self> {
        let mut seed = Zeroizing::new([0; ED448_KEY_LEN]);
        random::fill(&mut *seed)?;
        Self::from_seed(&*seed)
    }

    /// Imports a private key, which RFC 8032 calls the seed.
    ///
    /// # Errors
    /// [`Error::InvalidKey`] unless it has [`ED448_KEY_LEN`] bytes.
    pub fn from_seed(seed: &[u8]) -> Result<Self> {
        let seed: [u8; ED448_KEY_LEN] = seed.try_into().map_err(|_| Error::InvalidKey)?;
        let seed = Zeroizing::new(seed);
        let mut expanded = Zeroizing::new([0; 2 * ED448_KEY_LEN]);
        shake(Shake::Shake256, &[&*seed], &mut *expanded);
        let (mut scalar, mut prefix) =
            (Zeroizing::new([0; ED448_KEY_LEN]), Zeroizing::new([0; ED448_KEY_LEN]));
        scalar.copy_from_slice(&expanded[..ED448_KEY_LEN]);
        prefix.copy_from_slice(&expanded[ED448_KEY_LEN..]);
        scalar[0] &= 0xfc;
        scalar[55] |= 0x80;
        scalar[56] = 0;
        let public = Ed448PublicKey { bytes: BASE.times(&*scalar)?.encode()? };
        Ok(Ed448PrivateKey { seed, scalar, prefix, public })
    }

    /// The private key as imported or generated.
    pub fn seed(&self) -> &[u8] {
        &*self.seed
    }

    /// The public key of this private key.
    pub fn public(&self) -> Ed448PublicKey {
        self.public
    }

    /// Signs a message with a context, which may be empty (Ed448; `phFlag` false in
    /// `CK_EDDSA_PARAMS`).
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] for a context of more than 255 bytes.
    pub fn sign(&self, message: &[u8], context: &[u8]) -> Result<Vec<u8>> {
        self.sign_as(0, message, context)
    }

    /// Signs the digest of a message, 64 bytes of SHAKE256 (Ed448ph; `phFlag` true).
    ///
    /// # Errors
    /// As [`sign`](Self::sign), and [`Error::InvalidLength`] for another length.
    pub fn sign_digest(&self, digest: &[u8], context: &[u8]) -> Result<Vec<u8>> {
        check_digest(digest)?;
        self.sign_as(1, digest, context)
    }

    fn sign_as(&self, flag: u8, message: &[u8], context: &[u8]) -> Result<Vec<u8>> {
        let domain = domain(flag, context)?;
        let nonce = hash_to_scalar(&[&domain, &*self.prefix, message])?;
        let nonce_bytes: Zeroizing<[u8; ED448_KEY_LEN]> = to_little_endian(&nonce)?.into();
        let commitment = BASE.times(&*nonce_bytes)?.encode()?;
        let challenge = hash_to_scalar(&[&domain, &commitment, &self.public.bytes, message])?;
        let product = challenge.times(&from_little_endian(&*self.scalar));
        let response = nonce.plus(&product).modulo(&GROUP_ORDER)?;
        let response: [u8; ED448_KEY_LEN] = to_little_endian(&response)?;
        Ok([commitment, response].concat())
    }
}

impl fmt::Debug for Ed448PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ed448PrivateKey").finish_non_exhaustive()
    }
}

/// A public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ed448PublicKey {
    bytes: [u8; ED448_KEY_LEN],
}

impl Ed448PublicKey {
    /// Imports an encoded point. Whether it lies on the curve shows when it first verifies.
    ///
    /// # Errors
    /// [`Error::InvalidKey`] unless it has [`ED448_KEY_LEN`] bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let bytes = bytes.try_into().map_err(|_| Error::InvalidKey)?;
        Ok(Ed448PublicKey { bytes })
    }

    /// The encoded point.
    pub fn as_bytes(&self) -> &[u8; ED448_KEY_LEN] {
        &self.bytes
    }

    /// Verifies a signature of a message with a context.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] for a context of more than 255 bytes,
    /// [`Error::SignatureLength`], [`Error::VerifyFailed`].
    pub fn verify(&self, message: &[u8], context: &[u8], signature: &[u8]) -> Result<()> {
        self.verify_as(0, message, context, signature)
    }

    /// Verifies an Ed448ph signature of a digest.
    ///
    /// # Errors
    /// As [`verify`](Self::verify), and [`Error::InvalidLength`] unless the digest has 64 bytes.
    pub fn verify_digest(&self, digest: &[u8], context: &[u8], signature: &[u8]) -> Result<()> {
        check_digest(digest)?;
        self.verify_as(1, digest, context, signature)
    }

    fn verify_as(&self, flag: u8, message: &[u8], context: &[u8], signature: &[u8]) -> Result<()> {
        let domain = domain(flag, context)?;
        if signature.len() != ED448_SIGNATURE_LEN {
            return Err(Error::SignatureLength);
        }
        let (commitment, response) = signature.split_at(ED448_KEY_LEN);
        let in_range = from_little_endian(response).compare(&GROUP_ORDER) == Ordering::Less;
        let key = Point::decode(&self.bytes)?;
        let (true, Some(key)) = (in_range, key) else { return Err(Error::VerifyFailed) };
        let challenge = hash_to_scalar(&[&domain, commitment, &self.bytes, message])?;
        let challenge: [u8; ED448_KEY_LEN] = to_little_endian(&challenge)?;
        // The commitment that a signer must have made, compared as bytes.
        let expected = BASE.times(response)?.plus(&key.times(&challenge)?.negated())?;
        if expected.encode()? == commitment { Ok(()) } else { Err(Error::VerifyFailed) }
    }
}

/// `dom4` (RFC 8032, 2).
fn domain(flag: u8, context: &[u8]) -> Result<Vec<u8>> {
    if context.len() > CONTEXT_LEN_MAX {
        return Err(Error::InvalidParameter);
    }
    // The check keeps the length in one byte.
    Ok([b"SigEd448", &[flag, context.len() as u8][..], context].concat())
}

fn check_digest(digest: &[u8]) -> Result<()> {
    if digest.len() == DIGEST_LEN { Ok(()) } else { Err(Error::InvalidLength) }
}

fn hash_to_scalar(parts: &[&[u8]]) -> Result<Bn> {
    let mut hashed = Zeroizing::new([0; 2 * ED448_KEY_LEN]);
    shake(Shake::Shake256, parts, &mut *hashed);
    from_little_endian(&*hashed).modulo(&GROUP_ORDER)
}
