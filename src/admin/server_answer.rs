//! Starts each configured server once, in the confinement of a session, and
//! looks whether it answers. Only that shows whether its loader and its
//! libraries lie where a session may read.

use std::fs::File;
use std::io::{self, PipeReader, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, Pid, dup2_stderr, dup2_stdin, dup2_stdout};
use std::os::fd::AsFd as _;

use super::entry;
use crate::console;
use crate::decide::invocation::Invocation;
use crate::decide::policy::Protocol;
use crate::exit::Exit;
use crate::judge::Subject;
use crate::system::process;

/// What a server did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerAnswer {
    /// It spoke its protocol.
    Spoke,
    /// It did not; what it wrote to its standard error.
    Silent(String),
}

/// How long a server may take until its first byte.
const PATIENCE: Duration = Duration::from_secs(20);

/// SSH_FXP_INIT of version 3: length, type, version
/// (draft-ietf-secsh-filexfer-02, section 4).
const SFTP_INIT: &[u8] = &[0, 0, 0, 5, 1, 0, 0, 0, 3];
/// SSH_FXP_VERSION.
const SFTP_VERSION: u8 = 2;
/// A name that is not there, so that scp says so and nothing is read.
const NOTHING: &str = ".xfersh-doctor-looks-for-nothing";

/// The harmless call for a protocol: its command, and what is sent to it.
fn call(protocol: Protocol) -> (String, &'static [u8]) {
    match protocol {
        Protocol::Sftp => ("sftp-server".to_owned(), SFTP_INIT),
        // A zero byte asks for the first file: it says that there is none.
        Protocol::Scp => (format!("scp -f {NOTHING}"), b"\0"),
        // It says its version before it reads anything.
        Protocol::Rsync => (format!("rsync --server --sender . {NOTHING}"), b""),
    }
}

impl ServerAnswer {
    /// Tries the server of a protocol that a session would be given; `None` if
    /// the account is refused before a server starts, which is another finding.
    /// The call is like `asked` but for its command; the log says for which of
    /// ours it is (`by`).
    ///
    /// # Errors
    ///
    /// That no process can be made.
    pub fn of(
        subject: &Subject,
        asked: &Invocation,
        protocol: Protocol,
        by: &str,
    ) -> io::Result<Option<Self>> {
        let (command, input) = call(protocol);
        let invocation = Invocation {
            command: Some(command.into()),
            ..asked.clone()
        };
        let (stdin, mut to_server) = io::pipe()?;
        // While its other end is open here: where the session is refused at
        // once, writing later would raise SIGPIPE. A pipe holds more than this.
        to_server.write_all(input)?;
        let (from_server, stdout) = io::pipe()?;
        let (errors, stderr) = io::pipe()?;
        match process::fork()? {
            ForkResult::Child => {
                drop((to_server, from_server, errors));
                let ends = [stdin.into(), stdout.into(), stderr.into()];
                let exit = run(subject, &invocation, by, ends);
                std::process::exit(i32::from(exit.code()));
            }
            ForkResult::Parent { child } => {
                drop((stdin, stdout, stderr));
                // The end of the input comes once it has answered.
                let seen = listen(child, from_server, protocol);
                drop(to_server);
                let _ = waitpid(child, None);
                let said = text(errors);
                Ok(judge(protocol, &seen, said))
            }
        }
    }
}

/// What a refusal begins with on the standard error of the child.
const REFUSED: &str = "the session is refused";

fn judge(protocol: Protocol, seen: &[u8], said: String) -> Option<ServerAnswer> {
    let spoke = match protocol {
        Protocol::Sftp => seen.get(4) == Some(&SFTP_VERSION),
        Protocol::Scp | Protocol::Rsync => !seen.is_empty(),
    };
    if spoke {
        Some(ServerAnswer::Spoke)
    } else if said.contains(REFUSED) {
        None
    } else {
        Some(ServerAnswer::Silent(said))
    }
}

fn run(
    subject: &Subject,
    invocation: &Invocation,
    by: &str,
    [stdin, stdout, stderr]: [OwnedFd; 3],
) -> Exit {
    let taken = dup2_stdin(&stdin)
        .and_then(|()| dup2_stdout(&stdout))
        .and_then(|()| dup2_stderr(&stderr));
    drop((stdin, stdout, stderr));
    let end = match taken {
        Ok(()) => entry::serve(subject, invocation, by, Ok),
        Err(error) => Err(error.to_string()),
    };
    match end {
        Ok(end) => end.pass_on(),
        Err(why) => {
            console::say(&why);
            Exit::Failed
        }
    }
}

/// Takes the first bytes of the answer. A server that does not come to one is
/// ended.
fn listen(child: Pid, mut from: PipeReader, protocol: Protocol) -> Vec<u8> {
    let until = Instant::now() + PATIENCE;
    let mut seen = Vec::new();
    while seen.len() < 5 {
        let left = until.saturating_duration_since(Instant::now());
        let mut wanted = [PollFd::new(from.as_fd(), PollFlags::POLLIN)];
        let wait = PollTimeout::try_from(left).unwrap_or(PollTimeout::ZERO);
        if !matches!(poll(&mut wanted, wait), Ok(1..)) {
            break;
        }
        let mut bytes = [0; 64];
        match from.read(&mut bytes) {
            Ok(0) | Err(_) => break,
            Ok(count) => seen.extend(bytes.iter().take(count)),
        }
        // Any byte of the others will do.
        if protocol != Protocol::Sftp {
            break;
        }
    }
    drop(from);
    if Instant::now() >= until {
        let _ = kill(child, Signal::SIGTERM);
    }
    seen
}

/// What was written to a pipe, as far as it is of use in a message.
fn text(pipe: PipeReader) -> String {
    let mut bytes = Vec::new();
    let _ = File::from(OwnedFd::from(pipe))
        .take(4096)
        .read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).trim().to_owned()
}
