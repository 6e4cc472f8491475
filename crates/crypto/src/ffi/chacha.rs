//! ChaCha20, Poly1305 and XChaCha20-Poly1305 of AWS-LC.

use std::ptr::NonNull;

use aws_lc_sys as sys;
use zeroize::{Zeroize, Zeroizing};

use super::{allocated, check};
use crate::{Error, Result};

/// Adds keystream, in place: 64 bytes for each count from this one. The count has 32 bits, and the
/// data ends before it wraps.
pub(crate) fn chacha20(data: &mut [u8], key: &[u8; 32], nonce: &[u8; 12], count: u32) {
    debug_assert!(data.len().div_ceil(64) as u64 <= (1 << 32) - u64::from(count));
    let (start, len) = (data.as_mut_ptr(), data.len());
    // SAFETY: the data may be read and written in place; key and nonce have the lengths they must.
    unsafe { sys::CRYPTO_chacha_20(start, start, len, key.as_ptr(), nonce.as_ptr(), count) }
}

/// A Poly1305 in progress.
///
/// The C side keeps its numbers at the first aligned address inside, so that the alignment must not
/// change when the state moves.
#[derive(Clone)]
#[repr(align(64))]
pub(crate) struct Poly1305(sys::poly1305_state);

impl Poly1305 {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        let mut this = Poly1305([0; 512]);
        // SAFETY: a whole state and a whole key.
        unsafe { sys::CRYPTO_poly1305_init(&mut this.0, key.as_ptr()) };
        this
    }

    pub(crate) fn update(&mut self, data: &[u8]) {
        // SAFETY: the state is initialised; pointer and length are of one slice.
        unsafe { sys::CRYPTO_poly1305_update(&mut self.0, data.as_ptr(), data.len()) }
    }

    pub(crate) fn finish(mut self) -> [u8; 16] {
        let mut tag = [0; 16];
        // SAFETY: the state is initialised; a tag has 16 bytes.
        unsafe { sys::CRYPTO_poly1305_finish(&mut self.0, tag.as_mut_ptr()) };
        tag
    }
}

impl Drop for Poly1305 {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// XChaCha20-Poly1305 with a prepared key.
pub(crate) struct XChaCha20Poly1305(NonNull<sys::EVP_AEAD_CTX>);

// SAFETY: the context is a plain heap object without ties to a thread.
unsafe impl Send for XChaCha20Poly1305 {}
// SAFETY: sealing and opening only read it.
unsafe impl Sync for XChaCha20Poly1305 {}

impl XChaCha20Poly1305 {
    const TAG_LEN: usize = 16;

    pub(crate) fn new(key: &[u8; 32]) -> Self {
        // SAFETY: the table is static, the key has its length, and 16 is its tag's.
        let context = unsafe {
            let aead = sys::EVP_aead_xchacha20_poly1305();
            sys::EVP_AEAD_CTX_new(aead, key.as_ptr(), key.len(), Self::TAG_LEN)
        };
        XChaCha20Poly1305(allocated(context))
    }

    pub(crate) fn seal(&self, nonce: &[u8; 24], aad: &[u8], plaintext: &[u8]) -> Result<Vec<u8>> {
        let mut out = vec![0; plaintext.len() + Self::TAG_LEN];
        let mut out_len = 0;
        // SAFETY: a valid context; each buffer is given with its length.
        let status = unsafe {
            sys::EVP_AEAD_CTX_seal(
                self.0.as_ptr(),
                out.as_mut_ptr(),
                &mut out_len,
                out.len(),
                nonce.as_ptr(),
                nonce.len(),
                plaintext.as_ptr(),
                plaintext.len(),
                aad.as_ptr(),
                aad.len(),
            )
        };
        check(status, Error::DataTooLarge)?;
        out.truncate(out_len);
        Ok(out)
    }

    pub(crate) fn open(
        &self,
        nonce: &[u8; 24],
        aad: &[u8],
        ciphertext: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>> {
        let mut out = Zeroizing::new(vec![0; ciphertext.len()]);
        let mut out_len = 0;
        // SAFETY: as above.
        let status = unsafe {
            sys::EVP_AEAD_CTX_open(
                self.0.as_ptr(),
                out.as_mut_ptr(),
                &mut out_len,
                out.len(),
                nonce.as_ptr(),
                nonce.len(),
                ciphertext.as_ptr(),
                ciphertext.len(),
                aad.as_ptr(),
                aad.len(),
            )
        };
        check(status, Error::DecryptFailed)?;
        out.truncate(out_len);
        Ok(out)
    }
}

impl Drop for XChaCha20Poly1305 {
    fn drop(&mut self) {
        // SAFETY: owned, freed once; the C side wipes it.
        unsafe { sys::EVP_AEAD_CTX_free(self.0.as_ptr()) }
    }
}
