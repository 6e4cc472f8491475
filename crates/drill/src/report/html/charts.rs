//! What the application saw over time: throughput, errors, latency, on the timeline's axis.

use maud::{Markup, html};

use super::{
    axis::{Axis, LEFT, RIGHT, WIDTH, bar, counted, duration, label, n, step},
    bins::{BINS, Bins, Series},
};
use crate::{history::History, metrics::end};

/// Height of a plot.
const HEIGHT: f64 = 130.0;
const TOP: f64 = 8.0;
const BOTTOM: f64 = TOP + HEIGHT;
const ANSWERS: (&str, &str) = ("answer", "answers");
const CALLS: (&str, &str) = ("call", "calls");

/// The frame that all charts share: fault bands behind, time below, a title for those who cannot see.
fn frame(history: &History, axis: &Axis, summary: &str, inner: &Markup) -> Markup {
    html! {
        svg.chart viewBox={ "0 0 " (n(WIDTH)) " " (n(BOTTOM + 22.0)) } role="img" aria-label=(summary)
            data-top=(n(TOP)) data-bottom=(n(BOTTOM)) {
            rect.lane x=(n(LEFT)) y=(n(TOP)) width=(n(RIGHT - LEFT)) height=(n(HEIGHT)) {}
            g clip-path="url(#plot)" {
                g.zx {
                    @for (index, span) in history.faults.iter().enumerate() {
                        g class={ "shade f" (index % 4) } {
                            (bar("fill", axis.x(span.from_ns), axis.x(span.to_ns), TOP, HEIGHT))
                        }
                    }
                }
            }
            (axis.draw(TOP, BOTTOM))
            (inner)
        }
    }
}

fn x_of(bin: usize) -> f64 {
    LEFT + (RIGHT - LEFT) * bin as f64 / BINS as f64
}

/// Lines and numbers along y, from 0 to `most`.
fn y_axis(most: f64, unit: &str) -> Markup {
    let step = step(most, 4.0);
    let count = (most / step + 1e-6).floor() as usize;
    html! {
        g aria-hidden="true" {
            @for index in 0..=count {
                @let value = index as f64 * step;
                @let y = BOTTOM - value / most * HEIGHT;
                line.grid x1=(n(LEFT)) x2=(n(RIGHT)) y1=(n(y)) y2=(n(y)) {}
                text.tick x=(n(LEFT - 8.0)) y=(n(y + 4.0)) text-anchor="end" { (label(value, step)) }
            }
            text.unit x="8" y=(n(TOP + HEIGHT / 2.0)) { (unit) }
        }
    }
}

/// What the colours mean, in words and numbers.
fn legend(series: &[Series], what: (&str, &str)) -> Markup {
    html! {
        ul.legend {
            @for (index, series) in series.iter().enumerate() {
                li {
                    svg.key viewBox="0 0 18 18" aria-hidden="true" {
                        rect class={ "series c" (index) } x="2" y="2" width="14" height="14" {}
                    }
                    (series.name) ": " (counted(series.total, what.0, what.1))
                }
            }
        }
    }
}

/// The largest sum over all series in one part; at least 1.
fn highest(series: &[Series]) -> u64 {
    let sum = |bin: usize| series.iter().map(|series| series.counts[bin]).sum();
    (0..BINS).map(sum).max().unwrap_or(0).max(1)
}

/// Calls answered, stacked by device.
pub(super) fn throughput(history: &History, axis: &Axis, bins: &Bins) -> Markup {
    let most = highest(&bins.devices) as f64 / bins.real_seconds;
    let mut below = vec![0.0; BINS];
    let mut areas = Vec::new();
    for (index, series) in bins.devices.iter().enumerate() {
        let rate = |bin: usize| series.counts[bin] as f64 / bins.real_seconds / most * HEIGHT;
        let above: Vec<f64> = (0..BINS).map(|bin| below[bin] + rate(bin)).collect();
        areas.push(html! { path class={ "series c" (index) } d=(area(&below, &above)) {} });
        below = above;
    }
    let second = if history.time_scale > 1.0 { "real second" } else { "second" };
    let summary = format!(
        "Throughput: at most {most:.0} answers a {second}. {}",
        words(&bins.devices, ANSWERS)
    );
    let inner = html! {
        (y_axis(most, &format!("answers / {second}")))
        g clip-path="url(#plot)" { g.zx { @for area in &areas { (area) } } }
    };
    html! {
        (legend(&bins.devices, ANSWERS))
        @if bins.devices.is_empty() { p.none { "No call was answered by a device that the record names." } }
        (frame(history, axis, &summary, &inner))
    }
}

/// The outline of an area with a step for each part; heights are measured from the bottom.
fn area(below: &[f64], above: &[f64]) -> String {
    let mut path = format!("M{} {}", n(LEFT), n(BOTTOM - above[0]));
    for (bin, height) in above.iter().enumerate() {
        path += &format!("V{}H{}", n(BOTTOM - height), n(x_of(bin + 1)));
    }
    for (bin, height) in below.iter().enumerate().rev() {
        path += &format!("V{}H{}", n(BOTTOM - height), n(x_of(bin)));
    }
    path + "Z"
}

fn words(series: &[Series], what: (&str, &str)) -> String {
    let one =
        |series: &Series| format!("{}: {}", series.name, counted(series.total, what.0, what.1));
    series.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Failed calls, stacked by code.
pub(super) fn errors(history: &History, axis: &Axis, bins: &Bins) -> Markup {
    if bins.errors.is_empty() {
        return html! { p.none { "No call failed." } };
    }
    let most = highest(&bins.errors) as f64;
    let mut bars = Vec::new();
    for bin in 0..BINS {
        let mut y = BOTTOM;
        for (index, series) in bins.errors.iter().enumerate().filter(|(_, it)| it.counts[bin] > 0) {
            let height = series.counts[bin] as f64 / most * HEIGHT;
            y -= height;
            bars.push(bar(&format!("series c{index}"), x_of(bin), x_of(bin + 1), y, height));
        }
    }
    let each = duration(bins.seconds * 1000.0 / BINS as f64);
    let summary = format!("Failed calls in each {each}. {}", words(&bins.errors, CALLS));
    let inner = html! {
        (y_axis(most, &format!("calls / {each}")))
        g clip-path="url(#plot)" { g.zx { @for bar in &bars { (bar) } } }
    };
    html! { (legend(&bins.errors, CALLS)) (frame(history, axis, &summary, &inner)) }
}

/// Powers of ten along y, in drill milliseconds.
struct LogScale {
    low: i32,
    high: i32,
}

impl LogScale {
    fn of(bins: &Bins) -> Option<Self> {
        let values = bins.latency.iter().flatten().flat_map(|it| [it.p50, it.max]);
        let values = values.filter(|&value| value > 0.0);
        let (low, high) = values.fold(None, |range: Option<(f64, f64)>, value| {
            let (low, high) = range.unwrap_or((value, value));
            Some((low.min(value), high.max(value)))
        })?;
        let low = low.log10().floor() as i32;
        Some(Self { low, high: (high.log10().ceil() as i32).max(low + 1) })
    }

    fn y(&self, ms: f64) -> f64 {
        let part = (ms.max(1e-9).log10() - f64::from(self.low)) / f64::from(self.high - self.low);
        BOTTOM - part.clamp(0.0, 1.0) * HEIGHT
    }
}

/// The latency of calls: half, 99 of 100, the longest; and the slowest calls as bars from begin to end.
pub(super) fn latency(history: &History, axis: &Axis, bins: &Bins) -> Markup {
    let Some(scale) = LogScale::of(bins) else {
        return html! { p.none { "No call was made." } };
    };
    let lines = [
        ("p50", "half took no longer", line(bins, &scale, |it| it.p50)),
        ("p99", "99 of 100 took no longer", line(bins, &scale, |it| it.p99)),
        ("max", "the longest", line(bins, &scale, |it| it.max)),
    ];
    let longest = bins.latency.iter().flatten().map(|it| it.max).fold(0.0, f64::max);
    let summary =
        format!("Latency of calls on a logarithmic scale; the longest took {}", duration(longest));
    let mut slow: Vec<_> = history.calls.iter().collect();
    slow.sort_by_key(|call| std::cmp::Reverse(call.took_ns));
    slow.truncate(20);
    let inner = html! {
        g aria-hidden="true" {
            @for power in scale.low..=scale.high {
                @let y = BOTTOM - HEIGHT * f64::from(power - scale.low) / f64::from(scale.high - scale.low);
                line.grid x1=(n(LEFT)) x2=(n(RIGHT)) y1=(n(y)) y2=(n(y)) {}
                text.tick x=(n(LEFT - 8.0)) y=(n(y + 4.0)) text-anchor="end" { (decade(power)) }
            }
            text.unit x="8" y=(n(TOP + HEIGHT / 2.0)) { "drill time, log" }
        }
        g clip-path="url(#plot)" {
            g.zx {
                @for call in &slow {
                    @let y = scale.y(history.length_ms(call.took_ns));
                    line.slow x1=(n(axis.x(call.at_ns))) x2=(n(axis.x(end(call)))) y1=(n(y)) y2=(n(y)) {}
                }
                @for (class, _, path) in &lines { path class={ "line " (class) } d=(path) {} }
            }
        }
    };
    html! {
        ul.legend {
            @for (class, meaning, _) in &lines {
                li {
                    svg.key viewBox="0 0 30 18" aria-hidden="true" {
                        path class={ "line " (class) } d="M1 9H29" {}
                    }
                    (class) ": " (meaning)
                }
            }
            li {
                svg.key viewBox="0 0 30 18" aria-hidden="true" { line.slow x1="2" x2="28" y1="9" y2="9" {} }
                "the 20 slowest calls, from begin to end"
            }
        }
        (frame(history, axis, &summary, &inner))
    }
}

/// `10 ms`, `1 s`: a power of ten of a millisecond.
fn decade(power: i32) -> String {
    match power {
        3.. => format!("{} s", 10u64.pow((power - 3).unsigned_abs())),
        0..3 => format!("{} ms", 10u64.pow(power.unsigned_abs())),
        -3..0 => format!("{} µs", 10u64.pow((power + 3).unsigned_abs())),
        _ => format!("1e{} µs", power + 3),
    }
}

/// A line with a step for each part, broken where there was no call.
fn line(bins: &Bins, scale: &LogScale, value: fn(&super::bins::Latency) -> f64) -> String {
    let mut path = String::new();
    let mut open = false;
    for (bin, latency) in bins.latency.iter().enumerate() {
        let Some(latency) = latency else {
            open = false;
            continue;
        };
        let y = n(scale.y(value(latency)));
        let begin =
            if open { format!("L{} {y}", n(x_of(bin))) } else { format!("M{} {y}", n(x_of(bin))) };
        path += &format!("{begin}H{}", n(x_of(bin + 1)));
        open = true;
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::testing::history;

    #[test]
    fn a_line_breaks_where_nobody_called() {
        let history =
            history("ha-pair", "0 1 C_Sign CKR_OK hsm-eus-1\n80 10 C_Sign CKR_OK hsm-eus-1", "");
        let axis = Axis::of(&history);
        let bins = Bins::of(&history, &axis);
        let scale = LogScale::of(&bins).unwrap();
        assert_eq!((scale.low, scale.high), (0, 1));
        assert_eq!(line(&bins, &scale, |it| it.max).matches('M').count(), 2);
    }

    #[test]
    fn powers_of_ten_are_told_in_the_unit_that_fits() {
        let texts = [-2, 0, 2, 4].map(decade);
        assert_eq!(texts, ["10 µs", "1 ms", "100 ms", "10 s"]);
    }

    #[test]
    fn a_history_without_calls_has_charts_without_curves() {
        let history = history("ha-pair", "", "");
        let axis = Axis::of(&history);
        let bins = Bins::of(&history, &axis);
        assert!(errors(&history, &axis, &bins).into_string().contains("No call failed"));
        assert!(latency(&history, &axis, &bins).into_string().contains("No call was made"));
        assert!(throughput(&history, &axis, &bins).into_string().contains("No call was answered"));
    }
}
