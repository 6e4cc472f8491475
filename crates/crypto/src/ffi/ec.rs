//! Elliptic curve keys of AWS-LC: ECDSA over given digests, and ECDH.

use std::ptr::{self, NonNull};
use std::sync::OnceLock;

use aws_lc_sys as sys;
use zeroize::Zeroizing;

use super::bn::Bn;
use super::{allocated, check, infallible};
use crate::ec::Curve;
use crate::{Error, Result};

/// First byte of an uncompressed point (SEC 1, 2.3.3).
const UNCOMPRESSED: u8 = 4;

/// A key on a named curve, public or private.
pub(crate) struct EcKey {
    key: NonNull<sys::EC_KEY>,
    curve: Curve,
    /// The public point, uncompressed: `04 || X || Y`. The library keeps it projective, so that each encoding would
    /// cost an inversion.
    point: Box<[u8]>,
}

// SAFETY: the library allows any thread to use and free a key.
unsafe impl Send for EcKey {}
// SAFETY: the key is never changed after construction, and signing takes it as const.
unsafe impl Sync for EcKey {}

impl EcKey {
    fn empty(curve: Curve) -> Self {
        let nid = match curve {
            Curve::P224 => sys::NID_secp224r1,
            Curve::P256 => sys::NID_X9_62_prime256v1,
            Curve::P384 => sys::NID_secp384r1,
            Curve::P521 => sys::NID_secp521r1,
            Curve::Secp256k1 => sys::NID_secp256k1,
            _ => {
                // SAFETY: a new key, owned before it takes a reference of its own to the group.
                unsafe {
                    let this =
                        EcKey { key: allocated(sys::EC_KEY_new()), curve, point: Box::default() };
                    infallible(sys::EC_KEY_set_group(this.key.as_ptr(), Group::of(curve).as_ptr()));
                    return this;
                }
            }
        };
        // SAFETY: a constructor over a number that the library knows.
        let key = allocated(unsafe { sys::EC_KEY_new_by_curve_name(nid) });
        EcKey { key, curve, point: Box::default() }
    }

    pub(crate) fn generate(curve: Curve) -> Result<Self> {
        let this = Self::empty(curve);
        // SAFETY: a valid key with a curve, not yet shared.
        let status = unsafe { sys::EC_KEY_generate_key(this.key.as_ptr()) };
        check(status, Error::Internal)?;
        Ok(this.with_encoded_point())
    }

    /// Takes a scalar in `1..order` and computes the public point.
    pub(crate) fn from_scalar(curve: Curve, scalar: &Bn) -> Result<Self> {
        let this = Self::empty(curve);
        let point = Point::new(&this);
        // SAFETY: key, group, point and scalar are valid; the key is not yet shared and copies what
        // it is given.
        unsafe {
            let key = this.key.as_ptr();
            check(sys::EC_KEY_set_private_key(key, scalar.as_ptr()), Error::InvalidKey)?;
            let status = sys::EC_POINT_mul(
                this.group(),
                point.0.as_ptr(),
                scalar.as_ptr(),
                ptr::null(),
                ptr::null(),
                ptr::null_mut(),
            );
            check(status, Error::InvalidKey)?;
            check(sys::EC_KEY_set_public_key(key, point.0.as_ptr()), Error::InvalidKey)?;
        }
        Ok(this.with_encoded_point())
    }

    /// Takes a compressed or uncompressed point, which must lie on the curve.
    pub(crate) fn from_point(curve: Curve, bytes: &[u8]) -> Result<Self> {
        let mut this = Self::empty(curve);
        let point = Point::decode(&this, bytes)?;
        // SAFETY: key and point are valid and of one curve; the key is not yet shared.
        unsafe {
            let key = this.key.as_ptr();
            check(sys::EC_KEY_set_public_key(key, point.0.as_ptr()), Error::InvalidKey)?;
            check(sys::EC_KEY_check_key(key), Error::InvalidKey)?;
        }
        if bytes.first() != Some(&UNCOMPRESSED) {
            return Ok(this.with_encoded_point());
        }
        this.point = bytes.into();
        Ok(this)
    }

    /// The public half of a key.
    pub(crate) fn public(&self) -> Self {
        let mut public = Self::empty(self.curve);
        // SAFETY: both keys are valid and of one curve; the new one is not yet shared and copies the point, which
        // fails only for a point of another curve.
        unsafe {
            let point = sys::EC_KEY_get0_public_key(self.key.as_ptr());
            infallible(sys::EC_KEY_set_public_key(public.key.as_ptr(), point));
        }
        public.point.clone_from(&self.point);
        public
    }

    pub(crate) fn curve(&self) -> Curve {
        self.curve
    }

    fn group(&self) -> *const sys::EC_GROUP {
        // SAFETY: a valid key, which holds a reference to its group.
        unsafe { sys::EC_KEY_get0_group(self.key.as_ptr()) }
    }

    /// The private scalar, big endian, padded to the length of the order.
    pub(crate) fn scalar(&self) -> Result<Zeroizing<Vec<u8>>> {
        // SAFETY: the key outlives the copy of the number it owns.
        let scalar = unsafe { Bn::copy_of(sys::EC_KEY_get0_private_key(self.key.as_ptr())) };
        let mut out = Zeroizing::new(vec![0; self.curve.order_len()]);
        scalar.ok_or(Error::Internal)?.write_padded(&mut out)?;
        Ok(out)
    }

    /// The public point, uncompressed: `04 || X || Y`.
    pub(crate) fn point(&self) -> &[u8] {
        &self.point
    }

    fn with_encoded_point(mut self) -> Self {
        let mut out = vec![0; 1 + 2 * self.curve.field_len()];
        // SAFETY: a constructed key has a public point; the buffer is given with its length.
        let len = unsafe {
            sys::EC_POINT_point2oct(
                self.group(),
                sys::EC_KEY_get0_public_key(self.key.as_ptr()),
                sys::point_conversion_form_t::POINT_CONVERSION_UNCOMPRESSED,
                out.as_mut_ptr(),
                out.len(),
                ptr::null_mut(),
            )
        };
        debug_assert_eq!(len, out.len());
        self.point = out.into();
        self
    }

    /// Signs a digest; `r || s`, each as long as the order.
    pub(crate) fn sign(&self, digest: &[u8]) -> Result<Vec<u8>> {
        let half = self.curve.order_len();
        let mut out = vec![0; 2 * half];
        // SAFETY: a valid key, and pointer and length of one slice. The signature is owned from
        // there on, and `r` and `s` are read while it lives.
        unsafe {
            let raw = sys::ECDSA_do_sign(digest.as_ptr(), digest.len(), self.key.as_ptr());
            check(i32::from(!raw.is_null()), Error::Internal)?;
            let signature = Signature(allocated(raw));
            let (mut r, mut s) = (ptr::null(), ptr::null());
            sys::ECDSA_SIG_get0(signature.0.as_ptr(), &mut r, &mut s);
            let (first, second) = out.split_at_mut(half);
            check(sys::BN_bn2bin_padded(first.as_mut_ptr(), half, r), Error::Internal)?;
            check(sys::BN_bn2bin_padded(second.as_mut_ptr(), half, s), Error::Internal)?;
        }
        Ok(out)
    }

    pub(crate) fn verify(&self, digest: &[u8], r: &[u8], s: &[u8]) -> Result<()> {
        let signature = Signature::new(Bn::from_bytes(r), Bn::from_bytes(s));
        // SAFETY: valid key and signature; pointer and length are of one slice.
        let status = unsafe {
            sys::ECDSA_do_verify(
                digest.as_ptr(),
                digest.len(),
                signature.0.as_ptr(),
                self.key.as_ptr(),
            )
        };
        check(status, Error::VerifyFailed)
    }

    /// The x coordinate of this private key times the peer's point.
    pub(crate) fn ecdh(&self, peer: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        let peer = Point::decode(self, peer).map_err(|_| Error::InvalidParameter)?;
        let mut out = Zeroizing::new(vec![0; self.curve.field_len()]);
        // SAFETY: point and key are valid and of one curve; the buffer is given with its length.
        let written = unsafe {
            sys::ECDH_compute_key(
                out.as_mut_ptr().cast(),
                out.len(),
                peer.0.as_ptr(),
                self.key.as_ptr(),
                None,
            )
        };
        let complete = usize::try_from(written).is_ok_and(|len| len == out.len());
        check(i32::from(complete), Error::InvalidParameter)?;
        Ok(out)
    }
}

impl Drop for EcKey {
    fn drop(&mut self) {
        // SAFETY: this reference to the counted key is owned and released once; the C side wipes.
        unsafe { sys::EC_KEY_free(self.key.as_ptr()) }
    }
}

/// A curve that the library does not know by name. Made at first use and kept for good.
struct Group(NonNull<sys::EC_GROUP>);

// SAFETY: the library allows any thread to use a group.
unsafe impl Send for Group {}
// SAFETY: the group is never changed after construction.
unsafe impl Sync for Group {}

impl Group {
    fn of(curve: Curve) -> &'static Group {
        static GROUPS: [OnceLock<Group>; Curve::ALL.len()] =
            [const { OnceLock::new() }; Curve::ALL.len()];
        // The enumeration numbers its variants in the order of `ALL`.
        GROUPS[curve as usize].get_or_init(|| Group::new(curve))
    }

    fn new(curve: Curve) -> Self {
        let [p, a, b, gx, gy, n] = curve.numbers();
        let one = Bn::from_word(1);
        // SAFETY: all numbers are valid; group and generator are owned, and the generator is freed
        // when the group has its copy. These calls fail only for parameters that are no curve of
        // prime order, which the tests rule out for the table.
        unsafe {
            let none = ptr::null_mut();
            let raw = sys::EC_GROUP_new_curve_GFp(p.as_ptr(), a.as_ptr(), b.as_ptr(), none);
            let group = Group(allocated(raw));
            let generator = Point(allocated(sys::EC_POINT_new(group.as_ptr())));
            let point = generator.0.as_ptr();
            infallible(sys::EC_POINT_set_affine_coordinates_GFp(
                group.as_ptr(),
                point,
                gx.as_ptr(),
                gy.as_ptr(),
                none,
            ));
            let (order, cofactor) = (n.as_ptr(), one.as_ptr());
            infallible(sys::EC_GROUP_set_generator(raw, point, order, cofactor));
            group
        }
    }

    fn as_ptr(&self) -> *const sys::EC_GROUP {
        self.0.as_ptr()
    }
}

struct Point(NonNull<sys::EC_POINT>);

impl Point {
    /// The point at infinity of the key's curve.
    fn new(key: &EcKey) -> Self {
        // SAFETY: the key holds a reference to its group, and the point takes one.
        Point(allocated(unsafe { sys::EC_POINT_new(key.group()) }))
    }

    fn decode(key: &EcKey, bytes: &[u8]) -> Result<Self> {
        // Hybrid points (06, 07) are refused as FIPS 186-5 refuses them; one zero byte is infinity.
        if !matches!(bytes.first(), Some(2..=4)) {
            return Err(Error::InvalidKey);
        }
        let point = Self::new(key);
        // SAFETY: point and group are of one curve; pointer and length are of one slice.
        let status = unsafe {
            sys::EC_POINT_oct2point(
                key.group(),
                point.0.as_ptr(),
                bytes.as_ptr(),
                bytes.len(),
                ptr::null_mut(),
            )
        };
        check(status, Error::InvalidKey)?;
        Ok(point)
    }
}

impl Drop for Point {
    fn drop(&mut self) {
        // SAFETY: owned, freed once.
        unsafe { sys::EC_POINT_free(self.0.as_ptr()) }
    }
}

struct Signature(NonNull<sys::ECDSA_SIG>);

impl Signature {
    fn new(r: Bn, s: Bn) -> Self {
        // SAFETY: the new signature takes over both numbers, and the call fails only for null ones.
        unsafe {
            let signature = Signature(allocated(sys::ECDSA_SIG_new()));
            infallible(sys::ECDSA_SIG_set0(signature.0.as_ptr(), r.into_raw(), s.into_raw()));
            signature
        }
    }
}

impl Drop for Signature {
    fn drop(&mut self) {
        // SAFETY: owned, freed once, with its numbers.
        unsafe { sys::ECDSA_SIG_free(self.0.as_ptr()) }
    }
}
