//! What clients ask for beyond copying: a shell, `ls`, `md5sum`, `echo`. It is refused with the one sentence and status
//! 126. If a setting lets the client work without it, that setting is run too.

use super::backup::FUSE_HIDDEN;
use super::{stage, table};
use crate::harness::Host;

/// The sections of the page.
pub const SECTION: &str = "beyond";
pub const HEAVY_SECTION: &str = "beyond-heavy";
const SENTENCE: &str = "This account is for file transfer only.";

/// One thing that a client asks.
struct Ask {
    client: &'static str,
    /// Works in an ordinary account.
    line: &'static str,
    /// What the client asked the account's shell for, or the beginning of it.
    asked: &'static str,
    /// Words of the client; empty if it continues without an answer.
    answer: &'static str,
    setting: Setting,
}

enum Setting {
    /// What to do instead, the line that does it, and the policy it needs, which is usually none.
    Instead(&'static str, &'static str, &'static str),
    /// Why there is none.
    None(&'static str),
}
use Setting::{Instead, None as NoSetting};

const ASKS: &[Ask] = &[
    Ask {
        client: "OpenSSH ssh with a command",
        line: "ssh $TO ls uploads",
        asked: "ls uploads",
        answer: SENTENCE,
        setting: Instead("list by sftp", "echo ls uploads | sftp -b - $TO", ""),
    },
    Ask {
        client: "OpenSSH ssh, a shell; VS Code Remote-SSH and mosh begin like this",
        line: "ssh -T $TO bash </dev/null",
        asked: "bash",
        answer: SENTENCE,
        setting: NoSetting("it needs a shell"),
    },
    Ask {
        client: "OpenSSH scp -R, from one remote host to another",
        line: "sed -i '/IdentityAgent none/d' /etc/ssh/ssh_config; eval $(ssh-agent) >/dev/null; ssh-add -q $KEY; \
               scp -A -R -O $TO:out/zero $TO:uploads/copy; s=$?; ssh-agent -k >/dev/null; exit $s",
        asked: "scp ",
        answer: SENTENCE,
        setting: Instead(
            "`-3`: through the client's machine",
            "scp -3 $TO:out/zero $TO:uploads/copy",
            "",
        ),
    },
    Ask {
        client: "ssh-copy-id",
        line: "mkdir -p ~/.ssh; ssh-copy-id -f -i $KEY.pub $TO",
        asked: "exec sh -c",
        answer: SENTENCE,
        setting: NoSetting("the administrator installs keys: `.ssh` is protected"),
    },
    Ask {
        client: "PuTTY plink",
        line: "plink $PUTTY $TO ls uploads",
        asked: "ls uploads",
        answer: SENTENCE,
        setting: Instead(
            "list by psftp",
            "echo ls uploads | psftp $PUTTY -b /dev/stdin $TO",
            "",
        ),
    },
    Ask {
        client: "PuTTY pscp -scp -ls",
        line: "pscp $PUTTY -scp -ls $TO:uploads",
        asked: "ls -la",
        answer: SENTENCE,
        setting: Instead(
            "`-sftp`, or neither option: pscp prefers sftp",
            "pscp $PUTTY -ls $TO:uploads",
            "",
        ),
    },
    Ask {
        client: "lftp fish://",
        line: "lftp -c 'set net:max-retries 1; set net:timeout 5; open fish://'$U':x@host; cls uploads' | grep old.txt",
        asked: "echo FISH:",
        answer: "",
        setting: Instead(
            "`sftp://`",
            "lftp -c 'open sftp://'$U':x@host; cls uploads'",
            "",
        ),
    },
    Ask {
        client: "rclone copy: what shell, and which checksums",
        line: "rclone copy up/zero $RCLONE:uploads/",
        asked: "echo ${ShellId}",
        answer: "",
        setting: Instead(
            "`shell_type = none`, `disable_hashcheck = true`: asks nothing",
            "rclone copy up/file.bin $RCLONE,shell_type=none,disable_hashcheck=true:uploads/",
            "",
        ),
    },
    Ask {
        client: "rclone md5sum",
        line: "rclone md5sum $RCLONE:uploads/sub 2>&1 | grep -E '^[0-9a-f]{32} '",
        asked: "md5sum",
        answer: "",
        setting: Instead(
            "`--download`: reads the files",
            "rclone md5sum --download $RCLONE,shell_type=none,disable_hashcheck=true:uploads/sub",
            "",
        ),
    },
    Ask {
        client: "rsync under the default policy",
        line: "rsync up/zero $TO:uploads/",
        asked: "rsync --server",
        answer: SENTENCE,
        setting: Instead(
            "policy: `protocols = [\"sftp\", \"scp\", \"rsync\"]`",
            "rsync up/zero $TO:uploads/",
            "protocols = [\"sftp\", \"scp\", \"rsync\"]\n",
        ),
    },
    Ask {
        client: "rsync --rsync-path with a command before it",
        line: "rsync --rsync-path='mkdir -p uploads/new && rsync' up/zero $TO:uploads/new/",
        asked: "mkdir -p",
        answer: SENTENCE,
        setting: Instead(
            "`--mkpath` (rsync 3.2.3), and the policy's rsync",
            "rsync --mkpath up/zero $TO:uploads/new/",
            "protocols = [\"sftp\", \"scp\", \"rsync\"]\n",
        ),
    },
];

/// Clients that only `tests/run --all` installs.
const HEAVY: &[Ask] = &[
    Ask {
        client: "duplicity scp://",
        line: "duplicity full $DUPLICITY --num-retries 1 up scp://$TO/uploads/dup >/dev/null && \
               duplicity restore $DUPLICITY --num-retries 1 scp://$TO/uploads/dup down/restored",
        asked: "ls -1",
        answer: "",
        setting: Instead(
            "`sftp://`",
            "duplicity full $DUPLICITY up sftp://$TO/uploads/dup >/dev/null && \
             duplicity restore $DUPLICITY sftp://$TO/uploads/dup down/restored",
            "",
        ),
    },
    Ask {
        client: "borg over ssh",
        line: "borg init -e none ssh://$TO/~/uploads/borg",
        asked: "borg serve",
        answer: "Connection closed by remote host",
        setting: Instead(
            "on sshfs, and policy: `dotfile_names = [\".fuse_hidden*\"]`",
            "mounted 'borg init -e none'",
            FUSE_HIDDEN,
        ),
    },
    Ask {
        client: "Ansible, any module",
        line: "ansible all -i host, -u $U -m ansible.builtin.copy -a \"src=$PWD/up/zero dest=uploads/zero\"",
        asked: "/bin/sh -c ",
        answer: "UNREACHABLE",
        setting: NoSetting(
            "its modules run in a shell; copy with sftp, scp or rsync from the controller",
        ),
    },
];

/// The clients of the section.
pub fn clients() -> impl Iterator<Item = &'static str> {
    ASKS.iter().chain(HEAVY).map(|ask| ask.client)
}

#[test]
fn what_clients_ask_beyond_copying() {
    run(ASKS, SECTION);
}

#[test]
#[ignore = "heavy clients: tests/run --all"]
fn what_heavy_clients_ask_beyond_copying() {
    run(HEAVY, HEAVY_SECTION);
}

fn run(asks: &[Ask], section: &str) {
    let host = stage::host(stage::SUBSYSTEM);
    let mut wrong = String::new();
    let mut lines = String::new();
    for ask in asks {
        match try_one(&host, ask) {
            Ok(line) => lines += &line,
            Err(problem) => wrong += &format!("\n== {}: {problem}\n", ask.client),
        }
    }
    table::keep_section(section, &lines);
    assert!(wrong.is_empty(), "{wrong}");
}

fn try_one(host: &Host, ask: &Ask) -> Result<String, String> {
    stage::set(host, host.plain());
    let plain = stage::run(host, host.plain(), ask.line);
    if !plain.status.success() {
        return Err(format!("it fails in an ordinary account: {plain}"));
    }
    stage::set(host, host.alice());
    host.log();
    let ours = stage::run(host, host.alice(), ask.line);
    let log = refusals(host);
    let said = stage::neutral(
        host.alice(),
        &[&ours.stdout[..], b"\n", &ours.stderr[..]].concat(),
    );
    let Some(refused) = log
        .iter()
        .find(|line| line.contains(&format!("command=\"{}", ask.asked)))
    else {
        return Err(format!("no refusal of {:?} in {log:#?}\n{ours}", ask.asked));
    };
    let asked = refused
        .split_once("command=")
        .map_or("", |(_, command)| command.trim_matches('"'));
    let answer = match said.lines().find(|line| line.contains(ask.answer)) {
        _ if ask.answer.is_empty() && ours.status.success() => "goes on without".to_owned(),
        _ if ask.answer.is_empty() => format!("fails, status {}", ours.code()),
        Some(line) => format!("{}, status {}", table::code(line), ours.code()),
        None => return Err(format!("it does not say {:?}: {ours}", ask.answer)),
    };
    let (setting, result) = match ask.setting {
        Setting::None(why) => ("none".to_owned(), why.to_owned()),
        Instead(setting, line, policy) => {
            if !policy.is_empty() {
                host.policy(policy);
            }
            stage::set(host, host.alice());
            let output = stage::run(host, host.alice(), line);
            let log = refusals(host);
            host.no_policy();
            if !output.status.success() || !log.is_empty() {
                return Err(format!("with the setting: {output}\n{log:#?}"));
            }
            (
                setting.to_owned(),
                format!("works, nothing refused: {}", table::code(line)),
            )
        }
    };
    Ok(format!(
        "| {} | {} | {} | {answer} | {setting} | {result} |\n",
        ask.client,
        table::code(ask.line),
        table::code(asked)
    ))
}

/// What was refused since the last look at the log.
fn refusals(host: &Host) -> Vec<String> {
    let lines = host.log().into_iter().map(|line| line.text);
    lines
        .filter(|line| line.contains("verdict=refused"))
        .collect()
}
