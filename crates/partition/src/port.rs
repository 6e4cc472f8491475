//! What a partition needs of its store: a port, so that the rules here know no file.
//!
//! A store keeps sealed bytes. It cannot open them, and needs no PIN to copy them.

use std::{fmt, ops::Deref, sync::Arc};

use hsmsim_types::{ObjectId, Result, SecretBytes};

/// Keyed hashes by which a sealed object can be found without opening it. `None` where the object
/// has no such attribute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Tags {
    /// CKA_CLASS, in the clear.
    pub class: u64,
    /// Keyed hash of CKA_LABEL.
    pub label: Option<[u8; 16]>,
    /// Keyed hash of CKA_ID.
    pub id: Option<[u8; 16]>,
}

/// The sealed attributes of an object, or the plain ones of a public object on its way. Shared by
/// whoever holds them: a key that goes to four members is one body, not a copy in each message.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Body(Arc<SecretBytes>);

impl Body {
    /// Takes over `bytes`.
    pub fn new(bytes: Vec<u8>) -> Self {
        SecretBytes::new(bytes).into()
    }
}

impl From<SecretBytes> for Body {
    fn from(bytes: SecretBytes) -> Self {
        Self(Arc::new(bytes))
    }
}

impl Deref for Body {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Body({} bytes)", self.len())
    }
}

/// A token object as the store keeps it.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredObject {
    /// Its identity.
    pub id: ObjectId,
    /// Orders its states; see [`version`](crate::version).
    pub version: u64,
    /// CKA_PRIVATE: sealed under the domain's key, else under the device's.
    pub private: bool,
    /// For lookups.
    pub tags: Tags,
    /// The sealed attributes.
    pub body: Body,
}

impl fmt::Debug for StoredObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoredObject({}, version {}, {} bytes)", self.id, self.version, self.body.len())
    }
}

/// Which objects a search may skip without opening them: every `Some` must be equal. Public and
/// private objects have different keys for their hashes, so each comes with its own pair.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// CKA_CLASS.
    pub class: Option<u64>,
    /// Among private objects: `None` leaves them all out.
    pub private: Option<TagFilter>,
    /// Among public objects: `None` leaves them all out.
    pub public: Option<TagFilter>,
}

/// The part of a [`Filter`] that depends on the key of the hashes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TagFilter {
    /// Hash of CKA_LABEL.
    pub label: Option<[u8; 16]>,
    /// Hash of CKA_ID.
    pub id: Option<[u8; 16]>,
}

/// A durable change to a partition's objects; a list of them is applied whole or not at all.
#[derive(Clone, Debug)]
pub enum Change {
    /// Adds an object, or replaces it if its version is older.
    Put(StoredObject),
    /// Replaces an object that is there in exactly the version `before`. If it is not (it was
    /// removed or changed meanwhile), `apply` changes nothing and gives CKR_OBJECT_HANDLE_INVALID:
    /// a change of an attribute must never bring a destroyed object back.
    Update {
        /// The object as it is from now on, in a greater version.
        object: StoredObject,
        /// The version that it replaces.
        before: u64,
    },
    /// Removes an object; no error if it is not there.
    Remove(ObjectId),
}

/// One partition's place in the store of its device. Several processes share it.
pub trait PartitionStore: Send + Sync {
    /// Grows with every change of objects or token record by whatever process; costs one atomic
    /// load. Odd while a change is being made: read again before trusting what was cached.
    fn generation(&self) -> u64;

    /// The token record as encoded by the partition; `None` while it is blank.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR when the store cannot be read.
    fn token(&self) -> Result<Option<Arc<Vec<u8>>>>;

    /// Reads, changes and writes the token record (and objects with it) in one transaction that no
    /// other process can come between. `change` gets the record and returns what to write: an
    /// error writes nothing.
    ///
    /// # Errors
    /// What `change` returns; CKR_DEVICE_ERROR or CKR_DEVICE_MEMORY when the store cannot write.
    fn update_token(
        &self,
        change: &mut dyn FnMut(Option<&[u8]>) -> Result<TokenUpdate>,
    ) -> Result<()>;

    /// One object; `None` if it is not there.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR when the store cannot be read.
    fn load(&self, id: &ObjectId) -> Result<Option<StoredObject>>;

    /// The objects that may match, in order of creation.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR when the store cannot be read.
    fn find(&self, filter: &Filter) -> Result<Vec<StoredObject>>;

    /// The identities of the objects that [`PartitionStore::find`] would give.
    ///
    /// # Errors
    /// As there.
    fn find_ids(&self, filter: &Filter) -> Result<Vec<ObjectId>> {
        Ok(self.find(filter)?.iter().map(|object| object.id).collect())
    }

    /// Identities and versions of all token objects, in order of identity.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR when the store cannot be read.
    fn inventory(&self) -> Result<Vec<(ObjectId, u64)>>;

    /// How many token objects there are.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR when the store cannot be read.
    fn count(&self) -> Result<u64> {
        Ok(self.inventory()?.len() as u64)
    }

    /// How many bytes the bodies of all token objects have.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR when the store cannot be read.
    fn bytes(&self) -> Result<u64>;

    /// Applies changes durably: when this returns they survive a kill of the process.
    ///
    /// # Errors
    /// CKR_DEVICE_MEMORY when the disk or the partition is full, CKR_OBJECT_HANDLE_INVALID when a
    /// [`Change::Update`] found another version or none, else CKR_DEVICE_ERROR; then nothing was
    /// changed.
    fn apply(&self, changes: &[Change]) -> Result<()>;

    /// Seals public objects; kept by the device beside its store, readable without login.
    fn device_key(&self) -> Arc<hsmsim_crypto::seal::SealingKey>;

    /// Serial number of the partition.
    fn serial(&self) -> String;
}

/// What [`PartitionStore::update_token`] is to write.
#[derive(Clone, Debug)]
pub enum TokenUpdate {
    /// Nothing.
    Keep,
    /// A new record; the objects stay.
    Record(Vec<u8>),
    /// A new record (`None`: blank), and every object goes.
    Erase(Option<Vec<u8>>),
}
