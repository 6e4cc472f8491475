//! ECIES, the elliptic curve integrated encryption scheme of ANSI X9.63 and SEC 1, 5.1 (Luna's
//! `CKM_ECIES`, which its documents refer to ANSI X9.63), and its profiles A and B for 5G (3GPP
//! TS 33.501, C.3).
//!
//! A ciphertext is the temporary public key, the encrypted message and a MAC. The agreed secret gives
//! the encryption key, in counter mode then the first counter block, then the MAC key, through the
//! function of X9.63 with the first shared data; the MAC is over the encrypted message and the second
//! shared data.
//!
//! Here are the parts whose layout is published: encryption with XOR, with a block cipher in CBC mode
//! under an IV of zeros (Luna's guide, "ECIES for 5G": "a 0-byte ICB or IV"), with AES in counter mode
//! as TS 33.501 and that page have it, and HMAC. Of Luna's further numbers (AES-GCM, KW, KWP, and MACs
//! that are a bare hash) no public document says how IV, tag and key are laid out, so that they are not
//! here. That a Luna device writes the same bytes has not been tried.

use zeroize::Zeroizing;

use crate::block::{BlockAlg, CipherMode, decrypt, encrypt};
use crate::curve448::{X448_KEY_LEN, X448PrivateKey, X448PublicKey};
use crate::digest::HashAlg;
use crate::ec::{EcPrivateKey, EcPublicKey};
use crate::kdf::x963_kdf;
use crate::mac::{MacAlg, MacKey};
use crate::montgomery::{self, X25519PrivateKey, X25519PublicKey};
use crate::{Error, Result, constant_time_eq};

/// How the message is encrypted (`encScheme`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encryption {
    /// XOR with a key as long as the message (`CKES_XOR`).
    Xor,
    /// CBC of whole blocks with an IV of zeros (`CKES_AES_CBC`, `CKES_DES3_CBC`), or with PKCS#7
    /// padding (`CKES_AES_CBC_PAD`, `CKES_DES3_CBC_PAD`).
    Cbc {
        /// The block cipher.
        cipher: BlockAlg,
        /// Length of the key in bits (`ulEncKeyLenInBits`).
        key_bits: u32,
        /// Whether the message is padded.
        padded: bool,
    },
    /// AES in counter mode, the first counter block derived with the keys and its last 32 bits
    /// counting (`CKES_AES_CTR`).
    AesCtr {
        /// Length of the key in bits (`ulEncKeyLenInBits`).
        key_bits: u32,
    },
}

impl Encryption {
    /// Cipher, mode and length of the key in bits; `None` for XOR.
    fn cipher(self) -> Option<(BlockAlg, CipherMode, u32)> {
        match self {
            Encryption::Xor => None,
            Encryption::Cbc { cipher, key_bits, padded: false } => {
                Some((cipher, CipherMode::Cbc, key_bits))
            }
            Encryption::Cbc { cipher, key_bits, padded: true } => {
                Some((cipher, CipherMode::CbcPad, key_bits))
            }
            Encryption::AesCtr { key_bits } => {
                Some((BlockAlg::Aes, CipherMode::Ctr { counter_bits: 32 }, key_bits))
            }
        }
    }

    /// Whether a key of so many bits is one.
    fn takes(self, key_bits: u32) -> bool {
        match self {
            Encryption::Cbc { cipher: BlockAlg::Des, .. } => matches!(key_bits, 128 | 192),
            _ => matches!(key_bits, 128 | 192 | 256),
        }
    }
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

/// What the agreed secret became.
struct Keys {
    bytes: Zeroizing<Vec<u8>>,
    encryption_len: usize,
    /// Of the first counter block; 0 in other modes.
    counter_len: usize,
}

/// IV of CBC: the key serves one message only.
const IV: [u8; 16] = [0; 16];

impl Keys {
    fn encryption(&self) -> &[u8] {
        &self.bytes[..self.encryption_len]
    }

    fn iv(&self, block_len: usize) -> &[u8] {
        match self.counter_len {
            0 => &IV[..block_len],
            len => &self.bytes[self.encryption_len..][..len],
        }
    }

    fn mac(&self) -> &[u8] {
        &self.bytes[self.encryption_len + self.counter_len..]
    }
}

impl Parameters<'_> {
    fn check(&self) -> Result<()> {
        let mac = self.mac_key_len > 0 && (1..=self.mac.output_len()).contains(&self.mac_len);
        let key = self.encryption.cipher().is_none_or(|(.., bits)| self.encryption.takes(bits));
        if mac && key { Ok(()) } else { Err(Error::InvalidParameter) }
    }

    /// The keys of a message of this length.
    fn keys(&self, secret: &[u8], message_len: usize) -> Result<Keys> {
        let (encryption_len, counter_len) = match self.encryption {
            Encryption::Xor => (message_len, 0),
            Encryption::Cbc { key_bits, .. } => (key_bits as usize / 8, 0),
            Encryption::AesCtr { key_bits } => (key_bits as usize / 8, 16),
        };
        let len = encryption_len + counter_len + self.mac_key_len;
        let bytes = x963_kdf(self.kdf, secret, self.shared_data_1, len)?;
        Ok(Keys { bytes, encryption_len, counter_len })
    }

    fn mac(&self, key: &[u8], encrypted: &[u8]) -> Result<Vec<u8>> {
        let mut mac = MacKey::new(MacAlg::Hmac(self.mac), key)?.start();
        mac.update(encrypted);
        mac.update(self.shared_data_2);
        let mut tag = mac.finish();
        tag.truncate(self.mac_len);
        Ok(tag)
    }

    /// The encrypted message and its MAC, behind the temporary public key.
    fn seal(&self, mut out: Vec<u8>, secret: &[u8], message: &[u8]) -> Result<Vec<u8>> {
        let keys = self.keys(secret, message.len())?;
        let encrypted = match self.encryption.cipher() {
            None => xor(message, keys.encryption()),
            Some((cipher, mode, _)) => {
                let key = cipher.key(keys.encryption())?;
                encrypt(mode, &*key, keys.iv(cipher.block_len()), message)?
            }
        };
        let mac = self.mac(keys.mac(), &encrypted)?;
        out.extend_from_slice(&encrypted);
        out.extend_from_slice(&mac);
        Ok(out)
    }

    /// The message, from what stands behind the temporary public key.
    fn open(&self, secret: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        let encrypted_len = sealed.len().checked_sub(self.mac_len).ok_or(Error::InvalidLength)?;
        let (encrypted, mac) = sealed.split_at(encrypted_len);
        let keys = self.keys(secret, encrypted_len)?;
        if !constant_time_eq(&self.mac(keys.mac(), encrypted)?, mac) {
            return Err(Error::DecryptFailed);
        }
        match self.encryption.cipher() {
            None => Ok(Zeroizing::new(xor(encrypted, keys.encryption()))),
            Some((cipher, mode, _)) => {
                let key = cipher.key(keys.encryption())?;
                decrypt(mode, &*key, keys.iv(cipher.block_len()), encrypted)
                    .map_err(|_| Error::DecryptFailed)
            }
        }
    }
}

/// Whom a message is encrypted for.
#[derive(Clone, Copy, Debug)]
pub enum Recipient<'a> {
    /// On a Weierstrass curve: the temporary public key is an uncompressed point.
    Ec(&'a EcPublicKey),
    /// On Curve25519: the temporary public key as it is.
    X25519(&'a X25519PublicKey),
    /// On Curve448, likewise.
    X448(&'a X448PublicKey),
}

/// Who decrypts a message.
#[derive(Clone, Copy, Debug)]
pub enum Owner<'a> {
    /// On a Weierstrass curve; the temporary public key may be compressed.
    Ec(&'a EcPrivateKey),
    /// On Curve25519.
    X25519(&'a X25519PrivateKey),
    /// On Curve448.
    X448(&'a X448PrivateKey),
}

impl Recipient<'_> {
    /// Bytes of the temporary public key.
    pub fn temporary_len(&self) -> usize {
        match self {
            Recipient::Ec(key) => 1 + 2 * key.curve().field_len(),
            Recipient::X25519(_) => montgomery::KEY_LEN,
            Recipient::X448(_) => X448_KEY_LEN,
        }
    }

    /// A temporary public key and the secret that it agrees on.
    fn agree(&self) -> Result<(Vec<u8>, Zeroizing<Vec<u8>>)> {
        Ok(match self {
            Recipient::Ec(key) => {
                let temporary = EcPrivateKey::generate(key.curve())?;
                (temporary.public_point().to_vec(), temporary.ecdh(key.point())?)
            }
            Recipient::X25519(key) => {
                let temporary = X25519PrivateKey::generate()?;
                let secret = temporary.agree(key.as_bytes())?;
                (temporary.public().as_bytes().to_vec(), secret)
            }
            Recipient::X448(key) => {
                let temporary = X448PrivateKey::generate()?;
                let secret = temporary.agree(key.as_bytes())?;
                (temporary.public().as_bytes().to_vec(), secret)
            }
        })
    }
}

impl Owner<'_> {
    /// Fewest bytes that a temporary public key has.
    pub fn temporary_len_min(&self) -> usize {
        match self {
            Owner::Ec(key) => 1 + key.curve().field_len(),
            Owner::X25519(_) => montgomery::KEY_LEN,
            Owner::X448(_) => X448_KEY_LEN,
        }
    }

    /// Bytes of the temporary public key that a ciphertext begins with.
    fn temporary_len(&self, first: u8) -> usize {
        match (self, first) {
            // SEC 1, 2.3.3: 02 and 03 say that only one coordinate follows.
            (Owner::Ec(key), 0x04..) | (Owner::Ec(key), 0..=1) => 1 + 2 * key.curve().field_len(),
            _ => self.temporary_len_min(),
        }
    }

    fn agree(&self, temporary: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        match self {
            Owner::Ec(key) => key.ecdh(temporary),
            Owner::X25519(key) => key.agree(temporary),
            Owner::X448(key) => key.agree(temporary),
        }
    }
}

/// Encrypts for the owner of a public key.
///
/// # Errors
/// [`Error::InvalidParameter`] for lengths of key or MAC that cannot be and for a public key of low
/// order, [`Error::InvalidLength`] for a message that is not whole blocks where it must be.
pub fn ecies_encrypt(
    recipient: Recipient<'_>,
    parameters: &Parameters<'_>,
    message: &[u8],
) -> Result<Vec<u8>> {
    parameters.check()?;
    let (temporary, secret) = recipient.agree()?;
    parameters.seal(temporary, &secret, message)
}

/// Decrypts what [`ecies_encrypt`] made.
///
/// # Errors
/// [`Error::InvalidParameter`] as for encrypting, [`Error::InvalidLength`] for input that is too
/// short, [`Error::DecryptFailed`] for everything else that is not a ciphertext for this key.
pub fn ecies_decrypt(
    owner: Owner<'_>,
    parameters: &Parameters<'_>,
    ciphertext: &[u8],
) -> Result<Zeroizing<Vec<u8>>> {
    parameters.check()?;
    let first = *ciphertext.first().ok_or(Error::InvalidLength)?;
    let len = owner.temporary_len(first);
    let (temporary, sealed) = ciphertext.split_at_checked(len).ok_or(Error::InvalidLength)?;
    if sealed.len() < parameters.mac_len {
        return Err(Error::InvalidLength);
    }
    let secret = owner.agree(temporary).map_err(|_| Error::DecryptFailed)?;
    parameters.open(&secret, sealed)
}

fn xor(data: &[u8], key: &[u8]) -> Vec<u8> {
    data.iter().zip(key).map(|(byte, other)| byte ^ other).collect()
}
