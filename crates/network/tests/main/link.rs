//! Links without faults: delay, order, cost.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use hsmsim_network::{
    Clock, Condition, Duplex, ExtraDelay, Flow, Impairment, Jitter, LatencyModel, Link, LinkState,
    Time, Transit,
};

use crate::{Trace, at_ms, ms, virtual_executor};

#[test]
fn undelayed_message_arrives_at_the_first_poll() {
    let link = Link::new(1, "a>b", LatencyModel::INSTANT);
    let clock = Clock::real();
    let mut flow = Flow::new();
    let mut carry = pin!(link.carry(&clock, &mut flow));
    let poll = carry.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert_eq!(poll, Poll::Ready(Ok(())));
    assert!(link.is_plain());
}

#[test]
fn message_takes_the_delay_of_its_direction() {
    let executor = virtual_executor();
    let clock = executor.clock().clone();
    let path = Duplex::new(1, "app", "hsm-eus-1", LatencyModel::constant(ms(16)));
    path.back.set_latency(LatencyModel::constant(ms(30)));
    let mut there = Flow::new();
    let mut back = Flow::new();
    executor
        .block_on(async {
            path.there.carry(&clock, &mut there).await.unwrap();
            assert_eq!(clock.now(), at_ms(16));
            path.back.carry(&clock, &mut back).await.unwrap();
            assert_eq!(clock.now(), at_ms(46));
        })
        .unwrap();
    assert_eq!((path.there.name(), path.back.name()), ("app>hsm-eus-1", "hsm-eus-1>app"));
}

#[test]
fn messages_of_one_flow_never_overtake_each_other() {
    let jitter = Jitter::LogNormal { p99_over_p50: 20.0 };
    let link = Link::new(3, "a>b", LatencyModel { base: ms(1), jitter });
    let mut flow = Flow::new();
    let mut last = Time::ZERO;
    let mut pushed_back = 0;
    for sent in 0..2_000 {
        let Transit::Arrives(arrival) = link.transit_at(sent, &mut flow) else {
            panic!("healthy links deliver");
        };
        assert!(arrival >= last, "message {sent} overtook the one before it");
        pushed_back += u32::from(arrival == last);
        last = arrival;
    }
    assert!(pushed_back > 100, "the jitter must have tried");
}

#[test]
fn flows_do_not_wait_for_each_other() {
    let jitter = Jitter::LogNormal { p99_over_p50: 20.0 };
    let link = Link::new(3, "a>b", LatencyModel { base: ms(1), jitter });
    let mut overtakings = 0;
    for sent in 0..1_000 {
        let first = link.transit_at(sent, &mut Flow::new());
        let second = link.transit_at(sent, &mut Flow::new());
        if let (Transit::Arrives(first), Transit::Arrives(second)) = (first, second) {
            overtakings += u32::from(second < first);
        }
    }
    assert!((350..650).contains(&overtakings), "{overtakings} of 1000");
}

#[test]
fn message_behind_an_abandoned_one_keeps_its_place() {
    let executor = virtual_executor();
    let clock = executor.clock().clone();
    let link = Link::new(1, "a>b", LatencyModel::constant(ms(100)));
    let mut flow = Flow::new();
    executor
        .block_on(async {
            let abandoned =
                hsmsim_network::timeout(&clock, at_ms(10), link.carry(&clock, &mut flow));
            assert!(abandoned.await.is_err());
            // The link has become faster, yet the first message is still under way.
            link.set_latency(LatencyModel::INSTANT);
            link.carry(&clock, &mut flow).await.unwrap();
            assert_eq!(clock.now(), at_ms(100));
            link.carry(&clock, &mut flow).await.unwrap();
            assert_eq!(clock.now(), at_ms(100));
        })
        .unwrap();
}

#[test]
fn one_link_delivers_in_the_order_of_arrival() {
    let executor = virtual_executor();
    let trace = Trace::default();
    let link = Link::new(1, "a>b", LatencyModel::constant(ms(2)));
    for (name, sent) in [("late", 3), ("early", 1), ("middle", 2), ("middle too", 2)] {
        let (trace, clock, link) = (trace.clone(), executor.clock().clone(), link.clone());
        executor.spawn(async move {
            clock.sleep_until(at_ms(sent)).await;
            link.carry(&clock, &mut Flow::new()).await.unwrap();
            trace.note(format!("{name} {}", clock.now()));
        });
    }
    executor.run_until_idle().unwrap();
    assert_eq!(
        trace.take(),
        ["early 0.003000s", "middle 0.004000s", "middle too 0.004000s", "late 0.005000s"]
    );
}

#[test]
fn delays_come_from_the_seed_and_the_name() {
    let model = LatencyModel { base: ms(1), jitter: Jitter::Normal { sd: ms(1) / 4 } };
    let arrivals = |seed, name: &str| -> Vec<Transit> {
        let link = Link::new(seed, name, model);
        (0..50).map(|sent| link.transit_at(sent, &mut Flow::new())).collect()
    };
    assert_eq!(arrivals(1, "a>b"), arrivals(1, "a>b"));
    assert_ne!(arrivals(1, "a>b"), arrivals(2, "a>b"));
    assert_ne!(arrivals(1, "a>b"), arrivals(1, "b>a"));
}

#[test]
fn extra_delay_is_added_and_taken_away() {
    let link = Link::new(1, "a>b", LatencyModel::INSTANT);
    let slow = delayed(ms(40), ms(0));
    link.set_state(Time::ZERO, slow);
    assert!(!link.is_plain());
    assert_eq!(link.transit_at(1, &mut Flow::new()), Transit::Arrives(at_ms(41)));
    link.set_state(at_ms(2), LinkState::HEALTHY);
    assert!(link.is_plain());
    assert_eq!(link.transit_at(3, &mut Flow::new()), Transit::Arrives(at_ms(3)));
}

#[test]
fn spread_of_an_extra_delay_is_even_and_leaves_the_links_own_jitter_alone() {
    let model = LatencyModel { base: ms(5), jitter: Jitter::Normal { sd: ms(1) } };
    let arrivals = |state: LinkState| -> Vec<Time> {
        let link = Link::new(4, "a>b", model);
        link.set_state(Time::ZERO, state);
        (0..10_000)
            .map(|sent| match link.transit_at(sent, &mut Flow::new()) {
                Transit::Arrives(arrival) => arrival,
                other => panic!("{other:?} on a link that only delays"),
            })
            .collect()
    };
    let healthy = arrivals(LinkState::HEALTHY);
    let slow = arrivals(delayed(ms(20), ms(10)));
    let mut extra: Vec<Duration> = slow.iter().zip(&healthy).map(|(s, h)| *s - *h).collect();
    extra.sort();
    assert!(extra[0] >= ms(20) && extra[9_999] < ms(30), "{:?} {:?}", extra[0], extra[9_999]);
    let median = extra[5_000];
    assert!(median > Duration::from_micros(24_700) && median < Duration::from_micros(25_300));

    // The greatest delay there is does not overflow: the message never arrives.
    let endless = delayed(Duration::MAX, Duration::MAX);
    let link = Link::new(4, "a>b", model);
    link.set_state(Time::ZERO, endless);
    assert_eq!(link.transit_at(0, &mut Flow::new()), Transit::Lost);
}

#[test]
fn two_faults_on_a_link_add_up_in_either_order() {
    let faults = |condition, delay| LinkState { condition, ..delayed(ms(delay), ms(0)) };
    let slow_and_held = faults(Condition::Held, 3);
    let slow_and_cut = faults(Condition::Cut, 4);
    for both in [
        slow_and_held.clone().and(slow_and_cut.clone()),
        slow_and_cut.and(slow_and_held).and(LinkState::HEALTHY),
    ] {
        assert_eq!(both.condition, Condition::Cut);
        let link = Link::new(1, "a>b", LatencyModel::INSTANT);
        link.set_state(Time::ZERO, LinkState { condition: Condition::Open, ..both });
        assert_eq!(link.transit_at(0, &mut Flow::new()), Transit::Arrives(at_ms(7)));
    }
}

/// A link with an extra delay and an even spread.
fn delayed(base: Duration, spread: Duration) -> LinkState {
    LinkState::impaired(Impairment::Delay(ExtraDelay { base, spread, ..ExtraDelay::default() }))
}

#[test]
fn real_round_trip_takes_what_the_links_say() {
    let clock = Clock::real();
    let path =
        Duplex::new(1, "a", "b", LatencyModel::half_of(Duration::from_micros(900), Jitter::None));
    let start = clock.now();
    hsmsim_network::drive(&clock, &hsmsim_network::NoTick, async {
        path.there.carry(&clock, &mut Flow::new()).await.unwrap();
        path.back.carry(&clock, &mut Flow::new()).await.unwrap();
    });
    assert!(clock.now() - start >= Duration::from_micros(900));
}

/// Sending at a time in milliseconds.
trait TransitAt {
    fn transit_at(&self, sent_ms: u64, flow: &mut Flow) -> Transit;
}

impl TransitAt for Link {
    fn transit_at(&self, sent_ms: u64, flow: &mut Flow) -> Transit {
        self.transmit(at_ms(sent_ms), flow)
    }
}
