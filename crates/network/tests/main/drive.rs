//! Driving on the caller's thread, in real time and in virtual time.

use std::cell::Cell;
use std::future::{Future, pending, poll_fn, ready};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::{Pin, pin};
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use hsmsim_network::{Aside, Clock, NoTick, TICK_INTERVAL, Time, Timers, drive, overdue, timeout};
use tokio::sync::oneshot;

use crate::{at_ms, ms, watchdog};

#[test]
fn call_that_does_not_wait_is_polled_once_with_a_waker_that_does_nothing() {
    let mut polls = 0;
    let tick = || -> bool { panic!("no tick without waiting") };
    let output = drive(
        &Clock::real(),
        &tick,
        poll_fn(|cx| {
            polls += 1;
            // Not `will_wake`: each crate may have a vtable of its own for the waker without data.
            assert!(cx.waker().data().is_null());
            Poll::Ready("done")
        }),
    );
    assert_eq!((output, polls), ("done", 1));
}

#[test]
fn wake_up_from_another_thread_ends_the_wait() {
    let (sender, receiver) = oneshot::channel();
    let (polled, was_polled) = mpsc::channel();
    let other = thread::spawn(move || {
        // Twice: the poll without a waker, and the one after which the driver waits.
        was_polled.recv().unwrap();
        was_polled.recv().unwrap();
        sender.send(17).unwrap();
    });
    let mut receiver = pin!(receiver);
    let answer = drive(
        &Clock::real(),
        &watchdog(),
        poll_fn(|cx| {
            let poll = receiver.as_mut().poll(cx);
            // Nobody listens to the last poll.
            let _ = polled.send(());
            poll
        }),
    );
    other.join().unwrap();
    assert_eq!(answer, Ok(17));
}

#[test]
fn wake_up_between_the_first_two_polls_is_not_lost() {
    let mut polls = 0;
    drive(
        &Clock::real(),
        &watchdog(),
        poll_fn(|cx| {
            polls += 1;
            cx.waker().wake_by_ref();
            if polls < 5 { Poll::Pending } else { Poll::Ready(()) }
        }),
    );
    assert_eq!(polls, 5);
}

#[test]
fn one_wake_up_is_one_poll() {
    let clock = Clock::real();
    let mut sleep = clock.sleep(ms(20));
    let mut polls = 0;
    drive(
        &clock,
        &watchdog(),
        poll_fn(|cx| {
            polls += 1;
            if polls == 2 {
                cx.waker().wake_by_ref();
            }
            Pin::new(&mut sleep).poll(cx)
        }),
    );
    // Without a waker, with one, woken, and at the deadline.
    assert!(polls <= 4, "{polls} polls");
}

#[test]
fn tick_that_reports_a_change_has_the_future_polled_again() {
    let changed = Cell::new(false);
    let ticks = Cell::new(0);
    let clock = Clock::real();
    let start = clock.now();
    let tick = || {
        ticks.set(ticks.get() + 1);
        changed.set(ticks.get() == 3);
        changed.get()
    };
    // Nothing wakes it and no deadline comes: only the tick can end this.
    let wait = poll_fn(|_| if changed.get() { Poll::Ready(()) } else { Poll::Pending });
    let bounded = timeout(&clock, start + ms(10_000), wait);
    assert_eq!(drive(&clock, &tick, bounded), Ok(()));
    assert_eq!(ticks.get(), 3);
    assert!(clock.now() - start >= 3 * TICK_INTERVAL);
}

#[test]
fn waiting_call_ticks_but_not_more_often_than_the_interval() {
    let ticks = Cell::new(0u32);
    let clock = Clock::real();
    let tick = || {
        ticks.set(ticks.get() + 1);
        false
    };
    let start = clock.now();
    drive(&clock, &tick, clock.sleep(ms(60)));
    let most = (clock.now() - start).as_nanos() / TICK_INTERVAL.as_nanos();
    assert!(ticks.get() >= 2 && u128::from(ticks.get()) <= most, "{} ticks", ticks.get());
}

#[test]
fn ticks_keep_their_interval_over_many_short_waits() {
    let ticks = Cell::new(0u32);
    let clock = Clock::real();
    let tick = || {
        ticks.set(ticks.get() + 1);
        false
    };
    drive(&clock, &tick, async {
        for _ in 0..30 {
            clock.sleep(ms(1)).await;
        }
    });
    assert!(ticks.get() >= 1, "30 waits of 1 ms without a tick");
}

/// Polls a sleep and then does something else on the same thread within the same poll.
struct SleepThen<F> {
    sleep: hsmsim_network::Sleep,
    polls: u32,
    then: F,
}

impl<F: FnMut(u32) + Unpin> Future for SleepThen<F> {
    type Output = u32;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<u32> {
        self.polls += 1;
        let polls = self.polls;
        if Pin::new(&mut self.sleep).poll(cx).is_ready() {
            return Poll::Ready(polls);
        }
        (self.then)(polls);
        Poll::Pending
    }
}

#[test]
fn drive_inside_a_poll_keeps_the_outer_deadline_and_adds_none() {
    let clock = Clock::real();
    let inner_clock = clock.clone();
    let outer = SleepThen {
        sleep: clock.sleep(ms(30)),
        polls: 0,
        then: move |polls| {
            if polls == 2 {
                drive(&inner_clock, &NoTick, inner_clock.sleep(Duration::from_micros(300)));
            }
        },
    };
    let polls = drive(&clock, &watchdog(), outer);
    // Without a waker, with one, and at the deadline: no poll on account of the inner deadline. On
    // a machine that stands still for a while the second may already find the deadline passed.
    assert!(polls <= 3, "{polls} polls");
}

#[test]
fn panic_inside_an_inner_drive_leaves_the_outer_deadline_whole() {
    let clock = Clock::real();
    let inner_clock = clock.clone();
    let outer = SleepThen {
        sleep: clock.sleep(ms(20)),
        polls: 0,
        then: move |_| {
            let caught = catch_unwind(AssertUnwindSafe(|| {
                drive(
                    &inner_clock,
                    &NoTick,
                    poll_fn::<(), _>(|_| resume_unwind(Box::new("session task"))),
                );
            }));
            assert!(caught.is_err());
        },
    };
    assert!(drive(&clock, &watchdog(), outer) <= 3);
}

#[test]
fn driving_still_works_while_the_threads_own_storage_is_torn_down() {
    struct Teardown(mpsc::Sender<Duration>);
    impl Drop for Teardown {
        fn drop(&mut self) {
            let clock = Clock::real();
            let start = clock.now();
            drive(&clock, &NoTick, clock.sleep(ms(2)));
            self.0.send(clock.now() - start).unwrap();
        }
    }
    thread_local! {
        static TEARDOWN: Cell<Option<Teardown>> = const { Cell::new(None) };
    }
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        TEARDOWN.set(Some(Teardown(sender)));
        drive(&Clock::real(), &NoTick, ready(()));
    })
    .join()
    .unwrap();
    assert!(receiver.recv().unwrap() >= ms(2));
}

#[test]
#[should_panic(expected = "outside `drive`")]
fn sleep_that_nobody_would_wake_is_refused() {
    let mut sleep = Clock::real().sleep(ms(1_000));
    let _ = Pin::new(&mut sleep).poll(&mut Context::from_waker(Waker::noop()));
}

#[test]
fn timer_thread_serves_sleeps_on_a_foreign_runtime() {
    let timers = Timers::start().unwrap();
    let clock = timers.clock();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let start = clock.now();
    let woken = runtime.block_on(async {
        let mut tasks = Vec::new();
        for millis in [9, 3, 6] {
            let clock = clock.clone();
            tasks.push(tokio::spawn(async move {
                clock.sleep_until(start + ms(millis)).await;
                clock.now()
            }));
        }
        let mut woken = Vec::new();
        for task in tasks {
            woken.push(task.await.unwrap());
        }
        woken
    });
    for (woken, millis) in woken.into_iter().zip([9, 3, 6]) {
        assert!(woken >= start + ms(millis));
    }
    // The same clock under `drive` needs no thread.
    drop(timers);
    drive(&clock, &watchdog(), clock.sleep(ms(1)));
}

#[test]
fn virtual_drive_moves_time_to_each_deadline() {
    let clock = Clock::virtual_at(Time::ZERO);
    drive(&clock, &NoTick, async {
        clock.sleep(ms(20_000)).await;
        clock.sleep(ms(5)).await;
    });
    assert_eq!(clock.now(), at_ms(20_005));
}

#[test]
#[should_panic(expected = "never comes")]
fn virtual_drive_does_not_hang() {
    drive(&Clock::virtual_at(Time::ZERO), &NoTick, pending::<()>());
}

#[test]
fn real_waits_are_never_short_and_mostly_within_a_fifth_of_a_millisecond() {
    let clock = Clock::real();
    let mut overshoots: Vec<Duration> = (0..100)
        .map(|_| {
            let deadline = clock.now() + Duration::from_micros(1_500);
            drive(&clock, &NoTick, clock.sleep_until(deadline));
            let now = clock.now();
            assert!(now >= deadline, "woken early");
            now - deadline
        })
        .collect();
    overshoots.sort();
    println!("overshoot of 1.5 ms waits: p50 {:?}, p99 {:?}", overshoots[50], overshoots[98]);
    // Only the median: other work on the machine may delay any single wait.
    assert!(overshoots[50] <= Duration::from_micros(200), "{:?}", overshoots[50]);
}

#[test]
fn future_put_aside_learns_how_late_it_is_polled() {
    let clock = Clock::virtual_at(Time::ZERO);
    let (mut first, mut second) = (clock.sleep(ms(10)), clock.sleep(ms(30)));
    let mut aside = Aside::new(Box::pin(poll_fn(|cx| {
        // As long as neither is over the earlier one counts.
        let over = Pin::new(&mut first).poll(cx).is_ready();
        match Pin::new(&mut second).poll(cx) {
            Poll::Ready(()) => Poll::Ready(overdue()),
            Poll::Pending => {
                assert_eq!(overdue(), if over { ms(7) } else { Duration::ZERO });
                Poll::Pending
            }
        }
    })));
    let cx = &mut Context::from_waker(Waker::noop());
    for now in [0, 4, 17] {
        clock.advance_to(at_ms(now));
        assert!(aside.poll(&clock, cx).is_pending());
        assert_eq!(overdue(), Duration::ZERO, "nothing of it outside");
    }
    clock.advance_to(at_ms(35));
    assert_eq!(aside.poll(&clock, cx), Poll::Ready(ms(5)));
}

#[test]
fn sleep_of_the_real_clock_may_be_polled_aside_without_a_driver() {
    let clock = Clock::real();
    let deadline = clock.now() + ms(5);
    let mut aside = Aside::new(Box::pin(clock.sleep_until(deadline)));
    let cx = &mut Context::from_waker(Waker::noop());
    while aside.poll(&clock, cx).is_pending() {
        thread::yield_now();
    }
    assert!(clock.now() >= deadline);
}

#[test]
fn driver_wakes_for_what_a_future_put_aside_waits_for() {
    let clock = Clock::real();
    let begin = clock.now();
    let mut aside = Aside::new(Box::pin(clock.sleep(ms(8))));
    let tick = || -> bool { false };
    drive(&clock, &tick, poll_fn(|cx| aside.poll(&clock, cx)));
    assert!(clock.now() - begin >= ms(8));
}
