//! Running the cases: a process for each group, and another one after each crash.
//!
//! The child writes a line to its stdout when it begins a case and one when the case has ended, so the
//! parent knows which case a crash or a hang belongs to. What a module prints itself has not the mark
//! and is passed over.

use std::{
    io::{BufRead, BufReader, Write as _},
    process::{Child, Command, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

use crate::{
    call,
    case::{Bench, Case, Outcome, Stop},
    groups,
    module::{Module, Target, succeeded},
    report::{Finding, Report},
};

/// Begins every line that a child means.
const MARK: &str = "\u{1}conformance ";
/// Longest time of one case; generating big keys is the longest of all.
const BOUND: Duration = Duration::from_secs(120);

/// Runs all groups, or those whose name begins with one of `only`.
///
/// # Errors
/// The module cannot be loaded, or has no such token.
pub fn all(target: &Target, only: &[String]) -> Result<Report, String> {
    let mut report = Report { target: Some(target.clone()), ..Report::default() };
    let mut module = Module::load(target.clone())?;
    module.initialise()?;
    report.describe(&module);
    call!(module, C_Finalize(std::ptr::null_mut()));
    drop(module);
    for group in groups::NAMES {
        if only.is_empty() || only.iter().any(|name| group.starts_with(name.as_str())) {
            report.findings.extend(run_group(target, group)?);
        }
    }
    Ok(report)
}

fn run_group(target: &Target, group: &str) -> Result<Vec<Finding>, String> {
    let mut findings: Vec<Finding> = Vec::new();
    loop {
        let mut child = start(target, group, findings.len())?;
        let lines = lines(&mut child);
        let mut begun: Option<Finding> = None;
        let ended = loop {
            match lines.recv_timeout(BOUND) {
                Ok(line) => {
                    let finding: Finding =
                        serde_json::from_str(&line).map_err(|error| format!("{group}: {error}"))?;
                    if begun.take().is_none() {
                        begun = Some(finding);
                    } else {
                        findings.push(finding);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    let _ = child.kill();
                    break format!("no answer within {BOUND:?}");
                }
                Err(RecvTimeoutError::Disconnected) => break "the process ended".to_owned(),
            }
        };
        let status = child.wait().map_err(|error| error.to_string())?;
        match begun {
            // The case took its process with it; the next one begins after it.
            Some(case) => {
                let detail = format!("{ended}: {status}");
                findings.push(Finding { outcome: Outcome::Fail, detail, ..case });
            }
            None if status.success() => return Ok(findings),
            None => return Err(format!("{group}: {ended} between two cases: {status}")),
        }
    }
}

fn start(target: &Target, group: &str, from: usize) -> Result<Child, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let target = serde_json::to_string(target).map_err(|error| error.to_string())?;
    Command::new(program)
        .args(["child", &target, group, &from.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| error.to_string())
}

fn lines(child: &mut Child) -> mpsc::Receiver<String> {
    let (send, receive) = mpsc::channel();
    if let Some(stdout) = child.stdout.take() {
        thread::spawn(move || {
            for line in BufReader::new(stdout).split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line);
                if let Some((_, meant)) = line.split_once(MARK)
                    && send.send(meant.to_owned()).is_err()
                {
                    break;
                }
            }
        });
    }
    receive
}

/// The child's part: the cases of a group from one on.
///
/// # Errors
/// The module cannot be loaded, or has no such token.
pub fn child(target: &Target, group: &str, from: usize) -> Result<(), String> {
    let mut module = Module::load(target.clone())?;
    module.initialise()?;
    let cases = groups::cases(group, &module);
    for case in cases.iter().skip(from) {
        // A case may have ended the library or lost the token.
        module.initialise()?;
        call!(module, C_CloseAllSessions(module.slot));
        tell(&Finding::of(group, case, Outcome::Fail, String::new()));
        // What follows is the case's own.
        succeeded();
        let (outcome, detail) = match (case.body)(&Bench { module: &module }) {
            Ok(()) => (Outcome::Pass, String::new()),
            Err(Stop::Fail(why)) => (Outcome::Fail, why),
            Err(Stop::Unsupported(what)) => (Outcome::Unsupported, what),
        };
        tell(&Finding::of(group, case, outcome, detail));
    }
    call!(module, C_Finalize(std::ptr::null_mut()));
    Ok(())
}

fn tell(finding: &Finding) {
    let mut out = std::io::stdout().lock();
    let line = serde_json::to_string(finding).unwrap_or_default();
    // Without a reader there is no run either.
    let _ = writeln!(out, "\n{MARK}{line}").and_then(|()| out.flush());
}

impl Finding {
    fn of(group: &str, case: &Case, outcome: Outcome, detail: String) -> Self {
        Self {
            group: group.to_owned(),
            id: case.id.clone(),
            chapter: case.chapter.to_owned(),
            statement: case.statement.clone(),
            outcome,
            detail,
            succeeded: succeeded(),
        }
    }
}
