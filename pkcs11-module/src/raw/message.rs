//! The parameter of one message of an AEAD (PKCS#11 3.1, 6.13.4 and 6.64.3): read before the message, and written
//! after it, where the nonce was generated and the tag was made.

use std::sync::OnceLock;

use hsmsim_types::{MessageParams, Result, ck::*, error::fail};

use super::{
    keep::{Answer, Keep, Ptr},
    slices::{bytes, owned},
};

/// The longest nonce and the longest tag in bytes that are believed.
const MAX_PART: CK_ULONG = 1 << 16;

/// What the caller gives as `pParameter`.
pub(crate) struct MessageIn {
    ptr: Ptr<std::ffi::c_void>,
    len: CK_ULONG,
    gathered: Option<OnceLock<Gathered>>,
}

/// What is to be written after the message.
struct Gathered {
    mechanism: CK_MECHANISM_TYPE,
    nonce: Vec<u8>,
    tag: Vec<u8>,
}

/// Where nonce and tag of a message are, whatever its structure.
struct Places {
    nonce: (*mut CK_BYTE, CK_ULONG),
    tag: (*mut CK_BYTE, CK_ULONG),
    params: MessageParams,
}

impl MessageIn {
    /// # Safety
    /// `ptr` is NULL or points at `len` bytes which, where the operation's mechanism is an AEAD, are the structure that
    /// belongs to its messages, whose pointers are NULL or hold as many bytes as it says; all of it stays
    /// readable and writable while this value lives and nobody else uses it; of one that gathers, until
    /// C_AsyncComplete has given the result.
    pub(crate) unsafe fn new(ptr: *mut std::ffi::c_void, len: CK_ULONG) -> Self {
        Self { ptr: Ptr(ptr), len, gathered: None }
    }

    /// Signatures of messages take no parameter.
    ///
    /// # Errors
    /// CKR_MECHANISM_PARAM_INVALID.
    pub(crate) fn none(&self) -> Result<()> {
        if self.len == 0 {
            return Ok(());
        }
        fail(CKR_MECHANISM_PARAM_INVALID, "the messages of this mechanism take no parameter")
    }

    /// The parameter, and the tag for a decryption.
    ///
    /// # Errors
    /// CKR_MECHANISM_PARAM_INVALID.
    pub(crate) fn read(&self, mechanism: CK_MECHANISM_TYPE) -> Result<(MessageParams, Vec<u8>)> {
        let places = self.places(mechanism)?;
        Ok((places.params, Vec::new()))
    }

    /// The same with the tag that came with a message to be decrypted.
    ///
    /// # Errors
    /// CKR_MECHANISM_PARAM_INVALID.
    pub(crate) fn read_with_tag(
        &self,
        mechanism: CK_MECHANISM_TYPE,
    ) -> Result<(MessageParams, Vec<u8>)> {
        let places = self.places(mechanism)?;
        let (ptr, len) = places.tag;
        // SAFETY: promised to `new`.
        let tag = unsafe { bytes(ptr, len, CKR_MECHANISM_PARAM_INVALID, "the tag") }?;
        Ok((places.params, owned(tag)?))
    }

    /// Whether there is room for a tag, before anything is done.
    ///
    /// # Errors
    /// CKR_MECHANISM_PARAM_INVALID.
    pub(crate) fn has_room_for_tag(&self, mechanism: CK_MECHANISM_TYPE) -> Result<()> {
        if self.places(mechanism)?.tag.0.is_null() {
            return fail(CKR_MECHANISM_PARAM_INVALID, "the place for the tag is NULL");
        }
        Ok(())
    }

    /// Writes a nonce and a tag; empty ones are not written.
    ///
    /// # Errors
    /// CKR_MECHANISM_PARAM_INVALID for another length than was announced.
    pub(crate) fn write(
        &self,
        mechanism: CK_MECHANISM_TYPE,
        nonce: &[u8],
        tag: &[u8],
    ) -> Result<()> {
        if let Some(gathered) = &self.gathered {
            // There is one answer.
            let _ = gathered.set(Gathered { mechanism, nonce: nonce.to_vec(), tag: tag.to_vec() });
            return Ok(());
        }
        self.put(mechanism, nonce, tag)
    }

    /// Writes what was gathered.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub(crate) fn give(&self) -> Result<()> {
        match self.gathered.as_ref().and_then(OnceLock::get) {
            Some(Gathered { mechanism, nonce, tag }) => self.put(*mechanism, nonce, tag),
            None => Ok(()),
        }
    }

    fn put(&self, mechanism: CK_MECHANISM_TYPE, nonce: &[u8], tag: &[u8]) -> Result<()> {
        let places = self.places(mechanism)?;
        for (value, (ptr, len)) in [(nonce, places.nonce), (tag, places.tag)] {
            if value.is_empty() {
                continue;
            }
            if ptr.is_null() || value.len() as CK_ULONG > len {
                return fail(CKR_MECHANISM_PARAM_INVALID, "no room for the nonce or the tag");
            }
            // SAFETY: not NULL, and writable for at least as many bytes by the promise given to `new`.
            unsafe { ptr.copy_from(value.as_ptr(), value.len()) };
        }
        Ok(())
    }

    fn places(&self, mechanism: CK_MECHANISM_TYPE) -> Result<Places> {
        // SAFETY: `new` was promised the structure that belongs to the mechanism.
        let places = unsafe {
            match mechanism {
                CKM_AES_GCM | CKM_LUNA_AES_GCM => gcm(&self.structure()?),
                CKM_AES_CCM => ccm(&self.structure()?),
                CKM_CHACHA20_POLY1305 | CKM_SALSA20_POLY1305 => chacha(&self.structure()?),
                _ => {
                    return fail(
                        CKR_MECHANISM_PARAM_INVALID,
                        "the mechanism does not encrypt messages",
                    );
                }
            }
        };
        let Places { nonce: (ptr, len), tag: (_, tag), .. } = places;
        if len > MAX_PART || tag > MAX_PART {
            return fail(CKR_MECHANISM_PARAM_INVALID, "nonce or tag is out of all reason");
        }
        // SAFETY: promised to `new`.
        let nonce = unsafe { bytes(ptr, len, CKR_MECHANISM_PARAM_INVALID, "the nonce") }?;
        let params = MessageParams { nonce: owned(nonce)?, ..places.params };
        Ok(Places { params, ..places })
    }

    /// # Safety
    /// Any bytes are a valid `T`.
    unsafe fn structure<T: Copy>(&self) -> Result<T> {
        if self.ptr.0.is_null() || self.len != size_of::<T>() as CK_ULONG {
            return fail(
                CKR_MECHANISM_PARAM_INVALID,
                format!("the parameter has {} bytes, not {}", self.len, size_of::<T>()),
            );
        }
        // SAFETY: not NULL, and long enough by the promise given to `new`.
        Ok(unsafe { self.ptr.0.cast::<T>().read_unaligned() })
    }
}

impl Keep for MessageIn {
    fn keep(mut self) -> Result<Self> {
        self.gathered = Some(OnceLock::new());
        Ok(self)
    }

    fn settle(self, answer: &mut Answer) {
        answer.message = Some(self);
    }
}

fn gcm(raw: &CK_GCM_MESSAGE_PARAMS) -> Places {
    Places {
        nonce: (raw.pIv, raw.ulIvLen),
        tag: (raw.pTag, raw.ulTagBits / 8),
        params: MessageParams {
            fixed_bits: raw.ulIvFixedBits,
            generator: raw.ivGenerator,
            tag_bits: raw.ulTagBits,
            ..MessageParams::default()
        },
    }
}

fn ccm(raw: &CK_CCM_MESSAGE_PARAMS) -> Places {
    Places {
        nonce: (raw.pNonce, raw.ulNonceLen),
        tag: (raw.pMAC, raw.ulMACLen),
        params: MessageParams {
            fixed_bits: raw.ulNonceFixedBits,
            generator: raw.nonceGenerator,
            tag_bits: raw.ulMACLen.saturating_mul(8),
            data_len: Some(raw.ulDataLen),
            ..MessageParams::default()
        },
    }
}

/// The nonce is always the caller's, the tag always sixteen bytes.
fn chacha(raw: &CK_SALSA20_CHACHA20_POLY1305_MSG_PARAMS) -> Places {
    Places {
        nonce: (raw.pNonce, raw.ulNonceLen / 8),
        tag: (raw.pTag, 16),
        params: MessageParams {
            generator: CKG_NO_GENERATE,
            tag_bits: 128,
            ..MessageParams::default()
        },
    }
}

#[cfg(test)]
mod tests {
    use std::ptr::null_mut;

    use super::*;

    #[test]
    fn a_message_s_parameter_is_read_and_written_back() {
        let (mut iv, mut tag) = ([7_u8; 12], [9_u8; 16]);
        let mut raw = CK_GCM_MESSAGE_PARAMS {
            pIv: iv.as_mut_ptr(),
            ulIvLen: 12,
            ulIvFixedBits: 32,
            ivGenerator: CKG_GENERATE_COUNTER,
            pTag: tag.as_mut_ptr(),
            ulTagBits: 128,
        };
        let len = size_of_val(&raw) as CK_ULONG;
        // SAFETY: a structure whose pointers hold what it says.
        let message = unsafe { MessageIn::new((&raw mut raw).cast(), len) };
        let (params, given) = message.read_with_tag(CKM_AES_GCM).expect("read");
        assert_eq!((params.nonce, params.fixed_bits, params.tag_bits), (vec![7; 12], 32, 128));
        assert_eq!(given, [9; 16]);
        message.write(CKM_AES_GCM, &[1; 12], &[2; 16]).expect("written");
        assert!(message.write(CKM_AES_GCM, &[1; 13], &[]).is_err());
        assert_eq!((iv, tag), ([1; 12], [2; 16]));
    }

    #[test]
    fn what_cannot_be_the_structure_is_refused() {
        let mut iv = [0_u8; 12];
        let mut raw = CK_GCM_MESSAGE_PARAMS {
            pIv: iv.as_mut_ptr(),
            ulIvLen: 12,
            ..CK_GCM_MESSAGE_PARAMS::default()
        };
        let len = size_of_val(&raw) as CK_ULONG;
        let code = |ptr: *mut CK_GCM_MESSAGE_PARAMS, len, mechanism| {
            // SAFETY: NULL, or a structure of at least `len` bytes.
            let message = unsafe { MessageIn::new(ptr.cast(), len) };
            message.read(mechanism).map(drop).map_err(|error| error.rv())
        };
        assert_eq!(code(&raw mut raw, len, CKM_AES_GCM), Ok(()));
        for (ptr, len, mechanism) in [
            (null_mut(), len, CKM_AES_GCM),
            (&raw mut raw, len - 1, CKM_AES_GCM),
            (&raw mut raw, len, CKM_AES_CBC),
            (&raw mut raw, len, CKM_CHACHA20_POLY1305),
        ] {
            assert_eq!(code(ptr, len, mechanism), Err(CKR_MECHANISM_PARAM_INVALID));
        }
        raw.ulIvLen = CK_ULONG::MAX;
        assert_eq!(code(&raw mut raw, len, CKM_AES_GCM), Err(CKR_MECHANISM_PARAM_INVALID));
        raw.pIv = null_mut();
        raw.ulIvLen = 1;
        assert_eq!(code(&raw mut raw, len, CKM_AES_GCM), Err(CKR_MECHANISM_PARAM_INVALID));
    }
}
