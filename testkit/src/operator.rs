//! Who strikes, heals and repairs: this process, or the one that owns the cluster.
//!
//! The state is opened for one request and closed again, so that a process which only holds a
//! [`Cluster`](crate::Cluster) holds no file of it. Where the module is loaded the state must not be
//! opened at all (see the crate's documentation): there requests go through a socket to the process
//! that started this one, one JSON text a line.

use std::{
    io::{BufRead, BufReader, Write},
    os::unix::net::UnixStream,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use hsmsim_client::{Client, MemberRecovery};
use hsmsim_cluster::{Cluster, ClusterError, OpenOptions};
use hsmsim_device::{Condition, Device};
use hsmsim_sim_config::{CallFault, DeviceId, Fault};
use serde::{Deserialize, Serialize};

use crate::{Error, Status, cluster::Facts, module};

/// What a device that boots may take beyond its boot time.
const SLACK: Duration = Duration::from_secs(10);

/// What can be asked of an operator.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Request {
    /// Set a fault, in its text form.
    Strike(String),
    /// End the faults of these numbers.
    Heal(Vec<u64>),
    HealAll,
    /// Set a call fault, in its text form.
    Script(String),
    /// Remove the call fault of this number.
    Unscript(u64),
    ClearScript,
    Recover,
    Synchronize,
    Status,
}

/// What an operator answers.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Answer {
    Done,
    Set(Vec<u64>),
    Status(Status),
    /// Why it could not be done.
    Refused(String),
}

impl Answer {
    pub(crate) fn done(self) -> Result<(), Error> {
        match self {
            Answer::Done => Ok(()),
            other => Err(other.unexpected()),
        }
    }

    pub(crate) fn ids(self) -> Result<Vec<u64>, Error> {
        match self {
            Answer::Set(ids) => Ok(ids),
            other => Err(other.unexpected()),
        }
    }

    pub(crate) fn status(self) -> Result<Status, Error> {
        match self {
            Answer::Status(status) => Ok(status),
            other => Err(other.unexpected()),
        }
    }

    fn unexpected(self) -> Error {
        Error::new(format!("the operator gave another answer than was asked for: {self:?}"))
    }
}

/// Who does it.
pub(crate) enum Operator {
    /// This process; one thread at a time.
    Here(Mutex<Box<Facts>>),
    /// The process that owns the cluster.
    There(Mutex<BufReader<UnixStream>>),
}

impl Operator {
    pub(crate) fn here(facts: Facts) -> Self {
        Self::Here(Mutex::new(Box::new(facts)))
    }

    /// The operator that listens on a socket.
    ///
    /// # Errors
    /// Nobody listens there.
    pub(crate) fn there(socket: &Path) -> Result<Self, Error> {
        Ok(Self::There(Mutex::new(BufReader::new(UnixStream::connect(socket)?))))
    }

    /// Has it done.
    ///
    /// # Errors
    /// Why it could not be done.
    pub(crate) fn ask(&self, request: &Request) -> Result<Answer, Error> {
        let answer = match self {
            Self::Here(facts) => {
                let facts = facts.lock().unwrap_or_else(PoisonError::into_inner);
                if module::is_loaded_here(&facts.module) {
                    return Err(Error::new(
                        "this process has loaded the module, so it must not open the state as \
                         well: put the test's body into hsmsim_testkit::in_own_process!, or load \
                         the module in a process started with Cluster::command",
                    ));
                }
                obey(&open(&facts)?, request)?
            }
            Self::There(stream) => {
                let mut stream = stream.lock().unwrap_or_else(PoisonError::into_inner);
                let mut line = serde_json::to_string(request)?;
                line.push('\n');
                stream.get_mut().write_all(line.as_bytes())?;
                line.clear();
                stream.read_line(&mut line)?;
                serde_json::from_str(&line)?
            }
        };
        match answer {
            Answer::Refused(why) => Err(Error::new(why)),
            answer => Ok(answer),
        }
    }

    /// Serves another process until it hangs up; gives the number of its requests.
    ///
    /// # Errors
    /// A connection that breaks, or brings what is no request.
    pub(crate) fn serve(&self, stream: UnixStream) -> Result<usize, Error> {
        let mut stream = BufReader::new(stream);
        let (mut line, mut requests) = (String::new(), 0);
        while stream.read_line(&mut line)? > 0 {
            let answer = self.ask(&serde_json::from_str(&line)?);
            let answer = answer.unwrap_or_else(|error| Answer::Refused(error.to_string()));
            line = serde_json::to_string(&answer)?;
            line.push('\n');
            stream.get_mut().write_all(line.as_bytes())?;
            line.clear();
            requests += 1;
        }
        Ok(requests)
    }
}

/// Opens the state, whatever the environment of this process says.
pub(crate) fn open(facts: &Facts) -> Result<Arc<Cluster>, Error> {
    let state = facts.state();
    let state = state.to_str().ok_or_else(|| Error::new("the state's path is not valid UTF-8"))?;
    Ok(Cluster::open(OpenOptions {
        state: Some(state.to_owned()),
        topology: Some(facts.config.clone()),
        time_scale: Some(facts.time_scale),
        ..OpenOptions::default()
    })?)
}

fn obey(cluster: &Arc<Cluster>, request: &Request) -> Result<Answer, Error> {
    match request {
        Request::Strike(text) => {
            let fault: Fault = text.parse()?;
            // Not bound to this process: an application in a container cannot see that it lives.
            let ids = cluster.add_fault(&fault, |candidates| busiest(cluster, candidates), None)?;
            Ok(Answer::Set(ids))
        }
        Request::Heal(ids) => {
            for id in ids {
                // `false`: it was over already.
                cluster.heal_fault(*id)?;
            }
            Ok(Answer::Done)
        }
        Request::HealAll => cluster.heal_all().map(|_| Answer::Done).map_err(Error::from),
        Request::Script(text) => {
            let fault: CallFault = text.parse()?;
            Ok(Answer::Set(vec![cluster.add_call_fault(&fault, None, None)?]))
        }
        Request::Unscript(id) => {
            // `false`: it was removed already.
            cluster.remove_call_fault(*id)?;
            Ok(Answer::Done)
        }
        Request::ClearScript => {
            cluster.clear_call_faults()?;
            Ok(Answer::Done)
        }
        Request::Recover => repair(cluster, false),
        Request::Synchronize => repair(cluster, true),
        Request::Status => Status::of(cluster).map(Answer::Status),
    }
}

/// The device that has answered most requests so far.
fn busiest(cluster: &Cluster, candidates: &[DeviceId]) -> usize {
    let served = |index: &usize| {
        let device = cluster.topology().device_index(&candidates[*index]);
        device.map_or(0, |device| cluster.served(device))
    };
    (0..candidates.len()).rev().max_by_key(served).unwrap_or(0)
}

fn repair(cluster: &Arc<Cluster>, synchronize: bool) -> Result<Answer, Error> {
    await_boots(cluster);
    let status = Status::of(cluster)?;
    let refused = |error| Error::from(ClusterError::Device(error));
    // A client of its own each time: what an earlier one believed of the members does not count.
    let client = Client::over(Arc::clone(cluster)).map_err(refused)?;
    let mut away = Vec::new();
    for group in status.groups.iter().filter(|group| group.initialized) {
        let reports = if synchronize {
            client.run(client.ha_synchronize(&group.label))
        } else {
            client.run(client.ha_recover(&group.label))
        };
        for report in reports.map_err(refused)? {
            away.extend(problem(cluster, &group.label, &report));
        }
    }
    client.shut_down();
    if away.is_empty() { Ok(Answer::Done) } else { Err(Error::new(away.join("\n"))) }
}

/// Waits for devices that boot, for at most their boot time and some slack. One that is not up by
/// then is named by the attempt to recover it.
fn await_boots(cluster: &Cluster) {
    let history = cluster.fault_history();
    let given = history.iter().filter_map(|active| active.fault.duration_param("boot_time")).max();
    let boot = cluster.scaled(given.unwrap_or_default().max(cluster.topology().ha.boot_time));
    let begin = Instant::now();
    loop {
        cluster.refresh();
        let boots = |device: &Arc<Device>| device.state().condition == Condition::Refusing;
        if !cluster.devices().iter().any(boots) || begin.elapsed() > boot + SLACK {
            return;
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// Why a member is away, and which faults keep it.
fn problem(cluster: &Cluster, label: &str, report: &MemberRecovery) -> Option<String> {
    let problem = report.problem.as_ref()?;
    let index = cluster.topology().device_index(&DeviceId::new(&*report.device));
    let faults: Vec<String> = index
        .map(|index| cluster.faults_on(index))
        .unwrap_or_default()
        .iter()
        .map(|active| format!("{} strikes", active.fault))
        .collect();
    let cause =
        if faults.is_empty() { "no fault strikes it".to_owned() } else { faults.join(", ") };
    Some(format!("{label}, {}: {problem}; {cause}", report.device))
}
