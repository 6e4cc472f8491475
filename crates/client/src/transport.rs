//! How the client reaches a member: the seam behind which a network server can stand one day.
//!
//! Two words for failure, because applications see two things: a wire that says no at once
//! ([`Refused`]), and silence, which is no word at all: the future stays pending and the client's own
//! timers decide (Luna guide, "Failover": connection lost, or a command not completed in time).

use std::{
    future::Future,
    mem::MaybeUninit,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use hsmsim_device::{DeviceSession, Left};
use hsmsim_partition::api::{OpenSession, Operation, OperationKind, Reply, Request};
use hsmsim_types::{Error, Result, ck::CKR_GENERAL_ERROR};

/// A boxed future.
pub(crate) type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The wire or the device said no at once: connection refused, or an existing one reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused;

/// Where a member is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    /// Index of the device in the topology.
    pub device: usize,
    /// Index of the partition on it.
    pub partition: u8,
}

/// Makes connections.
pub trait Transport: Send + Sync {
    /// Sets up the trust link to a member. Pends as long as nobody answers.
    fn connect(
        &self,
        member: Address,
    ) -> BoxFuture<'_, std::result::Result<Arc<dyn Connection>, Refused>>;
}

/// A trust link to one member: logins hold as long as it lives.
pub trait Connection: Send + Sync {
    /// Opens a session on the member. The outer result is the wire's word, the inner the member's.
    fn open(
        &self,
        open: OpenSession,
    ) -> BoxFuture<'_, std::result::Result<Result<MemberSession>, Refused>>;

    /// The same if it can be done without waiting; `None`, and nothing is done, if it may have to wait or the
    /// wire may refuse.
    fn open_at_once(&self, _open: OpenSession) -> Option<Result<MemberSession>> {
        None
    }

    /// The generation of the member's objects, where it can be had without asking over the wire:
    /// lets what was checked before be forgotten in time.
    fn generation(&self) -> Option<u64>;

    /// Whether the link is known to be dead already, without asking over the wire.
    fn is_broken(&self) -> bool;

    /// Whether heartbeats come: the member says that it still works on what it was asked (Luna guide,
    /// "Failover": each restarts the receive time-out).
    fn heartbeats(&self) -> bool {
        false
    }

    /// Whether the member has said that its partition is no longer activated, which tells its refusals
    /// from those of a session that is not logged in.
    fn is_deactivated(&self) -> bool {
        false
    }
}

/// The client's end of a session on a member.
pub struct MemberSession(DeviceSession);

/// The answer of a member that nothing held up, or what is left to do.
pub(crate) type AtOnce<Q> = std::result::Result<std::result::Result<Reply, CallError>, Left<Q>>;

/// Why a call on a member gave no reply.
#[derive(Debug)]
pub(crate) enum CallError {
    /// The wire or the device refused: this session is gone.
    Refused,
    /// The member answered with an error.
    Member(Error),
}

impl MemberSession {
    /// Of a session on a device that is in this process, to be polled by whoever waits for an answer.
    pub fn new(session: DeviceSession) -> Self {
        Self(session)
    }

    /// As [`Connection::generation`], without a look at the connection.
    pub(crate) fn generation(&self) -> Option<u64> {
        self.0.partition().map(|partition| partition.store().generation())
    }

    /// Memory for the data of the next request, if there is any to be used again.
    pub(crate) fn take_spare(&mut self) -> Vec<u8> {
        self.0.take_spare()
    }

    /// Sends a request and waits for the reply, polling the far end meanwhile. Cancelling does not call
    /// back what it had asked: that may still take effect, and is done before what is asked next.
    pub(crate) fn call(&mut self, request: Request) -> Call<'_> {
        self.0.ask(request);
        self.answer()
    }

    /// Waits for the reply to what was asked.
    pub(crate) fn answer(&mut self) -> Call<'_> {
        Call(&mut self.0)
    }

    /// The reply to a request, if nothing on its way has to wait.
    ///
    /// # Errors
    /// What is left to do.
    pub(crate) fn call_at_once(&mut self, request: Request) -> AtOnce<Request> {
        self.at_once(|session| session.answer_at_once(request))
    }

    /// The same of a one-part operation that is read where it is, and of which no request is made.
    ///
    /// # Errors
    /// What is left to do.
    pub(crate) fn one_part_at_once(
        &mut self,
        operation: &Operation,
        data: &[u8],
        room: Option<&mut [MaybeUninit<u8>]>,
        signature: &[u8],
    ) -> AtOnce<()> {
        self.at_once(|session| session.one_part_at_once(operation, data, room, signature))
    }

    /// The same of a part of an operation that has begun.
    ///
    /// # Errors
    /// What is left to do.
    pub(crate) fn part_at_once(
        &mut self,
        kind: OperationKind,
        data: &[u8],
        room: Option<&mut [MaybeUninit<u8>]>,
    ) -> AtOnce<()> {
        self.at_once(|session| session.part_at_once(kind, data, room))
    }

    #[inline]
    fn at_once<Q>(
        &mut self,
        ask: impl FnOnce(&mut DeviceSession) -> std::result::Result<Result<Reply>, Left<Q>>,
    ) -> AtOnce<Q> {
        let session = &mut self.0;
        match std::panic::catch_unwind(AssertUnwindSafe(|| ask(session))) {
            Ok(answered) => answered.map(|answer| answer.map_err(CallError::Member)),
            Err(_) => Ok(Err(panicked(session))),
        }
    }
}

/// Ends a session whose device has panicked: that must reach neither the application nor the other
/// sessions.
#[cold]
fn panicked(session: &mut DeviceSession) -> CallError {
    session.end();
    tracing::error!("a session panicked on its device, and is gone");
    CallError::Member(Error::new(CKR_GENERAL_ERROR, "the session panicked on its device"))
}

/// A call under way; see [`MemberSession::call`].
pub(crate) struct Call<'a>(&'a mut DeviceSession);

impl Future for Call<'_> {
    type Output = std::result::Result<Reply, CallError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self(session) = self.get_mut();
        match std::panic::catch_unwind(AssertUnwindSafe(|| session.poll_answer(cx))) {
            Ok(polled) => polled.map(|answer| match answer {
                Some(Ok(reply)) => Ok(reply),
                Some(Err(error)) => Err(CallError::Member(error)),
                None => Err(CallError::Refused),
            }),
            Err(_) => Poll::Ready(Err(panicked(session))),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{pin::pin, task::Waker};

    use hsmsim_cluster::{Cluster, OpenOptions};
    use hsmsim_device::{Condition, State, TrustLink};
    use hsmsim_network::{Condition as OfLink, LinkState};
    use hsmsim_partition::api::{AppId, GivesAway, SessionTag};
    use hsmsim_types::{
        Pin as Secret, Role,
        ck::{CKR_USER_ALREADY_LOGGED_IN, CKR_USER_NOT_LOGGED_IN},
        role::UserType,
    };

    use super::*;

    fn poll<T>(future: impl Future<Output = T>) -> Poll<T> {
        pin!(future).poll(&mut Context::from_waker(Waker::noop()))
    }

    fn now<T>(future: impl Future<Output = T>) -> T {
        match poll(future) {
            Poll::Ready(output) => output,
            Poll::Pending => panic!("nothing here has to wait"),
        }
    }

    fn login() -> Request {
        let user = UserType::Role(Role::CryptoOfficer);
        Request::Login { user, pin: Secret::new("12345678") }
    }

    /// The error that a request is answered with; 0 for none.
    fn code(answer: std::result::Result<Reply, CallError>) -> u64 {
        match answer {
            Ok(_) => 0,
            Err(CallError::Member(error)) => error.rv(),
            Err(CallError::Refused) => panic!("the session is gone"),
        }
    }

    /// A cluster of devices without delays, a session on the first, and how to make that silent or not.
    struct World {
        cluster: Arc<Cluster>,
        link: TrustLink,
        session: MemberSession,
    }

    impl World {
        fn new() -> Self {
            let cluster = Cluster::open(OpenOptions {
                state: Some("memory".to_owned()),
                topology: Some("instant".to_owned()),
                ..OpenOptions::default()
            })
            .expect("a cluster");
            let (app, device) = (AppId::new(1, 1), Arc::clone(cluster.device(0)));
            let link = now(TrustLink::connect(device, 0, app, cluster.wire(0))).expect("a link");
            let open = OpenSession {
                app,
                tag: SessionTag(1),
                read_write: true,
                gives_away: GivesAway::Nothing,
            };
            let session = now(Connection::open(&link, open)).expect("a wire").expect("a session");
            Self { cluster, link, session }
        }

        fn set(&self, condition: Condition, epoch: u64) {
            self.cluster.device(0).set_state(State { condition, epoch });
        }

        fn ask(&mut self, request: Request) -> Poll<std::result::Result<Reply, CallError>> {
            poll(self.session.call(request))
        }
    }

    #[test]
    fn each_answer_belongs_to_its_request() {
        let mut world = World::new();
        for _ in 0..2 {
            assert_eq!(code(now(world.session.call(login()))), 0);
            assert_eq!(code(now(world.session.call(login()))), CKR_USER_ALREADY_LOGGED_IN);
            assert_eq!(code(now(world.session.call(Request::Logout))), 0);
            assert_eq!(code(now(world.session.call(Request::Logout))), CKR_USER_NOT_LOGGED_IN);
        }
    }

    #[test]
    fn a_request_whose_caller_gave_up_is_done_before_the_next_and_its_answer_dropped() {
        // The callers give up before anybody looks, or when the request waits in the device.
        for looks in [false, true] {
            for given_up in 1..4_usize {
                let mut world = World::new();
                world.set(Condition::Hung, 0);
                for request in [login(), Request::Logout, login()].into_iter().take(given_up) {
                    match looks {
                        false => drop(world.session.call(request)),
                        true => assert!(world.ask(request).is_pending()),
                    }
                }
                world.set(Condition::On, 0);
                // After a login this is one too many, and after a logout it is not.
                let expected = if given_up == 2 { 0 } else { CKR_USER_ALREADY_LOGGED_IN };
                assert_eq!(code(now(world.session.call(login()))), expected, "{given_up}, {looks}");
                assert_eq!(code(now(world.session.call(Request::Logout))), 0);
            }
        }
    }

    #[test]
    fn a_request_that_waits_is_answered_when_the_device_goes_on() {
        let mut world = World::new();
        world.set(Condition::Hung, 0);
        let mut call = pin!(world.session.call(login()));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(call.as_mut().poll(&mut cx).is_pending());
        world.cluster.device(0).set_state(State { condition: Condition::On, epoch: 0 });
        let Poll::Ready(answer) = call.poll(&mut cx) else { panic!("it goes on") };
        assert_eq!(code(answer), 0);
    }

    #[test]
    fn an_answer_that_is_held_on_its_way_is_waited_for_and_the_request_done_once() {
        let mut world = World::new();
        let wire = world.cluster.wire(0);
        let hold = |condition| {
            let state = LinkState { condition, ..LinkState::HEALTHY };
            wire.links.back.set_state(wire.clock.now(), state);
        };
        hold(OfLink::Held);
        assert!(matches!(world.session.call_at_once(login()), Err(Left::Wait)));
        assert!(poll(world.session.answer()).is_pending());
        hold(OfLink::Open);
        assert_eq!(code(now(world.session.answer())), 0);
        assert_eq!(code(now(world.session.call(login()))), CKR_USER_ALREADY_LOGGED_IN);
    }

    #[test]
    fn what_has_to_wait_on_its_way_there_is_left_undone() {
        let mut world = World::new();
        world.set(Condition::Hung, 0);
        assert!(matches!(world.session.call_at_once(login()), Err(Left::Ask(_))));
        world.set(Condition::On, 0);
        let at_once = world.session.call_at_once(Request::Logout);
        assert_eq!(at_once.map_or(0, code), CKR_USER_NOT_LOGGED_IN);
    }

    #[test]
    fn a_session_of_an_older_power_epoch_is_refused_for_good() {
        let mut world = World::new();
        let generation = world.session.generation();
        world.set(Condition::On, 1);
        for _ in 0..2 {
            assert!(matches!(world.ask(login()), Poll::Ready(Err(CallError::Refused))));
        }
        assert_eq!(world.session.generation(), generation, "whose session it was is known");
    }

    #[test]
    fn a_session_is_opened_at_once_only_where_nothing_has_to_wait() {
        let world = World::new();
        let open = OpenSession {
            app: AppId::new(1, 1),
            tag: SessionTag(2),
            read_write: true,
            gives_away: GivesAway::Nothing,
        };
        assert!(Connection::open_at_once(&world.link, open).is_some_and(|opened| opened.is_ok()));
        for (condition, epoch) in [(Condition::Hung, 0), (Condition::Off, 0), (Condition::On, 1)] {
            world.set(condition, epoch);
            assert!(Connection::open_at_once(&world.link, open).is_none(), "{condition:?} {epoch}");
        }
    }
}
