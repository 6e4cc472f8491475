//! Profiles recorded from modules: SoftHSM2's token looks the same when it is simulated, and this module's
//! own profile comes back as it was.

use std::collections::{BTreeMap, BTreeSet};

use hsmsim_sim_config::{Profile, Topology};
use hsmsim_tests::{Sandbox, build, needs};

const SOFTHSM2: &[&str] = &[
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
];

fn softhsm2() -> &'static str {
    let there = SOFTHSM2.iter().find(|path| std::path::Path::new(path).is_file());
    there.expect("softhsm2-util is here, its library is not")
}

/// A sandbox whose programs also see a SoftHSM2 token with the label `soft`.
fn with_softhsm2() -> Sandbox {
    let sandbox = Sandbox::new("instant");
    let tokens = sandbox.path("tokens");
    std::fs::create_dir(&tokens).expect("a folder");
    let text = format!("directories.tokendir = {}\nlog.level = ERROR\n", tokens.display());
    let conf = sandbox.write("softhsm2.conf", text).display().to_string();
    let sandbox = sandbox.with("SOFTHSM2_CONF", &conf).with("SOFTHSM2", softhsm2());
    sandbox.sh("softhsm2-util --init-token --free --label soft --so-pin 87654321 --pin 12345678");
    sandbox
}

/// The lines of `pkcs11-tool -M`: what is said of each mechanism.
fn mechanisms(listing: &str) -> BTreeMap<String, BTreeSet<String>> {
    let lines = listing.lines().filter_map(|line| line.strip_prefix("  "));
    lines
        .map(|line| {
            let (name, rest) = line.split_once(", ").unwrap_or((line, ""));
            (name.to_owned(), rest.split(", ").map(str::to_owned).collect())
        })
        .collect()
}

/// What a token says of itself, without what belongs to one token alone.
fn looks(listing: &str) -> BTreeSet<String> {
    let own = ["token label", "serial num", "Slot ", "Available", "Using", "uri"];
    let lines = listing.lines().map(str::trim);
    lines.filter(|line| !own.iter().any(|of| line.starts_with(of))).map(str::to_owned).collect()
}

#[test]
fn a_recorded_softhsm2_looks_the_same_through_pkcs11_tool() {
    needs!("softhsm2-util", "pkcs11-tool");
    let sandbox = with_softhsm2();
    let recorded =
        sandbox.hsmsim(&["profile", "record", "--module", softhsm2(), "--label", "soft"]);
    sandbox.write("soft.toml", recorded.stdout.as_bytes());
    // A path beside the topology.
    let single = Topology::shipped_text("single").expect("a shipped topology");
    let topology = sandbox.write("own.toml", format!("profile = \"soft.toml\"\n{single}"));
    let sandbox = sandbox.with("HSMSIM_CONFIG", &topology.display().to_string());

    let real = sandbox.sh("pkcs11-tool --module \"$SOFTHSM2\" --token-label soft -M").stdout;
    let ours = sandbox.sh("pkcs11-tool --module \"$MODULE\" --token-label \"$LABEL\" -M").stdout;
    let (real, mut ours) = (mechanisms(&real), mechanisms(&ours));
    assert!(real.len() > 50, "{real:#?}");
    let review = sandbox.hsmsim(&["profile", "check", "soft.toml"]).stdout;
    let said = |rule: &str| review.lines().filter(|line| line.contains(rule)).count();
    let missing: Vec<&String> = real.keys().filter(|name| !ours.contains_key(*name)).collect();
    let unnamed = recorded.stdout.matches("# Unknown:").count();
    assert_eq!(missing.len(), said("mechanism-missing") + unnamed, "{missing:?}\n{review}");
    assert!(missing.len() < 10, "{missing:?}");
    let mut uses_missing = 0;
    for (name, said_of) in &real {
        let Some(ours) = ours.remove(name) else { continue };
        assert_eq!(ours.difference(said_of).collect::<Vec<_>>(), Vec::<&String>::new(), "{name}");
        uses_missing += said_of.difference(&ours).count();
    }
    assert_eq!(ours, BTreeMap::new(), "nothing that the real token lacks");
    assert_eq!(uses_missing, said("use-missing"), "{review}");

    for option in ["-I", "-L"] {
        let of = |module: &str| {
            sandbox.sh(&format!("pkcs11-tool --module \"${module}\" {option}")).stdout
        };
        let (real, ours) = (looks(&of("SOFTHSM2")), looks(&of("MODULE")));
        // SoftHSM2 shows a second slot, for the next token.
        let gone: Vec<_> = ours.difference(&real).collect();
        assert_eq!(gone, Vec::<&String>::new(), "{option}: {real:#?}");
        assert!(ours.len() > 2, "{ours:?}");
    }
}

#[test]
fn a_measured_profile_has_the_rates_and_takes_its_time() {
    needs!("softhsm2-util");
    let sandbox = with_softhsm2().with("HSMSIM_RECORD_PIN", "12345678");
    let arguments = ["profile", "record", "--module", softhsm2(), "--label", "soft"];
    let measure =
        [&arguments[..], &["--measure", "0.2", "--threads", "2", "--probe-data"]].concat();
    let recorded = sandbox.hsmsim(&measure).stdout;
    let profile = Profile::parse(&recorded, "recorded").unwrap_or_else(|e| panic!("{e}"));
    let times = profile.service_times.expect("service times");
    assert_eq!(times.engines, 2);
    for name in ["sign_rsa_2048", "sign_ecdsa_p256", "encrypt_aes_gcm"] {
        let time = times.time(name).unwrap_or_else(|| panic!("{name} in\n{recorded}"));
        assert!((1..1_000_000).contains(&time.as_micros()), "{name}: {time:?}");
    }
    assert!(!recorded.contains("12345678"), "no PIN in the file");
    assert!(recorded.contains("CKM_AES_CBC took 16777216 bytes"), "{recorded}");
}

#[test]
fn the_record_of_open_is_open() {
    let sandbox = Sandbox::new("instant");
    let recorded = sandbox.hsmsim(&["profile", "record"]).stdout;
    let recorded = Profile::parse(&recorded, "recorded").unwrap_or_else(|e| panic!("{e}"));
    let open = Profile::shipped("open").expect("a shipped profile");
    assert_eq!(recorded.cryptoki_versions, open.cryptoki_versions);
    assert_eq!((recorded.slot_base, recorded.pin), (open.slot_base, open.pin));
    let mut strings = recorded.strings.clone();
    // One slot was asked, and it was a group's.
    strings.member_slot_description = open.strings.member_slot_description.clone();
    strings.member_model = open.strings.member_model.clone();
    assert_eq!(strings, open.strings);
    assert!(recorded.asynchronous_sessions);
    assert_eq!(recorded.limits, open.limits);
    assert_eq!(recorded.login_limits.crypto_officer, open.login_limits.crypto_officer);
    assert_eq!((recorded.flags.token, recorded.flags.mechanism), (open.flags.token, 1));
    // Simulated again, it is recorded again without a difference.
    let once = sandbox.hsmsim(&["profile", "record", "--name", "again"]).stdout;
    sandbox.write("again.toml", once.as_bytes());
    let instant = Topology::shipped_text("instant").expect("a shipped topology");
    let topology = sandbox.write("own.toml", format!("profile = \"again.toml\"\n{instant}"));
    let again = Sandbox::new(&topology.display().to_string());
    assert_eq!(again.hsmsim(&["profile", "record", "--name", "again"]).stdout, once);
}

#[test]
fn the_record_of_an_a790_has_its_mechanisms_and_vendor_numbers() {
    let instant = Topology::shipped_text("instant").expect("a shipped topology");
    let sandbox = Sandbox::with_topology(&format!("profile = \"a790\"\n{instant}"));
    let text = sandbox.hsmsim(&["profile", "record"]).stdout;
    let recorded = Profile::parse(&text, "recorded").unwrap_or_else(|e| panic!("{e}"));
    let a790 = Profile::shipped("a790").expect("a shipped profile");
    let review = sandbox.hsmsim(&["profile", "check", "a790"]).stdout;
    for rule in a790.offered().unwrap_or_default() {
        let missing = format!("{}: hsmsim does not have it", rule.name);
        let flat = review.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(recorded.offers(&rule.name), !flat.contains(&missing), "{}", rule.name);
    }
    assert!(recorded.offers("CKM_LUNA_ECDSA_SHA256"));
    assert_eq!((recorded.slot_base, recorded.pin), (0, a790.pin));
    assert_eq!(recorded.cryptoki_versions.last(), a790.cryptoki_versions.last());
    assert_eq!(recorded.strings.model, "LunaVirtual");
}

#[test]
fn a_module_that_cannot_be_recorded_is_told_and_harms_nothing() {
    let sandbox = Sandbox::new("instant");
    let no_module = sandbox.write("no-module.so", "text").display().to_string();
    let hsmsim = build::command_path();
    for (arguments, words) in [
        (&["--module", &no_module][..], &["no-module.so", "could not be recorded"][..]),
        (&["--label", "nobody"], &["no token has the label nobody", "hsmsim-0"]),
        (&["--slot", "99"], &["slot 99 has no token"]),
        (&["--measure", "1"], &["--measure", "--pin"]),
    ] {
        let arguments = [&["profile", "record"], arguments].concat();
        let ended = sandbox.run(&hsmsim, &arguments).refused();
        assert!(words.iter().all(|word| ended.all().contains(word)), "{ended}");
    }
}

#[test]
fn a_recorded_token_without_asynchronous_sessions_has_none_when_it_is_simulated() {
    let open = Profile::shipped_text("open").expect("a shipped profile");
    let instant = Topology::shipped_text("instant").expect("a shipped topology");
    let recorded = |profile: &str| {
        let sandbox = Sandbox::new("instant");
        sandbox.write("other.toml", profile);
        let topology = sandbox.write("own.toml", format!("profile = \"other.toml\"\n{instant}"));
        let sandbox = sandbox.with("HSMSIM_CONFIG", &topology.display().to_string());
        sandbox.hsmsim(&["profile", "record"]).stdout
    };
    let once = recorded(&format!("asynchronous_sessions = false\n{open}"));
    let profile = Profile::parse(&once, "recorded").unwrap_or_else(|e| panic!("{e}"));
    assert!(!profile.asynchronous_sessions, "{once}");
    assert_eq!(profile.cryptoki_versions[0].to_string(), "3.2", "the interface stays");
    assert_eq!(recorded(&once), once);
}
