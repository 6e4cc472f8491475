//! What callgrind wrote: one file for each time that the counted function returned.

#![forbid(unsafe_code)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Begins the name of each file that is written; a dot and the number of the count follow.
const PREFIX: &str = "counts";

/// A run of `program` under callgrind that counts only what happens in the function
/// `counted`, and writes the count down each time it returns.
pub fn command(program: &Path, counted: &str, directory: &Path) -> Command {
    let mut command = Command::new("valgrind");
    command
        .args(["--quiet", "--tool=callgrind", "--collect-atstart=no"])
        .arg(format!("--toggle-collect={counted}"))
        .arg(format!("--dump-after={counted}"))
        .arg(format!("--callgrind-out-file={}", directory.join(PREFIX).display()))
        .arg(program);
    command
}

/// The counts in the order in which they were written.
///
/// # Errors
/// A sentence about the file that is missing or cannot be read.
pub fn counts(directory: &Path, expected: usize) -> Result<Vec<u64>, String> {
    (1..=expected).map(|number| read(&directory.join(format!("{PREFIX}.{number}")))).collect()
}

fn read(file: &PathBuf) -> Result<u64, String> {
    let named = |reason: &str| format!("{}: {reason}", file.display());
    let text = fs::read_to_string(file).map_err(|error| named(&error.to_string()))?;
    total(&text).ok_or_else(|| named("no total of instructions"))
}

/// The number of the line `totals:`, whose only event is Ir.
fn total(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix("totals: "))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_total_is_found_among_the_lines() {
        let text =
            "# callgrind format\nevents: Ir\nsummary: 0\n\nfn=(1) main\n1 20\ntotals: 4711\n";
        assert_eq!(total(text), Some(4711));
        assert_eq!(total("events: Ir\n"), None);
    }

    #[test]
    fn counts_come_in_their_order_and_none_is_missing() {
        let directory = tempfile::tempdir().expect("a directory");
        for number in 1..=10 {
            let file = directory.path().join(format!("{PREFIX}.{number}"));
            fs::write(file, format!("totals: {}\n", number * 100)).expect("a file");
        }
        let expected: Vec<u64> = (1..=10).map(|number| number * 100).collect();
        assert_eq!(counts(directory.path(), 10), Ok(expected));
        counts(directory.path(), 11).expect_err("there is no eleventh");
    }
}
