//! Logging in and out, PINs and tokens: what concerns every member of a slot at once.
//!
//! Luna guide, "Logging In to the Application Partition": all members have the same credentials, and
//! a login on the virtual slot goes to all of them. So does a wrong one, and it counts on each: a
//! loop that retries can lock or erase a whole group.

use std::sync::{Arc, atomic::Ordering};

use hsmsim_cluster::new_domain;
use hsmsim_network::all;
use hsmsim_partition::api::{GivesAway, OpenSession, Reply, Request};
use hsmsim_types::{
    Error, Pin, Result, Role, SessionHandle, SlotId, ck::*, error::fail, role::UserType,
};

use crate::{
    Client,
    call::Failure,
    group::{Group, Login},
    member::Loss,
    replicate::LIBRARY_SESSION,
    session::{Checkout, Sub},
};

impl Client {
    /// C_Login.
    ///
    /// # Errors
    /// CKR_USER_ALREADY_LOGGED_IN, CKR_USER_ANOTHER_ALREADY_LOGGED_IN,
    /// CKR_SESSION_READ_ONLY_EXISTS for the SO, CKR_PIN_INCORRECT, CKR_PIN_LOCKED,
    /// CKR_TOKEN_NOT_PRESENT if no member is left.
    pub(crate) async fn login_work(
        &self,
        session: SessionHandle,
        user: UserType,
        pin: Pin,
    ) -> Result<()> {
        let mut session = self.checkout(session)?;
        self.before_call(&session.slot.group).await;
        let role = match user {
            UserType::ContextSpecific => return self.context_login(&mut session, pin).await,
            UserType::Role(role) => role,
        };
        let group = Arc::clone(session.group());
        let _order = group.login_order.lock().await;
        match group.role() {
            Some(current) if current == role => {
                return fail(CKR_USER_ALREADY_LOGGED_IN, "this user is logged in already");
            }
            Some(_) => {
                return fail(CKR_USER_ANOTHER_ALREADY_LOGGED_IN, "another user is logged in");
            }
            None => {}
        }
        let read_only = group.sessions.all() > group.sessions.read_write();
        if role == Role::SecurityOfficer && read_only {
            return fail(
                CKR_SESSION_READ_ONLY_EXISTS,
                "the SO cannot log in beside read-only sessions",
            );
        }
        self.verify_on_members(&mut session, role, &pin).await?;
        group.set_login(Some(Login { role, pin }));
        group.checks.forget();
        Ok(())
    }

    /// Logs in on the active members; a wrong PIN is then taken to the standby members too.
    async fn verify_on_members(&self, session: &mut Checkout, role: Role, pin: &Pin) -> Result<()> {
        let group = Arc::clone(session.group());
        let request = Request::Login { user: UserType::Role(role), pin: pin.clone() };
        self.alive(&session.slot).map_err(|error| absent_if_lost(&group, error))?;
        let (primary, refusal) = loop {
            let Some(primary) = group.primary() else {
                return fail(CKR_TOKEN_NOT_PRESENT, "every member of the slot is lost");
            };
            let order = group.members[primary].login_order.lock().await;
            let answer = self.call_member(session, primary, request.clone()).await;
            note_login(&group, primary, session.subs[primary].as_ref(), &answer);
            drop(order);
            match answer {
                Ok(_) => break (primary, None),
                Err(Failure::Member(error)) if error.rv() == CKR_USER_ALREADY_LOGGED_IN => {
                    break (primary, None);
                }
                Err(Failure::Member(error)) => break (primary, Some(error)),
                Err(Failure::Lost) => self.moved_on(&group, primary)?,
            }
        };
        // A right PIN reaches a standby member when it is first needed there; a wrong one counts
        // now, on every member that can be reached.
        let others: Vec<usize> = (0..group.members.len())
            .filter(|&index| index != primary && !group.members[index].is_down())
            .filter(|&index| refusal.is_some() || !group.members[index].standby)
            .collect();
        match refusal {
            Some(error) if !counts(&error) => Err(error),
            Some(error) => {
                self.log_in_members(session, &others, &request).await;
                Err(error)
            }
            None => {
                for (index, answer) in self.log_in_members(session, &others, &request).await {
                    match answer {
                        Err(Failure::Member(error)) if error.rv() != CKR_USER_ALREADY_LOGGED_IN => {
                            let since = group.members[index].generation();
                            self.lose(&group, index, Loss::LoginRefused, since);
                        }
                        _ => {}
                    }
                }
                Ok(())
            }
        }
    }

    /// Sends a login to members, to all at the same time and to each in its order.
    async fn log_in_members(
        &self,
        session: &mut Checkout,
        targets: &[usize],
        request: &Request,
    ) -> Vec<(usize, std::result::Result<Reply, Failure>)> {
        let slot = Arc::clone(&session.slot);
        let (slot, group) = (&*slot, &slot.group);
        let places = session.subs.iter_mut().enumerate();
        let calls =
            places.filter(|(index, _)| targets.contains(index)).map(|(index, place)| async move {
                let _order = group.members[index].login_order.lock().await;
                let answer = self.call_sub(slot, index, place, request).await;
                note_login(group, index, place.as_ref(), &answer);
                (index, answer)
            });
        all(calls).await
    }

    /// C_Logout. Private session objects go with the login.
    ///
    /// # Errors
    /// CKR_USER_NOT_LOGGED_IN.
    pub(crate) async fn logout_work(&self, session: SessionHandle) -> Result<()> {
        let mut session = self.checkout(session)?;
        let group = Arc::clone(session.group());
        let _order = group.login_order.lock().await;
        if group.role().is_none() {
            return fail(CKR_USER_NOT_LOGGED_IN, "nobody is logged in");
        }
        self.log_out_members(&mut session).await;
        Ok(())
    }

    /// Logs out everywhere; the caller has the slot's login order. A member that cannot be reached
    /// forgets the login with its connection.
    pub(crate) async fn log_out_members(&self, session: &mut Checkout) {
        let slot = Arc::clone(&session.slot);
        let (slot, group) = (&*slot, &slot.group);
        group.set_login(None);
        group.checks.forget();
        let places = session.subs.iter_mut().enumerate();
        all(places.map(|(index, place)| async move {
            let member = &group.members[index];
            // A login on its way there is waited for: only then is it known whether it holds.
            let _order = member.login_order.lock().await;
            if member.is_down() || member.logged_in.load(Ordering::Acquire) == 0 {
                return;
            }
            // Its answer changes nothing: nobody is logged in there, or the connection is lost.
            let _ = self.call_sub(slot, index, place, &Request::Logout).await;
            if let Some(sub) = place {
                member.login_holds(0, sub.member_generation);
            }
        }))
        .await;
    }

    /// C_InitToken, on all members at once. The token must have no open session of this library.
    ///
    /// # Errors
    /// CKR_SESSION_EXISTS; CKR_PIN_INCORRECT on an initialised token; CKR_DEVICE_ERROR if not every
    /// member can be reached; CKR_FUNCTION_NOT_SUPPORTED where the profile forbids it on a group.
    pub(crate) async fn init_token_work(
        &self,
        slot: SlotId,
        pin: Pin,
        label: Vec<u8>,
    ) -> Result<()> {
        let group = self.group(slot)?;
        self.may_administer(group)?;
        if group.sessions.all() > 0 {
            return fail(CKR_SESSION_EXISTS, "close all sessions of the slot first");
        }
        self.before_call(group).await;
        let domain =
            new_domain().map_err(|error| Error::new(CKR_FUNCTION_FAILED, error.to_string()))?;
        let request = Request::InitToken { pin, label, domain };
        self.on_every_member(group, &request, None).await?;
        group.checks.forget();
        Ok(())
    }

    /// Whether partitions may be initialised through a group's slot.
    fn may_administer(&self, group: &Group) -> Result<()> {
        if group.ha && !self.profile.init_token_on_group {
            return fail(
                CKR_FUNCTION_NOT_SUPPORTED,
                "this profile initialises partitions at their devices: hsmsim partition init and \
                 hsmsim role init",
            );
        }
        Ok(())
    }

    /// C_InitPIN: the SO sets the Crypto Officer's PIN, on all members at once.
    ///
    /// # Errors
    /// CKR_USER_NOT_LOGGED_IN unless the SO is logged in; CKR_PIN_LEN_RANGE; CKR_DEVICE_ERROR if not
    /// every member can be reached; CKR_FUNCTION_NOT_SUPPORTED where the profile forbids it on a group.
    pub(crate) async fn init_pin_work(&self, session: SessionHandle, pin: Pin) -> Result<()> {
        let session = self.checkout(session)?;
        let group = Arc::clone(session.group());
        let login = group.login().filter(|login| login.role == Role::SecurityOfficer);
        if login.is_none() {
            return fail(CKR_USER_NOT_LOGGED_IN, "C_InitPIN is the SO's");
        }
        self.may_administer(&group)?;
        self.on_every_member(&group, &Request::InitPin { pin }, login.as_ref()).await
    }

    /// C_SetPIN, on all members at once.
    ///
    /// # Errors
    /// CKR_SESSION_READ_ONLY; CKR_PIN_INCORRECT; CKR_PIN_LEN_RANGE; CKR_DEVICE_ERROR if not every
    /// member can be reached.
    pub(crate) async fn set_pin_work(
        &self,
        session: SessionHandle,
        old: Pin,
        new: Pin,
    ) -> Result<()> {
        let session = self.checkout(session)?;
        let group = Arc::clone(session.group());
        if !session.slot.read_write {
            return fail(CKR_SESSION_READ_ONLY, "C_SetPIN needs a read-write session");
        }
        let login = group.login();
        let request = Request::SetPin { old, new: new.clone() };
        self.on_every_member(&group, &request, login.as_ref()).await?;
        group.replace_pin(new);
        Ok(())
    }

    /// One request on every member, the primary first: what the primary refuses no other is asked.
    /// All members must be there, since one that misses it could not serve the group any more.
    async fn on_every_member(
        &self,
        group: &Group,
        request: &Request,
        login: Option<&Login>,
    ) -> Result<()> {
        for index in 0..group.members.len() {
            if let Err(Failure::Lost) = self.connected(group, index).await {
                return fail(
                    CKR_DEVICE_ERROR,
                    format!(
                        "{} cannot be reached, and this must reach every member: bring it back, \
                         run `hsmsim ha recover`, and try again",
                        group.members[index].device
                    ),
                );
            }
        }
        let on_one = |index: usize| async move {
            let mut sub = self.open_on_member(group, index, LIBRARY_SESSION, true).await?;
            if login.is_some() {
                self.logged_in(group, index, &mut sub).await?;
            }
            self.ask(group, index, &mut sub.session, request.clone()).await
        };
        on_one(0).await.map_err(|failure| lost_during(failure, group, 0))?;
        let rest =
            all((1..group.members.len()).map(|index| async move { (index, on_one(index).await) }));
        for (index, answer) in rest.await {
            answer.map_err(|failure| lost_during(failure, group, index))?;
        }
        Ok(())
    }

    /// What a fresh session on the primary says; for functions that need no session. `as_user`: the
    /// session is read-write, and logged in there if the slot is.
    pub(crate) async fn ask_primary(
        &self,
        group: &Group,
        as_user: bool,
        request: Request,
    ) -> Result<Reply> {
        self.before_call(group).await;
        loop {
            let Some(primary) = group.primary() else {
                return fail(CKR_TOKEN_NOT_PRESENT, "every member of the slot is lost");
            };
            let answer = async {
                let mut sub = self.open_on_member(group, primary, LIBRARY_SESSION, as_user).await?;
                if as_user {
                    self.logged_in(group, primary, &mut sub).await?;
                }
                self.ask(group, primary, &mut sub.session, request.clone()).await
            };
            match answer.await {
                Ok(reply) => return Ok(reply),
                Err(Failure::Member(error)) => return Err(error),
                Err(Failure::Lost) if group.primary().is_some() => {
                    self.moved_on(group, primary)?;
                }
                Err(Failure::Lost) => {}
            }
        }
    }
}

/// How a session of the library itself is opened.
pub(crate) fn library_session(app: hsmsim_partition::api::AppId) -> OpenSession {
    OpenSession { app, tag: LIBRARY_SESSION, read_write: true, gives_away: GivesAway::Nothing }
}

/// Notes that a login of the slot, which is about to begin, holds on a member already; the caller has
/// both login orders.
fn note_login(
    group: &Group,
    index: usize,
    sub: Option<&Sub>,
    answer: &std::result::Result<Reply, Failure>,
) {
    let holds = match answer {
        Ok(_) => true,
        Err(Failure::Member(error)) => error.rv() == CKR_USER_ALREADY_LOGGED_IN,
        Err(Failure::Lost) => false,
    };
    if let Some(sub) = sub.filter(|_| holds) {
        group.members[index].login_holds(group.next_login(), sub.member_generation);
    }
}

/// Whether a refused login is one that members count.
fn counts(error: &Error) -> bool {
    error.rv() == CKR_PIN_INCORRECT
}

/// Functions that begin something find no token where existing sessions find an error.
fn absent_if_lost(group: &Group, error: Error) -> Error {
    if group.all_lost() {
        return Error::new(CKR_TOKEN_NOT_PRESENT, error.rule().to_owned());
    }
    error
}

fn lost_during(failure: Failure, group: &Group, index: usize) -> Error {
    match failure {
        Failure::Member(error) => error,
        Failure::Lost => Error::new(
            CKR_DEVICE_ERROR,
            format!("{} was lost before it had confirmed", group.members[index].device),
        ),
    }
}
