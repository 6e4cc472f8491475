//! A session on an appliance: what is asked of it, and how it answers.
//!
//! Nothing happens unless it is polled, by whoever waits for the answer. What nothing holds up is answered at the
//! first poll, without a task; only what has to wait for a link, a device or an engine becomes one, which the
//! session keeps even if its caller gives up: what has left is not called back.

use std::{
    future::Future,
    mem::MaybeUninit,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use hsmsim_network::Flow;
use hsmsim_partition::{
    Partition, Session,
    api::{Operation, OperationKind, Reply, Request},
};
use hsmsim_types::Result;

use crate::{burden::Burden, trust::Established};

/// A session as its client has it. One request is under way at a time.
pub struct DeviceSession {
    /// The far end, while no request has to wait.
    end: Option<Box<FarEnd>>,
    /// A request that has to wait somewhere. With neither, the connection was refused or reset.
    task: Option<Task>,
    /// Whose session it is, if the far end does not say it.
    partition: Option<Arc<Partition>>,
}

/// What is left to do for a request that could not be answered at once.
#[derive(Debug)]
pub enum Left<Q = Request> {
    /// It has not been done.
    Ask(Q),
    /// It has been done, and its answer has to wait.
    Wait,
}

/// Gives the far end back with the answer, unless the connection was refused or reset.
type Task = Pin<Box<dyn Future<Output = Option<(Box<FarEnd>, Result<Reply>)>> + Send>>;

impl DeviceSession {
    pub(crate) fn new(seated: Seated, session: Session) -> Self {
        let (there, back) = (Flow::new(), Flow::new());
        let end = FarEnd { seated, session, there, back };
        Self { end: Some(Box::new(end)), task: None, partition: None }
    }

    /// Whose session it is.
    pub fn partition(&self) -> Option<&Arc<Partition>> {
        self.end.as_ref().map(|end| end.session.partition()).or(self.partition.as_ref())
    }

    /// Memory for the data of the next request, if there is any to be used again.
    pub fn take_spare(&mut self) -> Vec<u8> {
        self.end.as_mut().map_or_else(Vec::new, |end| end.session.take_spare())
    }

    /// Sends a request. An earlier one whose caller gave up is done before it, and its answer dropped.
    pub fn ask(&mut self, request: Request) {
        match self.task.take() {
            None => self.become_task(|end| Box::pin(end.serve(request))),
            Some(earlier) => {
                self.task = Some(Box::pin(async move {
                    let (end, _) = earlier.await?;
                    end.serve(request).await
                }));
            }
        }
    }

    /// Answers a request if nothing on its way has to wait. Otherwise it is what is left to do: to ask, or only to
    /// wait for the answer.
    ///
    /// # Errors
    /// What is left to do.
    pub fn answer_at_once(&mut self, request: Request) -> std::result::Result<Result<Reply>, Left> {
        self.at_once(request, |end, request| {
            let now = if request.is_timeless() { Duration::ZERO } else { end.seated.now() };
            end.session.handle(request, now)
        })
    }

    /// The same for a one-part operation that is read where it is, and of which no request is made.
    ///
    /// # Errors
    /// What is left to do.
    pub fn one_part_at_once(
        &mut self,
        operation: &Operation,
        data: &[u8],
        room: Option<&mut [MaybeUninit<u8>]>,
        signature: &[u8],
    ) -> std::result::Result<Result<Reply>, Left<()>> {
        self.at_once((), |FarEnd { seated, session, .. }, ()| {
            session.handle_one_part(operation, data, room, signature, || seated.now())
        })
    }

    /// The same for a part of an operation that has begun.
    ///
    /// # Errors
    /// What is left to do.
    pub fn part_at_once(
        &mut self,
        kind: OperationKind,
        data: &[u8],
        room: Option<&mut [MaybeUninit<u8>]>,
    ) -> std::result::Result<Result<Reply>, Left<()>> {
        self.at_once((), |end, ()| end.session.handle_part(kind, data, room))
    }

    /// Does what is asked if nothing on its way has to wait or may be refused, as [`FarEnd::serve`] says.
    #[inline]
    fn at_once<Q>(
        &mut self,
        asked: Q,
        work: impl FnOnce(&mut FarEnd, Q) -> Result<Reply>,
    ) -> std::result::Result<Result<Reply>, Left<Q>> {
        let Some(end) = self.end.as_deref_mut().filter(|end| end.is_free()) else {
            return Err(Left::Ask(asked));
        };
        let reply = work(end, asked);
        if end.answers_at_once() {
            return Ok(reply);
        }
        self.become_task(|end| Box::pin(end.answer(reply)));
        Err(Left::Wait)
    }

    /// The answer to the last request; `None` if the connection was refused or reset.
    pub fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Reply>>> {
        let Some(task) = &mut self.task else { return Poll::Ready(None) };
        let answered = ready!(task.as_mut().poll(cx));
        self.task = None;
        Poll::Ready(answered.map(|(end, reply)| {
            self.end = Some(end);
            reply
        }))
    }

    /// It answers no more.
    pub fn end(&mut self) {
        self.keep_partition();
        (self.end, self.task) = (None, None);
    }

    /// Makes a task of the far end, if it is here.
    fn become_task(&mut self, task: impl FnOnce(Box<FarEnd>) -> Task) {
        self.keep_partition();
        if let Some(end) = self.end.take() {
            self.task = Some(task(end));
        }
    }

    fn keep_partition(&mut self) {
        if self.partition.is_none() {
            self.partition = self.partition().cloned();
        }
    }
}

/// A connection with a place on its device for one session, which is free again when this is dropped.
pub(crate) struct Seated(Arc<Established>);

impl Seated {
    /// `None` if all places are taken.
    pub(crate) fn take(connection: &Arc<Established>) -> Option<Self> {
        connection.device.troubles.open_session().then(|| Self(Arc::clone(connection)))
    }

    /// The time of the device, since 1970.
    fn now(&self) -> Duration {
        Duration::from_nanos(self.0.wire.clock.unix_now())
    }
}

impl Drop for Seated {
    fn drop(&mut self) {
        self.0.device.troubles.close_session();
    }
}

/// What a session has on the device.
struct FarEnd {
    seated: Seated,
    session: Session,
    /// The two directions of its connection.
    there: Flow,
    back: Flow,
}

impl FarEnd {
    /// Whether what is asked can be done at once, and would not be refused on its way, as [`Self::serve`] says.
    fn is_free(&self) -> bool {
        let Established { device, wire, seat, begin, .. } = &*self.seated.0;
        !wire.is_cut_since(*begin)
            && wire.is_free_there(&self.there)
            && device.admits_at_once(seat)
            && device.shared.engines.is_none()
            && !device.troubles.are_any()
    }

    /// Sends an answer back at once, to what [`Self::is_free`] let through. `false`: it has to wait, or is refused, as
    /// [`Self::answer`] says.
    fn answers_at_once(&self) -> bool {
        let Established { device, wire, seat, .. } = &*self.seated.0;
        let free = device.admits_at_once(seat) && wire.is_free_back(&self.back);
        if free {
            device.count_served();
        }
        free
    }

    /// Answers what was asked, unless the link breaks or the device's power epoch is over.
    ///
    /// Boxed in it are the ways of outages, so that it fits what the C library's allocator keeps at hand
    /// (1,032 bytes).
    #[expect(
        clippy::manual_async_fn,
        reason = "an `async fn` would have a second place for the request"
    )]
    fn serve(
        mut self: Box<Self>,
        request: Request,
    ) -> impl Future<Output = Option<(Box<Self>, Result<Reply>)>> + Send {
        async move {
            let Self { seated, session, there, .. } = &mut *self;
            let connection = &*seated.0;
            let Established { device, wire, seat, begin, .. } = connection;
            let begin = *begin;
            if wire.is_cut_since(begin) || wire.there(there, connection).await.is_err() {
                return None;
            }
            device.admit_to(seat, wire, begin).await.ok()?;
            let occupies = match device.shared.engines {
                None => None,
                Some(_) => session.service(&request),
            };
            let mut since_ns = wire.clock.unix_now();
            let reply = match device.troubles.now() {
                None => session.handle(request, Duration::from_nanos(since_ns)),
                Some(trouble) => {
                    let burden = Burden { device, trouble: &trouble, seat };
                    Box::pin(burden.wait(&request, wire, begin)).await.ok()?;
                    since_ns = wire.clock.unix_now();
                    let now = trouble.clock.shown(since_ns);
                    match burden.refusal(&request) {
                        Some(error) => Err(error),
                        None => session.handle(request, Duration::from_nanos(now)),
                    }
                }
            };
            // What is refused is refused before an engine is asked.
            device.work(occupies.filter(|_| reply.is_ok()), since_ns, wire).await;
            self.answer(reply).await
        }
    }

    /// Sends an answer back.
    async fn answer(
        mut self: Box<Self>,
        reply: Result<Reply>,
    ) -> Option<(Box<Self>, Result<Reply>)> {
        let Self { seated, back, .. } = &mut *self;
        let connection = &*seated.0;
        let Established { device, wire, seat, begin, .. } = connection;
        // A device that lost power while it computed answers no more.
        device.admit_to(seat, wire, *begin).await.ok()?;
        device.count_served();
        wire.back(back, connection).await.ok()?;
        Some((self, reply))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The size of what such a function gives.
    fn size<A, B, F>(_: fn(A, B) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn the_task_of_a_request_fits_what_the_allocator_keeps_at_hand() {
        assert!(size(FarEnd::serve) <= 1032, "{} bytes", size(FarEnd::serve));
    }
}
