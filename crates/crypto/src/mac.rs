//! Message authentication codes: HMAC with any hash function of this crate, those that chain the
//! blocks of a cipher (CMAC, CBC-MAC, XCBC-MAC), and Poly1305.
//!
//! A [`MacKey`] holds the key already prepared (inner and outer hash states of HMAC, subkeys of CMAC),
//! so that a call on a cached key costs only its data. GMAC takes an IV with every message and is
//! [`crate::aes::gmac`].

use std::fmt;
use std::mem::MaybeUninit;
use std::sync::{Arc, OnceLock};

use ring::hmac as ring_hmac;
use zeroize::Zeroizing;

use crate::block::BlockAlg;
use crate::block::mac::ChainMac;
use crate::constant_time_eq;
use crate::digest::HashAlg;
use crate::ffi::chacha::Poly1305;
use crate::hmac::Hmac;
use crate::state;
use crate::{Error, Result};

/// A MAC algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MacAlg {
    /// HMAC (RFC 2104, FIPS 198-1) with this hash function.
    Hmac(HashAlg),
    /// AES-CMAC (NIST SP 800-38B).
    AesCmac,
    /// CMAC (NIST SP 800-38B) with triple DES of two or three keys. `CKM_DES3_CMAC`.
    Des3Cmac,
    /// CMAC (NIST SP 800-38B) with ARIA. Luna's `CKM_ARIA_CMAC`.
    AriaCmac,
    /// CMAC (NIST SP 800-38B) with Camellia.
    CamelliaCmac,
    /// CBC-MAC of a block cipher, padded with zeros. `CKM_AES_MAC`, `CKM_DES3_MAC` and so on give
    /// half a block of it, the `_GENERAL` ones as much as their parameter says.
    CbcMac(BlockAlg),
    /// AES-XCBC-MAC (RFC 3566). `CKM_AES_XCBC_MAC`, and cut to 12 bytes `CKM_AES_XCBC_MAC_96`.
    AesXcbcMac,
    /// Poly1305 (RFC 8439, 2.5). Its key must serve one message only. `CKM_POLY1305`.
    Poly1305,
}

impl MacAlg {
    /// Length of the untruncated MAC in bytes.
    pub const fn output_len(self) -> usize {
        match self {
            MacAlg::Hmac(hash) => hash.output_len(),
            MacAlg::AesCmac
            | MacAlg::AriaCmac
            | MacAlg::CamelliaCmac
            | MacAlg::AesXcbcMac
            | MacAlg::Poly1305 => 16,
            MacAlg::Des3Cmac => 8,
            MacAlg::CbcMac(cipher) => cipher.block_len(),
        }
    }
}

/// A key prepared for one MAC algorithm. Clones share it.
#[derive(Clone)]
pub struct MacKey {
    alg: MacAlg,
    prepared: Arc<Prepared>,
}

#[expect(clippy::large_enum_variant, reason = "there is one for each key, in an Arc")]
enum Prepared {
    /// ring is the fastest for whole messages, and keeps the state of others to itself: the first
    /// message that comes in parts prepares the key once more.
    Ring {
        whole: ring_hmac::Key,
        parts: OnceLock<Hmac>,
        hash: HashAlg,
        key: Zeroizing<Vec<u8>>,
    },
    Hmac(Hmac),
    Chain(ChainMac),
    Poly1305(Box<Poly1305>),
}

impl MacKey {
    /// Prepares a key. HMAC takes any length, AES-CMAC 16, 24 or 32 bytes, the CMAC of triple DES 16
    /// or 24, XCBC-MAC 16, Poly1305 32, CBC-MAC what its cipher takes.
    ///
    /// # Errors
    /// [`Error::KeySize`] for a key of another length.
    pub fn new(alg: MacAlg, key: &[u8]) -> Result<Self> {
        let prepared = match alg {
            MacAlg::Hmac(hash) => match in_ring(hash) {
                Some(algorithm) => Prepared::Ring {
                    whole: ring_hmac::Key::new(algorithm, key),
                    parts: OnceLock::new(),
                    hash,
                    key: Zeroizing::new(key.to_vec()),
                },
                None => Prepared::Hmac(Hmac::new(hash, key)),
            },
            MacAlg::AesCmac => Prepared::Chain(ChainMac::cmac(BlockAlg::Aes.key(key)?)?),
            MacAlg::Des3Cmac if !matches!(key.len(), 16 | 24) => return Err(Error::KeySize),
            MacAlg::Des3Cmac => Prepared::Chain(ChainMac::cmac(BlockAlg::Des.key(key)?)?),
            MacAlg::AriaCmac => Prepared::Chain(ChainMac::cmac(BlockAlg::Aria.key(key)?)?),
            MacAlg::CamelliaCmac => Prepared::Chain(ChainMac::cmac(BlockAlg::Camellia.key(key)?)?),
            MacAlg::CbcMac(cipher) => Prepared::Chain(ChainMac::cbc_mac(cipher.key(key)?)?),
            MacAlg::AesXcbcMac => Prepared::Chain(ChainMac::xcbc(key)?),
            MacAlg::Poly1305 => {
                let key = key.try_into().map_err(|_| Error::KeySize)?;
                Prepared::Poly1305(Box::new(Poly1305::new(key)))
            }
        };
        Ok(MacKey { alg, prepared: Arc::new(prepared) })
    }

    /// The algorithm this key was prepared for.
    pub fn alg(&self) -> MacAlg {
        self.alg
    }

    /// Starts a MAC over a message that comes in parts.
    pub fn start(&self) -> Mac {
        let state = match &*self.prepared {
            Prepared::Ring { parts, hash, key, .. } => {
                State::Hmac(parts.get_or_init(|| Hmac::new(*hash, key)).clone())
            }
            Prepared::Hmac(hmac) => State::Hmac(hmac.clone()),
            Prepared::Chain(chain) => State::Chain(chain.clone()),
            Prepared::Poly1305(state) => State::Poly1305(state.clone()),
        };
        Mac { alg: self.alg, state }
    }

    /// Goes on from a state that a MAC with this algorithm and key gave.
    ///
    /// # Errors
    /// [`Error::InvalidState`] for bytes that are no state of it, [`Error::Unsupported`] for Poly1305.
    pub fn resume(&self, state: &[u8]) -> Result<Mac> {
        let state = match self.start().state {
            State::Hmac(hmac) => State::Hmac(hmac.resume(state)?),
            State::Chain(chain) => State::Chain(chain.resume(state)?),
            State::Poly1305(_) => return Err(Error::Unsupported),
        };
        Ok(Mac { alg: self.alg, state })
    }

    /// The MAC of a whole message, untruncated.
    pub fn sign(&self, data: &[u8]) -> Vec<u8> {
        if let Prepared::Ring { whole, .. } = &*self.prepared {
            return ring_hmac::sign(whole, data).as_ref().to_vec();
        }
        let mut mac = self.start();
        mac.update(data);
        mac.finish()
    }

    /// The first `len` bytes of the MAC of a whole message, written to the beginning of `room`. `None`, and nothing is done,
    /// where the MAC does not come so, or the room is too little.
    pub fn sign_into(
        &self,
        data: &[u8],
        len: usize,
        room: &mut [MaybeUninit<u8>],
    ) -> Option<usize> {
        let Prepared::Ring { whole, .. } = &*self.prepared else { return None };
        let room = room.get_mut(..len)?;
        let mac = ring_hmac::sign(whole, data);
        Some(room.write_copy_of_slice(mac.as_ref().get(..len)?).len())
    }

    /// Checks an untruncated MAC of a whole message, in constant time.
    ///
    /// # Errors
    /// [`Error::SignatureLength`], [`Error::VerifyFailed`].
    pub fn verify(&self, data: &[u8], expected: &[u8]) -> Result<()> {
        let mut mac = self.start();
        mac.update(data);
        mac.verify(expected)
    }
}

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MacKey").field("alg", &self.alg).finish_non_exhaustive()
    }
}

/// A MAC in progress. A clone goes on from the same state independently.
#[derive(Clone)]
pub struct Mac {
    alg: MacAlg,
    state: State,
}

#[derive(Clone)]
#[expect(clippy::large_enum_variant, reason = "a box would cost every MAC an allocation")]
enum State {
    Hmac(Hmac),
    Chain(ChainMac),
    Poly1305(Box<Poly1305>),
}

impl Mac {
    /// Starts a MAC with a key that is used once. See [`MacKey::new`] for keys used again.
    ///
    /// # Errors
    /// As [`MacKey::new`].
    pub fn new(alg: MacAlg, key: &[u8]) -> Result<Self> {
        Ok(MacKey::new(alg, key)?.start())
    }

    /// The algorithm of this MAC.
    pub fn alg(&self) -> MacAlg {
        self.alg
    }

    /// Takes the next part of the message.
    pub fn update(&mut self, data: &[u8]) {
        match &mut self.state {
            State::Hmac(hmac) => hmac.update(data),
            State::Chain(chain) => chain.update(data),
            State::Poly1305(state) => state.update(data),
        }
    }

    /// Ends the message and returns the untruncated MAC.
    pub fn finish(self) -> Vec<u8> {
        match self.state {
            State::Hmac(hmac) => hmac.finish(),
            State::Chain(chain) => chain.finish(),
            State::Poly1305(state) => state.finish().to_vec(),
        }
    }

    /// What [`MacKey::resume`] goes on from: it may hold a part of the message, and follows from the
    /// key.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for Poly1305.
    pub fn state(&self) -> Result<state::State> {
        match &self.state {
            State::Hmac(hmac) => Ok(hmac.state()),
            State::Chain(chain) => Ok(chain.state()),
            State::Poly1305(_) => Err(Error::Unsupported),
        }
    }

    /// Ends the message and checks its untruncated MAC, in constant time.
    ///
    /// # Errors
    /// [`Error::SignatureLength`], [`Error::VerifyFailed`].
    pub fn verify(self, expected: &[u8]) -> Result<()> {
        if expected.len() != self.alg.output_len() {
            return Err(Error::SignatureLength);
        }
        self.verify_truncated(expected)
    }

    /// Ends the message and checks a MAC truncated to its leftmost bytes, in constant time.
    ///
    /// How short a MAC may be is the caller's rule (the parameter of the `_GENERAL` mechanisms);
    /// here only an empty or overlong one is refused.
    ///
    /// # Errors
    /// [`Error::SignatureLength`], [`Error::VerifyFailed`].
    pub fn verify_truncated(self, expected: &[u8]) -> Result<()> {
        if expected.is_empty() || expected.len() > self.alg.output_len() {
            return Err(Error::SignatureLength);
        }
        let computed = self.finish();
        if constant_time_eq(&computed[..expected.len()], expected) {
            Ok(())
        } else {
            Err(Error::VerifyFailed)
        }
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mac").field("alg", &self.alg).finish_non_exhaustive()
    }
}

/// The untruncated MAC of a whole message.
///
/// # Errors
/// As [`MacKey::new`].
pub fn mac(alg: MacAlg, key: &[u8], data: &[u8]) -> Result<Vec<u8>> {
    Ok(MacKey::new(alg, key)?.sign(data))
}

/// Checks an untruncated MAC of a whole message, in constant time.
///
/// # Errors
/// As [`MacKey::new`], and [`Error::SignatureLength`], [`Error::VerifyFailed`].
pub fn verify(alg: MacAlg, key: &[u8], data: &[u8], expected: &[u8]) -> Result<()> {
    MacKey::new(alg, key)?.verify(data, expected)
}

fn in_ring(hash: HashAlg) -> Option<ring_hmac::Algorithm> {
    match hash {
        HashAlg::Sha1 => Some(ring_hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY),
        HashAlg::Sha256 => Some(ring_hmac::HMAC_SHA256),
        HashAlg::Sha384 => Some(ring_hmac::HMAC_SHA384),
        HashAlg::Sha512 => Some(ring_hmac::HMAC_SHA512),
        _ => None,
    }
}
