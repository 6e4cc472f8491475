//! The module's own record of what an application saw: every call with its time and code, and what
//! the library did about its members. A drill's report is made of it.
//!
//! `HSMSIM_RECORD` names a directory; each process appends to two files of its own there,
//! `calls-<pid>.ndjson` and `events-<pid>.ndjson`, one JSON object a line. Every line is one write, so
//! a killed process loses none that it had finished. Times are nanoseconds since 1970.

use std::{
    borrow::Cow,
    fmt::Display,
    fs::{File, OpenOptions},
    io::Write,
    path::Path,
    sync::Arc,
    time::Duration,
};

use hsmsim_cluster::{Cluster, Delivery, Effect};
use hsmsim_types::{Error, Result, ReturnValue, SessionHandle, ck::CKR_GENERAL_ERROR};
use serde::{Deserialize, Serialize};

use crate::{Client, group::Group, member::Member, script};

/// The environment variable that names the directory.
pub const RECORD_VARIABLE: &str = "HSMSIM_RECORD";

/// One call of the application.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CallRecord {
    /// When it began.
    pub at_ns: u64,
    /// How long it took.
    pub took_ns: u64,
    /// The function, `C_Sign`.
    pub function: Cow<'static, str>,
    /// The session; 0 for functions without one.
    pub session: u64,
    /// The code's name.
    pub code: Cow<'static, str>,
    /// The process.
    pub pid: u32,
    /// The device that answered the call; empty if none was asked or none answered.
    #[serde(default)]
    pub member: Cow<'static, str>,
    /// The number of the call fault that struck it: what it saw is not the cluster's doing. Empty if
    /// none did.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub call_fault: Cow<'static, str>,
}

/// Something the library noticed or did.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EventRecord {
    /// When.
    pub at_ns: u64,
    /// What: `member_lost`, `group_lost`, `failover`, `member_recovered`, `recovery_failed`,
    /// `standby_served` (once), `multi_part_lost`, `copy_owed` and `deletion_owed` (with the number of
    /// objects, a colon and their identities as detail), `copy_delivered` (all that was owed),
    /// `not_replicated`; `call_fault`, with its number, the function and what it says as detail; of
    /// what devices tell asynchronous members by themselves, with the object as the first word of the
    /// detail, `replication_applied`, `replication_removed`, `replication_conflict` and
    /// `replication_dropped`; and of token objects that the application was told about, with their
    /// identity as detail, `object_created` (with the member that made it) and `object_destroyed`.
    pub event: String,
    /// The group's label.
    pub group: String,
    /// The member's device; empty if it is the whole group's.
    pub member: String,
    /// A word more.
    pub detail: String,
    /// The process.
    pub pid: u32,
}

/// Where a client's record goes.
pub(crate) enum Recorder {
    /// Two files of this process.
    Files {
        /// Calls.
        calls: File,
        /// Events.
        events: File,
    },
    /// A run in one process looks at events at once. Its calls it records itself.
    Memory {
        /// What the client is called in it.
        pid: u32,
        /// Is given each event.
        sink: EventSink,
    },
}

/// Is given each event as it happens; must not call the client.
pub type EventSink = Box<dyn Fn(EventRecord) + Send + Sync>;

impl Recorder {
    /// The recorder that the environment asks for, if it does.
    pub(crate) fn from_environment() -> Result<Option<Self>> {
        let Some(directory) = std::env::var_os(RECORD_VARIABLE).filter(|path| !path.is_empty())
        else {
            return Ok(None);
        };
        let directory = Path::new(&directory);
        let open = |name: &str| {
            let path = directory.join(format!("{name}-{}.ndjson", std::process::id()));
            OpenOptions::new().create(true).append(true).open(&path).map_err(|error| {
                let path = path.display();
                Error::new(CKR_GENERAL_ERROR, format!("{RECORD_VARIABLE}: {path}: {error}"))
            })
        };
        Ok(Some(Self::Files { calls: open("calls")?, events: open("events")? }))
    }

    /// The process, or what a client in memory is called in its place.
    pub(crate) fn pid(&self) -> u32 {
        match self {
            Self::Files { .. } => std::process::id(),
            Self::Memory { pid, .. } => *pid,
        }
    }

    fn event(&self, record: EventRecord) {
        match self {
            Self::Files { events, .. } => Self::write(events, &record),
            Self::Memory { sink, .. } => sink(record),
        }
    }

    /// Writes down what devices tell each other when this process notices it.
    pub(crate) fn watch(self: &Arc<Self>, cluster: &Cluster) {
        let recorder = Arc::clone(self);
        cluster.watch_deliveries(Box::new(move |delivery| {
            if let Some(record) = delivered(delivery, recorder.pid()) {
                recorder.event(record);
            }
        }));
    }

    fn write(mut file: &File, record: &impl Serialize) {
        let Ok(mut line) = serde_json::to_vec(record) else { return };
        line.push(b'\n');
        if let Err(error) = file.write_all(&line) {
            tracing::warn!(%error, "the record could not be written");
        }
    }
}

impl Client {
    /// Whether calls are recorded: only then need they be timed.
    pub fn is_recording(&self) -> bool {
        self.recorder.is_some()
    }

    /// Counts a call and, if it is recorded, writes it down. `took`: only if recorded.
    pub fn record_call(&self, function: &str, session: u64, rv: u64, took: Option<Duration>) {
        self.record_past_call(function, session, rv, took, Duration::ZERO);
    }

    /// The same for a call that ended some time `ago`.
    pub(crate) fn record_past_call(
        &self,
        function: &str,
        session: u64,
        rv: u64,
        took: Option<Duration>,
        ago: Duration,
    ) {
        self.process.count_call(rv == 0);
        let (Some(Recorder::Files { calls, .. }), Some(took)) = (self.recorder.as_deref(), took)
        else {
            return;
        };
        let took_ns = nanos(took);
        let record = CallRecord {
            at_ns: self.clock().unix_now().saturating_sub(nanos(ago)).saturating_sub(took_ns),
            took_ns,
            function: Cow::Owned(function.to_owned()),
            session,
            code: Cow::Owned(ReturnValue(rv).to_string()),
            pid: std::process::id(),
            member: Cow::Owned(self.answered_by(session)),
            call_fault: Cow::Owned(script::struck_by()),
        };
        Recorder::write(calls, &record);
    }

    /// The device that answered the last call of a session, told once. A session that this call has
    /// closed has nobody left to tell.
    pub fn answered_by(&self, session: u64) -> String {
        let slot = self.session(SessionHandle(session)).ok();
        slot.and_then(|slot| slot.answered_by()).unwrap_or_default()
    }

    /// Writes an event down if there is a record, or an HA log that speaks of such events. The detail is
    /// written out for these alone.
    pub(crate) fn event(
        &self,
        event: &str,
        group: &Group,
        member: Option<&Member>,
        detail: impl Display,
    ) {
        self.slot_events.note(event, group);
        self.log_for_ha(event, group, member, &detail);
        let Some(recorder) = &self.recorder else { return };
        recorder.event(EventRecord {
            at_ns: self.clock().unix_now(),
            event: event.to_owned(),
            group: group.label.clone(),
            member: member.map_or_else(String::new, |member| member.device.clone()),
            detail: detail.to_string(),
            pid: recorder.pid(),
        });
    }
}

/// What one device told another, as an event; what the other knew is none.
fn delivered(delivery: &Delivery, pid: u32) -> Option<EventRecord> {
    let Delivery { at_ns, group, source, target, object, effect } = delivery;
    let (event, detail) = match effect {
        Effect::Put => ("replication_applied", format!("{object} from {source}")),
        Effect::Removed => ("replication_removed", format!("{object} from {source}")),
        Effect::Known => return None,
        Effect::Conflict { stands } => (
            "replication_conflict",
            format!("{object} changed on {source} and on {target}: that of {stands} stands"),
        ),
        Effect::Dropped(why) => ("replication_dropped", format!("{object} from {source}: {why}")),
    };
    let (event, group, member) = (event.to_owned(), group.clone(), target.clone());
    Some(EventRecord { at_ns: *at_ns, event, group, member, detail, pid })
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
