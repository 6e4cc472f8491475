//! Messages of an AEAD (PKCS#11 3.1, 5.9 and 5.12): one key and mechanism, many messages, each with its
//! own nonce, associated data and tag.
//!
//! A message is the mechanism's ordinary operation with the parameters that belong to the message; so
//! what a mechanism needs to take part is a line in [`params`].

use hsmsim_crypto::{
    block::{BlockAlg, Cipher, CipherMode, Direction},
    random,
};
use hsmsim_types::{MessageParams, Params, Result, ck::*, error::fail};
use zeroize::Zeroizing;

use super::{Act, Ready, WHOLE_MAX, cipher, params::Work, unfit};
use crate::{
    api::Reply,
    failure::{During, during},
    mechanisms::Scheme,
    object::key::KeyMaterial,
};

/// The parameters of the mechanism's ordinary operation, and the nonce in them. Before the first message
/// there are none: what then counts is that the mechanism has messages at all.
pub(crate) fn params(scheme: Scheme, act: Act, given: &Params) -> Result<(Params, Vec<u8>)> {
    let before = MessageParams { nonce: vec![0; 12], tag_bits: 128, ..MessageParams::default() };
    let message = match given {
        Params::Message(message) => message,
        _ => &before,
    };
    let nonce = match act {
        Act::Encrypt => nonce(message)?,
        _ => message.nonce.clone(),
    };
    let params = match scheme {
        Scheme::AesGcm => Params::Gcm {
            iv: nonce.clone(),
            iv_bits: 0,
            aad: message.aad.clone(),
            tag_bits: message.tag_bits,
        },
        Scheme::AesCcm => Params::Ccm {
            data_len: message.data_len.unwrap_or_default(),
            nonce: nonce.clone(),
            aad: message.aad.clone(),
            mac_len: message.tag_bits / 8,
        },
        Scheme::ChaCha20Poly1305 => {
            Params::ChaCha20Poly1305 { nonce: nonce.clone(), aad: message.aad.clone() }
        }
        _ => return fail(CKR_MECHANISM_INVALID, "the mechanism does not work on messages"),
    };
    Ok((params, nonce))
}

/// The nonce of a message that is encrypted. Bits behind the fixed ones are the generator's:
/// what a counter counts are the messages of this operation, from the value that the caller gave.
///
/// # Errors
/// CKR_MECHANISM_PARAM_INVALID; CKR_DATA_LEN_RANGE when a counter is used up.
fn nonce(message: &MessageParams) -> Result<Vec<u8>> {
    let mut nonce = message.nonce.clone();
    let bits = nonce.len() as u64 * 8;
    if message.fixed_bits > bits {
        return fail(CKR_MECHANISM_PARAM_INVALID, "more bits of the nonce are fixed than it has");
    }
    let free = bits - message.fixed_bits;
    match message.generator {
        CKG_NO_GENERATE => return Ok(nonce),
        CKG_GENERATE | CKG_GENERATE_RANDOM => {
            let mut made = vec![0; nonce.len()];
            random::fill(&mut made).map_err(during(During::Generate))?;
            replace_low_bits(&mut nonce, &made, free);
        }
        CKG_GENERATE_COUNTER | CKG_GENERATE_COUNTER_XOR => {
            if free < 64 && message.count >> free != 0 {
                return fail(CKR_DATA_LEN_RANGE, "the counter of the nonce is used up");
            }
            let mut made = nonce.clone();
            if message.generator == CKG_GENERATE_COUNTER {
                add(&mut made, message.count);
            } else {
                let count = message.count.to_be_bytes();
                made.iter_mut().rev().zip(count.iter().rev()).for_each(|(byte, c)| *byte ^= c);
            }
            replace_low_bits(&mut nonce, &made, free);
        }
        _ => return fail(CKR_MECHANISM_PARAM_INVALID, "no such generator of nonces"),
    }
    if free == 0 {
        return fail(CKR_MECHANISM_PARAM_INVALID, "a nonce with no free bit cannot be generated");
    }
    Ok(nonce)
}

/// Adds to a number in big-endian order, modulo its size.
fn add(number: &mut [u8], more: u64) {
    let mut carry = u128::from(more);
    for byte in number.iter_mut().rev() {
        carry += u128::from(*byte);
        *byte = carry as u8;
        carry >>= 8;
    }
}

/// Takes the lowest `bits` bits from `from`.
fn replace_low_bits(to: &mut [u8], from: &[u8], bits: u64) {
    let mut left = bits;
    for (byte, new) in to.iter_mut().zip(from).rev() {
        let mask = if left >= 8 { 0xFF } else { (1_u16 << left) as u8 - 1 };
        *byte = *byte & !mask | new & mask;
        left = left.saturating_sub(8);
    }
}

/// A message that comes in parts. Every AEAD here adds a key stream to the data, so what a part becomes
/// is known before the whole is there; the tag is computed over the whole at its end.
pub(super) struct Stream {
    /// What went in.
    whole: Zeroizing<Vec<u8>>,
    /// The key stream, where it can go on by itself.
    keystream: Option<Cipher>,
}

impl Stream {
    pub(super) fn new(ready: &Ready<'_>) -> Result<Self> {
        let keystream = match (&ready.work, &ready.mechanism.params, ready.key()?) {
            (Work::Gcm { .. }, Params::Gcm { iv, .. }, KeyMaterial::Secret(key))
                if iv.len() == 12 =>
            {
                // SP 800-38D, 7.1: the first block of the message is encrypted under counter 2.
                let mut block = [0; 16];
                block[..12].copy_from_slice(iv);
                block[15] = 2;
                let mode = CipherMode::Ctr { counter_bits: 32 };
                let cipher =
                    Cipher::new(Direction::Encrypt, mode, key.block(BlockAlg::Aes)?, &block);
                Some(cipher.map_err(during(During::Encrypt))?)
            }
            _ => None,
        };
        Ok(Self { whole: Zeroizing::default(), keystream })
    }

    /// What a part becomes.
    pub(super) fn update(&mut self, ready: &Ready<'_>, data: &[u8]) -> Result<Vec<u8>> {
        if self.whole.len() + data.len() > WHOLE_MAX {
            return fail(CKR_DATA_LEN_RANGE, "the message is too long for this mechanism");
        }
        let before = self.whole.len();
        self.whole.extend_from_slice(data);
        if let Some(keystream) = &mut self.keystream {
            return keystream.update(data).map_err(during(cipher::during(ready.act)));
        }
        if data.is_empty() {
            return Ok(Vec::new());
        }
        // Adding the key stream is its own inverse.
        let params = &ready.mechanism.params;
        let mut whole =
            cipher::encrypt(&ready.work, params, ready.key()?, (&self.whole[..]).into())?;
        whole.truncate(self.whole.len());
        Ok(whole.split_off(before))
    }

    /// The tag of what was encrypted; or whether that of what was decrypted is right.
    ///
    /// # Errors
    /// CKR_AEAD_DECRYPT_FAILED.
    pub(super) fn finish(mut self, ready: &Ready<'_>, tag: &[u8]) -> Result<Reply> {
        let params = &ready.mechanism.params;
        match ready.act {
            Act::Encrypt => {
                let mut bytes =
                    cipher::encrypt(&ready.work, params, ready.key()?, (&self.whole[..]).into())?;
                Ok(Reply::Bytes(bytes.split_off(self.whole.len())))
            }
            Act::Decrypt => {
                self.whole.extend_from_slice(tag);
                cipher::decrypt(&ready.work, params, ready.key()?, &self.whole)
                    .map_err(|error| ready.not_authentic(error))?;
                Ok(Reply::Done)
            }
            _ => unfit(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(generator: u64, fixed_bits: u64, count: u64, given: &[u8]) -> Option<Vec<u8>> {
        let nonce = given.to_vec();
        let message =
            MessageParams { nonce, fixed_bits, generator, count, ..MessageParams::default() };
        super::nonce(&message).ok()
    }

    #[test]
    fn fixed_bits_stay_and_the_generator_has_the_rest() {
        let (given, none) = ([0xAB, 0xCD, 0xFF, 0xFE], CKG_NO_GENERATE);
        assert_eq!(made(none, 0, 9, &given).as_deref(), Some(&given[..]));
        let counter = |fixed, count| made(CKG_GENERATE_COUNTER, fixed, count, &given);
        assert_eq!(counter(16, 0).as_deref(), Some(&given[..]));
        assert_eq!(counter(16, 1).as_deref(), Some(&[0xAB, 0xCD, 0xFF, 0xFF][..]));
        assert_eq!(counter(16, 2).as_deref(), Some(&[0xAB, 0xCD, 0, 0][..]), "modulo its size");
        assert_eq!(counter(28, 3).as_deref(), Some(&[0xAB, 0xCD, 0xFF, 0xF1][..]));
        assert!(counter(28, 15).is_some());
        assert_eq!(counter(28, 16), None, "used up");
        let xor = made(CKG_GENERATE_COUNTER_XOR, 8, 0x0102, &given);
        assert_eq!(xor.as_deref(), Some(&[0xAB, 0xCD, 0xFE, 0xFC][..]));
        assert_eq!(made(CKG_GENERATE_COUNTER, 32, 0, &given), None);
        assert_eq!(made(CKG_GENERATE_RANDOM, 33, 0, &given), None);
        assert_eq!(made(99, 0, 0, &given), None);
    }

    #[test]
    fn random_nonces_keep_their_fixed_bits_and_differ() {
        let given = [0x55; 12];
        let one = made(CKG_GENERATE_RANDOM, 33, 0, &given).unwrap();
        let two = made(CKG_GENERATE, 33, 0, &given).unwrap();
        for nonce in [&one, &two] {
            assert_eq!(nonce[..4], given[..4]);
            assert_eq!(nonce[4] & 0x80, given[4] & 0x80);
        }
        assert_ne!(one, two);
    }
}
