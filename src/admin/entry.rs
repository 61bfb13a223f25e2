//! Serves a plan in a forked process, as a session does, for what an
//! administrator wants to see happen: the live probe, and the doctor's look at
//! the server programs.

use nix::unistd::geteuid;

use crate::confine::sanitise::sanitise;
use crate::decide::invocation::Invocation;
use crate::decide::plan::Plan;
use crate::decide::verdict::Verdict;
use crate::gather::account;
use crate::guard::{Prepared, SessionEnd};
use crate::judge::Subject;
use crate::log::{Audit, Event, Importance};
use crate::session;
use crate::system::opened::Opened;

/// Becomes the account, decides, and carries out the plan with this change. The
/// log says for which call (`by`).
///
/// Call it in a process of its own: there is no way back.
///
/// # Errors
///
/// What was refused, or which step failed: a sentence.
pub fn serve(
    subject: &Subject,
    invocation: &Invocation,
    by: &str,
    change: impl FnOnce(Plan) -> Result<Plan, String>,
) -> Result<SessionEnd, String> {
    sanitise().map_err(|error| error.to_string())?;
    if geteuid().is_root() {
        account::irrevocably_become(&subject.account).map_err(|error| error.to_string())?;
    }
    let opened = Opened::default();
    let verdict = subject.judge(invocation, &opened);
    let (plan, prepared) = match Prepared::survey(verdict, opened) {
        (Verdict::Granted(plan), Some(prepared)) => (*plan, prepared),
        (Verdict::Refused(refusal), _) => {
            return Err(format!("the session is refused: {refusal}"));
        }
        (Verdict::Granted(_), None) => return Err("nothing is prepared".to_owned()),
    };
    let plan = change(plan)?;
    let uid = subject.account.uid;
    let mut audit = Audit::open(uid);
    // No client is there, whatever address the decision is for.
    audit.identify(Some(&subject.account), uid, &super::invocation(None, None));
    session::direct_log(&subject.policy, Some(&subject.account), &mut audit);
    let event = Event::told("test", "event=test").words("by", &by);
    audit.event(Importance::Info, &event);
    session::carry_out(plan, uid, prepared, &mut audit).map_err(|error| error.to_string())
}
