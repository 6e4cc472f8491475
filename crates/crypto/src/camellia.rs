//! Camellia (RFC 3713), the Japanese block cipher. The modes are those of [`crate::block`], the MACs
//! those of [`crate::mac`].

use camellia::{Camellia128, Camellia192, Camellia256};

use crate::block::block_cipher_of_three_key_lengths;

block_cipher_of_three_key_lengths! {
    /// A Camellia key of 16, 24 or 32 bytes, prepared. `CKK_CAMELLIA`.
    CamelliaKey, "CamelliaKey", Camellia128, Camellia192, Camellia256
}
