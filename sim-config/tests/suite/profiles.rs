//! The shipped profiles against what they imitate, and profile files against the reader.

use std::time::Duration;

use hsmsim_sim_config::{CryptokiVersion, LoginEffect, LoginLimit, MechanismUse, Profile};

use crate::assert_refused;

fn shipped(name: &str) -> Profile {
    Profile::shipped(name).unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn open_offers_everything_and_erases_nothing() {
    let p = shipped("open");
    assert_eq!((p.slot_base, p.pin.min, p.pin.max), (1, 4, 255));
    assert_eq!(p.pbkdf2_rounds, 4_000);
    assert!(p.mechanisms.is_none() && p.offers("CKM_ANYTHING"));
    assert!(p.init_token_on_group && !p.fips && p.service_times.is_none());
    let versions: Vec<String> = p.cryptoki_versions.iter().map(|v| v.to_string()).collect();
    assert_eq!(versions, ["3.2", "3.0", "2.40"]);
    let limits = p.login_limits;
    for limit in [limits.hsm_so, limits.partition_so, limits.crypto_officer, limits.crypto_user] {
        assert_eq!(limit.effect, LoginEffect::Lock);
    }
}

#[test]
fn timed_locks_is_open_but_for_a_crypto_officer_whose_lock_ends() {
    let (open, mut timed) = (shipped("open"), shipped("timed-locks"));
    let twenty_seconds = LoginEffect::LockFor(Duration::from_secs(20));
    assert_eq!(timed.login_limits.crypto_officer.effect, twenty_seconds);
    timed.login_limits.crypto_officer.effect = LoginEffect::Lock;
    (timed.name, timed.description) = (open.name.clone(), open.description.clone());
    assert_eq!(timed, open);
}

#[test]
fn a790_has_the_documented_losses() {
    let p = shipped("a790");
    let limit = |limit, effect| LoginLimit { limit, effect };
    assert_eq!(p.login_limits.hsm_so, limit(3, LoginEffect::ZeroizeDevice));
    assert_eq!(p.login_limits.partition_so, limit(10, LoginEffect::ZeroizePartition));
    assert_eq!(p.login_limits.crypto_officer, limit(10, LoginEffect::LockPermanently));
    assert_eq!(p.login_limits.crypto_user, limit(10, LoginEffect::Lock));
    let ten_minutes = LoginEffect::LockFor(Duration::from_secs(600));
    assert_eq!(p.login_limits.auditor, limit(10, ten_minutes));
    assert_eq!((p.slot_base, p.pin.min, p.pin.max), (0, 7, 255));
    assert!(p.fips && !p.init_token_on_group);
    assert_eq!(p.cryptoki_versions, [CryptokiVersion { major: 2, minor: 20 }]);
    assert_eq!(p.strings.model, "LunaVirtual");
}

/// Mechanisms that the standard's header has, by name: the compiler checks that each exists.
macro_rules! standard {
    ($($name:ident),* $(,)?) => {
        &[$((stringify!($name), cryptoki_sys::$name as u64)),*]
    };
}

const STANDARD: &[(&str, u64)] = standard![
    CKM_RSA_PKCS_KEY_PAIR_GEN,
    CKM_RSA_X9_31_KEY_PAIR_GEN,
    CKM_RSA_PKCS,
    CKM_RSA_PKCS_OAEP,
    CKM_RSA_PKCS_PSS,
    CKM_SHA1_RSA_X9_31,
    CKM_SHA1_RSA_PKCS,
    CKM_SHA224_RSA_PKCS,
    CKM_SHA256_RSA_PKCS,
    CKM_SHA384_RSA_PKCS,
    CKM_SHA512_RSA_PKCS,
    CKM_SHA1_RSA_PKCS_PSS,
    CKM_SHA224_RSA_PKCS_PSS,
    CKM_SHA256_RSA_PKCS_PSS,
    CKM_SHA384_RSA_PKCS_PSS,
    CKM_SHA512_RSA_PKCS_PSS,
    CKM_EC_KEY_PAIR_GEN,
    CKM_ECDSA,
    CKM_ECDSA_SHA1,
    CKM_ECDSA_SHA224,
    CKM_ECDSA_SHA256,
    CKM_ECDSA_SHA384,
    CKM_ECDSA_SHA512,
    CKM_ECDH1_DERIVE,
    CKM_ECDH1_COFACTOR_DERIVE,
    CKM_DSA_PARAMETER_GEN,
    CKM_DSA_KEY_PAIR_GEN,
    CKM_DSA,
    CKM_DSA_SHA224,
    CKM_DSA_SHA256,
    CKM_AES_KEY_GEN,
    CKM_AES_ECB,
    CKM_AES_CBC,
    CKM_AES_CBC_PAD,
    CKM_AES_CFB8,
    CKM_AES_CFB128,
    CKM_AES_OFB,
    CKM_AES_GCM,
    CKM_AES_MAC,
    CKM_AES_MAC_GENERAL,
    CKM_AES_CMAC,
    CKM_AES_CMAC_GENERAL,
    CKM_AES_ECB_ENCRYPT_DATA,
    CKM_AES_CBC_ENCRYPT_DATA,
    CKM_DES2_KEY_GEN,
    CKM_DES3_KEY_GEN,
    CKM_DES3_ECB,
    CKM_DES3_CBC,
    CKM_DES3_CBC_PAD,
    CKM_DES_CFB8,
    CKM_DES_CFB64,
    CKM_DES_OFB64,
    CKM_DES3_MAC,
    CKM_DES3_MAC_GENERAL,
    CKM_DES3_CMAC,
    CKM_DES3_CMAC_GENERAL,
    CKM_DES3_ECB_ENCRYPT_DATA,
    CKM_DES3_CBC_ENCRYPT_DATA,
    CKM_SHA_1,
    CKM_SHA224,
    CKM_SHA256,
    CKM_SHA384,
    CKM_SHA512,
    CKM_GENERIC_SECRET_KEY_GEN,
    CKM_SHA_1_HMAC,
    CKM_SHA224_HMAC,
    CKM_SHA256_HMAC,
    CKM_SHA384_HMAC,
    CKM_SHA512_HMAC,
    CKM_SHA_1_HMAC_GENERAL,
    CKM_SHA224_HMAC_GENERAL,
    CKM_SHA256_HMAC_GENERAL,
    CKM_SHA384_HMAC_GENERAL,
    CKM_SHA512_HMAC_GENERAL,
];

#[test]
fn a790_lists_the_75_mechanisms_of_a_luna_7() {
    let p = shipped("a790");
    let rules = p.mechanisms.as_deref().unwrap_or_default();
    assert_eq!(rules.len(), 75);
    for rule in rules {
        let standard = STANDARD.iter().find(|(name, _)| *name == rule.name);
        match (standard, rule.number) {
            (None, None) => panic!("{} has no number", rule.name),
            (_, Some(number)) => {
                assert!((0x8000_0000..=0xffff_ffff).contains(&number), "{}", rule.name);
            }
            (Some(_), None) => {}
        }
        assert!(rule.uses.as_ref().is_some_and(|uses| !uses.is_empty()), "{}", rule.name);
    }
    for missing in
        ["CKM_RSA_X_509", "CKM_MD5", "CKM_AES_CTR", "CKM_AES_KEY_WRAP", "CKM_HKDF_DERIVE"]
    {
        assert!(!p.offers(missing), "{missing}: a Luna in FIPS mode lacks it");
    }
    let number = |name: &str| p.mechanism(name).and_then(|m| m.number);
    assert_eq!(number("CKM_NIST_PRF_KDF"), Some(0x8000_0A02));
    assert_eq!(number("CKM_ECDSA_SHA256"), Some(0x8000_0123));
    assert_eq!(number("CKM_AES_OFB"), Some(0x8000_011A));
    let rsa = p.mechanism("CKM_RSA_PKCS").unwrap_or_else(|| panic!("no RSA"));
    assert_eq!((rsa.key_min, rsa.key_max), (Some(2048), Some(8192)));
    let uses = rsa.uses.as_deref().unwrap_or_default();
    assert!(uses.contains(&MechanismUse::Unwrap) && !uses.contains(&MechanismUse::Digest));
}

#[test]
fn fips_mode_is_one_switch_of_the_a790() {
    let (mut fips, plain) = (shipped("a790"), shipped("a790-no-fips"));
    assert!(fips.fips && fips.makes_gcm_iv());
    assert!(!plain.fips && !plain.makes_gcm_iv() && plain.gcm_iv_by_device);
    assert!(plain.offers("CKM_RSA_X_509") && plain.offers("CKM_MD5"));
    assert_eq!(fips.offered().map(|rules| rules.len()), Some(75));
    let min = |p: &Profile| p.mechanism("CKM_RSA_PKCS_PSS").and_then(|rule| rule.key_min);
    assert_eq!((min(&fips), min(&plain)), (Some(2048), Some(1024)));
    (fips.name, fips.description) = (plain.name.clone(), plain.description.clone());
    fips.fips = false;
    assert_eq!(fips, plain);
}

#[test]
fn flags_are_words_and_have_defaults() {
    let open = shipped("open");
    assert_eq!((open.flags.slot, open.flags.token, open.flags.mechanism), (None, 0x45, 1));
    let without = shipped("a790").flags;
    assert_eq!((without.slot, without.token, without.mechanism), (None, 5, 1));
    let text = Profile::shipped_text("open").unwrap_or_default();
    let flags = "token = [\"rng\", \"login_required\", \"clock_on_token\"]";
    assert!(text.contains(flags));
    let other = "slot = []\ntoken = [\"rng\", \"clock_on_token\"]\nmechanism = []";
    let own = Profile::parse(&text.replace(flags, other), "p.toml");
    let own = own.unwrap_or_else(|e| panic!("{e}"));
    assert_eq!((own.flags.slot, own.flags.token, own.flags.mechanism), (Some(0), 0x41, 0));
}

#[test]
fn asynchronous_sessions_came_with_pkcs11_3_2() {
    assert!(shipped("open").asynchronous_sessions && !shipped("a790").asynchronous_sessions);
    let open = Profile::shipped_text("open").unwrap_or_default();
    let of = |line: &str, versions: &str| {
        let text = open.replacen("[\"3.2\", \"3.0\", \"2.40\"]", versions, 1);
        let profile = Profile::parse(&format!("{line}{text}"), "p.toml");
        profile.map(|profile| profile.asynchronous_sessions)
    };
    let (newest, older) = ("[\"3.2\", \"2.40\"]", "[\"3.0\", \"2.40\"]");
    assert_eq!(of("", newest).ok(), Some(true));
    assert_eq!(of("", older).ok(), Some(false));
    assert_eq!(of("asynchronous_sessions = false\n", newest).ok(), Some(false));
    assert_eq!(of("asynchronous_sessions = false\n", older).ok(), Some(false));
    let error = of("asynchronous_sessions = true\n", older).expect_err("an older standard");
    assert!(error.message().contains("need \"3.2\" in cryptoki_versions"), "{error}");
    assert_eq!(error.line(), 1);
}

#[test]
fn service_times_are_engines_over_rate() {
    let p = shipped("a790");
    let times = p.service_times.unwrap_or_else(|| panic!("no service times"));
    let time = times.time("sign_rsa_2048").unwrap_or_default();
    let throughput = f64::from(times.engines) / time.as_secs_f64();
    assert!((throughput - 8888.0).abs() < 1.0, "{throughput}");
    assert_eq!(times.time("sign_nothing"), None);
}

#[test]
fn profile_files_are_read_strictly() {
    let open = Profile::shipped_text("open").unwrap_or_default();
    let refused = |from: &str, to: &str, parts: &[&str]| {
        assert!(open.contains(from), "{from}");
        let text = open.replacen(from, to, 1);
        let line = text[..text.find(to).unwrap_or(0)].matches('\n').count() + 1;
        assert_refused(Profile::parse(&text, "p.toml"), line, parts, &text);
    };
    refused("slot_base", "slotbase", &["\"slotbase\"", "\"slot_base\""]);
    refused("min = 4, max", "min = 4, mx", &["\"mx\"", "\"max\""]);
    refused("{ min = 4, max = 255 }", "{ min = 9, max = 8 }", &["from 9 to 255"]);
    refused("\"rng\"", "\"rgn\"", &["\"rng\""]);
    refused("\"HA group\"", "\"Seventeen letters\"", &["16 bytes, not 17"]);
    refused("[\"3.2\", \"3.0\", \"2.40\"]", "[\"3.2\"]", &["2.x"]);
    refused("\"2.40\"", "\"2.41\"", &["\"2.41\"", "\"2.40\""]);
    refused(
        "{ limit = 10, effect = \"lock\" }",
        "{ limit = 10, effect = \"lokc\" }",
        &["\"lock\""],
    );
    refused("{ limit = 10, effect = \"lock\" }", "{ limit = 0, effect = \"lock\" }", &["from 1"]);
    let timed = "{ limit = 10, effect = \"lock_for\", time = \"10m\" }";
    let with = |rest: &str| format!("{open}\n{rest}");
    let line = open.matches('\n').count() + 2;
    for (rest, below, parts) in [
        ("[mechanisms]\nRSA = {}\n", 1, &["CKM_"][..]),
        ("[mechanisms]\nCKM_RSA_PKCS = { min = 9, max = 8 }\n", 1, &["from 9"]),
        ("[mechanisms]\nCKM_RSA_PKCS = { uses = [\"sing\"] }\n", 1, &["\"sign\""]),
        ("[service_times]\nengines = 0\nper_second = {}\n", 1, &["from 1"]),
        (
            "[service_times]\nengines = 1\nper_second = { sign_rsa_2047 = 1 }\n",
            2,
            &["sign_rsa_2048"],
        ),
        ("[service_times]\nengines = 1\nper_second = { sign_rsa_2048 = 0 }\n", 2, &["above 0"]),
        ("[service_times]\nengines = 17\nper_second = {}\n", 1, &["from 1 to 16"]),
        ("[limits]\nobjects = 5\n", 1, &["objects_max"]),
    ] {
        let text = with(rest);
        assert_refused(Profile::parse(&text, "p.toml"), line + below, parts, &text);
    }
    let untimed = open.replacen(timed, "{ limit = 10, effect = \"lock_for\" }", 1);
    let error = Profile::parse(&untimed, "p.toml").expect_err("no time");
    assert!(error.message().contains("needs a \"time\""), "{error}");
    let error = Profile::resolve("opne").expect_err("no such profile");
    assert_eq!(error.to_string(), "there is no profile \"opne\"; did you mean \"open\"?");
}
