//! The text of sshd's configuration, and whether sshd answers at all.

use std::path::Path;

use crate::admin::doctor::facts::rights::ANYWHERE;
use crate::admin::doctor::facts::sshd::{
    CONFIG, DROP_IN, DROP_INS, SHIPPED, Sshd, SshdAnswer, directives,
};
use crate::admin::doctor::finding::{Finding, quoted};
use crate::admin::doctor::fixes::{Fixes, GROUP};
use crate::print::escape::Escaped;

/// Findings about the configuration itself.
pub fn judge(sshd: &Sshd) -> Vec<Finding> {
    let mut findings = match &sshd.answer {
        SshdAnswer::Missing => Vec::new(),
        _ => judge_files(sshd),
    };
    findings.extend(judge_answer(sshd));
    findings
}

/// Whether sshd says what it would do.
pub fn judge_answer(sshd: &Sshd) -> Option<Finding> {
    match &sshd.answer {
        SshdAnswer::SshdSettings(_) => None,
        SshdAnswer::Silent(cause) => Some(unreadable(cause)),
        SshdAnswer::Missing => {
            let say = "sshd is not installed: nobody can log in over ssh.";
            let fix = "apt-get install -y openssh-server";
            Some(Finding::warning("sshd-missing", say, fix))
        }
    }
}

/// What follows from a missing Include has one command, and is one finding: the
/// worst of all.
pub fn join_by_include(findings: Vec<Finding>) -> Vec<Finding> {
    let include = Fixes::include();
    let (joined, mut others): (Vec<_>, Vec<_>) = findings
        .into_iter()
        .partition(|finding| finding.fix == include);
    let mut joined = joined.into_iter();
    if let Some(first) = joined.next() {
        let rest: Vec<_> = joined.collect();
        let severity = rest
            .iter()
            .map(|finding| finding.severity)
            .fold(first.severity, Ord::min);
        let what = rest.iter().map(|finding| finding.what.as_str());
        let what: Vec<_> = std::iter::once(first.what.as_str()).chain(what).collect();
        others.push(Finding {
            severity,
            what: what.join(" "),
            ..first
        });
    }
    others
}

fn unreadable(cause: &str) -> Finding {
    let line = cause.lines().last().unwrap_or("no reason given");
    let say = format!(
        "sshd -T does not print the effective settings: {}.",
        Escaped::text(line)
    );
    // Created by systemd when it starts sshd; without it -T refuses too.
    let fix = match line.strip_prefix("Missing privilege separation directory: ") {
        Some(directory) => format!("mkdir -m 0755 {}", quoted(Path::new(directory))),
        None => "sshd -t # then repair the line that it names".to_owned(),
    };
    Finding::serious("sshd-unreadable", say, fix)
}

fn judge_files(sshd: &Sshd) -> Vec<Finding> {
    let files = &sshd.files;
    let mut findings = Vec::new();
    if !sshd.includes_drop_ins() {
        let say = format!(
            "{CONFIG} does not include {DROP_INS}: settings for the group {GROUP} there have no effect."
        );
        findings.push(Finding::warning("sshd-include", say, Fixes::include()));
    }
    findings.extend(changed_drop_in(sshd));
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
            "{path} has \"Match {rest}\"; the settings were judged only for a client at {ANYWHERE}."
        );
        findings.push(Finding::note(
            "sshd-match-address",
            say,
            "sshd -T -C user=NAME,host=NAME,addr=IP # for a client there",
        ));
    }
    findings
}

/// That the drop-in is not the one of this version. The administrator may have
/// changed it: nothing is replaced.
fn changed_drop_in(sshd: &Sshd) -> Option<Finding> {
    let shipped = sshd.shipped.as_ref()?;
    let mut files = sshd.files.iter();
    let (_, text) = files.find(|(path, _)| path == Path::new(DROP_IN))?;
    let say = format!(
        "{DROP_IN} is not the drop-in of this version: it has been changed, and an upgrade keeps it."
    );
    let fix = format!("diff {DROP_IN} {SHIPPED}");
    (text != shipped).then(|| Finding::note("sshd-drop-in-differs", say, fix))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::doctor::finding::Severity;

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
            let sshd = Sshd {
                answer: SshdAnswer::Missing,
                files: vec![(CONFIG.into(), text.to_owned())],
                shipped: None,
            };
            let seen: Vec<_> = judge_files(&sshd).iter().map(|f| f.id).collect();
            assert_eq!(seen, expected, "{text:?}");
        }
    }

    #[test]
    fn a_changed_drop_in_is_told() {
        let mut sshd = Sshd {
            answer: SshdAnswer::Missing,
            files: vec![(DROP_IN.into(), "Match group xfersh\n".to_owned())],
            shipped: Some("Match group xfersh\n".to_owned()),
        };
        assert_eq!(changed_drop_in(&sshd), None);
        sshd.shipped = Some("Match group xfersh\n\tPermitTTY no\n".to_owned());
        assert_eq!(changed_drop_in(&sshd).unwrap().id, "sshd-drop-in-differs");
        sshd.shipped = None;
        assert_eq!(changed_drop_in(&sshd), None);
    }

    #[test]
    fn what_one_command_mends_is_one_finding() {
        let include = Fixes::include();
        let findings = vec![
            Finding::warning("sshd-include", "None.", include.clone()),
            Finding::note("other", "Other.", "true"),
            Finding::serious("sshd-tunnel", "Open.", include.clone()),
        ];
        let seen = join_by_include(findings);
        let seen: Vec<_> = seen
            .iter()
            .map(|f| (f.id, f.severity, f.what.as_str()))
            .collect();
        assert_eq!(
            seen,
            [
                ("other", Severity::Note, "Other."),
                ("sshd-include", Severity::Serious, "None. Open."),
            ]
        );
    }

    #[test]
    fn a_silent_sshd_is_serious() {
        let finding = unreadable("Missing privilege separation directory: /run/sshd\r\n");
        assert_eq!(finding.fix, "mkdir -m 0755 /run/sshd");
        assert!(unreadable("").fix.starts_with("sshd -t"));
    }
}
