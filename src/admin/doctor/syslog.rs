//! Is anyone there to take the log lines?

use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;

use super::finding::Finding;
use crate::decide::policy::Requirement;

/// The socket of syslog(3).
const SOCKET: &str = "/dev/log";

/// Looks for the log socket.
#[must_use]
pub fn check(audit: Requirement) -> Option<Finding> {
    let facts = Path::new(SOCKET).metadata();
    judge(
        facts.is_ok_and(|facts| facts.file_type().is_socket()),
        audit,
    )
}

fn judge(is_socket: bool, audit: Requirement) -> Option<Finding> {
    if is_socket {
        return None;
    }
    // Either of the two that Debian has; a container gets the first.
    let mend = "apt-get install -y rsyslog && service rsyslog start || systemctl restart systemd-journald-dev-log.socket";
    Some(match audit {
        Requirement::Required => {
            let say = "There is no log socket at /dev/log and the policy has audit = \"required\": sessions are refused.";
            Finding::serious("syslog-missing", say, mend)
        }
        Requirement::BestEffort => {
            let say = "There is no log socket at /dev/log: sessions leave no trace.";
            Finding::warning("syslog-missing", say, mend)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::doctor::finding::Severity;

    #[test]
    fn table() {
        let seen = |socket, audit| judge(socket, audit).map(|finding| finding.severity);
        assert_eq!(seen(true, Requirement::Required), None);
        assert_eq!(seen(false, Requirement::Required), Some(Severity::Serious));
        assert_eq!(
            seen(false, Requirement::BestEffort),
            Some(Severity::Warning)
        );
    }
}
