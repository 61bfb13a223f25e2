//! Dates and times for people, in UTC.

use std::time::Duration;

const SECONDS_PER_DAY: u64 = 24 * 60 * 60;

/// Year, month and day of this many days after 1970-01-01, by the proleptic
/// Gregorian calendar.
pub const fn date(day: i64) -> (i64, i64, i64) {
    // Counted from 0000-03-01, so that a leap day is the last of its year.
    const TO_MARCH_OF_0: i64 = 719_468;
    const ERA: i64 = 146_097;
    let day = day + TO_MARCH_OF_0;
    let (era, of_era) = (day.div_euclid(ERA), day.rem_euclid(ERA));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let of_month = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, of_month)
}

/// This many seconds after 1970-01-01T00:00:00Z, as RFC 3339 writes it.
pub fn time(seconds: u64) -> String {
    let day = i64::try_from(seconds / SECONDS_PER_DAY).unwrap_or(0);
    let (year, month, day) = date(day);
    let of_day = seconds % SECONDS_PER_DAY;
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// The same with microseconds, of the time since then.
pub fn precise_time(since: Duration) -> String {
    let mut text = time(since.as_secs());
    text.pop();
    format!("{text}.{:06}Z", since.subsec_micros())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        let rows = [
            (0, (1970, 1, 1)),
            (59, (1970, 3, 1)),
            (11_016, (2000, 2, 29)),
            (11_017, (2000, 3, 1)),
            (20_784, (2026, 11, 27)),
            (47_540, (2100, 2, 28)),
            (47_541, (2100, 3, 1)),
        ];
        for (day, expected) in rows {
            assert_eq!(date(day), expected, "{day}");
        }
    }

    #[test]
    fn times() {
        assert_eq!(time(0), "1970-01-01T00:00:00Z");
        assert_eq!(time(1_700_000_000), "2023-11-14T22:13:20Z");
        assert_eq!(time(951_868_799), "2000-02-29T23:59:59Z");
        let since = Duration::new(1_700_000_000, 42_000_999);
        assert_eq!(precise_time(since), "2023-11-14T22:13:20.042000Z");
    }
}
