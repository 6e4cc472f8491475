//! Topology files and state directories that are not as they should be.

use std::fs;

use crate::Run;

#[test]
fn every_shipped_topology_is_shown_and_checked() {
    let run = Run::new("single");
    let names = ["single", "ha-pair", "ha-dr", "ha-dr-async", "global", "instant", "timed-locks"];
    for name in names {
        assert!(run.ok(&["topology", "list"]).contains(name));
        let picture = run.ok(&["topology", "show", name]);
        assert!(picture.lines().all(|line| line.chars().count() <= 100), "{picture}");
        let output = run.output(&["topology", "check", name]);
        assert!(matches!(output.status.code(), Some(0 | 2)));
    }
    assert!(run.output(&["topology", "check", "single"]).stdout.starts_with(b"warning"));
}

#[test]
fn a_damaged_topology_is_refused_with_file_line_and_the_nearest_key() {
    let mut run = Run::new("");
    let path = run.folder.path().join("broken.toml");
    fs::write(&path, "version = 1\nname = \"x\"\n[[region]]\ncode = \"eastus\"\ndevises = 2\n")
        .unwrap();
    run.topology = path.display().to_string();
    let text = run.ends_with(1, &["status"]);
    assert!(text.contains("broken.toml:5:") && text.contains("devices"), "{text}");
    assert!(!run.folder.path().join("state").exists(), "nothing was made");
}

#[test]
fn a_state_of_other_devices_is_refused_and_left_alone() {
    let mut run = Run::new("ha-pair");
    run.ok(&["dev"]);
    let page = fs::read(run.folder.path().join("state/state")).unwrap();
    run.topology = "ha-dr".to_owned();
    run.ends_with(1, &["dev"]);
    assert_eq!(fs::read(run.folder.path().join("state/state")).unwrap(), page);
    run.topology = "ha-pair".to_owned();
    run.ok(&["dev"]);
}

#[test]
fn a_state_directory_remembers_its_topology() {
    let run = Run::new("single");
    run.ok(&["dev"]);
    let output = run.command(&["dev", "--json"]).env_remove("HSMSIM_CONFIG").output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("\"topology\": \"single\""));
}
