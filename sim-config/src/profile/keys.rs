//! The keys of a profile file, in one place: the reader refuses every other, and the reference page is
//! made of the same table.

use std::fmt::Write;

/// A key of a profile file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProfileKey {
    /// The table it stands in; empty for the file itself.
    pub section: &'static str,
    /// The key.
    pub key: &'static str,
    /// What its value looks like.
    pub value: &'static str,
    /// What holds without it; empty for a key that must be there.
    pub default: &'static str,
    /// What it does.
    pub meaning: &'static str,
}

const fn key(
    section: &'static str,
    key: &'static str,
    value: &'static str,
    default: &'static str,
    meaning: &'static str,
) -> ProfileKey {
    ProfileKey { section, key, value, default, meaning }
}

/// A default that needs no value.
const NONE: &str = "none";
const STRING_16: &str = "text of at most 16 bytes";
const STRING_32: &str = "text of at most 32 bytes";
const STRING_64: &str = "text of at most 64 bytes";
const PAIR: &str = "two numbers, `\"7.0\"`";
const LIMIT: &str = "`{ limit, effect, time }`";
const MECHANISM: &str = "`mechanisms.NAME`";

/// Every key of a profile file.
#[rustfmt::skip]
pub const PROFILE_KEYS: &[ProfileKey] = &[
    key("", "version", "`1`", "", "version of this format"),
    key("", "name", "text", "", "short name"),
    key("", "description", "text", "empty", "one sentence for people"),
    key("", "cryptoki_versions", "list of `\"2.20\"`, `\"2.40\"`, `\"3.0\"`, `\"3.2\"`", "", "`C_GetInfo` gives the highest 2.x version of them; the module offers its interfaces 3.0 and 3.2 in any case"),
    key("", "slot_base", "whole number", "`1`", "number of the first slot"),
    key("", "pin", "`{ min, max }`", "", "lengths of PINs, from 1 to 255 bytes"),
    key("", "pbkdf2_rounds", "whole number", "", "rounds that turn a PIN into the key that seals private objects at rest; a matter of speed only"),
    key("", "fips", "boolean", "`false`", "the partition is in FIPS mode: `[mechanisms_without_fips]` does not count, `gcm_iv_by_device` does"),
    key("", "gcm_iv_by_device", "boolean", "`false`", "in FIPS mode the device makes a vector of 16 bytes for AES-GCM, ignores the caller's and appends its own behind the tag; decryption takes it from there"),
    key("", "vendor_codes", "boolean", "`false`", "refusals have Luna's codes (CKR_USER_NOT_AUTHORIZED, CKR_USER_LOCKED_OUT and the like)"),
    key("", "key_dates", "boolean", "`false`", "keys serve between CKA_START_DATE and CKA_END_DATE only, by the device's clock; without it the dates are for reference"),
    key("", "generous_usage", "boolean", "`true`", "a key whose template does not say it may what it can; without it, nothing"),
    key("", "asynchronous_sessions", "boolean", "whether `\"3.2\"` is in `cryptoki_versions`", "the token offers asynchronous sessions (CKF_ASYNC_SESSION_SUPPORTED); without it `C_OpenSession` refuses CKF_ASYNC_SESSION with CKR_SESSION_ASYNC_NOT_SUPPORTED"),
    key("", "strict_templates", "boolean", "`false`", "a usage set to true that keys of the type cannot have is CKR_TEMPLATE_INCONSISTENT"),
    key("", "max_data_per_call", "bytes", NONE, "more data in one call than this is CKR_DEVICE_ERROR"),
    key("", "init_token_on_group", "boolean", "`true`", "`C_InitToken` and `C_InitPIN` work on a group, for all members at once"),
    key("", "activation_held", "duration", NONE, "how long a partition's activation outlives a loss of power; none: for ever"),
    key("", "strings", "table", "", "texts and versions"),
    key("", "login_limits", "table", "", "what wrong PINs cost"),
    key("", "flags", "table", "as below", "flags that are shown"),
    key("", "limits", "table", NONE, "limits of one partition"),
    key("", "service_times", "table", NONE, "how long operations take; none: as long as the computer needs"),
    key("", "mechanisms", "table", "all", "the mechanisms offered, by their CKM names; none: all that hsmsim has"),
    key("", "mechanisms_without_fips", "table", NONE, "mechanisms that are offered besides if `fips` is false; one of the same name takes the place of that in `[mechanisms]`"),
    key("strings", "manufacturer", STRING_32, "", "CK_INFO"),
    key("strings", "library_description", STRING_32, "", "CK_INFO"),
    key("strings", "library_version", PAIR, "", "CK_INFO"),
    key("strings", "slot_description", STRING_64, "", "CK_SLOT_INFO of a group"),
    key("strings", "member_slot_description", STRING_64, "", "CK_SLOT_INFO of a member's own slot, or of a slot without HA"),
    key("strings", "slot_manufacturer", STRING_32, "", "CK_SLOT_INFO"),
    key("strings", "token_manufacturer", STRING_32, "", "CK_TOKEN_INFO"),
    key("strings", "model", STRING_16, "", "CK_TOKEN_INFO of a group"),
    key("strings", "member_model", STRING_16, "", "CK_TOKEN_INFO of a member's own slot, or of a slot without HA"),
    key("strings", "hardware_version", PAIR, "", "slot and token"),
    key("strings", "firmware_version", PAIR, "", "slot and token"),
    key("strings", "firmware_subminor", "`0` to `255`", "`0`", "third number of the firmware's version (`CA_GetFirmwareVersion`)"),
    key("flags", "slot", "list of `removable_device`, `hw_slot`", "`hw_slot`; on a member's own slot both", "CK_SLOT_INFO"),
    key("flags", "token", "list of `rng`, `login_required`, `restore_key_not_needed`, `clock_on_token`, `protected_authentication_path`, `dual_crypto_operations`", "`rng`, `login_required`", "CK_TOKEN_INFO; with `clock_on_token` the SO can set the clock and `utcTime` tells it, the others are shown and change nothing"),
    key("flags", "mechanism", "list of `hw`", "`hw`", "CK_MECHANISM_INFO of every mechanism"),
    key("login_limits", "hsm_so", LIMIT, "", "security officer of the device; effect is `lock`, `lock_for` (with `time`), `lock_permanently`, `zeroize_partition` or `zeroize_device`"),
    key("login_limits", "partition_so", LIMIT, "", "security officer of the partition (CKU_SO)"),
    key("login_limits", "crypto_officer", LIMIT, "", "crypto officer (CKU_USER)"),
    key("login_limits", "crypto_user", LIMIT, "", "crypto user"),
    key("login_limits", "auditor", LIMIT, "", "auditor"),
    key("limits", "objects_max", "whole number", NONE, "token objects"),
    key("limits", "storage_bytes", "bytes", NONE, "storage for token objects"),
    key("limits", "sessions_max", "whole number", NONE, "sessions open at a time; shown by CK_TOKEN_INFO"),
    key("service_times", "engines", "`1` to `16`", "", "operations that a device works on at a time"),
    key("service_times", "per_second", "table of numbers", "", "operations a second of the whole device by name, see below; an operation occupies one engine for engines / rate"),
    key(MECHANISM, "number", "whole number", NONE, "a vendor's number for the mechanism, valid beside the standard's"),
    key(MECHANISM, "min", "whole number", "hsmsim's own", "CK_MECHANISM_INFO, in the unit of the standard; keys outside are refused, unless both are 0"),
    key(MECHANISM, "max", "whole number", "hsmsim's own", "as `min`"),
    key(MECHANISM, "uses", "list of words", "all that hsmsim can", "functions it may be used with: the CKF_ flags in lower case (`encrypt`, `sign`, `generate_key_pair`, …)"),
    key(MECHANISM, "curve", "list of `f_p`, `f_2m`, `parameters`, `oid`, `uncompressed`, `compressed`, `name`", "hsmsim's own", "flags of CK_MECHANISM_INFO that tell which curves it takes; they are shown and change nothing"),
];

/// The keys of a section.
pub(super) fn known(section: &str) -> Vec<&'static str> {
    PROFILE_KEYS.iter().filter(|key| key.section == section).map(|key| key.key).collect()
}

/// The keys of a mechanism's rule.
pub(super) fn known_of_mechanism() -> Vec<&'static str> {
    known(MECHANISM)
}

/// The table of keys for the reference page, in Markdown.
pub fn profile_key_table() -> String {
    let mut table = String::from("| key | value | default | meaning |\n|---|---|---|---|\n");
    for row in PROFILE_KEYS {
        let name = match row.section {
            "" => format!("`{}`", row.key),
            MECHANISM => format!("`mechanisms.NAME.{}`", row.key),
            section => format!("`{section}.{}`", row.key),
        };
        let default = if row.default.is_empty() { "must be there" } else { row.default };
        // Writing to a string cannot fail.
        let _ = writeln!(table, "| {name} | {} | {default} | {} |", row.value, row.meaning);
    }
    table
}
