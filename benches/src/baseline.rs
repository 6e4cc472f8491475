//! Instructions a call, and the committed file that they are compared with.
//!
//! The file is TOML, a line for each case, and says which compiler it was counted with: another
//! compiler makes other code, and then the file has to be renewed.

#![forbid(unsafe_code)]

use std::{collections::BTreeMap, fmt, fmt::Write as _};

use serde::Deserialize;

/// Part of the baseline by which a count may differ from it.
pub const TOLERANCE: f64 = 0.05;

/// What stands at the head of the file.
const HEAD: &str = "\
# Instructions a call costs on its way through the module, debug profile, x86-64, the bare primitive
# taken off where a case has one. `make instructions` compares with this file and fails where a
# count grew by more than 5 %; `target/debug/hsmsim-instructions --bless` writes it anew, to be
# committed with the change that made it so.
";

/// The counts that were committed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// Line of `rustc --version` of the compiler that made the code.
    pub rustc: String,
    /// Instructions a call of each case.
    pub calls: BTreeMap<String, u64>,
}

/// What became of a count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As it was, within the tolerance.
    Same,
    /// More than the tolerance allows.
    Grown,
    /// Less, so that the baseline would hide a later growth.
    Shrunk,
    /// The baseline does not know this case.
    New,
}

impl Verdict {
    /// Compares a count with the baseline's.
    pub fn of(count: u64, baseline: Option<u64>) -> Self {
        let Some(baseline) = baseline else { return Self::New };
        let (count, baseline) = (count as f64, baseline as f64);
        if count > baseline * (1.0 + TOLERANCE) {
            Self::Grown
        } else if count < baseline * (1.0 - TOLERANCE) {
            Self::Shrunk
        } else {
            Self::Same
        }
    }

    /// Whether the baseline has to be written anew before the count passes.
    pub fn fails(self) -> bool {
        matches!(self, Self::Grown | Self::New)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Same => "",
            Self::Grown => "GROWN",
            Self::Shrunk => "shrunk",
            Self::New => "NEW",
        })
    }
}

impl Baseline {
    /// Reads the committed file.
    ///
    /// # Errors
    /// What the parser says.
    pub fn parse(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| error.to_string())
    }

    /// The file's text, in the order of `counts`.
    pub fn text(rustc: &str, counts: &[(String, u64)]) -> String {
        let mut text = format!("{HEAD}rustc = {rustc:?}\n\n[calls]\n");
        for (case, count) in counts {
            let _ = writeln!(text, "{case:?} = {count}");
        }
        text
    }

    /// Cases of the file that nobody counts any more.
    pub fn forgotten<'a>(&'a self, counts: &'a [(String, u64)]) -> impl Iterator<Item = &'a str> {
        let counted = |case: &&String| !counts.iter().any(|(name, _)| name == *case);
        self.calls.keys().filter(counted).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_of_a_hundred_more_pass_and_six_do_not() {
        assert_eq!(Verdict::of(105, Some(100)), Verdict::Same);
        assert_eq!(Verdict::of(106, Some(100)), Verdict::Grown);
        assert_eq!(Verdict::of(95, Some(100)), Verdict::Same);
        assert_eq!(Verdict::of(94, Some(100)), Verdict::Shrunk);
        assert_eq!(Verdict::of(1, None), Verdict::New);
        let fails = [Verdict::Same, Verdict::Shrunk, Verdict::Grown, Verdict::New];
        assert_eq!(fails.map(Verdict::fails), [false, false, true, true]);
    }

    #[test]
    fn what_is_written_is_read() {
        let counts = [("find \"it\"".to_owned(), 7), ("digest".to_owned(), 12)];
        let baseline = Baseline::parse(&Baseline::text("rustc 1.95.0", &counts)).expect("reads");
        assert_eq!(baseline.rustc, "rustc 1.95.0");
        assert_eq!(baseline.calls, BTreeMap::from(counts.clone()));
        assert_eq!(baseline.forgotten(&counts[1..]).collect::<Vec<_>>(), ["find \"it\""]);
        Baseline::parse("rustc = \"x\"\ncals = {}").expect_err("a key that is no key");
    }
}
