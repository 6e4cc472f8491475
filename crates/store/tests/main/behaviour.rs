//! The port's promises, on files and in memory.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
};

use hsmsim_partition::port::{Body, Change, Filter, PartitionStore, TagFilter, Tags, TokenUpdate};
use hsmsim_types::{
    Error, ObjectId,
    ck::{CKR_OBJECT_HANDLE_INVALID, CKR_PIN_INCORRECT},
};

use crate::support::{device, id, object, on_both, partition, put, update};

fn ids(store: &dyn PartitionStore, filter: &Filter) -> Vec<ObjectId> {
    let ids: Vec<ObjectId> =
        store.find(filter).unwrap().into_iter().map(|object| object.id).collect();
    assert_eq!(store.find_ids(filter).unwrap(), ids);
    ids
}

const ALL: Filter = Filter {
    class: None,
    private: Some(TagFilter { label: None, id: None }),
    public: Some(TagFilter { label: None, id: None }),
};

#[test]
fn object_is_found_as_it_was_put() {
    on_both(|state| {
        let store = partition(state);
        assert_eq!(store.load(&id(1, 0, 0)).unwrap(), None);
        assert_eq!(store.count().unwrap(), 0);
        let mut key = object(id(1, 0, 0), 1);
        key.tags = Tags { class: u64::MAX, label: Some([7; 16]), id: Some([8; 16]) };
        store.apply(&[Change::Put(key.clone())]).unwrap();
        assert_eq!(store.load(&key.id).unwrap(), Some(key.clone()));
        assert_eq!(store.find(&ALL).unwrap(), [key.clone()]);
        assert_eq!(store.inventory().unwrap(), [(key.id, 1)]);
        assert_eq!(store.count().unwrap(), 1);
        store.apply(&[Change::Remove(key.id), Change::Remove(id(2, 0, 0))]).unwrap();
        assert_eq!(store.load(&key.id).unwrap(), None);
        assert_eq!(ids(&*store, &ALL), []);
        assert_eq!(store.count().unwrap(), 0);
    });
}

#[test]
fn bytes_are_those_of_the_bodies_whatever_happened() {
    on_both(|state| {
        let store = partition(state);
        let sized = |number, version, len| {
            let mut object = object(id(number, 0, 0), version);
            object.body = Body::new(vec![1; len]);
            object
        };
        assert_eq!(store.bytes().unwrap(), 0);
        for (change, bytes) in [
            (Change::Put(sized(1, 1, 100)), 100),
            (Change::Put(sized(2, 1, 50)), 150),
            (Change::Put(sized(2, 2, 20)), 120),
            (Change::Put(sized(2, 1, 999)), 120),
            (update(sized(1, 2, 300)), 320),
            (Change::Remove(id(9, 0, 0)), 320),
            (Change::Remove(id(1, 0, 0)), 20),
        ] {
            store.apply(&[change]).unwrap();
            assert_eq!(store.bytes().unwrap(), bytes);
        }
        let late = [Change::Put(sized(3, 1, 7)), update(sized(4, 2, 7))];
        assert!(store.apply(&late).is_err());
        assert_eq!(store.bytes().unwrap(), 20, "all or nothing");
        store.update_token(&mut |_| Ok(TokenUpdate::Erase(None))).unwrap();
        assert_eq!(store.bytes().unwrap(), 0);
    });
}

#[test]
fn older_version_never_replaces_a_newer_one() {
    on_both(|state| {
        let store = partition(state);
        for version in [2, 1, 2, 5, 4] {
            store.apply(&[Change::Put(object(id(1, 0, 0), version))]).unwrap();
        }
        assert_eq!(store.load(&id(1, 0, 0)).unwrap(), Some(object(id(1, 0, 0), 5)));
        assert_eq!(store.count().unwrap(), 1);
    });
}

#[test]
fn update_of_a_removed_or_changed_object_changes_nothing() {
    on_both(|state| {
        let store = partition(state);
        store.apply(&[put(id(1, 0, 0))]).unwrap();
        store.apply(&[update(object(id(1, 0, 0), 2))]).unwrap();
        for late in [object(id(1, 0, 0), 2), object(id(1, 0, 0), 4), object(id(2, 0, 0), 2)] {
            let changes = [put(id(3, 0, 0)), update(late)];
            assert_eq!(store.apply(&changes).unwrap_err().rv(), CKR_OBJECT_HANDLE_INVALID);
        }
        let gone = [Change::Remove(id(1, 0, 0)), update(object(id(1, 0, 0), 3))];
        assert_eq!(store.apply(&gone).unwrap_err().rv(), CKR_OBJECT_HANDLE_INVALID);
        assert_eq!(store.inventory().unwrap(), [(id(1, 0, 0), 2)]);
        assert_eq!(store.count().unwrap(), 1);
        // Within one list the changes follow each other.
        let chain = [put(id(4, 0, 0)), update(object(id(4, 0, 0), 2))];
        store.apply(&chain).unwrap();
        assert_eq!(store.inventory().unwrap(), [(id(1, 0, 0), 2), (id(4, 0, 0), 2)]);
    });
}

#[test]
fn search_gives_what_matches_in_order_of_creation() {
    on_both(|state| {
        let store = partition(state);
        let (label, ckid) = (Some([1; 16]), Some([2; 16]));
        let tags = |class, label, id| Tags { class, label, id };
        let objects = [
            (9, true, tags(3, label, ckid)),
            (8, true, tags(2, label, None)),
            (7, false, tags(2, label, ckid)),
            (6, false, tags(1, None, ckid)),
            (5, true, tags(3, None, None)),
        ];
        for (n, private, tags) in objects {
            let mut object = object(id(n, 0, 0), 1);
            (object.private, object.tags) = (private, tags);
            store.apply(&[Change::Put(object)]).unwrap();
        }
        // A replacement keeps its place in the order.
        let mut again = object(id(9, 0, 0), 2);
        again.tags = tags(3, label, ckid);
        store.apply(&[Change::Put(again)]).unwrap();

        let any = Some(TagFilter::default());
        let by = |label, id| Some(TagFilter { label, id });
        let cases: [(Filter, &[u32]); 10] = [
            (ALL, &[9, 8, 7, 6, 5]),
            (Filter { class: None, private: any, public: None }, &[9, 8, 5]),
            (Filter { class: None, private: None, public: any }, &[7, 6]),
            (Filter { class: Some(2), private: any, public: any }, &[8, 7]),
            (Filter { class: None, private: by(label, None), public: None }, &[9, 8]),
            (Filter { class: Some(3), private: by(label, None), public: None }, &[9]),
            (Filter { class: None, private: by(None, ckid), public: by(None, ckid) }, &[9, 7, 6]),
            (Filter { class: None, private: by(label, ckid), public: by(label, ckid) }, &[9, 7]),
            (Filter { class: None, private: by(ckid, None), public: by(label, None) }, &[7]),
            (Filter { class: None, private: None, public: None }, &[]),
        ];
        for (filter, expected) in cases {
            let expected: Vec<_> = expected.iter().map(|n| id(*n, 0, 0)).collect();
            assert_eq!(ids(&*store, &filter), expected, "{filter:?}");
        }
    });
}

#[test]
fn replaced_tags_are_no_longer_found() {
    on_both(|state| {
        let store = partition(state);
        let search = |label| {
            let tags = Some(TagFilter { label: Some(label), id: None });
            ids(&*store, &Filter { class: None, private: tags, public: None })
        };
        for (version, label) in [(1, [1; 16]), (2, [2; 16])] {
            let mut object = object(id(1, 0, 0), version);
            object.tags.label = Some(label);
            store.apply(&[Change::Put(object)]).unwrap();
        }
        assert_eq!(search([1; 16]), []);
        assert_eq!(search([2; 16]), [id(1, 0, 0)]);
    });
}

#[test]
fn generation_is_even_at_rest_and_grows_with_every_change() {
    on_both(|state| {
        let store = partition(state);
        let other = device(state, "hsm-a").partition(1);
        let (mut last, untouched) = (store.generation(), other.generation());
        let mut grew = || {
            let now = store.generation();
            assert!(now > last && now.is_multiple_of(2), "{last} {now}");
            last = now;
        };
        store.apply(&[put(id(1, 0, 0))]).unwrap();
        grew();
        store.apply(&[Change::Remove(id(1, 0, 0))]).unwrap();
        grew();
        store.update_token(&mut |_| Ok(TokenUpdate::Record(vec![1]))).unwrap();
        grew();
        device(state, "hsm-a").zeroize().unwrap();
        grew();
        store.update_token(&mut |_| Ok(TokenUpdate::Keep)).unwrap();
        assert_eq!(store.generation(), last);
        assert!(other.generation() > untouched, "zeroization changes every partition");
    });
}

#[test]
fn token_record_is_read_and_written_in_one_step() {
    on_both(|state| {
        let store = partition(state);
        assert_eq!(store.token().unwrap(), None);
        // A hundred increments by each of four threads: none is lost.
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..25 {
                        let mut add = |old: Option<&[u8]>| {
                            let n = old.map_or(0, |old| old[0]);
                            Ok(TokenUpdate::Record(vec![n + 1]))
                        };
                        store.update_token(&mut add).unwrap();
                    }
                });
            }
        });
        assert_eq!(store.token().unwrap().as_deref(), Some(&vec![100]));
    });
}

#[test]
fn refused_token_update_writes_nothing_and_keeps_its_code() {
    on_both(|state| {
        let store = partition(state);
        store.update_token(&mut |_| Ok(TokenUpdate::Record(vec![5]))).unwrap();
        let error = Error::new(CKR_PIN_INCORRECT, "crypto officer");
        let refused = store.update_token(&mut |_| Err(error.clone())).unwrap_err();
        assert_eq!(refused, error);
        assert_eq!(store.token().unwrap().as_deref(), Some(&vec![5]));
    });
}

#[test]
fn erased_token_loses_its_objects_and_others_keep_theirs() {
    on_both(|state| {
        let device = device(state, "hsm-a");
        let (store, other) = (device.partition(0), device.partition(9));
        for store in [&store, &other] {
            store.update_token(&mut |_| Ok(TokenUpdate::Record(vec![1]))).unwrap();
            store.apply(&[put(id(1, 0, 0)), put(id(2, 0, 0))]).unwrap();
        }
        store.update_token(&mut |_| Ok(TokenUpdate::Erase(Some(vec![2])))).unwrap();
        assert_eq!(store.token().unwrap().as_deref(), Some(&vec![2]));
        assert_eq!((ids(&*store, &ALL), store.count().unwrap()), (vec![], 0));
        store.update_token(&mut |_| Ok(TokenUpdate::Erase(None))).unwrap();
        assert_eq!(store.token().unwrap(), None);
        assert_eq!(other.token().unwrap().as_deref(), Some(&vec![1]));
        assert_eq!(other.count().unwrap(), 2);
    });
}

#[test]
fn zeroized_device_is_blank_and_its_neighbour_is_not() {
    on_both(|state| {
        let (a, b) = (device(state, "hsm-a"), device(state, "hsm-b"));
        a.zeroize().unwrap();
        for device in [&a, &b] {
            for index in [0, 9] {
                let store = device.partition(index);
                store.update_token(&mut |_| Ok(TokenUpdate::Record(vec![1]))).unwrap();
                store.apply(&[put(id(1, 0, 0))]).unwrap();
            }
        }
        a.zeroize().unwrap();
        for index in [0, 9] {
            assert_eq!(a.partition(index).inventory().unwrap(), []);
            assert_eq!(a.partition(index).token().unwrap(), None);
            assert_eq!(b.partition(index).count().unwrap(), 1);
            assert!(b.partition(index).token().unwrap().is_some());
        }
    });
}

#[test]
fn serial_numbers_tell_partitions_apart() {
    on_both(|state| {
        let (a, b) = (device(state, "hsm-a"), device(state, "hsm-b"));
        let serials = [a.partition(0).serial(), a.partition(9).serial(), b.partition(0).serial()];
        assert!(serials.iter().all(|s| s.len() == 12 && s.bytes().all(|b| b.is_ascii_digit())));
        assert_eq!(serials.iter().collect::<std::collections::BTreeSet<_>>().len(), 3);
        assert_ne!(a.device_key().bytes(), b.device_key().bytes());
        assert_eq!(a.device_key().bytes(), a.partition(3).device_key().bytes());
    });
}

#[test]
fn readers_and_writers_of_many_threads_see_whole_changes() {
    on_both(|state| {
        let store = partition(state);
        std::thread::scope(|scope| {
            for thread in 0..2 {
                let store = &store;
                scope.spawn(move || {
                    for n in 0..50 {
                        store.apply(&[put(id(thread, n, 0)), put(id(thread, n, 1))]).unwrap();
                    }
                });
            }
            for _ in 0..6 {
                scope.spawn(|| {
                    loop {
                        let seen = store.inventory().unwrap().len();
                        assert!(seen.is_multiple_of(2), "half a pair among {seen}");
                        assert!(store.find(&ALL).unwrap().len() >= seen);
                        if seen == 200 {
                            break;
                        }
                    }
                });
            }
        });
        assert_eq!(store.count().unwrap(), 200);
    });
}

#[test]
fn same_even_generation_always_means_the_same_content() {
    on_both(|state| {
        let store = partition(state);
        let seen = Mutex::new(BTreeMap::new());
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while !done.load(SeqCst) {
                        let before = store.generation();
                        let content = store.inventory().unwrap();
                        if before.is_multiple_of(2) && store.generation() == before {
                            let mut seen = seen.lock().unwrap();
                            let first = seen.entry(before).or_insert_with(|| content.clone());
                            assert_eq!(*first, content, "generation {before}");
                        }
                    }
                });
            }
            let mut n = 0;
            while n < 300 || seen.lock().unwrap().len() < 20 {
                store.apply(&[put(id(n % 7, 0, 0))]).unwrap();
                std::thread::yield_now();
                store.apply(&[Change::Remove(id(n % 7, 0, 0))]).unwrap();
                std::thread::yield_now();
                n += 1;
            }
            done.store(true, SeqCst);
        });
    });
}
