//! What the application saw: every call that the module wrote down, and assertions on it.
//!
//! All times are real time, not drill time. A call that has not returned yet is not in the record.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use hsmsim_client::record::{CallRecord, EventRecord};
use hsmsim_drill::records::Tail;

use crate::Error;

/// How many calls a failed assertion shows.
const SHOWN: usize = 10;

/// One call of an application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// When it began.
    pub at: SystemTime,
    /// How long it took.
    pub took: Duration,
    /// The function: `C_Sign`.
    pub function: String,
    /// The session's handle; 0 for functions without one.
    pub session: u64,
    /// The code's name: `CKR_OK`.
    pub code: String,
    /// The process.
    pub pid: u32,
    /// The device that answered; empty if none was asked or none answered.
    pub member: String,
    /// The number of the call fault that struck it; empty if none did.
    pub call_fault: String,
}

/// Something that the library noticed or did about the members of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When.
    pub at: SystemTime,
    /// What: `member_lost`, `failover`, `member_recovered`, `multi_part_lost` and so on.
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

impl From<CallRecord> for Call {
    fn from(call: CallRecord) -> Self {
        let CallRecord { at_ns, took_ns, function, session, code, pid, member, call_fault } = call;
        let (at, took) = (time(at_ns), Duration::from_nanos(took_ns));
        Self {
            at,
            took,
            function: function.into_owned(),
            session,
            code: code.into_owned(),
            pid,
            member: member.into_owned(),
            call_fault: call_fault.into_owned(),
        }
    }
}

impl From<EventRecord> for Event {
    fn from(event: EventRecord) -> Self {
        let EventRecord { at_ns, event, group, member, detail, pid } = event;
        Self { at: time(at_ns), event, group, member, detail, pid }
    }
}

fn time(unix_ns: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_nanos(unix_ns)
}

/// The calls and events of all processes that ran with [`Cluster::env`](crate::Cluster::env), in the
/// order of time. A part of a record is a record too: `record.of("C_Sign").assert_no_errors()`.
#[derive(Clone, Debug, Default)]
pub struct Record {
    calls: Vec<Call>,
    events: Vec<Event>,
}

impl Record {
    /// Reads what is there now.
    pub(crate) fn read(directory: &Path) -> Result<Self, Error> {
        let batch = Tail::new(directory).read()?;
        let calls = batch.calls.into_iter().map(Call::from).collect();
        Ok(Self { calls, events: batch.events.into_iter().map(Event::from).collect() })
    }

    /// The calls.
    pub fn calls(&self) -> &[Call] {
        &self.calls
    }

    /// What the library noticed or did.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// The calls of one function, and all events.
    #[must_use]
    pub fn of(&self, function: &str) -> Self {
        self.part(|call| call.function == function, |_| true)
    }

    /// The calls and events of one process.
    #[must_use]
    pub fn of_process(&self, pid: u32) -> Self {
        self.part(|call| call.pid == pid, |event| event.pid == pid)
    }

    /// The calls that began, and the events that happened, at `time` or later.
    #[must_use]
    pub fn since(&self, time: SystemTime) -> Self {
        self.part(|call| call.at >= time, |event| event.at >= time)
    }

    fn part(&self, call: impl Fn(&Call) -> bool, event: impl Fn(&Event) -> bool) -> Self {
        Self {
            calls: self.calls.iter().filter(|it| call(it)).cloned().collect(),
            events: self.events.iter().filter(|it| event(it)).cloned().collect(),
        }
    }

    /// The calls that did not return CKR_OK.
    pub fn failed(&self) -> Vec<&Call> {
        self.calls.iter().filter(|call| call.code != "CKR_OK").collect()
    }

    /// The calls that a call fault struck.
    pub fn struck(&self) -> Vec<&Call> {
        self.calls.iter().filter(|call| !call.call_fault.is_empty()).collect()
    }

    /// The call that took longest.
    pub fn longest(&self) -> Option<&Call> {
        self.calls.iter().max_by_key(|call| call.took)
    }

    /// How often each code was returned.
    pub fn codes(&self) -> BTreeMap<&str, usize> {
        let mut codes = BTreeMap::new();
        for call in &self.calls {
            *codes.entry(call.code.as_str()).or_default() += 1;
        }
        codes
    }

    /// How many calls moved to another member.
    pub fn failovers(&self) -> usize {
        self.events.iter().filter(|event| event.event == "failover").count()
    }

    /// Asserts that every call returned CKR_OK.
    ///
    /// # Panics
    /// If one did not, or if there is no call at all: a record of nothing proves nothing.
    #[track_caller]
    pub fn assert_no_errors(&self) {
        self.assert_only_codes(&["CKR_OK"]);
    }

    /// Asserts that every call returned one of these codes.
    ///
    /// # Panics
    /// If one did not, or if there is no call at all.
    #[track_caller]
    pub fn assert_only_codes(&self, codes: &[&str]) {
        self.assert_some_calls();
        let other = |call: &&Call| !codes.contains(&call.code.as_str());
        let wrong: Vec<&Call> = self.calls.iter().filter(other).collect();
        assert!(wrong.is_empty(), "only {} expected; {}", codes.join(", "), self.told(&wrong));
    }

    /// Asserts that no call took longer than `longest`, in real time.
    ///
    /// # Panics
    /// If one did, or if there is no call at all.
    #[track_caller]
    pub fn assert_no_call_longer_than(&self, longest: Duration) {
        self.assert_some_calls();
        let wrong: Vec<&Call> = self.calls.iter().filter(|call| call.took > longest).collect();
        assert!(wrong.is_empty(), "at most {longest:?} expected; {}", self.told(&wrong));
    }

    /// Asserts that the fault bit: at least one call moved to another member.
    ///
    /// # Panics
    /// If none did.
    #[track_caller]
    pub fn assert_failed_over(&self) {
        let events: Vec<&str> = self.events.iter().map(|event| event.event.as_str()).collect();
        assert!(self.failovers() > 0, "no call moved to another member; events: {events:?}");
    }

    #[track_caller]
    fn assert_some_calls(&self) {
        assert!(!self.calls.is_empty(), "there is no call in this record");
    }

    /// The calls of a failed assertion, for people.
    fn told(&self, wrong: &[&Call]) -> String {
        let mut text = format!("{} of {} calls differ:", wrong.len(), self.calls.len());
        for call in wrong.iter().take(SHOWN) {
            let Call { took, function, session, code, pid, call_fault, .. } = call;
            let by = if call_fault.is_empty() { "" } else { ", struck by call fault " };
            // Writing to a String cannot fail.
            let _ = write!(
                text,
                "\n  {function} {code} after {took:?}, session {session}, pid {pid}{by}{call_fault}"
            );
        }
        if wrong.len() > SHOWN {
            let _ = write!(text, "\n  and {} more", wrong.len() - SHOWN);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use super::*;

    fn call(function: &str, code: &str, took_ms: u64) -> Call {
        Call {
            at: UNIX_EPOCH + Duration::from_secs(took_ms),
            took: Duration::from_millis(took_ms),
            function: function.into(),
            session: 1,
            code: code.into(),
            pid: 1,
            member: String::new(),
            call_fault: String::new(),
        }
    }

    fn record() -> Record {
        let calls = vec![
            call("C_SignInit", "CKR_OK", 1),
            call("C_Sign", "CKR_OK", 7),
            call("C_SignUpdate", "CKR_DEVICE_ERROR", 3),
        ];
        Record { calls, events: Vec::new() }
    }

    fn fails(assertion: impl FnOnce() + std::panic::UnwindSafe) -> String {
        *catch_unwind(assertion).unwrap_err().downcast::<String>().unwrap()
    }

    #[test]
    fn what_failed_and_what_took_longest_is_found() {
        let record = record();
        assert_eq!(record.failed(), [&record.calls()[2]]);
        assert_eq!(record.longest(), Some(&record.calls()[1]));
        assert_eq!(record.codes(), [("CKR_DEVICE_ERROR", 1), ("CKR_OK", 2)].into());
        assert_eq!(record.since(UNIX_EPOCH + Duration::from_secs(3)).calls().len(), 2);
        assert_eq!(record.of("C_Sign").longest().unwrap().took, Duration::from_millis(7));
        assert_eq!(record.of_process(2).longest(), None);
    }

    #[test]
    fn assertions_name_the_calls_that_differ() {
        let told = fails(|| record().assert_no_errors());
        assert!(told.contains("1 of 3 calls") && told.contains("C_SignUpdate CKR_DEVICE_ERROR"));
        record().assert_only_codes(&["CKR_OK", "CKR_DEVICE_ERROR"]);
        record().of("C_Sign").assert_no_errors();
        record().assert_no_call_longer_than(Duration::from_millis(7));
        let told = fails(|| record().assert_no_call_longer_than(Duration::from_millis(6)));
        assert!(told.contains("C_Sign CKR_OK after 7ms"), "{told}");
        fails(|| record().assert_failed_over());
    }

    #[test]
    fn a_record_of_nothing_proves_nothing() {
        let nothing = || record().of("C_Verify");
        assert!(catch_unwind(|| nothing().assert_no_errors()).is_err());
        assert!(catch_unwind(|| nothing().assert_no_call_longer_than(Duration::MAX)).is_err());
    }
}
