//! The suite over this module, and over another one to show that it runs there too.

use std::{path::Path, time::Duration};

use hsmsim_conformance::{case::Outcome, report::Report};
use hsmsim_tests::{
    Sandbox, build,
    process::Ended,
    programs::skip,
    sandbox::{LABEL, SO_PIN, USER_PIN},
    test_name,
};

const SUITE: &str = env!("CARGO_BIN_EXE_hsmsim-conformance");
const BOUND: Duration = Duration::from_secs(600);

/// What this module may leave out, case by case.
const LEFT_OUT: &[&str] = &["session.state.none"];

fn run(sandbox: &Sandbox, arguments: &[&str]) -> (Ended, Report) {
    let all = [&["run", "--json", "report.json"], arguments].concat();
    let ended = sandbox.start(SUITE, &all).end(BOUND);
    let report = serde_json::from_slice(&sandbox.read("report.json"))
        .unwrap_or_else(|error| panic!("{error}\n{ended}"));
    (ended, report)
}

fn nothing_fails_on(topology: &str) {
    let sandbox = Sandbox::new(topology);
    let module = build::module_path().display().to_string();
    let known = ["--module", &module, "--label", LABEL, "--pin", USER_PIN, "--so-pin", SO_PIN];
    let (ended, report) = run(&sandbox, &known);
    assert_eq!(report.failures().count(), 0, "{ended}");
    let left_out: Vec<&str> = report
        .findings
        .iter()
        .filter(|finding| finding.outcome == Outcome::Unsupported)
        .map(|finding| finding.id.as_str())
        .collect();
    let unexpected: Vec<&&str> = left_out.iter().filter(|id| !LEFT_OUT.contains(id)).collect();
    assert!(unexpected.is_empty(), "{unexpected:?}\n{ended}");
    assert!(report.count(Outcome::Pass) > 800, "{ended}");
    assert!(!sandbox.log().contains("panic"), "{}", sandbox.log());
}

#[test]
fn no_case_fails_on_a_pair_without_delays() {
    nothing_fails_on("instant");
}

#[test]
fn no_case_fails_on_a_pair_with_delays() {
    nothing_fails_on("ha-pair");
}

#[test]
fn the_suite_runs_on_another_module() {
    let folders = ["/usr/lib/softhsm", "/usr/lib/x86_64-linux-gnu/softhsm", "/usr/lib64/pkcs11"];
    let paths = folders.map(|folder| format!("{folder}/libsofthsm2.so"));
    let Some(module) = paths.iter().find(|path| Path::new(path).exists()) else {
        return skip(test_name!(), "libsofthsm2.so");
    };
    let sandbox = Sandbox::bare();
    let tokens = sandbox.path("tokens");
    std::fs::create_dir(&tokens).expect("a folder");
    let text = format!("directories.tokendir = {}\nobjectstore.backend = file\n", tokens.display());
    let file = sandbox.write("softhsm2.conf", text).display().to_string();
    let sandbox = sandbox.with("SOFTHSM2_CONF", &file);
    let known = ["--init", "--module", module, "--label", LABEL, "--pin", USER_PIN];
    let (ended, report) = run(&sandbox, &[&known[..], &["--so-pin", SO_PIN]].concat());
    // What it passes is its own affair; that most of it was asked and answered is the suite's.
    assert!(report.library.contains("PKCS11 2."), "{ended}");
    assert!(report.count(Outcome::Pass) > 200, "{ended}");
    assert!(report.findings.len() > 800, "{ended}");
}

/// How many random calls are played; a few more end the last sequence.
const CALLS: u64 = 200_000;

#[test]
fn random_calls_break_nothing() {
    let sandbox = Sandbox::new("instant").with("HSMSIM_STATE", "memory");
    let module = build::module_path().display().to_string();
    let corpus = build::root().join("fuzz/corpus/calls");
    let mut files: Vec<String> = std::fs::read_dir(&corpus)
        .expect("the corpus")
        .map(|entry| entry.expect("a file").path().display().to_string())
        .collect();
    files.sort();
    let count = CALLS.to_string();
    let known =
        ["calls", "--module", &module, "--label", LABEL, "--pin", USER_PIN, "--so-pin", SO_PIN];
    let all: Vec<&str> = known
        .into_iter()
        .chain(["--seed", "1", "--count", &count])
        .chain(files.iter().map(String::as_str))
        .collect();
    let ended = sandbox.start(SUITE, &all).end(BOUND);
    // The sequence that did it, for `hsmsim-conformance calls FILE`.
    if !ended.status.success() {
        let kept = build::root().join("target/last-sequence");
        std::fs::write(&kept, sandbox.read("last-sequence")).expect("target/");
        eprintln!("the last sequence is in {}", kept.display());
    }
    let ended = ended.succeeded();
    let played: u64 = ended.stdout.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0);
    assert!(played >= CALLS, "{ended}");
    let log = sandbox.log();
    assert!(!log.contains("panic at"), "{log}");
    // That it reached the operations, and not only their refusals.
    for code in ["CKR_SIGNATURE_INVALID", "CKR_DATA_LEN_RANGE", "CKR_ENCRYPTED_DATA_INVALID"] {
        assert!(log.contains(code), "{code} never came");
    }
}
