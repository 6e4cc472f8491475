//! What a reviewer would say of a profile: what it promises that hsmsim cannot keep, and what it leaves
//! open.

use hsmsim_sim_config::{Finding, MechanismRule, MechanismUse, Profile, Severity, suggestion};
use hsmsim_types::names;

use super::{
    ALL, CKF_HW, Entry, flag_of,
    service::{Side, service},
};

/// Reviews a profile: errors first, then warnings, then what is worth knowing.
pub fn review(profile: &Profile) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut say = |severity, rule, message| findings.push(Finding { severity, rule, message });
    if let Some(rules) = profile.offered() {
        for (at, rule) in rules.iter().enumerate() {
            if rules[..at].iter().any(|other| other.name == rule.name) {
                say(Severity::Error, "twice", format!("{} is offered twice", rule.name));
            }
            mechanism(rule, &mut say);
        }
        if rules.is_empty() {
            say(Severity::Error, "no-mechanism", "the profile offers no mechanism".to_owned());
        }
    }
    settings(profile, &mut say);
    service_times(profile, &mut say);
    findings.sort_by_key(|finding| finding.severity);
    findings
}

fn entry_of(rule: &MechanismRule) -> Option<&'static Entry> {
    let numbers = [names::mechanism_number(&rule.name), rule.number];
    numbers.into_iter().flatten().find_map(|kind| ALL.get(kind).ok())
}

fn mechanism(rule: &MechanismRule, say: &mut dyn FnMut(Severity, &'static str, String)) {
    let name = &rule.name;
    let Some(entry) = entry_of(rule) else {
        let known = names::mechanism_number(name).is_some() || rule.number.is_some();
        return match known {
            true => say(
                Severity::Warning,
                "mechanism-missing",
                format!("{name}: hsmsim does not have it; C_GetMechanismList leaves it out"),
            ),
            false => say(
                Severity::Error,
                "mechanism-unknown",
                format!("{name}: no mechanism has this name; {}", suggestion(name, own_names())),
            ),
        };
    };
    let (own_min, own_max) = entry.sizes;
    let shown = (rule.key_min.map(u64::from), rule.key_max.map(u64::from));
    if shown != (Some(0), Some(0)) && own_max > 0 {
        let (min, max) = (shown.0.unwrap_or(own_min), shown.1.unwrap_or(own_max));
        if max < own_min || min > own_max {
            say(
                Severity::Warning,
                "sizes-apart",
                format!(
                    "{name}: {min} to {max} is shown, but no such key is among hsmsim's, of {own_min} \
                     to {own_max}; those are taken"
                ),
            );
        } else if min < own_min || max > own_max {
            say(
                Severity::Info,
                "sizes-beyond",
                format!("{name}: {min} to {max} is shown, {own_min} to {own_max} is done"),
            );
        }
    }
    for (word, used) in MechanismUse::ALL {
        let wanted = rule.uses.as_ref().is_some_and(|uses| uses.contains(&used));
        if wanted && entry.info.flags & flag_of(used) == 0 {
            say(
                Severity::Warning,
                "use-missing",
                format!("{name}: hsmsim cannot \"{word}\" with it"),
            );
        }
    }
    if rule.uses.as_ref().is_some_and(Vec::is_empty) {
        say(Severity::Warning, "no-use", format!("{name} may be used for nothing"));
    }
}

/// Names of what hsmsim has.
fn own_names() -> impl Iterator<Item = &'static str> + Clone {
    ALL.0.iter().filter_map(|entry| names::mechanism(entry.kind))
}

fn settings(profile: &Profile, say: &mut dyn FnMut(Severity, &'static str, String)) {
    if profile.gcm_iv_by_device && !profile.fips {
        say(
            Severity::Info,
            "gcm-iv",
            "gcm_iv_by_device counts in FIPS mode only, which is off".to_owned(),
        );
    }
    if profile.fips && profile.mechanisms.is_none() {
        say(
            Severity::Warning,
            "fips-offers-all",
            "FIPS mode takes nothing away without [mechanisms]: everything is offered".to_owned(),
        );
    }
    if profile.flags.mechanism & CKF_HW == 0 && profile.flags.slot.is_none() {
        say(
            Severity::Info,
            "hardware",
            "mechanisms are shown as software, the slot as hardware".to_owned(),
        );
    }
    if profile.pbkdf2_rounds > 1_000_000 {
        say(
            Severity::Info,
            "slow-login",
            format!("{} rounds make every login slow", profile.pbkdf2_rounds),
        );
    }
}

/// Which offered mechanisms have no rate of their class.
fn service_times(profile: &Profile, say: &mut dyn FnMut(Severity, &'static str, String)) {
    let Some(times) = &profile.service_times else {
        return say(
            Severity::Info,
            "no-service-times",
            "operations take as long as the computer needs".to_owned(),
        );
    };
    if times.per_second.is_empty() {
        return say(
            Severity::Warning,
            "no-rate",
            "[service_times] has no rate: operations take no time".to_owned(),
        );
    }
    let mut stood_in: Vec<(String, Vec<&str>)> = Vec::new();
    for entry in &offered_entries(profile) {
        for side in [Side::Private, Side::Public] {
            let class = service(entry, side, None).class;
            if times.has(class) {
                continue;
            }
            let class = format!("{class:?}");
            let name = names::mechanism(entry.kind).unwrap_or_default();
            match stood_in.iter_mut().find(|(of, _)| *of == class) {
                Some((_, names)) if names.contains(&name) => {}
                Some((_, names)) => names.push(name),
                None => stood_in.push((class, vec![name])),
            }
        }
    }
    for (class, names) in stood_in {
        let (first, more) = (names[0], names.len() - 1);
        let and_more = if more > 0 { format!(" and {more} more") } else { String::new() };
        say(
            Severity::Info,
            "rate-missing",
            format!("{class} has no rate, that of the nearest kind counts: {first}{and_more}"),
        );
    }
}

fn offered_entries(profile: &Profile) -> Vec<Entry> {
    match profile.offered() {
        None => ALL.0.clone(),
        Some(rules) => rules.into_iter().filter_map(entry_of).copied().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules_of(text: &str) -> Vec<String> {
        let profile = Profile::parse(text, "p.toml").unwrap();
        review(&profile).iter().map(|f| format!("{} {}", f.rule, f.message)).collect()
    }

    #[test]
    fn what_a_profile_promises_in_vain_is_said() {
        let open = Profile::shipped_text("open").unwrap();
        let text = format!(
            "{open}\n[service_times]\nengines = 4\nper_second = {{ sign_rsa_2048 = 9 }}\n\
             [mechanisms]\nCKM_RSA_PKCS = {{ min = 256, max = 16384, uses = [\"digest\"] }}\n\
             CKM_RSA_PKSC_PSS = {{}}\nCKM_CAST_CBC = {{}}\n\
             CKM_AES_CBC = {{ min = 128, max = 256 }}\nCKM_SHA256 = {{ min = 0, max = 0 }}\n"
        );
        let said = rules_of(&text);
        let has = |parts: &[&str]| {
            let found = said.iter().any(|line| parts.iter().all(|part| line.contains(part)));
            assert!(found, "{parts:?} in {said:#?}");
        };
        has(&["mechanism-unknown", "CKM_RSA_PKSC_PSS", "CKM_RSA_PKCS_PSS"]);
        has(&["mechanism-missing", "CKM_CAST_CBC"]);
        has(&["sizes-beyond", "256 to 16384", "1024 to 8192"]);
        has(&["sizes-apart", "CKM_AES_CBC", "of 16 to 32"]);
        has(&["use-missing", "CKM_RSA_PKCS", "digest"]);
        has(&["rate-missing", "EncryptRsa", "CKM_RSA_PKCS"]);
        has(&["rate-missing", "Digest", "CKM_SHA256"]);
        assert!(!said.iter().any(|line| line.contains("SHA256: ")), "{said:#?}");
    }

    #[test]
    fn shipped_profiles_have_no_errors_and_promise_nothing_that_is_not_there() {
        for name in Profile::shipped_names() {
            let findings = review(&Profile::shipped(name).unwrap());
            let errors = findings.iter().filter(|f| f.severity == Severity::Error);
            assert_eq!(errors.collect::<Vec<_>>(), Vec::<&Finding>::new(), "{name}");
        }
        // Whatever a real list has is here.
        for name in ["a790", "a790-no-fips"] {
            let findings = review(&Profile::shipped(name).unwrap());
            let missing = findings.iter().filter(|f| f.rule == "mechanism-missing");
            assert_eq!(missing.collect::<Vec<_>>(), Vec::<&Finding>::new(), "{name}");
        }
    }
}
