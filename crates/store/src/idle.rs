//! The word that spares whoever starts the ledger: that nothing in it asks for anything.
//!
//! A client that starts wants to know two things of the ledger, whether faults are on record and whether
//! anything is owed, and nearly always neither is. Opening an SQLite file only to learn this costs more than
//! the rest of `C_Initialize`. So the first who finds it so writes into the shared page at which
//! generation of the ledger that was, and while the generation stands nobody opens the file for it.
//!
//! The page and the ledger's log reach the disk in no order. After a loss of the machine's own power the
//! page may be older than what the ledger has on record, so that a word counts only within the boot in which
//! it was written.

use std::{
    fs,
    sync::{OnceLock, atomic::Ordering::SeqCst},
};

use hsmsim_types::Result;

use crate::{Ledger, gate, generation::is_odd, ledger_files as sql, ledger_memory::Tables};

/// Where Linux tells one boot from another, in hexadecimal digits with hyphens.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// The word for a generation at which the ledger was idle, in this boot; `None` where boots cannot be told
/// apart, and for 0, which is what a new page has.
fn mark(generation: u64) -> Option<u64> {
    static BOOT: OnceLock<Option<u64>> = OnceLock::new();
    // A child whose parent forked while another thread read this would wait for that thread.
    let _entered = gate::enter();
    let boot = *BOOT.get_or_init(|| fold(&fs::read_to_string(BOOT_ID).ok()?));
    Some(boot? ^ generation).filter(|&mark| mark != 0)
}

/// The two halves of a boot's identity, one over the other.
fn fold(boot_id: &str) -> Option<u64> {
    let digits: String = boot_id.trim().split('-').collect();
    let bits = u128::from_str_radix(&digits, 16).ok()?;
    let (high, low) = ((bits >> 64) as u64, bits as u64);
    Some(high ^ low)
}

impl Ledger {
    /// Whether no fault is on record and nothing is owed. Reads the file only if something was recorded
    /// since somebody last found it so.
    ///
    /// # Errors
    /// See [`Ledger`].
    pub fn is_idle(&self) -> Result<bool> {
        self.is_idle_by(|| self.read(sql::is_idle, Tables::is_idle))
    }

    fn is_idle_by(&self, look: impl FnOnce() -> Result<bool>) -> Result<bool> {
        if self.is_blank() {
            return Ok(true);
        }
        let generation = self.generation();
        // An odd generation belongs to no one content.
        let mark = mark(generation).filter(|_| !is_odd(generation));
        let word = self.page.idle_word();
        if mark == Some(word.load(SeqCst)) {
            return Ok(true);
        }
        let is_idle = look()?;
        if let Some(mark) = mark.filter(|_| is_idle) {
            // A generation never returns: a word written late is one that nobody goes by.
            word.store(mark, SeqCst);
        }
        Ok(is_idle)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use hsmsim_types::ObjectId;
    use tempfile::TempDir;

    use super::*;
    use crate::{NewFault, NewOwed, OwedKind, StateDir, StateSpec};

    const DELETED: ObjectId = ObjectId([7; 16]);

    fn open(place: &Path) -> StateDir {
        StateDir::open_or_create(place, &StateSpec::new(["hsm-a"], "one device")).unwrap()
    }

    /// A directory whose ledger has a file, but nothing that asks for anything.
    fn with_tombstone() -> TempDir {
        let place = TempDir::new().unwrap();
        Ledger::open(&open(place.path())).tombstone("g", DELETED, 1).unwrap();
        place
    }

    fn owe(ledger: &Ledger) -> u64 {
        let (group, member) = ("g".into(), "hsm-a".into());
        let owed =
            NewOwed { group, member, object: DELETED, kind: OwedKind::Copy, at_ns: 2, pid: 1 };
        ledger.owe(&[owed]).unwrap()[0]
    }

    fn fault() -> NewFault {
        let (kind, target, params) = ("device.power_loss".into(), "hsm-a".into(), "{}".into());
        NewFault { kind, target, params, set_at_ns: 1, until_ns: None, owner_pid: None }
    }

    /// Whether this process has the ledger's file open.
    fn is_open(place: &Path) -> bool {
        let ledger = place.join("ledger.db");
        let links = fs::read_dir("/proc/self/fd").unwrap();
        links.flatten().any(|link| fs::read_link(link.path()).is_ok_and(|file| file == ledger))
    }

    #[test]
    fn ledger_found_idle_is_not_opened_for_it_again() {
        let place = with_tombstone();
        {
            let state = open(place.path());
            assert!(Ledger::open(&state).is_idle().unwrap());
            assert!(is_open(place.path()), "who is first has to look");
        }
        let state = open(place.path());
        let ledger = Ledger::open(&state);
        assert!(ledger.is_idle().unwrap());
        assert!(!ledger.owes_anything().unwrap());
        assert_eq!(ledger.standing_faults().unwrap(), []);
        assert_eq!(ledger.fault_history().unwrap(), []);
        assert!(!is_open(place.path()));
        assert_eq!(ledger.buried("g", &[DELETED]).unwrap(), [DELETED]);
        assert!(is_open(place.path()), "this test would not notice an open file");
    }

    #[test]
    fn what_is_recorded_after_the_word_is_seen_by_who_starts() {
        let place = with_tombstone();
        assert!(Ledger::open(&open(place.path())).is_idle().unwrap());
        let id = owe(&Ledger::open(&open(place.path())));
        let state = open(place.path());
        let ledger = Ledger::open(&state);
        assert!(!ledger.is_idle().unwrap());
        assert!(ledger.owes_anything().unwrap());
        ledger.settle(&[id]).unwrap();
        assert!(ledger.is_idle().unwrap());

        let fault = ledger.add_fault(&fault(), &[]).unwrap();
        assert!(!Ledger::open(&open(place.path())).is_idle().unwrap());
        ledger.heal_fault(fault, 3).unwrap();
        assert!(!ledger.is_idle().unwrap(), "history is read too");
        assert_eq!(ledger.fault_history().unwrap().len(), 1);
        state.exclusive().unwrap().reset().unwrap();
        assert!(ledger.is_idle().unwrap());
    }

    #[test]
    fn word_is_of_the_generation_before_the_look() {
        let place = with_tombstone();
        let ledger = Ledger::open(&open(place.path()));
        let look = || {
            let idle = ledger.read(sql::is_idle, Tables::is_idle);
            owe(&Ledger::open(&open(place.path())));
            idle
        };
        assert!(ledger.is_idle_by(look).unwrap(), "it was idle when it was looked at");
        assert!(!ledger.is_idle().unwrap());
        assert!(!Ledger::open(&open(place.path())).is_idle().unwrap());
    }

    /// As after a loss of power: the page has the generation and the word of before, the ledger what was
    /// recorded since.
    #[test]
    fn word_of_another_boot_does_not_count() {
        let place = with_tombstone();
        let state = open(place.path());
        let ledger = Ledger::open(&state);
        owe(&ledger);
        let of_another_boot = mark(ledger.generation()).unwrap() ^ 0x5A5A;
        state.page().idle_word().store(of_another_boot, SeqCst);
        assert!(!ledger.is_idle().unwrap());
        assert!(ledger.owes_anything().unwrap());
        // What it would come to if boots were not told apart.
        state.page().idle_word().store(mark(ledger.generation()).unwrap(), SeqCst);
        assert!(ledger.is_idle().unwrap());
    }

    #[test]
    fn change_that_was_killed_half_way_is_looked_at() {
        let place = with_tombstone();
        let state = open(place.path());
        let ledger = Ledger::open(&state);
        assert!(ledger.is_idle().unwrap());
        owe(&ledger);
        // The owner was killed inside its commit: the word of the generation before is still there.
        let word = state.page().ledger_word();
        state.page().idle_word().store(mark(word.load(SeqCst)).unwrap(), SeqCst);
        word.fetch_or(1, SeqCst);
        assert!(!ledger.is_idle().unwrap());
        assert!(!is_odd(word.load(SeqCst)));
    }

    #[test]
    fn memory_says_what_it_has() {
        let state = StateDir::memory(&StateSpec::new(["hsm-a"], "one device")).unwrap();
        let ledger = Ledger::open(&state);
        assert!(ledger.is_idle().unwrap());
        let id = owe(&ledger);
        assert!(!ledger.is_idle().unwrap());
        ledger.settle(&[id]).unwrap();
        assert!(ledger.is_idle().unwrap());
        ledger.add_fault(&fault(), &[]).unwrap();
        assert!(!ledger.is_idle().unwrap());
    }

    #[test]
    fn identity_of_a_boot_is_read_as_linux_writes_it() {
        let text = "01234567-89ab-cdef-0f1e-2d3c4b5a6978\n";
        assert_eq!(fold(text), Some(0x0123_4567_89ab_cdef ^ 0x0f1e_2d3c_4b5a_6978));
        assert_eq!(fold(""), None);
        assert_eq!(fold("no identity"), None);
        assert_eq!(fold("101234567-89ab-cdef-0f1e-2d3c4b5a6978"), None);
    }
}
