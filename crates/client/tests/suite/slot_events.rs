//! C_WaitForSlotEvent: members that leave and return.

use std::{thread, time::Duration};

use crate::world::{World, code};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn an_idle_application_is_told_that_a_member_left_and_that_it_came_back() {
    // A sign of life is asked for every two seconds; a device that hangs is given up after twenty of
    // silence.
    for (fault, from, to) in [("device.power_loss", 0, 3), ("device.hang", 20, 23)] {
        let world = World::ha_dr_with("recovery_attempts = -1");
        let client = &world.client;
        world.officer();
        assert_eq!(code(client.run(client.slot_event())), "CKR_NO_EVENT");
        world.fault(&format!("{fault} hsm-eus-2 for=30s"));
        let wait = || client.run(async { Ok(client.next_slot_event().await) }).unwrap();
        let (slot, left) = world.timed(|_| wait());
        assert_eq!(slot, world.slot);
        assert!(left >= from * SECOND && left < to * SECOND, "{fault}: {left:?}");
        let (slot, returned) = world.timed(|_| wait());
        assert_eq!(slot, world.slot);
        assert!(returned > 60 * SECOND, "{fault}: {returned:?}");
        assert_eq!(code(client.run(client.slot_event())), "CKR_NO_EVENT");
    }
}

#[test]
fn an_event_is_told_once_and_without_blocking_too() {
    let world = World::new("ha-pair");
    let client = &world.client;
    world.officer();
    world.fault("device.restart hsm-eus-1");
    assert_eq!(client.run(client.slot_event()), Ok(world.slot));
    assert_eq!(code(client.run(client.slot_event())), "CKR_NO_EVENT");
}

#[test]
fn finalising_ends_the_wait() {
    let world = World::new("ha-pair");
    let client = &world.client;
    thread::scope(|scope| {
        let wait = scope.spawn(|| client.run(async { Ok(client.next_slot_event().await) }));
        client.shut_down();
        assert_eq!(code(wait.join().unwrap()), "CKR_CRYPTOKI_NOT_INITIALIZED");
    });
}
