//! What differs between profiles, as far as a partition's rules go.

use hsmsim_sim_config::{
    CryptokiVersion, Flags, LoginEffect, LoginLimit, LoginLimits, PinRule, Profile,
};
use hsmsim_types::{Role, ck::CKF_CLOCK_ON_TOKEN};

use crate::mechanisms::Mechanisms;

/// The version of the standard that is followed where a profile does not say less.
const NEWEST: CryptokiVersion = CryptokiVersion { major: 3, minor: 2 };

/// A profile's rules for partitions.
#[derive(Clone, Debug)]
pub struct Personality {
    /// Lengths of PINs in bytes.
    pub pin: PinRule,
    /// Rounds of PBKDF2 that turn a PIN into a key.
    pub pin_rounds: u32,
    /// What wrong PINs do; those of the partition's roles are read here.
    pub login_limits: LoginLimits,
    /// Whether refusals have Luna's codes (CKR_USER_NOT_AUTHORIZED, CKR_USER_LOCKED_OUT,
    /// CKR_SO_LOGIN_FAILURE_THRESHOLD) instead of the standard's.
    pub vendor_codes: bool,
    /// Which mechanisms there are, and within which limits.
    pub mechanisms: Mechanisms,
    /// Most bytes of data in one call of an operation; `None` means no limit.
    pub data_max: Option<u64>,
    /// CKF_RNG and its kin. With CKF_CLOCK_ON_TOKEN the SO can set the clock; nothing follows from the
    /// others.
    pub token_flags: u64,
    /// Most token objects; `None` means as many as the store holds.
    pub objects_max: Option<u64>,
    /// Room for token objects in bytes; `None` means as much as the store has.
    pub storage_bytes: Option<u64>,
    /// Whether a key works from CKA_START_DATE to CKA_END_DATE only.
    pub key_dates: bool,
    /// Whether a usage attribute that nobody gives is what the key can do; else it is false, but for keys
    /// that a caller brings.
    pub generous_usage: bool,
    /// Whether a template that sets a usage which the key cannot have is refused.
    pub strict_templates: bool,
    /// The newest function list that applications are offered: what a later version of the standard
    /// brought is not there.
    pub cryptoki: CryptokiVersion,
    /// Whether the token says that it is in FIPS mode.
    pub fips: bool,
}

impl Personality {
    /// The bad-login rule of a role.
    pub(crate) fn limit(&self, role: Role) -> LoginLimit {
        match role {
            Role::SecurityOfficer => self.login_limits.partition_so,
            Role::CryptoOfficer => self.login_limits.crypto_officer,
            Role::CryptoUser => self.login_limits.crypto_user,
        }
    }
}

impl From<&Profile> for Personality {
    fn from(profile: &Profile) -> Self {
        Self {
            pin: profile.pin,
            pin_rounds: profile.pbkdf2_rounds,
            login_limits: profile.login_limits,
            vendor_codes: profile.vendor_codes,
            mechanisms: mechanisms(profile),
            token_flags: profile.flags.token,
            data_max: profile.max_data_per_call,
            objects_max: profile.limits.objects_max,
            storage_bytes: profile.limits.storage_bytes,
            key_dates: profile.key_dates,
            generous_usage: profile.generous_usage,
            strict_templates: profile.strict_templates,
            cryptoki: profile.cryptoki_versions.iter().copied().max().unwrap_or(NEWEST),
            fips: profile.fips,
        }
    }
}

impl Default for Personality {
    /// Every mechanism, PINs of 4 to 255 bytes, ten tries, nothing ever erased: the profile `open`.
    fn default() -> Self {
        let limit = LoginLimit { limit: 10, effect: LoginEffect::Lock };
        Self {
            pin: PinRule { min: 4, max: 255 },
            pin_rounds: 4_000,
            login_limits: LoginLimits {
                hsm_so: limit,
                partition_so: limit,
                crypto_officer: limit,
                crypto_user: limit,
                auditor: limit,
            },
            vendor_codes: false,
            mechanisms: Mechanisms::all(),
            token_flags: Flags::default().token | CKF_CLOCK_ON_TOKEN,
            data_max: None,
            objects_max: None,
            storage_bytes: None,
            key_dates: false,
            generous_usage: true,
            strict_templates: false,
            cryptoki: NEWEST,
            fips: false,
        }
    }
}

/// The mechanisms that a profile offers in its mode.
fn mechanisms(profile: &Profile) -> Mechanisms {
    let offered = match profile.offered() {
        None => Mechanisms::all(),
        Some(rules) => Mechanisms::restricted(rules),
    };
    let offered = offered.with_common_flags(profile.flags.mechanism);
    if profile.makes_gcm_iv() { offered.with_own_gcm_iv() } else { offered }
}
