//! Asks sshd what it would do for one account.

use std::fs;
use std::path::{Path, PathBuf};

use super::files::{self, NotExamined};
use super::rights::ANYWHERE;
use super::settings::SshdSettings;
use super::tool;
use crate::decide::account::Account;
use crate::gather::disk::resolve;
use crate::gather::trust::{PathEntry, way_to};

const SSHD: [&str; 3] = ["/usr/sbin/sshd", "/usr/local/sbin/sshd", "/usr/bin/sshd"];
/// sshd's main configuration.
pub const CONFIG: &str = "/etc/ssh/sshd_config";
/// The drop-in as it came with xfersh.
pub const SHIPPED: &str = "/usr/share/xfersh/10-xfersh.conf";
/// Where it is in force.
pub const DROP_IN: &str = "/etc/ssh/sshd_config.d/10-xfersh.conf";
/// Where its other files are.
pub const DROP_INS: &str = "/etc/ssh/sshd_config.d";

/// What sshd's configuration says, as text and as effect.
#[derive(Clone, Debug)]
pub struct Sshd {
    /// What sshd says.
    pub answer: SshdAnswer,
    /// The main file and the drop-ins, with their text.
    pub files: Vec<(PathBuf, String)>,
    /// The drop-in that came with xfersh, if it is installed.
    pub shipped: Option<String>,
}

/// The answer of `sshd -T`.
#[derive(Clone, Debug)]
pub enum SshdAnswer {
    /// There is no sshd.
    Missing,
    /// It does not print its settings; why not.
    Silent(String),
    /// The effective settings.
    SshdSettings(SshdSettings),
}

/// A file that can let someone in as the account.
#[derive(Clone, Debug)]
pub struct KeyFile {
    /// Where sshd is told to look for it.
    pub path: PathBuf,
    /// Where that leads, as far as it exists.
    pub resolved: PathBuf,
    /// Everything on the way to it; empty if it is missing.
    pub way: Vec<PathEntry>,
}

impl Sshd {
    /// Reads the configuration and asks sshd for its effect on one account.
    pub fn gather(name: &str) -> Self {
        Self {
            answer: ask(name),
            files: config_files(),
            shipped: fs::read_to_string(SHIPPED).ok(),
        }
    }

    /// The effective settings, if they are available.
    pub const fn settings(&self) -> Option<&SshdSettings> {
        match &self.answer {
            SshdAnswer::SshdSettings(settings) => Some(settings),
            SshdAnswer::Missing | SshdAnswer::Silent(_) => None,
        }
    }

    /// Whether the main file includes the drop-ins.
    pub fn includes_drop_ins(&self) -> bool {
        let mut files = self.files.iter();
        let main = files.find(|(path, _)| path == Path::new(CONFIG));
        main.is_none_or(|(_, text)| {
            directives(text).any(|(word, rest)| word == "include" && rest.contains("sshd_config.d"))
        })
    }

    /// The files with such a directive: its keyword in lower case, and a
    /// condition on the rest of the line, also in lower case.
    pub fn files_with(&self, keyword: &str, is_meant: impl Fn(&str) -> bool) -> Vec<PathBuf> {
        let with = self.files.iter().filter(|(_, text)| {
            directives(text).any(|(word, rest)| word == keyword && is_meant(&rest.to_lowercase()))
        });
        with.map(|(path, _)| path.clone()).collect()
    }
}

fn ask(name: &str) -> SshdAnswer {
    let Some(sshd) = tool::find(&SSHD) else {
        return SshdAnswer::Missing;
    };
    let connection = format!("user={name},host=client.invalid,addr={ANYWHERE}");
    match tool::ask(&sshd, &["-T", "-C", &connection]) {
        Ok(answer) if answer.success => SshdAnswer::SshdSettings(SshdSettings::parse(&answer.text)),
        Ok(answer) => SshdAnswer::Silent(answer.text),
        Err(error) => SshdAnswer::Silent(error.to_string()),
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

/// The lines of a configuration: first word in lower case, and the rest.
pub fn directives(text: &str) -> impl Iterator<Item = (String, &str)> {
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

/// Every file that can let someone in as the account, and those that could not
/// be examined.
pub fn key_files(settings: &SshdSettings, account: &Account) -> (Vec<KeyFile>, Vec<NotExamined>) {
    let mut not_examined = Vec::new();
    // Read from text.
    let home = account.home.to_str().unwrap_or_default();
    let keywords = ["authorizedkeysfile", "authorizedprincipalsfile"];
    let paths = keywords
        .iter()
        .flat_map(|keyword| settings.key_files(keyword, &account.name, account.uid, home));
    let files = paths.map(PathBuf::from).map(|path| {
        let way = files::unless_absent(&path, way_to(&path), &mut not_examined);
        KeyFile {
            resolved: resolve(&path),
            way: way.unwrap_or_default(),
            path,
        }
    });
    (files.collect(), not_examined)
}

/// The files that keep everybody but root out: sshd's own (session.c,
/// `do_nologin`), and with PAM another one (pam_nologin(8)).
pub fn nologin(settings: &SshdSettings) -> Vec<PathBuf> {
    let own = Some("/etc/nologin");
    let of_pam = settings.is("usepam", "yes").then_some("/run/nologin");
    let paths = own.into_iter().chain(of_pam).map(PathBuf::from);
    paths
        .filter(|path| path.symlink_metadata().is_ok())
        .collect()
}
