//! The commands that fix sshd's configuration.

use std::path::{Path, PathBuf};

use super::facts::database::Database;
use super::facts::rights::Rights;
use super::facts::sshd::{CONFIG, DROP_INS, Sshd};
use super::finding::{decision, quoted, word};
use crate::decide::facts::Program;
use crate::decide::policy::Protocol;

/// The group that the drop-in is for.
pub const GROUP: &str = "xfersh";

/// What the commands for one account depend on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fixes {
    /// The account, as a shell word.
    pub name: String,
    /// Whether joining the group `xfersh` brings the drop-in's settings: the
    /// drop-in is there and the account is not yet in the group.
    pub can_join: bool,
    /// The files with a `Subsystem sftp` line.
    pub subsystem_files: Vec<PathBuf>,
    /// The files with an `AcceptEnv` line.
    pub accept_env_files: Vec<PathBuf>,
    /// Whether sshd reads the drop-ins at all.
    pub includes_drop_ins: bool,
    /// Whether some account is in a chroot.
    pub has_chroots: bool,
    /// The sftp server of this host.
    pub sftp_server: String,
}

/// Where the keys of all xfersh accounts can be: one file for each, owned by
/// root.
pub const KEYS: &str = "/etc/ssh/xfersh_keys";

/// Sorts before the drop-in and before those of the distribution: sshd takes
/// the first value that it reads (sshd_config(5)). A `Match` in an included
/// file ends with the file.
pub const OVERRIDES: &str = "/etc/ssh/sshd_config.d/00-xfersh.conf";

impl Fixes {
    /// For one account. `programs` are the servers that were found.
    pub fn of(
        sshd: &Sshd,
        rights: &Rights<'_>,
        database: &Database,
        programs: &[(Protocol, Program)],
    ) -> Self {
        let account = rights.account;
        let is_drop_in = |rest: &str| rest.split_whitespace().eq(["group", GROUP]);
        let is_sftp = |rest: &str| rest.split_whitespace().next() == Some("sftp");
        let group_exists = database.groups.iter().any(|group| group.name == GROUP);
        let is_member = account.groups.iter().any(|group| group == GROUP);
        let has_drop_in = !sshd.files_with("match", is_drop_in).is_empty();
        Self {
            name: word(&account.name),
            can_join: group_exists && !is_member && has_drop_in,
            subsystem_files: sshd.files_with("subsystem", is_sftp),
            accept_env_files: sshd.files_with("acceptenv", |_| true),
            includes_drop_ins: sshd.includes_drop_ins(),
            has_chroots: !sshd
                .files_with("chrootdirectory", |rest| rest != "none")
                .is_empty(),
            sftp_server: sftp_server(rights, programs),
        }
    }

    /// Gives the account a setting of the drop-in: by joining the group, or
    /// with its own block.
    pub fn drop_in(&self, line: &str) -> String {
        if self.can_join && self.includes_drop_ins {
            format!("gpasswd -a {} xfersh", self.name)
        } else {
            self.own_block(line)
        }
    }

    /// Gives the account a setting with its own block. Without the drop-ins,
    /// these come first.
    pub fn own_block(&self, line: &str) -> String {
        let name = &self.name;
        if !self.includes_drop_ins {
            return Self::include();
        }
        format!("printf 'Match User %s\\n\\t%s\\n' {name} '{line}' >>{OVERRIDES}")
    }

    /// Copies the keys in a file to where root alone can change them, and makes
    /// sshd read them there for this account.
    pub fn move_keys(&self, from: &Path) -> String {
        let (name, from) = (&self.name, quoted(from));
        // Read as the account, as sshd does: a client could put a link there.
        let may = format!("runuser -u {name} -- test -r {from}");
        let copy =
            format!("runuser -u {name} -- cat {from} >>{KEYS}/{name} && chmod 0644 {KEYS}/{name}");
        let copied = format!("mkdir -p -m 0755 {KEYS} && {{ ! {may} || {{ {copy}; }}; }}");
        let set = self.own_block(&format!("AuthorizedKeysFile {KEYS}/%u"));
        format!("{copied} && {set}")
    }

    /// Removes these patterns from every `AcceptEnv` line: those of all blocks
    /// that apply add up, so another line cannot take one away. A line without
    /// a pattern is an error, so it goes too.
    pub fn accept_env(&self, patterns: &[String]) -> String {
        if self.accept_env_files.is_empty() {
            return decision("remove it from the AcceptEnv lines of sshd's configuration");
        }
        let patterns: Vec<_> = patterns.iter().map(|pattern| literal(pattern)).collect();
        let any = patterns.join("|");
        let script = format!(
            "/^[[:space:]]*acceptenv[[:space:]=]/I{{:a;s/([[:space:]=])({any})([[:space:]]|$)/\\1\\3/;ta;/^[[:space:]]*acceptenv[[:space:]=]*$/Id}}"
        );
        format!(
            "sed -Ei {} {}",
            word(&script),
            words(&self.accept_env_files)
        )
    }

    /// Makes sshd read our drop-ins, and no others: nobody may have meant those
    /// to apply.
    pub fn include() -> String {
        Self::global(&format!("Include {DROP_INS}/*xfersh.conf"))
    }

    /// Sets what cannot be in a `Match` block.
    pub fn global(line: &str) -> String {
        // A backslash would be special to sed.
        let script = format!("1i {}", line.replace('\\', "\\\\"));
        format!("sed -i {} {CONFIG}", word(&script))
    }

    /// Makes the subsystem `sftp` start the server program, with these options.
    pub fn subsystem(&self, options: &[String]) -> String {
        let mut server = self.sftp_server.clone();
        for option in options {
            server.push(' ');
            server.push_str(option);
        }
        if self.subsystem_files.is_empty() {
            return Self::global(&format!("Subsystem sftp {server}"));
        }
        let files = words(&self.subsystem_files);
        let script = format!(
            "s|^([[:space:]]*subsystem[[:space:]]+sftp[[:space:]]).*|\\1{}|I",
            replacement(&server)
        );
        format!("sed -Ei {} {files}", word(&script))
    }
}

/// The server that was found, or else the first place where one is looked for.
fn sftp_server(rights: &Rights<'_>, programs: &[(Protocol, Program)]) -> String {
    let found = programs.iter().find_map(|program| match program {
        (Protocol::Sftp, Program::Found(path, _)) => Some(path.clone()),
        _ => None,
    });
    let candidates = || rights.candidates(Protocol::Sftp)?.into_iter().next();
    // A path from the policy, which is UTF-8, or one of ours.
    let path = found
        .or_else(candidates)
        .and_then(|path| path.into_os_string().into_string().ok());
    path.unwrap_or_else(|| "/usr/lib/openssh/sftp-server".to_owned())
}

/// Text that sed(1) inserts literally.
fn replacement(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if matches!(c, '\\' | '&' | '|') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// Text that a regular expression of sed(1) takes literally, between slashes.
fn literal(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if !c.is_ascii_alphanumeric() && c != '_' {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

fn words(paths: &[PathBuf]) -> String {
    let words: Vec<_> = paths.iter().map(|path| quoted(path)).collect();
    words.join(" ")
}
