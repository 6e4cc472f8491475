//! One-time passwords: HOTP (RFC 4226).

use crate::digest::HashAlg;
use crate::mac::{self, MacAlg};
use crate::{Error, Result};

/// The password for a count, as decimal digits with leading zeros. `CKM_HOTP`.
///
/// # Errors
/// [`Error::InvalidParameter`] for less than 6 or more than 9 digits: the standard asks for 6, and
/// the value has 31 bits.
pub fn hotp(key: &[u8], count: u64, digits: u32) -> Result<String> {
    if !(6..=9).contains(&digits) {
        return Err(Error::InvalidParameter);
    }
    let tag = mac::mac(MacAlg::Hmac(HashAlg::Sha1), key, &count.to_be_bytes())?;
    // The last half byte says where the four bytes that count begin (RFC 4226, 5.3).
    let offset = usize::from(tag.last().copied().unwrap_or_default() & 0xf);
    let bytes = tag[offset..].first_chunk().ok_or(Error::Internal)?;
    let value = u32::from_be_bytes(*bytes) & 0x7fff_ffff;
    let width = digits as usize;
    Ok(format!("{:0width$}", value % 10_u32.pow(digits)))
}
