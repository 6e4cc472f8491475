//! The timeline as it happens, one line an event, in drill time, beside the film strip of the devices.

use std::io::{self, Write};

use hsmsim_client::record::{CallRecord, EventRecord};

use crate::{
    film::Film,
    history::FaultSpan,
    metrics::{end, failed},
    records::Batch,
    report::Moment,
};

/// Prints moments and keeps them for the report.
pub(crate) struct Timeline<'a> {
    out: &'a mut dyn Write,
    begin_ns: u64,
    time_scale: f64,
    film: Film,
    moments: Vec<Moment>,
    failovers: u64,
    failing: bool,
    /// How often calls have begun to fail.
    spells: u32,
    calls: Vec<CallRecord>,
    next_pulse_ns: u64,
    /// Lines in a row that had nothing to tell.
    idle: u32,
}

/// So often it is told that calls fail and succeed again.
const SPELLS: u32 = 5;
/// Of lines that say nothing new so many are shown.
const IDLE: u32 = 3;

impl<'a> Timeline<'a> {
    /// Prints the head of the film.
    pub(crate) fn new(
        out: &'a mut dyn Write,
        begin_ns: u64,
        time_scale: f64,
        film: Film,
    ) -> io::Result<Self> {
        write!(out, "{}", film.head())?;
        let mut timeline = Self {
            out,
            begin_ns,
            time_scale,
            film,
            moments: Vec::new(),
            failovers: 0,
            failing: false,
            spells: 0,
            calls: Vec::new(),
            next_pulse_ns: 0,
            idle: 0,
        };
        timeline.next_pulse_ns = begin_ns + timeline.real_ns(timeline.film.pulse_s());
        Ok(timeline)
    }

    /// What struck so far, for the film.
    pub(crate) fn know(&mut self, faults: Vec<FaultSpan>) {
        self.film.know(faults);
    }

    fn real_ns(&self, drill_seconds: f64) -> u64 {
        (drill_seconds * 1e9 / self.time_scale) as u64
    }

    fn drill_ms(&self, at_ns: u64) -> f64 {
        at_ns.saturating_sub(self.begin_ns) as f64 * self.time_scale / 1e6
    }

    /// A line of its own.
    pub(crate) fn mark(&mut self, at_ns: u64, what: impl Into<String>) -> io::Result<()> {
        self.due(at_ns)?;
        let (at_ms, what) = (self.drill_ms(at_ns), what.into());
        self.line(at_ns, &what)?;
        self.idle = 0;
        self.moments.push(Moment { at_ms, what });
        Ok(())
    }

    fn line(&mut self, at_ns: u64, what: &str) -> io::Result<()> {
        let (seconds, frame) = (self.drill_ms(at_ns) / 1000.0, self.film.frame(at_ns));
        writeln!(self.out, "{seconds:>8.1} s   {frame} {what}")?;
        self.out.flush()
    }

    /// What the records have brought since the last look.
    pub(crate) fn follow(&mut self, batch: &Batch, now_ns: u64) -> io::Result<()> {
        for event in &batch.events {
            self.event(event)?;
        }
        for call in &batch.calls {
            let fails = failed(call);
            // What no device has answered, such as the closing of a session, does not show that things work
            // again.
            if !fails && call.member.is_empty() {
                continue;
            }
            if fails && !self.failing {
                self.spells += 1;
            }
            match (fails, self.failing) {
                (true, false) if self.spells == SPELLS + 1 => {
                    self.mark(end(call), "errors come and go; from here on they are only counted")?;
                }
                _ if self.spells > SPELLS => {}
                (true, false) => {
                    let what = format!("first error: {} gives {}", call.function, call.code);
                    self.mark(end(call), what)?;
                }
                (false, true) => {
                    let what = format!("{} succeeds again", call.function);
                    self.mark(end(call), what)?;
                }
                _ => {}
            }
            self.failing = fails;
        }
        self.due(now_ns)?;
        self.calls.extend_from_slice(&batch.calls);
        Ok(())
    }

    /// The lines that are due before a moment. In virtual time nobody looks while all calls wait, so
    /// there may be several.
    fn due(&mut self, at_ns: u64) -> io::Result<()> {
        while at_ns >= self.next_pulse_ns {
            self.pulse()?;
        }
        Ok(())
    }

    fn event(&mut self, event: &EventRecord) -> io::Result<()> {
        self.due(event.at_ns)?;
        self.film.event(event);
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

    /// How things are: calls a second of the clock, the longest call, errors since the last such line.
    fn pulse(&mut self) -> io::Result<()> {
        let (at_ns, length) = (self.next_pulse_ns, self.real_ns(self.film.pulse_s()));
        self.next_pulse_ns += length;
        let calls = std::mem::take(&mut self.calls);
        self.idle = if calls.is_empty() { self.idle + 1 } else { 0 };
        if self.idle > IDLE {
            return Ok(());
        }
        let rate = calls.len() as f64 * 1e9 / length as f64;
        let longest = calls.iter().map(|call| call.took_ns).max().unwrap_or(0) as f64;
        let longest = longest * self.time_scale / 1e6;
        let (second, drill) = if self.time_scale > 1.0 { ("real s", "drill ") } else { ("s", "") };
        let mut line = format!("· {rate:>5.0} calls / {second}");
        if !calls.is_empty() {
            line += &match longest {
                ms if ms < 10_000.0 => format!(", longest {ms:.0} {drill}ms"),
                ms => format!(", longest {:.1} {drill}s", ms / 1000.0),
            };
        }
        let errors = calls.iter().filter(|call| failed(call)).count();
        if errors > 0 {
            line += &format!(", {errors} failed");
        }
        self.line(at_ns, &line)
    }

    pub(crate) fn into_moments(self) -> Vec<Moment> {
        self.moments
    }
}
