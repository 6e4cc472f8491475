//! Faults: which are set, and the history of all that ever were.

use std::sync::atomic::AtomicU64;

use hsmsim_types::Result;
use rusqlite::Connection;

use crate::{DeviceIndex, Ledger, database::Outcome, ledger_files as sql, ledger_memory::Tables};

/// A fault to be set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewFault {
    /// Which fault, by its id in the fault table: `device.power_loss`.
    pub kind: String,
    /// What it strikes.
    pub target: String,
    /// Its parameters, encoded by whoever sets and reads it.
    pub params: String,
    /// From when on; may lie in the future.
    pub set_at_ns: u64,
    /// When it ends by itself.
    pub until_ns: Option<u64>,
    /// The process with which it ends.
    pub owner_pid: Option<u32>,
}

/// A fault as recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultRow {
    /// Its number; never used twice.
    pub id: u64,
    /// What was asked for.
    pub fault: NewFault,
    /// When it was healed by hand.
    pub healed_at_ns: Option<u64>,
}

impl FaultRow {
    /// Whether it strikes at `now_ns`.
    pub fn is_active(&self, now_ns: u64) -> bool {
        self.healed_at_ns.is_none()
            && self.fault.set_at_ns <= now_ns
            && self.fault.until_ns.is_none_or(|until| now_ns < until)
    }

    /// When it ended or will end; `None`: not until it is healed.
    pub fn end_ns(&self) -> Option<u64> {
        match (self.fault.until_ns, self.healed_at_ns) {
            (Some(until), Some(healed)) => Some(until.min(healed)),
            (until, healed) => until.or(healed),
        }
    }
}

/// Which faults are healed, of those that are not yet.
#[derive(Clone, Copy)]
pub(crate) enum Healed {
    /// That of this number.
    One(u64),
    /// Those that end with this process.
    Owned(u32),
    /// All.
    All,
}

impl Ledger {
    /// Records a fault and gives its number. The power epochs of `power_lost` go up in the same
    /// step: whoever sees the new fault generation sees the new epochs.
    ///
    /// # Errors
    /// See [`Ledger`].
    pub fn add_fault(&self, fault: &NewFault, power_lost: &[DeviceIndex]) -> Result<u64> {
        let counted = |id| {
            // Before the commit: a process killed here has ended sessions without a loss of power,
            // which is harmless; the other way round, sessions would survive one.
            for device in power_lost {
                self.page.raise_power_epoch(*device);
            }
            Outcome::Changed(id)
        };
        self.write(
            &self.fault_words(),
            |db| Ok(counted(sql::add_fault(db, fault)?)),
            |tables| counted(tables.add_fault(fault)),
        )
    }

    /// Heals a fault; `false` if it is not known or healed already.
    ///
    /// # Errors
    /// See [`Ledger`].
    pub fn heal_fault(&self, id: u64, at_ns: u64) -> Result<bool> {
        Ok(self.heal(Healed::One(id), at_ns)? > 0)
    }

    /// Heals all faults that end with a process; gives their number.
    ///
    /// # Errors
    /// See [`Ledger`].
    pub fn heal_owned(&self, pid: u32, at_ns: u64) -> Result<usize> {
        self.heal(Healed::Owned(pid), at_ns)
    }

    /// Heals all faults; gives their number.
    ///
    /// # Errors
    /// See [`Ledger`].
    pub fn heal_all(&self, at_ns: u64) -> Result<usize> {
        self.heal(Healed::All, at_ns)
    }

    /// The faults that strike at `now_ns`, oldest first.
    ///
    /// # Errors
    /// See [`Ledger`].
    pub fn active_faults(&self, now_ns: u64) -> Result<Vec<FaultRow>> {
        let mut rows = self.standing_faults()?;
        rows.retain(|row| row.is_active(now_ns));
        Ok(rows)
    }

    /// Faults not healed by hand that are active, will be, or have run out: what a process keeps to
    /// know when the next one begins or ends.
    ///
    /// # Errors
    /// See [`Ledger`].
    pub fn standing_faults(&self) -> Result<Vec<FaultRow>> {
        self.faults(sql::standing_faults, Tables::standing_faults)
    }

    /// Every fault since the last reset, oldest first.
    ///
    /// # Errors
    /// See [`Ledger`].
    pub fn fault_history(&self) -> Result<Vec<FaultRow>> {
        self.faults(sql::fault_history, Tables::fault_history)
    }

    fn faults(
        &self,
        file: impl FnOnce(&Connection) -> rusqlite::Result<Vec<FaultRow>>,
        memory: impl FnOnce(&Tables) -> Vec<FaultRow>,
    ) -> Result<Vec<FaultRow>> {
        if self.is_idle()? { Ok(Vec::new()) } else { self.read(file, memory) }
    }

    fn heal(&self, which: Healed, at_ns: u64) -> Result<usize> {
        if self.is_blank() {
            return Ok(0);
        }
        let outcome = |healed| Outcome::if_changed(healed > 0, healed);
        self.write(
            &self.fault_words(),
            |db| Ok(outcome(sql::heal(db, which, at_ns)?)),
            |tables| outcome(tables.heal(which, at_ns)),
        )
    }

    /// The words that a change of faults steps.
    pub(crate) fn fault_words(&self) -> [&AtomicU64; 2] {
        [self.page.faults_word(), self.page.ledger_word()]
    }
}
