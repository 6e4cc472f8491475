//! The timeline picture: a lane for the drill, for each device of each region and for its link to the
//! client, and for what the application noticed.

use std::collections::BTreeMap;

use hsmsim_client::record::EventRecord;
use hsmsim_sim_config::Device;
use maud::{Markup, html};

use super::{
    axis::{Axis, LEFT, RIGHT, WIDTH, at, bar, counted, duration, moment, n},
    marks::{self, Mark},
};
use crate::{
    history::{FaultSpan, History},
    keys::owed_ids,
    metrics::{error_window, recovery, unscripted},
    report::Report,
};

const DEVICE: f64 = 62.0;
const LINK: f64 = 20.0;
const REGION: f64 = 24.0;
const GAP: f64 = 3.0;
/// Units between two bars that can still be told apart.
const NEAR: f64 = 2.0;

/// Collects lanes from top to bottom.
struct Picture<'a> {
    history: &'a History,
    axis: &'a Axis,
    y: f64,
    lanes: Vec<Markup>,
}

/// The picture.
pub(super) fn draw(report: &Report, history: &History, axis: &Axis) -> Markup {
    let mut picture = Picture { history, axis, y: 4.0, lanes: Vec::new() };
    picture.drill(report);
    let mut regions: Vec<&str> = Vec::new();
    for device in &history.topology.devices {
        let region = device.place.region.as_str();
        if !regions.contains(&region) {
            regions.push(region);
        }
    }
    for region in regions {
        picture.region(region);
        for device in &history.topology.devices {
            if device.place.region.as_str() == region {
                picture.device(device);
                picture.link("link to client", &format!("client:{}", device.id));
            }
        }
    }
    picture.links_between_devices();
    picture.application();
    let bottom = picture.y;
    let summary = format!(
        "Timeline of {} with {}. Every band and mark can be reached with the tab key; the same \
         is told in words in the tables below.",
        moment(axis.seconds() * 1000.0),
        counted(history.faults.len() as u64, "fault", "faults")
    );
    html! {
        svg.chart viewBox={ "0 0 " (n(WIDTH)) " " (n(bottom + 22.0)) } role="group"
            aria-label=(summary) data-top="0" data-bottom=(n(bottom)) {
            (axis.draw(2.0, bottom))
            @for lane in &picture.lanes { (lane) }
            (axis.load_end(4.0, bottom, "load ends"))
        }
    }
}

impl Picture<'_> {
    fn lane(&mut self, class: &str, label: &str, note: &str, height: f64, inner: &Markup) {
        let (y, middle) = (self.y, self.y + height / 2.0);
        self.lanes.push(html! {
            rect class={ "lane " (class) } x=(n(LEFT)) y=(n(y)) width=(n(RIGHT - LEFT)) height=(n(height)) {}
            @if note.is_empty() {
                text class={ "label " (class) } x=(n(LEFT - 10.0)) y=(n(middle + 4.0)) text-anchor="end" { (label) }
            } @else {
                text class={ "label " (class) } x=(n(LEFT - 10.0)) y=(n(middle - 3.0)) text-anchor="end" { (label) }
                text.note x=(n(LEFT - 10.0)) y=(n(middle + 12.0)) text-anchor="end" { (note) }
            }
            g clip-path="url(#plot)" { (inner) }
        });
        self.y += height + GAP;
    }

    fn region(&mut self, region: &str) {
        self.y += 4.0;
        let y = self.y;
        self.lanes.push(html! {
            text.region x="8" y=(n(y + 16.0)) { (region) }
            line.rule x1="8" x2=(n(RIGHT)) y1=(n(y + REGION - 3.0)) y2=(n(y + REGION - 3.0)) {}
        });
        self.y += REGION;
    }

    /// The steps of the drill, as the timeline tells them.
    fn drill(&mut self, report: &Report) {
        // How things are, what clients do and what calls give has places of its own.
        let own = |what: &str| {
            ["·", "client:", "first error:", "errors come and go"]
                .iter()
                .any(|begin| what.starts_with(begin))
                || what.ends_with(" succeeds again")
        };
        let fault = |what: &str| what.starts_with("fault:");
        let marks = report.timeline.iter().filter(|it| !own(&it.what)).map(|it| Mark {
            kind: if fault(&it.what) { "strike" } else { "step" },
            first_x: self.axis.x_of_ms(it.at_ms),
            last_x: self.axis.x_of_ms(it.at_ms),
            count: 1,
            text: format!("{}: {}", moment(it.at_ms), it.what),
        });
        let inner = marks::row(marks.collect(), self.y + 14.0);
        self.lane("steps", "drill", "", 28.0, &inner);
    }

    fn device(&mut self, device: &Device) {
        let id = device.id.as_str();
        let (y, events) = (self.y, self.events_of(id));
        let mark = |event: &&&EventRecord| marks::is_mark(&event.event);
        let marks = events.iter().filter(mark).map(|event| self.mark(event));
        let inner = html! {
            (self.bands(|span| span.devices.iter().any(|struck| struck == id), y, DEVICE))
            (self.stretches(&self.absences(&events), "away", y + 24.0))
            (self.stretches(&self.debts(&events), "owed", y + 52.0))
            (marks::row(marks.collect(), y + 27.0))
        };
        self.lane("device", id, &format!("stamp {}", device.place.stamp), DEVICE, &inner);
    }

    fn link(&mut self, label: &str, name: &str) {
        let inner = self.bands(|span| span.links.iter().any(|link| link == name), self.y, LINK);
        self.lane("link", label, "", LINK, &inner);
    }

    fn links_between_devices(&mut self) {
        let mut names: Vec<&str> = Vec::new();
        for link in self.history.faults.iter().flat_map(|span| &span.links) {
            if !link.starts_with("client:") && !names.contains(&link.as_str()) {
                names.push(link);
            }
        }
        // A region that is cut off strikes more links than a picture has room for.
        const MOST: usize = 12;
        if names.is_empty() {
            return;
        }
        let title = match names.len() {
            count if count > MOST => format!("links between devices (the first {MOST} of {count})"),
            _ => "links between devices".to_owned(),
        };
        self.region(&title);
        for name in names.into_iter().take(MOST) {
            let label = name.replace(':', " – ");
            let inner = self.bands(|span| span.links.iter().any(|link| link == name), self.y, LINK);
            self.lane("link", &label, "", LINK, &inner);
        }
    }

    /// What the application noticed: the longest error window and the longest recovery, as brackets.
    fn application(&mut self) {
        self.region("application");
        if self.history.faults.iter().any(|span| span.scripted) {
            let inner = self.bands(|span| span.scripted, self.y, LINK);
            self.lane("link", "scripted calls", "", LINK, &inner);
        }
        let whole = self.events_of("").into_iter().filter(|event| marks::is_mark(&event.event));
        let whole: Vec<Mark> = whole.map(|event| self.mark(event)).collect();
        if !whole.is_empty() {
            let inner = marks::row(whole, self.y + 14.0);
            self.lane("application", "whole groups", "", 28.0, &inner);
        }
        let calls = unscripted(&self.history.calls);
        let rows = [
            ("error window", "window", error_window(&calls), "no call failed"),
            (
                "recovery time",
                "recovery",
                recovery(&calls, &self.history.strike_times()),
                "no fault failed or stalled a call",
            ),
        ];
        for (label, class, stretch, none) in rows {
            let y = self.y;
            let inner = match stretch {
                None => html! { text.none x=(n(LEFT + 8.0)) y=(n(y + 16.0)) { (none) } },
                Some(stretch) => {
                    let (x1, x2) = (self.axis.x(stretch.from_ns), self.axis.x(stretch.to_ns));
                    let length = duration(self.history.length_ms(stretch.length_ns()));
                    let from = moment(self.history.drill_ms(stretch.from_ns));
                    let text = format!("longest {label}: {length}, from {from}");
                    // Near the right border the words go to the left of the bracket.
                    let left = x2 > RIGHT - 130.0;
                    let words = html! {
                        text.bracket-label x=(if left { -8 } else { 8 }) y="4"
                            text-anchor=(if left { "end" } else { "start" }) { (length) }
                    };
                    html! {
                        g class={ "bracket " (class) } tabindex="0" role="img" aria-label=(text) {
                            title { (text) }
                            g.zx {
                                path d={ "M" (n(x1)) " " (n(y + 5.0)) "V" (n(y + 19.0)) "M" (n(x1)) " "
                                    (n(y + 12.0)) "H" (n(x2.max(x1 + 1.0))) "M" (n(x2.max(x1 + 1.0))) " "
                                    (n(y + 5.0)) "V" (n(y + 19.0)) } {}
                            }
                            (at(if left { x1 } else { x2 }, None, 0.0, y + 12.0, &words))
                        }
                    }
                }
            };
            self.lane("application", label, "", 24.0, &inner);
        }
    }

    fn events_of(&self, device: &str) -> Vec<&EventRecord> {
        self.history.events.iter().filter(|event| event.member == device).collect()
    }

    fn mark(&self, event: &EventRecord) -> Mark {
        let x = self.axis.x(event.at_ns);
        let at = moment(self.history.drill_ms(event.at_ns));
        let detail = match event.detail.as_str() {
            "" => String::new(),
            detail => format!(" ({detail})"),
        };
        let text = format!("{at}: {}{detail}, process {}", marks::words(&event.event), event.pid);
        Mark { kind: marks::kind(&event.event), first_x: x, last_x: x, count: 1, text }
    }

    /// A hatched band for each fault that `strikes` the lane, with its number and as much of its name
    /// as there is room for.
    fn bands(&self, strikes: impl Fn(&FaultSpan) -> bool, y: f64, height: f64) -> Markup {
        let spans = self.history.faults.iter().enumerate().filter(|(_, span)| strikes(span));
        html! {
            @for (index, span) in spans {
                @let (x1, x2) = (self.axis.x(span.from_ns), self.axis.x(span.to_ns));
                @let name = span.fault.split_whitespace().next().unwrap_or_default();
                @let number = index + 1;
                @let words = format!("F{number} {name}");
                @let fits = words.chars().count() as f64 * 6.8 + 8.0 < x2 - x1;
                @let from = moment(self.history.drill_ms(span.from_ns));
                @let to = moment(self.history.drill_ms(span.to_ns));
                @let text = format!("fault F{number}, step {}: {}, {from} to {to}", span.step, span.fault);
                g class={ "band f" (index % 4) } tabindex="0" role="img" aria-label=(text) {
                    title { (text) }
                    g.zx {
                        (bar("fill", x1, x2, y, height))
                        (bar("hatch", x1, x2, y, height))
                    }
                    (at(x1, Some(x2), 4.0, y + 13.0, &html! {
                        text.band-label { @if fits { (words) } @else { "F" (number) } }
                    }))
                }
            }
        }
    }

    /// From each loss of a member by a client to its return.
    fn absences(&self, events: &[&EventRecord]) -> Vec<(u64, u64, String)> {
        let mut since: BTreeMap<(u32, &str), u64> = BTreeMap::new();
        let mut all = Vec::new();
        for event in events {
            let key = (event.pid, event.group.as_str());
            match event.event.as_str() {
                "member_lost" => {
                    since.entry(key).or_insert(event.at_ns);
                }
                "member_recovered" => {
                    let begin = since.remove(&key);
                    all.extend(begin.map(|begin| (begin, event.at_ns, away(event.pid))));
                }
                _ => {}
            }
        }
        let open = since.into_iter();
        all.extend(open.map(|((pid, _), begin)| (begin, self.history.end_ns, away(pid))));
        all
    }

    /// From the first copy that a member is owed to the delivery. Of debts that follow each other too
    /// closely to be told apart one bar is made: an asynchronous member has thousands.
    fn debts(&self, events: &[&EventRecord]) -> Vec<(u64, u64, String)> {
        let mut open: Option<(u64, usize)> = None;
        let mut all: Vec<(u64, u64, usize)> = Vec::new();
        let mut add = |from, to, count| match all.last_mut() {
            Some((_, last, owed)) if self.axis.x(from) - self.axis.x(*last) < NEAR => {
                *last = to;
                *owed += count;
            }
            _ => all.push((from, to, count)),
        };
        for event in events {
            match event.event.as_str() {
                "copy_owed" => {
                    let (_, count) = open.get_or_insert((event.at_ns, 0));
                    *count += owed_ids(event).count().max(1);
                }
                "copy_delivered" => {
                    if let Some((from, count)) = open.take() {
                        add(from, event.at_ns, count);
                    }
                }
                _ => {}
            }
        }
        if let Some((from, count)) = open {
            add(from, self.history.end_ns, count);
        }
        let words = |count: usize| format!("{} owed", counted(count as u64, "copy", "copies"));
        all.into_iter().map(|(from, to, count)| (from, to, words(count))).collect()
    }

    /// Thin bars with a word each.
    fn stretches(&self, stretches: &[(u64, u64, String)], class: &str, y: f64) -> Markup {
        html! {
            @for (from_ns, to_ns, text) in stretches {
                @let (x1, x2) = (self.axis.x(*from_ns), self.axis.x(*to_ns));
                @let from = moment(self.history.drill_ms(*from_ns));
                @let to = moment(self.history.drill_ms(*to_ns));
                @let whole = format!("{text}, {from} to {to}");
                g class={ "stretch " (class) } tabindex="0" role="img" aria-label=(whole) {
                    title { (whole) }
                    g.zx { (bar("", x1, x2, y, 6.0)) }
                    @if class == "owed" && x2 - x1 > 110.0 {
                        (at(x1, Some(x2), 6.0, y - 4.0, &html! { text.note { (text) } }))
                    }
                }
            }
        }
    }
}

fn away(pid: u32) -> String {
    format!("given up by the client in process {pid}")
}
