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
fn the_page_of_faults_is_the_table() {
    let page = Run::new("ha-dr").ok(&["fault", "kinds", "--markdown"]);
    let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/faults.md");
    let said = "run `hsmsim fault kinds --markdown > docs/faults.md`";
    assert_eq!(std::fs::read_to_string(docs).unwrap(), page, "{said}");
}
