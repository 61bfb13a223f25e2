//! What runs as the account without its shell: cron, at, mail, user services.

use std::path::PathBuf;

use super::files::not_examined;
use crate::admin::doctor::facts::jobs::Jobs;
use crate::admin::doctor::finding::{Finding, set_aside};
use crate::print::escape::Escaped;

/// Which of them are findings. `name` is escaped. `writable` are the
/// directories that clients of the account may write.
pub fn judge(name: &str, jobs: &Jobs, writable: &[PathBuf]) -> Vec<Finding> {
    let mut findings: Vec<_> = not_examined(&jobs.not_examined).collect();
    for (path, text) in &jobs.crontabs {
        let fix = set_aside(path);
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
                "cron runs something in {place} as {name}: a client can upload a program there, and cron runs it."
            );
            findings.push(Finding::serious("account-crontab", say, fix));
        } else if lines.clone().any(|line| !line.trim().is_empty()) {
            let say = format!("{name} has a crontab: cron runs it with /bin/sh, unconfined.");
            findings.push(Finding::warning("account-crontab", say, fix));
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
            findings.push(Finding::warning(id, say, set_aside(path)));
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
            .map(|f| (f.id, f.fix))
            .collect();
        let expected = [
            (
                "account-at",
                "mkdir -p -m 0700 /var/lib/xfersh-set-aside && mv --backup=numbered -t /var/lib/xfersh-set-aside /var/spool/cron/atjobs/a00001",
            ),
            (
                "account-forward",
                "mkdir -p -m 0700 /var/lib/xfersh-set-aside && mv --backup=numbered -t /var/lib/xfersh-set-aside /home/a/.forward",
            ),
            (
                "account-linger",
                "mkdir -p -m 0700 /var/lib/xfersh-set-aside && mv --backup=numbered -t /var/lib/xfersh-set-aside /var/lib/systemd/linger/a",
            ),
        ];
        assert_eq!(seen, expected.map(|(id, fix)| (id, fix.to_owned())));
    }
}
