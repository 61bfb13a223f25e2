//! Is anyone there to take the log lines?

use crate::admin::doctor::finding::Finding;
use crate::decide::policy::Requirement;

/// The socket of syslog(3).
pub const SOCKET: &str = "/dev/log";

/// What it means that the socket is missing. `is_socket`: it is there.
pub fn judge(is_socket: bool, audit: Requirement) -> Option<Finding> {
    if is_socket {
        return None;
    }
    // Either of Debian's two daemons; a container gets the first.
    let fix = "apt-get install -y rsyslog && service rsyslog start || systemctl restart systemd-journald-dev-log.socket";
    Some(match audit {
        Requirement::Required => {
            let say = "There is no log socket at /dev/log and the policy has audit = \"required\": sessions are refused.";
            Finding::serious("syslog-missing", say, fix)
        }
        Requirement::BestEffort => {
            let say = "There is no log socket at /dev/log: sessions are not logged.";
            Finding::warning("syslog-missing", say, fix)
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
