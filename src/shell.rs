//! The pipeline: sanitise > invocation > policy > decide > record > confine >
//! exec. This file is the table of contents of the shell; the logic is in
//! what it calls.

use std::env;
use std::panic::{self, PanicHookInfo};

use crate::cli::Call;
use crate::decide::plan::Plan;
use crate::decide::verdict::{Refusal, Stage, Verdict};
use crate::enforce::account::Key;
use crate::enforce::audit::{Audit, Importance};
use crate::enforce::confine::irrevocably_confine;
use crate::enforce::exec::exec;
use crate::enforce::identity::Identity;
use crate::enforce::kernel::Kernel;
use crate::enforce::peer;
use crate::enforce::sanitise::{Standard, sanitise};
use crate::enforce::sessions::{self, Slot};
use crate::error::Error;
use crate::escape::{Escaped, Quoted};
use crate::exit::Exit;
use crate::guard::{Connection, Prepared, SessionEnd, Side, split};
use crate::judge::{self, Subject};
use crate::tell;

/// Serves one call of sshd. Returns only if no server was started.
pub fn serve(call: Call) -> Exit {
    panic::set_hook(Box::new(report_panic));
    let inherited = sanitise();
    let mut audit = Audit::open(nix::unistd::getuid().as_raw());
    match inherited.and_then(|standard| session(call, standard, &mut audit)) {
        Ok(Session::Refused(message)) => {
            tell::client(&message);
            Exit::Refused
        }
        Ok(Session::Served(end)) => end.pass_on(),
        Err(error) => {
            audit.event(Importance::Error, &tell::Failure(&error));
            if let Some(sentence) = error.for_client() {
                tell::client(&sentence);
            }
            Exit::Failed
        }
    }
}

/// A mistake of ours ends the process; where it was is nothing for the client.
pub fn report_panic(panic: &PanicHookInfo<'_>) {
    let what = Escaped::text(panic.payload_as_str().unwrap_or("a panic")).cut();
    let place = panic.location().map_or_else(String::new, |place| {
        format!(" at {}:{}", Escaped::text(place.file()), place.line())
    });
    let reason = format!("internal error{place}: {what}");
    let mut audit = Audit::open(nix::unistd::getuid().as_raw());
    let event = format_args!("event=failed reason={}", Quoted(&reason));
    audit.event(Importance::Error, &event);
    tell::client("An internal error ended the session; the log of the server says where.");
}

enum Session {
    Refused(String),
    Served(SessionEnd),
}

fn session(call: Call, standard: Standard, audit: &mut Audit) -> Result<Session, Error> {
    let identity = Identity::of_process()?;
    let command = match &call {
        Call::Forced => env::var_os("SSH_ORIGINAL_COMMAND"),
        Call::Session(command) => command.clone(),
        _ => None,
    };
    let invocation = peer::invocation(command, standard);
    let subject =
        judge::read().and_then(|text| Subject::of(&Key::Uid(identity.uid), &text, &invocation));
    audit.identify(subject.as_ref().ok(), identity.uid, &invocation);
    let verdict = match (&call, &subject) {
        (Call::Foreign(what), _) => Verdict::Refused(Refusal::new(Stage::Form, *what)),
        (_, Ok(subject)) => subject.judge(&invocation),
        (_, Err(refusal)) => Verdict::Refused(refusal.clone()),
    };
    let (verdict, prepared) = Prepared::survey(verdict);
    let (verdict, slot) = sessions::claim(verdict, identity.uid);
    audit.verdict(&invocation, &verdict);
    let refusal = match (verdict, prepared) {
        (Verdict::Granted(plan), Some(prepared)) => {
            audit.require(plan.audit)?;
            Kernel::report(&plan, audit);
            return carry_out(*plan, prepared, slot, audit).map(Session::Served);
        }
        (Verdict::Refused(refusal), _) => refusal,
        (Verdict::Granted(_), None) => Refusal::new(Stage::Host, "nothing is prepared"),
    };
    let policy = subject.as_ref().ok().map(|subject| &subject.policy);
    Ok(Session::Refused(tell::refusal(&refusal, policy)))
}

/// Confines this process and serves: the way of a session, and of the live
/// probe. Returns in the guard, once the server has ended.
///
/// # Errors
///
/// The step that failed; nothing was served.
pub fn carry_out(
    plan: Plan,
    prepared: Prepared,
    slot: Option<Slot>,
    audit: &mut Audit,
) -> Result<SessionEnd, Error> {
    let connection = Connection::hold()?;
    let confined = irrevocably_confine(plan, slot)?;
    let server = match split(confined.plan(), (connection, prepared), audit)? {
        Side::Guard(guard) => return Ok(guard.run()),
        Side::Server(server) => Some(server),
        Side::Unguarded => None,
    };
    let Err(error) = exec(confined);
    match server {
        Some(mut server) => {
            if let Some(sentence) = error.for_client() {
                tell::client(&sentence);
            }
            server.fail(&error)
        }
        None => Err(error),
    }
}
