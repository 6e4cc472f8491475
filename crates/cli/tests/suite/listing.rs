//! `ha list`, in LunaCM's layout.

use hsmsim_client::{Client, InitOptions};
use hsmsim_types::{Attribute, Mechanism, Pin, Role, ck::*, role::UserType};

use crate::Run;

/// The value of the line of this name, as a script would cut it out.
fn value<'t>(text: &'t str, name: &str) -> &'t str {
    let line = text.lines().find(|line| line.trim_start().starts_with(&format!("{name}:")));
    let line = line.unwrap_or_else(|| panic!("no line {name}\n{text}"));
    line.split_once(":  ").unwrap().1
}

/// The rows below the table's head, in words.
fn rows(text: &str) -> Vec<Vec<&str>> {
    let lines = text.lines().skip_while(|line| !line.trim_start().starts_with("====")).skip(1);
    lines.map(|line| line.split_whitespace().collect()).collect()
}

/// The serial numbers of the members of the first group, from the topology's own listing.
fn serials(run: &Run, devices: usize) -> Vec<String> {
    let status = run.json(&["status", "--json"]);
    let of = |device: usize| &status["devices"][device]["partitions"][0]["serial"];
    (0..devices).map(|device| of(device).as_str().unwrap().trim_end().to_owned()).collect()
}

#[test]
fn groups_are_listed_as_lunacm_lists_them() {
    let run = Run::new("ha-dr");
    let text = run.ok(&["ha", "list"]);
    let serials = serials(&run, 4);
    let all = serials.join(", ");
    for (name, expected) in [
        ("HA auto recovery", "disabled"),
        ("HA recovery mode", "activeBasic"),
        ("Maximum auto recovery retry", "0"),
        ("Auto recovery poll interval", "60 seconds"),
        ("HA logging", "disabled"),
        ("Only Show HA Slots", "yes"),
        ("HA Group Label", "hsmsim-0"),
        ("HA Group Number", &format!("1{}", serials[0])),
        ("HA Group Slot ID", "1"),
        ("Synchronization", "enabled"),
        ("Group Members", &all),
        ("Needs sync", "no"),
        ("Standby Members", &serials[2..].join(", ")),
    ] {
        assert_eq!(value(&text, name), expected, "{name}\n{text}");
    }
    let expected: Vec<_> =
        serials.iter().map(|serial| vec!["hidden", serial, "hsmsim-0", "alive"]).collect();
    assert_eq!(rows(&text), expected, "{text}");
    assert_eq!(text, run.ok(&["ha", "listgroups", "hsmsim-0"]));
    assert_eq!(text.lines().find(|line| line.chars().count() > 100), None);
}

#[test]
fn a_member_that_does_not_answer_has_dashes_for_slot_and_label() {
    let run = Run::new("ha-pair");
    for (fault, target) in [("link.cut", "client:hsm-eus-1"), ("device.power_loss", "hsm-eus-2")] {
        run.ok(&["fault", "add", fault, target]);
    }
    let text = run.ok(&["ha", "list"]);
    let serials = serials(&run, 2);
    let expected: Vec<_> =
        serials.iter().map(|serial| vec!["------", serial, "------", "down"]).collect();
    assert_eq!(rows(&text), expected, "{text}");
}

#[test]
fn settings_and_slots_are_those_of_the_topology() {
    let text = std::fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../sim-config/topologies/ha-pair.toml"
    ));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mine.toml");
    let ha = "[ha]\nha_only = false\nrecovery_attempts = 500\nrecovery_interval = \"90s\"\n\
              recovery_mode = \"activeEnhanced\"\nlog = \"/var/log/hsmsim\"\n";
    std::fs::write(&file, format!("{}\n{ha}", text.unwrap())).unwrap();
    let run = Run::new(file.to_str().unwrap());
    let text = run.ok(&["ha", "list"]);
    for (name, expected) in [
        ("HA auto recovery", "enabled"),
        ("HA recovery mode", "activeEnhanced"),
        ("Maximum auto recovery retry", "500"),
        ("Auto recovery poll interval", "90 seconds"),
        ("HA logging", "enabled"),
        ("Only Show HA Slots", "no"),
        // Ten groups of two members come before it.
        ("HA Group Slot ID", "21"),
        ("Standby Members", "<none>"),
    ] {
        assert_eq!(value(&text, name), expected, "{name}\n{text}");
    }
    let slots: Vec<&str> = rows(&text).iter().map(|row| row[0]).collect();
    assert_eq!(slots, ["1", "2"], "{text}");
}

#[test]
fn a_slot_without_ha_is_no_group() {
    let text = Run::new("single").ok(&["ha", "list"]);
    assert!(!text.contains("HA Group Label"), "{text}");
}

#[test]
fn a_group_whose_member_missed_a_key_needs_synchronisation_until_it_has_it() {
    let run = Run::new("ha-pair");
    run.ok(&["fault", "add", "link.cut", "client:hsm-eus-2"]);
    make_key(&run);
    assert_eq!(value(&run.ok(&["ha", "list"]), "Needs sync"), "yes");
    run.ok(&["fault", "heal", "--all"]);
    run.ok(&["ha", "recover"]);
    assert_eq!(value(&run.ok(&["ha", "list"]), "Needs sync"), "no");
}

/// Makes a token key as an application does.
fn make_key(run: &Run) {
    let state = run.folder.path().join("state").display().to_string();
    let options = InitOptions { state: Some(state), topology: None, ..InitOptions::default() };
    let client = Client::initialize(options).unwrap();
    let slot = client.slots(true)[0];
    let flags = CKF_SERIAL_SESSION | CKF_RW_SESSION;
    let session = client.run(client.open_session(slot, flags)).unwrap();
    let officer = UserType::Role(Role::CryptoOfficer);
    client.run(client.login(session, officer, Pin::new("12345678"))).unwrap();
    let template = [Attribute::bool(CKA_TOKEN, true), Attribute::ulong(CKA_VALUE_LEN, 32)];
    let mechanism = Mechanism::plain(CKM_AES_KEY_GEN);
    client.run(client.generate_key(session, mechanism, template.into_iter().collect())).unwrap();
    client.shut_down();
}
