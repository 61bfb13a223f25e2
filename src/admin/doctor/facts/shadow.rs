//! What shadow(5) says about one account: password, expiry.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

const SHADOW: &str = "/etc/shadow";
const SECONDS_PER_DAY: u64 = 24 * 60 * 60;

/// One line of shadow(5). Days count from 1970-01-01.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shadow {
    /// The password field.
    pub password: String,
    /// When the password was changed; 0 means: must change at the next login.
    pub changed: Option<i64>,
    /// For how many days it is valid.
    pub valid_for: Option<i64>,
    /// After so many more days the account is closed.
    pub inactive_after: Option<i64>,
    /// When the account expires.
    pub expires: Option<i64>,
}

impl Shadow {
    /// The line of an account; `None` if it has none here, as the accounts of
    /// a name service.
    pub fn read(name: &str) -> Option<Self> {
        let text = fs::read(SHADOW).ok()?;
        Self::of(&String::from_utf8_lossy(&text), name)
    }

    /// The same, from the text of the file.
    pub fn of(text: &str, name: &str) -> Option<Self> {
        let mut lines = text.lines().map(|line| line.split(':'));
        let mut fields =
            lines.find_map(|mut fields| (fields.next() == Some(name)).then_some(fields))?;
        let mut next = || fields.next().unwrap_or_default();
        let password = next().to_owned();
        let mut day = || next().parse().ok();
        let changed = day();
        let _minimum = day();
        let valid_for = day();
        let _warned = day();
        Some(Self {
            password,
            changed,
            valid_for,
            inactive_after: day(),
            expires: day(),
        })
    }
}

/// The days since 1970-01-01.
pub fn today() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let days = since.map_or(0, |since| since.as_secs() / SECONDS_PER_DAY);
    i64::try_from(days).unwrap_or(i64::MAX)
}

/// A day as `YYYYMMDD`, in UTC, by the proleptic Gregorian calendar.
pub fn date(day: i64) -> String {
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
    let year = year + era * 400 + i64::from(month <= 2);
    format!("{year:04}{month:02}{of_month:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        let rows = [
            (0, "19700101"),
            (59, "19700301"),
            (11_016, "20000229"),
            (11_017, "20000301"),
            (20_784, "20261127"),
            (47_540, "21000228"),
            (47_541, "21000301"),
        ];
        for (day, expected) in rows {
            assert_eq!(date(day), expected, "{day}");
        }
    }

    #[test]
    fn fields() {
        let text = "root:*:19000:0:99999:7:::\na:!$y$x:0:0:90:7:14:20000:\nb::19000::::::\n";
        let a = Shadow::of(text, "a").unwrap();
        let expected = Shadow {
            password: "!$y$x".into(),
            changed: Some(0),
            valid_for: Some(90),
            inactive_after: Some(14),
            expires: Some(20000),
        };
        assert_eq!(a, expected);
        let b = Shadow::of(text, "b").unwrap();
        assert_eq!(
            (b.password.as_str(), b.valid_for, b.expires),
            ("", None, None)
        );
        assert_eq!(Shadow::of(text, "c"), None);
    }
}
