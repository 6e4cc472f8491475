//! A load as a customer has it: applications of several processes with several sessions each, mixed operations
//! on a pair of devices that have engines, over links with delays. What comes out is compared with queueing
//! theory.
//!
//! Sessions are the customers of a closed network: each waits in a queue for one of the engines of both
//! devices, is served, and is then away for the time of the links and the library. That time is taken from
//! the smallest load, in which nobody waits; all other loads are then foretold:
//!
//! - at most: no queue at all up to as many sessions as keep all engines busy, and all engines busy beyond
//!   (the asymptotic bounds of operational analysis);
//! - at least: service times that are drawn as memorylessly as can be (M/M/c//N). Those of a device are
//!   fixed for each kind of operation, so that less waiting is to be expected.

#![forbid(unsafe_code)]

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader, Read, Write},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use cryptoki_sys::*;

use super::{curve::Point, probe::Started};
use crate::{
    cases::{NO, YES, is, number},
    raw::{Module, Session},
    words::{Mechanism, Result as CallResult},
};

/// Applications.
const PROCESSES: u64 = 4;
/// Engines of both devices together, and operations a second of one device: a tenth of an A790's, so that it
/// is the devices that limit and not the computer.
const ENGINES: u64 = 16;
const RATES: [(&str, f64); 3] =
    [("sign_ecdsa_p256", 1_705.2), ("sign_rsa_2048", 888.8), ("encrypt_aes_gcm", 1_843.8)];
const MEMBERS: [&str; 2] = ["hsm-eus-1", "hsm-eus-2"];
/// Of ten operations so many are of each kind, in the order of [`RATES`].
const MIX: [u64; 3] = [5, 2, 3];
const TIME: Duration = Duration::from_secs(4);

/// A topology of its own: `ha-dr` with devices of these rates. Gives the path of its file.
///
/// # Errors
/// A sentence about a file that cannot be written.
pub fn topology(directory: &Path) -> Result<String, String> {
    let shipped = |found: Option<&'static str>, name: &str| {
        found.ok_or_else(|| format!("{name} is not shipped any more"))
    };
    let profile = hsmsim_sim_config::Profile::shipped_text("open");
    let mut profile = shipped(profile, "profile open")?.to_owned();
    let rates = RATES.map(|(name, rate)| format!("{name} = {rate}\n")).concat();
    profile +=
        &format!("\n[service_times]\nengines = {ENGINES}\n[service_times.per_second]\n{rates}");
    let topology = hsmsim_sim_config::Topology::shipped_text("ha-dr");
    let topology = shipped(topology, "topology ha-dr")?;
    let [profile_file, topology_file] =
        ["tenth.toml", "ha-dr-tenth.toml"].map(|name| directory.join(name));
    let text = format!("profile = \"{}\"\n{topology}", profile_file.display());
    fs::write(&profile_file, profile)
        .and_then(|()| fs::write(&topology_file, text))
        .map_err(|error| format!("{}: {error}", directory.display()))?;
    Ok(topology_file.display().to_string())
}

/// One application: its sessions work as long as it is told; gives operations and seconds.
pub(super) fn work(module: &'static Module, sessions: u64) -> CallResult<Vec<(String, f64)>> {
    let started = Started::new(module)?;
    let keys = Keys::new(&started)?;
    println!("ready");
    let mut line = String::new();
    // What it says does not matter, nor that nobody says anything any more.
    let _ = std::io::stdin().read_line(&mut line);
    let begin = Instant::now();
    let done = super::probe::at_once(&started, sessions, |session, number| {
        let mut count = 0;
        while begin.elapsed() < TIME {
            keys.operate(session, number * 3 + count)?;
            count += 1;
        }
        Ok(count)
    })?;
    let seconds = begin.elapsed().as_secs_f64();
    Ok(vec![
        ("operations".to_owned(), done.iter().sum::<u64>() as f64),
        ("seconds".to_owned(), seconds),
    ])
}

struct Keys {
    ec: CK_OBJECT_HANDLE,
    rsa: CK_OBJECT_HANDLE,
    aes: CK_OBJECT_HANDLE,
}

impl Keys {
    fn new(started: &Started) -> CallResult<Self> {
        let (_, ec) = started.keys(false)?;
        let bits = number(2048);
        let (_, rsa) = started.session.generate_key_pair(
            &Mechanism::Plain(CKM_RSA_PKCS_KEY_PAIR_GEN),
            &[is(CKA_TOKEN, NO), is(CKA_MODULUS_BITS, &bits), is(CKA_VERIFY, YES)],
            &[is(CKA_TOKEN, NO), is(CKA_SIGN, YES)],
        )?;
        let length = number(32);
        let aes = started.session.generate_key(
            &Mechanism::Plain(CKM_AES_KEY_GEN),
            &[is(CKA_TOKEN, NO), is(CKA_ENCRYPT, YES), is(CKA_VALUE_LEN, &length)],
        )?;
        Ok(Self { ec, rsa, aes })
    }

    /// The operation of this number, by the mix.
    fn operate(&self, session: &Session, number: u64) -> CallResult<()> {
        let place = number % MIX.iter().sum::<u64>();
        let length = if place < MIX[0] {
            session.sign(&Mechanism::Plain(CKM_ECDSA), self.ec, &[7; 32], &mut [0; 64])?
        } else if place < MIX[0] + MIX[1] {
            session.sign(&Mechanism::Plain(CKM_RSA_PKCS), self.rsa, &[7; 32], &mut [0; 256])?
        } else {
            let mut out = [0; 1024 + 16];
            session.encrypt(&Mechanism::Gcm(&[9; 12]), self.aes, &[7; 1024], &mut out)?
        };
        assert!(length >= 64, "an output");
        Ok(())
    }
}

/// One load of `sessions` in all; `base` is the smallest, once it was measured.
///
/// # Errors
/// A sentence about what failed.
pub fn measure(
    sessions: u64,
    base: Option<&Point>,
    record: &Path,
    point: &dyn Fn(&str, u64) -> Command,
) -> Result<Point, String> {
    let told = |error: std::io::Error| format!("an application: {error}");
    fs::create_dir_all(record).map_err(told)?;
    let application = || {
        point("load", sessions / PROCESSES)
            .env("HSMSIM_RECORD", record)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
    };
    let mut applications =
        (0..PROCESSES).map(|_| application()).collect::<Result<Vec<_>, _>>().map_err(told)?;
    let mut outputs = Vec::new();
    for application in &mut applications {
        let output = application.stdout.take().ok_or("an application has no output")?;
        let mut output = BufReader::new(output);
        output.read_line(&mut String::new()).map_err(told)?;
        outputs.push(output);
    }
    for application in &mut applications {
        let input = application.stdin.as_mut().ok_or("an application has no input")?;
        writeln!(input).map_err(told)?;
    }
    let mut rate = 0.0;
    for (mut application, mut output) in applications.into_iter().zip(outputs) {
        rate += ended(&mut application, &mut output)?;
    }
    let shares = shares(record)?;
    fs::remove_dir_all(record).map_err(told)?;
    let away = base.map_or_else(
        || sessions as f64 / rate - service(),
        |base| base.size as f64 / base.values[0].1 - service(),
    );
    let mut values = vec![
        ("operations a second".to_owned(), rate),
        ("by theory".to_owned(), foretold(sessions, away)),
    ];
    for member in MEMBERS {
        let share = shares.get(member).copied().unwrap_or_default();
        values.push((format!("of them {member}"), rate * share));
    }
    Ok(Point { size: sessions, values })
}

/// The operations a second of an application that has ended.
fn ended(application: &mut Child, output: &mut impl Read) -> Result<f64, String> {
    let mut text = String::new();
    let told = |error: std::io::Error| format!("an application: {error}");
    output.read_to_string(&mut text).map_err(told)?;
    application.wait().map_err(told)?;
    let values: Vec<(String, f64)> =
        serde_json::from_str(text.trim()).map_err(|error| format!("{text:?}: {error}"))?;
    match values[..] {
        [(_, operations), (_, seconds)] => Ok(operations / seconds),
        _ => Err(format!("{text:?} are not operations and seconds")),
    }
}

/// Which part of the operations each device answered, as the record has it.
fn shares(record: &Path) -> Result<BTreeMap<String, f64>, String> {
    let told = |error: std::io::Error| format!("{}: {error}", record.display());
    let mut counts: BTreeMap<String, f64> = BTreeMap::new();
    for entry in fs::read_dir(record).map_err(told)? {
        let path = entry.map_err(told)?.path();
        if !path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("calls-")) {
            continue;
        }
        for line in fs::read_to_string(&path).map_err(told)?.lines() {
            let call: serde_json::Value = serde_json::from_str(line).map_err(|e| e.to_string())?;
            if let ("C_Sign" | "C_Encrypt", Some(member)) =
                (call["function"].as_str().unwrap_or_default(), call["member"].as_str())
            {
                *counts.entry(member.to_owned()).or_default() += 1.0;
            }
        }
    }
    let all: f64 = counts.values().sum();
    Ok(counts.into_iter().map(|(member, count)| (member, count / all)).collect())
}

/// The mean time in an engine, in seconds.
fn service() -> f64 {
    let time = |(_, rate): &(&str, f64)| ENGINES as f64 / rate;
    let all: f64 = RATES.iter().zip(MIX).map(|(rate, part)| time(rate) * part as f64).sum();
    all / MIX.iter().sum::<u64>() as f64
}

fn engines() -> u64 {
    ENGINES * MEMBERS.len() as u64
}

/// Throughput of M/M/c//N: of the probabilities that k sessions are at the engines, each follows from the
/// one before.
fn foretold(sessions: u64, away: f64) -> f64 {
    let rate = |busy: u64| busy.min(engines()) as f64 / service();
    // As logarithms, since the weights of many sessions are beyond any number.
    let mut weights = vec![0.0_f64];
    for at_engines in 1..=sessions {
        let arrivals = (sessions - at_engines + 1) as f64 / away.max(1e-6);
        weights.push(weights[at_engines as usize - 1] + (arrivals / rate(at_engines)).ln());
    }
    let greatest = weights.iter().copied().fold(f64::MIN, f64::max);
    weights.iter_mut().for_each(|weight| *weight = (*weight - greatest).exp());
    let all: f64 = weights.iter().sum();
    (0..).zip(&weights).map(|(busy, weight)| rate(busy) * weight / all).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn theory_agrees_with_its_bounds_where_nobody_waits_and_where_everybody_does() {
        let near = |one: f64, other: f64| (one / other - 1.0).abs() < 0.01;
        let away = 0.002;
        let (alone, most) = (1.0 / (away + service()), engines() as f64 / service());
        assert!(near(foretold(4, away), 4.0 * alone));
        assert!(near(foretold(500, away), most));
        let between = foretold(38, away);
        assert!(between < most && between < 38.0 * alone, "{between}");
    }

    #[test]
    fn sessions_that_are_never_away_keep_an_engine_busy_each() {
        assert!((foretold(2, 1e-9) * service() - 2.0).abs() < 0.01);
    }
}
