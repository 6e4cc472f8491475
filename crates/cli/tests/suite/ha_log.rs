//! The HA log as several processes write it.

use std::{collections::BTreeMap, fs, path::Path};

use crate::Run;

/// All lines in all files of the folder, by the process that wrote them.
fn lines(folder: &Path) -> (usize, BTreeMap<u32, Vec<String>>) {
    let mut lines: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    let mut files: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for file in &files {
        let text = fs::read_to_string(file).unwrap();
        assert!(text.ends_with('\n'), "{file:?} {text}");
        for line in text.lines() {
            let (_, rest) = line.split_once(" : [").expect(line);
            let (pid, rest) = rest.split_once("] HA group: ").expect(line);
            lines.entry(pid.parse().expect(line)).or_default().push(rest.to_owned());
        }
    }
    (files.len(), lines)
}

#[test]
fn lines_of_several_processes_stay_whole_and_none_is_lost_when_files_are_renamed() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let topology = hsmsim_sim_config::Topology::shipped_text("instant").unwrap();
    let file = folder.path().join("mine.toml");
    let ha = format!("[ha]\nlog = \"{}\"\nlog_length = 900\n", log.display());
    fs::write(&file, format!("{topology}\n{ha}")).unwrap();
    let run = Run::new(file.to_str().unwrap());
    run.ok(&["fault", "add", "link.cut", "client:hsm-eus-1"]);
    run.ok(&["fault", "add", "link.cut", "client:hsm-eus-2"]);
    let started: Vec<_> = (0..12)
        .map(|_| {
            let mut command = run.command(&["ha", "recover"]);
            command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
            command.spawn().unwrap()
        })
        .collect();
    let mut pids = Vec::new();
    for mut child in started {
        pids.push(child.id());
        child.wait().unwrap();
    }
    let (files, lines) = lines(&log);
    assert!(files > 2, "{files} files");
    pids.sort();
    assert_eq!(lines.keys().copied().collect::<Vec<_>>(), pids);
    for told in lines.values() {
        let has = |words: &str| told.iter().filter(|line| line.contains(words)).count();
        let counts = (has("was not there at the start"), has("lost all members"));
        assert_eq!((counts, has("recovery attempt #1 failed")), ((2, 1), 2), "{told:?}");
        assert_eq!(told.len(), 5, "{told:?}");
    }
}
