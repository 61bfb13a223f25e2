//! The text of a policy.

use std::path::Path;

use xfersh::decide::account::{Account, AccountSource, Alias};
use xfersh::decide::policy::{Match, PolicyFile, ProfileName, parse, parse_for};
use xfersh::decide::roots::directories::directories;

/// A text is a policy or a list of errors, each within the text. What is printed of either is lines without control
/// characters.
pub fn policy(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let source = Path::new("policy");
    let account = Account {
        name: "alice".into(),
        aliases: Vec::new(),
        uid: 1000,
        gid: 1000,
        home: "/home/alice".into(),
        groups: vec!["sftp".into()],
        source: AccountSource::Passwd,
    };
    match parse(text, source) {
        Err(errors) => {
            assert!(!errors.errors.is_empty());
            let lines = u32::try_from(text.split('\n').count()).expect("a short text");
            assert!(
                errors
                    .errors
                    .iter()
                    .all(|error| (1..=lines).contains(&error.line))
            );
            let report = errors.report();
            let is_odd = |c: char| c.is_control() && c != '\n';
            assert!(!report.contains(is_odd), "{report:?}");
            assert!(!errors.to_string().contains(char::is_control));
        }
        Ok(file) => {
            let policy = file.effective(&account, Some([192, 0, 2, 7].into()));
            let _ = policy.check_directories(&account);
            let _ = directories(&policy, &account);
            let lines = policy.lines();
            assert!(
                !lines.iter().any(|line| line.contains(char::is_control)),
                "{lines:?}"
            );
            let json = policy.to_json().to_string();
            assert!(!json.contains(char::is_control), "{json:?}");
        }
    }
}

/// The account's own name, then those of the other entries of its uid.
const NAMES: [&str; 3] = ["alice", "bo", "web-1"];

/// What a session reads, without the blocks of others, means the same for its account as the whole text: the same
/// errors, or the same policy for each name, from each address, with any groups. Returns how many blocks were left out.
pub fn policy_for(bytes: &[u8]) -> usize {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return 0;
    };
    let source = Path::new("policy");
    match (parse(text, source), parse_for(&NAMES, text, source)) {
        (Ok(all), Ok(own)) => {
            same_policy(text, &all, &own);
            all.matches.len() - own.matches.len()
        }
        (Err(all), Err(own)) => {
            assert_eq!(all.report(), own.report(), "{text}");
            0
        }
        (Ok(_), Err(errors)) => panic!("refused: {text}\n{}", errors.report()),
        (Err(errors), Ok(_)) => panic!("accepted: {text}\n{}", errors.report()),
    }
}

fn same_policy(text: &str, all: &PolicyFile, own: &PolicyFile) {
    assert_eq!((&all.source, &all.base), (&own.source, &own.base), "{text}");
    assert_eq!(all.asks_for_groups(), own.asks_for_groups(), "{text}");
    let profile = ProfileName::new(b"p").expect("a name");
    let mut kept = own.matches.iter().peekable();
    for block in &all.matches {
        if kept.next_if(|kept| *kept == block).is_none() {
            assert!(is_for_others(block), "left out: {block:?}\n{text}");
        }
    }
    assert_eq!(kept.next(), None, "{text}");
    for groups in [&[][..], &["sftp"], &["sftp", "web"]] {
        let account = account(groups);
        for client in [
            None,
            Some([192, 0, 2, 7].into()),
            Some([198, 51, 100, 9].into()),
        ] {
            for profile in [None, Some(&profile)] {
                let conflicts = |file: &PolicyFile| {
                    let seen = file.conflicts(&account, (client, profile));
                    seen.map(|conflict| conflict.to_string())
                        .collect::<Vec<_>>()
                };
                assert_eq!(conflicts(all), conflicts(own), "{text}");
            }
            for name in NAMES {
                let mut account = account.clone();
                account.name = name.into();
                let answers = |file: &PolicyFile| {
                    (
                        file.effective(&account, client),
                        file.effective_with(&profile, &account, client),
                        file.has_profile(&profile, &account),
                    )
                };
                assert_eq!(answers(all), answers(own), "{name} {client:?}\n{text}");
            }
        }
    }
}

fn is_for_others(block: &Match) -> bool {
    let fits = |name: &&str| block.users.matches(name.as_bytes());
    block.groups.is_empty() && !block.users.is_empty() && !NAMES.iter().any(fits)
}

fn account(groups: &[&str]) -> Account {
    let groups: Vec<String> = groups.iter().map(|&group| group.to_owned()).collect();
    let home = Path::new("/home/alice");
    let aliases = NAMES[1..].iter().map(|name| Alias {
        name: (*name).into(),
        gid: 1000,
        home: home.into(),
        groups: groups.clone(),
    });
    Account {
        name: NAMES[0].into(),
        uid: 1000,
        gid: 1000,
        home: home.into(),
        aliases: aliases.collect(),
        groups: groups.clone(),
        source: AccountSource::Passwd,
    }
}
