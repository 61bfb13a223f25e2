//! A real sshd on the loopback network of a host, and how clients reach it.

use std::fs;
use std::io::Read;
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use super::account::set_mode;
use super::namespace::Namespace;

const CONFIG: &str = "/etc/ssh/sshd_test_config";
pub const CLIENT_CONFIG: &str = "/etc/ssh/client_test_config";
pub const HOST_KEY: &str = "/etc/ssh/test_host_key";
pub const CLIENT_KEY: &str = "/etc/ssh/test_client_key";
const COMPLAINTS: &str = "/var/log/sshd";
/// The network is the host's own, so any port is free.
pub const PORT: u16 = 22;

/// The key exchanges that are safe against quantum computers cost a tenth of a second of processor time on each side.
const QUICK: &str = "KexAlgorithms -sntrup*,mlkem*";

/// What differs from one sshd to the next.
pub struct SshdConfig {
    /// The `Subsystem sftp` line's program and arguments; empty is none.
    pub sftp: String,
    /// Further lines, global ones first.
    pub lines: String,
    /// Variables of sshd's own process; sshd passes none of them on.
    pub program: &'static str,
}

impl Default for SshdConfig {
    fn default() -> Self {
        Self {
            sftp: "/usr/lib/openssh/sftp-server".to_owned(),
            lines: String::new(),
            program: "/usr/sbin/sshd",
        }
    }
}

impl SshdConfig {
    pub fn with(lines: &str) -> Self {
        Self {
            lines: lines.to_owned(),
            ..Self::default()
        }
    }

    fn text(&self) -> String {
        format!(
            "Port {PORT}\nListenAddress 127.0.0.1\nHostKey {HOST_KEY}\nPidFile none\n\
             AuthorizedKeysFile {CLIENT_KEY}.pub\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
             UsePAM no\nUseDNS no\nPrintMotd no\nMaxStartups 1000\nMaxSessions 1000\nLogLevel ERROR\n\
             {QUICK}\n\
             {}\n{}\n",
            if self.sftp.is_empty() {
                String::new()
            } else {
                format!("Subsystem sftp {}", self.sftp)
            },
            self.lines
        )
    }
}

pub struct Sshd {
    process: Child,
}

impl Sshd {
    pub fn start(namespace: &Namespace, config: &SshdConfig) -> Self {
        namespace.inside(|| {
            fs::write(CONFIG, config.text()).expect("writing the configuration of sshd")
        });
        Self::launch(namespace, config.program, CONFIG)
    }

    /// An sshd with the host's own configuration, which must name port and address.
    pub fn start_with_system_config(namespace: &Namespace) -> Self {
        Self::launch(namespace, "/usr/sbin/sshd", "/etc/ssh/sshd_config")
    }

    fn launch(namespace: &Namespace, program: &str, config: &str) -> Self {
        install_keys(namespace);
        namespace.inside(|| {
            fs::write(CLIENT_CONFIG, client_config()).expect("writing the configuration of ssh");
        });
        // `-e` keeps sshd's own messages out of the private log; they go to a file, for the messages of failed tests.
        let process = namespace
            .spawn(
                Command::new(program)
                    .args(["-D", "-f", config, "-E", COMPLAINTS])
                    .current_dir("/")
                    .env_clear()
                    .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
                    .stdin(Stdio::null())
                    .stdout(Stdio::null())
                    .stderr(Stdio::null()),
            )
            .expect("cannot start sshd: the tests need openssh-server");
        let mut sshd = Self { process };
        sshd.wait_until_it_answers(namespace);
        sshd
    }

    fn wait_until_it_answers(&mut self, namespace: &Namespace) {
        let deadline = Instant::now() + Duration::from_secs(20);
        let answers = || {
            let mut greeting = [0; 4];
            TcpStream::connect((Ipv4Addr::LOCALHOST, PORT))
                .and_then(|mut stream| stream.read_exact(&mut greeting))
                .is_ok()
        };
        while !namespace.inside(answers) {
            let ended = self.process.try_wait().expect("waiting for sshd");
            let words = || namespace.inside(|| fs::read_to_string(COMPLAINTS).unwrap_or_default());
            assert!(
                ended.is_none(),
                "sshd ended at once ({ended:?}): {}",
                words()
            );
            assert!(
                Instant::now() < deadline,
                "sshd does not answer: {}",
                words()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// The process that listens, as seen from outside the host.
    pub fn process(&self) -> u32 {
        self.process.id()
    }

    /// What sshd itself complained about.
    pub fn complaints(namespace: &Namespace) -> String {
        namespace.inside(|| fs::read_to_string(COMPLAINTS).unwrap_or_default())
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn client_config() -> String {
    format!(
        "Host *\nHostName 127.0.0.1\nPort {PORT}\nIdentityFile {CLIENT_KEY}\nIdentitiesOnly yes\nIdentityAgent none\n\
         StrictHostKeyChecking no\nUserKnownHostsFile /dev/null\nGlobalKnownHostsFile /dev/null\n\
         BatchMode yes\nLogLevel ERROR\nConnectTimeout 30\n"
    )
}

/// Installs the host's key and the client's, as starting an sshd does.
pub fn install_keys(namespace: &Namespace) {
    let keys = keys();
    namespace.inside(|| keys.install());
}

/// One host key and one client key serve every host of a test run.
struct Keys {
    files: Vec<(String, u32, Vec<u8>)>,
}

impl Keys {
    fn install(&self) {
        for (path, mode, content) in &self.files {
            fs::write(path, content).expect("writing a key");
            set_mode(Path::new(path), *mode);
        }
    }
}

fn keys() -> &'static Keys {
    static KEYS: OnceLock<Keys> = OnceLock::new();
    KEYS.get_or_init(|| {
        // Also created in a namespace, so that no file is left.
        let namespace = Namespace::new();
        let mut files = Vec::new();
        for path in [HOST_KEY, CLIENT_KEY] {
            let arguments = ["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", path];
            super::run::run(&namespace, Command::new("ssh-keygen").args(arguments), b"")
                .succeeded("ssh-keygen");
            for (path, mode) in [(path.to_owned(), 0o600), (format!("{path}.pub"), 0o644)] {
                let content = namespace.inside(|| fs::read(&path)).expect("reading a key");
                files.push((path, mode, content));
            }
        }
        Keys { files }
    })
}
