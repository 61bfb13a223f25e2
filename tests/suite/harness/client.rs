//! Unmodified clients, run on the host as root against its sshd.

use std::process::Command;

use super::account::Account;
use super::host::Host;
use super::run::Output;
use super::sftp::Sftp;
use super::sshd::CLIENT_CONFIG;

/// Where clients keep their local files.
pub const LOCAL: &str = "/tmp/local";

impl Host {
    /// `ssh OPTIONS ACCOUNT COMMAND`.
    #[track_caller]
    pub fn ssh(&self, account: &Account, options: &[&str], command: &str) -> Output {
        self.run(
            self.client("ssh")
                .args(options)
                .arg(self.address(account))
                .arg(command),
            b"",
        )
    }

    /// `sftp -b -`, with one command per line. It ends at the first that fails, unless the line begins with `-`.
    #[track_caller]
    pub fn sftp(&self, account: &Account, lines: &str) -> Output {
        self.sftp_with(account, &[], lines)
    }

    #[track_caller]
    pub fn sftp_with(&self, account: &Account, options: &[&str], lines: &str) -> Output {
        let mut command = self.client("sftp");
        command
            .args(["-q", "-b", "-"])
            .args(options)
            .arg(self.address(account));
        self.run(&mut command, lines.as_bytes())
    }

    /// `scp OPTIONS LOCAL ACCOUNT:REMOTE`.
    #[track_caller]
    pub fn scp_to(
        &self,
        account: &Account,
        options: &[&str],
        local: &[&str],
        remote: &str,
    ) -> Output {
        let target = format!("{}:{remote}", self.address(account));
        self.run(
            self.client("scp")
                .arg("-q")
                .args(options)
                .args(local)
                .arg(target),
            b"",
        )
    }

    /// `scp OPTIONS ACCOUNT:REMOTE LOCAL`.
    #[track_caller]
    pub fn scp_from(
        &self,
        account: &Account,
        options: &[&str],
        remote: &str,
        local: &str,
    ) -> Output {
        let source = format!("{}:{remote}", self.address(account));
        self.run(
            self.client("scp")
                .arg("-q")
                .args(options)
                .arg(source)
                .arg(local),
            b"",
        )
    }

    /// Our own SFTP client, through sshd: one request at a time, with its status.
    #[track_caller]
    pub fn raw_sftp(&self, account: &Account) -> Sftp {
        let mut command = self.client("ssh");
        command.arg("-s").arg(self.address(account)).arg("sftp");
        Sftp::start(self.namespace(), &mut command)
    }

    /// The same without sshd, directly with the account's shell.
    #[track_caller]
    pub fn raw_sftp_direct(&self, account: &Account) -> Sftp {
        let mut command = self.shell(account);
        command.args(["-c", "/usr/lib/openssh/sftp-server"]);
        Sftp::start(self.namespace(), &mut command)
    }

    /// A client program with the configuration of this host, in the directory of the local files.
    pub fn client(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.args(["-F", CLIENT_CONFIG]).current_dir(LOCAL);
        command
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", "/tmp")
            .env("LC_ALL", "C.UTF-8");
        command
    }

    fn address(&self, account: &Account) -> String {
        // A test that talks to an sshd has started one.
        let _ = self.sshd();
        format!("{}@host", account.name)
    }
}
