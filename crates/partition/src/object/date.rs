//! Days and moments as PKCS#11 writes them, in UTC.

use std::time::Duration;

const DAY: u64 = 86_400;

/// CK_DATE of a moment since 1970: year, month and day in digits, which compare as days do.
pub(crate) fn of(now: Duration) -> [u8; 8] {
    let mut date = [0; 8];
    date.copy_from_slice(&moment(now)[..8]);
    date
}

/// CK_TOKEN_INFO.utcTime of a moment since 1970: year, month, day, hour, minute and second in digits, then
/// two zeros.
pub(crate) fn moment(now: Duration) -> [u8; 16] {
    let (days, rest) = (now.as_secs() / DAY, now.as_secs() % DAY);
    let (year, month, day) = civil(days);
    let text = format!(
        "{year:04}{month:02}{day:02}{:02}{:02}{:02}00",
        rest / 3600,
        rest / 60 % 60,
        rest % 60
    );
    let mut moment = *b"9999123123595900";
    // A year of five digits does not fit; the last moment that does stands for it.
    if text.len() == moment.len() {
        moment.copy_from_slice(text.as_bytes());
    }
    moment
}

/// Year, month and day of a day since 1970, in the Gregorian calendar: eras of 400 years, years that
/// begin in March.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_as_the_calendar_has_them() {
        for (seconds, expected) in [
            (0, b"1970010100000000"),
            (951_782_399, b"2000022823595900"),
            (951_782_400, b"2000022900000000"),
            (1_709_164_800, b"2024022900000000"),
            (1_798_761_599, b"2026123123595900"),
            (4_102_444_800, b"2100010100000000"),
            (4_107_542_400, b"2100030100000000"),
            (u64::from(u32::MAX) << 20, b"9999123123595900"),
        ] {
            assert_eq!(&moment(Duration::from_secs(seconds)), expected, "{seconds}");
        }
        assert_eq!(&of(Duration::from_secs(1_798_761_600)), b"20270101");
    }
}
