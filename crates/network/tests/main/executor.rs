//! The virtual executor: order, time, ends.

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::rc::Rc;
use std::task::{Poll, Waker};

use hsmsim_network::{
    Aborted, Clock, ExecutorError, Limits, Time, VirtualExecutor, stream, timeout,
};
use tokio::sync::{Notify, mpsc, oneshot, watch};

use crate::{Trace, at_ms, ms, virtual_executor};

/// Gives the others a turn: wakes itself and is pending once.
async fn yield_now() {
    let mut yielded = false;
    poll_fn(|cx| {
        if yielded {
            return Poll::Ready(());
        }
        yielded = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[test]
fn ready_tasks_run_first_in_first_out() {
    let executor = virtual_executor();
    let trace = Trace::default();
    for name in ["a", "b", "c"] {
        let trace = trace.clone();
        executor.spawn(async move {
            for turn in 1..=3 {
                trace.note(format!("{name}{turn}"));
                yield_now().await;
            }
        });
    }
    executor.run_until_idle().unwrap();
    assert_eq!(trace.take(), ["a1", "b1", "c1", "a2", "b2", "c2", "a3", "b3", "c3"]);
}

#[test]
fn timers_fire_by_deadline_then_by_registration() {
    let executor = virtual_executor();
    let trace = Trace::default();
    for (name, deadline) in [("late", 9), ("tie 1", 5), ("early", 2), ("tie 2", 5), ("tie 3", 5)] {
        let (trace, clock) = (trace.clone(), executor.clock().clone());
        executor.spawn(async move {
            clock.sleep_until(at_ms(deadline)).await;
            trace.note(format!("{name} at {}", clock.now()));
        });
    }
    executor.run_until_idle().unwrap();
    assert_eq!(
        trace.take(),
        [
            "early at 0.002000s",
            "tie 1 at 0.005000s",
            "tie 2 at 0.005000s",
            "tie 3 at 0.005000s",
            "late at 0.009000s"
        ]
    );
}

#[test]
fn all_work_of_an_instant_is_done_before_time_moves() {
    let executor = virtual_executor();
    let clock = executor.clock().clone();
    let instants = executor
        .block_on(async {
            clock.sleep(ms(1)).await;
            let mut instants = vec![clock.now()];
            for _ in 0..100 {
                yield_now().await;
                instants.push(clock.now());
            }
            instants
        })
        .unwrap();
    assert!(instants.iter().all(|instant| *instant == at_ms(1)));
}

/// Eight clients call one server over a queue, with random think and service times.
fn busy_run(seed: u64) -> (Vec<String>, u64) {
    let executor = virtual_executor();
    let clock = executor.clock().clone();
    let trace = Trace::default();
    let (calls, mut inbox) = mpsc::channel::<(usize, oneshot::Sender<u64>)>(3);
    for client in 0..8 {
        let (trace, clock, calls) = (trace.clone(), clock.clone(), calls.clone());
        executor.spawn(async move {
            let mut rng = stream(seed, &format!("client {client}"));
            for _ in 0..50 {
                clock.sleep(std::time::Duration::from_nanos(rng.below(3_000_000))).await;
                let (answer, reply) = oneshot::channel();
                calls.send((client, answer)).await.unwrap();
                let outcome = timeout(&clock, clock.now() + ms(2), reply).await;
                trace.note(format!("{:?} {client} {outcome:?}", clock.now()));
            }
        });
    }
    drop(calls);
    executor.spawn({
        let clock = clock.clone();
        async move {
            let mut rng = stream(seed, "server");
            let mut served = 0;
            while let Some((_, answer)) = inbox.recv().await {
                clock.sleep(std::time::Duration::from_nanos(rng.below(900_000))).await;
                served += 1;
                // A caller that gave up is no error.
                let _ = answer.send(served);
            }
        }
    });
    executor.run_until_idle().unwrap();
    assert_eq!(executor.task_count(), 0);
    (trace.take(), executor.polls())
}

#[test]
fn same_seed_gives_the_same_run_and_another_seed_another() {
    let first = busy_run(7);
    assert_eq!(first, busy_run(7));
    assert_eq!(first.0.len(), 400);
    assert!(first.0.iter().any(|event| event.contains("Elapsed")), "some calls must time out");
    assert_ne!(first.0, busy_run(8).0);
}

#[test]
fn tokio_channels_work_under_the_executor() {
    let executor = virtual_executor();
    let clock = executor.clock().clone();
    let (sender, mut receiver) = mpsc::channel::<u32>(1);
    let (state, mut states) = watch::channel("open");
    let (done, is_done) = oneshot::channel();
    let gate = Rc::new(Notify::new());

    executor.spawn({
        let (clock, gate) = (clock.clone(), Rc::clone(&gate));
        async move {
            gate.notified().await;
            for value in 1..=5 {
                // The channel holds one: this waits for the receiver.
                sender.send(value).await.unwrap();
            }
            clock.sleep(ms(10)).await;
            state.send("closed").unwrap();
        }
    });
    let sum = executor.spawn(async move {
        let mut sum = 0;
        while let Some(value) = receiver.recv().await {
            sum += value;
        }
        sum
    });
    executor.spawn(async move {
        states.changed().await.unwrap();
        done.send(*states.borrow()).unwrap();
    });
    let closed = executor.block_on(async {
        gate.notify_one();
        is_done.await.unwrap()
    });
    assert_eq!(closed, Ok("closed"));
    assert_eq!(executor.block_on(sum), Ok(Ok(15)));
    assert_eq!(clock.now(), at_ms(10));
}

#[test]
fn run_until_stops_exactly_there_and_goes_on_later() {
    let executor = virtual_executor();
    let trace = Trace::default();
    for deadline in [10, 20, 30] {
        let (trace, clock) = (trace.clone(), executor.clock().clone());
        executor.spawn(async move {
            clock.sleep_until(at_ms(deadline)).await;
            trace.note(deadline.to_string());
        });
    }
    executor.run_until(at_ms(20)).unwrap();
    assert_eq!(trace.take(), ["10", "20"]);
    executor.run_until(at_ms(25)).unwrap();
    assert_eq!((trace.take().len(), executor.clock().now()), (0, at_ms(25)));
    executor.run_until_idle().unwrap();
    assert_eq!((trace.take().len(), executor.clock().now()), (1, at_ms(30)));
}

#[test]
fn timeout_that_was_not_needed_does_not_hold_the_run_up() {
    let executor = virtual_executor();
    let clock = executor.clock().clone();
    executor.spawn(async move {
        let answer = timeout(&clock, at_ms(20_000), clock.sleep(ms(1))).await;
        assert_eq!(answer, Ok(()));
    });
    executor.run_until_idle().unwrap();
    assert_eq!(executor.clock().now(), at_ms(1));
}

#[test]
fn endless_runs_end_with_an_error() {
    let executor = virtual_executor();
    let clock = executor.clock().clone();
    executor.set_limits(Limits { polls: 1_000, polls_per_instant: 100 });

    let busy = executor.spawn(async {
        loop {
            yield_now().await;
        }
    });
    assert_eq!(executor.run_until_idle(), Err(ExecutorError::TimeStandsStill { now: at_ms(0) }));
    // The run can be taken up where it stopped.
    assert!(executor.run_until(at_ms(1)).is_err());
    busy.abort();
    assert_eq!(executor.run_until(at_ms(1)), Ok(()));
    assert_eq!(executor.task_count(), 0);

    let error = executor.block_on(async {
        loop {
            clock.sleep(ms(1)).await;
        }
    });
    assert!(matches!(error, Err::<(), _>(ExecutorError::TooManyPolls { .. })), "{error:?}");
}

#[test]
fn waiting_for_what_never_comes_is_an_error() {
    let executor = virtual_executor();
    executor.spawn(pending::<()>());
    let error = executor.block_on(pending::<()>());
    assert_eq!(error, Err(ExecutorError::NothingLeftToDo { now: Time::ZERO, waiting_tasks: 1 }));
    assert_eq!(executor.run_until_idle(), Ok(()), "idle tasks are no error without a main future");
}

#[test]
fn block_on_leaves_the_other_tasks_their_work() {
    let executor = virtual_executor();
    let clock = executor.clock().clone();
    let trace = Trace::default();
    let background = executor.spawn({
        let (trace, clock) = (trace.clone(), clock.clone());
        async move {
            clock.sleep(ms(50)).await;
            trace.note("background");
            7
        }
    });
    // Borrows from this frame: the future need not be 'static.
    let local = String::from("main");
    executor
        .block_on(async {
            clock.sleep(ms(10)).await;
            trace.note(local.as_str());
        })
        .unwrap();
    assert!(!background.is_finished());
    assert_eq!(executor.block_on(background), Ok(Ok(7)));
    assert_eq!(trace.take(), ["main", "background"]);
}

#[test]
fn tasks_spawn_tasks_behind_what_is_already_ready() {
    let executor = virtual_executor();
    let trace = Rc::new(RefCell::new(Vec::new()));
    let spawner = executor.spawner();
    let order = std::sync::Arc::new(parking_lot::Mutex::new(Vec::new()));
    executor.spawn({
        let order = std::sync::Arc::clone(&order);
        async move {
            order.lock().push("first");
            let inner = std::sync::Arc::clone(&order);
            let child = spawner.spawn(async move {
                inner.lock().push("child");
                3
            });
            order.lock().push("first goes on");
            assert_eq!(child.await, Ok(3));
        }
    });
    executor.spawn({
        let order = std::sync::Arc::clone(&order);
        let not_send = Rc::clone(&trace);
        async move {
            not_send.borrow_mut().push(1);
            order.lock().push("second");
        }
    });
    executor.run_until_idle().unwrap();
    assert_eq!(*order.lock(), ["first", "first goes on", "second", "child"]);
    assert_eq!(*trace.borrow(), [1]);
}

#[test]
fn aborted_and_abandoned_tasks_say_so() {
    let executor = virtual_executor();
    let dropped = Rc::new(Cell::new(false));
    struct OnDrop(Rc<Cell<bool>>);
    impl Drop for OnDrop {
        fn drop(&mut self) {
            self.0.set(true);
        }
    }
    let guard = OnDrop(Rc::clone(&dropped));
    let aborted = executor.spawn(async move {
        let _guard = guard;
        pending::<()>().await;
    });
    executor.run_until_idle().unwrap();
    aborted.abort();
    executor.run_until_idle().unwrap();
    assert!(dropped.get() && aborted.is_finished());
    assert_eq!(executor.block_on(aborted), Ok(Err(Aborted)));

    let mut finished = executor.spawn(async { 5 });
    let mut abandoned = executor.spawn(pending::<()>());
    executor.run_until_idle().unwrap();
    assert_eq!(abandoned.take(), None);
    drop(executor);
    assert_eq!(abandoned.take(), Some(Err(Aborted)));
    assert_eq!((finished.take(), finished.take()), (Some(Ok(5)), None));
}

#[test]
fn late_waker_of_a_finished_task_does_not_poll_its_successor() {
    let executor = virtual_executor();
    let kept: Rc<RefCell<Option<Waker>>> = Rc::default();
    executor.spawn({
        let kept = Rc::clone(&kept);
        poll_fn(move |cx| {
            *kept.borrow_mut() = Some(cx.waker().clone());
            Poll::Ready(())
        })
    });
    executor.run_until_idle().unwrap();

    let polls = Rc::new(Cell::new(0));
    executor.spawn({
        let polls = Rc::clone(&polls);
        poll_fn(move |_| {
            polls.set(polls.get() + 1);
            Poll::<()>::Pending
        })
    });
    executor.run_until_idle().unwrap();
    kept.take().unwrap().wake();
    executor.run_until_idle().unwrap();
    assert_eq!(polls.get(), 1);
}

#[test]
fn many_wake_ups_before_a_poll_are_one() {
    let executor = virtual_executor();
    let kept: Rc<RefCell<Option<Waker>>> = Rc::default();
    let polls = Rc::new(Cell::new(0));
    executor.spawn({
        let (kept, polls) = (Rc::clone(&kept), Rc::clone(&polls));
        poll_fn(move |cx| {
            polls.set(polls.get() + 1);
            *kept.borrow_mut() = Some(cx.waker().clone());
            Poll::<()>::Pending
        })
    });
    executor.run_until_idle().unwrap();
    let waker = kept.borrow().clone().unwrap();
    for _ in 0..10 {
        waker.wake_by_ref();
    }
    executor.run_until_idle().unwrap();
    assert_eq!(polls.get(), 2);
}

#[test]
#[should_panic(expected = "inside its own task")]
fn running_an_executor_from_its_own_task_is_refused() {
    let executor = Rc::new(virtual_executor());
    let inner = Rc::clone(&executor);
    let _ = executor.block_on(async move {
        let _ = inner.run_until_idle();
    });
}

#[test]
#[should_panic(expected = "needs a virtual clock")]
fn real_clock_is_refused_by_the_virtual_executor() {
    VirtualExecutor::new(Clock::real());
}
