//! What the store costs: one line for each figure, microseconds a call. Run with `--release`.
//!
//! `cargo run --release -p hsmsim-store --example store_timing [DIRECTORY]`: the directory should be
//! on the disk that is to be measured; a temporary one is made inside it.

use std::{
    error::Error,
    fs::File,
    hint::black_box,
    io::Write,
    path::PathBuf,
    time::{Duration, Instant},
};

use hsmsim_partition::port::{
    Body, Change, Filter, PartitionStore, StoredObject, TagFilter, Tags, TokenUpdate,
};
use hsmsim_store::{DeviceStore, StateDir, StateSpec};
use hsmsim_types::ObjectId;

fn main() -> Result<(), Box<dyn Error>> {
    let parent = std::env::args_os().nth(1).map_or_else(std::env::temp_dir, PathBuf::from);
    let place = tempfile::TempDir::new_in(parent)?;
    let spec = StateSpec::new(["hsm"], "timing");

    let mut file = File::create(place.path().join("bare"))?;
    report(
        "bare 4 KiB write and fdatasync",
        times(500, |_| {
            file.write_all(&[1; 4096])?;
            Ok(file.sync_data()?)
        })?,
    );
    let began = Instant::now();
    let state = StateDir::open_or_create(place.path().join("state"), &spec)?;
    report("make a state directory", vec![began.elapsed()]);
    report(
        "open it again",
        times(50, |_| {
            black_box(StateDir::open_or_create(place.path().join("state"), &spec)?);
            Ok(())
        })?,
    );
    measure("files", &state)?;
    measure("memory", &StateDir::memory(&spec)?)
}

fn measure(medium: &str, state: &StateDir) -> Result<(), Box<dyn Error>> {
    let index = state.device("hsm").ok_or("no device")?;
    let device = DeviceStore::open(state, index)?;
    let store = device.partition(0);
    let line = |what: &str, times: Vec<Duration>| report(&format!("{medium}: {what}"), times);
    line("first write (makes the file)", times(1, |_| Ok(store.apply(&[put(0)])?))?);
    line("durable apply of one object", times(1000, |n| Ok(store.apply(&[put(1 + n)])?))?);
    line(
        "durable apply of a pair",
        times(500, |n| Ok(store.apply(&[put(2000 + 2 * n), put(2001 + 2 * n)])?))?,
    );
    line(
        "durable change of the token record",
        times(500, |n| {
            let record = n.to_le_bytes().repeat(64);
            Ok(store.update_token(&mut |_| Ok(TokenUpdate::Record(record.clone())))?)
        })?,
    );
    let mut next = 4000;
    for total in [1_000, 100_000] {
        let store = device.partition(if total == 1_000 { 1 } else { 2 });
        while store.count()? < total {
            let batch: Vec<Change> = (0..500).map(|n| put(next + n)).collect();
            next += 500;
            store.apply(&batch)?;
        }
        let ids: Vec<ObjectId> = store.inventory()?.into_iter().map(|(id, _)| id).collect();
        let pick = |n: u64| ids[usize::try_from(n * 7919).unwrap_or(0) % ids.len()];
        line(
            &format!("load by id among {total}"),
            times(20_000, |n| {
                black_box(store.load(&pick(n))?.ok_or("gone")?);
                Ok(())
            })?,
        );
        line(
            &format!("find by label among {total}"),
            times(20_000, |n| expect(&*store, Some(label(&pick(n))), 1))?,
        );
        line(
            &format!("find what is not there among {total}"),
            times(20_000, |_| expect(&*store, Some([0xFF; 16]), 0))?,
        );
        line(
            &format!("count among {total}"),
            times(20_000, |_| {
                black_box(store.count()?);
                Ok(())
            })?,
        );
    }
    line(
        "token record, unchanged",
        times(20_000, |_| {
            black_box(store.token()?);
            Ok(())
        })?,
    );
    line(
        "generation",
        times(20_000, |_| {
            black_box(store.generation());
            Ok(())
        })?,
    );
    Ok(())
}

fn expect(
    store: &dyn PartitionStore,
    label: Option<[u8; 16]>,
    count: usize,
) -> Result<(), Box<dyn Error>> {
    let private = Some(TagFilter { label, id: None });
    let found = store.find(&Filter { class: Some(3), private, public: private })?;
    if found.len() == count { Ok(()) } else { Err("found another number".into()) }
}

/// An object as large as a sealed RSA-2048 private key.
fn put(n: u64) -> Change {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&n.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes());
    id[8..].copy_from_slice(&n.to_be_bytes());
    let id = ObjectId(id);
    let tags = Tags { class: 3, label: Some(label(&id)), id: Some(id.0) };
    let body = Body::new(vec![0x5A; 1500]);
    Change::Put(StoredObject { id, version: 1, private: true, tags, body })
}

fn label(id: &ObjectId) -> [u8; 16] {
    id.0.map(|byte| byte ^ 0x55)
}

fn times(
    rounds: u64,
    mut call: impl FnMut(u64) -> Result<(), Box<dyn Error>>,
) -> Result<Vec<Duration>, Box<dyn Error>> {
    (0..rounds)
        .map(|n| {
            let began = Instant::now();
            call(n)?;
            Ok(began.elapsed())
        })
        .collect()
}

fn report(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_secs_f64() * 1e6;
    println!("{what:<52} median {:>10.2}  p99 {:>10.2} µs", at(50), at(99));
}
