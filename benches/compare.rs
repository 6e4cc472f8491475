//! The same calls on hsmsim, SoftHSM2 and any other PKCS#11 module, in turn, within one run.
//!
//! `cargo bench -p hsmsim-benches` runs everything; `-- --help` lists what can be chosen. The process
//! ends with 1 if a module refused what it should do, or hsmsim's module is missing or stale.

#![forbid(unsafe_code)]

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use clap::Parser;
use hsmsim_benches::{
    cases::{CASES, Case},
    contender::{Contender, Entry, MODULES_VARIABLE, prepare_environment, softhsm2},
    locate::fresh_module,
    measure::{Lane, Plan, in_turn},
    report::{BARE, Cell, Settings, Table},
    words::Result as CallResult,
};

/// Times PKCS#11 calls on several modules side by side.
///
/// Further modules: HSMSIM_BENCH_MODULES=name=path[:token-label:user-pin], divided by semicolons;
/// without a token, the first blank one is initialised.
#[derive(Parser)]
struct Arguments {
    /// Only cases whose name contains this, in any case of letters
    filter: Option<String>,
    /// Fewer and shorter rounds: seconds instead of a minute, and a coarser table
    #[arg(long)]
    quick: bool,
    /// Rounds of each case
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: Option<u16>,
    /// Threads that make calls at the same time, each in a session of its own
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..))]
    threads: u8,
    /// Only these participants (hsmsim, softhsm2, bare, or a name of HSMSIM_BENCH_MODULES)
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    only: Vec<String>,
    /// Another build of hsmsim's module than the one beside this program
    #[arg(long, value_name = "PATH")]
    hsmsim: Option<PathBuf>,
    /// Writes all samples to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Lists the cases
    #[arg(long)]
    list: bool,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

impl Arguments {
    fn takes_part(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only.eq_ignore_ascii_case(name))
    }

    fn cases(&self) -> Vec<&'static Case> {
        let word = self.filter.as_deref().unwrap_or_default().to_lowercase();
        CASES.iter().filter(|case| case.name.to_lowercase().contains(&word)).collect()
    }

    fn plan(&self) -> Plan {
        let (rounds, round_ms) = if self.quick { (5, 5) } else { (21, 40) };
        Plan {
            rounds: self.rounds.map_or(rounds, usize::from),
            round: Duration::from_millis(round_ms),
        }
    }

    /// The modules that take part, hsmsim's first.
    fn entries(&self) -> Result<Vec<Entry>, String> {
        let mut entries = Vec::new();
        if self.takes_part("hsmsim") {
            entries.push(Entry::hsmsim(self.hsmsim.clone().map_or_else(fresh_module, Ok)?));
        }
        match softhsm2() {
            Some(path) => entries.push(Entry::softhsm2(path)),
            None if !self.takes_part("softhsm2") => {}
            None => eprintln!("SoftHSM2 is left out: it is not installed (apt install softhsm2)"),
        }
        if let Ok(value) = std::env::var(MODULES_VARIABLE) {
            entries.extend(Entry::parse_list(&value)?);
        }
        entries.retain(|entry| self.takes_part(&entry.name));
        Ok(entries)
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.list {
        CASES.iter().for_each(|case| println!("{}", case.name));
        return ExitCode::SUCCESS;
    }
    match compare(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("compare: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs and prints everything; false if a module failed a case.
fn compare(arguments: &Arguments) -> Result<bool, String> {
    // On the disk of the build, as a temporary directory may lie in memory, where a commit is free.
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))
        .map_err(|error| format!("{}: {error}", env!("CARGO_TARGET_TMPDIR")))?;
    let entries = arguments.entries()?;
    prepare_environment(directory.path())?;
    let contenders =
        entries.into_iter().map(Contender::enter).collect::<Result<Vec<_>, String>>()?;

    let mut columns: Vec<_> = contenders.iter().map(|contender| contender.name.clone()).collect();
    if arguments.takes_part(BARE) {
        columns.push(BARE.to_owned());
    }
    if columns.is_empty() {
        return Err(format!("nobody here is called {}", arguments.only.join(" or ")));
    }
    let (plan, threads) = (arguments.plan(), usize::from(arguments.threads));
    let settings = Settings::here(threads, plan.rounds, plan.round.as_millis());
    let mut table = Table::new(columns);
    println!("{}\n{}", settings.line(), table.head());
    for case in arguments.cases() {
        let mut lanes: Vec<_> =
            contenders.iter().map(|contender| module_lane(case, contender, threads)).collect();
        if arguments.takes_part(BARE) {
            lanes.push(bare_lane(case, directory.path(), threads));
        }
        println!("{}", table.add(case.name, case.budget, run(lanes, plan)));
    }
    let remarks = table.remarks();
    if !remarks.is_empty() {
        println!("\n{}", remarks.join("\n"));
    }
    if let Some(file) = &arguments.json {
        let json = table.json(settings).map_err(|error| error.to_string())?;
        std::fs::write(file, json).map_err(|error| format!("{}: {error}", file.display()))?;
    }
    for Contender { name, token } in contenders {
        token.leave().map_err(|refusal| format!("{name}: {refusal}"))?;
    }
    Ok(!table.has_failures())
}

/// `None` where there is no such thing.
type MaybeLane = Option<CallResult<Lane>>;

fn module_lane(case: &Case, contender: &Contender, threads: usize) -> MaybeLane {
    let runners: CallResult<_> = (0..threads).map(|_| (case.prepare)(&contender.token)).collect();
    match runners {
        Err(refusal) if refusal.is_lack() => None,
        runners => Some(runners.map(Lane::new)),
    }
}

fn bare_lane(case: &Case, directory: &Path, threads: usize) -> MaybeLane {
    let bare = case.bare?;
    Some(Ok(Lane::new((0..threads).map(|_| bare(directory)).collect())))
}

fn run(lanes: Vec<MaybeLane>, plan: Plan) -> Vec<Cell> {
    let present: Vec<bool> = lanes.iter().map(Option::is_some).collect();
    let mut results = in_turn(lanes.into_iter().flatten().collect(), plan).into_iter();
    let cells =
        present.into_iter().map(|present| match if present { results.next() } else { None } {
            None => Cell::Lacking,
            Some(Ok(samples)) => Cell::Samples(samples),
            Some(Err(refusal)) => Cell::Failed(refusal.to_string()),
        });
    cells.collect()
}
