//! The daemons of the log, as Debian runs them: journald has `/dev/log` and passes lines on to rsyslogd, whose socket is
//! handed to it. Each is started here and ended by its process id; all of them live in the host's namespaces.

use std::process::{Child, Command, Stdio};

use crate::harness::{Host, until};

const TO_RSYSLOG: &str = "/run/systemd/journal/syslog";
const JOURNAL: &str = "/run/systemd/journal/dev-log";

/// What the host has of its own in these places is replaced: a developer's machine may forward its log elsewhere, or
/// have jails. Debian 12's configuration, without the kernel's messages, and with RHEL's file as RHEL writes it.
const CONFIGURATION: &str = r#"
rm -rf /etc/rsyslog.d/* /etc/systemd/journald.conf.d /etc/fail2ban/jail.d/* /etc/fail2ban/jail.local
cat >/etc/rsyslog.conf <<'END'
module(load="imuxsock")
$FileOwner root
$FileGroup adm
$FileCreateMode 0640
$DirCreateMode 0755
$Umask 0022
$WorkDirectory /var/spool/rsyslog
$IncludeConfig /etc/rsyslog.d/*.conf
*.*;auth,authpriv.none -/var/log/syslog
auth,authpriv.* /var/log/auth.log
authpriv.* /var/log/secure;RSYSLOG_TraditionalFileFormat
END
printf '[Journal]\nStorage=volatile\nForwardToSyslog=yes\nReadKMsg=no\nAudit=no\n' >/etc/systemd/journald.conf
[ -s /etc/machine-id ] || echo 0123456789abcdef0123456789abcdef >/etc/machine-id
mkdir -p /run/systemd/journal /run/systemd/system /run/log/journal /run/fail2ban /var/spool/rsyslog
rm /dev/log
ln -s /run/systemd/journal/dev-log /dev/log
"#;

/// A process that is killed when it is no longer needed.
pub struct Daemon(Child);

impl Daemon {
    pub fn start(host: &Host, program: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new(program);
        command.args(arguments).current_dir("/").env_clear();
        command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command.stdin(Stdio::null());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let child = host.namespace().spawn(&mut command);
        Self(child.unwrap_or_else(|error| panic!("cannot start {program}: {error}")))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// journald and rsyslogd of one host.
pub struct LogDaemons {
    rsyslogd: Option<Daemon>,
    _journald: Daemon,
}

impl LogDaemons {
    pub fn start(host: &Host) -> Self {
        host.shell_line(CONFIGURATION);
        let rsyslogd = Some(rsyslogd(host));
        let journald = Daemon::start(host, "/lib/systemd/systemd-journald", &[]);
        until("journald listens", || host.exists(JOURNAL));
        Self {
            rsyslogd,
            _journald: journald,
        }
    }

    /// What `systemctl restart rsyslog` does.
    pub fn restart_rsyslog(&mut self, host: &Host) {
        self.rsyslogd = None;
        host.shell_line(&format!("rm {TO_RSYSLOG}"));
        self.rsyslogd = Some(rsyslogd(host));
    }
}

/// The daemon itself is started when the first line arrives.
fn rsyslogd(host: &Host) -> Daemon {
    let arguments = ["-d", "-l", TO_RSYSLOG, "/usr/sbin/rsyslogd", "-n", "-iNONE"];
    let daemon = Daemon::start(host, "systemd-socket-activate", &arguments);
    until("rsyslogd's socket", || host.exists(TO_RSYSLOG));
    daemon
}
