//! The one error of this crate: where in which file, and what is wrong with it.

use std::fmt;

/// A configuration that cannot be used, with the place in the file that says so.
///
/// Shown as `file:line:column: message`, the form editors and CI systems make a link of. Texts that
/// do not come from a file (a fault on the command line) have no place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    file: String,
    line: usize,
    column: usize,
    message: String,
}

impl ConfigError {
    /// An error that concerns no particular place: an unknown name, a file that cannot be read.
    pub fn new(message: impl Into<String>) -> Self {
        Self { file: String::new(), line: 0, column: 0, message: message.into() }
    }

    /// An error that concerns a whole file.
    pub fn in_file(file: impl Into<String>, message: impl Into<String>) -> Self {
        Self { file: file.into(), line: 0, column: 0, message: message.into() }
    }

    pub(crate) fn at(file: &str, line: usize, column: usize, message: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line, column, message: message.into() }
    }

    /// The file as it was named when it was opened; empty where there is none.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The line, counted from 1; 0 where no line can be named.
    pub fn line(&self) -> usize {
        self.line
    }

    /// The column in characters, counted from 1; 0 where no column can be named.
    pub fn column(&self) -> usize {
        self.column
    }

    /// What is wrong, in one sentence, without the place.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.file.is_empty(), self.line) {
            (true, _) => f.write_str(&self.message),
            (false, 0) => write!(f, "{}: {}", self.file, self.message),
            (false, line) => {
                write!(f, "{}:{}:{}: {}", self.file, line, self.column, self.message)
            }
        }
    }
}

impl std::error::Error for ConfigError {}

/// Names that a message lists when none is near.
const NAMES_LISTED: usize = 20;

/// The candidate that a writer most likely meant, if any is close enough to be worth suggesting.
pub(crate) fn nearest<'c>(
    word: &str,
    candidates: impl IntoIterator<Item = &'c str>,
) -> Option<&'c str> {
    let lower = word.to_lowercase();
    candidates
        .into_iter()
        .map(|c| (likeness(&lower, &c.to_lowercase()), c))
        .filter(|(likeness, _)| *likeness >= 0.45)
        // On a tie the first candidate stays, so the answer does not depend on the iterator's end.
        .fold(None, |best: Option<(f64, &str)>, one| match best {
            Some(b) if b.0 >= one.0 => Some(b),
            _ => Some(one),
        })
        .map(|(_, c)| c)
}

/// From 0 to 1. An abbreviation counts as very like, however much it leaves out.
fn likeness(word: &str, candidate: &str) -> f64 {
    let edits = strsim::normalized_damerau_levenshtein(word, candidate);
    match word.len() >= 3 && candidate.starts_with(word) {
        true => edits.max(0.9),
        false => edits,
    }
}

/// The end of a "there is no such thing" sentence: the nearest name, or the list of all.
pub fn suggestion<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str> + Clone) -> String {
    match nearest(word, candidates.clone()) {
        Some(near) => format!("did you mean \"{near}\"?"),
        None => {
            let all: Vec<&str> = candidates.into_iter().collect();
            match all.get(..NAMES_LISTED) {
                Some(first) if all.len() > NAMES_LISTED => {
                    format!("known: {}, … ({} in all)", first.join(", "), all.len())
                }
                _ => format!("known: {}", all.join(", ")),
            }
        }
    }
}
