//! The block ciphers of RustCrypto as [`BlockCipher`](super::BlockCipher)s.

use aria::cipher::{Array, BlockCipherDecrypt, BlockCipherEncrypt};

use super::Direction;

/// ECB with a cipher of RustCrypto, in place. The length is a multiple of the block.
pub(crate) fn ecb<C: BlockCipherEncrypt + BlockCipherDecrypt>(
    cipher: &C,
    direction: Direction,
    data: &mut [u8],
) {
    let (blocks, _) = Array::slice_as_chunks_mut(data);
    match direction {
        Direction::Encrypt => cipher.encrypt_blocks(blocks),
        Direction::Decrypt => cipher.decrypt_blocks(blocks),
    }
}

/// Defines a key type of a cipher with blocks of 16 bytes and keys of 16, 24 and 32.
macro_rules! block_cipher_of_three_key_lengths {
    ($(#[$doc:meta])* $key:ident, $name:literal, $short:ident, $middle:ident, $long:ident) => {
        $(#[$doc])*
        pub struct $key {
            bytes: zeroize::Zeroizing<Vec<u8>>,
            schedule: Box<Schedule>,
        }

        /// The key schedule, which wipes itself.
        enum Schedule {
            Short($short),
            Middle($middle),
            Long($long),
        }

        impl $key {
            /// Takes a key of 16, 24 or 32 bytes.
            ///
            /// # Errors
            /// [`Error::KeySize`](crate::Error::KeySize) for another length.
            pub fn new(key: &[u8]) -> crate::Result<Self> {
                use ::aria::cipher::KeyInit;
                let size = |_| crate::Error::KeySize;
                let schedule = match key.len() {
                    16 => Schedule::Short($short::new_from_slice(key).map_err(size)?),
                    24 => Schedule::Middle($middle::new_from_slice(key).map_err(size)?),
                    32 => Schedule::Long($long::new_from_slice(key).map_err(size)?),
                    _ => return Err(crate::Error::KeySize),
                };
                let bytes = zeroize::Zeroizing::new(key.to_vec());
                Ok($key { bytes, schedule: Box::new(schedule) })
            }

            /// The key.
            pub fn bytes(&self) -> &[u8] {
                &self.bytes
            }
        }

        impl crate::block::BlockCipher for $key {
            fn block_len(&self) -> usize {
                16
            }

            fn ecb(
                &self,
                direction: crate::block::Direction,
                data: &mut [u8],
            ) -> crate::Result<()> {
                match &*self.schedule {
                    Schedule::Short(cipher) => crate::block::rustcrypto::ecb(cipher, direction, data),
                    Schedule::Middle(cipher) => {
                        crate::block::rustcrypto::ecb(cipher, direction, data)
                    }
                    Schedule::Long(cipher) => crate::block::rustcrypto::ecb(cipher, direction, data),
                }
                Ok(())
            }
        }

        impl std::fmt::Debug for $key {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let bits = 8 * self.bytes.len();
                f.debug_struct($name).field("bits", &bits).finish_non_exhaustive()
            }
        }
    };
}

pub(crate) use block_cipher_of_three_key_lengths;
