//! Is the shell listed in /etc/shells?

use std::path::Path;

use crate::admin::doctor::finding::{Finding, quoted};
use crate::print::escape::Escaped;

/// Looks the shells up in the text of /etc/shells.
pub fn judge(listed: &str, shells: &[&Path]) -> Vec<Finding> {
    let is_listed = |shell: &Path| listed.lines().any(|line| Path::new(line.trim()) == shell);
    let missing = shells.iter().filter(|shell| !is_listed(shell));
    missing
        .map(|shell| {
            let say = format!(
                "{} is not in /etc/shells, so PAM (pam_shells) and other servers may refuse its accounts.",
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
        assert_eq!(judge("", &[shell])[0].fix, "add-shell /usr/bin/xfersh");
    }
}
