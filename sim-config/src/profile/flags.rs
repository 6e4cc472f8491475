//! Flags that a profile shows and that nothing follows from.

/// Flags of slot, token and mechanisms beside those that the simulator sets by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flags {
    /// `CK_SLOT_INFO.flags` of every slot beside CKF_TOKEN_PRESENT. `None`: CKF_HW_SLOT, and
    /// CKF_REMOVABLE_DEVICE on a member's own slot.
    pub slot: Option<u64>,
    /// `CK_TOKEN_INFO.flags` beside those that follow from PINs and initialisation.
    pub token: u64,
    /// `CK_MECHANISM_INFO.flags` of every mechanism: CKF_HW or nothing.
    pub mechanism: u64,
}

/// CKF_HW.
const HW: u64 = 0x1;

/// Words of `[flags] slot`.
pub(crate) const SLOT: [(&str, u64); 2] = [("removable_device", 0x2), ("hw_slot", 0x4)];

/// Words of `[flags] token`. CKF_WRITE_PROTECTED and the flags of PINs are not among them: something
/// would follow from those.
pub(crate) const TOKEN: [(&str, u64); 6] = [
    ("rng", 0x1),
    ("login_required", 0x4),
    ("restore_key_not_needed", 0x20),
    ("clock_on_token", 0x40),
    ("protected_authentication_path", 0x100),
    ("dual_crypto_operations", 0x200),
];

/// Words of `[flags] mechanism`.
pub(crate) const MECHANISM: [(&str, u64); 1] = [("hw", HW)];

/// Words of a mechanism's `curve`: CKF_EC_F_P to CKF_EC_CURVENAME.
pub(crate) const CURVE: [(&str, u64); 7] = [
    ("f_p", 0x0010_0000),
    ("f_2m", 0x0020_0000),
    ("parameters", 0x0040_0000),
    ("oid", 0x0080_0000),
    ("uncompressed", 0x0100_0000),
    ("compressed", 0x0200_0000),
    ("name", 0x0400_0000),
];

impl Default for Flags {
    /// A hardware token that has random numbers and asks for a login.
    fn default() -> Self {
        Self { slot: None, token: 0x1 | 0x4, mechanism: HW }
    }
}

impl Flags {
    /// The words for the slot flags that a profile can have.
    pub fn slot_words(flags: u64) -> Vec<&'static str> {
        words(&SLOT, flags)
    }

    /// All flags that tell which curves a mechanism takes.
    pub const CURVES: u64 = 0x07F0_0000;

    /// The words for those of them that are set.
    pub fn curve_words(flags: u64) -> Vec<&'static str> {
        words(&CURVE, flags)
    }

    /// The words for the token flags that a profile can have.
    pub fn token_words(flags: u64) -> Vec<&'static str> {
        words(&TOKEN, flags)
    }
}

fn words(all: &[(&'static str, u64)], flags: u64) -> Vec<&'static str> {
    all.iter().filter(|(_, flag)| flags & flag != 0).map(|(word, _)| *word).collect()
}
