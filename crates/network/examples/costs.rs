//! What the wire itself costs: a driven call that waits for nothing, a message on an undelayed link,
//! and a virtual run of ten minutes with four devices, 64 sessions and 1,000 calls a second.
//!
//! ```text
//! cargo run --release -p hsmsim-network --example costs
//! ```

use std::future::ready;
use std::hint::black_box;
use std::time::{Duration, Instant};

use hsmsim_network::{
    Clock, Duplex, Flow, Jitter, LatencyModel, Link, NoTick, Time, VirtualExecutor, drive, stream,
    timeout,
};
use tokio::sync::{mpsc, oneshot};

const DEVICES: usize = 4;
const SESSIONS: u64 = 64;
const CALLS_PER_SECOND: u64 = 1_000;
const RUN: Duration = Duration::from_secs(600);

fn main() {
    let clock = Clock::real();
    println!("now                         {:6.1} ns", per_call(|| _ = black_box(clock.now())));
    let ready_call = || black_box(drive(&clock, &NoTick, ready(black_box(1))));
    println!("drive, ready future         {:6.1} ns", per_call(|| _ = ready_call()));

    let link = Link::new(1, "a>b", LatencyModel::INSTANT);
    let mut flow = Flow::new();
    let carried = per_call(|| {
        let arrived = drive(&clock, &NoTick, link.carry(&clock, &mut flow));
        assert!(black_box(arrived).is_ok());
    });
    println!("drive, undelayed carry      {carried:6.1} ns");
    let in_time = per_call(|| {
        let carry = link.carry(&clock, &mut flow);
        let arrived = drive(&clock, &NoTick, timeout(&clock, Time::MAX, carry));
        assert!(black_box(arrived).is_ok());
    });
    println!("the same under a timeout    {in_time:6.1} ns");

    let start = Instant::now();
    let (calls, polls) = ten_minutes();
    let elapsed = start.elapsed();
    println!(
        "virtual {RUN:?}: {calls} calls, {polls} polls in {elapsed:.2?}: {:.0} ns a poll",
        elapsed.as_nanos() as f64 / polls as f64
    );
}

/// Nanoseconds a call, the best of several rounds.
fn per_call(mut call: impl FnMut()) -> f64 {
    const CALLS: u32 = 1_000_000;
    (0..5)
        .map(|_| {
            let start = Instant::now();
            for _ in 0..CALLS {
                call();
            }
            start.elapsed().as_nanos() as f64 / f64::from(CALLS)
        })
        .fold(f64::INFINITY, f64::min)
}

/// Sessions call tasks on devices over jittering links, each call under a receive timeout.
fn ten_minutes() -> (u64, u64) {
    let executor = VirtualExecutor::new(Clock::virtual_at(Time::ZERO));
    let clock = executor.clock().clone();
    let end = Time::ZERO + RUN;
    let jitter = Jitter::LogNormal { p99_over_p50: 2.0 };
    let one_way = LatencyModel::half_of(Duration::from_micros(1_550), jitter);
    let paths: Vec<Duplex> = (0..DEVICES)
        .map(|device| Duplex::new(42, "app", &format!("device {device}"), one_way))
        .collect();
    let think = Duration::from_secs(1) * SESSIONS as u32 / CALLS_PER_SECOND as u32;
    let mut sessions = Vec::new();
    for session in 0..SESSIONS {
        let path = paths[session as usize % DEVICES].clone();
        let (requests, mut inbox) = mpsc::channel::<(u64, oneshot::Sender<u64>)>(1);
        executor.spawn({
            let clock = clock.clone();
            async move {
                while let Some((request, reply)) = inbox.recv().await {
                    clock.sleep(Duration::from_micros(300)).await;
                    let _ = reply.send(request + 1);
                }
            }
        });
        let clock = clock.clone();
        sessions.push(executor.spawn(async move {
            let mut rng = stream(42, &format!("session {session}"));
            let (mut there, mut back) = (Flow::new(), Flow::new());
            let mut next = Time::from_nanos(rng.below(think.as_nanos() as u64));
            let mut calls = 0;
            while next < end {
                clock.sleep_until(next).await;
                next += think;
                let call = async {
                    path.there.carry(&clock, &mut there).await.ok()?;
                    let (reply, answer) = oneshot::channel();
                    requests.send((calls, reply)).await.ok()?;
                    let answer = answer.await.ok()?;
                    path.back.carry(&clock, &mut back).await.ok()?;
                    Some(answer)
                };
                let deadline = clock.now() + Duration::from_secs(20);
                assert_eq!(timeout(&clock, deadline, call).await, Ok(Some(calls + 1)));
                calls += 1;
            }
            calls
        }));
    }
    executor.run_until_idle().expect("the run ends");
    let calls = sessions.iter_mut().filter_map(|session| session.take()?.ok()).sum();
    (calls, executor.polls())
}
