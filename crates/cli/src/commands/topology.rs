//! `hsmsim topology`: what a design review would say, and a picture.

use clap::Subcommand;
use hsmsim_sim_config::{ConfigError, Finding, Severity, Topology, check, show};
use serde_json::json;

use crate::{
    args::Format,
    context::Context,
    failure::{Exit, Failure},
    text::{
        WIDTH,
        out::{print, print_json},
        paint::{Paint, Tone},
        table::Table,
        words::{count, wrap},
    },
};

/// What to do with topologies.
#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// Say what a design review would say; exits with 2 if there are errors
    Check {
        /// A shipped topology or a file; the state's own if left out
        #[arg(value_name = "NAME|PATH")]
        name: Option<String>,
        #[command(flatten)]
        format: Format,
    },
    /// Draw regions, stamps, devices, groups and round trips
    Show {
        /// A shipped topology or a file; the state's own if left out
        #[arg(value_name = "NAME|PATH")]
        name: Option<String>,
        /// Print the file of a shipped topology, to start one of your own from
        #[arg(long, requires = "name")]
        file: bool,
    },
    /// List the shipped topologies
    List {
        #[command(flatten)]
        format: Format,
    },
}

pub(crate) fn run(action: &Action, context: &Context) -> Result<Exit, Failure> {
    match action {
        Action::Check { name, format } => review(name.as_deref(), *format, context),
        Action::Show { name: Some(name), file: true } => {
            // A file on disk needs no help to be printed.
            Topology::shipped(name)?;
            print(Topology::shipped_text(name).unwrap_or_default())?;
            Ok(Exit::Well)
        }
        Action::Show { name, .. } => {
            print(&show(&find(name.as_deref(), context)?))?;
            Ok(Exit::Well)
        }
        Action::List { format } => list(*format),
    }
}

fn find(name: Option<&str>, context: &Context) -> Result<Topology, Failure> {
    match name {
        Some(name) => Ok(Topology::resolve(name)?),
        None => context.topology(),
    }
}

fn review(name: Option<&str>, format: Format, context: &Context) -> Result<Exit, Failure> {
    let topology = match name {
        // A file that can be read and is wrong is what this command is there to find.
        Some(name) => Topology::resolve(name).map_err(|error| refused(&error))?,
        None => context.topology()?,
    };
    let findings = check(&topology);
    let errors = findings.iter().any(|finding| finding.severity == Severity::Error);
    if format.json {
        let findings: Vec<_> = findings
            .iter()
            .map(|finding| {
                json!({
                    "severity": finding.severity.to_string(),
                    "rule": finding.rule,
                    "message": finding.message,
                })
            })
            .collect();
        print_json(&json!({ "topology": topology.name, "findings": findings }))?;
    } else {
        print(&text(&topology, &findings, Paint::stdout()))?;
    }
    Ok(if errors { Exit::Found } else { Exit::Well })
}

fn refused(error: &ConfigError) -> Failure {
    let exit = if error.line() > 0 { Exit::Found } else { Exit::Failed };
    Failure::new(error.to_string()).exit(exit)
}

fn text(topology: &Topology, findings: &[Finding], paint: Paint) -> String {
    let mut out = format!("{topology}\n\n");
    for finding in findings {
        let tone = match finding.severity {
            Severity::Error => Tone::Bad,
            Severity::Warning => Tone::Notice,
            Severity::Info => Tone::Plain,
        };
        let head = format!("{:<8}", finding.severity);
        let said = format!("{} [{}]", finding.message, finding.rule);
        for (index, line) in wrap(&said, WIDTH - 8).iter().enumerate() {
            let head = if index == 0 { paint.tone(tone, &head) } else { " ".repeat(8) };
            out += &format!("{head}{line}\n");
        }
    }
    let of = |severity| findings.iter().filter(|f| f.severity == severity).count() as u64;
    let (errors, warnings) = (of(Severity::Error), of(Severity::Warning));
    if !findings.is_empty() {
        out.push('\n');
    }
    out += &format!("{}, {}\n", count(errors, "error"), count(warnings, "warning"));
    out
}

fn list(format: Format) -> Result<Exit, Failure> {
    let mut table = Table::new(["NAME", "WHAT"]);
    let mut values = Vec::new();
    for name in Topology::shipped_names() {
        let topology = Topology::shipped(name)?;
        values.push(json!({ "name": name, "description": topology.description }));
        table.row([name.into(), topology.description.into()]);
    }
    if format.json {
        print_json(&values)?;
    } else {
        print(&table.render(Paint::stdout()))?;
    }
    Ok(Exit::Well)
}
