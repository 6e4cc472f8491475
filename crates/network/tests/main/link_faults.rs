//! Links with faults: what each does to a message, before, during and after its passage.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::sync::mpsc;
use std::task::Poll;
use std::thread;

use hsmsim_network::{
    Clock, Condition, Elapsed, Flow, Impairment, Jitter, LatencyModel, Link, LinkRefused,
    LinkState, Loss, Time, Transit, VirtualExecutor, drive, timeout,
};

use crate::{Trace, at_ms, ms, virtual_executor, watchdog};

/// A link of 10 ms.
fn link() -> Link {
    Link::new(1, "a>b", LatencyModel::constant(ms(10)))
}

fn set(link: &Link, at: u64, condition: Condition) {
    link.set_state(at_ms(at), LinkState::in_condition(condition));
}

/// Sends one message at time 0, applies the conditions at their times (ms), and says what the sender
/// saw and when; `None` if nothing within 100 ms.
fn fate(conditions: &[(u64, Condition)]) -> (Option<Result<(), LinkRefused>>, Time) {
    let executor = virtual_executor();
    let clock = executor.clock().clone();
    let link = link();
    schedule(&executor, &link, conditions);
    let outcome = executor
        .block_on(async {
            // Behind the conditions of time 0.
            behind_what_is_ready().await;
            timeout(&clock, at_ms(100), link.carry(&clock, &mut Flow::new())).await
        })
        .unwrap();
    (outcome.ok(), clock.now())
}

fn schedule(executor: &VirtualExecutor, link: &Link, conditions: &[(u64, Condition)]) {
    for &(at, condition) in conditions {
        let (clock, link) = (executor.clock().clone(), link.clone());
        executor.spawn(async move {
            clock.sleep_until(at_ms(at)).await;
            set(&link, at, condition);
        });
    }
}

/// Lets the tasks that are ready go first.
async fn behind_what_is_ready() {
    let mut waited = false;
    poll_fn(|cx| {
        cx.waker().wake_by_ref();
        if std::mem::replace(&mut waited, true) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

use Condition::{Blackhole, Cut, Held, Open};

#[test]
fn cut_link_refuses_at_once() {
    assert_eq!(fate(&[(0, Cut)]), (Some(Err(LinkRefused)), at_ms(0)));
    // Before the cut was healed.
    assert_eq!(fate(&[(0, Cut), (3, Open)]), (Some(Err(LinkRefused)), at_ms(0)));
}

#[test]
fn cut_on_the_way_refuses_at_the_moment_of_the_cut() {
    assert_eq!(fate(&[(4, Cut)]), (Some(Err(LinkRefused)), at_ms(4)));
    assert_eq!(fate(&[(4, Cut), (5, Open)]), (Some(Err(LinkRefused)), at_ms(4)));
    assert_eq!(fate(&[(11, Cut)]), (Some(Ok(())), at_ms(10)));
}

#[test]
fn blackhole_swallows_without_a_word() {
    assert_eq!(fate(&[(0, Blackhole)]), (None, at_ms(100)));
    assert_eq!(fate(&[(4, Blackhole)]), (None, at_ms(100)));
    assert_eq!(fate(&[(4, Blackhole), (5, Open)]), (None, at_ms(100)));
    assert_eq!(fate(&[(11, Blackhole)]), (Some(Ok(())), at_ms(10)));
}

#[test]
fn cut_ends_the_wait_for_a_lost_message() {
    assert_eq!(fate(&[(4, Blackhole), (50, Cut)]), (Some(Err(LinkRefused)), at_ms(50)));
}

#[test]
fn held_message_arrives_at_the_release() {
    assert_eq!(fate(&[(0, Held), (60, Open)]), (Some(Ok(())), at_ms(60)));
    assert_eq!(fate(&[(4, Held), (60, Open)]), (Some(Ok(())), at_ms(60)));
    assert_eq!(fate(&[(4, Held)]), (None, at_ms(100)));
}

#[test]
fn hold_that_ends_before_the_arrival_is_not_noticed() {
    assert_eq!(fate(&[(0, Held), (7, Open)]), (Some(Ok(())), at_ms(10)));
}

#[test]
fn hold_that_turns_into_something_worse_takes_its_messages_along() {
    assert_eq!(fate(&[(0, Held), (60, Cut)]), (Some(Err(LinkRefused)), at_ms(60)));
    assert_eq!(fate(&[(0, Held), (60, Blackhole), (70, Open)]), (None, at_ms(100)));
}

#[test]
fn fate_does_not_depend_on_anybody_looking() {
    // As above, but the link is asked only long afterwards.
    let asked_late = |conditions: &[(u64, Condition)]| {
        let link = link();
        let passage = link.send(at_ms(0), &mut Flow::new());
        for &(at, condition) in conditions {
            set(&link, at, condition);
        }
        link.passage(&passage)
    };
    assert_eq!(asked_late(&[]), Transit::Arrives(at_ms(10)));
    assert_eq!(asked_late(&[(4, Cut), (5, Open)]), Transit::Refused);
    assert_eq!(asked_late(&[(11, Cut), (12, Open)]), Transit::Arrives(at_ms(10)));
    assert_eq!(asked_late(&[(4, Blackhole), (5, Open)]), Transit::Lost);
    assert_eq!(asked_late(&[(11, Blackhole)]), Transit::Arrives(at_ms(10)));
    assert_eq!(asked_late(&[(4, Held)]), Transit::Held);
    assert_eq!(asked_late(&[(4, Held), (60, Open)]), Transit::Arrives(at_ms(60)));
    assert_eq!(asked_late(&[(4, Held), (60, Open), (70, Cut)]), Transit::Arrives(at_ms(60)));
    assert_eq!(asked_late(&[(11, Held)]), Transit::Arrives(at_ms(10)));
    assert_eq!(asked_late(&[(4, Held), (60, Cut), (70, Open)]), Transit::Refused);
}

#[test]
fn held_messages_of_a_flow_come_out_in_order() {
    let executor = virtual_executor();
    let clock = executor.clock().clone();
    let trace = Trace::default();
    let link = link();
    set(&link, 0, Held);
    let mut flow = Flow::new();
    for name in ["first", "second", "third"] {
        let passage = link.send(clock.now(), &mut flow);
        let (trace, clock, link) = (trace.clone(), clock.clone(), link.clone());
        executor.spawn(async move {
            link.arrival(&clock, &passage).await.unwrap();
            trace.note(format!("{name} {}", clock.now()));
        });
    }
    schedule(&executor, &link, &[(80, Open)]);
    executor.run_until_idle().unwrap();
    assert_eq!(trace.take(), ["first 0.080000s", "second 0.080000s", "third 0.080000s"]);
}

#[test]
fn faults_strike_one_direction_only() {
    let path = hsmsim_network::Duplex::new(1, "a", "b", LatencyModel::constant(ms(1)));
    set(&path.back, 0, Cut);
    assert_eq!(path.there.transmit(at_ms(1), &mut Flow::new()), Transit::Arrives(at_ms(2)));
    assert_eq!(path.back.transmit(at_ms(1), &mut Flow::new()), Transit::Refused);
    path.set_state(at_ms(2), LinkState::HEALTHY);
    assert_eq!(path.back.transmit(at_ms(3), &mut Flow::new()), Transit::Arrives(at_ms(4)));
}

/// What becomes of messages sent every second on a link with jitter.
fn transits(impairments: &[Impairment]) -> Vec<Transit> {
    let model = LatencyModel { base: ms(10), jitter: Jitter::LogNormal { p99_over_p50: 2.0 } };
    let link = Link::new(9, "a>b", model);
    let state = LinkState { impairments: impairments.to_vec(), ..LinkState::HEALTHY };
    link.set_state(Time::ZERO, state);
    (0..5_000).map(|sent| link.transmit(at_ms(sent * 1_000), &mut Flow::new())).collect()
}

#[test]
fn impairments_have_their_rate_and_do_not_shift_the_delays_of_the_rest() {
    let healthy = transits(&[]);
    let probability = 0.2;
    for impairment in [
        Impairment::Loss(Loss { probability, burst: ms(0) }),
        Impairment::Loss(Loss { probability, burst: ms(500) }),
        Impairment::Reorder { probability, by: ms(30) },
        Impairment::Corrupt { probability },
        Impairment::Reset { probability },
    ] {
        let impaired = transits(&[impairment]);
        let spared = impaired.iter().zip(&healthy).filter(|(now, before)| now == before).count();
        assert!((3_850..4_150).contains(&spared), "{impairment:?}: {spared} of 5000 spared");
    }
}

#[test]
fn impairments_do_not_shift_each_other() {
    let probability = 0.2;
    let reset = Impairment::Reset { probability };
    let broken = |impairments: &[Impairment]| -> Vec<bool> {
        let broken = |transit: &Transit| matches!(transit, Transit::Breaks(_));
        transits(impairments).iter().map(broken).collect()
    };
    let loss = Impairment::Loss(Loss { probability, burst: ms(0) });
    assert_eq!(broken(&[reset]), broken(&[loss, reset, Impairment::Duplicate { probability }]));
}

#[test]
fn a_duplicate_changes_nothing_above_tcp() {
    assert_eq!(transits(&[Impairment::Duplicate { probability: 1.0 }]), transits(&[]));
}

#[test]
fn a_damaged_or_reset_message_ends_the_connection_where_it_would_have_arrived() {
    for impairment in
        [Impairment::Corrupt { probability: 1.0 }, Impairment::Reset { probability: 1.0 }]
    {
        let executor = virtual_executor();
        let clock = executor.clock().clone();
        let link = link();
        link.set_state(Time::ZERO, LinkState::impaired(impairment));
        let outcome = executor.block_on(link.carry(&clock, &mut Flow::new()));
        assert_eq!(outcome, Ok(Err(LinkRefused)), "{impairment:?}");
        assert_eq!(clock.now(), at_ms(10));
        link.set_state(clock.now(), LinkState::HEALTHY);
        assert_eq!(executor.block_on(link.carry(&clock, &mut Flow::new())), Ok(Ok(())));
    }
}

#[test]
fn a_message_that_would_end_its_connection_is_held_and_swallowed_like_any_other() {
    let link = link();
    link.set_state(Time::ZERO, LinkState::impaired(Impairment::Reset { probability: 1.0 }));
    let passage = link.send(at_ms(0), &mut Flow::new());
    set(&link, 5, Held);
    assert_eq!(link.passage(&passage), Transit::Held);
    set(&link, 60, Open);
    assert_eq!(link.passage(&passage), Transit::Breaks(at_ms(60)));
    set(&link, 60, Blackhole);
    assert_eq!(link.passage(&passage), Transit::Lost);
}

#[test]
fn what_follows_an_overtaken_message_on_its_connection_waits_for_it() {
    let link = link();
    link.set_state(
        Time::ZERO,
        LinkState::impaired(Impairment::Reorder { probability: 1.0, by: ms(30) }),
    );
    let (mut flow, mut other) = (Flow::new(), Flow::new());
    assert_eq!(link.transmit(at_ms(0), &mut flow), Transit::Arrives(at_ms(40)));
    link.set_state(at_ms(1), LinkState::HEALTHY);
    assert_eq!(link.transmit(at_ms(2), &mut flow), Transit::Arrives(at_ms(40)));
    assert_eq!(link.transmit(at_ms(2), &mut other), Transit::Arrives(at_ms(12)));
}

#[test]
fn the_first_packet_of_a_connection_is_missed_after_a_second() {
    // The earliest arrival of those that were lost once or more.
    let missed = |flow: &Flow| {
        let link = link();
        let loss = Loss { probability: 0.5, burst: ms(0) };
        link.set_state(Time::ZERO, LinkState::impaired(Impairment::Loss(loss)));
        let arrival = |_| match link.transmit(at_ms(0), &mut flow.clone()) {
            Transit::Arrives(at) => at,
            other => panic!("{other:?}"),
        };
        (0..50).map(arrival).filter(|at| *at > at_ms(10)).min()
    };
    assert_eq!(missed(&Flow::new()), Some(at_ms(230)));
    assert_eq!(missed(&Flow::connecting()), Some(at_ms(1_010)));
}

#[test]
fn a_firewall_with_an_idle_limit_carries_messages_and_remembers() {
    let link = link();
    assert!(!link.has_firewall() && link.forgot(at_ms(0), at_ms(9_000)).is_none());
    let walled = LinkState { idle_limit: Some(ms(100)), ..LinkState::HEALTHY };
    link.set_state(at_ms(0), walled.clone().and(LinkState::HEALTHY));
    assert_eq!(link.transmit(at_ms(1), &mut Flow::new()), Transit::Arrives(at_ms(11)));
    assert_eq!(link.forgot(at_ms(1), at_ms(101)), None);
    assert_eq!(link.forgot(at_ms(1), at_ms(102)), Some(at_ms(101)));
    link.set_state(at_ms(500), LinkState::HEALTHY);
    assert_eq!(link.forgot(at_ms(1), at_ms(9_000)), Some(at_ms(101)));
    let both = walled.and(LinkState { idle_limit: Some(ms(40)), ..LinkState::HEALTHY });
    assert_eq!(both.idle_limit, Some(ms(40)));
}

#[test]
fn refused_message_draws_like_any_other() {
    let model = LatencyModel { base: ms(10), jitter: Jitter::Normal { sd: ms(2) } };
    let transits = |cut: bool| -> Vec<Transit> {
        let link = Link::new(9, "a>b", model);
        if cut {
            set(&link, 0, Cut);
        }
        let first = link.transmit(at_ms(0), &mut Flow::new());
        assert_eq!(first == Transit::Refused, cut);
        set(&link, 1, Open);
        (1..20).map(|sent| link.transmit(at_ms(sent), &mut Flow::new())).collect()
    };
    assert_eq!(transits(true), transits(false));
}

#[test]
fn waiters_notice_release_change_and_cut_at_once() {
    let executor = virtual_executor();
    let clock = executor.clock().clone();
    let trace = Trace::default();
    let link = link();
    set(&link, 0, Held);
    let (generation, cuts) = (link.generation(), link.cuts());
    let spawn = |name: &'static str, wait: std::pin::Pin<Box<dyn Future<Output = ()>>>| {
        let (trace, clock) = (trace.clone(), clock.clone());
        executor.spawn(async move {
            wait.await;
            trace.note(format!("{name} {}", clock.now()));
        });
    };
    let (a, b, c) = (link.clone(), link.clone(), link.clone());
    spawn("cut", Box::pin(async move { a.cut_since(cuts).await }));
    spawn("released", Box::pin(async move { b.released().await }));
    spawn("changed", Box::pin(async move { assert_ne!(c.changed(generation).await, generation) }));
    schedule(&executor, &link, &[(5, Open), (6, Cut), (7, Open)]);
    executor.run_until_idle().unwrap();
    assert_eq!(trace.take(), ["released 0.005000s", "changed 0.005000s", "cut 0.006000s"]);
    assert!(link.is_cut_since(cuts), "a healed cut still broke the connection");
    assert!(!link.is_cut_since(link.cuts()));
}

#[test]
fn setting_the_same_state_again_disturbs_nobody() {
    let link = link();
    set(&link, 1, Held);
    let passage = link.send(at_ms(2), &mut Flow::new());
    let generation = link.generation();
    set(&link, 30, Held);
    assert_eq!(link.generation(), generation);
    set(&link, 40, Open);
    assert_eq!(link.passage(&passage), Transit::Arrives(at_ms(40)));
}

#[test]
fn swallowed_message_leaves_the_caller_to_its_timeout() {
    let executor = virtual_executor();
    let clock = executor.clock().clone();
    let link = link();
    set(&link, 0, Blackhole);
    let mut flow = Flow::new();
    let outcome = executor.block_on(async {
        let lost = timeout(&clock, at_ms(20_000), link.carry(&clock, &mut flow)).await;
        link.set_state(clock.now(), LinkState::HEALTHY);
        let next = link.carry(&clock, &mut flow).await;
        (lost, next, clock.now())
    });
    assert_eq!(outcome, Ok((Err(Elapsed), Ok(()), at_ms(20_010))));
}

#[test]
fn fault_set_by_a_tick_of_the_waiting_call_strikes_it() {
    let clock = Clock::real();
    let link = Link::new(1, "a>b", LatencyModel::constant(ms(60_000)));
    let tick = || {
        link.set_state(clock.now(), LinkState::in_condition(Cut));
        true
    };
    let outcome = drive(&clock, &tick, link.carry(&clock, &mut Flow::new()));
    assert_eq!(outcome, Err(LinkRefused));
}

#[test]
fn fault_set_by_another_thread_strikes_a_waiting_call() {
    let clock = Clock::real();
    let link = Link::new(1, "a>b", LatencyModel::INSTANT);
    link.set_state(clock.now(), LinkState::in_condition(Held));
    let (polled, is_polled) = mpsc::channel();
    let other = thread::spawn({
        let (clock, link) = (clock.clone(), link.clone());
        move || {
            // After its second poll the call waits.
            is_polled.recv().unwrap();
            is_polled.recv().unwrap();
            link.set_state(clock.now(), LinkState::HEALTHY);
        }
    });
    let mut flow = Flow::new();
    let mut carry = pin!(link.carry(&clock, &mut flow));
    let wait = poll_fn(|cx| {
        let poll = carry.as_mut().poll(cx);
        // Nobody listens to the last poll.
        let _ = polled.send(());
        poll
    });
    assert_eq!(drive(&clock, &watchdog(), wait), Ok(()));
    other.join().unwrap();
}

#[test]
fn links_are_shared_by_their_clones() {
    let one = link();
    let other = one.clone();
    set(&one, 0, Blackhole);
    assert_eq!(other.state().condition, Blackhole);
    let seen = Rc::new(Cell::new(other.generation()));
    set(&other, 1, Open);
    assert_eq!(one.generation(), seen.get() + 1);
}
