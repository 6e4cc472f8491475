//! Faults: which are set, and the history of all that ever were.

use hsmsim_types::Result;
use rusqlite::{Row, params};

use crate::{DeviceIndex, Ledger, database::Outcome};

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

const COLUMNS: &str = "id, kind, target, params, set_at, until, owner_pid, healed_at";

impl Ledger {
    /// Records a fault and gives its number. The power epochs of `power_lost` go up in the same
    /// step: whoever sees the new fault generation sees the new epochs.
    ///
    /// # Errors
    /// See [`Ledger`].
    pub fn add_fault(&self, fault: &NewFault, power_lost: &[DeviceIndex]) -> Result<u64> {
        self.write_faults(|db| {
            db.prepare_cached(
                "INSERT INTO faults (kind, target, params, set_at, until, owner_pid)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![
                fault.kind,
                fault.target,
                fault.params,
                fault.set_at_ns.cast_signed(),
                fault.until_ns.map(u64::cast_signed),
                fault.owner_pid
            ])?;
            let id = db.last_insert_rowid().cast_unsigned();
            // Before the commit: a process killed here has ended sessions without a loss of power,
            // which is harmless; the other way round, sessions would survive one.
            for device in power_lost {
                self.page.raise_power_epoch(*device);
            }
            Ok((id, true))
        })
    }

    /// Heals a fault; `false` if it is not known or healed already.
    ///
    /// # Errors
    /// See [`Ledger`].
    pub fn heal_fault(&self, id: u64, at_ns: u64) -> Result<bool> {
        let healed = self.heal("id = ?2", at_ns, id.cast_signed())?;
        Ok(healed > 0)
    }

    /// Heals all faults that end with a process; gives their number.
    ///
    /// # Errors
    /// See [`Ledger`].
    pub fn heal_owned(&self, pid: u32, at_ns: u64) -> Result<usize> {
        self.heal("owner_pid = ?2", at_ns, i64::from(pid))
    }

    /// Heals all faults; gives their number.
    ///
    /// # Errors
    /// See [`Ledger`].
    pub fn heal_all(&self, at_ns: u64) -> Result<usize> {
        self.heal("?2 = 0", at_ns, 0)
    }

    /// The faults that strike at `now_ns`, oldest first.
    ///
    /// # Errors
    /// See [`Ledger`].
    pub fn active_faults(&self, now_ns: u64) -> Result<Vec<FaultRow>> {
        let mut rows = self.faults("WHERE healed_at IS NULL")?;
        rows.retain(|row| row.is_active(now_ns));
        Ok(rows)
    }

    /// Faults not healed by hand that are active, will be, or have run out: what a process keeps to
    /// know when the next one begins or ends.
    ///
    /// # Errors
    /// See [`Ledger`].
    pub fn standing_faults(&self) -> Result<Vec<FaultRow>> {
        self.faults("WHERE healed_at IS NULL")
    }

    /// Every fault since the last reset, oldest first.
    ///
    /// # Errors
    /// See [`Ledger`].
    pub fn fault_history(&self) -> Result<Vec<FaultRow>> {
        self.faults("")
    }

    fn heal(&self, which: &str, at_ns: u64, value: i64) -> Result<usize> {
        if !self.database.exists() {
            return Ok(0);
        }
        self.write_faults(|db| {
            let sql =
                format!("UPDATE faults SET healed_at = ?1 WHERE healed_at IS NULL AND {which}");
            let healed = db.prepare_cached(&sql)?.execute(params![at_ns.cast_signed(), value])?;
            Ok((healed, healed > 0))
        })
    }

    fn faults(&self, which: &str) -> Result<Vec<FaultRow>> {
        let rows = self.database.read(|db| {
            db.prepare_cached(&format!("SELECT {COLUMNS} FROM faults {which} ORDER BY id"))?
                .query_map([], fault)?
                .collect()
        })?;
        Ok(rows.unwrap_or_default())
    }

    /// `change` gives its result, and whether anything was written.
    fn write_faults<T>(
        &self,
        change: impl FnOnce(&rusqlite::Connection) -> rusqlite::Result<(T, bool)>,
    ) -> Result<T> {
        self.database.write(&[self.page.faults_word(), self.page.ledger_word()], |db| {
            let (value, written) = change(db)?;
            Ok(if written { Outcome::Changed(value) } else { Outcome::Unchanged(value) })
        })
    }
}

fn fault(row: &Row<'_>) -> rusqlite::Result<FaultRow> {
    let time = |column: usize| -> rusqlite::Result<Option<u64>> {
        Ok(row.get::<_, Option<i64>>(column)?.map(i64::cast_unsigned))
    };
    Ok(FaultRow {
        id: row.get::<_, i64>(0)?.cast_unsigned(),
        fault: NewFault {
            kind: row.get(1)?,
            target: row.get(2)?,
            params: row.get(3)?,
            set_at_ns: row.get::<_, i64>(4)?.cast_unsigned(),
            until_ns: time(5)?,
            owner_pid: row.get(6)?,
        },
        healed_at_ns: time(7)?,
    })
}
