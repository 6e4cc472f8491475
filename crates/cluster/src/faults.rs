//! Setting and healing faults. What is set here strikes in every process of the state directory.

use hsmsim_sim_config::{DeviceId, Fault, REPLACEMENT};
use hsmsim_store::NewFault;

use crate::{
    Cluster, ClusterError,
    call_faults::CALL_FAULT,
    effects::{ActiveFault, ends_sessions, nanos},
    spells::{draw, own_length},
};

impl Cluster {
    /// Sets a fault now. Gives the numbers of its rows: one for each device that a selector names.
    ///
    /// `busiest` is asked when the target is "the busiest member": it is shown the candidates and
    /// answers with an index. `owner`: the process that the fault ends with.
    ///
    /// # Errors
    /// A target that is not in the topology; a ledger that cannot be written.
    pub fn add_fault(
        &self,
        fault: &Fault,
        busiest: impl FnMut(&[DeviceId]) -> usize,
        owner: Option<u32>,
    ) -> Result<Vec<u64>, ClusterError> {
        let mut ids = Vec::new();
        for fault in fault.resolved(self.topology(), busiest)? {
            let fault = self.counted(fault)?;
            // Sessions end before the contents are gone: else another process's calls would find an empty
            // partition under a session that lives on.
            let ends_sessions = ends_sessions(&fault);
            if !ends_sessions {
                self.harm(&fault)?;
            }
            ids.push(self.write_down(&fault, owner)?);
            if ends_sessions {
                self.harm(&fault)?;
            }
        }
        self.refresh();
        Ok(ids)
    }

    /// A row of the history, set now. Gives its number.
    pub(crate) fn write_down(
        &self,
        fault: &Fault,
        owner: Option<u32>,
    ) -> Result<u64, ClusterError> {
        let set_at_ns = self.clock().unix_now();
        let length = fault.duration.or_else(|| own_length(fault));
        let until_ns = length.map(|time| set_at_ns + nanos(self.scaled(time)));
        let params: Vec<String> =
            fault.params.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let row = NewFault {
            kind: fault.spec.id.to_owned(),
            target: fault.target.to_string(),
            params: params.join(" "),
            set_at_ns,
            until_ns,
            owner_pid: owner,
        };
        Ok(self.ledger().add_fault(&row, &[])?)
    }

    /// Ends a fault now; `false` if it had ended already or there is none of that number.
    ///
    /// # Errors
    /// A ledger that cannot be written.
    pub fn heal_fault(&self, id: u64) -> Result<bool, ClusterError> {
        let healed = self.ledger().heal_fault(id, self.clock().unix_now())?;
        self.refresh();
        Ok(healed)
    }

    /// Ends every fault now; gives their numbers.
    ///
    /// # Errors
    /// A ledger that cannot be written.
    pub fn heal_all(&self) -> Result<Vec<u64>, ClusterError> {
        let mut healed = Vec::new();
        for fault in self.active_faults() {
            if self.heal_fault(fault.id)? {
                healed.push(fault.id);
            }
        }
        Ok(healed)
    }

    /// The faults that strike now.
    pub fn active_faults(&self) -> Vec<ActiveFault> {
        let now_ns = self.clock().unix_now();
        let history = self.fault_history();
        let lasting = |fault: &&ActiveFault| {
            fault.fault.spec.lasts && fault.end_ns.is_none_or(|end| end > now_ns)
        };
        history.iter().filter(lasting).cloned().collect()
    }

    /// Ends the faults of processes that are gone: a drill that was killed must not leave a device
    /// without power.
    fn heal_orphans(&self) -> Result<(), ClusterError> {
        for row in self.ledger().standing_faults()? {
            let gone = |pid: &u32| !std::path::Path::new(&format!("/proc/{pid}")).exists();
            if let Some(pid) = row.fault.owner_pid.filter(gone) {
                let healed = self.ledger().heal_owned(pid, self.clock().unix_now())?;
                tracing::info!(pid, healed, "faults ended with the process that had set them");
            }
        }
        Ok(())
    }

    /// Reads the table; call faults, which devices and links have no part in, are put where calls are
    /// looked at. A row that this version does not understand is skipped and logged: it was
    /// set by a newer one, or for a topology that has changed.
    pub(crate) fn load_faults(&self) -> Result<Vec<ActiveFault>, ClusterError> {
        self.heal_orphans()?;
        let mut faults = Vec::new();
        let rows = self.ledger().fault_history()?;
        self.load_call_faults(&rows);
        for row in rows {
            let set = &row.fault;
            if set.kind == CALL_FAULT {
                continue;
            }
            let text = format!("{} {} {}", set.kind, set.target, set.params);
            let fault = match set.kind == REPLACEMENT.id {
                true => Ok(Fault::replacement(DeviceId::new(set.target.as_str()))),
                false => text.parse::<Fault>(),
            };
            let read = fault.and_then(|fault| {
                let mut strikes = fault.strikes(self.topology(), |_| 0)?;
                draw(&fault, row.id, self.topology().seed, &mut strikes.devices);
                Ok((fault, strikes))
            });
            let (fault, strikes) = match read {
                Ok(read) => read,
                Err(error) => {
                    tracing::warn!(row = row.id, %error, "a fault is ignored");
                    continue;
                }
            };
            faults.push(ActiveFault {
                id: row.id,
                fault,
                strikes,
                set_at_ns: set.set_at_ns,
                end_ns: row.end_ns(),
            });
        }
        Ok(faults)
    }
}
