//! The design review: each rule speaks when it should, and only then.

use std::collections::BTreeSet;

use hsmsim_sim_config::{Finding, Severity, Topology, check};

use crate::{shipped, topology};

fn rules(findings: &[Finding]) -> BTreeSet<&'static str> {
    findings.iter().filter(|f| f.rule != "latency").map(|f| f.rule).collect()
}

/// The finding of a rule, which must be there with this severity.
fn finding(topology: &Topology, rule: &str, severity: Severity) -> String {
    let findings = check(topology);
    let found = findings.iter().find(|f| f.rule == rule);
    let found = found.unwrap_or_else(|| panic!("no {rule} in {findings:#?}"));
    assert_eq!(found.severity, severity, "{found}");
    found.message.clone()
}

fn assert_silent(topology: &Topology, rule: &str) {
    let findings = check(topology);
    assert!(!rules(&findings).contains(rule), "{findings:#?}");
}

/// A topology of these regions with this many devices each, and what else is given.
fn of(regions: &[(&str, u8)], rest: &str) -> Topology {
    let mut text = "version = 1\nname = \"x\"\n".to_owned();
    for (code, devices) in regions {
        text += &format!("[[region]]\ncode = \"{code}\"\ndevices = {devices}\n");
    }
    topology(&(text + rest))
}

#[test]
fn shipped_topologies_are_reviewed_as_they_deserve() {
    let expected: [(&str, &[&str]); 7] = [
        ("single", &["single-device"]),
        ("ha-pair", &["one-region", "auto-recovery-off"]),
        ("ha-dr", &["auto-recovery-off"]),
        ("ha-dr-async", &["auto-recovery-off", "newest-keys-at-home"]),
        ("global", &["auto-recovery-off", "client-in-other-cloud", "far-primary"]),
        ("instant", &["one-region", "auto-recovery-off"]),
        ("timed-locks", &["single-device"]),
    ];
    for (name, rule_ids) in expected {
        let findings = check(&shipped(name));
        assert_eq!(rules(&findings), rule_ids.iter().copied().collect(), "{name}: {findings:#?}");
        assert!(findings.iter().all(|f| f.severity != Severity::Error), "{name}");
        assert!(findings.is_sorted_by_key(|f| f.severity));
    }
}

#[test]
fn a_single_device_has_no_ha() {
    let message = finding(&of(&[("eastus", 1)], ""), "single-device", Severity::Warning);
    assert!(message.starts_with("hsmsim-0 to hsmsim-9: a single device has no HA"), "{message}");
    assert_silent(&of(&[("eastus", 2)], ""), "single-device");
}

#[test]
fn two_devices_in_one_stamp_share_a_failure() {
    let both = "[[device]]\nid = \"a\"\nregion = \"wus\"\n[[device]]\nid = \"b\"\nregion = \"wus\"\nstamp = ";
    let message = finding(&of(&[], &format!("{both}1\n")), "one-stamp", Severity::Warning);
    assert!(message.contains("westus stand in stamp1"), "{message}");
    assert_silent(&of(&[], &format!("{both}2\n")), "one-stamp");
}

#[test]
fn disaster_recovery_takes_a_pair_in_each_of_two_regions() {
    let message = finding(&of(&[("eus", 2)], ""), "one-region", Severity::Warning);
    assert!(message.contains("four devices"), "{message}");
    let thin = of(&[("eus", 2), ("eus2", 1)], "");
    let message = finding(&thin, "thin-region", Severity::Warning);
    assert!(message.contains("only 1 of its 2 regions"), "{message}");
    let whole = of(&[("eus", 2), ("eus2", 2)], "");
    assert_silent(&whole, "thin-region");
    assert_silent(&whole, "one-region");
}

#[test]
fn gov_and_public_regions_do_not_mix() {
    let mixed = of(&[("eus", 2), ("ugv", 2)], "");
    let message = finding(&mixed, "mixed-clouds", Severity::Error);
    assert!(message.contains("eastus") && message.contains("usgovvirginia"), "{message}");
    let mut allowed = mixed;
    allowed.allow_mixed_clouds = true;
    finding(&allowed, "mixed-clouds", Severity::Warning);
    assert_silent(&of(&[("ugv", 2), ("ugt", 2)], ""), "mixed-clouds");
    let outside = of(&[("ugv", 2), ("ugt", 2)], "[client]\nregion = \"eus\"\n");
    finding(&outside, "client-in-other-cloud", Severity::Warning);
    assert_silent(&of(&[("ugv", 2), ("ugt", 2)], ""), "client-in-other-cloud");
}

#[test]
fn quotas_count_devices_by_stamp_and_region() {
    assert_silent(&of(&[("eus", 4)], ""), "stamp-quota");
    assert_silent(&of(&[("eus", 4)], ""), "region-quota");
    let five = of(&[("eus", 5)], "");
    let message = finding(&five, "stamp-quota", Severity::Warning);
    assert!(message.contains("eastus/stamp1: 3 devices"), "{message}");
    finding(&five, "region-quota", Severity::Warning);
    assert_silent(&of(&[("eus", 24)], ""), "stamp-capacity");
    let message = finding(&of(&[("eus", 25)], ""), "stamp-capacity", Severity::Error);
    assert!(message.contains("13 devices; a stamp has 12"), "{message}");
}

#[test]
fn groups_have_a_tested_and_a_greatest_size() {
    assert_silent(&of(&[("eus", 16)], ""), "untested-size");
    finding(&of(&[("eus", 17)], ""), "untested-size", Severity::Warning);
    assert_silent(&of(&[("eus", 32)], ""), "too-many-members");
    finding(&of(&[("eus", 33)], ""), "too-many-members", Severity::Error);
}

#[test]
fn far_members_belong_on_standby() {
    let active = of(&[("eus", 2), ("wus", 2)], "[[groups]]\nactive = [\"eus\", \"wus\"]\n");
    let message = finding(&active, "far-active", Severity::Warning);
    assert!(message.contains("hsm-wus-1"), "{message}");
    assert_silent(&shipped("ha-dr"), "far-active");
    let abroad = of(&[("eus", 2), ("eus2", 2)], "[client]\nregion = \"weu\"\n");
    let message = finding(&abroad, "far-primary", Severity::Info);
    assert!(message.contains("89.5 ms from the client in westeurope"), "{message}");
    assert_silent(&shipped("ha-dr"), "far-primary");
}

#[test]
fn asynchronous_members_have_their_price() {
    let active = of(&[("eus", 2)], "[[groups]]\nactive = [\"eus\"]\nasync = [\"eus/stamp2\"]\n");
    finding(&active, "async-active", Severity::Warning);
    finding(&shipped("ha-dr-async"), "newest-keys-at-home", Severity::Info);
    assert_silent(&shipped("ha-dr-async"), "async-active");
    assert_silent(&shipped("global"), "newest-keys-at-home");
}

#[test]
fn the_latency_of_each_group_is_told_from_each_region() {
    let findings = check(&shipped("ha-dr"));
    let latency: Vec<&str> =
        findings.iter().filter(|f| f.rule == "latency").map(|f| f.message.as_str()).collect();
    assert_eq!(
        latency,
        [
            "hsmsim-0 to hsmsim-9: from eastus/stamp1 a signature takes 0.9 ms (9.5 ms once only \
             standby is left), a new key pair 10.4 ms",
            "hsmsim-0 to hsmsim-9: from eastus2/stamp1 a signature takes 9.5 ms (0.9 ms once only \
             standby is left), a new key pair 19 ms",
        ]
    );
}

#[test]
fn tokens_with_one_label_are_pointed_out() {
    let group = |label: &str, partition: u8| {
        format!(
            "[[group]]\nlabel = \"{label}\"\ntoken_label = \"T\"\nmembers = [{{ device = \
             \"hsm-eus-1\", partition = {partition} }}]\n"
        )
    };
    let twice = of(&[("eus", 1)], &(group("a", 0) + &group("b", 1)));
    finding(&twice, "token-label-twice", Severity::Warning);
    let once = of(&[("eus", 1)], &group("a", 0));
    assert_silent(&once, "token-label-twice");
    finding(&once, "free-partitions", Severity::Info);
    let idle = of(&[("eus", 2)], &group("a", 0));
    assert_eq!(finding(&idle, "idle-device", Severity::Warning), "hsm-eus-2: in no group");
    assert_silent(&shipped("ha-dr"), "idle-device");
    assert_silent(&shipped("ha-dr"), "free-partitions");
}

#[test]
fn timers_must_fit_each_other_and_the_links() {
    let with = |rest: &str| of(&[("eus", 2), ("jpe", 2)], rest);
    finding(&with("[ha]\nheartbeat = \"20s\"\n"), "heartbeat", Severity::Error);
    assert_silent(&with(""), "heartbeat");
    assert_silent(&with(""), "receive-timeout");
    // 169.5 ms to Tokyo.
    finding(&with("[ha]\nreceive_timeout = \"600ms\"\n"), "receive-timeout", Severity::Warning);
    finding(&with("[ha]\nreceive_timeout = \"169ms\"\n"), "receive-timeout", Severity::Error);
    let mut scaled = with("");
    scaled.time_scale = 40.0;
    finding(&scaled, "receive-timeout", Severity::Warning);
    finding(&scaled, "time-scale", Severity::Info);
    let quick = "[ha]\nrecovery_attempts = -1\nrecovery_interval = \"59s\"\n";
    finding(&with(quick), "recovery-interval", Severity::Warning);
    finding(&with("[ha]\nrecovery_interval = \"21m\"\n"), "recovery-interval", Severity::Warning);
    assert_silent(&with(""), "recovery-interval");
}

#[test]
fn recovery_and_slots_are_worth_a_word() {
    let with = |rest: &str| of(&[("eus", 2), ("eus2", 2)], rest);
    finding(&with(""), "auto-recovery-off", Severity::Info);
    let on = with("[ha]\nrecovery_attempts = -1\n");
    assert_silent(&on, "auto-recovery-off");
    assert_silent(&on, "passive-recovery");
    let passive = with("[ha]\npreset = \"luna-basic\"\nrecovery_attempts = -1\n");
    finding(&passive, "passive-recovery", Severity::Info);
    finding(&with("[ha]\nha_only = false\n"), "member-slots", Severity::Info);
    assert_silent(&with(""), "member-slots");
}

#[test]
fn provisioning_must_suit_the_profile() {
    let short = of(&[("eus", 2)], "[provisioning]\nuser_pin = \"123456\"\n");
    assert_silent(&short, "pin-length");
    let mut luna = short;
    luna.profile = "a790".to_owned();
    let message = finding(&luna, "pin-length", Severity::Error);
    assert!(message.contains("user_pin") && message.contains("7 to 255"), "{message}");
    assert!(!message.contains("123456"), "{message}");
    finding(&luna, "blank-groups", Severity::Info);
    let mut all = shipped("ha-dr");
    assert_silent(&all, "blank-groups");
    all.profile = "a970".to_owned();
    let message = finding(&all, "profile", Severity::Error);
    assert!(message.contains("did you mean \"a790\"?"), "{message}");
    let nothing = of(&[("eus", 2)], "[provisioning]\ngroups = []\n");
    finding(&nothing, "nothing-provisioned", Severity::Info);
}
