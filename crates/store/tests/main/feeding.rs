//! Outboxes: what a device has to tell its peers, and what these make of it.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::SeqCst},
};

use hsmsim_partition::port::{Change, TokenUpdate};
use hsmsim_store::{
    DeviceStore, StateDir,
    outbox::{Carried, Feed, Merged, News},
};
use tempfile::TempDir;

use crate::support::{device, id, object, on_both, open, put, update};

/// The version after one change.
const CHANGED: u64 = 1 << 44;

const PEERS: [&str; 2] = ["hsm-b/0", "hsm-c/0"];

/// The first device, whose first partition feeds two peers, and its clock.
fn feeding(state: &StateDir) -> (Arc<DeviceStore>, Arc<AtomicU64>) {
    let device = device(state, "hsm-a");
    let clock = Arc::new(AtomicU64::new(100));
    let now = Arc::clone(&clock);
    let peers = PEERS.map(str::to_owned).to_vec();
    device.feed(0, Feed { peers, now: Box::new(move || now.load(SeqCst)) });
    (device, clock)
}

fn told(device: &DeviceStore, peer: &str) -> Vec<(u64, News)> {
    let rows = device.departures(0, peer, 100).unwrap();
    rows.into_iter().map(|row| (row.at_ns, row.news)).collect()
}

#[test]
fn every_change_leaves_a_row_for_each_peer_with_the_object_as_it_then_was() {
    on_both(|state| {
        let (device, clock) = feeding(state);
        let store = device.partition(0);
        let key = id(1, 0, 0);
        store.apply(&[put(key)]).unwrap();
        clock.store(200, SeqCst);
        store.apply(&[update(object(key, 2))]).unwrap();
        clock.store(300, SeqCst);
        store.apply(&[Change::Remove(key)]).unwrap();
        // What changes nothing is no news.
        store.apply(&[Change::Remove(key)]).unwrap();
        for peer in PEERS {
            let rows = [
                (100, News::Put(object(key, 1))),
                (200, News::Put(object(key, 2))),
                (300, News::Removed { id: key, version: 2 }),
            ];
            assert_eq!(told(&device, peer), rows);
            assert_eq!(device.backlog(0, peer).unwrap(), (3, Some(100)));
        }
        let waiting = PEERS.map(|peer| (0, peer.to_owned()));
        assert_eq!(device.waiting().unwrap(), waiting);
        // A partition that feeds nobody leaves nothing.
        device.partition(1).apply(&[put(key)]).unwrap();
        assert_eq!(device.waiting().unwrap(), waiting);
    });
}

#[test]
fn a_change_that_is_refused_leaves_no_row() {
    on_both(|state| {
        let (device, _) = feeding(state);
        let changes = [put(id(1, 0, 0)), update(object(id(2, 0, 0), 2))];
        device.partition(0).apply(&changes).unwrap_err();
        assert_eq!(device.waiting().unwrap(), []);
    });
}

#[test]
fn rows_are_struck_out_once() {
    on_both(|state| {
        let (device, _) = feeding(state);
        device.partition(0).apply(&[put(id(1, 0, 0)), put(id(2, 0, 0))]).unwrap();
        let rows: Vec<u64> =
            device.departures(0, PEERS[0], 9).unwrap().iter().map(|row| row.seq).collect();
        let far = Carried { ready_ns: 5, last_ns: 6 };
        let farther = Carried { ready_ns: 7, last_ns: 9 };
        assert_eq!(device.strike_out(0, PEERS[0], &rows[..1], far).unwrap(), rows[..1]);
        assert_eq!(device.strike_out(0, PEERS[0], &rows, farther).unwrap(), rows[1..]);
        assert_eq!(device.carried(0, PEERS[0]).unwrap(), farther);
        assert_eq!(device.carried(0, PEERS[1]).unwrap(), Carried::default());
        assert_eq!(told(&device, PEERS[0]), []);
        assert_eq!(told(&device, PEERS[1]).len(), 2);
    });
}

#[test]
fn news_that_come_twice_or_too_late_change_nothing() {
    on_both(|state| {
        let target = device(state, "hsm-b");
        let (key, other) = (id(1, 0, 0), id(2, 0, 0));
        let merge = |news: &[News]| target.merge(0, news, 7).unwrap();
        let (first, second) = (News::Put(object(key, 1)), News::Put(object(key, CHANGED)));
        assert_eq!(merge(std::slice::from_ref(&second)), [Merged::Applied]);
        assert_eq!(merge(&[first.clone(), second.clone()]), [Merged::Known, Merged::Known]);
        let store = target.partition(0);
        assert_eq!(store.inventory().unwrap(), [(key, CHANGED)]);
        let gone = News::Removed { id: key, version: CHANGED };
        assert_eq!(
            merge(&[gone.clone(), first, second, gone]),
            [Merged::Applied, Merged::Known, Merged::Known, Merged::Known]
        );
        assert_eq!((store.inventory().unwrap(), store.count().unwrap()), (vec![], 0));
        // The removal may be first.
        merge(&[News::Removed { id: other, version: 1 }, News::Put(object(other, 1))]);
        assert_eq!(store.inventory().unwrap(), []);
    });
}

#[test]
fn what_was_destroyed_here_is_not_brought_back_by_old_news() {
    on_both(|state| {
        let (device, _) = feeding(state);
        let key = id(1, 0, 0);
        let store = device.partition(0);
        store.apply(&[put(key), Change::Remove(key)]).unwrap();
        assert_eq!(device.merge(0, &[News::Put(object(key, 1))], 7).unwrap(), [Merged::Known]);
        // Somebody who copies it on purpose, as `ha synchronize` does, may.
        store.apply(&[put(key)]).unwrap();
        assert_eq!(store.inventory().unwrap(), [(key, 1)]);
        let newer = [News::Put(object(key, CHANGED))];
        assert_eq!(device.merge(0, &newer, 7).unwrap(), [Merged::Applied]);
    });
}

#[test]
fn an_erased_partition_has_nothing_more_to_say() {
    on_both(|state| {
        let (device, _) = feeding(state);
        let store = device.partition(0);
        store.apply(&[put(id(1, 0, 0))]).unwrap();
        store.update_token(&mut |_| Ok(TokenUpdate::Erase(Some(vec![1])))).unwrap();
        assert_eq!(device.waiting().unwrap(), []);
        store.apply(&[put(id(1, 0, 0))]).unwrap();
        device.zeroize().unwrap();
        assert_eq!(device.waiting().unwrap(), []);
    });
}

#[test]
fn rows_outlive_their_process_and_others_notice_them() {
    let place = TempDir::new().unwrap();
    let (one, two) = (open(place.path()), open(place.path()));
    let before = two.page().outbox_generation();
    feeding(&one).0.partition(0).apply(&[put(id(1, 0, 0))]).unwrap();
    assert_ne!(two.page().outbox_generation(), before);
    drop(one);
    assert_eq!(told(&device(&two, "hsm-a"), PEERS[0]), [(100, News::Put(object(id(1, 0, 0), 1)))]);
}
