//! dev, status, fault, ha, partition, role, reset.

use std::process::Stdio;

use crate::Run;

#[test]
fn dev_tells_module_state_topology_and_slots() {
    let run = Run::new("ha-dr");
    let dev = run.json(&["dev", "--json"]);
    assert!(dev["module"].as_str().unwrap().ends_with("libhsmsim_pkcs11.so"));
    assert!(dev["state"].as_str().unwrap().ends_with("state"));
    assert_eq!(dev["topology"], "ha-dr");
    let slots = dev["slots"].as_array().unwrap();
    assert_eq!(slots.len(), 10);
    assert_eq!((slots[0]["id"].as_u64(), &slots[0]["label"]), (Some(1), &"hsmsim-0".into()));
    assert_eq!(
        (&slots[0]["user_pin"], &slots[0]["so_pin"]),
        (&"12345678".into(), &"87654321".into())
    );
    assert_eq!((&slots[1]["initialized"], &slots[1]["user_pin"]), (&false.into(), &().into()));
    let text = run.ok(&["dev"]);
    for line in ["pkcs11-tool --module", "openssl", "p11tool --provider", "no real key"] {
        assert!(text.contains(line), "{line}\n{text}");
    }
}

#[test]
fn status_shows_a_device_without_power_until_the_fault_is_healed() {
    let run = Run::new("ha-dr");
    run.ok(&["fault", "add", "device.power_loss", "hsm-eus-1", "--for", "90s"]);
    let status = run.json(&["status", "--json"]);
    let device = &status["devices"][0];
    assert_eq!((&device["id"], &device["power"]), (&"hsm-eus-1".into(), &"off".into()));
    assert_eq!((&device["region"], &device["stamp"]), (&"eastus".into(), &1.into()));
    assert_eq!(device["partitions"][0]["label"], "hsmsim-0");
    let member = &status["groups"][0]["members"][0];
    assert_eq!((&member["device"], &member["status"]), (&"hsm-eus-1".into(), &"down".into()));
    assert_eq!(status["faults"].as_array().unwrap().len(), 1);
    assert_eq!(run.ok(&["fault", "heal", "--all"]), "1 fault healed\n");
    let status = run.json(&["status", "--json"]);
    assert_eq!(status["devices"][0]["power"], "refusing", "it boots");
    assert!(status["faults"].as_array().unwrap().is_empty());
}

#[test]
fn a_typing_error_is_answered_with_the_nearest_word() {
    let run = Run::new("ha-dr");
    for (arguments, word) in [
        (["fault", "add", "device.powerloss", "hsm-eus-1"], "device.power_loss"),
        (["fault", "add", "device.power_loss", "hsm-eus1"], "hsm-eus-1"),
        (["fault", "add", "region.loss", "estus"], "eastus"),
    ] {
        let text = run.ends_with(1, &arguments);
        assert!(text.contains(word), "{arguments:?}: {text}");
    }
    run.ends_with(1, &["fault", "heal", "77"]);
    run.ends_with(1, &["no-such-command"]);
}

#[test]
fn every_kind_of_fault_is_listed() {
    let text = Run::new("single").ok(&["fault", "kinds"]);
    let width = |line: &str| line.chars().count();
    assert_eq!(text.lines().find(|line| width(line) > 100), None);
    for kind in ["device.power_loss", "device.hang", "link.cut", "link.hold", "region.isolate"] {
        assert!(text.contains(kind), "{kind}");
    }
}

#[test]
fn recover_says_which_member_stays_away() {
    let run = Run::new("ha-pair");
    let text = run.ok(&["ha", "recover"]);
    assert!(text.contains("up, 0 copied"), "{text}");
    run.ok(&["fault", "add", "link.cut", "client:hsm-eus-2"]);
    let text = run.ends_with(2, &["ha", "recover"]);
    assert!(text.contains("hsm-eus-2") && text.contains("refuses"), "{text}");
    assert!(text.contains("link.cut") && text.contains("hsmsim fault heal 1"), "{text}");
    run.ok(&["fault", "heal", "--all"]);
    run.ok(&["ha", "synchronize"]);
}

#[test]
fn a_partition_is_initialised_and_cleared_only_when_somebody_means_it() {
    let run = Run::new("ha-dr");
    run.ends_with(1, &["partition", "clear", "--group", "hsmsim-0"]);
    assert!(run.json(&["dev", "--json"])["slots"][0]["initialized"].as_bool().unwrap());
    run.ok(&["partition", "clear", "--group", "hsmsim-0", "--yes"]);
    assert!(!run.json(&["dev", "--json"])["slots"][0]["initialized"].as_bool().unwrap());
    run.ok(&["partition", "init", "--group", "hsmsim-3", "--label", "mine", "--yes"]);
    let status = run.json(&["status", "--json"]);
    assert_eq!(status["devices"][3]["partitions"][3]["label"], "mine");
    run.ok(&["role", "init", "cu", "--pin", "crypto-user", "--group", "hsmsim-3"]);
    let text = run.ends_with(1, &["partition", "init", "--group", "hsmsim-33", "--yes"]);
    assert!(text.contains("did you mean \"hsmsim-3\""), "{text}");
}

#[test]
fn nobody_administers_a_device_without_power() {
    let run = Run::new("ha-pair");
    run.ok(&["fault", "add", "device.power_loss", "hsm-eus-2"]);
    let group = ["--group", "hsmsim-0"];
    for arguments in [
        [&["partition", "init", "--yes"][..], &group].concat(),
        [&["partition", "clear", "--yes"][..], &group].concat(),
        [&["role", "init", "co", "--pin", "another-pin"][..], &group].concat(),
    ] {
        let text = run.ends_with(1, &arguments);
        assert!(text.contains("hsm-eus-2 has no power; fault 1"), "{text}");
        assert!(text.contains("hsmsim fault heal 1"), "{text}");
    }
    // The member that has power is as it was.
    let status = run.json(&["status", "--json"]);
    assert_eq!(status["devices"][0]["partitions"][0]["initialized"], true);
    assert_eq!(status["devices"][1]["faults"], serde_json::json!([1]));
}

#[test]
fn looking_at_a_topology_makes_no_state() {
    let run = Run::new("ha-dr");
    assert!(run.ok(&["topology", "show"]).contains("hsm-eus-1"));
    run.ok(&["topology", "check"]);
    assert!(!run.folder.path().join("state").exists());
}

#[test]
fn long_work_says_how_far_it_is_and_all_output_fits() {
    let run = Run::new("global");
    let output = run.output(&["dev"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.is_empty() || said.contains("setting up partitions: "), "{said}");
    for arguments in [&["status"][..], &["topology", "check"], &["topology", "list"]] {
        let output = run.output(arguments);
        let text = String::from_utf8_lossy(&output.stdout);
        let long = text.lines().find(|line| line.chars().count() > 100);
        assert_eq!(long, None, "{arguments:?}");
    }
}

#[test]
fn wrong_pins_of_the_hsm_so_are_counted_and_lock() {
    let run = Run::new("single");
    let wrong = ["partition", "clear", "--group", "hsmsim-0", "--yes", "--hsm-so-pin", "0000"];
    for _ in 0..10 {
        let text = run.ends_with(1, &wrong);
        assert!(text.contains("CKR_PIN_INCORRECT"), "{text}");
    }
    let text = run.ends_with(1, &wrong[..5]);
    assert!(text.contains("CKR_PIN_LOCKED"), "{text}");
    assert!(run.json(&["dev", "--json"])["slots"][0]["initialized"].as_bool().unwrap());
}

#[test]
fn reset_begins_anew() {
    let run = Run::new("single");
    run.ok(&["partition", "clear", "--group", "hsmsim-0", "--yes"]);
    run.ok(&["fault", "add", "device.hang", "hsm-eus-1"]);
    run.ends_with(1, &["reset"]);
    run.ok(&["reset", "--yes"]);
    assert!(run.json(&["dev", "--json"])["slots"][0]["initialized"].as_bool().unwrap());
    assert!(run.json(&["fault", "list", "--json"]).as_array().unwrap().is_empty());
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let run = Run::new("ha-dr");
    let mut child = run.command(&["topology", "show"]).stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn a_zeroized_member_that_is_initialised_anew_takes_its_group_s_keys_again() {
    let run = Run::new("ha-pair");
    let module = run.ok(&["dev", "--module"]);
    let dev = run.json(&["dev", "--json"]);
    assert_eq!(dev["module"].as_str(), Some(module.trim()));
    run.ok(&["fault", "add", "device.zeroize", "hsm-eus-2"]);
    let partitions = run.json(&["status", "--json"])["devices"][1]["partitions"].clone();
    let partitions = partitions.as_array().unwrap();
    assert_eq!(partitions.len(), 10);
    assert!(partitions.iter().all(|partition| partition["initialized"] == false));
    let target = ["--device", "hsm-eus-2", "--partition", "0", "--yes"];
    let wrong = [&["partition", "init"][..], &target, &["--so-pin", "00000000"]].concat();
    assert!(run.ends_with(1, &wrong).contains("CKR_PIN_INCORRECT"));
    run.ok(&[&["partition", "init"][..], &target].concat());
    run.ok(&["ha", "synchronize"]);
    let status = run.json(&["status", "--json"]);
    assert_eq!(status["devices"][1]["partitions"][0]["label"], "hsmsim-0");
    assert_eq!(status["groups"][0]["needs_sync"], false);
}

#[test]
fn a_replaced_device_has_another_serial_number_and_its_group_s_keys() {
    let run = Run::new("ha-pair");
    let device = |run: &Run| run.json(&["status", "--json"])["devices"][0].clone();
    let before = device(&run)["partitions"][0]["serial"].clone();
    run.ok(&["fault", "add", "device.power_loss", "hsm-eus-1"]);
    run.ends_with(1, &["device", "replace", "hsm-eus-1"]);
    let text = run.ok(&["device", "replace", "hsm-eus-1", "--yes"]);
    assert!(text.contains("hsmsim-0 has serial") && text.contains("objects copied"), "{text}");
    let after = device(&run);
    assert_eq!((&after["power"], &after["faults"]), (&"on".into(), &serde_json::json!([])));
    assert_ne!(after["partitions"][0]["serial"], before);
    assert_eq!(after["partitions"][0]["label"], "hsmsim-0");
    run.ok(&["reset", "--yes"]);
    assert_eq!(device(&run)["partitions"][0]["serial"], before);
}

#[test]
fn a_device_that_is_activated_again_has_no_fault_left() {
    let run = Run::new("ha-pair");
    run.ok(&["fault", "add", "partition.deactivate", "hsm-eus-1", "partition=0"]);
    assert!(run.ok(&["fault", "list"]).contains("partition.deactivate hsm-eus-1 partition=0"));
    assert!(run.ok(&["status"]).contains("0 hsmsim-0 (0, deactivated)"));
    run.ok(&["device", "activate", "hsm-eus-1"]);
    assert!(run.ok(&["fault", "list"]).contains("no faults"));
    assert!(run.ok(&["status"]).contains("0 hsmsim-0 (0)"));
}
