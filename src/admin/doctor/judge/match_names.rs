//! Do the accounts and groups exist that the policy's blocks name?

use crate::admin::doctor::finding::Finding;
use crate::decide::policy::PolicyFile;
use crate::gather::policy_file::POLICY;
use crate::print::escape::Escaped;

/// The blocks that name somebody unknown.
pub fn judge(
    file: &PolicyFile,
    knows_user: impl Fn(&str) -> bool,
    knows_group: impl Fn(&str) -> bool,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for block in &file.matches {
        let line = block.line;
        let users = block.users.iter().map(|glob| ("user", glob));
        let groups = block.groups.iter().map(|glob| ("group", glob));
        for (kind, glob) in users.chain(groups).filter(|(_, glob)| !glob.has_wildcard()) {
            let name = glob.as_str();
            let known = if kind == "user" {
                knows_user(name)
            } else {
                knows_group(name)
            };
            if known {
                continue;
            }
            let shown = Escaped::text(name);
            let say = format!(
                "{POLICY}:{line} has a [[match]] for the {kind} '{shown}', which does not exist: if it is misspelt, the block does not hold for those that it is meant for."
            );
            let fix = format!("editor +{line} {POLICY} # correct or remove the name");
            findings.push(Finding::warning("policy-match-unknown", say, fix));
        }
    }
    findings
}
