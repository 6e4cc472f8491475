//! Call faults that strike until they are dropped.

use std::{fmt, time::Duration};

use hsmsim_sim_config::format_duration;

use crate::{Cluster, Error, operator::Request};

/// What becomes of single calls of applications, until it is dropped. Made by [`Cluster::calls`].
#[must_use = "a call fault ends when it is dropped: bind it to a name"]
pub struct CallFault {
    /// Until it was removed.
    cluster: Option<Cluster>,
    id: u64,
    text: String,
}

impl fmt::Display for CallFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for CallFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CallFault({})", self.text)
    }
}

impl CallFault {
    /// Its number, which a struck call has in [`Call::call_fault`](crate::Call::call_fault).
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Ends it now.
    ///
    /// # Errors
    /// A state that cannot be written.
    pub fn remove(mut self) -> Result<(), Error> {
        self.end()
    }

    /// Lets it strike for as long as the cluster lives, or until [`Cluster::clear_call_faults`].
    pub fn keep(mut self) {
        self.cluster = None;
    }

    fn end(&mut self) -> Result<(), Error> {
        match self.cluster.take() {
            Some(cluster) => cluster.ask(&Request::Unscript(self.id))?.done(),
            None => Ok(()),
        }
    }
}

impl Drop for CallFault {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            eprintln!("{} was not removed: {error}", self.text);
        }
    }
}

/// Calls that a call fault is about: which are meant, which of those are struck. Its last method says
/// what becomes of them, and sets it.
///
/// ```no_run
/// # fn main() -> Result<(), hsmsim_testkit::Error> {
/// # let cluster = hsmsim_testkit::Cluster::start("ha-pair")?;
/// let _third = cluster.calls("C_Sign").label("web").nth(3).fail("CKR_DEVICE_ERROR")?;
/// # Ok(())
/// # }
/// ```
#[must_use = "say what becomes of the calls"]
pub struct Calls<'a> {
    cluster: &'a Cluster,
    function: String,
    pairs: Vec<(&'static str, String)>,
}

impl Calls<'_> {
    fn with(mut self, key: &'static str, value: impl ToString) -> Self {
        self.pairs.push((key, value.to_string()));
        self
    }

    /// On the slot of this number.
    pub fn slot(self, slot: u64) -> Self {
        self.with("slot", slot)
    }

    /// On the token of this label.
    pub fn token(self, label: &str) -> Self {
        self.with("token", label)
    }

    /// With this mechanism, by name or number: `CKM_ECDSA`.
    pub fn mechanism(self, mechanism: &str) -> Self {
        self.with("mechanism", mechanism)
    }

    /// With an object or key of this label.
    pub fn label(self, label: &str) -> Self {
        self.with("label", label)
    }

    /// With an object or key of this CKA_ID.
    pub fn id(self, id: &[u8]) -> Self {
        let hex: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
        self.with("id", hex)
    }

    /// On the session of this handle.
    pub fn session(self, handle: u64) -> Self {
        self.with("session", handle)
    }

    /// Of the process of this number.
    pub fn process(self, pid: u32) -> Self {
        self.with("process", pid)
    }

    /// Of processes whose program's file has this name.
    pub fn program(self, name: &str) -> Self {
        self.with("process", name)
    }

    /// The n-th of them in each process, counted from 1.
    pub fn nth(self, nth: u64) -> Self {
        self.with("nth", nth)
    }

    /// Those from `first` to `last`, counted from 1 in each process.
    pub fn from_to(self, first: u64, last: u64) -> Self {
        self.with("nth", format!("{first}..{last}"))
    }

    /// All from the n-th on.
    pub fn from(self, nth: u64) -> Self {
        self.with("nth", format!("{nth}.."))
    }

    /// Every so many.
    pub fn every(self, every: u64) -> Self {
        self.with("every", every)
    }

    /// At most so many in each process.
    pub fn times(self, times: u64) -> Self {
        self.with("times", times)
    }

    /// Each with this probability; the same seed strikes the same calls.
    pub fn probability(self, probability: f64, seed: u64) -> Self {
        self.with("probability", probability).with("seed", seed)
    }

    /// They wait so long before their work is done, whatever then becomes of them.
    pub fn slowly(self, delay: Duration) -> Self {
        self.with("delay", format_duration(delay))
    }

    /// They take so much longer: the wait comes before the work.
    ///
    /// # Errors
    /// A function, mechanism or code that does not exist, with the nearest one that does; what a
    /// function cannot be matched by; a state that cannot be written.
    pub fn delay(self, delay: Duration) -> Result<CallFault, Error> {
        self.slowly(delay).set()
    }

    /// They take so much longer: the wait comes after the work.
    ///
    /// # Errors
    /// As [`Calls::delay`].
    pub fn delay_after(self, delay: Duration) -> Result<CallFault, Error> {
        self.with("delay_after", format_duration(delay)).set()
    }

    /// They answer this code, and their work is not done.
    ///
    /// # Errors
    /// As [`Calls::delay`].
    pub fn fail(self, code: &str) -> Result<CallFault, Error> {
        self.with("code", code).set()
    }

    /// Their work is done, and they answer this code all the same: the answer was lost.
    ///
    /// # Errors
    /// As [`Calls::delay`].
    pub fn lose_answer(self, code: &str) -> Result<CallFault, Error> {
        self.with("code_after", code).set()
    }

    /// They hang until this is dropped, or the application calls C_Finalize; then their work is done.
    ///
    /// # Errors
    /// As [`Calls::delay`].
    pub fn hang(self) -> Result<CallFault, Error> {
        self.with("hang", "forever").set()
    }

    /// Their session is gone from then on.
    ///
    /// # Errors
    /// As [`Calls::delay`].
    pub fn drop_session(self) -> Result<CallFault, Error> {
        self.with("drop", "session").set()
    }

    /// The application is logged out from then on.
    ///
    /// # Errors
    /// As [`Calls::delay`].
    pub fn drop_login(self) -> Result<CallFault, Error> {
        self.with("drop", "login").set()
    }

    fn set(self) -> Result<CallFault, Error> {
        let pairs: Vec<(&str, &str)> =
            self.pairs.iter().map(|(key, value)| (*key, value.as_str())).collect();
        let fault = hsmsim_sim_config::CallFault::new(&self.function, &pairs)?;
        self.cluster.call_fault(&fault.to_string())
    }
}

impl Cluster {
    /// The calls of a function (`C_Sign`), of several with commas between them, or of `any`: say which
    /// of them, and what becomes of those.
    pub fn calls(&self, function: &str) -> Calls<'_> {
        Calls { cluster: self, function: function.to_owned(), pairs: Vec::new() }
    }

    /// Sets a call fault in its text form, as `hsmsim call-fault add` takes it:
    /// `call_fault("C_Sign label=web nth=3 code=CKR_DEVICE_ERROR")`.
    ///
    /// # Errors
    /// As [`Calls::delay`].
    pub fn call_fault(&self, text: &str) -> Result<CallFault, Error> {
        let ids = self.ask(&Request::Script(text.to_owned()))?.ids()?;
        let id = ids.first().copied().unwrap_or_default();
        Ok(CallFault { cluster: Some(self.clone()), id, text: text.to_owned() })
    }

    /// Removes every call fault, whoever holds it.
    ///
    /// # Errors
    /// A state that cannot be written.
    pub fn clear_call_faults(&self) -> Result<(), Error> {
        self.ask(&Request::ClearScript)?.done()
    }
}
