//! Asks sshd what it would do for one account.

use std::fs;
use std::path::{Path, PathBuf};

use super::database::Database;
use super::files;
use super::finding::{Finding, quoted, word};
use super::mend::{CONFIG, Mender};
use super::rights::{ANYWHERE, Rights};
use super::settings::Settings;
use super::sshd_judge::{self, Inputs};
use super::tool;
use crate::decide::policy::Protocol;
use crate::print::escape::Escaped;

const SSHD: [&str; 3] = ["/usr/sbin/sshd", "/usr/local/sbin/sshd", "/usr/bin/sshd"];
const DROP_INS: &str = "/etc/ssh/sshd_config.d";
/// The group that the drop-in is for.
const GROUP: &str = "xfersh";

/// What sshd's configuration says, as text and as effect.
#[derive(Clone, Debug, Default)]
pub struct Sshd {
    /// The effective settings; `None` where they cannot be had.
    pub settings: Option<Settings>,
    /// What is to be said of the configuration itself.
    pub findings: Vec<Finding>,
    /// The main file and the drop-ins, with their text.
    pub files: Vec<(PathBuf, String)>,
}

/// Reads the configuration and asks sshd for its effect on one account.
#[must_use]
pub fn ask(name: &str) -> Sshd {
    let files = config_files();
    let Some(sshd) = tool::find(&SSHD) else {
        let say = "sshd is not installed: nobody can log in over ssh.";
        let missing = Finding::warning("sshd-missing", say, "apt-get install -y openssh-server");
        return Sshd {
            settings: None,
            findings: vec![missing],
            files,
        };
    };
    let connection = format!("user={name},host=client.invalid,addr={ANYWHERE}");
    let mut findings = judge_files(&files);
    let settings = match tool::ask(&sshd, &["-T", "-C", &connection]) {
        Ok(answer) if answer.success => Some(Settings::parse(&answer.text)),
        Ok(answer) => {
            findings.push(unreadable(&answer.text));
            None
        }
        Err(error) => {
            findings.push(unreadable(&error.to_string()));
            None
        }
    };
    Sshd {
        settings,
        findings,
        files,
    }
}

/// The main file and the drop-ins in the order in which sshd reads them.
fn config_files() -> Vec<(PathBuf, String)> {
    let entries = fs::read_dir(DROP_INS).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    let mut paths: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|e| e == "conf"))
        .collect();
    paths.sort();
    paths.push(PathBuf::from(CONFIG));
    let read = |path: PathBuf| {
        let bytes = fs::read(&path).ok()?;
        Some((path, String::from_utf8_lossy(&bytes).into_owned()))
    };
    paths.into_iter().filter_map(read).collect()
}

fn unreadable(cause: &str) -> Finding {
    let line = cause.lines().last().unwrap_or("no reason given");
    let say = format!(
        "sshd does not tell its effective settings: {}.",
        Escaped::text(line)
    );
    // Made by systemd when it starts sshd; without it -T refuses as well.
    let mend = match line.strip_prefix("Missing privilege separation directory: ") {
        Some(directory) => format!("mkdir -m 0755 {}", quoted(Path::new(directory))),
        None => "sshd -t # then mend the line that it names".to_owned(),
    };
    Finding::serious("sshd-unreadable", say, mend)
}

/// The lines of a configuration: first word in lower case, and the rest.
fn directives(text: &str) -> impl Iterator<Item = (String, &str)> {
    text.lines().filter_map(|line| {
        let line = line.trim();
        let end = line
            .find(|c: char| c.is_whitespace() || c == '=')
            .unwrap_or(line.len());
        let (word, rest) = line.split_at(end);
        let is_comment = word.is_empty() || word.starts_with('#');
        (!is_comment).then(|| {
            (
                word.to_lowercase(),
                rest.trim_start_matches(|c: char| c.is_whitespace() || c == '='),
            )
        })
    })
}

fn judge_files(files: &[(PathBuf, String)]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let main = files.iter().find(|(path, _)| path == Path::new(CONFIG));
    let includes = main.is_some_and(|(_, text)| {
        directives(text).any(|(word, rest)| word == "include" && rest.contains("sshd_config.d"))
    });
    if main.is_some() && !includes {
        let say = format!(
            "{CONFIG} does not include {DROP_INS}: settings for the group {GROUP} there have no effect."
        );
        findings.push(Finding::warning(
            "sshd-include",
            say,
            Mender::global(&format!("Include {DROP_INS}/*.conf")),
        ));
    }
    let depends = files
        .iter()
        .flat_map(|(path, text)| directives(text).map(move |line| (path, line)));
    let by_place = ["address", "host", "localaddress", "localport", "rdomain"];
    let mut depends = depends.filter(|(_, (word, rest))| {
        let criteria = rest.to_lowercase();
        word == "match"
            && criteria
                .split_whitespace()
                .step_by(2)
                .any(|criterion| by_place.contains(&criterion))
    });
    if let Some((path, (_, rest))) = depends.next() {
        let (path, rest) = (Escaped::path(path), Escaped::text(rest));
        let say = format!(
            "{path} has \"Match {rest}\"; the settings were judged for a client at {ANYWHERE} alone."
        );
        findings.push(Finding::note(
            "sshd-match-address",
            say,
            "sshd -T -C user=NAME,host=NAME,addr=IP # for a client there",
        ));
    }
    findings
}

impl Sshd {
    /// Judges the settings for an account.
    #[must_use]
    pub fn judge(
        &self,
        rights: &Rights<'_>,
        database: &Database,
        writable: &[PathBuf],
    ) -> Vec<Finding> {
        let Some(settings) = &self.settings else {
            return Vec::new();
        };
        let account = rights.account;
        let name = account.shown().to_string();
        let refusal = |command: &str| rights.refusal_of_form(command);
        let mut findings = sshd_judge::judge(&Inputs {
            name: &name,
            settings,
            mender: &self.mender(rights, database),
            writable_keys: writable_keys(settings, rights, writable),
            refusal: &refusal,
        });
        findings.extend(judge_key_files(settings, rights));
        findings
    }

    fn mender(&self, rights: &Rights<'_>, database: &Database) -> Mender {
        let account = rights.account;
        let has = |key: &'static str, what: fn(&str) -> bool| {
            let with = self.files.iter().filter(move |(_, text)| {
                directives(text).any(|(word, rest)| word == key && what(&rest.to_lowercase()))
            });
            with.map(|(path, _)| path.clone()).collect::<Vec<_>>()
        };
        let is_drop_in = |rest: &str| rest.split_whitespace().eq(["group", GROUP]);
        let group_exists = database.groups.iter().any(|group| group.name == GROUP);
        let is_member = account.groups.iter().any(|group| group == GROUP);
        let programs = rights.programs(Protocol::Sftp).unwrap_or_default();
        let server = programs
            .iter()
            .find(|path| path.exists())
            .or(programs.first());
        Mender {
            name: word(&account.name),
            can_join: group_exists && !is_member && !has("match", is_drop_in).is_empty(),
            subsystem_files: has("subsystem", |rest| {
                rest.split_whitespace().next() == Some("sftp")
            }),
            accept_env_files: has("acceptenv", |_| true),
            sftp_server: server.map_or_else(
                || "/usr/lib/openssh/sftp-server".into(),
                // A path of a policy, which is UTF-8, or one of ours.
                |path| path.to_str().unwrap_or_default().to_owned(),
            ),
        }
    }
}

/// Every file that can let someone in as the account.
fn key_files(settings: &Settings, rights: &Rights<'_>) -> Vec<PathBuf> {
    let account = rights.account;
    // Read from text.
    let home = account.home.to_str().unwrap_or_default();
    let keys = ["authorizedkeysfile", "authorizedprincipalsfile"];
    let files = keys
        .iter()
        .flat_map(|key| settings.key_files(key, &account.name, account.uid, home));
    files.map(PathBuf::from).collect()
}

/// AccountKey files outside the home belong to root alone; those in it are judged
/// with the home.
fn judge_key_files(settings: &Settings, rights: &Rights<'_>) -> Vec<Finding> {
    let files = key_files(settings, rights);
    let outside = files
        .iter()
        .filter(|path| !path.starts_with(&rights.account.home));
    let name = rights.account.shown();
    let what = format!("the keys of {name}");
    let mut findings = Vec::new();
    for path in outside {
        let way = files::unless_absent(path, files::way_to(path), &mut findings);
        let way = way.unwrap_or_default();
        findings.extend(files::judge_way(
            &what,
            &way,
            "sshd-keys-owner",
            "sshd-keys-mode",
        ));
    }
    findings
}

/// The key files that lie in a directory that clients may write, each with
/// that directory.
fn writable_keys(
    settings: &Settings,
    rights: &Rights<'_>,
    writable: &[PathBuf],
) -> Vec<(PathBuf, PathBuf)> {
    let files = key_files(settings, rights);
    let led = files.into_iter().filter_map(|path| {
        let real = resolved(&path);
        let place = writable
            .iter()
            .find(|place| path.starts_with(place) || real.starts_with(place));
        place.cloned().map(|place| (path, place))
    });
    led.collect()
}

/// The path with its existing part resolved.
fn resolved(path: &Path) -> PathBuf {
    for existing in path.ancestors() {
        if let Ok(real) = existing.canonicalize() {
            return real.join(path.strip_prefix(existing).unwrap_or(Path::new("")));
        }
    }
    path.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configurations() {
        let rows: [(&str, &[&str]); 6] = [
            ("Include /etc/ssh/sshd_config.d/*.conf\n", &[]),
            ("include=/etc/ssh/sshd_config.d/*.conf\n", &[]),
            (
                "#Include /etc/ssh/sshd_config.d/*.conf\n",
                &["sshd-include"],
            ),
            ("Port 22\n", &["sshd-include"]),
            (
                "Include /etc/ssh/sshd_config.d/*\nMatch User a Address 10.0.0.0/8\n",
                &["sshd-match-address"],
            ),
            (
                "Include /etc/ssh/sshd_config.d/*\nMatch User host\n#Match Address 10.0.0.0/8\n",
                &[],
            ),
        ];
        for (text, expected) in rows {
            let files = [(PathBuf::from(CONFIG), text.to_owned())];
            let seen: Vec<_> = judge_files(&files).iter().map(|f| f.id).collect();
            assert_eq!(seen, expected, "{text:?}");
        }
    }

    #[test]
    fn a_silent_sshd_is_serious() {
        let finding = unreadable("Missing privilege separation directory: /run/sshd\r\n");
        assert_eq!(finding.mend, "mkdir -m 0755 /run/sshd");
        assert!(unreadable("").mend.starts_with("sshd -t"));
    }
}
