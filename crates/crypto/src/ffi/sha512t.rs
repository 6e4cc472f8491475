//! SHA-512/t for any t, from the SHA-512 of AWS-LC with another initial value.

use std::mem::MaybeUninit;

use aws_lc_sys as sys;
use zeroize::Zeroize;

use super::infallible;

/// A digest in progress.
#[derive(Clone)]
pub(crate) struct Sha512TContext {
    context: sys::SHA512_CTX,
    bits: u16,
}

impl Sha512TContext {
    /// Starts a digest of this many bits (FIPS 180-4, 5.3.6), 1 to 511.
    pub(crate) fn new(bits: u16) -> Self {
        let mut generator = start();
        for word in &mut generator.h {
            *word ^= 0xa5a5_a5a5_a5a5_a5a5;
        }
        update(&mut generator, format!("SHA-512/{bits}").as_bytes());
        let mut context = start();
        let value = finish(&mut generator);
        for (word, bytes) in context.h.iter_mut().zip(value.as_chunks().0) {
            *word = u64::from_be_bytes(*bytes);
        }
        Sha512TContext { context, bits }
    }

    pub(crate) fn update(&mut self, data: &[u8]) {
        update(&mut self.context, data);
    }

    /// The leftmost bits, filled up with zeros to whole bytes.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        let mut digest = finish(&mut self.context)[..usize::from(self.bits).div_ceil(8)].to_vec();
        if let (Some(last), used @ 1..) = (digest.last_mut(), self.bits % 8) {
            *last &= 0xff << (8 - used);
        }
        digest
    }
}

impl Drop for Sha512TContext {
    fn drop(&mut self) {
        self.context.h.zeroize();
        self.context.p.zeroize();
    }
}

fn start() -> sys::SHA512_CTX {
    let mut context = MaybeUninit::<sys::SHA512_CTX>::zeroed();
    // SAFETY: the context is of plain numbers, valid when zeroed, and filled by the call.
    unsafe {
        infallible(sys::SHA512_Init(context.as_mut_ptr()));
        context.assume_init()
    }
}

fn update(context: &mut sys::SHA512_CTX, data: &[u8]) {
    // SAFETY: the context is initialised; pointer and length are of one slice.
    infallible(unsafe { sys::SHA512_Update(context, data.as_ptr().cast(), data.len()) });
}

fn finish(context: &mut sys::SHA512_CTX) -> [u8; 64] {
    let mut digest = [0; 64];
    // SAFETY: the context is initialised; `digest` has the 64 bytes of SHA-512.
    infallible(unsafe { sys::SHA512_Final(digest.as_mut_ptr(), context) });
    digest
}
