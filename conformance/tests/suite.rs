//! The suite over this module, and over another one to show that it runs there too.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::LazyLock,
    time::Duration,
};

use hsmsim_conformance::{
    case::Outcome,
    report::{self, Report},
};
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

/// What the suite finds on a topology, and what the module said meanwhile.
struct Run {
    ended: Ended,
    report: Report,
    log: String,
}

impl Run {
    fn on(topology: &str) -> Self {
        let sandbox = Sandbox::new(topology);
        let module = build::module_path().display().to_string();
        let known = ["--module", &module, "--label", LABEL, "--pin", USER_PIN, "--so-pin", SO_PIN];
        let (ended, report) = run(&sandbox, &known);
        Self { ended, report, log: sandbox.log() }
    }

    fn has_nothing_that_fails(&self) {
        let Self { ended, report, log } = self;
        assert_eq!(report.failures().count(), 0, "{ended}");
        let left_out: Vec<&str> = report
            .findings
            .iter()
            .filter(|finding| finding.outcome == Outcome::Unsupported)
            .map(|finding| finding.id.as_str())
            .collect();
        let unexpected: Vec<&&str> = left_out.iter().filter(|id| !LEFT_OUT.contains(id)).collect();
        assert!(unexpected.is_empty(), "{unexpected:?}\n{ended}");
        assert!(report.count(Outcome::Pass) > 1000, "{ended}");
        assert!(!log.contains("panic"), "{log}");
    }
}

static WITHOUT_DELAYS: LazyLock<Run> = LazyLock::new(|| Run::on("instant"));
/// On its asynchronous sessions calls are left pending.
static WITH_DELAYS: LazyLock<Run> = LazyLock::new(|| Run::on("ha-pair"));

#[test]
fn no_case_fails_on_a_pair_without_delays() {
    WITHOUT_DELAYS.has_nothing_that_fails();
}

#[test]
fn no_case_fails_on_a_pair_with_delays() {
    WITH_DELAYS.has_nothing_that_fails();
}

/// Functions that no case brings to CKR_OK, and the tests that do.
const CALLED_ELSEWHERE: &[(&str, &str)] = &[
    // It empties a token, which is not any module's to be asked.
    ("C_InitToken", "tests/tests/main/readme.rs: recipe init-token"),
    // Something has to happen to a device meanwhile.
    ("C_WaitForSlotEvent", "tests/tests/main/members.rs"),
    // A number is taken in one session, or process, and joined in another.
    ("C_AsyncGetID", "pkcs11-module/src/tests/asynchronous/numbers.rs"),
    ("C_AsyncJoin", "pkcs11-module/src/tests/asynchronous/numbers.rs"),
];

#[test]
fn every_function_that_works_answers_ckr_ok_in_a_case() {
    let page = std::fs::read_to_string(build::root().join("docs/pkcs11.md")).expect("the page");
    let lists = page.lines().filter(|line| line.starts_with("**Work, of "));
    let functions: BTreeSet<&str> =
        lines_in_code(lists).filter(|name| name.starts_with("C_")).collect();
    assert!(functions.len() > 100, "{functions:?}");
    let called = WITH_DELAYS.report.succeeded();
    let elsewhere: BTreeMap<&str, &str> = CALLED_ELSEWHERE.iter().copied().collect();
    let missing: Vec<&&str> = functions
        .iter()
        .filter(|name| !called.contains_key(**name) && !elsewhere.contains_key(**name))
        .collect();
    assert!(missing.is_empty(), "no case calls {missing:?} successfully");
    for (name, place) in elsewhere {
        assert!(!called.contains_key(name), "a case calls {name}: it is not {place}'s alone");
        let file = place.split(':').next().unwrap_or(place);
        assert!(build::root().join(file).exists(), "{place}");
    }
}

/// What stands between backquotes.
fn lines_in_code<'a>(lines: impl Iterator<Item = &'a str>) -> impl Iterator<Item = &'a str> {
    lines.flat_map(|line| line.split('`').skip(1).step_by(2))
}

/// The cells of a table's row that begins with this one.
fn row<'a>(page: &'a str, first: &str) -> Option<Vec<&'a str>> {
    let cells = |line: &'a str| -> Vec<&'a str> {
        line.trim_matches('|').split('|').map(str::trim).collect()
    };
    page.lines().map(cells).find(|cells| cells.first() == Some(&first))
}

#[test]
fn the_page_tells_what_this_module_does_today() {
    let page =
        std::fs::read_to_string(build::root().join("docs/conformance.md")).expect("the page");
    let made = report::page(&[("hsmsim".to_owned(), WITHOUT_DELAYS.report.clone())]);
    let stale = "docs/conformance.md is stale: make conformance";
    let count = WITHOUT_DELAYS.report.findings.len().to_string();
    assert_eq!(row(&page, "hsmsim"), row(&made, "hsmsim"), "{stale}");
    for group in hsmsim_conformance::groups::NAMES {
        let column =
            |page| row(page, group).and_then(|cells| cells.get(1).map(ToString::to_string));
        assert!(column(&made).is_some(), "{group}");
        assert_eq!(column(&page), column(&made), "{group}: {stale}");
    }
    // Who fails a case stands in its row's last cell.
    let failing = |page: &str| -> Vec<String> {
        let rows = page.lines().filter(|line| {
            let last = line.trim_end_matches('|').rsplit('|').next().unwrap_or_default();
            line.starts_with("| `") && last.split(',').any(|name| name.trim() == "hsmsim")
        });
        lines_in_code(rows).map(str::to_owned).collect()
    };
    assert_eq!(failing(&page), failing(&made), "{stale}");
    let changes = std::fs::read_to_string(build::root().join("CHANGELOG.md")).expect("the changes");
    let said = format!("`hsmsim-conformance`: {count} cases");
    assert!(changes.contains(&said), "CHANGELOG.md does not say {said:?}");
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
