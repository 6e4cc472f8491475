//! RSA of AWS-LC: the key object and the operations on it.

use std::ptr::{self, NonNull};

use aws_lc_sys as sys;
use zeroize::Zeroizing;

use super::bn::Bn;
use super::digest::evp_md;
use super::{allocated, check};
use crate::digest::HashAlg;
use crate::{Error, Result};

/// An RSA key, public or private.
///
/// The library blinds each private operation and checks its result with the public exponent. It
/// takes a lock of the key only to lend out a blinding, never during the exponentiation.
pub(crate) struct Rsa(NonNull<sys::RSA>);

// SAFETY: the library allows any thread to use and free a key.
unsafe impl Send for Rsa {}
// SAFETY: the key is never changed after construction; what the library caches inside has its lock.
unsafe impl Sync for Rsa {}

/// The numbers of a private key, all present.
pub(crate) struct PrivateParts {
    pub(crate) n: Bn,
    pub(crate) e: Bn,
    pub(crate) d: Bn,
    pub(crate) p: Bn,
    pub(crate) q: Bn,
    pub(crate) dp: Bn,
    pub(crate) dq: Bn,
    pub(crate) qi: Bn,
}

/// What the library puts around the message.
#[derive(Clone, Copy)]
pub(crate) enum Padding {
    None,
    Pkcs1,
}

impl Padding {
    fn code(self) -> i32 {
        match self {
            Padding::None => sys::RSA_NO_PADDING,
            Padding::Pkcs1 => sys::RSA_PKCS1_PADDING,
        }
    }
}

/// Parameters of OAEP.
pub(crate) struct Oaep<'a> {
    pub(crate) hash: HashAlg,
    pub(crate) mgf_hash: HashAlg,
    pub(crate) label: &'a [u8],
}

/// The C shape that the raw operations share.
type RawOperation =
    unsafe extern "C" fn(*mut sys::RSA, *mut usize, *mut u8, usize, *const u8, usize, i32) -> i32;

impl Rsa {
    /// Builds a private key and lets the library check that its parts belong together.
    pub(crate) fn private(parts: &PrivateParts) -> Result<Self> {
        // The library takes exponents of more than 33 bits only when told so.
        let construct = if parts.e.bits() > 33 {
            sys::RSA_new_private_key_large_e
        } else {
            sys::RSA_new_private_key
        };
        // SAFETY: all numbers are valid for the call, which copies them.
        let key = unsafe {
            construct(
                parts.n.as_ptr(),
                parts.e.as_ptr(),
                parts.d.as_ptr(),
                parts.p.as_ptr(),
                parts.q.as_ptr(),
                parts.dp.as_ptr(),
                parts.dq.as_ptr(),
                parts.qi.as_ptr(),
            )
        };
        Self::checked(key)
    }

    /// Builds a public key.
    pub(crate) fn public(n: &Bn, e: &Bn) -> Result<Self> {
        let construct =
            if e.bits() > 33 { sys::RSA_new_public_key_large_e } else { sys::RSA_new_public_key };
        // SAFETY: both numbers are valid for the call, which copies them.
        Self::checked(unsafe { construct(n.as_ptr(), e.as_ptr()) })
    }

    fn checked(key: *mut sys::RSA) -> Result<Self> {
        check(i32::from(!key.is_null()), Error::InvalidKey)?;
        NonNull::new(key).map(Rsa).ok_or(Error::InvalidKey)
    }

    /// Modulus and public exponent.
    pub(crate) fn public_parts(&self) -> Result<(Bn, Bn)> {
        // SAFETY: the key outlives the copies of the numbers it owns.
        let (n, e) = unsafe {
            let key = self.0.as_ptr();
            (Bn::copy_of(sys::RSA_get0_n(key)), Bn::copy_of(sys::RSA_get0_e(key)))
        };
        n.zip(e).ok_or(Error::Internal)
    }

    /// All numbers of a private key.
    pub(crate) fn private_parts(&self) -> Result<PrivateParts> {
        let (n, e) = self.public_parts()?;
        let get = |read: unsafe extern "C" fn(*const sys::RSA) -> *const sys::BIGNUM| {
            // SAFETY: the key outlives the copy of the number it owns.
            unsafe { Bn::copy_of(read(self.0.as_ptr())) }.ok_or(Error::Internal)
        };
        Ok(PrivateParts {
            n,
            e,
            d: get(sys::RSA_get0_d)?,
            p: get(sys::RSA_get0_p)?,
            q: get(sys::RSA_get0_q)?,
            dp: get(sys::RSA_get0_dmp1)?,
            dq: get(sys::RSA_get0_dmq1)?,
            qi: get(sys::RSA_get0_iqmp)?,
        })
    }

    /// Bits of the modulus.
    pub(crate) fn bits(&self) -> usize {
        // SAFETY: a valid key, only read.
        (unsafe { sys::RSA_bits(self.0.as_ptr()) }) as usize
    }

    /// Bytes of the modulus.
    pub(crate) fn size(&self) -> usize {
        // SAFETY: a valid key, only read.
        (unsafe { sys::RSA_size(self.0.as_ptr()) }) as usize
    }

    /// The private operation on a message padded as for a signature.
    pub(crate) fn sign(&self, padding: Padding, data: &[u8]) -> Result<Vec<u8>> {
        self.raw(sys::RSA_sign_raw, padding, data, Error::DataInvalid).map(public_bytes)
    }

    /// The public operation on a signature; with padding, also its removal.
    pub(crate) fn verify(&self, padding: Padding, signature: &[u8]) -> Result<Vec<u8>> {
        self.raw(sys::RSA_verify_raw, padding, signature, Error::DataInvalid).map(public_bytes)
    }

    /// The public operation on a message padded as for encryption.
    pub(crate) fn encrypt(&self, padding: Padding, data: &[u8]) -> Result<Vec<u8>> {
        self.raw(sys::RSA_encrypt, padding, data, Error::DataInvalid).map(public_bytes)
    }

    /// The private operation on a ciphertext; with padding, also its removal.
    pub(crate) fn decrypt(&self, padding: Padding, data: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        self.raw(sys::RSA_decrypt, padding, data, Error::DecryptFailed)
    }

    fn raw(
        &self,
        operation: RawOperation,
        padding: Padding,
        data: &[u8],
        error: Error,
    ) -> Result<Zeroizing<Vec<u8>>> {
        let mut out = Zeroizing::new(vec![0; self.size()]);
        let mut out_len = 0;
        // SAFETY: a valid key; both buffers are given with their lengths.
        let status = unsafe {
            operation(
                self.0.as_ptr(),
                &mut out_len,
                out.as_mut_ptr(),
                out.len(),
                data.as_ptr(),
                data.len(),
                padding.code(),
            )
        };
        check(status, error)?;
        out.truncate(out_len);
        Ok(out)
    }

    pub(crate) fn sign_pss(
        &self,
        hash: HashAlg,
        mgf_hash: HashAlg,
        salt_len: i32,
        digest: &[u8],
    ) -> Result<Vec<u8>> {
        let mut out = vec![0; self.size()];
        let mut out_len = 0;
        // SAFETY: a valid key; both buffers are given with their lengths; the descriptors are static.
        let status = unsafe {
            sys::RSA_sign_pss_mgf1(
                self.0.as_ptr(),
                &mut out_len,
                out.as_mut_ptr(),
                out.len(),
                digest.as_ptr(),
                digest.len(),
                evp_md(hash)?,
                evp_md(mgf_hash)?,
                salt_len,
            )
        };
        check(status, Error::Internal)?;
        out.truncate(out_len);
        Ok(out)
    }

    pub(crate) fn verify_pss(
        &self,
        hash: HashAlg,
        mgf_hash: HashAlg,
        salt_len: i32,
        digest: &[u8],
        signature: &[u8],
    ) -> Result<()> {
        // SAFETY: a valid key; both buffers are given with their lengths; the descriptors are static.
        let status = unsafe {
            sys::RSA_verify_pss_mgf1(
                self.0.as_ptr(),
                digest.as_ptr(),
                digest.len(),
                evp_md(hash)?,
                evp_md(mgf_hash)?,
                salt_len,
                signature.as_ptr(),
                signature.len(),
            )
        };
        check(status, Error::VerifyFailed)
    }

    pub(crate) fn encrypt_oaep(&self, oaep: &Oaep<'_>, data: &[u8]) -> Result<Vec<u8>> {
        let context = OaepContext::new(self, oaep, sys::EVP_PKEY_encrypt_init)?;
        context.run(sys::EVP_PKEY_encrypt, self.size(), data, Error::Internal).map(public_bytes)
    }

    pub(crate) fn decrypt_oaep(&self, oaep: &Oaep<'_>, data: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        let context = OaepContext::new(self, oaep, sys::EVP_PKEY_decrypt_init)?;
        context.run(sys::EVP_PKEY_decrypt, self.size(), data, Error::DecryptFailed)
    }
}

impl Drop for Rsa {
    fn drop(&mut self) {
        // SAFETY: this reference to the counted key is owned and released once; the C side wipes.
        unsafe { sys::RSA_free(self.0.as_ptr()) }
    }
}

/// Takes the vector out of its wiping wrapper, for results that are no secret.
fn public_bytes(mut bytes: Zeroizing<Vec<u8>>) -> Vec<u8> {
    std::mem::take(&mut *bytes)
}

/// OAEP exists only behind the library's generic key interface.
struct OaepContext {
    context: NonNull<sys::EVP_PKEY_CTX>,
}

impl OaepContext {
    fn new(
        rsa: &Rsa,
        oaep: &Oaep<'_>,
        init: unsafe extern "C" fn(*mut sys::EVP_PKEY_CTX) -> i32,
    ) -> Result<Self> {
        // SAFETY: the generic key takes a reference of its own to the valid RSA key, and the context
        // one to the generic key, which is released here on every path. The label is copied to
        // memory of the library, which the context takes over only when it accepts it.
        unsafe {
            let key = allocated(sys::EVP_PKEY_new());
            let attached = sys::EVP_PKEY_set1_RSA(key.as_ptr(), rsa.0.as_ptr());
            if attached != 1 {
                sys::EVP_PKEY_free(key.as_ptr());
                return check(attached, Error::Internal).and(Err(Error::Internal));
            }
            let context = sys::EVP_PKEY_CTX_new(key.as_ptr(), ptr::null_mut());
            sys::EVP_PKEY_free(key.as_ptr());
            let this = OaepContext { context: allocated(context) };

            let context = this.context.as_ptr();
            check(init(context), Error::Internal)?;
            let padding = sys::RSA_PKCS1_OAEP_PADDING;
            check(sys::EVP_PKEY_CTX_set_rsa_padding(context, padding), Error::Internal)?;
            check(sys::EVP_PKEY_CTX_set_rsa_oaep_md(context, evp_md(oaep.hash)?), Error::Internal)?;
            check(
                sys::EVP_PKEY_CTX_set_rsa_mgf1_md(context, evp_md(oaep.mgf_hash)?),
                Error::Internal,
            )?;
            if !oaep.label.is_empty() {
                let len = oaep.label.len();
                let label = allocated(sys::OPENSSL_memdup(oaep.label.as_ptr().cast(), len));
                let status =
                    sys::EVP_PKEY_CTX_set0_rsa_oaep_label(context, label.as_ptr().cast(), len);
                if status != 1 {
                    sys::OPENSSL_free(label.as_ptr());
                }
                check(status, Error::InvalidParameter)?;
            }
            Ok(this)
        }
    }

    fn run(
        &self,
        operation: unsafe extern "C" fn(
            *mut sys::EVP_PKEY_CTX,
            *mut u8,
            *mut usize,
            *const u8,
            usize,
        ) -> i32,
        key_size: usize,
        data: &[u8],
        error: Error,
    ) -> Result<Zeroizing<Vec<u8>>> {
        let mut out = Zeroizing::new(vec![0; key_size]);
        let mut out_len = out.len();
        // SAFETY: the context was initialised for this operation; both buffers are given with their
        // lengths.
        let status = unsafe {
            operation(
                self.context.as_ptr(),
                out.as_mut_ptr(),
                &mut out_len,
                data.as_ptr(),
                data.len(),
            )
        };
        check(status, error)?;
        out.truncate(out_len);
        Ok(out)
    }
}

impl Drop for OaepContext {
    fn drop(&mut self) {
        // SAFETY: owned, freed once.
        unsafe { sys::EVP_PKEY_CTX_free(self.context.as_ptr()) }
    }
}
