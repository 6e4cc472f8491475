//! A member returns to keys that were made while it was away, beside an application that goes on signing:
//! how long the delivery takes, and what it does to the signatures' latency.

#![forbid(unsafe_code)]

use std::{
    io::{BufRead, BufReader, Read, Write},
    path::Path,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use cryptoki_sys::CKM_ECDSA;

use super::{curve::Point, probe::Started};
use crate::{
    raw::Module,
    words::{Mechanism, Result as CallResult},
};

/// The member that is away, and the group that it belongs to.
const AWAY: &str = "hsm-eus-2";
const GROUP: &str = "hsmsim-0";
/// How long signatures are timed before and after.
const CALM: Duration = Duration::from_secs(3);
/// What the application does between two signatures.
const THINK: Duration = Duration::from_micros(500);
const PHASES: [&str; 3] = ["before", "meanwhile", "after"];

/// The application: signs until its standard input ends; each line there begins the next phase.
pub(super) fn sign(module: &'static Module) -> CallResult<Vec<(String, f64)>> {
    let started = Started::new(module)?;
    let (_, private) = started.keys(true)?;
    println!("ready");
    let phase = AtomicUsize::new(0);
    let mut taken: [Vec<f64>; PHASES.len()] = Default::default();
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in std::io::stdin().lines() {
                phase.fetch_add(1, Ordering::Release);
            }
            phase.store(PHASES.len(), Ordering::Release);
        });
        let mut out = [0; 64];
        loop {
            let now = phase.load(Ordering::Acquire);
            let Some(samples) = taken.get_mut(now) else { return Ok(()) };
            let begin = Instant::now();
            started.session.sign(&Mechanism::Plain(CKM_ECDSA), private, &[7; 32], &mut out)?;
            samples.push(begin.elapsed().as_secs_f64() * 1e6);
            thread::sleep(THINK);
        }
    })?;
    let mut values = Vec::new();
    for (name, samples) in PHASES.iter().zip(&mut taken) {
        samples.sort_unstable_by(f64::total_cmp);
        for (part, per_cent) in [("p50", 50), ("p99", 99)] {
            let place = (samples.len() * per_cent / 100).min(samples.len().saturating_sub(1));
            let value = samples.get(place).copied().unwrap_or_default();
            values.push((format!("{part} {name}, µs"), value));
        }
    }
    Ok(values)
}

/// One point: `size` keys are made while a member is away, and it returns.
///
/// # Errors
/// A sentence about what failed.
pub fn measure(
    size: u64,
    command: &Path,
    point: &dyn Fn(&str, u64) -> Command,
) -> Result<Point, String> {
    let told = |error: std::io::Error| format!("a point: {error}");
    let hsmsim = |arguments: &[&str]| -> Result<(), String> {
        let ended = environment(&mut Command::new(command), point)
            .args(arguments)
            .stdout(Stdio::null())
            .status()
            .map_err(|error| format!("{}: {error}", command.display()))?;
        if ended.success() { Ok(()) } else { Err(format!("hsmsim {arguments:?}: {ended}")) }
    };
    hsmsim(&["fault", "add", "link.cut", &format!("client:{AWAY}")])?;
    let filled = point("fill", size).stdout(Stdio::null()).status().map_err(told)?;
    if !filled.success() {
        return Err(format!("making {size} keys: {filled}"));
    }
    hsmsim(&["fault", "heal", "--all"])?;
    let mut signer =
        point("sign", 1).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(told)?;
    let delivered = beside(&mut signer, || hsmsim(&["ha", "recover", GROUP]));
    let (time, mut values) = match delivered {
        Ok(delivered) => delivered,
        Err(error) => {
            // It is of no use any more; that it has ended already is as good.
            let _ = signer.kill();
            return Err(error);
        }
    };
    let each = time.as_secs_f64() * 1e6 / size as f64;
    values.insert(0, ("delivered, ms".to_owned(), time.as_secs_f64() * 1e3));
    values.insert(1, ("µs a key".to_owned(), each));
    Ok(Point { size, values })
}

/// Has the recovery happen while the application signs; gives how long it took, and the latencies.
fn beside(
    signer: &mut Child,
    recover: impl Fn() -> Result<(), String>,
) -> Result<(Duration, Vec<(String, f64)>), String> {
    let told = |error: std::io::Error| format!("the application that signs: {error}");
    let (input, output) = (signer.stdin.take(), signer.stdout.take());
    let (Some(mut input), Some(output)) = (input, output) else {
        return Err("the application that signs has no pipes".to_owned());
    };
    let mut output = BufReader::new(output);
    let mut line = String::new();
    output.read_line(&mut line).map_err(told)?;
    thread::sleep(CALM);
    writeln!(input).map_err(told)?;
    let begin = Instant::now();
    recover()?;
    let time = begin.elapsed();
    writeln!(input).map_err(told)?;
    thread::sleep(CALM);
    drop(input);
    let mut text = String::new();
    output.read_to_string(&mut text).map_err(told)?;
    signer.wait().map_err(told)?;
    let values = serde_json::from_str(text.trim()).map_err(|error| format!("{text:?}: {error}"))?;
    Ok((time, values))
}

/// Gives a command the environment that a point has.
fn environment<'a>(
    command: &'a mut Command,
    point: &dyn Fn(&str, u64) -> Command,
) -> &'a mut Command {
    for (name, value) in point("start", 0).get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
}
