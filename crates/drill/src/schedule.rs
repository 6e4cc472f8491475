//! Which step is due when: the schedule of a drill as its run goes on. Pure; both tiers ask it.

use std::time::Duration;

use hsmsim_client::record::EventRecord;
use hsmsim_sim_config::{Start, Step};

/// The steps of a drill, and how far each has come. Times are drill time from the begin.
pub(crate) struct Schedule {
    entries: Vec<Entry>,
}

struct Entry {
    step: Step,
    state: State,
    /// How often the event that it waits for has happened, and when it had often enough.
    seen: u64,
    happened: Option<Duration>,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Waiting,
    /// Begun; nobody knows yet when it ends.
    Running,
    /// It ends, or ended, then.
    Ends(Duration),
    /// Its event did not come in time.
    Missed,
}

/// The event of a record that a word of the drill file means; `None` for calls, and for what only the end
/// of a run can tell.
pub(crate) fn recorded_event(word: &str) -> Option<&str> {
    match word {
        "call.struck" => Some("call_fault"),
        "key.created" => Some("object_created"),
        "key.destroyed" => Some("object_destroyed"),
        "repl.applied" => Some("replication_applied"),
        "repl.dropped" => Some("replication_dropped"),
        "repl.conflict" => Some("replication_conflict"),
        word => word.strip_prefix("ha."),
    }
}

impl Schedule {
    pub(crate) fn new(steps: Vec<Step>) -> Self {
        let entry = |step| Entry { step, state: State::Waiting, seen: 0, happened: None };
        Self { entries: steps.into_iter().map(entry).collect() }
    }

    /// Whether a step still waits for an event: only then need the run be listened to.
    pub(crate) fn listens(&self) -> bool {
        self.entries.iter().any(|entry| {
            entry.state == State::Waiting
                && entry.happened.is_none()
                && matches!(entry.step.start, Start::When { .. })
        })
    }

    /// An event has been recorded.
    pub(crate) fn event(&mut self, event: &EventRecord, at: Duration) {
        self.happened(at, |word| recorded_event(word) == Some(event.event.as_str()));
    }

    /// A call has failed.
    pub(crate) fn call_failed(&mut self, at: Duration) {
        self.happened(at, |word| word == "call.failed");
    }

    fn happened(&mut self, at: Duration, is_meant: impl Fn(&str) -> bool) {
        for entry in &mut self.entries {
            let Start::When { event, count, within, .. } = &entry.step.start else { continue };
            if entry.state == State::Waiting && entry.happened.is_none() && is_meant(event) {
                entry.seen += 1;
                if entry.seen >= *count && at <= *within {
                    entry.happened = Some(at);
                }
            }
        }
    }

    /// When a step begins; `None` if that is not known yet.
    fn begin(&self, entry: &Entry) -> Option<Duration> {
        match &entry.step.start {
            Start::At => Some(entry.step.at),
            Start::When { delay, .. } => entry.happened.map(|at| at + *delay),
            Start::After { step, delay } => {
                let mut end = Duration::ZERO;
                for other in self.named(step) {
                    match other.state {
                        State::Ends(at) => end = end.max(at),
                        _ => return None,
                    }
                }
                Some(end + *delay)
            }
        }
    }

    fn named(&self, name: &str) -> impl Iterator<Item = &Entry> {
        let named = move |step: &Step| step.name == name || step.group.as_deref() == Some(name);
        self.entries.iter().filter(move |entry| named(&entry.step))
    }

    /// A step that is to begin by now; of several the one that was due first, of these the first of the
    /// file. It counts as begun.
    pub(crate) fn due(&mut self, now: Duration) -> Option<Step> {
        let (_, index) = self.waiting().filter(|(at, _)| *at <= now).min()?;
        let entry = &mut self.entries[index];
        entry.state = State::Running;
        Some(entry.step.clone())
    }

    fn waiting(&self) -> impl Iterator<Item = (Duration, usize)> {
        let waits = |(_, entry): &(usize, &Entry)| entry.state == State::Waiting;
        let entries = self.entries.iter().enumerate().filter(waits);
        entries.filter_map(|(index, entry)| Some((self.begin(entry)?, index)))
    }

    /// When something is to be done next, as far as that is known: a step, or the end of patience for an
    /// event.
    pub(crate) fn next(&self) -> Option<Duration> {
        let patience = self.entries.iter().filter_map(|entry| match &entry.step.start {
            Start::When { within, .. } if entry.state == State::Waiting => {
                entry.happened.is_none().then_some(*within)
            }
            _ => None,
        });
        self.waiting().map(|(at, _)| at).chain(patience).min()
    }

    /// A step has ended, or will.
    pub(crate) fn ends(&mut self, name: &str, at: Duration) {
        for entry in &mut self.entries {
            let named = entry.step.name == name || entry.step.group.as_deref() == Some(name);
            match entry.state {
                State::Running if named => entry.state = State::Ends(at),
                // Healed before its time.
                State::Ends(end) if named && at < end => entry.state = State::Ends(at),
                _ => {}
            }
        }
    }

    /// Everything that has begun has ended.
    pub(crate) fn all_end(&mut self, at: Duration) {
        let names: Vec<String> = self.entries.iter().map(|entry| entry.step.name.clone()).collect();
        names.iter().for_each(|name| self.ends(name, at));
    }

    /// Steps whose event has not come in time, in words.
    pub(crate) fn missed(&mut self, now: Duration) -> Vec<String> {
        let mut missed = Vec::new();
        for entry in &mut self.entries {
            let Start::When { event, count, within, .. } = &entry.step.start else { continue };
            if entry.state == State::Waiting && entry.happened.is_none() && now >= *within {
                entry.state = State::Missed;
                let (name, seen) = (&entry.step.name, entry.seen);
                let often = if *count == 1 {
                    "which did not happen".to_owned()
                } else {
                    format!("which happened {seen} times of {count}")
                };
                let within = within.as_secs_f64();
                missed.push(format!("step {name} waited {within} s for {event}, {often}"));
            }
        }
        missed
    }
}

#[cfg(test)]
mod tests {
    use hsmsim_sim_config::Drill;

    use super::*;

    fn schedule(steps: &str) -> Schedule {
        let text = format!(
            "version = 1\nname = \"d\"\ntitle = \"T\"\nhypothesis = \"H\"\nduration = \"2m\"\n\
             [[workload]]\nname = \"w\"\nmix = {{ find = 1 }}\n{steps}"
        );
        Schedule::new(Drill::parse(&text, "d").unwrap().steps)
    }

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn due(schedule: &mut Schedule, now: u64) -> Vec<String> {
        let mut names = Vec::new();
        while let Some(step) = schedule.due(s(now)) {
            schedule.ends(&step.name, s(now) + step.length());
            names.push(step.name);
        }
        names
    }

    fn failover() -> EventRecord {
        EventRecord {
            at_ns: 0,
            event: "failover".to_owned(),
            group: String::new(),
            member: String::new(),
            detail: String::new(),
            pid: 1,
        }
    }

    #[test]
    fn what_follows_a_group_waits_for_the_longest_of_it() {
        let mut schedule = schedule(
            "[[step]]\nname = \"g\"\nat = \"10s\"\n\
             [[step.parallel]]\nname = \"a\"\ndo = \"wait\"\nfor = \"5s\"\n\
             [[step.parallel]]\nname = \"b\"\ndo = \"wait\"\nfor = \"9s\"\n\
             [[step]]\nname = \"c\"\nafter = \"g\"\ndelay = \"1s\"\ndo = \"wait\"\n",
        );
        assert_eq!(schedule.next(), Some(s(10)));
        assert_eq!(due(&mut schedule, 10), ["a", "b"]);
        assert_eq!(schedule.next(), Some(s(20)));
        assert!(due(&mut schedule, 19).is_empty());
        assert_eq!(due(&mut schedule, 20), ["c"]);
        assert_eq!(schedule.next(), None);
    }

    #[test]
    fn what_follows_a_fault_begins_when_that_is_healed_before_its_time() {
        let mut schedule = schedule(
            "[[step]]\nname = \"a\"\nat = \"10s\"\ndo = \"wait\"\nfor = \"1m\"\n\
             [[step]]\nname = \"b\"\nafter = \"a\"\ndo = \"wait\"\n",
        );
        due(&mut schedule, 10);
        assert_eq!(schedule.next(), Some(s(70)));
        schedule.ends("a", s(30));
        assert_eq!(due(&mut schedule, 30), ["b"]);
    }

    #[test]
    fn an_event_counts_until_it_has_happened_often_enough() {
        let mut schedule = schedule(
            "[[step]]\nname = \"a\"\ndo = \"wait\"\ndelay = \"3s\"\n\
             when = { event = \"ha.failover\", count = 2, within = \"1m\" }\n",
        );
        assert!(schedule.listens());
        schedule.event(&failover(), s(20));
        assert_eq!(schedule.next(), Some(s(60)));
        schedule.event(&failover(), s(25));
        assert_eq!(schedule.next(), Some(s(28)));
        assert!(!schedule.listens() && schedule.missed(s(70)).is_empty());
        assert_eq!(due(&mut schedule, 28), ["a"]);
    }

    #[test]
    fn an_event_that_does_not_come_is_missed_once() {
        let mut schedule =
            schedule("[[step]]\nname = \"a\"\ndo = \"wait\"\nwhen = \"ha.failover\"\n");
        assert!(schedule.missed(s(119)).is_empty());
        let missed = schedule.missed(s(120));
        assert_eq!(missed, ["step a waited 120 s for ha.failover, which did not happen"]);
        schedule.event(&failover(), s(120));
        assert!(schedule.missed(s(121)).is_empty() && due(&mut schedule, 121).is_empty());
    }
}
