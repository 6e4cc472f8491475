//! What the process of one point does. It is a process of its own, so that its memory, its threads and
//! its C_Initialize are those of that point alone; it prints what it measured as JSON.

#![forbid(unsafe_code)]

use std::{
    path::{Path, PathBuf},
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

use clap::{Args, ValueEnum};
use cryptoki_sys::*;

use super::{
    load, owed,
    process::{resident, threads},
};
use crate::{
    cases::{NO, YES, crowd, is, number},
    raw::{Module, Session},
    words::{Mechanism, Result},
};

/// How long threads sign.
const LOAD: Duration = Duration::from_secs(1);
const MIB: f64 = 1024.0 * 1024.0;

/// What a process measures, or prepares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Probe {
    /// Fills the token up to the size.
    Fill,
    /// Starts with so many objects, and finds some.
    Objects,
    /// Opens so many sessions.
    Sessions,
    /// Signs with so many threads.
    Threads,
    /// Makes token keys with so many threads.
    Makers,
    /// Starts on the topology that the environment names.
    Start,
    /// Signs until its standard input ends, and tells the latencies.
    Sign,
    /// Makes mixed operations in so many sessions.
    Load,
}

/// The process's own arguments.
#[derive(Clone, Debug, Args)]
pub struct Child {
    /// What is measured
    #[arg(long = "child", hide = true, requires_all = ["child_module", "size"])]
    pub probe: Option<Probe>,
    /// The module
    #[arg(long, hide = true)]
    pub child_module: Option<PathBuf>,
    /// The size of the point
    #[arg(long, hide = true)]
    pub size: Option<u64>,
    /// Objects that there are already
    #[arg(long, hide = true, default_value_t = 0)]
    pub from: u64,
}

/// Values with their names, in the order of the table.
type Values = Vec<(String, f64)>;

impl Child {
    /// Measures; gives the values as JSON.
    ///
    /// # Errors
    /// A sentence about what refused.
    pub fn run(&self, probe: Probe) -> std::result::Result<String, String> {
        let (Some(path), Some(size)) = (&self.child_module, self.size) else {
            return Err("a point needs a module and a size".to_owned());
        };
        let values = self.measure(probe, path, size)?;
        serde_json::to_string(&values).map_err(|error| error.to_string())
    }

    fn measure(&self, probe: Probe, path: &Path, size: u64) -> std::result::Result<Values, String> {
        let (begin, before) = (Instant::now(), resident());
        let module = Module::load(path)?;
        let loaded = begin.elapsed();
        let values = match probe {
            Probe::Fill => fill(module, self.from, size),
            Probe::Objects => objects(module, size),
            Probe::Sessions => sessions(module, size),
            Probe::Threads => signers(module, size),
            Probe::Makers => makers(module, size),
            Probe::Start => start(module, loaded, before),
            Probe::Sign => owed::sign(module),
            Probe::Load => load::work(module, size),
        };
        values.map_err(|refusal| refusal.to_string())
    }
}

/// A module that was started, the slot of its first token, and a session that is logged in.
pub(super) struct Started {
    pub(super) module: &'static Module,
    pub(super) slot: CK_SLOT_ID,
    pub(super) session: Session,
}

impl Started {
    pub(super) fn new(module: &'static Module) -> Result<Self> {
        module.initialize()?;
        Self::entered(module)
    }

    fn entered(module: &'static Module) -> Result<Self> {
        let slot = module.ready_slot()?;
        let session = module.open_session(slot)?;
        session.login(CKU_USER, crate::contender::USER_PIN)?;
        Ok(Self { module, slot, session })
    }

    fn end(self) -> Result<()> {
        self.session.close()?;
        self.module.finalize()
    }

    /// A key for HMAC and the private key of a pair on P-256.
    pub(super) fn keys(&self, token: bool) -> Result<(CK_OBJECT_HANDLE, CK_OBJECT_HANDLE)> {
        let token = if token { YES } else { NO };
        let length = number(32);
        let secret = self.session.generate_key(
            &Mechanism::Plain(CKM_GENERIC_SECRET_KEY_GEN),
            &[is(CKA_TOKEN, token), is(CKA_SIGN, YES), is(CKA_VALUE_LEN, &length)],
        )?;
        let (_, private) = self.session.generate_key_pair(
            &Mechanism::Plain(CKM_EC_KEY_PAIR_GEN),
            &[is(CKA_TOKEN, token), is(CKA_EC_PARAMS, crate::cases::P256), is(CKA_VERIFY, YES)],
            &[is(CKA_TOKEN, token), is(CKA_SIGN, YES)],
        )?;
        Ok((secret, private))
    }
}

/// Threads that fill: they wait for each other's commits.
const FILLERS: u64 = 8;

fn fill(module: &'static Module, from: u64, to: u64) -> Result<Values> {
    let started = Started::new(module)?;
    let begin = Instant::now();
    at_once(&started, FILLERS, |session, thread| {
        (from + thread..to)
            .step_by(FILLERS as usize)
            .try_for_each(|place| crowd::add(session, place as usize).map(drop))
    })?;
    let each = begin.elapsed().as_secs_f64() * 1e6 / (to - from).max(1) as f64;
    started.end()?;
    Ok(vec![("filled, µs an object".to_owned(), each)])
}

fn objects(module: &'static Module, size: u64) -> Result<Values> {
    let begin = Instant::now();
    module.initialize()?;
    let initialized = begin.elapsed();
    let started = Started::entered(module)?;
    let find = |place: u64, by_label: bool| {
        let begin = Instant::now();
        let count = crowd::find_one(&started.session, place as usize, by_label)?;
        assert_eq!(count, 1, "one object has this value");
        Ok(begin.elapsed())
    };
    find(size / 2, true)?;
    let first = begin.elapsed();
    let memory = resident();
    // Others each time, spread over all, so that no cache of this process has them; of so many that the ways
    // down the indexes, which are few, do not count as new.
    let spread = |by_label: bool| -> Result<f64> {
        let places = (0..2_000).map(|step| (step * 7_919 + 13) % size);
        let mut taken = places.map(|place| find(place, by_label)).collect::<Result<Vec<_>>>()?;
        taken.sort_unstable();
        Ok(taken[taken.len() / 2].as_secs_f64() * 1e6)
    };
    let (label, id) = (spread(true)?, spread(false)?);
    started.end()?;
    Ok(vec![
        ("C_Initialize, ms".to_owned(), millis(initialized)),
        ("start to first find, ms".to_owned(), millis(first)),
        ("find by label, µs".to_owned(), label),
        ("find by id, µs".to_owned(), id),
        ("resident, MiB".to_owned(), memory as f64 / MIB),
    ])
}

fn sessions(module: &'static Module, size: u64) -> Result<Values> {
    let started = Started::new(module)?;
    let (secret, _) = started.keys(false)?;
    let sign = |session: &Session| -> Result<Duration> {
        let begin = Instant::now();
        session.sign(&Mechanism::Plain(CKM_SHA256_HMAC), secret, &[7; 32], &mut [0; 32])?;
        Ok(begin.elapsed())
    };
    sign(&started.session)?;
    let (before, begin) = (resident(), Instant::now());
    let open = (0..size).map(|_| module.open_session(started.slot));
    let open = open.collect::<Result<Vec<_>>>()?;
    let opened = begin.elapsed().as_secs_f64() * 1e6 / size as f64;
    // What a session needs when it is used is made then.
    open.iter().try_for_each(|session| sign(session).map(drop))?;
    let memory = resident().saturating_sub(before) as f64 / size as f64 / 1024.0;
    let chosen = (0..2_000).map(|step| &open[(step * 7_919) % open.len()]);
    let mut taken = chosen.map(sign).collect::<Result<Vec<_>>>()?;
    taken.sort_unstable();
    let signed = taken[taken.len() / 2].as_secs_f64() * 1e6;
    let begin = Instant::now();
    open.into_iter().try_for_each(Session::close)?;
    let closed = begin.elapsed().as_secs_f64() * 1e6 / size as f64;
    started.end()?;
    Ok(vec![
        ("open, µs".to_owned(), opened),
        ("HMAC in one of them, µs".to_owned(), signed),
        ("close, µs".to_owned(), closed),
        ("resident, KiB each".to_owned(), memory),
    ])
}

fn signers(module: &'static Module, size: u64) -> Result<Values> {
    let started = Started::new(module)?;
    let (secret, private) = started.keys(false)?;
    let rate = |mechanism, key, length: usize| -> Result<f64> {
        let mechanism = Mechanism::Plain(mechanism);
        let done = at_once(&started, size, |session, _| {
            let (begin, mut count, mut out) = (Instant::now(), 0_u64, vec![0; length]);
            while begin.elapsed() < LOAD {
                session.sign(&mechanism, key, &[7; 32], &mut out)?;
                count += 1;
            }
            Ok((count, begin, Instant::now()))
        })?;
        // Of many threads on few processors some begin when others have ended.
        let begin = done.iter().map(|(_, begin, _)| *begin).min();
        let end = done.iter().map(|(.., end)| *end).max();
        let time = begin.zip(end).map_or(LOAD, |(begin, end)| end - begin);
        Ok(done.iter().map(|(count, ..)| *count as f64).sum::<f64>() / time.as_secs_f64())
    };
    let hmac = rate(CKM_SHA256_HMAC, secret, 32)?;
    let ecdsa = rate(CKM_ECDSA, private, 64)?;
    let end = Instant::now();
    started.end()?;
    Ok(vec![
        ("HMAC, thousands a second".to_owned(), hmac / 1e3),
        ("ECDSA P-256, thousands a second".to_owned(), ecdsa / 1e3),
        ("C_Finalize, ms".to_owned(), millis(end.elapsed())),
    ])
}

/// Token keys that each thread makes.
const MADE: u64 = 64;

fn makers(module: &'static Module, size: u64) -> Result<Values> {
    let started = Started::new(module)?;
    let length = number(32);
    let begin = Instant::now();
    let taken = at_once(&started, size, |session, _| {
        let begin = Instant::now();
        for _ in 0..MADE {
            session.generate_key(
                &Mechanism::Plain(CKM_AES_KEY_GEN),
                &[is(CKA_TOKEN, YES), is(CKA_VALUE_LEN, &length)],
            )?;
        }
        Ok(begin.elapsed())
    })?;
    let all = begin.elapsed().as_secs_f64();
    let each = taken.iter().sum::<Duration>().as_secs_f64() * 1e3 / (size * MADE) as f64;
    started.end()?;
    Ok(vec![
        ("keys a second".to_owned(), (size * MADE) as f64 / all),
        ("C_GenerateKey, ms".to_owned(), each),
    ])
}

fn start(module: &'static Module, loaded: Duration, before: u64) -> Result<Values> {
    let begin = Instant::now();
    module.initialize()?;
    let initialized = begin.elapsed();
    let (early_threads, memory) = (threads(), resident().saturating_sub(before));
    let begin = Instant::now();
    let started = Started::entered(module)?;
    let (secret, _) = started.keys(false)?;
    let out = &mut [0; 32];
    started.session.sign(&Mechanism::Plain(CKM_SHA256_HMAC), secret, &[7; 32], out)?;
    let used = begin.elapsed();
    let (late_threads, late) = (threads(), resident().saturating_sub(before));
    started.end()?;
    Ok(vec![
        ("dlopen, ms".to_owned(), millis(loaded)),
        ("C_Initialize, ms".to_owned(), millis(initialized)),
        ("threads".to_owned(), early_threads as f64),
        ("resident, MiB".to_owned(), memory as f64 / MIB),
        ("login, keys, first signature, ms".to_owned(), millis(used)),
        ("threads then".to_owned(), late_threads as f64),
        ("resident then, MiB".to_owned(), late as f64 / MIB),
    ])
}

/// So many threads that do `work`, each with a session of its own and its number, and begin at the
/// same time.
pub(super) fn at_once<T: Send>(
    started: &Started,
    count: u64,
    work: impl Fn(&Session, u64) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let together = Barrier::new(count as usize);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..count)
            .map(|number| {
                let (together, work) = (&together, &work);
                scope.spawn(move || {
                    let session = started.module.open_session(started.slot);
                    together.wait();
                    work(&session?, number)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("a worker panicked")).collect()
    })
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
