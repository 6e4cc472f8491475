//! The mechanisms of a partition: one table, from which `C_GetMechanismList`, `C_GetMechanismInfo`
//! and every operation's checks come.

pub(crate) mod derivation;
pub mod review;
pub(crate) mod service;
mod table;

use std::sync::{
    LazyLock,
    atomic::{AtomicUsize, Ordering},
};

use hsmsim_crypto::{
    block::BlockAlg,
    digest::{HashAlg, Xof},
    mac::MacAlg,
    prehash::PreHash,
};
use hsmsim_sim_config::{Flags, MechanismRule, MechanismUse};
use hsmsim_types::{
    Mechanism, Params, Result,
    ck::*,
    error::fail,
    names::{self, or_hex},
};

use derivation::Derivation;

use crate::{object::secret_type::SecretType, personality::Personality};

/// CK_MECHANISM_INFO.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MechanismInfo {
    /// Smallest key, in the unit the standard names for the mechanism: bits for RSA and EC, bytes
    /// for AES and the MACs.
    pub min: u64,
    /// Largest key, in the same unit.
    pub max: u64,
    /// CKF_ flags.
    pub flags: u64,
}

/// What a mechanism does: the code behind its number. Several numbers can have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// RSA key pair generation.
    RsaKeyPairGen,
    /// RSA key pair generation with primes as X9.31 wants them.
    RsaX931KeyPairGen,
    /// Key pairs on a Weierstrass curve.
    EcKeyPairGen,
    /// Ed25519 and Ed448 key pairs.
    EdwardsKeyPairGen,
    /// X25519 and X448 key pairs.
    MontgomeryKeyPairGen,
    /// DSA key pairs of given parameters.
    DsaKeyPairGen,
    /// Diffie-Hellman key pairs of given parameters (PKCS#3).
    DhKeyPairGen,
    /// Diffie-Hellman key pairs of given parameters (X9.42).
    X942DhKeyPairGen,
    /// ML-KEM key pairs.
    MlKemKeyPairGen,
    /// ML-DSA key pairs.
    MlDsaKeyPairGen,
    /// SLH-DSA key pairs.
    SlhDsaKeyPairGen,
    /// Secret keys of that CKK type.
    SecretKeyGen(u64),
    /// A digest.
    Digest(HashAlg),
    /// PKCS#1 v1.5: signature over what the caller gives, or over its hash; encryption.
    RsaPkcs(Option<HashAlg>),
    /// Raw RSA.
    RsaRaw,
    /// RSA-OAEP.
    RsaOaep,
    /// RSA-PSS over a given digest, or over the hash of what the caller gives.
    RsaPss(Option<HashAlg>),
    /// ECDSA over a given digest, or over the hash of what the caller gives.
    Ecdsa(Option<HashAlg>),
    /// Ed25519 and Ed448, with a context and a hash before it where the parameter says so.
    Eddsa,
    /// RSA signatures of X9.31: over what the caller gives, or over its hash.
    RsaX931(Option<HashAlg>),
    /// DSA over a given digest, or over the hash of what the caller gives.
    Dsa(Option<HashAlg>),
    /// ML-DSA.
    MlDsa,
    /// HashML-DSA over a digest whose hash the parameter names, or over the hash of what the caller
    /// gives.
    HashMlDsa(Option<PreHash>),
    /// ML-DSA over a message representative.
    MlDsaMu,
    /// SLH-DSA.
    SlhDsa,
    /// HashSLH-DSA, as HashML-DSA.
    HashSlhDsa(Option<PreHash>),
    /// Verification of HSS/LMS.
    Hss,
    /// ML-KEM.
    MlKem,
    /// RSA-OAEP around an AES key around the key.
    RsaAesWrap,
    /// ECDH for an AES key around the key.
    EcdhAesWrap,
    /// Encryption for a public key on a curve (Luna).
    Ecies,
    /// SHAKE as a digest, of its usual length or of that which the parameter says.
    Xof(Xof),
    /// SHA-512/t, whose parameter says t.
    Sha512T,
    /// A MAC, and how much of it there is.
    Mac(Family, MacAlg, MacLen),
    /// HMAC over SHA-512/t, whose parameter says t (and with `true` the length before it).
    Sha512THmac(bool),
    /// AES-GMAC, whose vector is a parameter.
    Gmac,
    /// A mode of a block cipher.
    Block(Family, Mode),
    /// AES-XTS.
    Xts,
    /// AES-GCM.
    AesGcm,
    /// AES-GCM whose vector the device makes, and keeps behind the tag.
    AesGcmOwnIv,
    /// AES-CCM.
    AesCcm,
    /// ChaCha20.
    ChaCha20,
    /// ChaCha20-Poly1305.
    ChaCha20Poly1305,
    /// AES key wrap of whole semiblocks (SP 800-38F KW).
    AesKw,
    /// AES key wrap of any length (SP 800-38F KWP).
    AesKwp,
    /// AES key wrap of any length, padded as PKCS#7 does.
    AesKwPkcs7,
    /// ECDH, on Weierstrass curves and X25519.
    Ecdh,
    /// Diffie-Hellman.
    DhDerive,
    /// Diffie-Hellman of X9.42, and a function that makes a key of what was agreed.
    X942Derive,
    /// Domain parameters of DSA as the token likes to make them.
    DsaParameterGen,
    /// Domain parameters of DSA with probable primes of a given hash and seed.
    DsaProbableParameterGen,
    /// Domain parameters of DSA with primes that have a proof (Shawe and Taylor).
    DsaProvableParameterGen,
    /// Domain parameters of Diffie-Hellman (PKCS#3).
    DhParameterGen,
    /// Domain parameters of Diffie-Hellman (X9.42).
    X942ParameterGen,
    /// Derivation by hashing.
    DigestKey(HashAlg),
    /// Derivation by SHA-512/t, whose parameter says t.
    Sha512TKey,
    /// Derivation by hashing with an output of any length.
    XofKey(Xof),
    /// Derivation by encryption, block by block.
    EcbEncryptData(Family),
    /// Derivation by encryption in a chain.
    CbcEncryptData(Family),
    /// Another derivation.
    Derivation(Derivation),
    /// A secret key from a password.
    Pbkdf2,
    /// A premaster secret of TLS, with the version at its beginning.
    TlsPremasterGen,
    /// What a "finished" message of TLS proves.
    TlsMac,
    /// Keys for one-time passwords.
    HotpKeyGen,
    /// One-time passwords.
    Hotp,
}

/// The block cipher of a mechanism, by the keys that it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    /// No block cipher.
    None,
    /// AES.
    Aes,
    /// Single DES.
    Des,
    /// Triple DES with two keys or three.
    Des3,
    /// DES in any of its forms: the feedback modes, which have one number for all of them.
    AnyDes,
    /// ARIA.
    Aria,
    /// Camellia.
    Camellia,
    /// The one-time keys of Poly1305.
    Poly1305,
}

impl Family {
    /// The cipher.
    pub(crate) fn alg(self) -> BlockAlg {
        match self {
            Self::None | Self::Aes | Self::Poly1305 => BlockAlg::Aes,
            Self::Des | Self::Des3 | Self::AnyDes => BlockAlg::Des,
            Self::Aria => BlockAlg::Aria,
            Self::Camellia => BlockAlg::Camellia,
        }
    }

    fn takes(self, key_type: u64) -> bool {
        match self {
            Self::None => false,
            Self::Aes => key_type == CKK_AES,
            Self::Des => key_type == CKK_DES,
            Self::Des3 => matches!(key_type, CKK_DES2 | CKK_DES3),
            Self::AnyDes => matches!(key_type, CKK_DES | CKK_DES2 | CKK_DES3),
            Self::Aria => key_type == CKK_ARIA,
            Self::Camellia => key_type == CKK_CAMELLIA,
            Self::Poly1305 => key_type == CKK_POLY1305,
        }
    }
}

/// A mode of a block cipher, as a mechanism names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Ecb,
    Cbc,
    CbcPad,
    /// With CK_AES_CTR_PARAMS and its kin.
    Ctr,
    /// With the counter block alone (Luna's CKM_DES3_CTR).
    CtrBlock,
    Ofb,
    /// Bits that are fed back.
    Cfb(u32),
    Cts,
}

/// How much of a MAC there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MacLen {
    /// All of it.
    Whole,
    /// Half a block (6.13.12 and its kin).
    Half,
    /// So many bytes.
    Bytes(usize),
    /// As many as the parameter says.
    General,
}

impl Scheme {
    /// Whether a key of that type can be used with it.
    pub(crate) fn takes(self, key_type: u64) -> bool {
        match self {
            Self::RsaKeyPairGen
            | Self::RsaX931KeyPairGen
            | Self::RsaX931(_)
            | Self::RsaAesWrap
            | Self::RsaPkcs(_)
            | Self::RsaRaw
            | Self::RsaOaep
            | Self::RsaPss(_) => key_type == CKK_RSA,
            Self::EcKeyPairGen | Self::Ecdsa(_) => key_type == CKK_EC,
            Self::EdwardsKeyPairGen | Self::Eddsa => key_type == CKK_EC_EDWARDS,
            Self::MontgomeryKeyPairGen => key_type == CKK_EC_MONTGOMERY,
            Self::Ecdh | Self::EcdhAesWrap | Self::Ecies => {
                matches!(key_type, CKK_EC | CKK_EC_MONTGOMERY)
            }
            Self::DsaKeyPairGen | Self::Dsa(_) => key_type == CKK_DSA,
            Self::DhKeyPairGen => key_type == CKK_DH,
            Self::X942DhKeyPairGen | Self::X942Derive => key_type == CKK_X9_42_DH,
            Self::DsaParameterGen
            | Self::DsaProbableParameterGen
            | Self::DsaProvableParameterGen
            | Self::DhParameterGen
            | Self::X942ParameterGen => false,
            Self::DhDerive => key_type == CKK_DH,
            Self::MlKemKeyPairGen | Self::MlKem => key_type == CKK_ML_KEM,
            Self::MlDsaKeyPairGen | Self::MlDsa | Self::MlDsaMu | Self::HashMlDsa(_) => {
                key_type == CKK_ML_DSA
            }
            Self::SlhDsaKeyPairGen | Self::SlhDsa | Self::HashSlhDsa(_) => key_type == CKK_SLH_DSA,
            Self::Hss => key_type == CKK_HSS,
            Self::Mac(family, alg, _) => match alg {
                MacAlg::Hmac(hash) => {
                    key_type == CKK_GENERIC_SECRET || key_type == hmac_key_type(hash)
                }
                _ => family.takes(key_type),
            },
            Self::Sha512THmac(_) => matches!(key_type, CKK_GENERIC_SECRET | CKK_SHA512_T_HMAC),
            Self::SecretKeyGen(made) => key_type == made,
            Self::Digest(_)
            | Self::Xof(_)
            | Self::Sha512T
            | Self::Pbkdf2
            | Self::TlsPremasterGen => false,
            Self::HotpKeyGen | Self::Hotp => key_type == CKK_HOTP,
            Self::Derivation(derivation) => derivation.takes(key_type),
            Self::TlsMac => key_type == CKK_GENERIC_SECRET,
            Self::DigestKey(_) | Self::Sha512TKey | Self::XofKey(_) => {
                SecretType::of(key_type).is_some()
            }
            Self::Block(family, _)
            | Self::EcbEncryptData(family)
            | Self::CbcEncryptData(family) => family.takes(key_type),
            Self::Xts => key_type == CKK_AES_XTS,
            Self::ChaCha20 | Self::ChaCha20Poly1305 => key_type == CKK_CHACHA20,
            Self::Gmac
            | Self::AesGcm
            | Self::AesGcmOwnIv
            | Self::AesCcm
            | Self::AesKw
            | Self::AesKwp
            | Self::AesKwPkcs7 => key_type == CKK_AES,
        }
    }
}

/// The key type that belongs to one HMAC alone.
fn hmac_key_type(hash: HashAlg) -> u64 {
    match hash {
        HashAlg::Sha1 => CKK_SHA_1_HMAC,
        HashAlg::Sha224 => CKK_SHA224_HMAC,
        HashAlg::Sha256 => CKK_SHA256_HMAC,
        HashAlg::Sha384 => CKK_SHA384_HMAC,
        HashAlg::Sha512 => CKK_SHA512_HMAC,
        HashAlg::Sha3_224 => CKK_SHA3_224_HMAC,
        HashAlg::Sha3_256 => CKK_SHA3_256_HMAC,
        HashAlg::Sha3_384 => CKK_SHA3_384_HMAC,
        HashAlg::Sha3_512 => CKK_SHA3_512_HMAC,
        HashAlg::Sha512_224 => CKK_SHA512_224_HMAC,
        HashAlg::Sha512_256 => CKK_SHA512_256_HMAC,
        HashAlg::Sha512T(_) => CKK_SHA512_T_HMAC,
        HashAlg::Md5 => CKK_MD5_HMAC,
        HashAlg::Ripemd160 => CKK_RIPEMD160_HMAC,
        HashAlg::Blake2b160 => CKK_BLAKE2B_160_HMAC,
        HashAlg::Blake2b256 => CKK_BLAKE2B_256_HMAC,
        HashAlg::Blake2b384 => CKK_BLAKE2B_384_HMAC,
        HashAlg::Blake2b512 => CKK_BLAKE2B_512_HMAC,
    }
}

/// One mechanism under one number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    /// CKM number.
    pub(crate) kind: CK_MECHANISM_TYPE,
    /// What it does.
    pub(crate) scheme: Scheme,
    /// Sizes and flags, as they are shown.
    pub(crate) info: MechanismInfo,
    /// The smallest and the largest key, in the same unit: what is shown, unless a profile shows no sizes
    /// (0 and 0) or none that a key could have.
    pub(crate) sizes: (u64, u64),
}

impl Entry {
    /// Whether it takes a key of that size.
    pub(crate) fn takes_size(&self, size: u64) -> bool {
        (self.sizes.0..=self.sizes.1).contains(&size)
    }

    /// Itself, if it may be used so (a CKF_ flag).
    fn usable(&self, flag: CK_FLAGS) -> Result<&Self> {
        if self.info.flags & flag == 0 {
            let name = or_hex(names::mechanism, self.kind);
            return fail(CKR_MECHANISM_INVALID, format!("{name} cannot be used for this"));
        }
        Ok(self)
    }

    /// Itself, if the parameter can be one of its.
    fn taking(&self, mechanism: &Mechanism) -> Result<&Self> {
        match &mechanism.params {
            Params::Malformed(rule) => fail(CKR_MECHANISM_PARAM_INVALID, rule.clone()),
            _ => Ok(self),
        }
    }
}

/// The mechanisms of a profile, in ascending order of their numbers.
#[derive(Clone, Debug)]
pub struct Mechanisms(Vec<Entry>);

static ALL: LazyLock<Mechanisms> = LazyLock::new(|| {
    let mut entries = table::entries();
    // What a device does is done in hardware; clients that look for an HSM's mechanisms ask for it.
    entries.iter_mut().for_each(|entry| entry.info.flags |= CKF_HW);
    // By their keys apart: an entry has ten times the bytes of one, and C_Initialize waits for this.
    entries.sort_by_cached_key(|entry| entry.kind);
    Mechanisms(entries)
});

impl Mechanisms {
    /// Every mechanism that there is.
    pub fn all() -> Self {
        ALL.clone()
    }

    /// Those that a profile names, within its limits. A name that is not implemented is left out:
    /// a mechanism list must not promise what is not there.
    pub fn restricted<'r>(rules: impl IntoIterator<Item = &'r MechanismRule>) -> Self {
        let mut entries: Vec<_> = rules.into_iter().flat_map(offered).collect();
        entries.sort_by_key(|entry| entry.kind);
        entries.dedup_by_key(|entry| entry.kind);
        Self(entries)
    }

    /// The same, with these flags in place of CKF_HW on every one.
    pub(crate) fn with_common_flags(mut self, flags: CK_FLAGS) -> Self {
        for entry in &mut self.0 {
            entry.info.flags = entry.info.flags & !CKF_HW | flags;
        }
        self
    }

    /// The same, with AES-GCM whose vector the device makes (Luna in FIPS mode). Messages, whose nonce is
    /// a parameter of its own, are not to be had with it.
    pub(crate) fn with_own_gcm_iv(mut self) -> Self {
        for entry in self.0.iter_mut().filter(|entry| entry.scheme == Scheme::AesGcm) {
            entry.scheme = Scheme::AesGcmOwnIv;
            entry.info.flags &= !(CKF_MESSAGE_ENCRYPT | CKF_MESSAGE_DECRYPT | CKF_MULTI_MESSAGE);
        }
        self
    }

    /// The mechanism of that number.
    ///
    /// # Errors
    /// CKR_MECHANISM_INVALID.
    pub(crate) fn get(&self, kind: CK_MECHANISM_TYPE) -> Result<&Entry> {
        self.position(kind).map(|at| &self.0[at])
    }

    fn position(&self, kind: CK_MECHANISM_TYPE) -> Result<usize> {
        self.0.binary_search_by_key(&kind, |entry| entry.kind).or_else(|_| {
            let name = or_hex(names::mechanism, kind);
            fail(CKR_MECHANISM_INVALID, format!("{name} is not offered"))
        })
    }

    /// Whether one of them uses keys of that type so (a CKF_ flag) and asks for the usage. The public half
    /// of a private key is had without.
    pub(crate) fn any_serves(&self, key_type: u64, flag: CK_FLAGS) -> bool {
        let public_half = Scheme::Derivation(Derivation::PublicOfPrivate);
        self.0.iter().any(|entry| {
            entry.info.flags & flag != 0
                && entry.scheme.takes(key_type)
                && entry.scheme != public_half
        })
    }

    /// The mechanism of that number, if it may be used so (a CKF_ flag).
    ///
    /// # Errors
    /// CKR_MECHANISM_INVALID.
    pub(crate) fn usable(&self, kind: CK_MECHANISM_TYPE, flag: CK_FLAGS) -> Result<&Entry> {
        self.get(kind)?.usable(flag)
    }

    /// The same of a mechanism with a parameter, which is judged after it.
    ///
    /// # Errors
    /// CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID for what cannot be its parameter.
    pub(crate) fn usable_with(&self, mechanism: &Mechanism, flag: CK_FLAGS) -> Result<&Entry> {
        self.usable(mechanism.kind, flag)?.taking(mechanism)
    }

    /// As [`Self::usable_with`], for a session that used the one at `last` before.
    ///
    /// # Errors
    /// As [`Self::usable_with`].
    pub(crate) fn usable_again(
        &self,
        mechanism: &Mechanism,
        flag: CK_FLAGS,
        last: &AtomicUsize,
    ) -> Result<&Entry> {
        let kind = mechanism.kind;
        let entry = match self.0.get(last.load(Ordering::Relaxed)) {
            Some(entry) if entry.kind == kind => entry,
            _ => {
                let at = self.position(kind)?;
                last.store(at, Ordering::Relaxed);
                &self.0[at]
            }
        };
        entry.usable(flag)?.taking(mechanism)
    }
}

/// The entries that a rule offers: under the standard's number and under the vendor's.
fn offered(rule: &MechanismRule) -> Vec<Entry> {
    let standard = names::mechanism_number(&rule.name);
    let known =
        [standard, rule.number].into_iter().flatten().find_map(|kind| ALL.get(kind).ok()).copied();
    let Some(mut entry) = known else { return Vec::new() };
    if let Some(min) = rule.key_min {
        entry.info.min = min.into();
    }
    if let Some(max) = rule.key_max {
        entry.info.max = max.into();
    }
    // Sizes that are not shown, or in another unit than the standard's, limit nothing.
    let shown = (entry.info.min, entry.info.max);
    let (own_min, own_max) = entry.sizes;
    // Of Curve25519 and Curve448 some count the bits of the field (255), others those of a key (256).
    let counted_either_way = matches!(
        entry.scheme,
        Scheme::Eddsa | Scheme::EdwardsKeyPairGen | Scheme::MontgomeryKeyPairGen
    );
    if shown != (0, 0) && shown.0 <= own_max && shown.1 >= own_min && !counted_either_way {
        entry.sizes = shown;
    }
    if let Some(uses) = &rule.uses {
        let kept = uses.iter().fold(0, |flags, &used| flags | flag_of(used));
        entry.info.flags &= kept | !MechanismUse::ALL.iter().fold(0, |all, u| all | flag_of(u.1));
    }
    if let Some(curve) = rule.curve {
        entry.info.flags = entry.info.flags & !Flags::CURVES | curve;
    }
    [standard, rule.number].into_iter().flatten().map(|kind| Entry { kind, ..entry }).collect()
}

/// The words of a profile for CKF_ flags.
pub fn use_words(flags: CK_FLAGS) -> Vec<&'static str> {
    let has = |used| flags & flag_of(used) & !CKF_MULTI_MESSAGE != 0;
    MechanismUse::ALL.iter().filter(|(_, used)| has(*used)).map(|(word, _)| *word).collect()
}

fn flag_of(used: MechanismUse) -> CK_FLAGS {
    match used {
        MechanismUse::Encrypt => CKF_ENCRYPT,
        MechanismUse::Decrypt => CKF_DECRYPT,
        MechanismUse::Digest => CKF_DIGEST,
        MechanismUse::Sign => CKF_SIGN,
        MechanismUse::Verify => CKF_VERIFY,
        MechanismUse::Generate => CKF_GENERATE,
        MechanismUse::GenerateKeyPair => CKF_GENERATE_KEY_PAIR,
        MechanismUse::Wrap => CKF_WRAP,
        MechanismUse::Unwrap => CKF_UNWRAP,
        MechanismUse::Derive => CKF_DERIVE,
        MechanismUse::SignRecover => CKF_SIGN_RECOVER,
        MechanismUse::VerifyRecover => CKF_VERIFY_RECOVER,
        MechanismUse::Encapsulate => CKF_ENCAPSULATE,
        MechanismUse::Decapsulate => CKF_DECAPSULATE,
        MechanismUse::MessageEncrypt => CKF_MESSAGE_ENCRYPT | CKF_MULTI_MESSAGE,
        MechanismUse::MessageDecrypt => CKF_MESSAGE_DECRYPT | CKF_MULTI_MESSAGE,
        MechanismUse::MessageSign => CKF_MESSAGE_SIGN | CKF_MULTI_MESSAGE,
        MechanismUse::MessageVerify => CKF_MESSAGE_VERIFY | CKF_MULTI_MESSAGE,
    }
}

/// The mechanisms of a profile, in ascending order of their numbers (C_GetMechanismList).
pub fn mechanism_list(personality: &Personality) -> Vec<CK_MECHANISM_TYPE> {
    personality.mechanisms.0.iter().map(|entry| entry.kind).collect()
}

/// What a mechanism can do under a profile (C_GetMechanismInfo).
///
/// # Errors
/// CKR_MECHANISM_INVALID for one that the profile does not have.
pub fn mechanism_info(personality: &Personality, kind: CK_MECHANISM_TYPE) -> Result<MechanismInfo> {
    personality.mechanisms.get(kind).map(|entry| entry.info)
}

/// The hash function that a CKM number names in a parameter structure.
pub(crate) fn hash_of(kind: CK_MECHANISM_TYPE) -> Option<HashAlg> {
    match ALL.get(kind).ok()?.scheme {
        Scheme::Digest(hash) => Some(hash),
        _ => None,
    }
}

/// The MAC that a CKM number names in a parameter structure, with the types of its keys.
pub(crate) fn mac_of(kind: CK_MECHANISM_TYPE) -> Option<(MacAlg, impl Fn(u64) -> bool)> {
    let scheme = ALL.get(kind).ok()?.scheme;
    match scheme {
        Scheme::Mac(_, alg, MacLen::Whole) => Some((alg, move |key_type| scheme.takes(key_type))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_stands_once_and_has_a_name() {
        assert!(ALL.0.is_sorted_by(|a, b| a.kind < b.kind));
        for entry in &ALL.0 {
            assert!(names::mechanism(entry.kind).is_some(), "0x{:x}", entry.kind);
            assert!(entry.info.min <= entry.info.max);
        }
    }

    #[test]
    fn what_was_used_last_makes_no_difference_to_what_may_be_used() {
        let last = AtomicUsize::new(0);
        let mechanisms = [CKM_SHA256, CKM_AES_GCM, CKM_VENDOR_DEFINED, CKM_RSA_PKCS_KEY_PAIR_GEN]
            .into_iter()
            .flat_map(|kind| {
                let params = Params::Malformed("too short".to_owned());
                [Mechanism::plain(kind), Mechanism { kind, params }]
            });
        for mechanism in mechanisms {
            for flag in [CKF_DIGEST, CKF_ENCRYPT, CKF_GENERATE_KEY_PAIR] {
                let expected = ALL.usable_with(&mechanism, flag).map(|entry| entry.kind);
                for at in [0, 17, ALL.0.len(), usize::MAX] {
                    last.store(at, Ordering::Relaxed);
                    for _ in 0..2 {
                        let found = ALL.usable_again(&mechanism, flag, &last);
                        assert_eq!(found.map(|entry| entry.kind), expected, "{mechanism:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_profile_narrows_sizes_and_uses_and_adds_numbers() {
        let rule = MechanismRule {
            name: "CKM_AES_KEY_WRAP".to_owned(),
            number: Some(0x8000_0170),
            key_min: Some(32),
            key_max: None,
            uses: Some(vec![MechanismUse::Wrap]),
            curve: None,
        };
        let unknown = MechanismRule { name: "CKM_CAST_CBC".to_owned(), ..rule.clone() };
        let only = Mechanisms::restricted(&[rule, MechanismRule { number: None, ..unknown }]);
        let personality = Personality { mechanisms: only, ..Personality::default() };
        assert_eq!(mechanism_list(&personality), [CKM_AES_KEY_WRAP, CKM_LUNA_AES_KW]);
        let info = mechanism_info(&personality, CKM_LUNA_AES_KW).unwrap();
        assert_eq!((info.min, info.max, info.flags), (32, 32, CKF_HW | CKF_WRAP));
        assert_eq!(
            mechanism_info(&personality, CKM_RSA_PKCS).unwrap_err().rv(),
            CKR_MECHANISM_INVALID
        );
    }
}
