//! What members are owed: copies they missed, deletions they missed.
//!
//! Durable debts live in the cluster's ledger, and whichever process brings the member back pays
//! them. Preset `luna` keeps them in the process that made the key, as Luna's library does: they die
//! with it, and somebody has to run `ha synchronize`.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use hsmsim_cluster::Cluster;
use hsmsim_store::{NewOwed, OwedRow};
use hsmsim_types::Result;
use parking_lot::Mutex;

/// The debts this process knows of.
pub(crate) struct Debts {
    cluster: Arc<Cluster>,
    durable: bool,
    // Lock: look-ups and changes only, never across an await.
    own: Mutex<Vec<OwedRow>>,
    last: AtomicU64,
}

impl Debts {
    pub(crate) fn new(cluster: Arc<Cluster>, durable: bool) -> Self {
        Self { cluster, durable, own: Mutex::default(), last: AtomicU64::new(0) }
    }

    /// Writes debts down; when this returns they are as safe as they will ever be.
    pub(crate) fn owe(&self, work: Vec<NewOwed>) -> Result<()> {
        if self.durable {
            return self.cluster.ledger().owe(&work).map(|_| ());
        }
        let next = || self.last.fetch_add(1, Ordering::Relaxed) + 1;
        self.own.lock().extend(work.into_iter().map(|owed| OwedRow { id: next(), owed }));
        Ok(())
    }

    /// What a member of a group is owed, oldest first.
    pub(crate) fn owed_to(&self, group: &str, member: &str) -> Result<Vec<OwedRow>> {
        if self.durable {
            return self.cluster.ledger().owed_to(group, member);
        }
        let own = self.own.lock();
        Ok(own.iter().filter(|row| is_owed_to(row, group, member)).cloned().collect())
    }

    /// Whether a member of a group is owed anything.
    pub(crate) fn owes(&self, group: &str, member: &str) -> Result<bool> {
        if self.durable {
            return self.cluster.ledger().owes(group, member);
        }
        Ok(self.own.lock().iter().any(|row| is_owed_to(row, group, member)))
    }

    /// These debts are paid.
    pub(crate) fn settle(&self, ids: &[u64]) -> Result<()> {
        if self.durable {
            return self.cluster.ledger().settle(ids);
        }
        self.own.lock().retain(|row| !ids.contains(&row.id));
        Ok(())
    }
}

fn is_owed_to(row: &OwedRow, group: &str, member: &str) -> bool {
    *row.owed.group == *group && *row.owed.member == *member
}
