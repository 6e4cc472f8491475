//! A run of a drill on the real tier: applications that load the module, faults on schedule, and the
//! module's own record of every call.
//!
//! - `apps`: the processes that work.
//! - `operator`: faults, repairs, conditions and programs on schedule, and the settling at the end.

mod apps;
mod operator;

use std::{
    fmt, fs,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use hsmsim_cluster::{Cluster, ClusterError, OpenOptions};
use hsmsim_sim_config::{Action, Administration, DeletePolicy, Drill};

use crate::{
    control::{Compare, Control, without_steps},
    film::Film,
    history::History,
    keys, log,
    observe::{fault_spans, inventory},
    records::Tail,
    report::{Facts, Report, Tier, counted, replay_command},
    timeline::Timeline,
};
use apps::Applications;
use operator::Operator;
pub(crate) use operator::repair;

/// What to run.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// Name of a shipped drill, or the path of one.
    pub drill: String,
    /// The module that the application loads.
    pub module: PathBuf,
    /// The program that runs the drill's own application: it is started with `workload` and a file.
    pub workload_program: PathBuf,
    /// The application and its arguments; the drill's own if empty.
    pub application: Vec<String>,
    /// Takes the place of the drill's seed.
    pub seed: Option<u64>,
    /// Where the report goes, if anywhere.
    pub report: Option<PathBuf>,
    /// The state, for a drill with an application; `None` follows the environment.
    pub state: Option<String>,
    /// The topology, for a drill with an application; `None` follows the environment.
    pub topology: Option<String>,
    /// What the run is compared with.
    pub compare: Compare,
}

/// Why a drill could not be run; nothing was judged.
#[derive(Debug)]
pub struct DrillError {
    message: String,
    usage: bool,
}

impl DrillError {
    /// Something failed that nobody asked for.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), usage: false }
    }

    /// The drill, or how it was called, is wrong.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { message: message.into(), usage: true }
    }

    /// Whether it is for whoever called to mend.
    pub fn is_usage(&self) -> bool {
        self.usage
    }
}

impl fmt::Display for DrillError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for DrillError {}

macro_rules! from {
    ($($error:ty => $make:ident),* $(,)?) => {
        $(impl From<$error> for DrillError {
            fn from(error: $error) -> Self {
                Self::$make(error.to_string())
            }
        })*
    };
}

from!(
    hsmsim_sim_config::ConfigError => usage,
    io::Error => new,
    hsmsim_types::Error => new,
);

impl From<ClusterError> for DrillError {
    fn from(error: ClusterError) -> Self {
        Self { usage: !error.is_device_error(), message: error.to_string() }
    }
}

/// Filter and file of the module's log.
const LOG_VARIABLE: &str = "HSMSIM_LOG";
const LOG_FILE_VARIABLE: &str = "HSMSIM_LOG_FILE";

/// How often the records are looked at.
const LOOK: Duration = Duration::from_millis(50);

/// Runs a drill and prints its timeline and summary to `out`.
///
/// # Errors
/// A drill that is not valid or does not fit the topology, a state that cannot be used, an application
/// that cannot be started. A drill that fails is no error: that is the report's verdict.
pub fn run(options: &RunOptions, out: &mut dyn Write) -> Result<Report, DrillError> {
    let drill = Drill::resolve(&options.drill)?;
    guard(&drill)?;
    let control = match &options.compare {
        Compare::Nothing => None,
        Compare::Baseline(folder) => Some(Control::read(folder)?),
        Compare::Control => {
            writeln!(out, "first the same load without faults, to compare with")?;
            out.flush()?;
            let quiet = RunOptions { report: None, ..options.clone() };
            let (report, history) = perform(&quiet, without_steps(&drill), None, &mut io::sink())?;
            Some(Control::without_faults(history, report.seed, None))
        }
    };
    Ok(perform(options, drill, control, out)?.0)
}

/// One run from its begin to its report.
fn perform(
    options: &RunOptions,
    drill: Drill,
    control: Option<Control>,
    out: &mut dyn Write,
) -> Result<(Report, History), DrillError> {
    let temporary = tempfile::tempdir()?;
    let own = options.application.is_empty();
    let (state, topology) = if own {
        let state = temporary.path().join("state");
        (Some(state.to_string_lossy().into_owned()), Some(drill.topology.clone()))
    } else {
        (options.state.clone(), options.topology.clone())
    };
    let cluster = Cluster::open(OpenOptions {
        state,
        topology,
        time_scale: drill.time_scale,
        ..OpenOptions::default()
    })?;
    drill.check(cluster.topology())?;
    let directory = options.report.clone().or_else(|| drill.report.folder.clone());
    let record = match &directory {
        Some(directory) => directory.join("record"),
        None => temporary.path().join("record"),
    };
    fs::create_dir_all(&record)?;
    forget_old_records(&record)?;
    let time_scale = cluster.topology().time_scale;
    let seed = seed_of(options.seed, &drill)?;
    introduce(&drill, &cluster, time_scale, seed, own, out)?;

    let inventory_before = inventory(&cluster)?;
    let mut applications =
        Applications::start(options, &drill, &cluster, &record, temporary.path(), seed)?;
    let begin_ns = cluster.clock().unix_now();
    let film = Film::of(&drill, cluster.topology());
    let mut timeline = Timeline::new(out, begin_ns, time_scale, film)?;
    let mut tail = Tail::new(&record);
    let (mut calls, mut events) = (Vec::new(), Vec::new());
    let mut operator = Operator::new(&drill, &cluster, options, begin_ns, seed)?;
    let mut look =
        |timeline: &mut Timeline<'_>, operator: &mut Operator| -> Result<(), DrillError> {
            let batch = tail.read()?;
            timeline.follow(&batch, cluster.clock().unix_now())?;
            operator.heard(&batch);
            calls.extend(batch.calls);
            events.extend(batch.events);
            Ok(())
        };

    let end_ns = begin_ns + nanos(cluster.scaled(drill.duration));
    loop {
        timeline.know(operator.spans());
        look(&mut timeline, &mut operator)?;
        operator.step(&mut timeline)?;
        if operator.is_stopped() {
            applications.stop();
            break;
        }
        if cluster.clock().unix_now() >= end_ns || applications.have_ended()? {
            break;
        }
        std::thread::sleep(LOOK);
    }
    operator.heal()?;
    let patience = patience(&drill, &cluster, begin_ns);
    let all_end = drill.deadline.is_some();
    let summary = applications
        .finish(cluster.clock(), patience, all_end, &mut || look(&mut timeline, &mut operator))?;
    look(&mut timeline, &mut operator)?;
    operator.finish_programs(&mut timeline)?;
    let inventory_equal_ns = operator.settle(&drill, &mut timeline)?;
    let (mut operated, set, notes) = operator.into_parts();
    events.append(&mut operated);

    calls.sort_by_key(|call| call.at_ns);
    events.sort_by_key(|event| event.at_ns);
    let mut history = History {
        begin_ns,
        end_ns: cluster.clock().unix_now(),
        time_scale,
        calls,
        events,
        faults: fault_spans(&cluster, &set),
        workloads: applications.workloads(),
        topology: Arc::clone(cluster.topology()),
        inventory_before,
        inventory_after: inventory(&cluster)?,
        inventory_equal_ns,
        notes,
    };
    history.notes.operations = tail.operations()?;
    note_broken_rules(&mut history, summary.invalid, summary.hanging);
    let facts = Facts {
        tier: Tier::Real,
        seed,
        replay: replay(options, seed),
        trace_hash: None,
        verified_signatures: summary.verified,
        invalid_signatures: summary.invalid,
        control,
        log: match log_file(directory.as_deref(), &record) {
            Some(path) => Some(log::read(&path)?),
            None => None,
        },
        timeline: timeline.into_moments(history.end_ns)?,
    };
    if summary.silent > 0 {
        let applications = counted(summary.silent, "application", "applications");
        let reason = format!("{applications} ended without a word");
        history.notes.inconclusive.push(reason);
    }
    let report = Report::new(&drill, &history, facts);
    let report = conclude(report, &drill, &options.drill, directory.as_deref(), &history)?;
    report.print(out)?;
    Ok((report, history))
}

/// How long applications have to end, now that the load has: until the deadline, but at least so long that
/// a machine under load does not look like an application that hangs.
fn patience(drill: &Drill, cluster: &Cluster, begin_ns: u64) -> Duration {
    let left = match drill.deadline {
        Some(deadline) => {
            let deadline_ns = begin_ns + nanos(cluster.scaled(deadline));
            Duration::from_nanos(deadline_ns.saturating_sub(cluster.clock().unix_now()))
        }
        None => cluster.scaled((drill.duration + drill.settle) * 2),
    };
    left.max(Duration::from_secs(30))
}

/// Where the module's log goes if there will be a report that can quote it: to the records, unless the
/// environment names a file.
fn log_file(report: Option<&Path>, record: &Path) -> Option<PathBuf> {
    report?;
    match std::env::var_os(LOG_FILE_VARIABLE).filter(|name| !name.is_empty()) {
        Some(name) if name == "stderr" => None,
        Some(name) => Some(name.into()),
        None => Some(record.join("hsmsim.log")),
    }
}

/// What must hold whatever the drill expects, as far as the records of processes can tell.
fn note_broken_rules(history: &mut History, invalid: u64, hanging: u64) {
    let broken = &mut history.notes.broken;
    if invalid > 0 {
        let verbs = if invalid == 1 { "does" } else { "do" };
        let signatures = counted(invalid, "signature", "signatures");
        broken.push(format!("{signatures} {verbs} not verify"));
    }
    if hanging > 0 {
        let applications = counted(hanging, "application", "applications");
        broken.push(format!("{applications} did not end within the deadline"));
    }
    if history.topology.ha.deletes != DeletePolicy::Ignore {
        let back = keys::findings(history).resurrected;
        let back = back.iter().map(|id| format!("a destroyed key is held by a member: {id}"));
        history.notes.broken.extend(back);
    }
}

/// The seed of a run: what the command line says, else the drill, else one that is drawn.
pub(crate) fn seed_of(said: Option<u64>, drill: &Drill) -> Result<u64, DrillError> {
    if let Some(seed) = said.or(drill.seed) {
        return Ok(seed);
    }
    let mut bytes = [0; 4];
    let random = ring::rand::SystemRandom::new();
    ring::rand::SecureRandom::fill(&random, &mut bytes)
        .map_err(|_| DrillError::new("the system gives no random seed"))?;
    Ok(u64::from(u32::from_le_bytes(bytes)))
}

/// A drill must say so before it may take away the last holder of a key.
pub(crate) fn guard(drill: &Drill) -> Result<(), DrillError> {
    let destroys = drill.steps.iter().any(|step| match &step.action {
        Action::Fault(fault) => fault.spec.destroys_keys,
        Action::Administer(
            Administration::Replace { .. } | Administration::InitPartitions { .. },
        ) => true,
        _ => false,
    });
    if destroys && !drill.allow_data_loss {
        return Err(DrillError::usage(
            "this drill destroys keys: it must say allow_data_loss = true before it may",
        ));
    }
    Ok(())
}

/// Writes a report, where somebody wants that.
pub(crate) fn conclude(
    report: Report,
    drill: &Drill,
    name: &str,
    directory: Option<&Path>,
    history: &History,
) -> Result<Report, DrillError> {
    if let Some(directory) = directory {
        let text = Drill::shipped_text(name)
            .map_or_else(|| fs::read_to_string(name), |text| Ok(text.to_owned()))?;
        report.write(directory, &text, history, drill.report.formats.as_deref())?;
    }
    Ok(report)
}

/// The label of a workload's keys in one of its processes; `{n}` stays for the application to count.
pub(crate) fn named_keys(label: &str, workload: &str, process: u32) -> String {
    label.replace("{workload}", workload).replace("{process}", &process.to_string())
}

/// An earlier report's records must not count in this one.
fn forget_old_records(record: &Path) -> io::Result<()> {
    for entry in fs::read_dir(record)? {
        let path = entry?.path();
        if path.extension().is_some_and(|it| it == "ndjson" || it == "log") {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

fn introduce(
    drill: &Drill,
    cluster: &Cluster,
    time_scale: f64,
    seed: u64,
    own: bool,
    out: &mut dyn Write,
) -> io::Result<()> {
    let topology = cluster.topology();
    writeln!(out, "drill {}: {}", drill.name, drill.title)?;
    writeln!(
        out,
        "topology {}: {} devices, {} groups; seed {seed}",
        topology.name,
        topology.devices.len(),
        topology.groups.len()
    )?;
    if time_scale > 1.0 {
        let timeout = topology.ha.receive_timeout.as_secs_f64();
        writeln!(
            out,
            "time is compressed: drill time runs {time_scale} times as fast as the clock, so a receive \
             time-out\nof {timeout:.0} s takes {:.1} s. Links and computing keep their own speed.",
            timeout / time_scale
        )?;
    }
    if own {
        writeln!(out, "state: temporary, removed at the end")?;
    }
    writeln!(out)
}

/// The groups that have got a member without keys by what was done at a device.
pub(crate) fn new_members(cluster: &Cluster, work: &Administration) -> Vec<String> {
    match work {
        Administration::Replace { device } => {
            cluster.groups_on(device).into_iter().map(|group| group.label).collect()
        }
        _ => Vec::new(),
    }
}

/// The groups that an operator's step is about: the one named, else those with tokens.
pub(crate) fn labels(cluster: &Cluster, group: Option<&str>) -> Vec<String> {
    let topology = cluster.topology();
    match group {
        Some(label) => vec![label.to_owned()],
        None => topology
            .groups
            .iter()
            .filter(|group| topology.is_provisioned(group))
            .map(|group| group.label.clone())
            .collect(),
    }
}

/// The command line that repeats the run.
fn replay(options: &RunOptions, seed: u64) -> String {
    let seed = seed.to_string();
    let mut words = Vec::new();
    let own = options.application.is_empty();
    for (option, value) in [("--state", &options.state), ("--topology", &options.topology)] {
        if let Some(value) = value.as_deref().filter(|_| !own) {
            words.extend([option, value]);
        }
    }
    words.extend(["drill", "run", &options.drill, "--seed", &seed]);
    replay_command(&words, &options.application)
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
