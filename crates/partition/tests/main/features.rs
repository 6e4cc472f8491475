//! Hardware features: a clock that the SO sets, a counter that never says a number twice, and no display.

use std::{sync::Arc, time::Duration};

use hsmsim_partition::{
    Personality,
    api::{AttributeResult, Reply, Request, SealedObject},
};
use hsmsim_sim_config::Profile;

use crate::support::*;

fn feature(client: &mut Client, kind: u64) -> ObjectId {
    client.find(vec![
        Attribute::ulong(CKA_CLASS, CKO_HW_FEATURE),
        Attribute::ulong(CKA_HW_FEATURE_TYPE, kind),
    ])[0]
}

fn officer(partition: &Arc<hsmsim_partition::Partition>) -> Client {
    let mut client = Client::new(partition, 7, 7);
    client.login(Role::SecurityOfficer, SO_PIN).unwrap();
    client
}

/// What a request at a time answers.
fn at(client: &mut Client, request: Request, now: Duration) -> Reply {
    client.session.handle(request, now).unwrap()
}

fn clock_at(client: &mut Client, now: Duration) -> Vec<u8> {
    let object = feature(client, CKH_CLOCK);
    let request = Request::GetAttributes { object, kinds: vec![CKA_VALUE], lengths: false };
    match at(client, request, now) {
        Reply::Attributes(values) => match &values[0] {
            AttributeResult::Value(value) => value.as_bytes().unwrap().to_vec(),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

fn count(client: &mut Client) -> u64 {
    let counter = feature(client, CKH_MONOTONIC_COUNTER);
    u64::from_be_bytes(client.bytes(counter, CKA_VALUE).try_into().unwrap())
}

fn clones(client: &mut Client, object: ObjectId) -> Vec<SealedObject> {
    match client.ask(Request::CloneAsSource { objects: vec![object] }).unwrap() {
        Reply::Sealed(sealed) => sealed,
        other => panic!("{other:?}"),
    }
}

const NEW_YEAR: &[u8] = b"2030010100000000";

#[test]
fn the_officer_sets_the_clock_which_goes_on_for_every_process_and_after_an_initialisation() {
    let (store, partition) = provisioned(open());
    let mut so = officer(&partition);
    let clock = feature(&mut so, CKH_CLOCK);
    assert!(so.flag(clock, CKA_MODIFIABLE));
    assert_eq!(so.set(clock, Attribute::bytes(CKA_VALUE, NEW_YEAR)), CKR_OK);
    assert_eq!(clock_at(&mut so, NOW), NEW_YEAR);
    let other = view(&store, open());
    let mut stranger = Client::new(&other, 8, 8);
    let hour = Duration::from_secs(3600);
    assert_eq!(clock_at(&mut stranger, NOW + hour), b"2030010101000000");
    let Reply::Token(token) = at(&mut stranger, Request::TokenInfo, NOW + hour) else { panic!() };
    assert_eq!(&token.utc_time, b"2030010101000000");
    assert_ne!(token.flags & CKF_CLOCK_ON_TOKEN, 0);
    partition.power_lost();
    provision(&other, 2);
    let mut after = Client::new(&other, 9, 9);
    assert_eq!(clock_at(&mut after, NOW + hour), b"2030010101000000", "a clock outlives the keys");
}

#[test]
fn nobody_else_sets_it_and_what_is_no_moment_is_refused() {
    let (_, partition) = provisioned(open());
    let new_year = || Attribute::bytes(CKA_VALUE, NEW_YEAR);
    let mut user = Client::logged_in(&partition, 1);
    let mut public = Client::new(&partition, 2, 2);
    for client in [&mut user, &mut public] {
        let clock = feature(client, CKH_CLOCK);
        assert_eq!(client.set(clock, new_year()), CKR_USER_NOT_LOGGED_IN);
    }
    user.ask(Request::Logout).unwrap();
    let mut so = officer(&partition);
    let clock = feature(&mut so, CKH_CLOCK);
    for (attribute, expected) in [
        (Attribute::bytes(CKA_VALUE, "2030023000000000"), CKR_ATTRIBUTE_VALUE_INVALID),
        (Attribute::bytes(CKA_VALUE, "1969123123595900"), CKR_ATTRIBUTE_VALUE_INVALID),
        (Attribute::bytes(CKA_VALUE, "20300101"), CKR_ATTRIBUTE_VALUE_INVALID),
        (Attribute::bytes(CKA_VALUE, ""), CKR_ATTRIBUTE_VALUE_INVALID),
        (Attribute::ulong(CKA_HW_FEATURE_TYPE, 2), CKR_ATTRIBUTE_READ_ONLY),
        (Attribute::bool(CKA_MODIFIABLE, false), CKR_ATTRIBUTE_READ_ONLY),
        (Attribute::bytes(CKA_LABEL, "mine"), CKR_ATTRIBUTE_TYPE_INVALID),
    ] {
        assert_eq!(so.set(clock, attribute), expected);
    }
    for kind in [CKH_MONOTONIC_COUNTER, CKH_USER_INTERFACE] {
        let fixed = feature(&mut so, kind);
        let refused = so.set(fixed, Attribute::bytes(CKA_VALUE, [0; 8]));
        assert_eq!(refused, CKR_ACTION_PROHIBITED);
    }
    // Without CKF_CLOCK_ON_TOKEN, as on a Luna, the clock is the appliance's.
    let a790 =
        Personality { pin_rounds: 2, ..Personality::from(&Profile::shipped("a790").unwrap()) };
    let (_, partition) = provisioned(a790);
    let mut so = officer(&partition);
    let clock = feature(&mut so, CKH_CLOCK);
    assert_eq!(so.set(clock, new_year()), CKR_ACTION_PROHIBITED);
    let Reply::Token(token) = at(&mut so, Request::TokenInfo, NOW) else { panic!() };
    assert_eq!(&token.utc_time, &[b' '; 16]);
}

#[test]
fn the_days_of_keys_are_those_of_the_tokens_clock() {
    let (_, partition) = provisioned(Personality { key_dates: true, ..open() });
    let mut so = officer(&partition);
    let clock = feature(&mut so, CKH_CLOCK);
    assert_eq!(so.set(clock, Attribute::bytes(CKA_VALUE, NEW_YEAR)), CKR_OK);
    so.ask(Request::Logout).unwrap();
    let mut client = Client::logged_in(&partition, 1);
    let until =
        with(secret_key(CKK_AES, &[7; 16]), vec![Attribute::bytes(CKA_END_DATE, "20291231")]);
    let key = client.create(until).unwrap();
    let mac = client.sign(&Mechanism::plain(CKM_AES_CMAC), key, b"data");
    assert_eq!(rv(mac), CKR_KEY_FUNCTION_NOT_PERMITTED);
}

#[test]
fn a_counter_grows_by_one_with_each_reading_in_whichever_process_and_after_a_loss_of_power() {
    let (store, one) = provisioned(open());
    let other = view(&store, open());
    let (mut here, mut there) = (Client::new(&one, 1, 1), Client::new(&other, 2, 2));
    for expected in [1, 3, 5, 7] {
        assert_eq!(count(&mut here), expected);
        assert_eq!(count(&mut there), expected + 1);
    }
    // A question for the length, or for another attribute, is no reading.
    let counter = feature(&mut here, CKH_MONOTONIC_COUNTER);
    let lengths = Request::GetAttributes { object: counter, kinds: vec![CKA_VALUE], lengths: true };
    here.ask(lengths).unwrap();
    assert!(here.flag(counter, CKA_RESET_ON_INIT));
    one.power_lost();
    let mut here = Client::new(&one, 1, 3);
    assert_eq!(count(&mut here), 9);
}

#[test]
fn threads_that_read_at_once_never_read_the_same() {
    let (store, _) = provisioned(open());
    let readers = (0..4).map(|number| {
        let partition = view(&store, open());
        std::thread::spawn(move || {
            let mut client = Client::new(&partition, number, number);
            (0..1000).map(|_| count(&mut client)).collect::<Vec<_>>()
        })
    });
    let readers: Vec<_> = readers.collect();
    let mut all: Vec<u64> = readers.into_iter().flat_map(|reader| reader.join().unwrap()).collect();
    all.sort_unstable();
    assert!(all.into_iter().eq(1..=4000), "a number is missing or there twice");
}

#[test]
fn a_counter_begins_anew_with_the_token_and_says_so() {
    let (_, partition) = provisioned(open());
    let mut client = Client::new(&partition, 1, 1);
    let counter = feature(&mut client, CKH_MONOTONIC_COUNTER);
    assert!(!client.flag(counter, CKA_HAS_RESET));
    // Initialised without having counted, it has nothing to go back from.
    provision(&partition, 2);
    assert!(!client.flag(counter, CKA_HAS_RESET));
    assert_eq!((count(&mut client), count(&mut client)), (1, 2));
    for number in 3..5 {
        provision(&partition, number);
        assert!(client.flag(counter, CKA_HAS_RESET));
    }
    assert_eq!(count(&mut client), 1);
    partition.zeroize().unwrap();
    let kind = |kind| {
        vec![
            Attribute::ulong(CKA_CLASS, CKO_HW_FEATURE),
            Attribute::ulong(CKA_HW_FEATURE_TYPE, kind),
        ]
    };
    assert!(client.find(kind(CKH_MONOTONIC_COUNTER)).is_empty(), "nowhere to keep it");
    assert_eq!(client.find(kind(CKH_CLOCK)).len(), 1);
}

#[test]
fn another_member_takes_the_clocks_time_and_never_a_smaller_count() {
    let (_, one) = provisioned(open());
    let (_, other) = provisioned(open());
    let mut so = officer(&one);
    let clock = feature(&mut so, CKH_CLOCK);
    assert_eq!(so.set(clock, Attribute::bytes(CKA_VALUE, NEW_YEAR)), CKR_OK);
    let counter = feature(&mut so, CKH_MONOTONIC_COUNTER);
    let mut there = Client::new(&other, 2, 2);
    for _ in 0..5 {
        count(&mut there);
    }
    assert_eq!(count(&mut so), 1);
    let low = clones(&mut so, counter);
    there.ask(Request::CloneAsTarget { objects: low }).unwrap();
    assert_eq!(count(&mut there), 6);
    let high = clones(&mut there, counter);
    so.ask(Request::CloneAsTarget { objects: high }).unwrap();
    assert_eq!(count(&mut so), 7);

    // Its own clock is an hour ahead: what the other shows counts, not how far it was moved.
    let ahead = NOW + Duration::from_secs(3600);
    let sealed = clones(&mut so, clock);
    at(&mut there, Request::CloneAsTarget { objects: sealed.clone() }, ahead);
    assert_eq!(clock_at(&mut there, ahead), NEW_YEAR);
    // What was set later stands, and what was set before it comes too late.
    let later = b"2031010100000000";
    assert_eq!(so.set(clock, Attribute::bytes(CKA_VALUE, &later[..])), CKR_OK);
    let newer = clones(&mut so, clock);
    at(&mut there, Request::CloneAsTarget { objects: newer }, ahead);
    at(&mut there, Request::CloneAsTarget { objects: sealed }, ahead);
    assert_eq!(clock_at(&mut there, ahead), later);
}

#[test]
fn there_is_no_display() {
    let (_, partition) = provisioned(open());
    let mut client = Client::new(&partition, 1, 1);
    let display = feature(&mut client, CKH_USER_INTERFACE);
    for kind in [CKA_PIXEL_X, CKA_PIXEL_Y, CKA_RESOLUTION, CKA_CHAR_ROWS, CKA_CHAR_COLUMNS] {
        let AttributeResult::Value(value) = client.get(display, kind) else { panic!() };
        assert_eq!(value.as_ulong(), Some(0));
    }
    assert!(!client.flag(display, CKA_COLOR));
    assert!(client.bytes(display, CKA_CHAR_SETS).is_empty());
}
