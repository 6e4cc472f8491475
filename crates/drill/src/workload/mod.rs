//! The drill's own application: a process of its own, which loads the module as any application does,
//! works from several threads, and verifies every signature outside the module.

mod module;

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use cryptoki_sys::*;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde::{Deserialize, Serialize};

use module::{Attribute, Code, Module, Result};

/// What the application is to do; travels as JSON.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WorkloadArgs {
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
    /// Calls a second over all threads; as fast as they can if absent.
    pub rate: Option<f64>,
    /// How long, in real milliseconds.
    pub duration_ms: u64,
    /// Seeds the choice of operations.
    pub seed: u64,
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

/// Keys a thread works with.
struct Keys {
    rsa: CK_OBJECT_HANDLE,
    ec: CK_OBJECT_HANDLE,
    ec_public: CK_OBJECT_HANDLE,
    aes: CK_OBJECT_HANDLE,
    modulus: Vec<u8>,
    exponent: Vec<u8>,
    point: Vec<u8>,
}

/// What all threads share.
struct Shared {
    module: Module,
    slot: CK_SLOT_ID,
    args: WorkloadArgs,
    keys: Keys,
    ok: AtomicU64,
    failed: AtomicU64,
    verified: AtomicU64,
    invalid: AtomicU64,
    stop: AtomicBool,
}

/// DER of the named curve P-256.
const P256: [u8; 10] = [0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07];
/// Pause before a failed operation's session is opened anew.
const PAUSE: Duration = Duration::from_millis(20);
const LABEL: &[u8] = b"drill";

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
    let keys = make_keys(&module, session).map_err(begin("the first keys"))?;
    let shared = Shared {
        module,
        slot,
        args: args.clone(),
        keys,
        ok: 0.into(),
        failed: 0.into(),
        verified: 0.into(),
        invalid: 0.into(),
        stop: false.into(),
    };
    thread::scope(|scope| {
        for index in 0..args.threads {
            let shared = &shared;
            scope.spawn(move || work(shared, index));
        }
        thread::sleep(Duration::from_millis(args.duration_ms));
        shared.stop.store(true, Ordering::Release);
    });
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

fn find_slot(module: &Module, token: &str) -> std::result::Result<CK_SLOT_ID, WorkloadError> {
    let slots =
        module.slots().map_err(|Code(rv)| WorkloadError(format!("C_GetSlotList: 0x{rv:X}")))?;
    slots
        .into_iter()
        .find(|&slot| module.label(slot).is_ok_and(|label| label == token))
        .ok_or_else(|| WorkloadError(format!("no slot has a token labelled {token}")))
}

fn make_rsa(
    module: &Module,
    session: CK_SESSION_HANDLE,
) -> Result<(CK_OBJECT_HANDLE, CK_OBJECT_HANDLE)> {
    module.generate_pair(
        session,
        CKM_RSA_PKCS_KEY_PAIR_GEN,
        &[
            Attribute::Bool(CKA_TOKEN, true),
            Attribute::Bytes(CKA_LABEL, LABEL),
            Attribute::Ulong(CKA_MODULUS_BITS, 2048),
            Attribute::Bytes(CKA_PUBLIC_EXPONENT, &[1, 0, 1]),
        ],
        &[Attribute::Bool(CKA_TOKEN, true), Attribute::Bytes(CKA_LABEL, LABEL)],
    )
}

fn make_ec(
    module: &Module,
    session: CK_SESSION_HANDLE,
) -> Result<(CK_OBJECT_HANDLE, CK_OBJECT_HANDLE)> {
    module.generate_pair(
        session,
        CKM_EC_KEY_PAIR_GEN,
        &[
            Attribute::Bool(CKA_TOKEN, true),
            Attribute::Bytes(CKA_LABEL, LABEL),
            Attribute::Bytes(CKA_EC_PARAMS, &P256),
        ],
        &[Attribute::Bool(CKA_TOKEN, true), Attribute::Bytes(CKA_LABEL, LABEL)],
    )
}

fn make_keys(module: &Module, session: CK_SESSION_HANDLE) -> Result<Keys> {
    let (rsa_public, rsa) = make_rsa(module, session)?;
    let (ec_public, ec) = make_ec(module, session)?;
    let aes = module.generate(
        session,
        CKM_AES_KEY_GEN,
        &[Attribute::Bool(CKA_TOKEN, true), Attribute::Ulong(CKA_VALUE_LEN, 32)],
    )?;
    let point = module.attribute(session, ec_public, CKA_EC_POINT)?;
    Ok(Keys {
        rsa,
        ec,
        ec_public,
        aes,
        modulus: module.attribute(session, rsa_public, CKA_MODULUS)?,
        exponent: module.attribute(session, rsa_public, CKA_PUBLIC_EXPONENT)?,
        // A DER OCTET STRING of 65 bytes around the point.
        point: point.strip_prefix(&[0x04, 0x41]).map_or(point.clone(), <[u8]>::to_vec),
    })
}

/// One thread: an operation, a look at its outcome, and a new session after a failure.
fn work(shared: &Shared, index: u32) {
    let mut chance = SplitMix(shared.args.seed ^ u64::from(index) << 32);
    let interval =
        shared.args.rate.map(|rate| Duration::from_secs_f64(f64::from(shared.args.threads) / rate));
    let mut due = Instant::now();
    let mut session = None;
    while !shared.stop.load(Ordering::Acquire) {
        if let Some(interval) = interval {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            // After a stall the schedule goes on from now: what was missed is not made up for.
            due = (due + interval).max(Instant::now());
        }
        let outcome = match session {
            Some(session) => Ok(session),
            None => open(shared).inspect(|&opened| session = Some(opened)),
        }
        .and_then(|session| operate(shared, session, &mut chance));
        match outcome {
            Ok(()) => {
                shared.ok.fetch_add(1, Ordering::Relaxed);
            }
            Err(_) => {
                shared.failed.fetch_add(1, Ordering::Relaxed);
                if let Some(session) = session.take() {
                    // It may be gone already, which is why it is closed.
                    let _ = shared.module.close(session);
                }
                thread::sleep(PAUSE);
            }
        }
    }
}

fn open(shared: &Shared) -> Result<CK_SESSION_HANDLE> {
    let session = shared.module.open(shared.slot)?;
    shared.module.login(session, &shared.args.pin)?;
    Ok(session)
}

fn operate(shared: &Shared, session: CK_SESSION_HANDLE, chance: &mut SplitMix) -> Result<()> {
    let (module, keys) = (&shared.module, &shared.keys);
    let message = chance.next().to_be_bytes();
    match pick(&shared.args.mix, chance) {
        "sign_rsa_2048" => {
            let signature = module.sign(session, CKM_SHA256_RSA_PKCS, keys.rsa, &message)?;
            let public = RsaPublicKeyComponents { n: &keys.modulus, e: &keys.exponent };
            let good = public.verify(&RSA_PKCS1_2048_8192_SHA256, &message, &signature).is_ok();
            count(shared, good);
        }
        "verify_ecdsa_p256" => {
            let signature = module.sign(session, CKM_ECDSA_SHA256, keys.ec, &message)?;
            module.verify(session, CKM_ECDSA_SHA256, keys.ec_public, &message, &signature)?;
        }
        "encrypt_aes_gcm" => {
            let iv: Vec<u8> = message.iter().chain(&[0; 4]).copied().collect();
            module.encrypt_gcm(session, keys.aes, &iv, &[7; 1024])?;
        }
        "generate_rsa" => {
            make_rsa(module, session)?;
        }
        "generate_ec" => {
            make_ec(module, session)?;
        }
        "find" => {
            module.find(session, LABEL)?;
        }
        "random" => {
            module.random(session, 32)?;
        }
        "login" => {
            let session = open(shared)?;
            module.close(session)?;
        }
        _ => {
            let signature = module.sign(session, CKM_ECDSA_SHA256, keys.ec, &message)?;
            let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &keys.point);
            count(shared, public.verify(&message, &signature).is_ok());
        }
    }
    Ok(())
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
