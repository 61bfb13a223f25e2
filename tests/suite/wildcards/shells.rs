//! Ten thousand words over random trees: xfersh matches what dash and bash match (`LC_ALL=C`).
//!
//! If the two agree, there is one right answer. If they do not (`[^a]`, `[[.a.]]`, an invalid class), xfersh's answer
//! is that of one of them. A word with two such differences could match neither, and none of these seeds produces one.
//! Two differences are corrected first: dash lets a wildcard match `.` and `..`, and bash writes one slash after a
//! wildcard where there were several.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use xfersh::confine::expand::{Bounds, walk};
use xfersh::decide::command::pattern::Pattern;
use xfersh::decide::command::words::split;

use super::words::{Random, tree, word};
use crate::harness::{Account, Host};

const TREES: u64 = 20;
const WORDS: usize = 500;

/// What a word becomes in a shell.
type Expansion = Vec<Vec<u8>>;

/// Asks a shell for all words at once, as the account, in the tree.
fn by_shell(
    host: &Host,
    account: &Account,
    shell: &str,
    root: &Path,
    words: &[Vec<u8>],
) -> Vec<Expansion> {
    let mut script = b"p() { printf '%s\\0' \"$#\" \"$@\"; }\n".to_vec();
    for word in words {
        script.extend_from_slice(b"p ");
        script.extend_from_slice(word);
        script.push(b'\n');
    }
    host.write("/srv/words", &script);
    // `env` enters the tree, which only the host has.
    let mut inside = Command::new("env");
    inside.arg("-C").arg(root).args([shell, "/srv/words"]);
    inside.uid(account.id).gid(account.id).current_dir("/");
    inside
        .env_clear()
        .env("LC_ALL", "C")
        .env("PATH", "/usr/bin:/bin");
    let output = host.run(&mut inside, b"").succeeded(shell);
    let mut fields = output.stdout.split(|byte| *byte == 0);
    let number = |field: Option<&[u8]>| {
        let text = std::str::from_utf8(field.expect("a count")).expect("a count");
        text.parse::<usize>().expect("a count")
    };
    let expansion = |_: &Vec<u8>| {
        let count = number(fields.next());
        let fields = fields.by_ref().take(count);
        fields.map(<[u8]>::to_vec).collect()
    };
    words.iter().map(expansion).collect()
}

/// Asks our own code, with the account's file access rights, in the tree.
fn by_us(host: &Host, account: &Account, root: &Path, words: &[Vec<u8>]) -> Vec<Expansion> {
    let id = account.id;
    host.inside(|| {
        // Both belong only to this thread, which ends with this.
        std::env::set_current_dir(root).expect("entering the tree");
        nix::unistd::setfsgid(id.into());
        nix::unistd::setfsuid(id.into());
        assert_eq!(nix::unistd::setfsuid(id.into()).as_raw(), id);
        words.iter().map(|word| expand(word)).collect()
    })
}

fn expand(word: &[u8]) -> Expansion {
    let words = split(word).unwrap_or_else(|error| panic!("{}: {error}", word.escape_ascii()));
    let [word] = words.as_slice() else {
        panic!("{words:?} should be one word");
    };
    let pattern = Pattern::parse(word.pattern().as_bytes());
    let mut found = Vec::new();
    let mut bounds = Bounds::with_room(1 << 20);
    let result = walk(&pattern, &mut bounds, &mut |one, _| {
        found.push(one.path.to_vec());
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{words:?}: {error}"));
    found.sort_unstable();
    if found.is_empty() || !pattern.is_wild() {
        found = vec![word.bytes().to_vec()];
    }
    found
}

/// Removes what a wildcard in dash matched through `.` or `..`.
fn without_dots(word: &[u8], expansion: &Expansion) -> Expansion {
    let word = &split(word).expect("a word")[0];
    let written: Vec<&[u8]> = word.bytes().split(|byte| *byte == b'/').collect();
    let by_wildcard = |path: &&Vec<u8>| {
        let parts = path.split(|byte| *byte == b'/').zip(&written);
        let mut dots = parts.filter(|(part, own)| part != *own);
        dots.any(|(part, _)| part == b"." || part == b"..")
    };
    let mut kept: Expansion = expansion
        .iter()
        .filter(|path| !by_wildcard(path))
        .cloned()
        .collect();
    if kept.is_empty() {
        kept.push(word.bytes().to_vec());
    }
    kept
}

fn with_single_slashes(expansion: &Expansion) -> Expansion {
    let single = |path: &Vec<u8>| {
        let mut path = path.clone();
        path.dedup_by(|a, b| *a == b'/' && *b == b'/');
        path
    };
    let mut paths: Expansion = expansion.iter().map(single).collect();
    paths.sort_unstable();
    paths
}

fn shown(expansion: &Expansion) -> String {
    let words: Vec<String> = expansion
        .iter()
        .map(|word| word.escape_ascii().to_string())
        .collect();
    format!("<{}>", words.join("> <"))
}

#[test]
fn ten_thousand_words_become_what_sh_makes_of_them() {
    let host = Host::new();
    let account = host.plain();
    let mut wrong = Vec::new();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for seed in 0..TREES {
        let mut random = Random::seeded(seed + 1);
        let root = PathBuf::from(format!("/srv/tree{seed}"));
        let paths = host.inside(|| {
            let paths = tree(&root, &mut random);
            account.own(&root);
            paths
        });
        let words: Vec<Vec<u8>> = (0..WORDS).map(|_| word(&paths, &mut random)).collect();
        let dash = by_shell(&host, account, "dash", &root, &words);
        let bash = by_shell(&host, account, "bash", &root, &words);
        let ours = by_us(&host, account, &root, &words);
        for (((word, dash), bash), ours) in words.iter().zip(&dash).zip(&bash).zip(&ours) {
            let dash = without_dots(word, dash);
            let like_dash = *ours == dash;
            let like_bash = with_single_slashes(ours) == with_single_slashes(bash);
            let agree = with_single_slashes(&dash) == with_single_slashes(bash);
            let verdict = match (agree, like_dash, like_bash) {
                (true, true, true) => "as both",
                (false, true, _) => "as dash",
                (false, _, true) => "as bash",
                _ => "wrong",
            };
            *counts.entry(verdict).or_default() += 1;
            let literal = split(word).expect("a word")[0].bytes().to_vec();
            if *ours != [literal] {
                *counts.entry("matched something").or_default() += 1;
            }
            if verdict == "wrong" {
                wrong.push(format!(
                    "tree {seed}: {}\n dash {}\n bash {}\n ours {}",
                    word.escape_ascii(),
                    shown(&dash),
                    shown(bash),
                    shown(ours)
                ));
            }
        }
    }
    println!("{counts:?}");
    let first: Vec<_> = wrong.iter().take(20).cloned().collect();
    assert!(wrong.is_empty(), "{counts:?}\n{}", first.join("\n"));
    let count = |what| counts.get(what).copied().unwrap_or_default();
    assert!(count("matched something") > 1_500, "{counts:?}");
    assert!(count("as both") > 9_000, "{counts:?}");
}
