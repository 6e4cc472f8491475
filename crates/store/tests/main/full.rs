//! A file system that is really full: a small one in memory, mounted where only the test's other
//! process sees it.

#![allow(unsafe_code)]

use std::{ffi::CString, io, path::Path, ptr};

use hsmsim_partition::port::{Body, Change};
use hsmsim_store::StateDir;
use hsmsim_types::{
    Error,
    ck::{CKR_DEVICE_MEMORY, CKR_OK},
};
use tempfile::TempDir;

use crate::{
    helper::{say, start},
    support::{id, object, open, partition, put, spec},
};

fn mount(path: &Path, flags: u64, options: &str) -> io::Result<()> {
    let path = CString::new(path.as_os_str().as_encoded_bytes())?;
    let options = CString::new(options)?;
    let kind = c"tmpfs".as_ptr();
    // SAFETY: four strings that live until the call returns.
    let code = unsafe { libc::mount(kind, path.as_ptr(), kind, flags, options.as_ptr().cast()) };
    if code == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// A mount table of this process's own.
fn unshare() -> io::Result<()> {
    // SAFETY: no pointers but the two strings, which are constant.
    let code = unsafe {
        if libc::unshare(libc::CLONE_NEWNS) != 0 {
            -1
        } else {
            let (none, root) = (ptr::null(), c"/".as_ptr());
            libc::mount(none, root, none, libc::MS_REC | libc::MS_PRIVATE, ptr::null())
        }
    };
    if code == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The other process: fills the disk, and goes on when there is room again.
pub(crate) fn fill(path: &Path) {
    if let Err(error) = unshare().and_then(|()| mount(path, 0, "size=600k")) {
        say(&format!("result {error}"));
        return;
    }
    let state = open(path);
    let store = partition(&state);
    let mut acknowledged = Vec::new();
    let refused = (0..1000).find_map(|n| {
        let mut big = object(id(1, n, 0), 1);
        big.body = Body::new(vec![7; 5000]);
        match store.apply(&[Change::Put(big), put(id(1, n, 1))]) {
            Ok(()) => acknowledged.extend([(id(1, n, 0), 1), (id(1, n, 1), 1)]),
            Err(error) => return Some(error),
        }
        None
    });
    assert_eq!(refused.as_ref().map_or(CKR_OK, Error::rv), CKR_DEVICE_MEMORY, "{refused:?}");
    assert!(acknowledged.len() > 10, "{}", acknowledged.len());
    assert_eq!(store.inventory().unwrap(), acknowledged);
    assert!(store.generation().is_multiple_of(2));
    // A second cluster finds no room at all.
    let second = path.join("second");
    std::fs::write(path.join("filler"), vec![0; 600_000]).unwrap_err();
    let error = StateDir::open_or_create(&second, &spec()).unwrap_err();
    assert!(error.to_string().contains("make room on the disk"), "{error}");
    assert_eq!(Error::from(error).rv(), CKR_DEVICE_MEMORY);

    mount(path, libc::MS_REMOUNT, "size=8m").unwrap();
    store.apply(&[put(id(2, 0, 0))]).unwrap();
    acknowledged.push((id(2, 0, 0), 1));
    assert_eq!(store.inventory().unwrap(), acknowledged);
    open(&second);
    say("result done");
}

#[test]
fn full_disk_refuses_and_loses_nothing_and_room_heals_it() {
    let place = TempDir::new().unwrap();
    let mut other = start("full", place.path(), 0);
    match other.next("result ").as_deref() {
        Some("done") => {}
        Some(why) => eprintln!("left out, for want of the right to mount a file system: {why}"),
        None => panic!("the other process failed"),
    }
    other.finish();
}
