//! Scripted call faults: rows of the fault table that no device or link has a part in. The cluster
//! keeps them where every process sees them; what they do is the client library's.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use hsmsim_sim_config::CallFault;
use hsmsim_store::{FaultRow, NewFault};
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::{Cluster, ClusterError, effects::nanos};

/// What the rows of call faults have in the place of a fault's id.
pub(crate) const CALL_FAULT: &str = "call";

/// A call fault that was set.
#[derive(Clone, Debug, PartialEq)]
pub struct SetCallFault {
    /// Its number.
    pub id: u64,
    /// What it is.
    pub fault: CallFault,
    /// When it was set (Unix time in ns).
    pub set_at_ns: u64,
    /// When it ended or will end by itself; `None`: not until it is removed.
    pub end_ns: Option<u64>,
}

impl SetCallFault {
    /// Of a row of the fault table; the error says what this version does not understand.
    fn of(row: &FaultRow) -> Result<Self, hsmsim_sim_config::ConfigError> {
        Ok(Self {
            id: row.id,
            fault: format!("{} {}", row.fault.target, row.fault.params).parse()?,
            set_at_ns: row.fault.set_at_ns,
            end_ns: row.end_ns(),
        })
    }

    /// Whether it strikes at `now_ns`.
    fn stands(&self, now_ns: u64) -> bool {
        self.end_ns.is_none_or(|end_ns| now_ns < end_ns)
    }
}

impl fmt::Display for SetCallFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.id, self.fault)
    }
}

/// The call faults as last read.
pub(crate) struct CallFaults {
    /// The generation of the fault table at which there were none; otherwise a value that it never has.
    quiet_at: AtomicU64,
    /// Those that stand.
    set: watch::Sender<Arc<Vec<SetCallFault>>>,
    // Lock: written by whoever reads the fault table, read by reports; never across an await.
    /// All that ever were.
    history: Mutex<Arc<Vec<SetCallFault>>>,
}

/// Odd, so no generation at rest.
const NEVER: u64 = u64::MAX;

impl Default for CallFaults {
    fn default() -> Self {
        Self {
            quiet_at: AtomicU64::new(NEVER),
            set: watch::Sender::default(),
            history: Mutex::default(),
        }
    }
}

impl Cluster {
    /// Whether there is certainly no call fault; costs a load of the shared generation, and one of a
    /// line that only changes with it. Otherwise ask [`Cluster::call_faults`].
    #[inline]
    pub fn has_no_call_faults(&self) -> bool {
        self.page().fault_generation() == self.call_faults.quiet_at.load(Ordering::Acquire)
    }

    /// The call faults that are set, oldest first. The same vector as long as nothing changes.
    pub fn call_faults(&self) -> Arc<Vec<SetCallFault>> {
        self.refresh();
        Arc::clone(&self.call_faults.set.borrow())
    }

    /// Every call fault since the last reset, those that have ended among them, oldest first.
    pub fn call_fault_history(&self) -> Arc<Vec<SetCallFault>> {
        self.refresh();
        Arc::clone(&self.call_faults.history.lock())
    }

    /// Waits until a call fault has been removed or is over.
    pub async fn call_fault_removed(&self, id: u64) {
        let mut set = self.call_faults.set.subscribe();
        let gone = |set: &Arc<Vec<SetCallFault>>| set.iter().all(|set| set.id != id);
        // The sender is this cluster's own, so it outlives the wait.
        let _ = set.wait_for(gone).await;
    }

    /// Sets a call fault in every process of the state directory; gives its number. `length`: when it
    /// ends by itself, in drill time. `owner`: the process that it ends with.
    ///
    /// # Errors
    /// A ledger that cannot be written.
    pub fn add_call_fault(
        &self,
        fault: &CallFault,
        length: Option<Duration>,
        owner: Option<u32>,
    ) -> Result<u64, ClusterError> {
        let set_at_ns = self.clock().unix_now();
        let row = NewFault {
            kind: CALL_FAULT.to_owned(),
            target: fault.functions_text(),
            params: fault.rest_text(),
            set_at_ns,
            until_ns: length.map(|length| set_at_ns + nanos(self.scaled(length))),
            owner_pid: owner,
        };
        let id = self.ledger().add_fault(&row, &[])?;
        self.refresh();
        Ok(id)
    }

    /// Removes a call fault; `false` if there is none of that number.
    ///
    /// # Errors
    /// A ledger that cannot be written.
    pub fn remove_call_fault(&self, id: u64) -> Result<bool, ClusterError> {
        if self.call_faults().iter().all(|set| set.id != id) {
            return Ok(false);
        }
        self.heal_fault(id)
    }

    /// Removes every call fault; gives their numbers.
    ///
    /// # Errors
    /// A ledger that cannot be written.
    pub fn clear_call_faults(&self) -> Result<Vec<u64>, ClusterError> {
        let mut removed = Vec::new();
        for set in self.call_faults().iter() {
            if self.remove_call_fault(set.id)? {
                removed.push(set.id);
            }
        }
        Ok(removed)
    }

    /// Takes the call faults from the rows of the fault table. A row that this version does not
    /// understand is skipped and logged: a newer one has set it.
    pub(crate) fn load_call_faults(&self, rows: &[FaultRow]) {
        let mut history = Vec::new();
        for row in rows.iter().filter(|row| row.fault.kind == CALL_FAULT) {
            match SetCallFault::of(row) {
                Ok(set) => history.push(set),
                Err(error) => tracing::warn!(row = row.id, %error, "a call fault is ignored"),
            }
        }
        *self.call_faults.history.lock() = Arc::new(history);
    }

    /// Lets those strike that stand at `now_ns`, as the fault table of this generation has them. Gives
    /// the time at which the next of them is over.
    pub(crate) fn follow_call_faults(&self, generation: u64, now_ns: u64) -> Option<u64> {
        let history = Arc::clone(&self.call_faults.history.lock());
        let set: Vec<_> = history.iter().filter(|set| set.stands(now_ns)).cloned().collect();
        let next_ns = set.iter().filter_map(|set| set.end_ns).min();
        let quiet_at =
            if set.is_empty() && generation.is_multiple_of(2) { generation } else { NEVER };
        self.call_faults.set.send_if_modified(|before| {
            let changed = **before != set;
            if changed {
                *before = Arc::new(set);
            }
            changed
        });
        self.call_faults.quiet_at.store(quiet_at, Ordering::Release);
        next_ns
    }
}
