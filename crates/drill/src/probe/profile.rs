//! From what a token said to a profile file.

use std::fmt::Write;

use cryptoki_sys::*;
use hsmsim_partition::{Personality, mechanism_info, mechanisms::use_words};
use hsmsim_sim_config::{Flags, ServiceTimes};
use hsmsim_types::names;

use super::{RecordedMechanism, Recording};

impl Recording {
    /// The text of a profile that looks like the token. What a module does not tell has hsmsim's values
    /// of `open`, and comments say so.
    pub fn to_profile(&self, name: &str) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = self.write(&mut text, name);
        text
    }

    fn write(&self, out: &mut String, name: &str) -> std::fmt::Result {
        writeln!(out, "# Recorded from slot {} of a PKCS#11 module.", self.slot)?;
        for note in self.notes.iter().chain(&self.differences()) {
            writeln!(out, "# Note: {}", one_line(note))?;
        }
        writeln!(out, "version = 1")?;
        writeln!(out, "name = {}", quoted(name, usize::MAX))?;
        let described = format!("{} as it was recorded", one_line(&self.model));
        writeln!(out, "description = {}\n", quoted(&described, usize::MAX))?;
        let versions: Vec<String> = self.versions().iter().map(|v| quoted(v, 8)).collect();
        writeln!(out, "cryptoki_versions = [{}]", versions.join(", "))?;
        writeln!(out, "slot_base = {}", u32::try_from(self.first_slot()).unwrap_or(0))?;
        let pin_min = self.pin_min.clamp(1, 255);
        let pin_max = self.pin_max.clamp(pin_min, 255);
        writeln!(out, "pin = {{ min = {pin_min}, max = {pin_max} }}")?;
        // Older ones have none.
        if self.versions().iter().any(|version| version == "3.2") {
            let offered = self.token_flags & CKF_ASYNC_SESSION_SUPPORTED != 0;
            writeln!(out, "asynchronous_sessions = {offered}")?;
        }
        if let Some(max) = self.data_max {
            writeln!(out, "max_data_per_call = {max}")?;
        }
        writeln!(out, "# Not recorded: hsmsim's own.\npbkdf2_rounds = 4_000\n")?;
        self.write_strings(out)?;
        self.write_flags(out)?;
        writeln!(out, "\n# Not recorded: wrong PINs may cost a real token its contents.")?;
        writeln!(out, "[login_limits]")?;
        for role in ["hsm_so", "partition_so", "crypto_officer", "crypto_user", "auditor"] {
            writeln!(out, "{role} = {{ limit = 10, effect = \"lock\" }}")?;
        }
        if !matches!(self.max_sessions, CK_EFFECTIVELY_INFINITE | CK_UNAVAILABLE_INFORMATION) {
            writeln!(out, "\n[limits]\nsessions_max = {}", self.max_sessions)?;
        }
        self.write_service_times(out)?;
        writeln!(out, "\n[mechanisms]")?;
        self.mechanisms.iter().try_for_each(|mechanism| write_mechanism(out, mechanism))
    }

    /// The lowest number, if the slots are numbered one after the other; else that of the slot itself.
    fn first_slot(&self) -> u64 {
        let mut slots = self.slots.clone();
        slots.sort_unstable();
        let in_a_row = slots.windows(2).all(|pair| pair[1] - pair[0] == 1);
        slots.first().copied().filter(|_| in_a_row).unwrap_or(self.slot)
    }

    fn write_strings(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "[strings]")?;
        let texts = [
            ("manufacturer", &self.manufacturer, 32),
            ("library_description", &self.library_description, 32),
            ("slot_description", &self.slot_description, 64),
            ("member_slot_description", &self.slot_description, 64),
            ("slot_manufacturer", &self.slot_manufacturer, 32),
            ("token_manufacturer", &self.token_manufacturer, 32),
            ("model", &self.model, 16),
            ("member_model", &self.model, 16),
        ];
        for (key, value, room) in texts {
            writeln!(out, "{key} = {}", quoted(value, room))?;
        }
        let versions = [
            ("library_version", self.library_version),
            ("hardware_version", self.hardware),
            ("firmware_version", self.firmware),
        ];
        versions
            .into_iter()
            .try_for_each(|(key, (major, minor))| writeln!(out, "{key} = \"{major}.{minor}\""))
    }

    fn write_flags(&self, out: &mut String) -> std::fmt::Result {
        let list = |words: Vec<&str>| {
            words.iter().map(|word| quoted(word, 64)).collect::<Vec<_>>().join(", ")
        };
        let hardware = self.mechanisms.iter().any(|mechanism| mechanism.flags & CKF_HW != 0);
        writeln!(out, "\n[flags]")?;
        writeln!(out, "slot = [{}]", list(Flags::slot_words(self.slot_flags)))?;
        writeln!(out, "token = [{}]", list(Flags::token_words(self.token_flags)))?;
        writeln!(out, "mechanism = [{}]", if hardware { "\"hw\"" } else { "" })
    }

    fn write_service_times(&self, out: &mut String) -> std::fmt::Result {
        if self.per_second.is_empty() {
            return Ok(());
        }
        let engines = self.threads.clamp(1, ServiceTimes::ENGINES_MAX);
        writeln!(out, "\n# Threads that measured: {}.", self.threads)?;
        writeln!(out, "[service_times]\nengines = {engines}\n\n[service_times.per_second]")?;
        self.per_second
            .iter()
            .try_for_each(|(name, rate)| writeln!(out, "{name} = {:.1}", rate.max(0.1)))
    }

    /// The function lists, the newest first. `C_GetInfo` says the 2.x version, interfaces the others.
    fn versions(&self) -> Vec<String> {
        let minors: Vec<u8> = self
            .interfaces
            .iter()
            .filter(|(major, _)| *major == 3)
            .map(|(_, minor)| *minor)
            .collect();
        let mut versions = Vec::new();
        if minors.iter().any(|&minor| minor >= 2) {
            versions.push("3.2".to_owned());
        }
        if minors.iter().any(|&minor| minor < 2) {
            versions.push("3.0".to_owned());
        }
        versions.push(match self.cryptoki {
            (2, minor) if minor < 40 => "2.20".to_owned(),
            _ => "2.40".to_owned(),
        });
        versions
    }

    /// What of the token a profile has no place for.
    fn differences(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let shown = |(major, minor): (u8, u8)| format!("{major}.{minor}");
        if !matches!(self.cryptoki, (2, 20 | 40)) {
            notes.push(format!("C_GetInfo says Cryptoki {}", shown(self.cryptoki)));
        }
        if (self.slot_hardware, self.slot_firmware) != (self.hardware, self.firmware) {
            notes.push(format!(
                "the slot says hardware {}, firmware {}; a profile has one for slot and token",
                shown(self.slot_hardware),
                shown(self.slot_firmware)
            ));
        }
        let numbers: Vec<String> = self.slots.iter().map(u64::to_string).collect();
        if self.slots.len() > 1 {
            notes.push(format!("slots with tokens: {}", numbers.join(", ")));
        }
        if self.slots.iter().any(|&slot| u32::try_from(slot).is_err()) {
            notes.push("slot numbers of more than 32 bits: slot_base is 0 instead".to_owned());
        }
        if self.pin_max > 255 || self.pin_min == 0 || self.pin_min > 255 {
            notes.push(format!("PINs of {} to {} characters", self.pin_min, self.pin_max));
        }
        let hardware = self.mechanisms.iter().filter(|one| one.flags & CKF_HW != 0).count();
        if hardware != 0 && hardware != self.mechanisms.len() {
            notes.push(format!("{hardware} of {} mechanisms have CKF_HW", self.mechanisms.len()));
        }
        notes
    }
}

fn write_mechanism(out: &mut String, mechanism: &RecordedMechanism) -> std::fmt::Result {
    let RecordedMechanism { kind, min, max, flags } = *mechanism;
    let uses: Vec<String> = use_words(flags).iter().map(|word| quoted(word, 64)).collect();
    let uses = uses.join(", ");
    let Some(name) = names::mechanism(kind) else {
        return writeln!(
            out,
            "# Unknown: 0x{kind:08X} = {{ min = {min}, max = {max}, uses = [{uses}] }}"
        );
    };
    let size = |size: u64| u32::try_from(size).unwrap_or(u32::MAX);
    // Sizes that contradict themselves are none.
    let (min, max) = if min <= max { (size(min), size(max)) } else { (0, 0) };
    write!(out, "{name} = {{ min = {min}, max = {max}, uses = [{uses}]")?;
    // Only where hsmsim would show something else.
    let own = mechanism_info(&Personality::default(), kind).map_or(0, |info| info.flags);
    if own & Flags::CURVES != flags & Flags::CURVES {
        let curve: Vec<String> =
            Flags::curve_words(flags).iter().map(|word| quoted(word, 64)).collect();
        write!(out, ", curve = [{}]", curve.join(", "))?;
    }
    writeln!(out, " }}")
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// A text in quotes, cut to so many bytes.
fn quoted(text: &str, room: usize) -> String {
    let mut quoted = String::from("\"");
    let mut len = 0;
    for c in one_line(text).chars() {
        len += c.len_utf8();
        if len > room {
            break;
        }
        if matches!(c, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use hsmsim_sim_config::Profile;

    use super::*;

    fn recording() -> Recording {
        Recording {
            cryptoki: (2, 20),
            interfaces: vec![(2, 40), (3, 1)],
            manufacturer: "A \"maker\" \\ of\nthings".to_owned(),
            library_description: "library".to_owned(),
            library_version: (1, 2),
            slots: vec![7, 5],
            slot: 5,
            slot_description: "slot".to_owned(),
            slot_manufacturer: String::new(),
            slot_flags: CKF_TOKEN_PRESENT | CKF_HW_SLOT,
            slot_hardware: (0, 0),
            slot_firmware: (9, 9),
            token_manufacturer: "é".repeat(20),
            model: "seventeen letters".to_owned(),
            token_flags: CKF_RNG | CKF_CLOCK_ON_TOKEN | CKF_TOKEN_INITIALIZED,
            max_sessions: 12,
            pin_min: 0,
            pin_max: 9999,
            hardware: (3, 4),
            firmware: (5, 6),
            mechanisms: vec![
                RecordedMechanism { kind: CKM_AES_CBC, min: 16, max: 32, flags: CKF_ENCRYPT },
                RecordedMechanism { kind: CKM_SHA256, min: 9, max: 1, flags: CKF_DIGEST },
                RecordedMechanism { kind: CKM_ECDSA, min: 9, max: 99, flags: CKF_SIGN },
                RecordedMechanism { kind: 0x8765_4321, min: 1, max: 2, flags: CKF_SIGN },
            ],
            data_max: Some(4096),
            per_second: vec![("sign_rsa_2048".to_owned(), 1234.56)],
            threads: 4,
            notes: vec!["two\nlines".to_owned()],
        }
    }

    #[test]
    fn asynchronous_sessions_are_those_of_the_recorded_token() {
        for offered in [0, CKF_ASYNC_SESSION_SUPPORTED] {
            let token_flags = CKF_RNG | offered;
            let newest = vec![(2, 40), (3, 0), (3, 2)];
            let recording = Recording { interfaces: newest, token_flags, ..recording() };
            let text = recording.to_profile("mine");
            let profile = Profile::parse(&text, "p.toml").unwrap_or_else(|e| panic!("{e}\n{text}"));
            assert_eq!(profile.asynchronous_sessions, offered != 0, "{text}");
        }
        // A bit that means nothing yet in an older standard.
        let token_flags = CKF_ASYNC_SESSION_SUPPORTED;
        let text = Recording { token_flags, ..recording() }.to_profile("mine");
        assert!(!Profile::parse(&text, "p.toml").unwrap().asynchronous_sessions, "{text}");
    }

    #[test]
    fn whatever_a_token_says_becomes_a_profile_that_is_read() {
        let text = recording().to_profile("mine");
        let profile = Profile::parse(&text, "p.toml").unwrap_or_else(|e| panic!("{e}\n{text}"));
        let versions: Vec<String> =
            profile.cryptoki_versions.iter().map(ToString::to_string).collect();
        assert_eq!(versions, ["3.0", "2.20"]);
        assert_eq!((profile.slot_base, profile.pin.min, profile.pin.max), (5, 1, 255));
        assert_eq!(profile.strings.manufacturer, "A \"maker\" \\ of things");
        assert_eq!(profile.strings.token_manufacturer, "é".repeat(16));
        assert_eq!(profile.strings.model, "seventeen letter");
        assert_eq!(profile.flags.slot, Some(CKF_HW_SLOT));
        assert_eq!(profile.flags.token, CKF_RNG | CKF_CLOCK_ON_TOKEN);
        assert_eq!(profile.flags.mechanism, 0);
        assert!(!profile.asynchronous_sessions);
        assert_eq!(profile.limits.sessions_max, Some(12));
        assert_eq!(profile.max_data_per_call, Some(4096));
        let names: Vec<&str> =
            profile.mechanisms.iter().flatten().map(|rule| rule.name.as_str()).collect();
        assert_eq!(names, ["CKM_AES_CBC", "CKM_SHA256", "CKM_ECDSA"]);
        let curve = |name| profile.mechanism(name).map(|rule| rule.curve);
        assert_eq!((curve("CKM_ECDSA"), curve("CKM_SHA256")), (Some(Some(0)), Some(None)));
        assert_eq!(profile.service_times.map(|times| times.engines), Some(4));
        for said in ["# Unknown: 0x87654321", "PINs of 0 to 9999", "firmware 9.9", "two lines"] {
            assert!(text.contains(said), "{said} in\n{text}");
        }
    }
}
