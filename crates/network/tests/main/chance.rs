//! Named streams and the distribution of delays.

use std::time::Duration;

use hsmsim_network::{Jitter, LatencyModel, stream};

#[test]
fn streams_give_the_same_numbers_for_ever() {
    // Computed apart from this crate, from the definition of the stream's key and of ChaCha8.
    let draws = |seed, name| {
        let mut rng = stream(seed, name);
        [rng.below(u64::MAX), rng.below(u64::MAX), rng.below(u64::MAX)]
    };
    assert_eq!(
        draws(42, "link a>b delay"),
        [15305879062614013580, 1623522733133388028, 112634009290843306]
    );
    assert_eq!(
        draws(u64::MAX, ""),
        [16250890946243821970, 16454913589252420593, 5533410559491825736]
    );
}

#[test]
fn streams_of_other_names_or_seeds_have_nothing_in_common() {
    let draws = |seed, name: &str| -> Vec<u64> {
        let mut rng = stream(seed, name);
        (0..64).map(|_| rng.below(1 << 32)).collect()
    };
    let one = draws(1, "link a>b delay");
    for other in [draws(2, "link a>b delay"), draws(1, "link b>a delay"), draws(1, "")] {
        let equal = one.iter().zip(&other).filter(|(a, b)| a == b).count();
        assert_eq!(equal, 0);
    }
}

#[test]
fn drawing_from_one_stream_leaves_the_others_alone() {
    let mut alone = stream(5, "device hsm-eus-1");
    let expected: Vec<f64> = (0..10).map(|_| alone.unit()).collect();

    let mut device = stream(5, "device hsm-eus-1");
    let mut link = stream(5, "link");
    let interleaved: Vec<f64> = (0..10)
        .map(|_| {
            link.normal();
            device.unit()
        })
        .collect();
    assert_eq!(expected, interleaved);
}

/// Median and 99th percentile of many delays, in nanoseconds.
fn percentiles(model: LatencyModel) -> (f64, f64) {
    let mut rng = stream(11, "percentiles");
    let mut delays: Vec<Duration> = (0..200_001).map(|_| model.sample(&mut rng)).collect();
    delays.sort();
    (delays[100_000].as_nanos() as f64, delays[198_000].as_nanos() as f64)
}

#[track_caller]
fn assert_within(actual: f64, expected: f64, relative: f64) {
    let off = (actual - expected).abs() / expected;
    assert!(off <= relative, "{actual} instead of {expected}: off by {:.3} %", off * 100.0);
}

#[test]
fn every_jitter_keeps_the_base_as_its_median_and_has_the_tail_of_its_formula() {
    let base = Duration::from_micros(1_550);
    let with = |jitter| percentiles(LatencyModel { base, jitter });

    assert_eq!(with(Jitter::None), (1_550_000.0, 1_550_000.0));

    let (p50, p99) = with(Jitter::Uniform { max: Duration::from_micros(500) });
    assert_within(p50, 1_550_000.0, 0.005);
    assert_within(p99, 1_550_000.0 + 0.98 * 500_000.0, 0.002);

    let (p50, p99) = with(Jitter::Normal { sd: Duration::from_micros(200) });
    assert_within(p50, 1_550_000.0, 0.002);
    assert_within(p99, 1_550_000.0 + 2.326_348 * 200_000.0, 0.005);

    let (p50, p99) = with(Jitter::LogNormal { p99_over_p50: 2.5 });
    assert_within(p50, 1_550_000.0, 0.005);
    assert_within(p99, 1_550_000.0 * 2.5, 0.02);
}

#[test]
fn no_delay_is_below_zero() {
    let base = Duration::from_micros(1);
    for jitter in [
        Jitter::Uniform { max: Duration::from_millis(1) },
        Jitter::Normal { sd: Duration::from_millis(1) },
    ] {
        let mut rng = stream(1, "clamp");
        let model = LatencyModel { base, jitter };
        let delays: Vec<Duration> = (0..1_000).map(|_| model.sample(&mut rng)).collect();
        let zero = delays.iter().filter(|delay| delay.is_zero()).count();
        assert!((400..600).contains(&zero), "{zero} of 1000 clamped");
        assert!(delays.iter().all(|delay| *delay < Duration::from_millis(10)));
    }
}

#[test]
fn log_normal_of_one_or_less_is_no_jitter() {
    for p99_over_p50 in [1.0, 0.2, -3.0, f64::NAN] {
        let model = LatencyModel {
            base: Duration::from_micros(900),
            jitter: Jitter::LogNormal { p99_over_p50 },
        };
        assert_eq!(model.sample(&mut stream(1, "flat")), Duration::from_micros(900));
    }
}
