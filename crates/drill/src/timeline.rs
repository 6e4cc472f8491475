//! The timeline as it happens, one line an event, in drill time.

use std::io::{self, Write};

use hsmsim_client::record::{CallRecord, EventRecord};

use crate::{metrics::failed, records::Batch, report::Moment};

/// Prints moments and keeps them for the report.
pub(crate) struct Timeline<'a> {
    out: &'a mut dyn Write,
    begin_ns: u64,
    time_scale: f64,
    moments: Vec<Moment>,
    failovers: u64,
    failing: bool,
    calls: Vec<CallRecord>,
    next_pulse_ns: u64,
}

/// Drill seconds between two lines that only say how things are.
const PULSE_S: f64 = 15.0;

impl<'a> Timeline<'a> {
    pub(crate) fn new(out: &'a mut dyn Write, begin_ns: u64, time_scale: f64) -> Self {
        let mut timeline = Self {
            out,
            begin_ns,
            time_scale,
            moments: Vec::new(),
            failovers: 0,
            failing: false,
            calls: Vec::new(),
            next_pulse_ns: 0,
        };
        timeline.next_pulse_ns = begin_ns + timeline.real_ns(PULSE_S);
        timeline
    }

    fn real_ns(&self, drill_seconds: f64) -> u64 {
        (drill_seconds * 1e9 / self.time_scale) as u64
    }

    fn drill_ms(&self, at_ns: u64) -> f64 {
        at_ns.saturating_sub(self.begin_ns) as f64 * self.time_scale / 1e6
    }

    /// A line of its own.
    pub(crate) fn mark(&mut self, at_ns: u64, what: impl Into<String>) -> io::Result<()> {
        let (at_ms, what) = (self.drill_ms(at_ns), what.into());
        writeln!(self.out, "{:>8.1} s  {what}", at_ms / 1000.0)?;
        self.out.flush()?;
        self.moments.push(Moment { at_ms, what });
        Ok(())
    }

    /// What the records have brought since the last look.
    pub(crate) fn follow(&mut self, batch: &Batch, now_ns: u64) -> io::Result<()> {
        for event in &batch.events {
            self.event(event)?;
        }
        for call in &batch.calls {
            let fails = failed(call);
            if fails && !self.failing {
                self.mark(
                    call.at_ns,
                    format!("first error: {} gives {}", call.function, call.code),
                )?;
            } else if !fails && self.failing {
                self.mark(call.at_ns + call.took_ns, format!("{} succeeds again", call.function))?;
            }
            self.failing = fails;
        }
        self.calls.extend_from_slice(&batch.calls);
        if now_ns >= self.next_pulse_ns {
            self.pulse(now_ns)?;
        }
        Ok(())
    }

    fn event(&mut self, event: &EventRecord) -> io::Result<()> {
        let line = match event.event.as_str() {
            "member_lost" => format!("client: {} given up ({})", event.member, event.detail),
            "group_lost" => format!("client: every member of {} is lost", event.group),
            "member_recovered" => {
                format!("client: {} takes part again ({})", event.member, event.detail)
            }
            "recovery_failed" => {
                format!("client: {} not recovered: {}", event.member, event.detail)
            }
            "standby_served" => format!("client: standby {} serves", event.member),
            "multi_part_lost" => "client: a multi-part operation ended with its member".to_owned(),
            "not_replicated" => {
                format!("client: {} refuses a copy: {}", event.member, event.detail)
            }
            "failover" => {
                self.failovers += 1;
                if self.failovers > 1 {
                    return Ok(());
                }
                format!("client: calls move from {} to another member", event.member)
            }
            _ => return Ok(()),
        };
        self.mark(event.at_ns, line)
    }

    /// How things are: calls a second, the longest call, errors since the last such line.
    fn pulse(&mut self, now_ns: u64) -> io::Result<()> {
        let since = self.next_pulse_ns - self.real_ns(PULSE_S);
        let seconds = (now_ns - since) as f64 / 1e9;
        let calls = std::mem::take(&mut self.calls);
        let errors = calls.iter().filter(|call| failed(call)).count();
        let longest = calls.iter().map(|call| call.took_ns).max().unwrap_or(0) as f64 / 1e6;
        self.next_pulse_ns = now_ns + self.real_ns(PULSE_S);
        let rate = calls.len() as f64 / seconds;
        self.mark(
            now_ns,
            format!(
                "· {rate:.0} calls a real second, longest {longest:.0} real ms, {errors} errors"
            ),
        )
    }

    pub(crate) fn into_moments(self) -> Vec<Moment> {
        self.moments
    }
}
