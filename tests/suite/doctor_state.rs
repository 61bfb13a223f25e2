//! What of a host the lines of the doctor must leave alone.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::harness::Host;
use super::prepared::USR_CHANGES;

/// What a mend line must leave alone: the rights on every file, and what sshd does for another account.
pub struct State {
    rights: BTreeMap<PathBuf, String>,
    sshd: BTreeSet<String>,
}

/// Kind, mode and owner of each file that a line could be about, and the access control lists.
fn rights(host: &Host) -> BTreeMap<PathBuf, String> {
    let line = format!(
        "find /etc /home /srv {USR_CHANGES} -printf '%p\\t%y %m %U:%G\\n'; \
         getfacl -Rnsp /etc /home /srv | awk '/^# file:/ {{ path = substr($0, 9) }} /^[^#]/ {{ print path \"\\t\" $0 }}'"
    );
    let mut rights: BTreeMap<PathBuf, String> = BTreeMap::new();
    for line in host.shell_line(&line).lines() {
        let (path, right) = line.split_once('\t').unwrap_or_default();
        let own = rights.entry(path.into()).or_default();
        own.push_str(right);
        own.push(' ');
    }
    rights
}

impl State {
    #[track_caller]
    pub fn of(host: &Host) -> Self {
        let other = [
            "-T",
            "-C",
            "user=plain,host=client.invalid,addr=203.0.113.1",
        ];
        let settings = host.root("sshd", &other).out();
        Self {
            rights: rights(host),
            sshd: settings.lines().map(str::to_owned).collect(),
        }
    }

    /// Nothing has other rights, or is gone, but what was broken before, or is `about`; and sshd does nothing else for
    /// another account than it did before or after the damage.
    #[track_caller]
    pub fn assert_only_mended(&self, healthy: &Self, broken: &Self, about: &[&str], what: &str) {
        let is_meant = |path: &Path, before: &String| {
            let was_broken = healthy.rights.get(path) != Some(before);
            was_broken || about.iter().any(|about| path == Path::new(about))
        };
        self.assert_same(healthy, broken, is_meant, what);
    }

    /// The same, where what was set up belongs to others: nothing but `about` has other rights.
    #[track_caller]
    pub fn assert_untouched(&self, healthy: &Self, broken: &Self, about: &[&str], what: &str) {
        let is_meant = |path: &Path, _: &String| about.iter().any(|about| path == Path::new(about));
        self.assert_same(healthy, broken, is_meant, what);
    }

    #[track_caller]
    fn assert_same(
        &self,
        healthy: &Self,
        broken: &Self,
        is_meant: impl Fn(&Path, &String) -> bool,
        what: &str,
    ) {
        for (path, before) in &broken.rights {
            let is_meant = is_meant(path, before);
            let after = self.rights.get(path);
            assert!(
                is_meant || after == Some(before) || path.to_string_lossy().ends_with('-'),
                "{what}\n{}: {before}\nbecame {after:?}",
                path.display()
            );
        }
        for line in &self.sshd {
            assert!(
                healthy.sshd.contains(line)
                    || broken.sshd.contains(line)
                    || healthy.sshd.is_empty(),
                "{what}\nsshd now has for another account: {line}"
            );
        }
    }
}
