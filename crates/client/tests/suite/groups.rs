//! What a group is, and which slots an application sees (facts: Luna guide, "High-Availability
//! Groups", "Slot Numbering and Behavior", "HA Only Mode").

use futures_util::future::join;
use hsmsim_client::Room;
use hsmsim_partition::api::OperationKind;
use hsmsim_types::{Attribute, SlotId, ck::*};

use crate::world::{World, code};

/// A topology of two devices whose groups have them in this order.
fn groups_of(first: &str, second: &str) -> String {
    let device = |id: &str, stamp: u8| {
        format!("[[device]]\nid = \"{id}\"\nregion = \"eastus\"\nstamp = {stamp}\n")
    };
    let member = |device: &str| format!("{{ device = \"{device}\", partition = 0 }}");
    let members = format!("[{}, {}]", member(first), member(second));
    let group = format!("[[group]]\nlabel = \"g\"\nmembers = {members}\n");
    let devices = device("hsm-a", 1) + &device("hsm-b", 2);
    format!("version = 1\nname = \"order\"\n{devices}{group}")
}

fn member_serials(world: &World) -> (String, Vec<String>) {
    let state = world.client.run(world.client.ha_state(world.slot)).unwrap();
    (state.group_serial, state.members.into_iter().map(|(serial, _)| serial).collect())
}

#[test]
fn a_group_s_serial_is_its_first_member_s_with_a_1_before_it() {
    for (first, second) in [("hsm-a", "hsm-b"), ("hsm-b", "hsm-a")] {
        let world = World::of_text(&groups_of(first, second));
        let (group, members) = member_serials(&world);
        assert_eq!(group, format!("1{}", members[0]));
        let token = world.client.run(world.client.token_info(world.slot)).unwrap();
        assert_eq!(token.serial, group);
    }
    // Another member in the first place is another serial number.
    let serial = |first, second| member_serials(&World::of_text(&groups_of(first, second))).0;
    assert_ne!(serial("hsm-a", "hsm-b"), serial("hsm-b", "hsm-a"));
}

#[test]
fn the_token_of_a_group_is_a_luna_virtual_and_its_slot_a_virtual_card_slot() {
    let world = World::with("ha-pair", "a790", "ha_only = false");
    let slots = world.client.slots(true);
    let said = |slot: SlotId| {
        let info = world.client.slot_info(slot).unwrap();
        let token = world.client.run(world.client.token_info(slot)).unwrap();
        (info.description, info.flags, token.model)
    };
    let group = *slots.iter().find(|&&slot| said(slot).2 == "LunaVirtual").unwrap();
    assert_eq!(said(group).0, "HA Virtual Card Slot");
    assert_eq!(said(group).1, CKF_TOKEN_PRESENT | CKF_HW_SLOT);
    let (description, flags, model) = said(slots[0]);
    assert_eq!((description.as_str(), model.as_str()), ("Net Token Slot", "LunaSA 7.2.0"));
    assert_eq!(flags, CKF_TOKEN_PRESENT | CKF_REMOVABLE_DEVICE | CKF_HW_SLOT);
    let token = world.client.run(world.client.token_info(group)).unwrap();
    assert_eq!(token.label, b"hsmsim-0", "the token's label is the group's");
}

#[test]
fn groups_alone_are_numbered_from_0_on_a_luna_and_keep_their_numbers() {
    let world = World::with_profile("ha-pair", "a790");
    let numbers: Vec<SlotId> = (0..10).map(SlotId).collect();
    assert_eq!(world.client.slots(false), numbers);
    for fault in ["link.cut client:hsm-eus-1", "device.power_loss hsm-eus-2"] {
        world.fault(fault);
        assert_eq!(world.client.slots(false), numbers, "a running client");
        assert_eq!(world.another().client.slots(false), numbers, "one that starts now");
    }
}

#[test]
fn member_slots_come_before_the_groups_and_shift_when_one_is_not_there_at_the_start() {
    let world = World::with("ha-pair", "a790", "ha_only = false");
    // Ten groups of two members each.
    let group_of = |world: &World| {
        let groups = |slot: &SlotId| world.client.run(world.client.ha_state(*slot)).is_ok();
        world.client.slots(false).into_iter().find(groups).unwrap()
    };
    assert_eq!((world.client.slots(false).len(), group_of(&world)), (30, SlotId(20)));
    let serial = |world: &World, slot| {
        world.client.run(world.client.token_info(SlotId(slot))).unwrap().serial
    };
    let second = serial(&world, 1);
    world.fault("link.cut client:hsm-eus-1");
    // The running client keeps an empty slot; a process that starts now finds others.
    assert_eq!((world.client.slots(false).len(), group_of(&world)), (30, SlotId(20)));
    let late = world.another();
    assert_eq!((late.client.slots(false).len(), group_of(&late)), (20, SlotId(10)));
    assert_eq!(serial(&late, 0), second, "the same number is another partition");
    world.heal_all();
    assert_eq!(group_of(&world.another()), SlotId(20));
    assert_eq!(group_of(&late), SlotId(10), "and stays as it was for who runs");
}

#[test]
fn what_is_done_in_a_member_s_slot_is_not_replicated() {
    let world = World::with("ha-pair", "open", "ha_only = false");
    let session = world.officer();
    assert!(world.client.run(world.client.ha_state(world.slot)).is_err(), "a member's slot");
    world.pair(session, "on one alone");
    assert_eq!(world.holdings(0).len(), 2);
    assert!(world.holdings(1).is_empty());
    let group = &world.cluster.topology().groups[0];
    assert!(world.cluster.needs_sync(group).unwrap());
    let label = group.label.clone();
    world.client.run(world.client.ha_synchronize(&label)).unwrap();
    assert_eq!(world.holdings(1), world.holdings(0));
}

#[test]
fn a_member_s_slot_fails_with_its_member_while_the_group_goes_on() {
    let world = World::with("ha-pair", "open", "ha_only = false");
    let session = world.officer();
    let group = SlotId(21);
    world.client.run(world.client.ha_state(group)).unwrap();
    world.fault("link.cut client:hsm-eus-1");
    assert_eq!(code(world.client.run(world.client.random(session, 8))), "CKR_DEVICE_ERROR");
    let open = world.client.open_session(world.slot, CKF_SERIAL_SESSION);
    assert_eq!(code(world.client.run(open)), "CKR_TOKEN_NOT_PRESENT");
    let session = world.client.run(world.client.open_session(group, CKF_SERIAL_SESSION)).unwrap();
    world.client.run(world.client.random(session, 8)).unwrap();
}

#[test]
fn what_a_client_believes_of_a_member_is_its_own() {
    let world = World::new("ha-pair");
    let session = world.officer();
    let (_, key) = world.pair(session, "k");
    let other = world.another();
    world.fault("link.cut client:hsm-eus-1");
    world.sign(session, key).unwrap();
    assert!(!world.usable(0));
    assert!(other.usable(0), "the partition and the other client know nothing of it");
}

#[test]
fn a_key_that_one_member_lacks_fails_only_when_a_call_lands_there() {
    let world = World::with("ha-pair", "open", "ha_only = false");
    let alone = world.officer();
    world.pair(alone, "on one alone");
    let group = World { slot: SlotId(21), ..world.another() };
    let (one, two) = (group.officer(), group.open());
    let class = Attribute::ulong(CKA_CLASS, CKO_PRIVATE_KEY);
    group.client.run(group.client.find_init(one, [class].into_iter().collect())).unwrap();
    let key = group.client.find(one, 1).unwrap()[0];
    group.client.find_final(one).unwrap();
    for _ in 0..10 {
        group.sign(one, key).unwrap();
    }
    for session in [one, two] {
        group.init(session, OperationKind::Sign, CKM_ECDSA, key).unwrap();
    }
    let call =
        |session| group.client.one_part(session, OperationKind::Sign, &[7; 32], Room::Bytes(64));
    let calls = async { Ok(join(call(one), call(two)).await) };
    let (first, second) = group.client.run(calls).unwrap();
    first.unwrap();
    assert_eq!(code(second), "CKR_KEY_HANDLE_INVALID", "the other member has no such key");
}
