//! `report.html`: one page that needs nothing else, readable without its script.
//!
//! Every text goes through maud, which escapes it; only the style sheet, the script and the charts'
//! numbers are put in as they are.

mod around;
mod axis;
mod bins;
mod charts;
mod compare;
mod curves;
mod failovers;
mod inventory;
mod lanes;
mod levels;
mod marks;
mod tables;

use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde::Serialize;

use crate::{control::Control, history::History, report::Report, verdict::Verdict};
use axis::{Axis, counted, duration};
use bins::Bins;
use curves::{Curves, Palette};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// Nothing may be loaded, whatever the page holds.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; \
                      img-src data:; base-uri 'none'; form-action 'none'";

/// The page.
pub(super) fn page(report: &Report, history: &History) -> String {
    let axis = Axis::of_load(history, report.load_ns).in_parts_of(report.bucket_ms);
    let palette = Palette::of(history);
    let beside = |control: &Control| {
        let calls = control.calls_beside(history, report.load_ns);
        Bins::of_calls(history, &calls, &axis, &palette)
    };
    let numbers = Numbers {
        bins: Bins::of(history, &axis, &palette),
        curves: Curves::of(history, &axis, &palette),
        control: report.control_run.as_ref().map(beside),
    };
    let sections = [
        ("expectations", "Expectations", tables::expectations(report)),
        ("timeline", "Timeline", timeline(report, history, &axis)),
        ("charts", "What the application saw", charts(history, &axis, &numbers)),
        ("compared", "Before, during, after", compare::draw(report)),
        ("failovers", "Failovers", tables::failover_table(history)),
        ("keys", "Keys", inventory::draw(report, history)),
        ("calls", "Calls", html! { (tables::first_errors(history)) (tables::slowest(history)) }),
        ("around", "Around each fault", around::draw(report, history)),
        ("words", "The run in words", tables::timeline(report)),
    ];
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (report.verdict.as_str()) ": drill " (report.drill) }
                link rel="icon" href="data:,";
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#main" { "Skip to the report" }
                (marks::definitions(axis::LEFT, axis::RIGHT))
                (header(report, history))
                nav aria-label="Sections" {
                    @for (id, title, _) in &sections { a href={ "#" (id) } { (title) } }
                }
                main #main {
                    @for (id, title, content) in &sections {
                        section id=(id) aria-labelledby={ (id) "-title" } {
                            h2 id={ (id) "-title" } { (title) }
                            (content)
                        }
                    }
                }
                footer {
                    p {
                        "Written by hsmsim " (report.version) ". The numbers are in " code { "result.json" }
                        ", every call in " code { "history.ndjson" } ", every event in "
                        code { "events.ndjson" } "."
                    }
                }
                script #data type="application/json" { (PreEscaped(json(&numbers))) }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    }
    .into_string()
}

/// What the charts draw and the read-out says.
#[derive(Serialize)]
struct Numbers {
    #[serde(flatten)]
    bins: Bins,
    #[serde(flatten)]
    curves: Curves,
    /// The control run on the same axis.
    control: Option<Bins>,
}

/// JSON that no text can leave: in it `<` stands only inside strings.
fn json(numbers: &Numbers) -> String {
    serde_json::to_string(numbers).unwrap_or_else(|_| "null".to_owned()).replace('<', "\\u003c")
}

fn header(report: &Report, history: &History) -> Markup {
    let (class, sign) = match report.verdict {
        Verdict::Pass => ("pass", "✓"),
        Verdict::Fail => ("fail", "✗"),
        Verdict::Broken => ("fail", "✗✗"),
        Verdict::Inconclusive => ("inconclusive", "?"),
    };
    let metrics = &report.metrics;
    let calls = metrics.calls;
    let real = history.end_ns.saturating_sub(history.begin_ns) as f64 / 1e6;
    let length = match report.time_scale {
        scale if scale > 1.0 => format!(
            "{} of drill time in {}: {scale} times as fast as the clock",
            duration(report.duration_ms),
            duration(real)
        ),
        _ => duration(report.duration_ms),
    };
    let mut facts = vec![
        ("Longest stall", duration(metrics.stall_max_ms)),
        ("Error window", duration(metrics.error_window_max_ms)),
        ("Recovery time", duration(metrics.rto_max_ms)),
        ("Calls", format!("{} ok, {} failed, {} unknown", calls.ok, calls.failed, calls.unknown)),
        (
            "Failovers",
            format!(
                "{} moved; {} lost, {} recovered",
                counted(metrics.failovers, "call", "calls"),
                counted(metrics.members_lost, "member", "members"),
                metrics.members_recovered
            ),
        ),
        (
            "Keys",
            format!(
                "{} lost, {} resurrected, {} duplicate, {} copies missing",
                report.lost_keys,
                report.resurrected_keys,
                report.duplicate_keys,
                report.missing_copies
            ),
        ),
    ];
    if let (Some(keys @ 1..), Some(age)) = (report.rpo_keys, report.rpo_age_ms) {
        let keys = counted(keys, "key", "keys");
        facts.push(("Recovery point", format!("{keys} on no member left, for {}", duration(age))));
    }
    if let Some(verified) = report.verified_signatures {
        facts.push(("Signatures", format!("{verified} verified outside the module")));
    }
    facts.extend([
        ("Topology", history.topology.to_string()),
        ("Tier", report.tier.as_str().to_owned()),
        ("Length", length),
        ("Seed", report.seed.to_string()),
    ]);
    if let Some(hash) = &report.trace_hash {
        facts.push(("Trace hash", hash.clone()));
    }
    html! {
        header {
            p.drill { "drill " (report.drill) ": " (report.title) }
            h1 class={ "verdict " (class) } {
                span.sign aria-hidden="true" { (sign) }
                span { (report.verdict.as_str()) }
            }
            p.hypothesis { (report.hypothesis) }
            @if report.verdict == Verdict::Inconclusive {
                p { "The fault never bit, or nobody called: nothing was proved." }
            }
            dl { @for (name, value) in &facts { div { dt { (name) } dd { (value) } } } }
            p { "Run it again:" }
            pre tabindex="0" aria-label="Command that repeats the run" { code { (report.replay) } }
        }
    }
}

fn timeline(report: &Report, history: &History, axis: &Axis) -> Markup {
    html! {
        p.hint {
            "Times are drill time in seconds from the start. "
            span.script {
                "Zoom all pictures by dragging over a range, or with + and −; 0 shows all; ← and → move the "
                "read-out while a picture has the focus."
            }
        }
        p #readout aria-live="polite" { "" }
        figure { (lanes::draw(report, history, axis)) figcaption { (marks::legend()) } }
        (tables::faults(history))
    }
}

fn charts(history: &History, axis: &Axis, numbers: &Numbers) -> Markup {
    let Numbers { bins, curves, control } = numbers;
    let control = control.as_ref();
    let charts = [
        ("Throughput by device", charts::throughput(history, axis, bins, control)),
        ("Errors by code", charts::errors(history, axis, bins)),
        ("Latency", charts::latency(history, axis, bins, control)),
        ("Calls in flight by device", levels::flight(history, axis, curves)),
        ("Open sessions by workload", levels::sessions(history, axis, curves)),
        ("Replication lag", levels::lag(history, axis, curves)),
    ];
    html! {
        @for (title, chart) in &charts { figure { h3 { (title) } (chart) } }
        p.hint {
            "Shaded: faults. Throughput and latency count calls that a device answered; what the library "
            "answers by itself, such as most C_SignInit, is left out. A call in flight is with the device that "
            "answers it, and one that moves with the device that it leaves until then."
        }
    }
}

/// Reports of hand-made histories.
#[cfg(test)]
pub(super) mod testing {
    use hsmsim_sim_config::Drill;

    use super::*;
    use crate::{
        history::testing::{history, inventory},
        report::{Facts, Moment, Tier},
    };

    /// A run in which a device hung, and members that differ at the end.
    pub(crate) fn run() -> History {
        let mut history = history(
            "ha-dr",
            "1 1 C_Sign CKR_OK hsm-eus-1
             19 30 C_Sign CKR_OK hsm-eus-2
             22 1 C_SignFinal CKR_DEVICE_ERROR
             50 1 C_Sign CKR_OK hsm-eus-2
             90 1 C_Sign CKR_OK hsm-eus-1",
            "5 object_created - a
             25 member_lost hsm-eus-1 silent
             26 failover hsm-eus-1
             30 copy_owed hsm-eus-1 1_objects:_b
             31 object_created - b
             59 group_lost -
             60 member_recovered hsm-eus-1
             61 copy_delivered hsm-eus-1 1_objects",
        );
        history.strike("device.hang hsm-eus-1", 20, 50);
        history.strike("link.cut client:hsm-eus2-1", 55, 70);
        history.inventory_before = inventory(&[("hsm-eus-1", ""), ("hsm-eus-2", "")]);
        history.inventory_after = inventory(&[("hsm-eus-1", "a b"), ("hsm-eus-2", "a")]);
        history
    }

    /// A report of [`run`] with these expectations.
    pub(crate) fn report(expect: &str) -> Report {
        named("Nobody notices", expect)
    }

    /// The same with another hypothesis.
    pub(crate) fn named(hypothesis: &str, expect: &str) -> Report {
        let text = format!(
            "version = 1\nname = \"by-hand\"\ntitle = \"A device hangs\"\n\
             hypothesis = {}\nduration = \"1s\"\n\
             [[workload]]\nname = \"signer\"\nmix = {{ random = 1 }}\n{expect}",
            serde_json::to_string(hypothesis).unwrap()
        );
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("by-hand.toml");
        std::fs::write(&path, text).unwrap();
        let drill = Drill::resolve(&path.to_string_lossy()).unwrap();
        let facts = Facts {
            tier: Tier::Real,
            seed: 7,
            replay: "hsmsim drill run by-hand --seed 7".to_owned(),
            trace_hash: Some("00ff".to_owned()),
            verified_signatures: Some(4),
            invalid_signatures: 0,
            control: None,
            log: None,
            timeline: vec![Moment { at_ms: 20.0, what: "fault: device.hang hsm-eus-1".to_owned() }],
        };
        Report::new(&drill, &run(), facts)
    }
}

#[cfg(test)]
mod tests {
    use super::{
        testing::{named, report, run},
        *,
    };

    #[test]
    fn the_page_has_everything_the_run_had() {
        let html = page(&report("[expect]\nstall_max = \"1ms\""), &run());
        for words in [
            "Nobody notices",
            "✗",
            "hsmsim drill run by-hand --seed 7",
            "29 ms over (2900 %)",
            "fault F1, step step-0: device.hang hsm-eus-1, 0.0 s to 0.1 s",
            "F2 link.cut",
            "0.1 s: every member is lost, process 1",
            "longest recovery time: 3.00 ms",
            "CKR_DEVICE_ERROR: 1 call",
            "hsm-eus-2: 2 answers",
            "1 copy owed",
            "Objects of group hsmsim-0: 2 in all",
        ] {
            assert!(html.contains(words), "{words}\n{html}");
        }
    }

    #[test]
    fn the_charts_have_the_columns_that_the_drill_asks_for() {
        let columns = |drill: &str| {
            let html = page(&report(drill), &run());
            let (_, numbers) =
                html.split_once("<script id=\"data\" type=\"application/json\">").unwrap();
            let (numbers, _) = numbers.split_once("</script>").unwrap();
            let numbers: serde_json::Value = serde_json::from_str(numbers).unwrap();
            let len = |pointer: &str| numbers.pointer(pointer).unwrap().as_array().unwrap().len();
            let all = ["/latency", "/devices/0/counts", "/errors/0/counts", "/flight/0/values"];
            let all = all.map(len);
            assert!(all.iter().all(|columns| *columns == all[0]), "{all:?}");
            all[0]
        };
        assert_eq!(columns(""), 240);
        assert_eq!(columns("[report]\nbucket = \"1ms\""), 100);
        assert_eq!(columns("[report]\nbucket = \"1h\""), 20);
    }

    #[test]
    fn the_page_needs_nothing_from_outside() {
        let html = page(&report(""), &run());
        for word in ["http://", "https://", "src=", "@import", "url(//"] {
            assert!(!html.contains(word), "{word}");
        }
        assert!(html.contains("default-src &#39;none&#39;") || html.contains("default-src 'none'"));
    }

    #[test]
    fn names_cannot_become_markup() {
        let evil = "</title></script><script>alert(1)</script>\" onload=\"x";
        let mut report = named(evil, "");
        report.replay = evil.to_owned();
        report.title = evil.to_owned();
        let mut history = run();
        history.faults[0].step = evil.to_owned();
        for call in &mut history.calls {
            call.code = format!("CKR_{evil}").into();
            call.function = evil.to_owned().into();
            call.member = evil.to_owned().into();
        }
        for event in &mut history.events {
            event.detail = evil.to_owned();
        }
        let html = page(&report, &history);
        assert!(!html.contains("<script>alert"), "a name became a script");
        let (before, after) = html.split_once("<script id=\"data\"").unwrap();
        let (numbers, _) = after.split_once("</script>").unwrap();
        assert!(!before.contains("\" onload"), "a name became an attribute");
        let numbers = numbers.split_once('>').unwrap().1;
        assert!(serde_json::from_str::<serde_json::Value>(numbers).is_ok());
        // The page's own two, and no other.
        assert_eq!(html.matches("<script").count(), 2);
        assert_eq!(html.matches("</script").count(), 2);
    }

    #[test]
    fn every_mark_can_be_focused_and_read() {
        let html = page(&report(""), &run());
        for group in html.split("<g class=\"").skip(1) {
            let (class, rest) = group.split_once('"').unwrap();
            let drawn =
                ["mark ", "band ", "stretch ", "bracket "].iter().any(|it| class.starts_with(it));
            // Keys of the legend have words beside them.
            if drawn && !rest.starts_with("><path class=\"shape\"") && !rest.starts_with("><rect") {
                assert!(
                    rest.starts_with(" tabindex=\"0\" role=\"img\" aria-label=\""),
                    "{class}{rest:.80}"
                );
            }
        }
    }

    #[test]
    fn the_page_is_well_formed() {
        let html = page(&report(""), &run());
        for element in
            ["g", "svg", "section", "figure", "table", "tr", "td", "th", "div", "ul", "li"]
        {
            let open = html.matches(&format!("<{element} ")).count()
                + html.matches(&format!("<{element}>")).count();
            assert_eq!(open, html.matches(&format!("</{element}>")).count(), "{element}");
        }
        for landmark in ["<header", "<nav", "<main", "<footer"] {
            assert_eq!(html.matches(landmark).count(), 1, "{landmark}");
        }
        let heads = html.matches("<th ").count();
        assert_eq!(heads, html.matches("<th scope=\"").count());
    }
}
