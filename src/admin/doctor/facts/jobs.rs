//! Looks for what runs as the account without its shell: cron, at, mail, user
//! services.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::database::Person;
use super::files::{self, NotExamined};

/// What was found on disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Jobs {
    /// The account's crontab, with its text.
    pub crontabs: Vec<(PathBuf, String)>,
    /// Jobs of at(1).
    pub at: Vec<PathBuf>,
    /// Files by which mail runs a program.
    pub mail: Vec<PathBuf>,
    /// What makes systemd run the account's own services.
    pub services: Vec<PathBuf>,
    /// The parts that could not be examined.
    pub not_examined: Vec<NotExamined>,
}

/// Debian and Fedora keep crontabs in these directories.
const CRONTABS: [&str; 2] = ["/var/spool/cron/crontabs", "/var/spool/cron"];
const AT_JOBS: [&str; 3] = [
    "/var/spool/cron/atjobs",
    "/var/spool/at",
    "/var/spool/atjobs",
];
/// Read by the mail server as the account (aliases(5), procmail(1)).
const MAIL: [&str; 3] = [".forward", ".procmailrc", ".qmail"];

impl Jobs {
    /// Looks for the jobs of one account.
    pub fn gather(person: &Person) -> Self {
        let account = &person.account;
        let mut jobs = Self::default();
        for directory in CRONTABS {
            let path = Path::new(directory).join(&account.name);
            let facts = jobs.see(&path, path.metadata());
            if facts.is_some_and(|facts| facts.is_file())
                && let Some(text) = jobs.see(&path, fs::read(&path))
            {
                let text = String::from_utf8_lossy(&text).into_owned();
                jobs.crontabs.push((path, text));
            }
        }
        for directory in AT_JOBS {
            for entry in files::list(Path::new(directory), &mut jobs.not_examined) {
                let facts = jobs.see(&entry.path(), entry.metadata());
                if facts.is_some_and(|facts| facts.is_file() && facts.uid() == account.uid) {
                    jobs.at.push(entry.path());
                }
            }
        }
        for path in MAIL.map(|name| account.home.join(name)) {
            if jobs.see(&path, path.symlink_metadata()).is_some() {
                jobs.mail.push(path);
            }
        }
        let linger = Path::new("/var/lib/systemd/linger").join(&account.name);
        if jobs.see(&linger, linger.symlink_metadata()).is_some() {
            jobs.services.push(linger);
        }
        jobs
    }

    fn see<T>(&mut self, path: &Path, seen: io::Result<T>) -> Option<T> {
        files::unless_absent(path, seen, &mut self.not_examined)
    }
}
