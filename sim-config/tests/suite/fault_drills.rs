//! The drills of single faults: there are two for each, they have names, and they are short.

use std::time::Duration;

use hsmsim_sim_config::{Action, Administration, Aspect, Drill, FAULTS, Topology};

#[test]
fn every_fault_has_a_drill_that_shows_that_it_bites_and_one_that_shows_that_it_heals() {
    let mut names = Vec::new();
    for spec in FAULTS {
        for aspect in Aspect::ALL {
            let drill = Drill::of_fault(spec.id, aspect).unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(drill.name, format!("faults/{}/{aspect}", spec.id));
            let sets = |action: &Action| match action {
                Action::Fault(fault) => fault.spec.id == spec.id,
                _ => false,
            };
            assert!(drill.steps.iter().any(|step| sets(&step.action)), "{} sets it", drill.name);
            names.push(drill.name);
        }
    }
    assert_eq!(Drill::fault_names(), names, "none beside, in the order of the table");
}

#[test]
fn the_drills_of_faults_are_short_and_fit_their_topologies() {
    for name in Drill::fault_names() {
        let drill = Drill::shipped(name).unwrap_or_else(|e| panic!("{e}"));
        let topology = Topology::resolve(&drill.topology).unwrap_or_else(|e| panic!("{e}"));
        drill.check(&topology).unwrap_or_else(|e| panic!("{e}"));
        let real = drill.real_duration(&topology);
        assert!(real <= Duration::from_secs(70), "{name} takes {real:?}");
        let destroys = drill.steps.iter().any(|step| match &step.action {
            Action::Fault(fault) => fault.spec.destroys_keys,
            action => matches!(
                action,
                Action::Administer(
                    Administration::Replace { .. } | Administration::InitPartitions { .. }
                )
            ),
        });
        assert_eq!(drill.allow_data_loss, destroys, "{name} says so if it has to, and only then");
        let lines = Drill::shipped_text(name).unwrap_or_default().lines().count();
        assert!(lines <= 60, "{name} has {lines} lines");
        assert!(drill.seed.is_some() && drill.time_scale.is_some(), "{name}");
        assert!(!drill.hypothesis.contains(". "), "{name}: one sentence");
        let word = name.rsplit('/').next().unwrap_or_default();
        assert_eq!(drill.tags, ["fault", word], "{name}");
    }
}

#[test]
fn a_drill_of_a_fault_is_found_by_its_name_and_by_the_path_of_its_file() {
    let named = Drill::resolve("faults/device.hang/bites").unwrap_or_else(|e| panic!("{e}"));
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/drills/faults/device.hang.bites.toml");
    let read = Drill::resolve(path).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!((read.name, read.steps), (named.name, named.steps));
    for (name, words) in [
        ("faults/device.hang/byte", "did you mean \"faults/device.hang/bites\"?"),
        ("faults/device.hang", "there is no drill"),
        ("./faults/device.hang/bites", "cannot be read"),
        ("faults/device.hang/bites.toml", "cannot be read"),
    ] {
        let error = Drill::resolve(name).map(|drill| drill.name).unwrap_err().to_string();
        assert!(error.contains(words), "{name}: {error}");
    }
}
