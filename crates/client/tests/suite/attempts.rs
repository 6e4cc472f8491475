//! When a client tries to bring a lost member back by itself (facts: Luna guide, "Recovery", "HA
//! Auto-Reconnect", `hagroup retry`, `interval`, `recoverymode`).

use std::{sync::Arc, time::Duration};

use hsmsim_network::race;
use hsmsim_types::{ObjectHandle, SessionHandle};

use crate::world::{Events, World};

const SECOND: Duration = Duration::from_secs(1);
const INTERVAL: Duration = Duration::from_secs(60);
const FIRST: &str = "hsm-eus-1";
const CUT: &str = "link.cut client:hsm-eus-1";

/// A client of `ha-dr` with these settings that has a key and has lost its first member.
fn bereaved(settings: &str) -> (World, Events, SessionHandle, ObjectHandle) {
    let (world, events) = World::ha_dr_with(settings).recorded();
    let session = world.officer();
    let (_, key) = world.pair(session, "k");
    world.fault(CUT);
    world.sign(session, key).unwrap();
    assert!(world.client.serving(world.slot).iter().all(|device| device != FIRST));
    (world, events, session, key)
}

/// Calls, one each ten seconds.
fn busy(world: &World, session: SessionHandle, key: ObjectHandle, time: Duration) {
    for _ in 0..time.as_secs() / 10 {
        world.pass(10 * SECOND);
        world.sign(session, key).unwrap();
    }
}

/// Runs the background work of a client for some time, in which it makes no call.
fn idle(world: &World, time: Duration) {
    let background = Arc::clone(&world.client).background();
    let end = world.cluster.clock().sleep(time);
    let run = async {
        race(background, end).await;
        Ok(())
    };
    world.client.run(run).unwrap();
}

fn serves(world: &World) -> bool {
    world.client.serving(world.slot).iter().any(|device| device == FIRST)
}

#[test]
fn recovery_is_off_unless_somebody_turns_it_on() {
    for settings in ["", "preset = \"luna\"", "preset = \"luna-basic\"", "recovery_attempts = 0"] {
        let (world, events, session, key) = bereaved(settings);
        world.heal_all();
        busy(&world, session, key, 600 * SECOND);
        idle(&world, 600 * SECOND);
        assert!(!serves(&world), "{settings}");
        assert_eq!(events.count("recovery_failed", FIRST), 0, "{settings}");
    }
}

#[test]
fn in_passive_mode_an_idle_client_never_recovers_and_a_call_does() {
    let settings = "preset = \"luna-basic\"\nrecovery_attempts = -1";
    let (world, events, session, key) = bereaved(settings);
    world.heal_all();
    idle(&world, 3600 * SECOND);
    assert!(!serves(&world));
    assert_eq!(events.count("member_recovered", FIRST), 0);
    // The background ended with the time above; calls do the work themselves.
    world.sign(session, key).unwrap();
    assert!(serves(&world));
}

#[test]
fn in_active_mode_an_idle_client_recovers() {
    let (world, events, ..) = bereaved("recovery_attempts = -1");
    world.heal_all();
    idle(&world, 2 * INTERVAL);
    assert!(serves(&world));
    assert_eq!(events.count("member_recovered", FIRST), 1);
}

#[test]
fn in_passive_mode_a_busy_client_pays_for_each_attempt_inside_a_call() {
    let settings = "preset = \"luna-basic\"\nrecovery_attempts = -1";
    let (world, _, session, key) = bereaved(settings);
    world.heal_all();
    world.fault("device.power_loss hsm-eus-1");
    let (_, time) = world.timed(|world| world.sign(session, key).unwrap());
    assert!(time >= 10 * SECOND, "the member is silent and the call waits: {time:?}");
    let (_, time) = world.timed(|world| world.sign(session, key).unwrap());
    assert!(time < SECOND, "not twice within the interval: {time:?}");
}

#[test]
fn attempts_are_never_closer_than_the_interval() {
    for mode in ["passive", "activeBasic", "activeEnhanced"] {
        let settings = format!("recovery_attempts = -1\nrecovery_mode = \"{mode}\"");
        let (world, events, session, key) = bereaved(&settings);
        busy(&world, session, key, 600 * SECOND);
        if mode != "passive" {
            idle(&world, 600 * SECOND);
        }
        let times = events.times("recovery_failed", FIRST);
        assert!(times.len() >= 8, "{mode}: {times:?}");
        let lost = events.times("member_lost", FIRST)[0];
        assert!(times[0] >= lost + INTERVAL, "{mode}: {times:?}");
        for pair in times.windows(2) {
            assert!(pair[1] - pair[0] >= INTERVAL, "{mode}: {times:?}");
        }
    }
}

#[test]
fn after_as_many_attempts_as_are_allowed_the_member_stays_lost() {
    let (world, events, session, key) = bereaved("recovery_attempts = 3");
    busy(&world, session, key, 1200 * SECOND);
    assert_eq!(events.count("recovery_failed", FIRST), 3);
    world.heal_all();
    busy(&world, session, key, 600 * SECOND);
    assert!(!serves(&world));
    world.recover();
    assert!(serves(&world), "by hand it is brought back all the same");
}

#[test]
fn attempts_are_counted_anew_after_a_success() {
    let (world, events, session, key) = bereaved("recovery_attempts = 3");
    for round in 1..=3 {
        busy(&world, session, key, 2 * INTERVAL);
        assert_eq!(events.count("recovery_failed", FIRST), 2 * round, "round {round}");
        world.heal_all();
        busy(&world, session, key, INTERVAL);
        assert!(serves(&world), "round {round}");
        world.fault(CUT);
        world.sign(session, key).unwrap();
    }
}

#[test]
fn a_member_whose_reboot_takes_for_ever_stays_down_attempt_after_attempt() {
    let (world, events, session, key) = bereaved("recovery_attempts = -1");
    world.heal_all();
    world.fault("device.restart hsm-eus-1 boot_time=48h");
    busy(&world, session, key, 3600 * SECOND);
    assert!(!serves(&world));
    assert!(events.count("recovery_failed", FIRST) > 30);
    world.pass(48 * 3600 * SECOND);
    world.sign(session, key).unwrap();
    assert!(serves(&world));
}

#[test]
fn basic_recovery_does_not_survive_the_loss_of_all_members_and_enhanced_does() {
    for (mode, survives) in [("activeBasic", false), ("activeEnhanced", true)] {
        let settings = format!("recovery_attempts = -1\nrecovery_mode = \"{mode}\"");
        let (world, _) = World::ha_dr_with(&settings).recorded();
        let session = world.officer();
        let (_, key) = world.pair(session, "k");
        for region in ["eastus", "eastus2"] {
            world.fault(&format!("region.loss {region} for=30s"));
        }
        world.sign(session, key).unwrap_err();
        world.pass(300 * SECOND);
        idle(&world, 600 * SECOND);
        assert_eq!(serves(&world), survives, "{mode}");
        assert_eq!(world.sign(session, key).is_ok(), survives, "{mode}");
    }
}

#[test]
fn a_request_by_hand_happens_at_the_next_call_of_who_runs_and_not_before() {
    let (world, events, session, key) = bereaved("");
    world.heal_all();
    world.another().recover();
    idle(&world, 600 * SECOND);
    assert!(!serves(&world), "an idle client does not hear of it");
    world.sign(session, key).unwrap();
    assert!(serves(&world));
    assert_eq!(events.count("member_recovered", FIRST), 1);
}
