//! The key derivation functions of NIST SP 800-108 as PKCS#11 describes them (v3.1, 6.42), and the
//! layouts that Luna has for its own mechanisms.
//!
//! What goes into the pseudorandom function for each segment is a list of [`Field`]s in any order.
//! Several keys may be derived at once: each begins with a segment of its own.

use zeroize::Zeroizing;

use crate::mac::{Mac, MacKey};
use crate::{Error, Result};

/// How a number is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NumberFormat {
    /// Least significant byte first.
    pub little_endian: bool,
    /// A multiple of 8: up to 32 for a counter, up to 64 for a length.
    pub width_bits: u32,
}

impl NumberFormat {
    /// Most significant byte first.
    pub const fn big_endian(width_bits: u32) -> Self {
        NumberFormat { little_endian: false, width_bits }
    }

    fn check(self, width_bits_max: u32) -> Result<()> {
        let width = self.width_bits;
        if width.is_multiple_of(8) && (8..=width_bits_max).contains(&width) {
            Ok(())
        } else {
            Err(Error::InvalidParameter)
        }
    }

    /// `None` if the number does not fit.
    fn write(self, number: u64, mac: &mut Mac) -> Option<()> {
        // At most 8.
        let len = (self.width_bits / 8) as usize;
        let bytes = number.to_be_bytes();
        let (above, mut written) = (&bytes[..8 - len], bytes[8 - len..].to_vec());
        if above.iter().any(|byte| *byte != 0) {
            return None;
        }
        if self.little_endian {
            written.reverse();
        }
        mac.update(&written);
        Some(())
    }
}

/// What the length of the derived keying material is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DkmLength {
    /// That of all keys. `CK_SP800_108_DKM_LENGTH_SUM_OF_KEYS`.
    SumOfKeys,
    /// That of all segments made, used or not. `CK_SP800_108_DKM_LENGTH_SUM_OF_SEGMENTS`.
    SumOfSegments,
}

/// A part of the pseudorandom function's input.
#[derive(Clone, Copy, Debug)]
pub enum Field<'a> {
    /// In counter mode the counter, whose format is given; in the others, where none is, what came
    /// out of the pipeline before. There must be exactly one. `CK_SP800_108_ITERATION_VARIABLE`.
    IterationVariable(Option<NumberFormat>),
    /// The counter, where it is not the iteration variable; at most one. `CK_SP800_108_COUNTER`.
    Counter(NumberFormat),
    /// The length of what is derived, in bits; at most one. `CK_SP800_108_DKM_LENGTH`.
    DkmLength(DkmLength, NumberFormat),
    /// Label, context, separator, the value of another key: anything fixed.
    /// `CK_SP800_108_BYTE_ARRAY`, `CK_SP800_108_KEY_HANDLE`.
    Bytes(&'a [u8]),
}

/// Which of the three functions.
#[derive(Clone, Copy, Debug)]
pub enum Mode<'a> {
    /// SP 800-108, 5.1. `CKM_SP800_108_COUNTER_KDF`.
    Counter,
    /// SP 800-108, 5.2, with what stands for the segment before the first; may be empty.
    /// `CKM_SP800_108_FEEDBACK_KDF`.
    Feedback(&'a [u8]),
    /// SP 800-108, 5.3. `CKM_SP800_108_DOUBLE_PIPELINE_KDF`.
    DoublePipeline,
}

/// Derives keys of these lengths in bytes.
///
/// # Errors
/// [`Error::InvalidParameter`] for fields that the mode does not have or has once only, for formats
/// out of range, and for a length that its format cannot hold; [`Error::InvalidLength`] for more
/// segments than the counter can count, and for no key or an empty one.
pub fn sp800_108(
    prf: &MacKey,
    mode: Mode<'_>,
    fields: &[Field<'_>],
    key_lens: &[usize],
) -> Result<Vec<Zeroizing<Vec<u8>>>> {
    derive(prf, mode, fields, 1, key_lens)
}

/// What Luna's `CKM_NIST_PRF_KDF` and `CKM_PRF_KDF` put into the pseudorandom function. Numbers are
/// written most significant byte first; the length is that of the derived key in bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LunaPrfKdfScheme {
    /// `LUNA_PRF_KDF_ENCODING_SCHEME_1`: counter (4 bytes), context, a zero, label, length (4 bytes).
    Scheme1,
    /// `LUNA_PRF_KDF_ENCODING_SCHEME_2`: counter (4 bytes), context, label.
    Scheme2,
    /// `LUNA_PRF_KDF_ENCODING_SCHEME_3`: counter (4 bytes), label, a zero, context, length (4 bytes);
    /// the example of SP 800-108.
    Scheme3,
    /// `LUNA_PRF_KDF_ENCODING_SCHEME_4`: counter (4 bytes), label, context.
    Scheme4,
    /// `LUNA_PRF_KDF_ENCODING_SCHEME_SCP03`: label, a zero, length (2 bytes), counter (1 byte),
    /// context; as GlobalPlatform's Secure Channel Protocol 03 does it (Amendment D, 4.1.5).
    Scp03,
    /// `LUNA_PRF_KDF_ENCODING_SCHEME_HID_KD`: counter (1 byte), label, a zero, context, length (2
    /// bytes).
    HidKd,
}

/// Derives a key of `len` bytes in counter mode with one of Luna's layouts, counting from `counter`.
///
/// # Errors
/// [`Error::InvalidParameter`] for a length or counter that the layout cannot hold,
/// [`Error::InvalidLength`] for more segments than it can count, or none.
pub fn luna_prf_kdf(
    prf: &MacKey,
    scheme: LunaPrfKdfScheme,
    label: &[u8],
    context: &[u8],
    counter: u64,
    len: usize,
) -> Result<Zeroizing<Vec<u8>>> {
    let count = |bits| Field::IterationVariable(Some(NumberFormat::big_endian(bits)));
    let length = |bits| Field::DkmLength(DkmLength::SumOfKeys, NumberFormat::big_endian(bits));
    let (label, zero, context) = (Field::Bytes(label), Field::Bytes(&[0]), Field::Bytes(context));
    let fields = match scheme {
        LunaPrfKdfScheme::Scheme1 => vec![count(32), context, zero, label, length(32)],
        LunaPrfKdfScheme::Scheme2 => vec![count(32), context, label],
        LunaPrfKdfScheme::Scheme3 => vec![count(32), label, zero, context, length(32)],
        LunaPrfKdfScheme::Scheme4 => vec![count(32), label, context],
        LunaPrfKdfScheme::Scp03 => vec![label, zero, length(16), count(8), context],
        LunaPrfKdfScheme::HidKd => vec![count(8), label, zero, context, length(16)],
    };
    let mut keys = derive(prf, Mode::Counter, &fields, counter, &[len])?;
    keys.pop().ok_or(Error::Internal)
}

fn derive(
    prf: &MacKey,
    mode: Mode<'_>,
    fields: &[Field<'_>],
    first_count: u64,
    key_lens: &[usize],
) -> Result<Vec<Zeroizing<Vec<u8>>>> {
    check(mode, fields)?;
    if key_lens.is_empty() || key_lens.contains(&0) {
        return Err(Error::InvalidLength);
    }
    let segment_len = prf.alg().output_len();
    let segments: u64 = key_lens.iter().map(|len| len.div_ceil(segment_len) as u64).sum();
    let last_count = first_count.checked_add(segments - 1).ok_or(Error::InvalidParameter)?;
    if u32::try_from(first_count).is_err() {
        return Err(Error::InvalidParameter);
    }
    if last_count > counter_max(fields) {
        return Err(Error::InvalidLength);
    }
    let key_bytes: u64 = key_lens.iter().map(|len| *len as u64).sum();
    let dkm_bits = |method| match method {
        DkmLength::SumOfKeys => 8 * key_bytes,
        DkmLength::SumOfSegments => 8 * segments * segment_len as u64,
    };

    let mut pipeline = match mode {
        Mode::Counter => Zeroizing::new(Vec::new()),
        Mode::Feedback(iv) => Zeroizing::new(iv.to_vec()),
        Mode::DoublePipeline => Zeroizing::new(Vec::new()),
    };
    let mut count = first_count;
    let mut segment = || -> Result<Zeroizing<Vec<u8>>> {
        if let Mode::DoublePipeline = mode {
            let mut mac = prf.start();
            if count == first_count {
                // What the pipeline begins with is all that does not change.
                write(&mut mac, fields, None, &[], dkm_bits)?;
            } else {
                mac.update(&pipeline);
            }
            pipeline = Zeroizing::new(mac.finish());
        }
        let mut mac = prf.start();
        write(&mut mac, fields, Some(count), &pipeline, dkm_bits)?;
        let segment = Zeroizing::new(mac.finish());
        if let Mode::Feedback(_) = mode {
            pipeline = segment.clone();
        }
        count += 1;
        Ok(segment)
    };

    let mut keys = Vec::with_capacity(key_lens.len());
    for &len in key_lens {
        let mut key = Zeroizing::new(Vec::with_capacity(len.next_multiple_of(segment_len)));
        while key.len() < len {
            key.extend_from_slice(&segment()?);
        }
        key.truncate(len);
        keys.push(key);
    }
    Ok(keys)
}

/// Writes the fields for one segment; without a count, those that are the same for every segment.
fn write(
    mac: &mut Mac,
    fields: &[Field<'_>],
    count: Option<u64>,
    pipeline: &[u8],
    dkm_bits: impl Fn(DkmLength) -> u64,
) -> Result<()> {
    for field in fields {
        let written = match (*field, count) {
            (Field::Bytes(bytes), _) => {
                mac.update(bytes);
                Some(())
            }
            (Field::DkmLength(method, format), _) => format.write(dkm_bits(method), mac),
            (Field::IterationVariable(Some(format)) | Field::Counter(format), Some(count)) => {
                format.write(count, mac)
            }
            (Field::IterationVariable(None), Some(_)) => {
                mac.update(pipeline);
                Some(())
            }
            (Field::IterationVariable(_) | Field::Counter(_), None) => Some(()),
        };
        written.ok_or(Error::InvalidParameter)?;
    }
    Ok(())
}

/// Whether the mode has these fields, and their formats are in range.
fn check(mode: Mode<'_>, fields: &[Field<'_>]) -> Result<()> {
    let (mut variables, mut counters, mut lengths) = (0, 0, 0);
    for field in fields {
        match (*field, mode) {
            (Field::IterationVariable(Some(format)), Mode::Counter) => {
                format.check(32)?;
                variables += 1;
            }
            (Field::IterationVariable(None), Mode::Feedback(_) | Mode::DoublePipeline) => {
                variables += 1;
            }
            (Field::Counter(format), Mode::Feedback(_) | Mode::DoublePipeline) => {
                format.check(32)?;
                counters += 1;
            }
            (Field::DkmLength(_, format), _) => {
                format.check(64)?;
                lengths += 1;
            }
            (Field::Bytes(_), _) => {}
            _ => return Err(Error::InvalidParameter),
        }
    }
    if variables == 1 && counters <= 1 && lengths <= 1 {
        Ok(())
    } else {
        Err(Error::InvalidParameter)
    }
}

/// The highest count that can be written, or where none is, that the standard allows.
fn counter_max(fields: &[Field<'_>]) -> u64 {
    let widths = fields.iter().filter_map(|field| match field {
        Field::IterationVariable(Some(format)) | Field::Counter(format) => Some(format.width_bits),
        _ => None,
    });
    (1 << widths.min().unwrap_or(32)) - 1
}
