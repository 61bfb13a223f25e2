//! The names of rsync's temporary files.

/// Random characters at the end, as made by mkstemp(3).
const RANDOM: usize = 6;

/// Digits at the end of the names of links (MAX_UNIQUE_NUMBER in rsync.h is
/// 999,999).
const DIGITS_MAX: usize = 6;

/// Whether a name is `.NAME.XXXXXX` with a NAME that is not a dotfile. rsync
/// builds it in `get_tmpname` (receiver.c).
pub fn has_shape(name: &[u8]) -> bool {
    let Some(rest) = name.strip_prefix(b".") else {
        return false;
    };
    let Some(split) = rest.len().checked_sub(RANDOM + 1) else {
        return false;
    };
    let (target, random) = rest.split_at(split);
    !target.is_empty()
        && target[0] != b'.'
        && random[0] == b'.'
        && random[1..].iter().all(u8::is_ascii_alphanumeric)
}

/// The path that a file will get whose path ends with a name of that shape.
pub fn target(path: &[u8]) -> Vec<u8> {
    let name = path.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
    if !has_shape(name) {
        return path.to_vec();
    }
    let directory = &path[..path.len() - name.len()];
    [directory, &name[1..name.len() - RANDOM - 1]].concat()
}

/// Whether a name is `.NAME.NUMBER` with a NAME that is not a dotfile: when a
/// symbolic or hard link replaces something, rsync first creates it under such
/// a name (`atomic_create` in generator.c).
pub fn has_link_shape(name: &[u8]) -> bool {
    let Some(rest) = name.strip_prefix(b".") else {
        return false;
    };
    let Some(point) = rest.iter().rposition(|&c| c == b'.') else {
        return false;
    };
    let (target, number) = (&rest[..point], &rest[point + 1..]);
    !target.is_empty()
        && target[0] != b'.'
        && (1..=DIGITS_MAX).contains(&number.len())
        && number.iter().all(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::{has_link_shape, has_shape, target};

    #[test]
    fn targets() {
        assert_eq!(target(b"/in/.notes.txt.zzzzzz"), b"/in/notes.txt");
        assert_eq!(target(b".a.AbC123"), b"a");
        assert_eq!(target(b"/in/.a.AbC12"), b"/in/.a.AbC12");
    }

    #[test]
    fn link_shapes() {
        let rows: [(&str, bool); 10] = [
            (".a.4711", true),
            (".a.0", true),
            (".notes.txt.999999", true),
            (".a.1234567", false),
            (".a.", false),
            (".a.12x", false),
            (".4711", false),
            ("..4711", false),
            ("..a.4711", false),
            ("a.4711", false),
        ];
        for (name, expected) in rows {
            assert_eq!(has_link_shape(name.as_bytes()), expected, "{name}");
        }
    }

    #[test]
    fn shapes() {
        let rows: [(&str, bool); 10] = [
            (".a.AbC123", true),
            (".notes.txt.zzzzzz", true),
            (".env.docker", true),
            (".a.AbC12", false),
            (".a.AbC1234", false),
            ("a.AbC123", false),
            ("..a.AbC123", false),
            (".AbC123", false),
            ("..AbC123", false),
            (".a.Ab/123", false),
        ];
        for (name, expected) in rows {
            assert_eq!(has_shape(name.as_bytes()), expected, "{name}");
        }
    }
}
