//! A mechanism and its parameters, owned.
//!
//! The C boundary reads the parameter structure that belongs to the mechanism into [`Params`]; a
//! structure of the wrong size or with wild contents never gets past it
//! (CKR_MECHANISM_PARAM_INVALID).

use std::fmt;

mod kdf;
mod otp;

use crate::{ck::CK_MECHANISM_TYPE, names};

pub use kdf::{HkdfSalt, KdfParams, KeyRef, PrfField, PrfNumber, TlsRandom};
pub use otp::OtpParam;

/// A mechanism with its parameters (PKCS#11 3.1, chapter 3.6, CK_MECHANISM).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Mechanism {
    /// The CKM number.
    pub kind: CK_MECHANISM_TYPE,
    /// The parameters that go with it.
    pub params: Params,
}

impl Mechanism {
    /// A mechanism without parameters.
    pub fn plain(kind: CK_MECHANISM_TYPE) -> Self {
        Self { kind, params: Params::None }
    }

    /// The mechanism's name, or its number in hexadecimal.
    pub fn name(&self) -> String {
        names::or_hex(names::mechanism, self.kind)
    }
}

impl fmt::Debug for Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({:?})", self.name(), self.params)
    }
}

/// Parameters of a mechanism (PKCS#11 3.1, chapter 6).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Params {
    /// No parameter was given (NULL, or length zero).
    #[default]
    None,
    /// What cannot be the mechanism's parameter, and why. It goes on to the token all the same: whether the
    /// mechanism can be used so is judged first.
    Malformed(String),
    /// Plain bytes: an initialisation vector, or whatever a mechanism without structure takes.
    Bytes(Vec<u8>),
    /// A plain number: CK_MAC_GENERAL_PARAMS, the MAC's length in bytes.
    Length(u64),
    /// CK_RSA_PKCS_OAEP_PARAMS.
    Oaep {
        /// CKM number of the hash.
        hash: u64,
        /// CKG number of the mask generation function.
        mgf: u64,
        /// CKZ number of the label's source (CKZ_DATA_SPECIFIED, or 0 with an empty label).
        source: u64,
        /// The label (encoding parameter).
        label: Vec<u8>,
    },
    /// CK_RSA_PKCS_PSS_PARAMS.
    Pss {
        /// CKM number of the hash.
        hash: u64,
        /// CKG number of the mask generation function.
        mgf: u64,
        /// Length of the salt in bytes.
        salt_len: u64,
    },
    /// CK_AES_CTR_PARAMS.
    Ctr {
        /// Low bits of the block that count.
        counter_bits: u64,
        /// The first counter block.
        block: [u8; 16],
    },
    /// CK_GCM_PARAMS.
    Gcm {
        /// Initialisation vector.
        iv: Vec<u8>,
        /// Length of the vector in bits as the caller stated it; many callers leave it zero.
        iv_bits: u64,
        /// Additional authenticated data.
        aad: Vec<u8>,
        /// Length of the tag in bits.
        tag_bits: u64,
    },
    /// CK_CCM_PARAMS.
    Ccm {
        /// Length of the data in bytes.
        data_len: u64,
        /// Nonce.
        nonce: Vec<u8>,
        /// Additional authenticated data.
        aad: Vec<u8>,
        /// Length of the MAC in bytes.
        mac_len: u64,
    },
    /// CK_CHACHA20_PARAMS.
    ChaCha20 {
        /// The first block's number.
        counter: u64,
        /// Nonce.
        nonce: Vec<u8>,
    },
    /// CK_SALSA20_CHACHA20_POLY1305_PARAMS.
    ChaCha20Poly1305 {
        /// Nonce.
        nonce: Vec<u8>,
        /// Additional authenticated data.
        aad: Vec<u8>,
    },
    /// CK_ECDH1_DERIVE_PARAMS.
    Ecdh1 {
        /// CKD number of the key derivation function.
        kdf: u64,
        /// Shared info for the key derivation function.
        shared_data: Vec<u8>,
        /// The other party's public key: the point, plain or as a DER OCTET STRING.
        public_data: Vec<u8>,
    },
    /// CK_EDDSA_PARAMS.
    Eddsa {
        /// Whether the message is hashed first (Ed25519ph).
        prehash: bool,
        /// The context string.
        context: Vec<u8>,
    },
    /// What belongs to one message of an AEAD.
    Message(Box<MessageParams>),
    /// CK_SIGN_ADDITIONAL_CONTEXT, CK_HASH_SIGN_ADDITIONAL_CONTEXT.
    SignContext {
        /// CKH number: whether the signature takes random numbers.
        hedge: u64,
        /// The context string.
        context: Vec<u8>,
        /// CKM number of the hash that made the digest, in the second structure.
        hash: Option<u64>,
    },
    /// CK_DSA_PARAMETER_GEN_PARAM.
    DsaParameterGen {
        /// CKM number of the hash that the primes are made with.
        hash: u64,
        /// What they come from; the token's own choice if empty.
        seed: Vec<u8>,
    },
    /// CK_X9_42_DH1_DERIVE_PARAMS.
    X942 {
        /// CKD number of the key derivation function.
        kdf: u64,
        /// Other info for the key derivation function.
        other_info: Vec<u8>,
        /// The other party's public value.
        public_data: Vec<u8>,
    },
    /// CK_RSA_AES_KEY_WRAP_PARAMS.
    RsaAesWrap {
        /// Bits of the AES key between.
        aes_bits: u64,
        /// CK_RSA_PKCS_OAEP_PARAMS.
        oaep: Box<Params>,
    },
    /// CK_ECDH_AES_KEY_WRAP_PARAMS.
    EcdhAesWrap {
        /// Bits of the AES key between.
        aes_bits: u64,
        /// CKD number of the key derivation function.
        kdf: u64,
        /// Shared info for the key derivation function.
        shared_data: Vec<u8>,
    },
    /// Luna's CK_ECIES_PARAMS.
    Ecies(Box<EciesParams>),
    /// CK_KEY_DERIVATION_STRING_DATA, and the parameter of the ECB_ENCRYPT_DATA derivations.
    DerivationData(Vec<u8>),
    /// CK_AES_CBC_ENCRYPT_DATA_PARAMS and its kin.
    CbcEncryptData {
        /// Initialisation vector, one block.
        iv: Vec<u8>,
        /// The data to encrypt.
        data: Vec<u8>,
    },
    /// What a derivation takes that has a structure of its own.
    Kdf(Box<KdfParams>),
    /// CK_VERSION: what CKM_TLS_PRE_MASTER_KEY_GEN begins its secret with.
    Version(u8, u8),
    /// CK_OTP_PARAMS.
    Otp(Vec<OtpParam>),
    /// CK_TLS_MAC_PARAMS.
    TlsMac {
        /// CKM number of the hash, or CKM_TLS_PRF.
        prf: u64,
        /// Length of the MAC in bytes.
        len: u64,
        /// 1 for the server's "finished", 2 for the client's.
        side: u64,
    },
}

/// What belongs to one message of an AEAD: CK_GCM_MESSAGE_PARAMS and its kin, and the associated data
/// (PKCS#11 3.1, 5.9 and 6.13.4). A key that is wrapped is such a message too, with CK_GCM_WRAP_PARAMS and
/// its kin or with the same structures (3.2, 6.13.3 and 6.13.5).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct MessageParams {
    /// The nonce, or what a generated one takes its fixed bits from.
    pub nonce: Vec<u8>,
    /// How many leading bits of the nonce stay when the token generates the rest.
    pub fixed_bits: u64,
    /// CKG number: who makes the nonce, and how.
    pub generator: u64,
    /// How many messages the operation has seen before: what a counter counts.
    pub count: u64,
    /// Associated data.
    pub aad: Vec<u8>,
    /// Length of the tag in bits.
    pub tag_bits: u64,
    /// Length of the message in bytes, where the mechanism wants to know it before (CCM).
    pub data_len: Option<u64>,
    /// Whether the tag follows the ciphertext, as the structures for wrapping alone have it; else it has a
    /// place of its own.
    pub tag_follows: bool,
}

/// Luna's CK_ECIES_PARAMS (SDK guide, "ECIES general"): numbers as the caller gave them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EciesParams {
    /// CKDHP number of how the secret is agreed on.
    pub primitive: u64,
    /// CKD number of the key derivation function.
    pub kdf: u64,
    /// Shared data of the key derivation.
    pub shared_data_1: Vec<u8>,
    /// CKES number of the encryption.
    pub encryption: u64,
    /// Bits of the encryption key.
    pub key_bits: u64,
    /// CKMS number of the MAC.
    pub mac: u64,
    /// Bits of the MAC key.
    pub mac_key_bits: u64,
    /// Bits of the MAC.
    pub mac_bits: u64,
    /// Shared data of the MAC.
    pub shared_data_2: Vec<u8>,
}
