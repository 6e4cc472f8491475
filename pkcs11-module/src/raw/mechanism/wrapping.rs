//! The parameters of an AEAD that wraps a key (PKCS#11 3.2, 6.13.3 and 6.13.5): where the token may make the
//! nonce, and where the tag may have a place of its own.
//!
//! C_WrapKey takes CK_GCM_WRAP_PARAMS and CK_CCM_WRAP_PARAMS, C_WrapKeyAuthenticated the structures of
//! messages; both take what C_EncryptInit takes too. Structures are told apart by their lengths, but for
//! CK_GCM_PARAMS and CK_GCM_MESSAGE_PARAMS, which are equally long: see [`has_tag_place`].

use hsmsim_types::{Mechanism, MessageParams, Params, Result, ck::*, error::fail};

use super::{MechanismIn, or_malformed, part, structure};

/// Below this address there is nothing: a field that is less is a number and no pointer.
const LEAST_ADDRESS: usize = 4096;

/// Where a wrapping puts what the token made.
pub(crate) struct SealPlaces {
    /// For a nonce that is generated.
    nonce: (*mut CK_BYTE, usize),
    /// For a tag that does not follow the wrapped key.
    tag: Option<(*mut CK_BYTE, usize)>,
}

// SAFETY: the pointers are followed on the thread of the call that they were given to: a wrapping that writes
// into its parameter is waited for (`Owned::waits`).
unsafe impl Send for SealPlaces {}
// SAFETY: as above.
unsafe impl Sync for SealPlaces {}

impl SealPlaces {
    /// Whether anything is written.
    pub(crate) fn is_empty(&self) -> bool {
        self.nonce.0.is_null() && self.tag.is_none()
    }

    /// Whether the tag has a place, where it needs one.
    ///
    /// # Errors
    /// CKR_MECHANISM_PARAM_INVALID.
    pub(crate) fn check(&self) -> Result<()> {
        match self.tag {
            Some((place, _)) if place.is_null() => {
                fail(CKR_MECHANISM_PARAM_INVALID, "the place for the tag is NULL")
            }
            _ => Ok(()),
        }
    }

    /// Writes the nonce and the tag.
    pub(crate) fn put(&self, nonce: &[u8], tag: &[u8]) {
        let tag_place = self.tag.unwrap_or((std::ptr::null_mut(), 0));
        for (value, (place, len)) in [(nonce, self.nonce), (tag, tag_place)] {
            if !place.is_null() && value.len() == len {
                // SAFETY: not NULL, and writable for so many bytes by the promise given to `MechanismIn::new`.
                unsafe { place.copy_from(value.as_ptr(), len) };
            }
        }
    }
}

/// A parameter that was read: its places, and the tag that is in it.
struct Sealing {
    message: MessageParams,
    nonce: (*mut CK_BYTE, CK_ULONG),
    tag: Option<(*mut CK_BYTE, CK_ULONG)>,
}

impl MechanismIn {
    /// As [`Self::read`], for C_WrapKey.
    ///
    /// # Errors
    /// Those of [`Self::read`].
    pub(crate) fn read_wrapping(&self) -> Result<(Mechanism, SealPlaces)> {
        self.wrapping(false)
    }

    /// As [`Self::read`], for C_WrapKeyAuthenticated.
    ///
    /// # Errors
    /// Those of [`Self::read`].
    pub(crate) fn read_wrapping_authenticated(&self) -> Result<(Mechanism, SealPlaces)> {
        self.wrapping(true)
    }

    /// As [`Self::read`], for C_UnwrapKey.
    ///
    /// # Errors
    /// Those of [`Self::read`].
    pub(crate) fn read_unwrapping(&self) -> Result<(Mechanism, Vec<u8>)> {
        self.unwrapping(false)
    }

    /// As [`Self::read`], for C_UnwrapKeyAuthenticated, with the tag if it has a place of its own.
    ///
    /// # Errors
    /// Those of [`Self::read`].
    pub(crate) fn read_unwrapping_authenticated(&self) -> Result<(Mechanism, Vec<u8>)> {
        self.unwrapping(true)
    }

    fn wrapping(&self, authenticated: bool) -> Result<(Mechanism, SealPlaces)> {
        let none = std::ptr::null_mut();
        let (kind, Sealing { message, nonce, tag }) = match self.sealing(authenticated)? {
            Found::Ours(kind, sealing) => (kind, sealing),
            Found::Other(other) => {
                return Ok((other, SealPlaces { nonce: (none, 0), tag: None }));
            }
        };
        // The caller's own nonce may lie where nothing can be written.
        let made = message.generator != CKG_NO_GENERATE;
        let nonce = if made { (nonce.0, message.nonce.len()) } else { (none, 0) };
        let tag = tag.map(|(place, len)| (place, usize::try_from(len).unwrap_or(usize::MAX)));
        let params = Params::Message(Box::new(message));
        Ok((Mechanism { kind, params }, SealPlaces { nonce, tag }))
    }

    fn unwrapping(&self, authenticated: bool) -> Result<(Mechanism, Vec<u8>)> {
        let (kind, Sealing { message, tag, .. }) = match self.sealing(authenticated)? {
            Found::Ours(kind, sealing) => (kind, sealing),
            Found::Other(other) => return Ok((other, Vec::new())),
        };
        let mut read = Vec::new();
        let params = match tag {
            // SAFETY: promised to `MechanismIn::new`.
            Some((place, len)) => unsafe { part(place, len, "the tag") }.map(|tag| {
                read = tag;
                Params::Message(Box::new(message))
            }),
            None => Ok(Params::Message(Box::new(message))),
        };
        Ok((Mechanism { kind, params: or_malformed(kind, params)? }, read))
    }

    /// The parameter, if it is one that this file is about.
    fn sealing(&self, authenticated: bool) -> Result<Found> {
        if self.0.is_null() {
            return self.read().map(Found::Other);
        }
        // SAFETY: not NULL, so a mechanism with a parameter as promised to `new`.
        let (kind, sealing) = unsafe {
            let raw = self.0.read_unaligned();
            (raw.mechanism, read(&raw, authenticated))
        };
        match sealing {
            Ok(Some(sealing)) => Ok(Found::Ours(kind, sealing)),
            Ok(None) => self.read().map(Found::Other),
            Err(error) => {
                let params = or_malformed(kind, Err(error))?;
                Ok(Found::Other(Mechanism { kind, params }))
            }
        }
    }
}

/// A mechanism whose parameter is one that this file is about, or another.
enum Found {
    Ours(CK_MECHANISM_TYPE, Sealing),
    Other(Mechanism),
}

/// # Safety
/// As [`MechanismIn::new`].
unsafe fn read(raw: &CK_MECHANISM, authenticated: bool) -> Result<Option<Sealing>> {
    let long = |len: usize| raw.ulParameterLen == len as CK_ULONG;
    // SAFETY: the parameter is as the caller of this function promises, and its length says which it is.
    unsafe {
        Ok(match raw.mechanism {
            CKM_AES_GCM | CKM_LUNA_AES_GCM if long(size_of::<CK_GCM_WRAP_PARAMS>()) => {
                let raw: CK_GCM_WRAP_PARAMS = structure(raw)?;
                let message = MessageParams {
                    nonce: part(raw.pIv, raw.ulIvLen, "the initialisation vector")?,
                    fixed_bits: raw.ulIvFixedBits,
                    generator: raw.ivGenerator,
                    aad: part(raw.pAAD, raw.ulAADLen, "the additional data")?,
                    tag_bits: raw.ulTagBits,
                    tag_follows: true,
                    ..MessageParams::default()
                };
                Some(Sealing { message, nonce: (raw.pIv, raw.ulIvLen), tag: None })
            }
            CKM_AES_CCM if long(size_of::<CK_CCM_WRAP_PARAMS>()) => {
                let raw: CK_CCM_WRAP_PARAMS = structure(raw)?;
                let message = MessageParams {
                    nonce: part(raw.pNonce, raw.ulNonceLen, "the nonce")?,
                    fixed_bits: raw.ulNonceFixedBits,
                    generator: raw.nonceGenerator,
                    aad: part(raw.pAAD, raw.ulAADLen, "the additional data")?,
                    tag_bits: raw.ulMACLen.saturating_mul(8),
                    data_len: Some(raw.ulDataLen),
                    tag_follows: true,
                    ..MessageParams::default()
                };
                Some(Sealing { message, nonce: (raw.pNonce, raw.ulNonceLen), tag: None })
            }
            CKM_AES_GCM | CKM_LUNA_AES_GCM
                if authenticated && long(size_of::<CK_GCM_MESSAGE_PARAMS>()) =>
            {
                let raw: CK_GCM_MESSAGE_PARAMS = structure(raw)?;
                if !has_tag_place(&raw) {
                    return Ok(None);
                }
                let message = MessageParams {
                    nonce: part(raw.pIv, raw.ulIvLen, "the initialisation vector")?,
                    fixed_bits: raw.ulIvFixedBits,
                    generator: raw.ivGenerator,
                    tag_bits: raw.ulTagBits,
                    ..MessageParams::default()
                };
                let tag = Some((raw.pTag, raw.ulTagBits / 8));
                Some(Sealing { message, nonce: (raw.pIv, raw.ulIvLen), tag })
            }
            CKM_AES_CCM if authenticated && long(size_of::<CK_CCM_MESSAGE_PARAMS>()) => {
                let raw: CK_CCM_MESSAGE_PARAMS = structure(raw)?;
                let message = MessageParams {
                    nonce: part(raw.pNonce, raw.ulNonceLen, "the nonce")?,
                    fixed_bits: raw.ulNonceFixedBits,
                    generator: raw.nonceGenerator,
                    tag_bits: raw.ulMACLen.saturating_mul(8),
                    data_len: Some(raw.ulDataLen),
                    ..MessageParams::default()
                };
                let tag = Some((raw.pMAC, raw.ulMACLen));
                Some(Sealing { message, nonce: (raw.pNonce, raw.ulNonceLen), tag })
            }
            CKM_CHACHA20_POLY1305
                if authenticated && long(size_of::<CK_SALSA20_CHACHA20_POLY1305_MSG_PARAMS>()) =>
            {
                let raw: CK_SALSA20_CHACHA20_POLY1305_MSG_PARAMS = structure(raw)?;
                let message = MessageParams {
                    nonce: part(raw.pNonce, raw.ulNonceLen / 8, "the nonce")?,
                    generator: CKG_NO_GENERATE,
                    tag_bits: 128,
                    ..MessageParams::default()
                };
                Some(Sealing {
                    message,
                    nonce: (raw.pNonce, raw.ulNonceLen / 8),
                    tag: Some((raw.pTag, 16)),
                })
            }
            _ => None,
        })
    }
}

/// Whether bytes that may be CK_GCM_PARAMS as well are CK_GCM_MESSAGE_PARAMS: where one has the place of a tag
/// the other has the length of additional data, and where one has the number of a generator the other has the
/// place of these data. Without a tag's place and a generator both mean the same.
fn has_tag_place(raw: &CK_GCM_MESSAGE_PARAMS) -> bool {
    let place = raw.pTag as usize;
    if raw.ivGenerator <= CKG_GENERATE_COUNTER_XOR {
        return place >= LEAST_ADDRESS || (raw.ivGenerator != CKG_NO_GENERATE && place == 0);
    }
    // For an unwrapping the generator counts for nothing, whatever it is; and so long are no data.
    place > u32::MAX as usize
}

#[cfg(test)]
mod tests {
    use std::ptr::null_mut;

    use super::*;

    fn mechanism<T>(kind: CK_MECHANISM_TYPE, params: &mut T) -> CK_MECHANISM {
        CK_MECHANISM {
            mechanism: kind,
            pParameter: std::ptr::from_mut(params).cast(),
            ulParameterLen: size_of::<T>() as CK_ULONG,
        }
    }

    fn wrapping(raw: &mut CK_MECHANISM, authenticated: bool) -> Result<(Mechanism, SealPlaces)> {
        // SAFETY: a mechanism whose parameter is its structure, with pointers that hold what it says.
        unsafe { MechanismIn::new(raw) }.wrapping(authenticated)
    }

    fn message(mechanism: Mechanism) -> MessageParams {
        match mechanism.params {
            Params::Message(message) => *message,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_structure_for_wrapping_has_a_nonce_that_is_written_back() {
        let (mut iv, mut aad) = ([7_u8; 12], *b"aad");
        let mut params = CK_GCM_WRAP_PARAMS {
            pIv: iv.as_mut_ptr(),
            ulIvLen: 12,
            ulIvFixedBits: 32,
            ivGenerator: CKG_GENERATE,
            pAAD: aad.as_mut_ptr(),
            ulAADLen: 3,
            ulTagBits: 96,
        };
        for authenticated in [false, true] {
            let mut raw = mechanism(CKM_AES_GCM, &mut params);
            let (read, places) = wrapping(&mut raw, authenticated).unwrap();
            let read = message(read);
            assert_eq!((read.fixed_bits, read.tag_bits, read.tag_follows), (32, 96, true));
            assert_eq!((read.generator, read.aad.as_slice()), (CKG_GENERATE, &b"aad"[..]));
            places.check().unwrap();
            places.put(&[1; 13], &[]);
            places.put(&[9; 12], &[]);
        }
        assert_eq!(iv, [9; 12]);
        // What the caller brings is not written.
        params.ivGenerator = CKG_NO_GENERATE;
        let (_, places) = wrapping(&mut mechanism(CKM_AES_GCM, &mut params), false).unwrap();
        assert!(places.is_empty());
        places.put(&[1; 12], &[]);
        assert_eq!(iv, [9; 12]);
    }

    #[test]
    fn the_structure_of_a_message_has_a_place_for_the_tag() {
        let (mut nonce, mut tag) = ([5_u8; 12], [0_u8; 8]);
        let mut params = CK_CCM_MESSAGE_PARAMS {
            ulDataLen: 0,
            pNonce: nonce.as_mut_ptr(),
            ulNonceLen: 12,
            ulNonceFixedBits: 0,
            nonceGenerator: CKG_GENERATE_RANDOM,
            pMAC: tag.as_mut_ptr(),
            ulMACLen: 8,
        };
        let mut raw = mechanism(CKM_AES_CCM, &mut params);
        let (read, places) = wrapping(&mut raw, true).unwrap();
        let read = message(read);
        assert_eq!((read.tag_bits, read.tag_follows, read.data_len), (64, false, Some(0)));
        places.put(&[3; 12], &[4; 8]);
        assert_eq!((nonce, tag), ([3; 12], [4; 8]));
        // SAFETY: as in `wrapping`.
        let (_, given) = unsafe { MechanismIn::new(&mut raw) }.unwrapping(true).unwrap();
        assert_eq!(given, [4; 8]);
        // C_WrapKey does not take it.
        let (refused, _) = wrapping(&mut raw, false).unwrap();
        assert!(matches!(refused.params, Params::Malformed(_)), "{refused:?}");

        let mut params = CK_SALSA20_CHACHA20_POLY1305_MSG_PARAMS {
            pNonce: nonce.as_mut_ptr(),
            ulNonceLen: 96,
            pTag: null_mut(),
        };
        let mut raw = mechanism(CKM_CHACHA20_POLY1305, &mut params);
        let (read, places) = wrapping(&mut raw, true).unwrap();
        assert_eq!(message(read).nonce, [3; 12]);
        assert_eq!(places.check().unwrap_err().rv(), CKR_MECHANISM_PARAM_INVALID);
    }

    #[test]
    fn two_structures_of_one_length_are_told_apart() {
        let (mut iv, mut tag) = ([7_u8; 12], [0_u8; 16]);
        let mut messages = CK_GCM_MESSAGE_PARAMS {
            pIv: iv.as_mut_ptr(),
            ulIvLen: 12,
            ulIvFixedBits: 0,
            ivGenerator: CKG_NO_GENERATE,
            pTag: tag.as_mut_ptr(),
            ulTagBits: 128,
        };
        for generator in [CKG_NO_GENERATE, CKG_GENERATE, CKG_GENERATE_COUNTER_XOR, 99] {
            messages.ivGenerator = generator;
            let mut raw = mechanism(CKM_AES_GCM, &mut messages);
            let (read, places) = wrapping(&mut raw, true).unwrap();
            assert!(!message(read).tag_follows && !places.is_empty(), "{generator}");
        }
        let mut aad = *b"aad";
        for (aad, len) in [(null_mut(), 0), (aad.as_mut_ptr(), 0), (aad.as_mut_ptr(), 3)] {
            let mut gcm = CK_GCM_PARAMS {
                pIv: iv.as_mut_ptr(),
                ulIvLen: 12,
                ulIvBits: 96,
                pAAD: aad,
                ulAADLen: len,
                ulTagBits: 128,
            };
            let (read, places) = wrapping(&mut mechanism(CKM_AES_GCM, &mut gcm), true).unwrap();
            assert!(matches!(read.params, Params::Gcm { .. }) && places.is_empty(), "{len}");
        }
    }
}
