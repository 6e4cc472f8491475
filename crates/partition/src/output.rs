//! How long an operation's output will be: what the two-call convention needs to know beforehand
//! (PKCS#11 3.1, 5.2).

/// The rule by which output lengths follow from input lengths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputLen {
    /// No output: verification.
    None,
    /// Nothing until the end, then exactly this many bytes: digests, MACs, signatures, RSA
    /// encryption.
    Fixed(usize),
    /// Nothing until the end, then at most this many bytes: RSA decryption.
    AtMost(usize),
    /// As many bytes as went in, at once: counter mode.
    Stream,
    /// Whole blocks of so many bytes as they fill: ECB and CBC.
    Blocks(usize),
    /// CBC with padding, encrypting: always one block more than fits.
    PadEncrypt(usize),
    /// CBC with padding, decrypting: the last block is held back.
    PadDecrypt(usize),
    /// Ciphertext stealing (CTS): more than one block is held back, and two at most.
    Stealing(usize),
    /// The last whole block is held back with the part behind it (XTS).
    HoldsBlock(usize),
    /// AEAD encryption: everything comes at the end, longer by the tag of this many bytes.
    TagAppend(usize),
    /// Everything comes at the end, padded to whole blocks of so many bytes (one block more than fits)
    /// and longer by what stands around it.
    PadTagAppend {
        /// Bytes of a block.
        block: u16,
        /// Bytes around the ciphertext.
        tag: u32,
    },
    /// Everything comes at the end, filled up to whole blocks and longer by what stands before them.
    ZeroTagAppend {
        /// Bytes of a block.
        block: u16,
        /// Bytes before the first.
        tag: u32,
    },
    /// AEAD decryption: everything comes at the end, shorter by the tag of this many bytes.
    TagRemove(usize),
}

impl OutputLen {
    /// Upper bound for a one-part call with `input` bytes.
    pub fn one_part(self, input: usize) -> usize {
        self.update(0, input) + self.finish(input)
    }

    /// Upper bound for a part of `part` bytes after `before` bytes went in.
    pub fn update(self, before: usize, part: usize) -> usize {
        let blocks = |total: usize, block: usize| total / block * block;
        match self {
            Self::None | Self::Fixed(_) | Self::AtMost(_) => 0,
            Self::TagAppend(_)
            | Self::PadTagAppend { .. }
            | Self::ZeroTagAppend { .. }
            | Self::TagRemove(_) => 0,
            Self::Stream => part,
            Self::Blocks(block) | Self::PadEncrypt(block) => {
                blocks(before + part, block) - blocks(before, block)
            }
            // The block that ends at the last byte seen is held back.
            Self::PadDecrypt(block) => {
                let given = |total: usize| blocks(total.saturating_sub(1), block);
                given(before + part) - given(before)
            }
            Self::Stealing(block) => stolen(before + part, block) - stolen(before, block),
            Self::HoldsBlock(block) => {
                let given = |total: usize| blocks(total, block).saturating_sub(block);
                given(before + part) - given(before)
            }
        }
    }

    /// Upper bound for the final call after `total` bytes went in.
    pub fn finish(self, total: usize) -> usize {
        match self {
            Self::None | Self::Stream | Self::Blocks(_) => 0,
            Self::Fixed(len) | Self::AtMost(len) => len,
            Self::PadEncrypt(block) | Self::PadDecrypt(block) => block,
            Self::Stealing(block) => total - stolen(total, block),
            Self::HoldsBlock(block) => total - (total / block * block).saturating_sub(block),
            Self::TagAppend(tag) => total + tag,
            Self::PadTagAppend { block, tag } => {
                let block = usize::from(block);
                total / block * block + block + tag as usize
            }
            Self::ZeroTagAppend { block, tag } => {
                total.next_multiple_of(block.into()) + tag as usize
            }
            Self::TagRemove(tag) => total.saturating_sub(tag),
        }
    }
}

/// What stealing has given out of so many bytes.
fn stolen(total: usize, block: usize) -> usize {
    if total <= 2 * block { 0 } else { (total - block - 1) / block * block }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_and_end_add_up() {
        for (rule, total, expected) in [
            (OutputLen::Fixed(32), 100, 32),
            (OutputLen::Stream, 100, 100),
            (OutputLen::Blocks(16), 96, 96),
            (OutputLen::PadEncrypt(16), 96, 112),
            (OutputLen::PadEncrypt(16), 100, 112),
            (OutputLen::PadDecrypt(16), 112, 112),
            (OutputLen::Stealing(16), 100, 100),
            (OutputLen::Stealing(8), 9, 9),
            (OutputLen::HoldsBlock(16), 33, 33),
            (OutputLen::TagAppend(16), 100, 116),
            (OutputLen::PadTagAppend { block: 16, tag: 97 }, 96, 209),
            (OutputLen::ZeroTagAppend { block: 8, tag: 8 }, 16, 24),
            (OutputLen::ZeroTagAppend { block: 8, tag: 8 }, 17, 32),
            (OutputLen::PadTagAppend { block: 8, tag: 40 }, 100, 144),
            (OutputLen::TagRemove(16), 116, 100),
        ] {
            for step in [1, 7, 16, 33] {
                let mut before = 0;
                let mut sum = 0;
                while before < total {
                    let part = step.min(total - before);
                    sum += rule.update(before, part);
                    before += part;
                }
                assert_eq!(sum + rule.finish(total), expected, "{rule:?} in steps of {step}");
            }
            assert_eq!(rule.one_part(total), expected);
        }
    }
}
