//! Derivations with a structure of their own, and what belongs to them: their part of the table.

use hsmsim_types::ck::*;

use super::{
    Scheme,
    table::{Row, SECRET, SIGN},
};
use crate::object::secret_type::SecretType;

/// What is derived, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Derivation {
    /// HKDF, to a key (6.61.3).
    Hkdf,
    /// HKDF, to a data object (6.61.4).
    HkdfData,
    /// The functions of SP 800-108 (6.42).
    Sp800_108(KdfMode),
    /// Luna's counter mode with its own layouts.
    LunaPrf,
    /// A master secret of a premaster secret (6.26, 6.27, 6.28).
    TlsMaster(Tls, Premaster),
    /// The master secret of RFC 7627.
    TlsExtendedMaster(Premaster),
    /// What a connection works with; with initialisation vectors or without.
    TlsKeyMaterial(Tls, bool),
    /// Keying material for others (RFC 5705).
    TlsKdf,
    /// 6.64.2 and what follows there.
    IkePrf,
    /// The keys of IKEv1.
    Ike1Prf,
    /// A longer key of IKEv1.
    Ike1Extended,
    /// `prf+` of IKEv2.
    Ike2PrfPlus,
    /// The base key, then another (6.43.3).
    BaseAndKey,
    /// The base key, then bytes (6.43.4).
    BaseAndData,
    /// Bytes, then the base key (6.43.5).
    DataAndBase,
    /// Bit by bit (6.43.6).
    Xor,
    /// Bits of the base key (6.43.7).
    Extract,
    /// The public half of a private key (PKCS#11 3.2, 6.43.8).
    PublicOfPrivate,
}

/// Which of the three functions of SP 800-108.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KdfMode {
    Counter,
    Feedback,
    DoublePipeline,
}

/// Which protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tls {
    /// TLS 1.0 and 1.1.
    Tls10,
    Tls12,
}

/// Where a premaster secret comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Premaster {
    /// One side made it: 48 bytes, which begin with the version.
    Rsa,
    /// Both agreed on it: any length, no version.
    Dh,
}

impl Derivation {
    /// Whether a key of that type can be the base.
    pub(crate) fn takes(self, key_type: u64) -> bool {
        match self {
            Self::TlsMaster(..)
            | Self::TlsExtendedMaster(_)
            | Self::TlsKeyMaterial(..)
            | Self::TlsKdf => key_type == CKK_GENERIC_SECRET,
            Self::PublicOfPrivate => matches!(
                key_type,
                CKK_RSA
                    | CKK_DSA
                    | CKK_DH
                    | CKK_X9_42_DH
                    | CKK_EC
                    | CKK_EC_EDWARDS
                    | CKK_EC_MONTGOMERY
                    | CKK_ML_KEM
                    | CKK_ML_DSA
                    | CKK_SLH_DSA
            ),
            _ => SecretType::of(key_type).is_some(),
        }
    }
}

/// Bytes of a premaster secret that one side made, and of every master secret.
const MASTER: (u64, u64) = (48, 48);
/// Bits of a private key, of whatever type.
const PRIVATE: (u64, u64) = (1, 1 << 20);

const fn derive(kind: u64, what: Derivation, sizes: (u64, u64)) -> Row {
    (kind, Scheme::Derivation(what), sizes, CKF_DERIVE)
}

#[rustfmt::skip]
pub(super) const ROWS: &[Row] = &[
    (CKM_HKDF_KEY_GEN, Scheme::SecretKeyGen(CKK_HKDF), SECRET, CKF_GENERATE),
    derive(CKM_HKDF_DERIVE, Derivation::Hkdf, SECRET),
    derive(CKM_HKDF_DATA, Derivation::HkdfData, SECRET),
    derive(CKM_SP800_108_COUNTER_KDF, Derivation::Sp800_108(KdfMode::Counter), SECRET),
    derive(CKM_SP800_108_FEEDBACK_KDF, Derivation::Sp800_108(KdfMode::Feedback), SECRET),
    derive(CKM_SP800_108_DOUBLE_PIPELINE_KDF, Derivation::Sp800_108(KdfMode::DoublePipeline), SECRET),
    derive(CKM_NIST_PRF_KDF, Derivation::LunaPrf, SECRET),
    derive(CKM_PRF_KDF, Derivation::LunaPrf, SECRET),
    (CKM_HOTP_KEY_GEN, Scheme::HotpKeyGen, SECRET, CKF_GENERATE),
    (CKM_HOTP, Scheme::Hotp, SECRET, CKF_SIGN | CKF_VERIFY),
    (CKM_PKCS5_PBKD2, Scheme::Pbkdf2, SECRET, CKF_GENERATE),

    (CKM_TLS_PRE_MASTER_KEY_GEN, Scheme::TlsPremasterGen, MASTER, CKF_GENERATE),
    derive(CKM_TLS_MASTER_KEY_DERIVE, Derivation::TlsMaster(Tls::Tls10, Premaster::Rsa), MASTER),
    derive(CKM_TLS_MASTER_KEY_DERIVE_DH, Derivation::TlsMaster(Tls::Tls10, Premaster::Dh), SECRET),
    derive(CKM_TLS_KEY_AND_MAC_DERIVE, Derivation::TlsKeyMaterial(Tls::Tls10, true), MASTER),
    derive(CKM_TLS12_MASTER_KEY_DERIVE, Derivation::TlsMaster(Tls::Tls12, Premaster::Rsa), MASTER),
    derive(CKM_TLS12_MASTER_KEY_DERIVE_DH, Derivation::TlsMaster(Tls::Tls12, Premaster::Dh), SECRET),
    derive(CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE, Derivation::TlsExtendedMaster(Premaster::Rsa), MASTER),
    derive(CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE_DH, Derivation::TlsExtendedMaster(Premaster::Dh), SECRET),
    derive(CKM_TLS12_KEY_AND_MAC_DERIVE, Derivation::TlsKeyMaterial(Tls::Tls12, true), MASTER),
    derive(CKM_TLS12_KEY_SAFE_DERIVE, Derivation::TlsKeyMaterial(Tls::Tls12, false), MASTER),
    derive(CKM_TLS12_KDF, Derivation::TlsKdf, MASTER),
    derive(CKM_TLS_KDF, Derivation::TlsKdf, MASTER),
    (CKM_TLS12_MAC, Scheme::TlsMac, MASTER, SIGN),
    (CKM_TLS_MAC, Scheme::TlsMac, MASTER, SIGN),

    derive(CKM_IKE_PRF_DERIVE, Derivation::IkePrf, SECRET),
    derive(CKM_IKE1_PRF_DERIVE, Derivation::Ike1Prf, SECRET),
    derive(CKM_IKE1_EXTENDED_DERIVE, Derivation::Ike1Extended, SECRET),
    derive(CKM_IKE2_PRF_PLUS_DERIVE, Derivation::Ike2PrfPlus, SECRET),

    derive(CKM_CONCATENATE_BASE_AND_KEY, Derivation::BaseAndKey, SECRET),
    derive(CKM_CONCATENATE_BASE_AND_DATA, Derivation::BaseAndData, SECRET),
    derive(CKM_CONCATENATE_DATA_AND_BASE, Derivation::DataAndBase, SECRET),
    derive(CKM_XOR_BASE_AND_DATA, Derivation::Xor, SECRET),
    derive(CKM_EXTRACT_KEY_FROM_KEY, Derivation::Extract, SECRET),
    derive(CKM_PUB_KEY_FROM_PRIV_KEY, Derivation::PublicOfPrivate, PRIVATE),
];
