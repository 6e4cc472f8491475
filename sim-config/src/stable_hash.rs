//! A small hash whose values never change, for serial numbers and fingerprints that are stored.
//!
//! The standard library's hasher promises no stability between releases, so it cannot be used for
//! anything that is written down. FNV-1a (64 bit) with SplitMix64's finaliser is enough: the inputs
//! are names chosen by the user of a simulator, not by an adversary.

/// Collects bytes; fields are kept apart so that `("ab", "c")` and `("a", "bc")` differ.
pub(crate) struct StableHash(u64);

impl StableHash {
    pub(crate) fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn byte(&mut self, byte: u8) {
        self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }

    pub(crate) fn text(mut self, text: &str) -> Self {
        text.bytes().for_each(|b| self.byte(b));
        // 0xff occurs in no UTF-8 text, so it separates fields beyond doubt.
        self.byte(0xff);
        self
    }

    pub(crate) fn number(mut self, number: u64) -> Self {
        number.to_le_bytes().into_iter().for_each(|b| self.byte(b));
        self
    }

    pub(crate) fn finish(self) -> u64 {
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}
