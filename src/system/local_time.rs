//! The clock on the wall.

use nix::libc;

/// A time in the host's time zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalTime {
    /// Year, month (1 to 12), day.
    pub date: (i32, i32, i32),
    /// Hour, minute, second.
    pub time: (i32, i32, i32),
    /// What the zone is ahead of UTC, in minutes.
    pub offset: i64,
}

/// This many seconds after 1970-01-01T00:00:00Z; `None` if the year has no
/// number (localtime(3)).
pub fn local_time(seconds: u64) -> Option<LocalTime> {
    let seconds = libc::time_t::try_from(seconds).ok()?;
    let mut time = std::mem::MaybeUninit::<libc::tm>::uninit();
    // SAFETY: localtime_r reads one time_t and writes one `struct tm`, to
    // pointers that borrow both for the time of the call.
    let result = unsafe { libc::localtime_r(&raw const seconds, time.as_mut_ptr()) };
    if result.is_null() {
        return None;
    }
    // SAFETY: it succeeded, so it has written all of it.
    let time = unsafe { time.assume_init() };
    Some(LocalTime {
        date: (time.tm_year + 1900, time.tm_mon + 1, time.tm_mday),
        time: (time.tm_hour, time.tm_min, time.tm_sec),
        offset: time.tm_gmtoff / 60,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_later_is_a_second_later() {
        let first = local_time(1_700_000_000).expect("a time");
        let second = local_time(1_700_000_001).expect("a time");
        assert_eq!(second.time.2, first.time.2 + 1);
        // Zones differ by whole minutes, and 1,700,000,000 is 20 seconds after one.
        assert_eq!(first.time.2, 20);
        assert_eq!((first.date.0, first.date.1), (2023, 11));
    }
}
