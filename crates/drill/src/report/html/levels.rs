//! Charts of what holds over time: sessions, calls in flight, replication lag.

use maud::{Markup, html};

use super::{
    axis::{Axis, counted, duration},
    charts::{BOTTOM, HEIGHT, area, frame, key, line_key, steps, y_axis},
    curves::{Curve, Curves},
};
use crate::history::History;

/// Calls in flight, stacked by device.
pub(super) fn flight(history: &History, axis: &Axis, curves: &Curves) -> Markup {
    let legend = |curve: &Curve| format!("{}: at most {:.1} in flight", curve.name, curve.most());
    let chart = Stack {
        unit: "calls in flight",
        summary: "Calls in flight by device",
        none: "No call was answered by a device that the record names.",
    };
    chart.draw(history, axis, &curves.flight, &legend)
}

/// Sessions, stacked by workload.
pub(super) fn sessions(history: &History, axis: &Axis, curves: &Curves) -> Markup {
    let legend = |curve: &Curve| {
        format!("{}: at most {}", curve.name, counted(curve.most() as u64, "session", "sessions"))
    };
    let chart = Stack {
        unit: "sessions",
        summary: "Open sessions by workload",
        none: "The record shows no session that was opened.",
    };
    chart.draw(history, axis, &curves.sessions, &legend)
}

/// A chart of curves that stand on each other.
struct Stack {
    unit: &'static str,
    summary: &'static str,
    none: &'static str,
}

impl Stack {
    fn draw(
        &self,
        history: &History,
        axis: &Axis,
        curves: &[Curve],
        legend: &dyn Fn(&Curve) -> String,
    ) -> Markup {
        let sum = |bin: usize| curves.iter().map(|curve| curve.values[bin]).sum::<f64>();
        let most = (0..axis.bins()).map(sum).fold(0.0, f64::max);
        if most == 0.0 {
            return html! { p.none { (self.none) } };
        }
        let mut below = vec![0.0; axis.bins()];
        let mut areas = Vec::new();
        for curve in curves {
            let height = |bin: usize| curve.values[bin] / most * HEIGHT;
            let above: Vec<f64> = (0..axis.bins()).map(|bin| below[bin] + height(bin)).collect();
            areas.push(
                html! { path class={ "series c" (curve.colour) } d=(area(axis, &below, &above)) {} },
            );
            below = above;
        }
        let words: Vec<String> = curves.iter().map(legend).collect();
        let summary = format!("{}, at most {most:.1} in all. {}", self.summary, words.join(", "));
        let inner = html! {
            (y_axis(most, self.unit))
            g clip-path="url(#plot)" { g.zx { @for area in &areas { (area) } } }
        };
        html! {
            ul.legend { @for (curve, words) in curves.iter().zip(&words) { (key(curve.colour, words)) } }
            (frame(history, axis, &summary, &inner))
        }
    }
}

/// Keys that members lack, and how old the oldest of them is: a line for each member that was behind.
pub(super) fn lag(history: &History, axis: &Axis, curves: &Curves) -> Markup {
    if curves.lag_keys.is_empty() {
        return html! { p.none { "No member ever lacked a key that its group had acknowledged." } };
    }
    let keys = |curve: &Curve| {
        format!("{}: at most {}", curve.name, counted(curve.most() as u64, "key", "keys"))
    };
    let age =
        |curve: &Curve| format!("{}: at most {}", curve.name, duration(curve.most() * 1000.0));
    html! {
        (lines(history, axis, &curves.lag_keys, "keys missing", "Acknowledged keys that members lack", &keys))
        (lines(history, axis, &curves.lag_age, "age, drill s", "Age of the oldest key that members lack", &age))
    }
}

fn lines(
    history: &History,
    axis: &Axis,
    curves: &[Curve],
    unit: &str,
    what: &str,
    legend: &dyn Fn(&Curve) -> String,
) -> Markup {
    let most = curves.iter().map(Curve::most).fold(0.0, f64::max).max(1e-9);
    let words: Vec<String> = curves.iter().map(legend).collect();
    let look = |index: usize, curve: &Curve| format!("level k{} d{}", curve.colour, index % 4);
    let path = |curve: &Curve| {
        steps(axis, curve.values.iter().map(|value| Some(BOTTOM - value / most * HEIGHT)))
    };
    let inner = html! {
        (y_axis(most, unit))
        g clip-path="url(#plot)" {
            g.zx {
                @for (index, curve) in curves.iter().enumerate() {
                    path class={ "line " (look(index, curve)) } d=(path(curve)) {}
                }
            }
        }
    };
    html! {
        ul.legend {
            @for (index, curve) in curves.iter().enumerate() {
                (line_key(&look(index, curve), &words[index]))
            }
        }
        (frame(history, axis, &format!("{what}. {}", words.join(", ")), &inner))
    }
}
