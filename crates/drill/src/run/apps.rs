//! The applications of a run on the real tier: processes that do not outlive it.

use std::{
    collections::BTreeMap,
    fs, io,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use hsmsim_client::record::RECORD_VARIABLE;
use hsmsim_cluster::{
    CLIENT_VARIABLE, CONFIG_VARIABLE, Cluster, STATE_VARIABLE, TIME_SCALE_VARIABLE,
};
use hsmsim_network::Clock;
use hsmsim_sim_config::{Drill, Load, Topology, Workload, WorkloadSource};

use super::{DrillError, LOG_FILE_VARIABLE, LOG_VARIABLE, LOOK, RunOptions, log_file, named_keys};
use crate::workload::{WorkloadArgs, WorkloadSummary};

/// Everything that works during a run.
pub(super) struct Applications(Vec<Application>);

struct Application {
    child: Child,
    /// The name of its workload.
    workload: String,
    /// Whether it is the drill's own, which ends when its input does and then says what it did.
    own: bool,
}

impl Drop for Application {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            // Both can only fail if it ended in this moment.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// What the drill's own applications came to.
#[derive(Default)]
pub(super) struct Summary {
    /// Signatures that verified; `None` if no application was the drill's own.
    pub(super) verified: Option<u64>,
    pub(super) invalid: u64,
    /// Applications of its own that did not say what they did.
    pub(super) silent: u64,
    /// Those that did not end within the deadline.
    pub(super) hanging: u64,
}

impl Applications {
    /// Starts every process of every workload. A program from the command line takes the place of an
    /// external workload that names none; if there is no such workload, that of all.
    pub(super) fn start(
        options: &RunOptions,
        drill: &Drill,
        cluster: &Cluster,
        record: &Path,
        temporary: &Path,
        seed: u64,
    ) -> Result<Self, DrillError> {
        let nameless = |workload: &&Workload| match &workload.source {
            WorkloadSource::External { command } => command.is_empty(),
            WorkloadSource::Threads(_) => false,
        };
        let given = !options.application.is_empty();
        let report = drill.report.folder.as_deref();
        let place = drill.workloads.iter().find(nameless);
        let mut all = Self(Vec::new());
        if given && place.is_none() {
            let command = foreign(&options.application)?;
            all.spawn(command, false, None, options, cluster, (record, report))?;
            return Ok(all);
        }
        for workload in &drill.workloads {
            for process in 1..=workload.processes {
                let (command, own) = match &workload.source {
                    WorkloadSource::External { command } if command.is_empty() => {
                        if !given {
                            return Err(DrillError::usage(format!(
                                "workload {} is a program that this drill does not name: give it \
                                 after --",
                                workload.name
                            )));
                        }
                        (foreign(&options.application)?, false)
                    }
                    WorkloadSource::External { command } => (foreign(command)?, false),
                    WorkloadSource::Threads(load) => {
                        let number = all.0.len() as u64;
                        let arguments = temporary.join(format!("workload-{number}.json"));
                        let topology = cluster.topology();
                        let args = arguments_of(workload, load, process, options, drill, topology)?;
                        let args = WorkloadArgs {
                            seed: seed.wrapping_add(number),
                            record: Some(fs::canonicalize(record)?),
                            ..args
                        };
                        fs::write(&arguments, serde_json::to_vec(&args).map_err(io::Error::from)?)?;
                        let mut command = Command::new(&options.workload_program);
                        command.arg("workload").arg(arguments);
                        command.stdout(Stdio::piped()).stdin(Stdio::piped());
                        (command, true)
                    }
                };
                all.spawn(command, own, Some(workload), options, cluster, (record, report))?;
            }
        }
        Ok(all)
    }

    fn spawn(
        &mut self,
        mut command: Command,
        own: bool,
        workload: Option<&Workload>,
        options: &RunOptions,
        cluster: &Cluster,
        (record, report): (&Path, Option<&Path>),
    ) -> Result<(), DrillError> {
        surroundings(&mut command, options, cluster)?;
        let record = fs::canonicalize(record)?;
        let report = options.report.as_deref().or(report);
        if let Some(path) = log_file(report, &record) {
            command.env(LOG_FILE_VARIABLE, path);
            if std::env::var_os(LOG_VARIABLE).is_none_or(|filter| filter.is_empty()) {
                command.env(LOG_VARIABLE, "info");
            }
        }
        command.env(RECORD_VARIABLE, record);
        if let Some(place) = workload.and_then(|workload| workload.client) {
            command.env(CLIENT_VARIABLE, place.to_string());
        }
        let program = command.get_program().to_string_lossy().into_owned();
        let child =
            command.spawn().map_err(|error| DrillError::usage(format!("{program}: {error}")))?;
        let workload =
            workload.map_or_else(|| "application".to_owned(), |workload| workload.name.clone());
        self.0.push(Application { child, workload, own });
        Ok(())
    }

    /// The workload of each process.
    pub(super) fn workloads(&self) -> BTreeMap<u32, String> {
        let all = self.0.iter();
        all.map(|application| (application.child.id(), application.workload.clone())).collect()
    }

    /// Whether nobody works any more.
    pub(super) fn have_ended(&mut self) -> io::Result<bool> {
        for application in &mut self.0 {
            if application.child.try_wait()?.is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Has every application end early.
    pub(super) fn stop(&mut self) {
        for application in &mut self.0 {
            match application.own {
                true => drop(application.child.stdin.take()),
                // It can only fail if it has ended.
                false => drop(application.child.kill()),
            }
        }
    }

    /// Waits for everybody's end, at most for `patience`, and reads what the drill's own applications
    /// say. `all_end`: a program that is not the drill's own, such as a server, must have ended too.
    pub(super) fn finish(
        &mut self,
        clock: &Clock,
        patience: Duration,
        all_end: bool,
        look: &mut dyn FnMut() -> Result<(), DrillError>,
    ) -> Result<Summary, DrillError> {
        let deadline = clock.now() + patience;
        while !self.have_ended()? && clock.now() <= deadline {
            look()?;
            std::thread::sleep(LOOK);
        }
        let mut all = Summary::default();
        for application in &mut self.0 {
            if application.child.try_wait()?.is_none() {
                all.hanging += u64::from(application.own || all_end);
                continue;
            }
            let Some(stdout) = application.child.stdout.take() else { continue };
            match serde_json::from_reader::<_, WorkloadSummary>(stdout) {
                Ok(one) => {
                    *all.verified.get_or_insert(0) += one.verified;
                    all.invalid += one.invalid;
                }
                Err(_) => all.silent += 1,
            }
        }
        Ok(all)
    }
}

fn foreign(words: &[String]) -> Result<Command, DrillError> {
    let (program, arguments) =
        words.split_first().ok_or_else(|| DrillError::usage("there is no program to run"))?;
    let mut command = Command::new(program);
    command.args(arguments);
    Ok(command)
}

/// The environment that a program needs to find the module and the state of the run.
pub(super) fn surroundings(
    command: &mut Command,
    options: &RunOptions,
    cluster: &Cluster,
) -> io::Result<()> {
    if let Some(state) = cluster.path() {
        command.env(STATE_VARIABLE, fs::canonicalize(state)?);
        if options.application.is_empty() {
            // The state has the topology that it was made from.
            command.env_remove(CONFIG_VARIABLE);
        }
    }
    if let Some(topology) = options.topology.as_ref().filter(|_| !options.application.is_empty()) {
        command.env(CONFIG_VARIABLE, topology);
    }
    command.env("HSMSIM_MODULE", &options.module);
    command.env("HSMSIM_COMMAND", &options.workload_program);
    command.env(TIME_SCALE_VARIABLE, cluster.topology().time_scale.to_string());
    Ok(())
}

fn arguments_of(
    workload: &Workload,
    load: &Load,
    process: u32,
    options: &RunOptions,
    drill: &Drill,
    topology: &Topology,
) -> Result<WorkloadArgs, DrillError> {
    let group = match &workload.group {
        Some(label) => topology.group(label),
        None => topology.groups.first(),
    };
    let group = group.ok_or_else(|| DrillError::usage("the topology has no group to work on"))?;
    let duration = drill.duration.div_f64(topology.time_scale);
    Ok(WorkloadArgs {
        name: workload.name.clone(),
        module: options.module.clone(),
        token: group.token_label.clone(),
        pin: topology.provisioning.user_pin.reveal().to_owned(),
        threads: load.threads,
        mix: load.mix.iter().map(|(operation, weight)| (operation.to_string(), *weight)).collect(),
        rate: load.rate,
        open_loop: load.open_loop,
        think_us: load.think.map(micros),
        payload: load.payload,
        key_label: named_keys(&load.key_label, &workload.name, process),
        attempts: load.retry.times + 1,
        retry_codes: load.retry.codes.clone(),
        retry_pause_us: micros(load.retry.pause),
        recover: load.retry.recover.as_str().to_owned(),
        duration_ms: duration.as_millis().try_into().unwrap_or(u64::MAX),
        seed: 0,
        record: None,
        ends_with_input: true,
    })
}

fn micros(duration: Duration) -> u64 {
    duration.as_micros().try_into().unwrap_or(u64::MAX)
}
