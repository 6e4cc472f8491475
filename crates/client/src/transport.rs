//! How the client reaches a member: the seam behind which a network server can stand one day.
//!
//! Two words for failure, because applications see two things: a wire that says no at once
//! ([`Refused`]), and silence, which is no word at all: the future stays pending and the client's own
//! timers decide (Luna guide, "Failover": connection lost, or a command not completed in time).

use std::{
    future::Future,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use hsmsim_device::{Asking, SessionChannel};
use hsmsim_partition::{
    Partition,
    api::{OpenSession, Reply, Request},
};
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

/// The client's end of a session on a member: a channel, and in process the task at its other end.
pub struct MemberSession {
    asking: Asking,
    task: Option<BoxFuture<'static, ()>>,
    partition: Option<Arc<Partition>>,
}

/// Why a call on a member gave no reply.
#[derive(Debug)]
pub(crate) enum CallError {
    /// The wire or the device refused: this session is gone.
    Refused,
    /// The member answered with an error.
    Member(Error),
}

impl MemberSession {
    /// A session whose far end is `task`, to be polled by whoever waits for an answer; `None` if
    /// somebody else runs the far end.
    pub fn new(asking: Asking, task: Option<BoxFuture<'static, ()>>) -> Self {
        Self { asking, task, partition: None }
    }

    /// The same, of a partition that is in this process.
    pub fn of(channel: SessionChannel) -> Self {
        let SessionChannel { asking, task, partition } = channel;
        Self { asking, task: Some(task), partition: Some(partition) }
    }

    /// As [`Connection::generation`], without a look at the connection.
    pub(crate) fn generation(&self) -> Option<u64> {
        self.partition.as_ref().map(|partition| partition.store().generation())
    }

    /// Sends a request and waits for the reply, polling the far end meanwhile. Cancelling leaves
    /// the session unusable: what it had asked may still take effect.
    pub(crate) fn call(&mut self, request: Request) -> Call<'_> {
        self.asking.ask(request);
        Call { session: self, waits: true }
    }
}

/// A call under way; see [`MemberSession::call`].
pub(crate) struct Call<'a> {
    session: &'a mut MemberSession,
    /// Whether the answer has not come yet.
    waits: bool,
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        if self.waits {
            self.session.asking.give_up();
        }
    }
}

impl Future for Call<'_> {
    type Output = std::result::Result<Reply, CallError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if let Some(task) = &mut this.session.task {
            // A panic in a device's code ends that session and must reach neither the application
            // nor the other sessions.
            let polled = std::panic::catch_unwind(AssertUnwindSafe(|| task.as_mut().poll(cx)));
            match polled {
                Ok(Poll::Pending) => {}
                Ok(Poll::Ready(())) => this.session.task = None,
                Err(_) => {
                    this.session.task = None;
                    tracing::error!("a session's task panicked; the session is gone");
                    return Poll::Ready(Err(CallError::Member(Error::new(
                        CKR_GENERAL_ERROR,
                        "a session's task panicked",
                    ))));
                }
            }
        }
        let Poll::Ready(answer) = this.session.asking.poll_answer(cx) else {
            return Poll::Pending;
        };
        this.waits = false;
        Poll::Ready(match answer {
            Some(Ok(reply)) => Ok(reply),
            Some(Err(error)) => Err(CallError::Member(error)),
            None => Err(CallError::Refused),
        })
    }
}
