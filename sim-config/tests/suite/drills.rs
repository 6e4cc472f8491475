//! Shipped drills, and drill files against the reader.

use std::time::Duration;

use hsmsim_sim_config::{
    Action, Administration, CountRange, Drill, Operation, Phase, Recovery, SOMETIMES, Start, Step,
    Target, Topology, WorkloadSource,
};

use crate::{assert_refused, shipped as topology};

fn shipped(name: &str) -> Drill {
    Drill::shipped(name).unwrap_or_else(|e| panic!("{e}"))
}

/// The drills that take a member away as a whole.
const CLASSIC: [&str; 5] = ["device-loss", "pair-loss", "region-loss", "link-cut", "maintenance"];

fn seconds(s: u64) -> Duration {
    Duration::from_secs(s)
}

#[test]
fn every_shipped_drill_fits_its_topology_and_its_time() {
    let names = Drill::shipped_names();
    assert_eq!(names[..CLASSIC.len()], CLASSIC);
    for name in names {
        let drill = shipped(name);
        assert_eq!(drill.name, name);
        let topology = Topology::resolve(&drill.topology).unwrap_or_else(|e| panic!("{e}"));
        drill.check(&topology).unwrap_or_else(|e| panic!("{e}"));
        let real = drill.real_duration(&topology);
        let most = if name == "device-loss" { 27 } else { 40 };
        assert!(real <= seconds(most), "{name} takes {real:?}");
        assert!(drill.time_scale.is_some(), "{name} says how it compresses time");
        assert_eq!(drill.expect.lost_keys_max.unwrap_or(0), 0);
        let expect = &drill.expect;
        let looks = expect.failovers.is_some() || expect.codes_permitted.is_some();
        assert!(looks || !expect.sometimes.is_empty(), "{name} must have bitten");
        assert!(drill.seed.is_some());
        let destroys = drill.steps.iter().any(|step| match &step.action {
            Action::Fault(fault) => fault.spec.destroys_keys,
            action => matches!(action, Action::Administer(Administration::Replace { .. })),
        });
        assert_eq!(drill.allow_data_loss, destroys, "{name} says so if it has to, and only then");
    }
}

/// A member that is brought back before it has booted stays away, and the drill proves nothing.
#[test]
fn shipped_drills_recover_after_the_devices_have_booted() {
    for name in CLASSIC {
        let drill = shipped(name);
        let boot = topology(&drill.topology).ha.boot_time;
        let recover = drill.steps.iter().find(|s| matches!(s.action, Action::Recover { .. }));
        let recover = recover.unwrap_or_else(|| panic!("{name} recovers")).at;
        for step in &drill.steps {
            if let Action::Fault(fault) = &step.action {
                let boots = fault.spec.id != "link.cut";
                let lasts = fault.duration.unwrap_or_else(|| panic!("{name}: lasts for ever"));
                let back = step.at + lasts + if boots { boot } else { Duration::ZERO };
                assert!(back + seconds(5) <= recover, "{name}: back at {back:?}");
            }
        }
        assert!(recover + seconds(20) <= drill.duration, "{name}: no time to see it work");
    }
}

#[test]
fn device_loss_strikes_the_busiest_member_of_the_first_group() {
    let drill = shipped("device-loss");
    let Action::Fault(fault) = &drill.steps[0].action else { panic!("{:?}", drill.steps) };
    assert_eq!(fault.to_string(), "device.power_loss /busiest for=90s");
    assert_eq!(drill.expect.codes_permitted.as_deref(), Some(&[][..]));
    assert_eq!(drill.expect.error_window_max, Some(Duration::ZERO));
    assert_eq!(drill.expect.failovers, Some(CountRange { min: 1, max: None }));
    let stall = drill.expect.stall_max.unwrap_or_default();
    assert!(stall > topology("ha-dr").ha.receive_timeout && stall < seconds(40));
    let WorkloadSource::Threads(load) = &drill.workloads[0].source else {
        panic!("{:?}", drill.workloads)
    };
    assert_eq!((load.threads, load.rate, load.open_loop), (8, Some(400.0), false));
    assert_eq!(load.mix[0], (Operation::SignEcdsaP256, 600));
    assert!(load.mix.iter().any(|(o, _)| *o == Operation::GenerateRsa));
}

#[test]
fn link_cut_expects_far_less_than_the_receive_timeout() {
    let drill = shipped("link-cut");
    let stall = drill.expect.stall_max.unwrap_or_default();
    assert!(stall * 4 <= topology("ha-dr").ha.receive_timeout);
    let Action::Fault(fault) = &drill.steps[0].action else { panic!("{:?}", drill.steps) };
    assert_eq!(fault.to_string(), "link.cut client:/primary for=40s");
}

/// Eight lines; what a case adds starts at line 9.
const HEAD: &str = "version = 1\nname = \"d\"\ntitle = \"T\"\nhypothesis = \"H\"\nduration = \"2m\"\n[[workload]]\nname = \"w\"\nmix = { find = 1 }\n";

fn drill(added: &str) -> Drill {
    Drill::parse(&format!("{HEAD}{added}"), "d.toml").unwrap_or_else(|e| panic!("{e}"))
}

fn refused(added: &str, line: usize, parts: &[&str]) {
    let text = format!("{HEAD}{added}");
    assert_refused(Drill::parse(&text, "d.toml"), line, parts, &text);
}

#[test]
fn what_is_not_said_has_a_sensible_value() {
    let d = drill("");
    assert_eq!((d.topology.as_str(), d.time_scale, d.seed), ("ha-dr", None, None));
    assert_eq!((d.settle, d.deadline), (seconds(30), None));
    assert_eq!(d.expect.lost_keys_max, None);
    assert_eq!(d.effective_time_scale(&topology("ha-dr")), 1.0);
    let first = &d.workloads[0];
    assert!(first.group.is_none() && first.client.is_none());
    let random = Drill::parse(&format!("seed = \"random\"\n{HEAD}"), "d").map(|d| d.seed);
    assert_eq!(random, Ok(None));
}

#[test]
fn words_of_a_fault_are_those_of_the_table() {
    let step = |answer: &str| {
        format!("[[step]]\nat = \"9s\"\ndo = \"port.blocked\"\ntarget = \"hsm-eus-1\"\n{answer}\n")
    };
    let Action::Fault(fault) = &drill(&step("answer = \"dropped\"")).steps[0].action else {
        panic!("no fault")
    };
    assert_eq!(fault.to_string(), "port.blocked hsm-eus-1 answer=dropped");
    refused(&step("answer = \"droped\""), 13, &["did you mean \"dropped\"?"]);
}

#[test]
fn steps_are_ordered_by_time_and_named() {
    let d = drill(
        r#"
[[step]]
at = "60s"
do = "heal"
step = "slow"
[[step]]
at = "10s"
name = "slow"
do = "link.delay"
target = { from = "eastus", to = { group = "hsmsim-1", pick = "standby" } }
extra = "5ms"
direction = "there"
[[step]]
at = "20s"
do = "device.hang"
target = { group = "hsmsim-0", pick = "all", region = "eastus2" }
for = "5s"
[[step]]
at = "30s"
do = "device.hang"
target = "hsm-eus-1"
[[step]]
at = "61s"
do = "mark"
text = "half time"
[[step]]
at = "62s"
do = "heal_all"
[[step]]
at = "63s"
do = "ha.recover"
group = "hsmsim-0"
"#,
    );
    let names: Vec<&str> = d.steps.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(
        names,
        ["slow", "device.hang", "device.hang #3", "heal", "mark", "heal_all", "ha.recover"]
    );
    let Action::Fault(slow) = &d.steps[0].action else { panic!("{:?}", d.steps[0]) };
    assert_eq!(slow.to_string(), "link.delay eastus:hsmsim-1/standby direction=there extra=5ms");
    assert!(matches!(slow.target, Target::Link { .. }));
    d.check(&topology("ha-dr")).unwrap_or_else(|e| panic!("{e}"));
}

#[test]
fn an_external_workload_brings_its_own_calls() {
    let text =
        HEAD.replace("mix = { find = 1 }", "external = true\ncommand = [\"openssl\", \"speed\"]");
    let d = Drill::parse(&text, "d").unwrap_or_else(|e| panic!("{e}"));
    let command = vec!["openssl".to_owned(), "speed".to_owned()];
    assert_eq!(d.workloads[0].source, WorkloadSource::External { command });
    let both = HEAD.replace("mix =", "external = true\nmix =");
    assert_refused(Drill::parse(&both, "d"), 9, &["\"mix\" has no meaning"], &both);
    let command = HEAD.replace("mix =", "command = [\"x\"]\nmix =");
    assert_refused(Drill::parse(&command, "d"), 8, &["\"command\" has no meaning"], &command);
}

#[test]
fn wrong_steps_are_refused_where_they_stand() {
    let step = |rest: &str| format!("[[step]]\nat = \"1s\"\n{rest}\n");
    refused(&step("do = \"device.power_los\""), 11, &["did you mean \"device.power_loss\"?"]);
    refused(&step("do = \"heel\""), 11, &["did you mean \"heal\"?"]);
    refused(&step("do = \"device.hang\""), 9, &["needs the key \"target\""]);
    refused(&step("do = \"device.hang\"\ntarget = \"eastus\""), 12, &["strikes a device"]);
    refused(&step("do = \"device.hang\"\ntarget = { pick = \"busyest\" }"), 12, &["\"busiest\""]);
    refused(&step("do = \"device.hang\"\ntarget = { from = \"x\" }"), 12, &["\"from\""]);
    refused(&step("do = \"device.hang\"\ntarget = \"a\"\nfro = \"9s\""), 13, &["\"for\""]);
    refused(&step("do = \"device.hang\"\ntarget = \"a\"\nextra = \"9s\""), 13, &["\"extra\""]);
    refused(&step("do = \"device.restart\"\ntarget = \"a\"\nfor = \"9s\""), 13, &["does not last"]);
    refused(&step("do = \"link.delay\"\ntarget = \"a\""), 9, &["needs \"extra\""]);
    refused(&step("do = \"region.loss\"\ntarget = { pick = \"all\" }"), 12, &["strikes a region"]);
    refused(&step("do = \"heal\"\nstep = \"x\""), 9, &["no lasting fault"]);
    refused(&step("do = \"wait\"\ntarget = \"a\""), 12, &["unknown key \"target\""]);
    refused("[[step]]\nat = \"3m\"\ndo = \"wait\"\n", 10, &["after the end"]);
    let named = "[[step]]\nat = \"1s\"\nname = \"n\"\ndo = \"wait\"\n".repeat(2);
    refused(&named, 13, &["\"n\" is defined twice"]);
}

#[test]
fn a_call_fault_is_a_step_with_the_keys_of_its_own_table() {
    let step = |rest: &str| format!("[[step]]\nat = \"1s\"\ndo = \"call.fault\"\n{rest}\n");
    let said = step(
        "name = \"calls\"\nfor = \"20s\"\ncall = { function = [\"C_Sign\", \"C_Verify\"], nth = 3, \
         code = \"CKR_DEVICE_ERROR\", delay = \"5ms\" }\n\
         [[step]]\nat = \"9s\"\ndo = \"heal\"\nstep = \"calls\"",
    );
    let drill = drill(&said);
    let Action::CallFault { fault, duration } = &drill.steps[0].action else {
        panic!("{:?}", drill.steps)
    };
    let text = "C_Sign,C_Verify nth=3 delay=5ms code=CKR_DEVICE_ERROR";
    assert_eq!((fault.to_string(), *duration), (text.to_owned(), Some(seconds(20))));
    assert_eq!(drill.steps[0].length(), seconds(20));

    let call = |keys: &str| step(&format!("call = {{ function = \"C_Sign\", {keys} }}"));
    refused(&step(""), 9, &["needs the key \"call\""]);
    refused(&step("target = \"hsm-eus-1\""), 12, &["unknown key \"target\""]);
    refused(&call("evry = 3, delay = \"1s\""), 12, &["\"evry\"", "did you mean \"every\"?"]);
    refused(&call("code = \"CKR_DEVICE_EROR\""), 12, &["CKR_DEVICE_ERROR"]);
    refused(&call("nth = 3"), 12, &["say what becomes of the call"]);
    refused(&step("call = { code = \"CKR_DEVICE_ERROR\" }"), 12, &["\"function\""]);
    refused(&step("call = { function = \"C_Sing\", delay = \"1s\" }"), 12, &["C_Sign"]);
}

#[test]
fn keys_are_destroyed_only_on_purpose() {
    for (what, whom) in
        [("device.zeroize", "target"), ("device.replace", "device"), ("partition.init", "device")]
    {
        let step = format!("[[step]]\nat = \"1s\"\ndo = \"{what}\"\n{whom} = \"hsm-eus-1\"\n");
        refused(&step, 9, &[what, "allow_data_loss = true"]);
        let allowed = format!("allow_data_loss = true\n{HEAD}{step}");
        assert!(Drill::parse(&allowed, "d").is_ok(), "{what}");
    }
}

#[test]
fn wrong_expectations_are_refused() {
    refused("[expect]\nstal_max = \"1s\"\n", 10, &["\"stall_max\""]);
    refused("[expect]\nfailovers = \"2..1\"\n", 10, &["\"2..1\""]);
    refused("[expect]\nfailovers = \"many\"\n", 10, &["\"1..2\""]);
    refused("[expect]\ncodes_permitted = [\"DEVICE_ERROR\"]\n", 10, &["CKR_"]);
    refused("[expect]\nsometimes = [\"ha.failovr\"]\n", 10, &["did you mean \"ha.failover\"?"]);
    let d = drill("[expect]\nfailovers = \"1..2\"\nsometimes = [\"ha.copy_owed\"]\n");
    let range = d.expect.failovers.unwrap_or_else(|| panic!("no range"));
    assert!(!range.contains(0) && range.contains(2) && !range.contains(3));
    assert_eq!((range.to_string(), d.expect.sometimes), ("1..2".to_owned(), vec!["ha.copy_owed"]));
    assert!(SOMETIMES.iter().all(|(word, help)| word.contains('.') && !help.is_empty()));
}

#[test]
fn workloads_are_checked() {
    refused("rate = \"400\"\n", 9, &["\"400/s\""]);
    refused("[[workload]]\nname = \"w\"\nmix = { find = 1 }\n", 9, &["defined twice"]);
    refused("[[workload]]\nname = \"v\"\nmix = { fnd = 1 }\n", 11, &["did you mean \"find\"?"]);
    refused("[[workload]]\nname = \"v\"\nmix = {}\n", 11, &["no operation"]);
    refused("[[workload]]\nname = \"v\"\nmix = { find = 0 }\n", 11, &["from 1"]);
    let none = "version = 1\nname = \"d\"\nduration = \"1m\"\n";
    assert_refused(Drill::parse(none, "d"), 1, &["needs a [[workload]]"], none);
    let late = format!("deadline = \"1m\"\n{HEAD}");
    assert_refused(Drill::parse(&late, "d"), 1, &["before the end"], &late);
}

#[test]
fn names_that_only_a_topology_can_judge_point_at_their_step() {
    let step = "[[step]]\nat = \"1s\"\ndo = \"device.hang\"\ntarget = \"hsm-wus-1\"\n";
    let refusal = drill(step).check(&topology("ha-dr"));
    assert_refused(refusal, 9, &["no device \"hsm-wus-1\""], step);
    let recover = "\n[[step]]\nat = \"1s\"\ndo = \"ha.recover\"\ngroup = \"nobody\"\n";
    assert_refused(drill(recover).check(&topology("ha-dr")), 10, &["\"nobody\""], recover);
    let d = drill("group = \"tls\"\n");
    let error = d.check(&topology("ha-dr")).expect_err("no such group");
    assert!(error.to_string().contains("workload w: there is no group \"tls\""), "{error}");
}

#[test]
fn a_drill_finds_its_topology_beside_itself() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("drill.toml");
    let write = |topology: &str| {
        std::fs::write(&path, format!("topology = \"{topology}\"\n{HEAD}")).expect("written");
        Drill::load(&path).unwrap_or_else(|e| panic!("{e}")).topology
    };
    assert_eq!(write("mine.toml"), directory.path().join("mine.toml").display().to_string());
    assert_eq!(write("ha-pair"), "ha-pair");
    assert_eq!(write("/etc/x.toml"), "/etc/x.toml");
}

fn step_at<'d>(drill: &'d Drill, name: &str) -> &'d Step {
    drill.steps.iter().find(|s| s.name == name).unwrap_or_else(|| panic!("no step {name}"))
}

#[test]
fn a_step_waits_for_another_for_a_group_or_for_an_event() {
    let d = drill(
        r#"
[[step]]
name = "last"
after = "storm"
delay = "5s"
do = "snapshot"
[[step]]
name = "storm"
at = "10s"
[[step.parallel]]
do = "device.hang"
target = "hsm-eus-1"
for = "20s"
[[step.parallel]]
name = "pause"
do = "wait"
for = "30s"
[[step]]
when = { event = "ha.failover", count = 3, within = "1m" }
delay = "2s"
do = "assert"
that = ["hsm-eus-1 is down", "lost_keys = 0"]
[[step]]
when = "call.failed"
do = "heal"
step = "storm"
[[step]]
after = "device.hang"
do = "run"
command = ["true"]
"#,
    );
    d.check(&topology("ha-dr")).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(step_at(&d, "last").at, seconds(45));
    assert_eq!(step_at(&d, "run").at, seconds(30));
    let hang = step_at(&d, "device.hang");
    assert_eq!((hang.at, hang.group.as_deref()), (seconds(10), Some("storm")));
    let assert = step_at(&d, "assert");
    let (within, delay) = (seconds(60), seconds(2));
    let when = Start::When { event: "ha.failover", count: 3, within, delay };
    assert_eq!((&assert.start, assert.at), (&when, seconds(2)));
}

#[test]
fn a_start_that_cannot_be_is_refused() {
    let step = |rest: &str| format!("[[step]]\n{rest}\ndo = \"wait\"\n");
    refused(&step(""), 9, &["\"at\", \"after\" or \"when\""]);
    refused(&step("at = \"1s\"\nafter = \"x\""), 9, &["both say when"]);
    refused(&step("at = \"1s\"\ndelay = \"1s\""), 11, &["\"delay\" goes with"]);
    refused(&step("after = \"x\""), 9, &["no step \"x\""]);
    refused(&step("name = \"a\"\nafter = \"a\""), 9, &["waits for itself"]);
    refused(&step("when = \"ha.failovr\""), 10, &["did you mean \"ha.failover\"?"]);
    refused(&step("when = { event = \"ha.failover\", within = \"1h\" }"), 10, &["after the end"]);
    let late = "[[step]]\nname = \"a\"\nat = \"1m\"\ndo = \"wait\"\nfor = \"50s\"\n";
    let after = format!("{late}[[step]]\nafter = \"a\"\ndelay = \"11s\"\ndo = \"wait\"\n");
    refused(&after, 14, &["after the end"]);
    let group =
        "[[step]]\nat = \"1s\"\nname = \"g\"\n[[step.parallel]]\ndo = \"wait\"\nat = \"2s\"\n";
    refused(group, 14, &["unknown key \"at\""]);
    let asserted = "[[step]]\nat = \"1s\"\ndo = \"assert\"\nthat = [\"keys >\"]\n";
    refused(asserted, 12, &["no number"]);
    let device = "[[step]]\nat = \"1s\"\ndo = \"assert\"\nthat = [\"hsm-x is up\"]\n";
    assert_refused(drill(device).check(&topology("ha-dr")), 9, &["no device \"hsm-x\""], device);
}

#[test]
fn members_are_picked_by_number_part_and_chance() {
    for (pick, text) in [("2", "/2"), ("\"50%\"", "/50%"), ("\"one\"", "/one"), ("\"3\"", "/3")] {
        let d = drill(&format!(
            "[[step]]\nat = \"1s\"\ndo = \"device.hang\"\ntarget = {{ pick = {pick} }}\n"
        ));
        let Action::Fault(fault) = &d.steps[0].action else { panic!("{:?}", d.steps) };
        assert_eq!(fault.target.to_string(), text);
    }
    let too_many = "[[step]]\nat = \"1s\"\ndo = \"device.hang\"\ntarget = { pick = 5 }\n";
    assert_refused(drill(too_many).check(&topology("ha-dr")), 9, &["asks for 5 of 4"], too_many);
}

#[test]
fn a_load_says_how_it_behaves() {
    let added = r#"threads = 8
rate = "400/s"
loop = "open"
payload = 4096
key_label = "tls-{n}"
processes = 2
client = { region = "westus2" }
retry = { times = 2, codes = ["CKR_DEVICE_ERROR"], pause = "1s", recover = "finalize" }
"#;
    let d = drill(added);
    let WorkloadSource::Threads(load) = &d.workloads[0].source else { panic!("{d:?}") };
    assert!(load.open_loop && load.payload == Some(4096) && load.key_label == "tls-{n}");
    assert_eq!((load.retry.times, load.retry.recover), (2, Recovery::Finalize));
    assert_eq!(d.workloads[0].processes, 2);
    refused("loop = \"open\"\n", 9, &["needs a \"rate\""]);
    refused("rate = \"1/s\"\nthink = \"1s\"\n", 10, &["both say when"]);
    refused("retry = { recover = \"finalise\" }\n", 9, &["did you mean \"finalize\"?"]);
}

#[test]
fn expectations_have_phases() {
    let d = drill(
        r#"
[expect]
duplicate_keys_max = 0
rpo_age_max = "5s"
[expect.before]
latency = ["p99 < 12ms", "max <= 1s"]
error_rate_max = "0 %"
[expect.during]
throughput_min = "100/s"
[expect.after]
rto_max = "25s"
inventory_equal_within = "90s"
recovered_members = "1.."
[abort]
when = ["error_rate > 50 %"]
grace = "10s"
[report]
formats = ["json", "html"]
bucket = "1s"
"#,
    );
    assert_eq!(
        d.phases.keys().copied().collect::<Vec<_>>(),
        [Phase::Before, Phase::During, Phase::After]
    );
    assert_eq!(d.phases[&Phase::Before].latency.len(), 2);
    assert_eq!(d.abort.as_ref().map(|abort| abort.grace), Some(seconds(10)));
    assert_eq!(d.report.formats.as_deref(), Some(&["json", "html"][..]));
    refused("[expect.during]\nrto_max = \"1s\"\n", 10, &["unknown key \"rto_max\""]);
    refused("[expect]\nerror_rate_max = \"120 %\"\n", 10, &["part of a hundred"]);
    refused("[expect]\nlatency = [\"p98 < 1s\"]\n", 10, &["p50, p90"]);
    refused("[abort]\nwhen = []\n", 10, &["no condition"]);
    refused("[report]\nformats = [\"pdf\"]\n", 10, &["\"pdf\""]);
    let settle = Drill::parse(&format!("repeat = 3\n{HEAD}[settle]\nlength = \"7s\"\n"), "d");
    let settle = settle.unwrap_or_else(|e| panic!("{e}"));
    assert_eq!((settle.settle, settle.repeat), (seconds(7), 3));
}
