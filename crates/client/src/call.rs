//! The way of a request to a member and back: connecting, sessions on members, logins, and what is done
//! when a member is lost.

use std::{
    future::Future,
    sync::{Arc, atomic::Ordering},
};

use hsmsim_device::Left;
use hsmsim_partition::api::{GivesAway, OpenSession, Reply, Request, SessionTag};
use hsmsim_store::OwedKind;
use hsmsim_types::{Error, Result, ck::*, error::fail, role::UserType};

use crate::{
    Client,
    group::Group,
    member::{InFlight, Loss, Member},
    session::{Checkout, SessionSlot, Sub},
    timeout::{while_there, within},
    transport::{AtOnce, Call, CallError, Connection, MemberSession},
};

/// Why a request gave no reply.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The member was lost and has been given up.
    Lost,
    /// The member answered with an error.
    Member(Error),
}

/// The answer to what was asked so, or what is left to do.
pub(crate) type AnsweredOr<Q> = std::result::Result<std::result::Result<Reply, Failure>, Left<Q>>;

/// A call that has begun on a member.
pub(crate) struct Begun {
    /// The member.
    pub(crate) index: usize,
    /// Its answer; `None` if that has to be waited for.
    pub(crate) answer: Option<std::result::Result<Reply, Failure>>,
}

impl Client {
    /// Gives a member up for what happened on its connection number `since`: what every later call
    /// sees until it is recovered.
    pub(crate) fn lose(&self, group: &Group, index: usize, why: Loss, since: u64) {
        let member = &group.members[index];
        if !member.lost(why, self.clock().now(), self.timers.recovery_interval, since) {
            return;
        }
        tracing::warn!(group = %group.label, member = %member.device, why = why.as_str(), "member lost");
        self.event("member_lost", group, Some(member), why.as_str());
        if group.all_lost() {
            group.total_losses.fetch_add(1, Ordering::AcqRel);
            tracing::error!(group = %group.label, "every member is lost");
            self.event("group_lost", group, None, "");
        }
        group.checks.forget();
        self.publish_view();
        self.wake_recovery();
    }

    /// Connects a member if it is not; gives the number of its connection, and the connection.
    pub(crate) async fn connected(
        &self,
        group: &Group,
        index: usize,
    ) -> std::result::Result<(u64, Arc<dyn Connection>), Failure> {
        let member = &group.members[index];
        let since = member.generation();
        if let Some(connection) = member.connection() {
            if !connection.is_broken() {
                return Ok((since, connection));
            }
            self.lose(group, index, Loss::Refused, since);
            return Err(Failure::Lost);
        }
        if member.is_down() {
            return Err(Failure::Lost);
        }
        let connect = self.transport.connect(member.address);
        match within(self.clock(), self.timers.connect, connect).await {
            Some(Ok(connection)) => {
                if !member.connected(connection, since) {
                    return Err(Failure::Lost);
                }
                self.publish_view();
                let generation = member.generation();
                let connection = member.connection().ok_or(Failure::Lost)?;
                Ok((generation, connection))
            }
            Some(Err(_)) => {
                self.lose(group, index, Loss::Refused, since);
                Err(Failure::Lost)
            }
            None => {
                self.lose(group, index, Loss::Silent, since);
                Err(Failure::Lost)
            }
        }
    }

    /// As [`Self::open_on_member`], if nothing on the way has to wait.
    fn open_at_once(
        &self,
        group: &Group,
        index: usize,
        tag: SessionTag,
        read_write: bool,
    ) -> Option<Result<Sub>> {
        let member = &group.members[index];
        let member_generation = member.generation();
        let session = member.open_at_once(self.open_for(group, tag, read_write))?;
        Some(session.map(|session| Sub { session, member_generation }))
    }

    /// How a session on a member of the group is opened.
    fn open_for(&self, group: &Group, tag: SessionTag, read_write: bool) -> OpenSession {
        let gives_away = match group.members.len() {
            1 => GivesAway::Nothing,
            _ if self.clones_session_objects => GivesAway::AllObjects,
            _ => GivesAway::TokenObjects,
        };
        OpenSession { app: self.app, tag, read_write, gives_away }
    }

    /// A session on a member, outside of any virtual session, for `tag`.
    pub(crate) async fn open_on_member(
        &self,
        group: &Group,
        index: usize,
        tag: SessionTag,
        read_write: bool,
    ) -> std::result::Result<Sub, Failure> {
        let member = &group.members[index];
        let open = self.open_for(group, tag, read_write);
        let (member_generation, connection) = self.connected(group, index).await?;
        let open = connection.open(open);
        match while_there(self.clock(), member, self.timers.receive, open).await {
            Some(Ok(Ok(session))) => Ok(Sub { session, member_generation }),
            Some(Ok(Err(error))) => Err(Failure::Member(error)),
            Some(Err(_)) => {
                self.lose(group, index, Loss::Refused, member_generation);
                Err(Failure::Lost)
            }
            None => {
                self.lose(group, index, Loss::Silent, member_generation);
                Err(Failure::Lost)
            }
        }
    }

    /// Sends one request over a member's session and waits for the reply.
    pub(crate) fn ask<'a>(
        &'a self,
        group: &'a Group,
        index: usize,
        session: &'a mut MemberSession,
        request: Request,
    ) -> impl Future<Output = std::result::Result<Reply, Failure>> + Send + 'a {
        // At once, so that the request is not moved along with the future.
        let in_flight = group.members[index].load.begin();
        self.answered(group, index, in_flight, session.call(request))
    }

    /// Waits for the reply to a request.
    async fn answered<'a>(
        &'a self,
        group: &'a Group,
        index: usize,
        in_flight: InFlight<'a>,
        call: Call<'a>,
    ) -> std::result::Result<Reply, Failure> {
        let member = &group.members[index];
        let since = member.generation();
        let answer = while_there(self.clock(), member, self.timers.receive, call).await;
        self.judge(group, index, since, in_flight, answer)
    }

    /// What an answer on a member's connection number `since` says of the member; `None`: it was silent.
    fn judge(
        &self,
        group: &Group,
        index: usize,
        since: u64,
        in_flight: InFlight<'_>,
        answer: Option<std::result::Result<Reply, CallError>>,
    ) -> std::result::Result<Reply, Failure> {
        let why = match answer {
            Some(Ok(reply)) => {
                in_flight.served();
                return Ok(reply);
            }
            Some(Err(CallError::Member(error))) => {
                in_flight.served();
                let connection = || group.members[index].connection();
                let deactivated = self.leaves_deactivated
                    && error.rv() == CKR_USER_NOT_LOGGED_IN
                    && connection().is_some_and(|connection| connection.is_deactivated());
                if !deactivated {
                    return Err(Failure::Member(error));
                }
                Loss::LoginRefused
            }
            Some(Err(CallError::Refused)) => Loss::Refused,
            None => Loss::Silent,
        };
        self.lose(group, index, why, since);
        Err(Failure::Lost)
    }

    /// Logs the application in on a member if the slot is logged in and the member is not yet.
    pub(crate) async fn logged_in(
        &self,
        group: &Group,
        index: usize,
        sub: &mut Sub,
    ) -> std::result::Result<(), Failure> {
        let member = &group.members[index];
        if Self::needs_no_login(group, member) {
            return Ok(());
        }
        let _order = member.login_order.lock().await;
        // What others did meanwhile: lost the member and brought it back, logged out, logged in there.
        if sub.member_generation != member.generation() {
            return Err(Failure::Lost);
        }
        let Some((generation, login)) = group.standing_login() else { return Ok(()) };
        if member.logged_in.load(Ordering::Acquire) == generation {
            return Ok(());
        }
        let request = Request::Login { user: UserType::Role(login.role), pin: login.pin };
        match self.ask(group, index, &mut sub.session, request).await {
            Ok(_) => {}
            Err(Failure::Member(error)) if error.rv() == CKR_USER_ALREADY_LOGGED_IN => {}
            Err(Failure::Member(error)) => {
                // The others took this PIN. Using the member without login would fail in ways that
                // look like missing keys; asking again would count against its limit.
                tracing::error!(group = %group.label, member = %member.device, %error, "login refused");
                self.lose(group, index, Loss::LoginRefused, sub.member_generation);
                return Err(Failure::Lost);
            }
            Err(lost) => return Err(lost),
        }
        member.login_holds(generation, sub.member_generation);
        Ok(())
    }

    /// Whether a place has a session on a member's present connection.
    fn is_current(member: &Member, place: &Option<Sub>) -> bool {
        place.as_ref().is_some_and(|sub| sub.member_generation == member.generation())
    }

    /// Whether nobody is logged in on the slot, or the member has that login already.
    fn needs_no_login(group: &Group, member: &Member) -> bool {
        let generation = group.login_generation();
        member.logged_in.load(Ordering::Acquire) == generation || generation.is_multiple_of(2)
    }

    /// Fills the virtual session's place for a session on a member, if it is empty or of an older
    /// connection, and logs in there if the slot is logged in.
    pub(crate) async fn prepare(
        &self,
        slot: &SessionSlot,
        index: usize,
        place: &mut Option<Sub>,
    ) -> std::result::Result<(), Failure> {
        let group = &slot.group;
        let member = &group.members[index];
        if member.is_down() {
            *place = None;
            return Err(Failure::Lost);
        }
        if !Self::is_current(member, place) {
            *place = None;
            let tag = SessionTag(slot.handle.0);
            let sub = match self.open_at_once(group, index, tag, slot.read_write) {
                Some(opened) => opened.map_err(Failure::Member)?,
                None => Box::pin(self.open_on_member(group, index, tag, slot.read_write)).await?,
            };
            *place = Some(sub);
        }
        match place {
            Some(sub) => self.logged_in(group, index, sub).await,
            None => Err(Failure::Lost),
        }
    }

    /// Sends a request to a certain member through the virtual session.
    #[expect(
        clippy::manual_async_fn,
        reason = "an `async fn` would have a second place for the request"
    )]
    pub(crate) fn call_member<'a>(
        &'a self,
        session: &'a mut Checkout,
        index: usize,
        request: Request,
    ) -> impl Future<Output = std::result::Result<Reply, Failure>> + Send + 'a {
        async move {
            match self.call_member_at_once(session, index, request) {
                Ok(answer) => answer,
                // Boxed, so that calls have no place for what only a wait needs.
                Err(left) => Box::pin(self.finish_call(session, index, left)).await,
            }
        }
    }

    /// As [`Self::call_member`], if nothing has to be prepared and nothing on the way has to wait; otherwise what
    /// is left to do.
    fn call_member_at_once(
        &self,
        session: &mut Checkout,
        index: usize,
        request: Request,
    ) -> AnsweredOr<Request> {
        let (slot, place) = session.place(index);
        if slot.group.members[index].asynchronous {
            return Err(Left::Ask(request));
        }
        let answer = self.call_sub_at_once(&slot.group, index, place, request)?;
        Self::note_answer(slot, index, &answer);
        Ok(answer)
    }

    /// One call through a place for a session, if nothing has to be prepared and nothing on the way has to wait;
    /// otherwise what is left to do.
    pub(crate) fn call_sub_at_once(
        &self,
        group: &Group,
        index: usize,
        place: &mut Option<Sub>,
        request: Request,
    ) -> AnsweredOr<Request> {
        self.sub_at_once(group, index, place, request, MemberSession::call_at_once)
    }

    /// The same of what is asked so.
    #[inline]
    pub(crate) fn sub_at_once<Q>(
        &self,
        group: &Group,
        index: usize,
        place: &mut Option<Sub>,
        asked: Q,
        ask: impl FnOnce(&mut MemberSession, Q) -> AtOnce<Q>,
    ) -> AnsweredOr<Q> {
        let member = &group.members[index];
        let is_ready = !member.is_down()
            && Self::is_current(member, place)
            && Self::needs_no_login(group, member);
        let Some(sub) = place.as_mut().filter(|_| is_ready) else {
            return Err(Left::Ask(asked));
        };
        let (since, in_flight) = (member.generation(), member.load.begin());
        let answer = ask(&mut sub.session, asked)?;
        let answer = self.judge(group, index, since, in_flight, Some(answer));
        Self::empty_if_lost(place, &answer);
        Ok(answer)
    }

    /// Nothing is left of a session whose member was lost.
    fn empty_if_lost(place: &mut Option<Sub>, answer: &std::result::Result<Reply, Failure>) {
        if matches!(answer, Err(Failure::Lost)) {
            *place = None;
        }
    }

    /// Does what is left of [`Self::call_member`].
    pub(crate) async fn finish_call(
        &self,
        session: &mut Checkout,
        index: usize,
        left: Left,
    ) -> std::result::Result<Reply, Failure> {
        let (slot, place) = session.place(index);
        let group = &*slot.group;
        if matches!(left, Left::Ask(_)) && group.members[index].asynchronous {
            // It answers as what it was told by now makes it answer.
            self.deliver();
        }
        let answer = self.finish_sub_call(slot, index, place, left).await?;
        Self::note_answer(slot, index, &answer);
        answer
    }

    /// Does what is left of [`Self::call_sub_at_once`].
    ///
    /// # Errors
    /// The outer one if the place could not be filled, so that nobody was asked.
    pub(crate) async fn finish_sub_call(
        &self,
        slot: &SessionSlot,
        index: usize,
        place: &mut Option<Sub>,
        left: Left,
    ) -> std::result::Result<std::result::Result<Reply, Failure>, Failure> {
        let group = &*slot.group;
        let request = match left {
            Left::Ask(request) => Some(request),
            Left::Wait => None,
        };
        if request.is_some() {
            self.prepare(slot, index, place).await?;
        }
        let Some(sub) = place else { return Err(Failure::Lost) };
        let in_flight = group.members[index].load.begin();
        let call = match request {
            Some(request) => sub.session.call(request),
            None => sub.session.answer(),
        };
        let answer = self.answered(group, index, in_flight, call).await;
        Self::empty_if_lost(place, &answer);
        Ok(answer)
    }

    /// What C_GetSessionInfo and the record say of an answer.
    pub(crate) fn note_answer(
        slot: &SessionSlot,
        index: usize,
        answer: &std::result::Result<Reply, Failure>,
    ) {
        match answer {
            Err(Failure::Lost) => {}
            Err(Failure::Member(error)) => {
                slot.device_error.store(error.rv(), Ordering::Relaxed);
                slot.answers(index);
            }
            Ok(_) => slot.answers(index),
        }
    }

    /// Sends a request to the primary; if that is lost on the way, to the next, and so on (Luna
    /// guide, "Failover": key management and single-part commands restart by themselves).
    pub(crate) async fn call_primary(
        &self,
        session: &mut Checkout,
        request: impl FnMut() -> Request,
    ) -> Result<(usize, Reply)> {
        self.call_chosen(session, Group::primary, request).await
    }

    /// Sends a request to the member that `choose` names; if that is lost on the way, to the one
    /// it names then.
    pub(crate) async fn call_chosen(
        &self,
        session: &mut Checkout,
        choose: impl Fn(&Group) -> Option<usize>,
        request: impl FnMut() -> Request,
    ) -> Result<(usize, Reply)> {
        self.before_call(&session.slot.group).await;
        self.alive(&session.slot)?;
        self.call_chosen_from(session, &mut None, choose, request).await
    }

    /// The same of a call that has begun on a member.
    pub(crate) async fn call_chosen_from(
        &self,
        session: &mut Checkout,
        begun: &mut Option<Begun>,
        choose: impl Fn(&Group) -> Option<usize>,
        mut request: impl FnMut() -> Request,
    ) -> Result<(usize, Reply)> {
        loop {
            let (index, answer) = match begun.take() {
                Some(Begun { index, answer: Some(answer) }) => (index, answer),
                Some(Begun { index, answer: None }) => {
                    let rest = Box::pin(self.finish_call(session, index, Left::Wait));
                    (index, rest.await)
                }
                None => {
                    let Some(index) = choose(session.group()) else {
                        return fail(CKR_DEVICE_ERROR, "every member of the slot is lost");
                    };
                    (index, self.call_member(session, index, request()).await)
                }
            };
            match answer {
                Ok(answer) => {
                    let group = session.group();
                    if group.members[index].standby
                        && !group.standby_served.swap(true, Ordering::Relaxed)
                    {
                        self.event("standby_served", group, group.members.get(index), "");
                    }
                    let Reply::Counted { reply, key } = answer else {
                        return Ok((index, answer));
                    };
                    if self.replicate(session, index, &[key]).await? {
                        return Ok((index, *reply));
                    }
                    // Nobody has seen the answer, and only a member that is lost has counted.
                    if let Reply::Created(created) = &*reply {
                        let ids: Vec<_> = created.objects.iter().map(|object| object.id).collect();
                        self.owe(session.group(), &[index], OwedKind::Delete, &ids)?;
                    }
                    self.moved_on(session.group(), index)?;
                }
                Err(Failure::Member(error)) => return Err(error),
                Err(Failure::Lost) => self.moved_on(session.group(), index)?,
            }
        }
    }

    /// After a member was lost under a call: whether the call may go on elsewhere.
    pub(crate) fn moved_on(&self, group: &Group, index: usize) -> Result<()> {
        if self.is_shut_down() {
            return fail(CKR_CRYPTOKI_NOT_INITIALIZED, "the library was finalised during the call");
        }
        if !self.retry && group.ha {
            return fail(CKR_DEVICE_ERROR, "member lost; this library does not repeat calls");
        }
        if group.primary().is_some() {
            group.failovers.fetch_add(1, Ordering::Relaxed);
            self.process.count_failover();
            self.event("failover", group, group.members.get(index), "");
        }
        Ok(())
    }

    /// Whether the session still stands: a session from before the loss of all members does not,
    /// unless recovery restores sessions (Luna guide, "Recovery": activeEnhanced).
    pub(crate) fn alive(&self, slot: &SessionSlot) -> Result<()> {
        self.alive_since(&slot.group, slot.born)
    }

    /// The same of a session that was opened when the group had lost all its members so often.
    pub(crate) fn alive_since(&self, group: &Group, born: u64) -> Result<()> {
        let lost_since = group.total_losses.load(Ordering::Acquire) != born;
        if !lost_since {
            return Ok(());
        }
        if group.all_lost() {
            return fail(CKR_DEVICE_ERROR, "every member of the slot is lost");
        }
        if group.ha && self.restores_sessions {
            return Ok(());
        }
        fail(CKR_SESSION_HANDLE_INVALID, "the session ended when every member was lost")
    }
}
