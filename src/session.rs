//! The pipeline: sanitise > invocation > policy > decide > record > confine >
//! exec. This file is the table of contents of the shell; the logic is in
//! what it calls.

use std::ffi::OsString;
use std::panic::{self, PanicHookInfo};
use std::path::Path;

use crate::confine::exec::exec;
use crate::confine::sanitise::{Standard, sanitise};
use crate::confine::session_slot;
use crate::confine::{Confined, irrevocably_confine};
use crate::console;
use crate::decide::account::Account;
use crate::decide::plan::{Plan, ServerKind};
use crate::decide::policy::{Policy, Requirement};
use crate::decide::roots::directories::directories;
use crate::decide::roots::nowhere::nowhere;
use crate::decide::verdict::{Refusal, Stage, Verdict};
use crate::error::Error;
use crate::exit::Exit;
use crate::gather::account::{self, AccountKey};
use crate::gather::identity::Identity;
use crate::gather::invocation::{self, Asked};
use crate::gather::kernel::{Kernel, Weakness};
use crate::gather::log_file;
use crate::guard::{Connection, Prepared, SessionEnd, Side, leave_the_group, split};
use crate::judge::{self, Subject};
use crate::log::{Audit, Event, Importance};
use crate::messages;
use crate::print::escape::Escaped;
use crate::system::opened::Opened;
use crate::system::process::started_with;

/// What a session can be called with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionCall {
    /// By sshd or login(1): serve this command, or nothing.
    Command(Option<OsString>),
    /// By something that mistakes xfersh for another shell; refused.
    Foreign(&'static str),
    /// By a forced command of sshd: the client's is in SSH_ORIGINAL_COMMAND.
    Forced {
        /// The name after `--profile`.
        profile: Option<OsString>,
    },
}

/// Serves one call of sshd. Returns only if no server was started.
pub fn serve(call: SessionCall) -> Exit {
    panic::set_hook(Box::new(report_panic));
    let inherited = sanitise();
    let mut audit = open_log(started_with().uids.0);
    match inherited.and_then(|standard| session(call, standard, &mut audit)) {
        Ok(SessionOutcome::Refused(message)) => {
            console::say(&message);
            Exit::Refused
        }
        Ok(SessionOutcome::Served(end)) => end.pass_on(),
        Err(error) => {
            report_failure(&error, &mut audit);
            if let Some(sentence) = error.for_client() {
                console::say(&sentence);
            }
            Exit::Failed
        }
    }
}

/// A bug in xfersh ends the process; the client is not told where it was.
pub fn report_panic(panic: &PanicHookInfo<'_>) {
    let what = Escaped::text(panic.payload_as_str().unwrap_or("a panic")).cut();
    let place = panic.location().map_or_else(String::new, |place| {
        format!(" at {}:{}", Escaped::text(place.file()), place.line())
    });
    let reason = format!("internal error{place}: {what}");
    let mut audit = open_log(nix::unistd::getuid().as_raw());
    let event = Event::told("failed", FAILED).sentence("reason", &reason);
    audit.event(Importance::Error, &event);
    console::say("An internal error ended the session; the server's log says where.");
}

/// How the line about a session that could not be served begins.
const FAILED: &str = "event=failed";

/// The log, before the policy says where it goes.
fn open_log(uid: u32) -> Audit {
    let mut audit = Audit::open(uid);
    audit.fall_back(|| log_file::open(Path::new(log_file::FALLBACK), &[]));
    audit
}

/// Sends the lines where the policy says. No file is used to which the account
/// has rights.
pub fn direct_log(policy: &Policy, account: Option<&Account>, audit: &mut Audit) {
    let (target, format) = (&policy.log.value, policy.log_format.value);
    audit.direct(target, format, |path| {
        let own = account.map(|account| directories(policy, account).paths);
        log_file::open(path, &own.unwrap_or_default())
    });
}

fn report_failure(error: &Error, audit: &mut Audit) {
    let reason = error.to_string();
    let mut event = Event::told("failed", FAILED).sentence("reason", &reason);
    if let Some(hint) = error.hint() {
        event = event.sentence("hint", hint);
    }
    audit.event(Importance::Error, &event);
}

enum SessionOutcome {
    Refused(String),
    Served(SessionEnd),
}

fn session(
    call: SessionCall,
    standard: Standard,
    audit: &mut Audit,
) -> Result<SessionOutcome, Error> {
    let identity = Identity::of_process()?;
    let mut asked = match call {
        SessionCall::Command(command) => Asked::of_shell(command),
        SessionCall::Forced { profile } => Asked::of_forced(profile.as_deref()),
        SessionCall::Foreign(what) => Asked::refused(what),
    };
    let refused = asked.refused.take();
    let invocation = invocation::gather(asked, standard.terminal);
    let opened = Opened::default();
    let key = AccountKey::Uid(identity.uid);
    let text = judge::read();
    let subject = match &text {
        Ok(text) => Subject::of(&key, text, &invocation, &opened),
        Err(refusal) => Err(refusal.clone()),
    };
    match &subject {
        Ok(subject) => audit.identify(Some(&subject.account), identity.uid, &invocation),
        // Whom a policy refuses that cannot be applied has a name all the same.
        Err(_) => {
            let account = account::lookup(&key, &opened).ok();
            audit.identify(account.as_ref(), identity.uid, &invocation);
        }
    }
    match (&subject, &text) {
        (Ok(Subject { account, policy }), _) => direct_log(policy, Some(account), audit),
        // It cannot be applied to this account, but somebody shall hear of it.
        (Err(_), Ok(text)) => {
            let file = text.parse().ok();
            let policy = file.map(|file| file.outside_blocks());
            policy
                .iter()
                .for_each(|policy| direct_log(policy, None, audit));
        }
        (Err(_), Err(_)) => {}
    }
    let verdict = match (refused, &subject) {
        (Some(refusal), _) => Verdict::Refused(refusal),
        (None, Ok(subject)) => subject.judge(&invocation, &opened),
        (None, Err(refusal)) => Verdict::Refused(refusal.clone()),
    };
    let (verdict, prepared) = Prepared::survey(verdict, opened);
    let (verdict, slot) = session_slot::claim(verdict, identity.uid);
    audit.verdict(&invocation, &verdict);
    let refusal = match (verdict, prepared) {
        (Verdict::Granted(plan), Some(prepared)) => {
            audit.require(plan.audit)?;
            report_weaknesses(&plan, audit);
            report_nowhere(&plan, subject.as_ref().ok(), audit);
            let mut connection = Connection::hold(identity.uid)?;
            let confined = irrevocably_confine(*plan, audit.file(), slot, prepared.opened())?;
            leave_the_group(&mut connection)?;
            return start(confined, connection, prepared, audit).map(SessionOutcome::Served);
        }
        (Verdict::Refused(refusal), _) => refusal,
        (Verdict::Granted(_), None) => Refusal::new(Stage::Host, "nothing is prepared"),
    };
    let policy = subject.as_ref().ok().map(|subject| &subject.policy);
    Ok(SessionOutcome::Refused(messages::refusal(&refusal, policy)))
}

/// Logs what is open in a session that starts without what is missing.
fn report_weaknesses(plan: &Plan, audit: &mut Audit) {
    if plan.confinement == Requirement::Required {
        return;
    }
    for Weakness { missing, open, .. } in Kernel::probe().weaknesses() {
        let event = Event::of("weaker").words("missing", &missing);
        let event = event.words("open", &open);
        audit.event(Importance::Warning, &event);
    }
}

/// Logs that no upload of this session can succeed, if that is known: each is
/// refused by the kernel or by the guard, which looks like a fault of theirs.
fn report_nowhere(plan: &Plan, subject: Option<&Subject>, audit: &mut Audit) {
    let writes = matches!(
        plan.kind,
        ServerKind::Sftp | ServerKind::ScpSink | ServerKind::RsyncReceiver
    );
    let subject = subject.filter(|_| writes);
    let why =
        subject.and_then(|Subject { account, policy }| nowhere(policy, account, &plan.rules.roots));
    if let Some(why) = why {
        let event = Event::told("nowhere-writable", "event=nowhere-writable");
        let event = event.sentence("reason", &why);
        audit.event(Importance::Warning, &event);
    }
}

/// Confines this process and serves, for the live probe and the doctor. Returns
/// in the guard, once the server has ended.
///
/// # Errors
///
/// The step that failed; nothing was served.
pub fn carry_out(
    plan: Plan,
    uid: u32,
    prepared: Prepared,
    audit: &mut Audit,
) -> Result<SessionEnd, Error> {
    let connection = Connection::hold(uid)?;
    let confined = irrevocably_confine(plan, audit.file(), None, prepared.opened())?;
    start(confined, connection, prepared, audit)
}

/// Starts the server, and its guard in this process.
fn start(
    confined: Confined,
    connection: Connection,
    prepared: Prepared,
    audit: &mut Audit,
) -> Result<SessionEnd, Error> {
    let (server, confined) = match split(&confined, (connection, prepared), audit)? {
        Side::Guard(guard) => return guard.run(),
        Side::Server(server) => (Some(server), confined),
        Side::Unguarded => (None, confined.without_guard()),
    };
    let Err(error) = exec(confined);
    match server {
        Some(mut server) => {
            if let Some(sentence) = error.for_client() {
                console::say(&sentence);
            }
            server.fail(&error)
        }
        None => Err(error),
    }
}
