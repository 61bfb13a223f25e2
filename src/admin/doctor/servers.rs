//! The server programs: are they there, and can nobody exchange them?

use std::path::PathBuf;

use super::files::{self, FileFacts};
use super::finding::{Finding, quoted};
use super::rights::Rights;
use crate::decide::policy::Protocol;

/// Looks at the server of each protocol that the policy allows.
#[must_use]
pub fn check(rights: &Rights<'_>) -> Vec<Finding> {
    let protocols = rights.policy.protocols.value.iter();
    let mut findings = Vec::new();
    for protocol in protocols {
        let Some(programs) = rights.programs(*protocol) else {
            continue;
        };
        for finding in look(*protocol, &programs) {
            // Two servers share most of the way to them.
            if !findings.contains(&finding) {
                findings.push(finding);
            }
        }
    }
    findings
}

/// Judges the first program that is there.
fn look(protocol: Protocol, programs: &[PathBuf]) -> Vec<Finding> {
    let mut not_examined = Vec::new();
    for program in programs {
        let way = files::unless_absent(program, files::way_to(program), &mut not_examined);
        if way.is_some() {
            return judge(protocol, way.as_deref());
        }
        if !not_examined.is_empty() {
            return not_examined;
        }
    }
    judge(protocol, None)
}

fn judge(protocol: Protocol, way: Option<&[FileFacts]>) -> Vec<Finding> {
    let (name, package) = match protocol {
        Protocol::Sftp => ("sftp-server", "openssh-sftp-server"),
        Protocol::Scp => ("scp", "openssh-client"),
        Protocol::Rsync => ("rsync", "rsync"),
    };
    let Some(way) = way else {
        let say = format!(
            "{name} is not installed (or not where the policy says), so {} is refused.",
            protocol.name()
        );
        return vec![Finding::serious(
            "server-missing",
            say,
            format!("apt-get install -y {package}"),
        )];
    };
    let mut findings = files::judge_way("a server program", way, "server-owner", "server-writable");
    let program = way.iter().rev().find(|part| part.kind == files::Kind::File);
    if let Some(program) = program.filter(|program| program.mode & 0o005 != 0o005) {
        let say = format!(
            "{} (mode {:04o}) cannot be run by accounts.",
            program.shown(),
            program.mode
        );
        findings.push(Finding::serious(
            "server-mode",
            say,
            format!("chmod 0755 {}", quoted(&program.path)),
        ));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::files::Kind;
    use super::*;

    #[test]
    fn table() {
        /// Owner and mode of the program, and the findings.
        type Row = (Option<(u32, u32)>, &'static [&'static str]);
        let rows: [Row; 6] = [
            (Some((0, 0o755)), &[]),
            (Some((0, 0o2755)), &[]),
            (Some((7, 0o755)), &["server-owner"]),
            (Some((0, 0o777)), &["server-writable"]),
            (Some((0, 0o700)), &["server-mode"]),
            (None, &["server-missing"]),
        ];
        for (program, expected) in rows {
            let way = program.map(|(uid, mode)| {
                [FileFacts {
                    path: "/usr/bin/scp".into(),
                    kind: Kind::File,
                    uid,
                    gid: 0,
                    mode,
                }]
            });
            let findings = judge(Protocol::Scp, way.as_ref().map(|way| &way[..]));
            let seen: Vec<_> = findings.iter().map(|finding| finding.id).collect();
            assert_eq!(seen, expected, "{program:?}");
        }
    }
}
