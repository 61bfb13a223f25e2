//! The system-call program of one session.
//!
//! The five programs are constants of the binary. What only the session knows
//! is filled into a copy: the server's process id and the answers that depend on the plan.

use std::num::NonZeroU32;

use nix::libc::{self, sock_filter};

use super::assemble::{Assembly, Blank, assemble, fixed};
use super::table::{Action, Architecture};
use crate::decide::plan::ServerKind;

/// What the table leaves to the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionValues {
    /// The server's process id as the server itself sees it.
    pub own_pid: NonZeroU32,
    /// The guard answers reads by path too (`Rules::watch_reads`).
    pub watch_reads: bool,
    /// The guard opens for reading what the client names
    /// (`Rules::watch_named_reads`).
    pub watch_named_reads: bool,
    /// The guard connects to name service sockets
    /// (`Rules::name_service_sockets` is not empty).
    pub name_service: bool,
    /// The guard opens everything that is opened for reading, to log it
    /// (`Rules::log_reads`).
    pub log_reads: bool,
    /// The policy grants a change: the guard looks at what is still open when a
    /// process ends.
    pub writes: bool,
}

/// A program with blanks.
struct Template {
    code: &'static [sock_filter],
    blanks: &'static [(u16, Blank)],
}

macro_rules! template {
    ($kind:expr) => {{
        const ASSEMBLY: Assembly = assemble($kind, Architecture::NATIVE);
        static CODE: [sock_filter; ASSEMBLY.code().len()] = ASSEMBLY.code_array();
        static BLANKS: [(u16, Blank); ASSEMBLY.blank_count()] = ASSEMBLY.blank_array();
        Template {
            code: &CODE,
            blanks: &BLANKS,
        }
    }};
}

fn template(kind: ServerKind) -> Template {
    match kind {
        ServerKind::Sftp => template!(ServerKind::Sftp),
        ServerKind::ScpSink => template!(ServerKind::ScpSink),
        ServerKind::ScpSource => template!(ServerKind::ScpSource),
        ServerKind::RsyncReceiver => template!(ServerKind::RsyncReceiver),
        ServerKind::RsyncSender => template!(ServerKind::RsyncSender),
    }
}

/// The program for a session, ready to load.
pub fn program(kind: ServerKind, session: SessionValues) -> Vec<sock_filter> {
    let template = template(kind);
    let mut code = template.code.to_vec();
    fill_in(&mut code, template.blanks, session);
    code
}

fn fill_in(code: &mut [sock_filter], blanks: &[(u16, Blank)], session: SessionValues) {
    for &(at, blank) in blanks {
        code[usize::from(at)].k = match blank {
            Blank::OwnPid => session.own_pid.get(),
            Blank::NotifyIfReadsAreWatched => {
                fixed(session.settle(Action::NotifyIfReadsAreWatched))
            }
            Blank::NotifyIfNamedReadsAreWatched => {
                fixed(session.settle(Action::NotifyIfNamedReadsAreWatched))
            }
            Blank::NotifyIfNameService => fixed(session.settle(Action::NotifyIfNameService)),
            Blank::AllowIfNameService => fixed(session.settle(Action::AllowIfNameService)),
            Blank::NotifyIfOpensAreWatched => {
                fixed(session.settle(Action::NotifyIfOpensAreWatched))
            }
            Blank::NotifyIfSessionWrites => fixed(session.settle(Action::NotifyIfSessionWrites)),
        };
    }
}

impl SessionValues {
    /// What an outcome of the table means in this session.
    pub fn settle(self, outcome: Action) -> Action {
        #[allow(
            clippy::cast_sign_loss,
            clippy::cast_possible_truncation,
            reason = "EACCES is 13, which fits"
        )]
        const NO_ACCESS: Action = Action::Errno(libc::EACCES as u16);
        let choose = |holds: bool, yes: Action, no: Action| if holds { yes } else { no };
        match outcome {
            Action::NotifyIfReadsAreWatched => {
                choose(self.watch_reads, Action::Notify, Action::Allow)
            }
            Action::NotifyIfNamedReadsAreWatched => choose(
                self.watch_reads || self.watch_named_reads || self.log_reads,
                Action::Notify,
                Action::Allow,
            ),
            Action::NotifyIfNameService => choose(self.name_service, Action::Notify, NO_ACCESS),
            Action::AllowIfNameService => choose(self.name_service, Action::Allow, NO_ACCESS),
            Action::NotifyIfOpensAreWatched => choose(
                self.watch_reads || self.log_reads,
                Action::Notify,
                Action::Allow,
            ),
            Action::NotifyIfSessionWrites => choose(self.writes, Action::Notify, Action::Allow),
            Action::Allow | Action::Notify | Action::Errno(_) | Action::Kill => outcome,
        }
    }
}

#[cfg(test)]
mod tests;
