//! The calls of each workload before, during and after the faults, beside those of the control run.

use maud::{Markup, html};

use super::{
    axis::duration,
    tables::{cell, table},
};
use crate::{phases::PhaseStats, report::Report};

/// The table; with a control run each number has its difference below it.
pub(super) fn draw(report: &Report) -> Markup {
    if report.phases.is_empty() {
        return html! { p.none { "Nobody called." } };
    }
    let control = report.control.as_ref();
    let beside = |own: &PhaseStats| {
        let same = |it: &&PhaseStats| (&it.workload, it.phase) == (&own.workload, own.phase);
        control.and_then(|control| control.phases.iter().find(same))
    };
    let row = |own: &PhaseStats| {
        let other = beside(own);
        let time = |value: fn(&PhaseStats) -> Option<f64>| {
            let words = value(own).map_or("–".to_owned(), duration);
            difference(control.is_some(), words, value(own), other.and_then(value), duration)
        };
        let count = |value: fn(&PhaseStats) -> u64| {
            let (own, other) = (value(own), other.map(value));
            let change = other.filter(|other| *other != own).map(|other| {
                let sign = if own > other { "+" } else { "−" };
                format!("{sign}{}", own.abs_diff(other))
            });
            html! { (own) @if let Some(change) = change { span.delta { (change) } } }
        };
        let rate = own.answers_per_s;
        let per_s = |value: f64| format!("{value:.1}");
        vec![
            cell(&own.workload),
            cell(own.phase.as_str()),
            cell(duration(own.length_ms)),
            difference(
                control.is_some(),
                per_s(rate),
                Some(rate),
                other.map(|it| it.answers_per_s),
                per_s,
            ),
            count(|it| it.ok),
            count(|it| it.failed),
            count(|it| it.unknown),
            time(|it| it.p50_ms),
            time(|it| it.p99_ms),
            time(|it| it.max_ms),
        ]
    };
    let rows: Vec<_> = report.phases.iter().map(row).collect();
    let second = if report.time_scale > 1.0 { "Answers / real s" } else { "Answers / s" };
    let heads =
        ["Workload", "Phase", "Length", second, "Ok", "Failed", "Unknown", "p50", "p99", "Longest"];
    html! {
        p {
            @match control {
                Some(control) => {
                    "Below each number: the difference from " (control.source) " (seed " (control.seed)
                    "), cut at the same times of the drill."
                }
                None => {
                    "Not compared with a run without faults: " code { "--control" } " makes one, "
                    code { "--baseline FOLDER" } " takes an earlier report."
                }
            }
        }
        (table("Calls before the first fault, from there to the end of the last, and after it", &heads, &rows))
        p.hint { "Answers, p50 and p99 are of the calls that a device answered." }
    }
}

/// A number, and below it how far it is from the control run's.
fn difference(
    compared: bool,
    words: String,
    own: Option<f64>,
    other: Option<f64>,
    unit: impl Fn(f64) -> String,
) -> Markup {
    let change = match (own, other) {
        _ if !compared => None,
        (Some(own), Some(other)) => Some(change(own, other, unit)),
        (Some(_), None) => Some("no such calls in the control run".to_owned()),
        (None, Some(other)) => Some(format!("control {}", unit(other))),
        (None, None) => None,
    };
    html! { (words) @if let Some(change) = change { span.delta { (change) } } }
}

/// `+3 %`, or `×12` where percent would be hard to read; nothing below a half percent.
fn change(own: f64, other: f64, unit: impl Fn(f64) -> String) -> String {
    if other <= 0.0 {
        return if own <= 0.0 { "same".to_owned() } else { format!("control {}", unit(other)) };
    }
    let ratio = own / other;
    match ratio {
        _ if (ratio - 1.0).abs() < 0.005 => "same".to_owned(),
        _ if ratio >= 3.0 => format!("×{} of {}", digits(ratio), unit(other)),
        _ if ratio > 1.0 => format!("+{:.0} % of {}", (ratio - 1.0) * 100.0, unit(other)),
        _ => format!("−{:.0} % of {}", (1.0 - ratio) * 100.0, unit(other)),
    }
}

fn digits(ratio: f64) -> String {
    if ratio < 10.0 { format!("{ratio:.1}") } else { format!("{ratio:.0}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_told_so_that_it_can_be_read_at_once() {
        for (own, other, text) in [
            (10.0, 10.01, "same"),
            (12.0, 10.0, "+20 % of 10 ms"),
            (5.0, 10.0, "−50 % of 10 ms"),
            (45.0, 10.0, "×4.5 of 10 ms"),
            (20_000.0, 10.0, "×2000 of 10 ms"),
            (0.0, 0.0, "same"),
            (1.0, 0.0, "control 0"),
        ] {
            assert_eq!(change(own, other, duration), text);
        }
    }
}
