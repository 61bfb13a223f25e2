//! One test host: accounts, policy, homes, log, and on demand an sshd, all in its own namespace.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use super::account::{Account, Shell, furnish_outside, set_mode};
use super::client::LOCAL;
use super::log::{Line, Log};
use super::namespace::Namespace;
use super::run::{Output, run};
use super::snapshot::Snapshot;
use super::sshd::{Sshd, SshdConfig};

/// Where the binary under test is on the host: owned by root, like every part of its path.
pub const XFERSH: &str = "/opt/xfersh";
const POLICY: &str = "/etc/xfersh.toml";

/// The places whose state a test compares: everything that an account could write with the rights of its user id.
const WATCHED: &[&str] = &[
    "/home", "/srv", "/etc", "/opt", "/tmp", "/var/tmp", "/dev/shm",
];

pub struct Host {
    // The order matters on drop: sshd goes before the namespace that it lives in.
    sshd: Option<Sshd>,
    log: Log,
    accounts: Vec<Account>,
    namespace: Namespace,
}

impl Host {
    /// A host with an ordinary account, `plain`, and one whose shell is xfersh, `alice`; no policy file and no sshd.
    pub fn new() -> Self {
        Self::with_accounts(&[("plain", Shell::Plain), ("alice", Shell::Xfersh)])
    }

    pub fn with_accounts(accounts: &[(&str, Shell)]) -> Self {
        let binary = binary_under_test();
        let namespace = Namespace::new();
        let log = Log::bind(&namespace);
        let accounts: Vec<Account> = accounts
            .iter()
            .enumerate()
            .map(|(index, (name, shell))| Account::nth(index, name, *shell))
            .collect();
        namespace.inside(|| {
            for account in &accounts {
                account.register();
                account.furnish();
            }
            furnish_outside();
            fs::create_dir(LOCAL).expect("a directory for the files of clients");
        });
        let host = Self {
            sshd: None,
            log,
            accounts,
            namespace,
        };
        host.install(XFERSH, binary);
        host
    }

    /// A host with an sshd of the usual configuration.
    pub fn with_sshd() -> Self {
        let mut host = Self::new();
        host.start_sshd(&SshdConfig::default());
        host
    }

    /// Starts an sshd, replacing an earlier one.
    pub fn start_sshd(&mut self, config: &SshdConfig) {
        self.sshd = None;
        self.sshd = Some(Sshd::start(&self.namespace, config));
    }

    /// Starts an sshd with the host's own /etc/ssh/sshd_config, replacing an earlier one.
    pub fn start_system_sshd(&mut self) {
        self.sshd = None;
        self.sshd = Some(Sshd::start_with_system_config(&self.namespace));
    }

    pub fn sshd(&self) -> &Sshd {
        self.sshd
            .as_ref()
            .expect("this host has no sshd: call start_sshd")
    }

    pub fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    #[track_caller]
    pub fn account(&self, name: &str) -> &Account {
        let found = self.accounts.iter().find(|account| account.name == name);
        found.unwrap_or_else(|| panic!("the host has no account {name:?}"))
    }

    pub fn plain(&self) -> &Account {
        self.account("plain")
    }

    pub fn alice(&self) -> &Account {
        self.account("alice")
    }

    /// Restores the homes and the places beside them to their original state.
    pub fn refurnish(&self) {
        self.inside(|| {
            self.accounts.iter().for_each(Account::furnish);
            furnish_outside();
        });
    }

    /// Writes the policy file.
    pub fn policy(&self, text: &str) {
        self.write(POLICY, text.as_bytes());
    }

    pub fn no_policy(&self) {
        self.inside(|| {
            let _ = fs::remove_file(POLICY);
        });
    }

    /// Writes a file of the host as root, mode 0644.
    pub fn write(&self, path: impl AsRef<Path> + Sync, content: &[u8]) {
        let path = path.as_ref();
        self.inside(|| {
            fs::write(path, content)
                .unwrap_or_else(|error| panic!("cannot write {path:?}: {error}"));
            set_mode(path, 0o644);
        });
    }

    /// Writes an executable file of the host as root, mode 0755. Another process does it: our own descriptor would be
    /// open for writing in whatever a parallel test is just starting, and nothing could run the file.
    pub fn install(&self, path: impl AsRef<Path>, content: &[u8]) {
        let mut command = Command::new("sh");
        command.args(["-c", "cat >\"$1\" && chmod 755 \"$1\"", "sh"]);
        self.run(command.arg(path.as_ref()).current_dir("/"), content)
            .succeeded("installing a program");
    }

    /// Reads a file of the host as root.
    #[track_caller]
    pub fn read(&self, path: impl AsRef<Path> + Sync) -> Vec<u8> {
        let path = path.as_ref();
        self.inside(|| fs::read(path))
            .unwrap_or_else(|error| panic!("cannot read {path:?}: {error}"))
    }

    pub fn exists(&self, path: impl AsRef<Path> + Sync) -> bool {
        self.inside(|| path.as_ref().symlink_metadata().is_ok())
    }

    /// Runs `work` so that `std::fs` and `std::net` see this host.
    pub fn inside<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        self.namespace.inside(work)
    }

    /// Runs a command of the host as root.
    #[track_caller]
    pub fn root(&self, program: &str, arguments: &[&str]) -> Output {
        self.run(Command::new(program).args(arguments).current_dir("/"), b"")
    }

    /// What a line for the shell of root prints.
    #[track_caller]
    pub fn shell_line(&self, line: &str) -> String {
        self.root("sh", &["-c", line]).succeeded(line).out()
    }

    #[track_caller]
    pub fn run(&self, command: &mut Command, input: &[u8]) -> Output {
        run(&self.namespace, command, input)
    }

    /// The account's shell as sshd starts it: user and group, home, login environment, three pipes; without `-c` and what follows.
    pub fn shell(&self, account: &Account) -> Command {
        let mut command = Command::new(account.shell_path());
        command
            .arg0(
                Path::new(account.shell_path())
                    .file_name()
                    .expect("shells have a name"),
            )
            .uid(account.id)
            .gid(account.id)
            .current_dir(account.home())
            .env_clear()
            .env("USER", &account.name)
            .env("LOGNAME", &account.name)
            .env("HOME", account.home())
            .env("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/games")
            .env("SHELL", account.shell_path())
            .env("SSH_CLIENT", "127.0.0.1 40000 22")
            .env("SSH_CONNECTION", "127.0.0.1 40000 127.0.0.1 22");
        command
    }

    /// `SHELL -c COMMAND` as the account, without sshd: the cheap way for many cases.
    #[track_caller]
    pub fn direct(&self, account: &Account, command: &[u8], input: &[u8]) -> Output {
        use std::os::unix::ffi::OsStrExt;
        self.run(
            self.shell(account)
                .arg("-c")
                .arg(std::ffi::OsStr::from_bytes(command)),
            input,
        )
    }

    /// The lines of xfersh in the log since the last call.
    pub fn log(&self) -> Vec<Line> {
        let ours = |line: &Line| line.text.contains("xfersh");
        self.log
            .take(&self.namespace)
            .into_iter()
            .filter(ours)
            .collect()
    }

    /// The state of the disk, as far as an account could reach it.
    pub fn disk(&self) -> Snapshot {
        self.inside(|| Snapshot::of(WATCHED))
    }

    /// The command lines of the processes that run on the host as `account`.
    pub fn processes_of(&self, account: &Account) -> Vec<String> {
        let listed = self.root(
            "ps",
            &["-u", &account.id.to_string(), "-o", "pid=,stat=,args="],
        );
        listed
            .out()
            .lines()
            .map(|line| line.trim().to_owned())
            .collect()
    }
}

/// The binary that cargo built for this test run, or the one that the environment names, for example with another C
/// library. It is read before any namespace hides the build directory. What only a debugger reads is most of it, and
/// every look at the disk would read that too.
fn binary_under_test() -> &'static [u8] {
    static BINARY: OnceLock<Vec<u8>> = OnceLock::new();
    BINARY.get_or_init(|| {
        let path = std::env::var_os("XFERSH_TEST_BINARY");
        let path = path.unwrap_or_else(|| env!("CARGO_BIN_EXE_xfersh").into());
        let name = format!("xfersh-stripped-{}", std::process::id());
        let stripped = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let status = Command::new("strip")
            .args([Path::new("-o"), &stripped, Path::new(&path)])
            .status()
            .expect("cannot start strip: the tests need binutils");
        assert!(status.success(), "strip {}: {status}", path.display());
        let binary = fs::read(&stripped).expect("reading what strip wrote");
        fs::remove_file(&stripped).expect("removing what strip wrote");
        binary
    })
}
