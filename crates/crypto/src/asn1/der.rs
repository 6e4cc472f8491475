//! Reading and writing of DER: definite lengths in their shortest form, tags of one byte.

use zeroize::Zeroizing;

use crate::{Error, Result};

/// What a writer returns; wiped when dropped, since it may hold a private key.
pub(crate) type Bytes = Zeroizing<Vec<u8>>;

pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const NULL: u8 = 0x05;
pub(crate) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(crate) const PRINTABLE_STRING: u8 = 0x13;
pub(crate) const SEQUENCE: u8 = 0x30;
/// `[0]`, constructed.
pub(crate) const CONTEXT_0: u8 = 0xa0;
/// `[1]`, constructed.
pub(crate) const CONTEXT_1: u8 = 0xa1;
/// `[1]`, primitive.
pub(crate) const CONTEXT_1_PRIMITIVE: u8 = 0x81;

/// Writes one element.
pub(crate) fn tlv(tag: u8, content: &[u8]) -> Bytes {
    let mut out = Vec::with_capacity(content.len() + 6);
    out.push(tag);
    match u8::try_from(content.len()) {
        Ok(short @ 0..=0x7f) => out.push(short),
        _ => {
            let bytes = content.len().to_be_bytes();
            let significant = &bytes[content.len().leading_zeros() as usize / 8..];
            // A length has at most eight bytes.
            out.push(0x80 | significant.len() as u8);
            out.extend_from_slice(significant);
        }
    }
    out.extend_from_slice(content);
    Zeroizing::new(out)
}

/// Writes a sequence of elements already written.
pub(crate) fn sequence(elements: &[&Bytes]) -> Bytes {
    let mut content = Zeroizing::new(Vec::with_capacity(elements.iter().map(|e| e.len()).sum()));
    for element in elements {
        content.extend_from_slice(element);
    }
    tlv(SEQUENCE, &content)
}

/// Writes a non-negative integer given big endian.
pub(crate) fn integer(big_endian: &[u8]) -> Bytes {
    let start = big_endian.iter().position(|byte| *byte != 0).unwrap_or(big_endian.len());
    let digits = &big_endian[start..];
    // A leading one bit would mean a negative number, and zero has one byte.
    let mut content = Zeroizing::new(Vec::with_capacity(digits.len() + 1));
    if digits.first().is_none_or(|byte| byte & 0x80 != 0) {
        content.push(0);
    }
    content.extend_from_slice(digits);
    tlv(INTEGER, &content)
}

pub(crate) fn null() -> Bytes {
    tlv(NULL, &[])
}

/// Writes a bit string of whole bytes.
pub(crate) fn bit_string(bytes: &[u8]) -> Bytes {
    let mut content = Vec::with_capacity(bytes.len() + 1);
    content.push(0);
    content.extend_from_slice(bytes);
    tlv(BIT_STRING, &content)
}

/// Reads elements one after the other.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(encoded: &'a [u8]) -> Self {
        Reader { rest: encoded }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// What has not been read yet.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The next element's tag and content.
    pub(crate) fn any(&mut self) -> Result<(u8, &'a [u8])> {
        let (tag, rest) = self.rest.split_first().ok_or(Error::DataInvalid)?;
        let (first, rest) = rest.split_first().ok_or(Error::DataInvalid)?;
        // Tag numbers above 30 take more bytes; none of the structures here has one.
        if tag & 0x1f == 0x1f {
            return Err(Error::DataInvalid);
        }
        let (len, rest) = match first {
            0..=0x7f => (usize::from(*first), rest),
            // More than four bytes of length cannot be honest; 0x80 is BER's indefinite form.
            0x81..=0x84 => {
                let (digits, rest) =
                    rest.split_at_checked(usize::from(first & 0x7f)).ok_or(Error::DataInvalid)?;
                let len = digits.iter().fold(0, |len, digit| len << 8 | usize::from(*digit));
                if len < 0x80 || digits.first() == Some(&0) {
                    return Err(Error::DataInvalid);
                }
                (len, rest)
            }
            _ => return Err(Error::DataInvalid),
        };
        let (content, rest) = rest.split_at_checked(len).ok_or(Error::DataInvalid)?;
        self.rest = rest;
        Ok((*tag, content))
    }

    /// The content of the next element, which must have this tag.
    pub(crate) fn expect(&mut self, tag: u8) -> Result<&'a [u8]> {
        let (found, content) = self.any()?;
        if found == tag { Ok(content) } else { Err(Error::DataInvalid) }
    }

    /// The content of the next element if it has this tag.
    pub(crate) fn optional(&mut self, tag: u8) -> Result<Option<&'a [u8]>> {
        if self.rest.first() == Some(&tag) { self.expect(tag).map(Some) } else { Ok(None) }
    }

    /// A non-negative integer, big endian without leading zeros; zero is empty.
    pub(crate) fn unsigned(&mut self) -> Result<&'a [u8]> {
        match self.expect(INTEGER)? {
            [0] => Ok(&[]),
            [0, digits @ ..] if digits[0] & 0x80 != 0 => Ok(digits),
            digits @ [1..0x80, ..] => Ok(digits),
            _ => Err(Error::DataInvalid),
        }
    }

    /// A bit string of whole bytes.
    pub(crate) fn bit_string(&mut self) -> Result<&'a [u8]> {
        whole_bytes(self.expect(BIT_STRING)?)
    }

    /// Refuses anything that follows.
    pub(crate) fn end(&self) -> Result<()> {
        if self.rest.is_empty() { Ok(()) } else { Err(Error::DataInvalid) }
    }
}

/// The bytes of a bit string's content.
pub(crate) fn whole_bytes(content: &[u8]) -> Result<&[u8]> {
    match content {
        [0, bytes @ ..] => Ok(bytes),
        _ => Err(Error::DataInvalid),
    }
}
