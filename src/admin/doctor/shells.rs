//! Is the shell listed in /etc/shells?

use std::fs;
use std::path::Path;

use super::finding::{Finding, quoted};
use crate::print::escape::Escaped;

/// Looks the shells up in /etc/shells.
#[must_use]
pub fn check(shells: &[&Path]) -> Vec<Finding> {
    // A missing file is an empty list (getusershell(3) has defaults, none of
    // which is xfersh).
    let listed = fs::read_to_string("/etc/shells").unwrap_or_default();
    judge(&listed, shells)
}

fn judge(listed: &str, shells: &[&Path]) -> Vec<Finding> {
    let is_listed = |shell: &Path| listed.lines().any(|line| Path::new(line.trim()) == shell);
    let missing = shells.iter().filter(|shell| !is_listed(shell));
    missing
        .map(|shell| {
            let say = format!(
                "{} is not in /etc/shells, so PAM (pam_shells) and other servers may turn its accounts away.",
                Escaped::path(shell)
            );
            Finding::warning("shell-not-listed", say, format!("add-shell {}", quoted(shell)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table() {
        let shell = Path::new("/usr/bin/xfersh");
        let rows: [(&str, usize); 5] = [
            ("# shells\n/bin/sh\n/usr/bin/xfersh\n", 0),
            ("/usr/bin/xfersh ", 0),
            ("/usr/bin/xfersh2\n#/usr/bin/xfersh\n", 1),
            ("/bin/sh\n", 1),
            ("", 1),
        ];
        for (listed, expected) in rows {
            assert_eq!(judge(listed, &[shell]).len(), expected, "{listed:?}");
        }
        assert_eq!(judge("", &[shell])[0].mend, "add-shell /usr/bin/xfersh");
    }
}
