//! The policy file: can it be used, and could only root have written it?

use std::io::ErrorKind;

use super::files::judge_way;
use crate::admin::doctor::facts::policy::PolicyFacts;
use crate::admin::doctor::facts::rights::ANYWHERE;
use crate::admin::doctor::finding::{Finding, quoted};
use crate::decide::policy::{Origin, Policy, PolicyErrors, PolicyFile, Requirement};
use crate::decide::trust::EntryKind;
use crate::gather::policy_file::{POLICY, PolicyFileError};
use crate::gather::trust::PathEntry;
use crate::print::escape::{Escaped, Sentence};

/// Judges what a session finds when it loads the policy.
pub fn judge(facts: &PolicyFacts) -> Vec<Finding> {
    match &facts.loaded {
        Ok(file) if file.source.is_none() => vec![absent()],
        Ok(file) => judge_address(file).into_iter().collect(),
        Err(PolicyFileError::Wrong(errors)) => judge_errors(errors),
        Err(error) => judge_unusable(error, &facts.way),
    }
}

fn absent() -> Finding {
    let say = format!("There is no {POLICY}: the built-in policy applies.");
    let fix = format!("install -m 0644 /usr/share/doc/xfersh/examples/xfersh.toml {POLICY}");
    Finding::note("policy-absent", say, fix)
}

/// The loader says if it cannot be used, as it does to a session. The entries
/// on the way to it show how to fix that.
fn judge_unusable(error: &PolicyFileError, way: &[PathEntry]) -> Vec<Finding> {
    let findings = match error {
        PolicyFileError::Unsafe(_) => judge_unsafe(way),
        PolicyFileError::Io { error, .. } if error.kind() == ErrorKind::NotFound => {
            judge_dangling(way)
        }
        PolicyFileError::Io { error, .. } if error.kind() == ErrorKind::PermissionDenied => {
            judge_closed(way)
        }
        _ => Vec::new(),
    };
    if !findings.is_empty() {
        return findings;
    }
    let say = format!("{error}: every session is refused.");
    vec![Finding::serious(
        "policy-unusable",
        say,
        format!("editor {POLICY}"),
    )]
}

/// The way ends with the file's own name only if that is not a link, or one
/// that leads nowhere.
fn judge_dangling(way: &[PathEntry]) -> Vec<Finding> {
    let link = way
        .last()
        .filter(|entry| entry.path.as_os_str() == POLICY && entry.status.kind == EntryKind::Link);
    let finding = link.map(|_| {
        let say = format!("{POLICY} is a link that leads nowhere: every session is refused.");
        let fix = format!("mv {POLICY} {POLICY}.not-a-file");
        Finding::serious("policy-type", say, fix)
    });
    finding.into_iter().collect()
}

fn judge_unsafe(way: &[PathEntry]) -> Vec<Finding> {
    let file = way.last().filter(|entry| entry.path.as_os_str() == POLICY);
    if file.is_some_and(|file| file.status.kind != EntryKind::File) {
        let say = format!("{POLICY} is not a regular file: every session is refused.");
        let fix = format!("mv {POLICY} {POLICY}.not-a-file");
        return vec![Finding::serious("policy-type", say, fix)];
    }
    let instead = format!("put the policy at {POLICY} itself, owned by root, with mode 0644");
    judge_way(
        "the policy",
        way,
        "policy-owner",
        "policy-writable",
        &instead,
    )
}

/// A session reads the policy with the rights of its account.
fn judge_closed(way: &[PathEntry]) -> Vec<Finding> {
    let closed = way.iter().filter_map(|entry| {
        let (path, mode) = (quoted(&entry.path), entry.status.mode);
        let (verb, fix) = match entry.status.kind {
            EntryKind::Directory if mode & 0o001 == 0 => ("passed", format!("chmod a+x {path}")),
            EntryKind::File if mode & 0o004 == 0 => ("read", format!("chmod a+r {path}")),
            _ => return None,
        };
        let say = format!(
            "{} (mode {mode:04o}) cannot be {verb} by every account. A session reads the policy with the rights of its account, so it is refused.",
            Escaped::path(&entry.path)
        );
        Some(Finding::serious("policy-unreadable", say, fix))
    });
    closed.collect()
}

fn judge_errors(errors: &PolicyErrors) -> Vec<Finding> {
    let each = errors.errors.iter().map(|error| {
        let (line, column) = (error.line, error.column);
        let say = format!(
            "{POLICY}:{line}:{column}: {}: every session is refused.",
            error.message
        );
        let hint = error
            .hint
            .as_ref()
            .map(|hint| format!(" # {}", Sentence(hint)));
        let fix = format!("editor +{line} {POLICY}{}", hint.unwrap_or_default());
        Finding::serious("policy-error", say, fix)
    });
    each.collect()
}

/// Whether other clients may get a policy other than the one that is judged.
fn judge_address(file: &PolicyFile) -> Option<Finding> {
    let by_address = file
        .matches
        .iter()
        .find(|block| !block.addresses.is_empty())?;
    let line = by_address.line;
    let say = format!(
        "{POLICY}:{line} has a [[match]] by address; set-ups are judged only for a client at {ANYWHERE}."
    );
    let fix = "xfersh --check --user NAME --address IP # for a client there";
    Some(Finding::note("policy-match-address", say, fix))
}

/// Where the administrator chose less than the promises for an account.
pub fn judge_choices(policy: &Policy) -> Option<Finding> {
    let Origin::Line(line) = policy.confinement.origin else {
        return None;
    };
    if policy.confinement.value == Requirement::Required {
        return None;
    }
    let say = format!(
        "{POLICY}:{line} has confinement = \"best-effort\": if the kernel cannot enforce something, sessions run without it."
    );
    let fix = format!("sed -i '{line}s/best-effort/required/' {POLICY}");
    Some(Finding::warning("policy-best-effort", say, fix))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::files::tests::entry;
    use super::*;

    #[test]
    fn files() {
        use EntryKind::{Directory, File, Link, Other};
        fn denied() -> PolicyFileError {
            PolicyFileError::Io {
                policy: POLICY.into(),
                at: POLICY.into(),
                error: ErrorKind::PermissionDenied.into(),
            }
        }
        fn distrusted() -> PolicyFileError {
            PolicyFileError::Unsafe("it is unsafe".into())
        }
        type Row = (fn() -> PolicyFileError, EntryKind, u32, u32, &'static str);
        let rows: [Row; 11] = [
            (denied, File, 0, 0o600, "policy-unreadable"),
            (denied, File, 0, 0o640, "policy-unreadable"),
            // An access control list.
            (denied, File, 0, 0o644, "policy-unusable"),
            (distrusted, File, 0, 0o644, "policy-unusable"),
            (distrusted, File, 7, 0o644, "policy-owner"),
            (distrusted, File, 0, 0o666, "policy-writable"),
            (distrusted, File, 0, 0o664, "policy-writable"),
            (distrusted, Link, 0, 0o777, "policy-type"),
            (distrusted, Link, 7, 0o777, "policy-type"),
            (distrusted, Directory, 0, 0o755, "policy-type"),
            (distrusted, Other, 0, 0o644, "policy-type"),
        ];
        for (error, kind, uid, mode, expected) in rows {
            let way = [
                entry("/etc", Directory, 0, 0o755),
                entry(POLICY, kind, uid, mode),
            ];
            let findings = judge_unusable(&error(), &way);
            let seen: Vec<_> = findings.iter().map(|finding| finding.id).collect();
            assert_eq!(seen.join(" "), expected, "{kind:?} {uid} {mode:o}");
        }
        let way = [entry("/etc", Directory, 0, 0o700)];
        assert_eq!(judge_unusable(&denied(), &way)[0].fix, "chmod a+x /etc");
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
