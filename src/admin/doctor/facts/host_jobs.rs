//! Looks for what the host runs on its own: cron and systemd.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::files::{self, NotExamined};
use crate::gather::disk::resolve;

/// How a job is written, and with it how it is switched off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobKind {
    /// A line of crontab(5).
    Line,
    /// A script that run-parts(8) starts.
    Script,
    /// `Exec…=` of systemd.service(5).
    Unit,
}

/// A file with jobs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobFile {
    /// Where it is.
    pub path: PathBuf,
    /// What it is.
    pub kind: JobKind,
    /// Its text.
    pub text: String,
}

/// All of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostJobs {
    /// The files.
    pub files: Vec<JobFile>,
    /// Absolute paths in them that lead elsewhere, and where.
    pub links: BTreeMap<PathBuf, PathBuf>,
    /// What could not be examined.
    pub not_examined: Vec<NotExamined>,
}

/// crontab(5), with a field for the account.
const SYSTEM_CRONTAB: &str = "/etc/crontab";
const SYSTEM_CRONTABS: &str = "/etc/cron.d";
/// One file for each account.
const CRONTABS: [&str; 2] = ["/var/spool/cron/crontabs", "/var/spool/cron"];
/// For run-parts(8).
const SCRIPTS: [&str; 5] = [
    "/etc/cron.hourly",
    "/etc/cron.daily",
    "/etc/cron.weekly",
    "/etc/cron.monthly",
    "/etc/cron.yearly",
];
/// systemd.unit(5); a timer or a path unit starts one of these services.
const UNITS: [&str; 5] = [
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
];
/// The largest file that is read: a compiled program in cron.daily is none.
const SIZE_MAX: u64 = 1 << 20;

impl HostJobs {
    /// Looks for all of them but the crontab of this account, whose own jobs
    /// are another check.
    pub fn gather(own: &str) -> Self {
        let mut jobs = Self::default();
        jobs.add(Path::new(SYSTEM_CRONTAB), JobKind::Line);
        jobs.add_all(Path::new(SYSTEM_CRONTABS), JobKind::Line);
        for directory in CRONTABS {
            for entry in files::list(Path::new(directory), &mut jobs.not_examined) {
                if entry.file_name() != own {
                    jobs.add(&entry.path(), JobKind::Line);
                }
            }
        }
        for directory in SCRIPTS {
            jobs.add_all(Path::new(directory), JobKind::Script);
        }
        for directory in UNITS.map(Path::new) {
            // /lib is a link to /usr/lib where /usr is merged.
            if directory.canonicalize().is_ok_and(|real| real == directory) {
                jobs.add_units(directory);
            }
        }
        jobs.follow();
        jobs
    }

    /// The services in a directory of units, with their drop-ins.
    fn add_units(&mut self, directory: &Path) {
        for entry in files::list(directory, &mut self.not_examined) {
            let path = entry.path();
            let ends = |end: &str| {
                path.as_os_str()
                    .as_encoded_bytes()
                    .ends_with(end.as_bytes())
            };
            // A link enables or renames a unit that is read where it is.
            let is_link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
            if ends(".service.d") {
                self.add_all(&path, JobKind::Unit);
            } else if ends(".service") && !(is_link && leads_to_unit(&path)) {
                self.add(&path, JobKind::Unit);
            }
        }
    }

    fn add_all(&mut self, directory: &Path, kind: JobKind) {
        for entry in files::list(directory, &mut self.not_examined) {
            self.add(&entry.path(), kind);
        }
    }

    fn add(&mut self, path: &Path, kind: JobKind) {
        let own = files::unless_absent(path, path.symlink_metadata(), &mut self.not_examined);
        let Some(own) = own else { return };
        let facts = files::unless_absent(path, path.metadata(), &mut self.not_examined);
        let text = match facts {
            // run-parts(8) starts only what is executable.
            Some(facts) if kind == JobKind::Script && facts.mode() & 0o111 == 0 => return,
            Some(facts) if facts.is_file() && facts.len() <= SIZE_MAX => {
                files::unless_absent(path, fs::read(path), &mut self.not_examined)
            }
            // What a link leads to can still be made there.
            None if own.is_symlink() => Some(Vec::new()),
            _ => None,
        };
        if let Some(text) = text {
            self.files.push(JobFile {
                path: path.to_owned(),
                kind,
                text: String::from_utf8_lossy(&text).into_owned(),
            });
        }
    }

    /// Where the files themselves and the absolute paths in them lead.
    fn follow(&mut self) {
        let named = self.files.iter().flat_map(|file| {
            let words = file
                .text
                .split(|c: char| c.is_whitespace() || "\"'=;|&()".contains(c));
            let words = words.filter(|word| word.starts_with('/')).map(Path::new);
            words.chain([file.path.as_path()])
        });
        let links = named.filter_map(|path| {
            let real = resolve(path);
            (real != path).then(|| (path.to_owned(), real))
        });
        self.links = links.collect();
    }
}

fn leads_to_unit(path: &Path) -> bool {
    let units = UNITS.map(Path::new);
    path.canonicalize().is_ok_and(|real| {
        real == Path::new("/dev/null") || units.iter().any(|unit| real.starts_with(unit))
    })
}
