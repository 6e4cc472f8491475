//! The tables of the page: expectations, faults, failovers, phases, slowest calls, first errors, and the
//! timeline in words.

use hsmsim_client::record::CallRecord;
use maud::{Markup, html};

use super::{
    axis::{duration, moment},
    failovers::failovers,
};
use crate::{
    history::History,
    metrics::{failed, outcome},
    report::Report,
};

/// Longest text that is kept on one line.
const SHORT: usize = 14;
/// Rows of a table of calls.
const CALLS: usize = 15;

/// Lines of the timeline in words.
const WORDS: usize = 150;

/// A table with a caption; wide ones scroll by themselves.
pub(super) fn table(caption: &str, heads: &[&str], rows: &[Vec<Markup>]) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label=(caption) {
            table {
                caption { (caption) }
                thead { tr { @for head in heads { th scope="col" { (head) } } } }
                tbody {
                    @for row in rows {
                        tr {
                            @for (index, cell) in row.iter().enumerate() {
                                @if index == 0 { th scope="row" { (cell) } } @else { td { (cell) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Text as a cell.
pub(super) fn cell(text: impl AsRef<str>) -> Markup {
    let text = text.as_ref();
    // A number is not torn from its unit.
    html! { @if text.chars().count() <= SHORT { span.short { (text) } } @else { (text) } }
}

/// What was wanted and what was measured.
pub(super) fn expectations(report: &Report) -> Markup {
    let row = |expectation: &crate::verdict::Expectation| {
        let met = expectation.met;
        vec![
            cell(&expectation.name),
            html! {
                span class=(if met { "met" } else { "missed" }) {
                    (if met { "✓ met" } else { "✗ not met" })
                }
            },
            cell(&expectation.wanted),
            cell(&expectation.measured),
            cell(expectation.margin.as_ref().map_or("–", |margin| &margin.text)),
        ]
    };
    let rows: Vec<_> = report.expectations.iter().map(row).collect();
    table(
        "What was wanted and what was measured",
        &["Expectation", "Result", "Wanted", "Measured", "Margin"],
        &rows,
    )
}

/// What struck, by number.
pub(super) fn faults(history: &History) -> Markup {
    if history.faults.is_empty() {
        return html! { p.none { "No fault was set." } };
    }
    let rows: Vec<_> = history
        .faults
        .iter()
        .enumerate()
        .map(|(index, span)| {
            let from = moment(history.drill_ms(span.from_ns));
            let to = moment(history.drill_ms(span.to_ns));
            let links: Vec<_> = span.links.iter().map(|link| link.replace(':', " – ")).collect();
            vec![
                html! { "F" (index + 1) },
                cell(&span.step),
                html! { code { (span.fault) } },
                cell(from),
                cell(to),
                cell(list(&span.devices)),
                cell(list(&links)),
            ]
        })
        .collect();
    let heads = ["Fault", "Step", "What", "From", "To", "Devices", "Links"];
    table("Faults; those that take power away end when the device has booted", &heads, &rows)
}

fn list(names: &[String]) -> String {
    const MOST: usize = 6;
    match names.len() {
        0 => "–".to_owned(),
        count if count > MOST => format!("{} and {} more", names[..MOST].join(", "), count - MOST),
        _ => names.join(", "),
    }
}

/// Members given up, and what it cost.
pub(super) fn failover_table(history: &History) -> Markup {
    let losses = failovers(history);
    if losses.is_empty() {
        return html! { p.none { "No client gave a member up." } };
    }
    let row = |it: &super::failovers::Failover| {
        vec![
            cell(moment(history.drill_ms(it.at_ns))),
            html! { (it.from) " (" (it.why) ")" },
            cell(it.to.as_deref().unwrap_or("nobody")),
            cell(it.detected_ns.map_or("–".to_owned(), |ns| duration(history.length_ms(ns)))),
            cell(it.moved.to_string()),
            cell(it.failed.to_string()),
            cell(it.multi_part.to_string()),
            cell(it.back_ns.map_or("not".to_owned(), |ns| moment(history.drill_ms(ns)))),
            cell(it.pid.to_string()),
        ]
    };
    const MOST: usize = 100;
    let rows: Vec<_> = losses.iter().take(MOST).map(row).collect();
    let heads = [
        "When",
        "From",
        "To",
        "Detected after",
        "Calls moved",
        "Calls failed",
        "Multi-part ended",
        "Back",
        "Process",
    ];
    html! {
        (table("Each member that a client gave up", &heads, &rows))
        @if losses.len() > MOST { p.none { "The first " (MOST) " of " (losses.len()) "." } }
    }
}

/// A call with its number: its line in `history.ndjson`.
type Numbered<'a> = (usize, &'a CallRecord);

fn numbered(history: &History) -> impl Iterator<Item = Numbered<'_>> {
    (1..).zip(&history.calls)
}

/// The slowest calls.
pub(super) fn slowest(history: &History) -> Markup {
    let mut calls: Vec<Numbered<'_>> = numbered(history).collect();
    calls.sort_by_key(|(_, call)| std::cmp::Reverse(call.took_ns));
    calls.truncate(CALLS);
    calls_table("Slowest calls", &calls, history)
}

/// The first calls that failed.
pub(super) fn first_errors(history: &History) -> Markup {
    let calls: Vec<Numbered<'_>> =
        numbered(history).filter(|(_, call)| failed(call)).take(CALLS).collect();
    if calls.is_empty() {
        return html! { p.none { "No call failed." } };
    }
    calls_table("First errors", &calls, history)
}

fn calls_table(caption: &str, calls: &[Numbered<'_>], history: &History) -> Markup {
    let row = |(number, call): &Numbered<'_>| {
        vec![
            cell(number.to_string()),
            cell(moment(history.drill_ms(call.at_ns))),
            cell(&call.function),
            cell(duration(history.length_ms(call.took_ns))),
            cell(&call.code),
            cell(outcome(call).as_str()),
            cell(match (&*call.call_fault, &*call.member) {
                ("", "") => "–".to_owned(),
                ("", member) => member.to_owned(),
                (call_fault, _) => format!("call fault {call_fault}"),
            }),
            cell(history.workload(call.pid)),
            cell(call.session.to_string()),
            cell(call.pid.to_string()),
        ]
    };
    let heads = [
        "Call",
        "Began",
        "Function",
        "Took",
        "Code",
        "Outcome",
        "Answered by",
        "Workload",
        "Session",
        "Process",
    ];
    let caption = format!("{caption}; the number of a call is its line in history.ndjson");
    table(&caption, &heads, &calls.iter().map(row).collect::<Vec<_>>())
}

/// The timeline in words.
pub(super) fn timeline(report: &Report) -> Markup {
    let row = |it: &crate::report::Moment| vec![cell(moment(it.at_ms)), cell(&it.what)];
    let rows: Vec<_> = report.timeline.iter().take(WORDS).map(row).collect();
    let more = report.timeline.len() - rows.len();
    html! {
        (table("Timeline in words", &["When", "What"], &rows))
        @if more > 0 { p.none { "and " (more) " more, which " code { "result.json" } " has" } }
    }
}
