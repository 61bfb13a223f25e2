//! Reads numbers with a unit: times, sizes, counts and modes.

use std::time::Duration;

use super::errors::{Errors, quoted};
use super::value::{Content, Value};

/// A factor for each suffix.
type Units = [(&'static str, u64)];

const TIME: &Units = &[("s", 1), ("m", 60), ("h", 3600), ("d", 86_400)];
const SIZE: &Units = &[
    ("K", 1 << 10),
    ("KiB", 1 << 10),
    ("M", 1 << 20),
    ("MiB", 1 << 20),
    ("G", 1 << 30),
    ("GiB", 1 << 30),
    ("T", 1 << 40),
    ("TiB", 1 << 40),
];

/// The longest time: 100 years of 365 days, in seconds. A timer must be able to
/// hold it.
const TIME_MAX: u64 = 100 * 365 * 86_400;

/// The largest size in bytes: that of a file (off_t).
const SIZE_MAX: u64 = i64::MAX as u64;

/// The bits that a mode of the policy may have (chmod(2)): a client may never
/// set the set-uid, set-gid and sticky bits.
const MODE_MAX: u32 = 0o777;

/// The same with set-gid.
const DIRECTORY_MODE_MAX: u32 = 0o2777;

/// A time of at least a second. `"none"` removes a limit.
pub(in crate::decide::policy) fn duration(
    value: &Value<'_>,
    errors: &mut Errors,
) -> Option<Option<Duration>> {
    let wanted = "a time such as \"15m\" (s, m, h, d; a plain number is seconds)";
    let seconds = bound(value, wanted, TIME, TIME_MAX, errors)?;
    Some(seconds.map(Duration::from_secs))
}

/// A size in bytes, at least one. `"none"` removes a limit.
pub(in crate::decide::policy) fn size(
    value: &Value<'_>,
    errors: &mut Errors,
) -> Option<Option<u64>> {
    let wanted = "a size such as \"500M\" (K, M, G, T of 1024; a plain number is bytes)";
    bound(value, wanted, SIZE, SIZE_MAX, errors)
}

/// A number of at least one. `"none"` removes a limit.
pub(in crate::decide::policy) fn count(
    value: &Value<'_>,
    errors: &mut Errors,
) -> Option<Option<u32>> {
    let wanted = "a number of at least 1";
    let count = bound(value, wanted, &[], u64::from(u32::MAX), errors)?;
    Some(count.and_then(|count| u32::try_from(count).ok()))
}

fn bound(
    value: &Value<'_>,
    wanted: &str,
    units: &Units,
    max: u64,
    errors: &mut Errors,
) -> Option<Option<u64>> {
    let number = match &value.content {
        Content::Text(text) if text == "none" => return Some(None),
        Content::Text(text) => with_unit(text, units),
        Content::Integer(number) => number.and_then(|number| u64::try_from(number).ok()),
        _ => return value.wrong_type(wanted, errors),
    };
    match number {
        Some(number) if (1..=max).contains(&number) => Some(Some(number)),
        Some(0) => {
            let hint = "leave the key out, or write \"none\", for no limit";
            errors.hint(value.span, "a limit of 0 would allow nothing", hint)
        }
        Some(_) => errors.at(value.span, format!("the number is larger than {max}")),
        None => errors.at(value.span, format!("this is not {wanted}")),
    }
}

/// Digits and one suffix. A number that is too large is `u64::MAX`.
fn with_unit(text: &str, units: &Units) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, suffix) = text.split_at(digits);
    let factor = units.iter().find(|unit| unit.0 == suffix)?.1;
    if digits.is_empty() {
        return None;
    }
    let number = digits.parse().unwrap_or(u64::MAX);
    Some(number.saturating_mul(factor))
}

/// The most or the least that a mode has. `"none"` removes a limit.
pub(in crate::decide::policy) fn mode_limit(
    value: &Value<'_>,
    errors: &mut Errors,
) -> Option<Option<u32>> {
    limit(value, MODE_MAX, errors)
}

/// The least that the mode of a directory has: here set-gid may be one of the
/// bits, so that what is created in it keeps the group.
pub(in crate::decide::policy) fn directory_mode_min(
    value: &Value<'_>,
    errors: &mut Errors,
) -> Option<Option<u32>> {
    limit(value, DIRECTORY_MODE_MAX, errors)
}

/// Mode bits as an octal string.
pub(in crate::decide::policy) fn umask(
    value: &Value<'_>,
    errors: &mut Errors,
) -> Option<Option<u32>> {
    octal(value, MODE_MAX, errors)
}

fn limit(value: &Value<'_>, max: u32, errors: &mut Errors) -> Option<Option<u32>> {
    match &value.content {
        Content::Text(text) if text == "none" => Some(None),
        _ => octal(value, max, errors),
    }
}

fn octal(value: &Value<'_>, max: u32, errors: &mut Errors) -> Option<Option<u32>> {
    let text = match &value.content {
        Content::Text(text) => text,
        Content::Integer(_) => {
            let hint = "write the octal digits in quotes, such as \"027\"";
            return errors.hint(
                value.span,
                "expected an octal string, found an integer",
                hint,
            );
        }
        _ => return value.wrong_type("an octal string such as \"027\"", errors),
    };
    let octal = (1..=4).contains(&text.len()) && text.bytes().all(|b| matches!(b, b'0'..=b'7'));
    let mode = if octal {
        u32::from_str_radix(text, 8).ok()
    } else {
        None
    };
    match mode {
        Some(mode) if mode & !max == 0 => Some(Some(mode)),
        Some(_) => errors.at(value.span, format!("the mode has bits beyond {max:o}")),
        None => {
            let message = format!("{} is not an octal mode", quoted(text));
            let hint = "write one to four octal digits, such as \"027\"";
            errors.hint(value.span, message, hint)
        }
    }
}
