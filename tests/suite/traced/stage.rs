//! The host on which accepted lines run unconfined: a home with traps in it, the plan of a line, and a server under
//! strace(1) with a client at its other end.

use std::ffi::{CString, OsStr};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use xfersh::confine::expand::expand;
use xfersh::decide::invocation::{Client, Invocation};
use xfersh::decide::plan::Plan;
use xfersh::decide::verdict::Verdict;
use xfersh::gather::account::AccountKey;
use xfersh::judge::{Subject, read};
use xfersh::system::opened::Opened;

use super::arity::{exchange, other};
use super::judge;
use super::trace::{self, CALLS};
use crate::harness::{Host, Output};

pub const POLICY: &str = "protocols = [\"sftp\", \"scp\", \"rsync\"]\nwritable = [\"~/up\"]\nreadable = [\"~/pub\", \"~/up\"]\n";

const TRACE: &str = "/mnt/trace";
const SHELL: &str = "/mnt/rsh";
/// Where the client's own files are.
const LOCAL: &str = "/tmp/traced";

pub struct Stage {
    host: Host,
    subject: Subject,
}

/// An accepted line: its plan, and the argument vector with all wildcards expanded.
pub struct Served {
    pub plan: Plan,
    pub argv: Vec<Vec<u8>>,
}

/// The result of one line.
pub struct Seen {
    /// What the policy does not cover.
    pub outside: Vec<String>,
    /// How many files the server changed.
    pub changes: usize,
    pub client: Output,
}

impl Stage {
    /// A host with `policy`, and the rsync that the environment names, if it names one.
    pub fn new(policy: &str) -> Self {
        Self::with_rsync(policy, other().as_deref())
    }

    pub fn with_rsync(policy: &str, program: Option<&Path>) -> Self {
        let host = Host::new();
        if let Some(program) = program {
            exchange(&host, program);
        }
        host.policy(policy);
        let subject = host.inside(|| {
            furnish_client();
            let text = read().expect("a sound policy");
            Subject::of(
                &AccountKey::Name("alice".to_owned()),
                &text,
                &invocation(b""),
                &Opened::default(),
            )
            .expect("alice")
        });
        let stage = Self { host, subject };
        stage.furnish();
        stage
    }

    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Creates the home again.
    pub fn furnish(&self) {
        self.furnish_with(LINKS);
    }

    /// The same without the links that lead outside: a recursive scp(1) follows those that it finds, which no vetting
    /// of a command line can see.
    pub fn furnish_for_recursion(&self) {
        self.furnish_with(&[]);
    }

    fn furnish_with(&self, links: &[(&str, &str)]) {
        let alice = self.host.alice();
        self.host.inside(|| {
            let home = alice.home();
            let _ = fs::remove_dir_all(&home);
            fs::create_dir_all(&home).expect("a home");
            for directory in DIRECTORIES {
                fs::create_dir_all(home.join(directory)).expect("making a directory");
            }
            for file in FILES {
                let content = format!("{file} of the home\n");
                fs::write(home.join(file), content).expect("writing a file");
            }
            fs::write(home.join("up/list"), "a\nsub/deep\n").expect("writing a file");
            fs::write(home.join(".popt"), "rsync alias --temp-dir --rsync-path\n").expect("a trap");
            for (name, target) in links {
                symlink(target, home.join(name)).expect("making a link");
            }
            alice.own(&home);
        });
    }

    /// What becomes of a line; `None` if it is refused.
    pub fn served(&self, line: &[u8]) -> Option<Served> {
        self.host.inside(|| {
            let verdict = self.subject.judge(&invocation(line), &Opened::default());
            let Verdict::Granted(plan) = verdict else {
                return None;
            };
            // Wildcards are expanded where the server would be. This thread has its own working directory.
            std::env::set_current_dir(&plan.start.path).expect("the start directory");
            let environment = plan.environment.iter().map(|(name, value)| {
                let entry = [name.as_bytes(), b"=", value.as_bytes()].concat();
                CString::new(entry).expect("no NUL")
            });
            let argv = expand(&plan, &environment.collect::<Vec<_>>()).ok()?;
            Some(Served {
                argv: argv.into_iter().map(CString::into_bytes).collect(),
                plan: *plan,
            })
        })
    }

    /// Whether a path of the client contains a directory of the policy: a transfer of directories may begin there, and
    /// the kernel and the guard must refuse what is beside that directory.
    pub fn lies_above(&self, served: &Served, path: &[u8]) -> bool {
        let plan = &served.plan;
        let path = self
            .host
            .inside(|| trace::resolve(&plan.start.path, path, true));
        let mut roots = plan.rules.roots.iter();
        roots.any(|root| root.path != path && root.path.starts_with(&path))
    }

    /// Whether this rsync has `--trust-sender`, new in 3.2.5.
    pub fn trusts(&self) -> bool {
        let help = self.host.root("rsync", &["--help"]);
        help.out().contains("--trust-sender")
    }

    /// What a client of this rsync asks its server for; `None` if it does not know the options.
    pub fn asked(&self, client: &[&str]) -> Option<Vec<Vec<u8>>> {
        let _ = self.host.inside(|| fs::remove_file("/mnt/asked"));
        let record = "shift; for word; do printf '%s\\0' \"$word\"; done >/mnt/asked; exit 1\n";
        self.host.write(SHELL, record.as_bytes());
        let _ = self.client(client);
        let asked = self.host.inside(|| fs::read("/mnt/asked")).ok()?;
        let words = asked.split(|byte| *byte == 0).map(<[u8]>::to_vec);
        let mut words: Vec<_> = words.collect();
        words.pop();
        Some(words)
    }

    /// Runs the server unconfined, as the account, between `client` and strace.
    pub fn run(&self, served: &Served, client: &[&str]) -> Seen {
        self.host.write(SHELL, &script(served));
        let output = self.client(client);
        self.seen(served, output)
    }

    /// The same with a client that has already sent everything.
    pub fn run_with_input(&self, served: &Served, input: &[u8]) -> Seen {
        self.host.write(SHELL, &script(served));
        let mut command = Command::new("/bin/sh");
        command.arg(SHELL).current_dir("/");
        let output = self.host.run(&mut command, input);
        self.seen(served, output)
    }

    fn client(&self, arguments: &[&str]) -> Output {
        // The test waits for a server that the client has left: what it still does counts.
        let line = "timeout -k 1 5 rsync -e \"sh $0\" \"$@\"; status=$?; exec 9>/mnt/lock; flock 9; exit $status";
        let mut command = Command::new("/bin/sh");
        command.args(["-c", line, SHELL]).args(arguments);
        command.current_dir(LOCAL).env_clear();
        command.env("PATH", "/usr/bin:/bin");
        self.host.run(&mut command, b"")
    }

    fn seen(&self, served: &Served, client: Output) -> Seen {
        let trace = self.host.read(TRACE);
        let trace = String::from_utf8(trace).expect("strace writes ASCII with -xx");
        let plan = &served.plan;
        let events = self.host.inside(|| trace::events(&trace, &plan.start.path));
        assert!(
            events.iter().any(|event| event.deed == trace::Deed::Run),
            "the server did not start: {client}"
        );
        let changes = events
            .iter()
            .filter(|event| event.deed == trace::Deed::Change);
        Seen {
            outside: judge::outside(plan, &events),
            changes: changes.count(),
            client,
        }
    }
}

fn invocation(line: &[u8]) -> Invocation {
    Invocation {
        command: Some(line.to_vec()),
        forced: false,
        profile: None,
        client: Client::default(),
        terminal: false,
        umask: 0o022,
    }
}

/// Starts the server as the plan has it.
fn script(served: &Served) -> Vec<u8> {
    let plan = &served.plan;
    let mut text = b"cd ".to_vec();
    text.extend(quoted(plan.start.path.as_os_str().as_bytes()));
    text.extend(b" || exit 97\nrm -f /mnt/trace\nexec 9>/mnt/lock\nflock 9\nexec env -i");
    for (name, value) in &plan.environment {
        text.push(b' ');
        text.extend(quoted(&[name.as_bytes(), b"=", value.as_bytes()].concat()));
    }
    text.extend(b" timeout --foreground -k 1 6 strace --seccomp-bpf -f -y -xx -s 8192 -u alice -o /mnt/trace -e ");
    text.extend(quoted(CALLS.as_bytes()));
    text.extend(b" -- ");
    text.extend(quoted(plan.program.as_os_str().as_bytes()));
    for word in &served.argv[1..] {
        text.push(b' ');
        text.extend(quoted(word));
    }
    text.push(b'\n');
    text
}

/// One word for sh(1), unquoted if that is safe.
pub fn quoted(word: &[u8]) -> Vec<u8> {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._,:+=-".contains(byte);
    if !word.is_empty() && word.iter().all(plain) {
        return word.to_vec();
    }
    let mut text = b"'".to_vec();
    for byte in word {
        match byte {
            b'\'' => text.extend(b"'\\''"),
            byte => text.push(*byte),
        }
    }
    text.push(b'\'');
    text
}

fn furnish_client() {
    let local = Path::new(LOCAL);
    for directory in ["src/sub/more", "src/old", "back"] {
        fs::create_dir_all(local.join(directory)).expect("making a directory");
    }
    for file in ["a", "new", "sub/deep", "sub/more/x", "old/a"] {
        let content = format!("{file} of the client\n").repeat(300);
        fs::write(local.join("src").join(file), content).expect("writing a file");
    }
    symlink("sub", local.join("src/link")).expect("making a link");
}

const DIRECTORIES: &[&str] = &[
    ".ssh",
    "secret/sub",
    "up/sub/more",
    "up/bk",
    "up/tmp",
    "up/old/sub",
    "up/!#:+/!#:+/!#:+/!#:+",
    "up/~/x",
    "up/closed/sub",
    "up/-x",
    "pub/sub/more",
];

const FILES: &[&str] = &[
    "note.txt",
    ".ssh/authorized_keys",
    "secret/a",
    "secret/sub/deep",
    "secret/list",
    "up/a",
    "up/sub/deep",
    "up/sub/more/x",
    "up/old/a",
    "up/old/sub/deep",
    "up/closed/a",
    "up/h:x",
    "up/new\nline",
    "up/-x/a",
    "up/~/x/a",
    "pub/a",
    "pub/new",
    "pub/sub/deep",
    "pub/sub/more/x",
];

/// Inside and outside, to a file, to a directory, and deep, so that `..` after it leads elsewhere than the text says.
const LINKS: &[(&str, &str)] = &[
    ("up/out", "/srv/outside"),
    ("up/home", ".."),
    ("up/in", "sub"),
    ("up/far", "sub/more"),
    ("up/file-out", "/srv/outside/shared.txt"),
    ("up/nowhere", "../secret/none"),
    ("pub/out", "../secret"),
    ("pub/up", "../up"),
    ("pub/far", "../up/sub/more"),
];

/// A word as text, for people.
pub fn shown(word: &[u8]) -> String {
    OsStr::from_bytes(word)
        .as_bytes()
        .escape_ascii()
        .to_string()
}
