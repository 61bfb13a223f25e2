//! The binary itself: who owns it, who can change it, how it is linked.

use std::path::Path;

use super::files;
use crate::admin::doctor::facts::binary::Binary;
use crate::admin::doctor::finding::{Finding, quoted};
use crate::gather::trust::PathEntry;
use crate::print::escape::Escaped;

/// Set-user-ID and set-group-ID (chmod(2)).
const SET_ID: u32 = 0o6000;
/// Every account must be able to read and run it.
const ALL_RUN: u32 = 0o005;

/// Judges one installed binary. `own` is the one that runs.
pub fn judge(binary: &Binary, own: &Path) -> Vec<Finding> {
    let way = match &binary.way {
        Ok(way) => way,
        Err(missing) => {
            let shown = Escaped::path(&binary.path);
            let error = &missing.error;
            let say =
                format!("{shown} is the shell of an account and cannot be looked at: {error}.");
            let fix = format!(
                "install -D -m 0755 {} {}",
                quoted(own),
                quoted(&binary.path)
            );
            return vec![Finding::serious("shell-missing", say, fix)];
        }
    };
    let mut findings = files::judge_way(
        "xfersh",
        way,
        "binary-owner",
        "binary-writable",
        "install xfersh at /usr/bin/xfersh (install/install, from sources that you trust), and make that the shell: usermod -s /usr/bin/xfersh NAME",
    );
    if let Some(file) = way.last() {
        findings.extend(judge_file(file, binary.is_dynamic));
    }
    findings
}

fn judge_file(file: &PathEntry, is_dynamic: bool) -> Vec<Finding> {
    let (path, shown, mode) = (
        quoted(&file.path),
        Escaped::path(&file.path),
        file.status.mode,
    );
    let mut findings = Vec::new();
    if mode & SET_ID != 0 {
        let say = format!(
            "{shown} is set-user-ID or set-group-ID (mode {mode:04o}); xfersh refuses to run with the rights of another account."
        );
        findings.push(Finding::serious(
            "binary-setuid",
            say,
            format!("chmod ug-s {path}"),
        ));
    }
    if mode & ALL_RUN != ALL_RUN {
        let say = format!("{shown} (mode {mode:04o}) cannot be run by every account.");
        findings.push(Finding::serious(
            "binary-mode",
            say,
            format!("chmod 0755 {path}"),
        ));
    }
    if is_dynamic {
        let say = format!(
            "{shown} is dynamically linked: if a client can set LD_PRELOAD, its library runs before xfersh does."
        );
        findings.push(Finding::serious(
            "binary-dynamic",
            say,
            "install/install # builds a static binary",
        ));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::files::tests::entry;
    use super::*;
    use crate::decide::trust::EntryKind;

    #[test]
    fn table() {
        let rows: [(u32, u32, bool, &[&str]); 9] = [
            (0, 0o755, false, &[]),
            (0, 0o555, false, &[]),
            (0, 0o755, true, &["binary-dynamic"]),
            (1000, 0o755, false, &["binary-owner"]),
            (0, 0o757, false, &["binary-writable"]),
            (0, 0o775, false, &["binary-writable"]),
            (0, 0o4755, false, &["binary-setuid"]),
            (0, 0o2755, false, &["binary-setuid"]),
            (0, 0o750, false, &["binary-mode"]),
        ];
        for (uid, mode, is_dynamic, expected) in rows {
            let binary = Binary {
                path: "/usr/bin/xfersh".into(),
                way: Ok(vec![entry("/usr/bin/xfersh", EntryKind::File, uid, mode)]),
                is_dynamic,
            };
            let findings = judge(&binary, Path::new("/own"));
            let seen: Vec<_> = findings.iter().map(|finding| finding.id).collect();
            assert_eq!(seen, expected, "{uid} {mode:o}");
        }
    }
}
