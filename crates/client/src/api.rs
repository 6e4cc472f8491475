//! The words between the C boundary and the client library.

use hsmsim_types::{ObjectHandle, ReturnValue, SlotId};

/// What `C_Initialize` was told, and what the environment says.
#[derive(Clone, Debug, Default)]
pub struct InitOptions {
    /// CKF_LIBRARY_CANT_CREATE_OS_THREADS: background work is done inside calls instead.
    pub no_threads: bool,
    /// State directory; `None` follows the environment (`HSMSIM_STATE`, then the defaults).
    pub state: Option<String>,
    /// Topology, a path or a shipped name; `None` follows the environment.
    pub topology: Option<String>,
}

/// CK_INFO.
#[derive(Clone, Debug)]
pub struct LibraryInfo {
    /// Manufacturer, at most 32 bytes, not padded.
    pub manufacturer: String,
    /// Description of the library, at most 32 bytes, not padded.
    pub description: String,
    /// Version of the library.
    pub version: (u8, u8),
    /// Version of the Cryptoki interface.
    pub cryptoki: (u8, u8),
}

/// CK_SLOT_INFO.
#[derive(Clone, Debug)]
pub struct SlotInfo {
    /// Description, at most 64 bytes, not padded.
    pub description: String,
    /// Manufacturer, at most 32 bytes, not padded.
    pub manufacturer: String,
    /// CKF_TOKEN_PRESENT and its kin.
    pub flags: u64,
    /// Hardware version.
    pub hardware: (u8, u8),
    /// Firmware version.
    pub firmware: (u8, u8),
}

/// CK_TOKEN_INFO. `None` in a number means CK_UNAVAILABLE_INFORMATION.
#[derive(Clone, Debug)]
pub struct TokenInfo {
    /// Label, at most 32 bytes, not padded.
    pub label: Vec<u8>,
    /// Manufacturer, at most 32 bytes, not padded.
    pub manufacturer: String,
    /// Model, at most 16 bytes, not padded.
    pub model: String,
    /// Serial number, at most 16 bytes, not padded.
    pub serial: String,
    /// CKF_ flags of the token.
    pub flags: u64,
    /// Most sessions; 0 means no limit (CK_EFFECTIVELY_INFINITE).
    pub max_sessions: u64,
    /// Open sessions of this application.
    pub sessions: u64,
    /// Open read-write sessions of this application.
    pub rw_sessions: u64,
    /// Longest PIN.
    pub pin_max: u64,
    /// Shortest PIN.
    pub pin_min: u64,
    /// Public memory in bytes, total and free.
    pub public_memory: (Option<u64>, Option<u64>),
    /// Private memory in bytes, total and free.
    pub private_memory: (Option<u64>, Option<u64>),
    /// Hardware version.
    pub hardware: (u8, u8),
    /// Firmware version.
    pub firmware: (u8, u8),
    /// utcTime; blank without CKF_CLOCK_ON_TOKEN.
    pub utc_time: [u8; 16],
}

/// CK_MECHANISM_INFO.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MechanismInfo {
    /// Smallest key.
    pub min: u64,
    /// Largest key.
    pub max: u64,
    /// CKF_ flags.
    pub flags: u64,
}

/// CK_SESSION_INFO.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionInfo {
    /// The session's slot.
    pub slot: SlotId,
    /// CKS_ number.
    pub state: u64,
    /// CKF_RW_SESSION, CKF_SERIAL_SESSION, CKF_ASYNC_SESSION.
    pub flags: u64,
    /// Vendor's error number; the last code of the device, if the last call failed there.
    pub device_error: u64,
}

/// The room a caller has for output (PKCS#11 3.1, 5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// A NULL pointer: only the length is asked for.
    Query,
    /// A buffer of so many bytes.
    Bytes(usize),
}

/// What an operation with output gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// The length that was asked for; the operation goes on.
    Length(usize),
    /// CKR_BUFFER_TOO_SMALL with the length that is needed; the operation goes on.
    TooSmall(usize),
    /// The bytes; they fit.
    Bytes(Vec<u8>),
    /// As many bytes, which are in the room that was lent with the data.
    Written(usize),
    /// The image of a structure, which fits: its pointers are distances from its beginning
    /// ([`OtpParam`](hsmsim_types::OtpParam)).
    Structure(Vec<u8>),
}

/// What one message of an AEAD, or a part of it, came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The nonce, which may have been generated.
    pub nonce: Vec<u8>,
    /// The tag, at the end of an encryption.
    pub tag: Vec<u8>,
    /// Ciphertext or plaintext.
    pub output: Output,
}

impl Default for Message {
    fn default() -> Self {
        Self { nonce: Vec::new(), tag: Vec::new(), output: Output::Bytes(Vec::new()) }
    }
}

/// What C_DeriveKey came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Derived {
    /// The objects, in the order of the mechanism's parameters, that of C_DeriveKey first.
    pub keys: Vec<ObjectHandle>,
    /// What the mechanism gives besides: the version in a premaster secret, initialisation vectors.
    pub output: Vec<u8>,
}

/// The state of an HA group (Luna's CA_GetHAState).
#[derive(Clone, Debug)]
pub struct HaState {
    /// Serial number of the group.
    pub group_serial: String,
    /// Members with their serial numbers and states: CKR_OK, or why they cannot be used.
    pub members: Vec<(String, ReturnValue)>,
}
