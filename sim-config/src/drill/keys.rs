//! The keys of a drill file, in one place: the reader refuses every other, and the JSON Schema for
//! editors is made of the same tables.

use super::condition::GAUGES;
use super::{BUILT_IN_STEPS, Operation, Recovery};
use crate::fault::{FAULTS, Pick};

/// What the value of a key looks like.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape {
    /// A text.
    Text,
    /// A list of texts.
    Texts,
    /// `true` or `false`.
    Flag,
    /// A whole number within bounds.
    Whole(u64, u64),
    /// A number within bounds.
    Number(f64, f64),
    /// `20s`, `1.55ms`.
    Duration,
    /// `400/s`.
    Rate,
    /// `0.5 %`.
    Percent,
    /// `1..2`.
    Range,
    /// One of some words.
    Word(fn() -> Vec<&'static str>),
    /// Several of some words.
    Words(fn() -> Vec<&'static str>),
    /// Codes of failed calls.
    Codes,
    /// Words that each begin a condition.
    Conditions,
    /// A bound on latency.
    Latencies,
    /// A number, or the word `random`.
    Seed,
    /// A table whose keys are words, each with a weight.
    Weights(fn() -> Vec<&'static str>),
    /// A table.
    Table(&'static [Key]),
    /// A region's code.
    Region,
    /// An event.
    Event,
    /// Several events.
    Events,
    /// An event by name, or as a table.
    When,
    /// What can be expected of a phase in which the run goes on.
    CallPhase,
    /// What can be expected of a phase with which the run ends.
    EndPhase,
    /// A duration, or a table.
    DurationOr(&'static [Key]),
    /// A list of tables.
    Tables(&'static [Key]),
    /// A call fault.
    Call,
    /// The list of steps: which keys one has follows from what it does.
    Steps,
}

/// One key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key {
    /// Its name.
    pub(crate) name: &'static str,
    /// What its value looks like.
    pub(crate) shape: Shape,
    /// Whether it must be there.
    pub(crate) required: bool,
    /// What it says.
    pub(crate) help: &'static str,
}

const fn key(name: &'static str, shape: Shape, help: &'static str) -> Key {
    Key { name, shape, required: false, help }
}

const fn needed(name: &'static str, shape: Shape, help: &'static str) -> Key {
    Key { name, shape, required: true, help }
}

/// The names of a table's keys.
pub(crate) fn names(keys: &[Key]) -> Vec<&'static str> {
    keys.iter().map(|key| key.name).collect()
}

/// The whole file.
pub(crate) const DRILL: [Key; 20] = [
    needed("version", Shape::Whole(1, 1), "Version of the file's form."),
    needed("name", Shape::Text, "A short name."),
    needed("title", Shape::Text, "A headline."),
    key("description", Shape::Text, "What happens, for people."),
    needed("hypothesis", Shape::Text, "The sentence that the verdict answers."),
    key("tags", Shape::Texts, "Words to list drills by: `hsmsim drill list --tag WORD`."),
    key(
        "seed",
        Shape::Seed,
        "What chance derives from; \"random\" draws one, which is printed and stored.",
    ),
    key(
        "repeat",
        Shape::Whole(1, 10_000),
        "Runs with so many seeds, one after the other; all must pass.",
    ),
    key(
        "topology",
        Shape::Text,
        "A shipped topology, or a path that starts at the file's folder; ha-dr if absent.",
    ),
    key(
        "time_scale",
        Shape::Number(1.0, 1000.0),
        "Divides drill time on the real tier; the topology's own if absent.",
    ),
    needed("duration", Shape::Duration, "How long the load runs."),
    key(
        "settle",
        Shape::DurationOr(&SETTLE),
        "How long the cluster has, after everything is healed, to become whole; 30s if absent.",
    ),
    key(
        "deadline",
        Shape::Duration,
        "So long after the load has begun every application must have ended; at least duration and settle.",
    ),
    key("allow_data_loss", Shape::Flag, "Permits faults that erase a device."),
    needed("workload", Shape::Tables(&WORKLOAD), "Who works while the faults strike."),
    key("step", Shape::Steps, "The schedule."),
    key("expect", Shape::Table(&EXPECT), "What the application may notice."),
    key(
        "abort",
        Shape::Table(&ABORT),
        "When the run is stopped early: everything is healed, and the drill has failed.",
    ),
    key("report", Shape::Table(&REPORT), "The form of the report."),
    key("$schema", Shape::Text, "Where editors find the schema of this file."),
];

/// `[settle]`.
pub(crate) const SETTLE: [Key; 1] =
    [needed("length", Shape::Duration, "How long the cluster has to become whole.")];

/// `[[workload]]`.
pub(crate) const WORKLOAD: [Key; 14] = [
    needed("name", Shape::Text, "Its name in the report."),
    key("group", Shape::Text, "The HA group it works on; the topology's first if absent."),
    key(
        "client",
        Shape::Table(&PLACE),
        "Where its client stands; the topology's client place if absent.",
    ),
    key(
        "processes",
        Shape::Whole(1, 64),
        "So many application processes do the same; 1 if absent.",
    ),
    key("external", Shape::Flag, "The load is a program that loads the module by itself."),
    key(
        "command",
        Shape::Texts,
        "Program and arguments of an external load; what stands after -- if absent.",
    ),
    key("threads", Shape::Whole(1, 1024), "Threads with a session each; 4 if absent."),
    key("mix", Shape::Weights(operations), "Operations with their weights."),
    key(
        "rate",
        Shape::Rate,
        "Operations a second over all threads of a process, in real time; as fast as they can if absent.",
    ),
    key(
        "loop",
        Shape::Word(loops),
        "closed: a thread begins when it has ended; open: operations are due on schedule, late or not.",
    ),
    key(
        "think",
        Shape::Duration,
        "The pause of a thread between two operations, in real time; not with a rate.",
    ),
    key("payload", Shape::Whole(1, 65_536), "Bytes that are signed, verified or encrypted."),
    key(
        "key_label",
        Shape::Text,
        "Label of the keys it makes; {n} counts them, {workload} and {process} name who made them.",
    ),
    key("retry", Shape::Table(&RETRY), "What the application does about a failure."),
];

/// `retry` of a workload.
pub(crate) const RETRY: [Key; 4] = [
    key(
        "times",
        Shape::Whole(0, 1000),
        "A failed operation is repeated so many times; 0 if absent.",
    ),
    key("codes", Shape::Codes, "Only after these codes; after any if absent."),
    key("pause", Shape::Duration, "The pause after a failure, in real time; 20ms if absent."),
    key(
        "recover",
        Shape::Word(recoveries),
        "none: it goes on with its session; session: it opens another and logs in; login: it logs out and in; finalize: if another session fails too, C_Finalize and C_Initialize.",
    ),
];

/// A place.
pub(crate) const PLACE: [Key; 3] = [
    needed("region", Shape::Region, "The region."),
    key("stamp", Shape::Whole(1, 8), "The stamp, counted from 1."),
    key("zone", Shape::Whole(1, 8), "The availability zone, counted from 1."),
];

/// What every step can say about when it begins.
pub(crate) const START: [Key; 5] = [
    key("name", Shape::Text, "Its name, for `heal`, `after` and the report."),
    key("at", Shape::Duration, "When it begins, from the start of the load."),
    key(
        "after",
        Shape::Text,
        "It begins when this step, or every step of this parallel group, has ended.",
    ),
    key("when", Shape::When, "It begins when this event happens."),
    key("delay", Shape::Duration, "So much later than `after` or `when` says."),
];

/// `call.fault`. The call fault is a table of its own: one of its keys is `delay`, as a step has it.
pub(crate) const CALL_FAULT: [Key; 2] = [
    needed("call", Shape::Call, "The call fault, as a [[call]] section of a file has it."),
    key("for", Shape::Duration, "How long it stands; until it is healed if absent."),
];

/// `heal`.
pub(crate) const HEAL: [Key; 1] =
    [needed("step", Shape::Text, "Name of the step or of the parallel group.")];

/// `mark`.
pub(crate) const MARK: [Key; 1] = [needed("text", Shape::Text, "The line.")];

/// `ha.recover` and `ha.synchronize`.
pub(crate) const OF_GROUP: [Key; 1] =
    [key("group", Shape::Text, "The HA group; all that have tokens if absent.")];

/// `device.replace`, `device.activate` and `partition.init`.
pub(crate) const OF_DEVICE: [Key; 1] = [needed("device", Shape::Text, "The device's name.")];

/// `wait`.
pub(crate) const WAIT: [Key; 1] = [key("for", Shape::Duration, "How long; a moment if absent.")];

/// `assert`.
pub(crate) const ASSERT: [Key; 1] =
    [needed("that", Shape::Conditions, "Conditions, all of which must hold.")];

/// `run`.
pub(crate) const RUN: [Key; 2] = [
    needed(
        "command",
        Shape::Texts,
        "Program and arguments; it finds the module and the state in its environment.",
    ),
    key("timeout", Shape::Duration, "How long it may take, in real time; 60s if absent."),
];

/// `when` of a step.
pub(crate) const WHEN: [Key; 3] = [
    needed("event", Shape::Event, "The event."),
    key("count", Shape::Whole(1, 1_000_000), "It must have happened so many times; 1 if absent."),
    key(
        "within",
        Shape::Duration,
        "If it has not by then, from the start of the load, the drill is inconclusive.",
    ),
];

/// A target as a table: members by selector.
pub(crate) const SELECTOR: [Key; 3] = [
    key("group", Shape::Text, "The HA group; the topology's first if absent."),
    needed(
        "pick",
        Shape::Word(picks),
        "Which members: a word, a number of them, or a part of them such as \"50%\".",
    ),
    key("region", Shape::Region, "Only members in this region."),
];

/// What every part of `[expect]` can say of calls and events.
pub(crate) const EXPECT_CALLS: [Key; 11] = [
    key("stall_max", Shape::Duration, "The longest single call."),
    key(
        "error_window_max",
        Shape::Duration,
        "The longest run of failed calls that one session sees.",
    ),
    key("unknown_max", Shape::Whole(0, u64::MAX), "Calls whose outcome nobody knows."),
    key("error_rate_max", Shape::Percent, "The part of operations that fail."),
    key(
        "latency",
        Shape::Latencies,
        "Bounds on how long operations take, from above or below, from the moment they were due: p50, p90, p99, p999, max.",
    ),
    key("throughput_min", Shape::Rate, "Operations that succeed, in a second of real time."),
    key("codes_permitted", Shape::Codes, "The only codes that failed calls may have."),
    key("codes_seen", Shape::Codes, "Codes that calls must have failed with."),
    key("failovers", Shape::Range, "How many calls move to another member."),
    key("recovered_members", Shape::Range, "How many members take part again."),
    key("sometimes", Shape::Events, "What must have happened at least once."),
];

/// What follows from the end of the run.
const EXPECT_RUN: [Key; 6] = [
    key(
        "rto_max",
        Shape::Duration,
        "From a fault to the end of the last call that it failed or stalled.",
    ),
    key(
        "lost_keys_max",
        Shape::Whole(0, u64::MAX),
        "Acknowledged keys that no member holds at the end; 0 if absent.",
    ),
    key(
        "rpo_keys_max",
        Shape::Whole(0, u64::MAX),
        "Acknowledged keys that no survivor held when a fault struck.",
    ),
    key("rpo_age_max", Shape::Duration, "The age of the oldest of them."),
    key(
        "duplicate_keys_max",
        Shape::Whole(0, u64::MAX),
        "Keys that a member holds and that nobody was told about.",
    ),
    key(
        "inventory_equal_within",
        Shape::Duration,
        "From the last call or fault until all members hold the same keys.",
    ),
];

/// `[expect.after]` and `[expect.always]`.
pub(crate) const EXPECT_END: [Key; 17] = joined(&EXPECT_CALLS, &EXPECT_RUN);

/// The phases.
const EXPECT_PHASES: [Key; 5] = [
    key("before", Shape::CallPhase, "Until the first fault."),
    key(
        "during",
        Shape::CallPhase,
        "While a fault of the drill stands, the boot after it included.",
    ),
    key("after", Shape::EndPhase, "From the last heal on."),
    key("edge", Shape::CallPhase, "Within a receive timeout of a fault's begin or end."),
    key("always", Shape::EndPhase, "The whole run."),
];

/// `[expect]`.
pub(crate) const EXPECT: [Key; 22] = joined(&EXPECT_END, &EXPECT_PHASES);

const fn joined<const N: usize>(first: &[Key], second: &[Key]) -> [Key; N] {
    let mut all = [first[0]; N];
    let mut index = 0;
    while index < N {
        all[index] = if index < first.len() { first[index] } else { second[index - first.len()] };
        index += 1;
    }
    all
}

/// `[abort]`.
pub(crate) const ABORT: [Key; 2] = [
    needed("when", Shape::Conditions, "Conditions; one is enough."),
    key("grace", Shape::Duration, "It must hold for so long; 0s if absent."),
];

/// `[report]`.
pub(crate) const REPORT: [Key; 4] = [
    key("formats", Shape::Words(formats), "Which files the folder gets; all if absent."),
    key("folder", Shape::Text, "Where the report goes if the command line does not say."),
    key("bucket", Shape::Duration, "The width of a column of the charts."),
    key("baseline", Shape::Text, "The folder of an earlier report to compare with."),
];

/// Files of a report under their words.
pub const REPORT_FORMATS: [&str; 7] =
    ["json", "junit", "html", "events", "history", "replay", "drill"];

fn formats() -> Vec<&'static str> {
    REPORT_FORMATS.to_vec()
}

fn operations() -> Vec<&'static str> {
    Operation::ALL.iter().map(|(word, _)| *word).collect()
}

fn loops() -> Vec<&'static str> {
    vec!["closed", "open"]
}

fn recoveries() -> Vec<&'static str> {
    Recovery::ALL.iter().map(|(word, _)| *word).collect()
}

fn picks() -> Vec<&'static str> {
    Pick::ALL.iter().map(|(word, _)| *word).collect()
}

/// Words of `do`.
pub(crate) fn actions() -> impl Iterator<Item = &'static str> + Clone {
    FAULTS.iter().map(|fault| fault.id).chain(BUILT_IN_STEPS.iter().map(|(word, _, _)| *word))
}

/// Words that a condition can begin with.
pub(crate) fn gauges() -> Vec<&'static str> {
    GAUGES.iter().map(|gauge| gauge.name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drill::Phase;

    #[test]
    fn no_fault_has_a_parameter_that_a_step_has_too() {
        let mut own = names(&START);
        own.extend(["do", "target", "for", "parallel"]);
        for fault in FAULTS {
            for param in fault.params {
                assert!(!own.contains(&param.name), "{}: {}", fault.id, param.name);
            }
        }
    }

    #[test]
    fn every_phase_has_its_table() {
        for (word, _) in Phase::ALL {
            assert!(EXPECT.iter().any(|key| key.name == word), "{word}");
        }
    }
}
