//! Keys and their copies (facts: Luna guide, "Key Replication"). What a call leaves on the members
//! when nothing fails is tested in `objects.rs`, what a returning member gets in `recovery.rs`.

use std::time::Duration;

use futures_util::future::join;
use hsmsim_client::{Output, Room};
use hsmsim_cluster::new_domain;
use hsmsim_partition::api::OperationKind;
use hsmsim_types::{
    Attribute, KdfParams, KeyRef, Mechanism, ObjectHandle, OtpParam, Params, Pin, PrfField,
    PrfNumber, Result, SessionHandle, Template, ck::*,
};

use crate::world::{SO_PIN, USER_PIN, World, code};

const SECOND: Duration = Duration::from_secs(1);
const RECEIVE_TIMEOUT: Duration = Duration::from_secs(20);

/// Lets `fault` strike `after` into a call.
fn struck<T>(
    world: &World,
    after: Duration,
    fault: &str,
    call: impl Future<Output = Result<T>>,
) -> Result<T> {
    let strike = async {
        world.cluster.clock().sleep(after).await;
        world.fault(fault);
    };
    world.client.run(async { join(call, strike).await.0 })
}

/// The time of a round trip to a device.
fn round_trip(world: &World, device: usize) -> Duration {
    let topology = world.cluster.topology();
    topology.round_trip(topology.client, topology.devices[device].place).rtt
}

/// Makes an AES key labelled `k`.
async fn aes_key(world: &World, session: SessionHandle) -> Result<ObjectHandle> {
    let template = [
        Attribute::bool(CKA_TOKEN, true),
        Attribute::bytes(CKA_LABEL, *b"k"),
        Attribute::ulong(CKA_VALUE_LEN, 32),
    ];
    let mechanism = Mechanism::plain(CKM_AES_KEY_GEN);
    world.client.generate_key(session, mechanism, template.into_iter().collect()).await
}

#[test]
fn a_key_made_while_a_member_dies_is_there_after_the_time_out_and_the_copy_is_owed() {
    for (device, member) in [("hsm-eus-2", 1), ("hsm-eus2-1", 2)] {
        let world = World::new("ha-dr");
        let session = world.officer();
        world.pair(session, "before");
        world.fault(&format!("device.power_loss {device} for=60s"));
        let (made, time) = world.timed(|world| world.try_pair(session, "meanwhile", true));
        let (public, key) = made.unwrap();
        assert!(time >= RECEIVE_TIMEOUT && time < RECEIVE_TIMEOUT + SECOND, "{time:?}");
        let signature = world.sign(session, key).unwrap();
        world.verify(session, public, &signature).unwrap();
        assert_eq!((world.holdings(0).len(), world.holdings(member).len()), (4, 2));
        world.pass(Duration::from_secs(600));
        world.recover();
        assert_eq!(world.holdings(member), world.holdings(0));
    }
}

#[test]
fn two_members_that_die_meanwhile_cost_one_time_out() {
    let world = World::new("ha-dr");
    let session = world.officer();
    world.pair(session, "before");
    world.fault("region.loss eastus2");
    let (made, time) = world.timed(|world| world.try_pair(session, "meanwhile", true));
    made.unwrap();
    assert!(time >= RECEIVE_TIMEOUT && time < RECEIVE_TIMEOUT + SECOND, "{time:?}");
}

#[test]
fn a_standby_member_far_away_slows_every_new_key_though_it_serves_no_call() {
    let making = |topology: &str| {
        let world = World::new(topology);
        let session = world.officer();
        world.pair(session, "before");
        let (_, time) = world.timed(|world| world.pair(session, "k"));
        (time, world)
    };
    let (near, _) = making("ha-pair");
    let (far, world) = making("ha-dr");
    let region = round_trip(&world, 2);
    assert!(far >= near + region / 2, "{far:?} {near:?}");
    assert!(far < near + 3 * region, "members are fed at the same time: {far:?}");
}

#[test]
fn the_primary_lost_while_its_key_is_cloned_leaves_one_key_and_no_orphan() {
    let world = World::new("ha-pair");
    let session = world.officer();
    world.pair(session, "before");
    let near = round_trip(&world, 0);
    let make = aes_key(&world, session);
    // The key is made, and its copy is on its way to the other member.
    let key = struck(&world, near + near / 4, "device.power_loss hsm-eus-1 for=60s", make).unwrap();
    assert_eq!(world.holdings(0).len(), 3, "made there");
    assert_eq!(world.holdings(0), world.holdings(1), "and there by its copy");
    assert_eq!(world.find(session, "k"), [key]);
    world.pass(Duration::from_secs(600));
    world.recover();
    assert_eq!(world.holdings(0), world.holdings(1));
    assert_eq!(world.find(session, "k"), [key]);
}

#[test]
fn a_key_whose_answer_was_lost_stays_on_the_member_that_made_it() {
    let world = World::new("ha-pair");
    let session = world.officer();
    world.pair(session, "before");
    let near = round_trip(&world, 0);
    let fault = "link.blackhole client:hsm-eus-1 direction=back for=60s";
    let made = struck(&world, near / 4, fault, aes_key(&world, session)).unwrap();
    assert_eq!(world.find(session, "k"), [made], "made anew on the next member");
    world.pass(Duration::from_secs(600));
    world.recover();
    // The client never learnt of the first one, so nothing says that it should go.
    let extra = world.find(session, "k").len() - 1;
    assert_eq!((extra, world.holdings(0).len() - world.holdings(1).len()), (1, 1));
    let group = &world.cluster.topology().groups[0];
    assert!(world.cluster.needs_sync(group).unwrap(), "an operator can see it");
}

#[test]
fn the_primary_lost_while_an_attribute_is_changed_keeps_the_object() {
    let world = World::new("ha-pair");
    let session = world.officer();
    let (_, key) = world.pair(session, "before");
    let near = round_trip(&world, 0);
    let change = Template(vec![Attribute::bytes(CKA_LABEL, *b"after")]);
    let set = world.client.set_attributes(session, key, change);
    struck(&world, near + near / 4, "device.power_loss hsm-eus-1 for=60s", set).unwrap();
    assert_eq!(world.find(session, "after"), [key], "what was acknowledged holds");
    world.pass(Duration::from_secs(600));
    world.recover();
    assert_eq!(world.holdings(0), world.holdings(1));
    assert_eq!(world.find(session, "after"), [key]);
    world.sign(session, key).unwrap();
}

/// A world whose second member has another cloning domain.
fn of_two_domains() -> World {
    let world = World::new("ha-pair");
    let group = &world.cluster.topology().groups[0];
    let partition = world.cluster.partition_of(&group.members[1]);
    let now = world.now();
    partition.init_token(&Pin::new(SO_PIN), b"hsmsim-0", &new_domain().unwrap(), now).unwrap();
    partition.init_crypto_officer(&Pin::new(SO_PIN), &Pin::new(USER_PIN), now).unwrap();
    world
}

#[test]
fn a_member_of_another_cloning_domain_gets_no_copy_and_the_key_is_made() {
    let (world, events) = of_two_domains().recorded();
    let session = world.officer();
    let (_, key) = world.pair(session, "k");
    world.sign(session, key).unwrap();
    assert_eq!((world.holdings(0).len(), world.holdings(1).len()), (2, 0));
    assert_eq!(events.count("not_replicated", "hsm-eus-2"), 1, "it is told");
    assert!(world.usable(1), "it is refused copies, and otherwise well");
    let group = &world.cluster.topology().groups[0];
    assert!(world.cluster.needs_sync(group).unwrap());
    // Who synchronises is told; a call that ends up on that member does not find the key.
    world.client.run(world.client.ha_synchronize(&group.label)).unwrap_err();
    world.fault("link.cut client:hsm-eus-1");
    let error = code(world.sign(session, key));
    assert_eq!(error, "CKR_KEY_HANDLE_INVALID");
}

fn session_key(world: &World) -> (SessionHandle, ObjectHandle) {
    let session = world.officer();
    let (_, key) = world.try_pair(session, "session key", false).unwrap();
    world.sign(session, key).unwrap();
    (session, key)
}

#[test]
fn session_objects_live_on_active_members_and_end_with_the_last_of_them() {
    let world = World::new("ha-dr");
    let (session, key) = session_key(&world);
    world.fault("link.cut client:hsm-eus-1");
    world.sign(session, key).unwrap();
    world.fault("link.cut client:hsm-eus-2");
    assert_eq!(code(world.sign(session, key)), "CKR_KEY_HANDLE_INVALID", "standby has none");
    assert!(world.find(session, "session key").is_empty());
}

#[test]
fn a_destroyed_session_object_does_not_come_back_with_another_member() {
    let world = World::new("ha-dr");
    let (session, key) = session_key(&world);
    world.client.run(world.client.destroy_object(session, key)).unwrap();
    let left = world.find(session, "session key");
    assert_eq!(left.len(), 1, "the public key");
    world.fault("link.cut client:hsm-eus-1");
    assert_eq!(world.find(session, "session key"), left);
}

#[test]
fn without_their_replication_session_objects_end_with_their_member() {
    let world = World::ha_dr_with("session_object_replication = false");
    let (session, key) = session_key(&world);
    assert_eq!(world.served_by(|world| world.try_pair(session, "another", false).unwrap()).1, [0]);
    world.fault("link.cut client:hsm-eus-1");
    assert_eq!(code(world.sign(session, key)), "CKR_KEY_HANDLE_INVALID");
}

/// Three keys at once, with the salt of the first inputs in a key that the parameters name.
async fn several_keys(world: &World, session: SessionHandle) -> Result<Vec<ObjectHandle>> {
    let secret = |label: &str| {
        let template = Template(vec![
            Attribute::bool(CKA_TOKEN, true),
            Attribute::bytes(CKA_LABEL, label.as_bytes()),
            Attribute::bool(CKA_DERIVE, true),
            Attribute::ulong(CKA_VALUE_LEN, 32),
        ]);
        let mechanism = Mechanism::plain(CKM_GENERIC_SECRET_KEY_GEN);
        world.client.generate_key(session, mechanism, template)
    };
    let (base, other) = (secret("base").await?, secret("other").await?);
    let template = |label: &str| {
        Template(vec![
            Attribute::bool(CKA_TOKEN, true),
            Attribute::bytes(CKA_LABEL, label.as_bytes()),
            Attribute::ulong(CKA_VALUE_LEN, 32),
        ])
    };
    let counter = PrfNumber { little_endian: false, width_bits: 32 };
    let params = KdfParams::Sp800_108 {
        prf: CKM_SHA256_HMAC,
        fields: vec![
            PrfField::IterationVariable(Some(counter)),
            PrfField::Key(KeyRef::Handle(other)),
        ],
        iv: vec![],
        additional: vec![template("k"), template("k")],
    };
    let kind = CKM_SP800_108_COUNTER_KDF;
    let mechanism = Mechanism { kind, params: Params::Kdf(Box::new(params)) };
    let derived = world.client.derive_key(session, mechanism, base, template("k")).await?;
    Ok(derived.keys)
}

#[test]
fn keys_that_are_derived_together_reach_every_member_together() {
    let world = World::new("ha-pair");
    let session = world.officer();
    let keys = world.client.run(several_keys(&world, session)).unwrap();
    assert_eq!(keys.len(), 3);
    assert_eq!((world.holdings(0), world.holdings(0).len()), (world.holdings(1), 5));
    let found = world.find(session, "k");
    assert!(keys.iter().all(|key| found.contains(key)), "the handles are those of the group");
    // What the other member has is the same: it signs alike.
    let mac = |key| {
        world.init(session, OperationKind::Sign, CKM_SHA256_HMAC, key).unwrap();
        let room = Room::Bytes(64);
        world.client.run(world.client.one_part(session, OperationKind::Sign, b"text", room))
    };
    let before: Vec<_> = keys.iter().map(|&key| mac(key).unwrap()).collect();
    world.fault("link.cut client:hsm-eus-1");
    let after: Vec<_> = keys.iter().map(|&key| mac(key).unwrap()).collect();
    assert_eq!(before, after);
}

#[test]
fn the_primary_lost_while_keys_are_derived_leaves_each_of_them_once() {
    let world = World::new("ha-pair");
    let session = world.officer();
    world.pair(session, "before");
    let near = round_trip(&world, 0);
    // Both secrets are made and copied; the keys are made there, and their copies under way.
    let generated = world.timed(|world| world.client.run(aes_key(world, session)).unwrap()).1;
    let after = 2 * generated + near + near / 4;
    let keys = several_keys(&world, session);
    let keys = struck(&world, after, "device.power_loss hsm-eus-1 for=60s", keys).unwrap();
    assert_eq!(world.holdings(0).len(), 8, "made there, and not acknowledged");
    world.pass(Duration::from_secs(600));
    world.recover();
    assert_eq!(world.holdings(0), world.holdings(1));
    let mut found = world.find(session, "k");
    found.retain(|key| keys.contains(key));
    assert_eq!(found.len(), 3);
}

#[test]
fn a_handle_in_parameters_that_names_nothing_is_refused_before_anything_is_sent() {
    let world = World::new("ha-pair");
    let session = world.officer();
    let (_, base) = world.pair(session, "base");
    let nothing = KdfParams::Key(KeyRef::Handle(ObjectHandle(4711)));
    let kind = CKM_CONCATENATE_BASE_AND_KEY;
    let mechanism = Mechanism { kind, params: Params::Kdf(Box::new(nothing)) };
    let derive = world.client.derive_key(session, mechanism, base, Template::default());
    let (refused, served) = world.served_by(|world| world.client.run(derive));
    assert_eq!((code(refused), served), ("CKR_KEY_HANDLE_INVALID", vec![]));
}

#[test]
fn no_one_time_password_comes_twice_whatever_member_gives_it() {
    let world = World::new("ha-pair");
    let session = world.officer();
    let template = [
        Attribute::ulong(CKA_CLASS, CKO_OTP_KEY),
        Attribute::ulong(CKA_KEY_TYPE, CKK_HOTP),
        Attribute::bytes(CKA_VALUE, *b"12345678901234567890"),
        Attribute::bool(CKA_TOKEN, true),
    ];
    let create = world.client.create_object(session, template.into_iter().collect());
    let key = world.client.run(create).unwrap();
    let password = || -> Result<Vec<u8>> {
        world.init(session, OperationKind::Sign, CKM_HOTP, key)?;
        let room = Room::Bytes(128);
        let sign = world.client.one_part(session, OperationKind::Sign, b"", room);
        match world.client.run(sign)? {
            Output::Structure(image) => Ok(OtpParam::of_image(&image).unwrap().remove(0).value),
            other => panic!("{other:?}"),
        }
    };
    // RFC 4226, appendix D.
    assert_eq!(password().unwrap(), b"755224");
    assert_eq!(password().unwrap(), b"287082");
    assert_eq!(world.holdings(0), world.holdings(1));
    world.fault("link.cut client:hsm-eus-1 for=60s");
    assert_eq!(password().unwrap(), b"359152", "the other member knows the count");
    world.pass(Duration::from_secs(600));
    world.recover();
    assert_eq!(password().unwrap(), b"969429", "and tells it when the first returns");

    // The primary is lost when it has counted and before it could tell anybody: the password is made anew.
    let near = round_trip(&world, 0);
    world.init(session, OperationKind::Sign, CKM_HOTP, key).unwrap();
    let sign = world.client.one_part(session, OperationKind::Sign, b"", Room::Bytes(128));
    let fault = "device.power_loss hsm-eus-1 for=60s";
    let Output::Structure(image) = struck(&world, near + near / 4, fault, sign).unwrap() else {
        panic!()
    };
    assert_eq!(OtpParam::of_image(&image).unwrap()[0].value, b"338314");
    world.pass(Duration::from_secs(600));
    world.recover();
    assert_eq!(password().unwrap(), b"254676");
}

#[test]
fn a_key_destroyed_while_its_copies_are_under_way_does_not_come_back_by_them() {
    let world = World::new("ha-pair");
    let session = world.officer();
    world.pair(session, "before");
    let other = world.another();
    let theirs = other.officer();
    assert_eq!(other.find(theirs, "before").len(), 2, "their session knows both members");
    let millisecond = Duration::from_millis(1);
    let kept = world.holdings(1);

    world.fault("link.delay client:hsm-eus-2 extra=200ms direction=there");
    let destroys = async {
        let client = &other.client;
        // The key is made, and its copy on its slow way; what is sent now overtakes it.
        world.cluster.clock().sleep(5 * millisecond).await;
        world.cluster.heal_all().unwrap();
        let template = Template(vec![Attribute::bytes(CKA_LABEL, *b"k")]);
        client.find_init(theirs, template).await?;
        let found = client.find(theirs, 2)?;
        client.find_final(theirs)?;
        let [key] = found[..] else { panic!("{found:?}") };
        client.destroy_object(theirs, key).await?;
        Ok(world.now())
    };
    let makes = async {
        let made = aes_key(&world, session).await;
        (made, world.now())
    };
    let ((made, returned), destroyed) =
        world.client.run(async { Ok(join(makes, destroys).await) }).unwrap();
    made.unwrap();
    let destroyed: Result<Duration> = destroyed;
    assert!(destroyed.unwrap() < returned, "the copy came after the deletion");
    assert_eq!(world.holdings(0), kept);
    assert_eq!(world.holdings(1), kept, "the copy is buried again");
}
