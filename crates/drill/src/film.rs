//! The film strip beside the timeline on the terminal: time runs down, each device has a column.
//!
//! ```text
//!            ┌ hsm-eus-1
//!            │ ┌ hsm-eus-2
//!   30.0 s   ▓ │   fault: device.hang hsm-eus-1
//!   50.0 s   ✕ │   client: hsm-eus-1 given up (silent)
//! ```

use std::{collections::BTreeSet, fmt::Write};

use hsmsim_client::record::EventRecord;
use hsmsim_sim_config::{Drill, Topology};

use crate::history::FaultSpan;

/// Columns that a terminal has room for.
const MOST: usize = 16;

/// Frames of a drill, if nothing happens.
const FRAMES: f64 = 36.0;

/// What the signs mean; two lines that fit a terminal.
const LEGEND: &str = "│ serves   ▓ device struck   ░ link struck   · given up   ✕ lost   ▲ returns\n\
                      ▶ calls move away   ◆ standby serves   ● copies delivered   ▽ not recovered";

/// What the columns show.
#[derive(Clone, Debug, Default)]
pub(crate) struct Film {
    /// Drill seconds between two frames.
    pulse_s: f64,
    devices: Vec<String>,
    faults: Vec<FaultSpan>,
    /// Process, group and device of each member that a client has given up.
    away: BTreeSet<(u32, String, String)>,
    /// The latest sign of each column since the last frame.
    signs: Vec<Option<char>>,
}

impl Film {
    /// A column for each member of the groups that the drill's workloads use.
    pub(crate) fn of(drill: &Drill, topology: &Topology) -> Self {
        let first = topology.groups.first().map(|group| group.label.as_str());
        let used: BTreeSet<&str> = drill
            .workloads
            .iter()
            .filter_map(|workload| workload.group.as_deref().or(first))
            .collect();
        let groups = topology.groups.iter().filter(|group| used.contains(group.label.as_str()));
        let members: BTreeSet<&str> =
            groups.flat_map(|group| group.members.iter().map(|it| it.device.as_str())).collect();
        let devices = topology.devices.iter().map(|device| device.id.to_string());
        let devices: Vec<String> =
            devices.filter(|id| members.contains(id.as_str())).take(MOST).collect();
        // About as many frames as a screen has lines, at round times.
        let pulse_s = (drill.duration.as_secs_f64() / FRAMES / 5.0).ceil().max(1.0) * 5.0;
        Self { pulse_s, signs: vec![None; devices.len()], devices, ..Self::default() }
    }

    /// Drill seconds between two frames.
    pub(crate) fn pulse_s(&self) -> f64 {
        self.pulse_s
    }

    /// The names over the columns, and what the signs mean.
    pub(crate) fn head(&self) -> String {
        let mut head = String::new();
        if self.devices.is_empty() {
            return head;
        }
        for line in LEGEND.lines() {
            // Writing to a string cannot fail.
            let _ = writeln!(head, "{}", line.trim_start());
        }
        for (index, device) in self.devices.iter().enumerate() {
            let _ = writeln!(head, "{:13}{}┌ {device}", "", "│ ".repeat(index));
        }
        head
    }

    /// What struck so far, or will.
    pub(crate) fn know(&mut self, faults: Vec<FaultSpan>) {
        self.faults = faults;
    }

    /// Something happened to a member.
    pub(crate) fn event(&mut self, event: &EventRecord) {
        let place = (event.pid, event.group.clone(), event.member.clone());
        let sign = match event.event.as_str() {
            "member_lost" => {
                self.away.insert(place);
                '✕'
            }
            "member_recovered" => {
                self.away.remove(&place);
                '▲'
            }
            "failover" => '▶',
            "standby_served" => '◆',
            "copy_delivered" => '●',
            "recovery_failed" => '▽',
            _ => return,
        };
        let column = self.devices.iter().position(|device| *device == event.member);
        // That a member was lost says more than that calls moved away from it.
        if let Some(shown) = column.and_then(|column| self.signs.get_mut(column))
            && !(sign == '▶' && shown.is_some())
        {
            *shown = Some(sign);
        }
    }

    /// The columns at a moment; forgets the signs.
    pub(crate) fn frame(&mut self, at_ns: u64) -> String {
        let mut frame = String::new();
        for (column, device) in self.devices.iter().enumerate() {
            let now = |span: &&FaultSpan| span.from_ns <= at_ns && at_ns < span.to_ns;
            let struck = || self.faults.iter().filter(now);
            let link = format!("client:{device}");
            let still = match () {
                () if struck().any(|span| span.devices.contains(device)) => '▓',
                () if struck().any(|span| span.links.contains(&link)) => '░',
                () if self.away.iter().any(|(.., away)| away == device) => '·',
                () => '│',
            };
            frame.push(self.signs[column].take().unwrap_or(still));
            frame.push(' ');
        }
        frame
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::testing::history;

    #[test]
    fn a_column_tells_the_story_of_its_device() {
        let drill = Drill::shipped("device-loss").unwrap();
        let mut history = history(
            "ha-dr",
            "",
            "30 failover hsm-eus-1\n30 member_lost hsm-eus-1 silent\n60 member_recovered hsm-eus-1",
        );
        history.strike("device.hang hsm-eus-1", 10, 40);
        history.strike("link.cut client:hsm-eus2-1", 20, 50);
        let mut film = Film::of(&drill, &history.topology);
        film.know(history.faults.clone());
        let mut shown = Vec::new();
        let mut events = history.events.iter().peekable();
        for ms in [0, 10, 25, 30, 35, 45, 60, 61] {
            let at_ns = ms * 1_000_000;
            while let Some(event) = events.next_if(|event| event.at_ns <= at_ns) {
                film.event(event);
            }
            shown.push(film.frame(at_ns).replace(' ', ""));
        }
        let wanted = ["││││", "▓│││", "▓│░│", "✕│░│", "▓│░│", "·│░│", "▲│││", "││││"];
        assert_eq!(shown, wanted);
        assert_eq!(film.head().lines().count(), 2 + 4);
    }

    #[test]
    fn a_large_topology_has_the_columns_of_the_groups_in_use() {
        let drill = Drill::shipped("device-loss").unwrap();
        let film = Film::of(&drill, &Topology::shipped("global").unwrap());
        assert!((1..=MOST).contains(&film.devices.len()), "{:?}", film.devices);
    }
}
