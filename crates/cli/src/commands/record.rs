//! `hsmsim drill record`: what is done by hand becomes a drill file.

use std::{
    io::{Read, Write, stdin, stdout},
    path::{Path, PathBuf},
    sync::mpsc,
    thread,
    time::Duration,
};

use hsmsim_cluster::Cluster;
use hsmsim_drill::record::Recording;
use hsmsim_sim_config::parse_duration;

use crate::{
    context::Context,
    failure::{Failure, Outcome},
    text::counted,
};

/// How often the state is looked at.
const LOOK: Duration = Duration::from_millis(200);

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Where the drill goes; printed if not given, which needs --since
    #[arg(long, short, value_name = "FILE", required_unless_present = "since")]
    output: Option<PathBuf>,
    /// What was done in this time until now, such as 10m, instead of what will be done from now on
    #[arg(long, value_name = "DURATION")]
    since: Option<String>,
    /// Ends by itself after this time; otherwise with Enter, the end of the input, or Ctrl-C
    #[arg(long = "for", value_name = "DURATION", conflicts_with = "since")]
    length: Option<String>,
    /// The drill's name
    #[arg(long, default_value = "recorded")]
    name: String,
}

pub(crate) fn run(context: &Context, args: &Args) -> Outcome {
    let cluster = context.cluster()?;
    let now_ns = cluster.clock().unix_now();
    if let Some(since) = &args.since {
        let since = parse_duration(since).map_err(Failure::new)?;
        let since_ns = now_ns.saturating_sub(nanos(since));
        let recording = Recording::of(&cluster, &args.name, since_ns, true)?;
        if recording.steps() == 0 {
            return Err(Failure::new("nothing was set, healed or asked for in this time"));
        }
        return match &args.output {
            Some(path) => write(path, &recording),
            None => {
                write!(stdout(), "{}", recording.text())?;
                Ok(0)
            }
        };
    }
    let length = args.length.as_deref().map(parse_duration).transpose().map_err(Failure::new)?;
    watch(&cluster, args, now_ns, length)
}

/// Records what happens from now on. The file is whole after every change, so it does not matter how
/// the recording ends.
fn watch(cluster: &Cluster, args: &Args, begin_ns: u64, length: Option<Duration>) -> Outcome {
    let Some(path) = &args.output else { return Ok(1) };
    let until_ns = length.map(|length| begin_ns + nanos(length));
    let ended = input_has_ended(until_ns.is_none());
    let mut out = stdout();
    writeln!(out, "recording faults, recoveries and synchronisations into {}", path.display())?;
    if until_ns.is_none() {
        writeln!(out, "Enter or Ctrl-C ends it")?;
    }
    out.flush()?;
    let mut told: Vec<String> = Vec::new();
    let mut written = None;
    loop {
        let recording = Recording::of(cluster, &args.name, begin_ns, false)?;
        for line in lines(&recording) {
            if !told.contains(&line) {
                writeln!(out, "{line}")?;
                out.flush()?;
                told.push(line);
            }
        }
        if written.as_ref() != Some(&told) {
            std::fs::write(path, recording.text())?;
            written = Some(told.clone());
        }
        let over = until_ns.is_some_and(|until| cluster.clock().unix_now() >= until);
        if over || ended.recv_timeout(LOOK).is_ok() {
            break;
        }
    }
    write(path, &Recording::of(cluster, &args.name, begin_ns, false)?)
}

fn write(path: &Path, recording: &Recording) -> Outcome {
    std::fs::write(path, recording.text())?;
    let steps = counted(recording.steps(), "step", "steps");
    writeln!(stdout(), "{steps} in {}", path.display())?;
    Ok(0)
}

/// What has been done so far, one line each, with drill times.
fn lines(recording: &Recording) -> Vec<String> {
    let seconds =
        |at_ns: u64| at_ns.saturating_sub(recording.begin_ns) as f64 * recording.time_scale / 1e9;
    let mut lines = Vec::new();
    for fault in &recording.faults {
        lines.push(format!("{:>8.1} s  {}", seconds(fault.set_at_ns), fault.fault));
        let healed = fault.end_ns.filter(|&end| end <= recording.end_ns && fault.fault.spec.lasts);
        if let Some(end_ns) = healed {
            lines.push(format!("{:>8.1} s  ended: {}", seconds(end_ns), fault.fault));
        }
    }
    for set in &recording.call_faults {
        lines.push(format!("{:>8.1} s  call.fault {}", seconds(set.set_at_ns), set.fault));
        if let Some(end_ns) = set.end_ns.filter(|&end| end <= recording.end_ns) {
            lines.push(format!("{:>8.1} s  ended: call.fault {}", seconds(end_ns), set.fault));
        }
    }
    for request in &recording.requests {
        lines.push(format!("{:>8.1} s  {}", seconds(request.at_ns), request.what));
    }
    lines
}

/// Tells when a line or the end of the input has come; never, if nobody wants to know.
fn input_has_ended(wanted: bool) -> mpsc::Receiver<()> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        if wanted {
            // An input that cannot be read has ended too.
            let _ = stdin().read(&mut [0]);
            let _ = sender.send(());
        } else {
            // The channel stays open as long as the process lives.
            std::mem::forget(sender);
        }
    });
    receiver
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
