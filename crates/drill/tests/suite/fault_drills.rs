//! For every kind of the fault table a drill that shows that it bites and one that shows that it heals.
//! Each passes; a *bites* drill does not pass without its fault, a *heals* drill fails without what ends
//! the fault.

use hsmsim_drill::{Report, Verdict, simulate::judge_virtual};
use hsmsim_sim_config::{Action, Aspect, Drill, FAULTS, FaultSpec, Recovery, Step, WorkloadSource};

/// What is left out of a *heals* drill, so that the fault is not over.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cure {
    /// The end of the fault: `for`, or a `heal`.
    End,
    /// What the application does about an error: it stays logged out.
    LogIn,
    /// Every step of the operator, since the fault has no end: `ha.recover`, `ha.synchronize`,
    /// `partition.init`, `device.replace`, `role.init`.
    Operator,
}

/// By the column *ends* of the table.
fn cure(spec: &FaultSpec) -> Cure {
    match spec.id {
        _ if spec.lasts => Cure::End,
        "login.lost" => Cure::LogIn,
        _ => Cure::Operator,
    }
}

fn is_fault(step: &Step, spec: &FaultSpec) -> bool {
    matches!(&step.action, Action::Fault(fault) if fault.spec.id == spec.id)
}

fn is_repair(step: &Step) -> bool {
    matches!(
        step.action,
        Action::Recover { .. } | Action::Synchronize { .. } | Action::Administer(_)
    )
}

/// The drill without its fault. If people have to repair what it does, they have nothing to repair then.
fn without_fault(drill: &Drill, spec: &FaultSpec) -> Drill {
    let mut drill = drill.clone();
    let named = |step: &Step| is_fault(step, spec).then(|| step.name.clone());
    let faults: Vec<String> = drill.steps.iter().filter_map(named).collect();
    assert!(!faults.is_empty(), "{} sets no {}", drill.name, spec.id);
    drill.steps.retain(|step| match &step.action {
        Action::Heal { step } => !faults.contains(step),
        Action::Administer(_) => false,
        _ => !is_fault(step, spec),
    });
    drill
}

/// The drill without what ends its fault.
fn without_cure(drill: &Drill, spec: &FaultSpec) -> Drill {
    let mut changed = drill.clone();
    match cure(spec) {
        Cure::End => {
            changed
                .steps
                .retain(|step| !matches!(step.action, Action::Heal { .. } | Action::HealAll));
            for step in &mut changed.steps {
                match &mut step.action {
                    Action::Fault(fault) if fault.spec.id == spec.id => fault.duration = None,
                    _ => {}
                }
            }
        }
        Cure::LogIn => {
            for workload in &mut changed.workloads {
                if let WorkloadSource::Threads(load) = &mut workload.source {
                    load.retry.recover = Recovery::None;
                }
            }
        }
        Cure::Operator => changed.steps.retain(|step| !is_repair(step)),
    }
    assert_ne!(&changed, drill, "{} has nothing that ends its fault", drill.name);
    changed
}

fn run(drill: &Drill) -> Report {
    let seed = drill.seed.unwrap_or_else(|| panic!("{} has no seed", drill.name));
    judge_virtual(drill, seed).unwrap_or_else(|error| panic!("{}: {error}", drill.name))
}

/// What a run came to, for people.
fn told(report: &Report) -> String {
    let mut lines = vec![format!("{}: {}", report.drill, report.verdict.as_str())];
    for it in &report.expectations {
        let mark = if it.met { " " } else { "!" };
        lines.push(format!("  {mark} {}: {}, was {}", it.name, it.wanted, it.measured));
    }
    let codes = report.metrics.failed_codes.iter();
    lines.push(format!("    {:?}", codes.collect::<Vec<_>>()));
    lines.join("\n")
}

/// Codes that the table permits for the faults of a drill.
fn permitted(drill: &Drill) -> Vec<&'static str> {
    let codes = |step: &Step| match &step.action {
        Action::Fault(fault) => fault.spec.permitted_codes,
        _ => &[],
    };
    drill.steps.iter().flat_map(codes).copied().collect()
}

/// Runs every fault's drill of a kind as it is and changed; `refuted` says of the changed run whether it
/// shows that the drill needs what was left out.
fn every_fault(
    aspect: Aspect,
    change: fn(&Drill, &FaultSpec) -> Drill,
    refuted: fn(Verdict) -> bool,
) {
    for spec in FAULTS {
        let drill = Drill::of_fault(spec.id, aspect).unwrap_or_else(|error| panic!("{error}"));
        let report = run(&drill);
        assert_eq!(report.verdict, Verdict::Pass, "{}", told(&report));
        assert_eq!(report.missing_copies, 0, "{}", told(&report));
        let permitted = permitted(&drill);
        for code in report.metrics.failed_codes.keys() {
            assert!(
                permitted.contains(&code.as_str()),
                "the table lacks {code}\n{}",
                told(&report)
            );
        }
        let changed = run(&change(&drill, spec));
        assert!(refuted(changed.verdict), "changed, it still is\n{}", told(&changed));
    }
}

#[test]
fn every_fault_bites_in_its_drill_and_the_drill_does_not_pass_without_it() {
    every_fault(Aspect::Bites, without_fault, |verdict| verdict != Verdict::Pass);
}

/// To be inconclusive is not enough: something has to be worse than after the heal.
#[test]
fn every_fault_heals_in_its_drill_and_the_drill_fails_without_what_ends_it() {
    every_fault(Aspect::Heals, without_cure, |verdict| {
        [Verdict::Fail, Verdict::Broken].contains(&verdict)
    });
}
