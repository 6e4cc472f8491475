//! The version of a token object: one number that orders all states an object ever had, on whatever
//! member they came about.
//!
//! A new object has version 1. Every change counts one more, and adds when and where it was made. So
//! of two members that changed the same object while they could not hear of each other, both come to
//! the same conclusion once they do: the state with more changes stands; of equally many the later
//! one; of two within 16 ms that of the greater device.
//!
//! | bits | what |
//! |---|---|
//! | 20 | how often it was changed |
//! | 36 | when it was changed last, in steps of 2^24 ns since 2020 |
//! | 8 | a hash of the partition's serial number |

use std::time::Duration;

/// The version of a new object.
pub const FIRST: u64 = 1;

const COUNT_SHIFT: u32 = 44;
const COUNT_MAX: u64 = (1 << 20) - 1;
const TIME_SHIFT: u32 = 8;
const TIME_MAX: u64 = (1 << 36) - 1;
/// 2020-01-01, in seconds since 1970.
const EPOCH: Duration = Duration::from_secs(1_577_836_800);
const STEP_SHIFT: u32 = 24;

/// How often the object was changed.
pub fn changes(version: u64) -> u64 {
    version >> COUNT_SHIFT
}

/// Whether two versions are of states that came about without knowing of each other.
pub fn conflict(one: u64, other: u64) -> bool {
    one != other && changes(one) == changes(other)
}

/// The version after a change made now (time since 1970) in the partition of that serial number.
/// Always greater than the one before.
pub(crate) fn next(before: u64, now: Duration, serial: &str) -> u64 {
    let count = (changes(before) + 1).min(COUNT_MAX);
    let time = now.saturating_sub(EPOCH).as_nanos() >> STEP_SHIFT;
    let time = u64::try_from(time).unwrap_or(TIME_MAX).min(TIME_MAX);
    let place = serial.bytes().fold(0_u8, |hash, byte| hash.wrapping_mul(31).wrapping_add(byte));
    let version = count << COUNT_SHIFT | time << TIME_SHIFT | u64::from(place);
    version.max(before + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1_800_000_000);
    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn more_changes_stand_whenever_they_were_made() {
        let once = next(FIRST, NOW + 100 * SECOND, "9");
        let twice = next(next(FIRST, NOW, "1"), NOW, "1");
        assert!(twice > once);
        assert_eq!((changes(FIRST), changes(once), changes(twice)), (0, 1, 2));
        assert!(!conflict(once, twice));
    }

    #[test]
    fn of_equally_many_the_later_stands_and_it_is_a_conflict() {
        let (early, late) = (next(FIRST, NOW, "9"), next(FIRST, NOW + SECOND, "1"));
        assert!(late > early);
        assert!(conflict(early, late));
        assert!(!conflict(early, early));
    }

    #[test]
    fn two_at_one_instant_differ_by_their_place() {
        assert_ne!(next(FIRST, NOW, "1401000000001"), next(FIRST, NOW, "1401000000002"));
    }

    #[test]
    fn a_version_never_falls() {
        let last = next(FIRST, NOW, "9");
        assert!(next(last, Duration::ZERO, "1") > last);
        let most = COUNT_MAX << COUNT_SHIFT | TIME_MAX << TIME_SHIFT;
        assert_eq!(next(most, NOW, "1"), most + 1);
    }
}
