//! The same calls on hsmsim, SoftHSM2 and any other PKCS#11 module, in turn, within one run.
//!
//! `cargo bench -p hsmsim-benches --bench compare` runs everything; `-- --help` lists what can be
//! chosen. The process ends with 1 if a module refused what it should do, or hsmsim's module is
//! missing or stale.

#![forbid(unsafe_code)]

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

use clap::Parser;
use hsmsim_benches::{
    cases::{CASES, Case, MILLION, start::Child},
    contender::{Contender, Entry, MODULES_VARIABLE, prepare_environment, softhsm2},
    locate::fresh_module,
    measure::{Lane, Plan, in_turn},
    output::Output,
    picture,
    report::{BARE, Cell, HSMSIM, Row, Settings, Table},
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
    /// Fewer and shorter rounds, and no crowd of more than 1,000 objects
    #[arg(long)]
    quick: bool,
    /// Rounds of each case
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: Option<u16>,
    /// Threads that make calls at the same time, each in a session of its own; several numbers
    /// (1,2) run each case with each
    #[arg(long, value_delimiter = ',', default_value = "1", value_parser = clap::value_parser!(u8).range(1..))]
    threads: Vec<u8>,
    /// Only these participants (hsmsim, softhsm2, bare, or a name of HSMSIM_BENCH_MODULES)
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    only: Vec<String>,
    /// Another build of hsmsim's module than the one beside this program
    #[arg(long, value_name = "PATH")]
    hsmsim: Option<PathBuf>,
    /// The cases among a million objects too; a token takes ten minutes to fill, or gives up
    #[arg(long)]
    million: bool,
    /// Seconds after which a module gives up to fill its token with a crowd
    #[arg(long, default_value_t = 120, value_name = "SECONDS")]
    patience: u64,
    /// Writes all samples to this file
    #[arg(long, value_name = "FILE")]
    json: Option<Output>,
    /// Draws the ratios into this file
    #[arg(long, value_name = "FILE")]
    svg: Option<Output>,
    /// Lists the cases
    #[arg(long)]
    list: bool,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
    #[command(flatten)]
    child: Child,
}

impl Arguments {
    fn takes_part(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only.eq_ignore_ascii_case(name))
    }

    fn cases(&self) -> impl Iterator<Item = &'static Case> {
        let word = self.filter.as_deref().unwrap_or_default().to_lowercase();
        let most = match (self.million, self.quick) {
            (true, _) => MILLION,
            (false, true) => 1_000,
            (false, false) => MILLION - 1,
        };
        CASES
            .iter()
            .filter(move |case| case.name.to_lowercase().contains(&word) && case.crowd <= most)
    }

    fn plan(&self) -> Plan {
        let (rounds, round_ms, patience) = if self.quick { (5, 5, 2) } else { (21, 40, 20) };
        Plan {
            rounds: self.rounds.map_or(rounds, usize::from),
            round: Duration::from_millis(round_ms),
            patience: Duration::from_secs(patience),
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
    let done = match arguments.child.beginning {
        Some(beginning) => arguments.child.run(beginning).map(|taken| {
            println!("{}", taken.as_nanos());
            true
        }),
        None => compare(&arguments),
    };
    match done {
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
    let mut contenders =
        entries.into_iter().map(Contender::enter).collect::<Result<Vec<_>, String>>()?;

    let mut columns: Vec<_> = contenders.iter().map(|contender| contender.name.clone()).collect();
    if arguments.takes_part(BARE) {
        columns.push(BARE.to_owned());
    }
    if columns.is_empty() {
        return Err(format!("nobody here is called {}", arguments.only.join(" or ")));
    }
    let plan = arguments.plan();
    let settings = Settings::here(plan.rounds, plan.round.as_millis());
    let mut table = Table::new(columns);
    println!("{}\n{}", settings.line(), table.head());
    let patience = Duration::from_secs(arguments.patience);
    for case in arguments.cases() {
        let full = fill(&mut contenders, case.crowd, patience);
        for &threads in &arguments.threads {
            let threads = usize::from(threads);
            let mut lanes: Vec<_> = contenders
                .iter()
                .zip(&full)
                .map(|(contender, &full)| full.then(|| module_lane(case, contender, threads))?)
                .collect();
            if arguments.takes_part(BARE) {
                lanes.push(bare_lane(case, directory.path(), threads));
            }
            let cells = run(lanes, plan);
            let row = Row { case: case.name, threads, budget: case.budget, cells };
            println!("{}", table.add(row));
        }
        for contender in &mut contenders {
            let told = |refusal| format!("{}, {}: {refusal}", case.name, contender.name);
            contender.token.clean().map_err(told)?;
        }
    }
    let remarks = table.remarks();
    if !remarks.is_empty() {
        println!("\n{}", remarks.join("\n"));
    }
    write(arguments, &table, settings)?;
    for Contender { name, token } in contenders {
        token.leave().map_err(|refusal| format!("{name}: {refusal}"))?;
    }
    Ok(!table.has_failures())
}

fn write(arguments: &Arguments, table: &Table, settings: Settings) -> Result<(), String> {
    if let Some(file) = &arguments.svg {
        file.write(picture::svg(table, &settings))?;
    }
    if let Some(file) = &arguments.json {
        file.write(table.json(settings).map_err(|error| error.to_string())?)?;
    }
    Ok(())
}

/// Fills every token up to a crowd; says who has it, and tells how long it took.
fn fill(contenders: &mut [Contender], crowd: usize, patience: Duration) -> Vec<bool> {
    // A million takes hsmsim longer than anybody's patience with the others.
    let filled = contenders.iter_mut().map(|Contender { name, token }| {
        let patience =
            if crowd == MILLION && name.as_str() == HSMSIM { Duration::MAX } else { patience };
        let (before, start) = (token.crowd(), Instant::now());
        let count = match token.fill(crowd, patience) {
            Ok(count) => count,
            Err(refusal) => {
                println!("{name}: no crowd of {crowd}: {refusal}");
                return false;
            }
        };
        let taken = start.elapsed();
        if taken > Duration::from_secs(5) {
            println!("{name}: {} objects made in {:.0} s", count - before, taken.as_secs_f64());
        }
        count >= crowd
    });
    filled.collect()
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
