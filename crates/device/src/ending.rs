//! What ends the sessions or the logins of some and leaves the device's power alone.
//!
//! Endings are a history, as losses of power are: a connection remembers how many there were when it was
//! made, and one that came later ends it however late somebody looks.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use parking_lot::Mutex;

/// Whose sessions something concerns: those of a process, of a partition, or all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// Only this process.
    pub process: Option<u32>,
    /// Only this partition, counted from 0.
    pub partition: Option<usize>,
}

impl Scope {
    /// Whether it concerns a process on a partition.
    pub fn covers(&self, process: u32, partition: usize) -> bool {
        self.process.is_none_or(|own| own == process) && self.covers_partition(partition)
    }

    /// Whether it concerns anybody on a partition.
    pub fn covers_partition(&self, partition: usize) -> bool {
        self.partition.is_none_or(|own| own == partition)
    }
}

/// What has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Sessions and connections, with the logins they hold.
    Sessions(Scope),
    /// Logins alone.
    Logins(Scope),
}

/// Everything that has ended on a device so far.
#[derive(Default)]
pub(crate) struct Endings {
    count: AtomicUsize,
    // Lock: looks and changes only, never across an await.
    all: Mutex<Arc<Vec<Ended>>>,
}

impl Endings {
    /// How many there were.
    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }

    /// Takes over the history as it is now; gives what is new in it.
    pub(crate) fn set(&self, all: Vec<Ended>) -> Vec<Ended> {
        let mut known = self.all.lock();
        let new = all.get(known.len()..).unwrap_or_default().to_vec();
        self.count.store(all.len(), Ordering::Release);
        *known = Arc::new(all);
        new
    }

    /// Whether a connection of `process` to `partition` has ended that was made when there were `since`
    /// endings. One atomic load if nothing has happened.
    pub(crate) fn ended_since(&self, since: usize, process: u32, partition: usize) -> bool {
        if self.count() == since {
            return false;
        }
        let all = Arc::clone(&self.all.lock());
        all.iter().skip(since).any(|ended| match ended {
            Ended::Sessions(scope) => scope.covers(process, partition),
            Ended::Logins(_) => false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ending_concerns_what_was_there_before_and_whom_it_names() {
        let endings = Endings::default();
        let of = |process, partition| Scope { process, partition };
        let first = vec![Ended::Sessions(of(Some(7), None))];
        assert_eq!(endings.set(first.clone()), first);
        assert!(endings.ended_since(0, 7, 3));
        assert!(!endings.ended_since(0, 8, 3), "another process");
        assert!(!endings.ended_since(1, 7, 3), "a connection made since");
        let second = [first, vec![Ended::Sessions(of(None, Some(2)))]].concat();
        assert_eq!(endings.set(second.clone()), second[1..]);
        assert!(endings.ended_since(1, 8, 2) && !endings.ended_since(1, 8, 3));
        assert!(endings.set(second).is_empty(), "known already");
    }
}
