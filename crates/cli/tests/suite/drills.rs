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
