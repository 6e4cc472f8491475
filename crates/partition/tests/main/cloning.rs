//! Objects on their way between members.

use std::sync::Arc;

use hsmsim_partition::{
    Partition,
    api::{
        AppId, AttributeResult, GivesAway, InventoryEntry, OpenSession, Reply, Request,
        SealedObject, SessionTag,
    },
};

use crate::support::*;

/// A second member, of the cloning domain with that number.
fn member(number: u8) -> (Arc<MemoryStore>, Arc<Partition>) {
    let store = Arc::new(MemoryStore::default());
    let partition = view(&store, open());
    provision(&partition, number);
    (store, partition)
}

fn sealed(client: &mut Client, objects: Vec<ObjectId>) -> Vec<SealedObject> {
    match client.ask(Request::CloneAsSource { objects }).unwrap() {
        Reply::Sealed(sealed) => sealed,
        other => panic!("{other:?}"),
    }
}

fn inventory(client: &mut Client) -> Vec<InventoryEntry> {
    match client.ask(Request::Inventory).unwrap() {
        Reply::Inventory(entries) => entries,
        other => panic!("{other:?}"),
    }
}

fn token_key() -> Vec<Attribute> {
    with(
        secret_key(CKK_GENERIC_SECRET, &[0xD4; 32]),
        vec![yes(CKA_TOKEN), yes(CKA_SENSITIVE), Attribute::bytes(CKA_LABEL, "travels")],
    )
}

fn public_data() -> Vec<Attribute> {
    vec![
        Attribute::ulong(CKA_CLASS, CKO_DATA),
        Attribute::bytes(CKA_VALUE, "in the open"),
        no(CKA_PRIVATE),
        yes(CKA_TOKEN),
    ]
}

#[test]
fn clones_are_the_same_objects_on_the_second_member() {
    let ((_, one), (other_store, two)) = (member(1), member(1));
    let (mut here, mut there) = (Client::logged_in(&one, 1), Client::logged_in(&two, 1));
    let key = here.create(token_key()).unwrap();
    let data = here.create(public_data()).unwrap();
    let objects = sealed(&mut here, vec![key, data, ObjectId([9; 16])]);
    assert_eq!(objects.len(), 2, "what is gone is left out");
    assert_eq!(objects[0].domain, objects[1].domain);
    assert!(!objects[0].body.windows(8).any(|bytes| bytes == [0xD4; 8]), "sealed on its way");
    there.ask(Request::CloneAsTarget { objects }).unwrap();

    let hmac = Mechanism::plain(CKM_SHA256_HMAC);
    assert_eq!(there.sign(&hmac, key, b"x").unwrap(), here.sign(&hmac, key, b"x").unwrap());
    assert_eq!(there.get(key, CKA_VALUE), AttributeResult::Sensitive);
    assert_eq!(there.bytes(key, CKA_UNIQUE_ID), key.to_string().as_bytes());
    assert_eq!(there.find(vec![Attribute::bytes(CKA_LABEL, "travels")]), [key]);
    assert_eq!(there.bytes(data, CKA_VALUE), b"in the open");
    assert_eq!(inventory(&mut there), inventory(&mut here));
    assert!(!other_store.dump().windows(11).any(|bytes| bytes == b"in the open"));
}

#[test]
fn a_session_gives_away_what_it_was_opened_to_give_away_and_it_opens_on_the_second_member() {
    let session_key = secret_key(CKK_GENERIC_SECRET, &[0xD4; 32]);
    let hmac = Mechanism::plain(CKM_SHA256_HMAC);
    for (gives_away, of_token, of_session) in [
        (GivesAway::Nothing, false, false),
        (GivesAway::TokenObjects, true, false),
        (GivesAway::AllObjects, true, true),
    ] {
        let ((_, one), (_, two)) = (member(1), member(1));
        let open = OpenSession { app: AppId(1), tag: SessionTag(1), read_write: true, gives_away };
        let (mut here, mut there) = (Client::opened(&one, open), Client::logged_in(&two, 1));
        here.login(Role::CryptoOfficer, USER_PIN).unwrap();
        for (template, expected) in
            [(token_key(), of_token), (public_data(), of_token), (session_key.clone(), of_session)]
        {
            let is_key = template != public_data();
            let request = Request::Create { template: Template(template) };
            let Ok(Reply::Created(made)) = here.ask(request) else { panic!() };
            assert_eq!(made.copies.len(), usize::from(expected), "{gives_away:?}");
            let copy = made.copies.into_iter().next();
            let [made] = <[_; 1]>::try_from(made.objects).unwrap();
            let Some(copy) = copy else { continue };
            // The same that a member gives when it is asked for it.
            let [asked] = <[_; 1]>::try_from(sealed(&mut here, vec![made.id])).unwrap();
            assert_eq!((asked.id, asked.version, asked.token), (copy.id, copy.version, made.token));
            assert_eq!((asked.domain, asked.private), (copy.domain, copy.private));
            assert!(!is_key || !copy.body.windows(8).any(|bytes| bytes == [0xD4; 8]), "sealed");
            there.ask(Request::CloneAsTarget { objects: vec![copy] }).unwrap();
            if is_key {
                let signature = here.sign(&hmac, made.id, b"x").unwrap();
                assert_eq!(there.sign(&hmac, made.id, b"x").unwrap(), signature);
            } else {
                assert_eq!(there.bytes(made.id, CKA_VALUE), b"in the open");
            }
        }
        if gives_away != GivesAway::Nothing {
            assert_eq!(inventory(&mut there), inventory(&mut here));
        }
    }
}

#[test]
fn another_domain_and_a_blank_member_are_refused() {
    let ((_, one), (_, two)) = (member(1), member(2));
    let (mut here, mut there) = (Client::logged_in(&one, 1), Client::logged_in(&two, 1));
    let key = here.create(token_key()).unwrap();
    let objects = sealed(&mut here, vec![key]);
    let clone = Request::CloneAsTarget { objects: objects.clone() };
    assert_eq!(there.code(clone.clone()), CKR_FAILED_TO_CLONE_AN_OBJECT);
    // Not even if somebody on the way says that it is of that domain.
    let foreign = sealed_domain(&mut there);
    let lie = objects.into_iter().map(|object| SealedObject { domain: foreign, ..object });
    let lie = Request::CloneAsTarget { objects: lie.collect() };
    assert_eq!(there.code(lie), CKR_FAILED_TO_CLONE_AN_OBJECT);
    // Nor where nobody is logged in who could look inside, nor for what is public anyway.
    let mut public = Client::new(&two, 2, 2);
    assert_eq!(public.code(clone.clone()), CKR_FAILED_TO_CLONE_AN_OBJECT);
    let data = here.create(public_data()).unwrap();
    let objects = sealed(&mut here, vec![data]);
    assert_eq!(public.code(Request::CloneAsTarget { objects }), CKR_FAILED_TO_CLONE_AN_OBJECT);
    assert!(inventory(&mut there).is_empty());

    let blank = view(&Arc::new(MemoryStore::default()), open());
    let mut blank = Client::new(&blank, 1, 1);
    assert_eq!(blank.code(clone), CKR_CLONING_PARAMETER_MISSING);
    let source = Request::CloneAsSource { objects: vec![key] };
    assert_eq!(blank.code(source), CKR_CLONING_PARAMETER_MISSING);
}

fn sealed_domain(client: &mut Client) -> [u8; 16] {
    match client.ask(Request::TokenInfo).unwrap() {
        Reply::Token(info) => info.domain,
        other => panic!("{other:?}"),
    }
}

#[test]
fn token_objects_travel_without_any_login() {
    let ((_, one), (_, two)) = (member(1), member(1));
    let mut owner = Client::logged_in(&one, 1);
    let key = owner.create(token_key()).unwrap();
    let data = owner.create(public_data()).unwrap();
    let (mut here, mut there) = (Client::new(&one, 2, 2), Client::new(&two, 2, 2));
    let objects = sealed(&mut here, vec![key, data]);
    assert_eq!(objects.len(), 2);
    there.ask(Request::CloneAsTarget { objects }).unwrap();
    let mut user = Client::logged_in(&two, 1);
    assert_eq!(user.find(vec![]), [key, data]);
    assert!(user.sign(&Mechanism::plain(CKM_SHA256_HMAC), key, b"x").is_ok());
}

#[test]
fn session_objects_are_cloned_into_the_session_and_end_with_it() {
    let ((_, one), (store, two)) = (member(1), member(1));
    let (mut here, mut there) = (Client::logged_in(&one, 1), Client::logged_in(&two, 1));
    let key = here.create(without(token_key(), CKA_TOKEN)).unwrap();
    let data = here.create(without(public_data(), CKA_TOKEN)).unwrap();
    let objects = sealed(&mut here, vec![key, data]);
    assert!(!objects[0].body.windows(8).any(|bytes| bytes == [0xD4; 8]), "sealed on its way");

    let mut public = Client::new(&two, 2, 2);
    let clone = Request::CloneAsTarget { objects };
    assert_eq!(public.code(clone.clone()), CKR_USER_NOT_LOGGED_IN);
    there.ask(clone).unwrap();
    let hmac = Mechanism::plain(CKM_SHA256_HMAC);
    assert_eq!(there.sign(&hmac, key, b"x").unwrap(), here.sign(&hmac, key, b"x").unwrap());
    assert_eq!(there.find(vec![]), [key, data]);
    assert!(store.dump().len() < 1000, "nothing but the token record is stored");
    let mut sibling = Client::new(&two, 1, 3);
    drop(there);
    assert!(sibling.find(vec![]).is_empty());
}

/// Whatever is done first with a session object that has come from another member, it is done with the object.
#[test]
fn a_copy_that_was_never_used_is_like_any_other_object() {
    let open = OpenSession {
        app: AppId(1),
        tag: SessionTag(1),
        read_write: true,
        gives_away: GivesAway::AllObjects,
    };
    for private in [false, true] {
        let ((_, one), (_, two)) = (member(1), member(1));
        let (mut here, mut there) = (Client::opened(&one, open), Client::logged_in(&two, 1));
        here.login(Role::CryptoOfficer, USER_PIN).unwrap();
        // On both members, and used on neither.
        let mut fresh = |there: &mut Client, more: Vec<Attribute>| {
            let own = [Attribute::bool(CKA_PRIVATE, private), Attribute::bytes(CKA_LABEL, "new")];
            let template = with(without(public_data(), CKA_TOKEN), own.into());
            let request = Request::Create { template: Template(with(template, more)) };
            let Ok(Reply::Created(made)) = here.ask(request) else { panic!() };
            there.ask(Request::CloneAsTarget { objects: made.copies }).unwrap();
            made.objects[0].id
        };
        let labelled = |label: &str| vec![Attribute::bytes(CKA_LABEL, label)];

        let found = fresh(&mut there, vec![]);
        assert_eq!(there.find(labelled("new")), [found]);
        assert_eq!(there.destroy(found), CKR_OK);
        assert!(there.find(labelled("new")).is_empty());

        let read = fresh(&mut there, vec![]);
        assert_eq!(there.bytes(read, CKA_VALUE), b"in the open");
        let changed = fresh(&mut there, vec![]);
        assert_eq!(there.set(changed, Attribute::bytes(CKA_LABEL, "other")), CKR_OK);
        assert_eq!(there.find(labelled("other")), [changed]);
        let sent_on = fresh(&mut there, vec![]);
        assert_eq!(sealed(&mut there, vec![sent_on])[0].id, sent_on);
        let original = fresh(&mut there, vec![]);
        let template = Template(labelled("a copy"));
        assert_eq!(there.code(Request::Copy { object: original, template }), CKR_OK);
        let [copy] = there.find(labelled("a copy"))[..] else { panic!("one copy") };
        assert_eq!(there.bytes(copy, CKA_VALUE), b"in the open");

        let stays = fresh(&mut there, vec![no(CKA_DESTROYABLE)]);
        for _ in 0..2 {
            assert_eq!(there.destroy(stays), CKR_ACTION_PROHIBITED);
            assert_eq!(there.bytes(stays, CKA_VALUE), b"in the open");
        }
        let goes = fresh(&mut there, vec![]);
        assert_eq!(there.destroy(goes), CKR_OK);
        assert_eq!(there.destroy(goes), CKR_OBJECT_HANDLE_INVALID);

        // Private ones go with the login, whether they were used or not.
        let hidden = fresh(&mut there, vec![]);
        there.ask(Request::Logout).unwrap();
        assert_eq!(there.code(Request::Size { object: hidden }) == CKR_OK, !private);
        let expected = if private { CKR_OBJECT_HANDLE_INVALID } else { CKR_OK };
        assert_eq!(there.destroy(hidden), expected);
        assert_eq!(there.find(labelled("new")).is_empty(), private);
    }
}

#[test]
fn the_higher_version_wins() {
    let ((_, one), (_, two)) = (member(1), member(1));
    let (mut here, mut there) = (Client::logged_in(&one, 1), Client::logged_in(&two, 1));
    for template in [token_key(), without(token_key(), CKA_TOKEN)] {
        let key = here.create(template).unwrap();
        let old = sealed(&mut here, vec![key]);
        assert_eq!(here.set(key, Attribute::bytes(CKA_LABEL, "newer")), CKR_OK);
        let new = sealed(&mut here, vec![key]);
        assert!(old[0].version < new[0].version);
        for objects in [old.clone(), new, old] {
            there.ask(Request::CloneAsTarget { objects }).unwrap();
        }
        assert_eq!(there.bytes(key, CKA_LABEL), b"newer");
    }
}

#[test]
fn a_damaged_clone_is_refused_whole() {
    let ((_, one), (_, two)) = (member(1), member(1));
    let (mut here, mut there) = (Client::logged_in(&one, 1), Client::logged_in(&two, 1));
    let (good, bad) = (here.create(token_key()).unwrap(), here.create(token_key()).unwrap());
    let objects = sealed(&mut here, vec![good, bad]);
    let exchanged = vec![
        objects[0].clone(),
        SealedObject { body: objects[0].body.clone(), ..objects[1].clone() },
    ];
    let public = vec![SealedObject { private: false, ..objects[0].clone() }];
    for objects in [exchanged, public] {
        let clone = Request::CloneAsTarget { objects };
        assert_eq!(there.code(clone), CKR_FAILED_TO_CLONE_AN_OBJECT);
    }
    assert!(inventory(&mut there).is_empty());
}

#[test]
fn a_missed_deletion_is_replayed_whatever_the_object_says() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let key = client.create(with(token_key(), vec![no(CKA_DESTROYABLE)])).unwrap();
    assert_eq!(inventory(&mut client), [InventoryEntry { id: key, version: 1 }]);
    assert_eq!(client.destroy(key), CKR_ACTION_PROHIBITED);
    let mut public = Client::new(&partition, 2, 2);
    let objects = vec![key, ObjectId([9; 16])];
    assert_eq!(public.code(Request::ReplayDeletion { objects }), CKR_OK);
    assert!(inventory(&mut client).is_empty());
    assert_eq!(client.code(Request::Size { object: key }), CKR_OBJECT_HANDLE_INVALID);
}
