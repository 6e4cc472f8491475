//! The encoding of an object's attributes, as it is sealed and stored.
//!
//! One byte of version, then each attribute: its number and, by a tag byte, its value. Numbers are
//! little-endian base-128. Damaged bytes are refused with CKR_DEVICE_ERROR, and so is a version that
//! this code does not know: a newer module's object must not be misread.

use hsmsim_types::{
    Attribute, AttributeValue, Error, Result, SecretBytes, Template,
    ck::{CKA_DESTROYABLE, CKA_PRIVATE, CKA_TOKEN, CKR_DEVICE_ERROR},
    error::fail,
};
use zeroize::Zeroizing;

use super::Attributes;

const VERSION: u8 = 1;
/// Templates in templates: the standard needs one level.
const MAX_DEPTH: u32 = 4;

const FALSE: u8 = 0;
const TRUE: u8 = 1;
const ULONG: u8 = 2;
const BYTES: u8 = 3;
const TEMPLATE: u8 = 4;
const MECHANISMS: u8 = 5;

/// Encodes all attributes.
pub(crate) fn encode(attributes: &Attributes) -> Zeroizing<Vec<u8>> {
    let size = 1
        + number_size(attributes.len() as u64)
        + attributes.iter().map(encoded_size).sum::<usize>();
    // Room for everything at once: a growing vector would leave copies of keys in freed memory.
    let mut out = Zeroizing::new(Vec::with_capacity(size));
    out.push(VERSION);
    put_number(&mut out, attributes.len() as u64);
    attributes.iter().for_each(|attribute| put_attribute(&mut out, attribute));
    debug_assert_eq!(out.len(), size);
    out
}

/// Decodes what [`encode`] made.
///
/// # Errors
/// CKR_DEVICE_ERROR for damaged bytes or an unknown version.
pub(crate) fn decode(bytes: &[u8]) -> Result<Attributes> {
    let mut reader = Reader { rest: bytes };
    let version = reader.byte()?;
    if version != VERSION {
        return fail(
            CKR_DEVICE_ERROR,
            format!("a stored object has encoding version {version}, this module knows {VERSION}"),
        );
    }
    let list = reader.attributes(0)?;
    if !reader.rest.is_empty() {
        return Err(damaged());
    }
    if !list.is_sorted_by(|a, b| a.kind < b.kind) {
        return Err(damaged());
    }
    Ok(Attributes(list))
}

/// What is seen of an object without opening it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// CKA_TOKEN.
    pub(crate) token: bool,
    /// CKA_PRIVATE.
    pub(crate) private: bool,
    /// CKA_DESTROYABLE.
    pub(crate) destroyable: bool,
}

/// Looks through what [`decode`] would take.
///
/// # Errors
/// As [`decode`].
pub(crate) fn look_through(bytes: &[u8]) -> Result<Seen> {
    let mut reader = Reader { rest: bytes };
    if reader.byte()? != VERSION {
        return Err(damaged());
    }
    let mut seen = Seen::default();
    let mut last = None;
    for _ in 0..reader.count()? {
        let kind = reader.number()?;
        if last.is_some_and(|last| last >= kind) {
            return Err(damaged());
        }
        last = Some(kind);
        let is_true = reader.rest.first() == Some(&TRUE);
        match kind {
            CKA_TOKEN => seen.token = is_true,
            CKA_PRIVATE => seen.private = is_true,
            CKA_DESTROYABLE => seen.destroyable = is_true,
            _ => {}
        }
        reader.skip_value(0)?;
    }
    if reader.rest.is_empty() { Ok(seen) } else { Err(damaged()) }
}

fn damaged() -> Error {
    Error::new(CKR_DEVICE_ERROR, "a stored object is damaged")
}

/// How long an attribute becomes.
fn encoded_size(attribute: &Attribute) -> usize {
    let value = match &attribute.value {
        AttributeValue::Bool(_) => 0,
        AttributeValue::Ulong(value) => number_size(*value),
        AttributeValue::Bytes(bytes) => number_size(bytes.len() as u64) + bytes.len(),
        AttributeValue::Template(template) => {
            let inner = template.0.iter().map(encoded_size).sum::<usize>();
            number_size(template.0.len() as u64) + inner
        }
        AttributeValue::Mechanisms(list) => {
            let inner = list.iter().map(|&mechanism| number_size(mechanism)).sum::<usize>();
            number_size(list.len() as u64) + inner
        }
    };
    number_size(attribute.kind) + 1 + value
}

/// How long a number becomes: seven bits to a byte.
fn number_size(number: u64) -> usize {
    (64 - (number | 1).leading_zeros()).div_ceil(7) as usize
}

fn put_attribute(out: &mut Vec<u8>, attribute: &Attribute) {
    put_number(out, attribute.kind);
    match &attribute.value {
        AttributeValue::Bool(value) => out.push(if *value { TRUE } else { FALSE }),
        AttributeValue::Ulong(value) => {
            out.push(ULONG);
            put_number(out, *value);
        }
        AttributeValue::Bytes(bytes) => {
            out.push(BYTES);
            put_number(out, bytes.len() as u64);
            out.extend_from_slice(bytes);
        }
        AttributeValue::Template(template) => {
            out.push(TEMPLATE);
            put_number(out, template.0.len() as u64);
            template.0.iter().for_each(|inner| put_attribute(out, inner));
        }
        AttributeValue::Mechanisms(list) => {
            out.push(MECHANISMS);
            put_number(out, list.len() as u64);
            list.iter().for_each(|&mechanism| put_number(out, mechanism));
        }
    }
}

pub(crate) fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Reads what `put_*` wrote; the token record shares it.
pub(crate) struct Reader<'a> {
    pub(crate) rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn byte(&mut self) -> Result<u8> {
        let (&first, rest) = self.rest.split_first().ok_or_else(damaged)?;
        self.rest = rest;
        Ok(first)
    }

    pub(crate) fn number(&mut self) -> Result<u64> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7F);
            if shift == 63 && bits > 1 {
                break;
            }
            number |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(damaged())
    }

    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or_else(damaged)?;
        self.rest = rest;
        Ok(taken)
    }

    pub(crate) fn bytes(&mut self) -> Result<&'a [u8]> {
        let len = usize::try_from(self.number()?).map_err(|_| damaged())?;
        self.take(len)
    }

    /// A count of things that take at least one byte each: more than there are bytes is damage, and
    /// must not reserve memory.
    fn count(&mut self) -> Result<usize> {
        let count = usize::try_from(self.number()?).map_err(|_| damaged())?;
        if count > self.rest.len() { Err(damaged()) } else { Ok(count) }
    }

    fn attributes(&mut self, depth: u32) -> Result<Vec<Attribute>> {
        if depth > MAX_DEPTH {
            return Err(damaged());
        }
        let count = self.count()?;
        let mut list = Vec::with_capacity(count);
        for _ in 0..count {
            let kind = self.number()?;
            list.push(Attribute { kind, value: self.value(depth)? });
        }
        Ok(list)
    }

    fn skip_value(&mut self, depth: u32) -> Result<()> {
        match self.byte()? {
            FALSE | TRUE => {}
            ULONG => drop(self.number()?),
            BYTES => drop(self.bytes()?),
            TEMPLATE if depth < MAX_DEPTH => {
                for _ in 0..self.count()? {
                    self.number()?;
                    self.skip_value(depth + 1)?;
                }
            }
            MECHANISMS => {
                for _ in 0..self.count()? {
                    self.number()?;
                }
            }
            _ => return Err(damaged()),
        }
        Ok(())
    }

    fn value(&mut self, depth: u32) -> Result<AttributeValue> {
        Ok(match self.byte()? {
            FALSE => AttributeValue::Bool(false),
            TRUE => AttributeValue::Bool(true),
            ULONG => AttributeValue::Ulong(self.number()?),
            BYTES => AttributeValue::Bytes(SecretBytes::new(self.bytes()?.to_vec())),
            TEMPLATE => AttributeValue::Template(Box::new(Template(self.attributes(depth + 1)?))),
            MECHANISMS => {
                let count = self.count()?;
                let list = (0..count).map(|_| self.number()).collect::<Result<_>>()?;
                AttributeValue::Mechanisms(list)
            }
            _ => return Err(damaged()),
        })
    }
}

#[cfg(test)]
mod tests {
    use hsmsim_types::ck::*;

    use super::*;

    fn sample() -> Attributes {
        [
            Attribute::ulong(CKA_CLASS, CKO_SECRET_KEY),
            Attribute::bool(CKA_TOKEN, true),
            Attribute::bool(CKA_DESTROYABLE, true),
            Attribute::bytes(CKA_LABEL, "a label"),
            Attribute::bytes(CKA_VALUE, vec![7; 300]),
            Attribute::ulong(CKA_KEY_GEN_MECHANISM, CK_UNAVAILABLE_INFORMATION),
            Attribute::mechanisms(CKA_ALLOWED_MECHANISMS, vec![CKM_AES_GCM, u64::MAX]),
            Attribute::template(
                CKA_UNWRAP_TEMPLATE,
                vec![Attribute::bool(CKA_SENSITIVE, true), Attribute::bytes(CKA_ID, "")],
            ),
            Attribute::bytes(0x8765_4321, "of a vendor"),
        ]
        .into_iter()
        .collect()
    }

    #[test]
    fn what_was_encoded_comes_back() {
        assert_eq!(decode(&encode(&sample())).unwrap(), sample());
        assert_eq!(decode(&encode(&Attributes::default())).unwrap(), Attributes::default());
    }

    #[test]
    fn every_truncation_is_a_device_error() {
        let whole = encode(&sample());
        for len in 0..whole.len() {
            assert_eq!(decode(&whole[..len]).unwrap_err().rv(), CKR_DEVICE_ERROR, "{len} bytes");
            assert!(look_through(&whole[..len]).is_err(), "{len} bytes");
        }
    }

    #[test]
    fn no_flipped_bit_panics_and_none_yields_unsorted_attributes() {
        let whole = encode(&sample());
        for at in 0..whole.len() {
            for bit in 0..8 {
                let mut bytes = whole.to_vec();
                bytes[at] ^= 1 << bit;
                let decoded = decode(&bytes);
                match &decoded {
                    Ok(all) => assert!(all.0.is_sorted_by(|a, b| a.kind < b.kind)),
                    Err(error) => assert_eq!(error.rv(), CKR_DEVICE_ERROR),
                }
                let seen = decoded.map(|all| Seen {
                    token: all.flag(CKA_TOKEN),
                    private: all.flag(CKA_PRIVATE),
                    destroyable: all.flag(CKA_DESTROYABLE),
                });
                assert_eq!(look_through(&bytes).ok(), seen.ok(), "bit {bit} of byte {at}");
            }
        }
    }

    #[test]
    fn a_newer_version_is_refused_by_name() {
        let mut bytes = encode(&sample()).to_vec();
        bytes[0] = 2;
        let error = decode(&bytes).unwrap_err();
        assert_eq!(error.rv(), CKR_DEVICE_ERROR);
        assert!(error.rule().contains("version 2"), "{error}");
    }

    #[test]
    fn absurd_counts_reserve_nothing() {
        let mut bytes = vec![VERSION];
        put_number(&mut bytes, u64::MAX);
        assert_eq!(decode(&bytes).unwrap_err().rv(), CKR_DEVICE_ERROR);
    }

    #[test]
    fn endless_nesting_is_refused() {
        let mut bytes = vec![VERSION];
        for _ in 0..100_000 {
            bytes.extend_from_slice(&[1, 0, TEMPLATE]);
        }
        assert_eq!(decode(&bytes).unwrap_err().rv(), CKR_DEVICE_ERROR);
        assert_eq!(look_through(&bytes).unwrap_err().rv(), CKR_DEVICE_ERROR);
    }
}
