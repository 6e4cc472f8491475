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

/// The moment that such a text names; `None` for what is no moment from 1970 on.
pub(crate) fn parse(text: &[u8]) -> Option<Duration> {
    let text = <&[u8; 16]>::try_from(text).ok()?;
    if !text.iter().all(u8::is_ascii_digit) || &text[14..] != b"00" {
        return None;
    }
    let number = |from: usize, to: usize| {
        text[from..to].iter().fold(0, |number, digit| 10 * number + u64::from(digit - b'0'))
    };
    let (year, month, day) = (number(0, 4), number(4, 6), number(6, 8));
    let (hour, minute, second) = (number(8, 10), number(10, 12), number(12, 14));
    if year < 1970 || !(1..=12).contains(&month) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let days = days_of(year, month, day);
    // A day that the month does not have is one of the next.
    let is_day = civil(days) == (year, month, day);
    is_day.then(|| Duration::from_secs(days * DAY + hour * 3600 + minute * 60 + second))
}

/// The inverse of [`civil`], for months from 1 to 12.
fn days_of(year: u64, month: u64, day: u64) -> u64 {
    let from_march = if month > 2 { month - 3 } else { month + 9 };
    let year = year - u64::from(month <= 2);
    let (era, year_of_era) = (year / 400, year % 400);
    let day_of_year = (153 * from_march + 2) / 5 + day;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    // Day 0 of March begins the eras: a day counts from 1.
    (era * 146_097 + day_of_era).saturating_sub(719_468 + 1)
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
    fn what_was_written_is_read_and_nothing_else() {
        for seconds in [0, 951_782_399, 951_782_400, 1_709_164_800, 4_107_542_400, 253_402_300_799]
        {
            let now = Duration::from_secs(seconds);
            assert_eq!(parse(&moment(now)), Some(now));
        }
        for day in 0..200_000 {
            let (year, month, of_month) = civil(day);
            assert_eq!(days_of(year, month, of_month), day);
        }
        for wrong in [
            "1969123123595900",
            "2026133123595900",
            "2026003123595900",
            "2026022923595900",
            "2026020023595900",
            "2026020124595900",
            "2026020123605900",
            "2026020123596000",
            "2026020123595901",
            "202602012359590",
            "2026020123595900 ",
            "2026-20123595900",
            "",
        ] {
            assert_eq!(parse(wrong.as_bytes()), None, "{wrong}");
        }
    }

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
