//! Scripted call faults: rows of the fault table that no device or link has a part in. The cluster
//! keeps them where every process sees them; what they do is the client library's.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use hsmsim_sim_config::CallFault;
use hsmsim_store::{FaultRow, NewFault};
use tokio::sync::watch;

use crate::{Cluster, ClusterError};

/// What the rows of call faults have in the place of a fault's id.
pub(crate) const CALL_FAULT: &str = "call";

/// A call fault that was set.
#[derive(Clone, Debug, PartialEq)]
pub struct SetCallFault {
    /// Its number.
    pub id: u64,
    /// What it is.
    pub fault: CallFault,
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
    set: watch::Sender<Arc<Vec<SetCallFault>>>,
}

/// Odd, so no generation at rest.
const NEVER: u64 = u64::MAX;

impl Default for CallFaults {
    fn default() -> Self {
        Self { quiet_at: AtomicU64::new(NEVER), set: watch::Sender::default() }
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

    /// Waits until a call fault has been removed.
    pub async fn call_fault_removed(&self, id: u64) {
        let mut set = self.call_faults.set.subscribe();
        let gone = |set: &Arc<Vec<SetCallFault>>| set.iter().all(|set| set.id != id);
        // The sender is this cluster's own, so it outlives the wait.
        let _ = set.wait_for(gone).await;
    }

    /// Sets a call fault in every process of the state directory; gives its number. `owner`: the
    /// process that it ends with.
    ///
    /// # Errors
    /// A ledger that cannot be written.
    pub fn add_call_fault(
        &self,
        fault: &CallFault,
        owner: Option<u32>,
    ) -> Result<u64, ClusterError> {
        let row = NewFault {
            kind: CALL_FAULT.to_owned(),
            target: fault.functions_text(),
            params: fault.rest_text(),
            set_at_ns: self.clock().unix_now(),
            until_ns: None,
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

    /// Reads the call faults that belong to a generation of the fault table. A row that this version
    /// does not understand is skipped and logged: a newer one has set it.
    pub(crate) fn load_call_faults(&self, generation: u64) -> Result<(), ClusterError> {
        let now_ns = self.clock().unix_now();
        let is_set = |row: &FaultRow| row.fault.kind == CALL_FAULT && row.is_active(now_ns);
        let mut set = Vec::new();
        for row in self.ledger().standing_faults()?.into_iter().filter(is_set) {
            match format!("{} {}", row.fault.target, row.fault.params).parse() {
                Ok(fault) => set.push(SetCallFault { id: row.id, fault }),
                Err(error) => tracing::warn!(row = row.id, %error, "a call fault is ignored"),
            }
        }
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
        Ok(())
    }
}
