//! A stateful firewall on a link: what it remembers of connections, and when it forgets one.
//!
//! A firewall, load balancer or address translator keeps a row for each connection and drops it when
//! nothing has passed for a while. It tells nobody: both ends believe in the connection, and whatever
//! either sends on it vanishes. The row never comes back; only a new connection makes a new one.
//!
//! Nobody polls an idle connection, so the question is asked when something is sent, and answered from
//! times: how long the connection was idle while the limit was in force.

use std::time::Duration;

use crate::time::Time;

/// The idle limit of a link, now and before.
#[derive(Debug, Default)]
pub(crate) struct Firewall {
    /// The limit in force, and since when.
    now: Option<(Duration, Time)>,
    /// The limit that was in force last, since when and until when.
    before: Option<(Duration, Time, Time)>,
}

impl Firewall {
    /// Puts a limit in force at `now`, or takes it away; gives whether that is another one than before.
    pub(crate) fn set(&mut self, limit: Option<Duration>, now: Time) -> bool {
        if self.now.map(|(limit, _)| limit) == limit {
            return false;
        }
        if let Some((limit, since)) = self.now {
            self.before = Some((limit, since, now));
        }
        self.now = limit.map(|limit| (limit, now));
        true
    }

    /// When a connection is forgotten that has carried nothing since `last`, if it is by `now`. Idle time
    /// counts from when the limit came into force.
    pub(crate) fn forgot(&self, last: Time, now: Time) -> Option<Time> {
        let present = self.now.map(|(limit, since)| (limit, since, now));
        self.before.into_iter().chain(present).find_map(|(limit, since, until)| {
            let forgotten = last.max(since) + limit;
            (forgotten < until).then_some(forgotten)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Time {
        Time::ZERO + Duration::from_secs(seconds)
    }

    #[test]
    fn idle_connections_are_forgotten_and_busy_ones_are_not() {
        let mut firewall = Firewall::default();
        assert!(firewall.set(Some(Duration::from_secs(60)), at(100)));
        assert!(!firewall.set(Some(Duration::from_secs(60)), at(120)));
        // Idle long before, but nobody minded then.
        assert_eq!(firewall.forgot(at(0), at(160)), None);
        assert_eq!(firewall.forgot(at(0), at(161)), Some(at(160)));
        assert_eq!(firewall.forgot(at(150), at(210)), None);
        assert_eq!(firewall.forgot(at(150), at(211)), Some(at(210)));
    }

    #[test]
    fn what_was_forgotten_stays_so_when_the_limit_is_gone() {
        let mut firewall = Firewall::default();
        firewall.set(Some(Duration::from_secs(60)), at(100));
        firewall.set(None, at(200));
        assert_eq!(firewall.forgot(at(110), at(900)), Some(at(170)));
        assert_eq!(firewall.forgot(at(150), at(900)), None, "it was idle too late");
        assert_eq!(firewall.forgot(at(300), at(900)), None);
    }
}
