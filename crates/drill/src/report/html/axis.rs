//! The time axis that all pictures share, and small helpers for writing SVG.
//!
//! Pictures are 1200 units wide. The plot begins at 190, after the labels, and ends at 1180. What a
//! script may stretch is in groups of class `zx` (scaled along x only) or of class `at` (moved, not
//! scaled; `data-x` is the place).

use maud::{Markup, html};

use crate::history::History;

pub(super) use crate::report::counted;

/// The width of a picture.
pub(super) const WIDTH: f64 = 1200.0;
/// Where the plot begins.
pub(super) const LEFT: f64 = 190.0;
/// Where it ends.
pub(super) const RIGHT: f64 = 1180.0;
/// Parts of the axis, which are the columns of the charts, if the drill does not say how wide one is.
const BINS: usize = 240;
/// The fewest and the most there are whatever it says: a chart of fewer tells nothing, and one of more is
/// slow to open and finer than a screen.
const BINS_MIN: usize = 20;
const BINS_MAX: usize = 2000;

/// Drill time along x.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    begin_ns: u64,
    /// Length in nanoseconds of the run's clock; above 0.
    length_ns: u64,
    time_scale: f64,
    /// Parts that are counted one by one.
    bins: usize,
    /// When the load was to end.
    load_end_ns: Option<u64>,
}

impl Axis {
    /// From the begin of the run to its end, or to the end of its last call.
    pub(super) fn of(history: &History) -> Self {
        let calls = history.calls.iter().map(crate::metrics::end);
        let end = calls.chain([history.end_ns]).max().unwrap_or_default();
        let length_ns = end.saturating_sub(history.begin_ns).max(1);
        let (begin_ns, time_scale) = (history.begin_ns, history.time_scale);
        Self { begin_ns, length_ns, time_scale, bins: BINS, load_end_ns: None }
    }

    /// The same for a load that was to last so long, in nanoseconds of the run's clock.
    pub(super) fn of_load(history: &History, load_ns: u64) -> Self {
        Self { load_end_ns: Some(history.begin_ns + load_ns), ..Self::of(history) }
    }

    /// The same in parts of so many drill milliseconds, if that makes neither too few nor too many; they
    /// are a little narrower where the axis is not a multiple of that.
    pub(super) fn in_parts_of(self, bucket_ms: Option<f64>) -> Self {
        let bins = bucket_ms.map_or(BINS, |ms| {
            // A whole number of parts stays whole, whatever the division leaves behind the point.
            let parts = (self.seconds() * 1000.0 / ms - 1e-6).ceil();
            (parts as usize).clamp(BINS_MIN, BINS_MAX)
        });
        Self { bins, ..self }
    }

    /// The number of parts.
    pub(super) fn bins(&self) -> usize {
        self.bins
    }

    /// The part of a time; times outside belong to the first or the last.
    pub(super) fn bin(&self, at_ns: u64) -> usize {
        let since = u128::from(at_ns.saturating_sub(self.begin_ns));
        ((since * self.bins as u128 / u128::from(self.length_ns)) as usize).min(self.bins - 1)
    }

    /// Where a part begins in a picture; the border for the part after the last.
    pub(super) fn x_of_bin(&self, bin: usize) -> f64 {
        LEFT + (RIGHT - LEFT) * bin as f64 / self.bins as f64
    }

    /// A line where the load ended and the cluster was left to settle, with `words` beside it.
    pub(super) fn load_end(&self, top: f64, bottom: f64, words: &str) -> Markup {
        let Some(x) = self.load_end_ns.map(|end| self.x(end)).filter(|x| *x < RIGHT - 60.0) else {
            return html! {};
        };
        let line = html! {
            line.ended x1="0" x2="0" y1="0" y2=(n(bottom - top)) {}
            @if !words.is_empty() { text.note x="5" y="18" { (words) } }
        };
        html! { g clip-path="url(#plot)" aria-hidden="true" { (at(x, None, 0.0, top, &line)) } }
    }

    /// The place of a time; times outside are moved to the border.
    pub(super) fn x(&self, at_ns: u64) -> f64 {
        let part = at_ns.saturating_sub(self.begin_ns) as f64 / self.length_ns as f64;
        LEFT + part.min(1.0) * (RIGHT - LEFT)
    }

    /// The same of a time in drill milliseconds since the begin.
    pub(super) fn x_of_ms(&self, ms: f64) -> f64 {
        let part = ms / 1000.0 / self.seconds();
        LEFT + part.clamp(0.0, 1.0) * (RIGHT - LEFT)
    }

    /// When a part of the axis begins; the end of the axis for the part after the last.
    pub(super) fn time(&self, bin: usize) -> u64 {
        let (length, bins) = (u128::from(self.length_ns), self.bins as u128);
        self.begin_ns + (length * bin as u128).div_ceil(bins) as u64
    }

    /// Its length in drill seconds.
    pub(super) fn seconds(&self) -> f64 {
        self.length_ns as f64 * self.time_scale / 1e9
    }

    /// Its length in real seconds.
    pub(super) fn real_seconds(&self) -> f64 {
        self.length_ns as f64 / 1e9
    }

    /// The part of the axis that lies before a time, 0 to 1.
    pub(super) fn part(&self, at_ns: u64) -> f64 {
        (at_ns.saturating_sub(self.begin_ns) as f64 / self.length_ns as f64).min(1.0)
    }

    /// Ticks, labels and grid lines from `top` to `bottom`; labels stand below `bottom`.
    pub(super) fn draw(&self, top: f64, bottom: f64) -> Markup {
        let step = step(self.seconds(), 10.0);
        let count = (self.seconds() / step).floor() as usize;
        html! {
            g.axis data-bottom=(n(bottom)) data-top=(n(top)) aria-hidden="true" {
                @for index in 0..=count {
                    @let seconds = index as f64 * step;
                    @let x = self.x_of_ms(seconds * 1000.0);
                    line.grid x1=(n(x)) x2=(n(x)) y1=(n(top)) y2=(n(bottom)) {}
                    text.tick x=(n(x)) y=(n(bottom + 15.0)) text-anchor="middle" {
                        (label(seconds, step)) " s"
                    }
                }
            }
        }
    }
}

/// A step of 1, 2 or 5 times a power of ten that divides `length` into at most `count` parts.
pub(super) fn step(length: f64, count: f64) -> f64 {
    let rough = (length / count).max(1e-9);
    let power = 10f64.powf(rough.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power);
    steps.into_iter().find(|&step| step >= rough * 0.999_999).unwrap_or(steps[3])
}

/// A number with as many decimals as its step needs.
pub(super) fn label(value: f64, step: f64) -> String {
    let decimals = (-step.log10().floor()).clamp(0.0, 6.0) as usize;
    format!("{value:.decimals$}")
}

/// A coordinate.
pub(super) fn n(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

/// A length in drill milliseconds, for people.
pub(super) fn duration(ms: f64) -> String {
    match ms {
        _ if ms >= 10_000.0 => format!("{:.1} s", ms / 1000.0),
        _ if ms >= 1000.0 => format!("{:.2} s", ms / 1000.0),
        _ if ms >= 10.0 => format!("{ms:.0} ms"),
        _ if ms >= 0.1 => format!("{ms:.2} ms"),
        _ if ms > 0.0 => format!("{:.1} µs", ms * 1000.0),
        _ => "0".to_owned(),
    }
}

/// A moment, in drill seconds from the begin.
pub(super) fn moment(ms: f64) -> String {
    format!("{:.1} s", ms / 1000.0)
}

/// A bar over the whole height of a lane or chart, in stretched coordinates.
pub(super) fn bar(class: &str, x1: f64, x2: f64, y: f64, height: f64) -> Markup {
    html! {
        rect class=(class) x=(n(x1)) y=(n(y)) width=(n((x2 - x1).max(1.5))) height=(n(height)) {}
    }
}

/// Something of fixed size at a place that may move; `until`: it stays in sight as long as the place
/// up to there is.
pub(super) fn at(x: f64, until: Option<f64>, dx: f64, y: f64, inner: &Markup) -> Markup {
    html! {
        g.at data-x=(n(x)) data-x2=[until.map(n)] data-dx=(n(dx)) data-y=(n(y))
            transform={ "translate(" (n(x + dx)) " " (n(y)) ")" } { (inner) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_round_and_few() {
        for (length, expected) in [(100.0, 10.0), (101.0, 20.0), (0.35, 0.05), (3600.0, 500.0)] {
            let step = step(length, 10.0);
            assert!((step - expected).abs() < 1e-9, "{length}: {step}");
        }
        assert_eq!((label(0.05, 0.05), label(20.0, 10.0)), ("0.05".to_owned(), "20".to_owned()));
    }

    #[test]
    fn a_drill_says_how_wide_a_column_is_within_reason() {
        // 100 ms long.
        let history = crate::history::testing::history("ha-pair", "", "");
        let bins = |bucket_ms| Axis::of(&history).in_parts_of(bucket_ms).bins();
        assert_eq!(bins(None), 240);
        assert_eq!((bins(Some(1.0)), bins(Some(0.1)), bins(Some(3.0))), (100, 1000, 34));
        assert_eq!((bins(Some(60_000.0)), bins(Some(1e-6))), (20, 2000));
    }

    #[test]
    fn parts_cover_the_axis_without_a_gap() {
        let history = crate::history::testing::history("ha-pair", "", "");
        let axis = Axis::of(&history).in_parts_of(Some(1.0));
        assert_eq!((axis.x_of_bin(0), axis.x_of_bin(100)), (LEFT, RIGHT));
        for bin in 0..100 {
            assert_eq!((axis.bin(axis.time(bin)), axis.bin(axis.time(bin + 1) - 1)), (bin, bin));
        }
        assert_eq!((axis.bin(0), axis.bin(u64::MAX)), (0, 99));
    }

    #[test]
    fn times_outside_of_the_run_stay_in_the_picture() {
        let history = crate::history::testing::history("ha-pair", "", "");
        let axis = Axis::of(&history);
        assert_eq!((axis.x(0), axis.x(u64::MAX)), (LEFT, RIGHT));
        assert_eq!(axis.x(50_000_000), (LEFT + RIGHT) / 2.0);
    }
}
