//! A Luna client's configuration, found through the environment where the topology lets it.

use std::fs;

use crate::Run;

const TOPOLOGY: &str = "version = 1\nname = \"x\"\n[[device]]\nid = \"hsm-a\"\nregion = \"eastus\"\n\
                        serials = [11]\n[[device]]\nid = \"hsm-b\"\nregion = \"eastus\"\n\
                        serials = [22]\n[chrystoki]\npath = \"mine.conf\"\n";

fn client(label: &str) -> String {
    format!(
        "VirtualToken = {{\n  VirtualToken00Label = {label};\n  VirtualToken00SN = 111;\n  \
         VirtualToken00Members = 11,22;\n}}\nMisc = {{\n  ToolsDir = /bin;\n}}\n"
    )
}

/// The labels of the groups, with the variable naming the folder `elsewhere`.
fn groups(run: &Run) -> Vec<String> {
    let mut command = run.command(&["status", "--json"]);
    let folder = run.folder.path().join("elsewhere");
    let output = command.env("ChrystokiConfigurationPath", folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let status: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let labels = status["groups"].as_array().unwrap().iter().map(|group| &group["label"]);
    labels.map(|label| label.as_str().unwrap().to_owned()).collect()
}

fn run_with(topology: &str) -> Run {
    let mut run = Run::new("");
    let folder = run.folder.path();
    fs::create_dir(folder.join("elsewhere")).unwrap();
    fs::write(folder.join("mine.conf"), client("at-hand")).unwrap();
    fs::write(folder.join("elsewhere/Chrystoki.conf"), client("of-the-environment")).unwrap();
    let file = folder.join("mine.toml");
    fs::write(&file, topology).unwrap();
    run.topology = file.display().to_string();
    run
}

#[test]
fn the_variable_counts_only_if_the_topology_asks_for_it() {
    assert_eq!(groups(&run_with(TOPOLOGY)), ["at-hand"]);
    let run = run_with(&format!("{TOPOLOGY}environment = true\n"));
    assert_eq!(groups(&run), ["of-the-environment"]);
}

#[test]
fn a_state_directory_finds_the_file_again_by_itself() {
    let run = run_with(TOPOLOGY);
    run.ok(&["status"]);
    let mut command = run.command(&["ha", "list"]);
    let output = command.env_remove("HSMSIM_CONFIG").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("at-hand") && text.contains("11, 22"), "{text}{output:?}");
}

#[test]
fn check_lists_what_means_nothing_and_points_at_what_is_wrong() {
    let run = run_with(TOPOLOGY);
    assert!(run.ok(&["topology", "check"]).contains("Misc.ToolsDir"));
    let broken = client("at-hand").replace("ToolsDir", "TolsDir");
    fs::write(run.folder.path().join("mine.conf"), broken).unwrap();
    let text = run.ends_with(1, &["topology", "check"]);
    assert!(text.contains("mine.conf:7:3: unknown key") && text.contains("\"ToolsDir\""), "{text}");
}
