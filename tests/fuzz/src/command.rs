//! A command of a client, up to the plan.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};
use std::sync::LazyLock;

use xfersh::decide::account::{Account, AccountSource};
use xfersh::decide::case::Case;
use xfersh::decide::command::ForcedLine;
use xfersh::decide::decide;
use xfersh::decide::facts::{Facts, Program};
use xfersh::decide::form::Inquiry;
use xfersh::decide::invocation::{Client, Invocation};
use xfersh::decide::needs::Needs;
use xfersh::decide::operands::Operand;
use xfersh::decide::plan::{Argument, Plan, ServerKind};
use xfersh::decide::policy::{Policy, parse};
use xfersh::decide::roots::directories::{DirectoryId, DirectoryState, DirectoryStates, HomeChild};
use xfersh::decide::roots::start::StartDirectory;
use xfersh::decide::verdict::{Refusal, Verdict};

use super::log::changes_what_is_shown;
use super::rsync_table;

pub(super) static ACCOUNT: LazyLock<Account> = LazyLock::new(|| Account {
    name: "alice".into(),
    aliases: Vec::new(),
    uid: 1000,
    gid: 1000,
    home: "/home/alice".into(),
    groups: Vec::new(),
    source: AccountSource::Passwd,
});

static POLICIES: LazyLock<Vec<Policy>> = LazyLock::new(|| {
    let rsync = "protocols = [\"sftp\", \"scp\", \"rsync\"]\n";
    let texts = [
        rsync.to_owned(),
        format!("{rsync}access = \"read-only\"\n"),
        format!(
            "{rsync}writable = [\"~/up\"]\nreadable = [\"~/pub\", \"/srv/a b\"]\ndotfiles = \"hidden\"\n"
        ),
        format!("{rsync}[[directory]]\npath = \"/srv/in\"\naccess = \"upload-only\"\n"),
        format!(
            "{rsync}readable = [\"/srv\"]\nstart = \"/srv/start\"\numask = \"027\"\nscp = \"/opt/ssh/scp\"\n"
        ),
    ];
    let policy = |text: String| {
        let file = parse(&text, Path::new("policy")).expect("a policy of the test");
        file.effective(&ACCOUNT, None)
    };
    texts.into_iter().map(policy).collect()
});

/// The first byte chooses the policy, the rest is the command.
pub fn command(bytes: &[u8]) {
    let Some((choice, command)) = bytes.split_first() else {
        return;
    };
    let policy = &POLICIES[usize::from(*choice) % POLICIES.len()];
    match answer(policy, command) {
        Verdict::Refused(refusal) => check_refusal(&refusal),
        Verdict::Granted(plan) => {
            check_plan(&plan);
            // No transfer names a profile.
            assert_eq!(ForcedLine::read(command), None);
            // An accepted command is accepted again from its own plan, and means the same.
            let again = quoted(&plan);
            match answer(policy, &again) {
                Verdict::Granted(same) => assert_eq!(same, plan, "{}", again.escape_ascii()),
                Verdict::Refused(why) => panic!("{}: {why:?}", again.escape_ascii()),
            }
        }
    }
}

/// The answer as the log tells it: whose session, what it asks for, under one of the policies.
pub fn logged(choice: u8, command: &[u8]) -> (&'static Account, Invocation, Verdict) {
    let policy = &POLICIES[usize::from(choice) % POLICIES.len()];
    (&ACCOUNT, invocation(command), answer(policy, command))
}

fn invocation(command: &[u8]) -> Invocation {
    Invocation {
        command: Some(command.to_vec()),
        forced: false,
        profile: None,
        client: Client::default(),
        terminal: false,
        umask: 0o022,
    }
}

fn answer(policy: &Policy, command: &[u8]) -> Verdict {
    let invocation = invocation(command);
    let case = Case {
        policy,
        account: &ACCOUNT,
        invocation: &invocation,
    };
    match Inquiry::of(&case) {
        Ok(inquiry) => decide(&case, &inquiry, &facts(&inquiry)),
        Err(refusal) => Verdict::Refused(refusal),
    }
}

/// A disk on which every directory of the policy exists and nothing is a link.
fn facts(inquiry: &Inquiry) -> Facts {
    let id = |number: usize| DirectoryId {
        device: 1,
        inode: number as u64,
    };
    let named = inquiry.directories.paths.iter().enumerate();
    let named = named.map(|(number, path)| {
        let place = DirectoryState::Directory {
            path: path.clone(),
            id: id(number),
        };
        (path.clone(), place)
    });
    let children = ["/home/alice/pub", "/home/alice/up"].iter().enumerate();
    let children = children.map(|(number, path)| HomeChild {
        path: PathBuf::from(path),
        id: Some(id(1000 + number)),
    });
    let named: BTreeMap<_, _> = named.collect();
    Facts {
        program: Program::Found(inquiry.programs[0].clone(), Needs::default()),
        places: DirectoryStates {
            home_children: Ok(children
                .filter(|child| !named.contains_key(&child.path))
                .collect()),
            named,
            start: Ok(StartDirectory {
                path: inquiry.directories.start.clone(),
                instead: None,
            }),
        },
        operands: inquiry
            .operands
            .iter()
            .map(|operand| Operand {
                path: without_dots(&inquiry.directories.start.join(&operand.path)),
                ..*operand
            })
            .collect(),
        target_is_directory: false,
        log_file: None,
    }
}

fn without_dots(path: &Path) -> PathBuf {
    let mut out = PathBuf::from("/");
    for part in path.components() {
        match part {
            Component::ParentDir => {
                out.pop();
            }
            Component::Normal(name) => out.push(name),
            _ => {}
        }
    }
    out
}

/// What is said about a refusal is one line of printable characters.
fn check_refusal(refusal: &Refusal) {
    let told = refusal.told.iter().map(String::as_str);
    let hint = refusal.hint.iter().map(AsRef::as_ref);
    for text in told.chain(hint).chain([refusal.reason.as_ref()]) {
        assert!(!text.is_empty());
        assert!(!text.chars().any(changes_what_is_shown), "{text:?}");
    }
}

/// The words of a plan, patterns as they are.
fn words(plan: &Plan) -> Vec<&[u8]> {
    plan.argv
        .iter()
        .map(|argument| match argument {
            Argument::Literal(word) | Argument::Pattern { literal: word, .. } => word.as_bytes(),
        })
        .collect()
}

fn check_plan(plan: &Plan) {
    let words = words(plan);
    assert!(words.iter().all(|word| !word.contains(&0)));
    let options = |end: &[u8]| {
        let at = words
            .iter()
            .position(|word| *word == end)
            .expect("an end of the options");
        &words[1..at]
    };
    match plan.kind {
        ServerKind::Sftp => {
            assert_eq!(words[0], b"sftp-server");
            let mut rest = words[1..].iter();
            while let Some(word) = rest.next() {
                match *word {
                    b"-R" => {}
                    b"-P" | b"-p" | b"-u" | b"-l" | b"-f" => {
                        rest.next().expect("a value");
                    }
                    other => panic!("{}", other.escape_ascii()),
                }
            }
        }
        ServerKind::ScpSink | ServerKind::ScpSource => {
            assert_eq!(words[0], b"scp");
            let options = options(b"--");
            let known: [&[u8]; 6] = [b"-v", b"-r", b"-p", b"-d", b"-t", b"-f"];
            assert!(options.iter().all(|option| known.contains(option)));
            let direction: &[u8] = if plan.kind == ServerKind::ScpSink {
                b"-t"
            } else {
                b"-f"
            };
            let other: &[u8] = if plan.kind == ServerKind::ScpSink {
                b"-f"
            } else {
                b"-t"
            };
            assert!(options.contains(&direction) && !options.contains(&other));
            assert!(words.len() > options.len() + 2);
        }
        ServerKind::RsyncReceiver | ServerKind::RsyncSender => {
            assert_eq!(words[..2], [&b"rsync"[..], b"--server"]);
            let options = options(b"--");
            assert_eq!(
                options.contains(&&b"--sender"[..]),
                plan.kind == ServerKind::RsyncSender
            );
            for option in options {
                assert!(
                    *option == b"--sender" || *option == b"--server" || rsync_table::has(option),
                    "{}",
                    option.escape_ascii()
                );
                assert!(
                    !option.windows(4).any(|part| part == b"!#:+"),
                    "{}",
                    option.escape_ascii()
                );
            }
            assert_eq!(words[options.len() + 2], b".");
            assert!(words.len() > options.len() + 3);
        }
    }
    assert!(plan.program.is_absolute());
    let names: Vec<_> = plan.environment.iter().map(|(name, _)| *name).collect();
    let known = ["USER", "LOGNAME", "PATH", "HOME", "SSH_CONNECTION"];
    assert!(names.iter().all(|name| known.contains(name)), "{names:?}");
}

/// The command that a client would have to send for this plan.
fn quoted(plan: &Plan) -> Vec<u8> {
    let is_rsync = matches!(
        plan.kind,
        ServerKind::RsyncReceiver | ServerKind::RsyncSender
    );
    let mut out = Vec::new();
    let mut ended = false;
    for argument in &plan.argv {
        let word = match argument {
            Argument::Literal(word) => word.as_bytes(),
            Argument::Pattern { pattern, .. } => pattern.as_bytes(),
        };
        // rsync clients do not send it, so it is not accepted from them.
        if is_rsync && !ended && word == b"--" {
            ended = true;
            continue;
        }
        if !out.is_empty() {
            out.push(b' ');
        }
        let is_pattern = matches!(argument, Argument::Pattern { .. });
        let mut bytes = word.iter();
        out.extend_from_slice(if word.is_empty() { b"''" } else { b"" });
        while let Some(&byte) = bytes.next() {
            match byte {
                b'\\' if is_pattern => {
                    quote(*bytes.next().expect("a quoted byte"), &mut out);
                }
                b'*' | b'?' | b'[' | b']' | b'!' | b'^' | b'-' | b':' | b'=' | b'.'
                    if is_pattern =>
                {
                    out.push(byte);
                }
                byte => quote(byte, &mut out),
            }
        }
    }
    out
}

fn quote(byte: u8, out: &mut Vec<u8>) {
    match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' => out.push(byte),
        b'\'' => out.extend_from_slice(b"\"'\""),
        byte => out.extend_from_slice(&[b'\'', byte, b'\'']),
    }
}
