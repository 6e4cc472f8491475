//! The ratios as a drawing: one row a case, a bar for each other module on a logarithmic scale, to
//! the right where hsmsim is faster, to the left where it is slower.
//!
//! The drawing follows the reader's choice of a light or dark page, and needs neither script nor
//! font of its own.

#![forbid(unsafe_code)]

use std::fmt::Write as _;

use crate::report::{BARE, Row, Settings, Table};

const WIDTH: f64 = 880.0;
/// Where the names of the cases end.
const NAMES: f64 = 256.0;
/// Where the bars end; numbers may go on.
const BARS: f64 = 810.0;
const TOP: f64 = 92.0;
const BAR: f64 = 9.0;
const GAP: f64 = 7.0;
/// Beyond these ratios a bar is cut off; its number says how long it would be.
const LEAST: f64 = 0.1;
const MOST: f64 = 10_000.0;

pub(crate) const STYLE: &str = "\
text{font:12px system-ui,sans-serif;fill:#24292f}\
.title{font-size:15px;font-weight:600}\
.small{font-size:10.5px;fill:#57606a}\
.case{text-anchor:end}\
.axis{text-anchor:middle;font-size:10.5px;fill:#57606a}\
.grid{stroke:#d0d7de}\
.one{stroke:#57606a}\
.bar0{fill:#0969da}.bar1{fill:#bf5700}.bar2{fill:#1a7f37}.bar3{fill:#8250df}\
.page{fill:#ffffff}\
@media(prefers-color-scheme:dark){\
text{fill:#e6edf3}.small,.axis{fill:#9198a1}.grid{stroke:#30363d}.one{stroke:#9198a1}\
.bar0{fill:#58a6ff}.bar1{fill:#f0883e}.bar2{fill:#3fb950}.bar3{fill:#bc8cff}\
.page{fill:#0d1117}}";

/// Colours that there are.
const COLOURS: usize = 4;

/// One bar.
struct Bar {
    column: usize,
    ratio: f64,
}

/// Draws how many times as long as the first participant the other modules take; cases of one thread,
/// where anybody else gave a time.
pub fn svg(table: &Table, settings: &Settings) -> String {
    let modules: Vec<_> = (1..table.columns().len())
        .filter(|&column| table.columns()[column] != BARE)
        .take(COLOURS)
        .collect();
    let rows: Vec<_> = table
        .rows()
        .iter()
        .filter(|row| row.threads == 1)
        .map(|row| (row.case, bars(row, &modules)))
        .filter(|(_, bars)| !bars.is_empty())
        .collect();
    let height_of = |bars: &[Bar]| bars.len() as f64 * BAR + GAP;
    let bottom = TOP + rows.iter().map(|(_, bars)| height_of(bars).max(BAR + GAP)).sum::<f64>();

    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" \
         height=\"{height}\" role=\"img\"><title>Times of PKCS#11 calls beside hsmsim's</title>\
         <style>{STYLE}</style><rect class=\"page\" width=\"{WIDTH}\" height=\"{height}\"/>\n",
        height = bottom + 30.0
    );
    let first = table.columns().first().map_or("", String::as_str);
    let mut text = |class: &str, x: f64, y: f64, text: &str| {
        format!("<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>\n", escaped(text))
    };
    out += &text("title", 12.0, 24.0, &format!("How many times as long as {first} a call takes"));
    out += &text("small", 12.0, 42.0, &settings.line());
    let mut x = 12.0;
    for (place, &column) in modules.iter().enumerate() {
        let name = &table.columns()[column];
        let _ = writeln!(
            out,
            "<rect class=\"bar{place}\" x=\"{x}\" y=\"53\" width=\"11\" height=\"11\" rx=\"2\"/>"
        );
        out += &text("", x + 16.0, 63.0, name);
        x += 40.0 + 7.5 * name.chars().count() as f64;
    }
    out += &grid(bottom, &mut text);
    let mut y = TOP;
    for (case, bars) in &rows {
        let height = height_of(bars);
        out += &text("case", NAMES - 8.0, y + (height - GAP) / 2.0 + 4.0, case);
        for (place, bar) in bars.iter().enumerate() {
            let top = y + place as f64 * BAR;
            let end = across(bar.ratio);
            let (from, width) = (end.min(across(1.0)), (end - across(1.0)).abs().max(1.0));
            let _ = writeln!(
                out,
                "<rect class=\"bar{}\" x=\"{from:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" \
                 height=\"{:.1}\"/>",
                bar.column,
                BAR - 1.5
            );
            out += &text("small", end.max(across(1.0)) + 4.0, top + BAR - 1.0, &written(bar.ratio));
        }
        y += height.max(BAR + GAP);
    }
    out += "</svg>\n";
    out
}

/// The bars of a row; `column` counts the modules that are drawn.
fn bars(row: &Row, modules: &[usize]) -> Vec<Bar> {
    let Some(own) = row.cells.first().and_then(|cell| cell.samples()) else { return Vec::new() };
    let ratio = |(column, &cell): (usize, &usize)| {
        Some(Bar { column, ratio: row.cells.get(cell)?.samples()?.ratio_to(own) })
    };
    modules.iter().enumerate().filter_map(ratio).collect()
}

/// Lines at the powers of ten.
fn grid(bottom: f64, text: &mut impl FnMut(&str, f64, f64, &str) -> String) -> String {
    let mut out = String::new();
    let mut ratio = LEAST;
    while ratio <= MOST * 1.001 {
        let x = across(ratio);
        let class = if (ratio - 1.0).abs() < 1e-9 { "one" } else { "grid" };
        let _ = writeln!(
            out,
            "<line class=\"{class}\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{:.1}\" y2=\"{bottom:.1}\"/>",
            TOP - 8.0
        );
        for y in [TOP - 13.0, bottom + 14.0] {
            out += &text("axis", x, y, &written(ratio));
        }
        ratio *= 10.0;
    }
    out
}

/// Where a ratio lies.
fn across(ratio: f64) -> f64 {
    let part = (ratio.clamp(LEAST, MOST) / LEAST).log10() / (MOST / LEAST).log10();
    NAMES + part * (BARS - NAMES)
}

fn written(ratio: f64) -> String {
    match ratio {
        ratio if ratio < 0.095 => format!("{ratio:.2}×"),
        ratio if ratio < 9.95 => format!("{ratio:.1}×"),
        ratio => format!("{ratio:.0}×"),
    }
}

pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        budget::Budget,
        measure::Samples,
        report::{Cell, HSMSIM, SOFTHSM2},
    };

    fn table() -> Table {
        let mut table = Table::new([HSMSIM, SOFTHSM2, "a<b", BARE].map(str::to_owned).to_vec());
        let times = |us: f64| Cell::Samples(Samples { us: vec![us; 3] });
        let mut add = |case, threads, cells| {
            table.add(Row { case, threads, budget: Budget::free(), cells });
        };
        add("one", 1, vec![times(1.0), times(30.0), times(0.5), times(0.5)]);
        add("one", 2, vec![times(1.0), times(77.0), times(0.5), times(0.5)]);
        add("two", 1, vec![times(1.0), times(500_000.0), Cell::Lacking, Cell::Lacking]);
        add("alone", 1, vec![times(1.0), Cell::Lacking, Cell::Lacking, times(0.5)]);
        table
    }

    #[test]
    fn there_is_a_bar_for_each_module_of_each_case_and_none_for_the_primitive() {
        let svg = svg(&table(), &Settings::here(3, 20));
        assert_eq!(svg.matches("<rect class=\"bar0\"").count(), 1 + 2, "{svg}");
        assert_eq!(svg.matches("<rect class=\"bar1\"").count(), 1 + 1, "{svg}");
        assert!(!svg.contains("bar2\" x") && !svg.contains("alone") && !svg.contains("77×"));
        assert!(svg.contains("a&lt;b") && svg.contains(">500000×<"));
    }

    #[test]
    fn bars_end_where_their_ratio_lies_and_stay_on_the_page() {
        assert_eq!((across(LEAST), across(MOST)), (NAMES, BARS));
        assert!((across(1.0) - NAMES - (BARS - NAMES) / 5.0).abs() < 1e-9);
        assert_eq!(across(1e9), BARS);
        assert_eq!([0.05, 0.62, 15.2].map(written), ["0.05×", "0.6×", "15×"]);
    }
}
