//! What runs as the account without its shell: cron, at, mail, user services.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::database::Person;
use super::files;
use super::finding::{Finding, quoted};
use crate::print::escape::Escaped;

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
    /// What of all this could not be looked at.
    pub not_examined: Vec<Finding>,
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
    #[must_use]
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

/// Which of them are findings. `name` is escaped. `writable` are the directories that clients of
/// the account may write.
#[must_use]
pub fn judge(name: &str, jobs: &Jobs, writable: &[PathBuf]) -> Vec<Finding> {
    let mut findings = jobs.not_examined.clone();
    for (path, text) in &jobs.crontabs {
        let mend = format!("rm {}", quoted(path));
        let lines = text
            .lines()
            .filter(|line| !line.trim_start().starts_with('#'));
        let led = lines.clone().find_map(|line| {
            let inside =
                |place: &&PathBuf| place.to_str().is_some_and(|place| line.contains(place));
            writable.iter().find(inside)
        });
        if let Some(place) = led {
            let place = Escaped::path(place);
            let say = format!(
                "cron runs something of {place} as {name}: a client who uploads it runs programs."
            );
            findings.push(Finding::serious("account-crontab", say, mend));
        } else if lines.clone().any(|line| !line.trim().is_empty()) {
            let say = format!("{name} has a crontab: cron runs it with /bin/sh, unconfined.");
            findings.push(Finding::warning("account-crontab", say, mend));
        }
    }
    let rows = [
        (
            &jobs.at,
            "account-at",
            "is a job of at(1), which runs unconfined",
        ),
        (
            &jobs.mail,
            "account-forward",
            "can make the mail server run a program unconfined",
        ),
        (
            &jobs.services,
            "account-linger",
            "makes systemd run the account's own services unconfined",
        ),
    ];
    for (paths, id, what) in rows {
        for path in paths {
            let say = format!("{} of {name} {what}.", Escaped::path(path));
            findings.push(Finding::warning(id, say, format!("rm {}", quoted(path))));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::doctor::finding::Severity;

    #[test]
    fn crontabs() {
        let rows: [(&str, Option<Severity>); 5] = [
            ("", None),
            ("# m h dom mon dow command\n\n", None),
            ("0 4 * * * /usr/bin/true\n", Some(Severity::Warning)),
            ("0 4 * * * /home/a/in/run\n", Some(Severity::Serious)),
            ("#0 4 * * * /home/a/in/run\n", None),
        ];
        for (text, expected) in rows {
            let jobs = Jobs {
                crontabs: vec![("/c/a".into(), text.into())],
                ..Jobs::default()
            };
            let findings = judge("a", &jobs, &["/home/a/in".into()]);
            assert_eq!(findings.first().map(|f| f.severity), expected, "{text:?}");
        }
    }

    #[test]
    fn each_kind_has_its_id() {
        let jobs = Jobs {
            crontabs: Vec::new(),
            at: vec!["/var/spool/cron/atjobs/a00001".into()],
            mail: vec!["/home/a/.forward".into()],
            services: vec!["/var/lib/systemd/linger/a".into()],
            ..Jobs::default()
        };
        let seen: Vec<_> = judge("a", &jobs, &[])
            .into_iter()
            .map(|f| (f.id, f.mend))
            .collect();
        let expected = [
            ("account-at", "rm /var/spool/cron/atjobs/a00001"),
            ("account-forward", "rm /home/a/.forward"),
            ("account-linger", "rm /var/lib/systemd/linger/a"),
        ];
        assert_eq!(seen, expected.map(|(id, mend)| (id, mend.to_owned())));
    }
}
