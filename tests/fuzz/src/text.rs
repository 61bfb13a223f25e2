//! Words, wildcards and printed text.

use std::ffi::CString;

use nix::libc;
use xfersh::decide::command::pattern::{Pattern, Piece};
use xfersh::decide::command::words::{PATH_MAX, split};
use xfersh::print::escape::Escaped;
use xfersh::print::json::Json;

use super::log::changes_what_is_shown;

/// Splitting removes quotes and invents nothing: the words, quoted, are the same words.
pub fn words(bytes: &[u8]) {
    let Ok(words) = split(bytes) else {
        return;
    };
    let total: usize = words.iter().map(|word| word.bytes().len()).sum();
    assert!(total <= bytes.len());
    let mut line = Vec::new();
    for word in &words {
        line.extend_from_slice(b"'");
        for byte in word.bytes() {
            match byte {
                b'\'' => line.extend_from_slice(br"'\''"),
                byte => line.push(*byte),
            }
        }
        line.extend_from_slice(b"' ");
    }
    let again = split(&line).expect("quoted words");
    let plain = |words: &[xfersh::decide::command::words::Word]| -> Vec<Vec<u8>> {
        words.iter().map(|word| word.bytes().to_vec()).collect()
    };
    assert_eq!(plain(&again), plain(&words));
    assert!(again.iter().all(|word| !word.has_tilde()));
    for word in &words {
        if word.has_tilde() {
            assert_eq!(word.bytes().first(), Some(&b'~'));
        }
        let _ = Pattern::parse(word.pattern().as_encoded_bytes());
    }
}

/// The first line is a pattern, the rest a name. xfersh matches what the C library's fnmatch(3) matches, except where
/// that differs on purpose.
pub fn pattern(bytes: &[u8]) {
    let end = bytes
        .iter()
        .position(|byte| *byte == b'\n')
        .unwrap_or(bytes.len());
    let (text, name) = (&bytes[..end], bytes.get(end + 1..).unwrap_or_default());
    let pattern = Pattern::parse(text);
    let _ = (pattern.is_wild(), pattern.directory(), pattern.climbs());
    let [Piece::Wild(matcher)] = pattern.pieces() else {
        return;
    };
    let mut work = 0;
    let ours = matcher.matches(name, &mut work);
    // A matcher is not a search: its work is limited by the product of both lengths.
    assert!(
        work <= 16 + 4 * (text.len() as u64 + 1) * (name.len() as u64 + 1),
        "{work}"
    );
    // Where shells differ on these two, xfersh does as bash(1).
    let is_dots = name == b"." || name == b"..";
    if name.is_empty()
        || is_dots
        || name.len() > PATH_MAX
        || name.contains(&b'/')
        || text.contains(&b'[')
    {
        return;
    }
    let (Ok(text), Ok(name)) = (CString::new(text), CString::new(name)) else {
        return;
    };
    // SAFETY: both strings end with a NUL, and fnmatch(3) keeps neither.
    #[allow(unsafe_code, reason = "there is no wrapper")]
    let theirs = unsafe {
        libc::fnmatch(
            text.as_ptr(),
            name.as_ptr(),
            libc::FNM_PERIOD | libc::FNM_PATHNAME,
        )
    };
    // A lone backslash at the end is a backslash in sh(1) and a mistake here.
    if !text.as_bytes().ends_with(b"\\") {
        assert_eq!(ours, theirs == 0, "{text:?} {name:?}");
    }
}

/// Whatever is printed is one line without control and direction characters, and JSON says what was put in.
pub fn text(bytes: &[u8]) {
    let shown = Escaped::bytes(bytes).to_string();
    assert!(!shown.chars().any(changes_what_is_shown), "{shown:?}");
    let text = String::from_utf8_lossy(bytes).into_owned();
    let json = Json::Object(vec![("text", Json::Text(text.clone()))]).to_string();
    assert!(!json.chars().any(changes_what_is_shown), "{json:?}");
    let read: serde_json::Value = serde_json::from_str(&json).expect("one object");
    assert_eq!(read["text"], text);
}
