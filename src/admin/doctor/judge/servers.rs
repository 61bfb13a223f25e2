//! The server programs: do they exist, may they be started, and can only root
//! replace them? A session checks the same, and refuses.

use std::path::Path;

use crate::admin::doctor::finding::{Finding, decision, quoted};
use crate::decide::facts::{Program, ProgramFlaw};
use crate::decide::needs::flaw::LoadFlaw;
use crate::decide::policy::Protocol;
use crate::decide::trust::Distrust;

/// Judges what a session would find for each protocol.
pub fn judge(programs: &[(Protocol, Program)]) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    for (protocol, program) in programs {
        let Some(finding) = judge_one(*protocol, program) else {
            continue;
        };
        // The paths of two servers are mostly the same.
        if findings.iter().all(|other| other.fix != finding.fix) {
            findings.push(finding);
        }
    }
    findings
}

fn judge_one(protocol: Protocol, program: &Program) -> Option<Finding> {
    let refusal = program.refusal(protocol)?;
    let say = format!(
        "Every session of {} is refused: {}.",
        protocol.name(),
        refusal.reason
    );
    let (id, fix) = match program {
        Program::Unsafe(found) => {
            let hint = || decision(&refusal.hint.clone().unwrap_or_default());
            let fix = found.command(&quoted(&found.at)).unwrap_or_else(hint);
            (id(found.flaw), fix)
        }
        Program::Missing => (
            "server-missing",
            format!("apt-get install -y {}", package(protocol)),
        ),
        Program::Unloadable(found) => {
            let hint = refusal.hint.unwrap_or_default();
            let fix = match &found.flaw {
                LoadFlaw::Untrusted { at, why, .. } => why.command(at, &quoted(at)),
                _ => None,
            };
            ("server-unloadable", fix.unwrap_or_else(|| decision(&hint)))
        }
        _ => {
            let hint = refusal.hint.unwrap_or_default();
            ("not-examined", decision(&hint))
        }
    };
    Some(Finding::serious(id, say, fix))
}

/// That a server is set-user-ID or set-group-ID: `note` says what that means.
pub fn set_id(note: &str, program: &Path) -> Finding {
    let word = quoted(program);
    let fix = decision(&format!("if nothing else needs it: chmod ug-s {word}"));
    Finding::note("server-set-id", format!("The {note}."), fix)
}

const fn id(flaw: ProgramFlaw) -> &'static str {
    match flaw {
        ProgramFlaw::Distrust(Distrust::Owner(_)) => "server-owner",
        ProgramFlaw::Distrust(Distrust::Writable(_)) => "server-writable",
        ProgramFlaw::NotAFile => "server-type",
        ProgramFlaw::NotRunnable(_) | ProgramFlaw::Closed => "server-mode",
    }
}

/// Debian's package with the server of a protocol.
const fn package(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Sftp => "openssh-sftp-server",
        Protocol::Scp => "openssh-client",
        Protocol::Rsync => "rsync",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::facts::{UnknownFact, UnsafeProgram};
    use crate::decide::needs::Needs;
    use crate::decide::trust::{EntryKind, EntryStatus};

    #[test]
    fn table() {
        let found = |at: &str, flaw| {
            Program::Unsafe(UnsafeProgram {
                program: "/usr/bin/scp".into(),
                at: at.into(),
                flaw,
            })
        };
        let status = EntryStatus {
            kind: EntryKind::File,
            uid: 7,
            mode: 0o775,
        };
        let distrust: Vec<_> = status.distrust().map(ProgramFlaw::Distrust).collect();
        let failed = Program::Failed(UnknownFact {
            reason: "cannot look".into(),
            hint: "repair that".into(),
        });
        let program = "/usr/bin/scp";
        let rows: [(Program, &str); 10] = [
            (Program::Found(program.into(), Needs::default()), ""),
            (
                Program::Missing,
                "server-missing: apt-get install -y openssh-client",
            ),
            (
                found(program, distrust[0]),
                "server-owner: chown -h root /usr/bin/scp",
            ),
            (
                found("/usr/bin", distrust[1]),
                "server-writable: chmod go-w /usr/bin",
            ),
            (
                found(program, ProgramFlaw::NotAFile),
                "server-type: mv /usr/bin/scp /usr/bin/scp.not-a-file",
            ),
            (
                found(program, ProgramFlaw::NotRunnable(0o700)),
                "server-mode: chmod a+rx /usr/bin/scp",
            ),
            (
                found("/usr", ProgramFlaw::Closed),
                "server-mode: chmod a+x /usr",
            ),
            (failed, "not-examined: # repair that"),
            (
                found("/root", ProgramFlaw::Closed),
                "server-mode: # install the program where root alone can change it and every account can run it, for example in /usr/local/libexec, and name it in the policy key 'scp'",
            ),
            (
                found("/srv/app", distrust[0]),
                "server-owner: # install the program where root alone can change it and every account can run it, for example in /usr/local/libexec, and name it in the policy key 'scp'",
            ),
        ];
        for (program, expected) in rows {
            let finding = judge_one(Protocol::Scp, &program);
            let seen = finding.map(|finding| format!("{}: {}", finding.id, finding.fix));
            assert_eq!(seen.unwrap_or_default(), expected, "{program:?}");
        }
    }

    #[test]
    fn what_two_servers_share_is_found_once() {
        let shared = |program: &str| {
            Program::Unsafe(UnsafeProgram {
                program: program.into(),
                at: "/usr".into(),
                flaw: ProgramFlaw::Closed,
            })
        };
        let programs = [
            (Protocol::Sftp, shared("/usr/lib/openssh/sftp-server")),
            (Protocol::Scp, shared("/usr/bin/scp")),
        ];
        assert_eq!(judge(&programs).len(), 1);
    }
}
