//! What shadow(5) says about one account: password, expiry.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::print::calendar;

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

/// A day as `YYYYMMDD`, in UTC.
pub fn date(day: i64) -> String {
    let (year, month, day) = calendar::date(day);
    format!("{year:04}{month:02}{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

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
