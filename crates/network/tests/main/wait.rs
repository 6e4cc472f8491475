//! `timeout`, `race` and the clock's own promises.

use std::future::{Future, pending, ready};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use hsmsim_network::{
    Clock, Either, Elapsed, NoTick, Time, VIRTUAL_UNIX_EPOCH_NS, all, drive, race, timeout,
};

use crate::{at_ms, ms, virtual_executor};

#[test]
fn what_is_done_at_the_deadline_is_done_in_time() {
    let executor = virtual_executor();
    let clock = executor.clock().clone();
    // The future registers its timer before the deadline does, and in the second case after it.
    let in_time = executor.block_on(timeout(&clock, at_ms(5), clock.sleep_until(at_ms(5))));
    assert_eq!(in_time, Ok(Ok(())));
    let late_registration = executor.block_on(timeout(&clock, at_ms(9), async {
        clock.sleep_until(at_ms(7)).await;
        clock.sleep_until(at_ms(9)).await;
    }));
    assert_eq!(late_registration, Ok(Ok(())));
}

#[test]
fn timeout_elapses_at_its_deadline_and_not_before() {
    let executor = virtual_executor();
    let clock = executor.clock().clone();
    let outcome = executor.block_on(timeout(&clock, at_ms(20_000), pending::<()>()));
    assert_eq!((outcome, clock.now()), (Ok(Err(Elapsed)), at_ms(20_000)));
}

#[test]
fn all_of_many_are_waited_for_in_real_time_however_many_there_are() {
    let clock = Clock::real();
    // In the order asked for, not in the order done; a filter does not say how many it lets through.
    let sleep = |number: u64| {
        let clock = clock.clone();
        async move {
            clock.sleep(ms((100 - number) / 10)).await;
            number
        }
    };
    let given = drive(&clock, &NoTick, all((0..100).filter(|_| true).map(sleep)));
    assert_eq!(given, (0..100).collect::<Vec<_>>());
    assert_eq!(drive(&clock, &NoTick, all(std::iter::empty::<std::future::Ready<()>>())), []);
}

#[test]
fn future_that_is_ready_leaves_the_clock_alone() {
    // Outside `drive` a look at the real clock's sleep would panic.
    let clock = Clock::real();
    let mut wait = pin!(timeout(&clock, Time::MAX - ms(1), ready(4)));
    let poll = wait.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert_eq!(poll, Poll::Ready(Ok(4)));
}

#[test]
fn race_prefers_the_first() {
    let executor = virtual_executor();
    let clock = executor.clock().clone();
    let both = executor.block_on(race(ready(1), ready("x")));
    assert_eq!(both, Ok(Either::First(1)));
    let second = executor.block_on(race(pending::<()>(), clock.sleep(ms(3))));
    assert_eq!(second, Ok(Either::Second(())));
    let tie = executor.block_on(race(clock.sleep_until(at_ms(8)), clock.sleep_until(at_ms(8))));
    assert_eq!(tie, Ok(Either::First(())));
}

#[test]
fn virtual_wall_time_runs_with_virtual_time() {
    let clock = Clock::virtual_at(at_ms(40));
    assert_eq!(clock.unix_now(), VIRTUAL_UNIX_EPOCH_NS + 40_000_000);
    clock.advance_to(at_ms(100));
    assert_eq!(clock.unix_now(), VIRTUAL_UNIX_EPOCH_NS + 100_000_000);
    clock.advance_to(at_ms(50));
    assert_eq!(clock.now(), at_ms(100), "time never goes back");
    assert!(clock.is_virtual() && !Clock::real().is_virtual());
}

#[test]
fn real_clock_goes_on_and_is_the_same_for_all_clones() {
    let clock = Clock::real();
    let first = clock.now();
    let second = Clock::real().now();
    assert!(second >= first && second - first < ms(10_000));
    assert!(clock.unix_now() > VIRTUAL_UNIX_EPOCH_NS - 2 * 365 * 86_400_000_000_000);
}
