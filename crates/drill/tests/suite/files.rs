//! Drill files in virtual time, and what they come to.

use hsmsim_drill::{
    Compare, Report,
    simulate::{VirtualOptions, run_virtual},
};
use serde_json::Value;

/// What every file here begins with: two members, a load for a minute.
const HEAD: &str = r#"
version = 1
name = "case"
title = "A case"
hypothesis = "It ends as the case says"
seed = 3
topology = "ha-pair"
duration = "60s"
settle = "60s"
"#;

const LOAD: &str = r#"
[[workload]]
name = "signer"
threads = 4
rate = "50/s"
mix = { sign_ecdsa_p256 = 80, generate_ec = 20 }
"#;

const LOSS: &str = r#"
[[step]]
name = "loss"
at = "10s"
do = "device.hang"
target = { pick = "primary" }
for = "25s"
"#;

fn run(text: &str) -> Report {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("case.toml");
    std::fs::write(&path, text).unwrap();
    let options = VirtualOptions {
        drill: path.to_string_lossy().into_owned(),
        seed: None,
        report: None,
        compare: Compare::Nothing,
    };
    run_virtual(&options, &mut Vec::new()).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Runs a file of the usual load and these lines. `expect`: the verdict, then a line for each
/// expectation to look at, `name` and `met` or `missed`.
fn drill(lines: &str, expect: &str) -> Report {
    let text = format!("{HEAD}{LOAD}{lines}");
    let report = run(&text);
    let mut wanted = expect.lines().map(str::trim).filter(|line| !line.is_empty());
    let all = &report.expectations;
    assert_eq!(Some(report.verdict.as_str()), wanted.next(), "{text}\n{all:#?}");
    for line in wanted {
        let (name, word) = line.rsplit_once(' ').unwrap();
        let found = all.iter().find(|one| one.name == name);
        let found = found.unwrap_or_else(|| panic!("no expectation {name}\n{all:#?}"));
        assert_eq!(if found.met { "met" } else { "missed" }, word, "{found:?}");
    }
    report
}

fn said(report: &Report) -> Vec<(u64, &str)> {
    let line = |moment: &'_ hsmsim_drill::report::Moment| moment.at_ms.round() as u64;
    report.timeline.iter().map(|moment| (line(moment), moment.what.as_str())).collect()
}

#[test]
fn phases_are_judged_each_by_its_own_calls() {
    let expect = r#"
[expect]
duplicate_keys_max = 0
rpo_keys_max = 0
recovered_members = "1.."
[expect.before]
stall_max = "1s"
error_rate_max = "0 %"
latency = ["p99 < 100ms"]
[expect.during]
stall_max = "21s"
throughput_min = "1/s"
sometimes = ["ha.failover"]
[expect.edge]
failovers = "1.."
[expect.after]
stall_max = "1s"
lost_keys_max = 0
inventory_equal_within = "60s"
"#;
    let recover = "[[step]]\nafter = \"loss\"\ndelay = \"15s\"\ndo = \"ha.recover\"\n";
    let report = drill(
        &format!("{LOSS}{recover}{expect}"),
        "pass
         before.stall_max met
         before.latency p99 met
         during.throughput_min met
         during.sometimes met
         edge.failovers met
         after.inventory_equal_within met
         recovered_members met",
    );
    assert!(report.expected_phases["before"].calls.stall_max_ms < 1_000.0);
    assert!(report.expected_phases["during"].calls.stall_max_ms > 14_000.0);
    drill(
        &format!("{LOSS}{recover}[expect.before]\nthroughput_min = \"60/s\"\n"),
        "fail\nbefore.throughput_min missed",
    );
    drill(&format!("{LOSS}[expect.during]\nlatency = [\"p50 < 1ns\"]\n"), "fail");
}

#[test]
fn a_phase_in_which_nothing_was_called_proves_nothing() {
    let late = LOSS.replace("25s", "50s");
    drill(
        &format!("{late}[expect.after]\nlatency = [\"p50 < 1s\"]\n"),
        "inconclusive\nafter.latency p50 missed",
    );
}

#[test]
fn steps_follow_each_other_and_events() {
    let report = drill(
        r#"
[[step]]
name = "storm"
at = "5s"
[[step.parallel]]
name = "cut"
do = "link.cut"
target = { from = "client", to = { pick = "primary" } }
for = "4s"
[[step.parallel]]
name = "pause"
do = "wait"
for = "9s"
[[step]]
name = "calm"
after = "storm"
delay = "1s"
do = "mark"
text = "calm"
[[step]]
name = "seen"
when = { event = "ha.member_lost", within = "50s" }
delay = "2s"
do = "mark"
text = "seen"
"#,
        "pass",
    );
    let said = said(&report);
    let at = |what: &str| said.iter().find(|(_, line)| *line == what).map(|(at, _)| *at);
    assert_eq!(at("calm"), Some(15_000), "{said:?}");
    let lost = said.iter().find(|(_, line)| line.contains("given up")).unwrap().0;
    assert_eq!(at("seen"), Some(lost + 2_000), "{said:?}");
}

#[test]
fn an_event_that_does_not_come_leaves_the_drill_open() {
    let waits = "[[step]]\nname = \"late\"\nwhen = { event = \"ha.group_lost\", within = \"40s\" }\n\
                 do = \"heal_all\"\n";
    let report = drill(&format!("{LOSS}{waits}"), "inconclusive\nevent missed");
    assert!(said(&report).iter().any(|(at, line)| *at == 40_000 && line.contains("step late")));
}

#[test]
fn what_is_asserted_is_looked_at_in_its_moment() {
    let asserts = r#"
[[step]]
name = "while"
at = "20s"
do = "assert"
that = ["hsm-eus-1 is down", "devices_down = 1", "lost_keys = 0", "keys > 0"]
[[step]]
name = "kept"
at = "26s"
do = "snapshot"
"#;
    let report = drill(&format!("{LOSS}{asserts}"), "pass\nassert while met");
    assert_eq!(report.snapshots.len(), 1);
    assert!(report.snapshots[0].members.iter().all(|member| !member.keys.is_empty()));
    drill(&format!("{LOSS}{}", asserts.replace("is down", "is up")), "fail\nassert while missed");
}

#[test]
fn a_run_stops_early_when_its_condition_has_held_long_enough() {
    let stop = "[abort]\nwhen = [\"members_lost >= 1\"]\ngrace = \"5s\"\n";
    let longer = LOSS.replace("25s", "45s");
    let report = drill(&format!("{longer}{stop}"), "fail\nabort missed");
    assert!(report.aborted.as_deref().unwrap().starts_with("members_lost >= 1"));
    let said = said(&report);
    let healed = said.iter().find(|(_, line)| *line == "healed: everything").unwrap().0;
    assert!(healed < 50_000, "{said:?}");
    assert!(said.iter().any(|(_, line)| line.starts_with("all members hold")), "{said:?}");
    let never = "[abort]\nwhen = [\"lost_keys > 0\"]\n";
    drill(&format!("{LOSS}{never}"), "pass\nabort met");
}

#[test]
fn chance_picks_the_same_members_for_the_same_seed() {
    let one = |seed: u64| {
        let lines = LOSS.replace("\"primary\"", "\"one\"");
        let text = format!("{HEAD}{LOAD}{lines}")
            .replace("seed = 3", &format!("seed = {seed}"))
            .replace("\"ha-pair\"", "\"ha-dr\"");
        let report = run(&text);
        let fault = said(&report).into_iter().find(|(_, line)| line.starts_with("fault: "));
        fault.unwrap().1.to_owned()
    };
    assert_eq!(one(1), one(1));
    let different: std::collections::BTreeSet<String> = (1..=8).map(one).collect();
    assert!(different.len() > 1, "{different:?}");
}

/// One thread, a stall of nearly ten seconds: a closed loop sees one slow operation, an open loop two
/// hundred that nobody served.
#[test]
fn an_open_loop_counts_the_wait_of_what_was_due() {
    let stalled = r#"
[[step]]
at = "20s"
do = "link.hold"
target = { from = "client", to = { pick = "all" } }
for = "10s"
"#;
    let slow = |how: &str| {
        let load = LOAD.replace("threads = 4", how);
        let load = load.replace("50/s", "20/s").replace(", generate_ec = 20", "");
        let report = run(&format!("{HEAD}{load}{stalled}"));
        assert_eq!(report.load.failed, 0);
        report.load
    };
    let closed = slow("threads = 1");
    let open = slow("threads = 1\nloop = \"open\"");
    assert!(closed.max_ms > 9_000.0 && open.max_ms > 9_000.0, "{closed:?} {open:?}");
    assert!(closed.p90_ms < 1_000.0, "{closed:?}");
    assert!(open.p90_ms > 2_000.0, "{open:?}");
    // What was due is made up for.
    assert!(open.ok > closed.ok + 150, "{closed:?} {open:?}");
}

#[test]
fn what_an_open_loop_never_began_is_told() {
    let stalled = "[[step]]\nat = \"55s\"\ndo = \"device.hang\"\ntarget = { pick = \"all\" }\n";
    let load = LOAD.replace("threads = 4", "threads = 1\nloop = \"open\"");
    let report = run(&format!("{HEAD}{load}{stalled}"));
    assert!(report.load.missed > 200, "{:?}", report.load);
    assert!(report.load.error_rate() > 5.0);
}

#[test]
fn an_application_that_tries_again_fails_less_often() {
    let errors = r#"
[[step]]
at = "10s"
do = "device.error_rate"
target = { pick = "all" }
for = "40s"
probability = 0.3
code = "CKR_FUNCTION_FAILED"
"#;
    let rate = |retry: &str| {
        let load = format!("{LOAD}retry = {retry}\n").replace(", generate_ec = 20", "");
        run(&format!("{HEAD}{load}{errors}")).load.error_rate()
    };
    let never = rate("{ times = 0 }");
    let thrice = rate("{ times = 3, pause = \"5ms\" }");
    let other = rate("{ times = 3, codes = [\"CKR_DEVICE_ERROR\"] }");
    assert!(never > 5.0 && thrice < never / 4.0, "{never} {thrice}");
    assert!(other > thrice * 2.0, "{other} {thrice}");
}

/// All members are lost and come back. A client that recovers nothing by itself leaves an application
/// of level 0 and 1 without a session for ever; one that initialises the library anew works again.
#[test]
fn only_an_application_that_initialises_anew_survives_a_total_loss_without_recovery() {
    let loss = "[[step]]\nat = \"10s\"\ndo = \"device.restart\"\ntarget = { pick = \"all\" }\n\
                boot_time = \"5s\"\n";
    let last = |recover: &str| {
        let load = format!("{LOAD}retry = {{ recover = \"{recover}\", pause = \"1s\" }}\n");
        let text = format!("{HEAD}{load}{loss}[expect.after]\nerror_rate_max = \"0 %\"\n");
        let report = run(&text.replace("60s\"\nsettle", "200s\"\nsettle"));
        let codes = report.metrics.codes.clone();
        (report.expected_phases["after"].load.ok, codes)
    };
    let (none, _) = last("none");
    let (session, _) = last("session");
    let (finalize, codes) = last("finalize");
    assert!(finalize > 1_000, "{finalize} {codes:?}");
    assert!(none < finalize / 10, "{none} {session} {finalize}");
}

#[test]
fn several_workloads_work_from_where_they_stand() {
    let far = r#"
[[workload]]
name = "far"
threads = 2
processes = 2
rate = "20/s"
client = { region = "westeurope" }
mix = { random = 1 }
key_label = "{workload}-{process}-{n}"
payload = 64
"#;
    let text = format!("{HEAD}{LOAD}{far}{LOSS}");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("case.toml");
    std::fs::write(&path, text).unwrap();
    let report = folder.path().join("report");
    let drill = path.to_string_lossy().into_owned();
    let options = VirtualOptions {
        drill,
        seed: None,
        report: Some(report.clone()),
        compare: Compare::Nothing,
    };
    run_virtual(&options, &mut Vec::new()).unwrap();
    let lines = std::fs::read_to_string(report.join("operations.ndjson")).unwrap();
    let all: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |name: &str| -> Vec<&Value> {
        all.iter().filter(|one| one["workload"] == name && one["operation"] != "generate").collect()
    };
    let pids: std::collections::BTreeSet<u64> =
        of("far").iter().map(|one| one["pid"].as_u64().unwrap()).collect();
    assert_eq!(pids.len(), 2);
    let fastest = |name: &str| {
        let took =
            |one: &&Value| one["end_ns"].as_u64().unwrap() - one["begin_ns"].as_u64().unwrap();
        of(name).iter().map(took).min().unwrap() as f64 / 1e6
    };
    // Across the Atlantic and back.
    assert!(fastest("far") > 50.0 && fastest("signer") < 20.0);
}

#[test]
fn virtual_time_runs_no_program() {
    let refused = |lines: &str, word: &str| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("case.toml");
        std::fs::write(&path, format!("{HEAD}{lines}")).unwrap();
        let drill = path.to_string_lossy().into_owned();
        let options = VirtualOptions { drill, seed: None, report: None, compare: Compare::Nothing };
        let error = run_virtual(&options, &mut Vec::new()).unwrap_err();
        assert!(error.is_usage() && error.to_string().contains(word), "{error}");
    };
    let hook = "[[step]]\nname = \"hook\"\nat = \"1s\"\ndo = \"run\"\ncommand = [\"true\"]\n";
    refused(&format!("{LOAD}{hook}"), "step hook runs a program");
    let own = "[[workload]]\nname = \"app\"\nexternal = true\ncommand = [\"true\"]\n";
    refused(&format!("{LOAD}{own}"), "workload app is a program of its own");
}

#[test]
fn a_seed_that_is_drawn_is_stored_and_repeats_the_run() {
    let text = format!("{HEAD}{LOAD}{LOSS}").replace("seed = 3", "seed = \"random\"");
    let first = run(&text);
    assert!(first.replay.contains(&format!("--seed {}", first.seed)));
    let again = run(&text.replace("\"random\"", &first.seed.to_string()));
    assert_eq!((first.trace_hash, first.metrics), (again.trace_hash, again.metrics));
}

#[test]
fn a_call_that_outlasts_the_deadline_breaks_a_rule_and_one_that_may_take_longer_does_not() {
    // What is under way arrives late, although the link is healed when the load ends.
    let slow = "[[step]]\nat = \"58s\"\ndo = \"link.delay\"\n\
                target = \"client:hsm-eus-1\"\nextra = \"10s\"\n";
    let with = |settle: &str, deadline: &str| {
        let head = HEAD.replace("settle = \"60s\"", &format!("settle = \"{settle}\"\n{deadline}"));
        run(&format!("{head}{LOAD}{slow}"))
    };
    let late = with("1s", "deadline = \"61s\"");
    assert_eq!(late.verdict.as_str(), "broken");
    assert!(late.metrics.stall_max_ms > 3000.0, "{}", late.metrics.stall_max_ms);
    for patient in [with("60s", "deadline = \"5m\""), with("60s", "")] {
        assert_eq!(patient.verdict.as_str(), "pass", "{:#?}", patient.expectations);
    }
}
