//! `hsmsim call-fault`: what becomes of single calls, scripted by hand, from the tables of call faults.

use std::{
    io::{Write, stdout},
    path::PathBuf,
};

use hsmsim_cluster::Cluster;
use hsmsim_sim_config::{CALL_FUNCTIONS, CALL_KEYS, CallFault, CallFunction, CallKeyUse, CalledOn};

use crate::{
    context::Context,
    failure::{Failure, Outcome},
    text::{counted, wrap},
};

#[derive(clap::Subcommand)]
pub(crate) enum Args {
    /// Set a call fault, or those of a file
    #[command(after_help = keys_help())]
    Add {
        /// The function it strikes, C_Sign; several with commas between them; `any`
        #[arg(required_unless_present = "file")]
        function: Option<String>,
        /// Which of its calls, and what becomes of them
        #[arg(value_name = "KEY=VALUE")]
        words: Vec<String>,
        /// A file of `[[call]]` sections
        #[arg(long, value_name = "PATH", conflicts_with = "function")]
        file: Option<PathBuf>,
    },
    /// List the call faults that are set
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Remove one call fault
    Remove {
        /// Its number
        id: u64,
    },
    /// Remove all call faults
    Clear,
    /// List the functions that can be struck, and what each can be matched by
    Functions {
        /// As the tables of the documentation, with the keys
        #[arg(long)]
        markdown: bool,
    },
}

pub(crate) fn run(context: &Context, args: &Args) -> Outcome {
    match args {
        Args::Add { file: Some(path), .. } => add(&*context.cluster()?, &CallFault::file(path)?),
        Args::Add { function, words, .. } => {
            let fault = parse(function.as_deref().unwrap_or_default(), words)?;
            add(&*context.cluster()?, &[fault])
        }
        Args::List { json } => list(&*context.cluster()?, *json),
        Args::Remove { id } => {
            if context.cluster()?.remove_call_fault(*id)? {
                writeln!(stdout(), "call fault {id} removed")?;
                return Ok(0);
            }
            let message = format!("there is no call fault {id}; see hsmsim call-fault list");
            Err(Failure::new(message))
        }
        Args::Clear => {
            let removed = context.cluster()?.clear_call_faults()?;
            let removed = counted(removed.len(), "call fault", "call faults");
            writeln!(stdout(), "{removed} removed")?;
            Ok(0)
        }
        Args::Functions { markdown: false } => functions(),
        Args::Functions { markdown: true } => tables(),
    }
}

fn parse(function: &str, words: &[String]) -> Result<CallFault, Failure> {
    let mut pairs = Vec::with_capacity(words.len());
    for word in words {
        let pair = word.split_once('=');
        pairs.push(
            pair.ok_or_else(|| Failure::new(format!("{word} is not of the form key=value")))?,
        );
    }
    Ok(CallFault::new(function, &pairs)?)
}

fn add(cluster: &Cluster, faults: &[CallFault]) -> Outcome {
    let mut out = stdout().lock();
    for fault in faults {
        let id = cluster.add_call_fault(fault, None, None)?;
        writeln!(out, "call fault {id}: {fault}")?;
    }
    Ok(0)
}

fn list(cluster: &Cluster, json: bool) -> Outcome {
    let faults = cluster.call_faults();
    let mut out = stdout().lock();
    if json {
        let row = |set: &hsmsim_cluster::SetCallFault| serde_json::json!({ "id": set.id, "call_fault": set.fault.to_string() });
        serde_json::to_writer_pretty(&mut out, &faults.iter().map(row).collect::<Vec<_>>())?;
        writeln!(out)?;
        return Ok(0);
    }
    if faults.is_empty() {
        writeln!(out, "no call faults")?;
    }
    for set in faults.iter() {
        writeln!(out, "{:>5}  {}", set.id, set.fault)?;
    }
    Ok(0)
}

fn heading(usage: CallKeyUse) -> &'static str {
    match usage {
        CallKeyUse::Match => "Which calls are meant",
        CallKeyUse::Choice => "Which of those are struck; all if nothing is said",
        CallKeyUse::Action => "What becomes of them",
    }
}

/// The keys, for `--help`.
fn keys_help() -> String {
    let mut help = String::new();
    for usage in [CallKeyUse::Match, CallKeyUse::Choice, CallKeyUse::Action] {
        help += &format!("{}:\n", heading(usage));
        for key in CALL_KEYS.iter().filter(|key| key.usage == usage) {
            help += &wrap(&format!("  {:<13}", key.name), key.help);
            help.push('\n');
        }
        help.push('\n');
    }
    help += "Calls are counted in each process by itself, from 1. A call that asks for a length (NULL for\n\
             the output) does not count. Of several call faults the oldest that may strikes.\n\n\
             Example: hsmsim call-fault add C_Sign label=web nth=3 code=CKR_DEVICE_ERROR";
    help
}

/// What a function can be matched by beside `slot`, `token` and `process`.
fn matched_by(function: &CallFunction) -> String {
    let mut keys = Vec::new();
    if function.on == CalledOn::Session {
        keys.push("session");
    }
    if function.mechanism {
        keys.push("mechanism");
    }
    if function.object {
        keys.extend(["label", "id"]);
    }
    keys.join(", ")
}

fn functions() -> Outcome {
    let mut out = stdout().lock();
    for function in CALL_FUNCTIONS {
        let line = format!("{:<26}{}", function.name, matched_by(function));
        writeln!(out, "{}", line.trim_end())?;
    }
    writeln!(out, "All can be matched by slot, token and process too.")?;
    Ok(0)
}

/// The tables of `docs/call-faults.md`.
fn tables() -> Outcome {
    let mut out = stdout().lock();
    for usage in [CallKeyUse::Match, CallKeyUse::Choice, CallKeyUse::Action] {
        writeln!(out, "{}:\n", heading(usage))?;
        writeln!(out, "| key | example | meaning |")?;
        writeln!(out, "|---|---|---|")?;
        for key in CALL_KEYS.iter().filter(|key| key.usage == usage) {
            writeln!(out, "| `{}` | `{}` | {} |", key.name, key.example, key.help)?;
        }
        writeln!(out)?;
    }
    writeln!(out, "| function | matched by, beside `slot`, `token`, `process` |")?;
    writeln!(out, "|---|---|")?;
    for function in CALL_FUNCTIONS {
        writeln!(out, "| `{}` | {} |", function.name, matched_by(function))?;
    }
    Ok(0)
}
