//! Faults of devices that have power, and what an application sees of them through a group. Each is
//! seen to bite and to heal.

use std::time::Duration;

use hsmsim_sim_config::Profile;
use hsmsim_types::{Attribute, Role, ck::*};

use crate::world::{USER_PIN, World, code};

/// Sets a fault on every device of the pair: no other member can hide it.
fn strike(world: &World, fault: &str, rest: &str) {
    for device in ["hsm-eus-1", "hsm-eus-2"] {
        world.fault(&format!("{fault} {device} {rest}"));
    }
}

#[test]
fn a_stalled_device_sends_heartbeats_and_no_client_fails_over() {
    let world = World::new("ha-pair");
    let session = world.officer();
    let (_, key) = world.pair(session, "k");
    world.fault("device.stall hsm-eus-1 for=300s");
    let (signature, took) = world.timed(|world| world.sign(session, key));
    signature.unwrap();
    assert!(took > Duration::from_secs(299), "{took:?}");
    let state = world.client.run(world.client.ha_state(world.slot)).unwrap();
    assert!(state.members.iter().all(|(_, rv)| rv.0 == CKR_OK), "nobody was given up");
}

#[test]
fn a_slow_device_takes_longer_until_it_is_healed() {
    let world = World::new("ha-pair");
    let session = world.officer();
    let (_, key) = world.pair(session, "k");
    let (_, before) = world.timed(|world| world.sign(session, key).unwrap());
    strike(&world, "device.slow", "extra=250ms");
    let (_, slow) = world.timed(|world| world.sign(session, key).unwrap());
    let extra = Duration::from_millis(250);
    assert!(before < extra / 5 && slow > extra, "{before:?} {slow:?}");
    world.heal_all();
    let (_, after) = world.timed(|world| world.sign(session, key).unwrap());
    assert!(after < Duration::from_millis(50), "{after:?}");
}

#[test]
fn an_error_rate_answers_with_its_code_and_nothing_is_given_up() {
    let world = World::new("ha-pair");
    let session = world.officer();
    let (_, key) = world.pair(session, "k");
    strike(&world, "device.error_rate", "probability=1 code=CKR_FUNCTION_FAILED");
    assert_eq!(code(world.sign(session, key)), "CKR_FUNCTION_FAILED");
    world.heal_all();
    world.sign(session, key).unwrap();
}

#[test]
fn a_tampered_device_loses_nothing_and_boots_when_the_event_is_cleared() {
    let world = World::new("ha-pair");
    let session = world.officer();
    let (_, key) = world.pair(session, "k");
    let held = world.holdings(0);
    world.fault("device.tamper hsm-eus-1");
    let (_, took) = world.timed(|world| world.sign(session, key).unwrap());
    assert!(took < Duration::from_secs(1), "it refuses at once: {took:?}");
    world.cluster.heal_all().unwrap();
    world.recover();
    assert!(!world.client.serving(world.slot).contains(&"hsm-eus-1".to_owned()), "it boots");
    world.pass(world.cluster.topology().ha.boot_time);
    world.recover();
    assert!(world.client.serving(world.slot).contains(&"hsm-eus-1".to_owned()));
    assert_eq!(world.holdings(0), held);
}

#[test]
fn a_full_device_makes_no_objects_and_signs() {
    let world = World::new("ha-pair");
    let session = world.officer();
    let (_, key) = world.pair(session, "k");
    strike(&world, "device.memory_full", "");
    assert_eq!(code(world.try_pair(session, "more", true)), "CKR_DEVICE_MEMORY");
    world.sign(session, key).unwrap();
    world.heal_all();
    world.pair(session, "more");
}

#[test]
fn without_entropy_there_are_no_keys_and_no_random_numbers() {
    let world = World::new("ha-pair");
    let session = world.officer();
    let (_, key) = world.pair(session, "k");
    strike(&world, "device.entropy_fail", "");
    assert_eq!(code(world.try_pair(session, "more", true)), "CKR_FUNCTION_FAILED");
    let random = world.client.run(world.client.random(session, 8));
    assert_eq!(code(random), "CKR_RANDOM_NO_RNG");
    world.sign(session, key).unwrap();
    world.heal_all();
    world.pair(session, "more");
}

#[test]
fn a_failed_self_test_refuses_all_cryptography_and_sessions_live_on() {
    let world = World::new("ha-pair");
    let session = world.officer();
    let (_, key) = world.pair(session, "k");
    strike(&world, "device.fips_error", "");
    assert_eq!(code(world.sign(session, key)), "CKR_DEVICE_ERROR");
    assert_eq!(world.find(session, "k").len(), 2, "objects are found");
    world.heal_all();
    world.sign(session, key).unwrap();
}

#[test]
fn dropped_sessions_are_a_member_lost_and_recovered() {
    let world = World::new("ha-pair");
    let session = world.officer();
    let (_, key) = world.pair(session, "k");
    world.fault("session.drop_all hsm-eus-1");
    let (_, took) = world.timed(|world| world.sign(session, key).unwrap());
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert_eq!(world.client.serving(world.slot), ["hsm-eus-2"]);
    world.recover();
    assert_eq!(world.client.serving(world.slot).len(), 2);
    world.sign(session, key).unwrap();
}

#[test]
fn a_session_ceiling_is_reached_and_raised() {
    let world = World::new("ha-pair");
    let session = world.officer();
    strike(&world, "session.exhaust", "max=1");
    let flags = CKF_SERIAL_SESSION | CKF_RW_SESSION;
    let more = || world.client.run(world.client.open_session(world.slot, flags));
    assert_eq!(code(more()), "CKR_SESSION_COUNT");
    world.pair(session, "k");
    world.heal_all();
    more().unwrap();
}

#[test]
fn an_expired_certificate_refuses_new_connections_and_leaves_old_ones_alone() {
    let world = World::new("ha-pair");
    let session = world.officer();
    let (_, key) = world.pair(session, "k");
    world.fault("trust.cert_expired hsm-eus-1");
    let before = world.cluster.served(0);
    world.sign(session, key).unwrap();
    assert!(world.cluster.served(0) > before, "what is connected lives on");
    let other = world.another();
    other.officer();
    assert_eq!(other.client.serving(other.slot), ["hsm-eus-2"]);
    world.heal_all();
    other.recover();
    assert_eq!(other.client.serving(other.slot).len(), 2);
}

#[test]
fn a_flapping_link_is_cut_and_works_by_turns() {
    let world = World::new("ha-pair");
    let session = world.officer();
    let (_, key) = world.pair(session, "k");
    world.fault("link.flap client:hsm-eus-1 down=5s up=10s for=60s");
    world.sign(session, key).unwrap();
    assert_eq!(world.client.serving(world.slot), ["hsm-eus-2"]);
    world.recover();
    assert_eq!(world.client.serving(world.slot), ["hsm-eus-2"], "it is down for five seconds");
    world.pass(Duration::from_secs(6));
    world.recover();
    assert_eq!(world.client.serving(world.slot).len(), 2, "it is up for ten");
    world.pass(Duration::from_secs(10));
    world.sign(session, key).unwrap();
    assert_eq!(world.client.serving(world.slot), ["hsm-eus-2"], "down again");
    world.pass(Duration::from_secs(60));
    world.recover();
    world.pass(Duration::from_secs(60));
    world.sign(session, key).unwrap();
    assert_eq!(world.client.serving(world.slot).len(), 2, "healed");
}

#[test]
fn a_region_in_a_brownout_answers_late() {
    let world = World::new("ha-pair");
    let session = world.officer();
    let (_, key) = world.pair(session, "k");
    world.fault("region.brownout eastus extra=40ms");
    let (_, took) = world.timed(|world| world.sign(session, key).unwrap());
    assert!(took > Duration::from_millis(79), "{took:?}");
    world.heal_all();
    let (_, took) = world.timed(|world| world.sign(session, key).unwrap());
    assert!(took < Duration::from_millis(20), "{took:?}");
}

#[test]
fn a_copy_that_a_full_member_refuses_is_owed_to_it() {
    let world = World::new("ha-pair");
    let session = world.officer();
    world.fault("device.memory_full hsm-eus-2");
    world.pair(session, "k");
    assert_eq!((world.holdings(0).len(), world.holdings(1).len()), (2, 0));
    world.heal_all();
    world.recover();
    assert_eq!(world.holdings(1), world.holdings(0));
}

#[test]
fn a_refused_copy_is_tried_again_at_the_recovery_interval_without_anybody_s_help() {
    for lines in ["", "preset = \"luna\"", "recovery_mode = \"passive\""] {
        let world = World::with("ha-pair", "open", lines);
        let session = world.officer();
        world.fault("device.memory_full hsm-eus-2 for=90s");
        let (_, key) = world.pair(session, "k");
        world.pass(Duration::from_secs(59));
        world.sign(session, key).unwrap();
        world.pass(Duration::from_secs(2));
        world.sign(session, key).unwrap();
        assert!(world.holdings(1).is_empty(), "{lines}: it is full still");
        world.pass(Duration::from_secs(59));
        world.sign(session, key).unwrap();
        assert!(world.holdings(1).is_empty(), "{lines}: an interval has not passed since");
        world.pass(Duration::from_secs(2));
        world.sign(session, key).unwrap();
        assert_eq!(world.holdings(1), world.holdings(0), "{lines}");
    }
}

#[test]
fn a_refused_copy_is_tried_again_when_somebody_asks_whoever_owes_it() {
    let world = World::with("ha-pair", "open", "preset = \"luna\"");
    let session = world.officer();
    world.fault("device.memory_full hsm-eus-2");
    let (_, key) = world.pair(session, "k");
    world.heal_all();
    // The debt is this process's own: another can only ask.
    world.another().recover();
    assert!(world.holdings(1).is_empty());
    world.sign(session, key).unwrap();
    assert_eq!(world.holdings(1), world.holdings(0));
}

#[test]
fn a_refused_copy_that_a_dead_process_owed_is_delivered_by_the_next_one() {
    let world = World::new("ha-pair");
    world.fault("device.memory_full hsm-eus-2");
    world.pair(world.officer(), "k");
    world.client.shut_down();
    world.heal_all();
    let other = world.another();
    let session = other.officer();
    assert!(other.holdings(1).is_empty());
    other.pass(Duration::from_secs(61));
    other.find(session, "k");
    assert_eq!(other.holdings(1), other.holdings(0));
}

#[test]
fn a_device_with_some_room_takes_so_many_objects_and_no_more() {
    let world = World::new("ha-pair");
    let session = world.officer();
    world.pair(session, "before");
    strike(&world, "device.memory_full", "free_objects=3");
    let (_, key) = world.pair(session, "fits");
    assert_eq!(code(world.try_pair(session, "does not", true)), "CKR_DEVICE_MEMORY");
    world.sign(session, key).unwrap();
    assert_eq!(world.holdings(0).len(), 4);
    world.heal_all();
    world.pair(session, "fits again");
}

#[test]
fn a_full_partition_says_so_in_the_profile_s_words_and_leaves_others_room() {
    for (profile, expected) in
        [("open", "CKR_DEVICE_MEMORY"), ("a790", "CKR_MAX_OBJECT_COUNT_EXCEEDED")]
    {
        let world = World::with_profile("ha-pair", profile);
        let session = world.officer();
        strike(&world, "partition.full", "partition=1 free_objects=0");
        world.pair(session, "k");
        strike(&world, "partition.full", "partition=0 free_objects=1");
        assert_eq!(code(world.try_pair(session, "more", true)), expected);
        world.heal_all();
        world.pair(session, "more");
    }
}

#[test]
fn a_group_of_partitions_that_are_full_says_so_and_goes_on() {
    let world = World::with_profile("ha-pair", "a790");
    let session = world.officer();
    let (_, key) = world.pair(session, "k");
    let memory = |world: &World| {
        let info = world.client.run(world.client.token_info(world.slot)).unwrap();
        let (Some(total), Some(free)) = info.private_memory else { panic!("no memory") };
        assert_eq!(info.public_memory, info.private_memory, "one storage for both");
        assert_eq!(total, 3_344_830);
        free
    };
    assert!(memory(&world) > 3_300_000);
    let fill = || {
        let template = [
            Attribute::ulong(CKA_CLASS, CKO_DATA),
            Attribute::bool(CKA_TOKEN, true),
            Attribute::bytes(CKA_VALUE, vec![7; 1_000_000]),
        ];
        world.client.run(world.client.create_object(session, template.into_iter().collect()))
    };
    let last = std::iter::from_fn(|| fill().ok()).last().expect("some fit");
    assert_eq!(code(fill()), "CKR_CONTAINER_OBJECT_STORAGE_FULL");
    assert!(memory(&world) < 1_000_000);
    assert_eq!(world.holdings(0), world.holdings(1));
    world.sign(session, key).unwrap();
    world.pair(session, "small things still fit");
    world.client.run(world.client.destroy_object(session, last)).unwrap();
    fill().unwrap();
}

#[test]
fn a_throttled_device_queues_what_comes_too_fast() {
    let world = World::new("single");
    let session = world.officer();
    let (_, key) = world.pair(session, "k");
    world.sign(session, key).unwrap();
    world.fault("device.throttle hsm-eus-1 per_second=10");
    let (_, took) = world.timed(|world| (0..20).for_each(|_| drop(world.sign(session, key))));
    let about = Duration::from_millis(1900)..Duration::from_millis(2300);
    assert!(about.contains(&took), "{took:?}");
    // Two processes share the device.
    let other = world.another();
    let its = other.officer();
    let (_, took) = world.timed(|_| {
        for _ in 0..10 {
            world.sign(session, key).unwrap();
            other.client.run(other.client.random(its, 8)).unwrap();
        }
    });
    assert!(about.contains(&took), "{took:?}");
    world.heal_all();
    let (_, took) = world.timed(|world| world.sign(session, key).unwrap());
    assert!(took < Duration::from_millis(50), "{took:?}");
}

#[test]
fn a_mechanism_that_one_firmware_lacks_is_invalid_there_alone() {
    let world = World::new("ha-pair");
    let session = world.officer();
    let (_, key) = world.pair(session, "k");
    world.fault("device.firmware_skew hsm-eus-1 mechanisms=CKM_ECDSA,CKM_AES_GCM");
    assert_eq!(code(world.sign(session, key)), "CKR_MECHANISM_INVALID");
    world.pair(session, "pairs are made as before");
    world.fault("link.cut client:hsm-eus-1");
    world.sign(session, key).unwrap();
    world.heal_all();
    world.recover();
    world.sign(session, key).unwrap();
    let nonsense = "device.firmware_skew hsm-eus-1 mechanisms=CKM_NONSENSE".parse().unwrap();
    let refused = world.cluster.add_fault(&nonsense, |_| 0, None).unwrap_err();
    assert!(refused.to_string().contains("no mechanism CKM_NONSENSE"), "{refused}");
}

#[test]
fn a_full_audit_log_stops_cryptography_and_nothing_else() {
    let world = World::new("ha-pair");
    let session = world.officer();
    let (_, key) = world.pair(session, "k");
    strike(&world, "audit.log_full", "for=300s");
    let (found, took) = world.timed(|world| world.find(session, "k"));
    assert!(found.len() == 2 && took < Duration::from_secs(1), "{took:?}");
    let (signature, took) = world.timed(|world| world.sign(session, key));
    signature.unwrap();
    assert!(took > Duration::from_secs(299), "{took:?}");
    assert_eq!(world.client.serving(world.slot).len(), 2, "nobody was given up");
    world.sign(session, key).unwrap();
}

#[test]
fn a_device_that_loses_power_with_a_full_audit_log_is_given_up() {
    let world = World::new("ha-pair");
    let session = world.officer();
    let (_, key) = world.pair(session, "k");
    world.fault("audit.log_full hsm-eus-1");
    world.fault("device.power_loss hsm-eus-1");
    let (_, took) = world.timed(|world| world.sign(session, key).unwrap());
    assert!(took < Duration::from_secs(21), "no heartbeats without power: {took:?}");
}

#[test]
fn a_timed_lock_ends_early_on_a_clock_that_is_fast_and_late_on_one_that_is_slow() {
    let folder = tempfile::tempdir().unwrap();
    let profile = folder.path().join("timed.toml");
    let text = Profile::shipped_text("open").unwrap();
    let rule = "crypto_officer = { limit = 10, effect = \"lock\" }";
    assert!(text.contains(rule), "{text}");
    let timed = "crypto_officer = { limit = 10, effect = \"lock_for\", time = \"10m\" }";
    std::fs::write(&profile, text.replace(rule, timed)).unwrap();
    let login = |world: &World| {
        let other = world.another();
        other.login_as(other.open(), Role::CryptoOfficer, USER_PIN)
    };
    let world = World::with_profile("single", profile.to_str().unwrap());
    world.fault("partition.pin_lock hsm-eus-1");
    assert_eq!(code(login(&world)), "CKR_PIN_LOCKED");
    world.fault("device.clock_skew hsm-eus-1 ahead=11m for=1m");
    login(&world).unwrap();
    world.pass(Duration::from_secs(120));
    world.fault("partition.pin_lock hsm-eus-1");
    world.fault("device.clock_skew hsm-eus-1 behind=1m");
    world.pass(Duration::from_secs(630));
    assert_eq!(code(login(&world)), "CKR_PIN_LOCKED", "ten and a half minutes have passed");
    world.heal_all();
    login(&world).unwrap();
}

#[test]
fn objects_that_one_disk_has_lost_come_back_by_a_synchronisation() {
    let world = World::new("ha-pair");
    let session = world.officer();
    let (public, private) = world.pair(session, "k");
    world.sign(session, private).unwrap();
    world.fault("device.disk_corrupt hsm-eus-1 missing=1 invalid=1");
    assert_eq!(world.holdings(0).len(), 1);
    let read = |world: &World, key| {
        let size = world.client.run(world.client.attributes(session, key, vec![CKA_LABEL]));
        size.err().map(|error| code(Err::<(), _>(error)))
    };
    let mut seen = [read(&world, public), read(&world, private)];
    seen.sort();
    assert_eq!(seen, [Some("CKR_DEVICE_ERROR"), Some("CKR_OBJECT_HANDLE_INVALID")]);
    let group = &world.cluster.topology().groups[0];
    assert!(world.cluster.needs_sync(group).unwrap());
    world.client.run(world.client.ha_synchronize(&group.label)).unwrap();
    assert!(!world.cluster.needs_sync(group).unwrap());
    assert_eq!([read(&world, public), read(&world, private)], [None, None]);
    world.sign(session, private).unwrap();
}

#[test]
fn which_objects_a_disk_loses_the_seed_says() {
    let lost = || {
        let world = World::new("ha-pair");
        let session = world.officer();
        for _ in 0..4 {
            world.pair(session, "k");
        }
        world.fault("device.disk_corrupt hsm-eus-1 missing=3");
        let held = world.holdings(0);
        let all = world.holdings(1);
        all.iter().map(|id| held.contains(id)).collect::<Vec<_>>()
    };
    assert_eq!(lost(), lost());
}

#[test]
fn connections_beyond_a_limit_are_refused_and_those_before_live_on() {
    let world = World::new("ha-pair");
    let session = world.officer();
    let (_, key) = world.pair(session, "k");
    world.fault("client.conn_limit hsm-eus-1 max=1");
    world.sign(session, key).unwrap();
    let other = world.another();
    other.officer();
    assert_eq!(other.client.serving(other.slot), ["hsm-eus-2"]);
    assert_eq!(world.client.serving(world.slot).len(), 2);
    world.heal_all();
    other.recover();
    assert_eq!(other.client.serving(other.slot).len(), 2);
}

#[test]
fn a_client_that_has_lost_a_member_from_its_configuration_sees_no_error() {
    let world = World::new("ha-pair");
    world.fault("client.config_loss hsm-eus-2");
    let other = world.another();
    let session = other.officer();
    other.pair(session, "on one member alone");
    assert_eq!(other.client.serving(other.slot), ["hsm-eus-1"]);
    assert_eq!((other.holdings(0).len(), other.holdings(1).len()), (2, 0));
    assert_eq!(world.client.serving(world.slot).len(), 2, "who runs already has its own");
    world.heal_all();
    assert_eq!(world.another().client.serving(world.slot).len(), 2);
    let label = world.cluster.topology().groups[0].label.clone();
    world.client.run(world.client.ha_synchronize(&label)).unwrap();
    assert_eq!(world.holdings(1), world.holdings(0));
}
