//! Reading the module's log, `2026-11-24T12:00:00.123456Z  INFO …`, so that a report can quote it.

use std::{fs, io, path::Path};

/// A line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// When it was written, in nanoseconds since 1970.
    pub at_ns: u64,
    /// What it says after the time.
    pub text: String,
}

/// The most lines that are kept; a log of single calls may be far longer than a report has use for.
const MOST: usize = 200_000;

/// Reads a log, in the order of time. Lines without a time belong to the one before them.
///
/// # Errors
/// A file that is there and cannot be read; one that is not there has no lines.
pub fn read(path: &Path) -> io::Result<Vec<LogLine>> {
    let text = match fs::read(path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut lines: Vec<LogLine> = Vec::new();
    for line in text.lines().take(MOST) {
        let timed = line.split_once(' ').and_then(|(time, rest)| Some((nanoseconds(time)?, rest)));
        match (timed, lines.last_mut()) {
            (Some((at_ns, rest)), _) => {
                lines.push(LogLine { at_ns, text: rest.trim().to_owned() });
            }
            (None, Some(last)) => {
                last.text.push('\n');
                last.text.push_str(line);
            }
            (None, None) => {}
        }
    }
    // Processes share the file, and each takes the time before it writes.
    lines.sort_by_key(|line| line.at_ns);
    Ok(lines)
}

/// Nanoseconds since 1970 of a time in UTC as RFC 3339 has it.
fn nanoseconds(time: &str) -> Option<u64> {
    let (date, clock) = time.strip_suffix('Z')?.split_once('T')?;
    let numbers = |text: &str, sign: char| -> Option<[u64; 3]> {
        let parts: Option<Vec<u64>> = text.split(sign).map(|part| part.parse().ok()).collect();
        parts?.try_into().ok()
    };
    let (whole, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    let [year, month, day] = numbers(date, '-')?;
    let [hour, minute, second] = numbers(whole, ':')?;
    let fraction = format!("{fraction:0<9}").get(..9)?.parse::<u64>().ok()?;
    let seconds = (days(year, month, day)? * 24 + hour) * 3600 + minute * 60 + second;
    seconds.checked_mul(1_000_000_000)?.checked_add(fraction)
}

/// Days since 1 January 1970, by counting years that begin in March.
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap = year / 4 - year / 100 + year / 400;
    // 719,468 days lie between 1 March of the year 0 and 1 January 1970.
    Some(365 * year + leap + (153 * month + 2) / 5 + day - 1 - 719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_that_the_log_writes() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T12:00:00.000000Z", 951_825_600),
            ("2026-11-24T23:24:29Z", 1_795_562_669),
        ] {
            assert_eq!(nanoseconds(text), Some(seconds * 1_000_000_000), "{text}");
        }
        assert_eq!(nanoseconds("1970-01-01T00:00:00.25Z"), Some(250_000_000));
        for wrong in ["", "2026-11-24", "2026-13-01T00:00:00Z", "yesterdayT00:00:00Z"] {
            assert_eq!(nanoseconds(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_line_without_a_time_belongs_to_the_one_before() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hsmsim.log");
        assert_eq!(read(&path).unwrap(), []);
        let text = "lost\n1970-01-01T00:00:02Z  WARN b\nmore\n1970-01-01T00:00:01Z  INFO a\n";
        fs::write(&path, text).unwrap();
        let lines: Vec<_> = read(&path).unwrap().into_iter().map(|line| line.text).collect();
        assert_eq!(lines, ["INFO a", "WARN b\nmore"]);
    }
}
