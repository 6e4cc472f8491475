//! Marks on lanes: a shape for each kind of event, those that would lie on each other merged or moved
//! apart.

use maud::{Markup, PreEscaped, html};

use super::axis::{RIGHT, at, bar, n};

/// A mark, or several of one kind that stand together.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Mark {
    /// One of [`KINDS`].
    pub(super) kind: &'static str,
    /// Where the first stands.
    pub(super) first_x: f64,
    /// Where the last stands.
    pub(super) last_x: f64,
    /// How many there are.
    pub(super) count: usize,
    /// What is read out.
    pub(super) text: String,
}

/// Event, name of its shape, words, and the shape: drawn around (0, 0), 12 units wide.
const KINDS: [(&str, &str, &str, &str); 13] = [
    ("member_lost", "lost", "member given up", "M-5 -5L5 5M5 -5L-5 5"),
    ("failover", "failover", "call moved to another member", "M-5 -6L6 0L-5 6Z"),
    ("member_recovered", "recovered", "member takes part again", "M0 -6L6 5H-6Z"),
    ("recovery_failed", "unrecovered", "recovery failed", "M0 6L6 -5H-6Z"),
    ("group_lost", "group", "every member is lost", "M-5 -5H5V5H-5ZM-5 -5L5 5M5 -5L-5 5"),
    ("standby_served", "standby", "a standby member serves", "M0 -6L6 0L0 6L-6 0Z"),
    (
        "copy_delivered",
        "delivered",
        "owed copies delivered",
        "M-5 0a5 5 0 1 0 10 0a5 5 0 1 0 -10 0",
    ),
    ("multi_part_lost", "multi", "multi-part operation ended", "M-5 -5H5V5H-5Z"),
    ("deletion_owed", "deletion", "deletion owed", "M-5 0a5 5 0 1 0 10 0a5 5 0 1 0 -10 0M-3 0H3"),
    ("not_replicated", "refused", "copy refused", "M-5 0H5M0 -5V5"),
    (
        "replication_conflict",
        "conflict",
        "conflicting changes met",
        "M-6 -5L0 0L-6 5ZM6 -5L0 0L6 5Z",
    ),
    ("strike", "strike", "fault set", "M1 -7L-5 1H-1L-2 7L5 -2H1Z"),
    ("step", "step", "other step of the drill", "M-4 7V-6H5L2 -2.500L5 1H-4"),
];

/// Units under which marks of one kind are told as one.
const NEAR: f64 = 14.0;

/// Whether an event is drawn as a mark; owed copies are drawn as a stretch.
pub(super) fn is_mark(event: &str) -> bool {
    KINDS.iter().any(|(name, ..)| *name == event)
}

/// The name of an event's kind.
pub(super) fn kind(event: &str) -> &'static str {
    KINDS.iter().find(|(name, ..)| *name == event).map_or("step", |(name, ..)| name)
}

/// What an event means.
pub(super) fn words(event: &str) -> &str {
    match event {
        "copy_owed" => return "copies owed",
        "call_fault" => return "call struck",
        "replication_dropped" => return "copy dropped",
        _ => {}
    }
    KINDS.iter().find(|(name, ..)| *name == event).map_or(event, |(_, _, words, _)| words)
}

/// The marks of one row, at height `y`.
pub(super) fn row(marks: Vec<Mark>, y: f64) -> Markup {
    let mut free = f64::NEG_INFINITY;
    html! {
        @for mark in merged(marks) {
            // What would cover its neighbour is moved to the right, but not out of the picture.
            @let dx = (free - mark.first_x).max(0.0).min(RIGHT - 10.0 - mark.first_x);
            @let words = if mark.count > 1 { format!("×{}", mark.count) } else { String::new() };
            @let width = 16.0 + if words.is_empty() { 0.0 } else { 4.0 + 8.0 * words.chars().count() as f64 };
            @let () = free = mark.first_x + dx + width;
            g class={ "mark " (class(mark.kind)) } tabindex="0" role="img" aria-label=(mark.text) {
                title { (mark.text) }
                @if mark.last_x > mark.first_x {
                    g.zx { (bar("run", mark.first_x, mark.last_x, y - 0.75, 1.5)) }
                }
                (at(mark.first_x, None, dx, y, &html! {
                    circle.focus r="10" {}
                    (shape(mark.kind))
                    @if mark.count > 1 { text.count x="8" y="4" { (words) } }
                }))
            }
        }
    }
}

fn class(kind: &str) -> &'static str {
    KINDS.iter().find(|(name, ..)| *name == kind).map_or("step", |(_, class, ..)| class)
}

fn shape(kind: &str) -> Markup {
    let path = KINDS.iter().find(|(name, ..)| *name == kind).map_or("", |(.., path)| path);
    html! { path.shape d=(path) {} }
}

/// Neighbours of one kind become one.
fn merged(mut marks: Vec<Mark>) -> Vec<Mark> {
    marks.sort_by(|a, b| a.first_x.total_cmp(&b.first_x));
    let mut all: Vec<Mark> = Vec::new();
    for mark in marks {
        let near = |last: &&mut Mark| last.kind == mark.kind && mark.first_x - last.last_x < NEAR;
        // The last of its kind, which need not be the last of all.
        match all.iter_mut().rev().take(6).find(near) {
            Some(last) => {
                last.count += 1;
                last.last_x = mark.last_x;
                // Of many the first few are told.
                if last.count <= 5 {
                    last.text = format!("{}\n{}", last.text, mark.text);
                } else if last.count == 6 {
                    last.text.push_str("\n… and more");
                }
            }
            None => all.push(mark),
        }
    }
    all
}

/// What the shapes mean.
pub(super) fn legend() -> Markup {
    html! {
        ul.legend aria-label="Marks of the timeline" {
            @for (name, class, words, _) in KINDS {
                li {
                    svg.key viewBox="-9 -9 18 18" aria-hidden="true" {
                        g class={ "mark " (class) } { (shape(name)) }
                    }
                    (words)
                }
            }
            li { (swatch("band", "f0")) "fault, hatched and numbered" }
            li { (swatch("stretch", "away")) "member given up by a client" }
            li { (swatch("stretch", "owed")) "copies owed to the member" }
        }
    }
}

fn swatch(what: &str, class: &str) -> Markup {
    html! {
        svg.key viewBox="0 0 18 18" aria-hidden="true" {
            g class={ (what) " " (class) } {
                @if what == "band" {
                    (bar("fill", 1.0, 17.0, 3.0, 12.0))
                    (bar("hatch", 1.0, 17.0, 3.0, 12.0))
                } @else {
                    (bar("", 0.0, 18.0, 6.0, 6.0))
                }
            }
        }
    }
}

/// Patterns and the clip of the plot, once a page.
pub(super) fn definitions(left: f64, right: f64) -> Markup {
    let hatch = |index: usize, angle: u32| {
        html! {
            pattern id={ "hatch" (index) } width="8" height="8" patternUnits="userSpaceOnUse"
                patternTransform={ "rotate(" (angle) ")" } {
                line class={ "stroke f" (index) } x1="0" y1="0" x2="0" y2="8" {}
            }
        }
    };
    html! {
        (PreEscaped("<svg width=\"0\" height=\"0\" class=\"definitions\" aria-hidden=\"true\"><defs>"))
        @for (index, angle) in [45, 135, 90, 0].into_iter().enumerate() { (hatch(index, angle)) }
        clipPath id="plot" {
            rect x=(n(left)) y="-10" width=(n(right - left)) height="10000" {}
        }
        (PreEscaped("</defs></svg>"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(kind: &'static str, x: f64) -> Mark {
        Mark { kind, first_x: x, last_x: x, count: 1, text: format!("at {x}") }
    }

    #[test]
    fn neighbours_of_one_kind_are_one_mark_and_others_stay() {
        let marks = vec![
            mark("failover", 100.0),
            mark("member_lost", 100.0),
            mark("failover", 110.0),
            mark("failover", 200.0),
        ];
        let all = merged(marks);
        let counts: Vec<_> = all.iter().map(|mark| (mark.kind, mark.count)).collect();
        assert_eq!(counts, [("failover", 2), ("member_lost", 1), ("failover", 1)]);
        assert_eq!(all[0].text, "at 100\nat 110");
    }

    #[test]
    fn two_marks_at_one_time_do_not_cover_each_other() {
        let drawn =
            row(vec![mark("member_lost", 100.0), mark("failover", 100.0)], 0.0).into_string();
        assert!(
            drawn.contains("translate(100 0)") && drawn.contains("translate(116 0)"),
            "{drawn}"
        );
    }
}
