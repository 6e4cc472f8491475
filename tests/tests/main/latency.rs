//! The time that calls take, against the time that the topology says.

use std::time::{Duration, Instant};

use cryptoki::mechanism::Mechanism;
use hsmsim_sim_config::Topology;
use hsmsim_tests::{Sandbox, apart::apart, p11, test_name};

const CALLS: usize = 200;

/// The round trip to the primary, as the topology says it.
fn round_trip() -> Duration {
    let topology = Topology::shipped("ha-pair").expect("a shipped topology");
    let primary = topology.place_of(topology.groups[0].primary()).expect("a place");
    topology.round_trip(topology.client, primary).rtt
}

/// The median of the times of so many calls.
fn median(mut call: impl FnMut()) -> Duration {
    let mut times: Vec<Duration> = (0..CALLS)
        .map(|_| {
            let begin = Instant::now();
            call();
            begin.elapsed()
        })
        .collect();
    times.sort();
    times[CALLS / 2]
}

#[test]
fn the_median_of_200_calls_is_within_200_us_of_the_topology() {
    apart(
        test_name!(),
        || Sandbox::new("ha-pair"),
        |_| {
            let library = p11::library();
            let session = p11::session(&library);
            let keys = p11::make_ec(&session, "k").expect("a key");
            let said = round_trip();
            let mut random = [0; 32];
            let by_random = median(|| session.generate_random_slice(&mut random).expect("a call"));
            let by_sign = median(|| {
                session.sign(&Mechanism::EcdsaSha256, keys.private, b"words").expect("a call");
            });
            println!(
                "the topology says {said:?}; C_GenerateRandom {by_random:?}, C_Sign {by_sign:?}"
            );
            assert!(by_random.abs_diff(said) <= Duration::from_micros(200), "{by_random:?}");
            // The signature itself is computed within its own time.
            assert!(by_sign.abs_diff(said) <= Duration::from_micros(500), "{by_sign:?}");
        },
    );
}

#[test]
fn without_injected_time_a_call_takes_no_time_to_speak_of() {
    apart(
        test_name!(),
        || Sandbox::new("instant"),
        |_| {
            let library = p11::library();
            let session = p11::session(&library);
            let mut random = [0; 32];
            let time = median(|| session.generate_random_slice(&mut random).expect("a call"));
            println!("C_GenerateRandom {time:?}");
            assert!(time < Duration::from_micros(200), "{time:?}");
        },
    );
}
