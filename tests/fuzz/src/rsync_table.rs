//! The options of `rsync --server` that are accepted, as they are in the source: a new option is tried without any
//! change to the tests.

const TABLE: &str = include_str!("../../../src/decide/command/rsync/options.rs");

/// The long options of our table: name and kind of value.
pub fn table() -> Vec<(&'static str, &'static str)> {
    let rows = TABLE.lines().filter_map(|line| {
        let row = line.trim().strip_prefix("(\"")?.strip_suffix("),")?;
        row.split_once("\", OptionValue::")
    });
    let rows: Vec<_> = rows.collect();
    assert!(
        rows.len() > 80,
        "the table has another form: {}",
        rows.len()
    );
    rows
}

/// The letters that our table accepts in a cluster.
pub fn letters() -> &'static str {
    let (_, rest) = TABLE
        .split_once("LETTERS: &[u8] = b\"")
        .expect("the letters");
    rest.split('"').next().expect("their end")
}

/// Whether an argument is an option of the table: `--name`, with a value if the table says so; a cluster of letters,
/// after whose `e` stands what the client can do; or a letter with a number.
pub fn has(argument: &[u8]) -> bool {
    if let Some(long) = argument.strip_prefix(b"--") {
        let (name, value) = match long.iter().position(|byte| *byte == b'=') {
            Some(at) => (&long[..at], Some(&long[at + 1..])),
            None => (long, None),
        };
        return NAMES.with(|names| {
            let row = names.iter().find(|row| row.0.as_bytes() == name);
            row.is_some_and(|row| (row.1 == "None") == value.is_none())
        });
    }
    let Some([first, rest @ ..]) = argument.strip_prefix(b"-") else {
        return false;
    };
    if b"B@".contains(first) {
        let digits = rest.strip_prefix(b"-").unwrap_or(rest);
        return !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    }
    let cluster = &argument[1..];
    let end = cluster.iter().position(|byte| *byte == b'e');
    let (flags, told) = cluster.split_at(end.unwrap_or(cluster.len()));
    let is_told = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'.';
    flags.iter().all(|byte| letters().as_bytes().contains(byte)) && told.iter().all(is_told)
}

thread_local! {
    static NAMES: Vec<(&'static str, &'static str)> = table();
}
