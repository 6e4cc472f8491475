//! `hsmsim drill explore`: seeds that draw clusters, loads and faults, until one breaks a rule.

use std::{
    collections::BTreeMap,
    io::{Write, stdout},
    time::Instant,
};

use hsmsim_drill::{
    CallRecord, EventRecord,
    explore::{ExploreOptions, Explored, Planted, Violation, explore, replay},
    metrics::failed,
    simulate::{Broken, Rule},
};
use hsmsim_sim_config::{HaPreset, suggestion};

use crate::{
    failure::{Failure, Outcome},
    progress::progress,
};

/// A rule was broken.
const BROKEN: u8 = 4;
/// Breaches of one rule that are told one by one.
const TOLD: usize = 3;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// How many seeds
    #[arg(long, default_value_t = 100, conflicts_with = "seed")]
    seeds: u64,
    /// The first seed
    #[arg(long, default_value_t = 1, conflicts_with = "seed")]
    from: u64,
    /// One seed only, told in full
    #[arg(long)]
    seed: Option<u64>,
    /// Of the steps that the seed draws only these, from 0; nothing after the = leaves out all
    #[arg(long, requires = "seed", require_equals = true, value_name = "N,N")]
    keep: Option<String>,
    /// Habits of the clients: default, luna, luna-basic, no-retry; drawn if not given
    #[arg(long)]
    preset: Option<String>,
    /// About how many calls a seed makes at most
    #[arg(long, default_value_t = 20_000)]
    calls: u64,
    /// Run each seed twice and compare the hashes
    #[arg(long)]
    twice: bool,
    /// A bug to look for, to see whether it would be found
    #[arg(long, hide = true)]
    plant: Option<String>,
}

fn word<T: Copy>(
    what: &str,
    word: Option<&str>,
    all: &[(&'static str, T)],
) -> Result<Option<T>, Failure> {
    let Some(word) = word else { return Ok(None) };
    let found = all.iter().find(|(name, _)| *name == word).map(|(_, value)| *value);
    let names = all.iter().map(|(name, _)| *name);
    found.map(Some).ok_or_else(|| {
        Failure::new(format!("there is no {what} {word}: {}", suggestion(word, names)))
    })
}

pub(crate) fn run(args: &Args) -> Outcome {
    let options = ExploreOptions {
        from: args.from,
        seeds: args.seeds,
        preset: word("preset", args.preset.as_deref(), &HaPreset::ALL)?,
        calls: args.calls,
        twice: args.twice,
        keep_calls: args.seed.is_some(),
        planted: word("bug", args.plant.as_deref(), &Planted::ALL)?,
    };
    match args.seed {
        Some(seed) => one(&options, seed, args),
        None => many(&options, args),
    }
}

fn many(options: &ExploreOptions, args: &Args) -> Outcome {
    let begin = Instant::now();
    let told = progress("seeds");
    let explored = explore(options, &|done, of| told(done as usize, of as usize))?;
    let Explored { seeds, calls, faults, violation } = explored;
    let took = begin.elapsed().as_secs_f64();
    let mut out = stdout().lock();
    writeln!(out, "{seeds} seeds, {calls} calls, {faults} faults in {took:.1} s")?;
    let Some(violation) = violation else {
        writeln!(out, "no rule was broken")?;
        return Ok(0);
    };
    tell(&mut out, &violation)?;
    writeln!(out, "\nreplay: {}", replay_line(args, &violation))?;
    Ok(BROKEN)
}

fn tell(out: &mut dyn Write, violation: &Violation) -> std::io::Result<()> {
    writeln!(out, "\nseed {} breaks", violation.seed)?;
    tell_broken(out, &violation.broken)?;
    writeln!(out, "\nneeded for that, of {} steps drawn:", violation.drawn)?;
    if violation.schedule.is_empty() {
        writeln!(out, "  none: it breaks without faults")?;
    }
    for step in &violation.schedule {
        writeln!(out, "  {step}")?;
    }
    writeln!(out, "\ntrace {}", violation.trace_hash)
}

/// The one line that repeats a violation.
fn replay_line(args: &Args, violation: &Violation) -> String {
    let keep: Vec<String> = violation.keep.iter().map(usize::to_string).collect();
    let mut line = format!("hsmsim drill explore --seed {}", violation.seed);
    if let Some(preset) = &args.preset {
        line += &format!(" --preset {preset}");
    }
    if args.calls != 20_000 {
        line += &format!(" --calls {}", args.calls);
    }
    if let Some(plant) = &args.plant {
        line += &format!(" --plant {plant}");
    }
    line + &format!(" --keep={}", keep.join(","))
}

/// The first few of each rule, and how many more there are.
fn tell_broken(out: &mut dyn Write, broken: &[Broken]) -> std::io::Result<()> {
    let mut counts: BTreeMap<Rule, usize> = BTreeMap::new();
    for broken in broken {
        let count = counts.entry(broken.rule).or_default();
        *count += 1;
        if *count <= TOLD {
            writeln!(out, "  {broken}")?;
        }
    }
    for (rule, count) in counts.into_iter().filter(|(_, count)| *count > TOLD) {
        writeln!(out, "  {}: {} more", rule.as_str(), count - TOLD)?;
    }
    Ok(())
}

/// Who a client of the run is.
fn client(pid: u32) -> String {
    match pid {
        0 => "operator".to_owned(),
        pid => format!("application {pid}"),
    }
}

/// The numbers of a list that may be empty.
fn numbers(list: &str) -> Result<Vec<usize>, Failure> {
    let words = list.split(',').filter(|word| !word.is_empty());
    let number = |word: &str| {
        word.parse().map_err(|_| Failure::new(format!("--keep: \"{word}\" is no number")))
    };
    words.map(number).collect()
}

fn one(options: &ExploreOptions, seed: u64, args: &Args) -> Outcome {
    let keep = args.keep.as_deref().map(numbers).transpose()?;
    let outcome = replay(options, seed, keep.as_deref())?;
    let mut out = stdout().lock();
    let mut lines: Vec<(f64, String)> =
        outcome.moments.iter().map(|moment| (moment.at_ms / 1000.0, moment.what.clone())).collect();
    for event in &outcome.history.events {
        let at = event.at_ns.saturating_sub(outcome.history.begin_ns) as f64 / 1e9;
        let EventRecord { event, member, detail, pid, .. } = event;
        lines.push((at, format!("{}: {event} {member} {detail}", client(*pid))));
    }
    for call in outcome.history.calls.iter().filter(|call| failed(call)) {
        let at = call.at_ns.saturating_sub(outcome.history.begin_ns) as f64 / 1e9;
        let took = call.took_ns as f64 / 1e9;
        let CallRecord { function, code, session, pid, .. } = call;
        let what = format!("{}: {function} of session {session} gives {code}", client(*pid));
        lines.push((at + took, format!("{what} after {took:.3} s")));
    }
    lines.sort_by(|one, other| one.0.total_cmp(&other.0));
    for (at, what) in lines {
        writeln!(out, "{at:>10.3} s  {}", what.trim_end())?;
    }
    writeln!(out, "\n{} calls, trace {}", outcome.call_count, outcome.trace_hash)?;
    tell_broken(&mut out, &outcome.broken)?;
    if outcome.broken.is_empty() {
        writeln!(out, "no rule was broken")?;
        return Ok(0);
    }
    Ok(BROKEN)
}
