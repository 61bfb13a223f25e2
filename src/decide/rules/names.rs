//! Which names P4 protects.
//!
//! A dotfile is a name that begins with a dot. Some file systems find a file by
//! more names than the stored one, and then a name without a leading dot can
//! lead to a dotfile:
//!
//! * Directories with case folding (ext4, f2fs, tmpfs) and HFS+ ignore
//!   zero-width code points: U+200B and `.htaccess` is `.htaccess` (fs/unicode
//!   of the kernel; CVE-2014-9390 of git). Such a beginning is skipped here, on
//!   every file system.
//! * FAT, NTFS and SMB servers give a long name a short one, `HTACCE~1`
//!   (Documentation/filesystems/vfat.rst). There a name of that form counts as
//!   a dotfile, unless the policy allows dotfiles.

use crate::decide::policy::NameGlobs;

/// Whether P4 counts this name as a dotfile.
pub fn is_dotfile(name: &[u8]) -> bool {
    if name
        .first()
        .is_none_or(|first| first.is_ascii() && *first != b'.')
    {
        return false;
    }
    visible_part(name).first() == Some(&b'.')
}

/// Whether a file system with short names may know another file by this name:
/// `~` and digits before the end or a dot, at most eight and three characters.
pub fn may_be_short_name(name: &[u8]) -> bool {
    let dot = name.iter().position(|&c| c == b'.');
    let (base, extension) = name.split_at(dot.unwrap_or(name.len()));
    let Some(tilde) = base.iter().rposition(|&c| c == b'~') else {
        return false;
    };
    let digits = &base[tilde + 1..];
    base.len() <= 8
        && extension.len() <= 4
        && !digits.is_empty()
        && digits.iter().all(u8::is_ascii_digit)
}

/// A path as a file system may compare it if it does not distinguish all names:
/// without case and without zero-width code points.
pub fn folded(path: &[u8]) -> Vec<u8> {
    if path.is_ascii() {
        return path.to_ascii_lowercase();
    }
    let mut folded = Vec::with_capacity(path.len());
    for chunk in path.utf8_chunks() {
        for c in chunk.valid().chars().filter(|c| !is_ignorable(*c)) {
            let mut bytes = [0; 4];
            for c in c.to_lowercase() {
                folded.extend_from_slice(c.encode_utf8(&mut bytes).as_bytes());
            }
        }
        folded.extend_from_slice(chunk.invalid());
    }
    folded
}

/// Whether one of the policy's patterns makes an exception for this dotfile.
/// `.ssh` and anything that begins with it is never an exception, in any case.
pub(super) fn is_excepted(name: &[u8], patterns: &NameGlobs) -> bool {
    let visible = visible_part(name);
    visible.len() == name.len() && !begins_with_ssh(name) && patterns.matches(name)
}

/// Whether a file system that folds case may take the beginning of a name for
/// `.ssh` (CaseFolding.txt of Unicode, full folding: `ß` is `ss`).
fn begins_with_ssh(name: &[u8]) -> bool {
    let folded = folded(name);
    let mut letters = Vec::with_capacity(folded.len());
    for chunk in folded.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                'ß' => letters.extend(b"ss"),
                'ſ' => letters.push(b's'),
                c => letters.extend(c.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        letters.extend(chunk.invalid());
    }
    letters.starts_with(b".ssh")
}

/// The name from its first code point that has a width.
fn visible_part(name: &[u8]) -> &[u8] {
    let mut rest = name;
    while let Some(first) = first_char(rest) {
        if !is_ignorable(first) {
            break;
        }
        rest = &rest[first.len_utf8()..];
    }
    rest
}

fn first_char(bytes: &[u8]) -> Option<char> {
    let most = &bytes[..bytes.len().min(4)];
    let valid = match std::str::from_utf8(most) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&most[..error.valid_up_to()]).ok()?,
    };
    valid.chars().next()
}

/// Default_Ignorable_Code_Point of Unicode (DerivedCoreProperties.txt).
const fn is_ignorable(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::policy::NameGlob;

    #[test]
    fn dotfiles() {
        let rows: [(&[u8], bool); 12] = [
            (b".a", true),
            (b"..a", true),
            (b"a.b", false),
            (b"a", false),
            (b"", false),
            ("\u{200b}.htaccess".as_bytes(), true),
            ("\u{feff}\u{200d}.git".as_bytes(), true),
            ("\u{3164}.git".as_bytes(), true),
            ("\u{200b}plain".as_bytes(), false),
            ("\u{fc}.x".as_bytes(), false),
            (b"\xff.x", false),
            (b"\xe2\x80", false),
        ];
        for (name, expected) in rows {
            assert_eq!(is_dotfile(name), expected, "{}", name.escape_ascii());
        }
    }

    #[test]
    fn short_names() {
        for name in ["HTACCE~1", "ssh~1", "GIT~12", "ENV~1.LOC", "A~1."] {
            assert!(may_be_short_name(name.as_bytes()), "{name}");
        }
        for name in [
            "notes~",
            "a~b",
            "file.~1~",
            "report~1.html",
            "longername~1",
            "~",
            "1",
        ] {
            assert!(!may_be_short_name(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn paths_are_folded() {
        let rows: [(&[u8], &[u8]); 4] = [
            (b"/Home/A/IN", b"/home/a/in"),
            ("/a/\u{200b}\u{c9}n".as_bytes(), "/a/\u{e9}n".as_bytes()),
            (b"/a/\xff\xc3X", b"/a/\xff\xc3x"),
            (b"", b""),
        ];
        for (path, expected) in rows {
            assert_eq!(folded(path), expected, "{}", path.escape_ascii());
        }
    }

    #[test]
    fn exceptions() {
        let all = NameGlobs::from(vec![NameGlob::new(".*".to_owned())]);
        assert!(is_excepted(b".git", &all));
        assert!(!is_excepted(b".ssh", &all));
        assert!(!is_excepted(b".SSH2", &all));
        // As ext4 with case folding compares them.
        for name in [
            ".\u{df}h",
            ".\u{1e9e}H",
            ".\u{17f}\u{17f}h",
            ".s\u{200b}sh",
            ".sS\u{ad}h.part",
        ] {
            assert!(!is_excepted(name.as_bytes(), &all), "{name}");
        }
        assert!(is_excepted(".\u{df}".as_bytes(), &all));
        assert!(!is_excepted("\u{200b}.git".as_bytes(), &all));
        assert!(!is_excepted(b".git", &NameGlobs::default()));
    }
}
