//! One session: what is active in it, and the way of a request.
//!
//! A request first meets what has happened since the last one (a loss of power, a token that was
//! initialised anew), then the rules of its chapter, each in a file beside this one, or an operation
//! ([`crate::operation`]). Multi-part operations belong to the session alone.

mod actives;
mod aead;
mod cloning;
mod dates;
pub(crate) mod derive;
mod encapsulate;
mod features;
mod find;
mod generate;
mod generate_from;
mod objects;
mod one_time;
mod parameters;
mod rights;
mod service;
mod usage_count;
mod wrap;

use std::{
    borrow::Cow,
    mem::MaybeUninit,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use hsmsim_types::{Data, Error, ObjectId, Pin, Result, ck::*, error::fail, role::UserType};

use self::actives::Actives;
use crate::{
    api::{
        AppId, Checked, GivesAway, OpenSession, Operation, OperationKind, Reply, Request,
        SessionTag, TokenInfo,
    },
    application::{Application, TransientCopy},
    failure::{During, during},
    object::Object,
    operation::{Active, Ready},
    partition::Partition,
};

/// Most random bytes that one request gives.
const RANDOM_MAX: usize = 1 << 24;

/// Most bytes of memory that are kept for the data of further requests; what has more is lent mostly.
const SPARE_MAX: usize = 4096;

/// Room of the caller's for the output of a request.
type Room<'a> = &'a mut [MaybeUninit<u8>];

/// A session. Belongs to one task; its active operations need no lock. Dropping it destroys its
/// session objects on this member.
pub struct Session {
    pub(crate) partition: Arc<Partition>,
    pub(crate) application: Arc<Application>,
    tag: SessionTag,
    read_write: bool,
    gives_away: GivesAway,
    /// The partition's count of power losses when the session was opened.
    power: u64,
    active: Actives,
    /// Whether there may be session objects of it here: without any, it ends without a look at those of others.
    has_made_transients: AtomicBool,
    /// A context-specific login that no operation has used yet.
    confirmed: bool,
    /// Where the mechanism of the last operation is in the profile's list: the next one's is often the same.
    pub(crate) mechanism: AtomicUsize,
    /// The time of the request that is being answered, since 1970.
    now: Duration,
    /// Memory that data of an earlier request came in, empty.
    spare: Vec<u8>,
}

impl Session {
    pub(crate) fn new(
        partition: Arc<Partition>,
        application: Arc<Application>,
        open: OpenSession,
        power: u64,
    ) -> Self {
        Self {
            partition,
            application,
            tag: open.tag,
            read_write: open.read_write,
            gives_away: open.gives_away,
            power,
            active: Actives::default(),
            has_made_transients: AtomicBool::new(false),
            confirmed: false,
            mechanism: AtomicUsize::new(0),
            now: Duration::ZERO,
            spare: Vec::new(),
        }
    }

    /// Takes in a session object that ends with it.
    fn put_transient(&self, object: Arc<Object>) {
        self.has_made_transients.store(true, Ordering::Relaxed);
        self.application.put_transient(object, self.tag);
    }

    /// The same of one that another member has made.
    fn put_transient_copy(&self, copy: TransientCopy) {
        self.has_made_transients.store(true, Ordering::Relaxed);
        self.application.put_transient_copy(copy, self.tag);
    }

    /// The partition that it is open on.
    pub fn partition(&self) -> &Arc<Partition> {
        &self.partition
    }

    /// Which of the application's sessions it is.
    pub fn tag(&self) -> SessionTag {
        self.tag
    }

    /// Whose session it is.
    pub fn app(&self) -> AppId {
        self.application.id()
    }

    /// Gives memory for the data of the next request, if there is any to be used again: so that a signature of little
    /// data needs none.
    pub fn take_spare(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.spare)
    }

    /// Answers a request. Never blocks but for the store. `now` is the time since 1970.
    ///
    /// # Errors
    /// The return value that the standard (or Luna) names, with the rule that was broken.
    pub fn handle(&mut self, request: Request, now: Duration) -> Result<Reply> {
        self.meet(now, request.uses_objects(), dates::worker(&request))?;
        match request {
            // Ciphers work in place.
            Request::OnePart { operation, data: Data::Owned(data), signature }
                if matches!(operation.kind, OperationKind::Encrypt | OperationKind::Decrypt) =>
            {
                self.one_part(&operation, None, Cow::Owned(data), None, &signature)
            }
            Request::OnePart { operation, data, signature } => {
                self.with_data(data, |session, data, room| {
                    session.one_part(&operation, None, Cow::Borrowed(data), room, &signature)
                })
            }
            Request::Check { operation } => self.check(&operation),
            Request::Begin { operation, data } => {
                self.with_data(data, |session, data, room| session.begin(&operation, data, room))
            }
            Request::Update { kind, data } => {
                self.with_data(data, |session, data, room| session.update(kind, data, room))
            }
            Request::Final { kind, signature } => self.finish(kind, &signature),
            Request::DigestKey { key } => self.digest_key(&key),
            Request::Save { part, set } => self.save(&part, set),
            Request::Restore { set, parts, cipher_key, authentication_key } => {
                self.restore(set, &parts, [cipher_key, authentication_key])
            }
            Request::Cancel { kind } => {
                self.active.take(kind);
                Ok(Reply::Done)
            }
            Request::Login { user, pin } => self.log_in(user, &pin, now.as_secs()),
            Request::Logout => {
                self.confirmed = false;
                self.partition.log_out(&self.application).map(done)
            }
            Request::InitToken { pin, label, domain } => {
                self.partition.init_token(&pin, &label, &domain, now)?;
                if self.application.log_out() {
                    self.partition.after_logout();
                }
                Ok(Reply::Done)
            }
            Request::InitPin { pin } => {
                self.check_read_write()?;
                let role = hsmsim_types::Role::CryptoOfficer;
                self.partition.init_pin(&self.application, role, &pin).map(done)
            }
            Request::InitCryptoUser { pin } => {
                self.check_read_write()?;
                let role = hsmsim_types::Role::CryptoUser;
                self.partition.init_pin(&self.application, role, &pin).map(done)
            }
            Request::SetPin { old, new } => {
                self.check_read_write()?;
                let now = now.as_secs();
                self.partition.change_pin(&self.application, &old, &new, now).map(done)
            }
            Request::TokenInfo => {
                let token = self.partition.token_info()?;
                Ok(Reply::Token(Box::new(TokenInfo { utc_time: self.utc_time()?, ..token })))
            }
            Request::Create { template } => self.create(template),
            Request::Copy { object, template } => self.copy(&object, template),
            Request::Destroy { object } => self.destroy(&object),
            Request::Size { object } => self.size(&object),
            Request::GetAttributes { object, kinds, lengths } => {
                self.get_attributes(&object, &kinds, lengths)
            }
            Request::SetAttributes { object, template } => {
                self.set_attributes(&object, template, now)
            }
            Request::Find { template } => self.find(template),
            Request::GenerateKey { mechanism, template } => self.generate_key(&mechanism, template),
            Request::GenerateKeyPair { mechanism, public, private } => {
                self.generate_key_pair(&mechanism, public, private)
            }
            Request::Wrap { mechanism, wrapping_key, key, associated, room } => {
                let is_given = |reply: &Reply| {
                    let out = match reply {
                        Reply::Bytes(out) => out,
                        Reply::Message(message) => &message.bytes,
                        _ => return false,
                    };
                    room.is_some_and(|room| room >= out.len())
                };
                self.counted_if(&wrapping_key, is_given, |session| {
                    session.wrap(&mechanism, &wrapping_key, &key, associated)
                })
            }
            Request::Unwrap { mechanism, unwrapping_key, wrapped, template, associated } => self
                .counted(&unwrapping_key, |session| {
                    session.unwrap(&mechanism, &unwrapping_key, &wrapped, template, associated)
                }),
            Request::Encapsulate { mechanism, public_key, template, room } => self
                .counted(&public_key, |session| {
                    session.encapsulate(&mechanism, &public_key, template, room)
                }),
            Request::Decapsulate { mechanism, private_key, ciphertext, template } => self
                .counted(&private_key, |session| {
                    session.decapsulate(&mechanism, &private_key, &ciphertext, template)
                }),
            Request::Derive { mechanism, base_key, template } => {
                self.counted(&base_key, |session| session.derive(&mechanism, &base_key, template))
            }
            Request::Random { len } => random(len),
            Request::SeedRandom => Ok(Reply::Done),
            Request::CloneAsSource { objects } => self.clone_as_source(&objects),
            Request::CloneAsTarget { objects } => self.clone_as_target(objects),
            Request::Inventory => self.inventory(),
            Request::ReplayDeletion { objects } => self.replay_deletion(&objects),
        }
    }

    /// Answers a one-part operation whose data and mechanism are read where they are: as [`Self::handle`] answers a
    /// request that was made of them. What comes of it may be written in `room`; the time is only asked for where it makes
    /// a difference.
    ///
    /// # Errors
    /// As [`Self::handle`].
    pub fn handle_one_part(
        &mut self,
        operation: &Operation,
        data: &[u8],
        room: Option<Room<'_>>,
        signature: &[u8],
        now: impl FnOnce() -> Duration,
    ) -> Result<Reply> {
        self.arrive(operation.key.is_some())?;
        // Whoever looks for the key next says in its own words that there is none.
        let found = |id| self.partition.object(&self.application, id, CKR_KEY_HANDLE_INVALID).ok();
        let key = operation.key.as_ref().and_then(found);
        if let Some(key) = key.as_deref().filter(|key| key.timed) {
            self.now = now();
            self.check_dates_of(key)?;
        }
        self.one_part(operation, key, Cow::Borrowed(data), room, signature)
    }

    /// The same for a part of an operation that has begun.
    ///
    /// # Errors
    /// As [`Self::handle`].
    pub fn handle_part(
        &mut self,
        kind: OperationKind,
        data: &[u8],
        room: Option<Room<'_>>,
    ) -> Result<Reply> {
        self.arrive(false)?;
        self.update(kind, data, room)
    }

    /// What every request meets first: what has happened since the last one, and the dates of the key that it puts
    /// to work.
    fn meet(&mut self, now: Duration, uses_objects: bool, worker: Option<&ObjectId>) -> Result<()> {
        self.now = now;
        self.arrive(uses_objects)?;
        self.check_dates(worker)
    }

    fn arrive(&self, uses_objects: bool) -> Result<()> {
        self.check_power()?;
        self.partition.refresh(&self.application)?;
        if uses_objects && self.application.login_was_taken() {
            return Err(self.login_is_gone());
        }
        Ok(())
    }

    /// Works on the data of a request, and on the room that was lent with it.
    fn with_data(
        &mut self,
        data: Data,
        work: impl FnOnce(&mut Self, &[u8], Option<Room<'_>>) -> Result<Reply>,
    ) -> Result<Reply> {
        match data {
            Data::Owned(mut data) => {
                let reply = work(self, &data, None);
                data.clear();
                if data.capacity() <= SPARE_MAX {
                    self.spare = data;
                }
                reply
            }
            Data::Lent(lent) => lent
                .work(|data, room| work(self, data, room))
                // Its caller has given up, and there was no memory for a copy: nobody sees the answer.
                .unwrap_or_else(|| fail(CKR_DEVICE_MEMORY, "the data is gone")),
        }
    }

    fn check_power(&self) -> Result<()> {
        if self.power == self.partition.power() {
            return Ok(());
        }
        fail(CKR_SESSION_HANDLE_INVALID, "the device lost power since")
    }

    /// Luna's word for a login that ended on its own, or the standard's.
    fn login_is_gone(&self) -> Error {
        let vendor = self.partition.personality().vendor_codes;
        let rv = if vendor { CKR_USER_NOT_AUTHORIZED } else { CKR_USER_NOT_LOGGED_IN };
        Error::new(rv, "the login has ended on the device: log out, and in again")
    }

    /// Devices take a limited number of bytes in one command.
    fn check_data(&self, data: &[u8]) -> Result<()> {
        match self.partition.personality().data_max {
            Some(max) if data.len() as u64 > max => {
                fail(CKR_DEVICE_ERROR, format!("the device takes at most {max} bytes a call"))
            }
            _ => Ok(()),
        }
    }

    fn log_in(&mut self, user: UserType, pin: &Pin, now: u64) -> Result<Reply> {
        match user {
            UserType::Role(role) => {
                self.partition.log_in(&self.application, role, pin, now)?;
                // The power may have gone while the PIN was checked.
                self.check_power().inspect_err(|_| {
                    self.application.log_out();
                })?;
                Ok(Reply::Done)
            }
            UserType::ContextSpecific => {
                self.confirmed = false;
                let Some(role) = self.application.role() else {
                    return fail(CKR_USER_NOT_LOGGED_IN, "there is no login to confirm");
                };
                self.partition.authenticate(role, pin, now)?;
                self.confirmed = true;
                Ok(Reply::Done)
            }
        }
    }

    fn check(&self, operation: &Operation) -> Result<Reply> {
        let ready = Ready::new(self, operation)?;
        let ends = ready.key_object().is_some_and(|key| self.ends_by_date(key));
        if let Some(key) = ready.key_object() {
            self.check_uses_left(key)?;
        }
        Ok(Reply::Checked(Checked { ends_by_date: ends, ..ready.checked()? }))
    }

    /// `key`: if it was looked up.
    fn one_part(
        &mut self,
        operation: &Operation,
        key: Option<Arc<Object>>,
        data: Cow<'_, [u8]>,
        room: Option<Room<'_>>,
        sig: &[u8],
    ) -> Result<Reply> {
        self.active.take(operation.kind);
        let confirmed = std::mem::take(&mut self.confirmed);
        self.check_data(&data)?;
        let ready = Ready::of(self, operation, key)?;
        ready.check_confirmed(confirmed)?;
        let limited = ready.key_object().filter(|key| key.limited);
        if let Some(key) = limited {
            self.check_uses_left(key)?;
        }
        let reply = match ready.one_time() {
            Some((key, params, verify)) => {
                self.one_time(&key.id, params, &data, verify.then_some(sig), self.now)?
            }
            None => {
                // An output whose use is still to be counted nobody has seen until it was.
                let room = room.filter(|_| limited.is_none());
                let written = room.map(|room| ready.one_part_into(&data, room)).transpose()?;
                match written.flatten() {
                    Some(reply) => reply,
                    None => ready.one_part(data, sig)?,
                }
            }
        };
        match limited {
            None => Ok(reply),
            Some(key) => self.count_use(&key.id, reply),
        }
    }

    fn begin(
        &mut self,
        operation: &Operation,
        data: &[u8],
        room: Option<Room<'_>>,
    ) -> Result<Reply> {
        self.active.take(operation.kind);
        let confirmed = std::mem::take(&mut self.confirmed);
        self.check_data(data)?;
        let ready = Ready::new(self, operation)?;
        ready.check_confirmed(confirmed)?;
        let limited = ready.key_object().filter(|key| key.limited).map(|key| key.id);
        if let Some(key) = ready.key_object() {
            self.check_uses_left(key)?;
        }
        let mut active = Box::new(ready.begin()?);
        let mut reply = active.first(data, room.filter(|_| limited.is_none()))?;
        if let Some(key) = limited {
            reply = self.count_use(&key, reply)?;
        }
        self.active.put(operation.kind, active);
        Ok(reply)
    }

    fn update(
        &mut self,
        kind: OperationKind,
        data: &[u8],
        room: Option<Room<'_>>,
    ) -> Result<Reply> {
        // Taken out: whatever error comes ends the operation (5.2).
        let mut active = self.take_active(kind)?;
        self.check_data(data)?;
        let reply = active.update(data, room)?;
        self.active.put(kind, active);
        Ok(reply)
    }

    fn finish(&mut self, kind: OperationKind, signature: &[u8]) -> Result<Reply> {
        self.take_active(kind)?.finish(signature)
    }

    fn digest_key(&mut self, id: &hsmsim_types::ObjectId) -> Result<Reply> {
        let mut active = self.take_active(OperationKind::Digest)?;
        let key = self.partition.object(&self.application, id, CKR_KEY_HANDLE_INVALID)?;
        active.digest_key(&key)?;
        self.active.put(OperationKind::Digest, active);
        Ok(Reply::Done)
    }

    /// CKF_RW_SESSION.
    pub(crate) fn read_write(&self) -> bool {
        self.read_write
    }

    /// The operation of that kind, which goes on.
    pub(crate) fn active(&self, kind: OperationKind) -> Result<&Active> {
        let active = self.active.get(kind).ok_or_else(|| {
            Error::new(CKR_OPERATION_NOT_INITIALIZED, "no operation of this kind is active")
        })?;
        if active.uses_private_key() && !self.application.sees_private() {
            return fail(CKR_USER_NOT_LOGGED_IN, "the login that the key needs has ended");
        }
        Ok(active)
    }

    /// Ends what is active, and takes these over.
    pub(crate) fn replace_active(&mut self, actives: Vec<(OperationKind, Active)>) {
        self.active.clear();
        for (kind, active) in actives {
            self.active.put(kind, Box::new(active));
        }
    }

    fn take_active(&mut self, kind: OperationKind) -> Result<Box<Active>> {
        let active = self.active.take(kind).ok_or_else(|| {
            Error::new(CKR_OPERATION_NOT_INITIALIZED, "no operation of this kind is active")
        })?;
        if active.uses_private_key() && !self.application.sees_private() {
            return fail(CKR_USER_NOT_LOGGED_IN, "the login that the key needs has ended");
        }
        Ok(active)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if self.has_made_transients.load(Ordering::Relaxed) {
            self.application.end_session(self.tag);
        }
    }
}

fn done((): ()) -> Reply {
    Reply::Done
}

fn random(len: usize) -> Result<Reply> {
    if len > RANDOM_MAX {
        return fail(CKR_ARGUMENTS_BAD, format!("at most {RANDOM_MAX} random bytes a call"));
    }
    let mut bytes = vec![0; len];
    hsmsim_crypto::random::fill(&mut bytes).map_err(during(During::Generate))?;
    Ok(Reply::Bytes(bytes))
}
