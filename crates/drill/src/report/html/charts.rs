//! What the application saw over time: throughput, errors, latency, on the timeline's axis.

use hsmsim_client::record::CallRecord;
use maud::{Markup, html};

use super::{
    axis::{Axis, LEFT, RIGHT, WIDTH, bar, counted, duration, label, n, step},
    bins::{Bins, Series},
};
use crate::{
    history::History,
    metrics::{end, failed},
};

/// Height of a plot.
pub(super) const HEIGHT: f64 = 130.0;
const TOP: f64 = 8.0;
pub(super) const BOTTOM: f64 = TOP + HEIGHT;
const ANSWERS: (&str, &str) = ("answer", "answers");
const CALLS: (&str, &str) = ("call", "calls");

/// The frame that all charts share: fault bands behind, time below, a title for those who cannot see.
pub(super) fn frame(history: &History, axis: &Axis, summary: &str, inner: &Markup) -> Markup {
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
            (axis.load_end(TOP, BOTTOM, ""))
            // Above the plot, for what is drawn may hide the shade.
            g clip-path="url(#plot)" {
                g.zx {
                    @for (index, span) in history.faults.iter().enumerate() {
                        g class={ "struck f" (index % 4) } {
                            (bar("", axis.x(span.from_ns), axis.x(span.to_ns), 1.0, 4.0))
                        }
                    }
                }
            }
        }
    }
}

/// Lines and numbers along y, from 0 to `most`.
pub(super) fn y_axis(most: f64, unit: &str) -> Markup {
    let step = step(most, 5.0);
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

/// What a colour means.
pub(super) fn key(colour: usize, words: &str) -> Markup {
    html! {
        li {
            svg.key viewBox="0 0 18 18" aria-hidden="true" {
                rect class={ "series c" (colour) } x="2" y="2" width="14" height="14" {}
            }
            (words)
        }
    }
}

/// What a line means; `class` is its look.
pub(super) fn line_key(class: &str, words: &str) -> Markup {
    html! {
        li {
            svg.key viewBox="0 0 30 18" aria-hidden="true" { path class={ "line " (class) } d="M1 9H29" {} }
            (words)
        }
    }
}

/// What the colours mean, in words and numbers.
fn legend(series: &[Series], what: (&str, &str), control: Option<&str>) -> Markup {
    html! {
        ul.legend {
            @for series in series {
                (key(series.colour, &format!("{}: {}", series.name, counted(series.total, what.0, what.1))))
            }
            @if let Some(words) = control { (line_key("control", words)) }
        }
    }
}

/// The largest sum over all series in one part; at least 1.
fn highest(series: &[Series]) -> u64 {
    let sum = |bin: usize| series.iter().map(|series| series.counts[bin]).sum();
    let bins = series.first().map_or(0, |series| series.counts.len());
    (0..bins).map(sum).max().unwrap_or(0).max(1)
}

/// Calls answered, stacked by device; those of the control run as a line.
pub(super) fn throughput(
    history: &History,
    axis: &Axis,
    bins: &Bins,
    control: Option<&Bins>,
) -> Markup {
    let most = highest(&bins.devices).max(control.map_or(0, |it| highest(&it.devices))) as f64;
    let most = most / bins.real_seconds;
    let rate = |count: u64| count as f64 / bins.real_seconds / most * HEIGHT;
    let mut below = vec![0.0; axis.bins()];
    let mut areas = Vec::new();
    for series in &bins.devices {
        let above: Vec<f64> =
            (0..axis.bins()).map(|bin| below[bin] + rate(series.counts[bin])).collect();
        areas.push(html! {
            path class={ "series c" (series.colour) } d=(area(axis, &below, &above)) {}
        });
        below = above;
    }
    let without = control.map(|control| {
        let sum = |bin: usize| control.devices.iter().map(|series| series.counts[bin]).sum();
        steps(axis, (0..control.last_call).map(|bin| Some(BOTTOM - rate(sum(bin)))))
    });
    let second = second(history);
    let peak = highest(&bins.devices) as f64 / bins.real_seconds;
    let summary = format!(
        "Throughput: at most {peak:.0} answers a {second}. {}",
        words(&bins.devices, ANSWERS)
    );
    let inner = html! {
        (y_axis(most, &format!("answers / {second}")))
        g clip-path="url(#plot)" {
            g.zx {
                @for area in &areas { (area) }
                @if let Some(path) = &without { path.line.control d=(path) {} }
            }
        }
    };
    html! {
        (legend(&bins.devices, ANSWERS, control.map(|_| "control run, all devices")))
        @if bins.devices.is_empty() { p.none { "No call was answered by a device that the record names." } }
        (frame(history, axis, &summary, &inner))
    }
}

/// What rates are of: the clock's seconds, which are longer than those of drill time.
fn second(history: &History) -> &'static str {
    if history.time_scale > 1.0 { "real second" } else { "second" }
}

/// The outline of an area with a step for each part; heights are measured from the bottom.
pub(super) fn area(axis: &Axis, below: &[f64], above: &[f64]) -> String {
    let mut path = format!("M{} {}", n(LEFT), n(BOTTOM - above[0]));
    for (bin, height) in above.iter().enumerate() {
        path += &format!("V{}H{}", n(BOTTOM - height), n(axis.x_of_bin(bin + 1)));
    }
    for (bin, height) in below.iter().enumerate().rev() {
        path += &format!("V{}H{}", n(BOTTOM - height), n(axis.x_of_bin(bin)));
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
    let most = highest(&bins.errors) as f64 / bins.real_seconds;
    let mut bars = Vec::new();
    for bin in 0..axis.bins() {
        let mut y = BOTTOM;
        for series in bins.errors.iter().filter(|it| it.counts[bin] > 0) {
            let height = series.counts[bin] as f64 / bins.real_seconds / most * HEIGHT;
            y -= height;
            let class = format!("series c{}", series.colour);
            bars.push(bar(&class, axis.x_of_bin(bin), axis.x_of_bin(bin + 1), y, height));
        }
    }
    let second = second(history);
    let words = words(&bins.errors, CALLS);
    let summary = format!("Failed calls: at most {most:.0} a {second}. {words}");
    let inner = html! {
        (y_axis(most, &format!("failed / {second}")))
        g clip-path="url(#plot)" { g.zx { @for bar in &bars { (bar) } } }
    };
    html! { (legend(&bins.errors, CALLS, None)) (frame(history, axis, &summary, &inner)) }
}

/// Powers of ten along y, in drill milliseconds.
#[derive(Clone, Copy)]
struct LogScale {
    low: i32,
    high: i32,
}

impl LogScale {
    fn of(bins: &Bins, control: Option<&Bins>) -> Option<Self> {
        let latencies = bins.latency.iter().chain(control.iter().flat_map(|it| &it.latency));
        let values = latencies.flatten().flat_map(|it| [it.p50, it.max]);
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

/// The latency of calls: half, 99 of 100, the longest; the slowest calls as bars from begin to end; and
/// points for single calls.
pub(super) fn latency(
    history: &History,
    axis: &Axis,
    bins: &Bins,
    control: Option<&Bins>,
) -> Markup {
    let Some(scale) = LogScale::of(bins, control) else {
        return html! { p.none { "No call was made." } };
    };
    let lines = [
        ("p50", "half took no longer", line(axis, bins, &scale, |it| it.p50)),
        ("p99", "99 of 100 took no longer", line(axis, bins, &scale, |it| it.p99)),
        ("max", "the longest", line(axis, bins, &scale, |it| it.max)),
    ];
    let without = control
        .map(|it| [line(axis, it, &scale, |it| it.p50), line(axis, it, &scale, |it| it.p99)]);
    let longest = bins.latency.iter().flatten().map(|it| it.max).fold(0.0, f64::max);
    let summary =
        format!("Latency of calls on a logarithmic scale; the longest took {}", duration(longest));
    let mut slow: Vec<_> = history.calls.iter().collect();
    slow.sort_by_key(|call| std::cmp::Reverse(call.took_ns));
    slow.truncate(20);
    let points = points(history, axis);
    let dots = |calls: &[&CallRecord]| {
        let dot = |call: &&CallRecord| {
            format!("M{} {}h0", n(axis.x(end(call))), n(scale.y(history.length_ms(call.took_ns))))
        };
        calls.iter().map(dot).collect::<String>()
    };
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
                @for path in without.iter().flatten() { path.line.control d=(path) {} }
                path.points d=(dots(&points.good)) {}
                @for call in &slow {
                    @let y = scale.y(history.length_ms(call.took_ns));
                    line.slow x1=(n(axis.x(call.at_ns))) x2=(n(axis.x(end(call)))) y1=(n(y)) y2=(n(y)) {}
                }
                @for (class, _, path) in &lines { path class={ "line " (class) } d=(path) {} }
                path.points.bad d=(dots(&points.bad)) {}
            }
        }
    };
    html! {
        ul.legend {
            @for (class, meaning, _) in &lines { (line_key(class, &format!("{class}: {meaning}"))) }
            @if control.is_some() { (line_key("control", "control run, p50 and p99")) }
            li {
                svg.key viewBox="0 0 30 18" aria-hidden="true" { line.slow x1="2" x2="28" y1="9" y2="9" {} }
                "the 20 slowest calls, from begin to end"
            }
            li {
                svg.key viewBox="0 0 18 18" aria-hidden="true" { path.points d="M9 9h0" {} }
                "single calls, at their end"
            }
            @if !points.bad.is_empty() {
                li {
                    svg.key viewBox="0 0 18 18" aria-hidden="true" { path.points.bad d="M9 9h0" {} }
                    "those that failed"
                }
            }
        }
        (frame(history, axis, &summary, &inner))
    }
}

/// Calls that are drawn one by one.
struct Points<'a> {
    good: Vec<&'a CallRecord>,
    bad: Vec<&'a CallRecord>,
}

/// A page has room for about so many points of each sort.
const POINTS: usize = 1000;

/// Of the calls that a device answered or that failed every n-th, so that the cloud is not denser than
/// it can be seen.
fn points<'a>(history: &'a History, axis: &Axis) -> Points<'a> {
    let blind = history.calls.iter().all(|call| call.member.is_empty());
    let shown = history.calls.iter().filter(|call| axis.part(end(call)) <= 1.0);
    let (bad, good): (Vec<_>, Vec<_>) = shown.partition(|call| failed(call));
    let good: Vec<_> = good.into_iter().filter(|call| blind || !call.member.is_empty()).collect();
    let few = |calls: Vec<&'a CallRecord>| {
        let each = calls.len().div_ceil(POINTS).max(1);
        calls.into_iter().step_by(each).collect()
    };
    Points { good: few(good), bad: few(bad) }
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
fn line(
    axis: &Axis,
    bins: &Bins,
    scale: &LogScale,
    value: fn(&super::bins::Latency) -> f64,
) -> String {
    steps(axis, bins.latency.iter().map(|latency| latency.as_ref().map(|it| scale.y(value(it)))))
}

/// A line with a step for each part, from the first on; broken where there is no value.
pub(super) fn steps(axis: &Axis, heights: impl Iterator<Item = Option<f64>>) -> String {
    let mut path = String::new();
    let mut open = false;
    for (bin, y) in heights.enumerate() {
        if let Some(y) = y {
            let begin = if open { 'L' } else { 'M' };
            path +=
                &format!("{begin}{} {}H{}", n(axis.x_of_bin(bin)), n(y), n(axis.x_of_bin(bin + 1)));
        }
        open = y.is_some();
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{history::testing::history, report::html::curves::Palette};

    #[test]
    fn a_line_breaks_where_nobody_called() {
        let history =
            history("ha-pair", "0 1 C_Sign CKR_OK hsm-eus-1\n80 10 C_Sign CKR_OK hsm-eus-1", "");
        let axis = Axis::of(&history);
        let bins = Bins::of(&history, &axis, &Palette::of(&history));
        let scale = LogScale::of(&bins, None).unwrap();
        assert_eq!((scale.low, scale.high), (0, 1));
        assert_eq!(line(&axis, &bins, &scale, |it| it.max).matches('M').count(), 2);
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
        let bins = Bins::of(&history, &axis, &Palette::of(&history));
        assert!(errors(&history, &axis, &bins).into_string().contains("No call failed"));
        assert!(latency(&history, &axis, &bins, None).into_string().contains("No call was made"));
        assert!(
            throughput(&history, &axis, &bins, None).into_string().contains("No call was answered")
        );
    }
}
