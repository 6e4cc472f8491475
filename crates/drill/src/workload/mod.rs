//! The drill's own application: a process of its own, which loads the module as any application does,
//! works from several threads, and verifies every signature outside the module.
//!
//! - `keys`: the keys it works with, which it finds again after C_Initialize.
//! - `pace`: when a thread begins its next operation.

mod keys;

mod pace;

use std::{
    borrow::Cow,
    fmt,
    fs::File,
    io::{BufWriter, Read, Write},
    path::{Path, PathBuf},
    sync::{
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use cryptoki_sys::*;
use hsmsim_network::Clock;
use hsmsim_types::ReturnValue;
use parking_lot::{Mutex, RwLock};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde::{Deserialize, Serialize};

use crate::module::{Code, Module, Result};
use crate::operations::OperationRecord;
use keys::{Keys, make_ec, make_rsa};
use pace::Pace;

/// What the application is to do; travels as JSON.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WorkloadArgs {
    /// The workload's name.
    pub name: String,
    /// The module to load.
    pub module: PathBuf,
    /// The token to work on.
    pub token: String,
    /// Its user PIN.
    pub pin: String,
    /// Threads, each with a session of its own.
    pub threads: u32,
    /// Operations (words of the drill file) with their weights.
    pub mix: Vec<(String, u32)>,
    /// Operations a second over all threads; as fast as they can if absent.
    pub rate: Option<f64>,
    /// Operations are due on schedule, whether or not earlier ones have returned.
    pub open_loop: bool,
    /// The pause of a thread after an operation, in real microseconds.
    pub think_us: Option<u64>,
    /// Bytes that are signed, verified or encrypted; a few if absent.
    pub payload: Option<u32>,
    /// Label of the keys it makes; `{n}` counts them.
    pub key_label: String,
    /// How often an operation is attempted at most.
    pub attempts: u32,
    /// The codes after which it is attempted again; any if empty.
    pub retry_codes: Vec<String>,
    /// The pause after a failure, in real microseconds.
    pub retry_pause_us: u64,
    /// How it gets back to work: `none`, `session`, `login`, `finalize`.
    pub recover: String,
    /// How long, in real milliseconds.
    pub duration_ms: u64,
    /// Seeds the choice of operations.
    pub seed: u64,
    /// Where it writes down what it did, if anywhere.
    pub record: Option<PathBuf>,
    /// Whether it ends early when its standard input does.
    pub ends_with_input: bool,
}

/// What the application did and saw.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkloadSummary {
    /// Operations that succeeded.
    pub ok: u64,
    /// Operations that failed.
    pub failed: u64,
    /// Signatures that verified outside the module.
    pub verified: u64,
    /// Signatures that did not.
    pub invalid: u64,
}

/// The application could not even begin.
#[derive(Debug)]
pub struct WorkloadError(String);

impl fmt::Display for WorkloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for WorkloadError {}

/// What all threads share.
struct Shared {
    module: Module,
    args: WorkloadArgs,
    /// Held by whoever is inside the library; C_Finalize waits until nobody is.
    library: RwLock<Library>,
    log: Option<Mutex<BufWriter<File>>>,
    clock: Clock,
    pace: Pace,
    /// Keys it has named.
    named: AtomicU64,
    ok: AtomicU64,
    failed: AtomicU64,
    verified: AtomicU64,
    invalid: AtomicU64,
    stop: AtomicBool,
}

/// What C_Initialize gives.
struct Library {
    /// How often it was initialised anew.
    generation: u64,
    slot: CK_SLOT_ID,
    keys: Keys,
    /// The generation that the keys' handles are of.
    keys_of: u64,
}

/// The codes on which an application initialises the library anew, if that is its habit: those that
/// Luna's own OpenSSL engine takes for broken.
const BROKEN: [CK_RV; 3] = [CKR_DEVICE_ERROR, CKR_TOKEN_NOT_PRESENT, CKR_SESSION_HANDLE_INVALID];

/// The session of a thread.
#[derive(Default)]
struct Seat {
    session: Option<CK_SESSION_HANDLE>,
    /// The generation of the library that it was opened in.
    generation: u64,
}

/// Runs the application to its end.
///
/// # Errors
/// The module cannot be loaded, the token is not there, or the first keys cannot be made.
pub fn run(args: &WorkloadArgs) -> std::result::Result<WorkloadSummary, WorkloadError> {
    let module = Module::load(&args.module)
        .map_err(|error| WorkloadError(format!("{}: {error}", args.module.display())))?;
    let begin =
        |what: &'static str| move |Code(rv): Code| WorkloadError(format!("{what}: 0x{rv:X}"));
    let slot = find_slot(&module, &args.token)?;
    let session = module.open(slot).map_err(begin("C_OpenSession"))?;
    module.login(session, &args.pin).map_err(begin("C_Login"))?;
    let named = AtomicU64::new(0);
    let keys = Keys::make(&module, session, || next_label(args, &named))
        .map_err(begin("the first keys"))?;
    let shared = Shared {
        module,
        args: args.clone(),
        library: RwLock::new(Library { generation: 0, slot, keys, keys_of: 0 }),
        log: log(args)?.map(Mutex::new),
        clock: Clock::real(),
        pace: Pace::of(args),
        named,
        ok: 0.into(),
        failed: 0.into(),
        verified: 0.into(),
        invalid: 0.into(),
        stop: false.into(),
    };
    let ended = end_of_input(args.ends_with_input);
    thread::scope(|scope| {
        for index in 0..args.threads {
            let shared = &shared;
            scope.spawn(move || work(shared, index));
        }
        // It ends either way.
        let _ = ended.recv_timeout(Duration::from_millis(args.duration_ms));
        shared.pace.end();
        shared.stop.store(true, Ordering::Release);
    });
    if let Some(log) = &shared.log {
        log.lock().flush().map_err(|error| WorkloadError(error.to_string()))?;
    }
    // The process ends anyway; a module that cannot finalise has said so in its own log.
    let _ = shared.module.finalize();
    let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    Ok(WorkloadSummary {
        ok: load(&shared.ok),
        failed: load(&shared.failed),
        verified: load(&shared.verified),
        invalid: load(&shared.invalid),
    })
}

/// Where operations are written down.
fn log(args: &WorkloadArgs) -> std::result::Result<Option<BufWriter<File>>, WorkloadError> {
    let Some(directory) = &args.record else { return Ok(None) };
    let path = directory.join(format!("operations-{}.ndjson", std::process::id()));
    match File::create(&path) {
        Ok(file) => Ok(Some(BufWriter::new(file))),
        Err(error) => Err(WorkloadError(format!("{}: {error}", path.display()))),
    }
}

/// Tells when the standard input has ended; never, if nobody wants to know.
fn end_of_input(wanted: bool) -> mpsc::Receiver<()> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        if wanted {
            // An input that cannot be read has ended too.
            let _ = std::io::stdin().read_to_end(&mut Vec::new());
            let _ = sender.send(());
        } else {
            // The channel stays open as long as the process lives.
            std::mem::forget(sender);
        }
    });
    receiver
}

fn next_label(args: &WorkloadArgs, named: &AtomicU64) -> Vec<u8> {
    label(args, named.fetch_add(1, Ordering::Relaxed))
}

fn label(args: &WorkloadArgs, number: u64) -> Vec<u8> {
    args.key_label.replace("{n}", &number.to_string()).into_bytes()
}

fn find_slot(module: &Module, token: &str) -> std::result::Result<CK_SLOT_ID, WorkloadError> {
    let slots =
        module.slots().map_err(|Code(rv)| WorkloadError(format!("C_GetSlotList: 0x{rv:X}")))?;
    slots
        .into_iter()
        .find(|&slot| module.label(slot).is_ok_and(|label| label == token))
        .ok_or_else(|| WorkloadError(format!("no slot has a token labelled {token}")))
}

/// One thread: an operation when it is due, and what the application does about its outcome.
fn work(shared: &Shared, index: u32) {
    let mut chance = SplitMix(shared.args.seed ^ u64::from(index) << 32);
    let mut pace = shared.pace.thread();
    let mut seat = Seat::default();
    loop {
        let due = pace.next(&shared.stop);
        if shared.stop.load(Ordering::Acquire) {
            match shared.pace.missed(due) {
                Some(end) => note(shared, "", Cow::Borrowed(""), (due, end, end), 0),
                None => return,
            }
            continue;
        }
        let failed = operation(shared, &mut seat, due, &mut chance).is_err();
        let counter = if failed { &shared.failed } else { &shared.ok };
        counter.fetch_add(1, Ordering::Relaxed);
        if failed && !shared.args.open_loop {
            thread::sleep(pause(shared));
        }
    }
}

fn pause(shared: &Shared) -> Duration {
    Duration::from_micros(shared.args.retry_pause_us)
}

/// One operation, attempted as often as the application does.
fn operation(shared: &Shared, seat: &mut Seat, due: Instant, chance: &mut SplitMix) -> Result<()> {
    let args = &shared.args;
    let begin = Instant::now();
    let what = pick(&args.mix, chance);
    let mut attempts = 0;
    loop {
        attempts += 1;
        let outcome = attempt(shared, seat, what, chance);
        if outcome.is_err() {
            recover(shared, seat);
        }
        let rv = outcome.map_or_else(|Code(rv)| rv, |()| CKR_OK);
        let code = code_name(rv);
        let meant = args.retry_codes.is_empty() || args.retry_codes.iter().any(|c| *c == code);
        let again = rv != CKR_OK
            && attempts < args.attempts
            && meant
            && !shared.stop.load(Ordering::Acquire);
        if !again {
            // In a closed loop an operation is due when its thread begins it.
            let due = if args.open_loop { due } else { begin };
            note(shared, what, code, (due, begin, Instant::now()), attempts);
            return outcome;
        }
        thread::sleep(pause(shared));
    }
}

fn code_name(rv: CK_RV) -> Cow<'static, str> {
    ReturnValue(rv).name().map_or_else(|| Cow::Owned(format!("0x{rv:X}")), Cow::Borrowed)
}

fn note(
    shared: &Shared,
    operation: &str,
    code: Cow<'static, str>,
    (due, begin, end): (Instant, Instant, Instant),
    attempts: u32,
) {
    let Some(log) = &shared.log else { return };
    let (now, unix_now) = (Instant::now(), shared.clock.unix_now());
    let unix = |time: Instant| unix_now.saturating_sub((now - time).as_nanos() as u64);
    let record = OperationRecord {
        due_ns: unix(due),
        begin_ns: unix(begin),
        end_ns: unix(end),
        operation: Cow::Owned(operation.to_owned()),
        code,
        attempts,
        workload: Cow::Owned(shared.args.name.clone()),
        pid: std::process::id(),
    };
    let Ok(mut line) = serde_json::to_vec(&record) else { return };
    line.push(b'\n');
    // A disk that is full is found out when all is flushed at the end.
    let _ = log.lock().write_all(&line);
}

fn attempt(shared: &Shared, seat: &mut Seat, what: &str, chance: &mut SplitMix) -> Result<()> {
    find_keys_again(shared)?;
    let library = shared.library.read();
    if seat.generation != library.generation {
        *seat = Seat { session: None, generation: library.generation };
    }
    let session = match seat.session {
        Some(session) => session,
        None => *seat.session.insert(open(shared, library.slot)?),
    };
    operate(shared, &library, session, what, chance)
}

/// After C_Initialize keys have other handles.
fn find_keys_again(shared: &Shared) -> Result<()> {
    let found = |library: &Library| library.keys_of == library.generation;
    if found(&shared.library.read()) {
        return Ok(());
    }
    let mut library = shared.library.write();
    if found(&library) {
        return Ok(());
    }
    let session = open(shared, library.slot)?;
    let again = library.keys.find_again(&shared.module, session);
    // It is not needed any more, whether or not it can be closed.
    let _ = shared.module.close(session);
    again?;
    library.keys_of = library.generation;
    Ok(())
}

/// After a failure: what the application's habit is.
fn recover(shared: &Shared, seat: &mut Seat) {
    if shared.args.recover == "none" {
        return;
    }
    let library = shared.library.read();
    if shared.args.recover == "login"
        && let Some(session) = seat.session.filter(|_| seat.generation == library.generation)
    {
        // Whoever is logged out already is told so.
        let _ = shared.module.logout(session);
        if shared.module.login(session, &shared.args.pin).is_ok() {
            return;
        }
    }
    if let Some(session) = seat.session.take().filter(|_| seat.generation == library.generation) {
        // It may be gone already, which is why it is closed.
        let _ = shared.module.close(session);
    }
    if shared.args.recover != "finalize" {
        return;
    }
    let (opened, generation) = (open(shared, library.slot), library.generation);
    drop(library);
    match opened {
        Ok(session) => *seat = Seat { session: Some(session), generation },
        Err(Code(rv)) if BROKEN.contains(&rv) => initialize_anew(shared, generation),
        Err(_) => {}
    }
}

/// C_Finalize and C_Initialize, once all other threads are out of the library; `seen`: the generation
/// that was broken.
fn initialize_anew(shared: &Shared, seen: u64) {
    let mut library = shared.library.write();
    if library.generation != seen {
        return;
    }
    // What fails here the next operation finds out.
    let _ = shared.module.finalize();
    let _ = shared.module.initialize();
    if let Ok(slot) = find_slot(&shared.module, &shared.args.token) {
        library.slot = slot;
    }
    library.generation += 1;
}

/// Opens a session and logs in.
fn open(shared: &Shared, slot: CK_SLOT_ID) -> Result<CK_SESSION_HANDLE> {
    let session = shared.module.open(slot)?;
    match shared.module.login(session, &shared.args.pin) {
        Ok(()) => Ok(session),
        Err(code) => {
            // The login's code counts.
            let _ = shared.module.close(session);
            Err(code)
        }
    }
}

fn operate(
    shared: &Shared,
    library: &Library,
    session: CK_SESSION_HANDLE,
    what: &str,
    chance: &mut SplitMix,
) -> Result<()> {
    let (module, keys) = (&shared.module, &library.keys);
    let number = chance.next();
    let message = message(shared.args.payload, number);
    let label_of_next = || next_label(&shared.args, &shared.named);
    match what {
        "sign_rsa_2048" => {
            let signature = module.sign(session, CKM_SHA256_RSA_PKCS, keys.rsa.handle, &message)?;
            let public = RsaPublicKeyComponents { n: &keys.modulus, e: &keys.exponent };
            let good = public.verify(&RSA_PKCS1_2048_8192_SHA256, &message, &signature).is_ok();
            count(shared, good);
        }
        "verify_ecdsa_p256" => {
            let signature = module.sign(session, CKM_ECDSA_SHA256, keys.ec.handle, &message)?;
            let public = keys.ec_public.handle;
            module.verify(session, CKM_ECDSA_SHA256, public, &message, &signature)?;
        }
        "encrypt_aes_gcm" => {
            let iv: Vec<u8> = number.to_be_bytes().into_iter().chain([0; 4]).collect();
            let data = vec![7; shared.args.payload.unwrap_or(1024) as usize];
            module.encrypt_gcm(session, keys.aes.handle, &iv, &data)?;
        }
        "generate_rsa" => {
            make_rsa(module, session, &label_of_next())?;
        }
        "generate_ec" => {
            make_ec(module, session, &label_of_next())?;
        }
        "find" => {
            let made = shared.named.load(Ordering::Relaxed).max(1);
            module.find(session, &label(&shared.args, number % made))?;
        }
        "random" => {
            module.random(session, 32)?;
        }
        "login" => {
            let session = open(shared, library.slot)?;
            module.close(session)?;
        }
        _ => {
            let signature = module.sign(session, CKM_ECDSA_SHA256, keys.ec.handle, &message)?;
            let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &keys.point);
            count(shared, public.verify(&message, &signature).is_ok());
        }
    }
    Ok(())
}

/// What is signed: eight bytes that differ each time, over and over again up to the wanted length.
fn message(length: Option<u32>, number: u64) -> Vec<u8> {
    let bytes = number.to_be_bytes();
    bytes.into_iter().cycle().take(length.map_or(bytes.len(), |length| length as usize)).collect()
}

fn count(shared: &Shared, good: bool) {
    let counter = if good { &shared.verified } else { &shared.invalid };
    counter.fetch_add(1, Ordering::Relaxed);
}

/// An operation by its weight.
fn pick<'a>(mix: &'a [(String, u32)], chance: &mut SplitMix) -> &'a str {
    let total: u64 = mix.iter().map(|(_, weight)| u64::from(*weight)).sum();
    let mut left = chance.next() % total.max(1);
    for (name, weight) in mix {
        if left < u64::from(*weight) {
            return name;
        }
        left -= u64::from(*weight);
    }
    "sign_ecdsa_p256"
}

/// The application's own dice: which operation comes next. Not simulated chance, so it needs none of
/// the simulator's streams.
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

/// Reads the arguments that a drill left in a file.
///
/// # Errors
/// A file that cannot be read or is none of ours.
pub fn read_args(path: &Path) -> std::result::Result<WorkloadArgs, WorkloadError> {
    let failed = |error: String| WorkloadError(format!("{}: {error}", path.display()));
    let text = std::fs::read(path).map_err(|error| failed(error.to_string()))?;
    serde_json::from_slice(&text).map_err(|error| failed(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_come_as_often_as_they_weigh() {
        let mix = [("a".to_owned(), 3), ("b".to_owned(), 1)];
        let mut chance = SplitMix(1);
        let picked = (0..4000).filter(|_| pick(&mix, &mut chance) == "a").count();
        assert!((2800..3200).contains(&picked), "{picked}");
    }
}
