//! fork: nothing crosses, nothing is lost. Every test forks in a process of its own.

#![allow(unsafe_code)]

use std::{
    io::{Read, Write},
    os::unix::net::UnixStream,
    path::Path,
    sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst},
};

use hsmsim_partition::port::TokenUpdate;
use hsmsim_store::{Ledger, StateDir, at_fork};
use hsmsim_types::ck::CKR_DEVICE_ERROR;
use tempfile::TempDir;

use crate::{
    helper::{say, start},
    support::{device, id, open, partition, put, spec},
};

/// Runs `child` in a forked process, which ends with it: 0 if it returns true.
fn fork(child: impl FnOnce() -> bool) -> i32 {
    // SAFETY: the child runs the closure and leaves by `_exit`, so nothing that it inherited is
    // dropped and no exit handler runs twice. A hang ends by the alarm.
    unsafe {
        match libc::fork() {
            -1 => panic!("fork"),
            0 => {
                libc::alarm(60);
                let good = std::panic::catch_unwind(std::panic::AssertUnwindSafe(child));
                libc::_exit(if matches!(good, Ok(true)) { 0 } else { 1 })
            }
            pid => pid,
        }
    }
}

fn wait(pid: i32) {
    let mut status = 0;
    // SAFETY: `status` is an int, and `pid` a child that nobody else waits for.
    let waited = unsafe { libc::waitpid(pid, &raw mut status, 0) };
    assert_eq!((waited, status), (pid, 0), "the child failed or hung");
}

/// Ends this process if the test hangs.
fn alarm() {
    // SAFETY: only sets a timer.
    unsafe { libc::alarm(120) };
}

static HOOK_CALLS: AtomicU32 = AtomicU32::new(0);

fn hook() {
    HOOK_CALLS.fetch_add(1, SeqCst);
}

/// The other process: opens, forks, and finalises while the child works.
pub(crate) fn parent_that_forks(path: &Path) {
    alarm();
    at_fork::on_child(hook).unwrap();
    at_fork::on_child(hook).unwrap();
    let state = open(path);
    let store = partition(&state);
    let slot = state.claim_process(1);
    store.apply(&[put(id(1, 0, 0))]).unwrap();
    let before = store.inventory().unwrap();
    let (mut near, mut far) = UnixStream::pair().unwrap();
    let child = fork(|| {
        assert_eq!(HOOK_CALLS.load(SeqCst), 1, "the hook is called once");
        // What was inherited refuses, and goes on refusing.
        assert_eq!(store.load(&id(1, 0, 0)).unwrap_err().rv(), CKR_DEVICE_ERROR);
        assert_eq!(store.apply(&[put(id(9, 0, 0))]).unwrap_err().rv(), CKR_DEVICE_ERROR);
        let state = open(path);
        let store = partition(&state);
        assert_eq!(store.inventory().unwrap(), before);
        store.apply(&[put(id(2, 0, 0))]).unwrap();
        far.write_all(b"x").unwrap();
        // The parent finalises here.
        far.read_exact(&mut [0]).unwrap();
        for n in 0..10 {
            store.apply(&[put(id(3, n, 0))]).unwrap();
        }
        // A grandchild that opens for itself works as well.
        wait(fork(|| {
            let state = open(path);
            partition(&state).apply(&[put(id(4, 0, 0))]).is_ok()
        }));
        true
    });
    assert_eq!(HOOK_CALLS.load(SeqCst), 0, "the hook is for children");
    near.read_exact(&mut [0]).unwrap();
    assert!(store.load(&id(2, 0, 0)).unwrap().is_some(), "the parent sees the child's key");
    store.apply(&[put(id(1, 1, 0))]).unwrap();
    drop((store, slot, state));
    near.write_all(b"x").unwrap();
    wait(child);
    say("done");
}

#[test]
fn key_made_by_a_forked_child_survives_the_parents_finalisation() {
    let place = TempDir::new().unwrap();
    let mut other = start("fork", place.path(), 0);
    assert!(other.next("done").is_some(), "the other process failed");
    other.finish();
    let state = open(place.path());
    let found = partition(&state).inventory().unwrap();
    let found: Vec<_> = found.into_iter().map(|(id, _)| id).collect();
    let mut expected = vec![id(1, 0, 0), id(1, 1, 0), id(2, 0, 0)];
    expected.extend((0..10).map(|n| id(3, n, 0)));
    expected.push(id(4, 0, 0));
    assert_eq!(found, expected);
}

const FORKS: u32 = 40;

/// The other process: forks again and again while its threads write and read.
pub(crate) fn parent_that_forks_while_busy(path: &Path) {
    alarm();
    let state = open(path);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for thread in 0..3_u32 {
            let (state, stop) = (&state, &stop);
            scope.spawn(move || {
                let store = device(state, if thread == 2 { "hsm-b" } else { "hsm-a" }).partition(0);
                let mut n = 0;
                while !stop.load(SeqCst) {
                    store.apply(&[put(id(1000 + thread, n, 0))]).unwrap();
                    assert!(store.load(&id(1000 + thread, n, 0)).unwrap().is_some());
                    n += 1;
                }
                say(&format!("wrote {thread} {n}"));
            });
        }
        for round in 0..FORKS {
            wait(fork(|| {
                let state = open(path);
                let store = partition(&state);
                store.apply(&[put(id(round, 0, 0))]).unwrap();
                let b = device(&state, "hsm-b").partition(0);
                b.apply(&[put(id(round, 0, 0))]).unwrap();
                Ledger::open(&state).tombstone("g", id(round, 0, 0), 1).unwrap();
                store.load(&id(round, 0, 0)).unwrap().is_some()
            }));
        }
        stop.store(true, SeqCst);
    });
    say("done");
}

#[test]
fn fork_in_the_middle_of_writes_loses_nothing_on_either_side() {
    let place = TempDir::new().unwrap();
    let mut other = start("busy", place.path(), 0);
    let mut written = [0; 3];
    for _ in 0..3 {
        let line = other.next("wrote ").expect("the other process failed");
        let (thread, n) = line.split_once(' ').unwrap();
        written[thread.parse::<usize>().unwrap()] = n.parse::<u32>().unwrap();
    }
    assert!(other.next("done").is_some());
    other.finish();
    let state = open(place.path());
    let (a, b) = (partition(&state), device(&state, "hsm-b").partition(0));
    for round in 0..FORKS {
        for store in [&a, &b] {
            assert!(store.load(&id(round, 0, 0)).unwrap().is_some(), "child {round}");
        }
    }
    for (thread, (n, store)) in (1000..).zip(written.into_iter().zip([&a, &a, &b])) {
        assert!(n > FORKS / 4, "thread {thread} was kept out: {n} writes");
        for n in 0..n {
            assert!(store.load(&id(thread, n, 0)).unwrap().is_some(), "{thread}/{n}");
        }
    }
    assert_eq!(Ledger::open(&state).tombstones("g").unwrap().len(), FORKS as usize);
}

/// The other process: takes the exclusive lock, forks, and is killed. The child then asks for it.
pub(crate) fn parent_that_dies_with_the_lock(path: &Path) {
    alarm();
    let state = open(path);
    let _exclusive = state.exclusive().unwrap();
    let (near, mut far) = UnixStream::pair().unwrap();
    let mut near = Some(near);
    fork(|| {
        near = None;
        // Ends when the parent is gone.
        let _ = far.read(&mut [0]);
        let state = open(path);
        let exclusive = state.exclusive().unwrap();
        state.set_meta("winner", Some(b"child")).unwrap();
        drop(exclusive);
        true
    });
    assert!(near.is_some(), "open until this process is gone");
    // SAFETY: kills this very process.
    unsafe { libc::kill(libc::getpid(), libc::SIGKILL) };
}

#[test]
fn lock_of_a_killed_parent_is_not_kept_by_its_child() {
    let place = TempDir::new().unwrap();
    let mut other = start("exclusive", place.path(), 0);
    // The pipe is open until the child has gone too.
    while other.next("").is_some() {}
    other.child.wait().unwrap();
    assert_eq!(open(place.path()).meta("winner").unwrap().as_deref(), Some(&b"child"[..]));
}

/// The other process: forks from within a change.
pub(crate) fn parent_that_forks_inside_a_change(path: &Path) {
    alarm();
    let state = open(path);
    let store = partition(&state);
    let mut child = 0;
    let mut change = |_: Option<&[u8]>| {
        child = fork(|| {
            let state = StateDir::open_or_create(path, &spec()).unwrap();
            let refused = partition(&state).apply(&[put(id(1, 0, 0))]);
            refused.unwrap_err().rv() == CKR_DEVICE_ERROR
        });
        Ok(TokenUpdate::Record(vec![1]))
    };
    store.update_token(&mut change).unwrap();
    wait(child);
    store.apply(&[put(id(2, 0, 0))]).unwrap();
    say("done");
}

#[test]
fn child_forked_inside_a_change_refuses_instead_of_losing() {
    let place = TempDir::new().unwrap();
    let mut other = start("inside", place.path(), 0);
    assert!(other.next("done").is_some(), "the other process failed");
    other.finish();
    let state = open(place.path());
    assert_eq!(partition(&state).inventory().unwrap(), [(id(2, 0, 0), 1)]);
    assert_eq!(partition(&state).token().unwrap().as_deref(), Some(&vec![1]));
}
