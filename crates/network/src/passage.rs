//! What becomes of one message: a pure function of the link's history and the message's own times.
//!
//! A message is sent at one time and arrives at another, and in between the link may be cut, held
//! and healed several times while nobody looks: a caller that has given up polls nothing. So the link
//! remembers when its conditions began and ended, the message remembers how much of that it has seen,
//! and the question can be asked late and still be answered right. The rules:
//!
//! * A cut while the message is under way refuses it, even if healed before the arrival time: the
//!   connection is gone.
//! * A blackhole while it is under way swallows it, likewise. Its sender hears of it only by a later
//!   cut, which breaks the connection for good.
//! * A hold keeps it if it is in force at the arrival time. Released, it arrives at the moment of the
//!   release. A hold that ends before the arrival time is never noticed.
//! * An impairment may have decided when it was sent that it ends the connection instead of arriving.
//!
//! An event at the very moment of arrival strikes first. Of several holds, cuts or blackholes during
//! one passage only the last is remembered with its time; a waiting caller, who is woken at each, sees
//! all of them.

use std::fmt;

use crate::link::Condition;
use crate::time::Time;

/// The link refused the message or broke the connection that carried it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkRefused;

impl fmt::Display for LinkRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("link refused the message")
    }
}

impl std::error::Error for LinkRefused {}

/// What becomes of a message, as things stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transit {
    /// It arrives then, or has arrived if that is past.
    Arrives(Time),
    /// It does not arrive: the connection ends then, or has ended if that is past.
    Breaks(Time),
    /// It does not arrive, and the sender knows.
    Refused,
    /// It does not arrive, and nobody knows.
    Lost,
    /// It waits in the link for the release.
    Held,
}

/// A message on a link, from [`Link::send`](crate::Link::send).
#[derive(Debug, Clone)]
pub struct Passage {
    /// When it arrives if nothing happens; [`Time::MAX`] if it was dropped at once.
    arrival: Time,
    /// Whether the connection ends then instead.
    breaks: bool,
    refused: bool,
    /// What the link had been through when it was sent.
    cuts: u64,
    blackholes: u64,
}

impl Passage {
    /// Whether the link took it in only to drop or refuse it.
    pub(crate) fn is_dropped(&self) -> bool {
        self.refused || self.arrival == Time::MAX
    }
}

/// What a link has been through, as far as messages under way need to know.
#[derive(Debug, Default)]
pub(crate) struct History {
    cuts: u64,
    /// When the last cut began.
    cut_at: Time,
    blackholes: u64,
    /// When the last blackhole began.
    blackhole_at: Time,
    /// When the last hold began and ended. Not yet ended if the link is held.
    held_at: Time,
    released_at: Time,
}

impl History {
    pub(crate) fn cuts(&self) -> u64 {
        self.cuts
    }

    /// Notes that the condition goes from `before` to `after` at `now`.
    pub(crate) fn record(&mut self, before: Condition, after: Condition, now: Time) {
        if before == after {
            return;
        }
        if before == Condition::Held {
            self.released_at = now;
        }
        match after {
            Condition::Open => {}
            Condition::Held => self.held_at = now,
            Condition::Blackhole => {
                self.blackholes += 1;
                self.blackhole_at = now;
            }
            Condition::Cut => {
                self.cuts += 1;
                self.cut_at = now;
            }
        }
    }

    /// A message that is sent while the link is in `condition` and would arrive at `arrival`, or end its
    /// connection then.
    pub(crate) fn depart(&self, condition: Condition, arrival: Time, breaks: bool) -> Passage {
        let dropped = condition == Condition::Blackhole;
        Passage {
            arrival: if dropped { Time::MAX } else { arrival },
            breaks,
            refused: condition == Condition::Cut,
            cuts: self.cuts,
            blackholes: self.blackholes,
        }
    }

    /// What becomes of `passage` on a link that is now in `condition`.
    pub(crate) fn transit(&self, condition: Condition, passage: &Passage) -> Transit {
        let caught_by_hold = self.held_at <= passage.arrival;
        let held = caught_by_hold && condition == Condition::Held;
        let leaves = if held {
            Time::MAX
        } else if caught_by_hold {
            passage.arrival.max(self.released_at)
        } else {
            passage.arrival
        };
        let swallowed = self.blackholes != passage.blackholes && self.blackhole_at <= leaves;
        let lost = passage.arrival == Time::MAX || swallowed;
        let cut = self.cuts != passage.cuts && (lost || self.cut_at <= leaves);
        if passage.refused || cut {
            Transit::Refused
        } else if lost {
            Transit::Lost
        } else if held {
            Transit::Held
        } else if passage.breaks {
            Transit::Breaks(leaves)
        } else {
            Transit::Arrives(leaves)
        }
    }
}
