//! Reads a profile file.

use super::flags::{CURVE, Flags, MECHANISM, SLOT, TOKEN};
use super::keys::{known, known_of_mechanism};
use super::{
    CryptokiVersion, LoginEffect, LoginLimit, LoginLimits, MechanismRule, MechanismUse,
    ObjectLimits, PinRule, Profile, ServiceTimes, Strings,
};
use crate::error::{ConfigError, suggestion};
use crate::source::{Source, Table, Value};

/// Function lists the module can offer.
const VERSIONS: [(&str, CryptokiVersion); 4] = [
    ("2.20", CryptokiVersion { major: 2, minor: 20 }),
    ("2.40", CryptokiVersion { major: 2, minor: 40 }),
    ("3.0", CryptokiVersion { major: 3, minor: 0 }),
    ("3.2", CryptokiVersion { major: 3, minor: 2 }),
];

pub(super) fn parse(text: &str, origin: &str) -> Result<Profile, ConfigError> {
    Source::new(origin, text).read(|root| {
        root.known(&known(""))?;
        root.required("version", |v| v.integer(1..=1u32))?;
        let cryptoki_versions = root.required("cryptoki_versions", cryptoki_versions)?;
        let can_be_asynchronous = cryptoki_versions.iter().any(|v| (v.major, v.minor) >= (3, 2));
        Ok(Profile {
            name: root.required("name", Value::string)?,
            description: root.optional("description", Value::string)?.unwrap_or_default(),
            cryptoki_versions,
            slot_base: root.optional("slot_base", |v| v.integer(0..=u32::MAX))?.unwrap_or(1),
            pin: root.required("pin", pin_rule)?,
            strings: root.required("strings", strings)?,
            login_limits: root.required("login_limits", login_limits)?,
            pbkdf2_rounds: root.required("pbkdf2_rounds", |v| v.integer(1..=10_000_000))?,
            fips: root.optional("fips", Value::boolean)?.unwrap_or(false),
            gcm_iv_by_device: root.optional("gcm_iv_by_device", Value::boolean)?.unwrap_or(false),
            vendor_codes: root.optional("vendor_codes", Value::boolean)?.unwrap_or(false),
            key_dates: root.optional("key_dates", Value::boolean)?.unwrap_or(false),
            generous_usage: root.optional("generous_usage", Value::boolean)?.unwrap_or(true),
            asynchronous_sessions: root
                .optional("asynchronous_sessions", |v| {
                    asynchronous_sessions(v, can_be_asynchronous)
                })?
                .unwrap_or(can_be_asynchronous),
            strict_templates: root.optional("strict_templates", Value::boolean)?.unwrap_or(false),
            mechanisms: root.optional("mechanisms", mechanisms)?,
            mechanisms_without_fips: root
                .optional("mechanisms_without_fips", mechanisms)?
                .unwrap_or_default(),
            flags: root.optional("flags", flags)?.unwrap_or_default(),
            max_data_per_call: root.optional("max_data_per_call", |v| v.integer(1..=u64::MAX))?,
            init_token_on_group: root
                .optional("init_token_on_group", Value::boolean)?
                .unwrap_or(true),
            limits: root.optional("limits", limits)?.unwrap_or_default(),
            activation_held: root.optional("activation_held", Value::duration)?,
            service_times: root.optional("service_times", service_times)?,
        })
    })
}

fn asynchronous_sessions(value: &Value<'_>, can_be: bool) -> Result<bool, ConfigError> {
    let offered = value.boolean()?;
    if offered && !can_be {
        return Err(value.error("asynchronous sessions need \"3.2\" in cryptoki_versions"));
    }
    Ok(offered)
}

fn cryptoki_versions(value: &Value<'_>) -> Result<Vec<CryptokiVersion>, ConfigError> {
    let list: Vec<CryptokiVersion> =
        value.array()?.iter().map(|v| v.one_of(&VERSIONS)).collect::<Result<_, _>>()?;
    if !list.iter().any(|v| v.major == 2) {
        return Err(value.error("a 2.x version must be among them: C_GetFunctionList needs one"));
    }
    Ok(list)
}

fn pin_rule(value: &Value<'_>) -> Result<PinRule, ConfigError> {
    let table = value.table()?;
    table.known(&["min", "max"])?;
    let min = table.required("min", |v| v.integer(1..=255))?;
    Ok(PinRule { min, max: table.required("max", |v| v.integer(min..=255))? })
}

/// A string for a blank-padded field of the C structures: too long would be cut silently there.
fn field(table: &Table<'_>, key: &str, bytes: usize) -> Result<String, ConfigError> {
    table.required(key, |v| {
        let text = v.string()?;
        if text.len() > bytes {
            return Err(
                v.error(format!("\"{key}\" has room for {bytes} bytes, not {}", text.len()))
            );
        }
        Ok(text)
    })
}

/// A version of hardware or software: `"7.0"`.
fn number_pair(table: &Table<'_>, key: &str) -> Result<CryptokiVersion, ConfigError> {
    table.required(key, |v| {
        v.str()?
            .split_once('.')
            .and_then(|(a, b)| {
                Some(CryptokiVersion { major: a.parse().ok()?, minor: b.parse().ok()? })
            })
            .ok_or_else(|| v.error(format!("\"{key}\" must be two numbers from 0 to 255: \"7.0\"")))
    })
}

fn strings(value: &Value<'_>) -> Result<Strings, ConfigError> {
    let table = value.table()?;
    table.known(&known("strings"))?;
    Ok(Strings {
        manufacturer: field(&table, "manufacturer", 32)?,
        library_description: field(&table, "library_description", 32)?,
        library_version: number_pair(&table, "library_version")?,
        slot_description: field(&table, "slot_description", 64)?,
        member_slot_description: field(&table, "member_slot_description", 64)?,
        slot_manufacturer: field(&table, "slot_manufacturer", 32)?,
        token_manufacturer: field(&table, "token_manufacturer", 32)?,
        model: field(&table, "model", 16)?,
        member_model: field(&table, "member_model", 16)?,
        hardware_version: number_pair(&table, "hardware_version")?,
        firmware_version: number_pair(&table, "firmware_version")?,
        firmware_subminor: table
            .optional("firmware_subminor", |v| v.integer(0..=255))?
            .unwrap_or(0),
    })
}

fn flag_words(value: &Value<'_>, all: &[(&str, u64)]) -> Result<u64, ConfigError> {
    value.array()?.iter().try_fold(0, |flags, word| Ok(flags | word.one_of(all)?))
}

fn flags(value: &Value<'_>) -> Result<Flags, ConfigError> {
    let table = value.table()?;
    table.known(&known("flags"))?;
    let words = |key, all: &[_]| table.optional(key, |v| flag_words(v, all));
    let default = Flags::default();
    Ok(Flags {
        slot: words("slot", &SLOT)?,
        token: words("token", &TOKEN)?.unwrap_or(default.token),
        mechanism: words("mechanism", &MECHANISM)?.unwrap_or(default.mechanism),
    })
}

fn login_limits(value: &Value<'_>) -> Result<LoginLimits, ConfigError> {
    let table = value.table()?;
    table.known(&known("login_limits"))?;
    Ok(LoginLimits {
        hsm_so: table.required("hsm_so", login_limit)?,
        partition_so: table.required("partition_so", login_limit)?,
        crypto_officer: table.required("crypto_officer", login_limit)?,
        crypto_user: table.required("crypto_user", login_limit)?,
        auditor: table.required("auditor", login_limit)?,
    })
}

fn login_limit(value: &Value<'_>) -> Result<LoginLimit, ConfigError> {
    /// The words of the file; the time of `lock_for` stands in a key of its own.
    const EFFECTS: [(&str, Option<LoginEffect>); 5] = [
        ("lock", Some(LoginEffect::Lock)),
        ("lock_for", None),
        ("lock_permanently", Some(LoginEffect::LockPermanently)),
        ("zeroize_partition", Some(LoginEffect::ZeroizePartition)),
        ("zeroize_device", Some(LoginEffect::ZeroizeDevice)),
    ];
    let table = value.table()?;
    table.known(&["limit", "effect", "time"])?;
    let effect = table.required("effect", |v| v.one_of(&EFFECTS))?;
    let time = table.optional("time", Value::duration)?;
    let effect = match (effect, time) {
        (Some(effect), None) => effect,
        (None, Some(time)) => LoginEffect::LockFor(time),
        (None, None) => return Err(table.error("effect \"lock_for\" needs a \"time\"")),
        (Some(_), Some(_)) => return Err(table.error("only effect \"lock_for\" has a \"time\"")),
    };
    Ok(LoginLimit { limit: table.required("limit", |v| v.integer(1..=1000))?, effect })
}

fn mechanisms(value: &Value<'_>) -> Result<Vec<MechanismRule>, ConfigError> {
    value.table()?.entries().iter().map(|(name, rule)| mechanism(name, rule)).collect()
}

fn mechanism(name: &str, value: &Value<'_>) -> Result<MechanismRule, ConfigError> {
    if !name.starts_with("CKM_") {
        return Err(value.error(format!("mechanism names start with CKM_, not \"{name}\"")));
    }
    let table = value.table()?;
    table.known(&known_of_mechanism())?;
    let key_min = table.optional("min", |v| v.integer(0..=u32::MAX))?;
    let floor = key_min.unwrap_or(0);
    Ok(MechanismRule {
        name: name.to_owned(),
        number: table.optional("number", |v| v.integer(0..=u64::from(u32::MAX)))?,
        key_min,
        key_max: table.optional("max", |v| v.integer(floor..=u32::MAX))?,
        uses: table.optional("uses", |v| {
            v.array()?.iter().map(|u| u.one_of(&MechanismUse::ALL)).collect()
        })?,
        curve: table.optional("curve", |v| flag_words(v, &CURVE))?,
    })
}

fn limits(value: &Value<'_>) -> Result<ObjectLimits, ConfigError> {
    let table = value.table()?;
    table.known(&known("limits"))?;
    let count = |key| table.optional(key, |v| v.integer(1..=u64::MAX));
    Ok(ObjectLimits {
        objects_max: count("objects_max")?,
        storage_bytes: count("storage_bytes")?,
        sessions_max: count("sessions_max")?,
    })
}

fn service_times(value: &Value<'_>) -> Result<ServiceTimes, ConfigError> {
    let table = value.table()?;
    table.known(&known("service_times"))?;
    let rate = |(name, rate): &(&str, Value<'_>)| {
        if !ServiceTimes::operations().any(|known| known == *name) {
            let hint = suggestion(name, ServiceTimes::operations());
            return Err(rate.error(format!("there is no operation \"{name}\"; {hint}")));
        }
        match rate.float()? {
            per_second if per_second > 0.0 => Ok(((*name).to_owned(), per_second)),
            _ => Err(rate.error("a rate must be above 0")),
        }
    };
    Ok(ServiceTimes {
        engines: table.required("engines", |v| v.integer(1..=ServiceTimes::ENGINES_MAX))?,
        per_second: table
            .required("per_second", |v| v.table()?.entries().iter().map(rate).collect())?,
    })
}
