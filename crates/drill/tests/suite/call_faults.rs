//! Call faults as steps of a drill, in virtual time.

use hsmsim_drill::{
    Compare, Report, Verdict,
    simulate::{Outcome, Plan, VirtualOptions, run_virtual, simulate},
};
use hsmsim_sim_config::Drill;

/// A minute of one application that signs, and `steps`.
fn drill(steps: &str) -> String {
    format!(
        "version = 1\nname = \"scripted\"\ntitle = \"T\"\nhypothesis = \"H\"\nseed = 1\n\
         topology = \"ha-pair\"\nduration = \"60s\"\nsettle = \"10s\"\n\
         [[workload]]\nname = \"signer\"\nthreads = 2\nrate = \"50/s\"\n\
         mix = {{ sign_ecdsa_p256 = 90, generate_ec = 5, login = 5 }}\n\
         retry = {{ times = 3, pause = \"10ms\" }}\n{steps}"
    )
}

fn call_fault(rest: &str, call: &str) -> String {
    format!("[[step]]\nname = \"calls\"\ndo = \"call.fault\"\n{rest}\ncall = {{ {call} }}\n")
}

fn run(steps: &str, seed: u64) -> Outcome {
    let drill = Drill::parse(&drill(steps), "d.toml").unwrap_or_else(|e| panic!("{e}"));
    let outcome = simulate(&Plan::of_drill(&drill, seed).unwrap()).unwrap();
    assert!(outcome.broken.is_empty(), "{steps}: {:?}", outcome.broken);
    outcome
}

/// When each struck call began, in milliseconds, and its code.
fn struck(outcome: &Outcome) -> Vec<(u64, String)> {
    let calls = outcome.history.calls.iter().filter(|call| !call.call_fault.is_empty());
    let begin = outcome.history.begin_ns;
    calls.map(|call| ((call.at_ns - begin) / 1_000_000, call.code.to_string())).collect()
}

const EVERY_TENTH: &str = "function = \"C_Sign\", every = 10, code = \"CKR_DEVICE_ERROR\"";

#[test]
fn calls_are_struck_as_long_as_the_step_says_or_until_it_is_healed() {
    let heal = "[[step]]\nat = \"30s\"\ndo = \"heal\"\nstep = \"calls\"\n";
    let all = "[[step]]\nat = \"30s\"\ndo = \"heal_all\"\n";
    for steps in [
        call_fault("at = \"10s\"\nfor = \"20s\"", EVERY_TENTH),
        call_fault("at = \"10s\"", EVERY_TENTH) + heal,
        call_fault("at = \"10s\"", EVERY_TENTH) + all,
    ] {
        let outcome = run(&steps, 1);
        let struck = struck(&outcome);
        assert!(struck.len() > 50, "{steps}: {}", struck.len());
        assert!(struck.iter().all(|(_, code)| code == "CKR_DEVICE_ERROR"));
        let times: Vec<u64> = struck.iter().map(|(at, _)| *at).collect();
        assert!(times[0] >= 10_000 && *times.last().unwrap() < 30_000, "{steps}: {times:?}");
        assert!(*times.last().unwrap() > 29_000, "{steps}: until its end: {times:?}");
        let [span] = &outcome.history.faults[..] else { panic!("{:?}", outcome.history.faults) };
        let ms = |at_ns: u64| (at_ns - outcome.history.begin_ns) / 1_000_000;
        assert_eq!((ms(span.from_ns), ms(span.to_ns)), (10_000, 30_000), "{steps}");
        assert!(span.scripted && span.devices.is_empty() && span.links.is_empty());
        assert_eq!(span.step, "calls");
        assert!(span.fault.starts_with("call.fault C_Sign every=10"), "{}", span.fault);
    }
}

#[test]
fn what_follows_a_call_fault_or_a_struck_call_begins_then() {
    let steps = call_fault("at = \"10s\"\nfor = \"5s\"", EVERY_TENTH)
        + "[[step]]\nafter = \"calls\"\ndelay = \"2s\"\ndo = \"mark\"\ntext = \"after\"\n"
        + "[[step]]\nwhen = { event = \"call.struck\", count = 3 }\ndo = \"mark\"\ntext = \"third\"\n";
    let outcome = run(&steps, 1);
    let at = |what: &str| {
        let moment = outcome.moments.iter().find(|moment| moment.what == what);
        moment.unwrap_or_else(|| panic!("no {what}")).at_ms as u64
    };
    assert_eq!(at("after"), 17_000);
    assert_eq!(at("third"), struck(&outcome)[2].0);
}

#[test]
fn the_hash_of_the_trace_depends_on_the_call_fault_and_chance_on_the_seed() {
    let tenth = call_fault("at = \"10s\"\nfor = \"20s\"", EVERY_TENTH);
    let by_chance = "function = \"C_Sign\", probability = 0.1, code = \"CKR_DEVICE_ERROR\"";
    let by_chance = call_fault("at = \"10s\"\nfor = \"20s\"", by_chance);
    for steps in [&tenth, &by_chance] {
        let [first, again, other] = [1, 1, 2].map(|seed| run(steps, seed));
        assert_eq!(first.trace_hash, again.trace_hash);
        assert_ne!(first.trace_hash, other.trace_hash);
        assert_eq!(struck(&first), struck(&again));
    }
    assert_ne!(run("", 1).trace_hash, run(&tenth, 1).trace_hash);
    assert_ne!(struck(&run(&by_chance, 1)), struck(&run(&by_chance, 2)));
}

/// What a call fault answers is no breach of a rule, whatever it looks like; and every call ends.
#[test]
fn no_call_fault_breaks_a_rule() {
    for call in [
        "function = \"C_SignInit\", every = 5, code = \"CKR_KEY_HANDLE_INVALID\"",
        "function = \"C_GenerateKey\", every = 2, code_after = \"CKR_DEVICE_ERROR\"",
        "function = \"C_Sign\", nth = 7, hang = \"forever\"",
        "function = \"C_Sign\", nth = 7, hang = \"10m\"",
        "function = [\"C_Sign\", \"C_SignInit\"], every = 20, drop = \"session\"",
        "function = \"C_Sign\", every = 20, drop = \"login\"",
        "function = \"any\", every = 3, delay = \"5ms\", code_after = \"CKR_FUNCTION_FAILED\"",
    ] {
        let outcome = run(&call_fault("at = \"10s\"", call), 1);
        assert!(!struck(&outcome).is_empty(), "{call}");
        let late_ns = outcome.history.begin_ns + 55_000_000_000;
        let mut operations = outcome.history.notes.operations.iter();
        let works = operations.any(|one| one.is_ok() && one.end_ns > late_ns);
        assert!(works, "{call}: the application works to the end");
    }
}

fn report(steps: &str) -> (Report, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scripted.toml");
    std::fs::write(&path, drill(steps)).unwrap();
    let options = VirtualOptions {
        drill: path.to_str().unwrap().to_owned(),
        seed: None,
        report: Some(folder.path().join("report")),
        compare: Compare::Nothing,
    };
    let report = run_virtual(&options, &mut std::io::sink()).unwrap();
    let page = std::fs::read_to_string(folder.path().join("report/report.html")).unwrap();
    (report, page)
}

#[test]
fn a_report_shows_what_was_scripted_and_blames_no_member_for_it() {
    let asserts = "[[step]]\nname = \"met\"\nat = \"20s\"\ndo = \"assert\"\n\
                   that = [\"calls_struck > 10\", \"calls_failed = 0\", \"error_rate = 0\"]\n\
                   [expect]\nerror_rate_max = \"0 %\"\ncodes_permitted = []\nfailovers = \"0\"\n\
                   error_window_max = \"0s\"\nrto_max = \"0s\"\nsometimes = [\"call.struck\"]\n\
                   [expect.during]\nerror_rate_max = \"0 %\"\n";
    let (met, page) = report(&(call_fault("at = \"10s\"\nfor = \"20s\"", EVERY_TENTH) + asserts));
    assert_eq!(met.verdict, Verdict::Pass, "{:#?}", met.expectations);
    assert!(met.metrics.scripted > 50 && met.metrics.calls.failed == 0);
    assert_eq!((met.faults.len(), met.faults[0].from_ms as u64), (1, 10_000));
    let fault =
        "fault F1, step calls: call.fault C_Sign every=10 code=CKR_DEVICE_ERROR, 10.0 s to 30.0 s";
    assert!(page.contains("scripted calls") && page.contains(fault));

    // One that strikes nothing proves nothing.
    let (idle, _) = report(&call_fault("at = \"10s\"", "function = \"C_Digest\", delay = \"1s\""));
    assert_eq!(idle.verdict, Verdict::Inconclusive);
    assert_eq!(idle.metrics.scripted, 0);
}

#[test]
fn an_application_that_does_not_try_again_fails_the_same_drill() {
    let once =
        drill(&(call_fault("at = \"10s\"", EVERY_TENTH) + "[expect]\nerror_rate_max = \"0 %\"\n"));
    let once = once.replace("times = 3", "times = 0");
    let drill = Drill::parse(&once, "d.toml").unwrap();
    let outcome = simulate(&Plan::of_drill(&drill, 1).unwrap()).unwrap();
    let operations = &outcome.history.notes.operations;
    let failed = operations.iter().filter(|operation| !operation.is_ok()).count();
    assert_eq!(failed, struck(&outcome).len());
    assert!(failed > 50);
}
