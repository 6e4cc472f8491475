//! The channel of a session: requests go there one at a time, and each answer comes back, over places that
//! are used again for every call.
//!
//! Not a queue for requests and a cell for each answer, as of tokio: at most one request is under way, and
//! making both costs more than opening a session otherwise does.

use std::{
    collections::VecDeque,
    future::poll_fn,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use hsmsim_partition::api::{Reply, Request};
use hsmsim_types::Result;
use parking_lot::Mutex;

/// A channel: the end that asks, and the end that answers.
pub fn exchange() -> (Asking, Answering) {
    let places = Arc::new(Mutex::new(Places::default()));
    (Asking(Arc::clone(&places)), Answering(places))
}

/// What both ends share. The lock is held for a move in or out, never across `.await`; each end is used by
/// one task at a time, so that nobody waits for it.
#[derive(Default)]
struct Places {
    /// More than one only if a caller gave up before the session's task looked.
    requests: VecDeque<Request>,
    /// Requests so far.
    asked: u64,
    /// Answers so far, in the order of the requests.
    answered: u64,
    /// The answer to the last request.
    answer: Option<Result<Reply>>,
    /// Whether somebody waits for that answer.
    is_awaited: bool,
    /// Who waits for the answer, and who for a request.
    caller: Option<Waker>,
    task: Option<Waker>,
    asking_is_gone: bool,
    answering_is_gone: bool,
}

/// The client's end.
pub struct Asking(Arc<Mutex<Places>>);

impl Asking {
    /// Sends a request. An earlier one whose caller gave up is done before it, and its answer dropped.
    pub fn ask(&mut self, request: Request) {
        let mut places = self.0.lock();
        if places.answering_is_gone {
            return;
        }
        places.requests.push_back(request);
        places.asked += 1;
        places.answer = None;
        places.is_awaited = true;
        let task = places.task.take();
        drop(places);
        wake(task);
    }

    /// The answer to the last request; `None` if the connection was refused or reset.
    pub fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Reply>>> {
        let mut places = self.0.lock();
        if let Some(answer) = places.answer.take() {
            places.is_awaited = false;
            return Poll::Ready(Some(answer));
        }
        if places.answering_is_gone {
            return Poll::Ready(None);
        }
        remember(&mut places.caller, cx);
        Poll::Pending
    }

    /// The caller has given up: nobody waits for the last request's answer.
    pub fn give_up(&mut self) {
        let mut places = self.0.lock();
        places.is_awaited = false;
        places.answer = None;
        places.caller = None;
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        if Arc::strong_count(&self.0) == 1 {
            return;
        }
        let mut places = self.0.lock();
        places.asking_is_gone = true;
        let task = places.task.take();
        drop(places);
        wake(task);
    }
}

/// The end of the session's task. When it is dropped the caller is refused; as long as it is kept without
/// an answer there is silence.
pub struct Answering(Arc<Mutex<Places>>);

impl Answering {
    /// Answers the request that came last, if there was one, and gives the next; `None` when nobody can ask any
    /// more. Both under one lock, at the first poll. Nobody has the answer if its caller has given up.
    pub fn answer_and_next(
        &mut self,
        mut answer: Option<Result<Reply>>,
    ) -> impl Future<Output = Option<Request>> + Send {
        poll_fn(move |cx| {
            let mut places = self.0.lock();
            let caller = answer.take().and_then(|answer| places.put(answer));
            let next = if let Some(request) = places.requests.pop_front() {
                Poll::Ready(Some(request))
            } else if places.asking_is_gone {
                Poll::Ready(None)
            } else {
                remember(&mut places.task, cx);
                Poll::Pending
            };
            drop(places);
            wake(caller);
            next
        })
    }
}

impl Places {
    /// Keeps an answer for whoever waits for it; gives whom to wake.
    fn put(&mut self, answer: Result<Reply>) -> Option<Waker> {
        self.answered += 1;
        if self.answered == self.asked && self.is_awaited {
            self.answer = Some(answer);
            return self.caller.take();
        }
        None
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        if Arc::strong_count(&self.0) == 1 {
            return;
        }
        let mut places = self.0.lock();
        places.answering_is_gone = true;
        let caller = places.caller.take();
        drop(places);
        wake(caller);
    }
}

/// Notes whom to wake.
fn remember(place: &mut Option<Waker>, cx: &Context<'_>) {
    match place {
        Some(waker) => waker.clone_from(cx.waker()),
        None => *place = Some(cx.waker().clone()),
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use hsmsim_types::ObjectId;

    use super::*;

    fn poll<T>(future: impl Future<Output = T>) -> Poll<T> {
        pin!(future).poll(&mut Context::from_waker(Waker::noop()))
    }

    fn answered(asking: &mut Asking) -> Poll<Option<Result<Reply>>> {
        asking.poll_answer(&mut Context::from_waker(Waker::noop()))
    }

    fn size(object: u8) -> Request {
        Request::Size { object: ObjectId([object; 16]) }
    }

    /// The object of a request for a size.
    fn object(request: Poll<Option<Request>>) -> Option<u8> {
        match request {
            Poll::Ready(Some(Request::Size { object })) => Some(object.0[0]),
            Poll::Ready(_) => panic!("no request for a size"),
            Poll::Pending => None,
        }
    }

    /// What the task is asked for next.
    fn next(answering: &mut Answering) -> u8 {
        object(poll(answering.answer_and_next(None))).expect("a request")
    }

    /// The same once it has answered, if it is asked for anything.
    fn answer(answering: &mut Answering, size: u64) -> Option<u8> {
        object(poll(answering.answer_and_next(Some(Ok(Reply::Size(size))))))
    }

    #[test]
    fn each_answer_belongs_to_its_request() {
        let (mut asking, mut answering) = exchange();
        for n in 1..4 {
            asking.ask(size(n));
            assert!(answered(&mut asking).is_pending());
            assert_eq!(next(&mut answering), n);
            assert_eq!(answer(&mut answering, n.into()), None);
            let got = answered(&mut asking);
            assert!(matches!(got, Poll::Ready(Some(Ok(Reply::Size(m)))) if m == u64::from(n)));
        }
    }

    #[test]
    fn an_answer_that_nobody_waited_for_is_not_taken_for_the_next_one() {
        // The caller gives up before the task looks, while it works, and after it has answered.
        for looks in 0..3 {
            let (mut asking, mut answering) = exchange();
            asking.ask(size(1));
            if looks > 0 {
                assert_eq!(next(&mut answering), 1);
            }
            if looks > 1 {
                assert_eq!(answer(&mut answering, 1), None);
            }
            asking.give_up();
            asking.ask(size(2));
            if looks == 0 {
                assert_eq!(next(&mut answering), 1);
            }
            let second = match looks {
                2 => next(&mut answering),
                _ => answer(&mut answering, 1).expect("the second request"),
            };
            assert_eq!(second, 2);
            assert!(answered(&mut asking).is_pending());
            assert_eq!(answer(&mut answering, 2), None);
            assert!(matches!(answered(&mut asking), Poll::Ready(Some(Ok(Reply::Size(2))))));
        }
    }

    #[test]
    fn an_end_that_is_gone_is_noticed_at_the_other() {
        let (mut asking, answering) = exchange();
        asking.ask(size(1));
        drop(answering);
        assert!(matches!(answered(&mut asking), Poll::Ready(None)));
        asking.ask(size(2));
        assert!(matches!(answered(&mut asking), Poll::Ready(None)));

        let (asking, mut answering) = exchange();
        drop(asking);
        assert!(matches!(poll(answering.answer_and_next(None)), Poll::Ready(None)));
    }
}
