//! Paths as text: only ever a guess.

use nix::errno::Errno;

use crate::guard::call_error::CallError;

/// The parent, the last component, and whether a slash follows it.
pub fn split(path: &[u8]) -> Result<(&[u8], &[u8], bool), CallError> {
    let end = path.iter().rposition(|&b| b != b'/');
    let Some(end) = end else {
        // Empty, or the root directory.
        return Err(if path.is_empty() {
            Errno::ENOENT.into()
        } else {
            Errno::EEXIST.into()
        });
    };
    let slash = end + 1 < path.len();
    let path = &path[..=end];
    let cut = path.iter().rposition(|&b| b == b'/').map_or(0, |i| i + 1);
    let (parent, name) = path.split_at(cut);
    Ok((parent, name, slash))
}

/// `base` and `path` as one absolute path without `.` and double slashes;
/// `None` if it contains `..`.
pub fn plain_text(base: &[u8], path: &[u8]) -> Option<Vec<u8>> {
    let mut text = Vec::with_capacity(base.len() + 1 + path.len());
    if base != b"/" {
        text.extend_from_slice(base);
    }
    for name in path.split(|&b| b == b'/') {
        match name {
            b"" | b"." => {}
            b".." => return None,
            name => {
                text.push(b'/');
                text.extend_from_slice(name);
            }
        }
    }
    if text.is_empty() {
        text.push(b'/');
    }
    Some(text)
}

/// Whether `..` follows a name in a path.
pub fn climbs_behind_a_name(path: &[u8]) -> bool {
    path.split(|&b| b == b'/')
        .filter(|part| !part.is_empty() && *part != b".")
        .skip_while(|part| *part == b"..")
        .any(|part| part == b"..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_behind_names() {
        for path in ["a/..", "../a/..", "/a/../b", "a/./../b", "a//.."] {
            assert!(climbs_behind_a_name(path.as_bytes()), "{path}");
        }
        for path in ["..", "../../a/b", "/../a", "./../a", "a/...", "a/..b", ""] {
            assert!(!climbs_behind_a_name(path.as_bytes()), "{path}");
        }
    }

    #[test]
    fn paths_are_split() {
        type Row<'a> = (&'a str, Option<(&'a str, &'a str, bool)>);
        let rows: [Row<'_>; 9] = [
            ("a", Some(("", "a", false))),
            ("a/", Some(("", "a", true))),
            ("a//b", Some(("a//", "b", false))),
            ("/a", Some(("/", "a", false))),
            ("/a//", Some(("/", "a", true))),
            ("a/..", Some(("a/", "..", false))),
            ("./a", Some(("./", "a", false))),
            ("", None),
            ("//", None),
        ];
        for (path, expected) in rows {
            let seen = split(path.as_bytes()).ok();
            let seen = seen.map(|(parent, name, slash)| {
                let text = |bytes| std::str::from_utf8(bytes).unwrap();
                (text(parent), text(name), slash)
            });
            assert_eq!(seen, expected, "{path}");
        }
    }

    #[test]
    fn texts_are_joined() {
        let rows = [
            ("/home/u", "a/./b//c", Some("/home/u/a/b/c")),
            ("/home/u", "", Some("/home/u")),
            ("", "/a/b/", Some("/a/b")),
            ("/", "a", Some("/a")),
            ("", "/", Some("/")),
            ("/home/u", "a/../b", None),
        ];
        for (base, path, expected) in rows {
            let seen = plain_text(base.as_bytes(), path.as_bytes());
            assert_eq!(
                seen.as_deref(),
                expected.map(str::as_bytes),
                "{base} {path}"
            );
        }
    }
}
