//! A run of a drill on the real tier: an application that loads the module, faults on schedule, and
//! the module's own record of every call.

use std::{
    collections::BTreeMap,
    fmt, fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use hsmsim_client::{
    Client, MemberRecovery,
    record::{CallRecord, EventRecord, RECORD_VARIABLE},
};
use hsmsim_cluster::{
    CONFIG_VARIABLE, Cluster, ClusterError, OpenOptions, STATE_VARIABLE, TIME_SCALE_VARIABLE,
};
use hsmsim_sim_config::{Action, DeviceId, Drill, Topology, WorkloadSource};

use crate::{
    control::{Compare, Control, without_steps},
    film::Film,
    history::History,
    log,
    observe::{fault_spans, inventory},
    records::Tail,
    report::{Facts, Report, Tier, replay_command},
    timeline::Timeline,
    verdict::Verdict,
    workload::{WorkloadArgs, WorkloadSummary},
};

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
pub struct DrillError(String);

impl DrillError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for DrillError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for DrillError {}

macro_rules! from {
    ($($error:ty),*) => {
        $(impl From<$error> for DrillError {
            fn from(error: $error) -> Self {
                Self(error.to_string())
            }
        })*
    };
}

from!(ClusterError, hsmsim_sim_config::ConfigError, io::Error, hsmsim_types::Error);

/// Filter and file of the module's log.
const LOG_VARIABLE: &str = "HSMSIM_LOG";
const LOG_FILE_VARIABLE: &str = "HSMSIM_LOG_FILE";

/// How often the records are looked at.
const LOOK: Duration = Duration::from_millis(50);

/// What the operator of this run does: the faults, which end with it however it ends, and repairs.
struct Operator {
    cluster: Arc<Cluster>,
    client: Arc<Client>,
    /// What the operator's own client did to members, as the application's clients record it.
    events: Vec<EventRecord>,
    /// Name of the step and number of the row.
    set: Vec<(String, u64)>,
}

impl Operator {
    fn heal(&mut self, step: Option<&str>) -> Result<(), DrillError> {
        for (name, id) in &self.set {
            if step.is_none_or(|step| step == name) {
                self.cluster.heal_fault(*id)?;
            }
        }
        Ok(())
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        if let Err(error) = self.heal(None) {
            tracing::error!(%error, "faults of the drill were not healed; they end with this process");
        }
    }
}

/// The application, which does not outlive the run.
struct Application(Child);

impl Drop for Application {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(None)) {
            // Both can only fail if it ended in this moment.
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }
}

/// Runs a drill and prints its timeline and summary to `out`.
///
/// # Errors
/// A drill that is not valid or does not fit the topology, a state that cannot be used, an application
/// that cannot be started. A drill that fails is no error: that is the report's verdict.
pub fn run(options: &RunOptions, out: &mut dyn Write) -> Result<Report, DrillError> {
    let drill = Drill::resolve(&options.drill)?;
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
        state: state.clone(),
        topology: topology.clone(),
        time_scale: drill.time_scale,
        ..OpenOptions::default()
    })?;
    drill.check(cluster.topology())?;
    guard_data(&drill)?;
    let record = match &options.report {
        Some(directory) => directory.join("record"),
        None => temporary.path().join("record"),
    };
    fs::create_dir_all(&record)?;
    forget_old_records(&record)?;
    let time_scale = cluster.topology().time_scale;
    let seed = options.seed.or(drill.seed).unwrap_or(1);
    introduce(&drill, &cluster, time_scale, seed, own, out)?;

    let inventory_before = inventory(&cluster)?;
    let mut application = start(options, &drill, &cluster, &record, temporary.path(), seed)?;
    let begin_ns = cluster.clock().unix_now();
    let film = Film::of(&drill, cluster.topology());
    let mut timeline = Timeline::new(out, begin_ns, time_scale, film)?;
    let mut tail = Tail::new(&record);
    let (mut calls, mut events) = (Vec::new(), Vec::new());
    let mut operator = Operator {
        cluster: Arc::clone(&cluster),
        client: Client::over(Arc::clone(&cluster))?,
        events: Vec::new(),
        set: Vec::new(),
    };
    let mut look = |timeline: &mut Timeline<'_>| -> Result<(), DrillError> {
        let batch = tail.read()?;
        timeline.follow(&batch, cluster.clock().unix_now())?;
        calls.extend(batch.calls);
        events.extend(batch.events);
        Ok(())
    };

    let served_before = served(&cluster);
    let mut steps = drill.steps.iter().peekable();
    let end_ns = begin_ns + nanos(cluster.scaled(drill.duration));
    loop {
        timeline.know(fault_spans(&cluster, &operator.set));
        look(&mut timeline)?;
        let now_ns = cluster.clock().unix_now();
        while let Some(step) =
            steps.next_if(|step| begin_ns + nanos(cluster.scaled(step.at)) <= now_ns)
        {
            operator.act(&step.action, &step.name, &mut timeline, &served_before)?;
        }
        let ended = application.0.try_wait()?.is_some();
        if now_ns >= end_ns || ended {
            break;
        }
        std::thread::sleep(LOOK);
    }
    operator.heal(None)?;
    let summary = finish(&mut application, own, &cluster, &drill, &mut || look(&mut timeline))?;
    look(&mut timeline)?;
    let inventory_equal_ns = operator.settle(&drill, &mut timeline)?;
    events.append(&mut operator.events);
    let ended_ns = cluster.clock().unix_now();

    calls.sort_by_key(|call: &CallRecord| call.at_ns);
    events.sort_by_key(|event: &EventRecord| event.at_ns);
    let history = History {
        begin_ns,
        end_ns: ended_ns,
        time_scale,
        calls,
        events,
        faults: fault_spans(&cluster, &operator.set),
        workloads: BTreeMap::from([(application.0.id(), workload_name(&drill, own))]),
        topology: Arc::clone(cluster.topology()),
        inventory_before,
        inventory_after: inventory(&cluster)?,
        inventory_equal_ns,
    };
    let facts = Facts {
        tier: Tier::Real,
        seed,
        replay: replay(options, seed),
        trace_hash: None,
        verified_signatures: summary.as_ref().map(|summary| summary.verified),
        invalid_signatures: summary.as_ref().map_or(0, |summary| summary.invalid),
        control,
        log: match log_file(options, &record) {
            Some(path) => Some(log::read(&path)?),
            None => None,
        },
        timeline: timeline.into_moments(),
    };
    let mut report = Report::new(&drill, &history, facts);
    if own && summary.is_none() {
        report.verdict = Verdict::Inconclusive;
    }
    if let Some(directory) = &options.report {
        let text = Drill::shipped_text(&options.drill)
            .map_or_else(|| fs::read_to_string(&options.drill), |text| Ok(text.to_owned()))?;
        report.write(directory, &text, &history)?;
    }
    report.print(out)?;
    Ok((report, history))
}

/// The workload that the application's process runs.
fn workload_name(drill: &Drill, own: bool) -> String {
    let meant = drill
        .workloads
        .iter()
        .find(|workload| matches!(workload.source, WorkloadSource::Threads { .. }) == own);
    meant.map_or_else(|| "application".to_owned(), |workload| workload.name.clone())
}

/// Where the module's log goes if there will be a report that can quote it: to the records, unless the
/// environment names a file.
fn log_file(options: &RunOptions, record: &Path) -> Option<PathBuf> {
    options.report.as_ref()?;
    match std::env::var_os(LOG_FILE_VARIABLE).filter(|name| !name.is_empty()) {
        Some(name) if name == "stderr" => None,
        Some(name) => Some(name.into()),
        None => Some(record.join("hsmsim.log")),
    }
}

/// A drill must say so before it may take away the last holder of a key.
pub(crate) fn guard_data(drill: &Drill) -> Result<(), DrillError> {
    let destroys = drill.steps.iter().any(|step| match &step.action {
        Action::Fault(fault) => fault.spec.destroys_keys,
        _ => false,
    });
    if destroys && !drill.allow_data_loss {
        return Err(DrillError::new(
            "this drill destroys keys: it must say allow_data_loss = true before it may",
        ));
    }
    Ok(())
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

/// Starts the application with the module's environment.
fn start(
    options: &RunOptions,
    drill: &Drill,
    cluster: &Cluster,
    record: &Path,
    temporary: &Path,
    seed: u64,
) -> Result<Application, DrillError> {
    let mut command = match options.application.split_first() {
        Some((program, arguments)) => {
            let mut command = Command::new(program);
            command.args(arguments);
            command
        }
        None => {
            let arguments = temporary.join("workload.json");
            let workload = workload_args(options, drill, cluster.topology(), seed)?;
            fs::write(&arguments, serde_json::to_vec(&workload).map_err(io::Error::from)?)?;
            let mut command = Command::new(&options.workload_program);
            command.arg("workload").arg(arguments).stdout(Stdio::piped()).stdin(Stdio::null());
            command
        }
    };
    if let Some(state) = cluster.path() {
        command.env(STATE_VARIABLE, fs::canonicalize(state)?);
    }
    match (&options.topology, options.application.is_empty()) {
        (_, true) => {
            command.env(CONFIG_VARIABLE, &drill.topology);
        }
        (Some(topology), false) => {
            command.env(CONFIG_VARIABLE, topology);
        }
        (None, false) => {}
    }
    command.env("HSMSIM_MODULE", &options.module);
    let record = fs::canonicalize(record)?;
    if let Some(path) = log_file(options, &record) {
        command.env(LOG_FILE_VARIABLE, path);
        if std::env::var_os(LOG_VARIABLE).is_none_or(|filter| filter.is_empty()) {
            command.env(LOG_VARIABLE, "info");
        }
    }
    command.env(RECORD_VARIABLE, record);
    command.env(TIME_SCALE_VARIABLE, cluster.topology().time_scale.to_string());
    let program = command.get_program().to_string_lossy().into_owned();
    let child = command.spawn().map_err(|error| DrillError::new(format!("{program}: {error}")))?;
    Ok(Application(child))
}

fn workload_args(
    options: &RunOptions,
    drill: &Drill,
    topology: &Topology,
    seed: u64,
) -> Result<WorkloadArgs, DrillError> {
    let workload = drill
        .workloads
        .iter()
        .find(|workload| matches!(workload.source, WorkloadSource::Threads { .. }))
        .ok_or_else(|| {
            DrillError::new("this drill has no load of its own: give an application after --")
        })?;
    let WorkloadSource::Threads { threads, mix, rate } = &workload.source else {
        return Err(DrillError::new("this drill has no load of its own"));
    };
    let group = match &workload.group {
        Some(label) => topology.group(label),
        None => topology.groups.first(),
    };
    let group = group.ok_or_else(|| DrillError::new("the topology has no group to work on"))?;
    Ok(WorkloadArgs {
        module: options.module.clone(),
        token: group.token_label.clone(),
        pin: topology.provisioning.user_pin.reveal().to_owned(),
        threads: *threads,
        mix: mix.iter().map(|(operation, weight)| (operation.to_string(), *weight)).collect(),
        rate: *rate,
        duration_ms: drill
            .duration
            .div_f64(topology.time_scale)
            .as_millis()
            .try_into()
            .unwrap_or(u64::MAX),
        seed,
    })
}

impl Operator {
    /// Does what a step says.
    fn act(
        &mut self,
        action: &Action,
        name: &str,
        timeline: &mut Timeline<'_>,
        served_before: &[u64],
    ) -> Result<(), DrillError> {
        let now_ns = self.cluster.clock().unix_now();
        match action {
            Action::Fault(fault) => {
                let cluster = Arc::clone(&self.cluster);
                let busiest =
                    |candidates: &[DeviceId]| busiest(&cluster, candidates, served_before);
                for fault in fault.resolved(cluster.topology(), busiest)? {
                    let ids = cluster.add_fault(&fault, |_| 0, Some(std::process::id()))?;
                    self.set.extend(ids.into_iter().map(|id| (name.to_owned(), id)));
                    timeline.know(fault_spans(&cluster, &self.set));
                    timeline.mark(now_ns, format!("fault: {fault}"))?;
                }
            }
            Action::Heal { step } => {
                self.heal(Some(step))?;
                timeline.mark(now_ns, format!("healed: {step}"))?;
            }
            Action::HealAll => {
                self.heal(None)?;
                timeline.mark(now_ns, "healed: everything")?;
            }
            Action::Mark { text } => timeline.mark(now_ns, text.clone())?,
            Action::Wait => {}
            Action::Recover { group } => {
                for label in labels(&self.cluster, group.as_deref()) {
                    let reports = self.client.run(self.client.ha_recover(&label))?;
                    self.repaired(now_ns, "ha recover", &label, &reports, timeline)?;
                }
            }
            Action::Synchronize { group } => {
                for label in labels(&self.cluster, group.as_deref()) {
                    let reports = self.client.run(self.client.ha_synchronize(&label))?;
                    self.repaired(now_ns, "ha synchronize", &label, &reports, timeline)?;
                }
            }
        }
        Ok(())
    }

    /// Tells what a repair did.
    fn repaired(
        &mut self,
        at_ns: u64,
        what: &str,
        group: &str,
        reports: &[MemberRecovery],
        timeline: &mut Timeline<'_>,
    ) -> Result<(), DrillError> {
        let mut said = false;
        for report in reports {
            let Some(line) = repair(report) else { continue };
            timeline.mark(at_ns, format!("operator: {what}, {line}"))?;
            said = true;
            if report.copied > 0 {
                self.events.push(EventRecord {
                    at_ns,
                    event: "copy_delivered".to_owned(),
                    group: group.to_owned(),
                    member: report.device.clone(),
                    detail: format!("{} objects", report.copied),
                    pid: std::process::id(),
                });
            }
        }
        if !said {
            timeline.mark(at_ns, format!("operator: {what}, nothing to copy"))?;
        }
        Ok(())
    }

    /// Everything is healed: the cluster has until the end of the settle phase to become whole.
    /// Gives the time at which it was.
    fn settle(
        &mut self,
        drill: &Drill,
        timeline: &mut Timeline<'_>,
    ) -> Result<Option<u64>, DrillError> {
        let cluster = Arc::clone(&self.cluster);
        let deadline = cluster.clock().now() + cluster.scaled(drill.settle);
        loop {
            let mut whole = true;
            for label in labels(&cluster, None) {
                self.client.run(self.client.ha_recover(&label))?;
                if let Some(group) = cluster.topology().group(&label) {
                    whole &= !cluster.needs_sync(group)?;
                }
            }
            let now_ns = cluster.clock().unix_now();
            if whole {
                timeline.mark(now_ns, "all members hold the same keys")?;
                return Ok(Some(now_ns));
            }
            if cluster.clock().now() > deadline {
                timeline.mark(now_ns, "members still differ after the settle phase")?;
                return Ok(None);
            }
            std::thread::sleep(LOOK);
        }
    }
}

/// What a repair did to a member; `None` if there was nothing to do.
pub(crate) fn repair(report: &MemberRecovery) -> Option<String> {
    let MemberRecovery { device, copied, deleted, .. } = report;
    match &report.problem {
        Some(problem) => Some(format!("{device} stays away: {problem}")),
        None if copied + deleted > 0 => {
            Some(format!("{device}: {copied} objects copied, {deleted} deleted"))
        }
        None => None,
    }
}

/// The device that has answered most requests since the run began.
pub(crate) fn busiest(cluster: &Cluster, candidates: &[DeviceId], served_before: &[u64]) -> usize {
    let answered = |id: &DeviceId| {
        let index = cluster.topology().device_index(id).unwrap_or_default();
        cluster.served(index).saturating_sub(served_before[index])
    };
    // Of equals the first.
    (0..candidates.len()).rev().max_by_key(|&index| answered(&candidates[index])).unwrap_or(0)
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

pub(crate) fn served(cluster: &Cluster) -> Vec<u64> {
    (0..cluster.devices().len()).map(|index| cluster.served(index)).collect()
}

/// Waits for the application's end, at most until the drill's deadline, and reads its summary.
fn finish(
    application: &mut Application,
    own: bool,
    cluster: &Cluster,
    drill: &Drill,
    look: &mut dyn FnMut() -> Result<(), DrillError>,
) -> Result<Option<WorkloadSummary>, DrillError> {
    let patience = cluster.scaled(drill.deadline).max(Duration::from_secs(30));
    let deadline = cluster.clock().now() + patience;
    while application.0.try_wait()?.is_none() && cluster.clock().now() <= deadline {
        look()?;
        std::thread::sleep(LOOK);
    }
    let Some(stdout) = application.0.stdout.take().filter(|_| own) else { return Ok(None) };
    if application.0.try_wait()?.is_none() {
        return Err(DrillError::new("the drill's application did not end within the deadline"));
    }
    let summary = serde_json::from_reader(stdout);
    Ok(summary.ok())
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
