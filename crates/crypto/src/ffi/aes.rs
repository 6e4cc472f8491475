//! The AES block cipher of AWS-LC with a prepared key, its plain modes, and key wrap.

use std::mem::MaybeUninit;
use std::ptr;

use aws_lc_sys as sys;
use zeroize::{Zeroize, Zeroizing};

use crate::{Error, Result};

/// Bytes of an AES block.
pub(crate) const BLOCK: usize = 16;

/// A key schedule for one direction.
struct Schedule(Box<sys::AES_KEY>);

/// The schedule that encrypts blocks.
pub(crate) struct EncryptSchedule(Schedule);

/// The schedule that decrypts blocks.
pub(crate) struct DecryptSchedule(Schedule);

type Expand = unsafe extern "C" fn(*const u8, u32, *mut sys::AES_KEY) -> i32;

impl Schedule {
    fn expand(key: &[u8], expand: Expand) -> Result<Self> {
        let bits = match key.len() {
            16 => 128,
            24 => 192,
            32 => 256,
            _ => return Err(Error::KeySize),
        };
        let mut schedule = Box::new(MaybeUninit::<sys::AES_KEY>::zeroed());
        // SAFETY: the key has `bits` bits. The schedule is of plain numbers, valid when zeroed, and
        // filled by the call.
        unsafe {
            if expand(key.as_ptr(), bits, schedule.as_mut_ptr()) != 0 {
                return Err(Error::Internal);
            }
            Ok(Schedule(schedule.assume_init()))
        }
    }
}

impl Drop for Schedule {
    fn drop(&mut self) {
        // SAFETY: the schedule is of plain numbers, for which all zero bytes are a valid value.
        let bytes = unsafe {
            std::slice::from_raw_parts_mut(
                ptr::from_mut::<sys::AES_KEY>(&mut self.0).cast::<u8>(),
                size_of::<sys::AES_KEY>(),
            )
        };
        bytes.zeroize();
    }
}

impl EncryptSchedule {
    pub(crate) fn new(key: &[u8]) -> Result<Self> {
        Schedule::expand(key, sys::AES_set_encrypt_key).map(EncryptSchedule)
    }

    /// ECB, in place. The length is a multiple of the block.
    pub(crate) fn ecb(&self, data: &mut [u8]) {
        for block in data.as_chunks_mut::<BLOCK>().0 {
            self.block(block);
        }
    }

    pub(crate) fn block(&self, block: &mut [u8; BLOCK]) {
        // SAFETY: one whole block, which the library may read and write in place.
        unsafe { sys::AES_encrypt(block.as_ptr(), block.as_mut_ptr(), &*self.0.0) }
    }

    /// CBC, in place; `chain` is left as the IV of what follows. The length is a multiple of the
    /// block.
    pub(crate) fn cbc(&self, data: &mut [u8], chain: &mut [u8; BLOCK]) {
        cbc(&self.0, data, chain, sys::AES_ENCRYPT);
    }

    /// CBC from one place to the end of another; else as [`cbc`](Self::cbc).
    pub(crate) fn cbc_apart(&self, data: &[u8], out: &mut Vec<u8>, chain: &mut [u8; BLOCK]) {
        cbc_apart(&self.0, data, out, chain, sys::AES_ENCRYPT);
    }

    /// The same to the beginning of `out`, which has room enough.
    pub(crate) fn cbc_into(
        &self,
        data: &[u8],
        out: &mut [MaybeUninit<u8>],
        chain: &mut [u8; BLOCK],
    ) {
        cbc_into(&self.0, data, out, chain, sys::AES_ENCRYPT);
    }

    /// Counter mode over whole blocks, in place, from the given counter block.
    ///
    /// The counter counts through all 128 bits: the caller ends a run before a narrower one wraps.
    pub(crate) fn ctr(&self, data: &mut [u8], counter: [u8; BLOCK]) {
        let (start, len) = (data.as_mut_ptr(), data.len());
        // SAFETY: the data may be read and written in place.
        unsafe { self.ctr_from(start, start, len, counter) }
    }

    /// The same to the beginning of `out`, which has room enough.
    pub(crate) fn ctr_into(&self, data: &[u8], out: &mut [MaybeUninit<u8>], counter: [u8; BLOCK]) {
        assert!(out.len() >= data.len());
        // SAFETY: the room is borrowed for writing and as long.
        unsafe { self.ctr_from(data.as_ptr(), out.as_mut_ptr().cast(), data.len(), counter) }
    }

    /// # Safety
    /// From `from` on `len` bytes can be read, and written from `to` on, which is the same place or apart.
    unsafe fn ctr_from(&self, from: *const u8, to: *mut u8, len: usize, mut counter: [u8; BLOCK]) {
        debug_assert!(len.is_multiple_of(BLOCK));
        let mut keystream = Zeroizing::new([0; BLOCK]);
        let mut used = 0;
        // SAFETY: as promised; the other buffers are whole blocks.
        unsafe {
            sys::AES_ctr128_encrypt(
                from,
                to,
                len,
                &*self.0.0,
                counter.as_mut_ptr(),
                keystream.as_mut_ptr(),
                &mut used,
            );
        }
    }

    /// Key wrap (RFC 3394) with this IV. `data` has at least 16 bytes, a multiple of 8.
    pub(crate) fn wrap(&self, iv: [u8; 8], data: &[u8]) -> Result<Vec<u8>> {
        let mut out = vec![0; data.len() + 8];
        // SAFETY: `out` has 8 bytes more than `data`, the IV has 8.
        let written = unsafe {
            sys::AES_wrap_key(&*self.0.0, iv.as_ptr(), out.as_mut_ptr(), data.as_ptr(), data.len())
        };
        if usize::try_from(written) == Ok(out.len()) { Ok(out) } else { Err(Error::InvalidLength) }
    }
}

impl DecryptSchedule {
    pub(crate) fn new(key: &[u8]) -> Result<Self> {
        Schedule::expand(key, sys::AES_set_decrypt_key).map(DecryptSchedule)
    }

    /// ECB, in place. The length is a multiple of the block.
    pub(crate) fn ecb(&self, data: &mut [u8]) {
        for block in data.as_chunks_mut::<BLOCK>().0 {
            // SAFETY: one whole block, which the library may read and write in place.
            unsafe { sys::AES_decrypt(block.as_ptr(), block.as_mut_ptr(), &*self.0.0) }
        }
    }

    /// CBC, in place; `chain` is left as the IV of what follows. The length is a multiple of the
    /// block.
    pub(crate) fn cbc(&self, data: &mut [u8], chain: &mut [u8; BLOCK]) {
        cbc(&self.0, data, chain, sys::AES_DECRYPT);
    }

    /// CBC from one place to the end of another; else as [`cbc`](Self::cbc).
    pub(crate) fn cbc_apart(&self, data: &[u8], out: &mut Vec<u8>, chain: &mut [u8; BLOCK]) {
        cbc_apart(&self.0, data, out, chain, sys::AES_DECRYPT);
    }

    /// The same to the beginning of `out`, which has room enough.
    pub(crate) fn cbc_into(
        &self,
        data: &[u8],
        out: &mut [MaybeUninit<u8>],
        chain: &mut [u8; BLOCK],
    ) {
        cbc_into(&self.0, data, out, chain, sys::AES_DECRYPT);
    }

    /// Key unwrap (RFC 3394); fails unless the IV comes out. `data` has at least 24 bytes, a
    /// multiple of 8.
    pub(crate) fn unwrap(&self, iv: [u8; 8], data: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        if data.len() < 24 {
            return Err(Error::InvalidLength);
        }
        let mut out = Zeroizing::new(vec![0; data.len() - 8]);
        // SAFETY: `out` has 8 bytes less than `data`, the IV has 8.
        let written = unsafe {
            sys::AES_unwrap_key(
                &*self.0.0,
                iv.as_ptr(),
                out.as_mut_ptr(),
                data.as_ptr(),
                data.len(),
            )
        };
        if usize::try_from(written) == Ok(out.len()) { Ok(out) } else { Err(Error::DecryptFailed) }
    }

    /// Key unwrap with padding (RFC 5649) and the standard's IV. `data` has at least 16 bytes, a
    /// multiple of 8.
    pub(crate) fn unwrap_padded(&self, data: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        if data.len() < BLOCK || !data.len().is_multiple_of(8) {
            return Err(Error::InvalidLength);
        }
        let mut out = Zeroizing::new(vec![0; data.len() - 8]);
        let mut out_len = 0;
        // SAFETY: both buffers are given with their lengths, which were checked above.
        let status = unsafe {
            sys::AES_unwrap_key_padded(
                &*self.0.0,
                out.as_mut_ptr(),
                &mut out_len,
                out.len(),
                data.as_ptr(),
                data.len(),
            )
        };
        if status != 1 {
            return Err(Error::DecryptFailed);
        }
        out.truncate(out_len);
        Ok(out)
    }
}

fn cbc(schedule: &Schedule, data: &mut [u8], chain: &mut [u8; BLOCK], direction: i32) {
    debug_assert!(data.len().is_multiple_of(BLOCK));
    // SAFETY: whole blocks, which the library may read and write in place; the schedule is of the
    // given direction, as each caller holds only one of its kind.
    unsafe {
        sys::AES_cbc_encrypt(
            data.as_ptr(),
            data.as_mut_ptr(),
            data.len(),
            &*schedule.0,
            chain.as_mut_ptr(),
            direction,
        );
    }
}

fn cbc_apart(
    schedule: &Schedule,
    data: &[u8],
    out: &mut Vec<u8>,
    chain: &mut [u8; BLOCK],
    direction: i32,
) {
    out.reserve(data.len());
    cbc_into(schedule, data, out.spare_capacity_mut(), chain, direction);
    // SAFETY: as many bytes were written.
    unsafe { out.set_len(out.len() + data.len()) };
}

/// To the beginning of `out`, which has room enough.
fn cbc_into(
    schedule: &Schedule,
    data: &[u8],
    out: &mut [MaybeUninit<u8>],
    chain: &mut [u8; BLOCK],
    direction: i32,
) {
    // The library would go on to the end of the last block.
    assert!(data.len().is_multiple_of(BLOCK) && out.len() >= data.len());
    // SAFETY: whole blocks, and as much room, which the call fills; the room is borrowed for writing and so apart
    // from the data. The schedule is of the given direction, as each caller holds only one of its kind.
    unsafe {
        sys::AES_cbc_encrypt(
            data.as_ptr(),
            out.as_mut_ptr().cast(),
            data.len(),
            &*schedule.0,
            chain.as_mut_ptr(),
            direction,
        );
    }
}
