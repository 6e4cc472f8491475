//! The summary on the terminal.

use std::io::{self, Write};

use crate::report::Report;

impl Report {
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
