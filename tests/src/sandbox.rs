//! A state of its own for each test, and the environment of the programs that use it.

use std::{
    env,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::Duration,
};

use tempfile::TempDir;

use crate::{
    build,
    process::{BOUND, Ended, Running},
};

/// PIN of the crypto officer of a provisioned group.
pub const USER_PIN: &str = "12345678";
/// PIN of the partition security officer of a provisioned group.
pub const SO_PIN: &str = "87654321";
/// Label of the first group, the one that is provisioned.
pub const LABEL: &str = "hsmsim-0";

/// How a sandbox tells a process that it started where it is.
pub(crate) const FOLDER_VARIABLE: &str = "HSMSIM_TEST_SANDBOX";

/// A temporary folder with a state directory, and programs that run in it.
///
/// The folder is the programs' HOME and working directory; nothing of the user's own configuration
/// is seen, and the log of the module is `hsmsim.log` there.
pub struct Sandbox {
    folder: PathBuf,
    owned: Option<TempDir>,
    variables: Vec<(String, String)>,
    outputs: AtomicU32,
}

impl Sandbox {
    /// A sandbox without topology: the default one applies.
    pub fn bare() -> Self {
        let owned = tempfile::Builder::new().prefix("hsmsim-test-").tempdir().expect("a folder");
        let folder = owned.path().to_owned();
        fs::create_dir(folder.join("output")).expect("a folder");
        Self { folder, owned: Some(owned), variables: Vec::new(), outputs: AtomicU32::new(0) }
            .with("HSMSIM_LOG", "info")
    }

    /// A sandbox with a shipped topology.
    pub fn new(topology: &str) -> Self {
        let sandbox = Self::bare();
        let state = sandbox.state().display().to_string();
        sandbox.with("HSMSIM_STATE", &state).with("HSMSIM_CONFIG", topology)
    }

    /// A sandbox with a shipped topology whose HA timers run `scale` times as fast.
    pub fn scaled(topology: &str, scale: u32) -> Self {
        Self::new(topology).with("HSMSIM_TIME_SCALE", &scale.to_string())
    }

    /// A sandbox with a topology of the test's own.
    pub fn with_topology(text: &str) -> Self {
        let sandbox = Self::new("");
        let file = sandbox.write("topology.toml", text).display().to_string();
        sandbox.with("HSMSIM_CONFIG", &file)
    }

    /// Adds a variable to the environment, or replaces it.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The sandbox that this process was started in by [`apart`](crate::apart).
    pub(crate) fn inherited() -> Option<Self> {
        let folder = PathBuf::from(env::var_os(FOLDER_VARIABLE)?);
        let ours = |name: &str| name.starts_with("HSMSIM_") && name != FOLDER_VARIABLE;
        let variables = env::vars().filter(|(name, _)| ours(name)).collect();
        // Beside the names of the process that started this one.
        let outputs = AtomicU32::new(1_000_000);
        Some(Self { folder, owned: None, variables, outputs })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A path in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The state directory.
    pub fn state(&self) -> PathBuf {
        self.path("state")
    }

    /// Writes a file and gives its path.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).unwrap_or_else(|error| panic!("{name}: {error}"));
        path
    }

    /// Reads a file.
    ///
    /// # Panics
    /// If it cannot be read.
    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The module's log; empty if there is none.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.path("hsmsim.log")).unwrap_or_default()).into_owned()
    }

    /// A command with the environment of this sandbox: the command and the module under test first on
    /// PATH, `MODULE`, `PIN`, `SO_PIN` and `LABEL` for scripts.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let target = build::target();
        let path = env::var_os("PATH").unwrap_or_default();
        let folders = [target.to_owned()].into_iter().chain(env::split_paths(&path));
        let mut command = Command::new(program);
        command
            .env_clear()
            .current_dir(&self.folder)
            .env("PATH", env::join_paths(folders).expect("folders without colons"))
            .env("HOME", &self.folder)
            .env("LANG", "C.UTF-8")
            .env("MODULE", build::module_path())
            .env("PIN", USER_PIN)
            .env("SO_PIN", SO_PIN)
            .env("LABEL", LABEL)
            // What the OpenSSL engine loads.
            .env("PKCS11_MODULE_PATH", build::module_path())
            .env("HSMSIM_LOG_FILE", self.path("hsmsim.log"))
            .envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Starts a program.
    pub fn start(&self, program: impl AsRef<OsStr>, arguments: &[&str]) -> Running {
        self.start_on(program, arguments, b"")
    }

    /// Starts a program with these bytes as its stdin.
    pub fn start_on(
        &self,
        program: impl AsRef<OsStr>,
        arguments: &[&str],
        input: &[u8],
    ) -> Running {
        let title = format!("{} {}", program.as_ref().display(), arguments.join(" "));
        let mut command = self.command(program);
        command.args(arguments);
        let (stdout, stderr) = self.outputs();
        Running::start(command, title, input, stdout, stderr)
    }

    /// Starts this package's own program in one of its roles, with a pipe to its stdin.
    pub fn worker(&self, program: &str, arguments: &[&str]) -> Running {
        let title = format!("worker {}", arguments.join(" "));
        let mut command = self.command(program);
        command.args(arguments);
        let (stdout, stderr) = self.outputs();
        Running::start_with_pipe(command, title, stdout, stderr)
    }

    /// Runs a program to its end.
    pub fn run(&self, program: impl AsRef<OsStr>, arguments: &[&str]) -> Ended {
        self.start(program, arguments).end(BOUND)
    }

    /// Runs the command under test to its end; it has to succeed.
    pub fn hsmsim(&self, arguments: &[&str]) -> Ended {
        self.run(build::command_path(), arguments).succeeded()
    }

    /// Runs a script of bash; it has to succeed, each command of it.
    pub fn sh(&self, script: &str) -> Ended {
        self.sh_within(script, BOUND).succeeded()
    }

    /// Runs a script that has to end with an error.
    pub fn sh_refused(&self, script: &str) -> Ended {
        self.sh_within(script, BOUND).refused()
    }

    /// Runs a script of bash to its end.
    pub fn sh_within(&self, script: &str, bound: Duration) -> Ended {
        let mut command = self.command("bash");
        command.args(["-euo", "pipefail", "-c", script]);
        let (stdout, stderr) = self.outputs();
        Running::start(command, script.to_owned(), b"", stdout, stderr).end(bound)
    }

    /// Names of two files that do not exist yet.
    pub(crate) fn outputs(&self) -> (PathBuf, PathBuf) {
        let number = self.outputs.fetch_add(1, Ordering::Relaxed);
        (self.path(&format!("output/{number}.out")), self.path(&format!("output/{number}.err")))
    }
}

impl Drop for Sandbox {
    /// What the module said is worth seeing when a test has failed.
    fn drop(&mut self) {
        if thread::panicking() && self.owned.is_some() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            let tail = &lines[lines.len().saturating_sub(40)..];
            eprintln!("---- the end of the module's log\n{}", tail.join("\n"));
        }
    }
}
