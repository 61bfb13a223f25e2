//! The names of rsync's temporary files.

/// Random characters at the end, as mkstemp(3) makes them.
const RANDOM: usize = 6;

/// Whether a name is `.NAME.XXXXXX` with a NAME that is no dotfile. rsync
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

#[cfg(test)]
mod tests {
    use super::has_shape;

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
