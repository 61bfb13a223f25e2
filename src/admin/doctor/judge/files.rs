//! Could anyone but root change this file?

use crate::admin::doctor::facts::files::NotExamined;
use crate::admin::doctor::finding::{Finding, decision, quoted};
use crate::decide::trust::Distrust;
use crate::gather::trust::PathEntry;
use crate::print::escape::Escaped;

/// What could not be examined may be arbitrarily weak.
pub fn not_examined(facts: &[NotExamined]) -> impl Iterator<Item = Finding> {
    facts.iter().map(|NotExamined { path, error }| {
        let shown = Escaped::path(path);
        let say = format!("{shown} could not be examined: {error}.");
        Finding::serious("not-examined", say, format!("ls -ld {}", quoted(path)))
    })
}

/// The entries on the way to a file that somebody other than root could change.
/// `what` is what they could change with it; `id_owner` and `id_writable` name
/// the findings. `instead` says what to do about an entry that somebody else
/// may need as it is.
pub fn judge_way(
    what: &str,
    way: &[PathEntry],
    id_owner: &'static str,
    id_writable: &'static str,
    instead: &str,
) -> Vec<Finding> {
    let faults = way
        .iter()
        .flat_map(|entry| entry.status.distrust().map(move |why| (entry, why)));
    faults
        .map(|(entry, why)| {
            let id = match why {
                Distrust::Owner(_) => id_owner,
                Distrust::Writable(_) => id_writable,
            };
            let say = format!(
                "{} {why}: users other than root could change {what}.",
                Escaped::path(&entry.path)
            );
            let command = why.command(&entry.path, &quoted(&entry.path));
            Finding::serious(id, say, command.unwrap_or_else(|| decision(instead)))
        })
        .collect()
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::decide::trust::{EntryKind, EntryStatus};

    /// An entry of root's way in a test.
    pub fn entry(path: &str, kind: EntryKind, uid: u32, mode: u32) -> PathEntry {
        PathEntry {
            path: path.into(),
            status: EntryStatus { kind, uid, mode },
        }
    }

    #[test]
    fn each_weak_part_gives_its_finding() {
        let way = [
            entry("/", EntryKind::Directory, 0, 0o755),
            entry("/opt", EntryKind::Directory, 7, 0o775),
            entry("/opt/x", EntryKind::File, 0, 0o777),
        ];
        let seen: Vec<_> = judge_way("it", &way, "o", "w", "move it")
            .into_iter()
            .map(|f| (f.id, f.fix))
            .collect();
        let expected = [
            ("o", "chown -h root /opt".to_owned()),
            ("w", "chmod go-w /opt".to_owned()),
            ("w", "# move it".to_owned()),
        ];
        assert_eq!(seen, expected);
    }
}
