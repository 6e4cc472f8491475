//! The state directory itself: who may use it, what it refuses, what it keeps.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use hsmsim_partition::port::TokenUpdate;
use hsmsim_store::{DeviceSpec, Ledger, NewFault, Sharing, StateDir, StateError, StateSpec};
use hsmsim_types::{
    Error,
    ck::{CKR_DEVICE_ERROR, CKR_GENERAL_ERROR},
};
use tempfile::TempDir;

use crate::support::{device, id, on_both, open, partition, put, spec};

fn files(path: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.insert(path.clone(), fs::read(&path).unwrap());
        }
    }
    found
}

/// Opening must fail with a message that has these words, and change nothing.
fn refused(path: &Path, spec: &StateSpec, words: &[&str]) -> StateError {
    let before = files(path);
    let error = StateDir::open_or_create(path, spec).expect_err("refused");
    let message = error.to_string();
    for word in words {
        assert!(message.contains(word), "no {word:?} in {message:?}");
    }
    assert_eq!(files(path), before, "the data was touched");
    error
}

#[test]
fn state_of_other_devices_is_refused_with_their_names() {
    let place = TempDir::new().unwrap();
    partition(&open(place.path())).apply(&[put(id(1, 0, 0))]).unwrap();
    let other = StateSpec::new(["hsm-b", "hsm-c"], "two devices");
    let words = ["another set of devices", "also hsm-a", "no hsm-c", "HSMSIM_STATE"];
    refused(place.path(), &other, &words);
    refused(place.path(), &StateSpec { partitions: 4, ..spec() }, &["10 partitions", "4 part"]);
    let changed = StateSpec { fingerprint: "changed".into(), ..spec() };
    refused(place.path(), &changed, &["two devices", "changed"]);
    assert_eq!(partition(&open(place.path())).count().unwrap(), 1);
}

#[test]
fn devices_in_another_order_keep_their_places_and_serials() {
    let place = TempDir::new().unwrap();
    let first = open(place.path());
    let serial = device(&first, "hsm-b").partition(0).serial();
    device(&first, "hsm-b").partition(0).apply(&[put(id(1, 0, 0))]).unwrap();
    let mut turned = spec();
    turned.devices = vec![
        DeviceSpec { id: "hsm-b".into(), serial: 1 },
        DeviceSpec { id: "hsm-a".into(), serial: 2 },
    ];
    let second = StateDir::open_or_create(place.path(), &turned).unwrap();
    assert_eq!(second.device("hsm-b"), first.device("hsm-b"));
    let store = device(&second, "hsm-b").partition(0);
    assert_eq!((store.serial(), store.count().unwrap()), (serial, 1));
}

#[test]
fn newer_or_damaged_state_is_refused_and_left_as_it_was() {
    let place = TempDir::new().unwrap();
    partition(&open(place.path())).apply(&[put(id(1, 0, 0))]).unwrap();
    let path = |name: &str| place.path().join(name);
    let good = fs::read(path("state")).unwrap();
    let text = String::from_utf8(good.clone()).unwrap();

    fs::write(path("state"), text.replacen("state 1", "state 2", 1)).unwrap();
    refused(place.path(), &spec(), &["newer hsmsim", "version 2", "knows 1"]);
    for bad in ["", "PK\u{3}", "hsmsim state 1\n", &text.replace("partitions", "x")] {
        fs::write(path("state"), bad).unwrap();
        let error = refused(place.path(), &spec(), &["damaged", "state"]);
        assert_eq!(Error::from(error).rv(), CKR_DEVICE_ERROR);
    }
    fs::remove_file(path("state")).unwrap();
    refused(place.path(), &spec(), &["gone", "stores of its devices are there"]);
    fs::write(path("state"), good).unwrap();

    for name in ["page", "device-keys"] {
        let good = fs::read(path(name)).unwrap();
        fs::write(path(name), &good[..good.len() / 2 - 1]).unwrap();
        refused(place.path(), &spec(), &["damaged", name]);
        fs::write(path(name), good).unwrap();
    }
    assert_eq!(partition(&open(place.path())).count().unwrap(), 1);
}

#[test]
fn directory_out_of_reach_is_refused_with_its_name() {
    let place = TempDir::new().unwrap();
    let file = place.path().join("file");
    fs::write(&file, "not a directory").unwrap();
    for path in [file.clone(), file.join("below")] {
        let error = StateDir::open_or_create(&path, &spec()).unwrap_err();
        assert!(error.to_string().contains(file.to_str().unwrap()), "{error}");
        assert_eq!(Error::from(error).rv(), CKR_GENERAL_ERROR);
    }
    assert_eq!(fs::read(&file).unwrap(), b"not a directory");
}

#[test]
fn damaged_store_file_is_a_device_error_that_names_it() {
    let place = TempDir::new().unwrap();
    partition(&open(place.path())).apply(&[put(id(1, 0, 0))]).unwrap();
    let file = place.path().join("devices/hsm-a.db");
    let good = fs::read(&file).unwrap();
    let check = |bytes: &[u8], word: &str| {
        fs::write(&file, bytes).unwrap();
        let state = open(place.path());
        let store = partition(&state);
        let errors = [
            store.load(&id(1, 0, 0)).unwrap_err(),
            store.apply(&[put(id(2, 0, 0))]).unwrap_err(),
            store.token().unwrap_err(),
        ];
        for error in errors {
            assert_eq!(error.rv(), CKR_DEVICE_ERROR, "{error}");
            assert!(error.rule().contains("hsm-a.db") && error.rule().contains(word), "{error}");
        }
        // The neighbour is as well as ever.
        device(&state, "hsm-b").partition(0).apply(&[put(id(1, 0, 0))]).unwrap();
        drop((store, state));
        assert_eq!(fs::read(&file).unwrap(), bytes);
    };
    check(
        b"this was a database once, and now it is text of some length......................",
        "dam",
    );
    check(&[&good[..100], &vec![0xAA; good.len() - 100]].concat(), "dam");
    check(b"", "dam");
    let mut newer = good.clone();
    newer[60..64].copy_from_slice(&99_u32.to_be_bytes());
    check(&newer, "newer hsmsim (schema 99)");
    fs::write(&file, &good).unwrap();
    assert_eq!(partition(&open(place.path())).count().unwrap(), 1);
}

#[test]
fn modes_hold_whatever_the_umask() {
    for (sharing, directory, file) in
        [(Sharing::Private, 0o700, 0o600), (Sharing::Group { gid: None }, 0o2770, 0o660)]
    {
        let place = TempDir::new().unwrap();
        let path = place.path().join("new/state");
        let state = StateDir::open_or_create(&path, &StateSpec { sharing, ..spec() }).unwrap();
        partition(&state).apply(&[put(id(1, 0, 0))]).unwrap();
        Ledger::open(&state).tombstone("g", id(1, 0, 0), 1).unwrap();
        state.set_meta("some", Some(b"thing")).unwrap();
        let slot = state.claim_process(1);
        slot.publish_view("{}").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        for name in ["", "devices", "clients", "meta"] {
            assert_eq!(mode(&path.join(name)), directory, "{name}");
        }
        let found = files(&path);
        for name in ["devices/hsm-a.db-wal", "devices/hsm-a.db-shm", "ledger.db", "page", "locks"] {
            assert!(found.contains_key(&path.join(name)), "{name} in {:?}", found.keys());
        }
        for name in found.keys() {
            assert_eq!(mode(name), file, "{}", name.display());
        }
    }
}

#[test]
fn directory_made_by_many_at_once_is_made_once() {
    let place = TempDir::new().unwrap();
    let path = place.path().join("state");
    let keys: Vec<_> = std::thread::scope(|scope| {
        let make = || *device(&open(&path), "hsm-b").device_key().bytes();
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(make)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(keys.iter().all(|key| *key == keys[0]));
}

#[test]
fn interrupted_creation_is_made_anew() {
    let place = TempDir::new().unwrap();
    for directory in ["devices", "clients"] {
        fs::create_dir(place.path().join(directory)).unwrap();
    }
    fs::write(place.path().join("device-keys"), "half").unwrap();
    fs::write(place.path().join("hsmsim.toml"), "the user's own").unwrap();
    partition(&open(place.path())).apply(&[put(id(1, 0, 0))]).unwrap();
    assert_eq!(fs::read(place.path().join("hsmsim.toml")).unwrap(), b"the user's own");
}

#[test]
fn blobs_are_kept_until_removed() {
    on_both(|state| {
        assert_eq!(state.meta("provisioned").unwrap(), None);
        state.set_meta("provisioned", Some(b"yes")).unwrap();
        state.set_meta("provisioned", Some(b"twice")).unwrap();
        assert_eq!(state.meta("provisioned").unwrap().as_deref(), Some(&b"twice"[..]));
        state.set_meta("provisioned", None).unwrap();
        state.set_meta("provisioned", None).unwrap();
        assert_eq!(state.meta("provisioned").unwrap(), None);
        for key in ["", "../state", "a/b", ".x"] {
            assert!(state.set_meta(key, Some(b"")).is_err(), "{key:?}");
            assert!(state.meta(key).is_err(), "{key:?}");
        }
    });
}

#[test]
fn exclusive_lock_keeps_others_out_until_dropped() {
    let place = TempDir::new().unwrap();
    let states = [open(place.path()), open(place.path())];
    std::thread::scope(|scope| {
        for n in 0..8_u32 {
            let state = &states[(n % 2) as usize];
            scope.spawn(move || {
                for _ in 0..20 {
                    let _exclusive = state.exclusive().unwrap();
                    let old = state.meta("count").unwrap();
                    let count = old.map_or(0, |old| u32::from_ne_bytes(old.try_into().unwrap()));
                    state.set_meta("count", Some(&(count + 1).to_ne_bytes())).unwrap();
                }
            });
        }
    });
    assert_eq!(states[0].meta("count").unwrap(), Some(160_u32.to_ne_bytes().to_vec()));
}

#[test]
fn reset_empties_everything_and_every_process_notices() {
    on_both(|state| {
        let store = device(state, "hsm-b").partition(3);
        let (ledger, serial) = (Ledger::open(state), store.serial());
        store.apply(&[put(id(1, 0, 0))]).unwrap();
        store.update_token(&mut |_| Ok(TokenUpdate::Record(vec![1]))).unwrap();
        let (kind, target, params) = ("link.cut".into(), "a-b".into(), String::new());
        let fault =
            NewFault { kind, target, params, set_at_ns: 1, until_ns: None, owner_pid: None };
        ledger.add_fault(&fault, &[]).unwrap();
        ledger.tombstone("g", id(1, 0, 0), 1).unwrap();
        state.set_meta("provisioned", Some(b"yes")).unwrap();
        let (generation, faults) = (store.generation(), ledger.fault_generation());

        state.exclusive().unwrap().reset().unwrap();
        assert_eq!((store.token().unwrap(), store.count().unwrap()), (None, 0));
        assert_eq!(ledger.fault_history().unwrap(), []);
        assert_eq!(ledger.tombstones("g").unwrap(), []);
        assert_eq!(state.meta("provisioned").unwrap(), None);
        assert!(store.generation() > generation && ledger.fault_generation() > faults);
        assert_eq!(state.page().power_epoch(state.device("hsm-a").unwrap()), 1);
        assert_eq!(store.serial(), serial);
    });
}
