//! Objects across members and sessions.

use hsmsim_types::{Attribute, Template, ck::*};

use crate::world::{World, code};

#[test]
fn a_token_key_is_on_every_member_when_the_call_returns() {
    let world = World::new("ha-dr");
    let session = world.officer();
    world.pair(session, "k");
    let first = world.holdings(0);
    assert_eq!(first.len(), 2);
    for member in 1..4 {
        assert_eq!(world.holdings(member), first);
    }
}

#[test]
fn a_destroyed_key_is_gone_from_every_member() {
    let world = World::new("ha-dr");
    let session = world.officer();
    let (public, private) = world.pair(session, "k");
    for key in [public, private] {
        world.client.run(world.client.destroy_object(session, key)).unwrap();
    }
    for member in 0..4 {
        assert!(world.holdings(member).is_empty());
    }
    assert_eq!(code(world.sign(session, private)), "CKR_KEY_HANDLE_INVALID");
}

#[test]
fn a_changed_label_is_changed_on_every_member() {
    let world = World::new("ha-dr");
    let session = world.officer();
    let (public, _) = world.pair(session, "before");
    let change = Template(vec![Attribute::bytes(CKA_LABEL, *b"after")]);
    world.client.run(world.client.set_attributes(session, public, change)).unwrap();
    world.fault("link.cut client:hsm-eus-1");
    assert_eq!(world.find(session, "after"), [public]);
    assert_eq!(world.find(session, "before").len(), 1, "the private key kept its label");
}

#[test]
fn handles_are_the_same_in_every_session_and_after_a_failover() {
    let world = World::new("ha-dr");
    let session = world.officer();
    let (public, private) = world.pair(session, "k");
    let mut handles = world.find(world.open(), "k");
    handles.sort();
    assert_eq!(handles, [public, private]);
    world.fault("link.cut client:hsm-eus-1");
    let mut handles = world.find(session, "k");
    handles.sort();
    assert_eq!(handles, [public, private]);
}

#[test]
fn a_key_of_one_application_is_found_by_another() {
    let world = World::new("ha-dr");
    let session = world.officer();
    world.pair(session, "shared");
    let other = world.another();
    let theirs = other.officer();
    let found = other.find(theirs, "shared");
    assert_eq!(found.len(), 2);
}

#[test]
fn session_objects_end_with_their_session_and_are_not_another_application_s() {
    let world = World::new("ha-dr");
    let (session, second) = (world.officer(), world.open());
    world.try_pair(session, "mine", false).unwrap();
    assert_eq!(world.find(second, "mine").len(), 2, "other sessions of the application see them");
    let other = world.another();
    assert!(other.find(other.officer(), "mine").is_empty());
    world.client.run(world.client.close_session(session)).unwrap();
    assert!(world.find(second, "mine").is_empty());
}

#[test]
fn logging_out_hides_private_objects() {
    let world = World::new("ha-dr");
    let session = world.officer();
    let (public, private) = world.pair(session, "k");
    world.client.run(world.client.logout(session)).unwrap();
    assert_eq!(world.find(session, "k"), [public]);
    world.sign(session, private).unwrap_err();
}
