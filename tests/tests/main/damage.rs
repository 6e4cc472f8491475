//! Files that are damaged, missing, from elsewhere or from the future, and a disk that is full: a
//! clear message, an error that the standard names, and the data left as it was.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use hsmsim_tests::{Sandbox, needs, process::Ended, programs::MOUNT};

use crate::WORKER;

/// A state with a key "kept" in it.
fn with_a_key() -> Sandbox {
    let sandbox = Sandbox::new("ha-pair");
    let mut maker = sandbox.worker(WORKER, &["serve"]);
    maker.line("ready", 0, hsmsim_tests::process::BOUND);
    maker.say("make kept");
    maker.line("ok ", 0, hsmsim_tests::process::BOUND);
    maker.end(hsmsim_tests::process::BOUND).succeeded();
    assert_eq!(start(&sandbox).succeeded().stdout.trim(), "used");
    sandbox
}

fn start(sandbox: &Sandbox) -> Ended {
    sandbox.run(WORKER, &["start", "kept"])
}

/// What lies in a folder, but for what a process leaves about itself.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        // The page has the counters by which running processes notice each other.
        let passing = ["clients", "page"].contains(&name) || name.ends_with("-shm");
        if path.is_dir() && !passing {
            all.extend(contents(&path));
        } else if !passing {
            let bytes = fs::read(&path).expect("a file");
            // A database that is read has a log, an empty one.
            if !(name.ends_with("-wal") && bytes.is_empty()) {
                all.insert(path, bytes);
            }
        }
    }
    all
}

fn assert_same(before: &BTreeMap<PathBuf, Vec<u8>>, after: &BTreeMap<PathBuf, Vec<u8>>) {
    let names = before.keys().chain(after.keys());
    let changed: Vec<_> = names.filter(|name| before.get(*name) != after.get(*name)).collect();
    assert!(changed.is_empty(), "changed: {changed:?}");
}

/// Whether the library has refused as it may: at once, or when the device is first needed.
fn is_refusal(said: &str) -> bool {
    ["Initialize GeneralError", "Initialize DeviceError", "OpenSession DeviceError"]
        .contains(&said.trim())
}

/// Damages a file of a state and starts the library: it is refused with these words in the log and
/// from the command, nothing is changed, and all is well again when the file is as it was.
#[track_caller]
fn refused(file: &str, damage: impl FnOnce(&mut Vec<u8>), words: &[&str]) {
    let sandbox = with_a_key();
    let path = sandbox.state().join(file);
    let whole = fs::read(&path).expect("a file of the state");
    let mut damaged = whole.clone();
    damage(&mut damaged);
    fs::write(&path, &damaged).expect("a file of the state");
    let before = contents(&sandbox.state());

    let ended = start(&sandbox).refused();
    assert!(is_refusal(&ended.stdout), "{ended}");
    let log = sandbox.log();
    let command = sandbox.run(hsmsim_tests::build::command_path(), &["status"]).refused();
    for word in words {
        assert!(log.contains(word), "\"{word}\" is not in the log\n{log}");
        assert!(command.stderr.contains(word), "\"{word}\" is not said\n{command}");
    }
    assert!(!command.all().contains("panicked"), "{command}");
    assert_same(&before, &contents(&sandbox.state()));
    assert!(fs::read(&path).ok() == Some(damaged), "{file} was changed");

    fs::write(&path, whole).expect("a file of the state");
    assert_eq!(start(&sandbox).succeeded().stdout.trim(), "used");
}

#[test]
fn a_damaged_manifest_is_refused() {
    refused("state", |bytes| *bytes = b"what is this".to_vec(), &["state/state", "damaged"]);
    refused("state", Vec::clear, &["state/state", "damaged"]);
}

#[test]
fn a_damaged_shared_page_is_refused() {
    refused("page", |bytes| bytes.truncate(100), &["state/page", "damaged"]);
    refused("page", |bytes| bytes[..64].fill(0xff), &["state/page", "damaged"]);
}

#[test]
fn damaged_device_keys_are_refused() {
    refused("device-keys", |bytes| bytes.truncate(10), &["device-keys", "damaged"]);
}

#[test]
fn a_damaged_device_store_is_refused() {
    let store = "devices/hsm-eus-1.db";
    refused(store, |bytes| bytes[..100].fill(0x5a), &["hsm-eus-1.db"]);
    refused(store, |bytes| *bytes = b"no database".to_vec(), &["hsm-eus-1.db"]);
}

#[test]
fn a_state_from_a_newer_version_is_refused() {
    let newer = |bytes: &mut Vec<u8>| {
        let text = String::from_utf8_lossy(bytes).replacen("hsmsim state 1", "hsmsim state 999", 1);
        *bytes = text.into_bytes();
    };
    refused("state", newer, &["newer hsmsim", "999"]);
}

#[test]
fn a_device_store_from_a_newer_version_is_refused() {
    // SQLite's user_version: four bytes at 60, the highest first.
    let newer = |bytes: &mut Vec<u8>| bytes[60..64].copy_from_slice(&999_u32.to_be_bytes());
    refused("devices/hsm-eus-1.db", newer, &["hsm-eus-1.db", "newer hsmsim", "999"]);
}

#[test]
fn a_damaged_topology_is_refused_with_file_line_and_the_nearest_word() {
    let text = "version = 1\nname = \"mine\"\n\n[[region]]\ncode = \"eastus\"\ndevises = 2\n";
    let sandbox = Sandbox::with_topology(text);
    let ended = start(&sandbox).refused();
    assert_eq!(ended.stdout.trim(), "Initialize GeneralError");
    let command = sandbox.run(hsmsim_tests::build::command_path(), &["status"]).refused();
    for word in ["topology.toml:6", "devises", "devices"] {
        assert!(sandbox.log().contains(word), "\"{word}\": {}", sandbox.log());
        assert!(command.stderr.contains(word), "\"{word}\": {command}");
    }
    assert!(!sandbox.state().exists(), "a state was made of a damaged topology");
}

#[test]
fn a_topology_that_is_not_there_is_named() {
    for (name, word) in [("ha-pear", "ha-pair"), ("/nowhere/mine.toml", "/nowhere/mine.toml")] {
        let sandbox = Sandbox::new(name);
        assert_eq!(start(&sandbox).refused().stdout.trim(), "Initialize GeneralError");
        assert!(sandbox.log().contains(word), "{}", sandbox.log());
        assert!(!sandbox.state().exists());
    }
}

#[test]
fn the_state_of_other_devices_is_refused() {
    let sandbox = with_a_key().with("HSMSIM_CONFIG", "ha-dr");
    let before = contents(&sandbox.state());
    assert!(is_refusal(&start(&sandbox).refused().stdout));
    for word in ["another set of devices", "hsm-eus2-1", "HSMSIM_STATE"] {
        assert!(sandbox.log().contains(word), "\"{word}\": {}", sandbox.log());
    }
    assert_same(&before, &contents(&sandbox.state()));
    let sandbox = sandbox.with("HSMSIM_CONFIG", "ha-pair");
    assert_eq!(start(&sandbox).succeeded().stdout.trim(), "used");
}

#[test]
fn a_state_directory_that_cannot_be_one_is_named() {
    let sandbox = Sandbox::new("ha-pair");
    let file = sandbox.write("a-file", "mine").display().to_string();
    for place in [file.clone(), format!("{file}/below"), "/proc/none".to_owned()] {
        let sandbox = Sandbox::new("ha-pair").with("HSMSIM_STATE", &place);
        let ended = start(&sandbox).refused();
        assert_eq!(ended.stdout.trim(), "Initialize GeneralError", "{place}");
        let log = sandbox.log();
        assert!(log.contains(&place) && log.contains("HSMSIM_STATE"), "{log}");
    }
    assert_eq!(sandbox.read("a-file"), b"mine");
}

#[test]
fn a_full_disk_fails_calls_and_loses_nothing() {
    needs!("unshare", MOUNT);
    let sandbox = Sandbox::new("ha-pair");
    // A disk of the test's own, seen by nobody else and gone with the script.
    let script = format!(
        r#"
        mkdir state
        mount -t tmpfs -o size=2m none state
        # Makes keys until that fails, and says how.
        {WORKER} make-keys full ec > said
        grep '^made ' said | cut -d' ' -f2 > made
        tail -n 1 said
        wc -l < made
        [ "$(wc -l < made)" -gt 20 ]
        # What is there can be used on a full disk, in a process that starts there.
        {WORKER} check-keys made
        mount -o remount,size=8m state
        {WORKER} check-keys made
        (timeout 2 {WORKER} make-keys more ec || true) | head -n 3 | tail -n 1
        {WORKER} check-keys made
        "#
    );
    let script = script.trim();
    let command = ["--mount", "bash", "-euo", "pipefail", "-c", script];
    let ended = sandbox.run("unshare", &command).succeeded();
    let said: Vec<&str> = ended.stdout.lines().collect();
    let refused = ["error DeviceError", "error GeneralError", "error DeviceMemory"];
    assert!(refused.contains(&said[0]), "{ended}");
    assert!(ended.stdout.contains("made more-2"), "{ended}");
    let log = sandbox.log();
    assert!(log.contains("full"), "{log}");
}
