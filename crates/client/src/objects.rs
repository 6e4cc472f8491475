//! Objects: make, find, read, change, destroy. All of it runs on the primary; what is made, changed
//! or destroyed there is then brought to the other members before the call returns.

use std::sync::Arc;

use hsmsim_partition::{
    api::{AttributeResult, Created, Reply, Request},
    counts_on_read,
};
use hsmsim_types::{
    Error, Mechanism, ObjectHandle, ObjectId, Params, Result, SessionHandle, Template, ck::*,
    error::fail,
};
use smallvec::SmallVec;

use crate::{
    Client,
    api::{Derived, Message, Output, Room},
    group::Group,
    operations::{bytes, unexpected},
    session::{Checkout, Search},
};

/// Handles of what one call has made: an object, or a pair.
type Handles = SmallVec<[ObjectHandle; 2]>;

/// What a request that makes objects came to.
enum Made {
    /// Handles of the objects, and what the mechanism gives besides.
    Objects(Handles, Vec<u8>),
    /// Nothing was made: so many bytes of room are needed.
    Nothing(usize),
}

impl Client {
    /// The object behind a handle.
    pub(crate) fn object(&self, group: &Group, handle: ObjectHandle) -> Result<ObjectId> {
        self.handles.object(group.index, handle).ok_or_else(|| {
            Error::new(CKR_OBJECT_HANDLE_INVALID, format!("no object has handle {}", handle.0))
        })
    }

    /// Makes objects on the primary and clones them to the other members: its answer brings what the others
    /// are to have. If it is lost before it has answered, they are made anew on the next.
    async fn make(&self, session: &mut Checkout, request: impl Fn() -> Request) -> Result<Handles> {
        match self.make_or_measure(session, request).await? {
            Made::Objects(handles, _) => Ok(handles),
            Made::Nothing(_) => fail(CKR_GENERAL_ERROR, "a length instead of objects"),
        }
    }

    /// The same, for requests that make nothing where there is no room for what they give besides.
    async fn make_or_measure(
        &self,
        session: &mut Checkout,
        request: impl Fn() -> Request,
    ) -> Result<Made> {
        let (primary, reply) = self.call_primary(session, &request).await?;
        let created = match reply {
            Reply::Created(created) => created,
            Reply::Size(needed) => return Ok(Made::Nothing(needed as usize)),
            other => return Err(unexpected(&other)),
        };
        if !created.copies.is_empty() {
            self.distribute(session, primary, created.copies).await?;
        }
        let handles = self.name(session, primary, &created.objects);
        Ok(Made::Objects(handles, created.output))
    }

    /// Gives new objects, which a member has made, their handles.
    fn name(&self, session: &mut Checkout, maker: usize, created: &[Created]) -> Handles {
        let group = Arc::clone(session.group());
        let mut handles = Handles::new();
        for object in created {
            let handle = self.handles.handle_of_new(group.index, object.id);
            if object.token {
                self.event("object_created", &group, group.members.get(maker), object.id);
            } else {
                session.objects.insert(object.id);
            }
            handles.push(handle);
        }
        handles
    }

    async fn make_one(
        &self,
        session: &mut Checkout,
        request: impl Fn() -> Request,
    ) -> Result<ObjectHandle> {
        match self.make(session, request).await?.as_slice() {
            &[handle] => Ok(handle),
            other => fail(CKR_GENERAL_ERROR, format!("{} objects instead of one", other.len())),
        }
    }

    /// C_CreateObject.
    ///
    /// # Errors
    /// What the primary finds wrong with the template; CKR_DEVICE_ERROR if no member is left.
    pub(crate) async fn create_object_work(
        &self,
        session: SessionHandle,
        template: Template,
    ) -> Result<ObjectHandle> {
        let mut session = self.checkout(session)?;
        self.make_one(&mut session, || Request::Create { template: template.clone() }).await
    }

    /// C_CopyObject.
    ///
    /// # Errors
    /// As [`Client::create_object_work`]; CKR_ACTION_PROHIBITED for CKA_COPYABLE false.
    pub(crate) async fn copy_object_work(
        &self,
        session: SessionHandle,
        object: ObjectHandle,
        template: Template,
    ) -> Result<ObjectHandle> {
        let mut session = self.checkout(session)?;
        let object = self.object(session.group(), object)?;
        self.make_one(&mut session, || Request::Copy { object, template: template.clone() }).await
    }

    /// C_GenerateKey.
    ///
    /// # Errors
    /// As [`Client::create_object_work`].
    pub(crate) async fn generate_key_work(
        &self,
        session: SessionHandle,
        mechanism: Mechanism,
        template: Template,
    ) -> Result<ObjectHandle> {
        let mut session = self.checkout(session)?;
        let mechanism = Arc::new(mechanism);
        let request = || Request::GenerateKey {
            mechanism: Arc::clone(&mechanism),
            template: template.clone(),
        };
        self.make_one(&mut session, request).await
    }

    /// C_GenerateKeyPair. Gives the public key first.
    ///
    /// # Errors
    /// As [`Client::create_object_work`].
    pub(crate) async fn generate_key_pair_work(
        &self,
        session: SessionHandle,
        mechanism: Mechanism,
        public: Template,
        private: Template,
    ) -> Result<(ObjectHandle, ObjectHandle)> {
        let mut session = self.checkout(session)?;
        let mechanism = Arc::new(mechanism);
        let request = || Request::GenerateKeyPair {
            mechanism: Arc::clone(&mechanism),
            public: public.clone(),
            private: private.clone(),
        };
        match self.make(&mut session, request).await?.as_slice() {
            &[public, private] => Ok((public, private)),
            other => fail(CKR_GENERAL_ERROR, format!("{} objects instead of a pair", other.len())),
        }
    }

    /// C_EncapsulateKey. No key is made where the ciphertext has no room.
    ///
    /// # Errors
    /// As [`Client::create_object_work`]; CKR_KEY_HANDLE_INVALID.
    pub(crate) async fn encapsulate_key_work(
        &self,
        session: SessionHandle,
        mechanism: Mechanism,
        public_key: ObjectHandle,
        template: Template,
        room: Room,
    ) -> Result<(Output, ObjectHandle)> {
        let mut session = self.checkout(session)?;
        let public_key = self.key(session.group(), public_key)?;
        let mechanism = Arc::new(mechanism);
        let request = || Request::Encapsulate {
            mechanism: Arc::clone(&mechanism),
            public_key,
            template: template.clone(),
            room: match room {
                Room::Query => None,
                Room::Bytes(room) => Some(room),
            },
        };
        let nothing = ObjectHandle(CK_INVALID_HANDLE);
        let (kind, keys) = (mechanism.kind, [Some(public_key), None]);
        session.expect_announced(kind, keys, room);
        Ok(match self.make_or_measure(&mut session, request).await? {
            Made::Nothing(needed) if room == Room::Query => {
                session.announce(kind, keys, needed);
                (Output::Length(needed), nothing)
            }
            Made::Nothing(needed) => (Output::TooSmall(needed), nothing),
            Made::Objects(handles, ciphertext) => match handles[..] {
                [handle] => (Output::Bytes(ciphertext), handle),
                _ => return fail(CKR_GENERAL_ERROR, "not one key"),
            },
        })
    }

    /// C_DecapsulateKey.
    ///
    /// # Errors
    /// As [`Client::encapsulate_key_work`]; CKR_ENCRYPTED_DATA_LEN_RANGE, CKR_ENCRYPTED_DATA_INVALID.
    pub(crate) async fn decapsulate_key_work(
        &self,
        session: SessionHandle,
        mechanism: Mechanism,
        private_key: ObjectHandle,
        ciphertext: &[u8],
        template: Template,
    ) -> Result<ObjectHandle> {
        let mut session = self.checkout(session)?;
        let private_key = self.key(session.group(), private_key)?;
        let mechanism = Arc::new(mechanism);
        let request = || Request::Decapsulate {
            mechanism: Arc::clone(&mechanism),
            private_key,
            ciphertext: ciphertext.to_vec(),
            template: template.clone(),
        };
        self.make_one(&mut session, request).await
    }

    /// C_UnwrapKey, C_UnwrapKeyAuthenticated.
    ///
    /// # Errors
    /// As [`Client::create_object_work`]; CKR_UNWRAPPING_KEY_HANDLE_INVALID.
    pub(crate) async fn unwrap_key_work(
        &self,
        session: SessionHandle,
        mechanism: Mechanism,
        unwrapping_key: ObjectHandle,
        wrapped: &[u8],
        template: Template,
        associated: Option<&[u8]>,
    ) -> Result<ObjectHandle> {
        let mut session = self.checkout(session)?;
        let unwrapping_key = self
            .object(session.group(), unwrapping_key)
            .map_err(|error| renamed(CKR_UNWRAPPING_KEY_HANDLE_INVALID, &error))?;
        let mechanism = Arc::new(mechanism);
        let request = || Request::Unwrap {
            mechanism: Arc::clone(&mechanism),
            unwrapping_key,
            wrapped: wrapped.to_vec(),
            template: template.clone(),
            associated: associated.map(<[u8]>::to_vec),
        };
        self.make_one(&mut session, request).await
    }

    /// C_DeriveKey: all objects that the mechanism makes, or none.
    ///
    /// # Errors
    /// As [`Client::create_object_work`]; CKR_KEY_HANDLE_INVALID, also for a key that the parameters
    /// name.
    pub(crate) async fn derive_key_work(
        &self,
        session: SessionHandle,
        mut mechanism: Mechanism,
        base_key: ObjectHandle,
        template: Template,
    ) -> Result<Derived> {
        let mut session = self.checkout(session)?;
        let base_key = self.key(session.group(), base_key)?;
        mechanism.name_keys(|handle| self.key(session.group(), handle))?;
        let mechanism = Arc::new(mechanism);
        let request = || Request::Derive {
            mechanism: Arc::clone(&mechanism),
            base_key,
            template: template.clone(),
        };
        match self.make_or_measure(&mut session, request).await? {
            Made::Objects(keys, output) => Ok(Derived { keys: keys.into_vec(), output }),
            Made::Nothing(_) => fail(CKR_GENERAL_ERROR, "a length instead of keys"),
        }
    }

    /// C_WrapKey, C_WrapKeyAuthenticated. The tag is apart where the mechanism's parameter has a place for it.
    ///
    /// # Errors
    /// CKR_WRAPPING_KEY_HANDLE_INVALID, CKR_KEY_HANDLE_INVALID, CKR_KEY_UNEXTRACTABLE and what else
    /// the primary finds.
    pub(crate) async fn wrap_key_work(
        &self,
        session: SessionHandle,
        mut mechanism: Mechanism,
        wrapping_key: ObjectHandle,
        key: ObjectHandle,
        associated: Option<&[u8]>,
        room: Room,
    ) -> Result<Message> {
        let mut session = self.checkout(session)?;
        let wrapping_key = self
            .object(session.group(), wrapping_key)
            .map_err(|error| renamed(CKR_WRAPPING_KEY_HANDLE_INVALID, &error))?;
        let key = self.key(session.group(), key)?;
        let (kind, keys) = (mechanism.kind, [Some(wrapping_key), Some(key)]);
        let mut tag_len = 0;
        let mut counted = None;
        if let Params::Message(message) = &mut mechanism.params {
            if !message.tag_follows {
                tag_len = usize::try_from(message.tag_bits / 8).unwrap_or(usize::MAX);
            }
            if [CKG_GENERATE_COUNTER, CKG_GENERATE_COUNTER_XOR].contains(&message.generator) {
                let so_far = session.wrappings.get(&(kind, wrapping_key)).cloned();
                let mut so_far = so_far.unwrap_or_default();
                so_far.number(message);
                counted = Some(so_far);
            }
        }
        let mechanism = Arc::new(mechanism);
        let request = || Request::Wrap {
            mechanism: Arc::clone(&mechanism),
            wrapping_key,
            key,
            associated: associated.map(<[u8]>::to_vec),
            room: match room {
                Room::Query => None,
                Room::Bytes(room) => Some(room),
            },
        };
        session.expect_announced(kind, keys, room);
        let (nonce, mut wrapped) = match self.call_primary(&mut session, request).await?.1 {
            Reply::Message(message) => (message.nonce, message.bytes),
            other => (Vec::new(), bytes(other)?),
        };
        let tag = wrapped.split_off(wrapped.len().saturating_sub(tag_len));
        let output = match room {
            Room::Query => {
                session.announce(kind, keys, wrapped.len());
                Output::Length(wrapped.len())
            }
            Room::Bytes(room) if room < wrapped.len() => Output::TooSmall(wrapped.len()),
            Room::Bytes(_) => {
                if let Some(mut so_far) = counted {
                    so_far.count += 1;
                    session.wrappings.insert((kind, wrapping_key), so_far);
                }
                return Ok(Message { nonce, tag, output: Output::Bytes(wrapped) });
            }
        };
        Ok(Message { output, ..Message::default() })
    }

    /// C_DestroyObject.
    ///
    /// # Errors
    /// CKR_OBJECT_HANDLE_INVALID, CKR_ACTION_PROHIBITED for CKA_DESTROYABLE false.
    pub(crate) async fn destroy_object_work(
        &self,
        session: SessionHandle,
        object: ObjectHandle,
    ) -> Result<()> {
        let mut session = self.checkout(session)?;
        let object = self.object(session.group(), object)?;
        let (primary, _) = self.call_primary(&mut session, || Request::Destroy { object }).await?;
        self.event("object_destroyed", session.group(), None, object);
        self.spread_deletion(&mut session, primary, object).await?;
        self.handles.forget(session.group().index, [object]);
        Ok(())
    }

    /// C_GetObjectSize.
    ///
    /// # Errors
    /// CKR_OBJECT_HANDLE_INVALID.
    pub(crate) async fn object_size_work(
        &self,
        session: SessionHandle,
        object: ObjectHandle,
    ) -> Result<u64> {
        let mut session = self.checkout(session)?;
        let object = self.object(session.group(), object)?;
        match self.call_primary(&mut session, || Request::Size { object }).await? {
            (_, Reply::Size(size)) => Ok(size),
            (_, other) => Err(unexpected(&other)),
        }
    }

    /// C_GetAttributeValue: one result for each attribute, in the caller's order.
    ///
    /// # Errors
    /// CKR_OBJECT_HANDLE_INVALID.
    pub(crate) async fn attributes_work(
        &self,
        session: SessionHandle,
        object: ObjectHandle,
        kinds: Vec<u64>,
    ) -> Result<Vec<AttributeResult>> {
        self.read_attributes(session, object, kinds, false).await
    }

    /// C_GetAttributeValue, or of its lengths alone. What a monotonic counter was read at is brought to
    /// the other members before the answer is given: none of them may say it again.
    pub(crate) async fn read_attributes(
        &self,
        session: SessionHandle,
        object: ObjectHandle,
        kinds: Vec<u64>,
        lengths: bool,
    ) -> Result<Vec<AttributeResult>> {
        let mut session = self.checkout(session)?;
        let object = self.object(session.group(), object)?;
        let counts = !lengths && counts_on_read(&object, &kinds);
        let request = || Request::GetAttributes { object, kinds: kinds.clone(), lengths };
        loop {
            let (primary, reply) = self.call_primary(&mut session, request).await?;
            let Reply::Attributes(results) = reply else { return Err(unexpected(&reply)) };
            if !counts || self.replicate(&mut session, primary, &[object]).await? {
                return Ok(results);
            }
            self.moved_on(session.group(), primary)?;
        }
    }

    /// C_SetAttributeValue.
    ///
    /// # Errors
    /// CKR_OBJECT_HANDLE_INVALID, CKR_ATTRIBUTE_READ_ONLY, CKR_ACTION_PROHIBITED.
    pub(crate) async fn set_attributes_work(
        &self,
        session: SessionHandle,
        object: ObjectHandle,
        template: Template,
    ) -> Result<()> {
        let mut session = self.checkout(session)?;
        let object = self.object(session.group(), object)?;
        let request = || Request::SetAttributes { object, template: template.clone() };
        loop {
            let (primary, _) = self.call_primary(&mut session, request).await?;
            if self.replicate(&mut session, primary, &[object]).await? {
                return Ok(());
            }
            // Nobody has seen the change but a member that is lost: it is made anew on the next.
            self.moved_on(session.group(), primary)?;
        }
    }

    /// C_FindObjectsInit: one round trip brings all results.
    ///
    /// # Errors
    /// CKR_OPERATION_ACTIVE if a search is active.
    pub(crate) async fn find_init_work(
        &self,
        session: SessionHandle,
        template: Template,
    ) -> Result<()> {
        let mut session = self.checkout(session)?;
        if session.search.is_some() {
            return fail(CKR_OPERATION_ACTIVE, "a search is active already");
        }
        let request = || Request::Find { template: template.clone() };
        match self.call_primary(&mut session, request).await? {
            (_, Reply::Found(objects)) => {
                session.search = Some(Search { results: objects.into_iter() });
                Ok(())
            }
            (_, other) => Err(unexpected(&other)),
        }
    }

    /// C_FindObjects: the next results, at most `max`.
    ///
    /// # Errors
    /// CKR_OPERATION_NOT_INITIALIZED if no search is active.
    pub fn find(&self, session: SessionHandle, max: usize) -> Result<Vec<ObjectHandle>> {
        let mut session = self.checkout(session)?;
        let group = Arc::clone(session.group());
        let Some(search) = &mut session.search else {
            return fail(CKR_OPERATION_NOT_INITIALIZED, "no search is active");
        };
        let next = search.results.by_ref().take(max);
        Ok(next.map(|object| self.handles.handle(group.index, object)).collect())
    }

    /// C_FindObjectsFinal.
    ///
    /// # Errors
    /// CKR_OPERATION_NOT_INITIALIZED if no search is active.
    pub fn find_final(&self, session: SessionHandle) -> Result<()> {
        let mut session = self.checkout(session)?;
        match session.search.take() {
            Some(_) => Ok(()),
            None => fail(CKR_OPERATION_NOT_INITIALIZED, "no search is active"),
        }
    }

    /// C_SeedRandom: accepted; the members' generators seed themselves.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR if no member is left.
    pub(crate) async fn seed_random_work(
        &self,
        session: SessionHandle,
        _seed: &[u8],
    ) -> Result<()> {
        let mut session = self.checkout(session)?;
        self.call_primary(&mut session, || Request::SeedRandom).await?;
        Ok(())
    }

    /// C_GenerateRandom.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR if no member is left.
    pub(crate) async fn random_work(&self, session: SessionHandle, len: usize) -> Result<Vec<u8>> {
        let mut session = self.checkout(session)?;
        bytes(self.call_chosen(&mut session, Group::one_part, || Request::Random { len }).await?.1)
    }
}

/// The same refusal under the code that the function names for this argument.
fn renamed(rv: CK_RV, error: &Error) -> Error {
    Error::new(rv, error.rule().to_owned())
}
