//! How many instructions a call costs, counted by callgrind and compared with the committed counts.
//!
//! Instructions do not depend on the mood of the machine, so a call that became dearer by a
//! twentieth is found out on any. `target/debug/hsmsim-instructions` runs itself under valgrind and
//! compares with benches/instructions.toml; `--bless` writes that file. The process ends with 1 if
//! a count grew by more than 5 %, and with 2 if nothing could be counted.
//!
//! The topology is `instant`, the state is in memory. Each case is warmed up, then a fixed number of
//! calls is counted; the same work without a module is counted beside it and taken off. Valgrind shows
//! every program on x86-64 with AVX2 the same processor, so AWS-LC, ring and the C library choose
//! the same code on every such machine.

#![forbid(unsafe_code)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    time::Duration,
};

use clap::Parser;
use hsmsim_benches::{
    baseline::{Baseline, Verdict},
    callgrind,
    cases::{CASES, Case, Runner},
    contender::{Contender, Entry, prepare_environment},
    locate::fresh_module,
    raw::set_environment,
};

/// The function that is counted. Callgrind takes one pattern for two purposes only without wildcards.
const COUNTED: &str = "hsmsim_instructions::counted_by_callgrind";
/// Calls before the count: buffers have grown, keys are unsealed, random generators seeded.
const WARM_UP: u64 = 50;

/// What is counted: the name of a case, how many calls, and whether the bare primitive is taken off.
const COUNTS: &[(&str, u64, bool)] = &[
    ("session info", 500, false),
    ("open and close session", 200, false),
    ("get attribute", 200, false),
    ("random 32 B", 200, true),
    ("SHA-256 32 B", 200, true),
    ("HMAC-SHA256 32 B", 200, true),
    ("AES-GCM 1 KiB", 200, true),
    // Whole: the bare one goes through more of AWS-LC's layers than the module, and costs more than both calls.
    ("ECDSA P-256 sign", 100, false),
    // With the destruction of what was made, and in memory, so that no commit is to be taken off.
    ("create token object", 100, false),
    ("find by label, 100 objects", 100, false),
];

/// Counts the instructions of PKCS#11 calls and compares them with the committed counts.
#[derive(Parser)]
struct Arguments {
    /// Writes the counts to the committed file
    #[arg(long)]
    bless: bool,
    /// Another file than benches/instructions.toml
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Another build of hsmsim's module than the one beside this program; is only counted
    #[arg(long, value_name = "PATH", conflicts_with = "bless")]
    module: Option<PathBuf>,
    /// Makes the calls; what callgrind runs
    #[arg(long, hide = true)]
    drive: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = if arguments.drive { drive(&arguments).map(|()| true) } else { count(&arguments) };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("instructions: {error}");
            ExitCode::from(2)
        }
    }
}

/// Counts, prints, compares; false if a count grew.
fn count(arguments: &Arguments) -> Result<bool, String> {
    if !cfg!(target_arch = "x86_64") {
        return Err("the committed counts are those of x86-64".to_owned());
    }
    let module = module(arguments)?;
    let file = arguments
        .baseline
        .clone()
        .unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("instructions.toml"));
    let counts = counts(&module)?;
    let rustc = rustc()?;
    if arguments.bless {
        let text = Baseline::text(&rustc, &counts);
        fs::write(&file, text).map_err(|error| format!("{}: {error}", file.display()))?;
    }
    if arguments.module.is_some() || !cfg!(debug_assertions) {
        println!("instructions a call of {}; the committed counts are another's", module.display());
        counts.iter().for_each(|(case, count)| println!("{case:<26}{count:>9}"));
        return Ok(true);
    }
    let text = fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    let baseline =
        Baseline::parse(&text).map_err(|error| format!("{}: {error}", file.display()))?;
    Ok(compare(&counts, &baseline, &rustc, &file))
}

fn compare(counts: &[(String, u64)], baseline: &Baseline, rustc: &str, file: &Path) -> bool {
    println!("instructions a call{:>16}{:>9}", "now", "before");
    let mut verdicts = Vec::new();
    for (case, count) in counts {
        let before = baseline.calls.get(case).copied();
        let verdict = Verdict::of(*count, before);
        let change = before.map_or_else(String::new, |before| {
            format!("{:+.1} %", (*count as f64 / before as f64 - 1.0) * 100.0)
        });
        let before = before.map_or_else(String::new, |before| before.to_string());
        println!("{case:<26}{count:>9}{before:>9}{change:>10}  {verdict}");
        verdicts.push(verdict);
    }
    let forgotten: Vec<_> = baseline.forgotten(counts).collect();
    for case in &forgotten {
        println!("{case}: is not counted any more");
    }
    let fails = verdicts.iter().any(|verdict| verdict.fails()) || !forgotten.is_empty();
    if rustc != baseline.rustc {
        println!("counted with {rustc}, the committed counts with {}", baseline.rustc);
    }
    if fails {
        println!(
            "If this is meant to be, commit what `target/debug/hsmsim-instructions --bless` makes of {}.",
            file.display()
        );
    } else if verdicts.contains(&Verdict::Shrunk) {
        println!("Cheaper than the committed counts: `--bless` keeps what was won.");
    }
    !fails
}

fn module(arguments: &Arguments) -> Result<PathBuf, String> {
    arguments.module.clone().map_or_else(fresh_module, Ok)
}

/// Runs this program under callgrind and takes off what the bare primitives cost.
fn counts(module: &Path) -> Result<Vec<(String, u64)>, String> {
    let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let status = callgrind::command(&program, COUNTED, directory.path())
        .arg("--drive")
        .arg("--module")
        .arg(module)
        .status()
        .map_err(|error| format!("valgrind: {error} (apt install valgrind)"))?;
    if !status.success() {
        return Err(format!("under callgrind: {status}"));
    }
    let runs = COUNTS.iter().map(|(_, _, bare)| 1 + usize::from(*bare)).sum();
    let mut totals = callgrind::counts(directory.path(), runs)?.into_iter();
    let mut next = || totals.next().unwrap_or_default();
    let counts = COUNTS.iter().map(|&(case, calls, bare)| {
        let (total, bare) = (next(), if bare { next() } else { 0 });
        (case.to_owned(), total.saturating_sub(bare) / calls)
    });
    Ok(counts.collect())
}

/// The compiler that is called here, which is the one that made the module a moment ago.
fn rustc() -> Result<String, String> {
    let program = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(program).arg("--version").output();
    let output = output.map_err(|error| format!("rustc: {error}"))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Makes the calls of every case, in the order in which their counts are read.
fn drive(arguments: &Arguments) -> Result<(), String> {
    let module = module(arguments)?;
    let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
    prepare_environment(directory.path())?;
    set_environment(&[("HSMSIM_STATE", Some(Path::new("memory")))]);
    let mut contender = Contender::enter(Entry::hsmsim(module))?;
    for &(name, calls, bare) in COUNTS {
        let case = case(name)?;
        let told = |refusal| format!("{name}: {refusal}");
        contender.token.fill(case.crowd, Duration::MAX).map_err(told)?;
        let mut runner = (case.prepare)(&contender.token).map_err(told)?;
        run(&mut runner, calls).map_err(told)?;
        drop(runner);
        if bare {
            let bare = case.bare.ok_or_else(|| format!("{name}: has no bare primitive"))?;
            run(&mut bare(directory.path()), calls).map_err(told)?;
        }
        contender.token.clean().map_err(told)?;
    }
    contender.token.leave().map_err(|refusal| refusal.to_string())
}

fn case(name: &str) -> Result<&'static Case, String> {
    CASES.iter().find(|case| case.name == name).ok_or_else(|| format!("{name}: no such case"))
}

fn run(runner: &mut Runner, calls: u64) -> hsmsim_benches::words::Result<()> {
    runner(WARM_UP)?;
    counted_by_callgrind(runner, calls)
}

/// Callgrind counts from where this begins to where it returns.
#[inline(never)]
fn counted_by_callgrind(runner: &mut Runner, calls: u64) -> hsmsim_benches::words::Result<()> {
    runner(calls).map(drop)
}
