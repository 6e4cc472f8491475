//! An application's presence on a partition: its login and its session objects.
//!
//! It lives as long as a connection or a session of the application holds it, and what it holds dies
//! with it.

use std::{
    collections::HashMap,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::Relaxed},
    },
};

use foldhash::fast::FixedState;
use hsmsim_crypto::seal::SealingKey;
use hsmsim_types::{Error, ObjectId, Result, Role, ck::*, error::fail};
use parking_lot::RwLock;

use crate::{
    api::{AppId, SealedObject, SessionTag},
    object::{Object, sealing},
    partition::Partition,
    port::Body,
};

/// A successful login.
pub(crate) struct Login {
    pub(crate) role: Role,
    /// The initialisation of the token that it belongs to.
    pub(crate) epoch: [u8; 16],
    pub(crate) domain_key: Arc<SealingKey>,
}

/// A session object and whose it is.
struct Transient {
    held: Held,
    tag: SessionTag,
    /// Order of creation.
    sequence: u64,
}

/// How a session object is kept.
enum Held {
    /// As it is used.
    Opened(Arc<Object>),
    /// As it travels, and has not been used since it did.
    Copy(TransientCopy),
}

/// A session object as it travels, looked through already.
pub(crate) struct TransientCopy {
    id: ObjectId,
    version: u64,
    private: bool,
    /// The attributes, encoded and not sealed.
    plain: Body,
    /// CKA_DESTROYABLE, if that is known without opening it.
    destroyable: Option<bool>,
}

impl TransientCopy {
    /// Of an object that travels, its attributes not sealed.
    pub(crate) fn of(object: &SealedObject, plain: Body, destroyable: Option<bool>) -> Self {
        let &SealedObject { id, version, private, .. } = object;
        Self { id, version, private, plain, destroyable }
    }
}

impl Transient {
    fn version(&self) -> u64 {
        match &self.held {
            Held::Opened(object) => object.version,
            Held::Copy(copy) => copy.version,
        }
    }

    fn private(&self) -> bool {
        match &self.held {
            Held::Opened(object) => object.private,
            Held::Copy(copy) => copy.private,
        }
    }

    /// The object, if it has been used before.
    fn opened(&self) -> Option<&Arc<Object>> {
        match &self.held {
            Held::Opened(object) => Some(object),
            Held::Copy(_) => None,
        }
    }

    fn open(&mut self) -> Option<&Arc<Object>> {
        if let Held::Copy(copy) = &self.held {
            let kind = (false, copy.private);
            match sealing::from_plain(&copy.id, copy.version, kind, &copy.plain) {
                Ok(object) => self.held = Held::Opened(Arc::new(object)),
                Err(error) => tracing::error!(%error, "a session object that was looked through"),
            }
        }
        self.opened()
    }
}

/// See the module's text.
pub(crate) struct Application {
    id: AppId,
    partition: Weak<Partition>,
    /// The role in `login`, readable without a lock: 0 for nobody.
    role: AtomicU8,
    // Written at login and logout; read when an object is sealed or opened.
    login: RwLock<Option<Login>>,
    /// Whether the login was taken away, and not given up by the application.
    taken: AtomicBool,
    /// The store's generation at which the login was last known to be good.
    checked: AtomicU64,
    // Written when a session object comes, changes or goes.
    // Identities are random already, so that they need no hash with a secret.
    transients: RwLock<HashMap<ObjectId, Transient, FixedState>>,
    sequence: AtomicU64,
}

impl Application {
    pub(crate) fn new(id: AppId, partition: Weak<Partition>) -> Self {
        Self {
            id,
            partition,
            role: AtomicU8::new(0),
            login: RwLock::new(None),
            taken: AtomicBool::new(false),
            checked: AtomicU64::new(u64::MAX),
            transients: RwLock::default(),
            sequence: AtomicU64::new(0),
        }
    }

    /// Its name.
    pub(crate) fn id(&self) -> AppId {
        self.id
    }

    /// Who is logged in.
    pub(crate) fn role(&self) -> Option<Role> {
        match self.role.load(Relaxed) {
            1 => Some(Role::SecurityOfficer),
            2 => Some(Role::CryptoOfficer),
            3 => Some(Role::CryptoUser),
            _ => None,
        }
    }

    /// Whether private objects are there for it: the Crypto Officer's and the Crypto User's.
    pub(crate) fn sees_private(&self) -> bool {
        matches!(self.role(), Some(Role::CryptoOfficer | Role::CryptoUser))
    }

    /// The domain's key, for private objects.
    ///
    /// # Errors
    /// CKR_USER_NOT_LOGGED_IN.
    pub(crate) fn domain_key(&self) -> Result<Arc<SealingKey>> {
        match &*self.login.read() {
            Some(login) if login.role != Role::SecurityOfficer => Ok(Arc::clone(&login.domain_key)),
            _ => fail(CKR_USER_NOT_LOGGED_IN, "private objects need a login of the user"),
        }
    }

    /// The domain's key as whoever is logged in has it, with the role and the token's epoch.
    pub(crate) fn credentials(&self) -> Option<(Role, [u8; 16], Arc<SealingKey>)> {
        let login = self.login.read();
        login.as_ref().map(|login| (login.role, login.epoch, Arc::clone(&login.domain_key)))
    }

    /// Whether that role could log in now.
    ///
    /// # Errors
    /// CKR_USER_ALREADY_LOGGED_IN, CKR_USER_ANOTHER_ALREADY_LOGGED_IN.
    pub(crate) fn check_can_log_in(&self, role: Role) -> Result<()> {
        match self.role() {
            None => Ok(()),
            Some(same) if same == role => {
                fail(CKR_USER_ALREADY_LOGGED_IN, "the application is logged in already")
            }
            Some(_) => fail(
                CKR_USER_ANOTHER_ALREADY_LOGGED_IN,
                "the application is logged in with another role",
            ),
        }
    }

    /// Takes over a login, unless another thread's came first.
    ///
    /// # Errors
    /// As [`Self::check_can_log_in`].
    pub(crate) fn log_in(&self, login: Login) -> Result<()> {
        let mut current = self.login.write();
        self.check_can_log_in(login.role)?;
        let number = match login.role {
            Role::SecurityOfficer => 1,
            Role::CryptoOfficer => 2,
            Role::CryptoUser => 3,
        };
        *current = Some(login);
        self.role.store(number, Relaxed);
        self.taken.store(false, Relaxed);
        Ok(())
    }

    /// Takes the login away from an application that does not know. Whether there was one.
    pub(crate) fn take_login(&self) -> bool {
        let was = self.log_out();
        self.taken.store(was, Relaxed);
        was
    }

    /// Whether the login was taken away, and nobody has logged in or out since.
    pub(crate) fn login_was_taken(&self) -> bool {
        self.taken.load(Relaxed)
    }

    /// Ends the login and with it the private session objects (5.6.8). Whether there was one.
    pub(crate) fn log_out(&self) -> bool {
        let mut current = self.login.write();
        self.role.store(0, Relaxed);
        self.taken.store(false, Relaxed);
        let was = current.take().is_some();
        self.transients.write().retain(|_, transient| !transient.private());
        was
    }

    /// Ends the login if it still is the one of that initialisation of the token: another thread may
    /// have logged in anew meanwhile. Whether it was.
    pub(crate) fn end_login_of(&self, epoch: [u8; 16]) -> bool {
        let mut current = self.login.write();
        if current.as_ref().is_none_or(|login| login.epoch != epoch) {
            return false;
        }
        self.role.store(0, Relaxed);
        *current = None;
        self.transients.write().retain(|_, transient| !transient.private());
        true
    }

    /// What a loss of power does.
    pub(crate) fn power_lost(&self) {
        self.log_out();
        self.transients.write().clear();
    }

    /// Whether the login was found good at that generation of the store.
    pub(crate) fn is_checked(&self, generation: u64) -> bool {
        generation.is_multiple_of(2) && self.checked.load(Relaxed) == generation
    }

    /// The login is good as far as the store says at that generation.
    pub(crate) fn checked_at(&self, generation: u64) {
        self.checked.store(generation, Relaxed);
    }

    /// A session object, if this application may see it.
    pub(crate) fn transient(&self, id: &ObjectId) -> Option<Arc<Object>> {
        {
            let transients = self.transients.read();
            let transient = transients.get(id)?;
            if transient.private() && !self.sees_private() {
                return None;
            }
            if let Some(object) = transient.opened() {
                return Some(Arc::clone(object));
            }
        }
        self.transients.write().get_mut(id)?.open().map(Arc::clone)
    }

    /// CKA_PRIVATE and CKA_DESTROYABLE of a session object that this application may see, if that is known without
    /// opening it.
    pub(crate) fn unopened(&self, id: &ObjectId) -> Option<(bool, bool)> {
        match &self.transients.read().get(id)?.held {
            Held::Copy(copy) if !copy.private || self.sees_private() => {
                copy.destroyable.map(|destroyable| (copy.private, destroyable))
            }
            _ => None,
        }
    }

    /// All session objects that it may see, in order of creation.
    pub(crate) fn transients(&self) -> Vec<Arc<Object>> {
        if self.transients.read().values().any(|transient| transient.opened().is_none()) {
            for transient in self.transients.write().values_mut() {
                transient.open();
            }
        }
        let transients = self.transients.read();
        let sees_private = self.sees_private();
        let mut visible: Vec<_> = transients
            .values()
            .filter(|transient| sees_private || !transient.private())
            .filter_map(|transient| transient.opened().map(|object| (transient.sequence, object)))
            .collect();
        visible.sort_unstable_by_key(|&(sequence, _)| sequence);
        visible.into_iter().map(|(_, object)| Arc::clone(object)).collect()
    }

    /// Keeps a session object until its session ends.
    pub(crate) fn put_transient(&self, object: Arc<Object>, tag: SessionTag) {
        let id = object.id;
        self.put(id, Held::Opened(object), tag);
    }

    /// Keeps a session object that another member has made, unless it is there in that version or a later one.
    pub(crate) fn put_transient_copy(&self, copy: TransientCopy, tag: SessionTag) {
        let known = self.transients.read().get(&copy.id).map(Transient::version);
        if known.is_none_or(|known| known < copy.version) {
            self.put(copy.id, Held::Copy(copy), tag);
        }
    }

    fn put(&self, id: ObjectId, held: Held, tag: SessionTag) {
        let sequence = self.sequence.fetch_add(1, Relaxed);
        self.transients.write().insert(id, Transient { held, tag, sequence });
    }

    /// Replaces a session object that is there in the version before.
    ///
    /// # Errors
    /// CKR_OBJECT_HANDLE_INVALID when it is not.
    pub(crate) fn replace_transient(&self, object: Arc<Object>) -> Result<()> {
        match self.transients.write().get_mut(&object.id) {
            Some(known) if known.version() + 1 == object.version => {
                known.held = Held::Opened(object);
                Ok(())
            }
            _ => Err(Error::new(CKR_OBJECT_HANDLE_INVALID, "the object is gone or has changed")),
        }
    }

    /// Removes a session object. Whether it was there.
    pub(crate) fn remove_transient(&self, id: &ObjectId) -> bool {
        self.transients.write().remove(id).is_some()
    }

    /// Removes the objects of a session that ended.
    pub(crate) fn end_session(&self, tag: SessionTag) {
        let mut transients = self.transients.write();
        if !transients.is_empty() {
            transients.retain(|_, transient| transient.tag != tag);
        }
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        if let Some(partition) = self.partition.upgrade() {
            let was_logged_in = self.log_out();
            partition.forget(self, was_logged_in);
        }
    }
}
