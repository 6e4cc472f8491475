//! What was written down around each fault: the module's log where there is one, else the events.

use maud::{Markup, html};

use super::{
    axis::{counted, duration},
    marks,
    tables::{cell, table},
};
use crate::{
    history::{FaultSpan, History},
    log::LogLine,
    report::Report,
};

/// Faults that get a table.
const FAULTS: usize = 12;
/// Lines before the fault, and from it on.
const BEFORE: usize = 3;
const AFTER: usize = 12;

/// A table for each fault.
pub(super) fn draw(report: &Report, history: &History) -> Markup {
    if history.faults.is_empty() {
        return html! { p.none { "No fault was set." } };
    }
    let events;
    let (lines, what) = match &report.log {
        Some(log) if !log.is_empty() => (log.as_slice(), "log lines"),
        _ => {
            events = from_events(history);
            (events.as_slice(), "events")
        }
    };
    let faults = history.faults.iter().enumerate();
    html! {
        p.hint {
            @if what == "events" {
                "There is no log of the module; these are the events that the library recorded. "
            }
            "Times are from the fault, in drill time."
        }
        @for (index, span) in faults.take(FAULTS) { (excerpt(history, index, span, lines, what)) }
        @if history.faults.len() > FAULTS {
            p.none { "The first " (FAULTS) " of " (counted(history.faults.len() as u64, "fault", "faults")) "." }
        }
    }
}

fn excerpt(
    history: &History,
    index: usize,
    span: &FaultSpan,
    lines: &[LogLine],
    what: &str,
) -> Markup {
    let first = lines.partition_point(|line| line.at_ns < span.from_ns);
    let near = &lines[first.saturating_sub(BEFORE)..(first + AFTER).min(lines.len())];
    let title = format!("F{} {}: {what} around it", index + 1, span.fault);
    if near.is_empty() {
        return html! { p.none { (title) ": none." } };
    }
    let row = |line: &LogLine| {
        let (sign, ns) = match line.at_ns.checked_sub(span.from_ns) {
            Some(ns) => ("+", ns),
            None => ("−", span.from_ns - line.at_ns),
        };
        let at = format!("{sign}{}", duration(history.length_ms(ns)));
        vec![cell(at), html! { code { (line.text) } }]
    };
    let rows: Vec<_> = near.iter().map(row).collect();
    html! { details open[index == 0] { summary { (title) } (table("Lines before and after the fault", &["When", "Line"], &rows)) } }
}

/// Events as lines; keys made, destroyed and replicated are not among them, for there are too many. Of what
/// happened several times in a row the first is told, with its number.
fn from_events(history: &History) -> Vec<LogLine> {
    let mut lines: Vec<(LogLine, u64)> = Vec::new();
    let many = ["object_created", "object_destroyed", "replication_applied", "replication_removed"];
    for event in history.events.iter().filter(|it| !many.contains(&it.event.as_str())) {
        let who = if event.member.is_empty() { &event.group } else { &event.member };
        // Without the identities of keys, which events.ndjson has.
        let detail = match event.detail.split_once(": ") {
            _ if event.detail.is_empty() => String::new(),
            Some(_) if matches!(event.event.as_str(), "copy_owed" | "deletion_owed") => {
                String::new()
            }
            _ => format!(" ({})", event.detail),
        };
        let words = marks::words(&event.event);
        let text = format!("{words}: {who}{detail}, process {}", event.pid);
        match lines.last_mut() {
            // A fault begins a table of its own.
            Some((last, count)) if last.text == text && !struck_between(history, last, event) => {
                *count += 1;
            }
            _ => lines.push((LogLine { at_ns: event.at_ns, text }, 1)),
        }
    }
    let told = |(line, count): (LogLine, u64)| match count {
        1 => line,
        _ => LogLine { text: format!("{}, {count} times", line.text), ..line },
    };
    lines.into_iter().map(told).collect()
}

fn struck_between(history: &History, line: &LogLine, event: &crate::EventRecord) -> bool {
    history.faults.iter().any(|span| line.at_ns < span.from_ns && span.from_ns <= event.at_ns)
}
