//! Digests of AWS-LC whose state is a plain structure: it can be written down and taken up again, and
//! needs no memory of its own.

use std::ffi::c_int;
use std::mem::MaybeUninit;

use aws_lc_sys as sys;
use zeroize::Zeroize;

use super::infallible;
use crate::Result;
use crate::state::Reader;

/// The longest digest.
pub(crate) const DIGEST_LEN_MAX: usize = 64;

/// Defines a digest that chains blocks and ends with the count of bits (MD5 and what follows it).
macro_rules! chained {
    ($(#[$doc:meta])* $name:ident($context:ident of $word:ty), $data:ident, $block:literal, $update:ident) => {
        $(#[$doc])*
        #[derive(Clone)]
        pub(crate) struct $name(sys::$context);

        impl $name {
            fn start(init: unsafe extern "C" fn(*mut sys::$context) -> c_int) -> Self {
                let mut context = MaybeUninit::<sys::$context>::zeroed();
                // SAFETY: the structure is of plain numbers, valid when zeroed, and filled by the
                // library's function for it.
                unsafe {
                    infallible(init(context.as_mut_ptr()));
                    Self(context.assume_init())
                }
            }

            pub(crate) fn update(&mut self, data: &[u8]) {
                let (start, len) = (data.as_ptr().cast(), data.len());
                // SAFETY: the context is initialised; pointer and length are of one slice.
                infallible(unsafe { sys::$update(&mut self.0, start, len) });
            }

            fn end(
                mut self,
                last: unsafe extern "C" fn(*mut u8, *mut sys::$context) -> c_int,
            ) -> [u8; DIGEST_LEN_MAX] {
                let mut digest = [0; DIGEST_LEN_MAX];
                // SAFETY: the context is initialised; `digest` has the length of the longest.
                infallible(unsafe { last(digest.as_mut_ptr(), &mut self.0) });
                digest
            }

            /// Chained words, count of bits, and the part of a block that is there.
            pub(crate) fn write(&self, out: &mut Vec<u8>) {
                self.0.h.iter().for_each(|word| out.extend_from_slice(&word.to_be_bytes()));
                out.extend_from_slice(&self.0.Nh.to_be_bytes());
                out.extend_from_slice(&self.0.Nl.to_be_bytes());
                out.extend_from_slice(&self.bytes()[..self.0.num as usize]);
            }

            /// Takes up a state in a context that was just started for its function.
            pub(crate) fn read(&mut self, reader: &mut Reader<'_>) -> Result<()> {
                for word in &mut self.0.h {
                    *word = <$word>::from_be_bytes(reader.array()?);
                }
                self.0.Nh = <$word>::from_be_bytes(reader.array()?);
                self.0.Nl = <$word>::from_be_bytes(reader.array()?);
                // The count says how much of a block is there; less than a block.
                let held = (self.0.Nl / 8) as usize % $block;
                self.0.num = held as _;
                let held = reader.take(held)?;
                self.bytes_mut()[..held.len()].copy_from_slice(held);
                Ok(())
            }

            fn bytes(&self) -> &[u8; $block] {
                &self.0.$data
            }

            fn bytes_mut(&mut self) -> &mut [u8; $block] {
                &mut self.0.$data
            }
        }

        impl Drop for $name {
            fn drop(&mut self) {
                self.0.h.zeroize();
                self.bytes_mut().zeroize();
            }
        }
    };
}

chained!(
    /// MD5.
    Md5(MD5_CTX of u32), data, 64, MD5_Update
);
chained!(
    /// RIPEMD-160.
    Ripemd160(RIPEMD160_CTX of u32), data, 64, RIPEMD160_Update
);
chained!(
    /// SHA-1.
    Sha1(SHA_CTX of u32), data, 64, SHA1_Update
);
chained!(
    /// SHA-224 and SHA-256.
    Sha256(SHA256_CTX of u32), data, 64, SHA256_Update
);
chained!(
    /// SHA-384, SHA-512 and its truncated forms.
    Sha512(SHA512_CTX of u64), p, 128, SHA512_Update
);

impl Md5 {
    pub(crate) fn new() -> Self {
        Self::start(sys::MD5_Init)
    }

    pub(crate) fn finish(self) -> [u8; DIGEST_LEN_MAX] {
        self.end(sys::MD5_Final)
    }
}

impl Ripemd160 {
    pub(crate) fn new() -> Self {
        Self::start(sys::RIPEMD160_Init)
    }

    pub(crate) fn finish(self) -> [u8; DIGEST_LEN_MAX] {
        self.end(sys::RIPEMD160_Final)
    }
}

impl Sha1 {
    pub(crate) fn new() -> Self {
        Self::start(sys::SHA1_Init)
    }

    pub(crate) fn finish(self) -> [u8; DIGEST_LEN_MAX] {
        self.end(sys::SHA1_Final)
    }
}

impl Sha256 {
    pub(crate) fn sha224() -> Self {
        Self::start(sys::SHA224_Init)
    }

    pub(crate) fn full() -> Self {
        Self::start(sys::SHA256_Init)
    }

    /// The digest that it was started for; the context knows its length.
    pub(crate) fn finish(self) -> [u8; DIGEST_LEN_MAX] {
        let last = if self.0.md_len == 28 { sys::SHA224_Final } else { sys::SHA256_Final };
        self.end(last)
    }
}

impl Sha512 {
    pub(crate) fn sha384() -> Self {
        Self::start(sys::SHA384_Init)
    }

    pub(crate) fn full() -> Self {
        Self::start(sys::SHA512_Init)
    }

    pub(crate) fn sha512_224() -> Self {
        Self::start(sys::SHA512_224_Init)
    }

    pub(crate) fn sha512_256() -> Self {
        Self::start(sys::SHA512_256_Init)
    }

    /// SHA-512/t for any t: SHA-512 with an initial value that is a digest of its name (FIPS 180-4,
    /// 5.3.6). The digest is the whole one, of which the caller takes t bits.
    pub(crate) fn truncated(bits: u16) -> Self {
        let mut generator = Self::full();
        for word in &mut generator.0.h {
            *word ^= 0xa5a5_a5a5_a5a5_a5a5;
        }
        generator.update(format!("SHA-512/{bits}").as_bytes());
        let mut this = Self::full();
        for (word, bytes) in this.0.h.iter_mut().zip(generator.finish().as_chunks().0) {
            *word = u64::from_be_bytes(*bytes);
        }
        this
    }

    /// The digest that it was started for; the library's function takes its length from the context.
    pub(crate) fn finish(self) -> [u8; DIGEST_LEN_MAX] {
        self.end(sys::SHA512_Final)
    }
}

/// BLAKE2b without a key, for any length of digest.
///
/// The library has it for 32 bytes. The length stands in the parameters that the first word is begun
/// with (RFC 7693, 2.5), and all eight words are there at the end.
#[derive(Clone)]
pub(crate) struct Blake2b(sys::BLAKE2B_CTX);

impl Blake2b {
    /// For a digest of 1 to 64 bytes.
    pub(crate) fn new(output_len: usize) -> Self {
        let mut context = MaybeUninit::<sys::BLAKE2B_CTX>::zeroed();
        // SAFETY: the structure is of plain numbers, valid when zeroed, and filled by the call.
        let mut context = unsafe {
            sys::BLAKE2B256_Init(context.as_mut_ptr());
            context.assume_init()
        };
        context.h[0] ^= 32 ^ output_len as u64;
        Blake2b(context)
    }

    pub(crate) fn update(&mut self, data: &[u8]) {
        // SAFETY: the context is initialised; pointer and length are of one slice.
        unsafe { sys::BLAKE2B256_Update(&mut self.0, data.as_ptr().cast(), data.len()) };
    }

    pub(crate) fn finish(mut self) -> [u8; DIGEST_LEN_MAX] {
        let mut digest = [0; DIGEST_LEN_MAX];
        // SAFETY: the context is initialised; the call writes 32 bytes, the first half.
        unsafe { sys::BLAKE2B256_Final(digest.as_mut_ptr(), &mut self.0) };
        for (bytes, word) in digest.as_chunks_mut().0.iter_mut().zip(self.0.h) {
            *bytes = word.to_le_bytes();
        }
        digest
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let context = &self.0;
        for word in context.h.iter().chain([&context.t_low, &context.t_high]) {
            out.extend_from_slice(&word.to_be_bytes());
        }
        // At most a block of 128 bytes.
        out.push(context.block_used as u8);
        out.extend_from_slice(&context.block[..context.block_used]);
    }

    /// Takes up a state in a context that was just started for its length.
    pub(crate) fn read(&mut self, reader: &mut Reader<'_>) -> Result<()> {
        let context = &mut self.0;
        let words = context.h.iter_mut().chain([&mut context.t_low, &mut context.t_high]);
        for word in words {
            *word = u64::from_be_bytes(reader.array()?);
        }
        context.block_used = reader.up_to(context.block.len())?;
        context.block[..context.block_used].copy_from_slice(reader.take(context.block_used)?);
        Ok(())
    }
}

impl Drop for Blake2b {
    fn drop(&mut self) {
        self.0.h.zeroize();
        self.0.block.zeroize();
    }
}
