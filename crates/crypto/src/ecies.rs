//! ECIES, the elliptic curve integrated encryption scheme of ANSI X9.63 and SEC 1, 5.1 (Luna's
//! `CKM_ECIES`, which its documents refer to ANSI X9.63).
//!
//! A ciphertext is the temporary public key as uncompressed point, the encrypted message and a MAC.
//! The agreed secret gives the encryption key, then the MAC key, through the function of X9.63 with
//! the first shared data; the MAC is over the encrypted message and the second shared data.
//!
//! Here are the parts whose layout the standards fix: encryption with XOR and with AES-CBC under an
//! IV of zeros, and HMAC. Of Luna's further numbers (AES-CTR, GCM, KW, KWP, triple DES, and MACs that
//! are a bare hash) no public document says how IV, tag and key are laid out, so that they are not
//! here. That a Luna device writes the same bytes has not been tried.

use zeroize::Zeroizing;

use crate::aes::{AesKey, CipherMode, decrypt, encrypt};
use crate::digest::HashAlg;
use crate::ec::{EcPrivateKey, EcPublicKey};
use crate::kdf::x963_kdf;
use crate::mac::{MacAlg, MacKey};
use crate::{Error, Result, constant_time_eq};

/// How the message is encrypted (`encScheme`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encryption {
    /// XOR with a key as long as the message (`CKES_XOR`).
    Xor,
    /// AES-CBC with PKCS#7 padding and an IV of zeros (`CKES_AES_CBC_PAD`), key of 128, 192 or 256
    /// bits.
    AesCbcPad {
        /// Length of the key in bits (`ulEncKeyLenInBits`).
        key_bits: u32,
    },
    /// AES-CBC of whole blocks with an IV of zeros (`CKES_AES_CBC`).
    AesCbc {
        /// Length of the key in bits (`ulEncKeyLenInBits`).
        key_bits: u32,
    },
}

/// Parameters (`CK_ECIES_PARAMS`).
#[derive(Clone, Copy, Debug)]
pub struct Parameters<'a> {
    /// Hash function of the key derivation (`kdf`).
    pub kdf: HashAlg,
    /// Shared data of the key derivation (`pSharedData1`).
    pub shared_data_1: &'a [u8],
    /// Encryption of the message.
    pub encryption: Encryption,
    /// Hash function of HMAC (`macScheme`, `CKMS_HMAC_...`).
    pub mac: HashAlg,
    /// Length of the MAC key in bytes.
    pub mac_key_len: usize,
    /// Length of the MAC in bytes, at most that of the hash function's digest.
    pub mac_len: usize,
    /// Shared data of the MAC (`pSharedData2`).
    pub shared_data_2: &'a [u8],
}

impl Parameters<'_> {
    /// Length of the encryption key for a message of this length.
    fn encryption_key_len(&self, message_len: usize) -> Result<usize> {
        match self.encryption {
            Encryption::Xor => Ok(message_len),
            Encryption::AesCbc { key_bits } | Encryption::AesCbcPad { key_bits } => {
                match key_bits {
                    128 | 192 | 256 => Ok(key_bits as usize / 8),
                    _ => Err(Error::InvalidParameter),
                }
            }
        }
    }

    fn check_mac(&self) -> Result<()> {
        let taken = self.mac_key_len > 0 && (1..=self.mac.output_len()).contains(&self.mac_len);
        if taken { Ok(()) } else { Err(Error::InvalidParameter) }
    }

    /// Encryption key and MAC key, in this order one string.
    fn keys(&self, secret: &[u8], encryption_len: usize) -> Result<Zeroizing<Vec<u8>>> {
        let len = encryption_len + self.mac_key_len;
        x963_kdf(self.kdf, secret, self.shared_data_1, len)
    }

    fn mac(&self, key: &[u8], encrypted: &[u8]) -> Result<Vec<u8>> {
        let mut mac = MacKey::new(MacAlg::Hmac(self.mac), key)?.start();
        mac.update(encrypted);
        mac.update(self.shared_data_2);
        let mut tag = mac.finish();
        tag.truncate(self.mac_len);
        Ok(tag)
    }

    fn cipher(&self) -> Option<CipherMode> {
        match self.encryption {
            Encryption::Xor => None,
            Encryption::AesCbc { .. } => Some(CipherMode::Cbc),
            Encryption::AesCbcPad { .. } => Some(CipherMode::CbcPad),
        }
    }
}

/// IV of AES-CBC: the key serves one message only.
const IV: [u8; 16] = [0; 16];

/// Encrypts for the owner of a public key.
///
/// # Errors
/// [`Error::InvalidParameter`] for lengths of key or MAC that cannot be, [`Error::InvalidLength`] for
/// a message that is not whole blocks where it must be.
pub fn ecies_encrypt(
    key: &EcPublicKey,
    parameters: &Parameters<'_>,
    message: &[u8],
) -> Result<Vec<u8>> {
    parameters.check_mac()?;
    let encryption_len = parameters.encryption_key_len(message.len())?;
    let temporary = EcPrivateKey::generate(key.curve())?;
    let secret = temporary.ecdh(&key.point())?;
    let keys = parameters.keys(&secret, encryption_len)?;
    let (encryption_key, mac_key) = keys.split_at(encryption_len);
    let encrypted = match parameters.cipher() {
        None => xor(message, encryption_key),
        Some(mode) => encrypt(mode, &AesKey::new(encryption_key)?, &IV, message)?,
    };
    let mac = parameters.mac(mac_key, &encrypted)?;
    Ok([&temporary.public_point()[..], &encrypted, &mac].concat())
}

/// Decrypts what [`ecies_encrypt`] made.
///
/// # Errors
/// [`Error::InvalidParameter`] as for encrypting, [`Error::InvalidLength`] for input that is too
/// short, [`Error::DecryptFailed`] for everything else that is not a ciphertext for this key.
pub fn ecies_decrypt(
    key: &EcPrivateKey,
    parameters: &Parameters<'_>,
    ciphertext: &[u8],
) -> Result<Zeroizing<Vec<u8>>> {
    parameters.check_mac()?;
    let point_len = 1 + 2 * key.curve().field_len();
    let (point, rest) = ciphertext.split_at_checked(point_len).ok_or(Error::InvalidLength)?;
    let encrypted_len = rest.len().checked_sub(parameters.mac_len).ok_or(Error::InvalidLength)?;
    let (encrypted, mac) = rest.split_at(encrypted_len);
    let encryption_len = parameters.encryption_key_len(encrypted_len)?;
    let secret = key.ecdh(point).map_err(|_| Error::DecryptFailed)?;
    let keys = parameters.keys(&secret, encryption_len)?;
    let (encryption_key, mac_key) = keys.split_at(encryption_len);
    if !constant_time_eq(&parameters.mac(mac_key, encrypted)?, mac) {
        return Err(Error::DecryptFailed);
    }
    match parameters.cipher() {
        None => Ok(Zeroizing::new(xor(encrypted, encryption_key))),
        Some(mode) => decrypt(mode, &AesKey::new(encryption_key)?, &IV, encrypted)
            .map_err(|_| Error::DecryptFailed),
    }
}

fn xor(data: &[u8], key: &[u8]) -> Vec<u8> {
    data.iter().zip(key).map(|(byte, other)| byte ^ other).collect()
}
