//! Tasks of the virtual executor: their wakers, their handles, and how they are spawned.

use std::collections::VecDeque;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use parking_lot::Mutex;

/// A task from another thread's point of view; this thread's own need not be `Send`.
pub(crate) type SendTask = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The ready queue: strictly first in, first out. Locked because wakers must be `Send`; in a
/// virtual run nobody contends for it.
#[derive(Default)]
pub(crate) struct ReadyQueue {
    queue: Mutex<VecDeque<Ready>>,
}

/// What the executor does next.
pub(crate) enum Ready {
    /// Poll this task.
    Poll(Arc<TaskWaker>),
    /// Take in this task and poll it.
    Spawn(SendTask),
}

impl ReadyQueue {
    pub(crate) fn push(&self, ready: Ready) {
        self.queue.lock().push_back(ready);
    }

    /// Moves everything that is ready into `batch`, which is empty.
    pub(crate) fn take_into(&self, batch: &mut VecDeque<Ready>) {
        std::mem::swap(&mut *self.queue.lock(), batch);
    }
}

/// Puts its task at the end of the ready queue, once however often it is woken.
pub(crate) struct TaskWaker {
    pub(crate) slot: u32,
    /// Tells the task from earlier and later ones in the same slot.
    pub(crate) generation: u64,
    queued: AtomicBool,
    ready: Arc<ReadyQueue>,
}

impl TaskWaker {
    pub(crate) fn new(slot: u32, generation: u64, ready: &Arc<ReadyQueue>) -> Arc<Self> {
        Arc::new(TaskWaker {
            slot,
            generation,
            queued: AtomicBool::new(false),
            ready: Arc::clone(ready),
        })
    }

    /// From now on a wake-up queues the task again, also one during the poll that follows.
    pub(crate) fn taken_from_queue(&self) {
        self.queued.store(false, Ordering::Release);
    }
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        if !self.queued.swap(true, Ordering::AcqRel) {
            let ready = Arc::clone(&self.ready);
            ready.push(Ready::Poll(self));
        }
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.queued.swap(true, Ordering::AcqRel) {
            self.ready.push(Ready::Poll(Arc::clone(self)));
        }
    }
}

/// Spawns tasks from inside other tasks and from objects shared between threads. Cheap to clone.
#[derive(Clone)]
pub struct Spawner {
    ready: Arc<ReadyQueue>,
}

impl Spawner {
    pub(crate) fn new(ready: Arc<ReadyQueue>) -> Self {
        Spawner { ready }
    }

    /// Puts `future` at the end of the ready queue as a task of its own. On an executor that is gone
    /// it is never polled.
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send,
    {
        let (task, handle) = joinable(future);
        self.ready.push(Ready::Spawn(Box::pin(task)));
        handle
    }
}

impl fmt::Debug for Spawner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spawner").finish_non_exhaustive()
    }
}

/// The task was aborted, or dropped with its executor, before it was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Aborted;

impl fmt::Display for Aborted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("task aborted")
    }
}

impl std::error::Error for Aborted {}

/// The result of a spawned task, to be awaited or looked at. Dropping it lets the task run on.
#[derive(Debug)]
pub struct JoinHandle<T> {
    state: Arc<Mutex<JoinState<T>>>,
}

#[derive(Debug)]
struct JoinState<T> {
    outcome: Option<Result<T, Aborted>>,
    finished: bool,
    abort: bool,
    /// Wakes the task, to be aborted.
    task: Option<Waker>,
    /// Wakes whoever awaits the handle.
    joiner: Option<Waker>,
}

impl<T> JoinHandle<T> {
    /// Whether the task is done or aborted.
    pub fn is_finished(&self) -> bool {
        self.state.lock().finished
    }

    /// The task's result if it is finished; only once.
    pub fn take(&mut self) -> Option<Result<T, Aborted>> {
        self.state.lock().outcome.take()
    }

    /// Has the task dropped when its turn comes next.
    pub fn abort(&self) {
        let task = {
            let mut state = self.state.lock();
            state.abort = true;
            state.task.take()
        };
        if let Some(task) = task {
            task.wake();
        }
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, Aborted>;

    /// # Panics
    /// If polled after the result was taken.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.state.lock();
        if let Some(outcome) = state.outcome.take() {
            return Poll::Ready(outcome);
        }
        assert!(!state.finished, "a JoinHandle was polled after its result was taken");
        state.joiner = Some(cx.waker().clone());
        Poll::Pending
    }
}

/// Settles the handle when the task ends in whatever way, be it by being dropped.
struct Settle<T>(Arc<Mutex<JoinState<T>>>);

impl<T> Settle<T> {
    fn settle(&self, outcome: Result<T, Aborted>) {
        let joiner = {
            let mut state = self.0.lock();
            if state.finished {
                return;
            }
            state.finished = true;
            state.outcome = Some(outcome);
            state.task = None;
            state.joiner.take()
        };
        if let Some(joiner) = joiner {
            joiner.wake();
        }
    }
}

impl<T> Drop for Settle<T> {
    fn drop(&mut self) {
        self.settle(Err(Aborted));
    }
}

/// Wraps `future` into a task that reports to the handle.
pub(crate) fn joinable<F: Future>(
    future: F,
) -> (impl Future<Output = ()> + use<F>, JoinHandle<F::Output>) {
    let state = Arc::new(Mutex::new(JoinState {
        outcome: None,
        finished: false,
        abort: false,
        task: None,
        joiner: None,
    }));
    let settle = Settle(Arc::clone(&state));
    let task = async move {
        let mut future = pin!(future);
        let outcome = poll_fn(|cx| {
            {
                let mut state = settle.0.lock();
                if state.abort {
                    return Poll::Ready(Err(Aborted));
                }
                // A task keeps one waker for life, so the first is good for all polls.
                state.task.get_or_insert_with(|| cx.waker().clone());
            }
            future.as_mut().poll(cx).map(Ok)
        })
        .await;
        settle.settle(outcome);
    };
    (task, JoinHandle { state })
}
