//! A partition has so much room and no more.

use hsmsim_partition::{Partition, Personality, api::Request};

use crate::support::*;

const TOTAL: u64 = 4000;

fn small(vendor_codes: bool) -> Personality {
    Personality { storage_bytes: Some(TOTAL), vendor_codes, ..open() }
}

fn data(len: usize) -> Vec<Attribute> {
    vec![
        Attribute::ulong(CKA_CLASS, CKO_DATA),
        Attribute::bytes(CKA_VALUE, vec![1; len]),
        yes(CKA_TOKEN),
    ]
}

fn free(partition: &Partition) -> u64 {
    let (total, free) = partition.token_info().unwrap().storage.unwrap();
    assert_eq!(total, TOTAL);
    free
}

#[test]
fn a_full_partition_refuses_what_grows_and_takes_what_does_not() {
    for (vendor_codes, full) in
        [(false, CKR_DEVICE_MEMORY), (true, CKR_CONTAINER_OBJECT_STORAGE_FULL)]
    {
        let (_, partition) = provisioned(small(vendor_codes));
        let mut client = Client::logged_in(&partition, 1);
        assert_eq!(free(&partition), TOTAL);
        let first = client.create(data(2000)).unwrap();
        let left = free(&partition);
        assert!((1000..3000).contains(&left), "{left}");
        let second = client.create(data(2000)).unwrap();
        assert_eq!(rv(client.create(data(2000))), full);
        let copy = Request::Copy { object: first, template: Template::default() };
        assert_eq!(client.code(copy), full);
        let bits = vec![Attribute::ulong(CKA_MODULUS_BITS, 2048), yes(CKA_TOKEN)];
        let pair = client.pair(CKM_RSA_PKCS_KEY_PAIR_GEN, bits, vec![yes(CKA_TOKEN)]);
        assert_eq!(rv(pair), full);
        assert_eq!(partition.token_info().unwrap().objects, 2, "a pair is made whole or not");
        assert_eq!(client.set(first, Attribute::bytes(CKA_LABEL, vec![b'x'; 1000])), full);
        // What is no token object is not kept here.
        assert!(client.create(without(data(2000), CKA_TOKEN)).is_ok());
        assert_eq!(client.set(first, Attribute::bytes(CKA_LABEL, "x")), CKR_OK);
        assert_eq!(client.set(first, Attribute::bytes(CKA_LABEL, "")), CKR_OK);
        assert_eq!(client.destroy(second), CKR_OK);
        assert_eq!(free(&partition), left);
        assert!(client.create(data(2000)).is_ok());
    }
}

#[test]
fn a_copy_from_another_member_needs_room_too_and_a_newer_state_only_what_it_grows_by() {
    let (_, source) = provisioned(open());
    let (_, target) = provisioned(small(true));
    let (mut from, mut to) = (Client::logged_in(&source, 1), Client::logged_in(&target, 2));
    let big = from.create(data(2500)).unwrap();
    let other = from.create(data(2500)).unwrap();
    let carry = |from: &mut Client, to: &mut Client, object| {
        let reply = from.ask(Request::CloneAsSource { objects: vec![object] }).unwrap();
        let hsmsim_partition::api::Reply::Sealed(objects) = reply else { panic!("{reply:?}") };
        to.code(Request::CloneAsTarget { objects })
    };
    assert_eq!(carry(&mut from, &mut to, big), CKR_OK);
    assert_eq!(carry(&mut from, &mut to, other), CKR_CONTAINER_OBJECT_STORAGE_FULL);
    assert_eq!(from.set(big, Attribute::bytes(CKA_LABEL, "a longer label")), CKR_OK);
    assert_eq!(carry(&mut from, &mut to, big), CKR_OK, "it is there already");
    assert_eq!(to.bytes(big, CKA_LABEL), b"a longer label");
    assert_eq!(to.destroy(big), CKR_OK);
    assert_eq!(carry(&mut from, &mut to, other), CKR_OK);
}

#[test]
fn without_a_limit_nothing_is_said_of_storage() {
    let (_, partition) = provisioned(open());
    assert_eq!(partition.token_info().unwrap().storage, None);
}
