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
    /// Whole blocks as they fill: ECB and CBC.
    Blocks,
    /// CBC with padding, encrypting: always one block more than fits.
    PadEncrypt,
    /// CBC with padding, decrypting: the last block is held back.
    PadDecrypt,
    /// GCM encryption: everything comes at the end, longer by the tag of this many bytes.
    TagAppend(usize),
    /// GCM decryption: everything comes at the end, shorter by the tag of this many bytes.
    TagRemove(usize),
}

const BLOCK: usize = 16;

impl OutputLen {
    /// Upper bound for a one-part call with `input` bytes.
    pub fn one_part(self, input: usize) -> usize {
        self.update(0, input) + self.finish(input)
    }

    /// Upper bound for a part of `part` bytes after `before` bytes went in.
    pub fn update(self, before: usize, part: usize) -> usize {
        let blocks = |total: usize| total / BLOCK * BLOCK;
        match self {
            Self::None | Self::Fixed(_) | Self::AtMost(_) => 0,
            Self::TagAppend(_) | Self::TagRemove(_) => 0,
            Self::Stream => part,
            Self::Blocks | Self::PadEncrypt => blocks(before + part) - blocks(before),
            // The block that ends at the last byte seen is held back.
            Self::PadDecrypt => {
                blocks((before + part).saturating_sub(1)) - blocks(before.saturating_sub(1))
            }
        }
    }

    /// Upper bound for the final call after `total` bytes went in.
    pub fn finish(self, total: usize) -> usize {
        match self {
            Self::None | Self::Stream | Self::Blocks => 0,
            Self::Fixed(len) | Self::AtMost(len) => len,
            Self::PadEncrypt | Self::PadDecrypt => BLOCK,
            Self::TagAppend(tag) => total + tag,
            Self::TagRemove(tag) => total.saturating_sub(tag),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_and_end_add_up() {
        for (rule, total, expected) in [
            (OutputLen::Fixed(32), 100, 32),
            (OutputLen::Stream, 100, 100),
            (OutputLen::Blocks, 96, 96),
            (OutputLen::PadEncrypt, 96, 112),
            (OutputLen::PadEncrypt, 100, 112),
            (OutputLen::PadDecrypt, 112, 112),
            (OutputLen::TagAppend(16), 100, 116),
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
