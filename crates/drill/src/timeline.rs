//! The timeline as it happens, one line an event, in drill time, beside the film strip of the devices.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Write},
};

use hsmsim_client::record::{CallRecord, EventRecord};

use crate::{
    film::Film,
    history::FaultSpan,
    metrics::{end, failed_by_cluster},
    records::Batch,
    report::{Moment, counted},
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
    /// What clients have found since the last fault, by its words, and in which processes.
    found: BTreeMap<String, Processes>,
    /// How often calls have begun to fail.
    spells: u32,
    calls: Vec<CallRecord>,
    next_pulse_ns: u64,
    /// Lines in a row that had nothing to tell.
    idle: u32,
}

/// The processes that found the same.
#[derive(Default)]
struct Processes {
    /// Those whose every find is told.
    told: BTreeSet<u32>,
    /// The others, which are counted.
    more: BTreeSet<u32>,
}

/// Of the processes that find the same so many are told one by one: where a program is started anew for
/// each signature, every one of them finds out for itself.
const PROCESSES: usize = 5;
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
            found: BTreeMap::new(),
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
        let what = what.into();
        // What is found from here on is found of another fault.
        if what.starts_with("fault:") {
            self.sum_up(at_ns)?;
        }
        self.tell(at_ns, what)
    }

    fn tell(&mut self, at_ns: u64, what: String) -> io::Result<()> {
        self.due(at_ns)?;
        let at_ms = self.drill_ms(at_ns);
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
            // What a call fault answers does not show how things are.
            if !call.call_fault.is_empty() {
                continue;
            }
            let fails = failed_by_cluster(call);
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
        let EventRecord { group, member, detail, .. } = event;
        let (what, detail) = match event.event.as_str() {
            "member_lost" => (format!("{member} given up"), format!(" ({detail})")),
            "group_lost" => (format!("every member of {group} is lost"), String::new()),
            "member_recovered" => (format!("{member} takes part again"), format!(" ({detail})")),
            "recovery_failed" => (format!("{member} not recovered"), format!(": {detail}")),
            "standby_served" => (format!("standby {member} serves"), String::new()),
            "multi_part_lost" => {
                ("a multi-part operation ended with its member".to_owned(), String::new())
            }
            "not_replicated" => (format!("{member} refuses a copy"), format!(": {detail}")),
            "failover" => {
                self.failovers += 1;
                if self.failovers > 1 {
                    return Ok(());
                }
                (format!("calls move from {member} to another member"), String::new())
            }
            _ => return Ok(()),
        };
        let line = format!("client: {what}{detail}");
        let processes = self.found.entry(what).or_default();
        if processes.told.len() < PROCESSES {
            processes.told.insert(event.pid);
        }
        if !processes.told.contains(&event.pid) {
            processes.more.insert(event.pid);
            return Ok(());
        }
        self.tell(event.at_ns, line)
    }

    /// Tells how many processes have found what was not told one by one.
    fn sum_up(&mut self, at_ns: u64) -> io::Result<()> {
        for (what, Processes { more, .. }) in std::mem::take(&mut self.found) {
            if !more.is_empty() {
                let more = counted(more.len() as u64, "more process", "more processes");
                self.tell(at_ns, format!("client: {what}, in {more}"))?;
            }
        }
        Ok(())
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
        let errors = calls.iter().filter(|call| failed_by_cluster(call)).count();
        if errors > 0 {
            line += &format!(", {errors} failed");
        }
        let struck = calls.iter().filter(|call| !call.call_fault.is_empty()).count();
        if struck > 0 {
            line += &format!(", {struck} struck");
        }
        self.line(at_ns, &line)
    }

    /// Tells what is left to tell, and gives all that was told. `at_ns`: the end of the run.
    pub(crate) fn into_moments(mut self, at_ns: u64) -> io::Result<Vec<Moment>> {
        self.sum_up(at_ns)?;
        Ok(self.moments)
    }
}

#[cfg(test)]
mod tests {
    use hsmsim_sim_config::Drill;

    use super::*;
    use crate::history::testing::history;

    const MS: u64 = 1_000_000;

    #[test]
    fn what_every_short_lived_process_finds_is_told_of_a_few_and_counted_of_the_rest() {
        let events = |from: u64, pids: std::ops::Range<u32>| {
            let lines: Vec<String> = (from..)
                .zip(pids.clone())
                .map(|(ms, _)| format!("{ms} member_lost hsm-eus-1 silent"))
                .collect();
            let mut events = history("ha-pair", "", &lines.join("\n")).events;
            events.iter_mut().zip(pids).for_each(|(event, pid)| event.pid = pid);
            Batch { calls: Vec::new(), events }
        };
        let drill = Drill::shipped("device-loss").unwrap();
        let film = Film::of(&drill, &history("ha-pair", "", "").topology);
        let mut said = Vec::new();
        let mut timeline = Timeline::new(&mut said, 0, 1.0, film).unwrap();
        timeline.mark(0, "fault: device.hang hsm-eus-1").unwrap();
        timeline.follow(&events(1, 1..101), 200 * MS).unwrap();
        // One that was told is told again, however many there are.
        timeline.follow(&events(210, 3..4), 210 * MS).unwrap();
        timeline.mark(300 * MS, "fault: device.hang hsm-eus-1").unwrap();
        timeline.follow(&events(301, 101..107), 400 * MS).unwrap();
        let moments = timeline.into_moments(500 * MS).unwrap();
        let told: Vec<(f64, &str)> =
            moments.iter().map(|it| (it.at_ms, it.what.as_str())).collect();
        let lost = "client: hsm-eus-1 given up (silent)";
        let fault = "fault: device.hang hsm-eus-1";
        let wanted = [
            (0.0, fault),
            (1.0, lost),
            (2.0, lost),
            (3.0, lost),
            (4.0, lost),
            (5.0, lost),
            (210.0, lost),
            (300.0, "client: hsm-eus-1 given up, in 95 more processes"),
            (300.0, fault),
            (301.0, lost),
            (302.0, lost),
            (303.0, lost),
            (304.0, lost),
            (305.0, lost),
            (500.0, "client: hsm-eus-1 given up, in 1 more process"),
        ];
        assert_eq!(told, wanted);
        assert_eq!(
            String::from_utf8(said).unwrap().matches("given up").count(),
            5 + 1 + 1 + 5 + 1 + 1
        );
    }
}
