//! What a token has to work for: how much data it takes, and how fast it is.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use cryptoki_sys::*;

use super::{ProbeArgs, ProbeError, Recording, failed};
use crate::module::{Attribute, Code, Module, Result};

/// DER of the named curve P-256.
const P256: [u8; 10] = [0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07];

/// Most data that is tried in one call.
const DATA_TRIED: usize = 16 << 20;

/// Bytes that are encrypted in one measured operation.
const PAYLOAD: usize = 1024;

pub(super) fn measure(
    module: &Module,
    args: &ProbeArgs,
    recording: &mut Recording,
) -> std::result::Result<(), ProbeError> {
    let session = module.open(recording.slot).map_err(failed("C_OpenSession"))?;
    if let Some(pin) = &args.pin {
        module.login(session, pin).map_err(failed("C_Login"))?;
    }
    if args.probe_data {
        probe_data(module, session, args.pin.is_some(), recording);
    }
    if let Some(time) = args.measure_ms.map(Duration::from_millis) {
        rates(module, session, time, recording);
    }
    if args.pin.is_some() {
        // The session ends next, and the login with it.
        let _ = module.logout(session);
    }
    module.close(session).map_err(failed("C_CloseSession"))
}

/// The largest call that works: with AES-CBC after a login, else with a digest.
fn probe_data(
    module: &Module,
    session: CK_SESSION_HANDLE,
    logged_in: bool,
    recording: &mut Recording,
) {
    let aes = match logged_in {
        true => aes_key(module, session).ok(),
        false => None,
    };
    let (what, takes): (_, Box<dyn Fn(usize) -> bool>) = match aes {
        Some(key) => (
            "CKM_AES_CBC",
            Box::new(move |len| module.encrypt_cbc(session, key, &vec![0; len]).is_ok()),
        ),
        None => (
            "CKM_SHA256",
            Box::new(move |len| module.digest(session, CKM_SHA256, &vec![0; len]).is_ok()),
        ),
    };
    match largest(&*takes) {
        Found::Nothing => recording.notes.push(format!("{what} does not work: data not probed")),
        Found::All => recording.notes.push(format!("{what} took {DATA_TRIED} bytes in one call")),
        Found::Limit(len) => {
            recording.data_max = Some(len as u64);
            recording.notes.push(format!("max_data_per_call was found with {what}"));
        }
    }
}

#[derive(Debug, PartialEq)]
enum Found {
    Nothing,
    All,
    Limit(usize),
}

/// Doubles until it fails, then halves the distance; in whole blocks of 16 bytes.
fn largest(takes: &dyn Fn(usize) -> bool) -> Found {
    let mut good = 16;
    if !takes(good) {
        return Found::Nothing;
    }
    let mut bad = loop {
        let next = good * 2;
        if next > DATA_TRIED {
            return Found::All;
        }
        if !takes(next) {
            break next;
        }
        good = next;
    };
    while bad - good > 16 {
        let middle = (good + bad) / 2 / 16 * 16;
        if takes(middle) { good = middle } else { bad = middle }
    }
    Found::Limit(good)
}

/// A measured operation, in a session.
type Work<'a> = Box<dyn Fn(CK_SESSION_HANDLE) -> Result<()> + Sync + 'a>;

/// Makes the key for an operation.
type Prepare<'a> = &'a dyn Fn() -> Result<Work<'a>>;

/// How often a second the token does what.
fn rates(module: &Module, session: CK_SESSION_HANDLE, time: Duration, recording: &mut Recording) {
    let offers = |kind| recording.mechanisms.iter().any(|mechanism| mechanism.kind == kind);
    let mut measured = Vec::new();
    let mut notes = Vec::new();
    let works: [(&str, &[CK_MECHANISM_TYPE], Prepare<'_>); 3] = [
        ("sign_rsa_2048", &[CKM_RSA_PKCS_KEY_PAIR_GEN, CKM_SHA256_RSA_PKCS], &|| {
            let key = rsa_key(module, session)?;
            Ok(Box::new(move |session| {
                module.sign(session, CKM_SHA256_RSA_PKCS, key, &[7; 32]).map(drop)
            }))
        }),
        ("sign_ecdsa_p256", &[CKM_EC_KEY_PAIR_GEN, CKM_ECDSA], &|| {
            let key = ec_key(module, session)?;
            Ok(Box::new(move |session| module.sign(session, CKM_ECDSA, key, &[7; 32]).map(drop)))
        }),
        ("encrypt_aes_gcm", &[CKM_AES_KEY_GEN, CKM_AES_GCM], &|| {
            let key = aes_key(module, session)?;
            Ok(Box::new(move |session| {
                module.encrypt_gcm(session, key, &[7; 12], &[7; PAYLOAD]).map(drop)
            }))
        }),
    ];
    for (name, needs, prepare) in works {
        if !needs.iter().all(|kind| offers(*kind)) {
            notes.push(format!("{name}: not measured, the token lacks a mechanism for it"));
            continue;
        }
        let rate = prepare()
            .and_then(|work| rate_of(module, recording.slot, recording.threads, time, &*work));
        match rate {
            Ok(rate) => measured.push((name.to_owned(), rate)),
            Err(Code(rv)) => notes.push(format!("{name}: not measured, 0x{rv:08X}")),
        }
    }
    recording.per_second = measured;
    recording.notes.append(&mut notes);
}

/// Operations a second of all threads together.
fn rate_of(
    module: &Module,
    slot: CK_SLOT_ID,
    threads: u32,
    time: Duration,
    work: &(dyn Fn(CK_SESSION_HANDLE) -> Result<()> + Sync),
) -> Result<f64> {
    let done = AtomicU64::new(0);
    let begin = Instant::now();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    let session = module.open(slot)?;
                    while begin.elapsed() < time {
                        work(session)?;
                        done.fetch_add(1, Ordering::Relaxed);
                    }
                    module.close(session)
                })
            })
            .collect();
        workers
            .into_iter()
            .try_for_each(|worker| worker.join().unwrap_or(Err(Code(CKR_GENERAL_ERROR))))
    })?;
    Ok(done.into_inner() as f64 / begin.elapsed().as_secs_f64())
}

fn rsa_key(module: &Module, session: CK_SESSION_HANDLE) -> Result<CK_OBJECT_HANDLE> {
    let public = [
        Attribute::Bool(CKA_TOKEN, false),
        Attribute::Bool(CKA_VERIFY, true),
        Attribute::Ulong(CKA_MODULUS_BITS, 2048),
        Attribute::Bytes(CKA_PUBLIC_EXPONENT, &[1, 0, 1]),
    ];
    let private = [Attribute::Bool(CKA_TOKEN, false), Attribute::Bool(CKA_SIGN, true)];
    module.generate_pair(session, CKM_RSA_PKCS_KEY_PAIR_GEN, &public, &private).map(|pair| pair.1)
}

fn ec_key(module: &Module, session: CK_SESSION_HANDLE) -> Result<CK_OBJECT_HANDLE> {
    let public = [
        Attribute::Bool(CKA_TOKEN, false),
        Attribute::Bool(CKA_VERIFY, true),
        Attribute::Bytes(CKA_EC_PARAMS, &P256),
    ];
    let private = [Attribute::Bool(CKA_TOKEN, false), Attribute::Bool(CKA_SIGN, true)];
    module.generate_pair(session, CKM_EC_KEY_PAIR_GEN, &public, &private).map(|pair| pair.1)
}

fn aes_key(module: &Module, session: CK_SESSION_HANDLE) -> Result<CK_OBJECT_HANDLE> {
    let template = [
        Attribute::Bool(CKA_TOKEN, false),
        Attribute::Bool(CKA_ENCRYPT, true),
        Attribute::Ulong(CKA_VALUE_LEN, 32),
    ];
    module.generate(session, CKM_AES_KEY_GEN, &template)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_found_to_the_block() {
        for limit in [16, 47_984, 48_000, DATA_TRIED - 16] {
            assert_eq!(largest(&|len| len <= limit), Found::Limit(limit / 16 * 16), "{limit}");
        }
        assert_eq!(largest(&|_| true), Found::All);
        assert_eq!(largest(&|_| false), Found::Nothing);
    }
}
