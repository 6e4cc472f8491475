//! This process's place in the shared page: what others see of it without asking.

use std::sync::atomic::{AtomicU64, Ordering};

use hsmsim_cluster::Cluster;
use hsmsim_partition::api::AppId;
use hsmsim_store::{Counter, ProcessSlot};

/// A claimed place. If all are taken, this process works and is not shown.
pub(crate) struct Process {
    slot: ProcessSlot,
    app: AppId,
}

impl Process {
    /// `pid` is the process's number, or one that a run of many clients in one process gives it.
    pub(crate) fn claim(cluster: &Cluster, pid: u32) -> Self {
        // The application ID of Luna's library comes from the process ID; so forked children have
        // logins of their own. The same process initialising anew is another application.
        static INITIALISATIONS: AtomicU64 = AtomicU64::new(0);
        let nth = INITIALISATIONS.fetch_add(1, Ordering::Relaxed);
        Self { slot: cluster.claim_process(), app: AppId::new(pid, nth) }
    }

    pub(crate) fn app(&self) -> AppId {
        self.app
    }

    pub(crate) fn count_failover(&self) {
        self.slot.counter(Counter::Failovers).fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_call(&self, ok: bool) {
        let counter = if ok { Counter::CallsOk } else { Counter::CallsFailed };
        self.slot.counter(counter).fetch_add(1, Ordering::Relaxed);
    }

    /// Publishes what this client believes of its members. Failing to do so harms nobody but
    /// `hsmsim status`.
    pub(crate) fn publish(&self, json: &str) {
        if let Err(error) = self.slot.publish_view(json) {
            tracing::debug!(%error, "view not published");
        }
    }

    pub(crate) fn withdraw(&self) {
        self.slot.withdraw_view();
    }
}
