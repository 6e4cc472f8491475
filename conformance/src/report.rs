//! What a run found.

use std::{collections::BTreeMap, fmt::Write as _};

use cryptoki_sys::{CK_INFO, CKR_OK};
use hsmsim_types::names;
use serde::{Deserialize, Serialize};

use crate::{
    call,
    case::Outcome,
    groups,
    module::{Module, Target},
};

/// A case and what became of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Finding {
    /// Its group.
    pub group: String,
    /// Its id.
    pub id: String,
    /// The chapter.
    pub chapter: String,
    /// The sentence.
    pub statement: String,
    /// What became of it.
    pub outcome: Outcome,
    /// What was seen instead, or what is not there.
    pub detail: String,
    /// Functions that answered CKR_OK in it.
    #[serde(default)]
    pub succeeded: Vec<String>,
}

/// A run over one module.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Report {
    /// What the module was asked under.
    pub target: Option<Target>,
    /// libraryDescription and libraryVersion.
    pub library: String,
    /// Version of the newest function list.
    pub cryptoki: String,
    /// Mechanisms that the module lists and no case asks about.
    pub unasked: Vec<String>,
    /// All cases, in order.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Asks the module what it is.
    pub(crate) fn describe(&mut self, module: &Module) {
        // SAFETY: plain numbers and bytes, for which zero is a value.
        let mut info: CK_INFO = unsafe { std::mem::zeroed() };
        if call!(module, C_GetInfo(&mut info)) == CKR_OK {
            let text = String::from_utf8_lossy(&info.libraryDescription).trim_end().to_owned();
            let version = info.libraryVersion;
            self.library = format!("{text} {}.{}", version.major, version.minor);
        }
        let version = module.list.version;
        self.cryptoki = format!("{}.{}", version.major, version.minor);
        let unasked = module.mechanisms().into_iter().filter(|&kind| !groups::asks_about(kind));
        self.unasked = unasked.map(|kind| names::or_hex(names::mechanism, kind)).collect();
    }

    /// How many cases ended so.
    pub fn count(&self, outcome: Outcome) -> usize {
        self.findings.iter().filter(|finding| finding.outcome == outcome).count()
    }

    /// Each function that answered CKR_OK in a case that passed, and in how many.
    pub fn succeeded(&self) -> BTreeMap<&str, usize> {
        let mut counts = BTreeMap::new();
        for finding in self.findings.iter().filter(|finding| finding.outcome == Outcome::Pass) {
            for function in &finding.succeeded {
                *counts.entry(function.as_str()).or_default() += 1;
            }
        }
        counts
    }

    /// What failed.
    pub fn failures(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.outcome == Outcome::Fail)
    }

    /// One line a group, one for each failure.
    pub fn table(&self) -> String {
        let mut text = String::new();
        let mut line = |group: &str, counts: [usize; 3]| {
            let [pass, fail, unsupported] = counts;
            let _ = writeln!(text, "{group:24} {pass:5} {fail:5} {unsupported:12}");
        };
        for (group, counts) in self.by_group() {
            line(group, counts);
        }
        line("all", [Outcome::Pass, Outcome::Fail, Outcome::Unsupported].map(|o| self.count(o)));
        let mut whole = format!("{} (PKCS#11 {})\n", self.library, self.cryptoki);
        let _ = writeln!(whole, "{:24} {:>5} {:>5} {:>12}", "group", "pass", "fail", "unsupported");
        whole.push_str(&text);
        for finding in self.failures() {
            let Finding { id, chapter, statement, detail, .. } = finding;
            let _ = writeln!(whole, "FAIL {id} ({chapter}): {statement}\n     {detail}");
        }
        if !self.unasked.is_empty() {
            let _ = writeln!(whole, "listed without a case: {}", self.unasked.join(", "));
        }
        whole
    }

    fn by_group(&self) -> Vec<(&str, [usize; 3])> {
        let mut groups: Vec<(&str, [usize; 3])> = Vec::new();
        for finding in &self.findings {
            if groups.last().is_none_or(|last| last.0 != finding.group) {
                groups.push((&finding.group, [0; 3]));
            }
            if let Some((_, counts)) = groups.last_mut() {
                counts[match finding.outcome {
                    Outcome::Pass => 0,
                    Outcome::Fail => 1,
                    Outcome::Unsupported => 2,
                }] += 1;
            }
        }
        groups
    }
}

/// The tables of `docs/conformance.md`: what each of several modules does.
pub fn page(reports: &[(String, Report)]) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "| module | library says | PKCS#11 | pass | fail | unsupported |");
    let _ = writeln!(text, "|---|---|---|---|---|---|");
    for (name, report) in reports {
        let [pass, fail, none] =
            [Outcome::Pass, Outcome::Fail, Outcome::Unsupported].map(|o| report.count(o));
        let Report { library, cryptoki, .. } = report;
        let _ = writeln!(text, "| {name} | {library} | {cryptoki} | {pass} | {fail} | {none} |");
    }
    let _ = writeln!(text, "\nPass / fail / unsupported by group:\n");
    let names: Vec<&str> = reports.iter().map(|(name, _)| name.as_str()).collect();
    let _ = writeln!(text, "| group | {} |", names.join(" | "));
    let _ = writeln!(text, "|---|{}", "---|".repeat(names.len()));
    for group in groups::NAMES {
        let cells: Vec<String> = reports
            .iter()
            .map(|(_, report)| {
                let counts = report.by_group().into_iter().find(|row| row.0 == *group);
                let [pass, fail, none] = counts.map_or([0; 3], |row| row.1);
                format!("{pass} / {fail} / {none}")
            })
            .collect();
        let _ = writeln!(text, "| {group} | {} |", cells.join(" | "));
    }
    let mut failing: BTreeMap<&str, (&Finding, Vec<&str>)> = BTreeMap::new();
    for (name, report) in reports {
        for finding in report.failures() {
            failing.entry(&finding.id).or_insert((finding, Vec::new())).1.push(name);
        }
    }
    let _ = writeln!(text, "\nCases that a module fails:\n");
    let _ = writeln!(text, "| case | chapter | statement | fails |\n|---|---|---|---|");
    for (id, (finding, who)) in failing {
        let Finding { chapter, statement, .. } = finding;
        let _ = writeln!(text, "| `{id}` | {chapter} | {statement} | {} |", who.join(", "));
    }
    text
}
