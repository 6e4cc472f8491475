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
    html! { details open[index == 0] { summary { (title) } (table(&title, &["When", "Line"], &rows)) } }
}

/// Events as lines; keys made and destroyed are not among them, for there are too many.
fn from_events(history: &History) -> Vec<LogLine> {
    let told = history.events.iter().filter(|it| !it.event.starts_with("object_"));
    let line = |event: &crate::EventRecord| {
        let who = if event.member.is_empty() { &event.group } else { &event.member };
        let detail = match event.detail.as_str() {
            "" => String::new(),
            detail => format!(" ({detail})"),
        };
        let words = marks::words(&event.event);
        let text = format!("{words}: {who}{detail}, process {}", event.pid);
        LogLine { at_ns: event.at_ns, text }
    };
    told.map(line).collect()
}
