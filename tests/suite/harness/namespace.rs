//! A private machine for one test: its own mounts, processes, shared memory and loopback network.
//!
//! All of it depends on one process, the first of its PID namespace, which ends when the pipe to it closes. So a test
//! that panics, and even a test run that is killed, leaves no process, mount or file behind. (With `XFERSH_TEST_HOMES`,
//! the directory on another file system in which each namespace has its homes, a killed run leaves files there.)

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;

const SCRIPT: &str = include_str!("namespace.sh");

/// Names a directory on the file system that the homes of the accounts shall be on.
const HOMES: &str = "XFERSH_TEST_HOMES";

/// A directory for the homes of one namespace, on the file system of [`HOMES`].
struct Homes(PathBuf);

impl Homes {
    fn new() -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}-{number}", std::process::id());
        let path = Path::new(&std::env::var_os(HOMES)?).join(name);
        std::fs::create_dir(&path)
            .unwrap_or_else(|error| panic!("{HOMES}: cannot create {path:?}: {error}"));
        Some(Self(path))
    }
}

impl Drop for Homes {
    fn drop(&mut self) {
        // The script that mounted the file system removes what a test has made unremovable.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub struct Namespace {
    keeper: Child,
    alive: Option<ChildStdin>,
    first: u32,
    mounts: File,
    processes: File,
    network: File,
    /// Shared memory of System V, which outlives the processes.
    memory: File,
    /// Processes of the namespace that this test process must collect: a PID namespace does not end before.
    children: Mutex<Vec<u32>>,
    /// Removed after the namespace, which uses it.
    _homes: Option<Homes>,
}

impl Namespace {
    pub fn new() -> Self {
        let homes = Homes::new();
        let mut keeper = Command::new("unshare");
        if let Some(Homes(path)) = &homes {
            keeper.env("XFERSH_TEST_HOMES_HERE", path);
        }
        let mut keeper = keeper
            .args([
                "--mount",
                "--pid",
                "--net",
                "--ipc",
                "--fork",
                "--kill-child=KILL",
            ])
            .args(["--propagation", "private", "--", "/bin/sh", "-c", SCRIPT])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("cannot start unshare: the tests need util-linux and root");
        let alive = keeper.stdin.take();
        let mut line = String::new();
        let mut said = BufReader::new(keeper.stdout.take().expect("stdout is piped"));
        said.read_line(&mut line)
            .expect("reading what the namespace says");
        let Some(first) = line
            .strip_prefix("ready ")
            .and_then(|pid| pid.trim().parse().ok())
        else {
            drop(alive);
            let _ = said.read_to_string(&mut line);
            let status = keeper.wait();
            panic!(
                "cannot build the private namespace: {status:?} (the tests run as root): {line}"
            );
        };
        let open = |kind: &str| {
            let path = format!("/proc/{first}/ns/{kind}");
            File::open(&path).unwrap_or_else(|error| panic!("cannot open {path}: {error}"))
        };
        Self {
            mounts: open("mnt"),
            processes: open("pid"),
            network: open("net"),
            memory: open("ipc"),
            keeper,
            alive,
            first,
            children: Mutex::default(),
            _homes: homes,
        }
    }

    /// The first process of the namespace, as seen from outside.
    pub fn first_process(&self) -> u32 {
        self.first
    }

    /// Runs `work` with the files and the network of the namespace, so that `std::fs` and `std::net` see them.
    pub fn inside<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        self.on_a_thread(false, work)
    }

    /// Starts a command as a process of the namespace. No thread can be created from there, hence only the start.
    pub fn spawn(&self, command: &mut Command) -> std::io::Result<Child> {
        let child = self.on_a_thread(true, || command.spawn())?;
        self.children
            .lock()
            .expect("no holder panics")
            .push(child.id());
        Ok(child)
    }

    /// A single thread can enter a namespace as long as it shares its root and working directory with no other.
    fn on_a_thread<T: Send>(&self, processes: bool, work: impl FnOnce() -> T + Send) -> T {
        let result = std::thread::scope(|scope| {
            scope
                .spawn(|| {
                    unshare(CloneFlags::CLONE_FS).expect("unshare(CLONE_FS)");
                    setns(&self.network, CloneFlags::CLONE_NEWNET)
                        .expect("entering the network namespace");
                    setns(&self.memory, CloneFlags::CLONE_NEWIPC)
                        .expect("entering the IPC namespace");
                    setns(&self.mounts, CloneFlags::CLONE_NEWNS)
                        .expect("entering the mount namespace");
                    if processes {
                        setns(&self.processes, CloneFlags::CLONE_NEWPID)
                            .expect("entering the PID namespace");
                    }
                    work()
                })
                .join()
        });
        result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        drop(self.alive.take());
        let deadline = Instant::now() + Duration::from_secs(30);
        while matches!(self.keeper.try_wait(), Ok(None)) && Instant::now() < deadline {
            for child in self
                .children
                .get_mut()
                .into_iter()
                .flat_map(|children| children.iter())
            {
                // Most were collected long ago, which is not an error here.
                let _ = waitpid(
                    Pid::from_raw(child.cast_signed()),
                    Some(WaitPidFlag::WNOHANG),
                );
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}
