//! Can a session ask the source that knows its account?

use crate::admin::doctor::facts::name_service::UnservedSource;
use crate::admin::doctor::finding::Finding;
use crate::gather::account::nsswitch::NSSWITCH;
use crate::print::escape::Escaped;

/// Judges the sources that a session cannot ask. `name` is escaped.
pub fn judge(name: &str, sources: &[UnservedSource]) -> Vec<Finding> {
    let each = sources.iter().map(|UnservedSource { database, name: source }| {
        let source = Escaped::text(source);
        // nscd asks each source on behalf of whoever asks it.
        let fix = "apt-get install -y nscd";
        if *database == "passwd" {
            let say = format!(
                "{name} comes from the source '{source}' of {NSSWITCH}, which a session cannot ask: sftp-server and scp find no entry for their uid and end."
            );
            Finding::serious("name-service", say, fix)
        } else {
            let say = format!(
                "The groups of {name} come from the source '{source}' of {NSSWITCH}, which a session cannot ask: listings show numbers instead of names."
            );
            Finding::note("name-service", say, fix)
        }
    });
    each.collect()
}
