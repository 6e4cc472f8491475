//! Roles and PINs: who may log in, what wrong PINs do, who sets whose PIN (PKCS#11 3.1, 5.6; Luna
//! guide, "Logging In to the Application Partition", "Failed Logins").
//!
//! A PIN proves itself by opening the domain's key, which is sealed under it in the token record; no
//! PIN and no hash of one is stored. Wrong PINs are counted in that record inside one transaction of
//! the store, so that the count is right with any number of processes. A right PIN writes only when
//! there is something to reset.

mod admin;
pub(crate) mod pin;
pub(crate) mod record;

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use hsmsim_crypto::seal::SealingKey;
use hsmsim_sim_config::LoginEffect;
use hsmsim_types::{Error, Pin, Result, Role, ck::*, error::fail};
use tracing::warn;

use crate::{
    api::TokenInfo,
    application::{Application, Login},
    failure::{During, during},
    partition::Partition,
    port::TokenUpdate,
};

use record::{Lock, RoleRecord, TokenRecord};

/// How often a PIN is checked anew because others change the record.
const TRIES: u32 = 1000;

/// The token record as it was at the generation of the store that [`Partition::token_read_at`] says.
#[derive(Default)]
pub(crate) struct TokenView {
    /// As the store has it.
    bytes: Option<Arc<Vec<u8>>>,
    record: Option<Arc<TokenRecord>>,
}

/// A PIN that was right.
pub(crate) struct Authenticated {
    pub(crate) record: Arc<TokenRecord>,
    pub(crate) domain_key: Arc<SealingKey>,
}

impl Partition {
    /// The token record; `None` while the partition is blank.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR when it cannot be read.
    pub(crate) fn token_record(&self) -> Result<Option<Arc<TokenRecord>>> {
        // Read before the record: a record that is newer than its generation is read once more.
        let generation = self.store().generation();
        let view = self.token.read();
        if self.token_read_at.load(Relaxed) == generation {
            return Ok(view.record.clone());
        }
        let (known, decoded) = (view.bytes.clone(), view.record.clone());
        drop(view);
        let bytes = self.store().token()?;
        let record = match &bytes {
            // Most changes of a partition are changes of its objects.
            Some(_) if bytes == known => decoded,
            Some(bytes) => Some(Arc::new(TokenRecord::decode(bytes)?)),
            None => None,
        };
        if generation.is_multiple_of(2) {
            let mut view = self.token.write();
            *view = TokenView { bytes, record: record.clone() };
            self.token_read_at.store(generation, Relaxed);
        }
        Ok(record)
    }

    /// C_Login for a role. The login holds for the application, on this member.
    ///
    /// # Errors
    /// CKR_USER_ALREADY_LOGGED_IN, CKR_USER_ANOTHER_ALREADY_LOGGED_IN, CKR_USER_PIN_NOT_INITIALIZED,
    /// CKR_PIN_INCORRECT, CKR_PIN_LOCKED and Luna's equivalents.
    pub(crate) fn log_in(
        &self,
        application: &Application,
        role: Role,
        pin: &Pin,
        now: u64,
    ) -> Result<()> {
        application.check_can_log_in(role)?;
        let Authenticated { record, domain_key } = self.authenticate(role, pin, now)?;
        application.log_in(Login { role, epoch: record.epoch, domain_key })
    }

    /// C_Logout.
    ///
    /// # Errors
    /// CKR_USER_NOT_LOGGED_IN.
    pub(crate) fn log_out(&self, application: &Application) -> Result<()> {
        if !application.log_out() {
            return fail(CKR_USER_NOT_LOGGED_IN, "nobody is logged in");
        }
        self.after_logout();
        Ok(())
    }

    /// Wipes what PINs were turned into.
    pub(crate) fn forget_pins(&self) {
        if let Some(record) = &self.token.read().record {
            pin::forget(&record.salt);
        }
    }

    /// Checks a PIN, counting a wrong one.
    ///
    /// # Errors
    /// CKR_USER_PIN_NOT_INITIALIZED, CKR_PIN_INCORRECT, CKR_PIN_LOCKED and Luna's equivalents.
    pub(crate) fn authenticate(&self, role: Role, pin: &Pin, now: u64) -> Result<Authenticated> {
        for _ in 0..TRIES {
            let record = self.token_record()?.ok_or_else(no_pin)?;
            let state = record.role(role);
            if state.is_locked(now) {
                return Err(self.locked(role));
            }
            let sealed = state.sealed.as_ref().ok_or_else(no_pin)?;
            let key = pin::key(pin, &record.salt, record.rounds)?;
            let opened = key.open(&record.associated(role), sealed);
            match opened {
                Ok(bytes) => {
                    let domain_key =
                        SealingKey::from_bytes(&bytes).map_err(during(During::Stored))?;
                    let pristine = state.failed == 0 && state.lock == Lock::Open;
                    if pristine || self.reset_count(&record, role, now)? {
                        return Ok(Authenticated { record, domain_key: Arc::new(domain_key) });
                    }
                }
                Err(_) => {
                    if let Some(error) = self.count_failure(&record, role, now)? {
                        return Err(error);
                    }
                }
            }
            // The record was changed by somebody else while this PIN was checked: once more.
        }
        fail(CKR_DEVICE_ERROR, "the token record changes faster than it can be read")
    }

    /// Tries a wrong PIN until the role is locked, as a program does that retries. `false`: the
    /// partition is blank, or wrong PINs do nothing here.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR or CKR_DEVICE_MEMORY when the store cannot be read or written.
    pub fn lock_out(&self, role: Role, now: Duration) -> Result<bool> {
        let wrong = Pin::new("a PIN that is nobody's");
        let tries = self.personality().limit(role).limit;
        for _ in 0..tries {
            match self.authenticate(role, &wrong, now.as_secs()) {
                Err(error) if error.rv() == CKR_PIN_INCORRECT => {}
                Err(error) if [CKR_DEVICE_ERROR, CKR_DEVICE_MEMORY].contains(&error.rv()) => {
                    return Err(error);
                }
                // Locked before, or erased with the last one.
                Err(error) => return Ok(error.rv() != CKR_USER_PIN_NOT_INITIALIZED),
                Ok(_) => return Ok(false),
            }
        }
        Ok(tries > 0)
    }

    /// Sets a role's count back. Whether the PIN that was checked still is the one that counts.
    fn reset_count(&self, seen: &TokenRecord, role: Role, now: u64) -> Result<bool> {
        let mut holds = false;
        self.store().update_token(&mut |bytes| {
            let Some(mut record) = same_pin(bytes, seen, role)? else {
                return Ok(TokenUpdate::Keep);
            };
            if record.role(role).is_locked(now) {
                return Err(self.locked(role));
            }
            holds = true;
            let state = record.role_mut(role);
            (state.failed, state.lock) = (0, Lock::Open);
            Ok(TokenUpdate::Record(record.encode()))
        })?;
        Ok(holds)
    }

    /// Counts a wrong PIN and lets the profile's effect strike. `None` if the PIN that was checked no
    /// longer is the one that counts.
    fn count_failure(&self, seen: &TokenRecord, role: Role, now: u64) -> Result<Option<Error>> {
        let rule = self.personality().limit(role);
        let mut answer = None;
        self.store().update_token(&mut |bytes| {
            let Some(mut record) = same_pin(bytes, seen, role)? else {
                return Ok(TokenUpdate::Keep);
            };
            let state = record.role_mut(role);
            if state.is_locked(now) {
                return Err(self.locked(role));
            }
            // A lock that has run out leaves no count behind.
            let failed = if state.lock == Lock::Open { state.failed + 1 } else { 1 };
            (state.failed, state.lock) = (failed, Lock::Open);
            let reached = rule.limit != 0 && failed >= rule.limit;
            answer = Some(Error::new(CKR_PIN_INCORRECT, "the PIN is wrong"));
            if !reached {
                return Ok(TokenUpdate::Record(record.encode()));
            }
            warn!(?role, effect = ?rule.effect, serial = self.store().serial(), "too many wrong PINs");
            Ok(match rule.effect {
                LoginEffect::Lock => {
                    state.lock = Lock::Locked;
                    TokenUpdate::Record(record.encode())
                }
                LoginEffect::LockFor(time) => {
                    state.lock = Lock::Until(now + time.as_secs());
                    TokenUpdate::Record(record.encode())
                }
                LoginEffect::LockPermanently => {
                    lose_contents(&mut record);
                    TokenUpdate::Erase(Some(record.encode()))
                }
                LoginEffect::ZeroizePartition | LoginEffect::ZeroizeDevice => {
                    let rv = if self.personality().vendor_codes {
                        CKR_SO_LOGIN_FAILURE_THRESHOLD
                    } else {
                        CKR_PIN_LOCKED
                    };
                    answer = Some(Error::new(rv, "too many wrong PINs: the partition is erased"));
                    TokenUpdate::Erase(None)
                }
            })
        })?;
        Ok(answer)
    }

    fn locked(&self, role: Role) -> Error {
        let rv = if self.personality().vendor_codes && role != Role::SecurityOfficer {
            CKR_USER_LOCKED_OUT
        } else {
            CKR_PIN_LOCKED
        };
        Error::new(rv, "the role is locked after too many wrong PINs")
    }

    /// What `C_GetTokenInfo` shows.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR when the store cannot be read.
    pub fn token_info(&self) -> Result<TokenInfo> {
        let record = self.token_record()?;
        let mut flags = self.personality().token_flags;
        if let Some(record) = &record {
            flags |= CKF_TOKEN_INITIALIZED;
            let user = record.role(Role::CryptoOfficer);
            if user.sealed.is_some() {
                flags |= CKF_USER_PIN_INITIALIZED;
            }
            flags |= self.count_flags(
                Role::CryptoOfficer,
                user,
                [CKF_USER_PIN_COUNT_LOW, CKF_USER_PIN_FINAL_TRY, CKF_USER_PIN_LOCKED],
            );
            flags |= self.count_flags(
                Role::SecurityOfficer,
                record.role(Role::SecurityOfficer),
                [CKF_SO_PIN_COUNT_LOW, CKF_SO_PIN_FINAL_TRY, CKF_SO_PIN_LOCKED],
            );
        }
        Ok(TokenInfo {
            label: record.as_ref().map(|record| record.label.clone()).unwrap_or_default(),
            flags,
            serial: self.store().serial(),
            pin_min: self.personality().pin.min.into(),
            pin_max: self.personality().pin.max.into(),
            domain: record.map(|record| record.domain).unwrap_or_default(),
            objects: self.store().count()?,
            storage: self.storage()?,
            utc_time: [b' '; 16],
        })
    }

    fn count_flags(&self, role: Role, state: &RoleRecord, [low, last, locked]: [u64; 3]) -> u64 {
        let limit = self.personality().limit(role).limit;
        if state.lock != Lock::Open {
            return locked;
        }
        let mut flags = if state.failed > 0 { low } else { 0 };
        if limit != 0 && state.failed + 1 == limit {
            flags |= last;
        }
        flags
    }
}

fn no_pin() -> Error {
    Error::new(CKR_USER_PIN_NOT_INITIALIZED, "the role has no PIN yet")
}

/// The stored record, if the role's PIN in it is the one that was checked.
fn same_pin(bytes: Option<&[u8]>, seen: &TokenRecord, role: Role) -> Result<Option<TokenRecord>> {
    let Some(bytes) = bytes else { return Ok(None) };
    let record = TokenRecord::decode(bytes)?;
    Ok((record.role(role).sealed == seen.role(role).sealed).then_some(record))
}

/// What ten wrong PINs of the Crypto Officer cost on a partition whose SO cannot reset it: nobody
/// gets at the domain's key again.
fn lose_contents(record: &mut TokenRecord) {
    for role in [Role::CryptoOfficer, Role::CryptoUser] {
        let state = record.role_mut(role);
        state.sealed = None;
        state.lock = Lock::Permanent;
    }
}
