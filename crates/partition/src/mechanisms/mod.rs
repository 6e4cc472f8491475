//! The mechanisms of a partition: one table, from which `C_GetMechanismList`, `C_GetMechanismInfo`
//! and every operation's checks come.

pub(crate) mod derivation;
pub mod review;
mod scheme;
pub(crate) mod service;
mod table;

use std::sync::{
    LazyLock,
    atomic::{AtomicUsize, Ordering},
};

use hsmsim_crypto::{digest::HashAlg, mac::MacAlg};
use hsmsim_sim_config::{Flags, MechanismRule, MechanismUse};
use hsmsim_types::{
    Mechanism, Params, Result,
    ck::*,
    error::fail,
    names::{self, or_hex},
};

use derivation::Derivation;
pub(crate) use scheme::{Family, MacLen, Mode, Scheme};

use crate::personality::Personality;

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
