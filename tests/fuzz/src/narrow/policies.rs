//! Policies with a profile, from a seed.

use super::choices::Choices;

/// Directories that meet each other: inside one another, below a dotfile, by a link.
pub const PLACES: &[&str] = &[
    "/home/alice",
    "/home/alice/in",
    "/home/alice/in/deep",
    "/home/alice/up",
    "/srv/a",
    "/srv/a/b",
    "/srv/a/b/c",
    "/srv/a/.d/e",
    "/srv/a/.ok/e",
    "/srv/.x/y",
    "/srv/link",
    "/srv",
    "/home",
];

const WRITTEN: &[&str] = &[
    "~/*",
    "~/in",
    "~/in/deep",
    "/srv/a",
    "/srv/a/b",
    "/srv/a/.d/e",
    "/srv/a/.ok/e",
    "/srv/.x/y",
    "/srv/link",
    "/srv/link/c",
    "/srv",
    "/home",
];
const READ: &[&str] = &[
    "~",
    "~/*",
    "~/in",
    "/srv/a",
    "/srv/a/b",
    "/srv/.x/y",
    "/srv",
    "/home",
];
const OWN: &[&str] = &[
    "~/in",
    "~/up",
    "~/in/deep",
    "/srv/a",
    "/srv/a/b/c",
    "/srv/a/.d/e",
    "/srv/a/.ok/e",
    "/srv/.x/y",
    "/srv/link/c",
    "/srv/a/b",
    "/srv/to",
];
const ACCESS: &[&str] = &[
    "\"read-write\"",
    "\"read-write\"",
    "\"read-only\"",
    "\"upload-only\"",
    "\"append-only\"",
    "[\"read\"]",
    "[\"list\", \"create\", \"remove\"]",
    "[\"read\", \"overwrite\", \"attributes\"]",
    "[\"rename\", \"rename-directories\", \"create\", \"mkdir\"]",
    "[\"create\", \"mkdir\", \"link\", \"rename\", \"read\", \"list\"]",
    "[\"create\", \"link\", \"list\"]",
];
const DOTFILES: &[&str] = &["\"protected\"", "\"hidden\"", "\"allowed\""];

/// Each with its values.
const OTHERS: &[(&str, &[&str])] = &[
    ("dotfiles", DOTFILES),
    (
        "dotfile_names",
        &["[\".ok\"]", "[\".o*\", \".part\"]", "[\".other\"]"],
    ),
    ("symlinks", &["\"inside\"", "\"any\"", "\"none\""]),
    ("file_mode_max", &["\"640\"", "\"604\"", "\"777\""]),
    ("directory_mode_max", &["\"750\"", "\"705\""]),
    ("file_mode_min", &["\"660\"", "\"004\""]),
    ("directory_mode_min", &["\"2770\"", "\"020\""]),
    ("max_sessions", &["2", "5"]),
    ("idle_timeout", &["60", "\"5m\""]),
    ("max_session_time", &["600", "\"1h\""]),
    ("max_bytes", &["\"1G\"", "1000"]),
    ("max_file_size", &["\"1M\"", "5000"]),
    ("umask", &["\"027\"", "\"002\"", "\"077\""]),
    ("confinement", &["\"best-effort\"", "\"required\""]),
    ("audit", &["\"best-effort\"", "\"required\""]),
    ("log_reads", &["true", "false"]),
    (
        "protocols",
        &[
            "[\"sftp\", \"scp\", \"rsync\"]",
            "[\"sftp\", \"rsync\"]",
            "[\"rsync\", \"scp\"]",
        ],
    ),
];

/// A policy whose profile `p` sets some of what the account's own policy sets, or something else.
pub fn text(choices: &mut Choices<'_>) -> String {
    let mut text = keys(choices);
    text += &directories(choices, "directory");
    text += "[[match]]\nprofile = \"p\"\n";
    text += &keys(choices);
    text += &directories(choices, "match.directory");
    text
}

/// Keys of one part of the file.
pub fn keys(choices: &mut Choices<'_>) -> String {
    let mut text = String::new();
    if choices.below(3) > 0 {
        text += &format!("access = {}\n", choices.of(ACCESS));
    }
    for (key, places) in [("writable", WRITTEN), ("readable", READ)] {
        if choices.below(3) > 0 {
            text += &format!("{key} = [{}]\n", some(places, choices));
        }
    }
    for (key, values) in OTHERS {
        let often = key.starts_with("dotfile") || *key == "symlinks";
        if choices.below(if often { 2 } else { 4 }) == 0 {
            text += &format!("{key} = {}\n", choices.of(values));
        }
    }
    text
}

fn some(places: &[&str], choices: &mut Choices<'_>) -> String {
    let mut chosen: Vec<_> = places.iter().filter(|_| choices.below(4) == 0).collect();
    if chosen.is_empty() {
        chosen.push(&places[0]);
    }
    // One directory by two names is an error in a policy.
    if chosen.iter().any(|place| place.starts_with("/srv/link")) {
        chosen.retain(|place| !place.starts_with("/srv/a/b"));
    }
    let quoted: Vec<_> = chosen.iter().map(|place| format!("\"{place}\"")).collect();
    quoted.join(", ")
}

/// Directories with their own rights.
pub fn directories(choices: &mut Choices<'_>, header: &str) -> String {
    let mut text = String::new();
    let chosen: Vec<_> = OWN.iter().filter(|_| choices.below(6) == 0).collect();
    for path in chosen {
        text += &format!("[[{header}]]\npath = \"{path}\"\n");
        if choices.below(3) > 0 {
            text += &format!("access = {}\n", choices.of(ACCESS));
        }
        if choices.below(3) == 0 {
            text += &format!("dotfiles = {}\n", choices.of(DOTFILES));
        }
    }
    text
}

/// What a client asks for.
pub fn command(choices: &mut Choices<'_>) -> String {
    let place = choices.of(PLACES);
    match choices.below(8) {
        0 => format!("scp -r -t {place}"),
        1 => format!("scp -f {place}/x"),
        2 => format!("rsync --server -logDtpre.iLsfxCIvu . {place}"),
        3 => format!("rsync --server --sender --remove-source-files -logDtpre.iLsfxCIvu . {place}"),
        4 => "sftp-server -R".to_owned(),
        _ => "sftp-server".to_owned(),
    }
}
