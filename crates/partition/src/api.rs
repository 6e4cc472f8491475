//! What a session asks of a partition and what it gets back: the words that travel over a link.
//!
//! Everything is owned: a request crosses threads, waits in a link, and may outlive its caller. The one
//! exception is large data of a one-part call ([`Data::Lent`]), which is the caller's while it waits.
//! Objects are named by [`ObjectId`], which is the same on every member that holds the object; the
//! application's handles exist in the client alone.

use std::{fmt, sync::Arc};

use hsmsim_types::{
    AttributeValue, Data, Mechanism, ObjectId, Pin, SecretBytes, Template, ck::CK_ATTRIBUTE_TYPE,
    role::UserType,
};

use crate::{built_in, output::OutputLen};

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

/// What a session asks.
#[derive(Clone, Debug)]
pub enum Request {
    /// C_Login. A login holds for the application, on this member.
    Login {
        /// For whom, or for the next operation only.
        user: UserType,
        /// The PIN.
        pin: Pin,
    },
    /// C_Logout.
    Logout,
    /// C_InitToken: erases the partition's objects, sets the SO's PIN on a blank partition or
    /// checks it on an initialised one.
    InitToken {
        /// The SO's PIN.
        pin: Pin,
        /// The label, already trimmed to at most 32 bytes.
        label: Vec<u8>,
        /// Salt for PIN derivation and key of the cloning domain: the same for all members of a
        /// group, so that what one member seals another can open.
        domain: DomainSeed,
    },
    /// C_InitPIN: the SO sets the Crypto Officer's PIN (clears a lock-out).
    InitPin {
        /// The new PIN.
        pin: Pin,
    },
    /// Luna's `role init` of the Crypto User, by the Crypto Officer.
    InitCryptoUser {
        /// The new PIN.
        pin: Pin,
    },
    /// C_SetPIN: for who is logged in, for the Crypto Officer in a public session.
    SetPin {
        /// The PIN that holds.
        old: Pin,
        /// The PIN that is to hold.
        new: Pin,
    },
    /// C_GetTokenInfo.
    TokenInfo,
    /// C_CreateObject.
    Create {
        /// The template.
        template: Template,
    },
    /// C_CopyObject.
    Copy {
        /// What to copy.
        object: ObjectId,
        /// What the copy has otherwise.
        template: Template,
    },
    /// C_DestroyObject.
    Destroy {
        /// What to destroy.
        object: ObjectId,
    },
    /// C_GetObjectSize.
    Size {
        /// Of what.
        object: ObjectId,
    },
    /// C_GetAttributeValue.
    GetAttributes {
        /// Of what.
        object: ObjectId,
        /// Which, in the caller's order.
        kinds: Vec<CK_ATTRIBUTE_TYPE>,
        /// Whether their lengths alone are asked for: a counter that counts its readings does not count
        /// that one.
        lengths: bool,
    },
    /// C_SetAttributeValue.
    SetAttributes {
        /// Of what.
        object: ObjectId,
        /// The new values.
        template: Template,
    },
    /// C_FindObjectsInit: all that match, in one answer, in a stable order.
    Find {
        /// What must match; empty matches everything visible.
        template: Template,
    },
    /// C_SignInit and its kin: would this operation be allowed? Begins nothing.
    Check {
        /// The operation.
        operation: Operation,
    },
    /// A one-part operation: init and call in one.
    OnePart {
        /// The operation.
        operation: Operation,
        /// Plaintext, ciphertext or message.
        data: Data,
        /// The signature to verify; empty otherwise.
        signature: Vec<u8>,
    },
    /// Init and first part of a multi-part operation. Ends one of that kind that was active.
    Begin {
        /// The operation.
        operation: Operation,
        /// The first part; may be empty.
        data: Data,
    },
    /// A further part.
    Update {
        /// Of which operation.
        kind: OperationKind,
        /// The part.
        data: Data,
    },
    /// C_DigestKey: a secret key's value into the active digest.
    DigestKey {
        /// The key.
        key: ObjectId,
    },
    /// The last step of a multi-part operation.
    Final {
        /// Of which operation.
        kind: OperationKind,
        /// The signature to verify; empty otherwise.
        signature: Vec<u8>,
    },
    /// C_GetOperationState, for one operation.
    Save {
        /// The operation.
        part: SavedPart,
        /// What it is saved with.
        set: SavedSet,
    },
    /// C_SetOperationState: ends what is active, and goes on with all operations of a state or none.
    Restore {
        /// What was saved together.
        set: SavedSet,
        /// What [`Request::Save`] gave for each.
        parts: Vec<(OperationKind, Vec<u8>)>,
        /// The key of an encryption or decryption.
        cipher_key: Option<ObjectId>,
        /// The key of a signature or verification.
        authentication_key: Option<ObjectId>,
    },
    /// Ends an operation without a result.
    Cancel {
        /// Which.
        kind: OperationKind,
    },
    /// C_GenerateKey.
    GenerateKey {
        /// The mechanism.
        mechanism: Arc<Mechanism>,
        /// The key's template.
        template: Template,
    },
    /// C_GenerateKeyPair: both keys or neither.
    GenerateKeyPair {
        /// The mechanism.
        mechanism: Arc<Mechanism>,
        /// The public key's template.
        public: Template,
        /// The private key's template.
        private: Template,
    },
    /// C_WrapKey, C_WrapKeyAuthenticated.
    Wrap {
        /// The mechanism.
        mechanism: Arc<Mechanism>,
        /// The key that wraps.
        wrapping_key: ObjectId,
        /// The key that is wrapped.
        key: ObjectId,
        /// What is authenticated besides: C_WrapKeyAuthenticated only.
        associated: Option<Vec<u8>>,
        /// Bytes that the caller has room for; `None` if it asks for the length. Only what it then has is a
        /// use of the key.
        room: Option<usize>,
    },
    /// C_UnwrapKey, C_UnwrapKeyAuthenticated.
    Unwrap {
        /// The mechanism.
        mechanism: Arc<Mechanism>,
        /// The key that unwraps.
        unwrapping_key: ObjectId,
        /// The wrapped key.
        wrapped: Vec<u8>,
        /// The new key's template.
        template: Template,
        /// What is authenticated besides: C_UnwrapKeyAuthenticated only.
        associated: Option<Vec<u8>>,
    },
    /// C_EncapsulateKey. Makes a key only if the ciphertext has room; else answers its length.
    Encapsulate {
        /// The mechanism.
        mechanism: Arc<Mechanism>,
        /// The recipient's public key.
        public_key: ObjectId,
        /// The new key's template.
        template: Template,
        /// Bytes that the caller has room for; `None` if it asks for the length.
        room: Option<usize>,
    },
    /// C_DecapsulateKey.
    Decapsulate {
        /// The mechanism.
        mechanism: Arc<Mechanism>,
        /// The recipient's private key.
        private_key: ObjectId,
        /// What C_EncapsulateKey gave.
        ciphertext: Vec<u8>,
        /// The new key's template.
        template: Template,
    },
    /// C_DeriveKey.
    Derive {
        /// The mechanism.
        mechanism: Arc<Mechanism>,
        /// The key that is derived from.
        base_key: ObjectId,
        /// The new key's template.
        template: Template,
    },
    /// C_GenerateRandom.
    Random {
        /// How many bytes.
        len: usize,
    },
    /// C_SeedRandom: taken and mixed into nothing; the generators seed themselves.
    SeedRandom,
    /// Luna's CA_CloneAsSource: these objects, sealed under the cloning domain.
    CloneAsSource {
        /// Which; one that is gone meanwhile is left out of the answer.
        objects: Vec<ObjectId>,
    },
    /// Luna's CA_CloneAsTarget: takes over sealed objects; one that is there in the same or a newer
    /// version stays as it is.
    CloneAsTarget {
        /// The objects.
        objects: Vec<SealedObject>,
    },
    /// Which token objects there are: for `ha synchronize` and for comparisons.
    Inventory,
    /// Removes token objects whatever their attributes say: a deletion that this member missed.
    ReplayDeletion {
        /// Which; one that is not there counts as removed.
        objects: Vec<ObjectId>,
    },
}

impl Request {
    /// The mechanism that it is about.
    pub fn mechanism(&self) -> Option<u64> {
        match self {
            Self::Check { operation }
            | Self::OnePart { operation, .. }
            | Self::Begin { operation, .. } => Some(operation.mechanism.kind),
            Self::Save { part, .. } => Some(part.operation.mechanism.kind),
            Self::GenerateKey { mechanism, .. }
            | Self::GenerateKeyPair { mechanism, .. }
            | Self::Wrap { mechanism, .. }
            | Self::Unwrap { mechanism, .. }
            | Self::Encapsulate { mechanism, .. }
            | Self::Decapsulate { mechanism, .. }
            | Self::Derive { mechanism, .. } => Some(mechanism.kind),
            _ => None,
        }
    }

    /// Whether the time makes no difference to it: it uses no key, which might have dates, and does not look at the
    /// device's clock. A look at the clock takes as long as a digest of a few bytes.
    pub fn is_timeless(&self) -> bool {
        match self {
            Self::Check { operation }
            | Self::OnePart { operation, .. }
            | Self::Begin { operation, .. } => operation.key.is_none(),
            Self::Update { .. }
            | Self::Final { .. }
            | Self::Cancel { .. }
            | Self::Create { .. }
            | Self::GenerateKey { .. }
            | Self::GenerateKeyPair { .. }
            | Self::Random { .. }
            | Self::SeedRandom
            | Self::ReplayDeletion { .. } => true,
            Self::Destroy { object } | Self::GetAttributes { object, .. } => {
                !built_in::is_one(object)
            }
            Self::CloneAsTarget { objects } => {
                objects.iter().all(|object| !built_in::is_one(&object.id))
            }
            _ => false,
        }
    }

    /// Whether it makes, uses or touches an object: what a session that has lost its login is refused.
    /// A search is not, since it finds what is public.
    pub fn uses_objects(&self) -> bool {
        match self {
            Self::Create { .. }
            | Self::Copy { .. }
            | Self::Destroy { .. }
            | Self::Size { .. }
            | Self::GetAttributes { .. }
            | Self::SetAttributes { .. }
            | Self::DigestKey { .. }
            | Self::GenerateKey { .. }
            | Self::GenerateKeyPair { .. }
            | Self::Wrap { .. }
            | Self::Unwrap { .. }
            | Self::Encapsulate { .. }
            | Self::Decapsulate { .. }
            | Self::Derive { .. } => true,
            Self::Check { operation }
            | Self::OnePart { operation, .. }
            | Self::Begin { operation, .. } => operation.key.is_some(),
            Self::Save { part, .. } => part.operation.key.is_some(),
            Self::Restore { cipher_key, authentication_key, .. } => {
                cipher_key.is_some() || authentication_key.is_some()
            }
            _ => false,
        }
    }
}

/// What makes members of one cloning domain understand each other's sealed objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainSeed {
    /// Salt of the PIN derivation, one for all members, so that one derivation serves them all.
    pub salt: [u8; 16],
    /// The domain's sealing key.
    pub key: SecretBytes,
}

/// What a session gets back. Output is printed as its length only.
#[derive(Clone)]
pub enum Reply {
    /// Done; nothing to say. For Verify: the signature is good.
    Done,
    /// Ciphertext, plaintext, digest, signature, wrapped key, random bytes, operation state.
    Bytes(Vec<u8>),
    /// As many bytes, which are in the room that was lent with the data ([`Lent::work`](hsmsim_types::Lent::work)).
    Written(usize),
    /// A message that was encrypted or begun: its nonce, given or generated, and the ciphertext with its
    /// tag.
    Message(Box<SealedMessage>),
    /// The operation is allowed.
    Checked(Checked),
    /// The operations of a state, which go on.
    Restored(Vec<Restored>),
    /// Objects came into being.
    Created(Box<Creation>),
    /// Objects that match, or the inventory's names.
    Found(Vec<ObjectId>),
    /// One entry for each attribute asked for, in that order.
    Attributes(Vec<AttributeResult>),
    /// CK_TOKEN_INFO.
    Token(Box<TokenInfo>),
    /// Bytes an object takes.
    Size(u64),
    /// Sealed objects.
    Sealed(Vec<SealedObject>),
    /// Token objects with their versions.
    Inventory(Vec<InventoryEntry>),
    /// The answer to a request that has used up one use of a key with CKA_USAGE_LIMIT: the other members are
    /// to know of it before anybody sees the answer.
    Counted {
        /// The answer.
        reply: Box<Reply>,
        /// The key, whose count went on.
        key: ObjectId,
    },
}

impl Reply {
    pub(crate) fn message(nonce: Vec<u8>, bytes: Vec<u8>) -> Self {
        Self::Message(Box::new(SealedMessage { nonce, bytes }))
    }
}

/// A message of an AEAD that was encrypted or begun.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedMessage {
    /// The nonce.
    pub nonce: Vec<u8>,
    /// Ciphertext and tag; empty where a message begins.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => f.write_str("Done"),
            Self::Bytes(bytes) => write!(f, "Bytes({})", bytes.len()),
            Self::Written(len) => write!(f, "Written({len})"),
            Self::Message(message) => {
                let SealedMessage { nonce, bytes } = &**message;
                write!(f, "Message(nonce of {}, {})", nonce.len(), bytes.len())
            }
            Self::Checked(checked) => checked.fmt(f),
            Self::Restored(restored) => f.debug_tuple("Restored").field(restored).finish(),
            Self::Created(creation) => creation.fmt(f),
            Self::Found(found) => f.debug_tuple("Found").field(found).finish(),
            Self::Attributes(results) => f.debug_tuple("Attributes").field(results).finish(),
            Self::Token(info) => info.fmt(f),
            Self::Size(size) => write!(f, "Size({size})"),
            Self::Sealed(objects) => f.debug_tuple("Sealed").field(objects).finish(),
            Self::Inventory(entries) => f.debug_tuple("Inventory").field(entries).finish(),
            Self::Counted { reply, key } => write!(f, "Counted({reply:?}, {key})"),
        }
    }
}

/// The answer to [`Request::Check`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checked {
    /// How long outputs will be.
    pub output: OutputLen,
    /// CKA_ALWAYS_AUTHENTICATE: the operation waits for a C_Login of its own, on the primary.
    pub always_authenticate: bool,
    /// Whether the operation changes its key (one-time passwords that count): it is the primary's, and the
    /// other members get the key anew.
    pub changes_key: bool,
    /// Whether the key's uses are counted (CKA_USAGE_LIMIT): it is used on the primary, so that members do
    /// not count the same use twice, and the answer holds for now alone.
    pub counts_key: bool,
    /// Whether the key is a session object (or there is no key): the check then ends with it.
    pub session_key: bool,
    /// Whether the key has a last day that is a rule: the answer then holds for now alone.
    pub ends_by_date: bool,
}

impl Checked {
    /// Whether the answer is the same until the member's objects change: neither a login of its own, nor
    /// the end of a session, nor a date has a part in it.
    pub fn holds_on(&self) -> bool {
        !(self.always_authenticate || self.session_key || self.ends_by_date || self.counts_key)
    }

    /// Whether one-part operations stay on the primary too.
    pub fn on_primary(&self) -> bool {
        self.always_authenticate || self.counts_key
    }
}

/// What creating, copying, generating, unwrapping, deriving or encapsulating came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Creation {
    /// The objects; of a pair the public key first, of several derived keys in the order of the
    /// mechanism's parameters.
    pub objects: Vec<Created>,
    /// As they travel to the other members: those that the session gives away ([`GivesAway`]).
    pub copies: Vec<SealedObject>,
    /// What the mechanism gives besides: the ciphertext of an encapsulation, the vectors of
    /// CKM_TLS12_KEY_AND_MAC_DERIVE.
    pub output: Vec<u8>,
}

/// An object that came into being.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Created {
    /// Its identity.
    pub id: ObjectId,
    /// CKA_TOKEN.
    pub token: bool,
}

/// The answer for one attribute (PKCS#11 3.1, 5.7.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttributeResult {
    /// Its value.
    Value(AttributeValue),
    /// CKR_ATTRIBUTE_SENSITIVE: it exists and is not shown.
    Sensitive,
    /// CKR_ATTRIBUTE_TYPE_INVALID: the object has no such attribute.
    Invalid,
}

/// An object as it travels between members: sealed if private, in the clear if public.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedObject {
    /// Its identity.
    pub id: ObjectId,
    /// Orders the states of this object, the greatest stands; see [`version`](crate::version).
    pub version: u64,
    /// Which cloning domain sealed it; another domain cannot take it.
    pub domain: [u8; 16],
    /// CKA_TOKEN.
    pub token: bool,
    /// CKA_PRIVATE: whether `body` is sealed under the domain's key.
    pub private: bool,
    /// Lookup tags, as in [`StoredObject`](crate::port::StoredObject).
    pub tags: crate::port::Tags,
    /// The encoded attributes.
    pub body: crate::port::Body,
}

impl fmt::Debug for SealedObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealedObject({}, version {}, {} bytes)", self.id, self.version, self.body.len())
    }
}

/// One line of an inventory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct InventoryEntry {
    /// The object.
    pub id: ObjectId,
    /// Its version.
    pub version: u64,
}

/// CK_TOKEN_INFO as a partition knows it; the client adds what belongs to the slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenInfo {
    /// The label, not padded.
    pub label: Vec<u8>,
    /// CKF_TOKEN_INITIALIZED, CKF_USER_PIN_INITIALIZED, CKF_LOGIN_REQUIRED, CKF_RNG, PIN count
    /// flags and so on.
    pub flags: u64,
    /// Serial number of the partition.
    pub serial: String,
    /// Shortest PIN.
    pub pin_min: u64,
    /// Longest PIN.
    pub pin_max: u64,
    /// Which cloning domain; zeros on a blank partition.
    pub domain: [u8; 16],
    /// Number of token objects.
    pub objects: u64,
    /// Bytes for token objects, in all and free; `None` where there is no limit.
    pub storage: Option<(u64, u64)>,
    /// utcTime, when a session asks; blank without CKF_CLOCK_ON_TOKEN.
    pub utc_time: [u8; 16],
}

#[cfg(test)]
mod tests {
    use hsmsim_types::{
        Result,
        ck::{CKM_SHA256, CKM_SHA256_HMAC},
    };

    use super::*;

    #[test]
    fn a_reply_is_four_words() {
        assert_eq!(size_of::<Result<Reply>>(), 4 * size_of::<usize>());
    }

    #[test]
    fn what_uses_a_key_or_the_clock_is_told_the_time() {
        let own = ObjectId([0xFF; 16]);
        let mut clock = ObjectId([0; 16]);
        clock.0[..built_in::PREFIX.len()].copy_from_slice(built_in::PREFIX);
        let one_part = |kind, key| {
            let operation = Operation {
                kind: OperationKind::Digest,
                mechanism: Mechanism::plain(kind).into(),
                key,
            };
            Request::OnePart { operation, data: Vec::new().into(), signature: Vec::new() }
        };
        let attributes =
            |object| Request::GetAttributes { object, kinds: Vec::new(), lengths: false };
        for (request, is_timeless) in [
            (one_part(CKM_SHA256, None), true),
            (one_part(CKM_SHA256_HMAC, Some(own)), false),
            (Request::Create { template: Template(Vec::new()) }, true),
            (Request::Find { template: Template(Vec::new()) }, false),
            (attributes(own), true),
            (attributes(clock), false),
            (Request::Destroy { object: own }, true),
            (Request::Destroy { object: clock }, false),
            (Request::TokenInfo, false),
            (Request::Logout, false),
        ] {
            assert_eq!(request.is_timeless(), is_timeless, "{request:?}");
        }
    }
}
