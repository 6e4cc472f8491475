//! ARIA (RFC 5794), the Korean block cipher. The modes are those of [`crate::block`], the MACs those
//! of [`crate::mac`].

use aria::{Aria128, Aria192, Aria256};

use crate::block::block_cipher_of_three_key_lengths;

block_cipher_of_three_key_lengths! {
    /// An ARIA key of 16, 24 or 32 bytes, prepared. `CKK_ARIA`.
    AriaKey, "AriaKey", Aria128, Aria192, Aria256
}
