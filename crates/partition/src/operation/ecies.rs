//! CKM_ECIES, Luna's: what its parameters mean, and what is done with them (Luna SDK guide, "ECIES
//! general" and "ECIES for 5G"; bounds of lengths from the vendor's PTK-C guide, "CKM_ECIES").

use hsmsim_crypto::{
    block::BlockAlg,
    digest::HashAlg,
    ecies::{Encryption, Owner, Parameters, Recipient, ecies_decrypt, ecies_encrypt},
};
use hsmsim_types::{Params, Result, ck::*, error::fail, mechanism::EciesParams};
use zeroize::Zeroizing;

use super::{params::Work, unfit};
use crate::{object::key::KeyMaterial, output::OutputLen, session::derive::x963_hash};

/// Fewest bits of the key of a MAC.
const MAC_KEY_BITS_MIN: u64 = 80;

/// Most bits of it: more adds nothing to any HMAC.
const MAC_KEY_BITS_MAX: u64 = 8192;

/// Fewest bits of a MAC: those that TS 33.501 has. The PTK-C guide says 80.
const MAC_BITS_MIN: u64 = 64;

/// What CK_ECIES_PARAMS asks for; the shared data stays in the mechanism.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ecies {
    kdf: HashAlg,
    encryption: Encryption,
    mac: HashAlg,
    mac_key_len: usize,
    mac_len: usize,
}

fn invalid<T>(rule: &'static str) -> Result<T> {
    fail(CKR_MECHANISM_PARAM_INVALID, rule)
}

/// The work of the mechanism with these parameters.
///
/// # Errors
/// CKR_MECHANISM_PARAM_INVALID.
pub(super) fn work(params: &Params) -> Result<Work> {
    let Params::Ecies(params) = params else {
        return invalid("CKM_ECIES needs CK_ECIES_PARAMS");
    };
    // Every curve here has cofactor 1 or takes care of it, so both primitives agree on the same.
    if !matches!(params.primitive, CKDHP_STANDARD | CKDHP_ECDH1) {
        return invalid("dhPrimitive is CKDHP_STANDARD or CKDHP_ECDH1");
    }
    let Some(kdf) = x963_hash(params.kdf)? else {
        return invalid("CKM_ECIES needs a key derivation function");
    };
    let mac = mac_hash(params.mac)?;
    let (mac_key_bits, mac_bits) = (params.mac_key_bits, params.mac_bits);
    if !(MAC_KEY_BITS_MIN..=MAC_KEY_BITS_MAX).contains(&mac_key_bits) || mac_key_bits % 8 != 0 {
        return invalid("the MAC key has whole bytes, and 80 bits or more");
    }
    if !(MAC_BITS_MIN..=8 * mac.output_len() as u64).contains(&mac_bits) || mac_bits % 8 != 0 {
        return invalid("the MAC has whole bytes, from 64 bits to those of its hash");
    }
    Ok(Work::Ecies(Ecies {
        kdf,
        encryption: encryption(params)?,
        mac,
        mac_key_len: mac_key_bits as usize / 8,
        mac_len: mac_bits as usize / 8,
    }))
}

fn encryption(params: &EciesParams) -> Result<Encryption> {
    let of = |cipher, padded| {
        let key_bits = match (cipher, params.key_bits) {
            (BlockAlg::Des, 128 | 192) | (BlockAlg::Aes, 128 | 192 | 256) => params.key_bits as u32,
            _ => return invalid("the encryption takes no key of this length"),
        };
        Ok(Encryption::Cbc { cipher, key_bits, padded })
    };
    match params.encryption {
        CKES_XOR if params.key_bits != 0 => {
            invalid("with CKES_XOR the key is as long as the message, and ulEncKeyLenInBits is 0")
        }
        CKES_XOR => Ok(Encryption::Xor),
        CKES_AES_CBC => of(BlockAlg::Aes, false),
        CKES_AES_CBC_PAD => of(BlockAlg::Aes, true),
        CKES_DES3_CBC => of(BlockAlg::Des, false),
        CKES_DES3_CBC_PAD => of(BlockAlg::Des, true),
        CKES_AES_CTR => match params.key_bits {
            128 | 192 | 256 => Ok(Encryption::AesCtr { key_bits: params.key_bits as u32 }),
            _ => invalid("the encryption takes no key of this length"),
        },
        CKES_AES_GCM | CKES_AES_KW | CKES_AES_KWP => {
            invalid("what AES-GCM, KW and KWP write in ECIES is not published")
        }
        _ => invalid("no such encryption scheme"),
    }
}

fn mac_hash(mac: u64) -> Result<HashAlg> {
    Ok(match mac {
        CKMS_HMAC_SHA1 => HashAlg::Sha1,
        CKMS_HMAC_SHA224 => HashAlg::Sha224,
        CKMS_HMAC_SHA256 => HashAlg::Sha256,
        CKMS_HMAC_SHA384 => HashAlg::Sha384,
        CKMS_HMAC_SHA512 => HashAlg::Sha512,
        CKMS_HMAC_RIPEMD160 => HashAlg::Ripemd160,
        CKMS_SHA1 | CKMS_SHA224 | CKMS_SHA256 | CKMS_SHA384 | CKMS_SHA512 | CKMS_RIPEMD160 => {
            return invalid("what a MAC that is a bare hash is made of is not published");
        }
        _ => return invalid("no such MAC scheme"),
    })
}

fn recipient(key: &KeyMaterial) -> Option<Recipient<'_>> {
    Some(match key {
        KeyMaterial::EcPublic(key) => Recipient::Ec(key),
        KeyMaterial::XPublic(key) => Recipient::X25519(key),
        KeyMaterial::X448Public(key) => Recipient::X448(key),
        _ => return None,
    })
}

fn owner(key: &KeyMaterial) -> Option<Owner<'_>> {
    Some(match key {
        KeyMaterial::EcPrivate(key) => Owner::Ec(key),
        KeyMaterial::XPrivate(key) => Owner::X25519(key),
        KeyMaterial::X448Private(key) => Owner::X448(key),
        _ => return None,
    })
}

impl Ecies {
    /// How long the output will be.
    pub(super) fn output(&self, key: &KeyMaterial) -> Result<OutputLen> {
        if let Some(recipient) = recipient(key) {
            let tag = recipient.temporary_len() + self.mac_len;
            return Ok(match self.encryption {
                Encryption::Cbc { cipher, padded: true, .. } => {
                    // A block, a point and a MAC have few bytes.
                    OutputLen::PadTagAppend { block: cipher.block_len() as u16, tag: tag as u32 }
                }
                _ => OutputLen::TagAppend(tag),
            });
        }
        match owner(key) {
            Some(owner) => Ok(OutputLen::TagRemove(owner.temporary_len_min() + self.mac_len)),
            None => unfit(),
        }
    }

    /// The parameters, with the shared data that is left in the mechanism.
    fn parameters<'p>(&self, params: &'p Params) -> Parameters<'p> {
        let (shared_data_1, shared_data_2) = match params {
            Params::Ecies(params) => (&params.shared_data_1[..], &params.shared_data_2[..]),
            _ => (&[][..], &[][..]),
        };
        let &Self { kdf, encryption, mac, mac_key_len, mac_len } = self;
        Parameters { kdf, shared_data_1, encryption, mac, mac_key_len, mac_len, shared_data_2 }
    }

    pub(super) fn encrypt(
        &self,
        params: &Params,
        key: &KeyMaterial,
        data: &[u8],
    ) -> Result<hsmsim_crypto::Result<Vec<u8>>> {
        match recipient(key) {
            Some(recipient) => Ok(ecies_encrypt(recipient, &self.parameters(params), data)),
            None => unfit(),
        }
    }

    pub(super) fn decrypt(
        &self,
        params: &Params,
        key: &KeyMaterial,
        data: &[u8],
    ) -> Result<hsmsim_crypto::Result<Zeroizing<Vec<u8>>>> {
        match owner(key) {
            Some(owner) => Ok(ecies_decrypt(owner, &self.parameters(params), data)),
            None => unfit(),
        }
    }
}
