//! The command as a user runs it, each test in a state of its own.

#![forbid(unsafe_code)]

mod call_faults;
mod chrystoki;
mod cluster;
mod drills;
mod files;
mod ha_log;
mod listing;
mod profiles;

use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

/// A state directory, and the command run on it.
struct Run {
    folder: TempDir,
    topology: String,
}

impl Run {
    fn new(topology: &str) -> Self {
        Self { folder: tempfile::tempdir().unwrap(), topology: topology.to_owned() }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hsmsim"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env("HSMSIM_STATE", self.folder.path().join("state"))
            .env("HSMSIM_CONFIG", &self.topology)
            .env_remove("HSMSIM_LOG");
        command
    }

    fn output(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// What the command printed; it must have ended with this code.
    fn ends_with(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.output(arguments);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{arguments:?}\n{out}\n{err}");
        if code == 0 { out } else { out + &err }
    }

    fn ok(&self, arguments: &[&str]) -> String {
        self.ends_with(0, arguments)
    }

    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.ok(arguments)).unwrap()
    }
}
