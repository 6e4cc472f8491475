//! `hsmsim-conformance`: the statements of the standard, asked of a module.
//!
//! ```text
//! hsmsim-conformance run --module PATH --label LABEL --pin PIN [--so-pin PIN] [--reserved TEXT]
//!                        [--init] [--json FILE] [GROUP...]
//! hsmsim-conformance page NAME=FILE...
//! hsmsim-conformance calls --seed N --count N --module PATH --label LABEL --pin PIN [FILE...]
//! hsmsim-conformance list --module PATH --label LABEL --pin PIN
//! ```
//!
//! What an option leaves out comes from CONFORMANCE_MODULE, _LABEL, _PIN, _SO_PIN, _RESERVED. `--init`
//! gives the first token without one that label and those PINs first. Exit code: 0 no case failed, 1
//! one did, 2 it could not be run.

use std::{env, fs, path::PathBuf, process::ExitCode};

use hsmsim_conformance::{
    groups,
    module::{Module, Target},
    random_calls,
    report::{self, Report},
    run,
};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match entered(&arguments) {
        Ok(code) => code,
        Err(why) => {
            eprintln!("hsmsim-conformance: {why}");
            ExitCode::from(2)
        }
    }
}

fn entered(arguments: &[String]) -> Result<ExitCode, String> {
    match arguments {
        [verb, rest @ ..] if verb == "run" => {
            let asked = Asked::read(rest)?;
            if asked.init {
                groups::make_token(&asked.target)?;
            }
            let report = run::all(&asked.target, &asked.groups)?;
            print!("{}", report.table());
            if let Some(file) = asked.json {
                let text = serde_json::to_string_pretty(&report).map_err(|e| e.to_string())?;
                fs::write(&file, text).map_err(|e| format!("{}: {e}", file.display()))?;
            }
            Ok(ExitCode::from(u8::from(report.failures().next().is_some())))
        }
        [verb, rest @ ..] if verb == "list" => {
            let asked = Asked::read(rest)?;
            let mut module = Module::load(asked.target)?;
            module.initialise()?;
            for group in groups::NAMES {
                for case in groups::cases(group, &module) {
                    println!("{}\t{}\t{}", case.id, case.chapter, case.statement);
                }
            }
            Ok(ExitCode::SUCCESS)
        }
        [verb, rest @ ..] if verb == "page" => {
            let mut reports: Vec<(String, Report)> = Vec::new();
            for pair in rest {
                let (name, file) = pair.split_once('=').ok_or("NAME=FILE is missing")?;
                let text = fs::read_to_string(file).map_err(|e| format!("{file}: {e}"))?;
                let report = serde_json::from_str(&text).map_err(|e| format!("{file}: {e}"))?;
                reports.push((name.to_owned(), report));
            }
            print!("{}", report::page(&reports));
            Ok(ExitCode::SUCCESS)
        }
        [verb, rest @ ..] if verb == "calls" => calls(rest),
        [verb, target, group, from] if verb == "child" => {
            let target = serde_json::from_str(target).map_err(|e| e.to_string())?;
            let from = from.parse().map_err(|_| "not a number")?;
            run::child(&target, group, from)?;
            Ok(ExitCode::SUCCESS)
        }
        _ => Err("say run, calls, list or page".to_owned()),
    }
}

/// Plays random calls, and the sequences in files. The last sequence stands in `last-sequence`.
fn calls(arguments: &[String]) -> Result<ExitCode, String> {
    let asked = Asked::read(arguments)?;
    let mut module = Module::load(asked.target)?;
    let mut played = 0;
    for file in &asked.groups {
        let bytes = fs::read(file).map_err(|e| format!("{file}: {e}"))?;
        let result = random_calls::play(&mut module, &bytes)?;
        played += result.calls;
        if let Some(rule) = result.broken {
            return Err(format!("{file}: {rule}"));
        }
    }
    if asked.count > 0 {
        played += random_calls::play_seeded(&mut module, asked.seed, asked.count, |bytes| {
            // Without it a crash is harder to repeat, and still a crash.
            let _ = fs::write("last-sequence", bytes);
        })?;
    }
    println!("{played} calls");
    Ok(ExitCode::SUCCESS)
}

struct Asked {
    target: Target,
    seed: u64,
    count: u64,
    init: bool,
    json: Option<PathBuf>,
    groups: Vec<String>,
}

impl Asked {
    fn read(arguments: &[String]) -> Result<Self, String> {
        let variable = |name: &str| env::var(format!("CONFORMANCE_{name}")).ok();
        let mut target = Target {
            path: variable("MODULE").unwrap_or_default().into(),
            label: variable("LABEL").unwrap_or_default(),
            pin: variable("PIN").unwrap_or_default(),
            so_pin: variable("SO_PIN"),
            reserved: variable("RESERVED"),
        };
        let (mut init, mut json, mut groups) = (false, None, Vec::new());
        let (mut seed, mut count) = (1, 0);
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            if argument == "--init" {
                init = true;
                continue;
            }
            let Some(option) = argument.strip_prefix("--") else {
                groups.push(argument.clone());
                continue;
            };
            let value = arguments.next().ok_or(format!("{argument} wants a value"))?.clone();
            match option {
                "module" => target.path = value.into(),
                "label" => target.label = value,
                "pin" => target.pin = value,
                "so-pin" => target.so_pin = Some(value),
                "reserved" => target.reserved = Some(value),
                "seed" => seed = value.parse().map_err(|_| "--seed wants a number")?,
                "count" => count = value.parse().map_err(|_| "--count wants a number")?,
                "json" => json = Some(value.into()),
                _ => return Err(format!("there is no {argument}")),
            }
        }
        if target.path.as_os_str().is_empty() {
            return Err("no module: --module or CONFORMANCE_MODULE".to_owned());
        }
        Ok(Self { target, seed, count, init, json, groups })
    }
}
