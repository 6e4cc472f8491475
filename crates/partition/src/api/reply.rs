//! What a session gets back from a partition.

use std::fmt;

use hsmsim_types::{AttributeValue, ObjectId};

use super::Restored;
use crate::output::OutputLen;

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

/// The answer to [`Request::Check`](super::Request::Check).
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
    /// As they travel to the other members: those that the session gives away ([`GivesAway`](super::GivesAway)).
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
    use hsmsim_types::Result;

    use super::*;

    #[test]
    fn a_reply_is_four_words() {
        assert_eq!(size_of::<Result<Reply>>(), 4 * size_of::<usize>());
    }
}
