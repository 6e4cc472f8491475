//! The profile: what a device looks like to an application.
//!
//! `open` offers everything and refuses little; `a790` is a Luna 7 A790 as an application meets it,
//! so that a test can fail here and not on the real device. Both are data; a profile of one's own is
//! one more file.

mod file;
mod flags;
mod keys;
mod service;
mod shipped;

use std::fmt;
use std::time::Duration;

pub use flags::Flags;
pub use keys::{PROFILE_KEYS, ProfileKey, profile_key_table};
pub use service::{ServiceClass, ServiceTimes};

/// A version of the PKCS#11 function list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CryptokiVersion {
    /// The part before the point.
    pub major: u8,
    /// The part after the point, as in `CK_VERSION`: 40 for 2.40.
    pub minor: u8,
}

impl fmt::Display for CryptokiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// The texts and versions that `C_GetInfo`, `C_GetSlotInfo` and `C_GetTokenInfo` return.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Strings {
    /// `CK_INFO.manufacturerID`, at most 32 bytes.
    pub manufacturer: String,
    /// `CK_INFO.libraryDescription`, at most 32 bytes.
    pub library_description: String,
    /// `CK_INFO.libraryVersion`.
    pub library_version: CryptokiVersion,
    /// `CK_SLOT_INFO.slotDescription` of a group, at most 64 bytes.
    pub slot_description: String,
    /// `CK_SLOT_INFO.slotDescription` of a member's own slot, at most 64 bytes.
    pub member_slot_description: String,
    /// `CK_SLOT_INFO.manufacturerID`, at most 32 bytes.
    pub slot_manufacturer: String,
    /// `CK_TOKEN_INFO.manufacturerID`, at most 32 bytes.
    pub token_manufacturer: String,
    /// `CK_TOKEN_INFO.model` of a group, at most 16 bytes.
    pub model: String,
    /// `CK_TOKEN_INFO.model` of a member's own slot, at most 16 bytes.
    pub member_model: String,
    /// `hardwareVersion` of slot and token.
    pub hardware_version: CryptokiVersion,
    /// `firmwareVersion` of slot and token.
    pub firmware_version: CryptokiVersion,
    /// The third number of the firmware's version, which those structures have no place for; 0.
    pub firmware_subminor: u8,
}

/// How long a PIN may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PinRule {
    /// Fewest bytes.
    pub min: u32,
    /// Most bytes.
    pub max: u32,
}

/// What one wrong PIN too many does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginEffect {
    /// The role is locked until the role above it resets it; nothing is lost.
    Lock,
    /// The role is locked for this long.
    LockFor(Duration),
    /// The role can never be unlocked: the partition's keys are out of reach until it is
    /// initialised anew.
    LockPermanently,
    /// The partition is erased.
    ZeroizePartition,
    /// The device is erased with all its partitions.
    ZeroizeDevice,
}

/// A role's bad-login rule. A correct login sets the count back to zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoginLimit {
    /// Wrong PINs in a row after which the effect strikes.
    pub limit: u32,
    /// The effect.
    pub effect: LoginEffect,
}

/// The bad-login rules of all roles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoginLimits {
    /// HSM security officer, on the device.
    pub hsm_so: LoginLimit,
    /// Partition security officer (`CKU_SO`).
    pub partition_so: LoginLimit,
    /// Crypto officer (`CKU_USER`).
    pub crypto_officer: LoginLimit,
    /// Crypto user (Luna's limited user).
    pub crypto_user: LoginLimit,
    /// Auditor.
    pub auditor: LoginLimit,
}

/// A function that a mechanism may be used with; the `CKF_` flag of the same meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are the PKCS#11 flags, one for one")]
pub enum MechanismUse {
    Encrypt,
    Decrypt,
    Digest,
    Sign,
    Verify,
    Generate,
    GenerateKeyPair,
    Wrap,
    Unwrap,
    Derive,
    SignRecover,
    VerifyRecover,
    Encapsulate,
    Decapsulate,
    MessageEncrypt,
    MessageDecrypt,
    MessageSign,
    MessageVerify,
}

impl MechanismUse {
    /// Every use under the word of the profile file.
    pub const ALL: [(&'static str, MechanismUse); 18] = [
        ("encrypt", MechanismUse::Encrypt),
        ("decrypt", MechanismUse::Decrypt),
        ("digest", MechanismUse::Digest),
        ("sign", MechanismUse::Sign),
        ("verify", MechanismUse::Verify),
        ("generate", MechanismUse::Generate),
        ("generate_key_pair", MechanismUse::GenerateKeyPair),
        ("wrap", MechanismUse::Wrap),
        ("unwrap", MechanismUse::Unwrap),
        ("derive", MechanismUse::Derive),
        ("sign_recover", MechanismUse::SignRecover),
        ("verify_recover", MechanismUse::VerifyRecover),
        ("encapsulate", MechanismUse::Encapsulate),
        ("decapsulate", MechanismUse::Decapsulate),
        ("message_encrypt", MechanismUse::MessageEncrypt),
        ("message_decrypt", MechanismUse::MessageDecrypt),
        ("message_sign", MechanismUse::MessageSign),
        ("message_verify", MechanismUse::MessageVerify),
    ];
}

/// One mechanism that the profile offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MechanismRule {
    /// Its name, `CKM_RSA_PKCS`.
    pub name: String,
    /// A vendor's number for it, valid beside the number that the standard gives to the name, or
    /// the only one where the standard has no such name.
    pub number: Option<u64>,
    /// `CK_MECHANISM_INFO.ulMinKeySize`, in the mechanism's own unit (bits for RSA, DSA and EC, bytes
    /// for AES and DES); `None` leaves the simulator's own minimum.
    pub key_min: Option<u32>,
    /// `CK_MECHANISM_INFO.ulMaxKeySize`, in the same unit; `None` leaves the simulator's own maximum.
    pub key_max: Option<u32>,
    /// The functions it may be used with; `None` leaves all that the simulator can do.
    pub uses: Option<Vec<MechanismUse>>,
    /// The flags of `CK_MECHANISM_INFO` that tell which curves it takes (CKF_EC_F_P and its kin);
    /// `None` leaves the simulator's own.
    pub curve: Option<u64>,
}

/// Limits of one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ObjectLimits {
    /// Most token objects.
    pub objects_max: Option<u64>,
    /// Storage for token objects, in bytes.
    pub storage_bytes: Option<u64>,
    /// Most sessions open at a time.
    pub sessions_max: Option<u64>,
}

/// What a device looks like to an application.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// Short name: `open`, `a790`.
    pub name: String,
    /// One sentence for people.
    pub description: String,
    /// The function lists offered, the default one first. `C_GetFunctionList` and `CK_INFO` give the
    /// highest 2.x version of them.
    pub cryptoki_versions: Vec<CryptokiVersion>,
    /// The number of the first slot.
    pub slot_base: u32,
    /// How long PINs may be.
    pub pin: PinRule,
    /// Texts and versions.
    pub strings: Strings,
    /// Bad-login rules.
    pub login_limits: LoginLimits,
    /// Rounds of PBKDF2 that wrap a domain's key under a PIN.
    pub pbkdf2_rounds: u32,
    /// The partition is in FIPS mode: it lacks what [`Profile::mechanisms_without_fips`] has.
    pub fips: bool,
    /// Whether a device in FIPS mode makes the vector of AES-GCM itself and appends it to the
    /// ciphertext.
    pub gcm_iv_by_device: bool,
    /// Refusals have Luna's codes (CKR_USER_NOT_AUTHORIZED, CKR_USER_LOCKED_OUT,
    /// CKR_SO_LOGIN_FAILURE_THRESHOLD, CKR_MAX_OBJECT_COUNT_EXCEEDED) instead of the standard's.
    pub vendor_codes: bool,
    /// Keys work from CKA_START_DATE to CKA_END_DATE only. The standard has the dates for reference; a Luna
    /// partition has a policy (39) that makes them a rule.
    pub key_dates: bool,
    /// A usage attribute (CKA_ENCRYPT, CKA_SIGN and so on) that no template gives is what the key can do;
    /// else it is false in keys that the token makes, unwraps or derives, as on a Luna.
    pub generous_usage: bool,
    /// The token offers asynchronous sessions (CKF_ASYNC_SESSION_SUPPORTED), which came with PKCS#11 3.2.
    pub asynchronous_sessions: bool,
    /// A template that sets a usage which keys of that type cannot have (CKA_DERIVE of an RSA key) is
    /// CKR_TEMPLATE_INCONSISTENT, as devices have it; else the usage is kept and of no use.
    pub strict_templates: bool,
    /// The mechanisms offered; `None` means all that the simulator has.
    pub mechanisms: Option<Vec<MechanismRule>>,
    /// Mechanisms offered besides, or with other limits, if the partition is not in FIPS mode.
    pub mechanisms_without_fips: Vec<MechanismRule>,
    /// Flags that are shown.
    pub flags: Flags,
    /// Most bytes of data that one call may carry.
    pub max_data_per_call: Option<u64>,
    /// Whether `C_InitToken` and `C_InitPIN` work on a group, for all members at once.
    pub init_token_on_group: bool,
    /// Limits of a partition.
    pub limits: ObjectLimits,
    /// How long a partition's activation outlives a loss of power; afterwards a person has to activate
    /// it again. `None`: devices are authenticated by password, and power takes nothing away.
    pub activation_held: Option<Duration>,
    /// How long operations take; `None` means as long as the computer needs.
    pub service_times: Option<ServiceTimes>,
}

impl Profile {
    /// The mechanisms offered in the mode that the profile is in; `None` means all that the simulator
    /// has.
    pub fn offered(&self) -> Option<Vec<&MechanismRule>> {
        let listed = self.mechanisms.as_ref()?.iter();
        let besides: &[MechanismRule] = if self.fips { &[] } else { &self.mechanisms_without_fips };
        let replaced = |rule: &MechanismRule| besides.iter().any(|other| other.name == rule.name);
        Some(listed.filter(|rule| !replaced(rule)).chain(besides).collect())
    }

    /// The rule for a mechanism. `None` when the profile does not offer it, or lists none at all.
    pub fn mechanism(&self, name: &str) -> Option<&MechanismRule> {
        self.offered()?.into_iter().find(|m| m.name == name)
    }

    /// Whether the profile offers the mechanism.
    pub fn offers(&self, name: &str) -> bool {
        self.mechanisms.is_none() || self.mechanism(name).is_some()
    }

    /// Whether devices make the vectors of AES-GCM.
    pub fn makes_gcm_iv(&self) -> bool {
        self.fips && self.gcm_iv_by_device
    }
}
