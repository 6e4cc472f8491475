//! What several tests need.

use std::{path::Path, sync::Arc};

use hsmsim_partition::port::{Body, Change, PartitionStore, StoredObject, Tags};
use hsmsim_store::{DeviceStore, StateDir, StateSpec};
use hsmsim_types::ObjectId;
use tempfile::TempDir;

/// Two devices of ten partitions.
pub(crate) fn spec() -> StateSpec {
    StateSpec::new(["hsm-a", "hsm-b"], "two devices")
}

pub(crate) fn open(path: &Path) -> StateDir {
    StateDir::open_or_create(path, &spec()).expect("state")
}

/// Runs a test body over a directory and over memory.
pub(crate) fn on_both(body: impl Fn(&StateDir)) {
    let place = TempDir::new().expect("temporary directory");
    body(&open(place.path()));
    body(&StateDir::memory(&spec()).expect("memory"));
}

pub(crate) fn device(state: &StateDir, id: &str) -> Arc<DeviceStore> {
    DeviceStore::open(state, state.device(id).expect("device")).expect("store")
}

/// The first partition of the first device.
pub(crate) fn partition(state: &StateDir) -> Arc<dyn PartitionStore> {
    device(state, "hsm-a").partition(0)
}

pub(crate) fn id(a: u32, b: u32, c: u32) -> ObjectId {
    let mut id = [0; 16];
    for (bytes, n) in id.chunks_exact_mut(4).zip([a, b, c, 0]) {
        bytes.copy_from_slice(&n.to_be_bytes());
    }
    ObjectId(id)
}

/// A private key object without tags.
pub(crate) fn object(id: ObjectId, version: u64) -> StoredObject {
    let body = Body::new(format!("sealed {id} {version}").into_bytes());
    let tags = Tags { class: 3, label: None, id: None };
    StoredObject { id, version, private: true, tags, body }
}

pub(crate) fn put(id: ObjectId) -> Change {
    Change::Put(object(id, 1))
}

/// A change of an object that is there in the version before.
pub(crate) fn update(object: StoredObject) -> Change {
    let before = object.version - 1;
    Change::Update { object, before }
}
