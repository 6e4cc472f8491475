//! Drills as a user runs them. They load the module that lies beside the command: `make test` builds it.

use serde_json::Value;

use crate::Run;

/// A drill that takes six seconds: a cut link is noticed at once.
const SHORT: &str = r#"
version = 1
name = "short"
title = "A cut link"
hypothesis = "A refused link is left within a moment"
seed = 7
topology = "ha-pair"
time_scale = 10
duration = "40s"
settle = "20s"

[[workload]]
name = "signer"
threads = 4
rate = "200/s"
mix = { sign_ecdsa_p256 = 60, sign_rsa_2048 = 30, generate_ec = 10 }

[[step]]
at = "10s"
do = "link.cut"
target = { from = "client", to = { pick = "primary" } }
for = "10s"

[[step]]
at = "25s"
do = "ha.recover"

[expect]
stall_max = "40s"
lost_keys_max = 0
codes_permitted = []
failovers = "1.."
sometimes = ["ha.failover", "ha.member_recovered", "ha.copy_delivered"]
"#;

fn report(run: &Run, folder: &str) -> Value {
    let path = run.folder.path().join(folder).join("result.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn a_drill_ends_with_its_verdict_and_a_report() {
    let run = Run::new("single");
    std::fs::write(run.folder.path().join("short.toml"), SHORT).unwrap();
    let text = run.ok(&["drill", "run", "./short.toml", "--report", "report"]);
    for words in ["time is compressed", "given up (refused)", "PASS", "lost keys          0"] {
        assert!(text.contains(words), "{words}\n{text}");
    }
    let report = report(&run, "report");
    assert_eq!(report["verdict"], "pass");
    assert_eq!((report["seed"].as_u64(), report["drill"].as_str()), (Some(7), Some("short")));
    assert_eq!(report["topology"], "ha-pair");
    assert!(report["calls"]["ok"].as_u64().unwrap() > 100);
    assert_eq!((&report["calls"]["failed"], &report["calls"]["unknown"]), (&0.into(), &0.into()));
    assert!(report["codes"]["CKR_OK"].as_u64().unwrap() > 100);
    for number in ["stall_max_ms", "error_window_max_ms", "rto_max_ms"] {
        assert!(report[number].is_number(), "{number}");
    }
    assert!(report["failovers"].as_u64().unwrap() >= 1);
    assert_eq!(report["lost_keys"], 0);
    assert!(report["verified_signatures"].as_u64().unwrap() > 50);
}

#[test]
fn an_expectation_that_is_not_met_fails_the_drill() {
    let run = Run::new("single");
    let drill = SHORT.replace("failovers = \"1..\"", "failovers = \"0\"");
    std::fs::write(run.folder.path().join("short.toml"), drill).unwrap();
    let text = run.ends_with(2, &["drill", "run", "./short.toml"]);
    assert!(text.contains("FAIL"), "{text}");
}

#[test]
fn an_application_that_never_calls_proves_nothing_and_its_faults_end_with_it() {
    let run = Run::new("ha-pair");
    run.ok(&["dev"]);
    std::fs::write(run.folder.path().join("short.toml"), SHORT).unwrap();
    let drill =
        ["drill", "run", "./short.toml", "--", "sh", "-c", "test -f $HSMSIM_MODULE && sleep 2"];
    let text = run.ends_with(3, &drill);
    assert!(text.contains("INCONCLUSIVE"), "{text}");
    assert!(run.json(&["fault", "list", "--json"]).as_array().unwrap().is_empty());
}

/// Two call faults: one that ends by itself, and one that is healed.
const SCRIPTED: &str = r#"
version = 1
name = "scripted"
title = "Scripted errors"
hypothesis = "An application that tries again gets every signature"
seed = 7
topology = "ha-pair"
time_scale = 10
duration = "40s"
settle = "20s"

[[workload]]
name = "signer"
threads = 2
rate = "100/s"
mix = { sign_ecdsa_p256 = 100 }
retry = { times = 5, pause = "5ms", recover = "none" }

[[step]]
name = "errors"
at = "5s"
do = "call.fault"
for = "10s"
call = { function = "C_Sign", every = 5, code = "CKR_DEVICE_ERROR" }

[[step]]
name = "slow"
after = "errors"
delay = "5s"
do = "call.fault"
call = { function = "C_SignInit", every = 5, delay = "3ms" }

[[step]]
name = "met"
at = "29s"
do = "assert"
that = ["calls_struck > 5", "calls_failed = 0"]

[[step]]
at = "30s"
do = "heal"
step = "slow"

[expect]
codes_permitted = []
failovers = "0"
error_rate_max = "0 %"
sometimes = ["call.struck"]
"#;

#[test]
fn a_call_fault_strikes_from_its_step_to_its_end_on_the_real_tier() {
    let run = Run::new("single");
    std::fs::write(run.folder.path().join("scripted.toml"), SCRIPTED).unwrap();
    let plan = run.ok(&["drill", "check", "./scripted.toml", "--virtual"]);
    for words in ["call.fault C_Sign every=5 code=CKR_DEVICE_ERROR for 10s", "after errors"] {
        assert!(plan.contains(words), "{words}\n{plan}");
    }
    let text = run.ok(&["drill", "run", "./scripted.toml", "--report", "report"]);
    assert!(text.contains("fault: call.fault C_SignInit every=5 delay=3ms"), "{text}");
    let report = report(&run, "report");
    assert_eq!((&report["tier"], &report["verdict"]), (&"real".into(), &"pass".into()));
    let spans: Vec<(&str, f64, f64)> = report["faults"]
        .as_array()
        .unwrap()
        .iter()
        .map(|fault| {
            let ms = |key: &str| fault[key].as_f64().unwrap();
            (fault["step"].as_str().unwrap(), ms("from_ms"), ms("to_ms"))
        })
        .collect();
    let [("errors", from, to), ("slow", later, healed)] = spans[..] else { panic!("{spans:?}") };
    assert!((to - from - 10_000.0).abs() < 1.0, "{spans:?}");
    assert!(from >= 5_000.0 && later >= 20_000.0 && healed >= 30_000.0, "{spans:?}");
    let file = run.folder.path().join("report/history.ndjson");
    let (mut failed, mut slow) = (0, 0);
    for line in std::fs::read_to_string(file).unwrap().lines() {
        let call: Value = serde_json::from_str(line).unwrap();
        if call["call_fault"].as_str().is_none_or(str::is_empty) {
            continue;
        }
        let begin = report["begin_ns"].as_u64().unwrap();
        let at_ms = (call["begin_ns"].as_u64().unwrap() - begin) as f64 / 1e5;
        let (span, count) = match call["code"].as_str().unwrap() {
            "CKR_DEVICE_ERROR" => (from..to, &mut failed),
            _ => (later..healed, &mut slow),
        };
        // A call that had begun may still be struck by what is set while it is on its way.
        assert!(span.start - 1_000.0 < at_ms && at_ms < span.end + 1_000.0, "{call} {spans:?}");
        *count += 1;
    }
    assert!(failed > 5 && slow > 5, "{failed} failed, {slow} slow");
    assert_eq!(report["scripted"].as_u64(), Some(failed + slow));
}

#[test]
fn the_call_faults_of_a_drill_end_with_it() {
    let run = Run::new("ha-pair");
    run.ok(&["dev"]);
    std::fs::write(run.folder.path().join("scripted.toml"), SCRIPTED).unwrap();
    let application = "sleep 1; $HSMSIM_COMMAND call-fault list > listed";
    let words = ["drill", "run", "./scripted.toml", "--", "sh", "-c", application];
    let text = run.ends_with(3, &words);
    assert!(text.contains("INCONCLUSIVE"), "{text}");
    let listed = std::fs::read_to_string(run.folder.path().join("listed")).unwrap();
    assert!(listed.contains("C_Sign every=5"), "{listed}");
    assert!(run.json(&["call-fault", "list", "--json"]).as_array().unwrap().is_empty());
}

#[test]
fn the_shipped_drills_are_listed_and_shown() {
    let run = Run::new("single");
    for name in ["device-loss", "pair-loss", "region-loss", "link-cut", "maintenance"] {
        assert!(run.ok(&["drill", "list"]).contains(name));
        assert!(run.ok(&["drill", "show", name]).contains("hypothesis"));
    }
    run.ends_with(1, &["drill", "run", "no-such-drill"]);
}

#[test]
fn a_drill_in_virtual_time_has_the_same_hash_in_another_process() {
    let run = Run::new("ha-dr");
    let hash = |seed: &str, folder: &str| {
        let drill = ["drill", "run", "link-cut", "--virtual", "--seed", seed, "--report", folder];
        run.ok(&drill);
        let file = run.folder.path().join(folder).join("result.json");
        let result: serde_json::Value =
            serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        assert_eq!((&result["tier"], &result["verdict"]), (&"virtual".into(), &"pass".into()));
        result["trace_hash"].as_str().unwrap().to_owned()
    };
    let first = hash("5", "one");
    assert_eq!(first.len(), 64);
    assert_eq!(first, hash("5", "two"));
    assert_ne!(first, hash("6", "three"));
    assert!(!run.folder.path().join("state").exists(), "virtual time needs no state");
}

#[test]
fn a_seed_that_breaks_a_rule_is_told_in_a_line_that_repeats_it() {
    let run = Run::new("ha-dr");
    let explore = ["drill", "explore", "--seeds", "400", "--calls", "600", "--preset", "default"];
    let planted = [&explore[..], &["--plant", "copy-not-owed"]].concat();
    let text = run.ends_with(4, &planted);
    let line = text.lines().find_map(|line| line.strip_prefix("replay: hsmsim ")).unwrap();
    let again: Vec<&str> = line.split_whitespace().collect();
    let told = run.ends_with(4, &again);
    let hash = |text: &str| text.split("trace ").nth(1).unwrap()[..64].to_owned();
    assert_eq!(hash(&text), hash(&told));
    let text = run.ok(&["drill", "explore", "--seeds", "5", "--calls", "300", "--twice"]);
    assert!(text.contains("no rule was broken"), "{text}");
}

#[test]
fn a_drill_s_plan_names_times_and_targets() {
    let run = Run::new("ha-dr");
    let text = run.ok(&["drill", "check", "tamper"]);
    assert!(text.contains("20s  device.tamper") && text.contains("strikes hsm-eus-1"), "{text}");
    assert!(text.contains("2m10s  ha recover") || text.contains("130s  ha recover"), "{text}");
    run.ends_with(1, &["drill", "check", "tampr"]);
}

#[test]
fn the_drills_of_faults_are_listed_apart_shown_and_run_by_name() {
    let run = Run::new("ha-dr");
    let text = run.ok(&["drill", "list"]);
    let (stories, faults) = text.split_once("\n\n").unwrap();
    assert!(stories.contains("device-loss") && !stories.contains("bites"), "{text}");
    assert_eq!(faults.lines().count(), 1 + hsmsim_sim_config::FAULTS.len(), "{text}");
    assert!(faults.lines().all(|line| line.chars().count() <= 100), "{text}");
    let heals = run.ok(&["drill", "list", "--tag", "heals"]);
    assert!(heals.contains("device.hang") && !heals.contains("bites\n"), "{heals}");
    assert!(!heals.contains("device-loss"), "{heals}");
    let name = "faults/session.drop_all/bites";
    let file = run.ok(&["drill", "show", name]);
    assert!(file.contains(&format!("name = \"{name}\"")), "{file}");
    let text = run.ok(&["drill", "run", name, "--virtual", "--report", "report"]);
    assert!(text.contains("PASS"), "{text}");
    assert_eq!(report(&run, "report")["drill"], name);
    assert_eq!(std::fs::read_to_string(run.folder.path().join("report/drill.toml")).unwrap(), file);
    run.ends_with(1, &["drill", "run", "faults/session.drop_all/byte", "--virtual"]);
}

#[test]
fn the_page_of_faults_is_the_table() {
    let page = Run::new("ha-dr").ok(&["fault", "kinds", "--markdown"]);
    let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/faults.md");
    let said = "run `hsmsim fault kinds --markdown > docs/faults.md`";
    assert_eq!(std::fs::read_to_string(docs).unwrap(), page, "{said}");
}

#[test]
fn the_schema_beside_the_shipped_drills_is_that_of_the_reader() {
    let schema = Run::new("ha-dr").ok(&["drill", "schema"]);
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../sim-config/drills/drill.schema.json");
    let said = "run `hsmsim drill schema > sim-config/drills/drill.schema.json`";
    assert_eq!(std::fs::read_to_string(file).unwrap(), schema, "{said}");
}

#[test]
fn the_page_of_drills_names_every_key_event_and_condition() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/drills.md");
    let page = std::fs::read_to_string(page).unwrap();
    let schema: Value = serde_json::from_str(&Run::new("ha-dr").ok(&["drill", "schema"])).unwrap();
    let mut words: Vec<String> = Vec::new();
    let mut keys = |table: &Value| {
        words.extend(table["properties"].as_object().unwrap().keys().cloned());
    };
    keys(&schema);
    let workload = &schema["properties"]["workload"]["items"];
    keys(workload);
    keys(&workload["properties"]["retry"]);
    keys(&workload["properties"]["mix"]);
    for table in ["expect", "abort", "report"] {
        keys(&schema["properties"][table]);
    }
    for (event, _) in hsmsim_sim_config::SOMETIMES {
        words.push(event.to_owned());
    }
    for gauge in &hsmsim_sim_config::drill::GAUGES {
        words.push(gauge.name.to_owned());
    }
    words.retain(|word| word != "$schema");
    for word in words {
        let said = [
            format!("`{word}`"),
            format!("[{word}]"),
            format!("[expect.{word}]"),
            format!("[[{word}]]"),
        ];
        assert!(
            said.iter().any(|said| page.contains(said.as_str())),
            "docs/drills.md lacks {word}"
        );
    }
}

/// Times and texts of the faults that a run in virtual time has set.
fn faults_set(run: &Run, drill: &str) -> Vec<(u64, String)> {
    run.output(&["drill", "run", drill, "--virtual", "--report", "again"]);
    let timeline = report(run, "again")["timeline"].clone();
    let faults = timeline.as_array().unwrap().iter().filter_map(|moment| {
        let what = moment["what"].as_str().unwrap().strip_prefix("fault: ")?;
        Some((moment["at_ms"].as_f64().unwrap().round() as u64, what.to_owned()))
    });
    faults.collect()
}

/// Times (drill milliseconds) and texts of the faults of a drill file.
fn faults_written(run: &Run, drill: &str) -> Vec<(u64, String)> {
    let path = run.folder.path().join(drill);
    let drill = hsmsim_sim_config::Drill::load(path).unwrap();
    let faults = drill.steps.iter().filter_map(|step| match &step.action {
        hsmsim_sim_config::Action::Fault(fault) => {
            Some((step.at.as_millis() as u64, fault.to_string()))
        }
        hsmsim_sim_config::Action::CallFault { fault, .. } => {
            Some((step.at.as_millis() as u64, format!("call.fault {fault}")))
        }
        _ => None,
    });
    faults.collect()
}

#[test]
fn what_was_done_by_hand_runs_again_as_a_drill() {
    let run = Run::new("ha-pair");
    run.ok(&["dev"]);
    run.ends_with(1, &["drill", "record", "--since", "1m"]);
    run.ok(&["fault", "add", "device.slow", "hsm-eus-2", "extra=5ms"]);
    run.ok(&["fault", "add", "link.cut", "client:hsm-eus-1", "direction=there"]);
    run.ok(&["fault", "heal", "--all"]);
    run.ok(&["ha", "recover", "hsmsim-0"]);
    run.ok(&["drill", "record", "--since", "1m", "--output", "mine.toml"]);
    let written = faults_written(&run, "mine.toml");
    let texts: Vec<&str> =
        written.iter().map(|(_, text)| text.split(" for=").next().unwrap()).collect();
    assert_eq!(texts[0], "device.slow hsm-eus-2");
    assert!(texts[1].starts_with("link.cut client:hsm-eus-1"));
    assert_eq!(written[0].0, 10_000, "ten seconds before the first fault");
    assert_eq!(faults_set(&run, "./mine.toml"), written);
    let text = run.ok(&["drill", "check", "./mine.toml", "--virtual"]);
    assert!(text.contains("ha recover"), "{text}");
}

#[test]
fn a_recording_follows_what_is_done_and_is_whole_when_it_ends() {
    use std::io::{BufRead, BufReader};
    use std::process::Stdio;

    let run = Run::new("ha-pair");
    run.ok(&["dev"]);
    let mut recorder = run
        .command(&["drill", "record", "--output", "live.toml"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(recorder.stdout.take().unwrap()).lines();
    let mut wait_for = |words: &str| {
        let found = lines.by_ref().map(Result::unwrap).find(|line| line.contains(words));
        found.unwrap_or_else(|| panic!("the recorder never said {words}"))
    };
    wait_for("Enter or Ctrl-C");
    run.ok(&["fault", "add", "device.hang", "hsm-eus-1"]);
    wait_for("device.hang hsm-eus-1");
    run.ok(&["fault", "heal", "--all"]);
    wait_for("ended: device.hang");
    run.ok(&["call-fault", "add", "C_Sign", "every=10", "code=CKR_DEVICE_ERROR"]);
    wait_for("call.fault C_Sign every=10");
    run.ok(&["call-fault", "clear"]);
    wait_for("ended: call.fault C_Sign every=10");
    run.ok(&["ha", "synchronize"]);
    wait_for("ha.synchronize");
    drop(recorder.stdin.take());
    wait_for("3 steps in live.toml");
    assert!(recorder.wait().unwrap().success());
    let written = faults_written(&run, "live.toml");
    assert_eq!(written.len(), 2);
    assert!(written[0].1.starts_with("device.hang hsm-eus-1 for="), "{written:?}");
    assert_eq!(written[1].1, "call.fault C_Sign every=10 code=CKR_DEVICE_ERROR");
    assert_eq!(faults_set(&run, "./live.toml"), written);
}

#[test]
fn several_programs_and_loads_work_at_once_on_the_real_tier() {
    let run = Run::new("single");
    let more = r#"
[[workload]]
name = "far"
threads = 2
processes = 2
rate = "50/s"
loop = "open"
client = { region = "eastus2" }
payload = 200
key_label = "{workload}-{process}-{n}"
mix = { sign_ecdsa_p256 = 90, find = 10 }
retry = { times = 1, recover = "finalize" }

[[workload]]
name = "script"
external = true
command = ["sh", "-c", "test -f $HSMSIM_MODULE && test -d $HSMSIM_STATE && touch $HSMSIM_STATE/../worked"]

[[step]]
name = "hook"
at = "2s"
do = "run"
command = ["sh", "-c", "$HSMSIM_COMMAND status > hook.txt"]

[[step]]
name = "after hook"
after = "hook"
do = "snapshot"

[[step]]
when = "ha.failover"
do = "assert"
that = ["lost_keys = 0", "calls_ok > 10", "devices_down = 0"]
name = "moved"

[expect.before]
error_rate_max = "0 %"
"#;
    let drill = SHORT.replace("[expect]", &format!("{more}\n[expect]"));
    std::fs::write(run.folder.path().join("many.toml"), drill).unwrap();
    let text = run.ok(&["drill", "run", "./many.toml", "--report", "report"]);
    assert!(text.contains("snapshot after hook"), "{text}");
    let report = report(&run, "report");
    let met = |name: &str| {
        let all = report["expectations"].as_array().unwrap();
        let found = all.iter().find(|one| one["name"] == name);
        found.unwrap_or_else(|| panic!("{name}: {report:#}"))["met"] == true
    };
    assert!(met("run hook") && met("assert moved") && met("before.error_rate_max"));
    assert!(run.folder.path().join("hook.txt").exists());
    let file = run.folder.path().join("report/operations.ndjson");
    let operations = std::fs::read_to_string(file).unwrap();
    let mut far = std::collections::BTreeSet::new();
    for line in operations.lines() {
        let one: Value = serde_json::from_str(line).unwrap();
        if one["workload"] == "far" {
            far.insert(one["pid"].as_u64().unwrap());
        }
    }
    assert_eq!(far.len(), 2, "two processes");
}

#[test]
fn a_program_that_fails_and_a_condition_that_holds_fail_the_drill() {
    let run = Run::new("single");
    let hook = "[[step]]\nname = \"hook\"\nat = \"2s\"\ndo = \"run\"\ncommand = [\"false\"]\n\
                [abort]\nwhen = [\"members_lost > 0\"]\ngrace = \"2s\"\n";
    let drill = SHORT.replace("[expect]", &format!("{hook}\n[expect]")).replace("sometimes", "# ");
    std::fs::write(run.folder.path().join("stop.toml"), drill).unwrap();
    let text = run.ends_with(2, &["drill", "run", "./stop.toml", "--report", "report"]);
    assert!(text.contains("stopped early: members_lost > 0"), "{text}");
    assert!(text.contains("✗ run hook"), "{text}");
    assert!(report(&run, "report")["duration_ms"].as_f64().unwrap() < 39_000.0);
}

#[test]
fn seeds_that_are_repeated_must_all_pass() {
    let run = Run::new("single");
    let drill = SHORT.replace("seed = 7", "seed = 7\nrepeat = 2");
    std::fs::write(run.folder.path().join("twice.toml"), drill).unwrap();
    let twice = ["drill", "run", "./twice.toml", "--virtual", "--report", "twice"];
    let text = run.ok(&twice);
    assert!(text.contains("2 of 2 seeds pass"), "{text}");
    for seed in ["seed-7", "seed-8"] {
        assert_eq!(report(&run, &format!("twice/{seed}"))["verdict"], "pass");
    }
    let text = run.ok(&["drill", "run", "./twice.toml", "--virtual", "--seed", "5"]);
    assert!(!text.contains("seeds pass"), "one seed repeats one run\n{text}");
}

#[test]
fn a_run_is_compared_with_an_earlier_one() {
    let run = Run::new("single");
    std::fs::write(run.folder.path().join("first.toml"), SHORT).unwrap();
    let compared = format!("{SHORT}\n[report]\nbaseline = \"first\"\nformats = [\"json\"]\n");
    std::fs::write(run.folder.path().join("second.toml"), compared).unwrap();
    let second =
        ["drill", "run", "./second.toml", "--virtual", "--seed", "8", "--report", "second"];
    assert!(run.ends_with(1, &second).contains("no report to compare with"));
    run.ok(&["drill", "run", "./first.toml", "--virtual", "--report", "first"]);
    let text = run.ok(&second);
    assert!(text.contains("the report in first"), "{text}");
    let control = &report(&run, "second")["control"];
    assert_eq!(control["source"], "the report in first");
    assert!(!control["phases"].as_array().unwrap().is_empty());
    assert!(!run.folder.path().join("second/junit.xml").exists());
}

#[test]
fn a_control_run_on_the_real_tier_is_the_same_load_without_the_faults() {
    let run = Run::new("single");
    let hang = SHORT
        .replace("do = \"link.cut\"", "do = \"device.hang\"")
        .replace("{ from = \"client\", to = { pick = \"primary\" } }", "{ pick = \"primary\" }")
        .replace("for = \"10s\"", "for = \"25s\"")
        .replace("at = \"25s\"", "at = \"37s\"");
    std::fs::write(run.folder.path().join("hang.toml"), hang).unwrap();
    let drill = ["drill", "run", "./hang.toml", "--report", "report", "--control"];
    let text = run.ok(&drill);
    for words in ["first the same load without faults", "against the same run without faults"] {
        assert!(text.contains(words), "{words}\n{text}");
    }
    assert_eq!(text.matches("fault: device.hang").count(), 1, "it struck one of the two\n{text}");
    let report = report(&run, "report");
    let control = &report["control"];
    assert_eq!(
        (&control["source"], &control["seed"]),
        (&"the same run without faults".into(), &7.into())
    );
    assert!(control["trace_hash"].is_null(), "the clock repeats nothing to the nanosecond");
    let phases = |of: &Value| -> Vec<Value> { of["phases"].as_array().unwrap().clone() };
    let (own, other) = (phases(&report), phases(control));
    let names = |rows: &[Value]| -> Vec<(String, String)> {
        let word = |row: &Value, key: &str| row[key].as_str().unwrap().to_owned();
        rows.iter().map(|row| (word(row, "workload"), word(row, "phase"))).collect()
    };
    assert_eq!(names(&own), names(&other));
    assert_eq!(names(&own).len(), 3);
    for (own, other) in own.iter().zip(&other) {
        assert!(other["ok"].as_u64().unwrap() > 50, "{other}");
        let length = |row: &Value| row["length_ms"].as_f64().unwrap();
        assert!((length(own) - length(other)).abs() < 1_000.0, "{own}\n{other}");
    }
    // The receive timeout is 20 s of drill time.
    let longest = |rows: &[Value]| rows[1]["max_ms"].as_f64().unwrap();
    assert!(longest(&own) >= 20_000.0, "{}", own[1]);
    assert!(longest(&other) < 20_000.0, "{}", other[1]);
}

/// No fault, and one second of work on the clock.
const QUIET: &str = r#"
version = 1
name = "quiet"
title = "A second of work"
hypothesis = "Everybody ends in time"
seed = 7
topology = "ha-pair"
time_scale = 10
duration = "10s"
settle = "10s"
deadline = "DEADLINE"

[[workload]]
name = "signer"
threads = 2
rate = "50/s"
mix = { sign_ecdsa_p256 = 100 }
"#;

/// On the real tier everybody has 30 s on the clock in any case, so three runs go on at the same time.
#[test]
fn an_application_that_does_not_end_by_the_deadline_breaks_the_drill_on_the_real_tier() {
    use std::process::Stdio;

    let begin = |deadline: &str, hang: &str, application: &[&str]| {
        let run = Run::new("ha-pair");
        let folder = run.folder.path();
        std::fs::write(folder.join("quiet.toml"), QUIET.replace("DEADLINE", deadline)).unwrap();
        let calls = format!("[[call]]\nfunction = \"C_Sign\"\nnth = 5\nhang = \"{hang}\"\n");
        std::fs::write(folder.join("calls.toml"), calls).unwrap();
        let words = [&["drill", "run", "./quiet.toml"], application].concat();
        let mut command = run.command(&words);
        command.env("HSMSIM_CALL_FAULTS", "calls.toml");
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        (run, child)
    };
    let sleeper = ["--", "sh", "-c", "echo $$ > pid; exec sleep 300"];
    let late = begin("20s", "forever", &[]);
    let patient = begin("10m", "32s", &[]);
    let foreign = begin("20s", "1ms", &sleeper);
    let end = |(run, child): (Run, std::process::Child)| {
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        (run, output.status.code(), text)
    };
    let (_, code, text) = end(late);
    assert_eq!(code, Some(4), "{text}");
    assert!(text.contains("1 application did not end within the deadline"), "{text}");
    let (_, code, text) = end(patient);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("longest stall"), "{text}");
    let (run, _, text) = end(foreign);
    assert!(text.contains("1 application did not end within the deadline"), "{text}");
    let pid = std::fs::read_to_string(run.folder.path().join("pid")).unwrap();
    let process = format!("/proc/{}", pid.trim());
    assert!(!std::path::Path::new(&process).exists(), "{process} has outlived its drill");
}

/// What docs/drills.md promises of the two tiers. Finds go to the primary as key operations do, so every
/// thread meets the lost member before anybody has given it up, on whichever tier.
#[test]
fn a_drill_on_both_tiers_says_the_same() {
    let run = Run::new("single");
    let text = run.ok(&["drill", "show", "device-loss"]);
    let mix = "mix = { sign_ecdsa_p256 = 300, find = 690, generate_ec = 10 }";
    let lines = text.lines().map(|line| if line.starts_with("mix = ") { mix } else { line });
    let drill: Vec<&str> = lines.collect();
    std::fs::write(run.folder.path().join("both.toml"), drill.join("\n")).unwrap();
    run.ok(&["drill", "run", "./both.toml", "--virtual", "--report", "virtual"]);
    let virtual_time = report(&run, "virtual");
    assert_eq!(virtual_time["tier"], "virtual");
    let mut differences = Vec::new();
    // A machine that is busy with something else stalls a run by itself, but not three.
    for _ in 0..3 {
        run.output(&["drill", "run", "./both.toml", "--report", "real"]);
        let real = report(&run, "real");
        assert_eq!(real["tier"], "real");
        let mut differs = Vec::new();
        for count in ["failovers", "members_lost", "members_recovered", "lost_keys"] {
            let (one, other) = (&virtual_time[count], &real[count]);
            if one != other {
                differs.push(format!("{count}: {one} and {other}"));
            }
        }
        // A second of the machine's own work, ten times over.
        for time in ["stall_max_ms", "rto_max_ms"] {
            let (one, other) = (virtual_time[time].as_f64().unwrap(), real[time].as_f64().unwrap());
            if (one - other).abs() > 10_000.0 {
                differs.push(format!("{time}: {one} and {other}"));
            }
        }
        if differs.is_empty() {
            return;
        }
        differences.push(differs);
    }
    panic!("{differences:?}");
}
