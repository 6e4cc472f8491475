//! Rules of objects where a group could bend them: what a client remembers, and what every member has.

use std::{fs, time::Duration};

use hsmsim_partition::api::AttributeResult;
use hsmsim_sim_config::Profile;
use hsmsim_types::{Attribute, Mechanism, ObjectHandle, Role, SessionHandle, Template, ck::*};

use crate::world::{World, code};

const CUT: &str = "link.cut client:hsm-eus-1";

fn find(world: &World, session: SessionHandle, class: u64) -> Vec<ObjectHandle> {
    let template = Template(vec![Attribute::ulong(CKA_CLASS, class)]);
    world.client.run(world.client.find_init(session, template)).unwrap();
    let found = world.client.find(session, 10_000).unwrap();
    world.client.find_final(session).unwrap();
    found
}

fn value(
    world: &World,
    session: SessionHandle,
    object: ObjectHandle,
    kind: u64,
) -> AttributeResult {
    let attributes = world.client.attributes(session, object, vec![kind]);
    world.client.run(attributes).unwrap().remove(0)
}

/// The day on the device's clock.
fn today(world: &World, session: SessionHandle) -> Vec<u8> {
    let clock = find(world, session, CKO_HW_FEATURE)[0];
    match value(world, session, clock, CKA_VALUE) {
        AttributeResult::Value(value) => value.as_bytes().unwrap()[..8].to_vec(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_remembered_check_does_not_outlive_the_last_day_of_its_key() {
    let text = format!("key_dates = true\n{}", Profile::shipped_text("open").unwrap());
    let file = std::env::temp_dir().join(format!("hsmsim-dates-{}.toml", std::process::id()));
    fs::write(&file, text).unwrap();
    let world = World::with_profile("ha-pair", file.to_str().unwrap());
    fs::remove_file(file).unwrap();
    let session = world.officer();
    let end = Attribute::bytes(CKA_END_DATE, today(&world, session));
    let public = [Attribute::bytes(CKA_EC_PARAMS, crate::world::P256)];
    let private = [Attribute::bool(CKA_TOKEN, true), Attribute::bool(CKA_SIGN, true), end];
    let (public, private) = (public.into_iter().collect(), private.into_iter().collect());
    let mechanism = Mechanism::plain(CKM_EC_KEY_PAIR_GEN);
    let pair = world.client.generate_key_pair(session, mechanism, public, private);
    let (_, key) = world.client.run(pair).unwrap();
    for _ in 0..3 {
        world.sign(session, key).unwrap();
    }
    world.pass(Duration::from_secs(86_400));
    let kind = hsmsim_partition::api::OperationKind::Sign;
    let init = world.init(session, kind, CKM_ECDSA, key);
    assert_eq!(code(init), "CKR_KEY_FUNCTION_NOT_PERMITTED", "by C_SignInit itself");
}

#[test]
fn what_the_token_itself_has_keeps_its_handles_after_a_failover() {
    let world = World::new("ha-pair");
    let session = world.open();
    let before: Vec<_> = [CKO_HW_FEATURE, CKO_MECHANISM, CKO_PROFILE]
        .iter()
        .flat_map(|&class| find(&world, session, class))
        .collect();
    assert!(before.len() > 100, "{}", before.len());
    let names = |world: &World| -> Vec<_> {
        before.iter().map(|&object| value(world, session, object, CKA_UNIQUE_ID)).collect()
    };
    let named = names(&world);
    world.fault(CUT);
    assert_eq!(names(&world), named, "from the other member");
    let again = find(&world, session, CKO_MECHANISM);
    assert!(again.iter().all(|object| before.contains(object)));
    let officer = world.officer();
    let destroyed = world.client.run(world.client.destroy_object(officer, before[0]));
    assert_eq!(code(destroyed), "CKR_ACTION_PROHIBITED");
    assert_eq!(world.holdings(1).len(), 0, "and no store holds them");
}

/// The token's feature of that kind.
fn feature(world: &World, session: SessionHandle, kind: u64) -> ObjectHandle {
    let class = Attribute::ulong(CKA_CLASS, CKO_HW_FEATURE);
    let template = Template(vec![class, Attribute::ulong(CKA_HW_FEATURE_TYPE, kind)]);
    world.client.run(world.client.find_init(session, template)).unwrap();
    let found = world.client.find(session, 2).unwrap();
    world.client.find_final(session).unwrap();
    assert_eq!(found.len(), 1);
    found[0]
}

fn count(world: &World, session: SessionHandle) -> u64 {
    let counter = feature(world, session, CKH_MONOTONIC_COUNTER);
    let lengths = world.client.attribute_lengths(session, counter, vec![CKA_VALUE]);
    world.client.run(lengths).unwrap();
    match value(world, session, counter, CKA_VALUE) {
        AttributeResult::Value(value) => {
            u64::from_be_bytes(value.as_bytes().unwrap().try_into().unwrap())
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_counter_goes_on_after_failover_and_on_a_member_that_was_away() {
    let world = World::new("ha-pair");
    let session = world.open();
    assert_eq!([count(&world, session), count(&world, session)], [1, 2]);
    world.fault(CUT);
    assert_eq!([count(&world, session), count(&world, session)], [3, 4], "on the other member");
    world.heal_all();
    world.recover();
    world.fault("link.cut client:hsm-eus-2");
    assert_eq!(count(&world, session), 5, "on the one that was away");
}

#[test]
fn a_clock_is_set_on_every_member_also_on_one_that_was_away() {
    let world = World::new("ha-pair");
    let session = world.open();
    world.login_as(session, Role::SecurityOfficer, "87654321").unwrap();
    let clock = feature(&world, session, CKH_CLOCK);
    let set = |text: &str| {
        let template = Template(vec![Attribute::bytes(CKA_VALUE, text)]);
        world.client.run(world.client.set_attributes(session, clock, template)).unwrap();
    };
    let minute = |world: &World| match value(world, session, clock, CKA_VALUE) {
        AttributeResult::Value(value) => value.as_bytes().unwrap()[..12].to_vec(),
        other => panic!("{other:?}"),
    };
    set("2030010112000000");
    assert_eq!(minute(&world), b"203001011200");
    let token = world.client.run(world.client.token_info(world.slot)).unwrap();
    assert_eq!(&token.utc_time[..12], b"203001011200");
    world.fault(CUT);
    assert_eq!(minute(&world), b"203001011200", "of the other member");
    set("2031020312000000");
    world.heal_all();
    world.recover();
    world.fault("link.cut client:hsm-eus-2");
    assert_eq!(&minute(&world)[..8], b"20310203", "it was owed the time");
}
