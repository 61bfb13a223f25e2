//! Does the host run, as root or as another account, what a client can upload?

use std::path::{Path, PathBuf};

use super::files::not_examined;
use crate::admin::doctor::facts::host_jobs::{HostJobs, JobFile, JobKind};
use crate::admin::doctor::finding::{Finding, quoted, set_aside};
use crate::print::escape::Escaped;

/// Programs that run what their arguments name.
const RUNNERS: [&str; 32] = [
    ".",
    "ash",
    "bash",
    "busybox",
    "chronic",
    "chrt",
    "command",
    "dash",
    "env",
    "eval",
    "exec",
    "flock",
    "ionice",
    "ksh",
    "nice",
    "node",
    "nohup",
    "perl",
    "php",
    "python",
    "python3",
    "ruby",
    "run-parts",
    "runuser",
    "setpriv",
    "setsid",
    "sh",
    "source",
    "su",
    "sudo",
    "timeout",
    "zsh",
];

/// Which of the jobs run something in a directory that clients of the account
/// may write. `name` is escaped.
pub fn judge(name: &str, jobs: &HostJobs, writable: &[PathBuf]) -> Vec<Finding> {
    let mut findings: Vec<_> = not_examined(&jobs.not_examined).collect();
    for file in &jobs.files {
        let found = match inside(&file.path, jobs, writable) {
            Some(place) => Some((place, None)),
            None => led_into(file, jobs, writable).map(|(place, line)| (place, Some(line))),
        };
        if let Some((place, line)) = found {
            let (shown, place) = (Escaped::path(&file.path), Escaped::path(place));
            let what = match file.kind {
                JobKind::Line | JobKind::Script => "cron",
                JobKind::Unit => "systemd",
            };
            let at = line.map_or_else(String::new, |line| format!(":{line}"));
            let say = format!(
                "{shown}{at} makes {what} run something in {place}, where clients of {name} can write: what they upload there would run outside every confinement."
            );
            findings.push(Finding::serious("host-job", say, fix(file, line)));
        }
    }
    findings
}

/// The first line that runs something there.
fn led_into<'a>(
    file: &JobFile,
    jobs: &HostJobs,
    writable: &'a [PathBuf],
) -> Option<(&'a PathBuf, usize)> {
    let mut lines = file.text.lines().enumerate();
    lines.find_map(|(at, line)| {
        let line = command_of(line, file.kind)?;
        let mut runs = run_by(line).into_iter();
        let place = runs.find_map(|path| inside(Path::new(path), jobs, writable))?;
        Some((place, at + 1))
    })
}

/// The writable directory in which a path is, or to which it leads.
fn inside<'a>(path: &Path, jobs: &HostJobs, writable: &'a [PathBuf]) -> Option<&'a PathBuf> {
    let real = jobs.links.get(path).map_or(path, PathBuf::as_path);
    let mut places = writable.iter();
    places.find(|place| path.starts_with(place) || real.starts_with(place))
}

/// The command in a line, or nothing.
fn command_of(line: &str, kind: JobKind) -> Option<&str> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    match kind {
        JobKind::Script => Some(line),
        JobKind::Unit => {
            let (key, value) = line.split_once('=')?;
            // Before the path: systemd.service(5), "special executable prefixes".
            key.starts_with("Exec")
                .then(|| value.trim_start_matches(|c: char| " \t-@:+!|".contains(c)))
        }
        // What stands before the command, the times and an account, is no path.
        JobKind::Line => Some(line),
    }
}

/// The paths that a command runs: what stands first in one of its parts, what a
/// program that runs others is given, and what follows a change into a
/// directory.
fn run_by(line: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for part in line.split([';', '|', '&', '(', ')', '`']) {
        let words: Vec<&str> = part
            .split_whitespace()
            .map(|word| word.trim_matches(|c| "\"'".contains(c)))
            .collect();
        let is_path = |word: &&&str| word.starts_with('/');
        let first = words.iter().position(|word| word.starts_with('/'));
        let runner = words.iter().position(is_runner);
        let enters = words
            .iter()
            .position(|word| *word == "cd" || *word == "pushd");
        match (first, runner, enters) {
            // As in "sh -c '/x/y'" and "cd /x".
            (_, Some(at), _) | (_, None, Some(at)) => {
                found.extend(words.iter().skip(at + 1).filter(is_path));
            }
            (Some(at), None, None) if is_command(words.get(..at).unwrap_or_default()) => {
                found.extend(words.get(at));
            }
            _ => {}
        }
        // "find … -exec {}" runs what it finds.
        if words.iter().any(|word| word.starts_with("-exec")) && words.contains(&"{}") {
            let runs = words
                .iter()
                .skip_while(|word| !word.starts_with("-exec"))
                .nth(1);
            if runs.is_some_and(|word| *word == "{}" || is_runner(word)) {
                found.extend(words.iter().filter(is_path));
            }
        }
    }
    found
}

/// Whether only what can stand before a command is in these words: times and
/// an account of crontab(5), variables, words of the shell.
fn is_command(before: &[&str]) -> bool {
    let is_time = |word: &str| {
        let digits = |c: char| c.is_ascii_alphanumeric() || "*,/-@#".contains(c);
        word.chars().all(digits)
            && (word.starts_with(['*', '@']) || word.starts_with(|c: char| c.is_ascii_digit()))
    };
    let shell = [
        "if", "then", "else", "do", "while", "until", "!", "{", "test", "[",
    ];
    let mut others = before
        .iter()
        .filter(|word| !is_time(word) && !word.contains('=') && !shell.contains(*word));
    match (others.next(), others.next()) {
        (None, _) => true,
        // The account's field, where there are times before it.
        (Some(account), None) => before.len() > 1 && before.last() == Some(account),
        _ => false,
    }
}

fn is_runner(word: &&str) -> bool {
    let name = word.rsplit('/').next().unwrap_or(word);
    RUNNERS.contains(&name)
}

/// Switches off the job and nothing else; what it was is kept. Without a line
/// it is the file itself that leads there.
fn fix(file: &JobFile, line: Option<usize>) -> String {
    let path = quoted(&file.path);
    match (file.kind, line) {
        (JobKind::Unit, _) => {
            let aside = set_aside(&file.path);
            format!("{aside} && {{ systemctl daemon-reload || true; }}")
        }
        (_, None) => set_aside(&file.path),
        (JobKind::Line, Some(line)) => format!("sed -i '{line}s/^/# /' {path}"),
        // run-parts(8) starts only what is executable.
        (JobKind::Script, Some(_)) => format!("chmod a-x {path}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(kind: JobKind, text: &str) -> Vec<String> {
        let file = JobFile {
            path: "/etc/job".into(),
            kind,
            text: text.into(),
        };
        let links = [("/opt/link".into(), "/srv/in/x".into())].into();
        let jobs = HostJobs {
            files: vec![file],
            links,
            ..HostJobs::default()
        };
        let findings = judge("a", &jobs, &["/srv/in".into()]);
        findings.into_iter().map(|finding| finding.fix).collect()
    }

    #[test]
    fn what_runs_and_what_only_reads() {
        let runs = [
            "* * * * * root /srv/in/x",
            "* * * * * /srv/in/x --all",
            "@daily root /opt/link",
            "0 4 * * 1-5 root cd /srv/in && ./x",
            "0 4 * * * root sh /srv/in/x",
            "0 4 * * * root /bin/bash -c '/srv/in/x'",
            "0 4 * * * root nice -n 5 /srv/in/x",
            "0 4 * * * root run-parts /srv/in",
            "0 4 * * * root test -x /usr/bin/y; /srv/in/x",
            "0 4 * * * root find /srv/in -type f -exec sh {} ;",
        ];
        for line in runs {
            let text = format!("# jobs\n{line}\n");
            assert_eq!(
                found(JobKind::Line, &text),
                ["sed -i '2s/^/# /' /etc/job"],
                "{line}"
            );
        }
        let reads = [
            "# * * * * * root /srv/in/x",
            "* * * * * root /srv/inner/x",
            "0 4 * * * root tar -czf /var/backups/x.tgz /srv/in",
            "0 4 * * * root rsync -a /srv/in/ /srv/out/",
            "0 4 * * * root /usr/bin/clamscan -r /srv/in",
            "0 4 * * * root find /srv/in -mtime +30 -delete",
        ];
        for line in reads {
            assert_eq!(found(JobKind::Line, line), [""; 0], "{line}");
        }
    }

    #[test]
    fn units_and_scripts() {
        let unit = "[Service]\nType=oneshot\nExecStart=-/srv/in/x\n";
        let fix = "mkdir -p -m 0700 /var/lib/xfersh-set-aside && mv --backup=numbered -t /var/lib/xfersh-set-aside /etc/job && { systemctl daemon-reload || true; }";
        assert_eq!(found(JobKind::Unit, unit), [fix]);
        assert_eq!(
            found(JobKind::Unit, "[Service]\nReadWritePaths=/srv/in\n"),
            [""; 0]
        );
        assert_eq!(
            found(JobKind::Unit, "[Service]\nExecStart=/usr/bin/d /srv/in\n"),
            [""; 0]
        );
        assert_eq!(
            found(JobKind::Script, "#!/bin/sh\n. /srv/in/x\n"),
            ["chmod a-x /etc/job"]
        );
    }
}
