//! Every policy that the documentation shows is valid.

use super::{block_of, blocks, files, files_ending, read, root};
use crate::harness::{Host, Shell, SshdConfig, XFERSH};

/// What is between `.Bd -literal` and `.Ed` in the examples section of a man page.
fn literals(page: &str) -> Vec<String> {
    let text = read(page);
    let examples = text.split("\n.Sh EXAMPLES\n").nth(1).unwrap_or_default();
    let examples = examples.split("\n.Sh ").next().unwrap_or_default();
    let rest = examples.split("\n.Bd -literal").skip(1);
    let blocks = rest.filter_map(|block| block.split_once('\n')?.1.split("\n.Ed").next());
    blocks.map(|block| format!("{block}\n")).collect()
}

/// Every policy in the documentation and in install, each with its place.
fn policies() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for path in files_ending(".md") {
        for block in blocks(&path)
            .into_iter()
            .filter(|block| block.language == "toml")
        {
            found.push((format!("{}:{}", block.file, block.line), block.text));
        }
    }
    for (index, text) in literals("docs/xfersh.toml.5").into_iter().enumerate() {
        found.push((format!("xfersh.toml(5), example {}", index + 1), text));
    }
    for path in files()
        .into_iter()
        .filter(|path| path.starts_with(root().join("install")))
    {
        if path.extension().is_some_and(|ending| ending == "toml") {
            let text = read(&path);
            let every_key = with_every_key(&text);
            assert_ne!(text, every_key, "{}", path.display());
            found.push((format!("{}, in force", path.display()), every_key));
            found.push((path.display().to_string(), text));
        }
    }
    found
}

/// The example policy with everything in force that stands there as a comment: the lines with no space behind the `#`.
fn with_every_key(text: &str) -> String {
    let line = |line: &str| match line.strip_prefix('#') {
        Some(key) if !key.is_empty() && !key.starts_with(' ') => format!("{key}\n"),
        _ => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

/// Who copies the example and changes nothing has the defaults.
#[test]
fn the_example_policy_changes_nothing() {
    let text = read("install/xfersh.toml");
    let active = text
        .lines()
        .find(|line| !line.is_empty() && !line.starts_with('#'));
    assert_eq!(active, None);
    let all = with_every_key(&text);
    assert!(
        all.contains("\n[[match]]\n") && all.contains("\nmax_file_size = "),
        "{all}"
    );
}

#[test]
fn every_policy_that_is_shown_holds() {
    let host = Host::new();
    let check = |text: &str| {
        host.write("/etc/example.toml", text.as_bytes());
        host.root(
            XFERSH,
            &[
                "--check",
                "--user",
                "alice",
                "--config",
                "/etc/example.toml",
            ],
        )
    };
    check("protocol = [\"sftp\"]\n").failed("a policy with an unknown key");
    let policies = policies();
    assert!(
        policies.len() >= 8,
        "only {} policies were found",
        policies.len()
    );
    for (place, text) in policies {
        check(&text).succeeded(&place);
    }
}

/// What an account tries under a recipe, as batch lines of sftp: one that works, or one that does not.
enum Try {
    Works(&'static str),
    Fails(&'static str),
}
use Try::{Fails, Works};

/// One recipe of the guide: its mark, the account, and what is tried in order, each in its own session.
struct Recipe(&'static str, &'static str, &'static [Try]);

const RECIPES: &[Recipe] = &[
    Recipe(
        "drop-box",
        "alice",
        &[
            Works("put up in/new"),
            Fails("get in/new got"),
            Fails("ls in"),
            Fails("put up2 in/new"),
            Fails("rm in/new"),
            Fails("get note.txt got"),
            Fails("put up uploads/new"),
        ],
    ),
    Recipe(
        "list-and-create",
        "alice",
        &[
            Works("ls"),
            Works("put up new"),
            Fails("get new got"),
            Fails("rm new"),
            Fails("mkdir sub"),
        ],
    ),
    Recipe(
        "in-and-out",
        "exchange",
        &[
            Works("put up in/new"),
            Fails("get in/new got"),
            Works("get out/file got"),
            Fails("put up out/new"),
            Fails("rm out/file"),
            Fails("put up uploads/new"),
            Fails("get note.txt got"),
            Fails("ls uploads"),
        ],
    ),
    Recipe(
        "backup",
        "backup-1",
        &[
            Works("put up /srv/backup/backup-1/one"),
            Works("put up /srv/backup/backup-1/.dot"),
            Works("get /srv/backup/backup-1/one got"),
            Fails("put up2 /srv/backup/backup-1/one"),
            Fails("rm /srv/backup/backup-1/one"),
            Fails("rename /srv/backup/backup-1/one /srv/backup/backup-1/two"),
            Fails("chmod 600 /srv/backup/backup-1/one"),
            Fails("put up .bashrc"),
        ],
    ),
    Recipe(
        "web",
        "alice",
        &[
            Works("put up /srv/www/alice/index.html"),
            Works("put up2 /srv/www/alice/index.html"),
            Fails("put up /srv/www/alice/.htaccess"),
            Works("mkdir /srv/www/alice/.well-known"),
            Works("put up /srv/www/alice/.well-known/x"),
            Fails("ln -s index.html /srv/www/alice/link"),
            Fails("put up uploads/new"),
        ],
    ),
];

/// What the recipes say about making a directory: the account can use it under the recipe, and who must read it can.
#[test]
fn the_directories_of_the_recipes_have_their_readers() {
    let shell = Shell::Xfersh;
    let mut host = Host::with_accounts(&[("alice", shell), ("backup-1", shell)]);
    host.start_sshd(&SshdConfig::default());
    host.shell_line("echo authors:x:70002:alice >>/etc/group; rm -rf /srv/www /srv/backup");
    host.write("/tmp/local/up", b"new\n");
    for (mark, name, place, readers) in [
        ("web", "alice", "/srv/www/alice", [true, false]),
        ("backup", "backup-1", "/srv/backup/backup-1", [false; 2]),
    ] {
        run_block(&host, &format!("run: {mark}"), "true").succeeded(mark);
        host.policy(&block_of(
            "docs/administrators-guide.md",
            &format!("recipe: {mark}"),
        ));
        let account = host.account(name);
        let put = format!("mkdir {place}/sub\nput up {place}/sub/new\n");
        host.sftp(account, &put).succeeded(mark);
        for (reader, may) in ["www-data", "nobody"].into_iter().zip(readers) {
            let groups = format!("--reuid={reader} --regid={reader} --clear-groups");
            let command = format!("setpriv {groups} cat {place}/sub/new");
            let output = host.root("sh", &["-c", &command]);
            assert_eq!(output.status.success(), may, "{mark}, {reader}: {output}");
        }
    }
}

#[test]
fn the_recipes_of_the_guide_do_what_they_say() {
    let shell = Shell::Xfersh;
    let accounts = [("alice", shell), ("exchange", shell), ("backup-1", shell)];
    let mut host = Host::with_accounts(&accounts);
    host.start_sshd(&SshdConfig::default());
    host.shell_line("printf 'partners:x:70001:alice\\nauthors:x:70002:alice\\n' >>/etc/group");
    host.write("/tmp/local/up", b"first\n");
    host.write("/tmp/local/up2", b"another one\n");
    let guide = blocks(&root().join("docs/administrators-guide.md"));
    for Recipe(mark, name, tries) in RECIPES {
        let wanted = format!("recipe: {mark}");
        let block = guide
            .iter()
            .find(|block| block.mark == wanted)
            .unwrap_or_else(|| panic!("no block {wanted:?}"));
        let account = host.account(name);
        host.refurnish();
        let home = account.home();
        let places = [
            home.join("in"),
            home.join("out"),
            format!("/srv/backup/{name}").into(),
            format!("/srv/www/{name}").into(),
        ];
        host.inside(|| {
            for place in &places {
                let _ = std::fs::remove_dir_all(place);
                std::fs::create_dir_all(place).expect("a directory");
                std::fs::write(place.join("file"), "older\n").expect("a file");
                account.own(place);
            }
        });
        host.policy("# so that the baseline has rights everywhere\nwritable = [\"~/*\", \"/srv/backup\", \"/srv/www\"]\n");
        host.sftp(
            account,
            &format!("put up {}\n", places[0].join("try").display()),
        )
        .succeeded("the baseline");
        host.sftp(
            account,
            &format!("rm {}\n", places[0].join("try").display()),
        )
        .succeeded("the baseline");
        host.policy(&block.text);
        for attempt in *tries {
            match attempt {
                Works(line) => drop(
                    host.sftp(account, &format!("{line}\n"))
                        .succeeded(&format!("{mark}: {line}")),
                ),
                Fails(line) => drop(
                    host.sftp(account, &format!("{line}\n"))
                        .failed(&format!("{mark}: {line}")),
                ),
            }
        }
    }
    assert_eq!(host.read("/srv/www/alice/index.html"), b"another one\n");
    let mode = host.shell_line("stat -c %a /srv/www/alice/index.html /srv/www/alice/.well-known");
    assert_eq!(mode, "644\n755\n");
}

/// "What differs from plain OpenSSH", as far as OpenSSH's clients can show it.
#[test]
fn the_exceptions_of_the_guide_are_as_listed() {
    let host = Host::with_sshd();
    host.write("/tmp/local/up", b"from the client\n");
    let line = |text: &str| host.sftp(host.alice(), &format!("{text}\n"));
    let mode = |path: &str| {
        host.shell_line(&format!("stat -c %a /home/alice/{path}"))
            .trim()
            .to_owned()
    };
    line("put up uploads/new").succeeded("an upload");
    line("chmod 6755 uploads/new").succeeded("chmod of a file");
    assert_eq!(mode("uploads/new"), "755");
    line("chmod 2775 uploads/sub").succeeded("chmod of a directory");
    assert_eq!(mode("uploads/sub"), "2775");
    // uploads/other-note is another name of ~/note.txt.
    let before = host.disk();
    for change in ["put up uploads/other-note", "chmod 600 uploads/other-note"] {
        let refused = line(change).failed(change);
        assert!(refused.err().contains("Permission denied"), "{refused}");
    }
    for change in [
        "ln -s /etc uploads/etc",
        "rename uploads elsewhere",
        "rmdir empty",
        "put up uploads/to-nothing",
    ] {
        line(change).failed(change);
    }
    before.assert_same(&host.disk(), "what the guide lists as refused");
    line("ln -s old.txt uploads/link").succeeded("a link that leads inside");
    line("rm uploads/other-note").succeeded("removing a second name");
    assert_eq!(host.read("/home/alice/note.txt"), b"a note in the home\n");
}

/// Runs a block of the guide as root, ending at the first command that fails.
fn run_block(host: &Host, mark: &str, editor: &str) -> crate::harness::Output {
    let guide = blocks(&root().join("docs/administrators-guide.md"));
    let block = guide.iter().find(|block| block.mark == mark);
    let text = &block.unwrap_or_else(|| panic!("no block {mark:?}")).text;
    // The binary is elsewhere on this host, and so is a directory of root's.
    let text = text
        .replace("xfersh --", &format!("{XFERSH} --"))
        .replace("/root/", "/srv/root/");
    let mut shell = std::process::Command::new("bash");
    shell
        .args(["-euo", "pipefail", "-c", &text])
        .env("EDITOR", editor);
    host.run(shell.current_dir("/"), b"")
}

/// "Changing the policy": a sound one is put in force at once, a wrong one never, and no moment is without a policy.
#[test]
fn a_changed_policy_is_put_in_force_as_the_guide_says() {
    let host = Host::with_sshd();
    host.shell_line("mkdir -m 700 /srv/root");
    host.policy("protocols = [\"scp\"]\n");
    let before = host.shell_line("ls -i /etc/xfersh.toml");
    let served = || host.sftp(host.alice(), "pwd\n").status.success();
    assert!(!served());
    let wrong = run_block(&host, "run: change", "sed -i s/scp/sftq/").failed("a wrong policy");
    assert!(wrong.err().contains("sftq"), "{wrong}");
    assert_eq!(host.read("/etc/xfersh.toml"), b"protocols = [\"scp\"]\n");
    assert_eq!(host.shell_line("ls -i /etc/xfersh.toml"), before);
    // As some editors do: another file, which only root can read.
    host.install(
        "/srv/editor",
        b"#!/bin/sh\numask 077; sed s/scp/sftp/ \"$1\" >\"$1.x\" && mv \"$1.x\" \"$1\"\n",
    );
    run_block(&host, "run: change", "/srv/editor").succeeded("a sound policy");
    assert_eq!(host.read("/etc/xfersh.toml"), b"protocols = [\"sftp\"]\n");
    assert_eq!(
        host.shell_line("stat -c %a%U /etc/xfersh.toml"),
        "644root\n"
    );
    assert!(served() && !host.exists("/etc/xfersh.toml.new"));
    let said = run_block(&host, "run: change-user", "true").succeeded("what it means");
    assert!(
        said.out().starts_with("alice can copy files with sftp"),
        "{said}"
    );
}
