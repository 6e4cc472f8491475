//! `call-fault`, and the page about it.

use crate::Run;

#[test]
fn a_call_fault_is_set_listed_and_removed() {
    let run = Run::new("ha-pair");
    let text = run.ok(&["call-fault", "add", "C_Sign", "label=my key", "nth=3", "drop=login"]);
    assert_eq!(text, "call fault 1: C_Sign label='my key' nth=3 drop=login\n");
    run.ok(&["call-fault", "add", "C_Login", "delay=1s"]);
    let rows = run.json(&["call-fault", "list", "--json"]);
    assert_eq!(rows[0]["call_fault"], "C_Sign label='my key' nth=3 drop=login");
    assert_eq!(rows[1]["id"], 2);
    // Faults of the cluster are another matter.
    assert_eq!(run.ok(&["fault", "list"]), "no faults\n");
    run.ok(&["fault", "heal", "--all"]);
    assert_eq!(run.ok(&["call-fault", "remove", "1"]), "call fault 1 removed\n");
    run.ends_with(1, &["call-fault", "remove", "1"]);
    assert_eq!(run.ok(&["call-fault", "list"]), "    2  C_Login delay=1s\n");
    assert_eq!(run.ok(&["call-fault", "clear"]), "1 call fault removed\n");
    assert_eq!(run.ok(&["call-fault", "list"]), "no call faults\n");
}

#[test]
fn a_file_of_call_faults_is_set_whole_or_not_at_all() {
    let run = Run::new("ha-pair");
    let file = run.folder.path().join("calls.toml");
    let call = |code: &str| format!("[[call]]\nfunction = \"C_Sign\"\ncode = \"{code}\"\n");
    std::fs::write(&file, call("CKR_DEVICE_ERROR") + &call("CKR_DEVICE_EROR")).unwrap();
    let text = run.ends_with(1, &["call-fault", "add", "--file", "calls.toml"]);
    assert!(text.contains("calls.toml:6:8") && text.contains("\"CKR_DEVICE_ERROR\""), "{text}");
    assert_eq!(run.ok(&["call-fault", "list"]), "no call faults\n");
    std::fs::write(&file, call("CKR_DEVICE_ERROR") + &call("CKR_HOST_MEMORY")).unwrap();
    let text = run.ok(&["call-fault", "add", "--file", "calls.toml"]);
    assert_eq!(text.lines().count(), 2, "{text}");
}

#[test]
fn what_is_misspelt_is_answered_with_the_nearest_name() {
    let run = Run::new("ha-pair");
    for (words, expected) in [
        (["C_Sing", "nth=1", "drop=login"], "C_Sign"),
        (["C_Sign", "nht=1", "drop=login"], "nth"),
        (["C_Sign", "nth=1", "code=CKR_DEVICE_EROR"], "CKR_DEVICE_ERROR"),
    ] {
        let text = run.ends_with(1, &[&["call-fault", "add"][..], &words].concat());
        assert!(text.contains(&format!("did you mean \"{expected}\"")), "{text}");
    }
}

#[test]
fn the_help_names_every_key_and_the_list_every_function() {
    let run = Run::new("ha-pair");
    let help = run.ok(&["call-fault", "add", "--help"]);
    for key in hsmsim_sim_config::CALL_KEYS {
        assert!(help.contains(&format!("\n  {} ", key.name)), "{}\n{help}", key.name);
    }
    let list = run.ok(&["call-fault", "functions"]);
    for function in hsmsim_sim_config::CALL_FUNCTIONS {
        assert!(list.lines().any(|line| line.split(' ').next() == Some(function.name)), "{list}");
    }
}

#[test]
fn the_page_of_call_faults_has_the_tables() {
    let tables = Run::new("ha-pair").ok(&["call-fault", "functions", "--markdown"]);
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/call-faults.md");
    let page = std::fs::read_to_string(page).unwrap();
    assert!(
        page.ends_with(&tables),
        "end docs/call-faults.md with `hsmsim call-fault functions --markdown`"
    );
}
