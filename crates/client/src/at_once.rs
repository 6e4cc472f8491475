//! Operations that nothing holds up, on the calling thread: no request is made of them and no future, and mechanism,
//! data and operation are read where they are. What has to wait, or is no plain success, goes on in `operations` and
//! `parts` from where it came to here.
//!
//! A structure that is moved just after it was written waits for its parts to be there: on the way of a digest of 32
//! bytes that took longer than the digest.

use std::mem::MaybeUninit;

use hsmsim_device::Left;
use hsmsim_partition::api::{OperationKind, Reply};
use hsmsim_types::{
    Mechanism, ObjectHandle, Passed, Result, SessionHandle, ck::CKR_OPERATION_ACTIVE, error::fail,
};

use crate::{
    Client,
    api::{Output, Room},
    call::{AnsweredOr, Begun},
    operations::{deliver, too_small},
    parts::written,
    script::CalledOn,
    session::{Active, Checkout, SessionSlot, Stash},
};

/// Where output may be written at once: the caller's room, apart from his data.
pub type PlaceForOutput<'a> = Option<&'a mut [MaybeUninit<u8>]>;

/// How far a call came at once.
pub(crate) enum Came<T> {
    /// To its end.
    Done(T),
    /// There is something left to do, if only to begin.
    Left(Checkout, Option<Begun>),
}

/// As [`Client::operation_init`], [`Client::one_part`], [`Client::verify`] and [`Client::update`], on the calling thread. `lend`
/// gives the data for requests, where these have to be made.
impl Client {
    /// C_EncryptInit and its kin. What the operation keeps of the mechanism's parameter is taken from it.
    ///
    /// # Errors
    /// As [`Client::operation_init`] and [`Client::run`].
    pub fn operation_init_now(
        &self,
        session: SessionHandle,
        kind: OperationKind,
        mechanism: &mut Mechanism,
        key: Option<ObjectHandle>,
    ) -> Result<()> {
        if !self.is_unscripted() {
            return self.run(self.operation_init(session, kind, &*mechanism, key));
        }
        let result = match self.init_begins(session, kind, mechanism, key) {
            Ok(None) => return Ok(()),
            Ok(Some(checkout)) => self.run(self.init_from(checkout, kind, mechanism, key)),
            Err(error) => Err(error),
        };
        self.seen_by_caller(session, result)
    }

    /// C_Encrypt, C_Decrypt, C_Digest, C_Sign.
    ///
    /// # Errors
    /// As [`Client::one_part`] and [`Client::run`], and what `lend` gives.
    pub fn one_part_now<'a>(
        &self,
        session: SessionHandle,
        kind: OperationKind,
        data: &[u8],
        (room, place): (Room, PlaceForOutput<'_>),
        lend: impl FnOnce() -> Result<Passed<'a>>,
    ) -> Result<Output> {
        if !self.is_unscripted() {
            return self.run(self.one_part(session, kind, lend()?, room));
        }
        let came = self.one_part_begins(session, kind, data.into(), room, place);
        self.come_to_end(session, came, |checkout, begun| {
            let data = lend()?;
            self.run(self.one_part_from(checkout, begun, kind, data, room))
        })
    }

    /// C_Verify, C_VerifySignature.
    ///
    /// # Errors
    /// As [`Client::verify`] and [`Client::run`], and what `lend` gives.
    pub fn verify_now<'a>(
        &self,
        session: SessionHandle,
        kind: OperationKind,
        data: &[u8],
        signature: Option<&[u8]>,
        lend: impl FnOnce() -> Result<Passed<'a>>,
    ) -> Result<()> {
        if !self.is_unscripted() {
            return self.run(self.verify(session, kind, lend()?, signature));
        }
        let came = self.verify_begins(session, kind, data.into(), signature);
        self.come_to_end(session, came, |checkout, begun| {
            let data = lend()?;
            self.run(self.verify_from(checkout, begun, kind, data, signature))
        })
    }

    /// C_EncryptUpdate and its kin.
    ///
    /// # Errors
    /// As [`Client::update`] and [`Client::run`], and what `lend` gives.
    pub fn update_now<'a>(
        &self,
        session: SessionHandle,
        kind: OperationKind,
        data: &[u8],
        (room, place): (Room, PlaceForOutput<'_>),
        lend: impl FnOnce() -> Result<Passed<'a>>,
    ) -> Result<Output> {
        if !self.is_unscripted() {
            return self.run(self.update(session, kind, lend()?, room));
        }
        let came = self.update_begins(session, kind, data.into(), room, place);
        self.come_to_end(session, came, |checkout, begun| {
            let data = lend()?;
            self.run(self.update_from(checkout, begun, kind, data, room))
        })
    }

    /// The result of a call that came so far, with what `rest` makes of one that has something left to do.
    #[inline]
    fn come_to_end<T>(
        &self,
        session: SessionHandle,
        came: Result<Came<T>>,
        rest: impl FnOnce(Checkout, Option<Begun>) -> Result<T>,
    ) -> Result<T> {
        let result = match came {
            Ok(Came::Done(result)) => return Ok(result),
            Ok(Came::Left(checkout, begun)) => rest(checkout, begun),
            Err(error) => Err(error),
        };
        self.seen_by_caller(session, result)
    }

    fn seen_by_caller<T>(&self, session: SessionHandle, result: Result<T>) -> Result<T> {
        result.map_err(|error| self.without_login(CalledOn::Session(session), error))
    }
}

impl Client {
    /// Begins an operation that the session remembers to be allowed. `Some`: it does not, and the mechanism is as it was.
    ///
    /// # Errors
    /// CKR_OPERATION_ACTIVE, and as [`Client::checkout`].
    pub(crate) fn init_begins(
        &self,
        session: SessionHandle,
        kind: OperationKind,
        mechanism: &mut Mechanism,
        key: Option<ObjectHandle>,
    ) -> Result<Option<Checkout>> {
        let mut session = self.checkout(session)?;
        if !matches!(session.active(kind), Active::None) {
            return fail(CKR_OPERATION_ACTIVE, format!("{kind:?} is active already"));
        }
        self.cluster.refresh();
        if self.may_recover_in_call(session.group()) {
            return Ok(Some(session));
        }
        Ok(if self.recalls(&mut session, kind, mechanism, key) { None } else { Some(session) })
    }

    /// Whether the session stands and remembers that an operation is allowed, which then has begun.
    pub(crate) fn recalls(
        &self,
        session: &mut Checkout,
        kind: OperationKind,
        mechanism: &mut Mechanism,
        key: Option<ObjectHandle>,
    ) -> bool {
        self.alive(&session.slot).is_ok()
            && self.stamp(session).is_some_and(|stamp| session.recall(kind, mechanism, key, stamp))
    }

    /// A one-part operation, as far as it comes at once.
    ///
    /// # Errors
    /// As [`Client::checkout`].
    pub(crate) fn one_part_begins(
        &self,
        session: SessionHandle,
        kind: OperationKind,
        data: Passed<'_>,
        room: Room,
        place: PlaceForOutput<'_>,
    ) -> Result<Came<Output>> {
        let mut session = self.checkout(session)?;
        if room == Room::Query {
            return Ok(Came::Left(session, None));
        }
        let begun = self.one_part_at_once(&mut session, kind, data, (room, place), None);
        Ok(match begun {
            Some(Begun { answer: Some(Ok(Reply::Written(len))), .. }) => {
                *session.active(kind) = Active::None;
                Came::Done(Output::Written(len))
            }
            Some(Begun { answer: Some(Ok(Reply::Bytes(output))), .. }) => {
                let next = Active::None;
                Came::Done(deliver(&mut session, kind, room, output, Stash::OnePart, next))
            }
            begun => Came::Left(session, begun),
        })
    }

    /// A verification in one part, as far as it comes at once.
    ///
    /// # Errors
    /// As [`Client::checkout`].
    pub(crate) fn verify_begins(
        &self,
        session: SessionHandle,
        kind: OperationKind,
        data: Passed<'_>,
        signature: Option<&[u8]>,
    ) -> Result<Came<()>> {
        let mut session = self.checkout(session)?;
        let nowhere = (Room::Bytes(0), None);
        let begun = self.one_part_at_once(&mut session, kind, data, nowhere, signature);
        Ok(match begun {
            Some(Begun { answer: Some(Ok(Reply::Done)), .. }) => {
                *session.active(kind) = Active::None;
                Came::Done(())
            }
            begun => Came::Left(session, begun),
        })
    }

    /// A part, as far as it comes at once.
    ///
    /// # Errors
    /// As [`Client::checkout`].
    pub(crate) fn update_begins(
        &self,
        session: SessionHandle,
        kind: OperationKind,
        data: Passed<'_>,
        room: Room,
        place: PlaceForOutput<'_>,
    ) -> Result<Came<Output>> {
        let mut session = self.checkout(session)?;
        let begun = self.part_at_once(&mut session, kind, data, room, place);
        Ok(match begun {
            Some(Begun { answer: Some(Ok(reply @ (Reply::Done | Reply::Written(_)))), .. }) => {
                if let Active::Streaming { before, .. } = session.active(kind) {
                    *before += data.len();
                }
                Came::Done(written(&reply))
            }
            begun => Came::Left(session, begun),
        })
    }

    /// A one-part operation on the member that [`Self::run_one_part`] would send it to first. `None`: nothing is done.
    /// The operation stays active.
    fn one_part_at_once(
        &self,
        session: &mut Checkout,
        kind: OperationKind,
        data: Passed<'_>,
        (room, place): (Room, PlaceForOutput<'_>),
        signature: Option<&[u8]>,
    ) -> Option<Begun> {
        let (slot, active, subs) = session.parts(kind);
        let Some(Active::Ready(ready)) = active else { return None };
        let group = &*slot.group;
        self.cluster.refresh();
        if ready.checked.changes_key || self.may_recover_in_call(group) || self.alive(slot).is_err()
        {
            return None;
        }
        let index = ready.chosen(group)?;
        let member = &group.members[index];
        if member.asynchronous || member.standby {
            return None;
        }
        slot.expect(ready.checked.output.one_part(data.len()), room);
        let signature = signature.unwrap_or(ready.signature());
        let ask = |data: &[u8], lent: PlaceForOutput<'_>| {
            self.sub_at_once(group, index, &mut subs[index], (), |session, ()| {
                session.one_part_at_once(&ready.operation, data, place.or(lent), signature)
            })
        };
        let answer = data.work_if(ask, is_done);
        Self::begun(slot, index, answer?)
    }

    /// A part of an operation on the member that it lives on. `None`: nothing is done.
    fn part_at_once(
        &self,
        session: &mut Checkout,
        kind: OperationKind,
        data: Passed<'_>,
        room: Room,
        place: PlaceForOutput<'_>,
    ) -> Option<Begun> {
        let (slot, active, subs) = session.parts(kind);
        let Some(Active::Streaming { ready, member, member_generation, before }) = active else {
            return None;
        };
        let (group, index) = (&*slot.group, *member);
        let output = ready.checked.output.update(*before, data.len());
        if too_small(output, room).is_some()
            || group.members[index].asynchronous
            || self.may_stream(slot, subs, index, *member_generation).is_err()
        {
            return None;
        }
        let ask = |data: &[u8], lent: PlaceForOutput<'_>| {
            self.sub_at_once(group, index, &mut subs[index], (), |session, ()| {
                session.part_at_once(kind, data, place.or(lent))
            })
        };
        let answer = data.work_if(ask, is_done);
        Self::begun(slot, index, answer?)
    }

    /// What a member was asked at once, if it was.
    fn begun(slot: &SessionSlot, index: usize, answer: AnsweredOr<()>) -> Option<Begun> {
        let answer = match answer {
            Ok(answer) => Some(answer),
            Err(Left::Wait) => None,
            Err(Left::Ask(())) => return None,
        };
        if let Some(answer) = &answer {
            Self::note_answer(slot, index, answer);
        }
        Some(Begun { index, answer })
    }
}

/// Whether a member has done what it was asked at once.
fn is_done(answer: &AnsweredOr<()>) -> bool {
    !matches!(answer, Err(Left::Ask(())))
}
