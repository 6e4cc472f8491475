//! Waiting for one of two things, always asking the first one first, and for all of many.
//!
//! A choice that is not biased would be made by chance, and chance here must come from a seed.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;

use crate::clock::Clock;
use crate::time::Time;

/// The deadline passed before the future was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Elapsed;

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("deadline passed")
    }
}

impl std::error::Error for Elapsed {}

/// Waits for `future`, but not longer than until `deadline`. The future is asked first: done at the
/// deadline is done in time. If it is done at its first poll, the clock is not asked at all.
///
/// # Errors
/// [`Elapsed`] once the deadline has passed; the future is dropped.
pub async fn timeout<F: Future>(
    clock: &Clock,
    deadline: Time,
    future: F,
) -> Result<F::Output, Elapsed> {
    let mut future = pin!(future);
    let mut sleep = None;
    poll_fn(move |cx| {
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            return Poll::Ready(Ok(output));
        }
        let sleep = sleep.get_or_insert_with(|| clock.sleep_until(deadline));
        Pin::new(sleep).poll(cx).map(|()| Err(Elapsed))
    })
    .await
}

/// Which of two futures was done first, with its output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Either<A, B> {
    /// The first.
    First(A),
    /// The second.
    Second(B),
}

/// Waits for whichever is done first; if both are, the first. The other is dropped.
pub async fn race<A: Future, B: Future>(first: A, second: B) -> Either<A::Output, B::Output> {
    let mut first = pin!(first);
    let mut second = pin!(second);
    poll_fn(move |cx| {
        if let Poll::Ready(output) = first.as_mut().poll(cx) {
            return Poll::Ready(Either::First(output));
        }
        second.as_mut().poll(cx).map(Either::Second)
    })
    .await
}

/// Waits for all of them; gives what they give, in their order.
///
/// Each one that is not done is asked at every poll, since [`drive`](crate::drive) learns deadlines from the
/// polls alone. The usual `join_all` does that for thirty at most: among more, or when it cannot tell how
/// many there are, it asks only those that were woken, and a sleep in real time is woken by nobody.
pub async fn all<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut futures: Vec<_> = futures.into_iter().map(|future| (Box::pin(future), None)).collect();
    poll_fn(|cx| {
        let mut done = true;
        for (future, output) in &mut futures {
            if output.is_none() {
                match future.as_mut().poll(cx) {
                    Poll::Ready(value) => *output = Some(value),
                    Poll::Pending => done = false,
                }
            }
        }
        if done { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    futures.into_iter().filter_map(|(_, output)| output).collect()
}

/// Waits for `call`, running along with it the `task` that answers it: as [`race`], but the call is
/// asked again right after the task. A call whose answer is there as soon as the task has run is thus
/// done at the first poll, and [`drive`](crate::drive) never has to wait for a wake-up. If both are
/// done the call comes first.
///
/// The task is usually borrowed (`Pin<&mut _>`): one call ends, its session lives on.
pub async fn alongside<A: Future, B: Future>(call: A, task: B) -> Either<A::Output, B::Output> {
    let mut call = pin!(call);
    let mut task = pin!(task);
    poll_fn(move |cx| {
        if let Poll::Ready(output) = call.as_mut().poll(cx) {
            return Poll::Ready(Either::First(output));
        }
        let ended = task.as_mut().poll(cx);
        if let Poll::Ready(output) = call.as_mut().poll(cx) {
            return Poll::Ready(Either::First(output));
        }
        ended.map(Either::Second)
    })
    .await
}
