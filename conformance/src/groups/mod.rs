//! The statements, a group for each chapter.

mod asynchronous;
mod general;
mod keys;
mod login;
mod material;
mod mechanisms;
mod message;
mod message_parts;
mod object;
mod operation;
mod random;
mod sealing;
mod session;
mod slots;
mod states;
mod uses;
mod verify_signature;
mod wrap_authenticated;

use cryptoki_sys::*;

use crate::{
    call,
    case::{Bench, Case, Check},
    module::{Module, Target, name},
};

/// All groups, in the order of the standard.
pub const NAMES: &[&str] = &[
    "general",
    "slots",
    "session",
    "login",
    "object",
    "operation",
    "keys",
    "message",
    "random",
    "asynchronous",
    "mechanism.digest",
    "mechanism.mac",
    "mechanism.cipher",
    "mechanism.sign",
    "mechanism.crypt",
    "mechanism.generate",
    "mechanism.wrap",
    "mechanism.derive",
    "mechanism.encapsulate",
];

/// The cases of a group; those about mechanisms may follow what the module lists.
pub fn cases(group: &str, module: &Module) -> Vec<Case> {
    match group {
        "general" => general::cases(),
        "slots" => slots::cases(),
        "session" => [session::cases(), states::of_sessions()].into_iter().flatten().collect(),
        "login" => login::cases(),
        "object" => [object::cases(), states::of_objects()].into_iter().flatten().collect(),
        "operation" => [operation::cases(), uses::cases(), verify_signature::cases()]
            .into_iter()
            .flatten()
            .collect(),
        "keys" => [keys::cases(), sealing::cases(), wrap_authenticated::cases()]
            .into_iter()
            .flatten()
            .collect(),
        "message" => [message::cases(), message_parts::cases()].into_iter().flatten().collect(),
        "random" => random::cases(),
        "asynchronous" => asynchronous::cases(),
        _ => mechanisms::cases(group, module),
    }
}

/// Whether a case asks about the mechanism.
pub fn asks_about(kind: CK_MECHANISM_TYPE) -> bool {
    mechanisms::asks_about(kind)
}

/// Whether each value of the mechanism is compared with OpenSSL's, so that both directions are asked.
pub fn compares(kind: CK_MECHANISM_TYPE) -> bool {
    mechanisms::compares(kind)
}

fn case(
    id: impl Into<String>,
    chapter: &'static str,
    statement: impl Into<String>,
    body: impl Fn(&Bench) -> Check + 'static,
) -> Case {
    Case { id: id.into(), chapter, statement: statement.into(), body: Box::new(body) }
}

/// Gives the last slot whose token is not initialised (else the first) a label and PINs.
///
/// # Errors
/// What the module says.
pub fn make_token(target: &Target) -> Result<(), String> {
    let module = Module::load(target.clone())?;
    let good = |rv: CK_RV, what: &str| match rv {
        CKR_OK => Ok(()),
        _ => Err(format!("{what}: {}", name(rv))),
    };
    good(module.initialise_only(), "C_Initialize")?;
    let slots = module.slots()?;
    let blank = |slot: &&CK_SLOT_ID| {
        // SAFETY: plain numbers and bytes, for which zero is a value.
        let mut info: CK_TOKEN_INFO = unsafe { std::mem::zeroed() };
        let rv = call!(module, C_GetTokenInfo(**slot, &mut info));
        rv == CKR_OK && info.flags & CKF_TOKEN_INITIALIZED == 0
    };
    let slot = *slots.iter().rfind(blank).or(slots.first()).ok_or("no slot with a token")?;
    let mut so_pin = target.so_pin.clone().ok_or("--init wants --so-pin")?.into_bytes();
    let mut pin = target.pin.clone().into_bytes();
    let mut label = [b' '; 32];
    let len = target.label.len().min(32);
    label[..len].copy_from_slice(&target.label.as_bytes()[..len]);
    let (so, so_len) = (so_pin.as_mut_ptr(), so_pin.len() as CK_ULONG);
    good(call!(module, C_InitToken(slot, so, so_len, label.as_mut_ptr())), "C_InitToken")?;
    // An initialised token may be found under another number (SoftHSM2).
    let mut module = module;
    module.initialise()?;
    let bench = Bench { module: &module };
    let session = bench.session().map_err(|stop| format!("{stop:?}"))?;
    good(call!(module, C_Login(session.handle, CKU_SO, so, so_len)), "C_Login")?;
    let len = pin.len() as CK_ULONG;
    good(call!(module, C_InitPIN(session.handle, pin.as_mut_ptr(), len)), "C_InitPIN")?;
    good(call!(module, C_Finalize(std::ptr::null_mut())), "C_Finalize")
}
