//! The summary on the terminal.

use std::io::{self, Write};

use crate::{phases::PhaseStats, report::Report};

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
        if let Some(aborted) = &self.aborted {
            writeln!(out, "stopped early: {aborted}")?;
        }
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
        if metrics.scripted > 0 {
            let struck = metrics.scripted;
            writeln!(out, "                     {struck} more, which call faults struck")?;
        }
        for (code, count) in &metrics.failed_codes {
            writeln!(out, "                     {count} × {code}")?;
        }
        let load = self.load;
        writeln!(
            out,
            "  load               {:.0} a second; half within {}, 99 of 100 within {}",
            load.per_second,
            short(Some(load.p50_ms)),
            short(Some(load.p99_ms))
        )?;
        if load.missed > 0 {
            writeln!(out, "                     {} were due and never began", load.missed)?;
        }
        if let Some(verified) = self.verified_signatures {
            writeln!(out, "  signatures         {verified} verified outside the module")?;
        }
        writeln!(out, "  lost keys          {}", self.lost_keys)?;
        if let (Some(keys @ 1..), Some(age)) = (self.rpo_keys, self.rpo_age_ms) {
            let (word, age) = (if keys == 1 { "key" } else { "keys" }, seconds(age));
            writeln!(
                out,
                "  recovery point     {keys} {word} on no member left when a fault struck, for {age}"
            )?;
        }
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
        self.print_comparison(out)
    }

    /// The phases beside those of the control run.
    fn print_comparison(&self, out: &mut dyn Write) -> io::Result<()> {
        let Some(control) = &self.control else { return Ok(()) };
        writeln!(out, "\n  against {} (seed {}):", control.source, control.seed)?;
        let second = if self.time_scale > 1.0 { "real s" } else { "s" };
        for own in &self.phases {
            let (name, phase) = (&own.workload, own.phase.as_str());
            let same = |it: &&PhaseStats| (&it.workload, it.phase) == (&own.workload, own.phase);
            let Some(other) = control.phases.iter().find(same) else {
                writeln!(out, "  {name} {phase}: no such calls there")?;
                continue;
            };
            writeln!(
                out,
                "  {name:<12} {phase:<6}  {:>6.0} : {:<6.0} answers / {second}   p50 {:>7} : {:<7}  p99 {:>7} \
                 : {:<7}",
                own.answers_per_s,
                other.answers_per_s,
                short(own.p50_ms),
                short(other.p50_ms),
                short(own.p99_ms),
                short(other.p99_ms),
            )?;
        }
        Ok(())
    }
}

/// A length in milliseconds, in seven characters.
fn short(ms: Option<f64>) -> String {
    match ms {
        None => "–".to_owned(),
        Some(ms) if ms >= 1000.0 => format!("{:.1} s", ms / 1000.0),
        Some(ms) if ms >= 10.0 => format!("{ms:.0} ms"),
        Some(ms) => format!("{ms:.2} ms"),
    }
}
