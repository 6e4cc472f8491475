//! The key derivation functions of ANSI X9.42 (RFC 2631, 2.1.2).

use zeroize::Zeroizing;

use super::{counted_digests, x963_kdf};
use crate::asn1::der::{self, CONTEXT_0, Reader};
use crate::digest::HashAlg;
use crate::{Error, Result};

/// `[2]`, the tag of `suppPubInfo`.
const CONTEXT_2: u8 = 0xa2;

/// The function based on concatenation, which is that of X9.63. `CKD_SHA1_KDF_CONCATENATE`.
///
/// # Errors
/// As [`x963_kdf`].
pub fn x942_kdf_concatenate(
    hash: HashAlg,
    z: &[u8],
    other_info: &[u8],
    len: usize,
) -> Result<Zeroizing<Vec<u8>>> {
    x963_kdf(hash, z, other_info, len)
}

/// The function based on DER: `len` bytes from the shared secret `z` and an encoded `OtherInfo`, in
/// which the counter is counted up from 1, whatever stands there. `CKD_SHA1_KDF_ASN1`.
///
/// # Errors
/// [`Error::InvalidParameter`] for what is no `OtherInfo`, [`Error::InvalidLength`] for more than
/// 2^32 - 1 digests.
pub fn x942_kdf_asn1(
    hash: HashAlg,
    z: &[u8],
    other_info: &[u8],
    len: usize,
) -> Result<Zeroizing<Vec<u8>>> {
    let counter_at = counter_position(other_info).ok_or(Error::InvalidParameter)?;
    let (before, after) = (&other_info[..counter_at], &other_info[counter_at + 4..]);
    counted_digests(hash, &[z, before], &[after], len)
}

/// Where the four bytes of the counter stand in
/// `SEQUENCE { SEQUENCE { algorithm OID, counter OCTET STRING }, [0] OPTIONAL, [2] }`.
fn counter_position(other_info: &[u8]) -> Option<usize> {
    let mut reader = Reader::new(other_info);
    let mut fields = Reader::new(reader.expect(der::SEQUENCE).ok()?);
    reader.end().ok()?;
    let mut key_info = Reader::new(fields.expect(der::SEQUENCE).ok()?);
    key_info.expect(der::OBJECT_IDENTIFIER).ok()?;
    let counter = key_info.expect(der::OCTET_STRING).ok()?;
    key_info.end().ok()?;
    fields.optional(CONTEXT_0).ok()?;
    fields.optional(CONTEXT_2).ok()?;
    fields.end().ok()?;
    // The slice lies within the whole.
    let position = counter.as_ptr() as usize - other_info.as_ptr() as usize;
    (counter.len() == 4).then_some(position)
}
