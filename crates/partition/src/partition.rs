//! A process's view of one partition: what its sessions share.

use std::{
    collections::HashMap,
    ptr,
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use hsmsim_crypto::seal::SealingKey;
use hsmsim_types::{AttributeValue, Error, ObjectId, Result, ck::*};
use parking_lot::{Mutex, RwLock};
use tracing::{debug, info};

use crate::{
    api::{AppId, OpenSession},
    application::Application,
    failure::{During, during},
    object::{Object, cache::Cache, sealing},
    personality::Personality,
    port::{PartitionStore, StoredObject, TokenUpdate},
    roles::TokenView,
    session::Session,
};

/// A process's view of one partition; shared by all its sessions.
pub struct Partition {
    me: Weak<Self>,
    store: Arc<dyn PartitionStore>,
    device_key: Arc<SealingKey>,
    personality: Arc<Personality>,
    // The token record as last read; written when the store's generation has changed.
    pub(crate) token: RwLock<TokenView>,
    // The generation at which it was. Written with the view locked; who only asks whether it is current needs no lock.
    pub(crate) token_read_at: AtomicU64,
    // Taken when an application comes or goes, never for an operation.
    applications: Mutex<HashMap<AppId, Weak<Application>>>,
    pub(crate) cache: Cache,
    power: AtomicU64,
    /// Where the identities of new objects come from; random numbers if absent.
    identities: Option<Identities>,
    // Lock: a few bytes, and now and then a draw.
    drawn: Mutex<Drawn>,
}

/// A source of identities for new objects: a simulation with a seed must name them the same every
/// time. Keys never come from here.
pub type Identities = Arc<dyn Fn() -> ObjectId + Send + Sync>;

/// An application's presence on a partition: its login and its session objects live as long as one
/// of its connections or sessions does.
#[derive(Clone)]
pub struct Connection {
    partition: Arc<Partition>,
    application: Arc<Application>,
}

impl Connection {
    /// Opens a session of this application.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR when the store cannot be read.
    pub fn open_session(&self, open: OpenSession) -> Result<Session> {
        debug_assert_eq!(open.app, self.application.id(), "a session of the application itself");
        self.partition.session(&self.application, open)
    }
}

/// No generation of a store.
const NEVER: u64 = u64::MAX;

impl Partition {
    /// A view of the partition behind `store`. Reads nothing yet.
    pub fn new(store: Arc<dyn PartitionStore>, personality: Arc<Personality>) -> Arc<Self> {
        Self::with_identities(store, personality, None)
    }

    /// As [`Partition::new`], with a source of identities.
    pub fn with_identities(
        store: Arc<dyn PartitionStore>,
        personality: Arc<Personality>,
        identities: Option<Identities>,
    ) -> Arc<Self> {
        Arc::new_cyclic(|me| Self {
            me: Weak::clone(me),
            device_key: store.device_key(),
            store,
            personality,
            token: RwLock::default(),
            token_read_at: AtomicU64::new(NEVER),
            applications: Mutex::default(),
            cache: Cache::default(),
            power: AtomicU64::new(0),
            identities,
            drawn: Mutex::default(),
        })
    }

    /// The identity of a new object.
    ///
    /// # Errors
    /// CKR_FUNCTION_FAILED without random numbers.
    pub(crate) fn new_id(&self) -> Result<ObjectId> {
        match &self.identities {
            Some(next) => Ok(next()),
            None => self.draw().map(ObjectId),
        }
    }

    /// Random bytes for an identity or a nonce, which are no secrets.
    ///
    /// # Errors
    /// CKR_FUNCTION_FAILED without random numbers.
    pub(crate) fn draw<const LEN: usize>(&self) -> Result<[u8; LEN]> {
        self.drawn.lock().take()
    }

    /// The rules it follows.
    pub fn personality(&self) -> &Arc<Personality> {
        &self.personality
    }

    /// Where it keeps its objects.
    pub fn store(&self) -> &Arc<dyn PartitionStore> {
        &self.store
    }

    /// Announces an application.
    pub fn connect(self: &Arc<Self>, app: AppId) -> Connection {
        Connection { partition: Arc::clone(self), application: self.application(app) }
    }

    /// Opens a session.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR when the store cannot be read.
    pub fn open_session(self: &Arc<Self>, open: OpenSession) -> Result<Session> {
        self.session(&self.application(open.app), open)
    }

    fn session(
        self: &Arc<Self>,
        application: &Arc<Application>,
        open: OpenSession,
    ) -> Result<Session> {
        // A partition that cannot read its own record is of no use to a session.
        if self.token_read_at.load(Relaxed) != self.store.generation() {
            self.token_record()?;
        }
        Ok(Session::new(Arc::clone(self), Arc::clone(application), open, self.power()))
    }

    /// What a loss of power does: logins, unsealed keys, session objects and open sessions are gone;
    /// token objects stay. Sessions opened before answer CKR_SESSION_HANDLE_INVALID from now on.
    pub fn power_lost(&self) {
        self.power.fetch_add(1, Relaxed);
        let present: Vec<_> = self.applications.lock().values().filter_map(Weak::upgrade).collect();
        present.iter().for_each(|application| application.power_lost());
        self.cache.clear();
        self.forget_pins();
        debug!(serial = self.store.serial(), "partition lost power");
    }

    /// What a device does that drops the sessions of a process, or all: logins and session objects are
    /// gone. That the sessions themselves end is the device's to see to.
    pub fn end_presence(&self, process: Option<u32>) {
        for application in self.present(process) {
            application.power_lost();
        }
        self.after_logout();
    }

    /// Takes the logins of a process, or all, away: sessions live on, and what needs a login is refused
    /// until the application logs in anew.
    pub fn take_logins(&self, process: Option<u32>) {
        for application in self.present(process) {
            application.take_login();
        }
        self.after_logout();
    }

    fn present(&self, process: Option<u32>) -> Vec<Arc<Application>> {
        let applications = self.applications.lock();
        let of_process = |application: &Arc<Application>| {
            process.is_none_or(|process| application.id().process() == process)
        };
        applications.values().filter_map(Weak::upgrade).filter(of_process).collect()
    }

    /// Makes the partition blank: every object and the token record are gone, for every process.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR or CKR_DEVICE_MEMORY when the store cannot write.
    pub fn zeroize(&self) -> Result<()> {
        self.store.update_token(&mut |_| Ok(TokenUpdate::Erase(None)))?;
        self.cache.clear();
        info!(serial = self.store.serial(), "partition zeroized");
        Ok(())
    }

    /// What the change of a destructive policy does: every object is gone; label, roles and PINs stay.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR or CKR_DEVICE_MEMORY when the store cannot write.
    pub fn erase_objects(&self) -> Result<()> {
        self.store.update_token(&mut |record| {
            Ok(match record {
                Some(record) => TokenUpdate::Erase(Some(record.to_vec())),
                None => TokenUpdate::Keep,
            })
        })?;
        self.cache.clear();
        Ok(())
    }

    /// Counts losses of power.
    pub(crate) fn power(&self) -> u64 {
        self.power.load(Relaxed)
    }

    fn application(&self, id: AppId) -> Arc<Application> {
        let mut applications = self.applications.lock();
        if let Some(present) = applications.get(&id).and_then(Weak::upgrade) {
            return present;
        }
        let new = Arc::new(Application::new(id, Weak::clone(&self.me)));
        applications.insert(id, Arc::downgrade(&new));
        new
    }

    /// An application is gone.
    pub(crate) fn forget(&self, gone: &Application, was_logged_in: bool) {
        let mut applications = self.applications.lock();
        // Another presence of the same name may have taken its place meanwhile.
        if applications.get(&gone.id()).is_some_and(|known| ptr::eq(known.as_ptr(), gone)) {
            applications.remove(&gone.id());
        }
        drop(applications);
        if was_logged_in {
            self.after_logout();
        }
    }

    /// Drops unsealed private objects once nobody is logged in.
    pub(crate) fn after_logout(&self) {
        let present: Vec<_> = self.applications.lock().values().filter_map(Weak::upgrade).collect();
        if !present.iter().any(|application| application.role().is_some()) {
            self.cache.remove_private();
            self.forget_pins();
        }
    }

    /// Ends a login that belongs to an earlier initialisation of the token, or to one that another
    /// process erased. Costs one atomic load while nothing has changed.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR when the store cannot be read.
    pub(crate) fn refresh(&self, application: &Application) -> Result<()> {
        let generation = self.store.generation();
        if application.is_checked(generation) {
            return Ok(());
        }
        if let Some((_, epoch, _)) = application.credentials() {
            let record = self.token_record()?;
            if record.is_none_or(|record| record.epoch != epoch) && application.end_login_of(epoch)
            {
                self.after_logout();
            }
        }
        application.checked_at(generation);
        Ok(())
    }

    /// The key that seals objects of that kind.
    ///
    /// # Errors
    /// CKR_USER_NOT_LOGGED_IN for private ones without a login.
    pub(crate) fn sealing_key(
        &self,
        application: &Application,
        private: bool,
    ) -> Result<Arc<SealingKey>> {
        if private { application.domain_key() } else { Ok(Arc::clone(&self.device_key)) }
    }

    /// Seals public objects.
    pub(crate) fn device_key(&self) -> &Arc<SealingKey> {
        &self.device_key
    }

    /// Opens a stored object.
    ///
    /// # Errors
    /// CKR_USER_NOT_LOGGED_IN, CKR_DEVICE_ERROR.
    pub(crate) fn open(&self, application: &Application, stored: &StoredObject) -> Result<Object> {
        let key = self.sealing_key(application, stored.private)?;
        sealing::open(&stored.id, stored.version, (true, stored.private), &stored.body, &key)
    }

    /// An object that the application may see: a session object or a token object.
    ///
    /// # Errors
    /// `missing` if there is none; CKR_DEVICE_ERROR if it cannot be read.
    pub(crate) fn object(
        &self,
        application: &Application,
        id: &ObjectId,
        missing: CK_RV,
    ) -> Result<Arc<Object>> {
        let invalid = || Error::new(missing, "there is no such object for this application");
        let generation = self.store.generation();
        let known = self.cache.get(id);
        if let Some(entry) = &known
            && entry.is_current(generation)
        {
            return self.visible(application, &entry.object).ok_or_else(invalid);
        }
        if let Some(object) = application.transient(id) {
            return Ok(object);
        }
        let Some(stored) = self.store.load(id)? else {
            self.cache.remove(id);
            return Err(invalid());
        };
        if let Some(entry) = &known
            && entry.object.version == stored.version
        {
            entry.checked_at(generation);
            return self.visible(application, &entry.object).ok_or_else(invalid);
        }
        if stored.private && !application.sees_private() {
            return Err(invalid());
        }
        let object = Arc::new(self.open(application, &stored)?);
        self.cache.put(Arc::clone(&object), generation);
        Ok(object)
    }

    /// Label and CKA_ID of an object that an application sees, read beside the wire: for whoever has to
    /// know which key a call is about without asking the device.
    pub fn label_and_id(&self, app: AppId, id: &ObjectId) -> Option<(Vec<u8>, Vec<u8>)> {
        let application = self.applications.lock().get(&app).and_then(Weak::upgrade)?;
        let object = self.object(&application, id, CKR_OBJECT_HANDLE_INVALID).ok()?;
        let bytes = |kind| {
            let value = object.attributes.get(kind).and_then(AttributeValue::as_bytes);
            value.map(<[u8]>::to_vec).unwrap_or_default()
        };
        Some((bytes(CKA_LABEL), bytes(CKA_ID)))
    }

    fn visible(&self, application: &Application, object: &Arc<Object>) -> Option<Arc<Object>> {
        (!object.private || application.sees_private()).then(|| Arc::clone(object))
    }
}

/// Random bytes, of which many are drawn at once: a system call for each identity takes as long as all else that a new
/// session object costs its device. A forked child repeats none, since it has to open the cluster anew.
#[derive(Default)]
struct Drawn(Vec<u8>);

impl Drawn {
    /// How many bytes are drawn at once.
    const AT_ONCE: usize = 1024;

    /// # Errors
    /// CKR_FUNCTION_FAILED without random numbers.
    fn take<const LEN: usize>(&mut self) -> Result<[u8; LEN]> {
        const { assert!(LEN <= Self::AT_ONCE) };
        if self.0.len() < LEN {
            self.0.resize(Self::AT_ONCE, 0);
            hsmsim_crypto::random::fill(&mut self.0).map_err(|error| {
                self.0.clear();
                during(During::Generate)(error)
            })?;
        }
        let rest = self.0.len() - LEN;
        let mut bytes = [0; LEN];
        bytes.copy_from_slice(&self.0[rest..]);
        self.0.truncate(rest);
        Ok(bytes)
    }
}

/// Sixteen random bytes.
///
/// # Errors
/// CKR_FUNCTION_FAILED without random numbers.
pub(crate) fn random_16() -> Result<[u8; 16]> {
    let mut bytes = [0; 16];
    hsmsim_crypto::random::fill(&mut bytes).map_err(during(During::Generate))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_byte_that_was_drawn_is_given_twice() {
        let mut drawn = Drawn::default();
        let mut seen = HashSet::new();
        for _ in 0..1000 {
            assert!(seen.insert(drawn.take::<16>().unwrap().to_vec()));
            assert!(seen.insert(drawn.take::<12>().unwrap().to_vec()));
        }
        // What is left after each is what nobody has been given.
        let before = drawn.0.clone();
        let bytes: [u8; 12] = drawn.take().unwrap();
        assert_eq!([&drawn.0[..], &bytes].concat(), before);
    }
}
