//! `hsmsim profile`: look at profiles, check them, record one from another module.

use std::{
    io::{Read, Write, stdin, stdout},
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};

use hsmsim_drill::probe::{ProbeArgs, Recording, probe};
use hsmsim_partition::mechanisms::review::review;
use hsmsim_sim_config::{ConfigError, Profile, Severity, profile_key_table, suggestion};

use crate::{
    context::{self, Context},
    failure::{Failure, Outcome},
    text::wrap,
};

#[derive(clap::Subcommand)]
pub(crate) enum Args {
    /// List the shipped profiles
    List,
    /// Print a profile file, to copy and edit
    Show {
        /// A shipped name or a path
        name: String,
    },
    /// Say what a reviewer would say; exits with 2 if there is an error among it
    Check {
        /// A shipped name or a path; the profile of the topology in use if not given
        name: Option<String>,
    },
    /// Print the table of keys, in Markdown
    Keys,
    /// Print a profile of what another PKCS#11 module shows
    Record(RecordArgs),
}

#[derive(clap::Args)]
pub(crate) struct RecordArgs {
    /// The module to load; this project's own if not given
    #[arg(long, value_name = "FILE")]
    module: Option<PathBuf>,
    /// The slot; the first with a token if neither this nor --label is given
    #[arg(long, value_name = "NUMBER", conflicts_with = "label")]
    slot: Option<u64>,
    /// The token's label
    #[arg(long)]
    label: Option<String>,
    /// The user PIN, HSMSIM_RECORD_PIN if not given; without one nothing is asked that needs a login
    #[arg(long)]
    pin: Option<String>,
    /// Name of the profile
    #[arg(long, default_value = "recorded")]
    name: String,
    /// Find out how much data one call takes, with up to 16 MiB of it
    #[arg(long)]
    probe_data: bool,
    /// Measure signing and encrypting, each for so long, with session keys
    #[arg(long, value_name = "SECONDS")]
    measure: Option<f64>,
    /// Threads that measure
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    threads: u32,
}

pub(crate) fn run(context: &Context, args: &Args) -> Outcome {
    let mut out = stdout().lock();
    match args {
        Args::List => {
            for name in Profile::shipped_names() {
                let description = Profile::shipped(name)?.description;
                writeln!(out, "{}", wrap(&format!("{name:<14} "), &description))?;
            }
            Ok(0)
        }
        Args::Show { name } => {
            write!(out, "{}", text_of(name)?)?;
            Ok(0)
        }
        Args::Check { name } => {
            let name = match name {
                Some(name) => name.clone(),
                None => context.find_topology()?.profile,
            };
            check(&mut out, &name)
        }
        Args::Keys => {
            write!(out, "{}", profile_key_table())?;
            Ok(0)
        }
        Args::Record(args) => {
            let text = record(args)?.to_profile(&args.name);
            // Whatever a module says, the result is a profile.
            Profile::parse(&text, "the recorded profile")?;
            write!(out, "{text}")?;
            Ok(0)
        }
    }
}

fn text_of(name: &str) -> Result<String, Failure> {
    if let Some(text) = Profile::shipped_text(name) {
        return Ok(text.to_owned());
    }
    if !name.contains('/') && !name.ends_with(".toml") {
        let hint = suggestion(name, Profile::shipped_names());
        return Err(Failure::new(format!("there is no profile \"{name}\"; {hint}")));
    }
    std::fs::read_to_string(name).map_err(|error| Failure::new(format!("{name}: {error}")))
}

fn check(out: &mut impl Write, name: &str) -> Outcome {
    let profile = match Profile::resolve(name) {
        Ok(profile) => profile,
        // A file with an error in it is what this command is there to find.
        Err(error) if error.line() > 0 => return refused(out, &error),
        Err(error) => return Err(error.into()),
    };
    let findings = review(&profile);
    for finding in &findings {
        let first = format!("{:<8} {:<18} ", finding.severity, finding.rule);
        writeln!(out, "{}", wrap(&first, &finding.message))?;
    }
    let errors = findings.iter().any(|finding| finding.severity == Severity::Error);
    Ok(if errors { 2 } else { 0 })
}

fn refused(out: &mut impl Write, error: &ConfigError) -> Outcome {
    writeln!(out, "{error}")?;
    Ok(2)
}

/// Asks the module in a process of its own: it may crash, and that must not be this one.
fn record(args: &RecordArgs) -> Result<Recording, Failure> {
    let module = match &args.module {
        Some(module) => module.clone(),
        None => context::module()?,
    };
    let measure = |seconds: f64| Duration::try_from_secs_f64(seconds).map(|time| time.as_millis());
    let measure_ms = args
        .measure
        .map(|seconds| measure(seconds).map(|ms| u64::try_from(ms).unwrap_or(u64::MAX)))
        .transpose()
        .map_err(|error| Failure::new(format!("--measure: {error}")))?;
    let pin = args.pin.clone().or_else(|| std::env::var("HSMSIM_RECORD_PIN").ok());
    if measure_ms.is_some() && pin.is_none() {
        return Err(Failure::new("--measure makes session keys, which needs --pin"));
    }
    let asked = ProbeArgs {
        module,
        slot: args.slot,
        label: args.label.clone(),
        pin,
        probe_data: args.probe_data,
        measure_ms,
        threads: args.threads,
    };
    let mut child = Command::new(std::env::current_exe()?)
        .arg("probe")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    // Not as an argument: other users can see those, and a PIN is among it.
    if let Some(mut input) = child.stdin.take() {
        serde_json::to_writer(&mut input, &asked)?;
    }
    let ended = child.wait_with_output()?;
    if !ended.status.success() {
        let module = asked.module.display();
        return Err(match ended.status.code() {
            Some(_) => Failure::new(format!("{module} could not be recorded")),
            None => Failure::new(format!("{module} crashed: {}", ended.status)),
        });
    }
    // Libraries like to print; what is asked for is the last line.
    let printed = String::from_utf8_lossy(&ended.stdout);
    Ok(serde_json::from_str(printed.lines().last().unwrap_or_default())?)
}

/// The process that loads the module: arguments on standard input, the answer as one line.
pub(crate) fn probe_here() -> Outcome {
    let mut asked = String::new();
    stdin().read_to_string(&mut asked)?;
    let recording = probe(&serde_json::from_str(&asked)?)?;
    let line = serde_json::to_string(&recording)?;
    writeln!(stdout().lock(), "\n{line}")?;
    Ok(0)
}
