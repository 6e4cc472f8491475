//! Durations as text.

use std::time::Duration;

use hsmsim_sim_config::{format_duration, parse_duration};

#[test]
fn durations_mean_what_they_say() {
    let cases = [
        ("0", 0),
        ("0s", 0),
        ("1ns", 1),
        ("5us", 5_000),
        ("5µs", 5_000),
        ("0.9ms", 900_000),
        ("1.55ms", 1_550_000),
        ("20s", 20_000_000_000),
        ("90s", 90_000_000_000),
        ("2m", 120_000_000_000),
        ("1m30s", 90_000_000_000),
        ("1.5h", 5_400_000_000_000),
        (" 3s ", 3_000_000_000),
    ];
    for (text, nanos) in cases {
        assert_eq!(parse_duration(text), Ok(Duration::from_nanos(nanos)), "{text}");
    }
}

#[test]
fn what_is_no_duration_is_refused_with_an_example() {
    for text in ["", "s", "20", "-1s", "1 s", "1.s", ".5s", "1..2s", "20sec", "1e3s", "ten", "½s"]
    {
        let message = parse_duration(text).expect_err(text);
        assert!(message.contains("1.55ms"), "{message}");
    }
    for text in ["999999999999h", "100000h"] {
        assert!(parse_duration(text).expect_err(text).contains("ten years"), "{text}");
    }
}

#[test]
fn every_duration_survives_being_written_and_read() {
    let nanos = [
        0,
        1,
        999,
        1_000,
        1_550_000,
        900_000,
        123_456_789,
        1_000_000_001,
        59_999_999_999,
        60_000_000_000,
        90_000_000_000,
        3_600_000_000_000,
        86_400_000_000_001,
    ];
    for n in nanos {
        let duration = Duration::from_nanos(n);
        let text = format_duration(duration);
        assert_eq!(parse_duration(&text), Ok(duration), "{text}");
    }
    assert_eq!(format_duration(Duration::from_secs(90)), "90s");
    assert_eq!(format_duration(Duration::from_secs(120)), "2m");
    assert_eq!(format_duration(Duration::from_micros(1550)), "1.55ms");
}
