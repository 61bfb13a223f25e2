//! Decision tables of the policy's form.

use std::path::Path;

use super::*;

mod values;

fn errors(text: &str) -> Vec<String> {
    match parse(text, Path::new("/etc/xfersh.toml")) {
        Ok(_) => Vec::new(),
        Err(found) => {
            let rows = found.errors.iter();
            rows.map(|e| format!("{}:{}+{} {}", e.line, e.column, e.width, e.message))
                .collect()
        }
    }
}

/// Several errors at once: all of them, in the order of the file, each with
/// line, column and width in characters.
#[test]
fn every_error_has_its_place() {
    let rows: &[(&str, &[&str])] = &[
        (
            "protocol = []",
            &["1:1+8 unknown key 'protocol' in the file"],
        ),
        (
            "umask = 27\n\n  dotfiles = \"no\"\nx.y = 1\n",
            &[
                "1:9+2 expected an octal string, found an integer",
                "3:14+4 unknown value 'no'",
                "4:1+3 the keys of a policy have no dots",
            ],
        ),
        (
            "message = \"é\"\r\nmessage = \"é\" # é\r\nstart = \"é\"\r\n",
            &[
                "2:1+7 'message' is already set on line 1",
                "3:9+3 a directory must begin with '/' or '~/' (or be '~')",
            ],
        ),
        (
            "writable = [\n  \"~/a\",\n  \"é\", \"~\",\n]\nscp = \"x\"",
            &[
                "3:3+3 a directory must begin with '/' or '~/' (or be '~')",
                "3:8+3 '~' is the home directory, which cannot be changed",
                "5:7+3 the path of a program must begin with '/'",
            ],
        ),
        (
            "a = \"\"\"\n\n\"\"\"\numask = 1",
            &[
                "1:1+1 unknown key 'a' in the file",
                "4:9+1 expected an octal string, found an integer",
            ],
        ),
        (
            "[[match]]\naccess = \"read-only\"",
            &["1:1+9 the block has no condition"],
        ),
        (
            "[[match]]\n[[match]]\nuser = []\n",
            &["1:1+9 the block has no condition", "3:8+2 an empty list"],
        ),
        (
            "[[match]]\nprofile = [\"a\", \"é\"]\n[[match]]\nprofile = 1\n",
            &[
                "2:17+3 \"é\" is not the name of a profile: up to 64 letters, digits, '-', '_' and '.', the first a letter or a digit",
                "4:11+1 expected the name of a profile or a list of names, found an integer",
            ],
        ),
        (
            "profile = \"a\"",
            &["1:1+7 unknown key 'profile' in the file"],
        ),
        (
            "[match]\nuser = \"a\"",
            &["1:1+7 this header needs double brackets"],
        ),
        ("[[mach]]\nuser = 1", &["1:1+8 unknown header 'mach'"]),
        (
            "[[match.directory]]",
            &["1:1+19 [[match.directory]] belongs in a [[match]]"],
        ),
        (
            "[[match]]\nuser = \"a\"\n[[directory]]\npath = 3",
            &["3:1+13 [[directory]] after a [[match]] would apply to every account"],
        ),
        ("user = \"a\"", &["1:1+4 unknown key 'user' in the file"]),
        (
            "[[directory]]\naccess = \"read-only\"",
            &["1:1+13 the directory has no path"],
        ),
        (
            "[[directory]]\npath = \"~\"\naccess = \"upload-only\"\numask = \"022\"",
            &[
                "2:8+3 '~' is the home directory, which cannot be changed",
                "4:1+5 unknown key 'umask' in [[directory]]",
            ],
        ),
        (
            "[[directory]]\npath = \"~/a\"\n[[directory]]\npath = \"%h//a/\"",
            &["4:8+8 the rights of the directory are already set on line 1"],
        ),
        (
            "[[match]]\nuser = [\"a,b\", \"!c\", \"[d]\", \"@e\"]\ngroup = \"x:y\"\naddress = [\"192.0.2.1/24\"]",
            &[
                "2:9+5 a name cannot contain a comma",
                "2:16+4 a name cannot be negated",
                "2:22+5 the only wildcards are '*' and '?'",
                "2:29+4 netgroups and %groups are not supported",
                "3:9+5 no account or group has such a name",
                "4:12+14 '192.0.2.1/24' is not an address or a block of addresses",
            ],
        ),
    ];
    for (text, expected) in rows {
        assert_eq!(errors(text), *expected, "{text}");
    }
}

/// Whatever TOML itself refuses is refused here, whichever byte is removed or
/// inserted.
#[test]
fn nothing_that_is_no_toml_is_read() {
    let text = "umask = '027' # x\nwritable = [\n \"~/a\", # y\n]\n[[match]]\nuser = [\"a\"]\n\
                max_sessions = 1\nmessage = \"\"\"x\"\"\"\n[[match.directory]]\npath = \"~/\\u0061\"\n";
    assert_eq!(errors(text), [""; 0]);
    let (mut refused, mut accepted) = (0, 0);
    for at in 0..text.len() {
        for with in [
            "", "\"", "'", "[", "]", "{", "}", "=", ",", "\n", "\r", "#", ".", "\\", "\0", " ",
            "a", "1",
        ] {
            for end in [at, at + 1] {
                let changed = format!("{}{with}{}", &text[..at], &text[end..]);
                let toml = toml::de::DeTable::parse(&changed);
                let ours = errors(&changed);
                assert!(toml.is_ok() || !ours.is_empty(), "accepted: {changed}");
                if ours.is_empty() {
                    accepted += 1
                } else {
                    refused += 1
                }
            }
        }
    }
    assert!(refused > 1000 && accepted > 100, "{refused} {accepted}");
}

#[test]
fn the_report_marks_the_place() {
    let text = "\tumask = 27\nmessage = \"日本\u{1b}\" # \u{202e}\nprotocols = [\"ftp\"]\n";
    let found = parse(text, Path::new("/etc/xfersh.toml")).unwrap_err();
    let expected = "\
error: expected an octal string, found an integer
 --> /etc/xfersh.toml:1:10
  |
1 |     umask = 27
  |             ^^
  = hint: write the octal digits in quotes, such as \"027\"

error: invalid basic string
 --> /etc/xfersh.toml:2:14
  |
2 | message = \"日本\\u{1b}\" # \\u{202e}
  |                ^^^^^^
  = hint: expected non-double-quote visible characters or '\\\\'

error: unknown value 'ftp'
 --> /etc/xfersh.toml:3:14
  |
3 | protocols = [\"ftp\"]
  |              ^^^^^
  = hint: did you mean \"sftp\"? It must be one of \"sftp\", \"scp\", \"rsync\"
";
    assert_eq!(found.report(), expected);
    assert_eq!(found.to_string().lines().count(), 1);
}

/// Combining marks take no column, wide characters two.
#[test]
fn the_caret_is_as_wide_as_what_it_marks() {
    for (name, columns) in [("ab", 2), ("日本", 4), ("ก\u{e34}", 1), ("\u{17000}", 2)] {
        let text = format!("protocols = [\"{name}\", \"ftp\"]");
        let report = parse(&text, Path::new("p")).unwrap_err().report();
        let carets = report.lines().filter(|line| line.contains('^'));
        let carets: Vec<&str> = carets.map(|line| &line["  | ".len()..]).collect();
        let first = " ".repeat("protocols = [".len());
        let second = " ".repeat("protocols = [\"\", ".len() + columns);
        let expected = [first + &"^".repeat(columns + 2), second + "^^^^^"];
        assert_eq!(carets, expected, "{report}");
    }
}

#[test]
fn many_errors_and_long_lines_are_bounded() {
    let many = parse(&"x = 1\n".repeat(200_000), Path::new("p")).unwrap_err();
    assert_eq!((many.errors.len(), many.omitted), (100, 199_900));
    let long = format!("protocols = [{}\"é\"]", "\"scp\", ".repeat(100_000));
    let found = parse(&long, Path::new("p")).unwrap_err();
    assert!(found.errors.iter().all(|error| error.text.len() < 500));
    assert!(found.report().lines().all(|line| line.len() < 600));
}

/// What can be arbitrarily long makes every look at it slow.
#[test]
fn long_names_deep_paths_and_many_wildcards() {
    let lists = |name: &str, count: usize| -> String {
        let names = (0..count)
            .map(|n| format!("\".{n}{name}\""))
            .collect::<Vec<_>>();
        format!("dotfile_names = [{}]", names.join(", "))
    };
    let name = |length: usize| format!("dotfile_names = [\".{}\"]", "a".repeat(length - 1));
    let deep = |count: usize| format!("readable = [\"{}\"]", "/a".repeat(count));
    let long = |length: usize| {
        let path = format!("{}/bc", "/0123456789".repeat(length)).split_off(0);
        format!("readable = [\"/{}\"]", path.replace("/0", "0"))
    };
    for sound in [
        lists("*", 1000),
        lists("", 20_000),
        name(255),
        deep(128),
        long(400),
    ] {
        assert_eq!(errors(&sound), [""; 0], "{:.60}", sound);
    }
    for (wrong, said) in [
        (
            lists("*", 1001),
            "1001 names have a wildcard; the limit is 1000",
        ),
        (name(256), "no file name is that long"),
        (deep(129), "has more than 4,095 bytes or 128 names"),
        (long(420), "has more than 4,095 bytes or 128 names"),
    ] {
        let found = errors(&wrong);
        assert!(
            found.len() == 1 && found[0].contains(said),
            "{said}: {found:.300?}"
        );
    }
}

/// The first hundred are reported, in whatever order they are found: that a
/// block has no condition is known only at its end.
#[test]
fn the_first_errors_of_the_file_are_kept() {
    let text = format!("[[match]]\n{}", "x = 1\n".repeat(5000));
    let found = parse(&text, Path::new("p")).unwrap_err();
    assert_eq!((found.errors.len(), found.omitted), (100, 4901));
    assert_eq!(found.errors[0].message, "the block has no condition");
    let lines: Vec<u32> = found.errors.iter().map(|error| error.line).collect();
    assert_eq!(lines, (1..=100).collect::<Vec<_>>());
    // Of values that occur twice, the later ones are errors.
    let same = errors("readable = [\"~/b\", \"~/a\", \"~/b\", \"~/a\", \"~/b\"]");
    let places: Vec<&str> = same.iter().map(|error| &error[..6]).collect();
    assert_eq!(places, ["1:27+5", "1:34+5", "1:41+5"]);
}
