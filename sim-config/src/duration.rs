//! Durations as people write them: `20s`, `1.55ms`, `90s`, `2m`.

use std::time::Duration;

/// Units with their length in nanoseconds, longest first; the order serves [`format_duration`].
const UNITS: [(&str, u64); 6] = [
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

/// The longest duration accepted: ten years, far beyond any drill and far below overflow.
const LONGEST: Duration = Duration::from_secs(10 * 366 * 24 * 3600);

/// Reads a number with a unit: `ns`, `us` (or `µs`), `ms`, `s`, `m`, `h`. Parts may be joined
/// (`1m30s`), and a bare `0` needs no unit.
///
/// # Errors
/// A sentence that says what was expected, when the text is no such duration.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || {
        format!(
            "\"{text}\" is not a duration; write a number with a unit, like \"1.55ms\", \"20s\" or \"2m\""
        )
    };
    let mut rest = text.trim();
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    if rest.is_empty() {
        return Err(wrong());
    }
    let mut nanos: u128 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(wrong)?;
        let (number, tail) = rest.split_at(digits);
        let letters = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let unit = if unit == "µs" { "us" } else { unit };
        let (_, length) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?;
        nanos += decimal_times(number, *length).ok_or_else(wrong)?;
        rest = tail;
    }
    match u64::try_from(nanos) {
        Ok(n) if Duration::from_nanos(n) <= LONGEST => Ok(Duration::from_nanos(n)),
        _ => Err(format!("\"{text}\" is longer than ten years")),
    }
}

/// `number × unit`, exactly, because a float would turn 1.55 ms into 1.549999.
fn decimal_times(number: &str, unit: u64) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() || whole.len() > 12 || fraction.len() > 12 {
        return None;
    }
    if number.contains('.') && fraction.is_empty() {
        return None;
    }
    let unit = u128::from(unit);
    let mut sum = whole.parse::<u128>().ok()? * unit;
    if !fraction.is_empty() {
        let places = u32::try_from(fraction.len()).ok()?;
        sum += fraction.parse::<u128>().ok()? * unit / 10u128.pow(places);
    }
    Some(sum)
}

/// Writes a duration so that [`parse_duration`] reads the same one back: `90s`, `1.55ms`, `2m`.
pub fn format_duration(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    if nanos == 0 {
        return "0s".to_owned();
    }
    // Minutes and hours only when they come out even: 90 s reads better than 1.5 m.
    let unit = UNITS.iter().find(|(name, length)| {
        let length = u128::from(*length);
        match *name {
            "h" | "m" => nanos.is_multiple_of(length),
            _ => nanos >= length,
        }
    });
    let (name, length) = *unit.unwrap_or(&("ns", 1));
    let length = u128::from(length);
    let (whole, rest) = (nanos / length, nanos % length);
    if rest == 0 {
        return format!("{whole}{name}");
    }
    let places = length.ilog10() as usize;
    let fraction = format!("{rest:0places$}");
    format!("{whole}.{}{name}", fraction.trim_end_matches('0'))
}
