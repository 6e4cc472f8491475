//! What a session asks of a partition.

use std::sync::Arc;

use hsmsim_types::{
    Data, Mechanism, ObjectId, Pin, Template, ck::CK_ATTRIBUTE_TYPE, role::UserType,
};

use super::{DomainSeed, Operation, OperationKind, SavedPart, SavedSet, SealedObject};
use crate::built_in;

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

#[cfg(test)]
mod tests {
    use hsmsim_types::ck::{CKM_SHA256, CKM_SHA256_HMAC};

    use super::*;

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
