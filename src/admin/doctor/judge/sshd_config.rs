//! The text of sshd's configuration, and whether sshd answers at all.

use std::path::{Path, PathBuf};

use crate::admin::doctor::facts::rights::ANYWHERE;
use crate::admin::doctor::facts::sshd::{CONFIG, DROP_INS, Sshd, SshdAnswer, directives};
use crate::admin::doctor::finding::{Finding, quoted};
use crate::admin::doctor::fixes::{Fixes, GROUP};
use crate::print::escape::Escaped;

/// Findings about the configuration itself.
pub fn judge(sshd: &Sshd) -> Vec<Finding> {
    let mut findings = judge_files(&sshd.files);
    match &sshd.answer {
        SshdAnswer::SshdSettings(_) => {}
        SshdAnswer::Silent(cause) => findings.push(unreadable(cause)),
        SshdAnswer::Missing => {
            let say = "sshd is not installed: nobody can log in over ssh.";
            let fix = "apt-get install -y openssh-server";
            return vec![Finding::warning("sshd-missing", say, fix)];
        }
    }
    findings
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
            Fixes::global(&format!("Include {DROP_INS}/*.conf")),
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
        assert_eq!(finding.fix, "mkdir -m 0755 /run/sshd");
        assert!(unreadable("").fix.starts_with("sshd -t"));
    }
}
