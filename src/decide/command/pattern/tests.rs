use super::*;

fn matches(pattern: &str, name: &[u8]) -> bool {
    match Pattern::parse(pattern.as_bytes()).pieces() {
        [Piece::Wild(matcher)] => matcher.matches(name, &mut 0),
        [Piece::Literal(text)] => text == name,
        other => panic!("{pattern}: {other:?}"),
    }
}

/// A pattern, names that it matches, names that it does not.
type Row = (
    &'static str,
    &'static [&'static [u8]],
    &'static [&'static [u8]],
);

#[test]
fn names_that_match_and_names_that_do_not() {
    let rows: [Row; 33] = [
        ("*", &[b"a", b"a b", b"n\xff"], &[b".a", b".", b".."]),
        ("**", &[b"a"], &[b".a"]),
        ("?", &[b"a", b"\xff", b"*"], &[b".", b"ab", b"\xc3\xa9"]),
        ("a*b*c", &[b"abc", b"axbxbxc", b"abbcc"], &[b"ab", b"acb"]),
        ("*ab", &[b"ab", b"aab", b"abab"], &[b"aba", b".ab"]),
        (".*", &[b".a", b"...", b".n\xff"], &[b".", b"..", b"a"]),
        (".?*", &[b".a", b"..."], &[b".", b".."]),
        (".[!a]*", &[b".b", b"..b"], &[b".a", b"..", b"b"]),
        ("[.]a", &[], &[b".a", b"[.]a"]),
        ("[!a]b", &[b"bb"], &[b".b", b"ab"]),
        (r"\.*", &[b".a"], &[b"a"]),
        ("[[:alpha:]]", &[b"a", b"Z"], &[b"1", b"\xe9", b":", b"["]),
        ("[![:alpha:]]", &[b"1", b"\xe9"], &[b"a"]),
        ("[[:digit:][:upper:]x]", &[b"1", b"Z", b"x"], &[b"a", b"["]),
        ("[[:foo:]a]", &[b"a"], &[b"f", b":"]),
        (r"[[\:alpha:]]", &[b"a]", b":]", b"[]"], &[b"b"]),
        ("[[:alpha]", &[b":", b"[", b"a"], &[b"b", b"]"]),
        ("[[:alpha:]", &[b"[a", b"[:"], &[b"a", b"[b"]),
        ("[]]", &[b"]"], &[b"[]]"]),
        ("[!]]", &[b"a"], &[b"]"]),
        (r"[\]]", &[b"]"], &[b"\\"]),
        (r"[\]a]", &[b"]", b"a"], &[b"\\"]),
        (r"[\\]", &[b"\\"], &[b"]"]),
        ("[^a]", &[b"b", b"^"], &[b"a"]),
        (r"[\^a]", &[b"^", b"a"], &[b"b"]),
        (r"[\!a]", &[b"!", b"a"], &[b"b"]),
        ("[a-c]", &[b"a", b"b", b"c"], &[b"-", b"d"]),
        (r"[a\-c]", &[b"a", b"-", b"c"], &[b"b"]),
        ("[a-]", &[b"a", b"-"], &[b"b"]),
        ("[c-a]", &[], &[b"a", b"b", b"c", b"-"]),
        ("[x-\u{ff}]*", &[b"\x80", b"\xc3"], &[b"a"]),
        ("[[.a.][=b=]]", &[b"a", b"b"], &[b".", b"=", b"["]),
        ("a[", &[b"a["], &[b"a"]),
    ];
    for (pattern, yes, no) in rows {
        for name in yes {
            assert!(matches(pattern, name), "{pattern} {}", name.escape_ascii());
        }
        for name in no {
            assert!(!matches(pattern, name), "{pattern} {}", name.escape_ascii());
        }
    }
}

#[test]
fn a_pattern_is_taken_apart() {
    let rows: [(&str, usize, &str, bool); 13] = [
        ("a/b", 1, "a/b", false),
        ("a//b*/", 3, "a//", false),
        ("*", 1, ".", false),
        ("*/x/?", 3, ".", false),
        ("/*", 2, "/", false),
        ("a[b/c]*", 2, "a[b/", false),
        (r"a\*/b*", 2, "a*/", false),
        ("a/../b*", 2, "a/../", false),
        ("a/b*/../c", 3, "a/", true),
        ("*/..", 2, ".", true),
        (r"*/\.\.", 2, ".", true),
        ("*/.../..x", 2, ".", false),
        ("a[b/../c", 1, "a[b/../c", false),
    ];
    for (text, pieces, directory, climbs) in rows {
        let pattern = Pattern::parse(text.as_bytes());
        assert_eq!(pattern.pieces().len(), pieces, "{text}");
        assert_eq!(pattern.directory(), directory.as_bytes(), "{text}");
        assert_eq!(pattern.climbs(), climbs, "{text}");
    }
}

/// Twenty stars before a letter that never comes: a matcher that tries every
/// way would never finish.
#[test]
fn the_work_is_counted_and_at_most_the_product_of_the_lengths() {
    let pattern = "*a".repeat(20) + "b";
    let Pattern { pieces } = Pattern::parse(pattern.as_bytes());
    let [Piece::Wild(matcher)] = pieces.as_slice() else {
        panic!("{pieces:?}");
    };
    let mut work = 0;
    assert!(!matcher.matches(&[b'a'; 255], &mut work));
    assert!((255..255 * 41).contains(&work), "{work}");
}
