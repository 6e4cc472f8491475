//! Waiting for one of two things, always asking the first one first, and for all of many.
//!
//! A choice that is not biased would be made by chance, and chance here must come from a seed.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use parking_lot::Mutex;
use pin_project_lite::pin_project;

use crate::clock::Clock;
use crate::drive::is_driving;
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
pub fn race<A: Future, B: Future>(first: A, second: B) -> Race<A, B> {
    Race { first, second }
}

pin_project! {
    /// See [`race`]. Not an `async fn`, which would have two places for each of the two.
    #[must_use = "does nothing unless polled"]
    pub struct Race<A, B> {
        #[pin]
        first: A,
        #[pin]
        second: B,
    }
}

impl<A: Future, B: Future> Future for Race<A, B> {
    type Output = Either<A::Output, B::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Poll::Ready(output) = this.first.poll(cx) {
            return Poll::Ready(Either::First(output));
        }
        this.second.poll(cx).map(Either::Second)
    }
}

/// Waits for all of them; gives what they give, in their order.
///
/// Under an executor only those are asked again that were woken. Under a [`drive`](fn@crate::drive) each one
/// that is not done is asked at every poll: it learns deadlines from the polls alone, and a sleep in real
/// time is woken by nobody. The usual `join_all` asks all of thirty at most, and of more, or when it cannot
/// tell how many there are, only those that were woken.
pub async fn all<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut children: Vec<Child<F>> = futures.into_iter().map(Child::new).collect();
    poll_fn(|cx| {
        let driven = is_driving();
        let mut done = true;
        for child in &mut children {
            done &= child.poll(cx, driven);
        }
        if done { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    children.into_iter().filter_map(|child| child.output).collect()
}

/// One of the futures that [`all`] waits for.
struct Child<F: Future> {
    future: Pin<Box<F>>,
    output: Option<F::Output>,
    /// Made when it is first not done at once.
    wake: Option<(Arc<ChildWake>, Waker)>,
}

impl<F: Future> Child<F> {
    fn new(future: F) -> Self {
        Self { future: Box::pin(future), output: None, wake: None }
    }

    /// Asks the future, if there is reason to; whether it is done.
    fn poll(&mut self, cx: &mut Context<'_>, driven: bool) -> bool {
        if self.output.is_some() {
            return true;
        }
        let polled = if driven {
            self.future.as_mut().poll(cx)
        } else {
            let (wake, waker) = self.wake.get_or_insert_with(|| {
                let wake = Arc::new(ChildWake {
                    woken: AtomicBool::new(true),
                    parent: Mutex::new(cx.waker().clone()),
                });
                (Arc::clone(&wake), Waker::from(wake))
            });
            wake.belongs_to(cx.waker());
            if !wake.woken.swap(false, Ordering::AcqRel) {
                return false;
            }
            self.future.as_mut().poll(&mut Context::from_waker(waker))
        };
        match polled {
            Poll::Ready(output) => self.output = Some(output),
            Poll::Pending => return false,
        }
        true
    }
}

/// Remembers which future was woken, and wakes the one that waits for it.
struct ChildWake {
    woken: AtomicBool,
    // Held to copy or compare a pointer, never while anything is polled or woken.
    parent: Mutex<Waker>,
}

impl ChildWake {
    fn belongs_to(&self, parent: &Waker) {
        let mut own = self.parent.lock();
        if !own.will_wake(parent) {
            own.clone_from(parent);
        }
    }
}

impl Wake for ChildWake {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.woken.swap(true, Ordering::AcqRel) {
            let parent = self.parent.lock().clone();
            parent.wake();
        }
    }
}
