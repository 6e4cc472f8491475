//! A session's far end: the task behind the channel.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use hsmsim_network::Flow;
use hsmsim_partition::{
    Session,
    api::{Reply, Request},
};
use hsmsim_types::Result;
use tokio::sync::{mpsc, oneshot};

use crate::{
    Device,
    burden::Burden,
    trouble::Place,
    trust::{Established, Seat, Wire},
};

/// A request on its way to a session, with the place where the reply is wanted. A reply place that
/// is dropped says that the connection was refused or reset; one that is kept says nothing.
pub struct Envelope {
    /// What is asked.
    pub request: Request,
    /// Where the answer goes.
    pub reply: oneshot::Sender<Result<Reply>>,
}

/// A session as its client gets it.
pub struct SessionChannel {
    /// Requests go in here.
    pub requests: mpsc::UnboundedSender<Envelope>,
    /// The far end. It does nothing unless polled: whoever waits for a reply polls it.
    pub task: Pin<Box<dyn Future<Output = ()> + Send>>,
}

/// Starts the far end of a session.
pub(crate) fn serve(
    device: Arc<Device>,
    session: Session,
    wire: Wire,
    seat: Seat,
    connection: Arc<Established>,
    place: Place,
) -> SessionChannel {
    // Unbounded, and yet at most one message is ever in it: the client waits for each reply.
    let (requests, inbox) = mpsc::unbounded_channel();
    let task = async move {
        let _place = place;
        run(device, session, inbox, wire, seat, &connection).await;
    };
    SessionChannel { requests, task: Box::pin(task) }
}

/// Answers one request after the other until the channel closes, the link breaks, or the device's
/// power epoch is over.
async fn run(
    device: Arc<Device>,
    mut session: Session,
    mut inbox: mpsc::UnboundedReceiver<Envelope>,
    wire: Wire,
    seat: Seat,
    connection: &Established,
) {
    let begin = connection.begin;
    let (mut there, mut back) = (Flow::new(), Flow::new());
    while let Some(Envelope { request, reply }) = inbox.recv().await {
        if wire.is_cut_since(begin) || wire.there(&mut there, connection).await.is_err() {
            return;
        }
        if device.admit_to(&seat, &wire, begin).await.is_err() {
            return;
        }
        let occupies = match device.shared.engines {
            None => None,
            Some(_) => session.service(&request),
        };
        let mut since_ns = wire.clock.unix_now();
        let answer = match device.troubles.now() {
            None => session.handle(request, Duration::from_nanos(since_ns)),
            Some(trouble) => {
                let burden = Burden { device: &device, trouble: &trouble, seat: &seat };
                if burden.wait(&request, &wire, begin).await.is_err() {
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
        device.work(occupies.filter(|_| answer.is_ok()), since_ns, &wire).await;
        // A device that lost power while it computed answers no more.
        if device.admit_to(&seat, &wire, begin).await.is_err() {
            return;
        }
        device.count_served();
        if wire.back(&mut back, connection).await.is_err() {
            return;
        }
        // A caller that has given up is not waiting.
        let _ = reply.send(answer);
    }
}
