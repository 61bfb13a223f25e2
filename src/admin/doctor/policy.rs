//! The policy file: can it be used, and could nobody else have written it?

use std::path::Path;

use super::files::{self, FileFacts};
use super::finding::{Finding, quoted};
use super::rights::ANYWHERE;
use crate::decide::policy::{Origin, Policy, PolicyFile, Requirement};
use crate::gather::policy_file::{self, POLICY, PolicyFileError};
use crate::print::escape::{Escaped, Sentence};

/// Loads the policy as a session does. Without one that can be used, the
/// account's set-up is judged under the defaults.
#[must_use]
pub fn check() -> (PolicyFile, Vec<Finding>) {
    let path = Path::new(POLICY);
    // Whether there is a policy, and whether it can be used, the loader says: a
    // session asks it as well. How to mend a file shows in its facts.
    match policy_file::host_policy() {
        Ok(file) if file.source.is_none() => (file, vec![absent(path)]),
        Ok(file) => {
            let findings = judge_address(&file).into_iter().collect();
            (file, findings)
        }
        Err(error) => (PolicyFile::absent(), judge_unusable(path, &error)),
    }
}

fn absent(path: &Path) -> Finding {
    let say = format!(
        "There is no {}: the built-in policy holds.",
        Escaped::path(path)
    );
    let mend = format!(
        "cp /usr/share/doc/xfersh/examples/xfersh.toml {}",
        quoted(path)
    );
    Finding::note("policy-absent", say, mend)
}

fn judge_unusable(path: &Path, error: &PolicyFileError) -> Vec<Finding> {
    let way = |path| files::way_to(path).unwrap_or_default();
    let mut findings = match (error, FileFacts::of(path)) {
        (PolicyFileError::Unsafe(_), Ok(file)) => judge_file(path, &file, &way(path)),
        (PolicyFileError::Unsafe(_), Err(_)) => {
            judge_directories(&way(path.parent().unwrap_or(path)))
        }
        _ => Vec::new(),
    };
    if findings.is_empty() {
        findings = judge_error(path, error);
    }
    findings
}

fn judge_directories(way: &[FileFacts]) -> Vec<Finding> {
    files::judge_way("the policy", way, "policy-owner", "policy-writable")
}

fn judge_file(path: &Path, file: &FileFacts, way: &[FileFacts]) -> Vec<Finding> {
    let word = quoted(path);
    if file.kind != files::Kind::File {
        let say = format!(
            "{} is not a regular file: every session is refused.",
            file.shown()
        );
        return vec![Finding::serious(
            "policy-type",
            say,
            format!("mv {word} {word}.not-a-file"),
        )];
    }
    let mut findings = judge_directories(way);
    // The loader refuses any group's right to write, root's own as well.
    if findings.is_empty() && file.mode & 0o022 != 0 {
        let say = format!(
            "{} (mode {:04o}) is writable by a group: every session is refused.",
            file.shown(),
            file.mode
        );
        findings.push(Finding::serious(
            "policy-writable",
            say,
            format!("chmod go-w {word}"),
        ));
    }
    findings
}

fn judge_error(path: &Path, error: &PolicyFileError) -> Vec<Finding> {
    let word = quoted(path);
    match error {
        PolicyFileError::Wrong(errors) => {
            let each = errors.errors.iter().map(|error| {
                let (line, column) = (error.line, error.column);
                let say = format!(
                    "{}:{line}:{column}: {}: every session is refused.",
                    Escaped::path(path),
                    error.message
                );
                let hint = error
                    .hint
                    .as_ref()
                    .map(|hint| format!(" # {}", Sentence(hint)));
                let mend = format!("editor +{line} {word}{}", hint.unwrap_or_default());
                Finding::serious("policy-error", say, mend)
            });
            each.collect()
        }
        error => {
            let say = format!("{error}: every session is refused.");
            vec![Finding::serious(
                "policy-unusable",
                say,
                format!("editor {word}"),
            )]
        }
    }
}

/// Whether other clients may find another policy than the one that is judged.
fn judge_address(file: &PolicyFile) -> Option<Finding> {
    let by_address = file
        .matches
        .iter()
        .find(|block| !block.addresses.is_empty())?;
    let line = by_address.line;
    let say = format!(
        "{POLICY}:{line} has a [[match]] by address; set-ups are judged for a client at {ANYWHERE} alone."
    );
    let mend = "xfersh --check --user NAME --address IP # for a client there";
    Some(Finding::note("policy-match-address", say, mend))
}

/// Where the administrator chose less than the promises for an account.
#[must_use]
pub fn judge_choices(policy: &Policy) -> Option<Finding> {
    let Origin::Line(line) = policy.confinement.origin else {
        return None;
    };
    if policy.confinement.value == Requirement::Required {
        return None;
    }
    let say = format!(
        "{POLICY}:{line} has confinement = \"best-effort\": where the kernel lacks a means, sessions run without it."
    );
    let mend = format!("sed -i '{line}s/best-effort/required/' {POLICY}");
    Some(Finding::warning("policy-best-effort", say, mend))
}

#[cfg(test)]
mod tests {
    use super::files::Kind;
    use super::*;

    #[test]
    fn files() {
        let rows: [(Kind, u32, u32, &str); 6] = [
            (Kind::File, 0, 0o644, ""),
            (Kind::File, 0, 0o600, ""),
            (Kind::File, 7, 0o644, "policy-owner"),
            (Kind::File, 0, 0o666, "policy-writable"),
            (Kind::File, 0, 0o664, "policy-writable"),
            (Kind::Symlink, 0, 0o777, "policy-type"),
        ];
        let path = Path::new("/etc/xfersh.toml");
        for (kind, uid, mode, expected) in rows {
            let file = FileFacts {
                path: path.into(),
                kind,
                uid,
                gid: 0,
                mode,
            };
            let findings = judge_file(path, &file, std::slice::from_ref(&file));
            let seen: Vec<_> = findings.iter().map(|finding| finding.id).collect();
            assert_eq!(seen.join(" "), expected, "{kind:?} {uid} {mode:o}");
        }
        assert_eq!(absent(path).id, "policy-absent");
    }

    #[test]
    fn addresses() {
        let file = |text: &str| crate::decide::policy::parse(text, Path::new(POLICY)).unwrap();
        let by_user = file("[[match]]\nuser = [\"a\"]\naccess = \"read-only\"\n");
        assert_eq!(judge_address(&by_user), None);
        let by_address = file("[[match]]\naddress = [\"192.0.2.0/24\"]\naccess = \"read-only\"\n");
        assert!(
            judge_address(&by_address)
                .unwrap()
                .what
                .starts_with("/etc/xfersh.toml:1 ")
        );
    }
}
