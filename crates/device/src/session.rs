//! A session's far end: the task behind the channel.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use hsmsim_network::Flow;
use hsmsim_partition::{Partition, Session};

use crate::{
    burden::Burden,
    exchange::{Answering, Asking, exchange},
    trust::Established,
};

/// A session as its client gets it.
pub struct SessionChannel {
    /// Requests go in here, and answers come back.
    pub asking: Asking,
    /// The far end. It does nothing unless polled: whoever waits for a reply polls it.
    pub task: Pin<Box<dyn Future<Output = ()> + Send>>,
    /// Whose session it is.
    pub partition: Arc<Partition>,
}

/// A connection with a place on its device for one session, which is free again when this is dropped.
pub(crate) struct Seated(Arc<Established>);

impl Seated {
    /// `None` if all places are taken.
    pub(crate) fn take(connection: &Arc<Established>) -> Option<Self> {
        connection.device.troubles.open_session().then(|| Self(Arc::clone(connection)))
    }
}

impl Drop for Seated {
    fn drop(&mut self) {
        self.0.device.troubles.close_session();
    }
}

/// Starts the far end of a session.
pub(crate) fn serve(seated: Seated, session: Session) -> SessionChannel {
    let (asking, answering) = exchange();
    let partition = Arc::clone(session.partition());
    let task = Box::pin(run(seated, session, answering));
    SessionChannel { asking, task, partition }
}

/// Answers one request after the other until the channel closes, the link breaks, or the device's
/// power epoch is over.
///
/// Boxed in it are the ways of outages, so that the task fits what the C library's allocator keeps at hand
/// (1,032 bytes).
#[expect(
    clippy::manual_async_fn,
    reason = "an `async fn` would have a second place for its arguments"
)]
fn run(
    seated: Seated,
    mut session: Session,
    mut client: Answering,
) -> impl Future<Output = ()> + Send {
    async move {
        let connection = &*seated.0;
        let Established { device, wire, seat, begin, .. } = connection;
        let begin = *begin;
        let (mut there, mut back) = (Flow::new(), Flow::new());
        let mut answer = None;
        while let Some(request) = client.answer_and_next(answer.take()).await {
            if wire.is_cut_since(begin) || wire.there(&mut there, connection).await.is_err() {
                return;
            }
            if device.admit_to(seat, wire, begin).await.is_err() {
                return;
            }
            let occupies = match device.shared.engines {
                None => None,
                Some(_) => session.service(&request),
            };
            let mut since_ns = wire.clock.unix_now();
            let reply = match device.troubles.now() {
                None => session.handle(request, Duration::from_nanos(since_ns)),
                Some(trouble) => {
                    let burden = Burden { device, trouble: &trouble, seat };
                    if Box::pin(burden.wait(&request, wire, begin)).await.is_err() {
                        return;
                    }
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
            // A device that lost power while it computed answers no more.
            if device.admit_to(seat, wire, begin).await.is_err() {
                return;
            }
            device.count_served();
            if wire.back(&mut back, connection).await.is_err() {
                return;
            }
            answer = Some(reply);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The size of what such a function gives.
    fn size<A, B, C, F>(_: fn(A, B, C) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn the_task_of_a_session_fits_what_the_allocator_keeps_at_hand() {
        assert!(size(run) <= 1032, "{} bytes", size(run));
    }
}
