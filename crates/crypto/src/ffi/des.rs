//! The triple DES of AWS-LC with a prepared key.

use std::ptr;

use aws_lc_sys as sys;
use zeroize::Zeroize;

/// Bytes of a DES block, and of a key of single DES.
pub(crate) const BLOCK: usize = 8;

/// The key schedules of encryption, decryption, encryption. They serve both directions.
pub(crate) struct Schedule(Box<[sys::DES_key_schedule; 3]>);

impl Schedule {
    pub(crate) fn new(keys: [&[u8; BLOCK]; 3]) -> Self {
        let mut schedules = Box::new([sys::DES_key_schedule::default(); 3]);
        for (schedule, key) in schedules.iter_mut().zip(keys) {
            let mut key = sys::DES_cblock { bytes: *key };
            // SAFETY: a whole key, and a schedule that the call fills.
            unsafe { sys::DES_set_key_unchecked(&key, schedule) };
            key.bytes.zeroize();
        }
        Schedule(schedules)
    }

    /// ECB, in place. The length is a multiple of the block.
    pub(crate) fn ecb(&self, data: &mut [u8], direction: i32) {
        let [first, second, third] = &*self.0;
        for block in data.as_chunks_mut::<BLOCK>().0 {
            let block = ptr::from_mut(block).cast::<sys::DES_cblock>();
            // SAFETY: one whole block, whose type differs from the library's in name only; the
            // library may read and write it in place.
            unsafe { sys::DES_ecb3_encrypt(block, block, first, second, third, direction) }
        }
    }

    /// CBC, in place; `chain` is left as the IV of what follows. The length is a multiple of the
    /// block.
    pub(crate) fn cbc(&self, data: &mut [u8], chain: &mut [u8; BLOCK], direction: i32) {
        debug_assert!(data.len().is_multiple_of(BLOCK));
        let [first, second, third] = &*self.0;
        let chain = ptr::from_mut(chain).cast::<sys::DES_cblock>();
        // SAFETY: whole blocks, which the library may read and write in place, and an IV of one.
        unsafe {
            let (start, len) = (data.as_mut_ptr(), data.len());
            sys::DES_ede3_cbc_encrypt(start, start, len, first, second, third, chain, direction);
        }
    }
}

impl Drop for Schedule {
    fn drop(&mut self) {
        for schedule in self.0.iter_mut() {
            schedule.subkeys.as_flattened_mut().zeroize();
        }
    }
}

/// Whether a key of single DES is weak or semi-weak.
pub(crate) fn is_weak(key: &[u8; BLOCK]) -> bool {
    let mut key = sys::DES_cblock { bytes: *key };
    // SAFETY: a whole key, which the call reads.
    let weak = unsafe { sys::DES_is_weak_key(&key) } != 0;
    key.bytes.zeroize();
    weak
}
