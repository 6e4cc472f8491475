//! The report: what is written to a folder, and the summary on the terminal.

use std::{fs, io, io::Write, path::Path};

use hsmsim_client::record::EventRecord;
use serde::Serialize;

use crate::{
    metrics::Metrics,
    verdict::{Expectation, Verdict},
};

/// Version of the form of `result.json`.
const SCHEMA: u32 = 1;

/// A finished run. Times are in drill milliseconds.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Version of this form.
    pub schema: u32,
    /// The verdict.
    pub verdict: Verdict,
    /// The drill's name.
    pub drill: String,
    /// The sentence that the verdict answers.
    pub hypothesis: String,
    /// The topology's name.
    pub topology: String,
    /// The seed.
    pub seed: u64,
    /// How many times faster than the clock drill time ran.
    pub time_scale: f64,
    /// How long the run took, in drill milliseconds.
    pub duration_ms: f64,
    /// Calls, codes, stalls, failovers.
    #[serde(flatten)]
    pub metrics: Metrics,
    /// Signatures verified outside the module; `None` if the application was not the drill's own.
    pub verified_signatures: Option<u64>,
    /// Keys that were acknowledged and that no member holds.
    pub lost_keys: u64,
    /// Their identities.
    pub lost_key_ids: Vec<String>,
    /// Members that lack a key that another member of their group holds, at the end.
    pub missing_copies: u64,
    /// What was wanted and what was measured.
    pub expectations: Vec<Expectation>,
    /// The timeline.
    pub timeline: Vec<Moment>,
}

/// A line of the timeline.
#[derive(Clone, Debug, Serialize)]
pub struct Moment {
    /// When, in drill milliseconds from the start.
    pub at_ms: f64,
    /// What.
    pub what: String,
}

impl Report {
    /// The form that this version writes.
    pub fn schema() -> u32 {
        SCHEMA
    }

    /// Writes `result.json`, `events.ndjson` and the drill as it was run into a folder.
    ///
    /// # Errors
    /// A folder or file that cannot be written.
    pub fn write(&self, directory: &Path, drill: &str, events: &[EventRecord]) -> io::Result<()> {
        fs::create_dir_all(directory)?;
        fs::write(directory.join("result.json"), serde_json::to_vec_pretty(self)?)?;
        fs::write(directory.join("drill.toml"), drill)?;
        let mut lines = Vec::new();
        for event in events {
            serde_json::to_writer(&mut lines, event)?;
            lines.push(b'\n');
        }
        fs::write(directory.join("events.ndjson"), lines)
    }

    /// Prints the summary.
    ///
    /// # Errors
    /// What the writer gives.
    pub fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        let seconds = |ms: f64| format!("{:.1} s", ms / 1000.0);
        let metrics = &self.metrics;
        writeln!(out)?;
        writeln!(out, "{}: {}", self.verdict.as_str().to_uppercase(), self.hypothesis)?;
        writeln!(out)?;
        let stall = seconds(metrics.stall_max_ms);
        writeln!(out, "  longest stall      {stall} of drill time")?;
        writeln!(out, "  error window       {}", seconds(metrics.error_window_max_ms))?;
        writeln!(out, "  recovery time      {}", seconds(metrics.rto_max_ms))?;
        writeln!(
            out,
            "  failovers          {} calls moved; {} members lost, {} recovered",
            metrics.failovers, metrics.members_lost, metrics.members_recovered
        )?;
        let calls = metrics.calls;
        writeln!(
            out,
            "  calls              {} ok, {} failed, {} unknown",
            calls.ok, calls.failed, calls.unknown
        )?;
        for (code, count) in &metrics.failed_codes {
            writeln!(out, "                     {count} × {code}")?;
        }
        if let Some(verified) = self.verified_signatures {
            writeln!(out, "  signatures         {verified} verified outside the module")?;
        }
        writeln!(out, "  lost keys          {}", self.lost_keys)?;
        writeln!(out)?;
        for expectation in &self.expectations {
            writeln!(
                out,
                "  {} {:<20} wanted {:<24} measured {}",
                if expectation.met { "✓" } else { "✗" },
                expectation.name,
                expectation.wanted,
                expectation.measured
            )?;
        }
        Ok(())
    }
}
