//! What a session asks of a partition and what it gets back: the words that travel over a link.
//!
//! Everything is owned: a request crosses threads, waits in a link, and may outlive its caller. The one
//! exception is large data of a one-part call ([`Data::Lent`](hsmsim_types::Data::Lent)), which is the caller's while it waits.
//! Objects are named by [`ObjectId`], which is the same on every member that holds the object; the
//! application's handles exist in the client alone.
//!
//! What is asked is in `request.rs`, what is answered in `reply.rs`; what both speak of is here.

mod reply;
mod request;

use std::sync::Arc;

use hsmsim_types::{Mechanism, ObjectId, SecretBytes};

pub use reply::{
    AttributeResult, Checked, Created, Creation, InventoryEntry, Reply, SealedMessage,
    SealedObject, TokenInfo,
};
pub use request::Request;

/// One application on one client machine: whoever shares a login (Luna guide, "application ID").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AppId(pub u64);

impl AppId {
    /// The application of a process that initialised its library for the `nth` time.
    pub fn new(process: u32, nth: u64) -> Self {
        Self(u64::from(process) << 32 | nth & 0xFFFF_FFFF)
    }

    /// The process.
    pub fn process(self) -> u32 {
        (self.0 >> 32) as u32
    }
}

/// Names one session of an application across all members, so that a session object and its clones
/// end with the session that made them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionTag(pub u64);

/// How a session is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenSession {
    /// Whose session it is.
    pub app: AppId,
    /// Which of the application's sessions it is.
    pub tag: SessionTag,
    /// CKF_RW_SESSION.
    pub read_write: bool,
    /// What of its new objects comes with the answer, for the other members of a group.
    pub gives_away: GivesAway,
}

/// Which new objects a session gives away with the answer that they were made, so that they need not be asked for
/// before they are cloned (Luna guide, "Key replication").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GivesAway {
    /// None: nobody else is to have them.
    #[default]
    Nothing,
    /// Token objects.
    TokenObjects,
    /// Session objects too.
    AllObjects,
}

/// The kinds of operation a session can have active, each beside the others (PKCS#11 3.1, 5.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OperationKind {
    /// C_Encrypt and its kin.
    Encrypt,
    /// C_Decrypt and its kin.
    Decrypt,
    /// C_Digest and its kin.
    Digest,
    /// C_Sign and its kin.
    Sign,
    /// C_Verify and its kin.
    Verify,
    /// C_VerifySignature and its kin: as Verify, but the signature is known from the start.
    VerifySignature,
    /// C_SignRecover.
    SignRecover,
    /// C_VerifyRecover: signatures go in, and come out as what was signed.
    VerifyRecover,
    /// C_EncryptMessage and its kin.
    MessageEncrypt,
    /// C_DecryptMessage and its kin.
    MessageDecrypt,
    /// C_SignMessage and its kin.
    MessageSign,
    /// C_VerifyMessage and its kin.
    MessageVerify,
}

impl OperationKind {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 12] = [
        Self::Encrypt,
        Self::Decrypt,
        Self::Digest,
        Self::Sign,
        Self::Verify,
        Self::VerifySignature,
        Self::SignRecover,
        Self::VerifyRecover,
        Self::MessageEncrypt,
        Self::MessageDecrypt,
        Self::MessageSign,
        Self::MessageVerify,
    ];

    /// Those whose state can be saved, and that a session can go on with from a state (5.6.4).
    pub const SAVEABLE: [Self; 6] = [
        Self::Encrypt,
        Self::Decrypt,
        Self::Digest,
        Self::Sign,
        Self::Verify,
        Self::VerifySignature,
    ];

    /// A bit of its own.
    pub const fn bit(self) -> u16 {
        1 << self as u16
    }
}

/// What was saved together: the parts of a state belong to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SavedSet {
    /// Random, new with every saving.
    pub id: [u8; 16],
    /// [`OperationKind::bit`] of every operation in it.
    pub kinds: u16,
}

/// An operation that is to be saved.
#[derive(Clone, Debug)]
pub struct SavedPart {
    /// The operation.
    pub operation: Operation,
    /// Whether it has begun on the member that is asked.
    pub begun: bool,
    /// Bytes that went in.
    pub before: u64,
    /// The signature that C_VerifySignatureInit was given.
    pub signature: Vec<u8>,
}

/// An operation that was restored.
#[derive(Clone, Debug)]
pub struct Restored {
    /// The operation.
    pub operation: Operation,
    /// What its init would have said.
    pub checked: Checked,
    /// Whether it has begun on this member; else nothing but its init was saved.
    pub begun: bool,
    /// Bytes that went in.
    pub before: u64,
    /// The signature that C_VerifySignatureInit was given.
    pub signature: Vec<u8>,
}

/// What `C_SignInit` and its kin fix: kind, mechanism, key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// The kind.
    pub kind: OperationKind,
    /// The mechanism, shared: it is kept in the client and sent with every call.
    pub mechanism: Arc<Mechanism>,
    /// The key; `None` for digests.
    pub key: Option<ObjectId>,
}

/// What makes members of one cloning domain understand each other's sealed objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainSeed {
    /// Salt of the PIN derivation, one for all members, so that one derivation serves them all.
    pub salt: [u8; 16],
    /// The domain's sealing key.
    pub key: SecretBytes,
}
