//! Asks any PKCS#11 module what it is, for a profile of it.
//!
//! The module is loaded into a process of its own (`hsmsim probe`), because a library may crash, leave
//! threads behind or not like the company of another; what it said comes back as JSON, and `profile`
//! writes the profile. Nothing on the token is changed: keys to measure with are session objects.

mod measure;
mod profile;

use std::{fmt, path::PathBuf};

use cryptoki_sys::*;
use serde::{Deserialize, Serialize};

use crate::module::{Code, Module};

/// What is asked of which token. Has no `Debug`: it carries a PIN.
#[derive(Clone, Serialize, Deserialize)]
pub struct ProbeArgs {
    /// The module.
    pub module: PathBuf,
    /// The slot; the first with a token if neither this nor `label` is given.
    pub slot: Option<u64>,
    /// The token's label.
    pub label: Option<String>,
    /// The user PIN, for what needs a login.
    pub pin: Option<String>,
    /// Whether to find out how much data one call takes.
    pub probe_data: bool,
    /// How long each operation is measured, in milliseconds.
    pub measure_ms: Option<u64>,
    /// Threads that measure, each with a session of its own.
    pub threads: u32,
}

/// One mechanism, as CK_MECHANISM_INFO has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedMechanism {
    /// The number.
    pub kind: u64,
    /// `ulMinKeySize`.
    pub min: u64,
    /// `ulMaxKeySize`.
    pub max: u64,
    /// The flags.
    pub flags: u64,
}

/// What a module and a token said. Versions are pairs, as in CK_VERSION.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recording {
    /// `CK_INFO.cryptokiVersion`.
    pub cryptoki: (u8, u8),
    /// Versions of the interfaces `PKCS 11`.
    pub interfaces: Vec<(u8, u8)>,
    /// `CK_INFO.manufacturerID`.
    pub manufacturer: String,
    /// `CK_INFO.libraryDescription`.
    pub library_description: String,
    /// `CK_INFO.libraryVersion`.
    pub library_version: (u8, u8),
    /// Numbers of all slots with tokens.
    pub slots: Vec<u64>,
    /// The slot that was asked.
    pub slot: u64,
    /// `CK_SLOT_INFO.slotDescription`.
    pub slot_description: String,
    /// `CK_SLOT_INFO.manufacturerID`.
    pub slot_manufacturer: String,
    /// `CK_SLOT_INFO.flags`.
    pub slot_flags: u64,
    /// `CK_SLOT_INFO.hardwareVersion`.
    pub slot_hardware: (u8, u8),
    /// `CK_SLOT_INFO.firmwareVersion`.
    pub slot_firmware: (u8, u8),
    /// `CK_TOKEN_INFO.manufacturerID`.
    pub token_manufacturer: String,
    /// `CK_TOKEN_INFO.model`.
    pub model: String,
    /// `CK_TOKEN_INFO.flags`.
    pub token_flags: u64,
    /// `CK_TOKEN_INFO.ulMaxSessionCount`.
    pub max_sessions: u64,
    /// `CK_TOKEN_INFO.ulMinPinLen`.
    pub pin_min: u64,
    /// `CK_TOKEN_INFO.ulMaxPinLen`.
    pub pin_max: u64,
    /// `CK_TOKEN_INFO.hardwareVersion`.
    pub hardware: (u8, u8),
    /// `CK_TOKEN_INFO.firmwareVersion`.
    pub firmware: (u8, u8),
    /// The mechanisms, in the module's order.
    pub mechanisms: Vec<RecordedMechanism>,
    /// Most bytes that one call took; `None` if that was not asked, or if it took all that was tried.
    pub data_max: Option<u64>,
    /// Operations a second, by their names in a profile; empty if nothing was measured.
    pub per_second: Vec<(String, f64)>,
    /// Threads that measured.
    pub threads: u32,
    /// What could not be found out, for the reader of the profile.
    pub notes: Vec<String>,
}

/// The module could not be asked.
#[derive(Debug)]
pub struct ProbeError(String);

impl fmt::Display for ProbeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ProbeError {}

/// The error of a call.
fn failed(function: &str) -> impl FnOnce(Code) -> ProbeError {
    let function = function.to_owned();
    move |Code(rv)| {
        let name = hsmsim_types::names::or_hex(hsmsim_types::names::return_value, rv);
        ProbeError(format!("{function}: {name}"))
    }
}

/// Loads the module and asks it.
///
/// # Errors
/// A module that cannot be loaded or initialised; a token that is not there; a PIN that is refused.
pub fn probe(args: &ProbeArgs) -> Result<Recording, ProbeError> {
    let module = Module::load(&args.module)
        .map_err(|error| ProbeError(format!("{}: {error}", args.module.display())))?;
    let recording = ask(&module, args);
    // A module that cannot end has told what it knows all the same.
    let _ = module.finalize();
    recording
}

fn ask(module: &Module, args: &ProbeArgs) -> Result<Recording, ProbeError> {
    let slots = module.slots().map_err(failed("C_GetSlotList"))?;
    let slot = choose(module, args, &slots)?;
    let info = module.info().map_err(failed("C_GetInfo"))?;
    let at = module.slot_info(slot).map_err(failed("C_GetSlotInfo"))?;
    let token = module.token_info(slot).map_err(failed("C_GetTokenInfo"))?;
    let mut notes = Vec::new();
    let mut mechanisms = Vec::new();
    for kind in module.mechanisms(slot).map_err(failed("C_GetMechanismList"))? {
        match module.mechanism_info(slot, kind) {
            Ok(info) => mechanisms.push(RecordedMechanism {
                kind,
                min: info.ulMinKeySize,
                max: info.ulMaxKeySize,
                flags: info.flags,
            }),
            Err(Code(rv)) => notes.push(format!(
                "C_GetMechanismInfo of mechanism 0x{kind:08X} answered 0x{rv:08X}: left out"
            )),
        }
    }
    let mut recording = Recording {
        cryptoki: pair(info.cryptokiVersion),
        interfaces: module.interfaces().into_iter().map(pair).collect(),
        manufacturer: text(&info.manufacturerID),
        library_description: text(&info.libraryDescription),
        library_version: pair(info.libraryVersion),
        slot,
        slot_description: text(&at.slotDescription),
        slot_manufacturer: text(&at.manufacturerID),
        slot_flags: at.flags,
        slot_hardware: pair(at.hardwareVersion),
        slot_firmware: pair(at.firmwareVersion),
        token_manufacturer: text(&token.manufacturerID),
        model: text(&token.model),
        token_flags: token.flags,
        max_sessions: token.ulMaxSessionCount,
        pin_min: token.ulMinPinLen,
        pin_max: token.ulMaxPinLen,
        hardware: pair(token.hardwareVersion),
        firmware: pair(token.firmwareVersion),
        slots,
        mechanisms,
        data_max: None,
        per_second: Vec::new(),
        threads: args.threads.max(1),
        notes,
    };
    if args.probe_data || args.measure_ms.is_some() {
        measure::measure(module, args, &mut recording)?;
    }
    Ok(recording)
}

fn choose(module: &Module, args: &ProbeArgs, slots: &[u64]) -> Result<u64, ProbeError> {
    let listed = || slots.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
    if let Some(slot) = args.slot {
        return match slots.contains(&slot) {
            true => Ok(slot),
            false => Err(ProbeError(format!("slot {slot} has no token; slots: {}", listed()))),
        };
    }
    let Some(label) = &args.label else {
        let none = || ProbeError("the module has no slot with a token".to_owned());
        return slots.first().copied().ok_or_else(none);
    };
    let mut labels = Vec::new();
    for &slot in slots {
        let found = module.label(slot).map_err(failed("C_GetTokenInfo"))?;
        if found == *label {
            return Ok(slot);
        }
        labels.push(found);
    }
    Err(ProbeError(format!("no token has the label {label}; labels: {}", labels.join(", "))))
}

fn pair(version: CK_VERSION) -> (u8, u8) {
    (version.major, version.minor)
}

/// A blank-padded field.
fn text(field: &[u8]) -> String {
    String::from_utf8_lossy(field).trim_end_matches([' ', '\0']).to_owned()
}
