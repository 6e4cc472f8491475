//! The virtual executor: one thread, a first-in-first-out ready queue, and a clock that moves only
//! when nothing is ready.
//!
//! What makes a run repeatable: tasks are polled in the order in which they became ready; timers fire
//! in the order of (deadline, registration); all timers of one instant fire before the next task is
//! polled, and all tasks that can run at an instant have run before time moves. Nothing here asks the
//! machine for time, threads or chance.
//!
//! A run that would never end is an error, not a hang: see [`Limits`].

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use crate::clock::{Clock, VirtualTime};
use crate::task::{JoinHandle, Ready, ReadyQueue, Spawner, TaskWaker, joinable};
use crate::time::Time;

/// How much a single run (one call of `block_on`, `run_until` or `run_until_idle`) may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Polls in all.
    pub polls: u64,
    /// Polls without time moving on: tasks that wake each other for ever at one instant.
    pub polls_per_instant: u64,
}

/// The limits of a new executor: two thousand million polls in all, fifty million at one instant.
pub const DEFAULT_LIMITS: Limits = Limits { polls: 2_000_000_000, polls_per_instant: 50_000_000 };

/// Why a run did not come to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExecutorError {
    /// [`Limits::polls`] was reached.
    TooManyPolls {
        /// Virtual time when it was.
        now: Time,
    },
    /// [`Limits::polls_per_instant`] was reached: tasks go round in circles.
    TimeStandsStill {
        /// The instant that does not end.
        now: Time,
    },
    /// Nothing is ready and no timer is set, yet the awaited future is not done.
    NothingLeftToDo {
        /// Virtual time when the last task stopped.
        now: Time,
        /// Tasks that wait for something that never comes.
        waiting_tasks: usize,
    },
}

impl fmt::Display for ExecutorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExecutorError::TooManyPolls { now } => {
                write!(f, "virtual run stopped at {now}: the limit of polls is reached")
            }
            ExecutorError::TimeStandsStill { now } => {
                write!(f, "virtual run stopped at {now}: tasks wake each other without end")
            }
            ExecutorError::NothingLeftToDo { now, waiting_tasks } => write!(
                f,
                "virtual run stopped at {now}: nothing left to do, {waiting_tasks} tasks waiting"
            ),
        }
    }
}

impl std::error::Error for ExecutorError {}

/// Slot number of the future that `block_on` polls, which is borrowed and lives outside the slab.
const MAIN: u32 = u32::MAX;

/// Runs tasks in virtual time. It stays on its thread; its tasks need not be `Send`.
pub struct VirtualExecutor {
    clock: Clock,
    time: Arc<VirtualTime>,
    ready: Arc<ReadyQueue>,
    /// What is being worked off, taken from `ready` in one go.
    batch: RefCell<VecDeque<Ready>>,
    /// Never borrowed while a task is polled, so tasks may spawn.
    tasks: RefCell<Tasks>,
    limits: Cell<Limits>,
    polls: Cell<u64>,
    running: Cell<bool>,
}

impl VirtualExecutor {
    /// An executor without tasks over a virtual clock. A clock has one executor.
    ///
    /// # Panics
    /// If `clock` is real.
    pub fn new(clock: Clock) -> Self {
        let Some(time) = clock.virtual_time().cloned() else {
            panic!("a virtual executor needs a virtual clock");
        };
        VirtualExecutor {
            clock,
            time,
            ready: Arc::default(),
            batch: RefCell::default(),
            tasks: RefCell::default(),
            limits: Cell::new(DEFAULT_LIMITS),
            polls: Cell::new(0),
            running: Cell::new(false),
        }
    }

    /// Sets how much each run may do from now on.
    pub fn set_limits(&self, limits: Limits) {
        self.limits.set(limits);
    }

    /// The clock it runs on.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Polls done since it was made: a measure of work and, compared between runs, of sameness.
    pub fn polls(&self) -> u64 {
        self.polls.get()
    }

    /// Tasks that are neither done nor aborted.
    pub fn task_count(&self) -> usize {
        self.tasks.borrow().live
    }

    /// Makes a task of `future` and puts it at the end of the ready queue. It is polled when the
    /// executor runs.
    pub fn spawn<F: Future + 'static>(&self, future: F) -> JoinHandle<F::Output> {
        let (task, handle) = joinable(future);
        let waker = self.tasks.borrow_mut().insert(Box::pin(task), &self.ready);
        waker.wake();
        handle
    }

    /// A handle that spawns from inside tasks and from shared objects.
    pub fn spawner(&self) -> Spawner {
        Spawner::new(Arc::clone(&self.ready))
    }

    /// Runs tasks and time until `future` is done. What the tasks still have to do stays for the next
    /// run.
    ///
    /// # Errors
    /// If the future cannot be finished: see [`ExecutorError`].
    ///
    /// # Panics
    /// If called from inside one of its own tasks; a task's panic is passed on.
    pub fn block_on<F: Future>(&self, future: F) -> Result<F::Output, ExecutorError> {
        let mut future = pin!(future);
        let mut output = None;
        let waker = TaskWaker::new(MAIN, self.tasks.borrow_mut().next_generation(), &self.ready);
        let main_waker = Waker::from(Arc::clone(&waker));
        main_waker.wake_by_ref();
        let mut poll_main = || match future.as_mut().poll(&mut Context::from_waker(&main_waker)) {
            Poll::Ready(value) => {
                output = Some(value);
                true
            }
            Poll::Pending => false,
        };
        let main = Main { generation: waker.generation, poll: &mut poll_main };
        self.run(Time::MAX, Some(main))?;
        output.ok_or_else(|| ExecutorError::NothingLeftToDo {
            now: self.time.now(),
            waiting_tasks: self.task_count(),
        })
    }

    /// Runs tasks and every timer due by `until`, then sets the clock to `until`.
    ///
    /// # Errors
    /// If a limit is reached: see [`ExecutorError`].
    ///
    /// # Panics
    /// As [`VirtualExecutor::block_on`].
    pub fn run_until(&self, until: Time) -> Result<(), ExecutorError> {
        self.run(until, None)?;
        self.time.fire(until);
        Ok(())
    }

    /// Runs until no task is ready and no timer is set. Tasks that wait for each other stay.
    ///
    /// # Errors
    /// If a limit is reached: see [`ExecutorError`].
    ///
    /// # Panics
    /// As [`VirtualExecutor::block_on`].
    pub fn run_until_idle(&self) -> Result<(), ExecutorError> {
        self.run(Time::MAX, None)
    }

    fn run(&self, until: Time, mut main: Option<Main<'_>>) -> Result<(), ExecutorError> {
        assert!(!self.running.replace(true), "a virtual executor was run from inside its own task");
        let _running = Running(&self.running);
        let mut budget = Budget::new(self.limits.get());
        loop {
            while let Some(ready) = self.next_ready() {
                if let Err(error) = budget.spend(&self.time) {
                    // It keeps its place, so that the run can be taken up again.
                    self.batch.borrow_mut().push_front(ready);
                    return Err(error);
                }
                self.polls.set(self.polls.get() + 1);
                match ready {
                    Ready::Poll(waker) if waker.slot == MAIN => {
                        waker.taken_from_queue();
                        if let Some(main) = &mut main
                            && main.generation == waker.generation
                            && (main.poll)()
                        {
                            return Ok(());
                        }
                    }
                    Ready::Poll(waker) => self.poll_task(&waker),
                    Ready::Spawn(task) => {
                        let waker = self.tasks.borrow_mut().insert(task, &self.ready);
                        self.poll_task(&waker);
                    }
                }
            }
            match self.time.next_deadline() {
                Some(deadline) if deadline <= until => {
                    self.time.fire(deadline);
                    budget.next_instant();
                }
                _ => return Ok(()),
            }
        }
    }

    fn next_ready(&self) -> Option<Ready> {
        let mut batch = self.batch.borrow_mut();
        if batch.is_empty() {
            self.ready.take_into(&mut batch);
        }
        batch.pop_front()
    }

    fn poll_task(&self, waker: &Arc<TaskWaker>) {
        waker.taken_from_queue();
        let Some(mut running) = self.tasks.borrow_mut().take(waker) else {
            return;
        };
        let poll = running.future.as_mut().poll(&mut Context::from_waker(&running.waker));
        match poll {
            Poll::Pending => self.tasks.borrow_mut().put_back(waker.slot, running),
            Poll::Ready(()) => {
                self.tasks.borrow_mut().release(waker.slot);
                // Dropped after the slab is free again: dropping may spawn or wake.
                drop(running);
            }
        }
    }
}

impl Drop for VirtualExecutor {
    fn drop(&mut self) {
        // Taken out first: tasks that are dropped may wake others and even spawn. Whatever is
        // queued meanwhile is dropped too, as it may keep the queue itself alive.
        let tasks = std::mem::take(&mut *self.tasks.borrow_mut());
        drop(tasks);
        let mut batch = std::mem::take(&mut *self.batch.borrow_mut());
        batch.clear();
        loop {
            self.ready.take_into(&mut batch);
            if batch.is_empty() {
                break;
            }
            batch.clear();
        }
    }
}

impl fmt::Debug for VirtualExecutor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VirtualExecutor")
            .field("clock", &self.clock)
            .field("polls", &self.polls.get())
            .finish_non_exhaustive()
    }
}

/// The future of `block_on`, as the run sees it.
struct Main<'a> {
    generation: u64,
    /// Polls it; whether it is done.
    poll: &'a mut dyn FnMut() -> bool,
}

/// Marks the executor as running until dropped, also by a panic of a task.
struct Running<'a>(&'a Cell<bool>);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

/// Counts down [`Limits`].
struct Budget {
    limits: Limits,
    polls: u64,
    polls_at_instant: u64,
}

impl Budget {
    fn new(limits: Limits) -> Self {
        Budget { limits, polls: 0, polls_at_instant: 0 }
    }

    fn spend(&mut self, time: &VirtualTime) -> Result<(), ExecutorError> {
        self.polls += 1;
        self.polls_at_instant += 1;
        if self.polls > self.limits.polls {
            return Err(ExecutorError::TooManyPolls { now: time.now() });
        }
        if self.polls_at_instant > self.limits.polls_per_instant {
            return Err(ExecutorError::TimeStandsStill { now: time.now() });
        }
        Ok(())
    }

    fn next_instant(&mut self) {
        self.polls_at_instant = 0;
    }
}

/// The slab of tasks. A slot belongs to the task whose generation it holds.
#[derive(Default)]
struct Tasks {
    slots: Vec<Slot>,
    free: Vec<u32>,
    last_generation: u64,
    live: usize,
}

struct Slot {
    generation: u64,
    /// Empty while the task is polled and after it is done.
    task: Option<Task>,
}

struct Task {
    future: Pin<Box<dyn Future<Output = ()>>>,
    waker: Waker,
}

impl Tasks {
    fn next_generation(&mut self) -> u64 {
        self.last_generation += 1;
        self.last_generation
    }

    fn insert(
        &mut self,
        future: Pin<Box<dyn Future<Output = ()>>>,
        ready: &Arc<ReadyQueue>,
    ) -> Arc<TaskWaker> {
        let generation = self.next_generation();
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot { generation: 0, task: None });
            (self.slots.len() - 1) as u32
        });
        let waker = TaskWaker::new(slot, generation, ready);
        let task = Task { future, waker: Waker::from(Arc::clone(&waker)) };
        self.slots[slot as usize] = Slot { generation, task: Some(task) };
        self.live += 1;
        waker
    }

    /// Takes the task out to be polled; none if it is done and `waker` a late one.
    fn take(&mut self, waker: &TaskWaker) -> Option<Task> {
        let slot = &mut self.slots[waker.slot as usize];
        if slot.generation == waker.generation { slot.task.take() } else { None }
    }

    fn put_back(&mut self, slot: u32, task: Task) {
        self.slots[slot as usize].task = Some(task);
    }

    fn release(&mut self, slot: u32) {
        self.slots[slot as usize].generation = 0;
        self.free.push(slot);
        self.live -= 1;
    }
}
