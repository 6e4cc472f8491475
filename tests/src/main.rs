//! The applications of tests that need several processes, each a role:
//! - `start`: initialises the library and looks for a key, and says how far it came;
//! - `serve`: does what it is told, a line of stdin at a time;
//! - `call-on`: calls until a call fails, and says when the last good one began;
//! - `make-keys`: makes keys until it is killed, and says which;
//! - `check-keys`: finds and uses the keys that a file lists, and looks for halves.

use std::{
    env, fs,
    io::{self, Write as _},
    process::ExitCode,
    time::{SystemTime, UNIX_EPOCH},
};

use cryptoki::{
    error::{Error, RvError},
    mechanism::Mechanism,
    object::ObjectClass,
    session::{Session, UserType},
};
use hsmsim_tests::{p11, sandbox::USER_PIN, verify::PublicKey};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["start", id] => return start(id),
        ["serve"] => serve(),
        ["call-on"] => call_on(),
        ["make-keys", prefix, kind] => make_keys(prefix, kind),
        ["check-keys", list] => return check_keys(list),
        _ => return ExitCode::FAILURE,
    }
    ExitCode::SUCCESS
}

/// A whole line at once: the reader may look at any time.
fn tell(line: &str) {
    let mut stdout = io::stdout().lock();
    // If nobody reads any more there is nobody to tell.
    let _ = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
}

fn start(id: &str) -> ExitCode {
    let library = p11::load();
    let used = library.initialize(p11::os_locking()).and_then(|()| {
        let slot = *library.get_all_slots()?.first().ok_or(Error::InvalidValue)?;
        let session = library.open_rw_session(slot)?;
        session.login(UserType::User, Some(&p11::pin(USER_PIN)))?;
        let used = use_key(&session, id)?;
        session.close()?;
        library.clone().finalize()?;
        Ok(used)
    });
    match used {
        Ok(true) => {
            tell("used");
            return ExitCode::SUCCESS;
        }
        Ok(false) => tell("no such key"),
        Err(Error::Pkcs11(code, function)) => tell(&format!("{function:?} {code:?}")),
        Err(error) => tell(&error.to_string()),
    }
    ExitCode::FAILURE
}

fn serve() {
    let library = p11::library();
    let session = p11::session(&library);
    tell("ready");
    for line in io::stdin().lines().map_while(Result::ok) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match done(&session, &words) {
            Ok(answer) => tell(&format!("ok {line} {answer}")),
            Err(Error::Pkcs11(code, _)) => tell(&format!("error {code:?}")),
            Err(error) => tell(&format!("error {error}")),
        }
    }
    if session.close().and_then(|()| library.finalize()).is_err() {
        tell("error at the end");
    }
}

/// Obeys one line.
fn done(session: &Session, words: &[&str]) -> Result<String, Error> {
    match *words {
        ["make", id] => p11::make_ec(session, id).map(|_| String::new()),
        ["find", id] => {
            Ok(if p11::find_pair(session, id)?.is_some() { "found" } else { "none" }.into())
        }
        ["sign", id] => Ok(if use_key(session, id)? { "verified" } else { "wrong" }.into()),
        ["destroy", id] => {
            let pair = p11::find_pair(session, id)?.ok_or(Error::InvalidValue)?;
            session.destroy_object(pair.private)?;
            session.destroy_object(pair.public).map(|()| String::new())
        }
        // The pairs of the token.
        ["all"] => {
            let ids = p11::ids(session, ObjectClass::PRIVATE_KEY)?;
            let public = p11::ids(session, ObjectClass::PUBLIC_KEY)?;
            Ok(if ids == public { ids.join(" ") } else { format!("halves {ids:?} {public:?}") })
        }
        _ => Err(Error::InvalidValue),
    }
}

fn call_on() {
    let library = p11::library();
    let session = p11::session(&library);
    let mut random = [0; 16];
    let mut last_good = 0;
    for call in 0_u64.. {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970");
        match session.generate_random_slice(&mut random) {
            Ok(()) => {
                last_good = now.as_nanos();
                if call == 100 {
                    tell("calling");
                }
            }
            Err(error) => {
                let code = match error {
                    Error::Pkcs11(code, _) => code,
                    _ => RvError::FunctionFailed,
                };
                return tell(&format!("failed {last_good} {code:?} {call}"));
            }
        }
    }
}

fn make_keys(prefix: &str, kind: &str) {
    let library = p11::library();
    let session = p11::session(&library);
    for number in 0_u64.. {
        let id = format!("{prefix}-{number}");
        let made = match kind {
            "rsa" => p11::make_rsa(&session, 2048, &id),
            _ => p11::make_ec(&session, &id),
        };
        match made {
            Ok(_) => tell(&format!("made {id}")),
            Err(Error::Pkcs11(code, _)) => return tell(&format!("error {code:?}")),
            Err(error) => return tell(&format!("error {error}")),
        }
    }
}

fn check_keys(list: &str) -> ExitCode {
    let library = p11::library();
    let session = p11::session(&library);
    let list = fs::read_to_string(list).unwrap_or_default();
    let (mut used, mut wrong) = (0, 0);
    for id in list.lines() {
        match use_key(&session, id) {
            Ok(true) => used += 1,
            other => {
                wrong += 1;
                tell(&format!("{id}: {other:?}"));
            }
        }
    }
    let ids = |class| p11::ids(&session, class).unwrap_or_default();
    let (private, public) = (ids(ObjectClass::PRIVATE_KEY), ids(ObjectClass::PUBLIC_KEY));
    tell(&format!("{used} keys used, {} pairs in all", private.len()));
    let whole = private == public && private.len() >= used;
    if !whole {
        tell(&format!("halves: {private:?} {public:?}"));
    }
    if wrong == 0 && used > 0 && whole { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Signs with a key and verifies outside; `false`: it is not there, or the signature is wrong.
fn use_key(session: &Session, id: &str) -> Result<bool, Error> {
    let Some(pair) = p11::find_pair(session, id)? else { return Ok(false) };
    let key = PublicKey::of(session, pair.public)?;
    let mechanism = match key {
        PublicKey::Rsa { .. } => Mechanism::Sha256RsaPkcs,
        PublicKey::P256(_) => Mechanism::EcdsaSha256,
    };
    let signature = session.sign(&mechanism, pair.private, id.as_bytes())?;
    Ok(key.verifies(id.as_bytes(), &signature))
}
