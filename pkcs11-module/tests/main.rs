//! The shared object as its hosts meet it: what it exports, how it behaves at exit and across a
//! fork, what its log says.
//!
//! The hosts are C programs in `hosts/`, compiled here with the compiler that links Rust programs
//! anyway. The shared object is built first, so it is never a stale one.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::LazyLock,
};

use tempfile::TempDir;

/// The shared object of this very source, in the profile of this test.
static MODULE: LazyLock<PathBuf> = LazyLock::new(|| {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--lib", "--message-format=json", "--package"]);
    cargo.arg(env!("CARGO_PKG_NAME")).current_dir(env!("CARGO_MANIFEST_DIR"));
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    let output = run(&mut cargo);
    let messages = String::from_utf8(output.stdout).expect("JSON");
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|message| message["target"]["name"] == "hsmsim_pkcs11")
        .find_map(|artifact| artifact["filenames"][0].as_str().map(PathBuf::from))
        .expect("cargo names the shared object")
});

/// Runs a command that has to succeed.
fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{errors}", output.status);
    output
}

/// A compiled host with a state directory of its own.
struct Host {
    directory: TempDir,
    program: PathBuf,
}

impl Host {
    fn compile(name: &str) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let program = directory.path().join(name);
        let hosts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hosts");
        let source = hosts.join(name).with_extension("c");
        let mut compiler = Command::new("cc");
        compiler.args(["-Wall", "-Wextra", "-Werror", "-pthread", "-o"]).arg(&program);
        run(compiler.arg(source).arg("-ldl"));
        Self { directory, program }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.arg(&*MODULE).args(arguments);
        command
            .env_remove("HSMSIM_LOG")
            .env_remove("HSMSIM_LOG_FILE")
            .env("HSMSIM_CONFIG", "instant");
        command.env("HSMSIM_STATE", self.state());
        command
    }

    fn state(&self) -> PathBuf {
        self.directory.path().join("state")
    }

    /// Runs the host; it has to succeed and must not have printed anything.
    fn run_silently(&self, arguments: &[&str]) {
        let output = run(&mut self.command(arguments));
        let printed = [output.stdout, output.stderr].concat();
        assert_eq!(String::from_utf8_lossy(&printed), "", "{arguments:?}");
    }
}

#[test]
fn nothing_but_the_standards_and_lunas_functions_is_exported() {
    let output = run(Command::new("nm").args(["-D", "--defined-only"]).arg(&*MODULE));
    let symbols = String::from_utf8(output.stdout).expect("names");
    let exported: BTreeSet<_> =
        symbols.lines().filter_map(|line| line.split_whitespace().last()).collect();
    let foreign: Vec<_> = exported
        .iter()
        .filter(|name| !name.starts_with("C_") && !name.starts_with("CA_"))
        .collect();
    assert!(foreign.is_empty(), "{foreign:?}");
    // The 104 functions of 3.2's list and fourteen of Luna's.
    assert_eq!(exported.len(), 117);
    for name in ["C_GetFunctionList", "C_GetInterface", "C_UnwrapKeyAuthenticated", "CA_GetHAState"]
    {
        assert!(exported.contains(name), "{name}");
    }
}

#[test]
fn an_exit_handler_may_finalise() {
    let host = Host::compile("exit_handler");
    for exit_from in ["main", "thread", "return"] {
        for initialise_in in ["main", "thread"] {
            for library in ["open", "closed"] {
                host.run_silently(&[exit_from, initialise_in, library]);
            }
        }
    }
}

#[test]
fn a_forked_child_starts_anew_and_leaves_its_parent_alone() {
    Host::compile("fork").run_silently(&[]);
}

#[test]
fn a_pending_call_meets_a_fork_or_the_end_of_its_process() {
    let host = Host::compile("pending");
    for end in ["collect", "fork", "exit"] {
        let output = run(host.command(&[end]).env("HSMSIM_CONFIG", "ha-pair"));
        let printed = [output.stdout, output.stderr].concat();
        assert_eq!(String::from_utf8_lossy(&printed), "", "{end}");
    }
}

#[test]
fn a_pending_call_is_recorded_once_and_under_its_own_name() {
    let host = Host::compile("pending");
    let record = host.directory.path().join("record");
    std::fs::create_dir(&record).expect("a folder");
    let mut command = host.command(&["collect"]);
    run(command.env("HSMSIM_CONFIG", "ha-pair").env("HSMSIM_RECORD", &record));
    let files = std::fs::read_dir(&record).expect("the record");
    let calls = files
        .map(|file| file.expect("a file").path())
        .filter(|file| file.to_string_lossy().contains("calls-"))
        .map(|file| std::fs::read_to_string(file).expect("calls"))
        .collect::<String>();
    let about = |word: &str| calls.lines().filter(|line| line.contains(word)).collect::<Vec<_>>();
    let [call] = about("C_GenerateRandom")[..] else { panic!("{calls}") };
    let call: serde_json::Value = serde_json::from_str(call).expect("JSON");
    assert_eq!(call["code"], "CKR_OK", "{calls}");
    // The way there and back, which takes its time.
    assert!(call["took_ns"].as_u64() > Some(100_000), "{calls}");
    assert_eq!(about("C_AsyncComplete").len() + about("CKR_PENDING").len(), 0, "{calls}");
}

#[test]
fn the_log_tells_calls_and_keeps_secrets() {
    let host = Host::compile("login");
    host.run_silently(&[]);
    assert!(!host.state().join("hsmsim.log").exists(), "no log unless asked for");

    run(host.command(&[]).env("HSMSIM_LOG", "trace"));
    let log = std::fs::read_to_string(host.state().join("hsmsim.log")).expect("the log");
    for expected in ["C_Initialize: CKR_OK after ", "C_Login(session ", "C_Finalize: CKR_OK"] {
        assert!(log.contains(expected), "{expected}:\n{log}");
    }
    for secret in ["12345678", "31323334", "wrong-pin", "0x31, 0x32", "[49, 50"] {
        assert!(!log.contains(secret), "{secret}");
    }

    let output = run(host.command(&[]).env("HSMSIM_LOG", "info").env("HSMSIM_LOG_FILE", "stderr"));
    let log = String::from_utf8(output.stderr).expect("text");
    assert!(log.contains("CKR_ARGUMENTS_BAD"), "{log}");
    assert!(!log.contains("CKR_OK"), "{log}");
}
