//! Curves as a drawing: small charts one below the other, both axes logarithmic, a line for each value.
//!
//! As [`picture`](crate::picture), it follows the reader's choice of a light or dark page, and needs
//! neither script nor font of its own.

#![forbid(unsafe_code)]

use std::fmt::Write as _;

use super::curve::Measured;
use crate::picture::{STYLE, escaped};

const WIDTH: f64 = 880.0;
const HEIGHT: f64 = 190.0;
const LEFT: f64 = 60.0;
/// Where lines end and their names begin.
const RIGHT: f64 = 600.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 150.0;
/// Lines of names, so that two do not lie on each other.
const LINE: f64 = 14.0;

const LINES: &str = ".line{fill:none;stroke-width:1.8}.dot{stroke:none}\
.s0{stroke:#0969da;fill:#0969da}.s1{stroke:#bf5700;fill:#bf5700}.s2{stroke:#1a7f37;fill:#1a7f37}\
.s3{stroke:#8250df;fill:#8250df}.s4{stroke:#9a6700;fill:#9a6700}.s5{stroke:#cf222e;fill:#cf222e}\
.s6{stroke:#57606a;fill:#57606a}.s7{stroke:#116329;fill:#116329}\
polyline.line{fill:none}text.s{stroke:none}text.end{text-anchor:end}";

/// Draws all curves.
pub fn svg(curves: &[Measured]) -> String {
    let height = HEIGHT * curves.len() as f64 + 10.0;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" \
         height=\"{height}\" role=\"img\"><title>How cost grows</title><style>{STYLE}{LINES}</style>\
         <rect class=\"page\" width=\"{WIDTH}\" height=\"{height}\"/>\n"
    );
    for (place, curve) in curves.iter().enumerate() {
        let _ = writeln!(out, "<g transform=\"translate(0 {})\">", HEIGHT * place as f64);
        chart(&mut out, curve);
        out.push_str("</g>\n");
    }
    out.push_str("</svg>\n");
    out
}

/// The decades that hold these values, from one power of ten to another.
fn decades(values: impl Iterator<Item = f64>) -> (i32, i32) {
    let (least, most) =
        values.fold((f64::MAX, f64::MIN), |(low, high), value| (low.min(value), high.max(value)));
    if least > most {
        return (0, 1);
    }
    let (low, high) = (least.log10().floor() as i32, most.log10().ceil() as i32);
    (low, high.max(low + 1))
}

fn chart(out: &mut String, curve: &Measured) {
    let mut text = |class: &str, x: f64, y: f64, text: &str| {
        let _ = writeln!(
            out,
            "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>",
            escaped(text)
        );
    };
    text("title", 12.0, 20.0, &curve.title);
    // A logarithm needs something above zero: what is nothing is not drawn.
    let sizes = decades(curve.points.iter().map(|point| point.size as f64));
    let all = curve.points.iter().flat_map(|point| &point.values);
    let range = decades(all.map(|(_, value)| *value).filter(|value| *value > 0.0));
    let place = |value: f64, (low, high): (i32, i32), from: f64, to: f64| {
        from + (value.log10() - f64::from(low)) / f64::from(high - low) * (to - from)
    };
    let x = |size: u64| place(size as f64, sizes, LEFT, RIGHT);
    let y = |value: f64| place(value, range, BOTTOM, TOP);
    for power in range.0..=range.1 {
        let value = 10_f64.powi(power);
        text("axis end", LEFT - 6.0, y(value) + 4.0, &value.to_string());
    }
    for point in &curve.points {
        text("axis", x(point.size), BOTTOM + 15.0, &grouped(point.size));
    }
    text("axis", f64::midpoint(LEFT, RIGHT), BOTTOM + 29.0, &curve.axis);
    for power in range.0..=range.1 {
        let y = y(10_f64.powi(power));
        let _ = writeln!(
            out,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>"
        );
    }
    let count = curve.points.first().map_or(0, |point| point.values.len());
    let series = |index: usize| {
        let values = curve
            .points
            .iter()
            .filter_map(move |point| Some((point.size, point.values.get(index)?.1)));
        values.filter(|(_, value)| *value > 0.0)
    };
    // Names stand beside the ends of their lines, as far as there is room.
    let mut ends: Vec<(usize, f64)> =
        (0..count).filter_map(|index| Some((index, y(series(index).next_back()?.1)))).collect();
    ends.sort_by(|one, other| one.1.total_cmp(&other.1));
    for place in 1..ends.len() {
        ends[place].1 = ends[place].1.max(ends[place - 1].1 + LINE);
    }
    let beyond = ends.last().map_or(0.0, |(_, last)| (last - BOTTOM).max(0.0));
    for (index, height) in ends {
        let points: Vec<String> =
            series(index).map(|(size, value)| format!("{:.1},{:.1}", x(size), y(value))).collect();
        let colour = index % 8;
        let _ =
            writeln!(out, "<polyline class=\"line s{colour}\" points=\"{}\"/>", points.join(" "));
        for point in points.iter().filter_map(|point| point.split_once(',')) {
            let _ = writeln!(
                out,
                "<circle class=\"dot s{colour}\" cx=\"{}\" cy=\"{}\" r=\"2.4\"/>",
                point.0, point.1
            );
        }
        let name = &curve.points[0].values[index].0;
        let _ = writeln!(
            out,
            "<text class=\"s s{colour}\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            RIGHT + 10.0,
            height - beyond + 4.0,
            escaped(name)
        );
    }
}

/// A number with its thousands apart.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push('\u{2009}');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scale::curve::Point;

    #[test]
    fn every_value_has_a_line_and_a_name() {
        let point = |size, value| Point {
            size,
            values: vec![
                ("a".to_owned(), value),
                ("b & c".to_owned(), 0.5),
                ("nothing".to_owned(), 0.0),
            ],
        };
        let points = vec![point(100, 5.0), point(1_000, 50.0), point(10_000, 7.0)];
        let drawn = svg(&[Measured { title: "T".to_owned(), axis: "objects".to_owned(), points }]);
        assert_eq!(drawn.matches("<polyline").count(), 2, "{drawn}");
        assert_eq!(drawn.matches("<circle").count(), 6);
        assert!(drawn.contains(">b &amp; c<") && !drawn.contains("NaN"), "{drawn}");
        assert!(!drawn.contains("inf") && !drawn.contains("nothing"), "{drawn}");
    }

    #[test]
    fn axes_go_from_one_power_of_ten_to_another() {
        assert_eq!(decades([3.0, 40.0].into_iter()), (0, 2));
        assert_eq!(decades([10.0].into_iter()), (1, 2));
        assert_eq!(decades(std::iter::empty()), (0, 1));
    }

    #[test]
    fn thousands_stand_apart() {
        assert_eq!([grouped(7), grouped(1_234_567)], ["7", "1\u{2009}234\u{2009}567"]);
    }
}
