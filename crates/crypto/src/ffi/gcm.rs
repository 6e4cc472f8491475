//! AES-GCM of AWS-LC: with an IV of any length and a shortened tag, and of the usual shape from one place to
//! another.

use std::{
    mem::MaybeUninit,
    ptr::{self, NonNull},
};

use aws_lc_sys as sys;
use zeroize::Zeroizing;

use super::{allocated, check};
use crate::{Error, Result};

/// An authenticated encryption in progress; also that of `ccm.rs`.
pub(super) struct Context(NonNull<sys::EVP_CIPHER_CTX>);

impl Context {
    fn new(key: &[u8], iv: &[u8], direction: i32) -> Result<Self> {
        // SAFETY: the functions that choose the cipher return static tables, and its key length is
        // the slice's.
        unsafe {
            let cipher = match key.len() {
                16 => sys::EVP_aes_128_gcm(),
                24 => sys::EVP_aes_192_gcm(),
                32 => sys::EVP_aes_256_gcm(),
                _ => return Err(Error::KeySize),
            };
            Context::start(cipher, key, iv, direction, |_| Ok(()))
        }
    }

    /// Starts a cipher that takes an IV of any length, with whatever is to be set before its key.
    ///
    /// # Safety
    /// The cipher is one of the library's, and its key has the length of `key`.
    pub(super) unsafe fn start(
        cipher: *const sys::EVP_CIPHER,
        key: &[u8],
        iv: &[u8],
        direction: i32,
        prepare: impl FnOnce(&Self) -> Result<()>,
    ) -> Result<Self> {
        let iv_len = i32::try_from(iv.len()).map_err(|_| Error::InvalidParameter)?;
        // SAFETY: the key has its length by this function's contract. The context is owned before
        // it is used; the IV is passed only after its length has been set.
        unsafe {
            let this = Context(allocated(sys::EVP_CIPHER_CTX_new()));
            let context = this.0.as_ptr();
            let none = ptr::null_mut();
            let status =
                sys::EVP_CipherInit_ex(context, cipher, none, ptr::null(), ptr::null(), direction);
            check(status, Error::Internal)?;
            this.control(sys::EVP_CTRL_AEAD_SET_IVLEN, iv_len, ptr::null_mut())?;
            prepare(&this)?;
            let status = sys::EVP_CipherInit_ex(
                context,
                ptr::null(),
                ptr::null_mut(),
                key.as_ptr(),
                iv.as_ptr(),
                direction,
            );
            check(status, Error::Internal)?;
            Ok(this)
        }
    }

    pub(super) fn as_ptr(&self) -> *mut sys::EVP_CIPHER_CTX {
        self.0.as_ptr()
    }

    /// # Safety
    /// `pointer` is what the command of this name expects, with `argument` as its length.
    pub(super) unsafe fn control(
        &self,
        command: i32,
        argument: i32,
        pointer: *mut u8,
    ) -> Result<()> {
        // SAFETY: a valid context; the rest is this function's contract.
        let status =
            unsafe { sys::EVP_CIPHER_CTX_ctrl(self.0.as_ptr(), command, argument, pointer.cast()) };
        check(status, Error::InvalidParameter)
    }

    pub(super) fn authenticate(&self, aad: &[u8]) -> Result<()> {
        let aad_len = i32::try_from(aad.len()).map_err(|_| Error::DataTooLarge)?;
        let mut written = 0;
        // SAFETY: without an output buffer the library only reads the slice.
        let status = unsafe {
            let context = self.0.as_ptr();
            sys::EVP_CipherUpdate(context, ptr::null_mut(), &mut written, aad.as_ptr(), aad_len)
        };
        check(status, Error::Internal)
    }

    /// Works in place; `error` is what it means when the library refuses.
    pub(super) fn crypt(&self, data: &mut [u8], error: Error) -> Result<()> {
        let len = i32::try_from(data.len()).map_err(|_| Error::DataTooLarge)?;
        let mut written = 0;
        // SAFETY: these ciphers give as many bytes as they take, and may work in place.
        let status = unsafe {
            let (context, start) = (self.0.as_ptr(), data.as_mut_ptr());
            sys::EVP_CipherUpdate(context, start, &mut written, start, len)
        };
        check(status, error)
    }

    fn finish(&self, error: Error) -> Result<()> {
        let (mut rest, mut written) = ([0; 16], 0);
        // SAFETY: GCM writes nothing here; the buffer has a block all the same.
        let status =
            unsafe { sys::EVP_CipherFinal_ex(self.0.as_ptr(), rest.as_mut_ptr(), &mut written) };
        check(status, error)
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: owned, freed once; the C side wipes it.
        unsafe { sys::EVP_CIPHER_CTX_free(self.0.as_ptr()) }
    }
}

/// Encrypts and appends the tag, `tag_len` bytes in `1..=16`.
pub(crate) fn seal(
    key: &[u8],
    iv: &[u8],
    aad: &[u8],
    tag_len: u8,
    plaintext: &[u8],
) -> Result<Vec<u8>> {
    let context = Context::new(key, iv, 1)?;
    context.authenticate(aad)?;
    let mut out = Vec::with_capacity(plaintext.len() + usize::from(tag_len));
    out.extend_from_slice(plaintext);
    context.crypt(&mut out, Error::Internal)?;
    context.finish(Error::Internal)?;
    let mut tag = [0; 16];
    // SAFETY: the command writes `tag_len` bytes, at most the 16 of the buffer by the library's check.
    unsafe { context.control(sys::EVP_CTRL_AEAD_GET_TAG, i32::from(tag_len), tag.as_mut_ptr())? };
    out.extend_from_slice(&tag[..usize::from(tag_len)]);
    Ok(out)
}

/// Checks the tag and decrypts.
pub(crate) fn open(
    key: &[u8],
    iv: &[u8],
    aad: &[u8],
    tag: &[u8],
    ciphertext: &[u8],
) -> Result<Zeroizing<Vec<u8>>> {
    let mut expected = [0; 16];
    let tag_len = i32::try_from(tag.len()).map_err(|_| Error::InvalidParameter)?;
    expected.get_mut(..tag.len()).ok_or(Error::InvalidParameter)?.copy_from_slice(tag);
    let context = Context::new(key, iv, 0)?;
    // SAFETY: the command reads `tag_len` bytes, which the buffer has.
    unsafe { context.control(sys::EVP_CTRL_AEAD_SET_TAG, tag_len, expected.as_mut_ptr())? };
    context.authenticate(aad)?;
    let mut out = Zeroizing::new(ciphertext.to_vec());
    context.crypt(&mut out, Error::Internal)?;
    context.finish(Error::DecryptFailed)?;
    Ok(out)
}

/// AES-GCM of the usual shape with a prepared key.
pub(crate) struct Prepared(NonNull<sys::EVP_AEAD_CTX>);

// SAFETY: the context is a plain heap object without ties to a thread.
unsafe impl Send for Prepared {}
// SAFETY: sealing and opening only read it.
unsafe impl Sync for Prepared {}

impl Prepared {
    const TAG_LEN: usize = 16;

    pub(crate) fn new(key: &[u8]) -> Result<Self> {
        // SAFETY: the tables are static, each key has its table's length, and 16 is their tag's.
        let context = unsafe {
            let aead = match key.len() {
                16 => sys::EVP_aead_aes_128_gcm(),
                24 => sys::EVP_aead_aes_192_gcm(),
                32 => sys::EVP_aead_aes_256_gcm(),
                _ => return Err(Error::KeySize),
            };
            sys::EVP_AEAD_CTX_new(aead, key.as_ptr(), key.len(), Self::TAG_LEN)
        };
        Ok(Prepared(allocated(context)))
    }

    /// Encrypts; returns `ciphertext || tag`.
    pub(crate) fn seal(&self, nonce: &[u8; 12], aad: &[u8], plaintext: &[u8]) -> Result<Vec<u8>> {
        let mut out = Vec::with_capacity(plaintext.len() + Self::TAG_LEN);
        let len = self.seal_into(nonce, aad, plaintext, out.spare_capacity_mut())?;
        // SAFETY: as many bytes were written.
        unsafe { out.set_len(len) };
        Ok(out)
    }

    /// As [`seal`](Self::seal), to the beginning of `out`; gives how many bytes were written.
    pub(crate) fn seal_into(
        &self,
        nonce: &[u8; 12],
        aad: &[u8],
        plaintext: &[u8],
        out: &mut [MaybeUninit<u8>],
    ) -> Result<usize> {
        let (text, tag) = out.split_at_mut_checked(plaintext.len()).ok_or(Error::InvalidLength)?;
        let mut tag_len = 0;
        // SAFETY: a valid context. The output has room for the ciphertext, and the tag's is given with its length
        // as is the rest; nothing is encrypted besides. What is borrowed for writing is nobody else's.
        let status = unsafe {
            sys::EVP_AEAD_CTX_seal_scatter(
                self.0.as_ptr(),
                text.as_mut_ptr().cast(),
                tag.as_mut_ptr().cast(),
                &mut tag_len,
                tag.len(),
                nonce.as_ptr(),
                nonce.len(),
                plaintext.as_ptr(),
                plaintext.len(),
                ptr::null(),
                0,
                aad.as_ptr(),
                aad.len(),
            )
        };
        check(status, Error::DataTooLarge)?;
        Ok(plaintext.len() + tag_len)
    }

    /// Checks the tag and decrypts.
    pub(crate) fn open(
        &self,
        nonce: &[u8; 12],
        aad: &[u8],
        tag: &[u8],
        ciphertext: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>> {
        let mut out = Zeroizing::new(Vec::with_capacity(ciphertext.len()));
        // SAFETY: a valid context; the output has room for as much as goes in, the rest is given with its length.
        let status = unsafe {
            sys::EVP_AEAD_CTX_open_gather(
                self.0.as_ptr(),
                out.as_mut_ptr(),
                nonce.as_ptr(),
                nonce.len(),
                ciphertext.as_ptr(),
                ciphertext.len(),
                tag.as_ptr(),
                tag.len(),
                aad.as_ptr(),
                aad.len(),
            )
        };
        check(status, Error::DecryptFailed)?;
        // SAFETY: the call has filled as many bytes.
        unsafe { out.set_len(ciphertext.len()) };
        Ok(out)
    }
}

impl Drop for Prepared {
    fn drop(&mut self) {
        // SAFETY: owned, freed once; the C side wipes it.
        unsafe { sys::EVP_AEAD_CTX_free(self.0.as_ptr()) }
    }
}
