//! The HA log (facts: Luna guide, "HA Logging").

use std::{fs, path::Path, time::Duration};

use tempfile::TempDir;

use crate::world::World;

fn world_with_log(folder: &TempDir) -> World {
    World::ha_dr_with(&format!("log = \"{}\"", folder.path().join("log").display()))
}

/// The log without times and process IDs, whose places are checked.
fn told(folder: &Path) -> Vec<String> {
    let text = fs::read_to_string(folder.join("log/haErrorLog.txt")).unwrap();
    let pid = std::process::id();
    text.lines()
        .map(|line| {
            let (time, rest) = line.split_once(" : ").unwrap();
            let words: Vec<&str> = time.split_whitespace().collect();
            assert_eq!((time.len(), words.len()), (24, 5), "{line}");
            assert!(words[4].parse::<u16>().unwrap() > 2000, "{line}");
            rest.strip_prefix(&format!("[{pid}] HA group: ")).expect(line).to_owned()
        })
        .collect()
}

/// Serial numbers of the first group and its members.
fn serials(world: &World) -> (String, Vec<String>) {
    let state = world.client.run(world.client.ha_state(world.slot)).unwrap();
    (state.group_serial, state.members.into_iter().map(|(serial, _)| serial).collect())
}

#[test]
fn losses_and_attempts_are_told_with_group_and_member() {
    let folder = tempfile::tempdir().unwrap();
    let world = world_with_log(&folder);
    let session = world.officer();
    let (_, key) = world.pair(session, "k");
    world.fault("link.cut client:hsm-eus-1");
    world.sign(session, key).unwrap();
    world.recover();
    world.recover();
    world.heal_all();
    world.recover();
    let (group, members) = serials(&world);
    let first = &members[0];
    assert_eq!(
        told(folder.path()),
        [
            format!("{group} dropped member: {first} (refused)"),
            format!(
                "{group} recovery attempt #1 failed for member: {first} (it refuses the connection)"
            ),
            format!(
                "{group} recovery attempt #2 failed for member: {first} (it refuses the connection)"
            ),
            format!(
                "{group} recovery attempt #3 succeeded for member: {first} (0 copied, 0 deleted)"
            ),
        ]
    );
}

#[test]
fn absence_at_the_start_and_the_loss_of_all_are_told_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let world = world_with_log(&folder);
    world.fault("link.cut client:hsm-eus-1");
    let session = world.officer();
    let (_, key) = world.pair(session, "k");
    world.fault("region.loss eastus");
    world.fault("region.loss eastus2");
    world.sign(session, key).unwrap_err();
    let (group, members) = serials(&world);
    let told = told(folder.path());
    assert_eq!(
        told[0],
        format!("{group} member was not there at the start: {} (refused)", members[0])
    );
    for member in &members[1..] {
        let dropped = format!("{group} dropped member: {member} (");
        assert_eq!(told.iter().filter(|line| line.starts_with(&dropped)).count(), 1, "{told:?}");
    }
    let all = format!("{group} lost all members: no member is left to serve it");
    assert_eq!(told.last(), Some(&all));
}

#[test]
fn times_are_the_simulation_s_own() {
    let folder = tempfile::tempdir().unwrap();
    let world = world_with_log(&folder);
    let session = world.officer();
    let (_, key) = world.pair(session, "k");
    world.fault("link.cut client:hsm-eus-1");
    world.sign(session, key).unwrap();
    world.pass(Duration::from_secs(24 * 3600));
    world.recover();
    let text = fs::read_to_string(folder.path().join("log/haErrorLog.txt")).unwrap();
    let days: Vec<&str> = text.lines().map(|line| &line[..3]).collect();
    let week = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun", "Mon"];
    assert!(week.windows(2).any(|pair| pair == days), "{text}");
}

#[test]
fn nothing_is_written_unless_a_folder_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    for (lines, expected) in
        [(format!("log = \"{}\"", path.display()), true), ("log_length = 5".to_owned(), false)]
    {
        let world = World::ha_dr_with(&lines);
        let session = world.officer();
        assert!(!path.exists(), "{lines}: nothing has happened yet");
        world.fault("link.cut client:hsm-eus-1");
        world.find(session, "k");
        assert_eq!(path.exists(), expected, "{lines}");
        let _ = fs::remove_dir_all(&path);
    }
}

#[test]
fn a_folder_that_cannot_be_written_harms_no_call() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("log"), "a file, no folder").unwrap();
    let world = world_with_log(&folder);
    let session = world.officer();
    let (_, key) = world.pair(session, "k");
    world.fault("link.cut client:hsm-eus-1");
    world.sign(session, key).unwrap();
}
