//! Decision tables of what a policy means for an account.

use std::path::{Path, PathBuf};

use super::*;
use crate::decide::account::{Account, AccountSource, Alias};

fn account(name: &str, home: &str) -> Account {
    Account {
        name: name.to_owned(),
        uid: 1000,
        gid: 1000,
        home: PathBuf::from(home),
        groups: vec!["users".to_owned(), "web".to_owned()],
        aliases: Vec::new(),
        source: AccountSource::Passwd,
    }
}

fn read(text: &str) -> PolicyFile {
    let file = parse(text, Path::new("p"));
    file.unwrap_or_else(|errors| panic!("{}", errors.report()))
}

const LAYERS: &str = r#"
access = "read-only"
max_sessions = 3
[[match]]
user = ["alice", "b*"]
access = "upload-only"
[[match]]
group = "web"
address = ["192.0.2.0/24", "2001:db8::/32"]
max_sessions = "none"
[[match]]
user = "alice"
group = "none-such"
access = "read-write"
[[match]]
user = "bob"
access = "append-only"
"#;

#[test]
fn a_later_block_overrides_key_by_key() {
    let file = read(LAYERS);
    type Row = (
        &'static str,
        Option<&'static str>,
        &'static str,
        Option<u32>,
        u32,
    );
    let rows: &[Row] = &[
        ("carol", None, "read-only", Some(3), 2),
        ("alice", None, "upload-only", Some(3), 6),
        ("alice", Some("192.0.2.9"), "upload-only", None, 6),
        ("alice", Some("198.51.100.1"), "upload-only", Some(3), 6),
        ("carol", Some("2001:db8::1"), "read-only", None, 2),
        ("bob", Some("::ffff:192.0.2.9"), "append-only", None, 17),
        ("bert", None, "upload-only", Some(3), 6),
    ];
    for (name, address, access, sessions, line) in rows {
        let client = address.map(|address| address.parse().unwrap());
        let policy = file.effective(&account(name, "/home/x"), client);
        assert_eq!(
            policy.access.value.to_string(),
            *access,
            "{name} {address:?}"
        );
        assert_eq!(policy.access.origin, Origin::Line(*line), "{name}");
        assert_eq!(policy.max_sessions.value, *sessions, "{name} {address:?}");
        assert_eq!(policy.umask.origin, Origin::Default);
    }
    assert!(file.asks_for_groups());
    assert!(!read("[[match]]\nuser = \"a\"").asks_for_groups());
}

#[test]
fn a_profile_holds_only_when_it_is_asked_for() {
    let file = read(
        "access = \"read-only\"\n[[match]]\nprofile = \"up\"\naccess = \"upload-only\"\n\
         [[match]]\nuser = \"bob\"\nprofile = [\"up\", \"all\"]\naddress = \"192.0.2.0/24\"\n\
         access = \"read-write\"\n[[match]]\nuser = \"carol\"\numask = \"027\"\n",
    );
    let near = "192.0.2.7";
    let rows = [
        ("bob", "up", None, Some("upload-only")),
        ("bob", "up", Some(near), Some("read-write")),
        ("bob", "up", Some("198.51.100.9"), Some("upload-only")),
        ("carol", "up", Some(near), Some("upload-only")),
        ("bob", "all", Some(near), Some("read-write")),
        // No block with it holds: what was meant is not known.
        ("bob", "all", None, None),
        ("carol", "all", Some(near), None),
        ("carol", "Up", None, None),
    ];
    for (user, profile, address, expected) in rows {
        let account = account(user, "/home/x");
        let client = address.map(|address| address.parse().unwrap());
        assert_eq!(
            file.effective(&account, client).access.value,
            Access::READ_ONLY
        );
        let profile = ProfileName::new(profile.as_bytes()).unwrap();
        let seen = file.effective_with(&profile, &account, client);
        let access = seen.map(|policy| policy.access.value.to_string());
        assert_eq!(access.as_deref(), expected, "{user} {profile} {address:?}");
    }
    let has = |user, profile: &str| {
        let profile = ProfileName::new(profile.as_bytes()).unwrap();
        file.has_profile(&profile, &account(user, "/home/x"))
    };
    assert!(has("bob", "all") && has("carol", "up") && !has("carol", "all") && !has("bob", "x"));
}

#[test]
fn aliases_that_a_policy_treats_differently_are_named() {
    let rows: &[(&str, &[&str])] = &[
        ("", &[]),
        ("[[match]]\nuser = \"al\"\naccess = \"read-only\"", &["al"]),
        ("[[match]]\nuser = \"other\"\naccess = \"read-only\"", &[]),
        (
            "[[match]]\nuser = \"al\"\naccess = \"read-only\"\n[[match]]\nuser = \"bo\"\naccess = \"read-only\"",
            &["al2"],
        ),
        (
            "[[match]]\ngroup = \"staff\"\naccess = \"read-only\"",
            &["al2"],
        ),
        ("[[match]]\ngroup = \"users\"\naccess = \"read-only\"", &[]),
        ("writable = [\"/srv/%u\"]", &["al", "al2"]),
        ("writable = [\"/srv/%%u\"]", &[]),
        ("[[directory]]\npath = \"/srv/%u\"", &["al", "al2"]),
        ("start = \"/srv/%u\"", &["al", "al2"]),
    ];
    let alias = |name: &str, groups: &[&str]| Alias {
        name: name.to_owned(),
        gid: 1000,
        home: PathBuf::from("/home/bo/"),
        groups: groups.iter().map(|&group| group.to_owned()).collect(),
    };
    for (text, expected) in rows {
        let mut account = account("bo", "/home/bo");
        account.groups = vec!["users".to_owned()];
        account.aliases = vec![alias("al", &["users"]), alias("al2", &["users", "staff"])];
        let file = read(text);
        let seen: Vec<_> = file.conflicts(&account, (None, None)).collect();
        let names: Vec<_> = seen.iter().map(|c| c.alias.name.as_str()).collect();
        assert_eq!(names, *expected, "{text}");
        assert!(seen.iter().all(|conflict| !conflict.by_home), "{text}");
    }
}

#[test]
fn entries_with_another_home_are_no_aliases() {
    let mut account = account("web1", "/home/web1");
    account.aliases = vec![Alias {
        name: "web1sub".to_owned(),
        gid: 1000,
        home: PathBuf::from("/home/web1/site"),
        groups: Vec::new(),
    }];
    let file = read("");
    let conflict = file.conflicts(&account, (None, None)).next().unwrap();
    let expected = format!(
        "'web1' and 'web1sub' share the uid {} with different homes, /home/web1 and /home/web1/site",
        account.uid
    );
    assert_eq!(conflict.to_string(), expected);
    assert!(conflict.hint().contains("same home"));
}

#[test]
fn places_that_no_account_may_have() {
    use Fault::{DotInHome, Home, KernelTree, NoPath, Root};
    let rows: &[(&str, &str, &str, Option<Fault>)] = &[
        ("", "bo", "/home/bo", None),
        ("", "bo", "/srv/.x/bo", None),
        ("", "bo", "/", Some(Root)),
        ("", "bo", "/proc/1", Some(KernelTree)),
        ("", "bo", "", Some(NoPath)),
        ("", "bo", "home/bo", Some(NoPath)),
        ("", "bo", "/home/../bo", Some(NoPath)),
        ("writable = [\"/home/%u\"]", "bo", "/home/bo", Some(Home)),
        ("writable = [\"/home/%u\"]", "al", "/home/bo", None),
        (
            "writable = [\"/home//bo/.ssh\"]",
            "bo",
            "/home/bo/",
            Some(DotInHome),
        ),
        (
            "writable = [\"/home/bo/a/.b\"]",
            "bo",
            "/home/bo",
            Some(DotInHome),
        ),
        ("writable = [\"/home/bo2/.b\"]", "bo", "/home/bo", None),
        ("writable = [\"/srv/.data/in\"]", "bo", "/home/bo", None),
        ("writable = [\"/%h\"]", "bo", "/home/bo", Some(Home)),
        ("writable = [\"/%u\"]", "proc", "/home/bo", Some(KernelTree)),
        ("writable = [\"/srv/%u\"]", "..", "/home/bo", Some(NoPath)),
        ("readable = [\"/%u\"]", "sys", "/home/bo", Some(KernelTree)),
        ("readable = [\"/home/bo/.config\"]", "bo", "/home/bo", None),
        ("[[directory]]\npath = \"~\"", "bo", "/home/bo", Some(Home)),
        (
            "access = \"read-only\"\n[[directory]]\npath = \"~\"",
            "bo",
            "/home/bo",
            None,
        ),
        (
            "[[directory]]\npath = \"~/.x\"\ndotfiles = \"allowed\"",
            "bo",
            "/home/bo",
            Some(DotInHome),
        ),
        (
            "[[directory]]\npath = \"~/.x\"\naccess = \"read-only\"",
            "bo",
            "/home/bo",
            None,
        ),
    ];
    for (text, name, home, expected) in rows {
        let account = account(name, home);
        let policy = read(text).effective(&account, None);
        let seen = policy.check_directories(&account).err();
        assert_eq!(
            seen.as_ref().map(|refusal| refusal.fault),
            *expected,
            "{text} {name} {home}"
        );
    }
    let bo = account("bo", "/home/bo");
    let policy = read("\nwritable = [\"/home/%u\"]").effective(&bo, None);
    let refusal = policy.check_directories(&bo).unwrap_err();
    let expected =
        "writable = \"/home/%u\" (line 2): /home/bo is the home directory, which cannot be changed";
    assert_eq!(refusal.to_string(), expected);
}

/// A path that is too long for one account only.
#[test]
fn a_path_is_judged_when_it_is_known() {
    let text = format!("readable = [\"{}/x\"]", ["%h"; 60].join("/"));
    let policy = read(&text);
    for (home, fault) in [
        ("/h", None),
        ("/h/i", None),
        ("/h/i/j", Some(Fault::TooLong)),
        (&*format!("/{}", "h".repeat(70)), Some(Fault::TooLong)),
    ] {
        let bo = account("bo", home);
        let seen = policy.effective(&bo, None).check_directories(&bo).err();
        assert_eq!(seen.map(|refusal| refusal.fault), fault, "{home}");
    }
}

/// What is printed can be read again and means the same.
#[test]
fn the_printed_policy_reads_back() {
    let text = "protocols = [\"rsync\"]\naccess = [\"list\", \"create\"]\numask = \"27\"\nmax_bytes = \"1K\"\n\
                idle_timeout = \"2m\"\nmessage = 'say \"hi\" \\'\ndotfile_names = [\"._*\"]\nscp = \"/opt/scp\"\n";
    let bo = account("bo", "/home/bo");
    let policy = read(text).effective(&bo, None);
    let lines = policy.lines();
    for expected in [
        "protocols = [\"rsync\"]   # line 1",
        "access = [\"list\", \"create\"]   # line 2",
        "umask = \"027\"   # line 3",
        "max_bytes = 1024   # line 4",
        "idle_timeout = 120   # line 5",
        "message = \"say \\\"hi\\\" \\\\\"   # line 6",
        "writable = [\"~/*\"]   # default",
        "# max_sessions is not set   # default",
    ] {
        assert!(
            lines.iter().any(|line| line == expected),
            "{expected}: {lines:#?}"
        );
    }
    let kept = lines
        .iter()
        .filter(|line| !line.starts_with("directory = "));
    let again = read(&kept.fold(String::new(), |all, line| all + line + "\n"));
    let again = again.effective(&bo, None);
    assert_eq!(again.to_json(), policy.to_json());
}
